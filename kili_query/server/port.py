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

IDLE = 5
"""Seconds that a connection is kept without a request."""

PATIENCE = 10
"""Seconds in which the head of a request has to come; and the rest of one that is answered already."""

STALLED = 30
"""Seconds after which an answer is given up of which nothing more was taken."""

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
    """A connection with bounds."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.logger = logger
        self._timer: TimerHandle | None = None
        self._head = 0
        """The bytes of the head that is being read; -1 behind it."""

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
        self._expect_end_of(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has come, within the bounds of a head."""
        if self.transport.is_closing():
            return
        if self._head >= 0:
            self._head += len(data)
        super().data_received(data)
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
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is there."""
        self._head = 0
        # there is no cycle for a first request that becomes a websocket
        self._expect_end_of(IDLE if self.cycle is not None and self.cycle.response_complete else None)
        super().on_message_complete()

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
        """Close the connection after so many seconds, unless something else is expected before."""
        if self._timer:
            self._timer.cancel()
        self._timer = None if seconds is None else self.loop.call_later(seconds, self.transport.close)


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


def serve(app: Any, listening: sockets.socket) -> Callable[[], object]:
    """Serve an application from a thread with a loop of its own; gives what ends it."""
    config = uvicorn.Config(
        app, http=_Connection, ws=_Websocket, ws_max_size=MAX_MESSAGE, ws_ping_interval=None, ws_per_message_deflate=False, lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=1,
        timeout_keep_alive=IDLE, backlog=BACKLOG,
    )  # fmt: skip
    server = uvicorn.Server(config)

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(_told)
        await server.serve([listening])

    thread = threading.Thread(target=lambda: asyncio.run(run()), name="local-kili", daemon=True)
    thread.start()

    def stop() -> None:
        server.should_exit = True
        thread.join()

    return stop


def _told(loop: AbstractEventLoop, context: dict[str, Any]) -> None:
    """Failures of the loop itself, such as having no descriptor for a connection: asyncio tries again by itself."""
    error = context.get("exception")
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
        logger.warning("no more connections for now: %s", error.strerror)
    elif isinstance(error, OSError):
        logger.warning("a connection failed: %s", error.strerror)
    else:
        loop.default_exception_handler(context)
