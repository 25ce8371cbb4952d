# Generated from kili_query/client/_async/transport.py by kili_query.client.generate.unasync. Do not edit.
"""Requests over HTTP: one pool of connections, the rate limit, and sending again what may be sent again."""

from __future__ import annotations

import gzip
import os
import ssl
import threading
import weakref
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar
from urllib.request import getproxies

import httpx

from kili_query.client._sync.concurrency import (
    STRAIGHT,
    Place,
    aside,
    file_parts,
    give_up,
    here,
    is_gone,
    require_waiting,
    sleep,
)
from kili_query.client.media.part import Part
from kili_query.client.sending.bodies import ACCEPTED, Body, BodyError, TooLargeError
from kili_query.client.sending.budget import ByteBudget
from kili_query.client.sending.causes import causes, reason
from kili_query.client.sending.hiding import hide, hide_in_logs, without_key
from kili_query.client.sending.limits import RateLimit, tell_wait
from kili_query.client.sending.requests import NOTHING, Request, asked, downloaded, saved, uploaded
from kili_query.client.sending.retries import UNKNOWN_OUTCOME, Failure, Kind, tell, wait_before_next
from kili_query.client.sending.settings import Settings
from kili_query.client.sending.straight import Straight, content
from kili_query.client.wire.answers import Answer, Elsewhere, without_query
from kili_query.client.wire.calls import Call, client_headers
from kili_query.client.wire.documents import Operation
from kili_query.errors import (
    ApiConnectionError,
    ApiError,
    ApiTimeoutError,
    ArgumentError,
    GraphQLError,
    OutcomeUnknownError,
    ServerError,
)

T = TypeVar("T")

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

DOWNLOAD_SPEED = 20_000
"""Bytes per second below which a file is asked for again, once `LONGEST_ANSWER` is over."""

_OWN_HEADERS = (b"kili-", b"apollographql-", b"content-type")
"""Headers that are for Kili's API alone; signatures of some storages cover the last."""


