"""How findings are shown, and how errors travel."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import pytest

from kili_query import (
    DataError,
    Diagnostic,
    Fix,
    KiliQueryError,
    Ontology,
    QueryCheckError,
    QuerySyntaxError,
    Span,
    UnsupportedQueryError,
    check,
    parse,
)
from kili_query.errors import CODES, Severity, line_and_column, render_all


def _shown(source: str, start: int, end: int) -> list[str]:
    """The lines below the headline."""
    return Diagnostic("KQ101", "m", Span(start, end)).render(source).split("\n")[1:]


@pytest.mark.parametrize(
    ("source", "span", "expected"),
    [
        ("A > 1", (2, 3), ["  A > 1", "    ^"]),
        ("A > 1", (0, 5), ["  A > 1", "  ^^^^^"]),
        ("A > 1", (3, 3), ["  A > 1", "     ^"]),
        ("A >", (3, 3), ["  A >", "     ^"]),
        ("A >   ", (6, 6), ["  A >", "     ^"]),
        ("", (0, 0), []),
        ("  \n ", (4, 4), []),
        ("A\t> 1", (2, 3), ["  A > 1", "    ^"]),
        ("字 > 1", (2, 3), ["  字 > 1", "     ^"]),
        ("字字 > 1", (0, 2), ["  字字 > 1", "  ^^^^"]),
        ("e\u0301 > 1", (3, 4), ["  e\u0301 > 1", "    ^"]),
        ("e\u0301x", (2, 3), ["  e\u0301x", "   ^"]),
        ("\u0301", (0, 1), ["  \u0301", "  ^"]),
        ("A\x00B", (1, 2), ["  A\ufffdB", "   ^"]),
        ("A\x1b[31mB", (1, 2), ["  A\ufffd[31mB", "   ^"]),
        ("A\n> 1", (2, 3), ["  line 2:", "  > 1", "  ^"]),
        ("A > 1\n\n\nB", (8, 9), ["  line 4:", "  B", "  ^"]),
        ("A\nBC\nD", (0, 6), ["  line 1:", "  A", "  ^"]),
        ("A\nBC\nD", (3, 6), ["  line 2:", "  BC", "   ^"]),
        ("A AND\n", (6, 6), ["  A AND", "       ^"]),
    ],
)
def test_carets_stand_below_the_marked_text(source: str, span: tuple[int, int], expected: list[str]) -> None:
    assert _shown(source, *span) == expected


@pytest.mark.parametrize("at", [0, 3, 59, 60, 61, 500, 939, 940, 941, 998])
def test_long_lines_are_cropped_around_the_marked_text(at: int) -> None:
    source = "x" * at + "AB" + "y" * (998 - at)
    line, carets = _shown(source, at, at + 2)
    assert len(line) <= 2 + 1 + 60 + 60 + 2 + 1
    assert line[carets.index("^") : carets.index("^") + 2] == "AB"
    assert carets.strip() == "^^"
    assert line.startswith("  …") is (at > 60)
    assert line.endswith("…") is (at < 940)


def test_a_long_marked_text_is_cropped_too() -> None:
    line, carets = _shown("(" + "x" * 100_000 + ")", 1, 100_001)
    assert len(line) < 200
    assert len(carets) <= len(line)
    assert set(carets.strip()) == {"^"}


def test_hint_and_headline_frame_the_excerpt() -> None:
    found = Diagnostic("KQ305", "the message", Span(0, 1), "the hint")
    assert found.render("A") == "hint[KQ305]: the message\n  A\n  ^\n  hint: the hint"


@pytest.mark.parametrize(("code", "tone"), [("KQ101", "\x1b[1;31m"), ("KQ301", "\x1b[1;33m"), ("KQ305", "\x1b[1;36m")])
def test_colours_are_used_only_when_asked_for(code: str, tone: str) -> None:
    found = Diagnostic(code, "m", Span(0, 1), "h")
    plain, painted = found.render("A > 1"), found.render("A > 1", color=True)
    assert "\x1b" not in plain
    assert painted.startswith(tone)
    assert painted.count(tone) == 2
    stripped = painted
    for paint in (tone, "\x1b[1m", "\x1b[2m", "\x1b[0m"):
        stripped = stripped.replace(paint, "")
    assert stripped == plain


def test_findings_as_data_tell_line_and_column() -> None:
    found = Diagnostic("KQ105", "m", Span(4, 5), "h", Fix(Span(4, 5), "=="))
    data = {"code": "KQ105", "severity": "error", "message": "m", "hint": "h", "span": {"start": 4, "end": 5}}
    fix = {"span": {"start": 4, "end": 5}, "text": "==", "safe": True}
    assert found.to_dict() == data | {"fix": fix}
    assert found.to_dict("A\nB = 1") == data | {"fix": fix, "line": 2, "column": 3}
    assert Diagnostic("KQ103", "m", Span(0, 0)).to_dict()["fix"] is None


@pytest.mark.parametrize(("offset", "expected"), [(0, (1, 1)), (1, (1, 2)), (2, (2, 1)), (4, (2, 3)), (5, (3, 1))])
def test_lines_and_columns_start_at_one(offset: int, expected: tuple[int, int]) -> None:
    assert line_and_column("a\nbc\n", offset) == expected


def test_codes_are_grouped_and_have_titles() -> None:
    assert all(row.title and row.title[-1] != "." for row in CODES.values())
    assert {code[:3] for code in CODES} == {"KQ1", "KQ2", "KQ3", "KQ4", "KQ5"}
    assert all(str(CODES[code].severity) == "error" for code in CODES if code.startswith("KQ1"))


# -- exceptions --------------------------------------------------------------------------------------------------------

ONTOLOGY = Ontology.from_json_interface({"jobs": {"J": {"content": {"categories": {"A": {}}}}}})


CAUSES: dict[type[KiliQueryError], Callable[[], object]] = {
    QuerySyntaxError: lambda: parse("A.B.count = 1"),
    QueryCheckError: lambda: parse("J.B.count > 1 AND X.A.count < 0").require(ONTOLOGY),
    UnsupportedQueryError: lambda: parse('J."a b".count > 1').to_server(),
    DataError: lambda: Ontology.from_json_interface({"jobs": []}),
}


def _raised(kind: type[KiliQueryError]) -> KiliQueryError:
    with pytest.raises(kind) as caught:
        CAUSES[kind]()
    return caught.value


@pytest.mark.parametrize("kind", [QuerySyntaxError, QueryCheckError, UnsupportedQueryError, DataError])
def test_errors_survive_pickling(kind: type[KiliQueryError]) -> None:
    error = _raised(kind)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error)
    assert vars(again) == vars(error)


@pytest.mark.parametrize("kind", [QuerySyntaxError, QueryCheckError, UnsupportedQueryError])
def test_errors_of_queries_show_all_they_found(kind: type[KiliQueryError]) -> None:
    error = _raised(kind)
    assert isinstance(error, (QuerySyntaxError, QueryCheckError, UnsupportedQueryError))
    assert error.diagnostics
    assert str(error) == render_all(error.diagnostics, error.source)


def test_the_families_of_errors_are_as_drawn() -> None:
    for kind in (QuerySyntaxError, QueryCheckError, UnsupportedQueryError, DataError):
        assert issubclass(kind, KiliQueryError)
    assert issubclass(QuerySyntaxError, ValueError)
    assert issubclass(DataError, ValueError)
    assert not issubclass(QueryCheckError, ValueError)


def test_require_raises_errors_alone() -> None:
    error = _raised(QueryCheckError)
    assert isinstance(error, QueryCheckError)
    assert [d.code for d in error.diagnostics] == ["KQ202", "KQ201"]
    warned = parse("J.A.count < 0")
    assert warned.require(ONTOLOGY) is warned


@pytest.mark.parametrize("text", ['  J."a b".count>1', 'J.A.count>1 AND J."a b".count > 1 # c'])
def test_an_unsupported_name_is_marked_in_the_source_of_the_error(text: str) -> None:
    with pytest.raises(UnsupportedQueryError) as caught:
        parse(text).to_server()
    (found,) = caught.value.diagnostics
    assert caught.value.source[slice(*found.span)] == '"a b"'


def test_data_errors_gather_places_from_the_inside_out() -> None:
    error = DataError("is broken", where="$.x")
    assert str(error.at("file.json")) == "file.json: $.x: is broken"
    assert str(DataError("is broken").at("file.json")) == "file.json: is broken"
    assert str(DataError("is broken")) == "is broken"
    assert error.at("file.json").code == error.code == "KQ501"


@pytest.mark.parametrize("text", [None, 5, b"A.B.count > 1", ["A"]])
def test_only_text_is_parsed(text: object) -> None:
    with pytest.raises(TypeError, match="a query is text"):
        parse(text)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a query is text"):
        check(text)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("begin", "repeated"),
    [
        ("A.B.count IN (", " "),
        ("A.B.count IN [", "\t"),
        ("A.B.count NOT ", "\n"),
        ("A.B.count IN (1", " , "),
        ("A.B.count == 1", ", 1"),
        ("A.B.count > 1", ".000"),
        ("A.B.count ", "&gt;"),
        ("A.B.count", ".count"),
        ("A", " & B"),
    ],
)
def test_a_text_that_repeats_itself_is_diagnosed_in_time(begin: str, repeated: str) -> None:
    (found,) = check(begin + repeated * (400_000 // len(repeated)) + " x")  # hours, if it did
    assert found.severity is Severity.ERROR
