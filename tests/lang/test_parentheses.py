"""The parser sees one pair of parentheses for many: its answer is that for the text as it is, spans and places included."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kili_query import QuerySyntaxError, check
from kili_query.lang import parser
from kili_query.lang.ast import NOWHERE, Node, walk
from kili_query.lang.parentheses import Thinned, thinned
from kili_query.lang.stopped import Stopped
from tests.strategies import near_misses, small_trees


def _as_it_is(text: str) -> Thinned:
    return Thinned(text, {}, {})


def _parsed(text: str) -> Any:
    """The nodes with their spans, or where the parser stops: how many parentheses of each depth are open is told alike."""
    try:
        tree: Node = parser.parse_tree(text)
    except QuerySyntaxError as error:
        stopped = parser.stopped_in(text)
        return error.diagnostics, stopped and _unrolled(text, stopped)
    return [(type(node), node.span, getattr(node, "operand", None)) for node in walk(tree)]


def _unrolled(text: str, stopped: Stopped) -> object:
    """All that is told of a place, parentheses right inside of one another as one."""
    words: list[tuple[str, int, int, str, int]] = []
    for word in stopped.open:
        inner = words and words[-1][0] == word.kind == "LPAR" and not _between(text, words[-1][2], word.start)
        times = words.pop()[4] if inner else 0
        words.append((word.kind, word.start, word.end, word.text, word.times + times))
    return stopped.position, stopped.slot, stopped.closable, words


def _between(text: str, start: int, end: int) -> str:
    lines = (line.split("#")[0] for line in text[start:end].splitlines())
    return "".join(lines).replace("(", "").strip()


def _compare(text: str) -> None:
    found = _parsed(text)
    with patch.object(parser, "thinned", _as_it_is):
        assert _parsed(text) == found, thinned(text).text


pieces = st.sampled_from(["(", "(", "((", "(((", ")", ")", "))", ")))", " ", "A.B.count > 1", "C.D.count IN (1, 2)", " AND ", " OR ", "NOT ",
                          " IN ", "IN", "1", ",", '"a"', "#(\n", "#)", '"(', "A.B.count IN ", "\u00a0"])  # fmt: skip


@example("((A.B.count > 1))")
@example("((A.B.count > 1) )")
@example("((A.B.count > 1 AND))")
@example("((A.B.count > 1 AND ))")
@example("(((A.B.count > 1) AND C.D.count > 2))")
@example("(((")
@example("((A.B.count > 1")
@example("((()))")
@example("A.B.count IN ((1))")
@example("A.B.count IN (((1)))")
@example("A.B.count IN # c\n((1))")
@example("((A.B.count IN (1)))")
@example("((A.B.count > 1)))")
@example("(( # (\n((A.B.count > 1)) # )\n))")
@example('(("a))".B.count > 1))')
@example('(("a.B.count > 1))')
@example("NOT((NOT((A.B.count > 1))))")
@example("((A.B.count > 1)((")
@given(st.lists(pieces, max_size=12).map("".join) | near_misses())
def test_the_answer_is_that_for_the_text_as_it_is(text: str) -> None:
    _compare(text)


@given(small_trees, st.data())
def test_a_query_wrapped_anywhere_is_read_as_it_is_written(tree: Node, data: st.DataObject) -> None:
    text = str(tree)[str(tree).index(" ") + 1 : -1]
    assert tree.span == NOWHERE
    for _ in range(data.draw(st.integers(1, 3))):
        opened, closed = "(" * data.draw(st.integers(1, 4)), data.draw(st.sampled_from([")", ") ", "#x\n)"]))
        text = f"{opened}{text}{closed * len(opened)}"
    assert parser.parse_tree(text) == tree
    _compare(text)


@pytest.mark.parametrize(
    ("text", "thin"),
    [
        ("((A.B.count > 1))", "( A.B.count > 1 )"),
        ("((A.B.count > 1) OR C.D.count > 1)", "((A.B.count > 1) OR C.D.count > 1)"),
        ("(((A.B.count > 1)) OR C.D.count > 1)", "(( A.B.count > 1 ) OR C.D.count > 1)"),
        ("A.B.count IN ((1))", "A.B.count IN ((1))"),
        ("(( (", "(   "),
    ],
)
def test_only_what_says_nothing_goes(text: str, thin: str) -> None:
    assert thinned(text).text == thin


def test_all_that_is_missing_is_put_at_the_end() -> None:
    (found,) = check("(((A.B.count > 1) AND ((C.D.count > 1")
    assert found.fix
    assert found.fix.apply("(((A.B.count > 1) AND ((C.D.count > 1") == "(((A.B.count > 1) AND ((C.D.count > 1))))"
