"""What editors and messages ask of the language: what may be meant, written, repaired, shown. Knows no editor.

Names ranked by likeness and queries in words are here. The rest has modules of its own, loaded when it is first used,
since they read texts, and reading texts asks this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from kili_query.lang.ast import And, Comparison, InList, InRange, Leaf, Node, Not, Or
from kili_query.lang.numbers import number_to_text
from kili_query.lang.printer import name_to_text

if TYPE_CHECKING:
    from kili_query.lang.assist.completion import Completion as Completion
    from kili_query.lang.assist.completion import Kind as Kind
    from kili_query.lang.assist.completion import complete as complete
    from kili_query.lang.assist.fixes import QuickFix as QuickFix
    from kili_query.lang.assist.fixes import diagnose as diagnose
    from kili_query.lang.assist.fixes import fix_all as fix_all
    from kili_query.lang.assist.fixes import format_text as format_text
    from kili_query.lang.assist.fixes import quick_fixes as quick_fixes
    from kili_query.lang.assist.hover import Hover as Hover
    from kili_query.lang.assist.hover import hover as hover
    from kili_query.lang.assist.outline import Hint as Hint
    from kili_query.lang.assist.outline import Name as Name
    from kili_query.lang.assist.outline import Symbol as Symbol
    from kili_query.lang.assist.outline import hints as hints
    from kili_query.lang.assist.outline import name_at as name_at
    from kili_query.lang.assist.outline import renames as renames
    from kili_query.lang.assist.outline import symbols as symbols
    from kili_query.lang.tokens import Role as Role
    from kili_query.lang.tokens import Word as Word
    from kili_query.lang.tokens import comments as comments
    from kili_query.lang.tokens import key_from_text as key_from_text
    from kili_query.lang.tokens import words as words
    from kili_query.model.ontology import Ontology

_HOMES = {
    "assist.completion": ("Completion", "Kind", "complete"),
    "assist.fixes": ("QuickFix", "diagnose", "fix_all", "format_text", "quick_fixes"),
    "assist.hover": ("Hover", "hover"),
    "assist.outline": ("Hint", "Name", "Symbol", "hints", "name_at", "renames", "symbols"),
    "tokens": ("Role", "Word", "comments", "key_from_text", "words"),
}


def __getattr__(name: str) -> Any:
    home = next((home for home, names in _HOMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"kili_query.lang.{home}"), name)


LIKENESS = 0.6
"""The least likeness (0 to 1, as difflib has it) at which a name is worth suggesting, if it begins alike."""

LIKENESS_ELSE = 0.75
"""The same, for a name that begins with another letter."""


def nearest(name: str, candidates: Iterable[str], limit: int = 3) -> list[str]:
    """The candidates most like a name, the best first; letter case and separators weigh little.

    >>> nearest("CARR", ["BUS", "CAR", "CARGO"])
    ['CAR', 'CARGO']
    """
    from difflib import SequenceMatcher

    matcher = SequenceMatcher(autojunk=False)
    folded = _folded(name)
    matcher.set_seq2(folded)
    ranked: list[tuple[float, int, str]] = []
    for order, candidate in enumerate(dict.fromkeys(candidates)):
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


def in_words(root: Node, ontology: Ontology | None = None) -> str:
    """What a query means, in English; with an ontology by the names that people see.

    >>> from kili_query.lang.parser import parse_tree
    >>> print(in_words(parse_tree("A.B.count > 2 AND NOT C.D.count IN 1..3")))
    all of these hold:
    - job `A` has more than 2 of `B`
    - not: job `C` has from 1 to 3 of `D`
    """
    lines: list[str] = []
    todo: list[tuple[Node, str]] = [(root, "")]
    while todo:
        node, margin = todo.pop()
        words = ""
        while isinstance(node, Not):
            node, words = node.item, words + "not: "
        if isinstance(node, (And, Or)):
            lines.append(f"{margin}{words}{'all' if isinstance(node, And) else 'at least one'} of these hold:")
            below = margin.replace("-", " ") + "- "
            todo += [(item, below) for item in reversed(node.items)]
        else:
            lines.append(f"{margin}{words}{leaf_in_words(node, ontology)}")
    return "\n".join(lines)


def leaf_in_words(
    leaf: Leaf,
    ontology: Ontology | None = None,
    key: Callable[[str], str] = "`{}`".format,
    name: Callable[[str], str] = str,
) -> str:
    """What a comparison means, in one English sentence; `key` and `name` dress keys and the names that people see."""
    match leaf:
        case Comparison(_, operator, number):
            how_many = f"{operator.words} {number_to_text(number)}"
        case InList(_, numbers, negated):
            *most, last = map(number_to_text, numbers)
            how_many = f"{'any number but ' * negated}{', '.join(most)}{' or ' * (len(numbers) > 1)}{last}"
        case InRange(_, low, high, negated):
            start, end = ("" if bound is None else number_to_text(bound) for bound in (low, high))
            bounds = f"from {start} to {end}" if start and end else f"{start} or more" if start else f"up to {end}"
            how_many = f"{'any number but ' * negated}{bounds}"
    job_key, category_key = leaf.operand.key
    job = ontology.jobs.get(job_key) if ontology else None
    category = job.categories.get(category_key) if job else None
    seen = f" ({name(category.name)})" if category and category.name != category_key else ""
    title = f" ({name(job.title)})" if job and job.title else ""
    return f"job {key(job_key)}{title} has {how_many} of {key(category_key)}{seen}"
