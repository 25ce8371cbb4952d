"""The engine in SQLite: a tree is compiled to an SQL condition on the rows of labels, over a table of their counts.

The tables (`sqlite_tables.py`) hold how many objects of each category a label has; what a label does not have has no
row. Rows with counts of one operand stand side by side in the key of `counts`. How a query becomes sets of labels, each a
named step, is told in `sql.py`. Of `(A.B.count > 0 OR C.D.count > 0) AND E.F.count > 9` becomes::

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

from collections.abc import Sequence

from kili_query.engines.sql import Asked, Sets, Step, is_unicode, where
from kili_query.lang.ast import Count, Node, Total
from kili_query.lang.intervals import Intervals, exactly

MAX_COUNT = 2**63 - 1
"""The largest whole number of SQLite: no count in a table is larger."""
MAX_VALUES = 10_000
"""The most parameters of one statement. SQLite would take 32,766, but finds a name by going through all of them."""
MAX_STEPS = 4_000
"""The most steps, for the same reason: these take it a second and a half."""
MAX_DEPTH = 1_500
"""The longest chain of steps made from one another. SQLite compiles them by recursion, in under 1 MB of stack."""

_LIST = 100  # intervals of one count above which they are one parameter, as JSON
_LISTS = 100  # such parameters in one SELECT
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
    steps = _OfOperands(root, project, prefix)
    found = steps.condition()
    if isinstance(found, bool):
        return str(int(found)), {}
    word, select = found
    return f"{label} {word} ({select})", {name: value for value, name in steps.names.items()}


class _OfOperands(Sets):
    """The steps of one query, and the values that they ask for."""

    column = "label_id"
    kept = "\n  LIMIT -1"
    max_count, max_steps, max_depth = MAX_COUNT, MAX_STEPS, MAX_DEPTH
    database = "SQLite"

    def __init__(self, root: Node, project: str | None, prefix: str) -> None:
        super().__init__(root)
        self.names: dict[object, str] = {}
        self._project = "" if project is None else f" AND project_id = {project}"
        self._prefix = prefix

    def prepared(self, leaves: list[Asked], steps: list[Step]) -> tuple[list[Asked], list[Step]]:
        """The comparisons of counts, and the steps with one for each comparison of a total."""
        totals = [leaf for leaf in leaves if isinstance(leaf.operand, Total)]
        if not totals:
            return leaves, steps
        made = [self.add(self._total(leaf), leaf.share, []) for leaf in totals]
        return [leaf for leaf in leaves if isinstance(leaf.operand, Count)], [*steps, *made]

    def _total(self, leaf: Asked) -> str:
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

    def rows(self, leaves: Sequence[Asked], conditions: Sequence[str] = ()) -> str:
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
        if len(lists) > _LISTS:
            self.refuse(f"the query holds long lists of numbers for more than {_LISTS} counts")
        asked = " UNION ALL ".join(([f"VALUES {', '.join(rows)}"] if rows else []) + lists)
        return (
            f"SELECT label_id\n  FROM ({asked}) AS asked\n"
            f"  CROSS JOIN operands ON job = asked.column1 AND category = asked.column2{self._project}\n"
            "  CROSS JOIN counts ON operand_id = operands.id AND n BETWEEN asked.column3 AND asked.column4"
            + where(conditions)
        )

    def in_all(self, leaves: Sequence[Asked]) -> str:
        return f"{self.rows(leaves)}\n  GROUP BY label_id HAVING count(*) = {self._bind(len(leaves))}"

    def within(self, step: Step, share: float) -> str:
        """To go through the rows and look each up in the step costs a fifth of a microsecond for each row; to go through
        the step and look each of its labels up in an index on `label_id`, if there is one, a whole one for each label.
        So that is worth it only where the step is much smaller. SQLite cannot know; the `+` keeps it from trying.
        """
        return f"{'' if share >= _MUCH * step.share else '+'}{super().within(step, share)}"

    def without(self, step: Step) -> str:
        return f"+{super().without(step)}"

    def _bind(self, value: str | int) -> str:
        if value not in self.names:
            if len(self.names) == MAX_VALUES:
                self.refuse(f"the query holds more than {MAX_VALUES:,} different names and numbers")
            if isinstance(value, str) and not is_unicode(value):
                self.refuse(f"SQLite cannot store the name {value!a}, which holds half a character", "KQ401")
            self.names[value] = f"{self._prefix}{len(self.names)}"
        return f":{self.names[value]}"


def _ends(values: Intervals) -> list[tuple[int, int]]:
    return [(low, MAX_COUNT if high is None else high) for low, high in values]
