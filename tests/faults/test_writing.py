"""What `filter` writes: ids that are ids, archives with all their media, and never over what is read.

What went wrong: a dump of labels with `assetId` had no assets, and one written as an archive had a member for each
label; a place such as `x.json: byte 3, item 1` stood where an id belongs; media stayed behind for a backslash or an
accent in their names, and nobody was told; `-o` onto the source destroyed it; media were inflated without any check;
names moved the cursor of a terminal, and ran in spreadsheets.

What is right: whatever names an asset names it everywhere, and what has no name is counted; what does not come along
is counted; an input is never written; names are shown, not obeyed.
"""

from __future__ import annotations

import csv
import io
import json
import os
import random
import re
import struct
import subprocess
import tracemalloc
import unicodedata
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from kili_query import parse, read_labels
from kili_query.editor.notebooks.matches import Matches
from kili_query.engines.scan import LabelKey
from kili_query.errors import DataError, shown
from kili_query.formats.kili import Place
from kili_query.model.pieces import fields_of, indented, labels_in, object_of, on_one_line
from kili_query.offline.files import refuse_inputs
from kili_query.offline.media import media_names
from kili_query.offline.select import Hit
from kili_query.offline.write import csv_row, writer
from tests.cli import test_cli as cli

run = cli.run  # the fixture
asset, lines, on_terminal, response, write, zipped = (
    cli.asset, cli.lines, cli.on_terminal, cli.response, cli.write, cli.zipped,
)  # fmt: skip
QUERY = "J.A.count > 1"

# -- ids ---------------------------------------------------------------------------------------------------------------


def label(number: int, **more: object) -> dict[str, Any]:
    return {"jsonResponse": response(number), **more}


def dump(**owner: object) -> list[dict[str, Any]]:
    """Labels of two assets, of which the first one has two that match."""
    other = {key: f"{value}-other" for key, value in owner.items()} if "labelOf" not in owner else {"labelOf": OTHER}
    return [label(2, id="l1", **owner), label(0, id="l2", **other), label(3, id="l3", **owner)]


OTHER = {"id": "other", "externalId": "other"}
OWNERS: list[tuple[dict[str, Any], tuple[str, str]]] = [
    ({"assetId": "as1"}, ("", "as1")),
    ({"assetId": 17}, ("", "17")),
    ({"labelOf": {"id": "as1", "externalId": "a"}}, ("a", "as1")),
    ({"labelOf": {"externalId": "a"}}, ("a", "")),
    ({"labelOf": {"id": 17}}, ("", "17")),
    ({"labelOf": {"externalId": "a"}, "assetId": "as1"}, ("a", "as1")),
    ({"labelOf": None, "assetId": "as1"}, ("", "as1")),
    ({"labelOf": "a", "assetId": "as1"}, ("", "as1")),
    ({"externalId": "a"}, ("a", "")),
]


