"""Select: run a query over exports on disk, and give what matches, in the order of the input."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import repeat
from typing import Any, Literal, NamedTuple, Self, cast

from kili_query.engines.lookout import Lookout
from kili_query.engines.scan import LabelKey, Scanner, Verdict
from kili_query.errors import DataError, UnsupportedQueryError
from kili_query.formats.kili import Block, Part, Place, Problem, Record, Source, plan
from kili_query.formats.latest import latest_only
from kili_query.model.counts import Key
from kili_query.model.decoding import decode_json, encode_json
from kili_query.model.kili import LABEL_KEYS
from kili_query.model.labels import DEFAULT_LABEL_TYPES, AssetIds, LabelTypes, owner_ids
from kili_query.model.ontology import Ontology
from kili_query.model.pieces import fields_of, labels_in, list_of, object_of, on_one_line
from kili_query.offline.index.fetching import fetch
from kili_query.offline.index.opening import Index, Unused, by_index
from kili_query.offline.run import run_parts
from kili_query.offline.tally import Tally
from kili_query.query import Query

Unit = Literal["assets", "labels"]
_BY_THEMSELVES = ("", "label")  # the keys of labels and conversations that stand in no asset


class Hit(NamedTuple):
    """An asset (or a label) that matches."""

    data: bytes
    """Its JSON text, without line breaks; empty where the selection was asked for without it."""
    where: Place
    external_id: str | None
    asset_id: str | None
    label: LabelKey | None
    """Where the label stands in its asset; for an asset None, unless its record is a label or a conversation by itself."""

    @property
    def asset(self) -> str | None:
        """The id of the asset, the external one if it has that; None if it has neither."""
        return self.external_id or self.asset_id or None


@dataclass(slots=True)
class Summary(Tally):
    """What has been read, and what of it matches."""

    matched_records: int = 0
    matched_labels: int = 0
    names: set[Key] = field(default_factory=set)
    """(job, category) pairs that labels hold: those of the query that there are, and others (see `sampled`). For
    `Query.unmet`, which tells what of the query no label holds."""
    sampled: bool = False
    """True if labels may hold other names than `names`. As soon as those of the query have been met, no more are noted."""

    def add(self, other: Self) -> None:
        """Take in another summary."""
        Tally.add(self, other)
        self.matched_records += other.matched_records
        self.matched_labels += other.matched_labels
        self.names |= other.names
        self.sampled |= other.sampled


class Assets:
    """The assets of hits, each once: labels that stand by themselves (in a dump of labels) are hits of their asset."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def is_new(self, hit: Hit) -> bool:
        """True for the first hit of its asset."""
        if hit.label is None or hit.label.key or not (hit.external_id or hit.asset_id):
            return True
        asset, known = hash((hit.external_id, hit.asset_id)), len(self._seen)
        self._seen.add(asset)
        return len(self._seen) > known


class Selected(NamedTuple):
    """What one part of the input gave."""

    hits: list[Hit]
    summary: Summary
    size: int
    """Bytes of the part, for progress; 0 if unknown."""


