"""Laws of what editors ask of the language, over the corpus: each prefix of each text, and texts damaged at random."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kili_query import Ontology
from kili_query.errors import Diagnostic, Fix, Severity
from kili_query.lang import assist
from tests.conftest import SPEC

FUZZ = int(os.environ.get("KILI_QUERY_FUZZ", "0"))
ONTOLOGY = Ontology.from_json_interface(
    json.loads((SPEC / "ontology.json").read_text("utf-8"))["jsonInterface"], "IMAGE"
)
SYNTAX = tomllib.loads((SPEC / "syntax.toml").read_text("utf-8"))
CHECKS = tomllib.loads((SPEC / "checks.toml").read_text("utf-8"))["checks"]
TEXTS = [row["text"] for row in (*SYNTAX["accepted"], *SYNTAX["rejected"], *CHECKS)]
QUERIES = [row["text"] for row in (*SYNTAX["accepted"], *CHECKS[:40])]
PIECES = (
    *'AB. ><=!01()[]{}"“\',#\n\\-/~:;éＡ＞．–…`',
    *("count", "AND", "OR", "NOT", "IN", "not", "and", "..", "(1, 2)", "2..5", "1.5", "5.", "between", "x", "//"),
    *("A.B.count", "A.B.count > 1", "OBJECTS.", "COUNT(A.B)", "\u00a0", "\u200b", "\0", "\x1b", "\ud800"),
)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """A text of the corpus with pieces put in, taken out and repeated."""
    text: str = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.sampled_from((0, 0, 1, 2, 5))))
        piece = draw(st.sampled_from((*PIECES, text[end : end + 9], "")))
        text = text[:start] + piece + text[end:]
    return text[:300]


def _syntax_error(found: list[Diagnostic]) -> Diagnostic | None:
    return next((d for d in found if d.code.startswith("KQ1")), None)


def _check_findings(text: str) -> None:
    found = assist.diagnose(text, ONTOLOGY)
    for diagnostic in found:
        assert 0 <= diagnostic.span.start <= diagnostic.span.end <= len(text)
        assert (diagnostic.message + (diagnostic.hint or "")).isprintable()
    errors = sum(d.severity is Severity.ERROR for d in found)
    for repair in assist.quick_fixes(text, ONTOLOGY, found):
        fix = repair.fix
        assert 0 <= fix.span.start <= fix.span.end <= len(text)
        assert repair.title.isprintable()
        fixed = fix.apply(text)
        assert fixed != text
        if not repair.preferred:
            continue
        after = assist.diagnose(fixed, ONTOLOGY)
        # of many extra parentheses at the same place one goes at a time
        assert repair.diagnostic not in after or len(fixed) < len(text), fixed
        if _syntax_error(found) is None:
            assert _syntax_error(after) is None, fixed
            assert sum(d.severity is Severity.ERROR for d in after) <= errors, fixed
    repaired = assist.fix_all(text, ONTOLOGY)
    assert assist.fix_all(repaired, ONTOLOGY) == repaired
    laid_out = assist.format_text(text)
    assert (laid_out is None) is (_syntax_error(found) is not None)
    assert laid_out is None or assist.format_text(laid_out) == laid_out


def _check_places(text: str, offset: int) -> None:
    for completion in assist.complete(text, offset, ONTOLOGY):
        start, end = completion.span
        assert 0 <= start <= offset <= end <= len(text)
        assert text[start:offset] == completion.typed
    hover = assist.hover(text, offset, ONTOLOGY)
    assert hover is None or 0 <= hover.span.start <= offset < hover.span.end <= len(text)
    name = assist.name_at(text, offset)
    if name:
        assert name.span.start <= offset <= name.span.end
        assert name.span in [fix.span for fix in assist.renames(text, name, "new name")]


def _check_words(text: str) -> None:
    last = 0
    for word in assist.words(text):
        assert last <= word.span.start < word.span.end <= len(text)
        assert text[slice(*word.span)] == word.text
        last = word.span.end
    for symbol in assist.symbols(text, ONTOLOGY):
        assert 0 <= symbol.span.start <= symbol.selection.start <= symbol.selection.end <= symbol.span.end <= len(text)
    assert all(0 < hint.offset <= len(text) for hint in assist.hints(text, ONTOLOGY))


@pytest.mark.parametrize("text", [text for text in TEXTS if len(text) < 60], ids=ascii)
def test_each_prefix_is_found_right_or_wrong_in_its_place_and_repaired(text: str) -> None:
    for end in range(len(text) + 1):
        _check_findings(text[:end])
        _check_words(text[:end])


@given(damaged(), st.floats(0, 1))
@settings(max_examples=FUZZ or 150, deadline=None)
def test_damaged_texts_are_found_wrong_in_their_place_and_repaired(text: str, share: float) -> None:
    _check_findings(text)
    _check_words(text)
    _check_places(text, round(share * len(text)))


def _can_go_on(text: str) -> bool:
    """True if more text could make a query of this."""
    error = _syntax_error(assist.diagnose(text))
    return error is None or error.code in ("KQ102", "KQ103", "KQ111") or error.span.start >= len(text.rstrip())


def _prefixes() -> Iterator[str]:
    for text in QUERIES:
        yield from (text[:end] for end in range(min(len(text), 100) + 1))


def test_what_is_proposed_can_be_gone_on_with() -> None:
    for text in filter(_can_go_on, dict.fromkeys(_prefixes())):
        for completion in assist.complete(text, len(text), ONTOLOGY):
            gone_on = Fix(completion.span, completion.text).apply(text)
            assert _can_go_on(gone_on), (text, gone_on)


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        ("CAR > 1", ["replace `CAR` with `OBJECTS.CAR.count`"]),
        ("CAR.count > 1", ["replace `CAR` with `OBJECTS.CAR`"]),
        ("Lorry > 1", ["replace `Lorry` with `OBJECTS.TRUCK.count`"]),
        ("TONE.count > 1", ["insert `*.`", "replace `TONE` with `TONE.HARSH`", "replace `TONE` with `TONE.MILD`"]),
        ("A.B.count > 1\0", ["remove `\N{REPLACEMENT CHARACTER}`"]),
    ],
)
def test_a_name_that_stands_alone_is_completed_to_the_counts_that_it_can_mean(text: str, titles: list[str]) -> None:
    found = assist.quick_fixes(text, ONTOLOGY)
    assert [repair.title for repair in found] == titles
    for repair in found:
        assert _syntax_error(assist.diagnose(repair.fix.apply(text))) is None
