"""Mutations: what is written is read back, counted, and undone as a whole where it fails."""

from __future__ import annotations

import json
import threading
import time
from random import Random
from typing import Any

import pytest
from sqlalchemy import select

from kili_query.server import LocalKili
from kili_query.server.graph.filters import Scope, asset_conditions, label_conditions
from kili_query.server.store import rows
from kili_query.server.store import tables as t
from tests.server.asking import INTERFACE, Asking, response

CREATE = "mutation ($data: CreateProjectData!) { data: createProject(data: $data) { id } }"
APPEND = "mutation appendManyLabels($data: AppendManyLabelsData!, $where: AssetWhere!) { data: appendManyLabels(data: $data, where: $where) { id } }"
IMPORT = "mutation appendManyAssets($data: AppendManyAssetsData!, $where: ProjectWhere!) { data: appendManyAssets(data: $data, where: $where) { id } }"
UPDATE = (
    "mutation ($w: [AssetWhere!]!, $d: [AssetData!]!) { data: updatePropertiesInAssets(where: $w, data: $d) { id } }"
)
OUTCOME = "{ succeeded { assetId externalId } declined { assetId externalId } failed { assetId } }"


@pytest.fixture
def project(asking: Asking) -> str:
    data = {"title": "t", "description": "d", "inputType": "IMAGE", "jsonInterface": json.dumps(INTERFACE)}
    project_id = asking.ask(CREATE, data=data)["id"]
    names = ["one", "two", "three"]
    lists = {
        "idArray": names,
        "externalIDArray": [f"{name}.jpg" for name in names],
        "contentArray": ["https://x.invalid/a.jpg"] * 3,
    }
    made = asking.ask(IMPORT, data=lists, where={"id": project_id})
    assert made == [{"id": name} for name in names]
    return str(project_id)


def append(asking: Asking, *labels: tuple[str, object], kind: str = "DEFAULT", **options: Any) -> Any:
    entry = {
        "authorID": None,
        "clientVersion": None,
        "modelName": options.pop("model", None),
        "referencedLabelId": None,
        "secondsToLabel": None,
    }
    data = [{**entry, "assetID": asset, "jsonResponse": json.dumps(answers)} for asset, answers in labels]
    where = {"idIn": [asset for asset, _ in labels]}
    return asking.ask(APPEND, data={"labelType": kind, "labelsData": data, **options}, where=where)


def test_a_project_that_was_made_is_read(asking: Asking, project: str) -> None:
    fields = "id title description inputType jsonInterface roles { role user { email } } consensusTotCoverage minConsensusSize reviewCoverage numberOfAssets author { email }"
    (found,) = asking.ask(f"{{ projects(where: {{}}, first: 1, skip: 0) {{ {fields} }} }}")
    assert json.loads(found.pop("jsonInterface")) == INTERFACE
    assert found == {
        "id": project, "title": "t", "description": "d", "inputType": "IMAGE", "consensusTotCoverage": 0, "minConsensusSize": 1,
        "reviewCoverage": 0, "numberOfAssets": 3, "author": {"email": "local@kili.invalid"},
        "roles": [{"role": "ADMIN", "user": {"email": "local@kili.invalid"}}],
    }  # fmt: skip


@pytest.mark.parametrize("interface", ["", "{", "[]", '{"a": 1}', '{"jobs": []}', "null"])
def test_a_project_without_an_ontology_is_refused(asking: Asking, interface: str) -> None:
    error = asking.error(CREATE, data={"title": "t", "inputType": "IMAGE", "jsonInterface": interface})
    assert "`jsonInterface`" in error["message"]


