"""Datasets of odd data: broken pictures, missing media, boxes beyond the image, names: each is told, and what is written is right."""

from __future__ import annotations

import json
import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from kili_query import DataError, ExportWarning, Kili, NotCompatibleInputType, Ontology
from kili_query.formats.datasets import Skipped
from kili_query.formats.pictures import fault_of
from kili_query.formats.refusals import MissingMediaWarning
from kili_query.offline.brought import Brought
from kili_query.offline.convert import convert
from kili_query.server import LocalKili
from tests.cli.test_cli import kili_query_process
from tests.client.pictures import png
from tests.formats.cases import StandIn

yaml = pytest.importorskip("yaml", reason="datasets need the extra `formats`")

Json = dict[str, Any]


def _job(*tools: str) -> Json:
    return {
        "mlTask": "OBJECT_DETECTION", "tools": list(tools), "required": 0, "isChild": False, "instruction": "draw",
        "content": {"categories": {"A": {"name": "a"}}, "input": "radio"},
    }  # fmt: skip


INTERFACE = {"jobs": {"BOX": _job("rectangle"), "SHAPE": _job("polygon", "semantic")}}


def _drawn(tool: str, *ring: tuple[float, float], **more: Any) -> Json:
    vertices = [{"x": x, "y": y} for x, y in ring]
    return {
        "mid": str(ring), "type": tool, "categories": [{"name": "A"}], "boundingPoly": [{"normalizedVertices": vertices}], **more,
    }  # fmt: skip


BOX = _drawn("rectangle", (0.1, 0.5), (0.1, 0.1), (0.5, 0.1), (0.5, 0.5))


def _asset(name: str, boxes: list[Json], shapes: list[Json] | None = None, **more: Any) -> Json:
    response = {"BOX": {"annotations": boxes}, "SHAPE": {"annotations": shapes or []}}
    label = {"id": f"l {name}", "labelType": "DEFAULT", "jsonResponse": response}
    return {
        "id": f"id of {name}", "externalId": name, "content": f"https://files.example.test/{name}", "jsonContent": "",
        "resolution": {"width": 200, "height": 100}, "latestLabel": label, **more,
    }  # fmt: skip


def _files(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


# -- pictures ----------------------------------------------------------------------------------------------------------

JPEG = (
    b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    b"\xff\xe1\x00\x08\xff\xd9\xff\xd9\xff\xd9"  # a small copy within, with an end of its own
    b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + b"\x55" * 9000 + b"\xff\xd9"
)
GIF = b"GIF89a" + b"\1\0\1\0\0\0\0" + b"\x2c" * 40 + b"\0;"
WEBP = b"RIFF" + struct.pack("<I", 104) + b"WEBP" + b"\1" * 100
BMP = b"BM" + struct.pack("<IIIIiiHHI", 154, 0, 54, 40, 5, 5, 1, 24, 0) + b"\0" * 20 + b"\1" * 80
TIFF = (
    b"II*\0"
    + struct.pack("<IH", 8, 2)
    + struct.pack("<HHII", 273, 4, 1, 38)
    + struct.pack("<HHII", 279, 4, 1, 50)
    + b"\0" * 4
    + b"\1" * 50
)
PICTURES = {"png": png(20, 10), "jpeg": JPEG, "gif": GIF, "webp": WEBP, "bmp": BMP, "tiff": TIFF}


@pytest.mark.parametrize("kind", PICTURES)
def test_a_picture_is_whole_or_cut_off(tmp_path: Path, kind: str) -> None:
    path, whole = tmp_path / "x", PICTURES[kind]
    for content, fault in (
        (whole, ""), (whole + b"\0" * 20_000, ""), (whole[:-1], "cut off"), (whole[: len(whole) // 2], "cut off"),
    ):  # fmt: skip
        path.write_bytes(content)
        assert fault_of(path) == fault


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "empty"), (b"\0\0\n", "empty"), (b"no picture", "no picture"), (b"\0" * 9000, "no picture"), (b"\xff", "no picture"),
        (b"\n<!DOCTYPE html><title>x", "a web page"), (b'\xef\xbb\xbf<?xml version="1.0"?><svg width="1"/>', ""), (b"<svg/>", ""),
        (b"<?xml version='1.0'?><Error/>", "no picture"), (b"\0\0\0\x20ftypavif", ""), (b"P6 2 2 255\n", ""),
        (b"\0" * 128 + b"DICM", ""), (b"\0\0\0\x0cjP  \r\n", ""),
    ],
)  # fmt: skip
def test_what_is_no_picture(tmp_path: Path, content: bytes, fault: str) -> None:
    (tmp_path / "x").write_bytes(content)
    assert fault_of(tmp_path / "x") == fault


