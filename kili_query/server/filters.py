"""Filters as SQL: LabelWhere, AssetWhere, ProjectWhere, UserWhere and the like become conditions on rows.

A null is no filter. An empty list after `In` lets nothing through, after `NotIn` everything. Marks and dates that are
not there satisfy no bound. Whatever the filter says, nothing of another organization is seen.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from math import inf
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    and_,
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

from kili_query.server import tables as t
from kili_query.server.moments import span
from kili_query.server.problems import refused
from kili_query.server.search import search_condition

MAX_NESTED = 12
"""The deepest filter."""

MAX_METADATA = 100
"""The most keys that one filter of metadata asks for: each is a condition of its own."""

Where = Mapping[str, Any]
Condition = ColumnElement[bool]
Conditions = list[Condition]


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


def one_of(column: ColumnElement[Any], values: Sequence[object]) -> Condition:
    """The column is one of the values. They travel as one parameter: thousands are not too many."""
    return column.in_(select(_listed(values)))


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
    found = [_in_projects(labels.c.project_id, projects), *_own_label_conditions(where, scope, labels, projects)]
    if any(value not in ({}, None) for value in asset.values()):
        rows = scope.alias(t.assets)
        inner = _own_asset_conditions(asset, scope, rows, projects)
        found.append(labels.c.asset_id.in_(select(rows.c.id).where(_in_projects(rows.c.project_id, projects), *inner)))
    return found


def asset_conditions(where: Where, scope: Scope) -> Conditions:
    """What AssetWhere asks of rows of `assets`."""
    projects = project_ids(where.get("project"), scope)
    return [_in_projects(t.assets.c.project_id, projects), *_own_asset_conditions(where, scope, t.assets, projects)]


def project_ids(where: Where | None, scope: Scope) -> Sequence[str]:
    """The ids of the projects that ProjectWhere means, as far as they are visible."""
    key = json.dumps(where or {}, sort_keys=True)
    if key not in scope.projects:
        query = select(t.projects.c.id).where(*project_conditions(where or {}, scope))
        scope.projects[key] = tuple(scope.connection.scalars(query))
    return scope.projects[key]


def project_conditions(where: Where, scope: Scope) -> Conditions:
    """What ProjectWhere asks of rows of `projects`. Those in the trash are there for `deleted: true` only."""
    c = t.projects.c
    found: Conditions = [c.organization_id == scope.organization_id]
    for name, value in _given(where).items():
        match name:
            case "id":
                found.append(c.id == value)
            case "organizationId":
                found.append(c.organization_id == value)
            case "searchQuery":
                found.append(or_(c.title.ilike(value), c.description.ilike(value)))
            case "archived":
                found.append(c.archived == value)
            case "createdAtGte" | "createdAtLte":
                found.append(_moment(c.created_at, name, value))
            case "updatedAtGte" | "updatedAtLte":
                found.append(_moment(c.updated_at, name, value))
            case "tagIds":
                found.append(false())  # local projects have no tags
            case "starred":
                found.append(false() if value else true())  # nor stars
            case _:
                pass  # deleted, below; shouldRelaunchKpiComputation changes nothing
    found.append(c.deleted == bool(where.get("deleted")))
    return found


def user_conditions(where: Where, scope: Scope, users: Any = t.users) -> Conditions:
    """What UserWhere asks of rows of `users`."""
    c = users.c
    found: Conditions = [c.organization_id == scope.organization_id]
    for name, value in _given(where).items():
        match name:
            case "id" | "email":
                found.append(c[name] == value)
            case "idIn":
                found.append(one_of(c.id, value))
            case "activated":
                found.append(c.activated == value)
            case "apiKey":
                keys = t.api_keys.c
                found.append(c.id.in_(select(keys.user_id).where(keys.key == value, keys.user_id == scope.user_id)))
            case "organization":
                inner = organization_conditions(value, scope)
                found.append(c.organization_id.in_(select(t.organizations.c.id).where(*inner)))
    return found


def organization_conditions(where: Where, scope: Scope) -> Conditions:
    """What OrganizationWhere asks of rows of `organizations`."""
    c = t.organizations.c
    found: Conditions = [c.id == scope.organization_id]
    for name, value in _given(where).items():
        match name:
            case "id":
                found.append(c.id == value)
            case "email":
                found.append(c.id.in_(_organizations_of({"email": value}, scope)))
            case "user":
                found.append(c.id.in_(_organizations_of(value, scope)))
    return found


def api_key_conditions(where: Where, scope: Scope) -> Conditions:
    """What ApiKeyWhere asks of rows of `api_keys`: of the user's own."""
    c = t.api_keys.c
    found: Conditions = [c.user_id == scope.user_id]
    for name, value in _given(where).items():
        if name == "user":
            found.append(c.user_id.in_(_users(value, scope)))
        else:
            found.append(c[name] == value)
    return found


