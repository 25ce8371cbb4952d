"""From selections of fields to rows: one SQL query for each level, whatever the number of rows.

A table of fields says, for each type of the schema, where a field stands. What is read is as the schema promises:
the answer needs no second pass over its values.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Select, Table, bindparam, func, null, select

from kili_query.server.filters import Scope

Record = dict[str, Any]


class Pick(NamedTuple):
    """A field that is asked for: the key in the answer, its name, and what is asked for below it."""

    key: str
    name: str
    below: tuple[Pick, ...] = ()


@dataclass
class Reader(Scope):
    """A scope with what the values of some fields are made of."""

    types: Mapping[str, Kind] = field(default_factory=dict)
    """Where the fields of each type stand."""
    address: Callable[[str], str] = str
    """The address of a stored file by its mark in the database."""
    response_address: Callable[[str], str] | None = None
    """The address of a label's content by the label's id, if contents are served there."""


@dataclass(frozen=True, eq=False, slots=True)
class Column:
    """A field that stands in the row: as it is, or put into shape."""

    expression: ColumnElement[Any]
    shape: Callable[[Reader, Any], Any] | None = None

    def finish(self, reader: Reader, pick: Pick, records: list[Record]) -> None:
        """Put the values into shape."""
        if self.shape:
            key, shape = pick.key, self.shape
            for record in records:
                record[key] = shape(reader, record[key])


@dataclass(frozen=True, eq=False, slots=True)
class Embedded:
    """An object, or a list of objects, that stands in the row as JSON text."""

    expression: ColumnElement[Any]

    def finish(self, reader: Reader, pick: Pick, records: list[Record]) -> None:
        """Decode, and keep what is asked for."""
        key, names = pick.key, [(below.key, below.name) for below in pick.below]
        for record in records:
            if record[key] is not None:
                value = msgspec.json.decode(record[key])
                record[key] = [_kept(item, names) for item in value] if isinstance(value, list) else _kept(value, names)


@dataclass(frozen=True, eq=False, slots=True)
class One:
    """The row of another table whose key stands in this row."""

    expression: ColumnElement[Any]
    kind: str

    def finish(self, reader: Reader, pick: Pick, records: list[Record]) -> None:
        """Read the rows, each once."""
        key, wanted = pick.key, {record[pick.key] for record in records} - {None}
        found = dict(by_keys(reader, self.kind, pick.below, list(wanted)))
        for record in records:
            record[key] = found.get(record[key])


@dataclass(frozen=True, eq=False, slots=True)
class Many:
    """The rows of another table that point to this row, in their order; or the first of them alone."""

    expression: ColumnElement[Any]
    kind: str
    by: ColumnElement[Any]
    narrow: Callable[[Select[Any]], Select[Any]] = lambda query: query
    single: bool = False

    def finish(self, reader: Reader, pick: Pick, records: list[Record]) -> None:
        """Read the rows of all records at once, and hand them out."""
        key, kind = pick.key, reader.types[self.kind]
        found: dict[Any, list[Record]] = {record[key]: [] for record in records}
        for owner, row in fetch(reader, kind, pick.below, _pointing(self, kind, pick.below), list(found)):
            found[owner].append(row)
        for record in records:
            mine = found[record[key]]
            record[key] = (mine[0] if mine else None) if self.single else mine


Field = Column | Embedded | One | Many


@dataclass(frozen=True, eq=False, slots=True)
class Kind:
    """A type of the schema: its table, key, order and fields."""

    table: Table
    key: ColumnElement[Any]
    order: tuple[ColumnElement[Any], ...]
    fields: Mapping[str, Field]


def page(
    reader: Reader, name: str, picks: tuple[Pick, ...], conditions: Iterable[ColumnElement[bool]], first: int, skip: int
) -> list[Record]:
    """A page of the rows that satisfy conditions, in their order."""
    kind = reader.types[name]
    query = _columns(kind, picks).where(*conditions).order_by(*kind.order).limit(first).offset(skip)
    return [record for _, record in fetch(reader, kind, picks, query)]


def by_keys(reader: Reader, name: str, picks: tuple[Pick, ...], keys: Sequence[Any]) -> list[tuple[Any, Record]]:
    """The rows with these keys, each with its key, in no order."""
    kind = reader.types[name]
    return fetch(reader, kind, picks, _with_keys(kind, picks), keys)


def how_many(reader: Reader, name: str, conditions: Iterable[ColumnElement[bool]]) -> int:
    """The number of rows that satisfy conditions."""
    query = select(func.count()).select_from(reader.types[name].table).where(*conditions)
    return reader.connection.scalar(query) or 0


def fetch(
    reader: Reader, kind: Kind, picks: tuple[Pick, ...], query: Select[Any], keys: Sequence[Any] | None = None
) -> list[tuple[Any, Record]]:
    """The rows of a query as the answer has them; each after the value of its last column, which is not for the answer."""
    given = {} if keys is None else {"keys": json.dumps(keys)}
    rows = reader.connection.execute(query, given).all()
    names = [pick.key for pick in picks]
    records = [dict(zip(names, row)) for row in rows]  # noqa: B905 - the row is longer by one
    for pick in picks:
        kind.fields[pick.name].finish(reader, pick, records)
    return [(row[-1], record) for row, record in zip(rows, records, strict=True)]


# Statements are built once: building one costs more than running it.


@lru_cache(maxsize=512)
def _columns(kind: Kind, picks: tuple[Pick, ...], also: ColumnElement[Any] | None = None) -> Select[Any]:
    columns = [kind.fields[pick.name].expression.label(f"c{i}") for i, pick in enumerate(picks)]
    return select(*columns, (null() if also is None else also).label("also")).select_from(kind.table)


@lru_cache(maxsize=512)
def _with_keys(kind: Kind, picks: tuple[Pick, ...]) -> Select[Any]:
    return _columns(kind, picks, kind.key).where(kind.key.in_(_keys()))


@lru_cache(maxsize=512)
def _pointing(field: Many, kind: Kind, picks: tuple[Pick, ...]) -> Select[Any]:
    return field.narrow(_columns(kind, picks, field.by).where(field.by.in_(_keys()))).order_by(*kind.order)


def _keys() -> Any:
    return select(func.json_each(bindparam("keys")).table_valued("value").c.value)


def _kept(value: Any, names: list[tuple[str, str]]) -> Record:
    return {key: value.get(name) for key, name in names}
