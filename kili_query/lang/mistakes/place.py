"""Position of a syntax error and the token there: what the explanations of syntax errors share."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from html import unescape
from typing import NamedTuple

from kili_query.errors import Diagnostic, Fix, Span
from kili_query.lang.lexis import COMMENT, SPACE
from kili_query.lang.stopped import Slot, Token
from kili_query.lang.wording import shown
from kili_query.model.spelling import normalized

A_COUNT = "a count such as `JOB.CATEGORY.count`"
AN_OPERATOR = "a comparison operator"
A_NUMBER = "a whole number"
A_SET = "a list such as `(1, 2)` or a range such as `2..5`"
A_CONNECTIVE = "`AND`, `OR` or the end"

GAP = re.compile(rf"(?:{SPACE}|{COMMENT}(?:\n|\Z))*+")
"""A gap between two tokens, or at the end, where no line break need end a comment."""
QUOTES = "\"'`´‘’‚‛“”„‟«»‹›"
"""What stands for quotes on some keyboard; the language has the first."""
_WORD = re.compile(r"[^\W\d][\w*-]*+|[+-]?\d[\w.]*+|[<>=!&|~≤≥≠]++|.", re.DOTALL)
_LOOKS_LIKE = str.maketrans("\u2212\u2010\u2011\u2013\u2014\u3002\u3001", "-----.,")
"""Signs that are taken for one of ASCII and are no variant of it in Unicode: minus, dashes, stop and comma of Chinese."""


class At(NamedTuple):
    """A position in the text, and what the parser knows there."""

    text: str
    position: int
    slot: Slot
    open: Sequence[Token]

    @property
    def at_end(self) -> bool:
        """True if no text is left."""
        return self.position >= len(self.text)

    @property
    def word(self) -> str:
        """What stands here: a token, a number, a sign."""
        found = _WORD.match(self.text, self.position)
        return found[0] if found else ""

    @property
    def span(self) -> Span:
        """The span of the token."""
        return Span(self.position, self.position + len(self.word))

    @property
    def innermost(self) -> str:
        """The kind of the last token that is open; an empty one if there is none."""
        return self.open[-1].kind if self.open else ""

    def moved(self, position: int) -> At:
        """The position after the white space and comments that follow `position`."""
        gap = GAP.match(self.text, position)
        return self._replace(position=gap.end() if gap else position)


def unexpected(at: At, expected: str, hint: str | None = None, fix: Fix | None = None) -> Diagnostic:
    """What stands here is not what is expected, or the text ends."""
    if at.at_end:
        return Diagnostic("KQ102", f"the text ends where {expected} is expected", end_of(at), hint, fix)
    return Diagnostic("KQ101", f"`{shown(at.word)}` cannot stand here; {expected} is expected", at.span, hint, fix)


def end_of(at: At) -> Span:
    """The end of the text."""
    return Span(len(at.text), len(at.text))


def plain(text: str) -> str:
    """The text with the signs of ASCII in place of those that look like them: `＞` becomes `>`."""
    return normalized("NFKC", text).translate(_LOOKS_LIKE)


def is_foreign(char: str) -> bool:
    """True for white space that is none of the language's, and for characters that cannot be seen."""
    return char not in " \t\r\n" and (char.isspace() or unicodedata.category(char) in ("Cc", "Cf"))


def foreign_character(at: At) -> Diagnostic | None:
    """White space that looks like a space and is none, or a character that cannot be seen."""
    char = at.text[at.position : at.position + 1]
    if not char or not is_foreign(char):
        return None
    control = unicodedata.category(char) == "Cc"
    name = "control character" if control else unicodedata.name(char, "no name").lower()
    message = f"this is not a space but U+{ord(char):04X} ({name})"
    hint = "space, tab and line break are the white space of the language"
    span = Span(at.position, at.position + 1)
    return Diagnostic("KQ101", message, span, hint, Fix(span, " " if char.isspace() else ""))


def escaped_for_html(at: At) -> Diagnostic | None:
    """`&gt;`, as web pages have it."""
    found = _ENTITIES.match(at.text, at.position)
    if found is None:
        return None
    span, meant = Span(*found.span()), unescape(found[0])
    message = f"`{shown(found[0])}` is how web pages write `{shown(meant)}`"
    return Diagnostic("KQ101", message, span, f"write `{shown(meant)}`", Fix(span, meant))


def look_alike(at: At) -> Diagnostic | None:
    """A token of signs that look like those of the language, as other keyboards have them."""
    found = _NOT_ASCII.match(at.text, at.position)
    # long ones mean nothing, and to order their accents can take quadratic time
    meant = plain(found[0]) if found and len(found[0]) <= _LONGEST else ""
    # NFKC makes `2` of `²` too, which stands for something else
    if (
        found is None
        or not meant
        or not meant.isascii()
        or any(unicodedata.category(char) == "No" for char in found[0])
    ):
        return None
    span = Span(*found.span())
    message = f"`{shown(found[0])}` looks like `{shown(meant)}`, and is U+{ord(found[0][0]):04X}"
    return Diagnostic("KQ101", message, span, f"write `{shown(meant)}`", Fix(span, meant))


_NOT_ASCII = re.compile(r"[^\x00-\x7f\s]++")
_LONGEST = 40
_ENTITIES = re.compile(r"(?:&(?:gt|lt|amp|quot|apos|nbsp);)++")
