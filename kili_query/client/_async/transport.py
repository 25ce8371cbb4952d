"""Requests over HTTP: one pool of connections, the rate limit, and sending again what may be sent again."""

from __future__ import annotations

import gzip
import os
import ssl
import threading
import weakref
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple
from urllib.parse import urljoin

import httpx
import msgspec

from kili_query.client._async.concurrency import Place, give_up, here, is_gone, sleep
from kili_query.client.answers import read_answer, request_id, retry_after
from kili_query.client.calls import Call, client_headers
from kili_query.client.documents import Operation
from kili_query.client.limits import RateLimit, tell_wait
from kili_query.client.retries import UNKNOWN_OUTCOME, Failure, Kind, kind_of_status, tell, wait_before_next
from kili_query.client.settings import Settings
from kili_query.errors import (
    ApiConnectionError,
    ApiError,
    ApiTimeoutError,
    ArgumentError,
    DataError,
    GraphQLError,
    OutcomeUnknownError,
    ServerError,
)
from kili_query.model.decoding import decode_json

TIMEOUT = 60.0
"""Seconds that the server may take to accept a connection, and to send the next part of an answer."""

LONGEST_ANSWER = 300.0
"""Seconds that a whole answer may take, however steadily it drips."""

COMPRESSED_FROM = 1_000_000
"""Bytes of a request from which it is sent compressed (wire.md 2)."""

MOST_REDIRECTS = 5
"""Redirects that a download follows, as from the server's own address to that of a bucket."""

POOL = httpx.Limits(max_connections=100, max_keepalive_connections=100, keepalive_expiry=4)
"""Idle connections are dropped before a server does it (after 5 seconds or more), who may do it while a call is sent."""

UPLOAD_SPEED = 100_000
"""Bytes per second that a slow line is expected to send."""


