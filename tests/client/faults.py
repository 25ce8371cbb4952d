"""A proxy before local Kili that does to each request what a script says: pass it on, or spoil it."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

from kili_query import AsyncKili, Kili
from kili_query.client.sending.limits import RateLimit

KEY = "key-of-nobody-3141592653"


class Seen(NamedTuple):
    """A request that came to the proxy; names of headers in small letters."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """What rules look at: the path, and the body as it was before compression."""
        packed = self.headers.get("content-encoding") == "gzip"
        return self.path + "\n" + (gzip.decompress(self.body) if packed else self.body).decode()

    @property
    def variables(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)["variables"]
        return found


class Exchange:
    """A request in the hands of a fault."""

    def __init__(self, proxy: Proxy, connection: socket.socket, seen: Seen) -> None:
        self._proxy = proxy
        self._connection = connection
        self.seen = seen

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        """What the server says to it: the request is carried out."""
        upstream = http.client.HTTPConnection(*self._proxy.upstream, timeout=30)
        try:
            upstream.request(self.seen.method, self.seen.path, self.seen.body or None, dict(self.seen.headers))
            response = upstream.getresponse()
            body = response.read()
            return response.status, {name.lower(): value for name, value in response.getheaders()}, body
        finally:
            upstream.close()

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def reset(self) -> None:
        """Break the connection, as a machine does that was switched off."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def wait(self, seconds: float | None) -> None:
        """Wait, but not beyond the end of the proxy."""
        self._proxy.stopping.wait(seconds)


Fault = Callable[[Exchange], bool]
"""What is done to a request; True if the connection lives on."""


def raw(status: int, headers: Mapping[str, str], body: bytes, length: int | None = None) -> bytes:
    """An answer as it goes over the wire, with a content-length that may be a lie."""
    kept = {name: value for name, value in headers.items() if name.lower() not in ("content-length", "connection")}
    kept["content-length"] = str(len(body) if length is None else length)
    lines = [f"HTTP/1.1 {status} {http.client.responses.get(status, 'Unknown')}", *map(": ".join, kept.items()), "", ""]
    return "\r\n".join(lines).encode() + body


def passed(exchange: Exchange) -> bool:
    exchange.send(raw(*exchange.answer()))
    return True


