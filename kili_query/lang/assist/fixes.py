"""Quick fixes of a query text: the edits that its diagnostics propose, other names that may be meant, all fixes at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from kili_query.errors import Diagnostic, Fix, QuerySyntaxError, Severity
from kili_query.lang.checker import diagnose, near_categories
from kili_query.lang.lexis import name_to_text
from kili_query.lang.parser import parse_tree
from kili_query.lang.printer import to_lines
from kili_query.lang.tokens import Partial, comments, partials
from kili_query.lang.wording import nearest, shown
from kili_query.model.ontology import Ontology

_MAX_ROUNDS = 50
"""How often a text is repaired and read again: a text that is no query shows one mistake at a time."""
_MAX_NAMED = 10
"""How many categories are proposed for a job that stands alone."""


class QuickFix(NamedTuple):
    """A quick fix: one edit that repairs a diagnostic."""

    title: str
    fix: Fix
    diagnostic: Diagnostic
    preferred: bool
    """True for the likeliest of several."""


def quick_fixes(
    text: str, ontology: Ontology | None = None, diagnostics: Iterable[Diagnostic] | None = None
) -> list[QuickFix]:
    """The repairs of a text, for each diagnostic (by default all) the likeliest first.

    >>> [f.title for f in quick_fixes("A.B.count = 1")]
    ['replace `=` with `==`']
    """
    found: list[QuickFix] = []
    for diagnostic in diagnose(text, ontology) if diagnostics is None else diagnostics:
        fixes = [diagnostic.fix] if diagnostic.fix else []
        fixes += (fix for fix in _others(text, diagnostic, ontology) if fix not in fixes)
        found += (QuickFix(_title(text, fix), fix, diagnostic, fix == diagnostic.fix) for fix in fixes)
    return found


def fix_all(text: str, ontology: Ontology | None = None) -> str:
    """The text with every error repaired that has a safe fix; guesses are left to people.

    >>> fix_all("A.B.count => 1 and A.C.count = 2")
    'A.B.count >= 1 AND A.C.count == 2'
    """
    seen = {text}
    for _ in range(_MAX_ROUNDS):
        fixes = [d.fix for d in diagnose(text, ontology) if d.fix and d.fix.safe and d.severity is Severity.ERROR]
        repaired = _applied(text, fixes)
        if not fixes or repaired in seen:
            break
        text = repaired
        seen.add(text)
    return text


def format_text(text: str, width: int = 88) -> str | None:
    """The canonical text over lines, its comments above it; None if it is not a query.

    >>> format_text("A.B.count>01 # many")
    '# many\\nA.B.count > 1'
    """
    try:
        tree = parse_tree(text)
    except QuerySyntaxError:
        return None
    return "\n".join([*comments(text), to_lines(tree, width)])


def _applied(text: str, fixes: Iterable[Fix]) -> str:
    """The text with the edits made from its end; one that overlaps a later one waits for the next round."""
    left = len(text) + 1
    for fix in sorted(set(fixes), reverse=True):
        if fix.span.end <= left and fix.span.start < left:
            text, left = fix.apply(text), fix.span.start
    return text


def _title(text: str, fix: Fix) -> str:
    old, new = text[slice(*fix.span)], fix.text
    if not new.strip():
        return f"remove `{_short(old)}`"
    if not old.strip():
        return f"insert `{_short(new.strip())}`"
    return f"replace `{_short(old)}` with `{_short(new)}`"


def _short(text: str) -> str:
    return shown(" ".join(text.split()), 50)


def _others(text: str, diagnostic: Diagnostic, ontology: Ontology | None) -> Iterator[Fix]:
    """The other names that may be meant."""
    if ontology is None:
        return
    partial = next((p for p in partials(text) if _is_about(diagnostic, p)), None)
    if partial is None:
        return
    job, category = partial.job, partial.category
    known = ontology.jobs.get(job.key or "")
    total = diagnostic.code == "KQ109" and diagnostic.fix is not None and not diagnostic.fix.safe
    if job.key and diagnostic.code in ("KQ109", "KQ110") and (diagnostic.fix is None or total):
        for found_job, found_category in _counts_named(job.key, ontology):
            names = f"{name_to_text(found_job)}.{name_to_text(found_category)}"
            yield Fix(job.span, names if diagnostic.code == "KQ109" else f"{names}.count", safe=False)
    elif diagnostic.code == "KQ202" and category and category.key is not None:
        jobs = list(ontology.jobs.values()) if job.key is None else [known] if known else []
        keys = near_categories(category.key, jobs)
        yield from (Fix(category.span, name_to_text(key), safe=False) for key in keys)
    elif diagnostic.code in ("KQ201", "KQ203", "KQ207") and category and job.key is not None:
        keys = [key for key, other in ontology.jobs.items() if category.key in other.categories]
        if diagnostic.code == "KQ201":
            keys = nearest(job.key, [key for key, other in ontology.jobs.items() if other.searchable]) + keys
        yield from (Fix(job.span, name_to_text(key), safe=False) for key in dict.fromkeys(keys))


def _is_about(diagnostic: Diagnostic, partial: Partial) -> bool:
    """True if a name of the comparison is what the diagnostic marks."""
    return diagnostic.span in (partial.job.span, partial.category.span if partial.category else None)


def _counts_named(name: str, ontology: Ontology) -> Iterator[tuple[str, str]]:
    """The counts that a single name can mean: job and category."""
    if name in ontology.jobs:
        yield from ((name, category) for category in islice(ontology.jobs[name].categories, _MAX_NAMED))
    for job in ontology.jobs.values():
        yield from ((job.key, c.key) for c in job.categories.values() if name in (c.key, c.name))
