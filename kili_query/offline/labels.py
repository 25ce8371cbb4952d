"""The labels of exports, one by one: all of them or, with a query, those that satisfy it, by a fresh index where there is one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain

from kili_query.errors import DataError, UnsupportedQueryError
from kili_query.formats import kili
from kili_query.formats.kili import Problem, Source, decode_record
from kili_query.model.labels import DEFAULT_LABEL_TYPES, Label, LabelTypes, chosen_types, labels_of
from kili_query.model.ontology import Ontology
from kili_query.offline.index.fetching import fetch
from kili_query.offline.index.opening import Index, Unused, by_index
from kili_query.offline.tally import Tally
from kili_query.query import Query, parse

Tell = Callable[[DataError], None]


def read_labels(
    *sources: Source,
    query: Query | str | None = None,
    ontology: Ontology | None = None,
    types: LabelTypes | None = DEFAULT_LABEL_TYPES,
    latest: bool = False,
    on_problem: Tell | None = None,
    on_skip: Tell | None = None,
    index: bool = True,
    on_index: Callable[[Index | Unused], None] | None = None,
) -> Iterator[Label]:
    """The labels of files, folders, archives and standard input (`-`), one by one, in the order of the input.

    A label that is there and cannot be used has a `problem`. A record that cannot be read ends the reading; with
    `on_problem` it is handed over instead, and reading goes on. So are the files that an export holds beside labels,
    to `on_skip` if that is given. `latest`: only the newest label of each asset, among those of the types.

    With a query only the labels that satisfy it are given, and one that cannot be read is handed over too. Where a source
    has a fresh index (`kili-query index`), the others are not read.

    Parameters
    ----------
    query: what the labels must satisfy; None: nothing.
    ontology: for the query, tells frames of a video from jobs whose keys are digits.
    types: the label types that take part; None: all. By default all but AUTOSAVE.
    index: False to read each source, also one that has a fresh index. `latest` reads it.
    on_index: is given each index that is used, and each that is not, with the reason.

    Raises
    ------
    DataError: a source cannot be read (KQ503, at once), or a record (KQ501, while reading, without `on_problem`).
    QuerySyntaxError: the query is none.

    >>> [label.external_id for label in read_labels("tests/data/coco.zip", query="OBJECT_DETECTION_JOB.person.count > 1")]
    ['coco_1.jpg', 'coco_3.jpg']
    """
    if query is None:
        return kili.read_labels(*sources, types=types, latest=latest, on_problem=on_problem, on_skip=on_skip)
    asked, types = query if isinstance(query, Query) else parse(query), chosen_types(types)

    def answers(found: Index) -> bool:
        try:
            found.condition(asked.tree, types)
        except UnsupportedQueryError:
            return False
        return True

    groups = list(by_index(sources, ontology, on_index, answers) if index and not latest else [(None, sources)])
    skip = on_skip or on_problem
    read = [
        _by_index(known, os.fspath(group[0]), asked, ontology, types, on_problem, skip)
        if known is not None
        else _matching(
            kili.read_labels(*group, types=types, latest=latest, on_problem=on_problem, on_skip=skip),
            asked, ontology, on_problem,
        )
        for known, group in groups
    ]  # fmt: skip  # all sources are looked at first
    return chain.from_iterable(read)


def _matching(
    labels: Iterator[Label], query: Query, ontology: Ontology | None, on_problem: Tell | None
) -> Iterator[Label]:
    for label in labels:
        try:
            if query.matches_label(label, ontology):
                yield label
        except DataError as error:
            if on_problem is None:
                raise
            on_problem(error)


def _by_index(
    index: Index, source: str, query: Query, ontology: Ontology | None, types: LabelTypes | None,
    on_problem: Tell | None, on_skip: Tell | None,
) -> Iterator[Label]:  # fmt: skip
    """The labels of the records in which one matches, after what cannot be read. They are looked at once more."""
    tally = Tally()
    index.tell(tally, source, types)
    for problem in tally.problems:
        if on_problem is None:
            raise problem
        on_problem(problem)
    for skipped in tally.skipped:
        if on_skip is not None:
            on_skip(skipped)
    for record in fetch(source, index.spots(index.condition(query.tree, types))):
        decoded = decode_record(record)
        if not isinstance(decoded, Problem):
            for label in labels_of(decoded, types=types, where=str(record.where)):
                with suppress(DataError):  # told of already
                    if query.matches_label(label, ontology):
                        yield label
