"""`kili-query watch`, in a process of its own: what it prints, how it ends."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kili_query import Kili
from kili_query.server import LocalKili
from tests.cli.test_cli import ENTRY, environment
from tests.server.asking import INTERFACE, response


@pytest.fixture
def server() -> Iterator[LocalKili]:
    with LocalKili() as server:
        yield server


@pytest.fixture
def project(server: LocalKili, tmp_path: Path) -> str:
    path = tmp_path / "assets.json"
    path.write_text(json.dumps([{"id": "a1", "externalId": "a\n.jpg", "labels": []}]))
    return server.load(path, interface=INTERFACE, input_type="IMAGE")


@contextmanager
def watching(server: LocalKili, *arguments: str, key: str = "") -> Iterator[subprocess.Popen[str]]:
    """The command under way; it listens already, or has ended."""
    named = ("--api-key", key or server.api_key, "--api-endpoint", server.endpoint)
    process = subprocess.Popen(
        [*ENTRY, "watch", *arguments, *named], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def append(server: LocalKili, project: str, *numbers: int) -> None:
    kili = Kili(server.api_key, server.endpoint, disable_tqdm=True)
    for number in numbers:
        kili.append_labels(
            project_id=project, asset_id_array=["a1"], json_response_array=[response(number)], disable_tqdm=True
        )


@pytest.mark.parametrize("as_json", [False, True])
def test_it_prints_labels_that_match_until_ctrl_c(server: LocalKili, project: str, as_json: bool) -> None:
    with watching(server, project, "OBJ.A.count > 1", *["--json"] * as_json) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stderr.readline() == f"watching project {project}; Ctrl-C stops it\n"
        append(server, project, 1, 2, 3)
        lines = [process.stdout.readline() for _ in range(2)]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "2 labels shown\n\ninterrupted\n")
    if as_json:
        labels = [json.loads(line) for line in lines]
        assert [len(label["jsonResponse"]["OBJ"]["annotations"]) for label in labels] == [2, 3]
        assert labels[0]["labelOf"] == {"id": "a1", "externalId": "a\n.jpg"}
    else:
        for line in lines:
            assert re.fullmatch(r"20\d\d-\d\d-\d\dT[\d:.]{12}Z  a .jpg  DEFAULT  local@kili.invalid\n", line)


@pytest.mark.parametrize(
    ("arguments", "key", "code", "told"),
    [
        (("clx1",), "", 2, "there is no project `clx1`"),
        (("{project}",), "a-wrong-key-2718281828", 2, "error: "),
        (("{project}", "OBJ.Z.count > 1"), "", 1, "KQ202"),
        (("{project}", "OBJ.A.count >"), "", 1, "KQ102"),
        (("{project}", ""), "", 1, "KQ103"),
        (("{project}", "missing.kq"), "", 2, "missing.kq"),
    ],
)
def test_what_is_wrong_is_told_and_ends_it(
    server: LocalKili, project: str, arguments: tuple[str, ...], key: str, code: int, told: str
) -> None:
    with watching(server, *(argument.format(project=project) for argument in arguments), key=key) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (code, "")
    assert told in err
    assert "Traceback" not in err
    assert "2718281828" not in err


def test_without_a_server_it_ends(server: LocalKili, project: str) -> None:
    server.stop()
    with watching(server, project, key="some-key-of-nobody") as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert "cannot be reached" in err
    assert "some-key" not in err


def test_a_reader_that_has_had_enough_ends_it(server: LocalKili, project: str) -> None:
    with watching(server, project) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stderr.readline()
        process.stdout.close()
        append(server, project, 1)
        assert process.wait(timeout=30) == 0
