"""Asset and label records: where labels sit in the JSON objects of exports and dumps."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kili_query.errors import DataError
from kili_query.model.counts import Answered
from kili_query.model.kili import LABEL_KEYS

if TYPE_CHECKING:
    from kili_query.model.annotations import Annotation


class AllBut:
    """All label types but some: new ones, that Kili may add, take part.

    >>> "REVIEW" in AllBut("AUTOSAVE"), "AUTOSAVE" in AllBut("AUTOSAVE")
    (True, False)
    """

    __slots__ = ("left_out",)

    def __init__(self, *left_out: str) -> None:
        self.left_out = frozenset(left_out)

    def __contains__(self, label_type: object) -> bool:
        return label_type not in self.left_out

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AllBut) and self.left_out == other.left_out

    def __hash__(self) -> int:
        return hash(self.left_out)

    def __repr__(self) -> str:
        return f"AllBut({', '.join(map(repr, sorted(self.left_out)))})"


LabelTypes = AllBut | Collection[str]
"""A choice of label types."""

DEFAULT_LABEL_TYPES = AllBut("AUTOSAVE")
"""What takes part in a query when the caller does not choose: unfinished work is left out."""


@dataclass(frozen=True, slots=True, repr=False)
class Label:
    """One label of an export, with the asset it belongs to.

    `response` is what the label holds as `jsonResponse` (an object, its JSON text, or None); for the
    conversation form of LLM projects it is the object of levels, and `by_level` is true.
    An exported label has no id: `name` tells it apart by asset, key and position.
    `problem` says why the label cannot be read, where that is known before its response is looked at.
    """

    response: object
    external_id: str | None = None
    asset_id: str | None = None
    key: str = ""
    position: int = 0
    label_type: str | None = None
    by_level: bool = False
    problem: str | None = None
    record: object = field(default=None, repr=False, compare=False)
    where: str = field(default="", compare=False)
    asset: Mapping[str, object] | None = field(default=None, repr=False, compare=False)
    """The record that holds it: what is known of its asset."""

    @property
    def name(self) -> str:
        """The label in words, such as `car_1.jpg, labels[2]`."""
        return label_name(self.external_id, self.asset_id, self.key, self.position)

    def __repr__(self) -> str:
        """Short, whatever it holds: a list of labels is looked at."""
        about = [self.label_type or "", self.problem or ""]
        return f"<Label {self.name}{''.join(f' {word}' for word in about if word)}>"

    def _repr_html_(self) -> str | None:
        """The label as a picture, for notebooks."""
        from importlib import import_module  # by its name: pictures are made of labels, and stand above them

        shown: str | None = import_module("kili_query.pictures.shown").label_to_html(self)
        return shown

    @property
    def id(self) -> str | None:
        """Its own id, where it has one: labels of exports have none, those of `kili.labels()` do."""
        return None if self.by_level else id_text(self._fields.get("id")) or None

    @property
    def author(self) -> str | None:
        """Who made it: the e-mail address, else the name, else the id."""
        return author_of(self.record)

    @property
    def created_at(self) -> str | None:
        """When it was made, as the label says it: `2024-02-29T10:00:00.000Z`."""
        return None if self.by_level else _text(self._fields.get("createdAt"))

    @property
    def _fields(self) -> Mapping[str, object]:
        return self.record if isinstance(self.record, Mapping) else {}

    @property
    def annotations(self) -> list[Annotation]:
        """Its annotations as flat records (`Annotation` says what they hold); keys of digits are taken for frames.

        Raises
        ------
        DataError: the label cannot be read.
        """
        from kili_query.model.annotations import annotations_of_label

        return list(annotations_of_label(self))


def label_name(external_id: str | None, asset_id: str | None, key: str, position: int) -> str:
    """A label in words: its asset, and where it stands there."""
    asset = external_id or asset_id or "label"
    if key in ("", "label"):
        return asset
    return f"{asset}, {key}" + ("" if key == "latestLabel" else f"[{position}]")


AssetIds = tuple[str | None, str | None]
"""The external id and the id of an asset, as far as they are known. `any(ids)` says whether it has a name at all."""


def id_text(*values: object) -> str | None:
    """The first of some values that is an id: a text, best one that is not empty, or a whole number, by its digits.

    >>> id_text(None, "", 12), id_text(True, 1.5)
    ('12', None)
    """
    for value in values:
        if isinstance(value, str):
            if value:
                return value
        elif isinstance(value, int) and not isinstance(value, bool) and value.bit_length() < _LONGEST_NUMBER:
            return str(value)
    return "" if "" in values else None


_LONGEST_NUMBER = 10_000  # bits; Python does not write numbers of any length as text


def is_bare(record: Mapping[str, object]) -> bool:
    """True for a record that is no asset: a label by itself, if anything."""
    return not any(key in record for key in (*LABEL_KEYS, "label"))


def asset_ids(record: Mapping[str, object]) -> AssetIds:
    """How a record names its asset; for a label by itself, what it says of the asset that it belongs to."""
    if is_bare(record):
        return owner_ids(record)
    return id_text(record.get("externalId")), id_text(record.get("id"), record.get("assetId"))


def owner_ids(label: Mapping[str, object]) -> AssetIds:
    """How a label names its asset: in `labelOf`, or beside its answers. Its `id` is its own."""
    owner = label.get("labelOf")
    asset: Mapping[str, object] = owner if isinstance(owner, Mapping) else {}
    external_id = id_text(asset.get("externalId"), label.get("externalId"))
    return external_id, id_text(asset.get("id"), label.get("assetId"))


def chosen_types(types: LabelTypes | None) -> LabelTypes | None:
    """The types themselves, if they are a choice.

    Raises
    ------
    TypeError: a single text, which would be taken for its letters.
    """
    if isinstance(types, (str, bytes)):
        raise TypeError(f"label types are a collection such as {{{types!r}}}, and this is one text")
    return types


def author_of(label: object) -> str | None:
    """Who made a label, as its JSON object tells: by e-mail, else by name, else by id; None if it does not tell.

    >>> author_of({"author": {"id": "u1", "email": "ann@example.com"}}), author_of({"author": {"id": "u1"}})
    ('ann@example.com', 'u1')
    """
    author = label.get("author", label.get("labeler")) if isinstance(label, Mapping) else None
    if isinstance(author, str):
        return author or None
    if not isinstance(author, Mapping):
        return None
    name = " ".join(part for key in ("firstname", "lastname") if isinstance(part := author.get(key), str) and part)
    return id_text(author.get("email")) or name or id_text(author.get("id")) or None


def takes_part(label_type: str | None, types: LabelTypes | None) -> bool:
    """True for a label of one of the types (None: all); one without a type always takes part."""
    return types is None or label_type is None or label_type in types


def is_record(value: object) -> bool:
    """True for an object that holds labels: an asset, a label, or a labelled conversation."""
    return isinstance(value, Answered) or (isinstance(value, Mapping) and any(key in value for key in _RECORD_KEYS))


def labels_of(
    record: Mapping[str, object], *, types: LabelTypes | None = DEFAULT_LABEL_TYPES, where: str = ""
) -> Iterator[Label]:
    """The labels of one JSON object: an asset, a label (of `kili.labels()`), or an LLM conversation.

    A label that stands under several keys is given once: copies are known by their `id`.
    `types` chooses label types (None: all); a label without `labelType` always takes part.
    A label that is not an object, or has no response, is given with its `problem`. Where the object names no asset,
    as an object around a dump does not, each label is of the asset that it names itself.

    Raises
    ------
    DataError: the object is none of these.

    >>> [label.name for label in labels_of({"externalId": "a.jpg", "labels": [{"jsonResponse": {}}]})]
    ['a.jpg, labels[0]']
    """
    ids = asset_ids(record)
    if any(key in record for key in LABEL_KEYS):
        seen: set[str] = set()
        for key in LABEL_KEYS:
            for position, value in enumerate(_listed(record.get(key))):
                if value is None:
                    continue
                label_id = id_text(value.get("id")) if isinstance(value, Mapping) else None
                if label_id is None or label_id not in seen:
                    seen.update(() if label_id is None else (label_id,))
                    whose = owner_ids(value) if not any(ids) and isinstance(value, Mapping) else ids
                    yield from _label(value, whose if any(whose) else ids, key, position, types, where, record)
    elif "label" in record:
        levels = record["label"]
        problem = None if levels is None or isinstance(levels, Mapping) else "`label` is not an object"
        yield Label(levels or {}, *ids, "label", 0, None, True, problem, record, where, record)
    elif is_record(record):
        yield from _label(record, ids, "", 0, types, where, record)
    else:
        raise DataError(
            "neither an asset (`labels`, `latestLabel`, `latestLabels`), nor a label (`jsonResponse`), "
            "nor a conversation (`label`)",
            where=where,
        )


_RECORD_KEYS = (*LABEL_KEYS, "jsonResponse", "json_response", "jsonResponseUrl", "label")


def _label(
    value: object, ids: AssetIds, key: str, position: int, types: LabelTypes | None, where: str, asset: Mapping[str, object]
) -> Iterator[Label]:  # fmt: skip
    if not isinstance(value, Mapping):
        yield Label(None, *ids, key, position, None, False, "the label is not an object", value, where, asset)
        return
    label_type = _text(value.get("labelType"))
    if takes_part(label_type, types):
        if isinstance(value, Answered):
            yield Label(value.answers, *ids, key, position, label_type, record=value, where=where, asset=asset)
            return
        response = value.get("jsonResponse", value.get("json_response"))
        problem = _problem(value, response)
        yield Label(response, *ids, key, position, label_type, False, problem, value, where, asset)


def _problem(label: Mapping[str, object], response: object) -> str | None:
    if response is None and label.get("jsonResponseUrl"):
        return "the response is behind `jsonResponseUrl`, which cannot be read offline"
    if "jsonResponse" not in label and "json_response" not in label:
        return "the label has no `jsonResponse`"
    if not response and label.get("annotations"):
        return "the label holds `annotations` objects and an empty `jsonResponse`; export it with `jsonResponse`"
    return None


def _listed(value: object) -> list[object]:
    """The labels under a key: a list as it is, a single one (latestLabel) as a list of one."""
    return value if isinstance(value, list) else [value]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
