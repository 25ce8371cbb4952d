"""The rows that a query becomes: AND and OR as jumps, so that no comparison is made in vain."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from kili_query import parse
from kili_query.engines.memory import compile_predicate, compile_rows, leaf_test
from kili_query.lang.ast import Count

Key = tuple[str, str]


class Asked(dict[Key, int]):
    """Counts that note which of them are looked at."""

    def __init__(self, counts: Mapping[Key, int]) -> None:
        super().__init__(counts)
        self.keys_asked = ""

    def get(self, key: Key, default: int) -> int:  # type: ignore[override]
        self.keys_asked += key[1]
        return super().get(key, default)


ASKED = [
    ("J.A.count > 0 AND J.B.count > 0 AND J.C.count > 0", {"": "A", "A": "AB", "AB": "ABC", "BC": "A"}),
    ("J.A.count > 0 OR J.B.count > 0 OR J.C.count > 0", {"": "ABC", "A": "A", "B": "AB", "C": "ABC"}),
    ("J.A.count > 0 AND (J.B.count > 0 OR J.C.count > 0) AND J.D.count > 0",
     {"": "A", "A": "ABC", "AB": "ABD", "AC": "ABCD", "BCD": "A"}),
    ("J.A.count > 0 AND J.B.count > 0 OR J.C.count > 0 AND J.D.count > 0",
     {"": "AC", "A": "ABC", "AB": "AB", "C": "ACD", "AC": "ABCD"}),
    ("NOT (J.A.count > 0 AND NOT J.B.count > 0) AND J.C.count > 0", {"": "AC", "A": "AB", "AB": "ABC", "C": "AC"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "asked"), ASKED, ids=[text for text, _ in ASKED])
def test_only_what_can_still_decide_is_looked_at(text: str, asked: dict[str, str]) -> None:
    holds = compile_predicate(parse(text).tree)
    for present, expected in asked.items():
        counts = Asked({("J", name): 1 for name in present})
        holds(counts)
        assert counts.keys_asked == expected, present


def test_rows_stand_in_the_order_of_the_comparisons() -> None:
    rows = compile_rows(parse("J.A.count > 0 AND (J.B.count > 0 OR NOT J.C.count > 0)").tree)
    assert [(operand, if_true, if_false) for operand, _, if_true, if_false in rows] == [
        (Count("J", "A"), 1, -2),
        (Count("J", "B"), -1, 2),
        (Count("J", "C"), -2, -1),
    ]


LEAVES = {
    "J.A.count > 2": {3, 4, 5, 6},
    "J.A.count IN (1, 4)": {1, 4},
    "J.A.count NOT IN (1, 4)": {0, 2, 3, 5, 6},
    "J.A.count IN 2..3": {2, 3},
    "J.A.count NOT IN 2..": {0, 1},
    "J.A.count IN ..-1": set(),
}


@pytest.mark.parametrize("text", LEAVES)
def test_a_comparison_is_a_test_of_its_count(text: str) -> None:
    leaf = parse(text).tree
    test, against = leaf_test(leaf)  # type: ignore[arg-type]
    assert {n for n in range(7) if test(n, against)} == LEAVES[text]
    assert {n for n in range(7) if compile_predicate(leaf)({("J", "A"): n})} == LEAVES[text]
    assert {n for n in range(7) if not parse(f"NOT {text}").holds({("J", "A"): n})} == LEAVES[text]


@pytest.mark.parametrize("text", ["J.A.count == 0", "J.A.count == 0 AND J.B.count == 0", "NOT J.A.count > 0"])
def test_what_is_not_there_counts_zero(text: str) -> None:
    assert compile_predicate(parse(text).tree)({}) is True
