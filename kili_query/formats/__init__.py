"""Reading and writing labels on disk; and the table of the formats, which says what each is called."""

from __future__ import annotations

from typing import NamedTuple


class Format(NamedTuple):
    """A row of the table: a format by the name that options take, and the suffixes of file names that ask for it."""

    name: str
    suffixes: tuple[str, ...]
    read: bool = False
    """True if labels are read from it. What a file holds decides how, not its name."""
    write: bool = False
    """True if selections are written in it (`offline.write`)."""
    needs: str | None = None
    """The extra of this package that has to be installed for it."""


FORMATS = (
    Format("ndjson", (".ndjson", ".jsonl"), read=True, write=True),
    Format("json", (".json",), read=True, write=True),
    Format("csv", (".csv",), write=True),
    Format("ids", (".txt",), write=True),
    Format("zip", (".zip",), read=True, write=True),
)
"""All formats. Those that are read may be compressed with gzip too, but for archives."""

WRITTEN = tuple(row.name for row in FORMATS if row.write)
"""The names of those that selections are written in."""

SUFFIXES = {suffix: row.name for row in FORMATS if row.write for suffix in row.suffixes}
"""Which of them a file name asks for."""

READ_SUFFIXES = tuple(sorted(suffix for row in FORMATS if row.read for suffix in row.suffixes))
"""The suffixes of what labels are read from."""
