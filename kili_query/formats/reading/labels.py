"""What other formats become: the objects of an image make a label of Kili, their classes an ontology; what is lost is counted."""

from __future__ import annotations

import colorsys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kili_query.formats.containers.records import Place, Problem
from kili_query.model.decoding import encode_json

BOXES = "OBJECT_DETECTION_JOB"
"""Boxes; points and lines of maps, too."""
OUTLINES = "SEGMENTATION_JOB"
"""Polygons and masks."""
POSES = "POSE_ESTIMATION_JOB"
CLASSES = "CLASSIFICATION_JOB"
"""Classes of whole images."""
TEXTS = "TRANSCRIPTION_JOB"
"""Captions."""

Size = tuple[float, float]
Json = dict[str, Any]

XY = tuple[float, float]

NO_CLASS = "without a class name"
UNKNOWN_CLASS = "of a class that is not listed"


@dataclass(slots=True)
class Losses:
    """What could not be taken over, by reason: how much, and the first of it."""

    found: dict[tuple[str, bool], list[Any]] = field(default_factory=dict)

    def note(self, reason: str, what: object = None, *, fault: bool = False, number: int = 1) -> None:
        """Count something. `fault`: the data is wrong; otherwise a label of Kili has no place for it."""
        known = self.found.setdefault((reason, fault), [0])
        known[0] += number
        if what is not None and len(known) < 6:
            known.append(what)

    def problems(self, source: str, member: str | None = None) -> Iterator[Problem]:
        """What was noted, as problems: those without fault are marked as left out on purpose."""
        for (reason, fault), (number, *some) in self.found.items():
            named = ", ".join(map(str, some)) + (", …" if number > len(some) else "")
            text = f"{reason}: {number:,}" + (f" ({named})" if some else "")
            yield Problem(f"left out: {text}" if fault else text, Place(source, member), skipped=not fault)
        self.found.clear()


def box(left: float, top: float, right: float, bottom: float) -> list[XY]:
    """The corners of a box in the order in which Kili writes them."""
    return [(left, bottom), (left, top), (right, top), (right, bottom)]


class Draft:
    """The label of one image in the making. Places are given in pixels (`size` says of how many) or as fractions."""

    __slots__ = ("_mids", "_scale", "_texts", "response", "sized")

    def __init__(self, size: Size | None = (1, 1)) -> None:
        self.response: Json = {}
        self.sized = size is not None
        self._scale = size or (1, 1)
        self._mids: set[str] = set()

    def mid(self, wanted: object) -> str:
        """An id for an object: the wanted one, if no other object of the label has it."""
        found = text = str(wanted) if wanted is not None else "1"
        number = 1 if wanted is not None else len(self._mids)
        while found in self._mids:
            number += 1
            found = f"{text}-{number}" if wanted is not None else str(number)
        self._mids.add(found)
        return found

    def rectangle(self, category: str, corners: Sequence[XY], mid: object = None, score: float | None = None, job: str = BOXES) -> None:  # fmt: skip
        """A box, by its four corners."""
        self._add(job, "rectangle", category, self.mid(mid), score, {"boundingPoly": [self._ring(corners)]})

    def outline(self, category: str, parts: Iterable[Sequence[Sequence[XY]]], mid: object = None, score: float | None = None,
                job: str = OUTLINES, tool: str = "semantic") -> None:  # fmt: skip
        """An object of one or several parts, each an outer ring and its holes: the parts share an id, and are one object."""
        shared = self.mid(mid)
        for rings in parts:
            self._add(job, tool, category, shared, score, {"boundingPoly": [self._ring(ring) for ring in rings]})

    def pose(self, category: str, points: Iterable[tuple[str, XY]], mid: object = None, score: float | None = None) -> None:  # fmt: skip
        """An object by its points, each with its code."""
        shared = self.mid(mid)
        found = [
            {"code": code, "mid": f"{shared}-{code}", "type": "marker", "children": {}, **self._at("point", at)}
            for code, at in points
        ]
        self._add(POSES, "pose", category, shared, score, {"points": found})

    def points(self, category: str, places: Iterable[XY], mid: object = None, job: str = BOXES) -> None:
        """A marker; of several places, one object all the same."""
        shared = self.mid(mid)
        for at in places:
            self._add(job, "marker", category, shared, None, self._at("point", at))

    def lines(self, category: str, lines: Iterable[Sequence[XY]], mid: object = None, job: str = BOXES) -> None:
        """A polyline; of several lines, one object all the same."""
        shared = self.mid(mid)
        for line in lines:
            self._add(job, "polyline", category, shared, None, {"polyline": self._ring(line)["normalizedVertices"]})

    def choose(self, category: str, job: str = CLASSES, confidence: float | None = None) -> None:
        """A class of the whole image; chosen twice, it is chosen."""
        chosen = self.response.setdefault(job, {"categories": []})["categories"]
        if all(entry["name"] != category for entry in chosen):
            chosen.append(_choice(category, confidence))

    def write(self, text: str, job: str = TEXTS) -> None:
        """A text about the whole image; several are lines of one."""
        known = self.response.setdefault(job, {"text": ""})
        known["text"] = f"{known['text']}\n{text}" if known["text"] else text

    def put(self, job: str, annotation: Json) -> None:
        """An annotation as Kili has it."""
        self.response.setdefault(job, {"annotations": []}).setdefault("annotations", []).append(annotation)

    def _ring(self, ring: Iterable[XY]) -> Json:
        if not self.sized:  # nobody can tell which fractions these are
            return {"vertices": [{"x": x, "y": y} for x, y in ring]}
        width, height = self._scale
        return {"normalizedVertices": [{"x": x / width, "y": y / height} for x, y in ring]}

    def _at(self, key: str, at: XY) -> Json:
        if not self.sized:
            return {f"{key}Pixels": {"x": at[0], "y": at[1]}}
        return {key: {"x": at[0] / self._scale[0], "y": at[1] / self._scale[1]}}

    def _add(self, job: str, tool: str, category: str, mid: str, score: float | None, shape: Json) -> None:
        found = {"mid": mid, "type": tool, "categories": [_choice(category, score)], "children": {}, **shape}
        known = self.response.get(job)
        if known is None:
            known = self.response[job] = {"annotations": []}
        known["annotations"].append(found)


