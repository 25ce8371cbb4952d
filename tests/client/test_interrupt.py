"""Ctrl-C, forks, threads, event loops, and clients that are used after they were closed."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kili_query import AsyncKili, Kili
from kili_query.server import LocalKili
from tests.client import faults as f
from tests.client.conftest import INTERFACE, make_assets
from tests.client.faults import KEY, Proxy

PAGE = 5
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
no_advice_on_forks = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # from Python 3.12


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKili]:
    export: Path = tmp_path_factory.mktemp("interrupt") / "export.json"
    export.write_text(json.dumps(make_assets(80)), "utf-8")
    with LocalKili() as server:
        server.load(export, interface=INTERFACE, input_type="IMAGE", title="Interrupt")
        yield server


@pytest.fixture
def proxy(server: LocalKili) -> Iterator[Proxy]:
    with Proxy(server.url) as proxy:
        yield proxy


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kili_query.client.operations.labels.PAGE", PAGE)
    f.without_limit(monkeypatch)


@pytest.fixture
def project(server: LocalKili) -> str:
    return server.projects()[0][0]


@pytest.fixture
def ids(server: LocalKili, project: str) -> list[str]:
    with Kili(server.api_key, server.endpoint, verify=False, disable_tqdm=True) as kili:
        return [row["id"] for row in kili.labels(project, fields=["id"])]


def _kili(server: LocalKili, proxy: Proxy) -> Kili:
    return Kili(server.api_key, proxy.endpoint, verify=False, disable_tqdm=True)


def _async_kili(server: LocalKili, proxy: Proxy) -> AsyncKili:
    return AsyncKili(server.api_key, proxy.endpoint, verify=False, disable_tqdm=True)


# -- Ctrl-C ------------------------------------------------------------------------------------------------------------

START = """
import asyncio, sys
import kili_query.client.operations.labels as wire
from kili_query import AsyncKili, Kili
wire.PAGE = 5
key, endpoint, project = sys.argv[1:]
"""
SYNC = START + "kili = Kili(key, endpoint, disable_tqdm=True, verify=False)\n"
ASYNC = START + "kili = AsyncKili(key, endpoint, disable_tqdm=True, verify=False)\n"

PROGRAMS = {
    "one call": SYNC + "kili.count_labels(project)",
    "a listing": SYNC + "kili.labels(project)",
    "a generator": SYNC + "for row in kili.labels(project, as_generator=True): pass",
    "a listing with a bar": START + "Kili(key, endpoint, verify=False).labels(project)",
    "in a with": START
    + "with Kili(key, endpoint, verify=False) as kili: list(kili.labels(project, as_generator=True))",
    "threads of the caller": SYNC
    + "import threading\n"
    + "[threading.Thread(target=kili.labels, args=(project,), daemon=True).start() for _ in range(5)]\n"
    + "kili.labels(project)",
    "a task": ASYNC + "asyncio.run(kili.count_labels(project))",
    "tasks": ASYNC + "asyncio.run(kili.labels(project))",
    "an asynchronous generator": ASYNC
    + "async def run():\n"
    + "    async for row in await kili.labels(project, as_generator=True): pass\n"
    + "asyncio.run(run())",
}
SILENT_AT = {"one call": "countLabels", "a task": "countLabels"}


@pytest.mark.skipif(os.name == "nt", reason="SIGINT cannot be sent to one process there")
@pytest.mark.parametrize(
    ("name", "fault"),
    [*((name, "silence") for name in PROGRAMS), *((name, "busy") for name in ("one call", "a generator", "tasks"))],
)
def test_ctrl_c_ends_a_program_at_once(server: LocalKili, proxy: Proxy, project: str, name: str, fault: str) -> None:
    busy = f.says(429, retry_after="50")
    waiting = SILENT_AT.get(name, "query labels(")
    # the first page comes, the next ones do not, or come with 429: threads wait in a socket, or for another attempt
    first = [f.passed] if waiting == "query labels(" else []
    proxy.on(waiting, *first, then=f.late() if fault == "silence" else busy)
    program = subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-c", PROGRAMS[name], server.api_key, proxy.endpoint, project],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        while len(proxy.asked(waiting)) < len(first) + 1:
            assert program.poll() is None, program.communicate()[1]
            time.sleep(0.01)
        time.sleep(0.1)  # it shall have read the answer, where there is one
        program.send_signal(signal.SIGINT)
        # within a second on an idle machine; the waits that it must not sit out are of 50 and 60 seconds
        _, said = program.communicate(timeout=10)
    finally:
        program.kill()
        program.wait()
    assert program.returncode == -signal.SIGINT, said
    assert said.count("Traceback (most recent call last)") >= 1
    assert said.rstrip().endswith("KeyboardInterrupt")
    assert "Exception in thread" not in said
    assert "never retrieved" not in said
    assert "Fatal" not in said
    assert server.api_key not in said


@pytest.mark.skipif(os.name == "nt", reason="SIGINT cannot be sent to one thread there")
def test_what_is_interrupted_can_be_asked_again(server: LocalKili, proxy: Proxy, project: str, ids: list[str]) -> None:
    again = threading.Event()
    proxy.on(
        "query labels(", f.passed, then=lambda exchange: f.passed(exchange) if again.is_set() else f.late()(exchange)
    )
    with _kili(server, proxy) as kili:
        main = threading.main_thread().ident or 0
        interrupt = threading.Timer(0.3, signal.pthread_kill, [main, signal.SIGINT])
        interrupt.start()
        with pytest.raises(KeyboardInterrupt):
            kili.labels(project)
        interrupt.join()
        again.set()
        assert [row["id"] for row in kili.labels(project, fields=["id"])] == ids


# -- forks -------------------------------------------------------------------------------------------------------------


def _in_a_child(work: Any) -> int:
    """The exit status of a forked process that does some work."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1]


