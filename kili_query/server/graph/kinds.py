"""Where the fields of the schema stand: for each type its table, its key, its order, and a row for each field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, Text, case, cast, false, func, literal, select, text

from kili_query.model.decoding import decode_json
from kili_query.model.kili import BY_PEOPLE
from kili_query.server.graph.reading import Column, Embedded, Field, Kind, Many, One, Reader
from kili_query.server.store import tables as t


def _plain(table: Table, names: str, **renamed: str) -> dict[str, Field]:
    """Fields that are columns of the same name, in the other way of writing; or of another name."""
    found: dict[str, Field] = {}
    for name in names.split():
        column = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
        found[name] = Column(table.c[column])
    return found | {name: Column(table.c[column]) for name, column in renamed.items()}


def _one_row(column: ColumnElement[Any], *conditions: ColumnElement[bool]) -> ColumnElement[Any]:
    return select(column).where(*conditions).scalar_subquery()


def _kind(table: Table, fields: Mapping[str, Field], *order: ColumnElement[Any], **instead: tuple[str, Field]) -> Kind:
    in_order: Any = order or (table.c.created_at, text(f"{table.name}.rowid"))
    return Kind(table, table.c.id, in_order, fields, instead)


def _address(reader: Reader, content: str | None) -> str | None:
    return reader.address(content) if content else content


def _response_address(reader: Reader, name: str) -> str | None:
    return reader.response_address(name) if reader.response_address else None


def _response(reader: Reader, text: str) -> str | None:
    return None if reader.response_address else text


def _decoded(_: Reader, text: str | None) -> Any:
    return None if text is None else decode_json(text)


def _annotations(_: Reader, text: str | None) -> Any:
    return decode_json(text) if text else []


def _never(_: Reader, __: object) -> list[Any]:
    return []


# -- labels of an asset --------------------------------------------------------------------------------------------

FINISHED = BY_PEOPLE
"""The label types that people finish: neither predictions nor drafts."""


def step_of(labels: Any) -> ColumnElement[Any]:
    """What tells the steps apart that labels belong to: the name, or without steps whether it is a review."""
    return func.coalesce(labels.c.step_name, labels.c.label_type)


def _of_last(column: Any) -> ColumnElement[Any]:
    """A column of the last finished label of the same asset."""
    last = t.labels.alias("last")
    found = select(column(last)).where(last.c.asset_id == t.labels.c.asset_id, last.c.label_type.in_(FINISHED))
    newest = found.order_by(last.c.created_at.desc(), last.c.id.desc()).limit(1)
    return newest.correlate(t.labels).scalar_subquery()


def _latest(query: Select[Any]) -> Select[Any]:
    return query.where(t.labels.c.id == _of_last(lambda last: last.c.id))


def _latest_of_each(query: Select[Any]) -> Select[Any]:
    """The last label of each annotator in the step of the last label."""
    return query.where(t.labels.c.is_last_for_step, step_of(t.labels) == _of_last(step_of))


# -- the types -----------------------------------------------------------------------------------------------------

_license = {"license": Embedded(t.organizations.c.license)}
_organizations = _kind(t.organizations, _plain(t.organizations, "id name") | _license)

_users = _kind(
    t.users,
    _plain(t.users, "id email firstname lastname activated createdAt updatedAt organizationId organizationRole")
    | {
        "name": Column(func.trim(func.coalesce(t.users.c.firstname, "") + " " + func.coalesce(t.users.c.lastname, ""))),
        "organization": One(t.users.c.organization_id, "Organization"),
    },
)

_api_keys = _kind(
    t.api_keys,
    _plain(t.api_keys, "id name key createdAt expiryDate revoked userId") | {"user": One(t.api_keys.c.user_id, "User")},
)

_notifications = _kind(
    t.notifications,
    _plain(t.notifications, "id status message createdAt url", hasBeenSeen="seen", userID="user_id"),
)


def status_of(users: Any) -> ColumnElement[Any]:
    """Whether a user works in projects."""
    admin = users.c.organization_role == "ADMIN"
    return case((~users.c.activated, "ORG_SUSPENDED"), (admin, "ORG_ADMIN"), else_="ACTIVATED")


_project_users = _kind(
    t.project_users,
    _plain(t.project_users, "id role")
    | {
        "activated": Column(_one_row(t.users.c.activated, t.users.c.id == t.project_users.c.user_id)),
        "status": Column(_one_row(status_of(t.users), t.users.c.id == t.project_users.c.user_id)),
        "starred": Column(false()),
        "user": One(t.project_users.c.user_id, "User"),
    },
    text("project_users.rowid"),  # type: ignore[arg-type]
)


def _assigned_to_step(query: Select[Any]) -> Select[Any]:
    return query.join(t.step_assignees, t.step_assignees.c.user_id == t.users.c.id)


_steps = _kind(
    t.steps,
    _plain(
        t.steps, "id name type consensusCoverage", order="position", stepGroupId="group_id",
        numberOfExpectedLabelsForConsensus="expected_labels", stepCoverage="coverage",
    )
    | {"assignees": Many(t.steps.c.id, "User", t.step_assignees.c.step_id, _assigned_to_step)},
    t.steps.c.position,
)  # fmt: skip

_step_groups = _kind(t.step_groups, _plain(t.step_groups, "id name"), text("step_groups.rowid"))  # type: ignore[arg-type]


def _setting(name: str) -> ColumnElement[Any]:
    return func.json_extract(t.projects.c.settings, f"$.{name}")


def _flag(_: Reader, value: int | None) -> bool | None:
    return None if value is None else bool(value)


SETTINGS: dict[str, Any] = {
    "canNavigateBetweenAssets": _flag,
    "canSkipAsset": _flag,
    "complianceTags": _decoded,
    "consensusMark": None,
    "honeypotMark": None,
    "projectType": None,
    "shouldAutoAssign": _flag,
    "shouldRelaunchKpiComputation": _flag,
    "useHoneyPot": _flag,
}
"""Settings that are kept as they were given, and change nothing here."""


_projects = _kind(
    t.projects,
    _plain(
        t.projects, "id title description inputType jsonInterface workflowVersion instructions createdAt updatedAt archived deleted "
        "consensusTotCoverage minConsensusSize reviewCoverage",
    )
    | {
        "author": One(t.projects.c.author_id, "User"),
        "organization": One(t.projects.c.organization_id, "Organization"),
        "roles": Many(t.projects.c.id, "ProjectUser", t.project_users.c.project_id),
        "steps": Many(t.projects.c.id, "ProjectStep", t.steps.c.project_id),
        "stepGroups": Many(t.projects.c.id, "StepGroup", t.step_groups.c.project_id),
        "dataConnections": Column(literal(0), _never),
        **{name: Column(_setting(name), finish) for name, finish in SETTINGS.items()},
        "geospatialSettings": Column(t.projects.c.geospatial_settings, _decoded),
        "metadataProperties": Column(t.projects.c.metadata_properties, _decoded),
        "numberOfAssets": Column(_one_row(func.count(t.assets.c.id), t.assets.c.project_id == t.projects.c.id)),
    },
)  # fmt: skip

_issues = _kind(t.issues, _plain(t.issues, "id status type createdAt", issueNumber="number"), t.issues.c.number)

_locks = _kind(
    t.locks, _plain(t.locks, "id createdAt") | {"author": One(t.locks.c.user_id, "User")}, t.locks.c.created_at
)


def holds(locks: Any) -> ColumnElement[bool]:
    """Whether a lock still keeps others away."""
    found: ColumnElement[bool] = locks.c.valid_until > func.strftime("%Y-%m-%dT%H:%M:%fZ", "now")
    return found


_current_step = (
    select(
        func.json_object(
            "id", t.steps.c.id, "name", t.steps.c.name, "type", t.steps.c.type,
            "status", t.assets.c.step_status, "stepGroupName", t.step_groups.c.name,
        )
    )
    .select_from(t.steps.outerjoin(t.step_groups, t.step_groups.c.id == t.steps.c.group_id))
    .where(t.steps.c.id == t.assets.c.step_id)
    .scalar_subquery()
)  # fmt: skip


def _assigned(kind: str, column: ColumnElement[Any]) -> Many:
    """The users that an asset is assigned to."""
    return Many(
        t.assets.c.id, kind, t.assignees.c.asset_id, lambda q: q.join(t.assignees, t.assignees.c.user_id == column)
    )


def _assigned_in_project(query: Select[Any]) -> Select[Any]:
    joined = query.join(t.assignees, t.assignees.c.user_id == t.project_users.c.user_id)
    same = select(t.assets.c.project_id).where(t.assets.c.id == t.assignees.c.asset_id).scalar_subquery()
    return joined.where(t.project_users.c.project_id == same)


_labels_of = (t.assets.c.id, "Label", t.labels.c.asset_id)

_assets = _kind(
    t.assets,
    _plain(
        t.assets, "externalId jsonMetadata ocrMetadata duration createdAt updatedAt status skipped priority isHoneypot "
        "isUsedForConsensus consensusMark honeypotMark inferenceMark projectId", id="uid",
    )
    | {
        "content": Column(t.assets.c.content, _address),
        "jsonContent": Column(t.assets.c.json_content, _address),
        "thumbnail": Column(t.assets.c.thumbnail, _address),
        "currentStep": Embedded(_current_step),
        "resolution": Embedded(t.assets.c.resolution),
        "pageResolutions": Embedded(t.assets.c.page_resolutions),
        "geospatialExportMetadata": Column(t.assets.c.geospatial_export_metadata, _decoded),
        "toBeLabeledBy": Many(t.assets.c.id, "ProjectUser", t.assignees.c.asset_id, _assigned_in_project),
        "assignees": _assigned("User", t.users.c.id),
        "issues": Many(t.assets.c.id, "Issue", t.issues.c.asset_id),
        "locks": Many(t.assets.c.id, "Lock", t.locks.c.asset_id),
        "numberOfValidLocks": Column(_one_row(func.count(t.locks.c.id), t.locks.c.asset_id == t.assets.c.id, holds(t.locks))),
        "labels": Many(*_labels_of),
        "latestLabel": Many(*_labels_of, _latest, single=True),
        "latestLabels": Many(*_labels_of, _latest_of_each),
        "project": One(t.assets.c.project_id, "Project"),
    },
    t.assets.c.created_at, t.assets.c.id,
)  # fmt: skip

_answers = _one_row(t.responses.c.json, t.responses.c.label_id == t.labels.c.id)

_labels = _kind(
    t.labels,
    _plain(
        t.labels, "createdAt updatedAt labelType modelName secondsToLabel totalSecondsToLabel numberOfAnnotations consensusMark "
        "honeypotMark inferenceMark skipped stepName isLatestLabelForUser isLatestDefaultLabelForUser "
        "isLatestReviewLabelForUser isLastForStep isSentBackToQueue referencedLabelId", id="uid",
    )
    | {
        "assetId": Column(_one_row(t.assets.c.uid, t.assets.c.id == t.labels.c.asset_id)),
        "author": One(t.labels.c.author_id, "User"),
        "labelOf": One(t.labels.c.asset_id, "Asset"),
        "jsonResponse": Column(_answers, _response),
        "jsonResponseUrl": Column(cast(t.labels.c.id, Text) + "/" + t.labels.c.uid, _response_address),
        "annotations": Column(_one_row(t.responses.c.annotations, t.responses.c.label_id == t.labels.c.id), _annotations),
    },
    t.labels.c.created_at, t.labels.c.id,
    jsonResponse=("jsonResponseUrl", Column(_answers)),  # older clients do not ask for the address
)  # fmt: skip

KINDS: dict[str, Kind] = {
    "ApiKey": _api_keys,
    "Asset": _assets,
    "Issue": _issues,
    "Label": _labels,
    "Lock": _locks,
    "Notification": _notifications,
    "Organization": _organizations,
    "Project": _projects,
    "ProjectStep": _steps,
    "ProjectUser": _project_users,
    "StepGroup": _step_groups,
    "User": _users,
}
"""Where everything stands. A test compares it with the schema."""
