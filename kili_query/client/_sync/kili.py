# Generated from kili_query/client/_async/kili.py by kili_query.client.generate.unasync. Do not edit.
"""The synchronous client of Kili."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from kili_query.client._sync.asset_changes import AssetChanges
from kili_query.client._sync.events import Events
from kili_query.client._sync.exports import Exports
from kili_query.client._sync.imports import Imports
from kili_query.client._sync.label_changes import LabelChanges
from kili_query.client._sync.transport import Transport
from kili_query.client._sync.typed import Assets, Labels, Projects
from kili_query.client.absent import absent
from kili_query.client.arguments import check_arguments
from kili_query.client.sending.limits import PROCESS_LIMIT
from kili_query.client.sending.settings import MAX_ANSWER_BYTES, find_settings, hidden
from kili_query.client.types import CheckQueries, Positive
from kili_query.errors import ArgumentError


class Kili(
    Labels,
    Exports,
    AssetChanges,
    Assets,
    Projects,
    LabelChanges,
    Imports,
    Events,
):
    """A client of Kili whose category queries are parsed, checked against the ontology, and compiled.

    Of each setting holds the first of: argument, environment variable (`KILI_API_KEY`, `KILI_API_ENDPOINT`,
    `KILI_VERIFY`, `KILI_DISABLE_TQDM`, `KILI_DISABLE_REQUEST_COMPRESSION`), file `kili-sdk-config.json` of the working
    folder or the home folder. Nothing is sent before the first call.

    Parameters
    ----------
    api_key: the key; without one, and none in the environment or the file, an error.
    api_endpoint: the address of Kili's API; by default the cloud's.
    verify: False does not check certificates; a path names certificates to trust.
    client_name, graphql_client_params: of `kili`, taken so that its scripts run, and without effect: here nothing of
        the schema is cached.
    disable_tqdm: True hides all progress bars.
    disable_request_compression: True never compresses requests.
    check_queries: what becomes of a category query that does not fit the ontology: "error" raises, "warn" warns and
        sends it, "off" does not look.
    local_filter: answer queries that Kili's own language cannot express (quoted names) by fetching more and
        filtering here.
    max_answer_bytes: the bytes that one answer of the server may have, once inflated; a larger one is an error.
    transport: an httpx transport to use instead of the network, such as that of `LocalKili(socket=False)`.

    Raises
    ------
    AuthenticationError: there is no key.
    ArgumentError: an argument cannot be used.
    """

    def __init__(
        self,
        api_key: str | None = None,
        api_endpoint: str | None = None,
        verify: bool | str | None = None,
        client_name: Any = None,
        graphql_client_params: Any = None,
        disable_tqdm: bool | None = None,
        disable_request_compression: bool | None = None,
        *,
        check_queries: CheckQueries = "error",
        local_filter: bool = False,
        max_answer_bytes: Positive = MAX_ANSWER_BYTES,
        transport: Any = None,
    ) -> None:
        key, api_key = hidden(api_key), None
        # the key is checked with the settings: what is said of arguments shows them
        unchecked = ("api_key", "transport", "client_name", "graphql_client_params")
        arguments = check_arguments(
            Kili.__init__, {name: value for name, value in locals().items() if name not in unchecked}
        )
        if transport is not None and not hasattr(transport, "handle_request"):
            raise ArgumentError("transport", f"is of type {type(transport).__name__}; it takes an httpx.BaseTransport")
        settings = find_settings(key, **arguments)
        limit = PROCESS_LIMIT if transport is None else None  # it protects Kili's servers, not what has no network
        super().__init__(settings, Transport(settings, limit, transport))

    def __getattr__(self, name: str) -> Any:
        told = absent(name) or f"{type(self).__name__!r} object has no attribute {name!r}"
        raise AttributeError(told, name=name, obj=self)

    def __repr__(self) -> str:
        settings = getattr(self, "_settings", None)  # none if the constructor failed
        return f"{type(self).__name__}({settings.endpoint!r})" if settings else f"{type(self).__name__}()"

    @property
    def api_key(self) -> str:
        """The API key."""
        return self._settings.api_key.get_secret_value()

    @property
    def api_endpoint(self) -> str:
        """The address of Kili's API."""
        return self._settings.endpoint

    @property
    def verify(self) -> bool | str:
        """Whether certificates are checked, or the path of those to trust."""
        return self._settings.verify

    def close(self) -> None:
        """Close the connections. The client can still be used; it opens new ones."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
