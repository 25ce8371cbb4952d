"""The VS Code extension: it packages, holds what it needs and no more, and its own code talks to the real server.

`vscode_run.cjs` stands in for VS Code; the extension, its client and the server are real. The last test runs VS Code
itself, where `KILI_QUERY_VSCODE` names a folder with what `grammar/editors/vscode/real.mjs` needs.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.conftest import ROOT
from tests.editor import npm

EDITORS = ROOT / "grammar" / "editors"
EXTENSION = EDITORS / "vscode"
ONTOLOGY = ROOT / "tests" / "data" / "coco.interface.json"
MADE = ("node_modules", "dist", "*.vsix")
QUERY = "OBJECT_DETECTION_JOB.carr.count > 2"


def _manifest() -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((EXTENSION / "package.json").read_text(encoding="utf-8"))
    return manifest


@pytest.fixture(scope="module")
def vsix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, made from a copy of the sources as its README says."""
    sources = tmp_path_factory.mktemp("vsix") / "editors"
    shutil.copytree(EDITORS, sources, ignore=shutil.ignore_patterns(*MADE))
    folder = sources / "vscode"
    manifest, lock = (folder / "package.json").read_bytes(), (folder / "package-lock.json").read_bytes()
    home = npm.installed("vscode", manifest, lock)
    (folder / "node_modules").symlink_to(home / "node_modules", target_is_directory=True)
    done = subprocess.run(["npm", "run", "package"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr
    (package,) = folder.glob("*.vsix")
    return package


def test_the_package_holds_what_it_needs_and_no_more(vsix: Path) -> None:
    with zipfile.ZipFile(vsix) as archive:
        names = {name.removeprefix("extension/") for name in archive.namelist()}
        notices = archive.read("extension/dist/notices.txt").decode()
        identity = ElementTree.fromstring(archive.read("extension.vsixmanifest")).find(".//{*}Identity")
    assert names == {
        "[Content_Types].xml",
        "extension.vsixmanifest",
        "package.json",
        "language-configuration.json",
        "readme.md",
        "LICENSE.txt",
        "dist/extension.js",
        "dist/kili-query.tmLanguage.json",
        "dist/kili-query-python.tmLanguage.json",
        "dist/notices.txt",
    }
    assert "vscode-languageclient" in notices
    assert "Permission is hereby granted" in notices
    assert identity is not None
    assert identity.attrib["Id"] == "kili-query"
    assert identity.attrib["Version"] == _manifest()["version"]
    assert vsix.stat().st_size < 300_000


def test_what_the_manifest_names_is_there(vsix: Path) -> None:
    with zipfile.ZipFile(vsix) as archive:
        manifest = json.loads(archive.read("extension/package.json"))
        places = [manifest["main"], *(row["path"] for row in manifest["contributes"]["grammars"])]
        places += [row["configuration"] for row in manifest["contributes"]["languages"]]
        for place in places:
            assert archive.read(f"extension/{place.removeprefix('./')}")
        for row in manifest["contributes"]["grammars"]:
            grammar = json.loads(archive.read(f"extension/{row['path'].removeprefix('./')}"))
            assert grammar["scopeName"] == row["scopeName"]


def _run(vsix: Path, folder: Path, name: str, text: str, language: str, **settings: object) -> dict[str, Any]:
    """What the stand-in editor is told when the packaged extension has a file open."""
    file = folder / name
    file.write_text(text, encoding="utf-8")
    with zipfile.ZipFile(vsix) as archive:
        archive.extractall(folder / "unpacked")
    told = json.dumps({key if "." in key else f"kiliQuery.{key}": value for key, value in settings.items()})
    runner = Path(__file__).with_name("vscode_run.cjs")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        ["node", runner, folder / "unpacked" / "extension", file, language, told],
        cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize(
    ("name", "language", "text"),
    [("script.py", "python", f'f(category_search="{QUERY}")\n'), ("cars.kq", "kili-query", f"{QUERY}\n")],
)
def test_the_extension_shows_what_the_server_finds(
    vsix: Path, tmp_path: Path, name: str, language: str, text: str
) -> None:
    shutil.copy(ONTOLOGY, tmp_path / "kili-ontology.json")
    told = _run(vsix, tmp_path, name, text, language)
    assert told["messages"] == []
    (found,) = told["diagnostics"]
    at = text.index("carr")
    assert found["code"] == "KQ202"
    assert found["range"] == {"start": {"line": 0, "character": at}, "end": {"line": 0, "character": at + 4}}
    assert set(told["commands"]) == {"kiliQuery.restart", "hover"}


def test_the_settings_name_the_program_and_the_ontology(vsix: Path, tmp_path: Path) -> None:
    program = [sys.executable, "-c", "from kili_query.cli import main; main()"]
    told = _run(vsix, tmp_path, "a.kq", QUERY, "kili-query", command=program, ontology=str(ONTOLOGY))
    assert [found["code"] for found in told["diagnostics"]] == ["KQ202"]


def test_a_missing_program_is_told_once_with_what_helps(vsix: Path, tmp_path: Path) -> None:
    told = _run(vsix, tmp_path, "a.kq", QUERY, "kili-query", command=["./no-such-program"])
    (message,) = told["messages"]
    assert str(tmp_path / "no-such-program") in message  # a path counts from the workspace folder
    assert "ENOENT" in message
    assert 'pip install "kili_query[editor]"' in message


def _program(file: Path) -> Path:
    """A `kili-query` that notes beside itself that it was started."""
    file.parent.mkdir(parents=True)
    file.write_text(f'#!/bin/sh\n: > "$0.started"\nexec "{sys.executable}" -m kili_query "$@"\n', encoding="utf-8")
    file.chmod(0o755)
    return file.with_name(f"{file.name}.started")


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands in for the installed program")
def test_the_program_comes_from_the_python_environment_of_a_trusted_workspace(vsix: Path, tmp_path: Path) -> None:
    beside = _program(tmp_path / ".venv" / "bin" / "kili-query")
    chosen = _program(tmp_path / "conda" / "bin" / "kili-query")

    told = _run(vsix, tmp_path, "a.kq", QUERY, "kili-query", **{"editor.trusted": False})
    assert told["messages"] == []
    assert not beside.exists()

    _run(vsix, tmp_path, "a.kq", QUERY, "kili-query")
    assert beside.exists()
    assert not chosen.exists()

    beside.unlink()
    interpreter = str(chosen.with_name("python"))
    _run(vsix, tmp_path, "a.kq", QUERY, "kili-query", **{"editor.interpreter": interpreter})
    assert chosen.exists()
    assert not beside.exists()


def test_the_lock_file_names_no_place_of_packages() -> None:
    lock = json.loads((EXTENSION / "package-lock.json").read_text(encoding="utf-8"))
    assert not [name for name, row in lock["packages"].items() if "resolved" in row]
    assert all("integrity" in row for name, row in lock["packages"].items() if name)


def test_extension_and_package_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert _manifest()["version"] == project["version"]
    assert _manifest()["license"] == project["license"]
    assert (EXTENSION / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    settings = set(re.findall(r"`(kiliQuery\.\w+)`", (EXTENSION / "README.md").read_text(encoding="utf-8")))
    assert settings == set(_manifest()["contributes"]["configuration"]["properties"])


def test_vscode_itself_colours_underlines_explains_fixes_and_completes(vsix: Path) -> None:
    tools = os.environ.get("KILI_QUERY_VSCODE")
    if not tools:
        pytest.skip("KILI_QUERY_VSCODE names no folder with VS Code and a browser; see grammar/editors/vscode/real.mjs")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        ["node", EXTENSION / "real.mjs", tools, vsix],
        env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["query"]["language"] == "Kili query"
    for shown in (told["query"], told["python"]):
        assert shown["underlined"] == "carr"
        assert "KQ202" in shown["hover"]
        assert "more than 2 of carr" in shown["hover"]
        assert shown["fixes"][0] == "replace `carr` with `car`"
        assert "OBJECT_DETECTION_JOB.car.count > 2" in shown["fixed"]
        colours = dict(shown["colours"])
        assert len({colours[word] for word in ("OBJECT_DETECTION_JOB", "carr", "count", "2", ">")}) == 5
    assert told["jobs"][:2] == ["OBJECT_DETECTION_JOB", "SEGMENTATION_JOB"]
    assert told["categories"] == ["truck"]
    assert 'kili.labels(project, category_search="OBJECT_DETECTION_JOB.truck.count")' in told["completed"]
