"""Plain English for queries: what each comparison means, with the display names of the ontology."""

from __future__ import annotations

from collections.abc import Callable

from kili_query.lang.ast import And, Comparison, Count, InList, InRange, Leaf, Node, Not, Operand, Or
from kili_query.lang.numbers import number_to_text
from kili_query.model.ontology import Ontology


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
    ((job_key, category_key),) = leaf.operand.keys
    one = isinstance(leaf, Comparison) and leaf.number == 1
    holder, what = "the label has", " object" if one else " objects"
    if job_key is not None:
        job = ontology.jobs.get(job_key) if ontology else None
        title = f" ({name(job.title)})" if job and job.title else ""
        holder = f"job {key(job_key)}{title} has"
    if category_key is not None:
        names = {
            job.categories[category_key].name
            for job in (ontology.jobs.values() if ontology else ())
            if job_key in (None, job.key) and category_key in job.categories
        } - {category_key}
        what = f" of {key(category_key)}" + (f" ({name(names.pop())})" if len(names) == 1 else "")
    return f"{holder} {how_many}{what}{_of_all(leaf.operand)}"


def _of_all(operand: Operand) -> str:
    """What the `*` of a total adds up."""
    if isinstance(operand, Count):
        return ""
    return " in all jobs together" if operand.job is None else " of all categories together"
