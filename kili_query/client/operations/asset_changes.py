"""Changes of assets on the wire (wire.md 7.21, 7.22)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from kili_query.client.importing.kinds import is_url
from kili_query.client.importing.local import is_file
from kili_query.client.operations.label_changes import ids
from kili_query.client.types import Row
from kili_query.client.wire.documents import Operation
from kili_query.client.wire.shapes import objects
from kili_query.errors import ArgumentError, ServerError

UPDATE = Operation(
    "updatePropertiesInAssets",
    """mutation ($whereArray: [AssetWhere!]!, $dataArray: [AssetData!]!) {
  data: updatePropertiesInAssets(where: $whereArray, data: $dataArray) {
    id
  }
}""",
    ids,
    change=True,
)


class Outcome(NamedTuple):
    """What became of assets: lists of `{"assetId": ..., "externalId": ...}`, failures with `details`."""

    succeeded: list[Row]
    declined: list[Row]
    failed: list[Row]


def _outcome(value: Any) -> Outcome:
    if not isinstance(value, dict):
        raise ServerError("the answer does not say what became of the assets")
    return Outcome(*(objects(value.get(name) or []) for name in Outcome._fields))


def _action(name: str) -> Operation[Outcome]:
    fields = "assetId\n      externalId"
    lists = "\n    ".join(
        f"{outcome} {{\n      {fields}{chr(10) + '      details' if outcome == 'failed' else ''}\n    }}"
        for outcome in Outcome._fields
    )
    document = f"mutation ($where: AssetWhere!) {{\n  data: {name}(where: $where) {{\n    {lists}\n  }}\n}}"
    return Operation(name, document, _outcome, change=True)


DELETE = _action("deleteAssets")
ADD_TO_REVIEW = _action("addAssetsToReview")
SEND_BACK = _action("sendAssetsBackToQueue")


class PageResolution:
    """The size of a page of a PDF.

    Parameters
    ----------
    width, height: in pixels.
    page_number: from 1.
    rotation: in degrees, clockwise.

    >>> PageResolution(width=480, height=640, page_number=1).as_dict()
    {'width': 480, 'height': 640, 'pageNumber': 1}
    """

    def __init__(self, width: float, height: float, page_number: int, rotation: float = 0) -> None:
        self.width = width
        self.height = height
        self.page_number = page_number
        self.rotation = rotation

    def as_dict(self) -> Row:
        """As it is sent; a page that is not turned says nothing of it."""
        page: Row = {"width": self.width, "height": self.height, "pageNumber": self.page_number}
        return page | ({"rotation": self.rotation} if self.rotation else {})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PageResolution) and self.as_dict() == other.as_dict()

    def __hash__(self) -> int:
        return hash(tuple(self.as_dict().values()))

    def __repr__(self) -> str:
        return f"PageResolution({self.width}, {self.height}, {self.page_number}, {self.rotation})"


PROPERTIES = {
    "priorities": "priority",
    "json_metadatas": "jsonMetadata",
    "consensus_marks": "consensusMark",
    "honeypot_marks": "honeypotMark",
    "to_be_labeled_by_array": "toBeLabeledBy",
    "contents": "content",
    "json_contents": "jsonContent",
    "is_used_for_consensus_array": "isUsedForConsensus",
    "is_honeypot_array": "isHoneypot",
    "resolution_array": "resolution",
    "page_resolutions_array": "pageResolutions",
}
"""The arrays of `update_properties_in_assets`, and the properties that they are on the wire."""


def asset_data(arrays: dict[str, Sequence[Any] | None], number: int, what: str) -> list[Row]:
    """The properties of each asset, as they are sent.

    Raises
    ------
    ArgumentError: an array has another length than there are assets, or holds metadata that are no JSON.
    """
    given = {name: array for name, array in arrays.items() if array is not None}
    for name, array in given.items():
        if len(array) != number:
            raise ArgumentError(name, f"has {len(array)} items, and `{what}` has {number}: one for each asset")
    if not given:
        return []
    rows: list[Row] = [{} for _ in range(number)]
    for name, array in given.items():
        for position, (row, value) in enumerate(zip(rows, array, strict=True)):
            row[PROPERTIES[name]] = _as_sent(name, value, position)
            if name == "to_be_labeled_by_array":
                row["shouldResetToBeLabeledBy"] = not value
    return rows


def _require_content(value: str, position: int) -> None:
    """Refuse what would leave an asset without a content.

    Raises
    ------
    ArgumentError: it is empty, or the name of a local file, which no change uploads.
    """
    if not value.strip():
        raise ArgumentError("contents", f"holds at [{position}] an empty text; None leaves a content as it is")
    if not is_url(value) and is_file(value):
        told = "which is not uploaded here; an address or a text works, and `append_many_to_dataset` uploads files"
        raise ArgumentError("contents", f"holds at [{position}] the local file {value}, {told}")


def _as_sent(name: str, value: Any, position: int) -> Any:
    if name == "json_metadatas" and value is not None and not isinstance(value, str):
        try:
            return json.dumps(value, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise ArgumentError(name, f"holds at [{position}] what cannot be written as JSON: {error}") from None
    if name == "contents" and value is not None:
        _require_content(value, position)
    if name == "page_resolutions_array" and value is not None:
        return [page.as_dict() if isinstance(page, PageResolution) else page for page in value]
    return value


def size_of(row: Row) -> int:
    """About how many bytes the change of an asset takes in a call."""
    return 60 + sum(
        len(name) + 6 + (len(value) if isinstance(value, str) else len(str(value))) for name, value in row.items()
    )
