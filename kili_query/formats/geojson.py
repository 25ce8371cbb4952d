"""GeoJSON: a collection of features for each asset of a geospatial project (exports.md 8.5)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from kili_query.formats.datasets import (
    FEW_CORNERS,
    File,
    LabelledImage,
    Order,
    Skipped,
    lack_of_area,
    reaches_out,
)
from kili_query.model.annotations import Annotation
from kili_query.model.counts import decode_response
from kili_query.model.geometry import Line, Point, Polygons, Ring, signed_area
from kili_query.model.kili import PSEUDO_JOBS
from kili_query.model.ontology import Job, Ontology

_GEOMETRY = ("boundingPoly", "point", "polyline", "points", "mid", "isKeyFrame")


class GeoJsonWriter:
    """Writes a file for each label as it comes; coordinates are longitude and latitude, as the labels hold them."""

    def __init__(self, order: Order, skipped: Skipped) -> None:
        self._ontology = order.ontology
        self._skipped = skipped

    def add(self, image: LabelledImage) -> Iterator[File]:
        """The file of a label."""
        for job in _unanswered(image.label):
            self._skipped.note(f"of job `{job}`, whose answer is none that GeoJSON can hold", image.external_id)
        collection = {
            "type": "FeatureCollection",
            "features": features(image, self._ontology, self._skipped),
            "properties": {"kili": _origin(image)},
        }
        yield f"labels/{image.name}.geojson", [json.dumps(collection).encode()]

    def finish(self) -> Iterator[File]:
        """Nothing."""
        yield from ()

    def close(self) -> None:
        """Nothing waits."""


def _unanswered(label: Mapping[str, Any]) -> Iterator[str]:
    """The jobs whose answer is neither a text, nor categories, nor annotations."""
    for job, answer in decode_response(label.get("jsonResponse")).items():
        if (
            isinstance(answer, Mapping)
            and job not in PSEUDO_JOBS
            and not {"text", "categories", "annotations"} & answer.keys()
        ):
            yield str(job)


def _origin(image: LabelledImage) -> dict[str, Any]:
    """Where the features come from: the asset, its author, and when."""
    found: dict[str, Any] = {}
    if (asset_id := image.asset.get("id")) is not None:
        found["assetId"] = asset_id
    author = image.label.get("author")
    if isinstance(author, Mapping) and author.get("email") is not None:
        found["author"] = author["email"]
    found["exportDate"] = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if image.asset.get("geospatialExportMetadata"):
        found["geospatialExportMetadata"] = image.asset["geospatialExportMetadata"]
    return found


def features(image: LabelledImage, ontology: Ontology, skipped: Skipped) -> list[dict[str, Any]]:
    """The features of a label: answers without a geometry, objects with theirs, segments of one object together."""
    found: list[dict[str, Any]] = []
    for job, rows in _by_job(image.annotations).items():
        parts: dict[object, dict[str, Any]] = {}
        for annotation in rows:
            feature, why = _feature(annotation, job, ontology)
            if feature is None:
                skipped.note(why, image.external_id)
                continue
            if odd := _oddity(annotation.geometry):
                skipped.remark(odd, image.external_id)
            if annotation.tool == "semantic":
                known = parts.setdefault(feature.get("id", object()), feature)
                if known is not feature:
                    known["geometry"] = _joined(known["geometry"], feature["geometry"])
            else:
                found.append(feature)
        found += parts.values()
    return found


def _by_job(annotations: Iterable[Annotation]) -> dict[str, list[Annotation]]:
    rows: dict[str, list[Annotation]] = {}
    for annotation in annotations:
        if not annotation.parents:  # nested answers are properties of what they are about
            rows.setdefault(annotation.job, []).append(annotation)
    return rows


def _feature(annotation: Annotation, job: str, ontology: Ontology) -> tuple[dict[str, Any] | None, str]:
    """The feature of an annotation; None, and why there is none."""
    geometry = None
    if annotation.kind == "object":
        geometry, why = _geometry(annotation)
        if geometry is None:
            return None, why
    elif annotation.kind not in ("classification", "transcription"):
        return None, f"of kind {annotation.kind}"
    about = {key: value for key, value in annotation.raw.items() if key not in _GEOMETRY}
    feature: dict[str, Any] = {"type": "Feature", "geometry": geometry}
    if annotation.mid is not None:
        feature["id"] = annotation.mid
    properties = _flat(annotation.raw, job, ontology) if annotation.kind != "transcription" else {}
    if annotation.categories:
        properties = {"class": _shown(job, annotation.category or "", ontology), **properties}
    feature["properties"] = {**properties, "kili": {**about, "job": job}}
    return feature, ""


def _geometry(annotation: Annotation) -> tuple[dict[str, Any] | None, str]:
    match annotation.geometry:
        case Point(at):
            return {"type": "Point", "coordinates": list(at)}, ""
        case Line(points) if annotation.tool == "polyline":
            return {"type": "LineString", "coordinates": [list(at) for at in points]}, ""
        case Polygons(parts) if annotation.tool == "rectangle":
            if len(parts[0][0]) < 4:
                return None, "that are rectangles of fewer than four corners"
            first, second, third, fourth = parts[0][0][:4]
            return _polygon([(first, fourth, third, second)]), ""
        case Polygons(parts) if annotation.tool == "polygon":
            ring = parts[0][0]
            signed = signed_area(ring)
            if signed == 0:
                return None, lack_of_area(ring)
            return _polygon([ring if signed > 0 else tuple(reversed(ring))]), ""
        case Polygons(parts) if annotation.tool == "semantic":
            polygons = [_closed(part) for part in parts]
            if len(polygons) == 1:
                return {"type": "Polygon", "coordinates": polygons[0]}, ""
            return {"type": "MultiPolygon", "coordinates": polygons}, ""
        case None:
            return None, "without a place"
    return None, f"drawn with {annotation.tool or 'no tool'}"


def _oddity(geometry: object) -> str:
    """What is odd about a geometry that is written; empty of most."""
    rings = _rings(geometry)
    match geometry:
        case Line(points) if len(points) < 2:
            return "that are lines of one point"
        case Polygons() if any(len(ring) < 3 for ring in rings):
            return FEW_CORNERS
        case Polygons(parts) if all(signed_area(part[0]) == 0 for part in parts):
            return lack_of_area(parts[0][0])
    if any(abs(x) > 180 or abs(y) > 90 for ring in rings for x, y in ring):
        return "beyond longitude 180 or latitude 90"
    return ""


def _rings(geometry: object) -> list[Ring]:
    """All places of a geometry."""
    match geometry:
        case Point(at):
            return [(at,)]
        case Line(points):
            return [points]
        case Polygons(parts):
            return [ring for part in parts for ring in part]
    return []


def are_degrees(annotations: Iterable[Annotation]) -> bool:
    """True if places are longitude and latitude, by themselves: one of them is no fraction of an image, or there is none."""
    rings = [ring for annotation in annotations for ring in _rings(annotation.geometry)]
    return not rings or any(map(reaches_out, rings))


def _polygon(rings: Iterable[Ring]) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": _closed(rings)}


def _closed(rings: Iterable[Ring]) -> list[list[list[float]]]:
    return [[list(at) for at in (*ring, ring[0])] for ring in rings]


def _joined(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Two parts of one object."""
    return {
        "type": "MultiPolygon",
        "coordinates": [polygon for geometry in (one, other) for polygon in _polygons(geometry)],
    }


