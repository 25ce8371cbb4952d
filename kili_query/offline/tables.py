"""Tables of annotations: a row for each answer and each object of labels, for analyses of one's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, NamedTuple

from kili_query.errors import ArgumentError, DataError
from kili_query.formats.datasets import parts_of, unrotated
from kili_query.formats.kili import Problem, Record, Source, decode_record
from kili_query.model.annotations import Annotation, annotations_of_label, rotation_of
from kili_query.model.counts import Identity, Key
from kili_query.model.geometry import XY, Line, Pages, Point, Pose, Relation, Ring, TextSpan, signed_area
from kili_query.model.labels import DEFAULT_LABEL_TYPES, Label, LabelTypes, chosen_types, is_bare, labels_of
from kili_query.model.ontology import Ontology, as_ontology
from kili_query.offline.run import run
from kili_query.offline.tally import Tally
from kili_query.offline.write import LineWriter, Order, csv_row
from kili_query.query import Query, parse

if TYPE_CHECKING:
    import pyarrow as pa

    from kili_query.offline.select import Hit

Backend = Literal["pandas", "polars", "pyarrow"]
"""The libraries that tables can be of."""


class Column(NamedTuple):
    """A column: its name, what its cells are, and what they say."""

    name: str
    type: Literal["text", "int", "float", "bool", "time"]
    about: str


COLUMNS = (
    Column("external_id", "text", "external id of the asset"),
    Column("asset_id", "text", "id of the asset"),
    Column("label", "text", "where the label stands in its asset, such as `labels[0]`"),
    Column("label_id", "text", "id of the label, where the export has it"),
    Column("label_type", "text", "such as `DEFAULT`, `REVIEW`, `PREDICTION`"),
    Column("author", "text", "e-mail of the author, or else the id"),
    Column("created_at", "time", "when the label was made, UTC"),
    Column("kind", "text", "`classification`, `object`, `entity`, `relation`, `transcription`, ..."),
    Column("job", "text", "key of the job"),
    Column("category", "text", "key of the category; a row for each one that was chosen"),
    Column("confidence", "float", "how sure a model was of the category, 0 to 100"),
    Column("tool", "text", "how an object was drawn: `rectangle`, `polygon`, `semantic`, `marker`, ..."),
    Column("mid", "text", "id of the object: the same in all frames of a video"),
    Column("object", "int", "number of the object within its label and category, from 1; the same in all frames"),
    Column("parents", "text", "the answers and objects that this is nested in, outermost first"),
    Column("frame", "int", "number of the video frame, from 0"),
    Column("is_key_frame", "bool", "whether a person edited the object in this frame"),
    Column("page", "int", "page of a PDF, from 1: the first one"),
    Column("text", "text", "what was written, or the words of an entity"),
    Column("begin", "int", "offset of an entity in the text, in characters"),
    Column("end", "int", "offset behind its last character"),
    Column("score", "float", "how sure a model was of the object, 0 to 100"),
    Column("x_min", "float", "left edge, as a fraction of the width of the image as it is stored; of a map: degrees"),
    Column("y_min", "float", "upper edge, as a fraction of the height; of a map the southern one, in degrees"),
    Column("x_max", "float", "right edge"),
    Column("y_max", "float", "lower edge; of a map the northern one"),
    Column("area", "float", "of rectangles and polygons without their holes, as a fraction of the image; none on maps"),
    Column("width", "int", "width of the image in pixels, where the export tells it"),
    Column("height", "int", "height of the image in pixels"),
    Column("x_min_px", "float", "left edge in pixels"),
    Column("y_min_px", "float", "upper edge in pixels"),
    Column("x_max_px", "float", "right edge in pixels"),
    Column("y_max_px", "float", "lower edge in pixels"),
    Column("area_px", "float", "area in square pixels"),
    Column("geometry", "text", "the shape as a geometry of GeoJSON, in the units of `x_min`"),
    Column("relation", "text", "of relations: the `mid` at both ends, as JSON: `start` and `end`"),
)
"""The columns, in their order."""

NAMES = tuple(column.name for column in COLUMNS)

Cells = tuple[Any, ...]
"""A row: a value for each column, or None."""


def to_df(
    *sources: Source,
    query: Query | str | None = None,
    backend: Backend = "pandas",
    ontology: Ontology | Mapping[str, object] | None = None,
    types: LabelTypes | None = DEFAULT_LABEL_TYPES,
    workers: int | None = None,
    on_problem: Callable[[DataError], None] | None = None,
) -> Any:
    """A table of the annotations in exports: a row for each chosen category, object, entity, relation and text.

    The columns are those of `docs/tables.md`. Of an object in a video there is a row for each frame.

    Parameters
    ----------
    sources: names of files, folders and archives; `-` is standard input.
    query: only labels that satisfy it; None: all.
    backend: `"pandas"`, `"polars"` or `"pyarrow"`: the library whose table is given.
    ontology: tells frames of a video from jobs whose keys are digits, and what an object without `type` is.
    types: the label types that take part; None: all. By default all but AUTOSAVE.
    workers: number of processes; None: one for each core, for large inputs.
    on_problem: gets each record and label that cannot be read, and reading goes on; without it the first one is raised.

    Raises
    ------
    ArgumentError: an unknown backend, or its library is not installed (extra `tables`).
    DataError: a source, record or label cannot be read.
    QuerySyntaxError: the query is none.

    >>> boxes = to_df("tests/data/coco.zip", query="OBJECT_DETECTION_JOB.person.count >= 2")
    >>> int((boxes["category"] == "person").sum())
    11
    """
    narwhals = _library("narwhals", "to_df")
    if backend not in ("pandas", "polars", "pyarrow"):
        raise ArgumentError("backend", f"is one of `pandas`, `polars`, `pyarrow`, not {backend!r}")
    _library(backend, "backend")
    arrow = _library("pyarrow", "to_df")
    chosen = chosen_types(types)
    work = _Rows(parse(query) if isinstance(query, str) else query, as_ontology(ontology), chosen)
    batches = []
    for done in run(work, sources, workers):
        batch, tally = done.result
        for problem in tally.placed(done.base).problems:
            if on_problem is None:
                raise problem
            on_problem(problem)
        batches.append(batch)
    table = arrow.Table.from_batches(batches, schema=schema())
    return table if backend == "pyarrow" else narwhals.from_arrow(table, backend=backend).to_native()


def rows_of(
    record: Mapping[str, Any], ontology: Ontology | None = None, types: LabelTypes | None = DEFAULT_LABEL_TYPES
) -> Iterator[Cells]:  # fmt: skip
    """The rows of one record of an export: an asset, a label or a conversation.

    Raises
    ------
    DataError: it is none, or a label cannot be read.

    >>> record = {"externalId": "a", "labels": [{"jsonResponse": {"WEATHER": {"categories": [{"name": "SUN"}]}}}]}
    >>> [dict(zip(NAMES, row))["category"] for row in rows_of(record)]
    ['SUN']
    """
    for label in labels_of(record, types=types):
        yield from _rows_of_label(record, label, ontology)


@dataclass(frozen=True)
class _Rows:
    """The work on one part of an input."""

    query: Query | None
    ontology: Ontology | None
    types: LabelTypes | None

    def __call__(self, records: Iterator[Record | Problem]) -> tuple[pa.RecordBatch, Tally]:
        rows, tally = list[Cells](), Tally()
        for item in records:
            record = item if isinstance(item, Problem) else decode_record(item)
            if isinstance(record, Problem):
                tally.set_aside(record)
                continue
            try:
                labels = list(labels_of(record, types=self.types))
            except DataError as error:
                tally.set_aside(Problem(error.message, item.where))
                continue
            for label in labels:
                try:
                    if self.query is None or self.query.matches_label(label, self.ontology):
                        rows += _rows_of_label(record, label, self.ontology)
                except DataError as error:
                    tally.set_aside(Problem(str(error), item.where))
        return to_batch(rows), tally


# -- one label -----------------------------------------------------------------------------------------------------------


def _rows_of_label(record: Mapping[str, Any], label: Label, ontology: Ontology | None) -> Iterator[Cells]:
    annotations = annotations_of_label(label, ontology)
    told: Any = label.record if isinstance(label.record, Mapping) else {}
    author = told.get("author")
    if isinstance(author, Mapping):
        author = author.get("email") or author.get("id")
    where = f"{label.key}[{label.position}]" if label.key not in ("", "label", "latestLabel") else label.key
    own_id = told.get("id") if label.key != "label" else None
    about = (
        label.external_id, label.asset_id, where or None, _text(own_id), label.label_type, _text(author),
        _time(told.get("createdAt")),
    )  # fmt: skip
    asset = told["labelOf"] if is_bare(record) and isinstance(told.get("labelOf"), Mapping) else record
    size = _size(asset.get("resolution"))
    rotation = 0 if label.by_level else rotation_of(label.response)
    flat = ontology is None or ontology.input_type != "GEOSPATIAL"
    met: dict[Key, dict[Identity, int]] = {}
    for annotation in annotations:
        shape = _shape(annotation, rotation, size, flat)
        yield from ((*about, *cells, *shape) for cells in _cells(annotation, met))


def _cells(annotation: Annotation, met: dict[Key, dict[Identity, int]]) -> Iterator[Cells]:
    """What a row says between the label and the shape, once for each category; `met` numbers the objects of the label."""
    rows: list[tuple[str | None, int | None]] = []
    for key, identity in annotation.identities:
        objects = met.setdefault(key, {})
        rows.append((key[1], objects.setdefault(identity, len(objects) + 1)))
    sure = {choice.name: choice.confidence for choice in annotation.categories}
    span = annotation.geometry if isinstance(annotation.geometry, TextSpan) else None
    page = annotation.geometry.rings[0].page if isinstance(annotation.geometry, Pages) else None
    for category, number in rows or [(None, None)]:
        yield (
            annotation.kind, annotation.job, category, sure.get(category or ""), annotation.tool, _text(annotation.mid),
            number, "/".join(map(str, annotation.parents)) or None, annotation.frame, annotation.is_key_frame, page,
            annotation.text, span.begin if span else None, span.end if span else None, annotation.score,
        )  # fmt: skip


def _shape(annotation: Annotation, rotation: int, size: tuple[int, int] | None, flat: bool) -> Cells:
    """The edges, the area, the same in pixels, and the shape itself."""
    geometry, kind, places, area = annotation.geometry, "", list[XY](), None
    drawn: Any = None
    if isinstance(geometry, Relation):
        return (*_NO_SHAPE, json.dumps({"start": geometry.start, "end": geometry.end}))
    if parts := parts_of(annotation, rotation):
        area = sum(_area(part[0]) - sum(map(_area, part[1:])) for part in parts)
        rings = [[_closed(ring) for ring in part] for part in parts]
        kind, drawn = ("Polygon", rings[0]) if len(rings) == 1 else ("MultiPolygon", rings)
        places = [at for part in parts for at in part[0]]
    elif isinstance(geometry, Pages):
        area = sum(_area(ring) for _, ring in geometry.rings)
        kind, drawn = "MultiPolygon", [[_closed(ring)] for _, ring in geometry.rings]
        first = geometry.rings[0].page
        places = [at for page, ring in geometry.rings if page == first for at in ring]
    elif isinstance(geometry, Point):
        places = [unrotated(geometry.at, rotation)]
        kind, drawn = "Point", places[0]
    elif isinstance(geometry, Line):
        places = [unrotated(at, rotation) for at in geometry.points]
        kind, drawn = "LineString", places
    elif isinstance(geometry, Pose) and geometry.points:
        places = [unrotated(point.at, rotation) for point in geometry.points]
        kind, drawn = "MultiPoint", places
    if not places:
        return (*_NO_SHAPE, None)
    xs, ys = [x for x, _ in places], [y for _, y in places]
    box = (min(xs), min(ys), max(xs), max(ys))
    area = area if flat else None
    pixels: Cells = (None,) * 7
    if size and flat:
        width, height = size
        in_pixels = (box[0] * width, box[1] * height, box[2] * width, box[3] * height)
        pixels = (width, height, *in_pixels, None if area is None else area * width * height)
    return (*box, area, *pixels, json.dumps({"type": kind, "coordinates": drawn}, separators=(",", ":")), None)


_NO_SHAPE: Cells = (None,) * 13


def _area(ring: Ring) -> float:
    """Of a ring that crosses itself: the difference of its loops."""
    return abs(signed_area(ring)) / 2


def _closed(ring: Ring) -> Ring:
    return (*ring, ring[0])


def _size(resolution: object) -> tuple[int, int] | None:
    if not isinstance(resolution, Mapping):
        return None
    sides = [resolution.get(side) for side in ("width", "height")]
    known = [int(s) for s in sides if isinstance(s, (int, float)) and not isinstance(s, bool) and 0 < s < 1 << 31]
    return (known[0], known[1]) if len(known) == 2 else None


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _time(value: object) -> datetime | None:
    try:
        read = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return read and (read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC))


# -- libraries -----------------------------------------------------------------------------------------------------------


def _library(name: str, asked_by: str) -> Any:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError:
        package = "polars" if name == "polars" else f"kili_query[{'pandas' if name == 'pandas' else 'tables'}]"
        raise ArgumentError(asked_by, f'needs {name}: `pip install "{package}"`') from None


def schema() -> pa.Schema:
    """The columns as a schema of Arrow."""
    import pyarrow as pa

    types = {
        "text": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_(), "time": pa.timestamp("ms", "UTC"),
    }  # fmt: skip
    return pa.schema([(column.name, types[column.type]) for column in COLUMNS])


def to_batch(rows: Sequence[Cells]) -> pa.RecordBatch:
    """Rows as a batch of Arrow. Halves of surrogate pairs, which no UTF-8 holds, become `\ufffd`."""
    import pyarrow as pa

    known = schema()
    columns = zip(*rows, strict=True) if rows else ((),) * len(COLUMNS)
    return pa.record_batch([_array(cells, field) for cells, field in zip(columns, known, strict=True)], known)


def _array(cells: Sequence[Any], field: pa.Field) -> pa.Array:
    import pyarrow as pa

    try:
        return pa.array(cells, field.type)
    except UnicodeEncodeError:
        whole = [cell and cell.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for cell in cells]
        return pa.array(whole, field.type)


class _TableWriter(LineWriter):
    """Gathers a row for each annotation of what is found."""

    def __init__(self, file: BinaryIO, order: Order) -> None:
        super().__init__(file, order)
        self._order = order
        self._gathered: list[Cells] = []

    def write(self, hit: Hit) -> None:
        """Gather its rows."""
        record = decode_record(Record(hit.data, hit.where))
        if isinstance(record, Problem):
            raise record.error()
        before = len(self._gathered)
        for label in labels_of(record, types=self._order.types):
            with suppress(DataError):  # what cannot be read was told when it was looked at
                self._gathered += list(_rows_of_label(record, label, self._order.ontology))
        self.without_rows += len(self._gathered) == before
        if len(self._gathered) >= ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        raise NotImplementedError


class CsvWriter(_TableWriter):
    """A table of CSV: a line of names, then one for each annotation."""

    def __init__(self, file: BinaryIO, order: Order) -> None:
        super().__init__(file, order)
        self._file.write(csv_row(NAMES).encode())

    def write(self, hit: Hit) -> None:
        """Write its rows: whoever reads along sees them as they come."""
        super().write(hit)
        self._flush()

    def _flush(self) -> None:
        safe = self._order.csv_safe
        text = "".join(csv_row([_csv_cell(cell) for cell in row], safe=safe) for row in self._gathered)
        self._file.write(text.encode(errors="surrogatepass"))
        self._gathered = []


def _csv_cell(cell: object) -> object:
    """A cell as it is written: times as Kili writes them, yes and no as JSON does."""
    if isinstance(cell, datetime):
        return cell.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {True: "true", False: "false"}[cell] if isinstance(cell, bool) else cell


class ParquetWriter(_TableWriter):
    """A Parquet file with a row for each annotation of what is found."""

    def __init__(self, file: BinaryIO, order: Order) -> None:
        super().__init__(file, order)
        _library("pyarrow", "parquet")
        import pyarrow.parquet as pq

        self._table = pq.ParquetWriter(file, schema(), compression="zstd")

    def close(self) -> None:
        """Write the last rows, and what a reader of Parquet begins with."""
        if self._gathered:
            self._flush()
        self._table.close()

    def _flush(self) -> None:
        self._table.write_batch(to_batch(self._gathered))
        self._gathered = []


ROW_GROUP = 50_000
"""Rows that are in memory at a time."""
