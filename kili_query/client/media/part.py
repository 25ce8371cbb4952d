"""A file on its way: what has come of it lies beside its place, and is renamed once it is whole."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import IO

import msgspec

from kili_query.client.media.names import NOTE, PART, is_there
from kili_query.client.sending.bodies import Body

PIECE = 1 << 18
"""Bytes that are held in memory before they are written."""

_numbers = count(1)


class _Note(msgspec.Struct):
    """The validator of a partial download, ETag or Last-Modified, and its content type."""

    validator: str
    type: str


class Part(Body):
    """The body of an answer, which goes to a file; asked for again, only what is missing is asked for.

    Made once for a file, and used for one answer after another until one of them is whole.

    Parameters
    ----------
    path: where it lies until it is whole.
    place: gives the place of the whole file, by the content type.
    enter: makes a folder for one of both, and refuses one that leads elsewhere.
    """

    def __init__(self, path: Path, place: Callable[[str], Path], enter: Callable[[Path], None]) -> None:
        super().__init__("", 0)
        self._path, self._place, self._enter = path, place, enter
        self._note = path.with_name(path.name.removesuffix(PART) + NOTE)
        self._file: IO[bytes] | None = None
        self._at = path
        self._own = False
        self._validator: str | None = None
        self._type = ""
        self._resumable = self._noted = False
        self._whole_size: int | None = None
        self.kept: Callable[[Path], None] = lambda path: None
        """Told of the place of the whole file, once it is there."""
        self._told = self._written = 0
        self._lock = threading.Lock()  # a task that is cancelled leaves its work on the disk under way
        self._closed = False
        self._mark = 0
        self._taken = self._there = False
        self.size = 0
        """Bytes that are there, written or not."""
        self.target: Path | None = None
        """The place of the whole file, once an answer has begun."""
        self.expected: Callable[[int], None] = lambda number: None
        """Told how many bytes more are to come, or fewer."""
        self.arrived: Callable[[int], None] = lambda number: None
        """Told of bytes that are there; of fewer than none if they have to come again."""

    # -- an attempt ------------------------------------------------------------------------------------------------

    def prepare(self) -> Mapping[str, str]:
        """The headers of the next request: the rest of what an earlier one has left, if the server can give it.

        Raises
        ------
        OSError: the file cannot be written.
        """
        if self._file is None and self._note.is_file():
            self._go_on()
        headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
        if self.size and self._resumable and self._validator:
            return headers | {"Range": f"bytes={self.size}-", "If-Range": self._validator}
        return headers

    def begin(self, status: int, headers: Mapping[str, str]) -> bool:
        """Look at the head of an answer; tells whether its body is to be read.

        Raises
        ------
        OSError: the file cannot be written.
        """
        self._mark, self._taken = max(self._mark, self.size), False
        if status == 416 and self.size and headers.get("content-range") == f"bytes */{self.size}":
            self._whole_size = self.size
            self._taken, self.target = True, self._place(self._type)
            self._there = is_there(self.target)
            return False
        if status not in (200, 206, 416):
            return False
        begins = {200: 0, 206: _begins(headers.get("content-range", ""))}.get(status, -1)
        if begins != self.size:
            self._begin_anew()
            if begins:
                return False
        held = self.content
        Body.__init__(self, headers.get("content-encoding", ""), most=1 << 62)
        self.content = held
        length = headers.get("content-length", "")
        known = length.isascii() and length.isdigit() and not self.is_packed
        self._whole_size = self.size + int(length) if known else None
        self._expect(self._whole_size or self.size)
        etag = headers.get("etag", "")
        self._validator = (etag if etag and not etag.startswith("W/") else None) or headers.get("last-modified")
        self._resumable = not self.is_packed and (status == 206 or headers.get("accept-ranges", "") == "bytes")
        self._type = headers.get("content-type", "")
        self._taken, self.target = True, self._place(self._type)
        self._there = is_there(self.target)
        return not self._there

    @property
    def is_page(self) -> bool:
        """Whether the answer called itself a web page: such as asks for a password comes with status 200."""
        return self._type.partition(";")[0].strip().lower() == "text/html"

    @property
    def got_on(self) -> bool:
        """Whether the last attempt has brought more than all before: what begins anew each time does not get on."""
        return self.size > self._mark

    @property
    def is_whole(self) -> bool:
        """Whether the last answer has brought what it announced, or what it gives is there already."""
        return self._taken and (self._there or self._whole_size in (None, self.size))

    @property
    def full(self) -> bool:
        """Whether so much is in memory that it is to be written."""
        return len(self.content) >= PIECE

    def _grow(self, piece: bytes) -> None:
        self.content += piece
        self.size += len(piece)
        self.arrived(len(piece))

    # -- the disk; in asynchronous programs beside the event loop --------------------------------------------------

    def write(self) -> None:
        """Write what is in memory.

        Raises
        ------
        OSError: the file cannot be written.
        """
        with self._lock:
            if not self._closed:
                self._write()

    def finish(self) -> Path:
        """Give the file its place, which it takes as a whole, and from no other.

        Raises
        ------
        OSError: the file cannot be written.
        """
        assert self.target is not None
        with self._lock:
            if not (self._closed or self._there):
                file = self._write()
                if self.size > PIECE:  # a small one is empty after a crash of the machine, or whole
                    os.fsync(file.fileno())
                file.close()
                self._enter(self.target.parent)
                _put(self._at, self.target)
                self.kept(self.target)
            self._discard()
        return self.target

    def leave(self) -> None:
        """Close the file, after a failure. What has come stays where it can be gone on with."""
        with self._lock:
            self._expect(self.size)
            if self._noted and self._file is not None and not self._closed:
                with suppress(OSError):
                    self._write()
                self._file.close()
                self._closed = True
            self._discard()

    def _discard(self) -> None:
        """Remove what has come, and the note of it."""
        if self._closed:
            return
        self._closed = True
        if self._file is not None:
            self._file.close()
            with suppress(OSError):
                self._at.unlink()
        if self._noted:
            with suppress(OSError):
                self._note.unlink()

    def _write(self) -> IO[bytes]:
        file = self._file or self._open()
        try:
            with memoryview(self.content) as left:
                at = 0
                while at < len(left):
                    at += file.write(left[at:])
        except OSError:  # a full disk: the file ends with what is sure to be in it
            file.truncate(self._written)
            file.seek(self._written)
            self.arrived(self._written - self.size)
            self.size = self._written
            self.content.clear()
            raise
        self._written += len(self.content)
        self.content.clear()
        if self._own and self._resumable and self._validator and not self._noted and self._written >= PIECE:
            self._note.write_bytes(msgspec.json.encode(_Note(self._validator, self._type)))
            self._noted = True
        return file

    def _begin_anew(self) -> None:
        self.arrived(-self.size)
        self.content.clear()
        self.size = self._written = 0
        self._whole_size = None
        if self._file is not None:
            self._file.seek(0)
            self._file.truncate()

    def _expect(self, size: int) -> None:
        self.expected(size - self._told)
        self._told = size

    def _open(self) -> IO[bytes]:
        self._enter(self._path.parent)
        file = _locked(self._path)
        self._own = file is not None
        if file is None:  # another process is about the same file
            self._at = self._path.with_name(f".{os.getpid()}-{next(_numbers)}{PART}")
            file = open(self._at, "w+b", buffering=0)  # noqa: SIM115
        file.truncate()
        self._file = file
        return file

    def _go_on(self) -> None:
        """Take up what an earlier call has left."""
        with suppress(msgspec.MsgspecError, UnicodeError, OSError):
            note = msgspec.json.decode(self._note.read_bytes(), type=_Note)
            self._enter(self._path.parent)
            file = _locked(self._path)
            if file is None:
                return
            self._file, self._own, self._noted = file, True, True
            self._validator, self._type, self._resumable = note.validator, note.type, True
            self.size = self._mark = self._written = file.seek(0, os.SEEK_END)
            self._expect(self.size)
            self.arrived(self.size)


def _begins(content_range: str) -> int:
    """The first byte that an answer gives of the file; -1 if it does not say so."""
    found = re.match(r"bytes (\d{1,18})-", content_range, re.ASCII)
    return int(found[1]) if found else -1


def _locked(path: Path) -> IO[bytes] | None:
    """The file, opened for nobody else; None if another process has it. Without locks of the system always None."""
    try:
        import fcntl
    except ImportError:
        return None
    while True:
        number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        file = open(number, "r+b", buffering=0)  # noqa: SIM115
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(number), os.stat(path)):
                return file
        except FileNotFoundError:
            pass  # it was whole in the meantime, and has its place
        except OSError:
            file.close()
            return None
        file.close()


def _put(path: Path, target: Path) -> None:
    """Rename a file to a name that nothing has; what has come there in the meantime stays."""
    try:
        os.link(path, target)
    except FileExistsError:
        if not is_there(target) and target.is_file():
            os.replace(path, target)
    except OSError:  # a file system without links
        if not target.exists():
            os.rename(path, target)
