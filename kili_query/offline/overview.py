"""An overview of exports, for plots: counts, which categories come together, and what was made when and by whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import Self

from kili_query.formats.kili import Problem, Record, Source
from kili_query.formats.latest import latest_only
from kili_query.model.counts import Key, total
from kili_query.model.labels import DEFAULT_LABEL_TYPES, LabelTypes, author_of
from kili_query.model.ontology import Ontology
from kili_query.offline.groups import day_of
from kili_query.offline.run import run
from kili_query.offline.statistics import Statistics

MOST_PAIRS = 50_000
"""Pairs of categories that are kept; beyond that the rare half is dropped."""

MOST_OF_LABEL = 100
"""Categories of one label whose pairs are counted."""

Pair = tuple[Key, Key]


@dataclass(slots=True)
class Made:
    """What was made on a day, or by an author."""

    labels: int = 0
    objects: int = 0


@dataclass(slots=True)
class Overview(Statistics):
    """Statistics, and what goes with what."""

    pairs: Counter[Pair] = field(default_factory=Counter)
    """In how many labels two categories come together; the lesser key comes first."""
    thinned: bool = False
    """True if rare pairs were dropped."""
    days: dict[str, Made] = field(default_factory=dict)
    """By the day of `createdAt`, in UTC: `2024-03-01`."""
    authors: dict[str, Made] = field(default_factory=dict)

    def add(self, other: Self) -> None:
        """Take in another overview."""
        Statistics.add(self, other)
        self.pairs.update(other.pairs)
        self.thinned |= other.thinned
        for mine, theirs in ((self.days, other.days), (self.authors, other.authors)):
            for name, made in theirs.items():
                row = mine.setdefault(name, Made())
                row.labels += made.labels
                row.objects += made.objects
        self._thin()

    def together(self, one: Key, other: Key) -> int:
        """In how many labels both occur."""
        return self.labels_with(one) if one == other else self.pairs[min(one, other), max(one, other)]

    def _thin(self) -> None:
        if len(self.pairs) > MOST_PAIRS:
            self.pairs = Counter(dict(self.pairs.most_common(MOST_PAIRS // 2)))
            self.thinned = True


def survey(
    *sources: Source,
    ontology: Ontology | None = None,
    types: LabelTypes | None = DEFAULT_LABEL_TYPES,
    latest: bool = False,
    workers: int | None = None,
) -> Iterator[tuple[Overview, int]]:
    """The overview of each part of the sources, with its size in bytes; `add` adds them up.

    Raises
    ------
    DataError: a source cannot be read (KQ503).
    """
    for done in run(_Survey(ontology, types, latest), sources, workers):
        yield done.result.placed(done.base), done.size


@dataclass(frozen=True)
class _Survey:
    ontology: Ontology | None
    types: LabelTypes | None
    latest: bool

    def __call__(self, records: Iterator[Record | Problem]) -> Overview:
        found = Overview()
        chosen = latest_only(records, self.types) if self.latest else records
        for _, labels in found.read_labels(chosen, self.types, self.ontology):
            for label, counts in labels:
                for key, count in counts.items():
                    found.spread.setdefault(key, Counter())[count] += 1
                keys = sorted(counts)
                found.thinned |= len(keys) > MOST_OF_LABEL
                found.pairs.update(combinations(keys[:MOST_OF_LABEL], 2))
                objects = total(counts)
                for rows, name in ((found.days, day_of(label.record)), (found.authors, author_of(label.record))):
                    if name is not None:
                        made = rows.setdefault(name, Made())
                        made.labels += 1
                        made.objects += objects
                if len(found.pairs) > 2 * MOST_PAIRS:
                    found._thin()
        return found
