"""`kili-query lint`: the queries in Python files, notebooks and query files."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from kili_query.cli import BAD_INPUT, FINE, QUERY_ERROR, SOME_UNREADABLE, colored
from kili_query.cli.options import INPUT_TYPE, counted, workers_option
from kili_query.cli.terminal import echo

if TYPE_CHECKING:
    from kili_query.editor.lint.linting import FileReport
    from kili_query.errors import DataError


@click.command("lint")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path())
@click.option("--ontology", "ontology_file", metavar="FILE", type=click.Path(),
              help="Check names of all queries against it. Default: as configured, or kili-ontology.json.")  # fmt: skip
@click.option(
    "--input-type", metavar="TYPE", type=INPUT_TYPE, help="Type of that project's assets, such as IMAGE or VIDEO."
)
@click.option("--exclude", metavar="PATTERN", multiple=True, help="Leave these paths out; may be repeated.")
@click.option("--fix", is_flag=True, help="Repair in the files what has one sure repair.")
@click.option("--format", "form", type=click.Choice(["text", "json", "github", "sarif"]), default="text",
              show_default=True, help="Output format.")  # fmt: skip
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@workers_option
@click.option("-q", "--quiet", is_flag=True, help="No summary.")
def command(
    paths: tuple[str, ...],
    ontology_file: str | None,
    input_type: str | None,
    exclude: tuple[str, ...],
    fix: bool,
    form: str,
    strict: bool,
    workers: int | None,
    quiet: bool,
) -> int:
    """Check the queries in Python files, notebooks and query files, and in all of them below folders.

    \b
    kili-query lint src notebooks --ontology interface.json
    kili-query lint . --exclude "generated/*" --fix
    kili-query lint . --format sarif > queries.sarif
    """
    from kili_query.editor.lint import reports
    from kili_query.editor.lint.linting import files_below, lint_files
    from kili_query.editor.ontologies import Ontologies
    from kili_query.offline.pool import few_collections

    if input_type and ontology_file is None:
        raise click.UsageError("--input-type goes with --ontology")
    few_collections()
    ontologies, color = Ontologies(ontology_file, input_type), colored(sys.stdout)
    done: list[FileReport] = []
    problems: list[DataError] = []
    for linted in lint_files(files_below(paths, exclude), ontologies, fix=fix, workers=workers):
        problems += linted.problems
        if form == "text":
            for problem in linted.problems:
                echo(f"problem[{problem.code}]: {problem}", err=True)
        if linted.report is None:
            continue
        done.append(linted.report)
        if form == "text":
            for finding in linted.report.findings:
                echo(reports.as_text(finding, color=color), color=color)
    if form != "text":
        write = {"json": reports.as_json, "github": reports.as_github, "sarif": reports.as_sarif}[form]
        text = write(done, problems)
        if text:
            echo(text)
    if not quiet:
        echo(_summary(done, problems), err=True)
    if any(report.fails(strict=strict) for report in done):
        return QUERY_ERROR
    if problems:
        return SOME_UNREADABLE if any(report.problem is None for report in done) else BAD_INPUT
    return FINE


def _summary(done: list[FileReport], problems: list[DataError]) -> str:
    queries = sum(report.queries for report in done)
    parts = [
        counted(len(done), "file"),
        f"{queries:,} {'query' if queries == 1 else 'queries'}",
        counted(sum(len(report.findings) for report in done), "finding"),
    ]
    fixed = sum(report.fixed for report in done)
    if fixed:
        parts.append(f"{fixed:,} fixed")
    unchecked = sum(report.unchecked for report in done)
    if unchecked:
        parts.append(f"{unchecked:,} not checked (computed texts)")
    if problems:
        parts.append(counted(len(problems), "problem"))
    return ", ".join(parts)
