"""Projects: what they are made of, copies, tags, and what a change of their properties gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kili_query import ArgumentError, GraphQLError, NotFoundError
from kili_query.server import LocalKili
from tests.client import faults as f
from tests.client.conftest import INTERFACE
from tests.client.faults import Client, Proxy

TAGS = {"data": {"data": [{"id": "t1", "label": "north"}, {"id": "t2", "label": "two"}, {"id": "t3", "label": "two"}]}}
SKY = {"input_type": "IMAGE", "json_interface": INTERFACE}


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


def shown(kili: Client, project: str, *fields: str) -> Any:
    (found,) = kili.call("projects", project, fields=["title", *fields])
    return found


def test_all_arguments_are_sent(kili: Client, proxy: Proxy) -> None:
    named = {"tags": ["north"], "compliance_tags": ("PII",), "pixel_labeling": True}
    proxy.on("listTagsByOrg", then=f.says(200, TAGS))
    proxy.on("checkTag", then=f.says(200, {"data": {"data": {"id": "t1"}}}))
    made = kili.call("create_project", "Map", "of all", "GEOSPATIAL", INTERFACE, **named)["id"]
    fields = ("description", "inputType", "jsonInterface", "complianceTags")
    assert shown(kili, made, *fields) == {
        "title": "Map", "description": "of all", "inputType": "GEOSPATIAL", "jsonInterface": INTERFACE, "complianceTags": ["PII"],
    }  # fmt: skip
    assert [seen.variables["data"] for seen in proxy.asked("checkTag")] == [{"projectId": made, "tagId": "t1"}]
    copied = kili.call("create_project", "Copy", project_id=made)["id"]
    assert shown(kili, copied, "geospatialSettings")["geospatialSettings"] == {"labelingCRSCode": "PIXEL"}


def test_a_copy_takes_over_what_the_project_is_and_not_its_assets(kili: Client, proxy: Proxy) -> None:
    made = kili.call("create_project", "First", **SKY)["id"]
    kili.call("update_properties_in_project", made, instructions="look up")
    kili.call("append_many_to_dataset", made, ["https://x.invalid/a.jpg"])
    proxy.on("listTagsByProject", then=f.says(200, {"data": {"data": [{"id": "t1"}]}}))
    proxy.on("checkTag", then=f.says(200, {"data": {"data": {"id": "t1"}}}))
    copy = kili.call("create_project", "Second", project_id=made)["id"]
    assert shown(kili, copy, "inputType", "jsonInterface", "instructions", "numberOfAssets") == {
        "title": "Second", "inputType": "IMAGE", "jsonInterface": INTERFACE, "instructions": "look up", "numberOfAssets": 0,
    }  # fmt: skip
    assert proxy.asked("checkTag")[0].variables["data"] == {"projectId": copy, "tagId": "t1"}
    with pytest.warns(UserWarning, match="`input_type` and `json_interface` are not used"):
        kili.call("create_project", "Third", project_id=made, **SKY)
    with pytest.raises(NotFoundError, match="there is no project `gone`"):
        kili.call("create_project", "Fourth", project_id="gone")


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ({"tags": ["south"]}, "`tags` holds `south`, and there is no such tag: the organization has `north` and `two`"),
        ({"tags": ["two"]}, "`tags` holds `two`, as several tags are called"),
        ({"pixel_labeling": True}, "`pixel_labeling` is for new projects with `input_type` GEOSPATIAL"),
        ({"project_id": "p", "pixel_labeling": True}, "`pixel_labeling` is of the project that `project_id` copies"),
        ({"project_id": "p", "from_demo_project": "DEMO_NER"}, "`from_demo_project` is of the project that `project_id` copies"),
        ({"compliance_tags": ["GDPR"]}, "`compliance_tags` holds `'GDPR'` at [0]; it takes"),
    ],
)  # fmt: skip
def test_what_cannot_be_made_is_told_before_anything_is_made(
    kili: Client, proxy: Proxy, named: dict[str, Any], told: str
) -> None:
    proxy.on("listTagsByOrg", then=f.says(200, TAGS))
    proxy.on(
        "geospatialSettings", then=f.says(200, {"data": {"data": [{"inputType": "IMAGE", "jsonInterface": "{}"}]}})
    )
    before = kili.call("count_projects")
    with pytest.raises(ArgumentError) as caught:
        kili.call("create_project", "Bad", **({} if "project_id" in named else SKY), **named)
    assert told in str(caught.value)
    assert kili.call("count_projects") == before


def test_local_kili_says_what_it_does_not_have(kili: Client) -> None:
    with pytest.raises(GraphQLError, match="local Kili has no demo projects, such as `DEMO_NER`"):
        kili.call("create_project", "Demo", from_demo_project="DEMO_NER")
    with pytest.raises(
        ArgumentError, match="`tags` holds `north`, and there is no such tag: the organization has none"
    ):
        kili.call("create_project", "Tagged", tags=["north"], **SKY)


def test_a_change_gives_what_was_changed(kili: Client) -> None:
    made = kili.call("create_project", "Before", **SKY)["id"]
    update = "update_properties_in_project"
    assert kili.call(update, made) == {"id": made}
    given = {"title": "After", "use_honeypot": True, "consensus_mark": 0.5, "compliance_tags": ["PHI"]}
    changed = {"title": "After", "useHoneyPot": True, "consensusMark": 0.5, "complianceTags": ["PHI"]}
    assert kili.call(update, made, **given) == {"id": made, **changed}
    assert kili.call(update, made, json_interface=INTERFACE) == {"id": made, "jsonInterface": INTERFACE}
    assert kili.call(update, made, seconds_to_label_before_auto_assign=5) == {"id": made, "shouldAutoAssign": True}
    defaults = {"filterable": True, "visibleByLabeler": True, "visibleByReviewer": True}
    properties = {"n": {"type": "number", "visibleByLabeler": False}, "t": {}}
    full = {"n": {**defaults, "type": "number", "visibleByLabeler": False}, "t": {**defaults, "type": "string"}}
    assert kili.call(update, made, metadata_properties=properties)["metadataProperties"] == full
    with pytest.warns(DeprecationWarning, match="write `metadata_properties`"):
        typed = kili.call(update, made, metadata_types={"n": "number"})
    assert typed["metadataProperties"] == {"n": {**defaults, "type": "number"}}
    with pytest.warns(UserWarning, match="`input_type` of a project cannot be changed"):
        assert kili.call(update, made, input_type="TEXT") == {"id": made}


def test_names_of_fields_and_keys_of_metadata_are_taken_as_kili_takes_them(kili: Client) -> None:
    made = kili.call("create_project", "Space", **SKY)["id"]
    metadata = [{"1": 2, "true": "a"}, {"1": 3}]
    kili.call(
        "append_many_to_dataset",
        made,
        ["https://x.invalid/a.jpg"] * 2,
        external_id_array=["a", "b"],
        json_metadata_array=metadata,
    )
    kili.call("append_labels", project_id=made, asset_external_id_array=["a"], json_response_array=[{}])
    assert kili.call("assets", made, fields=[" externalId "], metadata_where={1: 2}) == [{"externalId": "a"}]
    assert kili.call("count_assets", made, metadata_where={True: "a"}) == 1
    assert kili.call("assets", made, fields=["externalId"], format="raw") == [{"externalId": "a"}, {"externalId": "b"}]
    assert kili.call("labels", made, fields=("labelOf.externalId\n", "\tlabelType")) == [
        {"labelOf": {"externalId": "a"}, "labelType": "DEFAULT"}
    ]
    assert kili.call("projects", made, fields=[" title"]) == [{"title": "Space"}]
    assert kili.call("predictions", made, fields=[" id "]) == []
    with pytest.raises(ArgumentError, match=r"`fields` holds `i d`; it takes names"):
        kili.call("labels", made, fields=["i d"])
