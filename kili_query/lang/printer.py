"""Trees become text: the canonical line, and the same broken over lines."""

from __future__ import annotations

from kili_query.lang.ast import And, Comparison, Count, InList, InRange, Leaf, Node, Not, Or, children, fold
from kili_query.lang.numbers import number_to_text
from kili_query.model.ontology import is_plain_name


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
    # (prefix, node, suffix, indentation), or a finished line
    todo: list[tuple[str, Node | None, str, int]] = [("", root, "", 0)]
    while todo:
        prefix, node, suffix, depth = todo.pop()
        margin = "  " * depth
        if node is None:
            lines.append(margin + prefix)
        elif isinstance(node, Leaf) or len(margin) + len(prefix) + widths[id(node)] + len(suffix) <= width:
            lines.append(margin + prefix + to_text(node) + suffix)
        elif isinstance(node, Not):
            todo.append((prefix + "NOT ", node.item, suffix, depth) if not isinstance(node.item, (And, Or)) else
                        (prefix + "NOT (", node.item, ")" + suffix, depth))  # fmt: skip
        elif prefix.endswith("(") or (suffix.startswith(")") and prefix):
            todo.append((suffix, None, "", depth))
            todo.append(("", node, "", depth + 1))
            lines.append(margin + prefix)
        else:
            word, wrap = ("AND ", Or) if isinstance(node, And) else ("OR ", type(None))
            rows = []
            for i, item in enumerate(node.items):
                start = word if i else ""
                end = suffix if i == len(node.items) - 1 else ""
                rows.append(
                    (start + "(", item, ")" + end, depth) if isinstance(item, wrap) else (start, item, end, depth)
                )
            todo += reversed(rows)
    return "\n".join(lines)


def _width(node: Node, below: list[int]) -> int:
    if isinstance(node, Not):
        return len("NOT ") + below[0] + 2 * isinstance(node.item, (And, Or))
    if isinstance(node, And):
        return sum(below) + len(" AND ") * (len(below) - 1) + 2 * sum(isinstance(item, Or) for item in node.items)
    return sum(below) + len(" OR ") * (len(children(node)) - 1)


def leaf_to_text(leaf: Leaf) -> str:
    """The canonical text of one comparison."""
    operand = operand_to_text(leaf.operand)
    match leaf:
        case Comparison(_, operator, number):
            return f"{operand} {operator.symbol} {number_to_text(number)}"
        case InList(_, numbers, negated):
            return f"{operand} {'NOT ' * negated}IN ({', '.join(map(number_to_text, numbers))})"
        case InRange(_, low, high, negated):
            start, end = ("" if bound is None else number_to_text(bound) for bound in (low, high))
            return f"{operand} {'NOT ' * negated}IN {start}..{end}"


def operand_to_text(operand: Count) -> str:
    """`JOB.CATEGORY.count`, names quoted where they must be."""
    return f"{name_to_text(operand.job)}.{name_to_text(operand.category)}.count"


def name_to_text(name: str) -> str:
    r"""A key as it is written in a query: plain if it can be, else in quotes.

    >>> name_to_text('the "big" one')
    '"the \\"big\\" one"'
    """
    if is_plain_name(name):
        return name
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
