"""Datasets as others read them: pycocotools, supervision, geojson, shapely."""

from __future__ import annotations

import json
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from kili_query import ExportWarning, Kili
from tests.client.pictures import png
from tests.formats.cases import StandIn
from tests.installing import python_with

pytestmark = pytest.mark.oracle

yaml = pytest.importorskip("yaml", reason="datasets need the extra `formats`")

CATEGORIES = ("it's: 1", 'É "x"', "*star", "- a # b")

READ = """
import json, sys
from pathlib import Path
import supervision as sv
from pycocotools.coco import COCO
import geojson

place = Path(sys.argv[1])
found = {}
coco = COCO(str(place / "coco" / "labels.json"))
found["coco"] = [[a["area"], int(coco.annToMask(a).sum()), a["bbox"]] for a in coco.loadAnns(coco.getAnnIds())]
found["files"] = [(place / "coco" / image["file_name"]).is_file() for image in coco.loadImgs(coco.getImgIds())]

def told(dataset):
    return {"classes": dataset.classes, "images": len(dataset), "boxes": sorted([round(float(n)) for n in box] for _, _, d in dataset for box in d.xyxy)}

found["sv coco"] = told(sv.DetectionDataset.from_coco(str(place / "coco"), str(place / "coco" / "labels.json")))
parts = [told(sv.DetectionDataset.from_yolo(str(place / "yolo/images" / part), str(place / "yolo/labels" / part), str(place / "yolo/data.yaml")))
         for part in ("train", "val")]
found["yolo"] = {"classes": parts[0]["classes"], "images": [p["images"] for p in parts], "boxes": sorted(parts[0]["boxes"] + parts[1]["boxes"])}
found["voc"] = told(sv.DetectionDataset.from_pascal_voc(str(place / "voc/images"), str(place / "voc/labels")))
text = next((place / "geojson/labels").glob("*.geojson")).read_text()
found["geojson"] = geojson.loads(text).errors()
print(json.dumps(found))
"""


def _job(tools: list[str], *names: str) -> dict[str, Any]:
    categories = {name: {"name": name, "children": []} for name in names}
    content = {"categories": categories, "input": "radio"}
    return {
        "mlTask": "OBJECT_DETECTION",
        "tools": tools,
        "required": 0,
        "isChild": False,
        "instruction": "draw",
        "content": content,
    }


def _drawn(tool: str, category: str, *rings: list[tuple[float, float]]) -> dict[str, Any]:
    return {
        "mid": f"{tool} {category}", "type": tool, "categories": [{"name": category}], "children": {},
        "boundingPoly": [{"normalizedVertices": [{"x": x, "y": y} for x, y in ring]} for ring in rings],
    }  # fmt: skip


BOX = [(0.1, 0.6), (0.1, 0.2), (0.5, 0.2), (0.5, 0.6)]
BLOB = [(0.1, 0.1), (0.6, 0.15), (0.7, 0.4), (0.4, 0.5), (0.2, 0.7)]
HOLE = [(0.3, 0.3), (0.4, 0.3), (0.4, 0.4), (0.3, 0.4)]
CROSSED = [(0.1, 0.1), (0.9, 0.9), (0.9, 0.1), (0.1, 0.9)]
INTERFACE = {"jobs": {"BOXES": _job(["rectangle"], *CATEGORIES), "SHAPES": _job(["polygon", "semantic"], "POND")}}


