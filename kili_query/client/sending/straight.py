"""Small uploads straight over sockets: thousands of texts and pictures cost less than a client of HTTP spends on each.

Only good answers come of this: whatever else happens is None, and the request is made again in the usual way, which knows
what it means. To put the same content behind the same address once more changes nothing.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections import deque
from collections.abc import Mapping
from functools import lru_cache
from time import monotonic
from typing import Any, NamedTuple
from urllib.parse import urlsplit

MOST_BYTES = 1 << 20
"""The largest content that is held in memory; larger ones are read while they are sent."""

IDLE = 4.0
"""Seconds after which a connection is not used again: a server may be closing it."""

MOST_IDLE = 100
"""Connections that are kept, for all servers together."""

MOST_TOLD = 64 << 10
"""The most bytes of an answer to an upload."""


class _Place(NamedTuple):
    secure: bool
    host: str
    port: int


class Straight:
    """Connections to servers that take files; safe to share between threads. `certificates`: what those of servers are checked against."""

    def __init__(self, certificates: ssl.SSLContext | None) -> None:
        self._certificates = certificates
        self._idle: deque[tuple[float, _Place, socket.socket]] = deque()
        self._closed = False

    def put(self, url: str, headers: Mapping[str, str], body: bytes, timeout: float) -> int | None:
        """Put a content behind an address; gives the status if the server took it, None if that is not known."""
        try:
            place, target, host = _taken_apart(url)
            lines = [
                f"PUT {target} HTTP/1.1",
                f"Host: {host}",
                *(f"{name}: {value}" for name, value in headers.items()),
            ]
            head = "\r\n".join((*lines, f"Content-Length: {len(body)}", "\r\n")).encode("ascii")
            if head.count(b"\r\n") != len(lines) + 2 or b"\n" in head.replace(b"\r\n", b""):
                return None  # a value with a line break
            connection = self._connected(place, timeout)
        except (OSError, ValueError):
            return None
        stays = False
        try:
            _send(connection, head, body)
            status, whole = _answered(connection, monotonic() + timeout)
            if not 200 <= status < 300:
                return None
            stays = whole
            return status
        except (OSError, ValueError):
            return None
        finally:
            self._end_of_use(place, connection, stays)

    def close(self) -> None:
        """Close the connections that nobody uses; the others are closed when their use ends."""
        self._closed = True
        while self._idle:
            self._idle.pop()[2].close()

    def _connected(self, place: _Place, timeout: float) -> socket.socket:
        now = monotonic()
        for _ in range(len(self._idle)):
            try:
                since, of, connection = self._idle.pop()  # the last one was used a moment ago
            except IndexError:  # another thread was faster
                break
            if now - since > IDLE:
                connection.close()
            elif of == place:
                connection.settimeout(timeout)
                return connection
            else:
                self._idle.appendleft((since, of, connection))
        connection = socket.create_connection((place.host, place.port), timeout)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if place.secure:
                if self._certificates is None:
                    raise ValueError("no certificates")
                return self._certificates.wrap_socket(connection, server_hostname=place.host)
        except BaseException:
            connection.close()
            raise
        return connection

    def _end_of_use(self, place: _Place, connection: socket.socket, stays: bool) -> None:
        if stays and not self._closed and len(self._idle) < MOST_IDLE:
            self._idle.append((monotonic(), place, connection))
            if not self._closed:
                return
            self.close()
        else:
            connection.close()


def content(body: Any) -> bytes | None:
    """What is to be sent of a body, if it is small: the content itself, or that of the file of a name; else None."""
    if isinstance(body, bytes):
        return body if len(body) <= MOST_BYTES else None
    if not isinstance(body, str):
        return None
    with open(body, "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        if size > MOST_BYTES:
            return None
        found = file.read(size + 1)
    return found if found is not None and len(found) == size else None


def _taken_apart(url: str) -> tuple[_Place, str, str]:
    """Where an address leads, what is asked for there, and the host as the request names it.

    Raises
    ------
    ValueError: it is not a plain address, in ASCII, without names and passwords.
    """
    if not url.isascii() or not url.isprintable() or " " in url or "#" in url:
        raise ValueError(url)
    origin = "/".join(url.split("/", 3)[:3])
    place, host = _server(origin)
    return place, url[len(origin) :] or "/", host


@lru_cache(maxsize=64)
def _server(origin: str) -> tuple[_Place, str]:
    parts = urlsplit(origin)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.path or parts.query:
        raise ValueError(origin)
    secure = parts.scheme == "https"
    return _Place(secure, parts.hostname, parts.port or (443 if secure else 80)), parts.netloc


def _send(connection: socket.socket, head: bytes, body: bytes) -> None:
    if isinstance(connection, ssl.SSLSocket) or not hasattr(connection, "sendmsg"):
        connection.sendall(head)
        connection.sendall(body)
        return
    sent = connection.sendmsg((head, body))  # one call for both: the server wakes once
    if sent < len(head):
        connection.sendall(head[sent:])
        sent = len(head)
    if sent < len(head) + len(body):
        connection.sendall(memoryview(body)[sent - len(head) :])


def _answered(connection: socket.socket, until: float) -> tuple[int, bool]:
    """The status of an answer, and whether the connection is good for another request.

    Raises
    ------
    ValueError: it is no answer that is understood here.
    """
    got = b""
    while (end := got.find(b"\r\n\r\n")) < 0:
        got += _more(connection, got, until)
    first, *lines = got[:end].split(b"\r\n")
    version, _, rest = first.partition(b" ")
    status = int(rest[:3])
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
    if version != b"HTTP/1.1" or len(headers) != len(lines):
        raise ValueError(first)
    got = got[end + 4 :]
    if status == 204:
        whole = not got
    elif b"transfer-encoding" in headers:
        while (left := _behind_chunks(got)) is None:
            got += _more(connection, got, until)
        whole = not left and headers[b"transfer-encoding"].lower() == b"chunked"
    else:
        size = int(headers[b"content-length"]) if b"content-length" in headers else -1
        if not 0 <= size <= MOST_TOLD:
            return status, False
        while len(got) < size:
            got += _more(connection, got, until)
        whole = len(got) == size
    return status, whole and headers.get(b"connection", b"keep-alive").lower() == b"keep-alive"


def _more(connection: socket.socket, got: bytes, until: float) -> bytes:
    found = connection.recv(MOST_TOLD)
    if not found or len(got) > MOST_TOLD or monotonic() > until:
        raise ValueError("the answer has no end")
    return found


def _behind_chunks(text: bytes) -> bytes | None:
    """What stands behind a body in chunks; None if it is not whole yet.

    Raises
    ------
    ValueError: it is no such body, or one with trailers.

    >>> _behind_chunks(b"3\\r\\nabc\\r\\n0\\r\\n\\r\\n"), _behind_chunks(b"3\\r\\nab")
    (b'', None)
    """
    at = 0
    while (end := text.find(b"\r\n", at)) >= 0:
        size = int(text[at:end].partition(b";")[0], 16)
        at = end + 2 + size + 2
        if len(text) < at:
            return None
        if text[at - 2 : at] != b"\r\n" or size < 0:
            raise ValueError("no chunks")
        if size == 0:
            return text[at:]
    return None
