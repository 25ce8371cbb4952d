"""Contact sheets: what is drawn is what labels hold, where they hold it, and no text lies on another."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

pytest.importorskip("matplotlib", reason="pictures need the extra `pictures`")

from PIL import Image

from kili_query import Ontology, Preview, parse, preview, read_labels
from kili_query.errors import ArgumentError, DataError
from kili_query.model.geometry import Polygons
from kili_query.pictures.drawing import Drawing, house_style
from kili_query.pictures.fonts import Fonts
from kili_query.pictures.notes import Notes
from kili_query.pictures.palette import DARK, LIGHT, Palette, Theme
from kili_query.pictures.sheet import Look, boxes_of, draw_page
from tests.pictures.making import archive, asset, boxes, image, many, ontology, rectangle

COCO = "tests/data/coco.zip"
SVG = "{http://www.w3.org/2000/svg}"


def _groups(svg: str) -> dict[str, list[tuple[float, float]]]:
    """The shapes of an SVG by the ids of their groups: their corners, in points."""
    found = {}
    for group in ElementTree.fromstring(svg).iter(f"{SVG}g"):
        if re.fullmatch(r"card-\d+-\d+-\d+", group.get("id", "")):
            path = group.find(f"{SVG}path")
            assert path is not None
            numbers = [float(number) for number in re.findall(r"-?\d+\.?\d*", path.get("d", ""))]
            found[group.get("id", "")] = list(zip(numbers[::2], numbers[1::2], strict=True))
    return found


def _drawn(sheet: Preview, tmp_path: Path) -> str:
    [name] = sheet.save(tmp_path / "sheet.svg")
    return Path(name).read_text(encoding="utf-8")


def test_there_are_as_many_boxes_as_the_data_have_and_where_they_are(tmp_path: Path) -> None:
    sheet = preview(COCO)
    groups = _groups(_drawn(sheet, tmp_path))
    expected, frames = {}, _frames((tmp_path / "sheet.svg").read_text(encoding="utf-8"))
    for number, label in enumerate(read_labels(COCO)):
        shapes = [part for a in label.annotations if isinstance(a.geometry, Polygons) for part in a.geometry.parts]
        for position, part in enumerate(shapes):
            expected[f"card-{number}-0-{position}"] = part[0]
    assert len(expected) == 82
    assert groups.keys() == expected.keys()
    for gid, ring in expected.items():
        left, top, width, height = frames[int(gid.split("-")[1])]
        places = {(round(left + x * width, 1), round(top + y * height, 1)) for x, y in ring}
        drawn = {(round(x, 1), round(y, 1)) for x, y in groups[gid]}
        for place in places:
            assert any(abs(place[0] - x) < 0.2 and abs(place[1] - y) < 0.2 for x, y in drawn), gid


def _frames(svg: str) -> list[tuple[float, float, float, float]]:
    """The canvases of a page, in points: where their outlines lie."""
    found = []
    for path in ElementTree.fromstring(svg).iter(f"{SVG}path"):
        if LIGHT.line in path.get("style", "") and "stroke" in path.get("style", ""):
            numbers = [float(number) for number in re.findall(r"-?\d+\.?\d*", path.get("d", ""))]
            xs, ys = numbers[::2], numbers[1::2]
            found.append((min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)))
    return found


def test_a_box_is_where_its_pixels_are(tmp_path: Path) -> None:
    record = asset(
        "a.png", boxes(rectangle((0.25, 0.5, 0.75, 0.9), "CAR", "m1")), resolution={"width": 800, "height": 600}
    )
    source = archive(tmp_path / "export.zip", [record])
    preview(source, ontology=ontology({"CAR": "#ff0000"})).save(tmp_path / "sheet.png")
    picture = Image.open(tmp_path / "sheet.png").convert("RGB")
    red = []
    for x in range(picture.width):
        for y in range(80, 310):
            r, g, b = picture.getpixel((x, y))  # type: ignore[misc]
            if r > 200 and g < 130 and b < 130:
                red.append((x, y))
    left, right = min(x for x, _ in red), max(x for x, _ in red)
    bottom = max(y for _, y in red)
    assert abs(left - (20 + 0.25 * 320)) <= 2
    assert abs(right - (20 + 0.75 * 320)) <= 2
    frame = [y for y in range(picture.height) if picture.getpixel((22, y)) == (238, 240, 243)]  # the canvas
    assert abs(bottom - (frame[0] + 0.9 * 240)) <= 3


@pytest.mark.parametrize(("categories", "theme"), [(1, DARK), (3, LIGHT), (3, DARK), (300, LIGHT), (300, DARK)])
def test_no_text_lies_on_another_nor_leaves_the_page(tmp_path: Path, categories: int, theme: Theme) -> None:
    source = archive(tmp_path / "export.zip", many(7, categories))
    sheet = preview(source, query="BOXES.*.count > 4")
    drawing = _page(sheet, theme)
    assert len(drawing.texts) > 20
    extents = [(written.text, drawing.fonts.box(written)) for written in drawing.texts]
    for number, (text, (left, top, right, bottom)) in enumerate(extents):
        assert 0 <= left <= right <= drawing.width
        assert 0 <= top <= bottom <= drawing.height
        for other_text, (x0, y0, x1, y1) in extents[number + 1 :]:
            assert right <= x0 + 0.5 or x1 <= left + 0.5 or bottom <= y0 or y1 <= top, (text, other_text)


def _page(sheet: Preview, theme: Theme = LIGHT) -> Drawing:
    palette = Palette(sheet.ontology, Notes())
    with house_style():
        fonts = Fonts([card.name for card in sheet.cards], Notes())
        return draw_page(sheet.cards, sheet.title, sheet.remark, Look(theme), palette, fonts)


def test_what_made_the_query_true_stands_out() -> None:
    nested = {"COLOR": {"categories": [{"name": "RED"}]}}
    record = asset(
        "a", boxes(rectangle((0, 0, 0.1, 0.1), "CAR", "m1", children=nested), rectangle((0.5, 0, 0.6, 0.1), "CAR", "m2"),
                   rectangle((0.2, 0.3, 0.4, 0.5), "BUS", "m3"))
    )  # fmt: skip

    def strong(text: str) -> list[str]:
        sheet = parse(text).preview([record])
        return [mark.title.split(" · ")[1] for card in sheet.cards for mark in card.panels[0].marks if mark.strong]

    assert strong("BOXES.CAR.count == 2") == ["m1", "m2"]
    assert strong("COLOR.RED.count > 0") == ["m1"]
    assert strong("BOXES.BUS.count > 0 AND BOXES.CAR.count < 5") == ["m3"]
    assert strong("BOXES.BUS.count > 3 OR COLOR.RED.count == 1") == ["m1"]
    assert strong("NOT (BOXES.BUS.count < 1 OR BOXES.CAR.count > 7)") == ["m3"]
    assert strong("BOXES.TRUCK.count == 0") == []
    assert strong("*.*.count > 2") == ["m1", "m2", "m3"]


@pytest.mark.parametrize("suffix", [".png", ".svg", ".html"])
def test_shapes_of_every_tool_are_drawn_however_odd(tmp_path: Path, suffix: str) -> None:
    def entry(mid: str, **shape: Any) -> dict[str, Any]:
        return {"mid": mid, "categories": [{"name": mid}], **shape}

    line = [{"x": 0.1, "y": 0.1}, {"x": 0.6, "y": 0.4}]
    ring, hole = ([{"x": x, "y": y} for x, y in ((a, a), (b, a), (b, b), (a, b))] for a, b in ((0.2, 0.8), (0.4, 0.6)))
    shapes = [
        entry("line", polyline=line, type="polyline"),
        entry("vector", polyline=line, type="vector"),
        entry("short", polyline=line[:1], type="vector"),
        entry("point", point=line[0], type="marker"),
        entry("pose", points=[{"code": "A", "point": at} for at in line], type="pose"),
        entry("holes", boundingPoly=[{"normalizedVertices": ring}, {"normalizedVertices": hole}], type="semantic"),
        entry("far", boundingPoly=[{"normalizedVertices": [{"x": 1.9, "y": -1.9}, *line]}], type="polygon"),
        entry("dot", boundingPoly=[{"normalizedVertices": line[:1]}], type="polygon"),
        entry("join", startObjects=[{"mid": "point"}], endObjects=[{"mid": "holes"}]),
        entry("nowhere", type="rectangle"),
    ]
    for resolution in ({"width": 800, "height": 600}, {"width": 1, "height": 100_000}):
        record = asset("odd", {"JOB": {"annotations": shapes}}, resolution=resolution)
        sheet = preview(archive(tmp_path / "export.zip", [record]), query="JOB.line.count > 0")
        [name] = sheet.save(tmp_path / f"sheet{suffix}")
        if suffix == ".svg":
            assert len(_groups(Path(name).read_text(encoding="utf-8"))) == 9
        assert sheet.notes == [
            "odd: 1 annotation cannot be shown: no place that can be read, or one behind the end of the text"
        ]


def test_captions_tell_the_id_and_the_counts(tmp_path: Path) -> None:
    record = asset("street.jpg", boxes(*(rectangle((0, 0, 0.1, 0.1), "CAR", f"m{n}") for n in range(3))))
    source = archive(tmp_path / "export.zip", [record])
    svg = _drawn(preview(source, ontology=ontology({"CAR": "#00ff00"})), tmp_path)
    words = [text.text for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]
    assert {"street.jpg", "Car", "3", "1 asset"} <= set(words)


# -- media ---------------------------------------------------------------------------------------------------------------


def test_images_come_from_the_export_or_from_a_folder(tmp_path: Path) -> None:
    there = asset("a.png", boxes(), content="assets/a.png")
    elsewhere = asset("b.jpg", boxes(), content="https://example.com/files/b.jpg?token=1")
    source = archive(tmp_path / "export.zip", [there, elsewhere], {"a.png": image(40, 30, "#102030")})
    folder = tmp_path / "media" / "deep"
    folder.mkdir(parents=True)
    (folder / "b.jpg").write_bytes(image(90, 30, "#ff8000", "JPEG"))
    sheet = preview(source, media=tmp_path / "media")
    sheet.save(tmp_path / "sheet.png")
    first, second = (card.panels[0] for card in sheet.cards)
    assert first.image is not None
    assert second.image is not None
    assert first.image.getpixel((5, 5)) == (16, 32, 48)
    assert second.size == (90, 30)
    assert sheet.notes == []
    html = Path(sheet.save(tmp_path / "sheet.html")[0]).read_text(encoding="utf-8")
    assert html.count("data:image/jpeg;base64,") == 2


def test_images_stand_upright_and_below_their_shapes(tmp_path: Path) -> None:
    picture = Image.new("RGB", (80, 60), "#0000ff")
    picture.paste("#ff0000", (0, 0, 80, 20))  # above
    picture.paste("#00ff00", (0, 0, 20, 20))  # and on the left
    file = io.BytesIO()
    picture.save(file, "PNG")
    source = archive(
        tmp_path / "export.zip", [asset("a.png", boxes(), content="assets/a.png")], {"a.png": file.getvalue()}
    )
    sheet = preview(source)
    sheet.save(tmp_path / "sheet.png")
    seen = Image.open(tmp_path / "sheet.png").convert("RGB")
    top = next(y for y in range(seen.height) if seen.getpixel((200, y)) == (255, 0, 0))
    assert [seen.getpixel((x, top + y)) for x, y in ((60, 30), (200, 30), (60, 200))] == [
        (0, 255, 0),
        (255, 0, 0),
        (0, 0, 255),
    ]
    [drawn] = ElementTree.fromstring(_drawn(sheet, tmp_path)).iter(f"{SVG}image")
    assert drawn.get("transform") is None
    assert [round(float(drawn.get(n, "")) / 0.75) for n in ("width", "height", "x")] == [320, 240, 20]
    assert abs(float(drawn.get("y", "")) / 0.75 - top) <= 1.5  # the outline of the canvas lies on it
    data = base64.b64decode(drawn.get("{http://www.w3.org/1999/xlink}href", "").partition(",")[2])
    red, green, _ = Image.open(io.BytesIO(data)).getpixel((10, 10))  # type: ignore[misc]
    assert green > 200 > 60 > red


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "no image that can be read"),
        (b"<html>not found</html>", "no image that can be read"),
        (image(64, 64)[:-30], "is broken"),
        (None, "is not there"),
        (image(70, 50), "70 x 50 pixels, and the annotations were made on 700 x 400"),
    ],
)
def test_images_that_are_broken_missing_or_of_another_size_are_told(
    tmp_path: Path, content: bytes | None, told: str
) -> None:
    record = asset(
        "a.png",
        boxes(rectangle((0, 0, 1, 1), "CAR", "m")),
        content="assets/a.png",
        resolution={"width": 700, "height": 400},
    )
    source = archive(tmp_path / "export.zip", [record], {} if content is None else {"a.png": content})
    sheet = preview(source)
    sheet.save(tmp_path / "sheet.png")
    assert len(sheet.notes) == 1
    assert "a.png" in sheet.notes[0]
    assert told in sheet.notes[0]


def test_an_image_that_would_fill_the_memory_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kili_query.pictures.shelf.LARGEST_IMAGE", 1000)
    source = archive(
        tmp_path / "export.zip", [asset("a.png", boxes(), content="assets/a.png")], {"a.png": image(40, 30)}
    )
    sheet = preview(source)
    sheet.save(tmp_path / "sheet.png")
    assert "40 x 30 pixels, more than are decoded" in sheet.notes[0]


def test_a_picture_made_to_explode_is_told(tmp_path: Path) -> None:
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    bomb = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
        + chunk(b"IEND", b"")
    )
    source = archive(tmp_path / "export.zip", [asset("a.png", boxes(), content="assets/a.png")], {"a.png": bomb})
    sheet = preview(source)
    sheet.save(tmp_path / "sheet.png")
    assert "a plain canvas stands for it" in sheet.notes[0]


def test_a_turned_image_is_shown_as_annotators_saw_it(tmp_path: Path) -> None:
    picture = Image.new("RGB", (80, 40), "#000000")
    picture.paste("#ff0000", (0, 0, 40, 40))  # the left half; turned clockwise it is the upper one
    file = io.BytesIO()
    picture.save(file, "PNG")
    answers = {"ROTATION_JOB": {"rotation": 90}, **boxes(rectangle((0, 0, 1, 0.5), "CAR", "m"))}
    source = archive(
        tmp_path / "export.zip", [asset("a.png", answers, content="assets/a.png")], {"a.png": file.getvalue()}
    )
    sheet = preview(source)
    sheet.save(tmp_path / "sheet.png")
    panel = sheet.cards[0].panels[0]
    assert panel.size == (40, 80)
    assert panel.image is not None
    assert panel.image.getpixel((20, 10)) == (255, 0, 0)
    assert panel.image.getpixel((20, 70)) == (0, 0, 0)


def test_names_that_lead_out_of_an_export_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(image(10, 10))
    folder = tmp_path / "export"
    (folder / "labels").mkdir(parents=True)
    for n, content in enumerate(("../secret.png", str(tmp_path / "secret.png"), "assets/../../secret.png")):
        (folder / "labels" / f"{n}.json").write_text(json.dumps(asset(f"{n}", boxes(), content=content)))
    sheet = preview(str(folder))
    sheet.save(tmp_path / "sheet.png")
    assert [card.panels[0].image for card in sheet.cards] == [None] * 3


# -- colours and letters ---------------------------------------------------------------------------------------------------


def test_colours_that_are_none_are_told(tmp_path: Path) -> None:
    named = {"A": "#12", "B": "none", "C": "teal", "D": "rgb(1,2,3)", "E": "#ABCDEF"}
    record = asset("a", boxes(*(rectangle((0, 0, 0.1, 0.1), name, name) for name in named)))
    sheet = preview(archive(tmp_path / "export.zip", [record]), ontology=ontology(dict(named)))
    svg = _drawn(sheet, tmp_path)
    assert [note.split(" is no colour")[0] for note in sheet.notes] == [
        "`#12` of BOXES.A",
        "`none` of BOXES.B",
        "`rgb(1,2,3)` of BOXES.D",
    ]
    assert "#008080" in svg
    assert "#abcdef" in svg


def test_letters_that_no_font_has_are_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kili_query.pictures.fonts._likely", lambda _: [])  # no fonts but those of matplotlib
    absent = "漢字🚢"
    record = asset(f"a{absent} $x_1$ <b>&amp;\x07\ud800.jpg", boxes(rectangle((0, 0, 0.5, 0.5), absent, "m")))
    sheet = preview(archive(tmp_path / "export.zip", [record]))
    sheet.save(tmp_path / "sheet.png")
    told = [note for note in sheet.notes if "no font here has" in note]
    assert told == ["no font here has 字 漢 🚢; □ stands for them. A font such as Noto Sans CJK or Noto Emoji would do"]
    html = Path(sheet.save(tmp_path / "sheet.html")[0]).read_text(encoding="utf-8")
    assert absent in html  # whoever reads it has them
    assert "<b>&amp;" not in html
    ElementTree.fromstring(_drawn(sheet, tmp_path))


def test_a_million_categories_become_others(tmp_path: Path) -> None:
    record = asset("a", {"TAGS": {"categories": [{"name": f"tag {n}"} for n in range(20_000)]}})
    sheet = preview(archive(tmp_path / "export.zip", [record]))
    svg = _drawn(sheet, tmp_path)
    assert re.search(r"and 19,\d{3} others", svg)
    assert re.search(r"and 19,\d{3} more", svg)
    assert len(svg) < 60_000
    assert "and 18,000 others" in Path(sheet.save(tmp_path / "sheet.html")[0]).read_text(encoding="utf-8")


# -- other kinds of assets -------------------------------------------------------------------------------------------------


def test_the_entities_of_a_text_are_marked(tmp_path: Path) -> None:
    text = "Ada Lovelace wrote to Charles Babbage in London."
    spans = [("PERSON", "Ada Lovelace"), ("PERSON", "Charles Babbage"), ("PLACE", "London")]
    entities = [
        {"mid": str(n), "categories": [{"name": name}], "beginOffset": text.index(words), "content": words}
        for n, (name, words) in enumerate(spans)
    ]
    entities.append({"mid": "x", "categories": [{"name": "PLACE"}], "beginOffset": 900, "content": "Paris"})
    record = asset("letter.txt", {"NER": {"annotations": entities}}, content="assets/letter.txt")
    source = archive(tmp_path / "export.zip", [record], {"letter.txt": text.encode()})
    sheet = preview(source, query="NER.PLACE.count > 0")
    html = Path(sheet.save(tmp_path / "sheet.html")[0]).read_text(encoding="utf-8")
    assert re.findall(r"<mark( class=strong)? [^>]*>([^<]*)</mark>", html) == [
        ("", "Ada Lovelace"), ("", "Charles Babbage"), (" class=strong", "London")
    ]  # fmt: skip
    assert sheet.notes == [
        "letter.txt: 1 annotation cannot be shown: no place that can be read, or one behind the end of the text"
    ]
    svg = _drawn(sheet, tmp_path)
    assert len(re.findall(r'id="card-0-span-\d"', svg)) == 3


def test_a_document_shows_its_pages(tmp_path: Path) -> None:
    import pypdfium2

    document = pypdfium2.PdfDocument.new()
    for _ in range(3):
        document.new_page(200, 400)
    file = io.BytesIO()
    document.save(file)
    box = rectangle((0.1, 0.1, 0.5, 0.2), "CAR", "m")
    entry = {**{k: v for k, v in box.items() if k != "boundingPoly"}, "annotations": [
        {"pageNumberArray": [page], "boundingPoly": box["boundingPoly"]} for page in (1, 3)
    ]}  # fmt: skip
    source = archive(
        tmp_path / "export.zip", [asset("d.pdf", boxes(entry), content="assets/d.pdf")], {"d.pdf": file.getvalue()}
    )
    sheet = preview(source)
    sheet.save(tmp_path / "sheet.png")
    assert [(panel.number, panel.size, len(panel.marks)) for panel in sheet.cards[0].panels] == [
        (1, (200, 400), 1),
        (3, (200, 400), 1),
    ]
    assert all(panel.image is not None for panel in sheet.cards[0].panels)
    broken = archive(
        tmp_path / "broken.zip", [asset("d.pdf", boxes(entry), content="assets/d.pdf")], {"d.pdf": b"%PDF-1.4 no"}
    )
    sheet = preview(broken)
    sheet.save(tmp_path / "sheet.png")
    assert "the document cannot be drawn" in sheet.notes[0]


def _film() -> bytes:
    av = pytest.importorskip("av", reason="films need the extra `video`")
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for n in range(6):
            for packet in stream.encode(av.VideoFrame.from_image(Image.new("RGB", (64, 48), (40 * n, 0, 0)))):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return file.getvalue()


def test_a_video_shows_the_frame_with_most_objects_or_a_strip(tmp_path: Path) -> None:
    answers = {
        str(frame): boxes(*(rectangle((0.1 * n, 0.1, 0.1 * n + 0.1, 0.3), "CAR", str(n)) for n in range(number)))
        for frame, number in enumerate((1, 2, 4, 2, 1, 9))
    }
    answers["5"] = {}
    source = archive(tmp_path / "export.zip", [asset("v.mp4", answers, content="assets/v.mp4")], {"v.mp4": _film()})
    sheet = preview(source, ontology=Ontology.from_json_interface(ontology({"CAR": None}), "VIDEO"))
    sheet.save(tmp_path / "sheet.png")
    [panel] = sheet.cards[0].panels
    assert (panel.number, panel.size, len(panel.marks)) == (2, (64, 48), 4)
    assert panel.image is not None
    assert abs(panel.image.getpixel((20, 20))[0] - 80) < 12  # type: ignore[index]
    strip = preview(source, frames=3)
    strip.save(tmp_path / "strip.png")
    assert [panel.number for panel in strip.cards[0].panels] == [0, 2, 4]


def test_a_map_has_its_shapes_around_each_other() -> None:
    sheet = parse("*.*.count > 0").preview([
        asset("map", boxes(rectangle((4.1, 52.0, 4.3, 52.2), "FIELD", "a"), rectangle((4.5, 52.3, 4.6, 52.4), "FIELD", "b")))
    ])  # fmt: skip
    [panel] = sheet.cards[0].panels
    places = [at for mark in panel.marks for ring in mark.rings for at in ring]
    assert all(0 < x < 1 and 0 < y < 1 for x, y in places)
    low, high = (max(y for ring in mark.rings for _, y in ring) for mark in panel.marks)
    assert low > high  # what lies north is above


def test_a_map_of_pixels_is_not_turned_over() -> None:
    shapes = boxes(rectangle((100, 2000, 900, 2100), "CELL", "a"), rectangle((100, 9000, 900, 9100), "CELL", "b"))
    [panel] = parse("*.*.count > 0").preview([asset("slide", shapes)]).cards[0].panels
    first, second = (max(y for ring in mark.rings for _, y in ring) for mark in panel.marks)
    assert first < second
    assert panel.note == ""


def test_datasets_of_other_formats_have_their_images(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "1.png").write_bytes(image(40, 20, "#0000ff"))
    coco = {
        "images": [{"id": 1, "file_name": "1.png", "width": 40, "height": 20}], "categories": [{"id": 1, "name": "ship"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 5, 20, 10]}],
    }  # fmt: skip
    (tmp_path / "coco.json").write_text(json.dumps(coco))
    sheet = preview(str(tmp_path))
    sheet.save(tmp_path / "sheet.png")
    [panel] = sheet.cards[0].panels
    assert panel.image is not None
    assert panel.image.getpixel((3, 3)) == (0, 0, 255)
    assert {at for ring in panel.marks[0].rings for at in ring} == {
        (0.25, 0.25),
        (0.75, 0.25),
        (0.75, 0.75),
        (0.25, 0.75),
    }


def test_canvases_share_a_box_without_lying_on_each_other() -> None:
    from kili_query.pictures.cards import Panel

    for number in range(1, 9):
        panels = [Panel((595, 842), []) for _ in range(number)]
        found = boxes_of(panels, (10, 20, 320, 240))
        for n, (x, y, w, h) in enumerate(found):
            assert x >= 10 - 1e-6
            assert y >= 20 - 1e-6
            assert x + w <= 330 + 1e-6
            assert y + h <= 260 + 1e-6
            assert all(
                x + w <= a or a + c <= x or y + h <= b or b + d <= y for a, b, c, d in found[n + 1 :]
            )  # fmt: skip


# -- many, and where they are written --------------------------------------------------------------------------------------


def test_hundreds_come_in_pages(tmp_path: Path) -> None:
    source = archive(tmp_path / "export.zip", [asset(f"{n:03}.jpg", boxes()) for n in range(100)])
    names = preview(source).save(tmp_path / "sheet.svg")
    assert [Path(name).name for name in names] == ["sheet-1.svg", "sheet-2.svg", "sheet-3.svg"]
    assert "100 assets, page 3 of 3" in Path(names[2]).read_text(encoding="utf-8")


def test_thousands_are_refused_or_sampled(tmp_path: Path) -> None:
    lines = tmp_path / "many.ndjson"
    lines.write_text("".join(json.dumps(asset(f"{n}", boxes())) + "\n" for n in range(1_001)))
    with pytest.raises(ArgumentError, match="1,001 assets match, and a sheet shows at most 1,000"):
        preview(str(lines))
    one, same, other = (preview(str(lines), sample=9, seed=seed) for seed in (1, 1, 2))
    assert [card.name for card in one.cards] == [card.name for card in same.cards]
    assert [card.name for card in one.cards] != [card.name for card in other.cards]
    assert one.remark == "a sample of 9 of 1,001 assets"
    assert preview(str(lines), limit=3).remark == "the first 3 of 1,001 assets"


def test_a_sheet_that_cannot_be_written_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = archive(tmp_path / "export.zip", [asset(f"{n:03}.jpg", boxes()) for n in range(60)])
    for n in (1, 2):
        (tmp_path / f"sheet-{n}.png").write_bytes(b"older")

    def stopped(drawing: Drawing) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(Drawing, "pixels", stopped)
    with pytest.raises(KeyboardInterrupt):
        preview(source).save(tmp_path / "sheet.png")
    assert {path.name for path in tmp_path.iterdir()} == {"export.zip", "sheet-1.png", "sheet-2.png"}
    assert (tmp_path / "sheet-1.png").read_bytes() == b"older"
    with pytest.raises(DataError, match="cannot be written"):
        preview(source).save(tmp_path / "absent" / "sheet.html")
    with pytest.raises(ArgumentError, match=r"\.html"):
        preview(source).save(tmp_path / "sheet.jpg")


def test_a_page_fetches_nothing_and_runs_nothing(tmp_path: Path) -> None:
    record = asset('"><script>alert(1)</script>', boxes(rectangle((0, 0, 1, 1), "</title><script>", "m")))
    [name] = preview(archive(tmp_path / "export.zip", [{**record, "externalId": "x"}, record][1:])).save(
        tmp_path / "s.html"
    )
    html = Path(name).read_text(encoding="utf-8")
    assert "<script" not in html
    assert not re.search(r"""(?:src|href)=["'](?!data:|#)""", html)
    assert "prefers-color-scheme:dark" in html


def test_labels_show_themselves_in_notebooks() -> None:
    from kili_query.editor.notebooks.display import list_to_html

    labels = list(read_labels(COCO))
    assert labels[0]._repr_html_().count("<figure") == 1  # type: ignore[union-attr]
    shown = list_to_html(labels)
    assert shown is not None
    assert shown.count("<figure") == len(labels) == 3
    assert list_to_html([labels[0], 1]) is None
    assert parse("OBJECT_DETECTION_JOB.person.count > 0").preview(labels)._repr_html_().count("<figure") == 2
