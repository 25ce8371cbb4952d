"""The arguments of an import, read into one asset after the other, with what is wrong about them (asset-import.md 2)."""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from kili_query.client.importing.kinds import KINDS, Kind, is_url, suffix_of
from kili_query.client.importing.local import MissingFileError, is_file
from kili_query.client.messages import named, warn
from kili_query.errors import ArgumentError, DataError, ImportValidationError
from kili_query.model.decoding import decode_json

LAYERED = ("IMAGE", "GEOSPATIAL")
"""Input types whose assets can have several layers."""


@dataclass(slots=True)
class Asset:
    """An asset as it was given, not yet looked at."""

    position: int
    """Its position in the arrays of the call, from 0."""
    content: Any = ""
    layers: list[dict[str, Any]] | None = None
    json_content: Any = ""
    external_id: str | None = None
    id: str | None = None
    is_honeypot: bool = False
    metadata: dict[str, Any] = field(default_factory=dict)
    metadata_text: str | None = None
    """Metadata that were given as text; they are sent as they are."""

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"asset `{self.external_id}`" if self.external_id is not None else f"the asset at index {self.position}"


def read_arguments(
    content_array: Sequence[Any] | None = None,
    multi_layer_content_array: Sequence[Any] | None = None,
    external_id_array: Sequence[str] | None = None,
    id_array: Sequence[str] | None = None,
    is_honeypot_array: Sequence[bool] | None = None,
    json_content_array: Sequence[Any] | None = None,
    json_metadata_array: Sequence[Any] | None = None,
    from_csv: str | None = None,
    csv_separator: str = ",",
) -> list[Asset]:
    """The assets of a call; an empty list where an empty array was given, which is warned of by the method.

    Raises
    ------
    ArgumentError: arguments that exclude each other, arrays of different lengths, metadata that are no JSON.
    ImportValidationError: the CSV file lacks a column, or is no UTF-8.
    FileNotFoundError: there is no such CSV file.
    """
    if from_csv is not None:
        if content_array is not None or external_id_array is not None:
            raise ArgumentError("from_csv", "gives contents and external ids, so `content_array` and `external_id_array` are not taken beside it")  # fmt: skip
        content_array, external_id_array = _read_csv(from_csv, csv_separator)
    counted: dict[str, Sequence[Any] | None] = {
        "content_array": content_array,
        "multi_layer_content_array": multi_layer_content_array,
        "json_content_array": json_content_array,
    }
    if any(array is not None and not array for array in counted.values()):
        return []
    if content_array is not None and multi_layer_content_array is not None:
        raise ArgumentError("content_array", "and `multi_layer_content_array` exclude each other")
    leading = next((name for name, array in counted.items() if array is not None), None)
    if leading is None:
        raise ArgumentError("content_array", "is missing, and so are `multi_layer_content_array` and `json_content_array`: one of them has the contents")  # fmt: skip
    number = len(counted[leading] or ())
    arrays: dict[str, Sequence[Any] | None] = {
        **counted,
        "external_id_array": external_id_array,
        "id_array": id_array,
        "is_honeypot_array": is_honeypot_array,
        "json_metadata_array": json_metadata_array,
    }
    for name, array in arrays.items():
        if array is not None and len(array) != number:
            raise ArgumentError(name, f"has {len(array)} items, and `{leading}` has {number}: one for each asset")

    if repeated := [name for name, times in Counter(id_array or ()).items() if times > 1]:
        raise ArgumentError(
            "id_array", f"holds ids more than once, which are those of one asset each: {named(repeated)}"
        )

    def at(name: str, i: int, default: Any) -> Any:
        array = arrays[name]
        return default if array is None or array[i] is None else array[i]

    def content(i: int) -> Any:
        value = at("content_array", i, "")
        return os.fspath(value) if isinstance(value, os.PathLike) else value

    return [
        _with_metadata(
            Asset(
                i, content(i), at("multi_layer_content_array", i, None), at("json_content_array", i, ""),
                at("external_id_array", i, None), at("id_array", i, None), at("is_honeypot_array", i, False),
            ),
            at("json_metadata_array", i, {}),
        )
        for i in range(number)
    ]  # fmt: skip


