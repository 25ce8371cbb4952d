"""Check the queries in files, and repair what has one sure repair."""

from __future__ import annotations

import io
import os
import re
import stat
import tokenize
from bisect import bisect, insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, islice
from pathlib import Path, PurePath
from typing import NamedTuple

from kili_query.editor.finding import SUFFIXES, find_queries
from kili_query.editor.finding.embedded import Edit, EmbeddedQuery, Found, apply_edits, steps
from kili_query.editor.ontologies import Ontologies
from kili_query.editor.paths import matches, shown_path
from kili_query.editor.positions import UTF_32, Lines
from kili_query.errors import DataError, Diagnostic, Severity, Span
from kili_query.model.ontology import Ontology

MAX_SIZE = 5_000_000
"""The largest file that is read, in bytes."""
MAX_NOTEBOOK = 100_000_000
"""The largest notebook: most of it are pictures, which cost little."""

_SKIPPED = ("node_modules", "__pycache__")
_BEGIN = 1 << 20  # characters that one process parses before others start, which takes a tenth of a second
_FEW = 64  # files that are left; for fewer no others start
_CHUNK = 8  # files that are handed to a process at a time
_ROUNDS = 50  # a repair can uncover the next mistake: of a text that is no query, only the first is known
_WORDS = re.compile(rb"category_search|kili-query|kili_query")


class Place(NamedTuple):
    """Where a finding stands, for people: lines and columns from 1, in a cell if there is one."""

    line: int
    column: int
    end_line: int
    end_column: int
    cell: int | None
    source_line: str
    """The line that holds its start; empty if nobody is to see it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A diagnostic of a query, and where it stands in its file."""

    path: str
    query: EmbeddedQuery
    diagnostic: Diagnostic
    place: Place
    span: Span
    """The part of the document, in code points."""
    lines: Place
    """Where that is in the file itself, which differs from `place` in a notebook."""
    edits: tuple[Edit, ...]
    """The edits of the document that make the fix; none where there is no fix, or no safe way to write it."""


@dataclass(frozen=True, slots=True)
class FileReport:
    """What was found in one file."""

    path: str
    queries: int = 0
    unchecked: int = 0
    findings: tuple[Finding, ...] = ()
    problem: DataError | None = None
    fixed: int = 0
    parsed: int = 0
    """How many characters were looked at closely; none in a file that can hold no query."""

    def fails(self, *, strict: bool = False) -> bool:
        """True if a finding is an error; `strict`: or a warning."""
        bad = (Severity.ERROR, Severity.WARNING) if strict else (Severity.ERROR,)
        return any(finding.diagnostic.severity in bad for finding in self.findings)


# -- which files -------------------------------------------------------------------------------------------------------


def files_below(paths: Iterable[str], exclude: Sequence[str] = ()) -> Iterator[str | DataError]:
    """The files at and below paths, each once; in their place the problems with those that are not there.

    Folders that are hidden, are virtual environments, or hold what tools made are left out, and so is what `exclude`
    names. Links to folders are not followed.
    """
    seen = set[str]()
    for path in paths:
        for file in _below(path, exclude):
            where = file if isinstance(file, str) else file.where
            if os.path.abspath(where) not in seen:
                seen.add(os.path.abspath(where))
                yield file


def _below(path: str, exclude: Sequence[str]) -> Iterator[str | DataError]:
    if _excluded(path, exclude):
        return
    try:
        is_folder = stat.S_ISDIR(os.stat(path).st_mode)
    except (OSError, ValueError) as error:
        yield _unreadable(path, error)
        return
    if not is_folder:
        known = path.lower().endswith(SUFFIXES)
        message = "is no Python file (.py, .pyi, .pyw), notebook (.ipynb) or query file (.kq)"
        yield path if known else DataError(message, code="KQ503", where=path)
        return
    failed: list[OSError] = []
    for at, folders, names in os.walk(path, onerror=failed.append):
        inside = "pyvenv.cfg" not in names or at == path
        folders[:] = sorted(
            name
            for name in folders
            if inside
            and name[0] != "."
            and name not in _SKIPPED
            and not (exclude and _excluded(os.path.join(at, name), exclude))
        )
        for name in sorted(names) if inside else ():
            file = os.path.join(at, name)
            if name.lower().endswith(SUFFIXES) and not (exclude and _excluded(file, exclude)):
                yield os.path.normpath(file)
        while failed:
            yield _unreadable(str(failed[0].filename), failed.pop(0))


def _excluded(path: str, exclude: Sequence[str]) -> bool:
    shown = PurePath(shown_path(path))
    return any(matches(pattern, shown) for pattern in exclude)


def _unreadable(path: str, error: OSError | ValueError) -> DataError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return DataError(f"cannot be read: {reason}", code="KQ503", where=path)


# -- many files --------------------------------------------------------------------------------------------------------


class Linted(NamedTuple):
    """What came of one path: the report of its file, if it is one that can be checked, and what is wrong with it."""

    report: FileReport | None
    problems: tuple[DataError, ...]
    """What could not be read or written: the file, or the ontology and the configuration that it needs."""


