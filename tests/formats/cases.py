"""Graded cases of exports: folders with a call, what the server holds, and what comes of it.

    python -m tests.formats.cases ../shared/data/exports/cases

A line for each case, then what differs, and last `N of M as expected`. The code is 1 if a firm case fails. The README
beside the cases says how they are compared: `firm` as expected, `either` as one of two, `quirk` as is recommended.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import sys
import tempfile
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import yaml
from graphql import FieldNode, OperationDefinitionNode, SelectionSetNode, parse

from kili_query import Kili
from kili_query.client.wire.where import asset_where
from tests.formats import recommended

Json = dict[str, Any]


class StandIn(httpx.BaseTransport):
    """The server and the storage of a case: its project, its assets, and what lies behind addresses."""

    def __init__(self, folder: Path, case: Json) -> None:
        self._folder = folder
        self._project = case["project"]
        self._http = case.get("http") or {}
        self._assets = json.loads((folder / "assets.json").read_bytes())
        self.where: Json = {}
        self.fields: set[str] = set()
        self.fetched: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method != "POST":
            return self._content(request)
        body = json.loads(request.content)
        (operation,) = parse(body["query"]).definitions
        assert isinstance(operation, OperationDefinitionNode)
        (root,) = operation.selection_set.selections
        assert isinstance(root, FieldNode)
        variables = body["variables"]
        if root.name.value == "projects":
            known = variables["where"].get("id") == self._project["id"]
            return httpx.Response(200, json={"data": {"data": [self._project] if known else []}})
        where = variables["where"]
        ids, names = where.get("idIn"), where.get("externalIdStrictlyIn")
        rows = [
            asset
            for asset in self._assets
            if (not ids or asset["id"] in ids) and (not names or asset["externalId"] in names)
        ]
        if root.name.value == "countAssets":
            self.where = where
            return httpx.Response(200, json={"data": {"data": len(rows)}})
        assert root.name.value == "assets", root.name.value
        assert root.selection_set is not None
        self.where, self.fields = where, set(_names(root.selection_set))
        page = rows[variables["skip"] : variables["skip"] + variables["first"]]
        return httpx.Response(200, json={"data": {"data": page}})

    def _content(self, request: httpx.Request) -> httpx.Response:
        url = str(request.url)
        if request.method == "GET":
            self.fetched.append(url)
        found = self._http.get(url)
        if found is None:
            return httpx.Response(404)
        status = found.get("head_status", 200) if request.method == "HEAD" else 200
        content = (self._folder / found["file"]).read_bytes() if "file" in found else json.dumps(found["json"]).encode()
        kind = {"content-type": found["content_type"]} if found.get("content_type") else {}
        return httpx.Response(status, content=b"" if request.method == "HEAD" else content, headers=kind)


def _names(selection: SelectionSetNode, before: str = "") -> Iterator[str]:
    for node in selection.selections:
        if isinstance(node, FieldNode):
            if node.selection_set is None:
                yield before + node.name.value
            else:
                yield from _names(node.selection_set, f"{before}{node.name.value}.")


@dataclass
class Outcome:
    """What came of a call."""

    error: BaseException | None = None
    warnings: list[warnings.WarningMessage] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    where: Json = field(default_factory=dict)
    fields: set[str] = field(default_factory=set)
    fetched: list[str] = field(default_factory=list)

    @property
    def kind(self) -> str:
        return "error" if self.error else "archive" if self.files else "notice"


def run(folder: Path, case: Json) -> Outcome:
    """The call of a case."""
    server = StandIn(folder, case)
    call = dict(case["call"])
    if isinstance(name := call.get("annotation_modifier"), str):
        call["annotation_modifier"] = MODIFIERS[name]
    outcome = Outcome()
    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        kili = Kili("key-of-a-case", "https://api.example.test/graphql", transport=server, disable_tqdm=True)
        target = Path(place, "below", "out.zip")
        try:
            with contextlib.redirect_stderr(io.StringIO()):
                kili.export_labels(case["project"]["id"], str(target), **call)
        except Exception as error:
            outcome.error = error
        if target.exists():
            with zipfile.ZipFile(target) as archive:
                outcome.files = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
    outcome.warnings = list(told)
    outcome.where, outcome.fields, outcome.fetched = server.where, server.fields, server.fetched
    return outcome


def _attach_mid(annotation: Json, image: Json, kili: Any) -> Json:
    ring = kili["boundingPoly"][0]["normalizedVertices"]
    return {**annotation, "attributes": {"mid": kili["mid"], "file": image["file_name"], "nb": len(ring)}}


MODIFIERS: dict[str, Callable[..., Any]] = {"attach_mid": _attach_mid, "return_none": lambda *_: None}


# -- comparing ---------------------------------------------------------------------------------------------------------


def differences(outcome: Outcome, folder: Path, case: Json, expected: str = "expected") -> list[str]:
    """How an outcome departs from what is expected."""
    result = json.loads((folder / expected / "result.json").read_bytes())
    if outcome.kind != result["outcome"]:
        what = f": {type(outcome.error).__name__}: {outcome.error}" if outcome.error else ""
        return [f"{outcome.kind}{what}, and {result['outcome']} is expected"]
    found = list(_asked(outcome, result))
    if outcome.error:
        found += _of_error(outcome.error, result["error"], case)
    wanted = [w for w in result.get("warnings", ()) if w["category"] == "UserWarning"]
    said = " ".join(str(w.message) for w in outcome.warnings if issubclass(w.category, UserWarning))
    if wanted and not said:
        found.append("no warning, and one is expected")
    for warning in wanted if result["outcome"] == "archive" else ():
        found += [
            f"no warning names {v}" for v in re.findall(r"'([A-Za-z_]{2,})'", warning["message"]) if v not in said
        ]
    if outcome.kind == "archive":
        found += _of_files(outcome.files, result["files"], folder, expected, case)
    return found


def _asked(outcome: Outcome, result: Json) -> Iterator[str]:
    query = result.get("asset_query")
    if query:
        where = asset_where(query["filters"])
        if outcome.where != where:
            yield f"assets were asked for by {outcome.where}, not {where}"
        # of none, the original asks all the same
        if outcome.fields and (missing := set(query["fields"]) - outcome.fields):
            yield f"fields were not asked for: {sorted(missing)}"
    wanted = {url for method, url in result.get("http_calls", ()) if method == "GET"}
    if result["outcome"] == "archive" and set(outcome.fetched) != wanted:
        yield f"fetched {sorted(set(outcome.fetched))}, not {sorted(wanted)}"


def _of_error(error: BaseException, expected: Json, case: Json) -> Iterator[str]:
    if expected["type"] not in {kind.__name__ for kind in type(error).__mro__}:
        yield f"{type(error).__name__} is no {expected['type']}"
    if expected["type"] == "FileNotFoundError":
        return
    message = expected["message"].replace("JobMLTask.", "")
    values = {next(filter(None, groups)) for groups in re.findall(r"'([^']+)'|\"([^\"]+)\"|`([^`]+)`", message)}
    values |= {value for value in (case["call"]["fmt"], case["project"]["id"]) if value in message.split()}
    if found := re.search(r"query: (.+)", message):
        values.add(found[1])
    yield from (f"the message does not name {value}: {error}" for value in sorted(values) if value not in str(error))


def _of_files(
    files: dict[str, bytes], expected: dict[str, Json], folder: Path, outcome: str, case: Json
) -> Iterator[str]:
    yield from (f"{name} is missing" for name in sorted(expected.keys() - files.keys()))
    yield from (f"{name} is not expected" for name in sorted(files.keys() - expected.keys()))
    for name in sorted(expected.keys() & files.keys()):
        about = expected[name]
        if about.get("same_bytes_as"):
            if files[name] != (folder / about["same_bytes_as"]).read_bytes():
                yield f"{name} has other bytes than {about['same_bytes_as']}"
        elif about["kind"] == "text":
            wanted = (folder / outcome / "archive" / name).read_bytes()
            merged = case["call"].get("layout", "split") == "merged"
            yield from (f"{name}{difference}" for difference in of_text(name, files[name], wanted, merged=merged))


def of_text(name: str, ours: bytes, expected: bytes, *, merged: bool = False) -> Iterator[str]:
    """How a file departs from the one that is expected."""
    one, other = ours.decode(), expected.decode()
    if name.endswith((".json", ".geojson")):
        yield from of_values(json.loads(one), json.loads(other))
    elif name.endswith(".yaml"):
        yield from of_values(yaml.safe_load(one), yaml.safe_load(other))
    elif name.endswith(".xml"):
        yield from of_values(_tree(one), _tree(other))
    elif name.endswith(".txt") and "labels/" in name:
        lines, wanted = one.splitlines(), other.splitlines()
        if merged:
            lines, wanted = sorted(lines), sorted(wanted)
        yield from of_values(list(map(_numbers, lines)), list(map(_numbers, wanted)))
    else:
        yield from of_values(one, other)


def _numbers(line: str) -> list[float]:
    return [float(word) for word in line.split(" ")]


def _tree(text: str) -> Any:
    element = ElementTree.fromstring(text)

    def of(node: ElementTree.Element) -> list[Any]:
        return [node.tag, dict(node.attrib), (node.text or "").strip(), [of(child) for child in node]]

    return of(element)


_PLACEHOLDERS = {
    "<EXPORT_DATE>": r"\d{8}-\d{6}", "<YEAR>": r"\d{4}", "<DATETIME>": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z?",
}  # fmt: skip


def of_values(ours: Any, expected: Any, at: str = "") -> Iterator[str]:
    """Where two values differ: numbers within 1e-9, moments of the export anything of their form."""
    if isinstance(expected, bool) or isinstance(ours, bool) or expected is None:
        same = ours is expected
    elif isinstance(expected, (int, float)):
        same = isinstance(ours, (int, float)) and abs(ours - expected) <= 1e-9 * max(1, abs(expected))
    elif isinstance(expected, str):
        pattern = re.escape(expected)
        for word, form in _PLACEHOLDERS.items():
            pattern = pattern.replace(re.escape(word), form)
        same = isinstance(ours, str) and re.fullmatch(pattern, ours) is not None
    elif isinstance(expected, dict) and isinstance(ours, dict):
        for key in sorted(expected.keys() | ours.keys(), key=str):
            if key not in ours:
                yield f"{at}.{key} is missing"
            elif key not in expected:
                yield f"{at}.{key} is not expected"
            else:
                yield from of_values(ours[key], expected[key], f"{at}.{key}")
        return
    elif isinstance(expected, list) and isinstance(ours, list):
        if len(ours) != len(expected):
            yield f"{at} has {len(ours)} items, and {len(expected)} are expected"
        for number, (one, other) in enumerate(zip(ours, expected, strict=False)):
            yield from of_values(one, other, f"{at}[{number}]")
        return
    else:
        same = False
    if not same:
        yield f"{at} is {_cut(ours)}, and {_cut(expected)} is expected"


def _cut(value: object) -> str:
    text = repr(value)
    return text if len(text) < 200 else text[:200] + "…"


# -- running -----------------------------------------------------------------------------------------------------------


def graded(folder: Path) -> tuple[str, list[str] | None]:
    """The grading of a case, and how its outcome departs; None if nobody can tell: a recommendation in words only."""
    case = json.loads((folder / "case.json").read_bytes())
    outcome = run(folder, case)
    if case["grading"] == "quirk":
        rule = recommended.RULES.get(folder.name)
        return "quirk", None if rule is None else list(rule(outcome, folder, case))
    found = differences(outcome, folder, case)
    if found and case["grading"] == "either" and (folder / "expected-1.7.1").exists():
        found = differences(outcome, folder, case, "expected-1.7.1")
    return case["grading"], found


def main(arguments: list[str]) -> int:
    """Run the cases of a folder, and print what comes of them."""
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        print("usage: python -m tests.formats.cases DIR", file=sys.stderr)
        return 2
    count: Counter[str] = Counter()
    firm = 0
    for folder in sorted(path.parent for path in Path(arguments[0]).glob("*/case.json")):
        try:
            grading, found = graded(folder)
        except Exception as error:
            grading, found = "firm", [f"the case cannot be run: {type(error).__name__}: {error}"]
        verdict = (
            "differs" if found else "as recommended in words, which are not checked" if found is None else "as expected"
        )
        print(f"{folder.name} ({grading}): {verdict}")
        for difference in (found or ())[:20]:
            print(f"    {difference}")
        count["all"] += 1
        count["good"] += not found and found is not None
        firm += bool(found) and grading == "firm"
    if not count["all"]:
        print(f"no cases in {arguments[0]}", file=sys.stderr)
        return 2
    print(f"{count['good']} of {count['all']} as expected")
    return 1 if firm else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
