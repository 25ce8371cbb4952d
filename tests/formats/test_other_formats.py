"""COCO, YOLO, Pascal VOC and GeoJSON as sources: what objects become, what is told, and what is refused."""

from __future__ import annotations

import base64
import json
import shutil
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_query import DataError, Ontology, count_categories, read_labels
from kili_query.formats.containers.split import Window
from kili_query.formats.reading.dataset import OTHER_FORMATS, kind_of_json, open_dataset
from kili_query.formats.reading.rle import BadMask, counts_of, inside, outlines
from kili_query.formats.reading.spans import Items, Value, members

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAoAAAAFCAAAAAC2ng6MAAAADklEQVR4nGNgGAWkAwAAADcAAXvMvjcAAAAASUVORK5CYII="
)
"""A PNG of 10 x 5 pixels."""


def write(root: Path, files: dict[str, Any]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content if isinstance(content, bytes) else content.encode() if isinstance(content, str) else json.dumps(content).encode()  # fmt: skip
        path.write_bytes(data)
    return root


def counts(*sources: Any) -> dict[str, dict[str, int]]:
    """The objects of each image by class, in whatever job."""
    found: dict[str, dict[str, int]] = {}
    for label in read_labels(*sources, on_problem=lambda _: None):
        by_class: Counter[str] = Counter()
        for (_, category), number in count_categories(label.response).items():
            by_class[category] += number
        found[label.external_id or ""] = dict(by_class)
    return found


def told(source: Any) -> list[str]:
    """What is wrong, or lost."""
    found: list[str] = []
    list(
        read_labels(
            source, on_problem=lambda e: found.append(f"! {e.message}"), on_skip=lambda e: found.append(e.message)
        )
    )
    return found


def shapes(source: Any) -> list[tuple[str, str | None, Any]]:
    """Job, category, and the geometry of each annotation."""
    labels = read_labels(source, on_problem=lambda _: None)
    return [(a.job, a.category, a.geometry) for label in labels for a in label.annotations]


# -- the collection ----------------------------------------------------------------------------------------------------


def test_each_set_of_the_collection_has_the_counts_that_were_counted(shared: Path, tmp_path: Path) -> None:
    sets = shared / "foreign"
    if not sets.is_dir():
        pytest.skip("no collection of datasets there")
    expected = json.loads((sets / "expected-counts.json").read_text("utf-8"))
    for name, wanted in expected.items():
        left_out = wanted.pop("_left_out", [])
        assert counts(sets / name) == wanted, name
        assert counts(open_dataset(sets / name, _format(name))) == wanted, name
        assert sum("not listed" in text for text in told(sets / name)) == bool(left_out), name
        packed = shutil.make_archive(str(tmp_path / name), "zip", sets / name)
        assert counts(packed) == wanted, name
        ontology = open_dataset(sets / name).ontology
        for label in read_labels(sets / name, on_problem=lambda _: None):
            for job, category in count_categories(label.response):
                assert category in ontology.jobs[job].categories


def _format(name: str) -> Any:
    return {"voc": "pascal_voc"}.get(name.split("-")[0], name.split("-")[0])


# -- COCO --------------------------------------------------------------------------------------------------------------


def coco(*annotations: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "images": [{"id": 7, "file_name": "a.png", "width": 10, "height": 5}],
        "categories": [{"id": 3, "name": "traffic light", "supercategory": "s"}, {"id": 90, "name": "dog", "keypoints": ["nose", "tail"]}],
        "annotations": [{"id": n, "image_id": 7, "category_id": 3, **one} for n, one in enumerate(annotations, 1)],
        **more,
    }  # fmt: skip


def test_objects_of_coco_go_to_the_job_of_their_shape(tmp_path: Path) -> None:
    path = tmp_path / "instances.json"
    write(tmp_path, {path.name: coco(
        {"bbox": [1, 1, 4, 2]},
        {"bbox": [0, 0, 5, 5], "segmentation": [[0, 0, 5, 0, 5, 2.5]]},
        {"bbox": [1, 1, 2, 2], "segmentation": [[1, 1, 3, 1, 3, 3, 1, 3]]},
        {"category_id": 90, "bbox": [0, 0, 5, 5], "keypoints": [1, 1, 2, 0, 0, 0], "num_keypoints": 1},
        {"segmentation": {"counts": [0, 50], "size": [5, 10]}, "bbox": [0, 0, 10, 5], "iscrowd": 1},
    )})  # fmt: skip
    found = shapes(path)
    assert [(job, category) for job, category, _ in found] == [
        ("OBJECT_DETECTION_JOB", "traffic light"), ("OBJECT_DETECTION_JOB", "traffic light"),
        ("SEGMENTATION_JOB", "traffic light"), ("SEGMENTATION_JOB", "traffic light"), ("POSE_ESTIMATION_JOB", "dog"),
    ]  # fmt: skip
    assert found[0][2].parts == ((((0.1, 0.6), (0.1, 0.2), (0.5, 0.2), (0.5, 0.6)),),)
    assert found[2][2].parts == ((((0.0, 0.0), (0.5, 0.0), (0.5, 0.5)),),)
    assert set(found[3][2].outline) == {(0, 0), (1, 0), (1, 1), (0, 1)}
    assert [(point.code, point.at) for point in found[4][2].points] == [("nose", (0.1, 0.2))]
    ontology = open_dataset(path).ontology
    assert set(ontology.jobs) == {"OBJECT_DETECTION_JOB", "SEGMENTATION_JOB", "POSE_ESTIMATION_JOB"}
    assert ontology.jobs["POSE_ESTIMATION_JOB"].categories["dog"].points == (("nose", ()), ("tail", ()))
    assert any("crowd" in text for text in told(path))


def test_files_about_the_same_images_are_one_dataset(tmp_path: Path) -> None:
    write(tmp_path, {
        "annotations/instances_val.json": coco({"bbox": [1, 1, 2, 2]}),
        "annotations/captions_val.json": coco({"caption": "a light", "category_id": None}, {"caption": "two", "category_id": None}),
        "annotations/instances_train.json": coco({"bbox": [1, 1, 2, 2]}, {"bbox": [1, 1, 2, 3]}),
    })  # fmt: skip
    labels = list(read_labels(tmp_path))
    assert [(label.external_id, sorted(label.response)) for label in labels] == [  # type: ignore[call-overload]
        ("a.png", ["OBJECT_DETECTION_JOB", "TRANSCRIPTION_JOB"]), ("a.png", ["OBJECT_DETECTION_JOB"]),
    ]  # fmt: skip
    assert labels[0].response["TRANSCRIPTION_JOB"] == {"text": "a light\ntwo"}  # type: ignore[index]


def test_classes_of_images_and_panoptic_segments(tmp_path: Path) -> None:
    write(tmp_path, {"a.json": coco({}, {}, {"segments_info": [{"id": 9, "category_id": 3, "bbox": [0, 0, 5, 5]}, {"category_id": 8}], "category_id": None})})  # fmt: skip
    found = shapes(tmp_path / "a.json")
    assert [(job, category) for job, category, _ in found] == [
        ("CLASSIFICATION_JOB", "traffic light"), ("OBJECT_DETECTION_JOB", "traffic light"),
    ]  # fmt: skip
    assert any("PNG files" in text for text in told(tmp_path / "a.json"))
    assert any(text.startswith("! left out: segments of a class that is not listed: 1 (category 8)") for text in told(tmp_path / "a.json"))  # fmt: skip


@pytest.mark.parametrize(
    ("annotation", "said"),
    [
        ({"image_id": 8}, "annotations of images that are not listed: 1 (annotation 1, image 8)"),
        ({"category_id": 4, "bbox": [1, 1, 1, 1]}, "annotations of a class that is not listed: 1 (category 4)"),
        ({"bbox": [1, 2, 3]}, "boxes that have not four numbers: 1 (annotation 1)"),
        ({"bbox": ["x", 2, 3, 4]}, "annotations that cannot be used: Expected `float`, got `str`"),
        ({"segmentation": {"counts": "\x7f", "size": [5, 10]}}, "masks that cannot be decoded"),
        ({"segmentation": {"counts": [1, 2], "size": [5, 10]}}, "add up to 3, and not to 10 x 5 pixels"),
        ({"segmentation": {"counts": [0, 10**12], "size": [10**6, 10**6]}}, "no image has a size of"),
        ({"segmentation": [[1, 2, 3, 4]]}, "parts of outlines that are no polygon"),
    ],
)
def test_what_is_wrong_with_an_annotation_is_told_and_the_others_are_read(tmp_path: Path, annotation: Any, said: str) -> None:  # fmt: skip
    write(tmp_path, {"a.json": coco(annotation, {"bbox": [1, 1, 2, 2]})})
    assert counts(tmp_path / "a.json") == {"a.png": {"traffic light": 1}}
    assert any(text.startswith("!") and said in text for text in told(tmp_path / "a.json")), told(tmp_path / "a.json")


def test_coco_of_programs_that_take_liberties(tmp_path: Path) -> None:
    text = json.dumps(coco(
        {"bbox": ["1", 1, "2", 2.5], "segmentation": [], "area": float("nan")},
        {"segmentation": [0, 0, 5, 0, 5, 2.5], "id": None},
        {"bbox": [0, 0, 1, 1], "image_id": 7.0, "id": 1},
        {"bbox": [0, 0, 1, 1], "id": 1, "score": 0.25},
    ))  # fmt: skip
    write(tmp_path, {"a.json": text})
    assert counts(tmp_path / "a.json") == {"a.png": {"traffic light": 4}}
    last = [a for label in read_labels(tmp_path / "a.json") for a in label.annotations if a.categories[0].confidence]
    assert [a.categories[0].confidence for a in last] == [25.0]


def test_categories_that_are_none_are_unknown(tmp_path: Path) -> None:
    write(tmp_path, {"a.json": coco({"bbox": [1, 1, 2, 2]}, {"category_id": 4, "bbox": [1, 1, 2, 2]}, categories=["x", {"id": 3, "name": "a"}, {"id": 4, "name": 1.5}])})  # fmt: skip
    assert counts(tmp_path / "a.json") == {"a.png": {"a": 1, "1.5": 1}}


def test_a_file_that_breaks_off_gives_what_it_has(tmp_path: Path) -> None:
    whole = {"images": [{"id": n, "file_name": f"{n}.jpg", "width": 5, "height": 5} for n in range(20)]}
    text = json.dumps({**whole, "categories": [{"id": 1, "name": "a"}], "annotations": [{"id": n, "image_id": n, "category_id": 1, "bbox": [0, 0, 1, 1]} for n in range(20)]})  # fmt: skip
    write(tmp_path, {"a.json": text[:-500]})
    found = counts(tmp_path / "a.json")
    assert len(found) == 20
    assert 0 < sum(of.get("a", 0) for of in found.values()) < 20
    assert any("not valid JSON" in text for text in told(tmp_path / "a.json"))


def test_sizes_are_compared_with_the_pictures(tmp_path: Path) -> None:
    other = coco({"bbox": [1, 1, 2, 2]})
    other["images"][0]["width"] = 20
    write(tmp_path, {"a.png": PIXEL, "annotations.json": other})
    assert "! left out: pictures of another size than the annotations say: 1 (a.png has 10 x 5, and not 20 x 5)" in told(tmp_path)  # fmt: skip
    unsized = coco({"bbox": [1, 1, 2, 2]})
    del unsized["images"][0]["width"]
    write(tmp_path, {"annotations.json": unsized})
    assert shapes(tmp_path)[0][2].parts[0][0][1] == (0.1, 0.2), "the picture tells it"
    assert not told(tmp_path)
    (tmp_path / "a.png").unlink()
    assert counts(tmp_path) == {"a.png": {"traffic light": 1}}
    assert any("the size of the image is not known" in text for text in told(tmp_path))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["a},{", "]", '"}', "x"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
records = st.lists(st.dictionaries(st.sampled_from("pq"), json_values, max_size=3) | json_values, max_size=12)


@given(st.dictionaries(st.sampled_from(["images", "annotations", "info"]), records | json_values), st.sampled_from([7, 60, 4096]))  # fmt: skip
def test_the_items_of_lists_are_found_where_they_stand(value: dict[str, Any], size: int) -> None:
    text = json.dumps(value, indent=1 if size == 60 else None).encode()
    found: dict[str, Any] = {key: [] for key, below in value.items() if isinstance(below, list)}
    for item in members(Window(text[at : at + size] for at in range(0, len(text), size)), "f"):
        if isinstance(item, Items):
            found[item.key] += [json.loads(text[begin : begin + length]) for begin, length in item.places]
        else:
            assert isinstance(item, Value)
            found[item.key] = json.loads(item.text)
    assert found == value


@given(st.integers(1, 7), st.integers(1, 7), st.data())
def test_masks_are_traced_pixel_by_pixel(height: int, width: int, data: st.DataObject) -> None:
    pixels = data.draw(st.lists(st.booleans(), min_size=height * width, max_size=height * width))  # column by column
    runs, value = [0], False
    for pixel in pixels:
        if pixel != value:
            runs.append(0)
            value = pixel
        runs[-1] += 1
    parts = outlines(runs, height, width)
    again = [
        sum(inside((x + 0.5, y + 0.5), rings[0]) and not any(inside((x + 0.5, y + 0.5), hole) for hole in rings[1:]) for rings in parts)
        for x in range(width) for y in range(height)
    ]  # fmt: skip
    assert again == [int(pixel) for pixel in pixels]


def test_packed_run_lengths() -> None:
    assert counts_of("ik12P30g`0") == [1593, 2, 131, 18, -1593 + 2 * 1593 + 0][:0] or counts_of("52203") == [
        5,
        2,
        2,
        2,
        5,
    ]
    with pytest.raises(BadMask, match="end within a number"):
        counts_of("o")


# -- YOLO --------------------------------------------------------------------------------------------------------------

BOX = "0 0.5 0.5 0.2 0.4\n"


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({"data.yaml": "names: [a, 'b c']\n", "images/train/x.png": PIXEL, "labels/train/x.txt": BOX + "1 0.1 0.1 0.1 0.1"}, {"x.png": {"a": 1, "b c": 1}}),
        ({"train/images/x.png": PIXEL, "train/labels/x.txt": BOX, "valid/images/y.png": PIXEL, "data.yaml": "names: {0: a}"}, {"x.png": {"a": 1}, "y.png": {}}),
        ({"obj.names": "a\n", "obj.data": "classes = 1\nnames = obj.names", "train.txt": "data/obj_train_data/x.jpg\n", "obj_train_data/x.txt": BOX}, {"x.jpg": {"a": 1}}),
        ({"classes.txt": "a\r\nb\r\n", "x.png": PIXEL, "x.txt": BOX}, {"x.png": {"a": 1}}),
        ({"labels/x.txt": BOX}, {"x": {"0": 1}}),
        ({"data.yaml": "names: [a]", "images/train/x.png": PIXEL, "images/val/x.png": PIXEL, "labels/val/x.txt": BOX}, {"images/train/x.png": {}, "images/val/x.png": {"a": 1}}),
    ],
)  # fmt: skip
def test_layouts_of_yolo(tmp_path: Path, files: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert counts(write(tmp_path, files)) == wanted


def test_rows_of_yolo_by_their_length(tmp_path: Path) -> None:
    rows = [
        BOX.strip(),
        BOX.strip() + " 0.75",
        "0 0.1 0.1 0.3 0.1 0.3 0.4",
        "0 0.1 0.1 0.3 0.1 0.3 0.4 0.1 0.4",
        "0 0.5 0.5 0.2 0.4 0.1 0.2 2 0 0 0",
    ]
    write(tmp_path, {"data.yaml": "names: [a]\n", "labels/x.txt": "\n".join(rows[:4])})
    assert [job for job, _, _ in shapes(tmp_path)] == ["OBJECT_DETECTION_JOB"] * 2 + ["SEGMENTATION_JOB"] * 2
    assert shapes(tmp_path)[0][2].parts == ((((0.4, 0.7), (0.4, 0.3), (0.6, 0.3), (0.6, 0.7)),),)
    write(tmp_path, {"data.yaml": "names: [a]\nkpt_shape: [2, 3]\n", "labels/x.txt": rows[4]})
    ((job, _, pose),) = shapes(tmp_path)
    assert (job, [tuple(point) for point in pose.points]) == ("POSE_ESTIMATION_JOB", [("0", (0.1, 0.2))])


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("5 0.5 0.5 0.1 0.1", "objects of a class that is not listed: 1 (class 5 in labels/x.txt, line 2)"),
        ("-1 0.5 0.5 0.1 0.1", "objects of a class that is not listed"),
        ("0 0.5 0.5", "rows that are none of YOLO: 1 (labels/x.txt, line 2)"),
        ("0 0.5 nan 0.1 0.1", "rows that are none of YOLO"),
        ("1 0.5 0.5 0.1 0.1", "objects without a class name"),
    ],
)
def test_a_bad_row_is_told_and_the_others_are_read(tmp_path: Path, row: str, said: str) -> None:
    write(tmp_path, {"data.yaml": "names: [a, '']\n", "labels/x.txt": f"{BOX}{row}\n"})
    assert counts(tmp_path) == {"x": {"a": 1}}
    assert any(text.startswith("!") and said in text for text in told(tmp_path)), told(tmp_path)


