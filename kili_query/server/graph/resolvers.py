"""The root fields of the schema, and how they are answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from ariadne import InterfaceType, ScalarType, make_executable_schema
from graphql import (
    DirectiveLocation,
    GraphQLDeprecatedDirective,
    GraphQLDirective,
    GraphQLError,
    GraphQLIncludeDirective,
    GraphQLSkipDirective,
    IntValueNode,
    ValueNode,
)
from sqlalchemy import func, select

from kili_query.server.graph import filters
from kili_query.server.graph.conditions import one_of
from kili_query.server.graph.documents import Documents
from kili_query.server.graph.problems import not_found, refused
from kili_query.server.graph.reading import Conditions, Event, Pick, Reader, by_keys, how_many, page
from kili_query.server.graph.results import Result, Written
from kili_query.server.mutations import assets, labels, members, projects
from kili_query.server.store import tables as t
from kili_query.server.store import timestamps

MAX_PAGE = 500
"""The most rows of a page."""

LISTS: dict[str, tuple[str, Conditions]] = {
    "apiKeys": ("ApiKey", filters.api_key_conditions),
    "assets": ("Asset", filters.asset_conditions),
    "labels": ("Label", filters.label_conditions),
    "notifications": ("Notification", filters.notification_conditions),
    "organizations": ("Organization", filters.organization_conditions),
    "projects": ("Project", filters.project_conditions),
    "projectUsers": ("ProjectUser", members.project_user_conditions),
    "users": ("User", filters.user_conditions),
}
"""The root fields that are pages of rows; each has a twin that counts them."""

COUNTS = {f"count{name[0].upper()}{name[1:]}": row for name, row in LISTS.items()}


def resolve(reader: Reader, name: str, below: tuple[Pick, ...], arguments: Mapping[str, Any]) -> Any:
    """The value of a root field.

    Raises
    ------
    GraphQLError: the arguments make no sense.
    """
    reader.budget.begin_root()
    filters.refuse_deep(arguments.get("where"))
    if name in LISTS:
        kind, conditions = LISTS[name]
        return page(reader, kind, below, arguments["where"], conditions, arguments["first"], _skip(arguments))
    if name in COUNTS:
        kind, conditions = COUNTS[name]
        if kind == "Label" and (known := reader.counted(arguments["where"], reader)) is not None:
            reader.budget.spend(1, 0)
            return known
        return how_many(reader, kind, conditions(arguments["where"], reader))
    if name in QUERIES:
        return QUERIES[name](reader, below, arguments)
    if name == LABEL_EVENTS:
        if reader.event is None:
            raise refused(
                "`labelCreatedOrUpdated` is answered over a websocket at this address, with the subprotocol `graphql-ws`"
            )
        return _event(reader, reader.event, below, arguments)
    reader.projects.clear()  # a change before it in the document may have put them into the trash
    result = MUTATIONS[name](reader, arguments)
    if isinstance(result, Written) and result.kind == "Label":
        reader.written += result.keys
    return result.read(reader, below)


def _skip(arguments: Mapping[str, Any]) -> int:
    if arguments["skip"] < 0:
        raise refused("`skip` is 0 or more", skip=arguments["skip"])
    return int(arguments["skip"])


def _viewer(reader: Reader, below: tuple[Pick, ...], _: Mapping[str, Any]) -> Any:
    return by_keys(reader, "User", below, [reader.user_id])[0][1]


def _event(reader: Reader, event: Event, below: tuple[Pick, ...], arguments: Mapping[str, Any]) -> Any:
    """The label of an event; None if it is deleted, or the subscription only begins."""
    if event.label is None:
        (event.project_id,) = filters.project_ids({"id": arguments["projectID"]}, reader) or ("",)
        if not event.project_id:
            raise not_found("project", [arguments["projectID"]])
        return None
    found = by_keys(reader, "Label", below, [event.label])
    return found[0][1] if found else None


def _existing(reader: Reader, _: tuple[Pick, ...], arguments: Mapping[str, Any]) -> list[str]:
    """Those of the external ids that the project has."""
    c, wanted = t.assets.c, arguments["externalIDs"]
    projects = filters.project_ids({"id": arguments["projectID"]}, reader)
    query = select(c.external_id).where(one_of(c.project_id, projects), one_of(c.external_id, wanted))
    found = set(reader.connection.scalars(query))
    return [name for name in dict.fromkeys(wanted) if name in found]


def _annotations(reader: Reader, _: tuple[Pick, ...], arguments: Mapping[str, Any]) -> int:
    """How many annotations the labels of the assets hold."""
    conditions = filters.asset_conditions(arguments["where"], reader)
    total = select(func.coalesce(func.sum(t.labels.c.number_of_annotations), 0))
    wanted = total.where(t.labels.c.asset_id.in_(select(t.assets.c.id).where(*conditions)))
    return int(reader.connection.scalar(wanted) or 0)


def _none(_: Reader, __: tuple[Pick, ...], ___: Mapping[str, Any]) -> list[Any]:
    return []


QUERIES: dict[str, Callable[[Reader, tuple[Pick, ...], Mapping[str, Any]], Any]] = {
    "viewer": _viewer,
    "me": _viewer,
    "filterExistingAssets": _existing,
    "countAssetAnnotations": _annotations,
    "dataConnections": _none,  # local projects keep their files here: none is in a cloud storage
    "listTagsByOrg": _none,  # local organizations have no tags
    "listTagsByProject": _none,
    "createUploadBucketSignedUrls": assets.signed_addresses,
    "annotationFileUrl": assets.annotation_file,
}


MUTATIONS: dict[str, Callable[[Reader, Mapping[str, Any]], Result]] = {
    "createProject": projects.create_project,
    "deleteProjectAsynchronously": projects.delete_project,
    "updatePropertiesInProject": projects.update_project,
    "appendToRoles": members.append_to_roles,
    "createUser": members.create_user,
    "appendManyLabels": labels.append_many_labels,
    "appendToLabels": labels.append_to_labels,
    "createHoneypot": labels.create_honeypot,
    "updatePropertiesInLabel": labels.update_label,
    "deleteLabels": labels.delete_labels,
    "appendManyAssets": assets.append_many_assets,
    "updatePropertiesInAssets": assets.update_assets,
    "deleteAssets": assets.delete_assets,
    "addAssetsToReview": assets.add_to_review,
    "sendAssetsBackToQueue": assets.send_back,
    "appendManyAssetsAsynchronously": assets.append_later,
    "createAnnotationFileUpload": assets.annotation_upload,
    # as older clients know them
    "appendManyToDataset": assets.append_to_dataset,
    "appendManyFramesToDatasetAsynchronously": assets.append_later,
    "deleteManyFromDataset": assets.of_older(assets.delete_assets),
    "addAllLabeledAssetsToReview": assets.of_older(assets.add_to_review),
    "sendBackAssetsToQueue": assets.of_older(assets.send_back),
}
"""The mutations."""

LABEL_EVENTS = "labelCreatedOrUpdated"


# -- the schema ----------------------------------------------------------------------------------------------------


@cache
def make_documents() -> Documents:
    """The documents of the schema of local Kili, made once: all servers of a process share what they know of texts."""
    page_size, date = ScalarType("PageSize"), ScalarType("DateTime")
    page_size.set_value_parser(_page_size)
    page_size.set_literal_parser(_page_size_literal)
    date.set_value_parser(_date)
    annotations = [
        InterfaceType(name, lambda value, *_: value["__typename"])
        for name in ("Annotation", "VideoAnnotation", "VideoKeyAnnotation")
    ]
    text = files("kili_query.server.graph").joinpath("schema.graphql").read_text(encoding="utf-8")
    schema = make_executable_schema(text, page_size, date, *annotations)
    schema.directives = _KNOWN_DIRECTIVES
    roots = [
        root
        for kind in (schema.query_type, schema.mutation_type, schema.subscription_type)
        if kind
        for root in kind.fields.values()
    ]
    for root in roots:
        for name, argument in root.args.items():
            argument.description = argument.description or _ARGUMENTS.get(name)
    documents = Documents(schema, resolve)
    for root in roots:
        root.resolve = documents.resolver
    return documents


_ARGUMENTS = {
    "where": "Which rows are meant. Null is no filter, and so is an empty object; all that is given must hold.",
    "first": "The most rows that are given.",
    "skip": "How many rows are left out before them.",
    "data": "What is written.",
}


_KNOWN_DIRECTIVES = (  # where clients of a few years ago know them: they refuse a schema with newer places
    GraphQLIncludeDirective,
    GraphQLSkipDirective,
    GraphQLDirective(
        "deprecated",
        [DirectiveLocation.FIELD_DEFINITION, DirectiveLocation.ENUM_VALUE],
        args=GraphQLDeprecatedDirective.args,
        description=GraphQLDeprecatedDirective.description,
    ),
)


def _page_size(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise GraphQLError(f"a page size is a whole number, and this is {value!r}")
    if not 0 <= value <= MAX_PAGE:
        raise GraphQLError(f"a page size is from 0 to {MAX_PAGE}, and this is {value}")
    return value


def _page_size_literal(node: ValueNode, _: object = None) -> int:
    text = getattr(node, "value", None)
    short = isinstance(node, IntValueNode) and len(node.value) < 10  # Python does not read endless ones
    return _page_size(int(text) if short and text else text)


def _date(value: object) -> str:
    if isinstance(value, str):
        try:
            timestamps.span(value)
            return value
        except (ValueError, OverflowError):
            pass
    raise GraphQLError(f"a date is `YYYY-MM-DD` or `YYYY-MM-DDTHH:MM:SSZ`, and this is {value!r}")
