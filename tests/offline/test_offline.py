"""Selecting, measuring and writing: the same whatever the workers and parts, nothing lost, nothing half written."""

from __future__ import annotations

import gzip
import io
import json
import os
import stat
import zipfile
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_query import DataError, Label, Ontology, Query, parse, read_labels
from kili_query.formats import BY_NAME, FORMATS, READ_SUFFIXES, SUFFIXES, WRITTEN, Format
from kili_query.formats.containers import sources
from kili_query.formats.containers.archive import JSON_SUFFIXES
from kili_query.formats.kili import Place
from kili_query.offline import run
from kili_query.offline.files import whole_file
from kili_query.offline.select import Hit, Summary, select
from kili_query.offline.statistics import Statistics, measure
from kili_query.offline.write import LineWriter, Order, writer
from tests import naive
from tests.strategies import responses, small_trees

MANY = 400
QUERY = parse("J.A.count > 1")


def response(number: int, name: str = "A") -> dict[str, Any]:
    return {"J": {"annotations": [{"mid": str(i), "categories": [{"name": name}]} for i in range(number)]}}


def asset(name: str, *counts: int, **more: object) -> dict[str, Any]:
    return {
        "externalId": name,
        "id": f"id of {name}",
        "labels": [{"jsonResponse": response(n)} for n in counts],
        **more,
    }


