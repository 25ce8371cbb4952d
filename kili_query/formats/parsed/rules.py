"""What the interface of a project says of the answers of its jobs, in the form that views and checks ask for it."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Any

from kili_query.formats.parsed.refusals import (
    AttributeNotCompatibleWithJobError,
    InvalidMutationError,
    JobNotExistingError,
)
from kili_query.lang.wording import listed, nearest
from kili_query.model.ontology import Job, Ontology

_BOXES = frozenset({"type", "bounding_poly", "score", "is_key_frame", "annotations", "polys", "page_number_array"})
_LINES = frozenset({"type", "polyline", "bounding_poly", "score", "is_key_frame"})
_OF_TOOL = {
    "rectangle": _BOXES,
    "polygon": _BOXES,
    "semantic": _BOXES,
    "polyline": _LINES,
    "vector": _LINES,
    "marker": frozenset({"type", "point", "kind", "points"}),
    "pose": frozenset({"type", "kind", "points"}),
}
_OF_TASK = {
    "OBJECT_DETECTION": frozenset().union(*_OF_TOOL.values()),
    "NAMED_ENTITIES_RECOGNITION": frozenset(
        {"content", "begin_offset", "end_offset", "bounding_poly", "annotations", "polys", "page_number_array"}
    ),
    "NAMED_ENTITIES_RELATION": frozenset({"start_entities", "end_entities"}),
    "OBJECT_RELATION": frozenset({"start_objects", "end_objects"}),
}
"""The attributes of annotations, by task and by tool (parsed-labels 5); all have categories, mid and children."""

_ON_PAGES = frozenset({"annotations", "polys", "page_number_array"})
"""What only annotations of PDF have: their places are one level down."""

CLASSIFICATIONS = ("CLASSIFICATION", "PAGE_LEVEL_CLASSIFICATION")
TRANSCRIPTIONS = ("TRANSCRIPTION", "PAGE_LEVEL_TRANSCRIPTION")
WITHOUT_ANNOTATIONS = (*CLASSIFICATIONS, *TRANSCRIPTIONS, "FILE")


class JobRules:
    """What one job allows."""

    def __init__(self, job: Job, on_pages: bool, children: tuple[str, ...]) -> None:
        self.name = job.key
        self.task = job.task or ""
        self.input = job.input
        self.tools = frozenset(job.tools)
        self.on_pages = on_pages
        self.children = children
        self.categories: Mapping[str, str] = {key: category.name for key, category in job.categories.items()}
        self.single = job.input in ("radio", "singleDropdown")
        self.several = job.input in ("checkbox", "multipleDropdown")
        self._listed_tools = list(job.tools)

    @cached_property
    def attributes(self) -> Mapping[str | None, frozenset[str]]:
        """What annotations have, by their tool; None stands for those that do not name one."""
        drawn = self.task == "OBJECT_DETECTION"
        of_task = _OF_TASK.get(self.task, frozenset())
        if not self.on_pages:
            of_task -= _ON_PAGES
        return {None: of_task} | {tool: of_task & has if drawn else of_task for tool, has in _OF_TOOL.items()}

    def require_attribute(self, name: str, tool: object) -> None:
        """Nothing, if annotations drawn so have the attribute.

        Raises
        ------
        AttributeNotCompatibleWithJobError: they have not.
        """
        known = self.attributes.get(tool if isinstance(tool, str) else None, self.attributes[None])
        if name in known:
            return
        of_tool = tool if isinstance(tool, str) and self.task == "OBJECT_DETECTION" else None
        what = f"annotations of type `{of_tool}` in job `{self.name}`" if of_tool else f"job `{self.name}`"
        if name in _ON_PAGES and self.task in ("OBJECT_DETECTION", "NAMED_ENTITIES_RECOGNITION") and not self.on_pages:
            why = "only annotations of PDF projects have it"
        else:
            tasks = [task for task, has in _OF_TASK.items() if name in has]
            why = f"annotations of {listed(tasks)} have it"
            if self.task in tasks:
                why = f"those of type {listed([tool for tool, has in _OF_TOOL.items() if name in has])} have it"
        raise AttributeNotCompatibleWithJobError(f"the attribute `{name}` is not compatible with {what}: {why}")

    def require_category(self, name: str) -> None:
        """Nothing, if the job has the category.

        Raises
        ------
        InvalidMutationError: it has not.
        """
        if name not in self.categories:
            shown = [key for key, shown in self.categories.items() if shown == name]
            alike = shown or nearest(name, self.categories, 1)
            hint = f"did you mean `{alike[0]}`? " if alike else ""
            has = f"its categories are {listed(self.categories, 50)}" if self.categories else "it has none"
            raise InvalidMutationError(f"job `{self.name}` has no category `{name}`; {hint}{has}")

    def require_room(self, count: int) -> None:
        """Nothing, if an answer of the job can choose one category more.

        Raises
        ------
        InvalidMutationError: it holds as many as it can.
        """
        if self.single and count >= 1:
            raise InvalidMutationError(f"job `{self.name}` is `{self.input}`: it takes one category, and has one")
        if self.several and count >= len(self.categories):
            raise InvalidMutationError(
                f"job `{self.name}` is `{self.input}`, and holds as many categories as it has ({len(self.categories)})"
            )

    def require_tool(self, tool: str) -> None:
        """Nothing, if annotations of the job can be drawn so; the points of a pose are markers.

        Raises
        ------
        InvalidMutationError: they cannot.
        """
        if self.tools and tool not in self.tools and not (tool == "marker" and "pose" in self.tools):
            raise InvalidMutationError(
                f"job `{self.name}` takes no annotation of type `{tool}`; its tools are {listed(self._listed_tools)}"
            )

    def category_shown_as(self, name: str) -> str:
        """The key of the category that people see under a name.

        Raises
        ------
        InvalidMutationError: there is none, or several.
        """
        keys = [key for key, shown in self.categories.items() if shown == name]
        if len(keys) == 1:
            return keys[0]
        if keys:
            raise InvalidMutationError(
                f"job `{self.name}` shows {len(keys)} categories as `{name}`: {listed(keys)}; `.name` takes the key"
            )
        alike = nearest(name, self.categories.values(), 1)
        hint = f"did you mean `{alike[0]}`? " if alike else ""
        shown = listed(dict.fromkeys(self.categories.values()), 50)
        raise InvalidMutationError(f"job `{self.name}` shows no category as `{name}`; {hint}it shows {shown}")


class Rules:
    """What the interface of a project allows: its jobs, and those that answer an asset themselves, not another job."""

    def __init__(self, ontology: Ontology) -> None:
        self.ontology = ontology
        self.is_video = "VIDEO" in (ontology.input_type or "")
        on_pages = ontology.input_type == "PDF"
        self.jobs = {key: JobRules(job, on_pages, self._nested(job)) for key, job in ontology.jobs.items()}
        self.top = tuple(key for key, job in ontology.jobs.items() if not job.is_child)

    def _nested(self, job: Job) -> tuple[str, ...]:
        opened = (name for category in job.categories.values() for name in category.opens)
        jobs = self.ontology.jobs
        return tuple(dict.fromkeys(name for name in opened if name in jobs and jobs[name].is_child))

    def unknown(self, name: object, among: tuple[str, ...], below: str | None = None) -> JobNotExistingError:
        """The error about a job that is not among those of a place, and what would work."""
        hint = ""
        where = f" below job `{below}`" if below else ""
        if isinstance(name, str) and name in self.jobs:
            where = where or " here"
            parents = [parent for parent, rules in self.jobs.items() if name in rules.children]
            hint = f"; it is nested below {listed(parents)}: look into `.children` there" if parents else ""
        elif alike := nearest(str(name), among, 1):
            hint = f"; did you mean `{alike[0]}`?"
        return JobNotExistingError(f"job `{name}` does not exist{where}{hint}")


def rules_of(json_interface: Mapping[str, Any] | Ontology, input_type: str | None = None) -> Rules:
    """The rules of an interface; those of the last ones are kept, so that each label can be parsed by itself.

    Raises
    ------
    DataError: it is no interface.
    """
    if isinstance(json_interface, Ontology):
        kept = json_interface
        if input_type and input_type.upper() != kept.input_type:
            kept = Ontology(kept.jobs, input_type.upper(), kept.source)
        return Rules(kept)
    try:
        written = pickle.dumps(json_interface)
    except (TypeError, AttributeError, pickle.PicklingError):  # it holds what cannot be kept
        return Rules(Ontology.from_json_interface(json_interface, input_type))
    return _rules_as_written(written, input_type)


@lru_cache(maxsize=8)
def _rules_as_written(written: bytes, input_type: str | None) -> Rules:
    return Rules(Ontology.from_json_interface(pickle.loads(written), input_type))
