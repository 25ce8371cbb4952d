"""The scan of bytes says what `model.counts` says: on random records, on damaged ones, on all real data."""

from __future__ import annotations

import json
import random
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from kili_query import DataError, Ontology, Query, parse
from kili_query.engines import skipping
from kili_query.engines.scan import LabelKey, Scanner, Verdict
from kili_query.lang.ast import Count, Node, operand_of
from kili_query.model.counts import count_label, is_empty
from kili_query.model.decoding import decode_json
from kili_query.model.labels import DEFAULT_LABEL_TYPES, AssetIds, LabelTypes, asset_ids, is_bare, labels_of
from tests.strategies import CATEGORIES, INPUT_TYPES, JOBS, json_interfaces, level_labels, responses, trees

EXAMPLES = json.loads((Path(__file__).parents[1] / "model" / "data" / "spec-examples.json").read_text("utf-8"))
COCO = Path(__file__).parents[1] / "data" / "coco.zip"

# -- what is expected --------------------------------------------------------------------------------------------------


class Expected(NamedTuple):
    """What must come out for a record, by the definition."""

    labels: int
    empty: int
    matched: list[LabelKey]
    problems: list[str]
    counts: list[dict[tuple[str, str], int]]
    ids: set[AssetIds]
    owners: list[AssetIds]
    """Whose the matching labels are."""


Types = LabelTypes | None


def expected_of(data: bytes, query: Query, ontology: Ontology | None, types: Types) -> Expected:
    record = decode_json(data)
    if not isinstance(record, Mapping):
        raise DataError("no object")
    empty, matched, counts, problems = 0, list[LabelKey](), list[dict[tuple[str, str], int]](), list[str]()
    owners: list[AssetIds] = []
    labels = list(labels_of(record, types=types))
    for label in labels:
        try:
            counts.append(count_label(label, ontology))
        except DataError as error:
            problems.append(str(error))
            continue
        empty += is_empty(label)
        if query.holds(counts[-1]):
            matched.append(LabelKey(label.key, label.position))
            owners.append((label.external_id, label.asset_id))
    ids = {(label.external_id, label.asset_id) for label in labels}
    return Expected(len(labels), empty, matched, problems, counts, ids, owners)


def was_skipped(verdict: Verdict, expected: Expected) -> bool:
    """A record that was skipped has not been looked into: its ids are unknown."""
    return not verdict.decoded


def assert_agrees(data: bytes, query: Query, ontology: Ontology | None, types: Types, *, skip: bool) -> bool:
    """Both ways with and without skipping give the same; returns whether the record was skipped."""
    expected = expected_of(data, query, ontology, types)
    exact = Scanner.of_query(query.tree, ontology, types, validate=True).scan(data)
    assert (exact.labels, exact.empty, exact.matched) == expected[:3]
    assert [str(problem) for problem in exact.problems] == expected.problems
    named = exact.external_id, exact.asset_id
    assert (exact.owners or [named] * len(exact.matched)) == expected.owners
    assert named == asset_ids(decode_json(data))  # type: ignore[arg-type]
    bare = is_bare(decode_json(data))  # type: ignore[arg-type]
    assert exact.bare == (bare or any(any(ids) for ids in expected.ids - {named}))
    every = Scanner(ontology=ontology, types=types).scan(data)
    assert [dict(counts) for counts in every.counts] == expected.counts
    with always_skipping() if skip else nullcontext():
        found = Scanner.of_query(query.tree, ontology, types).scan(data)
    assert found.matched == expected.matched
    if was_skipped(found, expected):
        assert not expected.matched
        if not expected.problems:
            assert (found.labels, found.empty) == (expected.labels, expected.empty)
        return True
    assert (found.labels, found.empty, found.counts) == (exact.labels, exact.empty, [])
    assert [str(problem) for problem in found.problems] == expected.problems
    return False


