"""Counts from bitmaps are those that SQLite gives, whatever has changed in between."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from kili_query.server import LocalKili
from kili_query.server.bitmaps import Bitmaps
from kili_query.server.graph.filters import label_conditions
from kili_query.server.graph.reading import how_many
from tests.server.asking import Asking, response
from tests.server.conftest import Load

APPEND = """mutation ($data: AppendManyLabelsData!, $where: AssetWhere!) { appendManyLabels(data: $data, where: $where) { id } }"""
CREATE = "mutation ($d: AppendManyAssetsData!, $w: ProjectWhere!) { appendManyAssets(data: $d, where: $w) { id } }"
DELETE = "mutation ($ids: [ID!]!) { deleteLabels(ids: $ids) }"
DELETE_ASSETS = "mutation ($ids: [ID!]) { deleteAssets(where: {idIn: $ids}) { succeeded { assetId } } }"
UPDATE = (
    "mutation ($id: ID!, $j: String) { updatePropertiesInLabel(where: {id: $id}, data: {jsonResponse: $j}) { id } }"
)


class Both:
    """The bitmaps of a server, and what SQLite says to the same questions."""

    def __init__(self, server: LocalKili, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked = self.known = 0
        bitmaps, real = Bitmaps(server._running, least=1), Bitmaps.count

        def count(where: Any, reader: Any) -> int | None:
            found = real(bitmaps, where, reader)
            self.asked += 1
            if found is not None:
                self.known += 1
                assert found == how_many(reader, "Label", label_conditions(where, reader)), where
            return found

        monkeypatch.setattr("kili_query.server.app.Bitmaps.count", lambda _, where, reader: count(where, reader))


@pytest.fixture
def both(server: LocalKili, monkeypatch: pytest.MonkeyPatch) -> Both:
    return Both(server, monkeypatch)


def _answers(chance: random.Random) -> dict[str, Any]:
    return response(chance.randint(0, 3), chance.randint(0, 2), *(["SUN"] if chance.random() < 0.5 else []))


def _query(chance: random.Random) -> str:
    def one() -> str:
        name = chance.choice(["OBJ.A", "OBJ.B", "OBJ.C", "CLS.SUN", "CLS.RAIN", "NO.SUCH"])
        return f"{name}.count {chance.choice(['>', '>=', '<', '<=', '=='])} {chance.randint(0, 3)}"

    return f"({one()} {chance.choice(['AND', 'OR'])} {one()}) {chance.choice(['AND', 'OR'])} {one()}"


def _filter(chance: random.Random, projects: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"search": _query(chance)}
    if chance.random() < 0.7:
        found["project"] = {"id": chance.choice(projects)}
    if chance.random() < 0.3:
        found["typeIn"] = chance.sample(["DEFAULT", "REVIEW", "PREDICTION"], 2)
    if chance.random() < 0.3:
        found["authorIn"] = chance.choice([["Ann"], ["Ann", "Local User"], ["Nobody"], []])
    if chance.random() < 0.3:
        found["user"] = chance.choice([{"email": "ann@x.invalid"}, {}, {"activated": True}])
    if chance.random() < 0.3:
        found["createdAtGte"] = chance.choice(["2024-01-02", "2026-01-01T00:00:00Z"])
    if chance.random() < 0.2:
        found["honeypotMarkLte"] = 0.5
    return found


@pytest.mark.parametrize("seed", range(3))
def test_counts_are_true_after_each_change(load: Load, asking: Asking, both: Both, seed: int) -> None:
    chance = random.Random(seed)
    projects = []
    for name in "ab":
        author = {"id": f"ann-{name}", "email": "ann@x.invalid", "firstname": "Ann"}
        projects.append(load(*(
            {"id": f"{name}{n}", "externalId": f"{n}", "labels": [{
                "id": f"{name}l{n}", "labelType": chance.choice(["DEFAULT", "REVIEW"]), "author": author,
                "createdAt": f"2024-01-{1 + n % 5:02d}T00:00:00.000Z", "jsonResponse": _answers(chance),
            }]} for n in range(12)
        )))  # fmt: skip
    assert asking.count("Label", {"search": "OBJ.A.count > 0"}) > 0

    def append(project: str) -> None:
        wanted = asking.assets({"project": {"id": project}})
        entries = [{"assetID": row["id"], "jsonResponse": json.dumps(_answers(chance))} for row in chance.sample(wanted, 3)]  # fmt: skip
        data = {"labelType": chance.choice(["DEFAULT", "PREDICTION"]), "labelsData": entries, "overwrite": chance.random() < 0.5}  # fmt: skip
        asking.ask(APPEND, data=data, where={})

    def delete(project: str) -> None:
        labels = asking.labels({"project": {"id": project}})
        asking.ask(DELETE, ids=[row["id"] for row in chance.sample(labels, min(2, len(labels)))])

    def delete_asset(project: str) -> None:
        assets = asking.assets({"project": {"id": project}})
        if len(assets) > 4:
            asking.ask(DELETE_ASSETS, ids=[chance.choice(assets)["id"]])

    def fail(project: str) -> None:
        [asset] = asking.assets({"project": {"id": project}}, first=1)
        entries = [{"assetID": asset["id"], "jsonResponse": "{}"}, {"assetID": asset["id"], "jsonResponse": "["}]
        asking.error(APPEND, data={"labelType": "DEFAULT", "labelsData": entries}, where={})

    def honeypot(project: str) -> None:
        [asset] = asking.assets({"project": {"id": project}}, first=1)
        document = "mutation ($d: CreateHoneypotData!, $w: AssetWhere!) { createHoneypot(data: $d, where: $w) { id } }"
        asking.ask(document, d={"jsonResponse": "{}"}, w={"id": asset["id"]})

    def change(project: str) -> None:
        [label] = asking.labels({"project": {"id": project}}, first=1)
        asking.ask(UPDATE, id=label["id"], j=json.dumps(_answers(chance)))

    for _ in range(25):
        chance.choice([append, append, change, delete, delete_asset, fail, honeypot])(chance.choice(projects))
        for _ in range(4):
            asking.count("Label", _filter(chance, projects))
    assert both.known == both.asked > 100


def test_what_depends_on_more_than_labels_is_left_to_the_database(
    load: Load, asking: Asking, both: Both, server: LocalKili
) -> None:
    project = load({"id": "a", "externalId": "a", "labels": [{"labelType": "DEFAULT", "jsonResponse": response(1)}]})
    search = "OBJ.A.count > 0"
    for more in ({"asset": {"statusIn": ["LABELED"]}}, {"labelerIn": ["ann@x.invalid"]}, {"idIn": ["x"]}):
        asking.count("Label", {"search": search, **more})
    assert both.known == 0
    assert asking.count("Label", {"search": search, "project": {"id": project}}) == both.known == 1
    others = Asking(server, server.add_user(email="eve@x.invalid", organization="others"))
    assert others.count("Label", {"search": search}) == others.count("Label", {"search": search, "project": {"id": project}}) == 0  # fmt: skip


def test_mistakes_are_told_as_ever(asking: Asking, both: Both) -> None:
    error = asking.error("query ($w: LabelWhere!) { countLabels(where: $w) }", w={"search": "A.B.count >"})
    assert error["message"].startswith("the category search is not valid")
