"""Category queries as Kili's server takes them: its own language only, and numbers as its validator reads them."""

from __future__ import annotations

import re
from functools import lru_cache

from graphql import GraphQLError
from sqlalchemy import TextClause, text

from kili_query.errors import QuerySyntaxError, UnsupportedQueryError, line_and_column
from kili_query.lang.ast import And, Comparison, Node, Or, Total, walk
from kili_query.lang.operators import Operator
from kili_query.lang.parser import parse_tree
from kili_query.server.graph.problems import refused

_BROKEN_NUMBER = re.compile(  # a number with a fraction or an exponent, which our own language does not have
    r"(>=|<=|==|>|<)([ \t\r\n]*)([+-]?)(?=\d+\.|\.\d|\d+[eE][+-]?\d)(\d*)(\.\d*)?(?:[eE]([+-]?\d+))?"
)
_HUGE = 10**19
"""Beyond every count."""


@lru_cache(maxsize=256)
def parse_search(source: str) -> Node:
    """The tree of a query in Kili's own language.

    Decimals and exponents, which Kili's validator takes, become the comparison with a whole number that means the same.

    Raises
    ------
    GraphQLError: it is no such query; the message says why.

    >>> parse_search("A.B.count > 1.5")
    <Comparison A.B.count >= 2>
    """
    whole = _BROKEN_NUMBER.sub(_whole, source)
    try:
        root = parse_tree(whole)
    except QuerySyntaxError as error:
        found = error.diagnostics[0]
        line, column = line_and_column(whole, found.span.start)
        hint = f" ({found.hint})" if found.hint and whole == source else ""
        message = f"the category search is not valid: {found.message}, at line {line}, column {column}{hint}"
        raise refused(message, search=source, code=found.code, line=line, column=column) from None
    for node in walk(root):
        if not isinstance(node, (And, Or, Comparison)):
            raise _extension(source)
        if isinstance(node, Comparison) and (node.operator is Operator.NE or isinstance(node.operand, Total)):
            raise _extension(source)
    if set(whole) & set('"#'):
        raise _extension(source)
    return root


def search_condition(source: str, *, label: str, project_id: str | None, prefix: str) -> TextClause:
    """The condition on rows of labels that a category query is; `label` names the column with the label's key.

    `project_id` is that of the only project that is asked, if it is one; `prefix` keeps the parameters apart from
    those of other conditions.

    Raises
    ------
    GraphQLError: the query is not valid, or too large.
    """
    from kili_query.engines.sqlite import compile_condition

    project = None if project_id is None else f":{prefix}project"
    try:
        sql, parameters = compile_condition(parse_search(source), label=label, project=project, prefix=f"{prefix}k")
    except UnsupportedQueryError as error:
        found = error.diagnostics[0]
        raise refused(f"the category search is not served: {found.message}", search=source, code=found.code) from None
    if project and project in sql:
        parameters[project[1:]] = project_id
    return text(f"({sql})").bindparams(**parameters)


def _extension(source: str) -> GraphQLError:
    message = "the category search is not valid: `NOT`, `!=`, `IN`, totals, quoted names and comments are not part of Kili's own language"
    return refused(f"{message}; `Query.to_server()` translates what it can", search=source, code="KQ401")


def _whole(match: re.Match[str]) -> str:
    operator, space, sign, digits, fraction, exponent = match.groups()
    floor, exact = _floor(digits + (fraction or ".")[1:], int(exponent or 0) - len(fraction or ".") + 1, sign == "-")
    if exact:
        return f"{operator}{space}{floor}"
    match operator:
        case ">" | ">=":
            return f">={space}{floor + 1}"
        case "<" | "<=":
            return f"<={space}{floor}"
        case _:
            return f"<{space}0"  # no count equals a fraction


def _floor(digits: str, exponent: int, negative: bool) -> tuple[int, bool]:
    """The whole number at or below `digits * 10 ** exponent`, and whether it is that number; huge ones are cut off."""
    digits = digits.lstrip("0")
    if not digits:
        return 0, True
    if len(digits) + exponent > 19:
        return (-_HUGE if negative else _HUGE), True
    if len(digits) + exponent <= 0:  # less than one
        return (-1 if negative else 0), False
    value, exact = int(digits[: len(digits) + exponent].ljust(len(digits) + exponent, "0")), True
    if exponent < 0:
        exact = not digits[exponent:].strip("0")
    if negative:
        value = -value if exact else -value - 1
    return value, exact
