"""How far two labels agree, as one number: what local Kili's marks are made of.

Kili does not publish how it measures. This measure is ours, and the same for every kind of job.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from kili_query.model.annotations import Annotation, annotations_of
from kili_query.model.geometry import Relation

if TYPE_CHECKING:
    from kili_query.model.ontology import Ontology

Objects = Mapping[Hashable, Annotation]


def agreement(one: object, other: object, ontology: Ontology | None = None) -> float:
    """The agreement of two answers, from 0 to 1: 1 if they are equal, below 1 if not.

    Each annotation, and each category of a choice, says two things: what it is (its job, its categories, what it is an answer about), and that with all
    the rest (its place, its text). The agreement is the share of what both say in what one of them says. So two boxes of
    one category in different places agree by a third. Ids, order and confidence say nothing.

    Parameters
    ----------
    one, other: two `jsonResponse`: objects, or their JSON texts.
    ontology: tells frames of a video from jobs whose keys are digits.

    Raises
    ------
    DataError: text that is not JSON.

    >>> sun, rain = ({"WEATHER": {"categories": [{"name": name}]}} for name in ("SUN", "RAIN"))
    >>> agreement(sun, sun), agreement(sun, rain)
    (1.0, 0.0)
    """
    mine, theirs = _said(one, ontology), _said(other, ontology)
    either = (mine | theirs).total()
    return (mine & theirs).total() / either if either else 1.0


def _said(response: object, ontology: Ontology | None) -> Counter[Hashable]:
    annotations = list(annotations_of(response, ontology))
    objects: dict[Hashable, Annotation] = {
        annotation.mid: annotation for annotation in annotations if annotation.mid is not None
    }
    said: Counter[Hashable] = Counter()
    for annotation in chain.from_iterable(map(_choices, annotations)):
        said["what", _what(annotation, objects)] += 1
        said["all", _all(annotation, objects)] += 1
    return said


def _choices(annotation: Annotation) -> Iterable[Annotation]:
    """Each chosen category by itself, as several can be chosen; anything else as it is."""
    if annotation.kind != "classification" or len(annotation.categories) < 2:
        return (annotation,)
    return (replace(annotation, categories=(category,)) for category in annotation.categories)


def _what(annotation: Annotation, objects: Objects) -> Hashable:
    """What an annotation is, whatever its place."""
    about = tuple((step.job, _named(step.what, objects, _categories)) for step in annotation.parents)
    return annotation.kind, annotation.job, _categories(annotation), about, annotation.frame


def _all(annotation: Annotation, objects: Objects) -> Hashable:
    """All that an annotation says; other objects stand for themselves, not for their ids."""
    about = tuple((step.job, _named(step.what, objects, _place)) for step in annotation.parents)
    joined: Hashable = annotation.geometry
    if isinstance(annotation.geometry, Relation):
        ends = (annotation.geometry.start, annotation.geometry.end)
        joined = tuple(frozenset(Counter(_named(mid, objects, _place) for mid in end).items()) for end in ends)
    elif annotation.kind in ("ranking", "comparison", "file"):
        joined = json.dumps(annotation.raw, sort_keys=True, default=str)
    return annotation.kind, annotation.job, _categories(annotation), about, annotation.frame, joined, annotation.text


def _categories(annotation: Annotation) -> tuple[str, ...]:
    return tuple(sorted(category.name for category in annotation.categories))


def _place(annotation: Annotation) -> Hashable:
    return annotation.job, _categories(annotation), annotation.geometry, annotation.text


def _named(what: Hashable, objects: Objects, tells: Callable[[Annotation], Hashable]) -> Hashable:
    """What an id stands for; anything else stands for itself."""
    found = objects.get(what)
    return what if found is None else tells(found)
