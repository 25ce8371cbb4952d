"""Datasets made of exports: what a format cannot hold, names of files, and the command."""

from __future__ import annotations

import contextlib
import importlib
import json
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kili_query import DataError, Ontology, read_annotations
from kili_query.formats.datasets import File, LabelledImage, Order, Skipped, box_of, parts_of, unrotated
from kili_query.formats.images import images_of as of_labels
from kili_query.formats.refusals import NotExportableAssetError, dataset_format
from kili_query.model.labels import labels_of
from kili_query.offline.convert import convert
from tests.cli.test_cli import kili_query_process
from tests.conftest import ROOT

yaml = pytest.importorskip("yaml", reason="datasets need the extra `formats`")


def images_of(asset: dict[str, Any], ontology: Ontology) -> list[LabelledImage]:
    return list(of_labels(asset, list(labels_of(asset)), ontology))


def content(pieces: Iterable[bytes] | Path) -> bytes:
    return pieces.read_bytes() if isinstance(pieces, Path) else b"".join(pieces)


def written(images: list[LabelledImage], order: Order, skipped: Skipped | None = None) -> dict[str, bytes]:
    """The files of a dataset."""
    module, name = dataset_format(order.fmt).write.split(":")
    writer = getattr(importlib.import_module(f"kili_query.formats.{module}"), name)(order, skipped or Skipped())
    with contextlib.closing(writer):
        files = {name: content(pieces) for image in images for name, pieces in writer.add(image)}
        return files | {name: content(pieces) for name, pieces in writer.finish()}


# -- what a format cannot hold -----------------------------------------------------------------------------------------

BOXES = Ontology.from_json_interface(
    {"jobs": {"J": {"mlTask": "OBJECT_DETECTION", "tools": ["rectangle", "marker"], "content": {"categories": {"A": {}}}},
              "K": {"mlTask": "OBJECT_DETECTION", "tools": ["polygon"], "content": {"categories": {"it's: 1": {}, "É": {}}}}}},
    "IMAGE",
)  # fmt: skip


def _asset(*annotations: dict[str, Any], job: str = "J", **more: object) -> dict[str, Any]:
    label = {"labelType": "DEFAULT", "jsonResponse": {job: {"annotations": list(annotations)}}}
    return {"externalId": "a/b c.png", "resolution": {"width": 100, "height": 50}, "labels": [label], **more}


def _drawn(*ring: tuple[float, float], category: str = "A", **more: object) -> dict[str, Any]:
    vertices = [{"x": x, "y": y} for x, y in ring]
    return {"categories": [{"name": category}], "boundingPoly": [{"normalizedVertices": vertices}], **more}


BOX = _drawn((0.1, 0.1), (0.1, 0.5), (0.5, 0.5), (0.5, 0.1), type="rectangle")
OF_NO_CATEGORY = {**BOX, "categories": [{"name": "B"}]}
MARKER = {"categories": [{"name": "A"}], "type": "marker", "point": {"x": 0.5, "y": 0.5}}


def test_annotations_that_a_format_cannot_hold_are_counted() -> None:
    skipped = Skipped()
    images = list(images_of(_asset(BOX, OF_NO_CATEGORY, MARKER), BOXES))
    files = written(images, Order("coco", BOXES), skipped)
    assert len(json.loads(files["labels.json"])["annotations"]) == 1
    assert skipped.total == 2
    assert str(skipped) == "1 of a category that the ontology lacks (`a/b c.png`), 1 without an outline (`a/b c.png`)"


def test_names_with_quotes_colons_and_other_letters_load() -> None:
    images = list(images_of(_asset(_drawn((0, 0), (0, 1), (1, 1), category="É", type="polygon"), job="K"), BOXES))
    files = written(images, Order("yolo_v8", BOXES, "split"))
    assert yaml.safe_load(files["K/data.yaml"]) == {"nc": 2, "names": ["it's: 1", "É"]}
    assert files["K/labels/a/b c.txt"] == b"1 0 0 0 1 1 1\n"


def test_several_labels_of_an_asset_are_several_images() -> None:
    asset = _asset(BOX)
    asset["labels"] *= 2
    assert [image.name for image in images_of(asset, BOXES)] == ["a/b c.png_label1", "a/b c.png_label2"]


