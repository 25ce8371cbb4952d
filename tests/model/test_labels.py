"""The labels of a JSON record: assets, bare labels, conversations; their names, copies, types and problems."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from kili_query import DataError
from kili_query.model.counts import Answered
from kili_query.model.kili import LABEL_TYPES
from kili_query.model.labels import DEFAULT_LABEL_TYPES, AllBut, Label, chosen_types, id_text, is_record, labels_of


def _label(**more: Any) -> dict[str, Any]:
    return {"jsonResponse": {}, **more}


def _names(record: dict[str, Any], **options: Any) -> list[str]:
    return [label.name for label in labels_of(record, **options)]


def test_an_asset_gives_the_labels_of_all_its_keys_in_order() -> None:
    asset = {"externalId": "a.jpg", "labels": [_label(), _label()], "latestLabels": [_label()], "latestLabel": _label()}
    assert _names(asset) == ["a.jpg, latestLabel", "a.jpg, latestLabels[0]", "a.jpg, labels[0]", "a.jpg, labels[1]"]


def test_null_labels_are_left_out_and_keep_their_position() -> None:
    assert _names({"id": "x", "latestLabel": None, "latestLabels": [None, _label()], "labels": None}) == [
        "x, latestLabels[1]"
    ]
    assert _names({"id": "x", "labels": []}) == []


def test_copies_are_known_by_their_id_and_labels_without_one_are_all_given() -> None:
    asset = {"id": "x", "latestLabel": _label(id="1"), "labels": [_label(id="1"), _label(id="2"), _label(), _label()]}
    assert _names(asset) == ["x, latestLabel", "x, labels[1]", "x, labels[2]", "x, labels[3]"]


def test_a_copy_of_a_label_of_another_type_is_no_reason_to_give_it() -> None:
    asset = {
        "id": "x",
        "latestLabel": _label(id="1", labelType="AUTOSAVE"),
        "labels": [_label(id="1", labelType="AUTOSAVE")],
    }
    assert _names(asset) == []
    assert _names(asset, types=None) == ["x, latestLabel"]


def test_autosave_takes_no_part_unless_asked_for() -> None:
    asset = {"id": "x", "labels": [_label(labelType=kind) for kind in (*LABEL_TYPES, "NEW", None)]}
    kinds = [label.label_type for label in labels_of(asset)]
    assert kinds == ["DEFAULT", "REVIEW", "PREDICTION", "INFERENCE", "NEW", None]
    assert [kind for kind in LABEL_TYPES if kind not in DEFAULT_LABEL_TYPES] == ["AUTOSAVE"]
    assert [label.label_type for label in labels_of(asset, types=frozenset({"AUTOSAVE"}))] == ["AUTOSAVE", None]
    assert len(list(labels_of(asset, types=None))) == 7


def test_a_bare_label_belongs_to_the_asset_it_names() -> None:
    (label,) = labels_of(_label(id="label-1", labelOf={"id": "x", "externalId": "a.jpg"}))
    assert (label.name, label.asset_id, label.external_id) == ("a.jpg", "x", "a.jpg")
    (label,) = labels_of(_label(id="label-1"))
    assert (label.name, label.asset_id, label.external_id) == ("label", None, None)


def test_a_conversation_is_read_by_level() -> None:
    (label,) = labels_of({"externalId": "c1", "label": {"round": {}}, "chatItems": []})
    assert (label.by_level, label.name, label.response) == (True, "c1", {"round": {}})
    (label,) = labels_of({"externalId": "c1", "label": None})
    assert (label.response, label.problem) == ({}, None)
    (label,) = labels_of({"externalId": "c1", "label": []})
    assert label.problem == "`label` is not an object"


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"jsonResponse": {"J": {}}}, None),
        ({"jsonResponse": {}}, None),
        ({"jsonResponse": None}, None),
        ({"json_response": {}}, None),
        ({"jsonResponse": "not read here"}, None),
        ({}, "has no `jsonResponse`"),
        ({"jsonResponseUrl": "https://x"}, "cannot be read offline"),
        ({"jsonResponse": None, "jsonResponseUrl": "https://x"}, "cannot be read offline"),
        ({"jsonResponse": {}, "annotations": [{}]}, "`annotations`"),
        ({"jsonResponse": {"J": {}}, "annotations": [{}]}, None),
        ({"jsonResponse": {}, "annotations": []}, None),
        ("text", "is not an object"),
        (["list"], "is not an object"),
    ],
)
def test_a_label_that_cannot_be_read_has_its_problem(value: object, problem: str | None) -> None:
    (label,) = labels_of({"id": "x", "labels": [value]})
    assert label.problem is None if problem is None else problem in (label.problem or "")


@pytest.mark.parametrize("record", [{}, {"id": "x"}, {"externalId": "a.jpg", "content": "http://x"}])
def test_a_record_without_labels_is_a_data_error(record: dict[str, Any]) -> None:
    assert not is_record(record)
    with pytest.raises(DataError, match="neither an asset") as caught:
        list(labels_of(record, where="file.json"))
    assert caught.value.where == "file.json"


@pytest.mark.parametrize("value", [None, [], "x", 5])
def test_only_objects_are_records(value: object) -> None:
    assert not is_record(value)


def test_the_place_and_the_record_take_no_part_in_equality() -> None:
    record = {"id": "x", "labels": [_label()]}
    (here,), (there,) = labels_of(record, where="a.json"), labels_of(record, where="b.json")
    assert here == there
    assert pickle.loads(pickle.dumps(here)) == here
    assert here.record is record["labels"][0]


def _fields(label: Label) -> dict[str, Any]:
    return {name: getattr(label, name) for name in Label.__slots__}


ASSET = {"externalId": "a.jpg", "id": "x"}
LEVELS: dict[str, Any] = {"round": {}}
NAMES = {"external_id": "a.jpg", "asset_id": "x", "where": "file.json"}
WHOLE: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({**ASSET, "labels": [None, _label(labelType="REVIEW")]},
     {"key": "labels", "position": 1, "label_type": "REVIEW", "record": _label(labelType="REVIEW")}),
    ({**ASSET, "latestLabels": ["text"]},
     {"response": None, "key": "latestLabels", "problem": "the label is not an object", "record": "text"}),
    ({**ASSET, "latestLabel": {"jsonResponse": None}},
     {"response": None, "key": "latestLabel", "record": {"jsonResponse": None}}),
    ({**ASSET, "label": LEVELS},
     {"response": LEVELS, "key": "label", "by_level": True, "record": {**ASSET, "label": LEVELS}}),
    ({"jsonResponse": {}, "labelOf": ASSET}, {"record": {"jsonResponse": {}, "labelOf": ASSET}}),
    ({"json_response": {}, "externalId": "a.jpg", "id": "own"},
     {"asset_id": None, "record": {"json_response": {}, "externalId": "a.jpg", "id": "own"}}),
    ({"jsonResponse": {}, "labelOf": {"id": 5}},
     {"asset_id": "5", "external_id": None, "record": {"jsonResponse": {}, "labelOf": {"id": 5}}}),
]  # fmt: skip


@pytest.mark.parametrize(("record", "expected"), WHOLE)
def test_a_label_has_all_that_is_known_of_it(record: dict[str, Any], expected: dict[str, Any]) -> None:
    (label,) = labels_of(record, where="file.json")
    plain = {"response": {}, "key": "", "position": 0, "label_type": None, "by_level": False, "problem": None}
    assert _fields(label) == {**plain, **NAMES, "asset": record, **expected}


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({}, "the label has no `jsonResponse`"),
        ({"jsonResponseUrl": ""}, "the label has no `jsonResponse`"),
        ({"jsonResponse": {}, "jsonResponseUrl": "https://x"}, None),
        ({"json_response": {}, "annotations": [{}]}, "the label holds `annotations` objects and an empty `jsonResponse`; export it with `jsonResponse`"),
        ({"jsonResponse": None, "annotations": [{}]}, "the label holds `annotations` objects and an empty `jsonResponse`; export it with `jsonResponse`"),
    ],
)  # fmt: skip
def test_problems_are_told_in_these_words(value: object, problem: str | None) -> None:
    (label,) = labels_of({"id": "x", "labels": [value]})
    assert label.problem == problem


def test_choices_of_types_are_equal_when_they_leave_out_the_same() -> None:
    assert AllBut("A", "B") == AllBut("B", "A")
    assert hash(AllBut("A", "B")) == hash(AllBut("B", "A"))
    assert AllBut("A") != AllBut("B")
    assert AllBut("A") != frozenset({"A"})
    assert repr(AllBut("B", "A")) == "AllBut('A', 'B')"
    assert AllBut("AUTOSAVE") == DEFAULT_LABEL_TYPES


@pytest.mark.parametrize("types", ["REVIEW", b"REVIEW"])
def test_one_text_is_no_choice_of_types(types: Any) -> None:
    with pytest.raises(TypeError, match=r"such as \{b?'REVIEW'\}, and this is one text"):
        chosen_types(types)


@pytest.mark.parametrize("types", [None, frozenset({"REVIEW"}), ["REVIEW"], DEFAULT_LABEL_TYPES])
def test_a_choice_of_types_is_taken_as_it_is(types: Any) -> None:
    assert chosen_types(types) is types


@pytest.mark.parametrize(
    "key", ["latestLabel", "latestLabels", "labels", "jsonResponse", "json_response", "jsonResponseUrl", "label"]
)
def test_each_key_of_labels_makes_a_record(key: str) -> None:
    assert is_record({key: None})


def test_labels_know_who_made_them_and_when() -> None:
    author = {"id": "u1", "email": "ann@example.com"}
    [label] = labels_of({"id": "a", "labels": [_label(id="l1", author=author, createdAt="2024-02-29T10:00:00Z", labelType="REVIEW")]})  # fmt: skip
    assert (label.id, label.author, label.label_type, label.created_at) == (
        "l1", "ann@example.com", "REVIEW", "2024-02-29T10:00:00Z",
    )  # fmt: skip
    [bare] = labels_of({"id": "a", "labels": [_label()]})
    assert (bare.id, bare.author, bare.label_type, bare.created_at) == (None, None, None, None)
    [talk] = labels_of({"id": "asset", "externalId": "a", "label": {}, "labeler": "ann@example.com"})
    assert (talk.id, talk.author, talk.created_at) == (None, "ann@example.com", None)
    [odd] = labels_of({"id": "a", "labels": ["no label"]})
    assert (odd.id, odd.author, odd.created_at) == (None, None, None)


class _Read(dict[str, object], Answered):
    """A label whose answers somebody has read, and may have changed."""

    answers: dict[str, object] = {"J": {"text": "yes"}}  # noqa: RUF012


def test_a_label_that_was_read_already_has_the_answers_that_it_has_now() -> None:
    (label,) = labels_of(
        {"id": "a1", "externalId": "a.jpg", "labels": [_Read(id="l1", labelType="REVIEW")]}, types=None
    )
    assert (label.response, label.external_id, label.asset_id, label.label_type) == (
        _Read.answers,
        "a.jpg",
        "a1",
        "REVIEW",
    )
    assert (label.key, label.position) == ("labels", 0)


def test_what_label_of_says_of_the_asset_comes_first() -> None:
    bare = {"jsonResponse": {}, "assetId": "beside", "externalId": "beside.jpg"}
    (label,) = labels_of({**bare, "labelOf": {"id": "within", "externalId": "within.jpg"}})
    assert (label.asset_id, label.external_id) == ("within", "within.jpg")
    (label,) = labels_of({**bare, "labelOf": {}})
    assert (label.asset_id, label.external_id) == ("beside", "beside.jpg")


def test_an_empty_id_is_one_that_says_nothing() -> None:
    assert (id_text(None, ""), id_text("", "a"), id_text(None)) == ("", "a", None)
