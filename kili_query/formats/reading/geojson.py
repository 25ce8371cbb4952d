"""GeoJSON, read: each file is an asset, each feature an object; maps, and slides of QuPath."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import Any

from kili_query.errors import DataError
from kili_query.formats.containers.records import Part, Place, Problem, Record, invalid_json
from kili_query.formats.reading.labels import XY, Draft, Losses, Outline, asset, category_code
from kili_query.formats.reading.store import Store
from kili_query.model.decoding import Fault, read_json

PART = 1 << 20
_CLASS_KEYS = (
    "class",
    "class_name",
    "className",
    "category",
    "category_name",
    "label",
    "name",
    "type",
    "kind",
    "species",
    "landuse",
)
_GEOMETRIES = ("Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection")
_ABOUT = ("classification",)
_CLOSED = 3


class GeoDataset:
    """The files of a dataset. `class_property`: the property that holds the class; None: found out."""

    def __init__(self, store: Store, names: Sequence[str], class_property: str | None = None) -> None:
        self.store, self.names, self._property = store, names, class_property

    def parts(self) -> Iterator[Part]:
        """The files in parts."""
        batch: list[str] = []
        size = 0
        for name in self.names:
            batch.append(name)
            size += self.store.size(name)
            if size >= PART:
                yield GeoFiles(self.store, batch, size, self._property)
                batch, size = [], 0
        if batch:
            yield GeoFiles(self.store, batch, size, self._property)

    def outline(self) -> Outline:
        """The ontology: the classes of all files."""
        found = Outline()
        for name in self.names:
            try:
                value = _read(self.store, name)
            except DataError:
                continue
            response = _draft(value, self._property, Losses()).response
            for job, answer in response.items():
                if "annotations" not in answer:
                    task = "CLASSIFICATION" if "categories" in answer else "TRANSCRIPTION"
                    found.add(job, None, task=task)
                for entry in answer.get("annotations", [answer]):
                    for choice in entry.get("categories") or ():
                        if isinstance(choice, Mapping) and isinstance(choice.get("name"), str):
                            found.add(job, choice["name"], entry.get("type"))
        return found


class GeoFiles(Part):
    """Some files."""

    __slots__ = ("names", "property", "size", "source", "store")

    def __init__(self, store: Store, names: Sequence[str], size: int, class_property: str | None) -> None:
        self.source, self.store, self.names, self.size, self.property = store.path, store, names, size, class_property

    def records(self) -> Iterator[Record | Problem]:
        """An asset for each file."""
        for name in self.names:
            where = Place(*self.store.where(name))
            try:
                value = _read(self.store, name)
            except DataError as error:
                yield Problem(error.message, where, code=error.code)
                continue
            losses = Losses()
            draft = _draft(value, self.property, losses)
            base = posixpath.basename(name)
            by_kili = isinstance(_about_kili(value), Mapping)
            external_id = base.removesuffix(".geojson") if by_kili else base
            yield Record(asset(external_id, draft.response), where)
            yield from losses.problems(*self.store.where(name))


def _about_kili(value: Mapping[str, Any]) -> object:
    """What Kili writes of where a collection comes from."""
    properties = value.get("properties")
    return properties.get("kili") if isinstance(properties, Mapping) else None


def _read(store: Store, name: str) -> dict[str, Any]:
    text = store.read(name).removeprefix(b"\xef\xbb\xbf")
    try:
        value = read_json(text)
    except Fault as fault:
        raise DataError(invalid_json(fault, Place("")), code="KQ501") from None
    if isinstance(value, list):  # as QuPath writes them
        value = {"type": "FeatureCollection", "features": value}
    if not isinstance(value, dict) or value.get("type") not in ("FeatureCollection", "Feature", *_GEOMETRIES):
        raise DataError("is no GeoJSON", code="KQ503")
    return value


def _features(value: Mapping[str, Any]) -> list[Any]:
    if value["type"] == "FeatureCollection":
        found = value.get("features")
        return found if isinstance(found, list) else []
    return [value if value["type"] == "Feature" else {"type": "Feature", "geometry": value}]


def _draft(value: Mapping[str, Any], class_property: str | None, losses: Losses) -> Draft:
    """The label of a collection."""
    features, draft = _features(value), Draft()
    key = class_property or class_key(features)
    for number, feature in enumerate(features, 1):
        if not isinstance(feature, Mapping):
            losses.note("features that are no objects", f"feature {number}", fault=True)
            continue
        properties = feature.get("properties")
        properties = properties if isinstance(properties, Mapping) else {}
        kili = properties.get("kili")
        geometry = feature.get("geometry")
        if isinstance(kili, Mapping) and isinstance(kili.get("job"), str):
            _as_it_was(draft, kili, feature, properties)
            continue
        category = category_code(_class_in(properties, key)) if key else None
        if category is None:
            losses.note("features without a class name", _named(feature, number), fault=True)
        elif not isinstance(geometry, Mapping):
            losses.note("features without a place", _named(feature, number))
        else:
            _draw(draft, category, geometry, feature, number, losses)
        extra = [name for name in properties if name not in (key, *_ABOUT)]
        if extra:
            losses.note("features with further properties", None)
    return draft


def _named(feature: Mapping[str, Any], number: int) -> str:
    name = feature.get("id")
    return f"feature {name}" if isinstance(name, (str, int)) else f"feature {number}"


def class_key(features: Sequence[Any]) -> str | None:
    """The property that tells classes: QuPath's classification, or of the usual ones what most features have.

    >>> class_key([{"properties": {"name": "a", "fid": 1}}])
    'name'
    """
    found: Counter[str] = Counter()
    for feature in features:
        properties = feature.get("properties") if isinstance(feature, Mapping) else None
        if isinstance(properties, Mapping):
            for key in ("classification", *_CLASS_KEYS):
                found[key] += category_code(_class_in(properties, key)) is not None
    most = max(found.values(), default=0)
    if found["classification"]:
        return "classification"
    return next((key for key in _CLASS_KEYS if found[key] == most), None) if most else None


def _class_in(properties: Mapping[str, Any], key: str) -> object:
    value = properties.get(key)
    return value.get("name") if isinstance(value, Mapping) else value


_DIMENSION = {"Point": 0, "MultiPoint": 0, "LineString": 1, "MultiLineString": 1, "Polygon": 2, "MultiPolygon": 2}


def _flat(geometry: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The geometries of a collection, whatever is nested; coordinates as they are."""
    found, todo = [], [geometry]
    while todo:
        one = todo.pop()
        kind, below = one.get("type"), one.get("geometries")
        if kind == "GeometryCollection" and isinstance(below, list):
            todo += [item for item in reversed(below) if isinstance(item, Mapping)]
        elif isinstance(kind, str):
            found.append((kind, one.get("coordinates")))
    return found


