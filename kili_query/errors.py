"""What can be wrong: spans, diagnostics, the table of codes, and every exception.

The exceptions form one tree::

    KiliQueryError
    ├── QuerySyntaxError        the text is not a query                  KQ1xx   (also a ValueError)
    ├── QueryCheckError         the query does not fit the ontology      KQ2xx, KQ3xx
    ├── UnsupportedQueryError   an engine cannot express or decide it    KQ4xx
    ├── DataError               a label, ontology or file is malformed   KQ5xx   (also a ValueError)
    ├── ArgumentError           an argument of the SDK cannot be used            (also a ValueError)
    │   ├── MissingArgumentError        none is given of several, of which one is needed
    │   └── IncompatibleArgumentsError  two are given that exclude each other
    ├── ImportValidationError   an asset cannot be imported, nothing was sent    (also a ValueError)
    │   ├── MimeTypeError               a file of another kind than the project takes
    │   ├── ImportFileConversionError   a file that should hold a chat
    │   └── UploadFromLocalDataForbiddenError   by the licence of the organisation
    ├── ParsedLabelError        what a parsed label refuses (formats/parsed/refusals.py)
    ├── ClusterError            Spark is missing, too old, or lacks what it needs (engines/spark.py)
    └── ApiError                Kili's server gave no answer, or a refusal
        ├── AuthenticationError     the key is missing, wrong or expired
        ├── NotFoundError           no such project, or not with this key
        ├── RateLimitError          too many calls
        ├── ApiConnectionError      the server cannot be reached             (also a ConnectionError)
        ├── ApiTimeoutError         the answer did not come in time          (also a TimeoutError)
        ├── ServerError             an answer that is a failure, or none that can be read
        ├── UploadError             a content could not be uploaded
        ├── DownloadError           media could not be downloaded
        ├── BatchImportError        the server could not make what it makes afterwards
        ├── GraphQLError            the server understood the call and refused it
        │   └── AssetLockedError        an asset takes no label now              (also a ValueError)
        ├── EventsMissedError       what happened while nobody listened is not known
        └── OutcomeUnknownError     a change was sent and its answer lost
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Self


class Span(NamedTuple):
    """A part of a text: half-open, in code points, counted from 0."""

    start: int
    end: int


class Severity(StrEnum):
    """How bad it is: an error stops the query, a warning is likely a mistake, a hint is advice."""

    ERROR = "error"
    WARNING = "warning"
    HINT = "hint"


class Fix(NamedTuple):
    """One edit that repairs the text: `span` is replaced by `text`."""

    span: Span
    text: str
    safe: bool = True
    """True if what it gives is surely what was meant, and a query; else it is a guess, for people to decide on."""

    def apply(self, source: str) -> str:
        """The source with the edit made.

        >>> Fix(Span(0, 1), "=").apply("<3")
        '=3'
        """
        return source[: self.span.start] + self.text + source[self.span.end :]


class Code(NamedTuple):
    """A row of the table of codes: what the code is about, and how severe it is."""

    title: str
    severity: Severity


_ERROR, _WARNING, _HINT = Severity.ERROR, Severity.WARNING, Severity.HINT

CODES: dict[str, Code] = {
    # syntax
    "KQ101": Code("unexpected text", _ERROR),
    "KQ102": Code("text ends too early", _ERROR),
    "KQ103": Code("empty query", _ERROR),
    "KQ104": Code("keyword in the wrong letter case", _ERROR),
    "KQ105": Code("operator of another language", _ERROR),
    "KQ106": Code("number that is not whole", _ERROR),
    "KQ107": Code("name that needs quotes", _ERROR),
    "KQ108": Code("missing `.count`", _ERROR),
    "KQ109": Code("missing category", _ERROR),
    "KQ110": Code("missing job", _ERROR),
    "KQ111": Code("unclosed parenthesis", _ERROR),
    "KQ112": Code("extra parenthesis", _ERROR),
    "KQ113": Code("number on the left side", _ERROR),
    "KQ114": Code("malformed quoted name", _ERROR),
    "KQ115": Code("text too long", _ERROR),
    "KQ116": Code("too many comparisons", _ERROR),
    "KQ117": Code("nesting too deep", _ERROR),
    # names
    "KQ201": Code("unknown job", _ERROR),
    "KQ202": Code("unknown category", _ERROR),
    "KQ203": Code("category of another job", _ERROR),
    "KQ204": Code("category of a nested job", _ERROR),
    "KQ205": Code("display name instead of the key", _ERROR),
    "KQ206": Code("name in the wrong letter case", _ERROR),
    "KQ207": Code("job without categories", _ERROR),
    "KQ208": Code("job that labels normally leave empty", _WARNING),
    "KQ209": Code("name in another Unicode form", _ERROR),
    "KQ210": Code("`*` within a name", _WARNING),
    # sense
    "KQ301": Code("always true", _WARNING),
    "KQ302": Code("never true", _WARNING),
    "KQ303": Code("more than the job allows", _WARNING),
    "KQ304": Code("redundant part", _WARNING),
    "KQ305": Code("AND and OR without parentheses", _HINT),
    # engines
    "KQ401": Code("not expressible for this engine", _ERROR),
    "KQ402": Code("too large to decide", _ERROR),
    # data
    "KQ501": Code("malformed label", _ERROR),
    "KQ502": Code("malformed ontology", _ERROR),
    "KQ503": Code("unreadable source", _ERROR),
    "KQ504": Code("name that Kili's own language cannot express", _WARNING),
    "KQ505": Code("questionable ontology", _WARNING),
    "KQ506": Code("malformed JSON form of a query", _ERROR),
    "KQ507": Code("name that no label holds", _WARNING),
    "KQ508": Code("name of the ontology that no label holds", _HINT),
    "KQ509": Code("label that does not fit the ontology", _ERROR),
}


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding about a query: what (code, message), where (span), and what would work (hint, fix)."""

    code: str
    message: str
    span: Span
    hint: str | None = None
    fix: Fix | None = None

    @property
    def severity(self) -> Severity:
        """The severity that the table of codes gives."""
        return CODES[self.code].severity

    def render(self, source: str, *, color: bool = False) -> str:
        """The finding as text: a headline, the line of the source with carets, the hint.

        >>> print(Diagnostic("KQ103", "the query is empty", Span(0, 0)).render(""))
        error[KQ103]: the query is empty
        """
        paint = _PAINT if color else _PLAIN
        tone = paint[self.severity]
        lines = [
            f"{tone}{self.severity}[{self.code}]{paint['reset']}: {paint['bold']}{shown(self.message)}{paint['reset']}"
        ]
        lines += _excerpt(source, self.span, tone, paint["reset"])
        if self.hint:
            lines.append(f"  {paint['dim']}hint:{paint['reset']} {shown(self.hint)}")
        return "\n".join(lines)

    def to_dict(self, source: str | None = None) -> dict[str, object]:
        """The finding as JSON data; with the source text also line and column, both from 1."""
        data: dict[str, object] = {
            "code": self.code,
            "severity": str(self.severity),
            "message": self.message,
            "hint": self.hint,
            "span": {"start": self.span.start, "end": self.span.end},
            "fix": None,
        }
        if self.fix:
            span, text, safe = self.fix
            data["fix"] = {"span": {"start": span.start, "end": span.end}, "text": text, "safe": safe}
        if source is not None:
            data["line"], data["column"] = line_and_column(source, self.span.start)
        return data


