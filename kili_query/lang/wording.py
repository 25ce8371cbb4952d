"""Names in messages: the nearest to a mistyped one, a list of them in a sentence, a part of a text made fit to show."""

from __future__ import annotations

from collections.abc import Iterable

from kili_query.lang.printer import name_to_text

LIKENESS = 0.6
"""The least likeness (0 to 1, as difflib has it) at which a name is worth suggesting, if it begins alike."""

LIKENESS_ELSE = 0.75
"""The same, for a name that begins with another letter."""

LONGEST = 200
"""The longest name, in characters, for which others are suggested."""


def nearest(name: str, candidates: Iterable[str], limit: int = 3) -> list[str]:
    """The candidates most like a name, the best first; letter case and separators weigh little.

    >>> nearest("CARR", ["BUS", "CAR", "CARGO"])
    ['CAR', 'CARGO']
    """
    from difflib import SequenceMatcher

    if len(name) > LONGEST:  # to compare long names can take quadratic time
        return []
    matcher = SequenceMatcher(autojunk=False)
    folded = _folded(name)
    matcher.set_seq2(folded)
    ranked: list[tuple[float, int, str]] = []
    for order, candidate in enumerate(dict.fromkeys(candidates)):
        if len(candidate) > 2 * LONGEST:
            continue
        other = _folded(candidate)
        least = LIKENESS if other[:1] == folded[:1] else LIKENESS_ELSE
        matcher.set_seq1(other)
        if matcher.real_quick_ratio() >= least and matcher.quick_ratio() >= least:
            likeness = matcher.ratio()
            if likeness >= least:
                ranked.append((-likeness, order, candidate))
    return [candidate for _, _, candidate in sorted(ranked)[:limit]]


def _folded(name: str) -> str:
    return name.casefold().replace("-", "_").replace(" ", "_")


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
