"""Text in pictures: which fonts have its letters, how wide it is, how it is shortened, and how it comes onto an image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from kili_query.formats.extras import load
from kili_query.pictures.notes import Notes
from kili_query.pictures.palette import EXTRA

if TYPE_CHECKING:
    from PIL.Image import Image

BASE, MONO = "DejaVu Sans", "DejaVu Sans Mono"
"""The fonts that matplotlib brings: they are everywhere."""

ABSENT = "□"
"""Stands for a letter that no font here has."""

DPI = 96
"""Sizes are in pixels of the screen, of which an inch has 96."""

_LIKELY = (
    "cjk", "noto sans", "unifont", "arial unicode", "droid sans fallback", "wenquanyi", "hei", "pingfang", "hiragino", "yahei",
    "gothic", "nanum", "malgun", "emoji", "symbol", "sans",
)  # fmt: skip
_MOST_FONTS = 200
"""Fonts of the system that are looked into for letters."""


class Written(NamedTuple):
    """A text on one line of a picture; `y` is its base line."""

    x: float
    y: float
    text: str
    size: float
    color: str
    bold: bool = False
    mono: bool = False
    align: Literal["left", "center", "right"] = "left"


class Fonts:
    """The fonts for some texts, and measures in them.

    >>> fonts = Fonts(["Fähre"], Notes())
    >>> fonts.families, fonts.fit("a rather long name of a file.jpg", 10, 60)
    (['DejaVu Sans'], 'a rat…e.jpg')
    """

    def __init__(self, texts: Iterable[str], notes: Notes, *, final: bool = True) -> None:
        """`final`: False for pictures whose letters whoever looks at them has; they are measured here, and stay."""
        manager = load("matplotlib.font_manager", EXTRA)
        letters = {letter for text in texts for letter in text if letter > "~"}
        self.families, self._further = [BASE], list[tuple[str, frozenset[int]]]()
        missing = {letter for letter in letters if printable(letter) and ord(letter) not in _letters_of(BASE)}
        if missing:
            for family, path in _likely(manager.fontManager.ttflist):
                there = {letter for letter in missing if ord(letter) in _charmap(path)}
                if there:
                    self.families.append(family)
                    self._further.append((path, _charmap(path)))
                    missing -= there
                if not missing:
                    break
        self._absent, self._missing = missing, missing if final else set()
        if self._missing:
            shown = " ".join(sorted(missing)[:10]) + (" …" if len(missing) > 10 else "")
            notes.add(
                "fonts", f"no font here has {shown}; {ABSENT} stands for {'it' if len(missing) == 1 else 'them'}. A font such as Noto Sans CJK or Noto Emoji would do"
            )  # fmt: skip
        self._widths: dict[tuple[str, float, bool, bool], float] = {}

    def properties(self, size: float, *, bold: bool = False, mono: bool = False) -> Any:
        """The font of a size, as matplotlib takes it."""
        families = [MONO, *self.families] if mono else self.families
        return _properties(tuple(families), size * 72 / DPI, bold)

    def clean(self, text: str) -> str:
        """A text as it can be drawn: on one line, without control characters, with what stands for absent letters."""
        if text.isascii() and text.isprintable():
            return text
        return "".join(ABSENT if letter in self._missing else letter if printable(letter) else " " for letter in text)

    def width(self, text: str, size: float, *, bold: bool = False, mono: bool = False) -> float:
        """How wide a text is."""
        asked = (text, size, bold, mono)
        if asked not in self._widths:
            if len(self._widths) > 50_000:
                self._widths.clear()
            self._widths[asked] = sum(font.getlength(run) for font, run in self._runs(text, size, bold, mono))
        return self._widths[asked]

    def _runs(self, text: str, size: float, bold: bool, mono: bool) -> Iterator[tuple[Any, str]]:
        """A text in parts, each with the font that has its letters."""
        base = _font(_path_of(MONO if mono else BASE, bold), size)
        if text.isascii() or not (self._further or self._absent):
            yield base, text
            return
        for path, letters in groupby(text, self._home):
            run = "".join(letters)
            if path == "":  # nobody has them here: about as wide as letters of East Asia are
                run = "W" * len(run)
            yield (_font(path, size) if path else base), run

    def _home(self, letter: str) -> str | None:
        """The file of the font that has a letter: None for that of all others, no name for none."""
        if letter in self._absent:
            return ""
        if letter <= "~" or ord(letter) in _letters_of(BASE):
            return None
        return next((path for path, letters in self._further if ord(letter) in letters), None)

    def box(self, written: Written) -> tuple[float, float, float, float]:
        """Where a text lies: left, top, right, bottom."""
        x, left = self._left(written), 0.0
        found = []
        for font, run in self._runs(written.text, written.size, written.bold, written.mono):
            box = font.getbbox(run, anchor="ls")
            found.append((x + left + box[0], written.y + box[1], x + left + box[2], written.y + box[3]))
            left += font.getlength(run)
        lefts, tops, rights, bottoms = zip(*found, strict=True)
        return min(lefts), min(tops), max(rights), max(bottoms)

    def write(self, image: Image, texts: Iterable[Written]) -> None:
        """Put texts onto an image."""
        draw = load("PIL.ImageDraw", EXTRA).Draw(image)
        for written in texts:
            x = self._left(written)
            for font, run in self._runs(written.text, written.size, written.bold, written.mono):
                draw.text((x, written.y), run, fill=written.color, font=font, anchor="ls")
                x += font.getlength(run)

    def _left(self, written: Written) -> float:
        if written.align == "left":
            return written.x
        width = self.width(written.text, written.size, bold=written.bold, mono=written.mono)
        return written.x - (width if written.align == "right" else width / 2)

    def fit(self, text: str, size: float, width: float, *, bold: bool = False) -> str:
        """A text that is no wider: shortened in its middle, where names of files say least."""
        text = self.clean(text[:400])
        if self.width(text, size, bold=bold) <= width:
            return text
        low, high = 0, len(text) - 1  # letters that stay
        while low < high:
            middle = (low + high + 1) // 2
            if self.width(_shortened(text, middle), size, bold=bold) <= width:
                low = middle
            else:
                high = middle - 1
        return _shortened(text, low) if low else ("…" if self.width("…", size) <= width else "")


def _shortened(text: str, kept: int) -> str:
    tail = min(kept // 2, 5) if kept > 8 else kept // 3
    return text[: kept - tail] + "…" + (text[-tail:] if tail else "")


def printable(letter: str) -> bool:
    """True for what can be drawn and stand in XML."""
    return letter.isprintable() and not "\ud800" <= letter <= "\udfff"


@lru_cache(maxsize=64)
def _font(path: str, size: float) -> Any:
    fonts = load("PIL.ImageFont", EXTRA)
    return fonts.truetype(path, size, layout_engine=fonts.Layout.BASIC)


@lru_cache(maxsize=8)
def _path_of(family: str, bold: bool = False) -> str:
    manager = load("matplotlib.font_manager", EXTRA)
    return str(manager.findfont(manager.FontProperties(family=family, weight="bold" if bold else "normal")))


@lru_cache(maxsize=256)
def _properties(families: tuple[str, ...], points: float, bold: bool) -> Any:
    manager = load("matplotlib.font_manager", EXTRA)
    return manager.FontProperties(family=list(families), size=points, weight="bold" if bold else "normal")


@lru_cache(maxsize=256)
def _charmap(path: str) -> frozenset[int]:
    try:
        return frozenset(load("matplotlib.font_manager", EXTRA).get_font(path).get_charmap())
    except (RuntimeError, OSError, ValueError):  # a font of a kind that matplotlib cannot draw
        return frozenset()


def _letters_of(family: str) -> frozenset[int]:
    return _charmap(_path_of(family))


def _likely(entries: Iterable[Any]) -> Iterator[tuple[str, str]]:
    """Fonts of the system, those first that have many letters."""

    def rank(entry: Any) -> tuple[int, str]:
        name = entry.name.lower()
        return next((n for n, word in enumerate(_LIKELY) if word in name), len(_LIKELY)), name

    seen = {BASE}
    for entry in sorted(entries, key=rank):
        plain = str(entry.weight) in ("400", "normal", "regular", "book") and entry.style == "normal"
        if entry.name not in seen and plain and "color" not in entry.name.lower():
            seen.add(entry.name)
            yield entry.name, entry.fname
        if len(seen) > _MOST_FONTS:
            return
