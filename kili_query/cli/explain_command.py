"""`kili-query explain`: what a query means, and why labels satisfy it or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kili_query.cli import FINE
from kili_query.cli.options import (
    chosen_types,
    exit_code,
    load_ontology,
    ontology_options,
    ready_query,
    refuse_source,
    tell_problems,
    type_options,
)
from kili_query.cli.queries import given_queries
from kili_query.cli.terminal import echo

if TYPE_CHECKING:
    from kili_query.errors import DataError


@click.command("explain")
@click.argument("query", metavar="QUERY|FILE|-")
@click.argument("sources", metavar="[SOURCE]...", nargs=-1)
@ontology_options
@type_options
@click.option(
    "--asset", "assets", metavar="ID", multiple=True, help="Only the asset with this external id; may be repeated."
)
@click.option("--limit", default=10, show_default=True, metavar="N", type=click.IntRange(1), help="Labels to explain.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one line for each label.")
def command(
    query: str,
    sources: tuple[str, ...],
    ontology_file: str | None,
    input_type: str | None,
    label_types: tuple[str, ...],
    all_types: bool,
    assets: tuple[str, ...],
    limit: int,
    as_json: bool,
) -> int:
    """Say what a query means in words; with SOURCEs, why each label satisfies it or not.

    The QUERY comes first. A SOURCE is what `filter` reads: an export archive, a folder, a file of labels, or - for
    standard input.

    \b
    kili-query explain "JOB.CATEGORY.count > 2" --ontology interface.json
    kili-query explain "JOB.CATEGORY.count > 2" export.zip --asset car_1.jpg
    """
    import json

    from kili_query.errors import DataError
    from kili_query.formats.kili import read_labels

    refuse_source(query, "first")
    ontology = load_ontology(ontology_file, input_type)
    asked = ready_query(given_queries((query,))[0].text, ontology)
    if not sources:
        from kili_query.lang.assist.words import in_words

        echo(json.dumps({"text": in_words(asked.tree, ontology)}) if as_json else in_words(asked.tree, ontology))
        return FINE
    problems: list[DataError] = []
    shown = read = 0
    skipped: list[DataError] = []
    types = chosen_types(label_types, all_types)
    for label in read_labels(*sources, types=types, on_problem=problems.append, on_skip=skipped.append):
        read += 1
        if assets and label.external_id not in assets and label.asset_id not in assets:
            continue
        try:
            explanation = asked.explain_label(label, ontology)
        except DataError as error:
            problems.append(error)
            continue
        if as_json:
            try:
                echo(json.dumps({"label": label.name, **explanation.to_dict()}))
            except RecursionError:
                raise DataError("the query is nested too deep for JSON; leave out --json", code="KQ503") from None
        else:
            echo(f"{label.name}\n{explanation}\n")
        shown += 1
        if shown == limit:
            break
    tell_problems(problems, skipped, len(problems))
    if assets and not shown and not problems:
        echo(f"no label of {', '.join(assets)} was found", err=True)
    return exit_code(read, problems)
