"""The `where` objects of the wire, out of the arguments of the methods (wire.md 6)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kili_query.client.arguments import shown
from kili_query.client.messages import warn
from kili_query.errors import ArgumentError

Arguments = Mapping[str, Any]
Where = dict[str, Any]

_ASSET = {
    "status_in": "statusIn",
    "skipped": "skipped",
    "consensus_mark_gte": "consensusMarkGte",
    "consensus_mark_lte": "consensusMarkLte",
    "honeypot_mark_gte": "honeypotMarkGte",
    "honeypot_mark_lte": "honeypotMarkLte",
    "inference_mark_gte": "inferenceMarkGte",
    "inference_mark_lte": "inferenceMarkLte",
    "metadata_where": "metadata",
    "assignee_in": "assigneeIn",
    "assignee_not_in": "assigneeNotIn",
    "created_at_gte": "createdAtGte",
    "created_at_lte": "createdAtLte",
    "updated_at_gte": "updatedAtGte",
    "updated_at_lte": "updatedAtLte",
}
"""Parameter of the asset methods: field of AssetWhere."""

_ASSET_UNLESS_EMPTY = {
    "asset_id": "id",
    "asset_id_in": "idIn",
    "asset_id_not_in": "idNotIn",
    "external_id_strictly_in": "externalIdStrictlyIn",
    "external_id_in": "externalIdIn",
    "group_name_in": "groupNameIn",
    "group_name_not_in": "groupNameNotIn",
}
"""The same, for those that Kili's own SDK drops when they are empty; elsewhere an empty list is sent."""

_STEPS = {
    "step_id_in": "stepIdIn",
    "step_id_not_in": "stepIdNotIn",
    "step_status_in": "stepStatusIn",
    "step_status_not_in": "stepStatusNotIn",
    "step_id_and_status_in": "stepIdAndStatusIn",
    "step_id_and_status_not_in": "stepIdAndStatusNotIn",
}
"""Filters of workflow steps, by id: `workflow.py` makes ids of names."""

_LABEL_OF_ASSET = {
    "label_type_in": "typeIn",
    "label_author_in": "authorIn",
    "label_labeler_in": "labelerIn",
    "label_labeler_not_in": "labelerNotIn",
    "label_reviewer_in": "reviewerIn",
    "label_reviewer_not_in": "reviewerNotIn",
    "label_consensus_mark_gte": "consensusMarkGte",
    "label_consensus_mark_lte": "consensusMarkLte",
    "label_created_at": "createdAt",
    "label_created_at_gte": "createdAtGte",
    "label_created_at_lte": "createdAtLte",
    "label_honeypot_mark_gte": "honeypotMarkGte",
    "label_honeypot_mark_lte": "honeypotMarkLte",
}
"""Parameter of the asset methods: field of the LabelWhere that one label of the asset must satisfy as a whole."""

_LABEL_UNLESS_EMPTY = {"label_id": "id", "id_contains": "idIn"}
_LABEL = {
    "author_in": "authorIn",
    "created_at": "createdAt",
    "created_at_gte": "createdAtGte",
    "created_at_lte": "createdAtLte",
    "honeypot_mark_gte": "honeypotMarkGte",
    "honeypot_mark_lte": "honeypotMarkLte",
    "type_in": "typeIn",
}
"""Parameter of the label methods: field of LabelWhere."""

_PROJECT_UNLESS_EMPTY = {"project_id": "id", "tags_in": "tagIds"}
_PROJECT = {
    "search_query": "searchQuery",
    "should_relaunch_kpi_computation": "shouldRelaunchKpiComputation",
    "updated_at_gte": "updatedAtGte",
    "updated_at_lte": "updatedAtLte",
    "archived": "archived",
    "deleted": "deleted",
    "starred": "starred",
    "organization_id": "organizationId",
}
"""Parameter of the project methods: field of ProjectWhere."""

ALIASES = {
    f"{name}_{old}": f"{name}_{old}e"
    for name in ("consensus_mark", "honeypot_mark", "label_consensus_mark", "label_created_at", "label_honeypot_mark")
    for old in ("gt", "lt")
}
"""Deprecated parameters of the asset methods, and what they mean: `_gt` was never strict (sdk-methods.md 3.1)."""

MANY_EXTERNAL_IDS = 10
"""How many texts to look for in external ids are slow for Kili's server (sdk-methods.md 3.1)."""


