"""A place in a text that is not a query, and what stands there: what the explanations of syntax errors share."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from kili_query.errors import Diagnostic, Fix, Span

A_COUNT = "a count such as `JOB.CATEGORY.count`"
AN_OPERATOR = "a comparison operator"
A_NUMBER = "a whole number"
A_SET = "a list such as `(1, 2)` or a range such as `2..5`"
TWO_DOTS = "a range is written `2..5`"
A_CONNECTIVE = "`AND`, `OR` or the end"

GAP = re.compile(r"(?:[ \t\r\n]|#[^\n]*(?:\n|$))*")
_WORD = re.compile(r"[^\W\d][\w*-]*|[+-]?\d[\w.]*|[<>=!&|~≤≥≠]+|.", re.DOTALL)


class At(NamedTuple):
    """A place in the text, and what the parser knows there."""

    text: str
    position: int
    accepts: frozenset[str]
    tokens: Sequence[str]  # those not yet closed; Lark's tokens, which know their type and start

    @property
    def at_end(self) -> bool:
        """True if no text is left."""
        return self.position >= len(self.text)

    @property
    def word(self) -> str:
        """What stands here: a word, a number, a sign."""
        found = _WORD.match(self.text, self.position)
        return found[0] if found else ""

    @property
    def span(self) -> Span:
        """The span of the word."""
        return Span(self.position, self.position + len(self.word))

    def moved(self, position: int) -> At:
        """The place after the white space and comments that follow `position`."""
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


def shown(word: str) -> str:
    """A word of the text, short enough for a message."""
    word = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in word[:41])
    return word if len(word) <= 40 else word[:39] + "…"


def foreign_space(at: At) -> Diagnostic | None:
    """White space that looks like a space and is none."""
    if at.at_end:
        return None
    char = at.text[at.position]
    if not char.isspace() and unicodedata.category(char) != "Cf":
        return None
    name = unicodedata.name(char, "control character").lower()
    span = Span(at.position, at.position + 1)
    message = f"this is not a space but U+{ord(char):04X} ({name})"
    hint = "space, tab and line break are the white space of the language"
    return Diagnostic("KQ101", message, span, hint, Fix(span, " " if char.isspace() else ""))
