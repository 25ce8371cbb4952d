"""A transport that answers as the recorder of the wire captures did, and keeps what it was asked."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import httpx
from graphql import DocumentNode, FieldNode, Node, OperationDefinitionNode, parse

from kili_query import Kili

METHODS = {"labels", "predictions", "inferences", "count_labels", "export_labels_as_df", "assets", "count_assets"}
"""The methods of this step of the project."""


class Request(NamedTuple):
    """A request: the document without the order of its fields, and the variables."""

    document: Any
    variables: Any


def normal(node: Any) -> Any:
    """A syntax tree as nested tuples, with the fields of each selection in one order."""
    if isinstance(node, DocumentNode):
        return tuple(normal(definition) for definition in node.definitions)
    if isinstance(node, Node):
        keys = [key for key in node.keys if key not in ("loc", "selections")]
        parts = tuple((key, normal(getattr(node, key))) for key in keys)
        selections = getattr(node, "selections", None)
        return (node.kind, *parts, None if selections is None else tuple(sorted(map(normal, selections), key=repr)))
    if isinstance(node, (list, tuple)):
        return tuple(map(normal, node))
    return node


def root_field(document: str) -> str:
    """The name of the one field at the top of a document."""
    (operation,) = parse(document).definitions
    assert isinstance(operation, OperationDefinitionNode)
    (field,) = operation.selection_set.selections
    assert isinstance(field, FieldNode)
    return field.name.value


class Recorder(httpx.BaseTransport):
    """Gives the recorded answers of one entry, by root field, in their order; projects from all that is known."""

    def __init__(self, entry: dict[str, Any], projects: dict[str, dict[str, Any]]) -> None:
        self.asked: list[Request] = []
        self.facts: list[Request] = []
        self.downloads: list[str] = []
        self._projects = projects
        self._answers: dict[str, list[Any]] = {}
        for request in entry["requests"]:
            if request["kind"] == "graphql":
                self._answers.setdefault(request["fields"][0], []).append(request["response"])

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            self.downloads.append(request.url.path)
            return httpx.Response(200, json={"CLASSIF_JOB": {"categories": [{"name": "CAT_A"}]}})
        body = json.loads(request.content)
        root = root_field(body["query"])
        asked = Request(normal(parse(body["query"])), body["variables"])
        if root == "projects":
            self.facts.append(asked)
            project = self._projects.get(body["variables"]["where"]["id"])
            return httpx.Response(200, json={"data": {"data": [project] if project else []}})
        self.asked.append(asked)
        return httpx.Response(200, json=self._answers[root].pop(0))


def known_projects(entries: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What the captures tell of each project."""
    projects: dict[str, dict[str, Any]] = {}
    for entry in entries:
        for request in entry["requests"]:
            if request["kind"] == "graphql" and request["fields"] == ["projects"]:
                rows = request["response"]["data"]["data"]
                for row in rows if isinstance(rows, list) else ():
                    projects.setdefault(request["variables"]["where"]["id"], {}).update(row)
    return projects


def replayed(entry: dict[str, Any], entries: list[dict[str, Any]], call: str) -> tuple[Any, Recorder]:
    """The result of a call, given as Python text, and what was sent for it."""
    recorder = Recorder(entry, known_projects(entries))
    kili = Kili("test-key-1234", "http://127.0.0.1:1/graphql", disable_tqdm=True, transport=recorder)
    return eval(call, {"kili": kili, "list": list}), recorder
