"""Which ontology the queries of a file are checked against, and how its problems are told."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from kili_query.editor.ontologies import BESIDE, Ontologies
from kili_query.editor.paths import matches
from kili_query.errors import DataError


def write(path: Path, *jobs: str) -> Path:
    """An ontology file with these jobs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"categories": {"A": {"name": "a"}}}
    path.write_text(json.dumps({"jobs": {job: {"mlTask": "OBJECT_DETECTION", "content": content} for job in jobs}}))
    return path


def configure(folder: Path, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(text)


def jobs(ontologies: Ontologies, file: Path, project: str | None = None) -> list[str] | None:
    found = ontologies.get(file, project)
    return None if found is None else list(found.jobs)


def told(ontologies: Ontologies) -> list[str]:
    return [f"{error.where}: {error.message}" for error in ontologies.problems()]


def test_a_file_beside_or_above_needs_no_configuration(tmp_path: Path) -> None:
    write(tmp_path / BESIDE, "ABOVE")
    write(tmp_path / "deep" / BESIDE, "BESIDE")
    ontologies = Ontologies()
    assert jobs(ontologies, tmp_path / "deep" / "a.py") == ["BESIDE"]
    assert jobs(ontologies, tmp_path / "other" / "x" / "a.py") == ["ABOVE"]


def test_the_table_names_one_ontology(tmp_path: Path) -> None:
    configure(tmp_path, '[tool.kili-query]\nontology = "data/o.json"\ninput_type = "video"\n')
    write(tmp_path / "data" / "o.json", "J")
    found = Ontologies().get(tmp_path / "src" / "a.py")
    assert found is not None
    assert (list(found.jobs), found.input_type) == (["J"], "VIDEO")


ROWS = """
[tool.kili-query]
ontology = "rest.json"
[[tool.kili-query.ontologies]]
path = "train/*.py"
ontology = "train.json"
[[tool.kili-query.ontologies]]
project = "p1"
ontology = "p1.json"
[[tool.kili-query.ontologies]]
project = "p1"
path = "train"
ontology = "both.json"
"""


def test_rows_choose_by_project_and_by_path(tmp_path: Path) -> None:
    configure(tmp_path, ROWS)
    for name in ("rest", "train", "p1", "both"):
        write(tmp_path / f"{name}.json", name)
    ontologies = Ontologies()
    assert jobs(ontologies, tmp_path / "a.py") == ["rest"]
    assert jobs(ontologies, tmp_path / "train" / "a.py") == ["train"]
    assert jobs(ontologies, tmp_path / "train" / "deep" / "a.py") == ["rest"]
    assert jobs(ontologies, tmp_path / "a.py", "p1") == ["p1"]
    assert jobs(ontologies, tmp_path / "train" / "a.py", "p1") == ["both"]
    assert jobs(ontologies, tmp_path / "a.py", "p2") == ["rest"]
    assert told(ontologies) == []


def test_the_nearest_folder_that_says_something_counts(tmp_path: Path) -> None:
    configure(tmp_path, '[tool.kili-query]\nontology = "o.json"\n')
    write(tmp_path / "o.json", "TABLE")
    configure(tmp_path / "package", "[tool.other]\nx = 1\n")
    write(tmp_path / "notebooks" / BESIDE, "BESIDE")
    ontologies = Ontologies()
    assert jobs(ontologies, tmp_path / "package" / "a.py") == ["TABLE"]
    assert jobs(ontologies, tmp_path / "notebooks" / "a.ipynb") == ["BESIDE"]


def test_the_option_is_above_all(tmp_path: Path) -> None:
    write(tmp_path / BESIDE, "BESIDE")
    option = write(tmp_path / "o.json", "OPTION")
    assert jobs(Ontologies(option), tmp_path / "a.py", "p1") == ["OPTION"]


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    ontologies, file = Ontologies(), tmp_path / "a.py"
    write(tmp_path / "one.json", "ONE")
    write(tmp_path / "two.json", "TWO")
    assert jobs(ontologies, file) is None
    configure(tmp_path, '[tool.kili-query]\nontology = "one.json"\n')
    assert jobs(ontologies, file) == ["ONE"]
    assert ontologies.get(file) is ontologies.get(file)
    os.replace(write(tmp_path / "new.json", "NEW"), tmp_path / "one.json")
    assert jobs(ontologies, file) == ["NEW"]
    configure(tmp_path, '[tool.kili-query]\nontology = "two.json"\n# longer\n')
    assert jobs(ontologies, file) == ["TWO"]
    (tmp_path / "pyproject.toml").unlink()
    assert jobs(ontologies, file) is None
    assert told(ontologies) == []


def test_a_broken_ontology_is_told_once_until_it_changes(tmp_path: Path) -> None:
    ontologies, path = Ontologies(tmp_path / "o.json"), tmp_path / "o.json"
    for _ in range(3):
        assert jobs(ontologies, tmp_path / "a.py") is None
    assert told(ontologies) == [
        f"{path}: the ontology cannot be read: No such file or directory; names are not checked"
    ]
    path.write_text("{")
    for _ in range(3):
        assert jobs(ontologies, tmp_path / "a.py") is None
    (problem,) = told(ontologies)
    assert str(path) in problem
    path.write_text('{"jobs": []}')
    assert jobs(ontologies, tmp_path / "a.py") is None
    (problem,) = told(ontologies)
    assert problem.startswith(f"{path}: $.jobs: ")
    write(path, "GOOD")
    assert jobs(ontologies, tmp_path / "a.py") == ["GOOD"]
    assert told(ontologies) == []


WRONG = {
    "is not TOML": "[tool.kili-query\n",
    "[tool.kili-query]: there is no key `ontolgy`; did you mean `ontology`?": '[tool.kili-query]\nontolgy = "x"',
    "[tool.kili-query]: `ontology` must be a text": "[tool.kili-query]\nontology = 3",
    "[tool.kili-query]: `ontology` must be the name of a file": '[tool.kili-query]\nontology = "a\\u0000"',
    "[tool.kili-query]: must be a table": "[tool]\nkili-query = 3",
    "[tool.kili-query]: `ontologies` must be a list of tables": "[tool.kili-query]\nontologies = 3",
    "number 1: needs `ontology`, and `path` or `project`": '[[tool.kili-query.ontologies]]\nontology = "x"',
    "number 1: there is no key `paths`; did you mean `path`?": '[[tool.kili-query.ontologies]]\npaths = "x"',
}


@pytest.mark.parametrize(("message", "text"), WRONG.items())
def test_a_wrong_configuration_is_told_once(tmp_path: Path, message: str, text: str) -> None:
    configure(tmp_path, text)
    write(tmp_path / BESIDE, "BESIDE")
    ontologies = Ontologies()
    assert jobs(ontologies, tmp_path / "a.py") == jobs(ontologies, tmp_path / "b.py") == ["BESIDE"]
    (problem,) = told(ontologies)
    assert message in problem
    assert str(tmp_path / "pyproject.toml") in problem


def test_a_pipe_in_place_of_an_ontology_is_told_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "o.json")
    configure(tmp_path, '[tool.kili-query]\nontology = "o.json"\n')
    ontologies = Ontologies()
    assert jobs(ontologies, tmp_path / "a.py") is None
    assert told(ontologies) == [f"{tmp_path / 'o.json'}: is no regular file; names are not checked"]


