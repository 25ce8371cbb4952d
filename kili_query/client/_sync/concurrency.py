"""What differs between the two SDKs: waiting, and several requests at once. This one is for threads."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

T = TypeVar("T")

STRAIGHT = True
"""Whether small uploads go straight over sockets, for which a thread waits."""

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


def in_order(calls: Iterable[Callable[[], T]], ahead: int, *, eager: bool = False) -> Generator[T]:
    """The results of calls in their order, with up to `ahead` of them under way at once, or one less and one looked at.

    The first goes alone, since somebody waits for it; the next are begun before it is given. `eager`: nobody waits for the
    first more than for the others, and all begin at once. When the consumer stops,
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
        begin(ahead if eager else 1)
        while under_way:
            result = under_way.popleft()[1].result()
            begin(ahead if eager else ahead - 1)
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
    outer = _given_up()
    given_up = outer or threading.Event()
    workers: _Workers[T] = _Workers(most, given_up)
    process = os.getpid()
    more = True
    try:
        while more or workers.under_way:
            if process != os.getpid():
                # the threads have stayed in the parent: a forked child that goes on does their work anew
                process, given_up = os.getpid(), threading.Event()
                begun, workers = workers.under_way, _Workers(most, given_up)
                for call in begun.values():
                    workers.begin(call)
            while more and len(workers.under_way) < most:
                wanted = next(calls, workers)
                if given_up.is_set():
                    raise GivenUp
                if isinstance(wanted, _Workers):
                    more = False
                elif wanted is not None:
                    workers.begin(wanted)
                    continue
                break
            yield workers.result() if workers.under_way else None
    finally:
        if outer is None and process == os.getpid():
            given_up.set()
        workers.end()
        calls.close()


class _Workers(Generic[T]):
    """Threads that carry out one call after another, and end when nobody waits any more."""

    def __init__(self, most: int, given_up: threading.Event) -> None:
        self.under_way: dict[Future[T], Callable[[], T]] = {}
        self._most = most
        self._given_up = given_up
        self._threads = 0
        self._begun: SimpleQueue[Future[T] | None] = SimpleQueue()
        self._ended: SimpleQueue[Future[T]] = SimpleQueue()

    def begin(self, call: Callable[[], T]) -> None:
        """Have a call carried out."""
        future: Future[T] = Future()
        self.under_way[future] = call
        if self._threads < min(self._most, len(self.under_way)):
            self._threads += 1
            threading.Thread(target=self._work, daemon=True, name="kili_query request").start()
        self._begun.put(future)

    def result(self) -> T:
        """The result of the next call that ends."""
        future = self._ended.get()
        del self.under_way[future]
        return future.result()

    def end(self) -> None:
        """Let the threads end."""
        for _ in range(self._threads):
            self._begun.put(None)

    def _work(self) -> None:
        while (future := self._begun.get()) is not None:
            call = self.under_way[future]
            _run(call, future, self._given_up)
            self._ended.put(future)


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
