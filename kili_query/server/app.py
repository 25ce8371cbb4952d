"""The HTTP face of local Kili: routes, keys, bodies; everything behind it runs in threads."""

from __future__ import annotations

import asyncio
import hmac
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import current_thread
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import msgspec
from graphql import GraphQLError, OperationDefinitionNode, OperationType
from sqlalchemy import Connection, select
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import FileResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp

from kili_query.errors import DataError
from kili_query.model.decoding import encode_json
from kili_query.server.bitmaps import Bitmaps
from kili_query.server.bodies import MAX_VALUES, Bodies, too_many_values
from kili_query.server.bucket import Bucket
from kili_query.server.graph.budget import MAX_BYTES, MAX_ROWS, Budget
from kili_query.server.graph.documents import Document
from kili_query.server.graph.kinds import KINDS
from kili_query.server.graph.problems import STORAGE_FAILED, error_body, errors_body, storage_failed
from kili_query.server.graph.reading import Reader
from kili_query.server.graph.resolvers import make_documents
from kili_query.server.graph.subscriptions import Subscriptions
from kili_query.server.hosts import Hosts
from kili_query.server.prompt import AT_ONCE, HARMLESS, Prompt
from kili_query.server.store import tables as t
from kili_query.server.store.media import LAYERS, STORED
from kili_query.server.store.store import FILES, Account, Store
from kili_query.server.uploads import MAX_UPLOAD, Uploads

_WRITER = "local-kili-writer"

PREFIXES = ("/api/label/v2", "")
"""Where the routes stand, both alike."""

_WRONG_KEY = "the key is not known here, has expired or was revoked"
_NO_KEY = "there is no key: the header is `Authorization: X-API-Key: KEY`"


