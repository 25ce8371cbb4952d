"""`kili-query ontology pull` against local Kili."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kili_query import Ontology
from kili_query.server import LocalKili
from tests.cli.test_cli import ENTRY, environment

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(scope="module")
def kili() -> Iterator[tuple[LocalKili, str]]:
    with LocalKili() as server:
        yield server, server.load(DATA / "coco.zip", interface=DATA / "coco.interface.json", input_type="IMAGE")


def pull(server: LocalKili, *args: object, key: str | None = None) -> subprocess.CompletedProcess[str]:
    variables = {**environment(), "KILI_API_KEY": key or server.api_key, "KILI_API_ENDPOINT": server.endpoint}
    command = [*ENTRY, "ontology", "pull", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, env=variables, check=False)


def test_the_file_is_an_ontology_with_its_input_type(kili: tuple[LocalKili, str], tmp_path: Path) -> None:
    server, project = kili
    file = tmp_path / "kili-ontology.json"
    done = pull(server, project, "-o", file)
    assert (done.returncode, done.stdout) == (0, "")
    assert "3 jobs of coco" in done.stderr
    ontology = Ontology.load(file)
    assert (ontology.input_type, ontology.jobs) == ("IMAGE", Ontology.load(DATA / "coco.interface.json").jobs)
    assert json.loads(pull(server, project).stdout) == json.loads(file.read_text("utf-8"))


def test_what_goes_wrong_is_told_and_leaves_the_file(kili: tuple[LocalKili, str], tmp_path: Path) -> None:
    server, project = kili
    file = tmp_path / "kili-ontology.json"
    file.write_text("before")
    for args, key, words in (
        (("nowhere", "-o", file), None, "no project `nowhere`"),
        ((project, "-o", file), "wrong", "refused the API key"),
        ((project, "-o", tmp_path / "no" / "folder.json"), None, "No such file or directory"),
    ):
        done = pull(server, *args, key=key)
        assert (done.returncode, done.stdout) == (2, "")
        assert words in done.stderr
        assert "Traceback" not in done.stderr
    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]
