"""Queries in Python, notebooks and query files: which they are, and that every offset and every edit is exact."""

from __future__ import annotations

import ast
import json
import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from kili_query.editor.finding import find_queries
from kili_query.editor.finding.embedded import EmbeddedQuery, apply_edits
from kili_query.editor.finding.tolerant import find_by_tokens
from kili_query.editor.lint.linting import lint_file
from kili_query.editor.ontologies import Ontologies
from kili_query.errors import Fix, Span
from kili_query.query import Query, check, parse
from tests.strategies import any_text, layouts, near_misses, small_trees


def texts(source: str, name: str = "a.py", **options: bool) -> list[str]:
    return [query.text for query in find_queries(name, source, **options).queries]


# -- which literals are queries ----------------------------------------------------------------------------------------

FOUND = {
    "argument": "kili.labels('p', category_search='Q')",
    "argument of any call": "f(g(label_category_search='Q'))",
    "key of the filters": "export(asset_filter_kwargs={'x': 1, 'label_category_search': 'Q'})",
    "key of a constant": "F = {'label_category_search': 'Q'}\nexport(asset_filter_kwargs=F)",
    "key of a filter of labels": "kili.labels.list('p', filter={'category_search': 'Q'})",
    "key of a filter of assets": "kili.assets.list(project_id='p', filter={'label_category_search': 'Q'})",
    "key of the arguments": "f(**{'category_search': 'Q'})",
    "key of arguments with a name": "O = {'category_search': 'Q'}\nf(**O)",
    "key of local arguments": "def f():\n    o = {'label_category_search': 'Q'}\n    g(**o)",
    "filter among arguments": "def f(): g(**O)\nO = {'x': 1, 'filter': {'category_search': 'Q'}}",
    "filter made of another": "F = {'category_search': 'Q'}\nf(filter={**F, 'x': 1})",
    "arguments that hold themselves": "def f():\n    o = {'category_search': 'Q'}\n    o = {**o, 'filter': o}\n    g(**o)",
    "module arguments that hold themselves": "O = {'category_search': 'Q'}\nO = {**O, 'filter': O}\nf(**O)",
    "parse": "from kili_query import parse\nparse('Q')",
    "parse of the module query": "from kili_query.query import parse\nparse('Q')",
    "parse by keyword": "from kili_query import parse\nparse(text='Q')",
    "parse renamed": "from kili_query import parse as p\np('Q')",
    "parse of the package": "import kili_query as kq\nkq.parse('Q')",
    "parse by the full name": "import kili_query.query\nkili_query.query.parse('Q')",
    "parse by a star": "from kili_query import *\nparse('Q')",
    "parse that may be missing": "try:\n    from kili_query import parse\nexcept ImportError:\n    parse = None\nparse('Q')",
    "module constant": "NAME = 'Q'\nkili.labels(category_search=NAME)",
    "typed constant": "NAME: str = 'Q'\nkili.labels(category_search=NAME)",
    "constant of a constant": "A = 'Q'\nB = A\nkili.labels(category_search=B)",
    "local constant": "def f():\n    name = 'Q'\n    g = lambda: kili.labels(category_search=name)",
    "module constant below": "def f():\n    kili.labels(category_search=NAME)\nNAME = 'Q'",
    "class constant in the class": "class A:\n    q = 'Q'\n    x = f(category_search=q)",
    "constant in parentheses": "NAME = ('Q')\nkili.labels(category_search=(NAME))",
    "walrus": "kili.labels(category_search=(q := 'Q'))",
    "decorator": "@f(category_search='Q')\ndef g(): pass",
    "marked beside": "x = 'Q'  # kili-query",
    "marked above": "# kili-query\nx = 'Q'",
    "marked beside the end": "x = '''Q'''  # noqa # kili-query",
}


@pytest.mark.parametrize("source", FOUND.values(), ids=FOUND)
def test_a_query_is_found(source: str) -> None:
    found = find_queries("a.py", source)
    assert ([query.text for query in found.queries], found.unchecked, found.problem) == (["Q"], 0, None)


