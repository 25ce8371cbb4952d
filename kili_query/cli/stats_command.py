"""`kili-query stats`: what labels hold, as a table."""

from __future__ import annotations

import json
import os
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from kili_query.cli import BAD_INPUT
from kili_query.cli.group_table import print_groups
from kili_query.cli.options import (
    chosen_types,
    counted,
    csv_safe_option,
    exit_code,
    found_ontology_options,
    index_option,
    known_names,
    latest_option,
    progress,
    tell_blanks,
    tell_index,
    tell_latest,
    tell_problems,
    type_options,
    workers_option,
)
from kili_query.cli.other_formats import datasets_in, datasets_of, from_options
from kili_query.cli.terminal import echo
from kili_query.errors import shown
from kili_query.offline.groups import GROUPINGS, Grouping

if TYPE_CHECKING:
    from kili_query.model.ontology import Ontology
    from kili_query.offline.overview import Overview
    from kili_query.offline.statistics import Statistics
    from kili_query.pictures.palette import ThemeName

_BARS = " ▁▂▃▄▅▆▇█"
_CLASSES = ((1, 1), (2, 2), (3, 3), (4, 5), (6, 10), (11, None))
"""Counts per label that share a bar: 1, 2, 3, 4 to 5, 6 to 10, more."""


@click.command("stats")
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
@from_options
@found_ontology_options
@type_options()
@latest_option
@click.option("--by", type=click.Choice(GROUPINGS), multiple=True,
              help="Count by this instead of by job and category; may be repeated.")  # fmt: skip
