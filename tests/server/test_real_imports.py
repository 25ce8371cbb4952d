"""The unmodified `kili`, of today and of 2024, from a new project to its last asset: on local Kili, end to end."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest

from kili_query.server import LocalKili
from tests.installing import KILI, OLDER_KILI, python_with_kili
from tests.server.asking import INTERFACE, response
from tests.server.files import write_files

pytestmark = [pytest.mark.oracle, pytest.mark.long]

CLIENT = """
import json, os, sys, warnings
warnings.simplefilter("ignore")
from kili.client import Kili

sys.stdout = sys.stderr  # it prints
interface, good, better = json.load(sys.stdin)
kili = Kili(api_key=os.environ["KEY"], api_endpoint=os.environ["ENDPOINT"])
results = {}

def note(name, make):
    try:
        value = make()
        results[name] = value if isinstance(value, (int, str, dict, type(None))) else list(value)
    except Exception as error:
        results[name] = f"{type(error).__name__}: {error}"

def project(kind):
    return kili.create_project(title=kind, input_type=kind, json_interface=interface)["id"]

fields = ["externalId", "content", "jsonContent", "resolution.width", "duration", "pageResolutions.pageNumber", "status"]
names = {"IMAGE": ["a.png", "sat.tif"], "TEXT": ["raw text", "another"], "PDF": ["d.pdf"], "VIDEO": ["v.mp4"], "GEOSPATIAL": ["sat.tif"], "LLM_RLHF": ["l.json"]}
made = {}
for kind, contents in names.items():
    try:
        made[kind] = project(kind)
    except Exception:  # a type that it does not know
        continue
    ids = [f"{kind}-{n}" for n in range(len(contents))]
    note(f"import {kind}", lambda: len(kili.append_many_to_dataset(made[kind], content_array=contents, external_id_array=ids)["asset_ids"]))
    note(f"assets {kind}", lambda: kili.assets(made[kind], fields=fields))
note("import twice", lambda: kili.append_many_to_dataset(made["PDF"], content_array=["d.pdf"], external_id_array=["PDF-0"]))
note("import frames", lambda: len(kili.append_many_to_dataset(made["VIDEO"], json_content_array=[["a.png", "b.png"]], external_id_array=["frames"])["asset_ids"]))
note("import layers", lambda: len(kili.append_many_to_dataset(made["IMAGE"], multi_layer_content_array=[[{"path": "sat.tif", "name": "l", "isBaseLayer": True}]], external_id_array=["layers"])["asset_ids"]))
spoken = {"CLS": {"categories": [{"name": "SUN"}]}}
for kind, external_id, answer in (("VIDEO", "frames", {"0": spoken, "1": spoken}), ("LLM_RLHF", "LLM_RLHF-0", spoken)):
    note(f"label {kind}", lambda: len(kili.append_labels(project_id=made[kind], asset_external_id_array=[external_id], json_response_array=[answer])))
    note(f"labels {kind}", lambda: [list(label["jsonResponse"]) for label in kili.labels(made[kind], fields=["id", "jsonResponse"])])
    note(f"label of {kind}", lambda: [list(asset["latestLabel"]["jsonResponse"]) for asset in kili.assets(made[kind], external_id_strictly_in=[external_id], fields=["id", "latestLabel.jsonResponse"])])
note("media", lambda: [open(asset["content"], "rb").read().decode() for asset in kili.assets(made["TEXT"], fields=["content", "externalId"], download_media=True)])

