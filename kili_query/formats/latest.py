"""Only the newest label of each asset: records are rewritten so, before anything else looks at them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from kili_query.errors import DataError
from kili_query.formats.containers.records import Problem, Record
from kili_query.model.decoding import decode_json, encode_json
from kili_query.model.kili import LABEL_KEYS
from kili_query.model.labels import AssetIds, LabelTypes, asset_ids, owner_ids, takes_part
from kili_query.model.pieces import fields_of, labels_in, object_of

_NEVER = datetime.min.replace(tzinfo=UTC)


def latest_only(records: Iterator[Record | Problem], types: LabelTypes | None) -> Iterator[Record | Problem]:
    """The records, each asset with the newest of its labels of some types (None: all) under `latestLabel`, and no other.

    Newest is what was created last (`createdAt`); without dates, what stands last. A record that cannot be read is given
    as it is. A dump of labels in one object becomes a record for each asset that its labels name.

    Raises
    ------
    DataError: a record is a label by itself, so that nobody knows which is the newest of its asset (KQ503).
    """
    for record in records:
        if isinstance(record, Problem):
            yield record
            continue
        try:
            texts = list(_newest(record, types))
        except _Unreadable:
            yield record
            continue
        for text in texts:
            yield Record(text, record.where, record.optional)


class _Unreadable(Exception):
    """Who reads the record tells why."""


class _Candidate(NamedTuple):
    created: datetime
    is_latest: bool
    """True if Kili itself calls it the latest one."""
    number: int
    text: bytes

    @property
    def rank(self) -> tuple[datetime, bool, int]:
        return self.created, self.is_latest, self.number


def _newest(record: Record, types: LabelTypes | None) -> Iterator[bytes]:
    data = record.data
    try:
        fields = fields_of(data)
        if not any(key in fields for key in LABEL_KEYS):
            if "label" not in fields and fields.keys() & {"jsonResponse", "json_response", "jsonResponseUrl"}:
                message = (
                    "the newest label of an asset is known where its labels stand together; here each stands by itself"
                )
                raise DataError(message, code="KQ503", where=str(record.where))
            yield data
            return
        ids = asset_ids({key: _value(text) for key, text in fields.items() if key in _IDS} | {"labels": None})
        found: dict[AssetIds, _Candidate] = {}
        number = 0
        for key in LABEL_KEYS:
            for text in labels_in(fields[key]) if key in fields else ():
                if text.strip() == b"null":
                    continue
                number += 1
                head = {name: _value(value) for name, value in fields_of(text).items() if name in _HEAD}
                label_type = head.get("labelType")
                if not takes_part(label_type if isinstance(label_type, str) else None, types):
                    continue
                candidate = _Candidate(_moment(head.get("createdAt")), key == "latestLabel", number, text)
                owner = ids if any(ids) else owner_ids(head)
                if owner not in found or candidate.rank > found[owner].rank:
                    found[owner] = candidate
    except (RecursionError, MemoryError, AttributeError, msgspec.MsgspecError):
        raise _Unreadable from None
    except DataError as error:
        if error.code == "KQ503":
            raise
        raise _Unreadable from None
    rest = {key: text for key, text in fields.items() if key not in LABEL_KEYS}
    if any(ids) or not found:
        newest = found[ids].text if ids in found else b"null"
        yield object_of({**rest, "latestLabel": newest})
        return
    for (external_id, asset_id), candidate in found.items():
        named = {"externalId": encode_json(external_id), "id": encode_json(asset_id)}
        yield object_of({**rest, **named, "latestLabel": candidate.text})


_IDS = ("externalId", "id", "assetId")
_HEAD = ("labelType", "createdAt", "labelOf", "externalId", "assetId")


def _value(text: bytes) -> object:
    return decode_json(text)


def _moment(text: object) -> datetime:
    """When something was; long ago, if that is not known."""
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else _NEVER
    except ValueError:
        return _NEVER
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
