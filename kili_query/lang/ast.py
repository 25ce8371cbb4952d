"""The typed tree of a query: frozen nodes, each with its span in the text.

Spans take no part in equality. Trees can be a thousand levels deep, deeper than Python's stack: walk them with
`fold` or `walk`, never by recursion.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from kili_query.errors import Span
from kili_query.lang.intervals import Intervals, between, exactly
from kili_query.lang.lexis import ALL_NAMES, name_to_text
from kili_query.lang.operators import Operator

if TYPE_CHECKING:
    from kili_query.model.counts import Counts, Key, Selector

NOWHERE = Span(0, 0)
"""The span of a node that was built without text."""

R = TypeVar("R")


@dataclass(frozen=True, slots=True, eq=False)
class Count:
    """`JOB.CATEGORY.count`: how many objects of a category a label holds."""

    job: str
    category: str
    span: Span = NOWHERE
    job_span: Span = NOWHERE
    category_span: Span = NOWHERE

    @property
    def key(self) -> Key:
        """The key of the one count that it is."""
        return (self.job, self.category)

    @property
    def keys(self) -> tuple[Selector, ...]:
        """The counts that its value is made of."""
        return ((self.job, self.category),)

    def value(self, counts: Counts) -> int:
        """Its value for a label that has these counts."""
        return counts.get((self.job, self.category), 0)

    @property
    def text(self) -> str:
        """Its canonical text, names quoted where they must be."""
        return f"{name_to_text(self.job)}.{name_to_text(self.category)}.count"

    @property
    def names(self) -> tuple[tuple[str, Span], ...]:
        """The names in it, each with where it is written."""
        return ((self.job, self.job_span), (self.category, self.category_span))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Count) and self.job == other.job and self.category == other.category

    def __hash__(self) -> int:
        return hash((self.job, self.category))


@dataclass(frozen=True, slots=True, eq=False)
class Total:
    """`JOB.*.count`, `*.CATEGORY.count`, `*.*.count`: how many objects of a job, of a category, or at all a label holds.

    None stands for all jobs, or for all categories; one of the two is None.
    """

    job: str | None
    category: str | None
    span: Span = NOWHERE
    job_span: Span = NOWHERE
    category_span: Span = NOWHERE

    @property
    def keys(self) -> tuple[Selector, ...]:
        """The counts that its value is made of: all of a job, of a category, or all."""
        return ((self.job, self.category),)

    def value(self, counts: Counts) -> int:
        """Its value for a label that has these counts."""
        from kili_query.model.counts import total

        return total(counts, self.job, self.category)

    @property
    def text(self) -> str:
        """Its canonical text, names quoted where they must be."""
        job, category = (ALL_NAMES if name is None else name_to_text(name) for name in (self.job, self.category))
        return f"{job}.{category}.count"

    @property
    def names(self) -> tuple[tuple[str, Span], ...]:
        """The names in it, each with where it is written; `*` is none."""
        both = ((self.job, self.job_span), (self.category, self.category_span))
        return tuple((name, span) for name, span in both if name is not None)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Total) and self.job == other.job and self.category == other.category

    def __hash__(self) -> int:
        return hash((Total, self.job, self.category))


Operand = Count | Total
"""What stands left of an operator: a whole number from 0 that a label has.

