"""The methods on local Kili: what they give is what a naive look at the same records gives."""

from __future__ import annotations

import asyncio
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kili_query import (
    ApiError,
    ArgumentError,
    AsyncKili,
    Kili,
    KiliQueryError,
    NotFoundError,
    QueryCheckError,
    QuerySyntaxError,
    QueryWarning,
    UnsupportedQueryError,
    count,
    parse,
)
from kili_query.server import LocalKili
from tests.client.conftest import INTERFACE, World

QUERIES = [
    "OBJECTS.CAR.count >= 2",
    "WEATHER.SUN.count == 1 AND OBJECTS.CAR.count > 0",
    "NOT (OBJECTS.CAR.count > 0 OR OBJECTS.BUS.count != 2)",
    "OBJECTS.CAR.count IN (1, 3) OR OBJECTS.BUS.count IN 2..3",
    "OBJECTS.CAR.count == 0",
]
NOT_PORTABLE = [
    'OBJECTS."fire truck".count > 1',
    'OBJECTS."fire truck".count > 1 AND OBJECTS.CAR.count > 0',
    'NOT OBJECTS."fire truck".count > 0 OR OBJECTS.BUS.count > 2',
    "OBJECTS.*.count > 3 AND WEATHER.SUN.count > 0",
    "OBJECTS.*.count == 0",
    "*.CAR.count > 0 OR *.*.count < 3",
]


def _satisfying(world: World, query: str) -> list[str]:
    return [label["id"] for label in world.labels if parse(query).matches(label["jsonResponse"])]


def _ids(rows: Any) -> list[str]:
    return [row["id"] for row in rows]


# -- listing -----------------------------------------------------------------------------------------------------------


def test_labels_are_all_there_once_and_in_order(world: World) -> None:
    rows = list(world.kili().labels(world.project))
    expected = sorted(world.labels, key=lambda label: label["createdAt"])
    assert sorted(_ids(rows)) == sorted(_ids(expected))
    assert [row["id"] for row in rows] == _ids(world.kili().labels(world.project, fields=["id"], disable_tqdm=True))
    by_id = {label["id"]: label for label in world.labels}
    for row in rows:
        label = by_id[row["id"]]
        assert set(row) == {
            "author", "id", "jsonResponse", "labelType", "secondsToLabel", "isLatestLabelForUser", "assetId", "jsonResponseUrl",
        }  # fmt: skip
        assert row["jsonResponse"] == label["jsonResponse"]
        assert row["author"] == {"email": label["author"]["email"], "id": label["author"]["id"]}


def test_assets_come_with_their_labels_and_decoded_metadata(world: World) -> None:
    rows = list(world.kili(disable_tqdm=True).assets(world.project))
    assert _ids(rows) == [asset["id"] for asset in world.assets]
    for row, asset in zip(rows, world.assets, strict=True):
        assert row["jsonMetadata"] == asset["jsonMetadata"]
        assert {label["id"]: label["jsonResponse"] for label in row["labels"]} == {
            label["id"]: label["jsonResponse"] for label in asset["labels"]
        }


@pytest.mark.parametrize(
    ("first", "skip"), [(None, 0), (0, 0), (1, 0), (100, 0), (101, 0), (150, 37), (None, 239), (5, 240), (5, 999)]
)
@pytest.mark.parametrize("fields", [["id"], ["externalId"], ["id", "labels.jsonResponse"]])
def test_first_and_skip_cut_a_window(world: World, first: int | None, skip: int, fields: list[str]) -> None:
    rows = list(world.kili().assets(world.project, fields=fields, first=first, skip=skip, disable_tqdm=True))
    expected = world.assets[skip:] if first is None else world.assets[skip : skip + first]
    key = "externalId" if fields == ["externalId"] else "id"
    assert [row[key] for row in rows] == [asset[key] for asset in expected]


@pytest.mark.parametrize("method", ["labels", "assets"])
def test_a_generator_gives_the_same_rows(world: World, method: str) -> None:
    listing = getattr(world.kili(), method)
    lazy = listing(world.project, fields=["id"], as_generator=True)
    assert iter(lazy) is lazy
    assert _ids(lazy) == _ids(listing(world.project, fields=["id"], disable_tqdm=True))


