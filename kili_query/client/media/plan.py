"""Which files the media of an asset are, and what becomes of the asset when they are there (exports.md 3.1)."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

from kili_query.client.media.names import Name, Names
from kili_query.client.media.refusals import MissingPropertyError, UnsupportedMediaError
from kili_query.client.types import Row
from kili_query.client.wire.answers import without_query
from kili_query.errors import ApiError
from kili_query.lang.wording import listed

CONTENT, JSON_CONTENT = "content", "jsonContent"

NEEDED = (CONTENT, "externalId")
"""The fields without which nothing can be downloaded."""


class Missing(NamedTuple):
    """A file that could not be downloaded."""

    external_id: str
    field: str
    """The field of the asset that holds, or leads to, its address: `content` or `jsonContent`."""
    address: str
    """Without what stands behind `?`, where signed addresses keep their secrets."""
    reason: str

    def __str__(self) -> str:
        return f"`{self.external_id}`: {self.reason}"


class File(NamedTuple):
    """A file to download: whose it is, where it lies, and what it will be called."""

    asset: Asset
    field: str
    frame: int | None
    url: str
    name: Name


@dataclass(eq=False)
class Asset:
    """An asset whose media are on their way."""

    row: Row
    number: int
    pending: int = 0
    """Files that are not there yet."""
    files: dict[str, Path] = field(default_factory=dict)
    """The files that are there, by the fields that named them."""
    frames: list[Path] = field(default_factory=list)
    """The frames of a video, in their order, once all are there."""
    missing: list[Missing] = field(default_factory=list)

    @property
    def external_id(self) -> str:
        """What it is called."""
        return str(self.row.get("externalId") or "")

    def put(self, file: File, path: Path) -> None:
        """A file is there."""
        self.pending -= 1
        if file.frame is None:
            self.files[file.field] = path
            self.row[file.field] = str(path)
        else:
            self.frames[file.frame] = path
            if not self.pending and not self.missing:
                self.row[JSON_CONTENT] = [str(frame) for frame in self.frames]

    def lose(self, field: str, url: str, reason: str, files: int = 1) -> None:
        """A file, or what would name files, cannot be had; the address stays in the asset."""
        self.pending -= files
        self.missing.append(Missing(self.external_id, field, without_query(url), reason))


def require_fields(fields: Iterable[str]) -> None:
    """Refuse fields that leave out what media are found and named by.

    Raises
    ------
    MissingPropertyError: they do.
    """
    asked = set(fields)
    if lacking := [name for name in NEEDED if name not in asked]:
        raise MissingPropertyError("fields", f"lacks {listed(lacking)}, which the download of media needs")


def with_json_content(fields: Sequence[str], input_type: str | None) -> Sequence[str]:
    """The fields to ask for: with `jsonContent` where it says of what an asset consists."""
    if input_type in ("TEXT", "VIDEO") and JSON_CONTENT not in fields:
        return [JSON_CONTENT, *fields]
    return fields


def leads_to_json(row: Row, input_type: str | None) -> str | None:
    """The address of what must be read before the files of an asset are known; None if there is none.

    Raises
    ------
    UnsupportedMediaError: nobody knows what lies behind `jsonContent` in projects of this type.
    """
    url = row.get(JSON_CONTENT)
    if not is_address(url) or input_type in ("TEXT", "GEOSPATIAL"):
        return None
    if input_type not in ("VIDEO", "IMAGE"):
        raise UnsupportedMediaError(
            f"`jsonContent` of `{row.get('externalId')}` is an address, which cannot be downloaded in a project of type {input_type}"
        )
    return url


def files_of(asset: Asset, input_type: str | None, read: Any, names: Names) -> Iterator[File]:
    """The files of an asset, each with the name that it will have; fills in what is known without them.

    Parameters
    ----------
    read: what lies behind `jsonContent`, or the error that it is, where `leads_to_json` gave an address.

    Raises
    ------
    ValueError: it is no list of frames.
    """
    row = asset.row
    content, json_content = row.get(CONTENT), row.get(JSON_CONTENT)
    described = is_address(json_content)
    if described and input_type == "GEOSPATIAL":
        return
    if described and isinstance(read, ApiError):
        asset.lose(JSON_CONTENT, str(json_content), read.message, files=0)
    if described and input_type == "VIDEO":
        if isinstance(read, ApiError):
            return
        urls = frames_in(read)
        asset.frames, width = [Path()] * len(urls), len(str(len(urls)))
        if not urls:
            row[JSON_CONTENT] = []
        for place, url in enumerate(urls):
            tail = f"_{place + 1:0{width}}.jpg"
            yield File(
                asset, JSON_CONTENT, place, url, names.reserve(asset.external_id, asset.number, JSON_CONTENT, tail)
            )
        return
    if described and input_type == "IMAGE" and not isinstance(read, ApiError):
        row[JSON_CONTENT] = read
    for name, value in ((CONTENT, content), (JSON_CONTENT, json_content if input_type == "TEXT" else None)):
        if is_address(value):
            yield File(asset, name, None, value, names.reserve(asset.external_id, asset.number, name))


def frames_in(value: Any) -> list[str]:
    """The addresses of frames in the order of their numbers.

    Raises
    ------
    ValueError: it is no object of numbers and addresses, nor a list of addresses.

    >>> frames_in({"10": "https://a.test/10", "2": "https://a.test/2"})
    ['https://a.test/2', 'https://a.test/10']
    """
    if isinstance(value, Mapping):
        if not all(re.fullmatch(r"\d{1,18}", key, re.ASCII) for key in value):
            raise ValueError("lie no frames by their numbers")
        value = [value[key] for key in sorted(value, key=int)]
    if not isinstance(value, list) or not all(isinstance(url, str) for url in value):
        raise ValueError("lie no addresses of frames")
    return value


def is_address(value: Any) -> TypeGuard[str]:
    """True for an address of the web; a text that is content itself is none."""
    return isinstance(value, str) and value[:8].lower().startswith(("http://", "https://"))


class Queue:
    """Assets on their way, which leave in the order in which they came."""

    def __init__(self) -> None:
        self._assets: deque[Asset] = deque()

    def __len__(self) -> int:
        return len(self._assets)

    def add(self, asset: Asset) -> None:
        """Another asset."""
        self._assets.append(asset)

    def ready(self) -> Iterator[Asset]:
        """Those in front that wait for nothing any more."""
        while self._assets and not self._assets[0].pending:
            yield self._assets.popleft()


def reason_of(error: ApiError | OSError | ValueError) -> str:
    """Why a file could not be downloaded, in a few words."""
    if isinstance(error, ApiError):
        return str(error.message)
    if isinstance(error, OSError):
        return f"it cannot be written: {error.strerror or error}"
    return str(error)
