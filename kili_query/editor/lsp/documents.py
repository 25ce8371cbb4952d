"""The documents that an editor has open: their text as it is typed, and the queries in it."""

from __future__ import annotations

import os
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePath
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote, urlsplit

from pygls.uris import to_fs_path

from kili_query.editor.finding import SUFFIXES, reader_of
from kili_query.editor.finding.embedded import EmbeddedQuery, Found
from kili_query.editor.positions import UTF_16, Lines, Position
from kili_query.errors import Diagnostic, Fix, Span
from kili_query.lang.assist import Hint, Symbol, Word, hints, symbols, words
from kili_query.model.ontology import Ontology

T = TypeVar("T")
MAX_TEXT = 10_000_000
"""Characters of a document past which nobody looks for queries in it: it is data, or generated."""


_LONGEST_PATH = 32_767 if os.name == "nt" else 4_095
"""Characters of the longest path that the system takes."""


def path_of(uri: str) -> str:
    """The path that a URI names; its last name alone, as of a file that is not saved, where no file here can have it.

    Other schemes have paths as well: a cell of a notebook has that of the notebook.

    >>> path_of("file:///a%20b/c.py"), path_of("untitled:Untitled-1"), path_of("file:///a%00/b.kq")
    ('/a b/c.py', 'Untitled-1', 'b.kq')
    """
    try:
        scheme, host, path, *_ = urlsplit(uri)
        path = (to_fs_path(uri) if host != "localhost" else None) or unquote(path)
    except ValueError:  # `[` opens a host that has no end
        return ""
    remote = scheme == "file" and host not in ("", "localhost") and os.name != "nt"  # Windows has files of other hosts
    if remote or "\0" in path or len(path) > _LONGEST_PATH:
        return path[max(len(path) - 255, path.rfind("/") + 1) :].replace("\0", "")
    return path


class Change(NamedTuple):
    """What an editor tells of typing: new text for a part, or (no start and end) for all."""

    text: str
    start: Position | None = None
    end: Position | None = None


class Document:
    """An open document. Its queries are found when they are asked for; where nothing was typed they are known already.

    Parameters
    ----------
    uri: what the editor calls it.
    path: the file, if it is one: where its ontology is looked for.
    language: the editor's name of the language, such as `python`; it decides where the path does not.
    """

    def __init__(
        self, uri: str, path: str, language: str, version: int | None, text: str, encoding: str = UTF_16
    ) -> None:
        self.uri = uri
        self.path = path
        self.version = version
        self.lines = Lines(text, encoding)
        suffix = PurePath(path).suffix.lower()
        # a cell of a notebook has the path of the notebook, and is Python itself
        self.name = (
            path
            if suffix in SUFFIXES and (suffix == ".ipynb") != (language == "python")
            else _NAMES.get(language, path)
        )
        self._read = reader_of(self.name)
        self._found: Found | None = None
        self._starts: dict[int, Position | None] = {}
        self._known: dict[tuple[str, str], dict[str, tuple[Ontology | None, list[Any]]]] = {}

    @property
    def text(self) -> str:
        """The text as it is now."""
        return self.lines.text

    @property
    def is_query_file(self) -> bool:
        """True if the whole document is one query."""
        return self.name.lower().endswith(".kq")

    @property
    def found(self) -> Found:
        """The queries of the text, also where the rest of it is not finished."""
        if self._found is None:
            if len(self.text) > MAX_TEXT:
                self._found = Found(problem=f"is longer than {MAX_TEXT:,} characters: not searched for queries")
            else:
                self._found = self._read(self.text)
        return self._found

    def change(self, changes: Sequence[Change], version: int | None) -> None:
        """Take over what was typed."""
        self.version = version
        self._found = None
        self._starts.clear()
        for text, start, end in changes:
            old = self.lines
            if start is None or end is None:
                self.lines = Lines(text, old.encoding)
                continue
            first, last = old.offset(start), old.offset(end)
            self.lines = Lines(old.text[:first] + text + old.text[max(first, last) :], old.encoding)

    def diagnose(self, query: EmbeddedQuery, ontology: Ontology | None) -> list[Diagnostic]:
        """The diagnostics of one of the queries."""
        return self._kept(("diagnose", query.context), query.text, ontology, lambda: query.diagnose(ontology))

    def words(self, query: EmbeddedQuery) -> list[Word]:
        """The tokens of one of the queries."""
        return self._kept(("words", ""), query.text, None, lambda: list(words(query.text)))

    def symbols(self, query: EmbeddedQuery, ontology: Ontology | None) -> list[Symbol]:
        """The comparisons of one of the queries."""
        return self._kept(("symbols", ""), query.text, ontology, lambda: list(symbols(query.text, ontology)))

    def hints(self, query: EmbeddedQuery, ontology: Ontology) -> list[Hint]:
        """The display names for one of the queries."""
        return self._kept(("hints", ""), query.text, ontology, lambda: list(hints(query.text, ontology)))

    def _kept(
        self, kind: tuple[str, str], text: str, ontology: Ontology | None, make: Callable[[], list[T]]
    ) -> list[T]:
        """The analysis of a query text, cached while the ontology is the same."""
        rows = self._known.setdefault(kind, {})
        known = rows.get(text)
        if known is None or known[0] is not ontology:
            if len(rows) > 2 * len(self.found.queries) + 100:
                rows.clear()  # texts that were typed and are no more
            known = rows[text] = (ontology, make())
        return known[1]

    def plain_start(self, query: EmbeddedQuery) -> Position | None:
        """Where a query starts that stands on one line as it is, each character one unit wide; None for any other."""
        start = query.offsets[0]
        if start not in self._starts:
            plain = isinstance(query.offsets, range) and query.cell is None
            plain = plain and query.text.isascii() and query.text.isprintable()
            self._starts[start] = self.lines.position(start) if plain else None
        return self._starts[start]

    def query_at(self, offset: int) -> tuple[EmbeddedQuery, int] | None:
        """The query in which an offset of the document lies, and the offset in the text of that query."""
        return _hit(self.found, offset)

    def queries_within(self, span: Span) -> Iterator[EmbeddedQuery]:
        """The queries that touch a part of the document."""
        for query in self.found.queries:
            start, end = extent(query)
            if start <= span.end and span.start <= end:
                yield query


