"""The engine in Spark: what it says is what the definition says, on a session of Spark's own and on Spark Connect."""

from __future__ import annotations

import gzip
import json
import re
import runpy
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from kili_query import Ontology, Query, count_categories, parse
from kili_query.engines import spark as engine
from kili_query.engines.arrow import NULL
from kili_query.engines.dialects import rows_of
from kili_query.engines.spark import ClusterError
from kili_query.errors import ArgumentError, DataError, QuerySyntaxError
from kili_query.lang.ast import Node
from kili_query.model.counts import Counts
from kili_query.model.labels import DEFAULT_LABEL_TYPES
from kili_query.offline import select as here
from kili_query.offline import spark as spark_files
from kili_query.offline.index.building import build
from tests.conftest import ROOT, SPEC
from tests.engines.spark_session import Spark, spark, submitted
from tests.engines.test_scan import ontologies
from tests.strategies import responses, small_trees

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(720),  # the first to come waits until Spark is installed
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spark]:
    with spark(tmp_path_factory.mktemp("spark")) as found:
        yield found


@pytest.fixture(scope="module")
def connected(running: Spark) -> Any:
    """A session of Spark Connect to which the package was sent: before, it says what is missing."""
    session = running.connect()
    with pytest.raises(ClusterError, match="cannot load kili_query"):
        engine.require_workers(session)
    with pytest.raises(Exception, match=r"cannot load kili_query .* install `kili_query` where Spark's processes run"):
        engine.count_categories(frame_of(session, ["{}"])).collect()
    session.addArtifacts(engine.package(), pyfile=True)
    engine.require_workers(session)
    return session


@pytest.fixture(scope="module")
def classic(running: Spark, connected: Any) -> Any:  # sent here, the package is there for new sessions of Connect, too
    running.classic.addArtifacts(engine.package(), pyfile=True)
    return running.classic


def frame_of(session: Any, texts: list[str | None]) -> Any:
    return session.createDataFrame(list(enumerate(texts)), "id int, jsonResponse string")


def counted(frame: Any) -> dict[int, dict[tuple[str, str], int] | None]:
    return {
        row["id"]: row["counts"]
        if row["counts"] is None
        else {(c["job"], c["category"]): c["n"] for c in row["counts"]}
        for row in frame.collect()
    }


# -- meaning -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("read_with", ["nothing", "ontology"])
def test_it_means_what_the_specification_says(connected: Any, read_with: str) -> None:
    ontology = Ontology.load(SPEC / "ontology.json", "IMAGE") if read_with == "ontology" else None
    labels = json.loads((SPEC / "labels.json").read_bytes())
    rows = [
        row
        for row in tomllib.loads((SPEC / "meaning.toml").read_text("utf-8"))["meaning"]
        if bool(row.get("ontology")) is (ontology is not None)
    ]
    frame = connected.createDataFrame(
        [(name, label if isinstance(label, str) else json.dumps(label)) for name, label in labels.items()],
        "name string, jsonResponse string",
    )
    asked = engine.matches(frame, {f"q{i}": row["query"] for i, row in enumerate(rows)}, ontology=ontology)
    answers = {row["name"]: row for row in asked.collect()}
    assert len(answers) == len(labels)
    for i, row in enumerate(rows):
        assert [name for name in row["holds"] if answers[name][f"q{i}"] is not True] == [], row["query"]
        assert [name for name in row["fails"] if answers[name][f"q{i}"] is not False] == [], row["query"]


@settings(max_examples=3)
@given(
    st.lists(responses().map(json.dumps), min_size=5, max_size=20),
    st.lists(small_trees, min_size=1, max_size=5),
    ontologies,
)
def test_it_agrees_with_the_definition(
    connected: Any, texts: list[str], trees: list[Node], ontology: Ontology | None
) -> None:
    counts = [count_categories(text, ontology) for text in texts]
    frame = frame_of(connected, list(texts))
    both = engine.matches(
        engine.count_categories(frame, ontology=ontology, text=True).drop("problem"),
        {str(i): tree for i, tree in enumerate(trees)},
        ontology=ontology,
    )
    for row in both.collect():
        found = counts[row["id"]]
        assert {(c["job"], c["category"]): c["n"] for c in row["counts"]} == found
        assert [row[str(i)] for i in range(len(trees))] == [Query(tree).holds(found) for tree in trees]


