"""COCO: one JSON file of images, categories and annotations (exports.md 8.2)."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import IO, Any

from kili_query.errors import DataError
from kili_query.formats.datasets import (
    File,
    LabelledImage,
    Layout,
    Skipped,
    box_of,
    detection_jobs,
    parts_of,
    size_of,
)
from kili_query.model.annotations import Annotation
from kili_query.model.geometry import Ring
from kili_query.model.ontology import Job, Ontology

Modifier = Callable[[dict[str, Any], dict[str, Any], Mapping[str, Any]], dict[str, Any]]
"""Gets a COCO annotation, its image and the annotation of Kili; gives what is written in place of the first."""


def jobs_of(ontology: Ontology) -> dict[str, Job]:
    """The jobs that can be written: those drawn with rectangles or segments, among others."""
    return detection_jobs(ontology, ["rectangle", "semantic"])


def write(
    images: Iterable[LabelledImage], ontology: Ontology, layout: Layout, title: str, skipped: Skipped,
    modifier: Modifier | None = None,
) -> Iterator[File]:  # fmt: skip
    """The files of a dataset; images are gone through once.

    Parameters
    ----------
    title: of the project; stands in the description.
    modifier: changes each annotation on its way.

    Raises
    ------
    DataError: no job can be written, or the size of an image is not known.
    """
    jobs = jobs_of(ontology)
    if not jobs:
        raise DataError("no job is drawn with rectangles or segments, as COCO needs", code="KQ503")
    wanted = (
        {"labels.json": jobs} if layout == "merged" else {f"{key}/labels.json": {key: job} for key, job in jobs.items()}
    )
    parts = [_Part(name, of, merged=layout == "merged", modifier=modifier) for name, of in wanted.items()]
    try:
        for image in images:
            for part in parts:
                part.add(image, skipped)
        for part in parts:
            yield part.name, part.content(title)
    finally:
        for part in parts:
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
        self._images: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._annotations: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._number = 0
        self._given = 0
        self._kept = 0

    def add(self, image: LabelledImage, skipped: Skipped) -> None:
        """Add an image with its annotations; images without any are listed, too."""
        width, height = size_of(image)
        ending = ".jpg" if image.video is not None else ""
        row = {
            "id": self._number, "license": 0, "file_name": f"data/{image.file or image.name + ending}", "height": height,
            "width": width, "date_captured": None,
        }  # fmt: skip
        self._images.write(b",\n" * (self._number > 0) + json.dumps(row).encode())
        self._number += 1
        for annotation in image.annotations:
            if annotation.job not in self._jobs or annotation.kind != "object":
                continue
            self._given += 1
            found = self._annotation(annotation, image, row, skipped)
            if found is not None:
                self._annotations.write(b",\n" * (self._kept > 0) + json.dumps(found).encode())
                self._kept += 1

    def _annotation(
        self, annotation: Annotation, image: LabelledImage, row: dict[str, Any], skipped: Skipped
    ) -> dict[str, Any] | None:
        number = self._ids.get((annotation.job, annotation.category or ""))
        if number is None:
            skipped.note("of a category that the ontology lacks")
            return None
        width, height = size_of(image)
        parts = [
            [tuple((x * width, y * height) for x, y in ring) for ring in part]
            for part in parts_of(annotation, image.rotation)
            if part and len(part[0]) > 2
        ]
        if not parts:
            skipped.note("without an outline")
            return None
        left, top, right, bottom = map(round, box_of(tuple(at for outer, *_ in parts for at in outer)))
        if right == left and bottom == top:
            skipped.note("smaller than a pixel")
            return None
        found = {
            "id": self._given, "image_id": row["id"], "category_id": number, "bbox": [left, top, right - left, bottom - top],
            "segmentation": [[number for at in ring for number in at] for part in parts for ring in part if len(ring) > 2],
            "area": sum(map(_area, parts)), "iscrowd": 0,
        }  # fmt: skip
        return found if self._modifier is None else self._modifier(dict(found), dict(row), annotation.raw)

    def content(self, title: str) -> Iterator[bytes]:
        """The file, piece by piece."""
        now = datetime.now()
        info = {
            "year": str(now.year), "version": "1.0", "description": f"{title} - Exported from Kili Python Client",
            "contributor": "Kili Technology", "url": "https://kili-technology.com", "date_created": now.isoformat(),
        }  # fmt: skip
        head = json.dumps({"info": info, "licenses": [], "categories": self._categories})
        yield head.removesuffix("}").encode() + b',\n"images": [\n'
        yield from _pieces(self._images)
        yield b'],\n"annotations": [\n'
        yield from _pieces(self._annotations)
        yield b"]}\n"

    def close(self) -> None:
        """Let go of what waits."""
        self._images.close()
        self._annotations.close()


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(1 << 20):
        yield piece


def _area(rings: list[Ring]) -> float:
    """The area in square pixels: of the outer ring, without its holes; a ring that crosses itself is cut into simple ones."""
    outer: float = round(_ring_area(rings[0]))
    for hole in rings[1:]:
        if len(hole) > 2:
            outer -= _ring_area(hole)
    return outer


def _ring_area(ring: Ring) -> float:
    from shapely import Polygon
    from shapely.validation import make_valid

    polygon = Polygon(ring)
    return float(polygon.area if polygon.is_valid else make_valid(polygon).area)
