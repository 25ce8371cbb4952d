"""What differs between the two SDKs: waiting, and several requests at once. This one is for threads."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

Place = int
"""Where connections may be shared: within a process. A forked child must not use its parent's."""

_this_thread = threading.local()


class GivenUp(Exception):
    """Ends a thread whose result nobody waits for any more."""


def here() -> Place:
    """This place."""
    return os.getpid()


def is_gone(place: Place) -> bool:
    """True if nothing can run there, or not from here."""
    return place != os.getpid()


def sleep(seconds: float) -> None:
    """Wait before a request is made; one that nobody waits for any more is not made."""
    given_up = _given_up()
    if given_up is None:
        time.sleep(seconds)
    elif given_up.wait(seconds):
        raise GivenUp


def require_waiting() -> None:
    """End a thread whose result nobody waits for any more, before it sends something.

    Raises
    ------
    GivenUp: nobody does.
    """
    given_up = _given_up()
    if given_up is not None and given_up.is_set():
        raise GivenUp


def _given_up() -> threading.Event | None:
    """Set when the caller that this thread works for has gone; None in the caller's own thread."""
    return getattr(_this_thread, "given_up", None)


def give_up(clients: Mapping[Place, Any]) -> None:
    """Close the connections of a client that nobody holds any more."""
    for client in clients.values():
        client.close()


def in_order(calls: Iterable[Callable[[], T]], ahead: int) -> Generator[T]:
    """The results of calls in their order, with up to `ahead` of them under way at once, or one less and one looked at.

    The first goes alone, since somebody waits for it; the next are begun before it is given. When the consumer stops,
    or a call fails, the rest are not begun, and those under way are not sent again. Threads are daemons, because one
    that waits for a slow server must not keep the program from ending after Ctrl-C.
    """
    remaining = iter(calls)
    under_way: deque[tuple[Callable[[], T], Future[T]]] = deque()
    outer = _given_up()
    given_up = outer or threading.Event()
    process = os.getpid()

    def begin(most: int) -> None:
        nonlocal process, given_up
        if process != os.getpid():
            # the threads have stayed in the parent: a forked child that goes on does their work anew
            process, given_up = os.getpid(), threading.Event()
            begun = [call for call, _ in under_way]
            under_way.clear()
            under_way.extend((call, _started(call, given_up)) for call in begun)
        while len(under_way) < most and (call := next(remaining, None)) is not None:
            if given_up.is_set():
                raise GivenUp
            under_way.append((call, _started(call, given_up)))

    try:
        begin(1)
        while under_way:
            result = under_way.popleft()[1].result()
            begin(ahead - 1)
            yield result
            begin(ahead)
    finally:
        if outer is None and process == os.getpid():
            given_up.set()


def as_done(calls: Generator[Callable[[], T] | None], most: int) -> Generator[T | None]:
    """The results of calls as they come, with up to `most` of them under way at once.

    A call that is None is a pause: the next is asked for when another has ended, and the consumer has had its turn, for
    which it is given None if none is under way. When the consumer stops, or a call fails, no more are begun, and those
    under way end as soon as they look whether somebody waits.
    """
    under_way: dict[Future[T], Callable[[], T]] = {}
    done: SimpleQueue[Future[T]] = SimpleQueue()
    outer = _given_up()
    given_up = outer or threading.Event()
    process = os.getpid()
    more = True

    def begin(call: Callable[[], T]) -> None:
        future = _started(call, given_up)
        under_way[future] = call
        future.add_done_callback(done.put)

    try:
        while more or under_way:
            if process != os.getpid():
                # the threads have stayed in the parent: a forked child that goes on does their work anew
                process, given_up, done = os.getpid(), threading.Event(), SimpleQueue()
                begun = list(under_way.values())
                under_way.clear()
                for call in begun:
                    begin(call)
            while more and len(under_way) < most:
                wanted = next(calls, _END)
                if given_up.is_set():
                    raise GivenUp
                if isinstance(wanted, _End):
                    more = False
                elif wanted is not None:
                    begin(wanted)
                    continue
                break
            if not under_way:
                yield None
                continue
            future = done.get()
            del under_way[future]
            yield future.result()
    finally:
        if outer is None and process == os.getpid():
            given_up.set()
        calls.close()


class _End:
    """What stands for the end of calls, among which None has a meaning."""


_END = _End()


def aside(work: Callable[[], T]) -> T:
    """What some work on the disk gives."""
    return work()


def _started(call: Callable[[], T], given_up: threading.Event) -> Future[T]:
    future: Future[T] = Future()
    threading.Thread(target=_run, args=(call, future, given_up), daemon=True, name="kili_query request").start()
    return future


def _run(call: Callable[[], T], future: Future[T], given_up: threading.Event) -> None:
    _this_thread.given_up = given_up
    try:
        future.set_result(call())
    except BaseException as error:
        future.set_exception(error)


PART = 1 << 18
"""Bytes of a file that are in memory at a time."""


def file_parts(path: str) -> Generator[bytes]:
    """The content of a file, part by part."""
    with open(path, "rb") as file:
        while part := file.read(PART):
            yield part
