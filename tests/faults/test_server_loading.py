"""What a loading dropped without a word: `LocalKili.load` gave one label of three, where assets had labels of the same id.

Right is: only a copy inside the same asset is left out, and counted; whatever else shares an id is kept under a new one,
and the report says so. Numbers and texts that no database keeps do not end the loading. Labels in an object that names
no asset are of the assets that they name themselves, whatever their ids are. Media are found under every spelling of
their names, and checked before they are inflated. (Issue 8, lines 1.3, 1.4, 1.5 and 2.7.)
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest

from kili_query import DataError
from kili_query.server import LocalKili
from kili_query.server.loading import MAX_NAMED, Loaded
from tests.faults.test_writing import NAMES, sharing, zipped
from tests.server.asking import INTERFACE, Asking, response

Record = dict[str, Any]


def loaded(server: LocalKili, folder: Path, *records: Record, **options: Any) -> Loaded:
    path = folder / "records.json"
    path.write_text(json.dumps(records))
    return server.load_report(path, interface=INTERFACE, **options)


def label(id_: str = "l1", a: int = 1, **more: Any) -> Record:
    return {"id": id_, "jsonResponse": response(a), **more}


def asset(name: str, *labels: Record, **more: Any) -> Record:
    return {"externalId": name, "labels": list(labels), **more}


def bare(asset_id: str, *labels: Record) -> list[Record]:
    return [{**one, "labelOf": {"id": asset_id, "externalId": asset_id.upper()}} for one in labels]


LOADINGS: dict[str, tuple[list[Record], list[tuple[str, list[int]]], int, int]] = {
    # the records; external ids with the numbers of A in their labels; copies; changes that are told
    "a label id in three assets": ([asset(n, label()) for n in "xyz"], [("x", [1]), ("y", [1]), ("z", [1])], 0, 2),
    "the same with other answers": ([asset(n, label(a=i)) for i, n in enumerate("xyz")], [("x", [0]), ("y", [1]), ("z", [2])], 0, 2),
    "a label under two keys": ([{**asset("x", label()), "latestLabel": label()}], [("x", [1])], 0, 0),
    "bare labels, pages overlap": ([*bare("a", label("l1"), label("l2", 2)), *bare("a", label("l2", 2))], [("A", [1, 2])], 1, 0),
    "bare labels of two assets": ([*bare("a", label()), *bare("b", label()), *bare("b", label())], [("A", [1]), ("B", [1])], 1, 1),
    "an id twice in an asset, with other answers": ([*bare("a", label(), label(a=2), label(a=2), label(labelType="REVIEW"))], [("A", [1, 2, 1])], 1, 2),
    "an asset in two records": ([asset("x", label("l1"), id="a"), asset("x", label("l2", 2), id="a")], [("x", [1, 2])], 0, 1),
    "an asset twice": ([asset("x", label(), id="a"), asset("x", label(), id="a")], [("x", [1])], 1, 1),
    "two assets of one id": ([asset("x", label(), id="a"), asset("y", label("l2"), id="a"), asset("y", label("l3"), id="a")], [("x", [1]), ("y", [1, 1])], 0, 2),
    "one external id, two contents": ([asset("x", label(), content="u"), asset("x", label("l2"), content="v"), asset("x", label("l3"), content="v")], [("x", [1]), ("x", [1, 1])], 0, 2),
    "one external id, no content": ([asset("x", label()), asset("x", label("l2"))], [("x", [1, 1])], 0, 1),
    "one external id, two ids": ([asset("x", label(), id="a"), asset("x", label("l2"), id="b")], [("x", [1]), ("x", [1])], 0, 0),
    "labels without ids": ([asset("x", {"jsonResponse": response(1)}, {"jsonResponse": response(1)})], [("x", [1, 1])], 0, 0),
    "an object around a dump": ([{"labels": [*bare("a", label("l1"), label("l2", 2)), *bare("b", label("l3"))]}], [("A", [1, 2]), ("B", [1])], 0, 0),
    "an object that names an asset around a dump": ([{"id": "z", "labels": bare("a", label("l1"), label("l2", 2))}], [("z", [1, 2])], 0, 0),
    "ids that are numbers": ([{"labels": [{**label("l1"), "assetId": 7}, {"id": 5, "jsonResponse": response(2), "assetId": 7}]}], [("7", [1, 2])], 0, 0),
    "an asset named beside the answers": ([{**label("l1"), "externalId": "x"}, {**label("l2", 2), "externalId": "x"}], [("x", [1, 2])], 0, 0),
    "a type that Kili has not": ([asset("x", label(labelType="GUESS"))], [("x", [1])], 0, 1),
}  # fmt: skip


@pytest.mark.parametrize("name", LOADINGS)
def test_nothing_is_dropped_without_a_word(tmp_path: Path, name: str) -> None:
    records, expected, copies, changes = LOADINGS[name]
    with LocalKili(socket=False) as server:
        asking = Asking(server)
        for times in range(1, 3):  # the second time into another project of the same organization
            report = loaded(server, tmp_path, *records)
            found = asking.assets({"project": {"id": report.project_id}}, "id externalId labels { id jsonResponse }")
            numbers = [(a["externalId"], [l["jsonResponse"].count('"A"') for l in a["labels"]]) for a in found]  # noqa: E741
            assert sorted(numbers) == sorted(expected)
            assert (report.copies, report.changed, len(report.changes)) == (copies, changes, changes)
            assert report.labels == sum(len(labels) for _, labels in expected)
            assert report.assets == len(expected)
            ids = [label["id"] for label in asking.labels({})]
            assert len(set(ids)) == len(ids) == times * report.labels


def test_labels_of_a_dump_that_name_no_asset_share_one(tmp_path: Path) -> None:
    with LocalKili(socket=False) as server:
        report = loaded(server, tmp_path, {"labels": [label("l1"), *bare("a", label("l2")), label("l3")]})
        owners = {found["labelOf"]["externalId"]: 0 for found in Asking(server).labels({}, "labelOf { externalId }")}
    assert (report.assets, report.labels, len(owners)) == (2, 3, 2)
    assert "A" in owners


@pytest.mark.parametrize("inside", ["", "my export/"])
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("kind", NAMES)
def test_media_are_found_whatever_their_names_look_like(tmp_path: Path, kind: str, packed: bool, inside: str) -> None:
    named, called = NAMES[kind]
    members: dict[str, object] = {
        f"{inside}labels/x.json": asset("x", label(), content=named),
        f"{inside}{called}": b"a picture",
    }
    export = zipped(tmp_path / "in.zip", members)
    if not packed:
        with zipfile.ZipFile(export) as archive:
            archive.extractall(tmp_path / "in")
        export = tmp_path / "in"
    with LocalKili(socket=False) as server:
        server.load(export, interface=INTERFACE)
        (found,) = Asking(server).assets({}, "content")
        answer = httpx.Client(transport=server.transport).get(found["content"])
    assert (answer.status_code, answer.content) == (200, b"a picture")


@pytest.mark.parametrize("attack", ["bomb", "overlap"])
def test_media_that_are_an_attack_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attack: str) -> None:
    from kili_query.formats.containers import streams

    monkeypatch.setattr(streams, "_BOMB_SIZE", 1_000_000)
    content = "assets/0.bin"
    members: dict[str, object] = {"data.json": [asset("x", label(), content=content)], content: bytes(30_000_000)}
    export = zipped(tmp_path / "in.zip", members) if attack == "bomb" else sharing(tmp_path / "in.zip", content)
    said = "which no media file does" if attack == "bomb" else "shares its bytes"
    with LocalKili(socket=False) as server, pytest.raises(DataError, match=f"`{content}` cannot be copied: .*{said}"):
        server.load(export, interface=INTERFACE)


def test_links_of_an_export_do_not_lead_out_of_it(tmp_path: Path) -> None:
    (tmp_path / "in/assets").mkdir(parents=True)
    (tmp_path / "secret").write_text("private")
    (tmp_path / "in/assets/x").symlink_to(tmp_path / "secret")
    (tmp_path / "in/data.json").write_text(json.dumps([asset("x", label(), content="assets/x")]))
    with LocalKili(socket=False) as server:
        server.load(tmp_path / "in", interface=INTERFACE)
        (found,) = Asking(server).assets({}, "content")
    assert found == {"content": "assets/x"}


def test_what_is_told_names_the_label_and_both_ids(tmp_path: Path) -> None:
    with LocalKili(socket=False) as server:
        report = loaded(server, tmp_path, asset("x", label()), asset("y", label()))
        (change,) = report.changes
        ids = [found["id"] for found in Asking(server).labels({})]
    assert "records.json" in change
    assert f"y, labels[0]: another label has the id `l1`, too; this one is `{ids[1]}`" in change
    assert ids[0] == "l1"


def test_all_is_counted_and_the_first_are_named(tmp_path: Path) -> None:
    with LocalKili(socket=False) as server:
        report = loaded(server, tmp_path, *(asset(str(n), label()) for n in range(MAX_NAMED + 5)))
    assert (report.labels, report.changed, len(report.changes)) == (MAX_NAMED + 5, MAX_NAMED + 4, MAX_NAMED)


def test_many_labels_of_one_id_cost_no_more_than_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kili_query.server.store.rows import Rows

    asked: list[str] = []
    looked = Rows.label

    def counted(rows: Rows, uid: str) -> object:
        asked.append(uid)
        return looked(rows, uid)

    monkeypatch.setattr(Rows, "label", counted)
    monkeypatch.setattr("kili_query.server.store.rows.BATCH", 50)
    number = 120
    with LocalKili(socket=False) as server:
        report = loaded(server, tmp_path, asset("x"), *(one for n in range(number) for one in bare("a", label(a=n))))
    assert report.labels == number
    assert len(asked) <= 3 * number


@pytest.mark.parametrize("number", [10**400, 1e300, -1e300, 2**63, -(2**70), 0.5, True, "7", None])
def test_numbers_beyond_measure_do_not_end_a_loading(tmp_path: Path, number: object) -> None:
    marks = dict.fromkeys(("consensusMark", "honeypotMark", "inferenceMark"), number)
    times: dict[str, Any] = dict.fromkeys(("secondsToLabel", "totalSecondsToLabel", "numberOfAnnotations"), number)
    with LocalKili(socket=False) as server:
        loaded(server, tmp_path, asset("x", {**label(), **marks, **times}, priority=number, duration=number, **marks))
        fields = "consensusMark secondsToLabel totalSecondsToLabel numberOfAnnotations labelOf { priority duration }"
        asking = Asking(server)
        plain = asking.labels({}, fields)
        completed = asking.ask(
            f"{{ labels(where: {{}}, first: 1, skip: 0) {{ ...F }} }} fragment F on Label {{ {fields} }}"
        )
    assert plain == completed  # graphql-core refuses numbers that the schema does not have


def test_halves_of_surrogate_pairs_do_not_end_a_loading(tmp_path: Path) -> None:
    from kili_query.server.store.kept import json_text, whole_text

    assert json.loads(json_text({"a\ud800": "\udc00"})) == {"a\ud800": "\udc00"}
    assert whole_text("a\ud800b") == "a\N{REPLACEMENT CHARACTER}b"
    assert whole_text("a\N{SNOWMAN}") == "a\N{SNOWMAN}"


HALVES: dict[str, tuple[Record, list[str]]] = {
    "an id": (asset("x\ud83d", label()), ["`externalId`"]),
    "a content": (asset("x", label(), content="\udc00 a"), ["`content`"]),
    "metadata": (asset("x", label(), jsonMetadata={"\ud83d": "\ud83d"}), []),
    "metadata as a text": (asset("x", label(), jsonMetadata='{"a": "\ud83d"}'), []),
    "of a label": (asset("x", label("l\ud83d", author={"email": "\ud83d@x"}, modelName="\ud83d")), ["`id`, `modelName`, `author.email`"]),
    "the asset of a label": ({**label(), "labelOf": {"externalId": "\ud83d"}}, ["`labelOf.externalId`"]),
    "an answer": (asset("x", label() | {"jsonResponse": {**response(1), "T": {"text": "\ud83d"}}}), []),
    "an answer in a text": (asset("x", label() | {"jsonResponse": json.dumps({**response(1), "T": {"text": "\ud83d"}}, ensure_ascii=False)}), []),
    "a name": (asset("x", label() | {"jsonResponse": {**response(1), "\ud83d": {"categories": [{"name": "\ud83d"}]}}}), ["in names"]),
    "a step": (asset("x", label(), currentStep={"name": "\ud83d"}), ["`currentStep.name`"]),
}  # fmt: skip


@pytest.mark.parametrize("name", HALVES)
def test_what_no_database_keeps_of_a_text_is_told(tmp_path: Path, name: str) -> None:
    record, told = HALVES[name]
    with LocalKili(socket=False) as server:
        report = loaded(server, tmp_path, record)
        (found,) = Asking(server).labels({}, "jsonResponse labelOf { jsonMetadata }")
    assert (report.labels, report.unreadable, len(report.changes)) == (1, 0, len(told))
    assert all(keys in change for keys, change in zip(told, report.changes, strict=True))
    given = (record.get("labels") or [record])[0]["jsonResponse"]
    assert json.loads(found["jsonResponse"]) == (json.loads(given) if isinstance(given, str) else given)
    metadata = record.get("jsonMetadata", {})
    assert json.loads(found["labelOf"]["jsonMetadata"]) == (
        json.loads(metadata) if isinstance(metadata, str) else metadata
    )


def test_the_command_says_what_it_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from kili_query.cli import serve_command

    path, interface = tmp_path / "records.json", tmp_path / "interface.json"
    path.write_text(json.dumps([*bare("a", label(), label()), *bare("b", label())]))
    interface.write_text(json.dumps(INTERFACE))

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(serve_command, "_show", stopped)
    arguments = ["--port", "0", "--load", str(path), "--interface", str(interface), "--quiet"]
    shown = CliRunner().invoke(serve_command.command, arguments).stderr
    assert "another label has the id `l1`, too" in shown
    assert "left out as copies inside an asset: 1 label" in shown
    assert "loaded 2 assets with 2 labels" in shown
