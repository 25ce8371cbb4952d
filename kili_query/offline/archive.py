"""An export archive of what was selected, with the media and other files of the assets."""

from __future__ import annotations

import json
import re
import sqlite3
import tempfile
import time
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import groupby
from typing import BinaryIO

from kili_query.errors import DataError
from kili_query.formats.names import temporary
from kili_query.model.labels import AssetIds
from kili_query.model.pieces import indented
from kili_query.offline.media import README, File, Origin, leads_out, media_names
from kili_query.offline.select import Hit
from kili_query.offline.write import Order

_NOT_IN_NAMES = re.compile(r"[ \\\x00-\x1f\x7f\ud800-\udfff]")
_LONGEST_NAME = 1000  # characters of an id that name a member; an archive has room for 65535 bytes
_HELD = 16 << 20
"""A file up to so many bytes is read once and held; a larger one is read twice, to see first that it can be read."""
_MAX_TOLD = 1_000


class ArchiveWriter:
    """Writes `labels/<external id>.json` for each asset, or one `data.json` if the sources have that.

    Files that belong to a kept asset (media below `assets/`, files that answer FILE jobs) come along. Labels by
    themselves wait to the end: all those of an asset go into one member.
    """

    unnamed = without_rows = 0

    def __init__(self, file: BinaryIO, order: Order) -> None:
        self.left_out = 0
        self.reasons: list[DataError] = []
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED)
        self._origins = [Origin(source) for source in order.sources]
        self._used: dict[str, File | None] = {}
        self._records = 0
        self._waiting: _Waiting | None = None
        self._list: BinaryIO | None = None
        try:
            if any(origin.single for origin in self._origins):
                self._list = tempfile.TemporaryFile()  # noqa: SIM115 - an archive takes one member at a time
            else:
                self._zip.mkdir("labels")
            self._zip.writestr(README, _readme(self._origins, order.query))
        except BaseException:
            self.abandon()
            raise

    def write(self, hit: Hit) -> None:
        """Write an asset and its files, or keep a label by itself for the end."""
        if hit.label is not None and hit.label.key == "label":
            message = "a conversation has no place in an export archive; `--format ndjson` keeps it as it is"
            raise DataError(message, code="KQ503", where=str(hit.where))
        if hit.label is not None and not hit.label.key:
            self._waiting = self._waiting or _Waiting()
            self._waiting.add((hit.external_id, hit.asset_id), hit.data)
            return
        origin = next((origin for origin in self._origins if origin.holds(hit)), None)
        data = indented(hit.data)
        self._put(origin.label_member(hit) if origin else None, hit.asset, [data], len(data))
        for file in origin.files_of(hit) if origin else media_names(hit.data):
            if isinstance(file, str):
                self._leave_out(f"{hit.where.source}: {file}", _reason(file))
            else:
                self._copy(file, hit.where.source)

    def close(self) -> None:
        """Write the labels that wait, and what comes after the last hit; the file itself stays open."""
        with temporary():
            for ids, labels in self._waiting.assets() if self._waiting else ():
                self._put(None, ids[0] or ids[1] or None, _asset_of(ids, labels))
        if self._list:
            self._list.write(b"\n]\n" if self._records else b"[]\n")
            self._list.seek(0)
            with self._zip.open("data.json", "w", force_zip64=True) as member:
                while chunk := self._list.read(1 << 20):
                    member.write(chunk)
        self._zip.close()
        self.abandon()

    def abandon(self) -> None:
        """Let go of everything, after a failure or at the end: what was written and not closed is worth nothing."""
        with suppress(OSError, ValueError):  # a full disk is full once more, and would speak up from ZipFile.__del__
            self._zip.close()
        if self._list:
            self._list.close()
        if self._waiting:
            self._waiting.close()

    def _put(self, member: str | None, asset: str | None, pieces: Iterable[bytes], size: int | None = None) -> None:
        """Write the JSON text of an asset, which comes in pieces, of `size` bytes in all if that is known."""
        self._records += 1
        if self._list:
            self._list.write(b"[\n" if self._records == 1 else b",\n")
            self._list.writelines(pieces)
            return
        info = self._new(self._name(member, asset), size or 0)
        with self._zip.open(info, "w", force_zip64=size is None) as file:
            for piece in pieces:
                file.write(piece)

    def _name(self, member: str | None, asset: str | None) -> str:
        """The member for an asset: as in its own archive, or by its id, or by a number; no name twice."""
        if member is None and asset is None:
            member = f"labels/record_{self._records:06}.json"
        elif member is None:
            named = _NOT_IN_NAMES.sub("_", str(asset)[:_LONGEST_NAME])
            steps = (step if step.strip(".") else "_" for step in named.split("/"))
            member = f"labels/{'/'.join(step or '_' for step in steps)}.json"
        name, number = member, 1
        while name in self._used:
            number += 1
            name = f"{member.removesuffix('.json')}_{number}.json"
        self._used[name] = None
        return name

    def _new(self, name: str, size: int = 0, method: int = zipfile.ZIP_DEFLATED) -> zipfile.ZipInfo:
        info = zipfile.ZipInfo(name, time.localtime()[:6])
        info.compress_type, info.file_size, info.external_attr = method, size, 0o600 << 16
        return info

    def _copy(self, file: File, source: str) -> None:
        """Put a file of a source into the archive, unless it cannot be read or another has its name."""
        try:
            file.name.encode()
            if file.name in self._used:
                other = self._used[file.name]
                if other is None or other.sum != file.sum:
                    self._leave_out(f"{source}: {file.name}", "another file has this name")
                return
            size, held = 0, list[bytes]()
            for chunk in file.chunks():
                size += len(chunk)
                held.append(chunk)
                if size > _HELD:
                    held.clear()
            stored = file.info is not None and file.info.compress_type == zipfile.ZIP_STORED
        except DataError as error:
            self._leave_out(f"{source}: {file.name}", error.message)
            return
        except UnicodeError:
            self._leave_out(f"{source}: {file.name}", "its name is no Unicode text")
            return
        self._used[file.name] = file
        info = self._new(file.name, size, zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED)
        with self._zip.open(info, "w") as member:
            for chunk in held if size <= _HELD else file.chunks():
                member.write(chunk)

    def _leave_out(self, where: str, reason: str) -> None:
        self.left_out += 1
        if len(self.reasons) < _MAX_TOLD:
            self.reasons.append(DataError(reason, code="KQ503", where=where))


