"""What several commands take: a query, an ontology, label types, workers; and how they show progress."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from kili_query.cli import BAD_INPUT, FINE, SOME_UNREADABLE
from kili_query.cli.terminal import echo
from kili_query.model.kili import BY_MODELS, INPUT_TYPES, LABEL_TYPES

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem
    from rich.progress import Progress, TaskID

    from kili_query.errors import DataError, Diagnostic
    from kili_query.formats.containers.sources import Source
    from kili_query.model.labels import LabelTypes
    from kili_query.model.ontology import Ontology
    from kili_query.query import Query

F = TypeVar("F", bound=Callable[..., Any])

MAX_SHOWN = 20
"""How many unreadable labels are named on the screen."""


class Word(click.ParamType[str]):
    """One of Kili's fixed words, in any letter case; another is an error that names the nearest."""

    name = "type"

    def __init__(self, noun: str, words: Sequence[str]) -> None:
        self._noun, self._words = noun, words

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The word itself."""
        if (word := str(value).upper()) in self._words:
            return word
        from kili_query.lang.wording import nearest

        near = nearest(word, self._words)
        hint = f"did you mean {near[0]}?" if near else f"they are {', '.join(self._words)}"
        raise click.BadParameter(f"{value} is no {self._noun}; {hint}", ctx, param)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The words that begin so."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(word) for word in self._words if word.startswith(incomplete.upper())]


INPUT_TYPE = Word("input type", INPUT_TYPES)
LABEL_TYPE = Word("label type", LABEL_TYPES)


def ontology_options(command: F) -> F:
    """`--ontology FILE` and `--input-type TYPE`."""
    command = click.option(
        "--input-type", metavar="TYPE", type=INPUT_TYPE, help="Type of the project's assets, such as IMAGE or VIDEO."
    )(command)
    return click.option(
        "--ontology", "ontology_file", metavar="FILE", type=click.Path(), help="The project's jsonInterface: names are checked."
    )(command)  # fmt: skip


def found_ontology_options(command: F) -> F:
    """The same, for commands that use an ontology which they find; and `--no-ontology`."""
    command = click.option(
        "--no-ontology", is_flag=True, help="Use no ontology, also none that is configured or lies near."
    )(command)
    return ontology_options(command)


def type_options(default: str = "all but AUTOSAVE") -> Callable[[F], F]:
    """`--type TYPE`, repeated, and `--all-types`; `default`: the types without them, in words."""

    def add(command: F) -> F:
        command = click.option("--all-types", is_flag=True, help="All label types, AUTOSAVE too.")(command)
        return click.option(
            "--type", "label_types", metavar="TYPE", type=LABEL_TYPE, multiple=True,
            help=f"Label type that takes part, such as REVIEW; may be repeated. Default: {default}.",
        )(command)  # fmt: skip

    return add


def latest_option(command: F) -> F:
    """`--latest`."""
    return click.option(
        "--latest", is_flag=True,
        help="Only the newest label of each asset, its latestLabel. Default types then: no predictions.",
    )(command)  # fmt: skip


def tell_latest(latest: bool, sources: Sequence[object]) -> None:
    """Warn where the newest label of an asset may stand in another source than one that is taken."""
    if latest and len(sources) > 1:
        told = "`--latest` takes the newest label of each asset within a source; an asset of several sources is there once for each"
        echo(f"warning: {told}", err=True)


def csv_safe_option(command: F) -> F:
    """`--csv-safe`."""
    help = "Put a ' before cells of CSV that a spreadsheet would run as a formula."
    return click.option("--csv-safe", is_flag=True, help=help)(command)


def workers_option(command: F) -> F:
    """`--workers N`."""
    return click.option(
        "--workers", metavar="N", type=click.IntRange(1, 256), help="Number of processes. Default: one for each core."
    )(command)


def index_option(command: F) -> F:
    """`--no-index`."""
    return click.option("--no-index", is_flag=True, help="Read the sources, also where a fresh index is there.")(
        command
    )


def tell_index(quiet: bool) -> Callable[[object], None]:
    """Tell of each index that is used, and of each that is not, on standard error."""

    def tell(found: object) -> None:
        if not quiet:
            folder = getattr(found, "folder", "")
            echo(str(found) if str(found).startswith("not used") else f"using {near_path(folder)}", err=True)

    return tell


def near_path(path: str) -> str:
    """A name as one would type it here: relative, if it lies below."""
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative


def load_ontology(path: str | None, input_type: str | None) -> Ontology | None:
    """The ontology of `--ontology`, if given."""
    if path is None:
        if input_type:
            raise click.UsageError("--input-type goes with --ontology")
        return None
    from kili_query.model.ontology import Ontology

    return Ontology.load(path, input_type)


class Names(NamedTuple):
    """What names are checked against: an ontology, and its file if it was found and not given."""

    ontology: Ontology | None
    found: str | None = None


def known_names(
    path: str | None, input_type: str | None, none: bool, *, file: str | None = None, quiet: bool = False
) -> Names:
    """The ontology of `--ontology`; else the one that `lint` would find for the query's file, or in the working folder.

    That it is used is told on standard error, once.

    Raises
    ------
    DataError: it cannot be used.
    """
    if none and path is not None:
        raise click.UsageError("--ontology and --no-ontology exclude each other")
    if path is None and not none:
        from kili_query.editor.ontologies import find_ontology

        found = find_ontology(file or os.path.join(os.getcwd(), "query.kq"), input_type)
        if found is not None:
            told: set[str] = click.get_current_context().meta.setdefault("kili_query.ontologies", set())
            if not quiet and found.path not in told:
                click.echo(f"using {found.path}", err=True)
            told.add(found.path)
            return Names(found.ontology, found.path)
    return Names(load_ontology(path, input_type))


def chosen_types(label_types: tuple[str, ...], all_types: bool, *, latest: bool = False) -> LabelTypes | None:
    """The label types of `--type` and `--all-types`; None for all. `latest`: of `--latest`, as Kili's `latestLabel`."""
    from kili_query.model.labels import DEFAULT_LABEL_TYPES, AllBut

    if all_types and label_types:
        raise click.UsageError("--type and --all-types exclude each other")
    if all_types:
        return None
    if latest and not label_types:
        return AllBut("AUTOSAVE", *BY_MODELS)
    return frozenset(label_types) or DEFAULT_LABEL_TYPES


