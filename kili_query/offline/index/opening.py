"""Find the index of a source, and open it if it is fresh: whole, of this version, of the source as it is now."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from kili_query.engines.dialects import compile_condition
from kili_query.engines.scan import LabelKey
from kili_query.errors import DataError
from kili_query.formats.containers.sources import Source
from kili_query.formats.extras import load as load_library
from kili_query.formats.reading.dataset import OtherDataset
from kili_query.lang.ast import Node
from kili_query.model.counts import Key
from kili_query.model.labels import AllBut, LabelTypes, label_name, takes_part
from kili_query.model.ontology import Ontology
from kili_query.offline.index import manifest as m
from kili_query.offline.index.fetching import SPOT, Spot
from kili_query.offline.index.identity import identity_of
from kili_query.offline.index.places import candidates
from kili_query.offline.tally import MAX_KEPT, Tally

MAX_OPEN = 4
"""How many indexes a process keeps open."""


class Index:
    """An index that is whole. Its answers are those of `model.counts` as long as `is_fresh`.

    Parameters
    ----------
    folder: where it lies.

    Raises
    ------
    DataError: there is none, or it is of another version or damaged; DuckDB is not installed (KQ503).
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.manifest = m.load(folder)
        for part in self.manifest.parts:
            for kept in (part.counts, part.table):
                if not m.is_whole(folder, kept):
                    raise DataError(f"is damaged: {kept.file} is not as it was written", code="KQ503", where=folder)
        self._duckdb = load_library("duckdb", "scale")
        self._connection = self._duckdb.connect()
        for view, files in (
            ("counts", [part.counts.file for part in self.manifest.parts]),
            ("labels", [part.table.file for part in self.manifest.parts]),
        ):
            listed = ", ".join("'" + os.path.join(folder, file).replace("'", "''") + "'" for file in files)
            self._connection.execute(f"CREATE VIEW {view} AS SELECT * FROM read_parquet([{listed}])")

    def sources(self) -> list[str]:
        """The sources that it speaks of, by their absolute names."""
        above = os.path.dirname(os.path.abspath(self.folder))
        return [os.path.normpath(os.path.join(above, entry.path)) for entry in self.manifest.sources]

    def run(self, select: str, values: Sequence[Any] = ()) -> list[Any]:
        """The rows of a SELECT over `counts` and `labels`. From any thread.

        Raises
        ------
        DataError: its files cannot be read any more (KQ503).
        """
        try:
            with self._connection.cursor() as cursor:
                rows: list[Any] = cursor.execute(select, values or None).fetchall()
                return rows
        except self._duckdb.Error as error:
            raise DataError(f"cannot be read: {str(error).splitlines()[0]}", code="KQ503", where=self.folder) from None

    def condition(self, tree: Node | None, types: LabelTypes | None, also: str = "") -> str:
        """SQL that is true for the labels of some types that satisfy a query; without one, that have no answer.

        Raises
        ------
        UnsupportedQueryError: the query is too large for DuckDB (KQ402), or holds what it cannot store (KQ401).
        """
        asked = "empty" if tree is None else compile_condition(tree, "duckdb").text
        terms = [asked, *self.type_terms(types), *([also] if also else [])]
        return " AND ".join(terms)

    def type_terms(self, types: LabelTypes | None) -> list[str]:
        """The condition that labels are of some types; none where all of them are."""
        if types is None or self.manifest.all_take_part(types):
            return []
        word, names = ("NOT IN", types.left_out) if isinstance(types, AllBut) else ("IN", types)
        listed = ", ".join("'" + str(name).replace("'", "''") + "'" for name in sorted(names))
        return [f"(label_type IS NULL OR label_type {word} ({listed}))" if listed else "label_type IS NULL"]

    def tell(self, tally: Tally, source: str, types: LabelTypes | None) -> None:
        """How much there is of some types, and what could not be read, as if the source had been read."""
        for part in self.manifest.parts:
            tally.records += part.records
            tally.labels += m.chosen(part.types, types) + m.chosen(part.unreadable, types)
            tally.empty += m.chosen(part.empty, types)
            tally.unreadable += part.broken + m.chosen(part.unreadable, types)
            for fault in part.faults:
                if takes_part(fault.label_type, types):
                    kept = tally.skipped if fault.skipped else tally.problems
                    kept += [fault.error()][: MAX_KEPT - len(kept)]
        if tally.empty:
            terms = " AND ".join(["empty", *self.type_terms(types)])
            for spot, external_id, asset_id, key in self.labels(terms, MAX_KEPT):
                where = str(spot.place(source, in_folder=self.is_folder))
                tally.blanks.append(DataError(label_name(external_id, asset_id, *key), code="KQ501", where=where))

    def spots(self, condition: str) -> list[Spot]:
        """Where the records stand of which labels fulfil a condition, in the order of the input."""
        select = f"SELECT DISTINCT {SPOT} FROM labels WHERE {condition} ORDER BY member, record"
        return [Spot._make((record, *rest)) for record, *rest in self.run(select)]

    def labels(
        self, condition: str, limit: int | None = None
    ) -> Iterator[tuple[Spot, str | None, str | None, LabelKey]]:
        """The labels that fulfil a condition, in the order of the input."""
        select = f"SELECT {SPOT}, external_id, asset_id, label_key, label_position FROM labels WHERE {condition}"
        end = "" if limit is None else f" LIMIT {limit}"
        for row in self.run(f"{select} ORDER BY member, record, label{end}"):
            yield Spot._make(row[:6]), row[6], row[7], LabelKey(row[8], row[9])

    def spread(self, types: LabelTypes | None) -> list[tuple[str, str, int, int]]:
        """Of each job and category, how many labels of some types have how many objects."""
        terms = self.type_terms(types)
        of_types = f" AND label IN (SELECT label FROM labels WHERE {' AND '.join(terms)})" if terms else ""
        return self.run(
            "SELECT job, category, n, count(*) FROM counts "
            f"WHERE job IS NOT NULL AND category IS NOT NULL{of_types} GROUP BY ALL"
        )

    @property
    def is_folder(self) -> bool:
        """True if its source is a folder."""
        return self.manifest.sources[0].identity.kind == "folder"

    def count(self, tree: Node, types: LabelTypes | None) -> int:
        """How many labels of some types satisfy a query.

        Raises
        ------
        UnsupportedQueryError: the query is too large for DuckDB (KQ402), or holds what it cannot store (KQ401).
        """
        condition = compile_condition(tree, "duckdb").text
        word, _, labels = condition.partition("(")
        if self.type_terms(types) or not labels:
            return int(self.run(f"SELECT count(*) FROM labels WHERE {self.condition(tree, types)}")[0][0])
        found = int(self.run(f"SELECT count(DISTINCT label) FROM ({labels}")[0][0])  # without a look at each label
        return self.manifest.labels - found if word == "label NOT IN " else found

    def count_all(self, types: LabelTypes | None) -> int:
        """How many labels of some types there are that could be read."""
        return sum(m.chosen(part.types, types) for part in self.manifest.parts)

    def names(self, types: LabelTypes | None) -> set[Key]:
        """The (job, category) pairs that labels of some types hold."""
        terms = self.type_terms(types)
        if not terms:
            return set(self.manifest.names)
        return set(
            self.run(
                "SELECT DISTINCT job, category FROM counts WHERE job IS NOT NULL AND category IS NOT NULL AND label IN "
                f"(SELECT label FROM labels WHERE {' AND '.join(terms)})"
            )
        )

    def close(self) -> None:
        """Let go of its files."""
        self._connection.close()


