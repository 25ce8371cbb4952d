"""Several organizations in one server: nobody sees, changes or guesses what belongs to others."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kili_query.server import LocalKili
from tests.server.asking import INTERFACE, Asking, response

RECORD = {
    "id": "a1",
    "externalId": "one.jpg",
    "labels": [{"id": "l1", "jsonResponse": response(1), "author": {"id": "u1", "email": "ann@x.invalid"}}],
}


@pytest.fixture
def two(server: LocalKili, tmp_path: Path) -> tuple[Asking, Asking, str, str]:
    """Clients of two organizations with a project each, made of exports that differ in their ids."""
    path, other = tmp_path / "records.json", tmp_path / "others.json"
    path.write_text(json.dumps([RECORD]))
    other.write_text(json.dumps([RECORD]).replace('"a1"', '"b1"').replace('"l1"', '"m1"'))
    key = server.add_user(email="eve@other.invalid", organization="Other", firstname="Eve")
    mine = server.load(path, interface=INTERFACE, input_type="IMAGE", title="mine")
    theirs = server.load(other, interface=INTERFACE, input_type="IMAGE", title="theirs", api_key=key)
    return Asking(server), Asking(server, key), mine, theirs


def test_each_sees_its_own(two: tuple[Asking, Asking, str, str]) -> None:
    me, them, mine, theirs = two
    for asking, project, title in ((me, mine, "mine"), (them, theirs, "theirs")):
        found = asking.ask("{ projects(where: {}, first: 10, skip: 0) { id title } }")
        assert found == [{"id": project, "title": title}]
        assert asking.count("Label", {}) == asking.count("Asset", {}) == asking.count("Project", {}) == 1
        (label,) = asking.labels({}, "id labelOf { id project { id } } author { organization { name } }")
        assert label["labelOf"]["project"]["id"] == project
    assert me.labels({})[0]["id"] == "l1"
    assert them.labels({})[0]["id"] == "m1"


@pytest.mark.parametrize(
    "filters",
    [
        lambda project, label, asset: ("Label", {"project": {"id": project}}),
        lambda project, label, asset: ("Label", {"asset": {"project": {"id": project}}}),
        lambda project, label, asset: ("Label", {"id": label}),
        lambda project, label, asset: ("Label", {"idIn": [label]}),
        lambda project, label, asset: ("Label", {"asset": {"id": asset}}),
        lambda project, label, asset: ("Asset", {"id": asset}),
        lambda project, label, asset: ("Asset", {"label": {"id": label}}),
        lambda project, label, asset: ("Asset", {"project": {"id": project}}),
        lambda project, label, asset: ("Asset", {"label": {"project": {"id": project}}}),
        lambda project, label, asset: ("Asset", {"label": {"asset": {"project": {"id": project}}}}),
        lambda project, label, asset: ("Label", {"asset": {"label": {"asset": {"project": {"id": project}}}}}),
        lambda project, label, asset: ("Project", {"id": project}),
    ],
)
def test_filters_reach_nothing_of_others(
    two: tuple[Asking, Asking, str, str], filters: Callable[..., tuple[str, dict[str, Any]]]
) -> None:
    me, them, mine, _ = two
    kind, where = filters(mine, "l1", "a1")
    assert me.count(kind, where) == 1
    assert them.count(kind, where) == 0


def test_people_and_organizations_are_ones_own(two: tuple[Asking, Asking, str, str]) -> None:
    _, them, _, _ = two
    emails = {user["email"] for user in them.ask("{ users(where: {}, first: 10, skip: 0) { email } }")}
    assert emails == {"eve@other.invalid", "ann@x.invalid"}
    names = them.ask("{ organizations(where: {}, first: 10, skip: 0) { name license { uploadLocalData } } }")
    assert names == [{"name": "Other", "license": {"uploadLocalData": True}}]
    document = "query ($w: OrganizationWhere!) { countOrganizations(where: $w) }"
    assert them.ask(document, w={"user": {"email": "eve@other.invalid"}}) == 1
    assert them.ask(document, w={"user": {"email": "local@kili.invalid"}}) == 0


@pytest.mark.parametrize(
    ("document", "variables"),
    [
        ("mutation ($w: AssetWhere!, $d: AppendManyLabelsData!) { appendManyLabels(data: $d, where: $w) { id } }",
         {"w": {"idIn": ["a1"]}, "d": {"labelType": "DEFAULT", "labelsData": [{"assetID": "a1", "jsonResponse": "{}"}]}}),
        ("mutation ($w: AssetWhere!, $d: CreateHoneypotData!) { createHoneypot(data: $d, where: $w) { id } }",
         {"w": {"id": "a1"}, "d": {"jsonResponse": "{}"}}),
        ("mutation ($w: LabelWhere!, $d: LabelData!) { updatePropertiesInLabel(data: $d, where: $w) { id } }",
         {"w": {"id": "l1"}, "d": {"secondsToLabel": 99}}),
        ("mutation ($w: [AssetWhere!]!, $d: [AssetData!]!) { updatePropertiesInAssets(data: $d, where: $w) { id } }",
         {"w": [{"id": "a1"}], "d": [{"priority": 9}]}),
        ("mutation ($p: ID!) { deleteProjectAsynchronously(where: {id: $p}) }", {"p": "MINE"}),
        ("mutation ($p: ID!) { appendManyAssets(data: {externalIDArray: [\"x\"]}, where: {id: $p}) { id } }", {"p": "MINE"}),
    ],
)  # fmt: skip
def test_mutations_of_what_others_have_find_nothing(
    two: tuple[Asking, Asking, str, str], document: str, variables: dict[str, Any]
) -> None:
    me, them, mine, _ = two
    everything = "id labels { id jsonResponse secondsToLabel } priority isHoneypot updatedAt"
    before = me.assets({}, everything)
    filled = {name: mine if value == "MINE" else value for name, value in variables.items()}
    assert them.error(document, **filled)["extensions"]["code"] == "NOT_FOUND"
    assert me.assets({}, everything) == before


def test_deletions_of_what_others_have_delete_nothing(two: tuple[Asking, Asking, str, str]) -> None:
    me, them, _, _ = two
    assert them.ask('mutation { deleteLabels(ids: ["l1"]) }') == []
    outcome = them.ask('mutation { deleteAssets(where: {idIn: ["a1", "nowhere"]}) { succeeded { assetId } } }')
    # both count as gone: what others have is not told apart from what nobody has
    assert outcome == {"succeeded": [{"assetId": "a1"}, {"assetId": "nowhere"}]}
    assert me.count("Label", {}) == me.count("Asset", {}) == 1
