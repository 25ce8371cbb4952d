"""How large a batch may be: as much as the line and the server were seen to carry in some seconds (sdk-methods.md 1)."""

from __future__ import annotations

import threading

START = 2_000_000
"""Bytes of a batch while nothing is known."""

LEAST, MOST = 256_000, 10_000_000
"""Bytes of a batch whatever is known: smaller ones would cost more than they carry, larger ones too much memory there."""

WANTED_SECONDS = 15.0
"""How long a batch is to take."""

SAMPLE = 100_000
"""Bytes from which a call tells how fast the line is, and not how far away the server."""

GROWTH, SHRINKING = 1.25, 0.5
"""How much one call may change the budget."""

NEWEST = 0.5
"""The weight of the last call in what is known of the speed."""


class ByteBudget:
    """The bytes that a batch may have, by how fast the last changes went. Safe to share between threads.

    >>> budget = ByteBudget()
    >>> budget.note(1_000_000, seconds=20)
    >>> budget.bytes
    1000000
    """

    def __init__(self) -> None:
        self.bytes = START
        self._speed: float | None = None
        self._lock = threading.Lock()

    def note(self, size: int, seconds: float) -> None:
        """A change of so many bytes was carried out in so many seconds."""
        if size < SAMPLE or seconds <= 0:
            return
        with self._lock:
            speed = size / seconds
            self._speed = speed if self._speed is None else NEWEST * speed + (1 - NEWEST) * self._speed
            wanted = min(max(self._speed * WANTED_SECONDS, self.bytes * SHRINKING), self.bytes * GROWTH)
            self.bytes = _bounded(wanted)

    def note_failure(self, size: int) -> None:
        """A change of so many bytes took too long, or was too much: the next ones have half of it at most."""
        if size >= SAMPLE:
            with self._lock:
                self.bytes = _bounded(min(self.bytes, size) / 2)


def _bounded(size: float) -> int:
    return int(min(MOST, max(LEAST, size)))
