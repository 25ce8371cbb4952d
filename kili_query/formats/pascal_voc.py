"""Pascal VOC: an XML file for each image, a box for each object (exports.md 8.3)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from xml.dom import minidom
from xml.etree import ElementTree

from kili_query.errors import DataError
from kili_query.formats.datasets import (
    File,
    LabelledImage,
    Skipped,
    box_of,
    detection_jobs,
    outline_of,
    parts_of,
    size_of,
)
from kili_query.model.ontology import Job, Ontology


def jobs_of(ontology: Ontology) -> dict[str, Job]:
    """The jobs that can be written: those drawn with rectangles, among others."""
    return detection_jobs(ontology, ["rectangle"])


def write(images: Iterable[LabelledImage], ontology: Ontology, skipped: Skipped) -> Iterator[File]:
    """The files of a dataset; images are gone through once.

    Raises
    ------
    DataError: no job can be written, or the size of an image is not known.
    """
    jobs = jobs_of(ontology)
    if not jobs:
        raise DataError("no job is drawn with rectangles, as Pascal VOC needs", code="KQ503")
    for image in images:
        yield f"labels/{image.name}.xml", [_document(image, jobs, skipped)]


def _document(image: LabelledImage, jobs: dict[str, Job], skipped: Skipped) -> bytes:
    width, height = size_of(image)
    root = ElementTree.Element("annotation")
    _add(root, "folder")
    _add(root, "filename", image.file or (f"{image.name}.jpg" if image.video else image.name))
    _add(root, "path")
    _add(_add(root, "source"), "database", "Kili Technology")
    size = _add(root, "size")
    for name, pixels in (("width", width), ("height", height), ("depth", 3)):
        _add(size, name, str(pixels))
    _add(root, "segmented")
    for annotation in image.annotations:
        if annotation.job not in jobs or annotation.kind != "object":
            continue
        if annotation.tool != "rectangle" or not parts_of(annotation):
            skipped.note("of another tool than the rectangle")
            continue
        outline = outline_of(annotation, image.rotation, skipped)
        if not outline:
            continue
        left, top, right, bottom = box_of(outline)
        box = {
            "xmin": _within(round(left * width), width),
            "xmax": _within(round(right * width), width),
            "ymin": _within(round(top * height), height),
            "ymax": _within(round(bottom * height), height),
        }
        for category in annotation.categories:
            found = _add(root, "object")
            for name, text in (("name", category.name), ("job_name", annotation.job), ("pose", "Unspecified"),
                               ("truncated", "0"), ("difficult", "0"), ("occluded", "0")):  # fmt: skip
                _add(found, name, text)
            place = _add(found, "bndbox")
            for name, pixel in box.items():
                _add(place, name, str(pixel))
    text = minidom.parseString(ElementTree.tostring(root)).toprettyxml(indent="   ")
    return f"{text}\n".encode()


_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML cannot hold, escaped or not."""


def _add(parent: ElementTree.Element, name: str, text: str | None = None) -> ElementTree.Element:
    child = ElementTree.SubElement(parent, name)
    child.text = None if text is None else _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
    return child


def _within(pixel: int, most: int) -> int:
    """The pixel, or the nearest of the image: boxes may be drawn beyond its edge."""
    return max(0, min(pixel, most))
