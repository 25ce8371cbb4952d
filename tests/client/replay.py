"""A transport that answers as the recorder of the wire captures did, and keeps what it was asked."""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from graphql import DocumentNode, FieldNode, Node, OperationDefinitionNode, parse

from kili_query import Kili
from kili_query.client.operations.asset_changes import PageResolution
from tests.client.pictures import png

READING = {"labels", "predictions", "inferences", "count_labels", "export_labels_as_df", "assets", "count_assets"}
CHANGING = {
    "append_labels", "create_predictions", "append_to_labels", "create_honeypot", "update_properties_in_assets",
    "change_asset_external_ids", "delete_many_from_dataset", "add_to_review", "send_back_to_queue",
    "append_many_to_dataset",
}  # fmt: skip
METHODS = READING | CHANGING
"""The methods whose requests are compared."""


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
        self.uploads = 0
        self.extra: list[str] = []
        """Root fields of what only we ask: whose project an asset is, what a honeypot holds, whether there are predictions."""
        self._projects = projects
        self._answers: dict[str, list[Any]] = {}
        for request in entry["requests"]:
            if request["kind"] == "graphql":
                self._answers.setdefault(request["fields"][0], []).append(request["response"])

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "PUT":
            self.uploads += 1
            return httpx.Response(200)
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
        if root == "assets" and "project {" in body["query"]:
            self.extra.append(root)
            project = body["variables"]["where"]["id"].rsplit("-", 1)[0]
            return httpx.Response(200, json={"data": {"data": [{"id": "a", "project": {"id": project}}]}})
        if root not in self._answers and root == "labels":
            self.extra.append(root)
            return httpx.Response(200, json={"data": {"data": [{"id": "new-label-1"}]}})
        if root not in self._answers and root == "countLabels":
            self.extra.append(root)
            return httpx.Response(200, json={"data": {"data": 0}})
        if root in ("viewer", "organizations", "notifications"):
            return httpx.Response(200, json=self._answers[root].pop(0))
        self.asked.append(asked)
        if root == "createUploadBucketSignedUrls":  # the recorded ones hold the ids of that run
            paths = body["variables"]["filePaths"]
            urls = [f"http://127.0.0.1:1/bucket/{path}?signature=abc&id={path}" for path in paths]
            return httpx.Response(200, json={"data": {"urls": urls}})
        return httpx.Response(200, json=self._answers[root].pop(0) if root in self._answers else {"data": {"data": []}})


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
    return eval(call, {"kili": kili, "list": list, "PageResolution": PageResolution, "range": range}), recorder


FILES = {
    "img1.png": png(8, 6), "img2.png": png(8, 6), "sat.tif": b"II*\0", "layer1.tif": b"II*\0", "layer2.tif": b"II*\0",
    "doc.pdf": b"%PDF-1.4", "note.txt": b"a note", "clip.mp4": b"x", "sound.mp3": b"x", "frames/f0.jpg": b"x",
    "frames/f1.jpg": b"x", "texts.csv": b"externalId,content\nrow-1,first\nrow-2,second\n",
    "texts2.csv": b"externalId;content\nrow-3;third\n",
}  # fmt: skip
"""The files that lay in the recorder's working folder (wire.md 13)."""


@contextlib.contextmanager
def recorders_folder() -> Iterator[None]:
    """A working folder with the files that calls name."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        for name, content in FILES.items():
            path = Path(folder, name)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


def without_generated(value: Any) -> str:
    """Variables as text, with ids that clients make numbered in the order in which they stand."""
    numbers: dict[str, str] = {}
    text = re.sub(r"(?<=\d)\.0\b", "", json.dumps(value, sort_keys=True))
    return re.sub(r"\b(?:c[a-z0-9]{24}|[0-9a-f]{32})\b", lambda m: numbers.setdefault(m[0], f"#{len(numbers)}"), text)
