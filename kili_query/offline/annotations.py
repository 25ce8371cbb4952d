"""The annotations of exports on disk, as flat records."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kili_query.errors import DataError
from kili_query.formats.containers.sources import Source
from kili_query.formats.kili import read_labels
from kili_query.model.annotations import Annotation, annotations_of_label
from kili_query.model.labels import DEFAULT_LABEL_TYPES, Label, LabelTypes
from kili_query.model.ontology import Ontology


def read_annotations(
    *sources: Source,
    ontology: Ontology | None = None,
    types: LabelTypes | None = DEFAULT_LABEL_TYPES,
    on_problem: Callable[[DataError], None] | None = None,
) -> Iterator[Annotation]:
    """The annotations of files, folders, archives and standard input (`-`), one by one, in the order of the input.

    A record has the key of its job, its categories, and where it is: coordinates are fractions of width and height from
    the top left corner (longitude and latitude in geospatial projects), offsets are characters, frames are numbered
    from 0, pages from 1. `annotation.label` is the label that holds it, with the ids of its asset.

    Parameters
    ----------
    sources: each the name of a file or folder.
    ontology: tells frames of a video from jobs whose keys are digits, and what an object without `type` is.
    types: the label types that take part; None: all. By default all but AUTOSAVE.
    on_problem: gets each record and label that cannot be read, and reading goes on; without it the first one is raised.

    Raises
    ------
    DataError: a source cannot be read (KQ503), or a record or label (KQ501, without `on_problem`).

    >>> first = next(read_annotations("tests/data/coco.zip"))
    >>> first.category, first.tool, first.label.external_id
    ('bottle', 'rectangle', 'coco_1.jpg')
    """
    labels = read_labels(*sources, types=types, on_problem=on_problem)
    return _read(labels, ontology, on_problem)


def _read(
    labels: Iterator[Label], ontology: Ontology | None, on_problem: Callable[[DataError], None] | None
) -> Iterator[Annotation]:
    for label in labels:
        try:
            yield from annotations_of_label(label, ontology)
        except DataError as error:
            if on_problem is None:
                raise
            on_problem(error)
