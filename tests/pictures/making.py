"""Exports and images for the tests of pictures, made here."""

from __future__ import annotations

import io
import json
import random
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Box = tuple[float, float, float, float]


def rectangle(box: Box, category: str, mid: str, **more: Any) -> dict[str, Any]:
    """An object of Kili: left, top, right, bottom as fractions."""
    left, top, right, bottom = box
    vertices = [{"x": x, "y": y} for x, y in ((left, bottom), (left, top), (right, top), (right, bottom))]
    return {
        "mid": mid, "type": "rectangle", "categories": [{"name": category}],
        "boundingPoly": [{"normalizedVertices": vertices}], **more,
    }  # fmt: skip


def asset(name: str, answers: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """An asset with one label."""
    label = {"labelType": "DEFAULT", "createdAt": "2024-03-01T10:00:00.000Z", "author": {"email": "ann@example.com"}}
    return {"externalId": name, "labels": [{**label, "jsonResponse": answers}], **more}


def boxes(*objects: dict[str, Any]) -> dict[str, Any]:
    return {"BOXES": {"annotations": list(objects)}}


def ontology(categories: Mapping[str, str | None], **more: Any) -> dict[str, Any]:
    """A jsonInterface with a job of rectangles: category -> colour."""
    declared = {key: {"name": key.title(), **({"color": color} if color else {})} for key, color in categories.items()}
    job = {"mlTask": "OBJECT_DETECTION", "tools": ["rectangle"], "content": {"input": "radio", "categories": declared}}
    return {"jobs": {"BOXES": job, **more}}


def image(width: int, height: int, color: str = "#808080", format: str = "PNG") -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (width, height), color).save(file, format)
    return file.getvalue()


def archive(path: Path, assets: Sequence[Mapping[str, Any]], media: Mapping[str, bytes] = {}) -> str:
    """An export in an archive, with its media below `assets/`."""
    with zipfile.ZipFile(path, "w") as file:
        for number, record in enumerate(assets):
            file.writestr(f"labels/{number:05}.json", json.dumps(record))
        for name, content in media.items():
            file.writestr(f"assets/{name}", content)
    return str(path)


def many(number: int, categories: int, seed: int = 1) -> list[dict[str, Any]]:
    """Assets with objects of many categories, with names of many lengths."""
    chance = random.Random(seed)
    names = [f"CATEGORY_{n}" + "_LONG" * (n % 5) for n in range(categories)]
    assets = []
    for n in range(number):
        found = []
        for m in range(chance.randint(1, 25)):
            x, y = chance.random() * 0.8, chance.random() * 0.8
            box = (x, y, x + 0.03 + chance.random() * 0.15, y + 0.03 + chance.random() * 0.15)
            found.append(rectangle(box, chance.choice(names), f"{n}-{m}"))
        assets.append(asset(f"folder/{'long_' * (n % 9)}name_{n}.jpg", boxes(*found)))
    return assets
