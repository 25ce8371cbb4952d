"""Paths as people write them, and patterns of them: `train/*.py`, `**/old`, `generated`."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import PurePath

_PIECE = re.compile(r"\*\*/?|\*|\?|\[!?[^\]]+\]|[^*?\[]+|\[")


def matches(pattern: str, path: PurePath) -> bool:
    """True if the pattern names the path or a folder above it. A pattern without a slash may match at any depth.

    `*` and `?` stay within a name, `**` goes over folders.

    >>> matches("train/*.py", PurePath("train/a.py")), matches("*.py", PurePath("a/b.py")), matches("a", PurePath("a/b/c"))
    (True, True, True)
    """
    return _compiled(pattern).fullmatch(path.as_posix()) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    plain = pattern.replace("\\", "/").removeprefix("./").rstrip("/")
    anywhere = "" if "/" in plain else r"(?:.*/)?"
    return re.compile(
        anywhere + "".join(_translated(piece) for piece in _PIECE.findall(plain)) + r"(?:/.*)?", re.DOTALL
    )


def _translated(piece: str) -> str:
    match piece:
        case "**/":
            return r"(?:.*/)?"
        case "**":
            return r".*"
        case "*":
            return r"[^/]*"
        case "?":
            return r"[^/]"
    if len(piece) > 2 and piece[0] == "[" and piece[-1] == "]":
        try:
            re.compile(translated := piece.replace("[!", "[^", 1).replace("\\", r"\\"))
        except re.error:
            return re.escape(piece)
        return translated
    return re.escape(piece)


def shown_path(path: str) -> str:
    """A path as people write it: from the working folder, if it lies below."""
    relative = os.path.relpath(path) if "\0" not in path else path
    return path if relative.startswith("..") else relative
