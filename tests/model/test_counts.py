"""What a count is, on real labels and on the examples of the definition."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kili_query import DataError, Label, Ontology, count_categories
from kili_query.model.counts import count_label, decode_response, find_objects, find_objects_of, is_empty
from kili_query.model.labels import labels_of

Table = dict[str, dict[str, int]]
EXAMPLES = json.loads((Path(__file__).parent / "data" / "spec-examples.json").read_text("utf-8"))


def _table(counts: dict[tuple[str, str], int], expected: Table) -> Table:
    """Counts in the form of the expectations, which list zeros too."""
    table = {job: dict.fromkeys(categories, 0) for job, categories in expected.items()}
    for (job, category), number in counts.items():
        table.setdefault(job, {})[category] = number
    return table


# -- the examples of the definition ------------------------------------------------------------------------------------


def _ways(example: Any) -> Iterator[dict[tuple[str, str], int]]:
    """The counts of an example with its ontology, without one, and by its objects."""
    value = example["value"]
    ontology = Ontology.from_json_interface(example["jsonInterface"], example["inputType"])
    label = Label(value, by_level=example["kind"] == "llmLabel")
    for known in (ontology, Ontology(ontology.jobs), None):
        yield count_label(label, known)
        yield {key: len(set(found)) for key, found in find_objects_of(label, known).items()}
        if not label.by_level:
            yield count_categories(value, known)
            yield {key: len(found) for key, found in find_objects(value, known).items()}
            yield (
                count_categories(json.dumps(value), known)
                if not isinstance(value, str)
                else count_categories(value, known)
            )


@pytest.mark.parametrize("example", EXAMPLES, ids=[example["id"] for example in EXAMPLES])
def test_example_of_the_definition_has_its_counts(example: Any) -> None:
    for counts in _ways(example):
        assert _table(counts, example["counts"]) == example["counts"]


def test_the_examples_are_those_of_the_shared_data(shared: Path) -> None:
    assert json.loads((shared / "spec-examples.json").read_text("utf-8")) == EXAMPLES


# -- real labels -------------------------------------------------------------------------------------------------------


def _labels(path: Path) -> list[Label]:
    """The labels of a fixture, numbered as its README says."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            members = [archive.read(name) for name in sorted(archive.namelist()) if name.endswith(".json")]
        assets = [
            asset for member in map(json.loads, members) for asset in (member if isinstance(member, list) else [member])
        ]
        return [label for asset in assets for label in labels_of(asset, types=None)]
    items = json.loads(path.read_bytes())
    if path.name.endswith(".responses.json"):
        return [Label(response) for response in items]
    return [label for item in items for label in labels_of(item, types=None)]


def _of_fixture(shared: Path, file: str) -> Ontology | None:
    entries = json.loads((shared / "index.json").read_bytes())
    for entry in entries if isinstance(entries, list) else entries.values():
        if file in entry.values() and entry.get("interface"):
            return Ontology.load(shared / entry["interface"], entry.get("inputType"))
    return None


def test_every_real_label_has_its_counts(shared: Path) -> None:
    expected: dict[str, dict[str, Table]] = json.loads((shared / "expected-counts.json").read_bytes())
    checked = 0
    for file, by_index in expected.items():
        labels, ontology = _labels(shared / file), _of_fixture(shared, file)
        for index, table in by_index.items():
            label = labels[int(index)]
            assert _table(count_label(label, ontology), table) == table, (file, index)
            assert {k: len(v) for k, v in find_objects_of(label, ontology).items()} == count_label(label, ontology)
            checked += 1
        assert len(labels) == len(by_index), file
    assert checked > 100
    assert any(file.endswith(".zip") for file in expected)
    assert any(file.endswith(".conversations.json") for file in expected)


# -- encodings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, {}, "", " \n", "null", " null ", "{}"])
def test_no_answer_counts_nothing(value: object) -> None:
    assert decode_response(value) == {}
    assert count_categories(value) == {}
    assert is_empty(Label(value))


@pytest.mark.parametrize("encode", [str, str.encode, lambda text: bytearray(text.encode())])
def test_json_text_is_decoded_once(encode: Any) -> None:
    response = {"J": {"categories": [{"name": "É"}]}}
    assert count_categories(encode(json.dumps(response))) == {("J", "É"): 1}
    with pytest.raises(DataError, match="JSON text of a text"):
        count_categories(encode(json.dumps(json.dumps(response))))


WRONG = [
    ([], "`jsonResponse` is a list, and must be an object"),
    (5, "`jsonResponse` is a number, and must be an object"),
    (1.5, "`jsonResponse` is a number, and must be an object"),
    (True, "`jsonResponse` is a truth value, and must be an object"),
    ({1}, "`jsonResponse` is a set, and must be an object"),
    ("[]", "`jsonResponse` is JSON text of a list, and must be of an object"),
    ("5", "`jsonResponse` is JSON text of a number, and must be of an object"),
    ('"null"', "`jsonResponse` is JSON text of a text, and must be of an object"),
    ("true", "`jsonResponse` is JSON text of a truth value, and must be of an object"),
]