def empty_argument(**arrays: Sequence[Any] | None) -> str | None:
    """The name of the first array that was given and has nothing in it."""
    return next((name for name, array in arrays.items() if array is not None and not array), None)


def kind_of_project(input_type: str) -> Kind:
    """The row of an input type.

    Raises
    ------
    NotImplementedError: no assets are imported into projects of this type in this way.
    """
    kind = KINDS.get(input_type)
    if kind is None:
        raise UnknownInputTypeError(
            f"there is no import for projects of input type `{input_type}`; there is for {', '.join(KINDS)}"
        )
    return kind


class UnknownInputTypeError(ImportValidationError, NotImplementedError):
    """Assets are not imported into projects of this input type."""


def check(assets: Iterable[Asset], kind: Kind) -> None:
    """Whether assets can be of a project: contents that are there, kinds of files, layers.

    Raises
    ------
    ImportValidationError: they cannot; the error names the asset.
    """
    assets = list(assets)
    for asset in assets:
        if kind.name != "LLM_RLHF" and not isinstance(asset.content, str):
            raise ImportValidationError(f"{asset.name}: its content is {type(asset.content).__name__}, and must be an address, the name of a file, or a text")  # fmt: skip
        if not isinstance(asset.layers, Sequence | None) or isinstance(asset.layers, str):
            raise ImportValidationError(f"{asset.name}: its layers are a list of objects, each with a `path`")
        if asset.layers is not None and kind.name not in LAYERED:
            raise ImportValidationError(f"{asset.name}: assets of several layers are for {' and '.join(LAYERED)}, and the project is of input type {kind.name}")  # fmt: skip
        if not asset.content and not asset.layers and not asset.json_content:
            raise ImportValidationError(f"{asset.name} is empty: it needs a content, layers, or a json content")
        for layer in asset.layers or ():
            if not isinstance(layer, Mapping) or not isinstance(layer.get("path"), str) or not layer["path"]:
                raise ImportValidationError(f"{asset.name}: each layer of `multi_layer_content_array` needs a `path`, the name of a local file")  # fmt: skip
        for place in _places(asset):
            _check_suffix(asset, place, kind)
    if kind.name == "TEXT":
        for asset in assets:
            if asset.json_content and asset.content:
                raise ImportValidationError(f"{asset.name} has a content beside rich text (`json_content_array`), which has its text in itself")  # fmt: skip
    if kind.name.startswith("VIDEO"):
        _check_videos(assets)


def _places(asset: Asset) -> list[str]:
    """The addresses and file names of an asset whose endings say what they are."""
    found = [layer["path"] for layer in asset.layers or ()]
    if isinstance(asset.content, str) and asset.content and (is_url(asset.content) or is_file(asset.content)):
        found.append(asset.content)
    return found


def _check_suffix(asset: Asset, place: str, kind: Kind) -> None:
    suffix = suffix_of(place)
    if suffix and kind.extensions and suffix not in kind.extensions:
        raise ImportValidationError(
            f"{asset.name}: files that end in `{suffix}` are not for projects of input type {kind.name}, "
            f"which takes {', '.join(kind.extensions)}"
        )


def _check_videos(assets: list[Asset]) -> None:
    natives = {is_native(asset) for asset in assets if not asset.json_content}
    if len(natives) > 1:
        raise ImportValidationError(
            "videos that stay whole and videos that are cut into frames (`shouldUseNativeVideo`) go in two calls"
        )
    for asset in assets:
        if asset.json_content and asset.content and not is_url(asset.content):
            raise ImportValidationError(f"{asset.name} is given as frames; beside them its content can only be an address of the web")  # fmt: skip


