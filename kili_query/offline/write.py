"""Write what was selected: NDJSON, a JSON list, CSV, ids, or a new export archive. A file appears whole or not at all."""

from __future__ import annotations

import csv
import io
import os
import re
import stat
import tempfile
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

from kili_query.errors import DataError
from kili_query.model.decoding import decode_json, encode_json
from kili_query.model.labels import is_record
from kili_query.model.pieces import indented, list_of, object_of
from kili_query.offline.select import Hit

_NOT_IN_NAMES = re.compile(r"[ \\\x00-\x1f\x7f\ud800-\udfff]")
_LONGEST_NAME = 1000  # characters of an id that name a member; an archive has room for 65535 bytes


@contextmanager
def whole_file(path: str) -> Iterator[BinaryIO]:
    """A file to write, put in its place by a rename once all is written; until then an older file stays.

    Raises
    ------
    DataError: the file cannot be written (KQ503): no such folder, no permission, a full disk.
    """
    target = os.path.realpath(path)
    try:
        if os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode):
            if os.path.isdir(path):
                raise DataError("cannot be written: it is a folder", code="KQ503", where=path)
            with open(path, "wb") as device:  # a pipe or a device is not replaced
                yield device
            return
        mode = stat.S_IMODE(os.stat(target).st_mode) if os.path.exists(target) else 0o666 & ~_umask()
        number, beside = tempfile.mkstemp(
            prefix=f".{os.path.basename(target)}.", suffix=".tmp", dir=os.path.dirname(target)
        )
        try:
            with open(number, "w+b") as file:
                yield file
                file.flush()
                os.fsync(number)
            os.chmod(beside, mode)
            os.replace(beside, target)
        except BaseException:  # Ctrl-C too leaves nothing behind
            os.unlink(beside)
            raise
    except BrokenPipeError:
        raise
    except OSError as error:
        raise DataError(f"cannot be written: {error.strerror or error}", code="KQ503", where=path) from None


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


class Writer(ABC):
    """Takes hits one by one and writes them to a file."""

    @abstractmethod
    def write(self, hit: Hit) -> None:
        """Write one hit."""

    @abstractmethod
    def close(self) -> None:
        """Write what comes after the last hit; the file itself stays open."""

    @abstractmethod
    def abandon(self) -> None:
        """Let go of everything, after a failure or at the end: what was written and not closed is worth nothing."""


def writer(format: str, file: BinaryIO, *, query: str = "", sources: tuple[str, ...] = ()) -> Writer:
    """The writer of a format.

    Parameters
    ----------
    format: one of `formats.WRITTEN`.
    file: where to write; an archive needs one that can seek.
    query, sources: the canonical query, and where the hits come from: an archive tells the one and copies files of the other.
    """
    if format == "zip":
        return _ZipWriter(file, query, sources)
    return {"ndjson": _LineWriter, "json": _ListWriter, "csv": _CsvWriter, "ids": _IdWriter}[format](file)


class _LineWriter(Writer):
    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, hit: Hit) -> None:
        self._file.write(hit.data + b"\n")

    def close(self) -> None:
        pass

    def abandon(self) -> None:
        pass


class _ListWriter(_LineWriter):
    _before = b"[\n"

    def write(self, hit: Hit) -> None:
        self._file.write(self._before + hit.data)
        self._before = b",\n"

    def close(self) -> None:
        self._file.write(b"\n]\n" if self._before == b",\n" else b"[]\n")