def always_skipping() -> AbstractContextManager[object]:
    return patch.object(skipping, "MIN_SKIPPED", 0)


# -- random records ----------------------------------------------------------------------------------------------------

_odd_responses: SearchStrategy[Any] = st.sampled_from(
    [None, "", " ", "null", "{}", {}, [], "[]", "no JSON", 'x"', 12, True, "https://x", {"J": {"text": 'say "A" "A"'}}]
)
_ids = st.sampled_from(["1", "2", "3", None, 1, 4, 2**70, "", True, 1.0])
_asset_ids = st.sampled_from(["asset", "é字", 'a"b', "", None, 5, -5, 10**30, 5.0, True, ["x"]])
_owned = st.fixed_dictionaries(
    {},
    optional={
        "labelOf": st.sampled_from([None, {}, "x", {"content": "x"}])
        | st.fixed_dictionaries({}, optional={"externalId": _asset_ids, "id": _asset_ids}),
        "assetId": _asset_ids,
        "externalId": _asset_ids,
    },
)
"""How a label names its asset."""
_types = st.sampled_from(["DEFAULT", "REVIEW", "PREDICTION", "INFERENCE", "AUTOSAVE", "NEW", "lower", None, 3])


@st.composite
def labels(draw: DrawFn, key: str) -> Any:
    if draw(st.integers(0, 19)) == 0:
        return draw(st.sampled_from([None, [], "x", 1, {}]))
    label: dict[str, Any] = {}
    response = draw(responses() | _odd_responses)
    if isinstance(response, dict) and draw(st.integers(0, 5)) == 0:
        response = json.dumps(response)
    if draw(st.integers(0, 19)):
        label[key] = response
    if draw(st.booleans()):
        label["id"] = draw(_ids)
    if draw(st.booleans()):
        label["labelType"] = draw(_types)
    if draw(st.integers(0, 9)) == 0:
        label["jsonResponseUrl"] = draw(st.sampled_from([None, "", "https://x"]))
    if draw(st.integers(0, 3)) == 0:
        label |= draw(_owned)
    if draw(st.integers(0, 9)) == 0:
        label["annotations"] = draw(st.sampled_from([None, [], [{"job": "J"}]]))
    return label


@st.composite
def records(draw: DrawFn) -> dict[str, Any]:
    """An asset with labels under any keys, a label by itself, a conversation, or something else."""
    key = draw(st.sampled_from(["jsonResponse", "jsonResponse", "jsonResponse", "json_response"]))
    named = {"externalId": _asset_ids, "id": _asset_ids, "assetId": _asset_ids}
    record: dict[str, Any] = {"jsonMetadata": {"A": ["A", "J"]}}
    if draw(st.booleans()):
        record |= draw(st.fixed_dictionaries({}, optional=named))
    kind = draw(st.integers(0, 9))
    if kind < 6:
        some = st.lists(labels(key), max_size=3)
        record |= draw(
            st.fixed_dictionaries(
                {"labels": some},
                optional={"latestLabel": labels(key) | st.none(), "latestLabels": some | st.none()},
            )
            | st.fixed_dictionaries({"latestLabel": labels(key) | some | st.none()})
            | st.fixed_dictionaries({"latestLabels": some})
            | st.fixed_dictionaries({"labels": st.lists(labels(key), min_size=1, max_size=1)})
        )
    elif kind < 8:
        label = draw(labels(key))
        record |= label if isinstance(label, dict) else {}
        if draw(st.integers(0, 9)) == 0:
            record["label"] = draw(level_labels() | st.none())
        record |= draw(_owned)
    elif kind == 8:
        record |= {"chatItems": ["A"], "label": draw(level_labels() | st.sampled_from([None, [], "x"]))}
    return record


def escaped(name: str, at: int, digits: str = "04x") -> str:
    """The JSON text of a name with one of its letters as a number."""
    return f'"{name[:at]}\\u{ord(name[at]):{digits}}{name[at + 1 :]}"'


