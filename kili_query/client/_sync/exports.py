# Generated from kili_query/client/_async/exports.py by kili_query.client.generate.unasync. Do not edit.
"""Exports: the labels of a project as a dataset in a file."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import Any, Literal

from kili_query.client._sync.answer_files import AnswerFiles, Found
from kili_query.client._sync.assets import Assets
from kili_query.client._sync.concurrency import aside
from kili_query.client._sync.session import PAGES_AHEAD, Listing
from kili_query.client.arguments import check_arguments
from kili_query.client.filters import decision, read_search
from kili_query.client.garbage import few_full_collections
from kili_query.client.media.folder import MediaFolder
from kili_query.client.media.plan import Asset, Missing
from kili_query.client.messages import warn
from kili_query.client.operations import exports as wire
from kili_query.client.operations.exports import layers_of, located
from kili_query.client.operations.projects import Project
from kili_query.client.types import Id, LabelTypes, Row, Texts
from kili_query.client.wire.calls import Call
from kili_query.client.wire.decoding import labels_in
from kili_query.client.wire.where import asset_where, without_aliases
from kili_query.errors import ArgumentError, DataError
from kili_query.formats.assembly import LOST, PARTS, README, Dataset, are_shares, readme
from kili_query.formats.containers.zipping import ZipWriter
from kili_query.formats.datasets import Modifier, Order, Skipped
from kili_query.formats.frames import with_frames
from kili_query.formats.images import Media
from kili_query.formats.raw import file_answers
from kili_query.formats.refusals import (
    ExportWarning,
    HTTPError,
    MissingMediaWarning,
    NoCompatibleJobError,
    NotCompatibleOptions,
    NotFound,
    NothingExportedWarning,
    UnknownFilterError,
    check_frames,
    check_options,
    check_project,
    dataset_format,
)
from kili_query.formats.selection import PEOPLE, ExportType, Selection
from kili_query.model.kili import PICTURED
from kili_query.model.labels import labels_of
from kili_query.model.ontology import Ontology
from kili_query.offline.files import whole_file
from kili_query.query import Query, parse

_log = logging.getLogger("kili_query")

MANY_ASSETS = 1_000
"""Assets from which their media are worth a warning."""

MAX_SHOWN = 5
"""Renamed files that a warning names."""

Format = Literal["raw", "kili", "yolo_v4", "yolo_v5", "yolo_v7", "yolo_v8", "coco", "pascal_voc", "geojson"]


class Exports(Assets, AnswerFiles):
    """The method that exports labels."""

    def export_labels(
        self,
        project_id: Id,
        filename: str | os.PathLike[str] | None,
        fmt: Format,
        asset_ids: Texts | None = None,
        layout: Literal["split", "merged"] = "split",
        single_file: bool = False,
        disable_tqdm: bool | None = False,
        with_assets: bool = True,
        external_ids: Texts | None = None,
        annotation_modifier: Modifier | None = None,
        asset_filter_kwargs: dict[str, Any] | None = None,
        normalized_coordinates: bool | None = None,
        label_type_in: LabelTypes | None = None,
        include_sent_back_labels: bool | None = None,
        export_type: ExportType = "latest",
        *,
        matching_labels_only: bool = False,
        missing_media: Literal["error", "skip"] = "error",
        split: list[float] | tuple[float, ...] | None = None,
        seed: int = 0,
    ) -> None:
        """Write the labels of a project as a dataset: an archive (zip) that appears whole or not at all.

        Assets are fetched page by page and written as they come: memory does not grow with their number. A file that
        is there is replaced when the new one is finished, and a line of the log (`kili_query`, WARNING) says so.

        Parameters
        ----------
        project_id: id of the project.
        filename: path of the archive; folders that are missing are made.
        fmt: the format. `raw` and `kili` are the same, and hold all that there is; the others hold what is drawn.
        asset_ids, external_ids: only these assets; `external_ids` counts if there are no `asset_ids`.
        layout: "split": a folder for each job; "merged": one set of labels. `pascal_voc` and `geojson` are merged.
        single_file: one `data.json` instead of a file for each asset (`raw`, `kili`).
        disable_tqdm: True hides the progress bar; None shows it only on terminals and in notebooks.
        with_assets: images and frames of videos come along; False leaves them where they are.
        annotation_modifier: COCO: gets each COCO annotation, its image, and the annotation of Kili, all dicts; the dict
            that it gives is written in place of the first.
        asset_filter_kwargs: filters as of `assets`, such as `{"label_category_search": "CARS.TRUCK.count > 0"}`.
        normalized_coordinates: `raw`, `kili`: True: fractions of width and height alone; False: pixels, too, or an
            error; None: pixels where the size is known.
        label_type_in: the label types that are exported: DEFAULT and REVIEW unless others are given.
        include_sent_back_labels: False leaves out labels that were sent back to the queue.
        export_type: "latest": the latest label of each asset; "latest_from_last_step", "latest_from_all_steps": those
            of its last step, or of each; "normal": all.
        matching_labels_only: only labels that satisfy `label_category_search`, instead of all those of assets that
            have one.
        missing_media: "error": media, or files that answer jobs, that cannot be downloaded end the export; "skip": the
            others are exported, and what is missing is told at the end. Datasets of pictures have only assets whose
            pictures are there.
        split: YOLO: shares of train, val and test, such as `(0.8, 0.1, 0.1)`, which add up to 1. Each asset is in one part,
            and `data.yaml` names the folders, so that the dataset trains where it lies.
        seed: with `split`: another number, another chance.

        Raises
        ------
        ArgumentError: an argument cannot be used; raised before anything is sent. `NotCompatibleOptions` and
            `NotCompatibleInputType`: the format cannot do what is asked for, or not with this project.
        QuerySyntaxError, QueryCheckError, UnsupportedQueryError: the category query is wrong for this project.
        NotFound, NotFoundError: there are no such assets; no such project.
        NotExportableAssetError, DataError: an asset lacks what the format needs; a label cannot be read.
        DownloadError: media cannot be downloaded, and `missing_media` is not "skip".
        ApiError: the server gave no answer, or a refusal.

        Warns
        -----
        UserWarning: no job of the project can be written in the format: no file is written. Annotations or pictures were
        left out, or look odd (`ExportWarning`); media are missing (`MissingMediaWarning`); assets have other names in the
        dataset than their external ids; media of more than 1,000 assets are downloaded.

        Examples
        --------
        >>> kili.export_labels(project, "people.zip", "yolo_v8", layout="merged", with_assets=False,
        ...     asset_filter_kwargs={"label_category_search": "OBJECT_DETECTION_JOB.person.count >= 2"})
        """
        arguments = check_arguments(Exports.export_labels, {**locals(), "annotation_modifier": None})
        _check(arguments, annotation_modifier)
        row = dataset_format(fmt)
        parted = split is not None
        check_options(row, layout=layout, single_file=single_file, normalized=normalized_coordinates, split=parted)
        filters = _filters(arguments)
        check_arguments(Assets.count_assets, filters)
        call = Call.of("export_labels")
        project = self._project(project_id, call)
        about = wire.read_about(self._execute(wire.about(project_id, project.input_type), call))
        ontology = project.ontology or Ontology({}, project.input_type)
        try:
            check_project(
                row, project.input_type, ontology, layout=layout, project=project_id, pixel_grid=about.pixel_grid
            )
        except NoCompatibleJobError as error:
            warn(f"{error}; nothing is exported", NothingExportedWarning)
            return
        if with_assets and about.connected:
            raise NotCompatibleOptions(
                "with_assets",
                "is True, and the assets of this project lie in a cloud storage (data connections), from which they cannot "
                "be downloaded: `with_assets=False`",
            )
        if external_ids and not asset_ids:
            filters["asset_id_in"] = self._ids_of(project_id, external_ids, call)
        selection = Selection(
            export_type,
            tuple(label_type_in or PEOPLE),
            include_sent_back_labels is not False,
            _decide(filters, ontology) if matching_labels_only else None,
        )
        # only an image may be a geotiff; where it makes no difference, nothing is asked
        layers = project.input_type == "IMAGE" and not (
            row.tools is None and row.name != "geojson" and normalized_coordinates is None
        )
        listing = self._exported(filters, selection, project, call, layers=layers)
        order = Order(
            fmt,
            ontology,
            layout,
            about.title,
            project_id,
            single_file,
            normalized_coordinates,
            annotation_modifier,
            PARTS[: len(split)] if split else (),
            about.pixel_grid,
        )
        target = os.fspath(filename or "")
        os.makedirs(os.path.dirname(os.path.realpath(target)), exist_ok=True)
        replaced = os.path.isfile(target)
        skipped, renamed = Skipped(), _Renamed()
        dataset = Dataset(order, skipped=skipped, on_renamed=renamed.note, split=(split, seed) if split else None)
        bar = self._bar(disable_tqdm)
        with few_full_collections(), closing(dataset), whole_file(target) as file, ZipWriter(file) as archive:
            archive.write(README, [readme(order, about.description, export_type)])
            with tempfile.TemporaryDirectory(prefix="kili_query-") as place:
                output = _Output(dataset, archive, Path(place).resolve(), missing_media == "skip")
                pages = self._with_answers(self._pages(listing, call, bar, PAGES_AHEAD), output, project_id, call)
                if with_assets:
                    self._write_with_media(pages, output, project, call, bar)
                else:
                    with closing(pages):
                        for rows in pages:
                            aside(partial(output.write, rows))
            aside(partial(_finish, dataset, archive))
        if output.missing:
            warn(_missing(output.missing, dataset), MissingMediaWarning)
        _tell(dataset, skipped, renamed, target, replaced=replaced)

    def _write_with_media(
        self, pages: Generator[list[Row]], output: _Output, project: Project, call: Call, bar: bool | None
    ) -> None:
        """Write assets with their media, each asset as soon as its files are here; then these go.

        Raises
        ------
        HTTPError: a file cannot be downloaded, and the export is not to go on without.
        """
        media = MediaFolder(output.folder / "media", project.input_type, project.id, recorded=False, hidden=bar)
        with media:
            with closing(self._with_media(pages, media, call)) as rows:
                numbers = count(1)
                for asset in rows:
                    output.lose(asset.missing)
                    if next(numbers) == MANY_ASSETS + 1:
                        told = f"media of more than {MANY_ASSETS:,} assets are downloaded; `with_assets=False` leaves them out"
                        warn(told, ExportWarning)
                    aside(partial(output.write_with_files, asset))
            if project.input_type not in PICTURED:  # of pictures, the dataset tells
                media.tell_odd()

    def _with_answers(
        self, pages: Generator[list[Row]], output: _Output, project_id: str, call: Call
    ) -> Generator[list[Row]]:
        """Pages of assets; in Kili's own format, the files that answer their jobs are there then."""
        numbers = count(1)
        with closing(pages):
            for rows in pages:
                if output.dataset.takes_assets and any(True for row in rows for _ in file_answers(row)):
                    folder, missing = output.folder / f"answers {next(numbers)}", list[Missing]()
                    output.answers |= self._answer_files(rows, project_id, folder, missing, call)
                    output.lose(missing)
                yield rows

    def _ids_of(self, project_id: str, external_ids: Texts, call: Call) -> list[str]:
        """The ids of assets, in the order of their external ids.

        Raises
        ------
        NotFound: there are no such assets.
        """
        where = asset_where({"project_id": project_id, "external_id_strictly_in": list(external_ids)})
        listing = self._asset_listing(project_id, where, ["id", "externalId"], call)
        found: dict[str, list[str]] = {}
        for row in self._listed(listing, call, True):
            found.setdefault(row["externalId"], []).append(row["id"])
        if missing := [name for name in dict.fromkeys(external_ids) if name not in found]:
            named = ", ".join(f"`{name}`" for name in missing[:MAX_SHOWN])
            more = f" and {len(missing) - MAX_SHOWN:,} more" if len(missing) > MAX_SHOWN else ""
            raise NotFound(f"there are no assets {named}{more} in project `{project_id}`", operation="assets")
        return [asset_id for name in dict.fromkeys(external_ids) for asset_id in found[name]]

    def _exported(
        self, filters: dict[str, Any], selection: Selection, project: Project, call: Call, *, layers: bool
    ) -> Listing:
        """The assets to export, each with the labels that are chosen, decoded; with `layers`, what tells geotiffs, too."""
        filters, _, search = self._asset_filters(filters, call)
        fields = wire.fields_of(selection.export_type, project.input_type)
        chosen = None
        if search.local is not None:
            chosen = self._assets_by_labels(filters, search.local, search.text, project, call)
        found = self._listing(asset_where(filters, search.text), fields, project, call, filters, chosen)
        decode = found.decode
        assert decode is not None

        def select(rows: list[Row], call: Call) -> list[Row]:
            try:
                decoded = decode(rows, call)
            except DataError as error:
                raise located(error, rows) from None
            selected = [row for row in map(selection.of, decoded) if row is not None]
            if layers:
                self._fetch(layers_of(selected), call)
            return selected

        return replace(found, decode=select)


