"""The signatures are those of Kili's SDK (signatures.json), so that scripts run after changing one import.

By position, only what its versions agree on: a value in any other place would mean one thing in 2.131, and another in
26.2.4.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kili_query import AsyncKili, Kili
from kili_query.client.absent import IN_AREAS, METHODS
from tests.client.replay import METHODS as CHANGING_AND_READING
from tests.client.replay import READING
from tests.conftest import ROOT, SHARED

SIGNATURES = SHARED.parent / "spec" / "signatures.json"
DRY_RUN = ("update_properties_in_assets", "change_asset_external_ids", "delete_many_from_dataset", "add_to_review",
           "send_back_to_queue")  # fmt: skip
OURS = {
    "assets": {"matching_labels_only", "misfits"},
    "labels": {"misfits"},
    "append_many_to_dataset": {"availability_timeout"},
} | {method: {"dry_run"} | ({"label_category_search"} if "external_ids" not in method else set()) for method in DRY_RUN}
"""Parameters that only we have."""

DEFAULTS = {("labels", "fields"): ["author.email", "author.id", "id", "jsonResponse", "labelType", "secondsToLabel",
                                   "isLatestLabelForUser", "assetId"]}  # fmt: skip
"""Defaults that are those of 26.2.4 and not of the seed."""


@pytest.fixture(scope="module")
def signatures() -> dict[str, Any]:
    if not SIGNATURES.is_file():
        pytest.skip(f"the signatures of the real client are not there: {SIGNATURES.name}")
    found: dict[str, Any] = json.loads(SIGNATURES.read_text("utf-8"))
    return found


def agreed(described: dict[str, Any]) -> list[str]:
    """The parameters that stand in the same place in the seed and in 26.2.4, from the first on."""
    seed = [row["name"] for row in described["params"]]
    now = described.get("param_order_in_26") or seed  # of a method that 26.2.4 does not have
    return [name for n, name in enumerate(seed) if seed[: n + 1] == now[: n + 1]]


@pytest.mark.parametrize("client", [Kili, AsyncKili])
@pytest.mark.parametrize("method", sorted(CHANGING_AND_READING | {"update_properties_in_label"}))
def test_signature_is_the_seed_and_the_additions(signatures: dict[str, Any], client: type, method: str) -> None:
    described = signatures[method]
    ours = list(inspect.signature(getattr(client, method)).parameters.values())[1:]
    seed = described["params"]
    assert [parameter.name for parameter in ours[: len(seed)]] == [row["name"] for row in seed]
    by_position = agreed(described)
    for parameter, row in zip(ours, seed, strict=False):
        assert parameter.kind.name == ("POSITIONAL_OR_KEYWORD" if row["name"] in by_position else "KEYWORD_ONLY")
        if row.get("required"):
            assert parameter.default is inspect.Parameter.empty
        else:
            assert _plain(parameter.default) == DEFAULTS.get((method, row["name"]), row["default"]), row["name"]
            assert row.get("default_type") in (None, type(parameter.default).__name__)
    added = {row["name"]: row for row in described.get("added_in_26", [])}
    rest = {parameter.name: parameter for parameter in ours[len(seed) :]}
    assert set(rest) == set(added) | OURS.get(method, set())
    for name, row in added.items():
        assert rest[name].kind is inspect.Parameter.KEYWORD_ONLY
        assert _plain(rest[name].default) == row["default"], name


@pytest.mark.parametrize("client", [Kili, AsyncKili])
@pytest.mark.parametrize("method", sorted(READING - {"export_labels_as_df"}))
def test_beyond_what_the_versions_agree_on_an_error_names_the_keywords(
    signatures: dict[str, Any], client: type, method: str
) -> None:
    described = signatures[method]
    given = ["p"] * len(agreed(described))
    in_seed, in_26 = described["params"][len(given)]["name"], described["param_order_in_26"][len(given)]
    for surplus in (1, 3):

        async def called(surplus: int = surplus) -> None:
            answer = getattr(client, method)(None, *given, *[["Ann"]] * surplus)
            await answer

        with pytest.raises(TypeError, match=rf"`{in_seed}=\.\.\.` .* `{in_26}=\.\.\.`") as raised:
            asyncio.run(called())
        assert f"takes {len(given)} arguments by position, and {len(given) + surplus} are given" in str(raised.value)
        assert ("the others" in str(raised.value)) == (surplus > 1)


def test_versions_agree_on_the_arguments_of_tables(signatures: dict[str, Any]) -> None:
    described = signatures["export_labels_as_df"]
    assert agreed(described) == [row["name"] for row in described["params"]] == described["param_order_in_26"]


@pytest.mark.parametrize("client", [Kili, AsyncKili])
def test_exports_have_the_heading_of_the_original_and_some_things_more(
    signatures: dict[str, Any], client: type
) -> None:
    described = signatures["export_labels"]
    ours = list(inspect.signature(client.export_labels).parameters.values())[1:]  # type: ignore[attr-defined]
    by_position = [p.name for p in ours if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert by_position == described["param_order_in_26"]
    defaults = {row["name"]: row.get("default") for row in [*described["params"], *described["added_in_26"]]}
    assert {p.name: p.default for p in ours if p.name in defaults and p.default is not p.empty} == {
        name: default for name, default in defaults.items() if name not in ("project_id", "filename", "fmt")
    }
    assert [p.name for p in ours if p.kind is p.KEYWORD_ONLY] == [
        "matching_labels_only",
        "missing_media",
        "split",
        "seed",
    ]


SURFACE = """
import inspect, json, sys
from kili import client_domain, domain_api
from kili.client import Kili

