"""Reading exports: files, folders, archives, streams, and what is wrong with them."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import re
import struct
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kili_query.errors import DataError
from kili_query.formats.containers import archive, streams
from kili_query.formats.containers import split as splitting
from kili_query.formats.containers.split import find_end, split
from kili_query.formats.kili import LineRange, Problem, Record, plan, read_labels

ARCHIVES = Path(__file__).parents[3] / "shared" / "data" / "archives"


def asset(name: str, **more: object) -> dict[str, Any]:
    return {"externalId": name, "labels": [{"jsonResponse": {"J": {"categories": [{"name": "A"}]}}}], **more}


def read(*sources: str | Path) -> tuple[list[str | None], list[str]]:
    """The assets of the labels, and the problems as text."""
    problems: list[DataError] = []
    labels = [label.external_id for label in read_labels(*sources, on_problem=problems.append)]
    return labels, [str(problem) for problem in problems]


def write(path: Path, content: bytes | str | object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not isinstance(content, (bytes, str)):
        content = json.dumps(content)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def zipped(path: Path, members: Mapping[str, object], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as z:
        for name, content in members.items():
            z.writestr(name, content if isinstance(content, (bytes, str)) else json.dumps(content, indent=4))
    return path


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    def put(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    return put


# -- what msgspec is relied on for


def test_msgspec_says_where_a_value_ends() -> None:
    decoder = msgspec.json.Decoder(msgspec.Raw)
    with pytest.raises(msgspec.DecodeError, match=r"^JSON is malformed: trailing characters \(byte 10\)$"):
        decoder.decode(memoryview(b'x{"a":1}  ,')[1:])
    with pytest.raises(msgspec.DecodeError, match=r"^Input data was truncated$"):
        decoder.decode(b'{"a":1')


VALUES = [b'{"a":[1,{"b":"}\\""}]}', b'"a\\\\"', b"[[],{}]", b"12", b"-1.5e3", b"true", b"null"]


@pytest.mark.parametrize("value", VALUES)
def test_scanner_by_brackets_agrees(value: bytes) -> None:
    data = b"xx" + value + b",7"
    assert find_end(data, 2) == splitting._scan(data, 2) == ("found", 2 + len(value), None)


@pytest.mark.parametrize("value", VALUES[:3])
def test_scanner_by_brackets_sees_what_is_cut(value: bytes) -> None:
    assert splitting._scan(value[:-1], 0).outcome == find_end(value[:-1], 0).outcome == "cut"


# -- splitting


def chunked(data: bytes, size: int) -> Iterator[bytes]:
    return (data[i : i + size] for i in range(0, len(data), size))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
json_objects = st.lists(st.dictionaries(st.text(max_size=5), json_values, max_size=3), min_size=1, max_size=6)


@given(
    json_objects,
    st.integers(1, 40),
    st.none() | st.integers(0, 4),
    st.booleans(),
    st.sampled_from([",", " ,", ",\r\n\t", " , "]),
)
def test_list_gives_its_items(objects: list[Any], size: int, indent: int | None, ascii_only: bool, comma: str) -> None:
    items = [json.dumps(o, indent=indent, ensure_ascii=ascii_only) for o in objects]
    text = f" [ {comma.join(items)} ]\n".encode("utf-8", "surrogatepass")
    found = list(split(chunked(text, size), "x"))
    assert all(isinstance(item, Record) for item in found)
    assert [json.loads(item.data) for item in found if isinstance(item, Record)] == objects
    for index, item in enumerate(found, 1):
        assert item.where.item == index
        assert isinstance(item, Record)
        assert item.where.offset is not None
        assert text[item.where.offset :].startswith(item.data)


@given(json_objects, st.integers(1, 40), st.sampled_from(["", " ", "\n", "\r\n\r\n"]))
def test_values_one_after_the_other(objects: list[Any], size: int, space: str) -> None:
    text = space.join(json.dumps(o, indent=1) for o in objects).encode()
    found = list(split(chunked(text, size), "x"))
    assert [json.loads(item.data) for item in found if isinstance(item, Record)] == objects


@given(json_objects, st.binary(max_size=6), st.integers(0, 400), st.integers(1, 40))
def test_damaged_text_always_ends(objects: list[Any], junk: bytes, at: int, size: int) -> None:
    text = json.dumps(objects).encode()
    damaged = text[:at] + junk + text[at + 1 :]
    for item in split(chunked(damaged, size), "x"):
        assert isinstance(item, (Record, Problem))


BAD = [
    (
        '{"externalId": "bad", "labels": [{"jsonResponse": {}}, {"jsonResponse": nan}, {"jsonResponse": {}}]}',
        "unexpected 'n'",
    ),
    ('{"externalId": "bad", "labels": [{"jsonResponse" {}}, {"jsonResponse": {}}]}', "expected ':'"),
    ('{"externalId": "bad", "labels": [{"jsonResponse": {}}, {"jsonResponse": {}}}', "unexpected|expected"),
    ('{"externalId": "bad", "labels": [{"jsonResponse": {}}', "valid JSON"),
    ('{"externalId": "bad, "labels": [{"jsonResponse": {}}]}', "expected"),
    ('"externalId": "bad"}', "text|expected|unexpected"),
    ('{"externalId": "bad", "labels": [' + "[" * 200_000 + "]" * 200_000 + "]}", "too deep"),
]


@pytest.mark.parametrize(("bad", "message"), BAD)
@pytest.mark.parametrize("indent", [None, 4])
@pytest.mark.parametrize("size", [50, 1 << 20])
def test_items_after_a_bad_one_are_read(bad: str, message: str, indent: int | None, size: int) -> None:
    before, after = (json.dumps(asset(name), indent=indent) for name in ("before", "after"))
    text = f"[{before}, {bad}, {after}, {after}]".encode()
    found = list(split(chunked(text, size), "x.json"))
    records = [json.loads(item.data) for item in found if isinstance(item, Record)]
    problems = [item for item in found if isinstance(item, Problem)]
    names = [r["externalId"] for r in records if isinstance(r, dict)]
    assert names == ["before", "after", "after"]
    assert problems
    assert re.search(message, problems[0].message)
    assert problems[0].where.offset is not None
    assert problems[0].where.item in (None, 2, 3)


def test_bad_first_item_does_not_make_its_labels_records() -> None:
    bad = '{"externalId": "bad", "labels": [{"jsonResponse": x}, {"jsonResponse": {}}, {"jsonResponse": {}}], "z": 1}'
    found = list(split([f"[{bad}, {json.dumps(asset('good'))}]".encode()], "x.json"))
    assert [type(item) for item in found] == [Problem, Record]
    assert str(found[0].where) == "x.json: byte 1, item 1"
    assert isinstance(found[0], Problem)
    assert found[0].message == "not valid JSON: unexpected 'x' at byte 51 (asset bad)"


@pytest.mark.parametrize("size", [20, 1 << 20])
def test_values_after_a_bad_one_are_read(size: int) -> None:
    good = json.dumps(asset("good"), indent=2)
    text = f'{good}\n{{"labels": [nan]}}\n{good}\n{{"labels": [}}\n{good}\n{good}'
    found = list(split(chunked(text.encode(), size), "x.json"))
    assert [type(item) for item in found] == [Record, Problem, Record, Problem, Record, Record]


def test_every_bad_item_is_told() -> None:
    items = [json.dumps(asset(str(i))).replace("}", ", NaN}", 1) if i % 5 else json.dumps(asset("")) for i in range(50)]
    found = list(split(chunked(f"[{', '.join(items)}]".encode(), 100), "x.json"))
    assert [isinstance(item, Problem) for item in found] == [i % 5 > 0 for i in range(50)]


@pytest.mark.parametrize("text", ['},{"a":[{}', "},{", '},{"a":{"b":"'])
def test_search_for_the_next_item_gives_up(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(splitting, "_PATIENCE", 100_000)
    *_, problem = split([b'[{"a" 1' + text.encode() * 10_000], "x.json")
    assert isinstance(problem, Problem)
    assert problem.message.endswith("; no item was found after it")


@pytest.mark.parametrize("size", [64, 1000, 1 << 20])
@pytest.mark.parametrize("kind", ["asset", "label"])
@pytest.mark.parametrize("number", ["1", "1e999"])
def test_the_end_of_a_bad_item_may_lie_far_behind(size: int, kind: str, number: str) -> None:
    def item(name: str) -> str:
        label = f'{{"jsonResponse": {{}}, "labelOf": {{"externalId": "{name}"}}, "x": {number}}}'
        return label if kind == "label" else f'{{"externalId": "{name}", "labels": [{label}], "x": {number}}}'

    inside = ', {"jsonResponse": {}}' * 300 if kind == "asset" else ', {"name": "x"}' * 300
    bad = '{"externalId": "bad", "labels": [{"jsonResponse" 1}' + inside  # its brackets do not tell where it ends
    text = f"[{item('before')}, {bad}, {item('after')}, {item('last')}]".encode()
    found = list(split(chunked(text, size), "x.json"))
    kinds = [type(record).__name__ for record in found]
    assert kinds == ["Record", "Problem", "Record", "Record"]
    assert [record.where.item for record in found] == [1, 2, 3, 4]
    assert b'"last"' in found[-1].data if isinstance(found[-1], Record) else False


def test_words_places_and_codes_of_splitting() -> None:
    def told(text: bytes) -> list[tuple[str, str, str]]:
        found = list(split([text], "x", "m"))
        return [(str(f.where), f.message, f.code) if isinstance(f, Problem) else (str(f.where), "", "") for f in found]

    assert told(b" ") == [("x: m", "is empty", "KQ503")]
    assert told(b' {"a": 1} ') == [("x: m", "", "")]  # the only value: the file says it all
    assert told(b'{"a": 1} {"a": 2}') == [("x: m: byte 0, item 1", "", ""), ("x: m: byte 9, item 2", "", "")]
    assert told(b"[1, }, 2]")[1] == (
        "x: m: byte 4, item 2",
        "not valid JSON: unexpected '}' at byte 4; no item was found after it",
        "KQ501",
    )
    assert told(b'[{"labels": []}, {"labels": nan}, {"labels": []}]') == [
        ("x: m: byte 1, item 1", "", ""),
        ("x: m: byte 17, item 2", "not valid JSON: unexpected 'n' at byte 28", "KQ501"),
        ("x: m: byte 34, item 3", "", ""),
    ]
    assert splitting._scan(b"}", 0).fault is not None
    assert str(splitting._scan(b"{]", 0).fault) == "not JSON: a bracket is missing at byte 1"


def test_item_without_end_is_bounded() -> None:
    items = [json.dumps(asset(str(i))) for i in range(100)]
    text = '[{"labels": [' + ", ".join(items) + "]"
    found = list(split(chunked(text.encode(), 64), "x.json", largest=2000))
    assert isinstance(found[0], Problem)
    assert "does not end within" in found[0].message
    assert sum(isinstance(item, Record) for item in found) == 99  # the first one has no boundary before it


@pytest.mark.parametrize(
    ("text", "records", "message"),
    [
        ("[]", 0, ""),
        (" [ ] \n", 0, ""),
        ('[{"a":1}, {"a"', 1, "the text ends inside of this item"),
        ('[{"a":1}, ', 1, "`]` is missing"),
        ('[{"a":1}', 1, "`]` is missing"),
        ("[", 0, "`]` is missing"),
        ('[{"a":1}] x', 1, "more text after the end of the list at"),
        ('[{"a":1},]', 1, "a comma before the end"),
        ('[{"a":1},,{"a":1}]', 2, "a comma without an item"),
        ('[{"a":1} {"a":1}]', 2, "no comma between"),
        ('{"a":1},{"a":1}', 2, "not in a list"),
        (" \n", 0, "is empty"),
        ("[1, 2.5, -3]", 3, ""),
        ("[1}, 2]", 1, "unexpected '}'"),
        ("[1 2]", 2, "no comma between"),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_edges_of_lists(text: str, records: int, message: str, size: int) -> None:
    found = list(split(chunked(text.encode(), size), "x.json"))
    assert sum(isinstance(item, Record) for item in found) == records
    problems = [item.message for item in found if isinstance(item, Problem)]
    assert len(problems) == bool(message)
    assert all(message.removesuffix(" at") in problem for problem in problems)


# -- lines


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
@pytest.mark.parametrize("last", [b"", b"\n", b"\n\n"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_ranges_give_what_the_whole_gives(tmp_path: Path, newline: bytes, last: bytes, bom: bytes) -> None:
    rows = [json.dumps(asset("é" * (i * 7 % 11))).encode() if i % 4 else b"  "[: i % 3] for i in range(20)]
    path = write(tmp_path / "x.ndjson", bom + newline.join(rows) + last)
    whole = [r for part in plan([path], 1 << 30) for r in part.records()]
    assert [r.where.line for r in whole] == [i + 1 for i, row in enumerate(rows) if row.strip()]
    assert [json.loads(r.data) for r in whole if isinstance(r, Record)] == [json.loads(r) for r in rows if r.strip()]
    for part_bytes in (1, 2, 3, 7, 50, 99, 100, 101, 500, 1000, path.stat().st_size - 1, path.stat().st_size):
        found: list[Record | Problem] = []
        base = 0
        for part in plan([path], part_bytes):
            assert isinstance(part, LineRange)
            part = pickle.loads(pickle.dumps(part))
            part.base = base
            found += part.records()
            base += part.lines
        assert [(r.data, r.where) for r in found if isinstance(r, Record)] == [
            (r.data, r.where) for r in whole if isinstance(r, Record)
        ]
        assert base == len(rows) + (len(last) - 1 if last else 0)


def test_lines_longer_than_a_read(tmp_path: Path) -> None:
    rows = [json.dumps(asset("x" * n)) for n in (700_000, 10, 300_000, 262_144, 5)]
    path = write(tmp_path / "x.jsonl", "\n".join(rows))
    for part_bytes in (100, 100_000, 262_144, 1 << 30):
        found = [r for part in plan([path], part_bytes) for r in part.records()]
        assert [r.data.decode() for r in found if isinstance(r, Record)] == rows


def test_line_numbers_are_absolute_and_bad_lines_lose_only_themselves(tmp_path: Path) -> None:
    good = json.dumps(asset("good"))
    bad = '{"externalId": "bad", "labels": nan}'
    path = write(tmp_path / "x.ndjson", f"{good}\n\n{bad}\n{good}\n[]\n" + f"{good}\n" * 5)
    labels, problems = read(path)
    assert labels == ["good"] * 7
    assert problems[0] == f"{path}: line 3: not valid JSON: unexpected 'n' at byte 32 of the line (asset bad)"
    assert problems[1].startswith(f"{path}: line 5: no label record: neither an asset (`labels`")
    with pytest.raises(DataError, match="line 3"):
        list(read_labels(path))


def test_line_numbers_of_two_files(tmp_path: Path) -> None:
    path = write(tmp_path / "x.ndjson", "{}\n{}\n")
    lines = [p.split(": ")[1] for p in read(path, path)[1]]
    assert lines == ["line 1", "line 2", "line 1", "line 2"]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ('{"labels": [1, Infinite]}', "unexpected 'I' at byte 15"),
        ('{"labels": []} {}', "more text after the end of the value at byte 15 of the line"),
        ('{"labels": [', "it ends too early"),
        (b'{"labels": "\xff"}', "not valid UTF-8: 0xff at byte 12 of the line"),
        ('{"labels": ' + "[" * 200_000 + "]" * 200_000 + "}", "nested too deep"),
        ('{"labels": [\x01]}', "unexpected '01' (hex)"),
    ],
)
def test_what_is_wrong_with_a_record(tmp_path: Path, bad: str | bytes, message: str) -> None:
    data = bad if isinstance(bad, bytes) else bad.encode()
    labels, problems = read(write(tmp_path / "x.ndjson", data + b"\n" + json.dumps(asset("a")).encode()))
    assert labels == ["a"]
    assert len(problems) == 1
    assert message in problems[0]


# -- files


@pytest.mark.parametrize("name", ["x.json", "x.txt", "x", "x.ndjson"])
@pytest.mark.parametrize("indent", [None, 4])
def test_content_decides(tmp_path: Path, name: str, indent: int | None) -> None:
    one, two = (json.dumps(asset(n), indent=indent) for n in "ab")
    assert read(write(tmp_path / name, f"[{one}, {two}]")) == (["a", "b"], [])
    assert read(write(tmp_path / name, f"{one}\n{two}\n")) == (["a", "b"], [])
    assert read(write(tmp_path / name, b"\xef\xbb\xbf" + one.encode())) == (["a"], [])
    assert read(write(tmp_path / name, gzip.compress(f"{one}\n{two}\n".encode()))) == (["a", "b"], [])


def test_offsets_count_the_byte_order_mark(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", b"\xef\xbb\xbf[{}]")
    assert read(path)[1][0].startswith(f"{path}: byte 4, item 1: no label record")


def test_label_dumps_and_conversations(tmp_path: Path) -> None:
    label = {"jsonResponse": {}, "labelOf": {"externalId": "of"}}
    conversation = {"externalId": "talk", "chatItems": [], "label": {"conversation": {}}}
    assert read(write(tmp_path / "x.json", [label, conversation, asset("a")])) == (["of", "talk", "a"], [])


def test_label_types(tmp_path: Path) -> None:
    kinds = ("DEFAULT", "AUTOSAVE")
    labels = [{"jsonResponse": dict[str, object](), "labelType": kind} for kind in kinds]
    path = write(tmp_path / "x.json", [{"externalId": "a", "labels": labels}])
    assert [label.label_type for label in read_labels(path)] == ["DEFAULT"]
    assert [label.label_type for label in read_labels(path, types=None)] == ["DEFAULT", "AUTOSAVE"]
    assert [label.label_type for label in read_labels(path, types=frozenset({"AUTOSAVE"}))] == ["AUTOSAVE"]
    assert {label.where for label in read_labels(path)} == {f"{path}: byte 1, item 1"}


def test_label_with_a_problem_is_given(tmp_path: Path) -> None:
    (label,) = read_labels(write(tmp_path / "x.json", {"labels": [{"jsonResponseUrl": "https://x"}]}))
    assert label.problem
    assert label.where == str(tmp_path / "x.json")


@pytest.mark.parametrize("text", ['"text"', "12", "null", '{"data": []}'])
def test_no_record_at_top_level(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "x.json", text)
    with pytest.raises(DataError, match=r"x\.json: no label record: neither an asset"):
        list(read_labels(path))


@pytest.mark.parametrize("content", [b"", b" \r\n ", b"\xef\xbb\xbf"])
def test_empty_file(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError, match="is empty") as error:
        read_labels(write(tmp_path / "x.json", content))
    assert error.value.code == "KQ503"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
def test_foreign_encodings(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path / "x.json", json.dumps([asset("a")]).encode(encoding))
    with pytest.raises(DataError, match=f"looks like {encoding[:6].upper()}, and must be JSON in UTF-8"):
        read_labels(path)


def test_missing_source_stops_before_the_first_label(tmp_path: Path) -> None:
    good = write(tmp_path / "a.json", [asset("a")])
    with pytest.raises(DataError, match=r"nothing\.json: cannot be read: No such file") as error:
        read_labels(good, tmp_path / "nothing.json")
    assert error.value.code == "KQ503"
    with pytest.raises(DataError, match="null"):
        plan(["a\0b"])


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_forbidden_file(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", [])
    path.chmod(0)
    with pytest.raises(DataError, match="Permission denied"):
        plan([path])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in the file system")
def test_named_pipe(tmp_path: Path) -> None:
    import threading

    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(json.dumps([asset("a")]).encode(),))
    writer.start()
    assert read(path) == (["a"], [])
    writer.join()


def test_truncated_gzip_gives_what_is_readable(tmp_path: Path) -> None:
    rows = "".join(json.dumps(asset(f"{i}-{os.urandom(40).hex()}")) + "\n" for i in range(2000))
    packed = gzip.compress(rows.encode())
    for name, text in (("x.ndjson.gz", packed[: len(packed) // 2]), ("x.json.gz", packed[: len(packed) // 2])):
        labels, problems = read(write(tmp_path / name, text))
        assert 500 < len(labels) < 1500
        assert len(problems) == 1
        assert "the compressed data ends too early" in problems[0]


def test_lines_may_be_indented_and_blank(tmp_path: Path) -> None:
    lines = [json.dumps(asset(name)).encode() for name in "abc"]
    text = b"".join((lines[0], b"\n \t\n  ", lines[1], b"\n\n\t", lines[2], b" \n"))
    assert read(write(tmp_path / "x.ndjson", text)) == (["a", "b", "c"], [])


def test_a_folder_within_that_cannot_be_listed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.json", [asset("a")])
    closed = tmp_path / "closed"
    closed.mkdir()
    listed = os.scandir

    def scandir(path: Any) -> Any:
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(DataError, match="Permission denied"):
        read(tmp_path)


@pytest.mark.parametrize("lost", [4, 8])
def test_gzip_that_breaks_off_behind_the_list(tmp_path: Path, lost: int) -> None:
    packed = gzip.compress(json.dumps([asset("a")]).encode())
    labels, problems = read(write(tmp_path / "x.json.gz", packed[:-lost]))
    assert labels == ["a"]
    assert len(problems) == 1
    assert "the compressed data ends too early" in problems[0]


def test_a_member_that_is_compressed_twice_is_still_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(
            "labels/a.json.gz", gzip.compress(gzip.compress(b"[" + json.dumps(asset("a")).encode() + b", @]"))
        )
    labels, problems = read(tmp_path / "x.zip")
    assert labels == ["a"]
    assert ["x.zip: labels/a.json.gz: " in str(problem) for problem in problems] == [True]


def test_gzip_of_several_members_and_damage(tmp_path: Path) -> None:
    packed = gzip.compress(json.dumps(asset("a")).encode() + b"\n") + gzip.compress(json.dumps(asset("b")).encode())
    assert read(write(tmp_path / "x.gz", packed + b"\0" * 20)) == (["a", "b"], [])
    labels, problems = read(write(tmp_path / "x.gz", packed[:-8] + b"12345678"))
    assert "damaged" in problems[-1]
    assert labels[0] == "a"


def test_gzip_that_inflates_far(tmp_path: Path) -> None:
    rows = (json.dumps(asset("a" * 100_000)) + "\n").encode() * 50
    assert len(read(write(tmp_path / "x.ndjson.gz", gzip.compress(rows)))[0]) == 50


# -- folders


def test_folder_is_read_in_plain_string_order(tmp_path: Path) -> None:
    for name in ("b.json", "a/z.json", "a.json", "c.JSON", "notes.txt", ".git/x.json"):
        write(tmp_path / name, asset(name))
    write(tmp_path / "d.ndjson", json.dumps(asset("d1")) + "\n" + json.dumps(asset("d2")))
    write(tmp_path / "e.json.gz", gzip.compress(json.dumps([asset("e")]).encode()))
    expected = ["a.json", "a/z.json", "b.json", "c.JSON", "d1", "d2", "e"]
    assert read(tmp_path) == (expected, [])
    for part_bytes in (1, 200, 1 << 30):
        parts = [pickle.loads(pickle.dumps(part)) for part in plan([tmp_path], part_bytes)]
        found = [r for part in parts for r in part.records()]
        assert [json.loads(r.data)["externalId"] for r in found[:4] if isinstance(r, Record)] == expected[:4]
        assert len(found) == 7


def test_large_files_of_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.json", asset("a"))
    write(tmp_path / "b.ndjson", "".join(json.dumps(asset(f"b{i}")) + "\n" for i in range(3000)))
    write(tmp_path / "c.json", [asset(f"c{i}") for i in range(3000)])
    monkeypatch.setattr("kili_query.formats.containers.sources.WHOLE", 100_000)
    kinds = [type(part).__name__ for part in plan([tmp_path], 100_000)]
    assert kinds == ["FileGroup", "LineRange", "LineRange", "LineRange", "FileStream"]
    assert len(read(tmp_path)[0]) == 6001


def test_folder_of_an_unpacked_export(tmp_path: Path) -> None:
    write(tmp_path / "README.kili.txt", "x")
    write(tmp_path / "labels/a.json", asset("a"))
    write(tmp_path / "labels/a/FILE_answer.json", {"anything": 1})
    write(tmp_path / "assets/b.json", {"content": "of an asset"})
    labels, problems = read(tmp_path)
    assert labels == ["a"]
    assert len(problems) == 1
    assert "FILE_answer.json: no label record" in problems[0]
    assert len(list(read_labels(tmp_path))) == 1  # skipped is no error


def test_folder_with_bad_files(tmp_path: Path) -> None:
    write(tmp_path / "a.json", "")
    write(tmp_path / "b.json", asset("b"))
    write(tmp_path / "c.json", json.dumps(asset("c")).encode("utf-16"))
    (tmp_path / "d.json").symlink_to(tmp_path / "gone")
    (tmp_path / "loop").symlink_to(tmp_path)
    labels, problems = read(tmp_path)
    assert labels == ["b"]
    assert [p.split(": ", 1)[1].split(",")[0] for p in problems] == [
        "is empty",
        "looks like UTF-16",
        "cannot be read: No such file or directory",
    ]


def test_folder_without_labels(tmp_path: Path) -> None:
    write(tmp_path / "x.txt", "")
    with pytest.raises(DataError, match="holds no files with labels"):
        plan([tmp_path])


# -- archives


@pytest.mark.skipif(not ARCHIVES.is_dir(), reason=f"no sample archives at {ARCHIVES}")
@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("consensus.latest-from-last-step.zip", 2),
        ("image-all-tools.latest.zip", 1),
        ("llm-rlhf.normal.single-file.zip", 3),
        ("llm-rlhf.normal.zip", 3),
        ("pdf.latest.subfolder.zip", 1),
        ("video.latest.single-file.zip", 1),
    ],
)
def test_sample_archives(name: str, labels: int, stdin: Callable[[bytes], None], tmp_path: Path) -> None:
    found, problems = read(ARCHIVES / name)
    assert (len(found), problems) == (labels, [])
    with zipfile.ZipFile(ARCHIVES / name) as z:
        z.extractall(tmp_path / "unpacked")
    assert read(tmp_path / "unpacked") == (found, [])
    stdin((ARCHIVES / name).read_bytes())
    assert read("-") == (found, [])


METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("single", [False, True])
def test_archive_of_any_method(tmp_path: Path, method: int, single: bool) -> None:
    names = [f"{i:03}" for i in range(50)]
    members: dict[str, object] = {f"labels/é {name}.json": asset(name) for name in reversed(names)}
    if single:
        members = {"data.json": [asset(name) for name in names]}
    path = zipped(tmp_path / "x.zip", {"README.kili.txt": "x", **members}, method)
    for part_bytes in (1, 1000, 1 << 30):
        parts = [pickle.loads(pickle.dumps(part)) for part in plan([path], part_bytes)]
        found = [r for part in parts for r in part.records()]
        assert [json.loads(r.data)["externalId"] for r in found if isinstance(r, Record)] == names
    assert sum(part.size for part in plan([path], 100)) > 5000
    sizes = [part.size for part in plan([path], 1000)]
    with zipfile.ZipFile(path) as made:
        assert sum(sizes) == sum(info.file_size for info in made.infolist() if info.filename.endswith(".json"))
    if not single:
        assert max(sizes) <= 1000
        assert all(one + next_one > 1000 for one, next_one in pairwise(sizes))


def test_members_without_isal_or_pread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import zlib

    path = zipped(tmp_path / "x.zip", {"labels/a.json": asset("a"), "labels/b.json": asset("b" * 300_000)})
    monkeypatch.setattr(streams, "inflater", zlib)
    assert len(read(path)[0]) == 2
    monkeypatch.setattr(archive, "WHOLE", 10)
    assert len(read(path)[0]) == 2


def test_answers_to_file_jobs_are_skipped(tmp_path: Path) -> None:
    members = {
        "labels/a.json": asset("a"),
        "labels/a/JOB_x.json": [{"a": 1}],
        "labels/a/JOB_y.json": {"a": 1},
        "assets/z.json": asset("not a label"),
    }
    path = zipped(tmp_path / "x.zip", members)
    labels, problems = read(path)
    assert labels == ["a"]
    assert [p.split(": ")[1] for p in problems] == ["labels/a/JOB_x.json", "labels/a/JOB_y.json"]
    assert len(list(read_labels(path))) == 1
    path = zipped(tmp_path / "y.zip", {"data.json": [asset("a")], "labels/a/JOB_y.json": {"a": 1}})
    assert len(list(read_labels(path))) == 1


def test_archive_without_the_usual_members(tmp_path: Path) -> None:
    members = {"out/x.json": [asset("a")], "__MACOSX/x.json": "?", "out/y.ndjson": json.dumps(asset("b"))}
    assert read(zipped(tmp_path / "x.zip", members)) == (["a", "b"], [])
    with pytest.raises(DataError, match="holds no labels: an export of Kili has"):
        list(read_labels(zipped(tmp_path / "y.zip", {"a.txt": "x"})))


def test_no_archive(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"labels/a.json": asset("a")})
    for content in (path.read_bytes()[:-30], b"hello", b"PK\x03\x04"):
        with pytest.raises(DataError, match="cannot be read as a zip archive") as error:
            list(read_labels(write(tmp_path / "y.zip", content)))
        assert error.value.code == "KQ503"
    assert read(write(tmp_path / "without-suffix", path.read_bytes())) == (["a"], [])


def test_names_that_lead_out_are_skipped(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"labels/../../a.json": asset("a"), "labels/b.json": asset("b")})
    labels, problems = read(path)
    assert labels == ["b"]
    assert "its name leads out of the archive" in problems[0]
    assert len(list(read_labels(path))) == 1


def damage(path: Path, name: str, what: str) -> None:
    """Damage one member of an archive: its data, its checksum, its declared size, its flags, its method."""
    with zipfile.ZipFile(path) as z:
        info = z.getinfo(name)
    data = bytearray(path.read_bytes())
    central = data.rindex(b"PK\x01\x02", 0, data.rindex(name.encode()))
    start = info.header_offset + 30 + len(name)
    if what == "data":
        data[start : start + 8] = b"\xff" * 8
    elif what == "crc":
        data[central + 16] ^= 1
    elif what == "size":
        struct.pack_into("<I", data, central + 24, info.file_size - 1)
    elif what == "bomb":
        struct.pack_into("<I", data, central + 24, 2_000_000_000)
    elif what == "encrypted":
        data[central + 8] |= 1
    elif what == "method":
        struct.pack_into("<H", data, central + 10, 93)
    elif what == "offset":
        data[info.header_offset] = 0
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("data", "damaged"),
        ("crc", "its checksum (CRC-32) differs"),
        ("size", "does not hold the"),
        ("bomb", "which no label does"),
        ("encrypted", "is encrypted"),
        ("method", "method"),
        ("offset", "no member where"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_damaged_member_does_not_harm_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, message: str, stream: bool
) -> None:
    if stream:
        monkeypatch.setattr(archive, "WHOLE", 10)
    path = zipped(tmp_path / "x.zip", {f"labels/{name}.json": asset(name) for name in "abc"})
    damage(path, "labels/b.json", what)
    labels, problems = read(path)
    assert [label for label in labels if label != "b"] == ["a", "c"]
    assert "b" not in labels or (stream and what in ("crc", "size"))  # a stream is checked when it has been read
    assert len(problems) == 1
    assert problems[0].startswith(f"{path}: labels/b.json: ")
    assert message in problems[0]


def test_a_member_whose_data_lie_beyond_the_first_read(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("labels/a.json")
    info.extra = struct.pack("<HH", 0xCAFE, 400) + bytes(400)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as z:
        z.writestr(info, json.dumps(asset("a")))
        z.writestr("labels/b.json", json.dumps(asset("b")))
    assert read(tmp_path / "x.zip") == (["a", "b"], [])


def test_a_member_of_lines_is_read_by_lines(tmp_path: Path) -> None:
    good = json.dumps(asset("good"))
    path = zipped(tmp_path / "x.zip", {"out/x.ndjson": f'{{"labels": [\n{good}\n{good}\n'})
    labels, problems = read(path)
    assert labels == ["good", "good"]
    assert problems == [f"{path}: out/x.ndjson: line 1: not valid JSON: it ends too early"]


def test_a_member_that_is_easy_to_compress_is_no_attack(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"labels/a.json": asset("a", text="a" * 20_000_000)})
    with zipfile.ZipFile(path) as z:
        assert z.infolist()[0].file_size > 900 * z.infolist()[0].compress_size
    assert read(path) == (["a"], [])


@pytest.mark.parametrize("name", ["C:/x.json", "/labels/x.json", "labels/../x.json", "c:\\x.json"])
def test_names_of_other_places_are_not_read(tmp_path: Path, name: str) -> None:
    path = zipped(tmp_path / "x.zip", {name: asset("x")})
    labels, problems = read(path)
    assert labels == []
    assert problems == [f"{path}: {name.replace(chr(92), '/')}: its name leads out of the archive"]


def test_codes_of_what_archives_hold(tmp_path: Path) -> None:
    def problem_of(path: Path) -> Problem:
        (part,) = plan([path])
        if not damaged:
            path.unlink()
        (item,) = part.records()
        assert isinstance(item, Problem)
        return item

    for damaged in ("", "offset", "size", "crc", "data", "method", "encrypted"):
        path = zipped(tmp_path / "x.zip", {"labels/a.json": asset("a")})
        if damaged:
            damage(path, "labels/a.json", damaged)
        problem = problem_of(path)
        assert (problem.code, problem.skipped) == ("KQ503", False)
        assert problem.where.member == ("labels/a.json" if damaged else None)


# -- standard input


def test_standard_input(stdin: Callable[[bytes], None], tmp_path: Path) -> None:
    one, two = (json.dumps(asset(name)) for name in "ab")
    texts = [f"[{one}, {two}]", f"{one}\n{two}\n", f"{one} {two}", json.dumps(asset("a"), indent=4) + two]
    for text in texts:
        stdin(text.encode())
        assert read("-") == (["a", "b"], [])
        stdin(gzip.compress(text.encode()))
        assert read("-") == (["a", "b"], [])
    stdin(f"{one}\nbroken\n{two}\n".encode())
    labels, problems = read(write(tmp_path / "x.json", one), "-")
    assert labels == ["a", "a", "b"]
    assert problems == ["standard input: line 2: not valid JSON: unexpected 'b' at byte 0 of the line"]
    stdin(b"")
    assert read("-")[1] == ["standard input: is empty"]
    (part,) = plan(["-"])
    assert part.local
    assert part.sequential


@settings(max_examples=30)
@given(st.lists(st.sampled_from(["a", "bb", "é"]), min_size=1, max_size=8), st.integers(1, 200))
def test_streams_of_lines_at_any_chunk_size(names: list[str], size: int) -> None:
    text = "\r\n".join(json.dumps(asset(name)) for name in names).encode()
    found = list(streams.read_stream(chunked(text, size), "x", lines=True))
    assert [json.loads(r.data)["externalId"] for r in found if isinstance(r, Record)] == names
    assert [r.where.line for r in found] == list(range(1, len(names) + 1))