def test_predictions_and_inferences_are_labels_of_their_type(world: World) -> None:
    kili = world.kili(disable_tqdm=True)
    for method, label_type in ((kili.predictions, "PREDICTION"), (kili.inferences, "INFERENCE")):
        rows = list(method(world.project))
        assert sorted(_ids(rows)) == sorted(label["id"] for label in world.labels if label["labelType"] == label_type)
        assert {"modelName", "jsonResponse"} <= set(rows[0])


def test_a_table_has_a_row_per_label(world: World) -> None:
    table = world.kili(disable_tqdm=True).export_labels_as_df(
        world.project, fields=["id", "labelType"], asset_fields=["externalId", "id"]
    )
    assert list(table.columns) == ["id", "labelType", "asset_externalId", "asset_id"]
    assert sorted(table["id"]) == sorted(_ids(world.labels))
    assets: Any = world.kili(disable_tqdm=True).assets(world.project, fields=["id", "status"], format="pandas")
    assert list(assets["status"]) == [asset["status"] for asset in world.assets]


FILTERS: list[tuple[dict[str, Any], Callable[[dict[str, Any]], bool]]] = [
    ({"status_in": ["TODO", "LABELED"]}, lambda a: a["status"] in ("TODO", "LABELED")),
    ({"status_in": ("TODO",), "skipped": False}, lambda a: a["status"] == "TODO" and not a["skipped"]),
    ({"asset_id_in": ["asset-1", "asset-9"], "asset_id_not_in": ["asset-9"]}, lambda a: a["id"] == "asset-1"),
    ({"external_id_in": ["ture 12"]}, lambda a: "ture 12" in a["externalId"]),
    ({"external_id_strictly_in": ["picture 12.jpg"]}, lambda a: a["externalId"] == "picture 12.jpg"),
    ({"metadata_where": {"batch": [1, 2], "camera": "left"}}, lambda a: 1 <= a["jsonMetadata"]["batch"] <= 2 and a["jsonMetadata"]["camera"] == "left"),
    ({"created_at_gte": "2024-01-02"}, lambda a: False),
    ({"label_type_in": ["REVIEW"], "label_author_in": ["Ada King"]}, lambda a: any(x["labelType"] == "REVIEW" and x["author"]["firstname"] == "Ada" for x in a["labels"])),
    ({"label_created_at": "2024-02-03"}, lambda a: any(x["createdAt"].startswith("2024-02-03") for x in a["labels"])),
]  # fmt: skip


@pytest.mark.parametrize(("filters", "holds"), FILTERS, ids=lambda value: str(value) if isinstance(value, dict) else "")
def test_filters_of_assets(world: World, filters: dict[str, Any], holds: Callable[[dict[str, Any]], bool]) -> None:
    kili = world.kili(disable_tqdm=True)
    expected = [asset["id"] for asset in world.assets if holds(asset)]
    assert _ids(kili.assets(world.project, fields=["id"], **filters)) == expected
    assert kili.count_assets(world.project, **filters) == len(expected)


# -- the door ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_finds_the_labels_that_satisfy_it(world: World, query: str) -> None:
    kili = world.kili(disable_tqdm=True)
    expected = _satisfying(world, query)
    for search in (query, parse(query)):
        assert sorted(_ids(kili.labels(world.project, fields=["id"], category_search=search))) == sorted(expected)
        assert kili.count_labels(world.project, category_search=search) == len(expected)
    assets = [a["id"] for a in world.assets if any(label["id"] in expected for label in a["labels"])]
    assert _ids(kili.assets(world.project, fields=["id"], label_category_search=query)) == assets
    assert kili.count_assets(world.project, label_category_search=query) == len(assets)


def test_a_query_built_in_python_is_taken(world: World) -> None:
    query = (count("OBJECTS", "CAR") > 1) & ~(count("OBJECTS", "BUS") > 0)
    found = world.kili(disable_tqdm=True).labels(world.project, fields=["id"], category_search=query)
    assert sorted(_ids(found)) == sorted(_satisfying(world, str(query)))


