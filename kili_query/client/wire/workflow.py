"""Workflow steps: which filters a project has, and the ids of steps that are given by name (sdk-methods.md 2.1, 3.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kili_query.client.messages import warn
from kili_query.client.operations.projects import Project
from kili_query.errors import ArgumentError
from kili_query.lang.wording import listed, nearest

_STEP_FILTERS = (
    "step_name_in", "step_name_not_in", "step_status_in", "step_status_not_in",
    "step_name_and_status_in", "step_name_and_status_not_in",
    "step_id_in", "step_id_not_in", "step_id_and_status_in", "step_id_and_status_not_in",
)  # fmt: skip
_GROUP_FILTERS = ("group_name_in", "group_name_not_in")
_OLD_STATUSES = {"DOING": "IN_PROGRESS", "REDO": "REWORK"}


def needs_workflow(arguments: Mapping[str, Any], prefix: str = "") -> bool:
    """True if the arguments filter by what depends on the workflow of the project."""
    names = ("status_in", *_STEP_FILTERS, *_GROUP_FILTERS)
    return any(arguments.get(prefix + name) is not None for name in names)


def resolve_steps(arguments: Mapping[str, Any], project: Project, prefix: str = "") -> dict[str, Any]:
    """The arguments with steps by id instead of by name. `prefix` is "asset_" for the label methods.

    Raises
    ------
    ArgumentError: the project has no steps, or none of that name, or a step is given both by name and by id.
    """
    resolved = dict(arguments)

    def given(names: Iterable[str]) -> list[str]:
        return [prefix + name for name in names if arguments.get(prefix + name) is not None]

    by_step, by_group = given(_STEP_FILTERS), given(_GROUP_FILTERS)
    if project.workflow == "V1" and by_step:
        raise ArgumentError(
            by_step[0], f"filters by workflow steps, and this project has none; `{prefix}status_in` filters here"
        )
    if project.workflow != "V3" and by_group:
        raise ArgumentError(
            by_group[0], f"filters by step groups, and this project (workflow {project.workflow}) has none"
        )
    if project.workflow != "V1" and arguments.get(prefix + "status_in") is not None:
        warn(f"`{prefix}status_in` is made for workflow V1; this project has steps: use `{prefix}step_status_in`")
    for ending in ("in", "not_in"):
        names, ids = f"{prefix}step_name_{ending}", f"{prefix}step_id_{ending}"
        if arguments.get(names) is not None:
            _refuse_both(arguments, names, ids)
            resolved[ids] = [step for name in arguments[names] for step in _ids_of(name, project, names)]
        resolved.pop(names, None)
        names, ids = f"{prefix}step_name_and_status_{ending}", f"{prefix}step_id_and_status_{ending}"
        pairs = arguments.get(ids)
        if arguments.get(names) is not None:
            _refuse_both(arguments, names, ids)
            pairs = [(step, status) for name, status in arguments[names] for step in _ids_of(name, project, names)]
        if pairs is not None:
            resolved[ids] = [{"stepId": step, "status": status} for step, status in pairs]
        resolved.pop(names, None)
    _tell_old_statuses(resolved, prefix)
    return resolved


def _refuse_both(arguments: Mapping[str, Any], names: str, ids: str) -> None:
    if arguments.get(ids) is not None:
        raise ArgumentError(names, f"and `{ids}` are both given; a step is named once")


def _ids_of(name: str, project: Project, argument: str) -> list[str]:
    ids = [step.id for step in project.steps if step.name == name]
    if not ids:
        known = list(dict.fromkeys(step.name for step in project.steps))
        alike = nearest(name, known, 1)
        raise ArgumentError(
            argument,
            f"holds `{name}`, and the project has no such step; "
            + (f"`{alike[0]}` is near" if alike else f"its steps are {listed(known)}"),
        )
    return ids


def _tell_old_statuses(arguments: Mapping[str, Any], prefix: str) -> None:
    for name in ("step_status_in", "step_status_not_in"):
        for old, new in _OLD_STATUSES.items():
            if old in (arguments.get(prefix + name) or ()):
                warn(f"`{old}` in `{prefix}{name}` is deprecated: use `{new}`", DeprecationWarning)


def step_of(name: str | None, step_id: str | None, group: str | None, project: Project | None) -> str | None:
    """The id of a step that is given by its name, with its group where the name is not unique, or by its id.

    Raises
    ------
    ArgumentError: it is given in both ways, or the project has no such step, or several.
    """
    if step_id is not None:
        if name is not None or group is not None:
            raise ArgumentError("step_id", "and `step_name` or `group_name` are both given; a step is named once")
        return step_id
    if name is None:
        if group is not None:
            raise ArgumentError("group_name", "tells steps of the same `step_name` apart, which is not given")
        return None
    if project is None:
        raise ArgumentError("step_name", "is a step of a project; `project_id` says which")
    if not project.steps:
        raise ArgumentError("step_name", f"is `{name}`, and the project has no steps")
    ids = _ids_of(name, project, "step_name")
    if group is not None:
        ids = [step.id for step in project.steps if step.id in ids and step.group == group]
        if not ids:
            raise ArgumentError("group_name", f"is `{group}`, and the project has no step `{name}` in such a group")
    if len(ids) > 1:
        raise ArgumentError("step_name", f"is `{name}`, and the project has {len(ids)} such steps; `group_name` or `step_id` tells which")  # fmt: skip
    return ids[0]
