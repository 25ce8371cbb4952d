"""`kili-query convert`: exports become datasets of other formats."""

from __future__ import annotations

import os
from typing import Any

import click

from kili_query.cli import FINE, SOME_UNREADABLE
from kili_query.cli.options import (
    MAX_SHOWN,
    chosen_types,
    counted,
    found_ontology_options,
    known_names,
    progress,
    ready_query,
    tell_problems,
    type_options,
)
from kili_query.cli.queries import given_queries
from kili_query.cli.terminal import echo
from kili_query.formats import READ_SUFFIXES, TARGETS


@click.command("convert")
@click.argument("arguments", metavar="SOURCE... [QUERY]", nargs=-1, required=True)
@click.option("--to", "target", type=click.Choice(TARGETS), required=True, help="The format.")
@click.option("-o", "--output", metavar="FILE", required=True, type=click.Path(), help="The archive (.zip) to write.")
@click.option(
    "--layout", type=click.Choice(["merged", "split"]), default="merged", show_default=True,
    help="One set of labels, or a folder for each job (COCO, YOLO).",
)  # fmt: skip
@click.option("--title", default="", help="Title of the dataset, for formats that hold it.")
@found_ontology_options
@type_options("DEFAULT and REVIEW")
@click.option("-q", "--quiet", is_flag=True, help="Only errors.")
def command(
    arguments: tuple[str, ...],
    target: Any,
    output: str,
    layout: Any,
    title: str,
    ontology_file: str | None,
    input_type: str | None,
    no_ontology: bool,
    label_types: tuple[str, ...],
    all_types: bool,
    quiet: bool,
) -> int:
    """Turn exports into a dataset of another format; with a QUERY, only assets with a label that satisfies it.

    Labels that people made take part (DEFAULT, REVIEW); --type chooses others. The ontology says which jobs can be
    written. Annotations that the format cannot hold are counted. Media files stay where they are.

    \b
    kili-query convert export.zip --to coco --ontology interface.json -o coco.zip
    kili-query convert export.zip "CARS.TRUCK.count >= 2" --to yolo_v8 --ontology interface.json -o trucks.zip
    """
    from kili_query.errors import DataError
    from kili_query.formats.containers.zipping import ZipWriter
    from kili_query.formats.datasets import Skipped
    from kili_query.offline.convert import PEOPLE, convert
    from kili_query.offline.files import refuse_inputs, whole_file

    *sources, last = arguments
    text = None if not sources or last.lower().endswith(READ_SUFFIXES) or last == "-" or os.path.isdir(last) else last
    sources = list(arguments) if text is None else sources
    given = given_queries((text,))[0] if text is not None else None
    names = known_names(ontology_file, input_type, no_ontology, file=given.path if given else None, quiet=quiet)
    if names.ontology is None:
        raise click.UsageError("the ontology says which jobs are written, and in which order: --ontology FILE")
    query = ready_query(given.text, names) if given else None
    refuse_inputs(output, [*sources, *filter(None, (text, ontology_file, names.found))])
    types = chosen_types(label_types, all_types) if label_types or all_types else PEOPLE
    skipped, problems, assets, renamed = Skipped(), list[DataError](), 0, 0

    def count() -> None:
        nonlocal assets
        assets += 1

    def tell_renamed(old: str, new: str) -> None:
        nonlocal renamed
        renamed += 1
        if renamed <= MAX_SHOWN:
            echo(f"renamed: `{old}` is `{new}`: its file is that of another, or lies outside of the dataset", err=True)

    replaces = os.path.isfile(output)
    with progress(tuple(sources), quiet) as advance, whole_file(output) as file, ZipWriter(file) as archive:
        for name, content in convert(
            *sources, to=target, ontology=names.ontology, query=query, layout=layout, title=title, types=types,
            skipped=skipped, on_problem=problems.append, on_asset=count, on_read=advance, on_renamed=tell_renamed,
        ):  # fmt: skip
            archive.write(name, content)
        if problems and not assets:  # no empty file for it
            tell_problems(problems[:-1], [], len(problems) - 1)
            raise problems[-1]
    tell_problems(problems, [], len(problems))
    if renamed > MAX_SHOWN:
        echo(f"renamed: {renamed - MAX_SHOWN:,} more", err=True)
    if not quiet:
        left_out = f"; left out: {counted(skipped.total, 'annotation')} ({skipped})" if skipped.total else ""
        echo(
            f"wrote {counted(assets, 'asset')} to {output}{left_out}{'; it was there before, and is replaced' if replaces else ''}",
            err=True,
        )
    return SOME_UNREADABLE if problems else FINE
