"""Counts of labels from bitmaps: for each count that was asked for, which labels have how many; kept true change by change.

A comparison is then a union of a few bitmaps, and a query takes a millisecond where SQLite goes through all rows that a
comparison finds. Bitmaps are made when they are first asked for, of large projects alone. Whatever touches a label is noted
with the change (`store/touched.py`); before the next count, the labels that were touched are read again, and no others.

What is not asked for by a category query, or filters by what lies outside of the labels, is counted by SQLite as ever.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from kili_query.engines.sql import is_unicode
from kili_query.lang.ast import And, Comparison, Count, Leaf, Node, Or, fold, walk
from kili_query.server.graph.conditions import Condition, one_of
from kili_query.server.graph.filters import LABEL_ROWS, Place, Scope, project_ids
from kili_query.server.search import parse_search
from kili_query.server.store import tables as t
from kili_query.server.store.store import Store
from kili_query.server.store.tables import driver

if TYPE_CHECKING:
    from pyroaring import BitMap

LEAST = 10_000
"""Labels of a project from which it has bitmaps: SQLite counts fewer as fast."""

MOST_COMPARISONS = 100
"""The most comparisons of a query that is answered by bitmaps."""

MOST_PROJECTS = 50
"""The most projects that one count goes through."""

MOST_KEPT = 2_000
"""The most operands, and the most filters, of which a project keeps bitmaps."""

MOST_TOUCHED = 100_000
"""Labels that are read again; after a larger change all bitmaps of the project are made anew."""

_OWN = frozenset((
    "typeIn", "createdAt", "createdAtGte", "createdAtLte", "consensusMarkGte", "consensusMarkLte", "honeypotMarkGte", "honeypotMarkLte",
))  # fmt: skip
"""Filters by what stands in the label's own row."""

_AUTHORS = frozenset(("user", "authorIn"))
"""Filters by who has made a label: of which people, is asked each time."""

_ELSEWHERE = frozenset(("search", "project"))

_COUNTS = """
    SELECT n, label_id FROM counts WHERE operand_id = (SELECT id FROM operands WHERE project_id = ? AND job = ? AND category = ?)
"""
_COUNTS_OF = """
    SELECT job, category, n, label_id FROM counts JOIN operands ON operands.id = operand_id
    WHERE label_id IN (SELECT value FROM json_each(?)) AND project_id = ?
"""

Levels = dict[int, "BitMap"]
"""The labels that have so many of something, by how many."""

Wanted = Mapping[str, Condition]
"""Conditions on rows of labels, by what tells them apart."""


@dataclass
class _Project:
    id: str
    labels: BitMap
    stale: BitMap
    """Labels that were touched since."""
    levels: dict[tuple[str, str], Levels] = field(default_factory=dict)
    filters: dict[str, tuple[Condition, BitMap]] = field(default_factory=dict)


class Bitmaps:
    """The bitmaps of a store. `least`: the labels of a project from which it has some."""

    def __init__(self, store: Store, least: int = LEAST) -> None:
        self._store = store
        self._large = f"SELECT 1 FROM labels WHERE project_id = ? LIMIT 1 OFFSET {least - 1}"
        self._projects: dict[str, _Project] = {}
        self._lock = Lock()
        self._noting = Lock()
        self._noted: BitMap | None = None
        """Labels that were touched since the last count; None before the first."""
        store.tell_touched = self._note

    def count(self, where: Mapping[str, Any], scope: Scope) -> int | None:
        """How many labels pass a filter; None of what is better left to SQLite.

        Raises
        ------
        GraphQLError: the query is not valid.
        """
        given = {name: value for name, value in where.items() if value is not None}
        if not given.get("search") or not given.keys() <= _ELSEWHERE | _OWN | _AUTHORS:
            return None
        tree = parse_search(given["search"])
        leaves = [node for node in walk(tree) if isinstance(node, Comparison)]
        if len(leaves) > MOST_COMPARISONS or not all(_is_plain(leaf) for leaf in leaves):
            return None
        projects = project_ids(given.get("project"), scope)
        if len(projects) > MOST_PROJECTS or not any(map(self._is_large(scope.connection), projects)):
            return None
        wanted = _conditions(given, scope)
        with self._lock:
            return sum(len(self._matching(project, tree, leaves, wanted)) for project in projects)

    def _is_large(self, connection: Connection) -> Callable[[str], bool]:
        def is_large(project: str) -> bool:
            return (
                project in self._projects or driver(connection).execute(self._large, (project,)).fetchone() is not None
            )

        return is_large

    def _note(self, touched: Sequence[int]) -> None:
        """Labels were touched by a change, which is written. What was not counted yet need not be told."""
        from pyroaring import BitMap

        with self._noting:
            if self._noted is not None:
                self._noted |= BitMap(touched)

    def _matching(self, project_id: str, tree: Node, leaves: Iterable[Comparison], wanted: Wanted) -> BitMap:
        """The labels of a project that satisfy a query and pass filters."""
        try:
            # what was touched is taken first: what is read then is of the same state, or a later one
            self._share_out()
            with self._store.reading() as connection:
                project = self._current(project_id, connection)
                self._complete(project, leaves, wanted, connection)
        except BaseException:
            self._projects.pop(project_id, None)
            raise
        found = fold(tree, lambda leaf: _satisfying(project, leaf), _together)
        for name in wanted:
            found = found & project.filters[name][1]
        return found

    def _share_out(self) -> None:
        """Tell the projects which labels were touched."""
        from pyroaring import BitMap

        with self._noting:
            noted, self._noted = self._noted, BitMap()
        if noted:
            for project in self._projects.values():
                project.stale |= noted

    def _current(self, project_id: str, connection: Connection) -> _Project:
        """The project as the connection has it."""
        from pyroaring import BitMap

        project = self._projects.get(project_id)
        if project is not None and len(project.stale) <= MOST_TOUCHED:
            if project.stale:
                _refresh(project, connection)
            return project
        found = driver(connection).execute("SELECT id FROM labels WHERE project_id = ?", (project_id,))
        project = self._projects[project_id] = _Project(project_id, BitMap([key for (key,) in found]), BitMap())
        return project

    def _complete(
        self, project: _Project, leaves: Iterable[Comparison], wanted: Wanted, connection: Connection
    ) -> None:
        """Make the bitmaps that are asked for."""
        from pyroaring import BitMap

        if len(project.levels) > MOST_KEPT:
            project.levels.clear()
        if len(project.filters) > MOST_KEPT:
            project.filters.clear()
        for leaf in leaves:
            ((job, category),) = leaf.operand.keys
            key = str(job), str(category)
            if key not in project.levels:
                by_number: dict[int, list[int]] = {}
                for number, label in driver(connection).execute(_COUNTS, (project.id, *key)):
                    by_number.setdefault(number, []).append(label)
                project.levels[key] = {number: BitMap(labels) for number, labels in by_number.items()}
        for name, condition in wanted.items():
            if name not in project.filters:
                query = select(t.labels.c.id).where(t.labels.c.project_id == project.id, condition)
                project.filters[name] = condition, BitMap(connection.scalars(query).all())


