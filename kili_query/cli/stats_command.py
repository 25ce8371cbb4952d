"""`kili-query stats`: what labels hold, as a table."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from kili_query.cli import colored
from kili_query.cli.options import (
    chosen_types,
    counted,
    csv_safe_option,
    exit_code,
    found_ontology_options,
    known_names,
    progress,
    tell_problems,
    type_options,
    workers_option,
)
from kili_query.cli.terminal import echo
from kili_query.errors import shown

if TYPE_CHECKING:
    from kili_query.model.ontology import Ontology
    from kili_query.offline.statistics import Statistics

_BARS = " ▁▂▃▄▅▆▇█"
_CLASSES = ((1, 1), (2, 2), (3, 3), (4, 5), (6, 10), (11, None))
"""Counts per label that share a bar: 1, 2, 3, 4 to 5, 6 to 10, more."""


@click.command("stats")
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
@found_ontology_options
@type_options()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with the whole distribution.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@csv_safe_option
@workers_option
@click.option("-q", "--quiet", is_flag=True, help="No progress bar and no summary.")
def command(
    sources: tuple[str, ...],
    ontology_file: str | None,
    input_type: str | None,
    no_ontology: bool,
    label_types: tuple[str, ...],
    all_types: bool,
    as_json: bool,
    as_csv: bool,
    csv_safe: bool,
    workers: int | None,
    quiet: bool,
) -> int:
    """Count objects per job and category: labels that have any, objects, how many per label.

    A SOURCE is what `filter` reads: an export archive, a folder, a file of labels, or - for standard input. With an
    ontology also the categories that no label uses, and the names in labels that the ontology lacks.

    \b
    kili-query stats export.zip
    kili-query stats export.zip --ontology interface.json --json
    """
    from kili_query.offline.statistics import Statistics, measure

    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other")
    if csv_safe and not as_csv:
        raise click.UsageError("--csv-safe goes with --csv")
    ontology = known_names(ontology_file, input_type, no_ontology, quiet=quiet).ontology
    total = Statistics()
    with progress(sources, quiet) as advance:
        for part, size in measure(
            *sources, ontology=ontology, types=chosen_types(label_types, all_types), workers=workers
        ):
            total.add(part)
            advance(size)
    if as_json:
        echo(json.dumps(_as_json(total, ontology), indent=2))
    elif as_csv:
        echo(_as_csv(total, ontology, csv_safe), nl=False)
    else:
        _print_table(total, ontology)
    tell_problems(total.problems, [] if quiet else total.skipped, total.unreadable)
    return exit_code(total.records, total.problems)


def _as_json(total: Statistics, ontology: Ontology | None) -> dict[str, Any]:
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
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 160
    console = Console(file=sys.stdout, width=width, no_color=not colored(sys.stdout), highlight=False, markup=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("job", overflow="fold")
    table.add_column("category", overflow="fold")
    table.add_column("labels", justify="right", no_wrap=True)
    table.add_column("", min_width=10, no_wrap=True)
    table.add_column("objects", justify="right", no_wrap=True)
    table.add_column("spread", no_wrap=True)
    table.add_column("most", justify="right", no_wrap=True)
    previous = None
    unknown = set(total.unknown(ontology)) if ontology else set()
    for key in total.keys(ontology):
        labels = total.labels_with(key)
        share = labels / total.labels if total.labels else 0
        spread = total.spread.get(key, Counter())
        name = f"{key[1]} (not in the ontology)" if key in unknown else key[1]
        table.add_row(
            Text("" if key[0] == previous else shown(key[0])), Text(shown(name), style="" if labels else "dim"), f"{labels:,}",
            Text("█" * round(share * 10), style="cyan"), f"{total.objects(key):,}",
            Text(_bars(spread), style="cyan"), f"{max(spread, default=0):,}",
        )  # fmt: skip
        previous = key[0]
    console.print(table)
    console.print("spread: labels with 1, 2, 3, 4 to 5, 6 to 10, more objects; most: objects in one label")
    read = f"{counted(total.labels, 'label')} of {counted(total.records, 'record')}"
    console.print(f"{read}, {total.empty:,} empty, {total.unreadable:,} unreadable")
    if ontology:
        unused = [f"{job}.{category}" for job, category in total.unused(ontology)]
        if unused:
            console.print(f"never used: {shown(', '.join(unused))}")


def _bars(spread: Counter[int]) -> str:
    """A bar for each class of counts, as high as its share of the labels that have the category."""
    heights = [
        sum(labels for count, labels in spread.items() if low <= count and (high is None or count <= high))
        for low, high in _CLASSES
    ]
    top = max(heights) or 1
    return "".join(_BARS[-(-height * 8 // top)] for height in heights)