OTHERS = {
    "another argument": "f(search='Q')",
    "another parse": "from json import parse\nparse('Q')",
    "a parse that is defined": "from kili_query import parse\ndef parse(x): ...\nparse('Q')",
    "a method called parse": "import kili_query\nx.parse('Q')",
    "a local parse": "from kili_query import parse\ndef f(parse):\n    parse('Q')",
    "a default of a definition": "def f(category_search='Q'): ...",
    "a key of another dict": "x = {'label_category_search': 'Q'}",
    "a key of an entry of a filter": "f(filter={'x': {'category_search': 'Q'}})",
    "a key of a dict that is given as a whole": "O = {'category_search': 'Q'}\nf(O)",
    "a filter that is no dict": "f(filter='Q')",
    "a power": "O = {'category_search': 'Q'}\nf(2**O)",
    "a variable": "category_search = 'Q'",
    "a constant that shadows": "Q = 'Q'\ndef f():\n    Q = None\n    g(category_search=Q)",
    "a class constant in a method": "class A:\n    q = 'Q'\n    def f(self): return q",
    "no comment": "x = '# kili-query', 'Q'",
    "prose in a comment": "x = 'Q'  # kili-query is good",
    "code in a text": "'''f(category_search='Q')'''",
    "a mark beside other code": "y = 1  # kili-query\nx = 'Q'",
    "none": "f(category_search=None)",
}


@pytest.mark.parametrize("source", OTHERS.values(), ids=OTHERS)
def test_another_text_is_not(source: str) -> None:
    found = find_queries("a.py", source)
    assert ([query.text for query in found.queries], found.unchecked, found.problem) == ([], 0, None)


COMPUTED = {
    "f-string": "f(category_search=f'{x}')",
    "joined f-string": "f(category_search='a' f'{x}')",
    "sum": "f(category_search='a' + b)",
    "percent": "f(category_search='%s' % b)",
    "format": "f(category_search='{}'.format(b))",
    "bytes": "f(category_search=b'a')",
    "parameter": "def g(q): f(category_search=q)",
    "import": "from x import q\nf(category_search=q)",
    "loop": "for q in 'ab': f(category_search=q)",
    "unpacked": "q, r = 'a', 'b'\nf(category_search=q)",
    "changed": "q = 'a'\nq += 'b'\nf(category_search=q)",
    "global": "q = 'a'\ndef g():\n    global q\n    f(category_search=q)",
    "attribute": "f(category_search=self.q)",
    "marked f-string": "x = f'{y}'  # kili-query",
    "key": "f(asset_filter_kwargs={'label_category_search': f'{x}'})",
}


@pytest.mark.parametrize("source", COMPUTED.values(), ids=COMPUTED)
def test_a_computed_text_is_counted_as_not_checked(source: str) -> None:
    found = find_queries("a.py", source)
    assert (found.queries, found.unchecked, found.problem) == ((), 1, None)


def test_both_sides_of_a_choice_are_queries() -> None:
    assert texts("f(category_search='A' if x else 'B' or None)") == ["A", "B"]
    assert texts("if x:\n    q = 'A'\nelse:\n    q = 'B'\nf(category_search=q)") == ["A", "B"]


def test_a_name_that_is_given_many_texts_stands_for_each_of_them_once() -> None:
    source = "".join(f"Q = '{n}'\nf('p', category_search=Q)\ng('r', category_search=Q)\n" for n in range(30))
    found = find_queries("a.py", source)
    assert sorted((query.text, query.project or "") for query in found.queries) == sorted(
        (str(n), project) for n in range(30) for project in "pr"
    )


def test_each_use_of_an_unknown_name_is_counted() -> None:
    assert find_queries("a.py", "def h(q):\n    f(category_search=q)\n    f(category_search=q)\n").unchecked == 2


def test_statements_between_those_that_matter_are_no_hindrance() -> None:
    filler = "x = 1; y = 2\nif x:\n    pass\nelse:\n    z = [\n        3,\n    ]\n"
    source = f"{filler}@f(\n  category_search='A')\ndef g():\n    x = 1\n    return 2; f(category_search='B')\n{filler}"
    source += (
        f"x = 1; f(category_search=Q); y = 2; Q = 'C'\n{filler}try:\n    x\nexcept E:\n    f(category_search='D')\n"
    )
    assert texts(source) == ["A", "B", "C", "D"]


