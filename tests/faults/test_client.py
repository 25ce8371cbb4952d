"""Faults of the SDK that were found by trying.

A value by position filtered by something else than in `kili` 26.2.4: it is taken where all versions agree, or refused.
A status in the words of Kili's own documents was refused: `TO REVIEW` is `TO_REVIEW`.
"""

from __future__ import annotations

from typing import Any

import pytest

from kili_query import ArgumentError
from kili_query.model.kili import ASSET_STATUSES, STEP_STATUSES
from tests.client.conftest import World
from tests.client.conftest import world as world

# -- arguments ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["labels", "predictions", "inferences", "count_labels", "count_assets"])
def test_a_value_by_position_never_filters_by_something_else(world: World, method: str) -> None:
    with pytest.raises(TypeError, match=f"`{method}` takes 4 arguments by position, and 5 are given"):
        getattr(world.kili(), method)(world.project, None, None, None, ["Ann"])
    assert world.kili().count_labels(world.project, author_in=["Ada"]) > 0


def test_labels_come_with_the_fields_of_kili_26(world: World) -> None:
    for row in world.kili().labels(world.project, first=1, disable_tqdm=True):
        assert {"isLatestLabelForUser", "assetId"} <= set(row)


@pytest.mark.parametrize(
    ("method", "argument", "status"),
    [
        *(("count_labels", "asset_status_in", status) for status in ASSET_STATUSES),
        *(("count_assets", "status_in", status) for status in ASSET_STATUSES),
    ],
)
def test_a_status_written_with_a_space_is_that_status(world: World, method: str, argument: str, status: str) -> None:
    call = getattr(world.kili(), method)
    found = [call(world.project, **{argument: [written]}) for written in (status, status.replace("_", " "))]
    assert found[0] == found[1] > 0


@pytest.mark.parametrize("status", STEP_STATUSES)
@pytest.mark.parametrize("paired", [False, True])
def test_a_status_of_a_step_too(world: World, status: str, paired: bool) -> None:
    written: Any = status.replace("_", " ")
    arguments = {"step_id_and_status_in": [("s", written)]} if paired else {"step_status_in": [written]}
    with pytest.raises(ArgumentError, match="filters by workflow steps"):  # which is asked once the words are known
        world.kili().count_assets(world.project, **arguments)


@pytest.mark.parametrize("written", ["TO  REVIEW", "TO-REVIEW", "to review", "TO REVIEWED"])
def test_what_is_no_status_is_refused_with_the_near_one(world: World, written: Any) -> None:
    with pytest.raises(ArgumentError, match=f"holds `'{written}'` at .*; `TO_REVIEW` is near"):
        world.kili().count_assets(world.project, status_in=[written])
