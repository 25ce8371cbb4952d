"""`export_labels` and `kili-query export`: what they write, what they leave, and what goes wrong."""

from __future__ import annotations

import asyncio
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from kili_query import (
    ArgumentError,
    AsyncKili,
    DataError,
    DownloadError,
    ExportWarning,
    Kili,
    NotExportableAssetError,
    NotFound,
    Ontology,
)
from kili_query.client._sync import exports
from kili_query.formats.assembly import Dataset
from kili_query.formats.datasets import Order, Skipped
from kili_query.server import LocalKili
from tests.cli.test_cli import kili_query_process
from tests.client.pictures import png
from tests.formats.cases import StandIn

yaml = pytest.importorskip("yaml", reason="datasets need the extra `formats`")

INTERFACE = {"jobs": {"BOXES": {
    "mlTask": "OBJECT_DETECTION", "tools": ["rectangle"], "required": 0, "isChild": False, "instruction": "draw",
    "content": {"categories": {"CAR": {"name": "car"}, "BUS": {"name": "bus"}}, "input": "radio"},
}}}  # fmt: skip


def _label(number: int, *categories: str, **more: Any) -> dict[str, Any]:
    corners = [{"x": x, "y": y} for x, y in ((0.1, 0.1), (0.1, 0.5), (0.5, 0.5), (0.5, 0.1))]
    objects = [
        {"mid": str(n), "type": "rectangle", "categories": [{"name": name}], "boundingPoly": [{"normalizedVertices": corners}]}
        for n, name in enumerate(categories)
    ]  # fmt: skip
    return {
        "id": f"label-{number}", "labelType": "DEFAULT", "createdAt": f"2024-02-0{1 + number % 9}T10:00:00.000Z",
        "author": {"id": f"u{number}", "email": f"u{number}@example.com"}, "jsonResponse": {"BOXES": {"annotations": objects}}, **more,
    }  # fmt: skip


def _asset(name: str, *labels: dict[str, Any], **more: Any) -> dict[str, Any]:
    asset = {"id": f"id of {name}", "externalId": name, "content": f"https://files.example.test/{len(name)}", "jsonContent": "",
             "resolution": {"width": 200, "height": 100}}  # fmt: skip
    return {
        **asset,
        "latestLabel": labels[-1] if labels else None,
        "labels": list(labels),
        "latestLabels": list(labels),
        **more,
    }


Export = Callable[..., Path]


@pytest.fixture
def export(tmp_path: Path) -> Export:
    """Exports assets of a server that stands in for Kili; gives the archive."""

    def run(assets: list[dict[str, Any]], fmt: Any = "kili", *, media: bytes | None = None, **call: Any) -> Path:
        (tmp_path / "assets.json").write_text(json.dumps(assets))
        (tmp_path / "media").write_bytes(media or b"")
        http = {asset["content"]: {"file": "media", "content_type": "image/png"} for asset in assets}
        project = {"id": "p", "title": "P", "inputType": "IMAGE", "jsonInterface": INTERFACE}
        server = StandIn(tmp_path, {"project": project, "http": {} if media is None else http})
        kili = Kili("key", "https://api.example.test/graphql", transport=server, disable_tqdm=True)
        call.setdefault("layout", "merged")
        call.setdefault("with_assets", media is not None)
        target = tmp_path / "out.zip"
        kili.export_labels("p", call.pop("filename", target), fmt, **call)
        return target

    return run


