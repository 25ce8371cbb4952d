"""The SDK before a server that fails: nothing lost, nothing twice, in order, in bounded time, and said clearly."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kili_query import (
    ApiConnectionError,
    ApiError,
    ApiTimeoutError,
    AsyncKili,
    AuthenticationError,
    GraphQLError,
    Kili,
    NotFoundError,
    OutcomeUnknownError,
    RateLimitError,
    ServerError,
)
from kili_query.client.sending.retries import DEADLINE
from kili_query.server import LocalKili
from tests.client import faults as f
from tests.client.conftest import INTERFACE, make_assets
from tests.client.faults import Client, Clock, Fault, Proxy

PAGE = 5
PAGES = 20
HTML = "<html><body>Bad gateway</body></html>"

KINDS = pytest.mark.parametrize("kind", ["sync", "async"])


class Place(NamedTuple):
    """A server with a project, and its labels as they are without faults."""

    server: LocalKili
    project: str
    labels: list[dict[str, Any]]


def _place(server: LocalKili, folder: Path) -> Place:
    export = folder / "export.json"
    export.write_text(json.dumps(make_assets(80)), "utf-8")
    project = server.load(export, interface=INTERFACE, input_type="IMAGE", title="Faults")
    kili = Kili(server.api_key, server.endpoint, transport=server.transport, disable_tqdm=True)
    labels = list(kili.labels(project, first=PAGE * PAGES))
    assert len(labels) == PAGE * PAGES
    return Place(server, project, labels)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with LocalKili() as server:
        yield _place(server, tmp_path_factory.mktemp("place"))


@pytest.fixture(scope="module")
def far_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """What labels hold lies behind addresses."""
    with LocalKili(response_urls=True) as server:
        yield _place(server, tmp_path_factory.mktemp("far"))


@pytest.fixture
def proxy(place: Place) -> Iterator[Proxy]:
    with Proxy(place.server.url) as proxy:
        yield proxy


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    clock.install(monkeypatch)
    return clock


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kili_query.client.operations.labels.PAGE", PAGE)
    f.without_limit(monkeypatch)


def _client(kind: str, place: Place, proxy: Proxy, **named: Any) -> Client:
    return Client(kind, place.server.api_key, proxy.endpoint, **named)


def _ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]


# -- faults that pass --------------------------------------------------------------------------------------------------

PASSING: dict[str, Fault] = {
    "reset before the answer": f.reset(),
    "reset before it was handled": f.reset(carried_out=False),
    "reset in the head": f.reset(20),
    "reset in the middle of a page": f.reset(-15),
    "truncated": f.truncated(),
    "truncated, and the length is true": f.truncated(told=True),
    "429": f.says(429),
    "429, seconds": f.says(429, retry_after="7"),
    "429, date": f.says(429, retry_after="Wed, 21 Oct 2026 07:28:00 GMT"),
    "429, nonsense": f.says(429, retry_after="soon"),
    "502": f.says(502, HTML, content_type="text/html"),
    "503": f.says(503),
    "503, Envoy": f.says(503, "no healthy upstream", content_type="text/plain"),
    "504": f.says(504, HTML),
    "520": f.says(520),
    "521": f.says(521),
    "524": f.says(524),
    "200 with HTML": f.says(200, HTML, content_type="text/html"),
    "200 with nothing": f.says(200),
    "200 with a list": f.says(200, [1, 2]),
    "200 with JSON of another": f.says(200, {"status": "ok"}),
    "200 that is no UTF-8": f.says(200, b'{"data": {"data": "\xff"}}'),
    "200 too deep": f.says(200, '{"data": ' + "[" * 100_000),
    "broken compression": f.says(200, b"no gzip", content_encoding="gzip"),
    "a refusal of the moment": f.says(200, {"errors": [{"message": "Invalid request made to Flagsmith API\nmore"}]}),
}


@KINDS
@pytest.mark.parametrize("name", PASSING)
def test_a_fault_that_passes_is_outlived(
    place: Place, proxy: Proxy, clock: Clock, kind: str, name: str,
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    # the first answer is there, so that no fault is taken for a wrong address
    proxy.on("query countLabels(", PASSING[name])
    proxy.on("query labels(", f.passed, PASSING[name])
    project, rows = _client(kind, place, proxy).calls(
        ("count_projects", (), {}), ("labels", (place.project,), {"first": 3 * PAGE})
    )
    assert project == 1
    assert rows == place.labels[: 3 * PAGE]
    assert (len(proxy.asked("query countLabels(")), len(proxy.asked("query labels("))) == (2, 4)
    told = [record for record in caplog.records if record.name == "kili_query.client"]
    assert [(record.levelno, "attempt 2" in record.getMessage()) for record in told] == [(logging.WARNING, True)] * 2
    assert capfd.readouterr() == ("", "")
    if name == "429, seconds":
        assert clock.waits == [7.0, 7.0]
    else:
        assert all(0 <= wait <= 1 for wait in clock.waits)


@KINDS
def test_answers_of_any_content_type_count_if_they_are_answers(
    place: Place, proxy: Proxy, clock: Clock, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    proxy.on("query labels(", then=f.edited(lambda answer: None, content_type="text/html"))
    assert _client(kind, place, proxy).call("labels", place.project, first=8) == place.labels[:8]
    assert caplog.records == []


@KINDS
def test_data_counts_whatever_the_status_is(place: Place, proxy: Proxy, clock: Clock, kind: str) -> None:
    proxy.on("countLabels", f.says(500, {"data": {"data": 42}}))
    assert _client(kind, place, proxy).call("count_labels", place.project) == 42
    assert clock.waits == []


@given(script=st.lists(st.sampled_from([None, *PASSING]), max_size=30), kind=st.sampled_from(["sync", "async"]))
@settings(max_examples=30)
def test_whatever_happens_rows_are_all_there_once_in_order_or_an_error_says_why(
    place: Place, script: list[str | None], kind: str
) -> None:
    clock = Clock()
    with pytest.MonkeyPatch.context() as monkeypatch, Proxy(place.server.url) as proxy:
        clock.install(monkeypatch)
        proxy.on("query", *(PASSING[name] if name else f.passed for name in script))
        (rows,) = _client(kind, place, proxy).calls(("labels", (place.project,), {"first": 4 * PAGE}))
        if isinstance(rows, ApiError):
            assert rows.attempts > 1
            assert rows.operation in ("projects", "countLabels", "labels")
        else:
            assert rows == place.labels[: 4 * PAGE]
        # four pages, one count, one project; each of six at most five times
        assert len(proxy.seen) <= 6 + len(script)


# -- faults that stay --------------------------------------------------------------------------------------------------


class Lasting(NamedTuple):
    """A fault that does not pass: the error it becomes, what it says, and how often the query is sent."""

    fault: Fault
    error: type[ApiError]
    said: str
    attempts: int | None
    status: int | None = None
    request_id: str | None = None


def _refusal(*errors: Any, data: Any = None, status: int = 200) -> Fault:
    return f.says(status, {"data": data, "errors": list(errors)})


LASTING: dict[str, Lasting] = {
    "500": Lasting(f.says(500, HTML, x_request_id="r-1"), ServerError, "the server failed", 1, 500, "r-1"),
    "502": Lasting(f.says(502, cf_ray="ray-2"), ServerError, "behind the proxy", 5, 502, "ray-2"),
    "503": Lasting(f.says(503), ServerError, "not available", 5, 503),
    "503, Envoy": Lasting(f.says(503, "no healthy upstream"), ServerError, "not available", None, 503),
    "503, Envoy has tried": Lasting(
        f.says(503, "upstream retried and reset reason: overflow"), ServerError, "not available", 5, 503
    ),
    "504": Lasting(f.says(504, x_amzn_requestid="a-3"), ServerError, "in time", 2, 504, "a-3"),
    "521": Lasting(f.says(521), ServerError, "did not give data", None, 521),
    "524": Lasting(f.says(524), ServerError, "did not give data", 2, 524),
    "429": Lasting(f.says(429, retry_after="20"), RateLimitError, "too many calls", None, 429),
    "401": Lasting(f.says(401, "who?"), AuthenticationError, "not accepted", None, 401),
    "403": Lasting(f.says(403), AuthenticationError, "no right", 1, 403),
    "404": Lasting(f.says(404, HTML), ServerError, "`/api/label/v2/graphql`", 1, 404),
    "413": Lasting(f.says(413, x_request_id="r-4"), ServerError, "too large", 1, 413, "r-4"),
    "redirect": Lasting(
        f.says(302, location="https://login.example/here?secret=1"), ServerError, "`https://login.example/here`", 1, 302
    ),
    "reset": Lasting(f.reset(), ApiConnectionError, "broke the connection", 5),
    "200 with HTML": Lasting(
        f.says(200, HTML, content_type="text/html; x"), ServerError, "text/html, beginning with `<html>", 5, 200
    ),
    "no data": Lasting(f.says(200, {"data": None}, x_request_id="r-5"), ServerError, "neither data", 1, 200, "r-5"),
    "no data, no errors": Lasting(f.says(200, {"data": None, "errors": []}), ServerError, "neither data", 1, 200),
    "data of another": Lasting(f.says(200, {"data": {"other": 1}}), ServerError, "lacks `data`", 1),
    "no number": Lasting(f.says(200, {"data": {"data": [1]}}), ServerError, "instead of a number", 1),
    "errors without extensions": Lasting(
        f.says(200, {"errors": [{"message": "no such thing"}]}, x_request_id="r-6"), GraphQLError, "no such thing", 1,
        200, "r-6",
    ),
    "errors beside data": Lasting(_refusal({"message": "half"}, data={"data": 3}), GraphQLError, "half", 1),
    "errors with 400": Lasting(_refusal({"message": "bad"}, status=400), GraphQLError, "bad", 1, 400),
    "errors with 500": Lasting(_refusal({"message": "bad"}, status=500), GraphQLError, "bad", 1, 500),
    "errors with 401": Lasting(_refusal({"message": "who"}, status=401), AuthenticationError, "who", 1, 401),
    "null for an error": Lasting(_refusal(None), GraphQLError, "without a message", 1),
    "text for an error": Lasting(_refusal("words"), GraphQLError, "words", 1),
    "nulls everywhere": Lasting(
        _refusal({"message": None, "extensions": None, "path": None, "locations": None}, {}), GraphQLError,
        "without a message (and 1 more)", 1,
    ),
    "nulls in extensions": Lasting(
        _refusal({"message": "x", "extensions": {"code": None, "context": None}}), GraphQLError, "x", 1
    ),
    "numbers for texts": Lasting(
        _refusal({"message": 7, "extensions": {"code": 7, "context": {"reason": 7}}, "path": [1, None]}),
        GraphQLError, "7", 1,
    ),
    "not found": Lasting(_refusal({"message": "gone", "extensions": {"code": "NOT_FOUND"}}), NotFoundError, "gone", 1),
    "the moment that stays": Lasting(
        _refusal({"message": "Failed to fetch data connection"}), GraphQLError, "Failed to fetch", 5
    ),
}  # fmt: skip


@KINDS
@pytest.mark.parametrize("name", LASTING)
def test_a_fault_that_stays_is_one_clear_error(
    place: Place, proxy: Proxy, clock: Clock, kind: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    fault, kind_of_error, said, attempts, status, request_id = LASTING[name]
    proxy.on("countLabels", then=fault)
    client = _client(kind, place, proxy)
    _, error = client.calls(("count_projects", (), {}), ("count_labels", (place.project,), {}))
    assert type(error) is kind_of_error
    assert said in str(error)
    assert error.operation == "countLabels"
    assert error.attempts == len(proxy.asked("countLabels"))
    assert len(caplog.records) == error.attempts - 1
    if attempts is None:
        assert error.attempts > 2
        assert 30 < clock.now < DEADLINE
    else:
        assert error.attempts == attempts
    if status is not None:
        assert error.status == status
    assert error.request_id == request_id
    assert "secret" not in str(error)
    assert error.__cause__ is None
    assert error.__context__ is None


@KINDS
def test_a_refusal_keeps_what_the_server_said(place: Place, proxy: Proxy, clock: Clock, kind: str) -> None:
    first = {
        "message": "The asset is locked.\nstack",
        "path": ["data", 0, "id"],
        "extensions": {"code": "OPERATION_RESOLUTION_FAILURE", "context": {"reason": "AssetAlreadyLocked"}},
    }
    proxy.on("countLabels", then=f.says(200, {"errors": [first, {"message": "Also"}], "data": None}))
    with pytest.raises(GraphQLError, match="The asset is locked") as caught:
        _client(kind, place, proxy).call("count_labels", place.project)
    error = caught.value
    assert "stack" not in str(error)
    assert error.messages == ("The asset is locked.\nstack", "Also")
    assert error.paths == ("data.0.id",)
    assert error.codes == ("OPERATION_RESOLUTION_FAILURE",)
    assert error.reason == "AssetAlreadyLocked"


@KINDS
@pytest.mark.parametrize("answer", [None, {}, "text", 3, [None], [{"id": "x"}, None], [[]]])
def test_rows_that_are_none_are_told(place: Place, proxy: Proxy, clock: Clock, kind: str, answer: Any) -> None:
    for operation, method in (("query labels(", "labels"), ("query projects(", "ontology")):
        proxy.on(operation, then=f.says(200, {"data": {"data": answer}}))
        with pytest.raises(ServerError, match="no list of objects"):
            _client(kind, place, proxy).call(method, place.project)


# -- a server that is not there ----------------------------------------------------------------------------------------


@KINDS
def test_an_address_where_nothing_is_fails_after_few_attempts(
    place: Place, proxy: Proxy, clock: Clock, kind: str
) -> None:
    proxy.down()
    with pytest.raises(ApiConnectionError, match="cannot be reached: Connection refused; check the address") as caught:
        _client(kind, place, proxy).call("count_projects")
    assert caught.value.attempts == 4
    assert clock.now <= 7


@KINDS
def test_a_name_that_nobody_has_fails_after_few_attempts(place: Place, clock: Clock, kind: str) -> None:
    with pytest.raises(ApiConnectionError, match="cannot be reached") as caught:
        Client(kind, "key", "http://kili.invalid/graphql").call("count_projects")
    assert caught.value.attempts == 4


@KINDS
@pytest.mark.parametrize("host", ["a" * 64 + ".invalid", "a..invalid", "xn--.invalid"])
def test_a_host_that_cannot_be_is_told(clock: Clock, kind: str, host: str) -> None:
    with pytest.raises(ApiConnectionError) as caught:
        Client(kind, "key", f"http://{host}/graphql").call("count_projects")
    assert host in str(caught.value)


@KINDS
def test_a_server_that_comes_back_is_waited_for(place: Place, proxy: Proxy, clock: Clock, kind: str) -> None:
    gone = threading.Event()

    def goes(exchange: f.Exchange) -> bool:
        if not gone.is_set():
            gone.set()
            proxy.down()
        return False

    clock.after = lambda number: proxy.up() if number == 8 else None
    proxy.on("query labels(", f.passed, goes)
    rows = _client(kind, place, proxy).call("labels", place.project, first=2 * PAGE)
    assert rows == place.labels[: 2 * PAGE]
    assert 8 <= len(clock.waits) <= 10  # two pages wait at once


@KINDS
def test_a_server_that_does_not_come_back_is_given_up_in_time(
    place: Place, proxy: Proxy, clock: Clock, kind: str
) -> None:
    def goes(exchange: f.Exchange) -> bool:
        proxy.down()
        return False

    proxy.on("countLabels", goes)
    _, error = _client(kind, place, proxy).calls(("count_projects", (), {}), ("count_labels", (place.project,), {}))
    assert type(error) is ApiConnectionError
    assert 30 < clock.now < DEADLINE


@KINDS
def test_a_wrong_key_is_told_at_once(place: Place, proxy: Proxy, clock: Clock, kind: str) -> None:
    with pytest.raises(AuthenticationError, match="Kili refused the API key"):
        Client(kind, f.KEY, proxy.endpoint).call("count_projects")
    proxy.on("", then=f.says(401, "no"))
    with pytest.raises(AuthenticationError, match="the API key is not accepted"):
        _client(kind, place, proxy).call("count_projects")
    assert clock.waits == []


@KINDS
def test_a_key_that_worked_is_tried_again(place: Place, proxy: Proxy, clock: Clock, kind: str) -> None:
    proxy.on("countLabels", *[f.says(401, "no")] * 6)
    _, number = _client(kind, place, proxy).calls(("count_projects", (), {}), ("count_labels", (place.project,), {}))
    assert number > PAGE
    assert len(clock.waits) == 6


# -- slow servers ------------------------------------------------------------------------------------------------------


@KINDS
def test_a_server_that_does_not_answer_is_asked_twice(
    place: Place, proxy: Proxy, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"kili_query.client._{kind}.transport.TIMEOUT", 0.1)
    monkeypatch.setattr("kili_query.client.sending.retries.LONGEST_WAIT", 0)
    proxy.on("countProjects", then=f.late())
    with pytest.raises(ApiTimeoutError, match="did not answer in time") as caught:
        _client(kind, place, proxy).call("count_projects")
    assert caught.value.attempts == len(proxy.seen) == 2


@KINDS
def test_an_answer_that_drips_for_ever_is_given_up(
    place: Place, proxy: Proxy, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"kili_query.client._{kind}.transport.LONGEST_ANSWER", 0.1)
    monkeypatch.setattr("kili_query.client.sending.retries.LONGEST_WAIT", 0)
    proxy.on("query labels(", then=f.dripping(0.02, 100))
    with pytest.raises(ApiTimeoutError):
        _client(kind, place, proxy).call("labels", place.project, first=5)
    assert len(proxy.asked("query labels(")) == 2


@KINDS
def test_slow_answers_are_answers(place: Place, proxy: Proxy, clock: Clock, kind: str) -> None:
    proxy.on("query labels(", f.dripping(0.001, 100), f.late(0.1))
    assert _client(kind, place, proxy).call("labels", place.project, first=4 * PAGE) == place.labels[: 4 * PAGE]
    assert clock.waits == []


# -- changes -----------------------------------------------------------------------------------------------------------


class Change(NamedTuple):
    """What becomes of a mutation: the error, how often it is sent, how many projects there are then."""

    fault: Fault
    error: type[ApiError] | None
    sent: int | None
    made: int


CHANGES: dict[str, Change] = {
    "answer lost": Change(f.reset(), OutcomeUnknownError, 1, 1),
    "answer broken": Change(f.reset(80), OutcomeUnknownError, 1, 1),
    "answer truncated": Change(f.truncated(3, told=True), OutcomeUnknownError, 1, 1),
    "request lost": Change(f.reset(carried_out=False), OutcomeUnknownError, 1, 0),
    "502 after it was made": Change(f.says_late(502, HTML), OutcomeUnknownError, 1, 1),
    "503 after it was made": Change(f.says_late(503), OutcomeUnknownError, 1, 1),
    "504 after it was made": Change(f.says_late(504), OutcomeUnknownError, 1, 1),
    "524 after it was made": Change(f.says_late(524), OutcomeUnknownError, 1, 1),
    "500 after it was made": Change(f.says_late(500), OutcomeUnknownError, 1, 1),
    "200 with HTML": Change(f.says_late(200, HTML), OutcomeUnknownError, 1, 1),
    "no data": Change(f.says_late(200, '{"data": null}'), OutcomeUnknownError, 1, 1),
    "404": Change(f.says(404, HTML), ServerError, 1, 0),
    "413": Change(f.says(413), ServerError, 1, 0),
    "redirect": Change(f.says(307, location="https://example.com/graphql"), ServerError, 1, 0),
    "refused": Change(_refusal({"message": "no"}), GraphQLError, 1, 0),
    "refused for the moment": Change(
        _refusal({"message": "Invalid request made to Flagsmith API"}), GraphQLError, 1, 0
    ),
    "not forwarded, for ever": Change(f.says(503, "no healthy upstream"), ServerError, None, 0),
    "too many calls, for ever": Change(f.says(429), RateLimitError, None, 0),
}


@KINDS
@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_sent_again_only_if_it_was_not_made(
    place: Place, proxy: Proxy, clock: Clock, kind: str, name: str
) -> None:
    fault, kind_of_error, sent, made = CHANGES[name]
    proxy.on("createProject", then=fault)
    title = f"{kind} {name}"
    before, error, after = _client(kind, place, proxy).calls(
        ("count_projects", (), {}),
        ("create_project", (title,), {"input_type": "IMAGE", "json_interface": INTERFACE}),
        ("count_projects", (), {"search_query": title}),
    )
    assert type(before) is int
    assert type(error) is kind_of_error
    assert error.operation == "createProject"
    assert after == made
    assert error.attempts == len(proxy.asked("createProject"))
    if sent is None:
        assert error.attempts > 2
    else:
        assert error.attempts == sent
    if kind_of_error is OutcomeUnknownError:
        assert "the change may have been made or not, and is not sent again" in str(error)


@KINDS
@pytest.mark.parametrize("name", ["429", "429, seconds", "503, Envoy", "521"])
def test_a_change_that_was_turned_away_is_made_once(
    place: Place, proxy: Proxy, clock: Clock, kind: str, name: str
) -> None:
    proxy.on("createProject", *[PASSING[name]] * 3)
    title = f"{kind} after {name}"
    made, number = _client(kind, place, proxy).calls(
        ("create_project", (title,), {"input_type": "IMAGE", "json_interface": INTERFACE}),
        ("count_projects", (), {"search_query": title}),
    )
    assert set(made) == {"id"}
    assert number == 1
    assert len(proxy.asked("createProject")) == 4


@KINDS
def test_a_deletion_whose_answer_is_lost_is_not_sent_again(place: Place, proxy: Proxy, clock: Clock, kind: str) -> None:
    client = _client(kind, place, proxy)
    made = client.call("create_project", f"{kind} to delete", input_type="IMAGE", json_interface=INTERFACE)
    proxy.on("deleteProject", then=f.reset())
    error, left = client.calls(
        ("delete_project", (made["id"],), {}), ("count_projects", (), {"project_id": made["id"], "deleted": False})
    )
    assert type(error) is OutcomeUnknownError
    assert left == 0
    assert len(proxy.asked("deleteProject")) == 1


# -- ontologies --------------------------------------------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize(
    "interface",
    [None, "", "{}", "null", "not JSON", [], "[1]", 3, {"jobs": None}, {"jobs": {"A": None}}, {"jobs": [1]}],
)
def test_without_a_readable_ontology_queries_go_unchecked(
    place: Place, proxy: Proxy, clock: Clock, kind: str, interface: Any
) -> None:
    def change(answer: Any) -> None:
        answer["data"]["data"][0]["jsonInterface"] = interface

    proxy.on("query projects(", then=f.edited(change))
    proxy.on("countLabels", then=f.says(200, {"data": {"data": 42}}))
    ontology, number = _client(kind, place, proxy).calls(
        ("ontology", (place.project,), {}),
        ("count_labels", (place.project,), {"category_search": "NO_JOB.NO_CATEGORY.count != 2"}),
    )
    assert ontology is None
    assert number == 42
    (asked,) = proxy.asked("countLabels")
    assert asked.variables["where"]["search"] == "(NO_JOB.NO_CATEGORY.count < 2 OR NO_JOB.NO_CATEGORY.count > 2)" or (
        asked.variables["where"]["search"] == "NO_JOB.NO_CATEGORY.count < 2 OR NO_JOB.NO_CATEGORY.count > 2"
    )


# -- what lies behind addresses ----------------------------------------------------------------------------------------


@pytest.fixture
def far(far_place: Place) -> Iterator[Proxy]:
    with Proxy(far_place.server.url) as proxy:
        yield proxy


@pytest.fixture
def stranger() -> Iterator[Proxy]:
    """A server of somebody else."""
    with Proxy("http://127.0.0.1:1") as proxy:
        proxy.on("", then=f.says(200, {"WEATHER": {"categories": [{"name": "SUN"}]}}))
        yield proxy


def _lies_at(url: Any) -> Fault:
    """A page whose first label lies at an address."""

    def change(answer: Any) -> None:
        answer["data"]["data"][0]["jsonResponseUrl"] = url

    return f.edited(change)


def _key(place: Place) -> str:
    return f"X-API-Key: {place.server.api_key}"


@KINDS
def test_contents_are_fetched_with_the_key_from_the_server_itself(
    place: Place, far_place: Place, far: Proxy, clock: Clock, kind: str
) -> None:
    rows = _client(kind, far_place, far).call("labels", far_place.project, first=3 * PAGE)
    assert _ids(rows) == _ids(place.labels[: 3 * PAGE])
    assert [row["jsonResponse"] for row in rows] == [row["jsonResponse"] for row in place.labels[: 3 * PAGE]]
    downloads = far.asked("/responses/")
    assert len(downloads) == 3 * PAGE
    assert {seen.headers["authorization"] for seen in downloads} == {_key(far_place)}


@KINDS
@pytest.mark.parametrize(
    "name",
    ["reset in the middle of a page", "truncated", "truncated, and the length is true", "429, seconds", "503", "504",
     "200 with HTML", "broken compression"],
)  # fmt: skip
def test_a_download_outlives_faults_that_pass(far_place: Place, far: Proxy, clock: Clock, kind: str, name: str) -> None:
    far.on("/responses/", f.passed, PASSING[name])
    rows = _client(kind, far_place, far).call("labels", far_place.project, first=2 * PAGE)
    assert [row["jsonResponse"] for row in rows] == [row["jsonResponse"] for row in far_place.labels[: 2 * PAGE]]
    assert len(far.asked("/responses/")) == 2 * PAGE + 1


@KINDS
def test_a_download_that_fails_is_an_error_without_what_is_secret(
    far_place: Place, far: Proxy, clock: Clock, kind: str
) -> None:
    far.on("/responses/", then=f.says(404, x_request_id="r-9"))
    with pytest.raises(ServerError, match="cannot be downloaded") as caught:
        _client(kind, far_place, far).call("labels", far_place.project, first=1)
    assert caught.value.status == 404
    assert caught.value.request_id == "r-9"
    assert "signature" not in str(caught.value)


@KINDS
def test_another_host_is_not_told_the_key(place: Place, proxy: Proxy, stranger: Proxy, clock: Clock, kind: str) -> None:
    near = {
        "another port": f"{stranger.url}/api/label/v2/responses/x?signature=1",
        "a user": f"http://127.0.0.1@127.0.0.1:{stranger.url.rsplit(':', 1)[1]}/api/label/v2/x",
        "a backslash": stranger.url + "\\@" + proxy.url.removeprefix("http://") + "/api/label/v2/x",
    }
    for url in near.values():
        proxy.on("query labels(", then=_lies_at(url))
        (rows,) = _client(kind, place, proxy).calls(("labels", (place.project,), {"first": 1}))
        if not isinstance(rows, ApiError):
            assert rows[0]["jsonResponse"] == {"WEATHER": {"categories": [{"name": "SUN"}]}}
    assert len(stranger.seen) >= 2
    assert all(place.server.api_key not in str(seen) for seen in stranger.seen)


@KINDS
def test_a_redirect_is_followed_without_the_key(
    place: Place, proxy: Proxy, stranger: Proxy, clock: Clock, kind: str
) -> None:
    own = f"{proxy.url}/api/label/v2/files?id=1"
    proxy.on("query labels(", then=_lies_at(own))
    proxy.on("/files?id=1", then=f.says(302, location=f"{stranger.url}/bucket?signature=2"))
    rows = _client(kind, place, proxy).call("labels", place.project, first=1)
    assert rows[0]["jsonResponse"] == {"WEATHER": {"categories": [{"name": "SUN"}]}}
    (first,), (second,) = proxy.asked("/files?id=1\n"), stranger.seen
    assert first.headers["authorization"] == _key(place)
    assert second.path == "/bucket?signature=2"
    assert "authorization" not in second.headers


@KINDS
def test_redirects_in_a_circle_end(place: Place, proxy: Proxy, clock: Clock, kind: str) -> None:
    proxy.on("query labels(", then=_lies_at(f"{proxy.url}/api/label/v2/files?id=1"))
    proxy.on("/files?id=1", then=f.says(302, location="files?id=1&again"))
    with pytest.raises(ServerError, match="one redirect too many") as caught:
        _client(kind, place, proxy).call("labels", place.project, first=1)
    assert caught.value.attempts == 1
    assert len(proxy.asked("/files?id=1")) == 6


@KINDS
@pytest.mark.parametrize(
    "url",
    [
        "http://[",
        "ftp://example.com/x",
        "nonsense",
        "http://h:99999/x",
        "http://",
        "http://\n/",
        "file:///etc/x",
        7,
        [1],
    ],
)
def test_what_is_no_address_is_told(place: Place, proxy: Proxy, clock: Clock, kind: str, url: Any) -> None:
    proxy.on("query labels(", then=_lies_at(url))
    with pytest.raises(ApiConnectionError) as caught:
        _client(kind, place, proxy).call("labels", place.project, first=1)
    assert "no usable address" in str(caught.value) or "cannot be reached" in str(caught.value)


# -- how many at once --------------------------------------------------------------------------------------------------


@KINDS
def test_connections_are_used_again_and_pages_in_flight_are_few(place: Place, proxy: Proxy, kind: str) -> None:
    proxy.on("query labels(", then=f.late(0.05))
    rows = _client(kind, place, proxy).call("labels", place.project, first=PAGES * PAGE)
    assert rows == place.labels
    assert len(proxy.asked("query labels(")) == PAGES
    assert proxy.busiest == 4
    assert proxy.connections <= 5


def test_a_slow_consumer_is_not_run_ahead_of(place: Place, proxy: Proxy) -> None:
    kili = Kili(place.server.api_key, proxy.endpoint)
    rows = kili.labels(place.project, as_generator=True, first=PAGES * PAGE)
    assert proxy.seen == []
    for taken in range(1, 6):
        assert _ids(list(islice(rows, PAGE))) == _ids(place.labels[(taken - 1) * PAGE : taken * PAGE])
        _settled()
        assert len(proxy.asked("query labels(")) <= taken + 2
    rows.close()
    asked = len(proxy.seen)
    assert list(rows) == []
    assert len(proxy.seen) == asked
    kili.close()


def test_a_slow_consumer_is_not_run_ahead_of_by_tasks(place: Place, proxy: Proxy) -> None:
    async def run() -> None:
        async with AsyncKili(place.server.api_key, proxy.endpoint) as kili:
            rows = await kili.labels(place.project, as_generator=True, first=PAGES * PAGE)
            assert not isinstance(rows, list)
            for taken in range(1, 4):
                page = [await anext(rows) for _ in range(PAGE)]
                assert _ids(page) == _ids(place.labels[(taken - 1) * PAGE : taken * PAGE])
                await asyncio.sleep(0.05)
                assert len(proxy.asked("query labels(")) <= taken + 2
            await rows.aclose()
            assert asyncio.all_tasks() == {asyncio.current_task()}
            asked = len(proxy.seen)
            await asyncio.sleep(0.05)
            assert len(proxy.seen) == asked

    asyncio.run(run())


def _threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "kili_query request"]


def _settled() -> None:
    """Wait for the requests that are under way."""
    for thread in _threads():
        thread.join(10)
    assert _threads() == []


@pytest.mark.parametrize("end", ["closed", "forgotten", "failed"])
def test_what_nobody_waits_for_is_not_sent_again(place: Place, proxy: Proxy, end: str) -> None:
    failing, waited = f.says(429, retry_after="50"), threading.Event()

    def fails(exchange: f.Exchange) -> bool:
        waited.set()
        return failing(exchange)

    pages = [f.passed, fails, fails] if end != "failed" else [f.says(404), fails, fails]
    # which of three requests comes first is chance: the rule looks at the page that is asked for
    for number, fault in enumerate(pages):
        proxy.on(f'"skip":{number * PAGE},', then=fault)
        proxy.on(f'"skip":{number * PAGE}}}', then=fault)
    kili = Kili(place.server.api_key, proxy.endpoint)
    rows = kili.labels(place.project, as_generator=True)
    if end == "failed":
        with pytest.raises(ServerError):
            list(rows)
    else:
        next(iter(rows))
        assert waited.wait(10)
    if end == "closed":
        rows.close()
    del rows
    _settled()  # within the 50 seconds that the server asks to wait, or this takes them
    assert all(len(proxy.asked(f'"skip":{number * PAGE}')) <= 1 for number in (1, 2))
    kili.close()


def test_downloads_of_a_page_that_nobody_waits_for_end(far_place: Place, far: Proxy) -> None:
    failed = threading.Event()
    busy = f.says(429, retry_after="50")

    def fails(exchange: f.Exchange) -> bool:
        failed.set()
        return busy(exchange)

    for label in far_place.labels[PAGE : 2 * PAGE]:
        far.on(f"/{label['id']}?signature=", then=fails)
    kili = Kili(far_place.server.api_key, far.endpoint)
    rows = iter(kili.labels(far_place.project, as_generator=True, first=PAGE * PAGES))
    next(rows)
    assert failed.wait(10)
    rows.close()
    _settled()
    asked = [len(far.asked(f"/{label['id']}?signature=")) for label in far_place.labels]
    assert all(times <= 1 for times in asked)
    assert sum(asked) > 1
    kili.close()


# -- compression -------------------------------------------------------------------------------------------------------

MANY = [f"asset-{n:08}" for n in range(80_000)]
"""Ids that make a request of more than a million bytes."""


def _encodings(proxy: Proxy, text: str = "countAssets") -> list[str | None]:
    return [seen.headers.get("content-encoding") for seen in proxy.asked(text)]


def _count_many(*, times: int) -> list[tuple[str, tuple[Any, ...], dict[str, Any]]]:
    return [("count_assets", ("p",), {"asset_id_in": MANY})] * times


@KINDS
def test_large_requests_are_compressed(place: Place, proxy: Proxy, kind: str) -> None:
    proxy.on("countAssets", then=f.says(200, {"data": {"data": 3}}))
    few = ("count_assets", ("p",), {"asset_id_in": MANY[:50_000]})
    assert _client(kind, place, proxy).calls(*_count_many(times=2), few) == [3, 3, 3]
    assert _encodings(proxy) == ["gzip", "gzip", None]
    assert json.loads(proxy.asked("countAssets")[0].text.split("\n", 1)[1])["variables"]["where"]["idIn"] == MANY
    off = _client(kind, place, proxy, disable_request_compression=True)
    assert off.calls(*_count_many(times=1)) == [3]
    assert _encodings(proxy)[3:] == [None]


@KINDS
@pytest.mark.parametrize("status", [400, 415])
def test_compression_that_is_refused_stays_off(place: Place, proxy: Proxy, kind: str, status: int) -> None:
    proxy.on("countAssets", f.says(status, HTML), then=f.says(200, {"data": {"data": 3}}))
    assert _client(kind, place, proxy).calls(*_count_many(times=2)) == [3, 3]
    assert _encodings(proxy) == ["gzip", None, None]


@KINDS
def test_a_refusal_of_the_call_itself_is_not_one_of_compression(place: Place, proxy: Proxy, kind: str) -> None:
    proxy.on("countAssets", _refusal({"message": "too many ids"}, status=400), then=f.says(200, {"data": {"data": 3}}))
    error, number = _client(kind, place, proxy).calls(*_count_many(times=2))
    assert type(error) is GraphQLError
    assert number == 3
    assert _encodings(proxy) == ["gzip", "gzip"]


@KINDS
def test_compression_stays_on_if_plain_does_not_work_either(
    place: Place, proxy: Proxy, clock: Clock, kind: str
) -> None:
    proxy.on("countAssets", f.says(415), f.says(413), then=f.says(200, {"data": {"data": 3}}))
    error, number = _client(kind, place, proxy).calls(*_count_many(times=2))
    assert type(error) is ServerError
    assert number == 3
    assert _encodings(proxy) == ["gzip", None, "gzip"]


# -- secrets -----------------------------------------------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize(
    "said",
    [
        f.says(200, {"errors": [{"message": f"no key {f.KEY} here", "path": [f.KEY], "extensions": {"code": f.KEY}}]}),
        f.says(401, {"errors": [{"message": f"expired: X-API-Key: {f.KEY}"}]}),
        f.says(200, f"<b>{f.KEY}</b>", content_type="text/html"),
        f.says(502, f.KEY),
        f.says(404, f.KEY),
        f.reset(carried_out=False),
    ],
)
def test_a_key_that_the_server_repeats_is_not_shown(
    proxy: Proxy, clock: Clock, kind: str, said: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    proxy.on("", then=said)
    with pytest.raises(ApiError) as caught:
        Client(kind, f.KEY, proxy.endpoint).call("count_projects")
    shown = [str(caught.value), repr(caught.value), repr(vars(caught.value)), caplog.text]
    assert f.KEY in proxy.seen[0].headers["authorization"]
    assert f.KEY not in "".join(shown)
