"""Queries in Python source that parses: which literals they are, found in its syntax tree."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Collection, Iterator
from itertools import islice
from typing import NamedTuple, TypeGuard

from kili_query.editor.finding.embedded import FILTERS, EmbeddedQuery, Found
from kili_query.editor.finding.literals import line_of_literals, literals, passage_at
from kili_query.editor.finding.python_names import Block, Given, Names, Scopes, Use, View, walk

DICTS = ("asset_filter_kwargs", "filter")
"""The arguments that are dicts of filters: in them, as in the dict of all arguments, the names of filters are keys."""
PARSERS = ("kili_query.parse", "kili_query.query.parse")
"""The functions whose first argument is a query."""
MARK = re.compile(r"#[ \t]*kili-query[ \t]*(?=$|#|\r|\n)", re.MULTILINE)
"""The comment that makes a query of the literal beside or below it."""

IN_DICT = "{}"
"""The context of a dict of filters."""
_WORDS = re.compile(r"category_search|asset_filter_kwargs|kili_query|filter[ \t]*=|\*\*[ \t]*[^\W\d]")
_READINGS = 100  # that are kept of a short block


def find_in_python(source: str) -> Found:
    """The queries of a source text; `Found.problem` says why there are none if it does not parse."""
    tree = parse_source(source.removeprefix("\ufeff"))
    if isinstance(tree, str):
        return Found(problem=tree)
    block = Block(source, tree)
    collected = Collected(Names([block]), Readings())
    collected.add(block)
    return collected.found()


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


class Wanted(NamedTuple):
    """A name of the module that stands where a query, or a dict with one, is expected."""

    name: str
    context: str
    project: str | None


class Reading:
    """What was read out of a block: offsets count from where the block starts."""

    def __init__(self) -> None:
        self.queries: dict[tuple[int, str | None], EmbeddedQuery] = {}
        self.marked: dict[int, EmbeddedQuery] = {}
        """Literals beside a mark, which are queries if nothing else says so."""
        self.unchecked: set[int] = set()
        self.wanted: dict[Wanted, set[int]] = {}
        """Names of the module whose values are queries, and where they stand."""
        self.asked: dict[str, tuple[Given, ...]] = {}
        self.imported = frozenset[str]()
        self._at = 0
        self._moved: list[EmbeddedQuery] | None = None

    def holds(self, names: Names) -> bool:
        """True if the module would give the same answers to what was asked."""
        if self.imported != names.imported:
            return False
        return not self.asked or all(names.given(name) == given for name, given in self.asked.items())

    def queries_at(self, start: int) -> list[EmbeddedQuery]:
        """The queries, of a block that starts there."""
        if self._moved is None or self._at != start:
            self._at, self._moved = start, [query.moved(start) for query in self.queries.values()]
        return self._moved


Question = tuple[ast.expr | None, Wanted | None]
"""What is read out of a block: all that it holds, or what one of its values holds for those who want it."""


class Readings:
    """What was read out of the blocks of a module, by block and question.

    Parameters
    ----------
    before: what was read the last time. Of a block that nobody asks about it is forgotten.
    """

    def __init__(self, before: Readings | None = None) -> None:
        self._before = before._blocks if before else {}
        self._blocks: dict[Block, dict[Question, Reading]] = {}

    def of(self, block: Block) -> dict[Question, Reading]:
        """What was read out of one block."""
        if block not in self._blocks:
            self._blocks[block] = self._before.get(block, {})
        return self._blocks[block]


class Collected:
    """What the blocks of a module hold together."""

    def __init__(self, names: Names, readings: Readings) -> None:
        self.names = names
        self._readings = readings
        self.wanted: dict[Wanted, set[int]] = {}
        self._queries: dict[tuple[int, str | None], EmbeddedQuery] = {}
        self._marked: list[tuple[int, EmbeddedQuery]] = []
        self._unchecked = set[int]()

    def add(self, block: Block, reading: Reading | None = None) -> None:
        """Take over what was read out of a block; without it the block is read, unless that is known."""
        reading = reading or self._read(block)
        if not (reading.queries or reading.unchecked or reading.wanted or reading.marked):
            return
        start = block.start
        for query in reading.queries_at(start):
            self._queries.setdefault((query.start, query.project), query)
        self._marked += ((start, query) for query in reading.marked.values())
        self._unchecked.update(start + offset for offset in reading.unchecked)
        for wanted, places in reading.wanted.items():
            self.wanted.setdefault(wanted, set()).update(start + offset for offset in places)

    def found(self, elsewhere: Collection[str] = ()) -> Found:
        """All of it, with what the names of the module stand for; the values of some names have been found elsewhere."""
        done = set[Wanted]()
        while todo := [wanted for wanted in self.wanted if wanted not in done]:
            for wanted in sorted(todo, key=lambda wanted: min(self.wanted[wanted], default=0)):
                done.add(wanted)
                for value, block in self._values(wanted.name) or ():
                    self.add(block, self._read(block, value, wanted))
        for wanted, places in self.wanted.items():
            known = self._values(wanted.name)
            if wanted.context != IN_DICT and (known is None or not (known or wanted.name in elsewhere)):
                self._unchecked |= places
        taken = {start for start, _ in self._queries}
        for start, query in self._marked:
            if start + query.start not in taken:
                self._queries.setdefault((start + query.start, None), query.moved(start))
        return Found(tuple(sorted(self._queries.values(), key=lambda query: query.start)), len(self._unchecked))

    def _values(self, name: str) -> list[tuple[ast.expr, Block]] | None:
        """What the module gives to a name; None if some of it only the running program knows."""
        given = self.names.given(name)
        values = [(bound, block) for bound, block in given if isinstance(bound, ast.expr)]
        return values if len(values) == len(given) else None

    def _read(self, block: Block, value: ast.expr | None = None, wanted: Wanted | None = None) -> Reading:
        """What a block holds; or, of a value in it, what that value holds for those who want it. Kept while it is true."""
        question, readings = (value, wanted), self._readings.of(block)
        reading = readings.get(question)
        if reading is None or not reading.holds(self.names):
            if len(readings) > _READINGS + len(block.source):
                readings.clear()  # of names and projects that were typed and are no more
            finder = _Finder(block, self.names)
            if value and wanted:
                finder.take_value(value, wanted)
            else:
                finder.run()
            reading = readings[question] = finder.reading
        return reading


class _Finder:
    """One look at one block. Only statements on lines that hold one of the words are visited."""

    def __init__(self, block: Block, names: Names) -> None:
        self.block = block
        self.view = View(names)
        self.reading = Reading()
        self.reading.asked = self.view.asked
        self.reading.imported = names.imported
        self._taken: set[tuple[ast.AST, Wanted]] = set()
        self._strings: list[ast.expr] = []
        self._named = set[ast.expr]()  # keys of dicts, whose values are the queries

    def run(self) -> None:
        """Find everything."""
        block, source = self.block, self.block.source
        imported = [name for name in self.reading.imported if ("parse" if name == "*" else name) in source]
        marks = [match.start() for match in MARK.finditer(source)]
        hits = {block.lines.of(match.start()) for match in _WORDS.finditer(source)}
        for name in imported:
            hits.update(block.lines_with("parse" if name == "*" else name))
        marked = {block.lines.of(at) for mark in marks for at in (mark, line_of_literals(source, mark))}
        tree = block.tree
        for node, scopes in walk(tree, (tree,), sorted(hits | marked)):
            if isinstance(node, ast.Call):
                self._call(node, scopes)
            elif marks and isinstance(node, ast.Dict):
                named = [key for key, value in zip(node.keys, node.values, strict=True) if key and _is_text(value)]
                self._named.update(named)
            elif marks and (isinstance(node, ast.JoinedStr) or _is_text(node)):
                self._strings.append(node)
        self._marked(marks)

    def take_value(self, value: ast.expr, wanted: Wanted) -> None:
        """Find what a value of the module holds for those who want it."""
        use = Use(value, (self.block.tree,))
        if wanted.context == IN_DICT:
            self._take_entries(use, wanted.project)
        else:
            self._take(use, wanted.context, wanted.project)

    def _call(self, call: ast.Call, scopes: Scopes) -> None:
        project = self._project(call, scopes)
        for keyword in call.keywords:
            if keyword.arg in FILTERS:
                self._take(Use(keyword.value, scopes), keyword.arg, project)
            elif keyword.arg is None or keyword.arg in DICTS:
                self._take_entries(Use(keyword.value, scopes), project)
        if self._is_parser(call, scopes):
            texts = call.args[:1] or [keyword.value for keyword in call.keywords if keyword.arg == "text"]
            for text in texts:
                self._take(Use(text, scopes), "parse", None)

    def _is_parser(self, call: ast.Call, scopes: Scopes) -> bool:
        return bool(self.reading.imported) and self.view.target(call.func, scopes, self.block) in PARSERS

    def _project(self, call: ast.Call, scopes: Scopes) -> str | None:
        given = [keyword.value for keyword in call.keywords if keyword.arg == "project_id"] or call.args[:1]
        values = (use.value for value in given for use in self._values(Use(value, scopes), through=True))
        match list(islice(values, 2)):
            case [ast.Constant(value=str(project))]:
                return project
        return None

    def _take_entries(self, given: Use, project: str | None) -> None:
        todo, seen = [given], set[ast.expr]()
        while todo:
            for use in self._values(todo.pop()):
                if isinstance(use.value, ast.Name) and not use.scopes:
                    self._want(use.value, IN_DICT, project)
                elif isinstance(use.value, ast.Dict) and use.value not in seen:
                    seen.add(use.value)
                    for key, value in zip(use.value.keys, use.value.values, strict=True):
                        name = key.value if isinstance(key, ast.Constant) else None
                        if name in FILTERS:
                            self._take(Use(value, use.scopes), str(name), project)
                        elif key is None or name in DICTS:
                            todo.append(Use(value, use.scopes))

    def _values(self, given: Use, *, through: bool = False) -> Iterator[Use]:
        """What an expression can be: both sides of a choice, what a constant was given.

        A name of the module is given as a use without scopes; or, `through`, as what the module gives to it.
        """
        todo, seen = [given], set[tuple[ast.AST | None, str]]()
        while todo:
            value, scopes = todo.pop()
            match value:
                case ast.IfExp(body=first, orelse=second):
                    todo += Use(second, scopes), Use(first, scopes)
                case ast.BoolOp(values=sides):
                    todo += (Use(one, scopes) for one in reversed(sides))
                case ast.NamedExpr(value=inner):
                    todo.append(Use(inner, scopes))
                case ast.Name(id=name):
                    bound, around = self.view.resolve(name, scopes, self.block)
                    values = [(one, block) for one, block in bound if isinstance(one, ast.expr)]
                    if not around and not through:
                        yield Use(value, ())
                    elif not values or len(values) < len(bound):
                        yield Use(value, scopes)
                    elif (key := (around[-1] if around else None, name)) not in seen:
                        seen.add(key)
                        todo += (Use(one, around or (block.tree,)) for one, block in reversed(values))
                case _:
                    yield Use(value, scopes)

    def _take(self, given: Use, context: str, project: str | None) -> None:
        if isinstance(given.value, ast.Name):
            bound, around = self.view.resolve(given.value.id, given.scopes, self.block)
            if around:
                use = around[-1], Wanted(given.value.id, context, project)
                if use in self._taken:
                    return
                if all(isinstance(one.bound, ast.expr) for one in bound):  # else each use is one not checked
                    self._taken.add(use)
        for value, scopes in self._values(given):
            match value:
                case ast.Name() if not scopes:
                    self._want(value, context, project)
                case ast.Constant(value=str()):
                    self._add(value, context, project)
                case ast.Constant(value=None) | ast.Compare() | ast.UnaryOp():
                    pass  # no query; or one that is built, not written
                case ast.BinOp(op=ast.BitAnd() | ast.BitOr()):
                    pass
                case ast.Call() if self._is_parser(value, scopes):
                    pass  # its argument is found by itself
                case _:
                    self.reading.unchecked.add(self.block.lines.span(value)[0])

    def _want(self, name: ast.Name, context: str, project: str | None) -> None:
        places = self.reading.wanted.setdefault(Wanted(name.id, context, project), set())
        places.add(self.block.lines.span(name)[0])

    def _add(self, literal: ast.Constant, context: str, project: str | None) -> None:
        start, end = self.block.lines.span(literal)
        if (start, project) not in self.reading.queries:
            query = self._query(literal, start, end, context, project)
            if query:
                self.reading.queries[start, project] = query

    def _query(
        self, literal: ast.Constant, start: int, end: int, context: str, project: str | None
    ) -> EmbeddedQuery | None:
        passage = passage_at(self.block.source, start, end)
        if passage is None or passage.text != literal.value:  # inside an f-string older Pythons give no exact place
            self.reading.unchecked.add(start)
            return None
        return EmbeddedQuery(passage.text, passage.offsets, context, start, end, passage, project=project)

    def _marked(self, marks: list[int]) -> None:
        """Literals beside or below a mark. What stands in a literal, or in an f-string, is no comment."""
        on_line: dict[int, list[ast.expr]] = {}
        bodies: dict[ast.expr, list[tuple[int, int]]] = {}
        for text in self._strings:
            bodies[text] = [part.span() for part in literals(self.block.source, *self.block.lines.span(text))]
            for line in range(text.lineno, (text.end_lineno or text.lineno) + 1):
                on_line.setdefault(line, []).append(text)
        for mark in marks:
            line = self.block.lines.of(mark)
            beside = on_line.get(line, [])
            if any(start <= mark < end for text in beside for start, end in bodies[text]):
                continue
            other = self.block.lines.of(line_of_literals(self.block.source, mark))
            below = [text for text in on_line.get(other, []) if text.lineno == other] if other > line else []
            for text in (*beside, *below):
                if text in self._named:
                    continue
                if isinstance(text, ast.Constant) and isinstance(text.value, str):
                    start, end = self.block.lines.span(text)
                    if query := self._query(text, start, end, "marked", None):
                        self.reading.marked[start] = query
                else:
                    self.reading.unchecked.add(self.block.lines.span(text)[0])


def _is_text(node: ast.AST) -> TypeGuard[ast.Constant]:
    return isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes))
