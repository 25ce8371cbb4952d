"""Cuts JSON text into values without decoding it: a list, or values one after the other, of any length.

msgspec finds the end of a value at the speed of C: asked for a raw value, it complains about trailing characters
and says where they start. A window over the text grows only when one value is larger than it.
"""

from __future__ import annotations

import re
from codecs import utf_8_decode
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

import msgspec

from kili_query.errors import DataError
from kili_query.formats.containers.records import Place, Problem, Record, asset_hint, invalid_json
from kili_query.model.decoding import TRUNCATED, Fault, fault_of, malformed, python_decoder, read_json
from kili_query.model.kili import LABEL_KEYS
from kili_query.model.labels import is_record

WINDOW = 512 << 10
"""Bytes by which a window is filled: larger ones leave the cache of the processor, and cost more page faults."""

LARGEST = 512 << 20
"""Bytes that one value may have: what bounds memory when a bracket is missing."""

_PATIENCE = 256 << 20  # bytes looked at in vain, while searching for the next item, before giving up
_STEP, _DEEP = 1 << 10, 4 << 20  # what looking at one place costs in such bytes, and what a deep nesting costs
_SCAN = 4 << 20  # bytes in which the end of a bad item is looked for by its brackets

_SLICE = 64 << 10  # bytes that Python's decoder is given at first
_NEAR = 16  # characters before the end of a slice in which a fault may be but half of something

_READ_BY_PYTHON = (b"{", b"[", b'"', b"N", b"I", b"-I")  # how a value begins that may be read in another way