class AsyncTransport:
    """Sends operations and reads answers. Safe to share between threads and tasks, and after a fork."""

    def __init__(
        self, settings: Settings, limit: RateLimit | None, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._settings = settings
        self._limit = limit
        self._transport = transport
        self._clients: dict[Place, httpx.AsyncClient] = {}
        self._users: Counter[httpx.AsyncClient] = Counter()
        self._locks: dict[int, threading.Lock] = {}
        self._fresh = True
        self._compress = settings.compress
        # loading certificates and the layers below httpx takes longer than a call: not when the first one waits for it
        self._verify = _certificates(settings.verify) if transport is None else settings.verify
        self._client()
        weakref.finalize(self, give_up, self._clients)

    async def execute(self, operation: Operation, variables: Mapping[str, Any], call: Call) -> Any:
        """The data that an operation gives.

        Raises
        ------
        ApiError: whatever went wrong, after all attempts.
        """
        content = msgspec.json.encode({"query": operation.document, "variables": variables})
        return await self._persist(operation, content, self._settings.endpoint, call)

    async def download(self, url: str, call: Call) -> Any:
        """The JSON value that lies behind an address; the key goes along only where the address is the server's own.

        Raises
        ------
        ApiError: whatever went wrong, after all attempts.
        """
        return await self._persist(Operation("download", ""), None, str(url), call)

    async def aclose(self) -> None:
        """Close the connections that are open here."""
        with self._lock():
            client = self._clients.pop(here(), None)
            if client is None or self._users[client]:
                return  # who uses it last closes it
            del self._users[client]
        await client.aclose()

    async def _persist(self, operation: Operation, content: bytes | None, url: str, call: Call) -> Any:
        """Send, and send again as the table of wire.md 4 says."""
        started, waited = monotonic(), 0.0
        attempt = 1
        while True:
            if content is not None:
                waited += await self._turn()
            answer = await self._send(operation, content, url, call)
            if not isinstance(answer, Failure):
                self._fresh = False
                return answer
            elapsed = monotonic() - started - waited  # a call that had to queue here has not been tried for longer
            wait = wait_before_next(answer, attempt, elapsed, change=operation.change, fresh=self._fresh)
            if wait is None:
                raise _last_word(answer, attempt, operation)
            tell(answer, attempt, wait)
            await sleep(wait)
            attempt += 1

    async def _turn(self) -> float:
        """Wait until the limit allows a call; gives the seconds."""
        wait = self._limit.reserve() if self._limit else 0.0
        if wait:
            tell_wait(wait)
            await sleep(wait)
        return wait

    async def _send(self, operation: Operation, content: bytes | None, url: str, call: Call) -> Any:
        """One request: its data, or the failure that it was."""
        if content is None:
            return await self._content(url, call, operation)
        if self._compress and len(content) >= COMPRESSED_FROM:
            packed = gzip.compress(content, 6)
            answer = await self._request("POST", url, packed, {"Content-Encoding": "gzip"}, call, operation)
            if not (isinstance(answer, Failure) and _not_inflated(answer.error)):
                return answer
            await self._turn()
            answer = await self._request("POST", url, content, {}, call, operation)
            if not isinstance(answer, Failure):
                self._compress = False
            return answer
        return await self._request("POST", url, content, {}, call, operation)

    async def _content(self, url: str, call: Call, operation: Operation) -> Any:
        """What lies behind an address, or behind that to which it redirects; whether the key goes along is asked anew."""
        for _ in range(MOST_REDIRECTS + 1):
            answer = await self._request("GET", url, None, {}, call, operation)
            if not isinstance(answer, _Elsewhere):
                return answer
            url = answer.url
        error = ServerError(f"{_without_query(url)} is one redirect too many", operation=operation.name)
        return Failure(error, Kind.FINAL)

    async def _request(
        self, method: str, url: str, content: bytes | None, headers: Mapping[str, str], call: Call, operation: Operation
    ) -> Any:
        sent = {**call.headers(), **headers}
        with_key = self._add_key if url == self._settings.endpoint or self._settings.is_own(url) else None
        timeout = TIMEOUT + len(content or b"") / UPLOAD_SPEED
        until = monotonic() + LONGEST_ANSWER
        body = bytearray()
        client = self._begun()
        try:
            address = url if content is None else _parsed(url)
            request = client.stream(method, address, content=content, headers=sent, timeout=timeout, auth=with_key)
            async with request as response:
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if monotonic() > until:
                        raise httpx.ReadTimeout("the answer drips")
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, OverflowError) as error:
            return _not_answered(error, url, operation)
        finally:
            await self._done(client)
        if content is None:
            return _downloaded(response, bytes(body), operation)
        answer = read_answer(response.status_code, response.headers, bytes(body), operation.name)
        if isinstance(answer, Failure) and (key := self._key().encode()) in body:
            # errors quote what the server says, and it may repeat the key
            return read_answer(response.status_code, response.headers, bytes(body.replace(key, b"...")), operation.name)
        return answer

    def _key(self) -> str:
        return self._settings.api_key.get_secret_value()

    def _add_key(self, request: httpx.Request) -> httpx.Request:
        """Put the key on a request: here and not among the headers, which tracebacks show with local variables."""
        request.headers["Authorization"] = f"X-API-Key: {self._key()}"
        return request

    def _lock(self) -> threading.Lock:
        """The lock of this process; that of a parent may have been held while it forked."""
        return self._locks.setdefault(os.getpid(), threading.Lock())

    def _client(self) -> httpx.AsyncClient:
        """The connections that may be used here; new ones after a fork, or in another event loop."""
        client = self._clients.get(here())
        if client is None:
            for place in filter(is_gone, list(self._clients)):
                self._users.pop(self._clients.pop(place), None)
            try:
                client = httpx.AsyncClient(
                    transport=self._transport,
                    verify=self._verify,
                    limits=POOL,
                    headers=client_headers(),
                    follow_redirects=False,
                )
            except (ImportError, ValueError, httpx.InvalidURL) as error:
                raise _no_proxy(error) from None
            self._clients[here()] = client
        return client

    def _begun(self) -> httpx.AsyncClient:
        """The connections to use from here until `_done`."""
        with self._lock():
            client = self._client()
            self._users[client] += 1
            return client

    async def _done(self, client: httpx.AsyncClient) -> None:
        """The end of a use of connections; the last one closes them if the client was closed in the meantime."""
        with self._lock():
            self._users[client] -= 1
            if self._users[client] or client in self._clients.values():
                return
            del self._users[client]
        await client.aclose()


_parsed = lru_cache(maxsize=16)(httpx.URL)
"""Endpoints are the same for each call; downloads are not remembered, whose addresses hold secrets."""


