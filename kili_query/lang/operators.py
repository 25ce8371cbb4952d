"""The comparison operators: one row each, with symbol, words, test and accepted values."""

from __future__ import annotations

import operator as python
from collections.abc import Callable
from enum import Enum

from kili_query.lang.intervals import Intervals, at_least, at_most, exactly


class Operator(Enum):
    """A row of the table: symbol, the words for it, the test, the values that pass."""

    EQ = ("==", "exactly", python.eq, exactly)
    NE = ("!=", "any number but", python.ne, lambda n: ~exactly(n))
    GE = (">=", "at least", python.ge, at_least)
    LE = ("<=", "at most", python.le, at_most)
    LT = ("<", "fewer than", python.lt, lambda n: at_most(n - 1))
    GT = (">", "more than", python.gt, lambda n: at_least(n + 1))

    def __init__(
        self, symbol: str, words: str, test: Callable[[int, int], bool], accepted: Callable[[int], Intervals]
    ) -> None:
        self.symbol = symbol
        self.words = words
        self.test = test
        """`test(value, number)` tells whether the comparison holds."""
        self.accepted = accepted
        """`accepted(number)` is the set of values for which it holds."""

    def __reduce_ex__(self, _: object) -> tuple[object, ...]:
        return (getattr, (Operator, self.name))  # by name: the functions of a row cannot be pickled

    @property
    def negated(self) -> Operator:
        """The operator that holds just when this one does not."""
        return BY_SYMBOL[_OPPOSITES[self.symbol]]

    @property
    def mirrored(self) -> Operator:
        """The operator that means the same with the two sides exchanged."""
        return BY_SYMBOL[self.symbol.translate(_MIRROR)]


_OPPOSITES = {"==": "!=", "!=": "==", ">=": "<", "<": ">=", "<=": ">", ">": "<="}
_MIRROR = str.maketrans("<>", "><")

BY_SYMBOL = {operator.symbol: operator for operator in Operator}
