"""Which literals a comment `# kili-query` is for, and other places of queries: both readers of Python agree."""

from __future__ import annotations

import pytest

from kili_query.editor.finding import find_queries
from kili_query.editor.finding.literals import line_of_literals
from kili_query.editor.finding.tolerant import find_by_tokens

MARKED = {
    "an open parenthesis above": "x = (  # kili-query\n    'A'  # why\n    'B'\n)",
    "a statement below": "# kili-query\nx = (\n    'A'\n    'B'\n)",
    "a call below": "def f():\n    # kili-query\n    return g(  # why\n        'AB',\n        'C')",
    "brackets of several lines": "# kili-query\nx = f(\n  [\n    {  # why\n 'AB'}])",
    "a continued line": "# kili-query\r\nx = \\\r\n'AB'",
    "a value of a dict": "x = {\n  'name': 'AB',  # kili-query\n}",
    "a key of a number": "x = {'AB': 1}  # kili-query",
    "an annotated name": "x: 'str' = y\nx = 'AB'  # kili-query\n",
}


@pytest.mark.parametrize("source", MARKED.values(), ids=MARKED)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_mark_is_for_the_literal_beside_or_below(source: str, end: str) -> None:
    source = source.replace("\r\n", "\n").replace("\n", end)
    for found in (find_queries("a.py", source), find_by_tokens(source)):
        assert ([(query.text, query.context) for query in found.queries], found.unchecked) == ([("AB", "marked")], 0)


OTHERS = {
    "a line between": "# kili-query\n\nx = 'A'",
    "a bracket that is closed": "x = f()  # kili-query\ny = 'A'",
    "an argument between": "# kili-query\nx = f(\n  y,\n  'A')",
    "a literal before the bracket": "x = f(b'A', g(  # no mark\n  'A'))",
    "the end": "x = (  # kili-query\n)",
    "the very end": "# kili-query",
    "a comment with a bracket": "# kili-query\n# why (\nx = 'A'",
}


@pytest.mark.parametrize("source", OTHERS.values(), ids=OTHERS)
def test_a_literal_further_away_is_not_marked(source: str) -> None:
    for found in (find_queries("a.py", source), find_by_tokens(source)):
        assert (found.queries, found.unchecked) == ((), 0)


@pytest.mark.parametrize("source", ["(", "\\", "# c", "(\\", "[\r", "x = (  #", ""])
def test_the_line_of_literals_is_in_the_text(source: str) -> None:
    for mark in range(len(source) + 1):
        assert 0 <= line_of_literals(source, mark) <= len(source)


def test_arguments_that_are_unpacked_are_arguments() -> None:
    source = "kili.labels('p', **{'category_search': 'A', 'other': 'No', **more})"
    (query,) = find_queries("a.py", source).queries
    assert (query.text, query.context, query.project) == ("A", "category_search", "p")
    assert find_queries("a.py", "f(**{'label_category_search': x})").unchecked == 1
