"""The people of an organization, as exports and mutations name them: by id, by e-mail; made where they are missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, insert, select

from kili_query.server.store import tables as t
from kili_query.server.store.kept import whole_text
from kili_query.server.store.store import add_user_row, new_id


class People:
    """The users of an organization, looked up once each."""

    def __init__(self, connection: Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id
        self._known: dict[tuple[str | None, str | None], str] = {}
        self._found: dict[str, str] = {}

    def find(self, name: str) -> str | None:
        """The user with this id or e-mail address."""
        if name in self._found:
            return self._found[name]
        for column in (t.users.c.id, t.users.c.email):
            mine = t.users.c.organization_id == self._organization_id
            found: str | None = self._connection.scalar(select(t.users.c.id).where(mine, column == name))
            if found:
                self._found[name] = found
                return found
        return None

    def author(self, value: object) -> str | None:
        """The user that an object of an export (`id`, `email`, `firstname`, `lastname`) means; made if unknown."""
        if not isinstance(value, Mapping):
            return None
        person = {name: whole_text(found) for name, found in value.items() if isinstance(found, str) and found}
        key = (person.get("id"), person.get("email"))
        if key == (None, None):
            return None
        if key not in self._known:
            named = (self.find(name) for name in key if name)
            self._known[key] = next((found for found in named if found), "") or self._made(person)
        return self._known[key]

    def join(self, project_id: str, roles: Mapping[str, str]) -> None:
        """Give users their roles in a project, where they have none."""
        have = set(
            self._connection.scalars(
                select(t.project_users.c.user_id).where(t.project_users.c.project_id == project_id)
            )
        )
        rows = [
            {"id": new_id(), "project_id": project_id, "user_id": user, "role": role}
            for user, role in roles.items()
            if user not in have
        ]
        if rows:
            self._connection.execute(insert(t.project_users), rows)

    def _made(self, person: Mapping[str, Any]) -> str:
        wanted = person.get("id", "")
        taken = wanted and self._connection.scalar(select(t.users.c.id).where(t.users.c.id == wanted))  # elsewhere
        email = person.get("email") or f"{wanted}@unknown.invalid"
        id_ = "" if taken else wanted
        first, last = person.get("firstname"), person.get("lastname")
        return add_user_row(self._connection, self._organization_id, email, first, last, id=id_)
