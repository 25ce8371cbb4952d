"""What editors ask of the language, without an editor: completion, hover, repairs, names; in texts that are not finished."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_query import Ontology, parse
from kili_query.errors import Fix, Severity, Span
from kili_query.lang import assist
from kili_query.lang.assist import Kind, Role
from kili_query.lang.assist.markdown import block, code, plain, prose
from kili_query.lang.ast import Comparison, leaves
from kili_query.lang.tokens import partials
from tests.conftest import SPEC

CARET = "‸"
ACCEPTED = [row["text"] for row in tomllib.loads((SPEC / "syntax.toml").read_text("utf-8"))["accepted"]]
REJECTED = [row["text"] for row in tomllib.loads((SPEC / "syntax.toml").read_text("utf-8"))["rejected"]]
SHORT = [text for text in ACCEPTED if len(text) < 200]


@pytest.fixture(scope="module")
def ontology() -> Ontology:
    return Ontology.from_json_interface(json.loads((SPEC / "ontology.json").read_text("utf-8")))


def labels(marked: str, ontology: Ontology | None) -> list[str]:
    return [c.label for c in assist.complete(marked.replace(CARET, ""), marked.index(CARET), ontology)]


# -- completion --------------------------------------------------------------------------------------------------------

JOBS = ["OBJECTS", "COLOR", "WEATHER", "TOPICS", "KIND", "TONE", "LINKS", "ORPHAN", "HELPER"]
CATEGORIES = ["CAR", "TRUCK", "traffic light", "BUS", "COACH"]
OPERATORS = [">", ">=", "==", "<", "<=", "!=", "IN", "NOT IN"]


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        ("‸", [*JOBS, "*", "NOT", "("]),
        ("  (‸", [*JOBS, "*", "NOT", "("]),
        ("NOT ‸", [*JOBS, "*", "NOT", "("]),
        ("OBJECTS.CAR.count > 1 AND ‸", [*JOBS, "*", "NOT", "("]),
        ("OBJ‸", ["OBJECTS"]),
        ("obj‸", ["OBJECTS"]),
        ("vehic‸", ["OBJECTS"]),
        ("OBJETCS‸", ["OBJECTS"]),
        ("WE‸ATHER.SUN.count > 0", ["WEATHER"]),
        ("OBJECTS.‸", [*CATEGORIES, "*"]),
        ("OBJECTS . ‸", [*CATEGORIES, "*"]),
        ('"OBJECTS".‸', [*CATEGORIES, "*"]),
        ("OBJECTS.tra‸", ["traffic light"]),
        ('OBJECTS."traf‸', ["traffic light"]),
        ("OBJECTS.motor‸", ["CAR"]),
        ("TONE.‸", ["HARSH", "MILD", "*"]),
        ("CAPTION.‸", []),
        ("NOWHERE.‸", []),
        ("*‸", ["*"]),
        ("*.MIL‸", ["MILD"]),
        ("OBJECTS.*‸", ["*"]),
        ("OBJECTS.*.‸", ["count"]),
        ("WEATHER.*.count == ‸", ["0", "1"]),
        ("OBJECTS.CAR.‸", ["count"]),
        ("OBJECTS.CAR.co‸", ["count"]),
        ("OBJECTS.CAR.count ‸", OPERATORS),
        ("OBJECTS.CAR.count‸", ["count", *OPERATORS]),
        ("OBJECTS.CAR.count =‸", ["=="]),
        ("OBJECTS.CAR.count > ‸", ["0", "1", "2", "3", "5", "10"]),
        ("OBJECTS.CAR.count >= ‸", ["1", "2", "3", "5", "10"]),
        ("WEATHER.SUN.count == ‸", ["0", "1"]),
        ("WEATHER.SUN.count >= ‸", ["1"]),
        ("TONE.HARSH.count > ‸", ["0", "1"]),
        ("OBJECTS.CAR.count i‸", ["IN"]),
        ("OBJECTS.CAR.count NOT ‸", ["IN"]),
        ("OBJECTS.CAR.count IN ‸", ["(", "1..", "2..", "3.."]),
        ("OBJECTS.CAR.count IN (‸", ["1", "2", "3", "5", "10"]),
        ("OBJECTS.CAR.count IN (1‸", [",", ")"]),
        ("OBJECTS.CAR.count IN 2‸", [".."]),
        ("OBJECTS.CAR.count IN 2..‸", ["1", "2", "3", "5", "10", "AND", "OR"]),
        ("OBJECTS.CAR.count > 1 ‸", ["AND", "OR"]),
        ("OBJECTS.CAR.count > 1 o‸", ["OR"]),
        ("(OBJECTS.CAR.count > 1 ‸", ["AND", "OR", ")"]),
        ("OBJECTS.CAR.count => 1 AND TONE.‸", ["HARSH", "MILD", "*"]),
        ("OBJECTS.CAR.count ?? AND (TONE.‸", ["HARSH", "MILD", "*"]),
        ("# OBJ‸", []),
        ("OBJECTS.CAR.count > 1 # O‸\nAND", []),
        ("# jobs\nOBJ‸", ["OBJECTS"]),
    ],
)
def test_completion_proposes_what_can_stand_there(marked: str, expected: list[str], ontology: Ontology) -> None:
    assert labels(marked, ontology) == expected


@pytest.mark.parametrize(
    ("marked", "label", "result"),
    [
        ("OB‸", "OBJECTS", "OBJECTS"),
        ("O‸BJ.CAR.count > 1", "OBJECTS", "OBJECTS.CAR.count > 1"),
        ("OBJECTS.‸", "CAR", "OBJECTS.CAR.count"),
        ("OBJECTS.C‸.count > 1", "CAR", "OBJECTS.CAR.count > 1"),
        ("OBJECTS.tr‸", "traffic light", 'OBJECTS."traffic light".count'),
        ('OBJECTS."tr‸".count', "traffic light", 'OBJECTS."traffic light".count'),
        ('OBJECTS."tr‸"', "traffic light", 'OBJECTS."traffic light".count'),
        ("OBJECTS.‸", "*", "OBJECTS.*.count"),
        ("OBJECTS.*‸.count > 1", "*", "OBJECTS.*.count > 1"),
        ("OBJECTS.CAR.count‸", ">", "OBJECTS.CAR.count > "),
        ("OBJECTS.CAR.count >‸", ">=", "OBJECTS.CAR.count >= "),
        ("OBJECTS.CAR.count >‸", "1", "OBJECTS.CAR.count > 1"),
        ("OBJECTS.CAR.count > 1‸", "AND", "OBJECTS.CAR.count > 1 AND "),
        ("OBJECTS.CAR.count > 1 an‸ TONE.MILD.count > 1", "AND", "OBJECTS.CAR.count > 1 AND TONE.MILD.count > 1"),
        ("no‸", "NOT", "NOT "),
        ("OBJECTS.CAR.count not‸", "NOT IN", "OBJECTS.CAR.count NOT IN "),
    ],
)
def test_a_proposal_replaces_what_is_typed_of_it(marked: str, label: str, result: str, ontology: Ontology) -> None:
    text, offset = marked.replace(CARET, ""), marked.index(CARET)
    made = next(c for c in assist.complete(text, offset, ontology) if c.label == label)
    assert Fix(made.span, made.text).apply(text) == result
    assert text[made.span.start : offset] == made.typed


def test_proposals_tell_what_they_are(ontology: Ontology) -> None:
    tone = next(c for c in assist.complete("", 0, ontology) if c.label == "TONE")
    assert (tone.kind, tone.detail) == (Kind.JOB, "CLASSIFICATION · nested in KIND.LETTER, KIND.BILL")
    car = assist.complete("OBJECTS.", 8, ontology)[0]
    assert (car.kind, car.detail) == (Kind.CATEGORY, "Motor car · OBJECT_DETECTION")
    assert "opens `COLOR`, `PLATE`" in car.documentation
    assert assist.complete("OBJECTS.CAR.count ", 18, ontology)[0].detail == "more than"


_PIECE = re.compile(r'"(?:\\.|[^"\\])*"|[A-Za-z][\w*-]*|[<>=!]+')


@pytest.mark.parametrize("text", SHORT, ids=ascii)
def test_each_prefix_can_go_on_as_the_text_does(text: str) -> None:
    wanted = [key for leaf in leaves(parse(text).tree) for key in leaf.operand.keys]
    jobs: dict[str, Any] = {}
    for job, category in ((job or "", "X" if category is None else category) for job, category in wanted):
        jobs.setdefault(job, {"content": {"categories": {}}})["content"]["categories"][category] = {}
    known = Ontology.from_json_interface({"jobs": jobs})
    for offset in range(len(text) + 1):
        assist.complete(text[:offset], offset, known)
        assist.complete(text, offset, known)
        assist.complete(text[:offset], offset)
    for word in assist.words(text):
        if word.role in (Role.JOB, Role.CATEGORY, Role.COUNT, Role.KEYWORD, Role.OPERATOR):
            if word.text == "..":
                continue
            for end in {word.span.start, (word.span.start + word.span.end) // 2}:
                found = {c.label for c in assist.complete(text[:end], end, known)}
                whole = word.key if word.role in (Role.JOB, Role.CATEGORY) and word.key is not None else word.text
                assert whole in found or (word.text == "NOT" and "NOT IN" in found), (text[:end], whole, found)


@given(st.text(alphabet='AB.count<>=!01 ()"\\#\nNOTINDR,-é🚢', max_size=40), st.integers(0, 40))
def test_nothing_raises_whatever_the_text(text: str, offset: int) -> None:
    known = Ontology.from_json_interface({"jobs": {"A": {"content": {"categories": {"B": {"name": "b"}}}}}})
    for completion in assist.complete(text, offset, known):
        start, end = completion.span
        assert 0 <= start <= min(offset, len(text)) <= end <= len(text)
    assist.hover(text, offset, known)
    assist.symbols(text, known)
    assist.hints(text, known)
    for fix in assist.quick_fixes(text, known):
        assert 0 <= fix.fix.span.start <= fix.fix.span.end <= len(text)
    assist.fix_all(text, known)
    name = assist.name_at(text, offset)
    if name:
        assert assist.renames(text, name, "X")
    spans = [word.span for word in assist.words(text)]
    assert spans == sorted(spans)
    assert "".join(text[slice(*span)] for span in spans) == re.sub(r"\s", "", text) or any(c in text for c in '"#')


# -- words -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ACCEPTED, ids=lambda text: ascii(text[:60]))
def test_the_roles_of_words_are_those_of_the_tree(text: str) -> None:
    tree = parse(text).tree
    found = partials(text)
    wanted = list(leaves(tree))
    assert [o.span for o in found] == [leaf.span for leaf in wanted]
    assert [o.job.span for o in found] == [leaf.operand.job_span for leaf in wanted]
    assert [o.category and o.category.span for o in found] == [leaf.operand.category_span for leaf in wanted]
    assert [((o.job.key, o.category and o.category.key),) for o in found] == [leaf.operand.keys for leaf in wanted]
    symbols = [word.text for word in assist.words(text) if word.role is Role.OPERATOR and word.text != ".."]
    assert symbols == [leaf.operator.symbol for leaf in wanted if isinstance(leaf, Comparison)]
    assert not [word for word in assist.words(text) if word.role is Role.UNKNOWN]


# -- hover -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("marked", "parts"),
    [
        (
            "OBJ‸ECTS.CAR.count > 1",
            ["job **`OBJECTS`** (Vehicles)", "`OBJECT_DETECTION`", "has more than 1 of `CAR` (Motor car)"],
        ),
        ("OBJECTS.C‸AR.count > 1", ["category **`CAR`** (Motor car) of job **`OBJECTS`**", "opens `COLOR`, `PLATE`"]),
        ("OBJECTS.C‸AR", ["category **`CAR`**"]),
        ("TONE.HA‸RSH.count >", ["`KIND`.`BILL`", "`KIND`.`LETTER`", "at most 2 times in a label"]),
        ("COLOR.R‸ED.count > 0", ["nested below", "`OBJECTS`.`CAR`"]),
        ("ORPHAN.SH‸ADE.count > 0", ["attached to no category"]),
        ("OBJECTS.CAR.count ‸IN (1, 3)", ["has 1 or 3 of `CAR`"]),
        ("OBJECTS.CAR.count NOT IN 2‸..5", ["any number but from 2 to 5 of `CAR`"]),
        ("OBJECTS.CAR.count ‸>= 0", ["at least 0", "**always true**: a count is never below 0"]),
        ("OBJECTS.CAR.count ‸< 0", ["**never true**"]),
        ("WEATHER.SUN.count ‸> 1", ["**never true**", "job `WEATHER` can choose `SUN` at most once"]),
        ("OBJECTS.CAR.count > 3 A‸ND OBJECTS.CAR.count < 2", ["all of these hold", "**never true**"]),
        ("OBJECTS.CAR.count > 3 OR N‸OT TONE.MILD.count > 1", ["not: job `TONE`"]),
        ("OBJCTS‸.CAR.count > 1", []),
        ("OBJ‸CTS.CAR.count > 1", ["there is no job `OBJCTS`; did you mean `OBJECTS`?"]),
        ("OBJECTS.C‸RA.count > 1", ["job `OBJECTS` has no category `CRA`; did you mean `CAR`?"]),
        ("OBJECTS.CAR.count > 1 # no‸te", []),
    ],
)
def test_hover_tells_what_stands_there(marked: str, parts: list[str], ontology: Ontology) -> None:
    text, offset = marked.replace(CARET, ""), marked.index(CARET)
    found = assist.hover(text, offset, ontology)
    if found is None:
        assert parts == []
        return
    assert found.span.start <= offset < found.span.end
    for part in parts:
        assert part in found.markdown


def test_markup_in_names_stays_text() -> None:
    evil = "<img src=x onerror=alert(1)> [a](javascript:b) **c** `d` ```\n# e"
    known = Ontology.from_json_interface(
        {"jobs": {"J`*": {"instruction": evil, "mlTask": evil, "content": {"categories": {"C": {"name": evil}}}}}}
    )
    for offset in (1, 6):
        found = assist.hover('"J`*".C.count > 1', offset, known)
        assert found
        bare = re.sub(r"(`+) .*? \1(?!`)|`[^`\n]*`", "", found.markdown)
        assert not re.search(r"(?<!\\)[<>\[\]#]", bare)
        assert "\n# e" not in found.markdown


@given(st.text(max_size=60))
def test_text_in_markdown_is_fenced_or_escaped(text: str) -> None:
    assert "\n" not in plain(text)
    assert not re.search(r"(?<!\\)(?:\\\\)*[<>`*_\[\]]", plain(text))
    fence = re.match(r"`+", code(text))
    assert fence
    assert fence[0] not in code(text)[len(fence[0]) : -len(fence[0])] or "`" not in text
    assert block(text).startswith("```")
    assert not re.search(r"(?<!\\)(?:\\\\)*[<>]", re.sub(r"(`+).*?\1", "", prose(text)))


# -- repairs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [text for text in REJECTED if len(text) < 1_000], ids=ascii)
def test_a_preferred_fix_changes_what_is_wrong(text: str) -> None:
    for found in assist.quick_fixes(text):
        if found.preferred:
            fixed = found.fix.apply(text)
            assert fixed != text
            assert found.diagnostic not in assist.diagnose(fixed)


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("OBJECTS.CARR.count = 1", "OBJECTS.CARR.count == 1"),
        ("objects.car.Count => 1 and tone.mild.count > 0", "OBJECTS.CAR.count >= 1 AND TONE.MILD.count > 0"),
        ("(OBJECTS.CAR.count > 1", "(OBJECTS.CAR.count > 1"),
        ("OBJECTS.traffic light.count > 1.5", 'OBJECTS."traffic light".count >= 2'),
        ("OBJECTS.RED.count > 1", "OBJECTS.RED.count > 1"),
        ("OBJECTS.CAR.count > 1 AND", "OBJECTS.CAR.count > 1 AND"),
        ("OBJECTS.CAR.count >= 0", "OBJECTS.CAR.count >= 0"),
    ],
)
def test_all_repairs_at_once_leave_no_error_that_has_a_safe_fix(text: str, fixed: str, ontology: Ontology) -> None:
    assert assist.fix_all(text, ontology) == fixed
    assert not [d for d in assist.diagnose(fixed, ontology) if d.fix and d.fix.safe and d.severity is Severity.ERROR]


def test_names_that_may_be_meant_are_all_proposed(ontology: Ontology) -> None:
    titles = [fix.title for fix in assist.quick_fixes("OBJECTS.Coach.count > 1", ontology)]
    assert "replace `Coach` with `COACH`" in titles
    found = assist.quick_fixes("OBJECTS.CO_CAR.count > 1", ontology)
    assert [fix.preferred for fix in found] == [True] + [False] * (len(found) - 1)


def test_layout_keeps_comments_and_refuses_what_is_no_query() -> None:
    assert (
        assist.format_text("( A.B.count>1 ) # x\n AND C.D.count>2 # y") == "# x\n# y\nA.B.count > 1 AND C.D.count > 2"
    )
    assert assist.format_text('A."#".count>1') == 'A."#".count > 1'
    assert assist.format_text("A.B") is None


# -- names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("marked", "new", "expected"),
    [
        (
            "A.‸B.count > 1 AND C.B.count > 1 OR A.B.count == 0",
            "X",
            "A.X.count > 1 AND C.B.count > 1 OR A.X.count == 0",
        ),
        ("A.B‸.count > 1", "a b", 'A."a b".count > 1'),
        ('A."a b‸".count > 1', "B", "A.B.count > 1"),
        ("‸A.A.count > 1 AND B.A.count > 1", "X", "X.A.count > 1 AND B.A.count > 1"),
        ("A.B‸.count > 1 AND A.B.", "X", "A.X.count > 1 AND A.X."),
    ],
)
def test_a_rename_reaches_each_place_of_the_name(marked: str, new: str, expected: str) -> None:
    text = marked.replace(CARET, "")
    name = assist.name_at(text, marked.index(CARET))
    assert name
    for fix in sorted(assist.renames(text, name, new), reverse=True):
        text = fix.apply(text)
    assert text == expected


def test_hints_show_names_that_say_more_than_the_key(ontology: Ontology) -> None:
    found = assist.hints("OBJECTS.CAR.count > 1 AND COLOR.RED.count > 1 AND OBJECTS.", ontology)
    assert [(hint.offset, hint.text) for hint in found] == [(11, "Motor car")]


def test_the_outline_lists_comparisons_also_unfinished_ones(ontology: Ontology) -> None:
    found = assist.symbols('OBJECTS.CAR.count > 1 AND (WEATHER."SUN".count OR TONE', ontology)
    assert [symbol.name for symbol in found] == ["OBJECTS.CAR", "WEATHER.SUN", "TONE"]
    assert found[0].detail == "job `OBJECTS` (Vehicles) has more than 1 of `CAR` (Motor car)"
    assert found[0].span == Span(0, 21)