Export = Callable[..., Path]


@pytest.fixture
def export(tmp_path: Path) -> Export:
    """Exports assets of a server that stands in for Kili, with media by external id; gives the archive."""

    def run(assets: list[Json], fmt: Any, media: dict[str, bytes], input_type: str = "IMAGE", **call: Any) -> Path:
        (tmp_path / "assets.json").write_text(json.dumps(assets))
        http = {}
        for number, (name, content) in enumerate(media.items()):
            (tmp_path / f"media {number}").write_bytes(content)
            http[f"https://files.example.test/{name}"] = {"file": f"media {number}", "content_type": "image/png"}
        project = {"id": "p", "title": "P", "inputType": input_type, "jsonInterface": INTERFACE}
        kili = Kili(
            "key", "https://api.example.test/graphql", transport=StandIn(tmp_path, {"project": project, "http": http})
        )
        kili.export_labels("p", tmp_path / "out.zip", fmt, layout="merged", disable_tqdm=True, **call)
        return tmp_path / "out.zip"

    return run


@pytest.mark.parametrize("fmt", ["yolo_v8", "coco", "pascal_voc", "kili"])
def test_broken_pictures_are_left_out_and_told(export: Export, fmt: str) -> None:
    media = {
        "good.png": png(20, 10),
        "cut.png": png(20, 10)[:-5],
        "page.png": b"<html>",
        "empty.png": b"",
        "text.png": b"hello",
    }
    with pytest.warns(ExportWarning) as told:
        files = _files(export([_asset(name, [BOX]) for name in media], fmt, media))
    said = "\n".join(str(warning.message) for warning in told)
    for name, fault in (("cut", "cut off"), ("page", "a web page"), ("empty", "empty"), ("text", "no picture")):
        left_out = ", with 1 annotation" if fmt != "kili" else ""
        assert f"with a broken picture: {fault} (`{name}.png`){left_out}" in said
    kept = {name.removesuffix(".json") for name in files if "page" in name or "good" in name}
    if fmt == "kili":
        assert kept == {f"{folder}/{name}.png" for folder in ("assets", "labels") for name in ("good", "page")}
    else:
        assert all("good" in name for name in kept)
        assert len(kept) == (1 if fmt == "coco" else 2)
    if fmt == "coco":
        found = json.loads(files["labels.json"])
        assert [image["file_name"] for image in found["images"]] == ["data/good.png"]
        assert len(found["annotations"]) == 1


@pytest.mark.parametrize("fmt", ["yolo_v8", "coco", "pascal_voc", "kili"])
def test_missing_media_end_an_export_or_are_told_at_its_end(export: Export, tmp_path: Path, fmt: str) -> None:
    assets = [_asset(name, [BOX]) for name in ("a.png", "gone.png", "z.png", "lost.png")]
    media = {"a.png": png(20, 10), "z.png": png(20, 10)}
    with pytest.raises(OSError, match=r'gone.png.*has no such file; `missing_media="skip"` exports the others'):
        export(assets, fmt, media)
    assert not (tmp_path / "out.zip").exists()
    with pytest.warns(ExportWarning) as told:
        files = _files(export(assets, fmt, media, missing_media="skip"))
    (missing,) = (str(warning.message) for warning in told if warning.category is MissingMediaWarning)
    assert re.match("2 media files could not be downloaded.*`gone.png`: .*; `lost.png`", missing)
    folder = {"yolo_v8": "images", "coco": "data", "pascal_voc": "images", "kili": "assets"}[fmt]
    assert {name for name in files if name.startswith(folder)} == {f"{folder}/a.png", f"{folder}/z.png"}
    if fmt == "kili":
        assert json.loads(files["labels/gone.png.json"])["content"] == "https://files.example.test/gone.png"
    elif fmt == "coco":
        assert len(json.loads(files["labels.json"])["images"]) == 2
    else:
        assert sum(name.startswith("labels/") for name in files) == 2


