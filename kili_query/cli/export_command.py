"""`kili-query export`: the labels of a project as a dataset."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import click

from kili_query.cli import BAD_INPUT, FINE, SOME_UNREADABLE
from kili_query.cli.datasets import TARGETS, dataset_options, require_zip
from kili_query.cli.options import LABEL_TYPE
from kili_query.cli.queries import given_queries
from kili_query.cli.terminal import echo


@click.command("export")
@click.argument("project_id", metavar="PROJECT")
@click.argument("query", metavar="[QUERY]", required=False)
@click.option("--to", "target", type=click.Choice(TARGETS), required=True, help="The format.")
@click.option("-o", "--output", metavar="FILE", required=True, type=click.Path(), help="The archive (.zip) to write.")
@dataset_options
@click.option(
    "--labels", is_flag=True, help="With a QUERY: only labels that satisfy it, not all those of their assets."
)
@click.option(
    "--type", "label_types", metavar="TYPE", type=LABEL_TYPE, multiple=True,
    help="Label type that takes part; may be repeated. Default: DEFAULT and REVIEW.",
)  # fmt: skip
@click.option(
    "--which", "export_type", type=click.Choice(["latest", "latest_from_last_step", "latest_from_all_steps", "normal"]),
    default="latest", show_default=True, help="The latest label of each asset, those of its steps, or all (normal).",
)  # fmt: skip
@click.option("--external-id", "external_ids", metavar="ID", multiple=True, help="Only this asset; may be repeated.")
@click.option("--api-key", metavar="KEY", help="Default: KILI_API_KEY, then kili-sdk-config.json.")
@click.option("--api-endpoint", metavar="URL", help="Default: KILI_API_ENDPOINT, then the file, then Kili's cloud.")
@click.option("-q", "--quiet", is_flag=True, help="No progress bar and no summary.")
def command(
    project_id: str,
    query: str | None,
    target: Any,
    output: str,
    layout: Any,
    with_assets: bool,
    single_file: bool,
    shares: tuple[float, ...] | None,
    seed: int,
    labels: bool,
    label_types: tuple[str, ...],
    export_type: Any,
    external_ids: tuple[str, ...],
    api_key: str | None,
    api_endpoint: str | None,
    quiet: bool,
) -> int:
    """Export the labels of a project as a dataset; with a QUERY, only assets with a label that satisfies it.

    The archive appears whole or not at all; one that is there is replaced when the new one is finished. Media that
    cannot be downloaded are told at the end, and the exit code is 3 then.

    \b
    kili-query export clx1 --to coco -o coco.zip
    kili-query export clx1 "CARS.TRUCK.count >= 2" --to yolo_v8 --split 0.8,0.1,0.1 -o trucks.zip
    kili-query export clx1 --to kili --no-assets -o labels.zip
    """
    from kili_query.client import Kili
    from kili_query.formats.refusals import MissingMediaWarning, NothingExportedWarning
    from kili_query.query import parse

    require_zip(output)
    wanted = None if query is None else parse(given_queries((query,))[0].text)
    if labels and wanted is None:
        raise click.UsageError("--labels goes with a QUERY")
    logging.getLogger("kili_query").addHandler(_Told(quiet))
    types: Any = [name.upper() for name in label_types]
    code = FINE

    def told(message: Warning | str, *_: object, **__: object) -> None:
        nonlocal code
        if isinstance(message, NothingExportedWarning):
            code = BAD_INPUT
        elif isinstance(message, MissingMediaWarning):
            code = SOME_UNREADABLE
        echo(f"warning: {message}", err=True)

    with Kili(api_key, api_endpoint) as kili, warnings.catch_warnings():
        warnings.showwarning = told
        warnings.simplefilter("always", UserWarning)
        kili.export_labels(
            project_id,
            output,
            target,
            layout=layout,
            single_file=single_file,
            with_assets=with_assets,
            missing_media="skip",
            external_ids=list(external_ids) or None,
            asset_filter_kwargs=None if wanted is None else {"label_category_search": wanted},
            label_type_in=types or None,
            export_type=export_type,
            disable_tqdm=True if quiet else None,
            matching_labels_only=labels,
            split=shares,
            seed=seed,
        )
    return code


class _Told(logging.Handler):
    """Tells what the SDK logs as this command does."""

    def __init__(self, quiet: bool) -> None:
        super().__init__(logging.WARNING)
        self._quiet = quiet

    def emit(self, record: logging.LogRecord) -> None:
        """Print a line on standard error."""
        if not self._quiet:
            echo(record.getMessage(), err=True)
