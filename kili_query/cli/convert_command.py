"""`kili-query convert`: exports become datasets of other formats."""

from __future__ import annotations

from typing import Any

import click

from kili_query.cli.datasets import (
    TARGETS,
    dataset_options,
    require_query,
    require_zip,
    write_dataset,
)
from kili_query.cli.options import (
    chosen_types,
    found_ontology_options,
    latest_option,
    ready_query,
    tell_latest,
    type_options,
)
from kili_query.cli.other_formats import datasets_of, from_options, names_for
from kili_query.cli.queries import divided, given_queries, lacking


@click.command("convert")
@click.argument("arguments", metavar="SOURCE... [QUERY]", nargs=-1, required=True)
@from_options
@click.option("--to", "target", type=click.Choice(TARGETS), required=True, help="The format.")
@click.option("-o", "--output", metavar="FILE", required=True, type=click.Path(), help="The archive (.zip) to write.")
@dataset_options
@click.option("--title", default="", help="Title of the dataset, for formats that hold it.")
@found_ontology_options
@type_options("DEFAULT and REVIEW")
@latest_option
@click.option("-q", "--quiet", is_flag=True, help="Only errors.")
def command(
    arguments: tuple[str, ...],
    from_: str | None,
    class_property: str | None,
    target: Any,
    output: str,
    layout: Any,
    with_assets: bool,
    single_file: bool,
    shares: tuple[float, ...] | None,
    seed: int,
    title: str,
    ontology_file: str | None,
    input_type: str | None,
    no_ontology: bool,
    label_types: tuple[str, ...],
    all_types: bool,
    latest: bool,
    quiet: bool,
) -> int:
    """Turn exports, or datasets, into a dataset of another format; with a QUERY, only assets with a label that satisfies it.

    Labels that people made take part (DEFAULT, REVIEW); --type chooses others. The ontology says which jobs can be
    written; a dataset of COCO, YOLO, Pascal VOC or GeoJSON brings its own. What the format cannot hold is counted.
    Media that are in the exports come along.

    \b
    kili-query convert export.zip --to coco --ontology interface.json -o coco.zip
    kili-query convert coco/ --from coco --to kili -o export.zip
    kili-query convert export.zip "CARS.TRUCK.count >= 2" --to yolo_v8 --ontology interface.json -o trucks.zip
    """
    from kili_query.formats.selection import PEOPLE
    from kili_query.offline.files import refuse_inputs

    sources, text = divided(arguments)
    if not sources:
        raise click.UsageError(f"give at least one SOURCE; {lacking(sources, text)}")
    require_query(text)
    require_zip(output)
    given = given_queries((text,))[0] if text is not None else None
    read = datasets_of(sources, from_, class_property)
    names = names_for(read, ontology_file, input_type, no_ontology, file=given.path if given else None, quiet=quiet)
    if names.ontology is None:
        raise click.UsageError("the ontology says which jobs are written, and in which order: --ontology FILE")
    query = ready_query(given.text, names, read) if given else None
    refuse_inputs(output, [*sources, *filter(None, (text, ontology_file, names.found))])
    tell_latest(latest, sources)
    types = chosen_types(label_types, all_types) if label_types or all_types else PEOPLE
    return write_dataset(
        read, output, to=target, ontology=names.ontology, query=query, layout=layout, title=title, single_file=single_file,
        split=(shares, seed) if shares else None, types=types, latest=latest, quiet=quiet, with_assets=with_assets,
    )  # fmt: skip
