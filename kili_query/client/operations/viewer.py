"""Who the key belongs to, on the wire."""

from __future__ import annotations

from typing import Any

from kili_query.client.wire.documents import Operation
from kili_query.errors import ServerError


def _viewer(field: str) -> Operation[str]:
    def read(value: Any) -> str:
        if not isinstance(value, dict) or not isinstance(value.get(field), str):
            raise ServerError(f"the answer lacks the `{field}` of the key's owner")
        return str(value[field])

    return Operation("me", "query me {\n  data: viewer {\n    id\n    email\n  }\n}", read)


VIEWER_ID = _viewer("id")
VIEWER_EMAIL = _viewer("email")
