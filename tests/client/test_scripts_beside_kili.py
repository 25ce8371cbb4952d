"""What a script calls gives the same with our SDK as with the unmodified `kili` 26.2.4: default fields, values by position,
changes, and the kinds of errors. What differs is listed, with the reason."""

from __future__ import annotations

import json
import os
import subprocess
import warnings
from pathlib import Path
from typing import Any

import pytest

import kili_query
from kili_query.server import LocalKili
from tests.client.conftest import INTERFACE, make_assets

pytestmark = pytest.mark.oracle

Call = tuple[str, list[Any], dict[str, Any]]

ONE = {"WEATHER": {"categories": [{"name": "SUN"}]}}
TWO = {"WEATHER": {"categories": [{"name": "RAIN"}]}}
URL = "https://x.invalid/a.jpg"
MAKE = {"title": "t", "input_type": "IMAGE", "json_interface": INTERFACE}


def call(method: str, *given: Any, **named: Any) -> Call:
    return method, list(given), named


# "$P": a project that both read. "$M": a project of one's own, which is changed. "$a": the id of its asset `a`.
CALLS: dict[str, Call] = {
    # reading, by position and by default
    "labels": call("labels", "$P"),
    "labels, none given": call("labels", "$P", None, None, None),
    "labels of an asset": call("labels", "$P", "asset-7"),
    "labels by status": call("labels", "$P", None, ["LABELED"]),
    "labels by status, as a tuple": call("labels", project_id="$P", asset_status_in=("LABELED", "TODO"), fields=("id",)),
    "labels by external id": call("labels", "$P", None, None, ["picture 1"]),
    "labels, spaces": call("labels", "$P", fields=[" id ", "author.email"]),
    "labels, fields twice": call("labels", "$P", fields=["id", "id"], first=3),
    "labels, no field": call("labels", "$P", fields=[]),
    "labels, unknown field": call("labels", "$P", fields=["nothing"]),
    "labels, first": call("labels", "$P", first=3, fields=["id"]),
    "labels, no first": call("labels", "$P", first=0, fields=["id"]),
    "labels, first below 0": call("labels", "$P", first=-1, fields=["id"]),
    "labels, skip": call("labels", "$P", skip=230, fields=["id"]),
    "labels, first of text": call("labels", "$P", first="3"),
    "labels, no type": call("labels", "$P", type_in=[], fields=["id"]),
    "labels, wrong type": call("labels", "$P", type_in=["DEFALT"]),
    "labels, type as text": call("labels", "$P", type_in="DEFAULT"),
    "labels, no author": call("labels", "$P", author_in=[], fields=["id"]),
    "labels, no id": call("labels", "$P", id_contains=[], fields=["id"], first=4),
    "labels, empty search": call("labels", "$P", category_search="", fields=["id"]),
    "labels, search": call("labels", "$P", category_search="OBJECTS.CAR.count > 1", fields=["id"]),
    "labels, bad search": call("labels", "$P", category_search="OBJECTS.CAR > 1"),
    "labels, lower case": call("labels", "$P", category_search="OBJECTS.CAR.count > 1 and OBJECTS.BUS.count > 1"),
    "labels, star": call("labels", "$P", category_search="OBJECTS.CAR*.count > 0", fields=["id"]),
    "labels, decimal": call("labels", "$P", category_search="OBJECTS.CAR.count > 1.5", fields=["id"]),
    "labels, unknown category": call("labels", "$P", category_search="OBJECTS.TRAM.count > 0", fields=["id"]),
    "labels, written status": call("labels", "$P", asset_status_in=["TO REVIEW"], fields=["id"]),
    "labels by day": call("labels", "$P", created_at_gte="2024-02-10", fields=["id"]),
    "labels by no day": call("labels", "$P", created_at_gte="yesterday"),
    "labels by mark": call("labels", "$P", honeypot_mark_gte=1, fields=["id"]),
    "labels by user": call("labels", "$P", user_id="user-Ada", fields=["id"]),
    "labels, unknown argument": call("labels", "$P", nothing=1),
    "labels, no project": call("labels"),
    "labels, project of no text": call("labels", 3),
    "labels of no project": call("labels", "gone"),
    "labels as generator": call("labels", "$P", as_generator=True, fields=["id"], disable_tqdm=True),
    "labels, fields of the asset": call("labels", "$P", fields=("labelOf.externalId", "labelOf.id"), first=5),
    "labels, marks": call("labels", "$P", fields=["id", "consensusMark", "inferenceMark", "honeypotMark"], first=5),
    "labels by whole external id": call("labels", "$P", asset_external_id_strictly_in=["picture 3.jpg"], fields=["id"]),
    "labels by label id": call("labels", "$P", label_id="label-0-0"),
    "labels by type": call("labels", "$P", type_in=["REVIEW", "PREDICTION"], fields=["id", "labelType"]),
    "labels by group": call("labels", "$P", asset_group_name_in=["G"], fields=["id"]),
    "labels by step": call("labels", "$P", asset_step_name_in=["S"], fields=["id"]),
    "labels, search with parentheses": call(
        "labels", "$P", category_search="(OBJECTS.CAR.count>0 OR OBJECTS.BUS.count>=2)AND WEATHER.SUN.count==1", fields=["id"]
    ),
    "labels, search by title": call("labels", "$P", category_search="OBJECTS.Car.count > 0", fields=["id"]),
    "labels, search NOT": call("labels", "$P", category_search="NOT OBJECTS.CAR.count > 0", fields=["id"]),
    "inferences, fields": call("inferences", "$P", fields=["modelName"], first=4),
    "predictions, search": call("predictions", "$P", category_search="OBJECTS.BUS.count > 0", fields=["id"]),
    "count_labels, types": call("count_labels", "$P", type_in=["DEFAULT"]),
    "count_labels by day": call("count_labels", "$P", created_at_lte="2024-02-10"),
    "count_labels, bad search": call("count_labels", "$P", category_search="x"),
    "count_assets, search": call("count_assets", "$P", label_category_search="OBJECTS.BUS.count > 1"),
    "count_assets by metadata": call("count_assets", "$P", metadata_where={"batch": [1, 3]}),
    "count_assets by wrong status": call("count_assets", "$P", status_in=["DONE"]),
    "assets, latest label": call("assets", "$P", fields=["id", "latestLabel.labelType", "latestLabel.author.email"], first=5),
    "assets as generator": call("assets", "$P", as_generator=True, fields=["id"], first=4, disable_tqdm=True),
    "assets by external id": call("assets", "$P", external_id_in=["7.jpg"], fields=["externalId"]),
    "assets by label": call("assets", "$P", label_type_in=["REVIEW"], label_author_in=["Ada"], fields=["id"]),
    "assets by both": call("assets", "$P", label_type_in=["REVIEW"], label_category_search="OBJECTS.CAR.count > 2", fields=["id"]),
    "assets by day": call("assets", "$P", created_at_gte="2024-01-02", fields=["id"]),
    "assets, skip and first": call("assets", "$P", skip=30, first=70, fields=["id"]),
    "assets, skip of text": call("assets", "$P", skip="1"),
    "assets, project None": call("assets", None),
    "predictions": call("predictions", "$P"),
    "predictions of an asset": call("predictions", "$P", "asset-7"),
    "predictions of no project": call("predictions", "gone"),
    "inferences": call("inferences", "$P", None, ["LABELED"]),
    "count_labels": call("count_labels", "$P", None, ["LABELED"]),
    "count_labels, search": call("count_labels", "$P", category_search="OBJECTS.CAR.count > 1"),
    "count_labels of no project": call("count_labels", "gone"),
    "assets": call("assets", "$P"),
    "assets by position": call("assets", "$P", None, 5, ["id"], ["asset-1", "asset-9"], ["asset-1"]),
    "assets, skip by position": call("assets", "$P", None, 230),
    "assets, fields None": call("assets", "$P", fields=None, first=2),
    "assets, raw": call("assets", "$P", format="raw", fields=["id"], first=2),
    "assets, pandas": call("assets", "$P", format="pandas", fields=["id", "externalId"], first=2),
    "assets by metadata": call("assets", "$P", metadata_where={1: 2}, fields=["id"]),
    "assets by metadata that are no dict": call("assets", "$P", metadata_where=[1]),
    "assets by status": call("assets", "$P", status_in=["LABELED"], fields=["id"]),
    "assets by wrong status": call("assets", "$P", status_in=["LABELLED"]),
    "assets, no ids": call("assets", "$P", asset_id_in=[], fields=["id"], first=3),
    "assets, empty search": call("assets", "$P", label_category_search="", fields=["id"]),
    "assets, bad search": call("assets", "$P", label_category_search="CAR > 1"),
    "assets by mark": call("assets", "$P", consensus_mark_gte=0.5, fields=["id"]),
    "assets, unknown field": call("assets", "$P", fields=["idx"]),
    "assets, unknown argument": call("assets", "$P", nothing=1),
    "assets of no project": call("assets", "gone"),
    "assets by step": call("assets", "$P", step_name_in=["Default"], fields=["id"]),
    "count_assets": call("count_assets", "$P"),
    "count_assets by position": call("count_assets", "$P", None, ["asset-1", "asset-2"], ["asset-2"]),
    "count_assets of no project": call("count_assets", "gone"),
    "export_labels_as_df": call("export_labels_as_df", "$P", ["id"], ["externalId"]),
    "projects": call("projects", "$P"),
    "projects by title": call("projects", search_query="Wor%", fields=["title"]),
    "projects, no first": call("projects", first=0),
    "projects, none": call("projects", "gone"),
    "projects, archived": call("projects", archived=True, fields=["id"]),
    "count_projects": call("count_projects", search_query="Wor%"),
    # projects
    "create_project": call("create_project", **MAKE),
    "create_project, no interface": call("create_project", "t", input_type="IMAGE"),
    "create_project, no title": call("create_project"),
    "create_project, wrong type": call("create_project", "t", input_type="PICTURE", json_interface=INTERFACE),
    "create_project, tags": call("create_project", **MAKE, tags=["no such"]),
    "create_project, pixels": call("create_project", **MAKE, pixel_labeling=True),
    "create_project, copy": call("create_project", "copy", project_id="$P"),
    "create_project, copy of none": call("create_project", "copy", project_id="gone"),
    "create_project, demo": call("create_project", "demo", from_demo_project="DEMO_NER"),
    "update_project": call("update_properties_in_project", "$M", title="new", use_honeypot=True, consensus_mark=0.5),
    "update_project, metadata": call("update_properties_in_project", "$M", metadata_properties={"k": {"type": "number"}}),
    "update_project, too much": call("update_properties_in_project", "$M", consensus_tot_coverage=101),
    "update_project, none": call("update_properties_in_project", "gone", title="x"),
    "create_user, one that is there": call("create_user", "Ada@example.com", "secret", "USER", "Ada", "L"),
    "create_user, wrong": call("create_user", "mal@x.invalid", "secret", "BOSS"),
    "append_to_roles": call("append_to_roles", "$M", "ada@x.invalid"),
    "append_to_roles, as": call("append_to_roles", "$M", "bob@x.invalid", "REVIEWER"),
    "append_to_roles, wrong": call("append_to_roles", "$M", "bob@x.invalid", "BOSS"),
    "project_users": call("project_users", "$M"),
    "project_users by mail": call("project_users", "$M", "bob@x.invalid"),
    # imports
    "import": call("append_many_to_dataset", "$M", [URL] * 4, None, ["a", "b", "c", "d"]),
    "import again": call("append_many_to_dataset", "$M", [URL], external_id_array=["a"]),
    "import nothing": call("append_many_to_dataset", "$M", []),
    "import, no content": call("append_many_to_dataset", "$M"),
    "import, unequal": call("append_many_to_dataset", "$M", [URL] * 2, external_id_array=["e"]),
    "import, no file": call("append_many_to_dataset", "$M", ["gone.jpg"], external_id_array=["e"]),
    "import, wrong kind": call("append_many_to_dataset", "$M", ["https://x.invalid/a.mp4"], external_id_array=["e"]),
    "import to none": call("append_many_to_dataset", "gone", [URL], external_id_array=["e"]),
    # labels
    "append_labels": call("append_labels", ["$a"], [ONE]),
    "append_labels by external id": call(
        "append_labels", project_id="$M", asset_external_id_array=["b", "c"], json_response_array=[ONE, TWO]
    ),
    "append_labels, review": call("append_labels", ["$b"], [TWO], label_type="REVIEW"),
    "append_labels, no project": call("append_labels", asset_external_id_array=["b"], json_response_array=[ONE]),
    "append_labels, unknown": call(
        "append_labels", project_id="$M", asset_external_id_array=["z"], json_response_array=[ONE]
    ),
    "append_labels, unequal": call("append_labels", ["$a"], [ONE, TWO]),
    "append_labels, wrong type": call("append_labels", ["$a"], [ONE], label_type="DEFALT"),
    "append_labels, no model": call("append_labels", ["$a"], [ONE], label_type="PREDICTION"),
    "append_labels, nothing": call("append_labels"),
    "append_labels, to none": call("append_labels", ["gone"], [ONE]),
    "create_predictions": call("create_predictions", "$M", ["a", "b"], json_response_array=[ONE, TWO], model_name="m"),
    "create_predictions, no model": call("create_predictions", "$M", ["a"], json_response_array=[ONE]),
    "create_predictions, unequal": call("create_predictions", "$M", ["a"], json_response_array=[ONE, TWO], model_name="m"),
    "create_predictions, unknown": call("create_predictions", "$M", ["z"], json_response_array=[ONE], model_name="m"),
    "create_honeypot": call("create_honeypot", ONE, "d", None, "$M"),
    "create_honeypot, nothing": call("create_honeypot", ONE),
    "append_to_labels": call("append_to_labels", ONE, label_asset_id="$d"),
    "append_to_labels, nothing": call("append_to_labels", ONE),
    "labels of mine": call("labels", "$M", fields=["labelType", "jsonResponse", "modelName", "honeypotMark"]),
    "delete_labels, none": call("delete_labels", []),
    "delete_labels, gone": call("delete_labels", ["gone"]),
    # assets
    "update_assets": call("update_properties_in_assets", ["$a", "$b"], priorities=[1, 2], json_metadatas=[{"k": 1}, None]),
    "update_assets by external id": call(
        "update_properties_in_assets", external_ids=["c"], project_id="$M", is_honeypot_array=[True]
    ),
    "update_assets, unequal": call("update_properties_in_assets", ["$a", "$b"], priorities=[1]),
    "update_assets, both": call("update_properties_in_assets", ["$a"], ["a"], priorities=[1]),
    "update_assets, nothing": call("update_properties_in_assets"),
    "update_assets, no project": call("update_properties_in_assets", external_ids=["c"], priorities=[1]),
    "update_assets, unknown": call("update_properties_in_assets", external_ids=["z"], project_id="$M", priorities=[1]),
    "update_assets, empty": call("update_properties_in_assets", []),
    "rename": call("change_asset_external_ids", ["cc"], ["$c"]),
    "rename, unequal": call("change_asset_external_ids", ["x", "y"], ["$c"]),
    "review": call("add_to_review", ["$a"]),
    "review by external id": call("add_to_review", external_ids=["b"], project_id="$M"),
    "review, nothing": call("add_to_review"),
    "review, unknown": call("add_to_review", external_ids=["z"], project_id="$M"),
    "review, empty": call("add_to_review", []),
    "queue": call("send_back_to_queue", ["$a"]),
    "queue, both": call("send_back_to_queue", ["$a"], ["a"]),
    "assets of mine": call("assets", "$M", fields=["externalId", "status", "priority", "jsonMetadata", "isHoneypot"]),
    "marks of mine": call("assets", "$M", fields=["externalId", "honeypotMark", "labels.honeypotMark"]),
    "delete": call("delete_many_from_dataset", ["$a"]),
    "delete by external id": call("delete_many_from_dataset", external_ids=["b"], project_id="$M"),
    "delete, unknown": call("delete_many_from_dataset", external_ids=["z"], project_id="$M"),
    "delete, nothing": call("delete_many_from_dataset"),
    "count of mine": call("count_assets", "$M"),
    "export of mine": call("export_labels_as_df", "$M", ["labelType"], ["externalId"]),
    "delete_project": call("delete_project", "$M"),
    "labels of a deleted project": call("labels", "$M"),
}  # fmt: skip

