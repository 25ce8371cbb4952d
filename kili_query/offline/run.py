"""Work over the parts of an input: in order, on several processes, with a bounded amount under way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Generic, Protocol, TypeVar

from kili_query.formats.kili import FileStream, LineRange, Part, Place, Problem, Record, Source, plan
from kili_query.offline.pool import default_workers, work_through

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

BATCH = 4 << 20
"""Bytes of records that are handed to a worker at a time, where the input is a stream."""

MIN_FOR_WORKERS = 16 << 20
"""Inputs below this size, in bytes, are worked on by one process: starting others would take longer."""


class Work(Protocol[R_co]):
    """What is done with records. It is pickled once for each worker."""

    def __call__(self, records: Iterator[Record | Problem]) -> R_co:
        """The result for the records of one part."""


class PartWork(Protocol[R_co]):
    """What is done with a part, where its records are not enough. It is pickled once for each worker."""

    def __call__(self, part: Part) -> R_co:
        """The result for one part."""


class Done(Generic[R]):
    """The result of one part, with the number of its first line (0 where the part has no lines) and its size in bytes."""

    __slots__ = ("base", "result", "size")

    def __init__(self, result: R, base: int, size: int) -> None:
        self.result = result
        self.base = base
        self.size = size


def run(work: Work[R], sources: Sequence[Source], workers: int | None = None) -> Iterator[Done[R]]:
    """The results of all parts of the sources, in the order of the input.

    Parameters
    ----------
    work: is called with the records of one part after the other, maybe in other processes.
    workers: number of processes; None: as many as cores, one for small inputs.

    Raises
    ------
    DataError: a source cannot be read (KQ503), or a worker process was killed.
    """
    return _run(_OnRecords(work), plan(sources), workers)


def run_parts(work: PartWork[R], parts: Iterator[Part], workers: int | None = None) -> Iterator[Done[R]]:
    """`run`, for parts that are planned already, and work that is done with a part itself."""
    return _run(_OnPart(work), parts, workers)


def _run(work: _Work[R], parts: Iterator[Part], workers: int | None) -> Iterator[Done[R]]:
    if workers is None:
        workers = default_workers()
        first, size = [], 0
        if workers > 1:
            for part in parts:
                first.append(part)
                size += part.size or (BATCH if not part.sequential else MIN_FOR_WORKERS)
                if size >= MIN_FOR_WORKERS:
                    break
            else:
                workers = 1
        parts = chain(first, parts)
    return _with_bases(_run_here(work, parts) if workers <= 1 else _run_in_pool(work, parts, workers))


_Work = Callable[[Part], tuple[R, int]]
"""Gives the result, and how many lines the part has."""
_Result = tuple[Part, R, int]
"""The part, its result, and how many lines it has."""


def _with_bases(results: Iterator[_Result[R]]) -> Iterator[Done[R]]:
    base = 0
    for part, result, lines in results:
        if not isinstance(part, LineRange) or part.start == 0:
            base = 0
        yield Done(result, base, part.size)
        base += lines


class _Batch(Part):
    """Records of a stream, which the process that reads it hands to another."""

    __slots__ = ("items", "size", "source")

    def __init__(self, source: str, items: list[Record | Problem], size: int) -> None:
        self.source = source
        self.items = items
        self.size = size

    def records(self) -> Iterator[Record | Problem]:
        return iter(self.items)

    def sliced(self) -> Part:
        """The same records, to be read from their file again: cheaper than handing their text on."""
        if any(isinstance(item, Record) and item.where.offset is None for item in self.items):
            return self  # lines, whose places in the file are not known
        items = [(item.where, item.size, item.optional) if isinstance(item, Record) else item for item in self.items]
        return _Slices(self.source, items, self.size)


class _Slices(Part):
    """Records of a file that is not compressed, by their positions and sizes."""

    __slots__ = ("items", "size", "source")

    def __init__(self, source: str, items: list[tuple[Place, int, bool] | Problem], size: int) -> None:
        self.source = source
        self.items = items
        self.size = size

    def records(self) -> Iterator[Record | Problem]:
        places = [(item[0].offset or 0, item[1]) for item in self.items if not isinstance(item, Problem)]
        first, last = (places[0][0], sum(places[-1])) if places else (0, 0)
        with open(self.source, "rb") as file:
            file.seek(first)
            buffer = file.read(last - first)
        for item in self.items:
            if isinstance(item, Problem):
                yield item
            else:
                where, size, optional = item
                start = (where.offset or 0) - first
                yield Record(buffer, where, optional, start, start + size)


def _batches(part: Part) -> Iterator[_Batch]:
    """A stream in batches. Their sizes add up to that of the part, if it is known."""
    items: list[Record | Problem] = []
    size = 0
    for item in part.records():
        items.append(item)
        size += item.size if isinstance(item, Record) else 0
        if size >= BATCH:
            yield _Batch(part.source, items, size)
            items, size = [], 0
    yield _Batch(part.source, items, size)


def _divided(parts: Iterator[Part], *, here: bool) -> Iterator[Part]:
    """The parts, streams in batches; `here`: for the process that reads the streams."""
    for part in parts:
        if not part.sequential:
            yield part
            continue
        seekable = isinstance(part, FileStream) and part.is_plain
        for batch in _batches(part):
            yield batch.sliced() if seekable and not here else batch


def _run_here(work: _Work[R], parts: Iterator[Part]) -> Iterator[_Result[R]]:
    for part in _divided(parts, here=True):
        yield part, *work(part)


def _run_in_pool(work: _Work[R], parts: Iterator[Part], workers: int) -> Iterator[_Result[R]]:
    for part, (result, lines) in work_through(work, _divided(parts, here=False), workers):
        yield part, result, lines


class _OnPart(Generic[R]):
    """The work, on a part as a process gets it."""

    def __init__(self, work: PartWork[R]) -> None:
        self._work = work

    def __call__(self, part: Part) -> tuple[R, int]:
        result = self._work(part)
        return result, part.lines if isinstance(part, LineRange) else 0


class _OnRecords(Generic[R]):
    """The work, on the records of a part as a process gets it."""

    def __init__(self, work: Work[R]) -> None:
        self._work = work

    def __call__(self, part: Part) -> tuple[R, int]:
        result = self._work(part.records())
        return result, part.lines if isinstance(part, LineRange) else 0