def asset_where(arguments: Arguments, search: str | None = None) -> Where:
    """The AssetWhere of the arguments of `assets` and `count_assets`."""
    where: Where = {"project": {"id": arguments["project_id"]}}
    _fill(where, arguments, _ASSET_UNLESS_EMPTY, empty=False)
    _fill(where, arguments, _ASSET)
    _fill(where, arguments, _STEPS)
    where["label"] = label_criteria(arguments, search)
    where["issue"] = _fill({}, arguments, {"issue_type": "type", "issue_status": "status"})
    if "metadata" in where:
        _require_json(where["metadata"], "metadata_where")
    return where


def label_criteria(arguments: Arguments, search: str | None = None) -> Where:
    """What one label of an asset must satisfy."""
    where = _fill({}, arguments, _LABEL_OF_ASSET)
    if search is not None:
        where["search"] = search
    return where


def label_where(arguments: Arguments, search: str | None = None) -> Where:
    """The LabelWhere of the arguments of `labels`, `predictions`, `inferences` and `count_labels`."""
    asset = {
        "project_id": arguments["project_id"],
        "asset_id": arguments.get("asset_id"),
        "external_id_in": arguments.get("asset_external_id_in"),
        "external_id_strictly_in": arguments.get("asset_external_id_strictly_in"),
        "status_in": arguments.get("asset_status_in"),
        "group_name_in": arguments.get("asset_group_name_in"),
        "group_name_not_in": arguments.get("asset_group_name_not_in"),
        "step_id_in": arguments.get("asset_step_id_in"),
        "step_status_in": arguments.get("asset_step_status_in"),
    }
    where: Where = {"asset": asset_where(asset), "project": {"id": arguments["project_id"]}}
    _fill(where, arguments, _LABEL)
    _fill(where, arguments, _LABEL_UNLESS_EMPTY, empty=False)
    if search is not None:
        where["search"] = search
    if arguments.get("user_id"):
        # of a user, Kili's own SDK sends all that a user can be asked for
        where["user"] = {
            "activated": None,
            "email": None,
            "id": arguments["user_id"],
            "idIn": None,
            "organization": {"id": None},
        }
    return where


def labels_of_assets_where(arguments: Arguments, search: str | None) -> Where:
    """The labels that make an asset satisfy its label criteria, one by one."""
    asset = asset_where({name: value for name, value in arguments.items() if name not in _LABEL_OF_ASSET})
    return {"asset": asset, "project": {"id": arguments["project_id"]}, **label_criteria(arguments, search)}


def project_where(arguments: Arguments) -> Where:
    """The ProjectWhere of the arguments of `projects` and `count_projects`."""
    return _fill(_fill({}, arguments, _PROJECT_UNLESS_EMPTY, empty=False), arguments, _PROJECT)


def without_aliases(arguments: Arguments) -> dict[str, Any]:
    """The arguments of an asset method with deprecated names replaced by what they mean, each with a warning.

    An old name wins over the new one, if it is not 0, empty or None (sdk-methods.md 3.1).
    """
    changed = dict(arguments)
    for old, new in ALIASES.items():
        value = changed.pop(old, None)
        if value:
            _deprecated(old, new)
            changed[new] = value
    contains = changed.pop("external_id_contains", None)
    if contains is not None:
        _deprecated("external_id_contains", "external_id_strictly_in")
        changed["external_id_strictly_in"] = changed.get("external_id_strictly_in") or contains
    if len(changed.get("external_id_in") or ()) > MANY_EXTERNAL_IDS:
        warn(
            f"`external_id_in` looks for more than {MANY_EXTERNAL_IDS} texts within external ids, which is slow; "
            "`external_id_strictly_in` takes whole external ids"
        )
    return changed


def _deprecated(old: str, new: str) -> None:
    warn(f"`{old}` is deprecated: use `{new}`", DeprecationWarning)


def _fill(where: Where, arguments: Arguments, names: Mapping[str, str], *, empty: bool = True) -> Where:
    """Put the arguments that are given under their names on the wire; `empty` ones, too, or not."""
    for name, field in names.items():
        value = arguments.get(name)
        if value is not None and (empty or value):
            where[field] = value
    return where


def _require_json(value: Any, argument: str) -> None:
    """Refuse what JSON cannot express."""

    def refuse(part: object) -> None:
        raise TypeError(f"it holds {shown(part)}")

    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False, default=refuse).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ArgumentError(
            argument, f"cannot be sent as JSON: {error}; it takes texts, numbers, True, False, None, and lists of them"
        ) from None
