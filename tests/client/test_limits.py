"""500 calls a minute, shared by whatever makes calls in a process."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_query import AsyncKili, Kili
from kili_query.client.sending import limits
from kili_query.client.sending.limits import CALLS, PERIOD, RateLimit
from tests.client import faults as f
from tests.client.faults import Clock, Proxy


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """A server that counts 3 of everything."""
    with Proxy("http://127.0.0.1:1") as proxy:
        proxy.on("", then=f.says(200, {"data": {"data": 3}}))
        yield proxy


@given(
    calls=st.integers(1, 5),
    pauses=st.lists(st.floats(0, 30), min_size=1, max_size=40),
)
def test_no_span_of_a_period_holds_more_calls_than_allowed(calls: int, pauses: list[float]) -> None:
    now = 0.0
    limit = RateLimit(calls, 10.0, clock=lambda: now)
    made: list[float] = []
    for pause in pauses:
        now += pause
        wait = limit.reserve()
        assert wait >= 0
        made.append(now + wait)
    assert made == sorted(made)  # who came first goes first
    for earlier, later in zip(made, made[calls:], strict=False):
        assert later - earlier >= 10.0 - 1e-9
    for index, at in enumerate(made):
        # nobody waits for longer than needed
        due = sum(pauses[: index + 1])
        assert at <= max(due, made[index - calls] + 10.0 if index >= calls else 0.0) + 1e-9


def test_the_process_has_one_limit_of_500_a_minute() -> None:
    assert (CALLS, PERIOD) == (500, 60.0)
    clients = [Kili("key", "http://127.0.0.1:1/graphql"), Kili("other", "http://127.0.0.1:2/graphql")]
    also = AsyncKili("key", "http://127.0.0.1:1/graphql")
    used = [*(client._transport._limit for client in clients), also._transport._limit]
    assert all(limit is limits.PROCESS_LIMIT for limit in used)


def test_threads_and_tasks_and_clients_of_both_kinds_share_the_limit(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    # time stands, so that what is told to wait shows the order of reservations alone
    monkeypatch.setattr(clock, "monotonic", lambda: 0.0)
    clock.install(monkeypatch)
    shared = RateLimit(4, 60.0, clock=lambda: 0.0)
    for kind in ("_sync", "_async"):
        monkeypatch.setattr(f"kili_query.client.{kind}.kili.PROCESS_LIMIT", shared)

    def in_a_thread() -> None:
        with Kili("key", proxy.endpoint) as kili:
            assert kili.count_projects() == 3

    async def in_tasks() -> None:
        async with AsyncKili("key", proxy.endpoint) as kili:
            assert await asyncio.gather(*[kili.count_projects() for _ in range(4)]) == [3, 3, 3, 3]

    threads = [threading.Thread(target=in_a_thread) for _ in range(6)]
    threads.append(threading.Thread(target=lambda: asyncio.run(in_tasks())))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(proxy.seen) == 10
    assert sorted(clock.waits) == [60.0] * 4 + [120.0] * 2


def test_attempts_count_as_calls(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    clock.install(monkeypatch)
    monkeypatch.setattr("kili_query.client._sync.kili.PROCESS_LIMIT", RateLimit(2, 60.0, clock=lambda: 0.0))
    proxy.on("", f.says(200, {"data": {"data": 3}}), f.says(503), then=f.says(200, {"data": {"data": 3}}))
    with Kili("key", proxy.endpoint) as kili:
        assert [kili.count_projects(), kili.count_projects()] == [3, 3]
    assert [wait for wait in clock.waits if wait > 1] == [60.0]


def test_a_call_that_had_to_queue_is_still_sent_again(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    clock.install(monkeypatch)
    monkeypatch.setattr("kili_query.client._sync.kili.PROCESS_LIMIT", RateLimit(1, 600.0, clock=clock.monotonic))
    proxy.on("", *[f.says(200, {"data": {"data": 3}}), f.says(503)], then=f.says(200, {"data": {"data": 4}}))
    with Kili("key", proxy.endpoint) as kili:
        assert [kili.count_projects(), kili.count_projects()] == [3, 4]
    assert clock.now >= 1200


def test_many_threads_reserve_each_place_once() -> None:
    limit = RateLimit(10, 1.0, clock=lambda: 0.0)
    waits: list[float] = []
    start = threading.Barrier(20)

    def reserve() -> None:
        start.wait()
        waits.extend(limit.reserve() for _ in range(50))

    threads = [threading.Thread(target=reserve) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(waits) == [float(n // 10) for n in range(1000)]
    assert all(0 <= later - earlier <= 1 for earlier, later in pairwise(sorted(waits)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # fork beside threads, from Python 3.12
def test_a_fork_while_the_limit_is_held_does_not_lock_the_child() -> None:
    limit = RateLimit(2, 60.0, clock=lambda: 0.0)
    limit.reserve()
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with limit._lock:
            held.set()
            done.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    child = os.fork()
    if child == 0:  # it knows of the calls before the fork, and then counts its own
        os._exit(0 if [limit.reserve() for _ in range(3)] == [0.0, 60.0, 60.0] else 1)
    done.set()
    holder.join()
    assert os.waitpid(child, 0)[1] == 0
