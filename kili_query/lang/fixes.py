"""Repairs of a query text: the edits that its diagnostics propose, the other names that may be meant, all at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from kili_query.errors import Diagnostic, Fix, QuerySyntaxError, Severity, Span
from kili_query.lang.assist import nearest
from kili_query.lang.checker import check_tree
from kili_query.lang.parser import parse_tree
from kili_query.lang.printer import name_to_text, to_lines
from kili_query.lang.tokens import Operand, comments, operands
from kili_query.model.ontology import Ontology

_MAX_ROUNDS = 50
"""How often a text is repaired and read again: a text that is no query shows one mistake at a time."""


class QuickFix(NamedTuple):
    """One edit that repairs what a diagnostic says."""

    title: str
    fix: Fix
    diagnostic: Diagnostic
    preferred: bool
    """True for the likeliest of several."""


def diagnose(text: str, ontology: Ontology | None = None) -> list[Diagnostic]:
    """Everything that can be said against a text, syntax included; never raises.

    >>> [d.code for d in diagnose("A.B.count >> 1")]
    ['KQ105']
    """
    try:
        return check_tree(parse_tree(text), ontology, text)
    except QuerySyntaxError as error:
        return list(error.diagnostics)


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
    """The text with every error repaired whose diagnostic knows how; what it means otherwise stays.

    >>> fix_all("A.B.count => 1 and A.C.count = 2")
    'A.B.count >= 1 AND A.C.count == 2'
    """
    seen = {text}
    for _ in range(_MAX_ROUNDS):
        fixes = [d.fix for d in diagnose(text, ontology) if d.fix and d.severity is Severity.ERROR]
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
    text = " ".join(text.split())
    return text if len(text) <= 50 else text[:49] + "…"


def _others(text: str, diagnostic: Diagnostic, ontology: Ontology | None) -> Iterator[Fix]:
    """The other names that may be meant."""
    if ontology is None or diagnostic.code not in ("KQ201", "KQ202", "KQ203", "KQ207"):
        return
    operand = next((o for o in operands(text) if diagnostic.span in _spans(o)), None)
    if operand is None or operand.category is None:
        return
    job, category = ontology.jobs.get(operand.job.key), operand.category
    keys: list[str] = []
    if diagnostic.code == "KQ202" and job is not None:
        by_name = {c.name: key for key, c in job.categories.items()}
        near = nearest(category.key, [*job.categories, *by_name])
        keys = [name if name in job.categories else by_name[name] for name in near]
        span = category.span
    else:
        span = operand.job.span
        if diagnostic.code == "KQ201":
            keys = nearest(operand.job.key, [key for key, other in ontology.jobs.items() if other.searchable])
        keys += (key for key, other in ontology.jobs.items() if category.key in other.categories)
    for key in dict.fromkeys(keys):
        yield Fix(span, name_to_text(key))


def _spans(operand: Operand) -> tuple[Span, ...]:
    return (operand.job.span, *([operand.category.span] if operand.category else []))
