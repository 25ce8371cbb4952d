"""Our SDK and the unmodified `kili` 26.2.4 ask one local Kili the same, and give the same, field by field."""

from __future__ import annotations

import json
import os
import subprocess
import warnings
from pathlib import Path
from typing import Any

import pytest

from kili_query import Kili
from kili_query.server import LocalKili
from tests.client.conftest import INTERFACE, make_assets
from tests.server.asking import INTERFACE as STEPS_INTERFACE
from tests.server.records import make_records

pytestmark = pytest.mark.oracle

SEARCH = "(OBJECTS.CAR.count > 0 OR OBJECTS.BUS.count >= 2) AND WEATHER.SUN.count == 1"

CALLS: list[tuple[str, dict[str, Any]]] = [
    ("labels", {}),
    ("labels", {"as_generator": True}),
    ("labels", {"category_search": SEARCH}),
    ("labels", {"fields": ["id"], "category_search": "OBJECTS.CAR.count == 0"}),
    ("labels", {"fields": ["id"], "category_search": ""}),
    ("labels", {"fields": ["id", "createdAt"], "first": 150, "skip": 20}),
    ("labels", {"fields": ["id"], "first": 0}),
    ("labels", {"fields": ["id"], "skip": 100_000}),
    ("labels", {"fields": ["id"], "asset_id": "asset-7"}),
    ("labels", {"fields": ["id", "labelOf.externalId"], "asset_external_id_in": ["ture 1"]}),
    ("labels", {"fields": ["id"], "asset_external_id_strictly_in": ["picture 3.jpg", "picture 8.jpg"]}),
    ("labels", {"fields": ["id"], "asset_status_in": ["LABELED", "TODO"], "type_in": ["DEFAULT", "REVIEW"]}),
    ("labels", {"fields": ["id", "author.firstname"], "author_in": ["Ada King", "Ross"]}),
    ("labels", {"fields": ["id"], "user_id": "user-Ada", "created_at_gte": "2024-02-10", "created_at_lte": "2024-02-20"}),
    ("labels", {"fields": ["id"], "created_at": "2024-02-11"}),
    ("labels", {"fields": ["id"], "id_contains": ["label-0-0", "label-1-0", "nothing"]}),
    ("labels", {"fields": ["id"], "label_id": "label-0-0"}),
    ("labels", {"fields": ("modelName", "jsonResponse"), "first": 3}),
    ("predictions", {}),
    ("predictions", {"category_search": "OBJECTS.BUS.count > 1", "fields": ["id"]}),
    ("inferences", {"as_generator": True}),
    ("count_labels", {}),
    ("count_labels", {"category_search": SEARCH, "type_in": ["PREDICTION"]}),
    ("count_labels", {"asset_id": "asset-5"}),
    ("assets", {}),
    ("assets", {"as_generator": True, "fields": ["id", "status"]}),
    ("assets", {"fields": ["externalId", "labels.id", "labels.author.email"], "first": 60, "skip": 5}),
    ("assets", {"fields": ["id", "latestLabel.jsonResponse", "latestLabel.id"]}),
    ("assets", {"fields": ["id", "latestLabels.jsonResponse"], "first": 70}),
    ("assets", {"fields": ["id"], "first": 150}),
    ("assets", {"fields": ["id"], "label_category_search": SEARCH}),
    ("assets", {"fields": ["id"], "label_category_search": SEARCH, "label_type_in": ["REVIEW"], "label_author_in": ["Bob"]}),
    ("assets", {"fields": ["id", "jsonMetadata"], "metadata_where": {"batch": [1, 3], "camera": "left"}}),
    ("assets", {"fields": ["id"], "asset_id_in": ["asset-1", "asset-2", "asset-3"], "asset_id_not_in": ["asset-2"]}),
    ("assets", {"fields": ["id"], "external_id_in": ["7.jpg"], "skipped": False}),
    ("assets", {"fields": ["id", "createdAt"], "created_at_lte": "2024-01-01", "status_in": ["REVIEWED"]}),
    ("assets", {"fields": ["id", "externalId", "status"], "format": "pandas", "first": 12}),
    ("count_assets", {}),
    ("count_assets", {"label_category_search": SEARCH, "skipped": True}),
    ("export_labels_as_df", {}),
    ("export_labels_as_df", {"fields": ["id", "jsonResponse"], "asset_fields": ["externalId", "id"]}),
    ("labels", {"fields": ["id"], "user_id": "", "label_id": "", "disable_tqdm": None, "first": 5}),
    ("assets", {"fields": None, "first": 3}),
    ("assets", {"project_id": "steps", "fields": None, "first": 3}),
    *(("assets", {"project_id": "steps", **arguments}) for arguments in (
        {}, {"fields": ["id"], "step_name_in": ["Label"]}, {"fields": ["id"], "step_name_not_in": ["Label"]},
        {"fields": ["id"], "step_status_in": ["DONE"]}, {"fields": ["id"], "step_status_not_in": ["DONE"]},
        {"fields": ["id"], "group_name_in": ["G1"], "step_name_in": ["Label"]}, {"fields": ["id"], "group_name_not_in": ["G1"]},
        {"fields": ["id"], "label_labeler_in": ["u-ann"]}, {"fields": ["id"], "label_reviewer_not_in": ["bob@x.invalid"]},
        {"fields": ["id"], "metadata_where": {"n": True}}, {"fields": ["id"], "metadata_where": {"n": 1.5, "split": ["val"]}},
        {"fields": ["id"], "honeypot_mark_gte": 0.5, "label_honeypot_mark_lte": 0.5},
        {"fields": ["id"], "updated_at_gte": "2024-01-02T12:30:00Z", "external_id_in": ["%"]},
    )),
    ("labels", {"project_id": "steps", "fields": ["id", "jsonResponse"], "asset_step_name_in": ["Review"]}),
    ("count_labels", {"project_id": "steps", "asset_group_name_in": ["G2"], "asset_step_status_in": ["DONE"]}),
    ("labels", {"project_id": "talks"}),
    ("labels", {"project_id": "talks", "fields": ["id"], "category_search": "WHY.SHORT.count == 1"}),
    ("assets", {"project_id": "talks"}),
    ("assets", {"project_id": "talks", "fields": ["latestLabel.jsonResponse", "latestLabels.id", "latestLabels.jsonResponse"]}),
    ("export_labels_as_df", {"project_id": "talks", "fields": ["id", "jsonResponse"]}),
]  # fmt: skip

