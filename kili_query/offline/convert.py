"""Convert: exports on disk become datasets of other formats, without a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

from kili_query.errors import DataError
from kili_query.formats import TARGETS as TARGETS
from kili_query.formats.assembly import PARTS, Dataset, Renamed
from kili_query.formats.containers.records import Place
from kili_query.formats.containers.sources import Source, plan, recognized_dataset
from kili_query.formats.datasets import File, Layout, Order, Skipped
from kili_query.formats.kili import Part, Problem, Record, decode_record
from kili_query.formats.latest import latest_only
from kili_query.formats.reading.dataset import OtherDataset
from kili_query.formats.refusals import check_jobs, check_options, check_project, dataset_format
from kili_query.formats.selection import PEOPLE as PEOPLE
from kili_query.model.annotations import annotations_of_label
from kili_query.model.kili import LABEL_KEYS
from kili_query.model.labels import Label, LabelTypes, is_bare, labels_of
from kili_query.model.ontology import Ontology
from kili_query.offline.brought import Brought
from kili_query.offline.others import ontology_file, take_over
from kili_query.query import Query


def convert(
    *sources: Source,
    to: str,
    ontology: Ontology,
    query: Query | None = None,
    layout: Layout = "merged",
    single_file: bool = False,
    normalized: bool | None = None,
    split: tuple[Sequence[float], int] | None = None,
    title: str = "",
    types: LabelTypes | None = PEOPLE,
    latest: bool = False,
    invert: bool = False,
    labels_only: bool = False,
    media: Brought | None = None,
    skipped: Skipped | None = None,
    on_problem: Callable[[DataError], None] | None = None,
    on_skip: Callable[[DataError], None] = lambda _: None,
    on_asset: Callable[[], None] = lambda: None,
    on_read: Callable[[int], None] = lambda _: None,
    on_renamed: Renamed = lambda *_: None,
) -> Iterator[File]:
    """The files of a dataset made of exports; sources are read once, an asset at a time.

    Parameters
    ----------
    to: the format: one of `TARGETS`.
    ontology: of the project; says which jobs can be written, and the order of the categories.
    query: only assets with a label that satisfies it.
    layout: "merged": one set of labels; "split": a folder for each job (COCO and YOLO).
    single_file: one file for all assets (Kili's own format).
    normalized: Kili's own format: True keeps fractions alone, False needs pixels, None adds them where they are known.
    split: the shares of train, val and test, and the number that the chance begins with (YOLO); an asset is in one part.
    title: of the project, for formats that hold it.
    types: the label types that take part; None: all. By default what people labelled.
    latest: only the newest label of each asset takes part, of those types.
    invert: only assets without such a label.
    labels_only: of the labels, only those that satisfy the query; with `invert`, those that do not.
    media: finds the media of the exports, which then come along; None: they stay where they are.
    skipped: counts what the format cannot hold, and what is odd.
    on_problem: gets each record and label that cannot be read, and reading goes on; without it the first one is raised.
    on_skip: gets what was left out on purpose: files that an export holds beside labels, and what a dataset of another
        format holds and a label cannot.
    on_asset: called for each asset that is written.
    on_read: called for each record, with its size in bytes.
    on_renamed: called with the name of an asset or an image, its name in the dataset, where these differ, and why: another
        has that file, or no folder can hold it.

    Raises
    ------
    NotCompatibleInputType: the format takes no projects of the type that the ontology tells.
    DataError: a source cannot be read, no job of the ontology can be written, or an image has no size that is known.
    """
    sources = tuple(recognized_dataset(source) or source for source in sources)
    row = dataset_format(to)
    check_options(row, layout=layout, single_file=single_file, normalized=normalized, split=split is not None)
    if ontology.input_type is None:
        check_jobs(row, ontology, layout=layout)
    else:
        check_project(row, ontology.input_type, ontology, layout=layout)
    order = Order(
        to,
        ontology,
        layout,
        title,
        single_file=single_file,
        normalized=normalized,
        parts=PARTS[: len(split[0])] if split else (),
    )
    left_out = Skipped() if skipped is None else skipped
    dataset = Dataset(order, skipped=left_out, on_renamed=on_renamed, split=split)

    def chosen(record: Mapping[str, Any], where: str) -> list[Label]:
        """The labels of a record that take part."""
        labels = list(labels_of(record, types=types, where=where))
        if not dataset.takes_assets:
            labels = [label for label in labels if not label.by_level]
        if query is None:
            return labels
        matching = [label for label in labels if query.matches_label(label, ontology)]
        if labels_only:
            return [label for label in labels if not query.matches_label(label, ontology)] if invert else matching
        return labels if bool(matching) != invert else []

    def records(part: Part) -> Iterator[Record | Problem]:
        return latest_only(part.records(), types) if latest else part.records()

    def put(record: Mapping[str, Any], labels: list[Label], where: Place) -> Iterator[File]:
        """The files that a record brings, with its media."""
        whole = _with_labels(record, labels) if dataset.takes_assets else record
        dropped, name = dataset.dropped, labels[0].external_id or labels[0].asset_id or ""
        if media is None:
            yield from dataset.add(whole, labels)
        else:
            cut = dataset.input_type == "VIDEO" and not dataset.takes_assets
            with media.of(record, where, cut=cut) as (found, missing):
                if missing:
                    left_out.tell("whose media are not in the export, and do not come along", name)
                yield from dataset.add(whole, labels, found)
        if dataset.dropped > dropped:
            left_out.lose(NOT_ON_MAP, name, sum(1 for label in labels for _ in annotations_of_label(label, ontology)))

    others = [source for source in sources if isinstance(source, OtherDataset)]
    alone = media is None or not media.has_pictures  # pictures come along asset by asset
    whole = query is None and (types is None or "DEFAULT" in types)
    if dataset.takes_assets and len(others) == len(sources) and whole and alone:
        return take_over(
            others, dataset, on_asset=on_asset, on_read=on_read,
            on_problem=lambda found: on_skip(found.error()) if found.skipped else _tell(found.error(), on_problem),
        )  # fmt: skip
    return _files(sources, dataset, records, chosen, put, on_problem, on_skip, on_asset, on_read)


NOT_ON_MAP = "without longitude and latitude, which geotiffs and projects of type GEOSPATIAL have (`--input-type`)"


def _files(
    sources: tuple[Source, ...], dataset: Dataset, records: Callable[[Part], Iterator[Record | Problem]],
    chosen: Callable[[Mapping[str, Any], str], list[Label]], put: Callable[[Mapping[str, Any], list[Label], Place], Iterator[File]],
    on_problem: Callable[[DataError], None] | None, on_skip: Callable[[DataError], None], on_asset: Callable[[], None],
    on_read: Callable[[int], None],
) -> Iterator[File]:  # fmt: skip
    with closing(dataset):
        for part in plan(sources):
            for item in records(part):
                record: dict[str, object] | Problem = item if isinstance(item, Problem) else decode_record(item)
                if not isinstance(item, Problem):
                    on_read(item.size)
                if isinstance(record, Problem):
                    if record.skipped:
                        on_skip(record.error())
                    else:
                        _tell(record.error(), on_problem)
                    continue
                before = dataset.assets
                try:
                    labels = chosen(record, str(item.where))
                    if not labels:
                        continue
                    files = put(record, labels, item.where)
                    first = next(files, None)
                except DataError as error:
                    _tell(error, on_problem)
                    continue
                if first is not None:
                    yield first
                    yield from files
                if dataset.assets > before:
                    on_asset()
        yield from dataset.finish()
        others = [source for source in sources if isinstance(source, OtherDataset)]
        if others and dataset.takes_assets:
            yield ontology_file(others)


def _with_labels(record: Mapping[str, Any], labels: Sequence[Label]) -> dict[str, Any]:
    """An asset with these of its labels alone; one made for labels that stand by themselves.

    Raises
    ------
    DataError: it is a conversation, which is no asset.
    """
    if any(label.by_level for label in labels):
        raise DataError("a conversation has no place in this format", code="KQ503", where=labels[0].where)
    if is_bare(record):
        return {
            "externalId": labels[0].external_id,
            "id": labels[0].asset_id,
            "labels": [label.record for label in labels],
        }
    kept = {id(label.record) for label in labels}
    found = dict(record)
    for key in LABEL_KEYS:
        value = record.get(key)
        if isinstance(value, list):
            found[key] = [label for label in value if id(label) in kept]
        elif value is not None and id(value) not in kept:
            found[key] = None
    return found


def _tell(error: DataError, on_problem: Callable[[DataError], None] | None) -> None:
    if on_problem is None:
        raise error
    on_problem(error)
