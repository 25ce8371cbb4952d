"""Filters: what local Kili gives is what the same filter means for the records in Python."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kili_query.server import LocalKili
from tests.conftest import EXAMPLES
from tests.server.asking import INTERFACE, Asking
from tests.server.conftest import Load
from tests.server.records import PEOPLE, STATUSES, STEP_STATUSES, TYPES, asset_passes, label_passes, make_records

RECORDS = make_records()
LABELS = [(label, asset) for asset in RECORDS for label in asset["labels"]]

QUERIES = (
    "OBJ.A.count > 1",
    "OBJ.A.count == 0",
    "OBJ.A.count > 0 AND CLS.SUN.count == 1",
    "OBJ.B.count >= 2 OR CLS.RAIN.count < 1 AND OBJ.A.count <= 2",
    "(OBJ.B.count >= 2 OR CLS.RAIN.count < 1) AND OBJ.A.count <= 2",
    "OBJ.NONE.count == 0",
    "OBJ.A.count > -1",
    "OBJ.A.count < 0",
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Asking, str]]:
    path = tmp_path_factory.mktemp("records") / "records.json"
    path.write_text(json.dumps(RECORDS))
    with LocalKili(socket=False) as server:
        project = server.load(path, interface=INTERFACE, input_type="IMAGE")
        server.load(path, interface=INTERFACE, input_type="IMAGE")  # another project, which must not shine through
        yield Asking(server), project


def listed(values: Any, most: int = 3) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(list(values)), max_size=most)


days = st.sampled_from([f"2024-01-{day:02}" for day in range(1, 7)])
marks = st.sampled_from([0.0, 0.25, 0.5, 1.0])
names = listed(["Ann", "Bob", "Ann Lee", "Lee", "Cid", "ann", "Bob Ann", ""])
people = listed([person[key] for person in PEOPLE for key in ("id", "email")] + ["nobody"])
mark_filters = {f"{mark}Mark{end}": marks for mark in ("consensus", "honeypot") for end in ("Gte", "Lte")}
metadata = st.fixed_dictionaries(
    {},
    optional={
        "split": st.sampled_from(["train", "val", ["train"], ["train", "val"], [], "x"]),
        "n": st.sampled_from([0, 1, 1.0, 1.5, "1", True, False, [0, 1], [1, 1.5], [2, 1], ["1"], [1.2, 20]]),
        "none": st.sampled_from(["", 0]),
    },
)

own_label_filters: dict[str, st.SearchStrategy[Any]] = {
    "id": st.sampled_from(["a1-l0", "a3-l0", "none"]),
    "idIn": listed([label["id"] for label, _ in LABELS], 20),
    "typeIn": listed(TYPES),
    "authorIn": names,
    "labelerIn": people,
    "labelerNotIn": people,
    "reviewerIn": people,
    "reviewerNotIn": people,
    "user": st.sampled_from([{"email": None}, *({"email": None, "id": person["id"]} for person in PEOPLE)]),
    "createdAt": days,
    "createdAtGte": days,
    "createdAtLte": days,
    "search": st.sampled_from([*QUERIES, ""]),
    **mark_filters,
}
own_asset_filters: dict[str, st.SearchStrategy[Any]] = {
    "id": st.sampled_from(["a1", "a3", "none"]),
    "idIn": listed([asset["id"] for asset in RECORDS], 20),
    "idNotIn": listed([asset["id"] for asset in RECORDS], 20),
    "externalIdStrictlyIn": listed([asset["externalId"] for asset in RECORDS] + ["img"], 10),
    "externalIdIn": listed(["img", "IMG_1", "%", "_", "jpg", ""]),
    "statusIn": listed(STATUSES),
    "skipped": st.booleans(),
    "metadata": metadata,
    "createdAtGte": days,
    "createdAtLte": days,
    "updatedAtGte": days,
    "updatedAtLte": days,
    "stepStatusIn": listed(STEP_STATUSES),
    "stepStatusNotIn": listed(STEP_STATUSES),
    "groupNameIn": listed(["G1", "G2", "G3"]),
    "groupNameNotIn": listed(["G1", "G2", "G3"]),
    "issue": st.just({}),
    **mark_filters,
    "inferenceMarkGte": marks,
    "inferenceMarkLte": marks,
}


def some_of(filters: dict[str, st.SearchStrategy[Any]], most: int = 3) -> st.SearchStrategy[dict[str, Any]]:
    """A few filters at a time, some of them null; all at once would let nothing through."""

    def chosen(names: list[str]) -> st.SearchStrategy[dict[str, Any]]:
        return st.fixed_dictionaries({name: st.none() | filters[name] for name in names})

    return st.lists(st.sampled_from(sorted(filters)), max_size=most, unique=True).flatmap(chosen)


bare_labels = some_of(own_label_filters)
bare_assets = some_of(own_asset_filters)
asset_filters = some_of({**own_asset_filters, "label": bare_labels})
label_filters = some_of({**own_label_filters, "asset": bare_assets})


@settings(max_examples=3 * EXAMPLES)
@given(where=label_filters)
def test_labels_are_those_that_the_filter_means(world: tuple[Asking, str], where: dict[str, Any]) -> None:
    asking, project = world
    passed = [label for label, asset in LABELS if label_passes(where, label, asset)]
    expected = [label["id"] for label in sorted(passed, key=lambda label: label["createdAt"])]
    where = {**where, "project": {"id": project}}
    assert [label["id"] for label in asking.labels(where)] == expected
    assert asking.count("Label", where) == len(expected)


@settings(max_examples=3 * EXAMPLES)
@given(where=asset_filters)
def test_assets_are_those_that_the_filter_means(world: tuple[Asking, str], where: dict[str, Any]) -> None:
    asking, project = world
    passed = [asset for asset in RECORDS if asset_passes(where, asset)]
    expected = [asset["id"] for asset in sorted(passed, key=lambda asset: asset["createdAt"])]
    where = {**where, "project": {"id": project}}
    assert [asset["id"] for asset in asking.assets(where)] == expected
    assert asking.count("Asset", where) == len(expected)


@pytest.mark.parametrize("name", sorted({**own_label_filters, "asset": bare_assets}))
def test_each_filter_of_labels_alone(world: tuple[Asking, str], name: str) -> None:
    @settings(max_examples=max(EXAMPLES // 2, 1))
    @given(value=own_label_filters.get(name, bare_assets))
    def check(value: Any) -> None:
        asking, project = world
        expected = {label["id"] for label, asset in LABELS if label_passes({name: value}, label, asset)}
        assert {label["id"] for label in asking.labels({name: value, "project": {"id": project}})} == expected

    check()


@pytest.mark.parametrize("name", sorted({**own_asset_filters, "label": bare_labels}))
def test_each_filter_of_assets_alone(world: tuple[Asking, str], name: str) -> None:
    @settings(max_examples=max(EXAMPLES // 2, 1))
    @given(value=own_asset_filters.get(name, bare_labels))
    def check(value: Any) -> None:
        asking, project = world
        expected = {asset["id"] for asset in RECORDS if asset_passes({name: value}, asset)}
        assert {asset["id"] for asset in asking.assets({name: value, "project": {"id": project}})} == expected

    check()


def test_every_documented_filter_is_tried() -> None:
    from graphql import GraphQLInputObjectType

    from kili_query.server.graph.resolvers import make_documents

    types = make_documents().schema.type_map
    elsewhere = {"stepIdIn", "stepIdNotIn", "stepIdAndStatusIn", "stepIdAndStatusNotIn", "assigneeIn", "assigneeNotIn"}
    for kind, tried in (("LabelWhere", {*own_label_filters, "asset"}), ("AssetWhere", {*own_asset_filters, "label"})):
        of_schema = types[kind]
        assert isinstance(of_schema, GraphQLInputObjectType)
        assert set(of_schema.fields) - tried - elsewhere == {"project"}


def test_one_label_must_satisfy_all_that_is_asked_of_labels(world: tuple[Asking, str]) -> None:
    asking, project = world
    where = {"typeIn": ["REVIEW"], "search": "OBJ.A.count > 1"}
    found = {asset["id"] for asset in asking.assets({"project": {"id": project}, "label": where})}
    apart = [
        {asset["id"] for asset in asking.assets({"project": {"id": project}, "label": {k: v}})}
        for k, v in where.items()
    ]
    assert found < apart[0] & apart[1]


def test_labels_that_are_asked_for_are_of_the_project_that_is_asked_of_them(world: tuple[Asking, str]) -> None:
    asking, project = world
    labelled = sum(bool(asset.get("labels")) for asset in RECORDS)
    for asked, found in (({"id": project}, labelled), ({"id": "nobody"}, 0)):
        for label in ({"project": asked}, {"asset": {"project": asked}}):
            where = {"project": {"id": project}, "label": {"typeIn": TYPES, **label}}
            assert asking.count("Asset", where) == len(asking.assets(where)) == found


def test_filters_by_step(world: tuple[Asking, str]) -> None:
    asking, project = world
    document = "query ($id: ID!) { projects(where: {id: $id}, first: 1, skip: 0) { workflowVersion steps { id name stepGroupId } stepGroups { id name } } }"
    (found,) = asking.ask(document, id=project)
    assert found["workflowVersion"] == "V3"
    groups = {group["id"]: group["name"] for group in found["stepGroups"]}
    steps = {(step["name"], groups[step["stepGroupId"]]): step["id"] for step in found["steps"]}
    of_step = {}
    for (name, group), step_id in steps.items():
        expected = {
            a["id"] for a in RECORDS if (a["currentStep"]["name"], a["currentStep"]["stepGroupName"]) == (name, group)
        }
        of_step[step_id] = expected
        inside = asking.assets(
            {"project": {"id": project}, "stepIdIn": [step_id]}, "id currentStep { id name stepGroupName }"
        )
        assert {asset["id"] for asset in inside} == expected
        assert all(a["currentStep"] == {"id": step_id, "name": name, "stepGroupName": group} for a in inside)
        outside = asking.assets({"project": {"id": project}, "stepIdNotIn": [step_id]})
        assert {asset["id"] for asset in outside} == {a["id"] for a in RECORDS} - expected
    pairs = [{"stepId": step_id, "status": "DONE"} for step_id in list(of_step)[:2]]
    expected = {a["id"] for a in RECORDS if a["currentStep"]["status"] == "DONE"} & set().union(
        *list(of_step.values())[:2]
    )
    found_in = asking.assets({"project": {"id": project}, "stepIdAndStatusIn": pairs})
    found_out = asking.assets({"project": {"id": project}, "stepIdAndStatusNotIn": pairs})
    assert {asset["id"] for asset in found_in} == expected
    assert {asset["id"] for asset in found_out} == {a["id"] for a in RECORDS} - expected


def test_moments_of_other_forms_mean_the_same(world: tuple[Asking, str]) -> None:
    asking, project = world
    both = {"project": {"id": project}}
    day = asking.count("Label", {**both, "createdAt": "2024-01-02"})
    first, last = {"createdAtGte": "2024-01-02T01:00:00+01:00"}, {"createdAtLte": "2024-01-02T23:59:59.999Z"}
    assert day == asking.count("Label", {**both, **first, **last}) > 0


@pytest.mark.parametrize(
    ("written", "whole"),
    [
        ("OBJ.A.count > .5", "OBJ.A.count >= 1"),
        ("OBJ.A.count>1e0", "OBJ.A.count > 1"),
        ("OBJ.A.count == 1.0", "OBJ.A.count == 1"),
        ("OBJ.A.count == 1.5", "OBJ.A.count < 0"),
        ("OBJ.A.count <= 1.5AND OBJ.B.count>+1.", "OBJ.A.count <= 1 AND OBJ.B.count > 1"),
        ("OBJ.A.count < 10.0e-1", "OBJ.A.count < 1"),
        ("OBJ.A.count > -1.5", "OBJ.A.count >= 0"),
        ("OBJ.A.count < 1e999999999", "OBJ.A.count >= 0"),
        ("OBJ.A.count > -99999999999999999999999999", "OBJ.A.count >= 0"),
    ],
)  # fmt: skip
def test_numbers_of_kilis_validator_are_answered(world: tuple[Asking, str], written: str, whole: str) -> None:
    asking, project = world
    found = asking.labels({"search": written, "project": {"id": project}})
    assert found == asking.labels({"search": whole, "project": {"id": project}})


@pytest.mark.parametrize(
    "text",
    ["NOT OBJ.A.count > 1", "OBJ.A.count != 1", "OBJ.A.count IN (1, 2)", "OBJ.A.count IN 1..", '"OBJ".A.count > 1',
     "OBJ.A.count > 1 # more", "OBJ.A > 1", "OBJ.A.count > .", "OBJ.A.count > +.", " ", "OBJ.A.count > 1 AND", "OBJ.A.count > 1e", "obj", "OBJ.A.count > 1 or OBJ.B.count > 1"],
)  # fmt: skip
def test_what_kilis_own_language_lacks_is_refused(world: tuple[Asking, str], text: str) -> None:
    asking, _ = world
    for document in (
        "query ($s: String) { countLabels(where: {search: $s}) }",
        "query ($s: String) { countAssets(where: {label: {search: $s}}) }",
    ):
        error = asking.error(document, s=text)
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
        assert error["extensions"]["context"]["search"] == text
        assert error["extensions"]["context"]["code"].startswith("KQ")


def test_metadata_beyond_64_bits_are_compared_as_they_are_read(asking: Asking, load: Load) -> None:
    load({"externalId": "big", "jsonMetadata": {"n": 2**70}, "labels": []}, {"externalId": "small", "jsonMetadata": {"n": 7}, "labels": []})  # fmt: skip
    for value, expected in (
        (10**400, []),
        ([-(10**400), 10**400], ["big", "small"]),
        (2**70, ["big"]),
        ([0, 2**80], ["big", "small"]),
        ([-(2**80), 8], ["small"]),
    ):
        found = asking.assets({"metadata": {"n": value}}, "externalId")
        assert sorted(row["externalId"] for row in found) == expected


def test_long_lists_are_no_matter(world: tuple[Asking, str]) -> None:
    asking, project = world
    both = {"project": {"id": project}}
    many = ["none", *(f"x{i}" for i in range(40_000))]
    pairs = [{"stepId": name, "status": "DONE"} for name in many[:3000]]
    assert (
        asking.count("Label", {**both, "typeIn": ["REVIEW"] * 40_000})
        == asking.count("Label", {**both, "typeIn": ["REVIEW"]})
        > 0
    )
    assert asking.count("Asset", {**both, "statusIn": list(STATUSES) * 8_000, "idNotIn": many}) == len(RECORDS)
    assert asking.count("Asset", {**both, "stepIdAndStatusNotIn": pairs}) == len(RECORDS)
    assert asking.count("Asset", {**both, "stepIdAndStatusIn": pairs}) == 0


def test_filters_beyond_measure_are_refused(asking: Asking) -> None:
    where: dict[str, Any] = {"id": "x"}
    for _ in range(5):
        where = {"asset": {"label": where}}
    assert asking.count("Label", where) == 0
    error = asking.error("query ($w: LabelWhere!) { countLabels(where: $w) }", w={"asset": {"label": where}})
    assert error["message"] == "filters are nested at most 12 deep"
    error = asking.error("query ($m: JSON) { countAssets(where: {metadata: $m}) }", m={str(i): i for i in range(101)})
    assert error["message"] == "`metadata` has at most 100 keys, and here are 101"


@pytest.mark.parametrize("date", ["20240102", "2024-W01-2", "2024-1-2", "2024-02-30", "2024-01-02T25:00", "soon"])
def test_what_is_no_date_is_refused(asking: Asking, date: str) -> None:
    error = asking.error("query ($w: LabelWhere!) { countLabels(where: $w) }", w={"createdAt": date})
    assert "a date is `YYYY-MM-DD`" in error["message"]