@pytest.mark.parametrize("form", ["list", "lines", "object", "two keys", "zip"])
@pytest.mark.parametrize(("owner", "ids"), OWNERS)
def test_whatever_names_the_asset_names_it_everywhere(
    run: cli.Run, tmp_path: Path, form: str, owner: dict[str, Any], ids: tuple[str, str]
) -> None:
    values = dump(**owner)
    source = tmp_path / ("in.zip" if form == "zip" else "in.json")
    if form == "lines":
        write(source.with_suffix(".ndjson"), lines(*values))
        source = source.with_suffix(".ndjson")
    elif form == "zip":
        zipped(source, {f"labels/{i}.json": value for i, value in enumerate(values)})
    else:
        wrapped = {"object": {"labels": values}, "two keys": {"latestLabels": values[:1], "labels": values[1:]}}
        write(source, wrapped.get(form, values))
    name = ids[0] or ids[1]
    assert run("filter", source, QUERY, "--count", "-q") == (0, "1\n", "")
    assert run("filter", source, QUERY, "--ids", "-q") == (0, f"{name}\n", "")
    assert run("filter", source, QUERY, "--ids", "--labels", "-q").out == f"{name}\n" * 2
    assert run("filter", source, QUERY, "--ids", "--format", "csv", "-q").out.splitlines()[1:] == [
        f"{ids[0]},{ids[1]},"
    ]
    given = [json.loads(line) for line in run("filter", source, QUERY, "-q").out.splitlines()]
    assert given == [values[0], values[2]], "the labels that match, as they are"
    for line in run("filter", source, QUERY, "--labels", "-q").out.splitlines():
        (found,) = read_labels(write(tmp_path / "one.json", line))
        assert (found.external_id or "", found.asset_id or "") == ids
    assert run("filter", source, QUERY, "--invert").code == 2, "labels do not tell which assets do not match"
    explained = run("explain", QUERY, source, "--asset", name)
    assert (explained.code, explained.out.count("✓")) == (0, 2)
    assert [row["asset"] for row in Matches(parse(QUERY)).from_export(source).rows] == [name] * 2
    assert [row["asset"] for row in Matches(parse(QUERY)).from_labels(read_labels(source)).rows] == [name] * 2

    out = tmp_path / "out.zip"
    assert run("filter", source, QUERY, "-o", out, "-q").code == 0
    with zipfile.ZipFile(out) as archive:
        assert [n for n in archive.namelist() if n.endswith(".json")] == [f"labels/{name}.json"]
        assert json.loads(archive.read(f"labels/{name}.json"))["labels"] == [values[0], values[2]]
    assert run("filter", out, QUERY, "--ids", "-q").out == f"{name}\n"
    assert run("filter", out, QUERY, "--count", "--labels", "-q").out == "2\n"


def test_an_object_around_labels_that_names_an_asset_names_that_of_all(run: cli.Run, tmp_path: Path) -> None:
    for named in ({"externalId": "e"}, {"id": 5}, {"assetId": "as"}):
        source = write(tmp_path / "x.json", {**named, "labels": dump(labelOf={"externalId": "a"})})
        (name,) = map(str, named.values())
        assert run("filter", source, QUERY, "--ids", "-q").out == f"{name}\n"
        assert run("filter", source, QUERY, "--ids", "--invert", "-q") == (0, "", "")


@pytest.mark.parametrize("single", [False, True])
def test_a_dump_as_an_archive_gives_the_same_numbers(run: cli.Run, tmp_path: Path, single: bool) -> None:
    chance = random.Random(8)
    owners: list[dict[str, Any]] = [{"labelOf": {"id": f"i{n}", "externalId": f"e/{n % 7} é"}} for n in range(20)]
    owners += [{"assetId": f"i{n}"} for n in range(20)] + [{}] * 3
    values = [label(chance.randrange(5), id=f"l{n}", **chance.choice(owners)) for n in range(300)]
    sources = [write(tmp_path / "x.ndjson", lines(*values[:200])), write(tmp_path / "y.json", {"labels": values[200:]})]
    if single:
        sources.append(zipped(tmp_path / "z.zip", {"data.json": [asset("whole", 2)]}))
    out = tmp_path / "out.zip"
    assert run("filter", *sources, "J.A.count >= 0", "-o", out, "-q").code == 0
    before, after = (list(read_labels(*where)) for where in (sources, [out]))
    assert Counter(json.dumps([i.external_id, i.asset_id, i.response]) for i in after) == Counter(
        json.dumps([i.external_id, i.asset_id, i.response]) for i in before
    )
    for query in (QUERY, "J.A.count == 0", "NOT J.A.count > 3"):
        for more in ([], ["--labels"]):
            counted = run("filter", *sources, query, "--count", "-q", *more)
            assert run("filter", out, query, "--count", "-q", *more) == counted


