"""Refused exports, before anything is written: formats that a project or options do not fit (exports.md 1)."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from kili_query.errors import ArgumentError, DataError, DownloadError, KiliQueryError, NotFoundError
from kili_query.formats import DATASETS, Dataset
from kili_query.model.ontology import Ontology


class NotCompatibleOptions(ArgumentError):
    """An option asks for what the format cannot hold. Named as in Kili's own SDK."""


class NotCompatibleInputType(ArgumentError):
    """The format has no place for what the project labels. Named as in Kili's own SDK."""


class NoCompatibleJobError(KiliQueryError):
    """No job of the project can be written in the format. `export_labels` warns of it, and writes nothing."""


class NotExportableAssetError(DataError):
    """An asset lacks what the format needs, such as the size of its image."""


class FramesNotFoundError(NotExportableAssetError, FileNotFoundError):
    """A video has neither frames nor a film here, and the format names its frames."""


class NotFound(NotFoundError):
    """Assets that are asked for by their external ids are not there. Named as in Kili's own SDK."""


class HTTPError(DownloadError, OSError):
    """An address gives no media, and without them nothing is exported. Named as in `requests`, which Kili's own SDK lets through."""


class UnknownFilterError(ArgumentError, NameError):
    """`asset_filter_kwargs` holds what is no filter of assets."""


class ExportWarning(UserWarning):
    """What an export leaves out or renames."""


class NothingExportedWarning(ExportWarning):
    """No job of the project can be written in the format, and no file is."""


class MissingMediaWarning(ExportWarning):
    """Media could not be downloaded, and the export went on without them."""


def dataset_format(name: str) -> Dataset:
    """The row of a format.

    Raises
    ------
    ArgumentError: there is none of this name.
    KiliQueryError: a library that it needs is not installed.
    """
    row = next((row for row in DATASETS if row.name == name), None)
    if row is None:
        known = ", ".join(f"`{row.name}`" for row in DATASETS)
        raise ArgumentError("fmt", f"is `{name}`; it takes one of {known}")
    if name in _WITH_YAML and find_spec("yaml") is None:
        raise extra_missing(f"the format `{name}`")
    return row


_WITH_YAML = ("yolo_v5", "yolo_v7", "yolo_v8")


def extra_missing(what: str) -> KiliQueryError:
    """The error for what needs the extra `formats`."""
    return KiliQueryError(
        f'{what} needs the extra `formats`: pip install "kili_query[formats]", or ".[formats]" in a clone'
    )


def check_options(
    row: Dataset, *, layout: str, single_file: bool, normalized: bool | None, split: bool = False
) -> None:
    """Refuse options that a format cannot follow.

    Raises
    ------
    NotCompatibleOptions: it has one place for labels, or none in a single file, or other coordinates.
    """
    if single_file and not row.single_file:
        raise NotCompatibleOptions("single_file", f"does not go with `{row.name}`, which has a file for each image")
    if normalized is not None and normalized in row.refused_coordinates:
        wanted = "longitude and latitude" if row.name == "geojson" else "pixels" if normalized else "fractions"
        raise NotCompatibleOptions(
            "normalized_coordinates",
            f"is {normalized}, and {row.title} (`{row.name}`) holds {wanted}; None (`normalized_coordinates=None`) gives these",
        )
    if layout == "split" and not row.split:
        raise NotCompatibleOptions(
            "layout", f'is "split", and `{row.name}` has one set of labels for all jobs: `layout="merged"`'
        )

    if split and (row.title != "YOLO" or row.name == "yolo_v4" or layout != "merged"):
        raise NotCompatibleOptions(
            "split",
            "goes with YOLO from version 5 on, whose `data.yaml` names the parts, and with one set of labels (merged)",
        )


def check_project(
    row: Dataset,
    input_type: str | None,
    ontology: Ontology,
    *,
    layout: str,
    project: str = "",
    pixel_grid: bool = False,
) -> None:
    """Refuse a project that has nothing to write in a format.

    Raises
    ------
    NotCompatibleInputType: it labels something else.
    NoCompatibleJobError: none of its jobs is drawn with the tools of the format.
    """
    if row.input_types is not None and input_type not in row.input_types:
        takes = " and ".join(row.input_types)
        raise NotCompatibleInputType(
            "fmt", f"is `{row.name}`, which takes projects of type {takes}; this one is of type {input_type}"
        )
    if pixel_grid and row.name == "geojson":
        raise NotCompatibleInputType(
            "fmt",
            "is `geojson`, and the labels of this geospatial project are places in the grid of its images, without longitude and latitude; "
            "'kili' has them in pixels",
        )
    check_jobs(row, ontology, layout=layout, project=project)


def check_jobs(row: Dataset, ontology: Ontology, *, layout: str = "split", project: str = "") -> None:
    """Refuse an ontology that has no job to write.

    Raises
    ------
    NoCompatibleJobError: none of its jobs is drawn with the tools of the format.
    """
    if row.tools is None:
        return
    jobs = row.jobs_of(ontology)
    if not jobs or (row.only_tools and layout == "merged" and not any(job.categories for job in jobs.values())):
        tools = " or ".join(row.tools)
        only = " and nothing else" if row.only_tools else ""
        where = f" of project `{project}`" if project else ""
        raise NoCompatibleJobError(
            f"no job{where} can be written as `{row.name}`: {row.title} needs an OBJECT_DETECTION job with categories, "
            f"drawn with {tools}{only}"
        )


def is_geotiff(asset: Mapping[str, Any]) -> bool:
    """True if the coordinates of an asset are longitude and latitude (exports.md 1)."""
    layers = asset.get("jsonContent")
    first = layers[0] if isinstance(layers, list) and layers else None
    return (
        isinstance(first, Mapping) and first.get("useClassicCoordinates") is False and first.get("epsg") != "TiledImage"
    )


def check_geotiff(row: Dataset, asset: Mapping[str, Any], normalized: bool | None) -> None:
    """Refuse an asset on a map in a format of images.

    Raises
    ------
    NotCompatibleOptions: its places are longitude and latitude.
    """
    if not is_geotiff(asset):
        return
    name = asset.get("externalId") or asset.get("id")
    if row.name not in ("kili", "raw", "geojson"):
        raise NotCompatibleOptions(
            "fmt",
            f"is `{row.name}`, and asset `{name}` is a geotiff with geospatial coordinates: use 'kili', 'raw' or 'geojson'",
        )
    if normalized is not None:
        raise NotCompatibleOptions(
            "normalized_coordinates",
            f"is {normalized} (`normalized_coordinates={normalized}`), and asset `{name}` is a geotiff, whose coordinates are longitude and "
            "latitude: `normalized_coordinates=None`",
        )


def check_frames(row: Dataset, input_type: str | None, asset: Mapping[str, Any], *, there: bool) -> None:
    """Refuse a video without its frames in a format that lists the image of each frame.

    Raises
    ------
    FramesNotFoundError: there are neither frames nor a film.
    """
    if row.sized and input_type == "VIDEO" and not there:
        raise FramesNotFoundError(
            f"`{row.name}` lists the frames of videos, and neither frames nor a film of this one are here: `with_assets=True` brings them",
            code="KQ503",
            where=str(asset.get("externalId") or asset.get("id")),
        )