def test_queries_that_are_built_are_not_texts() -> None:
    source = "import kili_query as k\nf(category_search=k.parse('A') & ~k.parse('B'))\nf(category_search=k.count('A', 'B') > 2)"
    found = find_queries("a.py", source)
    assert ([query.text for query in found.queries], found.unchecked) == (["A", "B"], 0)


def test_the_project_of_the_call_is_known() -> None:
    source = "P = 'p2'\nf('p1', category_search='A')\nf(project_id=P, category_search='B')\nf(x, category_search='C')"
    assert [query.project for query in find_queries("a.py", source).queries] == ["p1", "p2", None]


def test_a_constant_of_two_projects_is_found_for_both() -> None:
    queries = find_queries("a.py", "Q = 'A'\nf('p', category_search=Q)\nf('q', category_search=Q)\n").queries
    assert {(query.start, query.project) for query in queries} == {(4, "p"), (4, "q")}


@pytest.mark.parametrize(
    "source", ["f(category_search=", "x = '\\N{no such}'", "\0", "(" * 500 + ")" * 500, "x = \ud800"]
)
def test_python_that_does_not_parse_is_a_problem(source: str) -> None:
    found = find_queries("a.py", source)
    assert found.queries == ()
    assert (found.problem or "").startswith("does not parse as Python")


def test_a_query_file_is_one_query() -> None:
    (query,) = find_queries("a.kq", "\ufeffA.B.count > 1 # c\r\n").queries
    assert (query.text, query.offsets[0], query.start, query.end) == ("A.B.count > 1 # c\r\n", 1, 1, 20)
    assert check(query.text) == []


# -- exact offsets and edits -------------------------------------------------------------------------------------------

_SIMPLE = {
    "\\": "\\\\",
    "'": "\\'",
    '"': '\\"',
    "\n": "\\n",
    "\t": "\\t",
    "\r": "\\r",
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\v": "\\v",
}


@st.composite
def python_literals(draw: DrawFn, text: str) -> str:
    """One literal, or several that Python joins, that mean the text: any quotes, prefixes, escapes and gaps."""
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=3)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    written = [draw(_literals(piece)) for piece in pieces]
    gap = st.sampled_from([" ", "\n", "\n\t", " # it's \"\n", "\\\n", "\f", ""])
    result = written[0]
    for literal in written[1:]:
        between = draw(gap)
        result += (between or " ") + literal
    return result


@st.composite
def _literals(draw: DrawFn, text: str) -> str:
    quotes = draw(st.sampled_from(['"', "'", '"""', "'''"]))
    if draw(st.booleans()):
        raw = draw(st.sampled_from("rR")) + quotes + text + quotes
        try:
            if "\r" not in text and ast.literal_eval(raw) == text:
                return raw
        except (SyntaxError, ValueError):
            pass
    return (
        draw(st.sampled_from(["", "u", "U"])) + quotes + "".join(draw(_chars(char, quotes)) for char in text) + quotes
    )


def _chars(char: str, quotes: str) -> st.SearchStrategy[str]:
    code, ways = ord(char), []
    plain = char not in "\\\r\0" and char != quotes[0] and not 0xD800 <= code < 0xE000
    if plain and (char != "\n" or len(quotes) == 3):
        ways += [char] * 12 + ["\\\n" + char]
    if char in _SIMPLE:
        ways.append(_SIMPLE[char])
    if code < 0x100:
        ways += [f"\\x{code:02x}", f"\\{code:03o}"]
    if code < 0x10000:
        ways.append(f"\\u{code:04X}")
    if unicodedata.name(char, ""):
        ways.append(f"\\N{{{unicodedata.name(char)}}}")
    return st.sampled_from([*ways, f"\\U{code:08x}"])


_PLACES = (
    "é = 1; kili.labels(\n\tcategory_search=({}))\n",
    "from kili_query import parse\n\fx = parse({})\n",
    "CONSTANT = ({})\nkili.labels(category_search=CONSTANT)\n",
    "x = ('ß', f(asset_filter_kwargs={{'label_category_search': {}}}))\n",
)
_values = any_text | st.text(max_size=20) | near_misses() | small_trees.flatmap(layouts)


