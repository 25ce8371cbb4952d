"""The download folder of a call: which files it writes, and its report of changed names and missing files."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

from kili_query.client.media.names import Names
from kili_query.client.media.plan import JSON_CONTENT, Asset, File, Missing, files_of, leads_to_json
from kili_query.client.messages import warn
from kili_query.client.progress import bytes_bar
from kili_query.client.types import Row
from kili_query.errors import ArgumentError, DownloadError

SHOWN = 5
"""Missing files, or changed names, that a message names."""


def default_folder(project_id: str) -> Path:
    """Where media of a project go that are given no folder."""
    return Path.home() / ".cache" / "kili" / "projects" / project_id / "assets"


class MediaFolder:
    """The media of one call.

    Parameters
    ----------
    folder: where they go.
    input_type: that of the project, which says what `jsonContent` is.
    project_id: the project, for the record of whose files these are.
    recorded: keep that record in the folder: not in one that is new and will be an archive.
    added: the field `jsonContent` was not asked for, and is left out where no asset of a page has any.
    hidden: as `disable_tqdm`, for a bar that counts bytes.

    Raises
    ------
    ArgumentError: the folder cannot be made.
    """

    def __init__(
        self,
        folder: str | Path,
        input_type: str | None,
        project_id: str,
        *,
        recorded: bool = True,
        added: bool = False,
        hidden: bool | None = True,
    ) -> None:
        self.input_type = input_type
        try:
            self.names = Names(Path(folder).expanduser().absolute(), project_id, recorded=recorded)
        except (OSError, RuntimeError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise ArgumentError("local_media_dir", f"is `{folder}`, which cannot be a folder: {why}") from None
        self.stays = recorded
        """Whether what is whole stays after a failure."""
        self.missing: list[Missing] = []
        """What could not be downloaded, so far."""
        self.empty: list[str] = []
        """External ids of assets with a file that holds nothing."""
        self.pages: list[str] = []
        """External ids of assets with a web page where a picture, a film or a PDF is meant."""
        self.meter = Meter(hidden)
        self._added = added
        self._told = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, KeyboardInterrupt) and self.stays:
            error.add_note(f"what is whole is in {self.names.folder}, and the same call goes on from there")
        self.meter.close()
        self.names.close()

    def look_at(self, rows: Sequence[Row]) -> None:
        """Leave `jsonContent` out of the rows of a page, if nobody asked for it and all are empty.

        Raises
        ------
        UnsupportedMediaError: nobody knows what one of them consists of.
        """
        for row in rows:
            leads_to_json(row, self.input_type)
        if not self._added:
            return
        if any(row.get(JSON_CONTENT) for row in rows):
            if not self._told:
                warn("assets of this project have a `jsonContent`, which is given too: it says what their media are")
            self._told = True
        else:
            for row in rows:
                row.pop(JSON_CONTENT, None)

    def asset(self, row: Row) -> Asset:
        """An asset whose files are to come."""
        return Asset(row, self.names.begin(str(row.get("externalId") or "")))

    def files(self, asset: Asset, read: Any) -> Iterable[File]:
        """The files of an asset, which waits for them from now on.

        Parameters
        ----------
        read: what lies behind its `jsonContent`, or the error that it is, where `leads_to_json` gave an address.
        """
        try:
            files = list(files_of(asset, self.input_type, read, self.names))
        except ValueError as error:
            asset.lose(JSON_CONTENT, str(asset.row[JSON_CONTENT]), f"behind `jsonContent` {error}", files=0)
            return ()
        asset.pending = len(files)
        return files

    def tell(self, done: Sequence[Row] = ()) -> None:
        """Tell of names that had to be others, and of what is missing.

        Raises
        ------
        DownloadError: something is.
        """
        if changed := self.names.changed:
            told = "; ".join(f"`{asset}`: `{name}`" for asset, name in list(changed.items())[:SHOWN])
            warn(
                f"{len(changed):,} media have other names than their external ids, as files of other assets have those"
                f" ({told}{_more(changed, SHOWN)})"
            )
        self.tell_odd()
        if self.missing:
            told = "; ".join(map(str, self.missing[:SHOWN]))
            error = DownloadError(
                f"{len(self.missing):,} files could not be downloaded, and all others are in {self.names.folder}: "
                f"{told}{_more(self.missing, SHOWN)}. The same call downloads only what is missing",
                operation="download",
            )
            error.missing = tuple(self.missing)
            error.done = list(done)
            raise error

    def tell_odd(self) -> None:
        """Tell of files that hold nothing, or a web page."""
        for assets, what in ((self.empty, "empty files"), (self.pages, "web pages, such as ask for a password")):
            if assets:
                told = ", ".join(f"`{asset}`" for asset in assets[:SHOWN])
                warn(f"{len(assets):,} media are {what}: {told}{_more(assets, SHOWN)}")


def _more(things: Sequence[Any] | dict[str, str], shown: int) -> str:
    return f"; and {len(things) - shown:,} more" if len(things) > shown else ""


class Meter:
    """A progress bar of bytes, updated from several threads."""

    def __init__(self, hidden: bool | None) -> None:
        self._bar = bytes_bar("media", hidden)
        self._lock = threading.Lock()
        self.bytes = 0
        """Bytes that have come."""

    def expect(self, number: int) -> None:
        """So many bytes more are to come."""
        with self._lock:
            if self._bar is not None and number:
                self._bar.total += number
                self._bar.refresh()

    def arrive(self, number: int) -> None:
        """So many have come."""
        with self._lock:
            self.bytes += number
            if self._bar is not None:
                self._bar.update(number)

    def close(self) -> None:
        """The end of the bar."""
        if self._bar is not None:
            self._bar.close()
