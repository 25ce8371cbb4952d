"""`kili-query preview`: a contact sheet of the assets that match a query."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from kili_query.cli import BAD_INPUT, FINE
from kili_query.cli.datasets import require_query
from kili_query.cli.options import (
    MAX_SHOWN,
    chosen_types,
    exit_code,
    found_ontology_options,
    latest_option,
    progress,
    ready_query,
    tell_index,
    tell_latest,
    tell_problems,
    tell_unmet,
    type_options,
    workers_option,
)
from kili_query.cli.other_formats import datasets_of, from_options, names_for
from kili_query.cli.queries import divided, given_queries, lacking
from kili_query.cli.terminal import echo
from kili_query.offline.files import refuse_inputs

_SUFFIXES = (".html", ".htm", ".png", ".svg")
_MOST = 1_000


@click.command("preview")
@click.argument("arguments", metavar="SOURCE... [QUERY]", nargs=-1, required=True)
@click.option(
    "-o", "--output", metavar="FILE", required=True,
    help="Write there: .html all in one file, .png or .svg in pages.",
)  # fmt: skip
@click.option("--media", metavar="DIR", type=click.Path(), help="Where images, texts, documents and films lie.")
@click.option("--labels", is_flag=True, help="A card for each label that matches, not for each asset.")
@click.option("--limit", metavar="N", type=click.IntRange(1, _MOST), help="Only the first N assets that match.")
@click.option("--sample", metavar="N", type=click.IntRange(1, _MOST), help="N assets that match, chosen by chance.")
@click.option(
    "--seed", metavar="N", type=int, default=0, show_default=True, help="With --sample: another number, another chance."
)
@click.option(
    "--theme", type=click.Choice(["light", "dark", "auto"]), default="auto", show_default=True,
    help="Colours; auto: in HTML as the system of the reader says, else light.",
)  # fmt: skip
@click.option(
    "--size", metavar="PX", type=click.IntRange(120, 1600), default=320, show_default=True, help="Width of a card."
)
@click.option("--columns", metavar="N", type=click.IntRange(1, 20), help="Cards beside each other (PNG, SVG).")
@click.option(
    "--frames", metavar="N", type=click.IntRange(1, 16), default=1, show_default=True,
    help="Of a video: a strip of N frames. 1: the frame with most objects.",
)  # fmt: skip
@from_options
@found_ontology_options
@type_options()
@latest_option
@workers_option
@click.option("-q", "--quiet", is_flag=True, help="No progress bar and no summary.")
def command(
    arguments: tuple[str, ...],
    output: str,
    media: str | None,
    labels: bool,
    limit: int | None,
    sample: int | None,
    seed: int,
    theme: Any,
    size: int,
    columns: int | None,
    frames: int,
    from_: str | None,
    class_property: str | None,
    ontology_file: str | None,
    input_type: str | None,
    no_ontology: bool,
    label_types: tuple[str, ...],
    all_types: bool,
    latest: bool,
    workers: int | None,
    quiet: bool,
) -> int:
    """Draw a contact sheet of the assets of exports; with a QUERY, of those that match, and what made it true stands out.

    Colours and names come from the ontology. Images come from the export, or from --media DIR, by the names that assets
    give them; without them a plain canvas stands for each. Up to 1,000 assets: --sample takes some of more by chance.

    \b
    kili-query preview export.zip -o sheet.html --ontology interface.json
    kili-query preview export.zip "CARS.TRUCK.count >= 2" -o trucks.png --media images/
    kili-query preview export.zip "CARS.TRUCK.count >= 2" -o some.html --sample 100 --seed 7
    """
    from kili_query.errors import ArgumentError
    from kili_query.formats.extras import load
    from kili_query.pictures.palette import EXTRA
    from kili_query.pictures.preview import preview

    sources, text = divided(arguments)
    if not sources and text == "-":  # without a query beside it, what comes in is labels
        sources, text = ["-"], None
    if not sources:
        raise click.UsageError(f"give at least one SOURCE; {lacking(sources, text)}")
    require_query(text)
    if os.path.splitext(output)[1].lower() not in _SUFFIXES:
        raise click.UsageError(f"--output takes a file that ends with {', '.join(_SUFFIXES)}, and not {output}")
    if limit is not None and sample is not None:
        raise click.UsageError("--limit and --sample exclude each other: one takes the first, the other some by chance")
    if theme == "auto" and output.lower().endswith((".png", ".svg")):
        theme = "light"
    load("matplotlib", EXTRA)  # before anything is read
    given = given_queries((text,))[0] if text is not None else None
    read = datasets_of(sources, from_, class_property)
    names = names_for(read, ontology_file, input_type, no_ontology, file=given.path if given else None, quiet=quiet)
    query = ready_query(given.text, names, read) if given else None
    refuse_inputs(output, [*sources, *filter(None, (text, ontology_file, names.found, media))])
    tell_latest(latest, sources)
    with progress(tuple(sources), quiet) as advance:
        try:
            sheet = preview(
                *read, query=query, ontology=names.ontology, types=chosen_types(label_types, all_types, latest=latest),
                latest=latest, unit="labels" if labels else "assets", limit=limit, sample=sample, seed=seed, media=media,
                frames=frames, theme=theme, cell=size, columns=columns, workers=workers, on_read=advance, on_index=tell_index(quiet),
            )  # fmt: skip
        except ArgumentError as error:  # more than a sheet holds
            raise click.UsageError(str(error).replace("`sample`", "--sample").replace("`limit`", "--limit")) from None
    summary = sheet.summary
    code = exit_code(summary.records, summary.problems)
    if code == BAD_INPUT:
        raise summary.problems[0]
    with _bar(len(sheet.items), quiet) as tell:
        files = sheet.save(output, on_image=tell)
    tell_problems(summary.problems, [] if quiet else summary.skipped, summary.unreadable)
    if query is not None:
        tell_unmet(sheet.unmet, query.source, quiet)
    for note in sheet.notes:
        echo(f"note: {note}", err=True)
    if not quiet:
        echo(f"{sheet.remark}; wrote {_names(files)}", err=True)
    return code or FINE


def _names(files: list[str]) -> str:
    return files[0] if len(files) == 1 else f"{len(files)} pages, {files[0]} to {files[-1]}"


@contextmanager
def _bar(number: int, quiet: bool) -> Iterator[Callable[[], None]]:
    """A bar for images, on standard error, if that is a terminal."""
    if quiet or number < MAX_SHOWN or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("images"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as bar:
        task = bar.add_task("", total=number)
        yield lambda: bar.advance(task)
