"""The engine in SQLite, run by SQLite: what it means, what it refuses, how it stands large queries."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_query import UnsupportedQueryError, parse, read_labels
from kili_query.engines.memory import compile_predicate
from kili_query.engines.sqlite import MAX_STEPS, MAX_VALUES, compile_condition
from kili_query.engines.sqlite_tables import CountRows, create_tables
from kili_query.lang.ast import And, Comparison, Count, Node, Not, Or, leaves
from kili_query.lang.operators import Operator
from kili_query.model.counts import Counts, Key, count_label, counts_of
from tests.strategies import SMALL_KEYS, small_operands, small_trees, trees

WITHOUT_INDEX = "DROP INDEX counts_of_label"


class Store:
    """Labels of projects in SQLite, as their counts."""

    def __init__(self, labels: Iterable[tuple[str, Counts]] = ()) -> None:
        self.connection = sqlite3.connect(":memory:")
        self.connection.execute("CREATE TABLE labels(id INTEGER PRIMARY KEY, project_id TEXT)")
        create_tables(self.connection, labels="labels (id)")
        for project, counts in labels:
            self.add(project, counts)

    def add(self, project: str, counts: Counts) -> None:
        label = self.connection.execute("INSERT INTO labels(project_id) VALUES (?)", (project,)).lastrowid
        assert label is not None
        rows = CountRows(self.connection, project)
        rows.add(label, counts)
        rows.flush()

    def find(self, tree: Node, project: str | None = None) -> list[int]:
        """The row numbers of the labels that satisfy the query; asked in both ways, which must agree."""
        text, values = compile_condition(tree)
        where, arguments = ("1", {}) if project is None else ("labels.project_id = :project", {"project": project})
        found = self._ids(f"{where} AND ({text})", values | arguments)
        if project is not None:
            text, values = compile_condition(tree, project=":project", prefix="value")
            assert self._ids(f"{where} AND ({text})", values | arguments) == found
        return found

    def _ids(self, where: str, values: dict[str, object]) -> list[int]:
        rows = self.connection.execute(f"SELECT id FROM labels WHERE {where} ORDER BY id", values)
        return [row[0] for row in rows]

    def close(self) -> None:
        self.connection.close()


@contextmanager
def storing(labels: Iterable[tuple[str, Counts]]) -> Iterator[Store]:
    store = Store(labels)
    try:
        yield store
    finally:
        store.close()


def answer(tree: Node, counts: Counts) -> bool:
    """The truth for one label, which stands in the store with others."""
    others: list[Counts] = [{}, dict.fromkeys(counts, 1), {("OTHER", "THING"): 3}]
    with storing([("p", counts), *(("p", other) for other in others), ("q", counts)]) as store:
        found = store.find(tree, "p")
        assert (5 in store.find(tree)) is (1 in found)
        return 1 in found


# -- meaning -----------------------------------------------------------------------------------------------------------

some_counts = st.dictionaries(st.sampled_from(SMALL_KEYS), st.integers(0, 6)) | st.dictionaries(
    st.sampled_from(SMALL_KEYS), st.sets(st.integers(0, 6))
).map(lambda found: counts_of({key: {(key[0], i) for i in objects} for key, objects in found.items() if objects}))
"""Counts, and those of labels whose objects may have several categories."""
wide_trees = trees(small_operands, st.integers(-1, 4), max_leaves=40)


@given(small_trees | wide_trees, st.lists(some_counts, max_size=8), st.booleans(), st.booleans())
def test_it_agrees_with_memory(tree: Node, labels: list[dict[Key, int]], by_label: bool, analyzed: bool) -> None:
    holds = compile_predicate(tree)
    projects = ["p" if i % 3 else "q" for i in range(len(labels))]
    with storing(zip(projects, labels, strict=True)) as store:
        if not by_label:
            store.connection.execute(WITHOUT_INDEX)
        if analyzed:
            store.connection.execute("ANALYZE")
        expected = [i for i, counts in enumerate(labels, 1) if holds(counts)]
        assert store.find(tree) == expected
        for project in ("p", "q", "no such project"):
            assert store.find(tree, project) == [i for i in expected if projects[i - 1] == project]


_many = [Count(job, category) for job in "ABC" for category in "DEFGH"]


@given(trees(st.sampled_from(_many), st.integers(-1, 3), max_leaves=60), st.data())
def test_it_agrees_with_memory_on_many_operands(tree: Node, data: st.DataObject) -> None:
    row = st.dictionaries(st.sampled_from([operand.key for operand in _many]), st.integers(0, 4))
    labels = data.draw(st.lists(row, min_size=1, max_size=6))
    holds = compile_predicate(tree)
    with storing(("p", counts) for counts in labels) as store:
        assert store.find(tree, "p") == [i for i, counts in enumerate(labels, 1) if holds(counts)]


@given(trees(max_leaves=6), st.data())
def test_any_name_and_number_is_told_apart(tree: Node, data: st.DataObject) -> None:
    keys = [leaf.operand.key for leaf in leaves(tree) if isinstance(leaf.operand, Count)] or [("A", "B")]
    counts = data.draw(st.dictionaries(st.sampled_from(keys), st.integers(0, 9)))
    with storing([("p", counts), ("p", {})]) as store:
        holds = compile_predicate(tree)
        assert store.find(tree, "p") == [i for i, label in enumerate([counts, {}], 1) if holds(label)]


BORDERS = [2**31, 2**53, 2**53 + 1, 2**63 - 2, 2**63 - 1, 2**63, 2**64, 10**400]


@pytest.mark.parametrize("operator", Operator)
def test_numbers_of_any_size_are_compared_exactly(operator: Operator) -> None:
    counts = [0, 1, 2**53, 2**53 + 1, 2**63 - 2, 2**63 - 1]
    key = ("A", "B")
    with storing(("p", {key: n}) for n in counts) as store:
        for number in (b for border in BORDERS for b in (border, -border)):
            for tree in (leaf := Comparison(Count(*key), operator, number), Not(leaf)):
                holds = compile_predicate(tree)
                assert store.find(tree) == [i for i, n in enumerate(counts, 1) if holds({key: n})]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A.B.count == 0", [1, 2]),
        ("A.B.count > 0", []),
        ("A.B.count >= 0", [1, 2]),
        ("A.B.count < 0", []),
        ("A.B.count != 1 AND C.D.count < 5", [1, 2]),
        ("A.B.count > 0 OR C.D.count == 0", [1, 2]),
        ("A.B.count > 0 AND C.D.count == 0", []),
        ("A.B.count IN 5..2 OR C.D.count < 0", []),
        ("A.B.count IN (1, 2) OR NOT A.B.count IN (1, 2)", [1, 2]),
    ],
)
def test_a_label_without_rows_counts_zero(text: str, found: list[int]) -> None:
    with storing([("p", {}), ("p", {})]) as store:
        assert store.find(parse(text).tree, "p") == found
    with storing([]) as store:
        assert store.find(parse(text).tree, "p") == []


def test_projects_with_the_same_names_do_not_mix() -> None:
    labels: list[tuple[str, Counts]] = [
        ("p", {("A", "B"): 1, ("C", "D"): 1}),
        ("q", {("A", "B"): 2}),
        ("p", {("A", "B"): 2}),
    ]
    with storing(labels) as store:
        assert store.find(parse("A.B.count == 2").tree, "p") == [3]
        assert store.find(parse("A.B.count == 2").tree, "q") == [2]
        assert store.find(parse("A.B.count == 2 AND C.D.count == 0").tree) == [2, 3]
        text, values = compile_condition(parse("A.B.count > 0").tree, project="'p'")
        assert store._ids(text, values) == [1, 3]  # the operands of the one project only


@pytest.mark.parametrize(
    "name",
    [
        "' OR 1=1 --",
        "') OR 1=1 --",
        '" OR ""="',
        "'; DROP TABLE counts; --",
        ":k0",
        "?1",
        "%",
        "_",
        "*",
        "a\x00b",
        "",
        "'",
    ],
)
def test_a_name_is_never_sql(name: str) -> None:
    with storing([("p", {(name, "B"): 2}), ("p", {("A", name): 2}), ("p", {("A", "B"): 2})]) as store:
        for key, found in (((name, "B"), [1]), (("A", name), [2])):
            tree = Comparison(Count(*key), Operator.GT, 1)
            text, _ = compile_condition(tree)
            assert len(name) < 2 or name == "*" or name == ":k0" or name not in text
            assert store.find(tree, "p") == found
            assert store.find(Not(tree), "p") == sorted({1, 2, 3} - {*found})
        assert store.find(parse("A.B.count == 2").tree, "p") == [3]


def test_other_labels_and_two_conditions_fit_one_statement() -> None:
    with storing([("p", {("A", "B"): 1}), ("p", {("A", "B"): 2})]) as store:
        one, first = compile_condition(parse("A.B.count > 0").tree, label="x.id", prefix="a")
        two, second = compile_condition(parse("A.B.count > 1").tree, label="y.id", prefix="b")
        rows = store.connection.execute(
            f"SELECT x.id, y.id FROM labels x, labels y WHERE {one} AND {two}", first | second
        )
        assert sorted(rows) == [(1, 2), (2, 2)]


# -- large queries -----------------------------------------------------------------------------------------------------


def _key(i: int) -> str:
    return f"J.C{i}.count"


def _spread(labels: int, keys: int) -> list[tuple[str, Counts]]:
    """Labels of which number i has a count of i % 3 for each key, but for number 0, which has nothing."""
    return [("p", {("J", f"C{k}"): i % 3 for k in range(keys)} if i else {}) for i in range(labels)]


MANY = 5_000
LARGE = {
    "or": " OR ".join(f"{_key(i)} > 1" for i in range(MANY)),
    "and": " AND ".join(f"{_key(i)} > 1" for i in range(MANY)),
    "and of one": " AND ".join(f"J.C0.count != {i}" for i in range(3, 20_000, 2)),
    "or of one": " OR ".join(f"J.C0.count == {i}" for i in range(2, 20_000, 2)),
    "list": f"J.C0.count IN ({', '.join(str(i) for i in range(2, 60_000, 2))})",
    "equal numbers": f"J.C0.count IN ({', '.join(['2'] * 100_000)})",
    "or of and": " OR ".join(f"J.C0.count == {i % 3} AND {_key(i)} == 2" for i in range(1, 700)),
    "and of or": " AND ".join(f"(J.C0.count == {i % 2 + 1} OR {_key(i)} == 2)" for i in range(1, 700)),
    "or of negations": " OR ".join(f"{_key(i)} < 2" for i in range(MANY)),
    "and of negations": " AND ".join(f"{_key(i)} < 2" for i in range(MANY)),
    "both": " AND ".join(f"{_key(i)} {'<' if i % 2 else '>'} 1" for i in range(MANY)),
    "not": "NOT " * 1000 + "J.C0.count > 1",
    "levels": "".join(f"{_key(i)} > 1 {('OR', 'AND')[i % 2]} (" for i in range(1000)) + "J.C0.count == 1" + ")" * 1000,
    "levels with not": "".join(f"{_key(i)} > 1 OR NOT (" for i in range(500)) + "J.C0.count == 1" + ")" * 500,
    "or of lists": " OR ".join(f"{_key(i)} IN ({', '.join(str(n) for n in range(2, 900, 2))})" for i in range(50)),
    "and of lists": " AND ".join(f"{_key(i)} IN ({', '.join(str(n) for n in range(2, 900, 2))})" for i in range(50)),
}


@pytest.mark.parametrize("kind", LARGE)
def test_large_queries_are_answered(kind: str) -> None:
    tree = parse(LARGE[kind]).tree
    holds, labels = compile_predicate(tree), _spread(7, 4)
    with storing(labels) as store:
        assert store.find(tree) == [i for i, (_, counts) in enumerate(labels, 1) if holds(counts)]


TOO_LARGE = {
    "levels": "J.A.count > 0 AND J.B.count > 0 AND J.C.count > 0 AND (J.D.count > 9 OR J.E.count > 9 AND (" * 490
    + "J.F.count > 9"
    + "))" * 490,
    "names": " OR ".join(f"{_key(i)} > 1" for i in range(MAX_VALUES)),
    "steps": " OR ".join(f"J.C0.count == {i % 3} AND {_key(i)} == 2" for i in range(1, MAX_STEPS)),
    "lists": " OR ".join(f"{_key(i)} IN ({', '.join(str(n) for n in range(2, 206, 2))})" for i in range(101)),
}


@pytest.mark.parametrize("many", [1, 2, 4, 5, 6, 99, 100, 101, 201])
def test_the_sizes_at_which_the_text_takes_another_form(many: int) -> None:
    pairs = [(f"{_key(2 * i)} > 0", f"{_key(2 * i + 1)} > 1") for i in range(many)]
    texts = [
        " OR ".join(f"{a} AND {b}" for a, b in pairs),
        " AND ".join(f"({a} OR {b})" for a, b in pairs),
        " AND ".join(a for a, _ in pairs),
        " OR ".join(b for _, b in pairs),
        f"{_key(0)} IN ({', '.join(str(2 * i + 1) for i in range(many))})",
        f"{_key(0)} NOT IN ({', '.join(str(2 * i) for i in range(many))})",
    ]
    ones: Counts = {("J", f"C{i}"): 1 for i in range(2 * many)}
    twos: Counts = dict.fromkeys(ones, 2)
    last = ("J", f"C{2 * many - 1}")
    labels: list[Counts] = [{}, ones, twos, {**twos, last: 0}, {**ones, last: 2}, {("J", "C0"): 2 * many - 1}]
    with storing(("p", counts) for counts in labels) as store:
        for text in texts:
            tree = parse(text).tree
            holds = compile_predicate(tree)
            assert store.find(tree) == [i for i, counts in enumerate(labels, 1) if holds(counts)], text[:60]


WORDS = {
    "levels": "AND and OR are nested so deep that SQLite would need more than 1500 steps in a row",
    "names": "the query holds more than 10,000 different names and numbers",
    "steps": "AND and OR are mixed so often that SQLite would need more than 4,000 steps",
    "lists": "the query holds long lists of numbers for more than 100 counts",
}


@pytest.mark.parametrize("kind", TOO_LARGE)
def test_what_sqlite_cannot_take_is_refused(kind: str) -> None:
    query = parse(TOO_LARGE[kind])
    with pytest.raises(UnsupportedQueryError, match="query can be answered in memory") as caught:
        compile_condition(query.tree)
    (found,) = caught.value.diagnostics
    assert (found.code, found.message) == ("KQ402", WORDS[kind])


def test_ten_thousand_names_and_numbers_are_taken_and_not_one_more() -> None:
    def tree(operands: int) -> Node:
        return Or(tuple(Comparison(Count("J", f"C{i}"), Operator.GT, 1) for i in range(operands)))

    _, values = compile_condition(tree(9_997))  # and the job, and the lowest and the highest count
    assert len(values) == 10_000
    with pytest.raises(UnsupportedQueryError):
        compile_condition(tree(9_998))


def test_a_refusal_holds_the_whole_query_and_says_what_would_work() -> None:
    tree = parse("  " + TOO_LARGE["lists"]).tree
    with pytest.raises(UnsupportedQueryError) as caught:
        compile_condition(tree)
    (found,) = caught.value.diagnostics
    text = caught.value.source
    assert parse(text).tree == tree
    assert (found.span.start, found.span.end) == (0, len(text))
    assert found.message == "the query holds long lists of numbers for more than 100 counts"
    assert found.hint == "the query can be answered in memory; `simplify` may make it smaller"


def test_half_a_character_cannot_be_stored() -> None:
    with pytest.raises(UnsupportedQueryError) as caught:
        compile_condition(Comparison(Count("A", "\ud800"), Operator.GT, 1))
    (found,) = caught.value.diagnostics
    assert (found.code, found.message) == (
        "KQ401",
        r"SQLite cannot store the name '\ud800', which holds half a character",
    )
    assert str(caught.value).encode()


def test_the_deepest_query_that_is_taken_fits_a_small_stack() -> None:
    done: list[list[int]] = []

    def run() -> None:
        with storing(_spread(7, 4)) as store:
            done.append(store.find(parse(LARGE["levels"]).tree))

    before = threading.stack_size(1024 * 1024)
    try:
        thread = threading.Thread(target=run)
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    assert len(done) == 1


# -- plans -------------------------------------------------------------------------------------------------------------


def _plan(store: Store, text: str) -> list[str]:
    condition, values = compile_condition(parse(text).tree)
    rows = store.connection.execute(f"EXPLAIN QUERY PLAN SELECT count(*) FROM labels WHERE {condition}", values)
    return [row[3] for row in rows]


@pytest.mark.parametrize("analyzed", [False, True])
@pytest.mark.parametrize("by_label", [False, True])
@pytest.mark.parametrize(
    "text", ["A.B.count > 1", "A.B.count > 1 AND C.D.count > 0", "A.B.count > 9 AND C.D.count > 0"]
)
def test_no_plan_goes_through_all_labels_or_all_counts(text: str, by_label: bool, analyzed: bool) -> None:
    with storing(("p", {("A", "B"): i % 3, ("C", "D"): i % 5}) for i in range(200)) as store:
        if not by_label:
            store.connection.execute(WITHOUT_INDEX)
        if analyzed:
            store.connection.execute("ANALYZE")
        plan = _plan(store, text)
        assert "SEARCH labels USING INTEGER PRIMARY KEY (rowid=?)" in plan
        assert not [step for step in plan if step.startswith(("SCAN labels", "SCAN counts"))]
        small = ["label_id=?" in step for step in plan if step.startswith("SEARCH counts")]
        assert any(small) is (by_label and "> 9" in text)  # looked up by label only where one set is much smaller


# -- real labels -------------------------------------------------------------------------------------------------------


def test_the_sample_export() -> None:
    labels = list(read_labels(Path(__file__).parents[1] / "data" / "coco.zip"))
    counts = [count_label(label) for label in labels]
    keys = sorted({key for row in counts for key in row})
    assert keys
    with storing(("p", row) for row in counts) as store:
        for first, second in zip(keys, keys[1:] + keys[:1], strict=True):
            for operator in Operator:
                for n in (0, 1, 2):
                    a, b = Comparison(Count(*first), operator, n), Comparison(Count(*second), Operator.GT, 0)
                    for tree in (a, And((a, b)), Or((a, Not(b)))):
                        holds = compile_predicate(tree)
                        assert store.find(tree, "p") == [i for i, row in enumerate(counts, 1) if holds(row)]


def test_counts_go_with_their_labels_and_projects() -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.executescript("CREATE TABLE owners (id TEXT PRIMARY KEY); CREATE TABLE labels (id INTEGER PRIMARY KEY)")
    create_tables(connection, projects="owners (id)", labels="labels (id)")
    connection.executescript("INSERT INTO owners VALUES ('p'), ('q'); INSERT INTO labels VALUES (1), (2), (3)")
    for project, labels in {"p": (1, 2), "q": (3,)}.items():
        rows = CountRows(connection, project)
        for label in labels:
            rows.add(label, {("A", "B"): label})
        rows.flush()
    for gone, left in {"labels WHERE id = 1": [2, 3], "owners WHERE id = 'q'": [2]}.items():
        connection.execute(f"DELETE FROM {gone}")
        assert [n for (n,) in connection.execute("SELECT n FROM counts ORDER BY n")] == left
    connection.close()
