"""What all tests share: the parser built beforehand, hypothesis profiles, the path of the shared data."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from kili_query.lang.parser import warm_up

ROOT = Path(__file__).parent.parent
SPEC = Path(__file__).parent / "spec"
SHARED = ROOT.parent / "shared" / "data"

FUZZ = int(os.environ.get("KILI_QUERY_FUZZ", "0"))
"""Examples of each property in a fuzzing run by hand; 0: the small, always equal set of CI."""

settings.register_profile("ci", max_examples=100, derandomize=True, deadline=None, database=None,
                          suppress_health_check=[HealthCheck.too_slow])  # fmt: skip
settings.register_profile("fuzz", max_examples=max(FUZZ, 1), deadline=None, print_blob=True,
                          suppress_health_check=[HealthCheck.too_slow])  # fmt: skip
settings.load_profile("fuzz" if FUZZ else "ci")


# a shell starts what it puts in the background with Ctrl-C ignored, and programs pass that on to those they start
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "oracle: asks the real kili package, installed from PyPI; `-m 'not oracle'` leaves it out"
    )


@pytest.fixture(scope="session", autouse=True)
def _warm_parser() -> None:
    warm_up()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real ontologies and labels with their expected counts."""
    if not SHARED.is_dir():
        pytest.skip(f"the shared data is not there: {SHARED}")
    return SHARED
