"""YOLO, versions 4 to 8: a text file for each image, a line for each object (exports.md 8.1)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from kili_query.errors import DataError
from kili_query.formats.datasets import (
    File,
    LabelledImage,
    Layout,
    Skipped,
    box_of,
    by_job,
    detection_jobs,
    outline_of,
    parts_of,
)
from kili_query.model.annotations import Annotation
from kili_query.model.ontology import Job, Ontology

Version = Literal["yolo_v4", "yolo_v5", "yolo_v7", "yolo_v8"]

TOOLS = ("rectangle", "polygon", "semantic")
_IMAGE_ENDINGS = (".jpeg", ".jpg", ".png", ".bmp", ".gif", ".webp", ".ico")


def jobs_of(ontology: Ontology) -> dict[str, Job]:
    """The jobs that can be written: drawn with rectangles, polygons and segments only."""
    return detection_jobs(ontology, TOOLS, all_tools=True)


def write(
    images: Iterable[LabelledImage], ontology: Ontology, version: Version, layout: Layout, skipped: Skipped
) -> Iterator[File]:
    """The files of a dataset; images are gone through once.

    Raises
    ------
    DataError: no job can be written.
    """
    jobs = jobs_of(ontology)
    if not any(job.categories for job in jobs.values()):
        raise DataError("no job is drawn with rectangles, polygons or segments only, as YOLO needs", code="KQ503")
    folders = [_Folder(key, {key: job}, merged=False) for key, job in jobs.items()] if layout == "split" else [
        _Folder("", jobs, merged=True)
    ]  # fmt: skip
    addresses: list[tuple[str, str, str]] = []
    for image in images:
        written: dict[str, None] = {}
        for folder in folders:
            lines = folder.lines(image, skipped)
            if lines or image.video is None:  # of a video, frames without objects are left out
                name = label_file(image.name)
                written[name] = None
                folder.note(image)
                yield f"{folder.place}labels/{name}", ["".join(f"{line}\n" for line in lines).encode()]
        if image.file is None:
            addresses += [(image.video or image.name, image.address, name) for name in written]
    for folder in folders:
        yield from folder.classes(version)
        if folder.frames:
            yield f"{folder.place}video_meta.json", [json.dumps(folder.frames, sort_keys=True, indent=4).encode()]
    if addresses:
        yield "images/remote_assets.csv", [_table(addresses)]


def label_file(name: str) -> str:
    """The name of the label file of an image: as trainers pair them, by the name without its ending.

    >>> label_file("cam/photo.png"), label_file("scan.tif")
    ('cam/photo.txt', 'scan.tif.txt')
    """
    ending = next((ending for ending in _IMAGE_ENDINGS if name.endswith(ending)), "")
    return f"{name[: len(name) - len(ending)]}.txt"


class _Folder:
    """The labels of one job, or of all: which number each category has."""

    def __init__(self, place: str, jobs: Mapping[str, Job], *, merged: bool) -> None:
        self.place = f"{place}/" if place else ""
        self.jobs = jobs
        keys = [(job.key, category) for job in jobs.values() for category in job.categories]
        self.numbers = {key: number for number, key in enumerate(keys)}
        self.names = [f"{job}/{category}" if merged else category for job, category in keys]
        self.frames: dict[str, list[str]] = {}

    def note(self, image: LabelledImage) -> None:
        """Keep which frames of a video were written."""
        if image.video is not None:
            self.frames.setdefault(image.video, []).append(image.name)

    def lines(self, image: LabelledImage, skipped: Skipped) -> list[str]:
        """A line for each object of these jobs."""
        found = []
        for annotation in by_job(image.annotations, self.jobs):
            number = self.numbers.get((annotation.job, annotation.category or ""))
            if number is None:
                skipped.note("of a category that the ontology lacks")
            elif shape := _shape(annotation, image.rotation, skipped):
                found.append(" ".join(map(str, (number, *shape))))
            elif len(parts_of(annotation)) < 2:
                skipped.note("without a box or an outline")
        return found

    def classes(self, version: Version) -> Iterator[File]:
        """The file that names the categories."""
        if version == "yolo_v4":
            yield (
                f"{self.place}classes.txt",
                ["".join(f"{n} {name}\n" for n, name in enumerate(self.names)).encode(errors="replace")],
            )
            return
        import yaml

        content = (
            {"names": dict(enumerate(self.names))}
            if version == "yolo_v5"
            else {"nc": len(self.names), "names": self.names}
        )
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
        yield f"{self.place}data.yaml", [text.encode(errors="replace")]


def _shape(annotation: Annotation, rotation: int, skipped: Skipped) -> list[float]:
    """The numbers of a line: a box by its centre and size, an outline by its corners; none of what has neither."""
    outline = outline_of(annotation, rotation, skipped)
    if not outline:
        return []
    if annotation.tool == "rectangle":
        left, top, right, bottom = box_of(outline)
        return [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]
    return [number for at in outline for number in at]


def _table(rows: Iterable[tuple[str, str, str]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["external id", "url", "label file"])
    writer.writerows(rows)
    return text.getvalue().encode(errors="replace")
