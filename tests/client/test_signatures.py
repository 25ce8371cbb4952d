"""The signatures are those of Kili's SDK (signatures.json), so that scripts run after changing one import."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest

from kili_query import AsyncKili, Kili
from tests.client.replay import METHODS
from tests.conftest import SHARED

SIGNATURES = SHARED.parent / "spec" / "signatures.json"
OURS = {"assets": {"matching_labels_only"}}
"""Parameters that only we have."""


@pytest.fixture(scope="module")
def signatures() -> dict[str, Any]:
    if not SIGNATURES.is_file():
        pytest.skip(f"the signatures of the real client are not there: {SIGNATURES.name}")
    found: dict[str, Any] = json.loads(SIGNATURES.read_text("utf-8"))
    return found


@pytest.mark.parametrize("client", [Kili, AsyncKili])
@pytest.mark.parametrize("method", sorted(METHODS))
def test_signature_is_the_seed_and_the_additions(signatures: dict[str, Any], client: type, method: str) -> None:
    described = signatures[method]
    ours = list(inspect.signature(getattr(client, method)).parameters.values())[1:]
    seed = described["params"]
    assert [parameter.name for parameter in ours[: len(seed)]] == [row["name"] for row in seed]
    for parameter, row in zip(ours, seed, strict=False):
        assert parameter.kind.name == row["kind"], row["name"]
        if row.get("required"):
            assert parameter.default is inspect.Parameter.empty
        else:
            assert _plain(parameter.default) == row["default"], row["name"]
            assert row.get("default_type") in (None, type(parameter.default).__name__)
    added = {row["name"]: row for row in described.get("added_in_26", [])}
    rest = {parameter.name: parameter for parameter in ours[len(seed) :]}
    assert set(rest) == set(added) | OURS.get(method, set())
    for name, row in added.items():
        assert rest[name].kind is inspect.Parameter.KEYWORD_ONLY  # so that positions of the seed hold
        assert _plain(rest[name].default) == row["default"], name


def _plain(default: Any) -> Any:
    return list(default) if isinstance(default, tuple) else default


@pytest.mark.parametrize("client", [Kili, AsyncKili])
def test_every_public_method_says_what_it_takes_gives_and_raises(client: type) -> None:
    for name, method in inspect.getmembers(client, inspect.isfunction):
        if not name.startswith("_") and name not in ("aclose", "close"):
            text = inspect.getdoc(method) or ""
            assert "Examples" in text, name
            assert "Raises" in text or "errors are those of" in text, name