_HIDDEN = ('"A"', '"J"', '"jsonResponse"', '"labels"', '"traffic light"', '"name"', '"AUTOSAVE"')


@st.composite
def written(draw: DrawFn, records: SearchStrategy[Any] = records()) -> bytes:  # noqa: B008 - a strategy is immutable
    """A record as JSON text: any white space, characters as they are or escaped, names hidden behind escapes."""
    record = draw(records)
    if draw(st.integers(0, 3)) == 0:
        record["padding"] = "A" * 5000  # large enough to be skipped without further ado
    text = json.dumps(
        record,
        indent=draw(st.sampled_from([None, None, 0, 1, "\t"])),
        separators=draw(st.sampled_from([None, (",", ":"), (" , ", " : ")])),
        ensure_ascii=draw(st.booleans()),
        sort_keys=draw(st.booleans()),
    )
    for name in draw(st.sets(st.sampled_from(_HIDDEN), max_size=2)) if draw(st.booleans()) else ():
        plain = name.strip('"')
        at = draw(st.integers(0, len(plain) - 1))
        text = text.replace(name, escaped(plain, at, draw(st.sampled_from(["04x", "04X"]))))
    return (draw(st.sampled_from(["", "", " \n"])) + text + draw(st.sampled_from(["", "", "\r", " \t"]))).encode()


_categories = st.sampled_from(CATEGORIES)
operands = st.builds(Count, st.sampled_from(JOBS), _categories) | st.builds(
    operand_of, st.none() | st.sampled_from(JOBS), st.none() | _categories
)
queries = trees(operands, st.integers(-1, 3), max_leaves=4)
common = trees(st.builds(Count, st.just("J"), st.just("A")), st.integers(0, 3), max_leaves=3)
ontologies = st.none() | st.builds(Ontology.from_json_interface, json_interfaces(), st.sampled_from(INPUT_TYPES))
chosen_types = st.sampled_from(
    [DEFAULT_LABEL_TYPES, DEFAULT_LABEL_TYPES, None, frozenset({"REVIEW"}), frozenset[str]()]
)


@given(written(), queries | common, ontologies, chosen_types, st.booleans())
def test_the_scan_gives_what_the_definition_gives(
    data: bytes, tree: Node, ontology: Ontology | None, types: Types, skip: bool
) -> None:
    query = Query(tree)
    try:
        expected_of(data, query, ontology, types)
    except DataError:
        with pytest.raises(DataError):
            Scanner.of_query(tree, ontology, types, validate=True).scan(data)
    else:
        assert_agrees(data, query, ontology, types, skip=skip)


@st.composite
def plain_assets(draw: DrawFn) -> dict[str, Any]:
    """Assets with one label, as most exports hold them: these are skipped."""
    label = {"jsonResponse": draw(responses()), "labelType": draw(st.sampled_from(["DEFAULT", "REVIEW", "AUTOSAVE"]))}
    return {"externalId": "asset", "labels": [label]}


@given(written(plain_assets()), queries | common, ontologies)
def test_skipped_assets_do_not_match(data: bytes, tree: Node, ontology: Ontology | None) -> None:
    assert_agrees(data, Query(tree), ontology, DEFAULT_LABEL_TYPES, skip=True)


@given(st.data())
def test_damaged_bytes_are_refused_or_mean_what_they_say(data: st.DataObject) -> None:
    text = bytearray(data.draw(written()))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at : at + data.draw(st.integers(0, 2))] = data.draw(
            st.sampled_from(
                [b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"\\ud800", b"\xff", b"\xc3", b"0", b"\0"]
            )
            | st.binary(max_size=2)
        )
    query = Query(data.draw(common))
    try:
        expected = expected_of(bytes(text), query, None, DEFAULT_LABEL_TYPES)
    except DataError:
        with pytest.raises(DataError):
            Scanner.of_query(query.tree, validate=True).scan(bytes(text))
        with always_skipping():
            try:
                verdict = Scanner.of_query(query.tree).scan(bytes(text))
            except DataError:
                return
        assert (verdict.matched, verdict.labels) == ([], 1)
    else:
        if not expected.problems:
            assert_agrees(bytes(text), query, None, DEFAULT_LABEL_TYPES, skip=True)


