"""Labels of Kili on disk: exports, dumps, and anything that holds their objects as JSON (json-formats 5)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from kili_query.errors import DataError
from kili_query.formats.containers.records import Block, Part, Place, Problem, Record, decode_record
from kili_query.formats.containers.sources import FileStream, LineRange, Source, plan
from kili_query.formats.latest import latest_only
from kili_query.model.labels import DEFAULT_LABEL_TYPES, Label, LabelTypes, chosen_types, labels_of

__all__ = [
    "Block",
    "FileStream",
    "LineRange",
    "Part",
    "Place",
    "Problem",
    "Record",
    "Source",
    "decode_record",
    "plan",
    "read_labels",
]


def read_labels(
    *sources: Source,
    types: LabelTypes | None = DEFAULT_LABEL_TYPES,
    latest: bool = False,
    on_problem: Callable[[DataError], None] | None = None,
    on_skip: Callable[[DataError], None] | None = None,
) -> Iterator[Label]:
    """The labels of files, folders, archives and standard input (`-`), one by one, in the order of the input.

    A label that is there and cannot be used has a `problem`. A record that cannot be read ends the reading; with
    `on_problem` it is handed over instead, and reading goes on. So are the files that an export holds beside labels,
    to `on_skip` if that is given. `latest`: only the newest label of each asset, among those of the types.

    Raises
    ------
    DataError: a source cannot be read (KQ503, at once), or a record (KQ501, while reading, without `on_problem`).
    """
    if not sources or not all(isinstance(source, (str, os.PathLike)) for source in sources):
        raise TypeError(
            "sources are given one by one, each the name of a file or folder, as in `read_labels(*names)` and `read_annotations(*names)`"
        )
    types = chosen_types(types)
    return _read(plan(sources), types, latest, on_problem, on_skip or on_problem)


def _read(
    parts: Iterator[Part],
    types: LabelTypes | None,
    latest: bool,
    on_problem: Callable[[DataError], None] | None,
    on_skip: Callable[[DataError], None] | None,
) -> Iterator[Label]:
    lines = 0
    for part in parts:
        if isinstance(part, LineRange):
            part.base = lines if part.start else 0
        for item in latest_only(part.records(), types) if latest else part.records():
            record = item if isinstance(item, Problem) else decode_record(item)
            if not isinstance(record, Problem):
                yield from labels_of(record, types=types, where=str(item.where))
            elif tell := on_skip if record.skipped else on_problem:
                tell(record.error())
            elif not record.skipped:
                raise record.error()
        if isinstance(part, LineRange):
            lines = part.base + part.lines
