"""Images out of assets: one for each label that takes part, and for each frame of a video."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kili_query.errors import DataError
from kili_query.formats.datasets import LabelledImage
from kili_query.model.annotations import Annotation, annotations_of_label, rotation_of
from kili_query.model.counts import decode_response, frame_keys
from kili_query.model.kili import VIDEOS
from kili_query.model.labels import Label, is_bare
from kili_query.model.ontology import Ontology


@dataclass(frozen=True, slots=True)
class Media:
    """The media of an asset on this disk."""

    file: Path | None = None
    """Its content."""
    frames: tuple[Path, ...] = ()
    """The frames of a video, in order."""
    text: Path | None = None
    """What its `jsonContent` leads to, of a rich text."""
    size: tuple[int, int] | None = None
    """Width and height in pixels, as measured."""
    lost: str = ""
    """Why they are not here, though they were to come along."""


def images_of(
    asset: Mapping[str, Any], labels: Iterable[Label], ontology: Ontology, media: Media | None = None
) -> Iterator[LabelledImage]:
    """The images of an asset, one for each of some of its labels, and for each frame of a video.

    Raises
    ------
    DataError: a label cannot be read, or the asset has no external id.
    """
    labels = [label for label in labels if not label.by_level]
    for number, label in enumerate(labels, 1):
        name = label.external_id or label.asset_id
        if name is None:
            raise DataError("the asset has no external id, by which datasets name it", where=label.where)
        yield from _of_label(asset, label, ontology, f"{name}_label{number}" if len(labels) > 1 else name, media)


def _of_label(
    asset: Mapping[str, Any], label: Label, ontology: Ontology, name: str, media: Media | None
) -> Iterator[LabelledImage]:
    if is_bare(asset) and isinstance(asset.get("labelOf"), Mapping):
        asset = asset["labelOf"]
    annotations = tuple(annotations_of_label(label, ontology))
    response = decode_response(label.response)
    size = size_in(asset) or (media.size if media else None) or (None, None)
    address = asset.get("content")
    about: dict[str, Any] = {
        "width": size[0], "height": size[1], "rotation": rotation_of(response), "address": address if isinstance(address, str) else "",
        "asset": asset, "label": label.record if isinstance(label.record, Mapping) else {},
    }  # fmt: skip
    frames = sorted(int(str(key)) for key in frame_keys(response.keys(), ontology))
    if ontology.input_type not in VIDEOS and not frames:
        yield LabelledImage(name, annotations, **about)
        return
    contents = asset.get("jsonContent")
    if media and media.frames:
        number = len(media.frames)
    else:
        number = max(len(contents) if isinstance(contents, list) else 0, len(frames), frames[-1] + 1 if frames else 0)
    by_frame: dict[int | None, list[Annotation]] = {}
    for annotation in annotations:
        by_frame.setdefault(annotation.frame, []).append(annotation)
    for frame in frames:
        called = f"{name}_{frame + 1:0{len(str(number))}}"
        if isinstance(contents, list) and frame < len(contents) and isinstance(contents[frame], str):
            about["address"] = contents[frame]
        yield LabelledImage(called, tuple(by_frame.get(frame, ())), **about, video=name, frame=frame)


def size_in(asset: Mapping[str, Any]) -> tuple[int, int] | None:
    """Width and height that an asset tells (`resolution`)."""
    resolution = asset.get("resolution")
    width, height = (_pixels(resolution, side) for side in ("width", "height"))
    return (width, height) if width and height else None


def _pixels(resolution: object, side: str) -> int | None:
    value = resolution.get(side) if isinstance(resolution, Mapping) else None
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0 else None
