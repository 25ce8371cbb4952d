"""Small changes to the core, one at a time: do its tests notice? `python -m tests.mutate`, by hand (`make mutate`).

    python -m tests.mutate                                    # a sample of every module of the core
    python -m tests.mutate engines/scan model/counts --size 40 --seed 3

A change is another operator, a number one larger or smaller, a condition turned round, an argument left out or swapped,
None in place of a result. It is made in memory, as the module is imported: no file is touched.

First the tests of a room run once, and note which statements each of them reaches. Then, for each change, a copy of
this process imports the package with the change and runs the tests that reach it, the quickest first, until one
fails. A test that takes ten times as long as before has failed, too: a loop need not end.

Changes that mean the same are named in `mutants_equal.toml`, by the text of their line, each with a reason; they do
not count. (Why not mutmut or cosmic-ray: the first runs the whole suite before it begins and works on a copy of the
tree, the second edits the checkout and starts Python anew for each change. Neither samples, nor knows such a list.)
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import resource
import signal
import sys
import tempfile
import time
import tomllib
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import CodeType, ModuleType
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
EQUAL = Path(__file__).with_name("mutants_equal.toml")
WANTED = 0.95
"""The share of changes that must be noticed."""


class Room(NamedTuple):
    """Modules of the core, and the tests that are theirs: folders, files, single tests, as patterns of paths."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]


_MEANING = "tests/test_spec.py::test_query_holds_for_its_labels_on_every_engine"
_LAWS = "tests/test_properties.py::test_"
CORE = (
    Room(
        ("lang/ast", "lang/intervals", "lang/parentheses", "lang/simplifier", "lang/rewrites", "lang/decide", "lang/numbers", "lang/parser",
         "lang/printer", "lang/checker"),
        ("tests/lang", "tests/test_spec.py", "tests/test_properties.py", "tests/faults/test_lang*.py"),
    ),
    Room(
        ("engines/memory", "engines/scan", "engines/sqlite", "engines/sqlite_tables", "engines/explain", "engines/remote"),
        ("tests/engines", "tests/faults/test_names.py", _MEANING, f"{_LAWS}engines_agree_with_the_definition",
         f"{_LAWS}a_query_matches_a_label_by_its_counts", f"{_LAWS}a_thousand_levels_need_no_stack"),
    ),
    Room(
        ("model/counts", "model/labels", "model/ontology", "model/conversations"),
        ("tests/model", "tests/faults/test_reading*.py", _MEANING, f"{_LAWS}counts_agree_with_the_definition",
         f"{_LAWS}counts_of_conversations_agree_with_the_definition",
         f"{_LAWS}objects_are_as_many_as_their_count_and_all_different"),
    ),
    Room(
        ("formats/containers/split", "formats/containers/archive", "formats/containers/streams",
         "formats/containers/sources"),
        ("tests/formats", "tests/offline", "tests/faults/test_reading*.py"),
    ),
    Room(
        ("server/search", "server/graph/filters"),
        ("tests/server/test_search.py", "tests/server/test_filters.py", "tests/server/test_protocol.py",
         "tests/faults/test_server*.py"),
    ),
    Room(
        ("client/sending/retries", "client/filters", "client/wire/where"),
        ("tests/client/test_retries.py", "tests/client/test_filters.py", "tests/client/test_where.py",
         "tests/client/test_wire.py", "tests/client/test_sdk.py", "tests/faults/test_client*.py"),
    ),
)  # fmt: skip


# -- changes -----------------------------------------------------------------------------------------------------------


