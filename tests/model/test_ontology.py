"""Reading a `jsonInterface`: all right shapes, and the place of each wrong one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kili_query import DataError, Ontology


def _jobs(**jobs: Any) -> dict[str, Any]:
    return {"jobs": jobs}


def _job(categories: Any, **more: Any) -> dict[str, Any]:
    return {"mlTask": "CLASSIFICATION", "content": {"categories": categories}, **more}


# -- wrong shapes ------------------------------------------------------------------------------------------------------

WRONG: list[tuple[object, str]] = [
    (None, "$"),
    (5, "$"),
    ([], "$"),
    (True, "$"),
    ("", "$"),
    ("{", "$"),
    ("[]", "$"),
    ("null", "$"),
    (b"\xff", "$"),
    ("\ud800", "$"),
    ("https://example.com/interface.json", "$"),
    ("[" * 100_000, "$"),
    ({}, "$"),
    ({"job": {}}, "$"),
    ({"jsonInterface": None}, "$"),
    ({"jsonInterface": {}}, "$"),
    ({"jsonInterface": "nonsense"}, "$"),
    ({"jobs": None}, "$.jobs"),
    ({"jobs": []}, "$.jobs"),
    ({"jobs": {1: {}}}, "$.jobs"),
    (_jobs(J=None), "$.jobs.J"),
    (_jobs(J=[]), "$.jobs.J"),
    ({"jobs": {"a job": "x"}}, '$.jobs["a job"]'),
    (_jobs(J={"mlTask": 5}), "$.jobs.J.mlTask"),
    (_jobs(J={"instruction": []}), "$.jobs.J.instruction"),
    (_jobs(J={"level": 1}), "$.jobs.J.level"),
    (_jobs(J={"isChild": "yes"}), "$.jobs.J.isChild"),
    (_jobs(J={"isModel": 2}), "$.jobs.J.isModel"),
    (_jobs(J={"content": []}), "$.jobs.J.content"),
    (_jobs(J={"content": {"input": {}}}), "$.jobs.J.content.input"),
    (_jobs(J=_job("A")), "$.jobs.J.content.categories"),
    (_jobs(J=_job(3)), "$.jobs.J.content.categories"),
    (_jobs(J=_job(["A", 5])), "$.jobs.J.content.categories[1]"),
    (_jobs(J=_job({"A": None})), "$.jobs.J.content.categories.A"),
    (_jobs(J=_job({"a light": []})), '$.jobs.J.content.categories["a light"]'),
    (_jobs(J=_job({"A": {"name": 1}})), "$.jobs.J.content.categories.A.name"),
    (_jobs(J=_job({"A": {"children": "K"}})), "$.jobs.J.content.categories.A.children"),
    (_jobs(J=_job({"A": {"children": {"K": 1}}})), "$.jobs.J.content.categories.A.children"),
    (_jobs(J=_job({"A": {"children": ["K", None]}})), "$.jobs.J.content.categories.A.children[1]"),
    (_jobs(J=_job({"A": {"points": {"x": 1}}})), "$.jobs.J.content.categories.A.points"),
    (_jobs(J=_job({"A": {"points": ["NOSE"]}})), "$.jobs.J.content.categories.A.points[0]"),
    (_jobs(J=_job({"A": {"points": [{}, {"children": [5]}]}})), "$.jobs.J.content.categories.A.points[1].children[0]"),
]


@pytest.mark.parametrize(("value", "where"), WRONG, ids=[str(i) for i in range(len(WRONG))])
def test_wrong_shape_is_a_data_error_at_its_json_path(value: object, where: str) -> None:
    with pytest.raises(DataError) as caught:
        Ontology.from_json_interface(value)
    assert (caught.value.code, caught.value.where) == ("KQ502", where)
    assert str(caught.value) == f"{where}: {caught.value.message}"


def test_messages_name_what_is_there_in_words() -> None:
    with pytest.raises(DataError, match=r"^\$\.jobs\.J\.content: must be an object, and is a list$"):
        Ontology.from_json_interface(_jobs(J={"content": []}))
    with pytest.raises(DataError, match=r"must be a text, and is a number$"):
        Ontology.from_json_interface(_jobs(J={"mlTask": 5}))
    with pytest.raises(DataError, match="address"):
        Ontology.from_json_interface("https://example.com/interface.json")


# -- right shapes ------------------------------------------------------------------------------------------------------

INTERFACE = _jobs(J=_job({"A": {"name": "Shown", "children": ["K"]}, "B": {}}), K=_job({"C": {}}, isChild=True))


@pytest.mark.parametrize(
    "value",
    [
        INTERFACE,
        json.dumps(INTERFACE),
        json.dumps(INTERFACE).encode(),
        bytearray(json.dumps(INTERFACE).encode()),
        b"\xef\xbb\xbf" + json.dumps(INTERFACE).encode(),
        {"jsonInterface": INTERFACE, "title": "a project"},
        {"jsonInterface": json.dumps(INTERFACE)},
        json.dumps({"jsonInterface": json.dumps(INTERFACE)}),
    ],
    ids=["object", "text", "bytes", "bytearray", "byte-order mark", "project", "project with text", "project as text"],
)
def test_all_encodings_give_the_same_ontology(value: object) -> None:
    ontology = Ontology.from_json_interface(value)
    assert ontology == Ontology.from_json_interface(INTERFACE)
    assert list(ontology.jobs) == ["J", "K"]
    assert [(c.key, c.name, c.children) for c in ontology.jobs["J"].categories.values()] == [
        ("A", "Shown", ("K",)),
        ("B", "B", ()),
    ]


def test_a_project_brings_its_input_type_and_the_caller_can_overrule_it() -> None:
    project = {"jsonInterface": INTERFACE, "inputType": "VIDEO"}
    assert Ontology.from_json_interface(project).input_type == "VIDEO"
    assert Ontology.from_json_interface(project, "IMAGE").input_type == "IMAGE"
    assert Ontology.from_json_interface({"jsonInterface": INTERFACE, "inputType": 5}).input_type is None


def test_categories_may_be_a_list_of_names() -> None:
    job = Ontology.from_json_interface(_jobs(J=_job(["A", "a light"]))).jobs["J"]
    assert {key: category.name for key, category in job.categories.items()} == {"A": "A", "a light": "a light"}


@pytest.mark.parametrize("flag", [(0, False), (1, True), (False, False), (True, True), (None, False)])
def test_flags_may_be_numbers_or_absent(flag: tuple[Any, bool]) -> None:
    job = Ontology.from_json_interface(_jobs(J=_job({}, isChild=flag[0], isModel=flag[0]))).jobs["J"]
    assert (job.is_child, job.is_model) == (flag[1], flag[1])


def test_what_is_not_known_is_ignored() -> None:
    job = {
        "mlTask": "TASK_OF_TOMORROW",
        "models": {"x": [1]},
        "content": {"categories": {"A": {"id": 5, "color": None}}, "z": 1},
    }
    ontology = Ontology.from_json_interface({"jobs": {"J": job}, "filetype": "IMAGE", "jobRendererWidth": 0.2})
    assert ontology.jobs["J"].searchable
    assert ontology.jobs["J"].task == "TASK_OF_TOMORROW"


@pytest.mark.parametrize(
    "content", [None, {}, {"categories": None}, {"categories": {}}, {"categories": []}, {"options": {"A": {}}}]
)
def test_a_job_without_categories_cannot_be_searched(content: object) -> None:
    assert (
        not Ontology.from_json_interface(_jobs(J={"mlTask": "TRANSCRIPTION", "content": content})).jobs["J"].searchable
    )


def test_load_names_the_file_in_its_errors(tmp_path: Path) -> None:
    path = tmp_path / "interface.json"
    with pytest.raises(DataError, match="cannot be read") as caught:
        Ontology.load(path)
    assert (caught.value.code, caught.value.where) == ("KQ503", str(path))
    with pytest.raises(DataError) as caught:
        Ontology.load("a\0b")
    assert caught.value.code == "KQ503"
    path.write_text(json.dumps(_jobs(J=[])))
    with pytest.raises(DataError) as caught:
        Ontology.load(path)
    assert (caught.value.code, caught.value.where) == ("KQ502", f"{path}: $.jobs.J")
    path.write_text(json.dumps(INTERFACE))
    assert Ontology.load(path) == Ontology.from_json_interface(INTERFACE)
    assert Ontology.load(str(path), "VIDEO").input_type == "VIDEO"


# -- nesting -----------------------------------------------------------------------------------------------------------

NESTED = _jobs(
    TOP=_job({"A": {"children": ["MID", "LOW"]}, "B": {"children": ["MID"]}}),
    OBJECTS=_job({"CAR": {"children": ["COLOR"]}}, mlTask="OBJECT_DETECTION"),
    BODY=_job(
        {"HORSE": {"points": [{"code": "NOSE", "children": ["SEEN"]}, {"children": ["SEEN"]}]}},
        mlTask="OBJECT_DETECTION",
    ),
    MID=_job({"C": {"children": ["LOW"]}, "D": {}}, isChild=True),
    LOW=_job({"E": {}}, isChild=True),
    COLOR=_job({"RED": {}}, isChild=True),
    SEEN=_job({"YES": {}}, isChild=True),
    ORPHAN=_job({"X": {}}, isChild=True),
)


def test_parents_are_all_places_where_a_job_is_attached() -> None:
    parents = Ontology.from_json_interface(NESTED).parents
    found = {
        child: [(job.key, category.key, at_point) for job, category, at_point in places]
        for child, places in parents.items()
    }
    assert found == {
        "MID": [("TOP", "A", False), ("TOP", "B", False)],
        "LOW": [("TOP", "A", False), ("MID", "C", False)],
        "COLOR": [("OBJECTS", "CAR", False)],
        "SEEN": [("BODY", "HORSE", True), ("BODY", "HORSE", True)],
    }


def test_answers_per_label_are_summed_over_the_places() -> None:
    assert dict(Ontology.from_json_interface(NESTED).answers_per_label) == {
        "TOP": 1, "OBJECTS": 1, "BODY": 1, "MID": 2, "LOW": 3, "COLOR": None, "SEEN": None, "ORPHAN": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("input_type", "level", "expected"),
    [
        ("IMAGE", None, 1), ("VIDEO", None, 1), (None, None, 1), ("LLM_RLHF", None, 1), ("LLM_RLHF", "round", 1),
        ("LLM_STATIC", None, None), ("LLM_STATIC", "round", None), ("LLM_STATIC", "completion", None), ("LLM_STATIC", "conversation", 1),
        ("LLM_INSTR_FOLLOWING", None, None), ("LLM_INSTR_FOLLOWING", "conversation", 1), (None, "round", None),
    ],
)  # fmt: skip
def test_answers_of_messages_and_rounds_have_no_bound(
    input_type: str | None, level: str | None, expected: int | None
) -> None:
    ontology = Ontology.from_json_interface(_jobs(J=_job({"A": {}}, level=level)), input_type)
    assert ontology.answers_per_label == {"J": expected}


def test_rings_of_jobs_have_no_bound_and_end() -> None:
    ring = _jobs(
        A=_job({"X": {"children": ["B"]}}, isChild=True),
        B=_job({"X": {"children": ["A", "C"]}}, isChild=True),
        C=_job({"X": {"children": ["C"]}}, isChild=True),
        TOP=_job({"X": {"children": ["TOP", "D"]}}),
        D=_job({}, isChild=True),
    )
    ontology = Ontology.from_json_interface(ring)
    assert ontology.answers_per_label == {"A": None, "B": None, "C": None, "TOP": 1, "D": 1}
    assert [job.key for job in ontology.nested_below("A")] == ["B", "C"]
    assert [job.key for job in ontology.nested_below("TOP")] == ["D"]


def test_a_chain_of_ten_thousand_jobs_needs_no_stack() -> None:
    jobs = {f"J{i}": _job({"A": {"children": [f"J{i + 1}"]}}, isChild=i > 0) for i in range(10_000)}
    ontology = Ontology.from_json_interface({"jobs": jobs})
    assert set(ontology.answers_per_label.values()) == {1}
    assert len(ontology.nested_below("J0")) == 9_999


def test_nested_jobs_are_found_nearest_first_and_missing_ones_left_out() -> None:
    interface = {"jobs": NESTED["jobs"] | {"EXTRA": _job({"Z": {"children": ["GONE"]}})}}
    ontology = Ontology.from_json_interface(interface)
    assert [job.key for job in ontology.nested_below("TOP")] == ["MID", "LOW"]
    assert [job.key for job in ontology.nested_below("BODY")] == ["SEEN"]
    assert ontology.nested_below("EXTRA") == []
    assert ontology.nested_below("NO") == []


# -- real ontologies ---------------------------------------------------------------------------------------------------


def test_every_real_ontology_is_read(shared: Path) -> None:
    paths = sorted(shared.glob("*.interface.json"))
    assert len(paths) > 40
    for path in paths:
        ontology = Ontology.load(path)
        assert list(ontology.jobs) == list(json.loads(path.read_bytes())["jobs"])
        assert set(ontology.answers_per_label) == set(ontology.jobs)
