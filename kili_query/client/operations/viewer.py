"""Who the key belongs to, on the wire."""

from __future__ import annotations

from typing import Any, NamedTuple

from kili_query.client.wire.documents import Operation
from kili_query.errors import ServerError


class Viewer(NamedTuple):
    """The owner of the key."""

    id: str
    email: str


def _viewer(value: Any) -> Viewer:
    if not isinstance(value, dict) or not all(isinstance(value.get(name), str) for name in Viewer._fields):
        raise ServerError("the answer lacks the id and the e-mail address of the key's owner")
    return Viewer(value["id"], value["email"])


VIEWER = Operation("me", "query me {\n  data: viewer {\n    id\n    email\n  }\n}", _viewer)
