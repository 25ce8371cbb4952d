"""The automaton: a text is read by the tables that Lark makes of the grammar, and stops where it can be no query."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

from kili_query.lang.stopped import Slot, Stopped, Token
from kili_query.lang.tables import ACCEPT, IGNORED, RULES, STATES, TERMINALS

_END = "$END"


class _Rule(NamedTuple):
    """A rule of the grammar, as the driver needs it."""

    name: str
    size: int
    """How many symbols it takes."""
    alone: bool
    """True if a single part stands for itself."""
    parts: tuple[tuple[int, bool], ...]
    """What is handed on: which symbol (-1: None, for what was left out), and whether it is a row of parts."""

    @classmethod
    def of(cls, row: str) -> _Rule:
        """The rule of a row of the tables."""
        name, _, symbols = row.partition(": ")
        parts: list[tuple[int, bool]] = []
        size = 0
        for symbol in symbols.split():
            if symbol == "[]":
                parts.append((-1, False))
                continue
            row_of_parts = symbol.startswith("__")
            if row_of_parts or not symbol.startswith("_"):  # `_AND` and the like say nothing that is not known
                parts.append((size, row_of_parts))
            size += 1
        return cls(name.lstrip("?"), size, name.startswith("?"), tuple(parts))


_RULES = tuple(map(_Rule.of, RULES))


def read(text: str, make: Mapping[str, Callable[[list[Any]], Any]]) -> Any:
    """What the rules make of a text, or a `Stopped`.

    Parameters
    ----------
    make: what each rule makes of its parts, which are tokens, what other rules have made, and None for what was left out.
    """
    states, values = [0], list[Any]()
    position, length = 0, len(text)
    while True:
        match = _scanner(states[-1])
        while position < length:
            found = match(text, position)
            if found is None:
                return _stopped(position, states, values)
            start, position = position, found.end()
            if (kind := str(found.lastgroup)) not in IGNORED:
                break
        else:
            kind, start = _END, length
        while True:
            step = STATES[states[-1]].get(kind)
            if step is None:
                return _stopped(start, states, values)
            if step >= 0:
                break
            rule = _RULES[~step]
            parts = _parts(rule, values[-rule.size :])
            del states[-rule.size :], values[-rule.size :]
            alone = rule.alone and len(parts) == 1
            values.append(parts[0] if alone else make[rule.name](parts) if rule.name in make else parts)
            states.append(STATES[states[-1]][rule.name])
            if kind == _END and states[-1] == ACCEPT:
                return values[-1]
        states.append(step)
        values.append(Token(kind, start, position, text[start:position]))


def _parts(rule: _Rule, values: list[Any]) -> list[Any]:
    parts: list[Any] = []
    for number, is_row in rule.parts:
        if not is_row:
            parts.append(None if number < 0 else values[number])
        elif parts:
            parts += values[number]
        else:
            parts = values[number]  # a row that grows at its end is not copied each time
    return parts


@cache
def _scanner(state: int) -> Callable[[str, int], re.Match[str] | None]:
    """Finds the token at a position, among those that can stand there in a state."""
    return _pattern(*(name for name in TERMINALS if name in STATES[state] or name in IGNORED)).match


@cache
def _pattern(*names: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?P<{name}>{TERMINALS[name]})" for name in names))


def _stopped(position: int, states: list[int], values: list[Any]) -> Stopped:
    accepts = {kind for kind in STATES[states[-1]] if kind in TERMINALS and _accepts(states, kind)}
    # beside tokens the stack holds what the rules have made of them
    tokens = tuple(value for value in values if isinstance(value, Token))
    return Stopped(position, Slot.of(accepts), "RPAR" in accepts, tokens)


def _accepts(states: list[int], kind: str) -> bool:
    """True if a token can follow: where it only completes rules, what is around them has a say."""
    depth = len(states)
    above: list[int] = []  # states that rules have led to, on top of those up to `depth`
    while True:
        step = STATES[above[-1] if above else states[depth - 1]].get(kind)
        if step is None or step >= 0:
            return step is not None
        rule = _RULES[~step]
        kept = len(above) - rule.size
        del above[max(kept, 0) :]
        depth += min(kept, 0)
        above.append(STATES[above[-1] if above else states[depth - 1]][rule.name])
