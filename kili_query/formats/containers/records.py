"""What a reader hands on: records, problems, the places where they stand, and the parts in which work is planned."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from kili_query.errors import DataError
from kili_query.model.labels import is_record

NO_RECORD = (
    "no label record: neither an asset (`labels`, `latestLabel`, `latestLabels`), nor a label (`jsonResponse`), "
    "nor a conversation (`label`)"
)


class Place(NamedTuple):
    """Where a record stands, for people; its text is made only when somebody asks for it.

    >>> str(Place("data.json", offset=1234, item=7))
    'data.json: byte 1234, item 7'
    """

    source: str
    member: str | None = None
    """The file inside an archive."""
    line: int | None = None
    """From 1; relative to a `LineRange` whose `base` was not set."""
    offset: int | None = None
    """In bytes from 0, of the text after decompression."""
    item: int | None = None
    """The item of a list, or the value of a file that holds several; from 1."""

    def moved(self, lines: int) -> Place:
        """The same place, if its line was counted from `lines` lines further down."""
        return self if self.line is None else self._replace(line=self.line + lines)

    def __str__(self) -> str:
        details = [
            f"{name} {value}"
            for name, value in (("line", self.line), ("byte", self.offset), ("item", self.item))
            if value is not None
        ]
        return ": ".join(text for text in (self.source, self.member, ", ".join(details)) if text)


class Record(NamedTuple):
    """One JSON value of an export, still undecoded: a part of a buffer, so that reading a line copies nothing.

    `optional` marks a file that an export may hold beside labels (a FILE answer): no fault if it is no record.
    """

    buffer: bytes
    where: Place
    optional: bool = False
    start: int = 0
    end: int | None = None

    @property
    def data(self) -> bytes:
        """The JSON text."""
        return self.buffer[self.start : self.end]

    @property
    def size(self) -> int:
        """The length of the text in bytes."""
        return (len(self.buffer) if self.end is None else self.end) - self.start


class Problem(NamedTuple):
    """Something that could not be read. `skipped`: it was left out on purpose, and is no error."""

    message: str
    where: Place
    skipped: bool = False
    code: str = "KQ501"

    def error(self, base: int = 0) -> DataError:
        """The problem as an exception; `base`: how many lines stand before the part it was found in."""
        return DataError(self.message, code=self.code, where=str(self.where.moved(base)))


class Part(ABC):
    """A piece of work: small to pickle, and read without regard to the other parts."""

    __slots__ = ()

    source: str
    """What the part belongs to, for people."""
    size: int
    """Bytes to read, uncompressed where that is known; an estimate for progress, 0 if unknown."""
    sequential = False
    """True for a stream that only one process can read, and that may be as large as the whole input."""
    local = False
    """True if only this process can read it (standard input)."""

    @abstractmethod
    def records(self) -> Iterator[Record | Problem]:
        """What the part holds, in the order of the input. Raises nothing for bad data: that is a `Problem`."""


def decode_record(record: Record) -> dict[str, object] | Problem:
    """The object of a record, or what is wrong with it."""
    data = record.data
    try:
        value = _decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return Problem(invalid_json(error, data, record.where) + asset_hint(data), record.where)
    if isinstance(value, dict) and is_record(value):
        return value
    return Problem(NO_RECORD + asset_hint(data), record.where, record.optional)


def _decode(data: bytes) -> object:
    try:
        return msgspec.json.decode(data)
    except msgspec.ValidationError:  # a number too large for a float, which JSON allows
        return msgspec.json.Decoder(float_hook=float).decode(data)


_MALFORMED = re.compile(r"JSON is malformed: (.*) \(byte (\d+)\)")
_EXTERNAL_ID = re.compile(rb'"externalId"\s*:\s*("[^"\\]*(?:\\.[^"\\]*)*")')
_CONSTANT = re.compile(rb"-?(?:NaN|Infinity)\b")
TRUNCATED = "Input data was truncated"


def malformed(error: Exception) -> tuple[str, int] | None:
    """The reason and the byte in a message of msgspec, None for other messages."""
    found = _MALFORMED.fullmatch(str(error))
    return (found[1], int(found[2])) if found else None


def invalid_json(error: Exception, data: bytes, where: Place) -> str:
    """What is wrong with JSON text that starts at `where`, in our words, with the byte."""
    if isinstance(error, RecursionError):
        return "not valid JSON: nested too deep"
    if isinstance(error, UnicodeError):
        try:
            data.decode()
        except UnicodeDecodeError as detail:
            byte = f"{data[detail.start]:#04x}"
            return f"not valid UTF-8: {byte} at {_byte(detail.start, where)}"
        return f"not valid JSON: {error}"
    if str(error) == TRUNCATED:
        return "not valid JSON: it ends too early"
    known = malformed(error)
    if known is None:
        return f"not valid JSON: {error}"
    reason, at = known
    if reason == "trailing characters":  # msgspec has read one byte further than the one that it means
        reason, at = "more text after the end of the value", at - 1
    elif reason == "invalid character":
        constant = _CONSTANT.match(data, max(0, at - 1)) or _CONSTANT.match(data, at)
        shown = repr(chr(data[at])) if at < len(data) and 32 <= data[at] < 127 else f"{data[at : at + 1].hex()!r} (hex)"
        reason = f"{constant[0].decode()} is no JSON number" if constant else f"unexpected {shown}"
    return f"not valid JSON: {reason} at {_byte(at, where)}"


def asset_hint(data: bytes) -> str:
    """The asset that a text which cannot be used names, as an addition to a message."""
    found = _EXTERNAL_ID.search(data)
    try:
        return f" (asset {msgspec.json.decode(found[1], type=str)})" if found else ""
    except (msgspec.DecodeError, UnicodeError):
        return ""


def _byte(at: int, where: Place) -> str:
    return f"byte {at} of the line" if where.line is not None else f"byte {at + (where.offset or 0)}"