REFUSED = (
    "the server refuses in both; ours has a kind of its own for what is not there (`NotFoundError`, an `ApiError`)"
)
BEFORE = "ours is told before anything is sent, or by name: an `ArgumentError`"
PROMISED = "the documents of `kili` promise what ours gives (migration.md)"
MISSING = "a project that is not there is a `NotFoundError` for every method"

DIFFERENCES: dict[str, str] = {
    "append_labels, to none": REFUSED,
    "update_project, none": REFUSED,
    "assets, unknown field": BEFORE,
    "labels, unknown field": BEFORE,
    "labels, no field": BEFORE,
    "labels by no day": BEFORE,
    "import, unequal": BEFORE + "; an IndexError there",
    "append_to_roles": "gives the id of the role, too",
    "append_to_roles, as": "gives the id of the role, too",
    "create_honeypot": PROMISED,
    "delete": PROMISED,
    "delete by external id": PROMISED,
    "review": PROMISED,
    "review by external id": PROMISED,
    "review, empty": PROMISED,
    "queue": PROMISED,
    "count_assets of no project": MISSING,
    "count_labels of no project": MISSING,
    "labels, decimal": "counts are whole numbers; the error proposes `>= 2`",
    "labels, first below 0": "an error, no empty list",
    "labels, unknown category": "queries are checked against the ontology; `check_queries` of the client says how",
    "labels, search by title": "queries are checked against the ontology; `check_queries` of the client says how",
    "labels, search NOT": "`NOT` is translated",
    "labels, written status": "the documents of `kili` write statuses so",
}

