"""The people of projects: who they are, and how they become it."""

from __future__ import annotations

from collections.abc import Mapping
from operator import eq
from typing import Any

from sqlalchemy import exists, false, not_, select, true, update

from kili_query.server.graph.conditions import Conditions, one_of
from kili_query.server.graph.filters import (
    Place,
    Row,
    Scope,
    Where,
    asked,
    elsewhere,
    of_user,
    project_conditions,
    project_ids,
)
from kili_query.server.graph.kinds import status_of
from kili_query.server.graph.problems import not_found, refused
from kili_query.server.graph.results import Written
from kili_query.server.store import tables as t
from kili_query.server.store.people import People
from kili_query.server.store.store import add_user_row


def project_user_conditions(where: Where, scope: Scope) -> Conditions:
    """What ProjectUserWhere asks of rows of `project_users`."""
    projects = project_ids(where.get("project"), scope)
    return [one_of(t.project_users.c.project_id, projects), *asked(PROJECT_USER_ROWS, where, scope, t.project_users)]


def _with_status(value: str, at: Place) -> Conditions:
    return [at.table.c.user_id.in_(select(t.users.c.id).where(status_of(t.users) == value))]


def _active(value: bool, at: Place) -> Conditions:
    c = at.table.c
    labeled = exists().where(t.labels.c.project_id == c.project_id, t.labels.c.author_id == c.user_id)
    return [labeled if value else not_(labeled)]


PROJECT_USER_ROWS: Mapping[str, Row] = {
    "id": ("id", eq),
    "user": of_user,
    "status": _with_status,
    "activeInProject": _active,
    "deleted": lambda value, _: [false() if value else true()],
    "project": elsewhere,
}


def append_to_roles(scope: Scope, arguments: Mapping[str, Any]) -> Written:
    """A user has a role in a project, another than before if need be; who is not known yet is made."""
    where, data = arguments["where"], arguments["data"]
    project = one_project(scope, where)
    people, email, user_id = People(scope.connection, scope.organization_id), data.get("userEmail"), data.get("userID")
    if email:
        user = people.find(email) or (people.author({"email": email.strip().lower()}) if "@" in email else None)
    else:
        user = people.find(user_id) if user_id else None
    if user is None:
        if email or not user_id:
            raise refused("`userEmail` is the e-mail address of the user, or `userID` the id", argument="data")
        raise not_found("user", [user_id])
    people.join(project, {user: data["role"]})
    c = t.project_users.c
    changed = update(t.project_users).where(c.project_id == project, c.user_id == user).values(role=data["role"])
    scope.connection.execute(changed)
    return Written("Project", [project], single=True)


def create_user(scope: Scope, arguments: Mapping[str, Any]) -> Written:
    """A user of the organization, who works here by key: there is nothing to sign in to, and no password is kept."""
    data = arguments["data"]
    email = data["email"].strip().lower()
    if "@" not in email:
        raise refused("`email` is the e-mail address of the user", argument="email")
    if People(scope.connection, scope.organization_id).find(email) is not None:
        raise refused(f"the organization has a user `{email}` already", argument="email")
    names = data.get("firstname"), data.get("lastname")
    role = data.get("organizationRole") or "USER"
    made = add_user_row(scope.connection, scope.organization_id, email, *names, role=role)
    return Written("User", [made], single=True)


def one_project(scope: Scope, where: Where) -> str:
    """The id of the project that a change is for.

    Raises
    ------
    GraphQLError: `where` does not name one by its id, or it is not there, or not visible.
    """
    if not where.get("id"):
        raise refused("`where.id` is needed: the id of the project", argument="where")
    found: str | None = scope.connection.scalar(select(t.projects.c.id).where(*project_conditions(where, scope)))
    if found is None:
        raise not_found("project", [where["id"]])
    return found
