"""Assets on the wire."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from kili_query.client.messages import warn
from kili_query.client.types import Row
from kili_query.client.wire.decoding import ANNOTATIONS, labels_in
from kili_query.client.wire.documents import Operation, count_query, page_query, selection
from kili_query.client.wire.shapes import number, require_annotations, rows_of
from kili_query.model.kili import CONVERSATIONS, LABEL_KEYS

DEFAULT_FIELDS = (
    "content", "createdAt", "externalId", "id", "isHoneypot", "jsonMetadata", "labels.author.id", "labels.author.email",
    "labels.createdAt", "labels.id", "labels.jsonResponse", "skipped", "status",
)  # fmt: skip
"""The fields of `assets`, unless others are asked for. With workflow steps, those of the step replace `status`."""

DATAFRAME_FIELDS: list[str] = ["author.email", "author.id", "createdAt", "id", "labelType"]
DATAFRAME_ASSET_FIELDS: list[str] = ["externalId"]
"""The fields of `export_labels_as_df`, unless others are asked for."""

COUNT = Operation("countAssets", count_query("countAssets", "AssetWhere"), number)
COUNT_ANNOTATIONS = Operation("countAssetAnnotations", count_query("countAssetAnnotations", "AssetWhere"), number)

PAGE, PAGE_WITH_LABELS, VIDEO_PAGE = 100, 50, 10
"""Assets in a page; fewer with the answers of their labels, and fewer yet of videos (wire.md 5)."""

MANY_ANNOTATIONS = 200 * 50
"""Annotations from which conversations are asked for one by one (wire.md 5)."""

RESPONSES = tuple(f"{key}.jsonResponse" for key in LABEL_KEYS)


def fields_of_workflow(fields: Sequence[str], workflow: str) -> tuple[str, ...]:
    """The fields to ask for: those of the steps instead of `status` by default, and as given if they were given."""
    if tuple(fields) != DEFAULT_FIELDS:
        _warn_of_workflow(fields, workflow)
        return tuple(fields)
    if workflow == "V1":
        return DEFAULT_FIELDS
    steps = ("currentStep.name", "currentStep.status", *(("currentStep.stepGroupName",) if workflow == "V3" else ()))
    return (*(field for field in DEFAULT_FIELDS if field != "status"), *steps)


def _warn_of_workflow(fields: Sequence[str], workflow: str) -> None:
    if workflow != "V1" and "status" in fields:
        warn(
            "field `status` is made for workflow V1; this project has steps: ask for `currentStep.name` and "
            "`currentStep.status`",
        )
    if workflow == "V1" and any(field.startswith("currentStep.") for field in fields):
        warn("this project (workflow V1) has no steps: ask for `status`")


def has_responses(fields: Iterable[str]) -> bool:
    """True if answers of labels are asked for."""
    return any(field in RESPONSES for field in fields)


def label_keys(fields: Iterable[str]) -> list[str]:
    """The keys under which labels are asked for, in the order of the fields."""
    return [key for key in dict.fromkeys(field.split(".", 1)[0] for field in fields) if key in LABEL_KEYS]


def counts_annotations(fields: Iterable[str], input_type: str | None) -> bool:
    """True if the size of a page depends on how many annotations there are."""
    return input_type in CONVERSATIONS and has_responses(fields)


def given_fields(fields: Sequence[str]) -> list[str]:
    """The fields that are given when these are asked for."""
    if not has_responses(fields):
        return list(fields)
    urls = [f"{field}Url" for field in fields if field in RESPONSES]
    return [*fields, "content", "jsonContent", "resolution.width", "resolution.height", *urls]


def listing(fields: Sequence[str], input_type: str | None) -> Operation[list[Row]]:
    """The operation that lists assets. Beside the answers of labels go what is needed to understand them."""
    asked = list(fields)
    talks = input_type in CONVERSATIONS
    if has_responses(fields):
        asked += ["content", "jsonContent", "resolution.width", "resolution.height"]
        for key in LABEL_KEYS:
            if f"{key}.jsonResponse" in fields:
                asked.append(f"{key}.jsonResponseUrl" if not talks else f"{key}.{ANNOTATIONS}")
    document = page_query(
        "assets", "AssetWhere", selection(dict.fromkeys(asked)), "where: $where, skip: $skip, first: $first"
    )
    # labels are looked for under all their keys, whichever were asked for
    rows_from = rows_of(
        [*asked, *(f"{key}.id" for key in LABEL_KEYS)], texts=[name for name in ("id",) if name in asked]
    )

    def read(value: Any) -> list[Row]:
        rows = rows_from(value)
        if talks:
            require_annotations(labels_in(rows))
        return rows

    return Operation("assets", document, read)


def page_size(fields: Sequence[str], input_type: str | None, annotations: int = 0) -> int:
    """How many assets are asked for at once."""
    if not has_responses(fields):
        return PAGE
    if input_type in CONVERSATIONS:
        return 1 if annotations > MANY_ANNOTATIONS else PAGE_WITH_LABELS
    return VIDEO_PAGE if input_type == "VIDEO" else PAGE_WITH_LABELS


def by_label(assets: Iterable[Row]) -> list[Row]:
    """One row per label: its fields, then those of its asset as `asset_<field>`."""
    return [
        {**label, **{f"asset_{name}": value for name, value in asset.items() if name != "labels"}}
        for asset in assets
        for label in asset.get("labels") or ()
        if label
    ]
