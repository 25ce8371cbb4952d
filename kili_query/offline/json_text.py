"""The JSON text of records, cut and laid out anew without reading what is in it."""

from __future__ import annotations

import json

import msgspec

Raw = msgspec.Raw

# What only Python's `json` reads (half a surrogate pair, NaN) goes its way: slower, and seldom needed.


def on_one_line(data: bytes) -> bytes:
    """The same JSON without line breaks.

    >>> on_one_line(b'{"a":\\n 1.10}')
    b'{"a":1.10}'
    """
    if b"\n" not in data and b"\r" not in data:
        return data
    try:
        return msgspec.json.format(data, indent=-1)
    except (msgspec.DecodeError, UnicodeError):
        return data.replace(b"\r", b" ").replace(b"\n", b" ")  # between values: texts hold them as escapes


def indented(data: bytes) -> bytes:
    """The same JSON, each value on a line of its own, as Kili writes it."""
    try:
        return msgspec.json.format(data, indent=4)
    except (msgspec.DecodeError, UnicodeError):
        return data


def fields_of(data: bytes | Raw) -> dict[str, Raw]:
    """The values of an object, each still as text.

    >>> {key: bytes(value) for key, value in fields_of(b'{"a": [1.10, 2]}').items()}
    {'a': b'[1.10, 2]'}
    """
    try:
        return msgspec.json.decode(data, type=dict[str, Raw])
    except (msgspec.DecodeError, UnicodeError):
        return {key: _written(value) for key, value in json.loads(bytes(data)).items()}


def labels_in(value: Raw) -> list[Raw]:
    """The labels that a key of an asset holds: those of a list, or a single one, each still as text."""
    if bytes(value).lstrip()[:1] != b"[":
        return [value]
    try:
        return msgspec.json.decode(value, type=list[Raw])
    except (msgspec.DecodeError, UnicodeError):
        return [_written(item) for item in json.loads(bytes(value))]


def object_of(fields: dict[str, Raw]) -> bytes:
    """The object of such values.

    >>> object_of({"b": Raw(b"1.10"), "a": Raw(b"[]")})
    b'{"b":1.10,"a":[]}'
    """
    try:
        return msgspec.json.encode(fields)
    except UnicodeError:  # half a surrogate pair in a key
        return b"{%b}" % b",".join(b"%b:%b" % (json.dumps(key).encode(), bytes(value)) for key, value in fields.items())


def _written(value: object) -> Raw:
    return Raw(json.dumps(value).encode())
