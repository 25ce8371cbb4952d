"""Exact answers over all counts: do two queries mean the same, does one follow from the other.

A query becomes a decision diagram: for each operand, in one order, a branch for each of the finitely many classes of
numbers that the comparisons tell apart. Equal meanings are equal diagrams.
"""

from __future__ import annotations

from collections.abc import Iterable

from kili_query.errors import Diagnostic, Span, UnsupportedQueryError
from kili_query.lang.ast import And, Count, Group, Leaf, Node, fold, leaves
from kili_query.lang.printer import to_text
from kili_query.lang.recursion import Step, run
from kili_query.lang.rewrites import push_not

MAX_BRANCHES = 500_000
"""The size past which a question is refused: branches of diagrams drawn while it is decided (about two seconds)."""


def implies(left: Node, right: Node) -> bool:
    """True if every label that satisfies `left` satisfies `right`.

    Raises
    ------
    UnsupportedQueryError: the diagrams grow past `MAX_BRANCHES` (KQ402).

    >>> from kili_query.lang.parser import parse_tree
    >>> implies(parse_tree("A.B.count > 3"), parse_tree("A.B.count > 1 OR C.D.count > 0"))
    True
    """
    diagrams = _Diagrams([left, right])
    both = diagrams.join(True, [diagrams.draw(left), diagrams.draw(right, negated=True)])
    return both == _FALSE


def equivalent(left: Node, right: Node) -> bool:
    """True if the same labels satisfy both, whatever their counts.

    Raises
    ------
    UnsupportedQueryError: the diagrams grow past `MAX_BRANCHES` (KQ402).

    >>> from kili_query.lang.parser import parse_tree
    >>> equivalent(parse_tree("NOT A.B.count > 3"), parse_tree("A.B.count IN ..3"))
    True
    """
    diagrams = _Diagrams([left, right])
    return diagrams.draw(left) == diagrams.draw(right)


_FALSE, _TRUE = 0, 1


class _Diagrams:
    """Diagrams that share their parts: a part is a number, and equal parts are the same number."""

    def __init__(self, roots: list[Node]) -> None:
        self._roots = roots
        # each branches by itself, whatever the others are: so only counts, and no two operands that share one
        borders: dict[Count, set[int]] = {}
        for root in roots:
            for leaf in leaves(root):
                at = borders.setdefault(leaf.operand, {0})
                for low, high in leaf.accepted:
                    at.add(low)
                    if high is not None:
                        at.add(high + 1)
        # between two borders all numbers behave alike; the border stands for them
        self._numbers = {operand: sorted(at) for operand, at in borders.items()}
        self._level = {operand: level for level, operand in enumerate(borders)}
        self._parts: list[tuple[int, tuple[int, ...]]] = [(len(borders), ()), (len(borders), ())]
        self._known: dict[tuple[int, tuple[int, ...]], int] = {}
        self._joined: dict[tuple[bool, int, int], int] = {}
        self._branches = 0

    def draw(self, root: Node, *, negated: bool = False) -> int:
        """The diagram of a query, or of its negation."""

        def group(node: Group, below: list[int]) -> int:
            return self.join(isinstance(node, And), below)

        return fold(push_not(root, negated=negated), self._draw_leaf, group)

    def _draw_leaf(self, leaf: Leaf) -> int:
        operand, accepted = leaf.operand, leaf.accepted
        starts = {low for low, _ in accepted} | {0}
        ends = {high + 1 for _, high in accepted if high is not None}
        branches, inside = [], False
        for number in self._numbers[operand]:
            if number in starts or number in ends:
                inside = accepted.has(number)
            branches.append(_TRUE if inside else _FALSE)
        return self._part(self._level[operand], tuple(branches))

    def join(self, conjunctive: bool, diagrams: Iterable[int]) -> int:
        """The AND (or the OR) of diagrams; in pairs, so that small ones meet small ones."""
        row = list(diagrams)
        while len(row) > 1:
            pairs = [run(self._join(conjunctive, *row[i : i + 2])) for i in range(0, len(row) - 1, 2)]
            row = pairs + row[len(pairs) * 2 :]
        return row[0]

    def _join(self, conjunctive: bool, a: int, b: int) -> Step[int]:
        neutral, absorbing = (_TRUE, _FALSE) if conjunctive else (_FALSE, _TRUE)
        if a == b or b == neutral:
            return a
        if a == neutral:
            return b
        if absorbing in (a, b):
            return absorbing
        pair = (conjunctive, min(a, b), max(a, b))
        if pair not in self._joined:
            (level_a, below_a), (level_b, below_b) = self._parts[a], self._parts[b]
            level = min(level_a, level_b)
            width = len(below_a if level_a == level else below_b)
            left = below_a if level_a == level else (a,) * width
            right = below_b if level_b == level else (b,) * width
            branches = []
            for x, y in zip(left, right, strict=True):
                branches.append((yield self._join(conjunctive, x, y)))
            self._joined[pair] = self._part(level, tuple(branches))
        return self._joined[pair]

    def _part(self, level: int, branches: tuple[int, ...]) -> int:
        self._branches += len(branches)
        if self._branches > MAX_BRANCHES:
            text = to_text(self._roots[0])
            message = f"the question is too large to decide: its diagrams have more than {MAX_BRANCHES:,} branches"
            raise UnsupportedQueryError(text, [Diagnostic("KQ402", message, Span(0, len(text)))])
        if branches.count(branches[0]) == len(branches):
            return branches[0]
        known = self._known.get((level, branches))
        if known is None:
            known = self._known[(level, branches)] = len(self._parts)
            self._parts.append((level, branches))
        return known
