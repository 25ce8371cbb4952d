"""Markdown escaping: names of an ontology are anybody's, and may hold markup themselves."""

from __future__ import annotations

import re

_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~&$:@=^\"'/])")
_RUN = re.compile(r"`+")
_BREAK = re.compile(r"[\s\x00-\x1f\x7f]+")


def plain(text: str, limit: int = 200) -> str:
    r"""A text that shows as it is, on one line; no link, no HTML, no emphasis comes out of it.

    >>> print(plain("<b>*1*</b>"))
    \<b\>\*1\*\<\/b\>
    """
    return _SPECIAL.sub(r"\\\1", _one_line(text, limit))


def code(text: str, limit: int = 200) -> str:
    """A text as code within a line, fenced by more backticks than it holds.

    >>> print(code("a`b"), code("A"))
    `` a`b `` `A`
    """
    text = _one_line(text, limit) or " "
    fence = "`" * (1 + max(map(len, _RUN.findall(text)), default=0))
    gap = " " if fence != "`" else ""
    return f"{fence}{gap}{text}{gap}{fence}"


def prose(text: str) -> str:
    """A message of ours: what stands in backticks as code, the rest as it is."""
    pieces = re.split(r"`([^`]*)`", _one_line(text, 500))
    return "".join(code(piece) if i % 2 else _SPECIAL.sub(r"\\\1", piece) for i, piece in enumerate(pieces))


def block(text: str) -> str:
    """Lines as a block that shows them as they are."""
    fence = "`" * max(3, 1 + max(map(len, _RUN.findall(text)), default=0))
    return f"{fence}text\n{text}\n{fence}"


def _one_line(text: str, limit: int) -> str:
    text = _BREAK.sub(" ", text)
    return text if len(text) <= limit else text[: limit - 1] + "…"
