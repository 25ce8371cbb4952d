"""Labels of conversations, as annotation objects and as `jsonResponse`."""

from __future__ import annotations

from typing import Any

import pytest

from kili_query.model.conversations import from_annotations, to_annotations

NESTED = {
    "LENGTH": {
        "categories": [
            {"name": "LONG", "children": {"WHY": {"categories": [{"name": "A", "children": {"TEXT": {"text": "so"}}}]}}},
            {"name": "FINE"},
        ]
    },
    "BETTER": {"choice": {"code": "A", "firstId": "m1", "secondId": "m2"}},
    "REMARK": {"text": ""},
}  # fmt: skip


def chosen(id: str, job: str, *categories: str, path: Any = ()) -> dict[str, Any]:
    return {
        "id": id,
        "job": job,
        "path": [list(step) for step in path],
        "annotationValue": {"categories": [*categories]},
    }


def written(job: str, text: str) -> dict[str, Any]:
    return {"id": text, "job": job, "path": None, "annotationValue": {"text": text}}


def test_nested_answers_survive_the_way_there_and_back() -> None:
    annotations = to_annotations(NESTED, "l")
    assert from_annotations(annotations) == NESTED
    assert from_annotations(reversed(annotations)) == {job: NESTED[job] for job in reversed(NESTED)}
    assert {annotation["labelId"] for annotation in annotations} == {"l"}
    assert len({annotation["id"] for annotation in annotations}) == 5


def test_answers_to_several_messages_are_put_together() -> None:
    annotations = [
        chosen("1", "LENGTH", "LONG"),
        chosen("2", "WHY", "A", path=[("1", "LONG")]),
        chosen("3", "LENGTH", "LONG"),
        chosen("4", "WHY", "B", path=[("3", "LONG")]),
        written("REMARK", "first"),
        written("REMARK", "second"),
    ]
    whys = [{"WHY": {"categories": [{"name": name}]}} for name in "AB"]
    longs = [{"name": "LONG", "children": why} for why in whys]
    assert from_annotations(annotations) == {"LENGTH": {"categories": longs}, "REMARK": {"text": "first"}}


def test_what_is_nested_in_nothing_is_left_out() -> None:
    assert from_annotations([chosen("2", "WHY", "A", path=[("1", "LONG")])]) == {}


def test_levels_of_an_exported_conversation_become_annotations_of_messages() -> None:
    levels = {
        "completion": {"LENGTH": {"m1": {"categories": ["LONG"]}, "m2": {"categories": ["LONG", "FINE"]}}},
        "round": {"BETTER": {"0": {"code": "A", "firstId": "m1", "secondId": "m2"}}},
        "conversation": {"REMARK": {"text": "good"}},
    }
    annotations = to_annotations(levels, "l", by_level=True)
    assert [annotation["chatItemId"] for annotation in annotations] == ["m1", "m2", None, None]
    assert from_annotations(annotations) == {
        "LENGTH": {"categories": [{"name": "LONG"}, {"name": "LONG"}, {"name": "FINE"}]},
        "BETTER": {"choice": {"code": "A", "firstId": "m1", "secondId": "m2"}},
        "REMARK": {"text": "good"},
    }


@pytest.mark.parametrize("response", [None, {}, [], "text", {"A": None}, {"A": {}}, {"A": {"annotations": []}}])
def test_what_no_annotation_holds_gives_none(response: object) -> None:
    assert to_annotations(response, "l") == []
