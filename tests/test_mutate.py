"""The script that changes the core: which changes it knows, where they lie, and that its table is true."""

from __future__ import annotations

import ast
import tomllib
from typing import Any

from tests import mutate

SOURCE = """\
LIMIT: int = 3

def between(low: int, n: int, *, closed: bool = True) -> bool:
    assert low <= n
    if closed and n:
        return not min(n, low)
    return sorted([n], reverse=low < n)[0] > LIMIT
"""


def _changes() -> tuple[ast.Module, list[mutate.Change]]:
    tree = ast.parse(SOURCE)
    return tree, mutate.changes("m", SOURCE, tree)


def test_the_changes_of_a_module() -> None:
    _, found = _changes()
    assert [(change.statement, change.text) for change in found] == [
        (None, "3 -> 4"),
        (None, "3 -> 2"),
        (None, "True -> False"),
        (5, "closed and n -> not (closed and n)"),
        (5, "closed and n -> closed or n"),
        (6, "not min(n, low) -> None"),
        (6, "not min(n, low) -> min(n, low)"),
        (6, "min(n, low) -> min(low)"),
        (6, "min(n, low) -> min(n)"),
        (6, "min(n, low) -> min(low, n)"),
        (7, "sorted([n], reverse=low < n)[0] > LIMIT -> None"),
        (7, "sorted([n], reverse=low < n)[0] > LIMIT -> sorted([n], reverse=low < n)[0] >= LIMIT"),
        (7, "sorted([n], reverse=low < n)[0] > LIMIT -> sorted([n], reverse=low < n)[0] <= LIMIT"),
        (7, "sorted([n], reverse=low < n) -> sorted(reverse=low < n)"),
        (7, "sorted([n], reverse=low < n) -> sorted([n])"),
        (7, "low < n -> low <= n"),
        (7, "low < n -> low >= n"),
        (7, "0 -> 1"),
        (7, "0 -> -1"),
    ]


def _run(tree: ast.Module, **names: Any) -> Any:
    exec(compile(tree, "m", "exec"), names)
    return names["between"]


def test_each_change_is_made_by_itself() -> None:
    for i in range(len(_changes()[1])):
        tree, found = _changes()
        mutate._replace(tree, found[i])
        expected = ast.unparse(found[i].new)
        assert ast.unparse(tree) != ast.unparse(ast.parse(SOURCE))
        assert expected in ast.unparse(tree)
        _run(tree)


def test_a_run_notes_the_statements_that_it_reaches() -> None:
    tree, _ = _changes()
    mutate._mark(tree, "_reached_")
    lines: set[int] = set()
    between = _run(tree, _reached_=lines.add)
    assert lines == set()
    assert between(1, 5, closed=False) is True
    assert lines == {4, 5, 7}


def test_the_draw_of_a_change_does_not_depend_on_the_lines_around_it() -> None:
    _, here = _changes()
    source = "# one line more\n\n" + SOURCE
    there = mutate.changes("m", source, ast.parse(source))
    assert [change.order(7) for change in here] == [change.order(7) for change in there]
    assert len({change.order(7) for change in here}) == len(here)
    assert [change.order(7) for change in here] != [change.order(8) for change in here]


def test_the_table_names_modules_that_are_there_and_each_room_has_tests() -> None:
    modules = [module for room in mutate.CORE for module in room.modules]
    assert len(modules) == len(set(modules))
    assert not [module for module in modules if not mutate._path(module).is_file()]
    for room in mutate.CORE:
        assert len([test for pattern in room.tests for test in mutate._matching(pattern)]) > 1


def test_each_change_that_means_the_same_has_its_reason() -> None:
    modules = {module for room in mutate.CORE for module in room.modules}
    for row in tomllib.loads(mutate.EQUAL.read_text("utf-8")).get("equal", ()):
        assert row.keys() == {"module", "line", "changes", "why"}
        assert row["module"] in modules
        assert row["changes"]
        assert len(row["why"]) > 10
