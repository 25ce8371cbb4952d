"""The engine on raw bytes: the truth for each label of an export's record, decoding only what counting needs.

It gives exactly what `model.counts` gives. Three ways, each only where it is sure to be right:

1. skip: a record whose bytes do not hold a needed category often enough cannot match; it is not decoded at all;
2. typed: geometry and all else that counting does not need is passed over while decoding;
3. general: anything of another shape is decoded in full, and counted by `model.counts` itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET

from kili_query.engines import skipping
from kili_query.engines.lookout import Lookout
from kili_query.engines.memory import compile_predicate
from kili_query.engines.skipping import Sieve, Skimmed
from kili_query.engines.typed import FLAT, FRAMES, NOBODY, Answer, Decoder
from kili_query.errors import DataError
from kili_query.lang.ast import Node, Total, disjunction, leaves
from kili_query.model.counts import Counts, Key, count_categories, count_label, counts_of, frame_keys, is_empty
from kili_query.model.decoding import decode_json, kind_of
from kili_query.model.kili import LABEL_KEYS, PSEUDO_JOBS
from kili_query.model.labels import (
    DEFAULT_LABEL_TYPES,
    AssetIds,
    LabelTypes,
    asset_ids,
    chosen_types,
    id_text,
    is_bare,
    labels_of,
)
from kili_query.model.ontology import Ontology

Predicate = Callable[[Counts], bool]


class LabelKey(NamedTuple):
    """Where a label stands in its record: the key that holds it (empty for a bare label), and its position there."""

    key: str
    position: int


_BARE = LabelKey("", 0)


@dataclass(slots=True)
class Verdict:
    """What was found in one record: how many labels took part, which match, which are empty or unreadable."""

    labels: int = 0
    decoded: bool = True
    """False if the bytes of the record rule a match out, and it was looked at no further."""
    bare: bool = False
    """True if the record has no asset around its labels: it is a label by itself, or a dump of labels in one object."""
    blanks: list[tuple[LabelKey, AssetIds | None]] = field(default_factory=list)
    """The labels without any answer; of a dump in one object, with the asset that each names."""
    matched: list[LabelKey] = field(default_factory=list)
    """Those that satisfy the test; without one, all that could be read."""
    problems: list[DataError] = field(default_factory=list)
    counts: list[Counts] = field(default_factory=list)
    """Those of each label that could be read, in a scan without a test."""
    external_id: str | None = None
    asset_id: str | None = None
    owners: list[AssetIds] = field(default_factory=list)
    """Of a dump of labels in one object: the asset that each label in `matched` names."""

    @property
    def empty(self) -> int:
        """How many labels have no answer."""
        return len(self.blanks)


class Scanner:
    """A test of labels, ready to be put to records: JSON objects of exports, as bytes.

    Parameters
    ----------
    test: gets the counts of a label, (job, category) -> number with zeros left out; true for a match.
        None: the verdict has the counts themselves.
    wanted: the categories that the test looks at, by job, and under None those of each other job; None: all.
    totals: True if the test looks at totals. It gets `CategoryCounts` then.
    sieve: what the bytes of a record must hold for a match; None: records are never skipped.
    ontology: tells frames of a video from jobs whose keys are digits; None: keys of digits are frames.
    types: the label types that take part (None: all).
    lookout: is told the names that labels count, wanted or not, until it has met all that it looks for.
    """

    def __init__(
        self,
        test: Predicate | None = None,
        wanted: Mapping[str | None, Container[str]] | None = None,
        sieve: Sieve | None = None,
        ontology: Ontology | None = None,
        types: LabelTypes | None = DEFAULT_LABEL_TYPES,
        lookout: Lookout | None = None,
        totals: bool = False,
    ) -> None:
        self._test = test
        self._totals = totals
        self._lookout = lookout if lookout is not None and lookout.unmet else None
        self._wanted = wanted
        # not an empty set, which would hash each name that it is asked for
        self._elsewhere: Container[str] = (wanted or {}).get(None) or ()
        self._counted = wanted if self._lookout is None else None  # all, as long as names are looked for
        self._sieve = sieve if types == DEFAULT_LABEL_TYPES else None
        self._ontology = ontology
        self._types = chosen_types(types)
        self._decoders = [FLAT, FRAMES]  # the one that fitted last comes first

    @classmethod
    def of_query(
        cls,
        tree: Node,
        ontology: Ontology | None = None,
        types: LabelTypes | None = DEFAULT_LABEL_TYPES,
        *,
        validate: bool = False,
        lookout: Lookout | None = None,
    ) -> Scanner:
        """The scanner that a query needs. `validate`: decode also what cannot match, so that no broken record is missed.

        >>> from kili_query.lang.parser import parse_tree
        >>> scanner = Scanner.of_query(parse_tree("A.B.count > 0"))
        >>> scanner.scan(b'{"labels": [{"jsonResponse": {"A": {"categories": [{"name": "B"}]}}}]}').matched
        [LabelKey(key='labels', position=0)]
        """
        sieve = None if validate else Sieve.of(tree)
        totals = any(isinstance(leaf.operand, Total) for leaf in leaves(tree))
        return cls(compile_predicate(tree), _wanted(tree), sieve, ontology, types, lookout, totals)

    @classmethod
    def of_queries(
        cls,
        trees: Sequence[Node],
        ontology: Ontology | None = None,
        types: LabelTypes | None = DEFAULT_LABEL_TYPES,
        *,
        validate: bool = False,
    ) -> Scanner:
        """The scanner whose verdicts have the counts that some queries ask for.

        A record in which none of them can hold has none; `validate`: it has.
        """
        tree = disjunction(list(trees))
        totals = any(isinstance(leaf.operand, Total) for leaf in leaves(tree))
        sieve = None if validate else Sieve.of(tree)
        return cls(None, _wanted(tree), sieve, ontology, types, totals=totals)

    def scan(self, buffer: bytes, start: int = 0, end: int | None = None) -> Verdict:
        """The verdict on one record: the JSON text in `buffer`, from `start` to `end`.

        Raises
        ------
        DataError: the record is not JSON, or holds no labels by its shape. A label that cannot be read
            is no reason to raise: it is named among the problems.
        """
        end = len(buffer) if end is None else end
        sieve = self._sieve
        if sieve is not None and end - start >= skipping.MIN_SKIPPED and sieve.rules_out(buffer, start, end):
            if self._lookout is not None and self._lookout.is_curious(buffer, start, end):
                with suppress(DataError):
                    self._scan_decoded(buffer[start:end])
            return Verdict(labels=1, decoded=False)
        return self._scan_decoded(buffer[start:end])

    def scan_response(self, buffer: bytes, start: int = 0, end: int | None = None) -> Verdict:
        """The verdict on a label that is known by its response alone, the JSON text in `buffer` from `start` to `end`.

        Raises
        ------
        DataError: the response cannot be read.

        >>> Scanner().scan_response(b'{"A": {"categories": [{"name": "B"}]}}').counts
        [{('A', 'B'): 1}]
        """
        end = len(buffer) if end is None else end
        sieve = self._sieve
        if sieve is not None and end - start >= skipping.MIN_SKIPPED and sieve.rules_out_response(buffer, start, end):
            return Verdict(labels=1, decoded=False)
        data = buffer[start:end]
        if data.isascii() or _is_utf8(data):
            for decoder in self._decoders:
                verdict = Verdict(bare=True)
                try:
                    label = decoder.label(jsonResponse=decoder.response.decode(data))
                    judged = self._judge(label, _BARE, decoder, verdict)
                except (msgspec.DecodeError, RecursionError, UnicodeError):
                    continue
                if judged:
                    if decoder is not self._decoders[0]:
                        self._decoders.reverse()
                    return verdict
        verdict = Verdict(labels=1, bare=True)
        self._note(count_categories(data, self._ontology), _BARE, verdict, None)
        return verdict

    def skim(self, buffer: bytes, start: int, end: int) -> Skimmed | None:
        """Of a block of lines, those that `scan_kept` is to be asked for: no other can match, and each other is one label.

        None: each line is a case for `scan`.
        """
        if self._sieve is None or (self._lookout is not None and not self._lookout.is_calm(buffer, start, end)):
            return None
        return self._sieve.skim(buffer, start, end)

    def scan_kept(self, buffer: bytes, start: int = 0, end: int | None = None) -> Verdict:
        """`scan` for a line that `skim` has kept."""
        if self._sieve is not None and self._sieve.is_whole:
            return self._scan_decoded(buffer[start:end])
        return self.scan(buffer, start, end)

    def _scan_decoded(self, data: bytes) -> Verdict:
        if not data.isascii() and not _is_utf8(data):
            return self._scan_general(data)
        for decoder in self._decoders:
            try:
                record = decoder.record.decode(data)
                verdict = self._scan_typed(record, decoder)
            except (msgspec.DecodeError, RecursionError, UnicodeError):
                continue
            if verdict is not None:
                if decoder is not self._decoders[0]:
                    self._decoders.reverse()
                return verdict
        return self._scan_general(data)

    # -- typed -----------------------------------------------------------------------------------------------------

    def _scan_typed(self, record: Any, decoder: Decoder) -> Verdict | None:
        if record.labels is not UNSET or record.latestLabel is not UNSET or record.latestLabels is not UNSET:
            groups = [(key, group) for key in LABEL_KEYS if (group := getattr(record, key)) is not UNSET]
            external_id, asset_id = id_text(record.externalId), id_text(record.id, record.assetId)
            verdict, named = Verdict(external_id=external_id, asset_id=asset_id), external_id or asset_id
            seen: set[str] = set()
            for key, group in groups:
                for position, label in enumerate([group] if key == "latestLabel" else group or ()):
                    if label is None:
                        continue
                    label_id = id_text(label.id)
                    if label_id in seen:
                        continue
                    if label_id is not None:
                        seen.add(label_id)
                    owner = None if named else _owner_ids(label)
                    if not self._judge(label, LabelKey(key, position), decoder, verdict, owner):
                        return None
            return _settled(verdict)
        if record.label is not UNSET or record.jsonResponse is UNSET:
            return None
        external_id, asset_id = _owner_ids(record)
        verdict = Verdict(bare=True, external_id=external_id, asset_id=asset_id)
        return verdict if self._judge(record, _BARE, decoder, verdict) else None

    def _judge(
        self, label: Any, key: LabelKey, decoder: Decoder, verdict: Verdict, owner: AssetIds | None = None
    ) -> bool:
        """Count one label and note the verdict. False: the label is for the general way."""
        if self._types is not None and label.labelType is not None and label.labelType not in self._types:
            return True
        response = label.jsonResponse
        if response is UNSET or (not response and (label.annotations or label.jsonResponseUrl)):
            return False
        if not response:
            verdict.blanks.append((key, owner))
            response = {}
        elif not (any(map(_holds, response.values())) if decoder.by_frame else _holds(response)):
            return False  # texts are not decoded here
        if decoder.by_frame or any(map(_may_be_place, response)):
            places = ({"assetLevel"} & response.keys()) | frame_keys(response, self._ontology)
            if self._ontology is not None:
                places -= self._ontology.jobs.keys()
            if len(places) != (len(response) if decoder.by_frame else 0):
                return False
        verdict.labels += 1
        if owner is not None and any(owner):
            verdict.bare = True
        self._note(self._counts(response, decoder), key, verdict, owner)
        return True

    def _counts(self, response: Mapping[str, Any], decoder: Decoder) -> Counts:
        counts: dict[Key, int] = {}
        if not decoder.by_frame and not self._totals and self._add(response, counts):
            return counts
        found: dict[Key, set[object]] = {}
        for answers in response.values() if decoder.by_frame else [response]:
            if answers:
                self._visit(answers, None, found)
        return counts_of(found) if self._totals else {k: len(identities) for k, identities in found.items()}

    def _note(self, counts: Counts, key: LabelKey, verdict: Verdict, owner: AssetIds | None) -> None:
        if self._lookout is not None:
            self._lookout.note(counts)
            if not self._lookout.unmet:
                self._lookout, self._counted = None, self._wanted
        if self._test is None:
            verdict.matched.append(key)
            verdict.counts.append(counts)
        elif self._test(counts):
            verdict.matched.append(key)
            if owner is not None:
                verdict.owners.append(owner)

    def _add(self, answers: Mapping[str, Answer | None], counts: dict[Key, int]) -> bool:
        """`_visit` where no two objects can be the same one, so that none needs an identity. False: they can."""
        for job, answer in answers.items():
            if answer is None or job in PSEUDO_JOBS:
                continue
            wanted = _ALL if self._counted is None else self._counted.get(job, self._elsewhere)
            for entry in answer.categories or ():
                if (name := entry.name) is None:
                    continue
                if name in wanted:
                    counts[job, name] = counts.get((job, name), 0) + 1
                if entry.children and not self._add(entry.children, counts):
                    return False
            if answer.annotations:
                mids = set[object]()
                for number, item in enumerate(answer.annotations):
                    mids.add((number,) if item.mid is None or item.mid == "" else item.mid)
                    if len(mids) <= number or item.points:
                        return False
                    categories = item.categories or ()
                    if len(categories) > 1 and len({entry.name for entry in categories}) < len(categories):
                        return False
                    for entry in categories:
                        if (name := entry.name) is not None and name in wanted:
                            counts[job, name] = counts.get((job, name), 0) + 1
                        if entry.children and name is not None and not self._add(entry.children, counts):
                            return False
                    if item.children and not self._add(item.children, counts):
                        return False
            if answer.children and not self._add(answer.children, counts):
                return False
        return True

    def _visit(self, answers: Mapping[str, Answer | None], place: object, found: dict[Key, set[object]]) -> None:
        """The walk of `model.counts`, on typed answers; an identity is a tuple that begins with its place."""
        for job, answer in answers.items():
            if answer is None or job in PSEUDO_JOBS:
                continue
            wanted = _ALL if self._counted is None else self._counted.get(job, self._elsewhere)
            if answer.categories:
                earlier: dict[str, int] = {}
                for entry in answer.categories:
                    name = entry.name
                    if name is None:
                        continue
                    k = earlier[name] = earlier.get(name, -1) + 1
                    if name in wanted:
                        found.setdefault((job, name), set()).add((place, job, name, k))
                    if entry.children:
                        self._visit(entry.children, (place, job, name, k), found)
            for item in answer.annotations or ():
                here: Any = None  # the identity of the object, made only where it is needed
                for entry in item.categories or ():
                    name = entry.name
                    if name is not None and name in wanted:
                        here = here or _object_at(place, job, item.mid)
                        found.setdefault((job, name), set()).add(here)
                    if entry.children and name is not None:
                        here = here or _object_at(place, job, item.mid)
                        self._visit(entry.children, (here, job, name, "category"), found)
                if item.children or item.points:
                    here = here or _object_at(place, job, item.mid)
                    self._visit(item.children or {}, here, found)
                    for point in item.points or ():
                        self._visit(point.children or {}, (here, job, point.code, "point"), found)
            if answer.children:
                self._visit(answer.children, (place, job), found)

    # -- general ---------------------------------------------------------------------------------------------------

    def _scan_general(self, data: bytes) -> Verdict:
        record = decode_json(data)
        if not isinstance(record, Mapping):
            raise DataError(f"a record is an object, and this is {kind_of(record)}")
        external_id, asset_id = ids = asset_ids(record)
        verdict = Verdict(bare=is_bare(record), external_id=external_id, asset_id=asset_id)
        for label in labels_of(record, types=self._types):
            verdict.labels += 1
            owner = (label.external_id, label.asset_id) if not any(ids) and label.key in LABEL_KEYS else None
            verdict.bare |= owner is not None and any(owner)
            try:
                counts = count_label(label, self._ontology)
            except DataError as error:
                verdict.problems.append(error)
                continue
            if is_empty(label):
                verdict.blanks.append((LabelKey(label.key, label.position), owner))
            self._note(counts, LabelKey(label.key, label.position), verdict, owner)
        return _settled(verdict)


def _holds(answers: Mapping[str, Answer | None] | None) -> bool:
    """True if one of the answers surely holds something."""
    for job, answer in (answers or {}).items():
        if answer is not None and (answer.categories or answer.annotations) and job not in PSEUDO_JOBS:
            return True
    return False


_may_be_place = re.compile(r"[0-9]|assetLevel\Z").match
"""Whether a key of a response can be the number of a frame, or stand for all of them."""


def _object_at(place: object, job: str, mid: str | int | float | None) -> tuple[object, ...]:
    """The identity of an object: by its `mid`, else like no other."""
    return (place, job, object() if mid is None or mid == "" else mid)


def _settled(verdict: Verdict) -> Verdict:
    """The verdict on an asset. What its labels say of their assets counts only if one of them says anything."""
    if not verdict.bare:
        verdict.owners.clear()
    return verdict


def _owner_ids(label: Any) -> AssetIds:
    """`owner_ids` of a typed label."""
    owner = label.labelOf or NOBODY
    external_id, asset_id = owner.externalId, owner.id
    if external_id and asset_id and type(external_id) is type(asset_id) is str:  # as good as always
        return external_id, asset_id
    return id_text(external_id, label.externalId), id_text(asset_id, label.assetId)


class _All:
    """Contains everything."""

    def __contains__(self, _: object) -> bool:
        return True


_ALL = _All()


def _wanted(tree: Node) -> dict[str | None, Container[str]]:
    """The categories that a query asks for, by job; under None those that it asks of each other job."""
    asked: dict[str | None, set[str | None]] = {None: set()}
    for leaf in leaves(tree):
        for job, category in leaf.operand.keys:
            asked.setdefault(job, set()).add(category)
    everywhere = asked[None]
    return {
        job: _ALL if None in (both := categories | everywhere) else both  # type: ignore[misc]
        for job, categories in asked.items()
    }


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


__all__ = ["LabelKey", "Scanner", "Verdict"]
