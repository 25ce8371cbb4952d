"""Labels on the wire."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kili_query.client.decoding import ANNOTATIONS
from kili_query.client.documents import Operation, count_query, page_query, selection
from kili_query.model.kili import CONVERSATIONS

DEFAULT_FIELDS: list[str] = [
    "author.email", "author.id", "id", "jsonResponse", "labelType", "secondsToLabel", "isLatestLabelForUser", "assetId",
]  # fmt: skip
"""The fields of `labels`, unless others are asked for: those of `kili` 26.2.4."""

PREDICTION_FIELDS: list[str] = ["author.email", "author.id", "id", "jsonResponse", "labelType", "modelName"]
"""The fields of `predictions` and `inferences`, unless others are asked for."""

COUNT = Operation("countLabels", count_query("countLabels", "LabelWhere"))

PAGE, VIDEO_PAGE = 100, 20
"""Labels in a page; fewer of videos, whose answers are large (wire.md 5)."""


def listing(fields: Iterable[str], input_type: str | None) -> Operation:
    """The operation that lists labels."""
    asked = list(fields)
    if "jsonResponse" in asked:
        if input_type in CONVERSATIONS:
            asked = [field for field in asked if field != "jsonResponse"] + [ANNOTATIONS]
        else:
            asked.append("jsonResponseUrl")
    return Operation("labels", page_query("labels", "LabelWhere", selection(asked)))


def page_size(fields: Sequence[str], input_type: str | None) -> int:
    """How many labels are asked for at once."""
    return VIDEO_PAGE if input_type == "VIDEO" and "jsonResponse" in fields else PAGE
