"""`kili-query ontology pull` against local Kili."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kili_query import Ontology
from kili_query.server import LocalKili
from tests.cli.test_cli import Ended, Run
from tests.cli.test_cli import run as run

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(scope="module")
def kili() -> Iterator[tuple[LocalKili, str]]:
    with LocalKili() as server:
        yield server, server.load(DATA / "coco.zip", interface=DATA / "coco.interface.json", input_type="IMAGE")


@pytest.fixture
def pull(kili: tuple[LocalKili, str], run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command with the key of the server, or another."""
    monkeypatch.setenv("KILI_API_ENDPOINT", kili[0].endpoint)

    def call(*args: object, key: str = kili[0].api_key) -> Ended:
        monkeypatch.setenv("KILI_API_KEY", key)
        return run("ontology", "pull", *args)

    return call


def test_the_file_is_an_ontology_with_its_input_type(kili: tuple[LocalKili, str], pull: Run, tmp_path: Path) -> None:
    _, project = kili
    file = tmp_path / "kili-ontology.json"
    done = pull(project, "-o", file)
    assert (done.code, done.out) == (0, "")
    assert "3 jobs of coco" in done.err
    ontology = Ontology.load(file)
    assert (ontology.input_type, ontology.jobs) == ("IMAGE", Ontology.load(DATA / "coco.interface.json").jobs)
    assert json.loads(pull(project).out) == json.loads(file.read_text("utf-8"))


def test_what_goes_wrong_is_told_and_leaves_the_file(kili: tuple[LocalKili, str], pull: Run, tmp_path: Path) -> None:
    server, project = kili
    file = tmp_path / "kili-ontology.json"
    file.write_text("before")
    for args, key, words in (
        (("nowhere", "-o", file), server.api_key, "no project `nowhere`"),
        ((project, "-o", file), "wrong", "refused the API key"),
        ((project, "-o", tmp_path / "no" / "folder.json"), server.api_key, "No such file or directory"),
    ):
        done = pull(*args, key=key)
        assert (done.code, done.out) == (2, "")
        assert words in done.err
    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]