def test_steps_of_a_new_project_are_kept_in_order(asking: Asking) -> None:
    steps = [
        {"name": "Label", "type": "DEFAULT", "groupName": "G"},
        {"name": "Review", "type": "REVIEW", "groupName": "G"},
    ]
    asking.ask(
        CREATE,
        data={
            "title": "t",
            "inputType": "IMAGE",
            "jsonInterface": {"jobs": {}},
            "workflowVersion": "V3",
            "steps": steps,
        },
    )
    (found,) = asking.ask(
        "{ projects(where: {}, first: 1, skip: 0) { workflowVersion stepGroups { name } steps { name type order assignees { id } } } }"
    )
    assert found["stepGroups"] == [{"name": "G"}]
    assert [(s["name"], s["type"], s["order"], s["assignees"]) for s in found["steps"]] == [
        ("Label", "DEFAULT", 1, []),
        ("Review", "REVIEW", 2, []),
    ]


def test_the_trash_is_seen_on_request_only(asking: Asking, project: str) -> None:
    assert asking.ask("mutation ($id: ID!) { deleteProjectAsynchronously(where: {id: $id}) }", id=project) == project
    assert [asking.count(kind, {}) for kind in ("Project", "Asset", "Label")] == [0, 0, 0]
    assert asking.count("Project", {"deleted": True}) == 1
    assert asking.count("Asset", {"project": {"deleted": True}}) == 3
    error = asking.error("mutation ($id: ID!) { deleteProjectAsynchronously(where: {id: $id}) }", id=project)
    assert error["extensions"]["code"] == "NOT_FOUND"


def test_a_project_that_the_document_has_put_into_the_trash_takes_nothing_more(asking: Asking, project: str) -> None:
    taking = 'appendManyAssets(data: {{contentArray: [""], externalIDArray: ["{0}"]}}, where: {{id: $id}}) {{ id }}'
    document = f"""mutation ($id: ID!) {{
        before: {taking.format("b")} deleteProjectAsynchronously(where: {{id: $id}}) after: {taking.format("a")}
    }}"""
    assert asking.error(document, id=project)["path"] == ["after"]
    assert asking.count("Asset", {"project": {"id": project}}) == 3


def test_appended_labels_are_found_by_their_counts(asking: Asking, project: str) -> None:
    made = append(asking, ("one", response(2)), ("two", response(0, 1)))
    assert [label["id"] for label in asking.labels({"search": "OBJ.A.count == 2"})] == [made[0]["id"]]
    fields = "labelType author { email } jsonResponse numberOfAnnotations isLatestLabelForUser labelOf { status latestLabel { id } }"
    (label,) = asking.labels({"id": made[1]["id"]}, fields)
    assert json.loads(label.pop("jsonResponse")) == response(0, 1)
    assert label == {
        "labelType": "DEFAULT", "author": {"email": "local@kili.invalid"}, "numberOfAnnotations": 1,
        "isLatestLabelForUser": True, "labelOf": {"status": "LABELED", "latestLabel": made[1]},
    }  # fmt: skip


def test_a_later_label_is_the_latest(asking: Asking, project: str) -> None:
    (first,) = append(asking, ("one", response(1)))
    (second,) = append(asking, ("one", response(2)))
    (review,) = append(asking, ("one", response(3)), kind="REVIEW")
    append(asking, ("one", response(4)), kind="PREDICTION", model="m")
    fields = "id isLatestLabelForUser isLatestDefaultLabelForUser isLatestReviewLabelForUser isLastForStep"
    flags = {label["id"]: [label[name] for name in fields.split()[1:]] for label in asking.labels({}, fields)}
    assert flags[first["id"]] == [False, False, False, False]
    assert flags[second["id"]] == [True, True, False, True]
    assert flags[review["id"]] == [True, False, True, True]
    (asset,) = asking.assets({"id": "one"}, "status latestLabel { id } latestLabels { id }")
    assert asset == {"status": "REVIEWED", "latestLabel": review, "latestLabels": [review]}
    asking.ask("mutation ($ids: [ID!]!) { deleteLabels(ids: $ids) }", ids=[review["id"]])
    (asset,) = asking.assets({"id": "one"}, "latestLabel { id } latestLabels { id }")
    assert asset == {"latestLabel": second, "latestLabels": [second]}


