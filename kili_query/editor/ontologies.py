"""Which ontology the queries of a file are checked against: from `pyproject.toml`, a file beside it, or an option."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Generic, TypeVar

from kili_query.editor.patterns import matches, shown_path
from kili_query.errors import DataError
from kili_query.model.ontology import Ontology

BESIDE = "kili-ontology.json"
"""The name of an ontology file that needs no configuration."""

_ENTRY = {"ontology", "input_type"}
_TABLE = {*_ENTRY, "export", "ontologies"}
_ROW = {*_ENTRY, "path", "project"}

T = TypeVar("T")
Stamp = tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the configuration: an ontology file, and for which files or project it is."""

    file: str
    input_type: str | None = None
    path: str | None = None
    project: str | None = None

    def fits(self, file: PurePath, project: str | None) -> bool:
        """True if the row is for queries of this project in this file, whose path starts at the configuration."""
        return (self.path is None or matches(self.path, file)) and (self.project is None or self.project == project)


class _Files(Generic[T]):
    """What files hold, each read again when it has changed."""

    def __init__(self, read: Callable[[str], T]) -> None:
        self._read = read
        self._known: dict[str, tuple[Stamp, T]] = {}

    def get(self, path: str) -> T:
        stamp = _stamp(path)
        known = self._known.get(path)
        if known is None or known[0] != stamp:
            known = self._known[path] = stamp, self._read(path)
        return known[1]


class Ontologies:
    """The ontologies of files. A file that has changed is read again; what is wrong with one is told once.

    Parameters
    ----------
    option: an ontology file for all queries, whatever is configured.
    input_type: the type of that project's assets, such as `"VIDEO"`.

    For a file, the folders are gone through from its own upwards. In each, `[tool.kili-query]` of `pyproject.toml` comes
    first: the row for the project, the row for the path, the one ontology of the table; then `kili-ontology.json`.
    The first that there is counts.
    """

    def __init__(self, option: str | Path | None = None, input_type: str | None = None) -> None:
        self._option = Entry(os.fspath(option), input_type) if option is not None else None
        self._problems: list[DataError] = []
        self._loaded: dict[str | None, _Files[Ontology | None]] = {}
        self._configured = _Files(self._configuration)

    def get(self, file: str | Path, project: str | None = None) -> Ontology | None:
        """The ontology for queries in a file, of a project if the call names one; None if there is none.

        Never raises: a broken ontology is none, and `problems` tells of it.
        """
        entry = self._option or self._entry(os.path.abspath(file), project)
        if entry is None:
            return None
        files = self._loaded.setdefault(entry.input_type, _Files(lambda path: self._load(path, entry.input_type)))
        return files.get(entry.file)

    def problems(self) -> list[DataError]:
        """What is wrong with ontologies and configuration, and was not told before."""
        told, self._problems = self._problems, []
        return told

    def _entry(self, file: str, project: str | None) -> Entry | None:
        for folder in _folders(os.path.dirname(file)):
            rows = self._configured.get(os.path.join(folder, "pyproject.toml"))
            if rows:
                inside = PurePath(os.path.relpath(file, folder))
                fitting = [row for row in rows if row.fits(inside, project)]
                if fitting:  # of equals, the first
                    return max(fitting, key=lambda row: (row.project is not None, row.path is not None))
            if os.path.isfile(beside := os.path.join(folder, BESIDE)):
                return Entry(beside)
        return None

    def _load(self, path: str, input_type: str | None) -> Ontology | None:
        try:
            return Ontology.load(path, input_type)
        except DataError as error:
            where = error.where.replace(path, shown_path(path), 1)
            self._problems.append(DataError(f"{error.message}; names are not checked", code=error.code, where=where))
            return None

    def _configuration(self, path: str) -> tuple[Entry, ...]:
        try:
            return tuple(_entries(Path(path)))
        except DataError as error:
            self._problems.append(error.at(shown_path(path)))
            return ()


def _entries(path: Path) -> Iterator[Entry]:
    """The rows of `[tool.kili-query]`; none if there is no such table.

    Raises
    ------
    DataError: it cannot be read, or is of a wrong shape.
    """
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", code="KQ503") from None
    if b"kili-query" not in data:
        return
    import tomllib

    try:
        whole = tomllib.loads(data.decode())
    except ValueError as error:  # of TOML or of UTF-8
        raise DataError(f"is not TOML: {error}", code="KQ503") from None
    tool = whole.get("tool", {})
    table = tool.get("kili-query") if isinstance(tool, dict) else None
    if table is None:
        return
    where = "[tool.kili-query]"
    if not isinstance(table, dict):
        raise DataError("must be a table", code="KQ503", where=where)
    _known(table, _TABLE, where)
    rows = table.get("ontologies", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError("`ontologies` must be a list of tables", code="KQ503", where=where)
    for number, row in enumerate(rows, 1):
        at = f"[[tool.kili-query.ontologies]] number {number}"
        _known(row, _ROW, at)
        if "ontology" not in row or not {"path", "project"} & set(row):
            raise DataError("needs `ontology`, and `path` or `project`", code="KQ503", where=at)
        yield _entry(row, path.parent, at)
    if "ontology" in table:
        yield _entry({key: table[key] for key in _ENTRY & set(table)}, path.parent, where)


def _known(table: Mapping[str, object], keys: set[str], where: str) -> None:
    for key, value in table.items():
        if key not in keys:
            from kili_query.lang.assist import listed, nearest

            near = nearest(key, sorted(keys))
            hint = f"did you mean `{near[0]}`?" if near else f"the keys are {listed(sorted(keys))}"
            raise DataError(f"there is no key `{key}`; {hint}", code="KQ503", where=where)
        if key != "ontologies" and not isinstance(value, str):
            raise DataError(f"`{key}` must be a text", code="KQ503", where=where)


def _entry(row: Mapping[str, str], folder: Path, where: str) -> Entry:
    if "\0" in row["ontology"]:
        raise DataError("`ontology` must be the name of a file", code="KQ503", where=where)
    return Entry(os.path.join(folder, row["ontology"]), row.get("input_type"), row.get("path"), row.get("project"))


def _folders(folder: str) -> Iterator[str]:
    """A folder and those above it."""
    while True:
        yield folder
        above = os.path.dirname(folder)
        if above == folder:
            return
        folder = above


def _stamp(path: str) -> Stamp:
    """What changes when a file does; None if there is none."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