def test_a_video_with_a_missing_frame_is_left_out_whole(export: Export) -> None:
    response = {str(n): {"BOX": {"annotations": [BOX]}} for n in range(2)}
    frames = [f"https://files.example.test/{n}" for n in range(2)]
    label = {"id": "l", "labelType": "DEFAULT", "jsonResponse": response}
    videos = [
        _asset(name, [], jsonContent=address, content="", latestLabel=label, resolution=None)
        for name, address in (("good", "https://files.example.test/all"), ("bad", "https://files.example.test/some"))
    ]
    media = {"0": png(20, 10), "all": json.dumps({"0": frames[0], "1": frames[0]}).encode(),
             "some": json.dumps({"0": frames[0], "1": frames[1]}).encode()}  # fmt: skip
    with pytest.warns(ExportWarning) as told:
        files = _files(export(videos, "coco", media, "VIDEO", missing_media="skip"))
    assert MissingMediaWarning in [warning.category for warning in told]
    assert [image["file_name"] for image in json.loads(files["labels.json"])["images"]] == [
        "data/good_1.jpg",
        "data/good_2.jpg",
    ]


def test_assets_without_media_and_films_that_cannot_be_read_are_told(export: Export) -> None:
    with pytest.warns(ExportWarning, match="1 asset without media (`b`)".replace("(", r"\(").replace(")", r"\)")):
        export([_asset("a", [BOX]), _asset("b", [BOX], content="")], "coco", {"a": png(20, 10)})
    pytest.importorskip("av", reason="frames of films need the extra `video`")
    label = {"id": "l", "labelType": "DEFAULT", "jsonResponse": {"0": {"BOX": {"annotations": [BOX]}}}}
    with pytest.warns(
        ExportWarning, match=r"left out 1 image with a film that cannot be read \(`f`\), with 1 annotation"
    ):
        export([_asset("f", [], latestLabel=label)], "coco", {"f": b"no film"}, "VIDEO")


# -- places ------------------------------------------------------------------------------------------------------------

OUT = _drawn("rectangle", (-0.5, 0.5), (-0.5, 0.1), (0.5, 0.1), (0.5, 0.5))
THIN = _drawn("rectangle", (0.1, 0.5), (0.1, 0.1), (0.1, 0.1), (0.1, 0.5))
ACROSS = _drawn("polygon", (0.1, 0.1), (0.2, 0.2), (0.3, 0.3))
TWO = _drawn("polygon", (0.1, 0.1), (0.2, 0.2))
FAR = _drawn("polygon", (0.1, 0.1), (1.2, 0.1), (0.3, 0.3))
MARKER = {"mid": "m", "type": "marker", "categories": [{"name": "A"}], "point": {"x": 0.5, "y": 0.5}}


def _converted(
    tmp_path: Path, to: str, *assets: Json, input_type: str | None = "IMAGE", **more: Any
) -> tuple[dict[str, bytes], Skipped]:
    path, skipped = tmp_path / "labels.json", Skipped()
    path.write_text(json.dumps(assets))
    ontology = Ontology.from_json_interface(INTERFACE, input_type)
    files = {
        name: content.read_bytes() if isinstance(content, Path) else b"".join(content)
        for name, content in convert(path, to=to, ontology=ontology, skipped=skipped, **more)
    }
    return files, skipped


