"""Imports of assets before a server that keeps what it was sent: contents, failures, waiting; sync and async."""

from __future__ import annotations

import asyncio
import copy
import itertools
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from kili_query import (
    ApiTimeoutError,
    ArgumentError,
    AsyncKili,
    BatchImportError,
    GraphQLError,
    ImportValidationError,
    Kili,
    Remaining,
    UploadError,
)
from kili_query.server import LocalKili
from tests.client.faults import Client
from tests.client.importing import problem
from tests.client.pictures import png
from tests.client.replay import root_field
from tests.conftest import SHARED

COLLECTION = SHARED / "exports" / "asset-import.json"


def _cases() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(COLLECTION.read_text("utf-8")) if COLLECTION.is_file() else []
    return found


@pytest.mark.skipif(not COLLECTION.is_file(), reason="the collection of imports is not there")
class TestCollection:
    """Recorded imports of the real client: what went over the wire for them."""

    @pytest.mark.parametrize("case", _cases(), ids=lambda case: str(case["name"]))
    def test_case(self, case: dict[str, Any]) -> None:
        assert problem(case) is None

    def test_altered_cases_fail(self) -> None:
        """Whoever compares nothing finds nothing."""
        noticed = 0
        for case in _cases():
            for altered in _altered(case):
                assert problem(altered) is not None, altered
                noticed += 1
        assert noticed > 60


