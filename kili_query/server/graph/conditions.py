"""Conditions of SQL that filters share: one of many values, and what metadata hold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, literal_column, select

from kili_query.server.graph.problems import refused

MAX_METADATA = 100
"""The most keys that one filter of metadata asks for: each is a condition of its own."""

Condition = ColumnElement[bool]
Conditions = list[Condition]


def one_of(column: ColumnElement[Any], values: Sequence[object]) -> Condition:
    """The column is one of the values. They travel as one parameter: thousands are not too many."""
    return column.in_(select(listed(values)))


def listed(values: Sequence[object]) -> Any:
    """The values as a table of one column."""
    return func.json_each(json.dumps(list(values))).table_valued("value").c.value


def metadata_conditions(where: object, metadata: ColumnElement[Any]) -> Conditions:
    """What a filter asks of metadata.

    Raises
    ------
    GraphQLError: it makes no sense.
    """
    if not isinstance(where, Mapping):
        raise refused("`metadata` is an object: keys, and the values that assets must have under them")
    if len(where) > MAX_METADATA:
        raise refused(f"`metadata` has at most {MAX_METADATA} keys, and here are {len(where):,}")
    return [_metadata(metadata, str(key), value) for key, value in where.items() if value is not None]


def _metadata(metadata: ColumnElement[Any], key: str, value: object) -> Condition:
    entry = func.json_each(metadata).table_valued("key", "value", "type")
    number = entry.c.type.in_(("integer", "real"))
    match value:
        case bool():
            passes: Condition = entry.c.type == ("true" if value else "false")
        case int() | float():
            passes = and_(number, entry.c.value == _number(value))
        case str():
            passes = and_(entry.c.type == "text", entry.c.value == value)
        case [bool(), _] | [_, bool()]:
            raise _bad_metadata(key)
        case [int() | float() as low, int() | float() as high]:
            passes = and_(number, entry.c.value >= _number(low), entry.c.value <= _number(high))
        case list() if all(isinstance(item, str) for item in value):
            passes = and_(entry.c.type == "text", one_of(entry.c.value, value))
        case _:
            raise _bad_metadata(key)
    return exists(select(literal_column("1")).select_from(entry).where(entry.c.key == key, passes))


def _number(value: float) -> float:
    """A number as SQLite reads it in JSON: a whole one beyond 64 bits is one with a fraction, or infinite."""
    if -(2**63) <= value < 2**63:
        return value
    try:
        return float(value)
    except OverflowError:
        return inf if value > 0 else -inf


def _bad_metadata(key: str) -> Exception:
    what = "a text, a number, true, false, a list of texts (one of them), or two numbers (from, to)"
    return refused(f"the metadata filter `{key}` takes {what}", key=key)
