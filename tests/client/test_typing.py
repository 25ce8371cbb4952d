"""What type checkers know of the answers: mypy, which runs over the tests, reads these assertions, too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from typing import Any, assert_type

from kili_query import AsyncKili
from tests.client.conftest import World

Row = dict[str, Any]


def test_a_list_is_a_list_and_a_generator_a_generator(world: World) -> None:
    kili, project = world.kili(disable_tqdm=True), world.project
    for rows in (
        assert_type(kili.labels(project, first=1), list[Row]),
        assert_type(kili.predictions(project, None, first=1), list[Row]),
        assert_type(kili.inferences(project, first=1, as_generator=False), list[Row]),
        assert_type(kili.assets(project, first=1), list[Row]),
        assert_type(kili.projects(), list[Row]),
    ):
        assert isinstance(rows, list)
        assert len(rows) == 1
    for one_by_one in (
        assert_type(kili.labels(project, first=1, as_generator=True), Generator[Row]),
        assert_type(kili.predictions(project, first=1, as_generator=True), Generator[Row]),
        assert_type(kili.inferences(project, first=1, as_generator=True), Generator[Row]),
        assert_type(kili.assets(project, None, 3, ["id"], as_generator=True), Generator[Row]),
        assert_type(kili.projects(as_generator=True), Generator[Row]),
    ):
        assert isinstance(one_by_one, Generator)
        assert isinstance(next(one_by_one), dict)
        one_by_one.close()


def test_a_table_is_a_table(world: World) -> None:
    import pandas as pd

    kili = world.kili(disable_tqdm=True)
    table = assert_type(kili.assets(world.project, fields=["id"], format="pandas"), pd.DataFrame)
    assert isinstance(table, pd.DataFrame)


def test_what_is_decided_at_run_time_is_one_of_both(world: World) -> None:
    for lazy in (False, True):
        rows = assert_type(
            world.kili(disable_tqdm=True).labels(world.project, fields=["id"], as_generator=lazy),
            list[Row] | Generator[Row],
        )
        assert isinstance(rows, list) is not lazy
        assert len(list(rows)) == len(world.labels)


def test_the_asynchronous_client_is_known_as_well(world: World) -> None:
    async def run() -> None:
        async with AsyncKili(world.server.api_key, world.server.endpoint, transport=world.server.transport) as kili:
            rows = assert_type(await kili.labels(world.project, first=2, disable_tqdm=True), list[Row])
            assert len(rows) == 2
            one_by_one = assert_type(
                await kili.assets(world.project, fields=["id"], as_generator=True), AsyncGenerator[Row]
            )
            assert [row async for row in one_by_one] == [{"id": asset["id"]} for asset in world.assets]

    asyncio.run(run())
