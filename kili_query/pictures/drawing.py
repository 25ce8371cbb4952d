"""Drawing with matplotlib: shapes, texts and images at places in pixels from the top left corner, as PNG or SVG."""

from __future__ import annotations

import base64
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO, StringIO
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from kili_query.formats.extras import load
from kili_query.model.geometry import signed_area
from kili_query.pictures.fonts import DPI, Fonts, Written
from kili_query.pictures.palette import EXTRA, on

if TYPE_CHECKING:
    from PIL.Image import Image

    from kili_query.pictures.cards import Mark, Panel
    from kili_query.pictures.palette import Palette

Box = tuple[float, float, float, float]
"""Left, top, width, height."""

MOST_TAGS = 24
"""Shapes of a canvas that have their names beside them, as far as there is room."""

_HOUSE = {
    "svg.fonttype": "none", "svg.hashsalt": "kili_query", "svg.image_inline": True, "path.simplify": False, "text.usetex": False,
    "text.parse_math": False, "text.hinting": "none",
}  # fmt: skip


class Drawing:
    """A picture of some size, to be drawn on."""

    def __init__(self, width: float, height: float, fonts: Fonts, paper: str | None) -> None:
        transforms = load("matplotlib.transforms", EXTRA)
        self.width, self.height, self.fonts = width, height, fonts
        self._figure = load("matplotlib.figure", EXTRA).Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
        if paper is None:
            self._figure.patch.set_visible(False)
        else:
            self._figure.set_facecolor(paper)
        upright = transforms.Affine2D().scale(1 / DPI) + self._figure.dpi_scale_trans
        self._upright = upright
        self._at = transforms.Affine2D().scale(1, -1).translate(0, height) + upright
        self._pictures: dict[str, Image] = {}
        self.texts: list[Written] = []
        """The texts, which lie above all else."""

    def rectangle(
        self, box: Box, *, face: str = "none", edge: str = "none", width: float = 1, z: float = 1, gid: str = ""
    ) -> None:
        """A rectangle."""
        x, y, w, h = box
        patch = load("matplotlib.patches", EXTRA).Rectangle(
            (x, y), w, h, facecolor=face, edgecolor=edge, linewidth=width * 72 / DPI, transform=self._at, zorder=z
        )
        self._add(patch, gid)

    def text(
        self, x: float, y: float, text: str, size: float, color: str, *, bold: bool = False, mono: bool = False,
        align: Literal["left", "center", "right"] = "left",
    ) -> None:  # fmt: skip
        """A text on one line; `y` is its base line."""
        if not text:
            return
        self.texts.append(Written(x, y, text, size, color, bold, mono, align))

    def image(self, box: Box, image: Image, *, z: float = 2) -> None:
        """An image that fills a box."""
        x, y, w, h = box
        numpy, transforms = load("numpy", EXTRA), load("matplotlib.transforms", EXTRA)
        bbox = transforms.TransformedBbox(
            transforms.Bbox([[x, self.height - y - h], [x + w, self.height - y]]), self._upright
        )
        artist = load("matplotlib.image", EXTRA).BboxImage(bbox, interpolation="none", origin="upper", zorder=z)
        gid = f"image-{len(self._pictures)}"
        self._pictures[gid] = image
        artist.set_data(numpy.asarray(image))
        self._add(artist, gid)

    def panel(self, box: Box, panel: Panel, palette: Palette, gid: str, taken: Sequence[Box] = ()) -> None:
        """The shapes of a canvas that fills a box; and names beside them where there is room that is not taken."""
        emphasis = any(mark.strong for mark in panel.marks)
        for number, mark in enumerate(panel.marks):
            color = palette.color(mark.key) if mark.key else "#9aa3af"
            self._mark(box, mark, color, f"{gid}-{number}", faded=emphasis and not mark.strong)
        self._tags(box, panel.marks, palette, emphasis, taken)

    def _mark(self, box: Box, mark: Mark, color: str, gid: str, *, faded: bool) -> None:
        paths, patches = load("matplotlib.path", EXTRA), load("matplotlib.patches", EXTRA)
        x, y, w, h = box
        z = 3 if faded else 5 if mark.strong else 4
        edge = 1.1 if faded else 2.4 if mark.strong else 1.6
        rings = [[(x + at[0] * w, y + at[1] * h) for at in ring] for ring in mark.rings]
        face: str | tuple[str, float] = "none"
        about: dict[str, Any] = {
            "transform": self._at,
            "edgecolor": (color, 0.65 if faded else 1.0),
            "joinstyle": "round",
        }
        if mark.kind == "dots":
            radius = 2.6 if faded else 4.2 if mark.strong else 3.4
            circles = [paths.Path.circle(at, radius) for at in rings[0]]
            path, face = paths.Path.make_compound_path(*circles), (color, 0.5 if faded else 0.95)
            about["edgecolor"] = ("#ffffff", 0.5 if faded else 0.95)
            edge = 1.0
        elif mark.kind == "area":
            path = _area(paths, rings)
            face = (color, 0.04 if faded else 0.28 if mark.strong else 0.16)
        else:
            path = paths.Path(rings[0])
            about["capstyle"] = "round"
        if mark.strong and mark.kind != "dots":
            under = {**about, "edgecolor": ("#ffffff", 0.9)}
            self._add(
                self._clipped(
                    patches.PathPatch(path, facecolor="none", linewidth=(edge + 2.4) * 0.75, zorder=z - 0.5, **under),
                    box,
                )
            )
        if mark.kind == "arrow" and len(rings[0]) > 1:
            head = _head(paths, rings[0][-2], rings[0][-1], 7 if not faded else 5)
            path = paths.Path.make_compound_path(path, head)
        self._add(
            self._clipped(patches.PathPatch(path, facecolor=face, linewidth=edge * 0.75, zorder=z, **about), box), gid
        )

    def _tags(self, box: Box, marks: Sequence[Mark], palette: Palette, emphasis: bool, taken: Sequence[Box]) -> None:
        """Names of categories, each where it hides no other and does not leave the canvas."""
        x, y, w, h = box
        size, placed = 8.5, [*taken]
        wanted = [mark for mark in marks if mark.key and (mark.strong or not emphasis)]
        for mark in wanted[:MOST_TAGS]:
            assert mark.key
            name = self.fonts.fit(palette.name(mark.key), size, 110, bold=True)
            wide, high = self.fonts.width(name, size, bold=True) + 7, size + 4.5
            xs, ys = [x + at[0] * w for at in mark.rings[0]], [y + at[1] * h for at in mark.rings[0]]
            left = min(max(min(xs) - 1, x), x + w - wide)
            for top in (min(ys) - high, max(ys), min(ys), max(ys) - high):
                tag = (left, top, wide, high)
                if left >= x and top >= y and top + high <= y + h and not any(_overlap(tag, other) for other in placed):
                    placed.append(tag)
                    color = palette.color(mark.key)
                    self.rectangle(tag, face=color, z=7)
                    self.text(left + 3.5, top + size + 1, name, size, on(color), bold=True)
                    break

    def _clipped(self, artist: Any, box: Box) -> Any:
        transforms = load("matplotlib.transforms", EXTRA)
        x, y, w, h = box
        bounds = transforms.Bbox([[x, self.height - y - h], [x + w, self.height - y]])
        artist.set_clip_box(transforms.TransformedBbox(bounds, self._upright))
        return artist

    def _add(self, artist: Any, gid: str = "") -> None:
        if gid:
            artist.set_gid(gid)
        self._figure.add_artist(artist)

    def pixels(self) -> Image:
        """The picture as an image."""
        canvas = load("matplotlib.backends.backend_agg", EXTRA).FigureCanvasAgg(self._figure)
        canvas.draw()
        rgba: Image = load("PIL.Image", EXTRA).fromarray(load("numpy", EXTRA).asarray(canvas.buffer_rgba()))
        image = rgba.convert("RGB")
        self.fonts.write(image, self.texts)  # Pillow writes fifty times as fast as Agg does
        return image

    def svg(self) -> str:
        """The picture as SVG; images in it are JPEG."""
        numpy, file = load("numpy", EXTRA), StringIO()
        for artist in self._figure.get_children():
            if artist.get_gid() in self._pictures:
                artist.set_data(numpy.zeros((1, 1, 3), numpy.uint8))  # a place, in which the image is put below
        make = load("matplotlib.text", EXTRA).Text
        for x, y, text, size, color, bold, mono, align in self.texts:
            font = self.fonts.properties(size, bold=bold, mono=mono)
            self._add(make(
                x, y, text, color=color, fontproperties=font, transform=self._at, horizontalalignment=align,
                verticalalignment="baseline", zorder=20, parse_math=False,
            ))  # fmt: skip
        load("matplotlib.backends.backend_svg", EXTRA).FigureCanvasSVG(self._figure).print_svg(
            file, metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
        return tidy_svg(file.getvalue(), self._pictures)


def jpeg_address(image: Image, quality: int = 82) -> str:
    """An image as a `data:` address."""
    file = BytesIO()
    image.save(file, "JPEG", quality=quality)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


_PLACED = re.compile(r'<image [^>]*?xlink:href="data:image/png;base64,[^"]*" id="(?P<id>image-\d+)"[^>]*?/>')
_PLACE = re.compile(r' (x|y|width|height)="(-?[\d.]+)"')


def tidy_svg(svg: str, pictures: Mapping[str, Image] = MappingProxyType({})) -> str:
    """An SVG without what says by what it was made, and with its images put in their places."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)

    def put(found: re.Match[str]) -> str:
        place = {name: float(number) for name, number in _PLACE.findall(found[0])}
        # matplotlib turns a place over, and the pixels in it; a JPEG stands upright
        box = f'x="{place["x"]:g}" y="{-place["y"]:g}" width="{place["width"]:g}" height="{place["height"]:g}"'
        address = jpeg_address(pictures[found["id"]])
        return f'<image id="{found["id"]}" {box} preserveAspectRatio="none" xlink:href="{address}"/>'

    return _PLACED.sub(put, svg)


def _area(paths: Any, rings: Sequence[list[tuple[float, float]]]) -> Any:
    """A path of an outer ring and holes, which run the other way round: so they stay empty."""
    vertices, codes = [], []
    for number, ring in enumerate(rings):
        turned = ring[::-1] if (signed_area(ring) > 0) == (number > 0) else ring
        vertices += [*turned, turned[0]]
        codes += [paths.Path.MOVETO, *[paths.Path.LINETO] * (len(ring) - 1), paths.Path.CLOSEPOLY]
    return paths.Path(vertices, codes)


def _head(paths: Any, start: tuple[float, float], end: tuple[float, float], size: float) -> Any:
    """The head of an arrow."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = (dx * dx + dy * dy) ** 0.5 or 1.0
    ux, uy = dx / length * size, dy / length * size
    return paths.Path([
        (end[0] - ux - uy * 0.6, end[1] - uy + ux * 0.6), end, (end[0] - ux + uy * 0.6, end[1] - uy - ux * 0.6)
    ])  # fmt: skip


def _overlap(one: Box, other: Box) -> bool:
    return (
        one[0] < other[0] + other[2] and other[0] < one[0] + one[2] and one[1] < other[1] + other[3] and other[1] < one[1] + one[3]
    )  # fmt: skip


def png_of(image: Image) -> bytes:
    """An image as PNG, compressed a little: photos would not become much smaller."""
    file = BytesIO()
    image.save(file, "PNG", compress_level=2)
    return file.getvalue()


@contextmanager
def house_style() -> Iterator[None]:
    """matplotlib as it comes, whatever its user has set, while a picture is measured and drawn. It needs no display."""
    matplotlib = load("matplotlib", EXTRA)
    given = {key: value for key, value in matplotlib.rcParamsDefault.items() if key != "backend"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of settings that were renamed
        with matplotlib.rc_context({**given, **_HOUSE}):
            yield
