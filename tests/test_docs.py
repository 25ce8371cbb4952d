"""The documentation is true: its examples yield what it says, and it has a page for every code.

`python tests/test_docs.py` writes into the pages what their examples yield.
"""

from __future__ import annotations

import ast
import atexit
import contextlib
import doctest
import importlib
import io
import os
import pkgutil
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest

import kili_query
from kili_query.errors import CODES, DataError, Diagnostic, render_all
from kili_query.server import LocalKili

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
ERRORS = DOCS / "errors"
PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("README.md"), *ROOT.glob("grammar/README.md")])

MODULES = ["kili_query", *(module.name for module in pkgutil.walk_packages(kili_query.__path__, "kili_query."))]


class Block(NamedTuple):
    """A fenced block: the words after the fence, the text inside, and where both stand in the page."""

    language: str
    options: dict[str, str]
    text: str
    line: int
    start: int
    end: int


@dataclass
class Page:
    """A page, and the names that its Python blocks have made so far."""

    path: Path
    text: str
    names: dict[str, Any]

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def blocks(self) -> list[Block]:
        found = []
        for match in re.finditer(r"^```(\S*)([^\n]*)\n(.*?)^```[ \t]*$", self.text, re.DOTALL | re.MULTILINE):
            options = dict(word.partition("=")[::2] for word in match[2].split())
            line = self.text.count("\n", 0, match.start()) + 1
            found.append(Block(match[1], options, match[3], line, match.start(3), match.end(3)))
        return found

    def replayed(self) -> str:
        """The text of the page, with what its examples really yield in place of what it says they yield."""
        edits: list[tuple[Block, str]] = []
        blocks = self.blocks
        for block, following in zip_longest(blocks, blocks[1:]):
            result = self._result(block)
            if block.language == "console":
                edits.append((block, result or ""))
            elif following and following.language == "text" and self._adjacent(block, following):
                if result is not None:
                    edits.append((following, f"{result}\n" if result else ""))
            else:
                assert "error" not in block.options, f"{self.name}:{block.line}: a text block must follow"
        text = self.text
        for block, replacement in reversed(edits):
            text = text[: block.start] + replacement + text[block.end :]
        return MODULE_TABLE.sub(lambda match: f"{match[1]}\n{_module_table()}\n\n{match[2]}", text)

    def _adjacent(self, block: Block, following: Block) -> bool:
        return self.text[block.end : following.start].split() == ["```", "```text"]

    def _result(self, block: Block) -> str | None:
        where = f"{self.name}:{block.line}"
        match block.language:
            case "query":
                return _query_result(block, where)
            case "python":
                return self._python_result(block, where)
            case "console":
                return _console_result(block.text)
        return None

    def _python_result(self, block: Block, where: str) -> str:
        if "kili" in block.options:
            key, endpoint = _reader()
            os.environ.update(KILI_API_KEY=key, KILI_API_ENDPOINT=endpoint, KILI_DISABLE_TQDM="1")
        code = compile("\n" * block.line + block.text, self.name, "exec")
        expected, printed = block.options.get("error"), io.StringIO()
        with contextlib.redirect_stdout(printed):
            if expected is None:
                exec(code, self.names)
                return printed.getvalue().rstrip()
            with pytest.raises(kili_query.KiliQueryError) as raised:
                exec(code, self.names)
        assert _codes(raised.value)[:1] == [expected], where
        return str(raised.value)


def _sample() -> LocalKili:
    """Local Kili with the sample that ships, as a reader starts it."""
    server = LocalKili().start()
    server.load(ROOT / "tests/data/coco.zip", interface=ROOT / "tests/data/coco.interface.json", input_type="IMAGE")
    return server


@cache
def _reader() -> tuple[str, str]:
    """The key and endpoint of a reader who started local Kili with the sample that ships."""
    server = _sample()
    atexit.register(server.stop)
    return server.api_key, server.endpoint


def _codes(error: kili_query.KiliQueryError) -> list[str]:
    if isinstance(error, DataError):
        return [error.code]
    diagnostics: tuple[Diagnostic, ...] = getattr(error, "diagnostics", ())
    return [diagnostic.code for diagnostic in diagnostics]


def _query_result(block: Block, where: str) -> str:
    """All findings about the query of a block, rendered; the tags of the block must be true."""
    text = block.text.removesuffix("\n")
    name, expected = block.options.get("ontology"), block.options.get("error")
    found = kili_query.check(text, _ontology(name) if name else None)
    if expected is None and name is None:
        kili_query.parse(text)
    elif expected is None:
        assert not found, f"{where}: {render_all(found, text)}"
    else:
        assert [d.code for d in found[:1]] == [expected], f"{where}: {render_all(found, text) or 'nothing was found'}"
    return render_all(found, text)


@cache
def _ontology(name: str) -> kili_query.Ontology:
    return kili_query.Ontology.load(ERRORS / "ontologies" / f"{name}.json")


