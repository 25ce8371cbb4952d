"""What all tests share: hypothesis profiles, the path of the shared data."""

from __future__ import annotations

import gc
import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.installing import CACHE, python_with_kili

ROOT = Path(__file__).parent.parent
SPEC = Path(__file__).parent / "spec"
SHARED = ROOT.parent / "shared" / "data"

FUZZ = int(os.environ.get("KILI_QUERY_FUZZ", "0"))
"""Examples of each property in a fuzzing run by hand; 0: the small, always equal set of CI."""
EXAMPLES = FUZZ or 50

settings.register_profile("ci", max_examples=EXAMPLES, derandomize=True, deadline=None, database=None,
                          suppress_health_check=[HealthCheck.too_slow])  # fmt: skip
settings.register_profile("fuzz", max_examples=EXAMPLES, deadline=None, print_blob=True,
                          suppress_health_check=[HealthCheck.too_slow])  # fmt: skip
settings.load_profile("fuzz" if FUZZ else "ci")


if sys.dont_write_bytecode:  # then each of many hundred processes would compile all that it loads; so: beside no source
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = str(CACHE / "bytecode")
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


# a shell starts what it puts in the background with Ctrl-C ignored, and programs pass that on to those they start
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    for mark in (
        "oracle: asks the real kili package, installed from PyPI; `-m 'not oracle'` leaves it out",
        "long: takes many seconds; `-m 'not long'` leaves it out",
    ):
        config.addinivalue_line("markers", mark)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """A process for each core, and one for while they wait for others; none beside this one for a file or a test that
    was named, so that it can be debugged."""
    return 0 if all(".py" in argument for argument in config.args) else min((os.cpu_count() or 1) + 1, 8)


gc.disable()  # nothing of what is collected is garbage, and there are millions of objects to look at


def pytest_collection_finish() -> None:
    """What has been collected stays to the end: looking at it again and again for garbage took a third of the time."""
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
    gc.enable()


LARGE = tuple(
    f"tests/{name}.py"
    for name in ("test_docs", "test_properties", "cli/test_cli", "client/test_interrupt", "editor/test_mypy_plugin",
                 "test_oracle_kili", "client/test_beside_kili")
)  # fmt: skip
"""Files that take longest by the clock: none of them may be what the others wait for at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long begins, with its file: a process takes whole files, so that what they share is made once."""
    items.sort(key=lambda item: (item.get_closest_marker("long") is None, not item.nodeid.startswith(LARGE)))


@pytest.fixture(scope="session")
def oracle() -> Path:
    """The Python that has the real `kili`."""
    return python_with_kili()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real ontologies and labels with their expected counts."""
    if not SHARED.is_dir():
        pytest.skip(f"the shared data is not there: {SHARED}")
    return SHARED
