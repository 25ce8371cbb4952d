"""Parser state at a syntax error: the position, what could stand there, what is still open."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from enum import Enum
from typing import NamedTuple


class Slot(Enum):
    """What can stand at a position of a query: its rows are in the order in which `of` looks for them."""

    COMPARISON = frozenset({"COMPARISON"})
    """A comparison, `NOT` or a parenthesis: at the beginning, behind a connective, behind `NOT`."""
    OPERATOR = frozenset({"NOT", "_IN"})
    """An operator, `IN` or `NOT IN`: behind a count."""
    IN = frozenset({"_IN"})
    """Behind a count and `NOT`."""
    SET = frozenset({"LPAR"})
    """A list or a range: behind `IN`."""
    UPPER_END = frozenset({"INTEGER", "_AND"})
    """The upper end of a range, or what follows one that has none: behind `2..`."""
    ITEM = frozenset({"INTEGERS"})
    """A number of a list."""
    NUMBER = frozenset({"INTEGER"})
    """The upper end of a range that has no lower one."""
    DOTS = frozenset({"RANGE"})
    """The dots of a range."""
    COMMA = frozenset({"_COMMA"})
    """Behind a number of a list."""
    CONNECTIVE = frozenset({"_AND"})
    """`AND`, `OR` or the end: behind a comparison."""
    END = frozenset[str]()
    """The end, or a parenthesis that closes: what stands there told the parser that the last comparison is complete."""

    @classmethod
    def of(cls, accepts: AbstractSet[str]) -> Slot:
        """The slot where the parser could go on with these terminals of the grammar.

        >>> Slot.of({"_AND", "_OR", "$END"})
        <Slot.CONNECTIVE: frozenset({'_AND'})>
        """
        return next(slot for slot in cls if slot.value <= accepts)


class Token(NamedTuple):
    """A token that was read."""

    kind: str
    """What it is in the grammar: `LPAR`, `OPERAND`, `NOT`, `_IN`, `_AND`."""
    start: int
    end: int
    text: str
    times: int = 1
    """For `LPAR`: how many are open right inside of one another, of which this is the innermost."""


class Stopped(NamedTuple):
    """A position up to which a text could be the beginning of a query."""

    position: int
    slot: Slot
    closable: bool
    """True if a parenthesis, or the list, could be closed here."""
    open: tuple[Token, ...]
    """The tokens that are not yet part of something complete, the innermost last."""
