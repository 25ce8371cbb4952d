"""Media downloads: as the real client has them, whole or not there, and told what is missing."""

from __future__ import annotations

import contextlib
import copy
import errno
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_query import ArgumentError, DataError, DownloadError, Kili
from kili_query.client.media import part as part_module
from kili_query.client.media.names import PART, RECORD, safe_name
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
    proxy.on("/files?", f.reset(-5), f.truncated(5), f.says(500), f.reset())
    rows = _download(client, place, tmp_path)
    assert {row["externalId"]: Path(row["content"]).read_bytes() for row in rows} == place.pictures
    assert not any(name.endswith(PART) for name in _in(tmp_path))
    assert len(proxy.asked("/files?")) == NUMBER + 4


# -- names -------------------------------------------------------------------------------------------------------------

ODD = {
    "../../escaped": "escaped.png", "/etc/passwd": "etc/passwd.png", "..\\..\\escaped2": "escaped2.png", "..": "_.png",
    "con": "_con.png", "NUL.png": "_NUL.png", "cam/./two//x": "cam/two/x.png", "line\nbreak\x1b": "line_break_.png",
    "x.part": "x.part_.png", "😀": "😀.png", RECORD: f"{RECORD}.png", " spaced .v2 ": " spaced .v2 .png",
}  # fmt: skip
"""External ids, and the names of their files."""

LONG = ["x" * 300, "y" * 300 + ".png", "é" * 300, "😀" * 300, "/".join(["deep" * 20] * 30)]


def test_no_external_id_leads_out_of_the_folder(place: Place, tmp_path: Path) -> None:
    with _loaded(place, [*ODD, *LONG]) as (client, project):
        rows = client.call("assets", project, fields=FIELDS, download_media=True, local_media_dir=tmp_path / "in")
    found = {row["externalId"]: Path(row["content"]) for row in rows}
    assert {name: found[name].relative_to(tmp_path / "in").as_posix() for name in ODD} == ODD
    assert len(set(found.values())) == len(ODD) + len(LONG)
    assert all(path.is_relative_to(tmp_path / "in") and path.read_bytes() == PICTURE for path in found.values())
    assert all(path.suffix == ".png" for path in found.values())
    assert os.listdir(tmp_path) == ["in"]


PICTURE = png(3, 2)


@contextmanager
def _loaded(place: Place, ids: list[str], kind: str = "sync") -> Iterator[tuple[Client, str]]:
    """A project with an asset of each external id, all with one picture; and a client of its server."""
    server = place.server
    with (
        Kili(server.api_key, server.endpoint, verify=False, disable_tqdm=True) as kili,
        tempfile.TemporaryDirectory() as at,
    ):
        project = kili.create_project("Odd", input_type="IMAGE", json_interface={"jobs": {}})["id"]
        Path(at, "a.png").write_bytes(PICTURE)
        kili.append_many_to_dataset(project, [str(Path(at, "a.png"))] * len(ids), external_id_array=ids)
        try:
            yield Client(kind, server.api_key, server.endpoint), project
        finally:
            kili.delete_project(project)


@given(st.text(st.one_of(st.sampled_from("./\\ aA:*\x00"), st.characters()), max_size=300))
def test_any_text_is_a_name_within_the_folder(external_id: str) -> None:
    name = safe_name(external_id)
    steps = name.split("/")
    assert steps
    assert not {"", ".", ".."} & set(steps)
    assert all(len(step.encode()) <= 200 for step in steps)
    assert len(name.encode()) <= 1_000
    assert "\\" not in name
    assert "\0" not in name
    assert Path("/in", name).is_relative_to("/in")


@KINDS
def test_files_of_other_assets_stay_and_it_is_told(place: Place, tmp_path: Path, kind: str) -> None:
    ids = ["img", "img.png", "../img", "folder/x", "folder.png/x"]
    with _loaded(place, ids, kind) as (client, project):
        named = {"fields": FIELDS, "download_media": True, "local_media_dir": tmp_path}
        with pytest.warns(UserWarning, match="media have other names than their external ids"):
            rows = client.call("assets", project, **named)
        assert len({row["content"] for row in rows}) == len(ids)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            alone = [client.call("assets", project, external_id_strictly_in=[name], **named)[0] for name in ids]
        assert alone == rows  # and not what lies there for another one
    with _loaded(place, ["folder/x"], kind) as (client, project):
        with pytest.warns(UserWarning, match=r"`folder/x`: `folder/x-[0-9a-f]{8}\.png`"):
            (other,) = client.call("assets", project, **named)
        assert other["content"] not in {row["content"] for row in rows}


