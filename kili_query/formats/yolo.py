"""YOLO, versions 4 to 8: a text file for each image, a line for each object (exports.md 8.1)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import msgspec

from kili_query.formats.datasets import (
    CUT,
    FEW_CORNERS,
    FLAT,
    NO_CATEGORY,
    File,
    LabelledImage,
    Order,
    Skipped,
    box_of,
    box_reaches_out,
    by_job,
    lack_of_area,
    outline_of,
    pieces_of,
    reaches_out,
)
from kili_query.formats.extras import load
from kili_query.formats.names import waiting
from kili_query.formats.refusals import dataset_format
from kili_query.model.annotations import Annotation
from kili_query.model.geometry import Polygons
from kili_query.model.ontology import Job

_encoded = msgspec.json.Encoder().encode
_TOOLS = ("rectangle", "polygon", "semantic")
_IMAGE_ENDINGS = (".jpeg", ".jpg", ".png", ".bmp", ".gif", ".webp", ".ico")


class YoloWriter:
    """Writes label files as images come; the names of categories, the frames of videos and addresses at the end."""

    def __init__(self, order: Order, skipped: Skipped) -> None:
        jobs = dataset_format(order.fmt).jobs_of(order.ontology)
        self._order = order
        self._skipped = skipped
        self._folders = (
            [_Folder(key, {key: job}, merged=False) for key, job in jobs.items()]
            if order.layout == "split"
            else [_Folder("", jobs, merged=True)]
        )
        self._addresses: BinaryIO = waiting()
        self._has_addresses = False

    def add(self, image: LabelledImage) -> Iterator[File]:
        """The label files of an image."""
        written: dict[str, None] = {}
        part = f"{image.part}/" if image.part else ""
        for folder in self._folders:
            lines = folder.lines(image, self._skipped)
            if lines or image.video is None:  # of a video, frames without objects are left out
                name = f"{part}{label_file(image.name)}"
                written[name] = None
                folder.note(image)
                yield f"{folder.place}labels/{name}", [b"".join(lines)]
        if image.file is None:
            for name in written:
                self._note_address(image.external_id, image.address, name)

    def finish(self) -> Iterator[File]:
        """The files beside the labels."""
        for folder in self._folders:
            yield from folder.classes(self._order)
            if folder.frames is not None:
                folder.frames.write(b"\n}")
                yield f"{folder.place}video_meta.json", pieces_of(folder.frames)
        if self._has_addresses:
            yield "images/remote_assets.csv", pieces_of(self._addresses)

    def close(self) -> None:
        """Let go of what waits on disk."""
        self._addresses.close()
        for folder in self._folders:
            if folder.frames is not None:
                folder.frames.close()

    def _note_address(self, *row: str) -> None:
        text = io.StringIO()
        writer = csv.writer(text)
        if not self._has_addresses:
            writer.writerow(["external id", "url", "label file"])
            self._has_addresses = True
        writer.writerow(row)
        self._addresses.write(text.getvalue().encode(errors="replace"))


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
        self.frames: BinaryIO | None = None
        """The frames that were written, by video, as JSON text; the frames of a video come one after another."""
        self._video: str | None = None

    def note(self, image: LabelledImage) -> None:
        """Keep which frames of a video were written."""
        if image.video is None:
            return
        name = json.dumps(image.name).encode()
        if self.frames is None:
            self.frames = waiting()
            self.frames.write(b"{")
        if image.video == self._video:
            self.frames.seek(-6, 2)  # before the end of the list
            self.frames.write(b",\n        %b\n    ]" % name)
        else:
            before = b"" if self._video is None else b","
            self.frames.write(b"%b\n    %b: [\n        %b\n    ]" % (before, json.dumps(image.video).encode(), name))
            self._video = image.video

    def lines(self, image: LabelledImage, skipped: Skipped) -> list[bytes]:
        """A line for each object of these jobs."""
        found = []
        for annotation in by_job(image.annotations, self.jobs):
            number = self.numbers.get((annotation.job, annotation.category or ""))
            if number is None:
                skipped.note(NO_CATEGORY, image.external_id)
            elif shape := _shape(annotation, image, skipped):
                found.append(b"%d %b\n" % (number, _text(shape)))
        return found

    def classes(self, order: Order) -> Iterator[File]:
        """The file that names the categories."""
        if order.fmt == "yolo_v4":
            names = "".join(f"{n} {name}\n" for n, name in enumerate(self.names))
            yield f"{self.place}classes.txt", [names.encode(errors="replace")]
            return
        content: dict[str, Any] = {part: f"images/{part}" for part in order.parts}
        if order.fmt == "yolo_v5":
            content["names"] = dict(enumerate(self.names))
        else:
            content |= {"nc": len(self.names), "names": self.names}
        text = load("yaml", "formats").safe_dump(content, sort_keys=False, allow_unicode=True)
        yield f"{self.place}data.yaml", [text.encode(errors="replace")]


def _text(numbers: list[float]) -> bytes:
    """Numbers as Python writes them, which takes five times longer itself."""
    text = _encoded(numbers)
    return b" ".join(str(number).encode() for number in numbers) if b"e" in text else text[1:-1].replace(b",", b" ")


def _shape(annotation: Annotation, image: LabelledImage, skipped: Skipped) -> list[float]:
    """The numbers of a line: a box by its centre and size, an outline by its corners; none of what has neither.

    What reaches out of the image is cut at its edge: trainers leave out the whole image otherwise.
    """
    if not isinstance(annotation.geometry, Polygons):
        skipped.note("without a box or an outline", image.external_id)
        return []
    if annotation.tool not in _TOOLS:
        skipped.note(f"drawn with {annotation.tool or 'no tool'}", image.external_id)
        return []
    outline = outline_of(annotation, image, skipped)
    if not outline:
        return []
    if annotation.tool == "rectangle":
        box = left, top, right, bottom = box_of(outline)
        if left < 0 or top < 0 or right > 1 or bottom > 1:
            if box_reaches_out(box):
                skipped.remark(CUT, image.external_id)
            left, top, right, bottom = (min(max(at, 0.0), 1.0) for at in box)
        if left == right or top == bottom:
            skipped.remark(FLAT, image.external_id)
        return [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]
    if len(outline) < 3:  # a line of four numbers would be read as a box
        skipped.note(FEW_CORNERS, image.external_id)
        return []
    if lacking := lack_of_area(outline):
        skipped.remark(lacking, image.external_id)
    numbers = [number for at in outline for number in at]
    if min(numbers) < 0 or max(numbers) > 1:
        if reaches_out(outline):
            skipped.remark(CUT, image.external_id)
        return [min(max(number, 0.0), 1.0) for number in numbers]
    return numbers
