"""Answers become what the methods give: JSON texts are decoded once, answers behind addresses are named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from kili_query.client.types import Row

CONVERSATIONS = ("LLM_STATIC", "LLM_INSTR_FOLLOWING")
"""Input types whose labels are stored as `annotations`, out of which the SDK builds `jsonResponse`."""

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

_decode = msgspec.json.Decoder().decode


def decoded(text: Any) -> Any:
    """The value of a JSON text; {} for what is none, as in Kili's own SDK."""
    if not isinstance(text, (str, bytes)):
        return text if isinstance(text, dict) else {}
    try:
        return _decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}


def responses(labels: Iterable[Row], input_type: str | None) -> Iterator[tuple[Row, str]]:
    """Decode the `jsonResponse` of labels in place; those that lie behind an address are given with it."""
    for label in labels:
        if input_type in CONVERSATIONS:
            if "annotations" in label:
                label["jsonResponse"] = from_annotations(label.pop("annotations") or ())
        elif url := label.get("jsonResponseUrl"):
            yield label, url
        elif "jsonResponse" in label:
            label["jsonResponse"] = decoded(label["jsonResponse"])


def put_response(label: Row, content: bytes) -> None:
    """Put what lay behind an address in its place; the address goes."""
    del label["jsonResponseUrl"]
    label["jsonResponse"] = decoded(content)


def labels_in(assets: Iterable[Row]) -> Iterator[Row]:
    """The labels in assets, under whichever keys they stand."""
    for asset in assets:
        for key in ("labels", "latestLabels"):
            yield from (label for label in asset.get(key) or () if label)
        if asset.get("latestLabel"):
            yield asset["latestLabel"]


def decode_metadata(assets: Iterable[Row]) -> None:
    """Decode the `jsonMetadata` of assets in place."""
    for asset in assets:
        if "jsonMetadata" in asset:
            asset["jsonMetadata"] = decoded(asset["jsonMetadata"])


def from_annotations(annotations: Iterable[Row]) -> dict[str, Any]:
    """The `jsonResponse` of a conversation: the answers of all messages, put together job by job (json-formats 2.9).

    >>> from_annotations([{"job": "LENGTH", "annotationValue": {"categories": ["FINE"]}}])
    {'LENGTH': {'categories': [{'name': 'FINE'}]}}
    """
    response: dict[str, Any] = {}
    for annotation in annotations:
        value = annotation.get("annotationValue") or {}
        answer = response.setdefault(str(annotation.get("job")), {})
        if "categories" in value:
            chosen = answer.setdefault("categories", [])
            chosen += [{"name": name} for name in value["categories"] or ()]
        elif "choice" in value:
            answer["choice"] = value["choice"]
        elif "text" in value:
            answer["text"] = value["text"]
    return response
