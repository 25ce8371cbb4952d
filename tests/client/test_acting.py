"""Acting on a query: the assets that a change is for are those that `assets` finds by it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kili_query import (
    ArgumentError,
    IncompatibleArgumentsError,
    MissingArgumentError,
    QueryCheckError,
    UnsupportedQueryError,
    count,
)
from kili_query.server import LocalKili
from tests.client import faults as f
from tests.client.conftest import INTERFACE, make_assets
from tests.client.faults import Client, Proxy

SEARCH = "OBJECTS.CAR.count >= 2"
METHODS = ("add_to_review", "send_back_to_queue", "delete_many_from_dataset", "update_properties_in_assets")


@pytest.fixture(scope="module")
def server() -> Iterator[LocalKili]:
    with LocalKili() as server:
        yield server


@pytest.fixture(params=["sync", "async"])
def kili(request: pytest.FixtureRequest, server: LocalKili, monkeypatch: pytest.MonkeyPatch) -> Client:
    f.without_limit(monkeypatch)
    return Client(request.param, server.api_key, server.endpoint)


@pytest.fixture
def project(server: LocalKili, tmp_path: Path) -> str:
    (tmp_path / "export.json").write_text(json.dumps(make_assets(40)), "utf-8")
    return server.load(tmp_path / "export.json", interface=INTERFACE, input_type="IMAGE", title="Acted on")


def found(kili: Client, project: str, search: Any = SEARCH, **where: Any) -> list[str]:
    rows = kili.call("assets", project, fields=["id"], label_category_search=search, **where)
    return [row["id"] for row in rows]


def test_assets_that_a_query_finds_are_reviewed_and_labeled_again(kili: Client, project: str) -> None:
    wanted = found(kili, project)
    assert 5 < len(wanted) < 40
    movable = found(kili, project, status_in=["LABELED", "REVIEWED"])
    named = {"project_id": project, "label_category_search": SEARCH}
    assert kili.call("add_to_review", **named, dry_run=True) == {"id": project, "asset_ids": movable}
    with pytest.warns(UserWarning, match="`add_to_review` was declined by the server for"):  # those without a label
        moved = kili.call("add_to_review", **named)
    assert 0 < len(moved["asset_ids"]) < len(wanted)
    assert set(moved["asset_ids"]) <= set(found(kili, project, status_in=["TO_REVIEW"]))
    back = kili.call("send_back_to_queue", project_id=project, label_category_search=count("OBJECTS", "CAR") >= 2)
    assert sorted(back["asset_ids"]) == sorted(wanted)
    everywhere = kili.call("assets", project, fields=["id"], status_in=["ONGOING"])
    assert {row["id"] for row in everywhere} >= set(wanted)


def test_one_entry_of_an_array_is_for_all_that_a_query_finds(kili: Client, project: str) -> None:
    wanted = found(kili, project)
    named = {"project_id": project, "label_category_search": SEARCH, "priorities": [7], "json_metadatas": [{"k": 1}]}
    planned = kili.call("update_properties_in_assets", **named, dry_run=True)
    assert planned == [{"id": asset, "priority": 7, "jsonMetadata": '{"k": 1}'} for asset in wanted]
    assert kili.call("update_properties_in_assets", **named) == [{"id": asset} for asset in wanted]
    rows = kili.call("assets", project, fields=["id", "priority"])
    assert {row["id"] for row in rows if row["priority"] == 7} == set(wanted)


def test_assets_that_a_query_finds_are_deleted(kili: Client, project: str) -> None:
    wanted, before = found(kili, project), kili.call("count_assets", project)
    named = {"project_id": project, "label_category_search": SEARCH}
    assert kili.call("delete_many_from_dataset", **named, dry_run=True) == {"id": project, "asset_ids": wanted}
    assert kili.call("count_assets", project) == before
    assert kili.call("delete_many_from_dataset", **named) == {"id": project}
    assert found(kili, project) == []
    assert kili.call("count_assets", project) == before - len(wanted)


def test_a_query_that_only_we_can_answer_finds_them_too(kili: Client, server: LocalKili, project: str) -> None:
    search = 'OBJECTS."fire truck".count > 2'
    with pytest.raises(UnsupportedQueryError):
        kili.call("add_to_review", project_id=project, label_category_search=search, dry_run=True)
    own = Client(kili.kind, server.api_key, server.endpoint, local_filter=True)
    planned = own.call("delete_many_from_dataset", project_id=project, label_category_search=search, dry_run=True)
    assert 0 < len(planned["asset_ids"]) < 40
    assert sorted(planned["asset_ids"]) == sorted(found(own, project, search))


@pytest.mark.parametrize("method", METHODS)
def test_nothing_is_changed_where_nothing_is_found_or_the_call_makes_no_sense(
    kili: Client, project: str, method: str
) -> None:
    never = {"project_id": project, "label_category_search": "OBJECTS.CAR.count > 900"}
    with pytest.warns(UserWarning, match="does nothing: no asset has a label that satisfies `OBJECTS.CAR.count > 900`"):
        assert not kili.call(method, **never)
    for wrong, error, told in (
        ({"asset_ids": ["a"]}, IncompatibleArgumentsError, "and `asset_ids` are both given"),
        ({"external_ids": ["a"]}, IncompatibleArgumentsError, "and `external_ids` are both given"),
        ({"project_id": None}, MissingArgumentError, "`label_category_search` looks into a project"),
        ({"label_category_search": " "}, ArgumentError, "`label_category_search` is empty"),
        ({"label_category_search": 3}, ArgumentError, "`label_category_search` is `3`"),
        ({"label_category_search": "OBJECTS.CRA.count > 1"}, QueryCheckError, "did you mean `CAR`"),
    ):
        with pytest.raises(error, match=told):
            kili.call(method, **{**never, **wrong})
    if method == "update_properties_in_assets":
        with pytest.raises(ArgumentError, match="`priorities` has 2 items; beside `label_category_search` it has one"):
            kili.call(method, **never, priorities=[1, 2])
    assert kili.call("count_assets", project) == 40


def test_what_is_left_after_a_failure_is_named_by_ids(kili: Client, server: LocalKili, project: str) -> None:
    with Proxy(server.url) as proxy:
        proxy.on("updatePropertiesInAssets", f.says(200, {"errors": [{"message": "no"}], "data": None}))
        weak = Client(kili.kind, server.api_key, proxy.endpoint)
        with pytest.raises(Exception, match="no") as caught:
            weak.call("update_properties_in_assets", project_id=project, label_category_search=SEARCH, priorities=[3])
        remaining = getattr(caught.value, "remaining")  # noqa: B009
        assert set(remaining) == {"asset_ids", "project_id", "priorities", "dry_run"}
        assert len(remaining["asset_ids"]) == len(remaining["priorities"]) > 0
        weak.call("update_properties_in_assets", **remaining)
    rows = kili.call("assets", project, fields=["id", "priority"])
    assert {row["id"] for row in rows if row["priority"] == 3} == set(found(kili, project))
