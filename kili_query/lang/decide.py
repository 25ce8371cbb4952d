"""Equivalence and implication of queries, exact over all labels, by decision diagrams.

A query becomes a decision diagram: for each operand, in one order, a branch for each of the finitely many classes of
numbers that the comparisons tell apart. Equal meanings are equal diagrams.

Counts do not depend on one another, totals do: `J.*.count` is never below `J.C.count`. So where there are totals, diagrams
that differ prove nothing yet: a label must be possible for which they do.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

from kili_query.errors import Diagnostic, Span, UnsupportedQueryError
from kili_query.lang.ast import And, Count, Group, Leaf, Node, Operand, Total, fold, leaves
from kili_query.lang.printer import to_text
from kili_query.lang.recursion import Step, run
from kili_query.lang.rewrites import push_not

MAX_BRANCHES = 500_000
"""The size past which a question is refused: branches of diagrams drawn while it is decided (about two seconds)."""
MAX_STEPS = 20_000
"""The same for the search for a label that totals allow: values looked at on the way (about two seconds)."""


def implies(left: Node, right: Node) -> bool:
    """True if every label that satisfies `left` satisfies `right`.

    Raises
    ------
    UnsupportedQueryError: the diagrams grow past `MAX_BRANCHES`, or the search past `MAX_STEPS` (KQ402).

    >>> from kili_query.lang.parser import parse_tree
    >>> implies(parse_tree("A.B.count > 3"), parse_tree("A.B.count > 1 OR C.D.count > 0"))
    True
    >>> implies(parse_tree("A.B.count > 3"), parse_tree("A.*.count > 3"))
    True
    """
    return _implies(_Diagrams([left, right]), left, right)


def _implies(diagrams: _Diagrams, left: Node, right: Node) -> bool:
    both = diagrams.join(True, [diagrams.draw(left), diagrams.draw(right, negated=True)])
    return not diagrams.may_hold(both)


def equivalent(left: Node, right: Node) -> bool:
    """True if the same labels satisfy both, whatever their counts.

    Raises
    ------
    UnsupportedQueryError: the diagrams grow past `MAX_BRANCHES`, or the search past `MAX_STEPS` (KQ402).

    >>> from kili_query.lang.parser import parse_tree
    >>> equivalent(parse_tree("NOT A.B.count > 3"), parse_tree("A.B.count IN ..3"))
    True
    """
    diagrams = _Diagrams([left, right])
    if diagrams.draw(left) == diagrams.draw(right):
        return True
    return diagrams.has_totals and _implies(diagrams, left, right) and _implies(diagrams, right, left)


_FALSE, _TRUE = 0, 1


class _Diagrams:
    """Diagrams that share their parts: a part is a number, and equal parts are the same number."""

    def __init__(self, roots: list[Node]) -> None:
        self._roots = roots
        borders: dict[Operand, set[int]] = {}
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
        self.has_totals = any(isinstance(operand, Total) for operand in borders)

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
            self._refuse(f"its diagrams have more than {MAX_BRANCHES:,} branches")
        if branches.count(branches[0]) == len(branches):
            return branches[0]
        known = self._known.get((level, branches))
        if known is None:
            known = self._known[(level, branches)] = len(self._parts)
            self._parts.append((level, branches))
        return known

    def may_hold(self, diagram: int) -> bool:
        """True if a label is possible for which the diagram is true."""
        if diagram == _FALSE or not self.has_totals:
            return diagram != _FALSE
        operands = list(self._level)
        todo: list[tuple[int, _Values]] = [(diagram, {})]
        steps = 0
        while todo:
            part, values = todo.pop()
            if part == _TRUE:
                return True
            level, branches = self._parts[part]
            operand = operands[level]
            starts = [*self._numbers[operand], None]
            for low, end, below in reversed(list(zip(starts, starts[1:], branches, strict=False))):
                steps += 1
                if steps > MAX_STEPS:
                    self._refuse(f"its totals leave more than {MAX_STEPS:,} cases")
                more = {**values, operand: (low or 0, None if end is None else end - 1)}
                if below != _FALSE and _is_possible(more):
                    todo.append((below, more))
        return False

    def _refuse(self, why: str) -> NoReturn:
        text = to_text(self._roots[0])
        message = f"the question is too large to decide: {why}"
        raise UnsupportedQueryError(text, [Diagnostic("KQ402", message, Span(0, len(text)))])


_Values = dict[Operand, tuple[int, int | None]]
"""The lowest and the highest value (None: any) that operands may have."""


def _is_possible(values: _Values) -> bool:
    """True if there is a label whose counts and totals lie in these bounds.

    It has as few objects as it can: in each job as many as the largest of its counts, each object of as many categories
    as there are. Objects of what nobody asks for can always be added, but to the total of all only up to its bound.
    """
    counts = {operand: bounds for operand, bounds in values.items() if isinstance(operand, Count)}
    totals = {(o.job, o.category): bounds for o, bounds in values.items() if isinstance(o, Total)}
    objects = {job: low for (job, category), (low, _) in totals.items() if job is not None}
    for count, (low, _) in counts.items():
        objects[count.job] = max(objects.get(count.job, 0), low)
    if any(_is_above(objects[job], high) for (job, _), (_, high) in totals.items() if job is not None):
        return False
    elsewhere = 0  # objects in jobs that nobody asks for
    for (job, category), (low, high) in totals.items():
        if job is not None or category is None:
            continue
        of_it = {count.job: bounds for count, bounds in counts.items() if count.category == category}
        least = sum(bounds[0] for bounds in of_it.values())
        if _is_above(least, high):
            return False
        most = (of_it.get(job, (0, None))[1] for job in objects)
        room = sum(
            number if high is None else min(number, high) for number, high in zip(objects.values(), most, strict=True)
        )
        elsewhere = max(elsewhere, max(low, least) - room)
    return not _is_above(sum(objects.values()) + elsewhere, totals.get((None, None), (0, None))[1])


def _is_above(number: int, bound: int | None) -> bool:
    return bound is not None and number > bound