@pytest.mark.parametrize("query", NOT_PORTABLE)
def test_what_kili_cannot_express_is_refused_or_answered_here(world: World, query: str) -> None:
    with pytest.raises(UnsupportedQueryError, match="local_filter=True"):
        world.kili().count_labels(world.project, category_search=query)
    kili = world.kili(local_filter=True, disable_tqdm=True)
    expected = _satisfying(world, query)
    assert kili.count_labels(world.project, category_search=query) == len(expected)
    found = list(kili.labels(world.project, fields=["id", "author.email"], category_search=query))
    assert sorted(_ids(found)) == sorted(expected)
    assert set(found[0]) == {"id", "author"}
    window = _ids(kili.labels(world.project, fields=["id"], category_search=query, first=5, skip=3))
    assert window == _ids(found)[3:8]
    assets = [a["id"] for a in world.assets if any(label["id"] in expected for label in a["labels"])]
    assert _ids(kili.assets(world.project, fields=["id"], label_category_search=query)) == assets
    assert kili.count_assets(world.project, label_category_search=query) == len(assets)
    listed = list(kili.assets(world.project, fields=["externalId"], label_category_search=query, first=4, skip=2))
    assert listed == [{"externalId": a["externalId"]} for a in world.assets if a["id"] in assets[2:6]]


def test_a_local_filter_keeps_that_one_label_satisfies_all(world: World) -> None:
    query = 'OBJECTS."fire truck".count > 1'
    expected = [
        asset["id"]
        for asset in world.assets
        if any(x["labelType"] == "REVIEW" and parse(query).matches(x["jsonResponse"]) for x in asset["labels"])
    ]
    kili = world.kili(local_filter=True, disable_tqdm=True)
    assert (
        _ids(kili.assets(world.project, fields=["id"], label_category_search=query, label_type_in=["REVIEW"]))
        == expected
    )


@pytest.mark.parametrize("query", [QUERIES[0], NOT_PORTABLE[0]])
@pytest.mark.parametrize("fields", [["id", "labels.id"], ["id", "labels.id", "labels.jsonResponse"]])
def test_matching_labels_only_leaves_out_the_others(world: World, query: str, fields: list[str]) -> None:
    kili = world.kili(local_filter=True, disable_tqdm=True)
    found = list(kili.assets(world.project, fields=fields, label_category_search=query, matching_labels_only=True))
    assert sorted(label["id"] for asset in found for label in asset["labels"]) == sorted(_satisfying(world, query))
    assert all(asset["labels"] for asset in found)
    if "labels.jsonResponse" not in fields:
        assert set(found[0]) == {"id", "labels"}
        assert set(found[0]["labels"][0]) == {"id"}


def test_fields_that_are_asked_for_twice_are_given_alone(world: World) -> None:
    kili = world.kili(local_filter=True, disable_tqdm=True)
    query = NOT_PORTABLE[0]
    [asset] = kili.assets(world.project, fields=["externalId", "externalId"], label_category_search=query, first=1)
    assert set(asset) == {"externalId"}
    [label] = kili.labels(world.project, fields=["labelType", "labelType"], category_search=query, first=1)
    assert set(label) == {"labelType"}


def test_fragments_among_the_fields_are_given_with_a_local_filter(world: World) -> None:
    kili = world.kili(local_filter=True, disable_tqdm=True)
    fields = ["labelType", "... on Label { id }", "author.... on User { email }"]
    [label] = kili.labels(world.project, fields=fields, category_search=NOT_PORTABLE[0], first=1)
    assert label["id"] in _satisfying(world, NOT_PORTABLE[0])
    assert {"labelType", "author"} <= set(label)
    assert set(label["author"]) == {"email"}
    [asset] = kili.assets(
        world.project, fields=["labels.... on Label { id }"], label_category_search=QUERIES[0],
        matching_labels_only=True, first=1,
    )  # fmt: skip
    assert asset["labels"][0]["id"] in _satisfying(world, QUERIES[0])


def test_none_stands_for_the_defaults_of_kili_26(world: World) -> None:
    kili = world.kili(disable_tqdm=True)
    assert kili.assets(world.project, fields=None, first=2) == kili.assets(world.project, first=2)
    for method in (kili.labels, kili.predictions, kili.inferences):
        assert method(world.project, first=2, disable_tqdm=None) == method(world.project, first=2)


