"""Datasets of other formats become exports of Kili: read on several processes, their assets written as they come."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

import msgspec

from kili_query.formats.assembly import Dataset
from kili_query.formats.datasets import File
from kili_query.formats.kili import Problem, Record
from kili_query.formats.reading.dataset import OtherDataset, interface_of
from kili_query.offline.run import run

ONTOLOGY = "kili-ontology.json"
"""Where the ontology of a dataset of another format stands beside its labels."""


class _Named(msgspec.Struct):
    externalId: str = ""  # noqa: N815 - the key


_named = msgspec.json.Decoder(_Named)


class _Texts:
    """The assets of a part, each with its name and its text."""

    def __call__(self, records: Iterator[Record | Problem]) -> list[tuple[str, bytes] | Problem]:
        return [
            item if isinstance(item, Problem) else (_named.decode(text := item.data).externalId, text)
            for item in records
        ]


def take_over(
    sources: Sequence[OtherDataset], dataset: Dataset, *, on_problem: Callable[[Problem], None],
    on_asset: Callable[[], None], on_read: Callable[[int], None],
) -> Iterator[File]:  # fmt: skip
    """The files of a dataset in Kili's own format: assets as they are read, and the ontology.

    Raises
    ------
    DataError: a source cannot be read.
    """
    with closing(dataset):
        for done in run(_Texts(), sources):
            for item in done.result:
                if isinstance(item, Problem):
                    on_problem(item)
                    continue
                yield from dataset.add_text(*item)
                on_asset()
            on_read(done.size)
        yield from dataset.finish()
        yield ontology_file(sources)


def ontology_file(sources: Sequence[OtherDataset]) -> File:
    """The ontology of datasets of other formats, as a file."""
    return ONTOLOGY, [json.dumps(interface_of(sources), indent=2).encode()]
