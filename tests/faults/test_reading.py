"""Reading what is odd: JSON that Python's `json` reads and others do not, records that no one can read, foreign files.

What went wrong. Half a surrogate pair, NaN or `1e999` made a label unreadable, with words about a text that ends too
early; in the SDK the label became `{}` without a word. One record with `1e400` and 1,100 levels ended a whole run. Two
labels on two lines of `labels/x.ndjson` were both lost. A bare `jsonResponse`, a COCO export, a list of projects gave
nothing, and no hint.

What is right. Whatever `json.loads` reads is read, counted, and comes out of `filter` as it was. What nobody can read
is told with its label and place; the records around it are read. A file of something else is called by its name.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from kili_query import Ontology, Query, count_categories, parse, read_labels
from kili_query.cli import app
from kili_query.client.wire.decoding import Behind, responses
from kili_query.engines.scan import Scanner
from kili_query.errors import DataError
from kili_query.formats.containers import streams
from kili_query.formats.containers.split import split
from kili_query.formats.kili import Problem, Record
from kili_query.model.decoding import decode_json, encode_json
from kili_query.model.pieces import fields_of, indented, items_of, on_one_line
from kili_query.offline.select import select
from kili_query.server import LocalKili
from tests.server.asking import Asking

QUERY = "J.C.count > 0"
CHOSEN = b'"J": {"categories": [{"name": "C"}]}'

READABLE = {
    "half a pair": rb'"half \ud83d"',
    "half a pair before more": rb'"\ud83d and so on for a while"',
    "second half": rb'"\udea4"',
    "halves in the wrong order": rb'"\udea4\ud83d"',
    "half a pair as bytes": b'"\xed\xa0\xbd"',
    "name of half a pair": rb'{"\ud83d": 1}',
    "NaN": b"NaN",
    "infinities": b"[Infinity, -Infinity]",
    "1e999": b"[1e999, -1e400]",
    "5,000 digits": b"9" * 5000,
    "deep": b"[" * 200 + b"NaN" + b"]" * 200,
}

PLACES: dict[str, Callable[[bytes], bytes]] = {
    "response": lambda odd: b'{"externalId": "odd", "labels": [{"jsonResponse": {%b, "K": {"text": %b}}}]}' % (CHOSEN, odd),
    "text": lambda odd: b'{"externalId": "odd", "labels": [{"jsonResponse": %b}]}' % quoted(b'{%b, "K": %b}' % (CHOSEN, odd)),
    "beside": lambda odd: b'{"externalId": "odd", "jsonMetadata": {"x": %b}, "labels": [{"jsonResponse": {%b}}]}' % (odd, CHOSEN),
    "bare": lambda odd: b'{"labelOf": {"externalId": "odd"}, "author": %b, "jsonResponse": {%b}}' % (odd, CHOSEN),
    "large": lambda odd: b'{"externalId": "odd", "x": "%b", "latestLabel": {"jsonResponse": {%b, "K": %b}}}' % (b"x" * 70_000, CHOSEN, odd),
}  # fmt: skip


def quoted(text: bytes) -> bytes:
    """The JSON text of a JSON text, as the API gives labels."""
    return json.dumps(text.decode(errors="surrogatepass")).encode()


def good(name: str) -> bytes:
    return b'{"externalId": "%b", "labels": [{"jsonResponse": {%b}}]}' % (name.encode(), CHOSEN)


def names(*sources: Path) -> tuple[list[str | None], list[str]]:
    """The assets that match, and what is told of the rest."""
    hits: list[str | None] = []
    problems: list[str] = []
    for part in select(parse(QUERY), *sources, workers=1):
        hits += [hit.external_id for hit in part.hits]
        problems += map(str, part.summary.problems)
    return hits, problems


def run(*args: object) -> tuple[int, bytes, str]:
    """Exit code, standard output and standard error of a command."""
    ended = CliRunner().invoke(app, [str(arg) for arg in args], standalone_mode=False)
    if ended.exception and not isinstance(ended.exception, DataError):
        raise ended.exception
    said = f"{ended.stderr}{ended.exception or ''}"
    return 2 if ended.exception else ended.return_value or 0, ended.stdout_bytes, said


def archive(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        for name, data in members.items():
            z.writestr(name, data)
    return path


def layouts(folder: Path, *records: bytes) -> Iterator[Path]:
    """The records as lines, as a list, as values, compressed, and as the members of archives."""
    for name, data in (("x.ndjson", b"\n".join(records)), ("x.json", b"[%b]" % b", ".join(records))):
        (folder / name).write_bytes(data)
        yield folder / name
    (folder / "values.txt").write_bytes(
        b"\n\n".join(b"{\n" + record[1:] if record[:1] == b"{" else record for record in records)
    )
    yield folder / "values.txt"
    (folder / "x.json.gz").write_bytes(gzip.compress(b"[%b]" % b",".join(records)))
    yield folder / "x.json.gz"
    yield archive(folder / "many.zip", {f"labels/{i}.json": record for i, record in enumerate(records)})
    yield archive(folder / "one.zip", {"data.json": b"[%b]" % b",\n".join(records)})


# -- what Python's json reads ------------------------------------------------------------------------------------------


def odd_records(place: str) -> dict[str, bytes]:
    """A record with each of the odd values at a place, by its asset."""
    return {odd: PLACES[place](value).replace(b'"odd"', f'"{odd}"'.encode()) for odd, value in READABLE.items()}


@pytest.mark.parametrize("place", PLACES)
def test_what_json_loads_reads_is_read_wherever_it_stands(tmp_path: Path, place: str) -> None:
    records = odd_records(place)
    for odd, record in records.items():
        if odd != "5,000 digits":  # too much for json.loads; we read a number without end, as of 1e999
            json.loads(record)
        assert Scanner().scan(record).counts == [{("J", "C"): 1}]  # what the definition counts
        assert Scanner().scan(record).external_id == odd
    for path in layouts(tmp_path, good("before"), *records.values(), good("after")):
        found, problems = names(path)
        assert (sorted(map(str, found)), problems) == (sorted(["before", *records, "after"]), []), path
        assert len(list(read_labels(path))) == len(found)


@pytest.mark.parametrize("place", PLACES)
def test_what_was_read_comes_out_again(tmp_path: Path, place: str) -> None:
    records = odd_records(place)
    expected = sorted([*records, "after"])
    source = tmp_path / "x.json"
    lines = (record.replace(b'", "', b'",\n\r "') for record in records.values())
    source.write_bytes(b"[%b]" % b",".join([*lines, good("after")]))
    for name in ("x.out.ndjson", "x.out.json", "x.out.zip", "labels.ndjson", "labels.zip"):
        code, _, said = run("filter", source, QUERY, "-o", tmp_path / name, *(["--labels"] if "labels" in name else []))
        assert (code, "0 unreadable" in said) == (0, True), said
        found, problems = names(tmp_path / name)
        assert (sorted(map(str, found)), problems) == (expected, []), name
    written = [repr(decode_json(line)) for line in (tmp_path / "x.out.ndjson").read_bytes().splitlines()]
    assert written[:-1] == [repr(decode_json(record)) for record in records.values()]
    assert sorted(run("filter", source, QUERY, "--ids")[1].decode().splitlines()) == expected
    rows = run("filter", source, QUERY, "--ids", "--format", "csv")[1].decode().splitlines()
    assert sorted(row.strip('",') for row in rows[1:]) == expected


@pytest.mark.parametrize("name", [r"a\ud83d", r"\udea4", r"\ud83d\ud83d"])
def test_names_of_half_a_pair_survive(tmp_path: Path, name: str) -> None:
    response = b'{"J": {"categories": [{"name": "C"}, {"name": "%b"}]}, "K": {"text": 1e999}}' % name.encode()
    key = json.loads(f'"{name}"')
    assert count_categories(response) == {("J", "C"): 1, ("J", key): 1}
    record = b'{"externalId": "%b", "labels": [{"jsonResponse": %b}]}' % (name.encode(), response)
    source = tmp_path / "x.json"
    source.write_bytes(b"[%b]" % record)
    assert names(source) == ([key], [])
    for kind in ("x.zip", "x.ndjson", "x.csv", "x.txt"):
        assert run("filter", source, QUERY, "-o", tmp_path / kind)[0] == 0
    assert names(tmp_path / "x.zip") == names(tmp_path / "x.ndjson") == ([key], [])
    assert run("stats", source, "--json")[0] == 0


@pytest.mark.parametrize("encoding", ["", "utf-8:surrogateescape"])
def test_half_a_pair_can_be_printed(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "x.json").write_bytes(
        rb'[{"externalId": "a\ud83d", "labels": [{"jsonResponse": {"J": {"categories": ["C", "D\ud83d"]}}}]}]'
    )
    env = {**os.environ, "PYTHONIOENCODING": encoding}
    start = [sys.executable, "-m", "kili_query"]
    for args, said in ((["stats", "x.json", "--csv"], b"D\\ud83d"), (["explain", QUERY, "x.json"], b"a\\ud83d")):
        ended = subprocess.run([*start, *args], cwd=tmp_path, env=env, capture_output=True, check=False, timeout=60)
        assert (ended.returncode, said in ended.stdout) == (0, True), ended


def test_half_a_pair_in_the_json_form_of_a_query() -> None:
    query = parse('J."\ud83d".count > 1')
    assert Query.from_json(query.to_json()) == query
    assert json.loads(query.to_json())["category"] == "\ud83d"
    for text in ("{", "NaN", "[1e999]", "[" * 3000):
        with pytest.raises(DataError, match=r"JSON form"):
            Query.from_json(text)


python_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=6),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(st.characters(codec=None), max_size=3), below, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.lists(st.dictionaries(st.text(max_size=3), python_json, max_size=3), min_size=1, max_size=5), st.integers(1, 40), st.booleans())  # fmt: skip
def test_lists_of_what_python_writes_are_cut_as_python_reads_them(
    items: list[Any], size: int, ascii_only: bool
) -> None:
    text = json.dumps(items, ensure_ascii=ascii_only).encode(errors="surrogatepass")
    found = list(split((text[i : i + size] for i in range(0, len(text), size)), "x"))
    assert all(isinstance(item, Record) for item in found), found
    assert repr([decode_json(item.data) for item in found if isinstance(item, Record)]) == repr(json.loads(text))


@given(python_json)
def test_values_survive_writing_and_taking_apart(value: object) -> None:
    text = encode_json(value)
    assert repr(decode_json(text)) == repr(json.loads(json.dumps(value)))
    assert repr(decode_json(on_one_line(indented(text)))) == repr(decode_json(text))
    if isinstance(value, dict):
        assert {key: repr(decode_json(below)) for key, below in fields_of(text).items()} == {
            key: repr(json.loads(json.dumps(below))) for key, below in value.items()
        }
    if isinstance(value, list):
        assert [repr(decode_json(below)) for below in items_of(text)] == [
            repr(item) for item in json.loads(json.dumps(value))
        ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": NaN, b}', "unexpected 'b' at byte 11"),
        ('{"a": "\\ud83d", "b" 1}', "unexpected '1' at byte 20"),
        ('{"a": "\\ud83d", "é": x}', "unexpected 'x' at byte 22"),
        ('{"a": "\\ud83d"', "it ends too early"),
        ('{"a": "\\ud83d', "it ends too early"),
        ('{"a": "\\ud8', "it ends too early"),
        ('{"a": NaN} x', "more text after the end of the value at byte 11"),
        ('{"a": 1e999,}', "unexpected '}' at byte 12"),
        ('{"a": "\\x"}', "invalid escape character in string"),
        ('{"a": "\\u+123"}', "invalid character in unicode escape"),
        ('{"a": 01}', "invalid number"),
        ('{"a": nan}', "unexpected 'n' at byte 6"),
        (b'{"a": NaN, "b": "\xff"}', "0xff at byte 17"),
        ("[" * 3000, "nested too deep"),
        ("[1e999, " + "[" * 3000, "nested too deep"),
    ],
)
def test_the_words_are_about_the_real_fault(text: str | bytes, said: str) -> None:
    with pytest.raises((ValueError, RecursionError)):
        json.loads(text)
    with pytest.raises(DataError) as caught:
        decode_json(text)
    assert said in caught.value.message


# -- the SDK -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("odd", [odd for odd in READABLE if odd != "half a pair as bytes"])
def test_the_sdk_reads_it_too(odd: str) -> None:
    text = b'{%b, "K": %b}' % (CHOSEN, READABLE[odd])
    label: dict[str, Any] = {"id": "l1", "jsonResponse": text.decode()}
    assert list(responses([label], "IMAGE")) == []
    assert count_categories(label["jsonResponse"]) == {("J", "C"): 1}


@pytest.mark.parametrize("text", ["{", "nonsense", "[" * 3000, '{"J": }', "[]", "5"])
@pytest.mark.parametrize("way", ["plain", "behind an address", "conversation"])
def test_the_sdk_names_the_label_that_nobody_can_read(text: str, way: str) -> None:
    label: dict[str, Any] = {"id": "l1", "labelOf": {"externalId": "car.jpg"}, "jsonResponse": text}
    ways: dict[str, Callable[[], object]] = {
        "plain": lambda: list(responses([label], "IMAGE")),
        "conversation": lambda: list(responses([label | {"annotations": []}], "LLM_RLHF")),
        "behind an address": lambda: Behind(label, "jsonResponse", "http://x").put(text),
    }
    with pytest.raises(DataError, match=r"^label l1 of asset car\.jpg: `jsonResponse` is "):
        ways[way]()


# -- one bad record does not stop the others ---------------------------------------------------------------------------

DEEP = b"[" * 1100 + b"]" * 1100
BAD = {
    "deep": b'{"externalId": "bad", "labels": [{"jsonResponse": {%b, "K": %b}}]}' % (CHOSEN, DEEP),
    "deep and 1e400": b'{"externalId": "bad", "x": 1e400, "labels": [{"jsonResponse": {%b, "K": %b}}]}' % (CHOSEN, DEEP),
    "deep and half": rb'{"externalId": "bad", "x": "\ud83d", "labels": ' + DEEP + b"}",
    "deep and digits": b'{"externalId": "bad", "x": %b, "labels": %b}' % (b"1" * 5000, DEEP),
    "deep text": b'{"externalId": "bad", "labels": [{"jsonResponse": %b}]}' % quoted(b'{"J": 1e400, "K": %b}' % DEEP),
    "very deep": b'{"externalId": "bad", "x": 1e400, "labels": %b}' % (b'{"a":' * 100_000),
    "not UTF-8": b'{"externalId": "bad", "x": 1e400, "labels": [{"jsonResponse": {"J": "\xff"}}]}',
    "text of nothing": b'{"externalId": "bad", "labels": [{"jsonResponse": "{1e400"}]}',
    "no object": b"[NaN, 1e400]",
}  # fmt: skip


@pytest.mark.parametrize("bad", BAD)
def test_one_bad_record_does_not_stop_the_others(tmp_path: Path, bad: str) -> None:
    for path in layouts(tmp_path, good("before"), BAD[bad], good("after")):
        if bad == "very deep" and path.suffix != ".ndjson" and path.name != "many.zip":
            continue  # brackets that are never closed take what follows with them
        hits, problems = names(path)
        assert hits == ["before", "after"], path
        assert problems or (bad == "no object" and path.name == "many.zip")  # which may be the answer to a FILE job
    code, out, said = run("filter", tmp_path / "x.ndjson", QUERY, "--ids")
    assert (code, out) == (3, b"before\nafter\n")
    assert "x.ndjson: line 2" in said


NASTY = [*READABLE.values(), DEEP, b"[" * 950 + b"]" * 950, b'{"a":' * 960 + b"1e400" + b"}" * 960, b"\xff", b"1e", b'"\\x"', b"-",
         b"{", b"]", b'"', b"1" * 4301, b"-0", b'{"J": 1, "J": NaN}', b"null", b"[]", b"{}", b'"http://x"', b"tru"]  # fmt: skip
SHAPES = [b'{"labels": %b}', b'{"labels": [%b]}', b'{"latestLabel": {"jsonResponse": %b}}', b'{"externalId": %b, "labels": []}',
          b'{"jsonResponse": {"J": %b}}', b'{"labels": [{"jsonResponse": {"J": {"annotations": [{"mid": %b, "categories": ["C"]}]}}}]}',
          b'{"label": {"round": {"J": %b}}}', b'{"labels": [{"jsonResponse": {"0": %b, "1": {"J": {"categories": %b}}}}]}',
          b'{"id": %b, "labelOf": %b, "jsonResponse": {"J": {"children": %b}}}']  # fmt: skip


def test_no_record_whatever_it_holds_ends_the_reading(tmp_path: Path) -> None:
    dice = random.Random(8)
    for shape in SHAPES:
        records = []
        for i in range(25):
            odd = shape.replace(b"%b", dice.choice(NASTY))
            odd = odd if dice.random() < 0.5 else odd.replace(b"}", b', "x": %b}' % dice.choice(NASTY), 1)
            records += [odd, good(str(i))]
        path = tmp_path / "x.ndjson"
        path.write_bytes(b"\n".join(records))
        expected = [str(i) for i in range(25)]
        for more in ((), ("--invert",), ("--labels",), ("--validate",)):
            for kind in ("ids", "json", "zip"):
                if kind == "zip" and (b'"label"' in shape or "--invert" in more):
                    continue
                invertible = b'"labels"' in shape or b"latestLabel" in shape
                if "--invert" in more and not invertible:
                    continue
                out = tmp_path / f"out.{kind}"
                code, _, said = run("filter", path, QUERY, "-o", out, "--format", kind, *more)
                assert code in (0, 3), said
                if kind == "ids" and "--invert" not in more:
                    found = out.read_text(errors="replace").splitlines()
                    assert [name for name in found if name in expected] == expected
        assert run("stats", path)[0] in (0, 3)


def test_gzip_inside_of_gzip_is_a_message(tmp_path: Path) -> None:
    data = good("a")
    for depth in range(1, 400):
        data = gzip.compress(data, 1)
        if depth == streams.MAX_NESTED:
            (tmp_path / "fine.json.gz").write_bytes(data)
    (tmp_path / "deep.json.gz").write_bytes(data)
    assert names(tmp_path / "fine.json.gz") == (["a"], [])
    path = archive(tmp_path / "x.zip", {"labels/a.json": good("a"), "labels/b.json.gz": data})
    for source, found in ((tmp_path / "deep.json.gz", []), (path, ["a"])):
        hits, problems = names(source)
        assert hits == found
        assert "is compressed more than 8 times, one gzip inside of the other" in problems[0]


# -- several values in one member --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("suffix", "between", "indent"),
    [
        *(("ndjson", between, None) for between in ("\n", "\r\n", " \n \n")),
        ("jsonl", "\n", None),
        ("ndjson.gz", "\n", None),
        *(("json", between, indent) for between in ("\n", " \n \n", "", " ") for indent in (None, 4)),
    ],
)
@pytest.mark.parametrize("folder", [False, True])
def test_all_values_of_a_file_of_labels_are_read(
    tmp_path: Path, suffix: str, between: str, indent: int | None, folder: bool
) -> None:
    one, two = (json.dumps(json.loads(good(name)), indent=indent) for name in "ab")
    data = f"{one}{between}{two}\n".encode()
    data = gzip.compress(data) if suffix.endswith("gz") else data
    if folder:
        (tmp_path / "labels").mkdir()
        (tmp_path / f"labels/x.{suffix}").write_bytes(data)
    source = tmp_path if folder else archive(tmp_path / "x.zip", {f"labels/x.{suffix}": data})
    assert names(source) == (["a", "b"], [])


# -- files of something else -------------------------------------------------------------------------------------------

ANSWER = {"J": {"categories": [{"name": "C"}]}}
FOREIGN = {
    "response.json": (ANSWER, 'write it as `{"jsonResponse": …}`'),
    "objects.json": ({"J": {"annotations": []}, "ROTATION_JOB": {}}, 'write it as `{"jsonResponse": …}`'),
    "video.json": ({"0": ANSWER, "1": {}}, 'write it as `{"jsonResponse": …}`'),
    "text.json": ({"J": {"text": "x"}}, 'write it as `{"jsonResponse": …}`'),
    "coco.json": ({"info": {}, "images": [], "annotations": [], "categories": []}, "lists no images"),
    "geo.json": ({"type": "FeatureCollection", "features": 1, "jobs": {}}, "this is a GeoJSON file"),
    "ontology.json": ({"jobs": {}}, "belongs to the option `--ontology`"),
    "project.json": ({"id": "p", "jsonInterface": {"jobs": {}}}, "belongs to the option `--ontology`"),
    "answer.json": ({"data": {"labels": []}}, "what stands under `data`"),
    "other.json": ({"J": 1}, "neither an asset"),
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("form", ["file", "list", "zip"])
def test_a_file_of_something_else_is_called_by_its_name(tmp_path: Path, name: str, form: str) -> None:
    value, said = FOREIGN[name]
    said = "this is a COCO file" if form == "list" and name == "coco.json" else said
    path = tmp_path / name
    path.write_text(json.dumps([value] if form == "list" else value, indent=2))
    if form == "zip":
        path = archive(tmp_path / "x.zip", {f"JOB/{name}": path.read_bytes()})
    for command in (["stats"], ["filter", "--ids"]):
        code, _, told = run(command[0], path, *([QUERY, *command[1:]] if command[1:] else []))
        assert code == (3 if form == "list" or name in ("answer.json", "other.json") else 2), "nothing was read"
        assert said in told


@pytest.mark.parametrize(
    ("members", "code", "said"),
    [
        ({"labels/a.txt": b"0 0.5 0.5 0.1 0.1", "data.yaml": b""}, 0, "lists of class names"),
        ({"JOB_0/labels/a.txt": b"", "JOB_0/classes.txt": b""}, 0, ""),
        ({"labels/a.xml": b"<annotation/>", "images/a.jpg": b""}, 0, ""),
        ({"labels/a.geojson": b"{}"}, 2, "is no GeoJSON"),
        ({"data.yaml": b"names: [car]"}, 2, "holds neither label files nor pictures"),
        ({"a.txt": b""}, 2, "holds no"),
    ],
)
def test_an_export_in_another_format_is_read(tmp_path: Path, members: dict[str, bytes], code: int, said: str) -> None:
    path = archive(tmp_path / "x.zip", {"README.kili.txt": b"", **members})
    with zipfile.ZipFile(path) as z:
        z.extractall(tmp_path / "folder")
    for source in (path, tmp_path / "folder"):
        ended, _, told = run("stats", source)
        assert (ended, said in told) == (code, True), told


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<?xml version='1.0'?>\n<html/>", "and no JSON"),
        ("<?xml version='1.0'?>\n<annotation>", "not valid XML: no element found"),
        ("train: images/train\nnames:\n  0: car\n", "looks like a YOLO file"),
        ("nc: 2\nnames: [a, b]\n", "looks like a YOLO file"),
        ("%PDF-1.7", "is a PDF document, and holds no labels"),
    ],
)
def test_a_text_of_something_else_is_told(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(DataError, match=said):
        list(read_labels(tmp_path / "a.txt"))


def test_a_list_that_holds_one_project_is_its_ontology(tmp_path: Path) -> None:
    project = {
        "id": "p1",
        "title": "cars",
        "inputType": "VIDEO",
        "jsonInterface": {"jobs": {"J": {"content": {"categories": {"C": {}}}}}},
    }
    as_text = project | {"jsonInterface": json.dumps(project["jsonInterface"])}
    for value in ([project], [as_text], json.dumps([project])):
        ontology = Ontology.from_json_interface(value)
        assert (list(ontology.jobs), ontology.input_type) == (["J"], "VIDEO")
    path = tmp_path / "projects.json"
    path.write_text(json.dumps([project]))
    assert run("check", QUERY, "--ontology", path)[0] == 0
    path.write_text(json.dumps([project, project | {"title": None, "id": "p2"}]))
    code, _, told = run("check", QUERY, "--ontology", path)
    assert (code, "this is a list of 2 projects: `cars` ([0]), `p2` ([1]); write the one" in told) == (2, True), told
    for wrong in ([], [1], [[project]]):
        with pytest.raises(DataError):
            Ontology.from_json_interface(json.dumps(wrong))


def test_the_shared_faults_are_told(shared: Path) -> None:
    faults = shared / "faults"
    if not faults.is_dir():
        pytest.skip("no inputs of faults there")
    assert run("filter", faults / "half_surrogate_export.json", QUERY, "--ids")[1].count(b"\n") == 3
    assert "write it as" in run("stats", faults / "bare_response.json")[2]
    assert "the size of the image is not known" in run("stats", faults / "coco_export.zip")[2]
    assert run("check", QUERY, "--ontology", faults / "projects_dump.json")[0] == 0


# -- attacks by archives -----------------------------------------------------------------------------------------------


def overlapping_archive(path: Path, quoted: bool) -> Path:
    """Members that share their bytes: all with one place, or each with the headers of those behind it as its content."""
    first, lone = (archive(path, {name: good("lone")}).read_bytes() for name in ("labels/z.json", "labels/lone.json"))
    with zipfile.ZipFile(path) as z:
        info = z.infolist()[0]
    length = info.compress_size
    body = first[: 30 + len("labels/z.json") + length]
    entries = [
        (f"labels/{i}.json", i, len(body) - 30 - i) if quoted else (f"labels/{i}.json", 0, length) for i in range(3)
    ]
    entries.append(("labels/lone.json", len(body), length))
    central = b""
    for name, at, size in entries:
        fields = (b"PK\1\2", 20, 0, 20, 0, 0, 8, 0, 0, info.CRC, size, info.file_size, len(name), 0, 0, 0, 0, 0, at)
        central += struct.pack("<4s4B4H3L5H2L", *fields) + name.encode()
    body += lone[: 30 + len("labels/lone.json") + length]
    path.write_bytes(body + central + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 4, 4, len(central), len(body), 0))
    return path


@pytest.mark.parametrize("quoted", [False, True])
def test_members_that_share_their_bytes_are_refused(tmp_path: Path, quoted: bool) -> None:
    hits, problems = names(overlapping_archive(tmp_path / "x.zip", quoted))
    assert hits == ["lone"]
    assert len(problems) == 3
    assert all("shares its bytes with another member" in problem for problem in problems)


def test_members_side_by_side_are_read_even_where_one_is_replaced(tmp_path: Path) -> None:
    path = archive(tmp_path / "x.zip", {"labels/a.json": good("a"), "labels/b.json": b""})
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as z:
        z.writestr("labels/b.json", good("b"))
    assert names(path) == (["a", "b"], [])


@pytest.mark.parametrize("form", ["file", "member", "twice"])
def test_data_that_inflates_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    monkeypatch.setattr(streams, "_BOMB_SIZE", 1_000_000)
    bomb = gzip.compress(b'{"labels": ["' + b"a" * 30_000_000 + b'"]}')
    bomb = gzip.compress(bomb) if form == "twice" else bomb
    path = tmp_path / "x.json.gz"
    path.write_bytes(bomb)
    if form == "member":
        path = archive(tmp_path / "x.zip", {"labels/a.json": good("a"), "labels/b.json.gz": bomb})
    hits, problems = names(path)
    assert hits == (["a"] if form == "member" else [])
    assert "which no label does" in problems[0]


def test_text_that_is_only_repeated_is_no_attack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_BOMB_SIZE", 1_000_000)
    path = tmp_path / "x.ndjson.gz"
    path.write_bytes(gzip.compress(b"\n".join(good(str(i)) for i in range(20_000))))
    assert len(names(path)[0]) == 20_000


def test_problems_are_of_the_part_that_has_them() -> None:
    (item,) = split([b'{"labels": [NaN, }'], "x.json")
    assert isinstance(item, Problem)
    assert item.message == "not valid JSON: unexpected '}' at byte 17; no item was found after it"


# -- local Kili --------------------------------------------------------------------------------------------------------


def test_local_kili_keeps_what_was_read_and_tells_what_it_keeps_otherwise(tmp_path: Path) -> None:
    interface = tmp_path / "i.json"
    interface.write_text(
        json.dumps([{"jsonInterface": {"jobs": {"J": {"content": {"categories": {"C": {"name": "\ud83d"}}}}}}}])
    )
    records = [record for place in PLACES for record in odd_records(place).values()]
    numbers = [
        b'{"externalId": "n%d", "priority": %b, "duration": %b, "resolution": %b, "labels": [{"numberOfAnnotations": %b, "jsonResponse": {%b}}]}'
        % (i, odd, odd, odd, odd, CHOSEN)
        for i, odd in enumerate((b"1e999", b"NaN", b"9" * 400, b"9" * 30, b'"x"', b"5"))
    ]
    kept = [record for record in records if b'"author"' not in record]
    halves = [rb'{"externalId": "\ud83d", "labels": [{"jsonResponse": {}}]}',
            rb'{"externalId": "x", "labels": [{"jsonResponse": {"J": {"categories": ["\ud83d"]}}}, {"jsonResponse": {%b}}]}' % CHOSEN]  # fmt: skip
    (tmp_path / "x.ndjson").write_bytes(b"\n".join([*halves, *kept, *numbers]))
    with LocalKili(socket=False) as server:
        report = server.load_report(tmp_path / "x.ndjson", interface=interface)
        assert report.unreadable == 0
        assert "`externalId`: half of a surrogate pair is kept as" in "".join(report.changes)
        assert "x, labels[0]: half of a surrogate pair in names is searched as" in "".join(report.changes)
        asking = Asking(server)
        labels = asking.labels({"search": QUERY}, "jsonResponse")
        assert len(labels) == len(kept) + len(numbers) + 1 == report.labels - 2
        assert all(count_categories(label["jsonResponse"])["J", "C"] == 1 for label in labels)
        assert asking.assets({}, "resolution { width } pageResolutions { width } jsonMetadata priority duration")
        (project,) = asking.ask("{ projects(where: {}, first: 1, skip: 0) { jsonInterface } }")
        assert Ontology.from_json_interface(project["jsonInterface"]).jobs["J"].categories["C"].name == "\ud83d"