def _certificates(verify: bool | str) -> ssl.SSLContext | bool:
    """What certificates are checked against: those of certifi or SSL_CERT_FILE, or those that a path names.

    Raises
    ------
    ArgumentError: the path holds no certificates.
    """
    try:
        if isinstance(verify, bool):
            return httpx.create_ssl_context(verify=verify)
        return ssl.create_default_context(**{"capath" if Path(verify).is_dir() else "cafile": verify})  # type: ignore[arg-type]
    except (ssl.SSLError, OSError) as error:
        file = verify if isinstance(verify, str) else os.environ.get("SSL_CERT_FILE")
        said = f"is `{file}`" if isinstance(verify, str) else f"is {verify}, and SSL_CERT_FILE is `{file}`"
        raise ArgumentError("verify", f"{said}, which holds no certificates: {error}") from None


def _no_proxy(error: Exception) -> ApiConnectionError:
    """What is wrong with the proxies of the environment, which nobody else has a say in."""
    if isinstance(error, ImportError):
        return ApiConnectionError('the environment names a SOCKS proxy, which needs `pip install "httpx[socks]"`')
    return ApiConnectionError(
        "a proxy variable of the environment (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY) cannot be used; "
        "it takes an address such as `http://proxy.example.com:8080`, NO_PROXY names of hosts"
    )


def _not_inflated(error: ApiError) -> bool:
    """True if a refusal may be because the request was compressed (wire.md 2)."""
    return error.status == 415 or (error.status == 400 and not isinstance(error, GraphQLError))


class _Elsewhere(NamedTuple):
    """The address to which a download is redirected."""

    url: str


def _downloaded(response: httpx.Response, body: bytes, operation: Operation) -> Any:
    """The content, or where it is, or the failure that the answer is."""
    if response.has_redirect_location:
        return _Elsewhere(urljoin(str(response.url), response.headers["location"]))
    problem = "cannot be downloaded"
    if response.is_success:
        try:
            return decode_json(body)
        except DataError:
            problem = "holds no JSON"
    error = ServerError(
        f"{_without_query(str(response.url))} {problem}",
        operation=operation.name,
        status=response.status_code,
        request_id=request_id(response.headers),
    )
    return Failure(error, kind_of_status(response.status_code, body), retry_after(response.headers))


def _not_answered(error: Exception, url: str, operation: Operation) -> Failure:
    """The failure that a request without an answer is. No message of httpx is shown: it may hold the address."""
    place = _without_query(url)
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)):
        if untrusted := next((c for c in _causes(error) if isinstance(c, ssl.SSLCertVerificationError)), None):
            told: ApiError = ApiConnectionError(
                f"the certificate of {place} is not trusted: {untrusted.verify_message}; "
                "`verify` takes the path of certificates to trust, or False",
                operation=operation.name,
            )
            return Failure(told, Kind.FINAL)
        reason = _reason(error)
        told = ApiConnectionError(
            f"{place} cannot be reached{reason}; check the address (`api_endpoint`), the network, and that the server runs",
            operation=operation.name,
        )
        return Failure(told, Kind.NOT_HANDLED)
    if isinstance(error, httpx.TimeoutException):
        told = ApiTimeoutError(f"{place} did not answer in time", operation=operation.name)
        return Failure(told, Kind.SLOW)
    if isinstance(error, (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError, OverflowError)):
        return Failure(ApiConnectionError(f"{place} is no usable address", operation=operation.name), Kind.FINAL)
    return Failure(ApiConnectionError(f"{place} broke the connection", operation=operation.name), Kind.BROKEN)


def _reason(error: Exception) -> str:
    """The reason that the operating system gives, such as `Connection refused`."""
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.strerror:
            # event loops put words of their own in place of the system's
            own = cause.strerror.startswith("Connect call failed")
            return f": {os.strerror(cause.errno or 0) if own else cause.strerror}"
    return f": {error}" if str(error) else ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, what it came from, and so on."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _without_query(url: str) -> str:
    """An address without what stands after `?`, where signed addresses keep their secrets."""
    return url.split("?", 1)[0]


def _last_word(failure: Failure, attempt: int, operation: Operation) -> ApiError:
    error = failure.error
    error.attempts = attempt
    if operation.change and failure.kind in UNKNOWN_OUTCOME:
        return OutcomeUnknownError(
            f"{error.message}; the change may have been made or not, and is not sent again: look before repeating it",
            operation=operation.name,
            status=error.status,
            request_id=error.request_id,
            attempts=attempt,
        )
    return error
