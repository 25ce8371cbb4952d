"""The engine in SQLite: a tree is compiled to an SQL condition on the rows of labels, over a table of their counts.

The tables (`sqlite_tables.py`) hold how many objects of each category a label has; what a label does not have has no
row.

**A comparison is a set of numbers** (`lang/intervals.py`). `> 2` is 3 and more: the labels with such a row satisfy it,
and they stand side by side in the key of `counts`. A set that holds 0, such as that of `< 3`, is turned round: of
the labels, all but those with a row outside the set. So a comparison is a set of labels read from `counts`, or its
complement, and no label needs a row for what it does not have.

**AND, OR, NOT work on such sets.** NOT turns round. OR puts sets together; AND keeps of the smallest set what is in
the others, and takes away those that were turned round. Comparisons of one count have become one set of counts
before. Whatever the query, one set or its complement is left, and the condition is `labels.id [NOT] IN (that set)`.

**Each set is a named step**, made from the steps before it, so that the text does not nest. Of
`(A.B.count > 0 OR C.D.count > 0) AND E.F.count > 9` becomes::

    labels.id IN (WITH
    s1 AS (SELECT label_id
      FROM (VALUES (:k0, :k1, :k2, :k3), (:k4, :k5, :k2, :k3)) AS asked
      CROSS JOIN operands ON job = asked.column1 AND category = asked.column2
      CROSS JOIN counts ON operand_id = operands.id AND n BETWEEN asked.column3 AND asked.column4),
    s2 AS (SELECT label_id
      FROM (VALUES (:k6, :k7, :k8, :k3)) AS asked
      CROSS JOIN operands ... CROSS JOIN counts ...),
    s3 AS (SELECT label_id FROM s1
      WHERE label_id IN (SELECT label_id FROM s2))
    SELECT label_id FROM s3)

(The text also says LIMIT -1, no limit, where labels of several steps are put together, and at the end. Without it SQLite
would merge each such SELECT into the one that reads it, by copying the reader for each part, and run out of memory.)

A total is a step of its own: the counts of each label that it is made of are added up, less what they have in common
(`sqlite_tables.py`). That goes through all of them, so it takes longer than a comparison of a count.

A row of VALUES is what is asked: job, category, lowest and highest count. CROSS JOIN keeps the order: asked, then
the operand, then its part of `counts`. SQLite would find no better one, and without statistics it guesses.

Why sets, and not one EXISTS for each comparison: EXISTS looks at every label, and takes a second for a million;
a set costs what it holds. Why not `labels.id IN (a) AND labels.id IN (b)`: that goes to the row of each label of
`a`, and those rows are wide; in steps only labels that satisfy everything are looked up.
"""

from __future__ import annotations

from typing import NamedTuple

from kili_query.errors import Diagnostic, Span, UnsupportedQueryError
from kili_query.lang.ast import Count, Group, Leaf, Node, Not, Operand, Or, Total, fold
from kili_query.lang.intervals import ALL, NONE, Interval, Intervals, exactly, union
from kili_query.lang.printer import to_text

MAX_COUNT = 2**63 - 1
"""The largest whole number of SQLite: no count in a table is larger."""
MAX_VALUES = 10_000
"""The most parameters of one statement. SQLite would take 32,766, but finds a name by going through all of them."""
MAX_STEPS = 4_000
"""The most steps, for the same reason: these take it a second and a half."""
MAX_DEPTH = 1_500
"""The longest chain of steps made from one another. SQLite compiles them by recursion, in under 1 MB of stack."""

_WIDTH = 100  # steps put together in one SELECT; SQLite takes 500, and conditions nest 1,000 deep
_CHAIN = 5  # parts of an AND tried one after the other, each on what is left; more are tried at once
_LIST = 100  # intervals of one count above which they are one parameter, as JSON
_BRACKETS = str.maketrans("()", "[]")
_MUCH = 8.0  # how many times larger a set must be to look a few labels up in it, and not go through it


