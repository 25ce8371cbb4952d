"""Filters as SQL: LabelWhere, AssetWhere, ProjectWhere, UserWhere and the like become conditions on rows.

A null is no filter. An empty list after `In` lets nothing through, after `NotIn` everything. Marks and dates that are
not there satisfy no bound. Whatever the filter says, nothing of another organization is seen.

Each filter is a table of rows, one for each of its fields: a column with what is asked of it, or a function of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from operator import eq, ge, le
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    and_,
    bindparam,
    exists,
    false,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.sql.operators import custom_op

from kili_query.server.graph.conditions import Condition, Conditions, listed, metadata_conditions, one_of
from kili_query.server.graph.problems import refused
from kili_query.server.search import search_condition
from kili_query.server.store import tables as t
from kili_query.server.store.timestamps import span

MAX_NESTED = 12
"""The deepest filter."""

MAX_PATTERN = 1_000
"""The longest pattern for titles: SQLite takes 50,000 bytes, and tries each against all titles."""

MAX_PARTS = 10_000
"""The most parts of external ids that are looked for: each is looked for in every one."""

Where = Mapping[str, Any]


@dataclass
class Scope:
    """What a request may see, and the numbers that keep names in its SQL apart."""

    connection: Connection
    organization_id: str
    user_id: str
    numbers: Iterator[int] = field(default_factory=count)
    projects: dict[str, Sequence[str]] = field(default_factory=dict)
    """What project filters were found to mean, by their JSON text."""

    def alias(self, table: Table) -> Any:
        """The table once more, under a name of its own."""
        return table.alias(f"{table.name}_{next(self.numbers)}")


def refuse_deep(where: object, depth: int = 1) -> None:
    """Labels are filtered by assets that are filtered by labels: a statement has room for a few levels only.

    Raises
    ------
    GraphQLError: there are more.
    """
    if isinstance(where, Mapping):
        if depth > MAX_NESTED:
            raise refused(f"filters are nested at most {MAX_NESTED} deep", argument="where")
        for value in where.values():
            refuse_deep(value, depth + 1)
    elif isinstance(where, list):
        for item in where:
            refuse_deep(item, depth)


def label_conditions(where: Where, scope: Scope, labels: Any = t.labels) -> Conditions:
    """What LabelWhere asks of rows of `labels`."""
    asset = _given(where.get("asset"))
    projects = project_ids(where.get("project"), scope)
    if "project" in asset:
        wanted = set(project_ids(asset.pop("project"), scope))
        projects = [project for project in projects if project in wanted]
    found = [_of_projects(where, labels, projects), *asked(LABEL_ROWS, where, scope, labels, projects)]
    if any(value not in ({}, None) for value in asset.values()):
        rows = scope.alias(t.assets)
        inner = asked(ASSET_ROWS, asset, scope, rows, projects)
        found.append(labels.c.asset_id.in_(select(rows.c.id).where(_in_projects(rows.c.project_id, projects), *inner)))
    return found


def asset_conditions(where: Where, scope: Scope) -> Conditions:
    """What AssetWhere asks of rows of `assets`."""
    projects = project_ids(where.get("project"), scope)
    return [_of_projects(where, t.assets, projects), *asked(ASSET_ROWS, where, scope, t.assets, projects)]


def project_ids(where: Where | None, scope: Scope) -> Sequence[str]:
    """The ids of the projects that ProjectWhere means, as far as they are visible."""
    key = json.dumps(where or {}, sort_keys=True)
    if key not in scope.projects:
        if not where or (where.keys() == {"id"} and where["id"] is not None):  # what changes ask for, again and again
            query, given = (_ONE_PROJECT, where) if where else (_ALL_PROJECTS, {})
            found = scope.connection.scalars(query, {"organization": scope.organization_id, **given})
        else:
            found = scope.connection.scalars(select(t.projects.c.id).where(*project_conditions(where, scope)))
        scope.projects[key] = tuple(found)
    return scope.projects[key]


def project_conditions(where: Where, scope: Scope) -> Conditions:
    """What ProjectWhere asks of rows of `projects`. Those in the trash are there for `deleted: true` only."""
    mine = _projects_of(scope.organization_id, bool(where.get("deleted")))
    return [*mine, *asked(PROJECT_ROWS, where, scope, t.projects)]


def _projects_of(organization: Any, deleted: bool) -> Conditions:
    return [t.projects.c.organization_id == organization, t.projects.c.deleted == deleted]


_ALL_PROJECTS = select(t.projects.c.id).where(*_projects_of(bindparam("organization"), False))
_ONE_PROJECT = _ALL_PROJECTS.where(t.projects.c.id == bindparam("id"))


def user_conditions(where: Where, scope: Scope, users: Any = t.users) -> Conditions:
    """What UserWhere asks of rows of `users`."""
    return [users.c.organization_id == scope.organization_id, *asked(USER_ROWS, where, scope, users)]


def organization_conditions(where: Where, scope: Scope) -> Conditions:
    """What OrganizationWhere asks of rows of `organizations`."""
    mine = t.organizations.c.id == scope.organization_id
    return [mine, *asked(ORGANIZATION_ROWS, where, scope, t.organizations)]


def api_key_conditions(where: Where, scope: Scope) -> Conditions:
    """What ApiKeyWhere asks of rows of `api_keys`: of the user's own."""
    return [t.api_keys.c.user_id == scope.user_id, *asked(API_KEY_ROWS, where, scope, t.api_keys)]


