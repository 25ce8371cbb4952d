"""What differs between the two SDKs: waiting, and several requests at once. This one is for asyncio."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")

sleep = asyncio.sleep


Place = tuple[int, asyncio.AbstractEventLoop | None]
"""Where connections may be shared: within a process, and within an event loop."""


def here() -> Place:
    """This place. The loop itself is named and not its `id`, which a later loop may have again."""
    try:
        return os.getpid(), asyncio.get_running_loop()
    except RuntimeError:
        return os.getpid(), None


def is_gone(place: Place) -> bool:
    """True if nothing can run there, or not from here."""
    process, loop = place
    return process != os.getpid() or (loop is not None and loop.is_closed())


def give_up(clients: Mapping[Place, Any]) -> None:
    """Nothing: connections of asyncio can only be closed from within their loop, by `aclose()`."""


def require_waiting() -> None:
    """Nothing: a task that nobody waits for any more is cancelled."""


async def in_order(calls: Iterable[Callable[[], Awaitable[T]]], ahead: int) -> AsyncGenerator[T]:
    """The results of calls in their order, with up to `ahead` of them under way at once, or one less and one looked at.

    The first goes alone, since somebody waits for it; the next are begun before it is given. When the consumer stops,
    or a call fails, those under way are cancelled and the rest are not begun.
    """
    remaining = iter(calls)
    under_way: deque[asyncio.Future[T]] = deque()

    def begin(most: int) -> None:
        while len(under_way) < most and (call := next(remaining, None)) is not None:
            under_way.append(asyncio.ensure_future(call()))

    begin(1)
    try:
        while under_way:
            result = await under_way.popleft()
            begin(ahead - 1)
            yield result
            begin(ahead)
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


PART = 1 << 18
"""Bytes of a file that are in memory at a time."""


async def file_parts(path: str) -> AsyncGenerator[bytes]:
    """The content of a file, part by part; read beside the event loop."""
    with open(path, "rb") as file:  # here: a thread that is given up would leave it open
        while part := await asyncio.to_thread(file.read, PART):
            yield part
