"""Texts with marked parts, broken over lines: the excerpts that show most of what is marked."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kili_query.pictures.cards import Card, Span
    from kili_query.pictures.fonts import Fonts

BEFORE = 60
"""Letters of a text before the first marked part that is shown."""


class Piece(NamedTuple):
    """A part of a line: where it begins, and which span of the card it belongs to."""

    left: float
    text: str
    span: int | None


class Run(NamedTuple):
    """A part of a text that is marked throughout, or not at all."""

    text: str
    span: int | None


def runs(text: str, spans: list[Span], begin: int = 0, end: int | None = None) -> list[Run]:
    """A text in parts. Where spans lie over each other, the one that begins last is shown, so that inner ones are seen."""
    end = len(text) if end is None else min(end, len(text))
    borders = {begin, end}
    for span in spans:
        borders |= {at for at in (span.begin, span.end) if begin < at < end}
    ordered, found = sorted(borders), list[Run]()
    starting = sorted(range(len(spans)), key=lambda number: (spans[number].begin, -spans[number].end))
    open_, position = list[int](), 0
    for low, high in pairwise(ordered):
        while position < len(starting) and spans[starting[position]].begin <= low:
            open_.append(starting[position])
            position += 1
        open_ = [number for number in open_ if spans[number].end > low]
        found.append(Run(text[low:high], open_[-1] if open_ else None))
    return found


def excerpt(card: Card, length: int) -> tuple[int, int]:
    """From where to where a text is shown: all of it if there is room, else from before the first part that matters."""
    text = card.text or ""
    if len(text) <= length:
        return 0, len(text)
    wanted = [span for span in card.spans if span.strong] or card.spans
    begin = max(0, min((span.begin for span in wanted), default=0) - BEFORE)
    if begin:  # at the beginning of a word
        begin = text.find(" ", begin, begin + BEFORE // 2) + 1 or begin
    begin = max(0, min(begin, len(text) - length)) if begin + length > len(text) else begin
    return begin, begin + length


def laid_out(card: Card, fonts: Fonts, size: float, width: float, lines: int) -> list[list[Piece]]:
    """The text of a card in lines of a fixed font, with gaps where parts are left out."""
    advance = fonts.width("m" * 100, size, mono=True) / 100
    begin, end = excerpt(card, int(width / advance * lines))
    text = card.text or ""
    found: list[list[Piece]] = [[]]
    at = 0.0
    if begin:
        found[0].append(Piece(0, "…", None))
        at = advance
    for run in runs(text, card.spans, begin, end):
        for word in _words(run.text):
            wide = _wide(fonts, word, size, advance)
            if word == "\n" or (at + wide > width and at):
                if len(found) == lines:
                    return _ended(found, advance, width)
                if found[-1]:  # no space at the end of a line is marked
                    found[-1][-1] = found[-1][-1]._replace(text=found[-1][-1].text.rstrip())
                found.append([])
                at = 0.0
                word = word.lstrip() if run.span is None else word.lstrip("\n")
                wide = _wide(fonts, word, size, advance)
            while wide > width:  # longer than a line
                cut = max(1, int(len(word) * width / wide) - 1)
                found[-1].append(Piece(at, word[:cut], run.span))
                if len(found) == lines:
                    return _ended(found, advance, width)
                found.append([])
                word, at = word[cut:], 0.0
                wide = _wide(fonts, word, size, advance)
            if word:
                line = found[-1]
                if (
                    line
                    and line[-1].span == run.span
                    and line[-1].left + _wide(fonts, line[-1].text, size, advance) == at
                ):
                    line[-1] = Piece(line[-1].left, line[-1].text + word, run.span)
                else:
                    line.append(Piece(at, word, run.span))
                at += wide
    return _ended(found, advance, width) if end < len(text) else found


def _ended(lines: list[list[Piece]], advance: float, width: float) -> list[list[Piece]]:
    last = lines[-1]
    end = last[-1].left + advance * len(last[-1].text) if last else 0.0
    if last and end + advance > width:
        piece = last.pop()
        if len(piece.text) > 1:
            last.append(piece._replace(text=piece.text[:-1]))
        end -= advance
    last.append(Piece(end, "…", None))
    return lines


def _words(text: str) -> list[str]:
    """Words with the spaces behind them; a line break by itself."""
    found, word = list[str](), ""
    for letter in text.replace("\r\n", "\n").replace("\t", " "):
        if letter == "\n":
            found += [word, "\n"] if word else ["\n"]
            word = ""
        elif word and word[-1] == " " and letter != " ":
            found.append(word)
            word = letter
        else:
            word += letter
    return [*found, word] if word else found


def _wide(fonts: Fonts, text: str, size: float, advance: float) -> float:
    """The width of a piece: of letters of the fixed font without measuring."""
    return advance * len(text) if text.isascii() else fonts.width(fonts.clean(text), size, mono=True)
