"""The printers: trees become text, as one canonical line or broken over lines."""

from __future__ import annotations

from typing import NamedTuple

from kili_query.lang.ast import And, Comparison, InList, InRange, Leaf, Node, Not, Or, children, fold
from kili_query.lang.numbers import number_to_text


def to_text(root: Node) -> str:
    """The canonical text: one space around operators and keywords, no parenthesis that is not needed.

    >>> from kili_query.lang.parser import parse_tree
    >>> to_text(parse_tree("((A.B.count>+01)AND C.D.count==2)"))
    'A.B.count > 1 AND C.D.count == 2'
    """
    parts: list[str] = []
    todo: list[Node | str] = [root]
    while todo:
        node = todo.pop()
        match node:
            case str():
                parts.append(node)
            case Not(item):
                parts.append("NOT ")
                todo += _wrapped(item, isinstance(item, (And, Or)))
            case And(items):
                todo += _joined(items, " AND ", Or)
            case Or(items):
                todo += _joined(items, " OR ", ())
            case _:
                parts.append(leaf_to_text(node))
    return "".join(parts)


def _joined(items: tuple[Node, ...], word: str, wrap: type | tuple[type, ...]) -> list[Node | str]:
    """What is left to print, the last first."""
    todo: list[Node | str] = []
    for item in reversed(items):
        todo += _wrapped(item, isinstance(item, wrap))
        todo.append(word)
    todo.pop()
    return todo


def _wrapped(item: Node, wrap: bool) -> list[Node | str]:
    return [")", item, "("] if wrap else [item]


def to_lines(root: Node, width: int = 88) -> str:
    """The canonical text broken over lines where it is longer than `width` columns; white space alone differs.

    >>> from kili_query.lang.parser import parse_tree
    >>> print(to_lines(parse_tree("A.B.count > 1 AND (C.D.count > 1 OR E.F.count > 1)"), width=30))
    A.B.count > 1
    AND (
      C.D.count > 1
      OR E.F.count > 1
    )
    """
    # the width of every node on one line, by identity: equal nodes may stand in many places
    widths: dict[int, int] = {}

    def measure(node: Node, below: int) -> int:
        widths[id(node)] = below
        return below

    fold(
        root,
        lambda leaf: measure(leaf, len(leaf_to_text(leaf))),
        lambda node, below: measure(node, _width(node, below)),
    )
    lines: list[str] = []
    todo = [_Row(root)]
    while todo:
        row = todo.pop()
        node, margin = row.node, "  " * row.depth
        if node is None:
            lines.append(margin + row.before)
        elif len(margin) + len(row.before) + widths[id(node)] + len(row.after) <= width or isinstance(node, Leaf):
            lines.append(margin + row.before + to_text(node) + row.after)
        elif isinstance(node, Not):
            wrap = isinstance(node.item, (And, Or))
            todo.append(_Row(node.item, f"{row.before}NOT {'(' * wrap}", ")" * wrap + row.after, row.depth))
        elif row.before.endswith("("):  # the group between its parentheses, on lines of its own
            lines.append(margin + row.before)
            todo += (_Row(None, row.after, "", row.depth), _Row(node, "", "", row.depth + 1))
        else:
            todo += reversed(_rows(node, row))
    return "\n".join(lines)


class _Row(NamedTuple):
    """What is left to print: a node with the text before and after it, or (None) a text alone."""

    node: Node | None
    before: str = ""
    after: str = ""
    depth: int = 0
    hanging: bool = False
    """An AND inside an OR: its lines after the first stand further in."""


def _rows(node: And | Or, row: _Row) -> list[_Row]:
    """A row for each item of a group."""
    word = "AND " if isinstance(node, And) else "OR "
    rows = []
    for i, item in enumerate(node.items):
        before = word if i else row.before
        after = row.after if i == len(node.items) - 1 else ""
        depth = row.depth + (i > 0 and row.hanging)
        if isinstance(node, And) and isinstance(item, Or):
            rows.append(_Row(item, before + "(", ")" + after, depth))
        else:
            rows.append(_Row(item, before, after, depth, hanging=isinstance(item, And)))
    return rows


def _width(node: Node, below: list[int]) -> int:
    if isinstance(node, Not):
        return len("NOT ") + below[0] + 2 * isinstance(node.item, (And, Or))
    if isinstance(node, And):
        return sum(below) + len(" AND ") * (len(below) - 1) + 2 * sum(isinstance(item, Or) for item in node.items)
    return sum(below) + len(" OR ") * (len(children(node)) - 1)


def leaf_to_text(leaf: Leaf) -> str:
    """The canonical text of one comparison."""
    operand = leaf.operand.text
    match leaf:
        case Comparison(_, operator, number):
            return f"{operand} {operator.symbol} {number_to_text(number)}"
        case InList(_, numbers, negated):
            return f"{operand} {'NOT ' * negated}IN ({', '.join(map(number_to_text, numbers))})"
        case InRange(_, low, high, negated):
            start, end = ("" if bound is None else number_to_text(bound) for bound in (low, high))
            return f"{operand} {'NOT ' * negated}IN {start}..{end}"
