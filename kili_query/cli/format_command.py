"""`kili-query format`: queries in canonical form."""

from __future__ import annotations

import sys

import click

from kili_query.cli import FINE, QUERY_ERROR, colored
from kili_query.cli.queries import given_queries
from kili_query.cli.terminal import echo
from kili_query.errors import shown


@click.command("format")
@click.argument("queries", metavar="QUERY|FILE|-...", nargs=-1)
@click.option("--width", default=88, show_default=True, metavar="N", type=click.IntRange(1), help="Columns of a line.")
@click.option("--one-line", is_flag=True, help="Do not break lines.")
@click.option("--simplify", is_flag=True, help="Leave out what is always true, never true or redundant.")
@click.option("-w", "--write", is_flag=True, help="Change the files in place.")
def command(queries: tuple[str, ...], width: int, one_line: bool, simplify: bool, write: bool) -> int:
    """Print queries in canonical form, broken over lines. Comments are kept: they move above the query.

    \b
    kili-query format "(A.B.count>0)OR C.D.count>01"
    kili-query format -w queries/*.kq
    """
    from kili_query.errors import QuerySyntaxError, render_all
    from kili_query.lang.tokens import comments
    from kili_query.query import parse

    given, code = given_queries(queries), FINE
    for text, source, path in given:
        try:
            query = parse(text)
        except QuerySyntaxError as error:
            color = colored(sys.stderr)
            name = f"{shown(source)}:\n" if len(given) > 1 else ""
            echo(name + render_all(error.diagnostics, text, color=color), err=True, color=color)
            code = QUERY_ERROR
            continue
        query = query.simplify() if simplify else query
        lines = [*comments(text), str(query) if one_line else query.format(width)]
        if not write:
            echo("\n".join(lines))
        elif path is None:
            raise click.UsageError("--write changes files, and this is none")
        else:
            from kili_query.offline.files import whole_file

            with whole_file(path) as file:
                file.write(("\n".join(lines) + "\n").encode())
    return code
