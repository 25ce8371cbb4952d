"""Fixtures of local Kili for the tests of other projects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from kili_query.server import LocalKili


@pytest.fixture
def local_kili() -> Iterator[LocalKili]:
    """A local Kili of its own for each test, on a free port, without projects; see `kili_query.server.LocalKili`."""
    from kili_query.server import LocalKili

    with LocalKili() as server:
        yield server


@pytest.fixture
def local_kili_without_port() -> Iterator[LocalKili]:
    """The same without a port: clients of httpx reach it through its `transport`."""
    from kili_query.server import LocalKili

    with LocalKili(socket=False) as server:
        yield server