def _altered(case: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if case["grading"] == "quirk":
        return
    if "error" in case:
        yield {**case, "error": {**case["error"], "type": "ZeroDivisionError"}}
        return
    if any("size" in entry for entry in case["wire"]):
        yield {**case, "wire": case["wire"][:-1]}
        return
    yield {**case, "returned": {**case["returned"], "asset_ids": ["another"]}}
    for position, entry in enumerate(case["wire"]):
        wire = copy.deepcopy(case["wire"])
        if "mutation" in entry:
            wire[position]["variables"]["where"]["id"] = "another"
        elif "PUT" in entry:
            wire[position]["PUT"] += "0"
        else:
            del wire[position]
        yield {**case, "wire": wire}


class Store:
    """A server for imports, and the bucket behind it. `put` is told of each upload, and may answer otherwise."""

    def __init__(self, input_type: str = "IMAGE") -> None:
        self.mutations: list[dict[str, Any]] = []
        self.uploaded: dict[str, bytes] = {}
        self.statuses: list[str] = []
        self.put: Callable[[str], int | None] = lambda path: None
        self.refuse: Callable[[dict[str, Any]], bool] = lambda data: False
        self._input_type = input_type
        self.unmade: set[str] = set()
        """External ids of what it does not make."""
        self.forgetful = False

    def _there(self, variables: dict[str, Any]) -> list[str]:
        made = (pair for data in self.mutations for pair in zip(data["idArray"], data["externalIDArray"], strict=True))
        return [asset for asset, name in made if name not in self.unmade and asset in variables["where"]["idIn"]]

    def client(self, kind: str) -> Client:
        return Client(kind, "key-of-nobody", "https://kili.test/graphql", transport=httpx.MockTransport(self.answer))

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.method == "PUT":
            return httpx.Response(self.put(request.url.path) or self._keep(request))
        body = json.loads(request.content)
        variables = body["variables"]
        match root_field(body["query"]):
            case "projects":
                answer: Any = [{"id": "p", "inputType": self._input_type, "jsonInterface": "{}"}]
            case "viewer":
                answer = {"id": "u", "email": "ada@example.com"}
            case "organizations":
                answer = [{"license": {"uploadLocalData": True}}]
            case "filterExistingAssets":
                return httpx.Response(200, json={"data": {"external_ids": []}})
            case "createUploadBucketSignedUrls":
                urls = [f"https://bucket.test/{path}?sig=1&id={path}" for path in variables["filePaths"]]
                return httpx.Response(200, json={"data": {"urls": urls}})
            case "notifications" if "message" in body["query"]:
                answer = [{"message": "two films are no films"}]
            case "notifications":
                answer = [{"status": self.statuses.pop(0)}]
            case "countAssets" if self.forgetful:
                return httpx.Response(200, json={"errors": [{"message": "not today"}]})
            case "countAssets":
                answer = len(self._there(variables))
            case "assets":
                answer = [{"id": asset} for asset in self._there(variables)]
            case "appendManyAssets":
                if self.refuse(variables["data"]):
                    return httpx.Response(200, json={"errors": [{"message": "not today"}]})
                self.mutations.append(variables["data"])
                answer = [{"id": asset} for asset in variables["data"]["idArray"]]
            case "appendManyAssetsAsynchronously":
                self.mutations.append(variables["data"])
                answer = {"id": f"n{len(self.mutations)}"}
            case other:
                raise AssertionError(other)
        return httpx.Response(200, json={"data": {"data": answer}})

    def _keep(self, request: httpx.Request) -> int:
        self.uploaded[request.url.path] = request.content
        return 200


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    names = [str(tmp_path / f"{n}.png") for n in range(3)]
    for n, name in enumerate(names):
        Path(name).write_bytes(png(20, 10 + n))
    return names


def test_files_are_uploaded_as_they_are(kind: str, pictures: list[str]) -> None:
    store = Store()
    made = store.client(kind).call("append_many_to_dataset", "p", pictures, external_id_array=["a", "b", "c"])
    [data] = store.mutations
    assert made == {"id": "p", "asset_ids": data["idArray"]}
    assert data["externalIDArray"] == ["a", "b", "c"]
    assert [store.uploaded[httpx.URL(url).path] for url in data["contentArray"]] == [
        Path(name).read_bytes() for name in pictures
    ]


@pytest.mark.parametrize("change", ["vanishes", "grows", "is written again"])
def test_a_file_that_changes_during_upload_is_named_and_nothing_is_made(
    kind: str, pictures: list[str], change: str
) -> None:
    store = Store()
    moments = itertools.count()

    def put(path: str) -> None:
        if change == "vanishes":
            Path(pictures[1]).unlink(missing_ok=True)
        elif change == "grows":
            Path(pictures[1]).write_bytes(png(40, 40) + b"more")
        else:
            os.utime(pictures[1], (1, next(moments)))

    store.put = put
    said = "is not there any more" if change == "vanishes" else "was changed meanwhile"
    with pytest.raises(UploadError, match=rf"asset `b` \(.*1\.png\) cannot be uploaded: .*{said}") as raised:
        store.client(kind).call("append_many_to_dataset", "p", pictures, external_id_array=["a", "b", "c"])
    assert store.mutations == []
    assert raised.value.remaining["external_id_array"] == ["a", "b", "c"]


def test_an_upload_that_is_refused_names_its_asset_and_what_is_left(kind: str, pictures: list[str]) -> None:
    store = Store()
    store.put = lambda path: 403 if "/second/" in path else None
    given = {"content_array": pictures, "external_id_array": ["a", "b", "c"], "id_array": ["first", "second", "third"]}
    with pytest.raises(UploadError, match=r"asset `b` .*did not take the upload") as raised:
        store.client(kind).call("append_many_to_dataset", "p", **given)
    assert raised.value.status == 403
    assert (store.mutations, raised.value.unknown) == ([], None)
    store.put = lambda path: None
    store.client(kind).call("append_many_to_dataset", **raised.value.remaining)
    assert [data["idArray"] for data in store.mutations] == [["first", "second", "third"]]


def test_what_a_csv_file_had_is_left_even_if_it_is_gone(kind: str, tmp_path: Path) -> None:
    table = tmp_path / "texts.csv"
    table.write_text("content,externalId\n" + "".join(f"text {n},t{n}\n" for n in range(250)))
    store = Store("TEXT")
    store.refuse = lambda data: "t150" in data["externalIDArray"]
    with pytest.raises(GraphQLError, match=r"not today.* of 250 assets are in") as raised:
        store.client(kind).call("append_many_to_dataset", "p", from_csv=str(table))
    rest: Remaining = raised.value.remaining
    rest.save(tmp_path / "rest.json")
    table.unlink()
    store.refuse = lambda data: False
    store.client(kind).call("append_many_to_dataset", **Remaining.load(tmp_path / "rest.json"))
    assert sorted(name for data in store.mutations for name in data["externalIDArray"]) == sorted(
        f"t{n}" for n in range(250)
    )
    texts = {url: name for data in store.mutations for url, name in zip(data["contentArray"], data["externalIDArray"], strict=True)}  # fmt: skip
    assert {store.uploaded[httpx.URL(url).path].decode() for url in texts} == {f"text {n}" for n in range(250)}
    assert all(store.uploaded[httpx.URL(url).path].decode() == f"text {name[1:]}" for url, name in texts.items())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"content_array": ["https://a.test/1.png", "https://a.test/2.png"], "id_array": ["x", "x"]}, "more than once"),
        ({"content_array": ["https://a.test/1.png"], "json_metadata_array": [{"a": float("nan")}]}, "cannot be written as JSON"),
        ({"content_array": ["https://a.test/1.png"], "json_metadata_array": [{"a": object()}]}, "cannot be written as JSON"),
        ({"json_content_array": [[{"a": {1}}]], "external_id_array": ["x"]}, "json_content_array.*cannot be written as JSON"),
        ({"content_array": [""]}, "is empty"),
        ({"content_array": [1]}, "its content is int"),
        ({"content_array": [b"x"]}, "its content is bytes"),
        ({"multi_layer_content_array": [5]}, "its layers are a list"),
        ({"content_array": [None]}, "is empty"),
        ({"content_array": ["https://a.test/1.mp4"]}, "end in `.mp4`"),
        ({"content_array": ["nowhere.png"], "external_id_array": ["x"]}, "asset `x`: the file nowhere.png cannot be read"),
        ({"content_array": ["https://a.test/1.png"], "availability_timeout": float("nan")}, "availability_timeout"),
    ],
)  # fmt: skip
def test_what_cannot_be_imported_is_named_and_nothing_is_sent(kind: str, arguments: dict[str, Any], said: str) -> None:
    store = Store()
    with pytest.raises((ArgumentError, ImportValidationError), match=said):
        store.client(kind).call("append_many_to_dataset", "p", **arguments)
    assert (store.mutations, store.uploaded) == ([], {})


