"""Which ontology the queries of a file are checked against: from `pyproject.toml`, a file beside it, or an option."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath
from typing import Generic, NamedTuple, TypeVar

from kili_query.editor.paths import matches, shown_path
from kili_query.errors import DataError
from kili_query.model.kili import INPUT_TYPES
from kili_query.model.ontology import Ontology

BESIDE = "kili-ontology.json"
"""The name of an ontology file that needs no configuration."""

_ENTRY = {"ontology", "input_type"}
_TABLE = {*_ENTRY, "export", "ontologies"}
_ROW = {*_ENTRY, "path", "project"}
_DEPTH = 100
"""Folders above a file that are looked at: more than people make."""

T = TypeVar("T")
Stamp = tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the configuration: an ontology file, and for which files or project it is."""

    file: str
    input_type: str | None = None
    path: str | None = None
    project: str | None = None


class _Files(Generic[T]):
    """What files hold, each read again when it has changed. Of one that is not there nothing is kept: there are many."""

    def __init__(self, read: Callable[[str], T]) -> None:
        self._read = read
        self._known: dict[str, tuple[Stamp, T]] = {}

    def get(self, path: str) -> T:
        stamp = stamp_of(path)
        known = self._known.get(path)
        if known is None or known[0] != stamp:
            self._known.pop(path, None)
            known = stamp, self._read(path)
            if stamp is not None:
                self._known[path] = known
        return known[1]


class _Table(NamedTuple):
    """The table `[tool.kili-query]` of a `pyproject.toml`."""

    rows: tuple[Entry, ...] = ()
    export: str | None = None


class Ontologies:
    """The ontologies of files. A file that has changed is read again; what is wrong with one is reported once.

    Parameters
    ----------
    option: an ontology file for all queries, whatever is configured.
    input_type: the type of that project's assets, such as `"VIDEO"`.

    For a file, the folders are gone through from its own upwards. In each, `[tool.kili-query]` of `pyproject.toml` comes
    first: the row for the project, the row for the path, the one ontology of the table; then `kili-ontology.json`.
    The first that there is counts. Past a hundred folders nobody looks further.
    """

    def __init__(self, option: str | Path | None = None, input_type: str | None = None) -> None:
        self._option = Entry(os.fspath(option), input_type) if option is not None else None
        self._untold: list[DataError] = []
        self._problems: dict[str, DataError] = {}
        self._loaded: dict[str | None, _Files[Ontology | None]] = {}
        self._tables = _Files(self._table)

    def get(self, file: str | Path, project: str | None = None) -> Ontology | None:
        """The ontology for queries in a file, of a project if the call names one; None if there is none.

        Never raises: a broken ontology is none, and `problems` tells of it.
        """
        entry = self.entry(file, project)
        if entry is None:
            return None
        files = self._loaded.setdefault(entry.input_type, _Files(partial(self._load, input_type=entry.input_type)))
        return files.get(entry.file)

    def entry(self, file: str | Path, project: str | None = None) -> Entry | None:
        """Where that ontology is."""
        if self._option:
            return self._option
        path = os.path.abspath(file)
        for folder in _folders(path):
            near = [entry for entry in self._near(path, folder) if entry.project in (None, project)]
            if near:  # of equals, the first
                return max(near, key=lambda entry: (entry.project is not None, entry.path is not None))
        return None

    def entries(self, file: str | Path) -> Iterator[Entry]:
        """Where ontologies for queries in a file may be, whatever their project."""
        path = os.path.abspath(file)
        for folder in _folders(path):
            yield from self._near(path, folder)

    def export(self, file: str | Path) -> str | None:
        """The export that is configured for a file: an archive, a folder or a file of labels; None if there is none."""
        tables = (self._tables.get(_configuration(folder)) for folder in _folders(os.path.abspath(file)))
        return next((table.export for table in tables if table.export is not None), None)

    def problems(self) -> list[DataError]:
        """What is wrong with ontologies and configuration, and was not reported before."""
        told, self._untold = self._untold, []
        return told

    def problem(self, file: str | Path, project: str | None = None) -> DataError | None:
        """What is wrong with the ontology or the configuration of a file, reported or not."""
        entry, path = self.entry(file, project), os.path.abspath(file)
        places = [entry.file] if entry else []
        places += (_configuration(folder) for folder in _folders(path))
        return next((self._problems[place] for place in places if place in self._problems), None)

    def _near(self, file: str, folder: str) -> list[Entry]:
        """The rows of one folder for a file; without any, the ontology file that lies there."""
        rows = self._tables.get(_configuration(folder)).rows
        inside = PurePath(os.path.relpath(file, folder)) if rows else PurePath()
        fitting = [row for row in rows if row.path is None or matches(row.path, inside)]
        beside = os.path.join(folder, BESIDE)
        return [*fitting, Entry(beside)] if os.path.isfile(beside) else fitting

    def _load(self, path: str, input_type: str | None) -> Ontology | None:
        try:
            found = _loaded(path, input_type) if self._option is None else Ontology.load(path, input_type)
        except DataError as error:
            where = error.where.replace(path, shown_path(path), 1)
            self._note(path, DataError(f"{error.message}; names are not checked", code=error.code, where=where))
            return None
        self._note(path, None)
        return found

    def _table(self, path: str) -> _Table:
        try:
            table = _read_table(path)
        except DataError as error:
            self._note(path, error.at(shown_path(path)))
            return _Table()
        self._note(path, None)
        return table

    def _note(self, path: str, problem: DataError | None) -> None:
        before = self._problems.pop(path, None)
        if problem is not None:
            self._problems[path] = problem
            if str(before) != str(problem):
                self._untold.append(problem)


