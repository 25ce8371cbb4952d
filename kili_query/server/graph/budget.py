"""The budget of an answer: how many rows and bytes it may have, counted before they are put together.

Records are shared while they are read: the asset of two labels is one object. In the text of the answer it stands twice,
and levels multiply. So what is counted is not what was read, but how often it will be written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLError

MAX_ROWS = 500_000
"""The most rows of an answer, those of all levels taken together."""

MAX_BYTES = 256 << 20
"""The most bytes of an answer: of its texts, and `CELL` for each value."""

MAX_ROOTS = 100
"""The most fields at the root of a document; clients send one, or a few."""

CELL = 32
"""What a value weighs beside its text: its place in memory, and its key in the answer."""

COMPLETED = 1024
"""The same, where graphql-core completes it: that is slow."""


class TooLargeError(GraphQLError):
    """An answer that would go beyond its budget."""

    def __init__(self, message: str, **context: object) -> None:
        super().__init__(message, extensions={"code": "ANSWER_TOO_LARGE", "context": context})


@dataclass(slots=True)
class Budget:
    """What is left for an answer."""

    max_rows: int = MAX_ROWS
    max_bytes: int = MAX_BYTES
    rows: int = 0
    bytes: int = 0
    roots: int = 0

    def spend(self, rows: int, size: int) -> None:
        """Take a part of what is left.

        Raises
        ------
        TooLargeError: it is more than that.
        """
        self.rows += rows
        self.bytes += size
        if self.rows > self.max_rows or self.bytes > self.max_bytes:
            what = f"{self.max_rows:,} rows" if self.rows > self.max_rows else f"{self.max_bytes:,} bytes"
            message = f"the answer has more than {what}, which is the most; a smaller page, or fewer fields, works"
            raise TooLargeError(message, rows=self.max_rows, bytes=self.max_bytes)

    def spend_values(self, values: Iterable[object], often: int = 1, cell: int = CELL) -> None:
        """Take what values weigh that stand so often in the answer.

        Raises
        ------
        TooLargeError: it is more than what is left.
        """
        self.spend(0, often * _weight(values, cell))

    def begin_root(self) -> None:
        """Count a field at the root: each is a question of its own.

        Raises
        ------
        TooLargeError: there were as many as there may be.
        """
        self.roots += 1
        if self.roots > MAX_ROOTS:
            message = f"a document has at most {MAX_ROOTS} fields at its root; several documents work"
            raise TooLargeError(message, roots=MAX_ROOTS)

    def taken(self, rows: Iterable[Row], times: Times, widen: Callable[[Row], Row] | None = None) -> list[Row]:
        """The rows, read one by one, as the answer has them: `widen` repeats the values of a row under further names.

        Raises
        ------
        TooLargeError: they are more than what is left.
        """
        found = []
        for read in rows:
            row = widen(read) if widen else read
            often = times.get(row[-1], 1)
            self.spend(often, often * _weight(row, CELL))
            found.append(row)
        return found


Row = Sequence[Any]
"""The values of a row. The last is not for the answer: it tells to which row of the level above the row belongs."""

Times = Mapping[Any, int]
"""How often rows stand in the answer, by their last value; those that are not there stand once."""


def _weight(values: Iterable[object], cell: int) -> int:
    return sum(cell + len(value) if type(value) is str else cell for value in values)
