"""Skipping: records whose bytes alone tell that they cannot match; one by one, or those of a block of lines at a time."""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import NamedTuple, Self

from kili_query.engines.memory import compile_predicate
from kili_query.engines.necessary import gate, necessary
from kili_query.lang.ast import And, Node, walk
from kili_query.model.counts import Key

MIN_SKIPPED = 4096
"""Records below this size, in bytes, are always decoded: so a broken one is noticed, and it costs little."""

MAX_NAMES = 6
"""For how many names the bytes of a record are searched; to search for more takes longer than to decode it."""


class Line(NamedTuple):
    """A line of a block: how many lines of the block stand before it, and where it begins and ends."""

    number: int
    start: int
    end: int


class Skimmed(NamedTuple):
    """What a block of lines gave."""

    lines: int
    """How many there are, blank ones included."""
    passed: int
    """How many records cannot match, each of one label that has an answer."""
    kept: list[Line]
    """The others, in order."""


class Sieve:
    """What the bytes of a record must hold for a query to match."""

    def __init__(self, weaker: Node) -> None:
        self._can_match = compile_predicate(weaker)
        self._needles: dict[str, Needle] = {}
        self._gate = [(self._needle(name), number) for name, number in gate(weaker)]
        self._responses = Needle(b'"jsonResponse"')
        self.is_whole = not any(isinstance(node, And) for node in walk(weaker))
        """True if whatever is kept of a block has all that the bytes must hold."""

    @classmethod
    def of(cls, tree: Node) -> Self | None:
        """The sieve of a query; None if it would let all through, or take longer than decoding."""
        weaker = necessary(tree)
        return None if weaker is None or len(gate(weaker)) > MAX_NAMES else cls(weaker)

    def rules_out(self, buffer: bytes, start: int, end: int) -> bool:
        """True for a record of just one label, which has an answer and cannot match; asked of those that are large enough."""
        if self._may_hold(buffer, start, end):
            return False
        responses = self._responses.places(buffer, start, end)
        return len(responses) == 1 and _is_plain(buffer, responses[0], start, end)

    def rules_out_response(self, buffer: bytes, start: int, end: int) -> bool:
        """True for a response by itself, which has an answer and cannot match."""
        return (
            not self._may_hold(buffer, start, end)
            and _is_object(buffer, start, end)
            and _has_answer(buffer, start, end)
        )

    def _may_hold(self, buffer: bytes, start: int, end: int) -> bool:
        """True if the names that a match takes are there, or can be."""
        return bool(_hidden(buffer, start, end)) or self._can_match(_Written(self, buffer, start, end))  # type: ignore[arg-type]

    def skim(self, buffer: bytes, start: int, end: int) -> Skimmed | None:
        """`rules_out` for a block of lines, without looking at each by itself; None if they are too short for that."""
        find = buffer.find
        at = start
        for _ in range(_FEW_LINES):
            at = find(b"\n", at, end) + 1
            if not at:
                break
        else:
            if at - start < _FEW_LINES * MIN_SKIPPED:
                return None
        hidden = _hidden(buffer, start, end)
        # each with how many of its places make a line worth a look
        marks = [(needle.places(buffer, start, end), number) for needle, number in self._gate]
        if hidden:
            marks.append((hidden, 1))
        lows = [0] * len(marks)
        responses, low = self._responses.places(buffer, start, end), 0
        lines = passed = 0
        kept: list[Line] = []
        while start < end:
            stop = find(b"\n", start, end)
            stop = end if stop < 0 else stop
            can_match = stop - start < MIN_SKIPPED
            for at, (places, number) in enumerate(marks):
                high = bisect_left(places, stop, lows[at])
                can_match |= high - lows[at] >= number
                lows[at] = high
            high = bisect_left(responses, stop, low)
            if not can_match and high == low + 1 and _is_plain(buffer, responses[low], start, stop):
                passed += 1
            elif start < stop and (buffer[start] > 0x20 or not buffer[start:stop].isspace()):
                kept.append(Line(lines, start, stop))
            low = high
            lines += 1
            start = stop + 1
        return Skimmed(lines, passed, kept)

    def _needle(self, name: str) -> Needle:
        return self._needles.setdefault(name, Needle(b'"%b"' % name.encode()))

    def written(self, name: str, buffer: bytes, start: int, end: int) -> int:
        """How often a name is written, in quotes."""
        return len(self._needle(name).places(buffer, start, end))


class _Written:
    """How often each name is written in a record, looked up like its counts."""

    __slots__ = ("_sieve", "_where")

    def __init__(self, sieve: Sieve, buffer: bytes, start: int, end: int) -> None:
        self._sieve, self._where = sieve, (buffer, start, end)

    def get(self, key: Key, _: int) -> int:
        """How often the second name of a key is written."""
        return self._sieve.written(key[1], *self._where)


