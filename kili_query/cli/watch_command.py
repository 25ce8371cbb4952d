"""`kili-query watch`: the labels of a project that match a query, as they are made or changed."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from kili_query.cli.options import counted
from kili_query.cli.queries import given_queries
from kili_query.cli.terminal import echo

if TYPE_CHECKING:
    from kili_query.client.operations.events import LabelEvent
    from kili_query.query import Query


@click.command("watch")
@click.argument("project_id", metavar="PROJECT")
@click.argument("query", metavar="[QUERY]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print each label as a line of JSON.")
@click.option("--api-key", metavar="KEY", help="Default: KILI_API_KEY, then kili-sdk-config.json.")
@click.option("--api-endpoint", metavar="URL", help="Default: KILI_API_ENDPOINT, then the file, then Kili's cloud.")
def command(project_id: str, query: str | None, as_json: bool, api_key: str | None, api_endpoint: str | None) -> None:
    """Print the labels of a project as they are made or changed: those that match a query, or all. Ctrl-C stops it.

    \b
    kili-query watch clx1 "CARS.TRUCK.count >= 2"
    kili-query watch clx1 --json > labels.ndjson

    A line has the time, the external id of the asset, the type of the label and its author.
    """
    import asyncio

    from kili_query.query import parse

    wanted = None if query is None else parse(given_queries((query,))[0].text)
    asyncio.run(_watch(project_id, wanted, as_json, api_key, api_endpoint))


async def _watch(
    project_id: str, query: Query | None, as_json: bool, api_key: str | None, api_endpoint: str | None
) -> None:
    from kili_query.client import AsyncKili
    from kili_query.errors import ApiError, DataError

    shown = 0
    async with AsyncKili(api_key, api_endpoint) as kili:
        events = await kili.label_created_or_updated(project_id, category_search=query)
        echo(f"watching project {project_id}; Ctrl-C stops it", err=True)
        try:
            while True:
                try:
                    event = await anext(events)
                except (ApiError, DataError) as error:
                    if events.error:
                        raise
                    echo(f"warning: {error}", err=True)
                    continue
                echo(json.dumps(event.label, ensure_ascii=False) if as_json else _line(event))
                sys.stdout.flush()
                shown += 1
        finally:
            echo(f"{counted(shown, 'label')} shown", err=True)
            await events.aclose()


def _line(event: LabelEvent) -> str:
    label: dict[str, Any] = event.label
    author, asset = label.get("author") or {}, label.get("labelOf") or {}
    told = (event.moment, asset.get("externalId") or asset.get("id"), label.get("labelType"), author.get("email"))
    return "  ".join(" ".join(str(part or "-").splitlines()) for part in told)
