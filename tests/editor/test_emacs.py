"""Emacs with eglot: a mistake is seen where it is, a fix is applied, a category is completed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

ONTOLOGY = ROOT / "tests" / "data" / "coco.interface.json"
SCRIPT = 'assets = kili.assets(\n    category_search="OBJECT_DETECTION_JOB.carr.count > 2",\n)\n'
QUERY = "OBJECT_DETECTION_JOB.carr.count > 2\n"
REPAIRED = "OBJECT_DETECTION_JOB.car.count > 2 AND OBJECT_DETECTION_JOB.truck.count == 1"


@pytest.fixture(scope="module")
def emacs() -> str:
    program = shutil.which("emacs")
    if not program:
        pytest.skip("Emacs is not installed")
    # with the packages of the system, without the settings of the user
    asked = subprocess.run([program, "-q", "--batch", "--eval", "(require 'eglot)"], capture_output=True, check=False)
    if asked.returncode:
        pytest.skip("Emacs has no eglot: it is part of Emacs 29, and a package before")
    return program


def _documented(folder: Path) -> Path:
    """The lines of the docs, as they stand there."""
    page = (ROOT / "docs" / "editors.md").read_text(encoding="utf-8")
    config = folder / "init.el"
    lines = "".join(re.findall(r"```elisp\n(.*?)```", page, re.DOTALL))
    config.write_text(lines.replace("CHECKOUT", ROOT.as_posix()), encoding="utf-8")
    return config


@pytest.mark.parametrize(("name", "text"), [("script.py", SCRIPT), ("boats.kq", QUERY)])
def test_a_misspelt_category_is_seen_fixed_and_completed(emacs: str, tmp_path: Path, name: str, text: str) -> None:
    shutil.copy(ONTOLOGY, tmp_path / "kili-ontology.json")
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    runner = Path(__file__).with_name("emacs_run.el")
    command = [emacs, "-q", "--batch", "-l", str(_documented(tmp_path)), "-l", str(runner), str(file)]
    environment = {**os.environ, "PATH": path, "HOME": str(tmp_path)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    # a bell is a character of the output
    ((place, message),) = [json.loads(line) for line in done.stdout.replace("\a", "").splitlines()]
    assert place == "carr"
    assert "KQ202" in message
    assert file.read_text(encoding="utf-8") == text.replace("OBJECT_DETECTION_JOB.carr.count > 2", REPAIRED)