@forks
@no_advice_on_forks
def test_a_client_works_on_both_sides_of_a_fork(server: LocalKili, proxy: Proxy, project: str, ids: list[str]) -> None:
    with _kili(server, proxy) as kili:
        assert len(kili.labels(project, first=7)) == 7
        before = proxy.connections

        def listed() -> None:
            assert [row["id"] for row in kili.labels(project, fields=["id"])] == ids

        assert _in_a_child(listed) == 0
        assert proxy.connections > before  # the child does not write into connections of its parent
        seen = proxy.connections
        assert kili.count_labels(project) == len(ids)
        assert proxy.connections == seen  # and does not close them
        assert _in_a_child(lambda: listed() or kili.close()) == 0  # type: ignore[func-returns-value]
        listed()


@forks
@no_advice_on_forks
def test_a_generator_that_was_begun_goes_on_in_both_processes(
    server: LocalKili, proxy: Proxy, project: str, ids: list[str]
) -> None:
    with _kili(server, proxy) as kili:
        rows = kili.labels(project, fields=["id"], as_generator=True)
        begun = [next(rows)["id"] for _ in range(7)]

        def rest() -> None:
            signal.alarm(20)
            assert begun + [row["id"] for row in rows] == ids

        assert _in_a_child(rest) == 0
        assert _in_a_child(rows.close) == 0
        assert begun + [row["id"] for row in rows] == ids


@forks
@no_advice_on_forks
def test_a_fork_while_threads_make_calls_does_not_lock_the_child(
    server: LocalKili, proxy: Proxy, project: str, ids: list[str]
) -> None:
    kili = _kili(server, proxy)
    ends = threading.Event()

    def ask() -> None:
        while not ends.is_set():
            kili.count_labels(project)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(5):
            assert _in_a_child(lambda: None if kili.count_labels(project) == len(ids) else sys.exit(3)) == 0
    finally:
        ends.set()
        for thread in threads:
            thread.join()
        kili.close()


@forks
@no_advice_on_forks
def test_a_fork_while_connections_are_opened_does_not_lock_the_child(
    server: LocalKili, proxy: Proxy, project: str, ids: list[str]
) -> None:
    kili = _kili(server, proxy)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with kili._transport._lock():
            held.set()
            done.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    try:
        assert _in_a_child(lambda: None if kili.count_labels(project) == len(ids) else sys.exit(3)) == 0
    finally:
        done.set()
        holder.join()
        kili.close()


# -- threads -----------------------------------------------------------------------------------------------------------


