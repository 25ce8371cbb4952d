"""Notebooks: which cells and lines of IPython hold Python, and what is told of those that cannot be read."""

from __future__ import annotations

import json

import pytest

from kili_query.editor.finding import find_queries
from kili_query.editor.finding.notebook import runnable

CALL = "f(category_search='Q')"


def notebook(*cells: str, **more: object) -> str:
    return json.dumps({"cells": [{"cell_type": "code", "source": cell} for cell in cells], **more})


@pytest.mark.parametrize(
    "line",
    [
        f"%time {CALL}",
        f"%time x = {CALL}",
        f"x = %time {CALL}",
        f"%timeit {CALL}",
        f"%timeit -n1 -r 2 -q {CALL}",
        f"%prun {CALL}",
        f"if x:\n    %time {CALL}\n    !ls 'it",
        f'%pip install "x\n%time {CALL}',
    ],
)
def test_what_a_magic_times_is_python(line: str) -> None:
    source = notebook(line)
    found = find_queries("a.ipynb", source)
    assert [query.text for query in found.queries] == ["Q"]
    assert (found.unchecked, found.problem) == (0, None)
    assert source[found.queries[0].start : found.queries[0].end] == "'Q'"


@pytest.mark.parametrize(
    "line", ["%time", "%time f(", "%timeit -x f()", "%timeit -s a.prof f()", "%%time\n%time ls -l"]
)
def test_what_is_not_python_is_skipped(line: str) -> None:
    found = find_queries("a.ipynb", notebook(f"{line}\n{CALL}"))
    assert ([query.text for query in found.queries], found.problem) == (["Q"], None)


def test_code_keeps_its_length() -> None:
    for code in (f"%time {CALL}\n", f"x = %time {CALL}", "!ls \\\n  -l\ny?", "%%bash\nls '", "%%time -x\n%time y"):
        assert len(runnable(code)) == len(code)
        assert runnable(code).count("\n") == code.count("\n")


def test_numbers_of_any_length_are_read() -> None:
    assert len(find_queries("a.ipynb", notebook(CALL, x=0).replace("0", "1" * 5000)).queries) == 1


def test_an_old_notebook_is_told_how_to_become_new() -> None:
    old = json.dumps({"worksheets": [{"cells": []}], "nbformat": 3})
    assert find_queries("a.ipynb", old).problem == (
        "is no notebook: its format is older than 4; `jupyter nbconvert --to notebook` makes it new"
    )
