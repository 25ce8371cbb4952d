"""Zip archives of any number of members, written in one go: to a pipe as well, and without holding a list of the members.

What `zipfile` holds of each member until the end waits here on disk; small members go in one piece.
"""

from __future__ import annotations

import struct
import tempfile
import time
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

try:
    from isal import isal_zlib

    _deflater: Any = isal_zlib
    _LEVEL = 2
except ImportError:  # no wheel for this platform
    _deflater = zlib
    _LEVEL = 4

_SMALL = 1 << 20
_BLOCK = 1 << 20
_LIMIT = 0xFFFFFFFF
_STORED, _DEFLATED = 0, 8
_STREAMED, _UTF_8 = 0x08, 0x800
_FILE, _FOLDER = 0o100644 << 16, (0o040755 << 16) | 0x10
_PACKED_ALREADY = (
    ".jpg",
    ".jpeg",
    ".png",
    ".webp",
    ".gif",
    ".mp4",
    ".mov",
    ".avi",
    ".webm",
    ".mp3",
    ".pdf",
    ".zip",
    ".gz",
)


class ZipWriter:
    """Writes members one after another; `close` writes the directory. The file itself stays open."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._at = 0
        self._count = 0
        self._directory: Any = tempfile.SpooledTemporaryFile(_SMALL)  # noqa: SIM115 - closed by `abandon`
        year, month, day, hour, minute, second = time.localtime()[:6]
        self._moment = (hour << 11 | minute << 5 | second // 2, (max(year, 1980) - 1980) << 9 | month << 5 | day)

    def write(self, name: str, content: Iterable[bytes] | Path) -> None:
        """Write a member: its content in pieces, or that of a file on this disk."""
        if name.endswith("/"):
            self._member(name, _STORED, 0, 0, b"", _FOLDER)
            return
        if isinstance(content, Path):
            self._copy(name, content)
            return
        held, size = list[bytes](), 0
        pieces = iter(content)
        for piece in pieces:
            held.append(piece)
            size += len(piece)
            if size > _SMALL:
                self._stream(name, held, pieces)
                return
        self._whole(name, b"".join(held), packed=False)

    def __enter__(self) -> ZipWriter:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()

    def close(self) -> None:
        """Write the directory of the members."""
        begin, size = self._at, self._directory.tell()
        self._directory.seek(0)
        while block := self._directory.read(_BLOCK):
            self._write(block)
        if self._count >= 0xFFFF or begin >= _LIMIT or size >= _LIMIT:
            end = self._at
            self._write(struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, self._count, self._count, size, begin))
            self._write(struct.pack("<4sLQL", b"PK\6\7", 0, end, 1))
        count = min(self._count, 0xFFFF)
        self._write(struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, min(size, _LIMIT), min(begin, _LIMIT), 0))
        self.abandon()

    def abandon(self) -> None:
        """Let go of what waits, at the end or after a failure."""
        self._directory.close()

    def _copy(self, name: str, path: Path) -> None:
        with path.open("rb") as file:
            first = file.read(16 * _BLOCK)
            if len(first) < 16 * _BLOCK:
                self._whole(name, first, packed=name.lower().endswith(_PACKED_ALREADY))
                return
            checksum, size = zlib.crc32(first), len(first)
            while block := file.read(_BLOCK):
                checksum, size = zlib.crc32(block, checksum), size + len(block)
            file.seek(0)
            self._member(name, _STORED, checksum, size, iter(lambda: file.read(_BLOCK), b""), _FILE, size)

    def _whole(self, name: str, data: bytes, *, packed: bool) -> None:
        method, body = _STORED, data
        if not packed and len(data) > 64:
            deflater = _deflater.compressobj(_LEVEL, zlib.DEFLATED, -15)
            body = deflater.compress(data) + deflater.flush()
            method = _DEFLATED
            if len(body) >= len(data):
                method, body = _STORED, data
        self._member(name, method, zlib.crc32(data), len(data), body, _FILE)

    def _member(
        self, name: str, method: int, checksum: int, size: int, body: bytes | Iterable[bytes], attributes: int,
        packed: int | None = None,
    ) -> None:  # fmt: skip
        """A member of which all is known beforehand."""
        packed = len(body) if isinstance(body, bytes) else packed or 0
        begin = self._at
        encoded, flags = _name(name)
        large = size >= _LIMIT or packed >= _LIMIT
        extra = struct.pack("<2H2Q", 1, 16, size, packed) if large else b""
        sizes = (_LIMIT, _LIMIT) if large else (packed, size)
        self._write(
            struct.pack("<4s5H3L2H", b"PK\3\4", 45 if large else 20, flags, method, *self._moment, checksum, *sizes, len(encoded), len(extra))
            + encoded
            + extra
        )  # fmt: skip
        for piece in [body] if isinstance(body, bytes) else body:
            self._write(piece)
        self._enter(encoded, flags, method, checksum, packed, size, begin, attributes)

    def _stream(self, name: str, held: list[bytes], rest: Iterator[bytes]) -> None:
        """A member whose sizes are known at its end, and stand there."""
        encoded, flags = _name(name)
        flags |= _STREAMED
        begin = self._at
        extra = struct.pack("<2H2Q", 1, 16, 0, 0)
        self._write(
            struct.pack("<4s5H3L2H", b"PK\3\4", 45, flags, _DEFLATED, *self._moment, 0, _LIMIT, _LIMIT, len(encoded), len(extra))
            + encoded
            + extra
        )  # fmt: skip
        deflater = _deflater.compressobj(_LEVEL, zlib.DEFLATED, -15)
        checksum = size = packed = 0
        for pieces in (held, rest):
            for piece in pieces:
                checksum, size = zlib.crc32(piece, checksum), size + len(piece)
                if body := deflater.compress(piece):
                    packed += len(body)
                    self._write(body)
            held = []
        body = deflater.flush()
        packed += len(body)
        self._write(body)
        self._write(struct.pack("<4sL2Q", b"PK\7\10", checksum, packed, size))
        self._enter(encoded, flags, _DEFLATED, checksum, packed, size, begin, _FILE)

    def _enter(
        self, name: bytes, flags: int, method: int, checksum: int, packed: int, size: int, begin: int, attributes: int
    ) -> None:
        values = [value for value in (size, packed, begin) if value >= _LIMIT]
        extra = struct.pack(f"<2H{len(values)}Q", 1, 8 * len(values), *values) if values else b""
        version = 45 if values or flags & _STREAMED else 20
        self._directory.write(
            struct.pack(
                "<4s6H3L5H2L", b"PK\1\2", 3 << 8 | version, version, flags, method, *self._moment, checksum,
                min(packed, _LIMIT), min(size, _LIMIT), len(name), len(extra), 0, 0, 0, attributes, min(begin, _LIMIT),
            )
            + name
            + extra
        )  # fmt: skip
        self._count += 1

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._at += len(data)


def _name(name: str) -> tuple[bytes, int]:
    try:
        return name.encode("ascii"), 0
    except UnicodeEncodeError:
        return name.encode("utf-8", "replace"), _UTF_8