RUN = """
import json, re, warnings
warnings.simplefilter("ignore")

def run(kili, calls, world, interface):
    made = kili.create_project(title="mine", input_type="IMAGE", json_interface=interface)["id"]
    ids = {}

    def put(value):
        if isinstance(value, list):
            return [put(one) for one in value]
        if value == "$P":
            return world
        if value == "$M":
            return made
        if isinstance(value, str) and value[:1] == "$":
            if value not in ids:
                for row in kili.assets(made, fields=["id", "externalId"], disable_tqdm=True):
                    ids["$" + row["externalId"]] = row["id"]
            return ids[value]
        return value

    outcomes = {}
    for name, (method, given, named) in calls.items():
        try:
            found = getattr(kili, method)(*put(given), **{key: put(value) for key, value in named.items()})
            if hasattr(found, "to_dict"):
                found = found.to_dict("records")
            plain = found if isinstance(found, (int, str, dict, type(None))) else list(found)
            text = re.sub(r'"(c[0-9a-z]{23,24}|[0-9a-f]{32})"', '"<id>"', json.dumps(plain, default=str))
            outcomes[name] = ["gives", json.loads(text)]
        except Exception as error:
            outcomes[name] = ["raises", [kind.__name__ for kind in type(error).__mro__], str(error)[:300]]
    return outcomes
"""

