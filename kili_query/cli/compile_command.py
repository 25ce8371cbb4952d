"""`kili-query compile`: a query for another reader."""

from __future__ import annotations

import click

from kili_query.cli import FINE
from kili_query.cli.options import Names, load_ontology, ontology_options, ready_query
from kili_query.cli.queries import given_queries
from kili_query.cli.terminal import echo


@click.command("compile")
@click.argument("query", metavar="QUERY|FILE|-", required=False)
@click.option(
    "--to", "target", type=click.Choice(["kili", "json"]), default="kili", show_default=True,
    help="Kili's own language, for category_search; or the tree as JSON.",
)  # fmt: skip
@ontology_options
def command(query: str | None, target: str, ontology_file: str | None, input_type: str | None) -> int:
    """Translate a query: NOT, != and IN into Kili's own language, or the tree into JSON.

    \b
    kili-query compile "NOT JOB.CATEGORY.count IN 2..5"
    kili-query compile --to json "JOB.CATEGORY.count > 2"
    """
    text = given_queries(() if query is None else (query,))[0].text
    compiled = ready_query(text, Names(load_ontology(ontology_file, input_type)))
    echo(compiled.to_server() if target == "kili" else compiled.to_json())
    return FINE