@pytest.mark.parametrize(("value", "message"), WRONG, ids=[str(i) for i in range(len(WRONG))])
def test_anything_else_is_a_data_error_that_says_what_is_there(value: object, message: str) -> None:
    with pytest.raises(DataError) as caught:
        decode_response(value)
    assert (caught.value.code, caught.value.message) == ("KQ501", message)


def test_text_nested_too_deep_is_a_data_error() -> None:
    with pytest.raises(DataError, match="nested too deep"):
        decode_response("[" * 100_000)


@pytest.mark.parametrize("value", ["{", "nonsense", "{'J': 1}", "{} {}", b"\xff", '{"J": nan}', "\ud800", '"\\ud800"'])
def test_text_that_is_not_json_is_a_data_error(value: object) -> None:
    with pytest.raises(DataError, match=r"JSON|UTF-8"):
        decode_response(value)


@pytest.mark.parametrize("value", ["https://storage.example.com/x", b"  http://x"])
def test_an_address_is_told_from_broken_json(value: object) -> None:
    with pytest.raises(DataError, match="is an address"):
        decode_response(value)


def test_a_label_that_cannot_be_read_is_named_in_the_error() -> None:
    with pytest.raises(DataError) as caught:
        count_label(Label("{", "car.jpg", key="labels", position=2, where="export.zip"))
    assert caught.value.where == "export.zip, car.jpg, labels[2]"
    with pytest.raises(DataError, match=r"^car\.jpg, labels\[0\]: the label is broken$"):
        find_objects_of(Label(None, "car.jpg", key="labels", problem="the label is broken"))


@pytest.mark.parametrize("value", [b"", b" ", b"null", bytearray(b"{}")])
def test_bytes_are_json_text_too(value: object) -> None:
    assert decode_response(value) == {}


# -- frames ------------------------------------------------------------------------------------------------------------

FRAMES: dict[str, Any] = {"7": {"J": {"categories": [{"name": "A"}]}}, "8": {"J": {"categories": [{"name": "A"}]}}}
SEVEN = {"7": {"categories": [{"name": "A"}]}}


def _ontology(*jobs: str, input_type: str | None = None) -> Ontology:
    categories: dict[str, Any] = {"content": {"categories": {"A": {}}}}
    return Ontology.from_json_interface({"jobs": dict.fromkeys(jobs, categories)}, input_type)


def test_keys_of_digits_are_frames_unless_the_ontology_says_otherwise() -> None:
    assert count_categories(FRAMES) == {("J", "A"): 1}
    assert count_categories(FRAMES, _ontology("J", input_type="VIDEO")) == {("J", "A"): 1}
    assert count_categories(FRAMES, _ontology("J", input_type="IMAGE")) == {}
    assert count_categories(SEVEN) == {}
    assert count_categories(SEVEN, _ontology("7")) == {("7", "A"): 1}
    assert count_categories(SEVEN, _ontology("7", input_type="VIDEO")) == {("7", "A"): 1}


def test_frames_may_be_numbers_in_memory_and_digits_of_other_scripts_are_none() -> None:
    in_memory: Any = {0: FRAMES["7"], 1: FRAMES["8"]}
    assert count_categories(in_memory) == {("J", "A"): 1}
    assert count_categories({"٧": FRAMES["7"]}) == {}


def test_asset_level_is_a_job_only_where_the_ontology_has_it() -> None:
    response = {"assetLevel": {"J": {"categories": [{"name": "A"}]}, "categories": [{"name": "A"}]}}
    assert count_categories(response) == {("J", "A"): 1}
    assert count_categories(response, _ontology("J")) == {("J", "A"): 1}
    assert count_categories(response, _ontology("assetLevel")) == {("assetLevel", "A"): 1}


# -- identities --------------------------------------------------------------------------------------------------------


def _object(**more: Any) -> dict[str, Any]:
    return {"categories": [{"name": "A"}], **more}


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ([_object(mid="1"), _object(mid="1")], 1),
        ([_object(mid="1"), _object(mid="2")], 2),
        ([_object(mid=1), _object(mid=1)], 1),
        ([_object(mid=1), _object(mid=1.0)], 1),
        ([_object(mid=1), _object(mid="1")], 2),
        ([_object(), _object()], 2),
        ([_object(mid=""), _object(mid="")], 2),
        ([_object(mid=None), _object(mid=True), _object(mid=["x"])], 3),
        ([_object(), _object(mid=1), _object(mid="1")], 3),
        ([{"mid": "1", "categories": [{"name": "A"}, "A", {"name": "A"}]}], 1),
    ],
)
def test_objects_are_told_apart_by_mid(annotations: list[Any], expected: int) -> None:
    assert count_categories({"J": {"annotations": annotations}}) == {("J", "A"): expected}


def test_a_choice_counts_once_for_each_parent() -> None:
    child = {"K": {"categories": [{"name": "X"}]}}
    here = [{"name": "A", "children": child}, {"name": "A", "children": child}, {"name": "B", "children": child}]
    assert count_categories({"J": {"categories": here, "children": child}})[("K", "X")] == 4


