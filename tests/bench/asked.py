"""What is asked of speed: each bench puts its figures here, and `make bench` ends with one table of all of them.

A bench calls `asked` where it has measured what somebody asked for, and `left_out` where it cannot: it is told at once, and
stands in the table of the run that started the bench.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NamedTuple

ROWS = "KILI_QUERY_BENCH_ROWS"
"""The variable that names the file in which the rows of a run are gathered, whatever process they come from."""


class Row(NamedTuple):
    """A figure that was asked for."""

    what: str
    target: float | None
    """None: it could not be measured."""
    measured: float = 0.0
    most: bool = False
    """True if the target is the most that it may be, else the least."""
    why: str = ""
    """Why it could not be measured."""

    @property
    def ratio(self) -> float:
        """How good it is: 1 and more is what was asked for."""
        if self.target is None:
            return 0.0
        better, worse = (self.target, self.measured) if self.most else (self.measured, self.target)
        return better / worse if worse else float("inf")

    def __str__(self) -> str:
        if self.target is None:
            return f"{self.what:66} not measured: {self.why}"
        sign = "<=" if self.most else ">="
        verdict = "ok" if self.ratio >= 1 else "MISSED"
        return f"{self.what:66}{sign:>3} {self.target:<8g}{self.measured:10.2f}{self.ratio:8.2f}  {verdict}"


def asked(what: str, measured: float, target: float, *, most: bool = False) -> None:
    """Tell of a figure, and keep it for the table."""
    _keep(Row(what, target, measured, most))


def left_out(what: str, why: str) -> None:
    """Tell that a figure could not be measured, and keep that for the table."""
    _keep(Row(what, None, why=why))


def table(path: Path) -> str:
    """All rows of a run."""
    rows = [Row(*json.loads(line)) for line in path.read_text("utf-8").splitlines()]
    head = f"{'':66}{'asked':>11}{'measured':>11}{'ratio':>8}"
    missed = sum(row.target is not None and row.ratio < 1 for row in rows)
    unknown = sum(row.target is None for row in rows)
    return "\n".join([head, *map(str, rows), f"{len(rows)} asked: {missed} missed, {unknown} not measured"])


def _keep(row: Row) -> None:
    print(f"  -> {row}", flush=True)
    if path := os.environ.get(ROWS):
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
