"""Worker processes stayed for ever when their parent was killed: each of them held the others' pipes open.

Right is: they end within seconds, forked or spawned, at work or idle, whatever command has started them.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kili_query.offline.pool import work_through

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="children are looked up in /proc")

POOL = """
import sys, threading, time
from kili_query.offline.pool import work_through

if __name__ == "__main__":
    if sys.argv[1] == "spawn":
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()  # because of it nothing is forked
    list(work_through(time.sleep, [0, 0, 60], workers=3))
"""

LINE = (
    json.dumps({"externalId": "a", "labels": [{"jsonResponse": {"J": {"categories": [{"name": "A"}]}}}]}).encode()
    + b"\n"
)


def children(pid: int) -> set[int]:
    """The processes that a process has started, but for the one that multiprocessing keeps to tidy up."""
    found = set[int]()
    for task in Path(f"/proc/{pid}/task").iterdir():
        found |= set(map(int, (task / "children").read_text().split()))
    return {child for child in found if b"resource_tracker" not in Path(f"/proc/{child}/cmdline").read_bytes()}


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def within(seconds: float, is_so: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if is_so():
            return True
        time.sleep(0.05)
    return False


def killed(parent: subprocess.Popen[bytes], workers: int) -> None:
    """Kill a parent as soon as it has so many workers; all of them must end."""
    try:
        assert within(30, lambda: len(children(parent.pid)) >= workers), "no workers were started"
        time.sleep(1)  # spawned ones have to import before they can look after their parent
        started = children(parent.pid)
        assert all(map(is_alive, started))
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    try:
        assert within(15, lambda: not any(map(is_alive, started)))
    finally:
        for pid in filter(is_alive, started):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("way", ["fork", "spawn"])
def test_workers_end_with_a_parent_that_is_killed(way: str, tmp_path: Path) -> None:
    script = tmp_path / "pool.py"
    script.write_text(POOL)
    killed(subprocess.Popen([sys.executable, str(script), way]), 3)


@pytest.mark.parametrize(
    "arguments", [["filter", "-", "J.A.count > 0", "--count"], ["stats", "-"]], ids=["filter", "stats"]
)
def test_those_of_commands_do(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "kili_query", *arguments, "--workers", "2"]
    parent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert parent.stdin is not None
    parent.stdin.write(LINE * ((5 << 20) // len(LINE)))  # and it waits for more
    parent.stdin.flush()
    killed(parent, 2)
    parent.stdin.close()


def test_results_come_in_the_order_of_the_items_and_items_are_asked_for_as_needed() -> None:
    asked = list[int]()

    def items() -> Iterator[int]:
        for number in range(50):
            asked.append(number)
            yield number

    results = work_through(abs, items(), workers=2)
    assert next(results) == (0, 0)
    assert len(asked) < 10
    assert list(results) == [(number, number) for number in range(1, 50)]
