"""GraphQL documents: names of fields such as `labels.author.email` become a selection."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar

from kili_query.errors import ArgumentError

_PATH = re.compile(r"[_A-Za-z][_0-9A-Za-z]*(\.[_A-Za-z][_0-9A-Za-z]*)*")

_FRAGMENT = re.compile(r"((?:[_A-Za-z][_0-9A-Za-z]*\.(?=[^.]|\.\.\.))*)(.+)", re.DOTALL)
"""Names that lead to it, and a text that holds a fragment (`... on Type`); of four dots, the first ends a name."""

Tree = dict[str, "Tree"]

T = TypeVar("T")


class Operation(NamedTuple, Generic[T]):
    """A GraphQL operation: its name for messages, its text, what reads its answer, and what it asks about.

    `read` gives what the answer means, or raises a `ServerError` if it is of another shape.
    """

    name: str
    document: str
    read: Callable[[Any], T]
    variables: Mapping[str, Any] = MappingProxyType({})
    change: bool = False
    root: str = "data"
    """What the document calls its one field."""

    def asking(self, **variables: Any) -> Operation[T]:
        """The same operation with these variables."""
        return self._replace(variables=variables)


def selection(fields: Iterable[str], argument: str = "fields") -> str:
    """The selection set of fields; a text with `...` (a fragment) is taken as it is.

    Raises
    ------
    ArgumentError: there is none, one is not a name, or one is asked for both alone and with its parts.

    >>> print(selection(["id", "author.email", "author.id"]))
    {
      id
      author {
        email
        id
      }
    }
    """
    tree = field_tree(fields, argument)
    if not tree:
        raise ArgumentError(argument, "is empty; it takes names of fields, such as `id` or `author.email`")
    _refuse_both(tree, {field for field in fields if "..." not in field}, argument)
    return "\n".join(["{", *_lines(tree, "  "), "}"])


def field_tree(fields: Iterable[str], argument: str = "fields") -> Tree:
    """Fields by their parts; fragments are leaves.

    Raises
    ------
    ArgumentError: one is not a name.

    >>> field_tree(["id", "author.email", "author.id"])
    {'id': {}, 'author': {'email': {}, 'id': {}}}
    """
    tree: Tree = {}
    for field in fields:
        if "..." in field:
            names, fragment = _FRAGMENT.fullmatch(field).groups()  # type: ignore[union-attr]
            parts = [*names.split(".")[:-1], fragment]
        elif _PATH.fullmatch(field):
            parts = field.split(".")
        else:
            raise ArgumentError(argument, f"holds `{field}`; it takes names such as `id` or `author.email`")
        node = tree
        for part in parts:
            node = node.setdefault(part, {})
    return tree


def _refuse_both(tree: Tree, asked: set[str], argument: str) -> None:
    """`author` beside `author.id` is no valid selection: an object is asked for by its parts."""
    for field in sorted(asked):
        node = tree
        for part in field.split("."):
            node = node[part]
        if node:
            longer = f"{field}.{next(iter(node))}"
            raise ArgumentError(argument, f"holds `{field}` and `{longer}`; it takes the parts alone: `{longer}`")


def _lines(tree: Tree, indent: str) -> Iterator[str]:
    for name, parts in tree.items():
        if parts:
            yield f"{indent}{name} {{"
            yield from _lines(parts, indent + "  ")
            yield f"{indent}}}"
        else:
            yield f"{indent}{name}"


def page_query(root: str, where: str, fields: str, arguments: str = "where: $where, first: $first, skip: $skip") -> str:
    """The document that lists a page of `root`."""
    return _query(f"{root}($where: {where}!, $first: PageSize!, $skip: Int!)", f"{root}({arguments}) {fields}")


def count_query(root: str, where: str) -> str:
    """The document that counts."""
    return _query(f"{root}($where: {where}!)", f"{root}(where: $where)")


def _query(head: str, body: str) -> str:
    return f"query {head} {{\n  data: {indented(body)}\n}}"


def indented(text: str) -> str:
    """A part of a document within another."""
    return text.replace("\n", "\n  ")
