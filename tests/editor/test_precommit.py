"""The hooks for pre-commit: the files that each is for, and what it tells pre-commit by its exit code and its edits."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kili_query.editor import finding
from tests.cli.test_cli import Run
from tests.cli.test_cli import run as run
from tests.conftest import ROOT

ONTOLOGY = ROOT / "tests" / "data" / "coco.interface.json"


def _hooks() -> dict[str, dict[str, str]]:
    """The hooks by their ids: each is a list item, of keys with one line each."""
    text = (ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
    rows = (dict(re.findall(r"^(?:- |  )(\w+): (.+)$", block, re.MULTILINE)) for block in text.split("\n\n"))
    return {row["id"]: row for row in rows}


HOOKS = _hooks()
Hook = Callable[..., tuple[int, str, set[str]]]
FILES = {
    "good.py": 'f(category_search="OBJECT_DETECTION_JOB.car.count > 2")\n',
    "sloppy.py": 'f(category_search="OBJECT_DETECTION_JOB.car.count > 2 and OBJECT_DETECTION_JOB.dog.count = 1")\n',
    "misspelt.py": 'f(category_search="OBJECT_DETECTION_JOB.carr.count > 2")\n',
    "dense.kq": "OBJECT_DETECTION_JOB.car.count>2\n",
    "cut off.kq": "OBJECT_DETECTION_JOB.car.count >\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(ONTOLOGY, tmp_path / "kili-ontology.json")
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def run_hook(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Hook:
    """Runs a hook for some files: its exit code, what it says, and the files that it has changed."""
    monkeypatch.chdir(folder)

    def call(hook: str, *names: str) -> tuple[int, str, set[str]]:
        program, *options = shlex.split(HOOKS[hook]["entry"])
        assert program == "kili-query"
        done = run(*options, *names)
        changed = {name for name, text in FILES.items() if (folder / name).read_text(encoding="utf-8") != text}
        return done.code, done.out + done.err, changed

    return call


def test_lint_is_silent_about_good_files_and_fails_for_the_others(run_hook: Hook) -> None:
    assert run_hook("kili-query-lint", "good.py", "dense.kq") == (0, "", set())
    code, said, changed = run_hook("kili-query-lint", *FILES)
    assert (code, changed) == (1, set())
    assert re.findall(r"^(.+?):\d+:\d+: error", said, re.MULTILINE) == ["sloppy.py", "misspelt.py", "cut off.kq"]


def test_fix_repairs_what_is_sure_and_fails_for_the_rest(run_hook: Hook) -> None:
    code, said, changed = run_hook("kili-query-fix", *FILES)
    assert (code, changed) == (1, {"sloppy.py"})
    assert "misspelt.py:1:41" in said
    assert run_hook("kili-query-lint", "sloppy.py")[0] == 0


def test_format_writes_query_files(run_hook: Hook) -> None:
    assert run_hook("kili-query-format", "dense.kq")[2] == {"dense.kq"}
    code, said, _ = run_hook("kili-query-format", "cut off.kq")
    assert code == 1
    assert "KQ102" in said


@pytest.mark.parametrize("hook", HOOKS)
def test_hooks_are_for_the_files_that_the_command_knows(hook: str) -> None:
    known = {".kq"} if hook == "kili-query-format" else {".py", ".pyi", ".pyw", ".ipynb", ".kq"}
    assert known <= set(finding.SUFFIXES)
    for suffix in finding.SUFFIXES:
        assert bool(re.search(HOOKS[hook]["files"], f"folder/file{suffix}")) == (suffix in known)
    assert HOOKS[hook]["language"] == "python"
