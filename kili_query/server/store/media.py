"""Media of an export: files that lie beside its labels become files of the data folder."""

from __future__ import annotations

import mimetypes
import os
import secrets
from contextlib import suppress
from pathlib import Path

from sqlalchemy import Connection, delete, func, insert, select

from kili_query.errors import DataError
from kili_query.formats.containers.records import Place
from kili_query.offline.media import File, Origin
from kili_query.server.store import tables as t
from kili_query.server.store.timestamps import now

STORED = "kili-file:"
"""Begins the content of an asset whose file lies in the data folder; its id follows, which nobody guesses."""

LAYERS = "kili-layers:"
"""Begins the `jsonContent` of an image with layers: a JSON list follows that names files so."""


class Media:
    """The files of an export that its assets name as contents, such as `assets/car_1.jpg`."""

    def __init__(self, connection: Connection, folder: Path, export: str, project_id: str) -> None:
        self._connection = connection
        self._folder = folder
        self._export = export
        self._project_id = project_id
        self._written: list[Path] = []
        self._origin = Origin(export)

    def stored(self, content: str, where: Place) -> str:
        """The content of the record at a place, its file copied into the data folder; as it is, if there is no such file.

        Raises
        ------
        DataError: the file is damaged, or made to inflate beyond reason, or the disk is full.
        """
        file = self._find(content, where) if content and "://" not in content else None
        if file is None:
            return content
        name, file_id = _last_step(content), secrets.token_urlsafe(24)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        path = self._folder / file_id
        self._written.append(path)
        try:
            with open(path, "wb", opener=private) as copy:
                copy.writelines(file.chunks())
        except (OSError, DataError) as error:
            reason = error.message if isinstance(error, DataError) else error.strerror or error
            raise DataError(f"`{content}` cannot be copied: {reason}", code="KQ503", where=self._export) from None
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        row = {"id": file_id, "project_id": self._project_id, "content_type": kind, "name": name}
        self._connection.execute(insert(t.files), row)
        return STORED + file_id

    def same(self, stored: str, content: str) -> bool:
        """Whether a content of the export is what an asset has; of a file that was copied the name is known."""
        if not stored.startswith(STORED):
            return stored == content
        name = self._connection.scalar(select(t.files.c.name).where(t.files.c.id == stored.removeprefix(STORED)))
        return bool(name == _last_step(content))

    def close(self, *, discard: bool = False) -> None:
        """Leave the export; with `discard`, remove what was copied."""
        for path in self._written if discard else ():
            path.unlink(missing_ok=True)

    def _find(self, content: str, where: Place) -> File | None:
        file = self._origin.find(content, where)
        with suppress(OSError):  # a link that leads nowhere, or out of the export
            path = None if file is None or file.info else Path(file.path).resolve(strict=True)
            if path is None or (path.is_file() and path.is_relative_to(self._origin.base)):
                return file
        return None


def _last_step(content: str) -> str:
    return content.replace("\\", "/").rpartition("/")[2]


def private(path: str, flags: int) -> int:
    """Opens a file for its owner alone, if it makes one: an `opener` for `open`."""
    return os.open(path, flags, 0o600)


def is_over(end: str) -> bool:
    """Whether a moment is over."""
    return end < now()


def remove_expired(connection: Connection) -> list[str]:
    """Forget the files that no asset has taken in time; gives their ids."""
    old = delete(t.files).where(t.files.c.expires_at < now()).returning(t.files.c.id)
    return list(connection.scalars(old))


def first_end(connection: Connection) -> str | None:
    """When the first of the files goes that no asset has."""
    found: str | None = connection.scalar(select(func.min(t.files.c.expires_at)))
    return found


def remove_strays(connection: Connection, folder: Path) -> None:
    """Remove files that no row names: a loading or an upload was killed, or their asset was deleted."""
    if folder.is_dir():
        known = set(connection.scalars(select(t.files.c.id)))
        for name in set(os.listdir(folder)) - known:
            if not (folder / name).is_dir():  # that was put there by somebody else
                (folder / name).unlink()
