"""Paths as people write them, and patterns of them as in `.gitignore`: `train/*.py`, `**/old`, `generated`."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathspec import PathSpec


def matches(pattern: str, path: PurePath) -> bool:
    """True if the pattern names the path or a folder above it. A pattern without a slash may match at any depth.

    `*` and `?` stay within a name, `**` goes over folders.

    >>> matches("train/*.py", PurePath("train/a.py")), matches("*.py", PurePath("a/b.py")), matches("a", PurePath("a/b/c"))
    (True, True, True)
    """
    return _compiled(pattern).match_file(path.as_posix())


@cache
def _compiled(pattern: str) -> PathSpec[Any]:
    from pathspec import PathSpec

    plain = pattern.replace("\\", "/").removeprefix("./").rstrip("/")
    if plain.startswith(("!", "#")):  # which mean something else where patterns stand in a file
        plain = f"\\{plain}"
    try:
        return PathSpec.from_lines("gitignore", [plain])
    except re.error:  # `[b-a]` is no range
        return PathSpec.from_lines("gitignore", [plain.replace("[", "\\[")])


def shown_path(path: str) -> str:
    """A path as people write it: from the working folder, if it lies below."""
    relative = os.path.relpath(path) if "\0" not in path else path
    return path if relative.startswith("..") else relative
