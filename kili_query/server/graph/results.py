"""What mutations give back: rows, or objects that are no rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from kili_query.server.graph.reading import Pick, Reader, by_keys


class Written(NamedTuple):
    """Rows, in the order of their keys; or one row."""

    kind: str
    keys: Sequence[Any]
    single: bool = False

    def read(self, reader: Reader, below: tuple[Pick, ...]) -> Any:
        """What is asked for of them."""
        by_key = dict(by_keys(reader, self.kind, below, self.keys))
        listed = [by_key[key] for key in self.keys if key in by_key]
        return (listed[0] if listed else None) if self.single else listed


class Shaped(NamedTuple):
    """Objects and lists with the names of the schema."""

    value: Any

    def read(self, _: Reader, below: tuple[Pick, ...]) -> Any:
        """What is asked for of them."""
        return _shaped(self.value, below)


def _shaped(value: Any, below: tuple[Pick, ...]) -> Any:
    if isinstance(value, list):
        return [_shaped(item, below) for item in value]
    if isinstance(value, dict):
        return {pick.key: _shaped(value.get(pick.name), pick.below) for pick in below}
    return value


Result = Written | Shaped
