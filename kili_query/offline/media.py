"""The files that belong to assets in an export: media and frames below `assets/`, and answers to FILE jobs."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property

import msgspec

from kili_query.errors import DataError
from kili_query.formats.containers.archive import member_chunks, overlapping
from kili_query.formats.containers.records import Place
from kili_query.formats.containers.streams import file_chunks, os_problem
from kili_query.model.labels import is_record
from kili_query.model.pieces import fields_of
from kili_query.model.spelling import normalized
from kili_query.offline.select import Hit

README = "README.kili.txt"

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ico", ".jp2", ".avif")
"""How the names of pictures end."""


@dataclass(frozen=True)
class File:
    """A file of an export: what it is called below the root of the export, and where it is."""

    name: str
    path: str
    """The file, or the archive that holds it."""
    info: zipfile.ZipInfo | None = None
    shared: bool = False
    """Its bytes belong to another member of its archive, too."""

    def chunks(self) -> Iterator[bytes]:
        """The content, a piece at a time.

        Raises
        ------
        DataError: it cannot be read, is damaged, or is made to inflate beyond reason (KQ503).
        """
        if self.info:
            yield from member_chunks(self.path, self.info, shared=self.shared)
            return
        try:
            with open(self.path, "rb") as file:
                yield from file_chunks(file)
        except OSError as error:
            raise os_problem(error, "") from None

    def below(self, root: int) -> File:
        """The same file, of an export whose root is so many folders deep."""
        return replace(self, name="/".join(_steps(self.name)[root:]))

    @cached_property
    def sum(self) -> tuple[int, int]:
        """Size and checksum, to compare it with another."""
        if self.info:
            return self.info.file_size, self.info.CRC
        size = crc = 0
        for chunk in self.chunks():
            size, crc = size + len(chunk), zlib.crc32(chunk, crc)
        return size, crc


class Origin:
    """A source of hits, and the other files that it holds."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._infos: list[zipfile.ZipInfo] | None = None
        self._shared: set[int] = set()
        with suppress(OSError, ValueError, NotImplementedError, zipfile.BadZipFile):  # the reader tells what is wrong
            if os.path.isfile(source) and zipfile.is_zipfile(source):  # a pipe would be emptied
                with zipfile.ZipFile(source) as archive:
                    self._infos = [info for info in archive.infolist() if not info.is_dir()]
                    self._shared = overlapping(archive.infolist())
        self._base, whole = os.path.abspath(source), os.path.isdir(source)
        if not whole:
            self._base = os.path.dirname(self._base)
        if os.path.basename(self._base) == "labels":
            self._base, whole = os.path.dirname(self._base), False
        # around a file, or a folder `labels`, only these are parts of its export
        self._tops = [""] if whole else ["assets", "labels", "images", "data"]

    def holds(self, hit: Hit) -> bool:
        """True if the hit comes from this source."""
        return hit.where.source == self.source or hit.where.source.startswith(os.path.join(self.source, ""))

    @property
    def base(self) -> str:
        """The folder, all links followed, that holds all files of a source that is no archive."""
        return os.path.realpath(self._base)

    @property
    def single(self) -> bool:
        """True for an export that has all its assets in one `data.json`."""
        if self._infos is None:
            return os.path.isfile(os.path.join(self.source, "data.json"))
        return any(steps[-1] == "data.json" and "labels" not in steps for steps in map(_steps, self._by_name))

    @property
    def files(self) -> Mapping[str, File]:
        """All its files, by their names from its top; around a file only those that belong to an export."""
        return self._by_name

    def readme(self) -> str | None:
        """The README of the export, if it has one."""
        names = [README] if self._infos is None else [n for n in self._by_name if _steps(n)[-1] == README]
        found = File(README, os.path.join(self._base, README)) if self._infos is None else None
        with suppress(DataError):
            for name in names:
                return b"".join((found or self._by_name[name]).chunks()).decode(errors="replace")
        return None

    def label_member(self, hit: Hit) -> str | None:
        """The member of an archive for an asset, below the root of its export; None if it has none of its own."""
        steps = _steps(hit.where.member or "")
        return "/".join(steps[steps.index("labels") :]) if "labels" in steps[:-1] else None

    def files_of(self, hit: Hit) -> Iterator[File | str]:
        """The files of an asset; of one that it names and that is not here, only the name."""
        for name in media_names(hit.data):
            yield self.find(name, hit.where) or name
        yield from self._answers(hit)

    def find(self, name: str, where: Place) -> File | None:
        """The file that a record at a place calls by a name; None if it is not there, or leads out of the export."""
        steps = [] if leads_out(name) else _steps(name)
        found = (self._find([*root, *steps], len(root)) for root in self._roots(self._at(where)) if steps)
        return next((file for file in found if file), None)

    def _at(self, where: Place) -> list[str]:
        """The steps from the top of the source to the file that holds a record."""
        return _steps(where.member or os.path.relpath(os.path.abspath(where.source), self._base))

    @staticmethod
    def _roots(at: list[str]) -> list[list[str]]:
        """The folders that can be the root of the export of a file, the likeliest first."""
        return [*(at[:number] for number, step in enumerate(at[:-1]) if step == "labels"), at[:-1], []]

    def _answers(self, hit: Hit) -> Iterator[File]:
        """The files right in `labels/<external id>/`, but for those of other assets, whose ids begin with this one."""
        at = self._at(hit.where)
        roots = self._roots(at)
        if "labels" in at[:-1]:
            folders = [(roots[0], [*at[:-1], at[-1].removesuffix(".json")])]
        else:  # of a `data.json`, or of any other file
            asset = _steps((hit.asset or "").replace(" ", "_"))
            folders = [(root, [*root, "labels", *asset]) for root in roots] if asset else []
        for root, folder in folders:
            found = [] if ".." in folder else self._in_folders.get(_tidy(folder), [])
            for file in found:
                if not (file.name.endswith(".json") and _holds_labels(file)):
                    yield file.below(len(root))
            if found:
                return

    def _find(self, steps: list[str], root: int) -> File | None:
        exact = self._by_name.get("/".join(steps))
        file = exact or self._by_tidy_name.get(_tidy(steps))
        return file.below(root) if file else None

    @cached_property
    def _by_name(self) -> dict[str, File]:
        """All files by their names, from the top of the source."""
        if self._infos is not None:
            return {
                (name := _slashed(_spoken(info))): File(name, self.source, info, info.header_offset in self._shared)
                for info in self._infos
            }
        found = {}
        for top in self._tops:
            for place, folders, names in os.walk(os.path.join(self._base, top)):
                folders[:] = [name for name in folders if not name.startswith(".")]
                for name in names:
                    path = os.path.join(place, name)
                    below = _slashed(os.path.relpath(path, self._base))
                    found[below] = File(below, path)
        return found

    def picture(self, external_id: str) -> File | None:
        """The one picture that an asset is called by, with its folders or without; None if there is none, or several."""
        wanted = _tidy(_steps(external_id))
        found = [
            file for file in self._pictures.get(wanted.rpartition("/")[2], ())
            if f"/{_tidy(_steps(file.name))}".endswith(f"/{wanted}")
        ]  # fmt: skip
        return found[0] if len(found) == 1 else None

    @property
    def has_pictures(self) -> bool:
        """True if there are files that are pictures."""
        return bool(self._pictures)

    @cached_property
    def _pictures(self) -> dict[str, list[File]]:
        """The files that are pictures, by their names without folders."""
        found: dict[str, list[File]] = {}
        for name, file in self._by_name.items():
            if name.lower().endswith(PICTURES):
                found.setdefault(_tidy(_steps(name)[-1:]), []).append(file)
        return found

    @cached_property
    def _by_tidy_name(self) -> dict[str, File]:
        return {_tidy(_steps(name)): file for name, file in self._by_name.items()}

    @cached_property
    def _in_folders(self) -> dict[str, list[File]]:
        """The files below `labels/`, by the folder they are in; not those that are right in it."""
        folders: dict[str, list[File]] = {}
        for name in sorted(self._by_name):
            steps = _steps(name)
            if "labels" in steps[:-2]:
                folders.setdefault(_tidy(steps[:-1]), []).append(self._by_name[name])
        return folders