def _choice(category: str, score: float | None) -> Json:
    """A chosen category; how sure a model was is told from 0 to 100."""
    return {"name": category} if score is None else {"name": category, "confidence": round(score * 100, 4)}


def asset(external_id: str, response: Json, size: Size | None = None) -> bytes:
    """The JSON text of an asset with one label."""
    found: Json = {"externalId": external_id}
    if size is not None:
        found["resolution"] = {"width": int(size[0]), "height": int(size[1])}
    found["labels"] = [{"labelType": "DEFAULT", "jsonResponse": response}]
    return encode_json(found)


def category_code(name: object) -> str | None:
    """The key of a class in the ontology: its name as it is, but for white space around it; None if it has none.

    >>> category_code(" traffic light\\n"), category_code("")
    ('traffic light', None)
    """
    if isinstance(name, (int, float)) and not isinstance(name, bool):
        name = str(name)
    return name.strip() or None if isinstance(name, str) else None


@dataclass(slots=True)
class Outline:
    """The jobs of a dataset with their categories, as far as they were met: what becomes the ontology."""

    jobs: dict[str, dict[str, Sequence[str]]] = field(default_factory=dict)
    """Job, category: the codes of its points."""
    tools: dict[str, set[str]] = field(default_factory=dict)
    tasks: dict[str, str] = field(default_factory=dict)

    def add(self, job: str, category: str | None, tool: str | None = None, points: Sequence[str] = (), task: str = "") -> None:  # fmt: skip
        """Note that a job has a category; None: the job alone."""
        known = self.jobs.setdefault(job, {})
        if category is not None and (category not in known or points):
            known[category] = points
        if tool is not None:
            self.tools.setdefault(job, set()).add(tool)
        if task:
            self.tasks[job] = task

    def declare(self, names: Iterable[str]) -> None:
        """Classes of the dataset that stand in no job yet stand in all of its jobs."""
        listed = list(names)
        for job in self.jobs or {BOXES: {}}:
            if job != TEXTS:
                self.jobs[job] = {**dict.fromkeys(listed, ()), **self.jobs.get(job, {})}
        if BOXES in self.jobs:
            self.tools.setdefault(BOXES, {"rectangle"})

    def take_in(self, interface: Mapping[str, Any]) -> None:
        """The jobs of another ontology, too."""
        for job, about in interface["jobs"].items():
            self.tasks[job] = about["mlTask"]
            self.tools.setdefault(job, set()).update(about.get("tools", ()))
            known = self.jobs.setdefault(job, {})
            for category, entry in about["content"].get("categories", {}).items():
                known[category] = [p["code"] for p in entry.get("points", ())] or known.get(category, ())

    def interface(self) -> Json:
        """The ontology, as a project of Kili has it."""
        return {"jobs": {job: self._job(job, number) for number, job in enumerate(self.jobs)}}

    def _job(self, job: str, number: int) -> Json:
        tools = sorted(self.tools.get(job, ()))
        task = self.tasks.get(job) or {CLASSES: "CLASSIFICATION", TEXTS: "TRANSCRIPTION"}.get(job, "OBJECT_DETECTION")
        content: Json = {"input": {"CLASSIFICATION": "checkbox", "TRANSCRIPTION": "textField"}.get(task, "radio")}
        if task != "TRANSCRIPTION":
            content["categories"] = {
                name: _category(name, place, points) for place, (name, points) in enumerate(self.jobs[job].items())
            }
        found: Json = {"mlTask": task, "instruction": _TITLES.get(job, job), "required": 0, "isChild": False, "content": content}  # fmt: skip
        return {**found, "tools": tools} if task == "OBJECT_DETECTION" else found


_TITLES = {BOXES: "Objects", OUTLINES: "Outlines", POSES: "Poses", CLASSES: "Classes", TEXTS: "Text"}


def _category(name: str, place: int, points: Sequence[str]) -> Json:
    red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(place * 0.618034 % 1, 0.65, 0.9))
    found: Json = {"name": name, "children": [], "color": f"#{red:02X}{green:02X}{blue:02X}"}
    if points:
        found["points"] = [{"code": code, "name": code, "mandatory": False, "children": []} for code in points]
    return found
