"""Projects on the wire: what the SDK asks about them, and what it makes of the answers."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from kili_query.client.types import Row
from kili_query.client.wire.documents import Operation, count_query, indented, page_query, selection
from kili_query.client.wire.shapes import number, objects, rows_of
from kili_query.errors import ArgumentError, DataError, ServerError
from kili_query.model.decoding import decode_json
from kili_query.model.kili import PIXEL_GRID
from kili_query.model.ontology import Ontology

DEFAULT_FIELDS = (
    "consensusTotCoverage", "id", "inputType", "jsonInterface", "minConsensusSize", "reviewCoverage",
    "roles.id", "roles.role", "roles.user.email", "roles.user.id", "title",
)  # fmt: skip
"""The fields of `projects`, unless others are asked for."""

COUNT = Operation("countProjects", count_query("countProjects", "ProjectWhere"), number)

FACTS = Operation(
    "projects",
    page_query(
        "projects",
        "ProjectWhere",
        selection(["id", "inputType", "jsonInterface", "workflowVersion", "steps.id", "steps.name"]),
    ),
    objects,
)
"""All that the SDK needs to know of a project, in one question instead of Kili's two or three."""


CONNECTIONS = Operation(
    "projects",
    page_query("projects", "ProjectWhere", selection(["dataConnections.id"])),
    lambda value: any(row.get("dataConnections") for row in objects(value)),
)
"""Whether the assets of a project lie in a storage that is connected to it."""


def _made(value: Any) -> str:
    """The id of a project that was made.

    Raises
    ------
    ServerError: there is none.
    """
    if not isinstance(value, dict) or not isinstance(value.get("id"), str):
        raise ServerError("the answer lacks the id of the project; `projects()` lists what is there")
    return str(value["id"])


def _deleted(value: Any) -> str | None:
    """The id of a deleted project, from the answer of the mutation."""
    return value if isinstance(value, str) else None


CREATE = Operation(
    "createProject",
    "mutation ($data: CreateProjectData!) {\n  data: createProject(data: $data) {\n    id\n  }\n}",
    _made,
    change=True,
)

DELETE = Operation(
    "deleteProjectAsynchronously",
    "mutation ($where: ProjectWhere!) {\n  data: deleteProjectAsynchronously(where: $where)\n}",
    _deleted,
    change=True,
)


PROPERTIES = {
    "can_navigate_between_assets": "canNavigateBetweenAssets",
    "can_skip_asset": "canSkipAsset",
    "compliance_tags": "complianceTags",
    "consensus_mark": "consensusMark",
    "consensus_tot_coverage": "consensusTotCoverage",
    "description": "description",
    "honeypot_mark": "honeypotMark",
    "instructions": "instructions",
    "json_interface": "jsonInterface",
    "min_consensus_size": "minConsensusSize",
    "review_coverage": "reviewCoverage",
    "should_relaunch_kpi_computation": "shouldRelaunchKpiComputation",
    "title": "title",
    "use_honeypot": "useHoneyPot",
    "metadata_properties": "metadataProperties",
    "should_auto_assign": "shouldAutoAssign",
}
"""The arguments of `update_properties_in_project`, and the properties that they are on the wire."""


def updating(project_id: str, arguments: Mapping[str, Any]) -> Operation[Row]:
    """The operation that changes a project; properties that are None are left out. It gives those that were changed.

    Raises
    ------
    ArgumentError: the interface is no ontology.
    """
    data = {wire: arguments[name] for name, wire in PROPERTIES.items() if arguments[name] is not None}
    if arguments["seconds_to_label_before_auto_assign"] is not None:  # as older versions of `kili` called it
        data.setdefault("shouldAutoAssign", True)
    if "jsonInterface" in data:
        data["jsonInterface"] = _interface_text(data["jsonInterface"], None)
    if "metadataProperties" in data:
        data["metadataProperties"] = {
            name: _METADATA_PROPERTY | dict(given) for name, given in data["metadataProperties"].items()
        }
    document = f"""mutation updatePropertiesInProject($data: ProjectData!, $where: ProjectWhere!) {{
  data: updatePropertiesInProject(data: $data, where: $where) {indented(selection([*data, "id"]))}
}}"""
    return Operation("updatePropertiesInProject", document, _changed, {"data": data, "where": {"id": project_id}}, True)


