"""Queries in Python source that parses: which literals they are, found in its syntax tree."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from typing import NamedTuple, TypeGuard

from kili_query.editor.embedded import FILTERS, EmbeddedQuery, Found
from kili_query.editor.literals import literals, passage_at
from kili_query.editor.python_names import Lines, Names, Scopes, walk

KEYS = ("label_category_search",)
"""The keys that are queries in the argument `asset_filter_kwargs`."""
PARSERS = ("kili_query.parse", "kili_query.query.parse")
"""The functions whose first argument is a query."""
MARK = re.compile(r"#[ \t]*kili-query[ \t]*(?=$|#|\r|\n)", re.MULTILINE)
"""The comment that makes a query of the literal beside or below it."""

_WORDS = re.compile(r"category_search|asset_filter_kwargs|kili_query")


class _Use(NamedTuple):
    """An expression that stands where a query is expected."""

    value: ast.expr
    scopes: Scopes


def find_in_python(source: str) -> Found:
    """The queries of a source text; `Found.problem` says why there are none if it does not parse."""
    bom = source.startswith("\ufeff")
    tree = parse_source(source.removeprefix("\ufeff"))
    if isinstance(tree, str):
        return Found(problem=tree)
    finder = _Finder(source, tree, start=int(bom))
    finder.run()
    queries = sorted(finder.queries.values(), key=lambda query: query.start)
    return Found(tuple(queries), len(finder.unchecked))


def parse_source(source: str) -> ast.Module | str:
    """The syntax tree of a source text, or why there is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Python says of escapes is not ours to tell
            return ast.parse(source)
    except SyntaxError as error:
        line = f", line {error.lineno}" if error.lineno else ""
        return f"does not parse as Python{line}: {error.msg}"
    except ValueError as error:
        return f"does not parse as Python: {error}"
    except (RecursionError, MemoryError):
        return "does not parse as Python: nested too deep"


