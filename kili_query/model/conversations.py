"""Labels of conversations: Kili keeps them as annotation objects, and queries and scripts see a `jsonResponse`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kili_query.model.kili import LEVELS

Annotation = dict[str, Any]


def from_annotations(annotations: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The `jsonResponse` of annotations: the answers to all messages, put together job by job (json-formats 2.9).

    The `path` of an annotation names the annotations and categories that it is nested in, from the outside inwards.

    >>> from_annotations([{"job": "LENGTH", "annotationValue": {"categories": ["FINE"]}}])
    {'LENGTH': {'categories': [{'name': 'FINE'}]}}
    """
    response: dict[str, Any] = {}
    chosen: dict[tuple[Any, ...], dict[str, Any]] = {}
    for annotation in sorted(annotations, key=lambda annotation: len(annotation.get("path") or ())):
        path = tuple(map(tuple, annotation.get("path") or ()))
        if path and path not in chosen:
            continue  # what it is nested in is not there
        answers = chosen[path].setdefault("children", {}) if path else response
        answer = answers.setdefault(str(annotation.get("job")), {})
        value = annotation.get("annotationValue") or {}
        for name in value.get("categories") or ():
            chosen[*path, (annotation.get("id"), name)] = entry = {"name": name}
            answer.setdefault("categories", []).append(entry)
        for name in ("choice", "text"):
            if name in value:
                answer.setdefault(name, value[name])  # of several messages, the first
    return response


def to_annotations(response: object, label_id: str, *, by_level: bool = False) -> list[Annotation]:
    """The annotations of a `jsonResponse`, or of the levels of an exported conversation.

    >>> [annotation] = to_annotations({"LENGTH": {"categories": [{"name": "FINE"}]}}, "label")
    >>> annotation["job"], annotation["annotationValue"]
    ('LENGTH', {'categories': ['FINE']})
    """
    found: list[Annotation] = []
    todo: list[tuple[str, str | None, list[list[Any]], Mapping[str, Any]]]
    todo = [(job, item, [], answer) for job, item, answer in (_by_level(response) if by_level else _flat(response))]
    for job, item, path, answer in todo:  # which grows by what is nested
        kind, value = _value(answer)
        if kind is None:
            continue
        own = f"{label_id}-{len(found)}"
        found.append(
            {"__typename": kind, "id": own, "job": job, "path": path, "labelId": label_id, "chatItemId": item, "annotationValue": value}
        )  # fmt: skip
        for entry in _list(answer.get("categories")):
            if isinstance(entry, Mapping):
                inside = [*path, [own, entry.get("name")]]
                todo += [(nested, item, inside, below) for nested, _, below in _flat(entry.get("children"))]
    return found


def _flat(response: object) -> Iterator[tuple[str, str | None, Mapping[str, Any]]]:
    for job, answer in response.items() if isinstance(response, Mapping) else ():
        if isinstance(answer, Mapping):
            yield job, None, answer


def _by_level(levels: object) -> Iterator[tuple[str, str | None, Mapping[str, Any]]]:
    for level in LEVELS:
        for job, _, answers in _flat(levels.get(level) if isinstance(levels, Mapping) else None):
            if level == "conversation":
                yield job, None, answers
            else:
                yield from (
                    (job, item if level == "completion" else None, answer) for item, _, answer in _flat(answers)
                )


def _value(answer: Mapping[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """The type of an annotation, and its value; no type for what no annotation of a conversation holds."""
    if "categories" in answer:
        entries = _list(answer["categories"])
        return "ClassificationAnnotation", {
            "categories": [e.get("name") if isinstance(e, Mapping) else e for e in entries]
        }
    if "text" in answer:
        return "TranscriptionAnnotation", {"text": answer["text"]}
    choice = answer.get("choice", answer if "code" in answer else None)
    if isinstance(choice, Mapping):
        return "ComparisonAnnotation", {"choice": {name: choice.get(name) for name in ("code", "firstId", "secondId")}}
    return None, {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
