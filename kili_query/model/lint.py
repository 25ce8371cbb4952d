"""Ontology lint: keys that cannot be searched, names that will be confused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from kili_query.model.kili import PSEUDO_JOBS
from kili_query.model.ontology import Job, Ontology, folded, is_plain_name, json_path, one_form


class Lint(NamedTuple):
    """One finding: the code of the table of errors, the JSON path of the position, the message, what would work."""

    code: str
    path: str
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        return f"{self.code} {self.path}: {self.message}" + (f" ({self.hint})" if self.hint else "")


def lint(ontology: Ontology) -> list[Lint]:
    """All findings about an ontology, job by job (json-formats 6).

    >>> from kili_query.model.ontology import Ontology
    >>> [str(found) for found in lint(Ontology.from_json_interface({"jobs": {"0": {"mlTask": "TRANSCRIPTION"}}}))]
    ['KQ505 $.jobs["0"]: a job key of digits looks like a frame of a video (rename the job)']
    """
    findings = [finding for job in ontology.jobs.values() for finding in _lint_job(job, ontology)]
    return [*findings, *_lint_alike(ontology.jobs, "$.jobs")]


_NOT_PORTABLE = "Kili's own language cannot express the key"
_QUOTE = "such a {} can be searched locally, in quotes, and by no server"


def _lint_job(job: Job, ontology: Ontology) -> Iterator[Lint]:
    path = json_path("$.jobs", job.key)
    if job.key in PSEUDO_JOBS or job.key == "assetLevel":
        yield Lint("KQ505", path, f"`{job.key}` is a word of the label format, not a job key", "rename the job")
    elif job.key.isascii() and job.key.isdigit():
        yield Lint("KQ505", path, "a job key of digits looks like a frame of a video", "rename the job")
    elif job.searchable and not is_plain_name(job.key):
        yield Lint("KQ504", path, f"{_NOT_PORTABLE} `{job.key}`", _QUOTE.format("job"))
    if job.is_model:
        yield Lint("KQ505", path, f"job `{job.key}` is a helper of a model; labels normally hold nothing for it")
    if job.is_child and job.key not in ontology.parents:
        yield Lint("KQ505", path, f"nested job `{job.key}` is attached to no category")
    if job.is_classification and not job.categories:
        yield Lint(
            "KQ505", f"{path}.content.categories", f"job `{job.key}` declares no category: every query on it is wrong"
        )
    yield from _lint_categories(job, f"{path}.content.categories", ontology)


def _lint_categories(job: Job, path: str, ontology: Ontology) -> Iterator[Lint]:
    for category in job.categories.values():
        here = json_path(path, category.key)
        if not is_plain_name(category.key):
            yield Lint("KQ504", here, f"{_NOT_PORTABLE} `{category.key}`", _QUOTE.format("category"))
        for child in dict.fromkeys(category.opens):
            if child not in ontology.jobs:
                yield Lint("KQ505", here, f"`{category.key}` opens job `{child}`, which does not exist")
            elif not ontology.jobs[child].is_child:
                yield Lint("KQ505", here, f"`{category.key}` opens job `{child}`, which is not marked `isChild`")
    for name, keys in _shared((category.name, category.key) for category in job.categories.values()):
        yield Lint("KQ505", path, f"{_listed(keys)} are all shown as `{name}`", "give each its own name")
    yield from _lint_alike(job.categories, path)


def _lint_alike(names: Iterable[str], path: str) -> Iterator[Lint]:
    for _, keys in _shared((folded(key), key) for key in names):
        case, form = len({key.casefold() for key in keys}) == 1, len({one_form(key) for key in keys}) == 1
        how = "their Unicode form" if form else "letter case" if case else "letter case and Unicode form"
        yield Lint("KQ505", path, f"{_listed(keys)} differ only by {how}")


def _shared(pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, list[str]]]:
    groups: dict[str, list[str]] = {}
    for shared, key in pairs:
        groups.setdefault(shared, []).append(key)
    return ((shared, keys) for shared, keys in groups.items() if len(keys) > 1)


def _listed(keys: list[str]) -> str:
    return ", ".join(f"`{key}`" for key in keys[:-1]) + f" and `{keys[-1]}`"
