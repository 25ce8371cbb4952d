"""The checker: a tree and an ontology become diagnostics, for unknown names and parts that make no sense. It never raises."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from kili_query.errors import Diagnostic, Fix, QuerySyntaxError, Span
from kili_query.lang.ast import And, Count, InRange, Leaf, Node, Operand, Or, Total, leaves, walk
from kili_query.lang.intervals import ALL, NONE, between
from kili_query.lang.lexis import name_to_text
from kili_query.lang.mistakes.names import informed
from kili_query.lang.parser import parse_tree
from kili_query.lang.printer import to_text
from kili_query.lang.rewrites import push_not
from kili_query.lang.simplifier import Finding, verdict_or_rest
from kili_query.lang.wording import listed, nearest, other_form, shown
from kili_query.model.kili import VIDEOS
from kili_query.model.ontology import Job, Ontology, folded, one_form

_SHOWN = 60
"""Characters of a part of a query that are shown in a message."""


def diagnose(text: str, ontology: Ontology | None = None) -> list[Diagnostic]:
    """All diagnostics of a text, syntax errors included; never raises.

    >>> [d.code for d in diagnose("A.B.count >> 1")]
    ['KQ105']
    """
    try:
        return check_tree(parse_tree(text), ontology, text)
    except QuerySyntaxError as error:
        names = {job.key: job.categories for job in ontology.jobs.values() if job.searchable} if ontology else {}
        return [informed(diagnostic, text, names) for diagnostic in error.diagnostics]


def check_tree(root: Node, ontology: Ontology | None = None, text: str | None = None) -> list[Diagnostic]:
    """All diagnostics of a query, in the order of its text.

    Without an ontology only its sense is checked; with the text that people wrote, also what that text hides.

    >>> from kili_query.lang.parser import parse_tree
    >>> [d.code for d in check_tree(parse_tree("A.B.count > 3 AND A.B.count < 2"))]
    ['KQ302']
    """
    found: list[Diagnostic] = []
    if ontology is not None:
        for leaf in leaves(root):
            found += _check_names(leaf.operand, ontology)
    found += _check_sense(root, text)
    if ontology is not None:
        nonsense = {d.span for d in found if d.code in ("KQ301", "KQ302")}
        found += (d for d in _check_bounds(root, ontology) if d.span not in nonsense)
    if text is not None:
        found += _check_mixed(root, text)
    return sorted(found, key=lambda d: (d.span.start, d.code))


# -- names -------------------------------------------------------------------------------------------------------------


def _check_names(operand: Operand, ontology: Ontology) -> Iterator[Diagnostic]:
    if operand.job is None:
        if operand.category is not None and not _holders(operand.category, ontology):
            yield _unknown_everywhere(operand.category, operand, ontology)
        return
    job = ontology.jobs.get(operand.job)
    if job is None and _has_star(operand.job):
        yield _starred("job", operand.job, operand.job_span, _searchable(ontology))
    elif job is None:
        yield _unknown_job(operand.job, operand, ontology)
    elif not job.searchable:
        task = f" (task {job.task})" if job.task else ""
        holders = _holders(operand.category, ontology)
        hint = f"jobs that can be searched: {listed(_searchable(ontology))}"
        if holders:
            hint = f"category `{operand.category}` belongs to {listed(holders)}"
        fix = Fix(operand.job_span, name_to_text(holders[0]), safe=False) if len(holders) == 1 else None
        yield Diagnostic("KQ207", f"job `{job.key}`{task} has no categories to count", operand.job_span, hint, fix)
    elif isinstance(operand, Count) and operand.category not in job.categories and _has_star(operand.category):
        yield _starred(f"category of job `{job.key}`", operand.category, operand.category_span, job.categories)
    elif isinstance(operand, Count) and operand.category not in job.categories:
        yield _unknown_category(operand, job, ontology)
    elif job.is_model:
        message = f"job `{job.key}` is a helper of a model; labels normally hold nothing for it"
        yield Diagnostic("KQ208", message, operand.job_span)
    elif job.is_child and job.key not in ontology.parents:
        message = f"nested job `{job.key}` is attached to no category, so labels cannot answer it"
        yield Diagnostic("KQ208", message, operand.job_span)


def _has_star(name: str) -> bool:
    """True for a name such as `CAR*`, as Kili's own language has it without quotes."""
    return "*" in name and name_to_text(name) == name


