"""Prompt answers: small files that come to signed addresses, or are fetched, handled in the event loop before any routing.

A picture or a text takes less time than its way through routes, threads and the database would. Whatever is not plain,
or goes wrong, is left to that way, which tells it: of this one there are only good answers.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from io import BytesIO
from urllib.parse import unquote

from starlette.responses import FileResponse

from kili_query.server.bucket import Bucket, Path
from kili_query.server.hosts import Hosts
from kili_query.server.measuring import picture_size
from kili_query.server.store.store import FILES, FileRow, Store
from kili_query.server.store.timestamps import after

AT_ONCE = 1 << 20
"""The most bytes of a file that is read or written as a whole."""

KEPT_FOR = 24 * 3600
"""Seconds that a file is kept which no asset has as its content."""

HARMLESS = {"x-content-type-options": "nosniff", "content-security-policy": "sandbox"}
"""Whatever a file that somebody has uploaded is, a browser does not run it."""

Headers = Iterable[tuple[bytes, bytes]]
Answer = tuple[Headers, bytes]
"""The headers and the body of an answer, which is that all is well."""

Take = Callable[[bytes], Answer | None]
"""Makes the answer of a request of its body; None leaves both to the other way."""

_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp")
_TOLD_BY_TYPE = ("text/plain", "text/csv", "text/html", "application/json", "application/octet-stream")
"""Contents that say nothing of themselves."""

_NOTHING: Headers = ((b"content-length", b"0"),)
_SIGNED = {b"expires": "expires", b"token": "token", b"signature": "signature", b"id": "id"}


class Prompt:
    """Takes in and gives the files of a store that are small and plain.

    `relieve` is called when many files wait for a change; `max_bytes` is the largest file.
    """

    def __init__(
        self, store: Store, signer: Bucket, hosts: Hosts, prefixes: Iterable[str], relieve: Callable[[], None], max_bytes: int
    ) -> None:  # fmt: skip
        self._relieve = relieve
        self._store = store
        self._bucket = signer
        self._hosts = hosts
        self._put_at = tuple(f"{prefix}/bucket/".encode() for prefix in prefixes)
        self._get_at = frozenset(f"{prefix}/files".encode() for prefix in prefixes)
        self._max = min(max_bytes, AT_ONCE)
        self._folder = store.folder / FILES
        self._made = False

    def begun(self, method: bytes, url: bytes, headers: list[tuple[bytes, bytes]]) -> Take | None:
        """What takes the body of a request; None if the request goes the other way."""
        if method == b"PUT":
            # a folder that is kept is one that the disk has: that is waited for elsewhere
            return None if self._store.durable else self._put(url, headers)
        return self._get(url, headers) if method == b"GET" else None

    def _put(self, url: bytes, headers: list[tuple[bytes, bytes]]) -> Take | None:
        at, _, query_text = url.partition(b"?")
        prefix = next((prefix for prefix in self._put_at if at.startswith(prefix)), None)
        known = self._known(headers)
        if prefix is None or known is None or b"content-encoding" in known:
            return None
        length, query = known.get(b"content-length", b""), _signed(query_text)
        if not length.isdigit() or len(length) > 9 or int(length) > self._max or query is None:
            return None
        kind = known.get(b"content-type", b"application/octet-stream").decode("latin-1")
        bare = kind.partition(";")[0].strip().lower()
        if bare not in _PICTURES and bare not in _TOLD_BY_TYPE:
            return None
        path = unquote(at[len(prefix) :].decode("ascii"))
        file_id = self._bucket.opened(path, query)
        if file_id is None:
            return None
        place = Path.read(path)
        if place.answered_asset is not None:
            return None

        def take(body: bytes) -> Answer | None:
            facts = None
            if bare in _PICTURES and (found := picture_size(BytesIO(body))):
                facts = json.dumps(found)
            if not self._written(file_id, body):
                return None
            self._store.await_row(FileRow(file_id, place.rest[-1], place.project_id, kind, facts, after(KEPT_FOR)))
            if self._store.many_wait:
                self._relieve()
            return _NOTHING, b""

        return take

    def _written(self, file_id: str, body: bytes) -> bool:
        """Whether a file lies in the folder now, as a whole, where there was none of its name."""
        path = os.path.join(self._folder, file_id)
        try:
            if not self._made:
                self._folder.mkdir(mode=0o700, exist_ok=True)
                self._made = True
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        except OSError:
            return False
        try:
            try:
                whole = _write(file, body) == len(body)
            finally:
                os.close(file)
        except OSError:
            whole = False
        if not whole:
            self._store.discard([file_id])
        return whole

    def _get(self, url: bytes, headers: list[tuple[bytes, bytes]]) -> Take | None:
        at, _, query = url.partition(b"?id=")
        if at not in self._get_at or not query.replace(b"-", b"").replace(b"_", b"").isalnum():
            return None
        known, name = self._known(headers), query.decode("ascii", "replace")
        kind = self._store.kinds.get(name)
        if known is None or kind is None or b"range" in known or b"content-length" in known:
            return None

        def take(_: bytes) -> Answer | None:
            try:
                file = os.open(os.path.join(self._folder, name), os.O_RDONLY | getattr(os, "O_BINARY", 0))
            except OSError:
                return None
            try:
                found = os.fstat(file)
                body = os.read(file, AT_ONCE + 1) if found.st_size <= AT_ONCE else b""
            except OSError:
                return None
            finally:
                os.close(file)
            if len(body) != found.st_size:
                return None
            return FileResponse(name, media_type=kind, headers=HARMLESS, stat_result=found).raw_headers, body

        return take

    def _known(self, headers: list[tuple[bytes, bytes]]) -> dict[bytes, bytes] | None:
        """The headers by their names; None if one that matters comes twice, or another server is meant."""
        known = dict(headers)
        host = known.get(b"host", b"").decode("latin-1")
        return known if len(known) == len(headers) and self._hosts.knows(host) else None


_write = os.write


def _signed(text: bytes) -> dict[str, str] | None:
    """The query of a signed address; None if it holds anything else."""
    found: dict[str, str] = {}
    for part in text.split(b"&"):
        name, _, value = part.partition(b"=")
        if name not in _SIGNED or _SIGNED[name] in found or b"%" in value or b"+" in value or not value.isascii():
            return None
        found[_SIGNED[name]] = value.decode("ascii")
    return found if found.get("expires", "").isdigit() and len(found["expires"]) < 20 else None
