"""Pascal VOC: an XML file for each image, a box for each object (exports.md 8.3)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from xml.sax.saxutils import escape

from kili_query.formats.datasets import (
    CUT,
    File,
    LabelledImage,
    Order,
    Skipped,
    box_of,
    box_reaches_out,
    outline_of,
    size_of,
)
from kili_query.formats.refusals import dataset_format
from kili_query.model.geometry import Polygons
from kili_query.model.ontology import Job


class VocWriter:
    """Writes a file for each image as it comes."""

    def __init__(self, order: Order, skipped: Skipped) -> None:
        self._jobs = dataset_format(order.fmt).jobs_of(order.ontology)
        self._skipped = skipped

    def add(self, image: LabelledImage) -> Iterator[File]:
        """The file of an image."""
        yield f"labels/{image.name}.xml", [_document(image, self._jobs, self._skipped)]

    def finish(self) -> Iterator[File]:
        """Nothing."""
        yield from ()

    def close(self) -> None:
        """Nothing waits."""


_HEAD = """<?xml version="1.0" ?>
<annotation>
   <folder/>
   <filename>{name}</filename>
   <path/>
   <source>
      <database>Kili Technology</database>
   </source>
   <size>
      <width>{width}</width>
      <height>{height}</height>
      <depth>3</depth>
   </size>
   <segmented/>
"""
_OBJECT = """   <object>
      <name>{category}</name>
      <job_name>{job}</job_name>
      <pose>Unspecified</pose>
      <truncated>0</truncated>
      <difficult>0</difficult>
      <occluded>0</occluded>
      <bndbox>
         <xmin>{box[0]}</xmin>
         <xmax>{box[1]}</xmax>
         <ymin>{box[2]}</ymin>
         <ymax>{box[3]}</ymax>
      </bndbox>
   </object>
"""


def _document(image: LabelledImage, jobs: Mapping[str, Job], skipped: Skipped) -> bytes:
    width, height = size_of(image)
    name = image.file or (f"{image.name}.jpg" if image.video else image.external_id)
    parts = [_HEAD.format(name=_text(name), width=width, height=height)]
    for annotation in image.annotations:
        if annotation.job not in jobs or annotation.kind != "object":
            continue
        if annotation.tool != "rectangle":
            skipped.note(f"drawn with {annotation.tool or 'no tool'}", image.external_id)
            continue
        if not isinstance(annotation.geometry, Polygons):
            skipped.note("without a box", image.external_id)
            continue
        outline = outline_of(annotation, image, skipped)
        if not outline:
            continue
        if not annotation.categories:
            skipped.note("without a category", image.external_id)
            continue
        left, top, right, bottom = box_of(outline)
        box = (
            _within(round(left * width), width),
            _within(round(right * width), width),
            _within(round(top * height), height),
            _within(round(bottom * height), height),
        )
        if box_reaches_out((left, top, right, bottom)):
            skipped.remark(CUT, image.external_id)
        if box[0] == box[1] or box[2] == box[3]:
            skipped.remark("less than a pixel wide or high", image.external_id)
        parts += (
            _OBJECT.format(category=_text(category.name), job=_text(annotation.job), box=box)
            for category in annotation.categories
        )
    parts.append("</annotation>\n\n")
    return "".join(parts).encode()


_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML cannot hold, escaped or not."""


def _text(text: str) -> str:
    return escape(_NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text), {'"': "&quot;"})


def _within(pixel: int, most: int) -> int:
    """The pixel, or the nearest of the image: boxes may be drawn beyond its edge."""
    return max(0, min(pixel, most))
