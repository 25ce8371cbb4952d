"""What dataset formats are written from: assets with their annotations; and what all of them share.

A writer takes images one by one and gives files, each a name and its content in pieces. It knows neither archives nor
the network, and holds one image at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol

from kili_query.formats.refusals import NotExportableAssetError
from kili_query.formats.skipped import Skipped as Skipped
from kili_query.model.annotations import Annotation
from kili_query.model.geometry import XY, Polygons, Ring, signed_area
from kili_query.model.ontology import Ontology

Layout = Literal["split", "merged"]
"""One folder for each job, or one set of labels for all."""

File = tuple[str, "Iterable[bytes] | Path"]
"""A file of a dataset: its name from the root, with slashes, and its content: in pieces, to be taken before the next file,
or a file on this disk, to be copied before the next. A name that ends with a slash is a folder that may stay empty."""

Modifier = Callable[[dict[str, Any], dict[str, Any], Mapping[str, Any]], dict[str, Any]]
"""Gets a COCO annotation, its image and the annotation of Kili; gives what is written in place of the first."""


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """An image, or a frame of a video, with the annotations of one label."""

    name: str
    """Its external id; of a frame with the number of the frame behind it. May have folders, with slashes."""
    annotations: tuple[Annotation, ...]
    """In the order of the label; places are fractions of the image as it was displayed."""
    width: int | None = None
    """In pixels, as the image is stored; None where it is not known."""
    height: int | None = None
    rotation: int = 0
    """By how many degrees the image was turned while it was labelled: 0, 90, 180 or 270."""
    address: str = ""
    """Where its content can be had."""
    file: str | None = None
    """The name of its media file in the dataset, where that comes along."""
    video: str | None = None
    """Of a frame: the external id of its video."""
    frame: int | None = None
    """Of a frame: its number, from 0."""
    asset: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """The record of its asset, as Kili gave it."""
    label: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """That of its label."""
    part: str = ""
    """The part of a dataset that is split for training: `train`, `val` or `test`."""

    @property
    def external_id(self) -> str:
        """That of its asset; its name, if the asset has none."""
        name = self.asset.get("externalId")
        return name if isinstance(name, str) and name else self.video or self.name


@dataclass(frozen=True, slots=True)
class Order:
    """What a dataset is to be."""

    fmt: str
    ontology: Ontology
    layout: Layout = "merged"
    title: str = ""
    """Of the project, for formats that hold it."""
    project_id: str = ""
    single_file: bool = False
    normalized: bool | None = None
    """Kili's own format. True: places as fractions alone; False: in pixels, too, or refused; None: where the size is known."""
    modifier: Modifier | None = None
    """Changes each annotation of COCO on its way."""
    parts: tuple[str, ...] = ()
    """The parts of a dataset that is split for training."""
    pixel_grid: bool = False
    """The project is geospatial, and its labels are fractions of the first layer of each asset."""


class DatasetWriter(Protocol):
    """Takes the images of a dataset and gives its files. Made of an `Order` and of what counts what is left out."""

    def __init__(self, order: Order, skipped: Skipped) -> None: ...

    def add(self, image: LabelledImage) -> Iterator[File]:
        """The files that an image brings."""

    def finish(self) -> Iterator[File]:
        """The files that are whole when all images have come."""

    def close(self) -> None:
        """Let go of what waits on disk."""


def unrotated(at: XY, rotation: int) -> XY:
    """A place of a turned image in the image as it is stored (exports.md 4).

    >>> unrotated((0.25, 0.5), 90)
    (0.5, 0.75)
    """
    x, y = at
    match rotation:
        case 90:
            return y, 1 - x
        case 180:
            return 1 - x, 1 - y
        case 270:
            return 1 - y, x
    return at


def parts_of(annotation: Annotation, rotation: int = 0) -> tuple[tuple[Ring, ...], ...]:
    """The parts of a polygon or a rectangle, turned back: the rings of each, the outer one first. None of what is drawn otherwise."""
    if not isinstance(annotation.geometry, Polygons):
        return ()
    if not rotation:
        return annotation.geometry.parts
    return tuple(
        tuple(tuple(unrotated(at, rotation) for at in ring) for ring in part) for part in annotation.geometry.parts
    )


def outline_of(annotation: Annotation, image: LabelledImage, skipped: Skipped) -> Ring:
    """The outer ring of what has one part, turned back; empty otherwise, and counted if there are several."""
    parts = parts_of(annotation, image.rotation)
    if len(parts) > 1:
        skipped.note("of several parts", image.external_id)
    return parts[0][0] if len(parts) == 1 and parts[0] else ()


OUTSIDE = "reaching outside of the image"
CUT = "reaching outside of the image, cut at its edge"
FLAT = "without an area"
CANCELLED = "whose sides cross so that the area is 0"
FEW_CORNERS = "of fewer than three corners"
NO_CATEGORY = "of a category that the ontology lacks"

_NEARLY = 1e-9
"""What is so little outside of an image is a matter of rounding."""


def reaches_out(ring: Ring) -> bool:
    """True if a ring of fractions leaves the image.

    >>> reaches_out(((0, 0), (1, 0.5), (0.5, 1.2)))
    True
    """
    return box_reaches_out(box_of(ring))


def box_reaches_out(box: tuple[float, float, float, float]) -> bool:
    """The same of the least x and y, and the greatest."""
    return box[0] < -_NEARLY or box[1] < -_NEARLY or box[2] > 1 + _NEARLY or box[3] > 1 + _NEARLY


def lack_of_area(ring: Ring) -> str:
    """Why the signed area of a ring is 0; empty if it is not.

    >>> lack_of_area(((0, 0), (1, 1), (1, 0), (0, 1))), lack_of_area(((0, 0), (1, 1), (0.5, 0.5)))
    ('whose sides cross so that the area is 0', 'without an area')
    """
    if signed_area(ring) != 0:
        return ""
    flat = all(signed_area((ring[0], a, b)) == 0 for a, b in pairwise(ring[1:]))
    return FLAT if flat else CANCELLED


def box_of(ring: Ring) -> tuple[float, float, float, float]:
    """The upright box around a ring: its least x and y, and its greatest.

    >>> box_of(((0.1, 0.6), (0.1, 0.2), (0.35, 0.2)))
    (0.1, 0.2, 0.35, 0.6)
    """
    xs, ys = [x for x, _ in ring], [y for _, y in ring]
    return min(xs), min(ys), max(xs), max(ys)


def size_of(image: LabelledImage) -> tuple[int, int]:
    """Width and height in pixels.

    Raises
    ------
    NotExportableAssetError: they are not known.
    """
    if not image.width or not image.height:
        told = image.asset.get("resolution")
        has = f"its `resolution` is {told}, which is none" if told else "the export has no `resolution`"
        raise NotExportableAssetError(
            f"the size of the image is not known: {has}, nor was there a picture to measure; "
            "`update_properties_in_assets(resolution_array=...)` sets it",
            code="KQ503",
            where=image.name,
        )
    return image.width, image.height


def by_job(annotations: Iterable[Annotation], jobs: Iterable[str]) -> Iterator[Annotation]:
    """The annotations of some jobs, job by job in the order of the jobs."""
    found: dict[str, list[Annotation]] = {job: [] for job in jobs}
    for annotation in annotations:
        if annotation.job in found and annotation.kind == "object":
            found[annotation.job].append(annotation)
    for rows in found.values():
        yield from rows


def pieces_of(file: BinaryIO) -> Iterator[bytes]:
    """The content of a file that was written, from its beginning."""
    file.seek(0)
    while piece := file.read(1 << 20):
        yield piece