class _CsvWriter(_LineWriter):
    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self._row(["externalId", "id", "label"])

    def write(self, hit: Hit) -> None:
        label = f"{hit.label.key}[{hit.label.position}]" if hit.label and hit.label.key not in ("", "label") else ""
        self._row([hit.external_id or "", hit.asset_id or "", label])

    def _row(self, cells: list[str]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(cells)
        self._file.write(text.getvalue().encode(errors="surrogatepass"))


class _IdWriter(_LineWriter):
    def write(self, hit: Hit) -> None:
        self._file.write(hit.asset.replace("\n", " ").encode(errors="surrogatepass") + b"\n")


class _ZipWriter(Writer):
    """An export archive: `labels/<external id>.json` for each asset, or one `data.json` if the sources have that.

    Files that belong to a kept asset (media below `assets/`, files that answer FILE jobs) come along.
    """

    def __init__(self, file: BinaryIO, query: str, sources: tuple[str, ...]) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED)
        self._origins = [_Origin(source) for source in sources]
        self._single = any(origin.single for origin in self._origins)
        self._used: set[str] = set()
        self._list: BinaryIO | None = None
        if self._single:
            self._list = tempfile.TemporaryFile()  # noqa: SIM115 - an archive takes one member at a time
            self._items = _ListWriter(self._list)
        try:
            if not self._single:
                self._zip.mkdir("labels")
            self._zip.writestr("README.kili.txt", _readme(self._origins, query))
        except BaseException:
            self.abandon()
            raise

    def write(self, hit: Hit) -> None:
        if hit.label is not None and hit.label.key == "label":
            message = "a conversation has no place in an export archive; `--format ndjson` keeps it as it is"
            raise DataError(message, code="KQ503", where=str(hit.where))
        data = hit.data
        if hit.label is not None and not hit.label.key:  # a label by itself needs an asset around it
            ids = {"externalId": encode_json(hit.external_id), "id": encode_json(hit.asset_id)}
            data = object_of({**ids, "labels": list_of([data])})
        if self._list:
            self._items.write(hit._replace(data=indented(data)))
        else:
            self._zip.writestr(self._name(hit), indented(data))
        for origin in self._origins:
            if hit.where.source == origin.source or hit.where.source.startswith(os.path.join(origin.source, "")):
                for name in origin.files_of(hit):
                    if name not in self._used:
                        self._used.add(name)
                        origin.copy(name, self._zip)

    def close(self) -> None:
        if self._list:
            self._items.close()
            self._list.seek(0)
            with self._zip.open("data.json", "w", force_zip64=True) as member:
                while chunk := self._list.read(1 << 20):
                    member.write(chunk)
        self._zip.close()
        self.abandon()

    def abandon(self) -> None:
        with suppress(OSError, ValueError):  # a full disk is full once more, and would speak up from ZipFile.__del__
            self._zip.close()
        if self._list:
            self._list.close()
        for origin in self._origins:
            origin.close()

    def _name(self, hit: Hit) -> str:
        """The member for an asset: as in its own archive, or by its external id; no name twice."""
        member = hit.where.member
        if member is None or not member.startswith("labels/"):
            asset = _NOT_IN_NAMES.sub("_", hit.asset[:_LONGEST_NAME])
            steps = (step if step.strip(".") else "_" for step in asset.split("/"))
            member = f"labels/{'/'.join(step or '_' for step in steps)}.json"
        name, number = member, 1
        while name in self._used:
            number += 1
            name = f"{member.removesuffix('.json')}_{number}.json"
        self._used.add(name)
        return name


class _Origin:
    """A source of hits, and the other files that it holds."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._zip: zipfile.ZipFile | None = None
        with suppress(OSError, ValueError, NotImplementedError, zipfile.BadZipFile):  # the reader tells what is wrong
            if os.path.isfile(source):  # a pipe would be emptied
                self._zip = zipfile.ZipFile(source) if zipfile.is_zipfile(source) else None
        self._names = set(self._zip.namelist()) if self._zip else set()
        self._folders: dict[str, list[str]] = {}
        for name in sorted(self._names):
            if name.startswith("labels/") and not name.endswith("/"):
                self._folders.setdefault(name.rpartition("/")[0], []).append(name)
        self.single = "data.json" in self._names or os.path.isfile(os.path.join(source, "data.json"))

    def readme(self) -> str | None:
        """The README of the export, if it has one."""
        return self._read("README.kili.txt").decode(errors="replace") if self._has("README.kili.txt") else None

    def files_of(self, hit: Hit) -> Iterator[str]:
        """Names of the files that belong to an asset."""
        if not (self._zip or os.path.isdir(self.source)):
            return
        asset: Any = decode_json(hit.data)
        frames = asset.get("jsonContent") if isinstance(asset, dict) else None
        for name in [asset.get("content"), *(frames if isinstance(frames, list) else [])]:
            if isinstance(name, str) and name.startswith("assets/") and ".." not in name and self._has(name):
                yield name
        member = hit.where.member or ""
        if not member.startswith("labels/"):  # of a `data.json`, or of a folder
            member = f"labels/{hit.asset.replace(' ', '_')}.json"
        yield from self._answers(member.removesuffix(".json"))

    def _answers(self, folder: str) -> Iterator[str]:
        """The files right in `labels/<external id>/`, but for those of other assets, whose ids begin with this one."""
        if ".." in folder.split("/"):
            return
        if not self._zip:
            at = os.path.join(self.source, folder)
            names = sorted(f"{folder}/{name}" for name in os.listdir(at)) if os.path.isdir(at) else []
        else:
            names = self._folders.get(folder, [])
        for name in names:
            if self._has(name) and not (name.endswith(".json") and _holds_labels(self._read(name))):
                yield name

    def copy(self, name: str, target: zipfile.ZipFile) -> None:
        """Put a file of this source into an archive, as it is."""
        target.writestr(name, self._read(name))

    def close(self) -> None:
        if self._zip:
            self._zip.close()

    def _has(self, name: str) -> bool:
        return name in self._names if self._zip else os.path.isfile(os.path.join(self.source, name))

    def _read(self, name: str) -> bytes:
        if self._zip:
            return self._zip.read(name)
        with open(os.path.join(self.source, name), "rb") as file:
            return file.read()


def _holds_labels(data: bytes) -> bool:
    try:
        return is_record(decode_json(data))
    except DataError:
        return False


def _readme(origins: list[_Origin], query: str) -> str:
    kept = next((text for origin in origins if (text := origin.readme())), None)
    head = kept.rstrip("\n") if kept else "Labels of Kili\n==============\n\n- Exported format: raw"
    return f"{head}\n- Filtered by kili_query: {query}\n"
