"""A line before local Kili that can be cut, in the middle of a message if need be; websockets may lead elsewhere."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

from kili_query.server import LocalKili


class Line:
    """Hands bytes on in both directions.

    `up`: whether connections are taken. `websockets`: the port that websockets lead to, if not the server's own.
    `answer`: what requests of HTTP get instead of an answer. `cut_after`: so many bytes of what comes next over a websocket
    are handed on before it breaks.
    """

    def __init__(self, server: LocalKili) -> None:
        self._upstream = urlsplit(server.url).port or 0
        self.up = True
        self.websockets: int | None = None
        self.answer: bytes | None = None
        self.cut_after: int | None = None
        self.opened = 0
        """Websockets that were opened."""
        self._open: set[socket.socket] = set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listening.getsockname()[1]}/api/label/v2/graphql"
        threading.Thread(target=self._accept, daemon=True).start()

    def break_all(self) -> None:
        """Break all connections that are open, as a machine does that was switched off."""
        for connection in list(self._open):
            _reset(connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.up = False
        _reset(self._listening)
        self.break_all()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):
            first = connection.recv(1 << 16) if self.up else b""
            websocket = b"upgrade: websocket" in first.lower()
            if not first or (self.answer is not None and not websocket):
                connection.sendall((self.answer or b"") if first else b"")
                _reset(connection) if not first else connection.close()
                return
            port = self._upstream if not websocket or self.websockets is None else self.websockets
            upstream = socket.create_connection(("127.0.0.1", port))
            upstream.sendall(first)
            self.opened += websocket
            self._open.add(connection)
            threading.Thread(target=self._pump, args=(connection, upstream, False), daemon=True).start()
            self._pump(upstream, connection, websocket)

    def _pump(self, source: socket.socket, target: socket.socket, may_be_cut: bool) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if may_be_cut and self.cut_after is not None:
                    data, self.cut_after = data[: self.cut_after], None
                    target.sendall(data)
                    break
                target.sendall(data)
        for end in (source, target):
            self._open.discard(end)
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def _reset(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
