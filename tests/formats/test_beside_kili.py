"""The unmodified `kili` 26.2.4 and our SDK export one project of local Kili, and the archives hold the same."""

from __future__ import annotations

import json
import os
import subprocess
import warnings
import zipfile
from pathlib import Path
from typing import Any

import pytest

from kili_query import Kili
from kili_query.server import LocalKili
from tests.formats.cases import of_text

pytestmark = pytest.mark.oracle

pytest.importorskip("yaml", reason="datasets need the extra `formats`")

CALLS: dict[str, dict[str, Any]] = {
    "raw": {},
    "raw in one file": {"fmt": "raw", "single_file": True, "export_type": "normal"},
    "coco": {},
    "coco merged": {"fmt": "coco", "layout": "merged", "label_type_in": ["DEFAULT", "PREDICTION"]},
    "yolo_v8": {},
    "coco of steps": {"fmt": "coco", "export_type": "latest_from_last_step"},
    "yolo of steps": {"fmt": "yolo_v5", "export_type": "latest_from_last_step"},
    "voc of steps": {"fmt": "pascal_voc", "export_type": "latest_from_last_step", "layout": "merged"},
    "yolo_v8 merged": {"fmt": "yolo_v8", "layout": "merged"},
    "pascal_voc": {"layout": "merged", "asset_filter_kwargs": {"label_category_search": "BOXES.CAR.count >= 1"}},
}

THEIRS = """
import json, os, sys, warnings
warnings.simplefilter("ignore")
from kili.client import Kili
kili = Kili(api_key=os.environ["KEY"], api_endpoint=os.environ["ENDPOINT"], disable_tqdm=True)
for name, arguments in json.load(sys.stdin).items():
    kili.export_labels(os.environ["PROJECT"], f"{name}.zip", **{"fmt": name, "with_assets": False, **arguments})
"""


def _job(tools: list[str], *categories: str) -> dict[str, Any]:
    names = {name: {"name": name.lower(), "children": []} for name in categories}
    return {
        "mlTask": "OBJECT_DETECTION", "tools": tools, "required": 0, "isChild": False, "instruction": "draw",
        "content": {"categories": names, "input": "radio"},
    }  # fmt: skip


INTERFACE = {"jobs": {"SHAPES": _job(["polygon", "semantic"], "TREE", "POND"), "BOXES": _job(["rectangle"], "CAR", "BUS"),
                      "DAY": {**_job([], "SUN"), "mlTask": "CLASSIFICATION"}}}  # fmt: skip
del INTERFACE["jobs"]["DAY"]["tools"]


def _drawn(tool: str, category: str, *rings: list[tuple[float, float]], mid: str) -> dict[str, Any]:
    return {
        "mid": mid, "type": tool, "categories": [{"name": category}], "children": {},
        "boundingPoly": [{"normalizedVertices": [{"x": x, "y": y} for x, y in ring]} for ring in rings],
    }  # fmt: skip


def _assets(number: int) -> list[dict[str, Any]]:
    assets = []
    for n in range(number):
        at = 0.01 * (n % 40)
        box = [(at, 0.6), (at, 0.2), (at + 0.35, 0.2), (at + 0.35, 0.6)]
        blob = [(0.1, 0.1), (0.4 + at, 0.15), (0.3, 0.5), (0.2, 0.3)]
        crossed = [(0.1, 0.1), (0.5, 0.5), (0.5, 0.1), (0.1, 0.5)]
        hole = [(0.2, 0.2), (0.25, 0.2), (0.25, 0.3)]
        response = {
            "BOXES": {"annotations": [_drawn("rectangle", "CAR" if n % 3 else "BUS", box, mid="1")]},
            "SHAPES": {"annotations": [
                _drawn("polygon", "TREE", blob, mid="2"), _drawn("semantic", "POND", box, hole, mid="3"),
                _drawn("polygon", "TREE", crossed, mid="4"),
            ]},
            "DAY": {"categories": [{"name": "SUN"}]},
        }  # fmt: skip
        if n % 5 == 4:
            response = {"DAY": response["DAY"]}
        kind = "PREDICTION" if n % 7 == 6 else "REVIEW" if n % 2 else "DEFAULT"
        label = {
            "id": f"l{n}", "labelType": kind, "createdAt": "2024-02-01T10:00:00.000Z", "jsonResponse": response,
            "author": {"id": "u", "email": "ada@example.com", "firstname": "Ada", "lastname": "King"},
        }  # fmt: skip
        other = {"id": "v", "email": "bob@example.com", "firstname": "Bob", "lastname": "Ross"}
        second = {**label, "id": f"m{n}", "createdAt": "2024-02-02T10:00:00.000Z", "author": other}
        assets.append(
            {
                "id": f"a{n}", "externalId": f"cam {n % 3}/é {n}.png", "content": f"https://example.com/{n}.png",
                "resolution": {"width": 640, "height": 480}, "jsonMetadata": {}, "status": "LABELED",
                "labels": [label, *([second] if n % 6 == 1 else [])] if n % 11 else [],
            }
        )  # fmt: skip
    return assets


@pytest.fixture(scope="module")
def places(oracle: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder with the archives of the original, and one with ours."""
    theirs, ours = tmp_path_factory.mktemp("theirs"), tmp_path_factory.mktemp("ours")
    export = ours / "export.json"
    export.write_text(json.dumps(_assets(60)))
    with LocalKili() as server, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        project = server.load(export, interface=INTERFACE, input_type="IMAGE", title="Street")
        environment = {
            **os.environ,
            "KEY": server.api_key,
            "PROJECT": project,
            "ENDPOINT": server.endpoint,
            "HOME": str(theirs),
        }
        done = subprocess.run(
            [str(oracle), "-c", THEIRS], input=json.dumps(CALLS), env=environment, cwd=theirs, capture_output=True,
            text=True, check=False, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        kili = Kili(server.api_key, server.endpoint, disable_tqdm=True)
        for name, arguments in CALLS.items():
            kili.export_labels(project, ours / f"{name}.zip", **{"fmt": name, "with_assets": False, **arguments})
    return theirs, ours


def _files(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


MOMENTS = ("info", "- Export date")


@pytest.mark.parametrize("name", CALLS)
def test_the_archives_hold_the_same(places: tuple[Path, Path], name: str) -> None:
    theirs, ours = (_files(place / f"{name}.zip") for place in places)
    assert ours.keys() == theirs.keys()
    found = [
        f"{file}{difference}"
        for file, content in ours.items()
        if file != "README.kili.txt"
        for difference in of_text(file, content, theirs[file], merged="merged" in name)
        if not difference.startswith(".info")
    ]
    assert found == []
    assert len(ours) > 1
