"""The manifest of an index: of which sources it speaks, as they were when they were counted, and which files hold what."""

from __future__ import annotations

import os
from collections.abc import Sequence

import msgspec

from kili_query.errors import DataError
from kili_query.formats.containers.streams import crc32
from kili_query.model.kili import VIDEOS
from kili_query.model.labels import LabelTypes, takes_part
from kili_query.model.ontology import Ontology
from kili_query.offline.index.identity import FileIdentity, Identity

NAME = "manifest.json"
FILES = "files.json"
"""The files of the sources that are folders: who adds some needs the list, and nobody else."""
SCHEMA = 1
"""Of the tables (docs/scale.md)."""
COUNTING = 1
"""Of `model.counts`: a change of what is counted is another number."""


class Reading(msgspec.Struct, frozen=True):
    """What of an ontology decides how labels are read: whether keys of digits can be frames, and which keys are jobs all the same."""

    frames: bool = True
    jobs: tuple[str, ...] = ()

    @classmethod
    def of(cls, ontology: Ontology | None) -> Reading:
        """What an ontology decides."""
        if ontology is None:
            return cls()
        jobs = sorted(job for job in ontology.jobs if job == "assetLevel" or (job.isascii() and job.isdigit()))
        return cls(ontology.input_type in (None, *VIDEOS), tuple(jobs))


class Kept(msgspec.Struct, frozen=True):
    """A file of an index, as it was written."""

    file: str
    size: int
    crc: int
    rows: int


class Fault(msgspec.Struct, frozen=True):
    """What could not be read, or was left out."""

    message: str
    where: str
    code: str = "KQ501"
    skipped: bool = False
    label_type: str | None = None
    """The type of a label that is told only to who asks for it."""

    def error(self) -> DataError:
        """The fault as an exception."""
        return DataError(self.message, code=self.code, where=self.where)


class IndexPart(msgspec.Struct, frozen=True):
    """Labels that were counted together."""

    source: int
    first: int
    """The number of its first label."""
    labels: int
    records: int
    counts: Kept
    table: Kept
    """Its part of the table of labels."""
    types: dict[str, int]
    """How many labels there are of each type, `""` for those without one."""
    empty: dict[str, int]
    """How many of them have no answer."""
    unreadable: dict[str, int]
    """How many labels could not be read."""
    broken: int
    """How many records could not be read."""
    faults: list[Fault]
    skipped: int
    apart: bool
    """True if labels of one record may be of different assets, as in a dump in one object."""
    framed: bool
    """True if the ontology may decide what a label holds (`Reading`)."""


class SourceEntry(msgspec.Struct, frozen=True):
    """A source, by its name as seen from the folder of the index, and what it was when it was counted."""

    path: str
    identity: Identity


class Manifest(msgspec.Struct, frozen=True):
    """All that is known of an index without its tables."""

    kind: str
    schema: int
    counting: int
    made_by: str
    sources: list[SourceEntry]
    reading: Reading
    names: list[tuple[str, str]]
    """The (job, category) pairs that labels hold."""
    parts: list[IndexPart]

    @property
    def labels(self) -> int:
        """How many labels there are, of all types, that could be read."""
        return sum(part.labels for part in self.parts)

    @property
    def apart(self) -> bool:
        """True if labels of one record may be of different assets."""
        return any(part.apart for part in self.parts)

    def fits(self, ontology: Ontology | None) -> bool:
        """True if labels are read with this ontology as they were when they were counted."""
        return Reading.of(ontology) == self.reading or not any(part.framed for part in self.parts)

    @property
    def records(self) -> int:
        """How many records there are that could be read."""
        return sum(part.records for part in self.parts)

    def all_take_part(self, types: LabelTypes | None) -> bool:
        """True if all labels are of the types."""
        return all(takes_part(name or None, types) for part in self.parts for name in part.types)


def chosen(numbers: dict[str, int], types: LabelTypes | None) -> int:
    """Of numbers by type, what belongs to some types, added up."""
    return sum(number for name, number in numbers.items() if takes_part(name or None, types))


KIND = "kili_query count index"


def load(folder: str) -> Manifest:
    """The manifest of a folder.

    Raises
    ------
    DataError: there is none, it is damaged, or of another version (KQ503).
    """
    path = os.path.join(folder, NAME)
    try:
        with open(path, "rb") as file:
            data = file.read()
        head = msgspec.json.decode(data, type=_Head)
    except FileNotFoundError:
        raise DataError("holds no manifest of an index", code="KQ503", where=folder) from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", code="KQ503", where=path) from None
    except (msgspec.MsgspecError, UnicodeError):
        raise DataError("the manifest is damaged", code="KQ503", where=folder) from None
    if head.kind != KIND:
        raise DataError("is no index of kili_query", code="KQ503", where=folder)
    if (head.schema, head.counting) != (SCHEMA, COUNTING):
        newer = head.schema > SCHEMA or head.counting > COUNTING
        raise DataError(
            f"is of {'a newer' if newer else 'an older'} version of kili_query ({head.made_by})",
            code="KQ503",
            where=folder,
        )
    try:
        return msgspec.json.decode(data, type=Manifest)
    except (msgspec.MsgspecError, UnicodeError):
        raise DataError("the manifest is damaged", code="KQ503", where=folder) from None


class _Head(msgspec.Struct):
    kind: str
    schema: int
    counting: int
    made_by: str = ""


def save(folder: str, manifest: Manifest, files: Sequence[Sequence[FileIdentity]]) -> None:
    """Write the manifest of an index whose tables are there."""
    for name, value in ((FILES, files), (NAME, manifest)):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(value), indent=2 if name == NAME else 0))
            file.flush()
            os.fsync(file.fileno())


def load_files(folder: str) -> list[list[FileIdentity]]:
    """The files of each source that is a folder.

    Raises
    ------
    DataError: the list is damaged (KQ503).
    """
    try:
        with open(os.path.join(folder, FILES), "rb") as file:
            return msgspec.json.decode(file.read(), type=list[list[FileIdentity]])
    except (OSError, msgspec.MsgspecError, UnicodeError):
        raise DataError("the list of files is damaged", code="KQ503", where=folder) from None


def keep(folder: str, name: str, rows: int) -> Kept:
    """A file that was just written."""
    size, crc = _sum(os.path.join(folder, name))
    return Kept(name, size, crc, rows)


def is_whole(folder: str, kept: Kept) -> bool:
    """True if a file is there as it was written."""
    path = os.path.join(folder, kept.file)
    try:
        return os.path.getsize(path) == kept.size and _sum(path) == (kept.size, kept.crc)
    except OSError:
        return False


def _sum(path: str) -> tuple[int, int]:
    size = crc = 0
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            size, crc = size + len(chunk), crc32(chunk, crc)
    return size, crc