_METADATA_PROPERTY = {"filterable": True, "type": "string", "visibleByLabeler": True, "visibleByReviewer": True}
"""What a property of metadata is, where nothing else is said (as in `kili`)."""


def _changed(value: Any) -> Row:
    _made(value)
    return read_rows([value])[0]


def metadata_properties(types: Mapping[str, Any]) -> dict[str, Row]:
    """The properties of metadata of which only the types are given."""
    return {name: {"type": kind} for name, kind in types.items()}


def _roles(value: Any) -> list[Row]:
    return objects(value.get("roles") or []) if isinstance(value, dict) else objects(value)


CREATE_USER = Operation(
    "createUser",
    """mutation ($data: CreateUserData!) {
  data: createUser(data: $data) {
    id
  }
}""",
    _changed,
    change=True,
)

APPEND_TO_ROLES = Operation(
    "appendToRoles",
    """mutation ($data: AppendToRolesData!, $where: ProjectWhere!) {
  data: appendToRoles(data: $data, where: $where) {
    id
    roles {
      id
      role
      user {
        id
        email
      }
    }
  }
}""",
    _roles,
    change=True,
)

USER_FIELDS = ("activated", "id", "role", "starred", "user.email", "user.id", "status")
"""The fields of `project_users`, unless others are asked for."""

COUNT_USERS = Operation("countProjectUsers", count_query("countProjectUsers", "ProjectUserWhere"), number)


def user_listing(fields: Iterable[str]) -> Operation[list[Row]]:
    """The operation that lists the people of a project."""
    asked = list(fields)
    return Operation("projectUsers", page_query("projectUsers", "ProjectUserWhere", selection(asked)), rows_of(asked))


def users_with_status(rows: Iterable[Row], statuses: Collection[str], *, keep: bool) -> list[Row]:
    """Those with one of these statuses; what was asked for that alone is taken away, unless it is to stay."""
    chosen = [row for row in rows if row.get("status") in statuses]
    return chosen if keep else [{name: value for name, value in row.items() if name != "status"} for row in chosen]


class Step(NamedTuple):
    """A step of a workflow."""

    id: str
    name: str
    group: str | None = None
    """Name of its group, where the steps are asked for with their groups."""


GROUPS = Operation(
    "getSteps",
    page_query(
        "projects",
        "ProjectWhere",
        selection(["steps.id", "steps.name", "steps.stepGroupId", "stepGroups.id", "stepGroups.name"]),
    ),
    objects,
)
"""The steps of a project with their groups, which are needed where steps of two groups have one name."""


def read_groups(row: Mapping[str, Any]) -> tuple[Step, ...]:
    """The steps, each with the name of its group."""
    groups = {group.get("id"): group.get("name") for group in row.get("stepGroups") or () if isinstance(group, dict)}
    return tuple(
        Step(str(step.get("id")), str(step.get("name")), groups.get(step.get("stepGroupId")))
        for step in row.get("steps") or ()
        if isinstance(step, dict)
    )


@dataclass(frozen=True)
class Project:
    """What the SDK knows of a project: its kind, its steps, and its ontology as the server gave it."""

    id: str
    input_type: str | None
    workflow: str
    steps: tuple[Step, ...]
    json_interface: object

    @cached_property
    def ontology(self) -> Ontology | None:
        """The ontology; None if the server gave none that can be read, and nothing can be checked against it."""
        interface = self.json_interface
        if not interface or interface in ("{}", "null"):
            return None
        try:
            return Ontology.from_json_interface(interface, self.input_type)
        except DataError:
            return None


def facts(project_id: str) -> Operation[list[Row]]:
    """The question for one project."""
    return FACTS.asking(where={"id": project_id}, first=1, skip=0)


