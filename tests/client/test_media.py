"""Media downloads: as the real client has them, whole or not there, and told what is missing."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from kili_query import Kili
from kili_query.client.media.names import PART, RECORD
from kili_query.server import LocalKili
from tests.client import faults as f
from tests.client import media as cases
from tests.client.faults import Client, Proxy
from tests.client.pictures import png

KINDS = pytest.mark.parametrize("kind", ["sync", "async"])
FIELDS = ["content", "externalId"]
NUMBER = 120


class Place(NamedTuple):
    """A server with a project of pictures, and what is in each of them."""

    server: LocalKili
    project: str
    pictures: dict[str, bytes]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """More assets than a page has."""
    folder = tmp_path_factory.mktemp("pictures")
    pictures = {f"p{n}": png(20, 10) + f"picture {n}".encode() * (n % 7) for n in range(NUMBER)}
    for name, content in pictures.items():
        (folder / f"{name}.png").write_bytes(content)
    with LocalKili() as server:
        with Kili(server.api_key, server.endpoint, verify=False, disable_tqdm=True) as kili:
            project = kili.create_project("Pictures", input_type="IMAGE", json_interface={"jobs": {}})["id"]
            files = [str(folder / f"{name}.png") for name in pictures]
            kili.append_many_to_dataset(project, files, external_id_array=list(pictures))
        yield Place(server, project, pictures)


@pytest.fixture
def proxy(place: Place) -> Iterator[Proxy]:
    with Proxy(place.server.url) as proxy:
        yield proxy


@pytest.fixture(autouse=True)
def _no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    f.without_limit(monkeypatch)


def _download(client: Client, place: Place, folder: Path, **named: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = client.call(
        "assets", place.project, fields=FIELDS, download_media=True, local_media_dir=folder, **named
    )
    return rows


def _in(folder: Path) -> set[str]:
    return {name for name in os.listdir(folder) if name != RECORD}


# -- as the real client ------------------------------------------------------------------------------------------------


def test_the_cases_of_the_real_client_come_out(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cases.run(shared / "exports" / "media-download.json") == 0, capsys.readouterr().out


def test_altered_cases_do_not_come_out(shared: Path, tmp_path: Path) -> None:
    altered: list[dict[str, Any]] = []
    for case in json.loads((shared / "exports" / "media-download.json").read_text("utf-8")):
        changes = list(_changes(case))
        for change in changes[len(altered) % 2 :: 2]:  # each in another case: altogether that takes seconds
            changed = copy.deepcopy(case)
            change(changed)
            altered.append(changed)
    file = tmp_path / "altered.json"
    file.write_text(json.dumps(altered), "utf-8")
    assert len(altered) > 50
    assert cases.run(file, ("sync",)) == len(altered)


def _changes(case: dict[str, Any]) -> Iterator[Any]:
    """Ways to spoil a case."""
    yield lambda c: c.update(fields_queried=[*c.get("fields_queried", ()), "status"])
    yield lambda c: c["http_calls"].append(["GET", "https://files.example.test/other"])
    if case["http_calls"]:
        yield lambda c: c["http_calls"].pop()
    if "error" in case:
        yield lambda c: c["error"].update(type="ValueError2")
        return
    yield lambda c: c.update(result=[*c["result"], {}])
    yield lambda c: c.update(error={"type": "ValueError", "message": ""})
    yield lambda c: c["files"].append("<DIR>/more.png")
    if case["result"]:
        yield lambda c: c["result"][0].update(content="<DIR>/more.gif")
        yield lambda c: c["result"][0].update(status="TODO")
    if case.get("warnings"):
        yield lambda c: c["warnings"].pop()


# -- what a user has of it ---------------------------------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize("as_generator", [False, True])
def test_media_are_downloaded_once(place: Place, proxy: Proxy, tmp_path: Path, kind: str, as_generator: bool) -> None:
    client = Client(kind, place.server.api_key, proxy.endpoint)
    rows = _download(client, place, tmp_path, as_generator=as_generator)
    assert [row["externalId"] for row in rows] == list(place.pictures)
    assert {row["externalId"]: Path(row["content"]).read_bytes() for row in rows} == place.pictures
    assert _in(tmp_path) == {f"{name}.png" for name in place.pictures}
    assert len(proxy.asked("/files?")) == NUMBER
    assert 1 < proxy.busiest <= 20
    assert _download(client, place, tmp_path, as_generator=as_generator) == rows
    assert len(proxy.asked("/files?")) == NUMBER


@KINDS
def test_a_download_that_broke_goes_on_with_what_is_missing(
    place: Place, proxy: Proxy, tmp_path: Path, kind: str
) -> None:
    client = Client(kind, place.server.api_key, proxy.endpoint)
    proxy.on("/files?", f.reset(-5), f.truncated(5), f.says(503), f.reset())
    rows = _download(client, place, tmp_path)
    assert {row["externalId"]: Path(row["content"]).read_bytes() for row in rows} == place.pictures
    assert not any(name.endswith(PART) for name in _in(tmp_path))
    assert len(proxy.asked("/files?")) == NUMBER + 4
