"""Labels on the wire."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from kili_query.client.types import Row
from kili_query.client.wire.decoding import ANNOTATIONS
from kili_query.client.wire.documents import Operation, count_query, page_query, selection
from kili_query.client.wire.shapes import number, require_annotations, rows_of
from kili_query.model.kili import CONVERSATIONS

DEFAULT_FIELDS: list[str] = [
    "author.email", "author.id", "id", "jsonResponse", "labelType", "secondsToLabel", "isLatestLabelForUser", "assetId",
]  # fmt: skip
"""The fields of `labels`, unless others are asked for: those of `kili` 26.2.4."""

PREDICTION_FIELDS: list[str] = ["author.email", "author.id", "id", "jsonResponse", "labelType", "modelName"]
"""The fields of `predictions` and `inferences`, unless others are asked for."""

COUNT = Operation("countLabels", count_query("countLabels", "LabelWhere"), number)

PAGE, VIDEO_PAGE = 100, 20
"""Labels in a page; fewer of videos, whose answers are large (wire.md 5)."""


def listing(fields: Iterable[str], input_type: str | None) -> Operation[list[Row]]:
    """The operation that lists labels."""
    asked = list(fields)
    talks = input_type in CONVERSATIONS and "jsonResponse" in asked
    if "jsonResponse" in asked:
        if talks:
            asked = [field for field in asked if field != "jsonResponse"] + [ANNOTATIONS]
        else:
            asked.append("jsonResponseUrl")
    rows_from = rows_of(asked, texts=[name for name in ("assetId",) if name in asked])

    def read(value: Any) -> list[Row]:
        rows = rows_from(value)
        if talks:
            require_annotations(rows)
        return rows

    return Operation("labels", page_query("labels", "LabelWhere", selection(asked)), read)


def page_size(fields: Sequence[str], input_type: str | None) -> int:
    """How many labels are asked for at once."""
    return VIDEO_PAGE if input_type == "VIDEO" and "jsonResponse" in fields else PAGE
