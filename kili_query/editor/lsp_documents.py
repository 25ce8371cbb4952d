"""The documents that an editor has open: their text as it is typed, and the queries in it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import NamedTuple

from kili_query.editor.embedded import Edit, EmbeddedQuery, Found
from kili_query.editor.finding import SUFFIXES, find_queries
from kili_query.editor.positions import UTF_16, Lines, Position
from kili_query.errors import Diagnostic, Fix, Span
from kili_query.lang.assist import Word, words
from kili_query.model.ontology import Ontology

MAX_TEXT = 10_000_000
"""Characters of a document past which nobody looks for queries in it: it is data, or generated."""


class Change(NamedTuple):
    """What an editor tells of typing: new text for a part, or (no start and end) for all."""

    text: str
    start: Position | None = None
    end: Position | None = None


class Document:
    """An open document. Its queries are found when they are asked for, and follow what is typed inside them.

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
        self._found: Found | None = None
        # while nobody has looked anew since something was typed elsewhere: where the queries are, as far as is known
        self._likely: Found | None = None
        self._words: dict[str, tuple[Word, ...]] = {}
        self._diagnosed: dict[tuple[str, str], tuple[Ontology | None, list[Diagnostic]]] = {}

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
                self._found = find_queries(self.name, self.text, tolerant=True)
        return self._found

    def change(self, changes: Sequence[Change], version: int | None) -> None:
        """Take over what was typed."""
        self.version = version
        for text, start, end in changes:
            old = self.lines
            if start is None or end is None:
                self.lines, self._found, self._likely = Lines(text, old.encoding), None, None
                continue
            first, last = old.offset(start), old.offset(end)
            edit = Edit(Span(first, max(first, last)), text)
            self.lines = Lines(old.text[:first] + text + old.text[edit.span.end :], old.encoding)
            followed = _followed(self._found or self._likely, old.text, edit)
            inside = followed is not None and followed.inside
            self._found = followed.found if followed and inside and self._found else None
            self._likely = followed.found if followed else None

    def diagnose(self, query: EmbeddedQuery, ontology: Ontology | None) -> list[Diagnostic]:
        """What can be said against one of the queries; kept for as long as text and ontology are the same."""
        key = query.text, query.context
        known = self._diagnosed.get(key)
        if known is None or known[0] is not ontology:
            if len(self._diagnosed) > 2 * len(self.found.queries) + 100:
                self._diagnosed.clear()  # texts that were typed and are no more
            known = self._diagnosed[key] = (ontology, query.diagnose(ontology))
        return known[1]

    def words(self, query: EmbeddedQuery) -> tuple[Word, ...]:
        """The words of one of the queries; kept."""
        known = self._words.get(query.text)
        if known is None:
            if len(self._words) > 2 * len(self.found.queries) + 100:
                self._words.clear()
            known = self._words[query.text] = tuple(words(query.text))
        return known

    def query_at(self, offset: int) -> tuple[EmbeddedQuery, int] | None:
        """The query in which an offset of the document lies, and the offset in the text of that query."""
        if self._found is None and self._likely is not None and not self.is_query_file:
            hit = _hit(self._likely, offset)
            line = self.text[self.text.rfind("\n", 0, offset) + 1 : offset]
            if hit or not ("'" in line or '"' in line):  # a new query begins with a quote; others are found in a moment
                return hit
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


# -- typing inside a query ---------------------------------------------------------------------------------------------


class _Followed(NamedTuple):
    """What was found, after an edit."""

    found: Found
    inside: bool
    """True if the edit lies inside one literal and leaves it that kind of literal: then nothing else has changed."""


def _followed(found: Found | None, old: str, edit: Edit) -> _Followed | None:
    """The queries after an edit, without reading the document anew, which is too slow for each letter."""
    if found is None:
        return None
    (first, last), delta = edit.span, len(edit.text) - (edit.span.end - edit.span.start)
    queries: list[EmbeddedQuery] = []
    inside = False
    for query in found.queries:
        if query.cell is not None:
            return None
        if query.end < first + query.closed:  # one that is not closed may go on where it ends
            queries.append(query)
        elif query.start >= last:
            queries.append(_moved(query, delta))
        elif (grown := _edited(query, old, edit)) is not None:
            queries.append(grown)
            inside = True
    return _Followed(Found(tuple(queries), found.unchecked, found.problem), inside)


def _edited(query: EmbeddedQuery, old: str, edit: Edit) -> EmbeddedQuery | None:
    """A query whose literal is written without escapes, after an edit that brings none."""
    parts, offsets = query.passage.parts, query.offsets
    (first, last), text = edit
    if len(parts) != 1 or not isinstance(offsets, range) or query.start == offsets.start:
        return None
    quote, start = old[offsets.start - 1], offsets.start
    if quote not in "\"'" or not (start <= first and last <= offsets[-1]):
        return None
    body = query.text[: first - start] + text + query.text[last - start :]
    lines = body.replace("\n", "") if old[start - 3 : start] == quote * 3 else body
    if parts[0].body != query.text or set(body) & {quote, "\\", "#"} or not lines.isprintable():
        return None
    delta = len(body) - len(query.text)
    places = range(start, start + len(body) + 1)
    part = parts[0]._replace(span=Span(0, len(body)), body=body)
    passage = replace(query.passage, text=body, offsets=places, ends=places[1:], parts=(part,))
    return replace(query, text=body, offsets=places, end=query.end + delta, passage=passage)


def _moved(query: EmbeddedQuery, delta: int) -> EmbeddedQuery:
    passage = query.passage.moved(delta)
    return replace(query, offsets=passage.offsets, start=query.start + delta, end=query.end + delta, passage=passage)
