"""What people may have meant: names ranked by likeness. Knows no editor; editors and messages ask it."""

from __future__ import annotations

from collections.abc import Iterable

LIKENESS = 0.6
"""The least likeness (0 to 1, as difflib has it) at which a name is worth suggesting."""


def nearest(name: str, candidates: Iterable[str], limit: int = 3) -> list[str]:
    """The candidates most like a name, the best first; letter case and separators weigh little.

    >>> nearest("CARR", ["BUS", "CAR", "CARGO"])
    ['CAR', 'CARGO']
    """
    from difflib import SequenceMatcher

    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(_folded(name))
    ranked: list[tuple[float, int, str]] = []
    for order, candidate in enumerate(dict.fromkeys(candidates)):
        matcher.set_seq1(_folded(candidate))
        if matcher.real_quick_ratio() >= LIKENESS and matcher.quick_ratio() >= LIKENESS:
            likeness = matcher.ratio()
            if likeness >= LIKENESS:
                ranked.append((-likeness, order, candidate))
    return [candidate for _, _, candidate in sorted(ranked)[:limit]]


def _folded(name: str) -> str:
    return name.casefold().replace("-", "_").replace(" ", "_")


def listed(names: Iterable[str], limit: int = 6) -> str:
    """Names for a sentence: in backticks, the rest counted.

    >>> listed(["A", "B", "C"], limit=2)
    '`A`, `B` and 1 more'
    """
    from kili_query.lang.printer import name_to_text

    shown = [f"`{name_to_text(name)}`" for name in names]
    if len(shown) <= limit:
        return ", ".join(shown[:-1]) + (" and " if len(shown) > 1 else "") + shown[-1] if shown else ""
    return ", ".join(shown[:limit]) + f" and {len(shown) - limit} more"