def test_overwriting_replaces_labels_of_the_same_model(asking: Asking, project: str) -> None:
    append(asking, ("one", response(1)), ("two", response(1)), kind="PREDICTION", model="m")
    append(asking, ("one", response(1)), kind="PREDICTION", model="other")
    append(asking, ("one", response(2)), kind="PREDICTION", model="m", overwrite=True)
    found = [
        (label["labelOf"]["id"], label["modelName"], label["numberOfAnnotations"])
        for label in asking.labels({}, "labelOf { id } modelName numberOfAnnotations")
    ]
    assert sorted(found) == [("one", "m", 2), ("one", "other", 1), ("two", "m", 1)]
    assert asking.count("Label", {"search": "OBJ.A.count == 1"}) == 2


def test_overwriting_spares_what_people_have_labeled(asking: Asking, project: str) -> None:
    append(asking, ("one", response(1)))
    append(asking, ("one", response(2)), overwrite=True)
    assert asking.count("Label", {}) == 2


def test_an_asset_without_labels_is_to_be_labeled_again(asking: Asking, project: str) -> None:
    (default,) = append(asking, ("one", response(1)))
    (review,) = append(asking, ("one", response(1)), kind="REVIEW")
    append(asking, ("one", response(1)), kind="PREDICTION", model="m")
    statuses = []
    for label in (default, review):
        asking.ask("mutation ($ids: [ID!]!) { deleteLabels(ids: $ids) }", ids=[label["id"]])
        statuses += asking.assets({"id": "one"}, "status")
    assert statuses == [{"status": "REVIEWED"}, {"status": "TODO"}]


def test_assets_begin_in_the_first_step_and_labels_belong_to_a_step_of_their_project(asking: Asking) -> None:
    steps = [{"name": "Label", "type": "DEFAULT"}, {"name": "Check", "type": "REVIEW"}]
    data = {"title": "t", "inputType": "IMAGE", "jsonInterface": INTERFACE, "steps": steps}
    first, second = (asking.ask(CREATE, data=data)["id"] for _ in range(2))
    asking.ask(IMPORT, data={"idArray": ["one"]}, where={"id": first})
    assert asking.assets({}, "currentStep { name status }") == [{"currentStep": {"name": "Label", "status": "TO_DO"}}]
    document = "query ($id: ID!) { projects(where: {id: $id}, first: 1, skip: 0) { steps { id name } } }"
    own, foreign = (asking.ask(document, id=project)[0]["steps"][1]["id"] for project in (first, second))
    append(asking, ("one", response(1)), stepId=own)
    assert asking.labels({}, "stepName") == [{"stepName": "Check"}]
    entries = [{"assetID": "one", "jsonResponse": "{}"}]
    refused = {"labelType": "DEFAULT", "labelsData": entries, "stepId": foreign}
    assert asking.error(APPEND, data=refused, where={})["extensions"]["code"] == "NOT_FOUND"


def test_a_batch_with_one_bad_label_writes_nothing(asking: Asking, project: str) -> None:
    entries = [{"assetID": "one", "jsonResponse": "{}"}, {"assetID": "two", "jsonResponse": "[1]"}]
    error = asking.error(APPEND, data={"labelType": "DEFAULT", "labelsData": entries}, where={"idIn": ["one", "two"]})
    assert error["extensions"]["context"] == {"index": 1}
    entries[1] = {"assetID": "nowhere", "jsonResponse": "{}"}
    error = asking.error(APPEND, data={"labelType": "DEFAULT", "labelsData": entries}, where={"idIn": ["one"]})
    assert error["extensions"] == {"code": "NOT_FOUND", "context": {"ids": ["nowhere"]}}
    assert asking.count("Label", {}) == 0
    assert {asset["status"] for asset in asking.assets({}, "status")} == {"TODO"}


