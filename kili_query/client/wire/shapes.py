"""The shapes of answers, checked where they are read: whatever a server sends is what was asked for, or an error."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any, TypedDict

import msgspec

from kili_query.client.types import Row
from kili_query.client.wire.documents import Tree, field_tree
from kili_query.errors import ServerError
from kili_query.model.decoding import kind_of
from kili_query.model.kili import LABEL_KEYS


def number(value: Any) -> int:
    """How many there are.

    Raises
    ------
    ServerError: it is no whole number from 0.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        told = value if isinstance(value, (int, float)) else kind_of(value)  # a text may be anything
        raise ServerError(f"the answer is {told} instead of a number from 0")
    return value


def objects(value: Any) -> list[Row]:
    """The rows themselves.

    Raises
    ------
    ServerError: they are anything but a list of objects.
    """
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise ServerError("the answer is no list of objects")
    return value


def texts(value: Any) -> list[str]:
    """The texts themselves.

    Raises
    ------
    ServerError: they are anything but a list of texts.
    """
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ServerError("the answer is no list of texts")
    return value


def rows_of(fields: Iterable[str], *, texts: Collection[str] = ()) -> Callable[[Any], list[Row]]:
    """What reads rows that were asked for by these fields: objects are where parts were asked for, or null.

    `texts` are fields that are texts in each row.

    >>> rows_of(["id", "author.email"])([{"id": "l1", "author": {"email": None}}, {"id": "l2", "author": None}])
    [{'id': 'l1', 'author': {'email': None}}, {'id': 'l2', 'author': None}]
    """
    tree = field_tree(fields)

    def read(value: Any) -> list[Row]:
        rows = objects(value)
        for position, row in enumerate(rows):
            odd = next((name for name in texts if not isinstance(row.get(name), str)), None) or _odd_part(row, tree)
            if odd is not None:
                raise ServerError(f"the answer is not of the shape that was asked for, at `[{position}].{odd}`")
        return rows

    return read


def _odd_part(row: Row, tree: Tree) -> str | None:
    """Where something else stands than the objects whose parts were asked for; None if nowhere."""
    for name, parts in tree.items():
        value = row.get(name) if parts else None
        if value is None:
            continue
        many = isinstance(value, list)
        if name in LABEL_KEYS and many is (name == "latestLabel"):
            return name
        for position, item in enumerate(value if many else [value]):
            if item is None:
                continue
            below = _odd_part(item, parts) if isinstance(item, dict) else ""
            if below is not None:
                return f"{name}{f'[{position}]' if many else ''}" + (f".{below}" if below else "")
    return None


class _Answer(TypedDict, total=False):
    categories: list[str | None] | None
    choice: Any
    text: Any


class _Annotation(TypedDict, total=False):
    id: str | None
    job: str | None
    path: list[list[str | None]] | None
    annotationValue: _Answer | None


def require_annotations(labels: Iterable[Row]) -> None:
    """The annotations of labels of conversations are such.

    Raises
    ------
    ServerError: one of them is something else.
    """
    for label in labels:
        try:
            msgspec.convert(label.get("annotations"), list[_Annotation] | None)
        except msgspec.ValidationError as error:
            raise ServerError(f"the answer holds `annotations` that are none: {error}") from None
