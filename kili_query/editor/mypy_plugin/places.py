"""Positions for mypy: from a part of a query to the line and column of the literal that holds it."""

from __future__ import annotations

import ast
import tokenize
from collections.abc import Iterator

from mypy.nodes import Context, StrExpr

from kili_query.editor.finding.embedded import Passage
from kili_query.editor.finding.literals import passage_at
from kili_query.editor.finding.python_names import Lines
from kili_query.errors import Span, line_and_column


class Literals:
    """The string literals of a source file, read once: literals joined by Python are one."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._places: dict[tuple[int, str], list[Span]] = {}
        self._defaults: dict[tuple[int, int], Span] = {}
        lines = Lines(source, 0)
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                self._places.setdefault((node.lineno, node.value), []).append(Span(*lines.span(node)))
            for annotation, value in _annotated(node):
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    names = (part for part in ast.walk(annotation) if isinstance(part, (ast.Name, ast.Attribute)))
                    span = Span(*lines.span(value))
                    self._defaults.update(((name.lineno, name.col_offset), span) for name in names)

    @classmethod
    def of_file(cls, path: str) -> Literals | None:
        """Those of a file; None if it cannot be read, or is of a newer Python than the one that runs mypy."""
        try:
            with tokenize.open(path) as file:
                return cls(file.read())
        except (OSError, SyntaxError, ValueError, RecursionError):
            return None

    def locate(self, literal: StrExpr, span: Span) -> Context | None:
        """The position of a part of a literal's text; None if the file is no longer the one that mypy has read."""
        passage = self._passage(literal)
        return None if passage is None or passage.text != literal.value else self.place(passage, span)

    def default(self, line: int, column: int) -> Passage | None:
        """The literal that a parameter or variable has from the start, by the position of a name in its annotation."""
        span = self._defaults.get((line, column))
        return passage_at(self._source, *span) if span else None

    def place(self, passage: Passage, span: Span) -> Context:
        """The position of a part of a passage of this file."""
        start, end = passage.locate(span)
        line, column = line_and_column(self._source, start)
        place = Context(line, column - 1)
        place.end_line, end_column = line_and_column(self._source, end)
        place.end_column = end_column - 1
        return place

    def _passage(self, literal: StrExpr) -> Passage | None:
        """By line and text: mypy's columns are not exact behind characters that are not ASCII."""
        places = self._places.get((literal.line, literal.value))
        if not places:
            return None
        bol = self._source.rfind("\n", 0, places[0].start) + 1
        nearest = min(places, key=lambda place: abs(place.start - bol - literal.column))
        return passage_at(self._source, *nearest)


def _annotated(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr | None]]:
    """The annotations of a statement, with the values that stand beside them."""
    if isinstance(node, ast.AnnAssign):
        yield node.annotation, node.value
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        given = node.args
        by_place = [*given.posonlyargs, *given.args]
        pairs = [*zip(reversed(by_place), reversed(given.defaults), strict=False)]
        for argument, value in (*pairs, *zip(given.kwonlyargs, given.kw_defaults, strict=True)):
            if argument.annotation:
                yield argument.annotation, value
