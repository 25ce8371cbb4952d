"""Every way to nest AND, OR and NOT over three or four counts, on every label that these tell apart, by every engine.

Random trees seldom hold just the one arrangement that an engine gets wrong; of these none is left out.
"""

from __future__ import annotations

from itertools import product

import pytest

from kili_query import Query
from kili_query.engines.explain import explain
from kili_query.engines.memory import compile_predicate
from kili_query.lang.ast import And, Comparison, Count, Node, Not, Or
from kili_query.lang.operators import Operator
from tests import naive
from tests.engines.test_sqlite import storing

KEYS = [("J", name) for name in "ABCD"]
LABELS = [dict(zip(KEYS, counts, strict=True)) for counts in product((0, 1), repeat=4)]
KINDS = (And, Or)


def _shapes(outer: type[And | Or], inner: type[And | Or], negated: bool) -> list[Node]:
    """`A x (B y C)` and `(A y B) x (C y D)`, with each comparison as `> 0` and as `< 1`; the last group with NOT or not."""
    found: list[Node] = []
    for operators in product(((Operator.GT, 0), (Operator.LT, 1)), repeat=4):
        a, b, c, d = (Comparison(Count(*key), *operator) for key, operator in zip(KEYS, operators, strict=True))
        for parts in ((a, inner((b, c))), (inner((a, b)), inner((c, d)))):
            *first, last = parts
            found.append(outer((*first, Not(last) if negated else last)))
    return found


@pytest.mark.parametrize("negated", [False, True], ids=["", "not"])
@pytest.mark.parametrize("inner", KINDS)
@pytest.mark.parametrize("outer", KINDS)
def test_every_nesting_means_the_same_on_every_engine(
    outer: type[And | Or], inner: type[And | Or], negated: bool
) -> None:
    with storing(("p", label) for label in LABELS) as store:
        for tree in _shapes(outer, inner, negated):
            query = Query(tree)
            expected = [naive.truth(tree, label) for label in LABELS]
            assert [compile_predicate(tree)(label) for label in LABELS] == expected, query
            assert [i + 1 for i, truth in enumerate(expected) if truth] == store.find(tree, "p"), query
            assert [explain(tree, _objects(label)).truth for label in LABELS] == expected, query
            for other, turned in ((query.simplify(), False), (query.negate(), True)):
                assert [other.holds(label) is not turned for label in LABELS] == expected, (query, other)


def _objects(label: dict[tuple[str, str], int]) -> dict[tuple[str, str], list[tuple[object, ...]]]:
    return {key: [(i,) for i in range(n)] for key, n in label.items()}
