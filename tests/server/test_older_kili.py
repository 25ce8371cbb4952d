"""Older versions of the unmodified `kili` read and label on local Kili, each in an environment and a process of its own.

What they read is what our SDK reads; contents of labels are served behind addresses, for which they do not ask.
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest

from kili_query import Kili
from kili_query.server import LocalKili
from tests.installing import OLDER_KILI, OLDEST_KILI, python_with_kili
from tests.server.asking import INTERFACE, response
from tests.server.records import make_records

pytestmark = pytest.mark.oracle

SEARCH = "OBJ.A.count > 1 AND CLS.SUN.count == 1"
LABEL = ["id", "jsonResponse", "labelType", "author.email"]
READ: list[tuple[str, dict[str, Any]]] = [
    ("labels", {"fields": LABEL}),
    ("labels", {"fields": LABEL, "as_generator": True}),
    ("labels", {"fields": LABEL, "category_search": SEARCH}),
    ("labels", {"fields": ["id"], "type_in": ["REVIEW"], "first": 7, "skip": 2}),
    ("predictions", {"fields": LABEL}),
    ("inferences", {"fields": LABEL}),
    ("count_labels", {"category_search": SEARCH}),
    ("assets", {"fields": ["externalId", "labels.id", "labels.jsonResponse", "latestLabel.jsonResponse"]}),
    ("assets", {"fields": ["externalId"], "label_category_search": SEARCH}),
    ("assets", {"fields": ["externalId", "status"], "metadata_where": {"split": ["train"]}}),
    ("count_assets", {"label_category_search": SEARCH}),
    ("export_labels_as_df", {"fields": ["id", "labelType"], "asset_fields": ["externalId"]}),
    ("projects", {"fields": ["id", "title", "inputType"]}),
    ("project_users", {"fields": ["role", "status", "user.email"]}),
]

CLIENT = """
import json, os, sys, warnings
warnings.simplefilter("ignore")
from kili.client import Kili

reads, projects, interface, answers = json.load(sys.stdin)
kili = Kili(api_key=os.environ["KEY"], api_endpoint=os.environ["ENDPOINT"])
results = {}

def note(name, make):
    try:
        found = make()
        if hasattr(found, "to_dict"):
            found = found.to_dict("records")
        results[name] = found if isinstance(found, (int, str, dict, type(None))) else list(found)
    except Exception as error:
        results[name] = f"{type(error).__name__}: {error}"

for title, project in projects.items():
    for n, (method, arguments) in enumerate(reads):
        note(f"{title} {n}", lambda: getattr(kili, method)(project_id=project, **arguments))

made = kili.create_project(title="made", input_type="IMAGE", json_interface=interface, project_type="IMAGE_CLASSIFICATION_SINGLE")["id"]
note("type", lambda: kili.projects(made, fields=["projectType"]))
note("import", lambda: kili.append_many_to_dataset(made, content_array=["https://x.invalid/a.jpg"] * 3, external_id_array=["a", "b", "c"])["id"] == made)
ids = [row["id"] for row in kili.assets(made, fields=["id"])]
note("append", lambda: len(kili.append_labels(asset_id_array=ids[:2], json_response_array=answers)))
note("predict", lambda: kili.create_predictions(made, external_id_array=["a"], json_response_array=answers[:1], model_name="m")["id"] == made)
note("honeypot", lambda: kili.create_honeypot(asset_id=ids[2], json_response=answers[0])["id"] != "")
note("append one", lambda: kili.append_to_labels(json_response=answers[0], label_asset_id=ids[2])["id"] != "")
newest = kili.labels(made, fields=["id"])[-1]["id"]
note("update label", lambda: kili.update_properties_in_label(label_id=newest, seconds_to_label=3)["id"] == newest)
note("update", lambda: kili.update_properties_in_assets(asset_ids=ids[:1], priorities=[3]) == [{"id": ids[0]}])
note("review", lambda: kili.add_to_review(asset_ids=ids[1:2]))
note("queue", lambda: kili.send_back_to_queue(asset_ids=ids[1:2]))
note("left", lambda: kili.labels(made, fields=["labelType", "jsonResponse", "modelName"]))
note("delete", lambda: bool(kili.delete_many_from_dataset(asset_ids=ids[:1])))
note("count", lambda: kili.count_assets(made))
json.dump(results, sys.__stdout__)
"""


@pytest.fixture(scope="module", params=[OLDER_KILI, OLDEST_KILI])
def ran(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the older version gives, and what our SDK does."""
    python, folder = python_with_kili(str(request.param)), tmp_path_factory.mktemp("older-kili")
    records = [{**asset, "currentStep": None} for asset in make_records(60)]
    (folder / "records.json").write_text(json.dumps(records), "utf-8")
    for label in (label for asset in records for label in asset["labels"]):
        label["jsonResponse"] = {"0": label["jsonResponse"], "1": {}}
    (folder / "film.json").write_text(json.dumps(records), "utf-8")
    answers = [response(2, 0, "SUN"), response(0, 1, "RAIN")]
    with LocalKili(response_urls=True) as server:
        projects = {
            kind: server.load(
                folder / ("film.json" if kind == "VIDEO" else "records.json"),
                interface=INTERFACE,
                input_type=kind,
                title=kind,
            )
            for kind in ("IMAGE", "VIDEO", "LLM_RLHF")
        }
        plain = {"PATH": os.environ["PATH"], "HOME": str(folder), "KEY": server.api_key, "ENDPOINT": server.endpoint}
        done = subprocess.run(
            [python, "-I", "-c", CLIENT], input=json.dumps([READ, projects, INTERFACE, answers]), capture_output=True,
            text=True, env={**plain, "KILI_DISABLE_TQDM": "true"}, cwd=folder, check=False, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        ours: dict[str, Any] = {}
        with Kili(server.api_key, server.endpoint, disable_tqdm=True) as kili:
            for title, project in projects.items():
                for n, (method, arguments) in enumerate(READ):
                    found = getattr(kili, method)(project_id=project, **arguments)
                    found = found.to_dict("records") if hasattr(found, "to_dict") else found
                    ours[f"{title} {n}"] = found if isinstance(found, int) else list(found)
    return json.loads(done.stdout), ours


def test_they_read_what_our_sdk_reads(ran: tuple[dict[str, Any], dict[str, Any]]) -> None:
    theirs, ours = ran
    for name, rows in ours.items():
        if isinstance(rows, list):  # what 26.2.4 asks for beside answers
            rows = [
                {key: row[key] for key in row if key not in ("content", "jsonContent", "resolution")} for row in rows
            ]
        assert theirs[name] == rows, name
        assert rows, name
    assert any(row["jsonResponse"] for row in theirs["IMAGE 0"])


DONE: dict[str, Any] = {
    "type": [{"projectType": "IMAGE_CLASSIFICATION_SINGLE"}], "import": True, "append": 2, "predict": True, "honeypot": True,
    "append one": True, "update label": True, "update": True, "delete": True, "count": 2,
}  # fmt: skip


def test_they_import_label_and_move(ran: tuple[dict[str, Any], dict[str, Any]]) -> None:
    theirs, _ = ran
    assert {name: theirs[name] for name in DONE} == DONE
    assert len(theirs["review"]["asset_ids"]) == len(theirs["queue"]["asset_ids"]) == 1
    assert [(row["labelType"], row["modelName"]) for row in theirs["left"]] == [
        ("DEFAULT", None), ("DEFAULT", None), ("PREDICTION", "m"), ("REVIEW", None), ("DEFAULT", None),
    ]  # fmt: skip
    assert theirs["left"][1]["jsonResponse"] == response(0, 1, "RAIN")
