"""Events of labels: what comes, connections that break and come again, what was missed, and the end."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from kili_query import (
    ApiConnectionError,
    ApiError,
    ArgumentError,
    AsyncKili,
    AuthenticationError,
    DataError,
    EventsMissedError,
    GraphQLError,
    Kili,
    NotFoundError,
    QueryCheckError,
    QuerySyntaxError,
)
from kili_query.client._sync.events import Subscription
from kili_query.client.operations.events import DOCUMENT, LabelEvent, dropped, label_in, refusal, timestamp_of
from kili_query.client.sending import reconnecting
from kili_query.client.sending.reconnecting import Told, may_pass, pause_before
from kili_query.errors import ServerError
from kili_query.server import LocalKili
from kili_query.server.graph import subscriptions
from tests.client.lines import Line
from tests.server.asking import INTERFACE, response

ENOUGH = 20.0
"""Seconds after which something is not going to happen."""


class Desk(NamedTuple):
    """A project with two assets, and a client to change it with."""

    server: LocalKili
    project: str
    kili: Kili

    def append(self, *names: int, to: str = "a.jpg", kind: Any = "DEFAULT") -> list[str]:
        """Labels one by one; the number of objects A tells them apart."""
        return [
            self.kili.append_labels(
                project_id=self.project, asset_external_id_array=[to], json_response_array=[response(n)],
                label_type=kind, disable_tqdm=True,
            )[0]["id"]
            for n in names
        ]  # fmt: skip


class Listener:
    """A callback that remembers."""

    def __init__(self) -> None:
        self.frames: list[tuple[str, Any]] = []
        self.errors: list[Exception] = []

    def __call__(self, subscription_id: str, frame: dict[str, Any]) -> None:
        self.frames.append((subscription_id, frame))

    @property
    def numbers(self) -> list[int]:
        """The numbers of objects A in the labels that came."""
        return [len(json.loads(label(frame)["jsonResponse"])["OBJ"]["annotations"]) for _, frame in self.frames]


def label(frame: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = frame["payload"]["data"]["data"]
    return found


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + ENOUGH
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def threads() -> list[str]:
    return [
        thread.name for thread in threading.enumerate() if thread.name in ("kili_query events", "kili_query connection")
    ]


def project_on(server: LocalKili, folder: Path) -> str:
    path = folder / "assets.json"
    path.write_text(json.dumps([{"id": f"asset-{name}", "externalId": f"{name}.jpg", "labels": []} for name in "ab"]))
    return server.load(path, interface=INTERFACE, input_type="IMAGE")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with LocalKili() as server:
        yield Desk(server, project_on(server, tmp_path), Kili(server.api_key, server.endpoint))


@pytest.fixture
def line(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    monkeypatch.setattr(reconnecting, "SHORTEST", 0.02)
    monkeypatch.setattr(reconnecting, "LONGEST", 0.1)
    with Line(desk.server) as line:
        yield line


@contextmanager
def listening(desk: Desk, endpoint: str | None = None, **more: Any) -> Iterator[tuple[Listener, Subscription]]:
    heard = Listener()
    more.setdefault("callback", heard)
    kili = Kili(desk.server.api_key, endpoint or desk.server.endpoint)
    with kili.label_created_or_updated(desk.project, on_error=heard.errors.append, **more) as subscription:
        yield heard, subscription


# -- what comes ----------------------------------------------------------------------------------------------------


def test_the_callback_gets_what_that_of_kili_gets(desk: Desk) -> None:
    with listening(desk) as (heard, _):
        (label_id,) = desk.append(2)
        until(lambda: len(heard.frames) == 1)
    ((subscription_id, frame),) = heard.frames
    assert len(subscription_id) == 6
    assert subscription_id.isalnum()
    assert frame == {
        "id": subscription_id,
        "type": "data",
        "payload": {
            "data": {
                "data": {
                    "id": label_id,
                    "author": {"email": "local@kili.invalid"},
                    "labelOf": {"id": "asset-a"},
                    "labelType": "DEFAULT",
                    "jsonResponse": json.dumps(response(2)),
                }
            }
        },
    }


def test_events_come_in_order_to_all_who_listen(desk: Desk) -> None:
    with listening(desk) as (one, _), listening(desk) as (other, _):
        desk.append(*range(30))
        until(lambda: len(one.frames) == len(other.frames) == 30)
    assert one.numbers == other.numbers == list(range(30))


def test_changes_are_told_and_predictions_and_honeypots(desk: Desk) -> None:
    with listening(desk) as (heard, _):
        (label_id,) = desk.append(1)
        desk.kili.update_properties_in_label(label_id, json_response=response(5))
        desk.kili.create_predictions(
            desk.project, ["b.jpg"], model_name="m", json_response_array=[response(6)], disable_tqdm=True
        )
        desk.kili.create_honeypot(response(7), asset_external_id="a.jpg", project_id=desk.project)
        until(lambda: len(heard.frames) == 4)
    assert [label(frame)["labelType"] for _, frame in heard.frames] == ["DEFAULT", "DEFAULT", "PREDICTION", "REVIEW"]
    assert heard.numbers[1:] == [5, 6, 7]
    assert label(heard.frames[1][1])["id"] == label_id


def test_other_projects_are_not_told(desk: Desk, tmp_path: Path) -> None:
    other = project_on(desk.server, tmp_path)
    with listening(desk) as (heard, _):
        desk.kili.append_labels(
            project_id=other, asset_external_id_array=["a.jpg"], json_response_array=[response(9)], disable_tqdm=True
        )
        desk.append(1)
        until(lambda: bool(heard.frames))
    assert heard.numbers == [1]


@pytest.mark.parametrize("query", ["OBJ.A.count IN 2..3", 'OBJ."A".count > 1 AND NOT OBJ.A.count > 3'])
def test_only_labels_that_satisfy_the_query_are_told(desk: Desk, query: str) -> None:
    with listening(desk, category_search=query) as (heard, _):
        desk.append(*range(6), 2)
        until(lambda: len(heard.frames) == 3)
    assert heard.numbers == [2, 3, 2]


def test_an_iterator_gives_labels(desk: Desk) -> None:
    async def heard() -> list[LabelEvent]:
        async with AsyncKili(desk.server.api_key, desk.server.endpoint) as kili:
            events = kili.label_created_or_updated(desk.project, category_search="OBJ.A.count > 1")
            assert await events is events
            await asyncio.to_thread(desk.append, 1, 2, 3)
            found = [await anext(events), await anext(events)]
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(events), 0.1)
            waiting = asyncio.create_task(anext(events, None))
            await asyncio.sleep(0.05)
            await events.aclose()
            assert await asyncio.wait_for(waiting, 5) is None
            assert [event async for event in events] == []
            return found

    events = asyncio.run(heard())
    assert [len(event.label.jsonResponse["OBJ"]["annotations"]) for event in events] == [2, 3]
    assert events[0].label.labelOf == {"id": "asset-a", "externalId": "a.jpg"}
    assert events[0].moment == events[0].label.updatedAt
    assert events[0].frame["id"] == events[0].subscription_id


def test_an_iterator_may_be_stepped_through_at_once(desk: Desk) -> None:
    async def heard() -> list[str]:
        async with (
            AsyncKili(desk.server.api_key, desk.server.endpoint) as kili,
            kili.label_created_or_updated(desk.project) as events,
        ):
            await asyncio.to_thread(desk.append, 1, 2)
            found = []
            async for event in events:
                found.append(event.label.labelType)
                if len(found) == 2:
                    return found
        return []

    assert asyncio.run(heard()) == ["DEFAULT", "DEFAULT"]


# -- refused at once -----------------------------------------------------------------------------------------------


def test_what_is_wrong_is_told_before_anything_is_heard(desk: Desk) -> None:
    kili = desk.kili
    with pytest.raises(NotFoundError):
        kili.label_created_or_updated("clx1", print)
    with pytest.raises(QueryCheckError):
        kili.label_created_or_updated(desk.project, print, category_search="OBJ.Z.count > 0")
    with pytest.raises(QuerySyntaxError):
        Kili(desk.server.api_key, desk.server.endpoint, check_queries="off").label_created_or_updated(
            desk.project, print, category_search="OBJ.A.count >"
        )
    with pytest.raises(AuthenticationError) as raised:
        Kili("a-wrong-key-2718281828", desk.server.endpoint).label_created_or_updated(desk.project, print)
    assert "2718281828" not in str(raised.value)
    for callback in (None, lambda one: None, lambda one, two, three: None):
        with pytest.raises(ArgumentError, match=r"`callback` is .*; it takes a function of 2 arguments"):
            kili.label_created_or_updated(desk.project, callback)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="`on_error` is"):
        kili.label_created_or_updated(desk.project, print, on_error=lambda: None)  # type: ignore[arg-type,misc]
    assert not threads()


def test_a_client_without_network_says_so(tmp_path: Path) -> None:
    with LocalKili(socket=False) as server:
        project = project_on(server, tmp_path)
        kili = Kili(server.api_key, server.endpoint, transport=server.transport)
        with pytest.raises(ArgumentError, match="`transport` carries no websockets"):
            kili.label_created_or_updated(project, print)
        with pytest.raises(ArgumentError, match="`transport` carries no websockets"):
            AsyncKili(server.api_key, server.endpoint, transport=server.transport).label_created_or_updated(project)


# -- exceptions, and the end ---------------------------------------------------------------------------------------


def test_exceptions_of_the_callback_are_reported_and_survived(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", told.append)
    heard = Listener()

    def callback(subscription_id: str, frame: dict[str, Any]) -> None:
        heard(subscription_id, frame)
        raise ValueError(len(heard.frames))

    with desk.kili.label_created_or_updated(desk.project, callback):
        desk.append(1, 2)
        until(lambda: len(told) == 2)
    assert heard.numbers == [1, 2]
    assert [(args.exc_type, args.exc_value.args) for args in told] == [(ValueError, (1,)), (ValueError, (2,))]

    def reporter(error: Exception) -> None:
        raise KeyError("the reporter fails as well")

    told.clear()
    with desk.kili.label_created_or_updated(desk.project, callback, on_error=reporter):
        desk.append(3)
        until(lambda: len(told) == 1)
    assert told[0].exc_type is KeyError


def test_close_ends_it_at_once_and_for_good(desk: Desk) -> None:
    with listening(desk) as (heard, subscription):
        assert subscription.get_lifetime() >= 0
        began = time.monotonic()
        subscription.close()
        subscription.close()
        assert time.monotonic() - began < 5
        assert subscription.wait(0)
        desk.append(1)
        time.sleep(0.2)
    assert (heard.frames, heard.errors) == ([], [])
    assert not threads()


def test_the_callback_may_close_it(desk: Desk) -> None:
    ready = threading.Event()
    seen: list[int] = []

    def callback(subscription_id: str, frame: dict[str, Any]) -> None:
        seen.append(1)
        ready.wait(ENOUGH)
        subscription.close()

    subscription = desk.kili.label_created_or_updated(desk.project, callback)
    desk.append(1, 2, 3)
    ready.set()
    assert subscription.wait(ENOUGH)
    assert len(seen) == 1


def test_close_waits_for_the_callback(desk: Desk) -> None:
    working, done = threading.Event(), threading.Event()

    def callback(subscription_id: str, frame: dict[str, Any]) -> None:
        working.set()
        time.sleep(0.3)
        done.set()

    subscription = desk.kili.label_created_or_updated(desk.project, callback)
    desk.append(1)
    assert working.wait(ENOUGH)
    subscription.close()
    assert done.is_set()


def test_close_while_it_tries_to_connect(desk: Desk, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconnecting, "SHORTEST", 30.0)
    monkeypatch.setattr(reconnecting, "LONGEST", 60.0)
    with listening(desk, line.endpoint) as (_, subscription):
        line.break_all()
        time.sleep(0.2)
        began = time.monotonic()
        subscription.close()
        assert time.monotonic() - began < 5


def test_a_pause_leaves_events_out(desk: Desk) -> None:
    with listening(desk) as (heard, subscription):
        subscription.pause()
        desk.append(1)
        time.sleep(0.3)
        subscription.unpause()
        desk.append(2)
        until(lambda: bool(heard.frames))
    assert heard.numbers == [2]


def test_a_slow_callback_gets_all_in_order(desk: Desk) -> None:
    heard = Listener()

    def callback(subscription_id: str, frame: dict[str, Any]) -> None:
        time.sleep(0.02)
        heard(subscription_id, frame)

    with listening(desk, callback=callback):
        desk.kili.append_labels(
            project_id=desk.project, asset_external_id_array=["a.jpg"] * 60,
            json_response_array=[response(n) for n in range(60)], disable_tqdm=True,
        )  # fmt: skip
        until(lambda: len(heard.frames) == 60)
    assert heard.numbers == list(range(60))


# -- connections that break ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["broken", "in a message", "by the client"])
def test_what_was_missed_is_told_once(desk: Desk, line: Line, how: str) -> None:
    with listening(desk, line.endpoint, category_search="OBJ.A.count < 90") as (heard, subscription):
        ids = desk.append(1, 2)
        until(lambda: len(heard.frames) == 2)
        if how == "by the client":
            subscription.reset_timeout()
        elif how == "broken":
            line.up = False
            line.break_all()
        else:
            line.cut_after = 20
        desk.append(3, 99, 4)
        desk.kili.update_properties_in_label(ids[0], json_response=response(11))
        time.sleep(0.3)
        line.up = True
        until(lambda: sorted(heard.numbers) == [1, 2, 3, 4, 11])
        desk.append(5)
        until(lambda: 5 in heard.numbers)
        time.sleep(0.2)
        assert subscription.failed_connection_attempts == 0
    # what is told live may come before what is looked up
    assert heard.numbers[:2] + heard.numbers[-1:] == [1, 2, 5]
    assert sorted(heard.numbers) == [1, 2, 3, 4, 5, 11]
    assert heard.errors == []
    assert line.opened >= 2


def test_what_comes_before_the_server_has_begun_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = subscriptions._Client._asked

    def slowly(*args: Any) -> Any:
        time.sleep(0.5)
        return asked(*args)

    monkeypatch.setattr(subscriptions._Client, "_asked", slowly)
    monkeypatch.setattr(reconnecting, "SETTLED", 1.0)
    with listening(desk) as (heard, _):
        desk.append(1, 2)  # nobody is told of them: the subscription is not acknowledged
        time.sleep(0.7)
        desk.append(3)
        until(lambda: len(heard.frames) >= 3)
        time.sleep(0.2)
    assert sorted(heard.numbers) == [1, 2, 3]
    assert heard.errors == []


def test_connections_break_again_and_again(desk: Desk, line: Line) -> None:
    with listening(desk, line.endpoint) as (heard, _):
        for n in range(12):
            if n % 3 == 1:
                line.break_all()
            elif n % 3 == 2:
                line.cut_after = 7
            desk.append(n)
        until(lambda: len(heard.frames) >= 12)
        time.sleep(0.3)
    assert sorted(heard.numbers) == list(range(12))
    assert heard.errors == []


def test_the_server_is_started_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconnecting, "SHORTEST", 0.05)
    monkeypatch.setattr(reconnecting, "LONGEST", 0.2)
    with LocalKili(tmp_path / "data") as server:
        desk = Desk(server, project_on(server, tmp_path), Kili(server.api_key, server.endpoint))
        port = int(server.url.rpartition(":")[2])
        with listening(desk) as (heard, _):
            desk.append(1)
            until(lambda: heard.numbers == [1])
            server.stop()
            time.sleep(0.2)
            with LocalKili(tmp_path / "data", port=port):
                desk.append(2)
                until(lambda: heard.numbers == [1, 2])
                desk.append(3)
                until(lambda: heard.numbers == [1, 2, 3])
    assert heard.errors == []


def test_what_cannot_be_looked_for_is_reported_as_not_known(desk: Desk, line: Line) -> None:
    error_ = {"message": f"no answer for {desk.server.api_key}", "extensions": {"code": "BAD_USER_INPUT"}}
    body = json.dumps({"errors": [error_], "data": None}).encode()
    with listening(desk, line.endpoint) as (heard, subscription):
        line.answer = (
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body
        )
        line.break_all()
        until(lambda: bool(heard.errors))
        line.answer = None
        desk.append(2)
        until(lambda: heard.numbers == [2])
        assert subscription.error is None
    (error,) = heard.errors
    assert isinstance(error, EventsMissedError)
    assert "is not known" in str(error)
    assert desk.server.api_key not in str(error)


def test_it_is_given_up_with_an_error(desk: Desk, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconnecting, "GIVE_UP", 0.3)
    with listening(desk, line.endpoint) as (heard, subscription):
        line.up = False
        line.break_all()
        assert subscription.wait(ENOUGH)
        assert subscription.failed_connection_attempts > 1
    (error,) = heard.errors
    assert isinstance(error, ApiConnectionError)
    assert error is subscription.error
    assert error.attempts > 1
    assert desk.server.api_key not in str(error)


# -- servers of another kind ---------------------------------------------------------------------------------------

Script = Callable[[ServerConnection, str], None]


@contextmanager
def scripted(line: Line, *scripts: Script) -> Iterator[list[list[Any]]]:
    """Websockets lead to a server that does what the scripts say, one for each connection, the last one for all others."""
    said: list[list[Any]] = []

    def handle(connection: ServerConnection) -> None:
        messages: list[Any] = []
        said.append(messages)
        script = scripts[min(len(said), len(scripts)) - 1]
        try:
            messages.append(json.loads(connection.recv()))
            script(connection, "")
            messages.append(json.loads(connection.recv()))
            script(connection, messages[-1]["id"])
            for message in connection:
                messages.append(json.loads(message))
        except ConnectionClosed:
            pass

    with serve(handle, "127.0.0.1", 0, subprotocols=["graphql-ws"]) as server:  # type: ignore[list-item]
        line.websockets = server.socket.getsockname()[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield said
        line.break_all()


def says(
    *messages: dict[str, Any], ack: bool = True, then: Callable[[ServerConnection], object] | None = None
) -> Script:
    def script(connection: ServerConnection, subscription_id: str) -> None:
        if not subscription_id:
            if ack:
                connection.send('{"type": "connection_ack"}')
            return
        for message in messages:
            connection.send(json.dumps({"id": subscription_id, **message}))
        if then:
            then(connection)

    return script


def told(label_id: str, moment: str = "2030-01-01T00:00:00.000Z", **more: Any) -> dict[str, Any]:
    row = {"id": label_id, "author": None, "labelOf": {"id": "asset-a"}, "labelType": "DEFAULT", "jsonResponse": "{}"}
    return {"type": "data", "payload": {"data": {"data": {**row, "updatedAt": moment, **more}}}}


def names(heard: Listener) -> list[str]:
    return [label(frame)["id"] for _, frame in heard.frames]


def test_what_is_sent_is_what_the_protocol_asks_for(desk: Desk, line: Line) -> None:
    with scripted(line, says()) as said, listening(desk, line.endpoint):
        until(lambda: len(said[0]) == 2)
    key = {"Accept": "application/json", "Content-Type": "application/json", "Authorization": f"X-API-Key: {desk.server.api_key}"}  # fmt: skip
    greeting, start = said[0][:2]
    assert greeting == {"type": "connection_init", "payload": {"headers": key, "Authorization": key["Authorization"]}}
    assert start["type"] == "start"
    assert start["payload"] == {"headers": key, "query": DOCUMENT, "variables": {"projectID": desk.project}}
    until(lambda: said[0][-1] == {"id": start["id"], "type": "stop"})


def test_other_messages_are_passed_over(desk: Desk, line: Line) -> None:
    script = says({"type": "ka"}, {**told("other"), "id": "zzzzzz"}, {"type": "pong"}, {"type": "data", "payload": None},
                  {**told("l1"), "type": "next"}, told("l2"))  # fmt: skip
    with scripted(line, script), listening(desk, line.endpoint) as (heard, _):
        until(lambda: len(heard.frames) == 2)
    assert names(heard) == ["l1", "l2"]


def test_labels_and_events_that_cannot_be_read_are_reported(desk: Desk, line: Line) -> None:
    refused = {"type": "data", "payload": {"data": None, "errors": [{"message": "the answer is too large"}]}}
    script = says(refused, told("l1", jsonResponse="{"), told("l2"))
    with scripted(line, script), listening(desk, line.endpoint) as (heard, _):
        until(lambda: bool(heard.frames))
    assert names(heard) == ["l2"]
    assert [type(error) for error in heard.errors] == [GraphQLError, DataError]
    assert "too large" in str(heard.errors[0])
    assert "l1" in str(heard.errors[1])


@pytest.mark.parametrize(
    "end",
    [
        lambda connection: connection.close(1001),
        lambda connection: connection.send("no JSON"),
        lambda connection: connection.send("[1]"),
        lambda connection: connection.send('{"no": "type"}'),
        lambda connection: connection.socket.sendall(b"\xff\xff\xff\xff"),
        lambda connection: connection.socket.shutdown(socket.SHUT_RDWR),
    ],
    ids=["close frame", "no JSON", "no object", "no type", "no frame", "dropped"],
)
def test_whatever_ends_a_connection_it_comes_again(desk: Desk, line: Line, end: Any) -> None:
    with scripted(line, says(told("l1"), then=end), says(told("l2"))), listening(desk, line.endpoint) as (heard, _):
        until(lambda: names(heard) == ["l1", "l2"])
    assert heard.errors == []


def test_a_subscription_that_is_complete_is_begun_again(desk: Desk, line: Line) -> None:
    scripts = says(told("l1"), {"type": "complete"}), says(told("l2"))
    with scripted(line, *scripts) as said, listening(desk, line.endpoint) as (heard, _):
        until(lambda: names(heard) == ["l1", "l2"])
    assert said[0][1]["id"] != said[1][1]["id"]


@pytest.mark.parametrize(("kind", "error"), [("error", GraphQLError), ("connection_error", AuthenticationError)])
def test_a_refusal_ends_it_and_shows_no_key(desk: Desk, line: Line, kind: str, error: type[ApiError]) -> None:
    payload = {"message": f"not with {desk.server.api_key}"}
    script = says(told("l1"), {"type": kind, "payload": payload})
    with scripted(line, script), listening(desk, line.endpoint) as (heard, subscription):
        assert subscription.wait(ENOUGH)
    assert names(heard) == ["l1"]
    (given,) = heard.errors
    assert type(given) is error
    assert "not with ..." in str(given)
    assert subscription.error is given


def test_an_answer_to_the_greeting_that_is_a_refusal_is_raised(desk: Desk, line: Line) -> None:
    def script(connection: ServerConnection, subscription_id: str) -> None:
        connection.send(json.dumps({"type": "connection_error", "payload": {"message": desk.server.api_key}}))

    with scripted(line, script), pytest.raises(AuthenticationError) as raised:
        Kili(desk.server.api_key, line.endpoint).label_created_or_updated(desk.project, print)
    assert desk.server.api_key not in str(raised.value)


def test_a_redirect_does_not_take_the_key_along(desk: Desk, line: Line) -> None:
    asked = []
    elsewhere = socket.create_server(("127.0.0.1", 0))
    port = elsewhere.getsockname()[1]

    def redirect() -> None:
        while True:
            try:
                connection, _ = elsewhere.accept()
            except OSError:
                return
            asked.append(connection.recv(4096))
            answer = f"HTTP/1.1 302 Found\r\nlocation: ws://localhost:{port}/there\r\ncontent-length: 0\r\n\r\n"
            connection.sendall(answer.encode())
            connection.close()

    with elsewhere:
        threading.Thread(target=redirect, daemon=True).start()
        line.websockets = port
        with pytest.raises(ServerError, match="302"):
            Kili(desk.server.api_key, line.endpoint).label_created_or_updated(desk.project, print)
        elsewhere.shutdown(socket.SHUT_RDWR)
    assert len(asked) == 1


def test_events_that_a_server_left_out_are_looked_for(desk: Desk, line: Line) -> None:
    gate = threading.Event()

    def left_out(connection: ServerConnection) -> None:
        gate.wait(ENOUGH)
        connection.send(json.dumps({"type": "ka", "payload": {"dropped": 2}}))

    with scripted(line, says(then=left_out)), listening(desk, line.endpoint) as (heard, _):
        ids = desk.append(1, 2)
        gate.set()
        until(lambda: len(heard.frames) == 2)
    assert names(heard) == ids


def test_no_log_holds_the_key(desk: Desk, line: Line, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with listening(desk, line.endpoint) as (heard, _):
        line.break_all()
        desk.append(1)
        until(lambda: bool(heard.frames))
    assert "the connection for events is lost" in caplog.text
    assert desk.server.api_key not in caplog.text


# -- parts ---------------------------------------------------------------------------------------------------------


def test_pauses_grow_to_a_bound_and_differ() -> None:
    for attempt in range(1, 40):
        bound = min(30.0, 0.5 * 2 ** (attempt - 1))
        pauses = {pause_before(attempt) for _ in range(20)}
        assert len(pauses) > 1
        assert all(bound / 2 <= pause <= bound for pause in pauses)


def test_which_failures_may_pass() -> None:
    passing: list[ApiError] = [
        ApiConnectionError("x"), ServerError("x", status=503), ServerError("x", status=429),
    ]  # fmt: skip
    staying: list[ApiError] = [
        AuthenticationError("x", status=401), GraphQLError("x"), ServerError("x", status=302),
    ]  # fmt: skip
    assert all(map(may_pass, passing))
    assert not any(map(may_pass, staying))


def test_what_was_told_is_known_by_its_last_change() -> None:
    told = Told()
    told.know("a", "2")
    assert not told.is_new("a", "1")
    assert not told.is_new("a", "2")
    assert told.is_new("a", "3")
    assert not told.comes_again("a", "2")
    told.found("a", "3")
    assert told.comes_again("a", "2")
    assert told.comes_again("a", "3")
    assert not told.comes_again("a", "4")
    assert not told.comes_again("b", "")
    told.floor = "5"
    assert not told.is_new("b", "5")
    assert told.is_new("b", "6")


def test_what_nobody_asks_for_any_more_is_forgotten() -> None:
    told = Told()
    for n in range(5_000):
        told.know(f"label-{n}", f"{n:05}")
    told.forget_before("04000")
    assert told.is_new("label-3999", "03999")
    assert not told.is_new("label-4000", "04000")


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({"message": "a"}, "a"), ([{"message": "a"}, {"message": "b"}], "a; b"), ("text", "text"), (None, "no reason"),
        ({"message": "a", "errors": [{"message": "a"}, {"message": "c"}]}, "a; c"),
    ],
)  # fmt: skip
def test_reasons_are_found_wherever_servers_put_them(payload: object, said: str) -> None:
    assert said in str(refusal({"type": "error", "payload": payload}))


def test_messages_of_odd_shapes_hold_no_label() -> None:
    payloads: tuple[Any, ...] = (None, [], {}, {"data": None}, {"data": {"data": None}}, {"data": {"data": {"id": 3}}})
    for payload in payloads:
        assert label_in({"payload": payload}) is None
    assert not dropped({"type": "ka"})
    assert not dropped({"type": "ka", "payload": {"dropped": 0}})
    assert timestamp_of({"createdAt": "2", "updatedAt": None}) == "2"
