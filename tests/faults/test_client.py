"""Faults of the SDK that were found by trying.

A value by position filtered by something else than in `kili` 26.2.4: it is taken where all versions agree, or refused.
A status in the words of Kili's own documents was refused: `TO REVIEW` is `TO_REVIEW`.
"""

from __future__ import annotations

import copy
import gzip
import json
import logging
import pickle
import random
import re
import time
import traceback
import tracemalloc
import zlib
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from kili_query import (
    ApiConnectionError,
    ArgumentError,
    Kili,
    KiliQueryError,
    OutcomeUnknownError,
    QueryCheckError,
    QuerySyntaxError,
    QueryWarning,
    ServerError,
)
from kili_query.client.sending.bodies import Body, TooLargeError
from kili_query.client.sending.hiding import without_key
from kili_query.lang import checker
from kili_query.lang.parser import parse_tree
from kili_query.model.kili import ASSET_STATUSES, STEP_STATUSES
from tests.client import faults as f
from tests.client.conftest import INTERFACE, World
from tests.client.conftest import world as world
from tests.conftest import FUZZ

# -- arguments ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["labels", "predictions", "inferences", "count_labels", "count_assets"])
def test_a_value_by_position_never_filters_by_something_else(world: World, method: str) -> None:
    with pytest.raises(TypeError, match=f"`{method}` takes 4 arguments by position, and 5 are given"):
        getattr(world.kili(), method)(world.project, None, None, None, ["Ann"])
    assert world.kili().count_labels(world.project, author_in=["Ada"]) > 0


def test_labels_come_with_the_fields_of_kili_26(world: World) -> None:
    for row in world.kili().labels(world.project, first=1, disable_tqdm=True):
        assert {"isLatestLabelForUser", "assetId"} <= set(row)


@pytest.mark.parametrize(
    ("method", "argument", "status"),
    [
        *(("count_labels", "asset_status_in", status) for status in ASSET_STATUSES),
        *(("count_assets", "status_in", status) for status in ASSET_STATUSES),
    ],
)
def test_a_status_written_with_a_space_is_that_status(world: World, method: str, argument: str, status: str) -> None:
    call = getattr(world.kili(), method)
    found = [call(world.project, **{argument: [written]}) for written in (status, status.replace("_", " "))]
    assert found[0] == found[1] > 0


@pytest.mark.parametrize("status", STEP_STATUSES)
@pytest.mark.parametrize("paired", [False, True])
def test_a_status_of_a_step_too(world: World, status: str, paired: bool) -> None:
    written: Any = status.replace("_", " ")
    arguments = {"step_id_and_status_in": [("s", written)]} if paired else {"step_status_in": [written]}
    with pytest.raises(ArgumentError, match="filters by workflow steps"):  # which is asked once the words are known
        world.kili().count_assets(world.project, **arguments)


@pytest.mark.parametrize("written", ["TO  REVIEW", "TO-REVIEW", "to review", "TO REVIEWED"])
def test_what_is_no_status_is_refused_with_the_near_one(world: World, written: Any) -> None:
    with pytest.raises(ArgumentError, match=f"holds `'{written}'` at .*; `TO_REVIEW` is near"):
        world.kili().count_assets(world.project, status_in=[written])


# -- a server in the test, which says what it is told to ---------------------------------------------------------------

