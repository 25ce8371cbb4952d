"""A label and an ontology: names that the ontology lacks, shapes that are no answer, more choices than a job allows.

What is questioned here would be stored by Kili all the same, and be lost to queries, to the interface, or to exports.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from kili_query.errors import DataError
from kili_query.lang.lexis import name_to_text
from kili_query.lang.wording import listed, nearest, shown
from kili_query.model.annotations import KINDS
from kili_query.model.counts import decode_response, frame_keys
from kili_query.model.decoding import kind_of
from kili_query.model.geometry import read_geometry
from kili_query.model.kili import LEVELS, PSEUDO_JOBS
from kili_query.model.labels import Label
from kili_query.model.ontology import Job, Ontology, json_path

CODE = "KQ509"
"""The code of a label that does not fit its ontology."""

_SINGLE = ("radio", "singleDropdown")
_FLATTENED = ("LLM_STATIC", "LLM_INSTR_FOLLOWING")  # the choices of all messages stand in one list (json-formats 2.9)


def check_response(response: object, ontology: Ontology) -> list[DataError]:
    """What of a `jsonResponse` does not fit an ontology: an error each, with its JSON path, in the order of the label.

    Parameters
    ----------
    response: the object, its JSON text, or None.
    ontology: that of the project, with its input type where that is known.

    >>> boats = Ontology.from_json_interface({"jobs": {"BOATS": {
    ...     "mlTask": "OBJECT_DETECTION", "content": {"categories": {"FERRY": {}}}}}})
    >>> [print(problem) for problem in check_response({"BOATS": {"annotations": [{"categories": [{"name": "FERY"}]}]}}, boats)]
    $.BOATS.annotations[0].categories[0].name: job `BOATS` has no category `FERY`; did you mean `FERRY`?
    [None]
    """
    try:
        answers = decode_response(response)
    except DataError as error:
        return [error]
    return list(_check(answers, ontology))


def check_label(label: Label, ontology: Ontology) -> list[DataError]:
    """`check_response` of a label of `read_labels`; each error names the label and where it comes from."""
    place = f"{label.where}, {label.name}" if label.where else label.name
    if label.problem:
        return [DataError(label.problem, where=place)]
    if not label.by_level:
        return [problem.at(place) for problem in check_response(label.response, ontology)]
    try:
        levels = decode_response(label.response)
    except DataError as error:
        return [error.at(place)]
    return [problem.at(place) for problem in _check_levels(levels, ontology)]


def _wrong(path: str, message: str) -> DataError:
    return DataError(message, code=CODE, where=path)


def _check(response: Mapping[str, object], ontology: Ontology) -> Iterator[DataError]:
    frames = frame_keys(response.keys(), ontology)
    plain: dict[str, object] = {}
    for key, value in response.items():
        if key in frames and (value is None or isinstance(value, Mapping)):
            yield from _check_answers(value, json_path("$", str(key)), ontology)
        elif key == "assetLevel" and key not in ontology.jobs:
            yield from _check_answers(value, "$.assetLevel", ontology)
        else:
            plain[key] = value
    yield from _check_answers(plain, "$", ontology)


def _check_levels(levels: Mapping[str, object], ontology: Ontology) -> Iterator[DataError]:
    """The conversation form (json-formats 2.9 b): the job is keyed once more, by message or round."""
    for level, answers in levels.items():
        if level not in LEVELS:
            yield _wrong(
                json_path("$", str(level)), f"there is no level `{shown(str(level))}`; there are {listed(LEVELS)}"
            )
        elif level == "conversation":
            yield from _check_answers(answers, "$.conversation", ontology)
        elif isinstance(answers, Mapping):
            for job, by_key in answers.items():
                for key, answer in by_key.items() if isinstance(by_key, Mapping) else ():
                    path = json_path(json_path(f"$.{level}", str(job)), str(key))
                    yield from (
                        DataError(problem.message, code=problem.code, where=path + problem.where.removeprefix(json_path("$", str(job))))
                        for problem in _check_answers({job: answer}, "$", ontology)
                    )  # fmt: skip


_Below = tuple[object, str, Job | None, tuple[str, ...]]
"""Answers, their path, the job that they are nested in, and the jobs that may be answered there."""


def _check_answers(answers: object, path: str, ontology: Ontology) -> Iterator[DataError]:
    """A list of what is left to do stands in for recursion: labels can be deep."""
    todo: list[_Below] = [(answers, path, None, ())]
    while todo:
        answers, path, parent, allowed = todo.pop()
        if answers is None:
            continue
        if not isinstance(answers, Mapping):
            yield _wrong(path, f"must be an object with a job in each key, and is {kind_of(answers)}")
            continue
        below: list[_Below] = []
        for key, answer in answers.items():
            here = json_path(path, str(key))
            if key in PSEUDO_JOBS:
                continue
            job = ontology.jobs.get(key) if isinstance(key, str) else None
            if job is None:
                yield _wrong(here, _unknown_job(str(key), ontology, allowed))
            elif parent is None and job.is_child:
                yield _wrong(
                    here, f"job `{key}` is nested; it is answered in the `children` of {_places(job, ontology)}"
                )
            elif parent is not None and key not in allowed:
                yield _wrong(here, f"job `{key}` is not nested in job `{parent.key}`{_are('there', allowed)}")
            else:
                yield from _check_answer(job, answer, here, ontology, below)
        todo.extend(reversed(below))


def _check_answer(job: Job, answer: object, path: str, ontology: Ontology, below: list[_Below]) -> Iterator[DataError]:
    if answer is None:
        return
    if not isinstance(answer, Mapping):
        yield _wrong(path, f"an answer of job `{job.key}` is an object, and this is {kind_of(answer)}")
        return
    everywhere = tuple(dict.fromkeys(key for category in job.categories.values() for key in category.opens))
    if "children" in answer:
        below.append((answer["children"], f"{path}.children", job, everywhere))
    if job.task in KINDS:
        if "categories" in answer and "annotations" not in answer:
            yield _wrong(path, f"job `{job.key}` marks objects: its answer has `annotations`, each with `categories`")
        for entry, here in _items(answer, "annotations", path):
            if isinstance(entry, DataError):
                yield entry
            elif not isinstance(entry, Mapping):
                yield _wrong(here, f"an annotation is an object, and this is {kind_of(entry)}")
            else:
                yield from _check_categories(job, entry, here, ontology, below)
                yield from _check_place(entry, here)
                below.append((entry.get("children"), f"{here}.children", job, everywhere))
                for number, point in enumerate(p for p in _list(entry.get("points")) if isinstance(p, Mapping)):
                    below.append((point.get("children"), f"{here}.points[{number}].children", job, everywhere))
    elif job.categories:
        if _list(answer.get("annotations")) and "categories" not in answer:
            yield _wrong(path, f"job `{job.key}` chooses categories: its answer has `categories`, and no `annotations`")
        yield from _check_categories(job, answer, path, ontology, below)
        chosen = len(_list(answer.get("categories")))
        if job.input in _SINGLE and chosen > 1 and ontology.input_type not in _FLATTENED:
            yield _wrong(f"{path}.categories", f"job `{job.key}` allows one choice, and this has {chosen}")
    elif job.task == "TRANSCRIPTION" and not isinstance(answer.get("text", ""), (str, int, float, type(None))):
        yield _wrong(f"{path}.text", f"a transcription is a text, and this is {kind_of(answer['text'])}")


_PLACES = {
    "boundingPoly": "an outline is a list of objects whose `normalizedVertices` have numbers `x` and `y`",
    "polyline": "a line is a list of objects with numbers `x` and `y`",
    "point": "a point is an object with numbers `x` and `y`",
}


def _check_place(entry: Mapping[str, Any], path: str) -> Iterator[DataError]:
    """Whether what says where an annotation is can be read; what an object of its tool lacks is not reported."""
    unread = [key for key in _PLACES if entry.get(key) is not None and read_geometry({key: entry[key]}) is None]
    given = sum(entry.get(key) is not None for key in _PLACES)
    for key in unread:
        if entry[key] or len(unread) == given:  # an empty line beside a box, as older labels have it, is none
            yield _wrong(f"{path}.{key}", _PLACES[key])


def _check_categories(
    job: Job, holder: Mapping[str, Any], path: str, ontology: Ontology, below: list[_Below]
) -> Iterator[DataError]:
    seen: Counter[str] = Counter()
    for entry, here in _items(holder, "categories", path):
        if isinstance(entry, DataError):
            yield entry
            continue
        name = entry.get("name") if isinstance(entry, Mapping) else entry
        at = f"{here}.name" if isinstance(entry, Mapping) else here
        if not isinstance(name, str):
            yield _wrong(at, f"a category is named by a text, and this is {kind_of(name)}")
            continue
        seen[name] += 1
        category = job.categories.get(name)
        if category is None:
            yield _wrong(at, _unknown_category(name, job, ontology))
        elif seen[name] == 2 and ontology.input_type not in _FLATTENED:
            yield _wrong(at, f"category `{name}` is chosen twice")
        if isinstance(entry, Mapping):
            below.append((entry.get("children"), f"{here}.children", job, tuple(category.opens) if category else ()))


def _items(holder: Mapping[str, Any], key: str, path: str) -> Iterator[tuple[Any, str]]:
    """The items of a list with their paths; where it is no list, the error in their place."""
    value = holder.get(key)
    if value is not None and not isinstance(value, list):
        yield _wrong(f"{path}.{key}", f"`{key}` is a list, and this is {kind_of(value)}"), path
    for number, item in enumerate(_list(value)):
        yield item, f"{path}.{key}[{number}]"


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


# -- messages ----------------------------------------------------------------------------------------------------------


def _unknown_job(name: str, ontology: Ontology, allowed: tuple[str, ...]) -> str:
    message = f"there is no job `{shown(name)}`"
    candidates = allowed or tuple(key for key, job in ontology.jobs.items() if not job.is_child)
    titled = [key for key, job in ontology.jobs.items() if job.title and job.title.casefold() == name.casefold()]
    near = titled or nearest(name, candidates) or nearest(name, ontology.jobs)
    if near:
        return f"{message}; did you mean {listed(near, last='or')}?"
    return message + _are("the jobs", candidates)


def _unknown_category(name: str, job: Job, ontology: Ontology) -> str:
    message = f"job `{job.key}` has no category `{shown(name)}`"
    named = [key for key, category in job.categories.items() if category.name.casefold() == name.casefold()]
    near = named or nearest(name, job.categories)
    if near:
        return f"{message}; did you mean {listed(near, last='or')}?"
    holders = [key for key, other in ontology.jobs.items() if name in other.categories]
    if holders:
        return f"{message}; it belongs to {listed(holders)}"
    return message + _are("its categories", tuple(job.categories))


def _are(what: str, names: tuple[str, ...]) -> str:
    return f"; {what} are {listed(names)}" if names else ""


def _places(job: Job, ontology: Ontology) -> str:
    """Where a nested job is answered."""
    places = dict.fromkeys((parent.key, category.key) for parent, category, _ in ontology.parents.get(job.key, ()))
    named = [f"`{name_to_text(parent)}.{name_to_text(category)}`" for parent, category in places]
    return " or ".join(named[:3]) or "no category"
