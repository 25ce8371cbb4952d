"""Tags of projects on the wire: which there are, and which a project has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kili_query.client.wire.documents import Operation
from kili_query.client.wire.shapes import objects
from kili_query.errors import ArgumentError, ServerError
from kili_query.lang.wording import listed


def _id(value: Any) -> str:
    if not isinstance(value, dict) or not isinstance(value.get("id"), str):
        raise ServerError("the answer lacks the id of the tag")
    return str(value["id"])


TAGS = Operation("listTagsByOrg", "query listTagsByOrg {\n  data: listTagsByOrg {\n    id\n    label\n  }\n}", objects)
TAGS_OF_PROJECT = Operation(
    "listTagsByProject",
    "query listTagsByProject($projectId: ID!) {\n  data: listTagsByProject(projectId: $projectId) {\n    id\n  }\n}",
    objects,
)
CHECK_TAG = Operation(
    "checkTag",
    "mutation checkTag($data: CheckedTagData!) {\n  data: checkTag(data: $data) {\n    id\n  }\n}",
    _id,
    change=True,
)


def tag_ids(tags: Iterable[Mapping[str, Any]], names: Iterable[str]) -> list[str]:
    """The ids of tags by their names.

    Raises
    ------
    ArgumentError: there is no such tag, or there are several.
    """
    by_name: dict[str, list[str]] = {}
    for tag in tags:
        by_name.setdefault(str(tag.get("label")), []).append(str(tag.get("id")))
    for name in names:
        if len(by_name.get(name, ())) != 1:
            there = f"has {listed(sorted(by_name))}" if by_name else "has none"
            problem = (
                "as several tags are called"
                if name in by_name
                else f"and there is no such tag: the organization {there}"
            )
            raise ArgumentError("tags", f"holds `{name}`, {problem}")
    return [by_name[name][0] for name in names]
