"""The graded cases of exports, each as expected; and altered ones, which must fail."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SHARED
from tests.formats import cases

pytest.importorskip("yaml", reason="datasets need the extra `formats`")
pytest.importorskip("av", reason="frames of films need the extra `video`")

FOLDER = SHARED / "exports" / "cases"
NAMES = sorted(path.parent.name for path in FOLDER.glob("*/case.json"))


@pytest.mark.parametrize("name", NAMES)
def test_a_case_is_as_expected(name: str) -> None:
    _, found = cases.graded(FOLDER / name)
    assert found == []


def test_the_cases_are_there(shared: Path) -> None:
    assert len(NAMES) > 60


def _json(path: Path, change: Callable[[Any], object]) -> None:
    value = json.loads(path.read_bytes())
    change(value)
    path.write_text(json.dumps(value))


def _text(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def _result(change: Callable[[Any], object]) -> Callable[[Path], None]:
    return lambda folder: _json(folder / "expected" / "result.json", change)


ALTERED: dict[str, tuple[str, Callable[[Path], None]]] = {
    "a number of COCO": ("coco-holes", lambda f: _text(f / "expected/archive/SEM_JOB/labels.json", "12000.0", "12000.1")),
    "a whole number of COCO": ("coco-boxes-split", lambda f: _text(f / "expected/archive/BOX_JOB/labels.json", "[20, 20, 50, 40]", "[20, 20, 50, 41]")),
    "a line of YOLO": ("yolo-v5-merged", lambda f: _text(f / "expected/archive/labels/img_1.txt", "1 0.625", "0 0.625")),
    "a category of YOLO": ("yolo-v7-merged", lambda f: _text(f / "expected/archive/data.yaml", "CAR", "VAN")),
    "an address": ("yolo-v4-split", lambda f: _text(f / "expected/archive/images/remote_assets.csv", "img_1.png", "img_9.png")),
    "a corner of VOC": ("voc-boxes", lambda f: _text(f / "expected/archive/labels/img_1.xml", "<xmin>20", "<xmin>21")),
    "an element of VOC": ("voc-boxes", lambda f: _text(f / "expected/archive/labels/img_1.xml", "<depth>3</depth>", "")),
    "a place of GeoJSON": ("geojson-geospatial-all", lambda f: _text(f / "expected/archive/labels/area/one.tif.geojson", "48.85", "48.86")),
    "an author": ("kili-label-types", lambda f: _text(f / "expected/archive/labels/img_1.json", "First1 Last1", "Last1 First1")),
    "a line of the README": ("kili-single-file", lambda f: _text(f / "expected/archive/README.kili.txt", "kili", "raw")),
    "whose bytes": ("kili-with-assets", _result(lambda r: r["files"]["assets/img_1.png"].update(same_bytes_as="media/second.png"))),
    "a file more": ("voc-boxes", _result(lambda r: r["files"].update({"labels/more.xml": {"kind": "text"}}))),
    "a file less": ("voc-with-assets", _result(lambda r: r["files"].pop("images/car & co.png"))),
    "a frame less": ("yolo-native-video-with-assets", _result(lambda r: r["files"].pop("images/clip_10.jpg"))),
    "the class of an error": ("yolo-single-file", _result(lambda r: r["error"].update(type="NotCompatibleInputType"))),
    "what an error names": ("yolo-text-project", _result(lambda r: r["error"].update(message="Project of 'AUDIO'"))),
    "an error for an archive": ("voc-boxes", _result(lambda r: r.update(outcome="error"))),
    "a notice for an error": ("voc-split", _result(lambda r: r.update(outcome="notice"))),
    "the format": ("voc-split", lambda f: _json(f / "case.json", lambda c: c["call"].update(fmt="coco"))),
    "which assets are asked for": ("common-external-ids", _result(lambda r: r["asset_query"]["filters"].update(asset_id_in=["asset-1"]))),
    "which fields": ("kili-single-file", _result(lambda r: r["asset_query"]["fields"].append("latestLabel.secondsToLabel"))),
    "which addresses are fetched": ("kili-with-assets", _result(lambda r: r["http_calls"].append(["GET", "https://files.example.test/3"]))),
    "a label": ("coco-boxes-merged", lambda f: _json(f / "assets.json", lambda a: a[0]["latestLabel"].update(jsonResponse={}))),
    "both outcomes": ("voc-out-of-image", lambda f: _json(f / "assets.json", lambda a: a[0].update(resolution={"width": 7, "height": 7}))),
    "a recommendation": ("coco-job-without-annotations", lambda f: _json(f / "assets.json", lambda a: a.append({**a[0], "latestLabel": None}))),
}  # fmt: skip


@pytest.mark.parametrize("what", ALTERED)
def test_an_altered_case_fails(shared: Path, tmp_path: Path, what: str) -> None:
    name, alter = ALTERED[what]
    shutil.copytree(FOLDER / name, tmp_path / name)
    alter(tmp_path / name)
    assert cases.graded(tmp_path / name)[1]


def test_the_runner_tells_and_ends_with_1(shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("voc-split", "coco-two-points"):
        shutil.copytree(FOLDER / name, tmp_path / name)
    assert cases.main([str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "2 of 2 as expected"
    ALTERED["the format"][1](tmp_path / "voc-split")
    (tmp_path / "coco-two-points").rename(tmp_path / "another-quirk")
    assert cases.main([str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "voc-split (firm): differs\n    " in out
    assert out.splitlines()[-1] == "0 of 2 as expected"
    assert cases.main([str(tmp_path / "nothing")]) == 2
