"""Rewrites of trees: negation pushed inwards, the portable form, its superset. All but the last mean exactly the same."""

from __future__ import annotations

from collections.abc import Callable

from kili_query.errors import Diagnostic, UnsupportedQueryError
from kili_query.lang.ast import (
    And,
    Comparison,
    Count,
    Group,
    InList,
    InRange,
    Leaf,
    Node,
    Not,
    Operand,
    Total,
    conjunction,
    disjunction,
    fold,
    leaves,
)
from kili_query.lang.intervals import Intervals, exactly
from kili_query.lang.lexis import name_to_text
from kili_query.lang.operators import Operator
from kili_query.lang.printer import to_text
from kili_query.model.ontology import Ontology, is_plain_name


def negate_leaf(leaf: Leaf) -> Leaf:
    """The comparison that holds just when this one does not."""
    match leaf:
        case Comparison(operand, operator, number, span):
            return Comparison(operand, operator.negated, number, span)
        case InList(operand, numbers, negated, span):
            return InList(operand, numbers, not negated, span)
        case InRange(operand, low, high, negated, span):
            return InRange(operand, low, high, not negated, span)


def push_not(root: Node, *, negated: bool = False) -> Node:
    """The tree, or its negation, without NOT: it is pushed inwards until it meets a comparison.

    >>> from kili_query.lang.parser import parse_tree
    >>> push_not(parse_tree("NOT (A.B.count > 1 AND C.D.count == 2)"))
    <Or A.B.count <= 1 OR C.D.count != 2>
    """
    return _both(root, lambda leaf: leaf)[negated]


def to_portable(root: Node, source: str | None = None) -> Node:
    """The same query in Kili's own language: without NOT, `!=`, IN. `source` is the text that the spans count in.

    Raises
    ------
    UnsupportedQueryError: a total, or a name, that Kili's own language cannot express (KQ401).

    >>> from kili_query.lang.parser import parse_tree
    >>> to_portable(parse_tree("NOT A.B.count IN 2..5"))
    <Or A.B.count < 2 OR A.B.count > 5>
    """
    refused = [d for leaf in leaves(root) for d in _not_expressible(leaf.operand)]
    if refused:
        raise UnsupportedQueryError(to_text(root) if source is None else source, refused)
    return _both(root, _portable_leaf)[False]


def portable_superset(root: Node, ontology: Ontology | None = None) -> Node | None:
    """A query in Kili's own language that every label satisfies that satisfies this one; None if only "all" does.

    What the language cannot express is taken to hold, so the query itself is to be asked of what comes back. Where a
    total is 0, all categories of the ontology are. (Where it is not, the label may hold one that the ontology has lost:
    json-formats 6.)

    >>> from kili_query.lang.parser import parse_tree
    >>> portable_superset(parse_tree('A.B.count > 1 AND NOT A."my car".count > 2'))
    <Comparison A.B.count > 1>
    """

    def group(node: Group, below: list[Node | None]) -> Node | None:
        known = [item for item in below if item is not None]
        if isinstance(node, And):
            return conjunction(known) if known else None
        return disjunction(known) if len(known) == len(below) else None

    def leaf(node: Leaf) -> Node | None:
        if isinstance(node.operand, Total) and node.accepted == exactly(0) and ontology is not None:
            operands = [Count(*key) for key in ontology.counted(node.operand.job, node.operand.category)]
            empty = [Comparison(each, Operator.EQ, 0) for each in operands if not _not_expressible(each)]
            return conjunction(empty) if empty else None  # type: ignore[arg-type]
        return None if _not_expressible(node.operand) else _portable_leaf(node)

    return fold(push_not(root), leaf, group)


def _both(root: Node, leaf: Callable[[Leaf], Node]) -> tuple[Node, Node]:
    """The tree and its negation, both without NOT, their leaves rewritten."""

    def group(node: Group, below: list[tuple[Node, Node]]) -> tuple[Node, Node]:
        if isinstance(node, Not):
            kept, negated = below[0]
            return negated, kept
        kept_items, negated_items = [kept for kept, _ in below], [negated for _, negated in below]
        if isinstance(node, And):
            return conjunction(kept_items, node.span), disjunction(negated_items, node.span)
        return disjunction(kept_items, node.span), conjunction(negated_items, node.span)

    return fold(root, lambda node: (leaf(node), leaf(negate_leaf(node))), group)


def _portable_leaf(leaf: Leaf) -> Node:
    operand = leaf.operand
    match leaf:
        case Comparison(_, Operator.NE, number):
            return disjunction([Comparison(operand, Operator.LT, number), Comparison(operand, Operator.GT, number)])
        case Comparison():
            return leaf
        case InList(_, numbers, False):
            return disjunction([Comparison(operand, Operator.EQ, number) for number in dict.fromkeys(numbers)])
        case InRange(_, low, high, False):
            ends = ((Operator.GE, low), (Operator.LE, high))
            return conjunction([Comparison(operand, operator, end) for operator, end in ends if end is not None])
        case _:
            return from_values(operand, leaf.accepted)


def from_values(operand: Operand, accepted: Intervals) -> Node:
    """A portable tree that holds for just these values of the operand."""
    rows = [_interval(operand, low, high) for low, high in accepted]
    return disjunction(rows) if rows else Comparison(operand, Operator.LT, 0)


def _interval(operand: Operand, low: int, high: int | None) -> Node:
    if high is None:
        return Comparison(operand, Operator.GT, low - 1) if low else Comparison(operand, Operator.GE, 0)
    if low == high:
        return Comparison(operand, Operator.EQ, low)
    if low == 0:
        return Comparison(operand, Operator.LT, high + 1)
    return conjunction([Comparison(operand, Operator.GE, low), Comparison(operand, Operator.LE, high)])


def is_expressible(operand: Operand) -> bool:
    """True if Kili's own language has the operand: a count of names that need no quotes."""
    return not _not_expressible(operand)


def _not_expressible(operand: Operand) -> list[Diagnostic]:
    hint = "no server can search it; the query can be answered locally, on labels"
    if isinstance(operand, Total):
        return [Diagnostic("KQ401", f"Kili's own language has no totals such as {operand.text}", operand.span, hint)]
    return [
        Diagnostic(
            "KQ401",
            f"Kili's own language cannot express the name {name_to_text(name)}",
            span,
            hint,
        )
        for name, span in operand.names
        if not is_plain_name(name)
    ]
