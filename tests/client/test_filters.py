"""The door for category queries by itself: what the server is asked, and what is decided here."""

from __future__ import annotations

from typing import Any

import pytest

from kili_query import QueryCheckError, QueryWarning, UnsupportedQueryError, parse
from kili_query.client.filters import compile_search, decision, read_search
from kili_query.model.ontology import Ontology

ONTOLOGY = Ontology.from_json_interface(
    {
        "jobs": {
            "A": {"mlTask": "OBJECT_DETECTION", "tools": ["rectangle"], "content": {"categories": {"B": {"name": "b"}}}}
        }
    }
)


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ('A."x y".count > 1', None),
        ('NOT A."x y".count > 1', None),
        ('A."x y".count > 1 AND C.D.count > 2', "C.D.count > 2"),
        ('A."x y".count > 1 OR C.D.count > 2', None),
        ('(A."x y".count > 1 AND C.D.count > 2) OR E.F.count > 1', "C.D.count > 2 OR E.F.count > 1"),
        ('NOT (A."x y".count > 1 OR C.D.count > 2)', "C.D.count <= 2"),
        ('NOT (A."x y".count > 1 AND C.D.count > 2) AND E.F.count IN 1..2', "E.F.count >= 1 AND E.F.count <= 2"),
    ],
)
def test_the_server_is_asked_for_as_little_as_its_language_can_say(query: str, asked: str | None) -> None:
    parsed = parse(query)
    with pytest.raises(UnsupportedQueryError, match="local_filter=True"):
        compile_search(parsed)
    assert compile_search(parsed, local_filter=True) == (asked, parsed, parsed)


SEVERAL = Ontology.from_json_interface(
    {"jobs": {"A": {"content": {"categories": ["B", "x y", "C"]}}, "D": {"content": {"categories": ["B"]}}}}
)


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("A.*.count == 0", "A.B.count == 0 AND A.C.count == 0"),
        ("NOT A.*.count > 0", "A.B.count == 0 AND A.C.count == 0"),
        ("*.B.count < 1", "A.B.count == 0 AND D.B.count == 0"),
        ("*.*.count IN (0)", "A.B.count == 0 AND A.C.count == 0 AND D.B.count == 0"),
        ("A.*.count == 0 AND D.B.count > 1", "A.B.count == 0 AND A.C.count == 0 AND D.B.count > 1"),
        ("A.*.count == 0 OR D.B.count > 1", "A.B.count == 0 AND A.C.count == 0 OR D.B.count > 1"),
        ("A.*.count > 0", None),  # it may hold a category that the ontology has lost
        ("A.*.count < 2", None),
        ("NO.*.count == 0", None),
        ('*."x y".count == 0', None),
    ],
)
def test_a_total_that_is_zero_asks_for_labels_without_each_category(query: str, asked: str | None) -> None:
    parsed = parse(query)
    with pytest.raises(UnsupportedQueryError, match=r"no totals such as .*[\s\S]*local_filter=True"):
        compile_search(parsed, (), SEVERAL)
    assert compile_search(parsed, (), SEVERAL, local_filter=True) == (asked, parsed, parsed)
    assert compile_search(parsed, local_filter=True).text is None or " OR " in query or " AND " in query


def test_what_the_server_can_say_is_left_to_it() -> None:
    parsed = parse("NOT A.B.count > 2")
    assert compile_search(parsed, local_filter=True) == ("A.B.count <= 2", None, parsed)


@pytest.mark.parametrize("response", [None, {}, [], ""])
def test_a_label_without_a_response_satisfies_what_zero_counts_satisfy(response: Any) -> None:
    assert decision(parse("A.B.count == 0"), ONTOLOGY)(response)
    assert not decision(parse("A.B.count > 0"), None)(response)


@pytest.mark.parametrize("search", [None, "", parse("A.B.count > 1")])
def test_what_need_not_be_parsed_is_handed_on(search: Any) -> None:
    assert read_search(search, "error") is search


def test_findings_are_raised_told_or_left() -> None:
    query = parse("A.C.count > 1 AND A.B.count > 3 AND A.B.count < 2")
    found = query.check(ONTOLOGY)
    with pytest.raises(QueryCheckError) as caught:
        compile_search(query, found)
    assert {d.code for d in caught.value.diagnostics} < {d.code for d in found}
    with pytest.warns(QueryWarning) as warned:
        told = compile_search(query, found, check="warn")
    assert len(warned) == len(found)
    assert told == compile_search(query, found, check="off")  # where a warning would be an error