MODULE_TABLE = re.compile(r"(<!-- modules -->\n).*?(<!-- end of modules -->)", re.DOTALL)
LAYERS = (
    "__main__",
    "cli",
    "editor",
    "client",
    "server",
    "offline",
    "query",
    "engines",
    "formats",
    "lang",
    "model",
    "errors",
)


def _module_table() -> str:
    """The modules of the package, layer by layer, each with the first sentence of its docstring."""
    package = ROOT / "kili_query"
    rows = ["| module | what it is |", "| --- | --- |"]
    for layer in LAYERS:
        for path in sorted(package.glob(f"{layer}.py")) + sorted(package.glob(f"{layer}/**/*.py")):
            sentence = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            name = path.relative_to(package).as_posix().removesuffix("__init__.py")
            rows.append(f"| `{name}` | {' '.join(sentence.partition(chr(10) * 2)[0].split())} |")
    return "\n".join(rows)


PLAIN_OUTPUT = {"NO_COLOR": "1", "COLUMNS": "100", "PYTHONIOENCODING": "utf-8"}
COMMANDS = str(Path(sys.executable).parent)


def _console_result(text: str) -> str:
    """The block again, with what each line after `$ ` prints in a shell; `$ echo $?` shows the last exit status."""
    result, status = "", 0
    environment = {**os.environ, **PLAIN_OUTPUT, "PATH": f"{COMMANDS}{os.pathsep}{os.environ['PATH']}"}
    for prompt in re.findall(r"^(\$ (?:[^\n]*\\\n)*[^\n]*\n)", text, re.MULTILINE):
        process = subprocess.run(
            ["bash", "-c", f"(exit {status}); {prompt[2:]}"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
        )
        status = process.returncode
        result += prompt + "".join(f"{line.rstrip()}\n" for line in process.stdout.splitlines())
    return result


def _desk(folder: Path) -> Path:
    """A reader's checkout, where nothing lies that an earlier page has written: the top level is the folder's own."""
    for entry in ROOT.iterdir():
        if not entry.name.startswith(".") and entry.suffix != ".zip":
            (folder / entry.name).symlink_to(entry)
    return folder


def _open(path: Path) -> Page:
    return Page(path, path.read_text(encoding="utf-8"), {"__name__": "__docs__"})


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_examples_yield_what_the_page_says(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(_desk(tmp_path))
    page = _open(path)
    with patch.dict(os.environ):  # a page may set what is meant for its reader alone
        assert page.replayed() == page.text


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    assert {page.stem for page in ERRORS.glob("KQ*.md")} == set(CODES)


def test_the_index_lists_the_table_of_codes() -> None:
    rows = re.findall(
        r"^\| \[(KQ\d+)\]\((KQ\d+)\.md\) \| (\w+) \| (.+) \|$", _open(ERRORS / "index.md").text, re.MULTILINE
    )
    assert rows == [(code, code, str(row.severity), row.title) for code, row in CODES.items()]


@pytest.mark.parametrize("code", CODES)
def test_the_page_of_a_code_names_it_and_shows_it(code: str) -> None:
    page = _open(ERRORS / f"{code}.md")
    row = CODES[code]
    assert page.text.startswith(f"# {code}: {row.title}\n\nSeverity: {row.severity}.\n")
    tagged = [block for block in page.blocks if block.options.get("error") == code]
    printed = [block for block in page.blocks if block.language == "text" and code in block.text]
    assert tagged or printed


def _links() -> Iterator[tuple[Path, str]]:
    for path in PAGES:
        prose = re.sub(r"^```.*?^```|`[^`\n]+`", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", prose):
            if "://" not in target:
                yield path, target


def test_links_lead_to_files() -> None:
    dead = [f"{path.relative_to(ROOT)}: {target}" for path, target in _links() if not (path.parent / target).exists()]
    assert not dead


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_hold(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module(name)
    if name.endswith("_sync.exports"):  # which write files
        monkeypatch.chdir(tmp_path)
    names = dict(vars(module))
    if "client._async" in name:
        pytest.skip("examples with `await` run in their synchronous form")
    report = io.StringIO()
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    for example in doctest.DocTestFinder(exclude_empty=True).find(module, name, globs=names):
        if "client._sync" not in name or not example.examples:
            runner.run(example, out=report.write)
            continue
        with contextlib.ExitStack() as stack:  # one for each method: some change what is there
            server = _sample()
            stack.callback(server.stop)
            kili = kili_query.Kili(server.api_key, server.endpoint, disable_tqdm=True)
            [project] = kili.projects(search_query="coco", fields=["id"])
            example.globs |= {"kili": kili, "project": project["id"]}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of methods that Kili has deprecated
                runner.run(example, out=report.write)
            kili.close()
    assert not runner.failures, report.getvalue()


if __name__ == "__main__":
    for path in PAGES:
        os.chdir(_desk(Path(tempfile.mkdtemp())))
        page = _open(path)
        try:
            text = page.replayed()
        except (Exception, pytest.fail.Exception) as error:
            print(f"{page.name}: {type(error).__name__}: {error}")
            continue
        if text != page.text:
            path.write_text(text, encoding="utf-8")
            print(page.name)
