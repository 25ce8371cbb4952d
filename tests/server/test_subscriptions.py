"""Subscriptions of local Kili: the protocol, several clients, and those who say nothing, too much, or take nothing."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from kili_query.server import LocalKili
from kili_query.server.graph import subscriptions
from tests.server.asking import INTERFACE, response

FIELDS = "id author { email } labelOf { id } labelType jsonResponse"
DOCUMENT = f"subscription($projectID: ID!) {{ data: labelCreatedOrUpdated(projectID: $projectID) {{ {FIELDS} }} }}"
APPEND = "mutation ($data: AppendManyLabelsData!, $where: AssetWhere!) { appendManyLabels(data: $data, where: $where) { id } }"


@pytest.fixture
def server() -> Iterator[LocalKili]:
    with LocalKili() as server:
        yield server


@pytest.fixture
def project(server: LocalKili, tmp_path: Path) -> str:
    path = tmp_path / "assets.json"
    path.write_text(json.dumps([{"id": "a1", "externalId": "a.jpg", "labels": []}]))
    return server.load(path, interface=INTERFACE, input_type="IMAGE")


class Client:
    """A websocket, and what is said over it."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    def say(self, message: object) -> None:
        self._socket.send(json.dumps(message))

    def heard(self, seconds: float = 10) -> Any:
        """The next message that is no sign of life."""
        while (message := json.loads(self._socket.recv(timeout=seconds)))["type"] == "ka" and "payload" not in message:
            pass
        return message

    def greet(self, key: str, **payload: Any) -> Any:
        self.say({"type": "connection_init", "payload": payload or {"Authorization": f"X-API-Key: {key}"}})
        return self.heard()

    def start(self, project: str, name: str = "s1", query: str = DOCUMENT, **payload: Any) -> None:
        self.say(
            {"id": name, "type": "start", "payload": {"query": query, "variables": {"projectID": project}, **payload}}
        )
        time.sleep(0.3)  # nothing answers a start

    def is_dropped(self) -> bool:
        """Whether nothing more comes, not even a farewell."""
        try:
            self._socket.recv(timeout=10)
        except ConnectionClosed as closed:
            return closed.rcvd is None
        return False


@contextmanager
def connected(server: LocalKili, path: str = "/api/label/v2/graphql", **options: Any) -> Iterator[Client]:
    address = server.url.replace("http", "ws", 1) + path
    with connect(address, **{"subprotocols": ["graphql-ws"], "close_timeout": 1, **options}) as socket:
        assert socket.subprotocol == "graphql-ws"
        yield Client(socket)


def append(server: LocalKili, project: str, *numbers: int, key: str | None = None) -> list[str]:
    data = {
        "labelType": "DEFAULT",
        "labelsData": [{"assetID": "a1", "jsonResponse": json.dumps(response(n))} for n in numbers],
    }
    body = {"query": APPEND, "variables": {"data": data, "where": {"project": {"id": project}}}}
    answer = httpx.post(server.endpoint, json=body, headers={"Authorization": f"X-API-Key: {key or server.api_key}"})
    return [row["id"] for row in answer.json()["data"]["appendManyLabels"]]


def ids(client: Client, number: int) -> list[str]:
    return [client.heard()["payload"]["data"]["data"]["id"] for _ in range(number)]


# -- the protocol --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/graphql", "/api/label/v2/graphql"])
def test_a_label_is_told_in_the_frame_of_the_protocol(server: LocalKili, project: str, path: str) -> None:
    with connected(server, path) as client:
        assert client.greet(server.api_key) == {"type": "connection_ack"}
        client.start(project, "Ab3xY9")
        (label,) = append(server, project, 2)
        told = {
            "id": label,
            "author": {"email": "local@kili.invalid"},
            "labelOf": {"id": "a1"},
            "labelType": "DEFAULT",
            "jsonResponse": json.dumps(response(2)),
        }
        assert client.heard() == {"id": "Ab3xY9", "type": "data", "payload": {"data": {"data": told}}}
        client.say({"id": "Ab3xY9", "type": "stop"})
        assert client.heard() == {"id": "Ab3xY9", "type": "complete"}
        append(server, project, 3)
        client.say({"id": "Ab3xY9", "type": "stop"})
        assert client.heard() == {"id": "Ab3xY9", "type": "complete"}
        client.say({"type": "connection_terminate"})
        with pytest.raises(ConnectionClosed):
            client.heard()


def test_the_key_may_stand_among_the_headers(server: LocalKili) -> None:
    with connected(server) as client:
        answer = client.greet("", headers={"Authorization": f"X-API-Key: {server.api_key}"}, Authorization=None)
        assert answer == {"type": "connection_ack"}


def test_events_come_to_each_subscription_in_order(server: LocalKili, project: str) -> None:
    with connected(server) as one, connected(server) as other:
        for client in (one, other):
            client.greet(server.api_key)
            client.start(project)
        one.start(project, "s2", f"subscription($projectID: ID!) {{ ...all }} fragment all on Subscription {{ data: labelCreatedOrUpdated(projectID: $projectID) {{ {FIELDS} }} }}")  # fmt: skip
        labels = append(server, project, *range(70)) + append(server, project, 1)
        heard: dict[str, list[str]] = {"s1": [], "s2": []}
        for _ in range(2 * len(labels)):
            message = one.heard()
            heard[message["id"]].append(message["payload"]["data"]["data"]["id"])
        assert heard == {"s1": labels, "s2": labels}
        assert ids(other, len(labels)) == labels


