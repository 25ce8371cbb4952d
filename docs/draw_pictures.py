"""Draw the pictures of the docs: `python docs/draw_pictures.py` writes them into `docs/images/`.

The export is made here: a harbour by chance, in images that are drawn, and labels that say what was drawn. A test
compares the texts and shapes of the committed files with what is drawn now.
"""

from __future__ import annotations

import io
import json
import random
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFilter

from kili_query import Ontology, preview
from kili_query.offline.overview import Overview, survey
from kili_query.pictures.plots import save_plots

IMAGES = Path(__file__).parent / "images"
QUERY = "BOATS.FERRY.count >= 2 AND WEATHER.FOG.count == 0"
SIZE = (480, 360)
COLORS = {"FERRY": "#f59e0b", "TUG": "#ef4444", "YACHT": "#38bdf8"}
ONTOLOGY = {
    "jobs": {
        "BOATS": {"mlTask": "OBJECT_DETECTION", "tools": ["rectangle"], "content": {"input": "radio", "categories": {
            key: {"name": key.title(), "color": color} for key, color in COLORS.items()
        }}},
        "WEATHER": {"mlTask": "CLASSIFICATION", "content": {"input": "radio", "categories": {
            "SUN": {"name": "Sun", "color": "#eab308"}, "FOG": {"name": "Fog", "color": "#94a3b8"}
        }}},
    }
}  # fmt: skip
_PEOPLE = ("ann@example.com", "ben@example.com", "chloe@example.com")
_HULLS = {"FERRY": (0.22, 0.1), "TUG": (0.1, 0.07), "YACHT": (0.07, 0.13)}


def harbour(folder: Path, number: int = 48) -> Path:
    """An export of images of a harbour, with its labels."""
    chance = random.Random(7)
    path = folder / "harbour.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for n in range(number):
            fog = chance.random() < 0.25
            image, boats = _scene(chance, fog)
            name = f"harbour_{n + 1:02}.jpg"
            file = io.BytesIO()
            image.save(file, "JPEG", quality=80)
            archive.writestr(f"assets/{name}", file.getvalue())
            answers = {
                "BOATS": {"annotations": [_object(m, *boat) for m, boat in enumerate(boats)]},
                "WEATHER": {"categories": [{"name": "FOG" if fog else "SUN"}]},
            }
            label = {
                "labelType": "DEFAULT", "jsonResponse": answers, "author": {"email": chance.choice(_PEOPLE)},
                "createdAt": f"2024-03-{1 + n * 9 // number * 2:02}T10:00:00.000Z",
            }  # fmt: skip
            asset = {
                "externalId": name,
                "content": f"assets/{name}",
                "resolution": {"width": SIZE[0], "height": SIZE[1]},
                "labels": [label],
            }
            archive.writestr(f"labels/{name}.json", json.dumps(asset))
    return path


def _object(number: int, category: str, box: tuple[float, float, float, float]) -> dict[str, Any]:
    left, top, right, bottom = box
    corners = ((left, bottom), (left, top), (right, top), (right, bottom))
    return {
        "mid": f"boat-{number}", "type": "rectangle", "categories": [{"name": category}],
        "boundingPoly": [{"normalizedVertices": [{"x": round(x, 4), "y": round(y, 4)} for x, y in corners]}],
    }  # fmt: skip


def _scene(chance: random.Random, fog: bool) -> tuple[Image.Image, list[tuple[str, tuple[float, float, float, float]]]]:
    wide, high = SIZE
    image = Image.new("RGB", SIZE, "#bcd9ea")
    draw = ImageDraw.Draw(image)
    horizon = high * 0.38
    for y in range(int(horizon), high):
        depth = (y - horizon) / (high - horizon)
        draw.line([(0, y), (wide, y)], fill=(int(70 - 40 * depth), int(135 - 50 * depth), int(165 - 45 * depth)))
    x = 0.0
    while x < wide:
        width = chance.uniform(18, 60)
        draw.rectangle(
            (x, horizon - chance.uniform(8, 70), x + width, horizon),
            fill=chance.choice(["#8fa3ad", "#a2b1b8", "#7c919c"]),
        )
        x += width
    for _ in range(140):
        x, y = chance.uniform(0, wide), chance.uniform(horizon, high)
        draw.line([(x, y), (x + chance.uniform(4, 26), y)], fill="#8fc3d8")
    boats: list[tuple[str, tuple[float, float, float, float]]] = []
    for _ in range(chance.randint(1, 5)):
        category = chance.choices(list(_HULLS), [5, 3, 4])[0]
        w, h = (side * chance.uniform(0.85, 1.3) for side in _HULLS[category])
        left, top = chance.uniform(0.02, 0.95 - w), chance.uniform(0.34, 0.92 - h)
        box = (left, top, left + w, top + h)
        if all(left + w < o[0] or o[2] < left or top + h < o[1] or o[3] < top for _, o in boats):
            boats.append((category, box))
            _boat(draw, category, [box[0] * wide, box[1] * high, box[2] * wide, box[3] * high])
    if fog:
        image = Image.blend(image.filter(ImageFilter.GaussianBlur(2)), Image.new("RGB", SIZE, "#d9dfe3"), 0.55)
    return image, boats


def _boat(draw: ImageDraw.ImageDraw, category: str, box: list[float]) -> None:
    left, top, right, bottom = box
    wide, high = right - left, bottom - top
    deck = bottom - high * (0.42 if category != "YACHT" else 0.2)
    hull = {"FERRY": "#f2f4f5", "TUG": "#2f3b46", "YACHT": "#fbfbf8"}[category]
    draw.polygon([(left, deck), (right, deck), (right - wide * 0.12, bottom), (left + wide * 0.08, bottom)], fill=hull)
    if category == "YACHT":
        draw.polygon([(left + wide * 0.45, top), (left + wide * 0.45, deck - 2), (left, deck - 2)], fill="#ffffff")
        draw.polygon(
            [(left + wide * 0.5, top + high * 0.1), (right, deck - 2), (left + wide * 0.5, deck - 2)], fill="#e5e9ec"
        )
        return
    draw.rectangle(
        (left + wide * 0.15, top + high * 0.22, right - wide * 0.2, deck),
        fill="#ffffff" if category == "FERRY" else "#c2462e",
    )
    draw.rectangle(
        (left + wide * 0.6, top, left + wide * 0.72, top + high * 0.24),
        fill="#1d3f66" if category == "FERRY" else "#20262c",
    )
    for n in range(5):
        x = left + wide * (0.2 + 0.11 * n)
        draw.rectangle((x, top + high * 0.32, x + wide * 0.06, top + high * 0.42), fill="#345")


def draw(into: Path) -> list[Path]:
    """Draw all pictures into a folder."""
    with tempfile.TemporaryDirectory() as folder:
        export = str(harbour(Path(folder)))
        ontology = Ontology.from_json_interface(ONTOLOGY, "IMAGE")
        overview = Overview()
        for part, _ in survey(export, ontology=ontology):
            overview.add(part)
        for theme in ("light", "dark"):
            sheet = preview(export, query=QUERY, ontology=ontology, limit=6, cell=280, columns=3)
            sheet.save(into / f"sheet-{theme}.svg", theme=theme)
            save_plots(overview, into / f"overview-{theme}.svg", title="harbour.zip", ontology=ontology, theme=theme)
    return sorted([*into.glob("sheet-*.svg"), *into.glob("overview-*.svg")])


if __name__ == "__main__":
    for picture in draw(Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES):
        sys.stdout.write(f"{picture} {picture.stat().st_size:,} bytes\n")