def read_text(source: str) -> str:
    """The text of a file, or of standard input for `-`.

    Raises
    ------
    DataError: it cannot be read, or is not UTF-8 text.
    """
    from kili_query.errors import DataError

    where = "standard input" if source == "-" else source
    try:
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", code="KQ503", where=where) from None
    except UnicodeDecodeError as error:
        raise DataError(f"is not UTF-8 text (byte {error.start})", code="KQ503", where=where) from None


def ready_query(text: str, names: Names, sources: Sequence[Source] = ()) -> Query:
    """The query of a text, checked; what is not an error is written to standard error.

    Parameters
    ----------
    names: the ontology.
    sources: what is read: without an ontology, what a text lacks is named after what their labels hold.

    Raises
    ------
    QuerySyntaxError: it is no query.
    QueryCheckError: it has names that the ontology lacks.
    """
    from kili_query.cli import colored
    from kili_query.errors import QueryCheckError, QuerySyntaxError, Severity
    from kili_query.query import check, parse

    try:
        query = parse(text)
    except QuerySyntaxError as error:
        found = check(text, names.ontology)  # with the names of the ontology, where one is missing
        if names.ontology is None and "-" not in sources and sources:
            from kili_query.lang.mistakes.names import informed
            from kili_query.offline.statistics import sampled_names

            found = [informed(diagnostic, text, sampled_names(sources)) for diagnostic in found]
        raise QuerySyntaxError(error.source, found) from None
    if names.ontology is not None:
        try:
            query.require(names.ontology)
        except QueryCheckError:
            if names.found:
                message = f"names are checked against {names.found}, which was found; --no-ontology checks none"
                click.echo(message, err=True)
            raise
    for diagnostic in query.check(names.ontology):
        if diagnostic.severity is Severity.WARNING:
            color = colored(sys.stderr)
            echo(diagnostic.render(text, color=color), err=True, color=color)
    return query


