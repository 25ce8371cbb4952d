"""Columns of responses, as Arrow has them: what is scanned in them is what the definition gives for each text."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_query import Ontology, count_categories
from kili_query.engines.arrow import COUNTS, NULL, CountsColumn, Questions, count_texts, match_texts
from kili_query.engines.dialects import rows_of
from kili_query.engines.memory import compile_predicate
from kili_query.engines.scan import Scanner
from kili_query.errors import DataError
from kili_query.lang.ast import Node
from kili_query.lang.parser import parse_tree
from kili_query.model.counts import Counts, counts_of
from tests.engines.test_scan import always_skipping, common, ontologies, queries, written
from tests.strategies import responses

texts = (
    written(responses())
    | st.sampled_from([b"", b" ", b"null", b"{", b"[]", b"5", b'"x"', b"https://x", b'{"J": \xff}', b'{"0": {"J": 1}}'])
    | st.none()
)


def _expected(text: bytes | None, ontology: Ontology | None) -> Counts | None:
    if text is None:
        return None
    try:
        return count_categories(text, ontology)
    except DataError:
        return None


def _counted(counts: pa.ListArray) -> list[dict[tuple[str | None, str | None], int] | None]:
    return [row if row is None else {(k["job"], k["category"]): k["n"] for k in row} for row in counts.to_pylist()]


@given(st.lists(texts, max_size=6), ontologies, st.sampled_from([pa.binary(), pa.large_binary()]), st.integers(0, 2))
def test_counts_are_those_of_the_definition(
    column: list[bytes | None], ontology: Ontology | None, kind: pa.DataType, cut: int
) -> None:
    counts, problems = count_texts(pa.array(column, kind)[cut:], ontology, totals=True)
    assert counts.type == COUNTS
    for text, found, problem in zip(column[cut:], _counted(counts), problems.to_pylist(), strict=True):
        expected = _expected(text, ontology)
        assert found == (None if expected is None else rows_of(expected))
        assert (problem is None) is (expected is not None)


@given(st.lists(texts, max_size=6), st.lists(queries | common, min_size=1, max_size=3), ontologies, st.booleans())
def test_truths_are_those_of_the_definition(
    column: list[bytes | None], trees: list[Node], ontology: Ontology | None, validate: bool
) -> None:
    *truths, problems = match_texts(pa.array(column, pa.binary()), Questions(trees, ontology, validate=validate))
    for row, text in enumerate(column):
        expected = _expected(text, ontology)
        for tree, column_of in zip(trees, truths, strict=True):
            assert column_of[row].as_py() == (None if expected is None else compile_predicate(tree)(expected))
        assert problems[row].is_valid is (expected is None)


@given(written(responses()), queries | common, ontologies)
def test_skipped_responses_do_not_match(text: bytes, tree: Node, ontology: Ontology | None) -> None:
    with always_skipping():
        verdict = Scanner.of_query(tree, ontology).scan_response(text)
    assert bool(verdict.matched) is compile_predicate(tree)(count_categories(text, ontology))


@pytest.mark.parametrize(
    ("text", "skipped"),
    [
        ("J.B.count > 0", True),
        ("J.A.count > 0", False),
        ("J.A.count > 1", True),
        ("J.B.count == 0", False),
        ("K.*.count > 0", True),
    ],
)
def test_a_large_response_is_skipped_if_its_bytes_cannot_match(text: str, skipped: bool) -> None:
    response = json.dumps({"J": {"categories": [{"name": "A"}], "padding": "x" * 5_000}}).encode()
    verdict = Scanner.of_query(parse_tree(text)).scan_response(response)
    assert verdict.decoded is not skipped
    if not skipped:
        assert verdict.matched


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, NULL),
        ("{", "`jsonResponse` is text that is not JSON: it ends too early"),
        ("[]", "`jsonResponse` is JSON text of a list, and must be of an object"),
        ("https://x", "`jsonResponse` is an address, which cannot be read offline"),
        ("[" * 100_000, "`jsonResponse` is text that is not JSON: nested too deep"),
    ],
)
def test_what_is_wrong_is_told_and_the_others_are_read(text: str | None, message: str) -> None:
    good = '{"A": {"categories": [{"name": "B"}]}}'
    column = pa.array([good, text, good], pa.string())
    counts, problems = count_texts(column)
    assert problems.to_pylist() == [None, message, None]
    assert _counted(counts) == [{("A", "B"): 1}, None, {("A", "B"): 1}]
    truths, problems = match_texts(column, Questions([parse_tree("A.B.count == 1")], None))
    assert truths.to_pylist() == [True, None, True]
    assert problems.to_pylist() == [None, message, None]


def test_columns_may_be_empty_or_hold_nothing() -> None:
    questions = Questions([parse_tree("A.B.count == 0")], None)
    nothing: tuple[Any, ...] = ([], [None, None], ["", " "])
    for column in nothing:
        truths, _ = match_texts(pa.array(column, pa.string()), questions)
        assert truths.to_pylist() == [None if text is None else True for text in column]


def test_totals_are_objects_and_not_sums() -> None:
    counts = counts_of({("A", "B"): ["m1", "m2"], ("A", "C"): ["m2"], ("D", "B"): ["m3"]})
    column = CountsColumn(totals=True)
    column.add(counts)
    (found,) = _counted(column.done())
    assert found == dict(counts) | {("A", None): 2, ("D", None): 1, (None, "B"): 3, (None, "C"): 1, (None, None): 3}
