"""Kili's own format, `raw` or `kili`: a JSON file for each asset, or one for all (exports.md 8.4)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import PurePosixPath
from typing import Any, BinaryIO

import msgspec

from kili_query.formats.datasets import File, Order, pieces_of, unrotated
from kili_query.formats.images import size_in
from kili_query.formats.names import safe_name, waiting
from kili_query.formats.refusals import NotCompatibleOptions, is_geotiff
from kili_query.model.annotations import rotation_of
from kili_query.model.geometry import list_in, number_in
from kili_query.model.kili import LABEL_KEYS, PICTURED

Json = dict[str, Any]

_encoded = msgspec.json.Encoder(order="sorted").encode
_DRAWN = ("OBJECT_DETECTION",)
_ON_PAGES = ("OBJECT_DETECTION", "NAMED_ENTITIES_RECOGNITION")
_TURNED = (*PICTURED, "PDF")
"""The types of project whose labels may be drawn on a turned picture."""


class RawWriter:
    """Writes the file of each asset as it comes, or all of them in one at the end.

    It takes whole assets rather than images: whatever an asset holds is kept.
    """

    def __init__(self, order: Order) -> None:
        self._order = order
        self._list: BinaryIO | None = None
        if order.single_file:
            self._list = waiting()
        self._count = 0
        wanted = _ON_PAGES if order.ontology.input_type == "PDF" else _DRAWN
        self._jobs = [key for key, job in order.ontology.jobs.items() if job.task in wanted]

    def add(self, asset: Json, name: str, size: tuple[int, int] | None = None) -> Iterator[File]:
        """The file of an asset, under a name; `size` is that of its image in pixels, if the asset does not tell it.

        Raises
        ------
        NotCompatibleOptions: pixels are asked for, and the size is not known.
        """
        yield from self.add_text(self._text(self._with_pixels(asset, self._size(asset) or size)), name)

    def add_text(self, text: bytes, name: str) -> Iterator[File]:
        """The file of an asset that is written as it is."""
        self._count += 1
        if self._list is None:
            yield f"labels/{name}.json", [text]
            return
        self._list.write(b"[\n" if self._count == 1 else b",\n")
        self._list.write(text)

    def lacks_size(self, asset: Json, size: tuple[int, int] | None) -> bool:
        """True if pixels would be written, and the size of the picture, or of the pages, is not known."""
        if self._order.normalized is not None or not self._jobs or is_geotiff(asset):
            return False
        if self._order.ontology.input_type == "PDF":
            return not asset.get("pageResolutions")
        pictured = self._order.ontology.input_type in PICTURED or self._order.pixel_grid
        return pictured and self._size(asset) is None and size is None

    def _size(self, asset: Json) -> tuple[int, int] | None:
        """Width and height in pixels, as the asset tells them: of the picture, or of the first layer of a map."""
        if not self._order.pixel_grid:
            return size_in(asset)
        layers = list_in(asset.get("geospatialExportMetadata"))
        return size_in({"resolution": layers[0]}) if layers else None

    def finish(self) -> Iterator[File]:
        """The one file, if there is one for all."""
        if self._list is not None:
            self._list.write(b"\n]\n" if self._count else b"[]\n")
            yield "data.json", pieces_of(self._list)

    def close(self) -> None:
        """Let go of what waits on disk."""
        if self._list is not None:
            self._list.close()

    def _text(self, asset: Json) -> bytes:
        try:
            json.dumps(asset, allow_nan=False)  # infinite numbers, of which msgspec makes null without a word
            text = msgspec.json.format(_encoded(asset), indent=4)
        except (UnicodeEncodeError, OverflowError, TypeError, ValueError):  # and half characters, numbers of any length
            return json.dumps(asset, sort_keys=True, indent=4).encode()
        return text if text.isascii() else _NOT_ASCII.sub(_escape, text.decode()).encode()

    def _with_pixels(self, asset: Json, size: tuple[int, int] | None) -> Json:
        """The asset with its labels turned back, and with pixels beside fractions."""
        input_type = self._order.ontology.input_type
        found = dict(asset)
        for key in LABEL_KEYS:
            if isinstance(asset.get(key), list):
                found[key] = [self._label(label, asset, size, input_type) for label in asset[key]]
            elif isinstance(asset.get(key), dict):
                found[key] = self._label(asset[key], asset, size, input_type)
        return found

    def _label(self, label: Any, asset: Json, size: tuple[int, int] | None, input_type: str | None) -> Any:
        if not isinstance(label, dict) or not isinstance(label.get("jsonResponse"), dict):
            return label
        response = label["jsonResponse"]
        if input_type == "PDF":
            response = self._pages(response, asset)
        elif self._order.pixel_grid or (input_type in PICTURED and not is_geotiff(asset)):
            response = self._pictures(response, asset, size, input_type)
        if (input_type in _TURNED or self._order.pixel_grid) and "ROTATION_JOB" in response:
            response = {key: value for key, value in response.items() if key != "ROTATION_JOB"}
        return label if response is label["jsonResponse"] else {**label, "jsonResponse": response}

    def _pictures(self, response: Json, asset: Json, size: tuple[int, int] | None, input_type: str | None) -> Json:
        if size is None or self._order.normalized is True:
            if self._order.normalized is False:
                sets = "`update_properties_in_assets(resolution_array=...)` sets it"
                raise NotCompatibleOptions(
                    "normalized_coordinates",
                    f"is False, and the size of asset `{asset.get('externalId')}` is not known: "
                    f"{'its `geospatialExportMetadata` has none' if self._order.pixel_grid else sets}",
                )
            size = None
        if self._order.pixel_grid:  # a rotation there turns the map, and not its grid
            return self._drawn(response, size, 0)
        if input_type != "VIDEO":
            return self._drawn(response, size, rotation_of(response))
        whole = rotation_of(response)
        return {
            key: self._frame(value, size, whole) if isinstance(value, dict) and key.isdigit() else value
            for key, value in response.items()
        }

    def _frame(self, answers: Json, size: tuple[int, int] | None, whole: int) -> Json:
        drawn = self._drawn(answers, size, rotation_of(answers) or whole)
        return {key: value for key, value in drawn.items() if key != "ROTATION_JOB"}

    def _drawn(self, answers: Json, size: tuple[int, int] | None, rotation: int) -> Json:
        """Answers with each place turned back, and in pixels, too, if the size is known."""
        if size is None and not rotation:
            return answers
        place = _Place(size, rotation)
        found = dict(answers)
        for job in self._jobs:
            answer = answers.get(job)
            if isinstance(answer, dict) and isinstance(answer.get("annotations"), list):
                found[job] = {**answer, "annotations": [place.annotation(entry) for entry in answer["annotations"]]}
        return found

    def _pages(self, response: Json, asset: Json) -> Json:
        """The answers of a PDF with pixels beside fractions, by the size of each page."""
        if self._order.normalized is True:
            return response
        pages = {
            page.get("pageNumber"): (page.get("width"), page.get("height"))
            for page in list_in(asset.get("pageResolutions"))
            if isinstance(page, dict)
        }
        if not pages:
            if self._order.normalized is False:
                raise NotCompatibleOptions(
                    "normalized_coordinates",
                    f"is False, and `pageResolutions` of asset `{asset.get('externalId')}` are not known: "
                    "`update_properties_in_assets(page_resolutions_array=...)` sets them",
                )
            return response
        if rotation_of(response) in (90, 270):
            raise NotCompatibleOptions(
                "normalized_coordinates",
                f"a label of the PDF `{asset.get('externalId')}` is turned by {rotation_of(response)} degrees; "
                "`normalized_coordinates=True` keeps fractions alone",
            )
        found = dict(response)
        for job in self._jobs:
            answer = response.get(job)
            if isinstance(answer, dict) and isinstance(answer.get("annotations"), list):
                entries = [_on_pages(entry, pages) for entry in answer["annotations"]]
                found[job] = {**answer, "annotations": entries}
        return found


class _Place:
    """How places of a picture are written: turned back, in pixels if its size is known."""

    def __init__(self, size: tuple[int, int] | None, rotation: int) -> None:
        self._size = size
        self._rotation = rotation

    def annotation(self, entry: Any) -> Any:
        """An annotation with its places."""
        if not isinstance(entry, dict):
            return entry
        found = dict(entry)
        if isinstance(entry.get("boundingPoly"), list):
            found["boundingPoly"] = [
                [self._ring(ring) for ring in part] if isinstance(part, list) else self._ring(part)
                for part in entry["boundingPoly"]
            ]
        if isinstance(entry.get("point"), dict):
            self._put(found, "point", "pointPixels", entry["point"])
        if isinstance(entry.get("polyline"), list):
            self._put(found, "polyline", "polylinePixels", entry["polyline"])
        if isinstance(entry.get("points"), list):
            found["points"] = [self._pose_point(point) for point in entry["points"]]
        return found

    def _ring(self, ring: Any) -> Any:
        if not isinstance(ring, dict) or not isinstance(ring.get("normalizedVertices"), list):
            return ring
        found = dict(ring)
        self._put(found, "normalizedVertices", "vertices", ring["normalizedVertices"])
        return found

    def _pose_point(self, point: Any) -> Any:
        if not isinstance(point, dict) or not isinstance(point.get("point"), dict):
            return point
        found = dict(point)
        self._put(found, "point", "pointPixels", point["point"])
        return found

    def _put(self, found: Json, key: str, pixels: str, value: Any) -> None:
        turned = self._turned(value)
        found[key] = turned
        if self._size:
            found[pixels] = _scaled(turned, *self._size)

    def _turned(self, value: Any) -> Any:
        if not self._rotation:
            return value
        if isinstance(value, list):
            return [self._turned(item) for item in value]
        if not isinstance(value, dict):
            return value
        x, y = number_in(value.get("x")), number_in(value.get("y"))
        if x is None or y is None:
            return value
        x, y = unrotated((x, y), self._rotation)
        return {**value, "x": x, "y": y}


def _scaled(value: Any, width: float, height: float) -> Any:
    """Fractions in pixels, at whatever depth they are listed."""
    if isinstance(value, list):
        return [_scaled(item, width, height) for item in value]
    if not isinstance(value, dict):
        return value
    x, y = number_in(value.get("x")), number_in(value.get("y"))
    return value if x is None or y is None else {"x": x * width, "y": y * height}


def _on_pages(entry: Any, pages: Mapping[Any, tuple[Any, Any]]) -> Any:
    """An annotation of a PDF with pixels: each ring by the page at its position (json-formats 2.7)."""
    if not isinstance(entry, dict) or not isinstance(entry.get("annotations"), list):
        return entry
    return {**entry, "annotations": [_inner(inner, pages) for inner in entry["annotations"]]}


def _inner(inner: Any, pages: Mapping[Any, tuple[Any, Any]]) -> Any:
    if not isinstance(inner, dict):
        return inner
    found = dict(inner)
    numbers = list_in(inner.get("pageNumberArray"))
    for key in ("polys", "boundingPoly"):
        rings = []
        for position, ring in enumerate(list_in(inner.get(key))):
            size = pages.get(numbers[position]) if position < len(numbers) else None
            width, height = (number_in(side) for side in size or (None, None))
            if isinstance(ring, dict) and "normalizedVertices" in ring and width and height:
                ring = {**ring, "vertices": _scaled(ring["normalizedVertices"], width, height)}
            rings.append(ring)
        if isinstance(inner.get(key), list):
            found[key] = rings
    return found


_NOT_ASCII = re.compile("[^\x00-\x7f]")


def _escape(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1]


def file_answers(asset: Mapping[str, Any]) -> Iterator[tuple[str, Json]]:
    """The answers of jobs that are files, of all labels of an asset: the job, and the answer, which names a file by `fileId`."""
    for label in labels_of_asset(asset):
        response = label.get("jsonResponse")
        if isinstance(response, dict):
            level = response.get("assetLevel")  # of a video, as a file has no frame
            for job, answer in (level if isinstance(level, dict) else response).items():
                if isinstance(answer, dict) and isinstance(answer.get("fileId"), str):
                    yield job, answer


def labels_of_asset(asset: Mapping[str, Any]) -> Iterator[Json]:
    """The labels under all keys of an asset."""
    for key in LABEL_KEYS:
        value = asset.get(key)
        yield from (label for label in (value if isinstance(value, list) else [value]) if isinstance(label, dict))


def with_answers(asset: Json, folder: str, files: Mapping[str, Any]) -> tuple[Json, dict[str, str]]:
    """The asset with `filePath` in the answers that are files, and which file each of these paths is; `files`: those that are there."""
    found: Json = deepcopy(asset)
    placed: dict[str, str] = {}
    for job, answer in file_answers(found):
        file_id = answer["fileId"]
        if file_id not in files:
            continue
        name = answer.get("fileName")
        wanted = (
            f"{folder}/{safe_name(f'{job}_{name if isinstance(name, str) and name else file_id}'.replace('/', '_'))}"
        )
        called, number = wanted, 1
        while placed.get(called, file_id) != file_id:
            number += 1
            called = f"{wanted.removesuffix(PurePosixPath(wanted).suffix)}_{number}{PurePosixPath(wanted).suffix}"
        placed[called] = file_id
        answer["filePath"] = called
    return found, placed


def with_files(asset: Json, folder: str, file: str | None, frames: list[str], text: str | None = None) -> Json:
    """The asset with the names of its media in the dataset in place of their addresses."""
    found = dict(asset)
    if file is not None:
        found["content"] = f"{folder}/{file}"
    contents = asset.get("jsonContent")
    if text is not None:
        found["jsonContent"] = f"{folder}/{text}"
    elif frames and not (isinstance(contents, list) and contents and isinstance(contents[0], dict)):
        found["jsonContent"] = [f"{folder}/{name}" for name in frames]
    return found