def test_a_configuration_is_utf_8_with_or_without_a_mark(tmp_path: Path) -> None:
    write(tmp_path / "é.json", "J")
    for encoding in ("utf-8", "utf-8-sig"):
        (tmp_path / "pyproject.toml").write_bytes('[tool.kili-query]\nontology = "é.json"\n'.encode(encoding))
        assert jobs(Ontologies(), tmp_path / "a.py") == ["J"]
    (tmp_path / "pyproject.toml").write_bytes('[tool.kili-query]\nontology = "é.json"\n'.encode("latin-1"))
    ontologies = Ontologies()
    assert jobs(ontologies, tmp_path / "a.py") is None
    assert told(ontologies) == [f"{tmp_path / 'pyproject.toml'}: is not UTF-8 text (byte 30)"]


def test_problems_are_errors_of_the_tree(tmp_path: Path) -> None:
    ontologies = Ontologies(tmp_path / "gone.json")
    ontologies.get(tmp_path / "a.py")
    assert [type(error) for error in ontologies.problems()] == [DataError]


def test_what_is_wrong_is_known_until_it_is_mended(tmp_path: Path) -> None:
    ontologies, file = Ontologies(), tmp_path / "a.py"
    configure(tmp_path, '[tool.kili-query]\nontology = "o.json"\n')
    assert ontologies.problem(file) is None  # nobody has asked for it yet
    for _ in range(2):
        assert jobs(ontologies, file) is None
        assert "o.json: the ontology cannot be read" in str(ontologies.problem(file))
    write(tmp_path / "o.json", "J")
    assert jobs(ontologies, file) == ["J"]
    assert ontologies.problem(file) is None
    configure(tmp_path, "[tool.kili-query]\nontology = 3\n")
    assert jobs(ontologies, file) is None
    assert "`ontology` must be a text" in str(ontologies.problem(file))


