"""The data folder: kept between starts, whole after `kill -9`, refused when it is not one."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import event

from kili_query import DataError
from kili_query.server import LocalKili
from tests.server.asking import INTERFACE, Asking, response
from tests.server.files import Uploading

DATA = Path(__file__).parents[1] / "data"


def start(folder: Path) -> LocalKili:
    return LocalKili(folder, socket=False)


def test_data_and_keys_are_kept(tmp_path: Path) -> None:
    with start(tmp_path / "kili") as server:
        key = server.api_key
        project = server.load(DATA / "coco.zip", interface=DATA / "coco.interface.json")
        before = Asking(server).labels({}, "id jsonResponse author { email }")
    with start(tmp_path / "kili") as server:
        assert server.api_key == key
        assert server.projects() == [(project, "coco", 3)]
        assert Asking(server).labels({}, "id jsonResponse author { email }") == before


def test_temporary_data_are_removed() -> None:
    with LocalKili(socket=False) as server:
        folder = server._running.folder
        assert folder.is_dir()
    assert not folder.exists()


def test_a_folder_in_use_is_refused_and_free_again_afterwards(tmp_path: Path) -> None:
    with start(tmp_path), pytest.raises(DataError, match="in use"), start(tmp_path):
        pass
    with start(tmp_path):
        pass


def test_what_is_not_a_data_folder_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(DataError, match="is a file"), start(file):
        pass
    with pytest.raises(DataError, match="holds `file`"), start(tmp_path):
        pass
    assert os.listdir(tmp_path) == ["file"]
    assert file.read_text() == "mine"
    file.rename(tmp_path / "files")  # as a part of a data folder is called
    with pytest.raises(DataError, match="holds `files`"), start(tmp_path):
        pass


def database(folder: Path) -> Path:
    with start(folder) as server:
        server.load(DATA / "coco.zip", interface=DATA / "coco.interface.json")
    return folder / "kili.db"


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    path = database(tmp_path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(DataError, match="version 99"), start(tmp_path):
        pass


def test_files_of_the_second_version_are_kept(tmp_path: Path) -> None:
    path = database(tmp_path)
    with start(tmp_path) as server:
        client = Uploading(server)
        project = server.projects()[0][0]
        client.add(project, contentArray=[client.uploaded(project, "a")], idArray=["a"])
        [before] = client.assets({"id": "a"}, "content")
    connection = sqlite3.connect(path)
    connection.executescript("""
        CREATE TABLE old (
            id TEXT NOT NULL PRIMARY KEY, project_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
            content_type TEXT NOT NULL, name TEXT NOT NULL
        );
        INSERT INTO old SELECT id, project_id, content_type, name FROM files;
        DROP TABLE files;
        ALTER TABLE old RENAME TO files;
        ALTER TABLE projects DROP COLUMN settings;
        DROP TABLE locks;
        PRAGMA user_version = 2;
    """)
    rows = connection.execute("SELECT * FROM files").fetchall()
    connection.close()
    assert rows
    with start(tmp_path) as server:
        assert Asking(server).assets({"id": "a"}, "content") == [before]
        assert (
            Asking(server).ask("{ projects(where: {}, first: 9, skip: 0) { id useHoneyPot } }")[0]["useHoneyPot"]
            is None
        )
        assert Asking(server).http.get(before["content"]).status_code == 200
        server.lock("a")
        assert Asking(server).assets({"id": "a"}, "numberOfValidLocks") == [{"numberOfValidLocks": 1}]
        with server._running.reading() as reading:
            assert reading.exec_driver_sql("SELECT id, project_id, content_type, name FROM files").all() == rows
            assert len(reading.exec_driver_sql("PRAGMA index_list(files)").all()) == 3


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "kili.db")
    connection.execute("CREATE TABLE mine (x)")
    connection.close()
    with pytest.raises(DataError, match="not one of local Kili"), start(tmp_path):
        pass


@pytest.mark.parametrize("damage", ["text", "half", "hole", "empty pages"])
def test_a_damaged_database_is_refused(tmp_path: Path, damage: str) -> None:
    path = database(tmp_path)
    data = path.read_bytes()
    hole = data[:4096] + os.urandom(4096 * 8) + data[4096 * 9 :]
    path.write_bytes(
        {
            "text": b"not a database" * 100,
            "half": data[: len(data) // 2],
            "hole": hole,
            "empty pages": data[:4096] + bytes(len(data) - 4096),
        }[damage]
    )
    with pytest.raises(DataError, match="damaged"), start(tmp_path):
        pass


def test_a_start_that_was_killed_early_is_taken_up(tmp_path: Path) -> None:
    (tmp_path / "kili.lock").touch()
    sqlite3.connect(tmp_path / "kili.db").close()
    with start(tmp_path) as server:
        assert server.projects() == []


def test_what_somebody_puts_beside_the_files_is_no_matter(tmp_path: Path) -> None:
    with start(tmp_path):
        pass
    (tmp_path / "files" / "mine").mkdir(parents=True)
    (tmp_path / "files" / "stray").touch()
    with start(tmp_path):
        assert os.listdir(tmp_path / "files") == ["mine"]


WRITER = """
import json, sys
from kili_query.server import LocalKili
from tests.server.asking import INTERFACE, Asking, response