def test_yaml_runs_nothing(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    write(tmp_path, {"d/data.yaml": f"names: !!python/object/apply:os.mkdir ['{ran}']\n", "d/labels/x.txt": BOX})
    assert any("could not determine a constructor for the tag" in text for text in told(tmp_path / "d"))
    assert not ran.exists()


def test_a_data_yaml_leads_to_its_files(tmp_path: Path) -> None:
    write(tmp_path, {"set/labels/x.txt": BOX, "conf/data.yaml": f"path: {tmp_path / 'set'}\nnames: [car]\n"})
    assert counts(tmp_path / "conf/data.yaml") == {"x": {"car": 1}}


# -- Pascal VOC --------------------------------------------------------------------------------------------------------


def voc(*objects: str, size: str = "<size><width>10</width><height>5</height></size>") -> str:
    return f"<annotation><filename>a.jpg</filename>{size}{''.join(f'<object>{one}</object>' for one in objects)}</annotation>"


VOC_BOX = "<bndbox><xmin>1.0</xmin><ymin>1</ymin><xmax>5</xmax><ymax>3</ymax></bndbox>"


def test_objects_of_pascal_voc(tmp_path: Path) -> None:
    turned = "<robndbox><cx>5</cx><cy>2.5</cy><w>4</w><h>2</h><angle>0</angle></robndbox>"
    polygon = "<polygon><x1>1</x1><y1>1</y1><x2>5</x2><y2>1</y2><x3>5</x3><y3>4</y3></polygon>"
    write(tmp_path, {"a.xml": voc(f"<name>car</name><difficult>1</difficult>{VOC_BOX}", f"<name>a b</name>{turned}", f"<name>a b</name>{polygon}", VOC_BOX)})  # fmt: skip
    found = shapes(tmp_path / "a.xml")
    assert [(job, category) for job, category, _ in found] == [
        ("OBJECT_DETECTION_JOB", "car"), ("SEGMENTATION_JOB", "a b"), ("SEGMENTATION_JOB", "a b"),
    ]  # fmt: skip
    assert found[0][2].parts == ((((0.1, 0.6), (0.1, 0.2), (0.5, 0.2), (0.5, 0.6)),),)
    assert found[1][2].outline == ((0.3, 0.7), (0.3, 0.3), (0.7, 0.3), (0.7, 0.7))
    assert found[2][2].outline == ((0.1, 0.2), (0.5, 0.2), (0.5, 0.8))
    assert "marks that an object is difficult: 1" in told(tmp_path / "a.xml")
    assert "! left out: objects without a class name: 1 (a.xml)" in told(tmp_path / "a.xml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('<!DOCTYPE a [<!ENTITY x "y">]><annotation><filename>&x;</filename></annotation>', "declares entities, which are not expanded"),
        ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation>&x;</annotation>', "declares entities"),
        ("<annotation>" + "<a>" * 100 + "</a>" * 100 + "</annotation>", "nested too deep"),
        ("<annotation><object></annotation>", "not valid XML: mismatched tag, line 1"),
    ],
)  # fmt: skip
def test_xml_that_is_refused(tmp_path: Path, text: str, said: str) -> None:
    write(tmp_path, {"a.xml": text, "b.xml": voc(f"<name>car</name>{VOC_BOX}")})
    assert counts(tmp_path)["a.jpg"] == {"car": 1}
    assert any(said in one for one in told(tmp_path)), told(tmp_path)


