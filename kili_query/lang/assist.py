"""What people may have meant: names ranked by likeness. Knows no editor; editors and messages ask it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from kili_query.lang.ast import And, Comparison, InList, InRange, Leaf, Node, Not, Or
from kili_query.lang.printer import name_to_text

if TYPE_CHECKING:
    from kili_query.model.ontology import Ontology

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


def listed(names: Iterable[str], limit: int = 6) -> str:
    """Names for a sentence: in backticks, the rest counted.

    >>> listed(["A", "B", "C"], limit=2)
    '`A`, `B` and 1 more'
    """
    shown = [f"`{name_to_text(name)}`" for name in names]
    if len(shown) <= limit:
        return ", ".join(shown[:-1]) + (" and " if len(shown) > 1 else "") + shown[-1] if shown else ""
    return ", ".join(shown[:limit]) + f" and {len(shown) - limit} more"


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
            lines.append(f"{margin}{words}{_leaf_in_words(node, ontology)}")
    return "\n".join(lines)


def _leaf_in_words(leaf: Leaf, ontology: Ontology | None) -> str:
    match leaf:
        case Comparison(_, operator, number):
            how_many = f"{operator.words} {number}"
        case InList(_, numbers, negated):
            how_many = f"{'any number but ' * negated}{', '.join(map(str, numbers[:-1]))}{' or ' * (len(numbers) > 1)}{numbers[-1]}"
        case InRange(_, low, high, negated):
            bounds = (
                f"from {low} to {high}"
                if None not in (low, high)
                else f"{low} or more"
                if high is None
                else f"up to {high}"
            )
            how_many = f"{'any number but ' * negated}{bounds}"
    job_key, category_key = leaf.operand.key
    job = ontology.jobs.get(job_key) if ontology else None
    category = job.categories.get(category_key) if job else None
    shown = f" ({category.name})" if category and category.name != category_key else ""
    title = f" ({job.title})" if job and job.title else ""
    return f"job `{job_key}`{title} has {how_many} of `{category_key}`{shown}"
