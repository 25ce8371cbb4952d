"""Requests as values: what is sent where, how the transport treats it, and what reads the answer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import msgspec

from kili_query.client.answers import Answer, read_answer, read_content
from kili_query.client.documents import Operation


class Request(NamedTuple):
    """A request.

    Parameters
    ----------
    name: what messages call it.
    method, url, body: what is sent where.
    read: what the answer means, or the `Failure` that it is.
    counted: it goes to the API of Kili, which limits calls and takes compressed bodies; downloads and uploads do not.
    change: it changes something, and is not sent again if it may have been carried out.
    """

    name: str
    method: str
    url: str
    body: bytes | None
    read: Callable[[Answer], Any]
    counted: bool = True
    change: bool = False


def asked(operation: Operation[Any], endpoint: str) -> Request:
    """The request that asks the API for what an operation gives."""
    body = msgspec.json.encode({"query": operation.document, "variables": dict(operation.variables)})
    read = partial(read_answer, read=operation.read)
    return Request(operation.name, "POST", endpoint, body, read, change=operation.change)


def downloaded(url: str) -> Request:
    """The request for the JSON value that lies behind an address."""
    return Request("download", "GET", url, None, read_content, counted=False)
