"""Categories, annotations and points of poses as far as they hold plain values: what is read, set and checked by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

from kili_query.formats.parsed.places import (
    Json,
    Vertex,
    copied,
    mids,
    number,
    text,
    vertex,
    vertices,
    whole,
)
from kili_query.formats.parsed.polygons import BoundingPolyList
from kili_query.formats.parsed.refusals import (
    AnswerMissingError,
    AttributeNotCompatibleWithJobError,
    InvalidMutationError,
)
from kili_query.formats.parsed.rules import JobRules, Rules

T = TypeVar("T")


class CategoryValues:
    """The values of a category."""

    __slots__ = ("_index", "_job", "_list", "_rules")

    def __init__(self, entries: list[Any], index: int, job: JobRules, rules: Rules) -> None:
        self._list = entries
        self._index = index
        self._job = job
        self._rules = rules

    def _data(self) -> Json:
        entry = self._list[self._index]
        return entry if isinstance(entry, dict) else {"name": entry}  # in conversations it can be the name alone

    def _own(self) -> Json:
        self._list[self._index] = data = self._data()
        return data

    @property
    def name(self) -> str:
        """Its key in the interface, such as `CAR`. To set it changes `display_name`, too.

        Raises
        ------
        InvalidMutationError: the job has no such category.
        """
        name = self._data().get("name")
        if not isinstance(name, str):
            raise AnswerMissingError(f"the category of job `{self._job.name}` has no `name`")
        return name

    @name.setter
    def name(self, name: str) -> None:
        self._job.require_category(text("name", name))
        self._own()["name"] = name

    @property
    def display_name(self) -> str:
        """The name that people see, such as `Car`. To set it changes `name`, too.

        Raises
        ------
        InvalidMutationError: the job shows no category so, or several.
        """
        return self._job.categories.get(self.name, self.name)

    @display_name.setter
    def display_name(self, name: str) -> None:
        self._own()["name"] = self._job.category_shown_as(text("display_name", name))

    @property
    def confidence(self) -> float | None:
        """How sure a model was, in percent; None where nothing is said. Any number can be set."""
        return self._data().get("confidence")

    @confidence.setter
    def confidence(self, confidence: float) -> None:
        self._own()["confidence"] = number("confidence", confidence)

    def as_dict(self) -> Json:
        """Its JSON, copied."""
        return copied(self._data())  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        data = self._data()
        shown = {"display_name": self.display_name} if isinstance(data.get("name"), str) else {}
        return repr({"name": data.get("name"), **shown, **data})


class Stored(Generic[T]):
    """An attribute of an annotation as it stands in its JSON, to be read."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._name = key

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, entry: None, owner: type) -> Self: ...
    @overload
    def __get__(self, entry: Entry, owner: type) -> T: ...
    def __get__(self, entry: Entry | None, owner: type) -> T | Self:
        if entry is None:
            return self
        entry._require(self._name)
        return entry._get(self._key)  # type: ignore[no-any-return]


class Settable(Stored[T]):
    """An attribute of an annotation as it stands in its JSON, to be read and set."""

    def __init__(self, key: str, check: Callable[[str, object], T]) -> None:
        super().__init__(key)
        self._check = check

    def __set__(self, entry: Entry, value: T) -> None:
        entry._require(self._name)
        entry._data[self._key] = copied(self._check(self._name, value))


def _mid(name: str, value: object) -> str:
    if not (mid := text(name, value)):
        raise InvalidMutationError("`mid` is empty; it must be non-empty")
    return mid


def _offset(name: str, value: object) -> int:
    if (offset := whole(name, value)) < 0:
        raise InvalidMutationError(f"`{name}` is {value}, and must be from 0")
    return offset


def _score(name: str, value: object) -> int:
    if not 0 <= (score := whole(name, value)) <= 100:
        raise InvalidMutationError(f"`{name}` is {value}, and must be from 0 to 100")
    return score