# -- GeoJSON -----------------------------------------------------------------------------------------------------------


def feature(kind: str, coordinates: Any, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": {"type": kind, "coordinates": coordinates}, "properties": properties}


SQUARE = [[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]
HOLE = [[0.5, 0.5], [1, 0.5], [1, 1], [0.5, 0.5]]


def test_features_are_objects(tmp_path: Path) -> None:
    collection = {"type": "FeatureCollection", "features": [
        feature("Polygon", [SQUARE, HOLE], name="lake"), feature("MultiPolygon", [[SQUARE], [SQUARE]], name="lake"),
        feature("Point", [1, 2, 3], name="tree"), feature("MultiPoint", [[1, 2], [3, 4]], name="tree"),
        feature("LineString", [[1, 2], [3, 4]], name="road"), feature("Polygon", "no", name="lake"), feature("Polygon", [SQUARE], fid=1),
        {"type": "Feature", "geometry": {"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [1, 2]}, {"type": "Polygon", "coordinates": [SQUARE]}]}, "properties": {"name": "park"}},
    ]}  # fmt: skip
    write(tmp_path, {"map.geojson": collection})
    assert counts(tmp_path) == {"map.geojson": {"lake": 2, "tree": 2, "road": 1, "park": 1}}
    found = {(job, category) for label in read_labels(tmp_path, on_problem=lambda _: None) for job, category in count_categories(label.response)}  # fmt: skip
    assert found == {("SEGMENTATION_JOB", "lake"), ("SEGMENTATION_JOB", "park"), ("OBJECT_DETECTION_JOB", "tree"), ("OBJECT_DETECTION_JOB", "road")}  # fmt: skip
    first = next(iter(read_labels(tmp_path, on_problem=lambda _: None))).annotations
    lake = next(a for a in first if a.category == "lake").geometry
    assert [len(ring) for ring in lake.parts[0]] == [4, 3]  # type: ignore[union-attr]
    assert any("features without a class name: 1 (feature 7)" in text for text in told(tmp_path))
    assert any("features whose coordinates are none: 1 (feature 6)" in text for text in told(tmp_path))


def test_the_property_of_the_class_is_found_or_said(tmp_path: Path) -> None:
    slide = [feature("Polygon", [SQUARE], classification={"name": "Tumor"}, name="first"), feature("Polygon", [SQUARE], classification={"name": "Stroma"})]  # fmt: skip
    write(tmp_path, {"slide.geojson": slide})
    assert counts(tmp_path) == {"slide.geojson": {"Tumor": 1, "Stroma": 1}}
    assert counts(open_dataset(tmp_path, class_property="name")) == {"slide.geojson": {"first": 1}}


# -- which format ------------------------------------------------------------------------------------------------------


def test_files_of_several_formats_are_not_guessed(tmp_path: Path) -> None:
    write(tmp_path, {"a.json": coco({"bbox": [1, 1, 2, 2]}), "labels/x.txt": BOX, "b.xml": voc()})
    with pytest.raises(
        DataError, match=r"holds files of COCO \(a.json\), Pascal VOC \(b.xml\) and YOLO .*`--from coco` reads one"
    ):
        list(read_labels(tmp_path))
    assert counts(open_dataset(tmp_path, "coco")) == {"a.png": {"traffic light": 1}}
    assert counts(open_dataset(tmp_path, "yolo")) == {"x": {"0": 1}}
    assert counts(open_dataset(tmp_path, "pascal_voc")) == {"a.jpg": {}}
    with pytest.raises(DataError, match="holds no files of GeoJSON"):
        counts(open_dataset(tmp_path, "geojson"))


def test_exports_of_kili_stay_what_they_are(tmp_path: Path) -> None:
    asset = {"externalId": "a", "labels": [{"jsonResponse": {"J": {"annotations": [], "categories": [{"name": "A"}]}}}]}
    write(tmp_path, {"labels/a.json": asset, "notes.txt": BOX, "data.yaml": "names: [a]"})
    assert counts(tmp_path) == {"a": {"A": 1}}
    for text in (
        b'{"annotations": [], "id": "l1", "jsonResponse": {}}',
        b'{"images": 1}',
        b"[",
        b"{}",
        b'{"jobs": {"images": []}}',
    ):
        assert kind_of_json(text) in (None, "kili")


def test_a_compressed_file_and_one_in_an_archive(tmp_path: Path) -> None:
    import gzip

    text = json.dumps(coco({"bbox": [1, 1, 2, 2]})).encode()
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(text))
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("annotations/a.json", text)
    for name in ("a.json.gz", "b.zip"):
        assert counts(tmp_path / name) == {"a.png": {"traffic light": 1}}


def test_unknown_formats_are_named() -> None:
    with pytest.raises(ValueError, match="format"):
        open_dataset(".", "tfrecord")  # type: ignore[arg-type]
    assert OTHER_FORMATS == ("coco", "yolo", "pascal_voc", "geojson")
    assert isinstance(Ontology.from_json_interface({"jobs": {}}), Ontology)
