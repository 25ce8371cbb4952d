"""Laws that hold for every query, text and label.

`KILI_QUERY_FUZZ=20000 pytest tests/test_properties.py` tries so many random examples of each instead of CI's few.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from kili_query import Ontology, Query, QuerySyntaxError, UnsupportedQueryError, check, count_categories, parse
from kili_query.engines.explain import explain
from kili_query.engines.memory import compile_predicate
from kili_query.engines.sqlite import compile_condition
from kili_query.lang.ast import And, Comparison, Count, InList, InRange, Leaf, Node, Not, Or, leaves, walk
from kili_query.lang.decide import equivalent, implies
from kili_query.lang.json_form import tree_from_json, tree_to_json
from kili_query.lang.operators import Operator
from kili_query.lang.parser import parse_tree
from kili_query.lang.printer import to_lines, to_text
from kili_query.lang.rewrites import portable_superset, push_not, to_portable
from kili_query.lang.simplifier import simplify
from kili_query.model.counts import count_label, find_objects
from kili_query.model.labels import Label
from tests import naive
from tests.engines.test_sqlite import answer
from tests.strategies import (
    INPUT_TYPES,
    SMALL_KEYS,
    any_text,
    as_text,
    counting_trees,
    counts,
    json_interfaces,
    layouts,
    level_labels,
    near_misses,
    portable_trees,
    responses,
    small_trees,
    trees,
)

# -- text and tree -----------------------------------------------------------------------------------------------------

written = trees().flatmap(lambda tree: st.tuples(st.just(tree), layouts(tree)))
small_written = small_trees.flatmap(lambda tree: st.tuples(st.just(tree), layouts(tree)))


@given(trees())
def test_parsing_what_was_printed_gives_the_same_tree(tree: Node) -> None:
    assert parse_tree(to_text(tree)) == tree


@given(trees())
def test_canonical_text_is_printed_as_it_is(tree: Node) -> None:
    text = to_text(tree)
    assert to_text(parse_tree(text)) == text


@given(written)
def test_layout_does_not_change_the_tree(pair: tuple[Node, str]) -> None:
    tree, text = pair
    assert parse_tree(text) == tree


@given(written)
def test_each_span_holds_the_text_of_its_node(pair: tuple[Node, str]) -> None:
    text = pair[1]
    for node in walk(parse_tree(text)):
        assert parse_tree(text[slice(*node.span)]) == node


@given(written)
def test_spans_of_an_operand_hold_it_and_its_names(pair: tuple[Node, str]) -> None:
    text = pair[1]
    for leaf in leaves(parse_tree(text)):
        operand = leaf.operand
        assert next(leaves(parse_tree(text[slice(*operand.span)] + " > 1"))).operand == operand
        job, category = text[slice(*operand.job_span)], text[slice(*operand.category_span)]  # `*` too
        assert next(leaves(parse_tree(f"{job}.{category}.count > 1"))).operand == operand


@example(parse_tree("A.B.count > 1 OR C.D.count > 1 AND E.F.count > 1"), 20)
@settings(phases=[Phase.explicit, Phase.generate])
@given(trees(), st.integers(1, 120))
def test_breaking_over_lines_changes_white_space_only(tree: Node, width: int) -> None:
    lines = to_lines(tree, width)
    assert parse_tree(lines) == tree
    assert "".join(lines.split()) == "".join(to_text(tree).split())


@example(parse_tree("NOT (A.B.count > 1 OR C.D.count > 1)"))
@given(trees())
def test_what_fits_in_a_line_stays_on_it(tree: Node) -> None:
    text = to_text(tree)
    assert to_lines(tree, len(text)) == text


@given(small_trees, st.integers(1, 120))
def test_only_a_single_comparison_may_be_longer_than_a_line(tree: Node, width: int) -> None:
    for line in to_lines(tree, width).splitlines():
        assert len(line) <= width or line.count(".count") <= 1


@given(trees())
def test_json_form_keeps_the_tree(tree: Node) -> None:
    assert tree_from_json(tree_to_json(tree)) == tree


@given(written)
def test_pickle_keeps_a_query_with_its_source(pair: tuple[Node, str]) -> None:
    tree, text = pair
    query = parse(text)
    again = pickle.loads(pickle.dumps(query))
    assert (again, again.source, again.tree) == (query, text, tree)
    assert [node.span for node in walk(again.tree)] == [node.span for node in walk(query.tree)]


def test_pickle_keeps_a_tree() -> None:
    tree = parse_tree("A.B.count > 1 AND NOT C.D.count IN (1, 2)")
    assert pickle.loads(pickle.dumps(tree)) == tree


@given(small_trees, small_trees)
def test_queries_are_equal_just_when_their_texts_are(a: Node, b: Node) -> None:
    assert (a == b) is (to_text(a) == to_text(b)) is (Query(a) == Query(b))
    if a == b:
        assert hash(a) == hash(b)
        assert hash(Query(a)) == hash(Query(b))


@given(written)
def test_equal_queries_have_equal_hashes_whatever_their_layout(pair: tuple[Node, str]) -> None:
    tree, text = pair
    assert parse(text) == Query(tree)
    assert hash(parse(text)) == hash(Query(tree))
    assert hash(parse(text).tree) == hash(tree)


# -- meaning -----------------------------------------------------------------------------------------------------------


@given(small_trees, counts)
def test_engines_agree_with_the_definition(tree: Node, counts: dict[naive.Key, int]) -> None:
    truth = naive.truth(tree, counts)
    objects: dict[naive.Key, list[tuple[object, ...]]] = {
        key: [(key, i) for i in range(n)] for key, n in counts.items()
    }
    assert compile_predicate(tree)(counts) is truth
    assert explain(tree, objects).truth is truth
    assert answer(tree, counts) is truth


@given(small_trees, counts)
def test_rewrites_keep_the_meaning(tree: Node, counts: dict[naive.Key, int]) -> None:
    truth = naive.truth(tree, counts)
    assert naive.truth(push_not(tree), counts) is truth
    assert naive.truth(push_not(tree, negated=True), counts) is not truth
    assert naive.truth(simplify(tree), counts) is truth
    assert naive.truth(simplify(Not(tree)), counts) is not truth


@given(portable_trees, st.data())
def test_portable_form_keeps_the_meaning_and_needs_no_extension(tree: Node, data: st.DataObject) -> None:
    keys = [leaf.operand.key for leaf in leaves(tree) if isinstance(leaf.operand, Count)]
    counts = data.draw(st.dictionaries(st.sampled_from(keys), st.integers(0, 9)))
    portable = to_portable(tree)
    assert naive.truth(portable, counts) is naive.truth(tree, counts)
    for node in walk(portable):
        assert isinstance(node, (And, Or)) or (isinstance(node, Comparison) and node.operator is not Operator.NE)


@given(trees(), st.data())
def test_the_portable_superset_holds_wherever_the_query_does(tree: Node, data: st.DataObject) -> None:
    keys = [leaf.operand.key for leaf in leaves(tree) if isinstance(leaf.operand, Count)] or [("A", "B")]
    # the ontology lacks categories that labels hold, and has others
    jobs: dict[str, Any] = {job: {"content": {"categories": {category: {}, "more": {}}}} for job, category in keys[::2]}
    superset = portable_superset(tree, data.draw(st.none() | st.just(Ontology.from_json_interface({"jobs": jobs}))))
    found = data.draw(st.dictionaries(st.sampled_from(keys), st.integers(0, 9)))
    if superset is not None:
        assert to_text(to_portable(superset)) == to_text(superset)
        assert compile_predicate(superset)(found) or not compile_predicate(tree)(found)


@given(trees())
def test_pushing_not_inwards_leaves_none(tree: Node) -> None:
    for negated in (False, True):
        pushed = push_not(tree, negated=negated)
        assert not any(isinstance(node, Not) for node in walk(pushed))
        assert parse_tree(to_text(pushed)) == pushed


@given(small_trees)
def test_simplifying_again_changes_nothing(tree: Node) -> None:
    once = simplify(tree)
    assert to_text(simplify(once)) == to_text(once)
    assert parse_tree(to_text(once)) == once


@given(small_trees)
def test_simplifying_adds_no_comparison(tree: Node) -> None:
    assert len(list(leaves(simplify(tree)))) <= len(list(leaves(tree)))


def _telling_counts(*trees: Node) -> list[dict[naive.Key, int]]:
    """Counts of which some behave like any others: a comparison changes at its numbers, and behind them, only."""
    steps: dict[naive.Key, set[int]] = {key: {0} for key in SMALL_KEYS}
    for tree in trees:
        for node in leaves(tree):
            assert isinstance(node.operand, Count)
            for number in _numbers_of(node):
                steps[node.operand.key] |= {max(number, 0), max(number + 1, 0)}
    return [dict(zip(SMALL_KEYS, numbers, strict=True)) for numbers in product(*(steps[key] for key in SMALL_KEYS))]


def _numbers_of(leaf: Leaf) -> Iterator[int]:
    """The numbers that are written in a leaf."""
    match leaf:
        case Comparison(number=number):
            yield number
        case InList(numbers=numbers):
            yield from numbers
        case InRange(low=low, high=high):
            yield from (end for end in (low, high) if end is not None)


@given(counting_trees, counting_trees)
def test_equivalence_and_implication_are_exact(a: Node, b: Node) -> None:
    telling = _telling_counts(a, b)
    holds_a, holds_b = (list(map(compile_predicate(tree), telling)) for tree in (a, b))
    assert equivalent(a, b) is (holds_a == holds_b)
    assert implies(a, b) is all(y for x, y in zip(holds_a, holds_b, strict=True) if x)
    assert implies(And((Not(Not(a)), b)), b)
    assert implies(a, Or((Not(Not(b)), a)))


@given(trees())
def test_rewritten_queries_are_equivalent(tree: Node) -> None:
    query = Query(tree)
    assert query.equivalent(query.simplify())
    assert query.equivalent(Query(push_not(tree)))
    assert query.equivalent(Query(Not(Not(tree))))
    assert query.equivalent(query.negate().negate())
    assert not query.equivalent(query.negate())


@given(portable_trees)
def test_the_text_for_the_server_is_equivalent(tree: Node) -> None:
    query = Query(tree)
    assert query.equivalent(parse(query.to_server()))
    assert query.to_portable().to_server() == query.to_server() == str(query.to_portable())


@given(counting_trees)
def test_the_check_calls_always_or_never_true_only_what_is(tree: Node) -> None:
    truths = {compile_predicate(tree)(counts) for counts in _telling_counts(tree)}
    text = to_text(tree)
    said = {d.code for d in check(text) if d.span == (0, len(text)) and d.code in ("KQ301", "KQ302")}
    assert said <= ({"KQ301"} if truths == {True} else {"KQ302"} if truths == {False} else set())


# -- labels ------------------------------------------------------------------------------------------------------------


@given(responses())
def test_counts_agree_with_the_definition(response: dict[str, Any]) -> None:
    expected = naive.count_all(response)
    assert count_categories(response) == expected
    assert count_categories(as_text(response)) == expected
    assert count_categories(as_text(response).encode()) == expected


@given(responses(), json_interfaces(), st.sampled_from(INPUT_TYPES))
def test_counts_agree_with_the_definition_for_an_ontology(
    response: dict[str, Any], interface: dict[str, Any], input_type: str | None
) -> None:
    ontology = Ontology.from_json_interface(interface, input_type)
    assert count_categories(response, ontology) == naive.count_all(response, interface["jobs"], input_type)


@given(responses())
def test_objects_are_as_many_as_their_count_and_all_different(response: dict[str, Any]) -> None:
    objects = find_objects(response)
    assert {key: len(set(found)) for key, found in objects.items()} == count_categories(response)
    assert {key: len(found) for key, found in objects.items()} == count_categories(response)


@given(level_labels())
def test_counts_of_conversations_agree_with_the_definition(label: dict[str, Any]) -> None:
    assert count_label(Label(label, by_level=True)) == naive.count_levels(label)


@given(responses(), small_trees)
def test_a_query_matches_a_label_by_its_counts(response: dict[str, Any], tree: Node) -> None:
    key = next(iter(naive.count_all(response)), ("J", "A"))
    tree = Or((tree, InList(Count(*key), (1, 3))))
    truth = naive.truth(tree, naive.count_all(response))
    assert Query(tree).matches(response) is truth
    assert Query(tree).explain(response).truth is truth


# -- any text ----------------------------------------------------------------------------------------------------------


def _inside(text: str, span: tuple[int, int]) -> bool:
    return 0 <= span[0] <= span[1] <= len(text)


@given(any_text | near_misses())
def test_any_text_is_a_query_or_one_diagnostic_inside_it(text: str) -> None:
    try:
        query = parse(text)
    except QuerySyntaxError as raised:
        error = raised
    else:
        assert parse(str(query)) == query
        return
    (found,) = error.diagnostics
    assert found.code.startswith("KQ1")
    assert _inside(text, found.span)
    assert found.fix is None or _inside(text, found.fix.span)
    assert found.render(text).startswith(f"error[{found.code}]: ")
    assert str(error)


@given(any_text | near_misses())
def test_fixes_make_progress(text: str) -> None:
    seen: set[str] = set()
    while (found := next(iter(check(text)), None)) and found.fix:
        assert text not in seen
        assert len(seen) < 200
        seen.add(text)
        fixed = found.fix.apply(text)
        # the same again at the same place: only what was behind it, moved up
        assert len(fixed) < len(text) or found not in check(fixed)
        text = fixed


@given(small_written, json_interfaces(), st.sampled_from(INPUT_TYPES))
def test_check_finds_places_in_source_order(
    pair: tuple[Node, str], interface: dict[str, Any], input_type: str | None
) -> None:
    text, ontology = pair[1], Ontology.from_json_interface(interface, input_type)
    found = check(text, ontology)
    assert [d.span.start for d in found] == sorted(d.span.start for d in found)
    for d in found:
        assert _inside(text, d.span)
        assert d.fix is None or _inside(text, d.fix.span)
        assert d.render(text)


@given(st.sampled_from(["J", "K", "j", "Title", "NO", "7", "POSE"]), st.sampled_from(["A", "a", "Shown", "B", "NO"]),
       json_interfaces(), st.sampled_from(INPUT_TYPES))  # fmt: skip
def test_a_fix_for_a_name_gives_a_name_that_exists(
    job: str, category: str, interface: dict[str, Any], input_type: str | None
) -> None:
    ontology = Ontology.from_json_interface(interface, input_type)
    text = f'"{job}"."{category}".count > 0'
    for found in check(text, ontology):
        if found.fix:
            fixed = next(leaves(parse_tree(found.fix.apply(text)))).operand
            assert isinstance(fixed, Count)
            assert fixed.job in ontology.jobs
            if fixed.category != category or found.code in ("KQ203", "KQ204"):
                assert fixed.category in ontology.jobs[fixed.job].categories


@given(small_written)
def test_fixes_for_sense_keep_the_meaning(pair: tuple[Node, str]) -> None:
    tree, text = pair
    for found in check(text):
        if found.fix:
            fixed = parse_tree(found.fix.apply(text))
            assert equivalent(tree, fixed), found


# -- deep trees, and a nearly used-up stack ----------------------------------------------------------------------------


def _deep(levels: int) -> str:
    one, words = "A.B.count > 1", (" AND (", " OR (")
    return "".join(one + words[i % 2] for i in range(levels)) + "C.D.count IN 2..3" + ")" * levels


DEEP = {
    "and-or": _deep(1000),
    "not": "NOT " * 1000 + "A.B.count > 1",
    "not-or": "NOT (C.D.count > 1 OR " * 500 + "A.B.count > 1" + ")" * 500,
}


def _below(depth: int, action: Callable[[], object]) -> object:
    """The action, run that deep in the stack."""
    return action() if depth == 0 else _below(depth - 1, action)


def _refused(action: Callable[[], object]) -> str:
    with pytest.raises(QuerySyntaxError) as caught:
        action()
    return caught.value.diagnostics[0].code


OPERATIONS: dict[str, Callable[[Query], object]] = {
    "str": str,
    "repr": repr,
    "equality": lambda query: query == parse(query.source) and query.tree == parse(query.source).tree,
    "hash": lambda query: hash(query) ^ hash(query.tree),
    "source": lambda query: query.source,
    "operands": lambda query: query.operands,
    "format": lambda query: query.format(20),
    "check": lambda query: [d.render(query.source) for d in query.check()],
    "check with ontology": lambda query: query.check(Ontology({})),
    "simplify": lambda query: str(query.simplify()),
    "negate": lambda query: str(query.negate()),
    "to_portable": lambda query: query.to_portable(),
    "to_server": lambda query: query.to_server(),
    "equivalent": lambda query: query.equivalent(query.negate()),
    "implies": lambda query: query.implies(query.negate()),
    "holds": lambda query: query.holds({("A", "B"): 2}),
    "matches": lambda query: query.matches({}),
    "explain": lambda query: (str(query.explain({})), repr(query.explain({})), query.explain({}).to_dict()),
    "sqlite": lambda query: compile_condition(query.tree),
    "combine": lambda query: _refused(lambda: ~query),
    "pickle": lambda query: pickle.loads(pickle.dumps(query)),
    "parse": lambda query: parse(query.source),
    "tree repr": lambda query: repr(query.tree),
}
STACK = 900
"""Of the 1,000 frames that Python has by default."""


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("kind", DEEP)
def test_a_thousand_levels_need_no_stack(kind: str, operation: str) -> None:
    run, text = OPERATIONS[operation], DEEP[kind]
    expected = run(parse(text))  # now all that is loaded on first use is there
    found = _below(STACK, lambda: run(parse(text)))
    assert type(found) is type(expected)


@pytest.mark.parametrize("kind", DEEP)
def test_the_json_form_refuses_deep_trees(kind: str) -> None:
    with pytest.raises(UnsupportedQueryError) as caught:
        parse(DEEP[kind]).to_json()
    assert [d.code for d in caught.value.diagnostics] == ["KQ402"]


@pytest.mark.parametrize("levels", [0, 1, 200, 4000])
def test_deep_labels_are_counted_without_the_stack(levels: int) -> None:
    response: dict[str, Any] = {"J": {"categories": [{"name": "A"}]}}
    for _ in range(levels):
        response = {"J": {"categories": [{"name": "A", "children": response}]}}
    assert _below(STACK, lambda: count_categories(response)) == {("J", "A"): levels + 1}
