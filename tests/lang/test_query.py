"""Building queries without text, and the JSON form of what others send."""

from __future__ import annotations

import operator
from typing import Any

import pytest

from kili_query import DataError, Query, QuerySyntaxError, count, parse
from kili_query.lang.ast import leaves, walk
from kili_query.lang.json_form import MAX_LEVELS

AB = count("A", "B")


@pytest.mark.parametrize(
    ("built", "text"),
    [
        (AB > 1, "A.B.count > 1"),
        (AB >= 1, "A.B.count >= 1"),
        (AB < 1, "A.B.count < 1"),
        (AB <= 1, "A.B.count <= 1"),
        (AB == 1, "A.B.count == 1"),
        (AB != 1, "A.B.count != 1"),
        (operator.lt(1, AB), "A.B.count > 1"),
        (operator.ge(1, AB), "A.B.count <= 1"),
        (operator.eq(1, AB), "A.B.count == 1"),
        (operator.ne(1, AB), "A.B.count != 1"),
        (AB.in_([3, 1]), "A.B.count IN (3, 1)"),
        (AB.in_({2}), "A.B.count IN (2)"),
        (AB.in_(range(2, 6)), "A.B.count IN 2..5"),
        (AB.in_(range(2, 8, 3)), "A.B.count IN (2, 5)"),
        (AB.not_in(range(1)), "A.B.count NOT IN 0..0"),
        (AB.not_in(iter([1, 2])), "A.B.count NOT IN (1, 2)"),
        (AB.between(1, None), "A.B.count IN 1.."),
        (AB.between(None, 1), "A.B.count IN ..1"),
        (AB.between(1, 2), "A.B.count IN 1..2"),
        (count("a b", 'c"d') > 0, r'"a b"."c\"d".count > 0'),
        ((AB > 1) & (AB > 2) & (AB > 3), "A.B.count > 1 AND A.B.count > 2 AND A.B.count > 3"),
        ((AB > 1) & ((AB > 2) | (AB > 3)), "A.B.count > 1 AND (A.B.count > 2 OR A.B.count > 3)"),
        ((AB > 1) | (AB > 2) & (AB > 3), "A.B.count > 1 OR A.B.count > 2 AND A.B.count > 3"),
        (~(AB > 1), "NOT A.B.count > 1"),
        (~((AB > 1) & (AB < 3)), "NOT (A.B.count > 1 AND A.B.count < 3)"),
    ],
)  # fmt: skip
def test_built_query_is_the_parsed_one(built: Query, text: str) -> None:
    assert str(built) == text
    assert built == parse(text)
    assert built.tree == parse(text).tree


def test_numbers_of_other_kinds_are_refused() -> None:
    numbers: list[Any] = [1.5, 2.0, True, "1", None]
    for number in numbers:
        with pytest.raises(TypeError, match="whole numbers"):
            operator.gt(AB, number)
        with pytest.raises(TypeError, match="whole numbers"):
            operator.eq(AB, number)
        with pytest.raises(TypeError, match="whole numbers"):
            AB.in_([number])


@pytest.mark.parametrize("numbers", [[], (), range(0), range(3, 1)])
def test_an_empty_list_is_refused(numbers: Any) -> None:
    with pytest.raises(ValueError, match="at least one"):
        AB.in_(numbers)
    with pytest.raises(ValueError, match="at least one end"):
        AB.between(None, None)


