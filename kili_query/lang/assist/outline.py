"""Outline and rename: the comparisons of a query text, the names in it, where they stand again, their display names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kili_query.errors import Fix, QuerySyntaxError, Span
from kili_query.lang.assist.words import leaf_in_words
from kili_query.lang.ast import Leaf
from kili_query.lang.lexis import ALL_NAMES, name_to_text
from kili_query.lang.parser import parse_tree
from kili_query.lang.tokens import Partial, Role, partials, words
from kili_query.model.ontology import Ontology


class Symbol(NamedTuple):
    """A comparison, for an outline."""

    name: str
    detail: str
    span: Span
    selection: Span
    """The part that tells which: job and category."""


class Name(NamedTuple):
    """A job (`category` is None) or a category of a job (None: of all jobs), as it stands in a text."""

    job: str | None
    category: str | None
    span: Span

    @property
    def key(self) -> str:
        """The key that is written here."""
        return (self.job if self.category is None else self.category) or ""


class Hint(NamedTuple):
    """An inlay hint: the display name of a key, shown behind it."""

    offset: int
    text: str
    tooltip: str


def symbols(text: str, ontology: Ontology | None = None) -> list[Symbol]:
    """The comparisons of a text, in order, as far as they are there.

    >>> [s.name for s in symbols("A.B.count > 1 AND C.D.count")]
    ['A.B', 'C.D']
    """
    return [_symbol(text, partial, ontology) for partial in partials(text)]


def _symbol(text: str, partial: Partial, ontology: Ontology | None) -> Symbol:
    last = partial.category or partial.job
    words_of_it = (partial.job, partial.category) if partial.category else (partial.job,)
    name = ".".join(ALL_NAMES if word.key is None else name_to_text(word.key) for word in words_of_it)
    try:
        tree = parse_tree(text[slice(*partial.span)])
        detail = leaf_in_words(tree, ontology) if isinstance(tree, Leaf) else ""
    except QuerySyntaxError:
        detail = ""
    return Symbol(name, detail, partial.span, Span(partial.job.span.start, last.span.end))


def names(text: str) -> Iterator[Name]:
    """All names of a text, in order; `*` is none."""
    job: str | None = None
    for word in words(text):
        if word.role is Role.JOB:
            job = word.key
            if job is not None:
                yield Name(job, None, word.span)
        elif word.role is Role.CATEGORY and word.key is not None:
            yield Name(job, word.key, word.span)


def name_at(text: str, offset: int) -> Name | None:
    """The job or category at an offset, or just before it.

    >>> name_at("A.B.count > 1", 2)
    Name(job='A', category='B', span=Span(start=2, end=3))
    """
    return next((name for name in names(text) if name.span.start <= offset <= name.span.end), None)


def renames(text: str, name: Name, new: str) -> list[Fix]:
    """The edits that give a job or a category another key, wherever it stands in a text.

    >>> renames("A.B.count > 1 AND C.B.count > 1", Name("A", "B", Span(0, 0)), "traffic light")
    [Fix(span=Span(start=2, end=3), text='"traffic light"', safe=True)]
    """
    written = name_to_text(new)
    everywhere = name.job is None  # a category of all jobs
    return [
        Fix(other.span, written)
        for other in names(text)
        if other.category == name.category and (everywhere or other.job == name.job)
    ]


def hints(text: str, ontology: Ontology) -> list[Hint]:
    """The display names of categories, where they say more than the key."""
    found: list[Hint] = []
    for name in names(text):
        job = ontology.jobs.get(name.job) if name.job is not None else None
        category = job.categories.get(name.category) if job and name.category is not None else None
        if job and category and _folded(category.name) != _folded(category.key):
            shown = " ".join(category.name.split())
            shown = shown if len(shown) <= 40 else shown[:39] + "…"
            found.append(Hint(name.span.end, shown, f"category of job {job.key}" + f" ({job.title})" * bool(job.title)))
    return found


def _folded(name: str) -> str:
    return name.casefold().replace("_", " ").replace("-", " ")