def _refresh(project: _Project, connection: Connection) -> None:
    """Read again the labels that were touched."""
    from pyroaring import BitMap

    stale, project.stale = project.stale, BitMap()
    keys = list(stale)
    those = (t.labels.c.project_id == project.id, one_of(t.labels.c.id, keys))
    project.labels -= stale
    project.labels |= BitMap(connection.scalars(select(t.labels.c.id).where(*those)).all())
    for levels in project.levels.values():
        for labels in levels.values():
            labels -= stale
    for job, category, number, label in driver(connection).execute(_COUNTS_OF, (json.dumps(keys), project.id)):
        known = project.levels.get((job, category))
        if known is not None:
            if number not in known:
                known[number] = BitMap()
            known[number].add(label)
    for name, (condition, labels) in project.filters.items():
        passing = connection.scalars(select(t.labels.c.id).where(*those, condition)).all()
        project.filters[name] = condition, (labels - stale) | BitMap(passing)


def _conditions(given: Mapping[str, Any], scope: Scope) -> Wanted:
    """What filters ask of labels' own rows."""
    found: dict[str, Condition] = {}
    place, people = Place(scope, t.labels, ()), t.users.alias("people")
    of_people = Place(scope, SimpleNamespace(c=SimpleNamespace(author_id=people.c.id)), ())
    for name, value in given.items():
        if name in _AUTHORS:
            for condition in _made(name, value, of_people):  # asked of the people now, since they may change
                authors = sorted(scope.connection.scalars(select(people.c.id).where(condition)))
                found[json.dumps(["author", authors])] = one_of(t.labels.c.author_id, authors)
        elif name not in _ELSEWHERE:
            for number, condition in enumerate(_made(name, value, place)):
                found[json.dumps([name, number, value])] = condition
    return found


def _made(name: str, value: Any, place: Place) -> Sequence[Condition]:
    row = LABEL_ROWS[name]
    if isinstance(row, tuple):
        column, operation = row
        return [operation(place.table.c[column], value)]
    return row(value, place)


def _is_plain(leaf: Comparison) -> bool:
    return isinstance(leaf.operand, Count) and is_unicode(leaf.operand.job) and is_unicode(leaf.operand.category)


def _satisfying(project: _Project, leaf: Leaf) -> BitMap:
    """The labels that satisfy a comparison. Those that have nothing of what is counted have no row, and none here."""
    from pyroaring import BitMap

    assert isinstance(leaf, Comparison)
    ((job, category),) = leaf.operand.keys
    accepted, levels = leaf.accepted, project.levels[str(job), str(category)]
    if accepted.has(0):
        return project.labels - BitMap.union(
            BitMap(), *(of for number, of in levels.items() if not accepted.has(number))
        )
    return BitMap.union(BitMap(), *(of for number, of in levels.items() if accepted.has(number)))


def _together(node: Node, below: list[BitMap]) -> BitMap:
    from pyroaring import BitMap

    assert isinstance(node, (And, Or))
    return BitMap.intersection(*below) if isinstance(node, And) else BitMap.union(*below)
