"""Totals: what `*` adds up, what is sure about them, what people are told of them."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from itertools import combinations_with_replacement, product
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kili_query import Ontology, Query, UnsupportedQueryError, check, count, count_categories, parse
from kili_query.engines.explain import explain
from kili_query.engines.lookout import Lookout
from kili_query.lang import assist, decide
from kili_query.lang.assist.words import in_words
from kili_query.lang.ast import Comparison, Node, Operand, conjunction, operand_of
from kili_query.lang.json_form import tree_from_json, tree_to_json
from kili_query.lang.operators import Operator
from kili_query.lang.rewrites import portable_superset
from kili_query.model.counts import CategoryCounts, find_objects, total
from kili_query.server.store.kept import whole_names
from tests import naive
from tests.strategies import responses, small_trees

BOATS = {
    "BOATS": {
        "annotations": [
            {"mid": "m1", "categories": [{"name": "FERRY"}, {"name": "OLD"}]},
            {"mid": "m2", "categories": [{"name": "FERRY"}]},
        ]
    },
    "HULLS": {"annotations": [{"mid": "m1", "categories": [{"name": "OLD"}]}]},
}

# -- what they are -----------------------------------------------------------------------------------------------------


def test_an_object_of_two_categories_is_one_of_its_job_and_objects_of_different_jobs_are_different() -> None:
    counts = count_categories(BOATS)
    assert counts == {("BOATS", "FERRY"): 2, ("BOATS", "OLD"): 1, ("HULLS", "OLD"): 1}
    assert [counts.total("BOATS"), counts.total(category="OLD"), counts.total(), counts.total("X")] == [2, 2, 3, 0]
    assert counts.total("BOATS", "FERRY") == 2


def test_counts_that_do_not_know_of_objects_are_added_up() -> None:
    assert total(dict(count_categories(BOATS)), "BOATS") == 3
    assert parse("BOATS.*.count == 3").holds(dict(count_categories(BOATS)))
    assert parse("BOATS.*.count == 2").holds(count_categories(BOATS))


def test_counts_keep_what_they_know_on_their_way_to_another_process() -> None:
    counts = count_categories(BOATS)
    again = pickle.loads(pickle.dumps(counts))
    assert (again, again.shared, type(again)) == (counts, {"BOATS": 1}, CategoryCounts)
    assert not count_categories({"J": {"categories": [{"name": "A"}, {"name": "B"}]}}).shared


@given(responses(), small_trees)
def test_totals_of_labels_agree_with_the_definition(response: dict[str, Any], tree: Node) -> None:
    found = naive.find_all(response)
    renamed = {("A", "B"): ("J", "A"), ("A", "C"): ("J", "B"), ("traffic", "a light"): ("K", "a")}
    tree = _renamed(tree, {**renamed, ("A", None): ("J", None), ("traffic", None): ("POSE", None),
                           (None, "B"): (None, "A"), (None, "a light"): (None, "traffic light")})  # fmt: skip
    truth = naive.holds(tree, found)
    assert Query(tree).matches(response) is truth
    assert explain(tree, find_objects(response)).truth is truth


def _renamed(tree: Node, names: dict[Any, Any]) -> Node:
    """The tree with other names, by way of its JSON form."""

    def rename(data: Any) -> Any:
        if isinstance(data, list):
            return [rename(item) for item in data]
        if not isinstance(data, dict):
            return data
        if "job" in data:
            job, category = names.get((data["job"], data["category"]), (None, None))
            return {**data, "job": job, "category": category}
        return {key: rename(value) for key, value in data.items()}

    return tree_from_json(rename(json.loads(tree_to_json(tree))))


def test_an_explanation_names_each_object_once() -> None:
    assert str(parse("BOATS.*.count > 1 OR *.*.count == 1").explain(BOATS)).splitlines() == [
        "✓ OR, 1 of 2 hold",
        "  ✓ BOATS.*.count > 1 — the count is 2 (BOATS:m1, BOATS:m2)",
        "  ✗ *.*.count == 1 — the count is 3 (BOATS:m1, BOATS:m2, HULLS:m1)",
    ]


# -- how they are built ------------------------------------------------------------------------------------------------


def test_what_is_left_out_is_all_of_it() -> None:
    assert str((count("A") == 0) & (count(category="B") > 1) | (count() >= 3)) == (
        "A.*.count == 0 AND *.B.count > 1 OR *.*.count >= 3"
    )
    assert (count("*", "*") > 0) == parse('"*"."*".count > 0') != (count() > 0)
    assert (repr(count("A")), repr(count(category="B")), repr(count())) == (
        "count(job='A')",
        "count(category='B')",
        "count()",
    )
    with pytest.raises(TypeError, match="a key is text"):
        count("A", None)  # type: ignore[arg-type]


def test_the_json_form_has_null_for_all_names() -> None:
    assert json.loads(parse("A.*.count > 1").to_json()) == {
        "type": "comparison", "job": "A", "category": None, "operator": ">", "number": 1,
    }  # fmt: skip
    assert Query.from_json('{"type": "in_list", "job": null, "category": null, "numbers": [1]}') == parse(
        "*.*.count IN (1)"
    )


def test_operands_have_none_for_all_names() -> None:
    assert parse("A.*.count > 1 AND *.B.count > 1 AND A.B.count > 1").operands == (("A", None), (None, "B"), ("A", "B"))


# -- what people are told ----------------------------------------------------------------------------------------------

ONTOLOGY = Ontology.from_json_interface(
    {
        "jobs": {
            "BOATS": {
                "instruction": "Boats",
                "content": {"categories": {"FERRY": {"name": "Ferry"}, "OLD": {"name": "Old one"}}},
            },
            "HULLS": {"content": {"categories": {"OLD": {"name": "Old one"}}}},
        }
    }
)


def test_what_no_object_means_for_kili_is_that_no_category_has_one() -> None:
    superset = portable_superset(parse("BOATS.*.count == 0").tree, ONTOLOGY)
    assert superset == parse("BOATS.FERRY.count == 0 AND BOATS.OLD.count == 0").tree


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("BOATS.*.count > 10", "job `BOATS` (Boats) has more than 10 objects of all categories together"),
        ("BOATS.*.count == 0", "job `BOATS` (Boats) has exactly 0 objects of all categories together"),
        ("*.OLD.count IN 1..2", "the label has from 1 to 2 of `OLD` (Old one) in all jobs together"),
        ("*.*.count >= 3", "the label has at least 3 objects in all jobs together"),
    ],
)
def test_a_total_is_said_in_plain_english(text: str, words: str) -> None:
    assert in_words(parse(text).tree, ONTOLOGY) == words


def test_a_star_is_explained_where_it_stands() -> None:
    found = assist.hover("BOATS.*.count > 1", 6, ONTOLOGY)
    assert found
    assert found.markdown.startswith("`*` stands for all categories")
    assert "more than 1 object of all categories together" in found.markdown
    found = assist.hover("*.OLD.count > 1", 0, ONTOLOGY)
    assert found
    assert found.markdown.startswith("`*` stands for all jobs")
    found = assist.hover("*.OLD.count > 1", 3, ONTOLOGY)
    assert found
    assert "category `OLD` of 2 jobs" in found.markdown
    found = assist.hover("*.NEW.count > 1", 3, ONTOLOGY)
    assert found
    assert "no job has a category `NEW`" in found.markdown
    assert assist.hover("*.OLD.count > 1", 3)


def test_names_beside_a_star_are_outlined_and_renamed() -> None:
    text = "*.OLD.count > 1 AND BOATS.OLD.count > 1 AND BOATS.*.count > 1"
    assert [symbol.name for symbol in assist.symbols(text)] == ["*.OLD", "BOATS.OLD", "BOATS.*"]
    everywhere, of_job, job = (
        assist.name_at(text, text.index(part)) for part in ("OLD", "OLD.count > 1 AND BOATS.*", "BOATS.*")
    )
    assert everywhere
    assert of_job
    assert job
    assert [fix.span.start for fix in assist.renames(text, everywhere, "X")] == [2, 26]
    assert [fix.span.start for fix in assist.renames(text, of_job, "X")] == [26]
    assert [fix.span.start for fix in assist.renames(text, job, "X")] == [20, 44]
    assert assist.name_at("A.*.count > 1", 2) is None


@pytest.mark.parametrize(
    ("text", "names", "message"),
    [
        ("BOATZ.*.count == 0", [("BOATS", "FERRY")], "no label holds a category of job `BOATZ`"),
        ("boats.*.count == 0", [("BOATS", "FERRY")], "no label holds a category of job `boats`; job `BOATS` is there"),
        ("*.FERY.count == 0", [("BOATS", "FERRY")], "no label holds a category `FERY`"),
        ("*.ferry.count == 0", [("BOATS", "FERRY")], "no label holds a category `ferry`; `FERRY` is there"),
        ("*.ZZZ.count == 0", [("BOATS", "FERRY")], "no label holds a category `ZZZ`"),
        ("BOATS.*.count == 0 OR *.FERRY.count > 1 OR *.*.count > 2", [("BOATS", "FERRY")], None),
        ("*.*.count == 0", [], None),
    ],
)
def test_names_that_no_label_holds_are_told(text: str, names: list[tuple[str, str]], message: str | None) -> None:
    query = parse(text)
    lookout = Lookout(query.operands)
    lookout.note(names)
    assert bool(lookout.unmet) is (message is not None)
    assert [d.message for d in query.unmet(lookout.new)] == ([message] if message else [])


def test_a_total_of_what_the_ontology_has_and_no_label_holds_is_told_as_such() -> None:
    for text in ("HULLS.*.count > 0", "*.OLD.count > 0"):
        assert [d.code for d in parse(text).unmet([("BOATS", "FERRY")], ONTOLOGY)] == ["KQ508"]


@pytest.mark.parametrize(("text", "needles"), [("BOATS.*.count > 0", [b'"BOATS"']), ("*.OLD.count > 0", [b'"OLD"'])])
def test_bytes_are_searched_for_the_name_beside_a_star(text: str, needles: list[bytes]) -> None:
    lookout = Lookout(parse(text).operands)
    lookout.begin()
    lookout._left = 0
    padding = b" " * 100
    assert lookout.is_curious(padding + needles[0], 0, 200)
    assert not lookout.is_curious(padding + b'"OTHER"', 0, 200)


# -- what is sure about them -------------------------------------------------------------------------------------------

OPERANDS = [operand_of(job, category) for job in ("J", "K", None) for category in ("A", "B", None)]


def _labels() -> Iterator[tuple[int, ...]]:
    """The values of the operands in labels of up to four objects, of three jobs and sets of three categories."""
    kinds = [(job, held) for job in ("J", "K", "other") for held in ("A", "B", "AB", "x")]
    for number in range(5):
        for objects in combinations_with_replacement(kinds, number):
            yield tuple(
                sum(
                    operand.job in (None, job) and (operand.category is None or operand.category in held)
                    for job, held in objects
                )
                for operand in OPERANDS
            )


POSSIBLE = frozenset(_labels())


@given(st.sets(st.sampled_from(range(len(OPERANDS))), min_size=1), st.data())
def test_what_labels_are_possible_is_known_exactly(chosen: set[int], data: st.DataObject) -> None:
    order = sorted(chosen)
    seen = {tuple(label[i] for i in order) for label in POSSIBLE}
    for values in data.draw(st.lists(st.tuples(*(st.integers(0, 1) for _ in order)), min_size=1, max_size=20)):
        exactly = {OPERANDS[i]: (value, value) for i, value in zip(order, values, strict=True)}
        assert decide._is_possible(exactly) is (values in seen), exactly


SURE = [
    ("J.A.count > 0", "J.*.count > 0", True),
    ("J.*.count > 0", "J.A.count > 0", False),
    ("J.*.count == 0", "J.A.count == 0 AND J.B.count == 0", True),
    ("J.A.count == 0 AND J.B.count == 0", "J.*.count == 0", False),
    ("J.A.count > 2 AND J.B.count > 2", "J.*.count > 5", False),
    ("J.A.count > 2 AND K.A.count > 2", "*.A.count > 5", True),
    ("J.*.count > 2 AND K.*.count > 2", "*.*.count > 5", True),
    ("*.A.count > 2 AND *.B.count > 2", "*.*.count > 5", False),
    ("*.A.count > 2", "*.*.count > 2", True),
    ("*.*.count < 3", "J.A.count < 3 AND *.A.count < 3 AND J.*.count < 3", True),
    ("J.*.count IN 2..2 AND *.*.count == 2", "K.A.count == 0 AND K.*.count == 0", True),
    ("*.A.count == 1 AND J.A.count == 1", "K.A.count == 0", True),
    ("*.A.count == 2 AND J.*.count == 1", "*.*.count > 1", True),
]


@pytest.mark.parametrize(("left", "right", "truth"), SURE)
def test_one_follows_from_the_other_where_totals_overlap(left: str, right: str, truth: bool) -> None:
    assert parse(left).implies(right) is truth
    both = parse(f"({left}) AND ({right})")
    assert both.equivalent(left) is truth


small = st.sampled_from(OPERANDS)


@given(st.lists(st.tuples(small, st.sampled_from([Operator.GT, Operator.LE]), st.integers(0, 1)), min_size=1, max_size=3),
       st.tuples(small, st.sampled_from([Operator.GT, Operator.LE]), st.integers(0, 1)))  # fmt: skip
@example([(OPERANDS[0], Operator.GT, 0)], (OPERANDS[8], Operator.GT, 0))
def test_implication_is_exact_on_small_numbers(
    given_: list[tuple[Operand, Operator, int]], then: tuple[Operand, Operator, int]
) -> None:
    left, right = conjunction([Comparison(*row) for row in given_]), Comparison(*then)
    holds = [all(_holds(row, label) for row in given_) and not _holds(then, label) for label in POSSIBLE]
    assert decide.implies(left, right) is not any(holds)


def _holds(row: tuple[Operand, Operator, int], label: tuple[int, ...]) -> bool:
    operand, operator, number = row
    return operator.test(label[OPERANDS.index(operand)], number)


def test_a_question_with_too_many_cases_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "MAX_STEPS", 10)
    left = " AND ".join(f"(J.C{i}.count == 1 OR J.C{i}.count == 3)" for i in range(6))
    with pytest.raises(UnsupportedQueryError, match=r"KQ402.*its totals leave more than 10 cases"):
        parse(f"{left} AND J.*.count < 3").implies("J.*.count < 2")


def test_every_pair_of_totals_and_counts_is_ordered_as_it_must_be() -> None:
    for one, other in product(OPERANDS, OPERANDS):
        wider = other.job in (None, one.job) and other.category in (None, one.category)
        assert decide.implies(Comparison(one, Operator.GT, 1), Comparison(other, Operator.GT, 1)) is wider


def test_a_copy_knows_what_objects_share() -> None:
    counts = count_categories({"J": {"annotations": [{"mid": "1", "categories": [{"name": "A"}, {"name": "B"}]}]}})
    assert [parse("J.*.count > 1").holds(each) for each in (counts, counts.copy())] == [False, False]
    assert whole_names(counts) is counts
    named = count_categories({"J\ud83d": {"annotations": [{"mid": "1", "categories": [{"name": "A"}, {"name": "B"}]}]}})
    assert total(whole_names(named)) == named.total() == 1


def test_one_name_in_a_function_may_be_a_category_and_is_not_mended_unasked() -> None:
    for text, safe in (("sum(D) > 0", False), ("count(J.D) > 0", True)):
        [found] = check(text)
        assert found.fix
        assert found.fix.safe is safe
