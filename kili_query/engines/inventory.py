"""All that an index keeps of labels: counts, ids, author, type, dates, at the speed of a scan; counts are those of `scan.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from msgspec import UNSET

from kili_query.engines.scan import LabelKey, Scanner, Verdict
from kili_query.engines.typed import Answers, Decoder
from kili_query.errors import DataError
from kili_query.model.counts import Counts, count_label, decode_response, is_empty
from kili_query.model.decoding import decode_json, kind_of
from kili_query.model.labels import AssetIds, Label, asset_ids, author_of, id_text, is_bare, labels_of
from kili_query.model.ontology import Ontology


class Found(NamedTuple):
    """A label, as an index keeps it."""

    key: LabelKey
    ids: AssetIds
    label_id: str | None
    author: str | None
    label_type: str | None
    created_at: str | None
    seconds: float | None
    empty: bool
    counts: Counts


class Unreadable(NamedTuple):
    """A label that cannot be read: its type (None: it takes part whatever types are asked for), and why."""

    label_type: str | None
    problem: DataError


class Contents(NamedTuple):
    """What a record holds."""

    labels: list[Found]
    unreadable: list[Unreadable]
    apart: bool
    """True for a dump of labels in one object: each of its labels names its asset."""
    framed: bool
    """True if an ontology may read it otherwise: digits may be frames or jobs."""


class Inventory:
    """Reads records: JSON objects of exports, as bytes. All label types take part.

    >>> contents = Inventory().read(b'{"externalId": "a", "labels": [{"jsonResponse": {"A": {"categories": [{"name": "B"}]}}}]}')
    >>> [(label.ids, label.counts) for label in contents.labels]
    [(('a', None), {('A', 'B'): 1})]
    """

    def __init__(self, ontology: Ontology | None = None) -> None:
        self._ontology = ontology
        self._scanner = _Noting(ontology)
        self._authors: dict[bytes, str | None] = {}

    def read(self, buffer: bytes, start: int = 0, end: int | None = None) -> Contents:
        """What a record holds.

        Raises
        ------
        DataError: the record is not JSON, or holds no labels by its shape.
        """
        scanner = self._scanner
        verdict = scanner.scan(buffer, start, end)
        if scanner.noted is None:
            return self._read_general(buffer[start:end])
        blanks = {key for key, _ in verdict.blanks} if verdict.blanks else ()
        ids = verdict.external_id, verdict.asset_id
        found = [
            Found(
                key, owner if owner is not None and any(owner) else ids, id_text(label.id) or None,
                self._author(label), label.labelType, _text(label.createdAt), _number(label.secondsToLabel),
                key in blanks, counts,
            )
            for (label, key, owner), counts in zip(scanner.noted, verdict.counts, strict=True)
        ]  # fmt: skip
        return Contents(found, [], bool(verdict.owners) or (verdict.bare and len(found) > 1), scanner.framed)

    def _author(self, label: Any) -> str | None:
        raw = label.author if label.author is not UNSET else label.labeler
        if raw is UNSET:
            return None
        text = bytes(raw)
        if text not in self._authors:
            if len(self._authors) > 10_000:
                self._authors.clear()
            self._authors[text] = author_of({"author": decode_json(text)})
        return self._authors[text]

    def _read_general(self, data: bytes) -> Contents:
        record = decode_json(data)
        if not isinstance(record, Mapping):
            raise DataError(f"a record is an object, and this is {kind_of(record)}")
        named = any(asset_ids(record))
        contents = Contents([], [], False, False)
        apart = framed = False
        for label in labels_of(record, types=None):
            framed |= _is_framed(label)
            apart |= not named and not is_bare(record) and any((label.external_id, label.asset_id))
            try:
                counts = count_label(label, self._ontology)
            except DataError as error:
                contents.unreadable.append(Unreadable(label.label_type, error))
                continue
            seconds = None
            if isinstance(label.record, Mapping) and not label.by_level:
                seconds = _float(label.record.get("secondsToLabel"))
            contents.labels.append(
                Found(
                    LabelKey(label.key, label.position), (label.external_id, label.asset_id), label.id,
                    label.author, label.label_type, label.created_at, seconds, is_empty(label), counts,
                )
            )  # fmt: skip
        return contents._replace(apart=apart, framed=framed)


class _Noting(Scanner):
    """A scan of which is known what each label was; `noted` is None for a record that went the general way."""

    noted: list[tuple[Any, LabelKey, AssetIds | None]] | None
    framed: bool

    def __init__(self, ontology: Ontology | None) -> None:
        super().__init__(ontology=ontology, types=None, totals=True)
        frames = Decoder(dict[str, Answers | None], by_frame=True, about=True)
        self._decoders = [Decoder(Answers, about=True), frames]
        self.noted, self.framed = None, False

    def _scan_typed(self, record: Any, decoder: Decoder) -> Verdict | None:
        self.noted, self.framed = [], decoder.by_frame
        return super()._scan_typed(record, decoder)

    def _judge(
        self, label: Any, key: LabelKey, decoder: Decoder, verdict: Verdict, owner: AssetIds | None = None
    ) -> bool:
        if not super()._judge(label, key, decoder, verdict, owner):
            return False
        assert self.noted is not None
        self.noted.append((label, key, owner))
        return True

    def _scan_general(self, data: bytes) -> Verdict:
        self.noted = None  # read by its owner, who needs more of it
        return Verdict()


def _is_framed(label: Label) -> bool:
    if label.by_level or label.problem:
        return False
    try:
        response = decode_response(label.response)
    except DataError:
        return False
    return any(key == "assetLevel" or str(key)[:1].isdigit() for key in response)


def _text(raw: Any) -> str | None:
    if raw is UNSET:
        return None
    data = bytes(raw)
    if data[:1] == b'"' and b"\\" not in data:  # as good as always
        return data[1:-1].decode()
    value = decode_json(data)
    return value if isinstance(value, str) else None


def _number(raw: Any) -> float | None:
    if raw is UNSET:
        return None
    data = bytes(raw)
    return float(data) if data.isdigit() and len(data) < 16 else _float(decode_json(data))


def _float(value: object) -> float | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            return None
    return None
