"""What the heads of films say: resolution and duration of MP4 and its kin, Matroska and WebM, and AVI.

Only heads are read, within bounds; a field that a film lacks is not known.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO, Any

MOST = 32 << 20
"""The most bytes of a head."""

MOST_PARTS = 10_000
"""The most boxes and elements that are looked at: files come from strangers, and each could be of a few bytes."""


def measured_film(file: IO[bytes]) -> dict[str, Any]:
    """The resolution in pixels and the duration in seconds of a film, as far as it says them."""
    head = file.read(12)
    if head[:4] == b"\x1a\x45\xdf\xa3":
        width, height, seconds = _matroska(file)
    elif head[:4] == b"RIFF" and head[8:] == b"AVI ":
        width, height, seconds = _avi(file)
    else:
        width, height, seconds = _mp4(file)
    found: dict[str, Any] = {}
    if 0 < width < 1 << 20 and 0 < height < 1 << 20:
        found["resolution"] = {"width": int(width), "height": int(height)}
    if 0 < seconds < 1e9:
        found["duration"] = float(seconds)
    return found


Measures = tuple[int, int, float]


# -- MP4: boxes of a size and a name -----------------------------------------------------------------------------------


def _mp4(file: IO[bytes]) -> Measures:
    end = file.seek(0, 2)
    at = 0
    for _ in range(MOST_PARTS):
        if at + 8 > end:
            break
        file.seek(at)
        size, kind = struct.unpack(">I4s", file.read(8))
        body = at + 8
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
            body = at + 16
        size = size or end - at
        if size < body - at:
            break
        if kind == b"moov" and size <= MOST:
            file.seek(body)
            return _movie(file.read(size - (body - at)))
        at += size
    return 0, 0, 0.0


def _movie(moov: bytes) -> Measures:
    width = height = 0
    seconds = 0.0
    for kind, body in _boxes(moov):
        if kind == b"mvhd":
            scale, length = struct.unpack(">IQ", body[20:32]) if body[0] else struct.unpack(">II", body[12:20])
            seconds = length / scale if scale else 0.0
        elif kind == b"tkhd" and not width:  # sounds have neither width nor height
            wide, high = struct.unpack(">II", body[88:96] if body[0] else body[76:84])
            width, height = wide >> 16, high >> 16
    return width, height, seconds


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Boxes, and those inside tracks."""
    at = 0
    for _ in range(MOST_PARTS):
        if at + 8 > len(data):
            break
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        if size < 8:
            break
        if kind != b"trak":
            yield kind, data[at + 8 : at + size]
        at += 8 if kind == b"trak" else size


# -- Matroska and WebM: elements of an id, a size and a value ----------------------------------------------------------

_SEGMENT, _INFO, _TRACKS, _CLUSTER = 0x18538067, 0x1549A966, 0x1654AE6B, 0x1F43B675
_SCALE, _DURATION, _TRACK, _VIDEO, _WIDTH, _HEIGHT = 0x2AD7B1, 0x4489, 0xAE, 0xE0, 0xB0, 0xBA
_INSIDE = (_SEGMENT, _INFO, _TRACKS, _TRACK, _VIDEO)


def _matroska(file: IO[bytes]) -> Measures:
    end = min(file.seek(0, 2), MOST)
    at = 0
    found: dict[int, bytes] = {}
    for _ in range(MOST_PARTS):
        if at + 2 > end:
            break
        file.seek(at)
        head = file.read(12)
        id_, id_length = _number(head, keep=True)
        size, size_length = _number(head[id_length:])
        body = at + id_length + size_length
        if id_ == _CLUSTER:
            break  # pictures begin
        if id_ in _INSIDE:
            at = body
            continue
        if id_ in (_SCALE, _DURATION, _WIDTH, _HEIGHT) and id_ not in found and size <= 8:
            file.seek(body)
            found[id_] = file.read(size)
        at = body + size
    scale = int.from_bytes(found.get(_SCALE, b"")) or 1_000_000
    length = found.get(_DURATION, b"")
    ticks = struct.unpack(">d" if len(length) == 8 else ">f", length)[0] if len(length) in (4, 8) else 0.0
    return int.from_bytes(found.get(_WIDTH, b"")), int.from_bytes(found.get(_HEIGHT, b"")), ticks * scale / 1e9


def _number(data: bytes, *, keep: bool = False) -> tuple[int, int]:
    """A number of as many bytes as its first one says, and how many these are; `keep` leaves that mark in it."""
    length = 9 - data[0].bit_length()
    mark = 0 if keep else 1 << (7 * length)
    return int.from_bytes(data[:length]) - mark, length


# -- AVI: the head of a list of chunks ---------------------------------------------------------------------------------


def _avi(file: IO[bytes]) -> Measures:
    data = file.read(4096)
    at = data.find(b"avih")
    if at < 0:
        return 0, 0, 0.0
    fields = struct.unpack("<10I", data[at + 8 : at + 48])
    return fields[8], fields[9], fields[0] * fields[4] / 1e6
