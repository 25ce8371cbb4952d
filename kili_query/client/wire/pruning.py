"""Pruning: fields that were asked of the server for the SDK's own needs are taken away again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from kili_query.client.types import Row
from kili_query.client.wire.documents import Tree, field_tree
from kili_query.model.kili import LABEL_KEYS


def without_unasked(rows: Iterable[Row], fields: Iterable[str]) -> list[Row]:
    """The rows with nothing but the fields asked for; what lies under `jsonResponse` and the like is left whole.

    With a fragment (`... on Type`) among the fields, rows stay as they are.

    >>> without_unasked([{"id": "l1", "author": {"id": "u", "email": "e"}, "jsonResponse": {}}], ["author.email"])
    [{'author': {'email': 'e'}}]
    """
    fields = list(fields)
    if any("..." in field for field in fields):  # which fields a fragment gives is the server's business
        return list(rows)
    tree = field_tree(fields)
    return [_pruned(row, tree) for row in rows]


def _pruned(value: Any, tree: Tree) -> Any:
    if not tree or value is None:
        return value
    if isinstance(value, list):
        return [_pruned(item, tree) for item in value]
    return {name: _pruned(item, tree[name]) for name, item in value.items() if name in tree}


def keep_labels(assets: Iterable[Row], decide: Callable[[object], bool]) -> None:
    """Leave in the assets only the labels for whose answers `decide` is true; in place."""
    for asset in assets:
        for key in LABEL_KEYS:
            held = asset.get(key)
            if isinstance(held, list):
                asset[key] = [label for label in held if label and decide(label.get("jsonResponse"))]
            elif held and not decide(held.get("jsonResponse")):
                asset[key] = None
