"""Bodies of answers: inflated as they come in, and given up when they become larger than any honest one."""

from __future__ import annotations

import zlib

ACCEPTED = "gzip, deflate"
"""How answers may be compressed: only what `Body` inflates piece by piece, so that its size is known at any time."""

_COMPRESSED = frozenset(("gzip", "x-gzip", "deflate"))
_EITHER = 32 + zlib.MAX_WBITS
"""Tells zlib to look at the first bytes: a header of gzip, or one of zlib."""

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
        self._inflater = zlib.decompressobj(_EITHER) if named else None

    def add(self, piece: bytes) -> None:
        """Take the next piece.

        Raises
        ------
        TooLargeError: the body becomes larger than it may be.
        UnreadableError: it is not what its encoding says.
        """
        inflater = self._inflater
        if inflater is None:
            self._grow(piece)
            return
        try:
            while not inflater.eof:
                inflated = inflater.decompress(piece, _STEP)
                self._grow(inflated)
                piece = inflater.unconsumed_tail
                if not piece and len(inflated) < _STEP:
                    break
        except zlib.error:
            raise UnreadableError from None

    def _grow(self, piece: bytes) -> None:
        if len(self.content) + len(piece) > self._most:
            self.content.clear()
            raise TooLargeError
        self.content += piece
