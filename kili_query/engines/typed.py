"""What of a label counting needs, as types: the rest of an export's record is passed over while it is decoded."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType


class Entry(Struct, gc=False):
    """A chosen category."""

    name: str | None = None
    children: dict[str, Answer | None] | None = None


class Point(Struct, gc=False):
    """A point of a pose."""

    code: str | None = None
    children: dict[str, Answer | None] | None = None


class Object(Struct, gc=False):
    """An object: a box, a track, an entity."""

    mid: str | int | float | None = None
    categories: list[Entry] | None = None
    children: dict[str, Answer | None] | None = None
    points: list[Point] | None = None


class Answer(Struct, gc=False):
    """The answer to a job."""

    categories: list[Entry] | None = None
    annotations: list[Object] | None = None
    children: dict[str, Answer | None] | None = None


_Id = str | int | None


class Owner(Struct, gc=False):
    """The asset of a label."""

    externalId: _Id = None  # noqa: N815
    id: _Id = None


NOBODY = Owner()

Answers = dict[str, Answer | None]


ABOUT = ("author", "labeler", "createdAt", "secondsToLabel")
"""What is told of a label beside its answers."""


class Decoder:
    """A decoder of records whose labels hold responses of one form; `about`: what is told of a label comes along, undecoded."""

    def __init__(self, response: Any, *, by_frame: bool = False, about: bool = False) -> None:
        self.by_frame = by_frame
        label_fields: list[Any] = [
            ("jsonResponse", response | None | UnsetType, UNSET),
            ("labelType", str | None, None),
            ("id", _Id, None),
            ("assetId", _Id, None),
            ("externalId", _Id, None),
            ("labelOf", Owner | None, None),
            ("jsonResponseUrl", str | None, None),
            ("annotations", list[msgspec.Raw] | None, None),
        ]
        if about:
            label_fields += [(name, msgspec.Raw | UnsetType, UNSET) for name in ABOUT]
        label = msgspec.defstruct("_Label", label_fields, gc=False)
        record_fields: list[Any] = [
            *label_fields,
            ("latestLabel", label | None | UnsetType, UNSET),
            ("latestLabels", list[label | None] | None | UnsetType, UNSET),  # type: ignore[valid-type]
            ("labels", list[label | None] | None | UnsetType, UNSET),  # type: ignore[valid-type]
            ("label", msgspec.Raw | UnsetType, UNSET),
        ]
        self.label = label
        self.response = msgspec.json.Decoder(response | None)
        self.record = msgspec.json.Decoder(msgspec.defstruct("_Record", record_fields, gc=False))


FLAT = Decoder(Answers)
FRAMES = Decoder(dict[str, Answers | None], by_frame=True)
