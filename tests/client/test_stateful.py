"""Random changes and questions on local Kili beside a model in memory, with faults between: nothing lost, nothing double.

Faults hit the requests that change something: refused, dropped on the way there, dropped on the way back, delayed, or, where
that must do no harm, sent twice. What a call says is left is given to the same method; then all is as if nothing had
failed. `KILI_QUERY_FUZZ=1` runs many more.
"""

from __future__ import annotations

import os
import time
import warnings
from collections import deque
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from kili_query import ApiError, OutcomeUnknownError
from kili_query.client.importing.plan import make_batches
from kili_query.client.sending.batches import split
from kili_query.client.sending.budget import ByteBudget
from kili_query.server import LocalKili
from tests.client.conftest import INTERFACE
from tests.client.faults import Client

MANY = bool(os.environ.get("KILI_QUERY_FUZZ"))
FAULTS = ("pass", "refuse", "drop", "lose", "delay", "repeat")
HARMLESS = (b"updatePropertiesInAssets", b"deleteAssets", b"addAssetsToReview", b"sendAssetsBackToQueue")
"""Changes that may reach a server twice; of labels there would be two."""


class Unreliable(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """A transport that does to each change what comes next in its plan."""

    def __init__(self, server: LocalKili) -> None:
        self.plan: deque[str] = deque()
        self._inner = server.transport

    def _fault(self, request: httpx.Request) -> str:
        fault = self.plan.popleft() if self.plan and b'"query":"mutation' in request.content else "pass"
        if fault == "drop":
            raise httpx.ReadError("dropped")
        if fault == "delay":
            time.sleep(0.002)
        harmless = any(name in request.content for name in HARMLESS)
        return "pass" if fault == "repeat" and not harmless else fault

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        fault = self._fault(request)
        if fault == "refuse":
            return httpx.Response(200, json={"errors": [{"message": "not today"}]})
        answer = self._inner.handle_request(request)
        if fault == "repeat":
            answer = self._inner.handle_request(request)
        if fault == "lose":
            raise httpx.ReadError("lost")
        return answer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        fault = self._fault(request)
        if fault == "refuse":
            return httpx.Response(200, json={"errors": [{"message": "not today"}]})
        answer = await self._inner.handle_async_request(request)
        if fault == "repeat":
            answer = await self._inner.handle_async_request(request)
        if fault == "lose":
            raise httpx.ReadError("lost")
        return answer


PLANS = st.lists(st.sampled_from(FAULTS), max_size=4)
PICKS = st.lists(st.integers(0, 30), min_size=1, max_size=7)


class Changes(RuleBasedStateMachine):
    """The state: assets by their ids, each with its name, its priority, its labels and its status."""

    server: LocalKili
    kind: str

    @initialize()
    def begin(self) -> None:
        self.unreliable = Unreliable(self.server)
        self.kili = Client(
            self.kind, self.server.api_key, self.server.endpoint, transport=self.unreliable, check_queries="off"
        )
        made = self.kili.call("create_project", "Stateful", input_type="IMAGE", json_interface=INTERFACE)
        self.project = made["id"]
        self.model: dict[str, tuple[str, int, list[int]]] = {}
        self.statuses: dict[str, str] = {}
        self.number = 0

    def fresh(self) -> int:
        self.number += 1
        return self.number

    def chosen(self, picks: list[int]) -> list[str]:
        """Assets that are there."""
        there = list(self.model)
        return [there[pick % len(there)] for pick in picks] if there else []

    def done(self, plan: list[str], method: str, **arguments: Any) -> None:
        """Call a method, and again with what is left, until nothing is."""
        self.unreliable.plan.extend(plan)
        calls = [arguments]
        while calls:
            [result] = self.kili.calls((method, (), calls.pop(0)))
            self.unreliable.plan.clear()
            if isinstance(result, ApiError):
                calls += [given for given in (self.still_unknown(method, result), result.remaining) if given]
            else:
                assert not isinstance(result, BaseException), result

    def still_unknown(self, method: str, error: ApiError) -> Any:
        """What is to be sent of what nobody knew: the labels that are not there."""
        if error.unknown is None or method != "append_labels":
            assert error.unknown is None or method == "update_properties_in_assets"
            return error.unknown  # properties may be written twice
        assert isinstance(error, OutcomeUnknownError)
        there = self.labels()
        given = error.unknown
        missing = [
            n for n, response in enumerate(given["json_response_array"]) if response["NOTE"]["text"] not in there
        ]
        arrays = {name: [value[n] for n in missing] for name, value in given.items() if isinstance(value, list)}
        return given | arrays if missing else None

    def labels(self) -> dict[str, str]:
        rows = self.kili.call("labels", self.project, fields=["assetId", "jsonResponse"])
        found = {row["jsonResponse"]["NOTE"]["text"]: row["assetId"] for row in rows}
        assert len(found) == len(rows)  # none is double
        return found

    @rule(number=st.integers(1, 7), plan=PLANS, named=st.booleans())
    def imported(self, number: int, plan: list[str], named: bool) -> None:
        numbers = [self.fresh() for _ in range(number)]
        contents = [f"https://example.com/{n}.png" for n in numbers]
        names = {"external_id_array": [f"n{n}" for n in numbers]} if named else {}
        self.done(plan, "append_many_to_dataset", project_id=self.project, content_array=contents, **names)
        rows = self.kili.call("assets", self.project, fields=["id", "externalId", "content"])
        new = {row["content"]: row for row in rows if row["id"] not in self.model}
        assert sorted(new) == sorted(contents)
        for content in contents:
            row = new[content]
            assert not named or row["externalId"] == "n" + content.rpartition("/")[2].removesuffix(".png")
            self.model[row["id"]] = (row["externalId"], 0, [])
            self.statuses[row["id"]] = "TODO"

    @rule(picks=PICKS, plan=PLANS)
    def labelled(self, picks: list[int], plan: list[str]) -> None:
        if assets := self.chosen(picks):
            numbers = [self.fresh() for _ in assets]
            responses = [{"NOTE": {"text": str(n)}} for n in numbers]
            self.done(plan, "append_labels", asset_id_array=assets, json_response_array=responses)
            for asset, n in zip(assets, numbers, strict=True):
                self.model[asset][2].append(n)
                self.statuses[asset] = "LABELED"

    @rule(picks=PICKS, plan=PLANS)
    def changed(self, picks: list[int], plan: list[str]) -> None:
        if assets := list(dict.fromkeys(self.chosen(picks))):
            numbers = [self.fresh() for _ in assets]
            self.done(plan, "update_properties_in_assets", asset_ids=assets, priorities=numbers)
            for asset, n in zip(assets, numbers, strict=True):
                self.model[asset] = (self.model[asset][0], n, self.model[asset][2])

    @rule(picks=PICKS, plan=PLANS)
    def renamed(self, picks: list[int], plan: list[str]) -> None:
        if assets := list(dict.fromkeys(self.chosen(picks))):
            old = [self.model[asset][0] for asset in assets]
            new = old[1:] + old[:1]
            self.done(
                plan, "change_asset_external_ids", new_external_ids=new, external_ids=old, project_id=self.project
            )
            for asset, name in zip(assets, new, strict=True):
                self.model[asset] = (name, *self.model[asset][1:])

    @rule(picks=PICKS, plan=PLANS)
    def deleted(self, picks: list[int], plan: list[str]) -> None:
        if assets := list(dict.fromkeys(self.chosen(picks))):
            self.done(plan, "delete_many_from_dataset", asset_ids=assets, project_id=self.project)
            for asset in assets:
                del self.model[asset], self.statuses[asset]

    @rule(picks=PICKS, plan=PLANS)
    def put_to_review(self, picks: list[int], plan: list[str]) -> None:
        if assets := list(dict.fromkeys(self.chosen(picks))):
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", ".* was declined by the server")  # of those without labels
                self.done(plan, "add_to_review", asset_ids=assets, project_id=self.project)
            self.statuses |= {asset: "TO_REVIEW" for asset in assets if self.model[asset][2]}

    @rule(picks=PICKS, plan=PLANS)
    def sent_back(self, picks: list[int], plan: list[str]) -> None:
        if assets := list(dict.fromkeys(self.chosen(picks))):
            self.done(plan, "send_back_to_queue", asset_ids=assets, project_id=self.project)
            self.statuses |= dict.fromkeys(assets, "ONGOING")

    @invariant()
    def the_server_has_what_the_model_has(self) -> None:
        rows = self.kili.call("assets", self.project, fields=["id", "externalId", "priority", "status"])
        assert {row["id"]: (row["externalId"], row["priority"] or 0) for row in rows} == {
            asset: (name, priority) for asset, (name, priority, _) in self.model.items()
        }
        assert {row["id"]: row["status"] for row in rows} == self.statuses
        assert len(rows) == len(self.model)
        assert self.labels() == {str(n): asset for asset, (_, _, numbers) in self.model.items() for n in numbers}


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of two, so that small calls have several."""
    alone, _ = split.__defaults__ or ()
    monkeypatch.setattr(split, "__defaults__", (alone, 2))
    monkeypatch.setattr(make_batches, "__defaults__", (2,))


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.usefixtures("small_batches")
def test_random_changes_end_as_in_the_model(kind: str) -> None:
    with LocalKili(socket=False) as server:
        machine = type("Machine", (Changes,), {"server": server, "kind": kind})
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=200 if MANY else 8,
                stateful_step_count=20 if MANY else 8,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )


def test_batches_are_as_small_as_the_test_thinks(small_batches: None) -> None:
    assert [len(batch) for batch in split(range(5), lambda item: 1, ByteBudget())] == [2, 2, 1]
    assert list(make_batches([], ByteBudget())) == []