def _draw(draft: Draft, category: str, geometry: Mapping[str, Any], feature: Mapping[str, Any], number: int, losses: Losses) -> None:  # fmt: skip
    flat = [(kind, at) for kind, at in _flat(geometry) if kind in _DIMENSION]
    most = max((_DIMENSION[kind] for kind, _ in flat), default=None)
    mixed = sum(_DIMENSION[kind] != most for kind, _ in flat)
    if mixed:
        losses.note("points and lines of a collection that has areas, or points of one that has lines", number=mixed)
    try:
        places = [_several(kind, at) for kind, at in flat if _DIMENSION[kind] == most]
        shapes: list[Any] = [shape for several in places for shape in several]
    except (TypeError, ValueError, IndexError, KeyError):
        losses.note("features whose coordinates are none", _named(feature, number), fault=True)
        return
    name = feature.get("id")
    mid = name if isinstance(name, (str, int)) else number
    if not shapes or not all(shapes):
        losses.note("features without a place", _named(feature, number))
    elif most == 0:
        draft.points(category, shapes, mid)
    elif most == 1:
        draft.lines(category, shapes, mid)
    else:
        draft.outline(category, shapes, mid)


def _several(kind: str, coordinates: Any) -> list[Any]:
    """The points, lines or polygons of a geometry."""
    several = coordinates if kind.startswith("Multi") else [coordinates]
    match _DIMENSION[kind]:
        case 0:
            return [_at(one) for one in several]
        case 1:
            return [[_at(at) for at in one] for one in several]
    return [[ring for ring in map(_ring, one) if ring] for one in several]


def _ring(ring: Any) -> list[XY]:
    found = [_at(at) for at in ring]
    return found[:-1] if len(found) > _CLOSED and found[0] == found[-1] else found


def _at(at: Any) -> XY:
    x, y = float(at[0]), float(at[1])
    if not (isfinite(x) and isfinite(y)):
        raise ValueError(at)
    return x, y


def _as_it_was(
    draft: Draft, kili: Mapping[str, Any], feature: Mapping[str, Any], properties: Mapping[str, Any]
) -> None:
    """An answer or an object that Kili wrote: what it was, with its geometry put back."""
    job, about = kili["job"], {key: value for key, value in kili.items() if key != "job"}
    geometry = feature.get("geometry")
    if not isinstance(geometry, Mapping):
        draft.response.setdefault(job, {}).update(about)
        return
    if "id" in feature:
        about["mid"] = feature["id"]
    tool = about.get("type")
    for kind, coordinates in _flat(geometry):
        if kind not in _DIMENSION:
            continue
        try:
            shapes: list[Any] = _several(kind, coordinates)
        except (TypeError, ValueError, IndexError, KeyError):
            continue
        for shape in shapes:
            draft.put(job, {**about, **_shape(kind, shape, tool)})


def _shape(kind: str, shape: Any, tool: object) -> dict[str, Any]:
    if _DIMENSION[kind] == 0:
        return {"point": {"x": shape[0], "y": shape[1]}}
    if _DIMENSION[kind] == 1:
        return {"polyline": [{"x": x, "y": y} for x, y in shape]}
    if tool == "rectangle" and len(shape[0]) == 4:  # written the other way round
        first, fourth, third, second = shape[0]
        shape = [[first, second, third, fourth]]
    return {"boundingPoly": [{"normalizedVertices": [{"x": x, "y": y} for x, y in ring]} for ring in shape]}
