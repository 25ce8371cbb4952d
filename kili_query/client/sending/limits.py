"""The rate limit: 500 calls a minute, shared by all threads and tasks of the process (wire.md 1)."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable

CALLS, PERIOD = 500, 60.0

log = logging.getLogger("kili_query.client")


class RateLimit:
    """At most `calls` in any span of `period` seconds.

    A caller reserves its call and is told how long to wait for it. So one limit serves threads and tasks alike:
    how to wait is their business, and those who came first go first.

    >>> limit = RateLimit(2, 60, clock=lambda: 0.0)
    >>> [limit.reserve() for _ in range(3)]
    [0.0, 0.0, 60.0]
    """

    def __init__(self, calls: int = CALLS, period: float = PERIOD, clock: Callable[[], float] = time.monotonic) -> None:
        self._period = period
        self._clock = clock
        self._reserved: deque[float] = deque(maxlen=calls)
        self._lock = threading.Lock()
        if hasattr(os, "register_at_fork"):
            # a fork while another thread holds the lock would leave it locked in the child for ever
            os.register_at_fork(after_in_child=self._unlock)

    def reserve(self) -> float:
        """Reserve a call; the seconds to wait before it may be made."""
        with self._lock:
            now = self._clock()
            at = now
            if len(self._reserved) == self._reserved.maxlen:
                at = max(now, self._reserved[0] + self._period)
            self._reserved.append(at)
            return at - now

    def _unlock(self) -> None:
        self._lock = threading.Lock()


def tell_wait(seconds: float) -> None:
    """Tell the log why nothing happens for a while."""
    if seconds > 1:
        log.warning("%d calls were made within a minute; the next one waits for %.0f s", CALLS, seconds)


PROCESS_LIMIT = RateLimit()
"""The one limit of this process."""