class Transport:
    """Sends operations and reads answers. Safe to share between threads and tasks, and after a fork."""

    def __init__(
        self,
        settings: Settings,
        limit: RateLimit | None,
        transport: httpx.BaseTransport | None = None,
        certificates: ssl.SSLContext | None = None,
    ) -> None:
        self._settings = settings
        self._limit = limit
        self._transport = transport
        self._clients: dict[Place, _Client] = {}
        self._users: Counter[httpx.Client] = Counter()
        self._locks: dict[int, threading.Lock] = {}
        self._fresh = True
        self.budget = ByteBudget()
        """How large batches of changes may be."""
        self._compress = settings.compress
        hide_in_logs(self._key())
        # loading certificates and the layers below httpx takes longer than a call: not when the first one waits for it
        checked = certificates or (_certificates(settings.verify) if transport is None else settings.verify)
        self._verify: ssl.SSLContext | bool | str = checked
        self._client()
        weakref.finalize(self, give_up, self._clients)

    def execute(self, operation: Operation[T], call: Call) -> T:
        """What an operation gives.

        Raises
        ------
        ApiError: whatever went wrong, after all attempts.
        """
        given: T = self._persist(asked(operation, self._settings.endpoint), call)
        return given

    def download(self, url: str, call: Call) -> Any:
        """The JSON value that lies behind an address; the key goes along only where the address is the server's own.

        Raises
        ------
        ApiError: whatever went wrong, after all attempts.
        """
        return self._persist(downloaded(str(url)), call)

    def save(self, url: str, part: Part, call: Call) -> Path:
        """Download a file, and give its place; asked again, only for what is missing.

        Raises
        ------
        ApiError: whatever went wrong, after all attempts.
        OSError: the file cannot be written.
        """
        try:
            self._persist(saved(url, part), call)
            return aside(part.finish)
        except BaseException:
            part.leave()
            raise

    def upload(self, url: str, body: bytes | str, mime: str, call: Call) -> None:
        """Put a content, or the file of a name, behind a signed address; a file is read while it is sent.

        Raises
        ------
        ApiError: whatever went wrong, after all attempts.
        OSError: the file cannot be read any more.
        """
        request = uploaded(url, body, mime)
        if not self._put_straight(request):
            self._persist(request, call)

    def _put_straight(self, request: Request) -> bool:
        """Whether a small content was put behind its address at once; if not, it is sent as all requests are."""
        client = self._client()
        if client.straight is None:
            return False
        found = content(request.body)
        if found is None:
            return False
        require_waiting()
        headers = {"User-Agent": client_headers()["User-Agent"], "Accept": "*/*", **request.headers}
        own = self._settings.endpoint.removesuffix("graphql")
        if request.url.startswith(own) or self._settings.is_own(request.url):
            headers["Authorization"] = f"X-API-Key: {self._key()}"
        status = client.straight.put(request.url, headers, found, TIMEOUT + len(found) / UPLOAD_SPEED)
        self._fresh = self._fresh and status is None
        return status is not None

    @property
    def limit(self) -> RateLimit | None:
        """The rate limit of calls; None where there is none."""
        return self._limit

    @property
    def certificates(self) -> ssl.SSLContext | None:
        """What certificates of the network are checked against; None over a transport of somebody else's."""
        return self._verify if isinstance(self._verify, ssl.SSLContext) else None

    def close(self) -> None:
        """Close the connections that are open here."""
        with self._lock():
            client = self._clients.pop(here(), None)
            if client is None or self._users[client]:
                return  # who uses it last closes it
            del self._users[client]
        client.close()

    def _persist(self, request: Request, call: Call) -> Any:
        """Send, and send again as the table of wire.md 4 says."""
        started, waited = monotonic(), 0.0
        attempt = 1
        while True:
            if request.counted:
                waited += self._turn()
            require_waiting()
            begun = monotonic()
            answer = self._send(request, call)
            if request.change:
                self._weigh(request, answer, monotonic() - begun)
            if not isinstance(answer, Failure):
                self._fresh = False
                return answer
            if request.into is not None and request.into.got_on:
                started, waited, attempt = monotonic(), 0.0, 1
            elapsed = monotonic() - started - waited  # a call that had to queue here has not been tried for longer
            fresh = self._fresh or request.into is not None  # what does not answer is one address of many
            wait = wait_before_next(answer, attempt, elapsed, change=request.change, fresh=fresh)
            if wait is None:
                raise _last_word(answer, attempt, request)
            tell(answer, attempt, wait)
            sleep(wait)
            attempt += 1

    def _weigh(self, request: Request, answer: Any, seconds: float) -> None:
        """Learn from a change how large the next ones may be."""
        size = len(request.body or b"")
        if not isinstance(answer, Failure):
            self.budget.note(size, seconds)
        elif answer.kind is Kind.SLOW or (answer.error.status or 0) >= 500 or answer.error.status == 413:
            self.budget.note_failure(size)

    def _turn(self) -> float:
        """Wait until the limit allows a call; gives the seconds."""
        wait = self._limit.reserve() if self._limit else 0.0
        if wait:
            tell_wait(wait)
            sleep(wait)
        return wait

    def _send(self, request: Request, call: Call) -> Any:
        """One request, compressed or redirected where it need be: what it gives, or the failure that it was."""
        if (
            self._compress
            and request.counted
            and isinstance(request.body, bytes)
            and len(request.body) >= COMPRESSED_FROM
        ):
            packed = request._replace(body=gzip.compress(request.body, 6))
            answer = self._request(packed, call, {"Content-Encoding": "gzip"})
            if not (isinstance(answer, Failure) and _not_inflated(answer.error)):
                return answer
            self._turn()
            answer = self._request(request, call)
            if not isinstance(answer, Failure):
                self._compress = False
            return answer
        for _ in range(MOST_REDIRECTS + 1):
            answer = self._request(request, call)
            if not isinstance(answer, Elsewhere):
                return answer
            request = request._replace(url=answer.url)  # whether the key goes along is asked anew
        place = self.without_key(without_query(request.url))
        return Failure(ServerError(f"{place} is one redirect too many", operation=request.name), Kind.FINAL)

    def _request(self, request: Request, call: Call, headers: Mapping[str, str] = NOTHING) -> Any:
        part = request.into
        sent = {**call.headers(), "Accept-Encoding": ACCEPTED, **headers, **request.headers}
        if part is not None:
            sent = {**part.prepare()}
        body_size = len(request.body or b"")
        content: Any = request.body
        if isinstance(request.body, str):
            body_size = os.path.getsize(request.body)
            content = file_parts(request.body)
            sent["Content-Length"] = str(body_size)
        is_own = request.url == self._settings.endpoint or self._settings.is_own(request.url)
        with_key = self._add_key if is_own else None
        if part is not None:
            with_key = self._add_key_alone if is_own else _without_ours
        timeout = TIMEOUT + body_size / UPLOAD_SPEED
        until = monotonic() + LONGEST_ANSWER + body_size / UPLOAD_SPEED
        client = self._begun()
        try:
            if part is not None and client.pool is not None and "@" not in request.url:
                begun: Any = closing(self._straight(client.pool, request.url, sent, with_key, timeout))
            else:
                address = _parsed(request.url) if request.counted else request.url
                begun = client.stream(
                    request.method, address, content=content, headers=sent, timeout=timeout, auth=with_key
                )
            with begun as response:
                # a transport that keeps no stream has inflated the body already
                whole = response.is_stream_consumed
                encoding = "" if whole else response.headers.get("content-encoding", "")
                body = Body(encoding, self._settings.max_answer_bytes) if part is None else part
                if part is not None and not part.begin(response.status_code, _head(response, whole)):
                    return self._veiled(request.read(self._answered(request, response)))
                for piece in response.iter_bytes() if whole else response.iter_raw():
                    body.add(piece)
                    if part is not None:
                        require_waiting()
                        until += len(piece) / DOWNLOAD_SPEED
                        if part.full:
                            aside(part.write)
                    if monotonic() > until:
                        raise httpx.ReadTimeout("the answer drips")
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, OverflowError, BodyError) as error:
            return self._veiled(_not_answered(error, request, self._settings.max_answer_bytes))
        finally:
            self._done(client)
        return self._veiled(request.read(self._answered(request, response, body)))

    def _answered(self, request: Request, response: httpx.Response, body: Body | None = None) -> Answer:
        content = b"" if body is None or body is request.into else body.content
        return Answer(
            request.name, response.status_code, response.headers, content, str(response.url), self.without_key
        )

    def _straight(
        self, pool: httpx.BaseTransport, url: str, headers: Mapping[str, str], add: Any, timeout: float
    ) -> httpx.Response:
        """The answer to a request for a file, past what httpx does for a call of an API: it takes as long as the rest."""
        seconds = httpx.Timeout(timeout).as_dict()
        agent = {"User-Agent": client_headers()["User-Agent"]}
        request = add(httpx.Request("GET", url, headers={**agent, **headers}, extensions={"timeout": seconds}))
        response = pool.handle_request(request)
        response.request = request
        return response

    def _veiled(self, answer: Any) -> Any:
        """The answer, or the failure without the key: errors quote what the server says, and it may repeat the key."""
        if isinstance(answer, Failure):
            hide(answer.error, self._key())
        return answer

    def without_key(self, text: str) -> str:
        """A text to be shown, without the key."""
        return without_key(text, self._key())

    def _key(self) -> str:
        return self._settings.api_key.get_secret_value()

    def _add_key(self, request: httpx.Request) -> httpx.Request:
        """Put the key on a request: here and not among the headers, which tracebacks show with local variables."""
        request.headers["Authorization"] = f"X-API-Key: {self._key()}"
        return request

    def _add_key_alone(self, request: httpx.Request) -> httpx.Request:
        return self._add_key(_without_ours(request))

    def _lock(self) -> threading.Lock:
        """The lock of this process; that of a parent may have been held while it forked."""
        return self._locks.setdefault(os.getpid(), threading.Lock())

    def _client(self) -> _Client:
        """The connections that may be used here; new ones after a fork, or in another event loop."""
        client = self._clients.get(here())
        if client is None:
            for place in filter(is_gone, list(self._clients)):
                self._users.pop(self._clients.pop(place), None)
            try:
                # with proxies in the environment, httpx makes the connections itself
                made = self._transport is None and not getproxies()
                pool = httpx.HTTPTransport(verify=self._verify, limits=POOL) if made else None
                client = _Client(
                    transport=pool or self._transport,
                    verify=self._verify,
                    limits=POOL,
                    headers=client_headers(),
                    follow_redirects=False,
                )
                client.pool = pool
                if pool is not None and STRAIGHT:
                    client.straight = Straight(self.certificates)
            except (ImportError, ValueError, httpx.InvalidURL) as error:
                raise _no_proxy(error) from None
            self._clients[here()] = client
        return client

    def _begun(self) -> _Client:
        """The connections to use from here until `_done`."""
        with self._lock():
            client = self._client()
            self._users[client] += 1
            return client

    def _done(self, client: httpx.Client) -> None:
        """The end of a use of connections; the last one closes them if the client was closed in the meantime."""
        with self._lock():
            self._users[client] -= 1
            if self._users[client] or client in self._clients.values():
                return
            del self._users[client]
        client.close()


