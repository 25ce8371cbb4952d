"""Counting and listing labels by a category query in SQLite, beside evaluating it in Python, in one run.

    python -m tests.bench.counting                    # a million labels; six minutes, 0.5 GB of disk
    python -m tests.bench.counting --labels 100000    # a quick look

Labels have about five counts each, of 20 operands, of which the most frequent is in 90 % of the labels and the rarest
in 2 %. Peers: `compile_predicate` over dicts of counts that are already in memory, which no server has; and
`Query.matches` over the `jsonResponse` as text, measured on a part of the labels. Each figure is the best of some.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kili_query import parse
from kili_query.engines.memory import compile_predicate
from kili_query.engines.sqlite import compile_condition
from kili_query.engines.sqlite_tables import CountRows, create_tables
from kili_query.model.counts import Counts
from tests.engines.test_sqlite import WITHOUT_INDEX

OPERANDS = 20
PART = 4_000
"""Labels of which the response is decoded and counted."""

QUERIES = {
    "one, rare": "J.C12.count > 2",
    "one, frequent": "J.C0.count > 0",
    "AND, both rare": "J.C14.count > 0 AND J.C12.count > 2",
    "AND, rare and frequent": "J.C0.count > 0 AND J.C12.count > 6",
    "AND, both in the middle": "J.C1.count > 3 AND J.C9.count > 0",
    "AND, both frequent": "J.C0.count > 0 AND J.C1.count > 0",
    "AND NOT": "J.C9.count > 2 AND NOT J.C3.count > 0",
    "OR, both rare": "J.C14.count > 2 OR J.C12.count > 2",
    "OR, both frequent": "J.C0.count > 1 OR J.C3.count > 4",
    "five, AND": "J.C9.count > 2 AND J.C0.count > 0 AND J.C1.count > 0 AND J.C2.count > 0 AND J.C3.count > 0",
    "five, AND and OR": "(J.C9.count > 2 OR J.C8.count > 3) AND (J.C10.count > 0 OR J.C11.count > 0) AND J.C12.count == 0",
}

TABLES = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
CREATE TABLE labels(id INTEGER PRIMARY KEY, project_id TEXT, created_at TEXT, json_response TEXT);
"""


def labels(number: int, seed: int = 7) -> Iterator[Counts]:
    """The counts of so many labels."""
    rnd = random.Random(seed)
    shares = [(("J", f"C{i}"), 0.9 * 0.82**i) for i in range(OPERANDS)]
    for _ in range(number):
        yield {key: 1 + int(-2.5 * math.log(1 - rnd.random())) for key, share in shares if rnd.random() < share}


def response(counts: Counts) -> str:
    """A small `jsonResponse` with these counts: objects without geometry."""
    names = [category for (_, category), n in counts.items() for _ in range(n)]
    return json.dumps(
        {"J": {"annotations": [{"mid": str(i), "categories": [{"name": n}]} for i, n in enumerate(names)]}}
    )


def load(path: Path, all_counts: list[Counts]) -> sqlite3.Connection:
    """The labels in tables as local Kili has them."""
    connection = sqlite3.connect(path)
    connection.executescript(TABLES)
    create_tables(connection)
    rows = CountRows(connection, "p")
    for label, counts in enumerate(all_counts, 1):
        rows.add(label, counts)
    rows.flush()
    stamps = ((i, f"2026-01-{1 + i // 40_000:02d}T{i % 86_400:05d}", "x" * 300) for i in range(1, len(all_counts) + 1))
    connection.executemany("INSERT INTO labels VALUES (?, 'p', ?, ?)", stamps)
    connection.execute("CREATE INDEX labels_in_order ON labels(project_id, created_at, id)")
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("PRAGMA cache_size = -65536")
    return connection


class Figure(NamedTuple):
    """What a run gave, and the seconds of the best one."""

    result: int
    seconds: float


def best(rounds: int, run: Callable[[], int]) -> Figure:
    """The best of so many runs."""
    seconds, result = math.inf, 0
    for _ in range(rounds):
        start = time.perf_counter()
        result = run()
        seconds = min(seconds, time.perf_counter() - start)
    return Figure(result, seconds)


def in_python(holds: Callable[[Any], bool], items: Sequence[object], rounds: int) -> Figure:
    """Counting what holds."""
    return best(rounds, lambda: sum(1 for item in items if holds(item)))


def in_sqlite(connection: sqlite3.Connection, text: str, rounds: int) -> tuple[Figure, Figure]:
    """Counting all labels, and listing the first page."""
    condition, values = compile_condition(parse(text).tree, project=":project")
    arguments = values | {"project": "p"}
    # `+` keeps SQLite from going through all labels of the project, which it believes to be ten
    count = f"SELECT count(*) FROM labels WHERE +labels.project_id = :project AND {condition}"
    page = f"SELECT id FROM labels WHERE project_id = :project AND {condition} ORDER BY created_at, id LIMIT 100"
    return (
        best(rounds, lambda: int(connection.execute(count, arguments).fetchone()[0])),
        best(rounds, lambda: len(connection.execute(page, arguments).fetchall())),
    )


def compare(connection: sqlite3.Connection, title: str, all_counts: list[Counts], rounds: int) -> None:
    """Print the table for the indexes that are there now."""
    part = [response(counts) for counts in all_counts[:PART]]
    print(f"\n{title}: {len(all_counts):,} labels; milliseconds, and how many times faster SQLite counts")
    print(f"  {'':26}{'match':>9}{'count':>8}{'page':>8}{'dicts':>8}{'times':>7}{'responses':>11}{'times':>7}")
    for name, text in QUERIES.items():
        query = parse(text)
        holds = compile_predicate(query.tree)
        dicts = in_python(holds, all_counts, rounds)
        decoded = in_python(query.matches, part, rounds).seconds * len(all_counts) / len(part)
        count, page = in_sqlite(connection, text, rounds)
        if count.result != dicts.result or page.result != min(100, dicts.result):
            raise SystemExit(f"not the same answer to {text}: {dicts.result}, {count.result}, {page.result}")
        print(
            f"  {name:26}{count.result:9,}{count.seconds * 1e3:8.1f}{page.seconds * 1e3:8.1f}{dicts.seconds * 1e3:8.0f}"
            f"{dicts.seconds / count.seconds:7.1f}{decoded * 1e3:11,.0f}{decoded / count.seconds:7.0f}"
        )


def main() -> None:
    """Read the options and run."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--labels", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=3)
    chosen = options.parse_args()
    all_counts = list(labels(chosen.labels))
    print(f"SQLite {sqlite3.sqlite_version}, {sum(map(len, all_counts)):,} counts")
    with tempfile.TemporaryDirectory() as folder:
        connection = load(Path(folder) / "labels.sqlite", all_counts)
        try:
            compare(connection, "as the tables are", all_counts, chosen.rounds)
            connection.execute("ANALYZE")
            compare(connection, "after ANALYZE", all_counts, chosen.rounds)
            connection.execute(WITHOUT_INDEX)
            connection.execute("ANALYZE")
            compare(connection, "without the index on label_id, after ANALYZE", all_counts, chosen.rounds)
        finally:
            connection.close()


if __name__ == "__main__":
    main()
