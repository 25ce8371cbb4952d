"""The automaton beside Lark: the tables are what Lark makes of the grammar, and every text is read as Lark reads it."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from functools import cache, partial
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kili_query.lang import automaton, generate
from kili_query.lang.stopped import Slot, Stopped, Token
from kili_query.lang.tables import RULES
from tests.conftest import SPEC
from tests.lang.test_editing import damaged
from tests.strategies import layouts, near_misses, trees

lark = pytest.importorskip("lark")

MADE = sorted({row.partition(":")[0].lstrip("?") for row in RULES if "__" not in row.partition(":")[0]})
SYNTAX: dict[str, list[dict[str, str]]] = tomllib.loads((SPEC / "syntax.toml").read_text("utf-8"))
TEXTS = [row["text"] for rows in SYNTAX.values() for row in rows if len(row["text"]) < 20_000]


def _made(rule: str, parts: list[Any]) -> tuple[str, list[Any]]:
    return rule, [_token(part) if isinstance(part, lark.Token) else part for part in parts]


def _token(token: Any) -> Token:
    return Token(token.type, token.start_pos, token.end_pos, str(token))


@cache
def _lark() -> Any:
    class Rules:
        """A transformer: a method of each rule's name."""

    for rule in MADE:
        setattr(Rules, rule, staticmethod(partial(_made, rule)))
    return generate.lark(transformer=Rules())


def _by_lark(text: str) -> Any:
    try:
        made = _lark().parse(text)
    except lark.UnexpectedInput as error:
        accepts = error.interactive_parser.accepts()
        stack = error.interactive_parser.parser_state.value_stack
        position = len(text) if getattr(error, "token", None) == "" else error.pos_in_stream
        tokens = tuple(_token(value) for value in stack if isinstance(value, lark.Token))
        return Stopped(position, Slot.of(accepts), "RPAR" in accepts, tokens)
    return _token(made) if isinstance(made, lark.Token) else made


def _compare(text: str) -> None:
    assert automaton.read(text, {rule: partial(_made, rule) for rule in MADE}) == _by_lark(text)


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text)[:60])
def test_the_texts_of_the_spec_are_read_as_lark_reads_them(text: str) -> None:
    _compare(text)


@given(st.data())
def test_any_query_is_read_as_lark_reads_it(data: st.DataObject) -> None:
    text = data.draw(layouts(data.draw(trees())))
    _compare(text)
    _compare(text[: data.draw(st.integers(0, len(text)))])


@example("A.B.count IN 1.. 2 3")
@example("(A.B.count > 1 # c\n) #")
@example("NOTNOT(A.B.count NOT IN (1,2 , # c\n 3)AND C.D.count>1OR E.F.count IN ..2)")
@given(
    damaged()
    | near_misses()
    | st.lists(st.sampled_from([*"()., \n#AB1>", "NOT", "IN", "AND", "OR", "A.B.count", "==", '"', "..", "-2"])).map(
        "".join
    )
)
def test_any_text_is_read_as_lark_reads_it(text: str) -> None:
    _compare(text)


def test_a_row_of_any_length_is_read_in_linear_time() -> None:
    text = " AND ".join(["A.B.count > 1"] * 20_000)
    kind, parts = automaton.read(text, {"and": partial(_made, "and")})
    assert (kind, len(parts), parts[-1].end) == ("and", 20_000, len(text))


def test_the_tables_are_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    assert generate.TABLES.read_text("utf-8") == generate.tables()


def test_stale_tables_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(generate, "TABLES", tmp_path / "tables.py")
    monkeypatch.setattr(sys, "argv", ["generate", "--check"])
    with pytest.raises(SystemExit, match=r"tables\.py is not what category_search\.lark makes"):
        generate.main()
    monkeypatch.setattr(sys, "argv", ["generate"])
    generate.main()
    assert (tmp_path / "tables.py").read_text("utf-8") == generate.tables()


def test_reading_a_query_needs_no_lark() -> None:
    code = "import sys; sys.modules['lark'] = None; from kili_query import parse; print(parse('A.B.count>1'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "A.B.count > 1\n"
