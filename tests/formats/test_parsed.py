"""Parsed labels: the cases of what Kili's SDK does, the laws that hold for any label, and what is said of mistakes."""

from __future__ import annotations

import contextlib
import copy
import json
import pickle
import warnings
from pathlib import Path
from typing import Any, assert_type

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kili_query import (
    AnswerMissingError,
    ArgumentError,
    AttributeNotCompatibleWithJobError,
    DataError,
    FrameIndexError,
    InvalidMutationError,
    JobNotExistingError,
    KiliQueryError,
    Ontology,
    ParsedLabel,
    ParsedLabelError,
    TypeCheckError,
    count_categories,
    parse,
    parse_labels,
)
from kili_query.formats.parsed.polygons import BoundingPolyList
from kili_query.formats.parsed.views import ParsedAnnotation, ParsedCategory, ParsedJob
from kili_query.model.annotations import annotations_of
from kili_query.model.counts import CategoryCounts
from kili_query.model.labels import labels_of
from tests.conftest import FUZZ
from tests.formats.parsed import main, results
from tests.formats.parsed_labels import INTERFACE, fitting
from tests.strategies import json_interfaces, responses


@pytest.fixture(scope="module")
def cases(shared: Path) -> Path:
    path = shared / "exports" / "parsed-labels.json"
    if not path.is_file():
        pytest.skip(f"the cases are not there: {path}")
    return path


def label_of(response: Any, input_type: str = "IMAGE", **options: Any) -> ParsedLabel:
    return ParsedLabel({"id": "l1", "jsonResponse": response}, INTERFACE, input_type, **options)


BOX: dict[str, Any] = {"type": "rectangle", "mid": "b", "categories": [{"name": "A"}], "boundingPoly": [{"normalizedVertices": [
    {"x": 0.1, "y": 0.1}, {"x": 0.1, "y": 0.2}, {"x": 0.2, "y": 0.2}, {"x": 0.2, "y": 0.1}]}]}  # fmt: skip
WEATHER = {"ONE": {"categories": [{"name": "A", "children": {"COLOR": {"categories": [{"name": "R"}]}}}]}}


# -- cases -------------------------------------------------------------------------------------------------------------


