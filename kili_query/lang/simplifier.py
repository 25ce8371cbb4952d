"""Simplification: what is redundant, always true or never true in a query; interval reasoning, one operand at a time.

Each AND knows what its comparisons leave possible for an operand, each OR what they have not yet covered; that knowledge
is carried inwards. A part that can then make no difference is dropped. The checker reports what the simplifier drops.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from kili_query.errors import Span
from kili_query.lang.ast import And, Comparison, Leaf, Node, Not, Operand, Or, leaves
from kili_query.lang.intervals import ALL, NONE, Intervals, union
from kili_query.lang.operators import Operator
from kili_query.lang.recursion import Step, run
from kili_query.lang.rewrites import negate_leaf

MAX_WORK = 300_000
"""Comparisons of one operand in a group, times the intervals they stand for: past this none of them is called redundant."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A part that makes no difference. `verdict` is True (always true), False (never true) or None (redundant)."""

    verdict: bool | None
    parts: tuple[Node, ...]
    """The comparisons or groups concerned, as written."""
    because: tuple[Node, ...] = ()
    """For a redundant part: what makes it so, where that stands beside it."""
    group: Node | None = None
    """The AND or OR in which it was found."""

    @property
    def span(self) -> Span:
        """From the first part to the last."""
        return Span(min(part.span.start for part in self.parts), max(part.span.end for part in self.parts))


def simplify(root: Node, report: Callable[[Finding], None] | None = None) -> Node:
    """The query without what is always true, never true or redundant; NOT is pushed inwards.

    A query that is always (never) true becomes `J.C.count >= 0` (`< 0`) of its first operand.

    >>> from kili_query.lang.parser import parse_tree
    >>> simplify(parse_tree("A.B.count > 3 AND (A.B.count > 1 OR C.D.count > 0) AND E.F.count >= 0"))
    <Comparison A.B.count > 3>
    """
    result = verdict_or_rest(root, report or (lambda _: None))
    if isinstance(result, bool):
        return Comparison(next(leaves(root)).operand, Operator.GE if result else Operator.LT, 0)
    return result


def verdict_or_rest(root: Node, report: Callable[[Finding], None]) -> Node | bool:
    """What is left of the query: a truth value if nothing depends on any count."""
    return run(_Reducer(report).reduce(_item(root)))


class _Item(NamedTuple):
    """A node that is no NOT, whether it stands there as it is (True) or negated, and how it is written there."""

    node: Node
    kept: bool
    written: Node
    """The node, with the NOT before it if there is one."""

    @property
    def accepted(self) -> Intervals:
        """For a comparison: the values of its operand for which the item holds."""
        assert isinstance(self.node, Leaf)
        return self.node.accepted if self.kept else ~self.node.accepted

    def rest(self) -> Node:
        """A comparison as a node without NOT."""
        assert isinstance(self.node, Leaf)
        return self.node if self.kept else negate_leaf(self.node)


_Result = Node | bool


