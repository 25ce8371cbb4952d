"""Syntax errors with an ontology at hand: a missing job or category is named, or those that there are."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace

from kili_query.errors import Diagnostic, Fix, Span
from kili_query.lang.lexis import QUOTED, name_to_text, unquote
from kili_query.lang.wording import listed, nearest, shown

_LONE = re.compile(rf'(?<![\w*"\\-])(?P<name>{QUOTED}|[A-Za-z][\w*-]*+)(?P<count>\s*+\.\s*+count\b)?')
_LACKING = ("KQ109", "KQ110")

JobNames = Mapping[str, Collection[str]]
"""Jobs by key, each with the keys of its categories."""


def informed(found: Diagnostic, text: str, jobs: JobNames) -> Diagnostic:
    """A diagnostic about a text, with the names that there are where it says that a job or a category is missing.

    >>> from kili_query.lang.checker import diagnose
    >>> [found] = diagnose("person.count >= 3")
    >>> print(informed(found, "person.count >= 3", {"BOX": ["person", "car"]}).render("person.count >= 3"))
    error[KQ110]: the job is missing before `person`
      person.count >= 3
      ^^^^^^
      hint: `person` is a category of `BOX`: write `BOX.person.count`
    """
    if found.code not in _LACKING or (found.fix is not None and found.fix.safe) or not jobs:
        return found
    operand = next((m for m in _LONE.finditer(text) if m.start() <= found.span.start < m.end()), None)
    if operand is None or operand["name"] == "count":
        return replace(found, code="KQ110", hint=f"the jobs are {listed(jobs)}") if found.code == "KQ110" else found
    name = unquote(operand["name"]) if operand["name"][0] == '"' else operand["name"]
    if name in jobs:
        message = f"the category is missing after `{shown(operand['name'])}`"
        if not jobs[name]:
            return Diagnostic("KQ109", message, found.span, "it has no categories that can be counted")
        hint = f"its categories are {listed(jobs[name])}"
        if found.fix:
            hint += f"; `{shown(operand['name'])}.*.count` is their total"
        return Diagnostic("KQ109", message, found.span, hint, found.fix)
    span = Span(*operand.span("name"))
    message = f"the job is missing before `{shown(operand['name'])}`"
    homes, meant = [job for job, categories in jobs.items() if name in categories], name
    if not homes and (near := nearest(name, (category for below in jobs.values() for category in below))):
        meant = near[0]
        homes = [job for job, categories in jobs.items() if meant in categories]
    if not homes:
        return Diagnostic("KQ110", message, span, f"the jobs are {listed(jobs)}, and none of them has it")
    texts = [f"{name_to_text(job)}.{name_to_text(meant)}.count" for job in homes]
    shown_texts = " or ".join(f"`{shown(each, 80)}`" for each in texts[:3])
    start = f"`{shown(name)}` is a category of {listed(homes)}: write" if meant == name else "did you mean"
    hint = f"{start} {shown_texts}" + ("?" if meant != name else "")
    text_of_name = texts[0] if operand["count"] is None else texts[0].removesuffix(".count")
    fix = Fix(span, text_of_name, safe=False) if len(homes) == 1 else None
    return Diagnostic("KQ110", message, span, hint, fix)


__all__ = ["JobNames", "informed"]