def shown(text: str) -> str:
    r"""The text with control characters, which a terminal would obey or which turn text around, as escapes.

    >>> print(shown("a\x1b[2J"))
    a\u001b[2J
    """
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def line_and_column(source: str, offset: int) -> tuple[int, int]:
    """Line and column, both from 1, of an offset in code points.

    >>> line_and_column("a\\nbc", 3)
    (2, 2)
    """
    return source.count("\n", 0, offset) + 1, offset - source.rfind("\n", 0, offset)


_PLAIN: dict[str, str] = dict.fromkeys(("bold", "dim", "reset", *Severity), "")
_PAINT: dict[str, str] = {
    Severity.ERROR: "\x1b[1;31m",
    Severity.WARNING: "\x1b[1;33m",
    Severity.HINT: "\x1b[1;36m",
    "bold": "\x1b[1m",
    "dim": "\x1b[2m",
    "reset": "\x1b[0m",
}

_AROUND = 60  # characters shown on either side of the finding in a long line: a query can be one of a megabyte


def _excerpt(source: str, span: Span, tone: str, reset: str) -> list[str]:
    if not source.strip():
        return []
    start, end = span
    if start == end == len(source):  # the text stopped: point behind its last visible character
        start = end = len(source.rstrip())
    line_start = source.rfind("\n", 0, start) + 1
    line_end = source.find("\n", start)
    line_end = len(source) if line_end < 0 else line_end
    end = max(start, min(end, line_end))
    left, right = line_start, line_end
    if line_end - line_start > 2 * _AROUND:
        left = max(line_start, start - _AROUND)
        right = min(line_end, max(start + _AROUND, min(end, start + 2 * _AROUND)))
    before, marked, after = source[left:start], source[start : min(end, right)], source[min(end, right) : right]
    cut_left, cut_right = "…" * (left > line_start), "…" * (right < line_end)
    where = "" if "\n" not in source.rstrip() else f"line {source.count(chr(10), 0, start) + 1}"
    carets = " " * _columns(cut_left + before) + tone + "^" * max(1, _columns(marked)) + reset
    shown = _visible(cut_left + before + marked + after + cut_right)
    return [*([f"  {where}:"] if where else []), f"  {shown.rstrip()}", f"  {carets}"]


