"""Labels of Kili, written in another format and read again: boxes within rounding, outlines corner by corner."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kili_query import Ontology, read_labels
from kili_query.formats.containers.zipping import ZipWriter
from kili_query.formats.reading.dataset import open_dataset
from kili_query.offline.convert import convert

CATEGORIES = {"CAR": {"name": "CAR"}, "traffic light": {"name": "traffic light"}, "Füße": {"name": "Füße"}}
WIDTH, HEIGHT = 640, 480


def job(*tools: str) -> dict[str, Any]:
    return {"mlTask": "OBJECT_DETECTION", "tools": list(tools), "content": {"categories": CATEGORIES, "input": "radio"}}


ONTOLOGY = {"jobs": {"BOXES": job("rectangle"), "MASKS": job("semantic")}}

edges = st.integers(0, 1000)
boxes = st.tuples(edges, edges, edges, edges).map(
    lambda e: (min(e[0], e[2]), min(e[1], e[3]), max(e[0], e[2]) + 20, max(e[1], e[3]) + 20)
)


def vertices(ring: list[tuple[float, float]]) -> dict[str, Any]:
    return {"normalizedVertices": [{"x": x, "y": y} for x, y in ring]}


def box(left: float, top: float, right: float, bottom: float) -> list[tuple[float, float]]:
    return [(left, bottom), (left, top), (right, top), (right, bottom)]


@st.composite
def labels(draw: st.DrawFn, holes: bool, parts: int) -> dict[str, Any]:
    response: dict[str, Any] = {}
    for number, edges in enumerate(draw(st.lists(boxes, min_size=1, max_size=4))):
        entry = {
            "mid": f"b{number}", "type": "rectangle", "categories": [{"name": draw(st.sampled_from([*CATEGORIES]))}], "children": {},
            "boundingPoly": [vertices(box(*(at / 1100 for at in edges)))],
        }  # fmt: skip
        response.setdefault("BOXES", {"annotations": []})["annotations"].append(entry)
    for number in range(draw(st.integers(0, 2))):
        category = draw(st.sampled_from([*CATEGORIES]))
        for part in range(draw(st.integers(1, parts))):
            x, y = 0.05 + 0.3 * part, 0.1 + 0.4 * number
            ring = [(x, y), (x + 0.2, y + 0.01), (x + 0.21, y + 0.3), (x + 0.1, y + 0.2), (x + 0.01, y + 0.3)]
            rings = [ring, [(x + 0.05, y + 0.05), (x + 0.1, y + 0.05), (x + 0.08, y + 0.1)]] if holes and draw(st.booleans()) else [ring]  # fmt: skip
            entry = {"mid": f"m{number}", "type": "semantic", "categories": [{"name": category}], "children": {}, "boundingPoly": [vertices(r) for r in rings]}  # fmt: skip
            response.setdefault("MASKS", {"annotations": []})["annotations"].append(entry)
    return response


def there_and_back(place: Path, response: dict[str, Any], to: Any, input_type: str = "IMAGE", **more: Any) -> list[Any]:
    """Job, category and parts of each object that comes back."""
    asset = {"externalId": "photo.jpg", "resolution": {"width": WIDTH, "height": HEIGHT}, "labels": [{"labelType": "DEFAULT", "jsonResponse": response}]}  # fmt: skip
    source, target = place / "in.json", place / "out.zip"
    source.write_text(json.dumps([asset]))
    with target.open("wb") as file, ZipWriter(file) as archive:
        for name, content in convert(
            source, to=to, ontology=Ontology.from_json_interface(ONTOLOGY, input_type), **more
        ):
            archive.write(name, content)
    (label,) = read_labels(target)
    assert label.external_id in ("photo.jpg", "photo"), "YOLO names no pictures that are not there"
    ontology = open_dataset(target).ontology
    found: list[Any] = [(a.job, a.category, a.geometry) for a in label.annotations]
    assert all(category in ontology.jobs[job].categories for job, category, _ in found)
    return sorted([(job, category, geometry.parts) for job, category, geometry in found], key=lambda row: row[:2])


def wanted(response: dict[str, Any]) -> list[Any]:
    rows = [
        (job, entry["categories"][0]["name"], (tuple(tuple((at["x"], at["y"]) for at in ring["normalizedVertices"]) for ring in entry["boundingPoly"]),))
        for job, answer in response.items() for entry in answer["annotations"]
    ]  # fmt: skip
    return sorted(rows, key=lambda row: row[:2])


def near(found: list[Any], expected: list[Any], within: float) -> None:
    assert [row[:2] for row in found] == [row[:2] for row in expected]
    for (*_, parts), (*_, others) in zip(found, expected, strict=True):
        assert [[len(ring) for ring in part] for part in parts] == [[len(ring) for ring in part] for part in others]
        for part, other in zip(parts, others, strict=True):
            for ring, same in zip(part, other, strict=True):
                for (x, y), (u, v) in zip(ring, same, strict=True):
                    assert abs(x - u) <= within
                    assert abs(y - v) <= within


few = settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@few
@given(response=labels(holes=True, parts=2), layout=st.sampled_from(["merged", "split"]))
def test_coco_keeps_boxes_parts_and_holes(tmp_path: Path, response: dict[str, Any], layout: Any) -> None:
    found = there_and_back(tmp_path, response, "coco", layout=layout)
    near(found, wanted(response), 1e-12)


@pytest.mark.parametrize("version", ["yolo_v4", "yolo_v5", "yolo_v8"])
@few
@given(response=labels(holes=False, parts=1), layout=st.sampled_from(["merged", "split"]))
def test_yolo_keeps_boxes_and_outlines(tmp_path: Path, version: str, response: dict[str, Any], layout: Any) -> None:
    near(there_and_back(tmp_path, response, version, layout=layout), wanted(response), 1e-12)


@few
@given(response=labels(holes=False, parts=1))
def test_pascal_voc_keeps_boxes_within_rounding(tmp_path: Path, response: dict[str, Any]) -> None:
    response.pop("MASKS", None)
    near(there_and_back(tmp_path, response, "pascal_voc"), wanted(response), 0.5001 / HEIGHT)


@few
@given(response=labels(holes=True, parts=2))
def test_geojson_keeps_all(tmp_path: Path, response: dict[str, Any]) -> None:
    near(there_and_back(tmp_path, response, "geojson", "GEOSPATIAL"), wanted(response), 0)
