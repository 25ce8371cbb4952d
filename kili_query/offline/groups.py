"""Groups of labels: how many labels and objects there are by author, type, day, asset, job or category."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Self, get_args

from kili_query.formats.kili import Problem, Record, Source
from kili_query.formats.latest import latest_only
from kili_query.model.counts import Counts, is_empty, total
from kili_query.model.labels import DEFAULT_LABEL_TYPES, Label, LabelTypes, author_of
from kili_query.model.ontology import Ontology
from kili_query.offline.run import run
from kili_query.offline.tally import Tally

Grouping = Literal["author", "type", "day", "asset", "job", "category"]
GROUPINGS: tuple[Grouping, ...] = get_args(Grouping)

Group = tuple[str | None, ...]
"""The value of each grouping, in the order in which they were asked for; None where a label does not tell."""


@dataclass(slots=True)
class Row:
    """What the labels of a group hold."""

    labels: int = 0
    """Labels; by job or category, those that have any object of it."""
    empty: int = 0
    objects: int = 0


@dataclass(slots=True)
class Groups(Tally):
    """Labels and objects by group, groups in the order in which they were met."""

    rows: dict[Group, Row] = field(default_factory=dict)

    def add(self, other: Self) -> None:
        """Take in other groups."""
        Tally.add(self, other)
        for group, row in other.rows.items():
            mine = self.rows.setdefault(group, Row())
            mine.labels += row.labels
            mine.empty += row.empty
            mine.objects += row.objects

    def ordered(self, by: Sequence[Grouping]) -> list[tuple[Group, Row]]:
        """The groups: days in their order, else those with most objects first; what is not known comes last."""

        def rank(item: tuple[Group, Row]) -> tuple[object, ...]:
            group, row = item
            names = [(name is None, name or "") for name in group]
            return (names, 0) if "day" in by else (-row.objects, -row.labels, names)

        return sorted(self.rows.items(), key=rank)


def group(
    *sources: Source,
    by: Sequence[Grouping],
    ontology: Ontology | None = None,
    types: LabelTypes | None = DEFAULT_LABEL_TYPES,
    latest: bool = False,
    workers: int | None = None,
) -> Iterator[tuple[Groups, int]]:
    """The groups of each part of the sources, with its size in bytes; `add` adds them up.

    Parameters
    ----------
    by: what makes a group, such as `["author", "job"]`.
    latest: True for the newest label of each asset only.

    Raises
    ------
    DataError: a source cannot be read (KQ503).
    """
    for done in run(_Work(tuple(by), ontology, types, latest), sources, workers):
        yield done.result.placed(done.base), done.size


@dataclass(frozen=True)
class _Work:
    by: tuple[Grouping, ...]
    ontology: Ontology | None
    types: LabelTypes | None
    latest: bool

    def __call__(self, records: Iterator[Record | Problem]) -> Groups:
        found = Groups()
        for _, labels in found.read_labels(
            latest_only(records, self.types) if self.latest else records, self.types, self.ontology
        ):
            for label, counts in labels:
                for values, objects in self._groups(label, counts).items():
                    row = found.rows.setdefault(values, Row())
                    row.labels += 1
                    row.empty += is_empty(label)
                    row.objects += objects
        return found

    def _groups(self, label: Label, counts: Counts) -> dict[Group, int]:
        """The groups that a label is in, each with its objects there: one, if they are not by job or category."""
        of_label = {
            "author": author_of(label.record),
            "type": label.label_type,
            "day": day_of(label.record),
            "asset": label.external_id or label.asset_id or None,
        }
        if not {"job", "category"} & set(self.by):
            return {tuple(of_label[name] for name in self.by): total(counts)}
        found: dict[Group, int] = {}
        for job, category in counts:
            of_key = {**of_label, "job": job, "category": category}
            asked = job if "job" in self.by else None, category if "category" in self.by else None
            found[tuple(of_key[name] for name in self.by)] = total(counts, *asked)
        return found


def day_of(record: object) -> str | None:
    """The day on which a label was made, as its date says it (in UTC), such as `2024-02-01`."""
    created = record.get("createdAt") if isinstance(record, Mapping) else None
    return created[:10] if isinstance(created, str) and _DATE.match(created) else None


_DATE = re.compile(r"\d{4}-\d\d-\d\d(?!\d)")
