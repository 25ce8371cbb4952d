"""Subscriptions: labels are sent to clients as they are made and changed, over websockets.

The protocol is that of Apollo's subscriptions-transport-ws, subprotocol `graphql-ws` (wire.md 10): `connection_init` with
the key, `connection_ack`; `start`, then `data` for each event, `ka` now and then; `stop`, `complete`. What waits for a
client are keys of labels: a label is read when it is about to be sent. A client that lags behind by more than `MOST_WAITING`
events loses the newer ones, and is told how many by a `ka` with a payload, which others than ours pass over.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from functools import partial
from threading import Lock
from typing import Any
from uuid import uuid4

from graphql import GraphQLError, OperationDefinitionNode, OperationType
from sqlalchemy import Connection, select
from starlette.responses import PlainTextResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from kili_query.errors import DataError
from kili_query.model.decoding import encode_json
from kili_query.server.graph.conditions import one_of
from kili_query.server.graph.documents import Document, Documents
from kili_query.server.graph.problems import STORAGE_FAILED, errors_body, refused, storage_failed
from kili_query.server.graph.reading import Event, Reader
from kili_query.server.store import tables as t
from kili_query.server.store.store import Account, Store

SUBPROTOCOL = "graphql-ws"

MOST_CLIENTS = 64
"""The most connections at once; others are told to come again."""

MOST_SUBSCRIPTIONS = 16
"""The most subscriptions of a connection."""

MOST_WAITING = 10_000
"""The most events that wait for a client to take them."""

PATIENCE = 10
"""Seconds in which a connection has to name its key."""

IDLE = 60
"""Seconds that a connection is kept without a subscription."""

ALIVE = 20
"""Seconds between two signs of life; each costs clients of Kili a second, in which they look at nothing else."""

AT_ONCE = 50
"""Labels that are read at once."""

_LONGEST_ID = 200

ReaderOf = Callable[[Connection, Account, str], Reader]

logger = logging.getLogger("kili_query.server.graph.subscriptions")


class Subscriptions:
    """Subscriptions to label events: published from any thread, sent in the event loop of each connection."""

    def __init__(self, store: Store, documents: Documents, threads: Executor, reader: ReaderOf) -> None:
        self.store = store
        self.documents = documents
        self.threads = threads
        self.reader = reader
        self._clients: set[_Client] = set()
        self._begun: set[_Subscription] = set()
        self._lock = Lock()

    def tell(self, keys: Sequence[int]) -> None:
        """Tell of labels that are stored; called in the order of the changes."""
        with self._lock:
            begun = list(self._begun)
        if not keys or not begun:
            return
        with self.store.reading() as connection:
            rows = connection.execute(
                select(t.labels.c.id, t.labels.c.project_id).where(one_of(t.labels.c.id, list(keys)))
            )
            project_of: dict[int, str] = {row.id: row.project_id for row in rows}
        for subscription in begun:
            if mine := [key for key in keys if project_of.get(key) == subscription.project_id]:
                with suppress(RuntimeError):  # its loop has ended, and it with it
                    subscription.loop.call_soon_threadsafe(subscription.put, mine)

    def begin(self, subscription: _Subscription) -> None:
        """Begin to publish to it."""
        with self._lock:
            self._begun.add(subscription)

    def end(self, subscription: _Subscription) -> None:
        """Publish no more to it."""
        with self._lock:
            self._begun.discard(subscription)

    async def endpoint(self, socket: WebSocket) -> None:
        """Serve a connection until its end."""
        if SUBPROTOCOL not in socket.scope["subprotocols"]:
            told = f"the subprotocol of websockets here is `{SUBPROTOCOL}`"
            await socket.send_denial_response(PlainTextResponse(told, 400))
            return
        if len(self._clients) >= MOST_CLIENTS:
            told = f"there are {MOST_CLIENTS} connections already"
            await socket.send_denial_response(PlainTextResponse(told, 503, {"retry-after": "5"}))
            return
        client = _Client(self, socket)
        self._clients.add(client)
        try:
            await client.serve()
        except WebSocketDisconnect:
            pass
        finally:
            self._clients.discard(client)
            client.end()


class _Refused(Exception):
    """Ends a connection with a close code and a reason."""


class _Client:
    """A connection. What has no place in the protocol ends it."""

    def __init__(self, all_: Subscriptions, socket: WebSocket) -> None:
        self._all = all_
        self._socket = socket
        self._subscriptions: dict[str, _Subscription] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.key = ""
        url = socket.base_url
        scheme = "https" if url.scheme == "wss" else "http"
        self.base = str(url.replace(scheme=scheme)).rstrip("/") + socket.url.path.removesuffix("/graphql")

    async def serve(self) -> None:
        """Read the messages of the client."""
        await self._socket.accept(subprotocol=SUBPROTOCOL)
        try:
            await self._greet()
            while True:
                message = await self._message(None if self._subscriptions else IDLE)
                kind, name = message.get("type"), message.get("id")
                if kind == "connection_terminate":
                    await self._socket.close()
                    return
                if not isinstance(name, str) or len(name) > _LONGEST_ID:
                    raise _Refused(f"`id` is a text of at most {_LONGEST_ID} letters")
                if kind == "start":
                    await self._start(name, message.get("payload"))
                elif kind == "stop":
                    if (subscription := self._subscriptions.pop(name, None)) is not None:
                        subscription.end()
                    await self.send({"id": name, "type": "complete"})
                else:
                    raise _Refused("the type of a message is `start`, `stop` or `connection_terminate`")
        except _Refused as refusal:
            # dropped without a close frame: clients of Kili take one for a message
            await self.send({"type": "connection_error", "payload": {"message": str(refusal)}})

    def end(self) -> None:
        """End all subscriptions."""
        for subscription in self._subscriptions.values():
            subscription.end()
        for task in self._tasks:
            task.cancel()

    def forget(self, name: str) -> None:
        """A subscription has ended by itself: another may begin in its place."""
        self._subscriptions.pop(name, None)

    async def send(self, message: Mapping[str, Any]) -> None:
        """Send a message."""
        await self._socket.send_text(encode_json(message).decode())

    async def account(self) -> Account | None:
        """Whose key it is, if it still is anybody's."""
        return await asyncio.get_running_loop().run_in_executor(self._all.threads, self._all.store.account, self.key)

    async def _greet(self) -> None:
        message = await self._message(PATIENCE)
        if message.get("type") != "connection_init":
            raise _Refused("the first message is `connection_init`, with the key")
        self.key = _key(message.get("payload"))
        if not self.key:
            raise _Refused("there is no key: `payload.Authorization` is `X-API-Key: KEY`")
        if await self.account() is None:
            raise _Refused("the key is not known here, has expired or was revoked")
        await self.send({"type": "connection_ack"})
        self._run(self._stay_alive)

    async def _stay_alive(self) -> None:
        while True:
            await asyncio.sleep(ALIVE)
            await self.send({"type": "ka"})

    async def _message(self, seconds: float | None) -> dict[str, Any]:
        """The next message.

        Raises
        ------
        _Refused: it is none, or does not come in time.
        """
        try:
            received = await asyncio.wait_for(self._socket.receive(), seconds)
        except TimeoutError:
            raise _Refused(f"nothing came for {seconds} seconds") from None
        if received["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(received.get("code", 1005))
        text = received.get("text")
        try:
            message = json.loads(received.get("bytes") or b"" if text is None else text)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            raise _Refused("a message is a JSON object")
        return message

    async def _start(self, name: str, payload: object) -> None:
        """Begin a subscription, or say why it is none."""
        loop = asyncio.get_running_loop()
        try:
            if name in self._subscriptions or len(self._subscriptions) >= MOST_SUBSCRIPTIONS:
                raise refused(
                    f"a connection has at most {MOST_SUBSCRIPTIONS} subscriptions, each with an id of its own"
                )
            account = await self.account()
            if account is None:
                raise _Refused("the key is not known here, has expired or was revoked")
            asked = await loop.run_in_executor(self._all.threads, self._asked, payload, account)
        except GraphQLError as error:
            body = errors_body([error], "BAD_USER_INPUT", uuid4().hex)
        except _Invalid as invalid:
            body = invalid.body
        except DataError as error:
            body = errors_body([storage_failed(error)], STORAGE_FAILED, uuid4().hex)
        else:
            subscription = _Subscription(self._all, self, name, asked)
            self._subscriptions[name] = subscription
            self._all.begin(subscription)
            self._run(subscription.serve)
            return
        await self.send({"id": name, "type": "error", "payload": {**body["errors"][0], "errors": body["errors"]}})  # type: ignore[index]

    def _asked(self, payload: object, account: Account) -> _Asked:
        """What a subscription asks for.

        Raises
        ------
        GraphQLError, _Invalid: it makes no sense, or its project is not there.
        """
        given = payload if isinstance(payload, dict) else {}
        text, variables, name = given.get("query"), given.get("variables"), given.get("operationName")
        if not isinstance(text, str) or not isinstance(variables, dict | None) or not isinstance(name, str | None):
            raise refused("the payload has a document as text under `query`, perhaps an object under `variables`")
        document = self._all.documents.read(text)
        if isinstance(document, list):
            raise _Invalid(errors_body(document, "GRAPHQL_VALIDATION_FAILED", uuid4().hex))
        operation = self._all.documents.operation(document, name)
        if operation.operation is not OperationType.SUBSCRIPTION:
            raise refused("queries and mutations are sent with POST to this address")
        asked = _Asked(self._all, document, operation, variables or {}, self.base)
        event = Event()
        with self._all.store.reading() as connection:
            _, errors = asked.answer(connection, account, event)
        if errors:
            raise _Invalid(errors_body(errors, "BAD_USER_INPUT", uuid4().hex))
        asked.project_id = event.project_id
        return asked

    def _run(self, work: Callable[[], Awaitable[None]]) -> None:
        async def worked() -> None:
            with suppress(WebSocketDisconnect):
                await work()

        task = asyncio.ensure_future(worked())
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not _is_gone(error):
            logger.error("a subscription failed", exc_info=error)


class _Invalid(Exception):
    """An invalid subscription document, with the error that is sent."""

    def __init__(self, body: dict[str, object]) -> None:
        self.body = body


class _Asked:
    """What a subscription asks for of each label."""

    def __init__(
        self, all_: Subscriptions, document: Document, operation: OperationDefinitionNode, variables: dict[str, Any],
        base: str,
    ) -> None:  # fmt: skip
        self._all, self._document, self._operation = all_, document, operation
        self._variables, self._base = variables, base
        self.project_id = ""

    def answer(self, connection: Connection, account: Account, event: Event) -> tuple[Any, list[GraphQLError]]:
        """The payload of an event."""
        reader = self._all.reader(connection, account, self._base)
        reader.event = event
        return self._all.documents.answer(self._document, self._operation, self._variables, reader)

    def payloads(self, account: Account, keys: Sequence[int]) -> list[dict[str, Any]]:
        """The payloads of labels; none of those that are deleted."""
        return list(self._payloads(account, keys))

    def _payloads(self, account: Account, keys: Sequence[int]) -> Iterator[dict[str, Any]]:
        try:
            with self._all.store.reading() as connection:
                for key in keys:
                    data, errors = self.answer(connection, account, Event(key, self.project_id))
                    if errors:
                        yield errors_body(errors, "BAD_USER_INPUT", uuid4().hex)
                    elif any(value is not None for value in data.values()):
                        yield {"data": data}
        except DataError as error:
            yield errors_body([storage_failed(error)], STORAGE_FAILED, uuid4().hex)


class _Subscription:
    """A subscription of a client, with its queue of events."""

    def __init__(self, all_: Subscriptions, client: _Client, name: str, asked: _Asked) -> None:
        self._all, self._client, self._name, self._asked = all_, client, name, asked
        self.project_id = asked.project_id
        self.loop = asyncio.get_running_loop()
        self._waiting: deque[int] = deque()
        self._dropped = 0
        self._ended = False
        self._news = asyncio.Event()

    def put(self, keys: Sequence[int]) -> None:
        """Let events wait; in the loop of the connection."""
        room = MOST_WAITING - len(self._waiting)
        self._waiting.extend(keys[:room])
        self._dropped += max(0, len(keys) - room)
        self._news.set()

    def end(self) -> None:
        """End: the queue is closed."""
        self._all.end(self)
        self._ended = True
        self._news.set()

    async def serve(self) -> None:
        """Tell what waits, until the end."""
        while not self._ended:
            await self._news.wait()
            self._news.clear()
            while self._waiting and not self._ended:
                await self._tell([self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))])
            if self._dropped and not self._ended:
                dropped, self._dropped = self._dropped, 0
                logger.warning("a client lags behind: %d events of project %s were left out", dropped, self.project_id)
                await self._client.send({"type": "ka", "payload": {"dropped": dropped, "id": self._name}})

    async def _tell(self, keys: Sequence[int]) -> None:
        account = await self._client.account()
        if account is None:
            self.end()
            self._client.forget(self._name)
            body = {"message": "the key has expired or was revoked"}
            await self._client.send({"id": self._name, "type": "error", "payload": body})
            return
        read = partial(self._asked.payloads, account, keys)
        for payload in await self.loop.run_in_executor(self._all.threads, read):
            if self._ended:
                return
            await self._client.send({"id": self._name, "type": "data", "payload": payload})


def _key(payload: object) -> str:
    """The key that a payload names; empty if it names none."""
    given = payload if isinstance(payload, dict) else {}
    headers = given.get("headers")
    for value in (given.get("Authorization"), headers.get("Authorization") if isinstance(headers, dict) else None):
        scheme, _, key = value.partition(":") if isinstance(value, str) else ("", "", "")
        if scheme == "X-API-Key" and key.strip():
            return key.strip()
    return ""


def _is_gone(error: BaseException) -> bool:
    """True for what happens when the client has gone, or the server goes, in the middle of something."""
    return isinstance(error, OSError) or type(error) is RuntimeError