def test_yolo_is_cut_at_the_edge_and_what_is_odd_is_told(tmp_path: Path) -> None:
    asset = _asset("a", [BOX, OUT, THIN, MARKER], [ACROSS, TWO, FAR])
    files, skipped = _converted(tmp_path, "yolo_v8", asset, _asset("b", [OUT]))
    lines = [[float(word) for word in line.split()] for line in files["labels/a.txt"].decode().splitlines()]
    assert [line for line in lines if not all(0 <= at <= 1 for at in line)] == []
    assert lines[1] == [0, 0.25, 0.3, 0.5, 0.4]
    assert len(lines) == 5
    assert {what: kind.number for what, kind in skipped.odd.items()} == {
        "reaching outside of the image, cut at its edge": 3, "without an area": 2,
    }  # fmt: skip
    assert str(skipped) == "1 without a box or an outline (`a`), 1 of fewer than three corners (`a`)"
    assert list(skipped.lines()) == [
        "annotations that look odd, and are written: 3 reaching outside of the image, cut at its edge (`a`, `b`), 2 without an area (`a`)"
    ]


def test_what_is_odd_in_coco_and_voc_is_told(tmp_path: Path) -> None:
    jobs = {"jobs": {"BOX": _job("rectangle", "semantic", "marker")}}
    skipped = Skipped()
    path = tmp_path / "labels.json"
    point = _drawn("rectangle", (0.1, 0.1), (0.1, 0.1), (0.1, 0.1), (0.1, 0.1))
    ring = [{"normalizedVertices": [{"x": x, "y": x} for x in (0.1, 0.2)]}]
    holed = {**BOX, "type": "semantic", "boundingPoly": BOX["boundingPoly"] + ring}
    path.write_text(json.dumps([_asset("a", [BOX, OUT, THIN, MARKER, point, {**ACROSS, "type": "semantic"}, holed])]))
    ontology = Ontology.from_json_interface(jobs, "IMAGE")
    for to, left_out, odd in (
        ("coco", {"without an outline": 1, "smaller than a pixel": 1}, {
            "reaching outside of the image": 1, "less than a pixel wide or high": 1, "without an area": 1,
            "with a ring of fewer than three corners, left out": 1,
        }),
        ("pascal_voc", {"drawn with marker": 1, "drawn with semantic": 2}, {
            "reaching outside of the image, cut at its edge": 1, "less than a pixel wide or high": 2,
        }),
    ):  # fmt: skip
        skipped = Skipped()
        for _, content in convert(path, to=to, ontology=ontology, skipped=skipped):
            assert not isinstance(content, Path)
            list(content)
        assert {reason: kind.number for reason, kind in skipped.reasons.items()} == left_out
        assert {what: kind.number for what, kind in skipped.odd.items()} == odd


def test_fractions_are_no_degrees(tmp_path: Path) -> None:
    plain, place = _asset("a", [BOX]), _asset("far", [_drawn("rectangle", (10, 50), (10, 51), (11, 51), (11, 50))])
    files, skipped = _converted(tmp_path, "geojson", plain, place, input_type=None)
    assert files.keys() == {"labels/far.geojson"}
    assert list(skipped.lines()) == [
        "left out 1 image without longitude and latitude, which geotiffs and projects of type GEOSPATIAL have (`--input-type`) (`a`), "
        "with 1 annotation"
    ]
    assert _converted(tmp_path, "geojson", plain, place, input_type="GEOSPATIAL")[0].keys() == {
        "labels/a.geojson",
        "labels/far.geojson",
    }
    files, skipped = _converted(tmp_path, "geojson", plain, place)
    assert not files
    assert skipped.lost.popitem()[1].number == 2
    geotiff = {**plain, "jsonContent": [{"useClassicCoordinates": False, "epsg": 4326}]}
    files, _ = _converted(tmp_path, "geojson", geotiff)
    assert files.keys() == {"labels/a.geojson"}


