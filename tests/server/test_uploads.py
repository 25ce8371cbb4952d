"""Signed uploads: whole files or none, at addresses that nobody guesses, which the assets of one organization have."""

from __future__ import annotations

import errno
import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep, time
from typing import IO, Any

import httpx
import pytest

from kili_query.server import LocalKili, bucket, uploads
from kili_query.server.store import media
from tests.client.pictures import png
from tests.server.asking import INTERFACE, Asking
from tests.server.files import IMPORT, LATER, TIFF, Uploading, avi, film_mp4, matroska, mp4, pdf, wav

CREATE = "mutation ($data: CreateProjectData!) { createProject(data: $data) { id } }"


@pytest.fixture
def client(server: LocalKili) -> Uploading:
    return Uploading(server)


def make(client: Asking, input_type: str = "IMAGE") -> str:
    data = {"title": "t", "inputType": input_type, "jsonInterface": INTERFACE}
    return str(client.ask(CREATE, data=data)["id"])


@pytest.fixture
def project(client: Uploading) -> str:
    return make(client)


def files(server: LocalKili) -> set[str]:
    folder = server._running.folder / "files"
    return set(os.listdir(folder)) if folder.is_dir() else set()


def test_a_file_is_kept_and_served_with_its_type(server: LocalKili, client: Uploading, project: str) -> None:
    body = os.urandom(3 << 20)
    content = client.uploaded(project, "one", body, "image/webp")
    assert client.add(project, contentArray=[content], idArray=["one"]) == [{"id": "one"}]
    [asset] = client.assets({}, "content status")
    answer = client.get(asset["content"])
    assert (answer.content, answer.headers["content-type"]) == (body, "image/webp")
    assert answer.headers["content-security-policy"] == "sandbox"
    assert client.http.head(asset["content"]).headers["content-length"] == str(len(body))
    [name] = files(server)
    assert stat.S_IMODE((server._running.folder / "files" / name).stat().st_mode) == 0o600
    assert f"id={name}" in content
    assert client.get(asset["content"][:-1] + "x").status_code == 404


def test_addresses_stand_in_the_order_of_the_paths_and_end_with_an_id(client: Uploading, project: str) -> None:
    paths = [f"projects/{project}/assets/a {n}/frame/{n}" for n in range(40)]
    urls = client.sign(*paths, paths[0])
    assert len({url.partition("&id=")[2] for url in urls}) == 41
    for url, path in zip(urls, [*paths, paths[0]], strict=True):
        assert f"/bucket/{path.replace(' ', '%20')}?" in url
    assert client.sign() == []


FORGED = {
    "another path": lambda url: url.replace("/content", "/jsonContent"),
    "a later end": lambda url: url.replace("expires=", "expires=9"),
    "another signature": lambda url: url.replace("signature=", "signature=0"),
    "no signature": lambda url: url.partition("?")[0],
    "another token": lambda url: url.replace("token=", "token=x"),
}


@pytest.mark.parametrize("what", FORGED)
def test_an_address_that_is_not_signed_takes_nothing(
    server: LocalKili, client: Uploading, project: str, what: str
) -> None:
    [url] = client.sign(f"projects/{project}/assets/a/content")
    answer = client.put(FORGED[what](url))
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (403, "FORBIDDEN")
    assert files(server) == set()
    error = client.error(IMPORT, data={"contentArray": [FORGED[what](url)]}, where={"id": project})
    assert (error["extensions"]["code"], "nothing was uploaded" in error["message"]) == ("BAD_USER_INPUT", True)


