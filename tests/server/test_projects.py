"""What local Kili makes of projects, people and marks: settings are kept, and labels compared by one measure."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.server.asking import INTERFACE, Asking, response
from tests.server.test_mutations import APPEND, CREATE, UPDATE, project

__all__ = ["project"]  # the fixture


# -- marks -------------------------------------------------------------------------------------------------------------

MARKS = "consensusMark honeypotMark inferenceMark"


def marks(asking: Asking, asset: str = "one") -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The marks of an asset and of its labels, the oldest first."""
    query = f"query ($w: AssetWhere!) {{ data: assets(where: $w, first: 1, skip: 0) {{ {MARKS} labels {{ labelType {MARKS} }} }} }}"
    (found,) = asking.ask(query, w={"id": asset})
    return found, found.pop("labels")


def people(asking: Asking, project: str, *names: str) -> list[str]:
    append_to = "mutation ($d: AppendToRolesData!, $w: ProjectWhere!) { data: appendToRoles(data: $d, where: $w) { roles { user { id email } } } }"
    found = []
    for name in names:
        roles = asking.ask(append_to, d={"role": "LABELER", "userEmail": f"{name}@x.invalid"}, w={"id": project})[
            "roles"
        ]
        found.append(next(row["user"]["id"] for row in roles if row["user"]["email"] == f"{name}@x.invalid"))
    return found


def told(**given: Any) -> dict[str, Any]:
    return dict.fromkeys(MARKS.split()) | {f"{name}Mark": value for name, value in given.items()}


def label_by(
    asking: Asking, author: str | None, answers: object, kind: str = "DEFAULT", model: str | None = None
) -> str:
    data = {"assetID": "one", "authorID": author, "jsonResponse": json.dumps(answers), "modelName": model}
    made = asking.ask(APPEND, data={"labelType": kind, "labelsData": [data]}, where={"idIn": ["one"]})
    return str(made[0]["id"])


def test_a_label_on_a_honeypot_is_compared_with_the_truth(asking: Asking, project: str) -> None:
    label_by(asking, None, response(1))
    assert marks(asking)[0] == told()
    create = "mutation ($d: CreateHoneypotData!, $w: AssetWhere!) { data: createHoneypot(data: $d, where: $w) { id } }"
    asking.ask(create, d={"jsonResponse": json.dumps(response(1))}, w={"id": "one"})
    label_by(asking, None, response(0, 1))
    asset, labels = marks(asking)
    assert [label["honeypotMark"] for label in labels if label["labelType"] == "DEFAULT"] == [1, 0]
    assert [label["honeypotMark"] for label in labels if label["labelType"] == "REVIEW"] == [None]
    assert asset == told(honeypot=0.5)


def test_consensus_is_of_several_people_and_of_assets_that_are_used_for_it(asking: Asking, project: str) -> None:
    ada, bob, cy = people(asking, project, "ada", "bob", "cy")
    label_by(asking, ada, response(1))
    label_by(asking, bob, response(1))
    assert marks(asking)[0] == told()
    asking.ask(UPDATE, w=[{"id": "one"}], d=[{"isUsedForConsensus": True}])
    assert marks(asking)[0] == told(consensus=1)
    label_by(asking, cy, response(0, 1))
    asset, labels = marks(asking)
    assert [label["consensusMark"] for label in labels] == [0.5, 0.5, 0]
    assert asset == told(consensus=pytest.approx(1 / 3))


