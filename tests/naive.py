"""The definitions, written down once more as simply as possible: counts of a label, truth of a tree.

Straight from `json-formats.md` 3.3, with recursion, and plain tuples as identities. Nothing here is shared with the
package's own counting or engines; slow is fine.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Collection, Mapping

from kili_query.lang.ast import And, Comparison, InList, InRange, Node, Not, Or

Key = tuple[str, str]
Place = tuple[object, ...]

PSEUDO = {"ANNOTATION_JOB_COUNTER", "ANNOTATION_NAMES_JOB", "ROTATION_JOB"}


def count_all(response: object, jobs: Collection[str] = (), input_type: str | None = None) -> dict[Key, int]:
    """Each (job, category) that a label holds, with the number of different identities."""
    return {key: len(identities) for key, identities in find_all(response, jobs, input_type).items()}


def find_all(response: object, jobs: Collection[str] = (), input_type: str | None = None) -> dict[Key, set[Place]]:
    """Each (job, category) that a label holds, with the different identities."""
    if isinstance(response, str):
        response = json.loads(response) if response.strip() else None
    found: dict[Key, set[Place]] = {}
    plain = {}
    for key, value in (response or {}).items():  # type: ignore[attr-defined]
        frame = (
            str(key).isdigit()
            and str(key).isascii()
            and key not in jobs
            and input_type in (None, "VIDEO", "VIDEO_LEGACY")
        )
        if key in PSEUDO:
            continue
        if (frame and (value is None or isinstance(value, dict))) or (key == "assetLevel" and key not in jobs):
            _visit(value, (), found)
        else:
            plain[key] = value
    _visit(plain, (), found)
    return found


def count_levels(label: Mapping[str, object]) -> dict[Key, int]:
    """The same for the conversation form of LLM labels (2.9 b)."""
    found: dict[Key, set[Place]] = {}
    for level, answers in label.items():
        if level == "conversation":
            _visit(answers, (), found)
        elif level in ("round", "completion") and isinstance(answers, dict):
            for job, by_key in answers.items():
                for key, answer in by_key.items() if isinstance(by_key, dict) else ():
                    _visit({job: answer}, (level, key), found)
    return {key: len(identities) for key, identities in found.items()}


def _visit(answers: object, place: Place, found: dict[Key, set[Place]]) -> None:
    for job, answer in answers.items() if isinstance(answers, dict) else ():
        if job in PSEUDO or not isinstance(answer, dict):
            continue
        names: list[str] = []
        for entry in _list(answer.get("categories")):
            name = _name(entry)
            if name is None:
                continue
            chosen = (*place, (job, "chosen", name, names.count(name)))
            names.append(name)
            found.setdefault((job, name), set()).add(chosen)
            if isinstance(entry, dict):
                _visit(entry.get("children"), chosen, found)
        for annotation in _list(answer.get("annotations")):
            if isinstance(annotation, dict):
                _visit_annotation(job, annotation, place, found)
        _visit(answer.get("children"), (*place, (job,)), found)


def _visit_annotation(job: str, annotation: dict[str, object], place: Place, found: dict[Key, set[Place]]) -> None:
    here = (*place, (job, *_id(annotation.get("mid"))))
    for entry in _list(annotation.get("categories")):
        name = _name(entry)
        if name is None:
            continue
        found.setdefault((job, name), set()).add(here)
        if isinstance(entry, dict):
            _visit(entry.get("children"), (*here, ("category", name)), found)
    _visit(annotation.get("children"), here, found)
    for point in _list(annotation.get("points")):
        if isinstance(point, dict):
            code = point.get("code")
            code = code if isinstance(code, (str, int, float)) else None
            _visit(point.get("children"), (*here, ("point", code)), found)


def _id(mid: object) -> Place:
    """What tells an object: its `mid`, a text or a number, else something that no other entry has."""
    if isinstance(mid, str) and mid:
        return ("text", mid)
    if isinstance(mid, (int, float)) and not isinstance(mid, bool):
        return ("number", mid)
    return ("unique", object())


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _name(entry: object) -> str | None:
    name = entry.get("name") if isinstance(entry, dict) else entry
    return name if isinstance(name, str) else None


_TESTS = {
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    "<": operator.lt,
    ">": operator.gt,
}


def truth(node: Node, counts: Mapping[Key, int]) -> bool:
    """The truth of a tree for given counts; what is not there counts 0."""
    return holds(node, {key: {(key, i) for i in range(number)} for key, number in counts.items()})


def holds(node: Node, found: Mapping[Key, set[Place]]) -> bool:
    """The truth of a tree for a label that holds these objects."""
    if isinstance(node, And):
        return all(holds(item, found) for item in node.items)
    if isinstance(node, Or):
        return any(holds(item, found) for item in node.items)
    if isinstance(node, Not):
        return not holds(node.item, found)
    job, category = node.operand.job, node.operand.category
    meant = [key for key in found if job in (None, key[0]) and category in (None, key[1])]
    count = len({(key[0], place) for key in meant for place in found[key]})
    if isinstance(node, Comparison):
        return bool(_TESTS[node.operator.symbol](count, node.number))
    if isinstance(node, InList):
        return (count in node.numbers) != node.negated
    assert isinstance(node, InRange)
    low = count if node.low is None else node.low
    high = count if node.high is None else node.high
    return (low <= count <= high) != node.negated


def holds_nothing(value: object) -> bool:
    """True if a label has no answer: no value is left of it, apart from what Kili notes beside answers."""
    if isinstance(value, dict):
        notes = {"ANNOTATION_JOB_COUNTER", "ANNOTATION_NAMES_JOB", "ROTATION_JOB", "isKeyFrame"}
        return all(key in notes or holds_nothing(below) for key, below in value.items())
    return all(map(holds_nothing, value)) if isinstance(value, list) else value in (None, "")