def test_an_open_file_of_the_caller_stays_open(kind: str, pictures: list[str]) -> None:
    with open(pictures[0], "rb") as file:
        with pytest.raises(ImportValidationError):
            Store().client(kind).call("append_many_to_dataset", "p", [file.fileno()])
        assert file.read(1)


def test_paths_are_names_of_files(kind: str, pictures: list[str]) -> None:
    store = Store()
    store.client(kind).call("append_many_to_dataset", "p", [Path(name) for name in pictures])
    assert sorted(store.uploaded.values()) == sorted(Path(name).read_bytes() for name in pictures)


def test_metadata_given_as_text_are_kept_where_the_import_adds_its_own(kind: str) -> None:
    store = Store("VIDEO")
    given = '{"patient": 7, "processingParameters": {"framesPlayedPerSecond": 5}}'
    store.statuses = ["SUCCESS"]
    store.client(kind).call("append_many_to_dataset", "p", ["https://a.test/1.mp4"], json_metadata_array=[given])
    (sent,) = store.mutations[0]["jsonMetadataArray"]
    assert json.loads(sent) == json.loads(given)
    store = Store()
    store.client(kind).call("append_many_to_dataset", "p", ["https://a.test/1.png"], json_metadata_array=['{"a":  1}'])
    assert store.mutations[0]["jsonMetadataArray"] == ['{"a":  1}']


def test_a_honeypot_that_the_server_makes_afterwards_is_told_to_be_none(kind: str) -> None:
    store = Store("VIDEO")
    store.statuses = ["SUCCESS"]
    arguments = {"is_honeypot_array": [True], "external_id_array": ["film"]}
    with pytest.warns(UserWarning, match="no `is_honeypot_array`.*film"):
        store.client(kind).call("append_many_to_dataset", "p", ["https://a.test/1.mp4"], **arguments)


