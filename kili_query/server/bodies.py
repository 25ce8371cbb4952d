"""Bodies of requests: taken in within bounds that all requests share, and inflated in a thread."""

from __future__ import annotations

import asyncio
import zlib
from collections import deque
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from threading import Lock

from starlette.exceptions import HTTPException
from starlette.requests import Request

MAX_BODY = 256 << 20
"""The largest request, in bytes, before and after decompression."""

MAX_HELD = 256 << 20
"""The most bytes of bodies that are held at once, as they came; and as many inflated ones."""

MAX_CHUNKED = 1 << 20
"""The largest request that does not say beforehand how large it is."""

MAX_VALUES = 5_000_000
"""The most values of a JSON text: a pair of brackets takes two bytes in it, and fifty when it is read."""

PATIENCE = 30
"""The seconds in which a small body has to come."""

SLOWEST = 100_000
"""Bytes that come in a second: larger bodies have so much longer."""


class Bodies:
    """Takes in the bodies of all requests; inflates with `executor`."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._received, self._inflated = Room(MAX_HELD), Room(MAX_HELD)

    @asynccontextmanager
    async def of(self, request: Request) -> AsyncIterator[bytes]:
        """The body of a request, decompressed; its bytes count until the end of `with`.

        Raises
        ------
        HTTPException: it is too large, too slow, not what it says, or compressed in a way that is not known.
        """
        encoding = encoding_of(request)
        if encoding not in ("identity", "gzip"):
            raise HTTPException(415, f"a body is plain or compressed with gzip, and this is `{encoding}`")
        size = _declared(request)
        # what holds the one room waits for the other at most, so the two never wait in a circle
        async with self._received.taken(MAX_CHUNKED if size is None else size):
            body = await _received(request, size)
            if encoding == "identity":
                yield body
                return
            loop = asyncio.get_running_loop()
            whole = await loop.run_in_executor(self._executor, inflated_size, body)
            async with self._inflated.taken(whole):
                yield await loop.run_in_executor(self._executor, _inflated, body, whole)


def encoding_of(request: Request) -> str:
    """How a body is compressed; `identity` if it is not."""
    return request.headers.get("content-encoding", "identity").strip().lower()


class Room:
    """Bytes that requests share, of whatever event loop: each waits until all of its own fit, in the order they came."""

    def __init__(self, size: int) -> None:
        self._free = size
        self._lock = Lock()
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def taken(self, number: int) -> AsyncIterator[None]:
        """So many bytes, until the end of `with`."""
        await self._take(number)
        try:
            yield
        finally:
            self._give(number)

    async def _take(self, number: int) -> None:
        with self._lock:
            if number <= self._free and not self._waiting:
                self._free -= number
                return
            mine = number, asyncio.get_running_loop().create_future()
            self._waiting.append(mine)
        try:
            await mine[1]
        except asyncio.CancelledError:
            with self._lock:
                waits = mine in self._waiting
                if waits:
                    self._waiting.remove(mine)
            self._give(0 if waits else number)  # it may have been granted meanwhile
            raise

    def _give(self, number: int) -> None:
        with self._lock:
            self._free += number
            while self._waiting and self._waiting[0][0] <= self._free:
                wanted, waiter = self._waiting.popleft()
                try:
                    waiter.get_loop().call_soon_threadsafe(_grant, waiter)
                    self._free -= wanted
                except RuntimeError:  # its loop has ended
                    pass


def values(text: bytes) -> int:
    """How many values a JSON text holds at least, without reading it: their separators outside of its texts.

    >>> values(b'{"a": [1, 2, "x, [y]"], "b": {}}')
    6
    """
    bare = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    outside = bare.split(b'"', 2 * MAX_VALUES)[::2]
    return sum(part.count(b",") + part.count(b"[") + part.count(b"{") for part in outside)


def too_many_values(text: str | bytes) -> bool:
    """Whether a JSON text holds more than `MAX_VALUES`. Short ones are not looked at."""
    return len(text) > MAX_VALUES and values(text.encode() if isinstance(text, str) else text) > MAX_VALUES


def inflated_size(body: bytes) -> int:
    """How large a body will be, which is kept nowhere.

    Raises
    ------
    HTTPException: it is too large, or not what gzip writes.
    """
    inflate, size, rest = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS), 0, body
    while not inflate.eof:
        try:
            part = inflate.decompress(rest, _PART)
        except zlib.error:
            raise HTTPException(400, "the body is not what gzip writes") from None
        size, rest = size + len(part), inflate.unconsumed_tail
        if size > MAX_BODY:
            raise HTTPException(413, _TOO_LARGE.format(MAX_BODY))
        if not part and not rest and not inflate.eof:
            break
    if not inflate.eof or inflate.unused_data:
        raise HTTPException(400, "the compressed body ends too early, or goes on after its end")
    return size


_PART = 1 << 20
_TOO_LARGE = "a body has at most {:,} bytes; smaller batches work"


def _inflated(body: bytes, size: int) -> bytes:
    return zlib.decompress(body, wbits=16 + zlib.MAX_WBITS, bufsize=max(size, 1))


def _declared(request: Request) -> int | None:
    """The size that a request says its body has.

    Raises
    ------
    HTTPException: it is too large, or no number.
    """
    text = request.headers.get("content-length")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        raise HTTPException(400, "`Content-Length` is a number of bytes")
    size = int(text) if len(text) < 20 else MAX_BODY + 1
    if size > MAX_BODY:
        raise HTTPException(413, _TOO_LARGE.format(MAX_BODY))
    return size


async def _received(request: Request, size: int | None) -> bytes:
    """The body as it comes.

    Raises
    ------
    HTTPException: it is too slow, or larger than it says.
    ClientDisconnect: nobody waits for the answer.
    """
    most, body = MAX_CHUNKED if size is None else size, bytearray()
    try:
        async with asyncio.timeout(PATIENCE + most / SLOWEST):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most:
                    raise HTTPException(411, f"`Content-Length` is needed, and holds, for more than {most:,} bytes")
    except TimeoutError:
        raise HTTPException(408, f"the body has not come in time: {len(body):,} bytes of it did") from None
    return bytes(body)


def _grant(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