class Change(NamedTuple):
    """One node of a module's tree, and what stands in its place."""

    module: str
    old: ast.expr
    new: ast.expr
    statement: int | None
    """The line of the statement that must be reached; None: it runs when the module is imported."""
    line: str
    """The text of the line that it begins in."""
    nth: int = 0
    """How many equal changes on equal lines stand before it."""

    @property
    def text(self) -> str:
        """The change in words, such as `low < high -> low <= high`."""
        return f"{ast.unparse(self.old)} -> {ast.unparse(self.new)}"

    @property
    def key(self) -> tuple[str, str, str]:
        """What names it, whatever stands around it."""
        return self.module, self.line, self.text

    def order(self, seed: int) -> str:
        """A number drawn for it, the same wherever it stands: an edit of one line leaves the other draws as they are."""
        return hashlib.sha256(repr((seed, *self.key, self.nth)).encode()).hexdigest()


_OPERATORS: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,), ast.NotIn: (ast.In,), ast.And: (ast.Or,), ast.Or: (ast.And,),
    ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.Add,), ast.Div: (ast.Mult,), ast.FloorDiv: (ast.Mult,),
    ast.Mod: (ast.FloorDiv,), ast.Pow: (ast.Mult,), ast.LShift: (ast.RShift,), ast.RShift: (ast.LShift,),
    ast.BitAnd: (ast.BitOr,), ast.BitOr: (ast.BitAnd,),
}  # fmt: skip


def _others(node: ast.expr) -> Iterator[ast.expr]:
    """What an expression is changed into."""
    match node:
        case ast.Compare(left, operators, right):
            for i, operator in enumerate(operators):
                for other in _OPERATORS[type(operator)]:
                    yield ast.Compare(left, [*operators[:i], other(), *operators[i + 1 :]], right)  # type: ignore[list-item]
        case ast.BoolOp(operator, values):
            for other in _OPERATORS[type(operator)]:
                yield ast.BoolOp(other(), values)  # type: ignore[arg-type]
        case ast.BinOp(left, operator, right):
            for other in _OPERATORS.get(type(operator), ()):
                yield ast.BinOp(left, other(), right)  # type: ignore[arg-type]
        case ast.UnaryOp(ast.Not(), operand):
            yield operand
        case ast.Constant(bool() as truth):
            yield ast.Constant(not truth)
        case ast.Constant(int() | float() as number):
            yield from (ast.Constant(number + step) for step in (1, -1))
        case ast.Call(function, arguments, keywords):
            for i in range(len(arguments)):
                yield ast.Call(function, arguments[:i] + arguments[i + 1 :], keywords)
            for i in range(len(arguments) - 1):
                yield ast.Call(
                    function, [*arguments[:i], arguments[i + 1], arguments[i], *arguments[i + 2 :]], keywords
                )
            for i in range(len(keywords)):
                yield ast.Call(function, arguments, keywords[:i] + keywords[i + 1 :])


def _conditions(node: ast.AST) -> list[ast.expr]:
    match node:
        case ast.If(test) | ast.While(test) | ast.IfExp(test):
            return [test]
        case ast.comprehension():
            return node.ifs
    return []


_LEFT_ALONE = {"annotation", "returns", "decorator_list", "bases", "type_params"}


def changes(module: str, source: str, tree: ast.AST) -> list[Change]:
    """All changes that there are of a module; `assert` is for type checkers, and stays."""
    lines = source.splitlines()
    found: list[Change] = []

    def add(old: ast.expr, new: ast.expr, statement: int | None) -> None:
        found.append(Change(module, old, new, statement, lines[old.lineno - 1].strip()))

    def visit(node: ast.AST, statement: int | None, inside: bool) -> None:
        if isinstance(node, ast.Assert) or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            return
        if inside and isinstance(node, ast.stmt):
            statement = node.lineno
        for condition in _conditions(node):
            if not isinstance(condition, ast.Compare) and not isinstance(getattr(condition, "op", None), ast.Not):
                add(condition, ast.UnaryOp(ast.Not(), condition), statement)
        if isinstance(node, ast.Return) and node.value and ast.unparse(node.value) != "None":
            add(node.value, ast.Constant(None), statement)
        if isinstance(node, ast.expr):
            for other in _others(node):
                add(node, other, statement)
        for name, value in ast.iter_fields(node):
            if name in _LEFT_ALONE or (isinstance(node, ast.ClassDef) and name == "keywords"):
                continue
            below = inside or (isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and name == "body")
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, ast.AST):
                    visit(item, statement, below)

    visit(tree, None, False)
    seen: dict[tuple[str, str, str], int] = {}
    for i, change in enumerate(found):
        nth = seen[change.key] = seen.get(change.key, -1) + 1
        found[i] = change._replace(nth=nth)
    return found


