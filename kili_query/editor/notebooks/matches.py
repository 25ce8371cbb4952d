"""The labels that match a query, as rows of a table: from an export on disk, a list in memory, or a client."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kili_query.engines.lookout import Lookout
from kili_query.errors import DataError, Diagnostic
from kili_query.lang.lexis import ALL_NAMES
from kili_query.model.counts import Key, count_label
from kili_query.model.labels import Label, labels_of
from kili_query.model.ontology import Ontology
from kili_query.query import Query

FIELDS = ["id", "labelType", "author.email", "createdAt", "jsonResponse", "labelOf.id", "labelOf.externalId"]
"""What a client is asked for."""

RESPONSE = "jsonResponse"
Row = dict[str, object]


@dataclass(slots=True)
class Matches:
    """What a query has found so far: the first rows, and how many labels match in all."""

    query: Query
    ontology: Ontology | None = None
    limit: int | None = None
    """The largest number of rows that are kept; None: all."""
    tell: Callable[[Matches], None] = field(default=lambda _: None)
    """Is called now and then."""
    rows: list[Row] = field(default_factory=list)
    found: list[Label] = field(default_factory=list)
    """The labels of the rows."""
    total: int = 0
    labels: int | None = None
    """Labels that have been looked at, if it is known."""
    unreadable: int = 0
    problems: list[DataError] = field(default_factory=list)
    """Why, for the first of them."""
    names: set[Key] = field(default_factory=set)
    """(job, category) pairs that the labels hold, as `Query.unmet` takes them."""
    sampled: bool = False
    """True if they may hold others, too."""
    by_index: bool = False
    """True if a count index told it, and the labels were not read."""

    def __str__(self) -> str:
        """How many match, how many are shown, how many could not be read."""
        of = "" if self.labels is None else f" of {self.labels:,}"
        one = 1 in (self.total, self.labels)
        text = f"{self.total:,}{of} label{'s' * ((self.labels or self.total) != 1)} match{'es' * one}"
        text += "; by the index" if self.by_index else ""
        text += f"; the first {len(self.rows):,} shown" if len(self.rows) < self.total else ""
        if self.unreadable:
            text += f"; {self.unreadable:,} could not be read, the first: {self.problems[0]}"
        return text

    def unmet(self) -> list[Diagnostic]:
        """What of the query no label holds. Nothing of a client, which does not tell what other labels hold."""
        return self.query.unmet(self.names, self.ontology, sampled=self.sampled) if self.labels else []

    def from_export(self, source: str | os.PathLike[str]) -> Matches:
        """Those of a file, folder or archive.

        Raises
        ------
        DataError: it cannot be read at all (KQ503).
        """
        from kili_query.model.decoding import decode_json
        from kili_query.offline.index.opening import Index
        from kili_query.offline.select import select

        self.labels = 0

        def told(found: object) -> None:
            self.by_index = isinstance(found, Index)

        for part in select(self.query, source, unit="labels", ontology=self.ontology, on_index=told):
            for hit in part.hits:
                if self._wanted:
                    label = next(labels_of(decode_json(hit.data), types=None))  # type: ignore[arg-type]
                    at = hit.label
                    self._add(replace(label, key=at.key, position=at.position) if at else label)
            self.total += part.summary.matched_labels
            self.labels += part.summary.labels
            self.unreadable += part.summary.unreadable
            self.names |= part.summary.names
            self.sampled |= part.summary.sampled
            self.problems += part.summary.problems[: 1 - len(self.problems)]
            self.tell(self)
        return self

    def from_labels(self, items: Iterable[object]) -> Matches:
        """Those of labels in memory: of `read_labels`, or the objects of assets and labels that Kili gives."""
        self.labels = 0
        lookout = Lookout(self.query.operands)
        for label in _labels(items):
            self.labels += 1
            try:
                if isinstance(label, DataError):
                    raise label
                counts = count_label(label, self.ontology)
                if lookout.unmet:
                    lookout.note(counts)
                if self.query.holds(counts):
                    self.total += 1
                    if self._wanted:
                        self._add(label)
            except DataError as error:
                self.unreadable += 1
                self.problems += [error][len(self.problems) :]
            if self.labels % 1_000 == 0:
                self.tell(self)
        self.names, self.sampled = set(lookout.new), lookout.sampled
        return self

    def from_client(self, client: Any, project: str) -> Matches:
        """Those of a project, asked of an object with `labels`, and perhaps `count_labels`, as `Kili` has them.

        Raises
        ------
        ApiError: the server cannot be reached, or refuses.
        UnsupportedQueryError: a name that Kili's own language cannot express (KQ401).
        """
        from kili_query.client import Kili

        text_only = not isinstance(client, Kili)
        query = self.query.to_server() if text_only else self.query
        asked: dict[str, object] = {"project_id": project, "category_search": query}
        counted = self.limit is not None and hasattr(client, "count_labels")
        if counted:
            self.total = client.count_labels(**asked)
        first = {"first": self.limit} if counted else {}
        found = _labels(_call(client.labels, asked, fields=FIELDS, **first) if self.limit != 0 or not counted else ())
        for label in found:
            self.total += not counted
            if self._wanted and not isinstance(label, DataError):
                self._add(label)
        return self

    @property
    def columns(self) -> list[str]:
        """The names of the columns: the label, one count for each operand of the query, the response.

        `name` is the id of the label, or the place where it stands in its asset.
        """
        asked = (".".join(ALL_NAMES if name is None else name for name in names) for names in self.query.operands)
        return ["asset", "name", "type", *asked, RESPONSE]

    @property
    def _wanted(self) -> bool:
        return self.limit is None or len(self.rows) < self.limit

    def _add(self, label: Label) -> None:
        record: Mapping[str, object] = label.record if isinstance(label.record, Mapping) else {}
        counts = count_label(label, self.ontology)
        name = record.get("id") or (f"{label.key}[{label.position}]" if label.key else None)
        cells = label.external_id or label.asset_id, name, label.label_type
        asked = (counts.total(*key) for key in self.query.operands)
        self.found.append(label)
        self.rows.append(dict(zip(self.columns, (*cells, *asked, label.response), strict=True)))


def _labels(items: Iterable[object]) -> Iterator[Label | DataError]:
    for position, item in enumerate(items):
        if isinstance(item, Label):
            yield item
        elif isinstance(item, Mapping):
            try:
                yield from labels_of(item, where=f"[{position}]")
            except DataError as error:
                yield error
        else:
            yield DataError(f"neither a label nor the object of one, but {type(item).__name__}", where=f"[{position}]")


def _call(function: Callable[..., Any], asked: Mapping[str, object], **wishes: object) -> Any:
    """The function's answer, with those of the wishes that it has parameters for."""
    parameters = inspect.signature(function).parameters
    anything = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    return function(**asked, **{name: wish for name, wish in wishes.items() if anything or name in parameters})
