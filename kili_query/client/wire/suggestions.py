"""Unknown fields: a field that the server does not have, and the near ones of the server's own schema."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from kili_query.client.wire.documents import Operation
from kili_query.errors import ArgumentError, GraphQLError
from kili_query.lang.wording import listed, nearest

_UNKNOWN_FIELD = re.compile(r"""Cannot query field ["'](\w+)["'] on type ["'](\w+)["']""")
_NO_PARTS = re.compile(
    r"""Field ["'](\w+)["'] must not have a selection since type ["']([^"']+)["'] has no subfields"""
)
_PARTS_NEEDED = re.compile(
    r"""Field ["'](\w+)["'] of type ["']\[?(\w++)[^"']*+["'] must have a selection of subfields"""
)


def _names(value: Any) -> list[str]:
    """The names of the fields of a type, as far as the answer tells them."""
    fields = value.get("fields") if isinstance(value, Mapping) else None
    named = [field.get("name") for field in fields if isinstance(field, Mapping)] if isinstance(fields, list) else []
    return [name for name in named if isinstance(name, str)]


FIELDS_OF_TYPE = Operation(
    "fieldsOfType",
    "query fieldsOfType($name: String!) {\n  data: __type(name: $name) {\n    fields {\n      name\n    }\n  }\n}",
    _names,
)


class Unknown(NamedTuple):
    """A field that was asked for and cannot be: its name, the type that it was asked of, and what is wrong."""

    field: str
    type_name: str
    problem: str


def unknown_field(error: GraphQLError) -> Unknown | None:
    """The field that a refusal is about, if it is about one. The sentences are those of GraphQL's reference."""
    for message in error.messages:
        if match := _UNKNOWN_FIELD.search(message):
            return Unknown(match[1], match[2], f"is no field of Kili's `{match[2]}`")
        if match := _PARTS_NEEDED.search(message):
            return Unknown(match[1], match[2], "is an object: ask for parts of it")
        if match := _NO_PARTS.search(message):
            return Unknown(match[1], match[2].strip("[]!"), "has no parts: ask for it alone")
    return None


def name_unknown_field(unknown: Unknown, names: Collection[str]) -> ArgumentError:
    """The error that names the field, with those of the type that are near."""
    if "no parts" in unknown.problem:
        hint = ""
    elif "is an object" in unknown.problem:
        hint = ", such as " + ", ".join(f"`{unknown.field}.{name}`" for name in list(names)[:4]) if names else ""
    elif near := nearest(unknown.field, names):
        hint = f"; {listed(near)} {'is' if len(near) == 1 else 'are'} near"
    else:
        hint = f"; it has {listed(sorted(names), 12)}" if names else ""
    return ArgumentError("fields", f"holds `{unknown.field}`, which {unknown.problem}{hint}")
