"""The types of the public names: what mypy takes them for (it checks this file with the house), and that they are it."""

from __future__ import annotations

from typing import assert_type, get_type_hints

import kili_query
from kili_query import Diagnostic, Ontology, Query, check, count, count_categories, parse
from kili_query.query import CategoryQuery, CountOperand


def _operands(query: CategoryQuery) -> int:
    return len(parse(query).operands)


def test_a_category_query_is_text_to_type_checkers_and_at_run_time() -> None:
    text = "A.B.count > 1"
    read: str = text
    query: CategoryQuery = read
    assert_type(query, str)
    assert _operands(query) == _operands("A.B.count > 1") == 1
    assert get_type_hints(_operands) == {"query": str, "return": int}
    # a Query is no text: without the comment mypy refuses it, and with it, a mypy that did not would say so
    wrong = parse(text)
    try:
        _operands(wrong)  # type: ignore[arg-type]
    except TypeError:
        pass
    else:
        raise AssertionError


def test_queries_combine_to_queries() -> None:
    query = assert_type(parse("A.B.count > 1"), Query)
    both = assert_type(query & ~query | query, Query)
    assert isinstance(both, Query)
    operand = assert_type(count("A", "B"), CountOperand)
    assert isinstance(assert_type(operand > 2, Query), Query)
    assert isinstance(assert_type(operand == 2, Query), Query)
    assert isinstance(assert_type(operand.in_([1]), Query), Query)


def test_answers_have_their_types() -> None:
    query = parse("A.B.count > 1")
    assert isinstance(assert_type(query.check(), list[Diagnostic]), list)
    assert isinstance(assert_type(check("A.B.count > 1"), list[Diagnostic]), list)
    assert isinstance(assert_type(query.matches({}), bool), bool)
    assert isinstance(assert_type(query.implies("A.B.count > 0"), bool), bool)
    counts: dict[tuple[str, str], int] = count_categories({})
    assert isinstance(counts, dict)
    assert isinstance(assert_type(Ontology.from_json_interface({"jobs": {}}), Ontology), Ontology)
    assert isinstance(assert_type(kili_query.__version__, str), str)