def is_native(asset: Asset) -> bool:
    """True for a video that is kept whole rather than cut into frames."""
    parameters = asset.metadata.get("processingParameters")
    return not isinstance(parameters, Mapping) or bool(parameters.get("shouldUseNativeVideo", True))


def without_repeated(assets: list[Asset]) -> list[Asset]:
    """Those whose external ids are given once; all copies of the others are left out, with a warning.

    Raises
    ------
    ImportValidationError: nothing is left.
    """
    times = Counter(asset.external_id for asset in assets if asset.external_id is not None)
    repeated = [external_id for external_id, number in times.items() if number > 1]
    if not repeated:
        return assets
    told = f"external ids that are given more than once, whose assets are all left out: {named(repeated)}"
    kept = [asset for asset in assets if asset.external_id is None or times[asset.external_id] == 1]
    if not kept:
        raise ImportValidationError(f"nothing is left to import; {told}")
    warn(told)
    return kept


def without_existing(assets: list[Asset], existing: Iterable[str]) -> list[Asset]:
    """Those that are not yet in the project; the others are left out, with a warning.

    Raises
    ------
    ImportValidationError: all are.
    """
    there = set(existing)
    kept = [asset for asset in assets if asset.external_id not in there]
    left_out = [asset.external_id for asset in assets if asset.external_id in there and asset.external_id is not None]
    if not left_out:
        return assets
    if not kept:
        raise ImportValidationError("nothing is left to import: all external ids are in the project already")
    warn(f"assets that are in the project already, and are left out: {named(left_out)}")
    return kept


def _with_metadata(asset: Asset, metadata: Any) -> Asset:
    if isinstance(metadata, str):
        asset.metadata_text = metadata
        with suppress(DataError):  # what is no JSON is sent as it is, too
            value = decode_json(metadata)
            asset.metadata = value if isinstance(value, dict) else {}
        return asset
    if not isinstance(metadata, Mapping):
        raise ArgumentError(
            "json_metadata_array", f"holds {type(metadata).__name__} for {asset.name}, and takes objects"
        )
    asset.metadata = dict(metadata)
    metadata_json(asset)
    return asset


def metadata_json(asset: Asset) -> str:
    """The metadata as they are sent.

    Raises
    ------
    ArgumentError: a number that JSON does not have (NaN, infinity), or a value that is no JSON.
    """
    if asset.metadata_text is not None:
        return asset.metadata_text
    try:
        return json.dumps(asset.metadata, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ArgumentError("json_metadata_array", f"of {asset.name} cannot be written as JSON: {error}") from None


def _read_csv(path: str, separator: str) -> tuple[list[str], list[str]]:
    """Contents and external ids of a CSV file: UTF-8, a header row with `content` and `externalId`."""
    if len(separator) != 1:
        raise ArgumentError("csv_separator", f"is one character, and not {separator!r}")
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, delimiter=separator, strict=True)
            columns = rows.fieldnames or []
            missing = [name for name in ("content", "externalId") if name not in columns]
            if missing:
                raise ImportValidationError(
                    f"{path}: the header row lacks {named(missing)}; it has {named(list(columns)) or 'nothing'}. "
                    "Another separator is given as `csv_separator`"
                )
            found = []
            for row in rows:
                if row["content"] is None or row["externalId"] is None:
                    raise ImportValidationError(f"{path}: line {rows.line_num} has fewer cells than the header row")
                if None in row:
                    raise ImportValidationError(
                        f"{path}: line {rows.line_num} has more cells than the header row; "
                        f"a cell that holds {separator!r} is written in quotes"
                    )
                found.append((row["content"], row["externalId"]))
    except OSError as error:
        raise MissingFileError(f"the CSV file {path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise ImportValidationError(f"{path} is not UTF-8 text (byte {error.start})") from None
    except csv.Error as error:
        raise ImportValidationError(f"{path}: line {rows.line_num} is no CSV: {error}") from None
    return [content for content, _ in found], [external_id for _, external_id in found]
