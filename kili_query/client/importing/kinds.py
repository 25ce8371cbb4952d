"""Input types and the files they take: a row for each (asset-import.md 2)."""

from __future__ import annotations

import mimetypes
import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_URL = re.compile(r"https?://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Kind:
    """An input type that can be imported."""

    name: str
    extensions: tuple[str, ...]
    """Endings of file names that are taken, lower case; none given: any."""
    mime_types: tuple[str, ...]
    """What local files may be; none given: not looked at."""
    tiled: str | None = None
    """How images too large for a browser are imported: the upload type of the asynchronous route."""


_IMAGES = ("image/jp2", "image/jpeg", "image/png", "image/bmp", "image/gif", "image/webp", "image/x-icon",
           "image/vnd.microsoft.icon", "image/tiff", "image/svg+xml", "image/avif", "image/apng",
           "application/vnd.nitf")  # fmt: skip
_VIDEOS = ("video/mp4", "video/x-matroska", "video/3gpp", "video/x-msvideo", "video/x-m4v", "video/quicktime",
           "video/webm")  # fmt: skip

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("IMAGE", (".bmp", ".gif", ".ico", ".jp2", ".jpeg", ".jpg", ".nitf", ".ntf", ".png", ".tif", ".tiff", ".webp"),
             _IMAGES, "TILED_IMAGE"),
        Kind("GEOSPATIAL", (".jp2", ".nitf", ".ntf", ".r0", ".tif", ".tiff"),
             ("application/vnd.nitf", "image/jp2", "image/tiff"), "GEO_SATELLITE"),
        Kind("VIDEO", (".3gp", ".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm"), _VIDEOS),
        Kind("VIDEO_LEGACY", (), ()),
        Kind("PDF", (".pdf",), ()),
        Kind("TEXT", (".csv", ".txt"), ("text/plain",)),
        Kind("LLM_RLHF", (".json",), ("application/json",)),
        Kind("AUDIO", (".flac", ".mp3", ".mp4", ".wav"), ("audio/x-flac", "audio/flac", "audio/mpeg", "audio/x-wav",
                                                          "audio/wav", "video/mp4")),
    )
}  # fmt: skip

_OWN_TYPES = {".jp2": "image/jp2", ".ntf": "application/vnd.nitf", ".nitf": "application/vnd.nitf",
              ".r0": "application/vnd.nitf"}  # fmt: skip


def is_url(content: object) -> bool:
    """True for an address of the web; in any letter case.

    >>> is_url("HTTPS://a.example/b.png"), is_url("b.png")
    (True, False)
    """
    return isinstance(content, str) and _URL.match(content) is not None


def suffix_of(content: str) -> str:
    """The ending of a file's name, or of an address's path, in lower case.

    >>> suffix_of("https://a.example/b.PNG?size=3"), suffix_of("folder.d/file")
    ('.png', '')
    """
    name = urlsplit(content).path if is_url(content) else content
    return os.path.splitext(name)[1].lower()


def mime_type_of(path: str) -> str | None:
    """What a file is by its name; contents are not looked at, by Kili neither.

    >>> mime_type_of("SCAN.JP2"), mime_type_of("words.txt"), mime_type_of("noext")
    ('image/jp2', 'text/plain', None)
    """
    suffix = os.path.splitext(path)[1].lower()
    return _OWN_TYPES.get(suffix) or mimetypes.guess_type("file" + suffix)[0]
