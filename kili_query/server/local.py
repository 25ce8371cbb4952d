"""LocalKili: the server as an object of Python, on a port or without one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from sqlalchemy import func, select

from kili_query.server.app import Api
from kili_query.server.graph.budget import MAX_BYTES, MAX_ROWS
from kili_query.server.loading import Interface, Loaded, load
from kili_query.server.store import tables as t
from kili_query.server.store.store import Account, Store
from kili_query.server.uploads import MAX_UPLOAD

if TYPE_CHECKING:
    from kili_query.server.transport import LocalTransport

ORGANIZATION, EMAIL = "Local", "local@kili.invalid"
"""Whom the first key of a data folder belongs to."""


class LocalKili:
    """A server that speaks the protocol of Kili, on data of its own; runs from the beginning of `with` to its end.

    Parameters
    ----------
    data_dir: the folder that keeps the data; without one they are gone at the end.
    host, port: where it listens; port 0 takes a free one.
    hosts: names beside `host` and `localhost` by which requests may call the server; `*` for all names. Others are
        refused, since a page of the web can have its own name point to this machine.
    socket: False for no port at all: what asks goes through `transport` or `app`.
    response_urls: contents of labels are served behind addresses (`jsonResponseUrl`), as Kili does for large ones.
    max_rows, max_bytes: what an answer may have, over all its levels; one that would have more is an error.
    max_upload: the largest file that is uploaded, in bytes.

    Raises
    ------
    DataError: the folder is not one of local Kili, is in use or damaged; the port is in use.

    >>> with LocalKili(socket=False) as server:
    ...     server.endpoint.endswith("/api/label/v2/graphql")
    True
    """

    def __init__(
        self,
        data_dir: str | os.PathLike[str] | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        hosts: Sequence[str] = (),
        socket: bool = True,
        response_urls: bool = False,
        max_rows: int = MAX_ROWS,
        max_bytes: int = MAX_BYTES,
        max_upload: int = MAX_UPLOAD,
    ) -> None:
        self._data_dir = None if data_dir is None else Path(data_dir)
        self._host = host
        self._port = port
        self._hosts = hosts
        self._socket = socket
        self._response_urls = response_urls
        self._bounds = {"max_rows": max_rows, "max_bytes": max_bytes, "max_upload": max_upload}
        self._closing: list[Callable[[], object]] = []
        self._store: Store | None = None
        self._transport: LocalTransport | None = None
        self.url = ""
        """The address without a path, such as `http://127.0.0.1:40321`."""
        self.api_key = ""
        """A key of the first user, who sees the projects that `load` makes."""

    # -- running ---------------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Start; `with` does it."""
        if self._store is not None:
            raise RuntimeError("this LocalKili is running already")
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop, and remove temporary data; `with` does it. A second time does nothing."""
        while self._closing:
            self._closing.pop()()
        self._store = self._transport = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self) -> None:
        listening = None
        if self._socket:
            from kili_query.server.port import listening_socket, serve

            listening = listening_socket(self._host, self._port)
            self._closing.append(listening.close)
        folder = self._data_dir
        if folder is None:
            temporary = tempfile.TemporaryDirectory(prefix="local-kili-", ignore_cleanup_errors=True)
            self._closing.append(temporary.cleanup)
            folder = Path(temporary.name)
        self._store = Store(folder, durable=self._data_dir is not None)
        self._closing.append(self._store.close)
        self.api_key = self._store.first_key(EMAIL, ORGANIZATION)
        api = Api(self._store, response_urls=self._response_urls, **self._bounds)
        self._closing.append(api.close)
        self.app = api.app
        self.url = "http://local.kili.invalid"
        if listening:
            host, port = listening.getsockname()[:2]
            shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
            self.url = f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"
            self._closing.append(serve(*api.for_hosts((self._host, *self._hosts)), listening))

    # -- what it has -----------------------------------------------------------------------------------------------

    @property
    def endpoint(self) -> str:
        """The address of the GraphQL route, for `Kili(api_endpoint=...)`."""
        return f"{self.url}/api/label/v2/graphql"

    @property
    def transport(self) -> LocalTransport:
        """A transport of httpx, for clients of both kinds, that needs no port."""
        if self._transport is None:
            from kili_query.server.transport import LocalTransport

            self._transport = LocalTransport(self.app)
            self._closing.append(self._transport.stop)
        return self._transport

    def load(
        self,
        export: str | os.PathLike[str],
        *,
        interface: Interface,
        input_type: str | None = None,
        title: str | None = None,
        api_key: str | None = None,
    ) -> str:
        """Make a project of an export; gives its id.

        `api_key` says whose project it is, if not that of the first user. Labels that cannot be read are left out;
        `load_report` tells which.

        Raises
        ------
        DataError: the export or the ontology cannot be read, or the export holds nothing.
        """
        report = self.load_report(export, interface=interface, input_type=input_type, title=title, api_key=api_key)
        return report.project_id

    def load_report(
        self,
        export: str | os.PathLike[str],
        *,
        interface: Interface,
        input_type: str | None = None,
        title: str | None = None,
        api_key: str | None = None,
        again: bool = True,
        advance: Callable[[int], None] = lambda size: None,
    ) -> Loaded:
        """As `load`; tells what was loaded and what was left out."""
        account = self._account(api_key or self.api_key)
        return load(
            self._running, account, export, interface, input_type=input_type, title=title, again=again, advance=advance
        )

    def add_user(
        self, *, email: str, organization: str = ORGANIZATION, firstname: str | None = None, lastname: str | None = None
    ) -> str:
        """A user, in an organization of that name, which is made if need be; gives the user's key.

        Raises
        ------
        ValueError: the organization has a user with that e-mail address.
        """
        return self._running.add_user(email, organization, firstname=firstname, lastname=lastname)

    def lock(self, asset_id: str, *, api_key: str | None = None, seconds: float = 1800) -> None:
        """Have a user open an asset, as people do in Kili's application: labels of others are refused meanwhile.

        The lock ends after `seconds`, or when the user labels the asset. `api_key` says who it is, if not the first user.

        Raises
        ------
        ValueError: there is no such asset, or somebody else has it open.
        """
        self._running.lock(self._account(api_key or self.api_key), asset_id, seconds)

    def projects(self) -> list[tuple[str, str, int]]:
        """The projects of the first user's organization: id, title, number of labels."""
        c, labels = t.projects.c, t.labels.c
        number = select(func.count()).where(labels.project_id == c.id).scalar_subquery()
        mine = (c.organization_id == self._account(self.api_key).organization_id, ~c.deleted)
        with self._running.reading() as connection:
            rows = connection.execute(select(c.id, c.title, number).where(*mine).order_by(c.created_at)).all()
        return [(project, title, labels) for project, title, labels in rows]

    @property
    def _running(self) -> Store:
        if self._store is None:
            raise RuntimeError("this LocalKili is not running: use it inside `with`, or call start()")
        return self._store

    def _account(self, key: str) -> Account:
        account = self._running.account(key)
        if account is None:
            raise ValueError("the key is not known here")
        return account
