"""The language as data: spec/*.toml, run against the parser, the checker and every engine."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from functools import cache, partial
from itertools import chain
from typing import Any, NamedTuple

import pytest

from kili_query import Ontology, Query, QuerySyntaxError, UnsupportedQueryError, check, count_categories, parse
from kili_query.engines.dialects import DIALECTS, DialectName
from kili_query.errors import CODES, Diagnostic, Span
from kili_query.lang.operators import Operator
from kili_query.model.ontology import is_plain_name
from tests.conftest import SPEC
from tests.engines import test_sql
from tests.engines.test_sqlite import answer
from tests.offline import test_index


def _rows(file: str, table: str, *ids: str) -> list[Any]:
    """The rows of a table as parameters; a row with `bug` must fail."""
    rows = tomllib.loads((SPEC / file).read_text("utf-8"))[table]
    return [
        pytest.param(
            row,
            id=ascii("/".join(str(row[i]) for i in ids if i in row))[1:-1],
            marks=[pytest.mark.xfail(reason=row["bug"], strict=True)] if "bug" in row else [],
        )
        for row in rows
    ]


@cache
def _ontology(input_type: str | None = "IMAGE") -> Ontology:
    data = json.loads((SPEC / "ontology.json").read_text("utf-8"))
    return Ontology.from_json_interface(data["jsonInterface"], input_type)


LABELS = json.loads((SPEC / "labels.json").read_text("utf-8"))

# -- syntax ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", _rows("syntax.toml", "accepted", "text"))
def test_accepted_text_has_its_canonical_and_server_text(row: dict[str, Any]) -> None:
    query = parse(row["text"])
    assert str(query) == row["canonical"]
    assert parse(str(query)) == query
    assert parse(str(query)).tree == query.tree
    server = row.get("server", row["canonical"])
    if server is False:
        with pytest.raises(UnsupportedQueryError) as caught:
            query.to_server()
        assert {d.code for d in caught.value.diagnostics} == {"KQ401"}
    else:
        assert query.to_server() == server


@pytest.mark.parametrize("row", _rows("syntax.toml", "rejected", "text"))
def test_rejected_text_is_diagnosed_at_its_place(row: dict[str, Any]) -> None:
    text = row["text"]
    with pytest.raises(QuerySyntaxError) as caught:
        parse(text)
    (found,) = caught.value.diagnostics
    assert _as_row(found, text) == _expected(row)


def _as_row(found: Diagnostic, text: str) -> tuple[object, ...]:
    """What a row says of a diagnostic: code, span, the text after the fix, message, hint."""
    return found.code, found.span, found.fix.apply(text) if found.fix else None, found.message, found.hint


def _expected(row: dict[str, Any]) -> tuple[object, ...]:
    return row["code"], Span(*row["span"]), row.get("fixed"), row["message"], row.get("hint")


_PARSER_WORDS = re.compile(r"(?<!U\+)\b_?[A-Z]{3,}_?\b")


@pytest.mark.parametrize("row", [row for row in _rows("syntax.toml", "rejected", "text") if not row.marks])
def test_messages_speak_the_words_of_the_language(row: dict[str, Any]) -> None:
    (found,) = check(row["text"])
    for sentence in (found.message, found.hint or ""):
        outside_ticks = re.sub(r"`[^`]*`", "", sentence)
        assert not _PARSER_WORDS.search(outside_ticks)
        assert not re.search(r"\b(you|please|token|terminal)\b", sentence, re.IGNORECASE)


def test_every_syntax_code_has_a_row_here_or_a_limit_below() -> None:
    rows = tomllib.loads((SPEC / "syntax.toml").read_text("utf-8"))["rejected"]
    limits = {"KQ115", "KQ116", "KQ117"}
    assert {row["code"] for row in rows} | limits == {code for code in CODES if code.startswith("KQ1")}


# -- limits ------------------------------------------------------------------------------------------------------------

ONE = "A.B.count > 1"


def _code(text: str) -> tuple[str, Span]:
    with pytest.raises(QuerySyntaxError) as caught:
        parse(text)
    (found,) = caught.value.diagnostics
    return found.code, found.span


def test_a_text_of_a_million_characters_is_accepted_and_one_more_is_not() -> None:
    text = ONE + " " * (1_000_000 - len(ONE))
    assert str(parse(text)) == ONE
    assert _code(text + " ") == ("KQ115", Span(1_000_000, 1_000_001))


@pytest.mark.long
def test_a_list_holds_a_hundred_thousand_numbers_and_not_one_more() -> None:
    text = f"A.B.count IN ({', '.join(['7'] * 100_000)})"
    assert parse(text).holds({("A", "B"): 7})
    more = text.replace("(", "(7,")
    assert _code(more) == ("KQ116", Span(0, len(more)))


@pytest.mark.long
def test_a_query_holds_a_hundred_thousand_comparisons_and_not_one_more() -> None:
    leaf = "A.B.count>1"  # 13 characters with its connective do not fit a million, so a list brings the rest
    text = "OR".join([leaf] * 50_000 + [f"A.B.count IN({','.join('1' * 50_000)})"])
    assert not parse(text).holds({("A", "B"): 0})
    assert _code(f"{text}OR{leaf}") == ("KQ116", Span(len(text) + 2, len(text) + 2 + len(leaf)))


def _nested(levels: int) -> str:
    """AND and OR in turns, each inside the other; `levels` of them."""
    words = (" AND (", " OR (")
    return "".join(ONE + words[i % 2] for i in range(levels)) + ONE + ")" * levels


@pytest.mark.parametrize(
    "text",
    [_nested(1000), "NOT " * 1000 + ONE, "NOT (" * 1000 + ONE + ")" * 1000],
    ids=["and-or", "not", "not-in-parentheses"],
)
def test_a_thousand_levels_are_accepted(text: str) -> None:
    assert parse(str(parse(text))) == parse(text)


@pytest.mark.parametrize(
    ("text", "start"),
    [(_nested(1001), _nested(1000).index(ONE + ")")), ("NOT " * 1001 + ONE, 4000), ("NOT (" * 1001 + ONE + ")" * 1001, 5000)],
    ids=["and-or", "not", "not-in-parentheses"],
)  # fmt: skip
def test_one_more_level_is_refused_where_it_starts(text: str, start: int) -> None:
    code, span = _code(text)
    assert (code, span.start) == ("KQ117", start)


def test_redundant_parentheses_are_no_levels() -> None:
    text = "(" * 100_000 + ONE + ")" * 100_000
    assert str(parse(text)) == ONE


HUGE = {
    "opening parentheses": ("(" * 100_000, "KQ102"),
    "closing parentheses": (")" * 100_000, "KQ112"),
    "unclosed parentheses": ("(" * 100_000 + ONE, "KQ111"),
    "NOT": ("NOT " * 100_000, "KQ117"),
    "AND": (ONE + " AND" * 200_000, "KQ101"),
    "a name": ("A" * 1_000_000, "KQ102"),
    "names and dots": ("A." * 100_000, "KQ101"),
    "quotes": ('"' * 999_999, "KQ110"),
    "a comment": ("#" * 1_000_000, "KQ103"),
    "foreign spaces": ("\u00a0" * 1_000_000, "KQ101"),
    "a quote and dots": ("'" + "." * 200_000, "KQ101"),
    "a list that goes on": ("A.B.count IN 1" + " 1" * 200_000 + " x", "KQ101"),
    "groups of digits": ("A.B.count > 1" + " 000" * 100_000 + "x", "KQ101"),
    "a decimal": ("A.B.count > " + "9" * 900_000 + ".5", "KQ106"),
    "a long exponent": ("A.B.count > 1e" + "9" * 900_000, "KQ106"),
}


@pytest.mark.parametrize(
    "what",
    list(HUGE),
)
def test_huge_text_that_is_no_query_is_diagnosed(what: str) -> None:
    text, code = HUGE[what]
    assert _code(text)[0] == code


def test_a_number_has_as_many_digits_as_the_text_allows() -> None:
    text = "A.B.count > " + "9" * 900_000
    assert str(parse(text)) == text


# -- checks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", _rows("checks.toml", "checks", "text", "input_type", "ontology"))
def test_check_reports_all_that_is_found_in_source_order(row: dict[str, Any]) -> None:
    text = row["text"]
    ontology = _ontology(row.get("input_type", "IMAGE") or None) if row.get("ontology", True) else None
    assert [_as_row(found, text) for found in check(text, ontology)] == list(map(_expected, row["found"]))


SURE = {"KQ104", "KQ108", "KQ205", "KQ206", "KQ209", "KQ304", "KQ305"}
"""The codes whose fixes keep what is meant: `lint --fix` applies them unasked. Names are guessed."""


@pytest.mark.parametrize("row", _rows("checks.toml", "checks", "text", "input_type", "ontology"))
def test_a_fix_that_guesses_is_not_safe(row: dict[str, Any]) -> None:
    ontology = _ontology(row.get("input_type", "IMAGE") or None) if row.get("ontology", True) else None
    fixes = [(found.code, found.fix.safe) for found in check(row["text"], ontology) if found.fix]
    assert fixes == [(code, code in SURE) for code, _ in fixes]


def test_every_code_of_names_and_sense_has_a_row() -> None:
    rows = tomllib.loads((SPEC / "checks.toml").read_text("utf-8"))["checks"]
    found = {d["code"] for row in rows for d in row["found"]}
    assert {code for code in CODES if code[:3] in ("KQ2", "KQ3")} <= found


# -- meaning -----------------------------------------------------------------------------------------------------------

Engine = Callable[[Query, Any, Ontology | None], bool]


def _in_table(dialect: DialectName, query: Query, label: Any, ontology: Ontology | None) -> bool:
    return test_sql.answer(query, count_categories(label, ontology), dialect)


ENGINES: dict[str, Engine] = {
    "memory": lambda query, label, ontology: query.matches(label, ontology),
    "explain": lambda query, label, ontology: query.explain(label, ontology).truth,
    "portable": lambda query, label, ontology: parse(query.to_server()).matches(label, ontology),
    "simplified": lambda query, label, ontology: query.simplify().matches(label, ontology),
    "negated": lambda query, label, ontology: not query.negate().matches(label, ontology),
    "sqlite": lambda query, label, ontology: answer(query.tree, count_categories(label, ontology)),
    "json": lambda query, label, ontology: Query.from_json(query.to_json()).matches(label, ontology),
    "index": lambda query, label, ontology: test_index.answer(query, label, ontology),
    **{f"SQL of {dialect}": partial(_in_table, dialect) for dialect in DIALECTS},
}


class Gap(NamedTuple):
    """What an engine cannot do, and the code it must say it with."""

    code: str
    concerns: Callable[[Query], bool]


CANNOT = {"portable": Gap("KQ401", lambda query: not all(map(_is_portable, chain(*query.operands))))}


def _is_portable(name: str | None) -> bool:
    return name is not None and is_plain_name(name)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("row", _rows("meaning.toml", "meaning", "query", "ontology"))
def test_query_holds_for_its_labels_on_every_engine(row: dict[str, Any], engine: str) -> None:
    query, ontology = parse(row["query"]), _ontology() if row.get("ontology") else None
    expected = dict.fromkeys(row["holds"], True) | dict.fromkeys(row["fails"], False)
    cannot = CANNOT.get(engine)
    for name, truth in expected.items():
        if cannot and cannot.concerns(query):
            with pytest.raises(UnsupportedQueryError) as caught:
                ENGINES[engine](query, LABELS[name], ontology)
            assert {d.code for d in caught.value.diagnostics} == {cannot.code}
        else:
            assert ENGINES[engine](query, LABELS[name], ontology) is truth, name


def test_every_label_and_operator_takes_part() -> None:
    rows = tomllib.loads((SPEC / "meaning.toml").read_text("utf-8"))["meaning"]
    assert {name for row in rows for name in (*row["holds"], *row["fails"])} == set(LABELS)
    queries = " ".join(row["query"] for row in rows)
    assert all(f" {operator.symbol} " in queries for operator in Operator)
