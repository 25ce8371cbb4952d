"""The members of one large JSON object, read piece by piece: lists item by item with their places, all else as a whole."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from typing import Any, NamedTuple

import msgspec

from kili_query.formats.containers.records import Place, Problem, invalid_json
from kili_query.formats.containers.split import LARGEST, Window, find_end
from kili_query.model.decoding import TRUNCATED, Fault, malformed

_RAWS = msgspec.json.Decoder(list[msgspec.Raw])
_TRIES = 6
_SOME = 4096
_BEHIND_ITEM = re.compile(rb"[ \t\r\n]*(?:,[ \t\r\n]*\{|\])")


class Items(NamedTuple):
    """Some items of a list, one after the other."""

    key: str
    text: bytes
    """The items and the commas between them."""
    places: list[tuple[int, int]]
    """The place of each in the file, and its length in bytes."""
    raws: list[Any]


class Value(NamedTuple):
    """A member that is no list."""

    key: str
    text: bytes


def members(window: Window, source: str, member: str | None = None) -> Iterator[Items | Value | Problem]:
    """The members of an object, in the order of the file; what is wrong with it comes as a Problem, and ends it."""
    try:
        yield from _members(window)
    except Fault as fault:
        where = Place(source, member, None, window.offset + (fault.at or 0))
        if window.broken:
            yield Problem(window.broken.message, where, code=window.broken.code)
        else:
            yield Problem(invalid_json(Fault(fault.reason), where), where)


def _members(window: Window) -> Iterator[Items | Value | Problem]:
    at = window.skip_space(0)
    if window.data.startswith(b"\xef\xbb\xbf"):
        at = window.skip_space(3)
    if window.data[at : at + 1] != b"{":
        raise Fault("this is no object", at)
    at = window.skip_space(at + 1)
    while window.data[at : at + 1] != b"}":
        if window.data[at : at + 1] == b",":
            at = window.skip_space(at + 1)
        if window.data[at : at + 1] != b'"':
            raise Fault("the text ends within the object" if at >= len(window.data) else "a key is missing", at)
        text, at = _value(window, at)
        try:
            key = msgspec.json.decode(text, type=str)
        except (msgspec.MsgspecError, UnicodeError):
            key = "?"
        at = window.skip_space(at)
        if window.data[at : at + 1] != b":":
            raise Fault("no `:` behind a key", at)
        at = window.skip_space(at + 1)
        if window.data[at : at + 1] == b"[":
            at = yield from _items(window, at + 1, key)
        else:
            text, at = _value(window, at)
            yield Value(key, text)
        at = window.skip_space(at)


def _value(window: Window, at: int) -> tuple[bytes, int]:
    """A value, and the place behind it."""
    while True:
        end = find_end(window.data, at, closed=window.closed)
        whole = end.outcome == "found" and (end.at < len(window.data) or window.closed)
        if whole:
            return window.data[at : end.at], end.at
        if end.outcome == "bad" and (window.closed or end.at < len(window.data) - 64):
            raise end.fault or Fault("no value", at)
        if len(window.data) - at > LARGEST:
            raise Fault(f"a value does not end within {LARGEST >> 20} MB", at)
        if not window.more(at):
            raise Fault("the text ends within a value", at)
        at = 0


def _items(window: Window, at: int, key: str) -> Generator[Items, None, int]:
    """The items of a list from behind its bracket, many at a time; gives the place behind it."""
    while True:
        if not window.closed and len(window.data) - at < max(1 << 16, len(window.data) // 2):
            window.more(at)
            at = 0
        at = window.skip_space(at)
        end, closed, raws = _many(window.data, at)
        if raws and (places := _placed(window.data, at, raws, window.offset)) is not None:
            yield Items(key, window.data[at:end], places, raws)
            at = end
        elif raws or not closed:
            at, closed = yield from _one_by_one(window, at, key)
        else:
            at = end
        if closed:
            return at + 1
        at = window.skip_space(at)
        at += window.data[at : at + 1] == b","


def _one_by_one(window: Window, at: int, key: str) -> Generator[Items, None, tuple[int, bool]]:
    """Some items by themselves: what msgspec does not read, and what is larger than the window."""
    for _ in range(_SOME):
        at = window.skip_space(at)
        byte = window.data[at : at + 1]
        if byte == b"]":
            return at, True
        if not byte:
            raise Fault(f"the list `{key}` is not closed", at)
        if byte == b",":
            at += 1
            continue
        text, after = _value(window, at)
        stripped = text.rstrip()
        yield Items(key, stripped, [(window.offset + after - len(text), len(stripped))], [stripped])
        at = after
    return at, False


def _many(data: bytes, at: int) -> tuple[int, bool, list[msgspec.Raw]]:
    """The items that stand whole in some data: where they end, and whether the list is closed there."""
    end = len(data)
    for _ in range(_TRIES):
        cut = data.rfind(b"}", at, end)
        if cut < 0:
            break
        end = cut
        if not _BEHIND_ITEM.match(data, cut + 1):
            continue
        try:
            return cut + 1, False, _RAWS.decode(b"[%b]" % data[at : cut + 1])
        except msgspec.DecodeError as error:
            known = malformed(error)
            if known is not None and known[0] == "trailing characters":
                close = at + known[1] - 3  # one bracket is before the text, one is counted
                return close, True, _RAWS.decode(b"[%b]" % data[at:close])
            if str(error) != TRUNCATED:
                break
        except RecursionError:
            break
    return at, False, []


def _placed(data: bytes, at: int, raws: list[msgspec.Raw], offset: int) -> list[tuple[int, int]] | None:
    """The places of items that stand one after the other; None if they are not all objects."""
    places, find = [], data.find
    for raw in raws:
        view = memoryview(raw)
        if bytes(view[:1]) != b"{":
            return None
        begin = find(b"{", at)
        at = begin + len(view)
        places.append((offset + begin, len(view)))
    return places
