"""Bodies of answers: inflated as they come in, and given up when they become larger than any honest one."""

from __future__ import annotations

import zlib

ACCEPTED = "gzip, deflate"
"""How answers may be compressed: only what `Body` inflates piece by piece, so that its size is known at any time."""

_COMPRESSED = frozenset(("gzip", "x-gzip", "deflate"))
_EITHER = 32 + zlib.MAX_WBITS
"""Tells zlib to look at the first bytes: a header of gzip, or one of zlib."""


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
        self._compressed = bool(named)
        self._inflater: zlib._Decompress | None = None

    def add(self, piece: bytes) -> None:
        """Take the next piece.

        Raises
        ------
        TooLargeError: the body becomes larger than it may be.
        UnreadableError: it is not what its encoding says.
        """
        if not self._compressed:
            self._grow(piece)
            return
        if self._inflater is None and piece:
            # deflate comes with a header of zlib, or, from some servers, without any
            headed = piece[0] == 0x1F or (
                piece[0] & 0x0F == 8 and len(piece) > 1 and (piece[0] << 8 | piece[1]) % 31 == 0
            )
            self._inflater = zlib.decompressobj(_EITHER if headed else -zlib.MAX_WBITS)
        try:
            while piece and self._inflater is not None and not self._inflater.eof:
                self._grow(self._inflater.decompress(piece, 1 << 20))
                piece = self._inflater.unconsumed_tail
        except zlib.error:
            raise UnreadableError from None

    def _grow(self, piece: bytes) -> None:
        if len(self.content) + len(piece) > self._most:
            self.content.clear()
            raise TooLargeError
        self.content += piece
