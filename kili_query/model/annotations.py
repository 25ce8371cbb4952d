"""A label's annotations as flat records: the one walk that exports, tables, pictures and parsed labels read.

`model.counts` says how many; this module says what and where. Both walk a label in the same order and give an object
the same identity, so that a count and its annotations can be laid side by side.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from kili_query.errors import DataError
from kili_query.model.counts import Identity, Key, ReadLabel, Step, decode_response, frame_keys, ontology_of
from kili_query.model.geometry import (
    Geometry,
    Line,
    Pages,
    Point,
    Polygons,
    Pose,
    Relation,
    TextSpan,
    bool_in,
    is_upright,
    list_in,
    number_in,
    read_geometry,
    text_in,
)
from kili_query.model.kili import LEVELS, PSEUDO_JOBS
from kili_query.model.ontology import as_ontology

if TYPE_CHECKING:
    from kili_query.model.ontology import Ontology

Kind = Literal[
    "classification", "object", "entity", "relation", "transcription", "ranking", "comparison", "file"
]  # fmt: skip
"""What an annotation is, whatever its job is called."""

Tool = Literal["rectangle", "polygon", "semantic", "marker", "polyline", "vector", "pose", "range"]
"""How an object was drawn (json-formats 1.2)."""


class Choice(NamedTuple):
    """A category that was chosen: its key in the ontology, and how sure a model was, from 0 to 100."""

    name: str
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Annotation:
    """One annotation of a label; in a video, one for each frame in which it stands.

    >>> response = {"BOATS": {"annotations": [{"mid": "m1", "categories": [{"name": "FERRY"}], "point": {"x": 0.5, "y": 0.25}}]}}
    >>> [boat] = annotations_of(response)
    >>> boat.job, boat.category, boat.tool, boat.geometry
    ('BOATS', 'FERRY', 'marker', Point(at=(0.5, 0.25)))
    """

    kind: Kind
    job: str
    """Key of the job."""
    categories: tuple[Choice, ...] = ()
    """Those chosen, in the order of the label. Objects nearly always have one."""
    geometry: Geometry | None = None
    """None for what has no place (answers), and where the label gives none that can be read."""
    tool: Tool | None = None
    """For objects: as the label says; where it does not, as the ontology or the geometry tells."""
    mid: str | int | float | None = None
    """The id of an object, entity or relation: the same in all frames of a video, and for all parts of a segmentation."""
    text: str | None = None
    """What was written (transcription), or the words of an entity."""
    parents: Identity = ()
    """Nested answers: the steps down to what this is an answer about, outermost first (as in `explain`)."""
    frame: int | None = None
    """Number of the video frame, from 0; None outside videos, and for answers about a whole video."""
    is_key_frame: bool | None = None
    """Whether a person edited this frame; None where the label does not say."""
    score: float | None = None
    """How sure a model was of an object, from 0 to 100."""
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """The JSON object that this was read from: unknown keys are there, too. To be read only."""
    step: Step | None = field(default=None, repr=False, compare=False)
    label: ReadLabel | None = field(default=None, repr=False, compare=False)
    """The label that holds it, where there is one."""

    @property
    def category(self) -> str | None:
        """The key of the first category."""
        return self.categories[0].name if self.categories else None

    @property
    def identities(self) -> Iterator[tuple[Key, Identity]]:
        """What `model.counts` counts here: (job, category) and the identity, as `explain` names the objects."""
        if self.step is not None:
            for name in dict.fromkeys(category.name for category in self.categories):
                yield (self.job, name), (*self.parents, self.step)
        elif self.kind == "classification":
            earlier: Counter[str] = Counter()
            for name, _ in self.categories:
                yield (self.job, name), (*self.parents, Step(self.job, name, earlier[name]))
                earlier[name] += 1


def annotations_of(response: object, ontology: Ontology | None = None) -> Iterator[Annotation]:
    """The annotations of a `jsonResponse` (json-formats 2): an object, or its JSON text.

    Every form is read: classification, nested jobs, transcription, objects of every tool, entities, relations, PDF, video,
    geospatial, and flattened conversations. What has another shape gives nothing, as it counts nothing.

    Parameters
    ----------
    response: the object, its JSON text, or None.
    ontology: tells frames of a video from jobs whose keys are digits, and what an object without `type` is.

    Raises
    ------
    DataError: text that is not JSON, or anything but an object, null or such text.

    >>> [(a.kind, a.job, a.category) for a in annotations_of('{"WEATHER": {"categories": [{"name": "SUN"}]}}')]
    [('classification', 'WEATHER', 'SUN')]
    """
    return _walk_response(decode_response(response), _Walk(ontology_of(response, ontology)))


def annotations_of_label(label: ReadLabel, ontology: Ontology | None = None) -> Iterator[Annotation]:
    """The annotations of a label of `read_labels`; each knows its label.

    Raises
    ------
    DataError: the label cannot be read; the error names the label and where it comes from.
    """
    try:
        if label.problem:
            raise DataError(label.problem)
        walk = _Walk(as_ontology(ontology), label)
        answers = decode_response(label.response)
    except DataError as error:
        raise error.at(f"{label.where}, {label.name}" if label.where else label.name) from None
    return _walk_levels(answers, walk) if label.by_level else _walk_response(answers, walk)


def count(annotations: Iterable[Annotation]) -> dict[Key, int]:
    """The counts of the annotations of one label: the numbers of `model.counts`.

    >>> count(annotations_of({"WEATHER": {"categories": [{"name": "SUN"}]}}))
    {('WEATHER', 'SUN'): 1}
    """
    found: dict[Key, set[Identity]] = {}
    for annotation in annotations:
        for key, identity in annotation.identities:
            found.setdefault(key, set()).add(identity)
    return {key: len(identities) for key, identities in found.items()}


def rotation_of(response: object) -> int:
    """By how many degrees the image was turned while it was labelled: 0, 90, 180 or 270 (pseudo job `ROTATION_JOB`).

    Coordinates are those of the turned image (exports.md 4).

    >>> rotation_of({"ROTATION_JOB": {"rotation": 90}})
    90
    """
    job = decode_response(response).get("ROTATION_JOB")
    rotation = job.get("rotation") if isinstance(job, Mapping) else None
    return int(rotation) % 360 if isinstance(rotation, (int, float)) and rotation == rotation // 1 else 0


# -- the walk ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Place:
    """Where answers stand: below which steps, in which frame."""

    steps: Identity = ()
    frame: int | None = None

    def below(self, *steps: Step) -> _Place:
        return _Place((*self.steps, *steps), self.frame)


_Below = tuple[object, _Place]
"""Answers, and where they stand."""


def _walk_response(response: Mapping[str, object], walk: _Walk) -> Iterator[Annotation]:
    frames = frame_keys(response.keys(), walk.ontology)
    plain: dict[str, object] = {}
    for key, value in response.items():
        if key in frames and (value is None or isinstance(value, Mapping)):
            yield from walk.visit(value, _Place(frame=int(key)))
        elif key == "assetLevel" and (walk.ontology is None or key not in walk.ontology.jobs):
            yield from walk.visit(value, _Place())
        else:
            plain[key] = value
    yield from walk.visit(plain, _Place())


def _walk_levels(levels: Mapping[str, object], walk: _Walk) -> Iterator[Annotation]:
    """The conversation form of LLM labels (json-formats 2.9 b): the job is keyed once more, by message or round."""
    for level, answers in levels.items():
        if level == "conversation":
            yield from walk.visit(answers, _Place())
        elif level in LEVELS:
            for job, by_key in answers.items() if isinstance(answers, Mapping) else ():
                for key, answer in by_key.items() if isinstance(by_key, Mapping) else ():
                    yield from walk.visit({job: answer}, _Place((Step(level, key, "level"),)))


class _Walk:
    """One walk over a label: what it knows of the ontology, and what it has met."""

    def __init__(self, ontology: Ontology | None, label: ReadLabel | None = None) -> None:
        self.ontology = ontology
        self._label = label
        self._unnamed = 0
        self._last: dict[Identity, Annotation] = {}  # of a video: each object as it was last seen

    def visit(self, answers: object, place: _Place) -> Iterator[Annotation]:
        """The annotations below a place. A list of what is left to do stands in for recursion: labels can be deep."""
        todo: list[_Below] = [(answers, place)]
        while todo:
            answers, place = todo.pop()
            if isinstance(answers, Mapping):
                for job, answer in answers.items():
                    if isinstance(answer, Mapping) and job not in PSEUDO_JOBS:
                        below: list[_Below] = []
                        yield from self._answer(str(job), answer, place, below)
                        todo.extend(reversed(below))

    def _answer(
        self, job: str, answer: Mapping[str, Any], place: _Place, below: list[_Below]
    ) -> Iterator[Annotation]:  # fmt: skip
        """What one answer holds; what lies below it goes into `below`."""
        chosen: list[Choice] = []
        earlier: Counter[str] = Counter()
        for category, entry in _categories(answer.get("categories")):
            chosen.append(category)
            if isinstance(entry, Mapping):
                below.append((entry.get("children"), place.below(Step(job, category.name, earlier[category.name]))))
            earlier[category.name] += 1
        kind, text = _kind_of_answer(answer) if not chosen else ("classification", None)
        if kind is not None:
            key_frame = bool_in(answer.get("isKeyFrame"))
            yield Annotation(kind, job, tuple(chosen), text=text, parents=place.steps, frame=place.frame,
                             is_key_frame=key_frame, raw=answer, label=self._label)  # fmt: skip
        for entry in list_in(answer.get("annotations")):
            if isinstance(entry, Mapping):
                yield self._annotation(job, entry, place, below)
        below.append((answer.get("children"), place.below(Step(job))))

    def _annotation(self, job: str, entry: Mapping[str, Any], place: _Place, below: list[_Below]) -> Annotation:
        step = self._step(job, entry.get("mid"))
        chosen: list[Choice] = []
        for category, item in _categories(entry.get("categories")):
            chosen.append(category)
            if isinstance(item, Mapping) and item.get("children"):
                below.append((item["children"], place.below(step, Step(job, category.name, "category"))))
        if children := entry.get("children"):
            below.append((children, place.below(step)))
        for point in list_in(entry.get("points")):
            if isinstance(point, Mapping) and point.get("children"):
                code = point.get("code")
                at = Step(job, code if isinstance(code, (str, int, float)) else None, "point")
                below.append((point["children"], place.below(step, at)))
        geometry = read_geometry(entry)
        kind = self._kind(job, entry, geometry)
        found = Annotation(
            kind, job, tuple(chosen), geometry, self._tool(job, entry, geometry) if kind == "object" else None,
            None if step.which == "unnamed" else step.what, text_in(entry.get("content")), place.steps, place.frame,
            bool_in(entry.get("isKeyFrame")), number_in(entry.get("score")), entry, step, self._label,
        )  # fmt: skip
        return found if place.frame is None else self._continued(found, (*place.steps, step))

    def _continued(self, found: Annotation, identity: Identity) -> Annotation:
        """A tracked object in a frame between key frames: what this frame does not say holds on from the frame before."""
        before = self._last.get(identity)
        if before is not None and found.is_key_frame is not True:
            found = replace(
                found,
                geometry=found.geometry or before.geometry,
                tool=found.tool or before.tool,
                categories=before.categories if "categories" not in found.raw else found.categories,
            )
        self._last[identity] = found
        return found

    def _step(self, job: str, mid: object) -> Step:
        """As `model.counts` tells objects apart."""
        if isinstance(mid, str) and mid:
            return Step(job, mid)
        if isinstance(mid, (int, float)) and not isinstance(mid, bool):
            return Step(job, mid, "number")
        self._unnamed += 1
        return Step(job, self._unnamed, "unnamed")

    def _kind(self, job: str, entry: Mapping[str, Any], geometry: Geometry | None) -> Kind:
        known = self.ontology.jobs.get(job) if self.ontology else None
        kind = KINDS.get(known.task or "") if known else None
        if kind is not None:
            return kind
        if isinstance(geometry, Relation):
            return "relation"
        spoken = isinstance(geometry, TextSpan) or (isinstance(geometry, Pages) and "content" in entry)
        return "entity" if spoken else "object"

    def _tool(self, job: str, entry: Mapping[str, Any], geometry: Geometry | None) -> Tool | None:
        if isinstance(geometry, Pose):
            return "pose"  # the older form says `marker`
        written = text_in(entry.get("type"))
        if written is not None and written in _TOOLS:
            return _TOOLS[written]
        known = self.ontology.jobs.get(job) if self.ontology else None
        tools = [tool for tool in (known.tools if known else ()) if tool in _TOOLS]
        if len(tools) == 1:
            return _TOOLS[tools[0]]
        match geometry:
            case Point():
                return "marker"
            case Line():
                return "polyline"
            case Polygons():
                return "rectangle" if is_upright(geometry) else "polygon"
            case Pages():
                return "rectangle"
            case TextSpan():
                return "range"
        return None


KINDS: Mapping[str, Kind] = {
    "OBJECT_DETECTION": "object",
    "POSE_ESTIMATION": "object",
    "NAMED_ENTITIES_RECOGNITION": "entity",
    "SPEECH_TO_TEXT": "entity",
    "NAMED_ENTITIES_RELATION": "relation",
    "OBJECT_RELATION": "relation",
}
"""What the annotations of a task are; the answers of other tasks hold categories or a text themselves."""

_TOOLS: Mapping[str, Tool] = {
    "rectangle": "rectangle",
    "polygon": "polygon",
    "semantic": "semantic",
    "marker": "marker",
    "polyline": "polyline",
    "vector": "vector",
    "pose": "pose",
    "range": "range",
}


def _kind_of_answer(answer: Mapping[str, Any]) -> tuple[Kind | None, str | None]:
    """What an answer without categories is, and its text; None for what is no annotation by itself."""
    if isinstance(answer.get("text"), (str, int, float)):
        return "transcription", str(answer["text"])
    if isinstance(answer.get("choice"), Mapping) or isinstance(answer.get("code"), str):
        return "comparison", None
    if isinstance(answer.get("orders"), list):
        return "ranking", None
    if isinstance(answer.get("fileId"), str):
        return "file", None
    return None, None


# -- values ------------------------------------------------------------------------------------------------------------


def _categories(value: object) -> Iterator[tuple[Choice, object]]:
    """The categories of a list, each with its entry; an entry may be the name itself (json-formats 2.9 b)."""
    for entry in list_in(value):
        name = entry.get("name") if isinstance(entry, Mapping) else entry
        if isinstance(name, str):
            yield Choice(name, number_in(entry.get("confidence")) if isinstance(entry, Mapping) else None), entry
