"""From selections of fields to rows: one SQL query for each level, whatever the number of rows.

A table of fields says, for each type of the schema, where a field stands. What is read is as the schema promises:
the answer needs no second pass over its values.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Boolean, ColumnElement, Connection, Select, Table, bindparam, func, null, select
from sqlalchemy.dialects.sqlite import dialect

from kili_query.model.decoding import decode_json
from kili_query.server.bucket import Bucket
from kili_query.server.graph.budget import Budget, Row, Times
from kili_query.server.graph.filters import Scope, Where
from kili_query.server.store.tables import driver

Record = dict[str, Any]

KEYS_AHEAD = 5_000
"""Rows of a list whose keys are read at once, when a page after the first is asked for."""

MOST_REMEMBERED = 100
"""Lists, and meanings of project filters, that are remembered."""


_ONCE: Times = {}


class Pick(NamedTuple):
    """A field that is asked for: the key in the answer, its name, and what is asked for below it."""

    key: str
    name: str
    below: tuple[Pick, ...] = ()


@dataclass
class Event:
    """An event of a subscription: the key of a label; None while it begins, with its project."""

    label: int | None = None
    project_id: str = ""


@dataclass
class Reader(Scope):
    """A scope with what the values of some fields are made of."""

    types: Mapping[str, Kind] = field(default_factory=dict)
    """Where the fields of each type stand."""
    address: Callable[[str], str] = str
    """The address of a stored file by its mark in the database."""
    response_address: Callable[[str], str] | None = None
    """The address of a label's content by the label's key and id, if contents are served there."""
    bucket: Bucket = field(default_factory=lambda: Bucket(b""))
    """Signs addresses for uploads, and knows them again."""
    folder: Path = Path()
    """Where the files lie."""
    gone: list[str] = field(default_factory=list)
    """The files that go with what a change has deleted, once it is written."""
    budget: Budget = field(default_factory=Budget)
    """How much the answer may hold."""
    written: list[int] = field(default_factory=list)
    """The keys of labels that the request has made or changed."""
    counted: Callable[[Where, Reader], int | None] = lambda where, reader: None
    """How many labels pass a filter, where that is known without asking the database."""
    event: Event | None = None
    """What a subscription is told of, where one is answered."""
    lists: dict[bytes, Keys] = field(default_factory=dict)
    """The keys of the lists that were read, by what they are of and what their filters say."""

    def remember(self) -> None:
        """Take over what earlier requests of the account learnt, if nothing was written since; for requests that only read."""
        learnt = _memory(self.connection).learnt
        self.projects, self.lists = learnt.setdefault((self.organization_id, self.user_id), ({}, {}))
        if len(self.projects) > MOST_REMEMBERED:
            self.projects.clear()


class Keys(NamedTuple):
    """The keys of rows of a list, in their order, from the row `start` on."""

    start: int
    keys: Sequence[Any]

    def of_page(self, first: int, skip: int) -> Sequence[Any] | None:
        """The keys of a page; None if they are not all among these."""
        begin, at_end = skip - self.start, len(self.keys) < KEYS_AHEAD
        known = begin >= 0 and (at_end or begin + first <= len(self.keys))
        return self.keys[begin : begin + first] if known else None


class _Memory(NamedTuple):
    """What a connection learnt of the data in one state of them, by account."""

    state: tuple[int, int]
    learnt: dict[tuple[str, str], tuple[dict[str, Sequence[str]], dict[bytes, Keys]]]


def _memory(connection: Connection) -> _Memory:
    """What the connection has learnt; nothing if anybody has written since."""
    database = driver(connection)
    by_others = database.execute("PRAGMA data_version").fetchone()[0]  # begins to read: the state stays as it is now
    state = (by_others, database.total_changes)
    memory: _Memory | None = connection.info.get(_Memory)
    if memory is None or memory.state != state:
        memory = connection.info[_Memory] = _Memory(state, {})
    return memory


@dataclass(frozen=True, eq=False, slots=True)
class Column:
    """A field that stands in the row: as it is, or put into shape."""

    expression: ColumnElement[Any]
    shape: Callable[[Reader, Any], Any] | None = None

    def finish(self, reader: Reader, pick: Pick, records: list[Record], often: Sequence[int]) -> None:
        """Put the values into shape."""
        key, shape = pick.key, self.shape
        if shape:
            for record in records:
                record[key] = shape(reader, record[key])
        elif isinstance(self.expression.type, Boolean):  # SQLite has numbers for them
            for record in records:
                if record[key] is not None:
                    record[key] = bool(record[key])


@dataclass(frozen=True, eq=False, slots=True)
class Embedded:
    """An object, or a list of objects, that stands in the row as JSON text."""

    expression: ColumnElement[Any]

    def finish(self, reader: Reader, pick: Pick, records: list[Record], often: Sequence[int]) -> None:
        """Decode, and keep what is asked for."""
        key, names = pick.key, [(below.key, below.name) for below in pick.below]
        for record, times in zip(records, often, strict=True):
            if record[key] is not None:
                value = decode_json(record[key])
                items: list[Any] = value if isinstance(value, list) else [value]
                for item in items:
                    reader.budget.spend_values((item.get(name) for _, name in names), times)
                kept = [_kept(item, names) for item in items]
                record[key] = kept if isinstance(value, list) else kept[0]


@dataclass(frozen=True, eq=False, slots=True)
class One:
    """The row of another table whose key stands in this row."""

    expression: ColumnElement[Any]
    kind: str

    def finish(self, reader: Reader, pick: Pick, records: list[Record], often: Sequence[int]) -> None:
        """Read the rows, each once."""
        key, times = pick.key, _summed(records, pick.key, often)
        times.pop(None, None)
        found = dict(by_keys(reader, self.kind, pick.below, list(times), times))
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

    def finish(self, reader: Reader, pick: Pick, records: list[Record], often: Sequence[int]) -> None:
        """Read the rows of all records at once, and hand them out."""
        key, kind = pick.key, reader.types[self.kind]
        times = _summed(records, key, often)
        found: dict[Any, list[Record]] = {owner: [] for owner in times}
        rows = _pointing(self, kind, pick.below).run(reader, list(found))
        for owner, row in _shaped(reader, kind, pick.below, rows, times):
            found[owner].append(row)
        for record in records:
            mine = found[record[key]]
            record[key] = (mine[0] if mine else None) if self.single else mine


Field = Column | Embedded | One | Many

Conditions = Callable[[Where, Reader], Sequence[ColumnElement[bool]]]
"""What a filter asks of rows."""


@dataclass(frozen=True, eq=False, slots=True)
class Kind:
    """A type of the schema: its table, key, order and fields."""

    table: Table
    key: ColumnElement[Any]
    order: tuple[ColumnElement[Any], ...]
    fields: Mapping[str, Field]
    instead: Mapping[str, tuple[str, Field]] = field(default_factory=dict)
    """For a field that stands elsewhere if another one is asked for, too: that one, and the field without it."""

    def reads(self, name: str, asked: Collection[str]) -> Field:
        """The field of this name, where these are asked for."""
        other, alone = self.instead.get(name, ("", None))
        return self.fields[name] if alone is None or other in asked else alone


def page(
    reader: Reader, name: str, picks: tuple[Pick, ...], where: Where, conditions: Conditions, first: int, skip: int
) -> list[Record]:
    """A page of the rows that pass a filter, in their order; `conditions` says what it asks of them.

    To find a page, SQLite steps over all rows before it. Somebody who asks for a second page will ask for more: keys of
    many rows are read at once then, and remembered until somebody writes.
    """
    kind = reader.types[name]
    if not skip:
        query = _columns(kind, picks).where(*conditions(where, reader)).order_by(*kind.order).limit(first)
        return [record for _, record in _shaped(reader, kind, picks, reader.connection.execute(query))]
    # graphql-core says `Undefined` where a variable inside a JSON value is not given
    asked = sha256(json.dumps([name, where], sort_keys=True, default=repr).encode()).digest()
    listed = reader.lists.get(asked)
    keys = listed.of_page(first, skip) if listed else None
    if keys is None:
        query = select(kind.key).where(*conditions(where, reader)).order_by(*kind.order).limit(KEYS_AHEAD).offset(skip)
        if len(reader.lists) >= MOST_REMEMBERED:
            reader.lists.clear()
        listed = reader.lists[asked] = Keys(skip, reader.connection.scalars(query).all())
        keys = listed.keys[:first]
    found = dict(by_keys(reader, name, picks, keys))
    return [found[key] for key in keys]


def by_keys(
    reader: Reader, name: str, picks: tuple[Pick, ...], keys: Sequence[Any], times: Times = _ONCE
) -> list[tuple[Any, Record]]:
    """The rows with these keys, each with its key, in no order; `times` says how often the answer will have them."""
    kind = reader.types[name]
    return _shaped(reader, kind, picks, _with_keys(kind, picks).run(reader, keys), times)


def how_many(reader: Reader, name: str, conditions: Iterable[ColumnElement[bool]]) -> int:
    """The number of rows that satisfy conditions."""
    reader.budget.spend(1, 0)
    query = select(func.count()).select_from(reader.types[name].table).where(*conditions)
    return reader.connection.scalar(query) or 0


def _shaped(
    reader: Reader, kind: Kind, picks: tuple[Pick, ...], read: Iterable[Row], times: Times = _ONCE
) -> list[tuple[Any, Record]]:
    """Rows as the answer has them, within its budget; each after the value of its last column, which is not for it."""
    rows = reader.budget.taken(read, times, _widening(picks))
    names, asked = [pick.key for pick in picks], {pick.name for pick in picks}
    records = [dict(zip(names, row)) for row in rows]  # noqa: B905 - the row is longer by one
    often = [times.get(row[-1], 1) for row in rows]
    for pick in picks:
        kind.reads(pick.name, asked).finish(reader, pick, records, often)
    return [(row[-1], record) for row, record in zip(rows, records, strict=True)]


def _summed(records: list[Record], key: str, often: Sequence[int]) -> dict[Any, int]:
    """How often the answer has what stands under a key."""
    found: dict[Any, int] = {}
    for record, times in zip(records, often, strict=True):
        found[record[key]] = found.get(record[key], 0) + times
    return found


class _Statement(NamedTuple):
    """A statement with the parameter `keys`, as the driver takes it: SQLAlchemy would take longer than SQLite does."""

    sql: str
    names: Sequence[str]
    given: Mapping[str, Any]

    @classmethod
    def of(cls, query: Select[Any]) -> _Statement:
        """The statement of a query."""
        compiled = query.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
        return cls(str(compiled), compiled.positiontup or (), compiled.params)

    def run(self, reader: Reader, keys: Sequence[Any]) -> Iterable[Row]:
        """The rows that it finds, as they are found."""
        given = {**self.given, "keys": json.dumps(keys)}
        return driver(reader.connection).execute(self.sql, [given[name] for name in self.names])


_DIALECT = dialect(paramstyle="qmark")

# Statements are built once: building one costs more than running it.


@lru_cache(maxsize=512)
def _columns(kind: Kind, picks: tuple[Pick, ...], also: ColumnElement[Any] | None = None) -> Select[Any]:
    columns = [kind.fields[name].expression.label(f"c{i}") for i, name in enumerate(_names(picks))]
    return select(*columns, (null() if also is None else also).label("also")).select_from(kind.table)


@lru_cache(maxsize=512)
def _with_keys(kind: Kind, picks: tuple[Pick, ...]) -> _Statement:
    return _Statement.of(_columns(kind, picks, kind.key).where(kind.key.in_(_keys())))


@lru_cache(maxsize=512)
def _pointing(field: Many, kind: Kind, picks: tuple[Pick, ...]) -> _Statement:
    return _Statement.of(
        field.narrow(_columns(kind, picks, field.by).where(field.by.in_(_keys()))).order_by(*kind.order)
    )


def _names(picks: tuple[Pick, ...]) -> list[str]:
    """The fields that are read: each once, under however many keys the answer has it."""
    return list(dict.fromkeys(pick.name for pick in picks))


@lru_cache(maxsize=512)
def _widening(picks: tuple[Pick, ...]) -> Callable[[Row], Row] | None:
    """What repeats the values of a row, where the answer has fields under several keys."""
    names = _names(picks)
    if len(names) == len(picks):
        return None
    places = {name: i for i, name in enumerate(names)}
    return itemgetter(*(places[pick.name] for pick in picks), -1)


def _keys() -> Any:
    return select(func.json_each(bindparam("keys", "[]")).table_valued("value").c.value)


def _kept(value: Any, names: list[tuple[str, str]]) -> Record:
    return {key: value.get(name) for key, name in names}
