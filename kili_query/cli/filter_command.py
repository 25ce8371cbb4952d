"""`kili-query filter`: the assets or labels of exports that match a query."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from typing import TYPE_CHECKING

import click

from kili_query.cli import BAD_INPUT, FINE, SOME_UNREADABLE
from kili_query.cli.datasets import TARGETS, dataset_options, require_zip, write_dataset
from kili_query.cli.options import (
    chosen_types,
    counted,
    csv_safe_option,
    exit_code,
    found_ontology_options,
    index_option,
    latest_option,
    progress,
    ready_query,
    tell_blanks,
    tell_index,
    tell_latest,
    tell_left_out,
    tell_problems,
    tell_unmet,
    type_options,
    workers_option,
)
from kili_query.cli.other_formats import datasets_of, from_options, names_for
from kili_query.cli.queries import divided, given_queries, lacking
from kili_query.cli.terminal import echo, result_file
from kili_query.formats import BY_NAME, IDS_TABLE, SUFFIXES, WRITTEN
from kili_query.offline.files import refuse_inputs, whole_file, whole_folder
from kili_query.offline.write import Order, writer

if TYPE_CHECKING:
    from kili_query.formats.containers.sources import Source
    from kili_query.offline.select import Summary
    from kili_query.query import Query


@click.command("filter")
@click.argument("arguments", metavar="SOURCE... QUERY", nargs=-1, required=True)
@click.option(
    "-o", "--output", metavar="FILE", help="Write there; the suffix chooses the format, and a final / a folder."
)
@click.option(
    "--format", "format_", type=click.Choice(WRITTEN),
    help="Output format. Default: by the suffix of the output, else ndjson.",
)  # fmt: skip
@click.option("--to", "dataset", type=click.Choice(TARGETS), help="Write a dataset of this format; needs an ontology.")
@dataset_options
@from_options
@click.option("--labels", is_flag=True, help="Give single labels, not whole assets.")
@click.option("--count", is_flag=True, help="Print how many match, and nothing else.")
@click.option("--ids", is_flag=True, help="Print the external ids of the assets that match; with csv a table of ids.")
@csv_safe_option
@click.option(
    "--empty", is_flag=True, help="Without a QUERY: give what has labels without any answer. With one: name them."
)
@click.option("--invert", is_flag=True, help="Give what does not match.")
@found_ontology_options
@type_options("all but AUTOSAVE; with --to DEFAULT and REVIEW")
@latest_option
@click.option("--index", "make_index", is_flag=True, help="Make an index on the way, as `kili-query index` does.")
@index_option
@click.option("--validate", is_flag=True, help="Decode every label, also those that cannot match.")
@workers_option
@click.option("-v", "--verbose", is_flag=True, help="Say also how many records were not decoded.")
@click.option("-q", "--quiet", is_flag=True, help="No progress bar and no summary.")
def command(
    arguments: tuple[str, ...],
    output: str | None,
    format_: str | None,
    dataset: str | None,
    with_assets: bool,
    layout: str,
    single_file: bool,
    shares: tuple[float, ...] | None,
    seed: int,
    from_: str | None,
    class_property: str | None,
    labels: bool,
    count: bool,
    ids: bool,
    csv_safe: bool,
    empty: bool,
    invert: bool,
    ontology_file: str | None,
    input_type: str | None,
    no_ontology: bool,
    label_types: tuple[str, ...],
    all_types: bool,
    latest: bool,
    make_index: bool,
    no_index: bool,
    validate: bool,
    workers: int | None,
    verbose: bool,
    quiet: bool,
) -> int:
    """Give the assets of exports that match a query; with --labels, the single labels.

    A SOURCE is an export archive (.zip), a folder, a .json, .jsonl or .ndjson file, one of these compressed with gzip,
    or - for standard input; or a dataset of COCO, YOLO, Pascal VOC or GeoJSON. An asset matches if one of its labels satisfies the whole query. SOURCE and QUERY come in
    either order.

    \b
    kili-query filter export.zip "CARS.TRUCK.count >= 2" --count
    kili-query filter export.zip "CARS.TRUCK.count >= 2" -o trucks.zip
    kili-query filter export.zip "CARS.TRUCK.count >= 2" --to coco --ontology interface.json -o coco.zip
    kili-query filter labels.ndjson "WEATHER.RAIN.count == 0" --ids | head
    kili-query filter export.zip --empty --labels --ids --format csv
    kili-query filter a.zip b.zip query.kq --ontology interface.json --labels -o boxes.csv
    """
    from kili_query.offline.pool import few_collections
    from kili_query.offline.select import Assets, Summary, select

    few_collections()
    sources, query_text = divided(arguments)
    if not sources or (query_text is None and not empty):
        raise click.UsageError(f"give at least one SOURCE and a QUERY; {lacking(sources, query_text)}")
    if query_text is None and invert:
        raise click.UsageError("--invert goes with a QUERY")
    if dataset is not None:
        if count or ids or format_ or csv_safe or validate:
            raise click.UsageError(
                "--to writes a dataset; it goes with neither --count, --ids, --format, --csv-safe nor --validate"
            )
        if empty:
            raise click.UsageError("--to goes with a QUERY, and not with --empty")
        if query_text is None:
            raise click.UsageError(lacking(sources, query_text))
        if output is None:
            raise click.UsageError("a dataset is written to a file: give --output FILE.zip")
        return _to_dataset(
            sources, datasets_of(sources, from_, class_property), query_text, output, dataset, layout, single_file, shares, seed,
            with_assets=with_assets, labels=labels, invert=invert, quiet=quiet,
            ontology=(ontology_file, input_type, no_ontology), label_types=label_types, all_types=all_types, latest=latest,
        )  # fmt: skip
    if layout != "merged" or single_file or shares:
        raise click.UsageError("--layout, --single-file and --split go with --to")
    if count and (ids or output or format_):
        raise click.UsageError("--count prints a number; it goes with neither --ids nor --output nor --format")
    is_folder = output is not None and output != "-" and (output.endswith(("/", os.sep)) or os.path.isdir(output))
    if is_folder and (ids or format_ not in (None, "zip")):
        raise click.UsageError(f"{output} is a folder: an export is written there, and no other format")
    suffix = "zip" if is_folder else SUFFIXES.get(os.path.splitext(output)[1].lower()) if output else None
    if output and os.path.splitext(output)[1] and not (format_ or ids or suffix):
        raise click.UsageError(f"the suffix of {output} chooses no format ({', '.join(SUFFIXES)}); give --format")
    if ids and (format_ or suffix) not in (None, "ids", "csv"):
        raise click.UsageError(
            "--ids is a format of its own; of the others it goes with csv alone, a table of ids then"
        )
    kind = (IDS_TABLE.name if (format_ or suffix) == "csv" else "ids") if ids else format_ or suffix or "ndjson"
    row = BY_NAME[kind]
    if row.binary and (output is None or output == "-"):
        raise click.UsageError(f"{kind} is written to a file: give --output FILE")
    if make_index and no_index:
        raise click.UsageError("--index and --no-index exclude each other")
    if csv_safe and kind not in ("csv", IDS_TABLE.name):
        raise click.UsageError("--csv-safe goes with CSV: give --format csv")
    to_file = None if output == "-" else output
    if not count:
        refuse_inputs(to_file, [*sources, *filter(None, [query_text, ontology_file])])
    given = given_queries((query_text,))[0] if query_text is not None else None
    read = datasets_of(sources, from_, class_property)
    names = names_for(read, ontology_file, input_type, no_ontology, file=given.path if given else None, quiet=quiet)
    if not count:
        refuse_inputs(to_file, filter(None, [names.found]))
    replaces = to_file is not None and os.path.isfile(to_file)
    query, ontology = ready_query(given.text, names, read) if given else None, names.ontology
    tell_latest(latest, sources)
    types = chosen_types(label_types, all_types, latest=latest)

    if make_index:
        from kili_query.cli.index_command import make_indexes

        make_indexes(sources, ontology, workers, quiet)
    whole = row.binary or row.rows  # what is written of assets, with the labels that match
    started, summary, matches = time.perf_counter(), Summary(), 0
    assets = Assets()
    with ExitStack() as stack:
        target = None
        if not count:
            opened = (whole_folder if is_folder else whole_file)(to_file) if to_file else nullcontext(result_file())
            order = Order(_words(query), sources, csv_safe, ontology, types)
            target = writer(kind, stack.enter_context(opened), order)
            stack.callback(target.abandon)
        with progress(tuple(sources), quiet) as bar:
            for part in select(
                query, *read,
                unit="labels" if labels and not whole else "assets", trim=labels and whole,
                ontology=ontology, types=types, latest=latest, invert=invert,
                data=not count and not row.ids_only, validate=validate, workers=workers,
                index=not no_index, on_index=tell_index(quiet),
            ):  # fmt: skip
                summary.add(part.summary)
                with bar.lifted() if target and part.hits and not to_file else nullcontext():
                    for hit in part.hits:
                        new = labels or assets.is_new(hit)
                        matches += new
                        if target and (new or not row.ids_only):
                            target.write(hit)
                bar(part.size)
        if exit_code(summary.records, summary.problems) == BAD_INPUT:  # nothing was read: no empty file for it
            raise summary.problems[0]
        if target:
            target.close()
        if count:
            echo(str(matches))
        sys.stdout.flush()
    tell_problems(summary.problems, [] if quiet else summary.skipped, summary.unreadable)
    unit = "label" if labels else "asset"
    unnamed = target.unnamed if target else 0
    if unnamed:
        echo(f"left out: {counted(unnamed, unit)} without an id (`externalId`, `id`; `labelOf`, `assetId`)", err=True)
    if empty and query is not None:
        tell_blanks(summary.blanks, summary.empty)
    if summary.labels and query is not None:
        tell_unmet(query.unmet(summary.names, ontology, sampled=summary.sampled), query.source, quiet)
    if not quiet:
        tell_left_out(target.reasons if target else [])
        told = _told(summary, matches, unit, time.perf_counter() - started, verbose)
        lost = f", {counted(target.left_out, 'media file')} left out" if target and target.left_out else ""
        if target and target.without_rows:
            lost += f", {target.without_rows:,} without annotations: no row in the table"
        echo(told + lost + (f"; {to_file} was there before, and is replaced" if replaces else ""), err=True)
    code = exit_code(summary.records, summary.problems)
    return SOME_UNREADABLE if unnamed and code == FINE else code


def _to_dataset(
    sources: list[str], read: Sequence[Source], query_text: str, output: str, to: str, layout: str, single_file: bool,
    shares: tuple[float, ...] | None, seed: int, *, with_assets: bool, labels: bool, invert: bool, quiet: bool,
    ontology: tuple[str | None, str | None, bool], label_types: tuple[str, ...], all_types: bool, latest: bool,
) -> int:  # fmt: skip
    """Write what matches as a dataset; with `labels`, only labels that match."""
    from kili_query.formats.selection import PEOPLE

    require_zip(output)
    given = given_queries((query_text,))[0]
    names = names_for(read, *ontology, file=given.path, quiet=quiet)
    if names.ontology is None:
        raise click.UsageError("the ontology says which jobs are written, and in which order: --ontology FILE")
    refuse_inputs(output, [*sources, query_text, *filter(None, [ontology[0], names.found])])
    return write_dataset(
        read, output, to=to, ontology=names.ontology, query=ready_query(given.text, names, read), layout=layout,
        title="", single_file=single_file, split=(shares, seed) if shares else None, quiet=quiet, invert=invert,
        labels_only=labels, types=chosen_types(label_types, all_types) if label_types or all_types else PEOPLE,
        latest=latest, with_assets=with_assets,
    )  # fmt: skip


def _words(query: Query | None) -> str:
    """What was asked, as an archive tells it."""
    return "labels without any answer" if query is None else str(query)


def _told(summary: Summary, matches: int, unit: str, seconds: float, verbose: bool) -> str:
    took = f" in {seconds:.0f} s" if seconds >= 1 else ""
    undecoded = f" ({summary.undecoded:,} not decoded: no match possible)" if verbose and summary.undecoded else ""
    return (
        f"read {counted(summary.labels, 'label')} of {counted(summary.records, 'record')}{undecoded}{took}: "
        f"{counted(matches, unit)} matched, {summary.empty:,} empty, {summary.unreadable:,} unreadable"
    )