def _polygons(geometry: dict[str, Any]) -> list[Any]:
    return list(geometry["coordinates"]) if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]


def _flat(answer: Mapping[str, Any], job: str, ontology: Ontology) -> dict[str, Any]:
    """An answer and what is nested in it as properties: titles of jobs and names of categories, joined by dots."""
    known = ontology.jobs.get(job)
    title = _title(job, known)
    found: dict[str, Any] = {}
    todo: list[tuple[str, str, Mapping[str, Any]]] = [(title, job, answer)]
    while todo:
        at, key, value = todo.pop()
        if "text" in value:
            found[at] = value["text"]
        names = [entry.get("name") for entry in value.get("categories") or () if isinstance(entry, Mapping)]
        shown = [_shown(key, name, ontology) for name in names if isinstance(name, str)]
        if shown:
            several = (ontology.jobs[key].input if key in ontology.jobs else None) in ("checkbox", "multipleDropdown")
            found[at] = shown if several else shown[0]
        below: list[tuple[str, Mapping[str, Any]]] = [
            (_shown(key, entry["name"], ontology), entry["children"])
            for entry in value.get("categories") or ()
            if isinstance(entry, Mapping)
            and isinstance(entry.get("name"), str)
            and isinstance(entry.get("children"), Mapping)
        ]
        if shown and isinstance(value.get("children"), Mapping):
            below.append((shown[0], value["children"]))
        for category, children in below:
            for child, nested in children.items():
                if isinstance(nested, Mapping):
                    name = f"{at}.{category}.{_title(child, ontology.jobs.get(child))}"
                    todo.append((name, child, nested))
    return found


def _title(key: str, job: Job | None) -> str:
    return (job.title if job else None) or key


def _shown(job: str, category: str, ontology: Ontology) -> str:
    """The name that people see."""
    known = ontology.jobs.get(job)
    return known.categories[category].name if known and category in known.categories else category
