"""Unicode normalization, in linear time: names that look the same may be written with other characters."""

from __future__ import annotations

import unicodedata
from typing import Literal

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]
FORMS: tuple[Form, ...] = ("NFC", "NFD", "NFKC", "NFKD")

_SHORT = 200
"""Characters of a text that is normalized as it is, whatever it holds."""

_LONGEST_RUN = 100
"""Marks in a row that are put in order: Unicode sorts them one by one, which takes quadratic time."""


def normalized(form: Form, text: str) -> str:
    """The text in a Unicode form. Longer runs of marks than any script has are put in order piece by piece.

    >>> normalized("NFC", "cafe\u0301") == "caf\u00e9"
    True
    """
    if len(text) <= _SHORT or text.isascii():
        return unicodedata.normalize(form, text)
    marks = {char for char in set(text) if unicodedata.combining(unicodedata.normalize("NFKD", char)[0])}
    pieces: list[str] = []
    begin = run = 0
    for at, char in enumerate(text if marks else ()):
        run = run + 1 if char in marks else 0
        if run == _LONGEST_RUN:
            pieces.append(text[begin:at])
            begin, run = at, 0
    return "".join(unicodedata.normalize(form, piece) for piece in (*pieces, text[begin:]))