def _starred(what: str, name: str, span: Span, keys: Iterable[str]) -> Diagnostic:
    """A name with `*` that is no key: here it stands for itself, and what Kili's server makes of it nobody has said."""
    message = f"no {what} is called `{shown(name, _SHOWN)}`; whether Kili's server takes `*` within a name for others is not known"
    alike = [key for key in keys if fnmatchcase(key, name.replace("[", "[[]"))]
    return Diagnostic("KQ210", message, span, f"it could mean {listed(alike, last='or')}" if alike else None)


def _holders(category: str | None, ontology: Ontology) -> list[str]:
    """The jobs that have a category."""
    return [key for key, job in ontology.jobs.items() if category in job.categories]


def _unknown_job(name: str, operand: Operand, ontology: Ontology) -> Diagnostic:
    span = operand.job_span
    alike = written_alike(name, ontology.jobs)
    if alike is not None:
        return _written(f"job `{name}`", name, alike, span)
    for key, job in ontology.jobs.items():
        if job.title and folded(job.title) == folded(name):
            return _renamed("KQ205", f"`{name}` is the title of a job; its key is `{key}`", span, key)
    near = nearest(name, _searchable(ontology)) or nearest(name, ontology.jobs)
    # of jobs that are equally alike, the one that has the category is meant
    near.sort(key=lambda key: operand.category not in ontology.jobs[key].categories)
    message = f"there is no job `{shown(name, _SHOWN)}`"
    if operand.category is None and _holders(name, ontology):
        written = f"*.{name_to_text(name)}"
        turned = Fix(Span(span.start, operand.category_span.end), written, safe=False)
        return Diagnostic("KQ201", message, span, f"it is a category: write `{written}.count`", turned)
    swapped = ontology.jobs.get(operand.category) if operand.category is not None else None
    if swapped and name in swapped.categories:
        written = f"{name_to_text(swapped.key)}.{name_to_text(name)}"
        swap = Fix(Span(span.start, operand.category_span.end), written, safe=False)
        return Diagnostic("KQ201", message, span, f"job and category are swapped: write `{written}.count`", swap)
    if near:
        return _suggested("KQ201", message, span, near)
    holders = _holders(operand.category, ontology)
    if holders:
        fix = Fix(span, name_to_text(holders[0]), safe=False) if len(holders) == 1 else None
        return Diagnostic("KQ201", message, span, f"category `{operand.category}` belongs to {listed(holders)}", fix)
    return Diagnostic(
        "KQ201", message, span, f"the jobs are {listed(_searchable(ontology))}" if ontology.jobs else None
    )


def _unknown_category(operand: Count, job: Job, ontology: Ontology) -> Diagnostic:
    name, span = operand.category, operand.category_span
    alike = written_alike(name, job.categories)
    if alike is not None:
        return _written(f"category `{name}` of job `{job.key}`", name, alike, span)
    named = [key for key, category in job.categories.items() if folded(category.name) == folded(name)]
    if named:
        message = f"`{name}` is the name shown for a category of job `{job.key}`; its key is {listed(named)}"
        return _renamed("KQ205", message, span, named[0], sure=len(named) == 1)
    for nested in ontology.nested_below(job.key):
        if name in nested.categories:
            message = f"category `{name}` belongs to job `{nested.key}`, which is nested in `{job.key}`"
            return _other_job("KQ204", message, operand, nested.key)
    holders = _holders(name, ontology)
    if holders:
        message = f"category `{name}` belongs to {listed(holders)}, not to job `{job.key}`"
        return _other_job("KQ203", message, operand, holders[0] if len(holders) == 1 else None)
    message = f"job `{job.key}` has no category `{shown(name, _SHOWN)}`"
    keys = near_categories(name, [job])
    if keys:
        return _suggested("KQ202", message, span, keys)
    return Diagnostic("KQ202", message, span, f"its categories are {listed(job.categories)}")


def _unknown_everywhere(name: str, operand: Operand, ontology: Ontology) -> Diagnostic:
    """A category of all jobs that none has."""
    span = operand.category_span
    jobs = [job for job in ontology.jobs.values() if job.searchable]
    every = list(dict.fromkeys(key for job in jobs for key in job.categories))
    alike = written_alike(name, every)
    if alike is not None:
        return _written(f"category `{name}`", name, alike, span)
    named = dict.fromkeys(
        key for job in jobs for key, category in job.categories.items() if folded(category.name) == folded(name)
    )
    if named:
        message = f"`{name}` is the name shown for a category; its key is {listed(named)}"
        return _renamed("KQ205", message, span, next(iter(named)), sure=len(named) == 1)
    message = f"no job has a category `{shown(name, _SHOWN)}`"
    if name in ontology.jobs:
        written = f"{name_to_text(name)}.*"
        turned = Fix(Span(operand.job_span.start, span.end), written, safe=False)
        return Diagnostic("KQ202", message, span, f"it is a job: write `{written}.count`", turned)
    keys = near_categories(name, jobs)
    if keys:
        return _suggested("KQ202", message, span, keys)
    return Diagnostic("KQ202", message, span, f"the categories are {listed(every)}" if every else None)


