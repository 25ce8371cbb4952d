"""Reading and writing labels on disk; and the table of the formats, which says what each is called."""

from __future__ import annotations

from typing import NamedTuple


class Format(NamedTuple):
    """A row of the table: a format by the name that options take, and the suffixes of file names that ask for it."""

    name: str
    suffixes: tuple[str, ...]
    read: bool = False
    """True if labels are read from it. What a file holds decides how, not its name."""
    write: str | None = None
    """What writes selections in it, as `module:name`: made as `offline.write.writer` says. None: they are not."""
    ids_only: bool = False
    """True if no more is written of a selection than what is found."""
    archive: bool = False
    """True if it holds whole assets and what belongs to them."""
    binary: bool = False
    """True if it is written to a file, which can seek."""
    needs: str | None = None
    """The extra of this package that has to be installed for it."""


_OFFLINE = "kili_query.offline"

FORMATS = (
    Format("ndjson", (".ndjson", ".jsonl"), read=True, write=f"{_OFFLINE}.write:LineWriter"),
    Format("json", (".json",), read=True, write=f"{_OFFLINE}.write:ListWriter"),
    Format("csv", (".csv",), write=f"{_OFFLINE}.write:CsvWriter", ids_only=True),
    Format("ids", (".txt",), write=f"{_OFFLINE}.write:IdWriter", ids_only=True),
    Format("zip", (".zip",), read=True, write=f"{_OFFLINE}.archive:ArchiveWriter", archive=True, binary=True),
    Format("parquet", (".parquet",), write=f"{_OFFLINE}.tables:ParquetWriter", binary=True, needs="tables"),
)
"""All formats. Those that are read may be compressed with gzip too, but for archives."""

BY_NAME = {row.name: row for row in FORMATS}

WRITTEN = tuple(row.name for row in FORMATS if row.write)
"""The names of those that selections are written in."""

SUFFIXES = {suffix: row.name for row in FORMATS if row.write for suffix in row.suffixes}
"""Which of them a file name asks for."""

READ_SUFFIXES = tuple(sorted(suffix for row in FORMATS if row.read for suffix in row.suffixes))
"""The suffixes of what labels are read from."""
