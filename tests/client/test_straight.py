"""Small uploads straight over sockets: what servers may answer, and what goes the usual way."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from kili_query import Kili
from kili_query.client.sending import straight
from kili_query.client.sending.straight import Straight, content
from kili_query.server import LocalKili

Serve = Callable[..., tuple[str, list[bytes]]]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
CHUNKED = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A server that answers the requests of each connection with given bytes, in turn, and notes what it gets."""
    listening = socket.create_server(("127.0.0.1", 0))
    ended = []

    def begin(*connections: tuple[bytes, ...]) -> tuple[str, list[bytes]]:
        got: list[bytes] = []

        def run() -> None:
            for answers in connections:
                connection, _ = listening.accept()
                with connection:
                    for answer in answers:
                        text = b""
                        while not text.endswith(b"BODY"):
                            text += connection.recv(10_000)
                        got.append(text)
                        connection.sendall(answer)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        ended.append(thread)
        return f"http://127.0.0.1:{listening.getsockname()[1]}/bucket/a?b=c", got

    yield begin
    for thread in ended:
        thread.join(5)
    listening.close()


def put(connections: Straight, url: str, headers: dict[str, str] | None = None) -> int | None:
    return connections.put(url, headers or {"Content-Type": "text/plain"}, b"BODY", 5)


def test_a_request_is_whole_and_its_connection_is_used_again(serve: Serve) -> None:
    url, got = serve((OK, CHUNKED, b"HTTP/1.1 204 No Content\r\n\r\n", OK))
    connections = Straight(None)
    assert [put(connections, url) for _ in range(4)] == [200, 201, 204, 200]
    connections.close()
    host = url.split("/")[2]
    assert got == [f"PUT /bucket/a?b=c HTTP/1.1\r\nHost: {host}\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nBODY".encode()] * 4  # fmt: skip


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", b"SSH-2.0\r\n\r\n", b"", b"HTTP/1.1 200",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
    b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20_000,
])  # fmt: skip
def test_all_else_is_left_to_the_usual_way(serve: Serve, answer: bytes) -> None:
    url, _ = serve((answer,), (OK,))
    connections = Straight(None)
    assert put(connections, url) is None
    assert put(connections, url) == 200  # over a new connection
    connections.close()


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nmore",
    b"HTTP/1.1 200 OK\r\n\r\nuntil the end", b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
])  # fmt: skip
def test_a_connection_that_may_not_be_used_again_is_not(serve: Serve, answer: bytes) -> None:
    url, got = serve((answer,), (OK,))
    connections = Straight(None)
    assert (put(connections, url), put(connections, url), len(got)) == (200, 200, 2)
    connections.close()


def test_a_connection_that_the_server_has_closed_costs_no_upload(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    url, _ = serve((OK,), (OK,), (OK,))
    connections = Straight(None)
    assert (put(connections, url), put(connections, url), put(connections, url)) == (200, None, 200)
    monkeypatch.setattr(straight, "IDLE", 0)
    assert put(connections, url) == 200
    connections.close()


@pytest.mark.parametrize("url", [
    "http://127.0.0.1:1/a", "ftp://127.0.0.1/a", "http://me:secret@127.0.0.1/a", "http://127.0.0.1:99999/a", "http:///a", "a", "",
    "http://127.0.0.1/a b", "http://127.0.0.1/\r\nb", "http://127.0.0.1/\u00e9", "https://127.0.0.1/a", "http://[::1/a",
])  # fmt: skip
def test_addresses_that_are_not_plain_are_left_to_the_usual_way(url: str) -> None:
    assert put(Straight(None), url) is None


def test_headers_hold_no_line_breaks() -> None:
    assert put(Straight(None), "http://127.0.0.1:1/a", {"Content-Type": "a\r\nHost: b"}) is None


def test_small_contents_are_held_and_large_ones_are_not(tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"abc")
    large.write_bytes(bytes(straight.MOST_BYTES + 1))
    assert content(str(small)) == b"abc"
    assert content(b"") == b""
    assert content(str(large)) is content(large.read_bytes()) is content(None) is None
    with pytest.raises(FileNotFoundError):
        content(str(tmp_path / "none"))


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    seen: list[int | None] = []
    real = Straight.put

    def noted(self: Straight, *given: object) -> int | None:
        seen.append(real(self, *given))  # type: ignore[arg-type]
        return seen[-1]

    monkeypatch.setattr(Straight, "put", noted)
    return seen


def test_texts_go_straight_unless_a_proxy_stands_between(
    counted: list[int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with LocalKili() as server, Kili(server.api_key, server.endpoint, disable_tqdm=True) as kili:
        project = kili.create_project("T", input_type="TEXT", json_interface={"jobs": {}})["id"]
        kili.append_many_to_dataset(project, ["one", "two"])
        assert counted == [200, 200]
        monkeypatch.setenv("HTTP_PROXY", server.url)
        with Kili(server.api_key, server.endpoint, disable_tqdm=True) as behind:
            assert behind._transport._client().straight is None
        monkeypatch.delenv("HTTP_PROXY")
        with Kili(server.api_key, server.endpoint, transport=httpx.HTTPTransport(), disable_tqdm=True) as own:
            own.append_many_to_dataset(project, ["three"])
        assert len(counted) == 2
        assert kili.count_assets(project) == 3
