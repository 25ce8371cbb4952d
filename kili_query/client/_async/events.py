"""Events: labels as they are made or changed, over a websocket that comes again when it breaks. By hand, as its twin is."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import suppress
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from kili_query.client._async.session import AsyncSession, Listing
from kili_query.client.arguments import check_arguments
from kili_query.client.filters import Decide, decision
from kili_query.client.operations import events as wire
from kili_query.client.operations import labels as label_wire
from kili_query.client.operations.events import LabelEvent
from kili_query.client.sending import reconnecting
from kili_query.client.sending.hiding import hide
from kili_query.client.sending.reconnecting import MARGIN, Told, may_pass, pause_before
from kili_query.client.types import CategorySearch, Id, Row
from kili_query.client.wire.calls import Call
from kili_query.client.wire.decoding import response_of, responses
from kili_query.client.wire.where import Where, label_where
from kili_query.errors import ApiConnectionError, ApiError, ArgumentError, DataError, EventsMissedError, KiliQueryError
from kili_query.model.kili import CONVERSATIONS

if TYPE_CHECKING:
    from kili_query.client.sending.websocket import Websocket

SILENCE = 10.0
"""Seconds that the server may take to answer the greeting."""

NO_NETWORK = (
    "carries no websockets, which events come by; a client without it, of `LocalKili()` with a port, say, has them"
)

_log = logging.getLogger("kili_query.client")

MOST_MISSED = 100_000
"""Labels that are looked through for those that were missed."""

AT_ONCE = 100
"""Missed labels that are fetched at once."""


class AsyncEvents(AsyncSession):
    """The method that subscribes to label events."""

    def label_created_or_updated(self, project_id: Id, *, category_search: CategorySearch | None = None) -> LabelEvents:
        """Each label of a project that is made or changed, as it happens: an asynchronous iterator of `LabelEvent`.

        An event has `subscription_id`, `frame` (what the callback of `kili` gets) and `label`, with `jsonResponse` as
        an object. Awaiting the iterator waits until the server listens; else the first step does. `aclose()` ends it.

        The connection comes again when it breaks. What was missed meanwhile is looked for, and told once; where that
        fails, a step raises an `EventsMissedError`, and the next steps go on.

        Parameters
        ----------
        project_id: id of the project.
        category_search: only labels that satisfy this category query; it is decided here.

        Raises
        ------
        ArgumentError: an argument cannot be used, or the client has no network.
        QuerySyntaxError, QueryCheckError: the category query is wrong for this project.
        NotFoundError: there is no such project.
        ApiError: the server cannot be reached, or refuses; when iterating, not again for a quarter of an hour.

        Examples
        --------
        >>> async for event in kili.label_created_or_updated(project, category_search="OBJECT_DETECTION_JOB.bowl.count > 0"):
        ...     print(event.label.labelType, event.label.labelOf["externalId"])
        """
        arguments = check_arguments(AsyncEvents.label_created_or_updated, locals())
        if self._transport.certificates is None:
            raise ArgumentError("transport", NO_NETWORK)
        return LabelEvents(self, arguments["project_id"], arguments["category_search"])


class LabelEvents:
    """Labels of a project as they are made or changed, an asynchronous iterator of `LabelEvent`; `aclose()` ends it."""

    def __init__(self, session: AsyncSession, project_id: str, search: CategorySearch | None) -> None:
        self._session = session
        self._project_id = project_id
        self._search = search
        self._call = Call.of("label_created_or_updated")
        self._socket: Websocket | None = None
        self._id = ""
        self._keep: Decide | None = None
        self._input_type = ""
        self._begun = False
        self._closing = asyncio.Event()
        self._told = Told()
        self._since = 0.0
        """The last moment of the server's clock before which nothing was missed."""
        self._to_look = False
        self._look_again: float | None = None
        """When to look once more for what came before the server had begun the subscription; None: that is done."""
        self._missed: deque[str] = deque()
        self._ready: deque[LabelEvent | KiliQueryError] = deque()
        self._lost_at: float | None = None
        """When the trouble with connections began; None while there is none."""
        self._attempt = 0
        self.failed_connection_attempts = 0
        """Attempts to connect that have failed since there was a connection."""
        self.error: KiliQueryError | None = None
        """What has ended it; None as long as nothing has."""

    # -- the iterator ----------------------------------------------------------------------------------------------

    def __await__(self) -> Generator[Any, None, Self]:
        return self._begin().__await__()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> LabelEvent:
        if self.error:
            raise self.error
        if not self._begun:
            await self._begin()
        while not self._closing.is_set():
            if self._ready:
                item = self._ready.popleft()
                if isinstance(item, Exception):
                    raise item
                return item
            try:
                await self._step()
            except ApiError as error:
                if self._closing.is_set():
                    break
                self.error = error
                await self._drop()
                raise
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """End it: the server is told, and a step that waits ends.

        Raises
        ------
        nothing: a connection that is broken already is ended, too.
        """
        self._closing.set()
        if self._socket is not None:
            with suppress(Exception):
                await asyncio.wait_for(self._socket.send(wire.stop(self._id)), 1)
        await self._drop()

    async def __aenter__(self) -> Self:
        return await self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def close_session(self) -> None:
        """Close the connections of its questions, where nobody else has a use for them."""
        await self._session._transport.aclose()

    async def reconnect(self) -> None:
        """Drop the connection; the next step makes a new one, and looks for what was missed.

        Raises
        ------
        nothing: what goes wrong then is told by that step.
        """
        if self._begun:
            await self._drop()

    @property
    def lifetime(self) -> float:
        """The seconds that the connection has lasted; 0 if there is none."""
        return monotonic() - self._socket.opened if self._socket else 0.0

    # -- connections -----------------------------------------------------------------------------------------------

    async def _begin(self) -> Self:
        """Check what is asked for, connect, and see what is known: later, that is not new."""
        if self._begun:
            return self
        session, call = self._session, self._call
        project = await session._project(self._project_id, call)
        self._input_type = project.input_type or ""
        search = await session._filter(self._search, self._project_id, call, here=True)
        self._keep = decision(search.query, project.ontology) if search.query is not None else None
        try:
            await self._connect(first=True)
        except BaseException:
            await self._drop()
            raise
        self._begun = True
        return self

    async def _connect(self, *, first: bool = False) -> None:
        """Open a connection and subscribe.

        Raises
        ------
        ApiError: it cannot be opened, or the server refuses.
        """
        # the library takes longer to load than a client to be made
        from kili_query.client.sending.websocket import Lost, open_websocket

        session, settings = self._session, self._session._settings
        key = settings.api_key.get_secret_value()
        socket = await open_websocket(
            settings.endpoint, session._transport.certificates, settings.max_answer_bytes
        )  # fmt: skip
        try:
            await socket.send(wire.greeting(key))
            while (answer := await socket.receive(SILENCE))["type"] == "ka":
                pass
            if answer["type"] in ("connection_error", "error"):
                raise self._hidden(wire.refusal(answer))
            if first:
                await self._see_what_is_known(socket.now())
            self._id = wire.new_subscription_id()
            await socket.send(wire.start(self._id, self._project_id, key))
        except (Lost, TimeoutError) as error:
            await socket.close()
            reason = str(error) or "the server does not answer"
            raise ApiConnectionError(f"the websocket was opened, and then: {reason}") from None
        except BaseException:
            await socket.close()
            raise
        self._socket = socket
        self._look_again = monotonic() + reconnecting.SETTLED

    async def _see_what_is_known(self, now: float) -> None:
        """Remember what has changed lately: that is not new when it is found again, whatever the clocks say."""
        self._since = now
        try:
            for row in await self._changed():
                self._told.know(row["id"], wire.timestamp_of(row))
        except (ApiError, ArgumentError, DataError):
            self._told.floor = wire.timestamp_at(now)

    async def _drop(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()

    async def _connect_again(self) -> None:
        """Make a new connection, attempt after attempt.

        Raises
        ------
        ApiError: the server refuses, or does not answer for too long.
        """
        if self._lost_at is None:
            self._lost_at, self._attempt = monotonic(), 0
        while not self._closing.is_set():
            self._attempt += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), pause_before(self._attempt))
                return
            try:
                await self._connect()
            except ApiError as error:
                self.failed_connection_attempts += 1
                if not may_pass(error) or monotonic() - self._lost_at > reconnecting.GIVE_UP:
                    error.attempts = self._attempt
                    raise
                _log.warning("no connection for events, attempt %d: %s", self._attempt, error.message)
                continue
            self.failed_connection_attempts = 0
            self._to_look = True
            return

    # -- what comes ------------------------------------------------------------------------------------------------

    async def _step(self) -> None:
        """Do what is next; it may make something ready."""
        from kili_query.client.sending.websocket import Lost

        if self._socket is None:
            await self._connect_again()
        elif self._to_look:
            await self._look()
        elif self._missed:
            await self._fetch_missed()
        else:
            socket = self._socket
            wait = None if self._look_again is None else max(0.0, self._look_again - monotonic())
            try:
                message = await socket.receive(wait)
            except TimeoutError:
                self._to_look, self._look_again = True, None
                return
            except Lost as lost:
                if not self._closing.is_set():
                    _log.warning("the connection for events is lost: %s", lost)
                if monotonic() - socket.opened > reconnecting.STEADY:
                    self._lost_at = None
                await self._drop()
                return
            if socket.caught_up is not None and socket.caught_up > self._since:
                self._since = socket.caught_up
                self._told.forget_before(wire.timestamp_at(self._since - MARGIN))
            await self._take(message)

    async def _take(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "ka":
            self._to_look = self._to_look or wire.dropped(message)
        elif kind == "connection_error":
            raise self._hidden(wire.refusal(message))
        elif message.get("id") != self._id:
            return
        elif kind == "error":
            raise self._hidden(wire.refusal(message))
        elif kind == "complete":
            await self._drop()
        else:
            self._lost_at = None
            try:
                row = wire.label_in(message)
            except ApiError as error:
                self._ready.append(self._hidden(error))
                return
            if row is not None and not self._told.comes_again(row["id"], wire.timestamp_of(row)):
                await self._tell(row)

    async def _tell(self, row: Row) -> None:
        """Make an event ready, if it satisfies the query."""
        text, name, moment = row.get("jsonResponse"), row["id"], wire.timestamp_of(row)
        try:
            if self._input_type in CONVERSATIONS and "annotations" not in row:
                row["jsonResponse"] = response_of(row, text)
            else:
                await self._session._fetch(responses([row], self._input_type), self._call)
            event = wire.event_of(self._id, row, text)
            if self._keep is None or self._keep(event.label["jsonResponse"]):
                self._ready.append(event)
        except (ApiError, DataError) as error:
            self._ready.append(self._hidden(error))
        except asyncio.CancelledError:
            self._to_look = True  # it is found again
            raise
        self._told.know(name, moment)

    # -- what was missed -------------------------------------------------------------------------------------------

    async def _look(self) -> None:
        """Look for what was missed."""
        assert self._socket is not None
        until = self._socket.now()
        try:
            rows = await self._changed()
        except (ApiError, ArgumentError, DataError) as error:
            self._missed.clear()
            if await self._tries_again(error):
                return
            self._not_known(error)
        else:
            self._missed = deque(row["id"] for row in rows if self._told.is_new(row["id"], wire.timestamp_of(row)))
        self._to_look = False
        if not self._missed:
            self._since = until

    async def _fetch_missed(self) -> None:
        """Fetch some of what was missed, and make it ready."""
        ids = [self._missed[n] for n in range(min(AT_ONCE, len(self._missed)))]
        fields = [*wire.FIELDS, *wire.MORE_FIELDS]
        try:
            rows = await self._labels(
                fields, label_where({"project_id": self._project_id, "id_contains": ids}), len(ids)
            )
        except (ApiError, ArgumentError, DataError) as error:
            if await self._tries_again(error):
                return
            self._not_known(error)
        else:
            place = {label_id: n for n, label_id in enumerate(ids)}
            for row in sorted(rows, key=lambda row: place.get(row["id"], 0)):
                if self._told.is_new(row["id"], wire.timestamp_of(row)):
                    self._told.found(row["id"], wire.timestamp_of(row))
                    await self._tell(row)
        for _ in ids:
            self._missed.popleft()

    async def _tries_again(self, error: KiliQueryError) -> bool:
        """Whether to look again over a new connection, since the server may only have been away for a moment."""
        lately = self._lost_at is None or monotonic() - self._lost_at < reconnecting.GIVE_UP
        if not (lately and isinstance(error, ApiError) and may_pass(error)):
            return False
        await self._drop()
        return True

    def _not_known(self, error: KiliQueryError) -> None:
        told = f"what happened to labels of project `{self._project_id}` since {wire.timestamp_at(self._since)} is not known"
        missed = EventsMissedError(f"{told}: {error}", operation="labelCreatedOrUpdated")
        self._ready.append(self._hidden(missed))

    async def _changed(self) -> Sequence[Row]:
        """The labels that were made or changed lately: in the assets that were, the oldest change first.

        Raises
        ------
        ApiError: the server does not tell, or there are too many.
        """
        since = wire.timestamp_at(self._since - MARGIN)
        where = label_where({"project_id": self._project_id})
        where["asset"]["updatedAtGte"] = since
        rows = await self._labels(["id", "createdAt", "updatedAt"], where, MOST_MISSED + 1)
        if len(rows) > MOST_MISSED:
            raise ApiError(f"there are more than {MOST_MISSED:,} labels to look through")
        return sorted((row for row in rows if wire.timestamp_of(row) >= since), key=wire.timestamp_of)

    async def _labels(self, fields: list[str], where: Where, first: int) -> list[Row]:
        session, input_type = self._session, self._input_type
        listing = Listing(
            noun="labels", operation=label_wire.listing(fields, input_type), counting=label_wire.COUNT, where=where,
            page=label_wire.page_size(fields, input_type) if "jsonResponse" in fields else 500, first=first,
        )  # fmt: skip
        return await session._listed(listing, self._call, True)

    def _hidden(self, error: Any) -> Any:
        """The error without the key, which a server may repeat."""
        hide(error, self._session._settings.api_key.get_secret_value())
        return error
