"""A label and the rules of its interface: the first answer that a parsed label would not take is an error.

What is found here by reading is what the setters of the views refuse, one value at a time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from kili_query.formats.parsed.places import are_vertices, json_object, number, text, wrong_type
from kili_query.formats.parsed.refusals import InvalidMutationError, ParsedLabelError
from kili_query.formats.parsed.rules import JobRules, Rules
from kili_query.model.counts import frame_keys
from kili_query.model.kili import PSEUDO_JOBS


def video_frames(response: Mapping[Any, Any], rules: Rules, *, strict: bool = True) -> list[Any] | None:
    """The keys of the frames of a response, in order; None if it is not that of a video (parsed-labels 3).

    `strict`: all that it holds are frames, and the interface has all jobs in them.
    """
    if not rules.is_video:
        return None
    keys = frame_keys(response, rules.ontology)
    frames = [key for key in keys if response[key] is None or isinstance(response[key], dict)]
    if strict:
        known = (job in rules.jobs or job in PSEUDO_JOBS for key in frames for job in response[key] or ())
        if len(frames) != len(response) or not all(known):
            return None
    elif response and not frames:
        return None
    return sorted(frames, key=lambda key: int(str(key)))


def check_response(response: Mapping[Any, Any], rules: Rules, frames: list[Any] | None) -> None:
    """Nothing, if all answers of a `jsonResponse` fit the interface.

    Raises
    ------
    ParsedLabelError: one does not; the message says where.
    """
    if frames is None:
        check_answers(response, rules, rules.top)
        return
    for key in frames:
        try:
            check_answers(response[key] or {}, rules, rules.top)
        except ParsedLabelError as error:
            raise error.at(f"frame {key}") from None


def check_answers(
    answers: Mapping[Any, Any], rules: Rules, names: Collection[str], below: JobRules | None = None
) -> None:
    """Nothing, if the answers to these jobs fit; answers to other jobs of the interface are not looked at.

    Raises
    ------
    ParsedLabelError: one does not, or the interface does not have its job.
    """
    for name in answers:
        if name not in rules.jobs and name not in PSEUDO_JOBS:
            raise rules.unknown(name, tuple(names), below.name if below else None)
    for name, answer in answers.items():
        if answer is not None and name in names:
            _check_answer(json_object(name, answer), rules.jobs[name], rules)


def _check_answer(answer: Mapping[str, Any], job: JobRules, rules: Rules) -> None:
    check_categories(answer.get("categories"), job, rules)
    annotations = answer.get("annotations")
    if annotations is not None:
        for position, entry in enumerate(_listed("annotations", annotations)):
            try:
                check_annotation(entry, job, rules)
            except ParsedLabelError as error:
                raise error.at(f"annotation {position} of job `{job.name}`") from None
    _check_children(answer, job, rules)


def _check_children(holder: Mapping[str, Any], job: JobRules, rules: Rules) -> None:
    children = holder.get("children")
    if children:
        check_answers(json_object("children", children), rules, job.children, job)


def check_categories(entries: object, job: JobRules, rules: Rules) -> None:
    """Nothing, if a list of chosen categories fits a job; None stands for no list.

    Raises
    ------
    ParsedLabelError: it does not.
    """
    if entries is None:
        return
    chosen: list[str] = []
    for entry in _listed("categories", entries):
        name = entry if isinstance(entry, str) else text("name", json_object("categories", entry).get("name"))
        job.require_category(name)
        if isinstance(entry, dict):
            if entry.get("confidence") is not None:
                number("confidence", entry["confidence"])
            _check_children(entry, job, rules)
        job.require_room(len(chosen))
        require_new(name, chosen, job)
        chosen.append(name)


def require_new(name: str, chosen: Collection[str], job: JobRules) -> None:
    """Nothing, if a category is not among those chosen.

    Raises
    ------
    InvalidMutationError: it is.
    """
    if name in chosen:
        raise InvalidMutationError(f"job `{job.name}` has the category `{name}` chosen already")


def check_annotation(entry: object, job: JobRules, rules: Rules) -> None:
    """Nothing, if an annotation fits a job.

    Raises
    ------
    ParsedLabelError: it does not.
    """
    annotation = json_object("annotation_dict", entry)
    check_categories(annotation.get("categories"), job, rules)
    tool = annotation.get("type")
    rings = annotation.get("boundingPoly")
    if rings is not None:
        for ring in _listed("boundingPoly", rings):
            for part in (
                ring if isinstance(ring, list) else (ring,)
            ):  # grouped in geospatial projects (json-formats 2.4)
                check_bounding_poly(part, tool)
    points = annotation.get("points")
    if points is not None:
        for point in _listed("points", points):
            point = json_object("points", point)
            check_categories(point.get("categories"), job, rules)
            _check_children(point, job, rules)
    _check_children(annotation, job, rules)
    if tool is not None:
        job.require_tool(text("type", tool))


def check_bounding_poly(entry: object, tool: object) -> None:
    """Nothing, if an object is a polygon that can be drawn with a tool.

    Raises
    ------
    ParsedLabelError: it is none, or it has too few or too many vertices.
    """
    polygon = json_object("bounding_poly", entry)
    if "normalizedVertices" not in polygon:
        raise wrong_type("bounding_poly", entry, "a dict with `normalizedVertices`")
    check_vertices(polygon["normalizedVertices"], tool)


def check_vertices(value: object, tool: object) -> None:
    """Nothing, if vertices are those of a polygon drawn with a tool: a ring of points, or rings, in PDF.

    Raises
    ------
    TypeCheckError: they are something else.
    InvalidMutationError: there are too few, or too many.
    """
    rings = value if isinstance(value, list) and value and isinstance(value[0], list) else [value]
    for ring in rings:
        if not isinstance(ring, list) or not are_vertices(ring):
            raise wrong_type(
                "normalized_vertices", value, 'a list of points such as `{"x": 0.1, "y": 0.2}`, or of such lists'
            )
        if tool == "rectangle" and len(ring) != 4:
            raise InvalidMutationError(f"a ring of {_vertices(len(ring))} is no rectangle, which has four")
        if tool == "polygon" and len(ring) < 3:
            raise InvalidMutationError(f"a ring of {_vertices(len(ring))} is no polygon, which has at least three")


def _vertices(number: int) -> str:
    return "1 vertex" if number == 1 else f"{number} vertices"


def _listed(name: str, value: object) -> list[Any]:
    if not isinstance(value, list):
        raise wrong_type(name, value, "a list")
    return value