texts = made["TEXT"]
both = ["TEXT-0", "TEXT-1"]
status = lambda: {asset["externalId"]: asset["status"] for asset in kili.assets(texts, fields=["externalId", "status"])}
note("predict", lambda: kili.create_predictions(project_id=texts, external_id_array=both, json_response_array=[good, good], model_name="m"))
note("predicted", lambda: [label["modelName"] for label in kili.predictions(texts, fields=["modelName"])])
note("label", lambda: len(kili.append_labels(project_id=texts, asset_external_id_array=both, json_response_array=[good, better])))
note("labeled", status)
note("to review", lambda: bool(kili.add_to_review(project_id=texts, external_ids=["TEXT-0"])))
note("in review", status)
note("review", lambda: len(kili.append_labels(project_id=texts, asset_external_id_array=["TEXT-0"], json_response_array=[better], label_type="REVIEW")))
note("reviewed", status)
note("back", lambda: bool(kili.send_back_to_queue(project_id=texts, external_ids=["TEXT-0"])))
note("sent back", status)
note("update", lambda: len(kili.update_properties_in_assets(project_id=texts, external_ids=["TEXT-1"], priorities=[3], json_metadatas=[{"k": 1}], is_honeypot_array=[True])))
note("updated", lambda: kili.assets(texts, external_id_strictly_in=["TEXT-1"], fields=["priority", "jsonMetadata", "isHoneypot"]))
note("rename", lambda: len(kili.change_asset_external_ids(["renamed"], project_id=texts, external_ids=["TEXT-1"])))
note("honeypot", lambda: kili.create_honeypot(json_response=better, project_id=texts, asset_external_id="renamed")["id"] and 1)
note("append to", lambda: kili.append_to_labels(json_response=good, project_id=texts, label_asset_external_id="renamed")["id"] and 1)
note("by category", lambda: kili.assets(texts, label_category_search="OBJ.A.count >= 2", fields=["externalId"]))
note("count", lambda: kili.count_labels(texts, category_search="CLS.SUN.count == 1"))
note("table", lambda: len(kili.export_labels_as_df(texts, fields=["id"], asset_fields=["externalId"])))
note("role", lambda: kili.append_to_roles(texts, "Ann@x.invalid", "REVIEWER")["role"])
note("roles", lambda: [[row["role"], row["user"]["email"], row["status"]] for row in kili.project_users(texts, fields=["role", "user.email", "status"])])
note("retitle", lambda: kili.update_properties_in_project(texts, title="new", description="d")["id"])
note("retitled", lambda: kili.projects(texts, fields=["title", "description"]))
note("file", lambda: len(kili.append_labels(project_id=texts, asset_external_id_array=["renamed"], json_response_array=[{"NOTE": "note.txt"}])))
note("export", lambda: kili.export_labels(texts, filename="export.zip", fmt="raw", with_assets=True))
note("delete", lambda: bool(kili.delete_many_from_dataset(project_id=texts, external_ids=["TEXT-0"])))
note("left", status)
note("delete the last", lambda: bool(kili.delete_many_from_dataset(project_id=texts, external_ids=["renamed"])))
note("none left", lambda: kili.count_assets(texts))
results["project"] = texts
json.dump(results, sys.__stdout__)
"""


@pytest.fixture(scope="module", params=[KILI, OLDER_KILI])
def ran(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    version = str(request.param)
    python, folder = python_with_kili(version), tmp_path_factory.mktemp("real-kili")
    write_files(folder)
    with LocalKili(folder / "data") as server:
        plain = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "KEY": server.api_key,
            "ENDPOINT": server.endpoint,
            "KILI_DISABLE_TQDM": "true",
        }
        given = json.dumps([INTERFACE, response(1, 0, "SUN"), response(2, 1, "RAIN")])
        done = subprocess.run(
            [python, "-I", "-c", CLIENT], input=given, capture_output=True, text=True, env=plain, cwd=folder, check=False, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        left = os.listdir(folder / "data" / "files")
    found: dict[str, Any] = json.loads(done.stdout)
    return version, {**found, "files": left}


EXPECTED: dict[str, Any] = {
    "import IMAGE": 1, "import TEXT": 2, "import PDF": 1, "import LLM_RLHF": 1,
    "import VIDEO": 0, "import GEOSPATIAL": 0, "import frames": 1, "import layers": 0,  # they come afterwards: no id is given
    "media": ["raw text", "another"],
    "label VIDEO": 1, "labels VIDEO": [["0", "1"]], "label of VIDEO": [["0", "1"]],
    "label LLM_RLHF": 1, "labels LLM_RLHF": [["CLS"]], "label of LLM_RLHF": [["CLS"]],
    "predicted": ["m", "m"],
    "label": 2,
    "labeled": {"TEXT-0": "LABELED", "TEXT-1": "LABELED"},
    "to review": True,
    "in review": {"TEXT-0": "TO_REVIEW", "TEXT-1": "LABELED"},
    "review": 1,
    "reviewed": {"TEXT-0": "REVIEWED", "TEXT-1": "LABELED"},
    "back": True,
    "sent back": {"TEXT-0": "ONGOING", "TEXT-1": "LABELED"},
    "update": 1,
    "updated": [{"priority": 3, "jsonMetadata": {"k": 1}, "isHoneypot": True}],
    "rename": 1,
    "honeypot": 1,
    "append to": 1,
    "by category": [{"externalId": "TEXT-0"}, {"externalId": "renamed"}],
    "count": 4,
    "table": 7,
    "role": "REVIEWER",
    "roles": [["ADMIN", "local@kili.invalid", "ORG_ADMIN"], ["REVIEWER", "ann@x.invalid", "ACTIVATED"]],
    "retitled": [{"title": "new", "description": "d"}],
    "file": 1,
    "export": None,
    "delete": True,
    "left": {"renamed": "LABELED"},
    "delete the last": True,
    "none left": 0,
}  # fmt: skip
SIZES: dict[str, list[int | None]] = {
    "IMAGE": [20, 20],
    "TEXT": [None, None],
    "PDF": [None],
    "VIDEO": [None],
    "GEOSPATIAL": [20],
    "LLM_RLHF": [None],
}
NOT_THEN = "GEOSPATIAL"
"""An input type that the older one does not know."""


@pytest.mark.parametrize("step", EXPECTED)
def test_every_step_gives_what_it_should(ran: tuple[str, dict[str, Any]], step: str) -> None:
    version, results = ran
    if version == OLDER_KILI and NOT_THEN in step:
        assert step not in results
    else:
        assert results[step] == EXPECTED[step]


@pytest.mark.parametrize("kind", SIZES)
def test_what_was_imported_is_measured(ran: tuple[str, dict[str, Any]], kind: str) -> None:
    if ran[0] == OLDER_KILI and kind == NOT_THEN:
        return
    rows = ran[1][f"assets {kind}"]
    assert [row["externalId"] for row in rows] == [f"{kind}-{n}" for n in range(len(SIZES[kind]))]
    assert [row["resolution"] and row["resolution"]["width"] for row in rows] == SIZES[kind]
    assert {row["duration"] for row in rows} == {2.5 if kind == "VIDEO" else None}
    assert all(bool(row["pageResolutions"]) == (kind == "PDF") for row in rows)
    assert all("/files?id=" in row["content"] and row["status"] == "TODO" for row in rows)


def test_nothing_is_imported_twice(ran: tuple[str, dict[str, Any]]) -> None:
    assert ran[1]["import twice"].startswith("ImportValidationError")


def test_files_of_deleted_assets_are_gone(ran: tuple[str, dict[str, Any]]) -> None:
    then = {"TEXT", NOT_THEN} if ran[0] == OLDER_KILI else {"TEXT"}
    kept = sum(len(sizes) for kind, sizes in SIZES.items() if kind not in then)
    assert len(ran[1]["files"]) == kept + 3 + 1  # two frames with their list, and one layer