def test_one_label_and_honeypots_and_changes(asking: Asking, project: str) -> None:
    document = "mutation ($data: AppendToLabelsData!, $where: AssetWhere!) { data: appendToLabels(data: $data, where: $where) { id } }"
    me = asking.ask("{ viewer { id } }")["id"]
    data = {"authorID": me, "jsonResponse": "{}", "labelType": "DEFAULT", "secondsToLabel": 3}
    label = asking.ask(document, data=data, where={"id": "one"})
    document = "mutation ($w: LabelWhere!, $d: LabelData!) { updatePropertiesInLabel(where: $w, data: $d) { id secondsToLabel modelName } }"
    changed = asking.ask(
        document, w=label, d={"modelName": "m", "jsonResponse": json.dumps(response(3)), "secondsToLabel": None}
    )
    assert changed == {**label, "secondsToLabel": 3.0, "modelName": "m"}
    assert asking.labels({"search": "OBJ.A.count == 3"}) == [label]
    document = "mutation ($data: CreateHoneypotData!, $where: AssetWhere!) { createHoneypot(data: $data, where: $where) { id labelType labelOf { isHoneypot } } }"
    honeypot = asking.ask(document, data={"jsonResponse": "{}"}, where={"id": "two"})
    assert (honeypot["labelType"], honeypot["labelOf"]) == ("REVIEW", {"isHoneypot": True})


def test_deleted_labels_and_assets_leave_no_counts(server: LocalKili, asking: Asking, project: str) -> None:
    made = append(asking, ("one", response(2)), ("two", response(2)))
    assert asking.ask("mutation ($ids: [ID!]!) { deleteLabels(ids: $ids) }", ids=[made[0]["id"], "none"]) == [
        made[0]["id"]
    ]
    assert asking.count("Label", {"search": "OBJ.A.count > 0"}) == 1
    outcome = asking.ask(f'mutation {{ deleteAssets(where: {{idIn: ["two", "gone"]}}) {OUTCOME} }}')
    assert outcome["succeeded"] == [
        {"assetId": "two", "externalId": "two.jpg"},
        {"assetId": "gone", "externalId": None},
    ]
    assert asking.count("Label", {}) == asking.count("Label", {"search": "OBJ.A.count > 0"}) == 0
    with server._running.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM counts").scalar() == 0
    assert asking.error(f"mutation {{ deleteAssets(where: {{}}) {OUTCOME} }}")["extensions"]["code"] == "BAD_USER_INPUT"
    assert asking.count("Asset", {}) == 2


def test_properties_change_where_they_are_given(server: LocalKili, asking: Asking, project: str) -> None:
    server.add_user(email="lab@x.invalid")
    changes = [
        {
            "priority": 2,
            "jsonMetadata": '{"k": 1}',
            "toBeLabeledBy": ["lab@x.invalid"],
            "resolution": {"width": 3, "height": 4},
        },
        {"externalId": "new.jpg", "isHoneypot": True, "content": None},
    ]
    assert asking.ask(UPDATE, w=[{"id": "one"}, {"id": "two"}], d=changes) == [{"id": "one"}, {"id": "two"}]
    fields = "priority jsonMetadata externalId isHoneypot content resolution { width height } assignees { email }"
    one, two = asking.assets({"idIn": ["one", "two"]}, fields)
    same = {"content": "https://x.invalid/a.jpg"}
    assert one == {**same, "priority": 2, "jsonMetadata": '{"k": 1}', "externalId": "one.jpg", "isHoneypot": False,
                   "resolution": {"width": 3, "height": 4}, "assignees": [{"email": "lab@x.invalid"}]}  # fmt: skip
    assert two == {
        **same,
        "priority": 0,
        "jsonMetadata": "{}",
        "externalId": "new.jpg",
        "isHoneypot": True,
        "resolution": None,
        "assignees": [],
    }
    assert (
        asking.assets({"assigneeIn": ["lab@x.invalid"]})
        == asking.assets({"assigneeNotIn": ["local@kili.invalid"]})
        == [{"id": "one"}]
    )
    assert asking.ask(UPDATE, w=[{"id": "one"}], d=[{"shouldResetToBeLabeledBy": True}]) == [{"id": "one"}]
    assert asking.count("Asset", {"assigneeIn": ["lab@x.invalid"]}) == 0
    assert asking.ask(UPDATE, w=[{"id": "one"}], d=[]) == [{"id": "one"}]


