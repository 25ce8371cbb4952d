"""What mypy's plugin knows beside the sources: the ontologies of files, and whether they have changed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from kili_query.editor.ontologies import BESIDE, Entry, Ontologies
from kili_query.model.ontology import Ontology

_INSTALLED = {"site-packages", "dist-packages", "typeshed"}

used: dict[str, str | None] = {}
"""The ontology files that this process has read, with the digests that they had at first."""


class Settings(Ontologies):
    """The ontologies, with what is wrong with each: mypy forgets the messages of a file whenever it checks it again."""

    def __init__(self) -> None:
        super().__init__()
        self._broken: dict[str, str] = {}

    def problem(self, file: str, project: str | None) -> str | None:
        """What is wrong with the ontology or the configuration of a file, if anything is."""
        path = os.path.abspath(file)
        entry = self._entry(path, project)
        places = [entry.file] if entry else []
        places += (_configuration_in(folder) for folder in Path(path).parents)
        return next((problem for place in places if (problem := self._broken.get(place))), None)

    def stamp(self, file: str) -> list[list[str | None]] | None:
        """The ontologies that queries in a file may be checked against, with digests of their content.

        Of content, not of time: a cache that is kept between runs of CI stays good.
        """
        path = Path(os.path.abspath(file))
        if _INSTALLED & set(path.parts):
            return None
        return [
            [entry.file, entry.project, entry.input_type, _digest(entry.file)] for entry in self._near(path)
        ] or None

    def _near(self, path: Path) -> Iterator[Entry]:
        """The rows for the file, whatever the project, and the files beside and above it."""
        for folder in path.parents:
            for row in self._configured.get(_configuration_in(folder)):
                if row.fits(path.relative_to(folder), row.project):
                    yield row
            if os.path.isfile(beside := os.path.join(folder, BESIDE)):
                yield Entry(beside)

    def _load(self, path: str, input_type: str | None) -> Ontology | None:
        used.setdefault(path, _digest(path))
        ontology = super()._load(path, input_type)
        self._note(path)
        return ontology

    def _configuration(self, path: str) -> tuple[Entry, ...]:
        rows = super()._configuration(path)
        self._note(path)
        return rows

    def _note(self, path: str) -> None:
        self._broken[path] = "; ".join(f"{problem.code}: {problem}" for problem in self.problems())


def have_changed() -> bool:
    """True if an ontology that was used is no longer what it was."""
    return any(_digest(path) != digest for path, digest in used.items())


def _configuration_in(folder: Path) -> str:
    return os.path.join(folder, "pyproject.toml")


def _digest(path: str) -> str | None:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except (OSError, ValueError):
        return None
