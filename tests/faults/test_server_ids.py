"""What one organization could learn of another: an id that was refused as taken could be guessed until it was found.

Right is: ids are an organization's own. Two may have assets and labels of the same ids, and see nothing of each other.
"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest

from kili_query.server import LocalKili
from kili_query.server.store.tables import SCHEMA_VERSION
from tests.server.asking import INTERFACE, Asking, response

IMPORT = "mutation ($d: AppendManyAssetsData!, $w: ProjectWhere!) { appendManyAssets(data: $d, where: $w) { id } }"
RECORD = {"id": "a1", "externalId": "one.jpg", "labels": [{"id": "l1", "jsonResponse": response(1)}]}
DATA = Path(__file__).parents[1] / "data"


def exported(folder: Path, a: int) -> Path:
    path = folder / f"records{a}.json"
    path.write_text(json.dumps([{**RECORD, "labels": [{"id": "l1", "jsonResponse": response(a)}]}]))
    return path


@pytest.fixture
def two(tmp_path: Path) -> Any:
    """Two organizations with assets and labels of the same ids, and other answers."""
    with LocalKili(socket=False, response_urls=True) as server:
        key = server.add_user(email="eve@other.invalid", organization="Other")
        mine = server.load(exported(tmp_path, 1), interface=INTERFACE)
        theirs = server.load(exported(tmp_path, 2), interface=INTERFACE, api_key=key)
        yield Asking(server), Asking(server, key), mine, theirs


def answers(asking: Asking) -> list[int]:
    addresses = [label["jsonResponseUrl"] for label in asking.labels({"id": "l1"}, "jsonResponseUrl")]
    return [asking.http.get(address).text.count('"A"') for address in addresses]


def test_ids_of_others_are_free(two: tuple[Asking, Asking, str, str]) -> None:
    me, them, mine, theirs = two
    for asking, project in ((me, mine), (them, theirs)):
        refused = asking.error(IMPORT, d={"idArray": ["a1"]}, w={"id": project})
        assert refused["message"] == "there is an asset `a1` already"
    assert me.ask(IMPORT, d={"idArray": ["a2"]}, w={"id": mine}) == [{"id": "a2"}]
    assert them.ask(IMPORT, d={"idArray": ["a2"]}, w={"id": theirs}) == [{"id": "a2"}]


def test_the_same_ids_are_two_things(two: tuple[Asking, Asking, str, str]) -> None:
    me, them, _, _ = two
    assert (answers(me), answers(them)) == ([1], [2])
    changed = 'mutation { updatePropertiesInLabel(data: {modelName: "m"}, where: {id: "l1"}) { id } }'
    assert them.ask(changed) == {"id": "l1"}
    assert [row["modelName"] for asking in (me, them) for row in asking.labels({}, "modelName")] == [None, "m"]
    assert them.ask('mutation { deleteLabels(ids: ["l1"]) }') == ["l1"]
    assert them.ask('mutation { deleteAssets(where: {idIn: ["a1"]}) { succeeded { assetId } } }')
    assert (me.count("Label", {}), me.count("Asset", {}), them.count("Asset", {})) == (1, 1, 0)
    assert answers(me) == [1]


def test_an_address_of_an_answer_is_of_one_label_only(two: tuple[Asking, Asking, str, str]) -> None:
    me, them, _, _ = two
    (mine,), (theirs,) = (asking.labels({}, "jsonResponseUrl") for asking in (me, them))
    paths = [httpx.URL(row["jsonResponseUrl"]).path for row in (mine, theirs)]
    assert paths[0] != paths[1]
    crossed = mine["jsonResponseUrl"].replace(paths[0], paths[1])
    assert me.http.get(crossed).status_code == 404


def first_version(path: Path) -> None:
    """Turn a database back into one of version 1, where ids were unique in all."""
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA foreign_keys = OFF")
        for table in ("assets", "labels"):
            (made,) = database.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
            indexes = database.execute("SELECT sql FROM sqlite_master WHERE tbl_name = ? AND type = 'index' AND sql NOT NULL", (table,)).fetchall()  # fmt: skip
            made = made.replace("uid TEXT NOT NULL", "uid TEXT NOT NULL UNIQUE").replace(f"CREATE TABLE {table}", f"CREATE TABLE old_{table}").replace(f'CREATE TABLE "{table}"', f"CREATE TABLE old_{table}")  # fmt: skip
            database.execute(made)
            database.execute(f"INSERT INTO old_{table} SELECT * FROM {table}")
            database.execute(f"DROP TABLE {table}")
            database.execute(f"ALTER TABLE old_{table} RENAME TO {table}")
            for (sql,) in indexes:
                if "_by_uid" not in sql:
                    database.execute(sql)
        database.execute("DROP TABLE locks")
        database.execute("PRAGMA user_version = 1")
    database.close()


FIELDS = "id externalId createdAt labels { id createdAt author { email } jsonResponse isLastForStep } project { id }"


def test_a_database_of_the_first_version_is_upgraded(tmp_path: Path) -> None:
    folder, coco = tmp_path / "kili", (DATA / "coco.zip", DATA / "coco.interface.json")
    with LocalKili(folder, socket=False) as server:
        server.load(coco[0], interface=coco[1])
        before = Asking(server).assets({}, FIELDS)
        key = server.add_user(email="eve@other.invalid", organization="Other")
    first_version(folder / "kili.db")
    with LocalKili(folder, socket=False) as server:
        asking, them = Asking(server), Asking(server, key)
        assert asking.assets({}, FIELDS) == before
        server.load(coco[0], interface=coco[1], api_key=key)
        assert [row["id"] for row in them.assets({})] == [row["id"] for row in before]
        assert asking.ask(
            "mutation ($i: [ID!]!) { deleteAssets(where: {idIn: $i}) { succeeded { assetId } } }", i=[before[0]["id"]]
        )
        assert asking.count("Label", {}) == them.count("Label", {}) - 1  # what belongs to a row goes with it, still
        with server._running.reading() as connection:
            assert connection.exec_driver_sql("PRAGMA user_version").scalar() == SCHEMA_VERSION
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []


def test_an_upgrade_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kili_query import DataError
    from kili_query.server.store import upgrading

    folder = tmp_path / "kili"
    with LocalKili(folder, socket=False) as server:
        server.load(exported(tmp_path, 1), interface=INTERFACE)
    first_version(folder / "kili.db")

    def half(database: sqlite3.Connection) -> None:
        database.execute("DROP TABLE responses")
        raise sqlite3.DatabaseError("halfway")

    with monkeypatch.context() as patch:
        patch.setitem(upgrading._STEPS, 1, half)
        with pytest.raises(DataError, match="halfway"), LocalKili(folder, socket=False):
            pass
    with LocalKili(folder, socket=False) as server:
        assert Asking(server).count("Label", {"search": "OBJ.A.count == 1"}) == 1
