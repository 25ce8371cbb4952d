"""Faults of the language: repairs that wrote nonsense, and texts that took quadratic time.

`lint --fix` made `!= more than 3` of `is not more than 3`, and `!=in (1,2)` of `!in (1,2)`. Right is: a fix leads to a
text that parses, or of which more is read; a safe one, with the safe ones that follow it, to a query.

`between` and 16,000 spaces took nine seconds. Right is: whatever the text, each pattern takes linear time.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import time
import tomllib
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache
from re import _parser as regex
from types import ModuleType
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings

from kili_query import check
from kili_query.lang import assist
from kili_query.lang.parser import stopped_in
from kili_query.model.spelling import FORMS, Form, normalized
from tests.conftest import SPEC
from tests.lang.test_editing import damaged
from tests.strategies import near_misses

# -- repairs -----------------------------------------------------------------------------------------------------------

REJECTED = [row["text"] for row in tomllib.loads((SPEC / "syntax.toml").read_text("utf-8"))["rejected"]]


def _left(text: str) -> int:
    """How much of a text the parser could not use."""
    stopped = stopped_in(text)
    return -1 if stopped is None else len(text) - stopped.position


def _try_fixes(text: str) -> None:
    for found in check(text):
        if found.fix is None:
            continue
        fixed = found.fix.apply(text)
        if found.fix.safe:
            assert stopped_in(assist.fix_all(text)) is None, (text, found)
        else:
            assert _left(fixed) < max(_left(text), 0), (text, found)


@pytest.mark.parametrize("text", [text for text in REJECTED if len(text) < 2_000], ids=ascii)
def test_a_fix_leads_to_a_query_or_further(text: str) -> None:
    _try_fixes(text)


@example("A.B.count is not more than 3")
@example("A.B.count !in (1,2)")
@example("A.B.countnot in (1)")
@given(damaged() | near_misses())
@settings(max_examples=60, deadline=None)
def test_a_fix_of_a_damaged_text_leads_to_a_query_or_further(text: str) -> None:
    _try_fixes(text)


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("is not more than 3", "<= 3"),
        ("not more than 3", "<= 3"),
        ("NOT more than 3", "<= 3"),
        ("is not at least 3", "< 3"),
        ("is not 3", "!= 3"),
        ("is not equal to 3", "!= 3"),
        ("!in (1,2)", "NOT IN (1,2)"),
        ("! in 2..3", "NOT IN 2..3"),
        ("!between 1 and 3", "NOT IN 1..3"),
        ("is not between 1 and 3", "NOT IN 1..3"),
        ("is not in (1,2)", "NOT IN (1,2)"),
        ("not in (1,2)", "NOT IN (1,2)"),
    ],
)
def test_a_negation_in_words_is_repaired_to_what_it_means(text: str, fixed: str) -> None:
    (found,) = check(f"A.B.count {text}")
    assert found.fix
    assert found.fix.safe
    assert found.fix.apply(f"A.B.count {text}") == f"A.B.count {fixed}"


@pytest.mark.parametrize("text", ["A.B.count is more", "A.B.count != more than 3", "A.B.count > 1 +"])
def test_what_nothing_repairs_has_no_fix(text: str) -> None:
    (found,) = check(text)
    assert found.fix is None


@pytest.mark.parametrize(
    "text", ["(A.B.count > 1", "A.B.count > 1)", "A.B.count > 1, C.D.count > 1", "A.B.count > 1 amd C.D.count > 1",
             "A.B.count5 > 1", "A.B.count => 1 and X"]
)  # fmt: skip
def test_a_guess_is_no_safe_fix(text: str) -> None:
    (found,) = check(text)
    assert found.fix is None or not found.fix.safe


# -- time --------------------------------------------------------------------------------------------------------------


class Use(NamedTuple):
    """A pattern of a module, and how it is asked: at one place, or for each place of a text."""

    name: str
    pattern: re.Pattern[Any]
    everywhere: bool


EVERYWHERE = ("search", "finditer", "findall", "sub", "split")
MODULES = ("kili_query.lang", "kili_query.model", "kili_query.engines", "kili_query.formats", "kili_query.server.search",
           "kili_query.client.wire.documents", "kili_query.client.wire.suggestions", "kili_query.editor.finding.tolerant",
           "kili_query.editor.finding.notebook")  # fmt: skip
EXCUSED = {
    "lang.parser._PIECE[0]": "it is asked of tokens that the grammar has accepted, whose quotes are closed",
    "lang.tokens._COMPARED[0]": "it is asked of the part of a text that the grammar has accepted",
    "editor.finding.tolerant._NAMED[0]": "it is asked of 200 characters",
    "editor.finding.tolerant._KEY[0]": "it is asked of 200 characters",
}
"""Patterns that are quadratic for texts that they are never asked of."""


def _modules() -> Iterator[ModuleType]:
    for name in MODULES:
        module = importlib.import_module(name)
        yield module
        for found in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{name}."):
            yield importlib.import_module(found.name)


def _patterns(value: object) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _patterns(item)
    elif isinstance(value, dict):
        yield from _patterns(list(value.values()))


def _uses() -> dict[str, Use]:
    """Each compiled pattern of the modules that look at texts of others."""
    found: dict[str, Use] = {}
    for module in _modules():
        asked = set(re.findall(rf"\b(\w+)\.(?:{'|'.join(EVERYWHERE)})\b", inspect.getsource(module)))
        for name, value in vars(module).items():
            for number, pattern in enumerate(_patterns(value)):
                everywhere = name in asked
                key = f"{module.__name__.removeprefix('kili_query.')}.{name}[{number}]"
                if pattern not in [use.pattern for use in found.values()] or everywhere:
                    found[key] = Use(key, pattern, everywhere)
    return found


USES = _uses()


def _sample(items: Any) -> str:
    """A text that a parsed pattern matches, more or less."""
    return "".join(_sample_of(code, value) for code, value in items)


def _sample_of(code: Any, value: Any) -> str:
    match str(code):
        case "LITERAL":
            return chr(value)
        case "NOT_LITERAL":
            return "x" if chr(value) != "x" else "y"
        case "ANY":
            return "x"
        case "IN":
            return _sample_of_class(value)
        case "SUBPATTERN":
            return _sample(value[3])
        case "ATOMIC_GROUP":
            return _sample(value)
        case "BRANCH":
            return _sample(value[1][0])
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            return _sample(value[2]) * max(int(value[0]), 1)
    return ""


def _sample_of_class(items: Any) -> str:
    inside = re.compile("".join(("[", *map(_written, items), "]")), re.DOTALL)
    return next((char for char in "a1 \"'.x(,=<AO\t\n#\\é≤\u201c`" if inside.match(char)), "a")


def _written(item: Any) -> str:
    code, value = item
    match str(code):
        case "LITERAL":
            return re.escape(chr(value))
        case "RANGE":
            return f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}"
        case "NEGATE":
            return "^"
    return {"CATEGORY_DIGIT": r"\d", "CATEGORY_NOT_DIGIT": r"\D", "CATEGORY_SPACE": r"\s", "CATEGORY_NOT_SPACE": r"\S",
            "CATEGORY_WORD": r"\w", "CATEGORY_NOT_WORD": r"\W"}[str(value)]  # fmt: skip


def _pumps(items: Any, before: str = "") -> Iterator[tuple[str, str]]:
    """For each repeated part of a pattern: what comes before it, and what can be repeated there."""
    for code, value in items:
        name = str(code)
        if name.endswith("_REPEAT"):
            if value[1] > 8:
                for branch in _branches(value[2]):
                    yield before, branch
            yield from _pumps(value[2], before)
        elif name == "SUBPATTERN":
            yield from _pumps(value[3], before)
        elif name == "BRANCH":
            for branch in value[1]:
                yield from _pumps(branch, before)
        elif name == "ATOMIC_GROUP":
            yield from _pumps(value, before)
        before += _sample_of(code, value)


def _branches(items: Any) -> Iterator[str]:
    whole = _sample(items)
    yield whole
    for code, value in items:
        inner = value[3] if str(code) == "SUBPATTERN" else [(code, value)]
        for kind, branches in inner:
            if str(kind) == "BRANCH":
                yield from (_sample(branch) for branch in branches[1])


PIECES = (" ", "a", "1", '"', '\\"', "\\", "'", "a ", " .", "(", "#\n", "# ", "\n", "-", "NOT", "WHERE ", "A.B ", ", 1")
"""What hurts besides: parts of the language and of its neighbours, repeated."""


@cache
def _hurting(pattern: re.Pattern[Any], everywhere: bool) -> tuple[tuple[str, str, str], ...]:
    text = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    parsed = regex.parse(text, pattern.flags & ~int(re.UNICODE if isinstance(pattern.pattern, bytes) else 0))
    pumps = {(before, piece) for before, piece in _pumps(parsed) if piece}
    begins = {before for before, _ in pumps} | {""}
    pumps |= {(before, piece) for before in begins for piece in PIECES} if len(begins) < 12 else set()
    return tuple((before, piece, end) for before, piece in sorted(pumps) for end in ("\x01", *("x",) * everywhere))


def _cost(action: Callable[[], object], times: int = 1) -> float:
    best = float("inf")
    for _ in range(times):
        start = time.thread_time()
        action()
        best = min(best, time.thread_time() - start)
    return best


NEGLIGIBLE = 0.004
"""Seconds that no quadratic pattern could do with: 4,000 characters make 8 million steps."""


def _is_linear(act: Callable[[int], object], negligible: float = NEGLIGIBLE) -> bool:
    """True if eight times the text takes less than 24 times as long. Quadratic would be 64, cubic 512 times."""
    for size in (250, 1_000):  # what is cubic must not take all day
        if _cost(lambda size=size: act(size)) > 0.1:  # type: ignore[misc]
            return False
    if _cost(lambda: act(4_000)) < negligible:
        return True
    for _ in range(3):
        short, long = _cost(lambda: act(500), 5), _cost(lambda: act(4_000), 2)
        if long < 24 * max(short, 1e-5):
            return True
    return False


@pytest.mark.parametrize("name", sorted(USES.keys() - EXCUSED.keys()))
def test_a_pattern_takes_linear_time_on_texts_made_to_hurt_it(name: str) -> None:
    _, pattern, everywhere = USES[name]
    ask = (lambda text: sum(1 for _ in pattern.finditer(text))) if everywhere else pattern.match
    for before, piece, end in _hurting(pattern, everywhere):

        def act(size: int, before: str = before, piece: str = piece, end: str = end) -> object:
            text: Any = before + piece * (size // len(piece)) + end
            return ask(text if isinstance(pattern.pattern, str) else text.encode("utf-8"))

        assert _is_linear(act), (before, piece, end)


def test_a_quadratic_pattern_would_be_noticed() -> None:
    pattern = re.compile(r"between\s*\(?\s*\d")
    pumps = _hurting(pattern, False)
    assert not all(
        _is_linear(lambda size, b=before, p=piece, e=end: pattern.match(b + p * size + e))  # type: ignore[misc]
        for before, piece, end in pumps
    )


BEGINS = ("", "A", "A.", "A.B", "A.B.count", "A.B.count ", "A.B.count between", "A.B.count > ", "A.B.count > 1", "A.B.count > 1 ",
          "A.B.count NOT ", "A.B.count IN ", "A.B.count IN (", "A.B.count IN (1", "A.B.count IN 1", "1 <", "'", '"', "SELECT ",
          "count(A.B", "A.[B", "/*")  # fmt: skip
REPEATED = (
    " ",
    "a",
    "9",
    '\\"',
    "\u0301\u0316",
    "NOT",
    "not ",
    "(",
    ")",
    ".B",
    ", 1",
    "A.B.count > 1 AND ",
    "&gt;",
    "#\n",
    "é",
    "\u00a0",
    "[",
)


@pytest.mark.parametrize("begin", BEGINS, ids=ascii)
def test_a_text_that_is_no_query_is_told_so_in_linear_time(begin: str) -> None:
    for repeated in REPEATED:
        assert _is_linear(lambda size, r=repeated: check(begin + r * (size // len(r)) + "\x01"), 0.05), repeated  # type: ignore[misc]


LARGE = {
    "(": "(" * 999_999,
    ")": ")" * 999_999,
    "( ": "( " * 499_999,
    "(query": "(" * 900_000 + "A.B.count > 1",
    "(query)": "(" * 490_000 + "A.B.count > 1" + ")" * 490_000,
    "()": "(" * 490_000 + ")" * 490_000,
    "NOT": "NOT " * 250_000,
    "NOT(": "A.B.count > 1 AND " + "NOT(" * 240_000,
    "NOTNOT": "NOT" * 333_333,
}
"""Texts of a megabyte of which the parser of old took ten seconds, a token for each parenthesis or NOT."""


@pytest.mark.parametrize("name", LARGE)
def test_a_megabyte_of_parentheses_takes_no_longer_than_one_of_comparisons(name: str) -> None:
    assert _cost(lambda: check(LARGE[name]), 2) < 2


def test_many_nots_are_too_many_only_right_inside_of_one_another() -> None:
    many = "NOT " * 20_000
    (found,) = check(many + "A.B.count > 1")
    assert (found.code, found.span.start) == ("KQ117", 4 * 1000)
    assert check(f"# {many}\nA.B.count > 1") == []
    assert check(f'J."{many}".count > 0') == []
    assert [told.code for told in check("NOT A.B.count > 1 AND " * 20_000 + "A.B.count > 1")] == ["KQ302"]
    assert check(many + '"') != []


@pytest.mark.parametrize(
    "piece", ["\u0301\u0316", "\uff9e\u0316", "\u0f73\u0316", "\u0345" * 40 + "\u0316" * 40], ids=ascii
)
def test_texts_are_normalized_in_linear_time(piece: str) -> None:
    assert _is_linear(lambda size: normalized("NFKC", "a" + piece * (size // len(piece))))


@pytest.mark.parametrize("form", FORMS)
def test_long_texts_get_the_unicode_form_that_short_ones_get(form: Form) -> None:
    for text in ("cafe\u0301 한글 \uff76\uff9e ﬁ \u0958 a\u0316\u0301\u0345 ", "\u0f73\u0f74 ", "é\u0316" * 3):
        assert normalized(form, text * 300) == unicodedata.normalize(form, text * 300)
    assert unicodedata.normalize(form, normalized(form, "e" + "\u0301" * 5000)) == normalized(
        form, "e" + "\u0301" * 5000
    )
