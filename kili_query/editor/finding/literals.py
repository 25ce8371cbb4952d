"""Python's string literals: which text they are, and where in the source each of its characters is written."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from kili_query.editor.finding.embedded import Decoded, Passage

STRING = re.compile(
    r"""(?P<prefix>[A-Za-z]{0,2})
        (?: \"\"\"(?P<long_double>(?:[^\\"]+|\\[\s\S]|"(?!""))*+)\"\"\"
          | '''(?P<long_single>(?:[^\\']+|\\[\s\S]|'(?!''))*+)'''
          | "(?P<double>(?:[^\\"\r\n]+|\\(?:\r\n|[\s\S]))*+)"
          | '(?P<single>(?:[^\\'\r\n]+|\\(?:\r\n|[\s\S]))*+)'
        )""",
    re.VERBOSE,
)
"""One string literal."""

_QUOTES = {"long_double": '"""', "long_single": "'''", "double": '"', "single": "'"}
_BETWEEN = re.compile(r"(?:[ \t\f\r\n]|\\\r?\n|\\\r|#[^\r\n]*)*+")  # two literals that Python joins
_LINE = re.compile(r"(?P<text>[^\r\n]*)(?:\r\n|\r|\n|\Z)")
_OPEN_END = re.compile(r"[^'\"#]*(?:[(\[{][ \t]*(?:#.*)?|\\)")  # no literal, and something follows on the next line
_ESCAPE = re.compile(
    r"\\(?:(?P<break>\r\n|\r|\n)|(?P<octal>[0-7]{1,3})|x(?P<x>[0-9A-Fa-f]{2})|u(?P<u>[0-9A-Fa-f]{4})"
    r"|U(?P<U>[0-9A-Fa-f]{8})|N\{(?P<name>[^}]*)\}|(?P<char>[\\'\"abfnrtv]))|(?P<newline>\r\n?)"
)
_NOT_IN_SOURCE = re.compile(r"[\0\ud800-\udfff]")
_CHARS = {"\\": "\\", "'": "'", '"': '"', "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_WRITTEN = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class Quoted:
    """The notation of a Python literal with these quotes."""

    def __init__(self, quotes: str, *, raw: bool = False) -> None:
        self.quotes = quotes
        self.raw = raw

    def decode(self, body: str) -> Decoded | None:
        """What Python reads; None if an escape is malformed, or the literal would end before its end.

        >>> Quoted('"').decode(r"\\x41.B").text
        'A.B'
        """
        plain = range(len(body))
        literal = STRING.match(self.quotes + body + self.quotes)
        if literal is None or literal.end() < len(body) + 2 * len(self.quotes) or _NOT_IN_SOURCE.search(body):
            return None
        if "\r" not in body and (self.raw or "\\" not in body):
            return Decoded(body, plain, range(1, len(body) + 1))
        try:
            return _decoded(body, self.raw)
        except (KeyError, ValueError, OverflowError):
            return None

    def encode(self, text: str) -> str:
        """The text with the escapes that it needs."""
        if self.raw:
            return text
        written = ""
        for char in text:
            if char == self.quotes[0]:
                written += "\\" + char
            elif char == "\n" and len(self.quotes) == 3:
                written += char
            elif char in _WRITTEN:
                written += _WRITTEN[char]
            else:
                written += char if char.isprintable() else char.encode("unicode_escape").decode()
        return written


def _decoded(body: str, raw: bool) -> Decoded:
    text, starts, ends, at = list[str](), list[int](), list[int](), 0
    for escape in _ESCAPE.finditer(body):
        if raw and escape.lastgroup != "newline" and not escape["break"]:
            continue
        start = escape.end() - len(escape["break"]) if raw and escape["break"] else escape.start()
        text.append(body[at:start])
        starts += range(at, start)
        ends += range(at + 1, start + 1)
        char = "\n" if raw else _meant(escape)
        text.append(char)
        starts += [start] * len(char)
        ends += [escape.end()] * len(char)
        at = escape.end()
    text.append(body[at:])
    starts += range(at, len(body))
    ends += range(at + 1, len(body) + 1)
    return Decoded("".join(text), starts, ends)


def _meant(escape: re.Match[str]) -> str:
    kind, written = escape.lastgroup, escape[escape.lastgroup or 0]
    match kind:
        case "break":
            return ""
        case "newline":
            return "\n"
        case "octal":
            return chr(int(written, 8))
        case "name":
            return unicodedata.lookup(written)
        case "char":
            return _CHARS[written]
        case _:
            return chr(int(written, 16))


def literals(source: str, start: int, end: int) -> Iterator[re.Match[str]]:
    """The literals of a row that Python joins, which fills the source from `start` to `end`.

    Stops at whatever is no literal.
    """
    at = start
    while at < end and (literal := STRING.match(source, at, end)):
        yield literal
        between = _BETWEEN.match(source, literal.end(), end)
        at = between.end() if between else end


def line_of_literals(source: str, mark: int) -> int:
    """Where the line starts whose literals a comment is for: its own, or a line below.

    That is the next line, if the comment stands alone; and the one below, where a line ends with an open bracket.

    >>> line_of_literals("# kili-query\\nx = (\\n  'A'\\n)", 0)
    19
    """
    start = max(source.rfind("\n", 0, mark), source.rfind("\r", 0, mark)) + 1
    before = source[start:mark]
    if before and not before.isspace() and not _OPEN_END.fullmatch(before):
        return start
    while line := _LINE.match(source, _LINE.match(source, start).end()):  # type: ignore[union-attr]
        start = line.start()
        if not _OPEN_END.fullmatch(line["text"]):
            break
    return start


def notation(literal: re.Match[str]) -> tuple[int, str, Quoted]:
    """Where the body of a literal starts, its source, and its notation."""
    kind = next(name for name in _QUOTES if literal[name] is not None)
    return literal.start(kind), literal[kind], Quoted(_QUOTES[kind], raw="r" in literal["prefix"].lower())


def passage_at(source: str, start: int, end: int) -> Passage | None:
    """The text of the literals that fill the source from `start` to `end`; None if something else stands there.

    >>> passage_at("x = 'A' '.B'", 4, 12).text
    'A.B'
    """
    found = list(literals(source, start, end))
    if not found or found[-1].end() != end or any(set(one["prefix"].lower()) & set("bft") for one in found):
        return None
    return Passage.join(map(notation, found))