def notification_conditions(where: Where, scope: Scope) -> Conditions:
    """What NotificationWhere asks of rows of `notifications`: of the user's own."""
    mine = t.notifications.c.user_id == scope.user_id
    return [mine, *asked(NOTIFICATION_ROWS, where, scope, t.notifications)]


# -- rows ----------------------------------------------------------------------------------------------------------


class Place(NamedTuple):
    """Where conditions are made for: whose request, which rows, and the projects whose rows are seen."""

    scope: Scope
    table: Any
    projects: Sequence[str]


Operation = Callable[[ColumnElement[Any], Any], Condition]
Row = tuple[str, Operation] | Callable[[Any, Place], Conditions]
"""What a field of a filter asks: something of a column; or what a function makes of its value."""


def asked(rows: Mapping[str, Row], where: Where, scope: Scope, table: Any, projects: Sequence[str] = ()) -> Conditions:
    """The conditions of all fields that are not null."""
    place, found = Place(scope, table, projects), []
    for name, value in _given(where).items():
        row = rows[name]
        if isinstance(row, tuple):
            column, operation = row
            found.append(operation(table.c[column], value))
        else:
            found += row(value, place)
    return found


def _none_of(column: ColumnElement[Any], values: Sequence[object]) -> Condition:
    return not_(one_of(column, values))


def _at_day(column: ColumnElement[Any], value: str) -> Condition:
    return column.between(*span(value))


def _since(column: ColumnElement[Any], value: str) -> Condition:
    return column >= span(value)[0]


def _until(column: ColumnElement[Any], value: str) -> Condition:
    return column <= span(value)[1]


def _marks(*names: str) -> dict[str, Row]:
    ends = (("Gte", ge), ("Lte", le))
    return {f"{name}Mark{end}": (f"{name}_mark", operation) for name in names for end, operation in ends}


def _timestamps(*names: str) -> dict[str, Row]:
    ends = (("Gte", _since), ("Lte", _until))
    return {f"{name}At{end}": (f"{name}_at", operation) for name in names for end, operation in ends}


def _in_and_not(name: str, makes: Callable[[Any, Place], Condition]) -> dict[str, Row]:
    """The two fields `In` and `NotIn`. What is nowhere, as without a step, is in none."""
    return {
        f"{name}In": lambda value, at: [makes(value, at)],
        f"{name}NotIn": lambda value, at: [not_(func.coalesce(makes(value, at), literal(False)))],
    }


def elsewhere(_: Any, __: Place) -> Conditions:
    """Those who call know it, or it changes nothing."""
    return []


# -- projects, people ----------------------------------------------------------------------------------------------


def _title(value: str, at: Place) -> Conditions:
    if len(value) > MAX_PATTERN:
        raise refused(f"`searchQuery` has at most {MAX_PATTERN:,} characters", argument="searchQuery")
    return [or_(at.table.c.title.ilike(value), at.table.c.description.ilike(value))]


def _own_key(value: str, at: Place) -> Conditions:
    keys = t.api_keys.c
    return [at.table.c.id.in_(select(keys.user_id).where(keys.key == value, keys.user_id == at.scope.user_id))]


def _of_organization(value: Where, at: Place) -> Conditions:
    wanted = select(t.organizations.c.id).where(*organization_conditions(value, at.scope))
    return [at.table.c.organization_id.in_(wanted)]


def _organization_of(value: Where, at: Place) -> Conditions:
    rows = at.scope.alias(t.users)
    return [at.table.c.id.in_(select(rows.c.organization_id).where(*user_conditions(value, at.scope, rows)))]


def of_user(value: Where, at: Place) -> Conditions:
    """Rows whose user is such a one."""
    return [at.table.c.user_id.in_(_users(value, at.scope))]


