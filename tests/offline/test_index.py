"""Count indexes: answers are those of reading, whatever the source; stale, damaged and half-written ones are never used."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kili_query
from kili_query import DataError, Label, Ontology, Query, parse
from kili_query.engines.dialects import rows_of
from kili_query.formats.containers import sources
from kili_query.formats.kili import Part, read_labels
from kili_query.lang.ast import Comparison, Count, Node, conjunction, disjunction
from kili_query.lang.operators import Operator
from kili_query.model.counts import count_label, is_empty
from kili_query.model.labels import DEFAULT_LABEL_TYPES, LabelTypes
from kili_query.offline.index import building, manifest, opening, writing
from kili_query.offline.index.building import Built, build
from kili_query.offline.index.opening import Index, Unused, find_index
from kili_query.offline.select import Hit, Summary, select
from kili_query.offline.statistics import Statistics, measure
from kili_query.offline.tally import Tally
from tests.conftest import ROOT, SHARED, SPEC
from tests.offline.test_offline import asset, assets, export, lines, response, write, zipped
from tests.strategies import json_interfaces, level_labels, responses, small_trees

QUERIES = ["J.A.count > 1", "J.A.count < 2 OR J.*.count == 3", "NOT J.A.count == 0", "J.GONE.count == 0"]


def ask(
    query: Query | None, *where: object, index: bool = True, **options: Any
) -> tuple[list[Hit], Summary, list[object]]:
    hits, summary, told = list[Hit](), Summary(), list[object]()
    for part in select(query, *map(str, where), index=index, on_index=told.append, workers=1, **options):
        hits += part.hits
        summary.add(part.summary)
    return hits, summary, told


def comparable(hits: list[Hit], summary: Tally) -> object:
    told = [(str(e), e.code) for group in (summary.problems, summary.skipped, summary.blanks) for e in group]
    numbers = [summary.records, summary.labels, summary.empty, summary.unreadable]
    if isinstance(summary, Summary):
        numbers += [summary.matched_labels, summary.matched_records]
    return [(h.data, str(h.where), h.external_id, h.asset_id, h.label) for h in hits], numbers, told


TYPES: tuple[LabelTypes | None, ...] = (DEFAULT_LABEL_TYPES, None, {"REVIEW"}, {"DEFAULT", "AUTOSAVE"}, frozenset())


def agrees(source: Path, queries: list[Query | None], ontology: Ontology | None = None, *, quick: bool = False) -> None:
    """What select and measure give with the index is what they give without, and the index is used."""
    for query in queries:
        for types in TYPES[: 1 if quick else None]:
            kinds: list[dict[str, Any]] = [
                {},
                {"unit": "labels"},
                {"data": False},
                {"unit": "labels", "data": False},
                {"trim": True},
            ]
            for options in kinds:
                if query is not None and options.get("unit") == "labels":
                    options = {**options, "invert": True}
                hits, summary, told = ask(query, source, ontology=ontology, types=types, **options)
                others, other, _ = ask(
                    query, source, index=False, validate=True, ontology=ontology, types=types, **options
                )
                assert comparable(hits, summary) == comparable(others, other)
                assert [type(one) for one in told] == [Index]
                assert other.names <= summary.names
    for types in TYPES[: 1 if quick else None]:
        by_index, by_reading = (total(source, ontology, types, index=index) for index in (True, False))
        assert by_index.spread == by_reading.spread
        assert comparable([], by_index) == comparable([], by_reading)


def total(source: Path, ontology: Ontology | None, types: LabelTypes | None, *, index: bool) -> Statistics:
    found = Statistics()
    for part, _ in measure(str(source), ontology=ontology, types=types, index=index, workers=1):
        found.add(part)
    return found


# -- any source --------------------------------------------------------------------------------------------------------

TYPED = [
    asset("typed", 1, 2) | {"labels": [{"labelType": t, "id": t, "jsonResponse": response(i), "secondsToLabel": i / 2,
                                         "author": {"email": f"{i}@x"}, "createdAt": f"2024-01-0{i + 1}"}
                                        for i, t in enumerate(("DEFAULT", "REVIEW", "AUTOSAVE"))]},
    asset("blank", 0) | {"labels": [{"labelType": "AUTOSAVE", "jsonResponse": {}}, {"jsonResponse": {}}]},
    asset("bad", 2) | {"labels": [{"labelType": "REVIEW", "jsonResponse": "[1]"}, {"jsonResponse": response(3)}, 7]},
    {"externalId": "é \U0001f600", "id": 12, "latestLabel": {"jsonResponse": json.dumps(response(2))}},
    {"externalId": "frames", "labels": [{"jsonResponse": {"0": response(1), "1": response(2)}}]},
    {"externalId": "none", "labels": []},
    {"externalId": "told", "labels": [{"jsonResponse": response(1), "createdAt": 5, "secondsToLabel": -1.5, "author": None},
                                      {"jsonResponse": response(1), "createdAt": "\"\u00e9", "secondsToLabel": True,
                                       "labeler": {"id": "u"}, "id": ""},
                                      {"jsonResponse": response(1), "secondsToLabel": 10**400, "author": "ann", "id": 7}]},
]  # fmt: skip
BARE = [
    {"labelOf": {"externalId": f"a{i % 3}", "id": f"id{i % 3}"}, "id": f"l{i}", "jsonResponse": response(i % 4)}
    for i in range(9)
]
DUMP = {"labels": BARE}
CONVERSATION = {"externalId": "c", "chatItems": [], "label": {"round": {"J": {"0": {"categories": ["A", "A"]}}}}}
TEXT = b"\n".join(json.dumps(value).encode() for value in (*TYPED, *BARE, CONVERSATION))
FORMS: dict[str, Callable[[Path], Path]] = {
    "lines": lambda folder: write(folder / "x.ndjson", b"\xef\xbb\xbf" + TEXT.replace(b"\n", b"\r\n\n", 3) + b"\n{oops}\n"),
    "lines without a last break": lambda folder: write(folder / "x.jsonl", TEXT),
    "list": lambda folder: write(folder / "x.json", json.dumps([*TYPED, *BARE, DUMP, {"no": "label"}], indent=1)),
    "one": lambda folder: write(folder / "x.json", TYPED[0]),
    "dump": lambda folder: write(folder / "x.json", DUMP),
    "values": lambda folder: write(folder / "x.json", b"\n".join(json.dumps(v, indent=2).encode() for v in TYPED)),
    "gzip": lambda folder: write(folder / "x.ndjson.gz", gzip.compress(TEXT)),
    "gzip of a list": lambda folder: write(folder / "x.json.gz", gzip.compress(json.dumps(TYPED).encode())),
    "zip": lambda folder: export(folder / "x.zip", [{**a, "externalId": str(a["externalId"])[:5]} for a in TYPED]),
    "zip of one file": lambda folder: zipped(folder / "x.zip", {"data.json": [*TYPED, *BARE], "labels/odd.json": "{oops"}),
    "zip of lines": lambda folder: zipped(folder / "x.zip", {"labels.ndjson": TEXT}),
    "folder": lambda folder: folder_of(folder / "x"),
    "large": lambda folder: write(folder / "x.ndjson", lines(*assets())),
}  # fmt: skip


def folder_of(folder: Path) -> Path:
    write(folder / "b.json", TYPED[0])
    write(folder / "a.json", TYPED[1:])
    write(folder / "sub" / "c.ndjson", lines(*BARE))
    write(folder / "d.ndjson.gz", gzip.compress(lines(*TYPED)))
    write(folder / "e.json", "{oops")
    return folder


@pytest.mark.parametrize("form", FORMS)
def test_answers_are_those_of_reading(form: str, tmp_path: Path) -> None:
    source = FORMS[form](tmp_path)
    built = build([str(source)], workers=1)
    assert Path(built.folder) == source.with_name(source.name + ".kqindex")
    some = form not in ("list", "zip", "lines")
    agrees(source, [*map(parse, QUERIES[: 2 if some else None]), None], quick=some)


@pytest.mark.parametrize("size", [60, 5_000])
def test_small_parts_and_workers_change_nothing(size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = sources.plan
    monkeypatch.setattr(building, "plan", lambda where: plan(where, size))
    monkeypatch.setattr(writing, "PART_LABELS", 150)
    few = assets()[:20] if size == 60 else assets()
    source = write(tmp_path / "x.ndjson", b"\xef\xbb\xbf" + lines(*few, b"", *few).replace(b"\n", b"\r\n", 5))
    built = build([str(source)], workers=1 if size == 60 else 2)
    if size > 60:
        assert len(built.manifest.parts) > 5
    agrees(source, [parse(QUERIES[1])], quick=True)
    rows = opening.open_index(built.folder).run("SELECT label, record FROM labels ORDER BY label")
    assert [row[0] for row in rows] == list(range(built.manifest.labels))
    assert [row[1] for row in rows] == sorted(row[1] for row in rows)


# -- counts ------------------------------------------------------------------------------------------------------------


def rows_in(folder: str) -> dict[int, dict[tuple[str | None, str | None], int]]:
    found: dict[int, dict[tuple[str | None, str | None], int]] = {}
    index = Index(folder)
    rows = index.run("SELECT job, category, label, n FROM counts")
    for job, category, label, n in rows:
        assert (job, category) not in found.setdefault(label, {})
        found[label][job, category] = n
    for part in index.manifest.parts:
        file = os.path.join(folder, part.counts.file)
        rows = index.run(f"SELECT job, category, label FROM read_parquet('{file}')")
        assert rows == sorted(rows, key=lambda row: (row[0] is None, row[0], row[1] is None, row[1], row[2]))
    index.close()
    return found


def is_right(source: Path, ontology: Ontology | None = None) -> None:
    """Each label has in the index the rows of its counts, in order."""
    folder = build([str(source)], ontology=ontology, workers=1).folder
    found, number = rows_in(folder), 0
    index = Index(folder)
    columns = (
        "label_id, external_id, asset_id, author, label_type, created_at, seconds, empty, label_key, label_position"
    )
    rows = index.run(f"SELECT {columns} FROM labels ORDER BY label")
    index.close()
    for label in read_labels(str(source), types=None, on_problem=lambda _: None):
        try:
            counts = count_label(label, ontology)
        except DataError:
            continue
        assert found.get(number, {}) == rows_of(counts)
        told = label.record.get("secondsToLabel") if isinstance(label.record, dict) and not label.by_level else None
        seconds = (
            float(told) if isinstance(told, (int, float)) and not isinstance(told, bool) and told < 1e300 else None
        )
        about = label.id, label.external_id, label.asset_id, label.author, label.label_type, label.created_at, seconds
        assert rows[number] == (*about, is_empty(label), label.key, label.position)
        number += 1
    assert len(found) <= number == len(rows)


def is_unicode(value: object) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


@pytest.mark.parametrize("form", ["lines", "dump", "folder"])
def test_what_is_told_of_labels_beside_their_answers(form: str, tmp_path: Path) -> None:
    is_right(FORMS[form](tmp_path))


@settings(max_examples=25)
@given(
    st.lists(responses() | responses() | level_labels(), min_size=1, max_size=12).filter(is_unicode),
    json_interfaces(),
    st.booleans(),
)
def test_counts_are_those_of_the_model(values: list[Any], interface: dict[str, Any], with_ontology: bool) -> None:
    folder = Path(mkdtemp(prefix="kq-"))
    try:
        ontology = Ontology.from_json_interface(interface, "IMAGE") if with_ontology else None
        records = [
            {
                "externalId": str(i),
                **({"label": value} if {"round", "completion"} & {*value} else {"labels": [{"jsonResponse": value}]}),
            }
            for i, value in enumerate(values)
        ]
        is_right(write(folder / "x.ndjson", lines(*records)), ontology)
    finally:
        shutil.rmtree(folder)


REAL = (
    sorted(SHARED.glob("*.assets.json"))
    + sorted((SHARED / "archives").glob("*.zip"))
    + sorted(SHARED.glob("*.conversations.json"))
)


@pytest.mark.skipif(not REAL, reason="the shared data is not here")
def test_real_labels_are_counted_as_by_the_model(tmp_path: Path) -> None:
    for number, path in enumerate([*REAL, ROOT / "tests" / "data" / "coco.zip"]):
        source = Path(shutil.copy(path, tmp_path / f"{number}{path.suffix}"))
        is_right(source)
        names = sorted(find(source).names(None))
        asked: list[Node] = [Comparison(Count(*key), Operator.GT, 0) for key in names[:3]]
        trees = [*asked[:1], conjunction(asked), disjunction(asked)] if asked else []
        agrees(source, [*map(Query, trees), None], quick=True)


def find(source: Path, ontology: Ontology | None = None) -> Index:
    found = find_index(str(source), ontology)
    assert isinstance(found, Index), found
    return found


@cache
def _laws() -> Path:
    folder = Path(mkdtemp(prefix="kq-"))
    rows = [{"A": {"B": i % 3, "C": i % 4}, "traffic": {"a light": i % 5}} for i in range(60)]
    values = [
        {
            job: {"annotations": [{"categories": [{"name": name}]} for name, n in of.items() for _ in range(n)]}
            for job, of in row.items()
        }
        for row in rows
    ]
    source = write(
        folder / "x.ndjson",
        lines(*({"externalId": str(i), "labels": [{"jsonResponse": v}]} for i, v in enumerate(values))),
    )
    build([str(source)])
    return source


@given(small_trees)
def test_any_query_is_answered_as_by_reading(tree: Node) -> None:
    query = Query(tree)
    given, expected = (ask(query, _laws(), index=index, data=False)[0] for index in (True, False))
    assert [hit.external_id for hit in given] == [hit.external_id for hit in expected]


class Spec:
    """The labels of the spec in an index, read with an ontology."""

    def __init__(self, ontology: Ontology | None) -> None:
        labels = json.loads((SPEC / "labels.json").read_text("utf-8")).values()
        records = [{"externalId": str(i), "labels": [{"jsonResponse": label}]} for i, label in enumerate(labels)]
        source = write(Path(mkdtemp(prefix="kq-")) / "x.ndjson", lines(*records))
        self.ontology = ontology
        self.index = Index(build([str(source)], ontology=ontology, workers=1).folder)
        self._numbers = {json.dumps(label): i for i, label in enumerate(labels)}
        self._found: dict[Query, set[int]] = {}

    def holds(self, query: Query, label: object) -> bool:
        if query not in self._found:
            select = f"SELECT label FROM labels WHERE {self.index.condition(query.tree, None)}"
            self._found[query] = {number for (number,) in self.index.run(select)}
            assert self.index.count(query.tree, None) == len(self._found[query])
        return self._numbers[json.dumps(label)] in self._found[query]


_specs: list[Spec] = []


def answer(query: Query, label: object, ontology: Ontology | None) -> bool:
    """The truth for a label of the spec, by an index of all of them."""
    known = next((spec for spec in _specs if spec.ontology is ontology), None)
    if known is None:
        _specs.append(known := Spec(ontology))
    return known.holds(query, label)


# -- fresh or not ------------------------------------------------------------------------------------------------------


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "x.ndjson", lines(*assets()[:20]))


def unused(source: Path, ontology: Ontology | None = None) -> str:
    """Why the index is not used; what is asked is answered all the same."""
    found = find_index(str(source), ontology)
    assert isinstance(found, Unused), found
    hits, _, told = ask(parse(QUERIES[0]), source, ontology=ontology)
    assert comparable(hits, Summary()) == comparable(
        ask(parse(QUERIES[0]), source, ontology=ontology, index=False)[0], Summary()
    )
    assert [str(one) for one in told] == [str(found)]
    return found.reason


def built(source: Path) -> Path:
    return Path(build([str(source)]).folder)


def test_without_an_index_nothing_is_told(source: Path) -> None:
    assert find_index(str(source)) is None
    assert ask(parse(QUERIES[0]), source)[2] == []


def test_a_source_that_changed_is_read(source: Path) -> None:
    built(source)
    stat = source.stat()
    source.write_bytes(source.read_bytes() + lines(asset("new", 3)))
    os.utime(source, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert unused(source) == "is older than the source; `kili-query index` brings it up to date"
    built(source)
    data = source.read_bytes()
    source.write_bytes(data.replace(b'"A"', b'"C"', 1))
    os.utime(source, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert "is older" in unused(source)
    built(source)
    assert "new" in {hit.external_id for hit in ask(parse(QUERIES[0]), source)[0]}


@pytest.mark.parametrize("table", ["counts", "labels"])
@pytest.mark.parametrize("how", ["gone", "cut", "changed"])
def test_a_damaged_part_is_not_used(table: str, how: str, source: Path) -> None:
    file = built(source) / table / "part-00000.parquet"
    data = bytearray(file.read_bytes())
    data[len(data) // 3] ^= 1
    if how == "gone":
        file.unlink()
    else:
        file.write_bytes(data[:-5] if how == "cut" else data)
    opening._open.clear()
    assert unused(source) == f"is damaged: {table}/part-00000.parquet is not as it was written"
    built(source)
    find(source)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"schema": 99}, "is of a newer version of kili_query (0.1.0)"),
        ({"counting": 0}, "is of an older version of kili_query (0.1.0)"),
        ({"kind": "other"}, "is no index of kili_query"),
        ({"parts": 7}, "the manifest is damaged"),
        (None, "the manifest is damaged"),
    ],
)
def test_another_version_or_a_damaged_manifest_is_not_used(
    change: dict[str, Any] | None, reason: str, source: Path
) -> None:
    path = built(source) / manifest.NAME
    text = path.read_text()
    path.write_text(text[:-9] if change is None else json.dumps(json.loads(text) | change))
    assert unused(source) == reason
    built(source)
    find(source)


def test_an_index_without_its_manifest_is_none(source: Path) -> None:
    (built(source) / manifest.NAME).unlink()
    assert find_index(str(source)) is None


def test_an_index_of_another_source_is_not_used(source: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "y.ndjson", source.read_bytes())
    shutil.copytree(built(source), tmp_path / "y.ndjson.kqindex")
    assert unused(other) == "is of another source"


def test_source_and_index_can_be_moved_together(source: Path, tmp_path: Path) -> None:
    built(source)
    shutil.move(tmp_path, moved := tmp_path.with_name("moved"))
    find(moved / source.name)


def test_an_ontology_that_reads_labels_otherwise(tmp_path: Path) -> None:
    plain = write(tmp_path / "plain.ndjson", lines(asset("a", 2)))
    framed = write(
        tmp_path / "framed.ndjson", lines({"externalId": "v", "labels": [{"jsonResponse": {"0": response(2)}}]})
    )
    image = Ontology.from_json_interface(
        {"jobs": {"0": {"mlTask": "CLASSIFICATION", "content": {"categories": {"A": {}}}}}}, "IMAGE"
    )
    for path in (plain, framed):
        built(path)
    find(plain, image)
    assert unused(framed, image) == "was made with another ontology, which reads these labels otherwise"
    build([str(framed)], ontology=image)
    agrees(framed, [parse("J.A.count > 0")], image, quick=True)
    assert "another ontology" in unused(framed)


def test_latest_and_validate_read_the_source(source: Path) -> None:
    built(source)
    for options in ({"latest": True}, {"validate": True}, {"invert": True}, {"index": False}):
        assert ask(parse(QUERIES[0]), source, **options)[2] == []


def test_a_query_too_large_for_duckdb_is_answered_by_reading(source: Path) -> None:
    built(source)
    query = parse(" OR ".join(f"J.C{i}.count > {i}" for i in range(600)) + " OR J.A.count > 1")
    hits, _, told = ask(query, source)
    assert [str(one).partition(": ")[2] for one in told] == [
        f"{source}.kqindex: cannot answer a query as large as this"
    ]
    assert [h.external_id for h in hits] == [h.external_id for h in ask(query, source, index=False)[0]]


def test_sources_with_and_without_an_index_keep_their_order(source: Path, tmp_path: Path) -> None:
    one = write(tmp_path / "1.ndjson", lines(asset("one", 3)))
    two = write(tmp_path / "2.ndjson", lines(asset("two", 3)))
    built(source)
    hits, summary, told = ask(parse(QUERIES[0]), one, source, two)
    expected = ask(parse(QUERIES[0]), one, source, two, index=False)
    assert comparable(hits, summary) == comparable(*expected[:2])
    assert len(told) == 1


# -- making ------------------------------------------------------------------------------------------------------------


def test_only_what_is_new_in_a_folder_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_of(tmp_path / "x")
    first = build([str(folder)])
    assert first.kept == 0
    write(folder / "aa.ndjson", lines(*assets()[:9]))
    write(folder / "sub" / "a.json", TYPED)
    assert "is older" in unused(folder)
    counted: list[str] = []
    count = sources.folder_parts

    def counting(where: str, names: list[tuple[str, bool]], size: int) -> Iterator[Part]:
        counted.extend(name for name, _ in names)
        return count(where, names, size)

    monkeypatch.setattr(building, "folder_parts", counting)
    second = build([str(folder)])
    assert counted == ["aa.ndjson", "sub/a.json"]
    assert second.kept == first.manifest.labels
    assert len(second.manifest.parts) == 2
    agrees(folder, [parse(QUERIES[0]), None])
    (folder / "b.json").unlink()
    assert build([str(folder)]).kept == 0
    agrees(folder, [parse(QUERIES[0])], quick=True)


def test_an_index_that_is_fresh_is_made_again_for_nothing(source: Path) -> None:
    first = build([str(source)])
    second = build([str(source)])
    assert second.kept == second.manifest.labels == first.manifest.labels
    assert second.manifest == first.manifest


def test_several_sources_in_one_folder(source: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "y.json", TYPED[:1])
    made = build([str(source), str(other)], str(tmp_path / "both.kqindex"))
    index = Index(made.folder)
    assert index.sources() == [str(source), str(other)]
    assert index.run("SELECT source, count(*), max(label) FROM labels GROUP BY ALL ORDER BY ALL") == [
        (0, 40, 39),
        (1, 3, 42),
    ]
    index.close()


def test_an_interrupt_leaves_the_old_index(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = built(source)
    before = sorted(path.name for path in folder.parent.iterdir())
    source.write_bytes(source.read_bytes() + lines(asset("new", 3)))

    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build([str(source)], tell=interrupted)
    assert sorted(path.name for path in folder.parent.iterdir()) == before
    assert "is older" in unused(source)


def test_a_source_that_changes_while_it_is_counted(source: Path) -> None:
    def change(_: int) -> None:
        source.write_bytes(source.read_bytes() + lines(asset("new", 3)))

    with pytest.raises(DataError, match="a source changed while it was counted; nothing is kept of it"):
        build([str(source)], tell=change)
    assert list(source.parent.iterdir()) == [source]


def test_no_space_is_told_and_leaves_nothing(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(self: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing.PartWriter, "write", write)
    with pytest.raises(DataError, match="cannot be written: No space left on device"):
        build([str(source)])
    assert list(source.parent.iterdir()) == [source]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no full device here")
def test_what_duckdb_says_of_a_full_disk_is_said_in_our_words() -> None:
    with duckdb.connect() as connection, pytest.raises(duckdb.IOException) as caught:
        connection.execute("COPY (SELECT 1 AS a) TO '/dev/full' (FORMAT parquet, USE_TMP_FILE false)")
    assert writing._reason(caught.value) == "No space left on device"


def test_a_folder_where_nothing_can_be_written(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: str) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(building, "_try_to_write", refuse)
    made = build([str(source)])
    assert made.in_cache == "Read-only file system"
    assert Path(made.folder).is_relative_to(tmp_path / "cache")
    assert find(source).folder == made.folder
    agrees(source, [parse(QUERIES[0])], quick=True)


def test_a_folder_that_is_no_index_is_not_replaced(source: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "mine" / "file", "x").parent
    with pytest.raises(DataError, match="cannot be written: it is there, and is no index"):
        build([str(source)], str(other))
    assert (other / "file").read_text() == "x"


def test_what_an_index_cannot_hold_or_be_made_of(source: Path, tmp_path: Path) -> None:
    half = write(tmp_path / "half.ndjson", lines(asset("a", 1), asset("\ud800", 1)))
    with pytest.raises(DataError, match=r"'id of \\ud800' holds half a character, which no table can hold"):
        build([str(half)])
    with pytest.raises(DataError, match="standard input: cannot be read again"):
        build(["-"], str(tmp_path / "x.kqindex"))


def test_an_index_lying_in_a_folder_is_no_source_of_labels(tmp_path: Path) -> None:
    inner = write(tmp_path / "x" / "y.ndjson", lines(*assets()[:5]))
    built(inner)
    assert Path(build([str(tmp_path / "x")]).folder) == tmp_path / "x.kqindex"
    agrees(tmp_path / "x", [parse(QUERIES[0])], quick=True)


def test_two_at_once_leave_a_whole_index(source: Path) -> None:
    made: list[Built | BaseException] = []

    def work() -> None:
        try:
            made.append(build([str(source)], workers=1))
        except BaseException as error:
            made.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [type(one) for one in made] == [Built] * 3, made
    find(source)
    assert sorted(path.name for path in source.parent.iterdir()) == ["x.ndjson", "x.ndjson.kqindex"]


def test_without_duckdb_it_is_told_what_to_install(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built(source)
    opening._open.clear()

    def missing(name: str, extra: str) -> Any:
        raise DataError(f"the library `{name}` needs the extra `{extra}`", code="KQ503")

    monkeypatch.setattr(opening, "load_library", missing)
    assert unused(source) == "the library `duckdb` needs the extra `scale`"
    monkeypatch.setattr(building, "load_library", missing)
    with pytest.raises(DataError, match="the library `duckdb` needs the extra `scale`"):
        build([str(source)])


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while opening._open:
        opening._open.popitem()[1].close()


@pytest.mark.parametrize("form", ["lines", "list", "zip", "folder"])
def test_read_labels_with_a_query(form: str, tmp_path: Path) -> None:
    where = FORMS[form](tmp_path)
    for made in (False, True):
        if made:
            built(where)
        for text in QUERIES:
            problems, unread, told = list[DataError](), list[DataError](), list[object]()
            given = read_some(where, query=text, on_problem=problems.append, on_index=told.append)
            query, expected = parse(text), list[Label]()
            for label in read_labels(str(where), on_problem=unread.append):
                try:
                    expected += [label] if query.matches_label(label) else []
                except DataError as error:
                    unread.append(error)
            words = [sorted(str(problem).replace(", ", ": ") for problem in group) for group in (problems, unread)]
            assert words[0] == words[1]  # the place and the label are joined by a comma in the one
            assert list(given) == expected
            assert [label.where for label in given] == [label.where for label in expected]
            assert bool(told) is made


def read_some(where: Path, **options: Any) -> list[Label]:
    return list(kili_query.read_labels(str(where), **options))


def test_notebooks_and_editors_tell_that_an_index_was_used(source: Path) -> None:
    from kili_query.editor.lsp.counts import LabelCounts, Question
    from kili_query.editor.notebooks.matches import Matches

    query = parse(QUERIES[0])
    read = str(Matches(query, limit=1).from_export(source))
    built(source)
    assert str(Matches(query, limit=1).from_export(source)) == read.replace("match;", "match; by the index;")
    counts = LabelCounts(lambda: None)
    question = Question(str(source), QUERIES[0])
    counts._waiting[question] = None
    assert " match (by the index)" in str(counts._count(question, None))
