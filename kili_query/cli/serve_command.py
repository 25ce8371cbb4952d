"""`kili-query serve`: local Kili, for programs that speak Kili's protocol."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NoReturn

import click

from kili_query.cli.options import INPUT_TYPE, counted, progress, tell_problems
from kili_query.cli.terminal import echo

if TYPE_CHECKING:
    from kili_query.server import LocalKili

PORT = 8787


@click.command("serve")
@click.option(
    "--data",
    "data_dir",
    metavar="DIR",
    type=click.Path(),
    help="Keep the data there. Default: they are gone at the end.",
)
@click.option(
    "--host",
    metavar="HOST",
    default="127.0.0.1",
    show_default=True,
    help="Listen there; 0.0.0.0 for all that reach this machine.",
)
@click.option(
    "--allow-host",
    "hosts",
    metavar="NAME",
    multiple=True,
    help="Answer requests that call the server by this name, too; * for all names.",
)
@click.option(
    "--port",
    metavar="N",
    type=click.IntRange(0, 65535),
    default=PORT,
    show_default=True,
    help="Listen there; 0 takes a free port.",
)
@click.option(
    "--load",
    "export",
    metavar="EXPORT",
    type=click.Path(),
    help="Make a project of an export: .zip, folder, .json, .jsonl, .ndjson.",
)
@click.option("--interface", metavar="FILE", type=click.Path(), help="The ontology of the export (its jsonInterface).")
@click.option("--sample", is_flag=True, help="Load the sample that comes along: three labelled images of COCO.")
@click.option(
    "--input-type", metavar="TYPE", type=INPUT_TYPE, help="The type of the export's assets, such as IMAGE or VIDEO."
)
@click.option("--title", metavar="TITLE", help="The title of the project. Default: the name of the export.")
@click.option("-q", "--quiet", is_flag=True, help="No progress bar.")
def command(
    data_dir: str | None,
    host: str,
    hosts: tuple[str, ...],
    port: int,
    export: str | None,
    interface: str | None,
    sample: bool,
    input_type: str | None,
    title: str | None,
    quiet: bool,
) -> NoReturn:
    """Start local Kili: a server that speaks Kili's protocol, on data of its own. Ctrl-C stops it.

    \b
    kili-query serve --sample
    kili-query serve --data kili --load export.zip --interface interface.json --input-type IMAGE
    kili-query serve --data kili

    An export that the folder has already is not loaded again.
    """
    if sample and (export or interface or input_type):
        raise click.UsageError("--sample is an export of its own; --load, --interface and --input-type go without it")
    if sample:
        export, interface, input_type = *_sample(), "IMAGE"
    if bool(export) != bool(interface):
        raise click.UsageError("--load and --interface go together: an export does not hold its ontology")
    if not export and (input_type or title):
        raise click.UsageError("--input-type and --title go with --load")
    with _local_kili(data_dir, host, port, hosts) as server:
        if export and interface:
            _load(server, export, interface, input_type, title, quiet)
        _show(server, data_dir)
        while True:
            time.sleep(0.2)  # a signal that comes just before a sleep does not end it


def _local_kili(data_dir: str | None, host: str, port: int, hosts: tuple[str, ...]) -> LocalKili:
    try:
        from kili_query.server import LocalKili
    except ImportError as error:
        from kili_query.errors import KiliQueryError

        raise KiliQueryError(str(error)) from None
    return LocalKili(data_dir, host=host, port=port, hosts=hosts)


def _sample() -> tuple[str, str]:
    """The export that comes along, and its ontology."""
    from importlib.resources import files

    folder = files("kili_query.sample")
    return str(folder / "coco.zip"), str(folder / "coco.interface.json")


def _load(
    server: LocalKili, export: str, interface: str, input_type: str | None, title: str | None, quiet: bool
) -> None:
    with ExitStack() as stack:
        advance = stack.enter_context(progress((export,), quiet))
        report = server.load_report(
            export, interface=interface, input_type=input_type, title=title, again=False, advance=advance
        )
    if report.already:
        echo(f"{export} is loaded already, as project {report.project_id}; nothing was changed", err=True)
        return
    tell_problems(report.problems, [], report.unreadable)
    for change in report.changes:
        echo(change, err=True)
    if report.changed > len(report.changes):
        echo(f"and {report.changed - len(report.changes):,} more of this kind", err=True)
    if report.copies:
        echo(f"left out as copies inside an asset: {counted(report.copies, 'label')}", err=True)
    echo(f"loaded {counted(report.assets, 'asset')} with {counted(report.labels, 'label')}", err=True)


def _show(server: LocalKili, data_dir: str | None) -> None:
    from rich.console import Console
    from rich.panel import Panel
    from rich.table import Table

    rows = Table.grid(padding=(0, 2))
    rows.add_row("endpoint", server.endpoint)
    rows.add_row("key", server.api_key)
    rows.add_row("data", data_dir or "temporary: gone at the end")
    projects = server.projects()
    for project_id, title, labels in projects[:_SHOWN]:
        rows.add_row("project", f"{project_id}  {_plain(title)} ({counted(labels, 'label')})")
    if len(projects) > _SHOWN:
        rows.add_row("", f"and {len(projects) - _SHOWN:,} more")
    console = Console(highlight=False, markup=False)
    console.print(Panel(rows, title="local Kili", title_align="left", expand=False))
    lines = [
        "from kili_query import Kili",
        f"kili = Kili(api_key={server.api_key!r}, api_endpoint={server.endpoint!r})",
    ]
    _print(console, "\n".join(lines))
    _print(console, "Ctrl-C stops it.")


_SHOWN = 20


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def _print(console: Any, text: str) -> None:
    """As it is, however narrow the terminal: people copy it."""
    console.print(text, soft_wrap=True)
    console.file.flush()
