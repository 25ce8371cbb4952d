"""Queries as the command line takes them: a text, a file, or standard input."""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

import click

from kili_query.cli.options import read_text


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
