"""Statistics over exports on disk: for each job and category, in how many labels, how many objects, how spread."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

from kili_query.engines.scan import Scanner
from kili_query.errors import DataError
from kili_query.formats.kili import Problem, Record, Source
from kili_query.formats.latest import latest_only
from kili_query.model.counts import Key
from kili_query.model.labels import DEFAULT_LABEL_TYPES, LabelTypes
from kili_query.model.ontology import Ontology
from kili_query.offline.index.opening import Index, Unused, by_index
from kili_query.offline.run import run
from kili_query.offline.tally import Tally


@dataclass(slots=True)
class Statistics(Tally):
    """What labels hold. `spread[job, category]` maps a count to the number of labels with that count; zeros left out."""

    spread: dict[Key, Counter[int]] = field(default_factory=dict)

    def add(self, other: Self) -> None:
        """Take in other statistics."""
        Tally.add(self, other)
        for key, counter in other.spread.items():
            self.spread.setdefault(key, Counter()).update(counter)

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
    latest: bool = False,
    workers: int | None = None,
    index: bool = True,
    on_index: Callable[[Index | Unused], None] | None = None,
) -> Iterator[tuple[Statistics, int]]:
    """The statistics of each part of the sources, with its size in bytes; `add` adds them up.

    `latest`: only the newest label of each asset takes part. `index`, `on_index`: as in `select`.

    Raises
    ------
    DataError: a source cannot be read (KQ503).
    """
    work = _Measure(ontology, types, latest)
    groups = list(by_index(sources, ontology, on_index) if index and not latest else [(None, sources)])
    runs = [None if known else run(work, group, workers) for known, group in groups]
    for (known, group), found in zip(groups, runs, strict=True):
        if known is not None:
            yield _measure_indexed(known, os.fspath(group[0]), types), 0
        for done in found or ():
            yield done.result.placed(done.base), done.size


def _measure_indexed(index: Index, source: str, types: LabelTypes | None) -> Statistics:
    found = Statistics()
    index.tell(found, source, types)
    for job, category, count, labels in index.spread(types):
        found.spread.setdefault((job, category), Counter())[count] += labels
    return found


def sampled_names(sources: Sequence[Source]) -> dict[str, list[str]]:
    """The jobs, each with its categories, that the labels of the first few megabytes of each source hold.

    What cannot be read holds none: who reads the whole tells of it.
    """
    found: dict[str, set[str]] = {}
    for source in sources:
        with suppress(DataError):
            part, _ = next(measure(source, types=None, workers=1, index=False), (Statistics(), 0))
            for job, category in part.spread:
                found.setdefault(job, set()).add(category)
    return {job: sorted(categories) for job, categories in sorted(found.items())}


@dataclass(frozen=True)
class _Measure:
    ontology: Ontology | None
    types: LabelTypes | None
    latest: bool

    def __call__(self, records: Iterator[Record | Problem]) -> Statistics:
        found = Statistics()
        chosen = latest_only(records, self.types) if self.latest else records
        for _, verdict in found.read(chosen, Scanner(ontology=self.ontology, types=self.types)):
            for counts in verdict.counts:
                for key, count in counts.items():
                    found.spread.setdefault(key, Counter())[count] += 1
        return found
