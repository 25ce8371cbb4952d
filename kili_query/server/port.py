"""The port of local Kili: uvicorn with bounds for those who connect and send nothing, too slowly, or without end.

Websockets are those of the library websockets, which uvicorn drives; no pings are sent, since clients of Kili that look at
a message a second would answer them too late.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket as sockets
import sys
import threading
import time
from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from kili_query.errors import DataError
from kili_query.server.prompt import Headers, Prompt, Take

IDLE = 5
"""Seconds that a connection is kept without a request."""

PATIENCE = 10
"""Seconds in which the head of a request has to come; and the rest of one that is answered already."""

STALLED = 30
"""Seconds after which an answer is given up of which nothing more was taken."""

PROMPT = 5
"""Seconds between two parts of a body that is answered promptly."""

MAX_HEAD = 64 << 10
"""The most bytes of the head of a request."""

MAX_MESSAGE = 64 << 10
"""The most bytes of a message that comes over a websocket."""

MAX_CONNECTIONS = 256
"""The most connections at once; less where the process may open few files."""

BACKLOG = 32
"""Connections that are accepted at once, before the others get their turn."""

_SPARE_FILES = 96
"""Descriptors for the database and the files: half of what there is, if that is less."""

_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class _Seldom(logging.Filter):
    """Lets each message through once a minute, however often strangers cause it."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is told."""
        key, now = str(record.msg)[:200], time.monotonic()
        if now - self._last.get(key, -60) < 60:
            return False
        if len(self._last) >= 100:
            self._last.clear()
        self._last[key] = now
        return True


logger = logging.getLogger("kili_query.server.port")
logger.addFilter(_Seldom())


class _Watched(asyncio.Protocol):
    """A connection that is given up when its client takes nothing for long."""

    transport: asyncio.Transport
    loop: AbstractEventLoop
    _stalled: TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        if self._stalled:
            self._stalled.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Nobody takes the answer, for now."""
        super().pause_writing()
        self._watch(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """Somebody does."""
        super().resume_writing()
        if self._stalled:
            self._stalled.cancel()

    def _watch(self, left: int) -> None:
        def look() -> None:
            now = self.transport.get_write_buffer_size()
            if now >= left:
                self.transport.abort()
            else:
                self._watch(now)

        self._stalled = self.loop.call_later(STALLED, look)


class _Websocket(_Watched, WebSocketsSansIOProtocol):
    """A websocket with bounds; `subscriptions.py` sees to those who say nothing."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.logger = logger
        self.conn.debug = False  # frames hold keys, which no log is to show


