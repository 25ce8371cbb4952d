"""Annotations as flat records: each form of json-formats 2, and the same numbers and objects as `model.counts`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from kili_query import Annotation, DataError, Label, Ontology, count_categories, read_annotations, read_labels
from kili_query.model.annotations import Choice, annotations_of, annotations_of_label, count, rotation_of
from kili_query.model.counts import Step, count_label, find_objects_of
from kili_query.model.geometry import Line, PageRing, Pages, Point, Polygons, Pose, PosePoint, Relation, TextSpan
from tests.conftest import ROOT
from tests.model.test_counts import EXAMPLES, _labels, _of_fixture
from tests.strategies import json_interfaces, level_labels, responses

BY_ID = {example["id"]: example for example in EXAMPLES}


def _of(example: str) -> list[Annotation]:
    """The annotations of an example of the definition, with its ontology."""
    found = BY_ID[example]
    ontology = Ontology.from_json_interface(found["jsonInterface"], found["inputType"])
    return list(annotations_of_label(Label(found["value"], by_level=found["kind"] == "llmLabel"), ontology))


# -- the numbers and the objects of `model.counts` ---------------------------------------------------------------------


def _assert_counts_agree(label: Label, ontology: Ontology | None) -> None:
    expected = find_objects_of(label, ontology)
    found: dict[tuple[str, str], dict[tuple[Step, ...], None]] = {}
    annotations = list(annotations_of_label(label, ontology))
    for annotation in annotations:
        for key, identity in annotation.identities:
            found.setdefault(key, {})[identity] = None
    assert {key: list(objects) for key, objects in found.items()} == expected
    assert count(annotations) == count_label(label, ontology)


@pytest.mark.parametrize("example", EXAMPLES, ids=list(BY_ID))
def test_examples_of_the_definition(example: Any) -> None:
    label = Label(example["value"], by_level=example["kind"] == "llmLabel")
    for ontology in (Ontology.from_json_interface(example["jsonInterface"], example["inputType"]), None):
        _assert_counts_agree(label, ontology)


def test_all_real_labels(shared: Path) -> None:
    labels = 0
    for file in json.loads((shared / "expected-counts.json").read_bytes()):
        ontology = _of_fixture(shared, file)
        for label in _labels(shared / file):
            labels += 1
            _assert_counts_agree(label, ontology)
            _assert_counts_agree(label, None)
    assert labels > 100


@given(responses(), json_interfaces())
def test_any_response(response: dict[str, Any], interface: dict[str, Any]) -> None:
    for ontology in (None, Ontology.from_json_interface(interface, "VIDEO")):
        _assert_counts_agree(Label(response), ontology)


@given(level_labels())
def test_any_conversation(levels: dict[str, Any]) -> None:
    _assert_counts_agree(Label(levels, by_level=True), None)


def test_labels_nested_deeper_than_the_stack() -> None:
    response: dict[str, Any] = {}
    for _ in range(1500):
        response = {"J": {"categories": [{"name": "C", "children": response}]}}
    assert count(annotations_of(response)) == {("J", "C"): 1500}


# -- what and where ----------------------------------------------------------------------------------------------------


def test_a_choice_knows_its_confidence_and_what_it_is_nested_in() -> None:
    kind, tone = _of("nested-in-category")
    assert (kind.kind, kind.categories, kind.parents) == ("classification", (Choice("LETTER", 100),), ())
    assert (tone.job, tone.category, tone.parents) == ("TONE", "HARSH", (Step("KIND", "LETTER", 0),))
    older = _of("nested-under-job")[1]
    assert (older.job, older.parents) == ("TONE", (Step("KIND"),))


def test_text() -> None:
    [caption] = _of("transcription")
    assert (caption.kind, caption.job, caption.text, caption.category) == (
        "transcription",
        "CAPTION",
        "two boats",
        None,
    )


def test_rectangles_and_polygons() -> None:
    boat = _of("od-rectangle")[0]
    corners = ((0.1, 0.3), (0.1, 0.1), (0.3, 0.1), (0.3, 0.3))
    assert (boat.kind, boat.tool, boat.mid, boat.geometry) == ("object", "rectangle", "m1", Polygons(((corners,),)))
    [field] = _of("od-polygon")
    assert (field.tool, field.geometry) == ("polygon", Polygons(((((0.1, 0.1), (0.4, 0.1), (0.2, 0.5)),),)))


def test_holes_are_rings_of_a_part_and_groups_are_parts() -> None:
    outer, second = ((0.1, 0.1), (0.4, 0.1), (0.2, 0.5)), ((0.6, 0.6), (0.9, 0.6), (0.7, 0.9))
    [lake] = _of("od-semantic-hole")
    assert (lake.tool, lake.geometry) == ("semantic", Polygons(((outer, second),)))
    [groups] = _of("od-semantic-groups")
    assert groups.geometry == Polygons(((outer,), (second,)))
    parts = _of("od-semantic-parts")
    assert [(part.mid, part.geometry) for part in parts] == [
        ("m1", Polygons(((outer,),))),
        ("m1", Polygons(((second,),))),
    ]


def test_points_lines_and_poses() -> None:
    [mast] = _of("od-marker")
    assert (mast.tool, mast.geometry) == ("marker", Point((0.5, 0.5)))
    [track] = _of("od-polyline")
    assert (track.tool, track.geometry) == ("polyline", Line(((0.1, 0.1), (0.6, 0.2))))
    horse, visible = _of("od-pose")
    assert horse.tool == "pose"
    assert horse.geometry == Pose((PosePoint("NOSE", (0.2, 0.2)), PosePoint("TAIL", (0.8, 0.3))))
    assert visible.parents == (Step("BODY", "m1"), Step("BODY", "NOSE", "point"))
    [older] = _of("od-pose-old")
    assert (older.tool, older.category) == ("pose", "HORSE")


def test_entities_and_relations() -> None:
    ada, london = _of("ner")
    assert (ada.kind, ada.text, ada.tool) == ("entity", "Ada", None)
    assert ada.geometry == TextSpan(0, 3, "main/[0]", "main/[0]")
    assert london.geometry == TextSpan(13, 19)
    link = _of("ner-relation")[-1]
    assert (link.kind, link.category, link.geometry) == ("relation", "LIVES_IN", Relation(("e1",), ("e2", "e3")))
    assert _of("object-relation")[-1].geometry == Relation(("m1",), ("m2",))


def test_lines_and_boxes_on_pages() -> None:
    line = ((0.1, 0.15), (0.1, 0.1), (0.9, 0.1), (0.9, 0.15))
    [party] = _of("pdf-ner")
    assert (party.kind, party.text) == ("entity", "Acme and sons")
    assert party.geometry == Pages((PageRing(1, line), PageRing(1, line)))
    [stamp] = _of("pdf-od")
    assert (stamp.kind, stamp.tool, stamp.geometry) == ("object", "rectangle", Pages((PageRing(2, line),)))


def test_frames() -> None:
    found = _of("video-od")
    assert [(a.frame, a.mid, a.is_key_frame) for a in found] == [
        (0, "m1", True), (1, "m1", False), (3, "m1", True), (3, "m2", True),
    ]  # fmt: skip
    assert [a.frame for a in _of("video-asset-level")] == [None, 0]
    [start, _] = _of("video-transcription")
    assert (start.text, start.frame, start.is_key_frame) == ("start", 0, True)


def test_what_a_frame_does_not_say_holds_on_from_the_frame_before() -> None:
    box = {"normalizedVertices": [{"x": 0, "y": 0}, {"x": 0, "y": 1}, {"x": 1, "y": 1}, {"x": 1, "y": 0}]}
    first = {"mid": "m", "type": "rectangle", "categories": [{"name": "A"}], "boundingPoly": [box], "isKeyFrame": True}
    later = {"mid": "m", "isKeyFrame": False}
    key, between, other, gone = annotations_of({
        "0": {"J": {"annotations": [first]}},
        "1": {"J": {"annotations": [later]}},
        "2": {"J": {"annotations": [{**later, "mid": "n"}]}},
        "3": {"J": {"annotations": [{**later, "isKeyFrame": True}]}},
    })  # fmt: skip
    assert (between.geometry, between.category, between.tool) == (key.geometry, "A", "rectangle")
    assert (other.geometry, other.category) == (None, None)
    assert (gone.geometry, gone.category) == (None, None)


def test_conversations() -> None:
    found = _of("llm-levels")
    assert [(a.job, a.category, a.parents) for a in found][:2] == [
        ("LENGTH", "TOO_LONG", (Step("completion", "msg-1a", "level"),)),
        ("LENGTH", "TOO_LONG", (Step("completion", "msg-2b", "level"),)),
    ]
    assert found[-1].text == "fine"
    lengths, better = _of("llm-flat")
    assert [choice.name for choice in lengths.categories] == ["TOO_LONG", "FINE", "TOO_LONG"]
    assert better.kind == "comparison"


def test_tasks_without_categories() -> None:
    assert [a.kind for a in _of("no-category-tasks")] == ["ranking", "file"]


def test_longitude_and_latitude_stay_as_they_are() -> None:
    assert _of("geo-point")[0].geometry == Point((4.39, 52.24))


@pytest.mark.parametrize(
    ("entry", "tool"),
    [
        ({"boundingPoly": [{"normalizedVertices": [{"x": 0, "y": 0}, {"x": 0, "y": 1}, {"x": 1, "y": 1}, {"x": 1, "y": 0}]}]}, "rectangle"),
        ({"boundingPoly": [{"normalizedVertices": [{"x": 0, "y": 0}, {"x": 0.1, "y": 1}, {"x": 1, "y": 1}, {"x": 1, "y": 0}]}]}, "polygon"),
        ({"point": {"x": 0, "y": 0}}, "marker"),
        ({"polyline": [{"x": 0, "y": 0}]}, "polyline"),
        ({"points": []}, "pose"),
        ({"type": "vector", "polyline": [{"x": 0, "y": 0}]}, "vector"),
        ({"type": ["rectangle"]}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_an_object_without_a_type_is_known_by_its_shape(entry: dict[str, Any], tool: str | None) -> None:
    [found] = annotations_of({"J": {"annotations": [entry]}})
    assert found.tool == tool


def test_an_object_without_a_type_is_what_its_job_draws() -> None:
    interface = {
        "jobs": {"J": {"mlTask": "OBJECT_DETECTION", "tools": ["semantic"], "content": {"categories": {"A": {}}}}}
    }
    ring = [{"x": 0, "y": 0}, {"x": 0, "y": 1}, {"x": 1, "y": 1}, {"x": 1, "y": 0}]
    [found] = annotations_of(
        {"J": {"annotations": [{"boundingPoly": [{"normalizedVertices": ring}]}]}},
        Ontology.from_json_interface(interface),
    )
    assert found.tool == "semantic"


@pytest.mark.parametrize(
    "entry",
    [
        {"boundingPoly": None},
        {"boundingPoly": [{}]},
        {"boundingPoly": [{"normalizedVertices": [{"x": 0}]}]},
        {"boundingPoly": [{"normalizedVertices": [{"x": "0", "y": True}]}]},
        {"boundingPoly": [[], 3]},
        {"point": [0, 0]},
        {"polyline": "0,0"},
        {"annotations": [{"polys": [{"normalizedVertices": [[{"x": None, "y": 0}]]}]}]},
        {"beginOffset": "3"},
    ],
)
def test_a_geometry_that_cannot_be_read_is_none_and_the_object_stays(entry: dict[str, Any]) -> None:
    [found] = annotations_of({"J": {"annotations": [{"categories": [{"name": "A"}], **entry}]}})
    assert (found.category, found.geometry) == ("A", None)
    assert found.raw[next(iter(entry))] == next(iter(entry.values()))


@given(responses())
def test_records_can_be_compared_and_shown(response: dict[str, Any]) -> None:
    once, again = list(annotations_of(response)), list(annotations_of(json.dumps(response)))
    assert once == again
    assert repr(once) == repr(again)


@pytest.mark.parametrize(
    ("job", "degrees"), [({"rotation": 90}, 90), ({"rotation": 450.0}, 90), ({"rotation": "90"}, 0), ({}, 0), (None, 0)]
)
def test_rotation(job: object, degrees: int) -> None:
    assert rotation_of({"ROTATION_JOB": job}) == degrees


# -- from files --------------------------------------------------------------------------------------------------------

COCO = ROOT / "tests" / "data" / "coco.zip"


def test_annotations_of_an_export_are_those_of_its_labels() -> None:
    labels = list(read_labels(COCO))
    found = list(read_annotations(COCO))
    assert found == [annotation for label in labels for annotation in label.annotations]
    assert [a.label and a.label.external_id for a in found] == [
        label.external_id for label in labels for _ in label.annotations
    ]
    assert count(a for a in found if a.label == labels[0]) == count_categories(labels[0].response)


def test_a_label_that_cannot_be_read_is_raised_or_handed_over(tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    good = {"externalId": "b", "jsonResponse": {"J": {"categories": [{"name": "A"}]}}}
    path.write_text(json.dumps([{"externalId": "a", "jsonResponse": "{"}, good]))
    with pytest.raises(DataError, match="a"):
        list(read_annotations(path))
    problems: list[DataError] = []
    assert [a.category for a in read_annotations(path, on_problem=problems.append)] == ["A"]
    assert [problem.code for problem in problems] == ["KQ501"]