class _Finder:
    """One look at one source. Only statements on lines that hold one of the words are visited."""

    def __init__(self, source: str, tree: ast.Module, start: int) -> None:
        self.source = source
        self.lines = Lines(source, start)
        self.names = Names(source, tree, self.lines)
        self.queries: dict[tuple[int, str | None], EmbeddedQuery] = {}
        self.unchecked: set[int] = set()
        self._taken: set[tuple[ast.AST, str, str, str | None]] = set()
        self._strings: list[ast.expr] = []
        self._imports = "kili_query" in source

    def run(self) -> None:
        """Find everything."""
        tree = self.names.tree
        marks = [match.start() for match in MARK.finditer(self.source)]
        marked = {self.lines.of(mark) for mark in marks}
        hits = {self.lines.of(match.start()) for match in _WORDS.finditer(self.source)}
        if self._imports:
            for name in self.names.imported_from("kili_query"):
                hits.update(self.names.lines_with("parse" if name == "*" else name))
        for node, scopes in walk(tree, (tree,), sorted(hits | marked | {n + 1 for n in marked})):
            if isinstance(node, ast.Call):
                self._call(node, scopes)
            elif marks and (isinstance(node, ast.JoinedStr) or _is_text(node)):
                self._strings.append(node)
        self._marked(marks)

    def _call(self, call: ast.Call, scopes: Scopes) -> None:
        project = self._project(call, scopes)
        for keyword in call.keywords:
            if keyword.arg in FILTERS:
                self._take(_Use(keyword.value, scopes), keyword.arg, project)
            elif keyword.arg == "asset_filter_kwargs":
                for key, use in self._entries(_Use(keyword.value, scopes)):
                    self._take(use, key, project)
        if self._is_parser(call, scopes):
            texts = call.args[:1] or [keyword.value for keyword in call.keywords if keyword.arg == "text"]
            for text in texts:
                self._take(_Use(text, scopes), "parse", None)

    def _is_parser(self, call: ast.Call, scopes: Scopes) -> bool:
        return self._imports and self.names.target(call.func, scopes) in PARSERS

    def _project(self, call: ast.Call, scopes: Scopes) -> str | None:
        given = [keyword.value for keyword in call.keywords if keyword.arg == "project_id"] or call.args[:1]
        texts = [use.value for value in given for use in self._values(_Use(value, scopes))]
        match texts:
            case [ast.Constant(value=str(project))]:
                return project
        return None

    def _entries(self, given: _Use) -> Iterator[tuple[str, _Use]]:
        for use in self._values(given):
            if isinstance(use.value, ast.Dict):
                for key, value in zip(use.value.keys, use.value.values, strict=True):
                    if isinstance(key, ast.Constant) and key.value in KEYS:
                        yield str(key.value), _Use(value, use.scopes)

    def _values(self, given: _Use) -> Iterator[_Use]:
        """What an expression can be: both sides of a choice, what a constant was given."""
        todo, seen = [given], set[tuple[ast.AST, str]]()
        while todo:
            value, scopes = todo.pop()
            match value:
                case ast.IfExp(body=first, orelse=second):
                    todo += _Use(second, scopes), _Use(first, scopes)
                case ast.BoolOp(values=sides):
                    todo += (_Use(one, scopes) for one in reversed(sides))
                case ast.NamedExpr(value=inner):
                    todo.append(_Use(inner, scopes))
                case ast.Name(id=name):
                    bound, around = self.names.resolve(name, scopes)
                    values = [one for one in bound if isinstance(one, ast.expr)]
                    if not values or len(values) < len(bound):
                        yield _Use(value, scopes)
                    elif (around[-1], name) not in seen:
                        seen.add((around[-1], name))
                        todo += (_Use(one, around) for one in reversed(values))
                case _:
                    yield _Use(value, scopes)

    def _take(self, given: _Use, context: str, project: str | None) -> None:
        if isinstance(given.value, ast.Name):
            bound, around = self.names.resolve(given.value.id, given.scopes)
            use = around[-1], given.value.id, context, project
            if use in self._taken:
                return
            if bound and all(isinstance(value, ast.expr) for value in bound):  # else each use is one not checked
                self._taken.add(use)
        for value, scopes in self._values(given):
            match value:
                case ast.Constant(value=str()):
                    self._add(value, context, project)
                case ast.Constant(value=None) | ast.Compare() | ast.UnaryOp():
                    pass  # no query; or one that is built, not written
                case ast.BinOp(op=ast.BitAnd() | ast.BitOr()):
                    pass
                case ast.Call() if self._is_parser(value, scopes):
                    pass  # its argument is found by itself
                case _:
                    self.unchecked.add(self.lines.span(value)[0])

    def _add(self, literal: ast.Constant, context: str, project: str | None) -> None:
        start, end = self.lines.span(literal)
        passage = passage_at(self.source, start, end)
        if passage is None or passage.text != literal.value:  # inside an f-string older Pythons give no exact place
            self.unchecked.add(start)
            return
        query = EmbeddedQuery(passage.text, passage.offsets, context, start, end, passage, project=project)
        self.queries.setdefault((start, project), query)

    def _marked(self, marks: list[int]) -> None:
        """Literals beside or below a mark. What stands in a literal, or in an f-string, is no comment."""
        on_line: dict[int, list[ast.expr]] = {}
        bodies: dict[ast.expr, list[tuple[int, int]]] = {}
        for text in self._strings:
            bodies[text] = [part.span() for part in literals(self.source, *self.lines.span(text))]
            for line in range(text.lineno, (text.end_lineno or text.lineno) + 1):
                on_line.setdefault(line, []).append(text)
        taken = {start for start, _ in self.queries}
        for mark in marks:
            line = self.lines.of(mark)
            beside = on_line.get(line, [])
            if any(start <= mark < end for text in beside for start, end in bodies[text]):
                continue
            alone = not self.source[self.lines.starts[line - 1] : mark].strip()
            below = [text for text in on_line.get(line + 1, []) if text.lineno == line + 1] if alone else []
            for text in (*beside, *below):
                if isinstance(text, ast.Constant) and isinstance(text.value, str):
                    if self.lines.span(text)[0] not in taken:
                        self._add(text, "marked", None)
                else:
                    self.unchecked.add(self.lines.span(text)[0])


def _is_text(node: ast.AST) -> TypeGuard[ast.Constant]:
    return isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes))