class _Connection(_Watched, HttpToolsProtocol):
    """A connection with bounds. Requests that `prompt` knows are answered as soon as they are there."""

    def __init__(self, *args: Any, prompt: Prompt, **options: Any) -> None:
        super().__init__(*args, **options)
        self.logger = logger
        self._prompt = prompt
        self._timer: TimerHandle | None = None
        self._until: float | None = None
        """When the connection is closed, unless what is expected comes before."""
        self._head = 0
        """The bytes of the head that is being read; -1 behind it."""
        self._take: Take | None = None
        """What takes the body of the request that is answered promptly, and the body so far."""
        self._body: list[bytes] = []
        self._is_last = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, if there is room."""
        super().connection_made(transport)
        if len(self.connections) > most_connections():
            logger.warning("more than %d connections at once: the others are told to come again", most_connections())
            transport.write(_BUSY)
            transport.close()
        else:
            self._expect_end_of(PATIENCE)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._until = None
        self._set_timer()
        self._take, self._body = None, []
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has come, within the bounds of a head."""
        if self.transport.is_closing():
            return
        if self._head >= 0:
            self._head += len(data)
        super().data_received(data)
        if self._take is not None:
            self._expect_end_of(PROMPT)  # what comes slowly goes the other way, which tells when it gives up
        if self._head > MAX_HEAD:
            self.send_400_response(f"The head of a request has at most {MAX_HEAD} bytes.")

    def on_message_begin(self) -> None:
        """The head of a request begins."""
        super().on_message_begin()
        self._expect_end_of(PATIENCE)

    def on_headers_complete(self) -> None:
        """The head is there; those who read the body see to its time."""
        self._head = -1
        self._expect_end_of(None)
        self._take = self._begun_promptly()
        if self._take is None:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body is there."""
        if self._take is None:
            super().on_body(body)
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """The request is there."""
        self._head = 0
        if (take := self._take) is not None:
            body, self._take, self._body = b"".join(self._body), None, []
            if (answer := take(body)) is not None:
                self._answer(*answer)
                return
            self._pass_on(body)
        # there is no cycle for a first request that becomes a websocket
        self._expect_end_of(IDLE if self.cycle is not None and self.cycle.response_complete else None)
        super().on_message_complete()

    def _pass_on(self, body: bytes) -> None:
        """Have the application answer, which has seen nothing of the request."""
        super().on_headers_complete()
        super().on_body(body)

    def _begun_promptly(self) -> Take | None:
        """What takes the body of a plain request, if it is answered promptly and nothing before it waits for its answer."""
        busy = self.cycle is not None and not self.cycle.response_complete
        if busy or self.flow.write_paused or self.expect_100_continue or self.parser.should_upgrade():
            return None
        if self.parser.get_http_version() != "1.1" or not self.parser.should_keep_alive():
            return None
        return self._prompt.begun(self.parser.get_method(), self.url, self.headers)

    def _answer(self, headers: Headers, body: bytes) -> None:
        parts = [b"HTTP/1.1 200 OK\r\n"]
        for name, value in (*self.server_state.default_headers, *headers):
            parts += (name, b": ", value, b"\r\n")
        if self._is_last:
            parts.append(b"connection: close\r\n")
        parts += (b"\r\n", body)
        self.server_state.total_requests += 1
        self.transport.write(b"".join(parts))
        if self._is_last:
            self.transport.close()
        else:
            self._expect_end_of(IDLE)

    def shutdown(self) -> None:
        """The server ends: what is being taken in is answered before."""
        if self._take is None:
            super().shutdown()
        self._is_last = True

    def handle_websocket_upgrade(self) -> None:
        """The connection is no longer for requests: its times are not those of a websocket."""
        self._expect_end_of(None)
        super().handle_websocket_upgrade()

    def on_response_complete(self) -> None:
        """The answer is sent, maybe before the request was there."""
        super().on_response_complete()
        if self._head < 0:
            self._expect_end_of(PATIENCE)

    def _expect_end_of(self, seconds: float | None) -> None:
        """Close the connection after so many seconds, unless something else is expected before.

        A timer that rings too early is set anew then: most requests set none.
        """
        if seconds is None:
            self._until = None
            return
        self._until = self.loop.time() + seconds
        if self._timer is None or self._timer.when() > self._until:
            self._set_timer()

    def _set_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = None if self._until is None else self.loop.call_at(self._until, self._look_at_time)

    def _look_at_time(self) -> None:
        if self._until is not None and self.loop.time() >= self._until:
            self._timer = self._until = None
            if self._take is None:
                self.transport.close()
            else:
                body, self._take, self._body = b"".join(self._body), None, []
                self._pass_on(body)
        else:
            self._set_timer()


def most_connections() -> int:
    """The most connections that the process has descriptors for."""
    if sys.platform == "win32":
        return MAX_CONNECTIONS
    import resource

    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if files == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(1, min(MAX_CONNECTIONS, files - min(_SPARE_FILES, files // 2) - BACKLOG))


def listening_socket(host: str, port: int) -> sockets.socket:
    """A socket that listens.

    Raises
    ------
    DataError: the port is in use or forbidden, or the host is none of this machine.
    """
    family = sockets.AF_INET6 if ":" in host else sockets.AF_INET
    # asyncio sends small answers at once only over sockets that say they are TCP; others wait 40 ms for the client
    listening = sockets.socket(family, sockets.SOCK_STREAM, sockets.IPPROTO_TCP)
    try:
        if os.name != "nt":  # there it would let two servers share a port
            listening.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        listening.close()
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        no_host = isinstance(error, sockets.gaierror) or getattr(error, "errno", 0) == errno.EADDRNOTAVAIL
        works = "127.0.0.1 works" if no_host else "another port, or port 0 for a free one, works"
        message = f"cannot listen there: {reason}; {works}"
        raise DataError(message, code="KQ503", where=f"{host}:{port}") from None
    return listening


def serve(app: Any, prompt: Prompt, listening: sockets.socket) -> Callable[[], object]:
    """Serve an application, and prompt answers beside it, from a thread with a loop of its own; gives what ends it."""

    class Connection(_Connection):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, prompt=prompt, **options)

    config = uvicorn.Config(
        app, http=Connection, ws=_Websocket, ws_max_size=MAX_MESSAGE, ws_ping_interval=None, ws_per_message_deflate=False, lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=1,
        timeout_keep_alive=IDLE, backlog=BACKLOG,
    )  # fmt: skip
    server = uvicorn.Server(config)

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(_told)
        await server.serve([listening])

    thread = threading.Thread(target=lambda: _runner()(run()), name="local-kili", daemon=True)
    thread.start()

    def stop() -> None:
        server.should_exit = True
        thread.join()

    return stop


def _runner() -> Callable[[Any], object]:
    """What runs a coroutine: in the loop of uvloop, where it is installed, which takes half the time."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run
    return uvloop.run


def _told(loop: AbstractEventLoop, context: dict[str, Any]) -> None:
    """Failures of the loop itself, such as having no descriptor for a connection: asyncio tries again by itself."""
    error = context.get("exception")
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
        logger.warning("no more connections for now: %s", error.strerror)
    elif isinstance(error, OSError):
        logger.warning("a connection failed: %s", error.strerror)
    else:
        loop.default_exception_handler(context)