with LocalKili(sys.argv[1], socket=False) as server:
    asking = Asking(server)
    data = {"title": "t", "inputType": "IMAGE", "jsonInterface": INTERFACE}
    project = asking.ask("mutation ($d: CreateProjectData!) { createProject(data: $d) { id } }", d=data)
    imported = "mutation ($d: AppendManyAssetsData!, $w: ProjectWhere!) { appendManyAssets(data: $d, where: $w) { id } }"
    ids = [f"a{i}" for i in range(20)]
    asking.ask(imported, d={"idArray": ids}, w=project)
    append = "mutation ($d: AppendManyLabelsData!, $w: AssetWhere!) { appendManyLabels(data: $d, where: $w) { id } }"
    while True:
        entries = [{"assetID": i, "jsonResponse": json.dumps(response(2, 1))} for i in ids]
        made = asking.ask(append, d={"labelType": "DEFAULT", "labelsData": entries}, w={})
        print(*(label["id"] for label in made), flush=True)
"""


@pytest.mark.parametrize("answers", [1, 3, 7])
def test_what_was_answered_survives_kill_9(tmp_path: Path, answers: int) -> None:
    folder = tmp_path / "kili"
    root = Path(__file__).parents[2]
    process = subprocess.Popen([sys.executable, "-c", WRITER, folder], stdout=subprocess.PIPE, text=True, cwd=root)
    assert process.stdout is not None
    with process.stdout as answered:
        kept = [answered.readline().split() for _ in range(answers)]  # and it goes on writing
        process.send_signal(signal.SIGKILL)
        kept += [line.split() for line in answered if line.endswith("\n")]
        process.wait()
    with start(folder) as server:
        asking = Asking(server)
        there = {label["id"] for label in asking.labels({"project": {}}, first=500)}
        assert {label for batch in kept for label in batch} <= there or asking.count("Label", {}) > 500
        number = asking.count("Label", {})
        assert number % 20 == 0  # a batch is there as a whole or not at all
        assert asking.count("Label", {"search": "OBJ.A.count == 2 AND OBJ.B.count == 1"}) == number
        with server._running.reading() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []


def test_a_loading_that_was_killed_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    record = json.dumps({"externalId": "x", "labels": [{"jsonResponse": response(3)}] * 5})
    path.write_text(f"{record}\n" * 20_000)
    code = (
        "import sys; from kili_query.server import LocalKili; from tests.server.asking import INTERFACE\n"
        "told = lambda size: print(size, flush=True)\n"
        "with LocalKili(sys.argv[1], socket=False) as s: s.load_report(sys.argv[2], interface=INTERFACE, advance=told)"
    )
    folder, root = tmp_path / "kili", Path(__file__).parents[2]
    process = subprocess.Popen([sys.executable, "-c", code, folder, path], stdout=subprocess.PIPE, text=True, cwd=root)
    assert process.stdout is not None
    with process.stdout as told:
        told.readline()  # in the middle
        process.kill()
        process.wait()
    with start(folder) as server:
        assert server.projects() == []
        assert server.load(DATA / "coco.zip", interface=INTERFACE)


def test_a_full_disk_is_told_and_what_was_there_stays(tmp_path: Path) -> None:
    records = tmp_path / "records.json"
    labels = [{"jsonResponse": {**response(3), "note": {"text": "x" * 5000}}} for _ in range(100)]
    records.write_text(json.dumps([{"externalId": "x", "labels": labels}]))
    with start(tmp_path / "kili") as server:
        asking = Asking(server)
        server.load(DATA / "coco.zip", interface=DATA / "coco.interface.json")
        engine = server._running.engine
        engine.dispose()
        pages = os.path.getsize(tmp_path / "kili" / "kili.db") // 4096

        @event.listens_for(engine, "connect")
        def connected(connection: sqlite3.Connection, _: object) -> None:
            connection.execute(f"PRAGMA max_page_count = {pages + 8}")  # SQLite says the same when a disk is full

        with pytest.raises(DataError, match=r"kili\.db: the database cannot be read or written: .* full"):
            server.load(records, interface=INTERFACE)
        document = "mutation ($d: CreateProjectData!) { createProject(data: $d) { id } }"
        made = {"title": "x" * 100_000, "inputType": "TEXT", "jsonInterface": INTERFACE}
        assert asking.error(document, d=made)["extensions"]["code"] == "STORAGE_FAILED"
        assert asking.count("Label", {}) == 3