# -- the path that skips -----------------------------------------------------------------------------------------------


def padded(response: object, **more: object) -> bytes:
    asset = {
        "externalId": "asset",
        "padding": "x" * skipping.MIN_SKIPPED,
        "labels": [{"jsonResponse": response, **more}],
    }
    return json.dumps(asset).encode()


def boxes(*names: str) -> dict[str, Any]:
    return {"J": {"annotations": [{"mid": str(i), "categories": [{"name": name}]} for i, name in enumerate(names)]}}


def is_skipped(data: bytes, text: str, types: Types = DEFAULT_LABEL_TYPES) -> bool:
    return assert_agrees(data, parse(text), None, types, skip=False)


@pytest.mark.parametrize(
    ("text", "skipped"),
    [
        ("J.A.count > 1", True),
        ("J.A.count > 0", False),
        ("J.A.count > 1 OR J.B.count > 2", True),
        ("J.A.count > 1 OR J.B.count > 1", False),
        ("J.A.count > 0 AND J.C.count > 0", True),
        ("J.C.count == 0", False),
        ("NOT J.C.count > 0", False),
        ("NOT J.C.count < 1", True),
        ("J.C.count IN (1, 3)", True),
        ("J.C.count NOT IN 0..2", True),
        ("J.C.count < 0 OR J.C.count > 5", True),
        ("K.*.count > 0", True),
        ("J.*.count < 0 OR *.C.count > 5", True),
        ("J.*.count > 8", False),
        ("*.C.count > 0", True),
        ("*.B.count > 2", True),
        ("*.A.count > 0", False),
        ("*.*.count > 8", False),
        ("NOT K.*.count == 0", True),
        ('J."c\\\\d".count > 0', False),
        ('J."é".count > 0', False),
    ],
)
def test_a_large_record_is_skipped_if_its_bytes_cannot_match(text: str, skipped: bool) -> None:
    assert is_skipped(padded(boxes("A", "B", "B")), text) is skipped


def test_a_small_record_is_never_skipped() -> None:
    data = json.dumps({"externalId": "asset", "labels": [{"jsonResponse": boxes("B")}]}).encode()
    assert not is_skipped(data, "J.A.count > 0")


@pytest.mark.parametrize(
    "data",
    [
        padded(boxes("A")).replace(b'"A"', b'"\\u0041"'),
        padded(json.dumps(boxes("A"))),
        padded({}),
        padded(None),
        padded(boxes("B"), labelType="AUTOSAVE"),
        padded(boxes("B"), more={"jsonResponse": 1}),
        padded([]),
        padded(boxes("B"))[:-2] + b"]]",
    ],
    ids=["escape", "text", "empty", "null", "autosave", "two", "list", "cut"],
)
def test_what_the_bytes_do_not_tell_is_decoded(data: bytes) -> None:
    if data.endswith(b"]]"):
        with pytest.raises(DataError):
            Scanner.of_query(parse("J.A.count > 0").tree).scan(data)
    else:
        assert not is_skipped(data, "J.A.count > 0")


@pytest.mark.parametrize("letter", [chr(i) for i in range(0x20, 0x7F) if chr(i) not in '"\\'])
def test_no_letter_of_a_name_hides_behind_an_escape(letter: str) -> None:
    name = f"x{letter}y"
    for hidden in (escaped(name, 1), escaped(name, 1, "04X")):
        data = padded(boxes(name)).replace(json.dumps(name).encode(), hidden.encode())
        assert hidden.encode() in data
        assert not is_skipped(data, f'J."{name}".count > 0')
        assert Scanner.of_query(parse(f'J."{name}".count > 0').tree).scan(data).matched