class _Replacing(ast.NodeTransformer):
    def __init__(self, change: Change) -> None:
        self._change = change

    def visit(self, node: ast.AST) -> ast.AST:
        if node is self._change.old:
            return ast.fix_missing_locations(ast.copy_location(self._change.new, node))
        return self.generic_visit(node)


def _replace(tree: ast.Module, change: Change) -> None:
    """Make a change in the tree."""
    _Replacing(change).visit(tree)


def _mark(tree: ast.Module, reached: str) -> None:
    """Put a call `reached(line)` before each statement of the functions in the tree."""
    rows: dict[int, list[ast.stmt]] = {}
    for function in ast.walk(tree):
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for node in ast.walk(function):
                for name in ("body", "orelse", "finalbody"):
                    row = getattr(node, name, None)
                    if isinstance(row, list) and row:
                        rows[id(row)] = row
    for row in rows.values():
        marks = [ast.parse(f"{reached}({statement.lineno})").body[0] for statement in row]
        documented = isinstance(row[0], ast.Expr) and isinstance(row[0].value, ast.Constant)
        for mark, statement in zip(marks, list(row), strict=True):
            ast.increment_lineno(mark, statement.lineno - 1)
            if not (documented and statement is row[0]):
                row.insert(row.index(statement), mark)


class _Loader(importlib.machinery.SourceFileLoader):
    """A module of which the code is given."""

    def __init__(self, name: str, path: str, code: CodeType, names: Mapping[str, object]) -> None:
        super().__init__(name, path)
        self._code, self._names = code, names

    def get_code(self, fullname: str) -> CodeType:
        return self._code

    def exec_module(self, module: ModuleType) -> None:
        vars(module).update(self._names)
        super().exec_module(module)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the modules that are changed, before any other finder."""

    def __init__(self) -> None:
        self.loaders: dict[str, _Loader] = {}

    def add(self, module: str, tree: ast.Module, **names: object) -> None:
        name, path = "kili_query." + module.replace("/", "."), str(_path(module))
        self.loaders[name] = _Loader(name, path, compile(tree, path, "exec"), names)

    def find_spec(self, fullname: str, path: object, target: object = None) -> importlib.machinery.ModuleSpec | None:
        if loader := self.loaders.get(fullname):
            return importlib.util.spec_from_file_location(fullname, loader.path, loader=loader)
        return None


def _path(module: str) -> Path:
    return ROOT / "kili_query" / f"{module}.py"


# -- tests -------------------------------------------------------------------------------------------------------------


class Reached(NamedTuple):
    """What one test did."""

    seconds: float
    lines: dict[str, list[int]]
    """Module: the lines of statements that it reached."""


class _Recorder:
    """Notes for each test how long it takes and which statements it reaches."""

    def __init__(self) -> None:
        self.tests: dict[str, Reached] = {}
        self.lines: dict[str, set[int]] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        for lines in self.lines.values():
            lines.clear()
        began = time.perf_counter()
        result = yield
        reached = {module: sorted(lines) for module, lines in self.lines.items() if lines}
        self.tests[item.nodeid] = Reached(time.perf_counter() - began, reached)
        return result


class _Chosen:
    """Runs the chosen tests only, in their order, each with a limit of time: the signal ends the process."""

    def __init__(self, tests: Mapping[str, float]) -> None:
        self._tests = tests
        self._order = {test: i for i, test in enumerate(tests)}

    def pytest_collection(self) -> None:
        from hypothesis import Phase, settings  # the profile of tests/conftest.py is loaded by now

        settings.register_profile("unshrunk", settings(), phases=[Phase.explicit, Phase.generate])
        settings.load_profile("unshrunk")

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted((i for i in items if i.nodeid in self._order), key=lambda i: self._order[i.nodeid])

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        signal.setitimer(signal.ITIMER_REAL, 10 + 10 * self._tests[item.nodeid])
        result = yield
        signal.setitimer(signal.ITIMER_REAL, 0)
        return result


def _pytest(tests: Iterable[str], plugin: object) -> int:
    return int(
        pytest.main(
            ["-q", "-x", "-m", "not oracle", "--assert=plain", "-o", "addopts=", "-p", "no:cacheprovider", *tests],
            plugins=[plugin],
        )
    )


MEMORY = 6 * 2**30


def _matching(pattern: str) -> list[str]:
    path, *test = pattern.split("::")
    return ["::".join([str(found), *test]) for found in sorted(ROOT.glob(path))]


def _fork(work: Callable[[], int], log: Path | None = None) -> int:
    """Start work in a copy of this process, and give its number; what it writes goes into the log."""
    number = os.fork()
    if number:
        return number
    status = 70
    try:
        os.setsid()
        out = os.open(log or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1)
        os.dup2(out, 2)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        status = work()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _end(number: int) -> None:
    """What a copy may have left behind."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(number, signal.SIGKILL)