def test_real_responses_have_their_counts(connected: Any, shared: Path) -> None:
    expected = json.loads((shared / "expected-counts.json").read_bytes())
    known = {entry["labels"]: entry for entry in _fixtures(shared)}
    frames, checked = [], 0
    for file in expected:
        if file.endswith(".responses.json"):
            entry = known[file]
            ontology = (
                Ontology.load(shared / entry["interface"], entry["inputType"]) if entry.get("interface") else None
            )
            values = json.loads((shared / file).read_bytes())
            texts = [
                (f"{file} {i}", value if isinstance(value, str) else json.dumps(value))
                for i, value in enumerate(values)
            ]
            frame = connected.createDataFrame(texts, "id string, jsonResponse string").coalesce(1)
            frames.append(engine.count_categories(frame, ontology=ontology))
    for name, counts in counted(reduce(lambda a, b: a.unionAll(b), frames)).items():
        file, _, index = str(name).partition(" ")
        table = expected[file][index]
        assert counts is not None
        for job, categories in table.items():
            for category, number in categories.items():
                assert counts.pop((job, category), 0) == number
        assert not counts
        checked += 1
    assert checked > 50


def _fixtures(shared: Path) -> list[dict[str, Any]]:
    entries = json.loads((shared / "index.json").read_bytes())
    found = entries if isinstance(entries, list) else list(entries.values())
    return [{**entry, "labels": value} for entry in found for value in entry.values() if isinstance(value, str)]


def test_it_is_the_same_on_a_session_of_spark_itself(classic: Any) -> None:
    frame = frame_of(classic, ['{"A": {"categories": [{"name": "B"}]}}', "{}"])
    engine.require_workers(classic)
    assert counted(engine.count_categories(frame, balanced=True)) == {0: {("A", "B"): 1}, 1: {}}
    asked = engine.matches(frame, parse("A.B.count > 0"), balanced=True)
    assert asked.columns == ["id", "matches", "problem"]
    assert {row["id"]: row["matches"] for row in asked.collect()} == {0: True, 1: False}


def test_totals_come_as_an_index_has_them(connected: Any) -> None:
    frame = frame_of(
        connected, ['{"A": {"annotations": [{"mid": "1", "categories": [{"name": "B"}, {"name": "C"}]}]}}']
    )
    found = counted(engine.count_categories(frame, totals=True))[0]
    assert found == {
        ("A", "B"): 1, ("A", "C"): 1, ("A", None): 1, (None, "B"): 1, (None, "C"): 1, (None, None): 1,
    }  # fmt: skip


# -- over a count index ------------------------------------------------------------------------------------------------


def written_index(session: Any, folder: Path, labels: Mapping[str, Counts]) -> engine.Index:
    """The tables of an index over such labels, as a folder."""
    rows = [(*selector, i, n) for i, counts in enumerate(labels.values()) for selector, n in rows_of(counts).items()]
    counts = pa.table(
        dict(zip(("job", "category", "label", "n"), map(list, zip(*rows, strict=True)), strict=True)),
        pa.schema([("job", pa.string()), ("category", pa.string()), ("label", pa.int64()), ("n", pa.int32())]),
    )
    names = pa.table({"label": pa.array(range(len(labels)), pa.int64()), "label_id": list(labels)})
    for name, table in (("counts", counts), ("labels", names)):
        (folder / name).mkdir()
        parquet.write_table(table, folder / name / "part-00000.parquet")
    return engine.read_index(session, str(folder))


_FORM = re.compile(r"WITH|UNION ALL|NOT IN|label IN|job IS NULL|category IS NULL|GROUP BY|TRUE|FALSE")


