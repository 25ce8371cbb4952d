"""What mypy's plugin knows beside the sources: the ontologies of files, and whether they have changed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from kili_query.editor.ontologies import Ontologies
from kili_query.model.ontology import Ontology

_INSTALLED = {"site-packages", "dist-packages", "typeshed"}

used: dict[str, str | None] = {}
"""The ontology files that this process has read, with the digests that they had at first."""


class Settings:
    """The ontologies of the files that mypy checks."""

    def __init__(self) -> None:
        self._ontologies = Ontologies()

    def get(self, file: str, project: str | None) -> Ontology | None:
        """The ontology for queries in a file; None if there is none that can be read."""
        entry = self._ontologies.entry(file, project)
        if entry and entry.file not in used:
            used[entry.file] = _digest(entry.file)
        return self._ontologies.get(file, project)

    def problem(self, file: str, project: str | None) -> str | None:
        """What is wrong with it, reported each time: mypy forgets the messages of a file whenever it checks it again."""
        problem = self._ontologies.problem(file, project)
        return f"{problem.code}: {problem}" if problem else None

    def stamp(self, file: str) -> list[list[str | None]] | None:
        """The ontologies that queries in a file may be checked against, with digests of their content.

        Of content, not of time: a cache that is kept between runs of CI stays good.
        """
        path = os.path.abspath(file)
        if _INSTALLED & set(Path(path).parts):
            return None
        entries = self._ontologies.entries(path)
        return [[entry.file, entry.project, entry.input_type, _digest(entry.file)] for entry in entries] or None


def have_changed() -> bool:
    """True if an ontology that was used is no longer what it was."""
    return any(_digest(path) != digest for path, digest in used.items())


def _digest(path: str) -> str | None:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except (OSError, ValueError):
        return None