def test_what_has_no_id_is_counted_and_never_called_by_its_place(run: cli.Run, tmp_path: Path) -> None:
    whole = {"labels": [label(2)], "id": 5.5, "externalId": None}
    values = [whole, label(2, id="its own"), asset("", 2, id=""), asset("a", 2), {"labels": [label(2), label(3)]}]
    source = write(tmp_path / "x.json", values)
    ended = run("filter", source, QUERY, "--ids")
    assert (ended.code, ended.out) == (3, "a\n")
    assert "left out: 4 assets without an id" in ended.err
    assert run("filter", source, QUERY, "--ids", "-q").err == ended.err.splitlines(keepends=True)[0]
    assert run("filter", source, QUERY, "--ids", "--labels", "-q").err.startswith("left out: 5 labels without an id")
    assert run("filter", source, QUERY, "--count", "-q") == (0, "5\n", "")
    table = run("filter", source, QUERY, "--ids", "--format", "csv", "-q")
    assert (table.code, table.out) == (0, "externalId,id,label\n,,\n,,\n,,\na,id-a,\n,,\n")
    out = tmp_path / "out.zip"
    assert run("filter", source, QUERY, "-o", out, "-q").code == 0
    with zipfile.ZipFile(out) as archive:
        names = {name for name in archive.namelist() if name.endswith(".json")}
    assert names == {"labels/a.json", *(f"labels/record_{n:06}.json" for n in (1, 2, 4, 5))}
    assert run("filter", out, QUERY, "--count", "-q").out == "5\n"


# -- media -------------------------------------------------------------------------------------------------------------

NFC, NFD = (unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))
NAMES: dict[str, tuple[str, str]] = {
    "plain": ("assets/a.jpg", "assets/a.jpg"),
    "windows": ("assets\\a.jpg", "assets/a.jpg"),
    "windows archive": ("assets/v/a.jpg", "assets\\v\\a.jpg"),
    "taken apart": (f"assets/{NFC}.jpg", f"assets/{NFD}.jpg"),
    "put together": (f"assets/{NFD}.jpg", f"assets/{NFC}.jpg"),
    "dots": ("assets/a..b/..c.jpg", "assets/a..b/..c.jpg"),
    "blank": ("./assets//a b.jpg", "assets/a b.jpg"),
}
"""How the asset names a file, and what the file is called."""


@pytest.mark.parametrize("folder", [False, True])
@pytest.mark.parametrize("inside", ["", "my export/", "a/b/"])
@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("kind", NAMES)
def test_media_frames_and_answers_come_along(
    run: cli.Run, tmp_path: Path, folder: bool, inside: str, single: bool, kind: str
) -> None:
    named, called = NAMES[kind]
    value = asset("v", 2, content=named, jsonContent=[named.replace(".jpg", "_1.jpg"), "https://x/2.jpg"])
    files = {called: b"0", called.replace(".jpg", "_1.jpg"): b"1", "labels/v/FILE_x..pdf": b"2", "assets/no.jpg": b"3"}
    members = {"README.kili.txt": "Project\n", **({"data.json": [value]} if single else {"labels/v.json": value})}
    source = zipped(tmp_path / "in.zip", {inside + name: content for name, content in (members | files).items()})
    if folder:
        with zipfile.ZipFile(source) as archive:
            archive.extractall(tmp_path / "in")
        source = tmp_path / "in"
    out = tmp_path / "out.zip"
    ended = run("filter", source, QUERY, "-o", out)
    assert ended.code == 0
    assert "left out" not in ended.err
    with zipfile.ZipFile(out) as archive:
        written = {name.replace("\\", "/"): archive.read(name) for name in archive.namelist()}
    expected = {name.replace("\\", "/"): content for name, content in files.items() if content != b"3"}
    assert {name: written[name] for name in written if written[name] in (b"0", b"1", b"2", b"3")} == expected
    again = tmp_path / "again.zip"
    assert "left out" not in run("filter", out, QUERY, "-o", again).err
    with zipfile.ZipFile(again) as archive:
        assert set(expected) <= set(archive.namelist())


def test_media_of_an_archive_that_does_not_say_that_its_names_are_utf8(run: cli.Run, tmp_path: Path) -> None:
    source = zipped(tmp_path / "in.zip", {"labels/a.json": asset("a", 2, content="assets/é.jpg"), "assets/é.jpg": b"0"})
    data = bytearray(source.read_bytes())
    for signature, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        where = 0
        while (where := data.find(signature, where) + 1) > 0:
            struct.pack_into("<H", data, where - 1 + at, 0)
    source.write_bytes(data)
    assert "assets/é.jpg" not in zipfile.ZipFile(source).namelist()
    assert "left out" not in run("filter", source, QUERY, "-o", tmp_path / "out.zip").err
    assert zipfile.ZipFile(tmp_path / "out.zip").read("assets/é.jpg") == b"0"