def test_an_index_is_asked_what_the_specification_says(connected: Any, tmp_path: Path) -> None:
    """All its queries are asked of DuckDB with the same SQL; here a query for each form that a statement takes."""
    labels = {name: count_categories(label) for name, label in json.loads((SPEC / "labels.json").read_bytes()).items()}
    index = written_index(connected, tmp_path, labels)
    rows = [
        row for row in tomllib.loads((SPEC / "meaning.toml").read_text("utf-8"))["meaning"] if not row.get("ontology")
    ]
    forms = {tuple(_FORM.findall(parse(row["query"]).to_sql("spark"))): row for row in rows}
    assert len(forms) > 10
    for row in (*forms.values(), *(row for row in rows if '"' in row["query"])):
        names = {found["label_id"] for found in engine.select(row["query"], index).collect()}
        assert names == {name for name, counts in labels.items() if parse(row["query"]).holds(counts)}
        assert {*row["holds"]} <= names
        assert not {*row["fails"]} & names


def test_an_index_on_disk_gives_what_its_export_gives(connected: Any, tmp_path: Path) -> None:
    response = {"A": {"categories": [{"name": "B"}]}}
    kinds = ["DEFAULT", "REVIEW", "AUTOSAVE", None]
    lines = [json.dumps({"id": f"l{i}", "labelType": kind, "jsonResponse": response}) for i, kind in enumerate(kinds)]
    (tmp_path / "labels.ndjson").write_text("\n".join(lines))
    built = build([str(tmp_path / "labels.ndjson")], workers=1)
    index = engine.read_index(connected, built.folder)
    for types, names in [
        (DEFAULT_LABEL_TYPES, ["l0", "l1", "l3"]), (None, ["l0", "l1", "l2", "l3"]), ({"REVIEW"}, ["l1", "l3"]), (set(), ["l3"]),
    ]:  # fmt: skip
        found = engine.select("A.B.count == 1", index, types).collect()
        assert sorted(row["label_id"] for row in found) == names


# -- over exports ------------------------------------------------------------------------------------------------------

EXPORTS_QUERY = "*.*.count > 0"


def places(rows: list[Any]) -> set[tuple[object, ...]]:
    return {
        (Path(row["source"]).name, row["external_id"], row["asset_id"], row["label_key"], row["label_position"])
        for row in rows
        if row["problem"] is None
    }


