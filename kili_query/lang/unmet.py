"""Names that no label holds (KQ507, KQ508): diagnostics with what is there instead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from kili_query.errors import Diagnostic, Fix, Span
from kili_query.lang.ast import Count, Node, Operand, Total, leaves
from kili_query.lang.checker import written_alike
from kili_query.lang.lexis import name_to_text
from kili_query.lang.wording import listed, nearest, other_form, shown
from kili_query.model.ontology import Ontology, one_form

if TYPE_CHECKING:
    from kili_query.model.counts import Key, Selector

_SHOWN = 60
"""Characters of a name that are shown in a message."""

_COMPARED = 50
"""Operands for which near names are looked for: a query can have thousands, and so can labels."""


class Looked(NamedTuple):
    """At which labels it was looked. By default at all, and at all names in them."""

    first: int | None = None
    """So many, the first ones; None: all."""
    sampled: bool = False
    """True if the labels may hold other names than those that were noted."""


ALL = Looked()


def find_unmet(
    root: Node, names: Iterable[Key], ontology: Ontology | None = None, looked: Looked = ALL
) -> list[Diagnostic]:
    """The operands of a query that are not among the names of labels, (job, category), in the order of its text.

    >>> from kili_query.lang.parser import parse_tree
    >>> print(find_unmet(parse_tree("A.person.count > 0"), [("A", "PERSON")])[0].message)
    `person` occurs in no label; `PERSON` does
    """
    known = set(names)
    jobs: dict[str, list[str]] = {}
    for job, category in sorted(known):
        jobs.setdefault(job, []).append(category)
    met = {(None, None), *known, *((job, None) for job in jobs), *((None, category) for _, category in known)}
    asked: dict[Selector, Operand] = {}
    for leaf in leaves(root):
        for meant in leaf.operand.keys:
            if meant not in met:
                asked.setdefault(meant, leaf.operand)
    found: dict[str, Diagnostic] = {}
    for number, operand in enumerate(asked.values()):
        near = jobs if number < _COMPARED else dict.fromkeys(jobs, ())
        found |= {d.message: d for d in _unmet(operand, near, ontology, looked)}
    return sorted(found.values(), key=lambda d: d.span.start)


_Jobs = Mapping[str, Sequence[str]]
"""The jobs that labels hold, with their categories."""


def _unmet(operand: Operand, jobs: _Jobs, ontology: Ontology | None, looked: Looked) -> Iterator[Diagnostic]:
    nowhere = "no label" if looked.first is None else f"no label of the first {looked.first:,}"
    if isinstance(operand, Total):
        yield from _unmet_total(operand, jobs, ontology, nowhere, looked)
        return
    job = operand.job if operand.job in jobs else written_alike(operand.job, jobs)
    there = jobs[job] if job is not None else ()
    alike = operand.category if operand.category in there else written_alike(operand.category, there)
    instead = job is not None and alike is not None and not _declares(ontology, job, alike)
    if _declares(ontology, operand.job, operand.category) and not instead:
        written = shown(f"{name_to_text(operand.job)}.{name_to_text(operand.category)}", _SHOWN)
        span = Span(operand.job_span.start, operand.category_span.end)
        yield Diagnostic("KQ508", f"{nowhere} holds `{written}`, which the ontology has", span)
        return
    if job != operand.job:
        yield _unmet_job(operand, job, jobs, nowhere, looked)
    if job is not None and alike != operand.category:
        yield _unmet_category(operand, job, alike, jobs, nowhere, looked)


def _unmet_total(
    operand: Total, jobs: _Jobs, ontology: Ontology | None, nowhere: str, looked: Looked
) -> Iterator[Diagnostic]:
    """A job of which no label holds anything, or a category that no job has in any label."""
    if operand.job is not None:
        name, span, there = operand.job, operand.job_span, list(jobs)
        declared = set(ontology.jobs) if ontology else set[str]()
        what = f"a category of job `{shown(name, _SHOWN)}`"
    else:
        name, span = operand.category or "", operand.category_span
        there = list(dict.fromkeys(category for categories in jobs.values() for category in categories))
        declared = {category for job in ontology.jobs.values() for category in job.categories} if ontology else set()
        what = f"a category `{shown(name, _SHOWN)}`"
    alike = written_alike(name, there)
    if name in declared and (alike is None or alike in declared):
        yield Diagnostic("KQ508", f"{nowhere} holds {what}, which the ontology has", span)
    elif operand.job is not None:
        yield _unmet_job(operand, alike, jobs, nowhere, looked)
    elif alike is not None:
        yield _written(f"{nowhere} holds {what}", name, alike, f"; `{alike}` is there", span)
    elif near := nearest(name, there):
        hint, fix = f"did you mean {listed(near, last='or')}?", _put(span, near[0])
        yield Diagnostic("KQ507", f"{nowhere} holds {what}", span, hint, fix)
    else:
        yield Diagnostic("KQ507", f"{nowhere} holds {what}", span, _what_is_there("categories", there, looked))


def _unmet_job(operand: Operand, alike: str | None, jobs: _Jobs, nowhere: str, looked: Looked) -> Diagnostic:
    name = operand.job or ""
    message, span = f"{nowhere} holds a category of job `{shown(name, _SHOWN)}`", operand.job_span
    if alike is not None:
        return _written(message, name, alike, f"; job `{alike}` is there", span)
    near = nearest(name, jobs)
    if near:
        near.sort(key=lambda job: operand.category not in jobs[job])
        return Diagnostic("KQ507", message, span, f"did you mean {listed(near, last='or')}?", _put(span, near[0]))
    holders = [job for job, categories in jobs.items() if operand.category in categories]
    if holders and operand.category is not None:
        fix = _put(span, holders[0]) if len(holders) == 1 else None
        hint = f"category `{shown(operand.category, _SHOWN)}` is there in {listed(holders)}"
        return Diagnostic("KQ507", message, span, hint, fix)
    return Diagnostic("KQ507", message, span, _what_is_there("jobs", jobs, looked))


def _unmet_category(
    operand: Count, job: str, alike: str | None, jobs: _Jobs, nowhere: str, looked: Looked
) -> Diagnostic:
    name, span = operand.category, operand.category_span
    message = f"`{shown(name, _SHOWN)}` occurs in {nowhere}"
    if alike is not None:
        return _written(message, name, alike, f"; `{alike}` does", span)
    message += f" as a category of job `{shown(job, _SHOWN)}`"
    holders = [key for key, categories in jobs.items() if name in categories]
    if holders:
        message += f", but of {listed(holders)}"
        hint = f"write `{name_to_text(holders[0])}.{name_to_text(name)}.count`" if len(holders) == 1 else None
        fix = _put(operand.job_span, holders[0]) if len(holders) == 1 else None
        return Diagnostic("KQ507", message, span, hint, fix)
    near = nearest(name, jobs[job])
    if near:
        return Diagnostic("KQ507", message, span, f"did you mean {listed(near, last='or')}?", _put(span, near[0]))
    return Diagnostic("KQ507", message, span, _what_is_there(f"categories of job `{job}`", jobs[job], looked))


def _written(message: str, name: str, right: str, there: str, span: Span) -> Diagnostic:
    """The name is there in other letters, or in letters that look the same."""
    hint = f"write `{name_to_text(right)}`"
    if one_form(name) == one_form(right):
        there, hint = "; the same in another Unicode form is there", f"{hint}, {other_form(name, right)}"
    return Diagnostic("KQ507", message + there, span, hint, _put(span, right))


def _what_is_there(what: str, names: Iterable[str], looked: Looked) -> str:
    some = listed(names)
    if not some:
        return "no label that was looked into holds a category" if looked.sampled else "no label holds any category"
    return f"among the {what} that are there: {some}" if looked.sampled else f"the {what} that are there: {some}"


def _put(span: Span, name: str) -> Fix:
    return Fix(span, name_to_text(name))


def _declares(ontology: Ontology | None, job: str, category: str) -> bool:
    return ontology is not None and job in ontology.jobs and category in ontology.jobs[job].categories