@pytest.mark.parametrize("name", ["ANNOTATION_JOB_COUNTER", "ANNOTATION_NAMES_JOB", "ROTATION_JOB"])
def test_pseudo_jobs_count_nothing_at_any_depth(name: str) -> None:
    answer = {name: {"categories": [{"name": "A"}]}}
    nested = {"J": {"categories": [{"name": "A", "children": answer}]}}
    assert count_categories(answer) == {}
    assert count_categories(nested) == {("J", "A"): 1}
    assert count_categories({"0": answer}) == {}


@pytest.mark.parametrize("mid", [True, False, None, "", [], {}, ["m"]])
def test_a_mid_that_is_no_text_and_no_number_names_nothing(mid: object) -> None:
    twice = {"J": {"annotations": [_object(mid=mid), _object(mid=mid)]}}
    with_numbers = {"J": {"annotations": [_object(mid=mid), _object(mid=0), _object(mid=1)]}}
    assert count_categories(twice) == {("J", "A"): 2}
    assert count_categories(with_numbers) == {("J", "A"): 3}


@pytest.mark.parametrize("mid", ["0", "m", 0, -1, 1.5])
def test_a_mid_names_an_object_in_all_frames(mid: object) -> None:
    frame = {"J": {"annotations": [_object(mid=mid)]}}
    assert count_categories({"0": frame, "1": frame, "2": frame}) == {("J", "A"): 1}


CHILD = {"K": {"categories": ["X"]}}
TEXTS: list[tuple[Any, list[str]]] = [
    ({"K": {"categories": ["X"]}}, ["K:X"]),
    ({"K": {"categories": ["X", "X", "Y", "X"]}}, ["K:X", "K:X[1]", "K:X[2]"]),
    ({"K": {"annotations": [{"mid": "m", "categories": ["X"]}]}}, ["K:m"]),
    ({"K": {"annotations": [{"mid": mid, "categories": ["X"]} for mid in ("0", 0, 1.5)]}}, ["K:0", "K:0[number]", "K:1.5[number]"]),
    ({"K": {"annotations": [{"categories": ["X"]}, {"mid": True, "categories": ["X"]}]}}, ["K:1[unnamed]", "K:2[unnamed]"]),
    ({"J": {"children": CHILD}}, ["J / K:X"]),
    ({"J": {"categories": [{"name": "A", "children": CHILD}]}}, ["J:A / K:X"]),
    ({"J": {"categories": [{"name": "A"}, {"name": "A", "children": CHILD}]}}, ["J:A[1] / K:X"]),
    ({"J": {"annotations": [{"mid": "m", "children": CHILD}]}}, ["J:m / K:X"]),
    ({"J": {"annotations": [{"mid": "m", "categories": [{"name": "A", "children": CHILD}]}]}}, ["J:m / J:A[category] / K:X"]),
    ({"J": {"annotations": [{"mid": "m", "points": [{"code": "NOSE", "children": CHILD}]}]}}, ["J:m / J:NOSE[point] / K:X"]),
    ({"J": {"annotations": [{"mid": "m", "points": [{"code": ["?"], "children": CHILD}]}]}}, ["J:m / J[point] / K:X"]),
    ({"7": {"J": {"children": CHILD}}, "8": {"J": {"children": CHILD}}, "assetLevel": CHILD}, ["J / K:X", "K:X"]),
]  # fmt: skip


@pytest.mark.parametrize(("response", "texts"), TEXTS, ids=[texts[-1] for _, texts in TEXTS])
def test_the_text_of_an_identity_says_the_way_to_it(response: Any, texts: list[str]) -> None:
    found = find_objects(response)["K", "X"]
    assert [" / ".join(map(str, identity)) for identity in found] == texts


def test_levels_of_a_conversation_are_places_of_their_own() -> None:
    """A job may be called `round`, and an object of it may be called like a round."""
    labels = {
        "conversation": {"round": {"annotations": [{"mid": "0", "children": CHILD}]}, **CHILD},
        "round": {"K": {"0": CHILD["K"], "1": CHILD["K"]}},
        "completion": {"K": {"0": CHILD["K"]}},
        "other": {"K": {"0": CHILD["K"]}},
    }
    label = Label(labels, by_level=True)
    found = find_objects_of(label)["K", "X"]
    assert [" / ".join(map(str, identity)) for identity in found] == [
        "K:X", "round:0 / K:X", "round:0[level] / K:X", "round:1[level] / K:X", "completion:0[level] / K:X"
    ]  # fmt: skip
    assert count_label(label) == {("K", "X"): 5}


@pytest.mark.parametrize("odd", [None, [], "text", 5, {"K": None}, {"K": []}, {"K": {"0": None}}, {"K": {"0": "X"}}])
def test_a_level_of_another_shape_counts_nothing(odd: object) -> None:
    assert count_label(Label(dict.fromkeys(("conversation", "round", "completion"), odd), by_level=True)) == {}
