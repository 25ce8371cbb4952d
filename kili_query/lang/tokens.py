"""Tokens of a query text, complete or not, each with its role: for highlighting, hover, completion and rename.

It decides nothing about what is a query: where the parser accepts a text, the roles are those of its tree (a test
compares them), and where it does not, they are the best guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from kili_query.errors import Span
from kili_query.lang.lexis import ALL_NAMES, ANY_NAME, COMMENT, DIGITS, GAP, QUOTED_LOOSELY, is_closed, unquote


class Role(StrEnum):
    """What a token is in a query."""

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
    """A token, and where it stands."""

    role: Role
    span: Span
    text: str

    @property
    def key(self) -> str | None:
        """For a job or a category: its key, without the quotes; None for `*`, which stands for all keys."""
        return None if self.text == ALL_NAMES else key_from_text(self.text)


class Partial(NamedTuple):
    """A comparison, as far as it is there: the tokens of its names, and where it stands."""

    job: Word
    category: Word | None
    span: Span
    """From the job to the last token of the comparison."""


def key_from_text(text: str) -> str:
    r"""The key that is written in a query: the quotes, closed or not, and the escapes taken away.

    >>> key_from_text('"12\\" gun"')
    '12" gun'
    """
    return unquote(text)


def _pieces(name: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?P<comment>{COMMENT})|(?P<name>{name}|[A-Za-z][\w*-]*+|\*(?![\w*-]))|(?P<number>{DIGITS})|(?P<operator>\.\.|[<>=!]++)"
        r'|(?P<punctuation>[.(),])|(?P<unknown>[^\s"#\w.(),<>=!]++|\w++|.)'
    )


_UNCLOSED = r'"[^\n]*+'
_PIECE = _pieces(f"{QUOTED_LOOSELY}|{_UNCLOSED}")
_PIECE_BEHIND_UNCLOSED = _pieces(_UNCLOSED)
"""Behind a quote that nothing closes no other is closed, and looking for it each time would take quadratic time."""
_GLUED = {
    "compared": re.compile("AND|OR"),
    "counted": re.compile("NOT|IN"),
    "membership": re.compile("IN"),
}
"""Keywords that end where they end, whatever follows: a name cannot stand there."""
_IS_JOB = re.compile(rf"{GAP}\.(?!\.)")
_KEYWORDS = ("AND", "OR", "NOT", "IN")


def words(text: str) -> Iterator[Word]:
    """All tokens of a text, in order; white space is left out.

    >>> [str(word.role) for word in words("A.B.count >")]
    ['job', 'punctuation', 'category', 'punctuation', 'count', 'operator']
    """
    place, position = "start", 0  # what has been read: start, job, category, counted, membership, compared
    pattern = _PIECE
    while piece := pattern.match(text, _SPACE.match(text, position).end()):  # type: ignore[union-attr]
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
        if word[0] == '"' and pattern is _PIECE and not is_closed(word):
            pattern = _PIECE_BEHIND_UNCLOSED
        end = piece.start() + len(word)
        yield Word(role, Span(piece.start(), end), word)
        position = end


def comments(text: str) -> list[str]:
    """The comments of a text, in order.

    >>> comments('A."#".count > 1 # one')
    ['# one']
    """
    return [word.text.rstrip() for word in words(text) if word.role is Role.COMMENT]


_SPACE = re.compile(r"\s*+")


def partials(text: str) -> list[Partial]:
    """The comparisons of a text, as far as they are there.

    >>> [(p.job.key, p.category and p.category.key) for p in partials("A.B.count > 1 AND C.")]
    [('A', 'B'), ('C', None)]
    """
    found: list[Partial] = []
    begun = listing = False
    for word in words(text):
        if word.role is Role.JOB:
            found.append(Partial(word, None, word.span))
            begun, listing = True, False
            continue
        if (word.role is Role.KEYWORD and word.text in ("AND", "OR")) or (word.text == ")" and not listing):
            begun = False
        if not begun or word.role in (Role.COMMENT, Role.UNKNOWN):
            continue
        listing = word.text != ")" and (listing or word.text == "(")
        last = found[-1]
        category = word if word.role is Role.CATEGORY else last.category
        found[-1] = Partial(last.job, category, Span(last.span.start, word.span.end))
    return found


class Compared(NamedTuple):
    """A count that is written in a text, and the operator behind it; an empty one for `IN`."""

    operand: str
    operator: str


def last_compared(text: str) -> Compared | None:
    """The last count before the end of a text that is the beginning of a query.

    >>> last_compared("A.B.count > 1 AND C.D.count == 2 OR ")
    Compared(operand='C.D.count', operator='==')
    """
    found = None
    for match in _COMPARED.finditer(text):
        found = match if match["operand"] else found
    return Compared(found["operand"], found["operator"] or "") if found else None


_COMPARED = re.compile(
    rf"{COMMENT}|[\d.)]{GAP}(?:AND|OR)|(?P<operand>{ANY_NAME}{GAP}\.{GAP}{ANY_NAME}{GAP}\.{GAP}count)"
    rf"(?:{GAP}(?P<operator>[<>=!]=?))?"
)
