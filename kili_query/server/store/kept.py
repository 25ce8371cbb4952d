"""Values as the database stores them: texts without halves of surrogate pairs, numbers that an answer can hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import chain
from math import isfinite

from kili_query.errors import DataError
from kili_query.model.counts import CategoryCounts, Counts
from kili_query.model.decoding import decode_json, encode_json

_HALF = re.compile("[\ud800-\udfff]")
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

_INSIDE = ("labelOf", "author", "currentStep")


def changed_texts(record: Mapping[str, object]) -> list[str]:
    """The keys of an asset or a label under which a text is not kept as it is."""
    found = [key for key, value in record.items() if key not in _AS_JSON and _has_half(value)]
    for outer in _INSIDE:
        inner = record.get(outer)
        if isinstance(inner, Mapping):
            found += [f"{outer}.{key}" for key, value in inner.items() if _has_half(value)]
    return found


def whole_names(counts: Counts) -> Counts:
    """The counts for names that a database keeps: the very same object if it keeps all."""
    if not any(map(_has_half, chain.from_iterable(counts))):
        return counts
    found = CategoryCounts()
    for (job, category), number in counts.items():
        names = whole_text(job), whole_text(category)
        found[names] = found.get(names, 0) + number
    shared: dict[str, int] = {}
    for job, number in counts.shared.items() if isinstance(counts, CategoryCounts) else ():
        shared[whole_text(job)] = shared.get(whole_text(job), 0) + number
    found.shared = shared
    return found


def _has_half(value: object) -> bool:
    return isinstance(value, str) and not value.isascii() and _HALF.search(value) is not None


_AS_JSON = ("jsonResponse", "json_response", "jsonMetadata", "resolution", "pageResolutions")
"""Kept as JSON texts, which write halves as escapes."""


def text_of(value: object) -> str | None:
    """A text that is not empty, None for all else."""
    return whole_text(value) if isinstance(value, str) and value else None


def as_text(value: object) -> str | None:
    """A text as it is, anything else as JSON text, null as null."""
    return value if value is None else whole_text(value) if isinstance(value, str) else json_text(value)


def as_json(value: object) -> str | None:
    """A list or an object as JSON text, also one that is JSON text already; None for all else."""
    if isinstance(value, str):
        try:
            value = decode_json(value)
        except DataError:
            return None
    return json_text(value) if value and isinstance(value, (list, dict)) else None


def json_text(value: object) -> str:
    """A JSON text. Halves of surrogate pairs are escaped in it, as no database keeps them otherwise."""
    return encode_json(value).decode()


def whole_text(text: str) -> str:
    """A text that a database keeps: halves of surrogate pairs are the sign for what cannot be read."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if _has_half(text) else text


def whole_json(text: str) -> str:
    """The same JSON text with halves of surrogate pairs as escapes, which a database keeps."""
    return _HALF.sub(lambda half: f"\\u{ord(half[0]):04x}", text)


def number_of(value: object) -> float | None:
    """A number that a database keeps, and an answer can tell; others are none."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    try:
        return float(value) if isfinite(value) else None
    except OverflowError:
        return None


def whole_number(value: object) -> int | None:
    """A whole number of the size that the schema has, or the nearest."""
    number = number_of(value)
    return None if number is None else int(max(-(2.0**31), min(number, 2.0**31 - 1)))


def metadata_of(value: object) -> str:
    """Metadata as JSON text; a text that is not JSON is kept as a JSON text."""
    if isinstance(value, str):
        try:
            decode_json(value)
            return whole_json(value)
        except DataError:
            return json_text(value) if value.strip() else "{}"
    return json_text(value or {})


def response_of(value: object) -> str:
    """The answers of a label as JSON text, never blank."""
    if isinstance(value, str):
        return whole_json(value) if value.strip() not in ("", "null") else "{}"
    return "{}" if value is None else json_text(value)
