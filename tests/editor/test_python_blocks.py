"""Python source while it is typed: after any edit the queries are those of a reader that has never seen the source."""

from __future__ import annotations

import inspect
import textwrap
from types import ModuleType

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from kili_query.editor.finding import embedded, literals, python_names
from kili_query.editor.finding.embedded import Found
from kili_query.editor.finding.python_blocks import PythonReader
from kili_query.editor.finding.python_parts import Parts
from kili_query.editor.finding.python_source import find_in_python

STATEMENTS = [
    "NAME = 'A.B'",
    "NAME = OTHER",
    "OTHER = 'C.D' if x else NAME",
    "NAME += 'E'",
    "PROJECT = 'p'",
    "F = {'label_category_search': NAME, 'x': 1}",
    "kili.labels(category_search=NAME)",
    "kili.labels(PROJECT, category_search=OTHER or 'X')",
    "f(category_search='A', label_category_search=(q := 'B')); g(label_category_search=q)",
    "export(asset_filter_kwargs=F)",
    "g(PROJECT, **F, filter={**F, 'category_search': 'FD'})",
    "def g(): F = {**F, 'filter': F, 'category_search': NAME}; g(**F)",
    "F = {'filter': F, **F}",
    "export(PROJECT, asset_filter_kwargs={'label_category_search': NAME})",
    "from kili_query import parse",
    "from kili_query import *",
    "import kili_query as kq",
    "parse('P'), parse(NAME), kq.parse('K')",
    "def parse(x): ...",
    "def f(NAME=parse('D')):\n    OTHER = 'L'\n    return g(category_search=OTHER), g(category_search=NAME)",
    "class A:\n    NAME = 'C'\n    x = f(category_search=NAME)\n\n    def m(self):\n        return f(category_search=NAME)",
    "x = 'M'  # kili-query",
    "# kili-query\nx = 'N'",
    "# kili-query",
    "if x:\n    f(category_search='T')\n# between\nelse:\n    NAME = 'U'",
    "try:\n    pass\nexcept E: f(category_search=NAME)\nfinally:\n    y = f'{NAME}'",
    "@f(category_search='DEC')\n@g\ndef h(): pass",
    "@f(\nx, '''\ny = 1\n''')\n# note\nasync def h(): pass",
    "'''\nprose\n@f\nNAME = 1\n'''",
    "f(category_search='''\nA.B\nAND C.D\n''')",
    "f(\n'x',\nNAME,\ncategory_search='R')",
    "x = 1 + \\\nNAME",
    "x = 'one \\\ntwo'",
    "for NAME in y: f(category_search=f'{NAME}')",
    "é = '🚢'; f(category_search='🚢')",
    "def g():\n    global NAME\n    NAME = 'G'",
]
FRAGMENTS = [
    "'", '"', "'''", '"""', "(", ")", "[", "]", "\\", "\n", "\\\n", "#", "# kili-query", "@d", "else:", "    ", "=", "NAME",
    "NAME = 'Z'\n", "category_search=", "kili_query", "x", ",", "\r\n", "\f", "🚢", "", "if x:\n", "f(",
    "\r", "\ufeff",
]  # fmt: skip

HEADERS = [
    "class C:",
    "@f\nclass C(x):  # note",
    "class C(f(category_search='H')):\n    # kili-query",
    "class C:\n    '''Doc\n    def no(): y\n    '''",
]
SMALL = 0  # so that methods are blocks of their own in each class
plain = st.sampled_from(STATEMENTS)
methods = plain.map(lambda text: "def m(self, NAME=x):\n" + textwrap.indent(text, "    "))


@st.composite
def classes(draw: DrawFn) -> str:
    inner = "\n".join(draw(st.lists(plain | methods, min_size=1, max_size=5)))
    return draw(st.sampled_from(HEADERS)) + "\n" + textwrap.indent(inner, draw(st.sampled_from(["    ", "  ", "\t"])))


statements = st.lists(plain | classes(), max_size=7)


@st.composite
def sources(draw: DrawFn) -> str:
    gap = draw(st.sampled_from(["\n", "\n\n", "\n# note\n"]))
    source = gap.join(draw(statements)) + draw(st.sampled_from(["", "\n"]))
    source = draw(st.sampled_from(["", "\ufeff", "\n"])) + source
    return source.replace("\n", "\r\n") if draw(st.booleans()) else source


@st.composite
def edited(draw: DrawFn, source: str) -> str:
    start = draw(st.integers(0, len(source)))
    end = min(len(source), start + draw(st.sampled_from([0, 0, 0, 1, 1, 3, 30])))
    text = draw(st.sampled_from(FRAGMENTS) | st.sampled_from(STATEMENTS).map("\n{}\n".format))
    return source[:start] + text + source[end:]


def seen(found: Found) -> object:
    """All that there is to see of what was found."""
    return found.unchecked, [
        (
            repr(query),
            query.passage.text,
            query.passage.ends,
            [(*part[:3], vars(part.notation)) for part in query.passage.parts],
        )
        for query in found.queries
    ]


@given(sources())
@example("class A:\n  def m(): f(\r1\n)\n  x = 1\n  y = f(category_search='A')\n")
def test_blocks_that_parse_hold_what_the_whole_source_holds(source: str) -> None:
    whole = find_in_python(source)
    assert whole.problem or seen(PythonReader(SMALL).read(source)) == seen(whole)


@given(sources(), st.data())
@example("@d(\nx\n)\ndef f(): pass\n", None)
@example("class A:\n  @d('''\ny\n''')\n  def f(): pass\n", None)
@example("x = 1\r@d\ndef f(): pass\n", None)
@example("x = 1\n\ufeffdef f(): pass\n", None)
def test_all_blocks_parse_if_the_whole_source_does_and_not_otherwise(source: str, data: st.DataObject | None) -> None:
    source = data.draw(edited(source)) if data else source
    blocks = Parts(long=SMALL).blocks(source)
    assert all(block.parses for block in blocks) == (find_in_python(source).problem is None)


def test_what_was_typed_and_is_no_more_is_forgotten() -> None:
    reader = PythonReader()
    for number in range(300):
        (query,) = reader.read(f"NAME = 'A'\nf('p{number}', category_search=NAME)\n").queries
        assert query.project == f"p{number}"
    assert reader._names is not None
    assert max(len(reader._readings.of(block)) for block in reader._names.blocks) < 150


@given(sources(), st.data())
@example("f(category_search='A')\n", None)
def test_after_any_edits_the_queries_are_those_of_a_fresh_look(source: str, data: st.DataObject | None) -> None:
    reader = PythonReader(SMALL)
    reader.read(source)
    for _ in range(6 if data else 0):
        source = data.draw(edited(source)) if data else source
        found, fresh = reader.read(source), PythonReader(SMALL).read(source)
        assert seen(found) == seen(fresh)
        whole = find_in_python(source)
        assert whole.problem or seen(found) == seen(whole)
        for query in found.queries:
            assert 0 <= query.start <= query.offsets[0] <= query.offsets[-1] <= query.end <= len(source)


@pytest.mark.parametrize("module", [embedded, literals, python_names, inspect, textwrap])
def test_real_sources_are_read_in_blocks_as_they_are_as_a_whole(module: ModuleType) -> None:
    source = inspect.getsource(module)
    assert seen(PythonReader(SMALL).read(source)) == seen(find_in_python(source))
