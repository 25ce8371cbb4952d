"""The words of a query text, complete or not, each with its role: what editors colour, point at and rename.

It decides nothing about what is a query: where the parser accepts a text, the roles are those of its tree (a test
compares them), and where it does not, they are the best guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from kili_query.errors import Span


class Role(StrEnum):
    """What a word is in a query."""

    JOB = "job"
    CATEGORY = "category"
    COUNT = "count"
    KEYWORD = "keyword"
    OPERATOR = "operator"
    NUMBER = "number"
    PUNCTUATION = "punctuation"
    COMMENT = "comment"
    UNKNOWN = "unknown"


class Word(NamedTuple):
    """A word, and where it stands."""

    role: Role
    span: Span
    text: str

    @property
    def key(self) -> str:
        """For a job or a category: its key, without the quotes."""
        return key_from_text(self.text)


class Operand(NamedTuple):
    """`JOB.CATEGORY.count`, or as much of it as is there, and the words of its comparison."""

    job: Word
    category: Word | None
    span: Span
    """From the job to the last word of the comparison."""


def key_from_text(text: str) -> str:
    r"""The key that is written in a query: the quotes, closed or not, and the escapes taken away.

    >>> key_from_text('"12\\" gun"')
    '12" gun'
    """
    if text[:1] != '"':
        return text
    inner = text[1:-1] if _CLOSED.fullmatch(text) else text[1:]
    return _ESCAPE.sub(r"\1", inner)


_CLOSED = re.compile(r'"(?:\\.|[^"\\])*"', re.DOTALL)
_ESCAPE = re.compile(r'\\(["\\])')
_PIECE = re.compile(
    r"""(?P<comment>\#[^\n]*)
    | (?P<name>"(?:\\.|[^"\\])*"|"[^\n]*|[A-Za-z][\w*-]*)
    | (?P<number>[+-]?\d+)
    | (?P<operator>\.\.|[<>=!]+)
    | (?P<punctuation>[.(),])
    | (?P<unknown>[^\s"\#\w.(),<>=!]+|\w+|.)""",
    re.VERBOSE,
)
_GLUED = {
    "compared": re.compile("AND|OR"),
    "counted": re.compile("NOT|IN"),
    "membership": re.compile("IN"),
}
"""Keywords that end where they end, whatever follows: a name cannot stand there."""
_IS_JOB = re.compile(r"(?:[ \t\r\n]|#[^\n]*\n)*\.(?!\.)")
_KEYWORDS = ("AND", "OR", "NOT", "IN")


def words(text: str) -> Iterator[Word]:
    """All words of a text, in order; white space is left out.

    >>> [str(word.role) for word in words("A.B.count >")]
    ['job', 'punctuation', 'category', 'punctuation', 'count', 'operator']
    """
    place, position = "start", 0  # what has been read: start, job, category, counted, membership, compared
    while piece := _next(text, position):
        kind, word = str(piece.lastgroup), piece[0]
        role = Role(kind) if kind != "name" else Role.UNKNOWN
        if kind == "name":
            glued = _GLUED[place].match(word) if place in _GLUED else None
            if glued:
                role, word = Role.KEYWORD, glued[0]
                place = {"compared": "start", "counted": "membership"}.get(place, "compared")
                place = "compared" if word == "IN" else place
            elif place == "job":
                role, place = Role.CATEGORY, "category"
            elif place == "category" and word.startswith("count"):
                role, word, place = Role.COUNT, "count", "counted"
            elif place != "category" and (word[0] == '"' or _IS_JOB.match(text, piece.end())):
                role, place = Role.JOB, "job"
            elif word in _KEYWORDS:
                role, place = Role.KEYWORD, "start"
            elif place == "start":
                role, place = Role.JOB, "job"
        elif kind == "number" or word == ")":
            place = "compared"
        elif (word == "(" and place != "compared") or (kind == "operator" and place in ("job", "category")):
            place = "start"
        end = piece.start() + len(word)
        yield Word(role, Span(piece.start(), end), word)
        position = end


def comments(text: str) -> list[str]:
    """The comments of a text, in order.

    >>> comments('A."#".count > 1 # one')
    ['# one']
    """
    return [word.text.rstrip() for word in words(text) if word.role is Role.COMMENT]


def _next(text: str, position: int) -> re.Match[str] | None:
    """The next piece that is not white space."""
    space = _SPACE.match(text, position)
    return _PIECE.match(text, space.end() if space else position)


_SPACE = re.compile(r"\s*")


def operands(text: str) -> list[Operand]:
    """The comparisons of a text, as far as they are there.

    >>> [(o.job.key, o.category and o.category.key) for o in operands("A.B.count > 1 AND C.")]
    [('A', 'B'), ('C', None)]
    """
    found: list[Operand] = []
    begun = listing = False
    for word in words(text):
        if word.role is Role.JOB:
            found.append(Operand(word, None, word.span))
            begun, listing = True, False
            continue
        if (word.role is Role.KEYWORD and word.text in ("AND", "OR")) or (word.text == ")" and not listing):
            begun = False
        if not begun or word.role in (Role.COMMENT, Role.UNKNOWN):
            continue
        listing = word.text != ")" and (listing or word.text == "(")
        last = found[-1]
        category = word if word.role is Role.CATEGORY else last.category
        found[-1] = Operand(last.job, category, Span(last.span.start, word.span.end))
    return found