def test_geojson_tells_one_reason_each_and_what_is_beyond_the_globe(tmp_path: Path) -> None:
    beyond = _drawn("polygon", (170, 80), (190, 80), (180, 100))
    line = {"mid": "l", "type": "polyline", "categories": [{"name": "A"}], "polyline": [{"x": 1, "y": 2}]}
    pose = {
        "mid": "p",
        "kind": "POSE_ESTIMATION",
        "categories": [{"name": "A"}],
        "points": [{"code": "c", "point": {"x": 1, "y": 2}}],
    }
    _, skipped = _converted(
        tmp_path, "geojson", _asset("a", [pose, {"type": "rectangle", "categories": [{"name": "A"}]}, line], [beyond, ACROSS]),
        input_type="GEOSPATIAL",
    )  # fmt: skip
    assert str(skipped) == "1 drawn with pose (`a`), 1 without a place (`a`), 1 without an area (`a`)"
    assert {what: kind.number for what, kind in skipped.odd.items()} == {
        "that are lines of one point": 1, "beyond longitude 180 or latitude 90": 1,
    }  # fmt: skip


@pytest.mark.parametrize("resolution", [None, {"width": 0, "height": 10}])
def test_a_size_that_is_missing_or_zero_is_told(tmp_path: Path, resolution: Json | None) -> None:
    problems: list[Any] = []
    _converted(tmp_path, "coco", _asset("a", [BOX], resolution=resolution), on_problem=problems.append)
    assert (
        f"its `resolution` is {resolution}" in str(problems[0])
        if resolution
        else "the export has no `resolution`" in str(problems[0])
    )
    files, skipped = _converted(tmp_path, "kili", _asset("a", [BOX], resolution=resolution))
    assert list(skipped.lines()) == ["1 asset without pixels, as the size of the picture is not known (`a`)"]
    assert b"vertices" not in files["labels/a.json"]


def test_labels_in_the_grid_of_a_geospatial_image_have_pixels(tmp_path: Path) -> None:
    layers = [{"width": 200, "height": 100}, {"width": 1, "height": 1}]
    parts = {**BOX, "type": "semantic", "boundingPoly": [BOX["boundingPoly"]]}
    assets = [
        _asset("a", [BOX], [parts], geospatialExportMetadata=layers, resolution=None),
        _asset("b", [BOX], resolution=None),
    ]
    (tmp_path / "assets.json").write_text(json.dumps(assets))
    project = {
        "id": "p",
        "inputType": "GEOSPATIAL",
        "jsonInterface": INTERFACE,
        "geospatialSettings": {"labelingCRSCode": "PIXEL"},
    }
    kili = Kili(
        "key", "https://api.example.test/graphql", transport=StandIn(tmp_path, {"project": project}), disable_tqdm=True
    )
    with pytest.warns(ExportWarning, match=r"1 asset without pixels, .* \(`b`\)"):
        kili.export_labels("p", tmp_path / "out.zip", "kili", with_assets=False)
    answers = json.loads(_files(tmp_path / "out.zip")["labels/a.json"])["latestLabel"]["jsonResponse"]
    for ring in (
        answers["BOX"]["annotations"][0]["boundingPoly"][0],
        answers["SHAPE"]["annotations"][0]["boundingPoly"][0][0],
    ):
        assert ring["normalizedVertices"] == BOX["boundingPoly"][0]["normalizedVertices"]
        assert ring["vertices"][1] == {"x": 20, "y": 10}
    kili.export_labels("p", tmp_path / "out.zip", "kili", with_assets=False, normalized_coordinates=True)
    assert b"vertices" not in _files(tmp_path / "out.zip")["labels/a.json"]
    with pytest.raises(NotCompatibleInputType, match="grid"):
        kili.export_labels("p", tmp_path / "out.zip", "geojson", layout="merged", with_assets=False)


# -- names and media on disk -------------------------------------------------------------------------------------------


