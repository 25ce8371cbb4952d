"""The colours of pictures: those of categories, from the ontology where it has them, and the two themes."""

from __future__ import annotations

import colorsys
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from kili_query.formats.extras import load
from kili_query.model.counts import Key

if TYPE_CHECKING:
    from kili_query.model.ontology import Ontology
    from kili_query.pictures.notes import Notes

ThemeName = Literal["light", "dark", "auto"]
"""`auto`: as the system of whoever looks at it says; of HTML only."""

EXTRA = "pictures"
"""The extra that brings matplotlib, Pillow and pypdfium2."""


@dataclass(frozen=True, slots=True)
class Theme:
    """The colours of what is no category."""

    paper: str
    canvas: str
    """Behind assets, where there is no image."""
    ink: str
    faint: str
    line: str


LIGHT = Theme(paper="#ffffff", canvas="#eef0f3", ink="#1c2128", faint="#66707d", line="#d3d8de")
DARK = Theme(paper="#15181d", canvas="#262b33", ink="#e8ebef", faint="#98a2b0", line="#3a414c")
THEMES = {"light": LIGHT, "dark": DARK}

_FIRST = (
    "#3b82f6", "#f59e0b", "#10b981", "#ef4444", "#a855f7", "#06b6d4", "#ec4899", "#84cc16", "#f97316", "#6366f1",
    "#14b8a6", "#d946ef",
)  # fmt: skip
"""The colours of the first categories that have none: told apart on light and dark, and on photos."""

OTHERS = "#8b95a3"
"""What is not shown by its category."""

_HEX = re.compile(r"#(?:[0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})")


class Palette:
    """The colour of each category: that of the ontology, else the next one that is free."""

    def __init__(self, ontology: Ontology | None, notes: Notes) -> None:
        self._ontology, self._notes = ontology, notes
        self._colors: dict[Key, str] = {}
        self._shared: dict[str, str] = {}

    def color(self, key: Key) -> str:
        """Its colour, as `#rrggbb`; always the same one."""
        if key not in self._colors:
            self._colors[key] = self._declared(key) or self._next(key[1])
        return self._colors[key]

    def name(self, key: Key) -> str:
        """What people call the category."""
        job = self._ontology.jobs.get(key[0]) if self._ontology else None
        category = job.categories.get(key[1]) if job else None
        return category.name if category and category.name.strip() else key[1]

    def _declared(self, key: Key) -> str | None:
        job = self._ontology.jobs.get(key[0]) if self._ontology else None
        category = job.categories.get(key[1]) if job else None
        if category is None or category.color is None:
            return None
        color = read_color(category.color)
        if color is None:
            self._notes.add(
                "colors", f"`{category.color}` of {key[0]}.{key[1]} is no colour, and another one stands for it", key
            )
        return color

    def _next(self, category: str) -> str:
        """One for all jobs that have the category."""
        if category not in self._shared:
            number = len(self._shared)
            self._shared[category] = _FIRST[number] if number < len(_FIRST) else _further(number)
        return self._shared[category]


def read_color(text: str) -> str | None:
    """A colour of CSS as `#rrggbb`; None for what is none.

    >>> read_color("#472CED"), read_color("teal"), read_color("none"), read_color("0.5")
    ('#472ced', '#008080', None, None)
    """
    text = text.strip().lower()
    colors = load("matplotlib.colors", EXTRA)
    if _HEX.fullmatch(text) or text in colors.CSS4_COLORS:
        return str(colors.to_hex(text))
    return None


def on(color: str) -> str:
    """The colour of text on a colour: what has more contrast.

    >>> on("#ffff00"), on("#000080")
    ('#111418', '#ffffff')
    """
    red, green, blue = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return "#111418" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.56 else "#ffffff"


def _further(number: int) -> str:
    """Hues by the golden section: neighbours are far from each other."""
    hue, light = (number * 0.618034) % 1, (0.5, 0.62, 0.42)[number % 3]
    red, green, blue = colorsys.hls_to_rgb(hue, light, 0.65)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"
