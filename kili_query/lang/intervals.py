"""Sets of counts: whole numbers from 0, as disjoint intervals in rising order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Interval(NamedTuple):
    """The whole numbers from `low` to `high`, both included; `high` None means without end."""

    low: int
    high: int | None


class Counts(tuple[Interval, ...]):
    """A set of counts. Equal sets are equal tuples: intervals neither overlap nor touch.

    >>> at_least(3) & ~exactly(5)
    Counts((Interval(low=3, high=4), Interval(low=6, high=None)))
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Counts({super().__repr__()})"

    def has(self, number: int) -> bool:
        """True if the number is in the set."""
        return any(low <= number and (high is None or number <= high) for low, high in self)

    def __and__(self, other: Counts) -> Counts:
        return Counts(_overlaps(self, other))

    def __or__(self, other: Counts) -> Counts:
        return union(self, other)

    def __invert__(self) -> Counts:
        return Counts(_gaps(self))

    def __le__(self, other: object) -> bool:
        """True if each number of this set is in the other."""
        return isinstance(other, Counts) and (other == ALL or self & other == self)


def between(low: int | None, high: int | None) -> Counts:
    """The counts from `low` to `high`; None: no bound on that side."""
    low = max(low or 0, 0)
    return NONE if high is not None and high < low else Counts((Interval(low, high),))


def at_least(low: int) -> Counts:
    """The counts from `low`."""
    return between(low, None)


def at_most(high: int) -> Counts:
    """The counts up to `high`."""
    return between(None, high)


def exactly(*numbers: int) -> Counts:
    """The counts among these numbers."""
    return _merged(Interval(n, n) for n in numbers if n >= 0)


def union(*sets: Counts) -> Counts:
    """What is in any of the sets."""
    return _merged(interval for one in sets for interval in one)


def _merged(intervals: Iterable[Interval]) -> Counts:
    result: list[Interval] = []
    for low, high in sorted(intervals, key=lambda interval: interval.low):
        last = result[-1] if result else None
        if last is None or (last.high is not None and last.high + 1 < low):
            result.append(Interval(low, high))
        elif last.high is not None and (high is None or high > last.high):
            result[-1] = Interval(last.low, high)
    return Counts(result)


def _overlaps(left: Counts, right: Counts) -> Iterator[Interval]:
    i = j = 0
    while i < len(left) and j < len(right):
        a, b = left[i], right[j]
        low, high = max(a.low, b.low), _lower(a.high, b.high)
        if high is None or low <= high:
            yield Interval(low, high)
        if high == a.high:
            i += 1
        if high == b.high:
            j += 1


def _lower(a: int | None, b: int | None) -> int | None:
    return b if a is None else a if b is None else min(a, b)


def _gaps(counts: Counts) -> Iterator[Interval]:
    start = 0
    for low, high in counts:
        if start < low:
            yield Interval(start, low - 1)
        if high is None:
            return
        start = high + 1
    yield Interval(start, None)


NONE = Counts()
ALL = Counts((Interval(0, None),))
