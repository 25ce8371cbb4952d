"""Tables of annotations: the numbers of `model.counts`, shapes that others read, and what can go wrong."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import shapely
from hypothesis import given, settings

from kili_query import ArgumentError, DataError, Ontology, to_df
from kili_query.model.counts import count_label
from kili_query.model.labels import Label, labels_of
from kili_query.offline.tables import COLUMNS, NAMES, rows_of, schema, to_batch
from tests.cli.test_cli import Run
from tests.cli.test_cli import run as run
from tests.conftest import ROOT
from tests.model.test_counts import _labels, _of_fixture
from tests.strategies import responses

COCO = ROOT / "tests/data/coco.zip"


def _rows(record: dict[str, Any], ontology: Ontology | None = None) -> list[dict[str, Any]]:
    return [dict(zip(NAMES, row, strict=True)) for row in rows_of(record, ontology)]


def _asset(response: object, **more: Any) -> dict[str, Any]:
    return {"externalId": "a", "labels": [{"jsonResponse": response}], **more}


def _assert_counts_agree(label: Label, ontology: Ontology | None) -> None:
    record = {"label": label.response} if label.by_level else {"labels": [{"jsonResponse": label.response}]}
    rows = _rows(record, ontology)
    numbers = {(row["job"], row["category"], row["object"]) for row in rows if row["object"] is not None}
    assert Counter(key[:2] for key in numbers) == count_label(label, ontology)
    areas = [(row["geometry"], row["area"]) for row in rows if row["area"] is not None]
    for geometry, area in areas:
        shape = shapely.from_geojson(geometry)
        assert not shape.is_valid or shape.area == pytest.approx(area)


def test_real_labels_have_the_counts_and_areas_that_others_give(shared: Path) -> None:
    for file in json.loads((shared / "expected-counts.json").read_bytes()):
        ontology = _of_fixture(shared, file)
        for label in _labels(shared / file):
            if label.problem is None:
                _assert_counts_agree(label, ontology)


@given(responses())
def test_any_response_has_its_counts(response: dict[str, Any]) -> None:
    rows = _rows(_asset(response))
    numbers = {(row["job"], row["category"], row["object"]) for row in rows if row["object"] is not None}
    assert Counter(key[:2] for key in numbers) == count_label(Label(response), None)
    assert to_batch(list(rows_of(_asset(response)))).num_rows == len(rows)


SQUARE = [{"x": x, "y": y} for x, y in ((0.1, 0.2), (0.5, 0.2), (0.5, 0.4), (0.1, 0.4))]
HOLE = [{"x": x, "y": y} for x, y in ((0.2, 0.25), (0.3, 0.25), (0.3, 0.35), (0.2, 0.35))]


def _box(**more: Any) -> dict[str, Any]:
    rings = [{"normalizedVertices": SQUARE}, {"normalizedVertices": HOLE}]
    return {"mid": "m", "categories": [{"name": "C"}], "type": "semantic", "boundingPoly": rings, **more}


def test_shapes_in_fractions_and_pixels() -> None:
    [row] = _rows(_asset({"J": {"annotations": [_box()]}}, resolution={"width": 200, "height": 100}))
    assert [row[name] for name in ("x_min", "y_min", "x_max", "y_max")] == [0.1, 0.2, 0.5, 0.4]
    assert [row[name] for name in ("x_min_px", "y_min_px", "x_max_px", "y_max_px")] == [20, 20, 100, 40]
    assert (row["area"], row["area_px"]) == (pytest.approx(0.08 - 0.01), pytest.approx(0.07 * 200 * 100))
    assert shapely.from_geojson(row["geometry"]).area == pytest.approx(0.07)


def test_shapes_of_a_turned_image_are_those_of_the_image_as_stored() -> None:
    response = {"J": {"annotations": [_box()]}, "ROTATION_JOB": {"rotation": 90}}
    [row] = _rows(_asset(response, resolution={"width": 100, "height": 200}))
    edges = [row[name] for name in ("x_min", "y_min", "x_max", "y_max")]
    assert edges == pytest.approx([0.2, 0.5, 0.4, 0.9])
    assert row["area_px"] == pytest.approx(0.07 * 100 * 200)


def test_maps_have_places_in_degrees_and_no_area() -> None:
    interface = {
        "jobs": {"J": {"mlTask": "OBJECT_DETECTION", "tools": ["polygon"], "content": {"categories": {"C": {}}}}}
    }
    ontology = Ontology.from_json_interface(interface, "GEOSPATIAL")
    [row] = _rows(_asset({"J": {"annotations": [_box()]}}, resolution={"width": 9, "height": 9}), ontology)
    assert (row["x_max"], row["area"], row["x_max_px"], row["width"]) == (0.5, None, None, None)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"categories": [{"name": "A", "confidence": 90}, {"name": "B"}]}, {"kind": "classification", "confidence": 90}),
        ({"text": "words"}, {"kind": "transcription", "text": "words", "object": None}),
        ({"annotations": [{"point": {"x": 0.5, "y": 0.25}, "categories": [{"name": "P"}]}]},
         {"tool": "marker", "x_min": 0.5, "y_max": 0.25, "area": None, "geometry": '{"type":"Point","coordinates":[0.5,0.25]}'}),
        ({"annotations": [{"beginOffset": 2, "content": "abc", "categories": [{"name": "E"}]}]},
         {"kind": "entity", "begin": 2, "end": 5, "text": "abc", "geometry": None}),
        ({"annotations": [{"startObjects": [{"mid": "1"}], "endObjects": [{"mid": "2"}], "categories": [{"name": "R"}]}]},
         {"kind": "relation", "relation": '{"start": ["1"], "end": ["2"]}', "geometry": None}),
    ],
    ids=["classification", "transcription", "marker", "entity", "relation"],
)  # fmt: skip
def test_each_kind(answer: dict[str, Any], expected: dict[str, Any]) -> None:
    rows = _rows(_asset({"J": answer}))
    assert len(rows) == max(1, len(answer.get("categories", [])))
    assert {name: rows[0][name] for name in expected} == expected


def test_an_object_of_a_video_has_one_number_in_all_frames() -> None:
    frames = {str(n): {"J": {"annotations": [_box(isKeyFrame=n == 0)]}} for n in range(3)}
    rows = _rows(_asset(frames))
    assert [(row["frame"], row["object"], row["is_key_frame"]) for row in rows] == [
        (0, 1, True),
        (1, 1, False),
        (2, 1, False),
    ]


def test_who_when_and_which() -> None:
    label = {
        "id": "l1",
        "labelType": "REVIEW",
        "author": {"email": "a@b.c", "id": "u"},
        "createdAt": "2026-01-02T03:04:05.678Z",
    }
    [row] = _rows({"externalId": 7, "id": "i", "latestLabel": {**label, "jsonResponse": {"J": {"text": "x"}}}})
    assert [row[name] for name in NAMES[:6]] == ["7", "i", "latestLabel", "l1", "REVIEW", "a@b.c"]
    assert row["created_at"].isoformat() == "2026-01-02T03:04:05.678000+00:00"
    odd = {"author": ["?"], "createdAt": "yesterday", "jsonResponse": {"J": {"text": "x"}}}
    [row] = _rows({"labels": [odd], "resolution": {"width": float("inf"), "height": -1}})
    assert (row["author"], row["created_at"], row["width"]) == (None, None, None)


def test_the_page_lists_the_columns() -> None:
    page = (ROOT / "docs/tables.md").read_text("utf-8")
    rows = "".join(f"| `{column.name}` | {column.type} | {column.about} |\n" for column in COLUMNS)
    assert rows in page


# -- libraries and files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["pandas", "polars", "pyarrow"])
def test_each_library_gives_the_same_cells(backend: Any) -> None:
    pytest.importorskip(backend)
    table = to_df(COCO, backend=backend)
    cells = table["category"].to_pylist() if backend == "pyarrow" else table["category"].to_list()
    expected = [dict(zip(NAMES, row, strict=True))["category"] for row in _all_rows()]
    assert cells == expected
    assert list(table.column_names if backend == "pyarrow" else table.columns) == list(NAMES)


def _all_rows() -> list[tuple[Any, ...]]:
    import zipfile

    with zipfile.ZipFile(COCO) as archive:
        names = [name for name in archive.namelist() if name.endswith(".json")]
        records = [json.loads(archive.read(name)) for name in names]
    listed = [record for value in records for record in (value if isinstance(value, list) else [value])]
    return [row for record in listed for row in rows_of(record)]


def test_a_query_chooses_labels(tmp_path: Path) -> None:
    labels = [{"jsonResponse": {"J": {"categories": [{"name": name}]}}} for name in "AB"]
    (tmp_path / "x.json").write_text(json.dumps([{"externalId": "a", "labels": labels}]))
    table = to_df(tmp_path / "x.json", query="J.A.count == 1")
    assert table["category"].to_list() == ["A"]


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    good, bad = _asset({"J": {"text": "x"}}), _asset("{")
    (tmp_path / "x.ndjson").write_text("\n".join(map(json.dumps, (good, bad, good))))
    problems: list[DataError] = []
    assert len(to_df(tmp_path / "x.ndjson", on_problem=problems.append)) == 2
    assert ["x.ndjson: line 2: a, labels[0]: `jsonResponse` is text" in str(problem) for problem in problems] == [True]
    with pytest.raises(DataError, match=r"x\.ndjson: line 2"):
        to_df(tmp_path / "x.ndjson")


def test_halves_of_surrogate_pairs_are_replaced() -> None:
    record = {"externalId": "a\ud83d", "labels": [{"jsonResponse": {"J": {"text": None}, "K": {"text": "x"}}}]}
    batch = to_batch(list(rows_of(record)))
    assert batch.column("external_id").to_pylist() == ["a\ufffd"]


def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, extra in (("pyarrow", "tables"), ("polars", "polars"), ("pandas", "pandas")):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, name, None)
            with pytest.raises(ArgumentError, match=f"needs {name}: `pip install .*{extra}"):
                to_df(COCO, backend="polars" if name == "polars" else "pandas")
    with pytest.raises(ArgumentError, match="not 'excel'"):
        to_df(COCO, backend="excel")  # type: ignore[arg-type]


def test_filter_writes_parquet(run: Run, tmp_path: Path) -> None:
    labels = [{"jsonResponse": {"J": {"categories": [{"name": name}]}}} for name in "AB"]
    bad = {"jsonResponse": "{"}
    values = [{"externalId": "a", "labels": [*labels, bad]}, {"externalId": "b", "labels": [{"jsonResponse": {}}]}]
    source, out = tmp_path / "x.json", tmp_path / "x.parquet"
    source.write_text(json.dumps(values))
    ended = run("filter", source, "J.A.count == 1 OR J.B.count == 0", "-o", out)
    assert (ended.code, ended.out) == (3, "")
    assert "1 without annotations: no row in the table" in ended.err
    table = pq.read_table(out)
    assert (table.schema, table["category"].to_pylist()) == (schema(), ["A", "B"])
    assert run("filter", source, "J.A.count == 1", "--labels", "-o", out).code == 3
    assert pq.read_table(out)["category"].to_pylist() == ["A"]
    assert run("filter", source, "J.A.count == 7", "-o", out).code == 3
    assert pq.read_table(out).num_rows == 0
    refused = run("filter", source, "J.A.count == 1", "--format", "parquet")
    assert (refused.code, "parquet is written to a file" in refused.err) == (2, True)


@settings(max_examples=5)
@given(responses())
def test_row_groups_are_whole(response: dict[str, Any]) -> None:
    import io

    from kili_query.formats.kili import Place
    from kili_query.offline import tables
    from kili_query.offline.select import Hit
    from kili_query.offline.write import Order

    file = io.BytesIO()
    writer = tables.ParquetWriter(file, Order())
    data = json.dumps(_asset(response)).encode()
    expected = list(rows_of(_asset(response)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "ROW_GROUP", 2)
        for _ in range(3):
            writer.write(Hit(data, Place("x"), "a", None, None))
        writer.close()
    assert pq.read_table(file).num_rows == 3 * len(expected)
    assert writer.without_rows == (0 if expected else 3)
    assert list(labels_of(_asset(response)))
