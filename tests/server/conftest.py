"""A local Kili without a port, for the tests of a module that change nothing, and one for those that do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kili_query.server import LocalKili
from tests.server.asking import INTERFACE, Asking

Load = Callable[..., str]


@pytest.fixture
def server() -> Iterator[LocalKili]:
    with LocalKili(socket=False) as server:
        yield server


@pytest.fixture
def asking(server: LocalKili) -> Asking:
    return Asking(server)


@pytest.fixture
def load(server: LocalKili, tmp_path: Path) -> Load:
    """Make a project of records."""

    def make(*records: Any, **options: Any) -> str:
        path = tmp_path / "records.json"
        path.write_text(json.dumps(records))
        return server.load(path, interface=INTERFACE, **{"input_type": "IMAGE", **options})

    return make
