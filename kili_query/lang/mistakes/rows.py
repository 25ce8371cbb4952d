"""Tables of syntax errors: a row says what is written, what is meant and the hint; one loop finds the row that fits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from kili_query.errors import Diagnostic, Fix, Span
from kili_query.lang.mistakes.place import At, unexpected
from kili_query.lang.operators import Operator
from kili_query.lang.wording import shown

Meant = str | Callable[[re.Match[str], Operator], str]
"""The text in place of what is written: a template as of `re`, or a function of what was found and the operator."""


class Row(NamedTuple):
    r"""A mistake. In its texts `{written}`, `{meant}` and `{operator}` are filled in.

    >>> Row.of(r"(\d+)x", "leave out the x", r"\1").written.pattern
    '(\\d+)x'
    """

    written: re.Pattern[str]
    hint: str
    meant: Meant | None = None
    """None: there is no repair."""
    message: str | None = None
    """None: that it cannot stand here, and what is expected."""
    operators: tuple[Operator, ...] = tuple(Operator)
    """The operators behind which it is this mistake."""
    with_operator: bool = False
    """True if `meant` stands in place of the operator too."""

    @classmethod
    def of(
        cls,
        written: str,
        hint: str,
        meant: Meant | None = None,
        *,
        message: str | None = None,
        operators: tuple[Operator, ...] = tuple(Operator),
        with_operator: bool = False,
    ) -> Row:
        """A row, its pattern as text."""
        return cls(re.compile(written), hint, meant, message, operators, with_operator)


def words(*of_them: str) -> str:
    """The pattern of whole words, in whatever letter case."""
    return rf"(?ai:{'|'.join(of_them)})(?![\w*-])"


def explain(
    rows: Iterable[Row], at: At, expected: str, operator: Operator = Operator.EQ, start: int | None = None
) -> Diagnostic:
    """What the first row says that fits what stands here, behind an operator (which stands at `start`), if there is one.

    The last row of a table fits everything.
    """
    row, found = next((row, found) for row in rows if (found := fitting(row, at, operator)))
    meant, fix = "", None
    if row.meant is not None:
        meant = found.expand(row.meant) if isinstance(row.meant, str) else row.meant(found, operator)
        first = found.start() if start is None or not row.with_operator else start
        fix = Fix(Span(first, found.end()), meant)
    filled = {"written": shown(found[0]), "meant": shown(meant), "operator": operator.symbol}
    hint = row.hint.format(**filled)
    if row.message is None:
        return unexpected(at, expected, hint, fix)
    return Diagnostic("KQ101", row.message.format(**filled), Span(*found.span()), hint, fix)


def fitting(row: Row, at: At, operator: Operator) -> re.Match[str] | None:
    """What a row finds at a position, behind an operator; None if it does not fit."""
    return row.written.match(at.text, at.position) if operator in row.operators else None
