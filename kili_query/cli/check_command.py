"""`kili-query check`: what is wrong with a query."""

from __future__ import annotations

import sys

import click

from kili_query.cli import FINE, QUERY_ERROR, colored
from kili_query.cli.options import load_ontology, ontology_options
from kili_query.cli.queries import given_queries


@click.command("check")
@click.argument("queries", metavar="QUERY|FILE|-...", nargs=-1)
@ontology_options
@click.option("--json", "as_json", is_flag=True, help="Print the diagnostics as a JSON list.")
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@click.option("--lint", is_flag=True, help="Say also what is questionable in the ontology itself.")
def command(
    queries: tuple[str, ...],
    ontology_file: str | None,
    input_type: str | None,
    as_json: bool,
    strict: bool,
    lint: bool,
) -> int:
    """Check queries: syntax, sense, and with --ontology also names.

    A QUERY is a text, the name of a file that holds one, or - for standard input.

    \b
    kili-query check "JOB.CATEGORY.count > 2" --ontology interface.json
    kili-query check queries/*.kq --json
    echo "JOB.CATEGORY.count = 2" | kili-query check -
    """
    from kili_query.errors import Severity, render_all
    from kili_query.query import check

    ontology = load_ontology(ontology_file, input_type)
    if lint:
        if ontology is None:
            raise click.UsageError("--lint needs --ontology")
        from kili_query.model.lint import lint as model_lint

        for finding in model_lint(ontology):
            click.echo(str(finding), err=as_json)
        if not queries:
            return FINE
    given = given_queries(queries)
    rows: list[dict[str, object]] = []
    failed = False
    for text, source, _ in given:
        diagnostics = check(text, ontology)
        failed |= any(d.severity is Severity.ERROR or (strict and d.severity is Severity.WARNING) for d in diagnostics)
        rows += ({"source": source, **d.to_dict(text)} for d in diagnostics)
        if as_json:
            continue
        name = f"{source}: " if len(given) > 1 else ""
        if diagnostics:
            color = colored(sys.stdout)
            click.echo((f"{name}\n" if name else "") + render_all(diagnostics, text, color=color), color=color)
        else:
            click.echo(f"{name}ok")
    if as_json:
        import json

        click.echo(json.dumps(rows, indent=2))
    return QUERY_ERROR if failed else FINE