def notification_conditions(where: Where, scope: Scope) -> Conditions:
    """What NotificationWhere asks of rows of `notifications`: of the user's own."""
    c = t.notifications.c
    found: Conditions = [c.user_id == scope.user_id]
    for name, value in _given(where).items():
        match name:
            case "id":
                found.append(c.id == value)
            case "hasBeenSeen":
                found.append(c.seen == value)
            case "user":
                found.append(c.user_id.in_(_users(value, scope)))
    return found


# -- labels --------------------------------------------------------------------------------------------------------


def _own_label_conditions(where: Where, scope: Scope, labels: Any, projects: Sequence[str]) -> Conditions:
    c = labels.c
    found: Conditions = []
    for name, value in _given(where).items():
        match name:
            case "id":
                found.append(c.uid == value)
            case "idIn":
                found.append(one_of(c.uid, value))
            case "typeIn":
                found.append(one_of(c.label_type, value))
            case "search":
                if value:
                    found.append(_search(value, scope, labels, projects))
            case "authorIn":
                found.append(c.author_id.in_(_named(value, scope)))
            case "labelerIn" | "labelerNotIn":
                found += [c.label_type != "REVIEW", _by(c.author_id, name, value, scope)]
            case "reviewerIn" | "reviewerNotIn":
                found += [c.label_type == "REVIEW", _by(c.author_id, name, value, scope)]
            case "user":
                if _given(value):
                    found.append(c.author_id.in_(_users(value, scope)))
            case "createdAt" | "createdAtGte" | "createdAtLte":
                found.append(_moment(c.created_at, name, value))
            case "consensusMarkGte" | "consensusMarkLte":
                found.append(_bound(c.consensus_mark, name, value))
            case "honeypotMarkGte" | "honeypotMarkLte":
                found.append(_bound(c.honeypot_mark, name, value))
            case _:
                pass  # project and asset: those who call know them
    return found


def _search(source: str, scope: Scope, labels: Any, projects: Sequence[str]) -> Condition:
    project = projects[0] if len(projects) == 1 else None
    prefix = f"s{next(scope.numbers)}_"
    condition = search_condition(source, label=f"{labels.name}.id", project_id=project, prefix=prefix)
    return cast(Condition, condition)  # a text, which `where` takes as well


def _by(author: ColumnElement[Any], name: str, people: Sequence[str], scope: Scope) -> Condition:
    """The author is one of these people, or (`NotIn`) somebody else."""
    them = select(t.users.c.id).where(
        t.users.c.organization_id == scope.organization_id,
        or_(one_of(t.users.c.id, people), one_of(t.users.c.email, people)),
    )
    return and_(author.is_not(None), author.not_in(them)) if name.endswith("NotIn") else author.in_(them)


def _named(names: Sequence[str], scope: Scope) -> Any:
    """Users by their first name, last name, or both with a space between them."""
    c = t.users.c
    return select(c.id).where(
        c.organization_id == scope.organization_id,
        or_(*(one_of(column, names) for column in (c.firstname, c.lastname, c.firstname + " " + c.lastname))),
    )


# -- assets --------------------------------------------------------------------------------------------------------


def _own_asset_conditions(where: Where, scope: Scope, assets: Any, projects: Sequence[str]) -> Conditions:
    return [
        condition
        for name, value in _given(where).items()
        if name != "project"
        for condition in _ASSET_FILTERS[name](name, value, scope, assets, projects)
    ]


