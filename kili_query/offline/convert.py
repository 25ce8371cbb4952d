"""Convert: exports on disk become datasets of other formats, without a network."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal, get_args

from kili_query.errors import DataError
from kili_query.formats import coco, geojson, pascal_voc, yolo
from kili_query.formats.containers.sources import Source, plan
from kili_query.formats.datasets import File, LabelledImage, Layout, Skipped, size_of
from kili_query.formats.kili import Problem, decode_record
from kili_query.model.annotations import Annotation, annotations_of_label, rotation_of
from kili_query.model.counts import decode_response, frame_keys
from kili_query.model.labels import Label, LabelTypes, is_bare, labels_of
from kili_query.model.ontology import Ontology
from kili_query.query import Query

Target = Literal["coco", "yolo_v4", "yolo_v5", "yolo_v7", "yolo_v8", "pascal_voc", "geojson"]
"""The formats that can be written."""

TARGETS: tuple[Target, ...] = get_args(Target)

PEOPLE = ("DEFAULT", "REVIEW")
"""The label types that datasets are made of: what people labelled."""


def convert(
    *sources: Source,
    to: Target,
    ontology: Ontology,
    query: Query | None = None,
    layout: Layout = "merged",
    title: str = "",
    types: LabelTypes | None = PEOPLE,
    skipped: Skipped | None = None,
    on_problem: Callable[[DataError], None] | None = None,
    on_asset: Callable[[], None] = lambda: None,
    on_read: Callable[[int], None] = lambda _: None,
    on_renamed: Callable[[str, str], None] = lambda _, __: None,
) -> Iterator[File]:
    """The files of a dataset made of exports; sources are read once, an asset at a time.

    Parameters
    ----------
    to: the format.
    ontology: of the project; says which jobs can be written, and the order of the categories.
    query: only assets with a label that satisfies it.
    layout: "merged": one set of labels; "split": a folder for each job (COCO and YOLO).
    title: of the project, for formats that hold it.
    types: the label types that take part; None: all. By default what people labelled.
    skipped: counts the annotations that the format cannot hold.
    on_problem: gets each record and label that cannot be read, and reading goes on; without it the first one is raised.
    on_asset: called for each asset that is written.
    on_read: called for each record, with its size in bytes.
    on_renamed: called with the name of an image and its name in the dataset, where these differ: another has that file,
        or it would lie outside of the folder.

    Raises
    ------
    DataError: a source cannot be read, no job of the ontology can be written, or an image has no size that is known.
    """
    left_out = Skipped() if skipped is None else skipped
    found = _images(sources, ontology, query, types, on_problem, on_asset, on_read, to in ("coco", "pascal_voc"))
    images = _apart(found, yolo.label_file if to.startswith("yolo") else str, on_renamed)
    if to == "coco":
        return coco.write(images, ontology, layout, title, left_out)
    if to == "pascal_voc":
        return pascal_voc.write(images, ontology, left_out)
    if to == "geojson":
        return geojson.write(images, ontology, left_out)
    return yolo.write(images, ontology, to, layout, left_out)


def _images(
    sources: tuple[Source, ...], ontology: Ontology, query: Query | None, types: LabelTypes | None,
    on_problem: Callable[[DataError], None] | None, on_asset: Callable[[], None], on_read: Callable[[int], None],
    sized: bool,
) -> Iterator[LabelledImage]:  # fmt: skip
    for part in plan(sources):
        for item in part.records():
            if isinstance(item, Problem):
                record: dict[str, object] | Problem = item
            else:
                record = decode_record(item)
                on_read(item.size)
            if isinstance(record, Problem):
                if not record.skipped:
                    _tell(record.error(), on_problem)
                continue
            try:
                found = list(images_of(record, ontology, query, types, str(item.where)))
                for image in found if sized else ():
                    size_of(image)
            except DataError as error:
                _tell(error, on_problem)
                continue
            if found:
                on_asset()
            yield from found


_NOT_IN_NAMES = re.compile(r"[\\\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def _apart(
    images: Iterator[LabelledImage], file_of: Callable[[str], str], on_renamed: Callable[[str, str], None]
) -> Iterator[LabelledImage]:
    """The images under names that can be files within a folder, no two in one file."""
    used = set[str]()
    for image in images:
        steps = _NOT_IN_NAMES.sub("_", image.name).split("/")
        plain = name = "/".join(step if step.strip(".") else "_" for step in steps)
        number = 1
        while file_of(name) in used:
            number += 1
            name = f"{plain}_label{number}"
        used.add(file_of(name))
        if name != image.name:
            on_renamed(image.name, name)
            image = replace(image, name=name)
        yield image


def _tell(error: DataError, on_problem: Callable[[DataError], None] | None) -> None:
    if on_problem is None:
        raise error
    on_problem(error)


def images_of(
    asset: Mapping[str, Any],
    ontology: Ontology,
    query: Query | None = None,
    types: LabelTypes | None = PEOPLE,
    where: str = "",
) -> Iterator[LabelledImage]:
    """The images of an asset, one for each label that takes part, and for each frame of a video.

    Raises
    ------
    DataError: a label cannot be read, or the asset has no external id.
    """
    labels = [label for label in labels_of(asset, types=types, where=where) if not label.by_level]
    if not labels or (query is not None and not any(query.matches_label(label, ontology) for label in labels)):
        return
    for number, label in enumerate(labels, 1):
        name = label.external_id or label.asset_id
        if name is None:
            raise DataError("the asset has no external id, by which datasets name it", where=where)
        yield from _of_label(asset, label, ontology, f"{name}_label{number}" if len(labels) > 1 else name)


def _of_label(asset: Mapping[str, Any], label: Label, ontology: Ontology, name: str) -> Iterator[LabelledImage]:
    if is_bare(asset) and isinstance(asset.get("labelOf"), Mapping):
        asset = asset["labelOf"]
    response = decode_response(label.response)
    annotations = tuple(annotations_of_label(label, ontology))
    resolution = asset.get("resolution")
    width, height = (_pixels(resolution, side) for side in ("width", "height"))
    address = asset.get("content")
    about: dict[str, Any] = {
        "width": width, "height": height, "rotation": rotation_of(response), "address": address if isinstance(address, str) else "",
    }  # fmt: skip
    frames = sorted(int(str(key)) for key in frame_keys(response.keys(), ontology))
    if ontology.input_type != "VIDEO" and not frames:
        yield LabelledImage(name, annotations, **about)
        return
    contents = asset.get("jsonContent")
    number = max(len(contents) if isinstance(contents, list) else 0, len(frames), frames[-1] + 1 if frames else 0)
    by_frame: dict[int | None, list[Annotation]] = {}
    for annotation in annotations:
        by_frame.setdefault(annotation.frame, []).append(annotation)
    for frame in frames:
        called = f"{name}_{frame + 1:0{len(str(number))}}"
        yield LabelledImage(called, tuple(by_frame.get(frame, ())), **about, video=name)


def _pixels(resolution: object, side: str) -> int | None:
    value = resolution.get(side) if isinstance(resolution, Mapping) else None
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0 else None
