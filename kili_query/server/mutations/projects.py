"""Mutations of projects: made, changed, and put into the trash."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import insert, select, update

from kili_query.errors import DataError
from kili_query.model.decoding import decode_json
from kili_query.model.ontology import Ontology
from kili_query.server.graph.filters import Scope
from kili_query.server.graph.kinds import SETTINGS
from kili_query.server.graph.problems import refused
from kili_query.server.graph.results import Shaped, Written
from kili_query.server.loading import read_interface
from kili_query.server.mutations.labels import recount
from kili_query.server.mutations.members import one_project
from kili_query.server.store import tables as t
from kili_query.server.store.kept import json_text
from kili_query.server.store.people import People
from kili_query.server.store.store import new_id
from kili_query.server.store.timestamps import now


def create_project(scope: Scope, arguments: Mapping[str, Any]) -> Written:
    """An empty project."""
    data = arguments["data"]
    if data.get("fromDemoProject"):
        message = f"local Kili has no demo projects, such as `{data['fromDemoProject']}`: `inputType` and `jsonInterface` make one"
        raise refused(message, argument="fromDemoProject")
    if data.get("inputType") is None or data.get("jsonInterface") is None:
        raise refused("`inputType` and `jsonInterface` are needed: what is labeled, and the ontology", argument="data")
    if data.get("pixelLabeling") and data["inputType"] != "GEOSPATIAL":
        raise refused("`pixelLabeling` is for projects of input type GEOSPATIAL", argument="pixelLabeling")
    text, _ = _interface(data["jsonInterface"], data["inputType"])
    project_id, at = new_id(), now()
    row = {
        "id": project_id,
        "organization_id": scope.organization_id,
        "author_id": scope.user_id,
        "title": data["title"],
    }
    row |= {"description": data.get("description") or "", "input_type": data["inputType"], "json_interface": text}
    row |= {"instructions": data.get("instructions"), "created_at": at, "updated_at": at}
    row["workflow_version"] = data.get("workflowVersion") or ("V2" if data.get("steps") else "V1")
    row["geospatial_settings"] = json_text({"labelingCRSCode": "PIXEL"}) if data.get("pixelLabeling") else None
    row["settings"] = json_text(_settings(data))
    scope.connection.execute(insert(t.projects), row)
    People(scope.connection, scope.organization_id).join(project_id, {scope.user_id: "ADMIN"})
    _add_steps(scope, project_id, data.get("steps") or ())
    return Written("Project", [project_id], single=True)


def update_project(scope: Scope, arguments: Mapping[str, Any]) -> Written:
    """Properties of a project; what is null stays. With another ontology, its labels are counted anew."""
    project_id = one_project(scope, arguments["where"])
    data = {name: value for name, value in arguments["data"].items() if value is not None}
    values = {_COLUMNS[name]: value for name, value in data.items() if name in _COLUMNS}
    if "metadataTypes" in data and "metadataProperties" not in data:
        shown = {"filterable": True, "visibleByLabeler": True, "visibleByReviewer": True}
        data["metadataProperties"] = {
            name: {**shown, "type": kind} for name, kind in dict(data["metadataTypes"]).items()
        }
    if "metadataProperties" in data:
        values["metadata_properties"] = json_text(data["metadataProperties"])
    if "jsonInterface" in data:
        c = t.projects.c
        input_type = scope.connection.scalar(select(c.input_type).where(c.id == project_id))
        values["json_interface"], ontology = _interface(data["jsonInterface"], input_type)
        recount(scope, project_id, ontology)
    if "inputType" in data:
        c = t.projects.c
        if data["inputType"] != scope.connection.scalar(select(c.input_type).where(c.id == project_id)):
            raise refused("`inputType` of a project cannot be changed", argument="inputType")
    if settings := _settings(data):
        kept = scope.connection.scalar(select(t.projects.c.settings).where(t.projects.c.id == project_id))
        values["settings"] = json_text({**_object(kept), **settings})
    scope.connection.execute(update(t.projects).where(t.projects.c.id == project_id).values(**values, updated_at=now()))
    return Written("Project", [project_id], single=True)


def _object(text: str | None) -> dict[str, Any]:
    value = decode_json(text or "{}")
    return value if isinstance(value, dict) else {}


def _settings(data: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that are kept as they are."""
    return {name: value for name, value in data.items() if name in SETTINGS and value is not None}


_COLUMNS = {
    "title": "title",
    "description": "description",
    "instructions": "instructions",
    "archived": "archived",
    "consensusTotCoverage": "consensus_tot_coverage",
    "minConsensusSize": "min_consensus_size",
    "reviewCoverage": "review_coverage",
}


def delete_project(scope: Scope, arguments: Mapping[str, Any]) -> Shaped:
    """Into the trash, where those who ask with `deleted: true` find it."""
    found = one_project(scope, arguments["where"])
    scope.connection.execute(update(t.projects).where(t.projects.c.id == found).values(deleted=True, updated_at=now()))
    return Shaped(found)


def _interface(given: Any, input_type: str | None) -> tuple[str, Ontology]:
    """The text of an ontology, and the ontology.

    Raises
    ------
    GraphQLError: it is none.
    """
    try:
        value = decode_json(given) if isinstance(given, str) else given
        if not isinstance(value, dict):
            raise DataError("it must be an object with `jobs`")
        return read_interface(value, input_type)
    except DataError as error:
        raise refused(f"`jsonInterface` is no ontology: {error}", argument="jsonInterface") from None


def _add_steps(scope: Scope, project_id: str, steps: Any) -> None:
    groups: dict[str, str] = {}
    for position, step in enumerate(steps, 1):
        group = step.get("groupName")
        if group and group not in groups:
            groups[group] = new_id()
            scope.connection.execute(
                insert(t.step_groups), {"id": groups[group], "project_id": project_id, "name": group}
            )
        row = {"id": new_id(), "project_id": project_id, "group_id": groups.get(group or ""), "name": step["name"]}
        scope.connection.execute(insert(t.steps), row | {"type": step["type"], "position": position})
