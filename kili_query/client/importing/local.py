"""Local files of an import: whether they are there, what they are, how large (asset-import.md 3, 5)."""

from __future__ import annotations

import os
import stat

from kili_query.client.importing.kinds import Kind, mime_type_of
from kili_query.errors import ImportValidationError, MimeTypeError

LARGE_FILE = 30 << 20
"""Bytes from which an image is cut into tiles by the server."""

LARGE_SIDE = 10_000
"""Pixels of a side from which it is."""

_TILED = frozenset(("image/tiff", "image/jp2", "application/vnd.nitf"))


class MissingFileError(ImportValidationError, FileNotFoundError):
    """A local file of an import is not there, or cannot be read."""

    def __init__(self, message: str) -> None:
        ImportValidationError.__init__(self, message)

    def __str__(self) -> str:
        return str(self.args[0])


def is_file(content: str) -> bool:
    """True if the text is the name of something on disk."""
    try:
        return os.path.exists(content)
    except (OSError, ValueError):  # too long for a name, or with a NUL
        return False


def check_file(path: str, kind: Kind, name: str) -> str:
    """The mime type of a file that is there, can be read, and suits the project.

    Raises
    ------
    MissingFileError: it is not there, no regular file, or cannot be read.
    MimeTypeError: it is of another kind.
    """
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):
            raise MissingFileError(f"{name}: {path} is a folder or a device, and must be a file")
        with open(path, "rb"):
            pass
    except MissingFileError:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise MissingFileError(f"{name}: the file {path} cannot be read: {reason}") from None
    mime = mime_type_of(path)
    if not kind.mime_types:
        return mime or "application/octet-stream"
    if mime is None:
        raise MimeTypeError(
            f"{name}: the name {path} does not end in what would say what it is, as in `{_example(kind)}`"
        )
    if mime not in kind.mime_types:
        raise MimeTypeError(
            f"{name}: {path} is {mime}, and a project of input type {kind.name} takes {', '.join(kind.mime_types)}"
        )
    return mime


def _example(kind: Kind) -> str:
    return f"name{kind.extensions[0]}" if kind.extensions else "name.bin"


def needs_tiles(path: str, mime: str) -> bool:
    """True for an image that browsers cannot show at once: it is large, of another kind, or says no size."""
    if mime in _TILED or os.path.getsize(path) >= LARGE_FILE:
        return True
    if mime in ("image/x-icon", "image/vnd.microsoft.icon", "image/svg+xml"):
        return False  # an icon has at most 256 pixels a side, and a drawing has none
    import imagesize

    try:
        width, height = imagesize.get(path)
    except Exception:  # whatever a broken header makes of a reader of headers
        return True
    return not 0 < width < LARGE_SIDE or not 0 < height < LARGE_SIDE
