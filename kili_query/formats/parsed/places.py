"""JSON that views are laid over: copies of it, objects that need not be there yet, values that it can take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

from kili_query.errors import DataError
from kili_query.formats.parsed.refusals import InvalidMutationError, TypeCheckError

Json = dict[str, Any]
Vertex = dict[str, float]
"""A point of an asset, `{"x": 0.1, "y": 0.2}`: from 0 at the left and top to 1; with longitude and latitude in geospatial projects."""

_PLAIN = frozenset({str, int, float, bool, type(None)})


def copied(value: Any) -> Any:
    """A deep copy of JSON: dicts and lists become new ones, each as often as it occurs. What is no JSON stays what it is.

    Raises
    ------
    DataError: it is nested too deep.
    """
    try:
        return _copied(value)
    except RecursionError:
        raise DataError("the label is nested too deep") from None


def _copied(value: Any) -> Any:
    if type(value) is dict or isinstance(value, dict):
        new = dict(value)
        for key in new:
            item = new[key]
            if type(item) not in _PLAIN:
                new[key] = _copied(item)
        return new
    if isinstance(value, list):
        return [item if type(item) in _PLAIN else _copied(item) for item in value]
    return value


class Place:
    """Where an object stands in a label, or would."""

    __slots__ = ("_holder", "_key")

    def __init__(self, holder: Json | Place, key: Any) -> None:
        self._holder = holder
        self._key = key

    def read(self) -> Mapping[str, Any]:
        """The object; an empty one where there is none."""
        value = read(self._holder).get(self._key)
        return value if isinstance(value, dict) else {}

    def own(self) -> Json:
        """The object, to be changed; it is put there where there is none.

        Raises
        ------
        InvalidMutationError: something else stands there.
        """
        holder = own(self._holder)
        value = holder.get(self._key)
        if value is None:
            value = holder[self._key] = {}
        if not isinstance(value, dict):
            raise InvalidMutationError(f"`{self._key}` holds {told(value)}, which cannot be changed as an object")
        return value


def read(at: Json | Place) -> Mapping[str, Any]:
    """What stands at a place, or an object that is there."""
    return at if isinstance(at, dict) else at.read()


def own(at: Json | Place) -> MutableMapping[str, Any]:
    """The same, to be changed."""
    return at if isinstance(at, dict) else at.own()


def list_at(at: Json | Place, key: str) -> list[Any]:
    """A list that an object holds, to be looked at: an empty one where it holds none."""
    value = read(at).get(key)
    return value if isinstance(value, list) else []


def own_list(at: Json | Place, key: str) -> list[Any]:
    """A list that an object holds, to be added to.

    Raises
    ------
    InvalidMutationError: something else stands there.
    """
    holder = own(at)
    value = holder.get(key)
    if value is None:
        value = holder[key] = []
    if not isinstance(value, list):
        raise InvalidMutationError(f"`{key}` holds {told(value)}, to which nothing can be added")
    return value


# -- values ------------------------------------------------------------------------------------------------------------


def told(value: object) -> str:
    """A value in a message: on one line, cut where it is long, with its type."""
    text = " ".join(repr(value).split())
    return f"`{text if len(text) <= 60 else text[:57] + '...'}` ({type(value).__name__})"


def wrong_type(name: str, value: object, takes: str) -> TypeCheckError:
    """The error about a value of another type than a place takes."""
    return TypeCheckError(f"`{name}` is {told(value)}; it takes {takes}")


def text(name: str, value: object) -> str:
    """A text."""
    if not isinstance(value, str):
        raise wrong_type(name, value, "a text")
    return value


def whole(name: str, value: object) -> int:
    """A whole number."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise wrong_type(name, value, "a whole number")
    return value


def number(name: str, value: object) -> float:
    """A number."""
    if not _is_number(value):
        raise wrong_type(name, value, "a number")
    return value  # type: ignore[return-value]


def json_object(name: str, value: object) -> Json:
    """An object with texts as keys."""
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise wrong_type(name, value, "a dict with texts as keys")
    return value


def vertex(name: str, value: object) -> Vertex:
    """A point."""
    if not is_vertex(value):
        raise wrong_type(name, value, 'a point such as `{"x": 0.1, "y": 0.2}`')
    return value  # type: ignore[return-value]


def vertices(name: str, value: object) -> list[Vertex]:
    """A list of points."""
    if not isinstance(value, list) or not are_vertices(value):
        raise wrong_type(name, value, 'a list of points such as `{"x": 0.1, "y": 0.2}`')
    return value


def mids(name: str, value: object) -> list[dict[str, str]]:
    """The annotations that a relation joins."""
    if not isinstance(value, list) or not all(isinstance(v, dict) and isinstance(v.get("mid"), str) for v in value):
        raise wrong_type(name, value, 'a list of annotations such as `{"mid": "..."}`')
    return value


def is_vertex(value: object) -> bool:
    """True for a point: an object with x and y, both numbers."""
    return isinstance(value, dict) and _is_number(value.get("x")) and _is_number(value.get("y"))


def are_vertices(values: Iterable[object]) -> bool:
    """True if all are points. Nearly all of a label are, so the short way comes first."""
    for value in values:
        if type(value) is dict and type(value.get("x")) is float and type(value.get("y")) is float:
            continue
        if not is_vertex(value):
            return False
    return True


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