@st.composite
def sources(draw: DrawFn, values: st.SearchStrategy[str] = _values) -> tuple[str, str]:
    """Python source that holds one query, and the query."""
    text = draw(values)
    source = draw(st.sampled_from(_PLACES)).format(draw(python_literals(text)))
    source = draw(st.sampled_from(["", "\ufeff", "# 字\n"])) + source
    return source.replace("\n", draw(st.sampled_from(["\n", "\r\n"]))), text


def one(name: str, source: str) -> EmbeddedQuery:
    (query,) = find_queries(name, source).queries
    return query


def assert_written(char: str, source: str) -> None:
    """The source, as a part of a literal, means the character; Python itself says so."""
    if source != char:
        assert ast.literal_eval(f'"""{source}"""') == char


@given(sources())
def test_offsets_point_to_the_source_of_each_character(given: tuple[str, str]) -> None:
    source, text = given
    query = one("a.py", source)
    assert query.text == text
    assert len(query.offsets) == len(text) + 1
    for i, char in enumerate(text):
        span = query.locate(Span(i, i + 1))
        assert span.start == query.offsets[i]
        assert_written(char, source[span.start : span.end])
    assert source[query.offsets[-1]] in "'\""
    assert ast.literal_eval("(" + source[query.start : query.end] + ")") == text


@given(sources(), st.data())
def test_an_edit_changes_the_constant_and_nothing_else(given: tuple[str, str], data: st.DataObject) -> None:
    source, text = given
    query = one("a.py", source)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 5)))
    fix = Fix(Span(start, end), data.draw(st.text(max_size=4) | st.sampled_from(['"a b"', "==", "\\", "'''", "7"])))
    edits = query.edits(fix)
    simple = (fix.text + text).isalnum() and "\\" not in source and "''" not in source
    assert edits or not simple or len(query.passage.parts) > 1 or not fix.text
    assume(edits)
    changed = apply_edits(source, edits)
    assert one("a.py", changed).text == fix.apply(text)
    assert same_but_for(query.text, fix.apply(text), source, changed)


def same_but_for(old: str, new: str, before: str, after: str) -> bool:
    """True if the two sources differ in their tree only by constants that were `old` and are `new`."""
    trees = [ast.parse(source.removeprefix("\ufeff")) for source in (before, after)]
    for tree, text in zip(trees, (old, new), strict=True):
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and node.value == text:
                node.value = "\0the query\0"
            if isinstance(node, ast.Constant):
                node.kind = None
    return ast.dump(trees[0]) == ast.dump(trees[1])


def test_a_fix_across_two_literals_is_not_made() -> None:
    query = one("a.py", "f(category_search='AB' 'CD')")
    assert query.edits(Fix(Span(1, 3), "x")) == ()
    assert query.replace(Fix(Span(1, 2), "x")) is not None


def test_a_fix_across_a_continued_line_is_not_made() -> None:
    query = one("a.py", "f(category_search='A\\\nB')")
    assert query.text == "AB"
    assert query.edits(Fix(Span(0, 2), "x")) == ()


def test_what_a_literal_cannot_hold_is_not_written() -> None:
    query = one("a.py", "f(category_search=r'AB')")
    assert [query.edits(Fix(Span(1, 1), text)) for text in ("\0", "\ud800", "'", "\r", "\n")] == [()] * 5
    assert query.edits(Fix(Span(2, 2), "\\")) == ()
    assert query.edits(Fix(Span(1, 1), "\\"))


def test_quotes_are_written_for_the_literal_around() -> None:
    for literal, written in (
        ("'A B'", "'\"A B\"'"),
        ('"A B"', '"\\"A B\\""'),
        ('"""A B """', '"""\\"A B\\" """'),
        ('r"A B"', None),
    ):
        query = one("a.py", f"f(category_search={literal})")
        edits = query.edits(Fix(Span(0, 3), '"A B"'))
        assert (apply_edits(f"f(category_search={literal})", edits) if edits else None) == (
            written and f"f(category_search={written})"
        )


def test_parentheses_are_put_around_without_touching_what_they_hold() -> None:
    source = "f(category_search='A.\\x42.count > 1 '\n  'AND C' '.D.count > 1 OR E.F.count > 1')"
    query = one("a.py", source)
    (fix,) = (diagnostic.fix for diagnostic in check(query.text) if diagnostic.fix)
    assert apply_edits(source, query.edits(fix)) == source.replace("'A.", "'(A.").replace("1 OR", "1) OR")


