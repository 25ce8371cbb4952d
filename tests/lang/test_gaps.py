"""Small changes to the core that no test noticed: each has a case here."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_query import check, parse
from kili_query.errors import Span
from kili_query.lang import simplifier
from kili_query.lang.ast import Comparison, Count
from kili_query.lang.intervals import ALL, NONE, Intervals, between, exactly, union
from kili_query.lang.operators import Operator
from kili_query.lang.parser import parse_tree
from kili_query.lang.printer import to_text
from kili_query.lang.rewrites import from_values, portable_superset
from kili_query.lang.simplifier import Finding, simplify

# -- sets of counts ----------------------------------------------------------------------------------------------------

pairs = st.lists(st.tuples(st.integers(0, 12), st.none() | st.integers(0, 12)), max_size=5)
RANGE = range(16)


def _sets(rows: list[tuple[int, int | None]]) -> tuple[Intervals, set[int]]:
    inside = {n for low, high in rows for n in RANGE if low <= n and (high is None or n <= high)}
    return union(*(between(low, high) for low, high in rows)), inside


@given(pairs, pairs)
def test_sets_of_counts_are_sets(left: list[tuple[int, int | None]], right: list[tuple[int, int | None]]) -> None:
    (a, in_a), (b, in_b) = _sets(left), _sets(right)
    for found, wanted in ((a, in_a), (a | b, in_a | in_b), (a & b, in_a & in_b), (~a, set(RANGE) - in_a)):
        assert {n for n in RANGE if found.has(n)} == wanted
        assert all(one.high is not None and one.high + 1 < two.low for one, two in pairwise(found))
    assert (a <= b) is (a & b == a)
    assert ~~a == a
    assert a | ~a == ALL
    assert a & ~a == NONE


def test_an_interval_inside_the_last_but_behind_the_first_is_merged_with_the_last() -> None:
    assert union(exactly(0), between(2, 9), between(3, 5)) == Intervals((*exactly(0), *between(2, 9)))


# -- the simplifier ----------------------------------------------------------------------------------------------------


def _findings(text: str) -> list[Finding]:
    found: list[Finding] = []
    simplify(parse_tree(text), found.append)
    return found


def test_the_reason_of_a_redundant_part_holds_no_part_that_is_dropped_too() -> None:
    found = _findings("A.B.count > 1 AND A.B.count > 3 AND A.B.count > 2")
    assert [(to_text(f.parts[0]), [to_text(other) for other in f.because]) for f in found] == [
        ("A.B.count > 2", ["A.B.count > 1", "A.B.count > 3"]),
        ("A.B.count > 1", ["A.B.count > 3"]),
    ]


def test_what_an_inner_group_leaves_is_used_again_outside() -> None:
    text = "(A.B.count > 1 OR A.B.count > 1 AND C.D.count > 0) AND (A.B.count > 3 OR C.D.count > 9 AND A.B.count < 0)"
    assert to_text(simplify(parse_tree(text))) == "A.B.count > 3"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("C.D.count > 0 AND (A.B.count > 1 OR A.B.count < 5)", "KQ301"),
        ("C.D.count > 0 OR (A.B.count > 5 AND A.B.count < 2)", "KQ302"),
        ("C.D.count > 0 AND NOT (A.B.count > 5 AND A.B.count < 2)", "KQ302"),
        ("C.D.count > 0 OR A.B.count < 0", "KQ302"),
        ("C.D.count > 0 AND A.B.count >= 0", "KQ301"),
        ("C.D.count > 0 OR NOT A.B.count >= 0", "KQ301"),
    ],
)
def test_a_part_is_called_always_or_never_true_as_it_is_written(text: str, code: str) -> None:
    assert [d.code for d in check(text)] == [code]


@pytest.mark.parametrize(
    "text", ["A.B.count > 1 AND A.B.count < 5 AND A.B.count > 0", "A.B.count < 9 OR A.B.count > 12"]
)
def test_past_its_bound_of_work_nothing_is_called_redundant(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simplifier, "MAX_WORK", 0)
    assert _findings(text) == []
    assert to_text(simplify(parse_tree(text))) == text


@pytest.mark.parametrize(
    ("text", "verdict"),
    [("A.B.count > 5 AND A.B.count < 2", False), ("A.B.count < 5 OR A.B.count > 2", True),
     ("NOT (A.B.count > 5 AND A.B.count < 2)", False)]
)  # fmt: skip
def test_past_its_bound_of_work_a_group_is_still_decided(
    text: str, verdict: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simplifier, "MAX_WORK", 0)
    (found,) = _findings(text)
    assert (found.verdict, found.span) == (
        verdict,
        parse_tree(text.removeprefix("NOT ")).span if text[0] != "N" else Span(5, len(text) - 1),
    )


def test_past_its_bound_of_work_the_surroundings_are_still_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simplifier, "MAX_WORK", 0)
    assert to_text(simplify(parse_tree("A.B.count > 3 AND (A.B.count > 1 OR C.D.count > 0)"))) == "A.B.count > 3"


# -- rewrites ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "superset"),
    [
        ('A."b c".count > 1', None),
        ('A.B.count > 1 OR A."b c".count > 1', None),
        ('A.B.count > 1 AND A."b c".count > 1', "A.B.count > 1"),
        ("A.B.count > 1 OR C.D.count > 2", "A.B.count > 1 OR C.D.count > 2"),
        ('(A.B.count > 1 OR C.D.count > 2) AND A."b c".count > 1', "A.B.count > 1 OR C.D.count > 2"),
        ('A."b c".count > 1 AND E."f g".count > 1', None),
    ],
)
def test_the_superset_asks_for_as_little_as_it_can(text: str, superset: str | None) -> None:
    found = portable_superset(parse_tree(text))
    assert (found and to_text(found)) == superset


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        (between(0, 0), "A.B.count == 0"),
        (between(0, 3), "A.B.count < 4"),
        (between(2, 2), "A.B.count == 2"),
        (between(2, 3), "A.B.count >= 2 AND A.B.count <= 3"),
        (between(1, None), "A.B.count > 0"),
        (ALL, "A.B.count >= 0"),
        (NONE, "A.B.count < 0"),
    ],
)
def test_a_set_of_counts_is_written_in_the_shortest_way(counts: Intervals, text: str) -> None:
    assert to_text(from_values(Count("A", "B"), counts)) == text


# -- exact answers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operator", Operator)
@pytest.mark.parametrize("number", [-1, 0, 1, 11, 12])
def test_the_neighbours_of_a_number_are_told_apart(operator: Operator, number: int) -> None:
    query = parse(to_text(Comparison(Count("A", "B"), operator, number)))
    for other in range(max(number - 2, 0), number + 3):
        one = parse(f"A.B.count == {other}")
        assert one.implies(query) is operator.test(other, number)
        assert one.implies(query.negate()) is not operator.test(other, number)
