"""The rules of the house: what tools check, how large modules are, what a commit must not hold."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.installing import CACHE

ROOT = Path(__file__).parent.parent
TOOLS = Path(sys.executable).parent

LONG_MODULES: dict[str, str] = {}
"""Modules over 500 lines, each with its reason."""


def _run(*arguments: str) -> None:
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.splitlines() if (ROOT / name).is_file()]


def test_ruff_finds_nothing() -> None:
    _run(str(TOOLS / "ruff"), "check", ".")


def test_the_layout_is_that_of_ruff() -> None:
    _run(str(TOOLS / "ruff"), "format", "--check", ".")


@pytest.mark.long
@pytest.mark.timeout(1200)  # with an empty cache, on a machine that has other things to do
def test_mypy_is_content() -> None:
    _run(sys.executable, "-m", "mypy", "--cache-dir", str(CACHE / "mypy"))  # mypy itself tells by Python and version


def test_imports_point_one_way() -> None:
    _run(str(TOOLS / "lint-imports"))


ATOP = ("lang", "model", "engines", "formats")
"""Where imports inside functions, and those for types alone, count as well: what stands there needs no such way out."""

CIRCLES = {
    frozenset({"lang.ast", "lang.printer"}): "the repr of a node is its text, and the printer is made of the nodes",
}
"""Circles that may be, each with its reason."""


def _imports(path: Path, modules: dict[str, Path]) -> set[str]:
    """The modules of this package that one imports: everywhere in it, or only when it is loaded itself."""
    todo: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    everywhere, found = path.relative_to(ROOT / "kili_query").parts[0] in ATOP, set[str]()
    while todo:
        node = todo.pop()
        if isinstance(node, ast.ImportFrom) and node.module:
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            found |= {name if name in modules else node.module for name in names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test) and not everywhere:
            todo += node.orelse
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or everywhere:
            todo += ast.iter_child_nodes(node)
    return found & modules.keys()


def _reached(start: str, imports: dict[str, set[str]]) -> set[str]:
    seen, todo = set[str](), [start]
    while todo:
        new = imports[todo.pop()] - seen
        seen |= new
        todo += new
    return seen


def test_no_modules_import_each_other_in_a_circle() -> None:
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in _tracked("kili_query/*.py")
    }
    imports = {name: _imports(path, modules) - {name} for name, path in modules.items()}
    reached = {name: _reached(name, imports) for name in modules}
    circles = {
        frozenset(other.removeprefix("kili_query.") for other in reached[name] if name in reached[other])
        for name in modules
        if name in reached[name]
    }
    assert circles == set(CIRCLES)


@pytest.mark.long
def test_the_site_builds_without_warnings(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="the site needs the extra `docs`")
    _run(sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site"))


def test_modules_are_short_or_have_a_reason() -> None:
    long = {
        str(path.relative_to(ROOT))
        for path in _tracked("kili_query/*.py")
        if path.read_text(encoding="utf-8").count("\n") > 500
    }
    assert long == set(LONG_MODULES)


def test_the_top_level_holds_what_was_agreed() -> None:
    folders = {"kili_query", "grammar", "tests", "docs"}
    files = {"pyproject.toml", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "mkdocs.yml"}
    top = {path.relative_to(ROOT).parts[0] for path in _tracked()}
    assert {name for name in top if not name.startswith(".")} == folders | files


def test_folders_are_named_for_what_they_hold() -> None:
    drawers = {"utils", "helpers", "common", "base", "services", "misc"}
    assert not [path for path in _tracked("*.py") if drawers & {*path.parts, path.stem}]


def test_nothing_names_the_hosts_of_registries_or_paths_of_a_machine() -> None:
    hosts = "|".join(
        ["pypi" + r"\.org", "pythonhosted" + r"\.org", "npmjs" + r"\.(?:org|com)", "deb\\.debian" + r"\.org"]
    )
    forbidden = re.compile(rf"{hosts}|/(?:work|root)/\w")
    files = [path for path in _tracked() if path.suffix not in (".zip", ".gz", ".png")]
    assert not [path for path in files if forbidden.search(path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize(
    "command", ["check A.B.count>0", "lint tests/data", "filter tests/data/coco.zip A.B.count>0 --count"]
)
def test_a_command_loads_only_what_it_needs(command: str) -> None:
    run = f"import sys; sys.argv[1:] = {command.split()}; from kili_query.cli import main; main()"
    code = f"import atexit, sys; atexit.register(lambda: print(*{{'lark', 'rich', 'pydantic', 'httpx', 'asyncio'}} & set(sys.modules), 'end'))\n{run}"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "end", done.stderr


def test_importing_the_package_loads_nothing_else() -> None:
    code = "import sys, kili_query; print(*sorted({'typing', 'lark', 'rich', 'msgspec', 'pydantic', 'click', 'httpx'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""


def test_checking_a_query_loads_neither_rich_nor_pydantic() -> None:
    code = "import sys; from kili_query import check; check('A.B.count > 0'); print(*{'rich', 'msgspec', 'pydantic'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""


def test_public_names_are_there_and_documented() -> None:
    import kili_query

    for name in kili_query.__all__:
        if name != "__version__":
            assert getattr(kili_query, name).__doc__, name


def test_the_readme_opens_with_the_main_job_and_with_what_ci_runs() -> None:
    commands = re.findall(r"```(\w+)\n(.+)\n```", (ROOT / "README.md").read_text(encoding="utf-8"))[:2]
    assert [language for language, _ in commands] == ["bash", "bash"]
    (_, job), (_, tests) = commands
    assert " filter tests/data/coco.zip " in job
    assert tests.endswith(".venv/bin/python -m pytest -q")
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert '".[test,docs]"' in tests
    assert '".[test,docs]"' in ci
    assert ".venv/bin/python -m pytest -q" in ci


def test_what_is_written_by_programs_is_written_by_make_fix() -> None:
    steps = re.search(r"^fix:.*\n((?:\t.+\n)+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert steps
    assert "-m kili_query.client.generate.unasync" in steps[1]
    assert "-m kili_query.lang.generate" in steps[1]
    assert steps[1].index("ruff format") < steps[1].index("unasync") < steps[1].index("tests/test_docs.py")