def _visible(text: str) -> str:
    """The text without control characters, which would move the cursor of a terminal."""
    return "".join(" " if c == "\t" else c if c.isprintable() else "\ufffd" for c in text)


def _columns(text: str) -> int:
    """How many columns a terminal needs for the text."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)


class KiliQueryError(Exception):
    """The root of every exception that kili_query raises on purpose."""


class _DiagnosedError(KiliQueryError):
    """An error about a query text; it keeps the text and what was found in it."""

    def __init__(self, source: str, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__(source, tuple(diagnostics))
        self.source = source
        self.diagnostics: tuple[Diagnostic, ...] = tuple(diagnostics)

    def __str__(self) -> str:
        return render_all(self.diagnostics, self.source)


class QuerySyntaxError(_DiagnosedError, ValueError):
    """The text is not a query. `diagnostics` holds the first thing that is wrong with it."""


class QueryCheckError(_DiagnosedError):
    """The query does not fit the ontology. `diagnostics` holds all that was found, in source order."""


class UnsupportedQueryError(_DiagnosedError):
    """An engine cannot express the query (KQ401), or a question about it is too large to decide (KQ402)."""


class DataError(KiliQueryError, ValueError):
    """A label, an ontology or a file is not of the shape it must have.

    Parameters
    ----------
    message: what is wrong.
    code: a KQ5xx code of the table.
    where: the place, for people: a file with line or byte, a JSON path, an asset.
    """

    def __init__(self, message: str, *, code: str = "KQ501", where: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.where = where

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message

    def __reduce__(self) -> tuple[object, ...]:
        return (_data_error, (type(self), self.message, self.code, self.where))

    def at(self, where: str) -> DataError:
        """The same error with a position put before the one it has."""
        return type(self)(self.message, code=self.code, where=f"{where}: {self.where}" if self.where else where)


class ArgumentError(KiliQueryError, ValueError):
    """An argument of the SDK cannot be used. Raised before anything is sent.

    Parameters
    ----------
    argument: the name of the argument.
    message: what is wrong with it, and what it takes.
    """

    def __init__(self, argument: str, message: str) -> None:
        super().__init__(argument, message)
        self.argument = argument
        self.message = message

    def __str__(self) -> str:
        return f"`{self.argument}` {self.message}"


class MissingArgumentError(ArgumentError):
    """Arguments of which one is needed are all missing."""


class IncompatibleArgumentsError(ArgumentError):
    """Arguments that exclude each other are both given."""


class ImportValidationError(KiliQueryError, ValueError):
    """An asset cannot be imported as it is given. Raised before any asset is made; the message names it."""


class MimeTypeError(ImportValidationError):
    """A local file is not of a kind that the project takes, or its name does not say what it is."""


class ImportFileConversionError(ImportValidationError):
    """A local file of an LLM project holds a chat that cannot be converted."""


class UploadFromLocalDataForbiddenError(ImportValidationError):
    """The licence of the organisation does not allow to upload local contents."""


class ApiError(KiliQueryError):
    """Kili's server gave no answer, or a refusal.

    Parameters
    ----------
    message: what went wrong, and what would work.
    operation: the GraphQL operation or the address that was asked for.
    status: the HTTP status, if there was an answer.
    request_id: what the server calls the request, if it told.
    attempts: how often the request was sent.

    Of a change of many items, which goes in batches, an error says how far it came: `done` has the results of the
    batches that are in, `remaining` the arguments that send the rest, `unknown` those of what may be in or not: each a
    `Remaining` or None.
    """

    def __init__(
        self,
        message: str,
        *,
        operation: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
        attempts: int = 1,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.operation = operation
        self.status = status
        self.request_id = request_id
        self.attempts = attempts
        self.done: list[object] = []
        self.remaining: Any = None
        self.unknown: Any = None

    def __str__(self) -> str:
        known = {
            "operation": self.operation,
            "HTTP status": self.status,
            "request id": self.request_id,
            "attempts": self.attempts if self.attempts > 1 else None,
        }
        details = ", ".join(f"{name} {value}" for name, value in known.items() if value is not None)
        return f"{self.message} ({details})" if details else self.message

    def __reduce__(self) -> tuple[object, ...]:
        return (_api_error, (type(self), dict(self.__dict__)))


class AuthenticationError(ApiError):
    """The key is missing, wrong or expired."""


class NotFoundError(ApiError):
    """There is no such project, or the key has no right to see it."""


class RateLimitError(ApiError):
    """The rate limit of the server, for two minutes (HTTP 429)."""


class ApiConnectionError(ApiError, ConnectionError):
    """The server cannot be reached, or the connection broke each time."""


class ApiTimeoutError(ApiError, TimeoutError):
    """The answer did not come in time."""


class BatchImportError(ApiError):
    """The server could not make some of the assets that it makes after it has answered."""


class UploadError(ApiError):
    """A content could not be uploaded: its file changed or vanished meanwhile, or the address did not take it."""

    @classmethod
    def of(cls, error: ApiError) -> Self:
        """The failure of a request as that of an upload."""
        about = {name: getattr(error, name) for name in ("operation", "status", "request_id", "attempts")}
        return cls(error.message, **about)


class DownloadError(ApiError):
    """Media could not be downloaded. The others are there, and the same call downloads those that are missing only.

    `missing` names them: for each `external_id`, `field`, `address` and `reason`. `done` has the assets, with paths
    where files are and addresses where they are missing; of a generator nothing.
    """

    missing: tuple[Any, ...] = ()


class ServerError(ApiError):
    """An answer that is a failure of the server, or that is no answer of Kili at all."""


class EventsMissedError(ApiError):
    """What happened to labels while the connection was broken is not known. Later events are told again."""


class OutcomeUnknownError(ApiError):
    """A change was sent and its answer was lost: it may have been made. It is not sent again."""


class GraphQLError(ApiError):
    """The server understood the call and refused it.

    `messages` are all that it said, `paths` the places in the answer that they are about, `codes` and `reason`
    what it put into `extensions` (wire.md 4).
    """

    def __init__(
        self, message: str, *, messages: Sequence[str] = (), paths: Sequence[str] = (), codes: Sequence[str] = (),
        reason: str | None = None, operation: str | None = None, status: int | None = None, request_id: str | None = None,
        attempts: int = 1,
    ) -> None:  # fmt: skip
        super().__init__(message, operation=operation, status=status, request_id=request_id, attempts=attempts)
        self.messages = tuple(messages)
        self.paths = tuple(paths)
        self.codes = tuple(codes)
        self.reason = reason


class AssetLockedError(GraphQLError, ValueError):
    """An asset takes no label now, such as one that somebody else has open; `reason` is the server's word for it."""


def _api_error(kind: type[ApiError], attributes: dict[str, object]) -> ApiError:
    error = kind.__new__(kind, attributes["message"])
    error.__dict__.update(attributes)
    return error


class QueryWarning(UserWarning):
    """A diagnostic of a query that is sent all the same, such as one that no label can satisfy."""


def _data_error(kind: type[DataError], message: str, code: str, where: str) -> DataError:
    return kind(message, code=code, where=where)


def render_all(diagnostics: Iterable[Diagnostic], source: str, *, color: bool = False) -> str:
    """All findings as text, one below the other."""
    return "\n".join(d.render(source, color=color) for d in diagnostics)