def written_alike(name: str, keys: Iterable[str]) -> str | None:
    """The key that differs from a name in its Unicode form only; else the first that differs in letter case, too."""
    alike = [key for key in keys if folded(key) == folded(name)]
    return next((key for key in alike if one_form(key) == one_form(name)), alike[0] if alike else None)


def _written(what: str, name: str, key: str, span: Span) -> Diagnostic:
    if one_form(key) != one_form(name):
        return _renamed("KQ206", f"{what} is written `{key}`", span, key)
    hint = f"write `{name_to_text(key)}`, {other_form(name, key)}"
    return Diagnostic(
        "KQ209", f"{what} differs from the key only in its Unicode form", span, hint, Fix(span, name_to_text(key))
    )


def near_categories(name: str, jobs: Iterable[Job]) -> list[str]:
    """The categories of jobs whose key or display name is most like a name, the best first."""
    categories = [category for job in jobs for category in job.categories.values()]
    keys = dict.fromkeys(category.key for category in categories)
    by_name = {category.name: category.key for category in categories}
    near = nearest(name, [*keys, *by_name])
    return list(dict.fromkeys(n if n in keys else by_name[n] for n in near))


def _renamed(code: str, message: str, span: Span, key: str, *, sure: bool = True) -> Diagnostic:
    written = name_to_text(key)
    return Diagnostic(code, message, span, f"write `{written}`", Fix(span, written) if sure else None)


def _suggested(code: str, message: str, span: Span, keys: list[str]) -> Diagnostic:
    hint = f"did you mean {listed(keys, last='or')}?"
    return Diagnostic(code, message, span, hint, Fix(span, name_to_text(keys[0]), safe=False))


def _other_job(code: str, message: str, operand: Count, job: str | None) -> Diagnostic:
    if job is None:
        return Diagnostic(code, message, operand.category_span)
    written = f"{name_to_text(job)}.{name_to_text(operand.category)}"
    fix = Fix(operand.job_span, name_to_text(job), safe=False)
    return Diagnostic(code, message, operand.category_span, f"write `{written}.count`", fix)


def _searchable(ontology: Ontology) -> list[str]:
    return [key for key, job in ontology.jobs.items() if job.searchable]


# -- sense -------------------------------------------------------------------------------------------------------------


def _check_sense(root: Node, text: str | None) -> list[Diagnostic]:
    findings: list[Finding] = []
    result = verdict_or_rest(root, findings.append)
    found = [_senseless(finding, text) for finding in findings]
    decided = [d for d in found if d.code in ("KQ301", "KQ302")]
    if isinstance(result, bool) and not any(d.span == root.span for d in decided):
        code, word = ("KQ301", "always") if result else ("KQ302", "never")
        found.append(Diagnostic(code, f"so the whole query is {word} true", root.span))
    return found


def _senseless(finding: Finding, text: str | None) -> Diagnostic:
    parts = [shown(to_text(part), _SHOWN) for part in finding.parts]
    if finding.verdict is None:
        if finding.because:
            others = " and ".join(f"`{shown(to_text(other), _SHOWN)}`" for other in finding.because[:2])
            message = f"`{parts[0]}` adds nothing to {others}"
        else:
            message = f"`{parts[0]}` makes no difference here"
        return Diagnostic("KQ304", message, finding.span, "it can be left out", _removal(finding, text))
    code, word = ("KQ301", "always") if finding.verdict else ("KQ302", "never")
    if len(parts) == 1:
        return Diagnostic(code, f"`{parts[0]}` is {word} true", finding.span, _why(finding.parts[0], finding.verdict))
    listed_parts = " and ".join(f"`{part}`" for part in parts)
    if finding.verdict:
        return Diagnostic(code, f"one of {listed_parts} is always true", finding.span, "every count passes one of them")
    hint = "no count passes both" if len(parts) == 2 else "no count passes them all"
    return Diagnostic(code, f"{listed_parts} are never true together", finding.span, hint)


