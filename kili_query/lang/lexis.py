"""Lexical patterns, written once: names, quoted names, escapes, the white space and comments between tokens.

They are patterns and not compiled, as others are made of them. Those of the grammar are the same, letter by letter (a
test compares them). What is taken of a text is never given back (`*+`), so no text takes more than linear time.
"""

from __future__ import annotations

import re

from kili_query.model.ontology import PLAIN_NAME, is_plain_name

PLAIN = PLAIN_NAME.pattern
"""A name without quotes."""
QUOTED = r'"(?:[^"\\]++|\\["\\])*+"'
"""A name in quotes."""
QUOTED_LOOSELY = r'"(?:[^"\\]++|\\[\s\S])*+"'
"""The same with any escape, known or not: what was meant as one name."""
ALL_NAMES = "*"
"""In position of a name: all jobs, or all categories. Within a name it is a letter as others are."""
ANY_NAME = rf"(?:{QUOTED_LOOSELY}|[A-Za-z][\w*-]*+|\*(?![\w*-]))"
"""What was meant as a name: with any escape, with letters of any script; or as all names."""
SPACE = r"[ \t\r\n]++"
"""White space, some of it."""
COMMENT = r"#[^\n]*+"
GAP = rf"(?:{SPACE}|{COMMENT}\n)*+"
"""What may stand between two tokens of one comparison."""
DIGITS = r"[+-]?\d++"
"""A whole number; never less than all of its digits."""

_UNESCAPED = re.compile(r'\\(["\\])')
_CLOSED = re.compile(QUOTED_LOOSELY)
_UP_TO_UNCLOSED = re.compile(rf'(?:[^"#]++|{QUOTED_LOOSELY}|{COMMENT})*+')


def is_closed(text: str) -> bool:
    """True for a name in quotes, whatever its escapes, whose last quote closes it."""
    return _CLOSED.fullmatch(text) is not None


def unclosed(text: str, start: int = 0) -> int:
    """Where the first quote stands that nothing closes; none behind it is closed either. Without one: the end.

    >>> unclosed('A."b".count > 1 AND C."d')
    22
    """
    found = _UP_TO_UNCLOSED.match(text, start)
    return found.end() if found else start


def quote(name: str) -> str:
    r"""A name in quotes.

    >>> quote('12" gun')
    '"12\\" gun"'
    """
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def name_to_text(name: str) -> str:
    r"""A key as it is written in a query: plain if it can be, else in quotes.

    >>> name_to_text('the "big" one')
    '"the \\"big\\" one"'
    """
    return name if is_plain_name(name) else quote(name)


def unquote(text: str) -> str:
    r"""The name that is written in a query: the quotes, closed or not, and the escapes taken away.

    >>> unquote('"12\\" gun"'), unquote("CAR"), unquote('"half')
    ('12" gun', 'CAR', 'half')
    """
    if text[:1] != '"':
        return text
    inner = text[1:-1] if is_closed(text) else text[1:]
    return _UNESCAPED.sub(r"\1", inner) if "\\" in inner else inner
