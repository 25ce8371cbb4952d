"""The unmodified `kili` 26.2.4 runs against local Kili, in an environment and a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLError

from kili_query.server import LocalKili
from kili_query.server.search import parse_search
from tests.conftest import FUZZ
from tests.server.asking import INTERFACE
from tests.server.records import Record, asset_passes, label_passes, make_records
from tests.test_oracle_kili import _ask, _corpus, _first

pytestmark = pytest.mark.oracle

RECORDS = [{**asset, "currentStep": None} for asset in make_records(260, seed=3)]
LABELS = sorted(
    ((label, asset) for asset in RECORDS for label in asset["labels"]), key=lambda pair: pair[0]["createdAt"]
)
ASSETS = sorted(RECORDS, key=lambda asset: str(asset["createdAt"]))
SEARCH = "OBJ.A.count > 1 AND CLS.SUN.count == 1"

CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "labels": ("labels", {}),
    "labels_generated": ("labels", {"as_generator": True}),
    "labels_searched": ("labels", {"category_search": SEARCH}),
    "labels_paged": ("labels", {"first": 150, "skip": 20, "fields": ["id"]}),
    "labels_filtered": ("labels", {"type_in": ["DEFAULT", "REVIEW"], "author_in": ["Ann Lee", "Bob"], "created_at_gte": "2024-01-03", "fields": ["id", "createdAt"]}),
    "labels_by_asset": ("labels", {"asset_external_id_in": ["img_1"], "asset_status_in": ["TODO", "LABELED"], "fields": ["id", "labelOf.externalId"]}),
    "labels_by_user": ("labels", {"user_id": "u-bob", "created_at_lte": "2024-01-02", "fields": ["id"]}),
    "predictions": ("predictions", {}),
    "inferences": ("inferences", {}),
    "count_labels": ("count_labels", {}),
    "count_labels_searched": ("count_labels", {"category_search": SEARCH}),
    "assets": ("assets", {}),
    "assets_generated": ("assets", {"as_generator": True, "fields": ["id"]}),
    "assets_searched": ("assets", {"label_category_search": SEARCH, "label_type_in": ["DEFAULT"], "fields": ["id"]}),
    "assets_by_metadata": ("assets", {"metadata_where": {"split": ["train"], "n": [1, 2]}, "fields": ["id", "jsonMetadata"]}),
    "assets_by_mark": ("assets", {"consensus_mark_gte": 0.5, "skipped": False, "external_id_in": ["img_"], "fields": ["id", "latestLabel.id"]}),
    "assets_in_pandas": ("assets", {"format": "pandas", "first": 7, "fields": ["id", "externalId", "status"]}),
    "count_assets": ("count_assets", {}),
    "count_assets_searched": ("count_assets", {"label_category_search": SEARCH}),
    "export_labels_as_df": ("export_labels_as_df", {"fields": ["id", "labelType"], "asset_fields": ["externalId"]}),
    "projects": ("projects", {}),
}  # fmt: skip

CLIENT = """
import json, os, sys, warnings
warnings.simplefilter("ignore")
from kili.client import Kili

calls, project = json.load(sys.stdin)
kili = Kili(api_key=os.environ["KEY"], api_endpoint=os.environ["ENDPOINT"], disable_tqdm=True)
results = {}
for name, (method, arguments) in calls.items():
    try:
        result = getattr(kili, method)(**({} if method == "projects" else {"project_id": project}), **arguments)
        if hasattr(result, "to_dict"):
            result = result.to_dict("records")
        results[name] = result if isinstance(result, int) else list(result)
    except Exception as error:
        results[name] = repr(error)