def _why(part: Node, verdict: bool) -> str | None:
    if not isinstance(part, Leaf):
        return None
    if isinstance(part, InRange) and part.low is not None and part.high is not None and part.low > part.high:
        return f"the ends are in falling order; `{part.high}..{part.low}` is a range"
    if verdict and part.accepted.has(0):
        return "a count is never below 0; `> 0` asks for at least one"
    return "a count is a whole number from 0"


_COMMENT = re.compile(r"#[^\n]*")


def _removal(finding: Finding, text: str | None) -> Fix | None:
    """The edit that takes out a part and one connective, where only these two stand between it and its neighbour."""
    group, part = finding.group, finding.parts[0]
    if text is None or not isinstance(group, (And, Or)) or len(finding.parts) > 1:
        return None
    index = next((i for i, item in enumerate(group.items) if item is part), None)
    if index is None:
        return None
    before = group.items[index - 1].span.end if index else part.span.end
    after = part.span.start if index else group.items[1].span.start
    if set(text[before:after]) & set("()#"):  # parentheses that would lose their other half, or a comment
        return None
    return Fix(Span(before, part.span.end) if index else Span(part.span.start, after), "")


def _check_mixed(root: Node, text: str) -> Iterator[Diagnostic]:
    """ANDs that stand in an OR without parentheses."""
    for node in walk(root):
        if not isinstance(node, Or):
            continue
        bare = [
            item for i, item in enumerate(node.items) if isinstance(item, And) and not _in_parentheses(node, i, text)
        ]
        if bare:
            pieces, end = list[str](), node.span.start
            for item in bare:
                pieces += (text[end : item.span.start], "(", text[slice(*item.span)], ")")
                end = item.span.end
            fix = (
                Fix(node.span, "".join((*pieces, text[end : node.span.end])))
                if end - node.span.start < 10_000
                else None
            )
            message = "AND binds tighter than OR; parentheses would say so"
            hint = f"write `({shown(text[slice(*bare[0].span)], _SHOWN)})`"
            yield Diagnostic("KQ305", message, bare[0].span, hint, fix)


def _in_parentheses(node: Or, index: int, text: str) -> bool:
    """True if an opening parenthesis stands just before the item. Those that close before the OR do not count."""
    start = node.items[index - 1].span.end if index else node.span.start
    return "(" in _COMMENT.sub("", text[start : node.items[index].span.start])


# -- what the ontology allows ------------------------------------------------------------------------------------------


def _check_bounds(root: Node, ontology: Ontology) -> Iterator[Diagnostic]:
    """Comparisons that no label which obeys the ontology can satisfy, or each one does (json-formats 6)."""
    for leaf in leaves(root):
        operand = leaf.operand
        bound = ontology.largest_total(operand.job, operand.category)
        if bound is None or leaf.accepted in (ALL, NONE):
            continue
        possible = between(0, bound)
        passing = leaf.accepted & possible
        if passing and passing != possible:
            continue
        word = "always" if passing else "never"
        times = "once" if bound == 1 else f"{bound} times"
        message = f"`{shown(to_text(leaf), _SHOWN)}` is {word} true for labels that obey the ontology"
        hint = f"job `{operand.job}` can choose `{operand.category}` at most {times} in a label"
        if isinstance(operand, Total):
            hint = f"`{shown(operand.text, _SHOWN)}` is at most {bound} in them"
        if ontology.input_type is None:
            hint += "; in an LLM project it can do so for each message"
        yield Diagnostic("KQ303", message, leaf.span, hint)
    for node in walk(push_not(root)):
        if isinstance(node, And):
            yield from _check_choices(node, ontology)


def _check_choices(node: And, ontology: Ontology) -> Iterator[Diagnostic]:
    """Several categories asked of a job that chooses one. Not in videos, where the choice can change."""
    if ontology.input_type in (None, *VIDEOS):
        return
    needed: dict[str, dict[str, Leaf]] = {}
    for item in node.items:
        if isinstance(item, Leaf) and isinstance(item.operand, Count) and item.accepted and item.accepted[0].low > 0:
            needed.setdefault(item.operand.job, {}).setdefault(item.operand.category, item)
    for key, asked in needed.items():
        job = ontology.jobs.get(key)
        bound = ontology.largest_count(job) if job and job.is_single_choice else None
        if bound is not None and sum(leaf.accepted[0].low for leaf in asked.values()) > bound and len(asked) > 1:
            span = Span(min(leaf.span.start for leaf in asked.values()), max(leaf.span.end for leaf in asked.values()))
            message = f"job `{key}` chooses one category, and this asks for {listed(asked)} at once"
            yield Diagnostic("KQ303", message, span, "labels that obey the ontology cannot hold both")
