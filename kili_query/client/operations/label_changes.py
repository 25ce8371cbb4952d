"""Changes of labels on the wire (wire.md 7.9 to 7.11, 7.23)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from kili_query.client.types import Row
from kili_query.client.wire.documents import Operation
from kili_query.client.wire.shapes import objects, texts
from kili_query.errors import ArgumentError, ServerError
from kili_query.model.counts import Answered
from kili_query.model.kili import BY_MODELS

HONEYPOT_FIELDS = ("author.email", "author.id", "createdAt", "honeypotMark", "id", "jsonResponse", "labelType")
"""The fields of what `create_honeypot` gives back."""

REPLACED = BY_MODELS
"""Types of labels that `overwrite` replaces."""


def ids(value: Any) -> list[dict[str, str]]:
    """The ids of what was changed, each in an object of its own.

    Raises
    ------
    ServerError: there is an object without.
    """
    rows = objects([] if value is None else value)
    if not all(isinstance(row.get("id"), str) for row in rows):
        raise ServerError("the answer lacks the `id` of what was changed")
    return rows


def one_id(value: Any) -> Row:
    """The id of the one thing that was changed.

    Raises
    ------
    ServerError: there is none.
    """
    return ids([value])[0]


APPEND = Operation(
    "appendManyLabels",
    """mutation appendManyLabels($data: AppendManyLabelsData!, $where: AssetWhere!) {
  data: appendManyLabels(data: $data, where: $where) {
    id
  }
}""",
    ids,
    change=True,
)

APPEND_ONE = Operation(
    "appendToLabels",
    """mutation ($data: AppendToLabelsData!, $where: AssetWhere!) {
  data: appendToLabels(data: $data, where: $where) {
    id
  }
}""",
    one_id,
    change=True,
)

HONEYPOT = Operation(
    "createHoneypot",
    """mutation ($data: CreateHoneypotData!, $where: AssetWhere!) {
  data: createHoneypot(data: $data, where: $where) {
    id
  }
}""",
    one_id,
    change=True,
)

UPDATE = Operation(
    "updatePropertiesInLabel",
    """mutation ($where: LabelWhere!, $data: LabelData!) {
  data: updatePropertiesInLabel(where: $where, data: $data) {
    id
  }
}""",
    one_id,
    change=True,
)


DELETE = Operation(
    "deleteLabels",
    """mutation deleteLabels($ids: [ID!]!) {
  data: deleteLabels(ids: $ids)
}""",
    texts,
    change=True,
)


def response_text(response: object, argument: str) -> str:
    """A `jsonResponse` as it is sent (wire.md 8); a parsed label stands for its answers.

    Raises
    ------
    ArgumentError: a value in it is no JSON, a number that JSON does not have among them.
    """
    if isinstance(response, Answered):
        response = response.answers
    try:
        return json.dumps(response, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ArgumentError(argument, f"cannot be written as JSON: {error}") from None


def label_data(
    asset_id: str, text: str, author_id: str | None, model_name: str | None, reviewed: str | None, seconds: int | None
) -> Row:
    """One label of many that are appended."""
    return {
        "assetID": asset_id,
        "authorID": author_id,
        "clientVersion": None,
        "jsonResponse": text,
        "modelName": model_name,
        "referencedLabelId": reviewed,
        "secondsToLabel": seconds,
    }


def size_of(label: Row) -> int:
    """About how many bytes a label takes in a call: each quote of its text is written with a sign before it."""
    text: str = label["jsonResponse"]
    return len(text) + text.count('"') + text.count("\\") + 200


def appending(
    labels: Sequence[Row], label_type: str, overwrite: bool, step_id: str | None, project_id: str | None
) -> Operation[list[dict[str, str]]]:
    """The operation that appends labels of one type."""
    data: Row = {"labelType": label_type, "overwrite": overwrite, "labelsData": list(labels)}
    if step_id is not None:
        data["stepId"] = step_id
    where: Row = {"idIn": [label["assetID"] for label in labels]}
    if project_id is not None:
        where["project"] = {"id": project_id}
    return APPEND.asking(data=data, where=where)


def updating(label_id: str, properties: Mapping[str, Any]) -> Operation[Row]:
    """The operation that changes a label; properties that are None are left out."""
    return UPDATE.asking(where={"id": label_id}, data={k: v for k, v in properties.items() if v is not None})