def test_media_beside_a_file_or_a_folder_of_labels(run: cli.Run, tmp_path: Path) -> None:
    export = tmp_path / "export"
    for folder in ("labels", "assets"):
        (export / folder).mkdir(parents=True)
    write(export / "assets/a.jpg", b"0")
    value = asset("a", 2, content="assets/a.jpg")
    for source in (write(export / "data.json", [value]), write(export / "labels/a.json", value), export / "labels"):
        assert "left out" not in run("filter", source, QUERY, "-o", tmp_path / "out.zip").err
        assert zipfile.ZipFile(tmp_path / "out.zip").read("assets/a.jpg") == b"0"


def test_what_does_not_come_along_is_counted(run: cli.Run, tmp_path: Path) -> None:
    values = [
        asset("a", 2, content="assets/gone.jpg", jsonContent=["assets/a/../../../x", "assets\\..\\y", "https://z"]),
        asset("b", 2, content="assets/b.jpg"),
        asset("c", 0, content="assets/gone too.jpg"),
        asset("d", 2, content="assets/same.jpg"),
    ]
    members: dict[str, object] = {f"labels/{value['externalId']}.json": value for value in values}
    source = zipped(tmp_path / "in.zip", {**members, "assets/b.jpg": b"0" * 500, "assets/same.jpg": b"1"})
    other = zipped(tmp_path / "2.zip", {"labels/d.json": values[3], "assets/same.jpg": b"2"})
    data = source.read_bytes()
    at = data.index(b"assets/b.jpg") + len("assets/b.jpg")
    source.write_bytes(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
    out = tmp_path / "out.zip"
    ended = run("filter", source, other, source, QUERY, "-o", out)
    told = [line.removeprefix("left out: ") for line in ended.err.splitlines() if line.startswith("left out")]
    assert (ended.code, len(told)) == (0, 9)
    assert f"{source}: assets/gone.jpg: is not there" in told
    assert f"{source}: assets/a/../../../x: leads out of the export" in told
    assert f"{source}: assets\\..\\y: leads out of the export" in told
    assert f"{source}: assets/b.jpg: " in "\n".join(told)
    assert f"{other}: assets/same.jpg: another file has this name" in told
    assert ended.err.endswith("0 unreadable, 9 media files left out\n")
    with zipfile.ZipFile(out) as archive:
        assert archive.testzip() is None
        assert [name for name in archive.namelist() if name.startswith("assets")] == ["assets/same.jpg"]
    assert run("filter", "-", QUERY, "-o", out, input=other.read_bytes()).err.count("1 media file left out") == 1


def test_media_are_copied_in_pieces_and_a_bomb_is_left_out(run: cli.Run, tmp_path: Path) -> None:
    names = [f"assets/{name}.bin" for name in ("large", "bomb")]
    members: dict[str, object] = {f"labels/{i}.json": asset(str(i), 2, content=name) for i, name in enumerate(names)}
    source, out = tmp_path / "in.zip", tmp_path / "out.zip"
    with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, value in members.items():
            archive.writestr(name, json.dumps(value))
        for name, size in zip(names, (90, 110), strict=True):
            with archive.open(name, "w") as file:
                for _ in range(size):
                    file.write(bytes(1_000_000))
    tracemalloc.start()
    ended = run("filter", source, QUERY, "-o", out)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40_000_000
    assert f"left out: {source}: {names[1]}: inflates from " in ended.err
    with zipfile.ZipFile(out) as archive:
        assert archive.getinfo(names[0]).file_size == 90_000_000
        assert names[1] not in archive.namelist()


def sharing(path: Path, *contents: str) -> Path:
    """An archive with media that are one and the same bytes: each entry of the directory points at them."""
    values = [asset(str(n), 2, content=name) for n, name in enumerate(contents)]
    zipped(path, {"data.json": values, **dict.fromkeys((*contents, "assets/~"), b"0" * 999)})
    with zipfile.ZipFile(path, "a") as archive:
        for name in contents:
            archive.getinfo(name).header_offset = archive.getinfo("assets/~").header_offset
        archive.writestr("assets/end", b"")  # writes the directory anew
    return path


def test_media_that_share_their_bytes_are_left_out(run: cli.Run, tmp_path: Path) -> None:
    contents = ["assets/0.bin", "assets/1.bin"]
    ended = run("filter", sharing(tmp_path / "in.zip", *contents), QUERY, "-o", tmp_path / "out.zip")
    assert ended.err.count("shares its bytes with another member") == 2
    assert ended.err.endswith("2 media files left out\n")


def test_all_media_of_the_shared_export(run: cli.Run, tmp_path: Path, shared: Path) -> None:
    source = shared / "faults" / "export_media_names.zip"
    assert "left out" not in run("filter", source, "J.C.count > 0", "-o", tmp_path / "out.zip").err
    before, after = (
        {name for name in zipfile.ZipFile(path).namelist() if name.startswith("assets")}
        for path in (source, tmp_path / "out.zip")
    )
    assert (len(after), after) == (8, before)


def test_names_and_texts_that_only_python_reads_are_written_all_the_same(tmp_path: Path) -> None:
    odd = b'{"externalId": "\\ud83d/x", "id": 1e999, "n": NaN, "content": "assets/a", "labels":\n [{"b": NaN}]}'
    assert json.loads(object_of(fields_of(odd)))["externalId"] == "\ud83d/x"
    assert [bytes(item) for item in labels_in(fields_of(odd)["labels"])] == [b'{"b":NaN}']
    assert (on_one_line(odd).count(b"\n"), indented(odd)) == (0, odd)
    assert media_names(odd) == ["assets/a"]
    assert object_of({"\ud83d": b"1", "b": b"[]"}) == b'{"\\ud83d":1,"b":[]}'
    hit = Hit(odd, Place("x.json"), "\ud83d/x", None, None)
    with (tmp_path / "out.zip").open("w+b") as file:
        target = writer("zip", file)
        target.write(hit)
        target.write(hit._replace(label=LabelKey("", 0)))
        target.close()
    names = [name for name in zipfile.ZipFile(tmp_path / "out.zip").namelist() if name.endswith(".json")]
    assert names == ["labels/_/x.json", "labels/_/x_2.json"]


def test_a_file_whose_name_is_no_unicode_text_is_counted(run: cli.Run, tmp_path: Path) -> None:
    (tmp_path / "in/labels/a").mkdir(parents=True)
    write(tmp_path / "in/labels/a.json", asset("a", 2))
    with open(os.fsencode(tmp_path / "in/labels/a") + b"/F_\xff.pdf", "wb"):
        pass
    ended = run("filter", tmp_path / "in", QUERY, "-o", tmp_path / "out.zip")
    assert (ended.code, "F_\\udcff.pdf: its name is no Unicode text" in ended.err) == (0, True)


# -- inputs are not written --------------------------------------------------------------------------------------------


def output_named(kind: str, folder: Path) -> tuple[Path, list[object]]:
    """A file to write, and the arguments before it; the file is an input, or lies in one."""
    source = folder / "in" / "x.json"
    place, query = folder / "out.json", folder / "q.kq"
    if kind == "link":
        place.symlink_to(source)
    elif kind == "hard link":
        os.link(source, place)
    elif kind == "link of a folder":
        (folder / "linked").symlink_to(folder / "in")
        place = folder / "linked" / "x.json"
    elif kind in ("same", "folder"):
        place = source
    elif kind == "by another way":
        place = folder / "in" / ".." / "in" / "x.json"
    elif kind == "new in the folder":
        place = folder / "in" / "deep" / "new.json"
        place.parent.mkdir()
    elif kind == "hard link into the folder":
        os.link(source, place)
    elif kind == "query":
        place = query
    elif kind == "ontology":
        return folder / "o.json", [source, query, "--ontology", folder / "o.json"]
    whole = "folder" in kind and kind != "link of a folder"
    return place, [folder / "in" if whole else source, query]


KINDS = ("same", "by another way", "link", "hard link", "link of a folder", "folder", "new in the folder",
         "hard link into the folder", "query", "ontology")  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_an_input_is_not_written(run: cli.Run, tmp_path: Path, kind: str) -> None:
    (tmp_path / "in").mkdir()
    write(tmp_path / "in" / "x.json", [asset("a", 2), "no record"])
    write(tmp_path / "q.kq", QUERY)
    write(tmp_path / "o.json", "no ontology")
    place, arguments = output_named(kind, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for form in ("json", "zip", "ids"):
        ended = run("filter", *arguments, "-o", place, "--format", form)
        assert (ended.code, ended.out) == (2, "")
        assert ended.err.startswith(f"error[KQ503]: {place}: cannot be written: it "), "and nothing else was read"
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_standard_streams_are_inputs_and_outputs_too(tmp_path: Path) -> None:
    source = write(tmp_path / "x.ndjson", lines(asset("a", 2)))
    with source.open("rb") as stdin:
        done = subprocess.run([*cli.ENTRY, "filter", "-", QUERY, "-o", str(source)], stdin=stdin, capture_output=True,
                              env=cli.environment(), check=False)  # fmt: skip
    assert (done.returncode, b"it is an input" in done.stderr) == (2, True)
    for named, place in ((source, source), (tmp_path, source), (tmp_path, tmp_path / "new.json")):
        with place.open("ab") as stdout:
            done = subprocess.run([*cli.ENTRY, "filter", str(named), QUERY], stdout=stdout, stderr=subprocess.PIPE,
                                  env=cli.environment(), check=False)  # fmt: skip
        assert (done.returncode, b"standard output: cannot be written" in done.stderr) == (2, True)
    with (tmp_path / "ids.txt").open("wb") as stdout:  # which a folder of exports may well hold
        done = subprocess.run([*cli.ENTRY, "filter", str(source), QUERY, "--ids"], stdout=stdout, check=False)
    assert (done.returncode, (tmp_path / "ids.txt").read_bytes()) == (0, b"a\n")


def test_other_files_may_be_written_and_are_told(run: cli.Run, tmp_path: Path) -> None:
    source = write(tmp_path / "x.json", [asset("a", 2)])
    copy = write(tmp_path / "same content.json", source.read_bytes())
    assert run("filter", source, QUERY, "-o", copy).err.endswith(f"; {copy} was there before, and is replaced\n")
    assert "replaced" not in run("filter", source, QUERY, "-o", tmp_path / "new.json").err
    assert "replaced" not in run("filter", source, QUERY, "-o", "/dev/null", "--format", "ids").err
    refuse_inputs("/dev/null", ["/dev/null", str(source), "no such file", "nul\0l"])
    refuse_inputs(str(tmp_path / "gone" / "x"), [str(source)])
    with pytest.raises(DataError, match="is an input"):
        refuse_inputs(str(tmp_path / "gone" / "x"), [str(tmp_path)])


# -- terminals and spreadsheets ----------------------------------------------------------------------------------------

EVIL = "e\x1b[2J\x1b]0;owned\x07\x9b31m\x7f\r\u202ex"
SAFE = r"e\u001b[2J\u001b]0;owned\u0007\u009b31m\u007f\u000d\u202ex"


def evil(folder: Path) -> Path:
    found = {
        "J": {"annotations": [{"mid": EVIL, "categories": [{"name": EVIL}]}]},
        EVIL: {"categories": [{"name": EVIL}]},
    }
    values = [{"externalId": EVIL, "labels": [{"jsonResponse": {**found, **response(2)}}, {"jsonResponse": 5}]}]
    return write(folder / f"{EVIL}.json", json.dumps(values, ensure_ascii=False))


class Terminal(io.TextIOWrapper):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    "arguments",
    [
        ["filter", "SOURCE", QUERY, "--ids"], ["filter", "SOURCE", QUERY], ["filter", "SOURCE", QUERY, "--format", "csv"],
        ["filter", "SOURCE", QUERY, "--format", "json", "--labels"], ["stats", "SOURCE"], ["stats", "SOURCE", "--csv"],
        ["explain", f'J."{EVIL}".count > 0', "SOURCE"], ["explain", f'J."{EVIL}".count > 0'],
        ["check", f'J."{EVIL}".count > 0 AND', "J.A.count > 0"], ["check", f"{EVIL}.A.count > 0"],
        ["check", f'"{EVIL}".A.count > 0', "--ontology", "ONTOLOGY"], ["format", f'J."{EVIL}".count > 0', f"{EVIL}"],
        ["compile", f'J."{EVIL}".count > 0'], ["lint", "SOURCE"], ["filter", "SOURCE", EVIL], ["filter", EVIL, QUERY],
        ["filter", f"SOURCE{EVIL}", QUERY, f"--{EVIL}"], [EVIL], ["stats", "SOURCE", "--ontology", "ONTOLOGY"],
    ],
    ids=lambda arguments: shown(" ".join(arguments))[:60],
)  # fmt: skip
@pytest.mark.parametrize("color", [False, True])
def test_control_characters_are_shown_on_a_terminal(
    run: cli.Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], color: bool
) -> None:
    monkeypatch.setattr(io, "TextIOWrapper", Terminal)
    monkeypatch.setenv("TERM", "xterm" if color else "dumb")
    categories = {EVIL: {"name": EVIL}, "A": {}}
    interface = {"jobs": {f"{EVIL}s": {"mlTask": "CLASSIFICATION", "content": {"categories": categories}}}}
    files = {"SOURCE": str(evil(tmp_path)), "ONTOLOGY": str(write(tmp_path / "o.json", interface))}
    quiet = ["-q"] if arguments[0] in ("filter", "stats") and "nothing" not in arguments else []
    ended = run(*(files.get(argument, argument) for argument in arguments), *quiet)
    text = re.sub("\x1b\\[[0-9;]*m", "", ended.out + ended.err) if color else ended.out + ended.err
    assert text
    assert set(text) & {c for c in EVIL if not c.isprintable()} == set()


