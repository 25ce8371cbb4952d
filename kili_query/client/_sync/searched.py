# Generated from kili_query/client/_async/searched.py by kili_query.client.generate.unasync. Do not edit.
"""Acting on a query: the assets that a call changes, found by what their labels hold."""

from __future__ import annotations

from typing import Any

from kili_query.client._sync.assets import Assets
from kili_query.client._sync.changes import Changes
from kili_query.client.messages import warn
from kili_query.client.wire.calls import Call
from kili_query.client.wire.where import asset_where
from kili_query.errors import ArgumentError, IncompatibleArgumentsError, MissingArgumentError


class Searched(Assets, Changes):
    """What the methods share that select assets by `label_category_search`."""

    def _with_ids(self, arguments: dict[str, Any], call: Call, *arrays: str) -> dict[str, Any] | None:
        """The arguments with the ids of the assets that a query finds in its place, and its arrays as long.

        The assets are looked up once, before anything is changed. None, with a warning, if there are none.

        Raises
        ------
        IncompatibleArgumentsError: assets are named otherwise, too.
        MissingArgumentError: the project is not given.
        ArgumentError: the query is empty, or an array has several entries.
        """
        given = {name: value for name, value in arguments.items() if name != "label_category_search"}
        search, project_id = arguments["label_category_search"], arguments["project_id"]
        if search is None:
            return given
        for name in ("asset_ids", "external_ids"):
            if arguments[name] is not None:
                raise IncompatibleArgumentsError(
                    "label_category_search", f"and `{name}` are both given; assets are named once"
                )
        if project_id is None:
            raise MissingArgumentError("project_id", "is missing; `label_category_search` looks into a project")
        if not str(search).strip():
            raise ArgumentError("label_category_search", "is empty; it takes a category query, as text or `Query`")
        for name in arrays:
            if arguments[name] is not None and len(arguments[name]) != 1:
                told = f"has {len(arguments[name])} items; beside `label_category_search` it has one, for all assets"
                raise ArgumentError(name, told)
        ids = self._found(search, project_id, call)
        if not ids:
            warn(f"`{call.method}` does nothing: no asset has a label that satisfies `{search}`")
            return None
        long = {name: list(arguments[name]) * len(ids) for name in arrays if arguments[name] is not None}
        return {**given, **long, "asset_ids": ids}

    def _found(self, search: Any, project_id: str, call: Call) -> list[str]:
        """The ids of the assets with a label that satisfies a query, the oldest first."""
        asked = {"project_id": project_id, "label_category_search": search}
        asked, project, found = self._asset_filters(asked, call)
        if found.local is not None and project is not None:
            chosen = self._assets_by_labels(asked, found.local, found.text, project, call)
            return sorted(chosen)
        listing = self._asset_listing(project_id, asset_where(asked, found.text), ["id"], call)
        return [row["id"] for row in self._listed(listing, call, True)]
