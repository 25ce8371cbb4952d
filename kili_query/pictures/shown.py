"""What notebooks show of labels: themselves, as pictures. Without matplotlib they are text, as everywhere else."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from kili_query.errors import DataError
from kili_query.model.labels import Label

if TYPE_CHECKING:
    from kili_query.model.ontology import Ontology

MOST = 60
"""Labels of a list that are shown; a notebook keeps what it has shown."""


def label_to_html(label: Label, ontology: Ontology | None = None) -> str | None:
    """A label as a picture; None where it cannot be read, or drawn."""
    return labels_to_html([label], ontology)


def labels_to_html(values: Sequence[object], ontology: Ontology | None = None) -> str | None:
    """A list of labels as a contact sheet, the first of them if there are many; None for any other list."""
    labels = [value for value in values[:MOST] if isinstance(value, Label)]
    if not labels or len(labels) < min(MOST, len(values)):
        return None
    with suppress(DataError):  # without matplotlib, too
        from kili_query.pictures.preview import preview_labels

        sheet = preview_labels(labels, ontology=ontology)
        if len(values) > MOST:
            sheet.remark = f"the first {MOST} of {len(values):,} labels"
        if sheet.items:
            return sheet._repr_html_()
    return None
