"""An operand of another kind: what knows only `ast.Operand` takes it as it takes a count.

The kind is made up here, a sum of two counts. What needs to know which kind it is (the parser, the checker, SQL, bytes) is
named by mypy when one joins `ast.Operand`; the rest must not have the bare pair in it, and this shows it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from kili_query import Query, Span, count
from kili_query.engines.explain import explain
from kili_query.lang.ast import NOWHERE, Comparison, Count, InRange, Operand, conjunction
from kili_query.lang.operators import Operator
from kili_query.lang.rewrites import push_not
from kili_query.lang.simplifier import simplify
from kili_query.model.counts import Counts, Selector


@dataclass(frozen=True, slots=True)
class Sum:
    """`A.B.count + C.D.count`."""

    items: tuple[Count, ...]
    span: Span = field(default=NOWHERE, compare=False)

    @property
    def keys(self) -> tuple[Selector, ...]:
        return tuple(key for item in self.items for key in item.keys)

    def value(self, counts: Counts) -> int:
        return sum(item.value(counts) for item in self.items)

    @property
    def text(self) -> str:
        return " + ".join(item.text for item in self.items)

    @property
    def names(self) -> tuple[tuple[str, Span], ...]:
        return tuple(name for item in self.items for name in item.names)


A, B = Count("J", "A"), Count("J", "my b")
SUM = cast(Operand, Sum((A, B)))


def test_its_text_is_printed() -> None:
    assert str(Query(Comparison(SUM, Operator.GE, 5))) == 'J.A.count + J."my b".count >= 5'
    assert str(Query(InRange(SUM, 2, None, True))) == 'J.A.count + J."my b".count NOT IN 2..'


def test_its_keys_are_what_a_query_asks_for() -> None:
    query = Query(conjunction([Comparison(B, Operator.GT, 0), Comparison(SUM, Operator.GT, 0)]))
    assert query.operands == (("J", "my b"), ("J", "A"))


def test_it_equals_its_like_wherever_that_stands() -> None:
    one, same = Comparison(SUM, Operator.GE, 5), Comparison(cast(Operand, Sum((A, B), Span(3, 9))), Operator.GE, 5)
    assert one == same
    assert hash(one) == hash(same)
    assert one != Comparison(cast(Operand, Sum((B, A))), Operator.GE, 5)
    assert one != Comparison(A, Operator.GE, 5)


def test_its_value_is_explained_by_the_objects_of_all_its_counts() -> None:
    objects = {("J", "A"): [("J:a",), ("J:b",)], ("J", "my b"): [("J:c",)], ("K", "A"): [("K:d",)]}
    found = explain(Comparison(SUM, Operator.EQ, 3), objects)
    assert (found.truth, found.count, found.objects) == (True, 3, ("J:a", "J:b", "J:c"))
    assert (explain(Comparison(SUM, Operator.LT, 1), {}).truth, explain(Comparison(SUM, Operator.LT, 0), {}).truth) == (
        True,
        False,
    )


def test_it_is_reasoned_about_by_itself() -> None:
    tree = conjunction(
        [Comparison(SUM, Operator.GT, 3), Comparison(SUM, Operator.GT, 1), Comparison(A, Operator.GT, 1)]
    )
    assert simplify(tree) == conjunction([Comparison(SUM, Operator.GT, 3), Comparison(A, Operator.GT, 1)])
    assert push_not(Comparison(SUM, Operator.GT, 3), negated=True) == Comparison(SUM, Operator.LE, 3)


@pytest.mark.parametrize(("query", "counts", "value"), [(A, {}, 0), (A, {("J", "A"): 2, ("J", "B"): 1}, 2), (SUM, {("J", "A"): 2, ("J", "my b"): 5}, 7)])  # fmt: skip
def test_a_value_is_a_whole_number_from_0(query: Any, counts: Counts, value: int) -> None:
    assert query.value(counts) == value


def test_a_count_says_what_it_is_made_of() -> None:
    (operand,) = {leaf.operand for leaf in [(count("J", "my b") > 2).tree] if isinstance(leaf, Comparison)}
    assert isinstance(operand, Count)
    assert (operand.text, operand.keys, operand.key) == ('J."my b".count', (("J", "my b"),), ("J", "my b"))
    assert operand.names == (("J", NOWHERE), ("my b", NOWHERE))


def test_what_was_made_in_python_stands_nowhere() -> None:
    made = Comparison(Count("A", "B"), Operator.GT, 1)
    assert made.span == made.operand.span == made.operand.job_span == Span(0, 0)
