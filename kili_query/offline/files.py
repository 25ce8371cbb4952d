"""The files that are written: whole or not at all, and none of those that are read."""

from __future__ import annotations

import os
import stat
import sys
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from kili_query.errors import DataError, KiliQueryError
from kili_query.formats.containers.archive import JSON_SUFFIXES


@contextmanager
def whole_file(path: str) -> Iterator[BinaryIO]:
    """A file to write, put in its place by a rename once all is written; until then an older file stays.

    Raises
    ------
    DataError: the file cannot be written (KQ503): no such folder, no permission, a full disk.
    """
    target = os.path.realpath(path)
    try:
        if path.endswith(("/", os.sep)):
            raise DataError("cannot be written: it names a folder, and this is one file", code="KQ503", where=path)
        if os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode):
            if os.path.isdir(path):
                raise DataError("cannot be written: it is a folder", code="KQ503", where=path)
            with open(path, "wb") as device:  # a pipe or a device is not replaced
                yield device
            return
        mode = stat.S_IMODE(os.stat(target).st_mode) if os.path.exists(target) else 0o666 & ~_umask()
        from tempfile import mkstemp

        number, beside = mkstemp(prefix=f".{os.path.basename(target)}.", suffix=".tmp", dir=os.path.dirname(target))
        try:
            with open(number, "w+b") as file:
                yield file
                file.flush()
                os.fsync(number)
            os.chmod(beside, mode)
            os.replace(beside, target)
        except BaseException:  # Ctrl-C too leaves nothing behind
            os.unlink(beside)
            raise
    except (BrokenPipeError, KiliQueryError):
        raise
    except OSError as error:
        raise DataError(f"cannot be written: {error.strerror or error}", code="KQ503", where=path) from None


@contextmanager
def whole_folder(path: str) -> Iterator[BinaryIO]:
    """A file for an archive, which becomes a new folder with what the archive holds; put in its place once all is there.

    Raises
    ------
    DataError: the folder cannot be written, or holds something already (KQ503).
    """
    target = os.path.realpath(path)
    try:
        if os.path.lexists(target) and not os.path.isdir(target):
            raise DataError("cannot be written: it is a file, and no folder", code="KQ503", where=path)
        if os.path.isdir(target) and os.listdir(target):
            message = (
                "cannot be written: the folder is not empty; another folder, or the name of an archive (`.zip`), works"
            )
            raise DataError(message, code="KQ503", where=path)
        from tempfile import TemporaryDirectory

        with TemporaryDirectory(
            prefix=f".{os.path.basename(target)}.", suffix=".tmp", dir=os.path.dirname(target)
        ) as beside:
            folder, packed = os.path.join(beside, "folder"), os.path.join(beside, "packed.zip")
            with open(packed, "w+b") as file:
                yield file
                with zipfile.ZipFile(file) as archive:
                    archive.extractall(folder)
            for below, folders, files in os.walk(folder):  # an archive says 0600, as if they were secrets
                for name in (*folders, *files):
                    os.chmod(os.path.join(below, name), (0o777 if name in folders else 0o666) & ~_umask())
            os.chmod(folder, 0o777 & ~_umask())
            os.replace(folder, target)
    except OSError as error:
        raise DataError(f"cannot be written: {error.strerror or error}", code="KQ503", where=path) from None


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def refuse_inputs(output: str | None, inputs: Iterable[str]) -> None:
    """Refuse to write a file that is read, whatever name it goes by, or one in a folder that is read.

    Parameters
    ----------
    output: the file; None: standard output.
    inputs: files and folders; `-` is standard input.

    Raises
    ------
    DataError: the output is an input, or lies in one (KQ503).
    """
    target = _identity(output) if output is not None else _identity(sys.stdout)
    above = set(_folders_above(output)) if output is not None else set()
    for source in inputs:
        identity = _identity(sys.stdin if source == "-" else source)
        if identity is None:
            continue
        if target == identity:
            reason = "it is an input"
        elif os.path.isdir(source) and (identity in above or _holds(source, target, everything=output is not None)):
            reason = f"it lies in {source}, which is an input; a file outside of that folder can be written"
        else:
            continue
        raise DataError(f"cannot be written: {reason}", code="KQ503", where=output or "standard output")


_Identity = tuple[int, int]


def _identity(file: object) -> _Identity | None:
    """What a file or folder is, by whatever name; None for a pipe, a device, or what is not there."""
    with suppress(OSError, ValueError, AttributeError):  # a stream of a test has no file
        found = os.stat(file if isinstance(file, str) else file.fileno())  # type: ignore[attr-defined]
        return _of(found) if stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode) else None
    return None


def _of(found: os.stat_result) -> _Identity:
    return found.st_dev, found.st_ino


def _folders_above(path: str) -> Iterator[_Identity]:
    at = os.path.dirname(os.path.realpath(path))
    while True:
        if identity := _identity(at):
            yield identity
        if at == os.path.dirname(at):
            return
        at = os.path.dirname(at)


def _holds(folder: str, target: _Identity | None, *, everything: bool) -> bool:
    """True if a file below the folder is the target, by a link; unless `everything`, only those with labels count."""
    if target is None:
        return False
    for place, _, names in os.walk(folder):
        for name in names:
            if (everything or name.lower().endswith(JSON_SUFFIXES)) and _identity(os.path.join(place, name)) == target:
                return True
    return False
