"""The files of a dataset, wherever they lie: in a folder, in a zip archive, or one by itself."""

from __future__ import annotations

import io
import os
import posixpath
import zipfile
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import BinaryIO, Literal

from kili_query.errors import DataError
from kili_query.formats.containers.archive import directory, member_chunks, overlapping
from kili_query.formats.containers.streams import GZIP, ZIP, file_chunks, inflate, os_problem

IMAGES = (
    ".jpg",
    ".jpeg",
    ".png",
    ".bmp",
    ".gif",
    ".webp",
    ".tif",
    ".tiff",
    ".ico",
    ".jp2",
    ".heic",
    ".avif",
    ".dng",
    ".mpo",
    ".pfm",
)
_HEAD = 1 << 16
_LARGEST = 1 << 30  # bytes of a file that is read as a whole


class Store:
    """Names of files, with slashes, and what they hold. Small to pickle: names stay behind."""

    __slots__ = ("__weakref__", "_kept", "_names", "kind", "path")

    def __init__(self, path: str, kind: Literal["folder", "zip", "file"], names: tuple[str, ...] = ()) -> None:
        self.path, self.kind = path, kind
        self._names = names
        self._kept: str | None = None

    def __reduce__(self) -> tuple[type[Store], tuple[str, str]]:
        return Store, (self.path, self.kind)

    @property
    def names(self) -> tuple[str, ...]:
        """All files, in plain string order."""
        return self._names

    def where(self, name: str) -> tuple[str, str | None]:
        """How messages name a file: the source, and the member if it is an archive."""
        if self.kind == "zip":
            return self.path, name
        return (os.path.join(self.path, name) if self.kind == "folder" else self.path), None

    def read(self, name: str) -> bytes:
        """What a file holds, inflated if it is compressed with gzip.

        Raises
        ------
        DataError: it cannot be read (KQ503).
        """
        pieces, size = [], 0
        for chunk in self.chunks(name):
            size += len(chunk)
            if size > _LARGEST:
                raise DataError(f"is larger than {_LARGEST >> 20} MB", code="KQ503")
            pieces.append(chunk)
        return b"".join(pieces)

    def head(self, name: str, size: int = _HEAD) -> bytes:
        """The first bytes of a file; none if it cannot be read: who reads it tells why."""
        pieces, got = [], 0
        chunks = self.chunks(name, size)
        try:
            for chunk in chunks:
                pieces.append(chunk)
                got += len(chunk)
                if got >= size:
                    break
        except DataError:
            return b""
        return b"".join(pieces)[:size]

    def chunks(self, name: str, size: int = 1 << 20) -> Iterator[bytes]:
        """What a file holds, piece by piece."""
        try:
            if self.kind == "zip":
                info, shared = _members(self.path)[name]
                yield from member_chunks(self.path, info, shared=shared)
                return
            with open(self._file(name), "rb", buffering=0) as file:
                head = file.read(len(GZIP))
                file.seek(0)
                chunks = file_chunks(file, size)
                yield from inflate(chunks, 31) if head == GZIP else chunks
        except OSError as error:
            raise os_problem(error, "") from None
        except KeyError:
            raise DataError("is not in the archive any more", code="KQ503") from None

    def plain(self, name: str) -> str:
        """The path of a file whose bytes are not compressed; what is, is laid out in a temporary folder first."""
        if self.kind != "zip":
            with open(self._file(name), "rb") as file:
                if file.read(len(GZIP)) != GZIP:
                    return self._file(name)
        if self._kept is None:
            from shutil import rmtree
            from tempfile import mkdtemp
            from weakref import finalize

            self._kept = mkdtemp(prefix="kili-query-")
            finalize(
                self, rmtree, self._kept, ignore_errors=True
            )  # when no part needs it any more, or the process ends
        path = os.path.join(self._kept, f"{len(os.listdir(self._kept))}.json")
        with open(path, "wb") as file:
            file.writelines(self.chunks(name))
        return path

    def image_size(self, name: str) -> tuple[int, int] | None:
        """Width and height of a picture, by its first bytes."""
        import imagesize

        try:
            found = imagesize.get(self._file(name) if self.kind != "zip" else io.BytesIO(self.head(name)))
        except (OSError, ValueError, KeyError, IndexError, OverflowError, DataError):
            return None
        except Exception as error:
            if type(error).__name__ not in ("error", "UnboundLocalError", "TypeError", "ParseError"):
                raise
            return None
        width, height = found
        return (int(width), int(height)) if width > 0 and height > 0 else None

    def size(self, name: str) -> int:
        """Bytes of a file, as far as that is known."""
        if self.kind == "zip":
            return _members(self.path)[name][0].file_size
        try:
            return os.path.getsize(self._file(name))
        except OSError:
            return 0

    def _file(self, name: str) -> str:
        return os.path.join(self.path, name) if self.kind == "folder" else self.path


def open_store(path: str) -> Store:
    """The files of a folder, an archive, or one by itself. Hidden files, and those of systems, are left out.

    Raises
    ------
    DataError: it cannot be read (KQ503).
    """
    _members.cache_clear()
    for kind in ("folder", "zip", "file"):
        _known.pop((path, kind), None)
    try:
        if os.path.isdir(path):
            return Store(path, "folder", tuple(sorted(_walk(path))))
        with open(path, "rb") as file:
            head: BinaryIO | bytes = file.read(4)
    except OSError as error:
        raise os_problem(error, path) from None
    if head != ZIP:
        return Store(path, "file", (os.path.basename(path),))
    return Store(path, "zip", tuple(sorted(name for name in _members(path) if not _hidden(name))))


@lru_cache(maxsize=4)
def _members(path: str) -> dict[str, tuple[zipfile.ZipInfo, bool]]:
    infos = directory(path, path)
    shared = overlapping(infos)
    return {
        info.filename.replace("\\", "/"): (info, info.header_offset in shared) for info in infos if not info.is_dir()
    }


def folder_store(path: str, names: Iterable[str]) -> Store:
    """The files of a folder, where their names are known."""
    _known.pop((path, "folder"), None)
    return Store(path, "folder", tuple(sorted(name for name in names if not _hidden(name))))


def _walk(folder: str) -> Iterator[str]:
    for place, folders, files in os.walk(folder, onerror=_raise):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__MACOSX"]
        below = os.path.relpath(place, folder).replace(os.sep, "/")
        for name in files:
            if not name.startswith("."):
                yield name if below == "." else f"{below}/{name}"


def _hidden(name: str) -> bool:
    parts = name.split("/")
    return (
        any(part.startswith(".") and part not in (".", "..") for part in parts) or "__MACOSX" in parts or ".." in parts
    )


def _raise(error: OSError) -> None:
    raise error


def is_image(name: str) -> bool:
    """True for a file that is called as a picture."""
    return name.lower().endswith(IMAGES)


def stem(name: str) -> str:
    """The name without its folders and its ending.

    >>> stem("images/a.b.jpg")
    'a.b'
    """
    return posixpath.splitext(posixpath.basename(name))[0]


def pictures(store: Store) -> dict[str, list[str]]:
    """The pictures of a dataset by their names without folders; looked for once in each process."""
    key = store.path, store.kind
    if key not in _known:
        found: dict[str, list[str]] = {}
        for name in store.names or open_store(store.path).names:
            if is_image(name):
                found.setdefault(posixpath.basename(name), []).append(name)
        _known[key] = found
    return _known[key]


_known: dict[tuple[str, str], dict[str, list[str]]] = {}