@pytest.mark.parametrize("letter", ["/", "\u00e9", "\u5b57", "\U0001f600"])
def test_a_name_that_is_often_escaped_is_found_however_it_is_written(letter: str) -> None:
    name = f"x{letter}y"
    ways = [json.dumps(name), json.dumps(name, ensure_ascii=False), json.dumps(name).replace("/", "\\/")]
    for way in ways:
        data = padded(boxes(name)).replace(json.dumps(name).encode(), way.encode())
        assert Scanner.of_query(parse(f'J."{name}".count > 0').tree).scan(data).matched


def test_a_type_near_an_end_is_enough_and_one_far_from_both_is_not() -> None:
    label, far = {"jsonResponse": boxes("B")}, "x" * skipping.MIN_SKIPPED
    first, last = {"labelType": "DEFAULT", **label}, {**label, "labelType": "DEFAULT"}
    assert is_skipped(json.dumps({"externalId": "a", "labels": [first], "padding": far}).encode(), "J.A.count > 0")
    assert is_skipped(json.dumps({"externalId": "a", "padding": far, "labels": [last]}).encode(), "J.A.count > 0")
    assert not is_skipped(
        json.dumps({"externalId": "a", "padding": far, "labels": [last], "more": far}).encode(), "J.A.count > 0"
    )
    assert is_skipped(
        json.dumps({"externalId": "a", "padding": far, "labels": [label], "more": far}).encode(), "J.A.count > 0"
    )


def test_responses_are_counted_where_their_letter_is_not_rare() -> None:
    one = {"externalId": "a", "padding": "R" * skipping.MIN_SKIPPED, "labels": [{"jsonResponse": boxes("B")}]}
    two = {**one, "labels": [{"jsonResponse": boxes("B")}, {"jsonResponse": {}}]}
    assert is_skipped(json.dumps(one).encode(), "J.A.count > 0")
    assert not is_skipped(json.dumps(two).encode(), "J.A.count > 0")


def test_only_the_default_types_are_skipped() -> None:
    data = padded(boxes("B"), labelType="AUTOSAVE")
    assert not is_skipped(data, "J.A.count > 0", None)
    assert Scanner.of_query(parse("J.B.count > 0").tree, None, None).scan(data).matched == [LabelKey("labels", 0)]


def test_a_category_in_a_transcription_or_as_a_job_counts_nothing() -> None:
    response = {**boxes("B"), "A": {"text": "A"}, "NOTE": {"text": 'say "A"'}, "K": {"categories": [{"name": "A"}]}}
    for data in (padded(response), padded({**boxes("B"), "A": {"text": "A"}})):
        for text in ("J.A.count > 0", "J.A.count == 0", "K.A.count == 1"):
            is_skipped(data, text)


def test_damage_in_a_skipped_record_is_noticed_with_validate() -> None:
    data, tree = padded(boxes("B")).replace(b'"mid"', b'"mid'), parse("J.A.count > 0").tree
    assert Scanner.of_query(tree).scan(data) == Verdict(labels=1, decoded=False)
    with pytest.raises(DataError, match="not JSON"):
        Scanner.of_query(tree, validate=True).scan(data)


# -- shapes that the typed way must leave to the general one ------------------------------------------------------------


LABEL: dict[str, Any] = {"id": "own", "jsonResponse": boxes("A")}
TYPED: dict[str, tuple[dict[str, Any], bool, str | None, str | None]] = {
    "an asset": ({"externalId": "a", "id": "x", "labels": [LABEL]}, False, "a", "x"),
    "a label by itself": (LABEL, True, None, None),
    "a label that names its asset": ({**LABEL, "labelOf": {"externalId": "a", "id": "x"}}, True, "a", "x"),
    "a label of an asset without names": ({**LABEL, "labelOf": {}}, True, None, None),
    "a label of no asset": ({**LABEL, "labelOf": None}, True, None, None),
    "a response, and its address": ({**LABEL, "jsonResponseUrl": "https://x"}, True, None, None),
    "a response, and annotations": ({**LABEL, "annotations": [{"job": "J"}, 1]}, True, None, None),
}
"""What is decoded in part: a record, whether it is a label by itself, the names of its asset."""

