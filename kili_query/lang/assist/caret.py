"""Completion context: what the parser could go on with at a caret in an incomplete text, and what is half written there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from kili_query.lang.lexis import COMMENT, QUOTED_LOOSELY, unclosed
from kili_query.lang.parser import stopped_in
from kili_query.lang.stopped import Slot, Stopped

_END = "\n\0"
"""Ends each token and each comment, and begins none: here the parser stops, and tells what it could go on with."""
_COMMENTS = tuple(re.compile(quoted + f"({COMMENT})") for quoted in (f"{QUOTED_LOOSELY}|", ""))
_RESTARTS = tuple(
    re.compile(quoted + r"((?<![\w*.-])(?:AND|OR|NOT|and|or|not)(?![\w*.-])|[(&|])")
    for quoted in (f"{QUOTED_LOOSELY}|", "")
)
"""Outside quotes: up to a quote that nothing closes, and behind it, where none is closed either."""
_LETTER = re.compile(r"[A-Za-z]")


class Caret(NamedTuple):
    """What may come behind `start`, and what is written from there to the caret."""

    slot: Slot
    closable: bool
    """True if a parenthesis, or the list, could be closed there."""
    start: int
    rest: str


def carets(text: str, offset: int) -> list[Caret]:
    """How the text before an offset can be read: with the token that ends there finished, and still being written.

    >>> [caret.slot.name for caret in carets("A.B.count > 1 AND", 17)]
    ['COMPARISON', 'CONNECTIVE']
    """
    before = text[:offset]
    if any(comment.end() == offset for comment in _outside_quotes(_COMMENTS, before)):
        return []
    whole = _caret(before)
    word = _LETTER.search(before, _word_start(before))
    if not word or whole.rest:
        return [whole]
    unfinished = _caret(before[: word.start()])
    return [whole, unfinished._replace(rest=before[unfinished.start :])]


def _outside_quotes(patterns: tuple[re.Pattern[str], ...], text: str, start: int = 0) -> Iterator[re.Match[str]]:
    """What a pattern finds outside quotes."""
    middle = unclosed(text, start)
    for found in chain(patterns[0].finditer(text, start, middle), patterns[1].finditer(text, middle)):
        if found[1] is not None:
            yield found


def _word_start(text: str) -> int:
    """Where the token starts that ends the text: letters, digits, `_`, `-`, `*`."""
    start = len(text)
    while start and (text[start - 1].isalnum() or text[start - 1] in "_-*"):
        start -= 1
    return start


def _caret(before: str) -> Caret:
    base = 0
    while True:
        stopped = _read(before[base:])
        start = min(base + stopped.position, len(before))
        # what is wrong earlier in the text must not hide what can be said here: begin anew after the last connective
        again = [found.end() for found in _outside_quotes(_RESTARTS, before, start)]
        if not again or again[-1] <= base:
            start = _with_not(before, start) if stopped.slot is Slot.COMPARISON else start
            return Caret(stopped.slot, stopped.closable, start, before[start:])
        base = again[-1]


def _with_not(before: str, start: int) -> int:
    """Where a name starts that begins with NOT: the lexer knows it for a name only when the whole comparison is there."""
    end = first = len(before[:start].rstrip())
    while before.endswith("NOT", 0, first):
        first -= 3
    rest = before[start : start + 1]
    named = rest == "." or (end == start and rest and (rest.isalnum() or rest in "_*-"))
    return first if first < end and named else start


def _read(text: str) -> Stopped:
    stopped = stopped_in(text + _END)
    assert stopped is not None, "the parser went past what ends each text"
    return stopped
