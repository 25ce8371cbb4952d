"""Mistakes that a reviewer made: each is refused or told, with what would work."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
from click.testing import CliRunner

from kili_query import Query, QuerySyntaxError, check, count, count_categories, parse, read_labels
from kili_query.cli import app

QUERY = "J.A.count > 0"


def _label(**more: object) -> dict[str, object]:
    return {"jsonResponse": {"J": {"categories": [{"name": "A"}]}}, **more}


def _kili_query(*arguments: str) -> str:
    return CliRunner().invoke(app, list(arguments)).output


def test_labels_of_a_type_that_is_not_known_take_part(tmp_path: Path) -> None:
    rows = [
        {"externalId": kind, "labels": [_label(labelType=kind)]} for kind in ("TRAINING", "default", "", "AUTOSAVE")
    ]
    path = tmp_path / "types.ndjson"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert [label.external_id for label in read_labels(path)] == ["TRAINING", "default", ""]
    assert "3 assets matched" in _kili_query("filter", str(path), QUERY, "--ids")
    assert "training is no label type" in _kili_query("filter", str(path), QUERY, "--ids", "--type", "training")


def test_large_records_that_cannot_match_are_told_as_not_decoded(tmp_path: Path) -> None:
    path = tmp_path / "large.ndjson"
    other = {"jsonResponse": {"J": {"categories": [{"name": "B"}]}, "NOTE": {"text": "x" * 5000}}}
    path.write_text(json.dumps({"externalId": "a", "labels": [other]}) + "\n")
    assert "(1 not decoded: no match possible)" in _kili_query("filter", str(path), QUERY, "--count", "-v")
    assert "not decoded" not in _kili_query("filter", str(path), QUERY, "--count"), "it reads like a failure"
    assert "not decoded" not in _kili_query("filter", str(path), QUERY, "--count", "-v", "--validate")


def test_format_tells_which_query_is_wrong_and_goes_on() -> None:
    result = CliRunner().invoke(app, ["format", "A.B.count >", "A.B.count>1"])
    assert "<query>:" in result.output
    assert "A.B.count > 1\n" in result.output


def test_a_query_is_made_by_parse_not_from_text() -> None:
    with pytest.raises(TypeError, match="parse"):
        Query("A.B.count > 1")  # type: ignore[arg-type]


def test_a_json_interface_serves_as_ontology() -> None:
    interface = {"jobs": {"J": {"mlTask": "CLASSIFICATION", "content": {"categories": {"A": {}}}}}}
    assert [d.code for d in check("J.B.count > 0", interface)] == ["KQ202"]  # type: ignore[arg-type]
    assert count_categories(_label()["jsonResponse"], interface) == {("J", "A"): 1}  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="jsonInterface"):
        parse(QUERY).check(5)  # type: ignore[arg-type]


def test_sources_are_given_one_by_one() -> None:
    for sources in ((), (["a.zip", "b.zip"],)):
        with pytest.raises(TypeError, match="one by one"):
            read_labels(*sources)
    with pytest.raises(TypeError, match="one text"):
        read_labels("a.zip", types="DEFAULT")


def test_endless_numbers_are_refused_at_once() -> None:
    with pytest.raises(QuerySyntaxError, match="KQ116"):
        count("A", "B").in_(range(0, 10**12, 2))
    assert str(count("A", "B").in_(range(5, 1, -1))) == "A.B.count IN 2..5"


def test_queries_longer_than_any_text_can_still_be_checked_and_pickled() -> None:
    numbers = ", ".join(str(n) for n in range(0, 2_000, 2))
    long = parse(f"A.{'B' * 800}.count NOT IN ({numbers})").to_portable()
    assert len(str(long)) > 700_000
    assert pickle.loads(pickle.dumps(long & ~(long & (count("C", "D") > 1)))).check() is not None