@given(sources(near_misses() | small_trees.flatmap(layouts)))
def test_fixing_a_file_changes_the_query_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, given: tuple[str, str]
) -> None:
    source, text = given
    file = tmp_path_factory.mktemp("fix") / "a.py"
    file.write_bytes(source.encode())
    report = lint_file(str(file), Ontologies(), fix=True)
    changed = file.read_bytes().decode()
    again = one("a.py", changed)
    assert bool(report.fixed) == (changed != source)
    assert same_but_for(text, again.text, source, changed)
    before, after = (query_or_none(each) for each in (text, again.text))
    if before is not None:
        assert after is not None
        assert before.equivalent(after)
    assert lint_file(str(file), Ontologies(), fix=True).fixed == 0


def query_or_none(text: str) -> Query | None:
    return parse(text) if not any(d.code.startswith("KQ1") for d in check(text)) else None


# -- notebooks ---------------------------------------------------------------------------------------------------------


def notebook(*cells: str | list[str], ascii: bool = False, metadata: object = None) -> str:
    rows: list[dict[str, object]] = [
        {"cell_type": "code", "metadata": {}, "outputs": [{"data": "\u2028 \\"}], "source": cell} for cell in cells
    ]
    whole = {
        "cells": [{"cell_type": "markdown", "source": "f(category_search='No')"}, *rows],
        "metadata": metadata or {},
    }
    return json.dumps(whole, indent=1, ensure_ascii=ascii)


@given(sources(), st.booleans(), st.booleans(), st.data())
def test_offsets_and_edits_in_a_notebook_are_exact(
    given: tuple[str, str], ascii: bool, whole: bool, data: st.DataObject
) -> None:
    code, text = given
    code = code.removeprefix("\ufeff")
    cell = code if whole else code.splitlines(keepends=True)
    source = notebook("%pip install x\ny = 1", cell, ascii=ascii)
    query = one("a.ipynb", source)
    assert query.text == text
    assert query.cell is not None
    assert (query.cell.number, query.cell.passage.text) == (3, code)
    assert len(query.offsets) == len(text) + 1
    for i, char in enumerate(text):
        span = query.locate(Span(i, i + 1))
        assert_written(char, "".join(json.loads(f'["{source[span.start : span.end]}"]')))
    start = data.draw(st.integers(0, len(text)))
    fix = Fix(Span(start, min(len(text), start + 1)), data.draw(st.text(max_size=3)))
    edits = query.edits(fix)
    assume(edits)
    changed = apply_edits(source, edits)
    assert one("a.ipynb", changed).text == fix.apply(text)
    before, after = json.loads(source), json.loads(changed)
    before["cells"][2]["source"] = after["cells"][2]["source"] = None
    assert before == after


def test_cells_share_names_and_magics_are_skipped() -> None:
    source = notebook(
        ["%load_ext x\n", "from kili_query import parse\n", "Q = 'A'\n", '!echo "it\'s"\n', "files = !ls\n", "parse?"],
        "%%time\nkili.labels(category_search=Q)",
        "%%bash\nparse('No",
        "if True:\n    !ls \\\n  -l\nparse('B')",
    )
    found = find_queries("a.ipynb", source)
    assert [(query.text, query.cell and query.cell.number) for query in found.queries] == [("A", 2), ("B", 5)]
    assert found.problem is None


def test_a_cell_that_does_not_parse_is_named_and_the_others_are_read() -> None:
    source = notebook("f(category_search='A'", "f(category_search='B')")
    found = find_queries("a.ipynb", source)
    assert [query.text for query in found.queries] == ["B"]
    assert (found.problem or "").startswith("cell 2 does not parse as Python, line 1")
    assert texts(source, "a.ipynb", tolerant=True) == ["A", "B"]


def test_notebooks_in_other_languages_are_left_alone() -> None:
    for metadata in ({"kernelspec": {"language": "julia"}}, {"language_info": {"name": "R"}}):
        assert find_queries("a.ipynb", notebook("f(category_search='A')", metadata=metadata)).queries == ()
    assert texts(
        notebook("f(category_search='A')", metadata={"kernelspec": {"name": "any", "language": "python"}}), "a.ipynb"
    ) == ["A"]


