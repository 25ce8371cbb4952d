"""What is passed over unread cannot match: one record at a time, and a block of lines at a time; needles are found wherever they stand."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_query import DataError, Query, parse
from kili_query.engines import skipping
from kili_query.engines.memory import compile_predicate
from kili_query.engines.necessary import gate, necessary
from kili_query.engines.scan import Scanner
from kili_query.engines.skipping import Needle, Sieve
from kili_query.lang.ast import Node
from kili_query.model.kili import PSEUDO_JOBS
from kili_query.model.labels import DEFAULT_LABEL_TYPES
from kili_query.offline.select import Summary, select
from tests.engines.test_scan import boxes, common, expected_of, plain_assets, queries, records, written

# -- needles -----------------------------------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.text('ab"\\R', min_size=1, max_size=4), st.integers(1, 40)), min_size=1, max_size=30),
    st.data(),
)
def test_a_needle_is_found_wherever_it_stands(pieces: list[tuple[str, int]], data: st.DataObject) -> None:
    """Whatever was rare where it was first looked for, and is not rare later."""
    buffer = "".join(text * times for text, times in pieces).encode()
    text = data.draw(st.text('ab"R', min_size=1, max_size=3)).encode()
    needle = Needle(text)
    for _ in range(3):
        start, end = sorted(data.draw(st.tuples(st.integers(0, len(buffer)), st.integers(0, len(buffer)))))
        found = [start + match.start() for match in re.finditer(b"(?=%b)" % re.escape(text), buffer[start:end])]
        assert needle.places(buffer, start, end) == found


def test_a_letter_that_is_rare_at_first_costs_no_place_later() -> None:
    needle, rare, often = Needle(b'"R"'), b"x" * 70_000 + b'"R"', b"R" * 5_000 + b'"R""R"'
    assert needle.places(rare, 0, len(rare)) == [70_000]
    assert needle.places(often, 0, len(often)) == [5_000, 5_003]
    assert needle.places(rare, 0, len(rare)) == [70_000]


@given(
    st.lists(
        st.sampled_from(["\\", "\\\\", '\\"', "\\n", "\\u0041", "\\u00e9", "\\u005a", "u0041", "x", "\\u5b57"]),
        max_size=200,
    )
)
def test_every_escape_that_can_hide_a_letter_is_found(pieces: list[str]) -> None:
    text = f'"{"".join(pieces)}"'
    try:
        json.loads(text)
    except ValueError:
        return
    hides = any(re.fullmatch(r"\\u00[2-7].", part) for part in re.findall(r"\\u....|\\.|.", text))
    found = skipping._hidden(text.encode(), 0, len(text))
    assert bool(found) >= hides
    if len(pieces) < 30:
        assert bool(found) == hides


# -- what is looked for ------------------------------------------------------------------------------------------------


@given(queries, st.dictionaries(st.sampled_from(["A", "B", "J", "K", "traffic light"]), st.integers(0, 4)))
def test_a_record_that_can_match_passes_the_gate(tree: Node, written: dict[str, int]) -> None:
    weaker = necessary(tree)
    if weaker is not None and compile_predicate(weaker)({("", name): number for name, number in written.items()}):
        assert any(written.get(name, 0) >= number for name, number in gate(weaker))


def test_for_many_names_records_are_decoded() -> None:
    few = " OR ".join(f"J.C{i}.count > 0" for i in range(skipping.MAX_NAMES))
    assert Sieve.of(parse(few).tree)
    assert Sieve.of(parse(f"{few} OR J.X.count > 0").tree) is None
    assert Sieve.of(parse(f"({few} OR J.X.count > 0) AND J.Y.count > 1").tree)
    assert Sieve.of(parse("J.A.count == 0").tree) is None


def test_what_looks_like_an_answer_and_is_none_is_known() -> None:
    assert all(skipping.NO_ANSWER in job.encode() for job in PSEUDO_JOBS)


# -- blocks of lines ---------------------------------------------------------------------------------------------------


def _skims_exactly(lines: list[bytes], query: Query, newline: bytes = b"\n") -> int:
    """Each line that is passed is one label that does not match, and all others are kept, in order; how many were passed."""
    block = newline.join(lines) + newline
    with patch.object(skipping, "MIN_SKIPPED", 0):
        skimmed = Scanner.of_query(query.tree).skim(block, 0, len(block))
    if skimmed is None:
        assert Sieve.of(query.tree) is None
        return 0
    assert skimmed.lines == len(lines)
    kept = {line.number: block[line.start : line.end] for line in skimmed.kept}
    assert list(kept) == sorted(kept)
    held = [number for number, line in enumerate(lines) if line.strip()]
    assert len(kept) + skimmed.passed == len(held)
    for number in held:
        if number in kept:
            assert kept[number].rstrip(b"\r") == lines[number].rstrip(b"\r")
            continue
        try:
            expected = expected_of(lines[number], query, None, DEFAULT_LABEL_TYPES)
        except DataError:
            continue  # nobody has looked
        assert not expected.matched
        if not expected.problems:
            assert (expected.labels, expected.empty) == (1, 0)
    return skimmed.passed


_lines = st.lists(
    (written(records()) | written(plain_assets())).map(lambda text: text.replace(b"\n", b" ")) | st.sampled_from([b"", b" ", b"{}", b"{"]),
    min_size=1, max_size=6,
)  # fmt: skip


@given(_lines, queries | common, st.sampled_from([b"\n", b"\r\n"]))
def test_a_block_of_any_lines_gives_what_the_definition_gives(lines: list[bytes], tree: Node, newline: bytes) -> None:
    _skims_exactly(lines, Query(tree), newline)


def _line(response: object, **more: object) -> bytes:
    return json.dumps({"externalId": "a", "labels": [{"jsonResponse": response, **more}]}).encode()


COMPACT = json.dumps({"labels": [{"jsonResponse": boxes("A", "A")}]}, separators=(",", ":")).encode()
SPACED = _line(boxes("A", "A"))
ODD: dict[str, bytes] = {
    "other spacing": COMPACT,
    "space around colons": SPACED.replace(b":", b" : "),
    "a tab before a value": SPACED.replace(b'": "A"', b'":\t"A"'),
    "an escaped name": SPACED.replace(b'"A"', b'"\\u0041"'),
    "one name escaped and one not": SPACED.replace(b'"A"', b'"\\u0041"', 1),
    "an escaped key": SPACED.replace(b'"name"', b'"\\u006eame"'),
    "an escaped backslash": _line(boxes("A", "A"), note="\\u0041"),
    "names in a text": _line({**boxes("B"), "T": {"text": 'he said "A", "A" and "jsonResponse": {"'}}),
    "a key with a quote in it": SPACED.replace(b'"jsonResponse"', b'"\\"jsonResponse"'),
    "a longer key": SPACED.replace(b'"jsonResponse"', b'"xjsonResponse"'),
    "a type with a quote in it": _line(boxes("B"), labelType="AUTOSAVE").replace(b'"labelType"', b'"\\"labelType": "DEFAULT", "labelType"'),
    "two types": _line(boxes("B"), labelType="DEFAULT").replace(b'"DEFAULT"', b'"DEFAULT", "labelType": "AUTOSAVE"'),
    "two responses": SPACED.replace(b'{"jsonResponse"', b'{"jsonResponse": {}, "jsonResponse"'),
    "a category twice": SPACED.replace(b'"name": "A"', b'"name": "B", "name": "A"'),
    "a response as text": _line(json.dumps(boxes("A", "A"))),
    "an answer with a quote in its key": _line({"J": {'"categories': [{"name": "A"}]}}),
    "categories that are no answer": _line({"ROTATION_JOB": boxes("A")["J"]}),
    "an autosave": _line(boxes("B"), labelType="AUTOSAVE"),
    "nothing": _line({}),
    "spaces behind it": SPACED + b" \t",
    "cut off": SPACED[:-1],
}  # fmt: skip


@pytest.mark.parametrize(
    "text", ["J.A.count > 1", "J.B.count > 0", "J.A.count > 0 AND J.B.count > 0", "J.C.count > 0 OR J.A.count == 1"]
)
@pytest.mark.parametrize("what", ODD)
def test_a_line_unlike_those_around_it_is_read_as_it_is_written(what: str, text: str) -> None:
    plain = [_line(boxes("A", "A")), _line(boxes("C", "B", "B"))] * 3
    for lines in ([ODD[what]], [*plain, ODD[what], *plain], [COMPACT, ODD[what], SPACED]):
        _skims_exactly(lines, parse(text))


def test_plain_lines_are_passed() -> None:
    lines = [
        _line(boxes("A", "B", "B")),
        COMPACT,
        _line({**boxes("B"), "T": {"text": 'say "A"\n'}}, labelType="REVIEW"),
    ]
    assert _skims_exactly(lines * 5, parse("J.C.count > 0")) == 15
    assert _skims_exactly(lines * 5, parse("J.A.count > 1")) == 10


# -- files -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_lines_keep_their_numbers_whatever_is_passed_over(tmp_path: Path, newline: bytes, workers: int) -> None:
    def line(number: int, *names: str) -> bytes:
        return json.dumps(
            {"externalId": f"a{number}", "padding": "x" * 5_000, "labels": [{"jsonResponse": boxes(*names)}]}
        ).encode()

    lines: list[bytes] = [
        line(i, "A") if i % 50 == 7 else b"" if i % 50 == 9 else b"{]" if i % 50 == 11 else line(i, "B")
        for i in range(300)
    ]
    path = tmp_path / "labels.ndjson"
    path.write_bytes(newline.join(lines))
    found: list[Any] = []
    summary = Summary()
    for part in select(parse("J.A.count > 0"), path, workers=workers, data=False):
        found += [(hit.external_id, hit.where.line) for hit in part.hits]
        summary.add(part.summary)
    assert found == [(f"a{i}", i + 1) for i in range(7, 300, 50)]
    assert [re.findall(r"line (\d+)", str(problem)) for problem in summary.problems] == [
        [str(i + 1)] for i in range(11, 300, 50)
    ]
    assert (summary.records, summary.labels, summary.unreadable) == (288, 288, 6)
    assert summary.undecoded > 200
