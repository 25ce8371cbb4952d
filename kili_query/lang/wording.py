"""Wording of messages: near names for a mistyped one, lists in a sentence, excerpts of a text made fit to show."""

from __future__ import annotations

from collections.abc import Iterable

from kili_query.lang.lexis import name_to_text
from kili_query.model.ontology import folded

LIKENESS = 0.6
"""The least likeness (0 to 1, as difflib has it) at which a name is worth suggesting, if it begins alike."""

LIKENESS_ELSE = 0.75
"""The same, for a name that begins with another letter."""

LONGEST = 200
"""The longest name, in characters, for which others are suggested."""


def nearest(name: str, candidates: Iterable[str], limit: int = 3) -> list[str]:
    """The candidates most like a name, the best first; letter case, Unicode form and separators do not count.

    >>> nearest("CARR", ["BUS", "CAR", "CARGO"])
    ['CAR', 'CARGO']
    """
    from difflib import SequenceMatcher

    if len(name) > LONGEST:  # to compare long names can take quadratic time
        return []
    matcher = SequenceMatcher(autojunk=False)
    asked = _plain(name)
    matcher.set_seq2(asked)
    ranked: list[tuple[float, int, str]] = []
    for order, candidate in enumerate(dict.fromkeys(candidates)):
        if len(candidate) > 2 * LONGEST:
            continue
        other = _plain(candidate)
        least = LIKENESS if other[:1] == asked[:1] else LIKENESS_ELSE
        matcher.set_seq1(other)
        if matcher.real_quick_ratio() >= least and matcher.quick_ratio() >= least:
            likeness = matcher.ratio()
            if likeness >= least:
                ranked.append((-likeness, order, candidate))
    return [candidate for _, _, candidate in sorted(ranked)[:limit]]


def _plain(name: str) -> str:
    return folded(name).replace("-", "_").replace(" ", "_")


def other_form(name: str, right: str) -> str:
    """How two names differ that look the same: their characters by number.

    >>> other_form("cafe\u0301s", "caf\u00e9s")
    'with U+00E9 in place of U+0065 U+0301'
    """
    begin = _alike_from_start(name, right)
    end = _alike_from_start(name[begin:][::-1], right[begin:][::-1])
    old, new = (text[begin : len(text) - end] for text in (name, right))
    return f"with {_numbered(new)} in place of {_numbered(old)}"


def _alike_from_start(one: str, other: str) -> int:
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _numbered(text: str) -> str:
    numbers = [f"U+{ord(c):04X}" for c in text]
    return " ".join(numbers[:6]) + (" …" if len(numbers) > 6 else "")


def shown(text: str, limit: int = 40) -> str:
    """A part of a text for a message: its end left out where it is longer, no character that acts on a terminal.

    >>> shown("A.BC\\0.count", limit=6)
    'A.BC�…'
    """
    text = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def listed(names: Iterable[str], limit: int = 6, *, last: str = "and") -> str:
    """Names for a sentence: in backticks, `last` before the last one, the rest counted.

    >>> listed(["A", "B", "C"], limit=2)
    '`A`, `B` and 1 more'
    """
    quoted = [f"`{name_to_text(name)}`" for name in names]
    if len(quoted) <= limit:
        return ", ".join(quoted[:-1]) + (f" {last} " if len(quoted) > 1 else "") + quoted[-1] if quoted else ""
    return ", ".join(quoted[:limit]) + f" {last} {len(quoted) - limit} more"
