"""Offsets of a text, in code points, and the positions of editors: lines, and columns in UTF-8, UTF-16 or UTF-32 units."""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

UTF_8, UTF_16, UTF_32 = "utf-8", "utf-16", "utf-32"
"""The names of the encodings, as the protocol of editors has them."""

_CODECS = {UTF_8: ("utf-8", 1), UTF_16: ("utf-16-le", 2)}


class Position(NamedTuple):
    """A line and a column in units of the encoding, both from 0."""

    line: int
    character: int


class Lines:
    """The lines of a text. They end with LF, CR LF or CR, as the protocol says: Python's `splitlines` knows more.

    >>> Lines("x = '🚢'", UTF_16).position(6), Lines("x = '🚢'", UTF_8).position(6)
    (Position(line=0, character=7), Position(line=0, character=9))
    """

    def __init__(self, text: str, encoding: str = UTF_16) -> None:
        self.text = text
        self.encoding = encoding

    @cached_property
    def starts(self) -> list[int]:
        """Where each line starts."""
        text = self.text
        if "\r" in text:  # as long as before, with one kind of line end
            text = text.replace("\r\n", " \n").replace("\r", "\n")
        return [0, *accumulate(len(line) + 1 for line in text.split("\n")[:-1])]

    def position(self, offset: int) -> Position:
        """The position of an offset; one past the text is its end."""
        offset = min(max(offset, 0), len(self.text))
        line = bisect_right(self.starts, offset) - 1
        return Position(line, _units(self.text[self.starts[line] : offset], self.encoding))

    def offset(self, position: Position) -> int:
        """The offset of a position; a column past the line is the end of the line, a line past the text its end."""
        line, character = position
        if line >= len(self.starts):
            return len(self.text)
        start = self.starts[line]
        end = self.starts[line + 1] if line + 1 < len(self.starts) else len(self.text)
        content = (
            self.text[start:end].rstrip("\r\n") if end > start and line + 1 < len(self.starts) else self.text[start:end]
        )
        return start + _code_points(content, max(character, 0), self.encoding)


def _units(text: str, encoding: str) -> int:
    if encoding not in _CODECS or text.isascii():
        return len(text)
    codec, size = _CODECS[encoding]
    return len(text.encode(codec, "surrogatepass")) // size


def _code_points(text: str, units: int, encoding: str) -> int:
    """How many code points lie in the first units; one that is cut is left out."""
    if encoding not in _CODECS or text.isascii():
        return min(units, len(text))
    codec, size = _CODECS[encoding]
    data = text.encode(codec, "surrogatepass")[: units * size]
    if encoding == UTF_16 and units * size == len(data) and data and 0xD8 <= data[-1] < 0xDC:
        data = data[:-2]
    while True:
        try:
            return len(data.decode(codec, "surrogatepass"))
        except UnicodeDecodeError:
            data = data[:-1]
