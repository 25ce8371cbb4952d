"""What `JOB.CATEGORY.count` is, and the totals `JOB.*.count`: the one definition, which every engine must agree with.

A label is a tree. Each time a category is found in an answer of a job, the finding gets an identity; the count is
the number of different identities (`json-formats.md` 3.3). An identity is a chain of places: the same object in
another video frame is at the same place, the same choice under another parent is not.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from kili_query.errors import DataError
from kili_query.model.decoding import decode_json, kind_of
from kili_query.model.kili import LEVELS, PSEUDO_JOBS, VIDEOS
from kili_query.model.ontology import as_ontology

if TYPE_CHECKING:
    from kili_query.model.ontology import Ontology

Key = tuple[str, str]
"""What is counted: (job key, category key)."""

_NOT_SHARED: Mapping[str, int] = MappingProxyType({})

Counts = Mapping[Key, int]
"""What a label holds of each category; what is not there counts 0."""

Selector = tuple[str | None, str | None]
"""Which counts are meant: (job key, category key), None for all jobs, or for all categories."""

V = TypeVar("V")


class CategoryCounts(dict[Key, int]):
    """The counts of a label, and what they do not tell: which objects have several categories of their job.

    >>> counts = CategoryCounts({("BOATS", "FERRY"): 2, ("BOATS", "OLD"): 1})
    >>> counts.shared = {"BOATS": 1}
    >>> counts.total("BOATS")
    2
    """

    shared: Mapping[str, int] = _NOT_SHARED
    """Job key -> by how much its counts, added up, exceed the number of its objects; zeros left out."""

    def copy(self) -> CategoryCounts:
        """The same counts, with what objects share; `{**counts}` leaves that behind."""
        copied = CategoryCounts(self)
        copied.shared = self.shared
        return copied

    def total(self, job: str | None = None, category: str | None = None) -> int:
        """`total` of these counts."""
        return total(self, job, category)


def total(counts: Counts, job: str | None = None, category: str | None = None) -> int:
    """How many objects a label holds: of a job, of a category in all jobs, or (both None) at all.

    An object that has several categories is one object of its job; objects of different jobs are different ones. Only
    `CategoryCounts` know of such objects, and `count_categories` gives those; in another mapping each count is taken for
    objects of its own.

    >>> total({("BOATS", "FERRY"): 2, ("BOATS", "TUG"): 1, ("HULLS", "FERRY"): 4}, category="FERRY")
    6
    """
    if job is not None and category is not None:
        return counts.get((job, category), 0)
    number = sum(select(counts, (job, category)).values())
    if category is None and isinstance(counts, CategoryCounts) and counts.shared:
        return number - (sum(counts.shared.values()) if job is None else counts.shared.get(job, 0))
    return number


def select(found: Mapping[Key, V], selector: Selector) -> dict[Key, V]:
    """What of a mapping belongs to the counts that are meant.

    >>> select({("A", "B"): 1, ("A", "C"): 2, ("D", "B"): 3}, ("A", None))
    {('A', 'B'): 1, ('A', 'C'): 2}
    """
    job, category = selector
    if job is not None and category is not None:
        return {(job, category): found[job, category]} if (job, category) in found else {}
    return {key: value for key, value in found.items() if job in (None, key[0]) and category in (None, key[1])}


def counts_of(found: Mapping[Key, Collection[object]]) -> CategoryCounts:
    """The counts of a label in which these objects were found: (job key, category key) -> their identities.

    >>> counts = counts_of({("BOATS", "FERRY"): ["m1", "m2"], ("BOATS", "OLD"): ["m2"]})
    >>> counts, counts.total("BOATS")
    ({('BOATS', 'FERRY'): 2, ('BOATS', 'OLD'): 1}, 2)
    """
    counts = CategoryCounts({key: len(identities) for key, identities in found.items()})
    # identities of different jobs differ, so most labels need no closer look
    if len(found) > 1 and len(set().union(*found.values())) != sum(counts.values()):
        objects: dict[str, set[object]] = {}
        for (job, _), identities in found.items():
            objects.setdefault(job, set()).update(identities)
        shared = {job: sum(select(counts, (job, None)).values()) - len(found) for job, found in objects.items()}
        counts.shared = {job: number for job, number in shared.items() if number}
    return counts


def count_categories(json_response: object, ontology: Ontology | None = None) -> CategoryCounts:
    """How many objects of each category a label holds: (job key, category key) -> count, zeros left out.

    `json_response` is the object itself or its JSON text (json-formats 3.5). The ontology tells frames of a video
    from jobs whose keys are digits; without it a top-level key of digits is a frame.

    Raises
    ------
    DataError: text that is not JSON, or anything but an object, null or such text.

    >>> count_categories({"BOATS": {"annotations": [{"mid": "1", "categories": [{"name": "FERRY"}]}]}})
    {('BOATS', 'FERRY'): 1}
    """
    return _walk(decode_response(json_response), ontology_of(json_response, ontology)).counts()


def find_objects(json_response: object, ontology: Ontology | None = None) -> dict[Key, list[Identity]]:
    """What each count is made of: (job key, category key) -> the identities, in the order they were met."""
    return _walk(decode_response(json_response), ontology_of(json_response, ontology)).identities()


class Answered(ABC):
    """A label as an object: it is no `jsonResponse`, and has one, with the ontology that it was read with."""

    ontology: Ontology

    @property
    @abstractmethod
    def answers(self) -> Mapping[str, object]:
        """Its answers, as they stand now."""


def ontology_of(json_response: object, ontology: Ontology | None) -> Ontology | None:
    """The ontology to read a response with: the one that is given, else that of a label that knows its own."""
    if ontology is None and isinstance(json_response, Answered):
        return json_response.ontology
    return as_ontology(ontology)


class ReadLabel(Protocol):
    """A label as readers give it (`model.labels.Label`, which knows its annotations and so is above this module)."""

    @property
    def response(self) -> object:
        """What it holds as `jsonResponse`."""

    @property
    def by_level(self) -> bool:
        """True for the conversation form of LLM labels."""

    @property
    def problem(self) -> str | None:
        """Why it cannot be read."""

    @property
    def external_id(self) -> str | None:
        """That of its asset."""

    @property
    def asset_id(self) -> str | None:
        """That of its asset, in Kili."""

    @property
    def label_type(self) -> str | None:
        """DEFAULT, REVIEW and so on."""

    @property
    def record(self) -> object:
        """Its JSON object."""

    @property
    def name(self) -> str:
        """It in words."""

    @property
    def where(self) -> str:
        """Where it comes from."""


def count_label(label: ReadLabel, ontology: Ontology | None = None) -> CategoryCounts:
    """`count_categories` of a label of `read_labels`, the conversation form of LLM projects included.

    Raises
    ------
    DataError: the label cannot be read; the error names the label and where it comes from.
    """
    return _walk_label(label, ontology).counts()


def find_objects_of(label: ReadLabel, ontology: Ontology | None = None) -> dict[Key, list[Identity]]:
    """`find_objects` of a label of `read_labels`."""
    return _walk_label(label, ontology).identities()


def is_empty(label: ReadLabel) -> bool:
    """True if the label holds no answer at all: no category, no object, no text, in whatever frame or job.

    A failed download of Kili's SDK looks so too (json-formats 2).
    """
    response = label.response
    if isinstance(response, (str, bytes, bytearray)):
        try:
            response = decode_response(response)
        except DataError:
            return False
    todo: list[object] = [response]
    while todo:
        value = todo.pop()
        if isinstance(value, Mapping):
            todo += (below for key, below in value.items() if key not in _NO_ANSWERS)
        elif isinstance(value, list):
            todo += value
        elif value is not None and value != "":
            return False
    return True


_NO_ANSWERS = PSEUDO_JOBS | {"isKeyFrame"}
"""Keys in a label whose values are no answers."""


class Step(NamedTuple):
    """One place on the way to a finding: an object, a chosen category, a job, or a level of a conversation."""

    job: str
    what: str | int | float | None = None
    which: int | str | None = None

    def __str__(self) -> str:
        text = self.job if self.what is None else f"{self.job}:{self.what}"
        return text if self.which is None or self.which == 0 else f"{text}[{self.which}]"


Identity = tuple[Step, ...]


def decode_response(response: object) -> Mapping[str, object]:
    """The answers of a response: an object as it is, its JSON text decoded once, null and blank text as no answer.

    Raises
    ------
    DataError: anything else (json-formats 3.5).
    """
    if isinstance(response, Answered):
        return response.answers
    if isinstance(response, Mapping):
        return response
    if response is None:
        return {}
    if isinstance(response, (str, bytes, bytearray)):
        if not response.strip():
            return {}
        decoded = _decode(response)
        if decoded is None:
            return {}
        if isinstance(decoded, dict):
            return decoded
        raise DataError(f"`jsonResponse` is JSON text of {kind_of(decoded)}, and must be of an object")
    raise DataError(f"`jsonResponse` is {kind_of(response)}, and must be an object")


def frame_keys(keys: Collection[object], ontology: Ontology | None) -> set[object]:
    """Which top-level keys can be frames of a video: ASCII digits only, and not a job (json-formats 2.8)."""
    if ontology is not None and ontology.input_type not in (None, *VIDEOS):
        return set()
    jobs: Collection[str] = () if ontology is None else ontology.jobs
    return {key for key in keys if _is_digits(key) and key not in jobs}


def _decode(text: str | bytes | bytearray) -> object:
    start = text.lstrip()[:8] if isinstance(text, str) else bytes(text).lstrip()[:8].decode(errors="replace")
    if start.startswith(("http:", "https:")):
        raise DataError("`jsonResponse` is an address, which cannot be read offline")
    try:
        return decode_json(text)
    except DataError as error:
        raise DataError(f"`jsonResponse` is text that is {error.message}") from None


def _is_digits(key: object) -> bool:
    if isinstance(key, str):
        return key.isascii() and key.isdigit()
    return isinstance(key, int)  # the SDK of Kili turns frames into integers in memory


def _walk(response: Mapping[str, object], ontology: Ontology | None) -> _Findings:
    findings = _Findings()
    frames = frame_keys(response.keys(), ontology)
    plain: dict[str, object] = {}
    for key, value in response.items():
        is_frame = key in frames and (value is None or isinstance(value, Mapping))
        if is_frame or (key == "assetLevel" and (ontology is None or key not in ontology.jobs)):
            findings.visit(value)
        else:
            plain[key] = value
    findings.visit(plain)
    return findings


def _walk_label(label: ReadLabel, ontology: Ontology | None) -> _Findings:
    try:
        if label.problem:
            raise DataError(label.problem)
        if not label.by_level:
            return _walk(decode_response(label.response), ontology)
        findings = _Findings()
        for level, answers in decode_response(label.response).items():
            if level == "conversation":
                findings.visit(answers)
            elif level in LEVELS:
                for job, by_key in answers.items() if isinstance(answers, Mapping) else ():
                    for key, answer in by_key.items() if isinstance(by_key, Mapping) else ():
                        findings.visit({job: answer}, findings.place(0, Step(level, _scalar(key), "level")))
        return findings
    except DataError as error:
        place = f"{label.where}, {label.name}" if label.where else label.name
        raise error.at(place) from None


class _Findings:
    """The findings of one label. Places are numbered, so that an identity is a number and not a deep tuple."""

    def __init__(self) -> None:
        self._places: dict[tuple[int, Step], int] = {}  # (place of the parent, step) -> place; the top is 0
        self._found: dict[Key, dict[int, None]] = {}  # a dict as an ordered set
        self._unnamed = 0

    def place(self, parent: int, step: Step) -> int:
        """The number of a place: the same for the same step below the same parent."""
        return self._places.setdefault((parent, step), len(self._places) + 1)

    def counts(self) -> CategoryCounts:
        return counts_of(self._found)

    def identities(self) -> dict[Key, list[Identity]]:
        steps = {number: known for known, number in self._places.items()}

        def chain(number: int) -> Identity:
            path: list[Step] = []
            while number:
                number, step = steps[number]
                path.append(step)
            return tuple(reversed(path))

        return {key: [chain(number) for number in places] for key, places in self._found.items()}

    def visit(self, answers: object, place: int = 0) -> None:
        """Walk the answers below a place. A list of what is left to do stands in for recursion: labels can be deep."""
        todo = [(answers, place)]
        while todo:
            answers, place = todo.pop()
            if isinstance(answers, Mapping):
                for job, answer in answers.items():
                    if isinstance(answer, Mapping) and job not in PSEUDO_JOBS:
                        todo.extend(reversed(list(self._visit_answer(str(job), answer, place))))

    def _visit_answer(self, job: str, answer: Mapping[str, object], place: int) -> Iterator[tuple[object, int]]:
        """Record what one answer holds; give what lies below it, with its place."""
        earlier: dict[str, int] = {}
        for entry in _items(answer.get("categories")):
            category = _name(entry)
            if category is None:
                continue
            k = earlier[category] = earlier.get(category, -1) + 1
            here = self._record(job, category, place, Step(job, category, k))
            if isinstance(entry, Mapping):
                yield entry.get("children"), here
        for annotation in _items(answer.get("annotations")):
            if isinstance(annotation, Mapping):
                yield from self._visit_annotation(job, annotation, place)
        yield answer.get("children"), self.place(place, Step(job))

    def _visit_annotation(self, job: str, annotation: Mapping[str, object], place: int) -> Iterator[tuple[object, int]]:
        step = self._step(job, annotation.get("mid"))
        here = self.place(place, step)
        for entry in _items(annotation.get("categories")):
            category = _name(entry)
            if category is None:
                continue
            self._record(job, category, place, step)
            if isinstance(entry, Mapping) and entry.get("children"):
                yield entry["children"], self.place(here, Step(job, category, "category"))
        yield annotation.get("children"), here
        for point in _items(annotation.get("points")):
            if isinstance(point, Mapping) and point.get("children"):
                yield point["children"], self.place(here, Step(job, _scalar(point.get("code")), "point"))

    def _record(self, job: str, category: str, place: int, step: Step) -> int:
        number = self.place(place, step)
        self._found.setdefault((job, category), {})[number] = None
        return number

    def _step(self, job: str, mid: object) -> Step:
        """The step to an object: by its `mid`, else by a number that no other object has."""
        if isinstance(mid, str) and mid:
            return Step(job, mid)
        if isinstance(mid, (int, float)) and not isinstance(mid, bool):
            return Step(job, mid, "number")
        self._unnamed += 1
        return Step(job, self._unnamed, "unnamed")


def _items(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _name(entry: object) -> str | None:
    name = entry.get("name") if isinstance(entry, Mapping) else entry
    return name if isinstance(name, str) else None


def _scalar(value: object) -> str | int | float | None:
    return value if isinstance(value, (str, int, float)) else None