class Entry:
    """What annotations and the points of a pose have in common."""

    __slots__ = ("_data", "_job", "_rules")

    def __init__(self, data: Json, job: JobRules, rules: Rules) -> None:
        self._data = data
        self._job = job
        self._rules = rules

    mid = Settable("mid", _mid)
    """Its id: the same in all frames of a video, and for all parts of a segmentation."""

    def _require(self, attribute: str) -> None:
        """Nothing, if it can have the attribute."""

    def _get(self, key: str) -> Any:
        try:
            return self._data[key]
        except KeyError:
            deeper = "; its places are one level down, in `.annotations`" if "annotations" in self._data else ""
            raise AnswerMissingError(f"the annotation of job `{self._job.name}` has no `{key}`{deeper}") from None

    def as_dict(self) -> Json:
        """Its JSON, copied."""
        return copied(self._data)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return repr(self._data)


class PosePointValues(Entry):
    """The values of a point of a pose."""

    __slots__ = ()

    point = Stored[Vertex]("point")
    """Where it is."""
    code = Stored[str]("code")
    """Which point of the object it is: its code in the interface."""
    name = Stored[str]("name")
    """The name that people see."""
    job_name = Stored[str]("jobName")
    type = Stored[str]("type")


class AnnotationValues(Entry):
    """The values of an annotation."""

    __slots__ = ()

    point = Settable("point", vertex)
    """Where a marker is."""
    polyline = Settable("polyline", vertices)
    """The points of a line or a vector."""
    kind = Stored[str]("kind")
    """`POSE_ESTIMATION`, for a pose."""
    content = Settable("content", text)
    """The words of an entity."""
    begin_offset = Settable("beginOffset", _offset)
    """Where an entity begins, in characters from 0."""
    end_offset = Settable("endOffset", _offset)
    """Where it ends."""
    polys = Stored[list[Json]]("polys")
    """In PDF, one level down: the shapes on the page."""
    page_number_array = Stored[list[int]]("pageNumberArray")
    """In PDF, one level down: the pages."""
    start_entities = Settable("startEntities", mids)
    """The entities that a relation begins at, by their `mid`."""
    end_entities = Settable("endEntities", mids)
    start_objects = Settable("startObjects", mids)
    """The objects that a relation begins at, by their `mid`."""
    end_objects = Settable("endObjects", mids)

    def _require(self, attribute: str) -> None:
        if attribute != "mid":
            self._job.require_attribute(attribute, self._data.get("type"))

    @property
    def type(self) -> str:
        """Its tool, such as `polygon`. In PDF, what does not say it is a rectangle."""
        self._require("type")
        if self._job.on_pages and "type" not in self._data:
            return "rectangle"
        return self._get("type")  # type: ignore[no-any-return]

    @property
    def bounding_poly(self) -> BoundingPolyList:
        """The polygons of a rectangle, polygon or segmentation."""
        self._require("bounding_poly")
        self._get("boundingPoly")
        return BoundingPolyList(self._data)

    def add_bounding_poly(self, bounding_poly_dict: Json) -> None:
        """`bounding_poly.add_bounding_poly`, also where there is none yet."""
        self._require("bounding_poly")
        BoundingPolyList(self._data).add_bounding_poly(bounding_poly_dict)

    @property
    def score(self) -> int | None:
        """How sure a model was of an object, from 0 to 100; None where nothing is said."""
        self._require("score")
        return self._data.get("score")

    @score.setter
    def score(self, score: int) -> None:
        self._require("score")
        self._data["score"] = _score("score", score)

    @property
    def is_key_frame(self) -> bool:
        """In a video: whether a person edited this frame."""
        self._require("is_key_frame")
        if "isKeyFrame" not in self._data:
            raise AttributeNotCompatibleWithJobError(
                f"the attribute `is_key_frame` is not compatible with job `{self._job.name}`: only frames of videos have it"
            )
        return self._data["isKeyFrame"]  # type: ignore[no-any-return]
