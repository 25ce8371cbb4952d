"""Small files over a port: answered before any routing, with what the other way would answer."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from time import sleep
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from kili_query.server import LocalKili, port, prompt
from kili_query.server.store import media
from tests.client.pictures import png
from tests.server.files import Uploading
from tests.server.test_uploads import FORGED, files, make


class OverPort(Uploading):
    """The same client, over a port."""

    def __init__(self, server: LocalKili) -> None:
        super().__init__(server)
        self.http = httpx.Client(headers=self.http.headers)

    def put(self, url: str, body: bytes = b"x", kind: str = "image/png", **headers: str) -> httpx.Response:
        with httpx.Client() as http:
            return http.put(url.partition("&id=")[0], content=body, headers={"content-type": kind, **headers})

    def get(self, url: str) -> httpx.Response:
        with httpx.Client() as http:
            return http.get(url)


@pytest.fixture(scope="module")
def server() -> Iterator[LocalKili]:
    with LocalKili() as server:
        yield server


@pytest.fixture
def client(server: LocalKili) -> Iterator[OverPort]:
    client = OverPort(server)
    with client.http:
        yield client


@pytest.fixture
def project(client: OverPort) -> str:
    return make(client)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each of the requests was answered promptly."""
    seen: list[bool] = []
    begun = prompt.Prompt.begun

    def noted(self: prompt.Prompt, method: bytes, url: bytes, headers: Any) -> Any:
        take = begun(self, method, url, headers)
        if method == b"POST":
            return take
        if take is None:
            seen.append(False)
            return None

        def counted(body: bytes) -> Any:
            answer = take(body)
            seen.append(answer is not None)
            return answer

        return counted

    monkeypatch.setattr(prompt.Prompt, "begun", noted)
    return seen


def test_a_small_file_is_kept_and_served_as_the_other_way_does(
    server: LocalKili, client: OverPort, project: str, taken: list[bool]
) -> None:
    url = client.uploaded(project, "one é/%", png(20, 10), "image/png")
    [asset] = [client.add(project, contentArray=[url], idArray=["one"])[0]]
    assert asset == {"id": "one"}
    [asset] = client.assets({"id": "one"}, "content resolution { width height }")
    assert asset["resolution"] == {"width": 20, "height": 10}
    answer = client.get(asset["content"])
    other = Uploading(server).get(asset["content"])
    assert answer.content == other.content == png(20, 10)
    ours = {name: value for name, value in answer.headers.items() if name not in ("date", "server")}
    assert ours == dict(other.headers)
    assert taken == [True, True]
    assert client.http.get(asset["content"], headers={"range": "bytes=0-3"}).content == png(20, 10)[:4]
    assert taken[2:] == [False]


@pytest.mark.parametrize("what", FORGED)
def test_an_address_that_is_not_signed_takes_nothing(client: OverPort, project: str, what: str) -> None:
    [url] = client.sign(f"projects/{project}/assets/a/content")
    assert client.put(FORGED[what](url)).status_code == 403


def test_a_file_is_replaced_until_an_asset_has_it(client: OverPort, project: str, taken: list[bool]) -> None:
    [url] = client.sign(f"projects/{project}/assets/a/content")
    assert client.put(url, b"first").status_code == client.put(url, b"second").status_code == 200
    client.add(project, contentArray=[url], idArray=["a"])
    assert client.put(url, b"third").status_code == 409
    [asset] = client.assets({"id": "a"}, "content")
    assert client.get(asset["content"]).content == b"second"
    assert taken == [True, False, False, True]
    client.ask('mutation { deleteAssets(where: {id: "a"}) { succeeded { assetId } } }')
    assert client.get(asset["content"]).status_code == 404


def test_what_is_not_taken_yet_is_served(client: OverPort, project: str) -> None:
    url = client.uploaded(project, "a", b"text", "text/plain; charset=utf-8")
    answer = client.get(f"{client.endpoint.removesuffix('/graphql')}/files?id={url.partition('&id=')[2]}")
    assert (answer.content, answer.headers["content-type"]) == (b"text", "text/plain; charset=utf-8")


NOT_PLAIN: dict[str, dict[str, Any]] = {
    "a document": {"body": b"%PDF-1.7", "kind": "application/pdf"},
    "a large picture": {"body": bytes(prompt.AT_ONCE + 1)},
    "a client that asks first": {"expect": "100-continue"},
    "a last request": {"connection": "close"},
}


