"""The polygons of an annotation, to read and to change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from kili_query.formats.parsed.checking import check_bounding_poly, check_vertices
from kili_query.formats.parsed.places import Json, Vertex, copied, list_at, own_list, wrong_type
from kili_query.formats.parsed.refusals import AnswerMissingError, InvalidMutationError

T = TypeVar("T")


def item_at(items: Sequence[T], index: object, what: str) -> T:
    """An item of a list, by the rules of Python's own lists; a single one.

    Raises
    ------
    TypeCheckError: the index is no whole number.
    IndexError: there is no such item.
    """
    if not isinstance(index, int):
        raise wrong_type("index", index, "a whole number")
    if not -len(items) <= index < len(items):
        raise IndexError(f"there is no {what} [{index}]: the list has {len(items)}")
    return items[index]


class BoundingPoly:
    """A polygon: the outline of an object, or a hole in it.

    >>> polygon = BoundingPoly({"normalizedVertices": [{"x": 0.1, "y": 0.2}, {"x": 0.3, "y": 0.2}, {"x": 0.1, "y": 0.4}]}, "polygon")
    >>> len(polygon.normalized_vertices)
    3
    """

    __slots__ = ("_data", "_tool")

    def __init__(self, data: Json, tool: object) -> None:
        self._data = data
        self._tool = tool

    @property
    def normalized_vertices(self) -> list[Vertex | Any]:
        """Its points: a list of `{"x", "y"}`, in PDF a list of such lists. That of the label itself, not a copy.

        A rectangle has 4, a polygon at least 3; coordinates outside 0 to 1 are taken.

        Raises
        ------
        InvalidMutationError, TypeCheckError: what is set has another shape.
        """
        try:
            return self._data["normalizedVertices"]  # type: ignore[no-any-return]
        except KeyError:
            raise AnswerMissingError("the polygon has no `normalizedVertices`") from None

    @normalized_vertices.setter
    def normalized_vertices(self, normalized_vertices: list[Vertex | Any]) -> None:
        check_vertices(normalized_vertices, self._tool)
        self._data["normalizedVertices"] = copied(normalized_vertices)

    def as_dict(self) -> Json:
        """Its JSON, copied."""
        return copied(self._data)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return repr(self._data)


class BoundingPolyList:
    """The polygons of an annotation: outlines, and the holes in them. Groups of polygons count one polygon at a time."""

    __slots__ = ("_annotation",)

    def __init__(self, annotation: Json) -> None:
        self._annotation = annotation

    def add_bounding_poly(self, bounding_poly: Json) -> None:
        """Add a polygon: `{"normalizedVertices": [{"x": 0.1, "y": 0.2}, ...]}`.

        Raises
        ------
        InvalidMutationError: too few vertices for the tool, or too many; the polygons are in groups.
        TypeCheckError: it is no polygon.
        """
        check_bounding_poly(bounding_poly, self._annotation.get("type"))
        polygons = own_list(self._annotation, "boundingPoly")
        if any(isinstance(group, list) for group in polygons):
            raise InvalidMutationError(
                "the polygons of this annotation are in groups; a group cannot be told from here"
            )
        polygons.append(copied(bounding_poly))

    def as_list(self) -> list[Any]:
        """Their JSON, copied."""
        return copied(list_at(self._annotation, "boundingPoly"))  # type: ignore[no-any-return]

    def __len__(self) -> int:
        return len(self._rings())

    def __iter__(self) -> Iterator[BoundingPoly]:
        tool = self._annotation.get("type")
        return (BoundingPoly(ring, tool) for ring in self._rings())

    def __getitem__(self, index: int) -> BoundingPoly:
        return BoundingPoly(item_at(self._rings(), index, "polygon"), self._annotation.get("type"))

    def _rings(self) -> list[Json]:
        listed = list_at(self._annotation, "boundingPoly")
        flat = [ring for entry in listed for ring in (entry if isinstance(entry, list) else [entry])]
        return [ring if isinstance(ring, dict) else {} for ring in flat]

    def __repr__(self) -> str:
        return repr(self.as_list())
