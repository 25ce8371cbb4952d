"""Options and messages that commands which write datasets share."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kili_query.cli import FINE, SOME_UNREADABLE
from kili_query.cli.options import MAX_SHOWN, counted, progress, tell_problems
from kili_query.cli.terminal import echo
from kili_query.formats import TARGETS

if TYPE_CHECKING:
    from kili_query.formats.containers.sources import Source
    from kili_query.model.labels import LabelTypes
    from kili_query.model.ontology import Ontology
    from kili_query.offline.brought import Brought
    from kili_query.query import Query

F = TypeVar("F", bound=Callable[..., Any])

Split = tuple[tuple[float, ...], int]
"""The shares of train, val and test, and the number that the chance begins with."""

_PATH_LIKE = re.compile(r"[^\s()]*[/\\.][^\s()]*")


def dataset_options(command: F) -> F:
    """`--with-assets`, `--layout`, `--single-file`, `--split` and `--seed`."""
    command = click.option(
        "--seed", metavar="N", type=int, default=0, show_default=True, help="With --split: another number, another chance."
    )(command)  # fmt: skip
    command = click.option(
        "--split", "shares", metavar="SHARES", callback=_shares,
        help="YOLO: shares of train, val and test that add up to 1, such as 0.8,0.1,0.1. An asset is in one part.",
    )(command)  # fmt: skip
    command = click.option("--single-file", is_flag=True, help="One data.json for all assets (kili, raw).")(command)
    command = click.option(
        "--with-assets/--no-assets", " /--no-media", default=True, show_default=True,
        help="Images and frames come along, or stay where they are.",
    )(command)  # fmt: skip
    return click.option(
        "--layout", type=click.Choice(["merged", "split"]), default="merged", show_default=True,
        help="One set of labels, or a folder for each job (COCO, YOLO).",
    )(command)  # fmt: skip


def _shares(_: click.Context, option: click.Parameter, text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    from kili_query.formats.assembly import are_shares

    try:
        shares = tuple(float(share) for share in text.split(","))
    except ValueError:
        shares = ()
    if not shares or not are_shares(shares):
        raise click.BadParameter(
            f"{text} is no split; it takes shares of train, val and test that add up to 1: 0.8,0.1,0.1", param=option
        )
    return shares


def require_zip(output: str) -> None:
    """Refuse a file that cannot be what is written."""
    is_folder = output.endswith(("/", os.sep)) or os.path.isdir(output)
    if os.path.splitext(output)[1].lower() not in (".zip", "") or output == "-" or is_folder:
        raise click.UsageError(
            f"a dataset is a zip archive, and is written to a file: --output FILE.zip, and not {output}"
        )


def require_query(text: str | None) -> None:
    """Refuse what looks like a file that is not there, and would be read as a query."""
    if text is not None and _PATH_LIKE.fullmatch(text) and ".count" not in text and not os.path.exists(text):
        raise click.UsageError(f"{text} is no file that is there, and no query")


def write_dataset(
    sources: Sequence[Source], output: str, *, to: str, ontology: Ontology, query: Query | None, layout: Any, title: str,
    single_file: bool, split: Split | None, types: LabelTypes | None, quiet: bool, with_assets: bool, invert: bool = False,
    labels_only: bool = False, latest: bool = False,
) -> int:  # fmt: skip
    """Write a dataset made of exports, tell what came of it, and give the exit code."""
    from kili_query.errors import DataError
    from kili_query.formats.containers.zipping import ZipWriter
    from kili_query.formats.datasets import Skipped
    from kili_query.offline.brought import Brought
    from kili_query.offline.convert import convert
    from kili_query.offline.files import whole_file

    skipped, problems, lost, assets, renamed = Skipped(), list[DataError](), list[DataError](), 0, 0
    media = Brought(sources) if with_assets else None

    def count() -> None:
        nonlocal assets
        assets += 1

    def tell_renamed(old: str, new: str, why: str) -> None:
        nonlocal renamed
        renamed += 1
        if renamed <= MAX_SHOWN:
            echo(f"renamed: `{old}` is `{new}`: {why}", err=True)

    replaces = os.path.isfile(output)
    with progress(tuple(sources), quiet) as advance, whole_file(output) as file, ZipWriter(file) as archive:
        for name, content in convert(
            *sources, to=to, ontology=ontology, query=query, layout=layout, single_file=single_file, split=split, title=title,
            types=types, latest=latest, media=media, skipped=skipped, invert=invert, labels_only=labels_only, on_problem=problems.append,
            on_skip=lost.append, on_asset=count, on_read=advance, on_renamed=tell_renamed,
        ):  # fmt: skip
            archive.write(name, content)
        if problems and not assets:  # no empty file for it
            tell_problems(problems[:-1], [], len(problems) - 1)
            raise problems[-1]
    tell_problems(problems, [] if quiet else lost, len(problems))
    if renamed > MAX_SHOWN:
        echo(f"renamed: {renamed - MAX_SHOWN:,} more", err=True)
    for line in skipped.lines():
        echo(line, err=True)
    if not assets and not skipped.lost:
        kinds = "--type, --all-types; without them labels that people made"
        wanted = f"satisfies the query ({kinds})" if query is not None else f"can be written ({kinds})"
        echo(f"no asset has a label that {wanted}: the dataset is empty", err=True)
    if not quiet:
        left_out = f"; left out: {counted(skipped.total, 'annotation')} ({skipped})" if skipped.total else ""
        there = "; it was there before, and is replaced" if replaces else ""
        echo(f"wrote {counted(assets, 'asset')}{_media(media)} to {output}{left_out}{there}", err=True)
    return SOME_UNREADABLE if problems else FINE


def _media(media: Brought | None) -> str:
    """What became of the media."""
    if media is None:
        return ""
    with_them = f" with {counted(media.files, 'media file')}" if media.files else ""
    stay = f" (media of {counted(media.elsewhere, 'asset')} are no part of the export, and stay where they are)"
    return with_them + (stay if media.elsewhere else "")


__all__ = ["TARGETS", "Split", "dataset_options", "require_query", "require_zip", "write_dataset"]
