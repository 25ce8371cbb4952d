"""Completion at a caret: names of the ontology, operators, keywords, sensible numbers, the best first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple, TypeVar

from kili_query.errors import Span
from kili_query.lang.assist.caret import Caret, carets
from kili_query.lang.assist.hover import category_card, job_card
from kili_query.lang.intervals import between
from kili_query.lang.lexis import ALL_NAMES, ANY_NAME, name_to_text
from kili_query.lang.operators import BY_SYMBOL, Operator
from kili_query.lang.stopped import Slot
from kili_query.lang.tokens import key_from_text, partials
from kili_query.lang.wording import nearest
from kili_query.model.ontology import Category, Job, Ontology

T = TypeVar("T")


class Kind(StrEnum):
    """What is proposed."""

    JOB = "job"
    CATEGORY = "category"
    COUNT = "count"
    OPERATOR = "operator"
    KEYWORD = "keyword"
    NUMBER = "number"
    PUNCTUATION = "punctuation"


@dataclass(frozen=True, slots=True)
class Completion:
    """A completion item: `span` is replaced by `text`."""

    label: str
    kind: Kind
    span: Span
    text: str
    detail: str = ""
    """A few words beside the label: display name, task, meaning."""
    documentation: str = ""
    """More, as Markdown."""
    typed: str = ""
    """What is already written of it. Editors that filter by themselves must let it pass for that text."""


_NUMBERS = (0, 1, 2, 3, 5, 10)
"""Numbers worth proposing, where they make sense."""
_MORE_OF_WORD = re.compile(r"[\w*-]*")
_MORE_OF_QUOTED = re.compile(r'(?:\\.|[^"\\\n])*+"')
_NAME = re.compile(rf"\s*+{ANY_NAME}")
_DOT = re.compile(r"\s*+\.")


def complete(text: str, offset: int, ontology: Ontology | None = None) -> list[Completion]:
    """What can be written at an offset of a text, complete or not, the best first; never raises.

    >>> [c.label for c in complete("A.B.count > 1 O", 15)]
    ['OR']
    """
    offset = min(max(offset, 0), len(text))
    found: dict[tuple[str, Kind], Completion] = {}
    for caret in reversed(carets(text, offset)):
        for completion in _at(_Place(text, offset, caret), ontology):
            found.setdefault((completion.label, completion.kind), completion)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class _Place:
    """A caret with the text around it."""

    text: str
    offset: int
    caret: Caret

    def make(
        self, kind: Kind, label: str, typed: str = "", *, text: str = "", detail: str = "", documentation: str = ""
    ) -> Completion:
        """A proposal in place of what is typed, and of the rest of that word behind the caret.

        Where nothing is typed yet, a space keeps a word or an operator from a word before it.
        """
        end = self.offset
        if typed[:1] == '"':
            closing = _MORE_OF_QUOTED.match(self.text, self.offset)
            # a quote with a dot behind it closes this name, and so does one that comes at once
            if closing and (closing[0] == '"' or _DOT.match(self.text, closing.end())):
                end = closing.end()
        elif typed and kind is not Kind.OPERATOR and (more := _MORE_OF_WORD.match(self.text, self.offset)):
            end = more.end()
        span = Span(self.offset - len(typed), end)
        text = text or label
        if not typed and text[0] not in ".,) " and self.text[self.offset - 1 : self.offset].isalnum():
            text = f" {text}"
        return Completion(label, kind, span, text, detail, documentation, typed)

    def keyword(self, word: str, typed: str, detail: str) -> Iterator[Completion]:
        """A keyword, if it begins as what is typed; white space keeps it from what is before and behind."""
        if word.casefold().startswith(typed.casefold()):
            before = self.text[: self.offset - len(typed)][-1:]
            spaced = before in " \t\r\n(" or (word == "NOT" and not before.isalnum())
            behind = "" if self.text[self.offset : self.offset + 1].isspace() else " "
            yield self.make(Kind.KEYWORD, word, typed, text=" " * (not spaced) + word + behind, detail=detail)


def _at(place: _Place, ontology: Ontology | None) -> Iterator[Completion]:
    match place.caret.slot:
        case Slot.COMPARISON:
            yield from _operand(place, ontology)
        case Slot.OPERATOR:
            yield from _after_count(place, place.caret.rest, _operand_before(place, ontology))
        case Slot.CONNECTIVE | Slot.UPPER_END | Slot.END:
            yield from _after_comparison(place)
        case slot:
            yield from _in_set(place, slot, ontology)


# -- JOB.CATEGORY.count ------------------------------------------------------------------------------------------------


def _operand(place: _Place, ontology: Ontology | None) -> Iterator[Completion]:
    """A job, a category, `count`, or what stands before a comparison."""
    names, typed = _names(place.caret.rest)
    if typed is None:
        return
    if not names:
        if typed and typed[0] != '"':
            yield from place.keyword("NOT", typed, "what follows must not hold")
        yield from _jobs(place, typed, ontology)
        yield from _all_names(place, typed, Kind.JOB, "all jobs: a total")
        if not typed:
            yield from place.keyword("NOT", typed, "what follows must not hold")
            yield place.make(Kind.PUNCTUATION, "(", detail="parts that belong together")
    elif len(names) == 1:
        jobs = _jobs_named(names[0], ontology)
        yield from _categories(place, typed, jobs, ontology)
        if ontology is None or any(job.searchable for job in jobs):
            yield from _all_names(place, typed, Kind.CATEGORY, "all categories: a total")
    elif len(names) == 2:
        if "count".startswith(typed):
            what = "" if names[1] is None else " of the category"
            yield place.make(Kind.COUNT, "count", typed, detail=f"how many objects{what} a label holds")
        if typed.startswith("count"):
            yield from _after_count(place, typed[5:], _known(names[0], names[1], ontology))


def _names(rest: str) -> tuple[list[str | None], str | None]:
    """The finished names of half an operand (None: `*`), and what is typed of the next; None where no name can stand."""
    names, position = list[str | None](), 0
    while True:
        found = _NAME.match(rest, position)
        dot = _DOT.match(rest, found.end()) if found else None
        if not found or not dot:
            break
        name = found[0].strip()
        names.append(None if name == ALL_NAMES else key_from_text(name))
        position = dot.end()
    typed = rest[position:].lstrip()
    plain = not typed or typed[0] == '"' or re.fullmatch(r"[\w*][\w* -]*", typed)
    return names, typed if plain else None


def _jobs(place: _Place, typed: str, ontology: Ontology | None) -> Iterator[Completion]:
    if ontology is None:
        return
    jobs = [job for job in ontology.jobs.values() if job.searchable]
    jobs.sort(key=lambda job: job.is_model)  # labels normally hold nothing for helpers of a model
    for job in _matching(typed, jobs, lambda job: (job.key, job.title or "")):
        parents = ", ".join(
            dict.fromkeys(f"{parent.key}.{category.key}" for parent, category, _ in _above(job, ontology))
        )
        detail = " · ".join(filter(None, (job.title, job.task, f"nested in {parents}" if parents else "")))
        yield place.make(
            Kind.JOB, job.key, typed, text=name_to_text(job.key), detail=detail, documentation=job_card(job, ontology)
        )


def _above(job: Job, ontology: Ontology) -> tuple[tuple[Job, Category, bool], ...]:
    return ontology.parents.get(job.key, ()) if job.is_child else ()


def _jobs_named(key: str | None, ontology: Ontology | None) -> list[Job]:
    """The job of that key; None: all jobs."""
    if ontology is None:
        return []
    return [job for job in ontology.jobs.values() if key in (None, job.key)]


def _categories(place: _Place, typed: str, jobs: Sequence[Job], ontology: Ontology | None) -> Iterator[Completion]:
    """The categories of jobs, each key once."""
    if ontology is None:
        return
    owned: dict[str, tuple[Job, Category]] = {}
    for job in jobs:
        for key, category in job.categories.items():
            owned.setdefault(key, (job, category))
    for job, category in _matching(typed, owned.values(), lambda owned: (owned[1].key, owned[1].name)):
        name = category.name if category.name != category.key else ""
        made = place.make(
            Kind.CATEGORY,
            category.key,
            typed,
            text=name_to_text(category.key),
            detail=" · ".join(filter(None, (name, job.task))),
            documentation=category_card(job, category, ontology),
        )
        # nothing but `.count` can follow, so it comes along where it is not yet there
        if not _DOT.match(place.text, made.span.end):
            made = replace(made, text=f"{made.text}.count")
        yield made


def _all_names(place: _Place, typed: str, kind: Kind, detail: str) -> Iterator[Completion]:
    """The completion item `*`, the total over all names."""
    if typed in ("", ALL_NAMES):
        made = place.make(kind, ALL_NAMES, typed, detail=detail)
        if kind is Kind.CATEGORY and not _DOT.match(place.text, made.span.end):
            made = replace(made, text=f"{made.text}.count")
        yield made


def _matching(typed: str, things: Iterable[T], names: Callable[[T], tuple[str, str]]) -> list[T]:
    """The things whose key or display name is meant by what is typed, the likeliest first."""
    wanted = key_from_text(typed).strip().rstrip("\\").casefold()  # perhaps half an escape
    all_things = list(things)
    if not wanted:
        return all_things
    ranked: dict[int, tuple[int, int]] = {}
    for order, thing in enumerate(all_things):
        rank = _rank(wanted, *(name.casefold() for name in names(thing)))
        if rank is not None:
            ranked[order] = (rank, order)
    owners: dict[str, int] = {}
    for order, thing in enumerate(all_things):
        for name in names(thing):
            owners.setdefault(name, order)
    for place, name in enumerate(nearest(wanted, filter(None, owners), limit=5)):
        ranked.setdefault(owners[name], (_UNLIKE, place))
    return [all_things[order] for order in sorted(ranked, key=ranked.__getitem__)]


_UNLIKE = 9


def _rank(wanted: str, key: str, name: str) -> int | None:
    """How well a name fits what is typed, 0 best; None if it does not."""
    if key.startswith(wanted):
        return 0
    if name.startswith(wanted):
        return 1
    if any(part.startswith(wanted) for part in re.split(r"[\W_]+", key)):
        return 2
    if any(part.startswith(wanted) for part in re.split(r"[\W_]+", name)):
        return 3
    return 4 if len(wanted) > 1 and (wanted in key or wanted in name) else None


# -- operators, numbers, connectives -----------------------------------------------------------------------------------


class _Known(NamedTuple):
    """The count that a comparison is about."""

    words: str
    most: int | None
    """The largest count that a label can hold if it obeys the ontology."""


def _known(job: str | None, category: str | None, ontology: Ontology | None) -> _Known:
    most = ontology.largest_total(job, category) if ontology else None
    return _Known(f"of {category}" if category is not None else "objects", most)


def _operand_before(place: _Place, ontology: Ontology | None) -> _Known:
    last = partials(place.text[: place.offset])[-1]
    return _known(last.job.key, last.category.key if last.category else "", ontology)


def _after_count(place: _Place, typed: str, known: _Known) -> Iterator[Completion]:
    """An operator, IN; or the number, where the operator is there."""
    half = _HALF_COMPARISON.fullmatch(typed)
    if half and half[1] in BY_SYMBOL:
        yield from _numbers(place, BY_SYMBOL[half[1]], known, glued=not half[2])
    if half and (half[2] or half[3]):
        return
    for operator in _OPERATORS:
        if operator.symbol.startswith(typed) and _sensible(operator, known):
            symbol = operator.symbol
            yield place.make(Kind.OPERATOR, symbol, typed, text=f"{symbol} ", detail=operator.words)
    yield from place.keyword("IN", typed, "one of several numbers, or a range")
    yield from place.keyword("NOT IN", typed, "none of several numbers, or outside a range")


_OPERATORS = (Operator.GT, Operator.GE, Operator.EQ, Operator.LT, Operator.LE, Operator.NE)
_HALF_COMPARISON = re.compile(r"([<>=!]+)([ \t\r\n]*)([+-]?)")


def _sensible(operator: Operator, known: _Known) -> list[int]:
    """The numbers for which the comparison depends on the label."""
    possible = between(0, known.most)
    passing = ((number, operator.accepted(number) & possible) for number in _NUMBERS)
    return [number for number, accepted in passing if accepted and accepted != possible]


def _numbers(place: _Place, operator: Operator, known: _Known, *, glued: bool) -> Iterator[Completion]:
    for number in _sensible(operator, known):
        made = place.make(Kind.NUMBER, str(number), detail=f"{operator.words} {number} {known.words}")
        yield replace(made, text=f"{' ' * glued}{number}")


def _in_set(place: _Place, slot: Slot, ontology: Ontology | None) -> Iterator[Completion]:
    """The keyword IN, a list, a range, or what goes on in one of them."""
    typed = place.caret.rest
    if slot is Slot.IN:
        yield from place.keyword("IN", typed, "one of several numbers, or a range")
    if typed:
        if slot is Slot.DOTS and typed == ".":
            yield place.make(Kind.PUNCTUATION, "..", typed, detail="to")
        return
    numbers = _sensible(Operator.GE, _operand_before(place, ontology))
    match slot:
        case Slot.SET:
            yield place.make(Kind.PUNCTUATION, "(", detail="a list such as `(1, 3)`")
            for number in numbers[:3]:
                yield place.make(Kind.NUMBER, f"{number}..", detail=f"{number} or more")
        case Slot.ITEM | Slot.NUMBER:
            yield from (place.make(Kind.NUMBER, str(number)) for number in numbers)
        case Slot.DOTS:
            yield place.make(Kind.PUNCTUATION, "..", detail="to")
        case Slot.COMMA:
            yield place.make(Kind.PUNCTUATION, ",", text=", ", detail="another number")
            yield place.make(Kind.PUNCTUATION, ")", detail="ends the list")


def _after_comparison(place: _Place) -> Iterator[Completion]:
    caret, typed = place.caret, place.caret.rest
    if caret.slot is Slot.UPPER_END and not typed and place.text[place.offset - 1 : place.offset] == ".":
        yield from (place.make(Kind.NUMBER, str(number)) for number in _NUMBERS[1:])
    yield from place.keyword("AND", typed, "both hold")
    yield from place.keyword("OR", typed, "at least one holds")
    if caret.closable and not typed:
        yield place.make(Kind.PUNCTUATION, ")", detail="ends the part")
