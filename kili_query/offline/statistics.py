"""Statistics over exports on disk: for each job and category, in how many labels, how many objects, how spread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from kili_query.engines.scan import Scanner
from kili_query.errors import DataError
from kili_query.formats.kili import Problem, Record, Source
from kili_query.model.labels import DEFAULT_LABEL_TYPES, LabelTypes
from kili_query.model.ontology import Ontology
from kili_query.offline.run import run
from kili_query.offline.verdicts import MAX_KEPT, Aside, verdicts

Key = tuple[str, str]


@dataclass(slots=True)
class Statistics:
    """What labels hold. `spread[job, category]` maps a count to the number of labels with that count; zeros left out."""

    records: int = 0
    labels: int = 0
    empty: int = 0
    unreadable: int = 0
    spread: dict[Key, Counter[int]] = field(default_factory=dict)
    problems: list[DataError] = field(default_factory=list)
    skipped: list[DataError] = field(default_factory=list)

    def labels_with(self, key: Key) -> int:
        """In how many labels the category occurs."""
        return sum(self.spread.get(key, {}).values())

    def objects(self, key: Key) -> int:
        """How many objects of the category there are in all labels."""
        return sum(count * labels for count, labels in self.spread.get(key, {}).items())

    def unused(self, ontology: Ontology) -> list[Key]:
        """Categories of the ontology that no label holds."""
        keys = [(job.key, category) for job in ontology.jobs.values() for category in job.categories]
        return [key for key in keys if key not in self.spread]

    def unknown(self, ontology: Ontology) -> list[Key]:
        """Names in labels that the ontology lacks."""
        return [key for key in self.spread if not _declares(ontology, key)]

    def keys(self, ontology: Ontology | None = None) -> list[Key]:
        """All categories: those of the ontology in its order, then the others by name."""
        declared = [(job.key, c) for job in ontology.jobs.values() for c in job.categories] if ontology else []
        return [*declared, *sorted(set(self.spread) - set(declared))]


def _declares(ontology: Ontology, key: Key) -> bool:
    job = ontology.jobs.get(key[0])
    return job is not None and key[1] in job.categories


def measure(
    *sources: Source,
    ontology: Ontology | None = None,
    types: LabelTypes | None = DEFAULT_LABEL_TYPES,
    workers: int | None = None,
) -> Iterator[tuple[Statistics, int]]:
    """The statistics of each part of the sources, with its size in bytes; `merge` adds them up.

    Raises
    ------
    DataError: a source cannot be read (KQ503).
    """
    for done in run(_Measure(ontology, types), sources, workers):
        found, base = done.result, done.base
        counts = (found.records, found.labels, found.empty, found.aside.unreadable)
        yield Statistics(*counts, found.spread, *found.aside.errors(base)), done.size


def merge(total: Statistics, part: Statistics) -> None:
    """Add the statistics of a part to a total."""
    total.records += part.records
    total.labels += part.labels
    total.empty += part.empty
    total.unreadable += part.unreadable
    total.problems += part.problems[: MAX_KEPT - len(total.problems)]
    total.skipped += part.skipped[: MAX_KEPT - len(total.skipped)]
    for key, counter in part.spread.items():
        total.spread.setdefault(key, Counter()).update(counter)


@dataclass
class _Found:
    """Statistics whose problems do not yet know the line on which their part begins."""

    records: int = 0
    labels: int = 0
    empty: int = 0
    spread: dict[Key, Counter[int]] = field(default_factory=dict)
    aside: Aside = field(default_factory=Aside)


@dataclass(frozen=True)
class _Measure:
    ontology: Ontology | None
    types: LabelTypes | None

    def __call__(self, records: Iterator[Record | Problem]) -> _Found:
        found = _Found()
        scanner = Scanner(ontology=self.ontology, types=self.types)
        for _, verdict in verdicts(records, scanner, found.aside):
            found.records += 1
            found.labels += verdict.labels
            found.empty += verdict.empty
            for counts in verdict.counts:
                for key, count in counts.items():
                    found.spread.setdefault(key, Counter())[count] += 1
        return found
