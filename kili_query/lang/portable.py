"""A query in Kili's own language, without the parts of it that make no difference and that this language lacks."""

from __future__ import annotations

from kili_query.errors import UnsupportedQueryError
from kili_query.lang.ast import Comparison, Node, leaves
from kili_query.lang.operators import Operator
from kili_query.lang.rewrites import is_expressible, to_portable
from kili_query.lang.simplifier import verdict_or_rest


def portable(root: Node, source: str | None = None) -> Node:
    """The same query in Kili's own language; what it cannot express is left out where the query is the same without.

    Raises
    ------
    UnsupportedQueryError: a total, or a name, that matters and cannot be expressed (KQ401).

    >>> from kili_query.lang.parser import parse_tree
    >>> portable(parse_tree("J.*.count >= 0 AND NOT A.B.count > 1"))
    <Comparison A.B.count <= 1>
    """
    try:
        return to_portable(root, source)
    except UnsupportedQueryError:
        rest = verdict_or_rest(root, lambda _: None)
        if isinstance(rest, bool):  # always true, or never: of any count that can be expressed
            operand = next((leaf.operand for leaf in leaves(root) if is_expressible(leaf.operand)), None)
            if operand is None:
                raise
            rest = Comparison(operand, Operator.GE if rest else Operator.LT, 0)
        if not all(is_expressible(leaf.operand) for leaf in leaves(rest)):
            raise
        return to_portable(rest, source)
