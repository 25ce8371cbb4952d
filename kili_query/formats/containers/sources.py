"""From names of files, folders and archives to parts of work."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import FileIO
from itertools import chain
from typing import Literal

from kili_query.errors import DataError
from kili_query.formats.containers.archive import JSON_SUFFIXES, LINE_SUFFIXES, WHOLE, choose, plan_zip
from kili_query.formats.containers.records import Block, Part, Place, Problem, Record
from kili_query.formats.containers.streams import (
    BOM,
    GZIP,
    ZIP,
    LineCount,
    cut_blocks,
    encoding_message,
    file_chunks,
    foreign_encoding,
    layout,
    os_problem,
    read_stream,
    read_whole,
)
from kili_query.formats.others import foreign_export, foreign_text
from kili_query.formats.reading.dataset import KiliExport, OtherDataset, recognized

PART = 4 << 20
"""Bytes of a part, where a source can be divided."""

Source = str | os.PathLike[str]

INDEX_SUFFIX = ".kqindex"
"""Of folders that hold a count index: never labels."""

_HEAD = 1 << 16
_BLOCK = 256 << 10  # fits into the cache of the processor: twice as fast as a megabyte
_README = "README.kili.txt"  # in every export


@dataclass(slots=True)
class LineRange(Part):
    """The lines of a file that start in [start, end), each of them a record.

    A part does not know how many lines went before it: line numbers count from `base`, which the reader of all parts
    may set; without it they are relative to the part. When `records` is exhausted, `lines` is the number of lines of
    the part, blank ones included, so that a reader of parts in order can add up.
    """

    source: str
    start: int
    end: int
    base: int = 0
    lines: int = 0
    size: int = field(init=False)
    piece: bytes = field(default=b"", init=False, repr=False)
    piece_at: int = field(default=0, init=False)
    """What is being cut, and the byte of the file where it begins: who needs the places of lines has them from these."""

    def __post_init__(self) -> None:
        self.size = self.end - self.start

    def records(self) -> Iterator[Record | Problem]:
        """The lines that are not blank."""
        for item in self.blocks():
            if isinstance(item, Block):
                yield from item.records()
            else:
                yield item

    def blocks(self) -> Iterator[Record | Problem | Block]:
        """The lines, many at a time."""
        count = LineCount(self.base)
        yield from cut_blocks(self._chunks(), self.source, count=count)
        self.lines = count.lines - self.base

    def _chunks(self) -> Iterator[bytes]:
        try:
            with open(self.source, "rb", buffering=0) as file:
                yield from self._cut(file)
        except OSError as error:
            raise os_problem(error, "") from None

    def _cut(self, file: FileIO) -> Iterator[bytes]:
        # the range begins behind the first line break from start - 1 on, and ends with the first one from end - 1 on
        started, at = not self.start, max(0, self.start - 1)
        file.seek(at)
        while chunk := file.read(_BLOCK):
            if not started:
                skip = chunk.find(b"\n", 0, self.end - 1 - at) + 1
                if not skip:
                    at += len(chunk)
                    if at >= self.end - 1:
                        return
                    continue
                started, at, chunk = True, at + skip, chunk[skip:]
            stop = chunk.find(b"\n", max(0, self.end - 1 - at)) + 1
            piece = (chunk[:stop] if stop else chunk).removeprefix(b"" if at else BOM)
            at += stop or len(chunk)
            self.piece, self.piece_at = piece, at - len(piece)
            yield piece
            if stop:
                break
        self.piece, self.piece_at = b"", at


@dataclass(slots=True)
class FileGroup(Part):
    """Small files of a folder, each with whether it is optional."""

    source: str
    names: list[tuple[str, bool]]
    size: int

    def records(self) -> Iterator[Record | Problem]:
        """What the files hold; a file that cannot be read is a Problem."""
        for name, optional in self.names:
            path = os.path.join(self.source, name)
            try:
                with open(path, "rb", buffering=0) as file:
                    data = file.read()
            except OSError as error:
                problem = os_problem(error, "")
                yield Problem(problem.message, Place(path), code=problem.code)
            else:
                yield from read_whole(data, path, lines=_is_lines(name), optional=optional)


@dataclass(slots=True)
class FileStream(Part):
    """A file that is read from its begin to its end: a list, values, anything compressed, or a pipe."""

    source: str
    size: int
    sequential: bool = True
    local: bool = False
    optional: bool = False

    @property
    def is_plain(self) -> bool:
        """True if the file holds the text of its records as it is, at the positions that they tell."""
        return self.size > 0 and not self.local

    def records(self) -> Iterator[Record | Problem]:
        """What the file holds."""
        try:
            with open(self.source, "rb", buffering=0) as file:
                chunks = file_chunks(file)
                yield from read_stream(chunks, self.source, lines=_is_lines(self.source), optional=self.optional)
        except OSError as error:
            problem = os_problem(error, "")
            yield Problem(problem.message, Place(self.source), code=problem.code)


@dataclass(slots=True)
class Stdin(Part):
    """Standard input, in any form that a file may have; an archive is copied to a temporary file first."""

    source: str = "standard input"
    size: int = 0
    sequential: bool = True
    local: bool = True

    def records(self) -> Iterator[Record | Problem]:
        """What standard input holds."""
        chunks = file_chunks(sys.stdin.buffer)
        head = b""
        while len(head) < len(ZIP) and (chunk := next(chunks, b"")):
            head += chunk
        if not head.startswith(ZIP):
            yield from read_stream(chain([head], chunks), self.source)
            return
        from shutil import copyfileobj
        from tempfile import TemporaryDirectory

        with TemporaryDirectory(prefix="kili-query-") as folder:
            path = os.path.join(folder, "stdin.zip")
            with open(path, "wb") as copy:
                copy.write(head)
                copyfileobj(sys.stdin.buffer, copy, PART)
            try:
                for part in plan_zip(path, self.source, PART):
                    yield from part.records()
            except DataError as error:
                yield Problem(error.message, Place(self.source), code=error.code)


def plan(sources: Sequence[Source], part_bytes: int = PART) -> Iterator[Part]:
    """The parts of files, folders, archives and standard input (`-`), in the order of the input.

    All sources are looked at before the first part is given. A part has about `part_bytes`, where its source can be
    divided.

    Raises
    ------
    DataError: a source is missing, unreadable, empty, in another encoding, or no export (KQ503).
    """
    found = [_look(source) for source in sources]
    size = max(1, part_bytes)
    return chain.from_iterable(
        one.parts() if isinstance(one, OtherDataset) else _parts(one[0], one[1], one[2], size) for one in found
    )


_Form = Literal["zip", "gzip", "lines", "stream", "pipe", "folder", "stdin"]
_Names = list[tuple[str, bool]]


def recognized_dataset(source: Source) -> OtherDataset | None:
    """The dataset of another format that a source is; None if it is none, or cannot be read: whoever reads it tells why."""
    try:
        found = _look(source)
    except DataError:
        return None
    return found if isinstance(found, OtherDataset) else None


def _look(source: Source) -> OtherDataset | tuple[str, _Form, _Names]:
    """What a source is, and the files of a folder."""
    if isinstance(source, OtherDataset):
        return source
    path, by_kili = os.fspath(source), isinstance(source, KiliExport)
    if path == "-":
        return path, "stdin", []
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            return _folder(path, by_kili)
        if not stat.S_ISREG(mode):
            return path, "pipe", []  # reading its head would take it away
        form = _layout(path) if by_kili else _form(path)
        return form if isinstance(form, OtherDataset) else (path, form, [])
    except OSError as error:
        raise os_problem(error, path) from None
    except DataError:
        raise
    except ValueError as error:  # a null character in the name
        raise DataError(f"cannot be read: {error}", code="KQ503", where=path) from None


def _form(path: str) -> OtherDataset | Literal["zip", "gzip", "lines", "stream"]:
    """What a file holds, by its first bytes: a dataset of another format, or JSON in some container."""
    with open(path, "rb") as file:
        head = file.read(len(ZIP))
    if head.startswith(b"PK\5\6") or (path.lower().endswith(".zip") and head != ZIP):
        return "zip"
    return recognized(path) or _layout(path)


def _layout(path: str) -> Literal["zip", "gzip", "lines", "stream"]:
    """How the JSON in a file is laid out; its suffix only decides between lines and values."""
    with open(path, "rb") as file:
        head = file.read(_HEAD)
        if head.startswith(ZIP):
            return "zip"
        if head.startswith(GZIP):
            return "gzip"
        if name := foreign_encoding(head):
            raise DataError(encoding_message(name), code="KQ503", where=path)
        if other := foreign_text(head.removeprefix(BOM)):
            raise DataError(other, code="KQ503", where=path)
        form = layout(head, lines=_is_lines(path))
        while form is None and (more := file.read(len(head))):
            head += more
            form = layout(head, lines=_is_lines(path))
    if not head.removeprefix(BOM).strip():
        raise DataError("is empty", code="KQ503", where=path)
    return "lines" if form == "lines" else "stream"


def folder_names(folder: str) -> _Names:
    """The JSON files below a folder. Links to folders and hidden folders are left out.

    Raises
    ------
    DataError: there are none (KQ503).
    """
    return _chosen(folder, _walk(folder))


def _folder(folder: str, by_kili: bool) -> OtherDataset | tuple[str, _Form, _Names]:
    """The JSON files below a folder, or the dataset that it is."""
    names = _walk(folder)
    if not by_kili and (other := recognized(folder, names)):
        return other
    return folder, "folder", _chosen(folder, names)


def _walk(folder: str) -> list[str]:
    names = []
    for place, folders, files in os.walk(folder, onerror=_raise):
        folders[:] = [name for name in folders if not name.startswith(".") and not name.endswith(INDEX_SUFFIX)]
        below = os.path.relpath(place, folder).replace(os.sep, "/") + "/"
        names += [f"{'' if below == './' else below}{name}" for name in files]
    return names


def _chosen(folder: str, names: list[str]) -> _Names:
    chosen = choose(names, export=_README in names)
    if not chosen:
        otherwise = f"holds no files with labels ({', '.join(JSON_SUFFIXES)})"
        raise DataError(foreign_export(names) or otherwise, code="KQ503", where=folder)
    return chosen


def _parts(path: str, form: _Form, names: _Names, part_bytes: int) -> Iterator[Part]:
    if form == "stdin":
        yield Stdin()
    elif form == "folder":
        yield from folder_parts(path, names, part_bytes)
    elif form == "zip":
        yield from plan_zip(path, path, part_bytes)
    elif form in ("pipe", "gzip"):
        yield FileStream(path, 0, local=form == "pipe")
    else:
        size = os.path.getsize(path)
        if form == "lines":
            for start in range(0, size, part_bytes):
                yield LineRange(path, start, min(start + part_bytes, size))
        else:
            yield FileStream(path, size, sequential=size > PART)


def folder_parts(folder: str, names: _Names, part_bytes: int) -> Iterator[Part]:
    """Small files together; a large one by itself."""
    batch: _Names = []
    total = 0
    for name, optional in names:
        path = os.path.join(folder, name)
        try:
            size = os.path.getsize(path)
            form: _Form = _layout(path) if size > max(part_bytes, _HEAD) else "stream"
        except (OSError, DataError):  # told when the file is read
            size, form = 0, "stream"
        alone = size > WHOLE or form == "lines"
        if batch and (alone or total + size > part_bytes):
            yield FileGroup(folder, batch, total)
            batch, total = [], 0
        if form == "lines":
            yield from _parts(path, form, [], part_bytes)
        elif alone:
            yield FileStream(path, size, optional=optional)
        else:
            batch.append((name, optional))
            total += size
    if batch:
        yield FileGroup(folder, batch, total)


def _is_lines(path: str) -> bool:
    return path.lower().removesuffix(".gz").endswith(LINE_SUFFIXES)


def _raise(error: OSError) -> None:
    raise error
