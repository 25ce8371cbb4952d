"""Uploads: files that come to signed addresses, streamed to the disk; there as a whole, or not at all."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import secrets
from collections import deque
from collections.abc import AsyncIterator
from concurrent.futures import Executor, Future
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import IO, NamedTuple

from sqlalchemy import Connection, bindparam, select
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from kili_query.server import bucket
from kili_query.server.bodies import PATIENCE, encoding_of
from kili_query.server.bucket import Bucket
from kili_query.server.measuring import measured
from kili_query.server.prompt import KEPT_FOR
from kili_query.server.store import tables as t
from kili_query.server.store.media import private
from kili_query.server.store.store import FILES, KEEP_FILE, FileRow, Store
from kili_query.server.store.tables import driver
from kili_query.server.store.timestamps import after

MAX_UPLOAD = 32 << 30
"""The largest file, in bytes."""

_PART = 1 << 20
"""Bytes that are written at once."""

_DRAINED = 1 << 30
"""Bytes of a refused file that are taken in all the same: most clients read an answer when they have sent all."""


class _Upload(NamedTuple):
    """A file on the disk, and what the database is to have of it."""

    part: Path
    file_id: str
    path: str
    kind: str
    facts: str | None


_KNOWN = select(t.files.c.expires_at).where(t.files.c.id == bindparam("id"))


class Uploads:
    """Takes in files; writes them with `files`, and what the database says of them with `writer`."""

    def __init__(self, store: Store, signer: Bucket, files: Executor, writer: Executor, max_bytes: int) -> None:
        self._store = store
        self._bucket = signer
        self._files = files
        self._writer = writer
        self._max = max_bytes
        self._waiting: deque[tuple[_Upload, Future[None]]] = deque()
        """Files on the disk that the database is to have: what comes together is one transaction."""
        self._lock = Lock()
        self._keeping = False

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
        kept = False
        try:
            head, more = await self._first(body)
            if more:
                facts = await self._stream(part, head, body, kind, _declared(request))
            else:
                _require(len(head), _declared(request))
                facts = await loop.run_in_executor(self._files, self._whole, part, head, kind)
            future: Future[None] = Future()
            self._wait(_Upload(part, file_id, path, kind, facts), future)
            await asyncio.wrap_future(future)
            kept = True
        except OSError as error:
            raise _unwritten(error) from None
        finally:
            if not kept:
                await asyncio.shield(loop.run_in_executor(self._files, _gone, part))

    async def _first(self, body: AsyncIterator[bytes]) -> tuple[bytes, bool]:
        """What comes first of a file, and whether there may be more: small files are there at once."""
        held = bytearray()
        async for chunk in body:
            held += chunk
            if len(held) > self._max:
                raise self._too_large()
            if len(held) >= _PART:
                return bytes(held), True
        return bytes(held), False

    def _whole(self, part: Path, content: bytes, kind: str) -> str | None:
        with _begun(part) as file:
            file.write(content)
            return self._finish(file, part, kind)

    async def _stream(
        self, part: Path, held: bytes, body: AsyncIterator[bytes], kind: str, declared: int | None
    ) -> str | None:
        """Write an upload as it comes; gives its properties: type, size, resolution."""
        loop, size = asyncio.get_running_loop(), len(held)
        file = await loop.run_in_executor(self._files, _begun, part)
        try:
            await loop.run_in_executor(self._files, file.write, held)
            piece = bytearray()
            async for chunk in body:
                size += len(chunk)
                if size > self._max:
                    raise self._too_large()
                piece += chunk
                if len(piece) >= _PART:
                    await loop.run_in_executor(self._files, file.write, piece)
                    piece = bytearray()
            _require(size, declared)
            await loop.run_in_executor(self._files, file.write, piece)
            return await loop.run_in_executor(self._files, self._finish, file, part, kind)
        finally:
            file.close()

    def _finish(self, file: IO[bytes], part: Path, kind: str) -> str | None:
        """Sync the file to the disk; gives its properties."""
        file.flush()
        if self._store.durable:
            os.fsync(file.fileno())
        file.close()
        facts = measured(part, kind.partition(";")[0].strip().lower())
        return json.dumps(facts) if facts else None

    def _wait(self, upload: _Upload, future: Future[None]) -> None:
        """Let a file wait for the database; `future` has an end when it is there."""
        with self._lock:
            self._waiting.append((upload, future))
            if self._keeping:
                return
            self._keeping = True
        self._writer.submit(self._keep)

    def _keep(self) -> None:
        """Keep the files that wait, in one transaction. One that cannot be kept is no matter to the others."""
        with self._lock:
            waiting, self._keeping = list(self._waiting), False
            self._waiting.clear()
        batch = [(upload, future) for upload, future in waiting if future.set_running_or_notify_cancel()]
        if not batch:
            return
        told: list[Exception | None] = []
        try:
            with self._store.writing() as connection:
                for upload, _ in batch:
                    told.append(self._kept(connection, upload))
                if self._store.durable:
                    _see_names(self._store.folder / FILES)
        except Exception as error:  # nothing was written
            told = [error] * len(batch)
        for (_, future), problem in zip(batch, told, strict=True):
            if problem is None:
                future.set_result(None)
            else:
                future.set_exception(problem)

    def _kept(self, connection: Connection, upload: _Upload) -> Exception | None:
        """Give a file its name, and the database its row: both or neither, and the stray of a crash goes at the start."""
        part, file_id, path, kind, facts = upload
        place = bucket.Path.read(path)
        known = connection.execute(_KNOWN, {"id": file_id}).first()
        try:
            asset = _asset(connection, place)
            if known is not None and known.expires_at is None and place.answered_asset is None:
                raise HTTPException(409, "the file is the content of an asset already; a new address takes another")
            os.replace(part, self._store.folder / FILES / file_id)
        except (HTTPException, OSError) as error:
            return error
        expires = None if asset is not None else after(KEPT_FOR)
        row = FileRow(file_id, place.rest[-1], place.project_id, kind, facts, expires, asset)
        self._store.note(row)
        driver(connection).execute(KEEP_FILE, row)
        return None

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
    """The bytes that the head of a request says the file has.

    Raises
    ------
    HTTPException: it says something else.
    """
    text = request.headers.get("content-length")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise HTTPException(400, f"`Content-Length` is a number of bytes, and this is `{text[:40]}`")
    return int(text)


def _require(size: int, declared: int | None) -> None:
    """Refuse a file that is not as long as its head said.

    Raises
    ------
    HTTPException: it is not.
    """
    if declared is not None and size != declared:
        raise HTTPException(400, f"the file has {size:,} bytes, and `Content-Length` says {declared:,}")


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
