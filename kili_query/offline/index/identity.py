"""What a source is, so that an index knows whether it still speaks of it: size, time of change, first and last bytes."""

from __future__ import annotations

import os
import stat
from hashlib import blake2b
from typing import Literal

import msgspec

from kili_query.errors import DataError
from kili_query.formats.containers.sources import folder_names
from kili_query.formats.containers.streams import os_problem

_ENDS = 64 << 10
"""Bytes at the begin and at the end of a file that a digest is made of."""


class Identity(msgspec.Struct, frozen=True):
    """A file, or a folder with the files in it that hold labels."""

    kind: Literal["file", "folder"]
    size: int
    """Bytes; of a folder, those of its files together."""
    changed: int
    """When the file was changed last, in nanoseconds; of a folder, the newest of its files."""
    digest: str
    """Of a file: of its first and last 64 kB. Of a folder: of the names, sizes and times of its files."""


class FileIdentity(msgspec.Struct, frozen=True, array_like=True):
    """A file of a folder."""

    name: str
    size: int
    changed: int


def identity_of(path: str) -> tuple[Identity, list[FileIdentity]]:
    """What a source is now; of a folder also the files in it.

    Raises
    ------
    DataError: it cannot be read, or is neither a file nor a folder (KQ503).
    """
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            files = []
            for name, _ in folder_names(path):
                found = os.stat(os.path.join(path, name))
                files.append(FileIdentity(name, found.st_size, found.st_mtime_ns))
            digest = blake2b(digest_size=16)
            for file in files:
                digest.update(f"{file.name}\0{file.size}\0{file.changed}\n".encode(errors="surrogateescape"))
            changed = max((file.changed for file in files), default=0)
            return Identity("folder", sum(file.size for file in files), changed, digest.hexdigest()), files
        if not stat.S_ISREG(mode):
            raise DataError("is no file or folder, and an index is made of nothing else", code="KQ503", where=path)
        with open(path, "rb") as opened:
            found = os.fstat(opened.fileno())
            digest = blake2b(opened.read(_ENDS), digest_size=16)
            opened.seek(max(0, found.st_size - _ENDS))
            digest.update(opened.read(_ENDS))
        return Identity("file", found.st_size, found.st_mtime_ns, digest.hexdigest()), []
    except OSError as error:
        raise os_problem(error, path) from None