def select(
    query: Query | None,
    *sources: Source,
    unit: Unit = "assets",
    ontology: Ontology | None = None,
    types: LabelTypes | None = DEFAULT_LABEL_TYPES,
    latest: bool = False,
    invert: bool = False,
    trim: bool = False,
    data: bool = True,
    validate: bool = False,
    workers: int | None = None,
    index: bool = True,
    on_index: Callable[[Index | Unused], None] | None = None,
) -> Iterator[Selected]:
    """What matches in files, folders, archives and standard input (`-`), part by part, in the order of the input.

    An asset matches if one of its labels satisfies the whole query. A record that cannot be read is noted in the
    summary, and reading goes on.

    Parameters
    ----------
    query: the question. It is not checked against the ontology here. None: labels without any answer match.
    unit: `"assets"`, or `"labels"` for the single labels that match.
    ontology: tells frames of a video from jobs whose keys are digits.
    types: the label types that take part; None: all. By default all but AUTOSAVE.
    latest: only the newest label of each asset takes part, and stands in it as `latestLabel`.
    invert: give what does not match, of a query. An asset with a label that cannot be read is given only if another one matches.
    trim: keep in each asset only the labels that match.
    data: give the JSON text of each hit; without it less is handed from process to process.
    validate: decode also large records that cannot match, so that each malformed one is noticed.
    workers: number of processes; None: one for each core, for large inputs.
    index: False to read each source, also one that has a fresh index; what `latest`, `validate` and `invert` for assets
        need, no index tells.
    on_index: is given each index that is used, and each that is not, with the reason.

    Raises
    ------
    DataError: a source cannot be read (KQ503), or `invert` is asked for assets and the input holds single labels.
    """
    of_labels = unit == "labels" or trim
    if query is None and invert:
        raise ValueError("`invert` goes with a query")
    asked = ~query if query is not None and invert and of_labels else query
    lookout = Lookout(query.operands if query is not None else [])
    work = Select(asked, unit, ontology, types, latest, invert and not of_labels, trim, data, validate, lookout)
    usable = index and not latest and not validate and not work.invert
    groups = list(by_index(sources, ontology, on_index, _compiles(asked)) if usable else [(None, sources)])
    runs = [
        None if known else run_parts(work.on_part, plan(group), workers) for known, group in groups
    ]  # all sources are looked at first
    for (known, group), found in zip(groups, runs, strict=True):
        if known is not None:
            yield from _select_indexed(work, known, os.fspath(group[0]))
        for done in found or ():
            (hits, summary), base = done.result, done.base
            if base:
                hits = [hit._replace(where=hit.where.moved(base)) for hit in hits]
            yield Selected(hits, summary.placed(base), done.size)


def _compiles(query: Query | None) -> Callable[[Index], bool]:
    """Whether an index can be asked: some queries are too large for DuckDB."""

    def compiles(index: Index) -> bool:
        try:
            index.condition(None if query is None else query.tree, None)
        except UnsupportedQueryError:
            return False
        return True

    return compiles


CHUNK = 256
"""Records that are fetched at a time."""


def _select_indexed(work: Select, index: Index, source: str) -> Iterator[Selected]:
    """What matches, by an index. Records that are to be given are fetched, and looked at once more."""
    tree = None if work.query is None else work.query.tree
    condition = index.condition(tree, work.types)
    summary = Summary()
    index.tell(summary, source, work.types)
    if work.query is not None:
        summary.names = index.names(work.types)
    if not work.data and not work.trim and not index.manifest.apart:
        yield Selected(_hits_of(index, condition, source, work.unit, summary), summary, 0)
        return
    yield Selected([], summary, 0)
    spots = index.spots(condition)
    for i in range(0, len(spots), CHUNK):
        hits, found = work(iter(fetch(source, spots[i : i + CHUNK])))
        counted = Summary(matched_records=found.matched_records, matched_labels=found.matched_labels)
        yield Selected(hits, counted, sum(spot.length or 0 for spot in spots[i : i + CHUNK]))


def _hits_of(index: Index, condition: str, source: str, unit: Unit, summary: Summary) -> list[Hit]:
    """Hits without their text: all that they tell is in the table of labels."""
    hits: list[Hit] = []
    last = None
    in_folder = index.is_folder
    for spot, external_id, asset_id, key in index.labels(condition):
        new, last = spot.record != last, spot.record
        summary.matched_labels += 1
        summary.matched_records += new
        if unit == "labels" or new:
            label = key if unit == "labels" or key.key in _BY_THEMSELVES else None
            hits.append(Hit(b"", spot.place(source, in_folder=in_folder), external_id, asset_id, label))
    return hits