def compile_condition(
    root: Node, *, label: str = "labels.id", project: str | None = None, prefix: str = "k"
) -> tuple[str, dict[str, object]]:
    """The SQL condition that is true for just the labels that satisfy the query, and its parameters.

    Parameters
    ----------
    root: the tree of the query.
    label: SQL of the label's row number, `counts.label_id` of its rows.
    project: SQL of the project whose operands are meant, such as `:project_id`; None: of any project, which gives
        the same answer, since a label has rows of its own project only. Not a column: the sets would be made anew
        for each of its values.
    prefix: what names of parameters begin with; statements with two conditions need two.

    Raises
    ------
    UnsupportedQueryError: SQLite cannot store a name (KQ401), or the query is too large for it (KQ402).

    >>> from kili_query.lang.parser import parse_tree
    >>> text, values = compile_condition(parse_tree("NOT A.B.count < 3 AND A.B.count <= 7"))
    >>> print(text, values, sep="\\n")
    labels.id IN (SELECT label_id
      FROM (VALUES (:k0, :k1, :k2, :k3)) AS asked
      CROSS JOIN operands ON job = asked.column1 AND category = asked.column2
      CROSS JOIN counts ON operand_id = operands.id AND n BETWEEN asked.column3 AND asked.column4)
    {'k0': 'A', 'k1': 'B', 'k2': 3, 'k3': 7}
    """
    steps = _Steps(root, project, prefix)
    item = steps.all_of([fold(root, _asked, steps.group)])
    if isinstance(item, _Asked):
        if item.values in (ALL, NONE):
            return str(int(item.values == ALL)), {}
        item = steps.any_of([item]) if not item.values.has(0) else steps.any_of([item.inverse()]).inverse()
    word = "NOT IN" if item.inverted else "IN"
    return f"{label} {word} ({steps.select(item)})", {name: value for value, name in steps.names.items()}


class _Asked(NamedTuple):
    """Labels by the value of an operand."""

    operand: Operand
    values: Intervals

    def inverse(self) -> _Asked:
        return _Asked(self.operand, ~self.values)

    @property
    def share(self) -> float:
        """A guess how many labels it is, for want of a better one: each count is half as frequent as the one below."""
        return sum(2.0 ** (1 - low) - (0.0 if high is None else 2.0**-high) for low, high in self.values)


class _Step(NamedTuple):
    """Labels by the name of a step: those in it or, inverted, all others."""

    name: str
    share: float
    depth: int
    inverted: bool = False

    def inverse(self) -> _Step:
        return self._replace(inverted=not self.inverted)


def _asked(leaf: Leaf) -> _Asked | _Step:
    """What a comparison asks, in numbers that SQLite has; no count is beyond them."""
    values = (Interval(low, None if high is None or high >= MAX_COUNT else high) for low, high in leaf.accepted)
    return _Asked(leaf.operand, Intervals(interval for interval in values if interval.low <= MAX_COUNT))


