"""What the engines in SQL share: a query becomes a few sets of labels, each a named step of one statement.

**A comparison is a set of numbers** (`lang/intervals.py`). `> 2` is 3 and more: the labels with such a row satisfy it.
A set that holds 0, such as that of `< 3`, is turned round: of the labels, all but those with a row outside the set. So
a comparison is a set of labels read from a table of counts, or its complement, and no label needs a row for what it
does not have.

**AND, OR, NOT work on such sets.** NOT turns round. OR puts sets together; AND keeps of the smallest set what is in
the others, and takes away those that were turned round. Comparisons of one operand have become one set of numbers
before. Whatever the query, one set or its complement is left, and the condition is `label [NOT] IN (that set)`.

**Each set is a named step**, made from the steps before it, so that the text does not nest.

What differs from table to table and from dialect to dialect is in the classes that are made of `Sets`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

from kili_query.errors import Diagnostic, Span, UnsupportedQueryError
from kili_query.lang.ast import Group, Leaf, Node, Not, Operand, Or, fold
from kili_query.lang.intervals import ALL, NONE, Interval, Intervals, union
from kili_query.lang.printer import to_text

_WIDTH = 100  # steps put together in one SELECT; SQLite takes 500, and conditions nest 1,000 deep
_CHAIN = 5  # parts of an AND tried one after the other, each on what is left; more are tried at once


class Asked(NamedTuple):
    """Labels by the value of an operand."""

    operand: Operand
    values: Intervals

    def inverse(self) -> Asked:
        """All other labels."""
        return Asked(self.operand, ~self.values)

    @property
    def share(self) -> float:
        """A guess how many labels it is, for want of a better one: each count is half as frequent as the one below."""
        return sum(2.0 ** (1 - low) - (0.0 if high is None else 2.0**-high) for low, high in self.values)


class Step(NamedTuple):
    """Labels by the name of a step: those in it or, inverted, all others."""

    name: str
    share: float
    depth: int
    inverted: bool = False

    def inverse(self) -> Step:
        """All other labels."""
        return self._replace(inverted=not self.inverted)


class Sets(ABC):
    """The steps of one query. A class made of it says how rows are read from its table, and what its database stands."""

    column = "label"
    """The name of the column with the number of a label, in the table and in each step."""
    kept = ""
    """What a SELECT ends with that the database should not merge into the one that reads it."""
    max_count: int
    """The largest count that the table holds."""
    max_steps: int
    max_depth: int
    """The longest chain of steps made from one another."""
    database: str
    """What refuses, in messages."""

    def __init__(self, root: Node) -> None:
        self._root = root
        self._selects: list[str] = []

    @abstractmethod
    def rows(self, leaves: Sequence[Asked], conditions: Sequence[str] = ()) -> str:
        """The SELECT of the labels with a value that is asked for, never 0; each label once for each of the leaves."""

    @abstractmethod
    def in_all(self, leaves: Sequence[Asked]) -> str:
        """The SELECT of the labels that have a row for each of the leaves: all rows, sorted by label."""

    def prepared(self, leaves: list[Asked], steps: list[Step]) -> tuple[list[Asked], list[Step]]:
        """The leaves that `rows` takes, and the steps, with one more for each leaf that needs a step of its own."""
        return leaves, steps

    def within(self, step: Step, share: float) -> str:
        """The condition that a label is in a step, on rows with such a share of all labels."""
        return f"{self.column} IN (SELECT {self.column} FROM {step.name})"

    def without(self, step: Step) -> str:
        """The condition that a label is not in a step."""
        return f"{self.column} NOT IN (SELECT {self.column} FROM {step.name})"

    def condition(self) -> bool | tuple[str, str]:
        """True or False for a query that all labels or none satisfy; else `IN` or `NOT IN`, and the SELECT of the set."""
        item = self.all_of([fold(self._root, self._asked, self._group)])
        if isinstance(item, Asked):
            if item.values in (ALL, NONE):
                return item.values == ALL
            item = self.any_of([item]) if not item.values.has(0) else self.any_of([item.inverse()]).inverse()
        return ("NOT IN" if item.inverted else "IN"), self._whole(item)

    def _asked(self, leaf: Leaf) -> Asked | Step:
        """What a comparison asks, in numbers that the table holds; no count is beyond them."""
        most = self.max_count
        values = (Interval(low, None if high is None or high >= most else high) for low, high in leaf.accepted)
        return Asked(leaf.operand, Intervals(interval for interval in values if interval.low <= most))

    def _group(self, node: Group, below: list[Asked | Step]) -> Asked | Step:
        """The set of an AND, OR or NOT. An OR is what is left when none of its items holds, turned round."""
        if isinstance(node, Not):
            return below[0].inverse()
        if isinstance(node, Or):
            return self.all_of([item.inverse() for item in below]).inverse()
        return self.all_of(below)

    def all_of(self, items: list[Asked | Step]) -> Asked | Step:
        """The labels of which all items hold."""
        gaps: dict[Operand, list[Intervals]] = {}
        for item in items:
            if isinstance(item, Asked):
                gaps.setdefault(item.operand, []).append(~item.values)
        leaves = [Asked(operand, values) for operand, sets in gaps.items() if (values := ~union(*sets)) != ALL]
        steps = [item for item in items if isinstance(item, Step)]
        never = next((leaf for leaf in leaves if leaf.values == NONE), None)
        if never or len(leaves) + len(steps) < 2:
            return never or (leaves or steps or [Asked(next(iter(gaps)), ALL)])[0]
        without = [leaf.inverse() for leaf in leaves if leaf.values.has(0)]
        without_steps = [step.inverse() for step in steps if step.inverted]
        excluded = self.any_of(without, without_steps) if without or without_steps else None
        leaves = [leaf for leaf in leaves if not leaf.values.has(0)]
        steps = [step for step in steps if not step.inverted]
        if excluded and not leaves and not steps:
            return excluded.inverse()
        return self._intersection(leaves, steps, excluded)

    def any_of(self, leaves: list[Asked], steps: list[Step] | None = None) -> Step:
        """The labels of which any holds; of what is asked, none with the count 0."""
        leaves, steps = self.prepared(leaves, steps or [])
        while len(steps) > _WIDTH:
            parts = [steps[i : i + _WIDTH] for i in range(0, len(steps), _WIDTH)]
            steps = [self.any_of([], part) for part in parts]
        if len(steps) == 1 and not leaves:
            return steps[0]
        selects = [self.rows(leaves)] if leaves else []
        selects += [f"SELECT {self.column} FROM {step.name}" for step in steps]
        share = sum(leaf.share for leaf in leaves) + sum(step.share for step in steps)
        text = "\n  UNION ALL ".join(selects)
        return self.add(text + self.kept if len(selects) > 1 else text, share, steps)

    def _intersection(self, leaves: list[Asked], steps: list[Step], excluded: Step | None) -> Step:
        """The labels of which all hold, but not those excluded: what is left is looked up in one set after the other.

        Of many comparisons, which would be that many sets, all rows are sorted by label instead: a label satisfies all
        if it has a row for each.
        """
        leaves, steps = self.prepared(leaves, steps)
        while len(steps) > _CHAIN:
            steps = [self._common(steps[i : i + _WIDTH]) for i in range(0, len(steps), _WIDTH)]
        if len(leaves) > _CHAIN:
            steps.append(self.add(self.in_all(leaves), min(leaf.share for leaf in leaves), []))
            leaves = []
        items: list[Asked | Step] = [*leaves, *steps]
        items.sort(key=lambda item: item.share)
        found: Step | None = None
        for item in items:
            conditions = [self.within(found, item.share)] if found else []
            if excluded and item is items[-1]:
                conditions.append(self.without(excluded))
            if isinstance(item, Step) and not conditions:
                found = item
                continue
            used = [step for step in (found, item, excluded) if isinstance(step, Step)]
            text = self._of(item, conditions) if isinstance(item, Step) else self.rows([item], conditions)
            found = self.add(text, found.share if found else item.share, used)
        assert found
        return found

    def _common(self, steps: list[Step]) -> Step:
        """The labels that all of the steps hold, in one SELECT."""
        first, *others = sorted(steps, key=lambda step: step.share)
        conditions = [self.within(step, 0.0) for step in others]
        return self.add(self._of(first, conditions), first.share, steps) if others else first

    def _of(self, step: Step, conditions: Sequence[str]) -> str:
        return f"SELECT {self.column} FROM {step.name}{where(conditions)}"

    def add(self, text: str, share: float, used: list[Step]) -> Step:
        """A new step, made from those that are used."""
        depth = 1 + max((step.depth for step in used), default=0)
        if depth > self.max_depth:
            self.refuse(
                f"AND and OR are nested so deep that {self.database} would need more than {self.max_depth} steps in a row"
            )
        if len(self._selects) == self.max_steps:
            self.refuse(
                f"AND and OR are mixed so often that {self.database} would need more than {self.max_steps:,} steps"
            )
        self._selects.append(text)
        return Step(f"s{len(self._selects)}", share, depth)

    def _whole(self, last: Step) -> str:
        """All steps, and the last one as the result."""
        if len(self._selects) == 1:
            return self._selects[0]
        steps = ",\n".join(f"s{number} AS ({text})" for number, text in enumerate(self._selects, 1))
        return f"WITH\n{steps}\nSELECT {self.column} FROM {last.name}{' '.join(['', *self.kept.split()])}"

    def refuse(self, message: str, code: str = "KQ402") -> NoReturn:
        """Raise what is wrong with the query for this database."""
        source = to_text(self._root)
        hint = "the query can be answered in memory; `simplify` may make it smaller"
        raise UnsupportedQueryError(source, [Diagnostic(code, message, Span(0, len(source)), hint)])


def where(conditions: Sequence[str]) -> str:
    """The WHERE of some conditions, on a line of its own; nothing for none."""
    return f"\n  WHERE {' AND '.join(conditions)}" if conditions else ""


def is_unicode(text: str) -> bool:
    """False for a text with half a surrogate pair, which no UTF-8 holds."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
