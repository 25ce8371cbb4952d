"""JSON text split and joined without decoding: members and items as they were written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from kili_query.model.decoding import decode_json, encode_json

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_REFUSALS = (msgspec.MsgspecError, UnicodeError, RecursionError)  # of texts that `decode_json` may yet read


def fields_of(text: bytes) -> dict[str, bytes]:
    """The values of a JSON object, as their JSON texts.

    Raises
    ------
    DataError: it is not JSON.

    >>> fields_of(b'{"a": [1,  2]}')
    {'a': b'[1,  2]'}
    """
    try:
        return {key: bytes(value) for key, value in _FIELDS.decode(text).items()}
    except _REFUSALS:
        value: Any = decode_json(text)
        return {key: encode_json(below) for key, below in value.items()}


def items_of(text: bytes) -> list[bytes]:
    """The items of a JSON list, as their JSON texts.

    Raises
    ------
    DataError: it is not JSON.
    """
    try:
        return [bytes(value) for value in _ITEMS.decode(text)]
    except _REFUSALS:
        value: Any = decode_json(text)
        return [encode_json(below) for below in value]


def labels_in(value: bytes) -> list[bytes]:
    """The labels that a key of an asset holds: those of a list, or a single one."""
    return items_of(value) if value.lstrip()[:1] == b"[" else [value]


def object_of(fields: Mapping[str, bytes]) -> bytes:
    """The JSON object of these values.

    >>> object_of({"a": b"[1]", "b": b"NaN"})
    b'{"a":[1],"b":NaN}'
    """
    return b"{%b}" % b",".join(encode_json(key) + b":" + text for key, text in fields.items())


def list_of(items: Iterable[bytes]) -> bytes:
    """The JSON list of these values."""
    return b"[%b]" % b",".join(items)


def on_one_line(text: bytes) -> bytes:
    """The same JSON without line breaks."""
    if b"\n" not in text and b"\r" not in text:
        return text
    try:
        return msgspec.json.format(text, indent=-1)
    except _REFUSALS:  # no JSON that can be read has a line break inside of a text
        return text.replace(b"\r", b" ").replace(b"\n", b" ")


def indented(text: bytes) -> bytes:
    """The same JSON for people, as exports of Kili are written."""
    try:
        return msgspec.json.format(text, indent=4)
    except _REFUSALS:
        return text