def test_all_that_may_count_for_a_file_is_known(tmp_path: Path) -> None:
    configure(tmp_path, ROWS)
    write(tmp_path / "train" / BESIDE, "BESIDE")
    found = [(Path(entry.file).name, entry.project) for entry in Ontologies().entries(tmp_path / "train" / "a.py")]
    assert found[0] == (BESIDE, None)
    assert ("train.json", None) in found
    assert ("rest.json", None) in found


def test_an_export_needs_no_ontology_and_the_nearest_counts(tmp_path: Path) -> None:
    ontologies = Ontologies()
    configure(tmp_path, '[tool.kili-query]\nexport = "data/labels.zip"\n')
    configure(tmp_path / "deep", "[tool.other]\n")
    assert ontologies.export(tmp_path / "deep" / "a.py") == str(tmp_path / "data" / "labels.zip")
    assert ontologies.get(tmp_path / "deep" / "a.py") is None
    configure(tmp_path / "deep", '[tool.kili-query]\nexport = "near.zip"\n')
    assert ontologies.export(tmp_path / "deep" / "a.py") == str(tmp_path / "deep" / "near.zip")
    configure(tmp_path / "deep", '[tool.kili-query]\nexport = "a\\u0000"\n')
    assert ontologies.export(tmp_path / "deep" / "a.py") == str(tmp_path / "data" / "labels.zip")
    assert "`export` must be the name of a file" in told(ontologies)[0]


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("*.py", "a.py", True),
        ("*.py", "x/y/a.py", True),
        ("x/*.py", "x/a.py", True),
        ("x/*.py", "x/y/a.py", False),
        ("x/*.py", "z/x/a.py", False),
        ("x/**/*.py", "x/a.py", True),
        ("x/**/*.py", "x/y/z/a.py", True),
        ("**/old", "x/old/a.py", True),
        ("old", "x/old/a.py", True),
        ("old/", "old/a.py", True),
        ("./old", "old/a.py", True),
        ("old", "older/a.py", False),
        ("a?.py", "ab.py", True),
        ("[ab].py", "b.py", True),
        ("[!ab].py", "b.py", False),
        ("[b-a].py", "[b-a].py", True),
        ("[.py", "[.py", True),
        ("a.py", "axpy", False),
    ],
)
def test_patterns_name_paths(pattern: str, path: str, expected: bool) -> None:
    assert matches(pattern, Path(path)) is expected
