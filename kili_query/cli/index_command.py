"""`kili-query index`: count labels once, so that queries need not read them again."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from kili_query.cli.options import (
    counted,
    exit_code,
    found_ontology_options,
    known_names,
    near_path,
    progress,
    tell_problems,
    workers_option,
)
from kili_query.cli.terminal import echo

if TYPE_CHECKING:
    from kili_query.model.ontology import Ontology
    from kili_query.offline.index.building import Built


@click.command("index")
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
@click.option(
    "-o", "--output", metavar="DIR", help="The folder of the index. Default: SOURCE.kqindex, beside the source."
)
@found_ontology_options
@workers_option
@click.option("-q", "--quiet", is_flag=True, help="No progress bar and no summary.")
def command(
    sources: tuple[str, ...],
    output: str | None,
    ontology_file: str | None,
    input_type: str | None,
    no_ontology: bool,
    workers: int | None,
    quiet: bool,
) -> int:
    """Count the labels of exports, and keep the counts beside them: queries then need not read the exports again.

    A SOURCE is an archive, a folder or a file that `filter` reads. `filter`, `stats`, `explain`, notebooks and editors use the
    index as long as the source is what it was. Made again, only what is new in a folder is counted. The tables are Parquet,
    for DuckDB, Polars, pandas and Spark (docs/scale.md).

    \b
    kili-query index export.zip
    kili-query index monday.zip friday.zip -o both.kqindex
    """
    ontology = known_names(ontology_file, input_type, no_ontology, quiet=quiet).ontology
    return make_indexes(sources, ontology, workers, quiet, output)


def make_indexes(
    sources: Sequence[str], ontology: Ontology | None, workers: int | None, quiet: bool, output: str | None = None
) -> int:
    """Make the index of each source, or of all together in one folder; gives the exit code."""
    from kili_query.offline.index.building import build

    problems, records = [], 0
    for together in [list(sources)] if output is not None else [[source] for source in sources]:
        started = time.perf_counter()
        with progress(tuple(together), quiet) as bar:
            built = build(together, output, ontology=ontology, workers=workers, tell=bar)
        tell_problems(built.faults, [] if quiet else built.skipped, built.unreadable)
        if built.in_cache and not quiet:
            echo(
                f"{together[0]}: nothing can be written beside it ({built.in_cache}); the index is in the cache",
                err=True,
            )
        if not quiet:
            echo(_told(built, time.perf_counter() - started), err=True)
        problems += built.faults
        records += built.manifest.records
    return exit_code(records, problems)


def _told(built: Built, seconds: float) -> str:
    labels = built.manifest.labels
    took = f" in {seconds:.0f} s" if seconds >= 1 else ""
    kept = f" ({built.kept:,} of them before)" if built.kept else ""
    rows = sum(part.counts.rows for part in built.manifest.parts)
    size = f"{built.size / 1e6:.1f} MB"
    return f"{near_path(built.folder)}: {counted(labels, 'label')} counted{kept}{took}, {rows:,} rows, {size}"
