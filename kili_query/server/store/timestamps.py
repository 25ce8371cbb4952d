"""Timestamps: texts of one length in UTC, `2024-02-01T10:00:00.000Z`, and the spans of time that filters mean by them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def now() -> str:
    """The timestamp of now."""
    return _written(datetime.now(UTC))


def after(seconds: float) -> str:
    """The timestamp of so many seconds from now."""
    return _written(datetime.now(UTC) + timedelta(seconds=seconds))


def timestamp(text: str) -> str:
    """A date and time as the timestamp that is stored; a text without time zone is in UTC.

    Raises
    ------
    ValueError: it is no date.

    >>> timestamp("2024-02-01T12:00:00+02:00")
    '2024-02-01T10:00:00.000Z'
    """
    read = datetime.fromisoformat(text)
    return _written(read.astimezone(UTC) if read.tzinfo else read)


def span(text: str) -> tuple[str, str]:
    """The first and the last timestamp that a filter means: of a whole day, or one alone.

    Raises
    ------
    ValueError: it is no date.

    >>> span("2024-02-01")
    ('2024-02-01T00:00:00.000Z', '2024-02-01T23:59:59.999Z')
    """
    if _DAY.fullmatch(text):
        date.fromisoformat(text)
        return f"{text}T00:00:00.000Z", f"{text}T23:59:59.999Z"
    if not _DAY.match(text):
        raise ValueError(text)
    exact = timestamp(text)
    return exact, exact


def _written(value: datetime) -> str:
    return value.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