orders = {name: [p.name for p in inspect.signature(method).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
          for name, method in inspect.getmembers(Kili, inspect.isfunction)}
def named(given):
    return [name for name in dir(given) if name[0] != "_"]
client = Kili("key", "http://127.0.0.1:1/graphql")
held = [name for name, value in vars(client).items() if name[0] != "_" and ".presentation." in type(value).__module__]
areas = {"labels": domain_api.LabelsNamespace, "assets": domain_api.AssetsNamespace, "projects": domain_api.ProjectsNamespace}
print(json.dumps({"orders": orders, "names": named(Kili) + named(client_domain.Kili) + held,
                  "areas": {area: named(of) for area, of in areas.items()}}))
"""


@pytest.fixture(scope="module")
def surface(oracle: Path) -> dict[str, Any]:
    """What the real `kili` has: its methods with the order of their parameters, and its areas with their methods."""
    plain = {"PATH": os.environ["PATH"], "KILI_SDK_SKIP_CHECKS": "1"}
    done = subprocess.run([oracle, "-I", "-W", "ignore", "-c", SURFACE], env=plain, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.oracle
@pytest.mark.parametrize("client", [Kili, AsyncKili])
def test_what_is_given_by_position_means_what_it_means_in_kili(surface: dict[str, Any], client: type) -> None:
    orders = surface["orders"]
    methods = {name: method for name, method in inspect.getmembers(client, inspect.isfunction) if name in orders}
    assert {"__init__", "projects", "count_projects", "create_project", "delete_project"} | CHANGING_AND_READING <= set(
        methods
    )
    for name, method in methods.items():
        ours = [p.name for p in inspect.signature(method).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
        assert ours == orders[name][: len(ours)], name


@pytest.mark.oracle
def test_each_name_of_kili_that_is_not_here_says_what_to_use(surface: dict[str, Any]) -> None:
    names = set(surface["names"])
    assert {"issues", "tags", "llm", "events", "users", "storages"} <= names
    assert {name for name in names if not hasattr(Kili, name)} == set(METHODS)
    assert set(surface["areas"]) == set(IN_AREAS)
    for area, methods in surface["areas"].items():
        assert set(methods) == set(IN_AREAS[area]), area


@pytest.mark.parametrize("make", [Kili, AsyncKili])
def test_a_name_that_is_not_here_is_an_attribute_error_that_says_what_to_use(make: Any) -> None:
    kili = make("key", "http://127.0.0.1:1/graphql")
    for name, use in METHODS.items():
        with pytest.raises(AttributeError) as caught:
            getattr(kili, name)
        assert f"`{name}` of `kili` is not there: kili_query is about labels and assets; {use}" in str(caught.value)
        assert caught.value.name == name
        assert not hasattr(kili, name)
    for area, names in IN_AREAS.items():
        for name, use in names.items():
            with pytest.raises(AttributeError, match=f"`{area}.{name}` of `kili` is not there") as caught:
                getattr(getattr(kili, area), name)
            assert str(caught.value).endswith(use)
        with pytest.raises(AttributeError, match="nothing"):
            getattr(getattr(kili, area), "nothing")  # noqa: B009 - type checkers know it, too
        method, plain = getattr(kili, area), getattr(make, area)
        assert inspect.ismethod(method)
        assert inspect.iscoroutinefunction(method) is inspect.iscoroutinefunction(plain) is (make is AsyncKili)
        assert list(inspect.signature(method).parameters) == list(inspect.signature(plain).parameters)[1:]
        assert inspect.getdoc(method) == inspect.getdoc(plain)
    with pytest.raises(AttributeError, match=r"'(Async)?Kili' object has no attribute 'tagz'"):
        kili.tagz  # noqa: B018


def test_what_the_messages_name_is_there() -> None:
    uses = [*METHODS.values(), *(use for names in IN_AREAS.values() for use in names.values())]
    for use in uses:
        for name, called in re.findall(r"`(\w+)(?=[`(])(?:\((\w*)[^`]*)?`", use):
            if name not in ("kili", "jsonResponse", "step_name_in"):
                method = getattr(Kili, name)
                assert not called or called in inspect.signature(method).parameters, use


def test_the_table_of_the_docs_is_what_is_there() -> None:
    text = (ROOT / "docs" / "sdk.md").read_text("utf-8")
    rows = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("| ") and line.count("|") == 4]
    there, absent = (
        [name for row in rows for name in re.findall(r"`([a-z_]+)`", row[column]) if name != "kili"]
        for column in (1, 2)
    )
    public = {name for name in dir(Kili) if name[0] != "_"}
    assert sorted(there) == sorted(public - {"api_endpoint", "api_key", "close", "verify"})
    assert sorted(absent) == sorted(METHODS)


def _plain(default: Any) -> Any:
    return list(default) if isinstance(default, tuple) else default


@pytest.mark.parametrize("client", [Kili, AsyncKili])
def test_every_public_method_says_what_it_takes_gives_and_raises(client: type) -> None:
    for name, method in inspect.getmembers(client, inspect.isfunction):
        if not name.startswith("_") and name not in ("aclose", "close"):
            text = inspect.getdoc(method) or ""
            assert "Examples" in text, name
            assert "Raises" in text or "errors are those of" in text, name
