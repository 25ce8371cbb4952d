"""Retry policy: when a call is sent again, and when not; the table of wire.md 4, as data and a pure decision."""

from __future__ import annotations

import logging
import random
from enum import Enum
from typing import NamedTuple

from kili_query.errors import ApiError, GraphQLError

log = logging.getLogger("kili_query.client")

DEADLINE = 120.0
"""Seconds after which no call is sent again."""

LONGEST_WAIT, LONGEST_RETRY_AFTER = 30.0, 60.0

FRESH_ATTEMPTS = 4
"""Attempts while nothing has ever been answered: a wrong address or key is told in seconds, not in two minutes."""


class Kind(Enum):
    """What happened to a call, as far as sending it again is concerned."""

    NOT_HANDLED = "not handled"
    """It did not arrive, or was turned away unread: refused connection, 401, 429, 521."""
    BROKEN = "broken"
    """It may have been carried out: dropped connection, 502, unreadable answer."""
    SLOW = "slow"
    """No answer in time: 504, 524, read timeout."""
    FAILED = "failed"
    """The server failed at it, or answered without data: 500, `data` null."""
    PASSING = "passing"
    """A refusal that Kili's backend is known to give for a moment."""
    FINAL = "final"
    """It would fail again."""


QUERY_ATTEMPTS = {
    Kind.NOT_HANDLED: None, Kind.BROKEN: 5, Kind.SLOW: 2, Kind.FAILED: 1, Kind.PASSING: 5, Kind.FINAL: 1
}  # fmt: skip
"""How often a query is sent; None: until the deadline."""

CHANGE_ATTEMPTS = dict.fromkeys(Kind, 1) | {Kind.NOT_HANDLED: None}
"""How often a mutation is sent: again only if it certainly was not carried out."""

UNKNOWN_OUTCOME = frozenset((Kind.BROKEN, Kind.SLOW, Kind.FAILED))
"""Failures after which a mutation may have been carried out or not."""

_BY_STATUS = {401: Kind.NOT_HANDLED, 429: Kind.NOT_HANDLED, 521: Kind.NOT_HANDLED, 500: Kind.FAILED,
              504: Kind.SLOW, 524: Kind.SLOW}  # fmt: skip

_PASSING_MESSAGES = ("Invalid request made to Flagsmith API", "Failed to fetch data connection")
_NOT_FORWARDED = (b"no healthy upstream", b"reset reason: overflow", b"reset reason: connection failure")


class Failure(NamedTuple):
    """A call that failed: the error, what kind of failure it is, and how long the server asks to wait."""

    error: ApiError
    kind: Kind
    retry_after: float | None = None


def kind_of_refusal(error: ApiError) -> Kind:
    """What a refusal in GraphQL's terms is: final, but for what Kili's backend is known to say for a moment."""
    first = error.messages[0].split("\n", 1)[0] if isinstance(error, GraphQLError) and error.messages else ""
    return Kind.PASSING if any(message in first for message in _PASSING_MESSAGES) else Kind.FINAL


def kind_of_status(status: int, body: bytes | bytearray) -> Kind:
    """What an answer without data and errors is, by its HTTP status; 200 is one of another program."""
    if status == 503 and b"retried" not in body and any(words in body for words in _NOT_FORWARDED):
        return Kind.NOT_HANDLED
    return _BY_STATUS.get(status, Kind.BROKEN if status >= 500 or status < 300 else Kind.FINAL)


def wait_before_next(failure: Failure, attempt: int, elapsed: float, *, change: bool, fresh: bool) -> float | None:
    """Seconds to wait before the call is sent again; None if it is not.

    Parameters
    ----------
    attempt: how often the call was sent, from 1.
    elapsed: seconds since it was sent first.
    change: it is a mutation.
    fresh: the server has not answered anything before.
    """
    most = (CHANGE_ATTEMPTS if change else QUERY_ATTEMPTS)[failure.kind]
    if fresh and failure.kind is Kind.NOT_HANDLED and failure.error.status != 429:
        most = 1 if failure.error.status == 401 else FRESH_ATTEMPTS
    if most is not None and attempt >= most:
        return None
    if failure.retry_after is not None:
        wait = min(failure.retry_after, LONGEST_RETRY_AFTER)
    else:
        wait = random.uniform(0, min(2 ** (attempt - 1), LONGEST_WAIT))
    return wait if elapsed + wait < DEADLINE else None


def tell(failure: Failure, attempt: int, wait: float) -> None:
    """Tell the log, not the screen, that a call is sent again."""
    log.warning(
        "%s failed (%s); sent again in %.1f s, attempt %d", failure.error.operation, failure.error, wait, attempt + 1
    )
