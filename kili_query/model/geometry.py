"""Geometry of annotations: typed shapes, read from the keys that an annotation has (json-formats 2.4 to 2.7)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, NamedTuple

XY = tuple[float, float]
"""A place: x and y as fractions of the width and the height of the displayed image or page, from its top left corner; in
geospatial projects longitude and latitude in degrees."""

Ring = tuple[XY, ...]
"""A closed line, without a repeated last point."""


@dataclass(frozen=True, slots=True)
class Polygons:
    """Rectangles, polygons and segmentation: parts, each an outer ring followed by the rings of its holes."""

    parts: tuple[tuple[Ring, ...], ...]

    @property
    def outline(self) -> Ring:
        """The outer ring of the first part."""
        return self.parts[0][0]


@dataclass(frozen=True, slots=True)
class Point:
    """A marker."""

    at: XY


@dataclass(frozen=True, slots=True)
class Line:
    """A polyline or a vector, from its first point to its last."""

    points: tuple[XY, ...]


class PosePoint(NamedTuple):
    """A point of a pose: its code in the ontology, and where it is."""

    code: str
    at: XY


@dataclass(frozen=True, slots=True)
class Pose:
    """The points of a pose that have a place, in the order of the label."""

    points: tuple[PosePoint, ...]


@dataclass(frozen=True, slots=True)
class TextSpan:
    """A part of a text: half-open offsets in characters; in rich text relative to the nodes that the ids name."""

    begin: int
    end: int | None = None
    begin_id: str | None = None
    end_id: str | None = None


class PageRing(NamedTuple):
    """A box on a page of a PDF: the number of the page from 1 (None: not said), and its outline."""

    page: int | None
    ring: Ring


@dataclass(frozen=True, slots=True)
class Pages:
    """An entity or an object of a PDF: one ring for each line or page that it covers."""

    rings: tuple[PageRing, ...]


@dataclass(frozen=True, slots=True)
class Relation:
    """Which annotations a relation joins, by their `mid`; several at either end are possible."""

    start: tuple[str, ...]
    end: tuple[str, ...]


Geometry = Polygons | Point | Line | Pose | TextSpan | Pages | Relation
"""Where an annotation is, or what it joins."""


def read_geometry(entry: Mapping[str, Any]) -> Geometry | None:
    """Where an annotation is, by the keys that it has; None where they hold nothing that can be read."""
    for keys in (("startEntities", "endEntities"), ("startObjects", "endObjects")):
        if keys[0] in entry or keys[1] in entry:
            return Relation(*(_mids(entry.get(key)) for key in keys))
    if isinstance(entry.get("points"), list):
        return _pose(entry["points"])
    if (parts := _parts(entry.get("boundingPoly"))) is not None:
        return Polygons(parts)
    if (at := _xy(entry.get("point"))) is not None:
        return Point(at)
    if line := _ring(entry.get("polyline")):
        return Line(line)
    if rings := tuple(ring for inner in list_in(entry.get("annotations")) for ring in _page_rings(inner)):
        return Pages(rings)
    begin, end = int_in(entry.get("beginOffset")), int_in(entry.get("endOffset"))
    if begin is not None:
        content = entry.get("content")
        if end is None and isinstance(content, str) and "beginId" not in entry:
            end = begin + len(content)
        return TextSpan(begin, end, text_in(entry.get("beginId")), text_in(entry.get("endId")))
    return None


def _parts(value: object) -> tuple[tuple[Ring, ...], ...] | None:
    """A `boundingPoly`: rings of one part, or (geospatial) a list of such lists."""
    if type(value) is list and len(value) == 1 and type(value[0]) is dict:  # nearly all are one ring
        ring = _vertices(value[0])
        return ((ring,),) if ring else None
    groups = [value] if value and not any(isinstance(item, list) for item in list_in(value)) else list_in(value)
    parts = tuple(
        rings for group in groups if (rings := tuple(ring for item in list_in(group) if (ring := _vertices(item))))
    )
    return parts or None


def _vertices(polygon: object) -> Ring | None:
    return _ring(polygon.get("normalizedVertices")) if isinstance(polygon, Mapping) else None


def _page_rings(inner: object) -> Iterator[PageRing]:
    """The rings of an inner annotation of a PDF. Its page numbers stand beside its vertices (json-formats 2.7)."""
    if not isinstance(inner, Mapping):
        return
    pages = list_in(inner.get("pageNumberArray")) or [inner.get("pageNumber")]
    number = 0
    for polygon in list_in(inner.get("polys")) or list_in(inner.get("boundingPoly")):
        vertices = list_in(polygon.get("normalizedVertices")) if isinstance(polygon, Mapping) else []
        for item in vertices if any(isinstance(item, list) for item in vertices) else [vertices]:
            if ring := _ring(item):
                yield PageRing(int_in(pages[min(number, len(pages) - 1)]), ring)
            number += 1


def _pose(points: list[object]) -> Pose:
    found = []
    for point in points:
        if isinstance(point, Mapping) and (at := _xy(point.get("point"))) is not None:
            found.append(PosePoint(str(point.get("code", "")), at))
    return Pose(tuple(found))


def _ring(value: object) -> Ring | None:
    ring: list[XY] = []
    for item in list_in(value):
        if type(item) is dict:  # nearly all are plain, with plain numbers
            x, y = item.get("x"), item.get("y")
            if type(x) is float and type(y) is float and -inf < x < inf and -inf < y < inf:
                ring.append((x, y))
                continue
        place = _xy(item)
        if place is None:
            return None
        ring.append(place)
    return tuple(ring) or None


def _xy(value: object) -> XY | None:
    if not isinstance(value, Mapping):
        return None
    x, y = number_in(value.get("x")), number_in(value.get("y"))
    return (x, y) if x is not None and y is not None and abs(x) < inf and abs(y) < inf else None


def signed_area(ring: Sequence[XY]) -> float:
    """Twice the area; its sign tells which way the ring turns: above 0 against the clock, with y pointing up.

    0 of a ring whose loops cancel each other, but for the last digits.

    >>> signed_area(((0, 0), (2, 0), (2, 3), (0, 3))), signed_area(((0, 0), (1, 1), (1, 0), (0, 1)))
    (12.0, 0.0)
    """
    found = most = 0.0
    x, y = ring[-1]
    for next_x, next_y in ring:
        term = x * next_y - next_x * y
        found += term
        most += abs(term)
        x, y = next_x, next_y
    return found if abs(found) > 1e-12 * most else 0.0


def is_upright(polygons: Polygons) -> bool:
    """True for one ring of four corners whose sides follow the axes."""
    if len(polygons.parts) > 1 or len(polygons.parts[0]) > 1 or len(polygons.outline) != 4:
        return False
    xs, ys = zip(*polygons.outline, strict=True)
    return len(set(xs)) == 2 and len(set(ys)) == 2 and len(set(polygons.outline)) == 4


def _mids(value: object) -> tuple[str, ...]:
    items = (item.get("mid") for item in list_in(value) if isinstance(item, Mapping))
    return tuple(str(mid) for mid in items if isinstance(mid, (str, int)))


def list_in(value: object) -> list[Any]:
    """The value, if it is a list; else none."""
    return value if isinstance(value, list) else []


def text_in(value: object) -> str | None:
    """The value, if it is a text."""
    return value if isinstance(value, str) else None


def bool_in(value: object) -> bool | None:
    """The value, if it is true or false."""
    return value if isinstance(value, bool) else None


def number_in(value: object) -> float | None:
    """The value, if it is a number."""
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def int_in(value: object) -> int | None:
    """The value, if it is a whole number."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None
