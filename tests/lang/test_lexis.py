"""The smallest parts of the language stand once: the grammar has the patterns of `lexis`, and the parser's words stay in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_query.lang import lexis
from kili_query.lang.parser import stopped_in
from kili_query.lang.stopped import Slot
from kili_query.lang.tables import TERMINALS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["PLAIN", "QUOTED", "SPACE", "COMMENT", "GAP"])
def test_the_grammar_has_the_patterns_of_lexis(name: str) -> None:
    text = (ROOT / "grammar" / "category_search.lark").read_text("utf-8")
    (written,) = re.findall(rf"^{name}: /(.*)/$", text, re.MULTILINE)
    assert written == getattr(lexis, name)


def test_the_grammar_has_the_numbers_of_lexis() -> None:
    assert TERMINALS["INTEGER"] == lexis.DIGITS


def test_a_quoted_name_is_written_nowhere_else() -> None:
    quoted = re.compile(r'"\(\?:(?:\[\^"|\\\\\.)')
    files = [path for path in (ROOT / "kili_query" / "lang").rglob("*.py") if path.name != "lexis.py"]
    assert [path.name for path in files if quoted.search(path.read_text("utf-8"))] == []


@given(st.text(alphabet='ab"\\ .\n#é', max_size=12))
def test_unquoting_undoes_quoting(name: str) -> None:
    assert lexis.unquote(lexis.quote(name)) == name
    assert re.fullmatch(lexis.QUOTED, lexis.quote(name))
    assert lexis.is_closed(lexis.quote(name))


@pytest.mark.parametrize(
    ("text", "slot", "closable"),
    [
        ("", Slot.COMPARISON, False),
        ("NOT (", Slot.COMPARISON, False),
        ("A.B.count > 1 OR", Slot.COMPARISON, False),
        ("A.B.count", Slot.OPERATOR, False),
        ("A.B.count NOT", Slot.IN, False),
        ("A.B.count IN", Slot.SET, False),
        ("A.B.count IN (", Slot.ITEM, False),
        ("A.B.count IN (1, 2", Slot.COMMA, True),
        ("A.B.count IN (1, 2,", Slot.ITEM, False),
        ("A.B.count IN 1", Slot.DOTS, False),
        ("A.B.count IN 1..", Slot.UPPER_END, False),
        ("(A.B.count IN 1..", Slot.UPPER_END, True),
        ("A.B.count IN ..", Slot.NUMBER, False),
        ("A.B.count > 1", Slot.CONNECTIVE, False),
        ("(A.B.count > 1", Slot.CONNECTIVE, True),
    ],
)
def test_each_place_has_its_slot(text: str, slot: Slot, closable: bool) -> None:
    stopped = stopped_in(f"{text}\n\0")
    assert stopped
    assert (stopped.slot, stopped.closable) == (slot, closable)


@pytest.mark.parametrize("text", ["(A.B.count > 1", "A.B.count > 1)"])
def test_the_end_is_a_slot(text: str) -> None:
    stopped = stopped_in(text)
    assert stopped
    assert stopped.slot is Slot.END


def test_what_is_open_is_known_with_its_place() -> None:
    stopped = stopped_in("NOT (A.B.count IN (1, 2 x")
    assert stopped
    assert [(word.kind, word.start, word.end, word.text) for word in stopped.open] == [
        ("NOTS", 0, 3, "NOT"), ("LPAR", 4, 5, "("), ("OPERAND", 5, 14, "A.B.count"), ("_IN", 15, 17, "IN"),
        ("LPAR", 18, 19, "("), ("INTEGERS", 19, 23, "1, 2"),
    ]  # fmt: skip
    assert all(type(word.text) is str for word in stopped.open)
