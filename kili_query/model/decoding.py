"""JSON decoding, of all that Python's own `json` reads; errors say where, in people's words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from kili_query.errors import DataError

if TYPE_CHECKING:
    import json

Text = str | bytes | bytearray | memoryview


class Fault(Exception):
    """Why a text is not JSON: `reason` in a few words, `at` the byte (from 0) where that is known.

    `what` is what the text fails to be: JSON, or UTF-8.
    """

    def __init__(self, reason: str, at: int | None = None, what: str = "JSON") -> None:
        super().__init__(reason, at, what)
        self.reason, self.at, self.what = reason, at, what

    def __str__(self) -> str:
        return f"not {self.what}: {self.reason}" + ("" if self.at is None else f" at byte {self.at}")


def decode_json(text: Text, *, code: str = "KQ501") -> object:
    """What JSON text means: whatever `json.loads` reads, as it reads it. Half a surrogate pair stays what it is, so do
    NaN and Infinity; numbers too large for a float become infinite.

    Raises
    ------
    DataError: it is not JSON.

    >>> decode_json('{"a": [1, 2]}'), decode_json("[NaN, 1e999]")
    ({'a': [1, 2]}, [nan, inf])
    """
    try:
        return read_json(text)
    except Fault as fault:
        raise DataError(str(fault), code=code) from None


def read_json(text: Text) -> object:
    """`decode_json` for those who tell of a fault in their own words.

    Raises
    ------
    Fault: it is not JSON.
    """
    import msgspec

    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, MemoryError) as error:
        stopped = error
    import json

    text = bytes(text) if isinstance(text, memoryview) else text
    try:  # only what msgspec refuses pays for this
        return json.loads(text, parse_int=_whole)
    except (ValueError, RecursionError, MemoryError) as error:
        raise fault_of(text, stopped, error) from None


def encode_json(value: object) -> bytes:
    """The JSON text of a value of `decode_json`: what UTF-8 lacks is escaped, and NaN and Infinity stand as they were.

    Raises
    ------
    DataError: the value is nested too deep.

    >>> encode_json({"a": ["\\ud83d", float("inf")]})
    b'{"a":["\\\\ud83d",Infinity]}'
    """
    import msgspec

    try:
        text = msgspec.json.encode(value)
        if b"null" not in text or _is_finite(value):  # msgspec writes null for NaN
            return text
    except (UnicodeError, OverflowError):  # half a surrogate pair; a number of more than 64 bits
        pass
    except RecursionError:
        raise DataError("nested too deep") from None
    import json

    try:
        return json.dumps(value, separators=(",", ":")).encode()
    except RecursionError:
        raise DataError("nested too deep") from None


def python_decoder() -> json.JSONDecoder:
    """Python's own decoder, as `read_json` uses it."""
    import json

    return json.JSONDecoder(parse_int=_whole)


def _whole(digits: str) -> int | float:
    """A whole number; one of more digits than Python reads is too large for anything, as 1e999 is."""
    return int(digits) if len(digits) < 4300 else float(digits)


def _is_finite(value: Any) -> bool:
    import json

    try:
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):
        return False
    return True


# -- why a text cannot be read -----------------------------------------------------------------------------------------

TRUNCATED = "Input data was truncated"
"""What msgspec says of a text that ends too early, and of half a surrogate pair near the end."""

_MALFORMED = re.compile(r"JSON is malformed: (.*) \(byte (\d+)\)")


def malformed(error: Exception) -> tuple[str, int] | None:
    """The reason and the byte in a message of msgspec, None for other messages."""
    found = _MALFORMED.fullmatch(str(error))
    return (found[1], int(found[2])) if found else None


def fault_of(text: str | bytes | bytearray, stopped: Exception, error: Exception) -> Fault:
    """Why neither msgspec (`stopped`) nor Python (`error`) reads a text: in the words of msgspec, unless Python got further."""
    import json

    if isinstance(error, RecursionError) or isinstance(stopped, RecursionError):
        return Fault("nested too deep")
    if isinstance(error, MemoryError):
        return Fault("it does not fit into memory")
    if isinstance(error, UnicodeDecodeError):
        return Fault(f"{error.object[error.start]:#04x}", error.start, "UTF-8")
    data = text.encode(errors="surrogatepass") if isinstance(text, str) else bytes(text)
    reason, byte = malformed(stopped) or ("", -1)
    at = -1
    if isinstance(error, json.JSONDecodeError):
        rest = error.doc[error.pos :].rstrip()
        if (
            not rest
            or error.msg.startswith("Unterminated")
            or (error.msg.startswith("Invalid \\u") and '"' not in rest)
        ):
            return Fault("it ends too early")
        at = len(error.doc[: error.pos].encode(errors="surrogatepass"))
        if error.msg == "Extra data" and (byte < at or reason == "trailing characters"):
            return Fault("more text after the end of the value", at)
    elif not reason:
        return Fault(str(error))
    if byte >= at and reason != "invalid character":
        return Fault(reason, byte)
    at = at if at >= 0 else byte
    return Fault(_unexpected(data, at), at)


def _unexpected(data: bytes, at: int) -> str:
    byte = data[at : at + 1]
    return f"unexpected {chr(byte[0])!r}" if byte and 32 <= byte[0] < 127 else f"unexpected {byte.hex()!r} (hex)"


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