def test_empty_ids_filter_nothing(world: World) -> None:
    kili = world.kili()
    assert kili.count_labels(world.project, label_id="", id_contains=[], asset_id="") == len(world.labels)
    assert kili.count_projects(project_id="", tags_in=[]) == kili.count_projects() > 0


class _Asked:
    """A transport that keeps the operations that pass."""

    def __init__(self, world: World) -> None:
        self.bodies: list[bytes] = []
        self._inner = world.server.transport

    def handle_request(self, request: Any) -> Any:
        self.bodies.append(request.read())
        return self._inner.handle_request(request)

    def close(self) -> None:
        pass


def test_a_misspelt_job_fails_before_data_is_asked_for(world: World) -> None:
    asked = _Asked(world)
    kili = Kili(world.server.api_key, world.server.endpoint, transport=asked)
    of_labels: list[Callable[..., Any]] = [kili.labels, kili.count_labels, kili.predictions]
    of_assets: list[Callable[..., Any]] = [kili.assets, kili.count_assets]
    for call in of_labels:
        with pytest.raises(QueryCheckError, match="OBJECTS") as caught:
            call(world.project, category_search="OBJETCS.CAR.count > 1")
        assert caught.value.diagnostics[0].code == "KQ201"
    for call in of_assets:
        with pytest.raises(QueryCheckError, match=r"\^"):
            call(world.project, label_category_search="OBJECTS.CARR.count > 1")
    assert all(b"query projects(" in body for body in asked.bodies)


def test_what_is_no_query_fails_before_anything_is_sent(world: World) -> None:
    asked = _Asked(world)
    kili = Kili(world.server.api_key, world.server.endpoint, transport=asked)
    with pytest.raises(QuerySyntaxError):
        kili.labels(world.project, category_search="OBJECTS.CAR.count = 1")
    with pytest.raises(ArgumentError):
        kili.labels(world.project, category_search=3)  # type: ignore[call-overload]
    assert asked.bodies == []


def test_the_ontology_is_asked_for_once_and_again_when_a_query_does_not_fit(world: World) -> None:
    asked = _Asked(world)
    kili = Kili(world.server.api_key, world.server.endpoint, transport=asked, disable_tqdm=True)
    for _ in range(3):
        kili.count_labels(world.project, category_search=QUERIES[0])
    assert sum(b"query projects(" in body for body in asked.bodies) == 1
    with pytest.raises(QueryCheckError):
        kili.count_labels(world.project, category_search="NEW.CAR.count > 1")
    assert sum(b"query projects(" in body for body in asked.bodies) == 2


def test_check_queries_warn_sends_and_tells(world: World) -> None:
    kili = world.kili(check_queries="warn")
    with pytest.warns(QueryWarning, match="no job `OBJETCS`") as told:
        assert kili.count_labels(world.project, category_search="OBJETCS.CAR.count > 1") == 0
    assert told[0].filename == __file__
    with pytest.warns(QueryWarning, match="KQ105"), pytest.raises(ApiError):
        kili.count_labels(world.project, category_search="OBJECTS.CAR.count = 1")


def test_check_queries_off_does_not_look(world: World) -> None:
    kili = world.kili(check_queries="off")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert kili.count_labels(world.project, category_search="OBJETCS.CAR.count > 1") == 0
        assert kili.count_labels(world.project, category_search="NOT OBJECTS.CAR.count > 1") > 0


def test_a_query_that_nothing_can_satisfy_is_sent_with_a_warning(world: World) -> None:
    with pytest.warns(QueryWarning, match="KQ302"):
        assert world.kili().count_labels(world.project, category_search="OBJECTS.CAR.count < 0") == 0


# -- projects ----------------------------------------------------------------------------------------------------------


def test_projects_are_made_listed_counted_and_deleted(world: World) -> None:
    kili = world.kili(disable_tqdm=True)
    made = kili.create_project("Second", input_type="IMAGE", json_interface=INTERFACE, description="for a test")
    assert kili.count_projects() == 2
    (found,) = kili.projects(made["id"], fields=["id", "title", "description", "jsonInterface"])
    assert found == {"id": made["id"], "title": "Second", "description": "for a test", "jsonInterface": INTERFACE}
    ontology = kili.ontology(made["id"])
    assert ontology is not None
    assert list(ontology.jobs) == ["WEATHER", "OBJECTS"]
    assert list(kili.labels(made["id"])) == []
    assert kili.delete_project(made["id"]) == made["id"]
    with pytest.raises(NotFoundError):
        kili.labels(made["id"])
    assert [project["title"] for project in kili.projects(as_generator=True)] == ["World"]