THEIRS = (
    RUN
    + """
import os, sys
from kili.client import Kili
from kili.core.graphql import graphql_client

class NoLimit:
    def try_acquire(self, name):
        pass

graphql_client._limiter = NoLimit()
calls, world, interface = json.load(sys.stdin)
for name, (method, given, named) in calls.items():
    if named.get("metadata_where") == {"1": 2}:
        named["metadata_where"] = {1: 2}  # JSON has no such keys
kili = Kili(api_key=os.environ["KEY"], api_endpoint=os.environ["ENDPOINT"], disable_tqdm=True)
print(json.dumps(run(kili, calls, world, interface)), file=sys.__stdout__)
"""
)

KINDS = {
    "MissingFileError": "file", "FileNotFoundError": "file", "NotFound": "not found", "NotFoundError": "not found", "GraphQLError": "refused",
    "MutationError": "refused", "ApiError": "refused", "AttributeError": "not there", "ValueError": "argument",
    "TypeError": "argument", "TypeCheckError": "argument", "ImportValidationError": "argument", "ArgumentError": "argument",
    "QueryError": "argument",
}  # fmt: skip
"""The kinds of errors that a script tells apart, by the first name of an exception's kin that is here."""


def told(outcome: list[Any]) -> tuple[str, Any]:
    if outcome[0] == "gives":
        return "gives", outcome[1]
    return "raises", next((KINDS[name] for name in outcome[1] if name in KINDS), outcome[1][0])


