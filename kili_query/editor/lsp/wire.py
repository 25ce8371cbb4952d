"""Messages between an editor and the server: read from a pipe or a socket, whatever else stands there, and written."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, BinaryIO

from pygls.exceptions import JsonRpcException, JsonRpcInvalidRequest

if TYPE_CHECKING:
    from kili_query.editor.lsp.session import KiliQueryServer

# Wherever it stands in a line: after a message that was longer than it said, this is where the next one begins.
_LENGTH = re.compile(rb"content-length[ \t]*:[ \t]*(\d{1,9})[ \t]*\r?\n\Z", re.IGNORECASE)
_LINE = 65_536
"""Bytes of a header line that are looked at together."""


def bodies(stream: BinaryIO) -> Iterator[bytes]:
    r"""The bodies of messages, until the stream ends.

    >>> import io
    >>> list(bodies(io.BytesIO(b"Content-Length: 2\r\n\r\n{}rest\r\ncontent-length:2\n\n[]")))
    [b'{}', b'[]']
    """
    length: int | None = None
    while header := stream.readline(_LINE):
        if found := _LENGTH.search(header):
            length = int(found[1])
        elif length is not None and not header.strip():
            body = stream.read(length)
            if len(body) < length:
                return
            yield body
            length = None


class Writer:
    """What the server writes to the editor, until that is gone."""

    def __init__(self, stream: BinaryIO, gone: Callable[[], None]) -> None:
        self._stream = stream
        self._gone = gone

    def write(self, data: bytes) -> None:
        """Write all of it at once."""
        try:
            self._stream.write(data)
            self._stream.flush()
        except (OSError, ValueError):  # nobody reads any more: nobody is to be told
            self._gone()

    def close(self) -> None:
        """Nothing: whoever has opened the stream closes it."""


def converse(server: KiliQueryServer, incoming: BinaryIO, outgoing: BinaryIO) -> None:
    """Handle messages until the editor says good-bye, or is gone."""
    asyncio.run(_converse(server, incoming, outgoing))


async def _converse(server: KiliQueryServer, incoming: BinaryIO, outgoing: BinaryIO) -> None:
    loop, over = asyncio.get_running_loop(), server.over
    server.protocol.set_writer(Writer(outgoing, over.set))

    def read() -> None:
        with contextlib.suppress(RuntimeError):  # the conversation is over, and so is the loop
            with contextlib.suppress(OSError, ValueError):  # a connection that was reset has ended as well
                for body in bodies(incoming):
                    loop.call_soon_threadsafe(handle, server, body)
            loop.call_soon_threadsafe(over.set)

    # a thread that waits for input cannot be interrupted: nobody must wait for it
    threading.Thread(target=read, name="messages of the editor", daemon=True).start()
    await over.wait()


def handle(server: KiliQueryServer, body: bytes) -> None:
    """Do what a message says; what is wrong with it is written to the log of the editor."""
    try:
        message = json.loads(body, object_hook=server.protocol.structure_message)
        if not hasattr(message, "jsonrpc"):
            raise JsonRpcInvalidRequest("no message of the protocol")
        server.protocol.handle_message(message)
    except (Exception, RecursionError) as error:
        server.report_server_error(error, JsonRpcException)
