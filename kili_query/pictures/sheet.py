"""Contact sheets as PNG or SVG: cards in rows on pages, with a legend of the colours above."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import ceil, sqrt
from typing import TYPE_CHECKING, NamedTuple

from kili_query.pictures.drawing import Box, Drawing
from kili_query.pictures.palette import OTHERS, Theme, on
from kili_query.pictures.writing import laid_out

if TYPE_CHECKING:
    from kili_query.pictures.cards import Card, Panel
    from kili_query.pictures.fonts import Fonts
    from kili_query.pictures.palette import Palette

GAP, EDGE = 16.0, 20.0
TITLE, SMALL, LINE = 15.0, 11.0, 16.0
"""Sizes of text, and the height of a line."""

MOST_COLUMNS = 6
PER_PAGE = 48
"""Cards on a page."""

ABSENT_CONTENT = "the content is not at hand"

_LEGEND_LINES = 3
_LIST = 3
"""Lines of a caption that tell counts."""


class Look(NamedTuple):
    """How a sheet is laid out."""

    theme: Theme
    cell: int = 320
    """Width of a card in pixels."""
    columns: int | None = None
    """None: by the number of cards."""


def columns_for(number: int, asked: int | None = None) -> int:
    """How many cards stand beside each other."""
    return asked or max(1, min(MOST_COLUMNS, ceil(sqrt(number * 1.2))))


def canvas_of(look: Look) -> tuple[int, int]:
    """Width and height of a canvas, in pixels."""
    return look.cell, look.cell * 3 // 4


def draw_page(
    cards: Sequence[Card], title: str, remark: str, look: Look, palette: Palette, fonts: Fonts, first: int = 0
) -> Drawing:
    """A page of a contact sheet.

    Parameters
    ----------
    title: the query, or what is shown.
    remark: how many of how many; below the title.
    first: the number of the first card, from 0.
    """
    columns = min(columns_for(len(cards), look.columns), max(1, len(cards)))
    width = 2 * EDGE + columns * look.cell + (columns - 1) * GAP
    legend = _legend(cards, palette, fonts, width - 2 * EDGE)
    lines = max((_lines(card, look, palette, fonts) for card in cards), default=1)
    high = canvas_of(look)[1] + 8 + LINE * lines
    rows = ceil(len(cards) / columns)
    head = EDGE + (42 if remark else 24)
    top = head + len(legend) * 20 + (6 if legend else 0)
    height = top + rows * high + (rows - 1) * GAP + EDGE if rows else top + EDGE
    drawing = Drawing(width, height, fonts, look.theme.paper)
    drawing.text(
        EDGE, EDGE + 12, fonts.fit(title, TITLE, width - 2 * EDGE, bold=True), TITLE, look.theme.ink, bold=True
    )
    drawing.text(EDGE, EDGE + 31, fonts.fit(remark, SMALL, width - 2 * EDGE), SMALL, look.theme.faint)
    for number, line in enumerate(legend):
        x, y = EDGE, head + 4 + number * 20
        for color, name, wide in line:
            drawing.rectangle((x, y, 10, 10), face=color)
            drawing.text(x + 15, y + 9.5, name, SMALL, look.theme.ink)
            x += wide
    for number, card in enumerate(cards):
        x = EDGE + (number % columns) * (look.cell + GAP)
        y = top + (number // columns) * (high + GAP)
        _card(drawing, card, x, y, look, palette, f"card-{first + number}")
    return drawing


# -- one card ------------------------------------------------------------------------------------------------------------


def _card(drawing: Drawing, card: Card, x: float, y: float, look: Look, palette: Palette, gid: str) -> None:
    wide, high = canvas_of(look)
    theme, fonts = look.theme, drawing.fonts
    drawing.rectangle((x, y, wide, high), face=theme.canvas, z=1)
    if card.text is not None:
        _text(drawing, card, (x, y, wide, high), theme, palette, gid)
    elif not card.panels:
        drawing.text(x + wide / 2, y + high / 2, ABSENT_CONTENT, SMALL, theme.faint, align="center")
    for number, (box, panel) in enumerate(zip(boxes_of(card.panels, (x, y, wide, high)), card.panels, strict=True)):
        if panel.image is not None:
            drawing.image(box, panel.image)
        elif card.kind in ("pdf", "image", "video") and box[2:] != (wide, high):
            drawing.rectangle(box, face=theme.paper, z=1.5)
        drawing.rectangle(box, edge=theme.line, z=2.5)
        note, taken = fonts.fit(panel.note, 9, box[2] - 8), list[Box]()
        if note:
            taken = [(box[0] + 2, box[1] + box[3] - 16, fonts.width(note, 9) + 6, 14)]
            drawing.rectangle(taken[0], face="#15181d", z=9)
            drawing.text(box[0] + 5, box[1] + box[3] - 5.5, note, 9, "#ffffff")
        drawing.panel(box, panel, palette, f"{gid}-{number}", taken)
    base = y + high + 15
    detail = fonts.clean(card.detail)
    room = fonts.width(detail, SMALL) + 10 if detail else 0
    room = room if room < wide * 0.6 else 0
    drawing.text(x, base, fonts.fit(card.name, 12, wide - room, bold=True), 12, theme.ink, bold=True)
    if room:
        drawing.text(x + wide, base, detail, SMALL, theme.faint, align="right")
    lines = _counts(card, wide, palette, fonts)
    for line in lines:
        base += LINE
        at = x
        for color, name, objects, strong, room in line:
            if color is not None:
                drawing.rectangle((at, base - 8.5, 9, 9), face=color, edge=theme.ink if strong else "none")
                at += 13
            drawing.text(at, base, name, SMALL, theme.ink if strong or color is None else theme.faint, bold=strong)
            if objects:
                drawing.text(at + room, base, objects, SMALL, theme.ink, bold=strong, align="right")
            at += room + 12
    for words in card.words[:2]:
        base += LINE
        drawing.text(x, base, fonts.fit(words, SMALL, wide), SMALL, theme.faint)


def boxes_of(panels: Sequence[Panel], box: Box) -> list[Box]:
    """Where canvases lie in a box: each in its own shape, beside each other, in as many rows as leave them largest."""
    if not panels:
        return []
    x, y, wide, high = box
    gap, best = 4.0, list[Box]()
    for rows in range(1, len(panels) + 1):
        columns = ceil(len(panels) / rows)
        cell = ((wide - gap * (columns - 1)) / columns, (high - gap * (rows - 1)) / rows)
        found = list[Box]()
        for number, panel in enumerate(panels):
            scale = min(cell[0] / panel.size[0], cell[1] / panel.size[1])
            w, h = panel.size[0] * scale, panel.size[1] * scale
            left = x + (number % columns) * (cell[0] + gap) + (cell[0] - w) / 2
            found.append((left, y + (number // columns) * (cell[1] + gap) + (cell[1] - h) / 2, w, h))
        if not best or found[0][2] * found[0][3] > best[0][2] * best[0][3]:
            best = found
    return best


def _text(drawing: Drawing, card: Card, box: Box, theme: Theme, palette: Palette, gid: str) -> None:
    x, y, wide, high = box
    size, line = 10.0, 15.0
    drawn = set[int]()
    for row, pieces in enumerate(laid_out(card, drawing.fonts, size, wide - 16, int((high - 12) // line))):
        base = y + 17 + row * line
        for left, text, number in pieces:
            span = card.spans[number] if number is not None else None
            color = theme.ink
            if span is not None:
                fill = palette.color(span.key) if span.key else OTHERS
                room = drawing.fonts.width(text, size, mono=True)
                part = f"{gid}-span-{number}" if number not in drawn else ""
                drawn.add(number or 0)
                place = (x + 8 + left - 1, base - 10.5, room + 2, 13.5)
                drawing.rectangle(place, face=fill, edge=theme.ink if span.strong else "none", width=1.4, z=2, gid=part)
                color = on(fill)
            drawing.text(x + 8 + left, base, drawing.fonts.clean(text), size, color, mono=True)


class Row(NamedTuple):
    """What a caption tells of a category."""

    color: str
    name: str
    objects: str
    """How many; of several jobs that have a category of this name, one number for each: `2 + 4`."""
    strong: bool
    title: str


def rows_of(card: Card, palette: Palette) -> list[Row]:
    """The categories of a card, in their order."""
    found: dict[tuple[str, str], Row] = {}
    for key, objects, strong in card.tallies:
        color, name, title = palette.color(key), palette.name(key), f"{key[0]}.{key[1]}: {objects:,}"
        row = found.get((color, name))
        if row is None:
            found[color, name] = Row(color, name, f"{objects:,}", strong, title)
        else:
            more = {"objects": f"{row.objects} + {objects:,}", "title": f"{row.title}, {title}"}
            found[color, name] = row._replace(strong=row.strong or strong, **more)
    return list(found.values())


class _Item(NamedTuple):
    color: str | None
    name: str
    objects: str
    strong: bool
    room: float
    """For the name and the number."""


def _lines(card: Card, look: Look, palette: Palette, fonts: Fonts) -> int:
    return 1 + len(_counts(card, look.cell, palette, fonts)) + len(card.words[:2])


def _counts(card: Card, width: float, palette: Palette, fonts: Fonts) -> list[list[_Item]]:
    """The lines that tell counts; what has no room is counted."""
    lines, at = list[list[_Item]](), width + 1
    rows = rows_of(card, palette)
    for position, (color, whole, number, strong, _) in enumerate(rows):
        name = fonts.fit(whole, SMALL, width * 0.55, bold=strong)
        room = fonts.width(name, SMALL, bold=strong) + 6 + fonts.width(number, SMALL, bold=strong)
        left = len(rows) - position - 1
        more = 12 + fonts.width(f"and {left:,} more", SMALL) if left and len(lines) == _LIST else 0
        if at + 13 + room + more > width:
            if len(lines) == _LIST:
                lines[-1].append(_Item(None, f"and {left + 1:,} more", "", False, 0))
                break
            lines.append([])
            at = 0.0
        lines[-1].append(_Item(color, name, number, strong, room))
        at += 13 + room + 12
    return lines


# -- the legend ----------------------------------------------------------------------------------------------------------


class Entry(NamedTuple):
    """A category of the legend."""

    color: str
    name: str
    room: float
    """The width that it takes."""


def ranked(cards: Sequence[Card], palette: Palette) -> list[tuple[str, str]]:
    """The colours and names of the categories of cards, those in most of them first."""
    found = Counter[tuple[str, str]]()
    for card in cards:
        for key, _, strong in card.tallies:
            found[palette.color(key), palette.name(key)] += 1_000_000 if strong else 1
    return [entry for entry, _ in sorted(found.items(), key=lambda item: (-item[1], item[0][1]))]


def _legend(cards: Sequence[Card], palette: Palette, fonts: Fonts, width: float) -> list[list[Entry]]:
    """Lines of the legend; categories for which there is no room are counted."""
    lines, at = list[list[Entry]](), width + 1
    entries = ranked(cards, palette)
    for position, (color, whole) in enumerate(entries):
        name = fonts.fit(whole, SMALL, 220)
        room = 15 + fonts.width(name, SMALL) + 16
        left = len(entries) - position
        last = 15 + fonts.width(f"and {left:,} others", SMALL) if len(lines) == _LEGEND_LINES and left > 1 else 0
        if at + room + last > width:
            if len(lines) == _LEGEND_LINES:
                lines[-1].append(Entry(OTHERS, f"and {left:,} others", last))
                break
            lines.append([])
            at = 0.0
        lines[-1].append(Entry(color, name, room))
        at += room
    return lines
