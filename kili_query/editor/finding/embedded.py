"""A query inside a document: its text, and where each of its characters is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise
from typing import NamedTuple, Protocol

from kili_query.errors import Diagnostic, Fix, Span
from kili_query.lang.assist import diagnose
from kili_query.model.ontology import Ontology

FILTERS = ("category_search", "label_category_search")
"""The arguments that are queries, of whatever is called."""


class Edit(NamedTuple):
    """A text edit: `span`, in code points of the document, is replaced by `text`."""

    span: Span
    text: str


class Decoded(NamedTuple):
    """What a notation says: the text, and where the source of each of its characters starts and ends."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]


class Notation(Protocol):
    """How a text is written between quotes: with escapes or without, over lines or on one."""

    def decode(self, body: str) -> Decoded | None:
        """What is written; None if it breaks the rules of the notation."""

    def encode(self, text: str) -> str:
        """A way to write the text. It need not be one that fits: whoever asks decodes it again."""


class Plain:
    """The notation of a file that holds the text itself."""

    def decode(self, body: str) -> Decoded:
        """The text as it is."""
        return Decoded(body, range(len(body)), range(1, len(body) + 1))

    def encode(self, text: str) -> str:
        """The text as it is."""
        return text


class Part(NamedTuple):
    """One literal of the row that makes a text."""

    span: Span
    """Its characters in the text."""
    at: int
    """Where its body starts in the document, behind the quotes."""
    body: str
    notation: Notation


@dataclass(frozen=True, slots=True)
class Passage:
    """A text that is written in a document as a literal, or as a row of them that the reader joins."""

    text: str
    offsets: Sequence[int]
    """Where each character starts in the document; the last entry: where the text ends, before the closing quotes."""
    ends: Sequence[int]
    """Where the source of each character ends."""
    parts: tuple[Part, ...]

    @classmethod
    def join(cls, literals: Iterable[tuple[int, str, Notation]]) -> Passage | None:
        """The text of literals, each given as offset and source of its body, and notation; None if one is malformed.

        >>> Passage.join([(1, "A.B", Plain())]).offsets
        range(1, 5)
        """
        parts, texts, length = list[Part](), list[str](), 0
        starts, ends = list[Sequence[int]](), list[Sequence[int]]()
        for at, body, notation in literals:
            decoded = notation.decode(body)
            if decoded is None:
                return None
            parts.append(Part(Span(length, length + len(decoded.text)), at, body, notation))
            texts.append(decoded.text)
            length += len(decoded.text)
            starts.append(shifted(decoded.starts, at))
            ends.append(shifted(decoded.ends, at))
        if not parts:
            return None
        end = parts[-1].at + len(parts[-1].body)
        offsets = _joined([*starts, range(end, end + 1)])
        return cls("".join(texts), offsets, _joined(ends), tuple(parts))

    def locate(self, span: Span) -> Span:
        """Where a part of the text stands in the document; an empty one stays empty."""
        start, end = (min(max(offset, 0), len(self.text)) for offset in span)
        return Span(self.offsets[start], self.ends[end - 1] if end > start else self.offsets[start])

    def replace(self, span: Span, text: str) -> Edit | None:
        """The edit of the document that puts `text` in place of `span`, and changes no other character of the passage.

        None where that takes more than a change inside one literal: across two of them, across a continued line, or
        with characters that the notation cannot express.
        """
        place = self.locate(span)
        part = self._part_at(place)
        if part is None or any(
            self.ends[i] != self.offsets[i + 1] for i in range(span.start, span.end - 1)
        ):  # something stands between two characters that go
            return None
        written = part.notation.encode(text)
        start, end = place.start - part.at, place.end - part.at
        again = part.notation.decode(part.body[:start] + written + part.body[end:])
        before, after = self.text[part.span.start : span.start], self.text[span.end : part.span.end]
        return Edit(place, written) if again is not None and again.text == before + text + after else None

    def moved(self, by: int) -> Passage:
        """The same passage, of a document that starts elsewhere."""
        parts = tuple([Part(span, at + by, body, notation) for span, at, body, notation in self.parts])
        return Passage(self.text, shifted(self.offsets, by), shifted(self.ends, by), parts)

    def _part_at(self, place: Span) -> Part | None:
        for part in self.parts:
            if part.at <= place.start and place.end <= part.at + len(part.body):
                return part
        return None


def shifted(row: Sequence[int], by: int) -> Sequence[int]:
    """The offsets, moved; those of a plain literal stay a range, whatever its length."""
    return range(row.start + by, row.stop + by) if isinstance(row, range) else tuple(offset + by for offset in row)