def lint_files(
    files: Iterable[str | DataError], ontologies: Ontologies, *, fix: bool = False, workers: int | None = None
) -> Iterator[Linted]:
    """Check all queries in files, in the order of the files; problems of ontologies are reported once.

    Parameters
    ----------
    files: what `files_below` gives.
    fix: first write the safe fixes into the files.
    workers: number of processes; None: as many as cores, one as long as there is little to parse.

    Raises
    ------
    DataError: a worker process was killed.
    """
    files, told = iter(files), set[tuple[str, str]]()
    here = _here(files, ontologies, fix, 1 if workers else _BEGIN)  # what the first file needs, the others find ready
    for report, problems in chain(here, _there(files, ontologies, fix, workers)):
        new = {(problem.where, problem.message): problem for problem in problems}
        yield Linted(report, tuple(problem for key, problem in new.items() if key not in told))
        told.update(new)


def _here(files: Iterator[str | DataError], ontologies: Ontologies, fix: bool, enough: int) -> Iterator[Linted]:
    """The first files, until it is worth while to start other processes."""
    parsed = 0
    for file in files:
        linted = _linted(file, ontologies, fix)
        yield linted
        parsed += linted.report.parsed if linted.report else 0
        if parsed >= enough:
            return


def _there(
    files: Iterator[str | DataError], ontologies: Ontologies, fix: bool, workers: int | None
) -> Iterator[Linted]:
    """The other files, on several processes if they are many."""
    from kili_query.offline.pool import default_workers, work_through

    some = list(islice(files, _FEW))
    if workers is None:
        workers = default_workers() if len(some) == _FEW else 1
    if workers == 1:
        yield from (_linted(file, ontologies, fix) for file in chain(some, files))
        return
    rest = [*some, *files]  # a process that is forked while folders are gone through would inherit them open
    chunks = [rest[at : at + _CHUNK] for at in range(0, len(rest), _CHUNK)]
    work: Callable[[list[str | DataError]], list[Linted]] = _LintChunk(ontologies, fix)
    for _, done in work_through(work, chunks, workers):
        yield from done


@dataclass(frozen=True, slots=True)
class _LintChunk:
    """The work of another process: some files."""

    ontologies: Ontologies
    fix: bool

    def __call__(self, files: list[str | DataError]) -> list[Linted]:
        return [_linted(file, self.ontologies, self.fix) for file in files]


def _linted(file: str | DataError, ontologies: Ontologies, fix: bool) -> Linted:
    if isinstance(file, DataError):
        return Linted(None, (file,))
    unwritten: DataError | None = None
    try:
        report = lint_file(file, ontologies, fix=fix)
    except DataError as error:  # not written; what is wrong is still told
        unwritten, report = error, lint_file(file, ontologies)
    problems = (unwritten, report.problem, *ontologies.problems())
    return Linted(report, tuple(problem for problem in problems if problem is not None))


# -- one file ----------------------------------------------------------------------------------------------------------


class _Document(NamedTuple):
    source: str
    encoding: str
    exact: bool
    """True if the source, encoded again, is the file, byte for byte."""


def lint_file(path: str, ontologies: Ontologies, *, fix: bool = False) -> FileReport:
    """Check all queries in a file; with `fix`, first write the safe fixes into it. Never raises for what a file holds.

    Raises
    ------
    DataError: the fixed file cannot be written.
    """
    try:
        document = _read(path)
    except DataError as error:
        return FileReport(path, problem=error)
    if document is None:
        return FileReport(path)
    source, fixed = document.source, 0
    found = find_queries(path, source)
    if fix and document.exact:
        source, fixed, found = _fixed(path, source, found, ontologies, document.encoding)
        if fixed:
            from kili_query.offline.files import whole_file

            if not os.access(path, os.W_OK):  # a rename would not mind
                raise DataError("cannot be written: it is read-only", code="KQ503", where=path)
            with whole_file(path) as file:
                file.write(source.encode(document.encoding))
    chosen = dict[str | None, Ontology | None]()
    for query in found.queries:
        if query.project not in chosen:
            chosen[query.project] = ontologies.get(path, query.project)
    lines = Lines(source, UTF_32)
    findings = [finding for query in found.queries for finding in _findings(path, lines, query, chosen[query.project])]
    once = {(finding.span, finding.diagnostic.code, finding.diagnostic.message): finding for finding in findings}
    problem = DataError(found.problem, code="KQ503", where=path) if found.problem else None
    queries = len({query.start for query in found.queries})
    return FileReport(path, queries, found.unchecked, tuple(once.values()), problem, fixed, len(source))