PLAIN = "OBJECTS.CAR.count > 0"
QUOTED = 'OBJECTS."fire truck".count > 1'
ANNOTATION = {"id": "n1", "job": "WEATHER", "path": [], "annotationValue": {"categories": ["SUN"]}, "labelId": "l1"}
LABEL = {
    "id": "l1",
    "labelType": "DEFAULT",
    "createdAt": "2024-01-01",
    "author": {"id": "u", "email": "e"},
    "assetId": "a1",
    "jsonResponse": '{"WEATHER": {"categories": [{"name": "SUN"}]}}',
}
FACTS = {
    "id": "p",
    "title": "t",
    "inputType": "IMAGE",
    "workflowVersion": "V2",
    "steps": [{"id": "s1", "name": "Label"}],
    "jsonInterface": json.dumps(INTERFACE),
    "roles": [{"id": "r", "role": "ADMIN", "user": {"id": "u", "email": "e"}}],
}
ASSET = {
    "id": "a1",
    "externalId": "a.jpg",
    "content": "",
    "jsonMetadata": "{}",
    "currentStep": {"name": "Label"},
    "labels": [LABEL],
    "latestLabel": LABEL,
    "latestLabels": [LABEL],
}
HONEST: dict[str, Any] = {
    "projects": [FACTS], "countProjects": 1, "countLabels": 1, "labels": [LABEL], "countAssets": 1, "assets": [ASSET],
    "countAssetAnnotations": 1, "createProject": {"id": "p"}, "deleteProjectAsynchronously": "p",
}  # fmt: skip
TALKS: dict[str, Any] = HONEST | {
    "projects": [FACTS | {"inputType": "LLM_STATIC"}],
    "labels": [LABEL | {"annotations": [ANNOTATION]}],
    "assets": [ASSET | {"labels": [LABEL | {"annotations": [ANNOTATION]}]}],
}