def record(room: Room, sources: Mapping[str, Source]) -> dict[str, Reached]:
    """Run the tests of a room on the modules as they are; what else they import is imported here, for the copies."""
    with tempfile.TemporaryDirectory() as folder:
        log, result = Path(folder) / "log", Path(folder) / "result"

        def work() -> int:
            finder, recorder = _Finder(), _Recorder()
            for module, source in sources.items():
                recorder.lines[module] = set()
                _mark(source.tree, "_reached_")
                finder.add(module, source.tree, _reached_=recorder.lines[module].add)
            sys.meta_path.insert(0, finder)
            status = _pytest([test for pattern in room.tests for test in _matching(pattern)], recorder)
            ours = ("kili_query", "tests", "__main__", "hypothesis", "_hypothesis_pytestplugin")
            foreign = [name for name in sys.modules if name.split(".")[0] not in ours]
            result.write_text(json.dumps([recorder.tests, foreign]))
            return status

        number = _fork(work, log)
        _, status = os.waitpid(number, 0)
        _end(number)
        if status:
            sys.exit(f"the tests fail without any change:\n{log.read_text()[-3000:]}")
        tests, foreign = json.loads(result.read_text())
    for name in foreign:
        with suppress(Exception):
            importlib.import_module(name)
    return {test: Reached(*row) for test, row in tests.items()}


# -- running -----------------------------------------------------------------------------------------------------------


class Source(NamedTuple):
    """A module, read once."""

    tree: ast.Module
    changes: list[Change]

    @classmethod
    def of(cls, module: str) -> Source:
        text = _path(module).read_text("utf-8")
        tree = ast.parse(text)
        return cls(tree, changes(module, text, tree))


def _tests_of(change: Change, tests: Mapping[str, Reached], patience: float) -> dict[str, float]:
    """The tests that can notice a change, the quickest first; test: seconds."""
    chosen: dict[str, float] = {}
    for test, reached in sorted(tests.items(), key=lambda row: row[1].seconds):
        if change.statement is None or change.statement in reached.lines.get(change.module, ()):
            chosen[test] = reached.seconds
            patience -= reached.seconds
            if patience < 0:
                break
    return chosen


def _start(change: Change, source: Source, tests: Mapping[str, float]) -> int:
    def work() -> int:
        finder = _Finder()
        _replace(source.tree, change)
        finder.add(change.module, source.tree)
        sys.meta_path.insert(0, finder)
        return _pytest(sorted({test.split("::")[0] for test in tests}), _Chosen(tests))

    return _fork(work)


