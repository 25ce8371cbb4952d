"""Explanations by themselves: their text, their data, their objects."""

from __future__ import annotations

from typing import Any

import pytest

from kili_query import parse
from kili_query.engines.explain import explain

LABEL: dict[tuple[str, str], list[tuple[object, ...]]] = {
    ("A", "B"): [("A:m1",), ("A:m2",)],
    ("C", "D"): [("A:m1", "C:D")],
    ("MANY", "FIVE"): [(f"MANY:{i}",) for i in range(5)],
    ("MANY", "SIX"): [(f"MANY:{i}",) for i in range(6)],
}

TEXTS = {
    "A.B.count > 1": "✓ A.B.count > 1 — the count is 2 (A:m1, A:m2)",
    "A.B.count > 2": "✗ A.B.count > 2 — the count is 2 (A:m1, A:m2)",
    "C.D.count IN 1..2": "✓ C.D.count IN 1..2 — the count is 1 (A:m1 / C:D)",
    "E.F.count == 0": "✓ E.F.count == 0 — the count is 0",
    "MANY.FIVE.count != 5": "✗ MANY.FIVE.count != 5 — the count is 5 (MANY:0, MANY:1, MANY:2, MANY:3, MANY:4)",
    "MANY.SIX.count != 5": "✓ MANY.SIX.count != 5 — the count is 6 (MANY:0, MANY:1, MANY:2, MANY:3, MANY:4, …)",
    "NOT E.F.count > 0": """\
✓ NOT
  ✗ E.F.count > 0 — the count is 0""",
    "E.F.count == 0 AND (E.F.count > 1 OR NOT A.B.count > 0) AND C.D.count == 1": """\
✗ AND, 2 of 3 hold
  ✓ E.F.count == 0 — the count is 0
  ✗ OR, 0 of 2 hold
    ✗ E.F.count > 1 — the count is 0
    ✗ NOT
      ✓ A.B.count > 0 — the count is 2 (A:m1, A:m2)
  ✓ C.D.count == 1 — the count is 1 (A:m1 / C:D)""",
}


@pytest.mark.parametrize("text", TEXTS)
def test_an_explanation_is_drawn_as_a_tree(text: str) -> None:
    explanation = explain(parse(text).tree, LABEL)
    assert str(explanation) == TEXTS[text]
    headline = TEXTS[text].splitlines()[0][2:]
    assert repr(explanation) == f"<Explanation {TEXTS[text].startswith('✓')}: {headline}>"


def _leaf(text: str, truth: bool, count: int, *objects: str) -> dict[str, Any]:
    return {"text": text, "truth": truth, "count": count, "objects": list(objects)}


def test_an_explanation_is_data() -> None:
    tree = parse("(A.B.count > 1 OR C.D.count > 1) AND NOT MANY.SIX.count > 6 AND E.F.count > 0").tree
    sixth = [f"MANY:{i}" for i in range(6)]
    assert explain(tree, LABEL).to_dict() == {
        "kind": "and",
        "truth": False,
        "items": [
            {
                "kind": "or",
                "truth": True,
                "items": [
                    _leaf("A.B.count > 1", True, 2, "A:m1", "A:m2"),
                    _leaf("C.D.count > 1", False, 1, "A:m1 / C:D"),
                ],
            },
            {"kind": "not", "truth": True, "items": [_leaf("MANY.SIX.count > 6", False, 6, *sixth)]},
            _leaf("E.F.count > 0", False, 0),
        ],
    }


def test_parts_of_an_explanation_have_their_nodes() -> None:
    tree = parse("A.B.count > 1 AND NOT E.F.count > 0").tree
    explanation = explain(tree, LABEL)
    first, second = explanation.items
    assert (explanation.node, explanation.count, explanation.objects) == (tree, None, ())
    assert (repr(first.node), first.count, first.items) == ("<Comparison A.B.count > 1>", 2, ())
    assert first.objects == ("A:m1", "A:m2")
    assert [item.truth for item in second.items] == [False]
