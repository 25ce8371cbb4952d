"""What differs between the two SDKs: waiting, and several requests at once. This one is for asyncio."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")

STRAIGHT = False
"""Whether small uploads go straight over sockets, for which a thread waits."""

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


async def in_order(
    calls: Iterable[Callable[[], Awaitable[T]]], ahead: int, *, eager: bool = False
) -> AsyncGenerator[T]:
    """The results of calls in their order, with up to `ahead` of them under way at once, or one less and one looked at.

    The first goes alone, since somebody waits for it; the next are begun before it is given. `eager`: nobody waits for the
    first more than for the others, and all begin at once. When the consumer stops,
    or a call fails, those under way are cancelled and the rest are not begun.
    """
    remaining = iter(calls)
    under_way: deque[asyncio.Future[T]] = deque()

    def begin(most: int) -> None:
        while len(under_way) < most and (call := next(remaining, None)) is not None:
            under_way.append(asyncio.ensure_future(call()))

    begin(ahead if eager else 1)
    try:
        while under_way:
            result = await under_way.popleft()
            begin(ahead if eager else ahead - 1)
            yield result
            begin(ahead)
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def as_done(calls: AsyncGenerator[Callable[[], Awaitable[T]] | None], most: int) -> AsyncGenerator[T | None]:
    """The results of calls as they come, with up to `most` of them under way at once.

    A call that is None is a pause: the next is asked for when another has ended, and the consumer has had its turn, for
    which it is given None if none is under way. When the consumer stops, or a call fails, those under way are cancelled.
    """
    under_way: set[asyncio.Future[T]] = set()
    more = True
    try:
        while more or under_way:
            while more and len(under_way) < most:
                try:
                    call = await anext(calls)
                except StopAsyncIteration:
                    more = False
                    break
                if call is None:
                    break
                under_way.add(asyncio.ensure_future(call()))
            if not under_way:
                yield None
                continue
            done, _ = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                under_way.discard(task)
                yield task.result()
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        await calls.aclose()


async def aside(work: Callable[[], T]) -> T:
    """What some work on the disk gives, done beside the event loop; who is cancelled meanwhile waits for its end."""
    under_way = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(under_way)
    except asyncio.CancelledError:
        await asyncio.wait([under_way])
        under_way.cancelled() or under_way.exception()  # looked at, or the loop prints it: what cancelled this one is told
        raise


PART = 1 << 18
"""Bytes of a file that are in memory at a time."""


async def file_parts(path: str) -> AsyncGenerator[bytes]:
    """The content of a file, part by part; read beside the event loop."""
    with open(path, "rb") as file:  # here: a thread that is given up would leave it open
        while part := await asyncio.to_thread(file.read, PART):
            yield part
