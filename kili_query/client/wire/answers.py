"""Responses of the server: the data that one holds, or the error that it is (wire.md 4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urljoin

import msgspec

from kili_query.client.messages import warn
from kili_query.client.sending.retries import Failure, Kind, kind_of_refusal, kind_of_status
from kili_query.errors import (
    ApiError,
    AssetLockedError,
    AuthenticationError,
    DataError,
    GraphQLError,
    NotFoundError,
    RateLimitError,
    ServerError,
)
from kili_query.model.decoding import decode_json

if TYPE_CHECKING:
    from kili_query.client.media.part import Part

REQUEST_IDS = ("x-request-id", "x-correlation-id", "x-amzn-requestid", "x-amz-cf-id", "cf-ray")
"""Headers in which servers, and the proxies before them, name a request."""


class _Envelope(msgspec.Struct):
    data: Any = msgspec.UNSET
    errors: list[Any] | None = None
    extensions: Any = None


_decoder = msgspec.json.Decoder(_Envelope)


class Answer(NamedTuple):
    """An answer as it came: what was asked for, from which address, and what is to be hidden in what is shown of it."""

    name: str
    status: int
    headers: Mapping[str, str]
    body: bytes | bytearray
    url: str = ""
    hidden: Callable[[str], str] = str

    @property
    def about(self) -> dict[str, Any]:
        """What errors tell of it."""
        return {"operation": self.name, "status": self.status, "request_id": request_id(self.headers)}


class Elsewhere(NamedTuple):
    """The address to which a download is redirected."""

    url: str


def read_answer(answer: Answer, read: Callable[[Any], Any], root: str = "data") -> Any:
    """What the data of an answer mean, or the `Failure` that it is.

    An answer with `data` or `errors` counts whatever its HTTP status is; anything else is not one of Kili's, but that
    of a proxy, say.
    """
    envelope = _read(answer.body)
    wait = retry_after(answer.headers)
    if envelope.errors:
        error = _refusal(envelope.errors, answer)
        return Failure(error, kind_of_refusal(error), wait)
    if envelope.data is msgspec.UNSET or (envelope.data is None and answer.status != 200):
        return Failure(_failure(answer), kind_of_status(answer.status, answer.body), wait)
    if envelope.data is None:
        return Failure(ServerError("the answer holds neither data nor an error", **answer.about), Kind.FAILED)
    if isinstance(envelope.extensions, dict):
        _tell_deprecations(envelope.extensions.get("deprecations"), answer.hidden)
    if not isinstance(envelope.data, dict) or root not in envelope.data:
        return Failure(ServerError(f"the answer lacks `{root}`", **answer.about), Kind.FAILED)
    try:
        return read(envelope.data[root])
    except ServerError as error:
        return Failure(ServerError(error.message, **answer.about), Kind.FAILED)


def read_content(answer: Answer) -> Any:
    """The JSON value that an address gives, or where it is instead, or the `Failure` that the answer is."""
    problem = "cannot be downloaded"
    if answer.status in REDIRECTS and (target := answer.headers.get("location")):
        return _elsewhere(answer, target)
    if 200 <= answer.status < 300:
        try:
            return decode_json(answer.body)
        except DataError:
            problem = "holds no JSON"
    error = ServerError(f"{without_query(answer.url)} {problem}", **answer.about)
    return Failure(error, kind_of_status(answer.status, answer.body), retry_after(answer.headers))


def read_saved(answer: Answer, part: Part) -> Any:
    """Nothing, or where the file is instead, or the `Failure` that an answer is which was to bring a file."""
    if part.is_whole:
        return None
    place = without_query(answer.url)
    if answer.status in REDIRECTS and (target := answer.headers.get("location")):
        return _elsewhere(answer, target)
    wait = retry_after(answer.headers)
    if answer.status in (200, 206, 416):  # cut off, or another part than was asked for
        return Failure(ServerError(f"{place} gives a part of the file only", **answer.about), Kind.BROKEN, wait)
    kind = {401: Kind.FINAL, 500: Kind.BROKEN}.get(answer.status) or kind_of_status(answer.status, answer.body)
    said = _OF_FILES.get(answer.status, "cannot be downloaded")
    return Failure(ServerError(f"{place} {said}", **answer.about), kind, wait)


_OF_FILES = {
    401: "is refused: it takes no key, or another one",
    403: "is refused: its time may be over, which a new listing mends",
    404: "has no such file",
    410: "has no such file any more",
}


def _elsewhere(answer: Answer, target: str) -> Any:
    """The address to which an answer redirects, or the failure of one that is none."""
    try:
        return Elsewhere(urljoin(answer.url, target))
    except ValueError:
        told = ServerError(f"{without_query(answer.url)} redirects to what is no address", **answer.about)
        return Failure(told, Kind.FINAL)


def read_uploaded(answer: Answer) -> Any:
    """Nothing, or the `Failure` that the answer to an upload is."""
    if 200 <= answer.status < 300:
        return None
    error = ServerError(f"{without_query(answer.url)} did not take the upload", **answer.about)
    return Failure(error, kind_of_status(answer.status, answer.body), retry_after(answer.headers))


def without_query(url: str) -> str:
    """An address without what stands after `?`, where signed addresses keep their secrets."""
    return url.split("?", 1)[0]


def _read(body: bytes | bytearray) -> _Envelope:
    """The parts of an answer; none of what is no answer of Kili's."""
    try:
        return _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        pass
    try:  # half a surrogate pair, or a number out of range, in one of its texts
        value = decode_json(body)
    except DataError:
        return _Envelope()
    if not isinstance(value, dict) or not isinstance(value.get("errors"), list | None):
        return _Envelope()
    return _Envelope(value.get("data", msgspec.UNSET), value.get("errors"), value.get("extensions"))


