"""Uploads: files that come to signed addresses, streamed to the disk; there as a whole, or not at all."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import secrets
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from contextlib import suppress
from pathlib import Path
from typing import IO

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from kili_query.server import bucket
from kili_query.server.bodies import PATIENCE, encoding_of
from kili_query.server.bucket import Bucket
from kili_query.server.measuring import measured
from kili_query.server.store import tables as t
from kili_query.server.store.media import private, remove_expired
from kili_query.server.store.moments import after
from kili_query.server.store.store import FILES, Store

MAX_UPLOAD = 32 << 30
"""The largest file, in bytes."""

KEPT_FOR = 24 * 3600
"""Seconds that a file is kept which no asset has as its content."""

_PART = 1 << 20
"""Bytes that are written at once."""

_DRAINED = 1 << 30
"""Bytes of a refused file that are taken in all the same: most clients read an answer when they have sent all."""


class Uploads:
    """Takes in files; writes them with `files`, and what the database says of them with `writer`."""

    def __init__(self, store: Store, signer: Bucket, files: Executor, writer: Executor, max_bytes: int) -> None:
        self._store = store
        self._bucket = signer
        self._files = files
        self._writer = writer
        self._max = max_bytes

    async def put(self, request: Request) -> Response:
        """Take in the file of a request.

        Raises
        ------
        HTTPException: the address is not signed, or no longer; the file is too large, too slow, or cannot be written.
        ClientDisconnect: it has ended early.
        """
        path = request.path_params["path"]
        file_id = self._bucket.opened(path, request.query_params)
        if file_id is None:
            raise HTTPException(403, "the address of the upload is not signed here, or its time is over")
        body = _chunks(request)
        try:
            self._check_head(request)
            await self._take(body, file_id, path, request)
        except HTTPException:
            await _drain(body)
            raise
        return Response(status_code=200)

    async def _take(self, body: AsyncIterator[bytes], file_id: str, path: str, request: Request) -> None:
        loop, folder = asyncio.get_running_loop(), self._store.folder / FILES
        part = folder / f"{file_id}.{secrets.token_hex(4)}.part"
        kind = request.headers.get("content-type", "application/octet-stream")
        try:
            file = await loop.run_in_executor(self._files, _begun, part)
            try:
                await self._write(body, file, _declared(request))
                facts = await loop.run_in_executor(self._files, self._finish, file, part, kind)
            finally:
                file.close()
            await loop.run_in_executor(self._writer, self._keep, part, file_id, path, kind, facts)
        except OSError as error:
            raise _unwritten(error) from None
        finally:
            await asyncio.shield(loop.run_in_executor(self._files, _gone, part))

    async def _write(self, body: AsyncIterator[bytes], file: IO[bytes], declared: int | None) -> None:
        loop, size, held = asyncio.get_running_loop(), 0, bytearray()
        async for chunk in body:
            size += len(chunk)
            if size > self._max:
                raise self._too_large()
            held += chunk
            if len(held) >= _PART:
                await loop.run_in_executor(self._files, file.write, held)
                held = bytearray()
        if declared is not None and size != declared:
            raise HTTPException(400, f"the file has {size:,} bytes, and `Content-Length` says {declared:,}")
        await loop.run_in_executor(self._files, file.write, held)

    def _finish(self, file: IO[bytes], part: Path, kind: str) -> str | None:
        """See the file onto the disk; gives what it says of itself."""
        file.flush()
        if self._store.durable:
            os.fsync(file.fileno())
        file.close()
        facts = measured(part, kind.partition(";")[0].strip().lower())
        return json.dumps(facts) if facts else None

    def _keep(self, part: Path, file_id: str, path: str, kind: str, facts: str | None) -> None:
        """Give the file its name, and the database its row: both or neither, and the stray of a crash goes at the start."""
        place = bucket.Path.read(path)
        with self._store.writing() as connection:
            known = connection.execute(select(t.files).where(t.files.c.id == file_id)).first()
            asset = _asset(connection, place)
            if known is not None and known.expires_at is None and place.answered_asset is None:
                raise HTTPException(409, "the file is the content of an asset already; a new address takes another")
            row = {"project_id": place.project_id, "content_type": kind, "facts": facts, "asset_id": asset}
            row["expires_at"] = None if asset is not None else after(KEPT_FOR)
            changed = insert(t.files).values(id=file_id, name=place.rest[-1], **row)
            connection.execute(changed.on_conflict_do_update(index_elements=["id"], set_=row))
            gone = remove_expired(connection)
            os.replace(part, self._store.folder / FILES / file_id)
            if self._store.durable:
                _see_names(part.parent)
        self._store.discard(gone)

    def _check_head(self, request: Request) -> None:
        encoding = encoding_of(request)
        if encoding != "identity":
            raise HTTPException(415, f"a file is sent as it is, and this is `{encoding}`")
        if (_declared(request) or 0) > self._max:
            raise self._too_large()

    def _too_large(self) -> HTTPException:
        return HTTPException(413, f"a file has at most {self._max:,} bytes; `LocalKili(max_upload=...)` allows more")


def _asset(connection: Connection, place: bucket.Path) -> int | None:
    """The key of the asset whose label the file answers.

    Raises
    ------
    HTTPException: it is gone.
    """
    if place.answered_asset is None:
        return None
    c = t.assets.c
    here = (c.uid == place.answered_asset, c.project_id == place.project_id)
    found: int | None = connection.scalar(select(c.id).where(*here))
    if found is None:
        raise HTTPException(404, f"the asset `{place.answered_asset}` is gone")
    return found


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes, each part in time."""
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(PATIENCE):
                chunk = await anext(stream, None)
        except TimeoutError:
            raise HTTPException(408, f"nothing more of the file has come in {PATIENCE} seconds") from None
        if chunk is None:
            return
        yield chunk


async def _drain(body: AsyncIterator[bytes]) -> None:
    size = 0
    with suppress(HTTPException):
        async for chunk in body:
            size += len(chunk)
            if size > _DRAINED:
                return


def _declared(request: Request) -> int | None:
    text = request.headers.get("content-length")
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 20 else None


def _begun(part: Path) -> IO[bytes]:
    part.parent.mkdir(mode=0o700, exist_ok=True)
    return open(part, "xb", opener=private)


def _gone(part: Path) -> None:
    with suppress(OSError):
        part.unlink(missing_ok=True)


def _see_names(folder: Path) -> None:
    """See the names of a folder onto the disk, where the system has a way to."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _unwritten(error: OSError) -> HTTPException:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    reason = "the disk is full" if full else error.strerror or "the disk fails"
    return HTTPException(507 if full else 500, f"the file cannot be kept: {reason}; nothing of it was")