def test_keys_are_texts() -> None:
    with pytest.raises(TypeError, match="a key is text"):
        count("A", 1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a key is text"):
        count(None, "B")  # type: ignore[arg-type]


def test_a_query_has_no_truth_and_does_not_change() -> None:
    query = AB > 1
    with pytest.raises(TypeError, match=r"&, \| and ~"):
        bool(query)
    with pytest.raises(AttributeError, match="cannot be changed"):
        query.tree = None  # type: ignore[misc, assignment]
    with pytest.raises(TypeError):
        hash(AB)
    for other in (1, "A.B.count > 1", None):
        assert query != other
        with pytest.raises(TypeError):
            query & other  # type: ignore[operator]
        with pytest.raises(TypeError):
            query | other  # type: ignore[operator]


def test_a_built_query_is_checked_at_places_in_its_text() -> None:
    query = (AB > 3) & (count("C", "D") > 0) & (AB < 2)
    (found,) = query.check()
    assert found.code == "KQ302"
    assert query.source[slice(*found.span)] == str(query)


def test_a_combined_query_has_its_own_source() -> None:
    query = parse("  A.B.count>1 # c") & parse("C.D.count>1")
    assert query.source == "A.B.count > 1 AND C.D.count > 1"
    assert parse("  A.B.count>1 # c").source == "  A.B.count>1 # c"


def test_building_keeps_the_limits_of_the_language() -> None:
    query = AB > 1
    for _ in range(1000):
        query = ~query
    with pytest.raises(QuerySyntaxError) as caught:
        operator.invert(query)
    assert caught.value.diagnostics[0].code == "KQ117"
    with pytest.raises(QuerySyntaxError) as caught:
        AB.in_([1] * 100_001)
    assert caught.value.diagnostics[0].code == "KQ116"


def test_operands_are_given_once_in_order() -> None:
    assert parse("C.D.count > 1 AND (A.B.count > 1 OR C.D.count < 9)").operands == (("C", "D"), ("A", "B"))


def test_walk_and_leaves_go_in_the_order_of_the_text() -> None:
    tree = parse("A.A.count > 1 AND NOT (A.B.count > 1 OR A.C.count > 1) AND A.D.count > 1").tree
    assert [leaf.operand.category for leaf in leaves(tree)] == ["A", "B", "C", "D"]
    assert [type(node).__name__ for node in walk(tree)] == [
        "And",
        "Comparison",
        "Not",
        "Or",
        "Comparison",
        "Comparison",
        "Comparison",
    ]


# -- JSON form ---------------------------------------------------------------------------------------------------------

LEAF: dict[str, Any] = {"type": "comparison", "job": "A", "category": "B", "operator": ">", "number": 1}


def _without(key: str) -> dict[str, Any]:
    return {k: v for k, v in LEAF.items() if k != key}


@pytest.mark.parametrize(
    ("data", "where"),
    [
        (None, "$"),
        ([], "$"),
        ("", "$"),
        ("{", "$"),
        ("5", "$"),
        (b"\xff", "$"),
        ({}, "$"),
        ({"type": "xor", "items": []}, "$"),
        (_without("job"), "$.job"),
        (LEAF | {"job": 5}, "$.job"),
        (LEAF | {"operator": "="}, "$.operator"),
        (LEAF | {"number": "1"}, "$.number"),
        (LEAF | {"number": 1.0}, "$.number"),
        (LEAF | {"number": True}, "$.number"),
        (LEAF | {"extra": 1}, "$.extra"),
        ({"type": "and", "items": []}, "$.items"),
        ({"type": "and", "items": [LEAF]}, "$.items"),
        ({"type": "or", "items": [LEAF, _without("number")]}, "$.items[1].number"),
        ({"type": "not", "item": {"type": "not", "item": LEAF | {"number": None}}}, "$.item.item.number"),
        ({"type": "in_list", "job": "A", "category": "B", "numbers": []}, "$.numbers"),
        ({"type": "in_list", "job": "A", "category": "B", "numbers": [1, "2"]}, "$.numbers[1]"),
        ({"type": "in_range", "job": "A", "category": "B"}, "$"),
    ],
)
def test_wrong_json_is_a_data_error_at_its_place(data: object, where: str) -> None:
    with pytest.raises(DataError, match="not the JSON form of a query") as caught:
        Query.from_json(data)
    assert (caught.value.code, caught.value.where) == ("KQ506", where)


def test_json_with_a_group_in_a_group_of_its_kind_is_flattened() -> None:
    inner = {"type": "and", "items": [LEAF, LEAF | {"number": 2}]}
    query = Query.from_json({"type": "and", "items": [inner, LEAF | {"number": 3}]})
    assert query == parse("A.B.count > 1 AND A.B.count > 2 AND A.B.count > 3")
    assert query.tree == parse(str(query)).tree


def test_json_nested_beyond_measure_is_a_data_error() -> None:
    data = LEAF
    for _ in range(5000):
        data = {"type": "not", "item": data}
    with pytest.raises(DataError):
        Query.from_json(data)
    with pytest.raises(DataError):
        Query.from_json('{"type":"not","item":' * 5000 + "{}" + "}" * 5000)


def test_the_deepest_tree_with_a_json_form_has_one() -> None:
    query = parse("NOT " * (MAX_LEVELS - 1) + "A.B.count > 1")
    assert Query.from_json(query.to_json()) == query


def test_thousands_of_comparisons_of_one_count_are_simplified_without_growing_beyond_reason() -> None:
    query = parse(" AND ".join(f"A.B.count != {i}" for i in range(0, 20_000, 2)))
    assert query.simplify() == query
    assert query.check() == []
    never = parse(f"{query} AND A.B.count IN ({', '.join(str(i) for i in range(0, 20_000, 2))})")
    assert str(never.simplify()) == "A.B.count < 0"
    assert [d.code for d in never.check()] == ["KQ302"]
