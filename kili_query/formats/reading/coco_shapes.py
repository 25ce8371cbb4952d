"""What an annotation of COCO is in a label of Kili: a pose, an outline, a box, a class or a text; each object once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from kili_query.formats.reading.labels import (
    BOXES,
    CLASSES,
    OUTLINES,
    POSES,
    TEXTS,
    UNKNOWN_CLASS,
    XY,
    Draft,
    Losses,
    box,
)
from kili_query.formats.reading.rle import BadMask, counts_of, inside, outlines

_NEAR = 1e-3  # pixels


class Class(NamedTuple):
    """A category: its key (None if it has no name), the codes of its keypoints, and the job, if Kili wrote the file."""

    name: str | None
    points: tuple[str, ...] = ()
    job: str | None = None


class Mask(msgspec.Struct):
    """Run lengths over the columns of an image."""

    counts: list[int] | str
    size: tuple[int, int]
    """Height and width."""


class Segment(msgspec.Struct):
    """A segment of a panoptic image."""

    id: Any = None
    category_id: int | str | float | None = None
    bbox: list[float] | None = None
    iscrowd: Any = 0


class Annotation(msgspec.Struct):
    """An annotation as COCO has it; what it leaves out is None."""

    id: int | str | float | None = None
    category_id: int | str | float | None = None
    bbox: list[float] | None = None
    segmentation: list[list[float]] | Mask | None = None
    keypoints: list[float] | None = None
    iscrowd: Any = 0
    attributes: Any = None
    score: float | None = None
    caption: str | None = None
    segments_info: list[Segment] | None = None


class Loose(msgspec.Struct):
    """The same, of programs that take liberties: numbers as texts, one polygon without a list around it."""

    id: Any = None
    category_id: int | str | float | None = None
    bbox: list[float] | None = None
    segmentation: list[list[float] | float] | Mask | None = None
    keypoints: list[float] | None = None
    iscrowd: Any = 0
    attributes: Any = None
    score: float | None = None
    caption: str | None = None
    segments_info: list[Segment] | None = None

    def strict(self) -> Annotation:
        """The annotation.

        Raises
        ------
        ValueError: the outline mixes numbers and lists.
        """
        outline: Any = self.segmentation
        if isinstance(outline, list) and any(isinstance(item, float) for item in outline):
            if not all(isinstance(item, float) for item in outline):
                raise ValueError("`segmentation` mixes numbers and lists")
            outline = [outline]
        name = self.id if isinstance(self.id, (int, str, float)) else None
        return Annotation(
            name, self.category_id, self.bbox, outline, self.keypoints, self.iscrowd, self.attributes, self.score,
            self.caption, self.segments_info,
        )  # fmt: skip


_HAS = {
    "segmentation": re.compile(rb'"segmentation"\s*:\s*(?:\[\s*[\[\d-]|\{)'),
    "keypoints": re.compile(rb'"keypoints"\s*:\s*\[\s*[\d-]'),
    "marked": re.compile(rb'"num_keypoints"\s*:\s*[1-9]'),
    "bbox": re.compile(rb'"(?:bbox"\s*:\s*\[\s*[\d-]|segments_info")'),
    "caption": re.compile(rb'"caption"\s*:\s*"'),
}


class _Kinds(msgspec.Struct):
    category_id: Any = None
    caption: Any = None
    bbox: Any = None
    segmentation: Any = None
    segments_info: Any = None
    keypoints: Any = None


def jobs_of(text: bytes, number: int) -> set[tuple[str, str]]:
    """The jobs that some annotations may go to, each with its tool, by the keys in their text."""
    has = {key: pattern.search(text) is not None for key, pattern in _HAS.items()}
    found = set()
    if has["caption"]:
        found.add((TEXTS, ""))
    if has["keypoints"] and (has["marked"] or b'"num_keypoints"' not in text):
        found.add((POSES, "pose"))
    if has["segmentation"]:  # one that is nothing but a box is a box
        found |= {(OUTLINES, "semantic"), (BOXES, "rectangle")}
    if has["bbox"]:
        found.add((BOXES, "rectangle"))
    if text.count(b'"bbox"') < number:
        try:
            all_ = msgspec.json.decode(b"[%b]" % text, type=list[_Kinds])
        except (msgspec.MsgspecError, RecursionError):
            return found
        if any(not (a.bbox or a.segmentation or a.segments_info or a.keypoints or a.caption) for a in all_):
            found.add((CLASSES, ""))
    return found


def draw(
    draft: Draft, found: Annotation, entry: Class | None, known: Mapping[object, Class], size: tuple[float, float] | None,
    by_kili: bool, losses: Losses,
) -> None:  # fmt: skip
    """Put an annotation into the label of its image; what the label has no place for is noted."""
    if found.attributes:
        losses.note("attributes of annotations")
    if found.segments_info is not None:
        _segments(draft, found.segments_info, known, losses)
        return
    assert entry is not None
    assert entry.name is not None
    if found.iscrowd:
        losses.note("marks that an object is a crowd (`iscrowd`)")
    if found.keypoints and (points := _points(found.keypoints, entry, losses)):
        if found.segmentation or found.bbox:
            losses.note("boxes and outlines of objects with keypoints")
        draft.pose(entry.name, points, found.id, found.score)
        return
    if found.segmentation:
        parts = _parts(found, by_kili, size, losses)
        if isinstance(found.segmentation, list) and (corners := _as_box(parts, found.bbox, by_kili)):
            draft.rectangle(entry.name, corners, found.id, found.score, entry.job or BOXES)
            return
        if parts:
            draft.outline(entry.name, parts, found.id, found.score, entry.job or OUTLINES)
            return
    if found.bbox:
        if len(found.bbox) != 4:
            losses.note("boxes that have not four numbers", f"annotation {found.id}", fault=True)
            return
        left, top, width, height = found.bbox
        draft.rectangle(entry.name, box(left, top, left + width, top + height), found.id, found.score, entry.job or BOXES)  # fmt: skip
    elif found.segmentation or found.keypoints:
        losses.note("annotations without a place", f"annotation {found.id}", fault=True)
    else:
        draft.choose(entry.name, confidence=found.score)


def _segments(draft: Draft, segments: Sequence[Segment], known: Mapping[object, Class], losses: Losses) -> None:
    for segment in segments:
        entry = known.get(segment.category_id)
        if entry is None or entry.name is None:
            losses.note(f"segments {UNKNOWN_CLASS}", f"category {segment.category_id!r}", fault=True)
        elif segment.bbox and len(segment.bbox) == 4:
            left, top, width, height = segment.bbox
            losses.note("outlines of panoptic segments, which stand in PNG files: their boxes are taken")
            draft.rectangle(entry.name, box(left, top, left + width, top + height), segment.id)
        else:
            losses.note("panoptic segments without a box: their outlines stand in PNG files")


def _points(numbers: Sequence[float], entry: Class, losses: Losses) -> list[tuple[str, XY]]:
    """The keypoints that are marked, each with its code: x, y and 0 if it is not, 1 if it is hidden, 2 if it is seen."""
    found = []
    for number in range(0, len(numbers) - 2, 3):
        x, y, seen = numbers[number : number + 3]
        if seen:
            code = entry.points[number // 3] if number // 3 < len(entry.points) else str(number // 3)
            found.append((code, (x, y)))
            if seen == 1:
                losses.note("marks that a keypoint is hidden")
    return found


def _parts(found: Annotation, by_kili: bool, size: tuple[float, float] | None, losses: Losses) -> list[list[list[XY]]]:
    """The parts of an outline, each an outer ring and its holes."""
    outline = found.segmentation
    if isinstance(outline, Mask):
        try:
            counts = counts_of(outline.counts) if isinstance(outline.counts, str) else outline.counts
            parts = outlines(counts, *outline.size)
        except BadMask as error:
            losses.note(f"masks that cannot be decoded: {error}", f"annotation {found.id}", fault=True)
            return []
        if size is not None and (outline.size[1], outline.size[0]) != size:
            losses.note("masks of another size than their image", f"annotation {found.id}", fault=True)
        return parts
    rings = []
    for numbers in outline or ():
        if len(numbers) < 6 or len(numbers) % 2:
            losses.note("parts of outlines that are no polygon", f"annotation {found.id}", fault=True)
            continue
        ring = list(zip(numbers[::2], numbers[1::2], strict=True))
        rings.append(ring[:-1] if ring[0] == ring[-1] and len(ring) > 3 else ring)
    if not by_kili or len(rings) < 2:
        return [[ring] for ring in rings]
    parts = []
    for ring in rings:  # Kili writes an outer ring, then its holes
        if parts and all(inside(at, parts[-1][0]) for at in ring):
            parts[-1].append(ring)
        else:
            parts.append([ring])
    return parts


def _as_box(parts: list[list[list[XY]]], bbox: Sequence[float] | None, by_kili: bool) -> list[XY] | None:
    """The corners of an outline that is nothing but a box, its own or upright in a file of Kili, which writes boxes so."""
    if len(parts) != 1 or len(parts[0]) != 1 or len(parts[0][0]) != 4:
        return None
    ring = parts[0][0]
    xs, ys = {x for x, _ in ring}, {y for _, y in ring}
    if len(xs) != 2 or len(ys) != 2 or len(set(ring)) != 4:
        return None
    if by_kili:
        return ring
    if bbox is None or len(bbox) != 4:
        return None
    left, top, width, height = bbox
    edges = (min(xs), min(ys), max(xs), max(ys))
    near = all(abs(a - b) < _NEAR for a, b in zip(edges, (left, top, left + width, top + height), strict=True))
    return box(*edges) if near else None
