"""The tables of an index as Parquet, written by DuckDB: a part at a time, so that memory is bounded."""

from __future__ import annotations

import os
from typing import Any

from kili_query.errors import DataError
from kili_query.formats.extras import load
from kili_query.model.counts import Selector
from kili_query.offline.index.counting import COLUMNS, Columns

PART_LABELS, PART_ROWS = 2_000_000, 16_000_000
"""Labels, and rows of counts, that are in memory at a time, and then become a part."""


class PartWriter:
    """Takes columns in the order of the input, and writes them as the two tables of a part.

    Parameters
    ----------
    folder: where the tables go: `counts/part-00000.parquet` and `labels/part-00000.parquet`.
    number: that of the part.
    source: the number of the source.
    first: the numbers of the first label and of the first record.
    """

    def __init__(self, folder: str, number: int, source: int, first: tuple[int, int]) -> None:
        self._folder, self.source, self.first = folder, source, first
        self.counts, self.table = (f"{table}/part-{number:05}.parquet" for table in ("counts", "labels"))
        self._ids: dict[Selector, int] = {}
        self._codes: list[Any] = []
        self._owners: list[Any] = []
        self._numbers: list[Any] = []
        self._batches: list[Any] = []
        self.labels = self.records = self.rows = 0
        self.types: dict[str, int] = {}
        self.empty: dict[str, int] = {}

    @property
    def is_full(self) -> bool:
        """True if what was taken is to be written."""
        return self.labels >= PART_LABELS or self.rows >= PART_ROWS

    @property
    def names(self) -> list[tuple[str, str]]:
        """The (job, category) pairs that labels hold."""
        return [(job, category) for job, category in self._ids if job is not None and category is not None]

    def add(self, columns: Columns, base: int) -> None:
        """Take what a part of the input holds; `base`: how many lines are before it.

        Raises
        ------
        DataError: a name holds half a character, which no table can hold (KQ503).
        """
        import numpy as np
        import pyarrow as pa

        for name, empty in zip(columns.columns["label_type"], columns.columns["empty"], strict=True):
            self.types[name or ""] = self.types.get(name or "", 0) + 1
            if empty:
                self.empty[name or ""] = self.empty.get(name or "", 0) + 1
        try:
            schema = _schema()
            arrays = [pa.array(columns.columns[name], schema.field(name).type) for name in COLUMNS]
        except UnicodeEncodeError as error:
            raise _half(error.object) from None
        batch = dict(zip(COLUMNS, arrays, strict=True))
        if begin := self.first[1] + self.records:
            batch["record"] = pa.array(np.array(columns.columns["record"], "i8") + begin)
        if base:
            import pyarrow.compute as pc

            batch["line"] = pc.add(batch["line"], base)
        self._batches.append(pa.record_batch([batch[name] for name in COLUMNS], schema))
        if len(columns.codes):
            for key in columns.keys:
                for name in key:
                    if name is not None and not _is_unicode(name):
                        raise _half(name)
            known = np.array([self._ids.setdefault(key, len(self._ids)) for key in columns.keys], "u4")
            self._codes.append(known[columns.codes])
            self._owners.append(columns.owners + np.uint32(self.labels))
            self._numbers.append(columns.numbers)
        self.labels += columns.labels
        self.records += columns.records
        self.rows += len(columns.codes)

    def write(self) -> None:
        """Write the part.

        Raises
        ------
        DataError: there is no space, or no permission (KQ503).
        """
        import numpy as np
        import pyarrow as pa

        duckdb = load("duckdb", "scale")
        labels = pa.Table.from_batches(self._batches, _schema())
        self._batches.clear()
        order = sorted(self._ids, key=lambda key: ((key[0] is None, key[0] or ""), (key[1] is None, key[1] or "")))
        ranks = np.empty(len(order), "u4")
        for rank, key in enumerate(order):
            ranks[self._ids[key]] = rank
        codes = ranks[_joined(self._codes, "u4")]
        sorting = np.argsort(codes.astype("u2") if len(order) < 1 << 16 else codes, kind="stable")
        codes = codes[sorting]
        owners = _joined(self._owners, "u4")[sorting].astype("i8") + self.first[0]
        counts = pa.table({
            "job": _named(codes, [job for job, _ in order]), "category": _named(codes, [name for _, name in order]),
            "label": owners, "n": _joined(self._numbers, "i4")[sorting],
        })  # fmt: skip
        for name in ("counts", "labels"):
            os.makedirs(os.path.join(self._folder, name), exist_ok=True)
        with duckdb.connect(config={"temp_directory": self._folder}) as connection:
            connection.register("counts", counts)
            connection.register("labels", labels)
            places = f"CAST({self.first[0]} + row_number() OVER () - 1 AS BIGINT) AS label, "
            listed = ", ".join((*COLUMNS[:8], f"CAST({self.source} AS INTEGER) AS source", *COLUMNS[8:]))
            for select, file in (
                ("SELECT job::VARCHAR AS job, category::VARCHAR AS category, label, n FROM counts", self.counts),
                (f"SELECT {places}{listed} FROM labels", self.table),
            ):
                path = os.path.join(self._folder, file).replace("'", "''")
                try:
                    connection.execute(
                        f"COPY ({select}) TO '{path}' (FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd)"
                    )
                except duckdb.IOException as error:
                    raise DataError(f"cannot be written: {_reason(error)}", code="KQ503", where=self._folder) from None


def _schema() -> Any:
    import pyarrow as pa

    numbers = {"seconds": pa.float64(), "empty": pa.bool_(), "label_position": pa.int32()}
    numbers |= dict.fromkeys(("record", "start", "length", "line", "item"), pa.int64())
    return pa.schema([(name, numbers.get(name, pa.string())) for name in COLUMNS])


def _joined(arrays: list[Any], kind: str) -> Any:
    import numpy as np

    joined = np.concatenate(arrays) if arrays else np.empty(0, kind)
    arrays.clear()
    return joined


def _named(codes: Any, names: list[str | None]) -> Any:
    """A column of names, by their numbers; None is NULL."""
    import numpy as np
    import pyarrow as pa

    known = {name: number for number, name in enumerate(dict.fromkeys(name for name in names if name is not None))}
    places = np.array([known.get(name, 0) if name is not None else 0 for name in names], "i4")
    missing = np.array([name is None for name in names], bool)
    if not len(names):
        return pa.array([], pa.string())
    return pa.DictionaryArray.from_arrays(
        pa.array(places[codes], mask=missing[codes]), pa.array(list(known), pa.string())
    )


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _half(text: str) -> DataError:
    message = f"{text!a} holds half a character, which no table can hold; queries read the source itself"
    return DataError(f"cannot be indexed: {message}", code="KQ503")


def _reason(error: Exception) -> str:
    text = str(error)
    for known in ("No space left on device", "Permission denied", "Read-only file system"):
        if known in text:
            return known
    return text.splitlines()[0]