@pytest.mark.parametrize("what", NOT_PLAIN)
def test_what_is_not_plain_goes_the_other_way(client: OverPort, project: str, taken: list[bool], what: str) -> None:
    [url] = client.sign(f"projects/{project}/assets/a/content")
    assert client.put(url, **NOT_PLAIN[what]).status_code == 200
    assert True not in taken


def test_a_disk_that_is_full_leaves_nothing(
    server: LocalKili, client: OverPort, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    [url] = client.sign(f"projects/{project}/assets/a/content")
    before = files(server)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(prompt, "_write", full)
    monkeypatch.setattr("kili_query.server.uploads._begun", full)
    answer = client.put(url)
    assert (answer.status_code, "the disk is full" in answer.text) == (507, True)
    assert files(server) == before


def _head(url: str, length: int) -> bytes:
    parts = urlsplit(url.partition("&id=")[0])
    return f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: image/png\r\nContent-Length: {length}\r\n\r\n".encode()


def _connected(server: LocalKili) -> socket.socket:
    parts = urlsplit(server.url)
    return socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10)


def test_a_body_that_comes_slowly_goes_the_other_way(
    server: LocalKili, client: OverPort, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(port, "PROMPT", 0.1)
    [url] = client.sign(f"projects/{project}/assets/slow/content")
    with _connected(server) as connection:
        for part in (_head(url, 6), b"abc", b"def"):
            connection.sendall(part)
            sleep(0.3)
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
    client.add(project, contentArray=[url], idArray=["slow"])
    [asset] = client.assets({"id": "slow"}, "content")
    assert client.get(asset["content"]).content == b"abcdef"


def test_requests_that_come_at_once_are_answered_in_their_order(
    server: LocalKili, client: OverPort, project: str
) -> None:
    urls = client.sign(*(f"projects/{project}/assets/{n}/content" for n in range(4)))
    version = f"GET /version HTTP/1.1\r\nHost: {urlsplit(server.url).netloc}\r\n\r\n".encode()
    sent = [_head(url, 2) + b"%d!" % n for n, url in enumerate(urls)]
    with _connected(server) as connection:
        connection.sendall(sent[0] + sent[1] + version + sent[2] + version + sent[3])
        got = b""
        while got.count(b"HTTP/1.1 200") < 6:
            got += connection.recv(10_000)
    assert [b"local-" in answer for answer in got.split(b"HTTP/1.1 ")[1:]] == [False, False, True, False, True, False]
    assert len(client.add(project, contentArray=urls)) == 4


def test_half_a_body_leaves_nothing(server: LocalKili, client: OverPort, project: str) -> None:
    before = files(server)
    [url] = client.sign(f"projects/{project}/assets/half/content")
    with _connected(server) as connection:
        connection.sendall(_head(url, 1000) + b"abc")
    assert client.put(url, b"whole").status_code == 200
    assert len(files(server)) == len(before) + 1


def test_another_server_is_not_meant(client: OverPort, project: str) -> None:
    [url] = client.sign(f"projects/{project}/assets/a/content")
    assert client.put(url, host="kili.example").status_code == 421


def test_what_no_asset_takes_goes_after_a_day(
    server: LocalKili, client: OverPort, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = client.uploaded(project, "old")
    kept = client.uploaded(project, "kept")
    client.add(project, contentArray=[kept])
    monkeypatch.setattr(media, "now", lambda: "2999-01-01T00:00:00.000Z")
    make(client)
    there = files(server)
    assert [url.partition("&id=")[2] in there for url in (old, kept)] == [False, True]


def test_a_folder_that_is_kept_has_what_was_answered(tmp_path: Path, taken: list[bool]) -> None:
    with LocalKili(tmp_path / "kili") as server, (client := OverPort(server)).http:
        project = make(client)
        url = client.uploaded(project, "a", b"kept")
    with LocalKili(tmp_path / "kili") as server, (client := OverPort(server)).http:
        again = url.replace(urlsplit(url).netloc, urlsplit(server.url).netloc)
        assert client.add(project, contentArray=[again], idArray=["a"]) == [{"id": "a"}]
    assert taken == [False]