_PART, _FEW_LINES = 64 << 10, 4
"""Bytes, and lines, that say what the others are like."""
_RARE = 9
"""A letter is rare if less than one of 2 to the power of this many bytes is it."""


class Needle:
    """Bytes to look for. To go from one of their letters to the next, where that is rare, is several times as fast."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._known = False
        self._rare: int | None = None
        """Which of their letters is rare; None: none is."""

    def places(self, buffer: bytes, start: int, end: int) -> list[int]:
        """Where they stand."""
        if not self._known:
            self._choose(buffer, start, end)
        text, find, found, at = self._text, buffer.find, list[int](), start
        if (before := self._rare) is not None:
            letter, begins = text[before : before + 1], buffer.startswith
            at = find(letter, start + before, end)
            for _ in range(8 + ((end - start) >> _RARE)):
                if at < 0:
                    return found
                if begins(text, at - before, end):
                    found.append(at - before)
                at = find(letter, at + 1, end)
            if at < 0:
                return found
            self._choose(buffer, at, end)  # it is not rare after all
            at -= before
        at = find(text, at, end)
        while at >= 0:
            found.append(at)
            at = find(text, at + 1, end)
        return found

    def _choose(self, buffer: bytes, start: int, end: int) -> None:
        end = min(end, start + _PART)
        counts = [buffer.count(letter, start, end) for letter in self._text]
        rarest = min(counts)
        self._known, self._rare = True, counts.index(rarest) if rarest <= (end - start) >> _RARE else None


# -- what a record must be ---------------------------------------------------------------------------------------------

_ESCAPED = re.compile(rb"\\u00[2-7]")
"""An escape that can hide a letter of a plain name: such a record is decoded."""
_FEW = 64


def _hidden(buffer: bytes, start: int, end: int) -> list[int]:
    """Where escapes stand that can hide a plain name. To go from one of a few backslashes to the next is fastest."""
    found, find = list[int](), buffer.find
    at = find(b"\\", start, end)
    for _ in range(_FEW):
        if at < 0:
            return found
        if buffer[at + 1 : at + 4] == b"u00" and _ESCAPED.match(buffer, at, end):
            found.append(at)
        at = find(b"\\", at + 2, end)
    if at >= 0:
        found += (match.start() for match in _ESCAPED.finditer(buffer, at, end))
    return found


_OBJECT = re.compile(rb'(?<!\\)"jsonResponse"\s*:\s*\{\s*"')
_ANSWER = re.compile(rb'(?<!\\)"categories"\s*:\s*\[\s*[{"]')
"""What an answer surely holds; a label without it may have no answer, and is decoded."""
NO_ANSWER = b"TATION_"
"""What the keys of all `PSEUDO_JOBS` have in common: in one of them, categories are no answer."""
_TYPE_KEY = b'"labelType"'
_TYPE = re.compile(rb'(?<!\\)"labelType"\s*:\s*"([A-Z]+)"')
_CLOSE = 0x7D


def _is_plain(buffer: bytes, response: int, start: int, end: int) -> bool:
    """True for an object with one response if that is of a label, surely has an answer, and surely takes part."""
    if not _is_object(buffer, start, end):
        return False
    opened = _OBJECT.match(buffer, response, end)
    return (
        opened is not None and _has_answer(buffer, opened.end() - 1, end) and not _may_be_autosave(buffer, start, end)
    )


def _is_object(buffer: bytes, start: int, end: int) -> bool:
    """True for what begins and ends as an object does."""
    while end > start and buffer[end - 1] in b" \t\r\n":
        end -= 1
    return buffer.startswith(b"{", start, end) and buffer[end - 1] == _CLOSE


def _has_answer(buffer: bytes, start: int, end: int) -> bool:
    """True if an answer surely follows, within a response or behind its beginning."""
    at = buffer.find(b'"categories"', start, end)
    if at < 0:
        return False
    found = _ANSWER.match(buffer, at, end) or _ANSWER.search(buffer, at, end)
    return found is not None and buffer.find(NO_ANSWER, start, found.start()) < 0


def _may_be_autosave(buffer: bytes, start: int, end: int) -> bool:
    """True unless the only label of a record surely takes part. Its type, if any, mostly stands near an end."""
    at = buffer.find(_TYPE_KEY, max(start, end - 512), end)
    at = at if at >= 0 else buffer.find(_TYPE_KEY, start, min(start + 512, end))
    if at < 0:
        return buffer.find(_TYPE_KEY, start, end) >= 0
    found = _TYPE.match(buffer, at, end)
    return found is None or found[1] == b"AUTOSAVE" or buffer.find(_TYPE_KEY, found.end(), end) >= 0
