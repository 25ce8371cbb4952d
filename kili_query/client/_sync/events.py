"""Events: labels as they are made or changed, given to a callback from a thread. By hand; the connection is that of `_async`."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from types import TracebackType
from typing import Any, Self

from kili_query.client._async.events import NO_NETWORK, AsyncEvents, LabelEvents
from kili_query.client._async.transport import AsyncTransport
from kili_query.client._sync.session import Session
from kili_query.client.arguments import check_arguments
from kili_query.client.operations.events import LabelEvent
from kili_query.client.types import CategorySearch, Id
from kili_query.errors import ArgumentError, KiliQueryError

Callback = Callable[[str, dict[str, Any]], object]
OnError = Callable[[Exception], object]


class Events(Session):
    """The method that tells of labels as they come."""

    def label_created_or_updated(
        self,
        project_id: Id,
        callback: Callback,
        *,
        category_search: CategorySearch | None = None,
        on_error: OnError | None = None,
    ) -> Subscription:
        """Call a function with each label of a project that is made or changed, as it happens, from a thread.

        The function gets what that of `kili` gets: the id of the subscription, and the frame, a dict with the label in
        `frame["payload"]["data"]["data"]`, whose `jsonResponse` is text. (The documents of `kili` speak of an asset's id
        and a label's content, which it never was.) It is called by one thread, event after event.

        The server listens when the method returns. The connection comes again when it breaks. What was missed meanwhile
        is looked for, and told once; where that fails, an `EventsMissedError` is reported.

        Parameters
        ----------
        project_id: id of the project.
        callback: a function of two arguments. What it raises is reported, and the next event is told.
        category_search: only labels that satisfy this category query; it is decided here.
        on_error: a function that gets what is reported; without it, that is printed as an exception of a thread is
            (`threading.excepthook`).

        Returns
        -------
        A `Subscription`. `close()` ends it, and so does the end of a `with` block.

        Raises
        ------
        ArgumentError: an argument cannot be used, or the client has no network.
        QuerySyntaxError, QueryCheckError: the category query is wrong for this project.
        NotFoundError: there is no such project.
        ApiError: the server cannot be reached, or refuses.

        Examples
        --------
        >>> subscription = kili.label_created_or_updated(project, lambda subscription_id, frame: print(frame["payload"]))
        >>> subscription.close()
        """
        given = {"project_id": project_id, "category_search": category_search}
        check_arguments(AsyncEvents.label_created_or_updated, given)
        _check_function("callback", callback, 2)
        if on_error is not None:
            _check_function("on_error", on_error, 1)

        certificates = self._transport.certificates
        if certificates is None:
            raise ArgumentError("transport", NO_NETWORK)
        session = AsyncEvents(self._settings, AsyncTransport(self._settings, self._transport.limit, None, certificates))
        events = session.label_created_or_updated(project_id, category_search=category_search)
        return Subscription(events, callback, on_error)


def _check_function(argument: str, function: object, taken: int) -> None:
    """Refuse what cannot be called with so many arguments by position."""
    said = f"it takes a function of {taken} argument{'s' * (taken > 1)}"
    if not callable(function):
        raise ArgumentError(argument, f"is of type {type(function).__name__}; {said}")
    try:
        inspect.signature(function).bind(*range(taken))
    except TypeError:
        raise ArgumentError(argument, f"is a function of other arguments; {said}") from None
    except ValueError:  # of some that are written in C, nobody knows
        pass


class Subscription:
    """Events that are given to a callback, until `close()`."""

    def __init__(self, events: LabelEvents, callback: Callback, on_error: OnError | None) -> None:
        self._events = events
        self._callback, self._on_error = callback, on_error
        self._paused = False
        self._closed = False
        self._lock = threading.Lock()
        self._step: Future[LabelEvent | None] | None = None
        self.error: KiliQueryError | None = None
        """What has ended it, after all attempts; None as long as nothing has."""
        # the connection lives in a loop of its own, so that the server is answered while the callback works
        self._loop = asyncio.new_event_loop()
        self._network = threading.Thread(target=self._loop.run_forever, daemon=True, name="kili_query connection")
        self._network.start()
        try:
            asyncio.run_coroutine_threadsafe(_begun(events), self._loop).result()
        except BaseException:
            self._end_loop()
            raise
        self._thread = threading.Thread(target=self._run, daemon=True, name="kili_query events")
        self._thread.start()

    def close(self) -> None:
        """End it. When this returns, the callback is done and is not called again; the callback itself may call it."""
        with self._lock:
            self._closed = True
            if self._step is not None:
                self._step.cancel()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for its end, for so many seconds at most; tells whether it has ended."""
        if timeout is not None:
            self._thread.join(timeout)
        while timeout is None and self._thread.is_alive():  # Ctrl-C that comes just before a wait does not end it
            self._thread.join(0.2)
        return not self._thread.is_alive()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- as `kili` has them ----------------------------------------------------------------------------------------

    def pause(self) -> None:
        """Leave out the events that come, until `unpause()`."""
        self._paused = True

    def unpause(self) -> None:
        """Give events to the callback again."""
        self._paused = False

    def get_lifetime(self) -> int:
        """The seconds that the connection has lasted."""
        return int(self._events.lifetime)

    def reset_timeout(self) -> None:
        """Make a new connection; nothing is lost."""
        with self._lock:
            if not self._closed and self._thread.is_alive():
                asyncio.run_coroutine_threadsafe(self._events.reconnect(), self._loop)

    @property
    def failed_connection_attempts(self) -> int:
        """Attempts to connect that have failed since there was a connection."""
        return self._events.failed_connection_attempts

    # -- the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while True:
                with self._lock:
                    if self._closed:
                        return
                    self._step = asyncio.run_coroutine_threadsafe(_next(self._events), self._loop)
                try:
                    event = self._step.result()
                except CancelledError:
                    return
                except KiliQueryError as error:
                    self.error = self._events.error
                    self._report(error)
                    if self.error:
                        return
                    continue
                if event is None:
                    return
                if not (self._paused or self._closed):
                    self._give(event)
        finally:
            with self._lock:
                self._closed = True
            self._end_loop()

    def _give(self, event: LabelEvent) -> None:
        try:
            self._callback(event.subscription_id, event.frame)
        except Exception as error:
            self._report(error)

    def _report(self, error: Exception) -> None:
        if self._on_error is not None:
            try:
                self._on_error(error)
                return
            except Exception as another:
                error = another
        told = threading.ExceptHookArgs((type(error), error, error.__traceback__, threading.current_thread()))
        threading.excepthook(told)

    def _end_loop(self) -> None:
        """End the connection and its thread."""
        asyncio.run_coroutine_threadsafe(_ended(self._events), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._network.join()
        self._loop.close()


async def _begun(events: LabelEvents) -> None:
    await events


async def _next(events: LabelEvents) -> LabelEvent | None:
    return await anext(events, None)


async def _ended(events: LabelEvents) -> None:
    """Close what is open in the loop, and end what still runs there."""
    await events.aclose()
    await events.close_session()
    running = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_default_executor()
