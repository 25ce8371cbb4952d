"""Chunks of bytes: where they come from, how they are inflated, and which form of JSON they hold."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO, Literal

from kili_query.errors import DataError
from kili_query.formats.containers.records import Block, Place, Problem, Record
from kili_query.formats.containers.split import LARGEST, WINDOW, find_end, split

if TYPE_CHECKING:
    import zlib as inflater
else:
    try:
        from isal import isal_zlib as inflater
    except ImportError:
        inflater = zlib

INFLATE_ERRORS = (zlib.error, inflater.error)
BOM = b"\xef\xbb\xbf"
GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"

MAX_NESTED = 8
"""How often a text may be compressed by gzip, one around the other."""

_BOMB_SIZE, _BOMB_RATIO = 100_000_000, 1000
_FIRST_LINE = 4 << 20  # bytes in which the end of the first line is looked for
_ENCODINGS = (
    (b"\xff\xfe\0\0", "UTF-32"), (b"\0\0\xfe\xff", "UTF-32"), (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"),
)  # fmt: skip


def os_problem(error: OSError, where: str) -> DataError:
    """The reason of the operating system, as an error of this package."""
    return DataError(f"cannot be read: {error.strerror or error}", code="KQ503", where=where)


def file_chunks(stream: BinaryIO, size: int = WINDOW) -> Iterator[bytes]:
    """The bytes of an open file. A pipe gives what it has, without waiting for a full chunk.

    Raises DataError (KQ503) where reading breaks off.
    """
    read = getattr(stream, "read1", stream.read)
    try:
        while chunk := read(size):
            yield chunk
    except OSError as error:
        raise os_problem(error, "") from None


def inflate(chunks: Iterator[bytes], wbits: int) -> Iterator[bytes]:
    """Inflate as much as WINDOW at a time; 31 for gzip, which may hold several members, -15 for bare deflate.

    Raises DataError (KQ503) at the place where the data is damaged or ends too early, after all before it was given.
    """
    state = inflater.decompressobj(wbits)
    taken = given = 0
    for chunk in chunks:
        data = chunk
        taken += len(chunk)
        while data:
            if state.eof:
                data = data.lstrip(b"\0")  # padding
                if not data or wbits < 0:
                    break
                state = inflater.decompressobj(wbits)
            try:
                out = state.decompress(data, WINDOW)
                while out:
                    given += len(out)
                    if is_bomb(taken, given):
                        raise DataError(bomb_message(taken, given), code="KQ503")
                    yield out
                    full = len(out) == WINDOW and not state.eof
                    out = state.decompress(state.unconsumed_tail, WINDOW) if full else b""
            except INFLATE_ERRORS:
                raise DataError("the compressed data is damaged", code="KQ503") from None
            rest = state.unused_data if state.eof else state.unconsumed_tail
            if len(rest) >= len(data) and not state.eof:
                raise DataError("the compressed data is damaged", code="KQ503")
            data = rest
    if not state.eof:
        raise DataError("the compressed data ends too early", code="KQ503")


def is_bomb(packed: int, size: int) -> bool:
    """True for data that inflates to much, and as only data does that is made to fill the memory or the disk."""
    return size > _BOMB_SIZE and size > _BOMB_RATIO * max(1, packed)


def bomb_message(packed: int, size: int, kind: str = "label") -> str:
    """What to tell the owner of such data."""
    return f"inflates from {packed} bytes to {size}, which no {kind} does"


def foreign_encoding(head: bytes) -> str | None:
    """The encoding that the first bytes of a text speak of, if it is not UTF-8."""
    for mark, name in _ENCODINGS:
        if head.startswith(mark):
            return name
    if b"\0" not in head[:4]:
        return None
    return "UTF-32" if head[:4].count(0) == 3 else "UTF-16" if head[:4].count(0) == 2 else "binary data"


def encoding_message(name: str) -> str:
    """What to tell the owner of such a file."""
    return f"looks like {name}, and must be JSON in UTF-8"


def layout(head: bytes, *, lines: bool) -> Literal["lines", "values"] | None:
    """How a text is laid out: a value on each line, or a list or values over any lines; None: `head` is too short.

    `lines` says that the name of the file speaks for lines.
    """
    head = head.removeprefix(BOM).lstrip()
    if not head:
        return None
    if head[:1] == b"[" and not lines:
        return "values"
    first, newline, _ = head.partition(b"\n")
    if lines and head[:1] != b"[":
        return "values" if newline and first.rstrip() == b"{" else "lines"
    if not newline:
        return None if len(head) < _FIRST_LINE else "values"
    end = find_end(first, 0, closed=True)
    return "lines" if end.outcome == "found" and end.at == len(first) else "values"


def read_stream(
    chunks: Iterator[bytes], source: str, member: str | None = None, *,
    lines: bool = False, optional: bool = False, nested: int = 0,
) -> Iterator[Record | Problem]:  # fmt: skip
    """The records of a stream in any form: gzip or plain; a list, values, or a value on each line.

    `nested` is how often the stream was compressed.
    """
    head, form, broken = b"", None, None
    try:
        while form is None or len(head) < 4:
            chunk = next(chunks, None)
            if chunk is None:
                break
            head += chunk
            if head.startswith(GZIP):
                if nested == MAX_NESTED:
                    message = f"is compressed more than {MAX_NESTED} times, one gzip inside of the other"
                    yield Problem(message, Place(source, member), code="KQ503")
                    return
                inner = inflate(chain([head], chunks), 31)
                yield from read_stream(inner, source, member, lines=lines, optional=optional, nested=nested + 1)
                return
            form = layout(head, lines=lines)
    except DataError as error:
        broken = error
    if name := foreign_encoding(head):
        yield Problem(encoding_message(name), Place(source, member), optional)
        return
    text = head.removeprefix(BOM)
    rest = chain([text], _broken(broken) if broken else chunks)
    if form == "lines":
        yield from cut_lines(rest, source, member, optional=optional)
    else:
        yield from split(rest, source, member, offset=len(head) - len(text), optional=optional)


def read_whole(
    data: bytes, source: str, member: str | None = None, *, lines: bool, optional: bool
) -> Iterator[Record | Problem]:
    """`read_stream` of a text that is at hand. An optional one is mostly an asset as a whole: then no need to cut."""
    if optional and not lines and data[:64].lstrip()[:1] == b"{" and _looks_like_one(data):
        yield Record(data, Place(source, member), True)
    else:
        yield from read_stream(iter([data]), source, member, lines=lines, optional=optional)


def _looks_like_one(data: bytes) -> bool:
    """True if a text has the look of one object, by its line breaks. The texts of exports do; others are cut with care."""
    end = len(data.rstrip())
    if data.find(b"\n", 0, end) < 0:
        return data.find(b"}{", 0, end) < 0 and data.find(b"} {", 0, end) < 0
    return data.find(b"\n}", 0, end) == end - 2


def _broken(error: DataError) -> Iterator[bytes]:
    raise error
    yield b""


class LineCount:
    """How many lines were read, blank ones included."""

    __slots__ = ("lines",)

    def __init__(self, lines: int = 0) -> None:
        self.lines = lines


def cut_lines(
    chunks: Iterator[bytes], source: str, member: str | None = None, *,
    optional: bool = False, count: LineCount | None = None,
) -> Iterator[Record | Problem]:  # fmt: skip
    r"""The lines of a text that are not blank, each as a record. They end with \n or \r\n, the last one need not.

    `count` tells the number of the line before the first, and takes the number of the last.
    """
    for item in cut_blocks(chunks, source, member, optional=optional, count=count):
        if isinstance(item, Block):
            yield from item.records()
        else:
            yield item


def cut_blocks(
    chunks: Iterator[bytes], source: str, member: str | None = None, *,
    optional: bool = False, count: LineCount | None = None,
) -> Iterator[Record | Problem | Block]:  # fmt: skip
    """`cut_lines`, with all lines together that lie in one chunk; one that lies in several is a record."""
    count = count or LineCount()
    held: list[bytes] = []  # the pieces of a line that is not complete
    number, size = count.lines, 0
    try:
        for chunk in chunks:
            start, last = 0, chunk.rfind(b"\n") + 1
            if not last:
                held.append(chunk)
                size += len(chunk)
                if size > LARGEST:
                    where = Place(source, member, number + 1)
                    yield Problem(f"the line does not end within {LARGEST >> 20} MB", where)
                    return
                continue
            if size:
                start = chunk.find(b"\n") + 1
                held.append(chunk[: start - 1])
                number += 1
                line = b"".join(held)
                if not line.isspace():
                    yield Record(line, Place(source, member, number), optional)
            if last > start:
                block = Block(chunk, start, last, source, member, optional, number)
                yield block
                number += block.lines
            held = [chunk[last:]]
            size = len(held[0])
        if size:
            number += 1
            line = b"".join(held)
            if not line.isspace():
                yield Record(line, Place(source, member, number), optional)
    except DataError as error:
        yield Problem(error.message, Place(source, member, number + 1), code=error.code)
    finally:
        count.lines = number


def inflate_whole(data: bytes, size: int) -> bytes:
    """Bare deflate data that must give `size` bytes; one byte more is enough to see that it gives others.

    Raises zlib.error or its sibling of isal for damaged data.
    """
    if len(data) < 1 << 16:  # cannot give more than 66 MB: the way without a state is faster
        return inflater.decompress(data, -15, max(size, 1))
    state = inflater.decompressobj(-15)
    out = state.decompress(data, size + 1)
    return out if state.eof or len(out) > size else out + state.decompress(state.unconsumed_tail, 1)


crc32 = inflater.crc32