def _joined(rows: Iterable[Sequence[int]]) -> Sequence[int]:
    """The offsets of all rows; a range where they follow each other."""
    filled = [row for row in rows if row]
    first, last = (filled[0], filled[-1]) if filled else (range(0), range(0))
    follow = all(isinstance(row, range) for row in filled) and all(a[-1] + 1 == b[0] for a, b in pairwise(filled))
    return range(first[0], last[-1] + 1) if filled and follow else tuple(chain.from_iterable(filled))


class Cell(NamedTuple):
    """A code cell of a notebook: its position among all cells, from 1, and its source, which JSON strings hold."""

    number: int
    passage: Passage


@dataclass(frozen=True, slots=True)
class EmbeddedQuery:
    """A query found in a document. All offsets count code points of the document, unless a cell is named."""

    text: str
    """The query as the program sees it: escapes decoded, literals joined."""
    offsets: Sequence[int]
    """Where `text[i]` starts; the last of `len(text) + 1` entries: where the text ends, before the closing quotes."""
    context: str
    """Why it is a query: `category_search`, `label_category_search`, `parse`, `marked` or `file`."""
    start: int
    """Where the whole literal starts, with its quotes."""
    end: int
    passage: Passage = field(repr=False)
    """The text where it is written: in the document, or in the cell."""
    cell: Cell | None = field(default=None, repr=False)
    """The cell of a notebook that holds the query."""
    project: str | None = None
    """The literal `project_id` of the same call."""
    closed: bool = True
    """False if the closing quotes have not been typed yet."""

    def diagnose(self, ontology: Ontology | None) -> list[Diagnostic]:
        """The diagnostics of the query; none for an empty filter, which the SDK takes for no filter."""
        return diagnose(self.text, ontology) if self.text or self.context not in FILTERS else []

    def moved(self, by: int) -> EmbeddedQuery:
        """The same query, of a document that starts elsewhere."""
        if not by:
            return self
        passage = self.passage.moved(by)
        return EmbeddedQuery(
            self.text, passage.offsets, self.context, self.start + by, self.end + by, passage, self.cell, self.project,
            self.closed,
        )  # fmt: skip

    def locate(self, span: Span) -> Span:
        """Where a part of the query stands in the document; an empty one stays empty."""
        place = self.passage.locate(span)
        return place if self.cell is None else self.cell.passage.locate(place)

    def replace(self, fix: Fix) -> Edit | None:
        """The edit of the document that makes the fix, written with the escapes of the position; None if none is safe."""
        edit = self.passage.replace(fix.span, fix.text)
        return edit if edit is None or self.cell is None else self.cell.passage.replace(*edit)

    def edits(self, fix: Fix) -> tuple[Edit, ...]:
        """The edits of the document that make the fix together; none if that cannot be done safely.

        Where the query is written with escapes, over lines or in several literals, a fix that only puts characters in,
        such as parentheses around a part, becomes one edit for each place: what stands between them stays as written.
        """
        place = self.locate(fix.span)
        written_plainly = place.end - place.start == fix.span.end - fix.span.start
        made = [self.replace(step) for step in ((fix,) if written_plainly else steps(self.text, fix))]
        return tuple(edit for edit in made if edit is not None) if None not in made else ()


def steps(text: str, fix: Fix) -> tuple[Fix, ...]:
    """The fix as insertions into the text, if it takes no character away; else the fix itself.

    >>> [step.text for step in steps("a AND b OR c", Fix(Span(0, 12), "(a AND b) OR c"))]
    ['(', ')']
    """
    old, start = text[fix.span.start : fix.span.end], fix.span.start
    found, at, run = list[Fix](), 0, ""
    for char in fix.text:
        if at < len(old) and char == old[at]:
            if run:
                found.append(Fix(Span(start + at, start + at), run))
            at, run = at + 1, ""
        else:
            run += char
    if run:
        found.append(Fix(Span(start + at, start + at), run))
    return tuple(found) if at == len(old) else (fix,)


@dataclass(frozen=True, slots=True)
class Found:
    """The queries of a document, in source order."""

    queries: tuple[EmbeddedQuery, ...] = ()
    unchecked: int = 0
    """Texts that are queries and cannot be read from the source: f-strings, sums, arguments of the function around."""
    problem: str | None = None
    """What kept the document, or a part of it, from being read."""


def apply_edits(source: str, edits: Iterable[Edit]) -> str:
    """The document with all edits made; one that overlaps an earlier one, or repeats it, is left out.

    >>> apply_edits("abc", [Edit(Span(1, 2), "B"), Edit(Span(0, 1), "A")])
    'ABc'
    """
    result, position = list[str](), 0
    for edit in sorted(set(edits)):
        if edit.span.start >= position:
            result += source[position : edit.span.start], edit.text
            position = edit.span.end
    return "".join(result) + source[position:]
