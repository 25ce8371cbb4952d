"""Makes the picture of docs/editors.md from a real run of Neovim: `python docs/capture_editors.py`, with `pyte` installed.

Neovim runs in a terminal that pyte reads; keys are sent as in the tests, and rich draws what then stands there.
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import sys
import tempfile
import termios
import threading
import time
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.style import Style
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.editor.neovim import Neovim  # noqa: E402

PICTURE = ROOT / "docs" / "images" / "neovim.svg"
COLUMNS, LINES = 126, 17
QUIET = 1.0
"""Seconds after the last key until the picture is taken."""

CONFIG = """
vim.opt.runtimepath:prepend([[{plugin}]])
vim.opt.termguicolors = true
vim.opt.background = "dark"
vim.opt.number = true
vim.opt.signcolumn = "no"
vim.opt.laststatus = 0
vim.opt.ruler = false
vim.opt.showmode = false
vim.opt.showcmd = false
vim.opt.shortmess:append("c")
vim.opt.fillchars = "eob: "
vim.opt.completeopt = "menuone,noselect"
vim.diagnostic.config({{ virtual_text = {{ prefix = "■" }}, update_in_insert = true }})
vim.api.nvim_set_hl(0, "@lsp.type.class", {{ fg = "#8ccf7e" }})
vim.api.nvim_set_hl(0, "@lsp.type.enumMember", {{ fg = "#e5c76b" }})
vim.api.nvim_set_hl(0, "@lsp.type.property", {{ fg = "#9aa4ad" }})
vim.api.nvim_set_hl(0, "@lsp.type.number", {{ fg = "#c47fd5" }})
vim.api.nvim_set_hl(0, "@lsp.type.operator", {{ fg = "#67b0e8" }})
vim.api.nvim_set_hl(0, "@lsp.type.keyword", {{ fg = "#67b0e8", bold = true }})
"""

SCRIPT = """\
from kili_query import Kili

kili = Kili()
project = "clx12345"
crowded = kili.assets(
    project, label_category_search="OBJECT_DETECTION_JOB.carr.count > 2",
)
lonely = kili.assets(
    project, label_category_search="SEGMENTATION_JOB.person.count > 0 AND SEGMENTATION_JOB.",
)
"""
"""What is shown. But for the mistake and for what is left to complete, it runs: a test runs it."""


def _capture(folder: Path) -> Text:
    """The screen after a misspelt category and an open completion."""
    try:
        import pyte
    except ImportError:
        sys.exit("the picture needs pyte: pip install pyte")
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")

    def read() -> None:
        while True:
            try:
                data = os.read(ours, 65536)
            except OSError:  # the other end is closed
                return
            # questions about the terminal, and kinds of underlines, which pyte does not know
            data = re.sub(rb"\x1bP.*?\x1b\\|\x1b\[[>=?][\d;]*[a-zA-Z$]+p?|\x1b\[4:\d+m", b"", data)
            stream.feed(data)

    threading.Thread(target=read, daemon=True).start()
    (folder / "kili-ontology.json").write_bytes((ROOT / "tests/data/coco.interface.json").read_bytes())
    (folder / "script.py").write_text(SCRIPT, encoding="utf-8")
    config = folder / "init.lua"
    config.write_text(CONFIG.format(plugin=ROOT / "grammar" / "editors" / "neovim"), encoding="utf-8")
    with Neovim(folder, config, theirs) as neovim:
        neovim.type(":edit script.py<CR>")
        neovim.wait("#vim.diagnostic.get(0) > 1")
        neovim.type('9G$F"ib<C-x><C-o>')
        neovim.wait("vim.fn.pumvisible() == 1")
        time.sleep(QUIET)
        return _text(screen)


def _text(screen: Any) -> Text:
    text = Text()
    for row in range(screen.lines):
        cells = [screen.buffer[row][column] for column in range(screen.columns)]
        for style, run in groupby(cells, _style):
            text.append("".join(cell.data for cell in run), style)
        text.append("\n")
    return text


def _style(cell: Any) -> Style:
    front, back = _colour(cell.fg), _colour(cell.bg)
    return Style(color=front, bgcolor=back, bold=cell.bold, underline=cell.underscore, reverse=cell.reverse)


def _colour(name: str) -> str | None:
    if name == "default":
        return None
    return f"#{name}" if re.fullmatch("[0-9a-f]{6}", name) else name.replace("bright", "bright_")


def main() -> None:
    """Write the picture."""
    with tempfile.TemporaryDirectory() as folder:
        shown = _capture(Path(folder))
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(shown, end="")
    picture = console.export_svg(title="Neovim", unique_id="kili-query")
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)  # nothing is fetched from other hosts
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
