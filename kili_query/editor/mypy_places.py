"""Where mypy is to point: from a part of a query to the line and column of the literal that holds it."""

from __future__ import annotations

import ast
import tokenize

from mypy.nodes import Context, StrExpr

from kili_query.editor.embedded import Passage
from kili_query.editor.literals import passage_at
from kili_query.editor.python_names import Lines
from kili_query.errors import Span, line_and_column


class Literals:
    """The string literals of a source file, read once: literals joined by Python are one."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._places: dict[tuple[int, str], list[Span]] = {}
        lines = Lines(source, 0)
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                self._places.setdefault((node.lineno, node.value), []).append(Span(*lines.span(node)))

    @classmethod
    def of_file(cls, path: str) -> Literals | None:
        """Those of a file; None if it cannot be read, or is of a newer Python than the one that runs mypy."""
        try:
            with tokenize.open(path) as file:
                return cls(file.read())
        except (OSError, SyntaxError, ValueError, RecursionError):
            return None

    def locate(self, literal: StrExpr, span: Span) -> Context | None:
        """The place of a part of a literal's text; None if the file is no longer the one that mypy has read."""
        passage = self._passage(literal)
        if passage is None or passage.text != literal.value:
            return None
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
