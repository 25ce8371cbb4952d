"""The parser: text becomes a typed tree, here and nowhere else, by the grammar."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from kili_query.errors import Diagnostic, QuerySyntaxError, Span
from kili_query.lang.ast import (
    And,
    Comparison,
    Count,
    InList,
    InRange,
    Leaf,
    Node,
    Not,
    Operand,
    Or,
    Total,
    fold,
    leaves,
    operand_of,
)
from kili_query.lang.automaton import read
from kili_query.lang.lexis import ALL_NAMES, COMMENT, DIGITS, QUOTED, unquote
from kili_query.lang.numbers import number_from_text
from kili_query.lang.operators import BY_SYMBOL
from kili_query.lang.parentheses import thinned
from kili_query.lang.stopped import Stopped, Token

MAX_TEXT = 1_000_000
"""The longest text, in characters."""
MAX_COMPARISONS = 100_000
"""The largest number of comparisons; a list counts one for each of its numbers."""
MAX_LEVELS = 1_000
"""The deepest nesting of AND, OR and NOT. Redundant parentheses are no level."""

FAR_TOO_DEEP = 10 * MAX_LEVELS
"""NOTs right inside of one another of which it is not asked what follows: the parser takes seconds for 100,000."""


def parse_tree(text: str, *, limited: bool = True) -> Node:
    """The tree of a query text; `limited`: it may be at most `MAX_TEXT` long, as text that people give.

    Raises
    ------
    QuerySyntaxError: the text is not a query, or passes a limit.
    TypeError: it is not text at all.

    >>> parse_tree("A.B.count > 1").number
    1
    """
    if not isinstance(text, str):
        raise TypeError(f"a query is text, and this is {type(text).__name__}")
    if limited and len(text) > MAX_TEXT:
        message = f"the text has {len(text):,} characters; the longest possible is {MAX_TEXT:,}"
        raise QuerySyntaxError(text, [Diagnostic("KQ115", message, Span(MAX_TEXT, len(text)))])
    if text.count("NOT") > FAR_TOO_DEEP and (run := _hopeless_run(text)):
        raise QuerySyntaxError(text, [_too_deep(run)])
    read = _read(text)
    if not isinstance(read, Stopped):
        return _freeze(_leaf(read), text)
    from kili_query.lang.mistakes.explain import diagnose

    raise QuerySyntaxError(text, [diagnose(text, read, stopped_in)])


def stopped_in(text: str) -> Stopped | None:
    """Where the parser stops in a text; None if the text is a query.

    >>> stopped_in("A.B.count > 1 AND x").position
    18
    """
    read = _read(text)
    return read if isinstance(read, Stopped) else None


def _read(text: str) -> Any:
    """What the rules make of a text, or where the parser stopped."""
    thin = thinned(text)
    made = read(thin.text, _RULES)
    return thin.restored(made) if isinstance(made, Stopped) else made


_MAYBE_NOT = re.compile(rf"{COMMENT}|{QUOTED}|\"[\s\S]*+|[\w*.+-]++|[^\s(]")


def _hopeless_run(text: str) -> Span | None:
    """Where NOTs right inside of one another, more than `FAR_TOO_DEEP`, become too many; None: nowhere."""
    start = number = 0
    for part in _MAYBE_NOT.finditer(text):
        if part[0] == "NOT":
            number += 1
            if number == MAX_LEVELS + 1:
                start = part.start()
            if number > FAR_TOO_DEEP:
                return Span(start, part.end())
        elif part[0][0] != "#":
            number = 0
    return None


# -- what becomes of the rules of the grammar ---------------------------------------------------------------------------


class _Draft:
    """AND, OR, NOT or a pair of parentheses while the text is being read."""

    __slots__ = ("end", "items", "kind", "start")

    def __init__(self, kind: type[And] | type[Or] | type[Not] | None, items: list[_Draft | Leaf], start: int, end: int):
        self.kind = kind  # None: parentheses
        self.items = items
        self.start = start
        self.end = end


def _in_list(tokens: list[Any]) -> InList:
    operand, negated, _, *numbers, close = tokens
    values = tuple(number_from_text(piece[0]) for token in numbers for piece in _pieces(token))
    return InList(_operand(operand), values, negated is not None, Span(operand.start, close.end))


def _in_range(tokens: list[Any]) -> InRange:
    operand, negated, *bounds = tokens
    if bounds[0].kind == "RANGE":
        bounds.insert(0, None)
    low, dots, high = bounds
    low_value, high_value = (None if bound is None else number_from_text(bound.text) for bound in (low, high))
    span = Span(operand.start, (high or dots).end)
    return InRange(_operand(operand), low_value, high_value, negated is not None, span)


def _group(items: list[Any]) -> _Draft:
    opening, inner, closing = items
    inner = _leaf(inner)
    if isinstance(inner, _Draft) and inner.kind is None:  # parentheses in parentheses say nothing new
        inner.start, inner.end = opening.start, closing.end
        return inner
    return _Draft(None, [inner], opening.start, closing.end)


def _of(kind: type[And] | type[Or]) -> Callable[[list[Any]], _Draft]:
    def draft(items: list[Any]) -> _Draft:
        drafts = [_leaf(item) for item in items]
        return _Draft(kind, drafts, _start(drafts[0]), _end(drafts[-1]))

    return draft


def _not(items: list[Any]) -> _Draft:
    words, item = items[0], _leaf(items[1])
    for start in range(words.end - len("NOT"), words.start - 1, -len("NOT")):
        item = _Draft(Not, [item], start, _end(item))
    return item  # type: ignore[return-value]  # there is one NOT at least


_RULES = {
    "in_list": _in_list,
    "in_range": _in_range,
    "group": _group,
    "and": _of(And),
    "or": _of(Or),
    "not": _not,
}


def _leaf(item: Any) -> _Draft | Leaf:
    """A comparison comes from the lexer as one token."""
    return _comparison(item) if isinstance(item, Token) else item


def _start(item: _Draft | Leaf) -> int:
    return item.start if isinstance(item, _Draft) else item.span.start


def _end(item: _Draft | Leaf) -> int:
    return item.end if isinstance(item, _Draft) else item.span.end


_PIECE = re.compile(rf"{COMMENT}|{QUOTED}|[<>=!]+|[\w*+-]+")
"""The parts of a token that the grammar has accepted: names, `count`, operator, number; comments between them."""


def _pieces(token: Token) -> list[re.Match[str]]:
    return [piece for piece in _PIECE.finditer(token.text) if piece[0][0] != "#"]


_PLAIN_COMPARISON = re.compile(rf"([\w*-]+)\.([\w*-]+)\.count ?([<>=!]=?) ?({DIGITS})")
"""How most people write a comparison: then its parts are found in one step."""


def _comparison(token: Token) -> Comparison:
    start = token.start
    plain = _PLAIN_COMPARISON.match(token.text)
    if plain:
        job, category, operator, number = plain.groups()
        dot = start + len(job)
        word = dot + len(category) + 7  # the dots and `count`
        spans = Span(start, word), Span(start, dot), Span(dot + 1, word - 6)
        operand: Operand
        if job == ALL_NAMES or category == ALL_NAMES:
            operand = Total(_one(job), _one(category), *spans)
        else:
            operand = Count(job, category, *spans)
        return Comparison(operand, BY_SYMBOL[operator], number_from_text(number), Span(start, start + plain.end()))
    job_piece, category_piece, word_piece, operator_piece, number_piece = _pieces(token)
    operand = _operand_of(job_piece, category_piece, start, start + word_piece.end())
    span = Span(start, start + number_piece.end())
    return Comparison(operand, BY_SYMBOL[operator_piece[0]], number_from_text(number_piece[0]), span)


def _operand(token: Token) -> Operand:
    job, category, _ = _pieces(token)
    return _operand_of(job, category, token.start, token.end)


def _operand_of(job: re.Match[str], category: re.Match[str], start: int, end: int) -> Operand:
    job_span = Span(start + job.start(), start + job.end())
    category_span = Span(start + category.start(), start + category.end())
    return operand_of(_one(job[0]), _one(category[0]), Span(start, end), job_span, category_span)


def _one(name: str) -> str | None:
    """The key that is written; None for `*`, which is none."""
    return None if name == ALL_NAMES else unquote(name)


def _freeze(root: _Draft | Leaf, text: str) -> Node:
    """The tree of a draft: an AND inside an AND becomes part of it, parentheses go."""
    built: list[Node] = []
    # groups that are open: the draft, what is left to do below it (the next last), where its nodes start in `built`
    open_: list[tuple[_Draft, list[_Draft | Leaf], int]] = []
    todo: list[_Draft | Leaf] = [root]
    total = 0
    while True:
        while todo:
            item = todo.pop()
            while isinstance(item, _Draft) and item.kind is None:
                item = item.items[0]
            if not isinstance(item, _Draft):
                built.append(item)
                total += _weight(item)
                if total > MAX_COMPARISONS:
                    raise QuerySyntaxError(text, [_too_many(item.span)])
            elif open_ and item.kind is not Not and item.kind is open_[-1][0].kind:
                todo += reversed(item.items)
            elif len(open_) == MAX_LEVELS:
                raise QuerySyntaxError(text, [_too_deep(Span(item.start, item.end))])
            else:
                open_.append((item, todo, len(built)))
                todo = item.items[::-1]
        if not open_:
            break
        draft, todo, first = open_.pop()
        nodes = tuple(built[first:])
        del built[first:]
        span = Span(draft.start, draft.end)
        built.append(Not(nodes[0], span) if draft.kind is Not else draft.kind(nodes, span))  # type: ignore[misc, arg-type]
    return built[0]


def limit_tree(tree: Node) -> None:
    """Refuse a tree that was built without text and passes a limit of the language.

    Raises
    ------
    QuerySyntaxError: too many comparisons (KQ116), or nested too deep (KQ117).
    """
    total = sum(map(_weight, leaves(tree)))
    if total > MAX_COMPARISONS:
        raise QuerySyntaxError("", [_too_many(Span(0, 0))])
    if fold(tree, lambda _: 0, lambda _, below: 1 + max(below)) > MAX_LEVELS:
        raise QuerySyntaxError("", [_too_deep(Span(0, 0))])


def _weight(leaf: Leaf) -> int:
    """How many comparisons a leaf stands for."""
    return len(leaf.numbers) if isinstance(leaf, InList) else 1


def _too_many(span: Span) -> Diagnostic:
    message = f"there are more than {MAX_COMPARISONS:,} comparisons; a list counts one for each number"
    return Diagnostic("KQ116", message, span)


def _too_deep(span: Span) -> Diagnostic:
    return Diagnostic("KQ117", f"AND, OR and NOT are nested more than {MAX_LEVELS:,} levels deep", span)
