"""`kili-query lsp`: the language server that editors start."""

from __future__ import annotations

import click

from kili_query.cli import BAD_INPUT
from kili_query.cli.options import load_ontology, ontology_options
from kili_query.cli.terminal import echo


@click.command("lsp")
@click.option("--stdio", is_flag=True, help="Speak on standard input and output. This is the default.")
@click.option(
    "--tcp", "port", metavar="PORT", type=click.IntRange(1, 65535), help="Wait for an editor on a port of this machine."
)
@ontology_options
def command(stdio: bool, port: int | None, ontology_file: str | None, input_type: str | None) -> int:
    """Serve an editor: diagnostics, completion, hover, fixes for the queries in Python, notebooks and .kq files.

    Editors start this command themselves. Ontologies are those of pyproject.toml, or kili-ontology.json
    beside or above a file; --ontology is for all queries.

    \b
    kili-query lsp
    kili-query lsp --tcp 2087
    """
    if stdio and port is not None:
        raise click.UsageError("--stdio and --tcp exclude each other")
    load_ontology(ontology_file, input_type)  # what is wrong with it is told before an editor waits
    try:
        import pygls  # noqa: F401 - asked for by name, so that a broken import of ours is not taken for it
    except ImportError:
        echo('error: `kili-query lsp` needs the extra `editor`: pip install "kili_query[editor]"', err=True)
        return BAD_INPUT
    from kili_query.editor.lsp.server import make_server, serve_stdio, serve_tcp

    server = make_server(ontology_file, input_type)
    if port is None:
        return serve_stdio(server)
    try:
        return serve_tcp(server, port)
    except OSError as error:
        echo(f"error: port {port} cannot be had: {error.strerror or error}", err=True)
        return BAD_INPUT
