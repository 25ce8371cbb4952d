"""Changes of labels and assets on local Kili: what every method gives, warns of and refuses; sync and async."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from kili_query import (
    ApiError,
    ArgumentError,
    AssetLockedError,
    GraphQLError,
    IncompatibleArgumentsError,
    LabelDict,
    MissingArgumentError,
    NotFoundError,
    PageResolution,
    ServerError,
)
from kili_query.server import LocalKili
from tests.client.conftest import INTERFACE
from tests.client.faults import Client

SUN = {"WEATHER": {"categories": [{"name": "SUN"}]}}
RAIN = {"WEATHER": {"categories": [{"name": "RAIN"}]}}


@pytest.fixture(scope="module")
def server() -> Iterator[LocalKili]:
    with LocalKili(socket=False) as server:
        yield server


@pytest.fixture(params=["sync", "async"])
def kili(request: pytest.FixtureRequest, server: LocalKili) -> Client:
    return Client(request.param, server.api_key, server.endpoint, transport=server.transport)


def filled(kili: Client, number: int = 3, start: int = 0) -> tuple[str, list[str]]:
    """A project with assets `a0`, `a1`, …; its id, and theirs."""
    project = kili.call("create_project", "Changes", input_type="IMAGE", json_interface=INTERFACE)["id"]
    names = [f"a{n}" for n in range(start, start + number)]
    contents = [f"https://example.com/{name}.png" for name in names]
    made = kili.call("append_many_to_dataset", project, contents, external_id_array=names)
    assert made["id"] == project
    return project, made["asset_ids"]


def labels(kili: Client, project: str, **filters: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = kili.call("labels", project, **filters)
    return found


def assets(kili: Client, project: str, *fields: str) -> dict[str, dict[str, Any]]:
    """The assets of a project by their external ids."""
    rows = kili.call("assets", project, fields=["id", "externalId", *fields])
    return {row["externalId"]: row for row in rows}


@pytest.fixture(autouse=True)
def nothing_warned() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


# -- labels ------------------------------------------------------------------------------------------------------------


def test_labels_are_appended_in_the_order_of_the_call(kili: Client) -> None:
    project, ids = filled(kili)
    made = kili.call("append_labels", [ids[2], ids[0], ids[0]], [SUN, RAIN, SUN], seconds_to_label_array=[1, 2, None])
    there = {row["id"]: row for row in labels(kili, project)}
    assert [there[row["id"]]["assetId"] for row in made] == [ids[2], ids[0], ids[0]]
    assert [there[row["id"]]["jsonResponse"] for row in made] == [SUN, RAIN, SUN]
    assert [there[row["id"]]["secondsToLabel"] for row in made] == [1, 2, 0]


def test_more_external_ids_than_one_question_asks_about(kili: Client) -> None:
    project, ids = filled(kili, 1_203)
    names = [f"a{n}" for n in range(1_203)]
    made = kili.call(
        "append_labels", json_response_array=[SUN] * 1_203, asset_external_id_array=names[::-1], project_id=project
    )
    there = {row["id"]: row["assetId"] for row in labels(kili, project, fields=["id", "assetId"])}
    assert [there[row["id"]] for row in made] == ids[::-1]
    gone = kili.call("delete_labels", [row["id"] for row in made])
    assert gone == [row["id"] for row in made]
    assert labels(kili, project) == []
    with pytest.raises(NotFoundError, match=r"`b0`, .* and 1,180 more") as raised:
        kili.call(
            "append_labels",
            json_response_array=[SUN] * 1_203,
            asset_external_id_array=[*names[:3], *(f"b{n}" for n in range(1_200))],
            project_id=project,
        )
    assert "`a0`" not in str(raised.value)


WRONG_LABELS: list[tuple[str, dict[str, Any], type[Exception], str]] = [
    ("append_labels", {"asset_id_array": ["a"], "json_response_array": []}, ArgumentError, "`json_response_array` is empty"),
    ("append_labels", {"asset_id_array": [], "json_response_array": [SUN]}, ArgumentError, "`asset_id_array` has 0 items"),
    ("append_labels", {"asset_id_array": ["a"]}, ArgumentError, "`json_response_array` is empty"),
    ("append_labels", {"json_response_array": [SUN]}, MissingArgumentError, "`asset_id_array` is missing.*asset_external"),
    ("append_labels", {"asset_id_array": ["a"], "asset_external_id_array": ["a"], "json_response_array": [SUN]},
     IncompatibleArgumentsError, "assets are named once"),
    ("append_labels", {"asset_external_id_array": ["a"], "json_response_array": [SUN]}, MissingArgumentError, "`project_id`"),
    ("append_labels", {"asset_id_array": ["a", "b"], "json_response_array": [SUN]}, ArgumentError, "has 2 items.*has 1"),
    ("append_labels", {"asset_id_array": ["a"], "json_response_array": [SUN], "author_id_array": ["u", "v"]}, ArgumentError,
     "`author_id_array` has 2 items"),
    ("append_labels", {"asset_id_array": ["a"], "json_response_array": [SUN], "label_type": "PREDICTION"},
     MissingArgumentError, "`model_name`"),
    ("append_labels", {"asset_id_array": ["a"], "json_response_array": [{"WEATHER": float("nan")}]}, ArgumentError,
     r"json_response_array\[0\]` cannot be written as JSON"),
    ("append_labels", {"asset_id_array": ["a"], "json_response_array": [SUN], "label_type": "DEFALT"}, ArgumentError,
     "`DEFAULT` is near"),
    ("create_predictions", {"external_id_array": ["a"]}, ArgumentError, "`json_response_array` is empty"),
    ("create_predictions", {"external_id_array": ["a"], "json_response_array": [SUN]}, MissingArgumentError, "`model_name`"),
    ("create_predictions", {"json_response_array": [SUN], "model_name": "m"}, MissingArgumentError, "asset_id_array"),
    ("create_predictions", {"external_id_array": ["a", "b"], "json_response_array": [SUN] * 2, "model_name_array": ["m", "n"]},
     ArgumentError, "several calls"),
    ("create_predictions", {"external_id_array": ["a", "b"], "json_response_array": [SUN], "model_name": "m"}, ArgumentError,
     "has 2 items"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "arguments", "error", "said"), WRONG_LABELS)
def test_arguments_of_labels_that_cannot_be_used(
    kili: Client, method: str, arguments: dict[str, Any], error: type[Exception], said: str
) -> None:
    project = {"project_id": "p"} if method == "create_predictions" else {}
    with pytest.raises(error, match=said):
        kili.call(method, **project, **arguments)


def test_labels_that_do_not_fit_the_ontology_are_not_sent(kili: Client, server: LocalKili) -> None:
    project, ids = filled(kili)
    wrong = [SUN, {"WETHER": SUN["WEATHER"]}, {"WEATHER": {"categories": [{"name": "SUNN"}]}}]
    with pytest.raises(ArgumentError) as raised:
        kili.call("append_labels", ids, wrong)
    assert [line.strip()[:3] for line in str(raised.value).splitlines()[1:3]] == ["[1]", "[2]"]
    assert "`WEATHER`" in str(raised.value)
    assert "`SUN`" in str(raised.value)
    assert labels(kili, project) == []
    careless = Client(kili.kind, server.api_key, server.endpoint, transport=server.transport, check_queries="warn")
    with pytest.warns(UserWarning, match=r"`json_response_array` does not fit"):
        careless.call("append_labels", ids, wrong)
    silent = Client(kili.kind, server.api_key, server.endpoint, transport=server.transport, check_queries="off")
    silent.call("append_labels", ids, wrong)
    assert len(labels(kili, project)) == 6


def test_labels_are_not_checked_against_an_interface_that_cannot_be_read(kili: Client) -> None:
    project = kili.call("create_project", "None", input_type="IMAGE", json_interface={"jobs": {}})["id"]
    [asset] = kili.call("append_many_to_dataset", project, ["https://example.com/a.png"])["asset_ids"]
    with pytest.raises(ArgumentError, match="WEATHER"):  # one without jobs can be read
        kili.call("append_labels", [asset], [SUN])


def test_predictions_are_of_one_model_and_double_unless_they_overwrite(kili: Client) -> None:
    project, ids = filled(kili)
    given = {"json_response_array": [SUN, RAIN], "external_id_array": ["a0", "a1"]}
    assert kili.call("create_predictions", project, model_name="m", **given) == {"id": project}
    kili.call("create_predictions", project, model_name="other", **given)
    with pytest.warns(UserWarning, match=rf"have a PREDICTION of `m` already.*`{ids[1]}`; `overwrite=True`"):
        kili.call("create_predictions", project, ["a1", "a2"], model_name="m", json_response_array=[SUN, SUN])
    kili.call("create_predictions", project, model_name="m", overwrite=True, **given)
    found = sorted((row["assetId"], row["modelName"]) for row in labels(kili, project, fields=["assetId", "modelName"]))
    assert found == sorted([(ids[0], "m"), (ids[1], "m"), (ids[0], "other"), (ids[1], "other"), (ids[2], "m")])
    with pytest.warns(DeprecationWarning, match="model_name_array"), pytest.warns(UserWarning, match="more than one"):
        kili.call(
            "create_predictions", project, ["a2", "a2"], model_name_array=["n", "n"], json_response_array=[SUN, SUN]
        )
    assert kili.call("count_labels", project, type_in=["PREDICTION"]) == 7


def test_one_label(kili: Client) -> None:
    project, ids = filled(kili)
    with pytest.warns(DeprecationWarning, match="append_labels"):
        label = kili.call("append_to_labels", SUN, label_asset_external_id="a1", project_id=project, seconds_to_label=4)
    assert type(label) is LabelDict
    assert label.id == label["id"]
    [row] = labels(kili, project)
    assert (row["assetId"], row["secondsToLabel"], row["author"]["email"]) == (ids[1], 4, row["author"]["email"])
    with (
        pytest.warns(DeprecationWarning, match="append_labels"),
        pytest.raises(MissingArgumentError, match="label_asset_id"),
    ):
        kili.call("append_to_labels", SUN)
    with pytest.raises(AttributeError, match="has no `jsonResponse`; it has id"):
        _ = label.jsonResponse
    assert label.json_response() == {}


def test_a_label_is_changed_where_the_server_still_does(kili: Client) -> None:
    project, ids = filled(kili)
    [made] = kili.call("append_labels", ids[:1], [SUN], seconds_to_label_array=[1])
    changed = kili.call("update_properties_in_label", made["id"], seconds_to_label=9)
    assert type(changed) is LabelDict
    assert changed.id == made["id"]
    assert labels(kili, project)[0]["jsonResponse"] == SUN
    kili.call("update_properties_in_label", made["id"], json_response={})
    [row] = labels(kili, project)
    assert (row["secondsToLabel"], row["jsonResponse"]) == (9, {})


def test_a_server_that_does_not_change_labels_any_more(kili: Client, server: LocalKili) -> None:
    said = "Cannot query field 'updatePropertiesInLabel' on type 'Mutation'."

    def refuse(request: httpx.Request) -> httpx.Response:
        return httpx.Response(400, json={"errors": [{"message": said}]})

    modern = Client(kili.kind, server.api_key, server.endpoint, transport=httpx.MockTransport(refuse))
    with pytest.raises(GraphQLError, match="`append_labels` appends a new one"):
        modern.call("update_properties_in_label", "l", seconds_to_label=1)


def test_a_honeypot_is_what_the_documents_promise(kili: Client) -> None:
    project, ids = filled(kili)
    label = kili.call("create_honeypot", RAIN, "a2", project_id=project)
    assert type(label) is LabelDict
    assert (label.labelType, label.json_response(), label.author["email"]) == ("REVIEW", RAIN, label["author"]["email"])
    assert {"createdAt", "honeypotMark"} <= set(label)
    flags = {name: row["isHoneypot"] for name, row in assets(kili, project, "isHoneypot").items()}
    assert flags == {"a0": False, "a1": False, "a2": True}
    by_id = kili.call("create_honeypot", SUN, asset_id=ids[0], asset_external_id="no-such-asset")
    assert by_id.json_response() == SUN


def test_labels_are_deleted_by_their_ids(kili: Client) -> None:
    project, ids = filled(kili)
    made = [row["id"] for row in kili.call("append_labels", ids, [SUN] * 3)]
    assert kili.call("delete_labels", [made[0], "no-such-label", made[2], made[0]]) == [made[0], made[2]]
    assert [row["id"] for row in labels(kili, project)] == [made[1]]
    with pytest.warns(UserWarning, match="does nothing"):
        assert kili.call("delete_labels", []) == []


@pytest.mark.parametrize(
    ("method", "given", "said"),
    [
        ("append_to_labels", {"asset_id_array": ["a"]}, "`append_labels` takes `asset_id_array`"),
        ("append_to_labels", {}, "takes one label and one asset"),
        ("count_assets", {}, r"`count_assets\(project_id\)`"),
    ],
)
def test_calls_of_the_documents_that_never_worked(kili: Client, method: str, given: dict[str, Any], said: str) -> None:
    with pytest.raises(TypeError, match=said):
        kili.call(method, **given)


# -- assets ------------------------------------------------------------------------------------------------------------


def test_properties_are_changed_and_none_leaves_them(kili: Client) -> None:
    project, ids = filled(kili)
    first: dict[str, Any] = {
        "priorities": [1, 2, 3],
        "json_metadatas": [{"n": 1}, '{"n": 2}', {"n": 3}],
        "consensus_marks": [0.1, 0.2, 0.3],
        "honeypot_marks": [0.1, 0.2, 0.3],
        "contents": ["https://example.com/x.png", "https://example.com/y.png", "https://example.com/z.png"],
        "is_used_for_consensus_array": [True, True, True],
        "is_honeypot_array": [True, True, True],
        "resolution_array": [{"width": 1, "height": 2}] * 3,
        "page_resolutions_array": [[PageResolution(1, 2, 1)]] * 3,
    }
    fields = ("priority", "jsonMetadata", "consensusMark", "honeypotMark", "content", "isUsedForConsensus", "isHoneypot",
              "resolution.width", "pageResolutions.height")  # fmt: skip
    changed = kili.call("update_properties_in_assets", ids, **first)
    assert changed == [{"id": asset} for asset in ids]
    before = assets(kili, project, *fields)
    assert (before["a1"]["priority"], before["a1"]["jsonMetadata"], before["a1"]["isHoneypot"]) == (2, {"n": 2}, True)
    assert before["a1"]["pageResolutions"] == [{"height": 2}]
    for position in range(3):
        gaps = {name: [None if n == position else array[n] for n in range(3)] for name, array in first.items()}
        kili.call("update_properties_in_assets", external_ids=["a0", "a1", "a2"], project_id=project, **gaps)
        assert assets(kili, project, *fields) == before


def test_who_may_label_is_reset_by_none_and_by_nobody(kili: Client) -> None:
    project, ids = filled(kili)
    [row] = kili.call("projects", project, fields=["roles.user.email"])
    email = row["roles"][0]["user"]["email"]
    kili.call("update_properties_in_assets", ids, to_be_labeled_by_array=[[email]] * 3)
    kili.call("update_properties_in_assets", ids, to_be_labeled_by_array=[None, [], [email]])
    found = assets(kili, project, "toBeLabeledBy.user.email")
    assert [len(found[f"a{n}"]["toBeLabeledBy"]) for n in range(3)] == [0, 0, 1]


def test_assets_are_renamed_even_where_names_change_places(kili: Client) -> None:
    project, ids = filled(kili)
    changed = kili.call("change_asset_external_ids", ["a1", "a0"], external_ids=["a0", "a1"], project_id=project)
    assert changed == [{"id": ids[0]}, {"id": ids[1]}]
    assert assets(kili, project)["a1"]["id"] == ids[0]
    with pytest.raises(ArgumentError, match="`new_external_ids` has 1 items, and there are 2 assets"):
        kili.call("change_asset_external_ids", ["b"], ids[:2])


def test_assets_are_reviewed_sent_back_and_deleted(kili: Client) -> None:
    project, ids = filled(kili)
    kili.call("append_labels", ids[:2], [SUN, SUN])
    with pytest.warns(UserWarning, match="`add_to_review` was declined by the server for `a2`"):
        moved = kili.call("add_to_review", ids, project_id=project)
    assert moved == {"id": project, "asset_ids": ids[:2]}
    with pytest.warns(UserWarning, match="declined"):
        assert kili.call("add_to_review", external_ids=["a2"], project_id=project) is None
    assert kili.call("send_back_to_queue", ids[:1]) == {"id": project, "asset_ids": ids[:1]}
    status = {name: row["status"] for name, row in assets(kili, project, "status").items()}
    assert status == {"a0": "ONGOING", "a1": "TO_REVIEW", "a2": "TODO"}
    assert kili.call("delete_many_from_dataset", [ids[0], ids[0]]) == {"id": project}
    assert list(assets(kili, project)) == ["a1", "a2"]


def test_assets_that_never_were_are_told(kili: Client) -> None:
    with pytest.warns(UserWarning, match="no project of `nope`: there are no such assets"):
        kili.call("delete_many_from_dataset", ["nope"])


@pytest.mark.parametrize(
    ("method", "more"),
    [
        ("update_properties_in_assets", {"priorities": [1]}),
        ("change_asset_external_ids", {"new_external_ids": ["new"]}),
        ("delete_many_from_dataset", {}),
        ("add_to_review", {}),
        ("send_back_to_queue", {}),
    ],
)
class TestWhichAssets:
    """How the assets of a change are named, for all methods."""

    def test_nothing_is_warned_of(self, kili: Client, method: str, more: dict[str, Any]) -> None:
        for name in ("asset_ids", "external_ids"):
            with pytest.warns(UserWarning, match=f"`{method}` does nothing: `{name}` is empty"):
                assert not kili.call(method, **more, **{name: []}, project_id="p")

    def test_named_twice_or_not_at_all(self, kili: Client, method: str, more: dict[str, Any]) -> None:
        with pytest.raises((IncompatibleArgumentsError, MissingArgumentError), match="external_ids"):
            kili.call(method, **more, asset_ids=["a"], external_ids=["a"], project_id="p")
        with pytest.raises((MissingArgumentError, ArgumentError)):
            kili.call(method, **more)
        with pytest.raises(MissingArgumentError, match="`project_id`"):
            kili.call(method, **more, external_ids=["a"])

    def test_of_another_project_nothing_is_touched(self, kili: Client, method: str, more: dict[str, Any]) -> None:
        project, _ = filled(kili)
        other, ids = filled(kili)
        kili.call("append_labels", ids[:1], [SUN])
        before = assets(kili, other, "status", "priority")
        more = {name: array * 2 for name, array in more.items()}
        with pytest.raises(NotFoundError, match=rf"`{project}` has no assets with the ids `{ids[0]}`, `nobody`"):
            kili.call(method, **more, asset_ids=[ids[0], "nobody"], project_id=project)
        with pytest.raises(NotFoundError, match="external ids `b`"):
            kili.call(method, **more, external_ids=["a0", "b"], project_id=other)
        assert assets(kili, other, "status", "priority") == before

    def test_dry_run_changes_nothing_and_tells_what_would(
        self, kili: Client, method: str, more: dict[str, Any]
    ) -> None:
        project, ids = filled(kili)
        kili.call("append_labels", ids[:1], [SUN])
        before = assets(kili, project, "status", "priority")
        told = kili.call(method, **more, asset_ids=ids[:1], dry_run=True)
        assert assets(kili, project, "status", "priority") == before
        if more:
            assert told == [{"id": ids[0], **({"priority": 1} if "priorities" in more else {"externalId": "new"})}]
        else:
            assert told == {"id": project, "asset_ids": ids[:1]}
            assert kili.call(method, asset_ids=ids[:1])["id"] == project  # and really does


@pytest.mark.parametrize("method", ["add_to_review", "send_back_to_queue"])
def test_ids_of_nothing_are_warned_of_by_name(kili: Client, method: str) -> None:
    project, ids = filled(kili)
    kili.call("append_labels", ids[:1], [SUN])
    with pytest.warns(UserWarning, match=f"`{method}` did nothing with `nobody`: there are no such assets"):
        assert kili.call(method, ["nobody", ids[0]]) == {"id": project, "asset_ids": [ids[0]]}


def test_two_assets_of_one_name_are_told_apart_by_ids(kili: Client) -> None:
    project, ids = filled(kili)
    kili.call("change_asset_external_ids", ["a1"], ids[:1])
    with pytest.raises(ArgumentError, match="`external_ids` holds `a1`, which several assets are called"):
        kili.call("delete_many_from_dataset", external_ids=["a1"], project_id=project)
    assert kili.call("count_assets", project) == 3


def test_what_the_server_fails_at_raises_with_what_is_left(kili: Client, server: LocalKili) -> None:
    project, ids = filled(kili)
    outcome = {"succeeded": [{"assetId": ids[0], "externalId": "a0"}], "declined": [{"assetId": ids[1], "externalId": "a1"}],
               "failed": [{"assetId": ids[2], "externalId": "a2", "details": "it is locked"}]}  # fmt: skip

    class Failing(httpx.BaseTransport, httpx.AsyncBaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if b"deleteAssets" in request.content:
                return httpx.Response(200, json={"data": {"data": outcome}})
            return server.transport.handle_request(request)

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if b"deleteAssets" in request.content:
                return httpx.Response(200, json={"data": {"data": outcome}})
            return await server.transport.handle_async_request(request)

    failing = Client(kili.kind, server.api_key, server.endpoint, transport=Failing())
    with (
        pytest.warns(UserWarning, match="declined by the server for `a1`"),
        pytest.raises(ServerError, match=r"failed for `a2` \(it is locked\)") as raised,
    ):
        failing.call("delete_many_from_dataset", ids, project_id=project)
    assert raised.value.remaining == {"asset_ids": [ids[2]], "project_id": project, "dry_run": False}


def test_a_status_is_not_sent(kili: Client) -> None:
    project, ids = filled(kili)
    with pytest.warns(DeprecationWarning, match="status_array"):
        kili.call("update_properties_in_assets", ids[:1], status_array=["LABELED"])
    assert assets(kili, project, "status")["a0"]["status"] == "TODO"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"priorities": [1, 2]}, "`priorities` has 2 items, and `asset_ids` has 1"),
        ({"json_metadatas": [{"a": float("nan")}]}, r"`json_metadatas` holds at \[0\] what cannot be written as JSON"),
        ({"consensus_marks": [float("inf")]}, "consensus_marks"),
    ],
)
def test_properties_that_cannot_be_sent(kili: Client, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        kili.call("update_properties_in_assets", ["a"], **wrong)


# -- locks, people, contents -------------------------------------------------------------------------------------------


def test_an_asset_that_somebody_else_has_open_takes_no_label(kili: Client, server: LocalKili) -> None:
    project, [first, second, _] = filled(kili)
    ada = server.add_user(email=f"ada-{kili.kind}@example.com")
    server.lock(first, api_key=ada)
    locks = assets(kili, project, "locks.author.email", "numberOfValidLocks")["a0"]
    assert locks["locks"] == [{"author": {"email": f"ada-{kili.kind}@example.com"}}]
    assert locks["numberOfValidLocks"] == 1
    with pytest.raises(AssetLockedError, match=r"somebody else is labeling the asset .*ada-") as raised:
        kili.call("append_labels", [second, first], [SUN, SUN])
    assert isinstance(raised.value, ValueError)
    assert isinstance(raised.value, GraphQLError)
    assert raised.value.reason == "AssetAlreadyLocked"
    assert raised.value.remaining["asset_id_array"] == [second, first]
    assert labels(kili, project) == []
    kili.call(
        "create_predictions", project, ["a0"], json_response_array=[SUN], model_name="m"
    )  # models wait for nobody
    other = Client(kili.kind, ada, server.endpoint, transport=server.transport)
    other.call("append_labels", [first], [SUN])  # who is then done
    kili.call("append_labels", [first], [RAIN])
    assert assets(kili, project, "numberOfValidLocks")["a0"]["numberOfValidLocks"] == 0


def test_a_lock_ends_by_itself(kili: Client, server: LocalKili) -> None:
    project, [first, *_] = filled(kili)
    ada = server.add_user(email=f"late-{kili.kind}@example.com")
    server.lock(first, api_key=ada, seconds=1000)
    with pytest.raises(ValueError, match="is open already"):
        server.lock(first)
    with pytest.raises(ValueError, match="there is no asset `x`"):
        server.lock("x")
    server.lock(first, api_key=ada, seconds=-1)
    assert assets(kili, project, "numberOfValidLocks")["a0"]["numberOfValidLocks"] == 0
    assert len(kili.call("append_labels", [first], [SUN])) == 1
    server.lock(first)
    assert len(kili.call("append_labels", [first], [SUN])) == 1  # one's own


def test_a_user_is_made_once(kili: Client, server: LocalKili) -> None:
    project, _ = filled(kili)
    email = f"joan-{project}@example.com"
    assert list(kili.call("create_user", email.upper(), "secret", "USER", "Joan")) == ["id"]
    kili.call("append_to_roles", project, email, "REVIEWER")
    [row] = kili.call("project_users", project, email, fields=["role", "user.firstname"])
    assert row == {"role": "REVIEWER", "user": {"firstname": "Joan"}}
    with pytest.raises(ApiError, match=f"has a user `{email}` already") as refused:
        kili.call("create_user", email, "secret", "ADMIN")
    assert "secret" not in str(refused.value)
    with pytest.raises(ArgumentError, match="`organization_role`"):
        kili.call("create_user", "kay@example.com", "secret", "BOSS")


def test_people_of_a_project_are_found_by_status_and_organization(kili: Client, server: LocalKili) -> None:
    project, _ = filled(kili)
    for name in ("bob", "eve"):
        kili.call("append_to_roles", project, f"{name}@example.com", "LABELER")
    names = ["local@kili.invalid", "bob@example.com", "eve@example.com"]

    def found(*arguments: Any, **named: Any) -> list[str]:
        return [row["user"]["email"] for row in kili.call("project_users", project, *arguments, **named)]

    assert found() == found(status_in=None) == names
    assert found(status_in=["ACTIVATED"]) == found(None, None, None, ("ACTIVATED",)) == names[1:]
    assert found(status_in=["ACTIVATED"], first=1, skip=1) == names[2:]
    assert found(status_in=["ORG_ADMIN", "ORG_SUSPENDED"], fields=["user.email"]) == names[:1]
    assert kili.call("project_users", project, status_in=["ORG_ADMIN"], fields=["role"]) == [{"role": "ADMIN"}]
    assert found(status_in=[]) == []
    assert found(organization_id="nobody") == []
    assert found("bob@example.com", status_in=["ORG_ADMIN"]) == []
    with pytest.raises(ArgumentError, match=r"`status_in` holds `'ADMIN'` at \[0\]"):
        found(status_in=["ADMIN"])


def test_a_content_is_no_local_file_and_not_empty(kili: Client, tmp_path: Path) -> None:
    project, ids = filled(kili)
    file = tmp_path / "a.png"
    file.write_bytes(b"x")
    for wrong, told in ((str(file), r"holds at \[1\] the local file .*a.png"), ("  ", r"holds at \[1\] an empty text")):
        with pytest.raises(ArgumentError, match=told):
            kili.call("update_properties_in_assets", ids[:2], contents=[None, wrong])
    kili.call("update_properties_in_assets", ids[:2], contents=[None, "https://example.com/new.png"])
    assert [row["content"][-7:] for row in assets(kili, project, "content").values()] == [
        "/a0.png",
        "new.png",
        "/a2.png",
    ]
