"""`kili-query check-labels`: labels that do not fit the ontology."""

from __future__ import annotations

import json

import click

from kili_query.cli import BAD_INPUT, FINE, QUERY_ERROR, SOME_UNREADABLE
from kili_query.cli.options import (
    chosen_types,
    counted,
    latest_option,
    load_ontology,
    ontology_options,
    tell_latest,
    type_options,
)


@click.command("check-labels")
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
@ontology_options
@type_options()
@latest_option
@click.option("--json", "as_json", is_flag=True, help="Print the findings as a JSON list.")
def command(
    sources: tuple[str, ...],
    ontology_file: str | None,
    input_type: str | None,
    label_types: tuple[str, ...],
    all_types: bool,
    latest: bool,
    as_json: bool,
) -> int:
    """Check labels against an ontology, before they are imported or after.

    Found are jobs and categories that the ontology lacks, answers of a wrong shape or at a wrong place, and more choices
    than a job allows. SOURCES are exports, dumps, files of predictions, folders, or - for standard input.

    \b
    kili-query check-labels predictions.json --ontology interface.json
    kili-query check-labels export.zip --ontology interface.json --input-type VIDEO --json
    """
    from kili_query.errors import DataError
    from kili_query.formats.kili import read_labels
    from kili_query.offline.label_check import CODE, check_label

    ontology = load_ontology(ontology_file, input_type)
    if ontology is None:
        raise click.UsageError("labels are checked against an ontology: --ontology FILE")
    unread: list[DataError] = []
    labels = wrong = found = unreadable = 0
    rows: list[dict[str, str]] = []
    skipped: list[DataError] = []
    tell_latest(latest, sources)
    types = chosen_types(label_types, all_types, latest=latest)
    for label in read_labels(*sources, types=types, latest=latest, on_problem=unread.append, on_skip=skipped.append):
        problems = check_label(label, ontology)
        labels += 1
        unreadable += any(problem.code != CODE for problem in problems)
        wrong += bool(problems)
        found += len(problems)
        for problem in problems:
            if as_json:
                rows.append({"code": problem.code, "where": problem.where, "message": problem.message})
            else:
                click.echo(f"error[{problem.code}]: {problem}")
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    for problem in unread:
        click.echo(f"unreadable[{problem.code}]: {problem}", err=True)
    for problem in skipped:
        click.echo(f"skipped: {problem}", err=True)
    click.echo(f"{counted(labels, 'label')} checked: {counted(found, 'error')} in {counted(wrong, 'label')}", err=True)
    if not labels and unread:
        return BAD_INPUT
    return SOME_UNREADABLE if unread or unreadable else QUERY_ERROR if found else FINE