def test_assets_move_between_the_queues(asking: Asking, project: str) -> None:
    append(asking, ("one", response(1)))
    outcome = asking.ask(f'mutation {{ addAssetsToReview(where: {{idIn: ["one", "two"]}}) {OUTCOME} }}')
    assert [row["assetId"] for row in outcome["succeeded"]] == ["one"]
    assert [row["assetId"] for row in outcome["declined"]] == ["two"]
    assert asking.assets({"statusIn": ["TO_REVIEW"]}) == [{"id": "one"}]
    asking.ask(f'mutation {{ sendAssetsBackToQueue(where: {{idIn: ["one"]}}) {OUTCOME} }}')
    assert asking.assets({"statusIn": ["ONGOING"]}) == [{"id": "one"}]
    assert asking.labels({}, "isSentBackToQueue") == [{"isSentBackToQueue": True}]


def test_imports_that_do_not_fit_are_refused(asking: Asking, project: str) -> None:
    for data in (
        {"idArray": ["x", "y"], "contentArray": ["a"]},
        {"idArray": ["one"]},
        {"idArray": ["z"], "jsonMetadataArray": ["["]},
    ):
        assert asking.error(IMPORT, data=data, where={"id": project})["extensions"]["code"] == "BAD_USER_INPUT"
    assert asking.count("Asset", {}) == 3


def test_existing_external_ids_are_told(asking: Asking, project: str) -> None:
    document = "query FilterExistingAssets($p: ID!, $e: [String!]!) { external_ids: filterExistingAssets(projectID: $p, externalIDs: $e) }"
    assert asking.ask(document, p=project, e=["no", "two.jpg", "one.jpg", "two.jpg"]) == ["two.jpg", "one.jpg"]
    assert (
        asking.ask("query ($w: AssetWhere!) { countAssetAnnotations(where: $w) }", w={"project": {"id": project}}) == 0
    )


def test_every_field_of_the_schema_is_served() -> None:
    from kili_query.server.graph.resolvers import COUNTS, LISTS, MUTATIONS, QUERIES, make_documents

    schema = make_documents().schema
    assert schema.query_type
    assert schema.mutation_type
    assert set(schema.query_type.fields) == {*LISTS, *COUNTS, *QUERIES}
    assert set(schema.mutation_type.fields) == set(MUTATIONS)


def test_labels_of_conversations_keep_their_annotations_in_step(asking: Asking) -> None:
    data = {"title": "talks", "inputType": "LLM_STATIC", "jsonInterface": INTERFACE}
    project = asking.ask(CREATE, data=data)["id"]
    asking.ask(IMPORT, data={"idArray": ["talk"], "externalIDArray": ["talk"]}, where={"id": project})

    def chosen() -> list[object]:
        fields = "annotations { labelId ... on ClassificationAnnotation { annotationValue { categories } } }"
        (label,) = asking.labels({}, f"id {fields}")
        assert {annotation["labelId"] for annotation in label["annotations"]} <= {label["id"]}
        return [annotation["annotationValue"]["categories"] for annotation in label["annotations"]]

    [made] = append(asking, ("talk", {"CLS": {"categories": [{"name": "SUN"}]}}))
    assert chosen() == [["SUN"]]
    changed = json.dumps({"CLS": {"categories": [{"name": "RAIN"}, {"name": "SUN"}]}})
    document = "mutation ($w: LabelWhere!, $d: LabelData!) { updatePropertiesInLabel(data: $d, where: $w) { id } }"
    asking.ask(document, w=made, d={"jsonResponse": changed})
    assert chosen() == [["RAIN", "SUN"]]


def test_reads_are_answered_while_changes_wait_for_a_loading(server: LocalKili, asking: Asking, project: str) -> None:
    change = "mutation ($ids: [ID!]!) { deleteLabels(ids: $ids) }"
    changes = [threading.Thread(target=asking.ask, args=(change,), kwargs={"ids": ["none"]}) for _ in range(3)]
    read = threading.Thread(target=asking.count, args=("Asset", {"project": {"id": project}}))
    try:
        with server._running.writing():
            for thread in changes:
                thread.start()
            time.sleep(0.1)  # until they wait; sooner, the test would see nothing
            read.start()
            read.join(20)
            assert not read.is_alive()
    finally:
        for thread in [*changes, read]:
            thread.join()