def test_a_project_needs_an_input_type(world: World) -> None:
    with pytest.raises(ArgumentError, match=r"`input_type` is not given; it takes what is labelled"):
        world.kili().create_project("Sky", json_interface=INTERFACE)


# -- bad input ---------------------------------------------------------------------------------------------------------

BAD: list[tuple[str, dict[str, Any], str]] = [
    ("labels", {"type_in": ["DEFALT"]}, r"`type_in` holds `'DEFALT'` at \[0\]; it takes a list of .*`DEFAULT` is near"),
    ("labels", {"type_in": "DEFAULT"}, r"`type_in` is `'DEFAULT'`; it takes a list of"),
    ("labels", {"created_at": "2024-13-01"}, r"`created_at` is `'2024-13-01'`; it takes a day such as `2024-02-29`"),
    ("labels", {"created_at_gte": "yesterday"}, r"`created_at_gte` .* a day"),
    ("labels", {"first": -1}, r"`first` is `-1`; it takes a whole number from 0 or None"),
    ("labels", {"first": "10"}, r"`first` is `'10'`; it takes a whole number"),
    ("labels", {"skip": -3}, r"`skip` is `-3`"),
    ("labels", {"honeypot_mark_gte": float("nan")}, r"`honeypot_mark_gte` is `nan`; it takes a number"),
    ("labels", {"fields": []}, r"`fields` is empty"),
    ("labels", {"fields": ["id", "author..email"]}, r"`fields` holds `author\.\.email`"),
    ("labels", {"fields": ["author", "author.id"]}, r"takes the parts alone: `author\.id`"),
    ("labels", {"fields": ["id", "autor.email"]}, r"`fields` holds `autor`, which is no field of Kili's `Label`; `author` is near"),
    ("labels", {"fields": ["author"]}, r"`author`, which is an object: ask for parts of it, such as `author\.\w+`"),
    ("labels", {"fields": ["id.x"]}, r"`id`, which has no parts"),
    ("labels", {"output_format": "parsed_label", "fields": ["id"]}, r"`fields` lacks `jsonResponse`, which `output_format=\"parsed_label\"` needs"),
    ("labels", {"misfits": "drop"}, r"`misfits` is `'drop'`; it takes one of `raise`, `keep`, `skip`"),
    ("labels", {"output_format": "dicts"}, r"`output_format` is `'dicts'`; it takes one of `dict`, `parsed_label`; `dict` is near"),
    ("labels", {"asset_step_name_in": ["Review"]}, r"this project has none"),
    ("assets", {"status_in": ["TO_DO"]}, r"`status_in` holds `'TO_DO'`.*`TODO` is near"),
    ("assets", {"metadata_where": {"a": {1, 2}}}, r"`metadata_where` cannot be sent as JSON: it holds `{1, 2}` \(set\); it takes texts, numbers"),
    ("assets", {"metadata_where": {"a": "\ud800"}}, r"`metadata_where` cannot be sent as JSON"),
    ("assets", {"metadata_where": {"a": float("nan")}}, r"`metadata_where` cannot be sent as JSON"),
    ("assets", {"metadata_where": {"\ud800": 1}}, r"`metadata_where` is .* cannot be sent"),
    ("labels", {"asset_id": "\ud800"}, r"`asset_id` is `'\\ud800'`, which cannot be sent: half a character"),
    ("assets", {"asset_id_in": ["a", "\ud800"]}, r"`asset_id_in` holds `'\\ud800'` at \[1\], which cannot be sent"),
    ("labels", {"category_search": '"\ud800".A.count > 0'}, r"`category_search` .* cannot be sent"),
    ("assets", {"step_id_and_status_in": [("x",)]}, r"holds `\('x',\)` \(tuple\) at \[0\]; it takes a list of tuples of text and one of"),
    ("assets", {"step_id_and_status_in": [("x", "TODO")]}, r"holds `'TODO'` at \[0\]\[1\]; .*`TO_DO` is near"),
    ("assets", {"metadata_where": [1]}, r"`metadata_where` is `\[1\]` \(list\); it takes a dict with texts as keys or None"),
    ("assets", {"metadata_where": {(1,): "x"}}, r"it takes a dict with texts as keys or None"),
    ("assets", {"format": "csv"}, r"`format` is `'csv'`; it takes one of `pandas`, `raw` or None"),
    ("labels", {"created_at": "20240229"}, r"`created_at` is `'20240229'`; it takes a day"),
    ("labels", {"category_search": 5}, r"`category_search` is `5`; it takes text, a Query or None"),
    ("assets", {"format": "pandas", "as_generator": True}, r"`as_generator` gives assets one by one"),
    ("assets", {"download_media": True, "fields": ["id", "content"]}, r"`fields` lacks `externalId`"),
    ("assets", {"matching_labels_only": True}, r"`label_category_search`, which is not given"),
    ("assets", {"matching_labels_only": True, "fields": ["id"], "label_category_search": QUERIES[0]}, r"needs labels among `fields`"),
    ("count_assets", {"group_name_in": ["G"]}, r"step groups"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "arguments", "message"), BAD, ids=str)
