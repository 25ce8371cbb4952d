"""Views over the answers of a label: jobs, annotations, categories. They hold no copy of it, and what is set in them is
set in the label.

They stand in one module since each opens the others: an answer has annotations and categories, and these have answers to
nested jobs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kili_query.errors import DataError
from kili_query.formats.parsed.answers import JobValues, not_compatible, require_single
from kili_query.formats.parsed.checking import check_annotation, check_answers, require_new
from kili_query.formats.parsed.entries import AnnotationValues, CategoryValues, Entry, PosePointValues
from kili_query.formats.parsed.places import (
    Json,
    Place,
    copied,
    json_object,
    list_at,
    number,
    own_list,
    text,
    whole,
)
from kili_query.formats.parsed.polygons import item_at
from kili_query.formats.parsed.refusals import AnswerMissingError, FrameIndexError
from kili_query.formats.parsed.rules import CLASSIFICATIONS, WITHOUT_ANNOTATIONS, JobRules, Rules

# -- categories --------------------------------------------------------------------------------------------------------


class ParsedCategory(CategoryValues):
    """A category that was chosen."""

    __slots__ = ()

    @property
    def children(self) -> ParsedJobs | Json:
        """The answers to the jobs that the category opens; the empty dict where the label has one."""
        return _children(self._data(), self._job, self._rules)

    @children.setter
    def children(self, children: Json) -> None:
        self._own()["children"] = _checked_children(children, self._job, self._rules)


class CategoryList:
    """The categories that were chosen in an answer, or for an annotation."""

    __slots__ = ("_at", "_job", "_rules")

    def __init__(self, at: Json | Place, job: JobRules, rules: Rules) -> None:
        self._at = at
        self._job = job
        self._rules = rules

    def add_category(self, name: str, confidence: float | None = None, children: Json | None = None) -> None:
        """Choose one category more, by its key.

        Raises
        ------
        InvalidMutationError: the job has no such category, or cannot take one more, or has it chosen already.
        JobNotExistingError: the interface has no such nested job.
        TypeCheckError: an argument is of another type.
        """
        entry = _entry(name, confidence)
        self._job.require_category(name)
        if children is not None:
            entry["children"] = _checked_children(children, self._job, self._rules)
        self._job.require_room(len(self))
        require_new(name, {category.name for category in self}, self._job)
        own_list(self._at, "categories").append(entry)

    def as_list(self) -> list[Json]:
        """Their JSON, copied."""
        return [category.as_dict() for category in self]

    def __len__(self) -> int:
        return len(list_at(self._at, "categories"))

    def __iter__(self) -> Iterator[ParsedCategory]:
        entries = list_at(self._at, "categories")
        return (ParsedCategory(entries, index, self._job, self._rules) for index in range(len(entries)))

    def __getitem__(self, index: int) -> ParsedCategory:
        entries = list_at(self._at, "categories")
        return ParsedCategory(entries, item_at(range(len(entries)), index, "category"), self._job, self._rules)

    def __repr__(self) -> str:
        return repr(self.as_list())


def _entry(name: str, confidence: float | None) -> Json:
    entry: Json = {"name": text("name", name)}
    return entry if confidence is None else {**entry, "confidence": number("confidence", confidence)}


def _only_category(categories: CategoryList, job: JobRules) -> ParsedCategory:
    if len(categories) != 1:
        raise DataError(f"job `{job.name}` has {len(categories)} categories chosen, and not 1: {categories}")
    return categories[0]


def _children(data: Mapping[str, Any], job: JobRules, rules: Rules) -> ParsedJobs | Json:
    children = data.get("children")
    if not isinstance(children, dict):
        raise AnswerMissingError(f"nothing is nested here, below job `{job.name}`: there is no `children`")
    return ParsedJobs(children, job.children, rules, below=job) if children else children


def _checked_children(children: object, job: JobRules, rules: Rules) -> Json:
    answers = json_object("children", children)
    check_answers(answers, rules, job.children, job)
    for name in answers:
        if name not in job.children:  # nobody would see them
            raise rules.unknown(name, job.children, job.name)
    return copied(answers)  # type: ignore[no-any-return]


# -- annotations -------------------------------------------------------------------------------------------------------


class _Marked(Entry):
    """What annotations and the points of a pose have in common."""

    __slots__ = ()

    @property
    def categories(self) -> CategoryList:
        """What it is: nearly always one category."""
        self._get("categories")
        return CategoryList(self._data, self._job, self._rules)

    @property
    def category(self) -> ParsedCategory | Any:
        """Its only category. None where it has no `categories`, which is rare: type checkers do not ask for a check.

        Raises
        ------
        AttributeNotCompatibleWithJobError: annotations of the job can have several.
        DataError: it has none, or several.
        """
        require_single("category", self._job)
        if "categories" not in self._data:
            return None
        return _only_category(self.categories, self._job)

    def add_category(self, name: str, confidence: float | None = None) -> None:
        """`categories.add_category`, also where there are none yet."""
        CategoryList(self._data, self._job, self._rules).add_category(name, confidence)

    @property
    def children(self) -> ParsedJobs | Json:
        """The answers to nested jobs; the empty dict where the label has one.

        Raises
        ------
        AnswerMissingError: there is no `children`.
        JobNotExistingError: what is set has a job that the interface lacks.
        """
        return _children(self._data, self._job, self._rules)

    @children.setter
    def children(self, children: Json) -> None:
        self._data["children"] = _checked_children(children, self._job, self._rules)


class PosePoint(_Marked, PosePointValues):
    """A point of a pose."""

    __slots__ = ()


class ParsedAnnotation(_Marked, AnnotationValues):
    """An object, entity or relation. It has the attributes of its job and, if it names its tool, of the tool.

    Another attribute is an `AttributeNotCompatibleWithJobError`, one that the label does not hold an `AnswerMissingError`,
    which is a `KeyError`, too. Lists and points are those of the label, not copies.
    """

    __slots__ = ()

    @property
    def points(self) -> list[PosePoint]:
        """The points of a pose."""
        self._require("points")
        self._get("points")
        points = list_at(self._data, "points")
        return [PosePoint(point if isinstance(point, dict) else {}, self._job, self._rules) for point in points]

    @property
    def annotations(self) -> AnnotationList:
        """In PDF: the places of the annotation, one for each page or more."""
        self._require("annotations")
        self._get("annotations")
        return AnnotationList(self._data, self._job, self._rules)


class AnnotationList:
    """The annotations of an answer."""

    __slots__ = ("_at", "_job", "_rules")

    def __init__(self, at: Json | Place, job: JobRules, rules: Rules) -> None:
        self._at = at
        self._job = job
        self._rules = rules

    def add_annotation(self, annotation_dict: Json) -> None:
        """Add an annotation, as JSON. It gets no `mid` by itself.

        Raises
        ------
        InvalidMutationError: the job takes no such tool or category, or the polygon has too few or too many vertices.
        TypeCheckError: a part of it is of another type.
        """
        check_annotation(annotation_dict, self._job, self._rules)
        own_list(self._at, "annotations").append(copied(annotation_dict))

    def as_list(self) -> list[Json]:
        """Their JSON, copied."""
        return copied(list_at(self._at, "annotations"))  # type: ignore[no-any-return]

    def __len__(self) -> int:
        return len(list_at(self._at, "annotations"))

    def __iter__(self) -> Iterator[ParsedAnnotation]:
        return (self._view(entry) for entry in list_at(self._at, "annotations"))

    def __getitem__(self, index: int) -> ParsedAnnotation:
        return self._view(item_at(list_at(self._at, "annotations"), index, "annotation"))

    def _view(self, entry: object) -> ParsedAnnotation:
        return ParsedAnnotation(entry if isinstance(entry, dict) else {}, self._job, self._rules)

    def __repr__(self) -> str:
        return repr(list_at(self._at, "annotations"))


# -- jobs --------------------------------------------------------------------------------------------------------------


class ParsedJob(JobValues):
    """The answer to a job, whether it is there or not."""

    __slots__ = ()

    @property
    def categories(self) -> CategoryList:
        """The categories that were chosen (CLASSIFICATION); none where there is no answer."""
        self._require("categories", *CLASSIFICATIONS)
        return CategoryList(self._at, self._job, self._rules)

    @property
    def category(self) -> ParsedCategory | None:
        """The only category (CLASSIFICATION with `radio` or `singleDropdown`); None where there is no answer.

        Raises
        ------
        DataError: there are none in the answer, or several.
        """
        self._require("category", *CLASSIFICATIONS)
        require_single("category", self._job)
        if self._at.read().get("categories") is None:
            return None
        return _only_category(self.categories, self._job)

    def add_category(self, name: str, confidence: float | None = None) -> None:
        """Choose one category more, by its key (CLASSIFICATION).

        Raises
        ------
        InvalidMutationError: the job has no such category, or cannot take one more, or has it chosen already.
        """
        _entry(name, confidence)
        self._require("add_category", *CLASSIFICATIONS)
        CategoryList(self._at, self._job, self._rules).add_category(name, confidence)

    @property
    def annotations(self) -> AnnotationList:
        """The annotations (jobs of objects, entities and relations); none where there is no answer."""
        self._require_annotations("annotations")
        return AnnotationList(self._at, self._job, self._rules)

    @property
    def entity_annotations(self) -> AnnotationList:
        """The same (NAMED_ENTITIES_RECOGNITION)."""
        self._require("entity_annotations", "NAMED_ENTITIES_RECOGNITION")
        return self.annotations

    @property
    def bounding_poly_annotations(self) -> AnnotationList:
        """The same (OBJECT_DETECTION)."""
        self._require("bounding_poly_annotations", "OBJECT_DETECTION")
        return self.annotations

    def add_annotation(self, annotation_dict: Json) -> None:
        """`annotations.add_annotation`."""
        json_object("annotation_dict", annotation_dict)
        self._require_annotations("add_annotation")
        AnnotationList(self._at, self._job, self._rules).add_annotation(annotation_dict)

    def _require_annotations(self, attribute: str) -> None:
        if self._job.task in WITHOUT_ANNOTATIONS:
            raise not_compatible(attribute, self._job)

    @property
    def children(self) -> ParsedJobs | Json:
        """The answers to nested jobs, in labels that keep them beside the categories and not in each.

        Raises
        ------
        AnswerMissingError: there is no `children`.
        JobNotExistingError: what is set has a job that the interface lacks.
        """
        self._require("children")
        return _children(self._at.read(), self._job, self._rules)

    @children.setter
    def children(self, children: Json) -> None:
        self._require("children")
        self._at.own()["children"] = _checked_children(children, self._job, self._rules)

    @property
    def frames(self) -> Frames:
        """In a video: the answers, frame by frame."""
        raise not_compatible("frames", self._job, ": jobs of a label of a video have it")

    def __getitem__(self, frame: int) -> ParsedJob:
        return self.frames[frame]


class Frames(ParsedJob):
    """The answers to a job in the frames of a video that the label has, in their order."""

    __slots__ = ("_answers", "_keys")

    def __init__(self, answers: Json, keys: list[Any], job: JobRules, rules: Rules) -> None:
        super().__init__(Place({}, job.name), job, rules)
        self._answers = answers
        self._keys = keys

    def _require(self, attribute: str, *tasks: str) -> None:
        raise not_compatible(attribute, self._job, " of a video as a whole: look into `.frames[0]`")

    def _require_annotations(self, attribute: str) -> None:
        self._require(attribute)

    @property
    def frames(self) -> Frames:
        """Themselves."""
        return self

    @property
    def numbers(self) -> list[int]:
        """The number of each frame in the video: `frames[i]` is that of `numbers[i]`. Labels can leave frames out."""
        return [int(str(key)) for key in self._keys]

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[ParsedJob]:
        return map(self._frame, self._keys)

    def __getitem__(self, frame: int) -> ParsedJob:
        if not 0 <= whole("frame", frame) < len(self._keys):
            raise FrameIndexError(
                f"there is no frame {frame} of job `{self._job.name}`: the label has {len(self._keys)}, counted from zero"
            )
        return self._frame(self._keys[frame])

    def _frame(self, key: Any) -> ParsedJob:
        return ParsedJob(Place(Place(self._answers, key), self._job.name), self._job, self._rules)

    def to_dict(self) -> Json:
        """The JSON of each frame, by its number in the video."""
        return {str(key): self._frame(key).to_dict() for key in self._keys}

    def __repr__(self) -> str:
        return repr(list(self))


class ParsedJobs:
    """The jobs of an interface with their answers: those that are not nested, or those nested at a place."""

    __slots__ = ("_answers", "_below", "_frames", "_names", "_rules")

    def __init__(
        self, answers: Json, names: tuple[str, ...], rules: Rules, frames: list[Any] | None = None, below: JobRules | None = None
    ) -> None:  # fmt: skip
        self._answers = answers
        self._names = names
        self._rules = rules
        self._frames = frames
        self._below = below

    def __getitem__(self, job_name: str) -> ParsedJob:
        if job_name not in self._names:
            raise self._rules.unknown(job_name, self._names, self._below.name if self._below else None)
        return self._view(job_name)

    def _view(self, name: str) -> ParsedJob:
        job = self._rules.jobs[name]
        if self._frames is not None:
            return Frames(self._answers, self._frames, job, self._rules)
        return ParsedJob(Place(self._answers, name), job, self._rules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, job_name: object) -> bool:
        return job_name in self._names

    def keys(self) -> Iterator[str]:
        """The names of the jobs."""
        return iter(self._names)

    def values(self) -> Iterator[ParsedJob]:
        """Their answers."""
        return map(self._view, self._names)

    def items(self) -> Iterator[tuple[str, ParsedJob]]:
        """Both."""
        return ((name, self._view(name)) for name in self._names)

    @property
    def answers(self) -> Json:
        """The JSON of all answers, not copied."""
        return self._answers

    def to_dict(self) -> Json:
        """The JSON of all answers, copied: what is no job's stays in it."""
        return copied(self._answers)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return repr(self._answers)
