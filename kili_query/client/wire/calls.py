"""Call headers: which public method of the SDK a request belongs to (wire.md 2)."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from typing import NamedTuple
from uuid import uuid4

PROTOCOL = "26.2.4"
"""The version of Kili's SDK whose protocol is spoken."""


class Call(NamedTuple):
    """The method that was called, when, and a name for this very call."""

    method: str
    time: str
    uuid: str

    @classmethod
    def of(cls, method: str) -> Call:
        """A call that is made now."""
        now = datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
        return cls(method, now, str(uuid4()))

    def headers(self) -> dict[str, str]:
        """The headers that tell of the call."""
        return {
            "kili-client-method-name": self.method,
            "kili-client-call-time": self.time,
            "kili-client-call-uuid": self.uuid,
        }


@cache
def client_headers() -> Mapping[str, str]:
    """The headers that tell of the client; always the same, and without the key."""
    return {
        "Accept": "application/json",
        "Content-Type": "application/json",
        "User-Agent": f"kili_query/{version('kili_query')}",
        "apollographql-client-name": "python-sdk",
        "apollographql-client-version": PROTOCOL,
        "kili-client-name": "python-sdk",
        "kili-client-version": PROTOCOL,
        "kili-client-language-name": "Python",
        "kili-client-language-version": platform.python_version(),
        "kili-client-platform-name": platform.system(),
        "kili-client-platform-version": platform.version(),
    }
