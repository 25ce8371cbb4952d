"""Tables for people, as the commands print them."""

from __future__ import annotations

import os
import sys

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from kili_query.cli import colored


class Table:
    """A table with a line below its head.

    Parameters
    ----------
    columns: their heads; one that begins with `>` stands to the right, as numbers do.
    """

    def __init__(self, *columns: str) -> None:
        self._table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False)
        for head in columns:
            right = head.startswith(">")
            self._table.add_column(
                head.removeprefix(">"), justify="right" if right else "left", no_wrap=right, overflow="fold"
            )

    def add(self, *cells: str | Text) -> None:
        """A row. What names hold is text, and no markup."""
        self._table.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in cells))

    def print(self) -> None:
        """Print it on standard output, as wide as it is there."""
        console().print(self._table)


def console() -> Console:
    """Standard output: as wide as the terminal, or as `COLUMNS` says; else wide enough for a pipe's reader."""
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 160
    return Console(file=sys.stdout, width=width, no_color=not colored(sys.stdout), highlight=False, markup=False)