def _asset_label(_: str, where: Where, scope: Scope, assets: Any, projects: Sequence[str]) -> Conditions:
    """One label of the asset satisfies all that is asked of labels."""
    given = {name: value for name, value in _given(where).items() if value != "" or name != "search"}
    if not given:
        return []
    labels = scope.alias(t.labels)
    inner = _own_label_conditions(given, scope, labels, projects)
    if "project" in given:
        inner.append(_in_projects(labels.c.project_id, project_ids(given["project"], scope)))
    if "asset" in given:
        rows, of = scope.alias(t.assets), given["asset"]
        within = _in_projects(rows.c.project_id, project_ids(of.get("project"), scope))
        also = _own_asset_conditions(of, scope, rows, projects)
        inner.append(labels.c.asset_id.in_(select(rows.c.id).where(within, *also)))
    if "search" in given:  # found through the counts, once for all assets
        inner.append(_in_projects(labels.c.project_id, projects))
        return [assets.c.id.in_(select(labels.c.asset_id).where(*inner))]
    return [exists(select(literal_column("1")).where(labels.c.asset_id == assets.c.id, *inner))]


def _asset_issue(_: str, where: Where, scope: Scope, assets: Any, __: Sequence[str]) -> Conditions:
    """One issue of the asset is of this type and has this status."""
    given = _given(where)
    if not given:
        return []
    issues = scope.alias(t.issues)
    inner = [issues.c[name] == value for name, value in given.items()]
    return [exists(select(literal_column("1")).where(issues.c.asset_id == assets.c.id, *inner))]


def _asset_metadata(_: str, where: object, __: Scope, assets: Any, ___: Sequence[str]) -> Conditions:
    if not isinstance(where, Mapping):
        raise refused("`metadata` is an object: keys, and the values that assets must have under them")
    if len(where) > MAX_METADATA:
        raise refused(f"`metadata` has at most {MAX_METADATA} keys, and here are {len(where):,}")
    return [_metadata(assets.c.json_metadata, str(key), value) for key, value in where.items() if value is not None]


def _metadata(metadata: ColumnElement[Any], key: str, value: object) -> Condition:
    entry = func.json_each(metadata).table_valued("key", "value", "type")
    number = entry.c.type.in_(("integer", "real"))
    match value:
        case bool():
            passes: Condition = entry.c.type == ("true" if value else "false")
        case int() | float():
            passes = and_(number, entry.c.value == _number(value))
        case str():
            passes = and_(entry.c.type == "text", entry.c.value == value)
        case [bool(), _] | [_, bool()]:
            raise _bad_metadata(key)
        case [int() | float() as low, int() | float() as high]:
            passes = and_(number, entry.c.value >= _number(low), entry.c.value <= _number(high))
        case list() if all(isinstance(item, str) for item in value):
            passes = and_(entry.c.type == "text", one_of(entry.c.value, value))
        case _:
            raise _bad_metadata(key)
    return exists(select(literal_column("1")).select_from(entry).where(entry.c.key == key, passes))


def _number(value: float) -> float:
    """A number as SQLite reads it in JSON: a whole one beyond 64 bits is one with a fraction, or infinite."""
    if -(2**63) <= value < 2**63:
        return value
    try:
        return float(value)
    except OverflowError:
        return inf if value > 0 else -inf


def _bad_metadata(key: str) -> Exception:
    what = "a text, a number, true, false, a list of texts (one of them), or two numbers (from, to)"
    return refused(f"the metadata filter `{key}` takes {what}", key=key)


def _asset_external_id(name: str, values: Sequence[str], _: Scope, assets: Any, __: Sequence[str]) -> Conditions:
    column = assets.c.external_id
    if name == "externalIdStrictlyIn":
        return [one_of(column, values)]
    part = _listed(values)
    return [exists(select(literal_column("1")).select_from(part.table).where(func.instr(column, part) > 0))]


def _asset_assignee(name: str, people: Sequence[str], scope: Scope, assets: Any, _: Sequence[str]) -> Conditions:
    """Assigned to one of these people, or (`NotIn`) to somebody else."""
    rows = scope.alias(t.assignees)
    inner = (rows.c.asset_id == assets.c.id, _by(rows.c.user_id, name, people, scope))
    return [exists(select(literal_column("1")).where(*inner))]


