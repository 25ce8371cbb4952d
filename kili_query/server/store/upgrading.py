"""Upgrading: databases of earlier versions become what this version has, in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from sqlalchemy import Table
from sqlalchemy.dialects.sqlite import dialect
from sqlalchemy.schema import CreateIndex, CreateTable

from kili_query.server.store import tables as t


def upgrade(database: sqlite3.Connection) -> None:
    """Bring a database from its version to that of `tables.py`; it is as it was, if that fails."""
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version in (0, t.SCHEMA_VERSION):  # a new one, or a good one
        return
    database.execute("PRAGMA foreign_keys = OFF")  # tables are replaced, and what points to them stays
    database.execute("BEGIN IMMEDIATE")
    try:
        for step in range(version, t.SCHEMA_VERSION):
            _STEPS[step](database)
        if wrong := database.execute("PRAGMA foreign_key_check").fetchone():
            raise sqlite3.DatabaseError(f"a row of `{wrong[0]}` belongs to nothing")
        database.execute(f"PRAGMA user_version = {t.SCHEMA_VERSION}")
        database.execute("COMMIT")
    except BaseException:
        database.execute("ROLLBACK")
        raise
    finally:
        database.execute("PRAGMA foreign_keys = ON")


def _ids_of_organizations(database: sqlite3.Connection) -> None:
    """Version 1 had each id of an asset or a label once, whoever had it: a refusal told what others have."""
    for table in (t.assets, t.labels):
        _replace(database, table)


def _files_of_assets(database: sqlite3.Connection) -> None:
    """Version 2 had files of exports only, which nobody uploads."""
    columns = (t.files.c.asset_id, t.files.c.expires_at, t.files.c.facts)
    _replace(database, t.files, without=[column.name for column in columns])


def _settings_of_projects(database: sqlite3.Connection) -> None:
    """Version 3 had no settings of projects beside the coverage of consensus and review."""
    _replace(database, t.projects, without=["settings"])


def _locks_of_assets(database: sqlite3.Connection) -> None:
    """Version 4 had nobody who opens assets."""
    database.execute(str(CreateTable(t.locks).compile(dialect=dialect())))
    for index in t.locks.indexes:
        database.execute(str(CreateIndex(index).compile(dialect=dialect())))


_STEPS = {1: _ids_of_organizations, 2: _files_of_assets, 3: _settings_of_projects, 4: _locks_of_assets}


def _replace(database: sqlite3.Connection, table: Table, without: Sequence[str] = ()) -> None:
    """Make a table anew, with the rows that it has; `without` names the columns that it had not.

    SQLite cannot take away that a column is unique.
    """
    name, columns = table.name, ", ".join(column.name for column in table.columns if column.name not in without)
    made = str(CreateTable(table).compile(dialect=dialect())).strip()
    database.execute(made.replace(f"CREATE TABLE {name} ", f"CREATE TABLE new_{name} ", 1))
    database.execute(f"INSERT INTO new_{name} ({columns}) SELECT {columns} FROM {name}")
    database.execute(f"DROP TABLE {name}")
    database.execute(f"ALTER TABLE new_{name} RENAME TO {name}")
    for index in sorted(table.indexes, key=lambda index: str(index.name)):
        database.execute(str(CreateIndex(index).compile(dialect=dialect())))
