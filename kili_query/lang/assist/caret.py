"""A caret in a text that need not be a query yet: what the parser could go on with there, and what is half written."""

from __future__ import annotations

import re
from typing import NamedTuple, NoReturn

from kili_query.lang.parser import context_of, grammar

_END = "\n\0"
"""Ends each token and each comment, and begins none: here the parser stops, and tells what it could go on with."""
_SKIPPED = re.compile(r'"(?:\\.|[^"\\])*"|(#[^\n]*)')
_RESTART = re.compile(r'"(?:\\.|[^"\\])*"|((?<![\w*.-])(?:AND|OR|NOT|and|or|not)(?![\w*.-])|[(&|])')
_NOT = re.compile(r"(?P<not>(?:NOT)+)\s*\Z")
_WORD = re.compile(r"[A-Za-z][\w*-]*\Z")


class Caret(NamedTuple):
    """What may come behind `start`, and what is written from there to the caret."""

    accepts: frozenset[str]
    """The terminals of the grammar that the parser could go on with."""
    start: int
    rest: str


class _Stopped(Exception):
    """The parser has come to the end of what it could use."""

    def __init__(self, position: int, accepts: frozenset[str]) -> None:
        self.position = position
        self.accepts = accepts


def carets(text: str, offset: int) -> list[Caret]:
    """How the text before an offset can be read: with the word that ends there finished, and still being written.

    >>> [sorted(caret.accepts)[-1] for caret in carets("A.B.count > 1 AND", 17)]
    ['OPERAND', '_OR']
    """
    before = text[:offset]
    if any(comment[1] is not None and comment.end() == offset for comment in _SKIPPED.finditer(before)):
        return []
    whole = _caret(before)
    word = _WORD.search(before)
    if not word or whole.rest:
        return [whole]
    unfinished = _caret(before[: word.start()])
    return [whole, unfinished._replace(rest=before[unfinished.start :])]


def _caret(before: str) -> Caret:
    base = 0
    while True:
        stopped = _read(before[base:])
        start = min(base + stopped.position, len(before))
        # what is wrong earlier in the text must not hide what can be said here: begin anew after the last connective
        again = [found.end() for found in _RESTART.finditer(before, start) if found[1]]
        if not again or again[-1] <= base:
            start = _with_not(before, start) if "COMPARISON" in stopped.accepts else start
            return Caret(stopped.accepts, start, before[start:])
        base = again[-1]


def _with_not(before: str, start: int) -> int:
    """Where a name starts that begins with NOT: the lexer knows it for a name only when the whole comparison is there."""
    word = _NOT.search(before, 0, start)
    rest = before[start : start + 1]
    named = word and (rest == "." or (word.end("not") == start and rest and (rest.isalnum() or rest in "_*-")))
    return word.start() if word and named else start


def _read(text: str) -> _Stopped:
    def stop(error: object) -> NoReturn:
        raise _Stopped(getattr(error, "pos_in_stream", None) or 0, frozenset(context_of(error)[0]))  # type: ignore[arg-type]

    try:
        grammar().parse(text + _END, on_error=stop)
    except _Stopped as stopped:
        return stopped
    raise AssertionError("the parser went past what ends each text")
