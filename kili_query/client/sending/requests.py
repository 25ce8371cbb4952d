"""Requests as values: what is sent where, how the transport treats it, and what reads the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from kili_query.client.wire.answers import Answer, read_answer, read_content, read_saved, read_uploaded
from kili_query.client.wire.documents import Operation

if TYPE_CHECKING:
    from kili_query.client.media.part import Part

NOTHING: Mapping[str, str] = MappingProxyType({})


class Request(NamedTuple):
    """A request.

    Parameters
    ----------
    name: what messages call it.
    method, url, body: what is sent where.
    read: what the answer means, or the `Failure` that it is.
    counted: it goes to the API of Kili, which limits calls and takes compressed bodies; downloads and uploads do not.
    change: it changes something, and is not sent again if it may have been carried out.
    into: the file that takes the content of the answer, in place of memory.
    """

    name: str
    method: str
    url: str
    body: bytes | str | None
    """The content itself; a text is the name of a file, which is read while it is sent."""
    read: Callable[[Answer], Any]
    counted: bool = True
    change: bool = False
    headers: Mapping[str, str] = NOTHING
    into: Part | None = None


def asked(operation: Operation[Any], endpoint: str) -> Request:
    """The request that asks the API for what an operation gives."""
    body = msgspec.json.encode({"query": operation.document, "variables": dict(operation.variables)})
    read = partial(read_answer, read=operation.read, root=operation.root)
    return Request(operation.name, "POST", endpoint, body, read, change=operation.change)


def downloaded(url: str) -> Request:
    """The request for the JSON value that lies behind an address."""
    return Request("download", "GET", url, None, read_content, counted=False)


def saved(url: str, part: Part) -> Request:
    """The request for the file that lies behind an address."""
    return Request("download", "GET", url, None, partial(read_saved, part=part), counted=False, into=part)


_AZURE = "blob.core.windows.net"


def uploaded(url: str, body: bytes | str, mime: str) -> Request:
    """The request that puts a file, or a content, behind a signed address.

    What follows `&id=` is the server's own note, and no part of what was signed (wire.md 9).
    """
    address = url.partition("&id=")[0]
    headers = {"Content-Type": mime}
    if _AZURE in address and (urlsplit(address).hostname or "").endswith(_AZURE):
        headers["x-ms-blob-type"] = "BlockBlob"
    return Request("upload", "PUT", address, body, read_uploaded, counted=False, headers=headers)
