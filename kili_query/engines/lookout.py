"""Unknown names: which names of a query labels hold, and which others, noted in a scan until each of the query was met.

A name is met when a label counts it. Records that are passed over undecoded may hold what was not met yet, so their
bytes are searched for it; where a name stands, the record is decoded after all, for its names only. To tell what is
there instead of a wrong name, records are searched for it in other letter cases and Unicode forms too, and of each part
of the input the first ones are decoded. All this ends with the last name that is met.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kili_query.model.counts import Key, Selector
from kili_query.model.ontology import folded
from kili_query.model.spelling import FORMS, normalized

FIRST, LATER = 4 << 20, 128 << 10
"""Bytes that are decoded for the names in them, as long as one of the query was not met: of the first part of the input,
and of each later one."""

MAX_NAMES = 10_000
"""How many names are kept: enough to find a near one."""

_SEARCHED = 20
"""For how many names the bytes of records are searched; for more, to decode them costs less."""


class Lookout:
    """What of a query was met so far. It goes from part to part with the work that a process does.

    Parameters
    ----------
    keys: the (job, category) pairs that a query asks for. None stands for all: one of them is met, then.
    """

    def __init__(self, keys: Iterable[Selector]) -> None:
        self.unmet = set(keys) - {(None, None)}  # which says no name
        """What was not met yet."""
        self.sampled = False
        """True if the records of this part hold names that were not noted, or may hold some."""
        self._asked = {mark for key in self.unmet for mark in _marks(key)}
        self._marks: set[tuple[str, ...]] = set()
        self._names: set[Key] = set()
        self._new: set[Key] = set()
        self._left, self._next = 0, FIRST
        self._needles: tuple[bytes, ...] = ()
        self._escaped = self._anything = False
        self._prepare()

    def begin(self) -> None:
        """A new part of the input begins."""
        self._new = set()
        self._left, self._next = self._next, LATER
        self.sampled = False

    @property
    def new(self) -> frozenset[Key]:
        """The names that were noted in this part, and not before."""
        return frozenset(self._new)

    def note(self, keys: Iterable[Key]) -> None:
        """Note the names that a label counts."""
        new = set(keys) - self._names
        if not new:
            return
        held = {meant for job, category in new for meant in ((job, category), (job, None), (None, category))}
        met = held & self.unmet
        marks = {mark for key in new for mark in _marks(key)} & self._asked - self._marks
        if len(self._names) >= MAX_NAMES:
            kept = {key for key in new if marks.intersection(_marks(key))}
            self.sampled |= kept != new
            new = kept
        self._names |= new
        self._new |= new
        if met or marks:
            self.unmet -= met
            self._marks |= marks
            self._prepare()

    def is_curious(self, buffer: bytes, start: int, end: int) -> bool:
        """True if a record that cannot match is to be decoded for the names in it."""
        if self._left > 0:
            self._left -= end - start
            return True
        if self._anything or (self._escaped and buffer.find(b"\\u", start, end) >= 0):
            return True
        if any(buffer.find(needle, start, end) >= 0 for needle in self._needles):
            return True
        self.sampled = True
        return False

    def is_calm(self, buffer: bytes, start: int, end: int) -> bool:
        """True for many records together of which none is to be decoded for the names in it."""
        return self._left <= 0 and not self.is_curious(buffer, start, end)

    def _prepare(self) -> None:
        if len(self.unmet) > _SEARCHED:
            self._anything = True
            return
        forms = set[str]()
        for job, category in self.unmet:
            if category is not None:
                alike = _category_alike(category) if job is None else _alike(job, category)
                forms.update([category] if alike in self._marks else _forms(category))
            if job is not None and ("job", job) not in self._marks:
                forms.update([job] if ("job alike", folded(job)) in self._marks else _forms(job))
        self._anything = any(not form.isprintable() or set(form) & set('"\\/') for form in forms)
        self._escaped = any(not form.isascii() for form in forms)
        self._needles = tuple(f'"{form}"'.encode(errors="replace") for form in sorted(forms))


def _marks(key: Selector) -> Iterator[tuple[str, ...]]:
    """What it settles to have met a pair: its job, a job that is written alike, a pair or category written alike."""
    job, category = key
    if job is not None:
        yield ("job", job)
        yield ("job alike", folded(job))
    if category is not None:
        yield _category_alike(category)
    if job is not None and category is not None:
        yield _alike(job, category)


def _alike(job: str, category: str) -> tuple[str, ...]:
    return ("alike", folded(job), folded(category))


def _category_alike(category: str) -> tuple[str, ...]:
    return ("category alike", folded(category))


def _forms(name: str) -> Iterator[str]:
    """A name as it may be written: itself, in other letter cases, in other Unicode forms."""
    for case in (name, name.upper(), name.lower(), name.title(), name.capitalize()):
        yield case
        if not case.isascii():
            yield from (normalized(form, case) for form in FORMS)
