"""Category queries in the SDK: each is parsed, checked and compiled here, whichever method takes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from kili_query.client.messages import warn
from kili_query.client.types import CheckQueries
from kili_query.errors import (
    Diagnostic,
    QueryCheckError,
    QuerySyntaxError,
    QueryWarning,
    Severity,
    UnsupportedQueryError,
)
from kili_query.lang.printer import to_text
from kili_query.lang.rewrites import portable_superset
from kili_query.query import Query, parse
from kili_query.query import check as find_mistakes

if TYPE_CHECKING:
    from kili_query.model.ontology import Ontology


class Filter(NamedTuple):
    """What a category query becomes: a text for the server, and what is left to ask of its answer.

    `text` None: the server is asked for all. `local` None: the answer of the server is exact. `query` is the query
    itself, None for a text that is none.
    """

    text: str | None = None
    local: Query | None = None
    query: Query | None = None


def read_search(
    search: str | Query | None, check: CheckQueries, ontology: Ontology | None = None
) -> Query | str | None:
    """The query that a `category_search` is. None and empty text are handed on, as Kili's own SDK does.

    `ontology`: of the project, if it is known already: what the text lacks is named after it.

    Raises
    ------
    QuerySyntaxError: the text is not a query, unless `check` is "warn" or "off": the server gets it as it is, then.
    """
    if isinstance(search, Query) or not search:
        return search
    try:
        return parse(search)
    except QuerySyntaxError as error:
        found = find_mistakes(search, ontology)
        if check == "error":
            raise QuerySyntaxError(error.source, found) from None
        if check == "warn":
            _warn(error.source, found[0])
        return search


def compile_search(
    query: Query,
    found: Sequence[Diagnostic] = (),
    ontology: Ontology | None = None,
    *,
    check: CheckQueries = "error",
    local_filter: bool = False,
) -> Filter:
    """The filter that a query becomes, after what its check has found.

    Errors are raised, or warned of if `check` is "warn"; so is what is likely a mistake. Advice on style is for editors.

    Raises
    ------
    QueryCheckError: it does not fit the ontology, if `check` is "error".
    UnsupportedQueryError: Kili's own language cannot express it, and `local_filter` is false (KQ401).

    >>> compile_search(parse("NOT A.B.count > 2")).text
    'A.B.count <= 2'
    """
    if check == "error" and (errors := errors_among(found)):
        raise QueryCheckError(query.source, errors)
    for diagnostic in found if check != "off" else ():
        if diagnostic.severity is not Severity.HINT:
            _warn(query.source, diagnostic)
    try:
        return Filter(query.to_server(), None, query)
    except UnsupportedQueryError as error:
        if not local_filter:
            raise UnsupportedQueryError(error.source, list(map(_with_way_out, error.diagnostics))) from None
        superset = portable_superset(query.tree, ontology)
        return Filter(None if superset is None else to_text(superset), query, query)


def errors_among(found: Sequence[Diagnostic]) -> list[Diagnostic]:
    """What of a check's findings is an error."""
    return [diagnostic for diagnostic in found if diagnostic.severity is Severity.ERROR]


def _warn(source: str, diagnostic: Diagnostic) -> None:
    warn(diagnostic.render(source), QueryWarning)


def _with_way_out(diagnostic: Diagnostic) -> Diagnostic:
    return replace(
        diagnostic, hint="no server can search it; `local_filter=True` of the client asks it of the labels here"
    )


Decide = Callable[[object], bool]


def decision(query: Query, ontology: Ontology | None) -> Decide:
    """The truth of a query for the `jsonResponse` of a label; a label without one satisfies what zero counts satisfy."""
    return lambda response: query.matches(response or {}, ontology)
