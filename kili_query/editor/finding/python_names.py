"""Names in Python source: which values, or which imports, they stand for."""

from __future__ import annotations

import ast
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

PACKAGE = "kili_query"

Scopes = tuple[ast.AST, ...]
"""The module, and the classes and functions around a position, the outermost first."""

_SCOPES = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_BREAK = re.compile(r"\r\n|\r|\n")


class Import(NamedTuple):
    """A name that an import binds: what it stands for, with dots."""

    target: str


Bound = ast.expr | Import | None
"""What a name is given: a value, an import, or (None) something that only the running program knows."""


class Lines:
    """Positions of Python's tree, which count bytes of UTF-8 in lines, as offsets in code points.

    Parameters
    ----------
    start: where the first line starts.
    line: its number in the tree.
    """

    def __init__(self, source: str, start: int, line: int = 1) -> None:
        self.source = source
        self.starts = [*[start] * line, *(match.end() for match in _BREAK.finditer(source))]
        self.ascii = source.isascii()

    def offset(self, line: int, column: int) -> int:
        """The offset of a position: a line from 1, a column in bytes from 0."""
        start = self.starts[line - 1]
        if self.ascii:
            return start + column
        end = self.starts[line] if line < len(self.starts) else len(self.source)
        written = self.source[start:end]
        return start + (column if written.isascii() else len(written.encode()[:column].decode(errors="ignore")))

    def span(self, node: ast.expr) -> tuple[int, int]:
        """Where an expression starts and ends."""
        start = self.offset(node.lineno, node.col_offset)
        return start, self.offset(node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)

    def of(self, offset: int) -> int:
        """The number of the line, from 1."""
        return bisect_left(self.starts, offset + 1)


class Block:
    """Statements that were parsed together: those of a whole source, or some that follow each other in it.

    Parameters
    ----------
    source: the text of the statements, of whole lines.
    tree: what they are; None if they do not parse.
    line: the number of the first line in the tree.
    """

    def __init__(self, source: str, tree: ast.Module | None, line: int = 1) -> None:
        self.source = source
        self.tree = tree or ast.Module([], [])
        self.parses = tree is not None
        self._line = line
        self.start = 0
        """Where the block starts in its document, at the moment."""
        self._bound: dict[tuple[ast.AST, str], tuple[Bound, ...]] = {}
        self._words: dict[str, list[int]] = {}

    @cached_property
    def lines(self) -> Lines:
        """The lines of the block."""
        return Lines(self.source, int(self.source.startswith("\ufeff")), self._line)

    @cached_property
    def imported(self) -> frozenset[str]:
        """The names that imports of this package, or from it, bind anywhere; `*` among them."""
        if PACKAGE not in self.source:
            return frozenset()
        nodes = (node for node, _ in walk(self.tree, (self.tree,), self.lines_with(PACKAGE)))
        return frozenset(name for node in nodes for name, target in _imported(node) if target.split(".")[0] == PACKAGE)

    def lines_with(self, word: str) -> list[int]:
        """The lines that hold a word, in rising order."""
        if word not in self._words:
            self._words[word] = sorted({self.lines.of(at) for at in _places(word, self.source)})
        return self._words[word]

    def bound(self, scope: ast.AST, name: str) -> tuple[Bound, ...]:
        """All that a scope gives to a name."""
        if name not in self.source:
            return ()
        if (scope, name) not in self._bound:
            self._bound[scope, name] = tuple(_bindings(scope, name, self.lines_with(name)))
        return self._bound[scope, name]


class Given(NamedTuple):
    """What a name is given, and in which block."""

    bound: Bound
    block: Block


class Names:
    """The names of a module, in one block or many.

    Parameters
    ----------
    blocks: those that parse.
    before: the names as they were before some of the blocks changed: what cannot have changed is taken over.
    """

    def __init__(self, blocks: Sequence[Block], before: Names | None = None) -> None:
        self.blocks = blocks
        self.imported = frozenset[str]().union(*(block.imported for block in blocks))
        self._given: dict[str, tuple[Given, ...]] = {}
        if before is not None:
            texts = [block.source for block in _changed(before.blocks, blocks)]
            for name, given in before._given.items():
                if not any(name in text for text in texts):
                    self._given[name] = given

    def given(self, name: str) -> tuple[Given, ...]:
        """All that the module gives to a name."""
        if name not in self._given:
            self._given[name] = tuple(
                Given(bound, block) for block in self.blocks for bound in block.bound(block.tree, name)
            )
        return self._given[name]


def _changed(old: Sequence[Block], new: Sequence[Block]) -> Sequence[Block]:
    """The blocks, of both rows, between those that the rows begin and end with in common."""
    least = min(len(old), len(new))
    first = next((i for i in range(least) if old[i] is not new[i]), least)
    rest = least - first
    last = next((i for i in range(rest) if old[-1 - i] is not new[-1 - i]), rest)
    return [*old[first : len(old) - last], *new[first : len(new) - last]]


class Use(NamedTuple):
    """An expression, where it stands."""

    value: ast.expr
    scopes: Scopes