GENERAL: dict[str, dict[str, Any]] = {
    "a label, and a conversation": {**LABEL, "label": {"conversation": boxes("A", "B")}},
    "a label, and a conversation of nothing": {**LABEL, "label": None},
    "an address without a response": {"jsonResponse": None, "jsonResponseUrl": "https://x"},
    "annotations and an empty response": {"jsonResponse": {}, "annotations": [{}]},
    "annotations that are no list": {**LABEL, "annotations": {"job": "J"}},
    "an address that is a number": {**LABEL, "jsonResponseUrl": 5},
    "a response that is text": {"jsonResponse": json.dumps(boxes("A"))},
    "an older key": {"json_response": boxes("A")},
}
"""What is decoded in full."""


def goes_the_general_way(record: object) -> bool:
    data = json.dumps(record).encode()
    with patch.object(Scanner, "_scan_general", autospec=True, side_effect=Scanner._scan_general) as general:
        Scanner(types=None).scan(data)
    return bool(general.call_count)


@pytest.mark.parametrize("what", TYPED)
def test_records_that_are_decoded_in_part(what: str) -> None:
    record, *expected = TYPED[what]
    assert not goes_the_general_way(record)
    verdict = Scanner().scan(json.dumps(record).encode())
    assert [verdict.bare, verdict.external_id, verdict.asset_id] == expected
    assert verdict.counts == [{("J", "A"): 1}]
    assert_agrees(json.dumps(record).encode(), parse("J.A.count > 0"), None, None, skip=True)


@pytest.mark.parametrize("response", [boxes("A"), json.dumps(boxes("A")), None])
def test_a_label_by_itself_is_one_whether_it_takes_part_or_not(response: object) -> None:
    verdict = Scanner().scan(json.dumps({"jsonResponse": response, "labelType": "AUTOSAVE"}).encode())
    assert (verdict.labels, verdict.bare) == (0, True)


@pytest.mark.parametrize("what", GENERAL)
def test_records_that_are_decoded_in_full(what: str) -> None:
    assert goes_the_general_way(GENERAL[what])
    for text in ("J.A.count > 0", "J.B.count > 0"):
        assert_agrees(json.dumps(GENERAL[what]).encode(), parse(text), None, None, skip=True)


_MIDS: list[list[object]] = [
    [1, 1.0], ["1", 1], [2**70, 2**70], [True, True], [None, None], ["", ""], [[], []], [1e300, 10**300],
]  # fmt: skip
_ODD: list[object] = [
    {"7": {"J": {"categories": ["A", "A"]}}, "8": None, "9": 5},
    {"assetLevel": boxes("A"), "0": boxes("A", "A")},
    {"assetLevel": boxes("A")},
    {"0": boxes("A"), "J": {"categories": [{"name": "A"}]}},
    {"٣": boxes("A"), "³": boxes("A")},
    {"J": {"annotations": [{"points": [{"code": code, "children": boxes("A")} for code in ("x", 1, None, "x")]}]}},
    {
        "J": {
            "annotations": [{"mid": "m", "categories": [{"name": "A", "children": boxes("A")}], "children": boxes("A")}]
        }
    },
    {"J": {"categories": [{"name": "A", "children": boxes("A")}], "children": boxes("A")}},
    *({"J": {"annotations": [{"mid": mid, "categories": [{"name": "A"}]} for mid in mids]}} for mids in _MIDS),
]