class _Client(httpx.Client):
    """Connections as httpx uses them."""

    pool: httpx.BaseTransport | None = None
    """The connections themselves, if no proxy stands between."""

    straight: Straight | None = None
    """Connections for small uploads, if no proxy stands between, and threads wait for them."""

    def close(self) -> None:
        """Close all connections."""
        if self.straight is not None:
            self.straight.close()
        super().close()


_parsed = lru_cache(maxsize=16)(httpx.URL)
"""Endpoints are the same for each call; downloads are not remembered, whose addresses hold secrets."""


def _without_ours(request: httpx.Request) -> httpx.Request:
    """A request for a file, without what calls of Kili's API tell: no storage has a use for it."""
    kept = [(name, value) for name, value in request.headers.raw if not name.lower().startswith(_OWN_HEADERS)]
    request.headers = httpx.Headers(kept)
    return request


def _head(response: httpx.Response, whole: bool) -> Mapping[str, str]:
    """The headers of an answer, as they are true of its body."""
    headers = {name.decode().lower(): value.decode("latin-1") for name, value in response.headers.raw}
    return headers | {"content-encoding": "", "content-length": ""} if whole else headers


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


def _not_answered(error: Exception, request: Request, most: int) -> Failure:
    """The failure that a request without an answer is. No message of httpx is shown: it may hold the address."""
    place = without_query(request.url)
    if isinstance(error, TooLargeError):
        what = f"the answer of {place}" if not request.counted else "the answer"
        told: ApiError = ServerError(
            f"{what} is larger than {most:,} bytes; `max_answer_bytes` of the client allows more",
            operation=request.name,
        )
        return Failure(told, Kind.FAILED)
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)):
        if untrusted := next((c for c in causes(error) if isinstance(c, ssl.SSLCertVerificationError)), None):
            told = ApiConnectionError(
                f"the certificate of {place} is not trusted: {untrusted.verify_message}; "
                "`verify` takes the path of certificates to trust, or False",
                operation=request.name,
            )
            return Failure(told, Kind.FINAL)
        why = reason(error)
        told = ApiConnectionError(
            f"{place} cannot be reached{why}; check the address (`api_endpoint`), the network, and that the server runs",
            operation=request.name,
        )
        return Failure(told, Kind.NOT_HANDLED)
    if isinstance(error, httpx.TimeoutException):
        told = ApiTimeoutError(f"{place} did not answer in time", operation=request.name)
        return Failure(told, Kind.SLOW)
    if isinstance(error, (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError, OverflowError)):
        return Failure(ApiConnectionError(f"{place} is no usable address", operation=request.name), Kind.FINAL)
    return Failure(ApiConnectionError(f"{place} broke the connection", operation=request.name), Kind.BROKEN)


def _last_word(failure: Failure, attempt: int, request: Request) -> ApiError:
    error = failure.error
    error.attempts = attempt
    if request.change and failure.kind in UNKNOWN_OUTCOME:
        return OutcomeUnknownError(
            f"{error.message}; the change may have been made or not, and is not sent again: look before repeating it",
            operation=request.name,
            status=error.status,
            request_id=error.request_id,
            attempts=attempt,
        )
    return error