Another kind joins here. It has what these two have in common: equality without spans, `span`, `names`, `text`, `keys` and
`value`. Whoever needs more asks of which kind it is, and mypy names those who do not yet.
"""


def operand_of(
    job: str | None,
    category: str | None,
    span: Span = NOWHERE,
    job_span: Span = NOWHERE,
    category_span: Span = NOWHERE,
) -> Operand:
    """The count of a category; or the total, where None stands for all jobs or all categories."""
    if job is None or category is None:
        return Total(job, category, span, job_span, category_span)
    return Count(job, category, span, job_span, category_span)


class _Node:
    """Equality, hash and text of nodes, without recursion."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Node):
            return NotImplemented
        return self is other or list(_shape(self)) == list(_shape(other))  # type: ignore[arg-type]

    def __hash__(self) -> int:
        return hash(tuple(_shape(self)))  # type: ignore[arg-type]

    def __repr__(self) -> str:
        from kili_query.lang.printer import to_text

        return f"<{type(self).__name__} {to_text(self)}>"  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Comparison(_Node):
    """`JOB.CATEGORY.count > 3`."""

    operand: Operand
    operator: Operator
    number: int
    span: Span = NOWHERE

    @property
    def accepted(self) -> Intervals:
        """The values of the operand for which it holds."""
        return self.operator.accepted(self.number)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class InList(_Node):
    """`JOB.CATEGORY.count IN (1, 3, 7)`, or NOT IN."""

    operand: Operand
    numbers: tuple[int, ...]
    negated: bool = False
    span: Span = NOWHERE

    @property
    def accepted(self) -> Intervals:
        """The values of the operand for which it holds."""
        return ~exactly(*self.numbers) if self.negated else exactly(*self.numbers)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class InRange(_Node):
    """`JOB.CATEGORY.count IN 2..5`, or NOT IN; one end can be open (None)."""

    operand: Operand
    low: int | None
    high: int | None
    negated: bool = False
    span: Span = NOWHERE

    @property
    def accepted(self) -> Intervals:
        """The values of the operand for which it holds."""
        return ~between(self.low, self.high) if self.negated else between(self.low, self.high)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Not(_Node):
    """`NOT x`."""

    item: Node
    span: Span = NOWHERE


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class And(_Node):
    """`a AND b AND c`: two items or more, none of them an And."""

    items: tuple[Node, ...]
    span: Span = NOWHERE


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Or(_Node):
    """`a OR b OR c`: two items or more, none of them an Or."""

    items: tuple[Node, ...]
    span: Span = NOWHERE


Leaf = Comparison | InList | InRange
Group = Not | And | Or
Node = Leaf | Group


def children(node: Node) -> tuple[Node, ...]:
    """What stands directly below a node."""
    match node:
        case And(items) | Or(items):
            return items
        case Not(item):
            return (item,)
        case _:
            return ()


def walk(root: Node) -> Iterator[Node]:
    """All nodes, each before what is below it, in the order of the text."""
    todo = [root]
    while todo:
        node = todo.pop()
        yield node
        todo.extend(reversed(children(node)))


def leaves(root: Node) -> Iterator[Leaf]:
    """All comparisons, in the order of the text."""
    for node in walk(root):
        if isinstance(node, Leaf):
            yield node


def numbers_of(leaf: Leaf) -> tuple[int, ...]:
    """The numbers that a comparison names."""
    match leaf:
        case Comparison(_, _, number):
            return (number,)
        case InList(_, numbers):
            return numbers
        case InRange(_, low, high):
            return tuple(bound for bound in (low, high) if bound is not None)


def fold(root: Node, leaf: Callable[[Leaf], R], group: Callable[[Group, list[R]], R]) -> R:
    """A value for the whole tree, made from the leaves upwards: `group` gets the values of what is below a node.

    >>> from kili_query.lang.parser import parse_tree
    >>> fold(parse_tree("A.B.count > 1 AND NOT C.D.count > 2"), lambda leaf: 1, lambda node, below: sum(below))
    2
    """
    done: list[R] = []
    todo: list[tuple[Node, bool]] = [(root, False)]
    while todo:
        node, below_is_done = todo.pop()
        if isinstance(node, Leaf):
            done.append(leaf(node))
        elif below_is_done:
            below = children(node)
            values = done[len(done) - len(below) :]
            del done[len(done) - len(below) :]
            done.append(group(node, values))
        else:
            todo.append((node, True))
            todo.extend((child, False) for child in reversed(children(node)))
    return done.pop()


def conjunction(items: list[Node] | tuple[Node, ...], span: Span = NOWHERE) -> Node:
    """All of the items (at least one): nested Ands become one, a single item stays itself."""
    flat = [inner for item in items for inner in (item.items if isinstance(item, And) else (item,))]
    return flat[0] if len(flat) == 1 else And(tuple(flat), span)


def disjunction(items: list[Node] | tuple[Node, ...], span: Span = NOWHERE) -> Node:
    """Any of the items (at least one): nested Ors become one, a single item stays itself."""
    flat = [inner for item in items for inner in (item.items if isinstance(item, Or) else (item,))]
    return flat[0] if len(flat) == 1 else Or(tuple(flat), span)


def _shape(root: Node) -> Iterator[Hashable]:
    for node in walk(root):
        match node:
            case Comparison(operand, operator, number):
                yield (operand, operator, number)
            case InList(operand, numbers, negated):
                yield (operand, numbers, negated)
            case InRange(operand, low, high, negated):
                yield (operand, low, high, negated)
            case _:
                yield (type(node), len(children(node)))