interface = {"jobs": {"J": {"mlTask": "CLASSIFICATION", "content": {"categories": {"A": {"name": "A"}}, "input": "radio"}}}}
made = kili.create_project(title="made", description="by kili", input_type="TEXT", json_interface=interface)
results["made"] = list(kili.projects(project_id=made["id"], fields=["title", "inputType", "jsonInterface"]))
kili.append_many_to_dataset(made["id"], content_array=["https://x.invalid/a.txt"], external_id_array=["t1"])
kili.append_labels(project_id=made["id"], asset_external_id_array=["t1"], json_response_array=[{"J": {"categories": [{"name": "A"}]}}])
results["appended"] = list(kili.labels(made["id"], category_search="J.A.count == 1", fields=["labelType", "jsonResponse", "author.email"]))
try:
    kili.labels(made["id"], fields=["idx"])
except Exception as error:
    results["unknown field"] = str(error)
json.dump(results, sys.stdout)
"""


@pytest.fixture(scope="module")
def results(oracle: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("real-kili")
    (folder / "records.json").write_text(json.dumps(RECORDS))
    with LocalKili(folder / "data") as server:
        project = server.load(folder / "records.json", interface=INTERFACE, input_type="IMAGE", title="records")
        plain = {"PATH": os.environ["PATH"], "HOME": str(folder), "KEY": server.api_key, "ENDPOINT": server.endpoint}
        done = subprocess.run(
            [oracle, "-I", "-c", CLIENT], input=json.dumps([CALLS, project]), capture_output=True, text=True, env=plain, cwd=folder, check=False, timeout=300,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def ids(rows: list[Record]) -> list[str]:
    return [row["id"] for row in rows]


def labels_of(**where: Any) -> list[Record]:
    return [label for label, asset in LABELS if label_passes(where, label, asset)]


def assets_of(**where: Any) -> list[Record]:
    return [asset for asset in ASSETS if asset_passes(where, asset)]


def owner(label: Record) -> Record:
    return next(asset for own, asset in LABELS if own is label)


def whole(label: Record, **more: object) -> Record:
    author = label["author"] and {"id": label["author"]["id"], "email": label["author"]["email"]}
    found = {
        "id": label["id"],
        "author": author,
        "labelType": label["labelType"],
        "jsonResponse": label["jsonResponse"],
    }
    return {**found, "jsonResponseUrl": None, **more}


def test_labels_are_whole_and_in_order(results: dict[str, Any]) -> None:
    latest = {}
    for label, asset in LABELS:
        latest[asset["id"], str(label["author"]), label["labelType"]] = label["id"]
    expected = [
        whole(label, secondsToLabel=0.0, assetId=asset["id"], isLatestLabelForUser=label["id"] in latest.values())
        for label, asset in LABELS
    ]
    assert len(expected) > 300  # several pages
    assert results["labels"] == results["labels_generated"] == expected


def test_labels_by_filters(results: dict[str, Any]) -> None:
    assert ids(results["labels_searched"]) == ids(labels_of(search=SEARCH))
    assert ids(results["labels_paged"]) == ids(labels_of())[20:170]
    filtered = labels_of(typeIn=["DEFAULT", "REVIEW"], authorIn=["Ann Lee", "Bob"], createdAtGte="2024-01-03")
    assert results["labels_filtered"] == [{"id": label["id"], "createdAt": label["createdAt"]} for label in filtered]
    by_asset = labels_of(asset={"externalIdIn": ["img_1"], "statusIn": ["TODO", "LABELED"]})
    assert results["labels_by_asset"] == [
        {"id": label["id"], "labelOf": {"externalId": owner(label)["externalId"]}} for label in by_asset
    ]
    assert ids(results["labels_by_user"]) == ids(labels_of(user={"id": "u-bob"}, createdAtLte="2024-01-02"))
    assert all(results[name] for name in ("labels_searched", "labels_filtered", "labels_by_asset", "labels_by_user"))


@pytest.mark.parametrize("kind", ["PREDICTION", "INFERENCE"])
def test_predictions_and_inferences(results: dict[str, Any], kind: str) -> None:
    expected = [whole(label, modelName=None) for label in labels_of(typeIn=[kind])]
    assert results[f"{kind.lower()}s"] == expected != []


def test_numbers(results: dict[str, Any]) -> None:
    assert results["count_labels"] == len(LABELS)
    assert results["count_labels_searched"] == len(labels_of(search=SEARCH))
    assert results["count_assets"] == len(RECORDS)
    assert results["count_assets_searched"] == len(assets_of(label={"search": SEARCH}))


def test_assets_are_whole_and_in_order(results: dict[str, Any]) -> None:
    expected = [
        {
            "id": asset["id"], "externalId": asset["externalId"], "content": "", "jsonContent": "", "createdAt": asset["createdAt"],
            "isHoneypot": False, "jsonMetadata": asset["jsonMetadata"], "skipped": asset["skipped"], "status": asset["status"], "resolution": None,
            "labels": [
                {key: value for key, value in whole(label, createdAt=label["createdAt"]).items() if key != "labelType"}
                for label, of in LABELS if of is asset
            ],
        }
        for asset in ASSETS
    ]  # fmt: skip
    assert results["assets"] == expected
    assert results["assets_generated"] == [{"id": asset["id"]} for asset in ASSETS]


def test_assets_by_filters(results: dict[str, Any]) -> None:
    assert ids(results["assets_searched"]) == ids(assets_of(label={"search": SEARCH, "typeIn": ["DEFAULT"]}))
    by_metadata = assets_of(metadata={"split": ["train"], "n": [1, 2]})
    assert (
        results["assets_by_metadata"] == [{"id": a["id"], "jsonMetadata": a["jsonMetadata"]} for a in by_metadata] != []
    )
    by_mark = assets_of(consensusMarkGte=0.5, skipped=False, externalIdIn=["img_"])
    assert ids(results["assets_by_mark"]) == ids(by_mark) != []
    for row in results["assets_by_mark"]:
        finished = [
            label["id"]
            for label, asset in LABELS
            if asset["id"] == row["id"] and label["labelType"] in ("DEFAULT", "REVIEW")
        ]
        assert row["latestLabel"] == ({"id": finished[-1]} if finished else None)


def test_frames_of_pandas(results: dict[str, Any]) -> None:
    columns = ("id", "externalId", "status")
    assert results["assets_in_pandas"] == [{column: asset[column] for column in columns} for asset in ASSETS[:7]]
    rows = [
        {"id": label["id"], "labelType": label["labelType"], "asset_externalId": asset["externalId"]}
        for asset in ASSETS for label, of in LABELS if of is asset
    ]  # fmt: skip
    assert results["export_labels_as_df"] == rows


def test_projects_are_read_and_made(results: dict[str, Any]) -> None:
    (project,) = results["projects"]
    assert (project["title"], project["inputType"], project["jsonInterface"]) == ("records", "IMAGE", INTERFACE)
    assert {row["user"]["email"] for row in project["roles"]} >= {"local@kili.invalid", "ann@x.invalid"}
    (made,) = results["made"]
    assert (made["title"], made["inputType"], list(made["jsonInterface"]["jobs"])) == ("made", "TEXT", ["J"])


def test_assets_and_labels_are_appended(results: dict[str, Any]) -> None:
    (label,) = results["appended"]
    assert label["labelType"] == "DEFAULT"
    assert label["jsonResponse"] == {"J": {"categories": [{"name": "A"}]}}
    assert label["author"] == {"email": "local@kili.invalid"}


def test_searches_are_refused_just_where_its_validator_refuses_them(oracle: Path) -> None:
    def accepted(text: str) -> bool:
        try:
            parse_search(text)
        except GraphQLError:
            return False
        return True

    texts = _first(max(2_000, FUZZ), _corpus())
    answers = zip(texts, _ask(oracle, texts), strict=True)
    assert [text for text, answer in answers if answer is not None and accepted(text) != answer] == []


def test_an_unknown_field_is_refused_with_a_suggestion(results: dict[str, Any]) -> None:
    assert "Cannot query field 'idx' on type 'Label'" in results["unknown field"]
