"""Contact sheets as HTML, all in one file; and the same as a part of a notebook."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING

from kili_query.pictures.drawing import Box, Drawing, jpeg_address
from kili_query.pictures.fonts import printable
from kili_query.pictures.palette import DARK, LIGHT, Theme, on
from kili_query.pictures.sheet import ABSENT_CONTENT, boxes_of, ranked, rows_of
from kili_query.pictures.writing import excerpt, runs

if TYPE_CHECKING:
    from kili_query.pictures.cards import Card, Panel
    from kili_query.pictures.fonts import Fonts
    from kili_query.pictures.palette import Palette, ThemeName

CANVAS = (480, 360)
"""Pixels of a canvas; it is shown as wide as there is room for."""

SECTION = 100
"""Cards of a part of the page, to which its head leads."""

_LONGEST_TEXT = 1200
"""Letters of a text that a card shows."""

_SHOWN_NAMES = 60
"""Categories that the legend shows before it is opened."""

_STYLE = """
.kq{font:14px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;color:var(--ink);background:var(--paper)}
.kq *{box-sizing:border-box}
.kq h1{font-size:17px;margin:0 0 2px;overflow-wrap:anywhere}
.kq h2{font-size:13px;font-weight:600;color:var(--faint);margin:20px 0 8px}
.kq p{margin:2px 0;color:var(--faint)}
.kq nav a{color:inherit;margin-right:10px}
.kq .legend,.kq .counts{display:flex;flex-wrap:wrap;gap:2px 12px;list-style:none;margin:6px 0 0;padding:0}
.kq .legend{margin:8px 0 14px}
.kq li{overflow-wrap:anywhere;margin:0;color:var(--faint)}
.kq li i{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:5px}
.kq li b{color:var(--ink)}
.kq li.strong{color:var(--ink);font-weight:600}
.kq li.strong i{box-shadow:inset 0 0 0 1.5px var(--ink)}
.kq summary{cursor:pointer;color:var(--faint)}
.kq .cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,var(--cell,300px)),1fr));gap:16px}
.kq figure{margin:0;content-visibility:auto;contain-intrinsic-size:auto 300px;min-width:0}
.kq .canvases{position:relative;aspect-ratio:4/3;background:var(--canvas);border-radius:4px;overflow:hidden}
.kq .canvas{position:absolute;outline:1px solid var(--line);outline-offset:-1px}
.kq .canvas img,.kq .canvas svg{position:absolute;inset:0;width:100%;height:100%;display:block}
.kq .canvas small{position:absolute;left:2px;bottom:2px;font-size:11px;padding:0 4px;background:#15181dcc;color:#fff;border-radius:3px}
.kq .text{min-height:72px;max-height:320px;overflow:auto;background:var(--canvas);border-radius:4px;padding:8px 10px;white-space:pre-wrap;overflow-wrap:anywhere;font-size:13px}
.kq mark{border-radius:3px;padding:0 2px}
.kq mark.strong{outline:2px solid var(--ink)}
.kq figcaption{margin-top:6px;font-size:13px}
.kq figcaption strong{overflow-wrap:anywhere}
.kq figcaption span{color:var(--faint);margin-left:8px}
.kq .notes{margin-top:24px;border-top:1px solid var(--line);padding-top:8px;font-size:12px}
"""


def variables(theme: Theme) -> str:
    """The colours of a theme as variables of CSS."""
    return f"--paper:{theme.paper};--canvas:{theme.canvas};--ink:{theme.ink};--faint:{theme.faint};--line:{theme.line}"


_AROUND = (
    "--paper:transparent;--ink:currentColor;--faint:color-mix(in srgb,currentColor 65%,transparent);"
    "--canvas:color-mix(in srgb,currentColor 8%,transparent);--line:color-mix(in srgb,currentColor 22%,transparent)"
)
"""In a notebook: the colours that are made of those around."""


def whole_page(
    cards: Sequence[Card], title: str, remark: str, notes: Sequence[str], theme: ThemeName, palette: Palette, fonts: Fonts, cell: int,
) -> Iterator[str]:  # fmt: skip
    """A page of HTML, in pieces: nothing in it is fetched, and nothing runs."""
    colors = f":root{{color-scheme:{'light dark' if theme == 'auto' else theme};{variables(DARK if theme == 'dark' else LIGHT)}}}"
    if theme == "auto":
        colors += f"@media (prefers-color-scheme:dark){{:root{{{variables(DARK)}}}}}"
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    yield (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        f"<title>{shown(title)}</title>\n<style>{colors}\nbody{{margin:0;background:var(--paper)}}"
        f".kq{{padding:20px;--cell:{cell}px}}{_STYLE}</style>\n"
    )
    yield from _body(cards, title, remark, notes, palette, fonts)
    yield "</html>\n"


def fragment(
    cards: Sequence[Card], title: str, remark: str, notes: Sequence[str], palette: Palette, fonts: Fonts, cell: int
) -> str:
    """The same as a part of a page that has colours of its own, such as a notebook."""
    inside = "".join(_body(cards, title, remark, notes, palette, fonts))
    return f"<style>.kq{{{_AROUND};--cell:{cell}px}}{_STYLE}</style>{inside}"


def _body(
    cards: Sequence[Card], title: str, remark: str, notes: Sequence[str], palette: Palette, fonts: Fonts
) -> Iterator[str]:
    yield '<div class="kq">\n'
    if title:
        yield f"<h1>{shown(title)}</h1>\n"
    if remark:
        yield f"<p>{shown(remark)}</p>\n"
    parts = range(0, len(cards), SECTION)
    if len(parts) > 1:
        links = "".join(f'<a href="#from-{first + 1}">{_range(first, len(cards))}</a>' for first in parts)
        yield f"<nav>{links}</nav>\n"
    yield _legend(cards, palette)
    for first in parts:
        if len(parts) > 1:
            yield f'<h2 id="from-{first + 1}">{_range(first, len(cards))}</h2>\n'
        yield '<div class="cards">\n'
        for number, card in enumerate(cards[first : first + SECTION], first):
            yield _figure(card, f"card-{number}", palette, fonts)
        yield "</div>\n"
    if notes:
        yield f'<div class="notes">{"".join(f"<p>{shown(note)}</p>" for note in notes)}</div>\n'
    yield "</div>\n"


def _range(first: int, number: int) -> str:
    return f"{first + 1:,} to {min(first + SECTION, number):,}"


def _legend(cards: Sequence[Card], palette: Palette) -> str:
    items = [f'<li><i style="background:{color}"></i>{shown(name)}</li>' for color, name in ranked(cards, palette)]
    if not items:
        return ""
    first = f'<ul class="legend">{"".join(items[:_SHOWN_NAMES])}</ul>\n'
    more = items[_SHOWN_NAMES:_MOST_NAMES]
    if not more:
        return first
    others = len(items) - _MOST_NAMES
    told = f"<li>and {others:,} others</li>" if others > 0 else ""
    return f'{first}<details><summary>{len(items) - _SHOWN_NAMES:,} more categories</summary><ul class="legend">{"".join(more)}{told}</ul></details>\n'


_MOST_NAMES = 2_000


def _figure(card: Card, gid: str, palette: Palette, fonts: Fonts) -> str:
    if card.text is not None:
        inside = f'<div class="text">{_text(card, palette)}</div>'
    elif not card.panels:
        inside = f'<div class="text"><p>{ABSENT_CONTENT}</p></div>'
    else:
        boxes = boxes_of(card.panels, (0, 0, *CANVAS))
        panels = "".join(
            _canvas(panel, box, f"{gid}-{n}", palette, fonts)
            for n, (panel, box) in enumerate(zip(card.panels, boxes, strict=True))
        )
        inside = f'<div class="canvases">{panels}</div>'
    detail = f"<span>{shown(card.detail)}</span>" if card.detail else ""
    rows = rows_of(card, palette)
    counts = "".join(
        f'<li{" class=strong" if row.strong else ""} title="{shown(row.title)}"><i style="background:{row.color}"></i>'
        f"{shown(row.name)} <b>{row.objects}</b></li>"
        for row in rows[:_SHOWN_COUNTS]
    )
    if len(rows) > _SHOWN_COUNTS:
        counts += f"<li>and {len(rows) - _SHOWN_COUNTS:,} more</li>"
    words = "".join(f"<p>{shown(text[:300])}</p>" for text in card.words[:5])
    return (
        f'<figure id="{gid}">{inside}<figcaption><strong>{shown(card.name)}</strong>{detail}'
        f'<ul class="counts">{counts}</ul>{words}</figcaption></figure>\n'
    )


_SHOWN_COUNTS = 30


def _canvas(panel: Panel, box: Box, gid: str, palette: Palette, fonts: Fonts) -> str:
    x, y, wide, high = box
    drawing = Drawing(wide, high, fonts, None)
    drawing.panel((0, 0, wide, high), panel, palette, gid)
    image = f'<img alt="" src="{jpeg_address(panel.image)}">' if panel.image is not None else ""
    note = f"<small>{shown(panel.note)}</small>" if panel.note else ""
    titles = {f"{gid}-{number}": mark.title for number, mark in enumerate(panel.marks)}
    overlay = _overlay(drawing.svg(), titles)
    sides = zip(("left", "top", "width", "height"), (x, y, wide, high), CANVAS * 2, strict=True)
    place = ";".join(f"{side}:{100 * value / whole:.3f}%" for side, value, whole in sides)
    return f'<div class="canvas" style="{place}">{image}{overlay}{note}</div>'


_HEAD = re.compile(r"<svg [^>]*>")
_GROUP = re.compile(r'<g id="([^"]*)">')
_HOUSE = re.compile(r"\s*<defs>\s*<style[^>]*>[^<]*</style>\s*</defs>")


def _overlay(svg: str, titles: dict[str, str]) -> str:
    """An SVG inside of HTML: as large as what it lies on, its shapes with titles, which are shown while the mouse is over them."""
    box = re.search(r'viewBox="([^"]*)"', svg)
    svg = _HEAD.sub(f'<svg viewBox="{box[1] if box else ""}" preserveAspectRatio="none">', svg, count=1)
    svg = _HOUSE.sub("", svg, count=1).replace("xlink:href", "href")
    svg = _GROUP.sub(
        lambda found: found[0] + f"<title>{shown(titles[found[1]])}</title>" if found[1] in titles else "<g>", svg
    )
    return re.sub(r">\s+<", "><", svg).strip()


def _text(card: Card, palette: Palette) -> str:
    text = card.text or ""
    begin, end = excerpt(card, _LONGEST_TEXT)
    found = "… " if begin else ""
    for part, number in runs(text, card.spans, begin, end):
        if number is None:
            found += shown(part)
        else:
            span = card.spans[number]
            color = palette.color(span.key) if span.key else "#8b95a3"
            strong = " class=strong" if span.strong else ""
            found += f'<mark{strong} style="background:{color};color:{on(color)}" title="{shown(span.title)}">{shown(part)}</mark>'
    return found + (" …" if end < len(text) else "")


def shown(text: str) -> str:
    """A text for HTML; without control characters, which a page must not hold."""
    return escape("".join(letter if printable(letter) or letter == "\n" else " " for letter in text))
