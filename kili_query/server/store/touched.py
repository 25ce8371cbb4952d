"""Labels that a change touches: triggers note each one that is made, changed or deleted, whatever part of the server does it."""

from __future__ import annotations

import sqlite3

_NOTES = """CREATE TEMP TABLE touched (label_id INTEGER NOT NULL PRIMARY KEY)"""
_TRIGGER = """
CREATE TEMP TRIGGER touched_by_{0} AFTER {0} ON main.labels BEGIN
    INSERT OR IGNORE INTO touched VALUES ({1}.id);
END
"""
_THERE = "SELECT 1 FROM sqlite_temp_master WHERE name = 'touched'"


def watch(connection: sqlite3.Connection) -> None:
    """Have a connection note the labels that it touches; in a transaction."""
    if connection.execute(_THERE).fetchone() is None:
        connection.execute(_NOTES)
        for event, row in (("INSERT", "new"), ("UPDATE", "new"), ("DELETE", "old")):
            connection.execute(_TRIGGER.format(event, row))


def touched(connection: sqlite3.Connection) -> list[int]:
    """The keys of the labels that the transaction has touched; they are noted no longer."""
    found = [key for (key,) in connection.execute("SELECT label_id FROM temp.touched")]
    if found:
        connection.execute("DELETE FROM temp.touched")
    return found
