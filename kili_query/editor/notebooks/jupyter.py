"""The magic `%%kili_query` of IPython and Jupyter: a cell that is a query, checked and run."""

from __future__ import annotations

import argparse
import inspect
import os
import re
import shlex
import sys
import time
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from kili_query.editor.ontologies import Ontologies
from kili_query.editor.paths import shown_path
from kili_query.errors import (
    KiliQueryError,
    QueryCheckError,
    QueryWarning,
    Severity,
    UnsupportedQueryError,
)

if TYPE_CHECKING:
    from kili_query.editor.notebooks.matches import Matches
    from kili_query.model.ontology import Ontology

NAME = "kili_query"
LIMIT = 20
"""Rows of a table that are shown and kept if the cell does not say."""


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext kili_query`: the magics, and the display of lists of diagnostics."""
    from kili_query.editor.notebooks.display import list_to_html

    shell.register_magic_function(QueryMagic(shell).run, "line_cell", NAME)
    shell.display_formatter.formatters["text/html"].for_type(list, list_to_html)


def unload_ipython_extension(shell: Any) -> None:
    """`%unload_ext kili_query`: as before."""
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop(NAME, None)
    shell.display_formatter.formatters["text/html"].pop(list, None)


class Stopped(Exception):
    """A cell that ended early. IPython shows the message, without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class Interrupted(KeyboardInterrupt):
    """The same, for Ctrl-C."""

    _render_traceback_ = Stopped._render_traceback_


class QueryMagic:
    """The magic, and the options that its cells share."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._kept = _Kept()
        self._ontologies = Ontologies()
        self._used: str | None = None

    def run(self, line: str, cell: str | None = None) -> object:
        """Check a category query, and run it on labels.

            %%kili_query --source export.zip --ontology interface.json
            CARS.TRUCK.count >= 2 AND NOT WEATHER.FOG.count > 0

            %kili_query --source labels CARS.TRUCK.count >= 2

        --source    an export (file, folder, archive), or a variable: a client, a list of labels, a DataFrame
        --project   the id of the project, where the source is a client
        --ontology  a file with the project's jsonInterface, or a variable that holds it: names are checked; without
                    it, that of the client's project, or the one that is configured for the folder, as for
                    `kili-query lint`; --no-ontology for none
        --limit     how many of the matching labels the table holds (20); --all for each of them
        --preview   the matching labels as pictures, in place of the table (the extra `pictures`)
        --into      a variable for the table; without it, it is the value of the cell, and `_`

        With options and no query, `%kili_query` keeps the options for the cells that follow. Those that were given with or
        after a source belong to it, but for --limit and --all: a cell with another source does not take them over.
        Without a source, the query is only checked.
        """
        head, rest = _divided(line)
        own = _OPTIONS.parse_args(head)
        options = _OPTIONS.parse_args([*self._kept.words(own.source), *head])
        if cell is not None and rest:
            raise Stopped(f"the query stands below the first line of the cell, and `{rest}` is no option")
        text = cell if cell is not None else rest
        if cell is None and not text:
            if not head:
                raise Stopped("there is neither a query nor an option; `%kili_query?` says what there is")
            self._kept.keep(head, own.source)
            return None
        try:
            return self._answer(text.rstrip("\n"), options)
        except (QueryCheckError, UnsupportedQueryError) as error:  # only the client has found it
            from kili_query.editor.notebooks.display import Findings

            _display(Findings(error.source, error.diagnostics))
            raise Stopped("the query was not run") from None
        except KiliQueryError as error:
            code = getattr(error, "code", None)
            raise Stopped(f"error[{code}]: {error}" if code else str(error)) from None

    def _answer(self, text: str, options: argparse.Namespace) -> object:
        from kili_query.editor.notebooks.display import Findings
        from kili_query.query import check, parse

        try:
            ontology = self._ontology(options)
        except KeyboardInterrupt:
            raise Interrupted("interrupted before a label was read") from None
        diagnostics = check(text, ontology)
        if diagnostics:
            _display(Findings(text, diagnostics))
        if any(d.severity is Severity.ERROR for d in diagnostics):
            raise Stopped("the query has an error, and was not run")
        query = parse(text)
        if options.source is None:
            return query
        from kili_query.editor.notebooks.matches import Matches

        with _Progress(self._shell) as progress:
            found = Matches(query, ontology, None if options.all else options.limit, progress)
            try:
                self._find(found, options)
            except KeyboardInterrupt:
                raise Interrupted(f"interrupted: {found}") from None
        unmet = found.unmet()
        if wrong := [d for d in unmet if d.severity is Severity.WARNING]:
            _display(Findings(query.source, wrong))
        for diagnostic in unmet:
            if diagnostic not in wrong:
                print(diagnostic.render(""))  # noqa: T201
        print(found)  # noqa: T201 - the notebook's output
        table = self._preview(found, options) if options.preview else _table(found)
        if options.into is None:
            return table
        self._shell.user_ns[options.into] = table
        _display(table)
        return None

    def _preview(self, found: Matches, options: argparse.Namespace) -> object:
        """The labels as pictures: of an export with the images that it holds."""
        from kili_query.pictures.preview import preview, preview_labels

        source = options.source and self._value(options.source)
        if isinstance(source, (str, os.PathLike)):
            most = min(options.limit, 1_000) if not options.all else None
            return preview(source, query=found.query, ontology=found.ontology, unit="labels", limit=most)
        return preview_labels(found.found, query=found.query, ontology=found.ontology)

    def _find(self, found: Matches, options: argparse.Namespace) -> None:
        source, name = self._value(options.source), options.source
        if hasattr(source, "labels") and callable(source.labels):
            if inspect.iscoroutinefunction(source.labels):
                raise Stopped(f"`{name}` answers asynchronously; a `Kili` in place of the `AsyncKili` would work")
            if options.project is None:
                raise Stopped(f"`{name}` is a client; `--project ID` says which project to ask for")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", QueryWarning)  # the cell has shown what is questionable
                found.from_client(source, options.project)
        elif options.project is not None:
            raise Stopped(f"`--project` goes with a client, and `{name}` is none")
        elif isinstance(source, (str, os.PathLike)):
            found.from_export(source)
        elif hasattr(source, "to_dict") and hasattr(source, "columns"):
            found.from_labels(source.to_dict("records"))
        elif isinstance(source, Iterable):
            found.from_labels([source] if isinstance(source, Mapping) else source)
        else:
            raise Stopped(
                f"`{name}` is {type(source).__name__}; a source is a client, labels, or the name of an export"
            )

    def _ontology(self, options: argparse.Namespace) -> Ontology | None:
        from kili_query.model.ontology import Ontology, as_ontology

        name, project = options.ontology, options.project
        if options.no_ontology:
            return None
        if name is None:
            if options.source is not None and project is not None:
                from kili_query.client import Kili

                if isinstance(client := self._value(options.source), Kili):
                    return client.ontology(project)
            configured = self._ontologies.get("notebook.ipynb", project)
            for problem in self._ontologies.problems():
                print(f"{problem.code}: {problem}", file=sys.stderr)  # noqa: T201
            self._tell_used(configured)
            return configured
        value = self._value(name)
        if isinstance(value, (str, os.PathLike)):
            return Ontology.load(os.fspath(value))
        try:
            return as_ontology(value)
        except TypeError as error:
            raise Stopped(f"`--ontology {name}`: {error}") from None

    def _tell_used(self, found: Ontology | None) -> None:
        """Say that an ontology is used which no cell has named, when another was used before, or none."""
        used = shown_path(found.source) if found is not None else None
        if used != self._used and used is not None:
            print(f"using {used}", file=sys.stderr)  # noqa: T201
        self._used = used

    def _value(self, name: str) -> Any:
        """The variable of that name; else the file."""
        if name in self._shell.user_ns:
            return self._shell.user_ns[name]
        path = Path(name).expanduser()
        if name.isidentifier() and not path.exists():
            raise Stopped(f"there is neither a variable nor a file `{name}`")
        return path


def _table(found: Matches) -> object:
    """The rows as a table of pandas, where that is installed."""
    try:
        from pandas import DataFrame as Shown
    except ImportError:
        from kili_query.editor.notebooks.display import Table as Shown
    return Shown(found.rows, columns=found.columns)


class _Kept:
    """Options that hold for the cells that follow: those of a source for that source only."""

    def __init__(self) -> None:
        self._always: list[str] = []
        self._source: str | None = None
        self._of_source: list[str] = []

    def keep(self, words: list[str], source: str | None) -> None:
        """Keep options; `source`: the one that they name. How many rows are shown is about no source."""
        rows = [n for n, word in enumerate(words) if word == "--all" or word.partition("=")[0] == "--limit"]
        rows += [n + 1 for n in rows if words[n] == "--limit"]
        self._always += [words[n] for n in sorted(rows)]
        words = [word for n, word in enumerate(words) if n not in rows]
        if source is not None and source != self._source:
            self._source, self._of_source = source, list(words)
        elif self._source is None:
            self._always += words
        else:
            self._of_source += words

    def words(self, source: str | None) -> list[str]:
        """The options for a cell; `source`: the one that it names itself."""
        return [*self._always, *(self._of_source if source in (None, self._source) else ())]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Stopped(f"{message}; `%kili_query?` says what there is")


def _name(text: str) -> str:
    if not text.isidentifier():
        raise argparse.ArgumentTypeError(f"`{text}` cannot be the name of a variable")
    return text


def _number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"`{text}` is no number of rows")
    return int(text)


_OPTIONS = _Parser(prog="%kili_query", add_help=False, allow_abbrev=False)
for _option in ("--source", "--project", "--ontology"):
    _OPTIONS.add_argument(_option)
_OPTIONS.add_argument("--into", type=_name)
_OPTIONS.add_argument("--limit", type=_number, default=LIMIT)
_OPTIONS.add_argument("--all", action="store_true")
_OPTIONS.add_argument("--preview", action="store_true")
_OPTIONS.add_argument("--no-ontology", action="store_true")

_WORD = re.compile(r"""\s*((?:"[^"]*"|'[^']*'|[^\s"'])+)""")


def _divided(line: str) -> tuple[list[str], str]:
    """The options at the beginning of a line, and the rest as it is: quotes mean something else in a query.

    >>> _divided('--source "my export.zip" --all "school bus".B.count > 0')
    (['--source', 'my export.zip', '--all'], '"school bus".B.count > 0')
    """
    head, position, takes_value = list[str](), 0, False
    while word := _WORD.match(line, position):
        is_option = word[1].startswith("--")
        if not (is_option or takes_value):
            break
        takes_value = is_option and word[1] not in ("--all", "--no-ontology", "--preview") and "=" not in word[1]
        head += shlex.split(word[1])
        position = word.end()
    return head, line[position:].strip()


class _Progress:
    """How far a long run is: a line below the cell, or on the terminal, that goes when the run has ended."""

    AFTER, EVERY = 0.5, 0.2  # seconds

    def __init__(self, shell: Any) -> None:
        self._in_notebook = hasattr(shell, "kernel")
        self._next = time.monotonic() + self.AFTER
        self._line: Any = None

    def __call__(self, found: Matches) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + self.EVERY
        self._write(f"{found.labels or 0:,} labels read, {found.total:,} match …")

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._line is not None:
            self._write("")

    def _write(self, text: str) -> None:
        if not self._in_notebook:
            if sys.stderr.isatty():
                self._line = text
                print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)  # noqa: T201
        elif self._line is None:
            self._line = _display({"text/html": text, "text/plain": text}, raw=True, display_id=True)
        else:
            self._line.update({"text/html": text, "text/plain": text}, raw=True)


def _display(value: object, **options: bool) -> Any:
    from importlib import import_module  # IPython is no dependency, and its functions have no types

    return import_module("IPython.display").display(value, **options)
