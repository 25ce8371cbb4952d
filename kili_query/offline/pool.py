"""Worker processes: work on items one after the other, in order, with a bounded amount under way. They end with their parent."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from kili_query.errors import DataError

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")
R = TypeVar("R")

MAX_DEFAULT_WORKERS = 8


def default_workers() -> int:
    """As many as this process may use cores, up to 8."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MAX_DEFAULT_WORKERS)


def few_collections() -> None:
    """Let Python look for rings of objects less often: syntax trees and labels are many objects, and hold none."""
    gc.set_threshold(100_000)  # else it costs up to a third of the time


def work_through(work: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[tuple[T, R]]:
    """Each item with what `work` made of it in another process, in the order of the items.

    Parameters
    ----------
    work: is pickled once for each worker, which keeps it from item to item.
    items: are asked for as they are needed.
    workers: number of processes.

    Raises
    ------
    DataError: a worker process was killed (KQ503).
    """
    from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor  # costs as much as a small input
    from multiprocessing import get_context

    # Forking is fast, and safe as long as there is no other thread, whose locks a child would inherit.
    fork = sys.platform == "linux" and threading.active_count() == 1
    pool = ProcessPoolExecutor(workers, get_context("fork" if fork else "spawn"), _start, (work,))
    waiting: deque[tuple[T, Future[R]]] = deque()
    try:
        for item in items:
            waiting.append((item, pool.submit(_do, item)))
            if len(waiting) > 2 * workers:
                first, future = waiting.popleft()
                yield first, future.result()
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()
    except BrokenProcessPool:
        raise DataError(
            "a worker process was killed, perhaps for lack of memory; `--workers 1` needs less", code="KQ503"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


# -- in the worker -----------------------------------------------------------------------------------------------------

_work: Callable[[Any], Any] | None = None


def _start(work: Callable[[Any], Any]) -> None:
    global _work
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends the pool
    signal.signal(
        signal.SIGTERM, signal.SIG_DFL
    )  # one that was forked would leave as the parent does, with its cleaning up
    few_collections()
    threading.Thread(target=_end_with_parent, name="ends with its parent", daemon=True).start()
    _work = work


def _end_with_parent() -> None:
    """End this process when its parent has, however that came: a parent that is killed ends no pool."""
    from multiprocessing import parent_process

    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _do(item: Any) -> Any:
    assert _work is not None
    return _work(item)