def test_people_are_compared_with_the_newest_inference_of_each_model(asking: Asking, project: str) -> None:
    label_by(asking, None, response(1))
    guess = label_by(asking, None, response(0, 1), "INFERENCE", "m1")
    assert marks(asking)[0] == told(inference=0)
    label_by(asking, None, response(1), "INFERENCE", "m1")
    assert marks(asking)[0] == told(inference=1)
    other = label_by(asking, None, response(0, 1), "INFERENCE", "m2")
    asset, labels = marks(asking)
    assert [label["inferenceMark"] for label in labels] == [0.5, None, None, None]
    assert asset == told(inference=0.5)
    delete = "mutation ($ids: [ID!]!) { data: deleteLabels(ids: $ids) }"
    asking.ask(delete, ids=[other])
    assert marks(asking)[0] == told(inference=1)
    query = "query ($w: AssetWhere!) { data: assets(where: $w, first: 1, skip: 0) { labels { id labelType } } }"
    (found,) = asking.ask(query, w={"id": "one"})
    asking.ask(delete, ids=[label["id"] for label in found["labels"] if label["labelType"] == "INFERENCE"])
    assert marks(asking)[0] == told()
    assert guess


# -- projects ----------------------------------------------------------------------------------------------------------

SETTINGS = {
    "canNavigateBetweenAssets": False, "canSkipAsset": True, "complianceTags": ["PII"], "consensusMark": 0.5,
    "honeypotMark": 0.25, "shouldAutoAssign": True, "shouldRelaunchKpiComputation": False, "useHoneyPot": True,
}  # fmt: skip


def test_settings_of_a_project_are_kept(asking: Asking, project: str) -> None:
    fields = " ".join(f"{name}" for name in SETTINGS)
    query = f"{{ projects(where: {{}}, first: 1, skip: 0) {{ {fields} }} }}"
    assert asking.ask(query) == [dict.fromkeys(SETTINGS)]
    change = f"mutation ($d: ProjectData!, $w: ProjectWhere!) {{ data: updatePropertiesInProject(data: $d, where: $w) {{ {fields} }} }}"
    where = {"id": project}
    assert asking.ask(change, d={"consensusMark": 0.5, "title": "T"}, w=where) == dict.fromkeys(SETTINGS) | {
        "consensusMark": 0.5
    }
    assert asking.ask(change, d=SETTINGS, w=where) == SETTINGS
    assert asking.ask(change, d={"useHoneyPot": False, "canSkipAsset": None}, w=where) == SETTINGS | {
        "useHoneyPot": False
    }


def test_what_local_kili_cannot_make_is_refused_by_name(asking: Asking) -> None:
    data = {"title": "t", "inputType": "IMAGE", "jsonInterface": json.dumps(INTERFACE)}
    for wrong, told in (
        (
            {"fromDemoProject": "DEMO_NER", "inputType": None, "jsonInterface": "null"},
            "no demo projects, such as `DEMO_NER`",
        ),
        ({"inputType": None}, "`inputType` and `jsonInterface` are needed"),
        ({"pixelLabeling": True}, "`pixelLabeling` is for projects of input type GEOSPATIAL"),
    ):
        assert told in asking.error(CREATE, data=data | wrong)["message"]
    made = asking.ask(CREATE, data=data | {"inputType": "GEOSPATIAL", "pixelLabeling": True, "complianceTags": ["PHI"]})
    query = "query ($w: ProjectWhere!) { projects(where: $w, first: 1, skip: 0) { geospatialSettings complianceTags } }"
    assert asking.ask(query, w={"id": made["id"]}) == [
        {"geospatialSettings": {"labelingCRSCode": "PIXEL"}, "complianceTags": ["PHI"]}
    ]


def test_a_user_is_made_once(asking: Asking) -> None:
    create = (
        "mutation ($d: CreateUserData!) { data: createUser(data: $d) { id email firstname name organizationRole } }"
    )
    data = {
        "email": "Jane@X.invalid ",
        "firstname": "Jane",
        "lastname": "Doe",
        "organizationRole": "ADMIN",
        "password": "x",
    }
    made = asking.ask(create, d=data)
    assert made.pop("id")
    assert made == {"email": "jane@x.invalid", "firstname": "Jane", "name": "Jane Doe", "organizationRole": "ADMIN"}
    assert "has a user `jane@x.invalid` already" in asking.error(create, d=data)["message"]
    assert "`email` is the e-mail address" in asking.error(create, d={"email": "jane"})["message"]
