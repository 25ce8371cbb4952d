"""LocalKili: with a port and without, beside other event loops and threads, and its end."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from kili_query import DataError
from kili_query.server import LocalKili
from kili_query.server.port import listening_socket

pytest_plugins = ["pytester"]

DATA = Path(__file__).parents[1] / "data"
VIEWER = {"query": "{ viewer { email } }"}


def headers(server: LocalKili) -> dict[str, str]:
    return {"Authorization": f"X-API-Key: {server.api_key}"}


def test_it_answers_on_a_port_and_stops_with_connections_open() -> None:
    threads = threading.active_count()
    with LocalKili() as server, httpx.Client(headers=headers(server)) as client:
        assert server.endpoint.startswith("http://127.0.0.1:")
        assert client.post(server.endpoint, json=VIEWER).json()["data"]["viewer"]
        server.stop()
        with pytest.raises(httpx.HTTPError):
            client.post(server.endpoint, json=VIEWER)
    assert threading.active_count() == threads
    gc.collect()  # what is left open warns, and warnings are errors


def test_a_port_in_use_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(DataError, match=r"in use.*port 0"), LocalKili(port=port):
            pass
    with pytest.raises(DataError), LocalKili(port=99_999):
        pass
    with pytest.raises(DataError), LocalKili(host="192.0.2.1"):
        pass


def test_a_host_of_another_machine_is_told() -> None:
    with pytest.raises(DataError, match=r"cannot listen there: .*; 127\.0\.0\.1 works"), LocalKili(host="192.0.2.1"):
        pass


def test_it_needs_no_port() -> None:
    with LocalKili(socket=False) as server:
        with httpx.Client(transport=server.transport, headers=headers(server)) as client:
            assert client.post(server.endpoint, json=VIEWER).json()["data"]["viewer"]
        with httpx.Client(transport=server.transport, headers=headers(server)) as client:  # closing one ends no other
            assert client.post(server.endpoint, json=VIEWER).status_code == 200

        async def ask() -> list[int]:
            async with httpx.AsyncClient(transport=server.transport, headers=headers(server)) as client:
                answers = await asyncio.gather(*(client.post(server.endpoint, json=VIEWER) for _ in range(20)))
                return [answer.status_code for answer in answers]

        assert asyncio.run(ask()) == [200] * 20


def test_it_runs_inside_a_running_loop_as_in_notebooks() -> None:
    async def cell() -> Any:
        with LocalKili() as server, httpx.Client(headers=headers(server)) as client:
            on_port = client.post(server.endpoint, json=VIEWER).json()
        with (
            LocalKili(socket=False) as server,
            httpx.Client(transport=server.transport, headers=headers(server)) as client,
        ):
            return on_port, client.post(server.endpoint, json=VIEWER).json()

    first, second = asyncio.run(cell())
    assert first == second == {"data": {"viewer": {"email": "local@kili.invalid"}}}


def test_threads_read_and_write_at_once() -> None:
    create = 'mutation { createProject(data: {title: "t", inputType: IMAGE, jsonInterface: {jobs: {}}}) { id } }'
    with LocalKili() as server, httpx.Client(headers=headers(server)) as client, ThreadPoolExecutor(8) as pool:

        def ask(i: int) -> bool:
            answer = client.post(server.endpoint, json={"query": create} if i % 2 else VIEWER).json()
            return "errors" not in answer

        assert all(pool.map(ask, range(40)))
        count = client.post(server.endpoint, json={"query": "{ countProjects(where: {}) }"}).json()
    assert count == {"data": {"countProjects": 20}}


def test_it_says_when_it_is_not_running() -> None:
    server = LocalKili(socket=False)
    with pytest.raises(RuntimeError, match="not running"):
        server.add_user(email="a@x.invalid")
    server.start()
    with pytest.raises(RuntimeError, match="running already"):
        server.start()
    server.stop()
    server.stop()


def test_users_are_added_once() -> None:
    with LocalKili(socket=False) as server:
        assert server.add_user(email="a@x.invalid") != server.add_user(email="a@x.invalid", organization="Other")
        with pytest.raises(ValueError, match=r"a@x\.invalid"):
            server.add_user(email="a@x.invalid")
        with pytest.raises(ValueError, match="key"):
            server.load(DATA / "coco.zip", interface={"jobs": {}}, api_key="wrong")


def test_the_plugin_gives_fixtures(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import httpx

        def ask(server, client):
            headers = {"Authorization": f"X-API-Key: {server.api_key}"}
            return client.post(server.endpoint, json={"query": "{ countProjects(where: {}) }"}, headers=headers).json()

        def test_with_a_port(local_kili):
            with httpx.Client() as client:
                assert ask(local_kili, client) == {"data": {"countProjects": 0}}

        def test_without_a_port(local_kili_without_port):
            with httpx.Client(transport=local_kili_without_port.transport) as client:
                assert ask(local_kili_without_port, client) == {"data": {"countProjects": 0}}
        """
    )
    pytester.runpytest_subprocess("-W", "error", "-p", "no:asyncio").assert_outcomes(passed=2)


def test_the_plugin_loads_nothing_heavy(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_nothing_heavy():
            assert not {"ariadne", "graphql", "sqlalchemy", "starlette", "uvicorn", "httpx", "msgspec"} & set(sys.modules)
        """
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_small_answers_leave_at_once() -> None:
    with listening_socket("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP  # asyncio turns Nagle's algorithm off for these only
