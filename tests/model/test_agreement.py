"""The agreement of two answers: 1 if they are equal, below 1 if not, whatever they are made of."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_query.errors import DataError
from kili_query.model.agreement import agreement


def box(category: str, x: float = 0.1, mid: str = "m", **more: Any) -> dict[str, Any]:
    corners = [{"x": x, "y": 0.1}, {"x": x, "y": 0.2}, {"x": 0.9, "y": 0.2}, {"x": 0.9, "y": 0.1}]
    poly = [{"normalizedVertices": corners}]
    return {"mid": mid, "type": "rectangle", "categories": [{"name": category}], "boundingPoly": poly, **more}


def chosen(*names: str) -> dict[str, Any]:
    return {"categories": [{"name": name} for name in names]}


def boxes(*objects: dict[str, Any]) -> dict[str, Any]:
    return {"OBJECTS": {"annotations": list(objects)}}


def joined(start: str, end: str) -> dict[str, Any]:
    relation = {
        "mid": f"{start}{end}",
        "categories": [{"name": "NEXT"}],
        "startObjects": [{"mid": start}],
        "endObjects": [{"mid": end}],
    }
    return {**boxes(box("CAR", 0.1, start), box("BUS", 0.2, end)), "LINKS": {"annotations": [relation]}}  # fmt: skip


EQUAL: list[tuple[Any, Any]] = [
    ({}, None),
    ({"WEATHER": chosen("SUN")}, {"WEATHER": {"categories": [{"name": "SUN", "confidence": 80}]}}),
    ({"WEATHER": chosen("SUN", "RAIN")}, {"WEATHER": chosen("RAIN", "SUN")}),
    (boxes(box("CAR"), box("BUS", 0.3)), boxes(box("BUS", 0.3, "x"), box("CAR", mid="y"))),
    (joined("a", "b"), joined("c", "d")),
    ({"NOTE": {"text": "a"}}, '{"NOTE": {"text": "a"}}'),
]

DIFFERENT: list[tuple[Any, Any, float]] = [
    ({"WEATHER": chosen("SUN")}, {}, 0),
    ({"WEATHER": chosen("SUN")}, {"SKY": chosen("SUN")}, 0),
    ({"WEATHER": chosen("SUN")}, {"WEATHER": chosen("SUN", "RAIN")}, 1 / 2),
    (boxes(box("CAR")), boxes(box("CAR", 0.2)), 1 / 3),
    (boxes(box("CAR")), boxes(box("CAR"), box("CAR")), 1 / 2),
    ({"NOTE": {"text": "a"}}, {"NOTE": {"text": "b"}}, 1 / 3),
    # the same boxes and the same answers, but each about the other box
    (
        boxes(box("CAR", 0.1, "a", children={"C": chosen("RED")}), box("CAR", 0.2, "b", children={"C": chosen("BLUE")})),
        boxes(box("CAR", 0.1, "a", children={"C": chosen("BLUE")}), box("CAR", 0.2, "b", children={"C": chosen("RED")})),
        6 / 10,
    ),
    ({"0": {"WEATHER": chosen("SUN")}, "1": {}}, {"0": {}, "1": {"WEATHER": chosen("SUN")}}, 0),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_equal_answers_agree_wholly(one: Any, other: Any) -> None:
    assert agreement(one, other) == agreement(other, one) == 1


@pytest.mark.parametrize(("one", "other", "expected"), DIFFERENT)
def test_different_answers_agree_in_part(one: Any, other: Any, expected: float) -> None:
    assert agreement(one, other) == agreement(other, one) == pytest.approx(expected)
    assert agreement(one, other) < 1


ANSWERS = st.fixed_dictionaries(
    {},
    optional={
        "WEATHER": st.lists(st.sampled_from(["SUN", "RAIN", "FOG"]), unique=True).map(lambda names: chosen(*names)),
        "NOTE": st.sampled_from(["", "a", "b"]).map(lambda text: {"text": text}),
        "OBJECTS": st.lists(
            st.builds(box, st.sampled_from(["CAR", "BUS"]), st.sampled_from([0.1, 0.2]), st.just("m")), max_size=3
        ).map(lambda objects: {"annotations": [{**row, "mid": str(n)} for n, row in enumerate(objects)]}),
    },
)


@given(ANSWERS, ANSWERS)
def test_it_is_a_share_the_same_from_both_sides_and_1_for_a_copy(one: Any, other: Any) -> None:
    found = agreement(one, other)
    assert 0 <= found <= 1
    assert found == agreement(other, one)
    assert agreement(one, copy.deepcopy(one)) == agreement(one, json.dumps(one)) == 1


def test_text_that_is_no_json_is_an_error() -> None:
    with pytest.raises(DataError):
        agreement("{", {})
