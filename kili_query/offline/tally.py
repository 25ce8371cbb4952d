"""What has been read, added up over the parts of an input: how much, and what could not be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Self

from kili_query.engines.scan import Scanner, Verdict
from kili_query.errors import DataError
from kili_query.formats.containers.records import asset_hint
from kili_query.formats.kili import Block, Problem, Record, decode_record
from kili_query.model.counts import Counts, count_label, is_empty
from kili_query.model.labels import AssetIds, Label, LabelTypes, asset_ids, is_bare, label_name, labels_of
from kili_query.model.ontology import Ontology

Scan = Callable[[bytes, int, int | None], Verdict]

MAX_KEPT = 1_000
"""How many problems are kept: of a file full of them the first say enough."""


@dataclass(slots=True)
class Tally:
    """What has been read. One is made of each part, where it is worked on; they are added up in the order of the input."""

    records: int = 0
    """Assets; and labels and conversations that stand by themselves."""
    labels: int = 0
    undecoded: int = 0
    """Those records whose bytes rule a match out: looked at no further, each taken for one label that is readable."""
    empty: int = 0
    """Labels without any answer."""
    unreadable: int = 0
    """Labels and records that could not be read."""
    problems: list[DataError] = field(default_factory=list)
    """Why, for the first of them."""
    skipped: list[DataError] = field(default_factory=list)
    """Files that an export holds beside labels."""
    blanks: list[DataError] = field(default_factory=list)
    """The first of the labels without any answer, by name and position."""
    _unread: list[Problem] = field(default_factory=list, repr=False, compare=False)
    _left_out: list[Problem] = field(default_factory=list, repr=False, compare=False)
    _blank: list[Problem] = field(default_factory=list, repr=False, compare=False)
    """`problems`, `skipped` and `blanks`, as long as it is not known on which line the part begins."""

    def read(self, records: Iterator[Record | Problem | Block], scanner: Scanner) -> Iterator[tuple[Record, Verdict]]:
        """The verdict on each record that can be read; all are counted, and what cannot be read is set aside.

        Of lines that come many at a time, those of which the bytes rule a match out are counted, and have no verdict.
        """
        for record, scan in self._each(records, scanner):
            try:
                verdict = scan(record.buffer, record.start, record.end)
            except DataError as error:
                # once more, by the reader: it knows where in the file the fault is
                decoded = decode_record(record)
                self.set_aside(decoded if isinstance(decoded, Problem) else Problem(str(error), record.where))
                continue
            except (RecursionError, MemoryError) as error:  # of this record alone: the others are read
                reason = "is nested too deep" if isinstance(error, RecursionError) else "does not fit into memory"
                self.set_aside(Problem(f"the record {reason}" + asset_hint(record.data), record.where))
                continue
            for unreadable in verdict.problems:
                self.set_aside(Problem(str(unreadable), record.where))
            self.records += 1
            self.labels += verdict.labels
            self.undecoded += not verdict.decoded
            if verdict.blanks:
                self.empty += len(verdict.blanks)
                for key, owner in verdict.blanks[: MAX_KEPT - len(self._blank)]:
                    ids = owner or (verdict.external_id, verdict.asset_id)
                    self._blank.append(Problem(label_name(*ids, *key), record.where))
            yield record, verdict

    def _each(self, records: Iterator[Record | Problem | Block], scanner: Scanner) -> Iterator[tuple[Record, Scan]]:
        """Each record that is to be scanned, with what scans it."""
        scan, scan_kept = scanner.scan, scanner.scan_kept
        for item in records:
            if isinstance(item, Record):
                yield item, scan
            elif isinstance(item, Problem):
                self.set_aside(item)
            elif skimmed := scanner.skim(item.buffer, item.start, item.end):
                item.lines = skimmed.lines
                self.records += skimmed.passed
                self.labels += skimmed.passed
                self.undecoded += skimmed.passed
                for line in skimmed.kept:
                    yield item.record(*line), scan_kept
            else:
                for record in item.records():
                    yield record, scan

    def read_labels(
        self, records: Iterator[Record | Problem], types: LabelTypes | None, ontology: Ontology | None
    ) -> Iterator[tuple[AssetIds, list[tuple[Label, Counts]]]]:
        """The labels of each record with their counts, and the ids of the asset; what cannot be read is set aside."""
        for record in records:
            decoded = record if isinstance(record, Problem) else decode_record(record)
            if isinstance(record, Problem) or isinstance(decoded, Problem):
                self.set_aside(decoded)  # type: ignore[arg-type]
                continue
            self.records += 1
            found: list[tuple[Label, Counts]] = []
            for label in labels_of(decoded, types=types):
                self.labels += 1
                try:
                    found.append((label, count_label(label, ontology)))
                except DataError as error:
                    self.set_aside(Problem(str(error), record.where))
                    continue
                if is_empty(label):
                    self.empty += 1
                    if len(self._blank) < MAX_KEPT:
                        self._blank.append(Problem(label.name, record.where))
            yield ((None, None) if is_bare(decoded) else asset_ids(decoded)), found

    def set_aside(self, problem: Problem) -> None:
        """Note what cannot be read, or is left out."""
        kept = self._left_out if problem.skipped else self._unread
        self.unreadable += not problem.skipped
        if len(kept) < MAX_KEPT:
            kept.append(problem)

    @property
    def unplaced(self) -> list[Problem]:
        """`problems` and `skipped`, with their places in the part, before `placed`."""
        return [*self._unread, *self._left_out]

    def placed(self, base: int) -> Self:
        """The same, for a part that begins after so many lines: problems tell where they are."""
        self.problems += (problem.error(base) for problem in self._unread)
        self.skipped += (problem.error(base) for problem in self._left_out)
        self.blanks += (problem.error(base) for problem in self._blank)
        self._unread, self._left_out, self._blank = [], [], []
        return self

    def add(self, other: Self) -> None:
        """Take in what was read of another part."""
        self.records += other.records
        self.labels += other.labels
        self.undecoded += other.undecoded
        self.empty += other.empty
        self.unreadable += other.unreadable
        self.problems += other.problems[: MAX_KEPT - len(self.problems)]
        self.skipped += other.skipped[: MAX_KEPT - len(self.skipped)]
        self.blanks += other.blanks[: MAX_KEPT - len(self.blanks)]