def request_id(headers: Mapping[str, str]) -> str | None:
    """What the server calls the request."""
    return next((headers[name] for name in REQUEST_IDS if headers.get(name)), None)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that the server asks to wait before the next call, if any.

    A date is not looked at, since clocks differ. Nor is 0, which would mean calls without a pause.
    """
    value = headers.get("retry-after", "").strip()
    return float(value) or None if value.isascii() and value.isdigit() else None


LOCKS = {
    "AlreadyHaveLabelOnCurrentStep": "the author has labeled the asset in this step already",
    "AssetAlreadyAssigned": "the asset is assigned to somebody else",
    "AssetAlreadyLocked": "somebody else is labeling the asset",
    "AssetInDoneStepStatus": "the step is done for the asset",
    "AssetInDoneStepStatusWithCorrectAction": "the step is done for the asset; its label can be corrected",
    "AssetInDoneStepStatusWithReviewAction": "the step is done for the asset; its label can be reviewed",
    "AssetInNextStepWithCorrectAction": "the asset is in the next step already; its label can be corrected",
    "AssetLockedNoReason": "the asset is locked",
    "BlockedByEnforceStepSeparation": "the project wants another person for each step of an asset",
    "LabelNotEditable": "the label cannot be changed any more",
    "NotAssignedWithAssignAction": "the asset is not assigned to the author, who could be assigned to it",
    "NotInStepAssignees": "the author is not among the people of the step",
}
"""Why assets take no label, by the word of the server (wire.md 4)."""


def _refusal(errors: list[Any], answer: Answer) -> ApiError:
    """The error that GraphQL errors are; Kili's `extensions` may be missing (wire.md 4)."""
    messages, paths, codes = [], [], []
    reason = None
    for error in errors:
        error = error if isinstance(error, dict) else {"message": error}
        messages.append(str(error.get("message") or "an error without a message"))
        if isinstance(path := error.get("path"), list):
            paths.append(".".join(map(str, path)))
        extensions = error.get("extensions")
        if isinstance(extensions, dict):
            if isinstance(code := extensions.get("code"), str):
                codes.append(code)
            context = extensions.get("context")
            if reason is None and isinstance(context, dict) and isinstance(context.get("reason"), str):
                reason = context["reason"]
    about = answer.about
    said = answer.hidden(messages[0]).strip().split("\n", 1)[0] + (
        f" (and {len(messages) - 1} more)" if len(messages) > 1 else ""
    )
    if answer.status == 401 or "UNAUTHENTICATED" in codes:
        return AuthenticationError(f"Kili refused the API key: {said}", **about)
    if "NOT_FOUND" in codes:
        return NotFoundError(said, **about)
    if reason in LOCKS:
        said = f"{LOCKS[reason]} ({said})"
    kind = AssetLockedError if reason in LOCKS else GraphQLError
    return kind(f"Kili refused the call: {said}", messages=messages, paths=paths, codes=codes, reason=reason, **about)


REDIRECTS = frozenset((301, 302, 303, 307, 308))

_MEANINGS = {
    401: "the API key is not accepted",
    403: "the API key has no right to this",
    404: "there is nothing at this address; the endpoint of Kili ends with `/api/label/v2/graphql`",
    413: "the request is too large",
    429: "too many calls",
    500: "the server failed",
    502: "the server behind the proxy failed",
    503: "the server is not available",
    504: "the server did not answer its proxy in time",
}


def _failure(answer: Answer) -> ApiError:
    """The error that an answer without data and errors is."""
    status, headers, about = answer.status, answer.headers, answer.about
    if status in (401, 403):
        return AuthenticationError(_MEANINGS[status], **about)
    if status == 429:
        return RateLimitError(_MEANINGS[429], **about)
    if status in REDIRECTS and (target := headers.get("location")):
        return ServerError(
            f"the server redirects to `{without_query(answer.hidden(target))}`; check the address (`api_endpoint`)",
            **about,
        )
    if status in _MEANINGS or status >= 300:
        return ServerError(_MEANINGS.get(status, "the server did not give data"), **about)
    # what is hidden may lie across a cut
    kind = answer.hidden(headers.get("content-type", "no content type")).split(";")[0]
    start = re.sub(r"\s+", " ", answer.hidden(answer.body[:2000].decode("utf-8", "replace"))).strip()[:60]
    return ServerError(f"the answer is not one of Kili's: {kind}, beginning with `{start}`", **about)


def _tell_deprecations(deprecations: Any, hidden: Callable[[str], str]) -> None:
    for entry in deprecations if isinstance(deprecations, list) else ():
        if isinstance(entry, dict):
            warn(hidden(f"Kili: {entry.get('path')} is deprecated: {entry.get('reason')}"))
