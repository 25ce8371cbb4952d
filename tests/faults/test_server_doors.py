"""Who may ask local Kili, and what strangers could do to it: bodies were read and inflated before the key was looked at,
heads and connections without end were kept, any `Host` was answered, and others could read the folder with the keys.

Right is: the key first; bounds for what is sent, for how long and by how many; the server's own names only; a folder of
its owner alone.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from kili_query.server import LocalKili, bodies, port
from kili_query.server.bodies import Room, too_many_values, values
from kili_query.server.hosts import Hosts
from tests.server.asking import INTERFACE, Asking

VIEWER = {"query": "{ viewer { email } }"}
DATA = Path(__file__).parents[1] / "data"
ROOT = Path(__file__).parents[2]


# -- bodies --------------------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[LocalKili]:
    with LocalKili(socket=False) as server:
        yield server


async def asked(
    server: LocalKili, headers: dict[str, str], chunks: list[bytes], *, ends: bool = True
) -> tuple[int, int]:
    """The status of the answer, and how many chunks of the body were taken."""
    left, sent = list(chunks), []

    async def receive() -> dict[str, Any]:
        if not left:
            await asyncio.sleep(3600)
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left) or not ends}

    async def send(message: Any) -> None:
        sent.append(message)

    fields = {"host": "x", "content-type": "application/json", **headers}
    scope = {"type": "http", "method": "POST", "path": "/graphql", "raw_path": b"/graphql", "query_string": b"", "scheme": "http",
             "root_path": "", "server": ("x", 80), "http_version": "1.1", "headers": [(k.encode(), v.encode()) for k, v in fields.items()]}  # fmt: skip
    await server.app(scope, receive, send)
    return sent[0]["status"], len(chunks) - len(left)


@pytest.mark.parametrize("key", ["", "wrong", "{key}x", "{key}"])
def test_nothing_of_a_body_is_read_without_a_key(server: LocalKili, key: str) -> None:
    good = key == "{key}"
    headers = {"authorization": f"X-API-Key: {key.format(key=server.api_key)}"} if key else {}
    body = json.dumps(VIEWER).encode()
    bomb = gzip.compress(b" " * 100_000)
    for chunks, more in (([body], {"content-length": str(len(body))}), ([bomb], {"content-encoding": "gzip"})):
        status, taken = asyncio.run(asked(server, headers | more, chunks))
        assert (status == 401, taken) == ((False, 1) if good else (True, 0))


def test_a_bomb_costs_no_memory(server: LocalKili, monkeypatch: pytest.MonkeyPatch) -> None:
    inflated: list[int] = []

    def kept(body: bytes, size: int) -> bytes:
        inflated.append(size)
        return b""

    monkeypatch.setattr(bodies, "_inflated", kept)
    monkeypatch.setattr(bodies, "MAX_BODY", 1 << 22)
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    asking = Asking(server)
    bomb = gzip.compress(b" " * ((1 << 22) + 1))
    assert asking.http.post(asking.endpoint, content=bomb, headers=headers).status_code == 413
    assert inflated == []  # it was measured, and nothing kept


@pytest.mark.parametrize(
    ("headers", "chunks", "status"),
    [
        ({"content-length": "nine"}, [b"123456789"], 400),
        ({"content-length": str(bodies.MAX_BODY + 1)}, [b"1"], 413),
        ({"content-length": "9" * 5000}, [b"1"], 413),
        ({"content-length": "3"}, [b"12", b"34"], 411),
        ({}, [b" " * bodies.MAX_CHUNKED, b" "], 411),
    ],
)
def test_a_body_is_as_large_as_it_says(
    server: LocalKili, headers: dict[str, str], chunks: list[bytes], status: int
) -> None:
    key = {"authorization": f"X-API-Key: {server.api_key}"}
    assert asyncio.run(asked(server, headers | key, chunks))[0] == status


def test_a_body_that_does_not_come_is_given_up(server: LocalKili, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "PATIENCE", 0.05)
    key = {"authorization": f"X-API-Key: {server.api_key}", "content-length": "30"}

    assert asyncio.run(asked(server, key, [b"{"], ends=False))[0] == 408


def test_bodies_wait_for_each_other(server: LocalKili) -> None:
    """However many come at once, together they hold no more than there is room for."""
    room, held, most = Room(100), 0, 0

    async def hold(number: int) -> None:
        nonlocal held, most
        async with room.taken(number):
            held += number
            most = max(most, held)
            await asyncio.sleep(0.001)
            held -= number

    async def many() -> None:
        given_up = [asyncio.create_task(hold(90)) for _ in range(5)]
        await asyncio.sleep(0)
        for task in given_up[1:3]:
            task.cancel()
        await asyncio.gather(
            *given_up, *(hold(number) for number in (100, 1, 60, 60, 40, 100, 0)), return_exceptions=True
        )

    asyncio.run(many())
    assert most == 100
    asyncio.run(hold(100))  # all of it is free again, for another loop, too
    assert held == 0


@pytest.mark.parametrize(
    ("text", "number"),
    [("[]", 1), ('{"a": [1, 2]}', 3), ('"[,{"', 0), ('["\\"[,{", "\\\\", {}]', 4), ("[" * 50, 50), ("", 0)],
)
def test_values_are_counted_outside_of_texts(text: str, number: int) -> None:
    assert values(text.encode()) == number


def test_a_body_of_too_many_values_is_refused(server: LocalKili, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MAX_VALUES", 500)
    asking = Asking(server)
    assert asking.count("Label", {"idIn": ["x"] * 400}) == 0
    where = {"idIn": ["x"] * 600}
    answer = asking.post("query ($w: LabelWhere!) { countLabels(where: $w) }", w=where)
    assert answer.status_code == 413
    assert answer.json()["errors"][0]["extensions"]["code"] == "PAYLOAD_TOO_LARGE"
    assert too_many_values("[" + "[]," * 501 + "0]")
    text = "x" * 5000 + '\\",' * 600
    assert asking.count("Label", {"idIn": [text]}) == 0  # a long text is one value


# -- connections ---------------------------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalKili]:
    """A server on a port that has little patience."""
    for name in ("PATIENCE", "IDLE", "STALLED"):
        monkeypatch.setattr(port, name, 0.3)
    with LocalKili() as server:
        yield server


def connected(server: LocalKili) -> socket.socket:
    host, number = server.url.removeprefix("http://").rsplit(":", 1)
    return socket.create_connection((host, int(number)), timeout=20)


def rest(connection: socket.socket) -> bytes:
    """All that the server sends until it closes the connection."""
    found = b""
    try:
        while part := connection.recv(65536):
            found += part
    except ConnectionError:
        pass
    return found


HEAD = b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", None),
        (b"GET /ver", None),
        (HEAD, None),
        (HEAD + b"Content-Length: 100\r\n\r\n{", 401),
        (HEAD + b"Content-Length: 2\r\n\r\n{}", 401),
        (b"GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
        (b"GET /version HTTP/1.1\r\nHost: localhost\r\n\r\nGET /ver", 200),
    ],
)
def test_whoever_stops_is_left(quick: LocalKili, sent: bytes, status: int | None) -> None:
    with connected(quick) as connection:
        connection.sendall(sent)
        answer = rest(connection)
    assert answer.startswith(f"HTTP/1.1 {status}".encode()) if status else answer == b""


@pytest.mark.parametrize(
    "sent", [b"GET /version HTTP/1.1\r\nHost: localhost\r\nX: ", HEAD + b"Content-Length: 9999\r\n\r\n"]
)
def test_whoever_trickles_is_left(quick: LocalKili, sent: bytes) -> None:
    def trickle(connection: socket.socket) -> None:
        connection.sendall(sent)
        for _ in range(100):
            time.sleep(0.05)
            connection.sendall(b"x")

    with connected(quick) as connection, pytest.raises(ConnectionError):
        trickle(connection)


def test_a_head_without_end_is_refused(quick: LocalKili) -> None:
    with connected(quick) as connection:
        try:
            for _ in range(200):
                connection.sendall(b"GET /version HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000)
        except ConnectionError:
            return  # closed in the middle, which is as good
        assert rest(connection).startswith(b"HTTP/1.1 400")


def test_an_answer_that_nobody_takes_is_given_up(quick: LocalKili, tmp_path: Path) -> None:
    path = tmp_path / "records.json"
    path.write_text(json.dumps([{"externalId": "x", "labels": [{"jsonResponse": {"t": {"text": "x" * 30_000_000}}}]}]))
    quick.load(path, interface=INTERFACE)
    body = b'{"query": "{ labels(where: {}, first: 1, skip: 0) { jsonResponse } }"}'
    key = f"Authorization: X-API-Key: {quick.api_key}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with connected(quick) as connection:
        connection.sendall(HEAD + key + body)
        time.sleep(2)
        assert len(rest(connection)) < 30_000_000


def test_more_connections_than_there_is_room_for_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port, "MAX_CONNECTIONS", 5)
    with LocalKili() as server:
        held = [connected(server) for _ in range(5)]
        time.sleep(0.2)
        with connected(server) as one_more:
            assert rest(one_more).startswith(b"HTTP/1.1 503")
        for connection in held:
            connection.close()
        time.sleep(0.3)
        with httpx.Client() as client:
            assert client.get(f"{server.url}/version").status_code == 200


FEW_FILES = """
import resource, sys, threading
resource.setrlimit(resource.RLIMIT_NOFILE, (48, 48))
from kili_query.server import LocalKili
with LocalKili() as server:
    print(server.url, flush=True)
    sys.stdin.readline()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