def media_names(data: bytes) -> list[str]:
    """The media that an asset names as files of its export: `content`, and the frames of `jsonContent`."""
    fields = fields_of(data)
    content, frames = (_value(fields.get(key)) for key in ("content", "jsonContent"))
    names = [content, *(frames if isinstance(frames, list) else [frames])]
    return list(dict.fromkeys(n for n in names if isinstance(n, str) and _steps(n)[:1] == ["assets"]))


def _value(text: bytes | None) -> object:
    try:
        return None if text is None else msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError):  # names no file
        return None


def _slashed(name: str) -> str:
    """A name with slashes between its steps: exports that were made on Windows have backslashes."""
    return name.replace("\\", "/")


def _steps(name: str) -> list[str]:
    return [step for step in _slashed(name).split("/") if step not in ("", ".")]


def leads_out(name: str) -> bool:
    """True for a name one of whose steps is `..`; dots inside a step are a part of its name."""
    return ".." in _steps(name)


def _tidy(steps: list[str]) -> str:
    """A path in one Unicode form: a Mac takes names apart (`e` and an accent) that others write as one character."""
    return normalized("NFC", "/".join(steps))


def _spoken(info: zipfile.ZipInfo) -> str:
    """The name of a member. A Mac writes UTF-8 without saying so, and it is read as cp437 then."""
    if info.flag_bits & 0x800:
        return info.filename
    try:
        return info.filename.encode("cp437").decode()
    except UnicodeError:
        return info.filename


def _holds_labels(file: File) -> bool:
    try:
        return is_record(fields_of(b"".join(file.chunks())))
    except (DataError, ValueError, TypeError, AttributeError, RecursionError):
        return False
