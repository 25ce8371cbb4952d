"""Plots of what exports hold: class balance, how counts spread, what comes together, and when and by whom it was made."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any, NamedTuple

from kili_query.errors import ArgumentError
from kili_query.formats.extras import load
from kili_query.model.counts import Key
from kili_query.offline.files import whole_file
from kili_query.offline.overview import Made, Overview
from kili_query.pictures.drawing import house_style, png_of, tidy_svg
from kili_query.pictures.fonts import DPI, Fonts
from kili_query.pictures.notes import Notes
from kili_query.pictures.page import shown, variables
from kili_query.pictures.palette import DARK, EXTRA, LIGHT, OTHERS, THEMES, Palette, Theme, ThemeName

if TYPE_CHECKING:
    from PIL.Image import Image

    from kili_query.model.ontology import Ontology

SUFFIXES = (".png", ".svg", ".html", ".htm")

MOST = 30
"""Categories that have a bar; all others share one."""

MOST_TOGETHER = 20
MOST_AUTHORS = 20

CLASSES = ((1, 1), (2, 2), (3, 3), (4, 5), (6, 10), (11, None))
"""Counts of a label that share a column."""

_WIDTH, _EDGE, _GUTTER, _GAP, _ROW = 1200.0, 24.0, 190.0, 44.0, 19.0
_HEAD, _TITLE, _SMALL = 64.0, 13.0, 11.0

_MARKS = Theme(paper="#010203", canvas="#010204", ink="#010205", faint="#010206", line="#010207")
"""Colours that stand for variables in HTML, where those of the reader's theme come in their place."""


class Row(NamedTuple):
    """A bar: its name, its length, its colour."""

    name: str
    value: int
    color: str
    keys: tuple[Key, ...]


def save_plots(
    overview: Overview,
    path: str | os.PathLike[str],
    *,
    title: str = "",
    ontology: Ontology | None = None,
    theme: ThemeName = "auto",
) -> list[str]:
    """Write the plots of an overview, all on one page: `.png`, `.svg` or `.html`. Gives what is to be told.

    Raises
    ------
    ArgumentError: another suffix.
    DataError: matplotlib is not installed, or the file cannot be written (KQ503).
    """
    name = os.fspath(path)
    suffix = os.path.splitext(name)[1].lower()
    if suffix not in SUFFIXES:
        raise ArgumentError("path", f"ends with {', '.join(SUFFIXES)}, which say what is written; this is {name}")
    load("matplotlib", EXTRA)
    notes = Notes()
    page = suffix in (".html", ".htm")
    chosen = _MARKS if page else THEMES["light" if theme == "auto" else theme]
    with house_style():
        plots = Plots(overview, title, ontology, chosen, notes, final=suffix == ".png")
        data = png_of(plots.pixels()) if suffix == ".png" else plots.svg().encode()
    if page:
        data = _page(data.decode(), title, theme).encode()
    if overview.thinned:
        notes.add("pairs", "so many categories come together that only the frequent pairs were counted")
    with whole_file(name) as file:
        file.write(data)
    return list(notes)


