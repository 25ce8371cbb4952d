"""SARIF for code scanning: it obeys the schema of the standard, and its places and fixes are those of the files."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from kili_query.errors import CODES
from tests.cli.test_cli import Run
from tests.cli.test_cli import run as run
from tests.conftest import ROOT
from tests.editor import npm

ONTOLOGY = ROOT / "tests" / "data" / "coco.interface.json"
SCHEMA = "node_modules/@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json"
MANIFEST = b'{"private": true, "dependencies": {"@microsoft/jest-sarif": "1.0.0-beta.0"}}'

SLOPPY = 'f(category_search="OBJECT_DETECTION_JOB.dog.count > 2 and OBJECT_DETECTION_JOB.cat.count => 1")\n'
CELL: dict[str, object] = {
    "cell_type": "code",
    "source": ["import kili\n", SLOPPY],
    "metadata": {},
    "outputs": [],
    "execution_count": None,
}
Lint = Callable[..., dict[str, Any]]
FILES = {
    "sloppy.py": SLOPPY,
    "a b%#?&\u00e9.py": f'x = "\N{GRINNING FACE}"; {SLOPPY}',
    "lines.py": 'f(category_search="""\r\nOBJECT_DETECTION_JOB.dog.count > 1\r\n and\r\n\tWEATHER.RAIN.count > 1""")\r\n',
    "n.ipynb": json.dumps({"cells": [CELL], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1),
    "missing.kq": "OBJECT_DETECTION_JOB.carr.count > 2",
    "redundant.kq": "OBJECT_DETECTION_JOB.dog.count > 2 AND OBJECT_DETECTION_JOB.dog.count > 1\n",
    "ends.kq": "OBJECT_DETECTION_JOB.dog.count >",
    "empty.kq": "",
    "broken.py": "f(category_search=",
    "binary.kq": "\0",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(ONTOLOGY, tmp_path / "kili-ontology.json")
    for name, text in FILES.items():
        (tmp_path / name).write_bytes(text.encode())
    return tmp_path


@pytest.fixture
def lint(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Lint:
    """Gives the log of the files in a folder, and of others."""
    monkeypatch.chdir(folder)

    def call(*more: object) -> dict[str, Any]:
        log = json.loads(run("lint", ".", *more, "--format", "sarif").out)
        assert isinstance(log, dict)
        return log

    return call


@pytest.fixture
def logged(lint: Lint) -> dict[str, Any]:
    """The run that a log is of."""
    (logged,) = lint()["runs"]
    assert isinstance(logged, dict)
    return logged


def test_sarif_obeys_the_schema_of_the_standard(lint: Lint) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((npm.installed("sarif", MANIFEST) / SCHEMA).read_text(encoding="utf-8"))
    validator = jsonschema.Draft7Validator(schema)
    log = lint()
    assert [error.message for error in validator.iter_errors(log)] == []
    log["runs"][0]["results"][0]["level"] = "severe"
    assert not validator.is_valid(log)


def test_each_file_is_named_by_its_address(logged: dict[str, Any]) -> None:
    notes = logged["invocations"][0]["toolExecutionNotifications"]
    places = [row["locations"][0]["physicalLocation"]["artifactLocation"] for row in logged["results"] + notes]
    assert all(re.fullmatch(r"[A-Za-z0-9._%-]+", place["uri"]) for place in places)
    assert {unquote(place["uri"]) for place in places} == set(FILES)


def test_regions_hold_what_is_wrong(folder: Path, logged: dict[str, Any]) -> None:
    held = set()
    for result in logged["results"]:
        place = result["locations"][0]["physicalLocation"]
        text = (folder / unquote(place["artifactLocation"]["uri"])).read_bytes().decode()
        region = place["region"]
        assert region["startLine"] == region["endLine"]
        line = text.split("\n")[region["startLine"] - 1]
        held.add((result["ruleId"], line[region["startColumn"] - 1 : region["endColumn"] - 1]))
    assert held == {
        ("KQ104", "and"),
        ("KQ202", "carr"),
        ("KQ304", "OBJECT_DETECTION_JOB.dog.count > 1"),
        ("KQ102", ""),
        ("KQ103", ""),
    }


def test_the_fixes_of_a_log_repair_the_files(logged: dict[str, Any]) -> None:
    made = dict(FILES)
    for fix in (fix for result in logged["results"] for fix in result.get("fixes", [])):
        (change,) = fix["artifactChanges"]
        (row,) = change["replacements"]
        name = unquote(change["artifactLocation"]["uri"])
        start, length = row["deletedRegion"]["charOffset"], row["deletedRegion"]["charLength"]
        made[name] = made[name][:start] + row["insertedContent"]["text"] + made[name][start + length :]
    repaired = {name: text.replace(" and", " AND").replace("carr", "car") for name, text in FILES.items()}
    assert made == repaired | {"redundant.kq": "OBJECT_DETECTION_JOB.dog.count > 2\n"}


def test_rules_say_what_code_scanning_asks_for(logged: dict[str, Any]) -> None:
    rules = logged["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(CODES)
    for rule in rules:
        assert re.fullmatch(r"([A-Z][A-Za-z0-9]*)+", rule["name"])
        assert rule["shortDescription"]["text"]
        assert rule["fullDescription"]["text"].endswith(".")
        assert rule["help"]["text"]


def test_what_could_not_be_read_is_a_notification_of_a_known_kind(logged: dict[str, Any]) -> None:
    (invocation,) = logged["invocations"]
    told = {
        (note["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], note["descriptor"]["id"])
        for note in invocation["toolExecutionNotifications"]
    }
    assert told == {("broken.py", "KQ503"), ("binary.kq", "KQ503")}
    assert [kind["id"] for kind in logged["tool"]["driver"]["notifications"]] == ["KQ503"]


def test_a_file_elsewhere_has_an_absolute_address(lint: Lint, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("else where") / "a#b.kq"
    elsewhere.write_text("A.B.count > > 1", encoding="utf-8")
    (run,) = lint(elsewhere)["runs"]
    addresses = {row["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for row in run["results"]}
    assert elsewhere.as_uri() in addresses
