"""Neovim with its built-in client: a mistake is seen where it is, a category is completed, a fix is applied."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.editor.neovim import Neovim, program

ONTOLOGY = ROOT / "tests" / "data" / "coco.interface.json"

SCRIPT = """\
from kili_query import Kili

assets = Kili().assets(
    project_id="coco",
    label_category_search="OBJECT_DETECTION_JOB.carr.count > 2",
)
"""


def _version() -> tuple[int, ...]:
    done = subprocess.run([program() or "nvim", "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"v(\d+)\.(\d+)", done.stdout)
    assert found
    return tuple(map(int, found.groups()))


def _documented(folder: Path, word: str) -> Path:
    """The lines of Lua in the docs that hold a word, as they stand there."""
    page = (ROOT / "docs" / "editors.md").read_text(encoding="utf-8")
    (block,) = (text for text in re.findall(r"```lua\n(.*?)```", page, re.DOTALL) if word in text)
    config = folder / "init.lua"
    config.write_text(block.replace("CHECKOUT", ROOT.as_posix()), encoding="utf-8")
    return config


@pytest.fixture(params=["runtimepath", "vim.lsp.config"])
def neovim(request: pytest.FixtureRequest, tmp_path: Path) -> Neovim:
    """A Neovim at work in a project that has an ontology, set up in either of the two ways that the docs give."""
    if not program():
        pytest.skip("Neovim is not installed")
    if request.param == "vim.lsp.config" and _version() < (0, 11):
        pytest.skip("vim.lsp.config came with Neovim 0.11")
    shutil.copy(ONTOLOGY, tmp_path / "kili-ontology.json")
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    return Neovim(tmp_path, _documented(tmp_path, request.param))


FOUND = "#vim.diagnostic.get(0) > 0 and vim.diagnostic.get(0)"


def test_a_misspelt_category_is_seen_completed_and_fixed(neovim: Neovim, tmp_path: Path) -> None:
    with neovim:
        neovim.type(":edit script.py<CR>")
        found = neovim.wait(FOUND)
        line = SCRIPT.splitlines()[4]
        assert [(d["code"], d["lnum"], line[d["col"] : d["end_col"]]) for d in found] == [("KQ202", 4, "carr")]

        # the quick fix, the first of those that are offered
        neovim.lua("(function() vim.ui.select = function(items, _, choose) choose(items[1]) end return 1 end)()")
        neovim.type("/carr<CR>:lua vim.lsp.buf.code_action()<CR>")
        neovim.wait("vim.fn.getline(5):find('JOB.car.count', 1, true)")
        neovim.wait("#vim.diagnostic.get(0) == 0")

        # a second comparison, its category completed from three letters
        neovim.type('5G$F"i AND OBJECT_DETECTION_JOB.tru<C-x><C-o>')
        neovim.wait("vim.fn.getline(5):find('truck.count', 1, true)")
        neovim.type(" == 1<Esc>:write<CR>")
        neovim.wait("not vim.bo.modified and vim.fn.getline(5):find('truck') and true")
        neovim.wait("#vim.diagnostic.get(0) == 0")

    query = "OBJECT_DETECTION_JOB.car.count > 2 AND OBJECT_DETECTION_JOB.truck.count == 1"
    expected = SCRIPT.replace("OBJECT_DETECTION_JOB.carr.count > 2", query)
    assert (tmp_path / "script.py").read_text(encoding="utf-8") == expected


def test_a_query_file_is_checked_while_it_is_typed(neovim: Neovim) -> None:
    with neovim:
        neovim.type(":edit new.kq<CR>iSEGMENTATION_JOB.person.count >")
        assert [d["code"] for d in neovim.wait(FOUND)] == ["KQ102"]
        neovim.type(" 1")
        neovim.wait("#vim.diagnostic.get(0) == 0")
