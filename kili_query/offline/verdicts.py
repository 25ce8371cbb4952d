"""The records of a part, each with the scanner's verdict; what cannot be read is set aside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from kili_query.engines.scan import Scanner, Verdict
from kili_query.errors import DataError
from kili_query.formats.containers.records import asset_hint
from kili_query.formats.kili import Problem, Record, decode_record

MAX_KEPT = 1_000
"""How many problems are kept: of a file full of them the first say enough."""


@dataclass(slots=True)
class Aside:
    """What could not be read, and files that an export holds beside labels; of both the first `MAX_KEPT`.

    Their lines count from the begin of their part.
    """

    unreadable: int = 0
    problems: list[Problem] = field(default_factory=list)
    skipped: list[Problem] = field(default_factory=list)

    def add(self, problem: Problem) -> None:
        """Set a problem aside."""
        kept = self.skipped if problem.skipped else self.problems
        self.unreadable += not problem.skipped
        if len(kept) < MAX_KEPT:
            kept.append(problem)

    def errors(self, base: int) -> tuple[list[DataError], list[DataError]]:
        """The problems and what was skipped, as errors; the part begins after `base` lines."""
        problems = [problem.error(base) for problem in self.problems]
        return problems, [problem.error(base) for problem in self.skipped]


def verdicts(records: Iterator[Record | Problem], scanner: Scanner, aside: Aside) -> Iterator[tuple[Record, Verdict]]:
    """The verdict on each record that can be read."""
    scan = scanner.scan
    for record in records:
        if isinstance(record, Problem):
            aside.add(record)
            continue
        try:
            verdict = scan(record.buffer, record.start, record.end)
        except DataError as error:
            # once more, by the reader: it knows where in the file the fault is
            decoded = decode_record(record)
            aside.add(decoded if isinstance(decoded, Problem) else Problem(str(error), record.where))
            continue
        except (RecursionError, MemoryError) as error:  # of this record alone: the others are read
            reason = "is nested too deep" if isinstance(error, RecursionError) else "does not fit into memory"
            aside.add(Problem(f"the record {reason}" + asset_hint(record.data), record.where))
            continue
        for unreadable in verdict.problems:
            aside.add(Problem(str(unreadable), record.where))
        yield record, verdict
