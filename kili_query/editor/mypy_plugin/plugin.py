"""The mypy plugin: literal queries are parsed, and checked against the ontology of the file that holds them.

A parameter takes a query if it is annotated `CategoryQuery`, as that of `kili_query.parse` is, or if it is one of the
filters of the SDK. Enabled by `plugins = ["kili_query.editor.mypy_plugin"]` in mypy's settings.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

from mypy.errorcodes import ErrorCode
from mypy.nodes import (
    AssignmentStmt,
    CallExpr,
    Context,
    Decorator,
    DictExpr,
    Expression,
    MypyFile,
    NameExpr,
    RefExpr,
    StrExpr,
    SymbolNode,
    TypeInfo,
    Var,
)
from mypy.plugin import AnalyzeTypeContext, FunctionSigContext, MethodSigContext, Plugin, ReportConfigContext
from mypy.typeops import try_getting_str_literals
from mypy.types import (
    CallableType,
    FunctionLike,
    Overloaded,
    Type,
    TypeAliasType,
    UnionType,
    flatten_nested_unions,
    get_proper_type,
)

from kili_query.editor.finding.embedded import FILTERS
from kili_query.editor.finding.python_source import DICTS
from kili_query.editor.mypy_plugin.places import Literals
from kili_query.editor.mypy_plugin.settings import Settings
from kili_query.errors import Diagnostic, Severity, line_and_column

CODE = ErrorCode("kili-query", "Check category queries", "kili_query")
"""What stands in brackets behind each message: `# type: ignore[kili-query]` silences it."""

ALIAS = "kili_query.query.CategoryQuery"
_SDK = ("kili.", "kili_query.")
_BY_NAME = frozenset((*FILTERS, *DICTS))
_KNOWN = ("builtins.", "typing.", "types.", "abc.")
"""Most calls are of these, and they take no query."""

Call = FunctionSigContext | MethodSigContext


class QueryPlugin(Plugin):
    """Looks at calls of functions that take a query, and leaves all others to mypy and its other plugins."""

    def __init__(self, options: Any) -> None:
        super().__init__(options)
        self._settings = Settings()
        self._last: tuple[str, tuple[int, int], Literals | None] | None = None
        self._dicts: tuple[MypyFile, dict[Var, DictExpr]] | None = None

    def report_config_data(self, ctx: ReportConfigContext) -> object:
        """What the findings of a module depend on beside its source: if it changes, mypy checks the module again."""
        return self._settings.stamp(ctx.path)

    def get_type_analyze_hook(self, fullname: str) -> Callable[[AnalyzeTypeContext], Type] | None:
        """Keeps the alias in signatures, where mypy would write `str` at once; checks the literal beside it."""
        return self._alias if fullname == ALIAS else None

    def get_function_signature_hook(self, fullname: str) -> Callable[[FunctionSigContext], FunctionLike] | None:
        """The check, for functions and classes that take a query."""
        return self._check_call if self._takes_query(fullname) else None

    def get_method_signature_hook(self, fullname: str) -> Callable[[MethodSigContext], FunctionLike] | None:
        """The check, for methods that take a query."""
        return self._check_call if self._takes_query(fullname) else None

    def _alias(self, ctx: AnalyzeTypeContext) -> Type:
        self._check_default(ctx)
        symbol = self.lookup_fully_qualified(ALIAS)
        alias: Any = symbol and symbol.node
        return TypeAliasType(alias, [], ctx.type.line, ctx.type.column)

    def _check_default(self, ctx: AnalyzeTypeContext) -> None:
        """Mypy shows plugins no defaults of parameters and no annotated variables, only their annotations."""
        from kili_query.query import check

        api: Any = ctx.api
        path = getattr(getattr(getattr(api, "api", None), "cur_mod_node", None), "path", "")
        literals = self._literals(path)
        passage = literals.default(ctx.type.line, ctx.type.column) if literals else None
        if literals is None or passage is None or not passage.text:
            return
        for diagnostic in check(passage.text, self._settings.get(path, None)):
            if diagnostic.severity is not Severity.HINT:
                place = literals.place(passage, diagnostic.span)
                tell = api.fail if diagnostic.severity is Severity.ERROR else api.note
                tell(f"{diagnostic.code}: {diagnostic.message}", place, code=CODE)
                if diagnostic.hint:
                    api.note(f"hint: {diagnostic.hint}", place, code=CODE)

    def _literals(self, path: str) -> Literals | None:
        """Those of a file, read once for all annotations in it: mypy goes from file to file."""
        try:
            state = os.stat(path)
        except (OSError, ValueError):
            return None
        stamp = state.st_mtime_ns, state.st_size
        if self._last is None or self._last[:2] != (path, stamp):
            self._last = path, stamp, Literals.of_file(path)
        return self._last[2]

    def _takes_query(self, fullname: str) -> bool:
        # mypy asks one plugin for each function: to say yes without need would silence the others.
        # A function inside a function has no full name to be looked up; only the call shows its signature.
        if fullname.startswith(_KNOWN):
            return False
        return "." not in fullname or any(map(_queries_of, _signatures(self._definition(fullname))))

    def _definition(self, fullname: str) -> SymbolNode | None:
        symbol = self.lookup_fully_qualified(fullname)
        if symbol is None:  # a method that its class has inherited, perhaps
            owner, _, name = fullname.rpartition(".")
            found = self.lookup_fully_qualified(owner)
            symbol = found.node.get(name) if found and isinstance(found.node, TypeInfo) else None
        return symbol.node if symbol else None

    def _check_call(self, ctx: Call) -> FunctionLike:
        for formal in _queries_of(ctx.default_signature):
            name = ctx.default_signature.arg_names[formal]
            for given in ctx.args[formal]:
                for argument in _queries_in(self._dict_of(given, ctx) or given, name):
                    texts = _texts(argument, ctx)
                    if name in _BY_NAME:  # an empty filter is none
                        texts = [text for text in texts if text]
                    if texts:
                        self._check_texts(texts, argument, ctx)
        return ctx.default_signature

    def _dict_of(self, given: Expression, ctx: Call) -> DictExpr | None:
        """The dict that a name stands for, as in `opts = {...}` and `f(**opts)`: the only one that it is ever given."""
        if not isinstance(given, NameExpr) or not isinstance(given.node, Var):
            return None
        tree: MypyFile | None = getattr(ctx.api, "tree", None)
        if tree is None:
            return None
        if self._dicts is None or self._dicts[0] is not tree:
            self._dicts = tree, _dicts(tree)
        return self._dicts[1].get(given.node)

    def _check_texts(self, texts: list[str], argument: Expression, ctx: Call) -> None:
        from kili_query.query import check

        place = ctx.api.path, _project(ctx)
        ontology = self._settings.get(*place)
        if problem := self._settings.problem(*place):
            report = ctx.api.msg.errors.report
            report(argument.line, argument.column, problem, CODE, only_once=True, origin_span=_lines(ctx.context))
        literals = None
        for text in texts:
            for diagnostic in check(text, ontology):
                if diagnostic.severity is not Severity.HINT:
                    literals = literals or Literals.of_file(ctx.api.path)
                    _report(diagnostic, text, argument, literals, ctx)


def _dicts(tree: MypyFile) -> dict[Var, DictExpr]:
    """The names of a file that are given a dict once, and nothing else."""
    made: dict[Var, DictExpr | None] = {}
    todo: list[Any] = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, list):
            todo += node
        elif isinstance(node, AssignmentStmt):
            for target in node.lvalues:
                if isinstance(target, NameExpr) and isinstance(target.node, Var):
                    made[target.node] = None if target.node in made else _written(node.rvalue)
        elif node is not None:  # mypy lets no class of Python walk its trees
            todo += (getattr(node, below, None) for below in _BELOW)
    return {name: value for name, value in made.items() if value is not None}


_BELOW = ("defs", "body", "else_body", "handlers", "finally_body", "bodies", "func")
"""Where statements stand below others."""


def _written(value: Expression) -> DictExpr | None:
    """The dict that an expression is: written with braces, or as `dict(name=...)`."""
    if isinstance(value, CallExpr) and isinstance(value.callee, RefExpr) and value.callee.fullname == "builtins.dict":
        named = [StrExpr(name) if name else None for name in value.arg_names]
        return DictExpr(list(zip(named, value.args, strict=True)))
    return value if isinstance(value, DictExpr) else None


def _signatures(node: SymbolNode | None) -> Iterator[CallableType]:
    """The signatures of a function, a class, or a variable that holds a function."""
    if isinstance(node, TypeInfo):
        for name in ("__init__", "__new__"):
            made_by = node.get(name)
            yield from _signatures(made_by.node if made_by else None)
        return
    found = get_proper_type(node.var.type if isinstance(node, Decorator) else getattr(node, "type", None))
    if isinstance(found, CallableType):
        yield found
    elif isinstance(found, Overloaded):
        yield from found.items


def _queries_of(signature: CallableType) -> list[int]:
    """The parameters that take a query."""
    found = [i for i, kind in enumerate(signature.arg_types) if _is_query(kind)]
    if not _BY_NAME.isdisjoint(signature.arg_names):
        definition = signature.definition
        if definition is not None and definition.fullname.startswith(_SDK):
            found += (i for i, name in enumerate(signature.arg_names) if name in _BY_NAME and i not in found)
    return found


def _is_query(kind: Type) -> bool:
    """True for `CategoryQuery`, for another name of it, and for a union that holds it."""
    if isinstance(kind, TypeAliasType):
        return kind.alias is not None and (kind.alias.fullname == ALIAS or _is_query(kind.alias.target))
    return isinstance(kind, UnionType) and any(map(_is_query, kind.items))


def _queries_in(given: Expression, name: str | None) -> Iterator[Expression]:
    """What stands for queries in what a parameter is given: itself, or entries of a dict of filters or of arguments."""
    entries = _written(given)
    if entries is None:
        if name not in DICTS:
            yield given
        return
    for key, value in entries.items:
        known = key.value if isinstance(key, StrExpr) else None
        if _written(value) is not None and (key is None or (name in DICTS and known in DICTS)):
            yield from _queries_in(value, name)
        elif known is not None and (known == name or (name in DICTS and known in FILTERS)):
            yield value


def _texts(argument: Expression, ctx: Call) -> list[str]:
    """The texts that mypy knows the argument to be: that of a literal, of a constant, of a `Literal` type."""
    if isinstance(argument, StrExpr):
        return [argument.value]
    if isinstance(argument, RefExpr) and isinstance(argument.node, Var) and isinstance(argument.node.final_value, str):
        return [argument.node.final_value]
    kind = get_proper_type(ctx.api.get_expression_type(argument))
    items = flatten_nested_unions(kind.items) if isinstance(kind, UnionType) else [kind]
    return [text for item in items for text in try_getting_str_literals(argument, item) or ()]


def _project(ctx: Call) -> str | None:
    """The literal `project_id` of the call."""
    for name, arguments in zip(ctx.default_signature.arg_names, ctx.args, strict=True):
        if name == "project_id" and arguments and len(texts := _texts(arguments[0], ctx)) == 1:
            return texts[0]
    return None


def _lines(context: Context) -> range:
    """The lines of a call: on any of them, a `# type: ignore` counts."""
    return range(context.line, (context.end_line or context.line) + 1)


def _report(diagnostic: Diagnostic, text: str, argument: Expression, literals: Literals | None, ctx: Call) -> None:
    message = f"{diagnostic.code}: {diagnostic.message}"
    place = literals.locate(argument, diagnostic.span) if literals and isinstance(argument, StrExpr) else None
    if place is None:
        line, column = line_and_column(text, diagnostic.span.start)
        message += f" (in the text: {f'line {line}, ' * (line > 1)}column {column})"
        place = argument
    severity = "error" if diagnostic.severity is Severity.ERROR else "note"
    told = ctx.api.msg.report(message, place, severity, code=CODE, origin_context=ctx.context)
    if diagnostic.hint:
        ctx.api.msg.note(f"hint: {diagnostic.hint}", place, code=CODE, origin_context=ctx.context, parent_error=told)
