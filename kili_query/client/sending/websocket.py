"""The websocket that events come by. The only module of the client that knows the library websockets."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import ssl
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from time import monotonic, time
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidProxy, InvalidStatus, WebSocketException

from kili_query.client.wire.calls import client_headers
from kili_query.errors import ApiConnectionError, ApiError, AuthenticationError, DataError, NotFoundError, ServerError
from kili_query.model.decoding import decode_json, encode_json

SUBPROTOCOL = "graphql-ws"

PATIENCE = 10
"""Seconds that the server may take to accept a connection."""

PING = 20
"""Seconds between two questions whether the server is there."""

PONG = 60
"""Seconds that it may take to answer: the answer comes behind all events that wait to be looked at."""

CLOSING = 1
"""Seconds that the farewell may take."""

MOST_FRAMES = 256
"""Messages that wait here to be looked at; others wait on the line."""

CAUGHT_UP = 0.05
"""Who has waited so many seconds for a message has seen all before it."""

# at the level of debugging, the library would write the key into the log
_logger = logging.getLogger("kili_query.client.sending.websocket")
_logger.setLevel(logging.WARNING)


class Lost(Exception):
    """The connection is gone, for this reason."""


class _Connect(connect):
    def process_redirect(self, exc: Exception) -> Exception | str:
        """None: the key would go along, to wherever a redirect leads."""
        return exc


class Websocket:
    """A connection that is open."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self.opened = monotonic()
        self.ahead = _ahead(connection)
        """Seconds that the server's clock is ahead of ours."""
        self.caught_up: float | None = None
        """The last moment of the server's clock at which nothing waited to be looked at; None if there was none yet."""

    def now(self) -> float:
        """The present moment of the server's clock."""
        return time() + self.ahead

    async def send(self, message: Mapping[str, Any]) -> None:
        """Send a message.

        Raises
        ------
        Lost: the connection is gone.
        """
        try:
            await self._connection.send(encode_json(message).decode())
        except ConnectionClosed as error:
            raise Lost(_farewell(error)) from None

    async def receive(self, seconds: float | None = None) -> dict[str, Any]:
        """The next message.

        Raises
        ------
        Lost: the connection is gone, or what came is no message.
        TimeoutError: none came in time.
        """
        began, moment = monotonic(), self.now()
        try:
            text = await asyncio.wait_for(self._connection.recv(), seconds)
            message = decode_json(text)
        except ConnectionClosed as error:
            raise Lost(_farewell(error)) from None
        except DataError:
            raise Lost("what came is no message of the protocol") from None
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise Lost("what came is no message of the protocol")
        if monotonic() - began > CAUGHT_UP:
            self.caught_up = moment
        return message

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()


async def open_websocket(endpoint: str, certificates: ssl.SSLContext | None, most_bytes: int) -> Websocket:
    """Open a connection to the server of an endpoint.

    Raises
    ------
    ApiError: it cannot be opened. No message of the library is shown: it may hold the address.
    """
    parts = urlsplit(endpoint)
    address = f"ws{endpoint.removeprefix('http')}"
    place = f"{parts.scheme}://{parts.netloc}{parts.path}"
    secure: dict[str, Any] = {"ssl": certificates} if parts.scheme == "https" else {}
    try:
        connection = await _Connect(
            address, subprotocols=[SUBPROTOCOL], origin=f"{parts.scheme}://{parts.netloc}", compression=None,  # type: ignore[list-item,arg-type]
            user_agent_header=client_headers()["User-Agent"], open_timeout=PATIENCE, ping_interval=PING, ping_timeout=PONG,
            close_timeout=CLOSING, max_size=most_bytes, max_queue=MOST_FRAMES, logger=_logger, **secure,
        )  # fmt: skip
    except (OSError, WebSocketException, ValueError, ImportError) as error:
        raise _not_opened(error, place) from None
    return Websocket(connection)


def _not_opened(error: Exception, place: str) -> ApiError:
    if isinstance(error, InvalidStatus):
        status = error.response.status_code
        told = f"{place} opens no websocket: HTTP status {status}"
        if status in (401, 403):
            return AuthenticationError(told, status=status)
        return NotFoundError(told, status=status) if status == 404 else ServerError(told, status=status)
    if isinstance(error, ssl.SSLCertVerificationError):
        told = f"the certificate of {place} is not trusted: {error.verify_message}"
        return ApiConnectionError(f"{told}; `verify` takes the path of certificates to trust, or False")
    if isinstance(error, (InvalidProxy, ImportError)):
        return ApiConnectionError("the proxy that the environment names cannot be used for websockets")
    if isinstance(error, TimeoutError):
        return ApiConnectionError(f"{place} opened no websocket within {PATIENCE} seconds")
    if isinstance(error, InvalidHandshake | WebSocketException | ValueError):
        return ApiConnectionError(f"{place} opens no websocket; a proxy in between may not let them through")
    number = error.errno if isinstance(error, OSError) else None
    reason = os.strerror(number) if number in errno.errorcode and number is not None else ""
    return ApiConnectionError(f"{place} cannot be reached for a websocket" + (f": {reason}" if reason else ""))


def _ahead(connection: ClientConnection) -> float:
    """How far the server's clock is ahead of ours, as far as the head of its answer tells it."""
    date = connection.response.headers.get("Date") if connection.response else None
    try:
        return parsedate_to_datetime(date).timestamp() - time() if date else 0.0
    except (ValueError, OverflowError):
        return 0.0


def _farewell(error: ConnectionClosed) -> str:
    return f"the server closed the connection (code {error.rcvd.code})" if error.rcvd else "the connection broke"