class Unused:
    """An index that is there, and why it is not used."""

    def __init__(self, folder: str, reason: str) -> None:
        self.folder = folder
        self.reason = reason

    def __str__(self) -> str:
        return f"not used: {self.folder}: {self.reason}"


_open: OrderedDict[tuple[str, int, int], Index] = OrderedDict()
_lock = threading.Lock()


def open_index(folder: str) -> Index:
    """An index, opened once for each time that it is made.

    Raises
    ------
    DataError: see `Index`.
    """
    try:
        found = os.stat(os.path.join(folder, m.NAME))
        stamp = (os.path.realpath(folder), found.st_mtime_ns, found.st_ino)
    except OSError:
        return Index(folder)  # which tells what is wrong
    with _lock:
        if stamp not in _open:
            _open[stamp] = Index(folder)
            while len(_open) > MAX_OPEN:
                _open.popitem(last=False)
        _open.move_to_end(stamp)
        return _open[stamp]


def find_index(source: str, ontology: Ontology | None = None) -> Index | Unused | None:
    """The index of a source if it is fresh; else why it is not used; None where there is none.

    Raises nothing for an index that cannot be used: then the source is read.
    """
    if source == "-" or not os.path.exists(source):
        return None
    refused = None
    for folder in candidates(source):
        if not os.path.isfile(os.path.join(folder, m.NAME)):
            continue
        try:
            index = open_index(folder)
            ((identity, _),) = [identity_of(source)]
        except DataError as error:
            refused = refused or Unused(folder, error.message)
            continue
        entries = index.manifest.sources
        if len(entries) != 1 or os.path.realpath(index.sources()[0]) != os.path.realpath(source):
            refused = refused or Unused(folder, "is of another source")
        elif entries[0].identity != identity:
            refused = refused or Unused(folder, "is older than the source; `kili-query index` brings it up to date")
        elif not index.manifest.fits(ontology):
            refused = refused or Unused(folder, "was made with another ontology, which reads these labels otherwise")
        else:
            return index
    return refused


def all_indexes(sources: Sequence[Source], ontology: Ontology | None = None) -> list[Index]:
    """The indexes of all sources; none, if one of them has no fresh one."""
    found = [None if isinstance(one, OtherDataset) else find_index(os.fspath(one), ontology) for one in sources]
    indexes = [index for index in found if isinstance(index, Index)]
    return indexes if len(indexes) == len(sources) else []


def by_index(
    sources: Sequence[Source],
    ontology: Ontology | None,
    tell: Callable[[Index | Unused], None] | None,
    asked: Callable[[Index], bool] = lambda _: True,
) -> Iterator[tuple[Index | None, Sequence[Source]]]:
    """The sources in their order: each that has a fresh index by itself, with it; those between them together.

    Parameters
    ----------
    tell: is given what is used, and what is not.
    asked: False for an index that cannot answer what is asked.
    """
    between: list[Source] = []
    for source in sources:
        found = None if isinstance(source, OtherDataset) else find_index(os.fspath(source), ontology)
        if found is not None and not (isinstance(found, Index) and asked(found)):
            found = (
                found if isinstance(found, Unused) else Unused(found.folder, "cannot answer a query as large as this")
            )
        if found is not None and tell:
            tell(found)
        if isinstance(found, Index):
            if between:
                yield None, between
                between = []
            yield found, [source]
        else:
            between.append(source)
    if between:
        yield None, between