def test_bad_arguments_are_named_with_what_they_take(
    world: World, method: str, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ArgumentError, match=message) as caught:
        getattr(world.kili(disable_tqdm=True), method)(world.project, **arguments)
    assert caught.value.argument in str(caught.value)
    assert "pydantic" not in str(caught.value)


@pytest.mark.parametrize("missing", ["input_type", "json_interface"])
def test_what_a_project_needs_is_named(world: World, missing: str) -> None:
    needed: dict[str, Any] = {"input_type": "IMAGE", "json_interface": INTERFACE}
    del needed[missing]
    with pytest.raises(ArgumentError, match=f"`{missing}` is not given; it takes"):
        world.kili().create_project("Sky", **needed)


class _OfLines:
    def __repr__(self) -> str:
        return "0    a\n1    b"


def test_a_value_of_several_lines_is_shown_on_one(world: World) -> None:
    with pytest.raises(
        ArgumentError, match=r"`asset_id_in` is `0 a 1 b` \(_OfLines\); it takes a list of texts or None"
    ):
        world.kili().count_assets(world.project, asset_id_in=_OfLines())  # type: ignore[arg-type]


def test_whole_numbers_of_other_packages_are_taken(world: World) -> None:
    numpy = pytest.importorskip("numpy")
    kili = world.kili(disable_tqdm=True)
    found = kili.labels(world.project, fields=["id"], first=numpy.int64(4), skip=numpy.uint8(3))
    assert found == kili.labels(world.project, fields=["id"], first=4, skip=3)
    assert kili.projects(fields=["id"], first=numpy.int64(1)) == [{"id": world.project}]
    with pytest.raises(ArgumentError, match="`first` is `True`"):
        kili.labels(world.project, first=True)
    with pytest.raises(ArgumentError, match="`first`"):
        kili.labels(world.project, first=numpy.array([1, 2]))


@pytest.mark.parametrize("project", ["", " ", None, 3])
def test_a_project_id_is_a_text_that_is_not_empty(world: World, project: Any) -> None:
    with pytest.raises(ArgumentError, match="project_id"):
        world.kili().labels(project)


@pytest.mark.parametrize("method", ["labels", "count_labels", "assets", "count_assets", "predictions"])
def test_a_project_that_does_not_exist_is_an_error(world: World, method: str) -> None:
    with pytest.raises(NotFoundError, match="no project `nowhere`"):
        getattr(world.kili(), method)("nowhere")


def test_a_query_for_another_projects_ontology_is_told(world: World) -> None:
    kili = world.kili()
    other = kili.create_project("Other", input_type="TEXT", json_interface={"jobs": {"NER": {
        "mlTask": "NAMED_ENTITIES_RECOGNITION", "content": {"categories": {"PERSON": {"name": "Person"}}}}}})  # fmt: skip
    with pytest.raises(QueryCheckError, match="NER"):
        kili.count_labels(other["id"], category_search=QUERIES[0])
    kili.delete_project(other["id"])