class _Steps:
    """The steps of one query, and the values that they ask for."""

    def __init__(self, root: Node, project: str | None, prefix: str) -> None:
        self.names: dict[object, str] = {}
        self._root = root
        self._project = "" if project is None else f" AND project_id = {project}"
        self._prefix = prefix
        self._selects: list[str] = []

    def group(self, node: Group, below: list[_Asked | _Step]) -> _Asked | _Step:
        """The set of an AND, OR or NOT. An OR is what is left when none of its items holds, turned round."""
        if isinstance(node, Not):
            return below[0].inverse()
        if isinstance(node, Or):
            return self.all_of([item.inverse() for item in below]).inverse()
        return self.all_of(below)

    def all_of(self, items: list[_Asked | _Step]) -> _Asked | _Step:
        """The labels of which all items hold."""
        gaps: dict[Operand, list[Intervals]] = {}
        for item in items:
            if isinstance(item, _Asked):
                gaps.setdefault(item.operand, []).append(~item.values)
        leaves = [_Asked(operand, values) for operand, sets in gaps.items() if (values := ~union(*sets)) != ALL]
        steps = [item for item in items if isinstance(item, _Step)]
        never = next((leaf for leaf in leaves if leaf.values == NONE), None)
        if never or len(leaves) + len(steps) < 2:
            return never or (leaves or steps or [_Asked(next(iter(gaps)), ALL)])[0]
        without = [leaf.inverse() for leaf in leaves if leaf.values.has(0)]
        without_steps = [step.inverse() for step in steps if step.inverted]
        excluded = self.any_of(without, without_steps) if without or without_steps else None
        leaves = [leaf for leaf in leaves if not leaf.values.has(0)]
        steps = [step for step in steps if not step.inverted]
        if excluded and not leaves and not steps:
            return excluded.inverse()
        return self._intersection(leaves, steps, excluded)

    def any_of(self, leaves: list[_Asked], steps: list[_Step] | None = None) -> _Step:
        """The labels of which any holds; of what is asked, none with the count 0."""
        leaves, steps = self._without_totals(leaves, steps or [])
        while len(steps) > _WIDTH:
            parts = [steps[i : i + _WIDTH] for i in range(0, len(steps), _WIDTH)]
            steps = [self.any_of([], part) for part in parts]
        if len(steps) == 1 and not leaves:
            return steps[0]
        selects = [self._rows(leaves)] if leaves else []
        selects += [f"SELECT label_id FROM {step.name}" for step in steps]
        share = sum(leaf.share for leaf in leaves) + sum(step.share for step in steps)
        return self._add("\n  UNION ALL ".join(selects) + "\n  LIMIT -1" * (len(selects) > 1), share, steps)

    def _intersection(self, leaves: list[_Asked], steps: list[_Step], excluded: _Step | None) -> _Step:
        """The labels of which all hold, but not those excluded: what is left is looked up in one set after the other.

        Of many comparisons, which would be that many sets, all rows are sorted by label instead: a label satisfies all
        if it has a row for each.
        """
        leaves, steps = self._without_totals(leaves, steps)
        while len(steps) > _CHAIN:
            steps = [self._common(steps[i : i + _WIDTH]) for i in range(0, len(steps), _WIDTH)]
        if len(leaves) > _CHAIN:
            each = f"\n  GROUP BY label_id HAVING count(*) = {self._bind(len(leaves))}"
            steps.append(self._add(self._rows(leaves) + each, min(leaf.share for leaf in leaves), []))
            leaves = []
        items: list[_Asked | _Step] = [*leaves, *steps]
        items.sort(key=lambda item: item.share)
        found: _Step | None = None
        for item in items:
            conditions = [_within(found, item.share)] if found else []
            if excluded and item is items[-1]:
                conditions.append(f"+label_id NOT IN (SELECT label_id FROM {excluded.name})")
            if isinstance(item, _Step) and not conditions:
                found = item
                continue
            used = [step for step in (found, item, excluded) if isinstance(step, _Step)]
            text = f"SELECT label_id FROM {item.name}" if isinstance(item, _Step) else self._rows([item])
            found = self._add(text + _where(conditions), found.share if found else item.share, used)
        assert found
        return found

    def _without_totals(self, leaves: list[_Asked], steps: list[_Step]) -> tuple[list[_Asked], list[_Step]]:
        """The comparisons of counts, and the steps with one for each comparison of a total."""
        totals = [leaf for leaf in leaves if isinstance(leaf.operand, Total)]
        if not totals:
            return leaves, steps
        made = [self._add(self._total(leaf), leaf.share, []) for leaf in totals]
        return [leaf for leaf in leaves if isinstance(leaf.operand, Count)], [*steps, *made]

    def _total(self, leaf: _Asked) -> str:
        """The SELECT of the labels with a total that is asked for: their counts are added up."""
        ((job, category),) = leaf.operand.keys
        names = (("job", job), ("category", category))
        meant = "".join(f" AND {column} = {self._bind(name)}" for column, name in names if name is not None)
        rows = f"FROM operands CROSS JOIN counts ON operand_id = operands.id{meant}{self._project}"
        if leaf.values == ~exactly(0):  # whoever has a row has one object at least
            return f"SELECT label_id {rows}"
        ends = _ends(leaf.values)
        asked = "VALUES " + ", ".join(f"({self._bind(low)}, {self._bind(high)})" for low, high in ends[:_LIST])
        if len(ends) > _LIST:
            low_high = "json_extract(value, '$[0]') AS column1, json_extract(value, '$[1]') AS column2"
            asked = f"SELECT {low_high} FROM json_each({self._bind(str(ends).translate(_BRACKETS))})"
        return (
            "SELECT label_id\n  FROM (SELECT label_id, sum(iif(typeof(category) = 'text', n, -n)) AS total\n"
            f"    {rows} GROUP BY label_id)\n"
            f"  CROSS JOIN ({asked}) AS asked ON total BETWEEN asked.column1 AND asked.column2"
        )

    def _common(self, steps: list[_Step]) -> _Step:
        """The labels that all of the steps hold, in one SELECT."""
        first, *others = sorted(steps, key=lambda step: step.share)
        conditions = [_within(step, 0.0) for step in others]
        return (
            self._add(f"SELECT label_id FROM {first.name}{_where(conditions)}", first.share, steps) if others else first
        )

    def _rows(self, leaves: list[_Asked]) -> str:
        """The SELECT of the labels with a count that is asked for; each label once for each of the leaves."""
        bind = self._bind
        rows, lists = [], []
        for operand, values in leaves:
            assert isinstance(operand, Count)  # totals have become steps
            job, category = operand.key
            ends = _ends(values)
            if len(ends) > _LIST:
                numbers = bind(str(ends).translate(_BRACKETS))
                names = f"{bind(job)} AS column1, {bind(category)} AS column2"
                low_high = "json_extract(value, '$[0]') AS column3, json_extract(value, '$[1]') AS column4"
                lists.append(f"SELECT {names}, {low_high} FROM json_each({numbers})")
            else:
                rows += [f"({bind(job)}, {bind(category)}, {bind(low)}, {bind(high)})" for low, high in ends]
        if len(lists) > _WIDTH:
            self._refuse(f"the query holds long lists of numbers for more than {_WIDTH} counts")
        asked = " UNION ALL ".join(([f"VALUES {', '.join(rows)}"] if rows else []) + lists)
        return (
            f"SELECT label_id\n  FROM ({asked}) AS asked\n"
            f"  CROSS JOIN operands ON job = asked.column1 AND category = asked.column2{self._project}\n"
            "  CROSS JOIN counts ON operand_id = operands.id AND n BETWEEN asked.column3 AND asked.column4"
        )

    def _bind(self, value: str | int) -> str:
        if value not in self.names:
            if len(self.names) == MAX_VALUES:
                self._refuse(f"the query holds more than {MAX_VALUES:,} different names and numbers")
            if isinstance(value, str) and not _is_unicode(value):
                self._refuse(f"SQLite cannot store the name {value!a}, which holds half a character", "KQ401")
            self.names[value] = f"{self._prefix}{len(self.names)}"
        return f":{self.names[value]}"

    def _add(self, text: str, share: float, used: list[_Step]) -> _Step:
        depth = 1 + max((step.depth for step in used), default=0)
        if depth > MAX_DEPTH:
            self._refuse(f"AND and OR are nested so deep that SQLite would need more than {MAX_DEPTH} steps in a row")
        if len(self._selects) == MAX_STEPS:
            self._refuse(f"AND and OR are mixed so often that SQLite would need more than {MAX_STEPS:,} steps")
        self._selects.append(text)
        return _Step(f"s{len(self._selects)}", share, depth)

    def select(self, last: _Step) -> str:
        """The whole: all steps, and the last one as the result."""
        if len(self._selects) == 1:
            return self._selects[0]
        steps = ",\n".join(f"s{number} AS ({text})" for number, text in enumerate(self._selects, 1))
        return f"WITH\n{steps}\nSELECT label_id FROM {last.name} LIMIT -1"

    def _refuse(self, message: str, code: str = "KQ402") -> None:
        source = to_text(self._root)
        hint = "the query can be answered in memory; `simplify` may make it smaller"
        raise UnsupportedQueryError(source, [Diagnostic(code, message, Span(0, len(source)), hint)])


def _ends(values: Intervals) -> list[tuple[int, int]]:
    return [(low, MAX_COUNT if high is None else high) for low, high in values]


def _where(conditions: list[str]) -> str:
    return f"\n  WHERE {' AND '.join(conditions)}" if conditions else ""


def _within(step: _Step, share: float) -> str:
    """The condition that a label is in a step, on rows with such a share of all labels.

    To go through the rows and look each up in the step costs a fifth of a microsecond for each row; to go through the
    step and look each of its labels up in an index on `label_id`, if there is one, a whole one for each label.
    So that is worth it only where the step is much smaller. SQLite cannot know; the `+` keeps it from trying.
    """
    return f"{'' if share >= _MUCH * step.share else '+'}label_id IN (SELECT label_id FROM {step.name})"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
