"""What an index takes from a part of the input: the columns of its tables, and what could not be read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from kili_query.engines.inventory import Found, Inventory
from kili_query.errors import DataError
from kili_query.formats.containers.records import asset_hint
from kili_query.formats.kili import LineRange, Part, Problem, Record, decode_record
from kili_query.model.counts import CategoryCounts, Key, Selector
from kili_query.model.ontology import Ontology
from kili_query.offline.tally import MAX_KEPT

if TYPE_CHECKING:
    import numpy as np

COLUMNS = (
    "label_id", "asset_id", "external_id", "author", "label_type", "created_at", "seconds", "empty",
    "member", "record", "start", "length", "line", "item", "label_key", "label_position",
)  # fmt: skip
"""Those of the table of labels that are taken from the input; `label` and `source` are given where they are written."""


class Fault(NamedTuple):
    """What cannot be read, or is left out."""

    problem: Problem
    label_type: str | None = None
    """Of a label that is told only to who asks for its type; empty for one without a type, None for a record."""


@dataclass(slots=True)
class Columns:
    """What a part of the input holds. Labels and records are numbered from 0."""

    columns: dict[str, list[Any]]
    keys: list[Selector] = field(default_factory=list)
    """What the rows of counts are about: `codes` are places in this list."""
    codes: np.ndarray[Any, Any] = field(default_factory=lambda: _empty("u4"))
    owners: np.ndarray[Any, Any] = field(default_factory=lambda: _empty("u4"))
    """The labels of the rows of counts."""
    numbers: np.ndarray[Any, Any] = field(default_factory=lambda: _empty("i4"))
    records: int = 0
    faults: list[Fault] = field(default_factory=list)
    unreadable: dict[str, int] = field(default_factory=dict)
    """How many labels cannot be read, by their types."""
    broken: int = 0
    """How many records cannot be read."""
    skipped: int = 0
    apart: bool = False
    framed: bool = False
    lines: int = 0

    @property
    def labels(self) -> int:
        """How many labels could be read."""
        return len(self.columns["record"])


def _empty(kind: str) -> np.ndarray[Any, Any]:
    import numpy as np

    return np.empty(0, kind)


@dataclass(frozen=True)
class Counting:
    """The work on one part."""

    ontology: Ontology | None
    folder: str = ""
    """What the names of files begin with, if the source is a folder."""

    def __call__(self, part: Part) -> Columns:
        """The columns of a part."""
        made = _Making(self.folder)
        inventory = Inventory(self.ontology)
        for record, start in _placed(part):
            made.records += 1
            if isinstance(record, Problem):
                made.records -= 1
                made.set_aside(Fault(record))
                continue
            try:
                contents = inventory.read(record.buffer, record.start, record.end)
            except DataError as error:
                decoded = decode_record(record)  # it knows where in the file the fault is
                made.records -= 1
                made.set_aside(Fault(decoded if isinstance(decoded, Problem) else Problem(str(error), record.where)))
                continue
            except (RecursionError, MemoryError) as error:
                reason = "is nested too deep" if isinstance(error, RecursionError) else "does not fit into memory"
                made.records -= 1
                made.set_aside(Fault(Problem(f"the record {reason}" + asset_hint(record.data), record.where)))
                continue
            for label_type, problem in contents.unreadable:
                made.set_aside(Fault(Problem(str(problem), record.where), label_type or ""))
            made.apart |= contents.apart
            made.framed |= contents.framed
            for label in contents.labels:
                made.add(label, record, start)
        return made.done(part.lines if isinstance(part, LineRange) else 0)


class _Making:
    """Columns on their way."""

    def __init__(self, folder: str) -> None:
        self.records = 0
        self._folder = folder
        self.apart = self.framed = False
        self._faults: list[Fault] = []
        self._unreadable: dict[str, int] = {}
        self._broken = 0
        self._skipped = 0
        self._rows: list[tuple[Any, ...]] = []
        self._ids = _Numbered()
        self._codes: list[int] = []
        self._numbers: list[int] = []
        self._sizes: list[int] = []
        self._shared: list[tuple[int, str, int]] = []

    def set_aside(self, fault: Fault) -> None:
        """Note what cannot be read, or is left out."""
        if fault.problem.skipped:
            self._skipped += 1
        elif fault.label_type is None:
            self._broken += 1
        else:
            self._unreadable[fault.label_type] = self._unreadable.get(fault.label_type, 0) + 1
        if len(self._faults) < MAX_KEPT:
            self._faults.append(fault)

    def add(self, label: Found, record: Record, start: int | None) -> None:
        """A label, which stands in a record that begins at `start`."""
        (label_key, position), (external_id, asset_id) = label.key, label.ids
        source, member, line, _, item = record.where
        if self._folder:
            member = source[len(self._folder) :].replace(os.sep, "/")
        counts = label.counts
        self._rows.append((
            label.label_id, asset_id, external_id, label.author, label.label_type, label.created_at, label.seconds,
            label.empty, member, self.records - 1, start, None if start is None else record.size, line, item,
            label_key, position,
        ))  # fmt: skip
        self._sizes.append(len(counts))
        self._codes.extend(map(self._ids.__getitem__, counts))
        self._numbers.extend(counts.values())
        if isinstance(counts, CategoryCounts) and counts.shared:
            self._shared += ((len(self._sizes) - 1, job, number) for job, number in counts.shared.items())

    def done(self, lines: int) -> Columns:
        """The columns."""
        turned: list[tuple[Any, ...]] = list(zip(*self._rows, strict=True)) if self._rows else [()] * len(COLUMNS)
        made = Columns(
            dict(zip(COLUMNS, map(list, turned), strict=True)), records=self.records, faults=self._faults,
            unreadable=self._unreadable, broken=self._broken, skipped=self._skipped, apart=self.apart, framed=self.framed, lines=lines,
        )  # fmt: skip
        if self._codes:
            self._with_totals(made)
        return made

    def _with_totals(self, made: Columns) -> None:
        """Rows for counts and totals; those of each label stand together only by its number."""
        import numpy as np

        codes, numbers = np.array(self._codes, "u4"), np.array(self._numbers, "i8")
        owners = np.repeat(np.arange(len(self._sizes), dtype="u4"), self._sizes)
        keys: list[Selector] = list(self._ids)
        pieces = [(codes, owners, numbers)]
        jobs = {job: i for i, job in enumerate(dict.fromkeys(job for job, _ in self._ids))}
        categories = {name: i for i, name in enumerate(dict.fromkeys(name for _, name in self._ids))}
        job_of = np.array([jobs[job] for job, _ in self._ids], "u4")
        category_of = np.array([categories[name] for _, name in self._ids], "u4")
        shared = np.array([(label, jobs[job], number) for label, job, number in self._shared], "i8").reshape(-1, 3)
        for of, names in (
            (job_of, [(job, None) for job in jobs]),
            (category_of, [(None, name) for name in categories]),
        ):
            cells = owners.astype("i8") * len(names) + of[codes]
            values = numbers
            if names[0][1] is None:
                cells = np.concatenate([cells, shared[:, 0] * len(names) + shared[:, 1]])
                values = np.concatenate([numbers, -shared[:, 2]])
            places, sums = _summed(cells, values)
            pieces.append((len(keys) + places % len(names), places // len(names), sums))
            keys += names
        places, sums = _summed(
            np.concatenate([owners.astype("i8"), shared[:, 0]]), np.concatenate([numbers, -shared[:, 2]])
        )
        pieces.append((np.full(len(places), len(keys)), places, sums))
        keys.append((None, None))
        made.keys = keys
        made.codes = np.concatenate([piece[0] for piece in pieces]).astype("u4")
        made.owners = np.concatenate([piece[1] for piece in pieces]).astype("u4")
        made.numbers = np.concatenate([piece[2] for piece in pieces]).astype("i4")


def _summed(cells: np.ndarray[Any, Any], values: np.ndarray[Any, Any]) -> tuple[Any, Any]:
    """The cells that occur, in rising order, each with the sum of its values."""
    import numpy as np

    order = np.argsort(cells, kind="stable")
    cells, values = cells[order], values[order]
    begins = np.flatnonzero(np.concatenate([[True], cells[1:] != cells[:-1]]))
    return cells[begins], np.add.reduceat(values, begins)


class _Numbered(dict[Key, int]):
    """Numbers keys as they come."""

    def __missing__(self, key: Key) -> int:
        self[key] = number = len(self)
        return number


def _placed(part: Part) -> Iterator[tuple[Record | Problem, int | None]]:
    """What a part holds, each record with the byte where it begins, if that is known."""
    if not isinstance(part, LineRange):
        for record in part.records():
            yield record, record.where.offset
        return
    for record in part.records():
        if isinstance(record, Problem):
            yield record, None
        elif record.buffer is part.piece:
            yield record, part.piece_at + record.start
        else:  # a line of several pieces: it ends with the first break in the last one, or with the text
            end = part.piece.find(b"\n") if part.piece else 0
            yield record, part.piece_at + end - record.size