def _control(source: Source, tests: Mapping[str, Reached]) -> None:
    """Stop if tests fail in a copy of this process without any change: every change would seem to be noticed."""
    change, chosen = next((c, chosen) for c in source.changes if (chosen := _tests_of(c, tests, 5)))
    _, status = os.waitpid(_start(change._replace(new=change.old), source, dict(list(chosen.items())[:20])), 0)
    if status:
        sys.exit(f"the tests of {change.module} fail in a copy of this process, without any change")


def missed(
    tried: Iterable[Change], sources: Mapping[str, Source], tests: Mapping[str, Reached], jobs: int, patience: float
) -> Iterator[Change]:
    """The changes with which all tests stay green."""
    running: dict[int, Change] = {}

    def wait() -> Iterator[Change]:
        number, status = os.wait()
        _end(number)
        change = running.pop(number)
        if status == 0:
            yield change

    for change in tried:
        chosen = _tests_of(change, tests, patience)
        if not chosen:
            yield change
            continue
        if len(running) == jobs:
            yield from wait()
        running[_start(change, sources[change.module], chosen)] = change
    while running:
        yield from wait()


def _equal() -> dict[tuple[str, str, str], str]:
    rows = tomllib.loads(EQUAL.read_text("utf-8")).get("equal", ())
    return {(row["module"], row["line"], change): row["why"] for row in rows for change in row["changes"]}


def _shown(change: Change) -> str:
    return f"  kili_query/{change.module}.py:{change.old.lineno}: {change.line}\n    {change.text}"


class Tally(NamedTuple):
    """A row of the table."""

    tried: int = 0
    equal: int = 0
    missed: int = 0

    def __str__(self) -> str:
        asked = self.tried - self.equal
        return f"{self.tried:7}{asked - self.missed:8}{self.equal:7}{self.missed:8}{self.share:9.1%}"

    @property
    def share(self) -> float:
        """How many of the changes that mean something else were noticed."""
        return 1 - self.missed / max(self.tried - self.equal, 1)


def main() -> int:
    known = [module for room in CORE for module in room.modules]
    options = argparse.ArgumentParser(prog="python -m tests.mutate", description=(__doc__ or "").splitlines()[0])
    options.add_argument("modules", nargs="*", metavar="module", help=f"of {', '.join(known)}; none: all")
    options.add_argument("--size", type=int, default=20, help="changes of each module (20)")
    options.add_argument("--seed", type=int, default=0, help="another sample for each number (0)")
    options.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="at once (one for each processor)")
    options.add_argument("--patience", type=float, default=120, help="seconds of tests for each change (120)")
    asked = options.parse_args()
    if unknown := set(asked.modules) - set(known):
        options.error(f"{', '.join(sorted(unknown))}: not in the table of tests/mutate.py")
    equal, sources = _equal(), {module: Source.of(module) for module in known}
    tallies: list[Tally] = []
    print(f"{'module':32}{'tried':>7}{'caught':>8}{'equal':>7}{'missed':>8}{'share':>9}")
    for room in CORE:
        here = {module: sources[module] for module in room.modules if module in (asked.modules or known)}
        tests = record(room, here) if here else {}
        for module, source in here.items():
            _control(source, tests)
            sample = sorted(source.changes, key=lambda change: change.order(asked.seed))[: asked.size]
            different = [change for change in sample if change.key not in equal]
            green = list(missed(different, here, tests, asked.jobs, asked.patience))
            tallies.append(Tally(len(sample), len(sample) - len(different), len(green)))
            print(f"{module:32}{tallies[-1]}", *map(_shown, green), sep="\n", flush=True)
    total = Tally(*map(sum, zip(*tallies, strict=True)))
    print(f"{'all':32}{total}")
    for gone in sorted(equal.keys() - {change.key for source in sources.values() for change in source.changes}):
        print(f"\nno such change any more, in {EQUAL.name}: {gone}")
    return int(total.share < WANTED)


if __name__ == "__main__":
    sys.exit(main())
