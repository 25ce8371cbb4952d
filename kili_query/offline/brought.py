"""The media of exports on disk, brought along when their labels become a dataset: one asset's at a time."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kili_query.formats.containers.records import Place
from kili_query.formats.frames import with_frames
from kili_query.formats.images import Media
from kili_query.formats.names import safe_name
from kili_query.offline.media import File, Origin

FOLDERS = ("assets", "images", "data")
"""Where exports have their media."""


class Brought:
    """Finds the media that records name, in the sources that the records come from.

    What lies in an archive is copied to a temporary folder, which goes when the asset is written.
    """

    def __init__(self, sources: Sequence[str | os.PathLike[str]]) -> None:
        self._sources = [path for source in sources if (path := os.fspath(source)) != "-"]
        self._origins: dict[str, Origin] = {}
        self.files = 0
        """Media that came along."""
        self.elsewhere = 0
        """Assets whose media are no part of the export, but lie behind addresses."""

    @contextmanager
    def of(self, asset: Mapping[str, Any], where: Place, *, cut: bool) -> Iterator[tuple[Media | None, list[str]]]:
        """The media of an asset, None if it has none here, and the names of those that the export lacks.

        Parameters
        ----------
        cut: of a film without frames these are cut.

        Raises
        ------
        DataError: a file cannot be read, or the library that cuts films is missing (KQ503).
        """
        content, frames, text = _names_in(asset)
        origin = self._origin(where)
        found: dict[str, File | None] = {}
        if "content" not in asset and "jsonContent" not in asset and origin is not None:
            picture = origin.picture(str(asset.get("externalId") or ""))  # datasets of other formats name no media
            if picture is not None:
                content = picture.name
                found[content] = picture
        if content is None and not frames and text is None:
            self.elsewhere += bool(asset.get("content"))
            yield None, []
            return
        for name in (content, *frames, text):
            if name is not None and name not in found:
                found[name] = origin.find(name, where) if origin else None
        missing = [name for name, file in found.items() if file is None]
        if missing:
            yield None, missing
            return
        with tempfile.TemporaryDirectory(prefix="kili_query-") as place:
            paths = {
                name: _on_disk(file, Path(place, str(number)))
                for number, (name, file) in enumerate(found.items())
                if file is not None
            }
            self.files += len(paths)
            media = Media(_of(paths, content), tuple(paths[name] for name in frames), _of(paths, text))
            if cut and media.file is not None and not media.frames:
                media = with_frames(media, asset, Path(place, "frames"))
            yield media, []

    @property
    def has_pictures(self) -> bool:
        """True if a source holds files that are pictures."""
        return any(Origin(source).has_pictures for source in self._sources)

    def _origin(self, where: Place) -> Origin | None:
        source = next((s for s in self._sources if where.source == s or _is_below(where.source, s)), None)
        if source is None:  # a dataset may be named by a file of it, such as `data.yaml`
            source = next((s for s in self._sources if _is_below(where.source, os.path.dirname(s) or ".")), None)
        if source is None:
            return None
        if source not in self._origins:
            self._origins = {source: Origin(source)}  # sources are read one after another
        return self._origins[source]


def _is_below(path: str, folder: str) -> bool:
    return (
        os.path.join(os.path.normpath(path), "").startswith(os.path.join(os.path.normpath(folder), "")) or folder == "."
    )


def _names_in(asset: Mapping[str, Any]) -> tuple[str | None, list[str], str | None]:
    """The files of its export that an asset names: its content, its frames, and its rich text."""
    content, more = asset.get("content"), asset.get("jsonContent")
    frames = more if isinstance(more, list) and more and all(map(_is_name, more)) else []
    return content if _is_name(content) else None, list(frames), more if _is_name(more) else None


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value.replace("\\", "/").removeprefix("./").split("/")[0] in FOLDERS


def _of(paths: Mapping[str, Path], name: str | None) -> Path | None:
    return None if name is None else paths[name]


def _on_disk(file: File, folder: Path) -> Path:
    """The file, or a copy of what lies in an archive."""
    if file.info is None:
        return Path(file.path)
    folder.mkdir()
    path = folder / safe_name(file.name.rpartition("/")[2])
    with path.open("wb") as copy:
        copy.writelines(file.chunks())
    return path
