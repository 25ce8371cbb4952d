"""Values of variables, read as their types say by functions that are made once for each type.

Changes come with hundreds of entries, and graphql-core asks for each value anew what its type is. What is not plainly right
is left to graphql-core, which says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from graphql import (
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    GraphQLString,
    VariableDefinitionNode,
)
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource, get_variable_values

Coerce = Callable[[Any], Any]


class NotPlainError(Exception):
    """The value is left to graphql-core."""


class Variable(NamedTuple):
    """A variable of an operation: its name, what graphql-core keeps of it, and what reads its values."""

    name: str
    signature: GraphQLVariableSignature
    coerce: Coerce


class Variables:
    """The variables of an operation."""

    def __init__(self, schema: GraphQLSchema, definitions: Iterable[VariableDefinitionNode]) -> None:
        self._schema = schema
        self._definitions = list(definitions)
        signatures = [get_variable_signature(schema, node) for node in self._definitions]
        self._all = [
            Variable(found.name, found, _coerced_by(found.type, {}))
            for found in signatures
            if not isinstance(found, GraphQLError)
        ]

    def of(self, given: Mapping[str, Any]) -> VariableValues | list[GraphQLError]:
        """Their values, or what is wrong with them."""
        try:
            if len(self._all) == len(self._definitions):
                coerced = {variable.name: variable.coerce(given[variable.name]) for variable in self._all}
                sources = {name: VariableValueSource(signature, given[name]) for name, signature, _ in self._all}
                return VariableValues(sources, coerced)
        except (NotPlainError, KeyError, RecursionError):
            pass
        return get_variable_values(self._schema, self._definitions, dict(given))


def _coerced_by(type_: GraphQLInputType, known: dict[str, Coerce]) -> Coerce:
    """What reads values of a type."""
    if isinstance(type_, GraphQLNonNull):
        return _required(_coerced_by(type_.of_type, known))
    if isinstance(type_, GraphQLList):
        return _listed(_coerced_by(type_.of_type, known))
    if isinstance(type_, GraphQLInputObjectType):
        if type_.name not in known:
            _object(type_, known)
        return lambda value: known[type_.name](value)  # types are made of each other in circles
    if type_ is GraphQLString:
        return _text
    return _leaf(type_)


def _required(coerce: Coerce) -> Coerce:
    def read(value: Any) -> Any:
        if value is None:
            raise NotPlainError
        return coerce(value)

    return read


def _listed(coerce: Coerce) -> Coerce:
    def read(value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, list):
            raise NotPlainError
        return [coerce(item) for item in value]

    return read


def _object(type_: GraphQLInputObjectType, known: dict[str, Coerce]) -> None:
    fields: dict[str, Coerce] = {}
    required: set[str] = set()
    plain = not type_.is_one_of

    def read(value: Any) -> Any:
        if value is None:
            return None
        if not plain or not isinstance(value, dict) or not required <= value.keys():
            raise NotPlainError
        try:
            return {name: fields[name](item) for name, item in value.items()}
        except KeyError:
            raise NotPlainError from None

    known[type_.name] = read
    for name, field in type_.fields.items():
        fields[name] = _coerced_by(field.type, known)
        plain = plain and field.default is None and not field.out_name
        if isinstance(field.type, GraphQLNonNull):
            required.add(name)


def _text(value: Any) -> Any:
    if value is None or type(value) is str:
        return value
    raise NotPlainError


def _leaf(type_: GraphQLLeafType) -> Coerce:
    def read(value: Any) -> Any:
        if value is None:
            return None
        try:
            return type_.coerce_input_value(value)
        except Exception:  # whatever a scalar makes of it
            raise NotPlainError from None

    return read
