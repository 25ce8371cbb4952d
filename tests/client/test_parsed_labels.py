"""The SDK gives parsed labels: which, of which rows, and what becomes of those that do not fit."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncGenerator, Generator, Iterator
from typing import Any, assert_type

import pytest

from kili_query import AsyncKili, JobNotExistingError, Kili, ParsedLabel, parse
from kili_query.server import LocalKili
from tests.client.conftest import INTERFACE, World

Row = dict[str, Any]
SEARCH = parse("OBJECTS.CAR.count > 1")


def test_labels_are_parsed_labels(world: World) -> None:
    kili = world.kili(disable_tqdm=True)
    plain = kili.labels(world.project)
    parsed = assert_type(kili.labels(world.project, output_format="parsed_label"), list[ParsedLabel])
    assert [label.to_dict() for label in parsed] == plain
    assert all(isinstance(label, ParsedLabel) for label in parsed)
    assert [label["id"] for label in parsed if SEARCH.matches(label)] == [
        label["id"] for label in kili.labels(world.project, category_search=SEARCH)
    ]
    lazy = assert_type(
        kili.labels(world.project, output_format="parsed_label", as_generator=True), Generator[ParsedLabel]
    )
    assert list(lazy) == parsed


def test_queries_that_are_decided_here_give_parsed_labels_too(world: World) -> None:
    kili = world.kili(disable_tqdm=True, local_filter=True)
    search = 'OBJECTS."fire truck".count > 1'
    labels = kili.labels(world.project, output_format="parsed_label", category_search=search, fields=["jsonResponse"])
    assert labels
    assert all(map(parse(search).matches, labels))


def test_labels_of_assets_are_parsed_labels(world: World) -> None:
    kili = world.kili(disable_tqdm=True)
    fields = ["id", "labels.id", "labels.jsonResponse", "latestLabel.jsonResponse", "latestLabels.jsonResponse"]
    plain = kili.assets(world.project, fields=fields)
    parsed = assert_type(kili.assets(world.project, fields=fields, label_output_format="parsed_label"), list[Row])
    for asset, before in zip(parsed, plain, strict=True):
        assert [label.to_dict() for label in asset["labels"]] == before["labels"]
        latest = asset["latestLabel"]
        assert (latest and latest.to_dict()) == before["latestLabel"]
        assert asset["latestLabels"] == before["latestLabels"]
        assert {**asset, "labels": 0, "latestLabel": 0} == {**before, "labels": 0, "latestLabel": 0}


def test_fields_of_assets_are_not_asked_for(world: World) -> None:
    kili = world.kili(disable_tqdm=True)
    without = kili.assets(world.project, fields=["labels.id", "latestLabel.id"], label_output_format="parsed_label")
    held = [label for asset in without for label in asset["labels"]]
    assert held
    assert all(isinstance(label, ParsedLabel) and label.json_response == {} for label in held)
    assert not any(isinstance(asset["latestLabel"], ParsedLabel) for asset in without)
    assert kili.assets(world.project, fields=["id"], first=2, label_output_format="parsed_label") == kili.assets(
        world.project, fields=["id"], first=2
    )


def test_matching_labels_are_those_that_match(world: World) -> None:
    for asset in world.kili(disable_tqdm=True).assets(
        world.project,
        fields=["labels.jsonResponse"],
        label_category_search=SEARCH,
        matching_labels_only=True,
        label_output_format="parsed_label",
        as_generator=True,
    ):
        assert asset["labels"]
        assert all(map(SEARCH.matches, asset["labels"]))


def test_the_asynchronous_client_gives_them_too(world: World) -> None:
    async def run() -> None:
        async with AsyncKili(world.server.api_key, world.server.endpoint, transport=world.server.transport) as kili:
            listed = await kili.labels(world.project, output_format="parsed_label", first=3, disable_tqdm=True)
            assert len(assert_type(listed, list[ParsedLabel])) == 3
            lazy = await kili.labels(world.project, output_format="parsed_label", as_generator=True)
            assert_type(lazy, AsyncGenerator[ParsedLabel])
            first = await anext(lazy)
            assert first.jobs["WEATHER"].category is not None
            await lazy.aclose()

    asyncio.run(run())


@pytest.fixture
def sky(world: World) -> Iterator[tuple[Kili, str]]:
    """A project with a label each of two jobs, one of which goes while a client looks on."""
    server: LocalKili = world.server
    kili = Kili(server.api_key, server.endpoint, transport=server.transport, disable_tqdm=True)
    project = kili.create_project("Skies", input_type="IMAGE", json_interface=INTERFACE)["id"]
    made = kili.append_many_to_dataset(
        project, ["https://example.com/a", "https://example.com/b"], external_id_array=["a", "b"]
    )
    sun = {"WEATHER": {"categories": [{"name": "SUN"}]}}
    kili.append_labels(made["asset_ids"], [sun, {**sun, "OBJECTS": {"annotations": []}}], project_id=project)
    yield kili, project
    kili.delete_project(project)


def test_labels_that_do_not_fit_any_more_are_told_kept_or_left_out(sky: tuple[Kili, str], world: World) -> None:
    project = sky[1]
    sky[0].update_properties_in_project(project, json_interface={"jobs": {"WEATHER": INTERFACE["jobs"]["WEATHER"]}})
    kili = world.kili(disable_tqdm=True)
    with pytest.raises(JobNotExistingError, match=r"^label \S+: job `OBJECTS` does not exist"):
        kili.labels(project, output_format="parsed_label")
    kept = kili.labels(project, output_format="parsed_label", misfits="keep")
    assert [list(label.json_response) for label in kept] == [["WEATHER"], ["WEATHER", "OBJECTS"]]
    with pytest.warns(UserWarning, match="1 label left out"):
        assert len(kili.labels(project, output_format="parsed_label", misfits="skip")) == 1
    fields = ["labels.jsonResponse", "latestLabel.jsonResponse"]
    with pytest.raises(JobNotExistingError):
        kili.assets(project, fields=fields, label_output_format="parsed_label")
    with pytest.warns(UserWarning, match="left out"):
        left = kili.assets(project, fields=fields, label_output_format="parsed_label", misfits="skip")
    assert [len(asset["labels"]) for asset in left] == [1, 0]
    assert left[1]["latestLabel"] is None


def test_an_ontology_that_changed_meanwhile_is_asked_for_anew(sky: tuple[Kili, str], world: World) -> None:
    kili, project = sky
    assert len(kili.labels(project, output_format="parsed_label")) == 2
    larger: Any = copy.deepcopy(INTERFACE)
    larger["jobs"]["WEATHER"]["content"]["categories"]["SNOW"] = {"name": "Snow"}
    other = world.kili(disable_tqdm=True)
    other.update_properties_in_project(project, json_interface=larger)
    [asset, *_] = [row["id"] for row in other.assets(project, fields=["id"])]
    other.append_labels([asset], [{"WEATHER": {"categories": [{"name": "SNOW"}]}}], project_id=project)
    names = {label.jobs["WEATHER"].categories[0].name for label in kili.labels(project, output_format="parsed_label")}
    assert names == {"SUN", "SNOW"}


def test_changed_labels_can_be_sent(sky: tuple[Kili, str]) -> None:
    kili, project = sky
    [label, _] = kili.labels(project, output_format="parsed_label", fields=["id", "assetId", "jsonResponse"])
    category = label.jobs["WEATHER"].category
    assert category is not None
    category.name = "RAIN"
    kili.append_labels([label["assetId"]], [label.json_response], project_id=project)
    kili.append_labels([label["assetId"]], [label], project_id=project)  # it stands for its answers
    kili.update_properties_in_label(label["id"], json_response=label)
    held = kili.labels(project, asset_id=label["assetId"], fields=["jsonResponse"])
    assert len(held) > 1
    assert all(row["jsonResponse"] == {"WEATHER": {"categories": [{"name": "RAIN"}]}} for row in held)
