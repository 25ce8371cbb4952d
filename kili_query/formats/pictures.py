"""Pictures on disk: whether a file is one, and whole, by its first and its last bytes; nothing is decoded."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

_HEAD = 4096
_TAIL = 1 << 12
_PAGES = (b"<!doctype html", b"<html", b"<head", b"<body")
_OTHERS = (
    b"II\x2b\0", b"MM\0\x2b", b"8BPS", b"\0\0\1\0", b"\0\0\2\0", b"\xff\x0a", b"\0\0\0\x0cjP  ", b"\0\0\0\x0cJXL ", b"\xff\x4f\xff\x51",
    b"\x76\x2f\x31\x01", b"#?RADIANCE", b"#?RGBE", b"DDS ", b"NITF", b"NSIF", b"SIMPLE  =", b"\x89HDF", b"FORM", b"AT&TFORM",
    b"qoif", b"farbfeld", b"FUJIFILM", b"\x01\xda", b"gimp xcf", b"%!PS", b"\x59\xa6\x6a\x95",
)  # fmt: skip
"""How files of other kinds of pictures begin, of which nothing more is looked at."""


def fault_of(path: Path) -> str:
    """What is wrong with a picture: empty, a web page, no picture, or cut off; nothing (an empty text) of most.

    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp(), "a.png")
    >>> path.write_bytes(b"no picture at all")
    17
    >>> fault_of(path)
    'no picture'
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
        size = file.seek(0, 2)
        whole = _is_whole(file, head, size)
    if whole is not None:
        return "" if whole else "cut off"
    if not head.strip(b"\0 \t\r\n") and size <= _HEAD:
        return "empty"
    return "a web page" if _begin(head).startswith(_PAGES) else "no picture"


def _begin(head: bytes) -> bytes:
    """How a text begins, whatever stands before it."""
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()


def _is_whole(file: BinaryIO, head: bytes, size: int) -> bool | None:
    """Whether the file of a picture has its end; None of what is none."""
    if head.startswith(b"\xff\xd8\xff"):
        return _ends(file, b"\xff\xd9", _scan_of_jpeg(file, size), size)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _ends(file, b"IEND\xaeB`\x82", 8, size)
    if head.startswith((b"GIF87a", b"GIF89a")):
        file.seek(max(13, size - _TAIL))
        tail = file.read(_TAIL).rstrip(b"\0\r\n")
        return not tail or tail.endswith(b";")
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return size >= 8 + int(struct.unpack("<I", head[4:8])[0])
    if head.startswith(b"BM") and len(head) >= 26:
        return size >= _size_of_bitmap(head)
    if head.startswith((b"II*\0", b"MM\0*")):
        return size >= _size_of_tiff(file, "<" if head.startswith(b"II") else ">", size)
    if head[4:8] == b"ftyp" or head.startswith(_OTHERS) or head[128:132] == b"DICM":
        return True
    if head[:1] == b"\n" and head[1:2] in b"\0\2\3\4\5" and head[2:3] in b"\0\1":  # PCX
        return len(head) > 128
    if head[:1] == b"P" and head[1:2] in b"1234567Ff" and head[2:3].isspace():
        return True
    text = _begin(head)
    return True if text.startswith((b"<?xml", b"<svg", b"<!doctype svg", b"<!--")) and b"<svg" in text else None


def _size_of_bitmap(head: bytes) -> int:
    """The least that a BMP file has, by its head: up to its last row, if these are not packed."""
    begin, _, width, height, _, depth, packing = struct.unpack("<IIiiHHI", head[10:34].ljust(24, b"\0"))
    rows = (abs(width) * depth + 31) // 32 * 4 * abs(height) if packing == 0 else 0
    return int(begin + rows)


def _size_of_tiff(file: BinaryIO, order: str, size: int) -> int:
    """The least that a TIFF file has, by its first directory: up to the end of its last strip or tile."""
    file.seek(4)
    least = int(struct.unpack(f"{order}I", file.read(4).ljust(4, b"\xff"))[0]) + 2
    if least > size:
        return least
    file.seek(least - 2)
    number = struct.unpack(f"{order}H", file.read(2))[0]
    entries = file.read(12 * number)
    if len(entries) < 12 * number:
        return size + 1
    ends: dict[int, int] = {}
    for tag, kind, count, at in struct.iter_unpack(f"{order}HHII", entries):
        if tag in (273, 279, 324, 325) and kind == 4 and count:  # where strips and tiles begin, and how long they are
            file.seek(at + 4 * (count - 1))
            last = struct.unpack(f"{order}I", file.read(4).ljust(4, b"\xff"))[0] if count > 1 else at
            ends[tag] = int(last)
    return max(least, *(ends.get(begin, 0) + ends.get(begin + 6 if begin == 273 else 325, 0) for begin in (273, 324)))


def _ends(file: BinaryIO, mark: bytes, start: int | None, size: int) -> bool:
    """True if a mark stands somewhere behind a place: most at the very end, some before what a camera has put there."""
    if start is None:
        return False
    at, step = max(start, size - _TAIL), _TAIL
    while True:
        file.seek(at)
        if mark in file.read(step + len(mark)):
            return True
        if at <= start:
            return False
        step = min(16 * step, 1 << 24)
        at = max(start, at - step)


def _scan_of_jpeg(file: BinaryIO, size: int) -> int | None:
    """Where the pixels of a JPEG file begin, behind all that it says of itself, such as a small copy; None: nowhere."""
    at = 2
    while at + 4 <= size:
        file.seek(at)
        mark = file.read(4)
        if mark[0] != 0xFF:
            return None
        if mark[1] == 0xFF:  # a filler
            at += 1
        elif mark[1] == 0xDA:
            return at
        elif 0xD0 <= mark[1] <= 0xD8 or mark[1] == 1:
            at += 2
        else:
            at += 2 + int.from_bytes(mark[2:], "big")
    return None