def test_another_asset_of_a_name_is_no_other_label_of_it(tmp_path: Path) -> None:
    two = _asset("dup", [BOX])
    two["labels"] = [two.pop("latestLabel"), {**two_label(), "id": "m"}]
    told: list[tuple[str, str, str]] = []
    files, _ = _converted(
        tmp_path, "yolo_v8", two, _asset("dup", [BOX]), _asset("../x", [BOX]), on_renamed=lambda *row: told.append(row)
    )
    assert {name for name in files if name.startswith("labels/")} == {
        "labels/dup_label1.txt", "labels/dup_label2.txt", "labels/dup_asset2.txt", "labels/x.txt",
    }  # fmt: skip
    assert told == [
        ("dup", "dup_asset2", "another asset has that name"),
        ("../x", "x", "no folder can hold a file of that name"),
    ]


def two_label() -> Json:
    label: Json = _asset("x", [BOX])["latestLabel"]
    return label


@pytest.fixture
def export_with_media(tmp_path: Path) -> Path:
    """An export of Kili with media: one good, one broken, one that is not there, one that stays at its address."""
    path = tmp_path / "export.zip"
    contents = {
        "a b.png": "assets/a b.png",
        "broken.png": "assets/broken.png",
        "gone.png": "assets/gone.png",
        "far.png": "https://x.test/far",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(f"labels/{name}.json", json.dumps(_asset(name, [BOX], content=content)))
        archive.writestr("assets/a b.png", png(20, 10))
        archive.writestr("assets/broken.png", png(20, 10)[:-9])
    return path


@pytest.mark.parametrize("unpacked", [False, True])
@pytest.mark.parametrize("to", ["yolo_v8", "coco", "kili"])
def test_media_of_an_export_come_along(export_with_media: Path, tmp_path: Path, to: str, unpacked: bool) -> None:
    source = export_with_media
    if unpacked:
        source = tmp_path / "export"
        zipfile.ZipFile(export_with_media).extractall(source)
    before = sorted(tmp_path.rglob("*"))
    ontology, skipped = Ontology.from_json_interface(INTERFACE, "IMAGE"), Skipped()
    media = Brought([str(source)])
    files = {
        name: content.read_bytes() if isinstance(content, Path) else b"".join(content)
        for name, content in convert(source, to=to, ontology=ontology, media=media, skipped=skipped)
    }
    folder = {"yolo_v8": "images", "coco": "data", "kili": "assets"}[to]
    assert files[f"{folder}/a b.png"] == png(20, 10)
    assert (f"{folder}/broken.png" in files) == (to == "kili")
    if to == "coco":
        assert [i["file_name"] for i in json.loads(files["labels.json"])["images"]] == [
            "data/a b.png",
            "data/far.png",
            "data/gone.png",
        ]
    told = "\n".join(skipped.lines())
    assert "with a broken picture: cut off (`broken.png`)" in told
    assert "whose media are not in the export, and do not come along (`gone.png`)" in told
    assert (media.files, media.elsewhere) == (2, 1)
    assert sorted(tmp_path.rglob("*")) == before
    there = {name for name, _ in convert(source, to=to, ontology=ontology)}
    assert not any(name.startswith(f"{folder}/") and name.endswith(".png") for name in there)


@pytest.mark.parametrize("source", ["yolo", "yolo/data.yaml", "yolo.zip"])
def test_pictures_of_datasets_of_other_formats_come_along(tmp_path: Path, source: str) -> None:
    contents = {
        "images/train/a.png": png(20, 10), "images/val/b.png": png(20, 10)[:-9], "labels/train/a.txt": b"0 0.5 0.5 0.1 0.1",
        "labels/val/b.txt": b"0 0.5 0.5 0.1 0.1", "data.yaml": b"train: images/train\nval: images/val\nnames: [car]",
    }  # fmt: skip
    with zipfile.ZipFile(tmp_path / "yolo.zip", "w") as archive:
        for name, content in contents.items():
            (tmp_path / "yolo" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "yolo" / name).write_bytes(content)
            archive.writestr(name, content)
    for to, folder in (("coco", "data"), ("kili", "assets")):
        done = kili_query_process("convert", tmp_path / source, "--to", to, "-o", tmp_path / "out.zip")
        assert done.code == 0
        assert "with a broken picture: cut off (`b.png`)" in done.err
        files = _files(tmp_path / "out.zip")
        assert files[f"{folder}/a.png"] == png(20, 10)
        assert (f"{folder}/b.png" in files) == (to == "kili")
        if to == "kili":
            assert json.loads(files["labels/a.png.json"])["content"] == "assets/a.png"


def test_the_command_copies_media_or_leaves_them(export_with_media: Path, tmp_path: Path) -> None:
    ontology, out = tmp_path / "i.json", tmp_path / "out.zip"
    ontology.write_text(json.dumps(INTERFACE))
    command = (
        "convert",
        export_with_media,
        "--to",
        "yolo_v8",
        "--ontology",
        ontology,
        "--input-type",
        "IMAGE",
        "-o",
        out,
    )
    done = kili_query_process(*command)
    assert done.code == 0
    assert (
        "wrote 3 assets with 2 media files (media of 1 asset are no part of the export, and stay where they are)"
        in done.err
    )
    assert "left out 1 image with a broken picture: cut off (`broken.png`), with 1 annotation" in done.err
    done = kili_query_process(*command, "--no-assets")
    assert "wrote 4 assets to" in done.err
    assert not any(name.endswith(".png") for name in _files(out))
    done = kili_query_process(*command, "--split", "0.8,0.3")
    assert done.code == 2
    assert "add up to 1" in done.err


def test_a_full_disk_while_media_come(export: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: object, request: httpx.Request) -> httpx.Response:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(StandIn, "_content", full)
    (tmp_path / "out.zip").write_text("older")
    with pytest.raises(DataError, match=r"cannot be written: No space left on device$"):
        export([_asset("a", [BOX])], "coco", {"a": png(20, 10)})
    assert (tmp_path / "out.zip").read_text() == "older"


def test_files_that_answer_jobs_come_along(tmp_path: Path) -> None:
    job = {"mlTask": "FILE", "required": 0, "isChild": False, "instruction": "f", "content": {"input": None}}
    (tmp_path / "a note.txt").write_text("hello")
    answer, out = str(tmp_path / "a note.txt"), tmp_path / "out.zip"
    with LocalKili() as server:
        kili = Kili(server.api_key, server.endpoint, disable_tqdm=True)
        project = kili.create_project("t", input_type="TEXT", json_interface={"jobs": {"F": job, "G": job}})["id"]
        made = kili.append_many_to_dataset(project, ["x", "y"], external_id_array=["a b", "sub/c"])["asset_ids"]
        kili.append_labels(made, [{"F": answer, "G": answer}, {"F": answer}], project_id=project)
        for with_assets in (True, False):
            kili.export_labels(project, out, "raw", with_assets=with_assets)
            files = _files(out)
            assert {name for name in files if name.endswith("note.txt")} == {
                "labels/a_b/F_a note.txt", "labels/a_b/G_a note.txt", "labels/sub/c/F_a note.txt",
            }  # fmt: skip
            assert files["labels/sub/c/F_a note.txt"] == b"hello"
            answers = json.loads(files["labels/a_b.json"])["latestLabel"]["jsonResponse"]
            assert answers["G"]["filePath"] == "labels/a_b/G_a note.txt"
        kili.append_labels(made[:1], [{"F": {"fileId": "gone", "fileName": "gone.txt"}}], project_id=project)
        out.write_text("older")
        with pytest.raises(OSError, match="the file `gone` that answers a job is not there"):
            kili.export_labels(project, out, "raw", with_assets=False)
        assert out.read_text() == "older"
        with pytest.warns(MissingMediaWarning, match="`a b`: the file `gone`"):
            kili.export_labels(project, out, "raw", with_assets=False, missing_media="skip")
        assert [name for name in _files(out) if name.endswith("note.txt")] == ["labels/sub/c/F_a note.txt"]