def test_frames_are_images() -> None:
    video = Ontology(BOXES.jobs, "VIDEO")
    response = {"0": {"J": {"annotations": [BOX]}}, "10": {}, "2": {"J": {"annotations": [BOX]}}}
    asset = _asset() | {"externalId": "v", "labels": [{"jsonResponse": response}]}
    images = list(images_of(asset, video))
    assert [(image.name, len(image.annotations)) for image in images] == [("v_01", 1), ("v_03", 1), ("v_11", 0)]


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_turning_back_keeps_places_inside_and_four_turns_are_none(degrees: int) -> None:
    at = (0.2, 0.7)
    turned = at
    for _ in range(4):
        turned = unrotated(turned, degrees)
    assert turned == pytest.approx(at)
    assert all(0 <= number <= 1 for number in unrotated(at, degrees))


def test_the_box_of_a_ring() -> None:
    assert box_of(((0.5, 0.1), (0.2, 0.9), (0.3, 0.3))) == (0.2, 0.1, 0.5, 0.9)


@pytest.mark.parametrize("to", ["coco", "pascal_voc"])
def test_an_image_without_a_size_is_named_and_the_others_are_written(tmp_path: Path, to: Any) -> None:
    path = tmp_path / "assets.json"
    path.write_text(json.dumps([_asset(BOX, resolution=None), _asset(BOX) | {"externalId": "good"}]))
    problems: list[DataError] = []
    files = convert(path, to=to, ontology=BOXES, on_problem=problems.append)
    found = {name: content(pieces).decode() for name, pieces in files}
    assert "a/b c.png" in str(problems[0])
    assert len(problems) == 1
    assert "good" in str(found)
    assert "b c" not in str(found)
    with pytest.raises(NotExportableAssetError, match="resolution"):
        list(convert(path, to=to, ontology=BOXES))


# -- the command -------------------------------------------------------------------------------------------------------


def test_the_command_writes_a_dataset_of_what_matches(tmp_path: Path) -> None:
    ontology = ROOT / "tests" / "data" / "coco.interface.json"
    query = "OBJECT_DETECTION_JOB.person.count >= 2"
    out = tmp_path / "people.zip"
    done = kili_query_process(
        "convert", ROOT / "tests/data/coco.zip", query, "--to", "yolo_v4", "--ontology", ontology, "-o", out
    )
    assert (done.code, done.out) == (0, "")
    assert "wrote 2 assets" in done.err
    with zipfile.ZipFile(out) as archive:
        assert sorted(archive.namelist()) == [
            "classes.txt", "images/remote_assets.csv", "labels/coco_1.txt", "labels/coco_3.txt",
        ]  # fmt: skip


def test_a_failure_leaves_the_older_file(tmp_path: Path) -> None:
    out = tmp_path / "out.zip"
    out.write_text("older")
    boats = ROOT / "docs" / "errors" / "ontologies" / "boats.json"
    (tmp_path / "labels.json").write_text(json.dumps([{"externalId": "a", "jsonResponse": {}}]))
    done = kili_query_process("convert", tmp_path / "labels.json", "--to", "coco", "--ontology", boats, "-o", out)
    assert done.code == 2
    assert out.read_text() == "older"
    assert kili_query_process("convert", tmp_path / "labels.json", "--to", "coco", "-o", out).code == 2


INTERFACE = {"jobs": {"J": {
    "mlTask": "OBJECT_DETECTION", "tools": ["rectangle"], "required": 0, "isChild": False,
    "content": {"categories": {"A": {"name": "A", "children": []}}, "input": "radio"}, "instruction": "J",
}}}  # fmt: skip
STRANGE = Ontology.from_json_interface(INTERFACE)


def _strange(name: str, x: float = 0.25, **more: Any) -> dict[str, Any]:
    corners = [{"x": x, "y": 0.25}, {"x": x, "y": 0.5}, {"x": 0.5, "y": 0.5}, {"x": 0.5, "y": 0.25}]
    found = {
        "mid": "1",
        "type": "rectangle",
        "categories": [{"name": "A"}],
        "boundingPoly": [{"normalizedVertices": corners}],
    }
    label = {"id": "l", "labelType": "DEFAULT", "jsonResponse": {"J": {"annotations": [found]}}}
    return {"externalId": name, "resolution": {"width": 100, "height": 50}, "labels": [label], **more}


