"""Each row of the tables of mistakes is there for a case of the spec, which says what people are told."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable

import pytest

from kili_query import check
from kili_query.lang.mistakes import explain, number, operator, rows
from kili_query.lang.mistakes.place import At
from kili_query.lang.operators import Operator
from tests.conftest import SPEC

REJECTED = tomllib.loads((SPEC / "syntax.toml").read_text("utf-8"))["rejected"]


def test_each_row_is_hit_by_a_case(monkeypatch: pytest.MonkeyPatch) -> None:
    hit: set[int] = set()

    def noting(row: rows.Row, at: At, behind: Operator) -> re.Match[str] | None:
        found = original(row, at, behind)
        hit.update([id(row)] * (found is not None))
        return found

    original = rows.fitting
    monkeypatch.setattr(rows, "fitting", noting)
    for case in REJECTED:
        check(case["text"])
    assert [row.written.pattern for row in (*number._ROWS, *operator._ROWS) if id(row) not in hit] == []


def _named(pattern: str) -> Iterable[str]:
    """What messages of the spec name."""
    for case in REJECTED:
        yield from re.findall(pattern, case["message"])


def test_each_sign_in_place_of_an_operator_is_in_a_case() -> None:
    assert set(operator._SYMBOLS) - set(_named("^`([^`]+)` is not an operator$")) == set()


def test_each_word_or_sign_in_place_of_a_connective_is_in_a_case() -> None:
    assert (
        set(explain._CONNECTIVES) - {word.upper() for word in _named("^`([^`]+)` (?:is not an|cannot stand)")} == set()
    )


def test_each_operator_is_written_in_words_in_a_case() -> None:
    hints = {case.get("hint") for case in REJECTED if "cannot stand here; a comparison operator" in case["message"]}
    assert {f"write `{symbol}`" for symbol, _ in operator._PHRASES} <= hints