TALKS_INTERFACE = {
    "jobs": {
        job: {"mlTask": "CLASSIFICATION", "content": {"categories": {name: {"name": name} for name in names}, "input": "checkbox"}}
        for job, names in (("LENGTH", ("LONG", "FINE")), ("WHY", ("SHORT", "VAGUE")))
    } | {"REMARK": {"mlTask": "TRANSCRIPTION", "content": {"input": "textField"}}}
}  # fmt: skip


def talks() -> list[dict[str, Any]]:
    """Conversations: one label with annotations alone, one with a response alone, one with nothing."""

    def said(id: str, job: str, path: Any = (), **value: Any) -> dict[str, Any]:
        kind = "TranscriptionAnnotation" if "text" in value else "ClassificationAnnotation"
        return {
            "__typename": kind,
            "id": id,
            "job": job,
            "path": path,
            "labelId": "t1",
            "chatItemId": id,
            "annotationValue": value,
        }

    annotations = [
        said("n1", "LENGTH", categories=["LONG", "FINE"]),
        said("n2", "WHY", [["n1", "LONG"]], categories=["SHORT"]),
        said("n3", "REMARK", [["n1", "LONG"], ["n2", "SHORT"]], text="so"),
        said("n4", "LENGTH", categories=["LONG"]),
        said("n5", "REMARK", text="first"),
        said("n6", "REMARK", text="second"),
    ]
    response = {"LENGTH": {"categories": [{"name": "FINE", "children": {"WHY": {"categories": [{"name": "VAGUE"}]}}}]}}
    labels: list[dict[str, Any]] = [
        {"jsonResponse": {}, "annotations": annotations},
        {"jsonResponse": response},
        {"jsonResponse": {}},
    ]
    return [
        {"id": "talk", "externalId": "talk", "labels": [{"id": f"t{i}", **label} for i, label in enumerate(labels, 1)]}
    ]


THEIRS = """
import json, os, sys, warnings
warnings.simplefilter("ignore")
from kili.client import Kili

calls = json.load(sys.stdin)
kili = Kili(api_key=os.environ["KEY"], api_endpoint=os.environ["ENDPOINT"], disable_tqdm=True)
results = []
for method, arguments in calls:
    result = getattr(kili, method)(**arguments)
    if hasattr(result, "to_dict"):
        result = result.to_dict("records")
    results.append(result if isinstance(result, int) else list(result))
results.append(list(kili.projects(tags_in=[])))
results.append(kili.count_projects(search_query="World%"))
json.dump(results, sys.stdout)
"""


@pytest.fixture(scope="module")
def answers(oracle: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Any], list[Any]]:
    """What both give for all calls: theirs, ours."""
    folder = tmp_path_factory.mktemp("beside-kili")
    worlds: dict[str, tuple[Any, Any, str]] = {
        "World": (make_assets(240), INTERFACE, "IMAGE"),
        "steps": (make_records(120), STEPS_INTERFACE, "VIDEO"),
        "talks": (talks(), TALKS_INTERFACE, "LLM_STATIC"),
    }
    with LocalKili() as server:
        projects = {}
        for title, (records, interface, input_type) in worlds.items():
            export = folder / f"{title}.json"
            export.write_text(json.dumps(records), "utf-8")
            projects[title] = server.load(export, interface=interface, input_type=input_type, title=title)
        calls: list[tuple[str, dict[str, Any]]] = [
            (method, {**arguments, "project_id": projects[arguments.get("project_id", "World")]})
            for method, arguments in CALLS
        ]
        plain = {"PATH": os.environ["PATH"], "HOME": str(folder), "KEY": server.api_key, "ENDPOINT": server.endpoint}
        done = subprocess.run(
            [oracle, "-I", "-c", THEIRS], input=json.dumps(calls), capture_output=True, text=True,
            env=plain, cwd=folder, check=False, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        ours: list[Any] = []
        with Kili(server.api_key, server.endpoint, disable_tqdm=True) as kili, warnings.catch_warnings():
            warnings.simplefilter("error")
            for method, arguments in calls:
                result = getattr(kili, method)(**arguments)
                if hasattr(result, "to_dict"):
                    result = result.to_dict("records")
                ours.append(result if isinstance(result, int) else list(result))
            ours.append(list(kili.projects(tags_in=[])))
            ours.append(kili.count_projects(search_query="World%"))
    return json.loads(done.stdout), ours


@pytest.mark.parametrize("number", range(len(CALLS) + 2))
def test_results_are_equal(answers: tuple[list[Any], list[Any]], number: int) -> None:
    theirs, ours = (given[number] for given in answers)
    assert ours == theirs


def test_the_calls_find_something(answers: tuple[list[Any], list[Any]]) -> None:
    empty = [CALLS[n] for n, found in enumerate(answers[1][: len(CALLS)]) if not found]
    assert empty == [("labels", {"fields": ["id"], "first": 0}), ("labels", {"fields": ["id"], "skip": 100_000})]