def test_cases_are_as_expected(cases: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(str(cases)) == 0
    number = len(json.loads(cases.read_text())["cases"])
    assert capsys.readouterr().out.splitlines()[-1] == f"{number} of {number} as expected"


def test_altered_cases_differ(cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = json.loads(cases.read_text())
    data["cases"] = [altered for case in data["cases"] for altered in _altered(case)]
    assert len(data["cases"]) > 100
    assert [what for what, fits, _ in results(data) if fits] == []
    path = tmp_path / "altered.json"
    path.write_text(json.dumps({**data, "cases": data["cases"][:3]}))
    assert main(str(path)) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "0 of 3 as expected"


def _altered(case: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    if "value" in case and "recommended" not in case:
        found.append({**case, "value": [case["value"]]})
        if isinstance(case["value"], str) and case["grading"] == "firm":
            found.append({**case, "value": case["value"] + "x"})
    if "error" in case:
        found.append({**case, "error": {**case["error"], "type": "ZeroDivisionError"}})
        if "'NOPE'" in case["error"]["message"] or "'GHOST'" in case["error"]["message"]:
            message = case["error"]["message"].replace("'NOPE'", "'OTHER'").replace("'GHOST'", "'OTHER'")
            found.append({**case, "error": {**case["error"], "message": message}})
        found.append({key: value for key, value in case.items() if key != "error"} | {"value": 1})
    return found


SPARSE = {
    "0": {},
    "5": {"DROP": {"categories": [{"name": "A"}], "isKeyFrame": True}},
    "11": {"ROTATION_JOB": {"rotation": 90}},
}
RENUMBERED = {"0": {}, "1": SPARSE["5"], "2": {}}
OTHER_CASES: list[dict[str, Any]] = [
    {"source": "clip", "get": "label.to_dict() == source", "value": False, "grading": "quirk", "recommended": "kept"},
    {"source": "clip", "get": "list(label.json_response)", "value": ["0", "1", "2"], "grading": "quirk"},
    {"source": "clip", "get": "label.jobs['DROP'].frames[1].category.name", "error": {
        "type": "AttributeNotCompatibleWithJobError", "message": "The attribute 'category' is not compatible with the job."}, "grading": "firm"},
    {"source": "clip", "get": "len(label.jobs['DROP'].frames)", "value": 3, "grading": "firm"},
    {"source": "clip", "get": "label.jobs['DROP'].frames[1].categories", "value": "repr:[{'name': 'A'}]", "grading": "firm"},
    {"source": "clip", "get": "label.jobs['DROP'].frames[0].categories", "error": {"type": "KeyError", "message": "'categories'"}, "grading": "quirk"},
    {"source": "clip", "get": "len(label.jobs['DROP'].frames[0].categories)", "error": {"type": "KeyError", "message": "'categories'"}, "grading": "quirk"},
    {"source": "clip", "get": "[c.name for c in label.jobs['DROP'][2].categories]", "error": {"type": "KeyError", "message": "'categories'"}, "grading": "quirk"},
    {"source": "clip", "get": "label.jobs['DROP'].frames[0].categories[0].name", "error": {"type": "KeyError", "message": "'categories'"}, "grading": "quirk"},
    {"source": "clip", "get": "label.jobs['DROP'].frames[1].categories[0].confidence", "error": {"type": "KeyError", "message": "'confidence'"}, "grading": "quirk"},
    {"construct": "sparse", "label": {"jsonResponse": SPARSE}, "input_type": "VIDEO", "value": {"jsonResponse": RENUMBERED}, "grading": "quirk"},
    {"construct": "twice", "label": {"jsonResponse": {"MANY": {"categories": [{"name": "A"}, {"name": "A"}]}}}, "input_type": "PDF", "error": {
        "type": "InvalidMutationError", "message": "Cannot add a category with name 'A' because a category with the same name already exists: [{'name': 'A', 'display_name': 'a'}]"}, "grading": "firm"},
    {"construct": "no answer", "label": {"jsonResponse": {"ONE": {}}}, "input_type": "TEXT", "value": {"jsonResponse": {}}, "grading": "firm"},
]  # fmt: skip


def test_other_cases_can_be_asked() -> None:
    """Other labels, interfaces and input types than those of the file."""
    data = {"json_interface": INTERFACE, "labels": {"clip": {"jsonResponse": SPARSE}}, "input_types": {"clip": "VIDEO"}}
    found = list(results({**data, "cases": OTHER_CASES}))
    assert [what for what, fits, _ in found if not fits] == []
    altered = [each for case in OTHER_CASES for each in _altered(case)]
    assert [what for what, fits, _ in results({**data, "cases": altered}) if fits] == []


# -- laws --------------------------------------------------------------------------------------------------------------


@settings(max_examples=max(20, FUZZ))  # such labels are large
@given(fitting())
def test_laws_of_any_label_that_fits(drawn: tuple[dict[str, Any], str]) -> None:
    _comes_back_as_it_was(*drawn)
    _counts_as_its_response_does(*drawn)
    _has_the_annotations_of_the_one_walk(*drawn)


def _comes_back_as_it_was(source: dict[str, Any], input_type: str) -> None:
    kept = copy.deepcopy(source)
    label = ParsedLabel(source, INTERFACE, input_type)
    assert label.to_dict() == source
    _read_all(label.jobs)
    assert json.dumps(label.json_response) == json.dumps(source["jsonResponse"])  # in the same order, too
    assert source == kept
    [same] = parse_labels([source], INTERFACE, input_type)
    [again] = parse_labels([label], INTERFACE, input_type)
    assert again == same == label == pickle.loads(pickle.dumps(label)) == copy.deepcopy(label)


def _counts_as_its_response_does(source: dict[str, Any], input_type: str) -> None:
    ontology = Ontology.from_json_interface(INTERFACE, input_type)
    label = ParsedLabel(source, ontology)
    query = parse("DRAWN.A.count > 0 OR COLOR.R.count > 0")
    assert label.counts == count_categories(source["jsonResponse"], ontology)
    assert query.matches(label) == query.matches(source["jsonResponse"], ontology)
    assert str(query.explain(label)) == str(query.explain(source["jsonResponse"], ontology))
    [record] = labels_of({"externalId": "a.jpg", "labels": [label]})
    assert query.matches_label(record, ontology) == query.matches(label)
    assert list(filter(query.matches, [label])) == [label] * query.matches(label)


def _has_the_annotations_of_the_one_walk(source: dict[str, Any], input_type: str) -> None:
    """What `model.annotations` finds in a label stands in the views, with the same categories."""
    label = ParsedLabel(source, INTERFACE, input_type)
    seen = []
    for name, job in label.jobs.items():
        for answer in job.frames if hasattr(job, "frames") else [job]:
            seen += [(name, a.mid, tuple(c.name for c in a.categories)) for a in getattr(answer, "annotations", ())]
    walked = [
        (found.job, found.mid, tuple(name for name, _ in found.categories))
        for found in annotations_of(label)
        if found.kind in ("object", "entity", "relation")
    ]
    assert sorted(seen) == sorted(walked)


def _read_all(jobs: Any) -> None:
    """Look at all attributes of all views, whether they are there or not; nothing else may happen than our errors."""
    for job in jobs.values():
        for answer in job.frames if hasattr(job, "frames") else [job]:
            _read(answer)
            for category in getattr(answer, "categories", None) or ():
                _read(category)
                if children := getattr(category, "children", None):
                    _read_all(children)
            for annotation in getattr(answer, "annotations", ()):
                _read(annotation)
                for part in [*getattr(annotation, "bounding_poly", ()), *getattr(annotation, "points", ())]:
                    _read(part)
                if children := getattr(annotation, "children", None):
                    _read_all(children)


def _read(view: Any) -> None:
    for name in dir(type(view)):
        if not name.startswith("_"):
            with contextlib.suppress(KiliQueryError):
                getattr(view, name)
    assert str(view)
    assert repr(view)


@given(responses(), json_interfaces(), st.sampled_from(["IMAGE", "VIDEO", "PDF"]))
def test_any_label_comes_back_when_misfits_are_kept(response: Any, interface: Any, input_type: str) -> None:
    label = ParsedLabel({"jsonResponse": response}, interface, input_type, misfits="keep")
    assert label.to_dict() == {"jsonResponse": response}
    _read_all(label.jobs)
    assert label.counts == count_categories(response, Ontology.from_json_interface(interface, input_type))
    with contextlib.suppress(ParsedLabelError):
        assert ParsedLabel({"jsonResponse": response}, interface, input_type).to_dict() == label.to_dict()


# -- reading and setting -----------------------------------------------------------------------------------------------


def test_what_is_set_is_set_in_the_label_alone() -> None:
    source = {"id": "l1", "jsonResponse": {**WEATHER, "DRAWN": {"annotations": [BOX, BOX]}}}
    kept = copy.deepcopy(source)
    label = ParsedLabel(source, INTERFACE, "IMAGE")
    first, second = label.jobs["DRAWN"].annotations
    first.category.name = "B"
    first.mid = "c"
    first.bounding_poly[0].normalized_vertices[0]["x"] = 0.05
    assert (second.mid, second.category.name, second.bounding_poly[0].normalized_vertices[0]["x"]) == ("b", "A", 0.1)
    category = label.jobs["ONE"].category
    assert category is not None
    color = category.children["COLOR"].category
    assert color is not None
    color.display_name = "Shown G"
    label.jobs["TEXT"].text = "new"
    label.jobs["MANY"].categories.add_category("C", children={"REMARK": {"text": "so"}})
    assert source == kept
    changed = label.to_dict()["jsonResponse"]
    assert changed["ONE"]["categories"][0]["children"]["COLOR"]["categories"] == [{"name": "G"}]
    assert changed["DRAWN"]["annotations"][0]["categories"] == [{"name": "B"}]
    assert changed["TEXT"] == {"text": "new"}
    assert label.counts[("REMARK", "C")] if ("REMARK", "C") in label.counts else label.counts[("MANY", "C")] == 1


def test_what_is_given_is_copied() -> None:
    label = label_of({})
    box = copy.deepcopy(BOX)
    label.jobs["DRAWN"].add_annotation(box)
    box["categories"].append("nonsense")
    line = [{"x": 0.1, "y": 0.1}]
    label.jobs["DRAWN"].add_annotation({"type": "polyline", "polyline": [], "categories": [{"name": "A"}]})
    label.jobs["DRAWN"].annotations[1].polyline = line
    line.clear()
    assert label.jobs["DRAWN"].annotations[0].as_dict() == BOX
    assert label.jobs["DRAWN"].annotations[1].polyline == [{"x": 0.1, "y": 0.1}]


def test_sparse_frames_keep_their_numbers() -> None:
    frames = {
        "11": {"DROP": {"categories": [{"name": "A"}], "isKeyFrame": True}},
        "0": {},
        "5": {"ROTATION_JOB": {"rotation": 90}},
    }
    label = label_of(frames, "VIDEO")
    job = label.jobs["DROP"]
    assert job.frames.numbers == [0, 5, 11]
    assert job.frames[2].categories[0].name == job[2].categories[0].name == "A"
    job.frames[1].add_category("B")
    job.frames[0].categories.add_category("C")
    assert label.json_response == {
        "11": frames["11"],
        "0": {"DROP": {"categories": [{"name": "C"}]}},
        "5": {"ROTATION_JOB": {"rotation": 90}, "DROP": {"categories": [{"name": "B"}]}},
    }
    with pytest.raises(FrameIndexError, match="no frame 3 of job `DROP`: the label has 3"):
        job.frames[3]
    with pytest.raises(AttributeNotCompatibleWithJobError, match=r"`categories` .* `DROP` .*`\.frames\[0\]`"):
        _ = job.categories
    assert len(job.frames) == len(list(job.frames)) == 3


def test_answers_that_are_not_there_are_empty() -> None:
    label = label_of(None)
    assert label.to_dict() == {"id": "l1", "jsonResponse": None}
    assert label.jobs["ONE"].category is None
    assert list(label.jobs["DROP"].categories) == []
    assert label.jobs["TEXT"].text is None
    assert len(label.jobs["DRAWN"].annotations) == 0
    assert label.jobs["FILE"].file_id is None
    label.jobs["DROP"].categories.add_category("A")
    assert label.json_response == {"DROP": {"categories": [{"name": "A"}]}}


def test_groups_of_polygons_count_polygon_by_polygon() -> None:
    ring = BOX["boundingPoly"][0]
    grouped = {"type": "semantic", "categories": [{"name": "A"}], "boundingPoly": [[ring, ring], [ring]]}
    polygons = label_of({"DRAWN": {"annotations": [grouped]}}).jobs["DRAWN"].annotations[0].bounding_poly
    assert len(polygons) == 3
    assert polygons.as_list() == grouped["boundingPoly"]
    with pytest.raises(InvalidMutationError, match="in groups"):
        polygons.add_bounding_poly(ring)


def test_categories_may_be_names_alone() -> None:
    label = label_of({"MANY": {"categories": ["A", "B"]}})
    assert [category.name for category in label.jobs["MANY"].categories] == ["A", "B"]
    label.jobs["MANY"].categories[1].confidence = 40
    assert label.json_response == {"MANY": {"categories": ["A", {"name": "B", "confidence": 40}]}}


def test_hasattr_and_getattr_tell_what_is_there() -> None:
    box = label_of({"DRAWN": {"annotations": [BOX]}}).jobs["DRAWN"].annotations[0]
    assert [hasattr(box, name) for name in ("bounding_poly", "content", "children", "typo")] == [
        True,
        False,
        False,
        False,
    ]
    assert getattr(box, "content", "nothing") == "nothing"
    with pytest.raises(AttributeError):
        box.mdi = "typo"  # type: ignore[attr-defined]


@pytest.mark.parametrize(("code", "kind", "message"), [
    ("label.jobs['DRAWM']", JobNotExistingError, "job `DRAWM` does not exist; did you mean `DRAWN`?"),
    ("label.jobs['COLOR']", JobNotExistingError, "job `COLOR` does not exist here; it is nested below `ONE` and `DRAWN`: look into `.children` there"),
    ("label.jobs['ONE'].category.children['COLR']", JobNotExistingError, "job `COLR` does not exist below job `ONE`; did you mean `COLOR`?"),
    ("label.jobs['MANY'].category", AttributeNotCompatibleWithJobError, "the attribute `category` is not compatible with job `MANY` (CLASSIFICATION): its input is `checkbox`; `.categories` lists what is chosen"),
    ("label.jobs['ONE'].text", AttributeNotCompatibleWithJobError, "the attribute `text` is not compatible with job `ONE` (CLASSIFICATION): jobs of `TRANSCRIPTION` have it"),
    ("box.content", AttributeNotCompatibleWithJobError, "the attribute `content` is not compatible with annotations of type `rectangle` in job `DRAWN`: annotations of `NAMED_ENTITIES_RECOGNITION` have it"),
    ("box.polyline", AttributeNotCompatibleWithJobError, "the attribute `polyline` is not compatible with annotations of type `rectangle` in job `DRAWN`: those of type `polyline` and `vector` have it"),
    ("box.polys", AttributeNotCompatibleWithJobError, "the attribute `polys` is not compatible with annotations of type `rectangle` in job `DRAWN`: only annotations of PDF projects have it"),
    ("box.children", AnswerMissingError, "nothing is nested here, below job `DRAWN`: there is no `children`"),
    ("label.jobs['ONE'].category.name = 'Shown B'", InvalidMutationError, "job `ONE` has no category `Shown B`; did you mean `B`? its categories are `A` and `B`"),
    ("label.jobs['ONE'].category.display_name = 'Shown Z'", InvalidMutationError, "job `ONE` shows no category as `Shown Z`; did you mean `Shown A`? it shows `\"Shown A\"` and `\"Shown B\"`"),
    ("label.jobs['ONE'].add_category('B')", InvalidMutationError, "job `ONE` is `radio`: it takes one category, and has one"),
    ("label.jobs['MANY'].add_category('A'); label.jobs['MANY'].add_category('A')", InvalidMutationError, "job `MANY` has the category `A` chosen already"),
    ("label.jobs['TEXT'].add_category('A')", AttributeNotCompatibleWithJobError, "the attribute `add_category` is not compatible with job `TEXT` (TRANSCRIPTION): jobs of `CLASSIFICATION` have it"),
    ("label.jobs['NUMBER'].text = '4.2'", InvalidMutationError, "job `NUMBER` takes a number, of digits alone, and this is `4.2`"),
    ("label.jobs['DAY'].text = '2023-02-29'", InvalidMutationError, "job `DAY` takes a day such as 2024-02-29, and this is `2023-02-29`"),
    ("label.jobs['TEXT'].text = 4", TypeCheckError, "`text` is `4` (int); it takes a text"),
    ("label.jobs['SEVERAL'].add_annotation({'type': 'polygon'})", InvalidMutationError, "job `SEVERAL` takes no annotation of type `polygon`; its tools are `rectangle`"),
    ("box.bounding_poly[0].normalized_vertices = []", InvalidMutationError, "a ring of 0 vertices is no rectangle, which has four"),
    ("box.bounding_poly[0].normalized_vertices = [{'x': 1}]", TypeCheckError, "`normalized_vertices` is `[{'x': 1}]` (list); it takes a list of points such as `{\"x\": 0.1, \"y\": 0.2}`, or of such lists"),
    ("box.bounding_poly[1]", IndexError, "there is no polygon [1]: the list has 1"),
    ("box.score = 101", InvalidMutationError, "`score` is 101, and must be from 0 to 100"),
    ("box.mid = ''", InvalidMutationError, "`mid` is empty; it must be non-empty"),
    ("box.children = {'REMARK': {'text': 'x'}}", JobNotExistingError, "job `REMARK` does not exist below job `DRAWN`; it is nested below `ONE` and `MANY`: look into `.children` there"),
    ("box.type = 'polygon'", AttributeError, "property 'type' of 'ParsedAnnotation' object has no setter"),
    ("label.jobs['ONE'].categories = []", AttributeError, "property 'categories' of 'ParsedJob' object has no setter"),
])  # fmt: skip
def test_mistakes_are_told(code: str, kind: type[Exception], message: str) -> None:
    label = label_of({**WEATHER, "DRAWN": {"annotations": [BOX]}})
    before = label.to_dict()
    with pytest.raises(kind) as raised:
        exec(code, {"label": label, "box": label.jobs["DRAWN"].annotations[0]})
    assert message in str(raised.value)
    if "MANY" not in code:
        assert label.to_dict() == before


@pytest.mark.parametrize(("response", "message"), [
    ({"GHOST": {}}, "label l1: job `GHOST` does not exist"),
    ({"DRAWN": {"annotations": [BOX, {**BOX, "categories": [{"name": "a"}]}]}}, "label l1: annotation 1 of job `DRAWN`: job `DRAWN` has no category `a`; did you mean `A`? its categories are `A` and `B`"),
    ({"DRAWN": {"annotations": "x"}}, "label l1: `annotations` is `'x'` (str); it takes a list"),
    ({"DRAWN": []}, "label l1: `DRAWN` is `[]` (list); it takes a dict with texts as keys"),
    ({"TEXT": {"categories": [{"name": "A"}]}}, "label l1: job `TEXT` has no category `A`; it has none"),
    ("{", "label l1: `jsonResponse` is text that is not JSON: it ends too early"),
    ([], "label l1: `jsonResponse` is a list, and must be an object"),
])  # fmt: skip
def test_labels_that_do_not_fit_are_told_with_their_place(response: Any, message: str) -> None:
    with pytest.raises(KiliQueryError) as raised:
        label_of(response)
    assert str(raised.value) == message


def test_labels_that_do_not_fit_are_kept_or_left_out() -> None:
    good, bad = {"id": "l1", "jsonResponse": WEATHER}, {"id": "l2", "jsonResponse": {**WEATHER, "GONE": {"text": "x"}}}
    with pytest.raises(JobNotExistingError, match="label l2: job `GONE`"):
        parse_labels([good, bad], INTERFACE, "IMAGE")
    with pytest.warns(UserWarning, match="1 label left out, which the interface does not fit:\n  label l2: job `GONE`"):
        assert [label["id"] for label in parse_labels([good, bad], INTERFACE, "IMAGE", misfits="skip")] == ["l1"]
    with pytest.warns(UserWarning, match="1 label left out"):
        assert len(list(parse_labels((label for label in [bad, good]), INTERFACE, "IMAGE", misfits="skip"))) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kept = parse_labels([good, bad], INTERFACE, "IMAGE", misfits="keep")
    assert [label.to_dict() for label in kept] == [good, bad]
    assert "GONE" not in kept[1].jobs
    with pytest.raises(ArgumentError, match="`misfits` is `'drop'`"):
        parse_labels([], INTERFACE, "IMAGE", misfits="drop")  # type: ignore[call-overload]
    video = label_of({"assetLevel": {"TEXT": {"text": "x"}}, "3": {}}, "VIDEO", misfits="keep")
    assert video.jobs["TEXT"].frames.numbers == [3]


def test_odd_shapes_that_are_kept_can_be_looked_at() -> None:
    odd = {
        "MANY": {"categories": [{"noname": 1}, None, ["x"], "A"]},
        "DRAWN": {"annotations": ["x", {"boundingPoly": ["x", {}, [3]], "categories": 3}]},
        "POSE": {"annotations": [{"type": "pose", "points": ["x", {}], "children": []}]},
        "ONE": {"categories": {}, "children": []},
        "TEXT": [],
    }
    label = label_of(odd, misfits="keep")
    _read_all(label.jobs)
    assert label.json_response == odd
    with pytest.raises(InvalidMutationError, match="which cannot be changed as an object"):
        label.jobs["TEXT"].text = "x"
    with pytest.raises(InvalidMutationError, match="to which nothing can be added"):
        label.jobs["ONE"].add_category("A")


def test_lists_give_lists_and_generators_generators_that_wait() -> None:
    asked = []

    def labels() -> Any:
        for number in range(3):
            asked.append(number)
            yield {"id": str(number), "jsonResponse": {}}

    lazy = parse_labels(labels(), INTERFACE, "IMAGE")
    assert asked == []
    assert next(lazy)["id"] == "0"
    assert asked == [0]
    assert isinstance(parse_labels([], INTERFACE, "IMAGE"), list)


def test_labels_are_equal_if_their_answers_are() -> None:
    assert label_of({}) != label_of(WEATHER)
    assert label_of(WEATHER) == label_of(WEATHER)
    assert repr(label_of(WEATHER)) == str(label_of(WEATHER).to_dict())


def test_an_interface_that_is_changed_is_read_anew() -> None:
    interface = copy.deepcopy(INTERFACE)
    ParsedLabel({"jsonResponse": WEATHER}, interface, "IMAGE")
    del interface["jobs"]["ONE"]
    with pytest.raises(JobNotExistingError):
        ParsedLabel({"jsonResponse": WEATHER}, interface, "IMAGE")
    with pytest.raises(DataError, match="there is no `jobs` object"):
        ParsedLabel({"jsonResponse": {}}, {}, "IMAGE")


def test_labels_that_are_nested_too_deep_are_told() -> None:
    deep: Any = {}
    for _ in range(5000):
        deep = {"children": {"COLOR": deep}}
    with pytest.raises(DataError, match="nested too deep"):
        label_of({"ONE": deep})


def test_type_checkers_know_the_views() -> None:
    label = label_of({**WEATHER, "DRAWN": {"annotations": [BOX]}})
    job = assert_type(label.jobs["DRAWN"], ParsedJob)
    box = assert_type(job.annotations[0], ParsedAnnotation)
    polygons = assert_type(label.jobs["DRAWN"].annotations[0].bounding_poly, BoundingPolyList)
    assert len(polygons) == 1
    assert_type(box.mid, str)
    assert_type(box.score, int | None)
    assert_type(job.text if hasattr(job, "text") else None, str | None)
    assert_type(label.jobs["ONE"].category, ParsedCategory | None)
    assert_type(label.jobs["ONE"].categories[0].name, str)
    assert_type(label.counts, CategoryCounts)
    assert_type(parse_labels([{"jsonResponse": {}}], INTERFACE, "IMAGE"), list[ParsedLabel])
    for each in label.jobs["DRAWN"].annotations:
        assert_type(each.category.name, Any | str)


@pytest.mark.parametrize(
    "given", [{}, {"jsonResponse": None}, {"jsonResponse": {}}, {"jsonResponse": '{"J": {"text": "a"}}'}]
)
def test_what_is_no_response_or_a_text_comes_back_as_it_was(given: dict[str, Any]) -> None:
    interface = {"jobs": {"J": {"mlTask": "TRANSCRIPTION", "content": {"input": "textField"}, "required": 0}}}
    label = ParsedLabel({"id": "l", **given}, interface, "TEXT")
    assert label.to_dict() == {"id": "l", **given}
    assert ParsedLabel(label, interface, "TEXT").to_dict() == {"id": "l", **given}
    label.jobs["J"].text = "b"
    assert label.to_dict() == {"id": "l", "jsonResponse": {"J": {"text": "b"}}}
