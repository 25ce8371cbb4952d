"""Realistic labels in any amount: images (boxes, polygons, segmentation), tracked video objects, nested classification.

python -m tests.bench.generate image 300 labels.ndjson
"""

from __future__ import annotations

import json
import random
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

CATEGORIES = [f"CAT_{i}" for i in range(10)]
CORNERS = {"rectangle": 4, "polygon": 12, "semantic": 40}

Json = dict[str, Any]


def _points(rnd: random.Random, n: int) -> list[Json]:
    return [{"x": rnd.random(), "y": rnd.random()} for _ in range(n)]


def _mid(rnd: random.Random) -> str:
    return f"{rnd.getrandbits(64):020d}"


def _object(rnd: random.Random, kind: str, mid: str, category: str) -> Json:
    return {
        "boundingPoly": [{"normalizedVertices": _points(rnd, CORNERS[kind])}],
        "categories": [{"confidence": 100, "name": category}],
        "children": {},
        "mid": mid,
        "type": kind,
    }


def image(rnd: random.Random) -> Json:
    """2 to 22 objects, mostly geometry: about 15 kB."""
    kinds = rnd.choices(list(CORNERS), k=rnd.randint(2, 22))
    objects = [_object(rnd, kind, _mid(rnd), rnd.choice(CATEGORIES)) for kind in kinds]
    return {
        "OBJECT_DETECTION_JOB": {"annotations": objects},
        "CLASSIFICATION_JOB": {"categories": [{"confidence": 100, "name": rnd.choice("ABC")}]},
    }


def video(rnd: random.Random) -> Json:
    """1 to 8 boxes tracked over up to 60 frames."""
    frames: Json = {str(i): {} for i in range(rnd.randint(10, 60))}
    for _ in range(rnd.randint(1, 8)):
        mid, category = _mid(rnd), rnd.choice(CATEGORIES)
        first = rnd.randrange(len(frames))
        for i in range(first, rnd.randint(first + 1, len(frames))):
            box = _object(rnd, "rectangle", mid, category) | {"isKeyFrame": i == first}
            frames[str(i)].setdefault("OBJECT_DETECTION_JOB", {"annotations": []})["annotations"].append(box)
    return frames


def nested(rnd: random.Random) -> Json:
    """Classification with nested jobs, and no geometry."""
    colors = [{"name": rnd.choice(["RED", "BLUE", "GREEN"])}]
    children = {"COLOR_JOB": {"categories": colors}, "NOTE_JOB": {"text": "seen from the left, partly hidden"}}
    chosen = rnd.sample(CATEGORIES, rnd.randint(1, 4))
    return {
        "OBJECT_DETECTION_JOB": {"categories": [{"confidence": 90, "name": c, "children": children} for c in chosen]}
    }


KINDS: dict[str, Callable[[random.Random], Json]] = {"image": image, "video": video, "nested": nested}


def labels(kind: str, megabytes: float, seed: int = 7) -> Iterator[str]:
    """JSON lines of `kili.labels()` form, together about so many MB."""
    rnd, size, number = random.Random(seed), 0, 0
    while size < megabytes * 1e6:
        number += 1
        label = {
            "author": {"email": "labeler@example.com", "id": "user-1"},
            "createdAt": "2026-11-01T09:00:00.000Z",
            "id": f"label-{number}",
            "jsonResponse": KINDS[kind](rnd),
            "labelOf": {"externalId": f"asset_{number}.jpg", "id": f"asset-{number}"},
            "labelType": "DEFAULT",
        }
        line = json.dumps(label)
        size += len(line) + 1
        yield line


def write_ndjson(path: Path, kind: str, megabytes: float) -> None:
    """A file with one label a line."""
    with path.open("w") as file:
        file.writelines(f"{line}\n" for line in labels(kind, megabytes))


def write_boxes(path: Path, labels: int, categories: int = 50, seed: int = 7) -> None:
    """A file with so many labels of 1 to 13 boxes in many categories, about 3 kB each: put together of texts, so that
    ten million take minutes."""
    rnd = random.Random(seed)
    boxes = [
        json.dumps(_object(rnd, "rectangle", _mid(rnd), f"CAT_{number % categories}"))
        for number in range(20 * categories)
    ]
    with path.open("w") as file:
        for number in range(labels):
            chosen = ", ".join(rnd.sample(boxes, rnd.randint(1, 13)))
            file.write(
                f'{{"author": {{"email": "labeler{number % 17}@example.com", "id": "user-{number % 17}"}}, '
                f'"createdAt": "2026-11-{1 + number % 28:02}T09:00:00.000Z", "id": "label-{number}", '
                f'"jsonResponse": {{"OBJECT_DETECTION_JOB": {{"annotations": [{chosen}]}}}}, '
                f'"labelOf": {{"externalId": "asset_{number}.jpg", "id": "asset-{number}"}}, "labelType": "DEFAULT", '
                f'"secondsToLabel": {number % 300}}}\n'
            )


def write_export(path: Path, lines: Path, *, indent: int | None = 4) -> None:
    """The same labels as an export archive, a member for each asset. Kili's exporter indents by 4 and sorts keys."""
    with lines.open() as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for line in source:
            label = json.loads(line)
            asset = label.pop("labelOf") | {"content": "", "jsonContent": "", "jsonMetadata": {}, "latestLabel": label}
            text = json.dumps(asset, indent=indent, sort_keys=True)
            archive.writestr(f"labels/{asset['externalId']}.json", text)


if __name__ == "__main__":
    write_ndjson(Path(sys.argv[3]), sys.argv[1], float(sys.argv[2]))