class FoundOntology(NamedTuple):
    """An ontology that nobody has named: it lies near, or is configured."""

    ontology: Ontology
    path: str
    """Its file, from the working folder if it lies below."""


def find_ontology(file: str | Path, input_type: str | None = None) -> FoundOntology | None:
    """The ontology that `Ontologies` takes for the queries of a file, if there is one.

    Parameters
    ----------
    file: need not be there: for what stands in no file, any name in the folder that counts.
    input_type: the type of the project's assets, whatever the configuration says.

    Raises
    ------
    DataError: it cannot be used, or the configuration cannot.
    """
    ontologies = Ontologies()
    entry, problem = ontologies.entry(file), ontologies.problem(file)
    if problem is not None:
        raise problem
    if entry is None:
        return None
    path = shown_path(entry.file)
    return FoundOntology(_loaded(path, input_type or entry.input_type), path)


def _loaded(path: str, input_type: str | None) -> Ontology:
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        raise DataError("is no regular file", code="KQ503", where=path)  # a pipe would be waited for
    return Ontology.load(path, input_type)


def _read_table(path: str) -> _Table:
    """`[tool.kili-query]` of a file; an empty one if there is none.

    Raises
    ------
    DataError: it cannot be read, or is of a wrong shape.
    """
    try:
        with open(path, "rb") as file:
            data = file.read()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return _Table()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return _Table()
        raise DataError(f"cannot be read: {error.strerror}", code="KQ503") from None
    if b"kili-query" not in data:
        return _Table()
    import tomllib

    try:
        whole = tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise DataError(f"is not UTF-8 text (byte {error.start})", code="KQ503") from None
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"is not TOML: {error}", code="KQ503") from None
    tool = whole.get("tool", {})
    table = tool.get("kili-query") if isinstance(tool, dict) else None
    if table is None:
        return _Table()
    where = "[tool.kili-query]"
    if not isinstance(table, dict):
        raise DataError("must be a table", code="KQ503", where=where)
    _known(table, _TABLE, where)
    rows = table.get("ontologies", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError("`ontologies` must be a list of tables", code="KQ503", where=where)
    folder = os.path.dirname(path)
    entries: list[Entry] = []
    for number, row in enumerate(rows, 1):
        at = f"[[tool.kili-query.ontologies]] number {number}"
        _known(row, _ROW, at)
        if "ontology" not in row or not {"path", "project"} & set(row):
            raise DataError("needs `ontology`, and `path` or `project`", code="KQ503", where=at)
        entries.append(_entry(row, folder, at))
    if "ontology" in table:
        entries.append(_entry({key: table[key] for key in _ENTRY & set(table)}, folder, where))
    export = table.get("export")
    return _Table(tuple(entries), None if export is None else _inside(folder, "export", export, where))


def _known(table: Mapping[str, object], keys: set[str], where: str) -> None:
    for key, value in table.items():
        if key not in keys:
            from kili_query.lang.wording import listed, nearest

            near = nearest(key, sorted(keys))
            hint = f"did you mean `{near[0]}`?" if near else f"the keys are {listed(sorted(keys))}"
            raise DataError(f"there is no key `{key}`; {hint}", code="KQ503", where=where)
        if key != "ontologies" and not isinstance(value, str):
            raise DataError(f"`{key}` must be a text", code="KQ503", where=where)


def _entry(row: Mapping[str, str], folder: str, where: str) -> Entry:
    file, input_type = _inside(folder, "ontology", row["ontology"], where), row.get("input_type")
    if input_type is not None and input_type.upper() not in INPUT_TYPES:
        from kili_query.lang.wording import nearest

        near = nearest(input_type.upper(), INPUT_TYPES)
        hint = f"did you mean `{near[0]}`?" if near else f"they are {', '.join(INPUT_TYPES)}"
        raise DataError(f"`input_type` is `{input_type}`, which is none; {hint}", code="KQ503", where=where)
    return Entry(file, input_type, row.get("path"), row.get("project"))


def _inside(folder: str, key: str, name: str, where: str) -> str:
    if "\0" in name:
        raise DataError(f"`{key}` must be the name of a file", code="KQ503", where=where)
    return os.path.join(folder, name)


def _configuration(folder: str) -> str:
    return os.path.join(folder, "pyproject.toml")


def _folders(file: str) -> Iterator[str]:
    """The folder of a file and those above it."""
    for _ in range(_DEPTH):
        above = os.path.dirname(file)
        if above == file:
            return
        yield above
        file = above


def stamp_of(path: str) -> Stamp:
    """What changes when a file does; None if there is none."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
