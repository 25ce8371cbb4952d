"""Answers become what the methods give: JSON texts are decoded once, answers behind addresses are named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeGuard

from kili_query.client.types import Row
from kili_query.errors import DataError
from kili_query.model.conversations import from_annotations
from kili_query.model.counts import decode_response
from kili_query.model.decoding import decode_json
from kili_query.model.kili import CONVERSATIONS

ANNOTATIONS = """annotations {
  __typename
  id
  job
  path
  labelId
  ... on ClassificationAnnotation {
    annotationValue {
      categories
    }
    chatItemId
  }
  ... on ComparisonAnnotation {
    annotationValue {
      choice {
        code
        firstId
        secondId
      }
    }
    chatItemId
  }
  ... on TranscriptionAnnotation {
    annotationValue {
      text
    }
    chatItemId
  }
}"""
"""What is asked of the labels of conversations, as a field that is taken as it is."""


def decoded(text: Any) -> Any:
    """The value of a JSON text; {} for what is none, as in Kili's own SDK. Not for labels: see `response_of`."""
    if not isinstance(text, (str, bytes)):
        return text if isinstance(text, dict) else {}
    try:
        return decode_json(text)
    except DataError:
        return {}


def response_of(label: Row, content: Any) -> Any:
    """What a label answers, by its `jsonResponse`: a text or an object; {} for null and a blank text.

    Raises
    ------
    DataError: it cannot be read. An empty label in its place would be a silent wrong answer.
    """
    try:
        return decode_response(content)
    except DataError as error:
        owner = label.get("labelOf")
        asset = (owner.get("externalId") or owner.get("id")) if isinstance(owner, dict) else None
        name = f"label {label.get('id') or 'without an id'}" + (f" of asset {asset}" if asset else "")
        raise error.at(name) from None


class Behind(NamedTuple):
    """A field of a row whose content lies behind an address."""

    row: Row
    field: str
    url: str

    def put(self, content: Any) -> None:
        """Put the content in its place; the address goes."""
        self.row.pop(f"{self.field}Url", None)
        self.row[self.field] = response_of(self.row, content) if self.field == "jsonResponse" else decoded(content)


def responses(labels: Iterable[Row], input_type: str | None) -> Iterator[Behind]:
    """Decode the `jsonResponse` of labels in place; those that lie behind an address are given with it.

    Raises
    ------
    DataError: a response cannot be read.
    """
    talks = input_type in CONVERSATIONS
    for label in labels:
        if talks:
            if "annotations" in label:
                built = from_annotations(label.pop("annotations") or ())
                label["jsonResponse"] = built or response_of(label, label.get("jsonResponse"))
        elif url := label.get("jsonResponseUrl"):
            yield Behind(label, "jsonResponse", url)
        elif "jsonResponse" in label:
            label["jsonResponse"] = response_of(label, label["jsonResponse"])


def metadata(assets: Iterable[Row]) -> Iterator[Behind]:
    """Decode the `jsonMetadata` of assets in place, and `ocrMetadata`, which may lie behind an address."""
    for asset in assets:
        if "jsonMetadata" in asset:
            asset["jsonMetadata"] = decoded(asset["jsonMetadata"])
        read = asset.get("ocrMetadata")
        if _is_address(read):
            yield Behind(asset, "ocrMetadata", read)
        elif read is not None:
            asset["ocrMetadata"] = decoded(read)


def _is_address(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and value[:8].lower().startswith(("http://", "https://"))


def labels_in(assets: Iterable[Row]) -> Iterator[Row]:
    """The labels in assets, under whichever keys they stand."""
    for asset in assets:
        for key in ("labels", "latestLabels"):
            yield from (label for label in asset.get(key) or () if label)
        if asset.get("latestLabel"):
            yield asset["latestLabel"]