def _check(arguments: dict[str, Any], modifier: object) -> None:
    """Refuse arguments that cannot be used, before anything is sent."""
    if not arguments["filename"]:
        raise ArgumentError("filename", "is not given; it takes the path of the archive to write")
    for name in ("asset_ids", "external_ids"):
        if arguments[name] is not None and not arguments[name]:
            raise ArgumentError(name, "is empty, and would export nothing; None stands for all assets")
    if modifier is not None and not callable(modifier):
        raise ArgumentError("annotation_modifier", f"is a {type(modifier).__name__}; it takes a function or None")
    split = arguments["split"]
    if split is not None and not are_shares(split):
        raise ArgumentError(
            "split", f"is `{split}`; it takes shares of train, val and test that add up to 1, such as `(0.8, 0.1, 0.1)`"
        )
    filters = arguments["asset_filter_kwargs"] or {}
    if unknown := [name for name in filters if name not in wire.FILTERS]:
        known = ", ".join(f"`{name}`" for name in sorted(wire.FILTERS))
        raise UnknownFilterError(
            "asset_filter_kwargs", f"holds {', '.join(map(repr, unknown))}, which filter no assets; it takes {known}"
        )
    search = filters.get("label_category_search")
    if isinstance(search, str):
        read_search(search, "error")
    if arguments["matching_labels_only"] and not search:
        raise ArgumentError(
            "matching_labels_only",
            "keeps labels that satisfy `label_category_search` of `asset_filter_kwargs`, which is not given",
        )


