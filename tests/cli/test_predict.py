"""`kili-query predict`: predictions from files, on local Kili."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kili_query import Kili
from kili_query.server import LocalKili
from tests.cli.test_cli import Run
from tests.cli.test_cli import run as run

INTERFACE: dict[str, Any] = {"jobs": {"BOATS": {
    "mlTask": "OBJECT_DETECTION", "tools": ["rectangle"], "required": 0, "isChild": False, "instruction": "boats",
    "content": {"categories": {"FERRY": {"name": "Ferry boat"}, "TUG": {"name": "tug"}}, "input": "radio"},
}}}  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[LocalKili]:
    with LocalKili() as server:
        yield server


@pytest.fixture(scope="module")
def kili(server: LocalKili) -> Iterator[Kili]:
    with Kili(server.api_key, server.endpoint, disable_tqdm=True) as client:
        yield client


@pytest.fixture
def project(server: LocalKili, kili: Kili, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("KILI_API_ENDPOINT", server.endpoint)
    monkeypatch.setenv("KILI_API_KEY", server.api_key)
    created: Any = kili.create_project("boats", input_type="IMAGE", json_interface=INTERFACE)
    kili.append_many_to_dataset(
        created["id"], content_array=["https://x.test/1", "https://x.test/2"], external_id_array=["cam/a.jpg", "b"]
    )
    return str(created["id"])


@pytest.fixture
def yolo(tmp_path: Path) -> Path:
    (tmp_path / "labels").mkdir()
    (tmp_path / "data.yaml").write_text("names: [ferry boat, TUG]\n")
    (tmp_path / "labels/a.txt").write_text("0 0.5 0.5 0.2 0.4 0.75\n1 0.5 0.5 0.2 0.4\n")
    (tmp_path / "labels/z.txt").write_text("0 0.5 0.5 0.2 0.4\n")
    return tmp_path


def test_predictions_of_yolo_go_to_assets_of_the_same_name(run: Run, kili: Kili, project: str, yolo: Path) -> None:
    ended = run("predict", project, yolo, "--model-name", "m", "--job", "OBJECT_DETECTION_JOB=BOATS", "--dry-run")
    assert (ended.code, kili.count_labels(project)) == (3, 0)
    assert "would send 1 prediction; 1 without an asset" in ended.err
    ended = run("predict", project, yolo, "--model-name", "m", "--job", "OBJECT_DETECTION_JOB=BOATS")
    assert "no asset of the project, or several, are called `z`" in ended.err
    (label,) = kili.labels(project, fields=["jsonResponse", "labelType", "modelName", "labelOf.externalId"])
    assert (label["labelType"], label["modelName"], label["labelOf"]["externalId"]) == ("PREDICTION", "m", "cam/a.jpg")
    first, second = label["jsonResponse"]["BOATS"]["annotations"]
    assert first["categories"] == [{"name": "FERRY", "confidence": 75.0}]
    assert second["categories"] == [{"name": "TUG"}]
    assert first["boundingPoly"][0]["normalizedVertices"][1] == {"x": 0.4, "y": 0.3}


def test_predictions_of_kili_and_coco(run: Run, kili: Kili, project: str, tmp_path: Path) -> None:
    own = [{"externalId": "b", "labels": [{"labelType": "PREDICTION", "jsonResponse": {"BOATS": {"annotations": [{"mid": "1", "categories": [{"name": "TUG"}]}]}}}]}]  # fmt: skip
    (tmp_path / "own.json").write_text(json.dumps(own))
    coco = {
        "images": [{"id": 1, "file_name": "x/a.png", "width": 10, "height": 10}], "categories": [{"id": 1, "name": "tug"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 2, 2], "score": 0.5}],
    }  # fmt: skip
    (tmp_path / "coco.json").write_text(json.dumps(coco))
    jobs = ["--job", "OBJECT_DETECTION_JOB=BOATS"]
    ended = run("predict", project, tmp_path / "own.json", tmp_path / "coco.json", "--model-name", "m", *jobs)
    assert (ended.code, ended.err) == (0, "sent 2 predictions; 0 without an asset\n")
    found = kili.labels(project, fields=["labelOf.externalId", "jsonResponse"])
    assert sorted(label["labelOf"]["externalId"] for label in found) == ["b", "cam/a.jpg"]
    assert {label["jsonResponse"]["BOATS"]["annotations"][0]["categories"][0]["name"] for label in found} == {"TUG"}


def test_names_are_checked_before_anything_is_sent(run: Run, kili: Kili, project: str, yolo: Path) -> None:
    ended = run("predict", project, yolo, "--model-name", "m")
    assert (ended.code, kili.count_labels(project)) == (1, 0)
    assert "lacks `OBJECT_DETECTION_JOB.ferry boat` (2), `OBJECT_DETECTION_JOB.TUG` (1)" in ended.err
    assert "`--job OBJECT_DETECTION_JOB=BOATS` would take another job (there are BOATS)" in ended.err
    (yolo / "data.yaml").write_text("names: [canoe, TUG]\n")
    ended = run("predict", project, yolo, "--model-name", "m", "--job", "OBJECT_DETECTION_JOB=BOATS")
    assert (ended.code, "lacks `BOATS.canoe` (2)" in ended.err, kili.count_labels(project)) == (1, True, 0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [([], "--model-name"), (["--model-name", "m", "--job", "x"], "takes two names"), (["--model-name", "m", "--from", "coco"], "holds no files of COCO")],
)  # fmt: skip
def test_bad_usage(run: Run, project: str, yolo: Path, arguments: list[str], said: str) -> None:
    ended = run("predict", project, yolo, *arguments)
    assert (ended.code, said in ended.err) == (2, True), ended.err


def test_a_project_that_is_not_there(run: Run, project: str, yolo: Path) -> None:
    assert "there is no project `nope`" in run("predict", "nope", yolo, "--model-name", "m").err
