"""Sets of whole numbers from 0, as disjoint intervals in rising order: the values of an operand that pass a comparison."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Interval(NamedTuple):
    """The whole numbers from `low` to `high`, both included; `high` None means without end."""

    low: int
    high: int | None


class Intervals(tuple[Interval, ...]):
    """A set of whole numbers from 0. Equal sets are equal tuples: intervals neither overlap nor touch.

    >>> at_least(3) & ~exactly(5)
    Intervals((Interval(low=3, high=4), Interval(low=6, high=None)))
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Intervals({super().__repr__()})"

    def has(self, number: int) -> bool:
        """True if the number is in the set."""
        return any(low <= number and (high is None or number <= high) for low, high in self)

    def __and__(self, other: Intervals) -> Intervals:
        return Intervals(_overlaps(self, other))

    def __or__(self, other: Intervals) -> Intervals:
        return union(self, other)

    def __invert__(self) -> Intervals:
        return Intervals(_gaps(self))

    def __le__(self, other: object) -> bool:
        """True if each number of this set is in the other."""
        return isinstance(other, Intervals) and (other == ALL or self & other == self)


def between(low: int | None, high: int | None) -> Intervals:
    """The numbers from `low` to `high`; None: no bound on that side."""
    low = max(low or 0, 0)
    return NONE if high is not None and high < low else Intervals((Interval(low, high),))


def at_least(low: int) -> Intervals:
    """The numbers from `low`."""
    return between(low, None)


def at_most(high: int) -> Intervals:
    """The numbers from 0 to `high`."""
    return between(None, high)


def exactly(*numbers: int) -> Intervals:
    """These numbers; those below 0 are left out, as no operand has such a value."""
    return _merged(Interval(n, n) for n in numbers if n >= 0)


def union(*sets: Intervals) -> Intervals:
    """What is in any of the sets."""
    return _merged(interval for one in sets for interval in one)


def _merged(intervals: Iterable[Interval]) -> Intervals:
    result: list[Interval] = []
    for low, high in sorted(intervals, key=lambda interval: interval.low):
        last = result[-1] if result else None
        if last is None or (last.high is not None and last.high + 1 < low):
            result.append(Interval(low, high))
        elif last.high is not None and (high is None or high > last.high):
            result[-1] = Interval(last.low, high)
    return Intervals(result)


def _overlaps(left: Intervals, right: Intervals) -> Iterator[Interval]:
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


def _gaps(intervals: Intervals) -> Iterator[Interval]:
    start = 0
    for low, high in intervals:
        if start < low:
            yield Interval(start, low - 1)
        if high is None:
            return
        start = high + 1
    yield Interval(start, None)


NONE = Intervals()
ALL = Intervals((Interval(0, None),))
