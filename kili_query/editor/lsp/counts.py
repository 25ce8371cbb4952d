"""How many labels of an export match a query: counted in the background, and kept until the export changes."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Collection
from typing import NamedTuple

from kili_query.editor.ontologies import stamp_of
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
    unmet: tuple[str, ...] = ()
    """What of the query no label holds, in words."""
    by_index: bool = False
    """True if a count index told it."""

    def __str__(self) -> str:
        if self.problem:
            return self.problem
        plural, verb = "s" * (self.labels != 1), "es" * (self.matching == 1)
        by = " (by the index)" if self.by_index else ""
        return "; ".join([f"{self.matching:,} of {self.labels:,} label{plural} match{verb}{by}", *self.unmet[:1]])


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
        stamp = (stamp_of(question.export), ontology)
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

    def forget(self, export: str, wanted: Collection[str]) -> None:
        """Give up the queries of an export that are not wanted any more, as texts that have been typed over."""
        with self._lock:
            for question in list(self._waiting):
                if question.export == export and question.query not in wanted:
                    del self._waiting[question]

    def _work(self) -> None:
        while True:
            question = self._asked.get()
            with self._lock:
                if question not in self._waiting:
                    continue
                ontology = self._waiting[question]
            stamp = (stamp_of(question.export), ontology)
            count = self._count(question, ontology)
            with self._lock:
                if self._waiting.pop(question, self) is self or count is None:
                    continue
                while len(self._known) >= _KEPT:
                    del self._known[next(iter(self._known))]
                self._known[question] = (stamp, count)
            self._tell()

    def _count(self, question: Question, ontology: Ontology | None) -> Count | None:
        from kili_query.offline.index.opening import Index
        from kili_query.offline.select import Summary, select
        from kili_query.query import parse

        total, used = Summary(), list[object]()
        try:
            query = parse(question.query)
            for part in select(
                query, question.export, unit="labels", ontology=ontology, data=False, workers=1, on_index=used.append
            ):
                if question not in self._waiting:
                    return None
                total.add(part.summary)
        except (KiliQueryError, OSError) as error:
            return Count(0, 0, str(error))
        unmet = query.unmet(total.names, ontology, sampled=total.sampled) if total.labels else ()
        words = tuple(found.message for found in unmet)
        return Count(total.matched_labels, total.labels, "", words, any(isinstance(one, Index) for one in used))
