"""Sources of other formats on the command line: `--from`, and the ontology that comes along."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kili_query.cli.options import Names, known_names

if TYPE_CHECKING:
    from kili_query.formats.containers.sources import Source
    from kili_query.formats.reading.dataset import OtherDataset

F = TypeVar("F", bound=Callable[..., Any])

FROM = ("kili", "coco", "yolo", "pascal_voc", "voc", "geojson")


def from_options(command: F) -> F:
    """`--from FORMAT` and `--class-property NAME`."""
    command = click.option(
        "--class-property", metavar="NAME", help="GeoJSON: the property of features that holds their class."
    )(command)
    return click.option(
        "--from", "from_", type=click.Choice(FROM), help="The format of the SOURCES. Default: found out by what is in them."
    )(command)  # fmt: skip


def datasets_of(sources: Sequence[str], from_: str | None, class_property: str | None = None) -> list[Source]:
    """The sources, those of other formats as datasets, so that what is found out of them is found out once.

    Raises
    ------
    DataError: a source is not of the format that `--from` says.
    """
    from kili_query.formats.containers.sources import recognized_dataset
    from kili_query.formats.reading.dataset import KiliExport, OtherDataset, open_dataset

    if class_property is not None and from_ not in (None, "geojson"):
        raise click.UsageError("--class-property goes with GeoJSON")
    if from_ == "kili":
        return [source if source == "-" else KiliExport(source) for source in sources]
    if from_ is not None:
        if "-" in sources:
            raise click.UsageError("standard input is read in Kili's own format; --from goes with files and folders")
        chosen: Any = "pascal_voc" if from_ == "voc" else from_
        return [open_dataset(source, chosen, class_property=class_property) for source in sources]
    found: list[Source] = [recognized_dataset(source) or source for source in sources]
    if class_property is not None:
        for one in found:
            if isinstance(one, OtherDataset):
                one.class_property = class_property
    return found


def datasets_in(sources: Sequence[Source]) -> list[OtherDataset]:
    """Those of the sources that are of other formats."""
    from kili_query.formats.reading.dataset import OtherDataset

    return [source for source in sources if isinstance(source, OtherDataset)]


def names_for(
    sources: Sequence[Source], path: str | None, input_type: str | None, none: bool, *, file: str | None = None,
    quiet: bool = False,
) -> Names:  # fmt: skip
    """What names are checked against: the ontology that is given; else that of datasets of other formats; else what is found.

    Raises
    ------
    DataError: it cannot be used.
    """
    others = datasets_in(sources)
    if path is not None or none or not others or len(others) < len(sources):
        return known_names(path, input_type, none or (bool(others) and path is None), file=file, quiet=quiet)
    from kili_query.formats.reading.dataset import ontology_of

    found = ontology_of(others, input_type)
    return Names(
        found if any(job.searchable for job in found.jobs.values()) else None
    )  # without any class, what is wrong is told by who reads
