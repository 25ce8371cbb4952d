"""Assets that a change names by their ids: hundreds at once, found by one statement."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select

from kili_query.server.graph.filters import Scope, Where, asset_conditions, project_ids
from kili_query.server.graph.problems import not_found, refused
from kili_query.server.store import tables as t
from kili_query.server.store.tables import driver

_NAMED = "SELECT uid, id, project_id FROM assets WHERE uid IN (SELECT value FROM json_each(?))"


def assets_named(scope: Scope, ids: Iterable[str], project: Where | None = None) -> dict[str, tuple[int, str]]:
    """The keys and projects of assets by their ids.

    Raises
    ------
    GraphQLError: one of them is not there, or not visible.
    """
    wanted = list(dict.fromkeys(ids))
    found = _visible(scope, wanted, project)
    if missing := [uid for uid in wanted if uid not in found]:
        raise not_found("asset", missing)
    return found


def keys_of(scope: Scope, wheres: Sequence[Mapping[str, Any]]) -> list[int]:
    """The keys of assets, each of which a filter names by its id.

    Raises
    ------
    GraphQLError: one does not, or there is no such asset.
    """
    asked = [{name: value for name, value in where.items() if value is not None} for where in wheres]
    if nameless := [i for i, where in enumerate(asked) if not where.get("id")]:
        raise refused(f"`where[{nameless[0]}].id` is needed: the id of the asset", index=nameless[0])
    found = _visible(scope, [where["id"] for where in asked if len(where) == 1])
    keys = []
    for where in asked:
        if len(where) > 1:
            key = scope.connection.scalar(select(t.assets.c.id).where(*asset_conditions(where, scope)))
        else:
            key, _ = found.get(where["id"], (None, None))
        if key is None:
            raise not_found("asset", [where["id"]])
        keys.append(key)
    return keys


def _visible(scope: Scope, ids: Sequence[str], project: Where | None = None) -> dict[str, tuple[int, str]]:
    projects = set(project_ids(project, scope))
    rows = driver(scope.connection).execute(_NAMED, (json.dumps(ids),))
    return {uid: (key, project_id) for uid, key, project_id in rows if project_id in projects}