@pytest.mark.parametrize(
    ("row", "said"), [("https://a.test/?b=1,2,x", "line 2 has more cells"), ("https://a.test/1.png", "fewer cells")]
)
def test_rows_of_csv_have_a_cell_for_each_column(kind: str, tmp_path: Path, row: str, said: str) -> None:
    (tmp_path / "x.csv").write_text(f"content,externalId\n{row}\n")
    store = Store()
    with pytest.raises(ImportValidationError, match=said):
        store.client(kind).call("append_many_to_dataset", "p", from_csv=str(tmp_path / "x.csv"))
    assert store.mutations == []


class TestWaiting:
    """Of what the server makes afterwards."""

    CONTENTS = tuple(f"https://a.test/{n}.mp4" for n in range(150))

    @pytest.fixture(autouse=True)
    def time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0

        def sleep(seconds: float) -> None:
            self.now += seconds

        async def asleep(seconds: float) -> None:
            self.now += seconds

        for kind, pause in (("_sync", sleep), ("_async", asleep)):
            monkeypatch.setattr(f"kili_query.client.{kind}.imports.sleep", pause)
            monkeypatch.setattr(f"kili_query.client.{kind}.imports.monotonic", lambda: self.now)

    def test_for_all_batches(self, kind: str) -> None:
        store = Store("VIDEO")
        store.statuses = ["PENDING", "SUCCESS", "PENDING", "PENDING", "SUCCESS"]
        made = store.client(kind).call("append_many_to_dataset", "p", list(self.CONTENTS))
        assert (made, store.statuses) == ({"id": "p", "asset_ids": []}, [])

    def test_not_at_all(self, kind: str) -> None:
        store = Store("VIDEO")
        made = store.client(kind).call(
            "append_many_to_dataset", "p", list(self.CONTENTS), wait_until_availability=False
        )
        assert made == {"id": "p", "asset_ids": []}

    def test_no_longer_than_told(self, kind: str) -> None:
        store = Store("VIDEO")
        store.statuses = ["PENDING", "PENDING", "PENDING", "SUCCESS", *["PENDING"] * 20]
        with pytest.raises(ApiTimeoutError, match="not there after 30 seconds; the server goes on"):
            store.client(kind).call("append_many_to_dataset", "p", list(self.CONTENTS), availability_timeout=30)
        assert self.now <= 30

    def test_until_the_last_moment(self, kind: str) -> None:
        store = Store("VIDEO")
        store.statuses = [*["PENDING"] * 5, "SUCCESS"]  # after 1, 3, 7, 15 and 20 seconds
        contents = ["https://a.test/1.mp4"]
        store.client(kind).call("append_many_to_dataset", "p", contents, availability_timeout=20)
        assert self.now == 20

    def test_for_what_cannot_be_made(self, kind: str) -> None:
        store = Store("VIDEO")
        store.statuses = ["SUCCESS", "FAILURE"]
        store.unmade = {"n101", "n149"}
        names = [f"n{n}" for n in range(150)]
        given = {"content_array": list(self.CONTENTS), "external_id_array": names, "project_id": "p"}
        with pytest.raises(BatchImportError) as raised:
            store.client(kind).call("append_many_to_dataset", **given)
        assert raised.value.message == "the server could not make `n101`, `n149`: two films are no films"
        assert raised.value.remaining["external_id_array"] == ["n101", "n149"]
        assert raised.value.remaining["content_array"] == [self.CONTENTS[101], self.CONTENTS[149]]
        assert len(raised.value.done) == 2

    def test_for_what_nobody_says_more_about(self, kind: str) -> None:
        store = Store("VIDEO")
        store.statuses, store.forgetful = ["FAILURE", "SUCCESS"], True
        names = [f"n{n}" for n in range(150)]
        with pytest.raises(BatchImportError, match=r"make `n0`, .*`n19` and 80 more: notification `n1` says more"):
            store.client(kind).call("append_many_to_dataset", "p", list(self.CONTENTS), external_id_array=names)

    @pytest.mark.parametrize("seconds", [-1, -0.5, float("nan"), float("inf")])
    def test_for_no_negative_time(self, kind: str, seconds: float) -> None:
        with pytest.raises(ArgumentError, match=r"`availability_timeout` .* a number of seconds from 0"):
            Store("VIDEO").client(kind).call("append_many_to_dataset", "p", ["x"], availability_timeout=seconds)

    def test_until_ctrl_c(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupted(seconds: float) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("kili_query.client._sync.imports.sleep", interrupted)
        store = Store("VIDEO")
        store.statuses = ["PENDING"]
        with pytest.raises(KeyboardInterrupt) as raised:
            store.client("sync").call("append_many_to_dataset", "p", list(self.CONTENTS))
        assert raised.value.__notes__ == ["all 150 assets are sent, and the server goes on making them"]


class Sink(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Takes uploads piece by piece, and keeps how large the pieces were."""

    def __init__(self) -> None:
        self.largest = self.total = 0
        self._store = Store("VIDEO")
        self._store.statuses = ["SUCCESS"]

    def _took(self, piece: bytes) -> None:
        self.largest = max(self.largest, len(piece))
        self.total += len(piece)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        assert not isinstance(request.stream, AsyncIterator)
        if request.method == "PUT":
            for piece in request.stream:  # type: ignore[union-attr]
                self._took(piece)
            return httpx.Response(200)
        request.read()
        return self._store.answer(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "PUT":
            async for piece in request.stream:  # type: ignore[union-attr]
                self._took(piece)
            return httpx.Response(200)
        await request.aread()
        return self._store.answer(request)


def test_a_large_file_is_never_in_memory_as_a_whole(kind: str, tmp_path: Path) -> None:
    video = tmp_path / "long.mp4"
    with video.open("wb") as file:
        file.truncate(200 << 20)  # a hole, which takes no room on disk
    sink = Sink()
    if kind == "sync":
        Kili("k", "https://kili.test/graphql", transport=sink).append_many_to_dataset("p", [str(video)])
    else:
        asyncio.run(
            AsyncKili("k", "https://kili.test/graphql", transport=sink).append_many_to_dataset("p", [str(video)])
        )
    assert sink.total == 200 << 20
    assert sink.largest <= 1 << 20


def test_bars_count_files_and_assets(
    kind: str, pictures: list[str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store()
    client = store.client(kind)
    client.call("append_many_to_dataset", "p", pictures)
    assert capfd.readouterr().err == ""  # `disable_tqdm` of the client, which the tests have
    client._settings["disable_tqdm"] = None
    client.call("append_many_to_dataset", "p", pictures)
    assert capfd.readouterr().err == ""  # no terminal
    client.call("append_many_to_dataset", "p", pictures, disable_tqdm=False)
    shown = capfd.readouterr().err
    assert "files: 100%" in shown
    assert "assets: 100%" in shown
    client.call("append_many_to_dataset", "p", ["https://a.test/1.png"], disable_tqdm=False)
    shown = capfd.readouterr().err
    assert "files" not in shown
    assert "assets: 100%" in shown


def test_an_import_that_was_cut_short_is_made_again(kind: str) -> None:
    """With external ids nothing is imported twice on a second call."""
    with LocalKili(socket=False) as server:
        kili = Client(kind, server.api_key, server.endpoint, transport=server.transport)
        project = kili.call("create_project", "Again", input_type="IMAGE", json_interface={"jobs": {}})["id"]
        contents = [f"https://a.test/{n}.png" for n in range(4)]
        kili.call("append_many_to_dataset", project, contents[:2], external_id_array=["a", "b"])
        with pytest.warns(UserWarning, match="already, and are left out: `a`, `b`"):
            made = kili.call("append_many_to_dataset", project, contents, external_id_array=["a", "b", "c", "d"])
        assert len(made["asset_ids"]) == 2
        assert kili.call("count_assets", project) == 4
        with pytest.raises(ImportValidationError, match="nothing is left to import"):
            kili.call("append_many_to_dataset", project, contents, external_id_array=["a", "b", "c", "d"])
