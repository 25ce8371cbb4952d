"""What is packaged: every room of the checkout is in the wheel, and the names that users' settings hold lead to it."""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.conftest import ROOT

ELSEWHERE = {"grammar": "kili_query/grammar", "tests/data": "kili_query/sample"}
"""Folders outside of the package that are rooms in it."""

_BUILD = "import sys; from setuptools.build_meta import build_wheel; print(build_wheel(sys.argv[1]))"


def _tracked(*folders: str) -> list[Path]:
    done = subprocess.run(["git", "ls-files", *folders], cwd=ROOT, capture_output=True, text=True, check=True)
    return [Path(name) for name in done.stdout.splitlines() if (ROOT / name).is_file()]


def test_the_packages_of_the_project_are_its_folders() -> None:
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    rooms = {".".join(path.parent.parts) for path in _tracked("kili_query/*.py")}
    elsewhere = {room.replace("/", "."): folder for folder, room in ELSEWHERE.items()}
    assert setuptools["package-dir"] == elsewhere
    assert setuptools["packages"] == sorted(rooms | elsewhere.keys())


def test_the_wheel_holds_the_files_of_the_checkout(tmp_path: Path) -> None:
    for file in _tracked("kili_query", "grammar", "tests/data", "pyproject.toml", "README.md", "LICENSE"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    done = subprocess.run(
        [sys.executable, "-c", _BUILD, "."], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(tmp_path / done.stdout.split()[-1]) as wheel:
        packed = {name: wheel.read(name) for name in wheel.namelist() if ".dist-info/" not in name}
    expected = {file.as_posix(): file for file in _tracked("kili_query")}
    for folder, room in ELSEWHERE.items():
        for file in _tracked(f"{folder}/*"):
            if file.parent == Path(folder):
                expected[f"{room}/{file.name}"] = file
    assert packed == {name: (ROOT / file).read_bytes() for name, file in expected.items()}


def test_mypy_finds_its_plugin() -> None:
    plugin = importlib.import_module("kili_query.editor.mypy_plugin").plugin("1.15")
    assert issubclass(plugin, importlib.import_module("mypy.plugin").Plugin)


def test_pytest_finds_its_plugin(pytestconfig: pytest.Config) -> None:
    (entry,) = entry_points(group="pytest11", name="kili_query")
    assert entry.value == "kili_query.server.pytest_plugin"
    assert pytestconfig.pluginmanager.get_plugin("kili_query") is importlib.import_module(entry.value)


def test_notebooks_find_their_extension() -> None:
    shell = pytest.importorskip("IPython.core.interactiveshell").InteractiveShell()
    assert shell.run_line_magic("load_ext", "kili_query") is None
    assert shell.find_cell_magic("kili_query")
    assert shell.run_line_magic("unload_ext", "kili_query") is None
    assert shell.find_cell_magic("kili_query") is None


def test_ctrl_c_before_anything_is_loaded_leaves_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(9)\n")
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-m", "kili_query", "check", "A.B.count > 1"],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")