class Api:
    """The application: what a request asks for, answered from the store.

    `response_urls`: contents of labels are served behind addresses (`jsonResponseUrl`), not in the answers themselves.
    `max_rows`, `max_bytes`: the budget of an answer. `max_upload`: the largest file, in bytes.
    """

    def __init__(
        self, store: Store, *, response_urls: bool = False, max_rows: int = MAX_ROWS, max_bytes: int = MAX_BYTES,
        max_upload: int = MAX_UPLOAD,
    ) -> None:  # fmt: skip
        self._store = store
        self._budget = partial(Budget, max_rows, max_bytes)
        self._response_urls = response_urls
        self._documents = make_documents()
        self._bitmaps = Bitmaps(store)
        # more would only make all answers late at once: it is one interpreter, and a second thread keeps short
        # questions from waiting behind a long one
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="local-kili")
        # changes are made one after another, and may have to wait for a loading: nothing else waits with them
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix=_WRITER)
        # keys and bodies do not wait behind answers
        self._door = ThreadPoolExecutor(max_workers=2, thread_name_prefix="local-kili-door")
        self._bodies = Bodies(self._door)
        # files are written to a disk that may be slow
        self._files = ThreadPoolExecutor(max_workers=4, thread_name_prefix="local-kili-files")
        self._max_upload = max_upload
        self._secret = (store.setting("secret") or "").encode()
        self._uploads = Uploads(store, Bucket(self._secret), self._files, self._writer, max_upload)
        self._subscriptions = Subscriptions(store, self._documents, self._threads, self._reader)
        routes = [
            route
            for prefix in PREFIXES
            for route in (
                Route(f"{prefix}/graphql", self._graphql, methods=["POST"]),
                WebSocketRoute(f"{prefix}/graphql", self._subscriptions.endpoint),
                Route(f"{prefix}/version", self._version),
                Route(f"{prefix}/files", self._file),
                Route(f"{prefix}/bucket/{{path:path}}", self._upload, methods=["PUT"]),
                Route(f"{prefix}/responses/{{key:int}}/{{label_id:path}}", self._response),
            )
        ]
        self.app = Starlette(routes=routes, exception_handlers={HTTPException: _refusal, DataError: _failure})

    def for_hosts(self, names: Iterable[str]) -> tuple[ASGIApp, Prompt]:
        """The application for a port, which refuses requests that name another host than its own; and prompt answers."""
        told = "the `Host` of the request is not this server; `LocalKili(hosts=...)` and `kili-query serve --allow-host` name more"
        refusal = _json(error_body(told, "MISDIRECTED_REQUEST"), "", 421)
        hosts = Hosts(self.app, refusal, names)
        return hosts, Prompt(self._store, Bucket(self._secret), hosts, PREFIXES, self._write_waiting, self._max_upload)

    def _write_waiting(self) -> None:
        """Write the rows of files that wait, behind the changes that are under way."""
        self._writer.submit(self._store.write_waiting)

    def close(self) -> None:
        """End the threads; what they are doing is finished first."""
        self._door.shutdown(cancel_futures=True)
        self._threads.shutdown(cancel_futures=True)
        self._writer.shutdown(cancel_futures=True)
        self._files.shutdown(cancel_futures=True)

    # -- GraphQL ---------------------------------------------------------------------------------------------------

    async def _graphql(self, request: HttpRequest) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise HTTPException(415, f"the content type is `application/json`, and this is `{kind}`")
        scheme, _, key = request.headers.get("authorization", "").partition(":")
        key = key.strip() if scheme == "X-API-Key" else ""
        base = str(request.base_url).rstrip("/") + request.url.path.removesuffix("/graphql")
        loop, request_id = asyncio.get_running_loop(), uuid4().hex
        account = self._store.known_account(key)
        if account is None and key:
            account = await loop.run_in_executor(self._door, self._store.account, key)
        if account is None:  # nothing of the body was read
            return _json(error_body(_WRONG_KEY if key else _NO_KEY, "UNAUTHENTICATED"), request_id, 401)
        try:
            async with self._bodies.of(request) as body:
                # what is plainly a change is read where it is made: threads that wait for each other cost more than the work
                reads = self._writer if _CHANGE.match(body) else self._threads
                answer = await loop.run_in_executor(reads, self._answered, account, body, base, request_id)
                if not isinstance(answer, Response):
                    answer = await loop.run_in_executor(self._writer, answer)
                return answer
        except ClientDisconnect:
            return Response()  # nobody reads it

    def _answered(self, account: Account, body: bytes, base: str, request_id: str) -> Response | Callable[[], Response]:
        """The answer; or, of a change, what makes it and gives its answer, which is for the writer."""
        if too_many_values(body):
            message = f"a body has at most {MAX_VALUES:,} values; smaller batches work"
            return _json(error_body(message, "PAYLOAD_TOO_LARGE"), request_id, 413)
        try:
            asked = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            return _json(error_body(f"the body is not JSON: {error}", "BAD_REQUEST"), request_id, 400)
        if not isinstance(asked, dict) or not isinstance(asked.get("query"), str):
            message = "the body is an object with the document as text under `query`"
            return _json(error_body(message, "BAD_REQUEST"), request_id, 400)
        variables, name = asked.get("variables"), asked.get("operationName")
        if not isinstance(variables, dict | None) or not isinstance(name, str | None):
            message = "`variables` is an object and `operationName` a text, if they are given"
            return _json(error_body(message, "BAD_REQUEST"), request_id, 400)
        document = self._documents.read(asked["query"])
        if isinstance(document, list):
            return _json(errors_body(document, "GRAPHQL_VALIDATION_FAILED", request_id), request_id)
        try:
            operation = self._documents.operation(document, name)
        except GraphQLError as error:
            return _json(errors_body([error], "BAD_USER_INPUT", request_id), request_id)

        def execute() -> Response:
            return _json(self._execute(document, operation, variables or {}, account, base, request_id), request_id)

        here = not _writes(operation) or current_thread().name.startswith(_WRITER)
        return execute() if here else execute

    def _execute(
        self, document: Document, operation: OperationDefinitionNode, variables: dict[str, Any], account: Account,
        base: str, request_id: str,
    ) -> dict[str, Any]:  # fmt: skip
        writes = _writes(operation)
        try:
            with self._store.writing() if writes else self._store.reading() as connection:
                reader = self._reader(connection, account, base)
                if not writes:
                    reader.remember()
                data, errors = self._documents.answer(document, operation, variables, reader)
                if errors:
                    raise _Failed(errors)
        except _Failed as failed:  # raised through the transaction, which is undone
            return errors_body(failed.errors, "BAD_USER_INPUT", request_id)
        except GraphQLError as error:
            return errors_body([error], "BAD_USER_INPUT", request_id)
        except DataError as error:
            return errors_body([storage_failed(error)], STORAGE_FAILED, request_id)
        self._store.discard(reader.gone)
        self._subscriptions.tell(reader.written)
        return {"data": data}

    def _reader(self, connection: Connection, account: Account, base: str) -> Reader:
        return Reader(
            connection, account.organization_id, account.user_id, types=KINDS,
            budget=self._budget(),
            address=lambda content: _address(content, base),
            response_address=(lambda label: self._response_address(label, base)) if self._response_urls else None,
            bucket=Bucket(self._secret, base), folder=self._store.folder / FILES, counted=self._bitmaps.count,
        )  # fmt: skip

    # -- other routes ----------------------------------------------------------------------------------------------

    async def _version(self, _: HttpRequest) -> Response:
        return _json({"version": f"local-{t.SCHEMA_VERSION}.{self._documents.digest}"}, uuid4().hex)

    async def _file(self, request: HttpRequest) -> Response:
        """A file by its id, which nobody guesses."""
        file_id = request.query_params.get("id", "")

        def read() -> Response:
            kind = self._store.kind(file_id)
            path = self._store.folder / FILES / file_id
            if kind is None or not path.is_file():
                raise HTTPException(404, "there is no such file")
            self._store.remember_kind(file_id, kind)
            found = path.stat()
            file = FileResponse(path, media_type=kind, headers=HARMLESS, stat_result=found)
            if found.st_size > AT_ONCE or request.method != "GET" or "range" in request.headers:
                return file
            return Response(path.read_bytes(), headers=dict(file.headers))

        return await asyncio.get_running_loop().run_in_executor(self._threads, read)

    async def _upload(self, request: HttpRequest) -> Response:
        """A file that is put to a signed address."""
        try:
            return await self._uploads.put(request)
        except ClientDisconnect:
            return Response()  # nobody reads it

    async def _response(self, request: HttpRequest) -> Response:
        """The content of a label, for those who have its signed address."""
        key, label_id = request.path_params["key"], request.path_params["label_id"]
        signature = request.query_params.get("signature", "")
        if not hmac.compare_digest(signature.encode(), self._signature(f"{key}/{label_id}").encode()):
            raise HTTPException(404, "there is no such content")

        def read() -> Response:
            query = select(t.responses.c.json).join(t.labels, t.labels.c.id == t.responses.c.label_id)
            with self._store.reading() as connection:
                text = connection.scalar(query.where(t.labels.c.id == key, t.labels.c.uid == label_id))
            if text is None:
                raise HTTPException(404, "there is no such content")
            return Response(text, media_type="application/json")

        return await asyncio.get_running_loop().run_in_executor(self._threads, read)

    def _response_address(self, name: str, base: str) -> str:
        return f"{base}/responses/{quote(name)}?signature={self._signature(name)}"

    def _signature(self, name: str) -> str:
        """The signature of a label by its key and id: others may have an id, and a key may come back without it."""
        return hmac.digest(self._secret, name.encode(), "sha256").hex()