def test_what_is_undone_is_not_told(server: LocalKili, project: str) -> None:
    with connected(server) as client:
        client.greet(server.api_key)
        client.start(project)
        with pytest.raises((KeyError, TypeError)):
            append(server, "clx1", 1)
        two = "mutation ($data: AppendManyLabelsData!, $where: AssetWhere!, $none: AppendManyLabelsData!) { a: appendManyLabels(data: $data, where: $where) { id } b: appendManyLabels(data: $none, where: $where) { id } }"
        rows = [
            {"labelType": "DEFAULT", "labelsData": [{"assetID": name, "jsonResponse": "{}"}]} for name in ("a1", "b1")
        ]
        variables = {"data": rows[0], "none": rows[1], "where": {"project": {"id": project}}}
        headers = {"Authorization": f"X-API-Key: {server.api_key}"}
        assert httpx.post(server.endpoint, json={"query": two, "variables": variables}, headers=headers).json()[
            "errors"
        ]
        (label,) = append(server, project, 1)
        assert ids(client, 1) == [label]


def test_other_organizations_see_nothing(server: LocalKili, project: str) -> None:
    key = server.add_user(email="eve@example.com", organization="Other")
    with connected(server) as client:
        assert client.greet(key) == {"type": "connection_ack"}
        client.start(project)
        message = client.heard()
        assert message["type"] == "error"
        assert message["payload"]["extensions"]["code"] == "NOT_FOUND"


# -- refused -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "first",
    [
        {"type": "connection_init", "payload": {"Authorization": "X-API-Key: wrong"}},
        {"type": "connection_init", "payload": {"Authorization": "Bearer x", "headers": {"Authorization": 3}}},
        {"type": "connection_init"},
        {"type": "start", "id": "s1", "payload": {"query": "{"}},
        {"type": "stop", "id": "s1"},
        [],
        "text",
    ],
    ids=repr,
)
def test_before_the_key_nothing_is_looked_at(server: LocalKili, first: object) -> None:
    with connected(server) as client:
        client.say(first)
        message = client.heard()
        assert message["type"] == "connection_error"
        assert "wrong" not in message["payload"]["message"]
        assert client.is_dropped()


@pytest.mark.parametrize(
    "message", [{"type": "subscribe", "id": "s1"}, {"type": "start", "id": 3}, {"id": "s1"}, [], 3], ids=repr
)
def test_what_has_no_place_in_the_protocol_ends_the_connection(server: LocalKili, message: object) -> None:
    with connected(server) as client:
        client.greet(server.api_key)
        client.say(message)
        assert client.heard()["type"] == "connection_error"
        assert client.is_dropped()


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ viewer { id } }", "BAD_USER_INPUT"),
        ("subscription {", "GRAPHQL_PARSE_FAILED"),
        ('subscription { labelCreatedOrUpdated(projectID: "x") { idx } }', "GRAPHQL_VALIDATION_FAILED"),
        ('subscription { labelCreatedOrUpdated(projectID: "x") { id } }', "NOT_FOUND"),
        ('subscription { a: labelCreatedOrUpdated(projectID: "x") { id } b: labelCreatedOrUpdated(projectID: "y") { id } }',
         "GRAPHQL_VALIDATION_FAILED"),
        (3, "BAD_USER_INPUT"),
    ],
)  # fmt: skip
def test_a_subscription_that_makes_no_sense_is_an_error_of_its_own(
    server: LocalKili, project: str, query: Any, code: str
) -> None:
    with connected(server) as client:
        client.greet(server.api_key)
        client.start(project, "bad", query)
        message = client.heard()
        assert (message["id"], message["type"]) == ("bad", "error")
        assert message["payload"]["extensions"]["code"] == code
        client.start(project, "good")
        client.start(project, "good")
        assert client.heard()["type"] == "error"  # the id is taken
        assert append(server, project, 1) == ids(client, 1)


def test_other_subprotocols_and_hosts_are_refused(server: LocalKili) -> None:
    for options, status in (
        ({"subprotocols": ["graphql-transport-ws"]}, 400),
        ({"subprotocols": None}, 400),
        ({"additional_headers": {"Host": "evil.example"}}, 421),
    ):
        with pytest.raises((InvalidStatus, ConnectionClosed)) as raised, connected(server, **options):
            pass
        if isinstance(raised.value, InvalidStatus) and "additional_headers" not in options:
            assert raised.value.response.status_code == status


def test_over_http_a_subscription_is_told_where_it_belongs(server: LocalKili, project: str) -> None:
    body = {"query": DOCUMENT, "variables": {"projectID": project}}
    answer = httpx.post(server.endpoint, json=body, headers={"Authorization": f"X-API-Key: {server.api_key}"}).json()
    assert "over a websocket" in answer["errors"][0]["message"]


