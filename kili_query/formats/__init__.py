"""Reading and writing labels on disk; and the table of the formats, which says what each is called."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kili_query.model.kili import PICTURED

if TYPE_CHECKING:
    from kili_query.model.ontology import Job, Ontology


class Format(NamedTuple):
    """A row of the table: a format by the name that options take, and the suffixes of file names that ask for it."""

    name: str
    suffixes: tuple[str, ...]
    read: bool = False
    """True if labels are read from it. What a file holds decides how, not its name."""
    write: str | None = None
    """What writes selections in it, as `module:name`: made as `offline.write.writer` says. None: they are not."""
    ids_only: bool = False
    """True if no more is written of a selection than what is found."""
    archive: bool = False
    """True if it holds whole assets and what belongs to them."""
    binary: bool = False
    """True if it is written to a file, which can seek."""
    rows: bool = False
    """True if it is a table with a row for each annotation."""
    needs: str | None = None
    """The extra of this package that has to be installed for it."""


_OFFLINE = "kili_query.offline"

FORMATS = (
    Format("ndjson", (".ndjson", ".jsonl"), read=True, write=f"{_OFFLINE}.write:LineWriter"),
    Format("json", (".json",), read=True, write=f"{_OFFLINE}.write:ListWriter"),
    Format("csv", (".csv",), write=f"{_OFFLINE}.tables:CsvWriter", rows=True),
    Format("ids", (".txt",), write=f"{_OFFLINE}.write:IdWriter", ids_only=True),
    Format("zip", (".zip",), read=True, write=f"{_OFFLINE}.archive:ArchiveWriter", archive=True, binary=True),
    Format("parquet", (".parquet",), write=f"{_OFFLINE}.tables:ParquetWriter", binary=True, rows=True, needs="tables"),
)
"""All formats. Those that are read may be compressed with gzip too, but for archives."""

IDS_TABLE = Format("ids in csv", (), write=f"{_OFFLINE}.write:IdTableWriter", ids_only=True)
"""What `csv` is, where ids are asked for."""

BY_NAME = {row.name: row for row in (*FORMATS, IDS_TABLE)}

WRITTEN = tuple(row.name for row in FORMATS if row.write)
"""The names of those that selections are written in."""

SUFFIXES = {suffix: row.name for row in FORMATS if row.write for suffix in row.suffixes}
"""Which of them a file name asks for."""

READ_SUFFIXES = tuple(sorted(suffix for row in FORMATS if row.read for suffix in row.suffixes))
"""The suffixes of what labels are read from."""


class Dataset(NamedTuple):
    """A row of the table of dataset formats: what labels become to be trained on (exports.md 1)."""

    name: str
    title: str
    """As people call it."""
    write: str
    """The class that writes it, as `module:name`: made of an `Order`, takes images one by one and gives files."""
    media: str
    """The folder of its media."""
    tools: tuple[str, ...] | None = None
    """A detection job is written if it is drawn with one of these. None: every job is."""
    only_tools: bool = False
    """A job that is drawn with others, too, is not."""
    input_types: tuple[str, ...] | None = None
    """The types of project that it takes. None: all."""
    split: bool = True
    """It can have a folder for each job."""
    single_file: bool = False
    """It can be one file."""
    refused_coordinates: tuple[bool, ...] = ()
    """Values of `normalized_coordinates` that it cannot follow."""
    sized: bool = False
    """It needs the size of each image in pixels."""

    def jobs_of(self, ontology: Ontology) -> dict[str, Job]:
        """The jobs that are written."""
        if self.tools is None:
            return dict(ontology.jobs)
        wanted = set(self.tools)
        return {
            key: job
            for key, job in ontology.jobs.items()
            if job.task == "OBJECT_DETECTION" and job.tools
            and (set(job.tools) <= wanted if self.only_tools else not wanted.isdisjoint(job.tools))
        }  # fmt: skip


_BOXES = ("rectangle", "polygon", "semantic")

DATASETS = (
    Dataset("raw", "Kili's own format", "raw:RawWriter", "assets", single_file=True),
    Dataset("kili", "Kili's own format", "raw:RawWriter", "assets", single_file=True),
    *(
        Dataset(f"yolo_{version}", "YOLO", "yolo:YoloWriter", "images", _BOXES, True, PICTURED, refused_coordinates=(False,))
        for version in ("v4", "v5", "v7", "v8")
    ),
    Dataset("coco", "COCO", "coco:CocoWriter", "data", ("rectangle", "semantic"), False, PICTURED, single_file=True,
            refused_coordinates=(True,), sized=True),
    Dataset("pascal_voc", "Pascal VOC", "pascal_voc:VocWriter", "images", ("rectangle",), False, PICTURED, split=False,
            refused_coordinates=(True,), sized=True),
    Dataset("geojson", "GeoJSON", "geojson:GeoJsonWriter", "images", None, False, ("IMAGE", "GEOSPATIAL"), split=False,
            refused_coordinates=(True, False)),
)  # fmt: skip
"""All dataset formats, in the order in which they are told."""

TARGETS = tuple(row.name for row in DATASETS)
