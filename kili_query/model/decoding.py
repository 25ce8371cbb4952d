"""JSON text becomes Python objects, and errors say where in people's words."""

from __future__ import annotations

import re

from kili_query.errors import DataError

Text = str | bytes | bytearray | memoryview


def decode_json(text: Text, *, code: str = "KQ501") -> object:
    """What JSON text means. Numbers too large for a float become infinite, as in Python's own decoder.

    Raises
    ------
    DataError: it is not JSON; NaN and Infinity, which JSON does not have, are refused too.

    >>> decode_json('{"a": [1, 2]}')
    {'a': [1, 2]}
    """
    import msgspec

    try:
        return msgspec.json.decode(text)
    except msgspec.ValidationError:  # a number out of range: only then pay for another way to read numbers
        try:
            return msgspec.json.Decoder(float_hook=float).decode(text)
        except (msgspec.DecodeError, ValueError) as error:
            raise DataError(f"not JSON: {reason(error)}", code=code) from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise DataError(f"not JSON: {reason(error)}", code=code) from None
    except RecursionError:
        raise DataError("not JSON: nested too deep", code=code) from None


_BYTE = re.compile(r"\(byte (\d+)\)")


def reason(error: Exception) -> str:
    """Why decoding stopped, in a few words, with the byte where that is known (from 0)."""
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 text (byte 0x{error.object[error.start]:02x})"
    if isinstance(error, UnicodeError):
        return "the text holds half a surrogate pair"
    message = str(error).removeprefix("JSON is malformed: ").removesuffix(".")
    if "truncated" in message:
        return "the text ends too early"
    return _BYTE.sub(r"at byte \1", message)


def kind_of(value: object) -> str:
    """The kind of a decoded value, in words for a message."""
    kinds = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "a truth value",
        int: "a number",
        float: "a number",
    }
    return "null" if value is None else kinds.get(type(value), f"a {type(value).__name__}")
