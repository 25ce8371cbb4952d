"""What is sent again, how often, and after how long: the table of wire.md 4, row by row."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_query import ApiError, GraphQLError, RateLimitError
from kili_query.client.sending.retries import (
    DEADLINE,
    FRESH_ATTEMPTS,
    LONGEST_RETRY_AFTER,
    LONGEST_WAIT,
    UNKNOWN_OUTCOME,
    Failure,
    Kind,
    kind_of_status,
    wait_before_next,
)
from kili_query.client.wire.answers import Answer, read_answer, retry_after

ENVOY = b"upstream connect error or disconnect/reset before headers. "
UNTIL_DEADLINE = None


class Row(NamedTuple):
    """A row of the table: an answer without data and errors, and how often a query and a mutation are sent."""

    status: int
    body: bytes
    query: int | None
    change: int | None
    unknown: bool


TABLE = [
    Row(401, b"", UNTIL_DEADLINE, UNTIL_DEADLINE, False),
    Row(429, b"", UNTIL_DEADLINE, UNTIL_DEADLINE, False),
    Row(521, b"", UNTIL_DEADLINE, UNTIL_DEADLINE, False),
    Row(503, b"no healthy upstream", UNTIL_DEADLINE, UNTIL_DEADLINE, False),
    Row(503, ENVOY + b"reset reason: overflow", UNTIL_DEADLINE, UNTIL_DEADLINE, False),
    Row(503, ENVOY + b"reset reason: connection failure", UNTIL_DEADLINE, UNTIL_DEADLINE, False),
    Row(503, ENVOY.replace(b"connect error", b"retried and failed") + b"reset reason: overflow", 5, 1, True),
    Row(503, ENVOY + b"reset reason: connection termination", 5, 1, True),
    Row(503, b"", 5, 1, True),
    Row(502, b"no healthy upstream", 5, 1, True),
    Row(502, b"", 5, 1, True),
    Row(501, b"", 5, 1, True),
    Row(520, b"", 5, 1, True),
    Row(599, b"", 5, 1, True),
    Row(200, b"<html>", 5, 1, True),
    Row(204, b"", 5, 1, True),
    Row(504, b"", 2, 1, True),
    Row(524, b"", 2, 1, True),
    Row(500, b"", 1, 1, True),
    Row(400, b"", 1, 1, False),
    Row(403, b"", 1, 1, False),
    Row(404, b"", 1, 1, False),
    Row(408, b"", 1, 1, False),
    Row(413, b"", 1, 1, False),
    Row(415, b"", 1, 1, False),
    Row(418, b"", 1, 1, False),
    Row(301, b"", 1, 1, False),
    Row(307, b"", 1, 1, False),
]


def _read(status: int, headers: dict[str, str], body: bytes) -> Any:
    """The data of an answer, or the failure that it is."""
    return read_answer(Answer("x", status, headers, body), lambda data: data)


def _failure(row: Row) -> Failure:
    found = _read(row.status, {}, row.body)
    assert isinstance(found, Failure)
    return found


def _sent(failure: Failure, *, change: bool, fresh: bool = False) -> int:
    """How often a call is sent if it always fails so, and each attempt takes a second."""
    attempt, elapsed = 1, 1.0
    while (wait := wait_before_next(failure, attempt, elapsed, change=change, fresh=fresh)) is not None:
        assert 0 <= wait <= LONGEST_RETRY_AFTER
        attempt, elapsed = attempt + 1, elapsed + wait + 1
    return attempt


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.status}-{row.body[-20:].decode()}")
def test_the_table(row: Row) -> None:
    failure = _failure(row)
    assert failure.kind is kind_of_status(row.status, row.body)
    assert (failure.kind in UNKNOWN_OUTCOME) is row.unknown
    for change, expected in ((False, row.query), (True, row.change)):
        sent = _sent(failure, change=change)
        assert sent > 5 if expected is UNTIL_DEADLINE else sent == expected


@pytest.mark.parametrize(
    ("message", "query"),
    [
        ("Invalid request made to Flagsmith API", 5),
        ("Request failed: Failed to fetch data connection.\nstack", 5),
        ("Unknown\nInvalid request made to Flagsmith API", 1),
        ("invalid request made to flagsmith api", 1),
        ("Too many requests", 1),
    ],
)
@pytest.mark.parametrize("status", [200, 400, 500, 503])
def test_refusals_in_the_terms_of_graphql(message: str, query: int, status: int) -> None:
    body = b'{"errors": [{"message": "%s"}, {"message": "Invalid request made to Flagsmith API"}]}'
    failure = _read(status, {}, body % message.replace("\n", "\\n").encode())
    assert isinstance(failure, Failure)
    assert isinstance(failure.error, GraphQLError)
    assert _sent(failure, change=False) == query
    assert _sent(failure, change=True) == 1
    assert failure.kind not in UNKNOWN_OUTCOME


def test_a_server_that_never_answered_is_given_up_soon() -> None:
    refused = Failure(ApiError("no"), Kind.NOT_HANDLED)
    assert _sent(refused, change=False, fresh=True) == FRESH_ATTEMPTS
    assert _sent(refused, change=True, fresh=True) == FRESH_ATTEMPTS
    assert _sent(_failure(Row(401, b"", 1, 1, False)), change=False, fresh=True) == 1
    # too many calls are no sign of a wrong address
    assert _sent(_failure(Row(429, b"", 1, 1, False)), change=False, fresh=True) > FRESH_ATTEMPTS


def test_the_numbers_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """wire.md 4: two minutes for a call, half a minute between attempts, a minute if the server asks for more."""
    refused = Failure(RateLimitError("no", status=429), Kind.NOT_HANDLED)
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    waits = [wait_before_next(refused, attempt, 0.0, change=False, fresh=False) for attempt in range(1, 9)]
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30]
    for asked, waited in ((1.0, 1.0), (59.0, 59.0), (60.0, 60.0), (61.0, 60.0), (1e9, 60.0)):
        assert wait_before_next(refused._replace(retry_after=asked), 1, 0.0, change=True, fresh=False) == waited
    for elapsed, waited_at_last in (
        (0.0, 10.0),
        (109.0, 10.0),
        (109.9, 10.0),
        (110.0, None),
        (119.0, None),
        (1e9, None),
    ):
        wait = wait_before_next(refused._replace(retry_after=10.0), 99, elapsed, change=False, fresh=False)
        assert wait == waited_at_last
    silent = Failure(ApiError("no"), Kind.NOT_HANDLED)
    assert [_sent(silent, change=change, fresh=True) for change in (False, True)] == [4, 4]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (100, Kind.BROKEN), (200, Kind.BROKEN), (299, Kind.BROKEN), (300, Kind.FINAL), (301, Kind.FINAL), (400, Kind.FINAL),
        (402, Kind.FINAL), (428, Kind.FINAL), (430, Kind.FINAL), (499, Kind.FINAL), (500, Kind.FAILED), (501, Kind.BROKEN),
        (505, Kind.BROKEN), (520, Kind.BROKEN), (521, Kind.NOT_HANDLED), (522, Kind.BROKEN), (524, Kind.SLOW), (599, Kind.BROKEN),
    ],
)  # fmt: skip
def test_the_borders_of_statuses(status: int, kind: Kind) -> None:
    assert kind_of_status(status, b"") is kind


KINDS = st.sampled_from(list(Kind))
SECONDS = st.none() | st.floats(0, 1e300)


@given(kind=KINDS, attempt=st.integers(1, 10**6), elapsed=st.floats(0, 1e9), after=SECONDS, change=st.booleans())
def test_waits_are_bounded_and_end_before_the_deadline(
    kind: Kind, attempt: int, elapsed: float, after: float | None, change: bool
) -> None:
    wait = wait_before_next(Failure(ApiError("x"), kind, after), attempt, elapsed, change=change, fresh=False)
    if wait is not None:
        assert 0 <= wait <= (LONGEST_WAIT if after is None else LONGEST_RETRY_AFTER)
        assert wait <= 2 ** min(attempt - 1, 10) or after is not None
        assert elapsed + wait < DEADLINE
        assert kind is Kind.NOT_HANDLED or not change
        if after is not None:
            assert wait == min(after, LONGEST_RETRY_AFTER)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0), (" 7 ", 7.0), ("007", 7.0), ("9" * 400, float("inf")), ("0", None), ("", None), ("-1", None),
        ("1.5", None), ("soon", None), ("٣", None), ("1e3", None), ("Wed, 21 Oct 2026 07:28:00 GMT", None),
    ],
)  # fmt: skip
def test_retry_after_counts_if_it_is_a_number_of_seconds(value: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": value}) == seconds
    failure = Failure(RateLimitError("x"), Kind.NOT_HANDLED, retry_after({"retry-after": value}))
    wait = wait_before_next(failure, 1, 0.0, change=False, fresh=False)
    assert wait is not None
    assert wait == min(seconds, LONGEST_RETRY_AFTER) if seconds else 0 <= wait <= 1


BYTES = st.binary(max_size=60) | st.sampled_from(
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"data":null}',
        b'{"data":0}',
        b'{"errors":0}',
        b'{"errors":[[]]}',
        b'{"data":"\xff"}',
    ]
)


@given(status=st.integers(100, 599), body=BYTES)
def test_any_answer_is_data_or_one_failure(status: int, body: bytes) -> None:
    found = _read(status, {"x-request-id": "r"}, body)
    if isinstance(found, Failure):
        assert isinstance(found.error, ApiError)
        assert found.error.request_id == "r"
        assert found.error.status == status
    else:
        assert b"data" in body
