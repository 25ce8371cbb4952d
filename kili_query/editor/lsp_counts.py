"""How many labels of an export match a query: counted in the background, and kept until the export changes."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NamedTuple

from kili_query.errors import KiliQueryError
from kili_query.model.ontology import Ontology

_KEPT = 1_000
"""Counts that are kept."""


class Question(NamedTuple):
    """What is asked of an export: a query, by its text."""

    export: str
    query: str


class Count(NamedTuple):
    """Labels that match, of all; or why they could not be counted."""

    matching: int
    labels: int
    problem: str = ""

    def __str__(self) -> str:
        if self.problem:
            return self.problem
        return (
            f"{self.matching:,} of {self.labels:,} label{'s' * (self.labels != 1)} match{'es' * (self.matching == 1)}"
        )


class LabelCounts:
    """Counts on demand, one after the other on a thread that ends with the process.

    Parameters
    ----------
    tell: is called on that thread when a new count is there.
    """

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell = tell
        self._known: dict[Question, tuple[object, Count]] = {}
        self._waiting: dict[Question, Ontology | None] = {}
        self._asked: queue.SimpleQueue[Question] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def get(self, question: Question, ontology: Ontology | None) -> Count | None:
        """The count, if it is known for the export as it is now; else None, and it will be."""
        stamp = (_stamp(question.export), id(ontology))
        with self._lock:
            known = self._known.get(question)
            if known and known[0] == stamp:
                return known[1]
            if question not in self._waiting:
                self._waiting[question] = ontology
                self._asked.put(question)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="label counts", daemon=True)
                self._thread.start()
        return None

    def forget(self, wanted: Collection[Question]) -> None:
        """Give up what is not wanted any more, as texts that have been typed over."""
        with self._lock:
            for question in [question for question in self._waiting if question not in wanted]:
                del self._waiting[question]

    def _work(self) -> None:
        while True:
            question = self._asked.get()
            with self._lock:
                if question not in self._waiting:
                    continue
                ontology = self._waiting[question]
            stamp = (_stamp(question.export), id(ontology))
            count = self._count(question, ontology)
            with self._lock:
                if self._waiting.pop(question, self) is self or count is None:
                    continue
                while len(self._known) >= _KEPT:
                    del self._known[next(iter(self._known))]
                self._known[question] = (stamp, count)
            self._tell()

    def _count(self, question: Question, ontology: Ontology | None) -> Count | None:
        from kili_query.offline.select import select
        from kili_query.query import parse

        matching = labels = 0
        try:
            query = parse(question.query)
            for part in select(query, question.export, unit="labels", ontology=ontology, data=False, workers=1):
                if question not in self._waiting:
                    return None
                matching += part.summary.matched_labels
                labels += part.summary.labels
        except (KiliQueryError, OSError) as error:
            return Count(0, 0, str(error))
        return Count(matching, labels)


def _stamp(path: str) -> object:
    """What changes when a file does; of a folder, also when a file comes or goes."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)


class Exports:
    """The export that is configured for a file: `[tool.kili-query] export = "..."` of the nearest `pyproject.toml`."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[object, str | None]] = {}

    def get(self, file: str) -> str | None:
        """The path of the export, file or folder; None if none is configured."""
        for folder in Path(os.path.abspath(file)).parents:
            path = folder / "pyproject.toml"
            stamp = _stamp(str(path))
            if stamp is None:
                continue
            known = self._known.get(path)
            if known is None or known[0] != stamp:
                known = self._known[path] = (stamp, _configured(path))
            if known[1] is not None:
                return known[1]
        return None


def _configured(path: Path) -> str | None:
    """The entry of one file; what is wrong with the file is told where ontologies are looked for."""
    import tomllib

    try:
        export = tomllib.loads(path.read_text("utf-8"))["tool"]["kili-query"]["export"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return str(path.parent / export) if isinstance(export, str) else None
