"""`kili-query predict`: predictions of a model, from files to the assets of a project."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from kili_query.cli import FINE, QUERY_ERROR, SOME_UNREADABLE
from kili_query.cli.options import MAX_SHOWN, counted, tell_problems, type_options
from kili_query.cli.options import chosen_types as types_of
from kili_query.cli.other_formats import datasets_of, from_options
from kili_query.cli.terminal import echo

if TYPE_CHECKING:
    from kili_query.errors import DataError
    from kili_query.formats.containers.sources import Source
    from kili_query.model.labels import Label, LabelTypes
    from kili_query.offline.predictions import AssetNames, Translation

_BATCH = 500


@click.command("predict")
@click.argument("project_id", metavar="PROJECT")
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
@click.option("--model-name", metavar="NAME", help="The model that made the predictions.")
@click.option("--job", "jobs", metavar="FROM=TO", multiple=True,
              help="Put objects of one job of the file into another of the project; may be repeated.")  # fmt: skip
@from_options
@type_options()
@click.option("--overwrite", is_flag=True, help="Replace the predictions of the same model on these assets.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
@click.option("--api-key", metavar="KEY", help="Default: KILI_API_KEY, then kili-sdk-config.json.")
@click.option("--api-endpoint", metavar="URL", help="Default: KILI_API_ENDPOINT, then the file, then Kili's cloud.")
@click.option("-q", "--quiet", is_flag=True, help="No summary.")
def command(
    project_id: str,
    sources: tuple[str, ...],
    model_name: str | None,
    jobs: tuple[str, ...],
    from_: str | None,
    class_property: str | None,
    label_types: tuple[str, ...],
    all_types: bool,
    overwrite: bool,
    dry_run: bool,
    api_key: str | None,
    api_endpoint: str | None,
    quiet: bool,
) -> int:
    """Append predictions to a project, from files of Kili, COCO, YOLO, Pascal VOC or GeoJSON.

    Assets are matched by name: their external ids are the names of the pictures, with or without folders and endings.
    All names are checked against the ontology of the project before anything is sent; categories go by their key, or by
    the name that people see.

    \b
    kili-query predict clx1 runs/detect --from yolo --model-name yolo11 --job OBJECT_DETECTION_JOB=BOATS --dry-run
    kili-query predict clx1 predictions.json --model-name detr
    """
    from kili_query.client import Kili
    from kili_query.errors import NotFoundError
    from kili_query.model.ontology import Ontology
    from kili_query.offline.predictions import AssetNames, Translation

    if model_name is None and not dry_run:
        raise click.UsageError("give --model-name NAME: predictions are those of a model")
    renamed = [pair.partition("=") for pair in jobs]
    if not all(old and new for old, _, new in renamed):
        raise click.UsageError("--job takes two names: --job OBJECT_DETECTION_JOB=BOATS")
    read, types = datasets_of(sources, from_, class_property), types_of(label_types, all_types)
    with Kili(api_key, api_endpoint, disable_tqdm=True) as kili:
        rows: Any = list(kili.projects(project_id, fields=["id", "inputType", "jsonInterface"]))
        if not rows:
            raise NotFoundError(f"there is no project `{project_id}` that this API key may see")
        ontology = Ontology.from_json_interface(rows[0]["jsonInterface"], rows[0].get("inputType"))
        translation = Translation(ontology, {old: new for old, _, new in renamed})
        if _unknown(read, types, translation):
            return QUERY_ERROR
        listed: Any = kili.assets(project_id, fields=["id", "externalId"], as_generator=True)
        names = AssetNames((row["id"], row["externalId"]) for row in listed)
        sent = 0
        unmatched: list[str] = []
        problems: list[DataError] = []
        for batch in _batches(read, types, names, translation, unmatched, problems):
            if not dry_run:
                kili.create_predictions(
                    project_id, asset_id_array=[asset_id for asset_id, _ in batch], model_name=model_name,
                    json_response_array=[response for _, response in batch], overwrite=overwrite,
                )  # fmt: skip
            sent += len(batch)
    tell_problems(problems, [], len(problems))
    for name in unmatched[:MAX_SHOWN]:
        echo(f"no asset of the project, or several, are called `{name}`", err=True)
    if len(unmatched) > MAX_SHOWN:
        echo(f"… and {len(unmatched) - MAX_SHOWN:,} more without an asset", err=True)
    if not quiet:
        would = "would send" if dry_run else "sent"
        echo(f"{would} {counted(sent, 'prediction')}; {len(unmatched):,} without an asset", err=True)
    return SOME_UNREADABLE if unmatched or problems else FINE


def _labels(read: Sequence[Source], types: LabelTypes | None, problems: list[DataError], lost: list[DataError]) -> Iterator[Label]:  # fmt: skip
    from kili_query.formats.kili import read_labels
    from kili_query.offline.predictions import usable

    found = read_labels(*read, types=types, on_problem=problems.append, on_skip=lost.append)
    return (label for label in found if usable(label))


def _unknown(read: Sequence[Source], types: LabelTypes | None, translation: Translation) -> bool:
    """Tell of names that the ontology lacks, and of what is lost."""
    lost: list[DataError] = []
    for label in _labels(read, types, [], lost):
        translation.check(label)
    tell_problems([], lost, 0)
    if not translation.unknown:
        return False
    named = ", ".join(f"`{name}` ({number:,})" for name, number in translation.unknown.most_common(MAX_SHOWN))
    echo(f"error: nothing is sent: the ontology of the project lacks {named}{translation.hint()}", err=True)
    return True


def _batches(
    read: Sequence[Source], types: LabelTypes | None, names: AssetNames, translation: Translation, unmatched: list[str],
    problems: list[DataError],
) -> Iterator[list[tuple[str, Any]]]:  # fmt: skip
    """Predictions with the ids of their assets, some at a time; labels without an asset are noted."""
    batch: list[tuple[str, Any]] = []
    for label in _labels(read, types, problems, []):
        name = label.external_id or label.asset_id or ""
        asset_id = names.id_of(name)
        if asset_id is None:
            unmatched.append(name or "?")
            continue
        batch.append((asset_id, translation.response(label)))
        if len(batch) >= _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
