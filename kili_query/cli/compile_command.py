"""`kili-query compile`: a query for another reader."""

from __future__ import annotations

import sys

import click

from kili_query.cli import FINE
from kili_query.cli.options import Names, load_ontology, ontology_options, ready_query
from kili_query.cli.queries import given_queries
from kili_query.cli.terminal import echo
from kili_query.engines.dialects import DIALECTS, DialectName


@click.command("compile")
@click.argument("query", metavar="QUERY|FILE|-", required=False)
@click.option(
    "--to", "target", type=click.Choice(["kili", "json", "sql"]), default="kili", show_default=True,
    help="Kili's own language, for category_search; the tree as JSON; or SQL over the tables of an index.",
)  # fmt: skip
@click.option("--dialect", type=click.Choice(DIALECTS), help="The SQL of this database.  [default: duckdb]")
@ontology_options
def command(
    query: str | None, target: str, dialect: DialectName | None, ontology_file: str | None, input_type: str | None
) -> int:
    """Translate a query: NOT, != and IN into Kili's own language, the tree into JSON, or the whole into SQL.

    \b
    kili-query compile "NOT JOB.CATEGORY.count IN 2..5"
    kili-query compile --to json "JOB.CATEGORY.count > 2"
    kili-query compile --to sql --dialect bigquery "JOB.CATEGORY.count > 2"
    """
    if dialect is not None and target != "sql":
        raise click.UsageError("--dialect goes with --to sql")
    text = given_queries(() if query is None else (query,))[0].text
    compiled = ready_query(text, Names(load_ontology(ontology_file, input_type)))
    if target == "sql":
        sys.stdout.write(compiled.to_sql(dialect or "duckdb") + ";\n")  # as it is: to be run, not to be looked at
    else:
        echo(compiled.to_server() if target == "kili" else compiled.to_json())
    return FINE
