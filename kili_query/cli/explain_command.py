"""`kili-query explain`: what a query means, and why labels satisfy it or not."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import click

from kili_query.cli import FINE
from kili_query.cli.options import (
    chosen_types,
    exit_code,
    found_ontology_options,
    known_names,
    ready_query,
    refuse_source,
    tell_problems,
    tell_unmet,
    type_options,
)
from kili_query.cli.queries import given_queries
from kili_query.cli.terminal import echo

if TYPE_CHECKING:
    from kili_query.engines.explain import Explanation
    from kili_query.errors import DataError
    from kili_query.model.labels import Label

FURTHER = 1_000
"""Labels that are read behind those that are explained, as long as a name of the query was not met."""


@click.command("explain")
@click.argument("query", metavar="QUERY|FILE|-")
@click.argument("sources", metavar="[SOURCE]...", nargs=-1)
@found_ontology_options
@type_options()
@click.option(
    "--asset", "assets", metavar="ID", multiple=True, help="Only the asset with this external id; may be repeated."
)
@click.option("--limit", default=10, show_default=True, metavar="N", type=click.IntRange(1), help="Labels to explain.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, one line for each label; and one for names met nowhere."
)
def command(
    query: str,
    sources: tuple[str, ...],
    ontology_file: str | None,
    input_type: str | None,
    no_ontology: bool,
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

    from kili_query.engines.lookout import Lookout
    from kili_query.errors import DataError
    from kili_query.formats.kili import read_labels
    from kili_query.model.counts import count_label

    refuse_source(query, "first")
    given = given_queries((query,))[0]
    names = known_names(ontology_file, input_type, no_ontology, file=given.path)
    asked, ontology = ready_query(given.text, names), names.ontology
    if not sources:
        from kili_query.lang.assist.words import in_words

        echo(json.dumps({"text": in_words(asked.tree, ontology)}) if as_json else in_words(asked.tree, ontology))
        return FINE
    problems: list[DataError] = []
    skipped: list[DataError] = []
    shown = read = 0
    further = 0 if "-" in sources else FURTHER  # who writes into a pipe may take their time
    lookout, first = Lookout(asked.operands), None
    types = chosen_types(label_types, all_types)
    labels = read_labels(
        *sources, types=types, on_skip=skipped.append,
        on_problem=lambda problem: problems.append(problem) if shown < limit else None,
    )  # fmt: skip
    for label in labels:
        read += 1
        if lookout.unmet:
            with suppress(DataError):
                lookout.note(count_label(label, ontology))
        if shown == limit:
            further -= 1
        elif not assets or label.external_id in assets or label.asset_id in assets:
            try:
                explanation = asked.explain_label(label, ontology)
            except DataError as error:
                problems.append(error)
                continue
            echo(_as_json(label, explanation) if as_json else f"{label.name}\n{explanation}\n")
            shown += 1
        if shown == limit and (further <= 0 or not lookout.unmet):
            first = read
            break
    unmet = asked.unmet(lookout.new, ontology, first=first, sampled=lookout.sampled) if read else []
    if as_json and unmet:
        echo(json.dumps({"unmet": [diagnostic.to_dict(asked.source) for diagnostic in unmet]}))
    tell_problems(problems, skipped, len(problems))
    tell_unmet(unmet, asked.source)
    if assets and not shown and not problems:
        echo(f"no label of {', '.join(assets)} was found", err=True)
    return exit_code(read, problems)


def _as_json(label: Label, explanation: Explanation) -> str:
    import json

    from kili_query.errors import DataError

    try:
        return json.dumps({"label": label.name, **explanation.to_dict()})
    except RecursionError:
        raise DataError("the query is nested too deep for JSON; leave out --json", code="KQ503") from None