class _Reducer:
    def __init__(self, report: Callable[[Finding], None]) -> None:
        self._tell = report
        self._decided = 0  # findings of parts that are always or never true
        # what the surroundings leave possible: changed on the way into a group, restored on the way out
        self._known: dict[Operand, Intervals] = {}

    def _report(self, finding: Finding) -> None:
        self._decided += finding.verdict is not None
        self._tell(finding)

    def reduce(self, item: _Item) -> Step[_Result]:
        node = item.node
        if not isinstance(node, Leaf):
            conjunctive = _is_conjunctive(item)
            result: _Result = yield self._reduce_group(item, conjunctive, list(_flat(item, conjunctive)))
            return result
        verdict = self._verdict(item)
        if verdict is None:
            return item.rest()
        absolute = node.accepted in (ALL, NONE)
        self._report(Finding(verdict is item.kept, (node,)) if absolute else Finding(None, (item.written,)))
        return verdict

    def _verdict(self, item: _Item) -> bool | None:
        possible = self._known.get(item.node.operand, ALL)  # type: ignore[union-attr]
        passing = item.accepted & possible
        return False if not passing else True if passing == possible else None

    def _reduce_group(self, origin: _Item, conjunctive: bool, items: list[_Item]) -> Step[_Result]:
        """An AND (conjunctive) or an OR. Its mirror image is the other one with all sets complemented."""
        while True:
            comparisons: dict[Operand, list[_Item]] = {}
            for item in items:
                if isinstance(item.node, Leaf):
                    comparisons.setdefault(item.node.operand, []).append(item)
            outer = {operand: self._known.get(operand, ALL) for operand in comparisons}
            dropped: set[int] = set()
            inner: dict[Operand, Intervals] = {}
            for operand, same in comparisons.items():
                rest = self._thin_out(origin, same, outer[operand], conjunctive, dropped)
                if rest is None:
                    return not conjunctive
                inner[operand] = rest
            self._known.update(inner)
            done, again = [], False
            seen: set[Node] = set()
            try:
                for item in items:
                    if isinstance(item.node, Leaf):
                        if id(item) not in dropped:
                            done.append(item)
                        continue
                    decided = self._decided
                    result = yield self.reduce(item)
                    if isinstance(result, bool):
                        if result is not conjunctive:
                            return result
                        if decided == self._decided:  # else it is said already why
                            self._report(Finding(None, (item.written,), group=origin.node))
                    elif result in seen:
                        self._report(Finding(None, (item.written,), group=origin.node))
                    else:
                        seen.add(result)
                        # a group that became a comparison, or one like this, may say more about the others
                        again = again or isinstance(result, Leaf) or isinstance(result, And) is conjunctive
                        done += _flat(_item(result), conjunctive)
            finally:
                self._known.update(outer)
            if not again:
                break
            items = done
        nodes = tuple(item.rest() if isinstance(item.node, Leaf) else item.node for item in done)
        if not nodes:
            return conjunctive
        if len(nodes) == 1:
            return nodes[0]
        return And(nodes, origin.node.span) if conjunctive else Or(nodes, origin.node.span)

    def _thin_out(
        self, origin: _Item, same: list[_Item], outer: Intervals, conjunctive: bool, dropped: set[int]
    ) -> Intervals | None:
        """Drop the comparisons of one operand that the others make redundant; None if together they decide the group."""
        sets = [item.accepted if conjunctive else ~item.accepted for item in same]
        if len(same) * sum(map(len, sets)) > MAX_WORK:
            together = ~union(*(~accepted for accepted in sets))
            if not together:
                self._report(Finding(not isinstance(origin.node, And), (origin.node,)))
            return outer & together or None
        before = [outer]  # what is possible before each comparison
        for accepted in sets:
            before.append(before[-1] & accepted)
        if not before[-1]:
            self._report_decided(origin, same, sets, conjunctive)
            return None
        after = ALL  # what those after it, and kept, leave possible
        for i in reversed(range(len(same))):
            if before[i] & after <= sets[i]:
                dropped.add(id(same[i]))
                node = same[i].node
                if outer == ALL and sets[i] == ALL:
                    self._report(Finding(conjunctive is same[i].kept, (node,), group=origin.node))
                else:
                    others = tuple(other.written for j, other in enumerate(same) if j != i and id(other) not in dropped)
                    self._report(Finding(None, (same[i].written,), others, origin.node))
            else:
                after = after & sets[i]
        return before[-1]

    def _report_decided(self, origin: _Item, same: list[_Item], sets: list[Intervals], conjunctive: bool) -> None:
        """Comparisons of one operand that decide their group. If only the surroundings make them, the group is reported."""
        alone = [item for item, accepted in zip(same, sets, strict=True) if not accepted]
        for item in alone:
            self._report(Finding(conjunctive is not item.kept, (item.node,), group=origin.node))
        if alone:
            return
        possible, needed = ALL, []
        for item, accepted in zip(same, sets, strict=True):
            if possible & accepted != possible:
                needed.append(item.written)
                possible = possible & accepted
        if not possible:
            # an AND whose parts exclude each other is never true, an OR whose parts cover all values always is
            self._report(Finding(not isinstance(origin.node, And), tuple(needed), group=origin.node))


def _item(node: Node, kept: bool = True) -> _Item:
    """A node as an item: the NOTs before it are counted."""
    written = node
    while isinstance(node, Not):
        node, kept = node.item, not kept
    return _Item(node, kept, written)


def _is_conjunctive(item: _Item) -> bool:
    """True for an AND, and for an OR that is negated."""
    return isinstance(item.node, And) is item.kept


def _flat(item: _Item, conjunctive: bool) -> Iterator[_Item]:
    """The items of a group, groups of the same kind inside it opened."""
    todo = [item]
    while todo:
        item = todo.pop()
        if isinstance(item.node, (And, Or)) and _is_conjunctive(item) is conjunctive:
            todo += [_item(child, item.kept) for child in reversed(item.node.items)]
        else:
            yield item