class Fake(httpx.BaseTransport):
    """Answers by the field that is asked for."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        field = re.search(r"\n  data: (\w+)", json.loads(request.content)["query"])
        assert field is not None
        self.asked.append(field[1])
        return httpx.Response(200, content=json.dumps({"data": {"data": self.answers[field[1]]}}))


def _kili(answers: Mapping[str, Any], **settings: Any) -> Kili:
    return Kili("key-of-nobody", transport=Fake(answers), disable_tqdm=True, **settings)


CALLS: dict[str, tuple[Callable[[Kili], Any], dict[str, Any]]] = {
    "labels": (lambda k: k.labels("p", category_search=PLAIN), {}),
    "labels, one by one": (lambda k: list(k.labels("p", category_search=PLAIN, as_generator=True)), {}),
    "labels, decided here": (lambda k: k.labels("p", category_search=QUOTED), {"local_filter": True}),
    "predictions": (lambda k: k.predictions("p", category_search=PLAIN), {}),
    "count_labels": (lambda k: k.count_labels("p", category_search=PLAIN), {}),
    "count_labels, decided here": (lambda k: k.count_labels("p", category_search=QUOTED), {"local_filter": True}),
    "assets": (lambda k: k.assets("p", label_category_search=PLAIN), {}),
    "assets, latest": (
        lambda k: k.assets("p", fields=["latestLabel.jsonResponse", "latestLabels.author.email"]), {},
    ),
    "assets, decided here": (lambda k: k.assets("p", label_category_search=QUOTED), {"local_filter": True}),
    "assets, one by one": (lambda k: list(k.assets("p", label_category_search=PLAIN, as_generator=True)), {}),
    "assets, ids": (lambda k: k.assets("p", fields=["id"], label_category_search=PLAIN), {}),
    "assets, matching labels": (
        lambda k: k.assets("p", label_category_search=PLAIN, matching_labels_only=True), {},
    ),
    "count_assets": (lambda k: k.count_assets("p", label_category_search=PLAIN), {}),
    "count_assets, decided here": (lambda k: k.count_assets("p", label_category_search=QUOTED), {"local_filter": True}),
    "export_labels_as_df": (lambda k: k.export_labels_as_df("p", fields=["id", "jsonResponse"]), {}),
    "projects": (lambda k: k.projects(), {}),
    "count_projects": (lambda k: k.count_projects(), {}),
    "ontology": (lambda k: k.ontology("p"), {}),
    "create_project": (lambda k: k.create_project("t", input_type="TEXT", json_interface={"jobs": {}}), {}),
    "delete_project": (lambda k: k.delete_project("p"), {}),
}  # fmt: skip
BY_QUERY = [name for name in CALLS if "label" in name or "assets" in name or name == "predictions"]


# -- the door ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often a query was parsed, and checked."""
    counted: Counter[str] = Counter()

    def counting(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            counted[name] += 1
            return function(*arguments, **named)

        return call

    monkeypatch.setattr("kili_query.query.parse_tree", counting("parses", parse_tree))
    monkeypatch.setattr("kili_query.lang.checker.check_tree", counting("checks", checker.check_tree))
    return counted


@pytest.mark.parametrize("name", [name for name in BY_QUERY if name not in ("export_labels_as_df", "assets, latest")])
@pytest.mark.parametrize("known", [False, True])
def test_a_query_is_parsed_once_and_checked_once(looked: Counter[str], name: str, known: bool) -> None:
    call, settings = CALLS[name]
    kili = _kili(HONEST, **settings)
    if known:
        kili.ontology("p")
    call(kili)
    assert looked == {"parses": 1, "checks": 1}


def test_a_query_that_does_not_fit_is_checked_against_the_ontology_anew(looked: Counter[str]) -> None:
    kili = _kili(HONEST)
    kili.ontology("p")
    with pytest.raises(QueryCheckError):
        kili.labels("p", category_search="OBJECTS.PLANE.count > 0")
    assert looked == {"parses": 1, "checks": 2}


def test_calls_without_a_query_look_at_none(looked: Counter[str]) -> None:
    kili = _kili(HONEST)
    kili.labels("p")
    kili.export_labels_as_df("p")
    assert not looked


def test_matching_labels_only_needs_a_query(world: World) -> None:
    with pytest.warns(QueryWarning), pytest.raises(QuerySyntaxError):
        world.kili(check_queries="warn").assets(
            world.project, label_category_search="OBJECTS.CAR", matching_labels_only=True
        )


# -- answers -----------------------------------------------------------------------------------------------------------

ODD: list[Any] = [None, True, 1.5, -1, 7, 10**11, "x", "", [], [None], ["x"], [[]], [7], {}, {"x": 1}, [{}]]


def _places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a value, the value itself included."""
    yield place
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from _places(part, (*place, key))


def _with(value: Any, place: tuple[Any, ...], odd: Any) -> Any:
    if not place:
        return odd
    copied = copy.copy(value)
    copied[place[0]] = _with(value[place[0]], place[1:], odd)
    return copied


@pytest.mark.parametrize("answers", [HONEST, TALKS], ids=["pictures", "conversations"])
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_an_answer_of_any_shape_is_data_or_a_documented_error(answers: dict[str, Any], name: str) -> None:
    call, settings = CALLS[name]
    kili = _kili(answers, **settings)
    call(kili)
    fake = kili._transport._transport
    assert isinstance(fake, Fake)
    asked = sorted(set(fake.asked))
    cases = [(field, place, odd) for field in asked for place in _places(answers[field]) for odd in ODD]
    for field, place, odd in random.Random(name).sample(cases, min(len(cases), FUZZ or 60)):
        fake.answers = answers | {field: _with(answers[field], place, odd)}
        kili._projects.clear()
        with suppress(KiliQueryError):
            call(kili)
    assert len(fake.asked) > len(asked)


@pytest.mark.parametrize("labels", [["x"], 1.5, True, {"id": "l1"}, [["x"]]])
@pytest.mark.parametrize("key", ["labels", "latestLabels"])
def test_labels_that_are_none_are_told_with_their_place(key: str, labels: Any) -> None:
    kili = _kili(HONEST | {"assets": [ASSET, ASSET | {key: labels}]})
    with pytest.raises(ServerError, match=rf"not of the shape that was asked for, at `\[1\]\.{key}(\[0\])?`"):
        kili.assets("p", fields=["id", f"{key}.id"])


@pytest.mark.parametrize("count", [True, 1.5, -1, "7", None, [7]])
def test_a_count_that_is_none_is_told(count: Any) -> None:
    for field, method in (("countLabels", "count_labels"), ("countAssets", "assets"), ("countLabels", "labels")):
        with pytest.raises(ServerError, match="instead of a number"):
            getattr(_kili(HONEST | {field: count}), method)("p")


@pytest.mark.parametrize("count", [10**11, 10**30])
@pytest.mark.parametrize("fields", [["id"], ["id", "jsonResponse"], ["id", "labels.jsonResponse"]])
def test_a_count_of_any_size_costs_nothing(count: int, fields: list[str]) -> None:
    method = "assets" if "labels.jsonResponse" in fields else "labels"
    kili = _kili(HONEST | {"countLabels": count, "countAssets": count})
    tracemalloc.start()
    try:
        assert len(getattr(kili, method)("p", fields=fields)) == 1  # the first page comes short
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_a_page_that_comes_again_and_again_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kili_query.client.operations.assets.PAGE", 1)
    for count in (1, 3):
        kili = _kili(HONEST | {"countAssets": count, "assets": [{"id": "a1"}]})
        assert kili.assets("p", fields=["id"]) == [{"id": "a1"}]


# -- bytes -------------------------------------------------------------------------------------------------------------

MOST = 1_000_000


def _endless(exchange: f.Exchange) -> bool:
    """An answer that never ends, in pieces of 64 kB."""
    exchange.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        exchange.send(b"10000\r\n" + b" " * 0x10000 + b"\r\n")


@cache
def _bomb(times: int = 1) -> f.Fault:
    packed = b'{"data": "' + b"A" * 50_000_000 + b'"}'
    for _ in range(times):
        packed = gzip.compress(packed, 1)
    return f.says(200, packed, content_encoding=", ".join(["gzip"] * times))


LARGE: dict[str, Callable[[], f.Fault]] = {
    "an answer without end": lambda: _endless,
    "a bomb": _bomb,
    "a large answer": lambda: f.says(200, b'"' + b"A" * MOST + b'"'),
}


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[f.Proxy]:
    f.without_limit(monkeypatch)
    with f.Proxy("http://127.0.0.1:1") as proxy:
        yield proxy


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("name", LARGE)
@pytest.mark.parametrize("place", ["answer", "content"])
def test_an_answer_of_too_many_bytes_is_given_up(proxy: f.Proxy, kind: str, name: str, place: str) -> None:
    answers = HONEST | {"labels": [LABEL | {"jsonResponseUrl": f"{proxy.url}/content"}]}
    for field, value in answers.items():
        proxy.on(f"data: {field}(", then=f.says(200, {"data": {"data": value}}))
    proxy.on("data: labels(" if place == "answer" else "/content", then=LARGE[name]())
    client = f.Client(kind, "key-1234", proxy.endpoint, max_answer_bytes=MOST)
    tracemalloc.start()
    try:
        with pytest.raises(ServerError, match="is larger than 1,000,000 bytes; `max_answer_bytes` of the client"):
            client.call("labels", "p")
        assert tracemalloc.get_traced_memory()[1] < 20 * MOST
    finally:
        tracemalloc.stop()
    assert len(proxy.asked("/content")) == (place == "content")  # it is not asked for again


def test_a_change_whose_answer_is_too_large_may_have_been_made(proxy: f.Proxy) -> None:
    proxy.on("createProject", then=_endless)
    client = f.Client("sync", "key-1234", proxy.endpoint, max_answer_bytes=MOST)
    with pytest.raises(OutcomeUnknownError, match="larger than"):
        client.call("create_project", "t", input_type="TEXT", json_interface={"jobs": {}})
    assert len(proxy.seen) == 1


def test_what_is_compressed_twice_is_not_inflated(proxy: f.Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    f.Clock().install(monkeypatch)
    proxy.on("", then=_bomb(2))
    with pytest.raises(ApiConnectionError, match="broke the connection"):
        f.Client("sync", "key-1234", proxy.endpoint).call("count_projects")


@pytest.mark.parametrize("pieces", [1, 7, 100_000])
@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
@pytest.mark.parametrize("size", [0, 1, MOST - 1, MOST, 3 * 2**20])
def test_bodies_are_inflated_whole(pieces: int, pack: Callable[[bytes], bytes], size: int) -> None:
    content = random.Random(size).randbytes(size // 2) + b" " * (size - size // 2)
    packed = pack(content) + b"what follows is not looked at" * (pack is gzip.compress)
    for most in (size, size - 1):
        body = Body("GZip" if pack is gzip.compress else "deflate", most)
        step = max(1, len(packed) // pieces)
        try:
            for start in range(0, len(packed), step):
                body.add(packed[start : start + step])
        except TooLargeError:
            assert most < size
        else:
            assert most >= size or size == 0
            assert body.content == content


@pytest.mark.parametrize("step", [1, 2, 19, 10_000])
def test_all_members_of_gzip_are_read(step: int) -> None:
    packed = gzip.compress(b"one") + gzip.compress(b"") + gzip.compress(b", two") + b"\0\x1f\x8b padding"
    body = Body("gzip", 100)
    for start in range(0, len(packed), step):
        body.add(packed[start : start + step])
    assert body.content == b"one, two"


@pytest.mark.parametrize(
    "piece",
    [gzip.compress(b" " * 1000), gzip.compress(b""), b"\0" * 1000, b"padding" * 100],
    ids=["member", "empty member", "zeros", "padding"],  # members hold the time, and workers collect apart
)
def test_what_inflates_to_nothing_or_follows_the_end_is_counted_too(piece: bytes) -> None:
    body = Body("gzip", 10_000)

    def add_without_end() -> None:
        body.add(gzip.compress(b"{}"))
        for _ in range(100_000):
            body.add(piece)

    with pytest.raises(TooLargeError):
        add_without_end()


@pytest.mark.parametrize("most", [0, -1, 1.5, "1", True, None])
def test_the_bound_is_a_whole_number_from_1(most: Any) -> None:
    with pytest.raises(ArgumentError, match=r"`max_answer_bytes` is .*; it takes a whole number from 1"):
        Kili("k", max_answer_bytes=most)


# -- the key -----------------------------------------------------------------------------------------------------------

SECRET = "K3y+of/Nobody-3141592653"
ECHOED = {
    "as it is": SECRET,
    "in small letters": SECRET.lower(),
    "in capitals": SECRET.upper(),
    "as an address writes it": quote(SECRET, safe=""),
    "as an address in an address": quote(quote(SECRET, safe=""), safe=""),
    "each letter as an address may": "".join(f"%{ord(c):02x}" for c in SECRET),
    "as JSON may write it": "".join(f"\\u{ord(c):04X}" for c in SECRET),
    "with a slash that JSON escapes": SECRET.replace("/", "\\/"),
    "as Python may": "".join(f"\\x{ord(c):02x}" for c in SECRET),
    "as HTML may": "".join(f"&#{ord(c)};&#x{ord(c):x};"[: len(f"&#{ord(c)};")] for c in SECRET),
    "in hexadecimal": SECRET.encode().hex(),
    "in Base64": b64encode(SECRET.encode()).decode(),
    "in Base64 with a name": b64encode(f"X-API-Key: {SECRET}".encode()).decode(),
    "in Base64 with a user": b64encode(f"me:{SECRET}".encode()).decode(),
    "broken over lines": f"{SECRET[:9]}\n   {SECRET[9:]}",
    "in two literals": f"'{SECRET[:9]}' '{SECRET[9:]}'",
    "in two lines of repr": f"'{SECRET[:9]}'\\n  '{SECRET[9:]}'",
}
CANARIES = ["3141592", "nobody-3", "4e6f626f6479", "x4e\\x6f", "%4e%6f", "u004e\\u006f", "#78;&#111;",
            *(b64encode(b" " * n + SECRET.encode()).decode()[8:16].lower() for n in range(3))]  # fmt: skip
"""Parts of each form. A text without them tells nobody the key."""


def _told(words: str) -> dict[str, f.Fault]:
    """Answers that repeat something, wherever an answer can."""
    line = " ".join(words.split())
    return {
        "message": f.says(200, {"errors": [{"message": words}]}),
        "path, code and reason": f.says(
            200,
            {
                "errors": [
                    {"message": "no", "path": [words], "extensions": {"code": words, "context": {"reason": words}}}
                ]
            },
        ),
        "status 401": f.says(401, {"errors": [{"message": f"expired {words}"}]}),
        "not found": f.says(200, {"errors": [{"message": words, "extensions": {"code": "NOT_FOUND"}}]}),
        "unknown field": f.says(
            200, {"errors": [{"message": f'Cannot query field "title" on type "Project" {words}'}]}
        ),
        "text": f.says(200, f"<b>{'b' * 20}{words}", content_type="text/html"),
        "text, at the cut": f.says(200, f"{'b' * 50}{words}", content_type="text/html"),
        "content type": f.says(200, "x", content_type=line),
        "request id": f.says(500, "", x_request_id=line),
        "redirect": f.says(302, "", location=f"https://example.com/{line}/x"),
        "wrong count": f.says(200, {"data": {"data": words}}),
        "retried": f.says(502, "", cf_ray=line),
    }


def _with_locals(error: BaseException) -> str:
    """A traceback with local variables, without the frames of the test."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    del told.stack[:2]
    return "".join(told.format())


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("form", ECHOED)
def test_a_key_that_the_server_repeats_stays_hidden(
    proxy: f.Proxy, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, kind: str, form: str
) -> None:
    caplog.set_level(logging.DEBUG, "kili_query")
    f.Clock().install(monkeypatch)
    for place, fault in _told(ECHOED[form]).items():
        proxy.on("", then=fault)
        if place == "unknown field":
            proxy.on("__type", then=f.says(200, {"data": {"data": {"fields": [{"name": ECHOED[form]}]}}}))
        with pytest.raises(KiliQueryError) as caught:
            f.Client(kind, SECRET, proxy.endpoint).call("count_projects" if place != "unknown field" else "projects")
        error = caught.value
        again = pickle.loads(pickle.dumps(error))
        shown = [form(e) for e in (error, again) for form in (str, repr, lambda e: repr(vars(e)), _with_locals)]
        shown += [repr(pickle.dumps(error)), caplog.text]
        for text in shown:
            assert not [canary for canary in CANARIES if canary in text.lower()], (place, text)


@pytest.mark.parametrize("form", ECHOED)
def test_a_key_that_a_warning_repeats_stays_hidden(proxy: f.Proxy, form: str) -> None:
    told = {"deprecations": [{"path": ECHOED[form], "reason": ECHOED[form]}]}
    proxy.on("", then=f.says(200, {"data": {"data": 1}, "extensions": told}))
    with pytest.warns(UserWarning, match="is deprecated") as warned:
        f.Client("sync", SECRET, proxy.endpoint).call("count_projects")
    (told_of,) = warned
    assert not [canary for canary in CANARIES if canary in str(told_of.message).lower()]


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("form", ECHOED)
def test_a_key_that_the_server_repeats_stays_out_of_the_logs_below(
    proxy: f.Proxy, caplog: pytest.LogCaptureFixture, kind: str, form: str
) -> None:
    caplog.set_level(logging.DEBUG)
    line = " ".join(ECHOED[form].split())
    proxy.on("", then=f.says(200, {"data": {"data": 1}}, x_echo=line))
    f.Client(kind, SECRET, proxy.endpoint).call("count_projects")
    assert "x-echo" in caplog.text.lower()
    assert not [canary for canary in CANARIES if canary in caplog.text.lower()]


def test_hiding_leaves_the_rest() -> None:
    said = f"the key {SECRET} and 'k3y', base64 YWJj; 3141"
    assert without_key(said, SECRET) == "the key ... and 'k3y', base64 YWJj; 3141"
    assert without_key("a key of a letter", "zz") == "a key of a letter"


def test_hiding_takes_time_in_proportion() -> None:
    for hurting in ("\\", " ", "K'", "K" + "\\" * 5, "&#x0", "%25", "K3y+of/Nobody-" + " " * 6):
        for size in (20_000, 40_000):
            text = hurting * (size // len(hurting))
            started = time.perf_counter()
            assert without_key(text, SECRET) == text
            assert time.perf_counter() - started < 2