# -- bounds --------------------------------------------------------------------------------------------------------


def test_there_are_only_so_many_clients(server: LocalKili, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "MOST_CLIENTS", 2)
    with connected(server), connected(server):
        with pytest.raises(InvalidStatus) as raised, connected(server):
            pass
        assert raised.value.response.status_code == 503
    time.sleep(0.3)
    with connected(server) as client:
        assert client.greet(server.api_key) == {"type": "connection_ack"}


def test_who_says_nothing_is_dropped(server: LocalKili, project: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "PATIENCE", 0.2)
    monkeypatch.setattr(subscriptions, "IDLE", 0.4)
    with connected(server) as silent, connected(server) as idle, connected(server) as listening:
        idle.greet(server.api_key)
        listening.greet(server.api_key)
        listening.start(project)
        for client in (silent, idle):
            assert "nothing came" in client.heard()["payload"]["message"]
            assert client.is_dropped()
        time.sleep(0.3)
        assert append(server, project, 1) == ids(listening, 1)


def test_messages_have_a_size(server: LocalKili) -> None:
    with connected(server) as client:
        client.say({"type": "connection_init", "payload": "x" * (64 << 10)})
        with pytest.raises(ConnectionClosed):
            client.heard()


def test_a_client_has_only_so_many_subscriptions(
    server: LocalKili, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "MOST_SUBSCRIPTIONS", 2)
    with connected(server) as client:
        client.greet(server.api_key)
        for name in ("s1", "s2", "s3"):
            client.start(project, name)
        message = client.heard()
        assert (message["id"], message["type"]) == ("s3", "error")


def test_a_subscription_whose_key_was_revoked_leaves_its_place(
    server: LocalKili, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "MOST_SUBSCRIPTIONS", 1)
    key = server.add_user(email="leaves@example.com")

    def revoke(revoked: bool) -> None:
        with server._running.writing() as connection:
            connection.exec_driver_sql("UPDATE api_keys SET revoked = ? WHERE key = ?", (revoked, key))

    with connected(server) as client:
        client.greet(key)
        client.start(project, "s1")
        append(server, project, 1)
        ids(client, 1)
        revoke(True)
        append(server, project, 1)
        assert client.heard()["type"] == "error"
        revoke(False)
        client.start(project, "s2")
        append(server, project, 1)
        assert client.heard()["id"] == "s2"


def test_signs_of_life_come(server: LocalKili, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "ALIVE", 0.05)
    with connected(server) as client:
        client.greet(server.api_key)
        assert json.loads(client._socket.recv(timeout=5)) == {"type": "ka"}


def test_who_lags_behind_is_told_how_much_was_left_out(
    server: LocalKili, project: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(subscriptions, "MOST_WAITING", 5)
    with connected(server) as slow:
        slow.greet(server.api_key)
        slow.start(project)
        labels = append(server, project, *range(12))
        assert ids(slow, 5) == labels[:5]
        assert slow.heard() == {"type": "ka", "payload": {"dropped": 7, "id": "s1"}}
        assert append(server, project, 1) == ids(slow, 1)
    assert "7 events" in caplog.text


def test_a_stop_of_the_server_ends_connections(project: str, server: LocalKili) -> None:
    with connected(server) as client:
        client.greet(server.api_key)
        client.start(project)
        server.stop()
        with pytest.raises(ConnectionClosed):
            client.heard()


# -- the real client -----------------------------------------------------------------------------------------------

REAL = """
import json, os, sys, time, warnings
warnings.simplefilter("ignore")
from kili.client import Kili

project = sys.argv[1]
kili = Kili(api_key=os.environ["KEY"], api_endpoint=os.environ["ENDPOINT"], disable_tqdm=True)
frames = []
subscription = kili.label_created_or_updated(project, lambda name, frame: frames.append([name, frame]))
time.sleep(0.5)
for n in range(2):
    kili.append_labels(project_id=project, asset_external_id_array=["a.jpg"], json_response_array=[{"CLS": {"categories": [{"name": "SUN"}]}}])
end = time.monotonic() + 60
while len(frames) < 2 and time.monotonic() < end:
    time.sleep(0.1)
print("FRAMES" + json.dumps(frames), flush=True)
os._exit(0)
"""


@pytest.mark.oracle
def test_the_unmodified_client_of_kili_is_told(oracle: Path, server: LocalKili, project: str, tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "KEY": server.api_key, "ENDPOINT": server.endpoint}
    done = subprocess.run(
        [oracle, "-I", "-c", REAL, project], capture_output=True, text=True, env=environment, cwd=tmp_path, check=False, timeout=200,
    )  # fmt: skip
    found = re.search(r"FRAMES(.*)", done.stdout)
    assert found, done.stderr
    frames = json.loads(found[1])
    assert len(frames) == 2
    for name, frame in frames:
        assert (frame["id"], frame["type"]) == (name, "data")
        label = frame["payload"]["data"]["data"]
        assert set(label) == {"id", "author", "labelOf", "labelType", "jsonResponse"}
        assert json.loads(label["jsonResponse"]) == {"CLS": {"categories": [{"name": "SUN"}]}}
