"""Prefilter: what the bytes of a record must hold for a query to match, so that others are skipped undecoded."""

from __future__ import annotations

from collections.abc import Callable

from kili_query.engines.memory import compile_predicate
from kili_query.lang.ast import And, Comparison, Count, Group, Leaf, Node, conjunction, disjunction, fold
from kili_query.lang.operators import Operator
from kili_query.lang.rewrites import push_not
from kili_query.model.counts import Counts, Key


class Occurrences:
    """How often each name is written in a record, looked up like its counts."""

    __slots__ = ("_buffer", "_end", "_start")

    def __init__(self, buffer: bytes, start: int, end: int) -> None:
        self._buffer, self._start, self._end = buffer, start, end

    def get(self, key: Key, _: int) -> int:
        """How often the second name of a key is written, in quotes."""
        return self._buffer.count(b'"%b"' % key[1].encode(), self._start, self._end)


def necessary(tree: Node) -> Callable[[Counts], bool] | None:
    """A weaker query, on how often names are written: a count of n takes n occurrences of the quoted key of its category.

    The total of a job takes one of the job's, in which all of its objects may be.
    """

    def leaf(node: Leaf) -> Node | None:
        if not node.accepted:
            return Comparison(Count("", ""), Operator.LT, 0)
        ((job, category),) = node.operand.keys
        low, name = node.accepted[0].low, job if category is None else category
        if low <= 0 or name is None or not name.isascii() or not name.isprintable() or set(name) & set('"\\/'):
            return None
        return Comparison(Count("", name), Operator.GE, 1 if category is None else low)

    def group(node: Group, below: list[Node | None]) -> Node | None:
        needed = [item for item in below if item is not None]
        if isinstance(node, And):
            return conjunction(needed) if needed else None
        return disjunction(needed) if len(needed) == len(below) else None

    weaker = fold(push_not(tree), leaf, group)
    return None if weaker is None else compile_predicate(weaker)
