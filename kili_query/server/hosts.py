"""Hosts: which names of the server a request may have in its `Host` header.

A page of the web can have its own name point to this machine (DNS rebinding), and then asks local Kili as if it were its
own server. The browser tells the name in `Host`: names that are not the server's own are refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

OWN = ("localhost", "127.0.0.1", "::1")
"""Names that every machine gives itself."""

EVERYWHERE = ("0.0.0.0", "::", "")
"""Hosts to listen at that stand for all addresses of the machine."""

ANY = "*"
"""Stands for all names."""


class Hosts:
    """An application that lets requests through to another if they are meant for this server.

    `names` are the server's own, beside those of `OWN`. A server that listens everywhere has an address that it does not
    know: every number is its own then, since a name that was bent is still a name.
    """

    def __init__(self, app: ASGIApp, refusal: ASGIApp, names: Iterable[str]) -> None:
        self._app = app
        self._refusal = refusal
        self._names = {_plain(name) for name in (*OWN, *names)}
        self._numbers = not self._names.isdisjoint(EVERYWHERE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on."""
        hosts = Headers(scope=scope).getlist("host")
        passes = len(hosts) == 1 and self.knows(hosts[0])
        await (self._app if passes else self._refusal)(scope, receive, send)

    def knows(self, host: str) -> bool:
        """Whether it is the server that a `Host` header names; the port is no matter.

        >>> Hosts(None, None, []).knows("LocalHost:8787"), Hosts(None, None, []).knows("kili.example")
        (True, False)
        """
        name = _without_port(host)
        if name in self._names:
            return name not in EVERYWHERE
        return ANY in self._names or (self._numbers and _is_number(name))


def _without_port(host: str) -> str:
    name, _, rest = host.rpartition("]") if host.startswith("[") else host.partition(":")
    if host.startswith("["):
        return _plain(name[1:]) if not rest or rest.startswith(":") else ""
    return _plain(name)


def _plain(name: str) -> str:
    return name.strip().strip("[]").lower().removesuffix(".")


def _is_number(name: str) -> bool:
    try:
        return bool(ip_address(name))
    except ValueError:
        return False
