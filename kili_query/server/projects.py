"""Mutations of projects: made, and put into the trash."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import insert, select, update

from kili_query.errors import DataError
from kili_query.server import tables as t
from kili_query.server.filters import Scope, project_conditions
from kili_query.server.loading import read_interface
from kili_query.server.moments import now
from kili_query.server.people import People
from kili_query.server.problems import not_found, refused
from kili_query.server.results import Shaped, Written
from kili_query.server.store import new_id


def create_project(scope: Scope, arguments: Mapping[str, Any]) -> Written:
    """An empty project."""
    data = arguments["data"]
    try:
        given = data["jsonInterface"]
        value = msgspec.json.decode(given) if isinstance(given, str) else given
        if not isinstance(value, dict):
            raise DataError("it must be an object with `jobs`")
        text, _ = read_interface(value, data["inputType"])
    except (DataError, msgspec.DecodeError, RecursionError) as error:
        raise refused(f"`jsonInterface` is no ontology: {error}", argument="jsonInterface") from None
    project_id, at = new_id(), now()
    row = {
        "id": project_id,
        "organization_id": scope.organization_id,
        "author_id": scope.user_id,
        "title": data["title"],
    }
    row |= {"description": data.get("description") or "", "input_type": data["inputType"], "json_interface": text}
    row |= {"instructions": data.get("instructions"), "created_at": at, "updated_at": at}
    row["workflow_version"] = data.get("workflowVersion") or ("V2" if data.get("steps") else "V1")
    scope.connection.execute(insert(t.projects), row)
    People(scope.connection, scope.organization_id).join(project_id, {scope.user_id: "ADMIN"})
    _add_steps(scope, project_id, data.get("steps") or ())
    return Written("Project", [project_id], single=True)


def delete_project(scope: Scope, arguments: Mapping[str, Any]) -> Shaped:
    """Into the trash, where those who ask with `deleted: true` find it."""
    where = arguments["where"]
    if not where.get("id"):
        raise refused("`where.id` is needed: the id of the project", argument="where")
    found = scope.connection.scalar(select(t.projects.c.id).where(*project_conditions(where, scope)))
    if found is None:
        raise not_found("project", [where["id"]])
    scope.connection.execute(update(t.projects).where(t.projects.c.id == found).values(deleted=True, updated_at=now()))
    return Shaped(found)


def _add_steps(scope: Scope, project_id: str, steps: Any) -> None:
    groups: dict[str, str] = {}
    for position, step in enumerate(steps, 1):
        group = step.get("groupName")
        if group and group not in groups:
            groups[group] = new_id()
            scope.connection.execute(
                insert(t.step_groups), {"id": groups[group], "project_id": project_id, "name": group}
            )
        row = {"id": new_id(), "project_id": project_id, "group_id": groups.get(group or ""), "name": step["name"]}
        scope.connection.execute(insert(t.steps), row | {"type": step["type"], "position": position})