@pytest.mark.parametrize("to", ["coco", "yolo_v8", "pascal_voc", "geojson"])
def test_each_record_has_a_file_of_its_own_within_the_folder(tmp_path: Path, to: Any) -> None:
    names = ("a.png", "a.png", "a.jpg", "../../b.png", "/c.png", "\x0bd\ud800.png", "e\\f.png", "inf.png")
    path = tmp_path / "x.json"
    path.write_text(
        json.dumps([_strange(name, 1e999 if name == "inf.png" else 0.25) for name in names]).replace(
            "Infinity", "1e999"
        )
    )
    skipped, renamed = Skipped(), dict[str, str]()
    ontology = Ontology.from_json_interface(INTERFACE, "GEOSPATIAL") if to == "geojson" else STRANGE
    files = {
        name: b"".join(pieces)
        for name, pieces in _once(
            convert(
                path,
                to=to,
                ontology=ontology,
                skipped=skipped,
                on_renamed=lambda old, new, why: renamed.update({old: new}),
            )
        )
    }
    assert not any(
        step.strip(".") == "" or set(step) & set("\x0b\ud800\\") for name in files for step in name.split("/")
    )
    if to == "coco":
        named = [image["file_name"] for image in json.loads(next(iter(files.values())))["images"]]
        assert len(set(named)) == len(names)
    else:
        assert sum(name.partition("labels/")[1] != "" for name in files) == len(names)
    assert skipped.total == 1
    assert set(names) - set(renamed) <= {"a.png", "a.jpg", "inf.png"}
    assert "a.png" in renamed


def _once(files: Iterator[File]) -> list[tuple[str, list[bytes]]]:
    found = [(name, [content(pieces)]) for name, pieces in files]
    assert len({name for name, _ in found}) == len(found)
    return found


def test_an_object_of_several_parts_is_whole_or_counted(tmp_path: Path) -> None:
    record = _strange("a.png")
    (found,) = record["labels"][0]["jsonResponse"]["J"]["annotations"]
    moved = [{"x": at["x"] + 0.5, "y": at["y"]} for at in found["boundingPoly"][0]["normalizedVertices"]]
    found["boundingPoly"] = [[found["boundingPoly"][0]], [{"normalizedVertices": moved}]]
    path = tmp_path / "x.json"
    path.write_text(json.dumps([record]))
    (annotation,) = read_annotations(path)
    assert len(parts_of(annotation)) == 2
    ((_, content),) = _once(convert(path, to="coco", ontology=STRANGE))
    (written,) = json.loads(b"".join(content))["annotations"]
    assert written["bbox"] == [25, 12, 75, 13]
    assert written["area"] == 2 * 312
    for to in ("yolo_v8", "pascal_voc"):
        skipped = Skipped()
        _once(convert(path, to=to, ontology=STRANGE, skipped=skipped))
        assert str(skipped) == "1 of several parts (`a.png`)"


def test_the_command_tells_what_it_renames_replaces_and_leaves_out(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    ontology, out = tmp_path / "kili.json", tmp_path / "out.zip"
    ontology.write_text(json.dumps(INTERFACE))
    for name in ("a.png", "b.png"):
        (tmp_path / f"in/{name}.json").write_text(json.dumps(_strange("../x.png")))
    command = (
        "convert",
        tmp_path / "in/a.png.json",
        tmp_path / "in",
        "--to",
        "pascal_voc",
        "--ontology",
        ontology,
        "-o",
        out,
    )
    done = kili_query_process(*command)
    assert done.code == 0
    assert done.err.count("renamed: `../x.png` is `x.png") == 3
    assert "was there before" not in done.err
    done = kili_query_process(*command)
    assert "wrote 3 assets" in done.err
    assert "it was there before, and is replaced" in done.err
    (tmp_path / "in/a.png.json").write_text(json.dumps([_strange(name, resolution=None) for name in "ab"]))
    done = kili_query_process("convert", tmp_path / "in/a.png.json", "--to", "coco", "--ontology", ontology, "-o", out)
    assert done.code == 2
    assert "a: the size of the image is not known" in done.err
    assert "b: the size of the image is not known" in done.err
