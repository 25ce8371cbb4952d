"""What went wrong in editors, and what is right.

- A URI of 50,000 folders made the language server look into each of them, again after every letter; one with a NUL, of
  another host or too long for any file was looked for all the same. It costs as much as any other, and no exception.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from kili_query.editor.ontologies import Ontologies
from tests.conftest import ROOT

lsprotocol = pytest.importorskip("lsprotocol", reason="the language server needs the extra `editor`")

from kili_query.editor.lsp.documents import path_of  # noqa: E402
from tests.editor.lsp_editor import FAREWELL, HELLO, converse  # noqa: E402

URIS = {
    "deep": "file:///" + "a/" * 50_000 + "x.py",
    "deep and not too long": "file:///" + "a/" * 2_000 + "x.py",
    "deep and escaped": "file:///" + "a%2F" * 2_000 + "x.py",
    "upwards": "file:///" + "../" * 30_000 + "x.py",
    "upwards and escaped": "file:///" + "%2e%2e/" * 500 + "x.py",
    "long": "file:///" + "a" * 100_000 + ".py",
    "long name": "file:///" + "a" * 1_000 + "/x.py",
    "not saved": "untitled:" + "a" * 100_000,
    "nul": "file:///a%00/x.py",
    "no path": "file:",
    "empty": "",
    "another host": "file://192.0.2.1/a/x.py",
    "no end": "file://[a/x.py",
    "another scheme": "https://a.invalid:99999999/a/b/x.py?q#f",
    "no UTF-8": "file:///%ff%fe/x.py",
    "half a surrogate pair": "file:///\ud800/x.py",
}
QUERY = 'f(category_search="A.B.count > 1")\n'


@pytest.mark.parametrize("uri", URIS.values(), ids=URIS)
def test_an_absurd_uri_costs_as_much_as_any_other(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0
    look = os.stat

    def counted(*arguments: Any, **options: Any) -> os.stat_result:
        nonlocal looks
        looks += 1
        return look(*arguments, **options)

    monkeypatch.setattr(os, "stat", counted)
    ontologies = Ontologies()
    path = path_of(uri)
    for _ in range(3):
        assert ontologies.get(path) is None
        assert ontologies.export(path) is None
    assert looks < 2_000
    assert not ontologies.problems()


def test_a_path_is_that_of_its_file() -> None:
    assert path_of(ROOT.as_uri()) == str(ROOT)
    assert path_of("file://localhost/a%20b;c/d;e.py") == "/a b;c/d;e.py"
    assert path_of("vscode-notebook-cell:/a/b.ipynb#W0sZmls") == "/a/b.ipynb"
    assert path_of("file://192.0.2.1/a/b.kq") == "b.kq"


def test_a_session_survives_absurd_uris(tmp_path: Path) -> None:
    uris = [*URIS.values(), *(f"untitled:{number}" for number in range(500)), (tmp_path / "good.py").as_uri()]
    opened = [
        {"method": "textDocument/didOpen", "params": {"textDocument": {"uri": uri, "languageId": "python", "version": 1, "text": QUERY}}}
        for uri in uris
    ]  # fmt: skip
    asked = [
        {"id": f"ask {number}", "method": "textDocument/documentSymbol", "params": {"textDocument": {"uri": uri}}}
        for number, uri in enumerate(uris)
    ]
    answers, said = converse([*HELLO, *opened, *asked, *FAREWELL])
    assert said == b""
    for number in range(len(uris)):
        [found] = answers[f"ask {number}"]["result"]
        assert found["name"] == "A.B.count > 1"
