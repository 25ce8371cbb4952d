"""Cases of media downloads as `media-download.json` has them: `python -m tests.client.media FILE` tells which come out.

The client is the real one; what it asks is answered by the case. Compared are the rows, the files and what is in them,
errors by class and by the values that they name, warnings, the fields that were asked for, and which addresses were
downloaded how often. HEAD, by which the real client learns the type of a file, is not needed here, where the download
itself tells it; what it asks so must be what is downloaded as a file here. Of a case that is a `quirk` the paths are
compared by what is recommended: each file has its own, below the folder.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import graphql
import httpx

from kili_query import AsyncKili, Kili
from kili_query.client.media.names import RECORD
from kili_query.client.media.plan import with_json_content

ENDPOINT = "https://kili.example.test/api/label/v2/graphql"
FIELDS = frozenset(("content", "externalId", "jsonContent", "ocrMetadata"))
_NAMED = re.compile(r"\b(?:[A-Z_]{3,}|[a-z]+[A-Z]\w*)\b")
"""Words of a message that are values: input types, and fields of assets."""


class Backend:
    """What answers the client: the project and the assets of a case, and the addresses of its files."""

    def __init__(self, case: dict[str, Any]) -> None:
        self._case = case
        self.asked: list[str] | None = None
        """The fields that were asked of assets."""
        self.calls: list[tuple[str, str]] = []
        self.files: Counter[str] = Counter()
        """Addresses that were asked for as files, and not as JSON."""

    def answer(self, request: httpx.Request) -> httpx.Response:
        if str(request.url) == ENDPOINT:
            return httpx.Response(200, json={"data": {"data": self._data(json.loads(request.content))}})
        url = str(request.url)
        self.calls.append((request.method, url))
        if request.headers["accept"] == "*/*":
            self.files[url] += 1
        assert "authorization" not in request.headers
        found = self._case["http"].get(url)
        if found is None:
            return httpx.Response(404)
        kind = found.get("content_type")
        return httpx.Response(200, content=body_of(found), headers={"content-type": kind} if kind is not None else {})

    def _data(self, asked: dict[str, Any]) -> Any:
        (operation,) = graphql.parse(asked["query"]).definitions
        assert isinstance(operation, graphql.OperationDefinitionNode)
        (root,) = operation.selection_set.selections
        assert isinstance(root, graphql.FieldNode)
        match root.name.value:
            case "projects":
                facts = {
                    "id": "project", "inputType": self._case["input_type"], "jsonInterface": '{"jobs": {}}',
                    "workflowVersion": "V1", "steps": [], "dataConnections": self._case.get("data_connections") or [],
                }  # fmt: skip
                return [_selected(facts, root)]
            case "countAssets":
                return len(self._case["assets"])
            case "assets":
                self.asked = _names(root)
                skip, first = asked["variables"]["skip"], asked["variables"]["first"]
                return [_selected(row, root) for row in self._case["assets"][skip : skip + first]]
        raise AssertionError(root.name.value)


def body_of(found: dict[str, Any]) -> bytes:
    """What lies behind an address."""
    return json.dumps(found["json"]).encode()


def _names(node: graphql.FieldNode) -> list[str]:
    chosen = node.selection_set.selections if node.selection_set else ()
    return [chosen_node.name.value for chosen_node in chosen if isinstance(chosen_node, graphql.FieldNode)]


def _selected(row: dict[str, Any], node: graphql.FieldNode) -> dict[str, Any]:
    return {name: row.get(name) for name in _names(node)}


def _called(case: dict[str, Any], backend: Backend, kind: str, folder: Path) -> list[dict[str, Any]]:
    """The rows that the client gives."""
    named = {"fields": case["fields"], "download_media": True, "local_media_dir": str(folder), "disable_tqdm": True}
    transport = httpx.MockTransport(backend.answer)
    if kind == "sync":
        with Kili("key", ENDPOINT, transport=transport, verify=False) as kili:
            return list(kili.assets("project", **named))

    async def ask() -> list[dict[str, Any]]:
        async with AsyncKili("key", ENDPOINT, transport=transport, verify=False) as kili:
            return list(await kili.assets("project", **named))

    return asyncio.run(ask())


def differences(case: dict[str, Any], kind: str) -> Iterator[str]:
    """What comes out otherwise than a case says."""
    backend = Backend(case)
    calls = 2 if "second call" in case["name"] else 1
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary).resolve()
        folder = place / "media"
        rows: Any = None
        error: BaseException | None = None
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                for _ in range(calls):
                    rows = _called(case, backend, kind, folder)
            except Exception as raised:
                error = raised
        files = {path for path in place.rglob("*") if path.is_file() and path.name != RECORD}
        yield from _about_error(case, error)
        if error is None and "result" in case:
            yield from _about_rows(case, rows, files, folder)
        if case["grading"] != "quirk":
            expected = {_path(name, folder) for name in case["files"]}
            if files != expected:
                yield f"files: {_shown(files, place)}, not {_shown(expected, place)}"
            yield from _about_warnings(case, told)
        elif error is None:
            patterns = [_path(name, folder) for name in case["files"]]
            for some, others in ((files, patterns), (patterns, files)):
                if alone := {path for path in some if not any(_is_alike(path, other) for other in others)}:
                    yield f"files: {_shown(alone, place)} like no other"
        yield from _about_calls(case, backend, calls)
        asked = with_json_content(case["fields"], case["input_type"]) if backend.asked is None else backend.asked
        if "fields_queried" in case and set(asked) != set(case["fields_queried"]):
            yield f"fields asked for: {sorted(asked)}, not {sorted(case['fields_queried'])}"


def _is_alike(one: Path, other: Path) -> bool:
    """Whether a file may be another by what is recommended: in another folder, or with more in its name."""
    longer, shorter = sorted((one, other), key=lambda path: len(path.name), reverse=True)
    return longer.name.startswith(shorter.stem) and longer.suffix == shorter.suffix


def _path(text: str, folder: Path) -> Path:
    return Path(text.replace("<DIR>", str(folder)).replace("<TMP>", str(folder.parent)))


def _shown(paths: set[Path], place: Path) -> list[str]:
    return sorted(str(path.relative_to(place)) if path.is_relative_to(place) else str(path) for path in paths)


def _about_error(case: dict[str, Any], error: BaseException | None) -> Iterator[str]:
    expected = case.get("error")
    if expected is None:
        if error is not None:
            yield f"{type(error).__name__}: {error}"
        return
    if error is None:
        yield f"no {expected['type']}"
        return
    if expected["type"] not in {base.__name__ for base in type(error).__mro__}:
        yield f"{type(error).__name__} ({error}), not {expected['type']}"
    theirs, ours = set(_NAMED.findall(expected["message"])), set(_NAMED.findall(str(error)))
    words = set(re.findall(r"\w+", expected["message"]))
    lacking = (theirs - ours) | {f for f in FIELDS & words if f not in re.findall(r"\w+", str(error))}
    lacking |= {f for f in FIELDS if f"lacks `{f}`" in str(error) and f not in words}
    if lacking:
        yield f"the error does not agree in {sorted(lacking)}: {error}"


def _about_rows(case: dict[str, Any], rows: Any, files: set[Path], folder: Path) -> Iterator[str]:
    expected = case["result"]
    if not isinstance(rows, list) or len(rows) != len(expected):
        yield f"rows: {rows}, not {expected}"
        return
    used: list[Path] = []
    for row, wanted, asset in zip(rows, expected, case["assets"], strict=True):
        if set(row) != set(wanted):
            yield f"keys: {sorted(row)}, not {sorted(wanted)}"
            continue
        for key, value in wanted.items():
            yield from _about_value(case, key, row[key], value, folder, used)
        yield from _about_bytes(case, row, asset, folder)
    if case["grading"] == "quirk":
        if len(set(used)) != len(used) or set(used) != files:
            yield f"files: {_shown(files, folder.parent)} for {_shown(set(used), folder.parent)}"
        if outside := {path for path in files if not path.is_relative_to(folder)}:
            yield f"outside: {_shown(outside, folder.parent)}"


def _about_value(
    case: dict[str, Any], key: str, value: Any, wanted: Any, folder: Path, used: list[Path]
) -> Iterator[str]:
    """What is wrong about a field; of a quirk, only where its file is may be another place."""
    if isinstance(wanted, list) and isinstance(value, list) and len(value) == len(wanted):
        for one, other in zip(value, wanted, strict=True):
            yield from _about_value(case, key, one, other, folder, used)
    elif isinstance(wanted, str) and wanted.startswith(("<DIR>", "<TMP>")):
        path = _path(wanted, folder)
        used.append(Path(str(value)))
        if case["grading"] == "quirk":
            found = Path(str(value))
            if not (_is_alike(found, path) and found.is_relative_to(folder)):
                yield f"{key}: {value} is no place for {wanted}"
        elif value != str(path):
            yield f"{key}: {value}, not {path}"
    elif value != wanted:
        yield f"{key}: {value!r}, not {wanted!r}"


def _about_bytes(case: dict[str, Any], row: dict[str, Any], asset: dict[str, Any], folder: Path) -> Iterator[str]:
    """Each file holds what its address gives."""
    http = case["http"]
    pairs = [(row.get(key), asset.get(key)) for key in ("content", "jsonContent")]
    if isinstance(row.get("jsonContent"), list) and isinstance(http.get(asset.get("jsonContent")), dict):
        listed = http[asset["jsonContent"]]["json"]
        if isinstance(listed, dict):
            pairs += zip(row["jsonContent"], [listed[n] for n in sorted(listed, key=int)], strict=False)
    for path, url in pairs:
        if isinstance(path, str) and isinstance(url, str) and path.startswith(str(folder.parent)) and url in http:
            file = Path(path)
            if not file.is_file() or file.read_bytes() != body_of(http[url]):
                yield f"{file.name} does not hold what {url} gives"


def _about_warnings(case: dict[str, Any], told: list[warnings.WarningMessage]) -> Iterator[str]:
    ours = [str(one.message) for one in told if not issubclass(one.category, DeprecationWarning)]
    expected = case.get("warnings") or []
    for text in expected:
        values = set(_NAMED.findall(text))
        if not any(values <= set(_NAMED.findall(one)) for one in ours):
            yield f"no warning about {sorted(values)}"
    if len(ours) != len(expected):
        yield f"warnings: {ours}"


def _about_calls(case: dict[str, Any], backend: Backend, calls: int) -> Iterator[str]:
    twice = {url for url, found in case["http"].items() if found.get("head_status", 200) != 200}
    methods = {method for method, _ in case["http_calls"]}
    if not methods <= {"GET", "HEAD"}:
        yield f"methods: {sorted(methods)}"
    wanted, heads = (Counter(url for method, url in case["http_calls"] if method == name) for name in ("GET", "HEAD"))
    got = Counter(url for _, url in backend.calls)
    for url in sorted(wanted.keys() | got.keys()):
        expected = min(wanted[url], 1) if url in twice else wanted[url]
        if got[url] < expected or (got[url] > expected and case["grading"] != "quirk"):
            yield f"{url} is downloaded {got[url]} times, not {expected}"
    if heads != Counter({url: number * calls for url, number in backend.files.items()}):
        yield f"as files: {dict(backend.files)}, not {dict(heads)}"


def run(path: Path, kinds: tuple[str, ...] = ("sync", "async")) -> int:
    """Print how the cases of a file come out; gives how many do not."""
    cases = json.loads(path.read_text("utf-8"))
    failed = 0
    for case in cases:
        found = [f"{kind}: {text}" for kind in kinds for text in _told(case, kind)]
        failed += bool(found)
        print(f"{'differs' if found else 'ok':8}{case['name']}")
        for text in found:
            print(f"        {text}")
    print(f"{len(cases) - failed} of {len(cases)} as expected")
    return failed


def _told(case: dict[str, Any], kind: str) -> list[str]:
    try:
        return list(differences(case, kind))
    except (KeyError, TypeError, ValueError) as error:
        return [f"the case cannot be read: {error!r}"]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("python -m tests.client.media FILE")
    sys.exit(1 if run(Path(sys.argv[1])) else 0)