@pytest.mark.parametrize("direct", [True, False])
def test_exports_give_what_they_give_here(connected: Any, shared: Path, direct: bool) -> None:
    sources = sorted(
        map(str, (*shared.glob("archives/*.zip"), *shared.glob("*.assets.json"), *shared.glob("*.conversations.json")))
    )
    rows = spark_files.select(connected, EXPORTS_QUERY, *sources, direct=direct, data=True).collect()
    expected, problems = set[tuple[object, ...]](), 0
    for source in sources:
        for part in here.select(parse(EXPORTS_QUERY), source, unit="labels"):
            expected |= {(Path(source).name, *hit[2:4], *(hit.label or (None, None))) for hit in part.hits}
            problems += part.summary.unreadable + len(part.summary.skipped)
    assert places(rows) == expected
    assert sum(row["problem"] is not None for row in rows) == problems
    assert len(expected) > 50
    assert all(json.loads(row["data"]) for row in rows if row["problem"] is None)


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A folder with lines, a list, an archive, a compressed file, what cannot be read, and what is none of this."""
    folder = tmp_path / "all sorts"
    (folder / "assets").mkdir(parents=True)

    def asset(name: str, categories: str = "BB") -> str:
        boxes = [{"mid": str(i), "categories": [{"name": c}]} for i, c in enumerate(categories)]
        return json.dumps({"externalId": name, "labels": [{"jsonResponse": {"A": {"annotations": boxes}}}]})

    (folder / "lines.ndjson").write_text(f"{asset('line 1')}\n{{\n\n{asset('line 4')}\n{asset('other', 'C')}\n")
    (folder / "list.json").write_text(f"[{asset('item 1')}, 5, {asset('item 3')}]")
    (folder / "LINE.NDJSON.gz").write_bytes(gzip.compress(asset("inflated").encode()))
    with zipfile.ZipFile(folder / "it's.zip", "w") as archive:
        archive.writestr("labels/member.json", asset("member"))
    (folder / "broken.zip").write_bytes(b"PK\3\4 no archive")
    (folder / "README.kili.txt").write_text("")
    (folder / "assets" / "chat.json").write_text("[]")
    (folder / "picture.png").write_bytes(b"\x89PNG")
    return folder


@pytest.mark.parametrize("direct", [True, False])
def test_what_cannot_be_read_is_told_with_its_place(connected: Any, mixed: Path, direct: bool) -> None:
    rows = spark_files.select(connected, "A.B.count == 2", str(mixed), direct=direct).collect()
    assert {row["external_id"] for row in rows} == {"line 1", "line 4", "item 1", "item 3", "inflated", "member", None}
    assert all(row["source"].startswith(f"file:{quote(str(mixed))}") or " " in row["source"] for row in rows)
    told = {Path(row["source"]).name: (row["place"], row["problem"]) for row in rows if row["problem"]}
    assert told == {
        "lines.ndjson": ("line 2" if direct else "", "not valid JSON: it ends too early"),
        "list.json": ("byte 173, item 2", told["list.json"][1]),
        "broken.zip": ("", told["broken.zip"][1]),
    }
    assert "no label record" in str(told["list.json"][1])
    assert "cannot be read as a zip archive" in str(told["broken.zip"][1])


def test_sources_that_are_none_are_refused(connected: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Spark cannot list the files: .*PATH_NOT_FOUND"):
        spark_files.select(connected, "A.B.count > 0", str(tmp_path / "nothing"))
    (tmp_path / "picture.png").touch()
    with pytest.raises(DataError, match="holds no files with labels"):
        spark_files.select(connected, "A.B.count > 0", str(tmp_path))
    with pytest.raises(ArgumentError, match="are given one by one"):
        spark_files.select(connected, "A.B.count > 0", ["a"])  # type: ignore[arg-type]


# -- the script of the docs --------------------------------------------------------------------------------------------

SCRIPT = ROOT / "docs" / "on_a_cluster.py"


def test_the_script_of_the_docs_reads_exports_by_spark_submit(running: Spark, tmp_path: Path) -> None:
    query = "OBJECT_DETECTION_JOB.*.count > 1"
    export = ROOT / "tests" / "data" / "coco.zip"
    expected = sum(part.summary.matched_labels for part in here.select(parse(query), export, unit="labels"))
    done = submitted(SCRIPT, "--exports", str(export), query, package=engine.package(tmp_path))
    assert done.stdout == f"{expected} labels match\n", done.stderr


def test_the_script_of_the_docs_asks_an_index(classic: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main = runpy.run_path(str(SCRIPT))["main"]
    counts: dict[str, Counts] = {"a": {("BOATS", "FERRY"): 3}, "b": {("BOATS", "FERRY"): 1}}
    written_index(classic, tmp_path, counts)
    assert main([str(tmp_path), "BOATS.FERRY.count > 2", "--to", str(tmp_path / "found")]) == 0
    assert capsys.readouterr().out == "1 labels match\n"
    assert parquet.read_table(tmp_path / "found").to_pylist() == [{"label": 0, "label_id": "a"}]
    assert main([str(tmp_path), "BOATS.ferry.count > 2"]) == 0
    told = capsys.readouterr()
    assert told.out == "0 labels match\n"
    assert "`ferry` occurs in no label; `FERRY` does" in told.err
    assert main([str(tmp_path / "nothing"), "BOATS.ferry.count > 2"]) == 1
    assert capsys.readouterr().err.startswith(
        f"error: {tmp_path}/nothing: Spark cannot read `counts` of a count index there"
    )


# -- bad input ---------------------------------------------------------------------------------------------------------


def test_wrong_texts_are_rows_of_a_table_of_problems(connected: Any) -> None:
    good = '{"A": {"categories": [{"name": "B"}]}}'
    asked = engine.matches(frame_of(connected, [good, None, "{", "[]", good]), "A.B.count == 1", text=True)
    rows = {row["id"]: row for row in asked.collect()}
    assert [rows[i]["matches"] for i in range(5)] == [True, None, None, None, True]
    problems = {row["id"]: row["problem"] for row in engine.problems(asked).collect()}
    assert problems == {
        1: NULL,
        2: "`jsonResponse` is text that is not JSON: it ends too early",
        3: "`jsonResponse` is JSON text of a list, and must be of an object",
    }


def test_what_is_no_index_is_refused(connected: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Spark cannot read `counts` of a count index there: .*PATH_NOT_FOUND"):
        engine.read_index(connected, str(tmp_path / "nothing"))
    (tmp_path / "counts").mkdir()
    parquet.write_table(pa.table({"job": ["A"], "n": [1]}), tmp_path / "counts" / "part-0.parquet")
    message = "`counts` is no table of a count index: it lacks category string, label long, n integer, and has job string, n long"
    with pytest.raises(DataError, match=message) as caught:
        engine.read_index(connected, str(tmp_path))
    assert caught.value.code == "KQ503"


def test_what_cannot_be_asked_is_refused_before_spark_starts(connected: Any) -> None:
    frame = frame_of(connected, ["{}"])
    cases: list[tuple[Callable[[], object], type[Exception], str]] = [
        (
            lambda: engine.matches(frame, "A.B.count >"),
            QuerySyntaxError,
            "the text ends where a whole number is expected",
        ),
        (lambda: engine.matches(frame, {}), ArgumentError, "must name a query"),
        (
            lambda: engine.matches(frame, "A.B.count > 0", "nothing"),
            ArgumentError,
            "'nothing', and the frame has id, jsonR",
        ),
        (
            lambda: engine.matches(frame, "A.B.count > 0", "id"),
            ArgumentError,
            "is of type integer, and must hold JSON text",
        ),
        (lambda: engine.count_categories(frame, into="id"), ArgumentError, "has a column 'id' already"),
        (lambda: engine.count_categories(frame.withColumnRenamed("id", "problem")), ArgumentError, "'problem' already"),
        (
            lambda: engine.count_categories(frame.selectExpr("struct(id) AS jsonResponse")),
            ArgumentError,
            r"of type struct, and must hold JSON text; to_json\(\) makes text",
        ),
    ]
    for wrong, error, message in cases:
        with pytest.raises(error, match=message):
            wrong()


class Old:
    version = "3.5.8"


def test_an_older_spark_is_refused() -> None:
    with pytest.raises(ClusterError, match=r"Spark is 3\.5\.8, and must be 4 or later"):
        engine.require_spark(Old())


def test_without_spark_it_says_what_to_install() -> None:
    code = "from kili_query.engines.spark import session; session()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert 'ClusterError: Spark needs the extra `spark`: pip install "kili_query[spark]"' in done.stderr


def test_without_java_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        ClusterError, match=r"runs on Java, and there is none in `JAVA_HOME` or `PATH`: install Java 17"
    ):
        engine.require_java()
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.touch(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    for says, message in [
        ('openjdk version "11.0.2" 2019-01-15', r"is Java 11: install Java 17 or later \(Debian"),
        ('java version "1.8.0_401"', "is Java 8: install Java 17"),
        ("hello", "does not tell that it is one"),
    ]:
        java.write_text(f"#!/bin/sh\necho '{says}' >&2\n")
        with pytest.raises(ClusterError, match=message):
            engine.require_java()
    java.write_text("#!/bin/sh\necho 'openjdk version \"21\" 2023-09-19' >&2\n")
    engine.require_java()
