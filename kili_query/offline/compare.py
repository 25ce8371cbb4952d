"""Compare: what two exports hold of the same assets, and which of them answer a query otherwise."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple, Self

import msgspec

from kili_query.formats.kili import Problem, Record, Source
from kili_query.formats.latest import latest_only
from kili_query.model.counts import Counts, Key, decode_response
from kili_query.model.labels import DEFAULT_LABEL_TYPES, Label, LabelTypes
from kili_query.model.ontology import Ontology
from kili_query.offline.run import run
from kili_query.offline.tally import Tally
from kili_query.query import Query


class Held(NamedTuple):
    """What an export holds of one asset."""

    counts: dict[Key, int]
    """Objects by category, of all its labels that take part."""
    answers: tuple[bytes, ...]
    """A digest of each label's answer, sorted."""
    matches: bool
    """True if one of its labels satisfies the query."""

    def with_other(self, other: Held) -> Held:
        """The same asset, some of whose labels stand elsewhere, as in a dump of labels."""
        counts = Counter(self.counts)
        counts.update(other.counts)
        return Held(dict(counts), tuple(sorted((*self.answers, *other.answers))), self.matches or other.matches)


@dataclass(slots=True)
class Holdings(Tally):
    """What an export holds, asset by asset, in the order of the input."""

    assets: dict[str, Held] = field(default_factory=dict)
    unnamed: int = 0
    """Assets without any id: they cannot be compared."""

    def add(self, other: Self) -> None:
        """Take in another part of the export."""
        Tally.add(self, other)
        self.unnamed += other.unnamed
        for name, held in other.assets.items():
            self.assets[name] = self.assets[name].with_other(held) if name in self.assets else held

    @property
    def counts(self) -> Counter[Key]:
        """Objects by category in the whole export."""
        found: Counter[Key] = Counter()
        for held in self.assets.values():
            found.update(held.counts)
        return found

    @property
    def matching(self) -> set[str]:
        """The assets that satisfy the query."""
        return {name for name, held in self.assets.items() if held.matches}


class Difference(NamedTuple):
    """What differs between two exports, each list in the order of the export that has the asset."""

    gained: list[str]
    """Assets that only the second has."""
    lost: list[str]
    """Assets that only the first has."""
    recounted: dict[str, dict[Key, tuple[int, int]]]
    """Assets in both that hold other counts: (job, category) -> before and after."""
    altered: list[str]
    """Assets in both whose counts are the same and whose answers are not: a box was moved, a text was changed."""
    same: int
    """How many assets hold the same in both."""
    begun: list[str]
    """Assets that satisfy the query in the second only, gained ones among them."""
    ended: list[str]
    """Assets that satisfy it in the first only, lost ones among them."""


def difference(before: Holdings, after: Holdings) -> Difference:
    """What is in one of two exports and not in the other."""
    gained = [name for name in after.assets if name not in before.assets]
    lost, altered, same = list[str](), list[str](), 0
    recounted: dict[str, dict[Key, tuple[int, int]]] = {}
    for name, old in before.assets.items():
        new = after.assets.get(name)
        if new is None:
            lost.append(name)
        elif old.counts != new.counts:
            keys = sorted(old.counts.keys() | new.counts.keys())
            both = {key: (old.counts.get(key, 0), new.counts.get(key, 0)) for key in keys}
            recounted[name] = {key: (a, b) for key, (a, b) in both.items() if a != b}
        elif old.answers != new.answers:
            altered.append(name)
        else:
            same += 1
    matched, matching = before.matching, after.matching
    begun = [name for name in after.assets if name in matching and name not in matched]
    ended = [name for name in before.assets if name in matched and name not in matching]
    return Difference(gained, lost, recounted, altered, same, begun, ended)


def hold(
    *sources: Source,
    query: Query | None = None,
    ontology: Ontology | None = None,
    types: LabelTypes | None = DEFAULT_LABEL_TYPES,
    latest: bool = False,
    workers: int | None = None,
) -> Iterator[tuple[Holdings, int]]:
    """What each part of an export holds, with its size in bytes; `add` adds it up.

    Parameters
    ----------
    query: says which assets match; None: none does.
    latest: True for the newest label of each asset only.

    Raises
    ------
    DataError: a source cannot be read (KQ503).
    """
    for done in run(_Work(query, ontology, types, latest), sources, workers):
        yield done.result.placed(done.base), done.size


@dataclass(frozen=True)
class _Work:
    query: Query | None
    ontology: Ontology | None
    types: LabelTypes | None
    latest: bool

    def __call__(self, records: Iterator[Record | Problem]) -> Holdings:
        found = Holdings()
        chosen = latest_only(records, self.types) if self.latest else records
        for (external_id, asset_id), labels in found.read_labels(chosen, self.types, self.ontology):
            name = external_id or asset_id
            if name:
                self._note(found, name, None, {})
            for label, counts in labels:
                name = label.external_id or label.asset_id
                if name:
                    self._note(found, name, label, counts)
                else:
                    found.unnamed += 1
        return found

    def _note(self, found: Holdings, name: str, label: Label | None, counts: Counts) -> None:
        answers = () if label is None else (_digest(label),)
        held = Held(dict(counts), answers, label is not None and self.query is not None and self.query.holds(counts))
        found.assets[name] = found.assets[name].with_other(held) if name in found.assets else held


_ENCODER = msgspec.json.Encoder(order="sorted")


def _digest(label: Label) -> bytes:
    """What a label answers, as a few bytes that do not depend on the order of keys or on white space."""
    response = decode_response(label.response)
    try:
        text = _ENCODER.encode(response)
    except (TypeError, ValueError, OverflowError, RecursionError, UnicodeError, msgspec.MsgspecError):
        text = json.dumps(response, sort_keys=True).encode(errors="surrogatepass")
    return blake2b(text, digest_size=16).digest()
