"""Prefilter: what the bytes of a record must hold for a query to match, as a weaker query on how often names are written."""

from __future__ import annotations

from kili_query.lang.ast import And, Comparison, Count, Group, Leaf, Node, conjunction, disjunction, fold
from kili_query.lang.operators import Operator
from kili_query.lang.rewrites import push_not


def necessary(tree: Node) -> Node | None:
    """A weaker query, on how often names are written: a count of n takes n occurrences of the quoted key of its category.

    The total of a job takes one of the job's, in which all of its objects may be. None: the bytes tell nothing.

    >>> from kili_query.lang.parser import parse_tree
    >>> necessary(parse_tree("A.B.count > 1 AND C.D.count == 0"))
    <Comparison "".B.count >= 2>
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

    return fold(push_not(tree), leaf, group)


Gate = frozenset[tuple[str, int]]
"""Names, each with a number."""


def gate(weaker: Node) -> Gate:
    """Of `necessary`, what is looked for first: a record can match only if one of these names stands in it so often.

    >>> from kili_query.lang.parser import parse_tree
    >>> tree = necessary(parse_tree("A.B.count > 1 AND (C.D.count > 0 OR E.F.count > 2)"))
    >>> gate(tree)
    frozenset({('B', 2)})
    """

    def leaf(node: Leaf) -> Gate:
        ((_, name),) = node.operand.keys
        low = node.accepted[0].low if node.accepted else 0
        return frozenset({(name, low)}) if name is not None and low else frozenset()

    def group(node: Group, below: list[Gate]) -> Gate:
        return min(below, key=_work) if isinstance(node, And) else frozenset[tuple[str, int]]().union(*below)

    return fold(weaker, leaf, group)


def _work(found: Gate) -> tuple[int, int]:
    """How much work it is to look for them: few are fast, and so are long ones, which are rare."""
    return len(found), -min((len(name) for name, _ in found), default=0)