@pytest.fixture(scope="module")
def outcomes(oracle: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    """What both give for all calls: theirs, ours."""
    folder = tmp_path_factory.mktemp("scripts")
    (folder / "export.json").write_text(json.dumps(make_assets(240)), "utf-8")
    space: dict[str, Any] = {}
    exec(RUN, space)
    with LocalKili() as server, warnings.catch_warnings():
        world = server.load(folder / "export.json", interface=INTERFACE, input_type="IMAGE", title="World")
        plain = {"PATH": os.environ["PATH"], "HOME": str(folder), "KEY": server.api_key, "ENDPOINT": server.endpoint}
        done = subprocess.run(
            [oracle, "-I", "-W", "ignore", "-c", THEIRS], input=json.dumps([CALLS, world, INTERFACE]), text=True,
            capture_output=True, env=plain, cwd=folder, check=False, timeout=280,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        kili = kili_query.Kili(server.api_key, server.endpoint, disable_tqdm=True, transport=server.transport)
        with kili:
            ours = space["run"](kili, CALLS, world, INTERFACE)
    return json.loads(done.stdout.splitlines()[-1]), ours


def test_there_are_enough_calls_and_most_of_them_give_something(
    outcomes: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    theirs, _ = outcomes
    assert len(CALLS) >= 150
    assert sum(outcome[0] == "gives" and bool(outcome[1]) for outcome in theirs.values()) > 70


def test_both_give_the_same_but_for_what_is_listed(outcomes: tuple[dict[str, Any], dict[str, Any]]) -> None:
    theirs, ours = outcomes
    differing = {name for name in CALLS if told(theirs[name]) != told(ours[name])}
    for name in sorted(differing - set(DIFFERENCES)):
        print(f"{name}\n  theirs: {str(theirs[name])[:400]}\n  ours: {str(ours[name])[:400]}")
    assert differing == set(DIFFERENCES)