@pytest.mark.parametrize(
    "source",
    ["", "{", "[]", "{} {}", '{"cells": 1}', '{"cells": [{"cell_type": "code"}]}', '{"cells": [{"cell_type": "code", "source": [1]}]}',
     '{"cells": [', "[" * 100_000, '{"cells": [{"cell_type": "code", "source": "x}'],
)  # fmt: skip
def test_a_broken_notebook_is_a_problem(source: str) -> None:
    found = find_queries("a.ipynb", source)
    assert found.queries == ()
    assert (found.problem or "").startswith("is no notebook: ")


@given(st.text(alphabet='{}[]":, \\cells12source\n', max_size=60))
def test_any_text_is_a_notebook_or_a_problem(source: str) -> None:
    found = find_queries("a.ipynb", source)
    assert found.problem or not found.queries


# -- while typing ------------------------------------------------------------------------------------------------------

TYPED = {
    "f(category_search='A.B": ("A.B", False),
    "f(category_search='A.B\ng()": ("A.B", False),
    "f(category_search='": ("", False),
    "f(category_search='''A\nB": ("A\nB", False),
    "f(x(, category_search='A')": ("A", True),
    "f(\n  category_search='A' 'B\n": ("AB", False),
    "f(asset_filter_kwargs={'label_category_search': \"A": ("A", False),
    "import kili_query as k\nk.parse('A": ("A", False),
    "from kili_query import (parse as p)\np(\n'A": ("A", False),
    "Q = 'A'\nf(category_search=Q": ("A", True),
    "if x: Q = 'A'\nf(category_search=Q": ("A", True),
    "Q: str = (\n  'A' 'B')\nf(category_search=Q": ("AB", True),
    "P = Q = 'A'\nf(category_search=Q": ("A", True),
    "self.Q = 'A'\nf(category_search=Q": None,
    "x = Q == 'A'\nf(category_search=Q": None,
    "g(Q='A')\nf(category_search=Q": None,
    "F = {'label_category_search': 'A'}\nf(asset_filter_kwargs=F": ("A", True),
    "f(filter={'category_search': 'A": ("A", False),
    "f(**{'category_search': 'A": ("A", False),
    "O = {'category_search': 'A'}\nf(**O": ("A", True),
    "f(**{'x': 1, 'filter': {'label_category_search': 'A": ("A", False),
    "f({'category_search': 'A": None,
    "f(filter={'x': {'category_search': 'A": None,
    "x = 'A  # kili-query\n(": None,
    "x = 'A' # kili-query\n(": ("A", True),
    "# kili-query\nx = '''A\nB'''\n(": ("A\nB", True),
    "# f(category_search='A')\n(": None,
    "'''f(category_search=\"A\")''' (": None,
    "def f(category_search='A')": None,
    "f(category_search=f'A')(": None,
    "f(category_search='A' + b)(": None,
}


@pytest.mark.parametrize(("source", "expected"), TYPED.items(), ids=TYPED)
def test_incomplete_python_is_read_by_its_tokens(source: str, expected: tuple[str, bool] | None) -> None:
    found = find_queries("a.py", source, tolerant=True)
    assert [(query.text, query.closed) for query in found.queries] == ([expected] if expected else [])


def test_the_project_is_known_while_typing() -> None:
    for call in (
        "f('p', category_search='A'",
        "f(project_id='p', category_search='A'",
        "f(category_search='A', project_id='p'",
    ):
        assert find_queries("a.py", call, tolerant=True).queries[0].project == "p"


@given(sources())
def test_tokens_and_tree_agree(given: tuple[str, str]) -> None:
    source, text = given
    query = one("a.py", source)
    (by_tokens,) = find_by_tokens(source).queries
    assert (by_tokens.text, by_tokens.start, by_tokens.closed) == (text, query.start, True)
    assert list(by_tokens.offsets) == list(query.offsets)


@given(sources() | st.tuples(st.text(), st.just("")), st.data())
def test_any_beginning_of_a_source_can_be_read(given: tuple[str, str], data: st.DataObject) -> None:
    source = given[0][: data.draw(st.integers(0, len(given[0])))]
    for query in find_queries("a.py", source, tolerant=True).queries:
        assert 0 <= query.start <= query.offsets[0] <= query.offsets[-1] <= query.end <= len(source)
        check(query.text)
