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


async def in_order(calls: Iterable[Callable[[], Awaitable[T]]], ahead: int) -> AsyncGenerator[T]:
    """The results of calls in their order, with up to `ahead` of them under way at once.

    When the consumer stops, or a call fails, those under way are cancelled and the rest are not begun.
    """
    remaining = iter(calls)
    under_way: deque[asyncio.Future[T]] = deque()
    try:
        while True:
            while len(under_way) < ahead and (call := next(remaining, None)) is not None:
                under_way.append(asyncio.ensure_future(call()))
            if not under_way:
                return
            yield await under_way.popleft()
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
