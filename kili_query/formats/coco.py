"""COCO: one JSON file of images, categories and annotations (exports.md 8.2)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, BinaryIO

import msgspec

from kili_query.formats.datasets import (
    FEW_CORNERS,
    FLAT,
    NO_CATEGORY,
    OUTSIDE,
    File,
    LabelledImage,
    Modifier,
    Order,
    Skipped,
    by_job,
    parts_of,
    pieces_of,
    reaches_out,
    size_of,
)
from kili_query.formats.extras import load
from kili_query.formats.names import waiting
from kili_query.formats.refusals import dataset_format
from kili_query.model.annotations import Annotation
from kili_query.model.ontology import Job

_encoded = msgspec.json.Encoder().encode


class CocoWriter:
    """Writes its files at the end; until then images and annotations wait on disk."""

    def __init__(self, order: Order, skipped: Skipped) -> None:
        jobs = dataset_format(order.fmt).jobs_of(order.ontology)
        merged = order.layout == "merged"
        wanted = {"labels.json": jobs} if merged else {f"{key}/labels.json": {key: job} for key, job in jobs.items()}
        self._title = order.title
        self._skipped = skipped
        self._parts = [_Part(name, of, merged=merged, modifier=order.modifier) for name, of in wanted.items()]
        self._assets = 0
        self._last: object = None

    def add(self, image: LabelledImage) -> Iterator[File]:
        """Nothing yet."""
        self._assets += image.video is None or image.video != self._last
        self._last = image.video
        for part in self._parts:
            part.add(image, self._skipped)
        yield from ()

    def finish(self) -> Iterator[File]:
        """All files."""
        for part in self._parts:
            yield part.name, part.content(self._title, self._assets)

    def close(self) -> None:
        """Let go of what waits on disk."""
        for part in self._parts:
            part.close()


class _Part:
    """One `labels.json`: images and annotations wait on disk, as both lists come to an end together."""

    def __init__(self, name: str, jobs: Mapping[str, Job], *, merged: bool, modifier: Modifier | None) -> None:
        self.name = name
        self._jobs = jobs
        self._modifier = modifier
        keys = (
            [(key, category) for key in sorted(jobs) for category in sorted(jobs[key].categories)]
            if merged
            else [(key, category) for key, job in jobs.items() for category in job.categories]
        )
        self._ids = {key: number for number, key in enumerate(keys)}
        self._categories = [
            {"id": n, "name": f"{job}/{category}" if merged else category, "supercategory": job}
            for n, (job, category) in enumerate(keys)
        ]
        self._images: BinaryIO = waiting()
        self._annotations: BinaryIO = waiting()
        self._number = 0
        self._given = 0
        self._kept = 0
        self._frames = False

    def add(self, image: LabelledImage, skipped: Skipped) -> None:
        """Add an image with its annotations; images without any are listed, too."""
        width, height = size_of(image)
        ending = ".jpg" if image.video is not None else ""
        self._frames = self._frames or image.video is not None
        row = {
            "id": self._number, "license": 0, "file_name": f"data/{image.file or image.name + ending}", "height": height,
            "width": width, "date_captured": None,
        }  # fmt: skip
        self._images.write(b",\n" * (self._number > 0) + _encoded(row))
        self._number += 1
        for annotation in by_job(image.annotations, self._jobs):
            self._given += 1
            found = self._annotation(annotation, image, row, skipped)
            if found is None:
                continue
            text = _encoded(found) if self._modifier is None else self._modified(found, row, annotation)
            self._annotations.write(b",\n" * (self._kept > 0) + text)
            self._kept += 1

    def _annotation(
        self, annotation: Annotation, image: LabelledImage, row: dict[str, Any], skipped: Skipped
    ) -> dict[str, Any] | None:
        number = self._ids.get((annotation.job, annotation.category or ""))
        if number is None:
            skipped.note(NO_CATEGORY, image.external_id)
            return None
        width, height = row["width"], row["height"]
        drawn = parts_of(annotation, image.rotation)
        parts = [
            [[(x * width, y * height) for x, y in ring] for ring in part] for part in drawn if part and len(part[0]) > 2
        ]
        if not parts:
            skipped.note(FEW_CORNERS if drawn else "without an outline", image.external_id)
            return None
        xs = [x for rings in parts for x, _ in rings[0]]
        ys = [y for rings in parts for _, y in rings[0]]
        left, top, right, bottom = round(min(xs)), round(min(ys)), round(max(xs)), round(max(ys))
        if right == left and bottom == top:
            skipped.note("smaller than a pixel", image.external_id)
            return None
        area = sum(map(_area, parts))
        if (len(drawn) > 1 or len(drawn[0]) > 1) and any(len(ring) < 3 for part in drawn for ring in part):
            skipped.remark(f"with a ring {FEW_CORNERS}, left out", image.external_id)
        if any(reaches_out(part[0]) for part in drawn):
            skipped.remark(OUTSIDE, image.external_id)
        if right == left or bottom == top:
            skipped.remark("less than a pixel wide or high", image.external_id)
        elif area == 0:
            skipped.remark(FLAT, image.external_id)
        return {
            "id": self._given, "image_id": row["id"], "category_id": number, "bbox": [left, top, right - left, bottom - top],
            "segmentation": [[number for at in ring for number in at] for part in parts for ring in part if len(ring) > 2],
            "area": area, "iscrowd": 0,
        }  # fmt: skip

    def _modified(self, found: dict[str, Any], row: dict[str, Any], annotation: Annotation) -> bytes:
        """What the caller's function makes of an annotation.

        Raises
        ------
        TypeError: no dict, or what JSON cannot hold.
        """
        name = f"annotation {found['id']} of job `{annotation.job}` in image `{row['file_name']}`"
        changed = self._modifier(dict(found), dict(row), annotation.raw) if self._modifier else found
        if not isinstance(changed, dict):
            raise TypeError(
                f"`annotation_modifier` gave {type(changed).__name__} for {name}; it gives a dict: the annotation, changed or not"
            )
        try:
            return json.dumps(changed).encode()
        except (TypeError, ValueError) as error:
            raise TypeError(f"`annotation_modifier` gave for {name} what JSON cannot hold: {error}") from None

    def content(self, title: str, assets: int) -> Iterator[bytes]:
        """The file, piece by piece."""
        now = datetime.now()
        info = {
            "year": str(now.year), "version": "1.0", "description": f"{title} - Exported from Kili Python Client",
            "contributor": "Kili Technology", "url": "https://kili-technology.com", "date_created": now.isoformat(),
        }  # fmt: skip
        head = json.dumps({"info": info, "licenses": [], "categories": self._categories})
        # frames are numbered from the number of assets on (exports.md 8.2), which is not known before
        shift = assets if self._frames else 0
        yield head.removesuffix("}").encode() + b',\n"images": [\n'
        yield from _shifted(self._images, "id", shift) if shift else pieces_of(self._images)
        yield b'],\n"annotations": [\n'
        yield from _shifted(self._annotations, "image_id", shift) if shift else pieces_of(self._annotations)
        yield b"]}\n"

    def close(self) -> None:
        """Let go of what waits."""
        self._images.close()
        self._annotations.close()


def _shifted(file: BinaryIO, key: str, by: int) -> Iterator[bytes]:
    """Rows of JSON, a line each, with a number added to what stands under a key."""
    file.seek(0)
    for line in file:
        row = json.loads(line.removesuffix(b"\n").removesuffix(b","))
        if isinstance(row.get(key), int):
            row[key] += by
        yield json.dumps(row).encode() + (b",\n" if line.endswith(b",\n") else b"")


def _area(rings: list[list[tuple[float, float]]]) -> float:
    """The area in square pixels: of the outer ring, without its holes; a ring that crosses itself is cut into simple ones."""
    outer: float = round(_ring_area(rings[0]))
    for hole in rings[1:]:
        if len(hole) > 2:
            outer -= _ring_area(hole)
    return outer


def _ring_area(ring: list[tuple[float, float]]) -> float:
    if _surrounds_its_middle(ring):
        return _enclosed(ring)
    shapely = load("shapely", "formats")
    polygon = shapely.Polygon(ring)
    if polygon.is_valid:
        return float(polygon.area)
    simple = load("shapely.ops", "formats").polygonize(shapely.make_valid(polygon))
    return sum(_enclosed(list(piece.exterior.coords)[:-1]) for piece in simple)


def _surrounds_its_middle(ring: list[tuple[float, float]]) -> bool:
    """True if the ring goes once around its middle without ever turning back: it cannot cross itself, then.

    Most outlines that people draw do. The others are left to shapely, which takes ten times longer.
    """
    number = len(ring)
    middle_x = sum([x for x, _ in ring]) / number
    middle_y = sum([y for _, y in ring]) / number
    x, y = ring[-1]
    x, y = x - middle_x, y - middle_y
    turn = 0.0
    rounds = 0
    for next_x, next_y in ring:
        next_x -= middle_x
        next_y -= middle_y
        cross = x * next_y - next_x * y
        if cross * turn < 0 or -1e-9 < cross < 1e-9:
            return False
        turn = cross
        rounds += (y < 0) != (next_y < 0)
        x, y = next_x, next_y
    return rounds == 2


def _enclosed(ring: list[tuple[float, float]]) -> float:
    """The area of a simple ring, summed up in the order in which GEOS does it: the last digits are the same."""
    first = ring[0][0]
    ys = [y for _, y in ring]
    ys.append(ys[0])
    found = 0.0
    for at in range(1, len(ring)):
        found += (ring[at][0] - first) * (ys[at - 1] - ys[at + 1])
    return abs(found / 2)
