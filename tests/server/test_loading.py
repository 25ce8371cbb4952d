"""Loading: what an export has is kept, what it lacks is made, what cannot be read is named."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import httpx
import pytest

from kili_query import DataError, read_labels
from kili_query.model.counts import count_label
from kili_query.server import LocalKili
from tests.server.asking import INTERFACE, Asking, response
from tests.server.conftest import Load

DATA = Path(__file__).parents[1] / "data"


def test_the_shipped_export_is_loaded(server: LocalKili, asking: Asking) -> None:
    project = server.load(DATA / "coco.zip", interface=DATA / "coco.interface.json", input_type="IMAGE", title="Coco")
    (found,) = asking.ask("{ projects(where: {}, first: 1, skip: 0) { id title inputType jsonInterface } }")
    assert (found["id"], found["title"], found["inputType"]) == (project, "Coco", "IMAGE")
    assert json.loads(found["jsonInterface"]) == json.loads((DATA / "coco.interface.json").read_bytes())
    labels = asking.labels({}, "jsonResponse labelOf { externalId }")
    exported = {label.external_id: label.response for label in read_labels(DATA / "coco.zip")}
    assert {label["labelOf"]["externalId"]: json.loads(label["jsonResponse"]) for label in labels} == exported


def test_what_an_export_has_is_kept(load: Load, asking: Asking) -> None:
    label = {
        "id": "l", "labelType": "REVIEW", "modelName": "m", "secondsToLabel": 4.5, "totalSecondsToLabel": 9.0, "skipped": True,
        "createdAt": "2024-02-03T04:05:06.789Z", "updatedAt": "2024-02-03T04:05:07.000Z", "isSentBackToQueue": True,
        "isLatestLabelForUser": False, "isLatestDefaultLabelForUser": False, "isLatestReviewLabelForUser": True, "isLastForStep": False,
        "stepName": "Check", "numberOfAnnotations": 17, "consensusMark": 0.5, "honeypotMark": 0.25, "inferenceMark": 1.0,
        "referencedLabelId": "other", "author": {"id": "u", "email": "u@x.invalid", "firstname": "U", "lastname": "V"},
    }  # fmt: skip
    asset = {
        "id": "a", "externalId": "x.jpg", "status": "REVIEWED", "content": "https://x.invalid/x.jpg", "jsonContent": "", "priority": 3,
        "createdAt": "2024-01-01T00:00:00.000Z", "updatedAt": "2024-01-02T00:00:00.000Z", "skipped": True, "isHoneypot": True,
        "isUsedForConsensus": True, "duration": 1.5, "resolution": {"width": 4, "height": 3}, "consensusMark": 0.5, "honeypotMark": None,
        "inferenceMark": 0.75, "pageResolutions": [{"pageNumber": 1, "width": 2.0, "height": 3.0, "rotation": 90}],
        "geospatialExportMetadata": {"any": ["thing"]}, "ocrMetadata": "{}", "thumbnail": "https://x.invalid/t.jpg",
    }  # fmt: skip
    load({**asset, "jsonMetadata": {"k": 1}, "labels": [{**label, "jsonResponse": response(2)}]})
    fields = "author { id email firstname lastname } " + " ".join(name for name in label if name != "author")
    assert asking.labels({}, fields) == [label]
    embedded = {
        "resolution": "resolution { width height }",
        "pageResolutions": "pageResolutions { pageNumber width height rotation }",
    }
    (found,) = asking.assets({}, " ".join(embedded.get(name, name) for name in asset) + " jsonMetadata")
    assert json.loads(found.pop("jsonMetadata")) == {"k": 1}
    assert found == asset


def test_what_an_export_lacks_is_made(load: Load, asking: Asking) -> None:
    load(
        {
            "externalId": "x",
            "labels": [{"jsonResponse": response(1)}, {"jsonResponse": response(1), "labelType": "PREDICTION"}],
        },
        {"externalId": "y", "latestLabel": None},
    )
    fields = "status jsonMetadata content labels { labelType author { id } secondsToLabel isLatestLabelForUser isLastForStep }"
    x, y = asking.assets({}, fields)
    assert x["status"] == "LABELED"
    assert [label["isLastForStep"] for label in x["labels"]] == [True, False]
    assert all(label["author"] is None and label["isLatestLabelForUser"] for label in x["labels"])
    assert y == {"status": "TODO", "jsonMetadata": "{}", "content": "", "labels": []}
    assert len({label["id"] for label in asking.labels({})}) == 2


@pytest.mark.parametrize("value", [None, "", "null", "{}", {}])
def test_labels_without_answers_are_empty_texts_of_json(load: Load, asking: Asking, value: object) -> None:
    load({"id": "a", "externalId": "x", "labels": [{"jsonResponse": value}]})
    assert asking.labels({}, "jsonResponse") == [{"jsonResponse": "{}"}]


def test_labels_that_cannot_be_read_are_counted_and_named(server: LocalKili, asking: Asking, tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    good = {"externalId": "good", "labels": [{"jsonResponse": response(1)}]}
    bad = [
        {"externalId": f"bad{i}", "labels": [{"jsonResponse": "not JSON"}, {"jsonResponse": response(1)}]}
        for i in range(30)
    ]
    path.write_text("\n".join(map(json.dumps, [good, *bad])) + "\n{broken\n")
    report = server.load_report(path, interface=INTERFACE, input_type="IMAGE")
    assert (report.assets, report.labels, report.unreadable, len(report.problems)) == (31, 31, 31, 20)
    assert "bad0" in str(report.problems[0])
    assert asking.count("Label", {}) == 31


@pytest.mark.parametrize("content", ["", "[]", "{}", "nonsense", '[{"externalId": "x"}]'])
def test_an_export_that_holds_nothing_is_refused(
    server: LocalKili, asking: Asking, tmp_path: Path, content: str
) -> None:
    path = tmp_path / "records.json"
    path.write_text(content)
    with pytest.raises(DataError):
        server.load(path, interface=INTERFACE)
    assert asking.count("Project", {}) == 0


def test_a_missing_export_or_ontology_is_refused(server: LocalKili, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        server.load(tmp_path / "nowhere.zip", interface=INTERFACE)
    with pytest.raises(DataError, match="nowhere"):
        server.load(DATA / "coco.zip", interface=tmp_path / "nowhere.json")
    with pytest.raises(DataError, match="jobs"):
        server.load(DATA / "coco.zip", interface={"no": "jobs"})


def test_bare_labels_meet_at_their_asset(load: Load, asking: Asking) -> None:
    rows = [
        {"id": f"l{i}", "jsonResponse": response(i), "labelOf": {"id": f"a{i % 2}", "externalId": f"x{i % 2}"}}
        for i in range(4)
    ]
    load(*rows, rows[0])  # one of them twice, as dumps with pages that overlap have it
    assert {
        a["externalId"]: [label["id"] for label in a["labels"]] for a in asking.assets({}, "externalId labels { id }")
    } == {"x0": ["l0", "l2"], "x1": ["l1", "l3"]}


def test_the_same_export_twice_makes_two_projects_with_ids_of_their_own(server: LocalKili, asking: Asking) -> None:
    first, second = (server.load(DATA / "coco.zip", interface=DATA / "coco.interface.json") for _ in range(2))
    assert first != second
    assert len({asset["id"] for asset in asking.assets({})}) == asking.count("Asset", {}) == 6
    labels = [asking.count("Label", {"project": {"id": project}}) for project in (first, second)]
    assert labels == [3, 3]
    again = server.load_report(DATA / "coco.zip", interface=DATA / "coco.interface.json", again=False)
    assert again.already
    assert again.project_id in (first, second)


def test_authors_become_members_of_the_project(load: Load, asking: Asking) -> None:
    people = [
        {"id": "u1", "email": "a@x.invalid", "firstname": "A", "lastname": "B"},
        {"email": "c@x.invalid"},
        {"id": "u3"},
    ]
    kinds = ["DEFAULT", "REVIEW", "DEFAULT"]
    labels = [{"jsonResponse": "{}", "author": p, "labelType": kind} for p, kind in zip(people, kinds, strict=True)]
    load({"externalId": "x", "labels": labels})
    (project,) = asking.ask("{ projects(where: {}, first: 1, skip: 0) { roles { role user { email } } } }")
    roles = {row["user"]["email"]: row["role"] for row in project["roles"]}
    assert roles == {
        "local@kili.invalid": "ADMIN",
        "a@x.invalid": "LABELER",
        "c@x.invalid": "REVIEWER",
        "u3@unknown.invalid": "LABELER",
    }


@pytest.mark.parametrize("packed", [True, False])
def test_media_of_an_export_are_served(server: LocalKili, asking: Asking, tmp_path: Path, packed: bool) -> None:
    folder = tmp_path / "export"
    (folder / "labels").mkdir(parents=True)
    (folder / "assets").mkdir()
    (folder / "assets" / "x.png").write_bytes(b"a picture")
    (tmp_path / "outside.png").write_bytes(b"private")
    contents = ["assets/x.png", "../outside.png", "assets/missing.png", "https://x.invalid/y.png", "a\0b"]
    for i, content in enumerate(contents):
        record = {"id": f"a{i}", "externalId": f"x{i}", "content": content, "labels": [{"jsonResponse": response(i)}]}
        (folder / "labels" / f"{i}.json").write_text(json.dumps(record))
    export = Path(shutil.make_archive(str(tmp_path / "export"), "zip", folder)) if packed else folder
    server.load(export, interface=INTERFACE)
    found = {asset["id"]: asset["content"] for asset in asking.assets({}, "id content")}
    assert [found[f"a{i}"] for i in range(1, 5)] == contents[1:]
    stranger = httpx.Client(transport=server.transport)  # without a key: the address is the secret
    answer = stranger.get(found["a0"])
    assert (answer.content, answer.headers["content-type"]) == (b"a picture", "image/png")
    head = stranger.head(found["a0"])
    assert (head.status_code, head.headers["content-type"]) == (200, "image/png")
    part = stranger.get(found["a0"], headers={"Range": "bytes=2-5"})
    assert (part.status_code, part.content) == (206, b"pict")
    assert stranger.get(found["a0"], headers={"Range": "bytes=99-"}).status_code == 416
    for wrong in ("x", "", "../kili.db", ".."):
        assert stranger.get(f"{server.url}/files", params={"id": wrong}).status_code == 404


def test_a_damaged_file_of_an_export_is_told_and_leaves_nothing(
    server: LocalKili, asking: Asking, tmp_path: Path
) -> None:
    export = tmp_path / "export.zip"
    record = {"externalId": "x", "content": "assets/x.png", "labels": [{"jsonResponse": {}}]}
    with zipfile.ZipFile(export, "w") as archive:
        archive.writestr("data.json", json.dumps([record]))
        archive.writestr("assets/x.png", b"a picture")
    export.write_bytes(export.read_bytes().replace(b"a picture", b"a PICTURE"))
    with pytest.raises(DataError, match=r"`assets/x\.png` cannot be copied"):
        server.load(export, interface=INTERFACE)
    assert asking.count("Project", {}) == 0
    assert list((server._running.folder / "files").iterdir()) == []


ANNOTATION = {
    "__typename": "ClassificationAnnotation", "id": "n1", "job": "CLS", "path": [], "labelId": "l1", "chatItemId": "m1",
    "annotationValue": {"categories": ["SUN", "SUN"]},
}  # fmt: skip


@pytest.mark.parametrize(
    "label",
    [
        {"id": "l1", "jsonResponse": {}, "annotations": [ANNOTATION]},
        {"id": "l1", "jsonResponse": {"CLS": {"categories": [{"name": "SUN"}, {"name": "SUN"}]}}},
    ],
)
def test_labels_of_conversations_are_counted_and_have_annotations(
    load: Load, asking: Asking, label: dict[str, object]
) -> None:
    load({"externalId": "talk", "labels": [label]}, input_type="LLM_STATIC")
    assert asking.count("Label", {"search": "CLS.SUN.count == 2"}) == 1
    fields = (
        "jsonResponse annotations { job labelId ... on ClassificationAnnotation { annotationValue { categories } } }"
    )
    (found,) = asking.labels({}, fields)
    assert found["annotations"] == [{key: ANNOTATION[key] for key in ("job", "labelId", "annotationValue")}]
    assert json.loads(found["jsonResponse"]) == {"CLS": {"categories": [{"name": "SUN"}, {"name": "SUN"}]}}


def test_annotations_of_unknown_types_are_reported(server: LocalKili, tmp_path: Path) -> None:
    path = tmp_path / "records.json"
    ranked = {**ANNOTATION, "__typename": "RankingAnnotation"}
    labels = [{"jsonResponse": {}}, {"jsonResponse": {}, "annotations": [ANNOTATION, ranked]}]
    path.write_text(json.dumps([{"externalId": "talk", "labels": labels}]))
    report = server.load_report(path, interface=INTERFACE, input_type="LLM_STATIC")
    assert (report.labels, report.unreadable) == (1, 1)


SAMPLES = ("archives/video.latest.single-file.zip", "archives/pdf.latest.subfolder.zip", "archives/llm-rlhf.normal.zip",
           "archives/consensus.latest-from-last-step.zip", "llm-static.conversations.json", "image-classif-assets.assets.json")  # fmt: skip
INTERFACES = {
    "video": "video-bbox-asset",
    "pdf": "pdf-bbox-and-classif",
    "llm-r": "llm-rlhf",
    "consensus": "image-consensus-latest-labels",
    "llm-s": "llm-static",
    "image": "image-classif-assets",
}
TYPES = {"video": "VIDEO", "pdf": "PDF", "llm-r": "LLM_RLHF", "llm-s": "LLM_STATIC"}


@pytest.mark.parametrize("name", SAMPLES)
def test_counts_of_real_exports_are_those_of_the_model(
    server: LocalKili, asking: Asking, shared: Path, name: str
) -> None:
    from kili_query import Ontology

    short = next(key for key in INTERFACES if Path(name).name.startswith(key))
    interface, kind = shared / f"{INTERFACES[short]}.interface.json", TYPES.get(short, "IMAGE")
    report = server.load_report(shared / name, interface=interface, input_type=kind)
    ontology = Ontology.load(interface, kind)
    labels = list(read_labels(shared / name, types=None))
    assert report.labels == len(labels) > 0
    totals: dict[tuple[str, str, int], int] = {}
    for label in labels:
        for (job, category), n in count_label(label, ontology).items():
            totals[job, category, n] = totals.get((job, category, n), 0) + 1
    with server._running.reading() as connection:
        rows = connection.exec_driver_sql(
            "SELECT job, category, n, count(*) FROM counts JOIN operands ON operand_id = operands.id GROUP BY 1, 2, 3"
        )
        assert {(job, category, n): number for job, category, n, number in rows} == totals