class Plots:
    """The plots on one page, laid out by how many rows each of them has, so that no text lies on another."""

    def __init__(
        self, overview: Overview, title: str, ontology: Ontology | None, theme: Theme, notes: Notes, *, final: bool = True
    ) -> None:  # fmt: skip
        self._overview, self._theme, self._palette = overview, theme, Palette(ontology, notes)
        keys = sorted(overview.spread, key=lambda key: (-overview.objects(key), key))
        self.rows = self._rows(keys)
        self._pairs = keys[:MOST_TOGETHER]
        authors = sorted(overview.authors.items(), key=lambda item: (-item[1].objects, item[0]))
        self._authors, self._days = authors, days_of(overview.days)
        texts = [title, *(row.name for row in self.rows), *(name for name, _ in authors[:MOST_AUTHORS])]
        self.fonts = Fonts([*texts, *map(self._palette.name, self._pairs)], notes, final=final)
        self._height = self._laid_out(draw=False)
        self._figure = load("matplotlib.figure", EXTRA).Figure(
            figsize=(_WIDTH / DPI, self._height / DPI), dpi=DPI, facecolor=theme.paper
        )
        read = f"{overview.labels:,} labels of {overview.records:,} records, {overview.empty:,} of them empty"
        self._text(_EDGE, 30, self.fonts.fit(title, 17, _WIDTH - 2 * _EDGE, bold=True), 17, theme.ink, weight="bold")
        self._text(_EDGE, 50, f"{read}; {sum(map(overview.objects, keys)):,} objects", _SMALL, theme.faint)
        self._laid_out(draw=True)

    def _rows(self, keys: Sequence[Key]) -> list[Row]:
        """Bars: categories with most objects, and one for all others."""
        overview, named = self._overview, zip(keys[:MOST], self._names(keys[:MOST]), strict=True)
        rows = [Row(name, overview.objects(key), self._palette.color(key), (key,)) for key, name in named]
        if others := keys[MOST:]:
            number = sum(map(overview.objects, others))
            rows.append(Row(f"{len(others):,} others", number, OTHERS, tuple(others)))
        return rows

    def _names(self, keys: Sequence[Key]) -> list[str]:
        """Names of categories, with their jobs where two are called the same."""
        names = [self._palette.name(key) for key in keys]
        return [f"{name} ({key[0]})" if names.count(name) > 1 else name for key, name in zip(keys, names, strict=True)]

    def _below(self) -> list[str]:
        """The names below the table of what comes together."""
        return [self.fonts.fit(name, _SMALL, 150) for name in self._names(self._pairs)]

    def _laid_out(self, *, draw: bool) -> float:
        """Draw the plots from top to bottom, or only measure; gives the height of the page."""
        half = (_WIDTH - 2 * _EDGE - _GAP) / 2
        right, y = _EDGE + half + _GAP, 84.0
        if self.rows:
            high = _ROW * len(self.rows)
            if draw:
                bars = [(row.name, row.value, row.color, "") for row in self.rows]
                self._bars(
                    "Objects per category", (_EDGE + _GUTTER, y + 24, half - _GUTTER, high), bars, "class-balance"
                )
                self._spread((right + _GUTTER, y + 24, half - _GUTTER, high))
            y += 24 + high + _GAP
        lower = y
        if len(self._pairs) > 1:
            side = max(_ROW * len(self._pairs), 80)
            if draw:
                self._together((_EDGE + _GUTTER, y + 24, min(half - _GUTTER, side), side))
            y += 24 + side + 14 + max(self.fonts.width(name, _SMALL) for name in self._below()) + _GAP
        if self._authors:
            left = right if len(self._pairs) > 1 else _EDGE
            high = _ROW * (min(len(self._authors), MOST_AUTHORS) + (len(self._authors) > MOST_AUTHORS))
            if draw:
                self._bars(
                    "Objects per author",
                    (left + _GUTTER, lower + 24, half - _GUTTER, high),
                    self._author_bars(),
                    "authors",
                )
            y = max(y, lower + 24 + high + _GAP)
        if self._days:
            if draw:
                self._time((_EDGE + 60, y + 24, _WIDTH - 2 * _EDGE - 60, 150))
            y += 24 + 150 + _GAP
        return max(y, 110.0)

    def _author_bars(self) -> list[tuple[str, int, str, str]]:
        bars = [
            (name, made.objects, "#3b82f6", f" in {made.labels:,} label{'s' * (made.labels != 1)}")
            for name, made in self._authors[:MOST_AUTHORS]
        ]
        if others := self._authors[MOST_AUTHORS:]:
            bars.append((f"{len(others):,} others", sum(made.objects for _, made in others), OTHERS, ""))
        return bars

    # -- single plots --------------------------------------------------------------------------------------------------

    def _axes(self, title: str, box: tuple[float, float, float, float], names: Sequence[str], gid: str) -> Any:
        x, y, w, h = box
        axes = self._figure.add_axes((x / _WIDTH, 1 - (y + h) / self._height, w / _WIDTH, h / self._height))
        axes.set_gid(gid)
        axes.set_facecolor("none")
        axes.tick_params(length=0, colors=self._theme.faint, labelsize=_SMALL * 0.75, pad=5)
        for side in axes.spines.values():
            side.set_visible(False)
        if names:
            fitted = [self.fonts.fit(name, _SMALL, _GUTTER - 14) for name in names]
            axes.set_yticks(range(len(names)), fitted, family=self.fonts.families, color=self._theme.ink)
            axes.set_ylim(len(names) - 0.5, -0.5)
        self._text(x - (_GUTTER if names else 60), y - 12, title, _TITLE, self._theme.ink, weight="bold")
        return axes

    def _bars(
        self, title: str, box: tuple[float, float, float, float], bars: Sequence[tuple[str, int, str, str]], gid: str
    ) -> None:
        axes = self._axes(title, box, [name for name, *_ in bars], gid)
        most = max((value for _, value, color, _ in bars if color != OTHERS), default=0) or 1
        # the bar that stands for many others does not make the rest small
        lengths = [min(value, most) for _, value, *_ in bars]
        told = [f"{value:,}{more}" + ", bar cut off" * (value > most) for _, value, _, more in bars]
        axes.barh(range(len(bars)), lengths, color=[color for *_, color, _ in bars], height=0.72)
        room = max(self.fonts.width(text, _SMALL) for text in told) + 14
        axes.set_xlim(0, most * box[2] / max(box[2] - room, 40))
        axes.set_xticks([])
        for number, (length, text) in enumerate(zip(lengths, told, strict=True)):
            axes.annotate(
                text, (length, number), (4, 0), textcoords="offset points", va="center", fontsize=_SMALL * 0.75,
                color=self._theme.faint,
            )  # fmt: skip

    def _spread(self, box: tuple[float, float, float, float]) -> None:
        numpy = load("numpy", EXTRA)
        table = numpy.zeros((len(self.rows), len(CLASSES)), dtype=numpy.int64)
        for number, row in enumerate(self.rows):
            for key in row.keys:
                for count, labels in self._overview.spread[key].items():
                    column = next(n for n, (_, high) in enumerate(CLASSES) if high is None or count <= high)
                    table[number, column] += labels
        axes = self._axes("Labels by how many they have", box, [row.name for row in self.rows], "distribution")
        names = [
            f"{low}" if low == high else f"{low}+" if high is None else f"{low} to {high}" for low, high in CLASSES
        ]
        self._heat(axes, table, names, rotation=0)

    def _together(self, box: tuple[float, float, float, float]) -> None:
        numpy = load("numpy", EXTRA)
        keys, overview = self._pairs, self._overview
        table = numpy.array([[overview.together(one, other) for other in keys] for one in keys])
        names = self._names(keys)
        title = "Labels that have both" + (
            f", of the {len(keys)} most frequent" if len(overview.spread) > len(keys) else ""
        )
        axes = self._axes(title, box, names, "co-occurrence")
        self._heat(axes, table, self._below(), rotation=90)

    def _heat(self, axes: Any, table: Any, names: Sequence[str], *, rotation: int) -> None:
        """A table in shades of blue, with its numbers where there is room for them."""
        height, width = table.shape
        most = int(table[:MOST].max()) or 1  # without the row of all others
        position = axes.get_position()
        cell = (position.width * _WIDTH / width, position.height * self._height / height)
        squares, letters = load("matplotlib.patches", EXTRA).Rectangle, _short
        for y in range(height):
            for x in range(width):
                value = int(table[y, x])
                share = min(1.0, value / most) ** 0.5
                face = ("#3b82f6", 0.06 + 0.94 * share if value else 0.0)
                axes.add_patch(
                    squares((x - 0.48, y - 0.47), 0.96, 0.94, facecolor=face, edgecolor=self._theme.line, linewidth=0.4)
                )
                number = letters(value)
                if value and self.fonts.width(number, 9) < cell[0] - 2:
                    color = "#ffffff" if share > 0.6 else self._theme.ink
                    axes.text(x, y, number, ha="center", va="center_baseline", fontsize=6.75, color=color)
        axes.set_xlim(-0.5, width - 0.5)
        axes.set_xticks(range(width), names, rotation=rotation, family=self.fonts.families, color=self._theme.ink)

    def _time(self, box: tuple[float, float, float, float]) -> None:
        days, step = self._days, self._days[0][2]
        unit = {1: "day", 7: "week"}.get(step, "month")
        axes = self._axes(f"Objects per {unit}", box, [], "time")
        axes.bar(range(len(days)), [made.objects for _, made, _ in days], color="#10b981", width=0.8)
        axes.set_xlim(-0.7, max(len(days), 12) - 0.3)
        most = max(made.objects for _, made, _ in days) or 1
        axes.set_ylim(0, most * 1.05)
        ticks = load("matplotlib.ticker", EXTRA)
        axes.yaxis.set_major_locator(ticks.MaxNLocator(4, integer=True))
        axes.yaxis.set_major_formatter(ticks.FuncFormatter(lambda value, _: f"{int(value):,}"))
        axes.grid(axis="y", color=self._theme.line, linewidth=0.5)
        axes.set_axisbelow(True)
        every = max(1, -(-len(days) // 12))
        axes.set_xticks(
            range(0, len(days), every), [days[n][0] for n in range(0, len(days), every)], color=self._theme.ink
        )

    def _text(self, x: float, y: float, text: str, size: float, color: str, **more: Any) -> None:
        self._figure.text(
            x / _WIDTH, 1 - y / self._height, text, fontsize=size * 0.75, color=color, family=self.fonts.families, **more
        )  # fmt: skip

    # -- the page --------------------------------------------------------------------------------------------------------

    def texts(self) -> list[tuple[str, Any]]:
        """All texts, and where they lie, in pixels."""
        canvas = load("matplotlib.backends.backend_agg", EXTRA).FigureCanvasAgg(self._figure)
        canvas.draw()
        artists = self._figure.findobj(lambda artist: hasattr(artist, "get_text") and artist.get_visible())
        return [(a.get_text(), a.get_window_extent(canvas.get_renderer())) for a in artists if a.get_text()]

    def pixels(self) -> Image:
        """The page as an image."""
        canvas = load("matplotlib.backends.backend_agg", EXTRA).FigureCanvasAgg(self._figure)
        canvas.draw()
        rgba: Image = load("PIL.Image", EXTRA).fromarray(load("numpy", EXTRA).asarray(canvas.buffer_rgba()))
        return rgba.convert("RGB")

    def svg(self) -> str:
        """The page as SVG."""
        file = StringIO()
        load("matplotlib.backends.backend_svg", EXTRA).FigureCanvasSVG(self._figure).print_svg(
            file, metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
        return tidy_svg(file.getvalue())


Day = tuple[str, Made, int]
"""What a bar of the plot over time is called, what was made then, and how many days it stands for."""


def days_of(days: Mapping[str, Made]) -> list[Day]:
    """All days from the first to the last; weeks or months, where there would be too many bars. Days that are none are left out.

    >>> [(name, made.objects) for name, made, _ in days_of({"2024-02-28": Made(1, 5), "2024-03-01": Made(1, 2)})]
    [('2024-02-28', 5), ('2024-02-29', 0), ('2024-03-01', 2)]
    """
    known = dict(_dated(days))
    if not known:
        return []
    first, last = min(known), max(known)
    span = (last - first).days + 1
    step = 1 if span <= 120 else 7 if span <= 7 * 120 else 30
    found: dict[str, Made] = {}
    at = first
    while at <= last:
        found.setdefault(_named(at, step), Made())
        at += timedelta(days=1 if step == 30 else step) if step != 7 else timedelta(days=1)
    for day, made in known.items():
        bar = found.setdefault(_named(day, step), Made())
        bar.labels += made.labels
        bar.objects += made.objects
    return [(name, made, step) for name, made in found.items()]


def _dated(days: Mapping[str, Made]) -> Iterator[tuple[date, Made]]:
    for text, made in days.items():
        try:
            yield date.fromisoformat(text), made
        except ValueError:  # the 31st of February
            continue


def _named(day: date, step: int) -> str:
    if step == 30:
        return f"{day:%Y-%m}"
    return str(day - timedelta(days=day.weekday())) if step == 7 else str(day)


def _short(number: int) -> str:
    """A number in at most four letters.

    >>> _short(7), _short(1234), _short(45_600_000)
    ('7', '1.2k', '46M')
    """
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= limit:
            value = number / limit
            return f"{value:.1f}{letter}" if value < 9.95 else f"{value:.0f}{letter}"
    return str(number)


def _page(svg: str, title: str, theme: ThemeName) -> str:
    """The plots as a page of HTML, in the colours of a theme."""
    for name in Theme.__slots__:
        svg = re.sub(re.escape(getattr(_MARKS, name)), f"var(--{name})", svg, flags=re.IGNORECASE)
    svg = re.sub(
        r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', r'<svg viewBox="\1" style="width:100%;max-width:1200px">', svg, count=1
    )
    colors = f":root{{color-scheme:{'light dark' if theme == 'auto' else theme};{variables(DARK if theme == 'dark' else LIGHT)}}}"
    if theme == "auto":
        colors += f"@media (prefers-color-scheme:dark){{:root{{{variables(DARK)}}}}}"
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{shown(title)}</title>\n<style>{colors}body{{margin:0;background:var(--paper)}}</style>\n"
        f"{svg.replace('xlink:href', 'href')}\n</html>\n"
    )
