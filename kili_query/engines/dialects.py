"""SQL over the documented table of counts, in six dialects: what an index holds, and what can be loaded into a warehouse.

`counts` has a row for each count of a label that is not 0: `job`, `category`, `label`, `n`. Totals are rows like others,
with NULL for all jobs or all categories. `labels` has a row for each label: `label`, and what else is known of it
(docs/scale.md). How a query becomes sets of labels is told in `sql.py`.

Names are written into the text as literals, or stand in parameters; numbers are always written. A dialect is a row of a
table: how it writes a name, and how a parameter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, get_args

from kili_query.engines.sql import Asked, Sets, is_unicode, where
from kili_query.lang.ast import Node
from kili_query.lang.intervals import Intervals, at_least
from kili_query.model.counts import Counts, Selector, total

DialectName = Literal["duckdb", "sqlite", "spark", "postgres", "bigquery", "snowflake"]
DIALECTS: tuple[DialectName, ...] = get_args(DialectName)

MAX_COUNT = 2**31 - 1
"""The largest count of the table: its column is a 32-bit INTEGER."""
MAX_STEPS, MAX_DEPTH, MAX_ORS = 400, 200, 500
"""The most steps, the longest chain of steps made from one another, the most conditions: DuckDB plans these in a second."""

_FEW = 8  # conditions that are a SELECT each; more are one, with OR: few SELECTs skip to their rows, many read all rows often


class Statement(NamedTuple):
    """A SELECT, and the values of its parameters by their names."""

    text: str
    parameters: dict[str, str]


class Dialect(NamedTuple):
    """What is special about the SQL of a database."""

    database: str
    literal: Callable[[str], str]
    """A name as a literal."""
    placeholder: str
    """A parameter, `{}` for its name."""
    null_character: str | None = None
    """The character U+0000 as an expression; None: it cannot be written."""
    kept: str = ""
    """What a SELECT ends with that is not to be merged into the one that reads it."""


def _quoted(name: str) -> str:
    """As the standard has it: a quote is doubled, a backslash is itself."""
    return "'" + name.replace("'", "''") + "'"


_ESCAPED = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r"}
_SPECIAL = re.compile(r"[\\'\n\r]")


def _escaped(name: str) -> str:
    """With backslashes as escapes. A break of the line has one too: a literal of one quote ends there in BigQuery."""
    return "'" + _SPECIAL.sub(lambda found: _ESCAPED[found[0]], name) + "'"


def _of_spark(name: str) -> str:
    """`${...}` is replaced in a statement of Spark, also in a literal, before it is parsed."""
    parts = name.split("${")
    if len(parts) == 1:
        return _escaped(name)
    return "concat(" + ", '$', ".join(_escaped("{" * bool(i) + part) for i, part in enumerate(parts)) + ")"


_DIALECTS: dict[DialectName, Dialect] = {
    "duckdb": Dialect("DuckDB", _quoted, "${}", "chr(0)"),
    "sqlite": Dialect("SQLite", _quoted, ":{}", "char(0)", "\n  LIMIT -1"),
    "spark": Dialect("Spark", _of_spark, ":{}"),
    "postgres": Dialect("PostgreSQL", _quoted, "%({})s"),
    "bigquery": Dialect("BigQuery", _escaped, "@{}"),
    "snowflake": Dialect("Snowflake", _escaped, "%({})s"),
}


def rows_of(counts: Counts) -> dict[Selector, int]:
    """The rows of a label in the table, totals included: (job, category) -> n, None for NULL.

    >>> rows_of({("A", "B"): 2, ("A", "C"): 1})
    {('A', 'B'): 2, ('A', 'C'): 1, ('A', None): 3, (None, 'B'): 2, (None, 'C'): 1, (None, None): 3}
    """
    rows: dict[Selector, int] = {key: number for key, number in counts.items() if number}
    jobs, categories = dict.fromkeys(job for job, _ in rows), dict.fromkeys(category for _, category in rows)
    for selector in (*((job, None) for job in jobs), *((None, category) for category in categories), (None, None)):
        if rows:
            rows[selector] = total(counts, *selector)
    return rows


def compile_select(
    root: Node, dialect: DialectName, *, parameters: bool = False, counts: str = "counts", labels: str = "labels"
) -> Statement:
    """The SELECT of the rows of `labels` that satisfy the query.

    Parameters
    ----------
    root: the tree of the query.
    dialect: one of DIALECTS.
    parameters: True to put names into parameters, in the style of the dialect's usual driver: `$k0`, `:k0`, `@k0`, or
        `%(k0)s`.
    counts, labels: SQL of the two tables.

    Raises
    ------
    UnsupportedQueryError: the database cannot hold a name (KQ401), or the query is too large for it (KQ402).

    >>> from kili_query.lang.parser import parse_tree
    >>> print(compile_select(parse_tree("A.B.count > 2"), "duckdb").text)
    SELECT * FROM labels WHERE label IN (SELECT label FROM counts
      WHERE job = 'A' AND category = 'B' AND n >= 3)
    """
    condition, values = compile_condition(root, dialect, parameters=parameters, counts=counts)
    return Statement(f"SELECT * FROM {labels} WHERE {condition}", values)


def compile_condition(
    root: Node, dialect: DialectName, *, parameters: bool = False, counts: str = "counts", label: str = "label"
) -> Statement:
    """The condition that is true for the labels that satisfy the query: `compile_select` behind its WHERE."""
    if dialect not in _DIALECTS:
        raise ValueError(f"a dialect is one of {', '.join(DIALECTS)}, and this is {dialect!r}")
    sets = _OfTable(root, _DIALECTS[dialect], parameters, counts)
    found = sets.condition()
    if isinstance(found, bool):
        return Statement(str(found).upper(), {})
    word, select = found
    return Statement(f"{label} {word} ({select})", {name: value for value, name in sets.names.items()})


class _OfTable(Sets):
    """The steps of one query over the documented table."""

    max_count, max_steps, max_depth = MAX_COUNT, MAX_STEPS, MAX_DEPTH

    def __init__(self, root: Node, dialect: Dialect, parameters: bool, counts: str) -> None:
        super().__init__(root)
        self.names: dict[str, str] = {}
        self.database, self.kept = dialect.database, dialect.kept
        self._dialect, self._parameters, self._counts = dialect, parameters, counts
        self._ors = 0

    def rows(self, leaves: Sequence[Asked], conditions: Sequence[str] = ()) -> str:
        """One SELECT for all categories of a job of which the same is asked: what a reader of sorted files can skip to."""
        alike: dict[tuple[str | None, bool, Intervals], list[str | None]] = {}
        for operand, values in leaves:
            ((job, category),) = operand.keys
            alike.setdefault((job, category is None, values), []).append(category)
        asked = [
            " AND ".join([self._is("job", [job]), self._is("category", categories), *_numbers(values)])
            for (job, _, values), categories in alike.items()
        ]
        self._ors += len(asked)
        if self._ors > MAX_ORS:
            self.refuse(f"the query asks for more than {MAX_ORS:,} different things")
        if len(asked) > _FEW:
            asked = [f"({' OR '.join(f'({one})' for one in asked)})"]
        selects = [f"SELECT label FROM {self._counts}{where([one, *conditions])}" for one in asked]
        return "\n  UNION ALL ".join(selects)

    def in_all(self, leaves: Sequence[Asked]) -> str:
        return f"SELECT label FROM ({self.rows(leaves)}) AS found GROUP BY label HAVING count(*) = {len(leaves)}"

    def _is(self, column: str, names: Sequence[str | None]) -> str:
        written = [self._written(name) for name in names if name is not None]
        if not written:
            return f"{column} IS NULL"
        return f"{column} = {written[0]}" if len(written) == 1 else f"{column} IN ({', '.join(written)})"

    def _written(self, name: str) -> str:
        database = self.database
        if not is_unicode(name):
            self.refuse(f"{database} cannot store the name {name!a}, which holds half a character", "KQ401")
        if "\0" in name and (database == "PostgreSQL" or not (self._parameters or self._dialect.null_character)):
            self.refuse(f"{database} cannot be asked for the name {name!a}, which holds a null character", "KQ401")
        if self._parameters:
            known = self.names.setdefault(name, f"k{len(self.names)}")
            return self._dialect.placeholder.format(known)
        if "\0" in name:
            return f"({f' || {self._dialect.null_character} || '.join(map(self._dialect.literal, name.split(chr(0))))})"
        return self._dialect.literal(name)


def _numbers(values: Intervals) -> list[str]:
    """The condition on `n`, none for all that the table holds."""
    if values == at_least(1):
        return []
    single = [str(low) for low, high in values if low == high]
    terms = [f"n = {single[0]}" if len(single) == 1 else f"n IN ({', '.join(single)})"] if single else []
    for low, high in values:
        if high is None:
            terms.append(f"n >= {low}")
        elif low < high:
            terms.append(f"n BETWEEN {low} AND {high}")
    return [terms[0] if len(terms) == 1 else f"({' OR '.join(terms)})"]