def _export(folder: Path, kind: str, responses: list[dict[str, Any]], fmt: Any, **call: Any) -> None:
    """Export assets with these responses, and unpack what comes."""
    assets: list[dict[str, Any]] = []
    http = {}
    (folder / "picture.png").write_bytes(png(200, 100))
    for number, response in enumerate(responses):
        address = f"https://files.example.test/{number}"
        http[address] = {"file": "picture.png", "content_type": "image/png"}
        label = {"labelType": "DEFAULT", "jsonResponse": response, "author": {"email": "ada@example.com"}}
        assets.append(
            {
                "id": f"a{number}",
                "externalId": f"img {number}",
                "content": address,
                "jsonContent": "",
                "latestLabel": label,
            }
        )
    (folder / "assets.json").write_text(json.dumps(assets))
    project = {"id": "p", "title": "P", "inputType": kind, "jsonInterface": INTERFACE}
    server = StandIn(folder, {"project": project, "http": http})
    archive = folder / f"{fmt}.zip"
    Kili("key", "https://api.example.test/graphql", transport=server, disable_tqdm=True).export_labels(
        "p",
        archive,
        fmt,
        layout="merged",
        **call,
    )
    with zipfile.ZipFile(archive) as file:
        file.extractall(folder / {"yolo_v8": "yolo", "pascal_voc": "voc"}.get(fmt, fmt))


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the others read of the datasets."""
    python = python_with(
        "readers", "pycocotools>=2.0.11", "supervision>=0.31", "opencv-python-headless", "geojson>=3.2"
    )
    place = tmp_path_factory.mktemp("datasets")
    boxes = [{"BOXES": {"annotations": [_drawn("rectangle", name, BOX)]}} for name in CATEGORIES]
    shapes = {"SHAPES": {"annotations": [
        _drawn("semantic", "POND", BLOB, HOLE), _drawn("polygon", "POND", CROSSED), _drawn("polygon", "POND", BLOB),
    ]}}  # fmt: skip
    responses = [*boxes, shapes, {}]
    _export(place, "IMAGE", responses, "coco")
    with pytest.warns(ExportWarning, match=r"1 whose sides cross so that the area is 0 \(`img 4`\)"):
        _export(place, "IMAGE", responses, "yolo_v8", split=(0.5, 0.5), seed=1)
    _export(place, "IMAGE", boxes, "pascal_voc")
    with pytest.warns(ExportWarning, match="left out: 1 whose sides cross so that the area is 0"):
        _export(place, "GEOSPATIAL", [{**boxes[0], **shapes}], "geojson", with_assets=False)
    done = subprocess.run([python, "-W", "ignore", "-c", READ, place], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {**found, "place": place}


def test_pycocotools_loads_coco_and_masks_cover_the_polygons(seen: dict[str, Any]) -> None:
    assert all(seen["files"])
    assert len(seen["coco"]) == len(CATEGORIES) + 3
    for area, mask, (_, _, width, height) in seen["coco"]:
        assert abs(mask - area) <= 2 * (width + height)  # a pixel along the outline
        assert mask > 0


def test_supervision_loads_coco_yolo_and_voc(seen: dict[str, Any]) -> None:
    names = [f"BOXES/{name}" for name in CATEGORIES] + ["SHAPES/POND"]
    assert sorted(seen["sv coco"]["classes"]) == sorted(names)
    assert seen["yolo"]["classes"] == names
    assert sum(seen["yolo"]["images"]) == seen["sv coco"]["images"] == len(CATEGORIES) + 2
    assert all(seen["yolo"]["images"])
    assert seen["voc"]["images"] == len(CATEGORIES)
    assert sorted(seen["voc"]["classes"]) == sorted(CATEGORIES)
    assert len(seen["yolo"]["boxes"]) == len(seen["sv coco"]["boxes"]) == len(CATEGORIES) + 3
    assert seen["yolo"]["boxes"].count([20, 20, 100, 60]) == len(CATEGORIES)
    assert seen["sv coco"]["boxes"].count([20, 20, 100, 60]) == len(CATEGORIES)
    assert [[x + 1 for x in box] for box in seen["voc"]["boxes"]].count([20, 20, 100, 60]) in (0, len(CATEGORIES))


def test_geojson_is_valid_and_shapely_agrees(seen: dict[str, Any]) -> None:
    from shapely.geometry import shape

    assert not seen["geojson"]
    collection = json.loads(next((seen["place"] / "geojson/labels").glob("*.geojson")).read_text())
    shapes = [shape(feature["geometry"]) for feature in collection["features"]]
    assert all(found.is_valid for found in shapes)
    assert [round(found.area, 6) for found in shapes] == [0.16, 0.205, 0.195]