PROJECT_ROWS: Mapping[str, Row] = {
    "id": ("id", eq),
    "organizationId": ("organization_id", eq),
    "archived": ("archived", eq),
    "searchQuery": _title,
    "tagIds": lambda _, __: [false()],  # local projects have no tags
    "starred": lambda value, _: [false() if value else true()],  # nor stars
    "deleted": elsewhere,
    "shouldRelaunchKpiComputation": elsewhere,
    **_timestamps("created", "updated"),
}
USER_ROWS: Mapping[str, Row] = {
    "id": ("id", eq),
    "idIn": ("id", one_of),
    "email": ("email", eq),
    "activated": ("activated", eq),
    "apiKey": _own_key,
    "organization": _of_organization,
}
ORGANIZATION_ROWS: Mapping[str, Row] = {
    "id": ("id", eq),
    "email": lambda value, at: _organization_of({"email": value}, at),
    "user": _organization_of,
}
API_KEY_ROWS: Mapping[str, Row] = {"id": ("id", eq), "key": ("key", eq), "user": of_user}
NOTIFICATION_ROWS: Mapping[str, Row] = {"id": ("id", eq), "hasBeenSeen": ("seen", eq), "user": of_user}
ISSUE_ROWS: Mapping[str, Row] = {"type": ("type", eq), "status": ("status", eq)}

# -- labels --------------------------------------------------------------------------------------------------------


def _label_author(value: Where, at: Place) -> Conditions:
    return [at.table.c.author_id.in_(_users(value, at.scope))] if _given(value) else []


def _label_search(value: str, at: Place) -> Conditions:
    return [_search(value, at.scope, at.table, at.projects)] if value else []


def _label_by(*, review: bool, others: bool) -> Row:
    """Labels that are reviews, or no reviews, by one of these people, or by somebody else."""

    def made(people: Sequence[str], at: Place) -> Conditions:
        c = at.table.c
        of_kind = c.label_type == "REVIEW" if review else c.label_type != "REVIEW"
        return [of_kind, _by(c.author_id, people, at.scope, others=others)]

    return made


LABEL_ROWS: Mapping[str, Row] = {
    "id": ("uid", eq),
    "idIn": ("uid", one_of),
    "typeIn": ("label_type", one_of),
    "search": _label_search,
    "user": _label_author,
    "authorIn": lambda names, at: [at.table.c.author_id.in_(_named(names, at.scope))],
    "labelerIn": _label_by(review=False, others=False),
    "labelerNotIn": _label_by(review=False, others=True),
    "reviewerIn": _label_by(review=True, others=False),
    "reviewerNotIn": _label_by(review=True, others=True),
    "createdAt": ("created_at", _at_day),
    "project": elsewhere,
    "asset": elsewhere,
    **_timestamps("created"),
    **_marks("consensus", "honeypot"),
}


def _search(source: str, scope: Scope, labels: Any, projects: Sequence[str]) -> Condition:
    project = projects[0] if len(projects) == 1 else None
    prefix = f"s{next(scope.numbers)}_"
    condition = search_condition(source, label=f"{labels.name}.id", project_id=project, prefix=prefix)
    return cast(Condition, condition)  # a text, which `where` takes as well


def _by(author: ColumnElement[Any], people: Sequence[str], scope: Scope, *, others: bool) -> Condition:
    """The author is one of these people, or somebody else."""
    them = select(t.users.c.id).where(
        t.users.c.organization_id == scope.organization_id,
        or_(one_of(t.users.c.id, people), one_of(t.users.c.email, people)),
    )
    return and_(author.is_not(None), author.not_in(them)) if others else author.in_(them)


def _named(names: Sequence[str], scope: Scope) -> Any:
    """Users by their first name, last name, or both with a space between them."""
    c = t.users.c
    return select(c.id).where(
        c.organization_id == scope.organization_id,
        or_(*(one_of(column, names) for column in (c.firstname, c.lastname, c.firstname + " " + c.lastname))),
    )


# -- assets --------------------------------------------------------------------------------------------------------


