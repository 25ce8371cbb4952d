"""The SQLite schema of counts: how the tables are made, and how the counts of labels become their rows.

`operands` numbers what is counted in a project; `counts` has a row for each operand that a label has. The key of `counts` puts
the labels side by side that have so many of an operand: a comparison is a walk along it.

An object of several categories is one in the total of its job. Of a job with such objects a label has one more row: by how
much its counts exceed the total. Its operand has an empty blob in place of a category, which equals no text.
"""

from __future__ import annotations

import sqlite3

from kili_query.model.counts import CategoryCounts, Counts

_OPERANDS = """
CREATE TABLE operands (
    id INTEGER NOT NULL PRIMARY KEY,
    project_id TEXT NOT NULL{},
    job TEXT NOT NULL,
    category TEXT NOT NULL,
    UNIQUE (project_id, job, category)
)"""
_COUNTS = """
CREATE TABLE counts (
    operand_id INTEGER NOT NULL REFERENCES operands (id) ON DELETE CASCADE,
    n INTEGER NOT NULL CHECK (n > 0),
    label_id INTEGER NOT NULL{},
    PRIMARY KEY (operand_id, n, label_id)
) WITHOUT ROWID"""
SHARED = b""
"""In place of a category: by how much the counts of a job exceed its objects."""
_BY_LABEL = "CREATE INDEX counts_of_label ON counts (label_id)"


def create_tables(connection: sqlite3.Connection, *, projects: str | None = None, labels: str | None = None) -> None:
    """Make the tables, in the transaction that is open if one is.

    `projects` and `labels` are what the rows belong to, such as `labels (id)`: they go with it.

    >>> connection = sqlite3.connect(":memory:")
    >>> create_tables(connection)
    >>> rows = CountRows(connection, "p")
    >>> rows.add(1, {("A", "B"): 3})
    >>> rows.flush()
    >>> connection.execute("SELECT job, category, n, label_id FROM counts JOIN operands ON id = operand_id").fetchall()
    [('A', 'B', 3, 1)]
    """
    connection.execute(_OPERANDS.format(_belonging_to(projects)))
    connection.execute(_COUNTS.format(_belonging_to(labels)))
    connection.execute(_BY_LABEL)


def _belonging_to(what: str | None) -> str:
    return "" if what is None else f" REFERENCES {what} ON DELETE CASCADE"


class CountRows:
    """The counts of labels of a project on their way into the tables: gathered, and written by `flush`."""

    def __init__(self, connection: sqlite3.Connection, project: str) -> None:
        self._connection = connection
        self._project = project
        self._last: int = connection.execute("SELECT coalesce(max(id), 0) FROM operands").fetchone()[0]
        known = connection.execute("SELECT job, category, id FROM operands WHERE project_id = ?", (project,))
        self._operands: dict[tuple[str, str | bytes], int] = {
            (job, category): number for job, category, number in known
        }
        self._new: list[tuple[int, str, str, str | bytes]] = []
        self._rows: list[tuple[int, int, int]] = []

    def add(self, label: int, counts: Counts) -> None:
        """The counts of a label that has none yet."""
        for key, number in counts.items():
            if number:
                self._rows.append((self._operands.get(key) or self._numbered(key), number, label))
        for job, number in counts.shared.items() if isinstance(counts, CategoryCounts) else ():
            shared = (job, SHARED)
            self._rows.append((self._operands.get(shared) or self._numbered(shared), number, label))

    def _numbered(self, key: tuple[str, str | bytes]) -> int:
        self._last += 1
        self._operands[key] = self._last
        self._new.append((self._last, self._project, *key))
        return self._last

    def remove(self, label: int) -> None:
        """Take away the counts that a label has in the tables."""
        self._connection.execute("DELETE FROM counts WHERE label_id = ?", (label,))

    def flush(self) -> None:
        """Write what was gathered."""
        self._connection.executemany("INSERT INTO operands VALUES (?, ?, ?, ?)", self._new)
        self._connection.executemany("INSERT INTO counts VALUES (?, ?, ?)", self._rows)
        self._new.clear()
        self._rows.clear()
