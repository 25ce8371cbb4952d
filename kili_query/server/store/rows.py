"""Rows of assets and labels on their way into a project: gathered, and written in batches.

Here, and only here, labels are given to the tables of counts (`engines/sqlite_tables.py`).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table

from kili_query.engines.sqlite_tables import CountRows
from kili_query.model.counts import Counts
from kili_query.model.kili import BY_PEOPLE
from kili_query.server.store import tables as t
from kili_query.server.store.tables import driver

BATCH = 2_000
"""Labels, and assets, that are held back before they are written."""


_OF_ORGANIZATION = "JOIN projects ON projects.id = {0}.project_id WHERE {0}.uid = ? AND projects.organization_id = ?"

_ASSET_BY = {
    # by its id, not along the project, which SQLite would do for each one of a loading
    "uid": "SELECT id FROM assets WHERE +project_id = ? AND uid = ? LIMIT 1",
    "external_id": "SELECT id FROM assets WHERE project_id = ? AND external_id = ? LIMIT 1",
}

_TAKEN = """
    SELECT assets.uid FROM json_each(?) AS wanted CROSS JOIN assets ON assets.uid = wanted.value
    CROSS JOIN projects ON projects.id = assets.project_id WHERE projects.organization_id = ?
"""  # in this order, which SQLite would change


class Held(NamedTuple):
    """A label that is there: where it belongs to, and what tells whether another one is a copy of it."""

    project_id: str
    asset: int
    label_type: str
    response: str


class Rows:
    """The assets and labels that one transaction adds to a project."""

    def __init__(self, connection: Connection, project_id: str) -> None:
        self._driver = driver(connection)
        self.project_id = project_id
        self._next = {table: self._last(table) for table in (t.assets, t.labels)}
        self._counts = CountRows(self._driver, project_id)
        self._pending: dict[Table, list[tuple[Any, ...]]] = {table: [] for table in _WRITERS}
        self._asset_keys: dict[tuple[str, str], int] = {}  # of those that are not written yet
        self._assets: dict[int, tuple[str, str]] = {}
        self._labels: dict[str, Held] = {}
        query = "SELECT organization_id FROM projects WHERE id = ?"
        self._organization_id: str = self._driver.execute(query, (project_id,)).fetchone()[0]

    def add_asset(self, uid: str, external_id: str, values: Mapping[str, Any]) -> int:
        """A row of `assets`; gives its key.

        Raises
        ------
        UnicodeError: a text holds half a surrogate pair, which SQLite cannot keep; so for labels.
        """
        _check(uid, external_id, *values.values())
        key = self._number(t.assets)
        row = {"id": key, "uid": uid, "external_id": external_id, "project_id": self.project_id}
        self._asset_keys["uid", uid] = self._asset_keys["external_id", external_id] = key
        self._assets[key] = external_id, str(values.get("content", ""))
        self._put(t.assets, {**row, **values})
        return key

    def add_label(
        self, uid: str, asset: int, values: Mapping[str, Any], response: str, counts: Counts, annotations: str | None = None
    ) -> int:  # fmt: skip
        """A row of `labels` with its content and its counts; gives its key."""
        _check(uid, response, annotations, *values.values(), *(name for pair in counts for name in pair))
        key = self._number(t.labels)
        total = values.get("number_of_annotations")
        row = {"id": key, "uid": uid, "asset_id": asset, "project_id": self.project_id}
        row["number_of_annotations"] = sum(counts.values()) if total is None else total
        self._labels[uid] = Held(self.project_id, asset, str(values["label_type"]), response)
        self._put(t.labels, {**values, **row})
        self._pending[t.responses].append((key, response, annotations))
        self._counts.add(key, counts)
        if len(self._pending[t.labels]) >= BATCH:
            self.flush()
        return key

    def recount(self, label: int, counts: Counts) -> None:
        """Other counts for a label that is there."""
        self._counts.remove(label)
        self._counts.add(label, counts)

    def asset(self, column: str, value: str) -> int | None:
        """The key of the project's asset with this `uid` or `external_id`."""
        if (column, value) in self._asset_keys:
            return self._asset_keys[column, value]
        row = self._driver.execute(_ASSET_BY[column], (self.project_id, value)).fetchone()
        return row[0] if row else None

    def asset_values(self, key: int) -> tuple[str, str]:
        """The external id and the content of an asset of the project."""
        if key in self._assets:
            return self._assets[key]
        found: tuple[str, str] = self._driver.execute(
            "SELECT external_id, content FROM assets WHERE id = ?", (key,)
        ).fetchone()
        return found

    def taken(self, uids: Iterable[str]) -> set[str]:
        """Those of some ids that assets of the organization have."""
        found = self._driver.execute(_TAKEN, (json.dumps(list(uids)), self._organization_id))
        return {uid for (uid,) in found}

    def has_asset(self, uid: str) -> bool:
        """Whether the organization of the project has an asset of this id; what others have is no matter."""
        if ("uid", uid) in self._asset_keys:
            return True
        query = f"SELECT 1 FROM assets {_OF_ORGANIZATION.format('assets')} LIMIT 1"
        return self._driver.execute(query, (uid, self._organization_id)).fetchone() is not None

    def label(self, uid: str) -> Held | None:
        """The label of this id that the organization of the project has."""
        if uid in self._labels:
            return self._labels[uid]
        of = f"JOIN responses ON responses.label_id = labels.id {_OF_ORGANIZATION.format('labels')}"
        query = f"SELECT labels.project_id, asset_id, label_type, json FROM labels {of} LIMIT 1"
        row = self._driver.execute(query, (uid, self._organization_id)).fetchone()
        return Held(*row) if row else None

    def flush(self) -> None:
        """Write what was held back."""
        for table, rows in self._pending.items():
            if rows:
                self._driver.executemany(_WRITERS[table], rows)
                rows.clear()
        self._counts.flush()
        self._asset_keys.clear()
        self._assets.clear()
        self._labels.clear()

    def _put(self, table: Table, values: Mapping[str, Any]) -> None:
        self._pending[table].append(tuple({**_DEFAULTS[table], **values}.values()))
        if table is t.assets and len(self._pending[table]) >= BATCH:
            self.flush()

    def _last(self, table: Table) -> int:
        return int(self._driver.execute(f"SELECT coalesce(max(id), 0) FROM {table.name}").fetchone()[0])

    def _number(self, table: Table) -> int:
        self._next[table] += 1
        return self._next[table]


