"""Queries as the command line takes them: a text, a file, or standard input."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from typing import NamedTuple

import click

from kili_query.cli.options import read_text
from kili_query.formats import READ_SUFFIXES


class Given(NamedTuple):
    """A query text, and what it is called in messages."""

    text: str
    source: str
    path: str | None
    """The file that holds it, if it was given as one."""


def given_queries(arguments: tuple[str, ...]) -> list[Given]:
    """The queries of arguments: `-` is standard input, the name of a file is that file, all else is a query.

    Raises
    ------
    DataError: a file cannot be read.
    click.UsageError: there is no argument, and standard input is a terminal.
    """
    if not arguments:
        if sys.stdin.isatty():
            raise click.UsageError("give a query, a file that holds one, or - for standard input")
        arguments = ("-",)
    return [_given(argument) for argument in arguments]


class Divided(NamedTuple):
    """Arguments, divided into sources and a query."""

    sources: list[str]
    query: str | None


def divided(arguments: Sequence[str], *, first: bool = False) -> Divided:
    """The sources and the query among arguments, in whatever order: a query is what is neither a file nor named as one.

    Where that does not tell, as for `-` or two texts, the place does.

    Parameters
    ----------
    first: True if the query comes first by custom, else it comes last.

    >>> divided(["export.zip", "A.B.count > 0"]) == divided(["A.B.count > 0", "export.zip"])
    True
    """
    if len(arguments) == 1 and arguments[0] == "-":  # standard input holds labels, where a query is not asked for
        return Divided(["-"], None)
    custom = 0 if first else len(arguments) - 1
    queries = [n for n, argument in enumerate(arguments) if _kind(argument) == "query"]
    if len(queries) > 1:  # one of them may be a folder that is not there
        queries = [n for n in queries if _COMPARED.search(arguments[n])] or queries
    queries = queries or [n for n, argument in enumerate(arguments) if _kind(argument) == "either"]
    if not queries:
        return Divided(list(arguments), None)
    at = custom if custom in queries else queries[0 if first else -1]
    return Divided([*arguments[:at], *arguments[at + 1 :]], arguments[at])


def lacking(sources: Sequence[str], query: str | None) -> str:
    """What divided arguments lack, as the end of a message."""
    if query is None:
        files = ", ".join(sources)
        return f"{files} is read as a SOURCE" if len(sources) == 1 else f"{files} are read as SOURCES"
    return f"`{query}` is read as the QUERY"


_COMPARED = re.compile(r"[<>=]|count|\.kq$")


def _kind(argument: str) -> str:
    """What an argument is by its name and by what is there: a query, a source, or either of them."""
    suffix = os.path.splitext(argument)[1].lower()
    if suffix == ".kq":
        return "query"
    try:
        if os.path.isdir(argument) or suffix in (*READ_SUFFIXES, ".gz"):
            return "source"
        if os.path.isfile(argument):
            return "source" if _is_foreign(argument) else "either"
        return "either" if argument == "-" or os.path.exists(argument) else "query"
    except ValueError:  # a null character
        return "query"


def _is_foreign(path: str) -> bool:
    """True for a file of annotations in another format, such as a `data.yaml` of YOLO: no query, whatever its name."""
    from kili_query.formats.others import foreign_text

    try:
        with open(path, "rb") as file:
            return foreign_text(file.read(4096)) is not None
    except OSError:
        return False


def _given(argument: str) -> Given:
    if argument == "-":
        return Given(read_text("-"), "<stdin>", None)
    if _is_file(argument):
        return Given(read_text(argument), argument, argument)
    return Given(argument, "<query>", None)


def _is_file(argument: str) -> bool:
    try:
        return os.path.isfile(argument) or argument.endswith(".kq")
    except ValueError:  # a null character
        return False