@pytest.mark.parametrize("response", _ODD)
def test_odd_identities_are_the_same_in_both_ways(response: object) -> None:
    interface = {
        "jobs": {job: {"mlTask": "CLASSIFICATION", "content": {"categories": {"A": {}}}} for job in ("J", "7")}
    }
    for data in (
        padded(response),
        json.dumps({"externalId": "asset", "latestLabel": {"jsonResponse": response}}).encode(),
    ):
        for input_type in (None, "IMAGE", "VIDEO"):
            for ontology in (None, Ontology.from_json_interface(interface, input_type)):
                for text in ("J.A.count > 1", "J.A.count == 1", "J.A.count > 99"):
                    assert_agrees(data, parse(text), ontology, DEFAULT_LABEL_TYPES, skip=True)


def test_copies_of_a_label_are_judged_once_and_labels_without_an_id_each() -> None:
    one, two, none = ({"id": label_id, "jsonResponse": boxes("A")} for label_id in ("1", "2", None))
    record = {"latestLabel": one, "latestLabels": [None, one, two], "labels": [none, one, two, none, {**none}]}
    assert not goes_the_general_way(record)
    data = json.dumps(record).encode()
    found = Scanner.of_query(parse("J.A.count > 0").tree).scan(data).matched
    assert found == [("latestLabel", 0), ("latestLabels", 2), ("labels", 0), ("labels", 3), ("labels", 4)]
    assert_agrees(data, parse("J.A.count > 0"), None, DEFAULT_LABEL_TYPES, skip=True)


def test_an_object_is_the_same_one_whichever_of_its_categories_is_asked_for() -> None:
    """What it is called is made when it is first needed: for its category, for what is below that, or below itself."""
    below = {"K": {"categories": [{"name": "X"}]}}
    more = {"L": {"categories": [{"name": "X"}]}}
    entries = [{"name": "A"}, {"name": "B", "children": below}]
    points = [{"code": "NOSE", "children": {"M": {"categories": [{"name": "X"}]}}}]
    whole = {"mid": "m", "categories": entries, "children": more, "points": points}
    objects = [
        whole,
        {**whole, "categories": entries[1:]},
        {"mid": "m", "children": more},
        {"mid": "m", "points": points},
    ]
    video = {str(frame): {"J": {"annotations": [item]}} for frame, item in enumerate(objects)}
    for response in (video, {"J": {"annotations": objects}}):
        data = json.dumps({"labels": [{"jsonResponse": response}]}).encode()
        for asked in ("J.A", "J.B"):
            query = parse(" AND ".join(f"{name}.count == 1" for name in (asked, "K.X", "L.X", "M.X")))
            assert Scanner.of_query(query.tree).scan(data).matched
            assert_agrees(data, query, None, DEFAULT_LABEL_TYPES, skip=True)


@pytest.mark.parametrize("depth", [100, 2000, 200_000])
@pytest.mark.parametrize("place", ["jsonResponse", "unknown", "children"])
def test_deep_json_is_counted_or_refused_in_both_ways(depth: int, place: str) -> None:
    deep = "[" * depth + "]" * depth
    if place == "children":
        deep = '{"J":{"children":' * depth + "{}" + "}}" * depth
    label = f'{{"jsonResponse":{{"J":{{"categories":["A"],"{place}":{deep}}}}}}}'
    data, query = f'{{"externalId":"a","labels":[{label}]}}'.encode(), parse("J.A.count > 0")
    try:
        expected = expected_of(data, query, None, None).matched
    except DataError:
        with pytest.raises(DataError, match="too deep"):
            Scanner.of_query(query.tree, None, None).scan(data)
    else:
        assert Scanner.of_query(query.tree, None, None).scan(data).matched == expected


