"""Run the cases of an import collection on the SDK: `python -m tests.client.importing FILE`.

A case is a call of `append_many_to_dataset` with its result or error, and what went over the wire for it. Generated
ids are compared by their place: the same id must stand in the same places. Prints a line for each case, and last
`N of M as expected`; exits 1 if one is not.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from kili_query import Kili
from tests.client.pictures import png
from tests.client.replay import root_field

ENDPOINT = "https://api.example.test/api/label/v2/graphql"
CHAT = [
    {"role": "user", "content": "Hi", "id": "i1", "chat_id": "c1", "model": None},
    {"role": "assistant", "content": "Yo", "id": "i2", "chat_id": "c1", "model": "m1"},
    {"role": "assistant", "content": "Hey", "id": "i3", "chat_id": "c1", "model": "m2"},
]


class Server(httpx.BaseTransport):
    """Answers as the stand-in of the collection did, and keeps what went out in its words."""

    def __init__(self, input_type: str, may_upload: bool, existing: list[str]) -> None:
        self.wire: list[dict[str, Any]] = []
        self._input_type = input_type
        self._may_upload = may_upload
        self._existing = existing

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        if request.method == "PUT":
            headers = {"Content-type": request.headers["content-type"]}
            body = request.content.decode("latin-1" if not _is_utf8(request.content) else "utf-8")
            self.wire.append({"PUT": str(request.url), "headers": headers, "body": body})
            return httpx.Response(200)
        body = json.loads(request.content)
        variables = body.get("variables") or {}
        answer: Any
        match root_field(body["query"]):
            case "projects":
                answer = [{"id": "proj-1", "inputType": self._input_type, "jsonInterface": "{}"}]
            case "viewer":
                answer = {"id": "user-1", "email": "jane.doe@example.com"}
            case "organizations":
                answer = [{"license": {"uploadLocalData": self._may_upload}}]
            case "filterExistingAssets":
                self.wire.append({"filter_existing_assets": variables["externalIDs"]})
                return httpx.Response(
                    200, json={"data": {"external_ids": [n for n in variables["externalIDs"] if n == "old"]}}
                )
            case "createUploadBucketSignedUrls":
                self.wire.append({"signed_urls_for": variables["filePaths"]})
                urls = [f"https://bucket.example.test/{path}?sig=1&id={path}" for path in variables["filePaths"]]
                return httpx.Response(200, json={"data": {"urls": urls}})
            case "notifications":
                self.wire.append({"poll_notification": True})
                answer = [{"status": "SUCCESS"}]
            case "appendManyAssets":
                self.wire.append({"mutation": "appendManyAssets", "variables": variables})
                answer = [{"id": name} for name in variables["data"]["idArray"]]
            case "appendManyAssetsAsynchronously":
                self.wire.append({"mutation": "appendManyAssetsAsynchronously", "variables": variables})
                answer = {"id": "notif-1"}
            case other:
                raise AssertionError(f"nobody asks for {other}")
        return httpx.Response(200, json={"data": {"data": answer}})


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffc0000b0800" + "0a0014" + "01011100ffd9")
"""The header of a picture of 20 x 10 pixels."""


@contextlib.contextmanager
def files() -> Iterator[None]:
    """A working folder with the local files that cases name."""
    contents: dict[str, bytes] = {
        "a.png": png(20, 10), "f1.png": png(20, 10), "f2.png": png(20, 10), "wide.png": png(10_000, 2), "b.jpg": JPEG,
        "sat.tif": b"II*\0" + b"\0" * 8, "fake.png": b"not an image", "noext": b"x", "t.txt": b"local text", "d.pdf": b"%PDF-1.4",
        "v.mp4": b"x", "l.json": b'{"prompt": "p", "completions": []}', "chat.json": json.dumps(CHAT).encode(),
        "x.csv": b'content,externalId\nfirst text,id1\n"second; text",id2\n', "s.csv": b"content;externalId\na;1\n",
        "bad.csv": b"a,b\n1,2\n",
    }  # fmt: skip
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        for name, content in contents.items():
            Path(folder, name).write_bytes(content)
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


def _call(case: dict[str, Any]) -> dict[str, Any]:
    call = dict(case["call"])
    if isinstance(call.get("content_array"), str):  # such as "250 urls", with `x0…x249` beside it
        number = int(call["content_array"].split()[0])
        call["content_array"] = [f"https://files.example.test/{n}.png" for n in range(number)]
        call["external_id_array"] = [f"x{n}" for n in range(number)]
    for metadata in call.get("json_metadata_array", ()):
        for key, value in metadata.items():
            metadata[key] = float("nan") if value == "<float NaN>" else value
    return call


def _without_generated(value: Any) -> str:
    """JSON text with generated ids numbered in the order in which they stand."""
    numbers: dict[str, str] = {}
    text = json.dumps(value, sort_keys=True)
    return re.sub(
        r"\b(?:(?:gen|hex)-\d+|[0-9a-f]{32})\b", lambda match: numbers.setdefault(match[0], f"#{len(numbers)}"), text
    )


def _sorted_puts(wire: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The wire with neighbouring uploads in the order in which their addresses were asked for: they go at once."""
    found: list[dict[str, Any]] = []
    signed: list[str] = []
    for entry in wire:
        signed += entry.get("signed_urls_for", ())
        at = len(found)
        while (
            "PUT" in entry and at and "PUT" in found[at - 1] and _place(found[at - 1], signed) > _place(entry, signed)
        ):
            at -= 1
        found.insert(at, entry)
    return found


