"""The command line, `kili-query`.

Click rather than argparse for its completion and help; each command is imported when it is called, so that `check`
does not pay for what `filter` needs.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from importlib import import_module
from typing import Any, NoReturn

import click

from kili_query.cli.terminal import echo

FINE, QUERY_ERROR, BAD_INPUT, SOME_UNREADABLE, INTERRUPTED = 0, 1, 2, 3, 130
"""The exit codes."""

_COMMANDS = {
    "check": "Check queries: syntax, names, sense.",
    "format": "Print queries in canonical form, broken over lines.",
    "compile": "Translate a query for Kili's server, to JSON, or to SQL.",
    "explain": "Say what a query means, and why labels satisfy it or not.",
    "lint": "Check the queries in Python files, notebooks and query files.",
    "check-labels": "Check labels against an ontology: names, shapes, choices.",
    "filter": "Give the assets or labels of exports that match a query, or are empty.",
    "index": "Count labels once, so that queries need not read them again.",
    "stats": "Count objects per category, annotator, day, asset: class balance.",
    "preview": "Draw a contact sheet of the assets that match: PNG, SVG, HTML.",
    "diff": "Compare two exports: assets gained, lost, changed; counts.",
    "convert": "Turn exports into datasets: COCO, YOLO, Pascal VOC, GeoJSON, Kili's own.",
    "export": "Export the labels of a project as a dataset, with images or without.",
    "predict": "Append predictions to a project, from files of Kili, COCO, YOLO and others.",
    "ontology": "Fetch the ontology of a project from Kili.",
    "watch": "Print the labels of a project as they come, if they match a query.",
    "serve": "Start local Kili, a server that speaks Kili's protocol.",
    "lsp": "Serve editors: diagnostics, completion, hover, fixes while typing.",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"kili_query.cli.{cmd_name.replace('-', '_')}_command").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in _COMMANDS:
            from kili_query.lang.wording import nearest

            near = nearest(name, _COMMANDS)
            ctx.fail(f"no command {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):  # from the table: help needs no command
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="kili_query", prog_name="kili-query")
def app() -> None:
    """Questions of annotation data, in Kili's category-search language.

    \b
    kili-query filter export.zip "CARS.TRUCK.count >= 2" -o trucks.zip
    kili-query explain export.zip "CARS.TRUCK.count >= 2" --failing
    kili-query stats export.zip
    kili-query stats export.zip --by author
    kili-query filter export.zip --empty --ids
    kili-query preview export.zip "CARS.TRUCK.count >= 2" -o trucks.html
    kili-query diff monday.zip friday.zip
    kili-query convert export.zip --to yolo_v8 --ontology interface.json -o yolo.zip
    kili-query check "CARS.TRUCK.count >= 2" --ontology interface.json
    kili-query serve --sample

    \b
    Exit codes: 0 fine; 1 the query has errors; 2 bad usage or unreadable input;
    3 some labels were unreadable (the rest is answered); 130 interrupted.
    """


def main() -> NoReturn:
    """Run the command line, and turn every failure into a message and an exit code."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by the caller, as `>&-` does
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - open to the end
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors in ("strict", "surrogateescape"):
        # names may hold half a surrogate pair
        sys.stdout.reconfigure(errors="backslashreplace")
    stdout, code = sys.stdout, None
    signal.signal(signal.SIGTERM, _terminate)
    try:
        code = app(prog_name="kili-query", standalone_mode=False) or FINE
        sys.stdout.flush()
    except click.ClickException as error:
        error.show(text := io.StringIO())
        echo(text.getvalue(), err=True, nl=False)
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        echo("interrupted", err=True)
        code = INTERRUPTED
    except BrokenPipeError:
        code = _hushed()
    except SystemExit as error:  # of click, after completion and, having wrapped stdout, for a broken pipe; or of rich
        broken = sys.stdout is not stdout or isinstance(error.__context__, BrokenPipeError)
        code = _hushed() if broken else error.code
    except Exception as error:
        code = _explained(error)
    sys.exit(code)


def _terminate(number: int, _: object) -> NoReturn:
    """Leave in order, so that no half-written file stays."""
    raise SystemExit(128 + number)


def _hushed() -> int:
    """The reader of our output has had enough, as `| head` does: nothing more is written, not even at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FINE


def _explained(error: Exception) -> int:
    """Tell of an error, and give its exit code; what is not one of ours is a bug, and looks like one."""
    from kili_query.errors import DataError, KiliQueryError, QueryCheckError, QuerySyntaxError, UnsupportedQueryError

    if isinstance(error, (QuerySyntaxError, QueryCheckError, UnsupportedQueryError)):
        from kili_query.errors import render_all

        color = colored(sys.stderr)
        echo(render_all(error.diagnostics, error.source, color=color), err=True, color=color)
        return QUERY_ERROR
    if isinstance(error, DataError):
        echo(f"error[{error.code}]: {error}", err=True)
        return BAD_INPUT
    if isinstance(error, KiliQueryError):
        echo(f"error: {error}", err=True)
        return BAD_INPUT
    if isinstance(error, OSError):
        where = error.filename or "standard output"
        echo(f"error[KQ503]: {where}: {error.strerror or error}", err=True)
        return BAD_INPUT
    if isinstance(error, MemoryError):
        echo("error: not enough memory", err=True)
        return BAD_INPUT
    if os.environ.get("KILI_QUERY_DEBUG"):
        raise error
    echo(f"internal error: {type(error).__name__}: {error}\nKILI_QUERY_DEBUG=1 shows where; please report it", err=True)
    return BAD_INPUT


def colored(stream: Any) -> bool:
    """True if the stream is a terminal that wants colour (https://no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()
