"""Zip archives of exports: which members hold labels, and a reader for many small members that is faster than zipfile."""

from __future__ import annotations

import os
import struct
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import BinaryIO, NamedTuple

from kili_query.errors import DataError
from kili_query.formats import READ_SUFFIXES, SUFFIXES
from kili_query.formats.containers.records import Part, Place, Problem, Record
from kili_query.formats.containers.split import WINDOW
from kili_query.formats.containers.streams import (
    INFLATE_ERRORS,
    bomb_message,
    crc32,
    file_chunks,
    inflate,
    inflate_whole,
    is_bomb,
    os_problem,
    read_stream,
    read_whole,
)
from kili_query.formats.others import foreign_export

_PLAIN = tuple(suffix for suffix in READ_SUFFIXES if suffix != ".zip")
JSON_SUFFIXES = (*_PLAIN, *(f"{suffix}.gz" for suffix in _PLAIN))
LINE_SUFFIXES = tuple(suffix for suffix, name in SUFFIXES.items() if name == "ndjson")

WHOLE = 16 << 20
"""A member up to so many bytes is read in one piece; a larger one is a stream, and a part of its own."""

_NO_LABELS = ("kili-ontology.json",)  # what `convert` writes beside labels

_LOCAL = struct.Struct("<4s22xHH")  # the header before the data of a member: signature, lengths of name and extra
_STORED, _DEFLATED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED


class Member(NamedTuple):
    """What the central directory says of a member, and `optional`: it may be something else than labels."""

    name: str
    offset: int
    packed: int
    size: int
    crc: int
    method: int
    encrypted: bool
    optional: bool
    shared: bool = False
    """Its bytes belong to another member too, as in archives that are made to inflate without end."""


@dataclass(slots=True)
class ZipMembers(Part):
    """Some members of an archive; `size` is the sum of their sizes as the archive declares them."""

    path: str
    source: str
    members: list[Member]
    size: int
    sequential: bool = False

    def records(self) -> Iterator[Record | Problem]:
        """What the members hold; a member that cannot be read is a Problem, the others are still given."""
        try:
            file = open(self.path, "rb", buffering=0)  # noqa: SIM115 - closed below, the block is long
        except OSError as error:
            yield Problem(os_problem(error, "").message, Place(self.source), code="KQ503")
            return
        with file:
            for member in self.members:
                try:
                    yield from self._read(file, member)
                except (DataError, OSError) as error:
                    reason = error.message if isinstance(error, DataError) else os_problem(error, "").message
                    yield Problem(reason, Place(self.source, member.name), code="KQ503")

    def _read(self, file: BinaryIO, member: Member) -> Iterator[Record | Problem]:
        reason = _refusal(member)
        if reason:
            yield Problem(reason, Place(self.source, member.name), _strays(member.name), "KQ503")
            return
        lines = member.name.lower().endswith(LINE_SUFFIXES)
        if member.size > WHOLE or member.method not in (_STORED, _DEFLATED):
            chunks = _checked(_stream(self.path, member), member)
            yield from read_stream(chunks, self.source, member.name, lines=lines, optional=member.optional)
        else:
            data = _whole(file, member)
            yield from read_whole(data, self.source, member.name, lines=lines, optional=member.optional)


def choose(names: Iterable[str], *, export: bool) -> list[tuple[str, bool]]:
    """The names to read, in plain string order, each with `optional` (json-formats 5.1).

    In an export these are `data.json` and what is below `labels/`; where there is neither, all JSON files. A file
    below `labels/` may be an answer to a FILE job instead of an asset: it is optional.
    """
    usable = sorted(
        name for name in names
        if name.lower().endswith(JSON_SUFFIXES) and "__MACOSX/" not in name and name.split("/")[-1] not in _NO_LABELS
    )  # fmt: skip
    if export:
        labels = [name for name in usable if name == "data.json" or name.startswith("labels/")]
        usable = labels or usable
    return [(name, "labels" in name.split("/")[:-1]) for name in usable]


def plan_zip(path: str, source: str, part_bytes: int) -> Iterator[ZipMembers]:
    """The parts of an archive, in plain string order of the members.

    Raises DataError (KQ503) if it is no zip archive, is cut off, or holds no labels.
    """
    listed = directory(path, source)
    infos = {info.filename.replace("\\", "/"): info for info in listed}
    shared = overlapping(listed)
    chosen = choose(infos, export=True)
    if not chosen:
        otherwise = "holds no labels: an export of Kili has `labels/<asset>.json` members or a `data.json`"
        raise DataError(foreign_export(infos) or otherwise, code="KQ503", where=source)
    batch: list[Member] = []
    size = 0
    for name, optional in chosen:
        info = infos[name]
        member = _member(info, name, optional=optional, shared=info.header_offset in shared)
        alone = member.size > WHOLE
        if batch and (alone or size + member.size > part_bytes):
            yield ZipMembers(path, source, batch, size)
            batch, size = [], 0
        if alone:
            yield ZipMembers(path, source, [member], member.size, True)
        else:
            batch.append(member)
            size += member.size
    if batch:
        yield ZipMembers(path, source, batch, size)


def directory(path: str, source: str) -> tuple[zipfile.ZipInfo, ...]:
    """What an archive says it holds; `source`: how messages name it.

    Raises
    ------
    DataError: it is no zip archive, or is cut off (KQ503).
    """
    try:
        found = os.stat(path)
        return _directory(path, found.st_mtime_ns, found.st_size)
    except OSError as error:
        raise os_problem(error, source) from None
    except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error, UnicodeError) as error:
        raise DataError(
            f"cannot be read as a zip archive; it may be cut off ({error})", code="KQ503", where=source
        ) from None


