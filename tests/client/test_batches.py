"""Changes in batches, before a server that fails: nothing lost, nothing twice, in order, and said which items are in."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_query import ApiError, GraphQLError, Kili, OutcomeUnknownError, Remaining
from kili_query.client.sending.batches import Progress, split, waves
from kili_query.client.sending.budget import ByteBudget
from kili_query.server import LocalKili
from tests.client import faults as f
from tests.client.faults import Client, Proxy, Seen
from tests.client.test_changes import RAIN, SUN, assets, filled

APPEND, IMPORT, UPDATE, DELETE = (
    "mutation appendManyLabels",
    "mutation appendManyAssets(",
    "updatePropertiesInAssets",
    "deleteAssets",
)
REFUSED = {"errors": [{"message": "not today"}]}


@pytest.fixture(scope="module")
def server() -> Iterator[LocalKili]:
    with LocalKili() as server:
        yield server


@pytest.fixture
def proxy(server: LocalKili, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    f.without_limit(monkeypatch)
    with Proxy(server.url) as proxy:
        yield proxy


@pytest.fixture(params=["sync", "async"])
def kili(request: pytest.FixtureRequest, server: LocalKili, proxy: Proxy) -> Client:
    return Client(request.param, server.api_key, proxy.endpoint)


def failure(kili: Client, method: str, *arguments: Any, **named: Any) -> ApiError:
    """The error of a call, and of nothing else."""
    [error] = kili.calls((method, arguments, named))
    assert isinstance(error, ApiError), error
    return error


def written(kili: Client, project: str) -> list[str]:
    """The assets that labels are of, each as often as it has one."""
    return sorted(row["assetId"] for row in kili.call("labels", project, fields=["assetId"]))


def for_batch(position: int, fault: f.Fault) -> list[f.Fault]:
    """The requests before it pass."""
    return [*[f.passed] * position, fault]


def test_when_one_batch_of_ten_is_refused_the_error_says_which_items_are_in(
    kili: Client, proxy: Proxy, tmp_path: Path
) -> None:
    project, ids = filled(kili, 1000)
    proxy.on(APPEND, *for_batch(6, f.says(200, REFUSED)))
    error = failure(kili, "append_labels", ids, [SUN] * 1000, project_id=project)
    inside = written(kili, project)
    left = error.remaining["asset_id_array"]
    assert sorted([*inside, *left]) == sorted(ids)
    assert error.unknown is None
    assert 600 <= len(inside) < 1000
    assert f"{len(inside):,} of 1,000 labels are in, those at 0 to " in str(error)
    assert "`error.remaining` has the others" in str(error)
    assert sum(map(len, error.done)) == len(inside)  # type: ignore[arg-type]
    error.remaining.save(tmp_path / "rest.json")
    kili.call("append_labels", **Remaining.load(tmp_path / "rest.json"))
    assert written(kili, project) == sorted(ids)


@pytest.mark.parametrize("fault", [f.reset(), f.says_late(502), f.truncated()])
def test_labels_whose_answer_was_lost_are_unknown_and_not_sent_again(
    kili: Client, proxy: Proxy, fault: f.Fault
) -> None:
    _project, ids = filled(kili, 300)
    proxy.on(ids[150], fault)  # several batches are under way, and the second need not come second
    error = failure(kili, "append_labels", ids, [SUN] * 300)
    assert isinstance(error, OutcomeUnknownError)
    assert "of those at 100 to 199 it is not known (`error.unknown`)" in str(error)
    assert error.unknown["asset_id_array"] == ids[100:200]
    assert set(error.remaining["asset_id_array"] if error.remaining else ()).isdisjoint(ids[100:200])
    assert len([seen for seen in proxy.asked(APPEND) if ids[150] in seen.text]) == 1


def test_of_one_label_only_the_failure_is_told(kili: Client, proxy: Proxy) -> None:
    _, ids = filled(kili, 1)
    proxy.on(APPEND, f.says(200, REFUSED))
    error = failure(kili, "append_labels", ids, [SUN])
    assert error.message == "Kili refused the call: not today"
    assert error.remaining["asset_id_array"] == ids


def test_of_one_batch_none_is_in(kili: Client, proxy: Proxy) -> None:
    _, ids = filled(kili, 3)
    proxy.on(APPEND, f.says(200, REFUSED), f.reset())
    error = failure(kili, "append_labels", ids, [SUN] * 3)
    assert error.message.endswith("; none of 3 labels is known to be in; `error.remaining` has them")
    error = failure(kili, "append_labels", ids, [SUN] * 3)
    assert error.message.endswith("in; of those at 0 to 2 it is not known (`error.unknown`)")
    assert error.remaining is None


def test_predictions_that_are_left_go_to_the_same_method(kili: Client, proxy: Proxy) -> None:
    project, ids = filled(kili, 250)
    names = [f"a{n}" for n in range(250)]
    proxy.on(APPEND, *for_batch(1, f.says(200, REFUSED)))
    given = {"json_response_array": [SUN] * 250, "model_name": "m"}
    error = failure(kili, "create_predictions", project, names, **given)
    kili.call("create_predictions", **error.remaining)
    assert written(kili, project) == sorted(ids)


def _in_order(seen: list[Seen], ids: list[str]) -> dict[str, list[str]]:
    """For each asset the contents of its labels, in the order in which they arrived."""
    found: dict[str, list[str]] = {asset: [] for asset in ids}
    for request in seen:
        for label in request.variables["data"]["labelsData"]:
            found[label["assetID"]].append(label["jsonResponse"])
    return found


def test_batches_under_way_never_share_an_asset(kili: Client, proxy: Proxy) -> None:
    _, ids = filled(kili, 250)
    given = ids + ids[::-1] + ids  # each asset three times, in three other batches
    responses = [{**SUN, "NOTE": {"text": str(n)}} for n in range(750)]
    careless = Client(kili.kind, kili._place[0], kili._place[1], check_queries="off")
    under_way: set[str] = set()
    shared: list[str] = []
    busiest = 0
    lock = threading.Lock()

    def slow(exchange: f.Exchange) -> bool:
        nonlocal busiest
        mine = [label["assetID"] for label in exchange.seen.variables["data"]["labelsData"]]
        with lock:
            shared.extend(under_way.intersection(mine))
            under_way.update(mine)
            busiest = max(busiest, len(under_way) // 50)
        exchange.wait(0.02 if len(mine) % 100 else 0.06)
        answer = exchange.answer()
        with lock:
            under_way.difference_update(mine)
        exchange.send(f.raw(*answer))
        return True

    proxy.on(APPEND, then=slow)
    careless.call("append_labels", given, responses)
    assert shared == []
    assert busiest > 2  # and some were under way at once
    arrived = _in_order(proxy.asked(APPEND), ids)
    for asset, texts in arrived.items():
        expected = [n for n, name in enumerate(given) if name == asset]
        assert [int(re.findall(r'"text": "(\d+)"', text)[0]) for text in texts] == expected


@pytest.mark.parametrize("lost", [f.reset(), f.reset(carried_out=False), f.says_late(504)])
class TestLostAnswers:
    """Where the server can tell what became of a change, it is asked; whichever way the answer was lost."""

    def test_imports(self, kili: Client, proxy: Proxy, lost: f.Fault) -> None:
        project, _ = filled(kili, 0 + 1, start=999)
        contents = [f"https://example.com/{n}.png" for n in range(350)]
        proxy.on(IMPORT, *for_batch(1, lost))
        [result] = kili.calls(("append_many_to_dataset", (project, contents), {}))
        if isinstance(result, OutcomeUnknownError):  # it had not been carried out
            assert result.unknown is None
            kili.call("append_many_to_dataset", **result.remaining)
        else:
            assert len(result["asset_ids"]) == len(set(result["asset_ids"])) == 350
        rows = kili.call("assets", project, fields=["content", "externalId"])
        assert sorted(row["content"] for row in rows if row["externalId"] != "a999") == sorted(contents)

    def test_deletes(self, kili: Client, proxy: Proxy, lost: f.Fault) -> None:
        project, ids = filled(kili, 250)
        proxy.on(DELETE, *for_batch(1, lost))
        [result] = kili.calls(("delete_many_from_dataset", (ids[:230],), {}))
        if isinstance(result, OutcomeUnknownError):
            kili.call("delete_many_from_dataset", **result.remaining)
        else:
            assert result == {"id": project}
        assert [row["id"] for row in assets(kili, project).values()] == ids[230:]

    def test_reviews(self, kili: Client, proxy: Proxy, lost: f.Fault) -> None:
        project, ids = filled(kili, 150)
        kili.call("append_labels", ids, [SUN] * 150)
        proxy.on("addAssetsToReview", *for_batch(1, lost))
        [result] = kili.calls(("add_to_review", (ids,), {}))
        if isinstance(result, OutcomeUnknownError):
            kili.call("add_to_review", **result.remaining)
        else:
            assert result == {"id": project, "asset_ids": ids}
        assert {row["status"] for row in assets(kili, project, "status").values()} == {"TO_REVIEW"}

    def test_renamed_assets(self, kili: Client, proxy: Proxy, lost: f.Fault) -> None:
        project, ids = filled(kili, 150)
        old = [f"a{n}" for n in range(150)]
        new = old[1:] + old[:1]  # each takes the name of the next: names are no way to find them again
        proxy.on(UPDATE, *for_batch(1, lost))
        [result] = kili.calls(("change_asset_external_ids", (new,), {"external_ids": old, "project_id": project}))
        if isinstance(result, OutcomeUnknownError):
            assert "external_ids" not in result.remaining
            kili.call("change_asset_external_ids", **result.remaining)
        found = {row["id"]: name for name, row in assets(kili, project).items()}
        assert [found[asset] for asset in ids] == new

    def test_properties_are_reported_as_unknown(self, kili: Client, proxy: Proxy, lost: f.Fault) -> None:
        project, ids = filled(kili, 150)
        proxy.on(UPDATE, *for_batch(1, lost))
        error = failure(kili, "update_properties_in_assets", ids, priorities=list(range(150)))
        assert (error.unknown["asset_ids"], error.unknown["priorities"]) == (ids[100:], list(range(100, 150)))
        kili.call("update_properties_in_assets", **error.unknown)  # which does no harm to properties
        assert [row["priority"] for row in assets(kili, project, "priority").values()] == list(range(150))


def test_ctrl_c_tells_what_is_in_and_leaves_nothing_running(
    server: LocalKili, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    kili = Client("sync", server.api_key, proxy.endpoint)
    project, ids = filled(kili, 600)
    noted = Progress.note
    gate = threading.Event()

    def interrupted(self: Progress[Any, Any], batch: list[Any], result: Any) -> None:
        noted(self, batch, result)
        if len(self.done) == 2:
            gate.set()
            raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "note", interrupted)
    with (
        Kili(server.api_key, proxy.endpoint, disable_tqdm=True, verify=False) as client,
        pytest.raises(KeyboardInterrupt) as raised,
    ):
        client.append_labels(ids, [RAIN] * 600)
    [told] = raised.value.__notes__
    assert told.startswith("200 of 600 labels are in, those at 0 to 199; those at 200 to ")
    assert told.endswith("were under way, and may be in")
    for thread in threading.enumerate():
        if thread.name == "kili_query request":
            thread.join(10)
    sent = len(proxy.asked(APPEND))
    assert sent < 6  # no more were begun
    assert len(written(kili, project)) == sent * 100


def test_what_is_left_is_kept_in_a_file(tmp_path: Path) -> None:
    from kili_query import DataError, PageResolution

    rest = Remaining(asset_ids=["a"], page_resolutions_array=[[PageResolution(1, 2, 3)]])
    rest.save(tmp_path / "rest.json")
    assert Remaining.load(tmp_path / "rest.json") == {
        "asset_ids": ["a"], "page_resolutions_array": [[{"width": 1, "height": 2, "pageNumber": 3}]]
    }  # fmt: skip
    with pytest.raises(TypeError, match="of type object cannot be kept"):
        Remaining(a=object()).save(tmp_path / "other.json")
    assert not (tmp_path / "other.json").exists()
    for name, text in (("list", "[1]"), ("half", '{"a": ')):
        (tmp_path / name).write_text(text)
        with pytest.raises(DataError, match=r"holds no arguments|cannot be read"):
            Remaining.load(tmp_path / name)


def test_a_refusal_names_the_call_of_the_server(kili: Client) -> None:
    error = failure(kili, "append_labels", ["nobody", "a"], [SUN, SUN])
    assert "nobody" in str(error)
    assert not isinstance(error, GraphQLError) or error.messages


def test_batches_are_made_when_their_turn_comes() -> None:
    budget, made = ByteBudget(), []

    def items() -> Iterator[int]:
        for n in range(6):
            made.append(n)
            yield n

    runs = waves(split(items(), lambda item: 1_000_000, budget), key=int)
    run = next(runs)
    assert [len(next(run)), made] == [2, [0, 1, 2]]
    budget.note_failure(2_000_000)
    assert [len(batch) for batch in run] == [1, 1, 1, 1]
    assert list(runs) == []


def test_what_goes_alone_goes_alone() -> None:
    sizes = [len(batch) for batch in split("aabba", lambda item: 1, ByteBudget(), alone="b".__eq__)]
    assert sizes == [2, 1, 1, 1]
    assert [len(batch) for batch in split("ab" * 100, lambda item: 20_000_000 if item == "b" else 1, ByteBudget())] == [
        1
    ] * 200


@given(st.lists(st.integers(0, 900_000), max_size=60), st.integers(1, 7))
def test_batches_hold_all_in_order_within_their_bounds(sizes: list[int], most: int) -> None:
    batches = list(split(sizes, lambda size: size, ByteBudget(), most=most))
    assert [size for batch in batches for size in batch] == sizes
    assert all(len(batch) <= most and (sum(batch) <= 2_000_000 or len(batch) == 1) for batch in batches)
    assert all(len(a) == most or sum(a) + b[0] > 2_000_000 for a, b in pairwise(batches))


@given(st.lists(st.tuples(st.integers(1, 20_000_000), st.floats(0.001, 500), st.booleans()), max_size=30))
def test_the_budget_stays_in_its_bounds_and_moves_in_steps(changes: list[tuple[int, float, bool]]) -> None:
    budget = ByteBudget()
    for size, seconds, well in changes:
        before = budget.bytes
        budget.note(size, seconds) if well else budget.note_failure(size)
        assert 256_000 <= budget.bytes <= 10_000_000
        assert budget.bytes <= 1.25 * before
        assert not well or budget.bytes >= before // 2
        assert size >= 100_000 or budget.bytes == before


def test_batches_follow_the_speed_of_the_line(kili: Client, proxy: Proxy) -> None:
    _, ids = filled(kili, 40)
    large = [{**SUN, "NOTE": {"text": "x" * 300_000}}] * 40
    careless = Client(kili.kind, kili._place[0], kili._place[1], check_queries="off", disable_request_compression=True)
    careless.call("append_labels", ids, large)
    numbers = [len(seen.variables["data"]["labelsData"]) for seen in proxy.asked(APPEND)]
    assert numbers[0] == 6  # 2 MB
    assert max(numbers) > 6  # a line as quick as this one carries more


def test_after_a_batch_that_was_too_large_come_smaller_ones(kili: Client, proxy: Proxy) -> None:
    _, ids = filled(kili, 20)
    large = [{**SUN, "NOTE": {"text": "x" * 150_000}}] * 20
    client = {"check_queries": "off", "disable_request_compression": True}
    proxy.on(APPEND, f.says(413, "too large"))
    careless = Client(kili.kind, kili._place[0], kili._place[1], **client)
    results = careless.calls(("append_labels", (ids, large), {}), ("append_labels", (ids, large), {}))
    assert isinstance(results[0], ApiError)
    assert results[0].status == 413
    numbers = [len(seen.variables["data"]["labelsData"]) for seen in proxy.asked(APPEND)]
    assert numbers[0] == 13
    assert min(numbers[1:-1]) < 13


def test_two_clients_write_at_once_and_nothing_is_lost_or_double(server: LocalKili) -> None:
    first = Client("sync", server.api_key, server.endpoint)
    project, ids = filled(first, 300)
    failed: list[BaseException] = []

    def work(kind: str, name: str) -> None:
        try:
            kili = Client(kind, server.api_key, server.endpoint, check_queries="off")
            kili.call("append_labels", ids, [{**SUN, "NOTE": {"text": f"{name} {n}"}} for n in range(300)])
            contents = [f"https://example.com/{name}/{n}.png" for n in range(250)]
            kili.call("append_many_to_dataset", project, contents, external_id_array=[f"{name}{n}" for n in range(250)])
            kili.call("update_properties_in_assets", ids, json_metadatas=[{"by": name}] * 300)
            kili.call("delete_many_from_dataset", external_ids=[f"{name}{n}" for n in range(200)], project_id=project)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=pair) for pair in (("sync", "ada"), ("async", "bob"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    rows = first.call("labels", project, fields=["assetId", "jsonResponse"])
    told = sorted((row["jsonResponse"]["NOTE"]["text"], row["assetId"]) for row in rows)
    assert told == sorted((f"{name} {n}", ids[n]) for name in ("ada", "bob") for n in range(300))
    found = assets(first, project, "jsonMetadata", "status")
    assert found.keys() == {f"a{n}" for n in range(300)} | {
        f"{name}{n}" for name in ("ada", "bob") for n in range(200, 250)
    }
    assert {str(found[f"a{n}"]["jsonMetadata"]) for n in range(300)} <= {"{'by': 'ada'}", "{'by': 'bob'}"}
    assert {found[f"a{n}"]["status"] for n in range(300)} == {"LABELED"}