@pytest.mark.parametrize("folder", ["file", "file/below", "nul\0"])
def test_what_cannot_be_a_folder_is_told(place: Place, tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").touch()
    client = Client("sync", place.server.api_key, place.server.endpoint)
    with pytest.raises(ArgumentError, match=r"`local_media_dir` is .* which cannot be a folder: "):
        _download(client, place, Path(f"{tmp_path}/{folder}"))


def test_a_link_in_the_folder_does_not_lead_out(place: Place, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link").symlink_to(tmp_path / "out")
    with (
        _loaded(place, ["link/a/b"]) as (client, project),
        pytest.raises(DownloadError, match="a link leads out of the folder"),
    ):
        client.call("assets", project, fields=FIELDS, download_media=True, local_media_dir=tmp_path / "in")
    assert os.listdir(tmp_path / "out") == []


# -- what goes wrong ---------------------------------------------------------------------------------------------------


@KINDS
def test_what_is_missing_is_told_at_the_end_and_the_rest_is_kept(
    place: Place, proxy: Proxy, tmp_path: Path, kind: str
) -> None:
    client = Client(kind, place.server.api_key, proxy.endpoint)
    proxy.on("/files?", f.says(403), f.says(404), f.says(410))
    with pytest.raises(DownloadError) as caught:
        _download(client, place, tmp_path)
    error = caught.value
    assert len(error.missing) == 3
    assert {lost.field for lost in error.missing} == {"content"}
    assert all(lost.external_id in str(error) and "?" not in lost.address for lost in error.missing)
    assert "3 files could not be downloaded" in str(error)
    assert "its time may be over" in str(error)
    lost = {one.external_id for one in error.missing}
    rows: Any = error.done
    assert [row["externalId"] for row in rows] == list(place.pictures)
    assert {row["externalId"] for row in rows if row["content"].startswith("http")} == lost
    assert len(_in(tmp_path)) == NUMBER - 3
    asked = len(proxy.asked("/files?"))
    rows = _download(client, place, tmp_path)
    assert len(proxy.asked("/files?")) == asked + 3
    assert {row["externalId"]: Path(row["content"]).read_bytes() for row in rows} == place.pictures


def test_what_begins_anew_and_breaks_each_time_is_given_up(place: Place, tmp_path: Path) -> None:
    asked = []

    def answer(listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                asked.append(connection.recv(4096))
                connection.sendall(
                    b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: 60\r\n\r\n1234567890"
                )
                connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=answer, args=(listening,), daemon=True).start()
        with Kili(place.server.api_key, place.server.endpoint, verify=False, disable_tqdm=True) as kili:
            project = str(kili.create_project("Short", input_type="IMAGE", json_interface={"jobs": {}})["id"])
            address = f"http://127.0.0.1:{listening.getsockname()[1]}/x.png"
            kili.append_many_to_dataset(project, [address], external_id_array=["short"])
            with pytest.raises(DownloadError, match="short"):
                kili.assets(project, fields=FIELDS, download_media=True, local_media_dir=tmp_path)
        listening.shutdown(socket.SHUT_RDWR)
    assert 1 < len(asked) < 9
    assert not any(name.startswith("short") and not name.endswith(".part") for name in os.listdir(tmp_path))


LARGE = os.urandom(3_000_000)


@pytest.fixture(scope="module")
def film(place: Place, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A project with one large picture."""
    path = tmp_path_factory.mktemp("film") / "large.png"
    path.write_bytes(png(20, 10) + LARGE)
    with Kili(place.server.api_key, place.server.endpoint, verify=False, disable_tqdm=True) as kili:
        project = str(kili.create_project("Film", input_type="IMAGE", json_interface={"jobs": {}})["id"])
        kili.append_many_to_dataset(project, [str(path)], external_id_array=["large"])
    return project


@KINDS
def test_a_large_file_goes_on_where_it_broke(place: Place, proxy: Proxy, film: str, tmp_path: Path, kind: str) -> None:
    client = Client(kind, place.server.api_key, proxy.endpoint)
    named = {"fields": FIELDS, "download_media": True, "local_media_dir": tmp_path}
    proxy.on("/files?", f.truncated(1_500_000), f.truncated(500_000), f.says(403))
    with pytest.raises(DownloadError):
        client.call("assets", film, **named)
    part = tmp_path / "large.part"
    begun = part.stat().st_size
    assert begun == len(png(20, 10) + LARGE) - 500_000
    assert sorted(_in(tmp_path)) == ["large.part", "large.part-note"]
    (row,) = client.call("assets", film, **named)
    assert Path(row["content"]).read_bytes() == png(20, 10) + LARGE
    assert _in(tmp_path) == {"large.png"}
    ranges = [seen.headers.get("range") for seen in proxy.asked("/files?")]
    assert ranges[:2] == [None, f"bytes={begun - 1_000_000}-"]
    assert ranges[-1] == f"bytes={begun}-"


@KINDS
@pytest.mark.parametrize("change", ["another file", "no ranges", "whole already"])
def test_what_was_left_is_trusted_only_as_far_as_the_server_does(
    place: Place, proxy: Proxy, film: str, tmp_path: Path, kind: str, change: str
) -> None:
    whole = png(20, 10) + LARGE
    named = {"fields": FIELDS, "download_media": True, "local_media_dir": tmp_path}
    client = Client(kind, place.server.api_key, proxy.endpoint)
    proxy.on("/files?", f.truncated(1_500_000), f.says(404))
    with pytest.raises(DownloadError):
        client.call("assets", film, **named)
    if change == "another file":
        (tmp_path / "large.part-note").write_text('{"validator": "\\"another\\"", "type": ""}')
        (tmp_path / "large.part").write_bytes(b"of another file")
    elif change == "whole already":
        (tmp_path / "large.part").write_bytes(whole)
    else:
        proxy.on("/files?", f.says(200, whole, content_type="image/png"))
    (row,) = client.call("assets", film, **named)
    assert Path(row["content"]).read_bytes() == whole
    assert _in(tmp_path) == {"large.png"}


@KINDS
def test_a_full_disk_ends_it_and_leaves_what_is_whole(
    place: Place, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, times = part_module._put, iter(range(1000))

    def full(path: Path, target: Path) -> None:
        if next(times) >= 20:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(path, target)

    monkeypatch.setattr(part_module, "_put", full)
    client = Client(kind, place.server.api_key, place.server.endpoint)
    with pytest.raises(DataError, match=r"No space left on device; what is whole stays"):
        _download(client, place, tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in _in(tmp_path) if not name.endswith(PART)} == {
        f"{name}.png": place.pictures[name] for name in place.pictures if (tmp_path / f"{name}.png").exists()
    }
    assert len([name for name in _in(tmp_path) if not name.endswith(PART)]) == 20
    monkeypatch.setattr(part_module, "_put", real)
    assert len(_download(client, place, tmp_path)) == NUMBER
    assert _in(tmp_path) == {f"{name}.png" for name in place.pictures}


def test_the_memory_does_not_grow_with_a_file(place: Place, tmp_path: Path) -> None:
    size = 24_000_000
    (tmp_path / "large.png").write_bytes(png(20, 10) + bytes(size))
    with Kili(place.server.api_key, place.server.endpoint, verify=False, disable_tqdm=True) as kili:
        project = kili.create_project("Large", input_type="IMAGE", json_interface={"jobs": {}})["id"]
        kili.append_many_to_dataset(project, [str(tmp_path / "large.png")], external_id_array=["large"])
        tracemalloc.start()
        try:
            (row,) = kili.assets(project, fields=FIELDS, download_media=True, local_media_dir=tmp_path / "in")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert Path(row["content"]).stat().st_size > size
    assert peak < 6_000_000  # that of the server is among it


@KINDS
def test_empty_files_are_told(place: Place, proxy: Proxy, film: str, tmp_path: Path, kind: str) -> None:
    client = Client(kind, place.server.api_key, proxy.endpoint)
    proxy.on("/files?", f.says(200, b"", content_type="image/png"))
    with pytest.warns(UserWarning, match="1 media are empty files: `large`"):
        (row,) = client.call("assets", film, fields=FIELDS, download_media=True, local_media_dir=tmp_path)
    assert Path(row["content"]).read_bytes() == b""
    (row,) = client.call("assets", film, fields=FIELDS, download_media=True, local_media_dir=tmp_path)
    assert Path(row["content"]).stat().st_size > 3_000_000


@KINDS
def test_a_web_page_in_place_of_a_picture_is_told(
    place: Place, proxy: Proxy, film: str, tmp_path: Path, kind: str
) -> None:
    client = Client(kind, place.server.api_key, proxy.endpoint)
    proxy.on("/files?", f.says(200, b"<html>who are you?</html>", content_type="text/html; charset=utf-8"))
    with pytest.warns(UserWarning, match="1 media are web pages, such as ask for a password: `large`"):
        client.call("assets", film, fields=FIELDS, download_media=True, local_media_dir=tmp_path)


def test_an_export_tells_of_empty_files_and_is_not_written_without_one(
    place: Place, proxy: Proxy, tmp_path: Path
) -> None:
    interface = {"jobs": {"J": {"mlTask": "CLASSIFICATION", "content": {"categories": {"A": {}}, "input": "radio"}}}}
    (tmp_path / "a.png").write_bytes(PICTURE)
    archive = tmp_path / "export.zip"
    with Kili(place.server.api_key, proxy.endpoint, verify=False, disable_tqdm=True) as kili:
        project = kili.create_project("Export", input_type="IMAGE", json_interface=interface)["id"]
        made = kili.append_many_to_dataset(project, [str(tmp_path / "a.png")], external_id_array=["a"])
        kili.append_labels(made["asset_ids"], [{"J": {"categories": [{"name": "A"}]}}])
        proxy.on("/files?", f.says(404), f.says(200, b"", content_type="image/png"))
        with pytest.raises(DownloadError, match=r"`a`: .* has no such file"):
            kili.export_labels(project, str(archive), "kili")
        assert not archive.exists()
        with pytest.warns(UserWarning, match=r"1 asset with a broken picture: empty \(`a`\)"):
            kili.export_labels(project, str(archive), "kili")
        assert archive.exists()


def test_two_programs_may_download_into_one_folder(place: Place, tmp_path: Path) -> None:
    found: list[Any] = []

    def download() -> None:
        found.append(_download(Client("sync", place.server.api_key, place.server.endpoint), place, tmp_path))

    threads = [threading.Thread(target=download) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] == found[1]
    assert {row["externalId"]: Path(row["content"]).read_bytes() for row in found[0]} == place.pictures
    assert _in(tmp_path) == {f"{name}.png" for name in place.pictures}


@KINDS
def test_a_bar_counts_bytes(
    place: Place, film: str, tmp_path: Path, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    client = Client(kind, place.server.api_key, place.server.endpoint, disable_tqdm=False)
    client.call("assets", film, fields=FIELDS, download_media=True, local_media_dir=tmp_path)
    said = capfd.readouterr().err
    assert "media: 100%" in said
    assert "3.00M/3.00M" in said


def test_the_key_goes_to_kili_alone(place: Place, proxy: Proxy, film: str, tmp_path: Path) -> None:
    elsewhere = f"http://localhost:{urlsplit(proxy.url).port}/storage/large.png?signature=x"
    proxy.on("/files?", f.says(302, location=elsewhere))
    proxy.on("/storage/", f.says(200, PICTURE, content_type="image/png"))
    client = Client("sync", place.server.api_key, proxy.endpoint)
    client.call("assets", film, fields=FIELDS, download_media=True, local_media_dir=tmp_path)
    (own,), (other,) = proxy.asked("/files?"), proxy.asked("/storage/")
    assert place.server.api_key in own.headers["authorization"]
    assert set(other.headers) == {"host", "accept", "accept-encoding", "user-agent"}
    assert (tmp_path / "large.png").read_bytes() == PICTURE


PROGRAM = """
import asyncio, sys
from kili_query import AsyncKili, Kili
kind, key, endpoint, project, folder = sys.argv[1:]
asked = dict(fields=["content", "externalId"], download_media=True, local_media_dir=folder)
if kind == "sync":
    Kili(key, endpoint, verify=False).assets(project, **asked)
else:
    asyncio.run(AsyncKili(key, endpoint, verify=False).assets(project, **asked))
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGINT cannot be sent to one process there")
@KINDS
def test_ctrl_c_ends_it_at_once_and_the_next_call_goes_on(
    place: Place, proxy: Proxy, tmp_path: Path, kind: str
) -> None:
    proxy.on("/files?", *[f.passed] * 10, then=f.late())
    given = [kind, place.server.api_key, proxy.endpoint, place.project, str(tmp_path)]
    program = subprocess.Popen([sys.executable, "-c", PROGRAM, *given], stderr=subprocess.PIPE, text=True)
    try:
        while len(proxy.asked("/files?")) < 20 or len(_in(tmp_path)) < 10:
            assert program.poll() is None, program.communicate()[1]
            time.sleep(0.02)
        program.send_signal(signal.SIGINT)
        _, said = program.communicate(timeout=10)
    finally:
        program.kill()
        program.wait()
    assert "KeyboardInterrupt" in said
    note = f"what is whole is in {tmp_path}, and the same call goes on from there"
    assert (note in said) == (kind == "sync")  # asyncio raises another one in its place
    assert "Exception in thread" not in said
    assert "never retrieved" not in said
    whole = {name for name in _in(tmp_path) if not name.endswith(PART)}
    assert len(whole) == 10
    rows = _download(Client(kind, place.server.api_key, place.server.endpoint), place, tmp_path)
    assert {row["externalId"]: Path(row["content"]).read_bytes() for row in rows} == place.pictures
    assert _in(tmp_path) == {f"{name}.png" for name in place.pictures}