def _place(put: dict[str, Any], signed: list[str]) -> int:
    return next(n for n, path in enumerate(signed) if f"/{path}?" in str(put["PUT"]))


def problem(case: dict[str, Any]) -> str | None:
    """What is not as expected about a case; None if all is."""
    server = Server(
        case["input_type"],
        case.get("license_upload_local_data", True),
        case.get("external_ids_already_in_project", ["old"]),
    )
    kili = Kili("test-key-1234", ENDPOINT, disable_tqdm=True, transport=server)
    with files(), warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            returned = kili.append_many_to_dataset("proj-1", **_call(case))
        except Exception as error:
            return _wrong_error(case, error)
    recommended = str(case.get("recommended", ""))
    if case["grading"] == "quirk" and "return []" in recommended:
        case = {**case, "returned": {**case["returned"], "asset_ids": []}}
    elif case["grading"] == "quirk" or "error" in case:
        return f"expected an error ({case.get('error', {}).get('type')}; {recommended}), and it returned {returned}"
    if len(case.get("warnings", ())) > len([w for w in warned if w.category is not ResourceWarning]):
        return f"expected a warning: {case['warnings']}"
    return _difference(case, returned, server.wire)


def _wrong_error(case: dict[str, Any], error: Exception) -> str | None:
    if "error" not in case and case["grading"] != "quirk":
        return f"{type(error).__name__}: {error}"
    names = {kind.__name__ for kind in type(error).__mro__}
    recommended = str(case.get("recommended", ""))
    named = re.search(r"\b\w+Error\b", recommended)
    wanted = named[0] if case["grading"] == "quirk" and named else case["error"]["type"]
    if wanted not in names:
        return f"expected {wanted}, and it raised {type(error).__name__}: {error}"
    missing = [value for value in _values(case["error"]["message"]) if value not in str(error)] if not named else []
    return f"the message does not name {missing}: {error}" if missing else None


def _values(message: str) -> list[str]:
    """What an expected message names: quoted texts, and names of files."""
    return re.findall(r"'([^' ]+)'", message) + re.findall(r"(?<![\w'./])[\w-]+\.[a-z]\w{2,3}(?![\w'])", message)


def _difference(case: dict[str, Any], returned: Any, wire: list[dict[str, Any]]) -> str | None:
    expected = json.loads(json.dumps(case["wire"]))
    if any("size" in entry for entry in expected):  # a large case, told by its numbers
        sizes = [len(entry["variables"]["data"]["idArray"]) for entry in wire if "mutation" in entry]
        wanted = [entry["size"] for entry in expected if "size" in entry]
        return None if sizes == wanted else f"batches of {sizes} assets, and not of {wanted}"
    ours = _sorted_puts(wire)
    for entry, own in zip(expected, ours, strict=False):
        if str(entry.get("body", "")).startswith("<") or "sat.tif" in json.dumps(case["call"]):
            entry["body"] = own.get("body", entry.get("body"))
        if entry.get("body") is None:
            entry.pop("body", None)
    ours = [{**entry} for entry in ours]
    if _without_generated([expected, case["returned"]]) == _without_generated([ours, returned]):
        return None
    for number, (entry, own) in enumerate(zip(expected, ours, strict=False)):
        if _without_generated(entry) != _without_generated(own):
            return f"wire {number}: expected {json.dumps(entry)[:300]}, and it was {json.dumps(own)[:300]}"
    return f"expected {len(expected)} requests and {case['returned']}, and there were {len(ours)} and {returned}"


def main(path: str) -> int:
    """Run all cases of a file."""
    cases = json.loads(Path(path).read_text("utf-8"))
    right = 0
    for case in cases:
        wrong = problem(case)
        right += wrong is None
        print(
            f"{'ok   ' if wrong is None else 'WRONG'} {case['name']} ({case['grading']})"
            + (f": {wrong}" if wrong else "")
        )
    print(f"{right} of {len(cases)} as expected")
    return 0 if right == len(cases) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
