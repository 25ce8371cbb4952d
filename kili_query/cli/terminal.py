"""Output to a terminal: control characters in names are shown, not obeyed."""

from __future__ import annotations

import sys
from typing import Any, BinaryIO, cast

import click

from kili_query.errors import shown


def echo(text: str = "", *, err: bool = False, nl: bool = True, color: bool | None = None) -> None:
    """Print text for people. Coloured text has its names escaped by whoever coloured it."""
    stream = sys.stderr if err else sys.stdout
    if stream.isatty() and not color:
        text = shown(text)
    encoding = getattr(stream, "encoding", None) or "utf-8"  # names can hold half a surrogate pair
    click.echo(text.encode(encoding, "backslashreplace").decode(encoding), err=err, nl=nl, color=color)


def result_file() -> BinaryIO:
    """Standard output for results as bytes: as they are, but for a terminal."""
    return cast(BinaryIO, _Shown(sys.stdout.buffer)) if sys.stdout.isatty() else sys.stdout.buffer


class _Shown:
    """Takes whole pieces of UTF-8 text, and writes them with their control characters escaped, as JSON does it."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, data: bytes) -> None:
        self._file.write(shown(data.decode(errors="backslashreplace")).encode())