def _files(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


# -- what is written ---------------------------------------------------------------------------------------------------


def test_only_labels_that_match_if_that_is_asked_for(export: Export) -> None:
    assets = [_asset("a", _label(1, "CAR"), _label(2, "BUS")), _asset("b", _label(3, "BUS"))]
    search = {"label_category_search": "BOXES.CAR.count >= 1"}
    files = _files(export(assets, export_type="normal", asset_filter_kwargs=search, matching_labels_only=True))
    assert [len(json.loads(files["labels/a.json"])["labels"])] == [1]
    assert "labels/b.json" not in files
    whole = _files(export(assets, export_type="normal", asset_filter_kwargs=search))
    assert len(json.loads(whole["labels/a.json"])["labels"]) == 2
    assert search == {"label_category_search": "BOXES.CAR.count >= 1"}
    with pytest.raises(ArgumentError, match="label_category_search"):
        export(assets, matching_labels_only=True)


def test_that_many_media_take_long_is_told(export: Export, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "MANY_ASSETS", 1)
    assets = [_asset(name, _label(1, "CAR"), content=f"https://files.example.test/{name}") for name in "ab"]
    with pytest.warns(ExportWarning, match="media of more than 1 assets are downloaded; `with_assets=False`") as told:
        export(assets, media=png(2, 2))
    assert len(told) == 1
    export(assets)


def test_labels_that_were_sent_back_and_other_types(export: Export) -> None:
    assets = [
        _asset("a", _label(1, "CAR", isSentBackToQueue=True)), _asset("b", _label(2, labelType="PREDICTION")), _asset("c", _label(3)),
    ]  # fmt: skip
    for fmt in ("kili", "yolo_v5", "coco"):
        named = " ".join(_files(export(assets, fmt)).keys())
        assert ("labels/a." in named) or fmt == "coco"
    assert "labels/a.txt" not in _files(export(assets, "yolo_v5", include_sent_back_labels=False))
    assert "labels/b.txt" in _files(export(assets, "yolo_v5", label_type_in=["PREDICTION"]))
    images = json.loads(_files(export(assets, "coco", include_sent_back_labels=False))["labels.json"])["images"]
    assert [image["file_name"] for image in images] == ["data/c"]


def test_yolo_in_parts_trains_where_it_lies(export: Export) -> None:
    assets = [_asset(f"cam/{n}.png", _label(n, "CAR")) for n in range(40)]
    archive = export(assets, "yolo_v8", media=png(20, 10), split=(0.5, 0.25, 0.25), seed=1)
    files = _files(archive)
    labels = {name.split("/", 1)[1].removesuffix(".txt") for name in files if name.startswith("labels/")}
    images = {name.split("/", 1)[1].removesuffix(".png") for name in files if name.startswith("images/")}
    assert labels == images
    assert len({name.split("/", 1)[1] for name in labels}) == len(labels) == 40
    number = {part: sum(name.startswith(f"{part}/") for name in labels) for part in ("train", "val", "test")}
    assert abs(number["train"] - 20) <= 1
    assert abs(number["val"] - 10) <= 1
    about = yaml.safe_load(files["data.yaml"])
    assert {part: about[part] for part in number} == {part: f"images/{part}" for part in number}
    again = _files(export(assets, "yolo_v8", media=png(20, 10), split=(0.5, 0.25, 0.25), seed=1))
    other = _files(export(assets, "yolo_v8", media=png(20, 10), split=(0.5, 0.25, 0.25), seed=2))
    assert again.keys() == files.keys() != other.keys()
    for wrong in ({"fmt": "coco"}, {"fmt": "yolo_v5", "layout": "split"}, {"fmt": "yolo_v4"}):
        with pytest.raises(ArgumentError, match="`split`"):
            export(assets, **wrong, split=(0.5, 0.5))
    for shares in ((0.0, 1.0), (0.8, 0.3), (8, 1, 1), (1.0,)):
        with pytest.raises(ArgumentError, match="shares of train, val and test that add up to 1"):
            export(assets, "yolo_v5", split=shares)


NAMES = (
    "../../up",
    "/etc/x",
    "a\\b",
    "con.png",
    "é 🚲.png",
    "x" * 300 + ".png",
    "same.png",
    "SAME.png",
    "a.jpg",
    "a.png",
    "..",
    "\x07.png",
)


@pytest.mark.parametrize("fmt", ["kili", "yolo_v8", "pascal_voc", "coco"])
def test_external_ids_are_names_of_files_within_the_folder_each_its_own(
    export: Export, tmp_path: Path, fmt: str
) -> None:
    assets = [
        _asset(name, _label(1, "CAR"), content=f"https://files.example.test/n{n}") for n, name in enumerate(NAMES)
    ]
    with pytest.warns(ExportWarning, match="up`"):
        archive = export(assets, fmt, media=png(20, 10))
    files = _files(archive)
    assert len({name.lower() for name in files}) == len(files)
    media = [name for name in files if re.match("(assets|images|data)/", name)]
    assert len(media) == len(NAMES)
    for name in files:
        steps = name.split("/")
        assert not any(step in ("", ".", "..") or len(step.encode()) > 255 or "\\" in step for step in steps), name
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(tmp_path / "unpacked")
    if fmt == "coco":
        images = json.loads(files["labels.json"])["images"]
        assert sorted(image["file_name"] for image in images) == sorted(media)
    elif fmt == "yolo_v8":
        stems = {name.split("/", 1)[1].rpartition(".")[0] for name in media}
        assert stems == {name.split("/", 1)[1].removesuffix(".txt") for name in files if name.startswith("labels/")}
    elif fmt == "kili":
        labels = [json.loads(content) for name, content in files.items() if name.startswith("labels/")]
        assert sorted(label["content"] for label in labels) == sorted(media)


def test_raw_keeps_whatever_an_asset_holds() -> None:
    label = _label(1, "CAR")
    label["jsonResponse"]["NOTE"] = {
        "text": "é\ud800",
        "far": 1e999,
        "long": 10**30,
        "none": None,
        "small": [0.1, 1e-7],
    }
    for change in ({}, {"far": 1, "text": "é 🚲"}):
        label["jsonResponse"]["NOTE"].update(change)
        order = Order("kili", Ontology.from_json_interface(INTERFACE, "IMAGE"), normalized=True)
        ((_, content),) = Dataset(order, skipped=Skipped()).add(_asset("é", label), [])
        assert not isinstance(content, Path)
        text = b"".join(content)
        assert json.loads(text)["latestLabel"] == label
        assert text.isascii()


def test_what_a_format_cannot_hold_is_told(export: Export) -> None:
    label = _label(1, "CAR", "LORRY")
    with pytest.warns(ExportWarning, match="1 of a category that the ontology lacks"):
        export([_asset("a", label)], "coco")


def test_both_clients_write_the_same(export: Export, tmp_path: Path) -> None:
    assets = [_asset(f"{n}.png", _label(n, "CAR")) for n in range(120)]
    ours = _files(export(assets, "coco"))
    project = {"id": "p", "title": "P", "inputType": "IMAGE", "jsonInterface": INTERFACE}
    server = StandIn(tmp_path, {"project": project})

    async def run() -> None:
        class Both(httpx.AsyncBaseTransport):
            async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
                await request.aread()
                return server.handle_request(request)

        async with AsyncKili("key", "https://api.example.test/graphql", transport=Both(), disable_tqdm=True) as kili:
            await kili.export_labels("p", tmp_path / "async.zip", "coco", layout="merged", with_assets=False)

    asyncio.run(run())
    theirs = _files(tmp_path / "async.zip")
    assert theirs.keys() == ours.keys()
    one, other = (json.loads(files["labels.json"]) for files in (ours, theirs))
    assert {**one, "info": 0} == {**other, "info": 0}


@pytest.mark.filterwarnings("ignore:1 asset without pixels")
@pytest.mark.parametrize("fmt", ["kili", "coco"])
def test_frames_are_cut_from_films_for_each_format(shared: Path, tmp_path: Path, fmt: Any) -> None:
    pytest.importorskip("av", reason="frames of films need the extra `video`")
    folder = shared / "exports" / "cases" / "yolo-native-video-with-assets"
    server = StandIn(folder, json.loads((folder / "case.json").read_bytes()))
    kili = Kili("key", "https://api.example.test/graphql", transport=server, disable_tqdm=True)
    kili.export_labels("proj-1", tmp_path / "out.zip", fmt, layout="merged")
    files = _files(tmp_path / "out.zip")
    media = "assets" if fmt == "kili" else "data"
    frames = [f"{media}/clip_{n:02}.jpg" for n in range(1, 11)]
    assert {*frames, f"{media}/clip.mp4"} <= files.keys()
    assert all(files[name].startswith(b"\xff\xd8") for name in frames)
    if fmt == "kili":
        asset = json.loads(files["labels/clip.json"])
        assert (asset["content"], asset["jsonContent"]) == ("assets/clip.mp4", frames)
    else:
        assert [image["file_name"] for image in json.loads(files["labels.json"])["images"]] == frames


# -- what goes wrong ---------------------------------------------------------------------------------------------------


def _stop(*_: object) -> dict[str, Any]:
    raise KeyboardInterrupt


def _fail(*_: object) -> dict[str, Any]:
    raise OSError("of the caller")


FAILURES: dict[str, tuple[type[BaseException], dict[str, Any], dict[str, Any]]] = {
    "Ctrl-C": (KeyboardInterrupt, {}, {"annotation_modifier": _stop}),
    "no size": (NotExportableAssetError, {"resolution": None}, {}),
    "a size of zero": (NotExportableAssetError, {"resolution": {"width": 0, "height": 10}}, {}),
    "media that are no image": (NotExportableAssetError, {"resolution": None}, {"media": b"no image"}),
    "media that are not there": (DownloadError, {}, {"with_assets": True}),
    "a label that cannot be read": (DataError, {"latestLabel": _label(1, jsonResponse="{broken", id=None)}, {}),
}


@pytest.mark.parametrize("what", FAILURES)
def test_a_failure_leaves_the_older_file_and_nothing_else(export: Export, tmp_path: Path, what: str) -> None:
    kind, asset, call = FAILURES[what]
    (tmp_path / "out.zip").write_text("older")
    with pytest.raises(kind) as raised:
        export([_asset("good", _label(1, "CAR")), _asset("bad", _label(2, "CAR"), **asset)], "coco", **call)
    assert (tmp_path / "out.zip").read_text() == "older"
    assert {path.name for path in tmp_path.iterdir()} == {"out.zip", "assets.json", "media"}
    if kind is not KeyboardInterrupt:
        assert what == "media that are not there" or "bad" in str(raised.value)


def test_a_task_that_is_cancelled_leaves_the_older_file(tmp_path: Path) -> None:
    (tmp_path / "assets.json").write_text(json.dumps([_asset(f"{n}", _label(n, "CAR")) for n in range(120)]))
    (tmp_path / "out.zip").write_text("older")
    project = {"id": "p", "title": "P", "inputType": "IMAGE", "jsonInterface": INTERFACE}
    server = StandIn(tmp_path, {"project": project})

    class Slow(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            answer = server.handle_request(request)
            if json.loads(await request.aread())["variables"].get("skip"):
                reached.set()
                await asyncio.sleep(60)
            return answer

    reached = asyncio.Event()

    async def run() -> None:
        async with AsyncKili("key", "https://api.example.test/graphql", transport=Slow(), disable_tqdm=True) as kili:
            export = kili.export_labels("p", tmp_path / "out.zip", "yolo_v5", layout="merged", with_assets=False)
            task = asyncio.ensure_future(export)
            await reached.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(run())
    assert (tmp_path / "out.zip").read_text() == "older"
    assert {path.name for path in tmp_path.iterdir()} == {"out.zip", "assets.json"}


def test_a_file_that_is_replaced_is_told(export: Export, caplog: pytest.LogCaptureFixture) -> None:
    target = export([_asset("a", _label(1))])
    assert "is replaced" not in caplog.text
    assert str(target) in caplog.text
    export([_asset("a", _label(1))])
    assert "the file that was there is replaced" in caplog.text


def test_a_full_disk_is_told(export: Export) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with pytest.raises(DataError, match="/dev/full: cannot be written: No space left"):
        export([_asset("a", _label(1))], filename="/dev/full")


def test_arguments_that_cannot_be_used(export: Export) -> None:
    assets = [_asset("a", _label(1))]
    with pytest.raises(NameError, match="'colour'"):
        export(assets, asset_filter_kwargs={"colour": 1})
    with pytest.raises(ArgumentError, match="`filename`"):
        export(assets, filename=None)
    with pytest.raises(ArgumentError, match="`annotation_modifier`"):
        export(assets, "coco", annotation_modifier=1)
    with pytest.raises(ArgumentError, match="`external_ids`"):
        export(assets, external_ids=[])
    with pytest.raises(ArgumentError, match="`status_in`"):
        export(assets, asset_filter_kwargs={"status_in": ["LABELD"]})
    with pytest.raises(NotFound, match="`b`, `c` in project `p`"):
        export(assets, external_ids=["a", "b", "c"])
    with pytest.warns(DeprecationWarning, match="external_id_contains"):
        assert len(_files(export(assets, asset_filter_kwargs={"external_id_contains": ["a"]}))) == 2


# -- the command -------------------------------------------------------------------------------------------------------


def test_the_command_exports_what_matches(tmp_path: Path) -> None:
    source = tmp_path / "assets.json"
    assets = [_asset(f"{n}.png", _label(n, *["CAR"] * n)) for n in range(4)]
    source.write_text(json.dumps([{**asset, "latestLabel": None, "latestLabels": None} for asset in assets]))
    out = tmp_path / "out.zip"
    with LocalKili() as server:
        project = server.load(source, interface=INTERFACE, input_type="IMAGE", title="P")
        access = ("--api-key", server.api_key, "--api-endpoint", server.endpoint)
        done = kili_query_process(
            "export", project, "BOXES.CAR.count >= 2", "--to", "yolo_v8", "--no-media", "-o", out, *access
        )
        assert (done.code, done.out) == (0, "")
        assert "2 assets" in done.err
        assert {name for name in _files(out) if name.startswith("labels/")} == {"labels/2.txt", "labels/3.txt"}
        done = kili_query_process("export", project, "--to", "geojson", "--no-media", "-o", out, *access)
        assert "replaced" in done.err
        done = kili_query_process(
            "export", project, "--to", "coco", "--layout", "split", "-o", tmp_path / "c.tar", *access
        )
        assert done.code == 2
        assert "FILE.zip" in done.err
        done = kili_query_process("export", project, "BOXES.CAR.count >> 2", "--to", "coco", "-o", out, *access)
        assert done.code == 1


def test_filter_writes_datasets_of_what_matches(tmp_path: Path) -> None:
    source, ontology, out = tmp_path / "assets.json", tmp_path / "i.json", tmp_path / "out.zip"
    two = _asset("two", _label(1, "CAR"), _label(2, "BUS"), latestLabel=None, latestLabels=None)
    source.write_text(json.dumps([two, _asset("bus", _label(3, "BUS"))]))
    ontology.write_text(json.dumps(INTERFACE))
    command = ("filter", source, "BOXES.CAR.count >= 1", "--to", "kili", "--ontology", ontology, "-o", out)
    assert kili_query_process(*command).code == 0
    assert len(json.loads(_files(out)["labels/two.json"])["labels"]) == 2
    assert kili_query_process(*command, "--labels").code == 0
    assert len(json.loads(_files(out)["labels/two.json"])["labels"]) == 1
    assert kili_query_process(*command, "--invert").code == 0
    assert _files(out).keys() == {"labels/bus.json"}
    assert kili_query_process(*command, "--count").code == 2
    assert kili_query_process("filter", source, "BOXES.CAR.count >= 1", "--layout", "split").code == 2


def test_convert_tells_what_it_cannot_do(tmp_path: Path) -> None:
    source, ontology, out = tmp_path / "assets.json", tmp_path / "i.json", tmp_path / "out.zip"
    source.write_text(json.dumps([_asset("a", _label(1, "CAR"))]))
    ontology.write_text(json.dumps(INTERFACE))

    def convert(*more: object, to: str = "coco", output: Path = out) -> Any:
        return kili_query_process("convert", source, *more, "--to", to, "--ontology", ontology, "-o", output)

    done = convert("--type", "FOO")
    assert done.code == 2
    assert "FOO" in done.err
    done = convert("--type", "INFERENCE")
    assert "the dataset is empty" in done.err
    done = convert("BOXES.BUS.count > 0")
    assert "no asset has a label that satisfies the query" in done.err
    done = convert(output=tmp_path / "c.tar")
    assert done.code == 2
    assert "FILE.zip" in done.err
    assert not (tmp_path / "c.tar").exists()
    done = convert(tmp_path / "asets.jsn")
    assert done.code == 2
    assert "asets.jsn is no file that is there, and no query" in done.err
    source.write_text(json.dumps([_asset("a", _label(1, jsonResponse="{broken"), latestLabel=None, latestLabels=None)]))
    done = convert()
    assert done.code == 2
    assert "assets.json" in done.err
    assert "a, labels[0]" in done.err
    source.write_text(json.dumps([_asset("a", _label(1, "CAR"))]))
    assert convert(to="raw", output=tmp_path / "raw.zip").code == 0
    assert kili_query_process("filter", tmp_path / "raw.zip", "BOXES.CAR.count == 1", "--count").out == "1\n"