def tell_unmet(found: list[Diagnostic], text: str, quiet: bool = False) -> None:
    """Tell of operands that no label holds, on standard error; quiet: not of those that the ontology has."""
    from kili_query.cli import colored
    from kili_query.errors import Severity

    color = colored(sys.stderr)
    told = [d for d in found if d.severity is Severity.WARNING or not quiet]
    for diagnostic in told[:MAX_SHOWN]:
        source = text if diagnostic.severity is Severity.WARNING else ""  # a calm line
        click.echo(diagnostic.render(source, color=color), err=True, color=color)
    if len(told) > MAX_SHOWN:
        click.echo(f"… and {len(told) - MAX_SHOWN:,} more that no label holds", err=True)


def tell_problems(problems: list[DataError], skipped: list[DataError], unreadable: int) -> None:
    """Name what could not be read (so many in all), and what was left out, on standard error."""
    for problem in problems[:MAX_SHOWN]:
        echo(f"unreadable[{problem.code}]: {problem}", err=True)
    if unreadable > MAX_SHOWN:
        echo(f"… and {unreadable - MAX_SHOWN:,} more unreadable", err=True)
    for problem in skipped[:MAX_SHOWN]:
        echo(f"skipped: {problem}", err=True)
    if len(skipped) > MAX_SHOWN:
        echo(f"… and {len(skipped) - MAX_SHOWN:,} more files skipped", err=True)


def tell_blanks(blanks: list[DataError], empty: int) -> None:
    """Name labels without any answer (so many in all), on standard error."""
    for blank in blanks:
        echo(f"empty: {blank}", err=True)
    if empty > len(blanks):
        echo(f"… and {empty - len(blanks):,} more empty", err=True)


def tell_left_out(reasons: list[DataError]) -> None:
    """Name files that did not come along, on standard error."""
    for reason in reasons[:MAX_SHOWN]:
        echo(f"left out: {reason}", err=True)


def exit_code(records: int, problems: list[DataError]) -> int:
    """Fine; some unreadable; or bad input, if a source gave nothing at all."""
    if not problems:
        return FINE
    return SOME_UNREADABLE if records or any(problem.code != "KQ503" for problem in problems) else BAD_INPUT


def counted(n: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "label"), counted(2000, "label")
    ('1 label', '2,000 labels')
    """
    return f"{n:,} {noun}" + "s" * (n != 1)


class Bar:
    """A progress bar that shares the terminal with results: it is called with how many bytes are done."""

    def __init__(self, bar: Progress | None = None, task: TaskID | None = None) -> None:
        self._bar, self._task = bar, task

    def __call__(self, size: int) -> None:
        """So many bytes more are done."""
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task, size)

    @contextmanager
    def lifted(self) -> Iterator[None]:
        """The bar taken off the terminal, while results are written to it."""
        if self._bar is None or not sys.stdout.isatty():
            yield
            return
        self._bar.stop()
        yield
        sys.stdout.flush()
        self._bar.start()


@contextmanager
def progress(sources: tuple[Source, ...], quiet: bool) -> Iterator[Bar]:
    """A bar on standard error, if that is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield Bar()
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    # standard output is not redirected: what is a result must not come out where the bar is
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as bar:
        yield Bar(bar, bar.add_task("", total=_total_size(sources)))


def _total_size(sources: tuple[Source, ...]) -> int | None:
    """Bytes to go through, uncompressed where an archive tells; None if that cannot be known."""
    import os
    import zipfile

    total = 0
    try:
        for source in [os.fspath(one) for one in sources]:
            if os.path.isdir(source):
                total += sum(os.path.getsize(os.path.join(at, n)) for at, _, names in os.walk(source) for n in names)
            elif not os.path.isfile(source) or source.endswith(".gz"):  # nor is a pipe opened, which would empty it
                return None
            elif zipfile.is_zipfile(source):
                with zipfile.ZipFile(source) as archive:
                    total += sum(i.file_size for i in archive.infolist() if i.filename.endswith(".json"))
            else:
                total += os.path.getsize(source)
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):  # the reader tells what is wrong
        return None
    return total