def test_few_descriptors_neither_flood_the_log_nor_end_the_server() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", FEW_FILES], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, cwd=ROOT,
    )  # fmt: skip
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    host, number = url.removeprefix("http://").rsplit(":", 1)
    held = [socket.create_connection((host, int(number)), timeout=20) for _ in range(60)]
    time.sleep(1.5)
    for connection in held:
        connection.close()
    for _ in range(50):
        try:
            answer = httpx.get(f"{url}/version", timeout=20)
        except httpx.HTTPError:
            time.sleep(0.2)
            continue
        if answer.status_code == 200:
            break
    else:
        pytest.fail("it does not answer any more")
    _, log = process.communicate("\n", timeout=30)
    assert process.returncode == 0
    assert len(log.splitlines()) < 10, log


def test_what_strangers_cause_is_told_once(quick: LocalKili, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(30):
        with connected(quick) as connection:
            connection.sendall(b"\x16\x03\x01 no HTTP\r\n\r\n")
            assert rest(connection).startswith(b"HTTP/1.1 400")
    assert caplog.text.count("Invalid HTTP request") <= 1


# -- hosts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "host", "passes"),
    [
        ((), "localhost:8787", True),
        ((), "LOCALHOST", True),
        ((), "localhost.", True),
        ((), "127.0.0.1:1", True),
        ((), "[::1]:8787", True),
        ((), "[::1]", True),
        ((), "evil.example", False),
        ((), "127.0.0.1.evil.example", False),
        ((), "localhost.evil.example", False),
        ((), "127.0.0.2", False),
        ((), "[::1].evil.example", False),
        ((), "[::1]evil", False),
        ((), "", False),
        ((), "*", False),
        (("192.0.2.7",), "192.0.2.7:80", True),
        (("2001:db8::1",), "[2001:DB8::1]:80", True),
        (("0.0.0.0",), "192.0.2.7", True),
        (("0.0.0.0",), "0.0.0.0", False),
        (("::",), "[2001:db8::1]:80", True),
        (("0.0.0.0",), "evil.example", False),
        (("127.0.0.1", "Kili.lan"), "kili.LAN:8787", True),
        (("127.0.0.1", "kili.lan"), "x.kili.lan", False),
        (("127.0.0.1", "*"), "evil.example", True),
    ],
)
def test_hosts_are_the_servers_own(names: tuple[str, ...], host: str, passes: bool) -> None:
    async def app(*_: Any) -> None: ...

    assert Hosts(app, app, names).knows(host) is passes


