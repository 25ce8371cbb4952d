"""Names of files in datasets: such that any system can hold them, no two in one file, none outside of the folder."""

from __future__ import annotations

import io
import os
import re
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from kili_query.errors import DataError

NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""What no name of a file has: control characters, and what is no character."""

_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9]) *(\.|$)", re.IGNORECASE)

LONGEST = 200
"""Bytes of a step of a path, in UTF-8: file systems take 255, and endings and numbers come to it."""


def safe_name(external_id: str) -> str:
    r"""The name of a file within a folder for an external id; slashes make folders, and nothing leads out of it.

    >>> safe_name("cam/one.png"), safe_name("../..\\b.png"), safe_name("nul.png")
    ('cam/one.png', 'b.png', '_nul.png')
    """
    return "/".join(map(_step, steps_in(external_id))) or "_"


def steps_in(external_id: str) -> list[str]:
    r"""The folders that an external id names, and last the file, without such as lead out of a folder or nowhere.

    >>> steps_in("/../cam\\one\x07.png")
    ['cam', 'one_.png']
    """
    steps = NOT_IN_NAMES.sub("_", external_id).replace("\\", "/").split("/")
    return [step for step in steps if step.strip(". ") or (step.strip(" ") and step.strip("."))]


def no_device(step: str) -> str:
    """A step of a path, with another beginning where Windows takes it for a device, whatever its ending.

    >>> no_device("con.png"), no_device("cone.png")
    ('_con.png', 'cone.png')
    """
    return f"_{step}" if _DEVICE.match(step) else step


def _step(step: str) -> str:
    step = no_device(step)
    if len(step.encode()) <= LONGEST:
        return step
    stem, dot, ending = step.rpartition(".")
    if not dot or len(ending.encode()) > 16:
        stem, dot, ending = step, "", ""
    room = LONGEST - len((dot + ending).encode())
    return stem.encode()[:room].decode(errors="ignore") + dot + ending


class Names:
    """Which names are taken, and by what. They wait on disk: there may be any number."""

    def __init__(self) -> None:
        self._db = sqlite3.connect(
            "", isolation_level=None, check_same_thread=False
        )  # a file that is gone when it is closed
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute("CREATE TABLE taken (name TEXT PRIMARY KEY, whose TEXT) WITHOUT ROWID")
        self._db.execute("BEGIN")  # never committed: names go to the disk when the cache is full, and not one by one

    def take(self, name: str, whose: str = "") -> bool:
        """Take a name; False if it is taken."""
        with temporary():
            return self._db.execute("INSERT OR IGNORE INTO taken VALUES (?, ?)", [name, whose]).rowcount > 0

    def whose(self, name: str) -> str | None:
        """What a name was taken for; None if it is free."""
        with temporary():
            found = self._db.execute("SELECT whose FROM taken WHERE name = ?", [name]).fetchone()
        return found[0] if found else None

    def free(self, name: str, file_of: Callable[[str], str] = str, what: str = "asset") -> str:
        """Take a name, or with a number behind it the first that is free: `a_asset2` (`what` says of what it is the second).

        `file_of` gives the file of a name.
        """
        found, number = name, 1
        while not self.take(file_of(found).lower()):  # some systems do not tell letter cases apart
            number += 1
            found = f"{name}_{what}{number}"
        return found

    def close(self) -> None:
        """Let go of the names."""
        self._db.close()


def waiting() -> BinaryIO:
    """A temporary file for what waits until a dataset is whole; it is gone when it is closed.

    Raises
    ------
    DataError: when it cannot be written (KQ503), which says that it is this file that cannot.
    """
    with tempfile.TemporaryFile(buffering=0) as file:
        return io.BufferedRandom(_Waiting(os.dup(file.fileno()), "r+b"))


class _Waiting(io.FileIO):
    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            told = f"cannot be written: {error.strerror}; `TMPDIR` names another folder"
            raise DataError(told, code="KQ503", where=f"a temporary file in {tempfile.gettempdir()}") from None


@contextmanager
def temporary() -> Iterator[None]:
    """Tells of a temporary file that cannot be written as of any other."""
    try:
        yield
    except sqlite3.Error as error:
        raise DataError(f"cannot be written: {error}", code="KQ503", where="a temporary file") from None