@click.option("--empty", is_flag=True, help="Name the labels without any answer.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with the whole distribution.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@csv_safe_option
@click.option(
    "--plot",
    metavar="FILE",
    help="Draw it too: .png, .svg or .html. Class balance, counts, co-occurrence, time, authors.",
)
@click.option("--theme", type=click.Choice(["light", "dark", "auto"]), default="auto", show_default=True,
              help="Colours of the plot; auto: in HTML as the system of the reader says, else light.")  # fmt: skip
@workers_option
@index_option
@click.option("-q", "--quiet", is_flag=True, help="No progress bar and no summary.")
def command(
    sources: tuple[str, ...],
    from_: str | None,
    class_property: str | None,
    ontology_file: str | None,
    input_type: str | None,
    no_ontology: bool,
    label_types: tuple[str, ...],
    all_types: bool,
    latest: bool,
    by: tuple[Grouping, ...],
    empty: bool,
    as_json: bool,
    as_csv: bool,
    csv_safe: bool,
    plot: str | None,
    theme: Any,
    workers: int | None,
    no_index: bool,
    quiet: bool,
) -> int:
    """Count objects per job and category: labels that have any, objects, how many per label. With --by, per annotator or
    whatever else.

    A SOURCE is what `filter` reads: an export archive, a folder, a file of labels, or - for standard input. With an
    ontology also the categories that no label uses, and the names in labels that the ontology lacks.

    \b
    kili-query stats export.zip
    kili-query stats export.zip --by author
    kili-query stats export.zip --by author --by category --csv
    kili-query stats export.zip --ontology interface.json --json
    kili-query stats export.zip --plot overview.html
    """
    from kili_query.offline.groups import Groups, group
    from kili_query.offline.overview import Overview, survey
    from kili_query.offline.statistics import Statistics, measure

    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other")
    if csv_safe and not as_csv:
        raise click.UsageError("--csv-safe goes with --csv")
    if plot is not None:
        _require_plot(plot, by, sources)
    read = datasets_of(sources, from_, class_property)
    none = no_ontology or (ontology_file is None and bool(datasets_in(read)))  # what lies near is about something else
    ontology = known_names(ontology_file, input_type, none, quiet=quiet).ontology
    tell_latest(latest, sources)
    types = chosen_types(label_types, all_types, latest=latest)
    total: Statistics | Groups = Groups() if by else Statistics() if plot is None else Overview()
    by_index = partial(measure, index=not no_index, on_index=tell_index(quiet))
    count_all = by_index if plot is None else survey
    with progress(sources, quiet) as bar:
        for part, size in (
            group(*read, by=by, ontology=ontology, types=types, latest=latest, workers=workers)
            if by
            else count_all(*read, ontology=ontology, types=types, latest=latest, workers=workers)
        ):
            total.add(part)  # type: ignore[arg-type]
            bar(size)
    code = exit_code(total.records, total.problems)
    if code == BAD_INPUT:  # nothing was read: no empty table for it
        raise total.problems[0]
    if plot is not None and isinstance(total, Overview):
        _draw(total, plot, sources, ontology, theme, quiet)
    if isinstance(total, Groups):
        print_groups(total, by, as_json=as_json, as_csv=as_csv, csv_safe=csv_safe)
    elif as_json:
        echo(json.dumps(_as_json(total, ontology, empty), indent=2))
    elif as_csv:
        echo(_as_csv(total, ontology, csv_safe), nl=False)
    else:
        _print_table(total, ontology)
    tell_problems(total.problems, [] if quiet else total.skipped, total.unreadable)
    if empty and not (as_json and not by):
        tell_blanks(total.blanks, total.empty)
    return code


def _require_plot(plot: str, by: tuple[Grouping, ...], sources: tuple[str, ...]) -> None:
    """Refuse what cannot be drawn, before anything is read."""
    from kili_query.formats.extras import load
    from kili_query.offline.files import refuse_inputs
    from kili_query.pictures.palette import EXTRA
    from kili_query.pictures.plots import SUFFIXES

    if by:
        raise click.UsageError("--plot draws authors and days too, and goes without --by")
    if os.path.splitext(plot)[1].lower() not in SUFFIXES:
        raise click.UsageError(f"--plot takes a file that ends with {', '.join(SUFFIXES)}, and not {plot}")
    load("matplotlib", EXTRA)
    refuse_inputs(plot, sources)


def _draw(
    total: Overview, plot: str, sources: tuple[str, ...], ontology: Ontology | None, theme: ThemeName, quiet: bool
) -> None:
    from kili_query.pictures.plots import save_plots

    title = ", ".join("standard input" if source == "-" else os.path.basename(source) or source for source in sources)
    for note in save_plots(total, plot, title=title, ontology=ontology, theme=theme):
        echo(f"note: {note}", err=True)
    if not quiet:
        echo(f"drew {plot}", err=True)


def _as_json(total: Statistics, ontology: Ontology | None, name_empty: bool) -> dict[str, Any]:
    rows = [
        {
            "job": key[0],
            "category": key[1],
            "labels": total.labels_with(key),
            "objects": total.objects(key),
            "distribution": {str(count): labels for count, labels in sorted(total.spread.get(key, Counter()).items())},
        }
        for key in total.keys(ontology)
    ]
    data: dict[str, Any] = {
        "records": total.records,
        "labels": total.labels,
        "empty": total.empty,
        "unreadable": total.unreadable,
        "categories": rows,
    }
    if name_empty:
        data["empty_labels"] = [str(blank) for blank in total.blanks]
    if ontology:
        data["unused"] = [{"job": job, "category": category} for job, category in total.unused(ontology)]
        data["unknown"] = [{"job": job, "category": category} for job, category in total.unknown(ontology)]
    return data


def _as_csv(total: Statistics, ontology: Ontology | None, safe: bool) -> str:
    from kili_query.offline.write import csv_row

    lines = [csv_row(["job", "category", "labels", "objects", "most_in_a_label"])]
    for key in total.keys(ontology):
        most = max(total.spread.get(key, {0: 0}))
        lines.append(csv_row([*key, total.labels_with(key), total.objects(key), most], safe=safe))
    return "".join(lines)


def _print_table(total: Statistics, ontology: Ontology | None) -> None:
    from rich.text import Text

    from kili_query.cli.tables import Table, console

    table = Table("job", "category", ">labels", "", ">objects", "spread", ">most")
    previous = None
    unknown = set(total.unknown(ontology)) if ontology else set()
    for key in total.keys(ontology):
        labels = total.labels_with(key)
        share = labels / total.labels if total.labels else 0
        spread = total.spread.get(key, Counter())
        name = f"{key[1]} (not in the ontology)" if key in unknown else key[1]
        table.add(
            "" if key[0] == previous else shown(key[0]), Text(shown(name), style="" if labels else "dim"), f"{labels:,}",
            Text(f"{'█' * round(share * 10):<10}", style="cyan"), f"{total.objects(key):,}",
            Text(_bars(spread), style="cyan"), f"{max(spread, default=0):,}",
        )  # fmt: skip
        previous = key[0]
    table.print()
    out = console()
    out.print("spread: labels with 1, 2, 3, 4 to 5, 6 to 10, more objects; most: objects in one label")
    read = f"{counted(total.labels, 'label')} of {counted(total.records, 'record')}"
    out.print(f"{read}, {total.empty:,} empty, {total.unreadable:,} unreadable")
    if ontology:
        unused = [f"{job}.{category}" for job, category in total.unused(ontology)]
        if unused:
            out.print(f"never used: {shown(', '.join(unused))}")


def _bars(spread: Counter[int]) -> str:
    """A bar for each class of counts, as high as its share of the labels that have the category."""
    heights = [
        sum(labels for count, labels in spread.items() if low <= count and (high is None or count <= high))
        for low, high in _CLASSES
    ]
    top = max(heights) or 1
    return "".join(_BARS[-(-height * 8 // top)] for height in heights)