def _check(*values: object) -> None:
    """Have an error at the row that causes it, not at the end of a batch."""
    for value in values:
        if isinstance(value, str) and not value.isascii():
            value.encode()


def _insert(table: Table) -> str:
    names = ", ".join(column.name for column in table.columns)
    return f"INSERT INTO {table.name} ({names}) VALUES ({', '.join('?' * len(table.columns))})"


_WRITERS = {table: _insert(table) for table in (t.assets, t.labels, t.responses)}
_DEFAULTS: dict[Table, dict[str, Any]] = {
    table: {column.name: getattr(column.default, "arg", None) for column in table.columns}
    for table in (t.assets, t.labels)
}

_OF_PEOPLE = "({0}label_type IN ('DEFAULT', 'REVIEW'))"
_OF_TYPE = ("{0}label_type",)
_OF_STEP = (_OF_PEOPLE, "coalesce({0}step_name, {0}label_type)")
"""What labels of an author and an asset have in common of which the last one is the latest."""


def _flags(of_type: str, of_step: str) -> dict[str, str]:
    """The flags of a label, by whether it is the last one of its type, and of its step."""
    return {
        "is_latest_label_for_user": of_type,
        "is_latest_default_label_for_user": f"label_type = 'DEFAULT' AND {of_type}",
        "is_latest_review_label_for_user": f"label_type = 'REVIEW' AND {of_type}",
        "is_last_for_step": f"{_OF_PEOPLE.format('')} AND {of_step}",
    }


def _looked_up(same: Iterable[str]) -> str:
    """Whether a row is the last of those like it, by looking for that."""
    of = " AND ".join(f"{what.format('other.')} IS {what.format('labels.')}" for what in same)
    return (
        "id = (SELECT id FROM labels AS other WHERE other.asset_id = labels.asset_id"
        f" AND other.author_id IS labels.author_id AND {of} ORDER BY created_at DESC, id DESC LIMIT 1)"
    )


def _ranked(same: Iterable[str]) -> str:
    """The same, for all rows of some assets at once."""
    of = ", ".join(("asset_id", "author_id", *(what.format("") for what in same)))
    return f"row_number() OVER (PARTITION BY {of} ORDER BY created_at DESC, id DESC) = 1"


_FLAGS = _flags(_looked_up(_OF_TYPE), _looked_up(_OF_STEP))
_SETTLED = f"""
    SELECT {", ".join(_flags(_ranked(_OF_TYPE), _ranked(_OF_STEP)).values())}, id, {", ".join(_FLAGS)} FROM labels
    WHERE asset_id IN (SELECT value FROM json_each(?))
"""
_SETTLE = f"UPDATE labels SET {', '.join(f'{name} = ?' for name in _FLAGS)} WHERE id = ?"


def settle_project(connection: Connection, project_id: str) -> None:
    """Work out which labels are the latest, where a loading did not say so."""
    sets = ", ".join(f"{name} = coalesce({name}, {value})" for name, value in _FLAGS.items())
    missing = " OR ".join(f"{name} IS NULL" for name in _FLAGS)
    connection.exec_driver_sql(f"UPDATE labels SET {sets} WHERE project_id = ? AND ({missing})", (project_id,))


def flags_of_last(label_type: str) -> dict[str, bool]:
    """The flags of a label that is the last in every respect, as new ones are."""
    of_people = label_type in BY_PEOPLE
    return dict(zip(_FLAGS, (True, label_type == "DEFAULT", label_type == "REVIEW", of_people), strict=True))


def settled_with(connection: Connection, assets: Sequence[int]) -> list[int]:
    """Those of the assets that new labels come to whose labels have to be settled: they have one already, or get several."""
    several = {asset for asset, number in Counter(assets).items() if number > 1}
    found = driver(connection).execute(_LABELED, (json.dumps(list(set(assets))),))
    return sorted(several.union(asset for (asset,) in found))


_LABELED = "SELECT DISTINCT asset_id FROM labels WHERE asset_id IN (SELECT value FROM json_each(?))"


def settle_assets(connection: Connection, assets: Iterable[int]) -> None:
    """Work out again which labels of these assets are the latest."""
    below, number = driver(connection), len(_FLAGS)
    found = below.execute(_SETTLED, (json.dumps(list(set(assets))),))
    below.executemany(_SETTLE, [row[: number + 1] for row in found if row[:number] != row[number + 1 :]])
