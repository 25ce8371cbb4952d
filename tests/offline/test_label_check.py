"""Labels beside an ontology: what does not fit is named with its place, what fits is passed, whatever the label."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from kili_query import Label, Ontology
from kili_query.offline.label_check import CODE, check_label, check_response
from tests.cli.test_cli import kili_query_process
from tests.conftest import ROOT
from tests.model.test_counts import EXAMPLES, _labels, _of_fixture
from tests.strategies import json_interfaces, level_labels, responses

BOATS = Ontology.load(ROOT / "docs" / "errors" / "ontologies" / "boats.json")


def _box(name: object, **more: object) -> dict[str, Any]:
    return {"BOATS": {"annotations": [{"mid": "1", "categories": [{"name": name, **more}]}]}}


def _placed(**place: object) -> dict[str, Any]:
    return {"BOATS": {"annotations": [{"mid": "1", "categories": [{"name": "FERRY"}], **place}]}}


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ({"BOAT": {}}, ["$.BOAT: there is no job `BOAT`; did you mean `BOATS`?"]),
        ({"Weather": {}}, ["$.Weather: there is no job `Weather`; did you mean `WEATHER`?"]),
        ({"Mark the boats": {}}, ['$["Mark the boats"]: there is no job `Mark the boats`; did you mean `BOATS`?']),
        ({"XYZ": {}}, ["$.XYZ: there is no job `XYZ`; the jobs are `BOATS`, `WEATHER`, `PLACE` and `REMARK`"]),
        (_box("FERY"), ["$.BOATS.annotations[0].categories[0].name: job `BOATS` has no category `FERY`; did you mean `FERRY`?"]),
        (_box("Yacht"), ["$.BOATS.annotations[0].categories[0].name: job `BOATS` has no category `Yacht`; did you mean `SAILING_BOAT`?"]),
        (_box("SUN"), ["$.BOATS.annotations[0].categories[0].name: job `BOATS` has no category `SUN`; it belongs to `WEATHER`"]),
        (_box(3), ["$.BOATS.annotations[0].categories[0].name: a category is named by a text, and this is a number"]),
        (
            {"WEATHER": {"categories": [{"name": "SUN"}, {"name": "FOG"}]}},
            ["$.WEATHER.categories: job `WEATHER` allows one choice, and this has 2"],
        ),
        ({"PLACE": {"categories": ["HARBOUR", "HARBOUR"]}}, ["$.PLACE.categories[1]: category `HARBOUR` is chosen twice"]),
        ({"CARGO": {"categories": []}}, ["$.CARGO: job `CARGO` is nested; it is answered in the `children` of `BOATS.FREIGHTER`"]),
        (
            _box("FERRY", children={"CARGO": {"categories": [{"name": "LOADED"}]}}),
            ["$.BOATS.annotations[0].categories[0].children.CARGO: job `CARGO` is not nested in job `BOATS`"],
        ),
        (_box("FREIGHTER", children={"CARGO": {"categories": [{"name": "FULL"}]}}), [
            "$.BOATS.annotations[0].categories[0].children.CARGO.categories[0].name: job `CARGO` has no category `FULL`; "
            "its categories are `LOADED` and `EMPTY`"
        ]),
        *(
            (_placed(boundingPoly=poly), [
                "$.BOATS.annotations[0].boundingPoly: an outline is a list of objects whose `normalizedVertices` have numbers "
                "`x` and `y`"
            ])
            for poly in ("x", [], [{"normalizedVertices": [{"x": "a", "y": 0.1}]}], [{"normalizedVertices": [{"x": 0.1}]}])
        ),
        (_placed(point={"x": 1}), ["$.BOATS.annotations[0].point: a point is an object with numbers `x` and `y`"]),
        (_placed(polyline=[1]), [
            "$.BOATS.annotations[0].polyline: a line is a list of objects with numbers `x` and `y`"
        ]),
        ({"BOATS": []}, ["$.BOATS: an answer of job `BOATS` is an object, and this is a list"]),
        ({"BOATS": {"annotations": {}}}, ["$.BOATS.annotations: `annotations` is a list, and this is an object"]),
        ({"BOATS": {"annotations": ["FERRY"]}}, ["$.BOATS.annotations[0]: an annotation is an object, and this is a text"]),
        ({"BOATS": {"categories": [{"name": "FERRY"}]}}, [
            "$.BOATS: job `BOATS` marks objects: its answer has `annotations`, each with `categories`"
        ]),
        ({"WEATHER": {"annotations": [{"categories": [{"name": "SUN"}]}]}}, [
            "$.WEATHER: job `WEATHER` chooses categories: its answer has `categories`, and no `annotations`"
        ]),
        ({"REMARK": {"text": ["a"]}}, ["$.REMARK.text: a transcription is a text, and this is a list"]),
        ("{", ["`jsonResponse` is text that is not JSON: it ends too early"]),
        ([], ["`jsonResponse` is a list, and must be an object"]),
    ],
)  # fmt: skip
def test_what_does_not_fit(response: object, expected: list[str]) -> None:
    assert [str(problem) for problem in check_response(response, BOATS)] == expected


@pytest.mark.parametrize(
    "response",
    [
        None,
        "",
        {},
        _box("FERRY"),
        _box("FREIGHTER", children={"CARGO": {"categories": [{"name": "LOADED"}]}}),
        {"BOATS": {"annotations": [{"categories": [{"name": "FREIGHTER"}], "children": {"CARGO": {"categories": ["EMPTY"]}}}]}},
        _placed(boundingPoly=[{"normalizedVertices": [{"x": 0.1, "y": 0.2}] * 4}], polyline=[]),
        {"BOATS": {"annotations": []}, "WEATHER": None, "REMARK": {"text": "x"}, "ROTATION_JOB": {"rotation": 90}},
        json.dumps(_box("FERRY")),
    ],
)  # fmt: skip
def test_what_fits(response: object) -> None:
    assert check_response(response, BOATS) == []


def test_each_offending_place_is_named_once() -> None:
    response = {**_box("FERY"), "BOAT": {}, "WEATHER": {"categories": [{"name": "SNOW"}]}}
    assert [problem.where for problem in check_response(response, BOATS)] == [
        "$.BOATS.annotations[0].categories[0].name", "$.BOAT", "$.WEATHER.categories[0].name",
    ]  # fmt: skip


def test_choices_are_counted_in_each_frame() -> None:
    video = Ontology(BOATS.jobs, "VIDEO")
    sun, fog = ({"WEATHER": {"categories": [{"name": name}]}} for name in ("SUN", "FOG"))
    assert check_response({"0": sun, "1": fog}, video) == []
    both = {"WEATHER": {"categories": [{"name": "SUN"}, {"name": "FOG"}]}}
    assert [p.where for p in check_response({"0": sun, "7": both}, video)] == ['$["7"].WEATHER.categories']


def test_messages_of_conversations_share_a_list() -> None:
    both = {"WEATHER": {"categories": [{"name": "SUN"}, {"name": "SUN"}]}}
    assert check_response(both, Ontology(BOATS.jobs, "LLM_STATIC")) == []


@pytest.mark.parametrize("example", EXAMPLES, ids=[example["id"] for example in EXAMPLES])
def test_the_examples_of_the_definition_fit(example: Any) -> None:
    ontology = Ontology.from_json_interface(example["jsonInterface"], example["inputType"])
    assert check_label(Label(example["value"], by_level=example["kind"] == "llmLabel"), ontology) == []


def test_of_real_labels_only_those_do_not_fit_whose_names_the_ontology_lacks(shared: Path) -> None:
    unfit = set()
    for file in json.loads((shared / "expected-counts.json").read_bytes()):
        ontology = _of_fixture(shared, file)
        for label in _labels(shared / file):
            unfit |= {file for _ in check_label(label, ontology)} if ontology else set()
    # `Choice 1` is a display name; the speakers are categories of a job that left the ontology (json-formats 2.11, 4.2)
    assert unfit == {"llm-category-not-in-ontology.responses.json", "audio-speech-to-text-legacy.responses.json"}


@given(responses(), json_interfaces())
def test_any_label_is_judged(response: dict[str, Any], interface: dict[str, Any]) -> None:
    for problem in check_response(response, Ontology.from_json_interface(interface, "VIDEO")):
        assert problem.code == CODE
        assert problem.where.startswith("$")


@given(level_labels(), json_interfaces())
def test_any_conversation_is_judged(levels: dict[str, Any], interface: dict[str, Any]) -> None:
    label = Label(levels, "a", by_level=True)
    assert all(
        problem.where.startswith("a: $") for problem in check_label(label, Ontology.from_json_interface(interface))
    )


# -- the command -------------------------------------------------------------------------------------------------------


@pytest.fixture
def boats(tmp_path: Path) -> Path:
    labels = [
        {"externalId": "good", "jsonResponse": _box("FERRY")},
        {"externalId": "bad", "jsonResponse": _box("FERY")},
    ]
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(labels), encoding="utf-8")
    return path


def _check(*arguments: object) -> tuple[int, str, str]:
    done = kili_query_process("check-labels", *arguments, "--ontology", ROOT / "docs/errors/ontologies/boats.json")
    return done.code, done.out, done.err


def test_the_command_names_label_and_place(boats: Path) -> None:
    code, out, err = _check(boats)
    assert code == 1
    assert out.splitlines()[0].startswith(f"error[KQ509]: {boats}: ")
    assert "bad: $.BOATS.annotations[0].categories[0].name: job `BOATS` has no category `FERY`" in out
    assert err == "2 labels checked: 1 error in 1 label\n"
    code, out, _ = _check(boats, "--json")
    assert [row["code"] for row in json.loads(out)] == ["KQ509"]


def test_labels_that_cannot_be_read_are_told(boats: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text('[{"externalId": "x", "jsonResponse": "{"}, 3]')
    code, out, err = _check(boats, tmp_path / "broken.json")
    assert code == 3
    assert "error[KQ501]" in out
    assert "unreadable[KQ501]" in err
    assert _check(tmp_path / "none.json")[0] == 2


def test_without_an_ontology_it_says_what_it_needs(boats: Path) -> None:
    done = kili_query_process("check-labels", boats)
    assert done.code == 2
    assert "--ontology FILE" in done.err
