"""The engine in Spark: what it says is what the definition says, on a session of Spark's own and on Spark Connect."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kili_query import Ontology, Query, count_categories, parse
from kili_query.engines import spark as engine
from kili_query.engines.arrow import NULL
from kili_query.errors import ArgumentError, ClusterError, DataError, QuerySyntaxError
from kili_query.lang.ast import Node
from tests.conftest import ROOT, SPEC
from tests.engines.spark_session import Spark, spark
from tests.engines.test_scan import ontologies
from tests.strategies import responses, small_trees

pytestmark = [
    pytest.mark.long,
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
        engine.count_categories(rows_of(session, ["{}"])).collect()
    session.addArtifacts(engine.package(), pyfile=True)
    engine.require_workers(session)
    return session


@pytest.fixture(scope="module")
def classic(running: Spark, connected: Any) -> Any:  # sent here, the package is there for new sessions of Connect, too
    running.classic.addArtifacts(engine.package(), pyfile=True)
    return running.classic


def rows_of(session: Any, texts: list[str | None]) -> Any:
    return session.createDataFrame(list(enumerate(texts)), "id int, jsonResponse string")


def counted(frame: Any) -> dict[int, dict[tuple[str, str], int] | None]:
    return {
        row["id"]: row["counts"] if row["counts"] is None else {(c["job"], c["category"]): c["n"] for c in row["counts"]}
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
@given(st.lists(responses().map(json.dumps), min_size=5, max_size=20), st.lists(small_trees, min_size=1, max_size=5), ontologies)
def test_it_agrees_with_the_definition(
    connected: Any, texts: list[str], trees: list[Node], ontology: Ontology | None
) -> None:
    counts = [count_categories(text, ontology) for text in texts]
    frame = rows_of(connected, list(texts))
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
            ontology = Ontology.load(shared / entry["interface"], entry["inputType"]) if entry.get("interface") else None
            values = json.loads((shared / file).read_bytes())
            texts = [(f"{file} {i}", value if isinstance(value, str) else json.dumps(value)) for i, value in enumerate(values)]
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
    frame = rows_of(classic, ['{"A": {"categories": [{"name": "B"}]}}', "{}"])
    engine.require_workers(classic)
    assert counted(engine.count_categories(frame, balanced=True)) == {0: {("A", "B"): 1}, 1: {}}
    asked = engine.matches(frame, parse("A.B.count > 0"), balanced=True)
    assert asked.columns == ["id", "matches", "problem"]
    assert {row["id"]: row["matches"] for row in asked.collect()} == {0: True, 1: False}


def test_totals_come_as_an_index_has_them(connected: Any) -> None:
    frame = rows_of(connected, ['{"A": {"annotations": [{"mid": "1", "categories": [{"name": "B"}, {"name": "C"}]}]}}'])
    found = counted(engine.count_categories(frame, totals=True))[0]
    assert found == {
        ("A", "B"): 1, ("A", "C"): 1, ("A", None): 1, (None, "B"): 1, (None, "C"): 1, (None, None): 1,
    }  # fmt: skip


# -- bad input ---------------------------------------------------------------------------------------------------------


def test_wrong_texts_are_rows_of_a_table_of_problems(connected: Any) -> None:
    good = '{"A": {"categories": [{"name": "B"}]}}'
    asked = engine.matches(rows_of(connected, [good, None, "{", "[]", good]), "A.B.count == 1", text=True)
    rows = {row["id"]: row for row in asked.collect()}
    assert [rows[i]["matches"] for i in range(5)] == [True, None, None, None, True]
    problems = {row["id"]: row["problem"] for row in engine.problems(asked).collect()}
    assert problems == {
        1: NULL,
        2: "`jsonResponse` is text that is not JSON: it ends too early",
        3: "`jsonResponse` is JSON text of a list, and must be of an object",
    }


def test_what_cannot_be_asked_is_refused_before_spark_starts(connected: Any) -> None:
    frame = rows_of(connected, ["{}"])
    for wrong, error, message in [
        (lambda: engine.matches(frame, "A.B.count >"), QuerySyntaxError, "ends here"),
        (lambda: engine.matches(frame, {}), ArgumentError, "must name a query"),
        (lambda: engine.matches(frame, "A.B.count > 0", "nothing"), ArgumentError, "'nothing', and the frame has id, jsonR"),
        (lambda: engine.matches(frame, "A.B.count > 0", "id"), ArgumentError, "is of type integer, and must hold JSON text"),
        (lambda: engine.count_categories(frame, into="id"), ArgumentError, "has a column 'id' already"),
        (lambda: engine.count_categories(frame.withColumnRenamed("id", "problem")), ArgumentError, "'problem' already"),
        (
            lambda: engine.count_categories(frame.selectExpr("struct(id) AS jsonResponse")),
            ArgumentError,
            r"of type struct, and must hold JSON text; to_json\(\) makes text",
        ),
    ]:
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
    with pytest.raises(ClusterError, match=r"runs on Java, and there is none in `JAVA_HOME` or `PATH`: install Java 17"):
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