@pytest.mark.parametrize(
    "text", [b"", b" ", b"[]", b"null", b'"x"', b"{}", b'{"a": 1}', b'{"labels": nan}', b"\xff", b"{"]
)
def test_what_is_no_record_is_refused(text: bytes) -> None:
    for data in (text, text + b" " * skipping.MIN_SKIPPED):
        with pytest.raises(DataError):
            Scanner.of_query(parse("A.B.count > 0").tree).scan(data)


# -- examples and real data --------------------------------------------------------------------------------------------


def texts_about(counts: Mapping[tuple[str, str], int]) -> Iterator[str]:
    """For each category queries that its count just satisfies, and just does not."""
    for (job, category), n in counts.items():
        name = '"{}"."{}".count'.format(*(part.replace("\\", "\\\\").replace('"', '\\"') for part in (job, category)))
        yield from (f"{name} == {n}", f"{name} > {n - 1}", f"{name} > {n}", f"NOT {name} == {n}", f"{name} != {n}")
        yield from (f"NOT {name} >= {n}", f"{name} IN {n}..{n}", f"{name} == {n} AND J.NEVER.count == 0")


def agree_on_all(data: bytes, ontology: Ontology | None) -> int:
    """Compare on each count of each label of a record; returns the number of comparisons."""
    compared = 0
    for counts in Scanner(ontology=ontology, types=None).scan(data).counts:
        asked = {
            **counts,
            **{
                (job.key, c): counts.get((job.key, c), 0)
                for job in (ontology.jobs.values() if ontology else ())
                for c in job.categories
            },
        }
        for text in texts_about(dict(random.Random(len(data)).sample(sorted(asked.items()), min(8, len(asked))))):
            assert_agrees(data, parse(text), ontology, None, skip=True)
            assert_agrees(data, parse(text), ontology, DEFAULT_LABEL_TYPES, skip=True)
            compared += 1
    return compared


@pytest.mark.parametrize("example", EXAMPLES, ids=[example["id"] for example in EXAMPLES])
def test_examples_of_the_definition(example: Any) -> None:
    ontology = Ontology.from_json_interface(example["jsonInterface"], example["inputType"])
    by_level = example["kind"] == "llmLabel"
    record = {"label": example["value"]} if by_level else {"labels": [{"jsonResponse": example["value"]}]}
    for data in (
        json.dumps(record).encode(),
        json.dumps({**record, "padding": "x" * skipping.MIN_SKIPPED}, indent=4).encode(),
    ):
        for known in (ontology, None):
            verdict = Scanner(ontology=known).scan(data)
            counts = {(job, c): n for job, row in example["counts"].items() for c, n in row.items()}
            assert {key: verdict.counts[0].get(key, 0) for key in counts} == counts
            agree_on_all(data, known)


def test_the_sample_export() -> None:
    ontology = Ontology.load(COCO.with_name("coco.interface.json"))
    with zipfile.ZipFile(COCO) as archive:
        compared = [agree_on_all(archive.read(n), ontology) for n in archive.namelist() if n.startswith("labels/")]
    assert min(compared) > 0


def real_records(shared: Path) -> Iterator[tuple[bytes, Ontology | None]]:
    for entry in json.loads((shared / "index.json").read_bytes()):
        if not entry.get("labels"):
            continue
        ontology = Ontology.load(shared / entry["interface"], entry["inputType"]) if entry.get("interface") else None
        path = shared / entry["labels"]
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                values = [json.loads(archive.read(n)) for n in archive.namelist() if n.endswith(".json")]
            items = [item for value in values for item in (value if isinstance(value, list) else [value])]
        else:
            items = json.loads(path.read_bytes())
        for item in items:
            wrapped = {"externalId": "asset", "labels": [{"jsonResponse": item}]}
            yield json.dumps(wrapped if path.name.endswith(".responses.json") else item).encode(), ontology


def test_all_real_labels(shared: Path) -> None:
    compared = 0
    for data, ontology in real_records(shared):
        for known in (ontology, None) if ontology else (None,):
            compared += agree_on_all(data, known)
    assert compared > 3000