def test_a_name_that_points_here_is_refused_on_the_port() -> None:
    with LocalKili() as server, httpx.Client(headers={"Authorization": f"X-API-Key: {server.api_key}"}) as client:
        for path in ("/version", "/files?id=x", "/nothing"):
            refused = client.get(server.url + path, headers={"Host": "evil.example:80"})
            assert refused.status_code == 421
            assert refused.json()["errors"][0]["extensions"]["code"] == "MISDIRECTED_REQUEST"
        assert client.post(server.endpoint, json=VIEWER, headers={"Host": "evil.example"}).status_code == 421
        assert client.post(server.endpoint, json=VIEWER, headers={"Host": "localhost"}).status_code == 200
    with LocalKili(hosts=["kili.lan"]) as server, httpx.Client() as client:
        assert client.get(f"{server.url}/version", headers={"Host": "kili.lan:1"}).status_code == 200


def test_two_hosts_are_none() -> None:
    with LocalKili() as server, connected(server) as connection:
        connection.sendall(
            b"GET /version HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
        )
        assert re.match(rb"HTTP/1.1 4\d\d", rest(connection))


def test_without_a_port_every_name_is_good(server: LocalKili) -> None:
    with httpx.Client(transport=server.transport) as client:
        assert client.get("http://any.example/version").status_code == 200


# -- the folder ----------------------------------------------------------------------------------------------------


def modes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))}


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such modes")
@pytest.mark.parametrize("before", ["nothing", "an open folder", "data of an earlier version"])
def test_the_folder_is_its_owners_alone(tmp_path: Path, before: str) -> None:
    folder, export = tmp_path / "kili", tmp_path / "export"
    (export / "assets").mkdir(parents=True)
    (export / "assets" / "x.png").write_bytes(b"a picture")
    (export / "data.json").write_text(json.dumps([{"externalId": "x", "content": "assets/x.png", "labels": []}]))
    mask = os.umask(0)
    try:
        if before != "nothing":
            folder.mkdir(mode=0o777)
        if before == "data of an earlier version":
            with LocalKili(folder, socket=False) as server:
                server.load(export, interface=INTERFACE)
            for path in (folder, *folder.rglob("*")):
                path.chmod(0o777 if path.is_dir() else 0o666)
        with LocalKili(folder, socket=False) as server:
            server.load(export, interface=INTERFACE)
            while_open = modes(folder)
    finally:
        os.umask(mask)
    assert {"kili.db", "kili.db-wal", "kili.lock"} < set(while_open)
    for name, mode in (while_open | modes(folder)).items():
        assert mode == (0o700 if (folder / name).is_dir() else 0o600), name


def test_the_server_ends_with_bodies_under_way() -> None:
    threads = threading.active_count()
    with LocalKili() as server, connected(server) as connection:
        key = f"Authorization: X-API-Key: {server.api_key}\r\nContent-Length: 9\r\n\r\n{{".encode()
        connection.sendall(HEAD + key)
        time.sleep(0.2)
    assert threading.active_count() == threads
