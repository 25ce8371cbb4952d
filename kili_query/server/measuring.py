"""What files say of themselves: the resolution of pictures, the sizes of pages, the duration of films and sounds.

Files come from strangers. What cannot be read is not known, which is no error: the asset is there without it.
"""

from __future__ import annotations

import logging
import mimetypes
from pathlib import Path
from time import monotonic
from typing import Any, BinaryIO

from kili_query.server.films import measured_film

logging.getLogger("pypdf").addHandler(logging.NullHandler())  # what it finds strange about a file

MOST_PAGES = 5_000
"""The most pages whose sizes are kept."""

PATIENCE = 5.0
"""Seconds that the pages of a document may take."""

_MAPS = ("application/vnd.nitf",)
_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"NITF", b"NSIF", b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")
"""How TIFF, BigTIFF, NITF and JPEG 2000 begin, whose resolution may not be found."""


def measured(path: Path, kind: str) -> dict[str, Any]:
    """What is known of a file of a content type, by the names of the columns of assets."""
    try:
        if kind.startswith("image/") or kind in _MAPS:
            return _picture(path)
        if kind == "application/pdf":
            return _document(path)
        if kind.startswith("video/"):
            with path.open("rb") as file:
                return measured_film(file)
        if kind.startswith("audio/"):
            return _sound(path, kind)
    except (Exception, RecursionError):  # whatever a library makes of a strange file
        pass
    return {}


def is_picture(path: Path) -> bool:
    """Whether a file begins as one of the formats that are cut into tiles, or is a picture of the usual ones."""
    try:
        with path.open("rb") as file:
            head = file.read(16)
        return head.startswith(_HEADS) or bool(_picture(path))
    except (Exception, RecursionError):
        return False


def picture_size(file: BinaryIO) -> dict[str, Any]:
    """What is known of a picture in a file that is open."""
    try:
        return _sized(file)
    except (Exception, RecursionError):
        return {}


def _picture(path: Path) -> dict[str, Any]:
    return _sized(str(path))


def _sized(file: BinaryIO | str) -> dict[str, Any]:
    import imagesize

    width, height = imagesize.get(file)
    known = width > 0 and height > 0
    return {"resolution": {"width": int(width), "height": int(height)}} if known else {}


def _document(path: Path) -> dict[str, Any]:
    """The pages, in points of which an inch has 72."""
    from pypdf import PdfReader

    pages, until = [], monotonic() + PATIENCE
    with path.open("rb") as file:
        for number, page in enumerate(PdfReader(file).pages, 1):
            if number > MOST_PAGES or monotonic() > until:
                return {}
            box = page.mediabox
            size = {"width": float(box.width), "height": float(box.height)}
            pages.append({"pageNumber": number, **size, "rotation": int(page.rotation or 0)})
    return {"page_resolutions": pages} if pages else {}


def _sound(path: Path, kind: str) -> dict[str, Any]:
    from tinytag import TinyTag

    name = f"x{mimetypes.guess_extension(kind) or ''}"
    with path.open("rb") as file:
        duration = TinyTag.get(filename=name, file_obj=file, tags=False).duration
    return {"duration": float(duration)} if duration and 0 < duration < 1e9 else {}