def test_old_names_are_taken_with_a_warning(world: World) -> None:
    kili = world.kili(disable_tqdm=True)
    with pytest.warns(DeprecationWarning, match="`external_id_contains` is deprecated") as told:
        found = kili.assets(world.project, fields=["id"], external_id_contains=["picture 3.jpg"])
    assert _ids(found) == ["asset-3"]
    assert told[0].filename == __file__
    with pytest.warns(DeprecationWarning, match="label_created_at_gte"):
        kili.count_assets(world.project, label_created_at_gt="2024-02-20")
    with pytest.warns(UserWarning, match="external_id_strictly_in"):
        kili.count_assets(world.project, external_id_in=[str(n) for n in range(11)])


# -- asyncio -----------------------------------------------------------------------------------------------------------


def test_the_asynchronous_client_gives_the_same(world: World) -> None:
    async def ask() -> tuple[Any, ...]:
        async with AsyncKili(
            world.server.api_key, world.server.endpoint, transport=world.server.transport, disable_tqdm=True
        ) as kili:
            counted, rows = await asyncio.gather(
                kili.count_labels(world.project, category_search=QUERIES[0]), kili.labels(world.project)
            )
            lazy = await kili.assets(world.project, fields=["id"], as_generator=True)
            first = []
            async for row in lazy:
                first.append(row)
                if len(first) == 120:
                    break
            await lazy.aclose()
            return counted, rows, first

    counted, rows, first = asyncio.run(ask())
    kili = world.kili(disable_tqdm=True)
    assert counted == kili.count_labels(world.project, category_search=QUERIES[0])
    assert rows == kili.labels(world.project)
    assert first == kili.assets(world.project, fields=["id"], first=120)


def test_clients_have_no_key_in_their_repr(world: World) -> None:
    assert world.server.api_key not in repr(world.kili())
    assert issubclass(ArgumentError, ValueError)
    assert issubclass(ApiError, KiliQueryError)


def test_metadata_of_scans_are_decoded_wherever_they_lie(tmp_path: Path) -> None:
    with LocalKili(socket=False) as server:
        address = server.endpoint.replace("/graphql", "/version")
        read = {"far": address, "here": '{"page": 1}', "none": None}
        records: list[Any] = [{"externalId": name, "ocrMetadata": value, "labels": []} for name, value in read.items()]
        (tmp_path / "export.json").write_text(json.dumps(records), "utf-8")
        project = server.load(tmp_path / "export.json", interface=INTERFACE, input_type="PDF")
        kili = Kili(server.api_key, server.endpoint, transport=server.transport)
        rows = kili.assets(project, fields=["externalId", "ocrMetadata"], disable_tqdm=True)
        found = {row["externalId"]: row["ocrMetadata"] for row in rows}
    assert found.pop("far")["version"].startswith("local-")
    assert found == {"here": {"page": 1}, "none": None}


def test_a_filter_by_steps_names_what_works_without_them(world: World) -> None:
    with pytest.raises(ArgumentError, match=r"`asset_step_status_in` .* `asset_status_in` filters here"):
        world.kili().labels(world.project, asset_step_status_in=["DONE"])
    with pytest.raises(ArgumentError, match=r"`step_name_in` .* `status_in` filters here"):
        world.kili().assets(world.project, step_name_in=["Label"])


@pytest.mark.parametrize("client", [Kili, AsyncKili])
def test_clients_are_made_as_those_of_kili_are(client: type[Kili | AsyncKili], world: World) -> None:
    caching = {"enable_schema_caching": False, "graphql_cache_dir": None}
    positional = client(world.server.api_key, world.server.endpoint, True, "python-cli", caching, True, False)
    by_name = client(
        api_key=world.server.api_key, api_endpoint=world.server.endpoint, verify=True, client_name="python-sdk",
        graphql_client_params=caching, disable_tqdm=True, disable_request_compression=False,
    )  # fmt: skip
    assert repr(positional) == repr(by_name) == f"{client.__name__}({world.server.endpoint!r})"
    assert positional._settings == by_name._settings
    assert positional._settings.disable_tqdm is True
