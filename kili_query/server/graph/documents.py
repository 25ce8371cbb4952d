"""Documents: parsed, validated and planned once for each text; then answered from the plan, or by graphql-core.

Almost every document that clients send is plain: fields and aliases, without fragments and directives below its root.
The answer of a plain one is read as it will be sent. For all others graphql-core completes what was read, field by field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    execute_sync,
    get_argument_values,
    get_named_type,
    get_variable_values,
    parse,
    print_schema,
    validate,
)
from graphql.execution.values import VariableValues

from kili_query.server.graph.budget import COMPLETED, TooLargeError
from kili_query.server.graph.coercion import Variables
from kili_query.server.graph.problems import refused
from kili_query.server.graph.reading import Pick

MAX_TOKENS = 20_000
"""The longest document: far beyond what clients send, and far below what costs seconds."""

MAX_DEPTH = 12
"""The deepest selection: labels have assets that have labels, and each level multiplies the answer."""

MAX_FIELDS = 1_000
"""The most fields of a selection that are columns of one statement; SQLite takes 2,000."""

MOST_FILTERS = 16
LONGEST_FILTER = 10_000
"""Filters that are kept as the schema has them, for each document, and how many bytes of JSON they may have."""

Resolve = Callable[[Any, str, tuple[Pick, ...], Mapping[str, Any]], Any]
"""Reads or writes for a root field: context, name, what is asked for below, arguments."""


class Root(NamedTuple):
    """A field at the root of a plain operation."""

    node: FieldNode
    pick: Pick


class Document(NamedTuple):
    """A document that is valid; `plain` has the root fields of each operation that is."""

    node: DocumentNode
    operations: dict[str | None, OperationDefinitionNode]
    plain: dict[str | None, list[Root]]
    filters: dict[bytes, VariableValues]
    """Filters among the variables that came with it, by their JSON."""
    changes: dict[str | None, Variables]
    """The variables of each mutation."""


class Documents:
    """The documents of a schema, by their texts."""

    def __init__(self, schema: GraphQLSchema, resolve: Resolve) -> None:
        self.schema = schema
        self._resolve = resolve
        self._read = lru_cache(maxsize=512)(self._parsed)
        self.digest = sha256(print_schema(schema).encode()).hexdigest()[:12]
        """Changes with the schema."""

    def read(self, text: str) -> Document | list[GraphQLError]:
        """The document of a text, or why it is none."""
        return self._read(text)

    def operation(self, document: Document, name: str | None) -> OperationDefinitionNode:
        """The operation of that name, or the only one.

        Raises
        ------
        GraphQLError: there is none, or there are several and no name.
        """
        if name is None and len(document.operations) == 1:
            return next(iter(document.operations.values()))
        if name in document.operations:
            return document.operations[name]
        names = ", ".join(f"`{known}`" for known in document.operations if known)
        if name is None:
            raise refused(f"`operationName` is needed: the document has several operations: {names}")
        raise refused(f"the document has no operation `{name}`, but {names or 'one without a name'}")

    def answer(
        self, document: Document, operation: OperationDefinitionNode, variables: Mapping[str, Any], context: Any
    ) -> tuple[dict[str, Any] | None, list[GraphQLError]]:
        """The data of an operation, or the errors."""
        roots = document.plain.get(_name(operation))
        if roots is None:
            try:
                result = execute_sync(
                    self.schema, document.node, context_value=context, variable_values=dict(variables),
                    operation_name=_name(operation), field_resolver=_from_record, middleware=[_counted],
                )  # fmt: skip
            except _Ended as ended:
                return None, [ended.error]
            return (None, result.errors) if result.errors else (result.data, [])
        coerced = self._coerced(document, operation, variables)
        if isinstance(coerced, list):
            return None, coerced
        parent = self._root_type(operation)
        data: dict[str, Any] = {}
        for node, pick in roots:
            try:
                arguments = get_argument_values(parent.fields[pick.name], node, coerced)
                data[pick.key] = self._resolve(context, pick.name, pick.below, arguments)
            except Exception as error:
                return None, [_located(error, node, pick.key)]
        return data, []

    def resolver(self, _: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        """What graphql-core calls for a root field: all that may be asked for below it is read at once."""
        below = _widest([node.selection_set for node in info.field_nodes], info.fragments)
        return self._resolve(info.context, info.field_name, below, arguments)

    def _coerced(
        self, document: Document, operation: OperationDefinitionNode, variables: Mapping[str, Any]
    ) -> VariableValues | list[GraphQLError]:
        """The variables as the schema has them. The filter of a list comes again with each page, and is read once."""
        definitions = operation.variable_definitions or ()
        filters = {name: value for name, value in variables.items() if isinstance(value, dict)}
        if operation.operation is OperationType.MUTATION:
            return document.changes[_name(operation)].of(variables)
        if operation.operation is not OperationType.QUERY or not filters:
            return get_variable_values(self.schema, definitions, dict(variables))
        key = msgspec.json.encode([_name(operation), filters])
        known = document.filters.get(key)
        if known is None:
            of_filters = [item for item in definitions if item.variable.name.value in filters]
            found = get_variable_values(self.schema, of_filters, filters)
            if isinstance(found, list):  # all mistakes are told at once
                return get_variable_values(self.schema, definitions, dict(variables))
            known = found
            if len(key) <= LONGEST_FILTER:
                if len(document.filters) >= MOST_FILTERS:
                    document.filters.clear()
                document.filters[key] = known
        others = [item for item in definitions if item.variable.name.value not in filters]
        rest = get_variable_values(self.schema, others, dict(variables))
        if isinstance(rest, list):
            return rest
        return VariableValues({**known.sources, **rest.sources}, {**known.coerced, **rest.coerced})

    def _root_type(self, operation: OperationDefinitionNode) -> GraphQLObjectType:
        found = self.schema.get_root_type(operation.operation)
        assert found is not None  # the document is valid
        return found

    def _parsed(self, text: str) -> Document | list[GraphQLError]:
        try:
            node = parse(text, max_tokens=MAX_TOKENS)
        except GraphQLError as error:
            return [error]
        if errors := validate(self.schema, node):
            return errors
        operations = {_name(item): item for item in node.definitions if isinstance(item, OperationDefinitionNode)}
        plain: dict[str | None, list[Root]] = {}
        for name, operation in operations.items():
            picks = self._plain(operation.selection_set, self._root_type(operation))
            if picks is not None:
                nodes = [item for item in operation.selection_set.selections if isinstance(item, FieldNode)]
                plain[name] = [Root(*pair) for pair in zip(nodes, picks, strict=True)]
        changes = {
            name: Variables(self.schema, operation.variable_definitions or ())
            for name, operation in operations.items()
            if operation.operation is OperationType.MUTATION
        }
        return Document(node, operations, plain, {}, changes)

    def _plain(self, selected: SelectionSetNode, parent: GraphQLObjectType, depth: int = 0) -> tuple[Pick, ...] | None:
        """The fields of a selection, if it holds nothing but fields, each key once, not too deep; else None."""
        if depth > MAX_DEPTH:
            return None
        picks: dict[str, Pick] = {}
        for item in selected.selections:
            if not isinstance(item, FieldNode) or item.directives:
                return None
            name, key = item.name.value, item.alias.value if item.alias else item.name.value
            if key in picks or len(picks) == MAX_FIELDS or name in ("__schema", "__type"):
                return None
            below: tuple[Pick, ...] | None = ()
            if item.selection_set:
                kind = get_named_type(parent.fields[name].type)
                below = (
                    self._plain(item.selection_set, kind, depth + 1) if isinstance(kind, GraphQLObjectType) else None
                )
                if below is None:
                    return None
            elif name == "__typename":
                return None
            picks[key] = Pick(key, name, below or ())
        return tuple(picks.values())


def _widest(
    sets: Iterable[SelectionSetNode | None], fragments: Mapping[str, FragmentDefinitionNode], depth: int = 1
) -> tuple[Pick, ...]:
    """Every field that selections may ask for, by its name, whatever the directives and types around it."""
    below: dict[str, list[SelectionSetNode | None]] = {}
    todo = [item for selected in sets if selected for item in selected.selections]
    if todo and depth > MAX_DEPTH:
        raise refused(f"selections are nested at most {MAX_DEPTH} deep", depth=depth)
    seen: set[str] = set()
    while todo:
        item = todo.pop(0)
        if isinstance(item, FieldNode):
            below.setdefault(item.name.value, []).append(item.selection_set)
        elif isinstance(item, InlineFragmentNode):
            todo += item.selection_set.selections
        elif isinstance(item, FragmentSpreadNode) and item.name.value not in seen:
            seen.add(item.name.value)
            todo += fragments[item.name.value].selection_set.selections
    return tuple(
        Pick(name, name, _widest(inner, fragments, depth + 1)) for name, inner in below.items() if name != "__typename"
    )


def _from_record(source: Any, info: GraphQLResolveInfo[Any]) -> Any:
    return source.get(info.field_name) if isinstance(source, dict) else None


def _counted(resolve: Callable[..., Any], source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
    """The value of a field, of the schema's own too, within the budget of the answer."""
    try:
        value = resolve(source, info, **arguments)
        info.context.budget.spend_values((value,), cell=COMPLETED)
        return value
    except TooLargeError as error:
        located = GraphQLError(error.message, info.field_nodes, path=info.path.as_list(), extensions=error.extensions)
        raise _Ended(located) from None


class _Ended(BaseException):
    """Ends the completion of an answer: graphql-core takes an exception for that of one field, and goes on."""

    def __init__(self, error: GraphQLError) -> None:
        self.error = error


def _located(error: Exception, node: FieldNode, key: str) -> GraphQLError:
    if isinstance(error, GraphQLError):
        return GraphQLError(error.message, [node], path=[key], extensions=error.extensions)
    return GraphQLError(str(error), [node], path=[key], original_error=error)


def _name(operation: OperationDefinitionNode) -> str | None:
    return operation.name.value if operation.name else None