@lru_cache(maxsize=2)
def _directory(path: str, changed: int, size: int) -> tuple[zipfile.ZipInfo, ...]:
    with zipfile.ZipFile(path) as archive:
        return tuple(archive.infolist())


def overlapping(infos: Iterable[zipfile.ZipInfo]) -> set[int]:
    """Where the members of an archive start that share bytes with another one: no program writes such, only attackers."""
    found: set[int] = set()
    begin = end = -1
    for start, packed in sorted((info.header_offset, info.compress_size) for info in infos):
        if start < end:
            found |= {begin, start}
        if start + _LOCAL.size + packed > end:
            begin, end = start, start + _LOCAL.size + packed
    return found


def member_chunks(path: str, info: zipfile.ZipInfo, *, shared: bool = False) -> Iterator[bytes]:
    """The content of any member, a chunk at a time, its length and checksum compared. `shared`: see `Member`.

    Raises DataError (KQ503) if it cannot be read, is damaged, or inflates beyond reason.
    """
    member = _member(info, info.filename, optional=True, shared=shared)
    reason = _refusal(member, "media file")
    if reason:
        raise DataError(reason, code="KQ503")
    yield from _checked(_stream(path, member), member)


def _member(info: zipfile.ZipInfo, name: str, *, optional: bool, shared: bool = False) -> Member:
    return Member(
        name, info.header_offset, info.compress_size, info.file_size, info.CRC, info.compress_type,
        bool(info.flag_bits & 1), optional, shared,
    )  # fmt: skip


def _strays(name: str) -> bool:
    return name.startswith("/") or name[1:2] == ":" or ".." in name.split("/")


def _refusal(member: Member, kind: str = "label") -> str | None:
    """Why a member is not read at all."""
    if _strays(member.name):
        return "its name leads out of the archive"
    if member.shared:
        return "shares its bytes with another member, as archives do that are made to inflate without end"
    if member.encrypted:
        return "is encrypted"
    if is_bomb(member.packed, member.size):
        return bomb_message(member.packed, member.size, kind)
    return None


def _whole(file: BinaryIO, member: Member) -> bytes:
    """The content of a member, its length and checksum compared."""
    slack = 30 + 2 * len(member.name.encode()) + 64  # most often the data is in the same read as the header
    head = _read_at(file, member.offset, slack + member.packed)
    start = _data_start(head)
    packed = head[start : start + member.packed]
    if len(packed) < member.packed:
        packed = _read_at(file, member.offset + start, member.packed)
        if len(packed) < member.packed:
            raise DataError("is cut off", code="KQ503")
    try:
        data = packed if member.method == _STORED else inflate_whole(packed, member.size)
    except INFLATE_ERRORS:
        raise DataError("the compressed data is damaged", code="KQ503") from None
    if len(data) != member.size:
        raise _other_size(member)
    if crc32(data) != member.crc:
        raise _other_crc()
    return data


def _stream(path: str, member: Member) -> Iterator[bytes]:
    """The content of a member of any size and method, a chunk at a time."""
    if member.method in (_STORED, _DEFLATED):
        with open(path, "rb", buffering=0) as file:
            start = _data_start(_read_at(file, member.offset, 30))
            file.seek(member.offset + start)
            chunks = _limited(file, member.packed)
            yield from chunks if member.method == _STORED else inflate(chunks, -15)
        return
    try:
        with zipfile.ZipFile(path) as archive:
            info = next(info for info in archive.infolist() if info.header_offset == member.offset)
            with archive.open(info) as stream:
                while chunk := stream.read(WINDOW):
                    yield chunk
    except NotImplementedError:
        raise DataError(f"is compressed by a method that is not supported ({member.method})", code="KQ503") from None
    except (zipfile.BadZipFile, EOFError, ValueError, RuntimeError, StopIteration) as error:
        raise DataError(f"cannot be read ({error})", code="KQ503") from None


def _limited(file: BinaryIO, left: int) -> Iterator[bytes]:
    while left > 0:
        chunk = next(file_chunks(file, min(left, WINDOW)), b"")
        if not chunk:
            raise DataError("is cut off", code="KQ503")
        left -= len(chunk)
        yield chunk


def _checked(chunks: Iterator[bytes], member: Member) -> Iterator[bytes]:
    """The chunks, with length and checksum compared; it stops at the first byte too many."""
    crc = size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > member.size:
            raise _other_size(member)
        crc = crc32(chunk, crc)
        yield chunk
    if size != member.size:
        raise _other_size(member)
    if crc != member.crc:
        raise _other_crc()


def _data_start(head: bytes) -> int:
    """Where the data of a member starts, from its local header."""
    if len(head) >= 30:
        signature, name, extra = _LOCAL.unpack_from(head)
        if signature == b"PK\x03\x04":
            return int(30 + name + extra)
    raise DataError("is damaged: there is no member where the archive says it is", code="KQ503")


if hasattr(os, "pread"):

    def _read_at(file: BinaryIO, offset: int, size: int) -> bytes:
        return os.pread(file.fileno(), size, offset)

else:

    def _read_at(file: BinaryIO, offset: int, size: int) -> bytes:
        file.seek(offset)
        return file.read(size)


def _other_size(member: Member) -> DataError:
    return DataError(f"is damaged: it does not hold the {member.size} bytes that the archive declares", code="KQ503")


def _other_crc() -> DataError:
    return DataError("is damaged: its checksum (CRC-32) differs", code="KQ503")