_NAMES = {"python": "cell.py", "kili-query": "query.kq", "kq": "query.kq"}
"""Names that say what a document is, for editors' names of languages."""


def _hit(found: Found, offset: int) -> tuple[EmbeddedQuery, int] | None:
    first = bisect_left(found.queries, offset, key=lambda query: query.end)
    for query in found.queries[first:]:
        if query.start > offset:
            break
        inside = offset_in(query, offset)
        if inside is not None:
            return query, inside
    return None


def extent(query: EmbeddedQuery) -> Span:
    """Where the text of a query stands in its document, without quotes."""
    return Span(query.locate(Span(0, 0)).start, query.locate(Span(len(query.text), len(query.text))).end)


def offset_in(query: EmbeddedQuery, offset: int) -> int | None:
    """An offset of the document as one of the query's text; None if it lies outside, or between two literals."""
    start, end = extent(query)
    if not start <= offset <= end:
        return None
    if query.cell is None:
        index = bisect_right(query.offsets, offset) - 1
    else:  # the characters of a cell stand in JSON strings
        index = bisect_right(range(len(query.text) + 1), offset, key=lambda i: query.locate(Span(i, i)).start) - 1
    if index >= len(query.text):
        return len(query.text)
    place = query.locate(Span(index, index + 1))
    return index if offset < place.end else index + 1 if offset == place.end else None


def pieces(query: EmbeddedQuery, span: Span) -> Iterator[Span]:
    """Where a part of the query stands in the document: one span for each literal that it lies in."""
    whole = query.locate(span)
    if whole.end - whole.start == span.end - span.start:
        yield whole
        return
    start = end = whole.start
    for i in range(*span):
        place = query.locate(Span(i, i + 1))
        if place.start != end:
            yield Span(start, end)
            start = place.start
        end = place.end
    yield Span(start, end)


def smallest_fix(old: str, new: str) -> Fix:
    """The shortest single edit that makes one text of another."""
    start = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    rest = min(len(old), len(new)) - start
    back = next((i for i in range(rest) if old[-1 - i] != new[-1 - i]), rest)
    return Fix(Span(start, len(old) - back), new[start : len(new) - back])
