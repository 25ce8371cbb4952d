"""Hover texts, as Markdown: what a job, a category, a comparison or a group in a query is about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kili_query.errors import QuerySyntaxError, Span
from kili_query.lang.assist.markdown import block, code, plain, prose
from kili_query.lang.assist.words import in_words, leaf_in_words
from kili_query.lang.ast import And, Leaf, Node, Not, Or, walk
from kili_query.lang.checker import check_tree
from kili_query.lang.lexis import ALL_NAMES
from kili_query.lang.parser import parse_tree
from kili_query.lang.tokens import Partial, Role, Word, partials, words
from kili_query.lang.wording import nearest
from kili_query.model.ontology import Category, Job, Ontology

_MAX_SHOWN = 12
"""Categories of a job, and lines of a query in words, that are shown; the rest is counted."""
_VERDICTS = ("KQ301", "KQ302", "KQ303")


class Hover(NamedTuple):
    """A text about a part of a query."""

    span: Span
    markdown: str


def hover(text: str, offset: int, ontology: Ontology | None = None) -> Hover | None:
    """What stands at an offset of a text, complete or not; None if there is nothing to say.

    >>> print(hover("A.B.count > 2", 10).markdown)
    job `A` has more than 2 of `B`
    """
    word = next((word for word in words(text) if word.span.start <= offset < word.span.end), None)
    if word is None or word.role in (Role.COMMENT, Role.UNKNOWN):
        return None
    partial = next((p for p in partials(text) if p.span.start <= word.span.start < p.span.end), None)
    if word.role in (Role.KEYWORD, Role.PUNCTUATION) and (word.text in ("AND", "OR", "(", ")") or partial is None):
        return _group(text, word, ontology)
    if word.text == "NOT" and partial is not None and word.span.start < partial.span.start:
        return _group(text, word, ontology)
    if partial is None:
        return None
    meaning = _meaning(text, partial, ontology)
    if word.role is Role.JOB:
        return Hover(word.span, _paragraphs(_job(word.key, ontology), meaning))
    if word.role is Role.CATEGORY:
        return Hover(word.span, _paragraphs(_category(partial.job.key, word.key, ontology), meaning))
    return Hover(partial.span, meaning) if meaning else None


def _paragraphs(*parts: str) -> str:
    return "\n\n".join(filter(None, parts))


# -- comparisons and groups --------------------------------------------------------------------------------------------


def _meaning(text: str, partial: Partial, ontology: Ontology | None) -> str:
    """The comparison in one sentence, and whether it always or never holds; nothing if it is not complete."""
    try:
        tree = parse_tree(text[slice(*partial.span)])
    except QuerySyntaxError:
        return ""
    if not isinstance(tree, Leaf):
        return ""
    return _paragraphs(leaf_in_words(tree, ontology, code, plain), _verdict(tree, ontology))


def _verdict(node: Node, ontology: Ontology | None) -> str:
    found = next((d for d in check_tree(node, ontology) if d.code in _VERDICTS and d.span == node.span), None)
    if found is None:
        return ""
    return f"**{'always' if 'always' in found.message else 'never'} true**" + (
        f": {prose(found.hint)}" if found.hint else ""
    )


def _group(text: str, word: Word, ontology: Ontology | None) -> Hover | None:
    """What the AND, OR, NOT or pair of parentheses around a token means."""
    try:
        tree = parse_tree(text)
    except QuerySyntaxError:
        return None
    kinds: tuple[type[Node], ...] = {"AND": (And,), "OR": (Or,), "NOT": (Not,)}.get(word.text, (And, Or, Not))
    around = [n for n in walk(tree) if isinstance(n, kinds) and n.span.start <= word.span.start < n.span.end]
    if word.text == "NOT":
        around = [n for n in around if n.span.start == word.span.start]
    if not around:
        return None
    node = min(around, key=lambda node: node.span.end - node.span.start)
    lines = in_words(node, ontology).splitlines()
    if len(lines) > _MAX_SHOWN:
        lines = [*lines[:_MAX_SHOWN], f"… and {len(lines) - _MAX_SHOWN} more lines"]
    return Hover(node.span, _paragraphs(block("\n".join(lines)), _verdict(node, ontology)))


# -- names -------------------------------------------------------------------------------------------------------------


_ANY_JOB = f"{code(ALL_NAMES)} stands for all jobs: objects of different jobs are different ones"
_ANY_CATEGORY = f"{code(ALL_NAMES)} stands for all categories: an object that has two of them counts once"


def _job(key: str | None, ontology: Ontology | None) -> str:
    if key is None:
        return _ANY_JOB
    if ontology is None:
        return f"job {code(key)}"
    job = ontology.jobs.get(key)
    return job_card(job, ontology) if job else _unknown(f"there is no job {code(key)}", key, ontology.jobs)


def _category(job_key: str | None, key: str | None, ontology: Ontology | None) -> str:
    if key is None:
        return _ANY_CATEGORY
    if job_key is None:
        return _category_of_all(key, ontology)
    if ontology is None:
        return f"category {code(key)} of job {code(job_key)}"
    job = ontology.jobs.get(job_key)
    if job is None:
        return _unknown(f"there is no job {code(job_key)}", job_key, ontology.jobs)
    category = job.categories.get(key)
    if category is None:
        return _unknown(f"job {code(job_key)} has no category {code(key)}", key, job.categories)
    return category_card(job, category, ontology)


def _category_of_all(key: str, ontology: Ontology | None) -> str:
    """A category of whatever job: the jobs that have it."""
    if ontology is None:
        return f"category {code(key)} of all jobs"
    owners = [job for job in ontology.jobs.values() if key in job.categories]
    if not owners:
        every = dict.fromkeys(category for job in ontology.jobs.values() for category in job.categories)
        return _unknown(f"no job has a category {code(key)}", key, every)
    if len(owners) == 1:
        return category_card(owners[0], owners[0].categories[key], ontology)
    lines = [f"- job {_named(job.key, job.title or '')}" for job in owners[:_MAX_SHOWN]]
    lines += [f"- … and {len(owners) - _MAX_SHOWN} more"] * (len(owners) > _MAX_SHOWN)
    return _paragraphs(f"category {code(key)} of {len(owners)} jobs", "\n".join(lines))


def _unknown(message: str, name: str, names: object) -> str:
    near = nearest(name, names)  # type: ignore[arg-type]
    return f"{message}; did you mean {' or '.join(map(code, near))}?" if near else message


def job_card(job: Job, ontology: Ontology) -> str:
    """A job: its title, its task, how many answers it takes, where it is nested, its categories."""
    facts = [f"task {code(job.task)}" if job.task else "", f"input {code(job.input)}" if job.input else ""]
    facts += ["helper of a model" if job.is_model else "", _at_most(job, ontology)]
    shown = list(job.categories.values())[:_MAX_SHOWN]
    lines = [f"- {_named(category.key, category.name)}" for category in shown]
    if len(job.categories) > len(shown):
        lines.append(f"- … and {len(job.categories) - len(shown)} more")
    return _paragraphs(
        f"job {_named(job.key, job.title or '')}",
        " · ".join(filter(None, facts)),
        _ancestors(job, ontology),
        "\n".join(lines) or "no categories, so a query cannot ask for it",
    )


def category_card(job: Job, category: Category, ontology: Ontology) -> str:
    """A category: its display name, its job, the nested jobs that it opens, the parents of its own."""
    opened = list(dict.fromkeys(category.opens))
    return _paragraphs(
        f"category {_named(category.key, category.name)} of job {_named(job.key, job.title or '')}",
        " · ".join(filter(None, (f"task {code(job.task)}" if job.task else "", _at_most(job, ontology)))),
        f"opens {', '.join(map(code, opened[:_MAX_SHOWN]))}" if opened else "",
        _ancestors(job, ontology),
    )


def _named(key: str, name: str) -> str:
    return f"**{code(key)}**" + (f" ({plain(name)})" if name and name != key else "")


def _at_most(job: Job, ontology: Ontology) -> str:
    bound = ontology.largest_count(job)
    if bound is None:
        return ""
    return f"a category is chosen at most {'once' if bound == 1 else f'{bound} times'} in a label"


def _ancestors(job: Job, ontology: Ontology) -> str:
    """The ways down to a nested job, from the outermost job."""
    if not job.is_child:
        return ""
    ways = list(_ways_to(job.key, ontology))
    if not ways:
        return "nested, but attached to no category"
    shown = [f"- {way}" for way in ways[:_MAX_SHOWN]]
    more = [f"- … and {len(ways) - _MAX_SHOWN} more"] if len(ways) > _MAX_SHOWN else []
    return "\n".join(["nested below", *shown, *more])


def _ways_to(key: str, ontology: Ontology) -> Iterator[str]:
    todo: list[tuple[str, tuple[str, ...], frozenset[str]]] = [(key, (), frozenset({key}))]
    given = 0
    while todo and given < 100:  # jobs nested in many places multiply
        at, below, seen = todo.pop()
        for job, category, at_point in reversed(ontology.parents.get(at, ())):
            step = f"{code(job.key)}.{code(category.key)}" + " (at a point)" * at_point
            if job.is_child and job.key not in seen and ontology.parents.get(job.key):
                todo.append((job.key, (step, *below), seen | {job.key}))
            else:
                given += 1
                yield " › ".join((step, *below))
