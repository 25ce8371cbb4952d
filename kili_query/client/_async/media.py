"""Media: the files behind the addresses in assets, downloaded in parallel, with a report of what is missing."""

from __future__ import annotations

import errno
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from functools import partial
from typing import Any

from kili_query.client._async.concurrency import as_done, in_order
from kili_query.client._async.session import DOWNLOADS_AHEAD, AsyncSession
from kili_query.client.media.folder import MediaFolder
from kili_query.client.media.names import is_there
from kili_query.client.media.part import Part
from kili_query.client.media.plan import Asset, File, Queue, leads_to_json, reason_of
from kili_query.client.operations.projects import CONNECTIONS
from kili_query.client.types import Row
from kili_query.client.wire.calls import Call
from kili_query.errors import ApiError, DataError

FILES_AT_ONCE = 16
"""Files that are downloaded at once."""

LONGEST_QUEUE = 500
"""Assets that may wait for one before them, such as a long video."""

DESCRIBED_AT_ONCE = 10
"""Assets whose descriptions are in memory at once: the frames of a long video are some megabytes of addresses."""

_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO))
"""What no other file would fare better with."""


class AsyncMedia(AsyncSession):
    """What methods that download media share."""

    async def _is_connected(self, project_id: str, call: Call) -> bool:
        """Whether the assets of a project lie in a storage that is connected to it."""
        return await self._execute(CONNECTIONS.asking(where={"id": project_id}, first=1, skip=0), call)

    async def _with_media(
        self, pages: AsyncGenerator[list[Row]], media: MediaFolder, call: Call
    ) -> AsyncGenerator[Asset]:
        """The assets of pages in their order, each as soon as its files are there, with paths in place of addresses.

        What cannot be downloaded stays an address, and stands in `media.missing`.

        Raises
        ------
        UnsupportedMediaError: an asset consists of what nobody knows how to download.
        DataError: the disk is full, or cannot be written (KQ503).
        """
        queue = Queue()
        async with aclosing(as_done(self._fetches(pages, media, queue, call), FILES_AT_ONCE)) as ended:
            async for settle in ended:
                if settle is not None:
                    settle()
                for asset in queue.ready():
                    media.missing += asset.missing
                    yield asset
        for asset in queue.ready():
            media.missing += asset.missing
            yield asset

    async def _fetches(
        self, pages: AsyncGenerator[list[Row]], media: MediaFolder, queue: Queue, call: Call
    ) -> AsyncGenerator[Callable[[], Awaitable[Callable[[], None]]] | None]:
        """The downloads of all files, as they can be begun; None while the queue is long, and behind each page."""
        async with aclosing(pages):
            async for rows in pages:
                media.look_at(rows)
                for start in range(0, len(rows), DESCRIBED_AT_ONCE):
                    for asset, read in await self._described(rows[start : start + DESCRIBED_AT_ONCE], media, call):
                        queue.add(asset)
                        for file in media.files(asset, read):
                            while len(queue) > LONGEST_QUEUE:
                                yield None
                            yield partial(self._fetch_file, file, media, call)
                yield None

    async def _described(self, rows: Iterable[Row], media: MediaFolder, call: Call) -> list[tuple[Asset, Any]]:
        """Assets, with what lies behind those of their addresses that lead to files only."""
        assets = [(media.asset(row), leads_to_json(row, media.input_type)) for row in rows]
        calls = [partial(self._read, url, call) for _, url in assets if url is not None]
        found: list[Any] = []
        async with aclosing(in_order(calls, DOWNLOADS_AHEAD)) as contents:
            async for content in contents:
                found.append(content)
        waiting = iter(found)
        return [(asset, None if url is None else next(waiting)) for asset, url in assets]

    async def _read(self, url: str, call: Call) -> Any:
        """What lies behind an address; the error that it is."""
        try:
            return await self._transport.download(url, call)
        except ApiError as error:
            return error

    async def _fetch_file(self, file: File, media: MediaFolder, call: Call) -> Callable[[], None]:
        """Download a file, unless it is there; gives what is to be done with its asset in turn.

        Raises
        ------
        DataError: the disk is full, or cannot be written (KQ503).
        """
        there = media.names.known(file.name)
        if there is not None:
            return partial(file.asset.put, file, there)
        part = Part(media.names.part(file.name), partial(media.names.finish, file.name), media.names.enter)
        part.expected, part.arrived = media.meter.expect, media.meter.arrive
        part.kept = partial(media.names.note, file.name)
        try:
            path = await self._transport.save(file.url, part, call)
        except ApiError as error:
            return partial(file.asset.lose, file.field, file.url, error.message)
        except OSError as error:
            if error.errno in _FULL:
                where = str(media.names.folder / file.name.text)
                stays = "; what is whole stays" if media.stays else ""
                raise DataError(f"cannot be written: {error.strerror}{stays}", code="KQ503", where=where) from None
            return partial(file.asset.lose, file.field, file.url, reason_of(error))
        if not part.size and not is_there(path):
            media.empty.append(file.asset.external_id)
        elif part.is_page and media.input_type != "TEXT":
            media.pages.append(file.asset.external_id)
        return partial(file.asset.put, file, path)
