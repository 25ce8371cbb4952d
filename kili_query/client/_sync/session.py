# Generated from kili_query/client/_async/session.py by kili_query.client.generate.unasync. Do not edit.
"""What all methods share: the transport, what is known of projects, the door for category queries, and pages."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeVar

from kili_query.client._sync.concurrency import in_order
from kili_query.client._sync.transport import Transport
from kili_query.client.filters import Filter, compile_search, errors_among, read_search
from kili_query.client.garbage import few_full_collections
from kili_query.client.operations.projects import Project, facts, read_facts
from kili_query.client.progress import progress_bar
from kili_query.client.sending.settings import Settings
from kili_query.client.types import Row
from kili_query.client.wire.calls import Call
from kili_query.client.wire.decoding import Behind
from kili_query.client.wire.documents import Operation
from kili_query.client.wire.parsing import Parse, parser_of
from kili_query.client.wire.suggestions import FIELDS_OF_TYPE, Unknown, name_unknown_field, unknown_field
from kili_query.client.wire.where import Where
from kili_query.errors import ApiError, ArgumentError, Diagnostic, GraphQLError, NotFoundError
from kili_query.formats.parsed.label import MisfitLabels
from kili_query.formats.parsed.refusals import ParsedLabelError
from kili_query.model.ontology import Ontology
from kili_query.query import Query

T = TypeVar("T")

PAGES_AHEAD = 3
"""Pages under way or waiting for the caller; more would only fill the memory."""

LIST_PAGES_AHEAD = 4
"""The same where all pages go into one list: each is taken as soon as it is there."""

DOWNLOADS_AHEAD = 10
"""Answers behind addresses that are fetched at once, for each page."""


@dataclass(frozen=True)
class Listing:
    """What to list: the operations, the filter, which rows, in pages of what size, and how they are decoded."""

    noun: str
    operation: Operation[list[Row]]
    counting: Operation[int]
    where: Where
    page: int
    project_id: str | None = None
    first: int | None = None
    skip: int = 0
    whole_pages: bool = False
    """Pages are asked whole, until one comes short; rows are told apart by `id` (wire.md 5)."""
    decode: Callable[[list[Row], Call], list[Row]] | None = None
    filtered: bool = False
    """Decoding leaves rows out that the server could not decide; `first` and `skip` count those that stay."""


class Page(NamedTuple):
    """The rows of a page, how many the server gave, and the id of the first of them, if they have ids."""

    rows: list[Row]
    given: int
    begins: object


class Session:
    """Connections, settings and what was learnt of projects. The methods of the SDK are built upon it."""

    def __init__(self, settings: Settings, transport: Transport) -> None:
        self._settings = settings
        self._transport = transport
        self._projects: dict[str, Project] = {}

    def _execute(self, operation: Operation[T], call: Call) -> T:
        """What an operation gives."""
        try:
            return self._transport.execute(operation, call)
        except GraphQLError as error:
            # only questions have fields of the caller's choice
            if operation.change or (unknown := unknown_field(error)) is None:
                raise
            raise self._unknown(unknown, call) from error

    def _unknown(self, unknown: Unknown, call: Call) -> ArgumentError:
        """The error about a field that the server does not have. It is asked which it has."""
        try:
            names = self._transport.execute(FIELDS_OF_TYPE.asking(name=unknown.type_name), call)
        except ApiError:
            names = []
        error = name_unknown_field(unknown, names)
        return ArgumentError(error.argument, self._transport.without_key(error.message))

    def _count(self, operation: Operation[int], where: Where, call: Call, project_id: str | None) -> int:
        """How many rows there are. None in a project that does not exist is an error rather than 0."""
        number = self._execute(operation.asking(where=where), call)
        if number == 0 and project_id is not None:
            self._project(project_id, call)
        return number

    def _project(self, project_id: str, call: Call, *, anew: bool = False) -> Project:
        """What is known of a project; asked once.

        Raises
        ------
        NotFoundError: there is no such project, or not with this key.
        """
        if anew or project_id not in self._projects:
            operation = facts(project_id)
            rows = self._execute(operation, call)
            if not rows:
                raise NotFoundError(
                    f"there is no project `{project_id}` that this API key may see; `projects()` lists those it may",
                    operation=operation.name,
                )
            self._projects[project_id] = read_facts(rows[0], project_id)
        return self._projects[project_id]

    def _parsed(self, rows: list[Row], parse: Parse, misfits: MisfitLabels, project_id: str, call: Call) -> list[Row]:
        """Rows with their labels parsed. Where one does not fit a project that is known, its ontology may have been changed since.

        Raises
        ------
        ParsedLabelError: a label does not fit, and misfits are errors.
        """
        known = project_id in self._projects
        try:
            return parse(rows, parser_of(self._project(project_id, call)))
        except ParsedLabelError:
            parser = parser_of(self._project(project_id, call, anew=known), misfits)
        parsed = parse(rows, parser)
        parser.tell()
        return parsed

    def _filter(self, search: str | Query | None, project_id: str, call: Call, *, here: bool = False) -> Filter:
        """The one door for category queries: parsed and checked once, compiled for the server.

        `here`: it is decided here alone, so that no text can be left to the server that is no query. What does not fit a project that is known is checked once more: its ontology may have been changed since.
        """
        settings = self._settings
        at_hand = self._projects[project_id].ontology if project_id in self._projects else None
        query = read_search(search, "error" if here else settings.check_queries, at_hand)
        if not isinstance(query, Query):
            return Filter(query)
        found: list[Diagnostic] = []
        ontology: Ontology | None = None
        if settings.check_queries != "off" or settings.local_filter:
            known = project_id in self._projects
            ontology = (self._project(project_id, call)).ontology
            found = query.check(ontology)
            if known and errors_among(found):
                ontology = (self._project(project_id, call, anew=True)).ontology
                found = query.check(ontology)
        local_filter = settings.local_filter or here
        return compile_search(query, found, ontology, check=settings.check_queries, local_filter=local_filter)

    def _pages(self, listing: Listing, call: Call, disable_tqdm: bool | None, ahead: int) -> Generator[list[Row]]:
        """The rows of a listing, page by page, in order. The next pages are fetched while one is looked at."""
        counted = self._count(listing.counting, listing.where, call, listing.project_id)
        first, skip = (None, 0) if listing.filtered else (listing.first, listing.skip)
        wanted = counted - skip
        wanted = wanted if first is None else min(wanted, first)
        if wanted <= 0 or listing.first == 0:
            return
        window = _Window(listing.skip if listing.filtered else 0, listing.first)
        seen: set[Any] = set()
        with progress_bar(wanted, listing.noun, disable_tqdm) as bar:
            with closing(self._fetched(listing, wanted, skip, first, call, ahead)) as pages:
                for page in pages:
                    bar.update(page.given)
                    rows = page.rows
                    if listing.whole_pages:
                        rows = [row for row in rows if row["id"] not in seen]
                        seen.update(row["id"] for row in rows)
                    if rows := window.cut(rows):
                        yield rows
                    if window.full:
                        return

    def _fetched(
        self, listing: Listing, wanted: int, skip: int, first: int | None, call: Call, ahead: int
    ) -> Generator[Page]:
        """The pages as the server gives them, until one comes short."""
        size = listing.page
        whole = listing.whole_pages
        offsets = range(0, wanted, size)  # one for each page, and never all at once: a count can be any number
        asked = (
            partial(self._page, listing, skip + offset, size if whole else min(size, wanted - offset), call)
            for offset in offsets
        )
        left = wanted
        last = None
        with closing(in_order(asked, ahead)) as pages:
            for page in pages:
                yield page
                if page.given < (size if whole else min(size, left)):
                    return
                left -= size
                last = page.begins
        offset = wanted - left
        while whole and (first is None or offset < first):
            page = self._page(listing, skip + offset, size, call)
            if page.begins == last:
                return  # the server gives the same page for ever
            yield page
            if page.given < size:
                return
            offset += size
            last = page.begins

    def _page(self, listing: Listing, skip: int, first: int, call: Call) -> Page:
        rows = self._execute(listing.operation.asking(where=listing.where, skip=skip, first=first), call)
        given, begins = len(rows), rows[0].get("id") if rows else None
        return Page(listing.decode(rows, call) if listing.decode else rows, given, begins)

    def _rows(self, listing: Listing, call: Call, disable_tqdm: bool | None) -> Generator[Row]:
        """The rows of a listing, one by one."""
        with closing(self._pages(listing, call, disable_tqdm, PAGES_AHEAD)) as pages:
            for rows in pages:
                for row in rows:
                    yield row

    def _listed(self, listing: Listing, call: Call, disable_tqdm: bool | None) -> list[Row]:
        """The rows of a listing, all."""
        found: list[Row] = []
        with few_full_collections():
            with closing(self._pages(listing, call, disable_tqdm, LIST_PAGES_AHEAD)) as pages:
                for rows in pages:
                    found += rows
        return found

    def _fetch(self, contents: Iterable[Behind], call: Call) -> None:
        """Fetch what lies behind addresses, and put it in its place."""
        behind = list(contents)
        calls = [partial(self._transport.download, item.url, call) for item in behind]
        waiting = iter(behind)
        with closing(in_order(calls, DOWNLOADS_AHEAD)) as downloads:
            for content in downloads:
                next(waiting).put(content)

    def _bar(self, disable_tqdm: bool | None) -> bool | None:
        """Whether the bar is hidden: as the method says, else as the client says."""
        return disable_tqdm or (disable_tqdm if self._settings.disable_tqdm is None else self._settings.disable_tqdm)


class _Window:
    """Leaves out the first rows, and ends after some."""

    def __init__(self, skip: int, first: int | None) -> None:
        self._skip = skip
        self._left = first

    @property
    def full(self) -> bool:
        return self._left is not None and self._left <= 0

    def cut(self, rows: list[Row]) -> list[Row]:
        """Those of the next rows that lie in the window."""
        passed = rows[self._skip :] if self._skip else rows
        self._skip = max(0, self._skip - len(rows))
        if self._left is not None:
            passed = passed[: self._left]
            self._left -= len(passed)
        return passed