def _writes(operation: OperationDefinitionNode) -> bool:
    return operation.operation is OperationType.MUTATION


_CHANGE = re.compile(rb'\s*\{\s*"query"\s*:\s*"(?:\s|\\n)*mutation\b')
"""How a body begins that asks for a change, as clients write it; others are seen to be one later."""


class _Failed(Exception):
    """Carries errors through a transaction, which is undone."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        self.errors = errors


def _encoded(value: object) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (UnicodeError, OverflowError):  # of an ontology, say, that holds half a surrogate pair
        return encode_json(value)


def _json(value: object, request_id: str, status: int = 200) -> Response:
    return Response(_encoded(value), status, {"x-request-id": request_id}, "application/json")


def _refusal(_: HttpRequest, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _CODES.get(error.status_code, "BAD_REQUEST")
    message = error.detail
    if message in ("Not Found", "Method Not Allowed"):  # words of the framework
        what = (
            "there is nothing at this address" if error.status_code == 404 else "the method does not fit this address"
        )
        message = f"{what}; queries are sent to {PREFIXES[0]}/graphql with POST"
    answer = _json(error_body(message, code), uuid4().hex, error.status_code)
    answer.headers.update(error.headers or {})
    return answer


_CODES = {
    403: "FORBIDDEN", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 409: "CONFLICT", 413: "PAYLOAD_TOO_LARGE", 500: STORAGE_FAILED,
    507: STORAGE_FAILED,
}  # fmt: skip


def _failure(_: HttpRequest, error: Exception) -> Response:
    """The disk fails, outside of documents, whose answers tell it themselves."""
    assert isinstance(error, DataError)
    return _json(error_body(error.message, STORAGE_FAILED), uuid4().hex, 500)


def _address(content: str, base: str) -> str:
    if content.startswith(STORED):
        return f"{base}/files?id={content.removeprefix(STORED)}"
    if content.startswith(LAYERS):
        return content.removeprefix(LAYERS).replace(f'"{STORED}', f'"{base}/files?id=')
    return content