class _Waiting:
    """Labels by themselves, on disk until all have come: those of one asset may stand far apart in the input."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)  # a file that is gone when it is closed
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("CREATE TABLE asset (number INTEGER PRIMARY KEY, ids TEXT, UNIQUE (ids))")
        self._db.execute("CREATE TABLE label (asset INTEGER, data BLOB)")

    def add(self, ids: AssetIds, data: bytes) -> None:
        """Keep a label. One that names no asset is alone in its own."""
        key = json.dumps(ids) if any(ids) else None
        with temporary():
            found = self._db.execute("SELECT number FROM asset WHERE ids = ?", [key]).fetchone()
            number = found[0] if found else self._db.execute("INSERT INTO asset (ids) VALUES (?)", [key]).lastrowid
            self._db.execute("INSERT INTO label VALUES (?, ?)", [number, data])

    def assets(self) -> Iterator[tuple[AssetIds, Iterator[bytes]]]:
        """The assets in the order of their first labels, each with its labels in the order of the input."""
        self._db.execute("CREATE INDEX of_asset ON label (asset)")
        rows = self._db.execute(
            "SELECT number, ids, data FROM asset JOIN label ON asset = number ORDER BY asset, label.rowid"
        )
        for (_, ids), group in groupby(rows, lambda row: row[:2]):
            external_id, asset_id = json.loads(ids) if ids else (None, None)
            yield (external_id, asset_id), (data for _, _, data in group)

    def close(self) -> None:
        """Let go of the labels."""
        self._db.close()


def _asset_of(ids: AssetIds, labels: Iterable[bytes]) -> Iterator[bytes]:
    """The JSON text of an asset around labels that stood by themselves."""
    external_id, asset_id = (json.dumps(name).encode() for name in ids)
    before = b'{\n    "externalId": %b,\n    "id": %b,\n    "labels": [\n' % (external_id, asset_id)
    for label in labels:
        yield before + indented(label)
        before = b",\n"
    yield b"\n    ]\n}"


def _reason(name: str) -> str:
    return "leads out of the export" if leads_out(name) else "is not there"


def _readme(origins: list[Origin], query: str) -> str:
    kept = next((text for origin in origins if (text := origin.readme())), None)
    head = kept.rstrip("\n") if kept else "Labels of Kili\n==============\n\n- Exported format: raw"
    return f"{head}\n- Filtered by kili_query: {query}\n"
