"""The `where` objects by themselves: what arguments become, what is left out, what old names mean."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from kili_query import ArgumentError
from kili_query.client.wire.where import (
    ALIASES,
    asset_where,
    label_where,
    labels_of_assets_where,
    project_where,
    without_aliases,
)

BARE_ASSET = {"project": {"id": "p"}, "label": {}, "issue": {}}
USER = {"activated": None, "email": None, "id": "u", "idIn": None, "organization": {"id": None}}

ASSETS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"asset_id": "a", "asset_id_in": ["a"], "group_name_in": ["g"]}, {"id": "a", "idIn": ["a"], "groupNameIn": ["g"]}),
    # these are dropped when they are empty; others are sent
    ({"asset_id": "", "asset_id_in": [], "external_id_in": [], "external_id_strictly_in": [], "group_name_not_in": []}, {}),
    ({"status_in": [], "skipped": False, "consensus_mark_gte": 0.0, "metadata_where": {}},
     {"statusIn": [], "skipped": False, "consensusMarkGte": 0.0, "metadata": {}}),
    ({"status_in": None, "skipped": None}, {}),
    ({"step_id_in": ["s"], "step_status_not_in": []}, {"stepIdIn": ["s"], "stepStatusNotIn": []}),
    ({"label_type_in": ["REVIEW"], "label_consensus_mark_gte": 0}, {"label": {"typeIn": ["REVIEW"], "consensusMarkGte": 0}}),
    ({"issue_type": "QUESTION", "issue_status": "OPEN"}, {"issue": {"type": "QUESTION", "status": "OPEN"}}),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "where"), ASSETS)
def test_arguments_of_assets(arguments: dict[str, Any], where: dict[str, Any]) -> None:
    assert asset_where({"project_id": "p", **arguments}) == {**BARE_ASSET, **where}


def test_a_search_stands_in_the_criteria_of_one_label() -> None:
    arguments = {"project_id": "p", "label_type_in": ["REVIEW"], "status_in": ["LABELED"]}
    criteria = {"typeIn": ["REVIEW"], "search": "A.B.count > 0"}
    assert asset_where(arguments, "A.B.count > 0") == {**BARE_ASSET, "statusIn": ["LABELED"], "label": criteria}
    assert labels_of_assets_where(arguments, "A.B.count > 0") == {
        "asset": {**BARE_ASSET, "statusIn": ["LABELED"]}, "project": {"id": "p"}, **criteria
    }  # fmt: skip
    assert labels_of_assets_where(arguments, None)["typeIn"] == ["REVIEW"]
    assert "search" not in labels_of_assets_where(arguments, None)
    assert asset_where(arguments, "")["label"]["search"] == ""


LABELS: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({}, {}, {}),
    ({"type_in": [], "author_in": ["a"], "created_at": "2024"}, {"typeIn": [], "authorIn": ["a"], "createdAt": "2024"}, {}),
    ({"label_id": "", "id_contains": []}, {}, {}),
    ({"label_id": "l", "id_contains": ["l"]}, {"id": "l", "idIn": ["l"]}, {}),
    ({"user_id": "u"}, {"user": USER}, {}),
    ({"user_id": ""}, {}, {}),
    ({"asset_id": "a", "asset_external_id_in": ["e"], "asset_external_id_strictly_in": ["f"], "asset_status_in": ["TODO"]},
     {}, {"id": "a", "externalIdIn": ["e"], "externalIdStrictlyIn": ["f"], "statusIn": ["TODO"]}),
    ({"asset_group_name_in": ["g"], "asset_group_name_not_in": ["h"], "asset_step_id_in": ["s"], "asset_step_status_in": ["DONE"]},
     {}, {"groupNameIn": ["g"], "groupNameNotIn": ["h"], "stepIdIn": ["s"], "stepStatusIn": ["DONE"]}),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "where", "asset"), LABELS)
def test_arguments_of_labels(arguments: dict[str, Any], where: dict[str, Any], asset: dict[str, Any]) -> None:
    expected = {"asset": {**BARE_ASSET, **asset}, "project": {"id": "p"}, **where}
    assert label_where({"project_id": "p", **arguments}) == expected
    assert label_where({"project_id": "p", **arguments}, "text") == {**expected, "search": "text"}


def test_arguments_of_projects() -> None:
    assert project_where({"project_id": "", "tags_in": [], "archived": False, "starred": None}) == {"archived": False}
    assert project_where({"project_id": "p", "tags_in": ["t"]}) == {"id": "p", "tagIds": ["t"]}


@pytest.mark.parametrize("value", [{"a": {1}}, {"a": float("nan")}, {"a": float("inf")}, {"a": "\ud800"}, {"a": b"x"}])
def test_metadata_that_json_cannot_express_are_refused(value: Any) -> None:
    with pytest.raises(ArgumentError, match="`metadata_where` cannot be sent as JSON"):
        asset_where({"project_id": "p", "metadata_where": value})


def test_the_refusal_says_what_is_there() -> None:
    with pytest.raises(ArgumentError, match=r"it holds `b'x'` \(bytes\); it takes texts, numbers"):
        asset_where({"project_id": "p", "metadata_where": {"a": [b"x"]}})


@pytest.mark.parametrize(("old", "new"), ALIASES.items())
def test_an_old_name_means_the_new_one_and_wins_over_it(old: str, new: str) -> None:
    assert new == old + "e"
    with pytest.warns(DeprecationWarning, match=f"`{old}` is deprecated: use `{new}`"):
        assert without_aliases({old: 1, new: 2, "other": 3}) == {new: 1, "other": 3}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for nothing in (None, 0, ""):
            assert without_aliases({old: nothing, new: 2}) == {new: 2}
        assert without_aliases({new: 2}) == {new: 2}


@pytest.mark.parametrize(
    ("texts", "whole", "meant"), [(["a"], None, ["a"]), (["a"], ["b"], ["b"]), ([], None, []), (["a"], [], ["a"])]
)
def test_texts_within_external_ids_give_way_to_whole_ones(texts: Any, whole: Any, meant: Any) -> None:
    arguments = {"external_id_contains": texts, "external_id_strictly_in": whole}
    with pytest.warns(DeprecationWarning, match="`external_id_contains` is deprecated: use `external_id_strictly_in`"):
        assert without_aliases(arguments) == {"external_id_strictly_in": meant}


@pytest.mark.parametrize(("many", "slow"), [(0, False), (10, False), (11, True)])
def test_a_search_for_many_texts_is_said_to_be_slow(many: int, slow: bool) -> None:
    arguments = {"external_id_in": [str(i) for i in range(many)]}
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert without_aliases(arguments) == arguments
    assert [warning.category for warning in told] == [UserWarning] * slow
    assert all("more than 10 texts" in str(warning.message) for warning in told)


def test_arguments_are_left_as_they_are() -> None:
    arguments = {"project_id": "p", "consensus_mark_gt": 0, "external_id_contains": None}
    before = dict(arguments)
    without_aliases(arguments)
    asset_where(arguments)
    label_where(arguments)
    assert arguments == before
