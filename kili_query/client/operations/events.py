"""Events of labels on the wire (wire.md 7.24, 10): what is asked for, and how a message becomes an event."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from kili_query.client.label_dict import LabelDict
from kili_query.client.types import Row
from kili_query.client.wire.documents import selection
from kili_query.errors import ApiError, AuthenticationError, GraphQLError
from kili_query.model.decoding import encode_json

FIELDS = ("id", "author.email", "labelOf.id", "labelType", "jsonResponse")
"""What `kili` 26.2.4 asks of a label, and what callbacks get."""

MORE_FIELDS = ("labelOf.externalId", "createdAt", "updatedAt")
"""What tells which labels are known already, and where they are."""

DOCUMENT = (
    "subscription($projectID: ID!) {\n  data: labelCreatedOrUpdated(projectID: $projectID) "
    + selection([*FIELDS, "jsonResponseUrl", *MORE_FIELDS])
    + "\n}"
)

_LETTERS = string.ascii_letters + string.digits


class LabelEvent(NamedTuple):
    """A label that was made or changed."""

    subscription_id: str
    frame: dict[str, Any]
    """What came, as `kili` gives it to callbacks: `id`, `type`, and the label in `payload["data"]["data"]`."""
    label: LabelDict
    """The label, its `jsonResponse` as an object; with `createdAt`, `updatedAt` and the asset's `externalId` in `labelOf`."""

    @property
    def moment(self) -> str:
        """When it happened, by the server's clock."""
        return timestamp_of(self.label)


def new_subscription_id() -> str:
    """An id for a subscription: six letters or digits."""
    return "".join(secrets.choice(_LETTERS) for _ in range(6))


def greeting(key: str) -> dict[str, Any]:
    """The first message, with the key in the two places where servers look for it."""
    return {"type": "connection_init", "payload": {"headers": _headers(key), "Authorization": f"X-API-Key: {key}"}}


def start(subscription_id: str, project_id: str, key: str) -> dict[str, Any]:
    """The message that begins a subscription."""
    payload = {"headers": _headers(key), "query": DOCUMENT, "variables": {"projectID": project_id}}
    return {"id": subscription_id, "type": "start", "payload": payload}


def stop(subscription_id: str) -> dict[str, Any]:
    """The message that ends a subscription."""
    return {"id": subscription_id, "type": "stop"}


def _headers(key: str) -> dict[str, str]:
    return {"Accept": "application/json", "Content-Type": "application/json", "Authorization": f"X-API-Key: {key}"}


def dropped(message: Mapping[str, Any]) -> bool:
    """True if a sign of life says that events were left out, as local Kili does for those who lag behind."""
    payload = message.get("payload")
    return isinstance(payload, dict) and bool(payload.get("dropped"))


def refusal(message: Mapping[str, Any]) -> ApiError:
    """The error that a message of type `error` or `connection_error` is."""
    said = "; ".join(dict.fromkeys(_said(message.get("payload")))) or "no reason was given"
    if message["type"] == "connection_error":
        return AuthenticationError(f"the server refuses the connection: {said}", operation="labelCreatedOrUpdated")
    return GraphQLError(
        f"the server refuses the subscription: {said}", messages=(said,), operation="labelCreatedOrUpdated"
    )


def _said(payload: object) -> list[str]:
    if isinstance(payload, str):
        return [payload]
    if isinstance(payload, list):
        return [text for item in payload for text in _said(item)]
    if isinstance(payload, dict):
        own = [payload["message"]] if isinstance(payload.get("message"), str) else []
        return own + _said(payload.get("errors"))
    return []


def label_in(message: Mapping[str, Any]) -> Row | None:
    """The label of a message; None where it holds none.

    Raises
    ------
    GraphQLError: it holds an error in its place.
    """
    payload = message.get("payload")
    data = payload.get("data") if isinstance(payload, dict) else None
    row = data.get("data") if isinstance(data, dict) else None
    if isinstance(row, dict) and isinstance(row.get("id"), str):
        return dict(row)
    if said := _said({"errors": payload.get("errors")} if isinstance(payload, dict) else None):
        told = f"an event could not be told: {'; '.join(said)}"
        raise GraphQLError(told, messages=said, operation="labelCreatedOrUpdated")
    return None


def event_of(subscription_id: str, row: Row, text: object = None) -> LabelEvent:
    """The event of a label whose `jsonResponse` is decoded; `text` is what it was, if that is known."""
    row.pop("jsonResponseUrl", None)
    owner = row.get("labelOf") or {}
    shown = {
        "id": row["id"],
        "author": row.get("author") and {"email": row["author"].get("email")},
        "labelOf": {"id": owner.get("id")},
        "labelType": row.get("labelType"),
        "jsonResponse": text if isinstance(text, str) else encode_json(row.get("jsonResponse")).decode(),
    }
    frame = {"id": subscription_id, "type": "data", "payload": {"data": {"data": shown}}}
    return LabelEvent(subscription_id, frame, LabelDict(row))


def timestamp_of(label: Mapping[str, Any]) -> str:
    """When a label was made or changed last; empty if it does not say."""
    return str(label.get("updatedAt") or label.get("createdAt") or "")


def timestamp_at(seconds: float) -> str:
    """A moment as the server writes it.

    >>> timestamp_at(0)
    '1970-01-01T00:00:00.000Z'
    """
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