_RAW = msgspec.json.Decoder(msgspec.Raw)
_SPACE = re.compile(rb"[ \t\r\n]*")
_BOUNDARY = re.compile(rb"\}[ \t\r\n]*+,?[ \t\r\n]*+(?=\{)")
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+(?P<end>")?|[\[\]{}]', re.S)
_CLOSING = {b"{": b"}", b"[": b"]"}
_SCALAR = re.compile(rb'[^\s,\]\[{}"]+')


class _End(NamedTuple):
    """How looking for the end of a value went: `at` is its end, or the position of the fault."""

    outcome: Literal["found", "cut", "bad"]
    at: int
    fault: Fault | None = None
    """What is wrong, with the byte from the begin of the value."""


class Window:
    """A view of a text that moves forward: `data` stands at `offset` of the text; `closed` when no more follows.

    A source that breaks off (DataError) ends the text; the error is kept in `broken`.
    """

    def __init__(self, chunks: Iterable[bytes], offset: int = 0) -> None:
        self._chunks = iter(chunks)
        self.data = b""
        self.offset = offset
        self.closed = False
        self.broken: DataError | None = None

    def more(self, keep: int) -> bool:
        """Drop what lies before `keep`, and read at least as much again as is kept. False at the end of the text."""
        if self.closed:
            return False
        rest = self.data[keep:]
        pieces, missing = [rest], max(1, len(rest))
        try:
            while missing > 0:
                chunk = next(self._chunks)
                pieces.append(chunk)
                missing -= len(chunk)
        except StopIteration:
            self.closed = True
        except DataError as error:
            self.closed, self.broken = True, error
        self.data, self.offset = b"".join(pieces), self.offset + keep
        return True

    def skip_space(self, at: int) -> int:
        """The next position that is not white space; at the end of the text the length of `data`."""
        while True:
            end = _SPACE.match(self.data, at).end()  # type: ignore[union-attr]
            if end < len(self.data) or not self.more(end):
                return end
            at = 0


def split(
    chunks: Iterable[bytes],
    source: str,
    member: str | None = None,
    *,
    offset: int = 0,
    optional: bool = False,
    largest: int = LARGEST,
) -> Iterator[Record | Problem]:
    """The items of a JSON list, or the values of a text that holds one or more, in the order of the text.

    `offset` is the place of the first chunk, in bytes. A fault is given as a Problem; reading goes on at the next
    item that is a record of the same kind.
    """
    return _Splitter(Window(chunks, offset), source, member, optional, largest).run()


class _Splitter:
    def __init__(self, window: Window, source: str, member: str | None, optional: bool, largest: int) -> None:
        self.window, self.source, self.member, self.optional, self.largest = window, source, member, optional, largest
        self.count = 0
        self.kind: str | None = None  # of the last record that was looked at: only trouble makes it needed
        self.sample = b""

    def run(self) -> Iterator[Record | Problem]:
        window = self.window
        at = window.skip_space(0)
        if at == len(window.data):
            yield (
                self.cut_off(at)
                if window.broken
                else Problem("is empty", Place(self.source, self.member), code="KQ503")
            )
        elif window.data[at] == 0x5B:  # [
            yield from self.items(at + 1)
        else:
            yield from self.values(at)

    def items(self, at: int) -> Iterator[Record | Problem]:
        """A list, from behind its bracket."""
        window, comma = self.window, False
        while True:
            at = window.skip_space(at)
            if at == len(window.data):
                yield self.cut_off(at)
                return
            byte = window.data[at]
            if byte == 0x5D:  # ]
                if comma:
                    yield self.problem("not valid JSON: a comma before the end of the list", at)
                at = window.skip_space(at + 1)
                if window.broken:
                    yield self.cut_off(at)
                elif at < len(window.data):
                    yield self.problem("not valid JSON: more text after the end of the list", at)
                return
            if byte == 0x2C:  # a comma in the place of an item
                yield self.problem("not valid JSON: a comma without an item before it", at)
                at, comma = at + 1, True
                continue
            if self.count and not comma and byte in b'{["-0123456789tfn':
                yield self.problem("not valid JSON: no comma between two items", at)
            item, at = self.value(at)
            yield item
            if at < 0:
                return
            at = window.skip_space(at)
            comma = window.data[at : at + 1] == b","
            at += comma
            if isinstance(item, Problem) and window.data[at : at + 1] == b"{":
                comma = True  # the search for the next item has passed the comma

    def values(self, at: int) -> Iterator[Record | Problem]:
        """Values one after the other, white space between them."""
        window = self.window
        while at < len(window.data):
            if window.data[at] == 0x2C:  # a comma
                yield self.problem("not valid JSON: a comma between values that are not in a list", at)
                at = window.skip_space(at + 1)
                continue
            item, at = self.value(at)
            if at < 0:
                yield item
                return
            at = window.skip_space(at)
            if self.count == 1 and at == len(window.data) and isinstance(item, Record) and not window.broken:
                item = item._replace(where=Place(self.source, self.member))  # the only value: the file says it all
            yield item
        if window.broken:
            yield self.cut_off(at)

    def value(self, at: int) -> tuple[Record | Problem, int]:
        """The value at a position, and the position behind it in the window; -1 if nothing more can be read."""
        self.count += 1
        end, at = self.end(at)
        window = self.window
        where = Place(self.source, self.member, None, window.offset + at, self.count)
        if end.outcome == "found":
            data = window.data[at : end.at].rstrip()
            self.sample = data
            return Record(data, where, self.optional), end.at
        code = "KQ501"
        if end.outcome == "bad" and end.fault:
            message = invalid_json(end.fault, where)
        elif window.broken:
            message, code = window.broken.message, window.broken.code
        elif window.closed:
            message = "not valid JSON: the text ends inside of this item"
        else:
            message = f"the item does not end within {self.largest >> 20} MB"
        message += asset_hint(window.data[at : end.at])
        balanced, at = self.behind(at) if end.outcome == "bad" else (False, at)
        if not balanced:
            at = self.next_item(at)
            message += "" if at >= 0 or window.broken else "; no item was found after it"
        return Problem(message, where, code=code), at

    def behind(self, at: int) -> tuple[bool, int]:
        """Whether the brackets of a bad item are balanced and an item can end there; the position behind it, or its own.

        The window may move.
        """
        window = self.window
        if window.data[at] not in b"{[":
            return False, at
        while (end := _scan(window.data, at)).outcome == "cut" and len(window.data) - at < _SCAN and window.more(at):
            at = 0
        if end.outcome != "found":
            return False, at
        at = window.skip_space(end.at)
        return window.data[at : at + 1] in (b",", b"]", b"{", b""), at

    def end(self, at: int) -> tuple[_End, int]:
        """How the value at a position ends; the window may move, so the position is given again."""
        window = self.window
        while True:
            end = find_end(window.data, at, closed=window.closed)
            whole = end.outcome == "found" and (end.at < len(window.data) or window.data[at] in b'{["')
            # a fault within the last bytes may be half a number or half an escape
            if whole or (end.outcome == "bad" and end.at < len(window.data) - 64):
                return end, at
            if len(window.data) - at > self.largest or not window.more(at):
                return end, at
            at = 0

    def next_item(self, start: int) -> int:
        """The next position where an item starts, behind a bad one that starts at `start`; -1 if there is none.

        Objects inside of the bad item look like items too: the next item must be a record of the kind that went
        before. What is well-formed and no such record is stepped over as a whole.
        """
        window, at, spent = self.window, start, 0
        kind = _kind(self.sample) if self.sample else None
        while spent < _PATIENCE:
            found = _BOUNDARY.search(window.data, at)
            kind = kind or _kind_inside(window.data[at : found.end() if found else None])
            if found is None:
                # a boundary may lie across the end of the window
                if not window.more(max(at, len(window.data) - 4096)):
                    return -1
                at = 0
                continue
            end, at = self.end(found.end())
            spent += _STEP
            if end.outcome == "found":
                this = _kind(window.data[at : end.at])
                if this is not None and (kind is None or this == kind):
                    return at
                at = max(at + 1, window.data.rfind(b"}", at, end.at))
            else:
                spent += _DEEP if end.fault and end.fault.at is None else end.at - at
                at += 1
        return -1

    def cut_off(self, at: int) -> Problem:
        """The problem of a text that ends before it is complete."""
        where = Place(self.source, self.member, None, self.window.offset + at)
        if self.window.broken:
            return Problem(self.window.broken.message, where, code=self.window.broken.code)
        return Problem("not valid JSON: the list is not closed, its `]` is missing", where)

    def problem(self, message: str, at: int) -> Problem:
        return Problem(message, Place(self.source, self.member, None, self.window.offset + at))


def find_end(data: bytes, at: int, *, closed: bool = False) -> _End:
    """Where the JSON value at a position ends; white space behind it may be counted in. `closed`: no more data follows."""
    try:
        _RAW.decode(memoryview(data)[at:])
    except msgspec.DecodeError as error:
        if str(error) == TRUNCATED:  # or half a surrogate pair in the last bytes
            return _python_end(data, at, error, closed) if closed else _End("cut", len(data))
        known = malformed(error)
        if known is None:
            return _scan(data, at)
        reason, byte = known
        if reason == "trailing characters":
            return _End("found", at + byte - 1)
        if data.startswith(_READ_BY_PYTHON, at):
            return _python_end(data, at, error, closed)
        return _End("bad", at + byte, fault_of(data[at : at + byte + 16], error, error))
    except RecursionError:
        return _End("bad", at, Fault("nested too deep"))
    return _End("found", len(data))


def _python_end(data: bytes, at: int, stopped: Exception, closed: bool) -> _End:
    """Where a value ends that msgspec refuses, if Python's `json` reads it: found in a slice that grows where it is cut."""
    from json import JSONDecodeError

    size, decoder = _SLICE, python_decoder()
    while True:
        piece, text = data[at : at + size], ""
        whole = at + size >= len(data)
        try:
            text, _ = utf_8_decode(piece, "surrogatepass", False)
            _, end = decoder.raw_decode(text)
            if end < len(text) or whole:
                return _End("found", at + len(text[:end].encode(errors="surrogatepass")))
        except (ValueError, RecursionError) as error:
            near = len(text.rstrip()) if whole and closed else len(text) - _NEAR
            cut = isinstance(error, JSONDecodeError) and (error.pos >= near or error.msg.startswith("Unterminated"))
            if not cut:
                fault = fault_of(piece, stopped, error)
                return _End("bad", at + (fault.at or 0), fault)
            if whole:
                return _End("cut", len(data))
        size *= 4


def _scan(data: bytes, at: int) -> _End:
    """Where a value ends, by its brackets alone: for texts that msgspec cannot say it of."""
    if data[at : at + 1] not in (b"{", b"[", b'"'):
        scalar = _SCALAR.match(data, at)
        return _End("found", scalar.end()) if scalar else _End("bad", at, Fault("no value", 0))
    expected: list[bytes] = []
    for token in _TOKEN.finditer(data, at):
        text = token[0]
        if text in _CLOSING:
            expected.append(_CLOSING[text])
        elif text in (b"}", b"]"):
            if expected.pop() != text:
                return _End("bad", token.start(), Fault("a bracket is missing", token.start() - at))
        elif token["end"] is None:  # a string without an end
            break
        if not expected:
            return _End("found", token.end())
    return _End("cut", len(data))


def _kind(data: bytes) -> str | None:
    """What kind of record a text is: `asset`, `conversation`, `label`; None if none."""
    try:
        value = read_json(data)
    except Fault:
        return None
    if not isinstance(value, dict) or not is_record(value):
        return None
    if any(key in value for key in LABEL_KEYS):
        return "asset"
    return "conversation" if "label" in value else "label"


def _kind_inside(data: bytes) -> str | None:
    """`asset` if the text names a key that only assets have."""
    return "asset" if any(f'"{key}"'.encode() in data for key in LABEL_KEYS) else None