def test_hundreds_of_threads_share_a_client(server: LocalKili, proxy: Proxy, project: str, ids: list[str]) -> None:
    found: list[Any] = []
    with _kili(server, proxy) as kili:

        def ask(number: int) -> None:
            try:
                if number % 10:
                    found.append(kili.count_labels(project) == len(ids))
                else:
                    rows = kili.labels(project, fields=["id"], first=2 * PAGE, skip=number % 7)
                    found.append([row["id"] for row in rows] == ids[number % 7 :][: 2 * PAGE])
            except BaseException as error:
                found.append(error)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert found == [True] * 200
    assert proxy.busiest <= 100
    assert proxy.connections < len(proxy.seen)  # used again; those that were idle for long are not


def test_a_client_is_closed_under_the_hands_of_others(server: LocalKili, proxy: Proxy, project: str) -> None:
    gate = threading.Event()
    proxy.on("countLabels", f.held(gate))
    kili = _kili(server, proxy)
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(kili.count_labels(project)))
    thread.start()
    while not proxy.seen:
        time.sleep(0.01)
    kili.close()
    gate.set()
    thread.join(20)
    assert found == [kili.count_labels(project)]
    assert len(proxy.asked("countLabels")) == 2
    kili.close()


def test_a_client_can_be_used_after_it_was_closed(server: LocalKili, proxy: Proxy, project: str) -> None:
    with _kili(server, proxy) as kili:
        number = kili.count_labels(project)
    kili.close()
    assert kili.count_labels(project) == number
    with kili:
        assert kili.count_labels(project) == number
    assert proxy.connections == 2


def test_a_closed_client_leaves_nothing_open(server: LocalKili, proxy: Proxy, project: str) -> None:
    """What is left open warns when it is collected, and warnings are errors here."""
    with _kili(server, proxy) as kili:
        next(iter(kili.labels(project, as_generator=True)))
    for thread in threading.enumerate():
        if thread.name == "kili_query request":
            thread.join(10)
    del kili
    gc.collect()


# -- event loops -------------------------------------------------------------------------------------------------------


def test_one_asynchronous_client_lives_through_several_loops(
    server: LocalKili, proxy: Proxy, project: str, ids: list[str]
) -> None:
    kili = _async_kili(server, proxy)

    async def ask() -> Any:
        try:
            return [row["id"] for row in await kili.labels(project, fields=["id"])]
        finally:
            await kili.aclose()

    for _ in range(5):
        assert asyncio.run(ask()) == ids


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_loop_that_ends_without_closing_does_not_harm_the_next(
    server: LocalKili, proxy: Proxy, project: str, ids: list[str]
) -> None:
    kili = _async_kili(server, proxy)
    for _ in range(5):
        # a loop may have the `id` of one that is gone
        assert asyncio.run(kili.count_labels(project)) == len(ids)
    assert len(kili._transport._clients) <= 2  # those of loops that are gone are not kept
    asyncio.run(kili.aclose())
    del kili
    gc.collect()


def test_one_asynchronous_client_serves_loops_in_several_threads(
    server: LocalKili, proxy: Proxy, project: str, ids: list[str]
) -> None:
    kili = _async_kili(server, proxy)
    found: list[Any] = []

    async def ask() -> None:
        numbers = await asyncio.gather(*[kili.count_labels(project) for _ in range(5)])
        await kili.aclose()
        found.extend(numbers)

    threads = [threading.Thread(target=lambda: asyncio.run(ask())) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found == [len(ids)] * 25


def test_a_cancelled_task_leaves_the_client_usable(
    server: LocalKili, proxy: Proxy, project: str, ids: list[str]
) -> None:
    proxy.on("query labels(", f.passed, *[f.late()] * 3)

    async def run() -> Any:
        async with _async_kili(server, proxy) as kili:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(kili.labels(project), 0.5)
            assert asyncio.all_tasks() == {asyncio.current_task()}
            return [row["id"] for row in await kili.labels(project, fields=["id"])]

    assert asyncio.run(run()) == ids


def test_a_synchronous_client_works_inside_a_running_loop(server: LocalKili, proxy: Proxy, project: str) -> None:
    async def run() -> Any:
        with _kili(server, proxy) as kili:
            return kili.count_labels(project)

    assert asyncio.run(run()) > PAGE


def test_a_client_that_is_forgotten_ends_its_connections(server: LocalKili, proxy: Proxy, project: str) -> None:
    kili = Kili(KEY, proxy.endpoint, verify=False)
    kili = _kili(server, proxy)
    assert kili.count_labels(project) > PAGE
    del kili
    gc.collect()
    for _ in range(500):
        if not proxy._open:
            break
        time.sleep(0.01)
    assert not proxy._open
