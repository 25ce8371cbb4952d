"""Our requests are those of the real client, entry by entry of the captures (wire.md); and their results, too."""

from __future__ import annotations

import json
import tomllib
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from graphql import parse

import kili_query
from tests.client.replay import CHANGING, METHODS, normal, recorders_folder, replayed, without_generated
from tests.conftest import SHARED

CAPTURES = SHARED.parent / "spec" / "wire-captures.json"
CASES = tomllib.loads((Path(__file__).parent / "wire_cases.toml").read_text("utf-8"))["entry"]


OWN_READS = {"projects", "viewer", "organizations", "countOrganizations", "notifications", "countNotifications"}
"""What is asked in another way, before or after: whose key it is, the licence, whether assets are there."""


@cache
def _captures() -> list[dict[str, Any]]:
    if not CAPTURES.is_file():
        pytest.skip(f"the captures of the real client are not there: {CAPTURES.name}")
    entries: list[dict[str, Any]] = json.loads(CAPTURES.read_text("utf-8").replace(":PORT", ":1"))
    return entries


def _entry(call: str, occurrence: int = 0) -> dict[str, Any]:
    return [entry for entry in _captures() if entry["call"] == call][occurrence]


def _occurrence(case: dict[str, Any]) -> int:
    """A call that was recorded more than once met another server each time."""
    return [other is case for other in CASES if other["call"] == case["call"]].index(True)


def _page(variables: dict[str, Any]) -> int:
    return int(variables.get("skip") or 0)


def test_every_entry_of_these_methods_is_accounted_for() -> None:
    assert [case["call"] for case in CASES] == [entry["call"] for entry in _captures() if entry["method"] in METHODS]


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["call"]))
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_requests_are_those_of_the_real_client(case: dict[str, Any]) -> None:
    entry = _entry(case["call"], _occurrence(case))
    if "refused" in case:
        with recorders_folder(), pytest.raises(getattr(kili_query, case["refused"])):
            replayed(entry, _captures(), case["call"])
        return
    with recorders_folder():
        result, recorder = replayed(entry, _captures(), case.get("instead", case["call"]))
    if "accepts" in case:
        assert len(recorder.asked) == 1
        return
    theirs = [request for request in entry["requests"] if request["kind"] == "graphql"]
    compared = [r for r in theirs if r["fields"][0] not in OWN_READS]
    assert [asked.document for asked in recorder.asked] == [normal(parse(r["query"])) for r in compared]
    ours = [asked.variables for asked in recorder.asked]
    if entry["method"] in CHANGING:
        assert without_generated(ours) == without_generated([r["variables"] for r in compared])
        assert recorder.extra == case.get("extra", [])
        assert recorder.uploads == sum(r["kind"] == "http" and r.get("method") == "PUT" for r in entry["requests"])
        expected = case.get("result", entry["result"])
        assert result == (None if expected == "None" else expected)
        return
    ours.sort(key=_page)  # pages are asked for at once
    assert ours == sorted((r["variables"] for r in compared), key=_page)
    assert len(recorder.facts) <= case.get("facts", 1)
    assert sorted(recorder.downloads) == sorted(
        request["path"].partition("?")[0] for request in entry["requests"] if request["kind"] == "http"
    )
    if "truncated" not in json.dumps(entry) and not recorder.downloads and not hasattr(result, "to_dict"):
        assert result == entry["result"]


def test_a_query_costs_one_question_about_the_project() -> None:
    entry = _entry(
        "kili.count_labels(project_id='p_img', category_search='BBOX_JOB.OBJ_A.count < 5', type_in=['PREDICTION'])"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, recorder = replayed(entry, _captures(), entry["call"])
    assert len(recorder.facts) == 1
    assert recorder.facts[0].variables == {"where": {"id": "p_img"}, "first": 1, "skip": 0}
