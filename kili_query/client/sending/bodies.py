"""Bodies of answers: inflated as they come in, and given up when they become larger than any honest one."""

from __future__ import annotations

import zlib

ACCEPTED = "gzip, deflate"
"""How answers may be compressed: only what `Body` inflates piece by piece, so that its size is known at any time."""

_COMPRESSED = frozenset(("gzip", "x-gzip", "deflate"))
_EITHER = 32 + zlib.MAX_WBITS
"""Tells zlib to look at the first bytes: a header of gzip, or one of zlib."""

_GZIP = b"\x1f\x8b"
"""Begins a member of gzip; there may be several."""

_STEP = 1 << 20
"""Bytes that are inflated before it is asked again whether they are too many."""


class BodyError(Exception):
    """A body cannot be taken."""


class TooLargeError(BodyError):
    """A body is larger than it may be."""


class UnreadableError(BodyError):
    """A body cannot be inflated."""


class Body:
    """The body of an answer, piece by piece.

    Parameters
    ----------
    encoding: the header `Content-Encoding`; what is none of `ACCEPTED` is taken as it is.
    most: the bytes that it may have, once inflated.
    """

    def __init__(self, encoding: str, most: int) -> None:
        named = [name for name in encoding.lower().replace(" ", "").split(",") if name in _COMPRESSED]
        if len(named) > 1:
            raise UnreadableError
        self.content = bytearray()
        self._most = most
        self._left = most + (most >> 4) + (1 << 16)  # of the bytes that come: what cannot be compressed becomes longer
        self._behind, self._ended = b"", False
        self._inflater = zlib.decompressobj(_EITHER) if named else None

    @property
    def is_packed(self) -> bool:
        """Whether it comes compressed."""
        return self._inflater is not None

    def add(self, piece: bytes) -> None:
        """Take the next piece.

        Raises
        ------
        TooLargeError: the body becomes larger than it may be.
        UnreadableError: it is not what its encoding says.
        """
        self._left -= len(piece)
        if self._left < 0:  # what inflates to nothing, or follows the end, may go on for ever
            raise TooLargeError
        if self._inflater is None:
            self._grow(piece)
            return
        try:
            while piece and not self._ended:
                piece = self._inflate(self._inflater, piece)
        except zlib.error:
            raise UnreadableError from None

    def _inflate(self, inflater: zlib._Decompress, piece: bytes) -> bytes:
        """Inflate a piece, and give what is left of it when a member of gzip ends: another may follow, or padding."""
        if inflater.eof:
            piece = self._behind + piece
            self._behind = piece if piece == _GZIP[:1] else b""
            self._ended = not (piece.startswith(_GZIP) or self._behind)
            if self._ended or self._behind:
                return b""
            inflater = self._inflater = zlib.decompressobj(_EITHER)
        while True:
            inflated = inflater.decompress(piece, _STEP)
            self._grow(inflated)
            piece = inflater.unconsumed_tail
            if inflater.eof:
                return inflater.unused_data
            if not piece and len(inflated) < _STEP:
                return b""

    def _grow(self, piece: bytes) -> None:
        if len(self.content) + len(piece) > self._most:
            self.content.clear()
            raise TooLargeError
        self.content += piece