@dataclass(frozen=True)
class Select:
    """The work on one part. The scanner is made where the work is done: it cannot be pickled."""

    query: Query | None
    unit: Unit
    ontology: Ontology | None
    types: LabelTypes | None
    latest: bool
    invert: bool
    trim: bool
    data: bool
    validate: bool
    lookout: Lookout
    """One for all parts that a process works on."""

    def on_part(self, part: Part) -> tuple[list[Hit], Summary]:
        """What matches in a part, taken many lines at a time where that can be."""
        return self(part.records() if self.latest else part.blocks())

    def __call__(self, records: Iterator[Record | Problem | Block]) -> tuple[list[Hit], Summary]:
        """What matches among the records, and what was read."""
        lookout, scanner = self.lookout, self._scanner
        lookout.begin()
        hits, summary = list[Hit](), Summary()
        if self.latest:
            # `on_part` gives no blocks then
            records = latest_only(cast("Iterator[Record | Problem]", records), self.types)
        for record, verdict in summary.read(records, scanner):
            if self.query is None:
                verdict.matched = [key for key, _ in verdict.blanks]
                verdict.owners = [owner for _, owner in verdict.blanks if owner is not None] if verdict.bare else []
            matched = verdict.matched
            if self.invert and verdict.bare:
                message = "single labels do not tell which assets do not match; ask for labels (`--labels`)"
                raise DataError(message, code="KQ503", where=str(record.where))
            if self.invert:
                summary.matched_records += not matched and not verdict.problems
                summary.matched_labels += verdict.labels - len(matched) - len(verdict.problems)
                if not matched and not verdict.problems:
                    hits.append(self._asset(record, verdict))
            elif matched:
                try:
                    whole = self.unit == "assets" and not verdict.owners
                    found = [self._asset(record, verdict)] if whole else list(self._labels(record, verdict))
                except DataError as error:  # so deep that it was just read, and cannot be taken apart
                    summary.set_aside(Problem(error.message, record.where))
                    continue
                summary.matched_records += 1
                summary.matched_labels += len(matched)
                hits += found
        summary.names, summary.sampled = set(lookout.new), lookout.sampled
        return hits, summary

    @cached_property
    def _scanner(self) -> Scanner:
        """One for all parts that a process works on, made by the first."""
        if self.query is None:
            return Scanner(lambda _: False, {}, None, self.ontology, self.types)
        # what is given because it does not match must have been read as a whole
        validate = self.validate or self.invert
        return Scanner.of_query(self.query.tree, self.ontology, self.types, validate=validate, lookout=self.lookout)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_scanner"}

    def _asset(self, record: Record, verdict: Verdict) -> Hit:
        bare = verdict.matched[0] if verdict.matched and verdict.matched[0].key in _BY_THEMSELVES else None
        text = b"" if not self.data else _trimmed(record.data, verdict) if self.trim else on_one_line(record.data)
        return Hit(text, record.where, verdict.external_id, verdict.asset_id, bare)

    def _labels(self, record: Record, verdict: Verdict) -> Iterator[Hit]:
        """The labels that match, one by one; where assets are asked for, those of a dump stand by themselves."""
        whole = fields_of(record.data) if self.data else {}
        listed: dict[str, list[bytes]] = {key: labels_in(value) for key, value in whole.items() if key in LABEL_KEYS}
        of_record = verdict.external_id, verdict.asset_id
        for label, ids in zip(verdict.matched, verdict.owners or repeat(of_record), strict=False):
            text = b""
            if self.data and label.key in _BY_THEMSELVES:
                text = on_one_line(record.data)
            elif self.data:
                given = listed[label.key][label.position]
                text = on_one_line(given if self.unit == "assets" else _with_asset(given, ids))
            yield Hit(text, record.where, *ids, label if self.unit == "labels" else LabelKey("", label.position))


def _trimmed(data: bytes, verdict: Verdict) -> bytes:
    """An asset with only those of its labels that match."""
    fields = fields_of(data)
    for key in LABEL_KEYS:
        if key in fields and verdict.matched[0].key:
            labels = labels_in(fields[key])
            kept = [labels[label.position] for label in verdict.matched if label.key == key]
            fields[key] = list_of(kept) if key != "latestLabel" else kept[0] if kept else b"null"
    return on_one_line(object_of(fields))


def _with_asset(label: bytes, ids: AssetIds) -> bytes:
    """The label as `kili.labels()` gives it: with its asset under `labelOf`, unless it names that already."""
    fields = fields_of(label)
    owner = fields.pop("labelOf", b"null")
    told = fields_of(owner) if owner.lstrip()[:1] == b"{" else {}
    named = {key: decode_json(told[key]) for key in ("externalId", "id") if key in told}
    if not any(owner_ids({"labelOf": named})):
        external_id, asset_id = map(encode_json, ids)
        owner = object_of({**told, "externalId": external_id, "id": asset_id})
    return object_of({"labelOf": owner, **fields})
