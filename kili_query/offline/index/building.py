"""Make an index, or bring one up to date: counted anew is only what is new; the old one stays until the new one is whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from tempfile import mkdtemp

from kili_query.errors import DataError
from kili_query.formats.containers.records import Part
from kili_query.formats.containers.sources import PART, folder_names, folder_parts, plan, recognized_dataset
from kili_query.formats.extras import load as load_library
from kili_query.formats.reading.dataset import TITLES
from kili_query.model.ontology import Ontology
from kili_query.offline.index import manifest as m
from kili_query.offline.index.counting import Columns, Counting
from kili_query.offline.index.identity import FileIdentity, Identity, identity_of
from kili_query.offline.index.places import beside, in_cache
from kili_query.offline.index.writing import PartWriter
from kili_query.offline.run import run_parts
from kili_query.offline.tally import MAX_KEPT


@dataclass
class Built:
    """What came of it."""

    folder: str
    manifest: m.Manifest
    kept: int = 0
    """How many of the labels had been counted before."""
    in_cache: str | None = None
    """Why it is not where it would be; None: it is."""
    size: int = 0
    """Bytes of the index."""
    faults: list[DataError] = field(default_factory=list)
    skipped: list[DataError] = field(default_factory=list)

    @property
    def unreadable(self) -> int:
        """How many labels and records could not be read."""
        return sum(part.broken + sum(part.unreadable.values()) for part in self.manifest.parts)


def build(
    sources: Sequence[str],
    folder: str | None = None,
    *,
    ontology: Ontology | None = None,
    workers: int | None = None,
    tell: Callable[[int], None] = lambda _: None,
) -> Built:
    """Make the index of sources, or bring it up to date.

    Parameters
    ----------
    folder: where it is made; None: beside the one source or, if nothing can be written there, in this user's cache.
    ontology: tells frames of a video from jobs whose keys are digits.
    workers: number of processes; None: one for each core, for large inputs.
    tell: is called with the bytes that were counted since the last call.

    Raises
    ------
    DataError: a source or the folder cannot be read or written, a source changed meanwhile, a library is missing (KQ503).
    """
    if "-" in sources:
        raise DataError("cannot be read again, and an index speaks of what can", code="KQ503", where="standard input")
    for source in sources:
        if other := recognized_dataset(source):
            message = f"is a dataset of another format ({TITLES[other.format]}), which is read whole each time; `kili-query convert --to kili` makes an export"
            raise DataError(message, code="KQ503", where=source)
    for library in ("duckdb", "numpy", "pyarrow"):  # before a long work
        load_library(library, "scale")
    if folder is not None:
        return _build(sources, os.path.abspath(folder), ontology, workers, tell)
    (source,) = sources
    target, reason = beside(source), None
    try:
        _try_to_write(os.path.dirname(target))
    except OSError as error:
        target, reason = in_cache(source), error.strerror or str(error)
        os.makedirs(os.path.dirname(target), exist_ok=True)
    built = _build(sources, target, ontology, workers, tell)
    built.in_cache = reason
    return built


def _try_to_write(folder: str) -> None:
    os.rmdir(mkdtemp(prefix=".kqindex-", dir=folder))


def _build(
    sources: Sequence[str], target: str, ontology: Ontology | None, workers: int | None, tell: Callable[[int], None]
) -> Built:
    if os.path.lexists(target) and not _is_replaceable(target):
        raise DataError("cannot be written: it is there, and is no index", code="KQ503", where=target)
    now = [identity_of(source) for source in sources]
    entries = [
        m.SourceEntry(_seen_from(source, target), identity) for source, (identity, _) in zip(sources, now, strict=True)
    ]
    old = _old(target, entries, ontology)
    with _new_folder(target) as made:
        parts: list[m.IndexPart] = []
        names: dict[tuple[str, str], None] = {}
        kept = 0
        work: list[Iterator[Part]] = []
        if old is not None and (added := _added(target, sources, old, now)) is not None:
            parts, names, kept = list(old.parts), dict.fromkeys(map(tuple, old.names)), old.labels  # type: ignore[arg-type]
            for part in parts:
                _link(target, made, part.counts.file)
                _link(target, made, part.table.file)
            work = [
                folder_parts(source, files, PART) if files else iter(())
                for source, files in zip(sources, added, strict=True)
            ]
        else:
            work = [plan([source]) for source in sources]
        for number, (source, planned) in enumerate(zip(sources, work, strict=True)):
            counting = Counting(ontology, os.path.join(source, "") if os.path.isdir(source) else "")
            _count(made, number, counting, planned, workers, tell, parts, names)
        if [identity_of(source) for source in sources] != now:
            raise DataError(
                "a source changed while it was counted; nothing is kept of it", code="KQ503", where=sources[0]
            )
        if not any(part.records for part in parts):
            for fault in (fault for part in parts for fault in part.faults if not fault.skipped):
                raise fault.error()  # nothing was read: no index of it
        manifest = m.Manifest(
            m.KIND, m.SCHEMA, m.COUNTING, version("kili_query"), entries, m.Reading.of(ontology), sorted(names), parts
        )
        m.save(made, manifest, [files for _, files in now])
        size = sum(os.path.getsize(os.path.join(at, name)) for at, _, files in os.walk(made) for name in files)
        _put_in_place(made, target)
    faults = [fault for part in parts for fault in part.faults]
    return Built(
        target, manifest, kept, size=size,
        faults=[fault.error() for fault in faults if not fault.skipped],
        skipped=[fault.error() for fault in faults if fault.skipped],
    )  # fmt: skip


def _count(
    folder: str, source: int, counting: Counting, planned: Iterator[Part], workers: int | None,
    tell: Callable[[int], None], parts: list[m.IndexPart], names: dict[tuple[str, str], None],
) -> None:  # fmt: skip
    """Count a source, and write its parts."""

    def begun() -> tuple[PartWriter, _Told]:
        first = sum(part.labels for part in parts), sum(part.records for part in parts)
        return PartWriter(folder, len(parts), source, first), _Told()

    writer, told = begun()
    for done in run_parts(counting, planned, workers):
        told.add(done.result, done.base)
        writer.add(done.result, done.base)
        tell(done.size)
        if writer.is_full:
            parts.append(_written(folder, writer, told))
            names.update(dict.fromkeys(writer.names))
            writer, told = begun()
    if writer.records or told.faults or not any(part.source == source for part in parts):
        parts.append(_written(folder, writer, told))
        names.update(dict.fromkeys(writer.names))


class _Told:
    """What is told of a part beside its tables."""

    def __init__(self) -> None:
        self.faults: list[m.Fault] = []
        self.unreadable: dict[str, int] = {}
        self.skipped = self.broken = 0
        self.apart = self.framed = False

    def add(self, columns: Columns, base: int) -> None:
        for problem, label_type in columns.faults[: MAX_KEPT - len(self.faults)]:
            where = str(problem.where.moved(base))
            self.faults.append(m.Fault(problem.message, where, problem.code, problem.skipped, label_type or None))
        for name, number in columns.unreadable.items():
            self.unreadable[name] = self.unreadable.get(name, 0) + number
        self.skipped += columns.skipped
        self.broken += columns.broken
        self.apart |= columns.apart
        self.framed |= columns.framed


def _written(folder: str, writer: PartWriter, told: _Told) -> m.IndexPart:
    writer.write()
    return m.IndexPart(
        writer.source, writer.first[0], writer.labels, writer.records, m.keep(folder, writer.counts, writer.rows),
        m.keep(folder, writer.table, writer.labels), writer.types, writer.empty,
        told.unreadable, told.broken, told.faults, told.skipped, told.apart, told.framed,
    )  # fmt: skip


# -- what is there already ----------------------------------------------------------------------------------------------


def _old(target: str, entries: Sequence[m.SourceEntry], ontology: Ontology | None) -> m.Manifest | None:
    """The manifest of an index of the same sources that is whole; None: all is to be counted."""
    try:
        old = m.load(target)
    except DataError:
        return None
    same = [entry.path for entry in old.sources] == [entry.path for entry in entries]
    if not same or not old.fits(ontology) or old.reading != m.Reading.of(ontology):
        return None
    whole = all(m.is_whole(target, kept) for part in old.parts for kept in (part.counts, part.table))
    return old if whole else None


_Now = tuple[Identity, list[FileIdentity]]


def _added(
    target: str, sources: Sequence[str], old: m.Manifest, now: Sequence[_Now]
) -> list[list[tuple[str, bool]]] | None:
    """The files that are new in each source, if nothing else is; None: all is to be counted."""
    try:
        known = m.load_files(target)
    except DataError:
        return None
    added: list[list[tuple[str, bool]]] = []
    for source, entry, (identity, files), before in zip(sources, old.sources, now, known, strict=True):
        if identity == entry.identity:
            added.append([])
            continue
        if identity.kind != "folder" or not set(before) <= set(files):
            return None
        new = {file.name for file in set(files) - set(before)}
        added.append([chosen for chosen in folder_names(source) if chosen[0] in new])
    return added


def _seen_from(source: str, target: str) -> str:
    """The name of a source as an index tells it: from the folder that it lies in, so that both can be moved together."""
    path = os.path.abspath(source)
    above = os.path.dirname(target)
    try:
        if os.path.commonpath([path, above]) == above:
            return os.path.relpath(path, above).replace(os.sep, "/")
    except ValueError:  # of another drive
        pass
    return path


# -- files --------------------------------------------------------------------------------------------------------------


@contextmanager
def _new_folder(target: str) -> Iterator[str]:
    """A folder beside the target, gone at the end unless it was put in its place."""
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        made = mkdtemp(prefix=f".{os.path.basename(target)}.", suffix=".kqindex", dir=os.path.dirname(target))
        os.chmod(made, 0o777 & ~_umask())
    except OSError as error:
        raise DataError(f"cannot be written: {error.strerror or error}", code="KQ503", where=target) from None
    try:
        yield made
    except OSError as error:
        raise DataError(f"cannot be written: {error.strerror or error}", code="KQ503", where=target) from None
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def _is_replaceable(target: str) -> bool:
    """True for an index, also one that is damaged or of another version, and for an empty folder."""
    if not os.path.isdir(target) or os.path.islink(target):
        return False
    return not os.listdir(target) or os.path.isfile(os.path.join(target, m.NAME))


def _link(target: str, made: str, name: str) -> None:
    """A file that stays as it is: the same one under a second name or, where that cannot be, a copy."""
    to = os.path.join(made, name)
    os.makedirs(os.path.dirname(to), exist_ok=True)
    try:
        os.link(os.path.join(target, name), to)
    except OSError:
        shutil.copyfile(os.path.join(target, name), to)


def _put_in_place(made: str, target: str) -> None:
    """Of two processes that do this at once, the later one wins; each leaves a whole index."""
    for _ in range(100):
        try:
            os.rename(made, target)
            return
        except OSError:
            if not os.path.isdir(target):
                raise
        away = mkdtemp(prefix=f".{os.path.basename(target)}.", suffix=".kqindex", dir=os.path.dirname(target))
        with suppress(OSError):  # another process was faster
            os.rename(target, away)
        shutil.rmtree(away, ignore_errors=True)
    raise DataError("cannot be put in its place: other processes write there", code="KQ503", where=target)