def _filters(arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `assets` that choose what is exported."""
    filters = without_aliases(dict(arguments["asset_filter_kwargs"] or {}))
    filters["label_type_in"] = list(arguments["label_type_in"] or PEOPLE)
    if arguments["asset_ids"]:
        filters["asset_id_in"] = list(arguments["asset_ids"])
    return {"label_category_search": None, **filters, "project_id": arguments["project_id"]}


def _decide(filters: dict[str, Any], ontology: Ontology) -> Callable[[object], bool]:
    search = filters["label_category_search"]
    return decision(search if isinstance(search, Query) else parse(search), ontology)


class _Output:
    """What an export writes to, and the files on their way there.

    Parameters
    ----------
    folder: takes files until they are in the archive.
    skip: go on without files that cannot be downloaded.
    """

    def __init__(self, dataset: Dataset, archive: ZipWriter, folder: Path, skip: bool) -> None:
        self.dataset, self.folder = dataset, folder
        self.answers: dict[str, Found] = {}
        """Files that answer jobs of assets that are not written yet."""
        self.missing: list[Missing] = []
        """What could not be downloaded."""
        self._archive, self._skip = archive, skip

    def lose(self, missing: Sequence[Missing]) -> None:
        """Take note of files that could not be downloaded.

        Raises
        ------
        HTTPError: the export is not to go on without.
        """
        self.missing += missing
        if self.missing and not self._skip:
            raise _not_downloaded(self.missing)

    def write(self, rows: list[Row]) -> None:
        """Write assets with their labels."""
        for asset in rows:
            self._add(asset, None)

    def write_with_files(self, asset: Asset) -> None:
        """Write an asset with its labels and its media, which then are deleted."""
        frames = tuple(frame for frame in asset.frames if frame.name)  # one that is missing has no path
        lost = LOST if asset.missing else ""
        media = Media(asset.files.get("content"), () if lost else frames, asset.files.get("jsonContent"), lost=lost)
        dataset = self.dataset
        film = media.file if dataset.input_type == "VIDEO" and not asset.row.get("jsonContent") else None
        if film and (not dataset.takes_assets or any(label.get("jsonResponse") for label in labels_in([asset.row]))):
            media = with_frames(media, asset.row, self.folder / "frames")
        self._add(asset.row, media)
        for path in (media.file, media.text, *media.frames, *frames):
            if path is not None:
                path.unlink(missing_ok=True)

    def _add(self, asset: Row, media: Media | None) -> None:
        there = media is not None and bool(media.frames or media.lost)
        check_frames(self.dataset.row, self.dataset.input_type, asset, there=there)
        answers = self.answers.pop(asset["id"], {})
        for name, content in self.dataset.add(asset, list(labels_of(asset, types=None)), media, answers):
            self._archive.write(name, content)
        for path in answers.values():
            path.unlink()


def _not_downloaded(missing: Sequence[Any]) -> HTTPError:
    error = HTTPError(
        f'media cannot be downloaded, and nothing is exported: {missing[0]}; `missing_media="skip"` exports the others, '
        "`with_assets=False` labels alone",
        operation="download",
    )
    error.missing = tuple(missing)
    return error


def _missing(missing: Sequence[Any], dataset: Dataset) -> str:
    told = "; ".join(map(str, missing[:MAX_SHOWN]))
    more = f"; and {len(missing) - MAX_SHOWN:,} more" if len(missing) > MAX_SHOWN else ""
    then = "have their addresses instead" if dataset.keeps_all else "are not in the dataset"
    return f"{len(missing):,} media files could not be downloaded, and their assets {then}: {told}{more}"


def _finish(dataset: Dataset, archive: ZipWriter) -> None:
    for name, content in chain(dataset.finish(), dataset.folders()):
        archive.write(name, content)


class _Renamed:
    """Names that are not the external ids: how many, and the first."""

    def __init__(self) -> None:
        self.number = 0
        self._shown: list[str] = []

    def note(self, old: str, new: str, why: str) -> None:
        """One more."""
        self.number += 1
        if len(self._shown) < MAX_SHOWN:
            self._shown.append(f"`{old}` is `{new}` ({why})")

    def __str__(self) -> str:
        more = f" and {self.number - MAX_SHOWN:,} more" if self.number > MAX_SHOWN else ""
        return ", ".join(self._shown) + more


def _tell(dataset: Dataset, skipped: Skipped, renamed: _Renamed, target: str, *, replaced: bool) -> None:
    """Tell what was written, and what was not."""
    if skipped.total:
        warn(f"`{dataset.row.name}` cannot hold {skipped.total:,} annotations, left out: {skipped}", ExportWarning)
    for line in skipped.lines():
        warn(line, ExportWarning)
    if renamed.number:
        warn(f"names in the dataset that are not the external ids: {renamed}", ExportWarning)
    if not dataset.assets and not dataset.dropped and not skipped.lost:
        warn("no asset has a label that takes part: the dataset is empty", ExportWarning)
    if dataset.dropped:
        told = (
            f"among {dataset.assets + dataset.dropped:,} assets, only {dataset.assets:,} are geotiffs, and are exported"
        )
        _log.warning("%s", told)
    _log.warning(
        "%s: %s assets%s", target, f"{dataset.assets:,}", "; the file that was there is replaced" if replaced else ""
    )