def assets() -> list[dict[str, Any]]:
    """Assets of all kinds of labels, some of them without a match."""
    return [asset(f"a{i}", i % 4, (i // 7) % 3, jsonMetadata={"text": "é" * (i % 50)}) for i in range(MANY)]


def write(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not isinstance(content, (bytes, str)):
        content = json.dumps(content)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def lines(*values: object) -> bytes:
    return b"".join((v if isinstance(v, bytes) else json.dumps(v).encode()) + b"\n" for v in values)


def zipped(path: Path, members: dict[str, object]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content if isinstance(content, (bytes, str)) else json.dumps(content, indent=4))
    return path


def export(path: Path, values: list[dict[str, Any]], **more: object) -> Path:
    members = {f"labels/{value['externalId'].replace(' ', '_')}.json": value for value in values}
    return zipped(path, {"README.kili.txt": "Project\n=======\n", **members, **more})


def found(query: Query, *where: str | Path, **options: Any) -> tuple[list[Hit], Summary]:
    hits, summary = list[Hit](), Summary()
    for part in select(query, *where, **options):
        hits += part.hits
        summary.add(part.summary)
    return hits, summary


def names(hits: list[Hit]) -> list[str]:
    return [
        str(hit.asset) if hit.label is None else f"{hit.asset} {hit.label.key} {hit.label.position}" for hit in hits
    ]


# -- workers and parts -------------------------------------------------------------------------------------------------


@pytest.fixture
def sample(tmp_path: Path) -> list[Path]:
    """The same assets in each form, each with a record that cannot be read."""
    values: list[object] = [*assets()]
    text = b",".join([*(json.dumps(value).encode() for value in values[:9]), b'{"externalId": "bad", "labels": oops}'])
    return [
        write(
            tmp_path / "x.ndjson", lines(*values[:200], b"", b'{"externalId": "bad", "labels": oops}', *values[200:])
        ),
        write(tmp_path / "x.json", b"[" + text + b"," + b",".join(json.dumps(v).encode() for v in values[9:]) + b"]"),
        write(tmp_path / "y.ndjson.gz", gzip.compress(lines(*values[:50], b"oops", *values[50:]))),
        export(tmp_path / "x.zip", assets(), **{"labels/zz.json": '{"externalId": "bad", "labels": oops}'}),
    ]


def small_parts(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    plan = sources.plan
    monkeypatch.setattr(run, "plan", lambda where: plan(where, size))
    monkeypatch.setattr(run, "BATCH", size)


def comparable(hits: list[Hit], summary: Summary) -> object:
    problems = [str(problem) for problem in summary.problems]
    return [(h.data, str(h.where), h.external_id, h.asset_id, h.label) for h in hits], summary.matched_labels, problems


@pytest.mark.parametrize("size", [3000, 20_000])
def test_neither_workers_nor_parts_change_the_result(
    sample: list[Path], monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    expected = comparable(*found(QUERY, *sample, workers=1))
    statistics = measured(*sample, workers=1)
    small_parts(monkeypatch, size)
    for workers in (1, 2, 3):
        assert comparable(*found(QUERY, *sample, workers=workers)) == expected
        assert measured(*sample, workers=workers) == statistics


def test_the_order_of_the_input_is_kept_and_problems_are_named(
    sample: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    small_parts(monkeypatch, 5000)
    hits, summary = found(QUERY, *sample, workers=2)
    # by its definition: an asset matches if one of its labels has more than one object
    matching = [f"a{i}" for i in range(MANY) if i % 4 > 1 or (i // 7) % 3 > 1]
    in_archive = sorted(matching, key=lambda name: f"labels/{name}.json")
    assert names(hits) == matching * 3 + in_archive
    assert [hit.where.line for hit in hits[: len(matching)]] == [
        int(name[1:]) + (1 if int(name[1:]) < 200 else 3) for name in matching
    ]
    where = [str(problem).removeprefix(str(sample[0].parent) + "/").split(": ") for problem in summary.problems]
    assert [(parts[0], parts[1].split(",")[-1].strip()) for parts in where] == [
        ("x.ndjson", "line 202"), ("x.json", "item 10"), ("y.ndjson.gz", "line 51"), ("x.zip", "labels/zz.json"),
    ]  # fmt: skip
    assert [("asset bad" in str(problem)) for problem in summary.problems] == [True, True, False, True]
    assert (summary.records, summary.labels) == (4 * MANY, 8 * MANY)


def test_a_stream_after_lines_counts_its_lines_from_one(tmp_path: Path) -> None:
    first = write(tmp_path / "a.ndjson", lines(*assets()))
    second = write(tmp_path / "b.ndjson.gz", gzip.compress(lines(asset("b", 2), b"oops")))
    hits, summary = found(QUERY, first, second)
    assert str(hits[-1].where) == f"{second}: line 1"
    assert str(summary.problems[0]).startswith(f"{second}: line 2: ")


def test_a_missing_source_stops_before_any_answer(tmp_path: Path) -> None:
    good = write(tmp_path / "a.ndjson", lines(asset("a", 2)))
    for workers in (1, 2):
        with pytest.raises(DataError, match="No such file") as error:
            next(select(QUERY, good, tmp_path / "nothing.json", workers=workers))
        assert error.value.code == "KQ503"


def test_a_killed_worker_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_parts(monkeypatch, 1000)
    with pytest.raises(DataError, match="a worker process was killed"):
        list(run.run(_suicide, [write(tmp_path / "a.ndjson", lines(*assets()))], 2))


def _suicide(records: object) -> None:
    os._exit(9)


# -- what is selected --------------------------------------------------------------------------------------------------


@given(st.lists(st.lists(responses(), max_size=3), max_size=4), small_trees)
def test_a_query_and_its_opposite_give_all_labels(tmp_path_factory: Any, values: Any, tree: Any) -> None:
    path = tmp_path_factory.mktemp("x") / "x.ndjson"
    write(path, lines(*({"labels": [{"jsonResponse": r} for r in labels]} for labels in values), {"labels": []}))
    query = Query(tree)
    options = {"unit": "labels", "types": None}
    all_labels = sum(map(len, values))
    (matching, summary), (others, _) = found(query, path, **options), found(~query, path, **options)
    assert len(matching) + len(others) == all_labels == summary.labels
    assert not {(h.where, h.label) for h in matching} & {(h.where, h.label) for h in others}
    inverted = found(query, path, invert=True, **options)[0]
    assert [hit.data for hit in inverted] == [hit.data for hit in others]
    kept, left = found(query, path, types=None)[0], found(query, path, types=None, invert=True)[0]
    assert len(kept) + len(left) == len(values) + 1


def test_labels_are_given_with_their_asset(tmp_path: Path) -> None:
    rich = {**asset("a", 1, 2), "latestLabel": {"jsonResponse": response(3), "labelType": "REVIEW"}}
    bare = {"jsonResponse": response(2), "labelOf": {"externalId": "b", "id": "id of b"}, "id": "own"}
    path = write(tmp_path / "x.json", [rich, bare])
    hits, _ = found(QUERY, path, unit="labels")
    assert [json.loads(hit.data) for hit in hits] == [
        {"labelOf": {"externalId": "a", "id": "id of a"}, **rich["latestLabel"]},
        {"labelOf": {"externalId": "a", "id": "id of a"}, "jsonResponse": response(2)},
        bare,
    ]
    assert names(hits) == ["a latestLabel 0", "a labels 1", "b  0"]
    assert {hit.data for hit in found(QUERY, path, unit="labels", data=False)[0]} == {b""}


def test_trimming_keeps_the_labels_that_match_and_inverting_the_others(tmp_path: Path) -> None:
    rich = {
        **asset("a", 1, 2, 0),
        "latestLabel": {"jsonResponse": response(1)},
        "latestLabels": [None, {"jsonResponse": response(2)}],
    }
    path = write(tmp_path / "x.json", [rich, asset("b", 0), asset("c")])
    (kept,) = [json.loads(hit.data) for hit in found(QUERY, path, trim=True)[0]]
    assert kept == {
        **rich,
        "latestLabel": None,
        "latestLabels": [rich["latestLabels"][1]],
        "labels": [rich["labels"][1]],
    }
    hits, summary = found(QUERY, path, trim=True, invert=True)
    left = [json.loads(hit.data) for hit in hits]
    assert left[0]["labels"] == [rich["labels"][0], rich["labels"][2]]
    assert left[0]["latestLabel"] == rich["latestLabel"]
    assert [value["externalId"] for value in left] == ["a", "b"]
    assert summary.matched_labels == 4
    assert names(found(QUERY, path, invert=True)[0]) == ["b", "c"]


def test_an_asset_that_cannot_be_judged_is_not_given_by_inverting(tmp_path: Path) -> None:
    bad: dict[str, Any] = {"jsonResponse": "oops"}
    values = [
        {"externalId": "unknown", "labels": [bad, {"jsonResponse": response(1)}]},
        {"externalId": "matches", "labels": [bad, {"jsonResponse": response(2)}]},
        asset("other", 1),
    ]
    path = write(tmp_path / "x.ndjson", lines(*values, b'{"labels": oops}'))
    hits, summary = found(QUERY, path, invert=True)
    assert (names(hits), len(summary.problems)) == (["other"], 3)
    assert names(found(QUERY, path)[0]) == ["matches"]


def test_inverting_reads_even_large_records_as_a_whole(tmp_path: Path) -> None:
    large = json.dumps({"padding": "x" * 10_000, **asset("large", 1)})
    path = write(tmp_path / "x.ndjson", lines(large.encode(), large.replace('"mid"', '"mid').encode()))
    hits, summary = found(QUERY, path, invert=True)
    assert ([json.loads(hit.data)["externalId"] for hit in hits], names(hits)) == (["large"], ["large"])
    assert len(summary.problems) == 1
    assert not found(QUERY, path)[1].problems  # cannot match, and is passed over
    assert len(found(QUERY, path, validate=True)[1].problems) == 1


def test_ids_of_assets_without_labels(tmp_path: Path) -> None:
    values = [{"externalId": "e", "id": "i", "labels": []}, {"externalId": 5, "id": "i", "labels": [None]}]
    hits, _ = found(QUERY, write(tmp_path / "x.json", values), invert=True)
    assert [(hit.external_id, hit.asset_id) for hit in hits] == [("e", "i"), ("5", "i")]


def test_ids_of_single_labels(tmp_path: Path) -> None:
    values = [
        {"jsonResponse": {}, "id": "own", "externalId": 4.0},
        {"jsonResponse": {}, "labelOf": {"externalId": "o", "id": 3}},
        {"jsonResponse": "{}", "id": "own", "externalId": "x"},
    ]
    path = write(tmp_path / "x.json", values)
    hits, _ = found(parse("J.A.count == 0"), path)
    assert [(hit.external_id, hit.asset_id) for hit in hits] == [(None, None), ("o", "3"), ("x", None)]
    assert [hit.asset for hit in hits] == [None, "o", "x"]


def test_single_labels_do_not_tell_which_assets_do_not_match(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", [{"jsonResponse": {}, "labelOf": {"externalId": "o"}}])
    with pytest.raises(DataError, match="ask for labels"):
        found(QUERY, path, invert=True)
    assert len(found(QUERY, path, invert=True, unit="labels")[0]) == 1


def test_records_are_given_on_one_line(tmp_path: Path) -> None:
    value = {**asset("a", 2), "text": "line\nbreak", "number": 1.10}
    path = write(tmp_path / "x.json", json.dumps([value], indent=4).replace("1.1", "1.10").replace("\n", "\r\n"))
    ((hit,), _) = found(QUERY, path)
    assert json.loads(hit.data) == value
    assert b"\n" not in hit.data
    assert b"1.10" in hit.data


# -- statistics --------------------------------------------------------------------------------------------------------


def measured(*where: str | Path, **options: Any) -> tuple[int, int, int, dict[Any, Any], list[str]]:
    total = Statistics()
    for part, _ in measure(*where, **options):
        total.add(part)
    return total.records, total.labels, total.empty, total.spread, [str(problem) for problem in total.problems]


@given(st.lists(st.lists(responses(), max_size=3), max_size=4))
def test_statistics_are_the_sums_of_counts(tmp_path_factory: Any, values: Any) -> None:
    path = tmp_path_factory.mktemp("x") / "x.ndjson"
    write(path, lines(*({"labels": [{"jsonResponse": r} for r in labels]} for labels in values), b"oops"))
    spread: dict[Any, Counter[int]] = {}
    for label in (label for labels in values for label in labels):
        for key, count in naive.count_all(label).items():
            spread.setdefault(key, Counter())[count] += 1
    records, labels, empty, measured_spread, problems = measured(path)
    assert (records, labels, measured_spread) == (len(values), sum(map(len, values)), spread)
    assert empty == sum(naive.holds_nothing(label) for some in values for label in some)
    assert len(problems) == 1


def test_statistics_know_what_an_ontology_lacks(tmp_path: Path) -> None:
    interface = {"jobs": {"J": {"mlTask": "OBJECT_DETECTION", "content": {"categories": {"A": {}, "B": {}}}}}}
    ontology = Ontology.from_json_interface(interface)
    path = write(tmp_path / "x.json", [asset("a", 2, 2, 1), {"labels": [{"jsonResponse": response(1, "C")}]}])
    total = Statistics()
    for part, _ in measure(path, ontology=ontology):
        total.add(part)
    assert total.keys(ontology) == [("J", "A"), ("J", "B"), ("J", "C")]
    assert (total.unused(ontology), total.unknown(ontology)) == ([("J", "B")], [("J", "C")])
    assert (total.labels_with(("J", "A")), total.objects(("J", "A")), total.objects(("J", "B"))) == (3, 5, 0)


# -- archives ----------------------------------------------------------------------------------------------------------


def archive_of(tmp_path: Path, query: Query, *where: Path, **options: Any) -> Path:
    path = tmp_path / "out.zip"
    with ExitStack() as stack:
        file = stack.enter_context(whole_file(str(path)))
        target = writer("zip", file, Order(str(query), tuple(map(str, where))))
        stack.callback(target.abandon)
        for hit in found(query, *where, **options)[0]:
            target.write(hit)
        target.close()
    return path


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        infos = archive.infolist()
        assert len({info.filename for info in infos}) == len(infos)
        return {info.filename: archive.read(info) for info in infos}


def essence(labels: list[Label]) -> list[object]:
    return [(label.external_id, label.asset_id, label.key, label.position, label.response) for label in labels]


@pytest.mark.parametrize("single", [False, True])
def test_an_archive_is_read_back_to_the_same_labels(tmp_path: Path, single: bool) -> None:
    values = [asset("b é", 2, 0), asset("a/deep/x.jpg", 3), asset("c", 0), asset("d", 2, status="LABELED")]
    source = export(tmp_path / "in.zip", values)
    if single:
        source = zipped(tmp_path / "in.zip", {"README.kili.txt": "Project\n", "data.json": values})
    out = archive_of(tmp_path, QUERY, source)
    kept = {"b é", "a/deep/x.jpg", "d"}
    assert essence(list(read_labels(out))) == essence([lab for lab in read_labels(source) if lab.external_id in kept])
    written = members(out)
    assert written["README.kili.txt"].decode().startswith("Project\n")
    assert str(QUERY) in written["README.kili.txt"].decode()
    if single:
        assert set(written) == {"README.kili.txt", "data.json"}
        assert json.loads(written["data.json"]) == [value for value in values if value["externalId"] in kept]
    else:
        assert set(written) == {
            "README.kili.txt",
            "labels/",
            "labels/b_é.json",
            "labels/a/deep/x.jpg.json",
            "labels/d.json",
        }
        assert json.loads(written["labels/d.json"]) == values[3]
        assert written["labels/d.json"].startswith(b'{\n    "externalId"')


def test_an_archive_without_a_match_is_valid(tmp_path: Path) -> None:
    out = archive_of(tmp_path, QUERY, zipped(tmp_path / "in.zip", {"labels/a.json": asset("a", 0)}))
    assert set(members(out)) == {"README.kili.txt", "labels/"}
    for value in ([asset("a", 0)], list[object]()):
        out = archive_of(tmp_path, QUERY, zipped(tmp_path / "in.zip", {"data.json": value}))
        assert json.loads(members(out)["data.json"]) == []


def test_files_of_the_kept_assets_come_along(tmp_path: Path) -> None:
    values = [
        asset("a", 2, content="assets/a.jpg"),
        asset("a/b", 0, content="assets/b.jpg"),
        asset("v d", 2, content="https://x", jsonContent=["assets/v/0.jpg", "assets/v/1.jpg", "assets/gone.jpg"]),
        asset("x", 2, content="assets/../../etc/passwd"),
    ]
    files: dict[str, object] = {
        "assets/a.jpg": b"A", "assets/b.jpg": b"B", "assets/v/0.jpg": b"0", "assets/v/1.jpg": b"1", "assets/other": b"",
        "labels/a/FILE_report.json": {"not": "labels"}, "labels/a/FILE_x.pdf": b"%", "labels/a/b/FILE_y.pdf": b"no",
        "labels/v_d/FILE_z.bin": b"\0\xff",
    }  # fmt: skip
    expected = {
        "assets/a.jpg", "assets/v/0.jpg", "assets/v/1.jpg",
        "labels/a/FILE_report.json", "labels/a/FILE_x.pdf", "labels/v_d/FILE_z.bin",
    }  # fmt: skip
    sources = [
        export(tmp_path / "in.zip", values, **files),
        zipped(tmp_path / "single.zip", {"data.json": values, **files}),
    ]
    for source in [*sources]:
        folder = tmp_path / source.stem
        with zipfile.ZipFile(source) as archive:
            archive.extractall(folder)
        sources.append(folder)
    for source in sources:
        written = members(archive_of(tmp_path, QUERY, source))
        records = {n for n in written if n.endswith(("/", "data.json", ".txt"))} | {
            f"labels/{n}.json" for n in ("a", "v_d", "x")
        }
        assert set(written) - records == expected, source
        assert written["labels/v_d/FILE_z.bin"] == b"\0\xff"
        assert [label.external_id for label in read_labels(tmp_path / "out.zip")] == ["a", "v d", "x"]


def test_files_of_a_source_whose_name_begins_like_another_are_its_own(tmp_path: Path) -> None:
    for folder in ("exp", "exp2"):
        write(tmp_path / folder / "labels/a.json", asset(folder, 2, content="assets/a.jpg"))
        write(tmp_path / folder / "README.kili.txt", "x")
    write(tmp_path / "exp/assets/a.jpg", b"first")
    assert "assets/a.jpg" not in members(archive_of(tmp_path, parse("J.A.count > 1"), tmp_path / "exp2"))
    hits = found(QUERY, tmp_path / "exp2")[0]
    target = writer("zip", (file := io.BytesIO()), Order(sources=(str(tmp_path / "exp"), str(tmp_path / "exp2"))))
    for hit in hits:
        target.write(hit)
    target.close()
    assert "assets/a.jpg" not in zipfile.ZipFile(file).namelist()


WICKED = (
    "../../x",
    "..",
    ".",
    "",
    "/etc/passwd",
    "C:\\x",
    "a\\..\\..\\b",
    "a/../../b",
    "a/",
    "x\ny",
    "nul\0l",
    " ",
    "é字",
    "q" * 70_000,
)


@pytest.mark.parametrize("form", ["x.ndjson", "x.zip"])
def test_no_name_leads_out_of_the_archive_and_no_asset_is_lost(tmp_path: Path, form: str) -> None:
    values = [asset(name, 2) for name in (*WICKED, "a b", "a_b", "a b")]
    if form == "x.zip":
        source = zipped(tmp_path / form, {f"labels/{i}.json": value for i, value in enumerate(values)})
    else:
        source = write(tmp_path / form, lines(*values))
    out = archive_of(tmp_path, QUERY, source)
    for name in members(out):
        assert ".." not in name.split("/")
        assert "\\" not in name
        assert not name.startswith("/")
        assert all(character.isprintable() for character in name)
    assert sorted(str(label.external_id) for label in read_labels(out)) == sorted(
        value["externalId"] for value in values
    )
    with zipfile.ZipFile(out) as archive:
        archive.extractall(tmp_path / "unpacked", [n for n in archive.namelist() if len(n) < 200])
    assert {path.name for path in tmp_path.iterdir()} == {form, "out.zip", "unpacked"}


def test_equal_external_ids_and_equal_members_of_two_archives_are_all_kept(tmp_path: Path) -> None:
    one, two = (export(tmp_path / name, [asset("same", number)]) for name, number in (("1.zip", 2), ("2.zip", 3)))
    out = archive_of(tmp_path, QUERY, one, two, one)
    assert set(members(out)) == {"README.kili.txt", "labels/", *(f"labels/same{n}.json" for n in ("", "_2", "_3"))}
    labels = list(read_labels(out))
    assert [label.external_id for label in labels] == ["same"] * 3
    assert sorted(len(label.response["J"]["annotations"]) for label in labels) == [2, 2, 3]  # type: ignore[index]


def test_labels_by_themselves_get_an_asset_and_conversations_are_refused(tmp_path: Path) -> None:
    bare = {"jsonResponse": response(2), "labelOf": {"externalId": "b", "id": "i"}}
    out = archive_of(tmp_path, QUERY, write(tmp_path / "x.json", [bare]))
    assert json.loads(members(out)["labels/b.json"]) == {"externalId": "b", "id": "i", "labels": [bare]}
    talk = {"externalId": "t", "chatItems": [], "label": {"conversation": {"J": {"categories": ["A", "A"]}}}}
    with pytest.raises(DataError, match="a conversation has no place in an export archive"):
        archive_of(tmp_path, QUERY, write(tmp_path / "y.json", [talk]))


def test_trimmed_assets_in_an_archive(tmp_path: Path) -> None:
    source = export(tmp_path / "in.zip", [asset("a", 2, 1)])
    out = archive_of(tmp_path, QUERY, source, trim=True)
    assert json.loads(members(out)["labels/a.json"]) == asset("a", 2)


# -- other formats -----------------------------------------------------------------------------------------------------


def text_of(format: str, hits: list[Hit]) -> str:
    target = writer(format, (file := io.BytesIO()))
    for hit in hits:
        target.write(hit)
    target.close()
    target.abandon()
    return file.getvalue().decode()


def test_each_format(tmp_path: Path) -> None:
    values = [asset('a,"é"', 2), {"id": "only id", "labels": [{"jsonResponse": response(2)}]}, asset("x\ny", 2)]
    path = write(tmp_path / "x.json", values)
    hits = found(QUERY, path)[0]
    assert [json.loads(line) for line in text_of("ndjson", hits).splitlines()] == values
    assert json.loads(text_of("json", hits)) == values
    assert text_of("ids", hits) == 'a,"é"\nonly id\nx y\n'
    assert text_of("ids in csv", hits) == (
        'externalId,id,label\n"a,""é""","id of a,""é""",\n,only id,\n"x\ny","id of x\ny",\n'
    )
    assert text_of("ids in csv", found(QUERY, path, unit="labels")[0]).splitlines()[2] == ",only id,labels[0]"
    assert [text_of(format, []) for format in ("ndjson", "json", "ids", "ids in csv")] == [
        "",
        "[]\n",
        "",
        "externalId,id,label\n",
    ]


def test_suffixes_choose_formats() -> None:
    assert {SUFFIXES[suffix] for suffix in (".ndjson", ".jsonl")} == {"ndjson"}
    assert [SUFFIXES[suffix] for suffix in (".json", ".csv", ".txt", ".zip")] == ["json", "csv", "ids", "zip"]
    assert (
        WRITTEN == ("ndjson", "json", "csv", "ids", "zip", "parquet") == tuple(row.name for row in FORMATS if row.write)
    )
    assert READ_SUFFIXES == (".json", ".jsonl", ".ndjson", ".zip")
    assert JSON_SUFFIXES == (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz")
    suffixes = [suffix for row in FORMATS for suffix in row.suffixes]
    assert len(suffixes) == len(set(suffixes))


class Shouting(LineWriter):
    """A format of the test's own: its whole writer."""

    def write(self, hit: Hit) -> None:
        self._file.write(hit.data.upper())


def test_a_format_is_a_row_and_what_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BY_NAME, "loud", Format("loud", (".loud",), write=f"{__name__}:Shouting"))
    assert text_of("loud", [Hit(b'{"a": 1}', Place("x"), "a", None, None)]) == '{"A": 1}'


@pytest.mark.parametrize("row", [row for row in FORMATS if row.write], ids=lambda row: row.name)
def test_each_row_names_a_writer(row: Format) -> None:
    target = writer(row.name, io.BytesIO())
    assert (target.unnamed, target.left_out, target.reasons) == (0, 0, [])
    target.abandon()


# -- a file appears whole or not at all ---------------------------------------------------------------------------------


def put(path: Path, content: bytes, fail: BaseException | None = None) -> None:
    with whole_file(str(path)) as file:
        file.write(content)
        if fail:
            raise fail


def test_a_file_takes_its_place_with_its_old_rights(tmp_path: Path) -> None:
    path = tmp_path / "x"
    old = os.umask(0o027)
    try:
        put(path, b"new")
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        path.chmod(0o604)
        put(path, b"newer")
    finally:
        os.umask(old)
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"newer", 0o604)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "failure", [KeyboardInterrupt(), RuntimeError(), DataError("x")], ids=lambda e: type(e).__name__
)
def test_after_a_failure_the_old_file_is_there_and_no_other(tmp_path: Path, failure: BaseException) -> None:
    path = write(tmp_path / "x", b"old")
    with pytest.raises(type(failure)):
        put(path, b"half", failure)
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (b"old", [path])
    with pytest.raises(type(failure)):
        put(tmp_path / "new", b"half", failure)
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_followed(tmp_path: Path) -> None:
    target = write(tmp_path / "folder/real", b"old")
    (tmp_path / "link").symlink_to(target)
    put(tmp_path / "link", b"new")
    assert target.read_bytes() == b"new"
    assert (tmp_path / "link").is_symlink()


def test_a_pipe_and_a_device_are_written_and_stay(tmp_path: Path) -> None:
    put(Path(os.devnull), b"new")
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)
    reader, target = os.pipe()
    put(Path(f"/dev/fd/{target}"), b"new")
    os.close(target)
    assert os.read(reader, 10) == b"new"
    os.close(reader)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path, "it is a folder"),
        (lambda path: path / "no" / "x", "No such file or directory"),
        (lambda path: write(path / "file", b"") / "x", "Not a directory"),
        (lambda path: path / ("x" * 300), "name too long"),
        (lambda path: Path("/dev/full"), "No space left on device"),
    ],
)
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, make: Callable[[Path], Path], reason: str) -> None:
    path = make(tmp_path)
    with pytest.raises(DataError, match=reason) as error:
        put(path, b"x")
    assert error.value.code == "KQ503"
    assert str(error.value).startswith(f"{path}: cannot be written: ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_right_to_write(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(DataError, match="cannot be written: Permission denied"):
        put(tmp_path / "x", b"x")


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("suffix", ["json", "ndjson"])
def test_large_files_give_the_same_from_two_processes(tmp_path: Path, bom: bytes, suffix: str) -> None:
    values = [{**asset(f"é{i}", i % 4), "padding": "x" * 20_000} for i in range(400)]
    path = tmp_path / f"large.{suffix}"
    text = json.dumps(values) if suffix == "json" else "\n".join(map(json.dumps, values))
    path.write_bytes(bom + text.encode())
    one, two = (found(QUERY, path, workers=workers) for workers in (1, 2))
    assert [(hit.external_id, str(hit.where), hit.data) for hit in two[0]] == [
        (hit.external_id, str(hit.where), hit.data) for hit in one[0]
    ]
    assert one[1].records == two[1].records == 400
    assert one[0]
