"""The engine in memory: a tree is compiled to a predicate of counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kili_query.lang.ast import And, Comparison, Count, InList, InRange, Leaf, Node, Not, Operand, Or
from kili_query.lang.intervals import Intervals

if TYPE_CHECKING:
    from kili_query.model.counts import Counts

Test = tuple[Callable[[int, Any], bool], Any]
"""A function, and what it is to compare a value with."""
Row = tuple[Operand, Test, int, int]
"""The operand, the test of its value, the row to go on with if it holds, and if not."""

_TRUE, _FALSE, _NEXT = -1, -2, -3


def compile_predicate(root: Node) -> Callable[[Counts], bool]:
    """A function from counts, (job, category) -> number with zeros left out, to the truth of the query.

    >>> from kili_query.lang.parser import parse_tree
    >>> compile_predicate(parse_tree("A.B.count > 1 AND NOT C.D.count > 0"))({("A", "B"): 2})
    True
    """
    all_rows = compile_rows(root)
    # `operand.value` without a call of Python for each
    rows = [
        (operand.key, *test, if_true, if_false)
        for operand, test, if_true, if_false in all_rows
        if isinstance(operand, Count)
    ]
    if len(rows) < len(all_rows):
        return _with_totals(all_rows)
    if len(rows) == 1:
        key, test, against, if_true, _ = rows[0]
        expected = if_true == _TRUE
        return lambda counts: test(counts.get(key, 0), against) is expected

    def predicate(counts: Counts) -> bool:
        row, get = 0, counts.get
        while row >= 0:
            key, test, against, if_true, if_false = rows[row]
            row = if_true if test(get(key, 0), against) else if_false
        return row == _TRUE

    return predicate


def _with_totals(rows: list[Row]) -> Callable[[Counts], bool]:
    steps = [(operand.value, *test, if_true, if_false) for operand, test, if_true, if_false in rows]

    def predicate(counts: Counts) -> bool:
        row = 0
        while row >= 0:
            value, test, against, if_true, if_false = steps[row]
            row = if_true if test(value(counts), against) else if_false
        return row == _TRUE

    return predicate


def compile_rows(root: Node) -> list[Row]:
    """The query as one row for each comparison, in order: AND and OR become jumps, so that no test is made in vain."""
    rows: list[Row] = []
    # From the last comparison to the first: so the row that follows is known, it is the one added last.
    todo: list[tuple[Node, int, int]] = [(root, _TRUE, _FALSE)]
    while todo:
        node, if_true, if_false = todo.pop()
        if_true = len(rows) - 1 if if_true == _NEXT else if_true
        if_false = len(rows) - 1 if if_false == _NEXT else if_false
        match node:
            case And(items):
                todo += [(item, _NEXT, if_false) for item in items[:-1]]
                todo.append((items[-1], if_true, if_false))
            case Or(items):
                todo += [(item, if_true, _NEXT) for item in items[:-1]]
                todo.append((items[-1], if_true, if_false))
            case Not(item):
                todo.append((item, if_false, if_true))
            case _:
                rows.append((node.operand, leaf_test(node), if_true, if_false))
    last = len(rows) - 1
    turned = {_TRUE: _TRUE, _FALSE: _FALSE}
    return [(operand, test, turned.get(t, last - t), turned.get(f, last - f)) for operand, test, t, f in reversed(rows)]


def leaf_test(leaf: Leaf) -> Test:
    """The test that one comparison makes of its operand's value."""
    match leaf:
        case Comparison(_, operator, number):
            return operator.test, number
        case InList(_, numbers, negated):
            return (_is_out_of if negated else _is_in), frozenset(numbers)
        case InRange():
            return _is_among, leaf.accepted


def _is_in(value: int, numbers: frozenset[int]) -> bool:
    return value in numbers


def _is_out_of(value: int, numbers: frozenset[int]) -> bool:
    return value not in numbers


def _is_among(value: int, accepted: Intervals) -> bool:
    return accepted.has(value)
