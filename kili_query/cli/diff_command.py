"""`kili-query diff`: what differs between two exports, asset by asset, and in their answers to a query."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from kili_query.cli import BAD_INPUT
from kili_query.cli.options import (
    chosen_types,
    counted,
    exit_code,
    found_ontology_options,
    known_names,
    latest_option,
    progress,
    ready_query,
    tell_problems,
    type_options,
    workers_option,
)
from kili_query.cli.queries import divided, given_queries, lacking
from kili_query.cli.terminal import echo
from kili_query.errors import shown

if TYPE_CHECKING:
    from kili_query.model.counts import Key
    from kili_query.offline.compare import Difference, Holdings

LIMIT = 20


@click.command("diff")
@click.argument("arguments", metavar="BEFORE AFTER [QUERY]", nargs=-1, required=True)
@found_ontology_options
@type_options()
@latest_option
@click.option(
    "--limit",
    default=LIMIT,
    show_default=True,
    metavar="N",
    type=click.IntRange(0),
    help="Assets of each kind that are named.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all assets.")
@workers_option
@click.option("-q", "--quiet", is_flag=True, help="No progress bar.")
def command(
    arguments: tuple[str, ...],
    ontology_file: str | None,
    input_type: str | None,
    no_ontology: bool,
    label_types: tuple[str, ...],
    all_types: bool,
    latest: bool,
    limit: int,
    as_json: bool,
    workers: int | None,
    quiet: bool,
) -> int:
    """Compare two exports: assets gained, lost and changed, and the counts of each category.

    With a QUERY also the assets that have begun to satisfy it, and those that no longer do. Assets are told apart by
    their external ids. Exports are what `filter` reads.

    \b
    kili-query diff monday.zip friday.zip
    kili-query diff monday.zip friday.zip "CARS.TRUCK.count >= 2" --json
    """
    from kili_query.offline.compare import Holdings, difference, hold

    (before, after), text = _exports(arguments)
    given = given_queries((text,))[0] if text is not None else None
    names = known_names(ontology_file, input_type, no_ontology, file=given.path if given else None, quiet=quiet)
    query = ready_query(given.text, names, (before, after)) if given else None
    types, both, code = chosen_types(label_types, all_types, latest=latest), list[Holdings](), 0
    for source in (before, after):
        held = Holdings()
        with progress((source,), quiet) as bar:
            for part, size in hold(
                source, query=query, ontology=names.ontology, types=types, latest=latest, workers=workers
            ):
                held.add(part)
                bar(size)
        worst = exit_code(held.records, held.problems)
        if worst == BAD_INPUT:  # nothing was read, and nothing can be said
            raise held.problems[0]
        tell_problems(held.problems, [] if quiet else held.skipped, held.unreadable)
        if held.unnamed:
            echo(f"left out: {counted(held.unnamed, 'label')} of {source} without an id of an asset", err=True)
        both, code = [*both, held], max(code, worst)
    found = difference(*both)
    if as_json:
        echo(json.dumps(_as_json(before, after, both, found, query is not None), indent=2, ensure_ascii=False))
    else:
        _print(before, after, both, found, limit, None if query is None else str(query))
    return code


def _exports(arguments: tuple[str, ...]) -> tuple[list[str], str | None]:
    """The two exports, and the query if there is one."""
    if len(arguments) == 2:
        return list(arguments), None
    sources, text = divided(arguments)
    if len(sources) != 2 or text is None:
        raise click.UsageError(f"give two exports, and a QUERY if you like; {lacking(sources, text)}")
    return sources, text


def _as_json(before: str, after: str, both: list[Holdings], found: Difference, asked: bool) -> dict[str, Any]:
    old, new = (held.counts for held in both)
    data: dict[str, Any] = {
        "before": {"source": before, "assets": len(both[0].assets), "labels": both[0].labels},
        "after": {"source": after, "assets": len(both[1].assets), "labels": both[1].labels},
        "gained": found.gained,
        "lost": found.lost,
        "changed": [
            {"asset": name, "counts": [_change(key, *pair) for key, pair in changes.items()]}
            for name, changes in found.recounted.items()
        ],
        "altered": found.altered,
        "same": found.same,
        "categories": [_change(key, old[key], new[key]) for key in sorted(old.keys() | new.keys())],
    }
    if asked:
        data["matches"] = {
            "before": len(both[0].matching), "after": len(both[1].matching), "begun": found.begun, "ended": found.ended,
        }  # fmt: skip
    return data


def _change(key: Key, before: int, after: int) -> dict[str, object]:
    return {"job": key[0], "category": key[1], "before": before, "after": after}


def _print(before: str, after: str, both: list[Holdings], found: Difference, limit: int, query: str | None) -> None:
    from rich.text import Text

    from kili_query.cli.tables import Table

    for source, held in zip((before, after), both, strict=True):
        echo(f"{source}: {counted(len(held.assets), 'asset')}, {counted(held.labels, 'label')}")
    _names("gained", found.gained, limit)
    _names("lost", found.lost, limit)
    _names("changed", {name: _changes(pairs) for name, pairs in found.recounted.items()}, limit)
    _names("same counts, other answers", found.altered, limit)
    echo(f"same: {found.same:,}")
    old, new = (held.counts for held in both)
    table = Table("job", "category", ">before", ">after", ">change")
    for key in sorted(old.keys() | new.keys()):
        change = new[key] - old[key]
        style = "green" if change > 0 else "red" if change < 0 else "dim"
        table.add(
            *map(shown, key), f"{old[key]:,}", f"{new[key]:,}", Text(f"{change:+,}" if change else "", style=style)
        )
    table.print()
    if query is not None:
        matches = " → ".join(f"{len(held.matching):,}" for held in both)
        echo(f"{query}: {matches} assets")
        _names("begun", found.begun, limit)
        _names("ended", found.ended, limit)


def _names(title: str, names: list[str] | Mapping[str, str], limit: int) -> None:
    echo(f"{title}: {len(names):,}")
    for name in list(names)[:limit]:
        echo(f"  {shown(name)}" + (f"  {names[name]}" if isinstance(names, Mapping) else ""))
    if limit and len(names) > limit:
        echo(f"  … and {len(names) - limit:,} more")


def _changes(pairs: Mapping[Key, tuple[int, int]]) -> str:
    told = [f"{shown(job)}.{shown(category)} {a:,} → {b:,}" for (job, category), (a, b) in pairs.items()]
    return ", ".join(told[:_MOST]) + (f" and {len(told) - _MOST} more" if len(told) > _MOST else "")


_MOST = 4
"""Categories of an asset that are shown with their changes."""