def _read(path: str) -> _Document | None:
    """The text of a file; None if it can hold no query."""
    suffix = PurePath(path).suffix.lower()
    most = MAX_NOTEBOOK if suffix == ".ipynb" else MAX_SIZE
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise DataError("is no regular file", code="KQ503", where=path)
        if status.st_size > most:
            raise DataError(f"has {status.st_size:,} bytes; at most {most:,} are read", code="KQ503", where=path)
        data = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise error if isinstance(error, DataError) else _unreadable(path, error) from None
    if b"\0" in data:
        raise DataError("is binary", code="KQ503", where=path)
    if suffix != ".kq" and _WORDS.search(data) is None:
        return None
    try:
        encoding = "utf-8" if suffix in (".kq", ".ipynb") else tokenize.detect_encoding(io.BytesIO(data).readline)[0]
        encoding = encoding.replace("utf-8-sig", "utf-8")  # a byte order mark stays a character
        source = data.decode(encoding)
    except UnicodeError as error:
        at = f" (byte {error.start})" if isinstance(error, UnicodeDecodeError) else ""
        raise DataError(f"is not {encoding.upper()} text{at}", code="KQ503", where=path) from None
    except SyntaxError as error:
        raise DataError(f"has no readable encoding: {error.msg}", code="KQ503", where=path) from None
    except LookupError:  # a codec of bytes, such as base64
        raise DataError(f"has no readable encoding: {encoding} is none of texts", code="KQ503", where=path) from None
    return _Document(source, encoding, _encodable(source, encoding) and source.encode(encoding) == data)


def _findings(path: str, lines: Lines, query: EmbeddedQuery, ontology: Ontology | None) -> Iterator[Finding]:
    for diagnostic in query.diagnose(ontology):
        span = query.locate(diagnostic.span)
        if query.cell:
            cell = Lines(query.cell.passage.text, UTF_32)
            place = _place(cell, query.passage.locate(diagnostic.span), query.cell.number)
            whole = _place(lines, span, shown=False)  # a notebook can be one line
        else:
            place = whole = _place(lines, span)
        edits = query.edits(diagnostic.fix) if diagnostic.fix else ()
        yield Finding(path, query, diagnostic, place, span, whole, edits)


def _place(lines: Lines, span: Span, cell: int | None = None, *, shown: bool = True) -> Place:
    text, starts = lines.text, lines.starts
    line, end_line = (bisect(starts, offset) for offset in span)
    mark = text.startswith("\ufeff")  # no column for people
    column, end_column = (
        offset - starts[at - 1] + 1 - (mark and at == 1) for offset, at in zip(span, (line, end_line), strict=True)
    )
    end = starts[line] if line < len(starts) else len(text)
    source_line = text[starts[line - 1] : end].rstrip("\r\n").removeprefix("\ufeff") if shown else ""
    return Place(line, column, end_line, end_column, cell, source_line)


# -- repairs -----------------------------------------------------------------------------------------------------------


class _Repair(NamedTuple):
    """The safe fixes of one query that do not touch each other."""

    edits: list[Edit]
    text: str
    """The query afterwards."""
    fixes: int


def _fixed(path: str, source: str, found: Found, ontologies: Ontologies, encoding: str) -> tuple[str, int, Found]:
    """The source with safe fixes made until none is left, how many, and what is found in it."""
    fixed = 0
    for _ in range(_ROUNDS):
        repairs = [_repair(path, list(same), ontologies) for _, same in _by_literal(found)]
        changed = apply_edits(source, (edit for repair in repairs for edit in repair.edits))
        if changed == source or not _encodable(changed, encoding):
            break
        again = find_queries(path, changed)
        read = [next(same).text for _, same in _by_literal(again)]
        if read != [repair.text for repair in repairs] or again.problem != found.problem:
            break  # what reads otherwise than meant is never written
        source, found, fixed = changed, again, fixed + sum(repair.fixes for repair in repairs)
    return source, fixed, found


def _by_literal(found: Found) -> Iterator[tuple[int, Iterator[EmbeddedQuery]]]:
    """The queries of each literal: more than one, if it is used for several projects."""
    return groupby(found.queries, key=lambda query: query.start)


def _repair(path: str, same: list[EmbeddedQuery], ontologies: Ontologies) -> _Repair:
    query, *others = same
    diagnostics = query.diagnose(ontologies.get(path, query.project))
    for other in others:  # what is wrong for one project only is not repaired for both
        told = set(other.diagnose(ontologies.get(path, other.project)))
        diagnostics = [diagnostic for diagnostic in diagnostics if diagnostic in told]
    taken, edits, inside, fixes = list[Span](), list[Edit](), list[Edit](), 0
    for diagnostic in diagnostics:
        if diagnostic.fix is None or not diagnostic.fix.safe:
            continue
        more = query.edits(diagnostic.fix)
        if not more or any(_touches(edit.span, taken) for edit in more):
            continue
        for edit in more:
            insort(taken, edit.span)
        edits += more
        inside += (Edit(step.span, step.text) for step in steps(query.text, diagnostic.fix))
        fixes += 1
    return _Repair(edits, apply_edits(query.text, inside), fixes)


def _touches(span: Span, taken: list[Span]) -> bool:
    """True if the span overlaps one of the others, which are in order, or lies directly beside it."""
    index = bisect(taken, span)
    before, after = taken[max(index - 1, 0) : index], taken[index : index + 1]
    return any(other.end >= span.start for other in before) or any(other.start <= span.end for other in after)


def _encodable(source: str, encoding: str) -> bool:
    try:
        source.encode(encoding)
    except UnicodeError:
        return False
    return True
