"""Predictions out of files for the assets of a project: matched by name, their jobs and categories by the ontology."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kili_query.errors import DataError
from kili_query.model.counts import count_label, decode_response, is_empty
from kili_query.model.kili import PSEUDO_JOBS
from kili_query.model.labels import Label
from kili_query.model.ontology import Job, Ontology

Json = dict[str, Any]


class AssetNames:
    """The assets of a project, by their external ids: whole, and without folders or endings where that names one."""

    def __init__(self, assets: Iterable[tuple[str, str]]) -> None:
        """`assets`: the id and the external id of each."""
        self._whole: dict[str, str] = {}
        self._loose: dict[str, str | None] = {}
        for asset_id, external_id in assets:
            self._whole[external_id] = asset_id
            for name in {posixpath.basename(external_id), _stem(external_id), posixpath.splitext(external_id)[0]}:
                self._loose[name] = None if self._loose.get(name, asset_id) != asset_id else asset_id

    def id_of(self, external_id: str) -> str | None:
        """The id of the asset that a name means; None if there is none, or several.

        >>> AssetNames([("i1", "cam/a.jpg"), ("i2", "b")]).id_of("a.png"), AssetNames([("i2", "b")]).id_of("b.png")
        ('i1', 'i2')
        """
        wanted = (external_id, posixpath.splitext(external_id)[0], posixpath.basename(external_id), _stem(external_id))
        found = self._whole.get(external_id)
        return found or next((one for name in wanted if (one := self._whole.get(name) or self._loose.get(name))), None)


def _stem(name: str) -> str:
    return posixpath.splitext(posixpath.basename(name))[0]


@dataclass(slots=True)
class Translation:
    """Names of a file as those of a project: jobs as they are told, categories by key or by the name that people see."""

    ontology: Ontology
    jobs: Mapping[str, str] = field(default_factory=dict)
    """The job of the project for one of the file."""
    unknown: Counter[str] = field(default_factory=Counter)
    """Names that the ontology lacks, with how often they were met."""
    _known: dict[tuple[str, str], str | None] = field(default_factory=dict, repr=False)

    def check(self, label: Label) -> None:
        """Note the names of a label that the ontology lacks."""
        for (job, category), number in count_label(label, self.ontology).items():
            if self._category(self.jobs.get(job, job), category) is None:
                self.unknown[f"{self.jobs.get(job, job)}.{category}"] += number

    def response(self, label: Label) -> Json:
        """The answers of a label in the names of the project."""
        return {
            self.jobs.get(job, job): self._answer(self.jobs.get(job, job), answer)
            for job, answer in decode_response(label.response).items()
        }

    def hint(self) -> str:
        """Which option would help, if a whole job is unknown."""
        lacking = {name.partition(".")[0] for name in self.unknown} - self.ontology.jobs.keys()
        detecting = [job.key for job in self.ontology.jobs.values() if job.task == "OBJECT_DETECTION"]
        jobs = sorted(self.ontology.jobs)
        if not lacking or not jobs:
            return ""
        return f"; `--job {sorted(lacking)[0]}={(detecting or jobs)[0]}` would take another job (there are {', '.join(jobs)})"

    def _answer(self, job: str, answer: Any) -> Any:
        if not isinstance(answer, Mapping) or job in PSEUDO_JOBS:
            return answer
        found = dict(answer)
        if isinstance(answer.get("categories"), list):
            found["categories"] = self._choices(job, answer["categories"])
        if isinstance(answer.get("annotations"), list):
            found["annotations"] = [
                {**entry, "categories": self._choices(job, entry.get("categories"))} if isinstance(entry, Mapping) else entry
                for entry in answer["annotations"]
            ]  # fmt: skip
        return found

    def _choices(self, job: str, choices: Any) -> Any:
        if not isinstance(choices, list):
            return choices
        return [
            {**choice, "name": self._category(job, choice["name"]) or choice["name"]}
            if isinstance(choice, Mapping) and isinstance(choice.get("name"), str) else choice
            for choice in choices
        ]  # fmt: skip

    def _category(self, job: str, name: str) -> str | None:
        key = job, name
        if key not in self._known:
            self._known[key] = _named(self.ontology.jobs.get(job), name)
        return self._known[key]


def _named(job: Job | None, name: str) -> str | None:
    """The key of a category: the same, or that of the one category which people see under the name."""
    if job is None:
        return None
    if name in job.categories:
        return name
    for form in (str, str.casefold):
        found = [key for key, category in job.categories.items() if form(name) in (form(category.name), form(key))]
        if len(found) == 1:
            return found[0]
    return None


def usable(label: Label) -> bool:
    """True for a label that says anything, and can be read."""
    try:
        return not label.by_level and not label.problem and not is_empty(label)
    except DataError:
        return False
