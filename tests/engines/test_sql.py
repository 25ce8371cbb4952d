"""SQL over the documented table of counts: DuckDB and SQLite run it; that of other dialects is read by sqlglot, and run by DuckDB."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import duckdb
import pytest
import sqlglot
from hypothesis import example, given
from hypothesis import strategies as st

from kili_query import Query, UnsupportedQueryError, count, count_categories, parse
from kili_query.engines.dialects import DIALECTS, DialectName, compile_condition, compile_select, rows_of
from kili_query.engines.memory import compile_predicate
from kili_query.lang.ast import Comparison, Count, Node, Not
from kili_query.lang.operators import Operator
from kili_query.model.counts import Counts, Key, Selector, total
from tests.conftest import SPEC
from tests.engines.test_sqlite import some_counts, wide_trees
from tests.strategies import names, small_trees

_SCHEMA = "CREATE TABLE counts (job VARCHAR, category VARCHAR, label BIGINT, n INTEGER)"


class Tables:
    """Labels in the documented tables, in DuckDB and in SQLite; all dialects are asked."""

    def __init__(self, labels: Iterable[Counts] = ()) -> None:
        self.duckdb: Any = duckdb.connect(config={"threads": 1})
        self.sqlite = sqlite3.connect(":memory:")
        for connection in (self.duckdb, self.sqlite):
            connection.execute(_SCHEMA)
            connection.execute("CREATE TABLE labels (label BIGINT)")
        self.labels: list[Counts] = []
        self._numbers: dict[object, int] = {}
        self._found: dict[tuple[str, int], set[int]] = {}
        for counts in labels:
            self.number(counts)

    def number(self, counts: Counts) -> int:
        """The number of a label with such counts, which is put into the tables if none is there."""
        rows = rows_of(counts)
        key = frozenset(rows.items())
        if key not in self._numbers:
            label = self._numbers[key] = len(self._numbers)
            self.labels.append(counts)
            values = [(*selector, label, n) for selector, n in rows.items()]
            for connection in (self.duckdb, self.sqlite):
                connection.execute("INSERT INTO labels VALUES (?)", [label])
                if values:
                    connection.executemany("INSERT INTO counts VALUES (?, ?, ?, ?)", values)
        return self._numbers[key]

    def find(self, tree: Node, dialect: DialectName, *, parameters: bool = False) -> set[int]:
        text, values = compile_select(tree, dialect, parameters=parameters)
        known = (f"{dialect} {text} {values}", len(self._numbers))
        if known not in self._found:
            self._found[known] = {row[0] for row in self._run(text, values, dialect)}
        return self._found[known]

    def holding(self, tree: Node) -> set[int]:
        """The labels that satisfy the query, by the engine in memory."""
        holds = compile_predicate(tree)
        return {number for number, counts in enumerate(self.labels) if holds(counts)}

    def _run(self, text: str, values: dict[str, str], dialect: DialectName) -> list[tuple[int]]:
        if dialect == "sqlite":
            return self.sqlite.execute(text, values).fetchall()
        if dialect != "duckdb":
            (text,) = sqlglot.transpile(text, read=dialect, write="duckdb")
        rows: list[tuple[int]] = self.duckdb.execute(text, values or None).fetchall()
        return rows

    def close(self) -> None:
        self.duckdb.close()
        self.sqlite.close()


@cache
def _spec() -> Tables:
    labels = json.loads((SPEC / "labels.json").read_text("utf-8"))
    return Tables(count_categories(label) for label in labels.values())


_grown = cache(Tables)
"""Labels of random examples, more and more."""


def answer(query: Query, counts: Counts, dialect: DialectName) -> bool:
    """The truth for one label, which stands in the tables with others."""
    return _spec().number(counts) in _spec().find(query.tree, dialect)


@pytest.fixture
def tables() -> Iterator[Tables]:
    made = Tables()
    yield made
    made.close()


# -- rows --------------------------------------------------------------------------------------------------------------


@given(some_counts)
def test_each_count_and_each_total_has_a_row(counts: dict[Key, int]) -> None:
    rows = rows_of(counts)
    jobs, categories = {job for job, _ in counts} | {"NO"}, {category for _, category in counts} | {"NO"}
    asked: list[Selector] = [(job, category) for job in (*jobs, None) for category in (*categories, None)]
    assert {s: rows.get(s, 0) for s in asked} == {s: total(counts, *s) for s in asked}
    assert all(n > 0 for n in rows.values())


# -- meaning -----------------------------------------------------------------------------------------------------------


@given(small_trees | wide_trees, st.lists(some_counts, max_size=8))
def test_duckdb_and_sqlite_agree_with_memory(tree: Node, labels: list[dict[Key, int]]) -> None:
    for counts in labels:
        _grown().number(counts)
    for dialect in ("duckdb", "sqlite"):
        for parameters in (False, True):
            assert _grown().find(tree, dialect, parameters=parameters) == _grown().holding(tree)


QUOTES = (
    "it's",
    "'",
    "''",
    '"',
    "\\",
    "\\'",
    "\\\\",
    "a\\nb",
    "\n",
    "\r\n",
    "${x}",
    "$${",
    "%(k0)s",
    "@k0",
    ":k0",
    "?",
    "--",
    "/*",
    "",
)
"""What ends a literal, or means something else in one, here or there."""
risky = st.sampled_from(QUOTES) | names | st.text(st.sampled_from("'\\\"$%{}ab\nnu0\r-é字😀"), max_size=6)


@pytest.mark.parametrize("dialect", DIALECTS)
@given(name=risky, other=risky)
@example("a\\", "' OR 1=1 --")
@example("\\u0041", "A")
def test_a_name_is_told_apart_in_each_dialect(dialect: DialectName, name: str, other: str) -> None:
    tree = Comparison(Count(name, other), Operator.GT, 1)
    counts: list[Counts] = [{(name, other): 2}, {(other, name): 2}, {(name + "'", other): 2}, {("A", "B"): 2}, {}]
    if "\0" in name + other and dialect not in ("duckdb", "sqlite"):
        with pytest.raises(UnsupportedQueryError):
            compile_select(tree, dialect)
        return
    for label in counts:
        _grown().number(label)
    for node in (tree, Not(tree)):
        assert _grown().find(node, dialect) == _grown().holding(node)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_half_a_character_is_refused(dialect: DialectName) -> None:
    with pytest.raises(UnsupportedQueryError) as caught:
        compile_select((count("A", "\ud800") > 1).tree, dialect)
    (found,) = caught.value.diagnostics
    assert found.code == "KQ401"
    assert "cannot store the name '\\ud800', which holds half a character" in found.message


@pytest.mark.parametrize(
    ("dialect", "placeholder"),
    [("duckdb", "$k0"), ("sqlite", ":k0"), ("spark", ":k0"), ("postgres", "%(k0)s"), ("bigquery", "@k0"), ("snowflake", "%(k0)s")],
)  # fmt: skip
def test_parameters_are_written_as_drivers_take_them(dialect: DialectName, placeholder: str) -> None:
    text, values = parse('"it\'s".B.count > 0 AND "it\'s".C.count == 0').to_sql(dialect, parameters=True)
    assert values == {"k0": "it's", "k1": "C", "k2": "B"}
    assert text.count(placeholder) == 2
    assert "it" not in text.replace("category", "")


BORDERS = [2**31 - 2, 2**31 - 1, 2**31, 2**63, 10**400]


@pytest.mark.parametrize("operator", Operator)
def test_numbers_of_any_size_are_compared_exactly(operator: Operator) -> None:
    labels: list[Counts] = [{("A", "B"): n} for n in (0, 1, 2**31 - 2, 2**31 - 1)]
    tables = Tables()
    for connection in (tables.duckdb, tables.sqlite):
        connection.execute("INSERT INTO labels VALUES (0), (1), (2), (3)")
        connection.execute(
            "INSERT INTO counts VALUES ('A', 'B', 1, 1), ('A', 'B', 2, 2147483646), ('A', 'B', 3, 2147483647)"
        )
    for number in (b for border in BORDERS for b in (border, -border)):
        tree = Comparison(Count("A", "B"), operator, number)
        expected = {i for i, counts in enumerate(labels) if compile_predicate(tree)(counts)}
        for dialect in ("duckdb", "sqlite"):
            assert tables.find(tree, dialect) == expected
    tables.close()


# -- large queries -----------------------------------------------------------------------------------------------------


def _key(i: int) -> str:
    return f"J.C{i}.count"


LARGE = {
    "or": " OR ".join(f"{_key(i)} > 1" for i in range(2_000)),
    "or of different numbers": " OR ".join(f"{_key(i)} > {i}" for i in range(300)),
    "and of different numbers": " AND ".join(f"{_key(i)} > {i}" for i in range(300)),
    "and of negations": " AND ".join(f"{_key(i)} < 2" for i in range(2_000)),
    "list": f"J.C0.count IN ({', '.join(str(i) for i in range(2, 20_000, 2))})",
    "or of and": " OR ".join(f"J.C0.count == {i % 3} AND {_key(i)} == 2" for i in range(1, 150)),
    "and of or": " AND ".join(f"(J.C0.count == {i % 2 + 1} OR {_key(i)} == 2)" for i in range(1, 150)),
    "levels": "".join(f"{_key(i)} > 1 {('OR', 'AND')[i % 2]} (" for i in range(100)) + "J.C0.count == 1" + ")" * 100,
    "not": "NOT " * 1000 + "J.C0.count > 1",
}


@pytest.mark.parametrize("kind", LARGE)
def test_large_queries_are_answered(kind: str) -> None:
    tree = parse(LARGE[kind]).tree
    labels: list[Counts] = [
        {},
        *({("J", f"C{k}"): (i + k) % 3 for k in range(4)} for i in range(4)),
        {("J", "C0"): 400},
    ]
    tables = Tables(labels)
    for dialect in ("duckdb", "sqlite"):
        assert tables.find(tree, dialect) == tables.holding(tree)
    tables.close()


TOO_LARGE = {
    "DuckDB would need more than 200 steps in a row": "".join(f"{_key(i)} > 1 {('OR', 'AND')[i % 2]} (" for i in range(300))
    + "J.C0.count == 1"
    + ")" * 300,
    "DuckDB would need more than 400 steps": " OR ".join(f"J.C0.count == {i % 3} AND {_key(i)} == 2" for i in range(1, 400)),
    "the query asks for more than 500 different things": " OR ".join(f"{_key(i)} > {i}" for i in range(501)),
}  # fmt: skip


@pytest.mark.parametrize("words", TOO_LARGE)
def test_what_a_planner_would_choke_on_is_refused(words: str) -> None:
    with pytest.raises(UnsupportedQueryError, match="can be answered in memory") as caught:
        parse(TOO_LARGE[words]).to_sql("duckdb")
    (found,) = caught.value.diagnostics
    assert found.code == "KQ402"
    assert words in found.message


def test_other_tables_are_asked_by_their_names() -> None:
    query = parse("A.B.count > 0")
    text = query.to_sql("spark", counts="index.counts", labels="index.labels")
    assert text.startswith("SELECT * FROM index.labels WHERE label IN (SELECT label FROM index.counts\n")
    assert compile_condition(query.tree, "duckdb", label="l.id").text.startswith("l.id IN (SELECT label FROM counts")
    with pytest.raises(ValueError, match="a dialect is one of duckdb, sqlite"):
        query.to_sql("oracle")  # type: ignore[call-overload]