def _asset_label(where: Where, at: Place) -> Conditions:
    """One label of the asset satisfies all that is asked of labels."""
    scope, assets, projects = at
    given = {name: value for name, value in _given(where).items() if value != "" or name != "search"}
    if not given:
        return []
    labels = scope.alias(t.labels)
    inner = asked(LABEL_ROWS, given, scope, labels, projects)
    if "project" in given:
        inner.append(_in_projects(labels.c.project_id, project_ids(given["project"], scope)))
    if "asset" in given:
        rows, of = scope.alias(t.assets), given["asset"]
        within = _in_projects(rows.c.project_id, project_ids(of.get("project"), scope))
        also = asked(ASSET_ROWS, of, scope, rows, projects)
        inner.append(labels.c.asset_id.in_(select(rows.c.id).where(within, *also)))
    if "search" in given:  # found through the counts, once for all assets
        inner.append(_in_projects(labels.c.project_id, projects))
        return [assets.c.id.in_(select(labels.c.asset_id).where(*inner))]
    return [exists(select(literal_column("1")).where(labels.c.asset_id == assets.c.id, *inner))]


def _asset_issue(where: Where, at: Place) -> Conditions:
    """One issue of the asset is of this type and has this status."""
    if not _given(where):
        return []
    issues = at.scope.alias(t.issues)
    inner = asked(ISSUE_ROWS, where, at.scope, issues)
    return [exists(select(literal_column("1")).where(issues.c.asset_id == at.table.c.id, *inner))]


def _asset_metadata(where: object, at: Place) -> Conditions:
    return metadata_conditions(where, at.table.c.json_metadata)


def _asset_parts(parts: Sequence[str], at: Place) -> Conditions:
    """The external id contains one of these."""
    if len(parts) > MAX_PARTS:
        message = f"`externalIdIn` has at most {MAX_PARTS:,} entries, and here are {len(parts):,}"
        raise refused(f"{message}; `externalIdStrictlyIn` takes more", argument="externalIdIn")
    part = listed(parts)
    found = func.instr(at.table.c.external_id, part) > 0
    return [exists(select(literal_column("1")).select_from(part.table).where(found))]


def _asset_assignee(others: bool) -> Row:
    """Assigned to one of these people, or to somebody else."""

    def made(people: Sequence[str], at: Place) -> Conditions:
        rows = at.scope.alias(t.assignees)
        inner = (rows.c.asset_id == at.table.c.id, _by(rows.c.user_id, people, at.scope, others=others))
        return [exists(select(literal_column("1")).where(*inner))]

    return made


def _step_and_status(values: Sequence[Any], at: Place) -> Condition:
    pair = listed(values)
    pairs = select(*(func.json_extract(pair, f"$.{part}") for part in ("stepId", "status")))
    return tuple_(at.table.c.step_id, at.table.c.step_status).in_(pairs)


def _group(values: Sequence[str], at: Place) -> Condition:
    groups = t.step_groups.c
    of_groups = (
        select(t.steps.c.id).join(t.step_groups, groups.id == t.steps.c.group_id).where(one_of(groups.name, values))
    )
    return cast(Condition, at.table.c.step_id.in_(of_groups))


ASSET_ROWS: Mapping[str, Row] = {
    "id": ("uid", eq),
    "idIn": ("uid", one_of),
    "idNotIn": ("uid", _none_of),
    "externalIdStrictlyIn": ("external_id", one_of),
    "externalIdIn": _asset_parts,
    "statusIn": ("status", one_of),
    "skipped": ("skipped", eq),
    "metadata": _asset_metadata,
    "assigneeIn": _asset_assignee(False),
    "assigneeNotIn": _asset_assignee(True),
    "label": _asset_label,
    "issue": _asset_issue,
    "project": elsewhere,
    **_marks("consensus", "honeypot", "inference"),
    **_timestamps("created", "updated"),
    **_in_and_not("stepId", lambda values, at: one_of(at.table.c.step_id, values)),
    **_in_and_not("stepStatus", lambda values, at: one_of(at.table.c.step_status, values)),
    **_in_and_not("stepIdAndStatus", _step_and_status),
    **_in_and_not("groupName", _group),
}

# -- parts of conditions -------------------------------------------------------------------------------------------


def _given(where: Where | None) -> dict[str, Any]:
    """The filters that are not null."""
    return {name: value for name, value in (where or {}).items() if value is not None}


def _of_projects(where: Where, rows: Any, projects: Sequence[str]) -> Condition:
    """Rows of these projects. Those that a filter names are looked up by their ids: SQLite would walk along the project."""
    column = rows.c.project_id
    named = where.get("id") is not None or where.get("idIn") is not None
    return _in_projects(UnaryExpression(column, operator=custom_op("+")) if named else column, projects)


def _in_projects(column: ColumnElement[Any], projects: Sequence[str]) -> Condition:
    if len(projects) == 1:
        return column == projects[0]
    return one_of(column, projects) if projects else false()


def _users(where: Where, scope: Scope) -> Any:
    return select(t.users.c.id).where(*user_conditions(where, scope))