def test_what_goes_to_a_file_stays_as_it_is(run: cli.Run, tmp_path: Path) -> None:
    source = evil(tmp_path)
    assert run("filter", source, QUERY, "--ids").out == f"{EVIL}\n"
    assert json.loads(run("filter", source, QUERY).out)["externalId"] == EVIL
    assert SAFE in on_terminal("filter", source, QUERY, "--ids", stream="stdout")[1]
    assert json.loads(on_terminal("filter", source, QUERY, stream="stdout")[1])["externalId"] == EVIL
    assert (
        shown("tab\tand line\n, \U0001f469\u200d\U0001f680, \u05d0\u200f")
        == "tab\tand line\n, \U0001f469\u200d\U0001f680, \u05d0\u200f"
    )


FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1")


def test_cells_that_a_spreadsheet_would_run_get_a_quote_if_asked_for(run: cli.Run, tmp_path: Path) -> None:
    values = [asset(name, 2) for name in (*FORMULAS, "plain", "a=b", "'=1")]
    for value in values:
        value["labels"][0]["jsonResponse"][value["externalId"]] = {"categories": [{"name": value["externalId"]}]}
    source = write(tmp_path / "x.json", values)

    def cells(*arguments: object) -> list[str]:
        return [row[0] for row in csv.reader(io.StringIO(run(*arguments, "-q").out, newline=""))][1:]

    names = [value["externalId"] for value in values]
    quoted = [f"'{name}" if name in FORMULAS else name for name in names]
    for ids in (["--ids"], []):  # a row for each asset, or for each annotation
        rows = 1 if ids else 3
        assert cells("filter", source, QUERY, "--format", "csv", *ids)[::rows] == names
        assert cells("filter", source, QUERY, "--format", "csv", "--csv-safe", *ids)[::rows] == quoted
    assert set(cells("stats", source, "--csv")) == {*names, "J"}
    assert set(cells("stats", source, "--csv", "--csv-safe")) == {*quoted, "J"}
    assert csv_row([-5, "", None], safe=True) == "-5,,\n"
    for arguments in (["filter", source, QUERY], ["filter", source, QUERY, "--ids"], ["stats", source]):
        ended = run(*arguments, "--csv-safe")
        assert (ended.code, "--csv-safe goes with" in ended.err) == (2, True)
