"""What dataset formats are written from: assets with their annotations; and what all of them share.

A writer is a function of assets and an ontology that gives files, each a name and its content in pieces. It knows
neither archives nor the network, and holds one asset at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from kili_query.errors import DataError
from kili_query.model.annotations import Annotation
from kili_query.model.geometry import XY, Polygons, Ring
from kili_query.model.ontology import Job, Ontology

Layout = Literal["split", "merged"]
"""One folder for each job, or one set of labels for all."""

File = tuple[str, Iterable[bytes]]
"""A file of a dataset: its name from the root, with slashes, and its content in pieces, to be taken before the next file."""


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


@dataclass(slots=True)
class Skipped:
    """What a format cannot hold: how many annotations, and why. Filled while files are written."""

    reasons: Counter[str] = field(default_factory=Counter)

    def note(self, reason: str) -> None:
        """Count an annotation that is left out."""
        self.reasons[reason] += 1

    @property
    def total(self) -> int:
        """How many annotations were left out."""
        return self.reasons.total()

    def __str__(self) -> str:
        return ", ".join(f"{number:,} {reason}" for reason, number in self.reasons.most_common())


def detection_jobs(ontology: Ontology, tools: Iterable[str], *, all_tools: bool = False) -> dict[str, Job]:
    """The detection jobs that are drawn with one of some tools; `all_tools`: and with no other."""
    wanted = set(tools)
    return {
        key: job
        for key, job in ontology.jobs.items()
        if job.task == "OBJECT_DETECTION" and job.tools
        and (set(job.tools) <= wanted if all_tools else not wanted.isdisjoint(job.tools))
    }  # fmt: skip


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
    return tuple(
        tuple(tuple(unrotated(at, rotation) for at in ring) for ring in part) for part in annotation.geometry.parts
    )


def outline_of(annotation: Annotation, rotation: int, skipped: Skipped) -> Ring:
    """The outer ring of what has one part; empty otherwise, and counted if there are several."""
    parts = parts_of(annotation, rotation)
    if len(parts) > 1:
        skipped.note("of several parts")
    return parts[0][0] if len(parts) == 1 and parts[0] else ()


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
    DataError: they are not known.
    """
    if not image.width or not image.height:
        raise DataError("the size of the image is not known (`resolution`)", code="KQ503", where=image.name)
    return image.width, image.height


def by_job(annotations: Iterable[Annotation], jobs: Iterable[str]) -> Iterator[Annotation]:
    """The annotations of some jobs, job by job in the order of the jobs."""
    found: dict[str, list[Annotation]] = {job: [] for job in jobs}
    for annotation in annotations:
        if annotation.job in found and annotation.kind == "object":
            found[annotation.job].append(annotation)
    for rows in found.values():
        yield from rows