def _asset_step(name: str, values: Sequence[Any], _: Scope, assets: Any, __: Sequence[str]) -> Conditions:
    if name.startswith("stepIdAndStatus"):
        pair = _listed(values)
        pairs = select(*(func.json_extract(pair, f"$.{part}") for part in ("stepId", "status")))
        return [_kept(tuple_(assets.c.step_id, assets.c.step_status).in_(pairs), name)]
    return [_kept(one_of(assets.c["step_id" if name.startswith("stepId") else "step_status"], values), name)]


def _asset_group(name: str, values: Sequence[str], _: Scope, assets: Any, __: Sequence[str]) -> Conditions:
    of_groups = (
        select(t.steps.c.id)
        .join(t.step_groups, t.step_groups.c.id == t.steps.c.group_id)
        .where(one_of(t.step_groups.c.name, values))
    )
    return [_kept(assets.c.step_id.in_(of_groups), name)]


def _kept(condition: Condition, name: str) -> Condition:
    """The condition, or for `NotIn` its opposite, which holds too where there is no step."""
    return not_(func.coalesce(condition, literal(False))) if name.endswith("NotIn") else condition


def _asset_column(column: str) -> Callable[..., Conditions]:
    return lambda name, value, scope, assets, projects: [assets.c[column] == value]


def _asset_bound(column: str) -> Callable[..., Conditions]:
    return lambda name, value, scope, assets, projects: [_bound(assets.c[column], name, value)]


def _asset_moment(column: str) -> Callable[..., Conditions]:
    return lambda name, value, scope, assets, projects: [_moment(assets.c[column], name, value)]


_ASSET_FILTERS: dict[str, Callable[..., Conditions]] = {
    "id": _asset_column("uid"),
    "idIn": lambda name, value, scope, assets, projects: [one_of(assets.c.uid, value)],
    "idNotIn": lambda name, value, scope, assets, projects: [not_(one_of(assets.c.uid, value))],
    "externalIdStrictlyIn": _asset_external_id,
    "externalIdIn": _asset_external_id,
    "statusIn": lambda name, value, scope, assets, projects: [one_of(assets.c.status, value)],
    "skipped": _asset_column("skipped"),
    "metadata": _asset_metadata,
    "assigneeIn": _asset_assignee,
    "assigneeNotIn": _asset_assignee,
    "label": _asset_label,
    "issue": _asset_issue,
    **{f"{mark}Mark{end}": _asset_bound(f"{mark}_mark") for mark in ("consensus", "honeypot", "inference") for end in ("Gte", "Lte")},
    **{f"{when}At{end}": _asset_moment(f"{when}_at") for when in ("created", "updated") for end in ("Gte", "Lte")},
    **{f"{what}{end}": _asset_step for what in ("stepId", "stepStatus", "stepIdAndStatus") for end in ("In", "NotIn")},
    **{f"groupName{end}": _asset_group for end in ("In", "NotIn")},
}  # fmt: skip

# -- parts of conditions -------------------------------------------------------------------------------------------


def _given(where: Where | None) -> dict[str, Any]:
    """The filters that are not null."""
    return {name: value for name, value in (where or {}).items() if value is not None}


def _in_projects(column: ColumnElement[Any], projects: Sequence[str]) -> Condition:
    if len(projects) == 1:
        return column == projects[0]
    return one_of(column, projects) if projects else false()


def _moment(column: ColumnElement[Any], name: str, value: str) -> Condition:
    first, last = span(value)
    if name.endswith("Gte"):
        return column >= first
    if name.endswith("Lte"):
        return column <= last
    return column.between(first, last)


def _bound(column: ColumnElement[Any], name: str, value: float) -> Condition:
    return column >= value if name.endswith("Gte") else column <= value


def _listed(values: Sequence[object]) -> Any:
    return func.json_each(json.dumps(list(values))).table_valued("value").c.value


def _users(where: Where, scope: Scope) -> Any:
    return select(t.users.c.id).where(*user_conditions(where, scope))


def _organizations_of(where: Where, scope: Scope) -> Any:
    rows = scope.alias(t.users)
    return select(rows.c.organization_id).where(*user_conditions(where, scope, rows))
