"""Records as readers give them: JSON texts, problems, positions in files, and the parts in which work is planned."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

from kili_query.errors import DataError
from kili_query.formats.others import foreign_value, no_record
from kili_query.model.decoding import Fault, read_json
from kili_query.model.labels import is_record


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
        """The same position, if its line was counted from `lines` lines further down."""
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


class Block:
    """Lines of a text, whole and one after the other, in a buffer. Who takes them says how many there were.

    Parameters
    ----------
    before: how many lines stand before it.
    """

    __slots__ = ("before", "buffer", "end", "lines", "member", "optional", "source", "start")

    def __init__(
        self, buffer: bytes, start: int, end: int, source: str, member: str | None, optional: bool, before: int
    ) -> None:
        self.buffer, self.start, self.end = buffer, start, end
        self.source, self.member, self.optional, self.before = source, member, optional, before
        self.lines = 0
        """How many there are: known when they have been taken."""

    def records(self) -> Iterator[Record]:
        """Those that are not blank."""
        make, buffer, at, number, end = tuple.__new__, self.buffer, self.start, self.before, self.end
        source, member, optional, find = self.source, self.member, self.optional, self.buffer.find
        while at < end:
            stop = find(b"\n", at, end)
            stop = end if stop < 0 else stop
            number += 1
            if stop > at and (buffer[at] > 0x20 or not buffer[at:stop].isspace()):
                # what Record(...) does, in half the time
                where = make(Place, (source, member, number, None, None))
                yield make(Record, (buffer, where, optional, at, stop))
            at = stop + 1
        self.lines = number - self.before

    def record(self, number: int, start: int, end: int) -> Record:
        """The line before which `number` lines of the block stand."""
        return Record(self.buffer, Place(self.source, self.member, self.before + number + 1), self.optional, start, end)


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

    def blocks(self) -> Iterator[Record | Problem | Block]:
        """The same, where it can be with many lines at a time."""
        return self.records()


def decode_record(record: Record) -> dict[str, object] | Problem:
    """The object of a record, or what is wrong with it."""
    data = record.data
    try:
        value = read_json(data)
    except Fault as fault:
        return Problem(invalid_json(fault, record.where) + asset_hint(data), record.where)
    if isinstance(value, dict) and is_record(value):
        return value
    code = "KQ503" if foreign_value(value) and record.where.item is None else "KQ501"  # the source as a whole is none
    return Problem(no_record(value) + asset_hint(data), record.where, record.optional, code)


_EXTERNAL_ID = re.compile(rb'"externalId"\s*:\s*("[^"\\]*(?:\\.[^"\\]*)*")')


def invalid_json(fault: Fault, where: Place) -> str:
    """What is wrong with JSON text that starts at `where`, with the byte."""
    place = "" if fault.at is None else f" at {_byte(fault.at, where)}"
    return f"not valid {fault.what}: {fault.reason}{place}"


def asset_hint(data: bytes) -> str:
    """The asset that a text which cannot be used names, as an addition to a message."""
    found = _EXTERNAL_ID.search(data)
    try:
        return f" (asset {read_json(found[1])})" if found else ""
    except Fault:
        return ""


def _byte(at: int, where: Place) -> str:
    return f"byte {at} of the line" if where.line is not None else f"byte {at + (where.offset or 0)}"
