"""Write what was selected, in the formats of the table: here those of lines and lists; an archive is `archive.py`."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from importlib import import_module
from typing import BinaryIO, NamedTuple, Protocol

from kili_query.errors import DataError
from kili_query.formats import BY_NAME
from kili_query.model.labels import LabelTypes
from kili_query.model.ontology import Ontology
from kili_query.offline.select import Hit

__all__ = ["Order", "Writer", "csv_row", "writer"]


class Writer(Protocol):
    """Takes hits one by one and writes them to a file."""

    unnamed: int
    """Hits without any id, where ids are all that is written: these are left out."""
    without_rows: int
    """Hits that have no row in a table of annotations, as they hold none."""
    left_out: int
    """Files of assets that did not come along."""
    reasons: list[DataError]
    """Why, for the first of them."""

    def write(self, hit: Hit) -> None:
        """Write one hit."""

    def close(self) -> None:
        """Write what comes after the last hit; the file itself stays open."""

    def abandon(self) -> None:
        """Let go of everything, after a failure or at the end: what was written and not closed is worth nothing."""


class Order(NamedTuple):
    """How a selection is to be written."""

    query: str = ""
    """The canonical query: an archive tells it."""
    sources: Sequence[str] = ()
    """Where the hits come from: an archive copies their files."""
    csv_safe: bool = False
    """True to put a quote before cells that a spreadsheet would run."""
    ontology: Ontology | None = None
    """For tables of annotations: what it tells of them."""
    types: LabelTypes | None = None
    """For tables of annotations: the label types whose rows are written; None: all."""


def writer(format: str, file: BinaryIO, order: Order | None = None) -> Writer:
    """The writer of a format: what its row names, made of a file and an order.

    Parameters
    ----------
    format: one of `formats.WRITTEN`.
    file: where to write; an archive needs one that can seek.
    """
    where = BY_NAME[format].write
    assert where, format
    module, name = where.split(":")
    made: Writer = getattr(import_module(module), name)(file, order or Order())
    return made


class LineWriter:
    """One JSON object on each line."""

    unnamed = left_out = without_rows = 0

    def __init__(self, file: BinaryIO, order: Order) -> None:
        self._file = file
        self.reasons: list[DataError] = []

    def write(self, hit: Hit) -> None:
        self._file.write(hit.data + b"\n")

    def close(self) -> None:
        pass

    def abandon(self) -> None:
        pass


class ListWriter(LineWriter):
    """A JSON list."""

    _before = b"[\n"

    def write(self, hit: Hit) -> None:
        self._file.write(self._before + hit.data)
        self._before = b",\n"

    def close(self) -> None:
        self._file.write(b"\n]\n" if self._before == b",\n" else b"[]\n")


class IdTableWriter(LineWriter):
    """A table of CSV with the ids of each hit."""

    def __init__(self, file: BinaryIO, order: Order) -> None:
        super().__init__(file, order)
        self._safe = order.csv_safe
        self._row(["externalId", "id", "label"])

    def write(self, hit: Hit) -> None:
        label = f"{hit.label.key}[{hit.label.position}]" if hit.label and hit.label.key not in ("", "label") else ""
        self._row([hit.external_id or "", hit.asset_id or "", label])

    def _row(self, cells: list[object]) -> None:
        self._file.write(csv_row(cells, safe=self._safe).encode(errors="surrogatepass"))


class IdWriter(LineWriter):
    """One id on each line."""

    def write(self, hit: Hit) -> None:
        if hit.asset is None:
            self.unnamed += 1
        else:
            self._file.write(hit.asset.replace("\n", " ").encode(errors="surrogatepass") + b"\n")


def csv_row(cells: Sequence[object], *, safe: bool = False) -> str:
    r"""A line of CSV. `safe`: a cell that a spreadsheet would take for a formula gets a quote before it.

    >>> csv_row(["=1+1", "a,b", 2]), csv_row(["=1+1", "a,b", 2], safe=True)
    ('=1+1,"a,b",2\n', '\'=1+1,"a,b",2\n')
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\r\n")  # so that a cell with either of them is quoted
    table.writerow([f"'{cell}" if safe and isinstance(cell, str) and cell[:1] in _RUN else cell for cell in cells])
    return text.getvalue()[:-2] + "\n"


_RUN = {*"=+-@\t\r\n", *"\uff1d\uff0b\uff0d\uff20"}
"""What begins a formula in a spreadsheet, also in the wide letters of East Asia; or hides one that follows."""