class View:
    """The names of a module as a block sees them. What it asks of the module is kept: as long as the answers are the same,
    so is all that was made of them.
    """

    def __init__(self, names: Names) -> None:
        self.names = names
        self.asked: dict[str, tuple[Given, ...]] = {}

    def resolve(self, name: str, scopes: Scopes, block: Block) -> tuple[Sequence[Given], Scopes]:
        """All that a name can stand for, and the scopes of the position where it is bound; none: it is the module's."""
        for depth in range(len(scopes), 1, -1):
            if isinstance(scopes[depth - 1], ast.ClassDef) and depth < len(scopes):
                continue  # functions do not see the names of the class around them
            found = block.bound(scopes[depth - 1], name)
            if found:
                return [Given(bound, block) for bound in found], scopes[:depth]
        self.asked[name] = self.names.given(name)
        return self.asked[name], ()

    def target(self, function: ast.expr, scopes: Scopes, block: Block) -> str | None:
        """The dotted name of what an expression stands for, if it was imported."""
        attributes: list[str] = []
        while isinstance(function, ast.Attribute):
            attributes.append(function.attr)
            function = function.value
        if not isinstance(function, ast.Name):
            return None
        bound = [given.bound for given in self.resolve(function.id, scopes, block)[0]]
        stars = [] if bound else [given.bound for given in self.resolve("*", scopes[:1], block)[0]]
        targets = {f"{one.target.removesuffix('*')}{function.id}" for one in stars if isinstance(one, Import)}
        targets |= {one.target if isinstance(one, Import) else "" for one in bound if not _is_none(one)}
        return ".".join([*targets, *reversed(attributes)]) if len(targets) == 1 else None


def walk(root: ast.AST, scopes: Scopes, lines: Sequence[int]) -> Iterator[tuple[ast.AST, Scopes]]:
    """The nodes that touch one of the lines, which are in rising order, in source order, each with the scopes around it."""
    todo = [(root, scopes)]
    while todo:
        node, scopes = todo.pop()
        yield node, scopes
        if isinstance(node, _SCOPES) and node is not scopes[-1]:
            scopes = (*scopes, node)
        todo += ((child, scopes) for child in reversed([*_children(node, lines)]))


def _children(node: ast.AST, lines: Sequence[int]) -> Iterator[ast.AST]:
    """The children that stand on one of the lines, or do not say where they stand."""
    for _, value in ast.iter_fields(node):
        if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
            yield from _statements(value, lines)
            continue
        for child in value if isinstance(value, list) else (value,):
            # the constants of an f-string are parts of a text, not texts
            if isinstance(child, ast.AST) and not (isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant)):
                first = getattr(child, "lineno", None)
                index = bisect_left(lines, first or 0)
                if first is None or (index < len(lines) and lines[index] <= _last_line(child)):
                    yield child


def _statements(block: Sequence[ast.stmt], lines: Sequence[int]) -> Iterator[ast.stmt]:
    """The statements of a block that stand on one of the lines. The others are not even looked at: there may be many."""
    at = 0
    while at < len(block):
        statement = block[at]
        first = min(node.lineno for node in (statement, *getattr(statement, "decorator_list", ())))
        index = bisect_left(lines, first)
        if index == len(lines):
            return
        if lines[index] <= _last_line(statement):
            yield statement
            at += 1
        else:
            at = bisect_left(block, lines[index], at + 1, key=_last_line)


def _last_line(node: ast.AST) -> int:
    return getattr(node, "end_lineno", 0) or getattr(node, "lineno", 0)


def _places(word: str, source: str) -> Iterator[int]:
    """Where a word stands. To search for plain characters is many times faster than for the edges of words."""
    whole = word.isidentifier()
    at = source.find(word)
    while at >= 0:
        end = at + len(word)
        around = source[max(at - 1, 0) : at] + source[end : end + 1]
        if not whole or not re.search(r"\w", around):
            yield at
        at = source.find(word, end)


def _is_none(value: ast.expr | Import | None) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def _imported(node: ast.AST) -> Iterator[tuple[str, str]]:
    """The names that an import binds, each with what it stands for."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            root = alias.name.partition(".")[0]
            yield (alias.asname, alias.name) if alias.asname else (root, root)
    elif isinstance(node, ast.ImportFrom):
        module = node.module if node.module and not node.level else ""
        for alias in node.names:
            yield alias.asname or alias.name, f"{module}.{alias.name}"


def _bindings(scope: ast.AST, name: str, lines: Sequence[int]) -> Iterator[Bound]:
    simple = set[ast.AST]()  # targets whose value is known
    for node, scopes in walk(scope, (scope,), lines):
        if scopes != (scope,):
            continue  # of another scope inside
        yield from (Import(target) for bound, target in _imported(node) if bound == name)
        match node:
            case ast.Assign(targets=targets, value=value):
                plain = [target for target in targets if isinstance(target, ast.Name) and target.id == name]
                simple.update(plain)
                yield from [value] * len(plain)
            case ast.AnnAssign(target=ast.Name(id=bound)) | ast.NamedExpr(target=ast.Name(id=bound)) if bound == name:
                simple.add(node.target)
                yield from [node.value] if node.value is not None else []
            case ast.Name(id=bound, ctx=ast.Store() | ast.Del()) if bound == name and node not in simple:
                yield None
            case ast.FunctionDef(name=bound) | ast.AsyncFunctionDef(name=bound) | ast.ClassDef(name=bound):
                yield from [None] * (bound == name and node is not scope)
            case ast.arg(arg=bound):
                yield from [None] * (bound == name)
            case ast.ExceptHandler(name=given) | ast.MatchAs(name=given) | ast.MatchStar(name=given):
                yield from [None] * (given == name)
            case ast.MatchMapping(rest=given):
                yield from [None] * (given == name)
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                yield from [None] * (name in names)