def test_an_address_takes_a_file_for_a_day(client: Uploading, project: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time()
    [url] = client.sign(f"projects/{project}/assets/a/content")
    monkeypatch.setattr(bucket, "time", lambda: now + bucket.SIGNED_FOR + 1)
    assert client.put(url).status_code == 403


@pytest.mark.parametrize("path", ["", "x", "projects", "projects/{0}", "projects/{0}/", "/projects/{0}/a", "projects/{0}/../a", "projects/{0}/./a",
                                  "projects/{0}/a\\b", "projects/{0}/a\0b", "projects/{0}/" + "a" * 1_000, "../projects/{0}/a"])  # fmt: skip
def test_paths_that_lead_elsewhere_are_refused(client: Uploading, project: str, path: str) -> None:
    error = client.error(
        "query ($p: [String!]) { createUploadBucketSignedUrls(filePaths: $p) }", p=[path.format(project)]
    )
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


def test_too_many_paths_are_refused(client: Uploading, project: str) -> None:
    paths = [f"projects/{project}/assets/a/{n}" for n in range(1_001)]
    error = client.error("query ($p: [String!]) { createUploadBucketSignedUrls(filePaths: $p) }", p=paths)
    assert error["message"] == "`filePaths` has at most 1,000 entries, and here are 1,001"


def test_files_are_those_of_an_organization(server: LocalKili, client: Uploading, project: str) -> None:
    content = client.uploaded(project, "a")
    others = Uploading(server, server.add_user(email="eve@x.invalid", organization="others"))
    theirs = make(others)
    error = others.error('{ createUploadBucketSignedUrls(filePaths: ["projects/' + project + '/a"]) }')
    assert error["extensions"]["code"] == "NOT_FOUND"
    error = others.error(IMPORT, data={"contentArray": [content]}, where={"id": theirs})
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    client.add(project, contentArray=[content], idArray=["a"])
    [asset] = client.assets({}, "content")
    others.add(theirs, contentArray=[asset["content"]], idArray=["a"])
    assert others.ask('mutation { deleteAssets(where: {id: "a"}) { succeeded { assetId } } }')
    assert client.get(asset["content"]).status_code == 200  # theirs was an address like any other


TOLD: dict[str, tuple[int, dict[str, Any]]] = {
    "too large, and it says so": (413, {"body": b"x" * 101}),
    "of another size than it says": (400, {"body": b"xyz", "content-length": "2"}),
    "compressed": (415, {"content-encoding": "gzip"}),
}


@pytest.mark.parametrize("what", TOLD)
def test_what_is_no_file_is_refused_as_a_whole(what: str) -> None:
    status, sent = TOLD[what]
    with LocalKili(socket=False, max_upload=100) as server:
        client = Uploading(server)
        [url] = client.sign(f"projects/{make(client)}/assets/a/content")
        answer = client.put(url, **sent)
        assert answer.status_code == status
        assert answer.json()["errors"][0]["message"]
        assert files(server) == set()
        assert client.put(url, b"x" * 100).status_code == 200


def test_a_file_that_does_not_say_its_size_is_bounded() -> None:
    with LocalKili(max_upload=100_000) as server:
        with httpx.Client() as http:
            client = Uploading(server)
            [url] = client.sign(f"projects/{make(client)}/assets/a/content")
            answer = http.put(url.partition("&id=")[0], content=(b"x" * 10_000 for _ in range(30)))
        assert answer.status_code == 413
        assert "`LocalKili(max_upload=...)` allows more" in answer.json()["errors"][0]["message"]
        assert files(server) == set()


@pytest.mark.parametrize(("number", "status", "words"), [
    (errno.ENOSPC, 507, "the disk is full; nothing of it was"), (errno.EDQUOT, 507, "the disk is full"), (errno.EIO, 500, "Input/output error"),
])  # fmt: skip
@pytest.mark.parametrize("where", ["begun", "written", "named"])
def test_a_disk_that_is_full_or_fails_is_told(
    server: LocalKili, client: Uploading, project: str, monkeypatch: pytest.MonkeyPatch, number: int, status: int,
    words: str, where: str,
) -> None:  # fmt: skip
    [url] = client.sign(f"projects/{project}/assets/a/content")

    def fails(*_: object) -> Any:
        raise OSError(number, os.strerror(number))

    def full(part: Path) -> IO[bytes]:
        part.parent.mkdir(exist_ok=True)
        part.touch()
        return open("/dev/full", "wb", buffering=0)

    with monkeypatch.context() as patch:
        if where == "begun":
            patch.setattr(uploads, "_begun", fails)
        elif where == "named":
            patch.setattr(os, "replace", fails)
        elif number == errno.ENOSPC:
            patch.setattr(uploads, "_begun", full)
        else:
            patch.setattr(uploads.Uploads, "_finish", fails)
        answer = client.put(url)
    [error] = answer.json()["errors"]
    assert (answer.status_code, error["extensions"]["code"]) == (status, "STORAGE_FAILED")
    assert words in error["message"]
    assert files(server) == set()
    refused = client.error(IMPORT, data={"contentArray": [url]}, where={"id": project})
    assert refused["message"].endswith("nothing was uploaded to its address")
    assert client.put(url).status_code == 200


def test_a_head_that_names_no_length_is_refused(server: LocalKili, client: Uploading, project: str) -> None:
    for length in ("x", "-1", "1e3", "9" * 20, "\u0663"):
        [url] = client.sign(f"projects/{project}/assets/a/content")
        answer = client.http.put(
            url.partition("&id=")[0], content=b"abc", headers=[(b"Content-Length", length.encode())]
        )
        assert (answer.status_code, "`Content-Length` is a number" in answer.text) == (400, True)
    assert files(server) == set()


def test_files_that_come_at_once_do_not_share_their_faults(server: LocalKili, client: Uploading, project: str) -> None:
    urls = client.sign(*(f"projects/{project}/assets/{n}/content" for n in range(40)))
    client.put(urls[7], b"taken")
    client.add(project, contentArray=[urls[7]], idArray=["seven"])
    with ThreadPoolExecutor(41) as threads, server._running.writing():
        puts = [threads.submit(client.put, url, b"%d" % n) for n, url in enumerate(urls)]
        sleep(0.3)  # they wait for the database, all but those whose turn came first
    assert [put.result().status_code for put in puts] == [409 if n == 7 else 200 for n in range(40)]
    client.add(project, contentArray=urls[:7] + urls[8:])
    contents = [client.get(row["content"]).content for row in client.assets({}, "content")]
    assert sorted(contents) == sorted([b"taken", *(b"%d" % n for n in range(40) if n != 7)])


def test_a_file_is_replaced_until_an_asset_has_it(server: LocalKili, client: Uploading, project: str) -> None:
    [url] = client.sign(f"projects/{project}/assets/a/content")
    assert client.put(url, b"first").status_code == client.put(url, b"second").status_code == 200
    client.add(project, contentArray=[url], idArray=["a"])
    assert client.put(url, b"third").status_code == 409
    [asset] = client.assets({}, "content")
    assert client.get(asset["content"]).content == b"second"
    assert len(files(server)) == 1


FACTS: dict[str, tuple[bytes, str, dict[str, Any]]] = {
    "png": (png(20, 10), "image/png", {"resolution": {"width": 20, "height": 10}}),
    "tiff": (TIFF, "image/tiff", {"resolution": {"width": 20, "height": 10}}),
    "pdf": (pdf((200, 100), (50, 60)), "application/pdf", {"pageResolutions": [
        {"pageNumber": 1, "width": 200.0, "height": 100.0, "rotation": 0}, {"pageNumber": 2, "width": 50.0, "height": 60.0, "rotation": 0},
    ]}),
    "mp4": (mp4(2.5), "video/mp4", {"duration": 2.5}),
    "mp4 with pictures": (film_mp4(4, 64, 48), "video/mp4", {"duration": 4, "resolution": {"width": 64, "height": 48}}),
    "long mov": (film_mp4(9e6, 64, 48, version=1), "video/quicktime", {"duration": 9e6, "resolution": {"width": 64, "height": 48}}),
    "webm": (matroska(2.5, 320, 200), "video/webm", {"duration": 2.5, "resolution": {"width": 320, "height": 200}}),
    "mkv": (matroska(7.25, 320, 200), "video/x-matroska", {"duration": 7.25, "resolution": {"width": 320, "height": 200}}),
    "a live webm": (matroska(None, 320, 200, live=True), "video/webm", {"resolution": {"width": 320, "height": 200}}),
    "avi": (avi(2, 32, 24), "video/x-msvideo", {"duration": 2, "resolution": {"width": 32, "height": 24}}),
    "half a webm": (matroska(2.5, 320, 200)[:30], "video/webm", {}),
    "half an avi": (avi(2, 32, 24)[:40], "video/x-msvideo", {}),
    "a film of crumbs": (b"\0\0\0\x08free" * 200_000, "video/mp4", {}),
    "elements without end": (b"\x1a\x45\xdf\xa3\x80" + b"\xec\x80" * 500_000, "video/webm", {}),
    "wav": (wav(1.5), "audio/x-wav", {"duration": 1.5}),
    "text": (b"text", "text/plain; charset=utf-8", {}),
    "no picture": (b"none", "image/png", {}),
    "half a picture": (png(20, 10)[:18], "image/png", {}),
    "no document": (b"%PDF-1.7 none", "application/pdf", {}),
    "no film": (b"\0\0\0\x18ftypisom" + b"\xff" * 50, "video/mp4", {}),
    "an endless drawing": (b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "' + b"c" * 100 + b'">]><svg width="&b;"/>', "image/svg+xml", {}),
    "nothing": (b"", "image/jpeg", {}),
}  # fmt: skip


@pytest.mark.parametrize("what", FACTS)
def test_files_say_how_large_they_are(client: Uploading, project: str, what: str) -> None:
    body, kind, expected = FACTS[what]
    client.add(project, contentArray=[client.uploaded(project, "a", body, kind)])
    fields = "resolution { width height } pageResolutions { pageNumber width height rotation } duration"
    [asset] = client.assets({}, fields)
    assert asset == {"resolution": None, "pageResolutions": None, "duration": None} | expected


def test_another_content_brings_its_resolution(client: Uploading, project: str) -> None:
    client.add(project, contentArray=["https://x.invalid/a.png"], idArray=["a"])
    change = "mutation ($w: [AssetWhere!]!, $d: [AssetData!]!) { updatePropertiesInAssets(where: $w, data: $d) { resolution { width } content } }"
    content = client.uploaded(project, "a", png(7, 8))
    [asset] = client.ask(change, w=[{"id": "a"}], d=[{"content": content}])
    assert asset["resolution"] == {"width": 7}
    assert client.get(asset["content"]).content == png(7, 8)
    [again] = client.ask(change, w=[{"id": "a"}], d=[{"content": asset["content"]}])  # as it was read
    assert again == asset


def test_files_go_with_their_assets(server: LocalKili, client: Uploading, project: str) -> None:
    contents = [client.uploaded(project, str(n)) for n in range(3)]
    client.add(project, contentArray=contents[:2], idArray=["0", "1"])
    [first, _] = [asset["content"] for asset in client.assets({}, "content")]
    client.add(project, contentArray=[first], idArray=["copy"])
    delete = "mutation ($ids: [ID!]) { deleteAssets(where: {idIn: $ids}) { succeeded { assetId } } }"
    assert len(client.ask(delete, ids=["0", "1"])["succeeded"]) == 2
    assert len(files(server)) == 2  # the one that the copy has, and the one that nobody has taken yet
    [copy] = client.assets({}, "content")
    assert client.get(copy["content"]).status_code == 200


def test_frames_and_layers_go_with_their_asset(server: LocalKili, client: Uploading) -> None:
    films, pictures = make(client, "VIDEO"), make(client)
    frames = [client.uploaded(films, f"f/{n}", b"frame", "image/jpeg") for n in range(2)]
    listed = {
        str(n): f"{server.endpoint.removesuffix('/graphql')}/files?id={url.partition('&id=')[2]}"
        for n, url in enumerate(frames)
    }
    document = client.uploaded(films, "list", json.dumps(listed).encode(), "text/plain; charset=utf-8")
    client.add(films, contentArray=[""], jsonContentArray=[document], idArray=["film"])
    [film] = client.assets({"id": "film"}, "jsonContent")
    assert [client.get(url).content for url in client.get(film["jsonContent"]).json().values()] == [b"frame", b"frame"]
    layer = {"name": "l", "isBaseLayer": True, "url": client.uploaded(pictures, "l", TIFF, "image/tiff")}
    tiles = json.dumps([{"name": "tiles", "tileLayerUrl": "https://x.invalid"}])
    made = client.add(
        pictures,
        LATER,
        multiLayerContentArray=[[layer]],
        jsonContentArray=[tiles],
        idArray=["map"],
        uploadType="TILED_IMAGE",
    )
    assert made["status"] == "SUCCESS"
    [shown] = client.assets({"id": "map"}, "jsonContent")
    first, second = json.loads(shown["jsonContent"])
    assert client.get(first.pop("url")).content == TIFF
    assert (first, second) == ({"name": "l", "isBaseLayer": True}, json.loads(tiles)[0])
    assert len(files(server)) == 4
    client.ask('mutation { deleteAssets(where: {idIn: ["film", "map"]}) { failed { details } } }')
    assert files(server) == set()


def test_what_no_asset_takes_goes_after_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with LocalKili(tmp_path / "kili", socket=False) as server:
        client = Uploading(server)
        project = make(client)
        kept = client.uploaded(project, "kept")
        client.add(project, contentArray=[kept])
        client.uploaded(project, "old")
        monkeypatch.setattr(media, "now", lambda: "2999-01-01T00:00:00.000Z")
        client.uploaded(project, "new")
        assert files(server) == {kept.partition("&id=")[2]}
        monkeypatch.undo()
        client.uploaded(project, "newer")
    (tmp_path / "kili" / "files" / "x.part").touch()
    with LocalKili(tmp_path / "kili", socket=False) as server:
        assert len(files(server)) == 2
    monkeypatch.setattr(media, "now", lambda: "2999-01-01T00:00:00.000Z")
    with LocalKili(tmp_path / "kili", socket=False) as server:
        assert files(server) == {kept.partition("&id=")[2]}


def test_answers_may_be_files(server: LocalKili, client: Uploading, project: str) -> None:
    client.add(project, contentArray=["https://x.invalid/a.png"], idArray=["a"])
    document = (
        "mutation ($p: ID!, $a: ID!) { createAnnotationFileUpload(projectId: $p, assetId: $a) { fileId uploadUrl } }"
    )
    upload = client.ask(document, p=project, a="a")
    where = "query ($p: ID!, $a: ID!, $f: String!) { annotationFileUrl(projectId: $p, assetId: $a, fileId: $f) }"
    assert client.ask(where, p=project, a="a", f=upload["fileId"]) is None
    for body in (b"first", b"answer"):  # sent again, as after an answer that was lost
        assert client.put(upload["uploadUrl"], body, "text/plain").status_code == 200
    assert client.get(client.ask(where, p=project, a="a", f=upload["fileId"])).content == b"answer"
    assert client.ask(where, p=project, a="b", f=upload["fileId"]) is None
    assert client.ask(where, p=make(client), a="a", f=upload["fileId"]) is None
    late = client.ask(document, p=project, a="a")
    client.ask('mutation { deleteAssets(where: {id: "a"}) { failed { details } } }')
    assert files(server) == set()
    assert client.put(late["uploadUrl"]).status_code == 404
    assert client.error(document, p=project, a="a")["extensions"]["code"] == "NOT_FOUND"