def read_facts(row: Mapping[str, Any], project_id: str) -> Project:
    """The facts out of an answer, whatever of them is missing."""
    steps = row.get("steps")
    return Project(
        id=project_id,
        input_type=row.get("inputType") if isinstance(row.get("inputType"), str) else None,
        workflow=workflow if isinstance(workflow := row.get("workflowVersion"), str) and workflow else "V1",
        steps=tuple(
            Step(str(step.get("id")), str(step.get("name")))
            for step in (steps if isinstance(steps, list) else ())
            if isinstance(step, dict)
        ),
        json_interface=row.get("jsonInterface"),
    )


def listing(fields: Iterable[str]) -> Operation[list[Row]]:
    """The operation that lists projects."""
    asked = list(fields)
    return Operation("projects", page_query("projects", "ProjectWhere", selection(asked)), rows_of(asked))


def read_rows(rows: list[Row]) -> list[Row]:
    """Projects as the SDK gives them: `jsonInterface` is an object."""
    for row in rows:
        if isinstance(interface := row.get("jsonInterface"), str):
            try:
                row["jsonInterface"] = decode_json(interface)
            except DataError:
                row["jsonInterface"] = {}
    return rows


def creation(data: Row) -> Operation[str]:
    """The operation that makes a project."""
    return CREATE.asking(data=data)


def new_project(arguments: Mapping[str, Any]) -> Row:
    """What a new project is made of, as it is sent.

    Raises
    ------
    ArgumentError: the input type or the interface is missing, the interface is no ontology, or two arguments
        contradict each other.
    """
    input_type, interface, demo = (arguments[name] for name in ("input_type", "json_interface", "from_demo_project"))
    if arguments["pixel_labeling"] and (demo is not None or input_type != "GEOSPATIAL"):
        raise ArgumentError("pixel_labeling", "is for new projects with `input_type` GEOSPATIAL")
    if demo is None and input_type is None:
        raise ArgumentError("input_type", "is not given; it takes what is labelled, such as `IMAGE` or `TEXT`")
    if demo is None and interface is None:
        raise ArgumentError("json_interface", 'is not given; it takes an ontology, such as `{"jobs": {}}`')
    data = {"title": arguments["title"], "description": arguments["description"], "inputType": input_type}
    data["jsonInterface"] = "null" if interface is None else _interface_text(interface, input_type)
    if demo is not None:
        data["fromDemoProject"] = demo
    return data | _further(arguments["compliance_tags"], arguments["pixel_labeling"])


def copied_project(source: Mapping[str, Any], arguments: Mapping[str, Any]) -> Row:
    """What a copy of a project is made of: its ontology and kind, with another title.

    Raises
    ------
    ArgumentError: an argument contradicts the copied project.
    """
    for name in ("from_demo_project", "pixel_labeling"):
        if arguments[name]:
            raise ArgumentError(name, "is of the project that `project_id` copies; one of the two is given")
    pixels = (source.get("geospatialSettings") or {}).get("labelingCRSCode") == PIXEL_GRID
    data = {"title": arguments["title"], "description": arguments["description"], "inputType": source["inputType"]}
    interface = source["jsonInterface"]
    data["jsonInterface"] = interface if isinstance(interface, str) else json.dumps(interface)
    return data | _further(arguments["compliance_tags"], pixels)


def _further(compliance_tags: Any, pixel_labeling: bool) -> Row:
    """What older servers do not know, and is sent only where it is asked for."""
    return ({"complianceTags": list(compliance_tags)} if compliance_tags else {}) | (
        {"pixelLabeling": True} if pixel_labeling else {}
    )


def _interface_text(interface: Any, input_type: str | None) -> str:
    try:
        Ontology.from_json_interface(interface, input_type)
        return json.dumps(interface, allow_nan=False)
    except (DataError, TypeError, ValueError) as error:
        raise ArgumentError("json_interface", f"is no ontology: {error}") from None


COPIED = Operation(
    "projects",
    page_query(
        "projects", "ProjectWhere", selection(["jsonInterface", "instructions", "inputType", "geospatialSettings"])
    ),
    objects,
)
"""What a copy takes over."""
