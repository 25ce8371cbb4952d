"""Labels as methods give them back that make or change one: a dict whose keys are attributes, too."""

from __future__ import annotations

import json
from typing import Any


class LabelDict(dict[str, Any]):
    """A label: a dict of the fields that are known of it.

    >>> label = LabelDict(id="l1", jsonResponse='{"J": {"categories": []}}')
    >>> label.id, label.json_response()
    ('l1', {'J': {'categories': []}})
    """

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the label has no `{name}`; it has {', '.join(map(str, self))}") from None

    def json_response(self) -> dict[str, Any]:
        """Its `jsonResponse` as an object; an empty one where it has none."""
        response = self.get("jsonResponse")
        if isinstance(response, str):
            response = json.loads(response) if response.strip() else None
        return response or {}
