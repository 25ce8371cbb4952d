"""Explanations: the tree of a query again, with the count, the truth and the counted objects of each comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kili_query.lang.ast import And, Group, Leaf, Node, Not, fold
from kili_query.lang.printer import leaf_to_text
from kili_query.lang.rewrites import push_not
from kili_query.model.counts import Key, counts_of, select

Objects = Mapping[Key, Sequence[tuple[object, ...]]]
"""(job, category) -> the identities of the objects, as `model.counts.find_objects` gives them."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Explanation:
    """A node of the query, its truth for one label, and for a comparison the count and what made it.

    `str()` draws the tree; `to_dict()` gives JSON data.
    """

    node: Node
    truth: bool
    items: tuple[Explanation, ...] = ()
    count: int | None = None
    """The value of the operand, for a comparison."""
    objects: tuple[str, ...] = ()
    """The identities of the counted objects, outermost first, such as `BOATS:m1 / COLOR:RED`."""

    def __str__(self) -> str:
        lines: list[str] = []
        todo: list[tuple[Explanation, int]] = [(self, 0)]
        while todo:
            part, depth = todo.pop()
            mark = "✓" if part.truth else "✗"
            lines.append("  " * depth + f"{mark} {part._headline()}")
            todo += [(item, depth + 1) for item in reversed(part.items)]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Explanation {self.truth}: {self._headline()}>"

    def _headline(self) -> str:
        if isinstance(self.node, Leaf):
            made_of = f" ({', '.join(self.objects[:5])}{', …' * (len(self.objects) > 5)})" if self.objects else ""
            return f"{leaf_to_text(self.node)} — the count is {self.count}{made_of}"
        if isinstance(self.node, Not):
            return "NOT"
        return f"{'AND' if isinstance(self.node, And) else 'OR'}, {sum(i.truth for i in self.items)} of {len(self.items)} hold"

    def to_dict(self) -> dict[str, object]:
        """The explanation as JSON data."""
        done: list[dict[str, object]] = []
        todo: list[tuple[Explanation, bool]] = [(self, False)]
        while todo:
            part, below_is_done = todo.pop()
            if isinstance(part.node, Leaf):
                text = leaf_to_text(part.node)
                done.append({"text": text, "truth": part.truth, "count": part.count, "objects": list(part.objects)})
            elif below_is_done:
                items = done[len(done) - len(part.items) :]
                del done[len(done) - len(part.items) :]
                done.append({"kind": type(part.node).__name__.lower(), "truth": part.truth, "items": items})
            else:
                todo.append((part, True))
                todo += [(item, False) for item in reversed(part.items)]
        return done.pop()


def explain(root: Node, objects: Objects) -> Explanation:
    """The explanation of a query for a label in which these objects were found."""

    counts = counts_of(objects)

    def leaf(node: Leaf) -> Explanation:
        value = node.operand.value(counts)
        names = dict.fromkeys(
            " / ".join(map(str, identity))
            for meant in node.operand.keys
            for identities in select(objects, meant).values()
            for identity in identities
        )
        return Explanation(node, node.accepted.has(value), (), value, tuple(names))

    def group(node: Group, below: list[Explanation]) -> Explanation:
        truths = [item.truth for item in below]
        truth = not truths[0] if isinstance(node, Not) else all(truths) if isinstance(node, And) else any(truths)
        return Explanation(node, truth, tuple(below))

    return fold(root, leaf, group)


def causes(root: Node, objects: Objects) -> frozenset[tuple[object, ...]]:
    """The identities of the objects that made a query true for a label: those that true comparisons counted.

    A comparison that also holds where there is nothing, such as `A.B.count < 5`, is not made true by objects. Without
    any such object, and where the query is false, there are none.
    """
    counts = counts_of(objects)

    def leaf(node: Leaf) -> tuple[bool, frozenset[tuple[object, ...]]]:
        truth = node.accepted.has(node.operand.value(counts))
        if not truth or node.accepted.has(0):
            return truth, frozenset()
        found = (ids for meant in node.operand.keys for ids in select(objects, meant).values())
        return True, frozenset(identity for identities in found for identity in identities)

    def group(
        node: Group, below: list[tuple[bool, frozenset[tuple[object, ...]]]]
    ) -> tuple[bool, frozenset[tuple[object, ...]]]:
        truths = [truth for truth, _ in below]
        if not (all(truths) if isinstance(node, And) else any(truths)):
            return False, frozenset()
        return True, frozenset().union(*(found for truth, found in below if truth))

    return fold(push_not(root), leaf, group)[1]
