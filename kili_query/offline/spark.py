"""Exports where Spark reads them: NDJSON, JSON, folders and archives become rows of labels, on as many machines as it has.

Spark lists the files. Where they are local to its processes (a folder here, a share that all of them mount), Python beside
them opens the files itself, in slots of about the same size, and no byte goes through Java. What lies in an object store
Spark reads, with its own credentials: lines as texts that it divides, everything else whole (`binaryFile`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from kili_query.engines.lookout import Lookout
from kili_query.engines.spark import PROBLEM, AnyQuery, Batches, require_spark, sent, tree_of
from kili_query.errors import ArgumentError, DataError
from kili_query.formats.containers.archive import JSON_SUFFIXES, LINE_SUFFIXES
from kili_query.formats.kili import LineRange, Part, Place, Problem, Record, plan
from kili_query.model.labels import DEFAULT_LABEL_TYPES, LabelTypes, chosen_types
from kili_query.model.ontology import Ontology, as_ontology
from kili_query.offline.select import Hit, Select, Unit
from kili_query.query import Query

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

SLOT = 32 << 20
"""Bytes of a file that one row of work is about."""

PARTITION, FEW, MANY = 256 << 20, 8, 50_000
"""Bytes that a partition is to have, so that its start (a tenth of a second) is little beside its work; how many partitions
there are at least, as far as there are slots; and at most, as each costs the driver something."""

MAX_WHOLE = (1 << 31) - 1
"""The largest file, in bytes, that Spark hands over whole."""

SELECTED = (
    "source string, place string, external_id string, asset_id string, label_key string, label_position int, "
    f"data binary, {PROBLEM} string"
)
"""The columns of `select`."""


def select(
    session: SparkSession,
    query: AnyQuery,
    *sources: str,
    unit: Unit = "labels",
    ontology: Ontology | None = None,
    types: LabelTypes | None = DEFAULT_LABEL_TYPES,
    data: bool = False,
    validate: bool = False,
    direct: bool | None = None,
) -> DataFrame:
    """What matches in files, folders and archives, as rows; and, as rows with a `problem`, what cannot be read.

    The sizes of the files are looked at now, the files are read when Spark runs. Rows have `source` (the address of the
    file), `place` (where in it), `external_id`, `asset_id`, `label_key` and `label_position` (where in its asset a label
    stands), `data` and `problem`. A name that no label holds is told by no row: `Query.unmet` tells it, with the names of
    an index.

    Parameters
    ----------
    session: of Spark itself or of Spark Connect.
    query: a `Query` or its text.
    sources: addresses or patterns that Spark takes, such as `s3a://bucket/exports/` or `/mnt/exports/*.zip`. Files and folders
        whose names begin with `_` or `.` are hidden, as always in Spark.
    unit: `"labels"`, or `"assets"` for the assets with a label that matches.
    ontology: tells frames of a video from jobs whose keys are digits.
    types: the label types that take part; None: all. By default all but AUTOSAVE.
    data: True: the JSON text of what matches, in `data`.
    validate: decode also large records that cannot match, so that each malformed one is noticed.
    direct: whether Python beside Spark's processes opens the files, which must be local to all of them; None: if all
        sources are paths, or `file:` addresses.

    Raises
    ------
    QuerySyntaxError: the text is not a query.
    DataError: a source is not there, holds no labels by the names of its files, or has a file above 2 GB that Spark would
        have to hand over whole (KQ503).
    ClusterError: Spark is older than 4.
    """
    work = Select(
        Query(tree_of(query)),
        unit,
        as_ontology(ontology),
        chosen_types(types),
        False,
        False,
        False,
        data,
        validate,
        Lookout(()),
    )
    return _read(session, sources, direct, SELECTED, "select_batches", work)


# -- what is to be read ------------------------------------------------------------------------------------------------

_README = "README.kili.txt"
_WHOLE = (*(suffix for suffix in JSON_SUFFIXES if suffix not in LINE_SUFFIXES), ".zip")


def _read(
    session: SparkSession, sources: Sequence[str], direct: bool | None, columns: str, work: str, *arguments: object
) -> DataFrame:
    """The rows that the work makes of what lies at the sources."""
    require_spark(session)
    if not sources or not all(isinstance(source, str) for source in sources):
        raise ArgumentError("sources", "are given one by one, each the address of a file or folder")
    direct = all(map(_is_local, sources)) if direct is None else direct
    files = _load(session, "binaryFile", sources, (*JSON_SUFFIXES, ".zip", _README)).select("path", "length")
    found = _look(files, sources, direct)
    forms = []
    if direct:
        slots = f"ceil(greatest(length, 1) / {SLOT})"
        rows = files.where(found.wanted).selectExpr(
            "path", f"explode(sequence(0L, {slots} - 1)) AS slot", f"{slots} AS slots"
        )
        forms.append(("opened", rows.repartition(_partitions(found.bytes))))
    elif found.whole:
        whole = _load(session, "binaryFile", sources, _WHOLE)
        forms.append(("whole", whole.where(found.wanted).select("path", "content")))
    if not direct and found.lines:
        lines = _load(session, "text", sources, LINE_SUFFIXES).selectExpr("_metadata.file_path AS path", "value")
        forms.append(("lines", lines.where(found.wanted)))
    made = [frame.mapInArrow(sent(work, form, *arguments, module=__name__), columns) for form, frame in forms]
    return made[0] if len(made) == 1 else made[0].unionByName(made[1])


def _partitions(size: int) -> int:
    """How many partitions files of so many bytes are worth.

    >>> [_partitions(megabytes << 20) for megabytes in (0, 100, 1_000, 10_000, 100_000_000)]
    [1, 4, 8, 40, 50000]
    """
    slots, wanted = -(-size // SLOT), -(-size // PARTITION)
    return max(1, min(slots, max(FEW, wanted), MANY))


def _load(session: SparkSession, form: str, sources: Sequence[str], suffixes: Sequence[str]) -> DataFrame:
    """The files below the sources whose names end so, in any letter case."""
    any_case = ("".join(f"[{c.lower()}{c.upper()}]" if c.isalpha() else c for c in suffix) for suffix in suffixes)
    reader = session.read.format(form).option("recursiveFileLookup", "true")
    return reader.option("pathGlobFilter", f"*{{{','.join(any_case)}}}").load(list(sources))


class _Found(NamedTuple):
    """What lies at the sources."""

    bytes: int
    lines: int
    """How many files hold a record on each line."""
    whole: int
    """How many others there are."""
    wanted: str
    """The condition on `path` that a file is to be read."""


def _look(files: DataFrame, sources: Sequence[str], direct: bool) -> _Found:
    """What lies at the sources, by the names and sizes of the files, which Spark has listed.

    What belongs to the assets of an export (below `assets/`, beside its README) holds no labels.
    """
    is_readme = f"path LIKE '%/{_README}'"
    is_lines = " OR ".join(f"lower(path) LIKE '%{suffix}'" for suffix in LINE_SUFFIXES)
    asked = [
        f"collect_set(if({is_readme}, left(path, length(path) - {len(_README)}), NULL)) AS exports",
        f"coalesce(sum(if({is_readme}, 0, length)), 0) AS bytes",
        f"count_if({is_lines}) AS lines",
        f"count_if(NOT ({is_lines} OR {is_readme})) AS whole",
        f"coalesce(max(if({is_lines}, 0, length)), 0) AS largest",
        f"max_by(path, if({is_lines}, 0, length)) AS path",
    ]
    where = ", ".join(sources)
    try:
        (row,) = files.selectExpr(*asked).collect()
    except Exception as error:  # which one depends on Spark and on where the source is
        reason = str(error).strip().partition("\n")[0]
        raise DataError(f"Spark cannot list the files: {reason}", code="KQ503", where=where) from error
    if not row["lines"] + row["whole"]:
        raise DataError(f"holds no files with labels ({', '.join(JSON_SUFFIXES)}, .zip)", code="KQ503", where=where)
    if not direct and row["largest"] > MAX_WHOLE:
        raise DataError(
            f"has {row['largest']} bytes, and Spark hands over 2 GB at most of what it cannot divide; as `.ndjson` it is divided, "
            "and with `direct=True` it is opened where it lies, if that is local to Spark's processes",
            code="KQ503",
            where=row["path"],
        )
    beside = [f"NOT startswith(path, {_literal(f'{folder}assets/')})" for folder in sorted(row["exports"])]
    wanted = " AND ".join([f"NOT {is_readme}", "NOT contains(path, '__MACOSX/')", *beside])
    return _Found(row["bytes"], row["lines"], row["whole"], wanted)


def _is_local(source: str) -> bool:
    return source.startswith("file:") or "://" not in source


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


# -- beside Spark's processes ------------------------------------------------------------------------------------------


class _Opened(NamedTuple):
    """A part of a file, as its reader knows it, and the address that people know."""

    part: Part
    address: str | None
    """None: the places of the part tell addresses themselves."""

    def place(self, where: Place) -> tuple[str, str]:
        """The address of the file, and where in it something stands."""
        source = where.source if self.address is None else self.address
        text = str(where._replace(source=""))
        start = self.part.start if isinstance(self.part, LineRange) else 0
        return source, f"{text} from byte {start} on" if start and text else text


def _opened(batches: Batches, form: str) -> Iterator[_Opened | DataError]:
    """The parts of the files that rows of work are about; a file that cannot be opened is an error."""
    import tempfile

    for batch in batches:
        if form == "lines":
            yield _Opened(_Lines(batch.column("path"), batch.column("value")), None)
            continue
        for row in range(len(batch)):
            address = batch.column("path")[row].as_py()
            if form == "opened":
                slot, slots = batch.column("slot")[row].as_py(), batch.column("slots")[row].as_py()
                yield from _parts(_local_path(address), address, slot, slots)
            else:
                with tempfile.TemporaryDirectory(prefix="kili-query-") as folder:
                    path = os.path.join(folder, address.rpartition("/")[2] or "file")
                    with open(path, "wb") as copy:
                        copy.write(batch.column("content")[row].as_buffer())
                    yield from _parts(path, address, 0, 1)


def _parts(path: str, address: str, slot: int, slots: int) -> Iterator[_Opened | DataError]:
    """Of the parts of a file every so manyth."""
    try:
        for part in islice(plan([path]), slot, None, slots):
            yield _Opened(part, address)
    except DataError as error:
        if slot == 0:
            yield DataError(error.message, code=error.code, where=address)


def _local_path(address: str) -> str:
    from urllib.parse import unquote

    return unquote(address.removeprefix("file:")) if address.startswith("file:") else address


class _Lines(Part):
    """A batch of lines, each a record."""

    __slots__ = ("_paths", "_values", "size", "source")

    def __init__(self, paths: pa.Array, values: pa.Array) -> None:
        self._paths = paths.dictionary_encode()
        self._values = values
        self.source, self.size = "", values.nbytes

    def records(self) -> Iterator[Record | Problem]:
        from kili_query.engines.arrow import texts_of

        buffer, ends = texts_of(self._values)
        places = [Place(path) for path in self._paths.dictionary.to_pylist()]
        for row, path in enumerate(self._paths.indices.to_pylist()):
            start, end = ends[row], ends[row + 1]
            if not buffer[start:end].isspace() and end > start:
                yield Record(buffer, places[path], False, start, end)


def select_batches(batches: Batches, form: str, work: Select) -> Batches:
    """What `select` does with the files of a partition."""
    import pyarrow as pa

    names = [column.split()[0] for column in SELECTED.split(", ")]
    for opened in _opened(batches, form):
        if isinstance(opened, DataError):
            rows = [(opened.where, "", *[None] * 5, opened.message)]
        else:
            hits, summary = work(opened.part.records())
            rows = [_row(opened, hit) for hit in hits]
            told = summary.unplaced
            rows += [(*opened.place(problem.where), *[None] * 5, problem.message) for problem in told]
            if (more := summary.unreadable - sum(not problem.skipped for problem in told)) > 0:
                message = f"{more} more labels of this part of the file cannot be read"
                rows.append((rows[-1][0], "", *[None] * 5, message))
        if rows:
            columns = zip(*rows, strict=True)
            kinds = [pa.string()] * 5 + [pa.int32(), pa.binary(), pa.string()]
            arrays = [pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)]
            yield pa.RecordBatch.from_arrays(arrays, names)


def _row(opened: _Opened, hit: Hit) -> tuple[Any, ...]:
    key, position = hit.label or (None, None)
    ids = hit.external_id, hit.asset_id
    return (*opened.place(hit.where), *ids, key, position, hit.data or None, None)