def test_an_asset_that_is_changed_twice_in_a_call_has_what_came_last(asking: Asking, project: str) -> None:
    data = [
        {"priority": 1, "jsonMetadata": '{"a": 1}'},
        {"priority": 2},
        {"jsonMetadata": '{"a": 3}', "priority": 3},
        {"priority": 4},
    ]
    made = asking.ask(UPDATE, w=[{"id": "one"}, {"id": "two"}, {"id": "one"}, {"id": "one"}], d=data)
    assert [row["id"] for row in made] == ["one", "two", "one", "one"]
    found = {row["id"]: (row["priority"], row["jsonMetadata"]) for row in asking.assets({}, "id priority jsonMetadata")}
    assert found == {"one": (4, '{"a": 3}'), "two": (2, "{}"), "three": (0, "{}")}


def test_a_change_names_its_assets_by_more_than_their_ids(asking: Asking, project: str) -> None:
    wheres = [{"id": "one", "statusIn": ["TODO"]}, {"id": "two"}]
    assert asking.ask(UPDATE, w=wheres, d=[{"priority": 1}, {"priority": 2}]) == [{"id": "one"}, {"id": "two"}]
    for wrong in ({"id": "one", "statusIn": ["LABELED"]}, {"id": "one", "project": {"id": "x"}}, {"id": "nobody"}):
        assert "no asset `" in asking.error(UPDATE, w=[{"id": "two"}, wrong], d=[{"priority": 9}] * 2)["message"]
    assert "`where[1].id` is needed" in asking.error(UPDATE, w=[{"id": "two"}, {"idIn": ["one"]}], d=[])["message"]
    assert [row["priority"] for row in asking.assets({}, "priority")] == [1, 2, 0]


def test_what_is_asked_for_by_its_id_is_not_looked_for_in_the_whole_project(server: LocalKili, project: str) -> None:
    with server._running.reading() as connection:
        account = server._running.account(server.api_key)
        assert account is not None
        scope = Scope(connection, account.organization_id, account.user_id)
        for rows, conditions in ((t.assets, asset_conditions), (t.labels, label_conditions)):
            for where in ({"id": "one"}, {"idIn": ["one", "two"]}, {"id": "one", "project": {"id": project}}):
                query = select(rows.c.id).where(*conditions(where, scope))
                text = str(query.compile(connection.engine, compile_kwargs={"literal_binds": True}))
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}").first()
                assert plan is not None
                assert f"{rows.name}_by_uid (uid=?)" in plan[-1]


def test_the_latest_labels_are_the_same_whether_looked_up_or_ranked(
    asking: Asking, server: LocalKili, project: str
) -> None:
    chance = Random(7)
    for _ in range(30):
        kind = chance.choice(["DEFAULT", "REVIEW", "PREDICTION", "AUTOSAVE"])
        picked = chance.choices(["one", "two", "three"], k=3)
        append(asking, *((name, response()) for name in picked), kind=kind, model="m")
    names = ", ".join(rows._FLAGS)
    with server._running.writing() as connection:
        below = t.driver(connection)
        below.execute("UPDATE labels SET author_id = NULL, step_name = 'Review' WHERE id % 3 = 0")
        below.execute("UPDATE labels SET created_at = '2020-01-01T00:00:00.000Z' WHERE id % 5 = 0")
        rows.settle_assets(connection, [key for (key,) in below.execute("SELECT id FROM assets")])
        ranked = below.execute(f"SELECT {names} FROM labels ORDER BY id").fetchall()
        below.execute(f"UPDATE labels SET {', '.join(f'{name} = NULL' for name in rows._FLAGS)}")
        rows.settle_project(connection, project)
        assert below.execute(f"SELECT {names} FROM labels ORDER BY id").fetchall() == ranked
        assert {sum(column) for column in zip(*ranked, strict=True)} != {0}