def says(status: int, body: bytes | str | object = b"", **headers: str) -> Fault:
    """An answer that the server did not give; `body` that is no text is written as JSON."""
    content = body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {"content-type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}

    def fault(exchange: Exchange) -> bool:
        exchange.send(raw(status, named, content))
        return True

    return fault


def says_late(status: int, body: bytes | str = b"") -> Fault:
    """The request is carried out, and the answer is another: the proxy between lost it."""
    said = says(status, body, content_type="text/html")

    def fault(exchange: Exchange) -> bool:
        exchange.answer()
        return said(exchange)

    return fault


def reset(after: int = 0, *, carried_out: bool = True) -> Fault:
    """The connection breaks after some bytes of the answer; counted from its end, if negative."""

    def fault(exchange: Exchange) -> bool:
        if carried_out:
            exchange.send(raw(*exchange.answer())[:after])
        exchange.reset()
        return False

    return fault


def truncated(by: int = 10, *, told: bool = False) -> Fault:
    """The end of the answer is missing; `told`: content-length agrees with what is left."""

    def fault(exchange: Exchange) -> bool:
        status, headers, body = exchange.answer()
        exchange.send(raw(status, headers, body[:-by], None if told else len(body)))
        return told

    return fault


def late(seconds: float | None = None) -> Fault:
    """The answer comes after some time, or not before the end."""

    def fault(exchange: Exchange) -> bool:
        exchange.wait(seconds)
        return passed(exchange) if seconds is not None else False

    return fault


def dripping(pause: float, size: int) -> Fault:
    """The answer comes in small pieces."""

    def fault(exchange: Exchange) -> bool:
        data = raw(*exchange.answer())
        for start in range(0, len(data), size):
            exchange.send(data[start : start + size])
            exchange.wait(pause)
        return True

    return fault


def held(gate: threading.Event) -> Fault:
    """The answer comes once the gate is open."""

    def fault(exchange: Exchange) -> bool:
        gate.wait(30)
        return passed(exchange)

    return fault


def edited(change: Callable[[Any], Any], **headers: str) -> Fault:
    """The JSON of the answer is changed; `change` gives another or changes it in place."""

    def fault(exchange: Exchange) -> bool:
        status, given, body = exchange.answer()
        value = json.loads(body)
        changed = change(value)
        content = json.dumps(value if changed is None else changed).encode()
        exchange.send(raw(status, given | {name.replace("_", "-"): text for name, text in headers.items()}, content))
        return True

    return fault


class _Rule(NamedTuple):
    text: str
    faults: deque[Fault]
    then: Fault


class Proxy:
    """Listens on a port of its own; a thread for each connection."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.upstream = (parts.hostname or "", parts.port or 0)
        self.stopping = threading.Event()
        self.seen: list[Seen] = []
        self.connections = 0
        self.busiest = 0
        """The most requests that were under way at once."""
        self._under_way = 0
        self._rules: list[_Rule] = []
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._port = 0
        self.up()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def endpoint(self) -> str:
        return f"{self.url}/api/label/v2/graphql"

    def on(self, text: str, *faults: Fault, then: Fault = passed) -> None:
        """What happens to the next requests that hold a text, one after the other; and to all after these."""
        with self._lock:
            self._rules.insert(0, _Rule(text, deque(faults), then))

    def asked(self, text: str) -> list[Seen]:
        """The requests that held a text, so far."""
        with self._lock:
            return [seen for seen in self.seen if text in seen.text]

    def up(self) -> None:
        """Listen, on the same port as before."""
        self._listening = socket.create_server(("127.0.0.1", self._port), backlog=512)
        self._port = self._listening.getsockname()[1]
        self._started(self._accept, self._listening)

    def down(self) -> None:
        """Refuse connections, and break those that are open."""
        with self._lock:
            for one in (self._listening, *self._open):
                # a thread that waits for a socket wakes up when it is shut down, not when it is closed
                with _ignored():
                    one.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.stopping.set()
        self.down()
        for thread in self._threads:
            thread.join(10)

    def _started(self, target: Callable[[socket.socket], None], argument: socket.socket) -> None:
        thread = threading.Thread(target=target, args=(argument,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self._open.add(connection)
            self._started(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with _ignored():
            while (seen := _read(connection)) is not None:
                with self._lock:
                    self.seen.append(seen)
                    fault = self._fault(seen)
                    self._under_way += 1
                    self.busiest = max(self.busiest, self._under_way)
                try:
                    goes_on = fault(Exchange(self, connection, seen))
                finally:
                    with self._lock:
                        self._under_way -= 1
                if not goes_on:
                    break
        with self._lock:
            self._open.discard(connection)
        connection.close()

    def _fault(self, seen: Seen) -> Fault:
        for rule in self._rules:
            if rule.text in seen.text:
                return rule.faults.popleft() if rule.faults else rule.then
        return passed


@contextmanager
def _ignored() -> Iterator[None]:
    """Connections break here all the time."""
    try:
        yield
    except (OSError, http.client.HTTPException):
        return


def _read(connection: socket.socket) -> Seen | None:
    """The next request of a connection; None at its end."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (chunk := connection.recv(65536)):
            return None
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        if not (chunk := connection.recv(1 << 20)):
            return None
        body += chunk
    method, path, _ = first.split(" ")
    return Seen(method, path, headers, body)


class Clock:
    """Time that passes only when somebody waits. `after` is called with how often that was."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []
        self.after: Callable[[int], object] = lambda number: None
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds
            self.waits.append(seconds)
            number = len(self.waits)
        self.after(number)

    async def asleep(self, seconds: float) -> None:
        self.sleep(seconds)
        await asyncio.sleep(0)

    def install(self, monkeypatch: Any) -> None:
        """Let the transports of both clients live by this clock."""
        for kind, sleep in (("_sync", self.sleep), ("_async", self.asleep)):
            monkeypatch.setattr(f"kili_query.client.{kind}.transport.sleep", sleep)
            monkeypatch.setattr(f"kili_query.client.{kind}.transport.monotonic", self.monotonic)


def without_limit(monkeypatch: Any) -> None:
    """Give clients a limit of their own, since the tests of a minute make more calls than that of the process allows."""
    for kind in ("_sync", "_async"):
        monkeypatch.setattr(f"kili_query.client.{kind}.kili.PROCESS_LIMIT", RateLimit(1_000_000))


class Client:
    """Calls of one of the two SDKs, written in the same way."""

    def __init__(self, kind: str, key: str, endpoint: str, **settings: Any) -> None:
        self.kind = kind
        self._place = (key, endpoint)
        self._settings: dict[str, Any] = {
            "disable_tqdm": True,
            "verify": False,
            **settings,
        }  # loading certificates takes time

    def call(self, method: str, *arguments: Any, **named: Any) -> Any:
        """The result of one call; rows of a generator as a list."""
        (result,) = self.calls((method, arguments, named))
        if isinstance(result, BaseException):
            raise result
        return result

    def calls(self, *calls: tuple[str, tuple[Any, ...], dict[str, Any]]) -> list[Any]:
        """The results of calls by one client, one after the other; errors among them."""
        if self.kind == "async":
            return asyncio.run(self._awaited(calls))
        results: list[Any] = []
        with Kili(*self._place, **self._settings) as kili:
            for method, arguments, named in calls:
                try:
                    result = getattr(kili, method)(*arguments, **named)
                    results.append(list(result) if named.get("as_generator") else result)
                except Exception as error:
                    results.append(error)
        return results

    async def _awaited(self, calls: tuple[tuple[str, tuple[Any, ...], dict[str, Any]], ...]) -> list[Any]:
        results: list[Any] = []
        async with AsyncKili(*self._place, **self._settings) as kili:
            for method, arguments, named in calls:
                try:
                    result = await getattr(kili, method)(*arguments, **named)
                    results.append([row async for row in result] if named.get("as_generator") else result)
                except Exception as error:
                    results.append(error)
        return results
