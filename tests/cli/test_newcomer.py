"""The first half hour: what a newcomer types, in whatever order, and what is said of the mistakes that all make."""

from __future__ import annotations

import inspect
import json
import os
import pty
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from kili_query.formats.extras import load
from tests.cli.test_cli import (
    COCO,
    COCO_INTERFACE,
    ENTRY,
    QUERY,
    Run,
    asset,
    environment,
    lines,
    response,
    write,
    zipped,
)
from tests.cli.test_cli import run as run

PERSON = "OBJECT_DETECTION_JOB.person.count"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Four assets, of which b and d match."""
    return write(tmp_path / "x.ndjson", lines(asset("a", 1), asset("b", 0, 2), asset("c"), asset("d", 3, 2)))


# -- a terminal --------------------------------------------------------------------------------------------------------


def _screen(data: bytes) -> list[str]:
    """What a terminal shows of what it was sent: lines, the way back to their begin, the way up, and erasing."""
    rows, row, column = [""], 0, 0
    for piece in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|[\r\n]|[^\x1b\r\n]+", data.decode()):
        if piece == "\r":
            column = 0
        elif piece == "\n":
            row += 1
            rows += [""] * (row == len(rows))
        elif piece.startswith("\x1b["):
            row -= int(piece[2:-1] or 1) if piece.endswith("A") else 0
            rows[row] = "" if piece == "\x1b[2K" else rows[row]
        else:
            rows[row] = rows[row][:column].ljust(column) + piece + rows[row][column + len(piece) :]
            column += len(piece)
    return [line for line in rows if line.strip()]


def test_results_on_a_terminal_stand_on_lines_of_their_own(source: Path) -> None:
    ours, theirs = pty.openpty()
    env = environment(TERM="xterm")
    commands = [
        ["filter", str(source), QUERY, "--ids"],
        ["filter", str(source), QUERY, "--count"],
        ["stats", str(source)],
    ]
    code = f"import sys\nfrom kili_query.cli import main\nfor sys.argv[1:] in {commands!r}:\n    try: main()\n    except SystemExit: pass"
    with subprocess.Popen([*ENTRY[:2], code], stdin=theirs, stdout=theirs, stderr=theirs, env=env) as process:
        os.close(theirs)
        sent = b""
        while True:
            try:
                chunk = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not chunk:
                break
            sent += chunk
    os.close(ours)
    assert process.returncode == 0
    assert sent.count("━".encode()) > 100, "there was a bar"
    summary = "read 5 labels of 4 records: 2 assets matched, 1 empty, 0 unreadable"
    shown = [re.sub(r" in \d+ s:", ":", line) for line in _screen(sent)]  # told of what takes a second or longer
    assert shown[:6] == ["b", "d", summary, "2", summary, shown[5]]
    assert shown[5].split() == ["job", "category", "labels", "objects", "spread", "most"]
    assert not [line for line in shown if "━" in line or "0:00" in line]


# -- either order ------------------------------------------------------------------------------------------------------


def test_source_and_query_come_in_either_order(run: Run, source: Path, tmp_path: Path) -> None:
    query = write(tmp_path / "q.kq", QUERY)
    odd = write(tmp_path / "labels.dump", source.read_bytes())
    for given in ([source, QUERY], [QUERY, source], [source, query], [query, source], [QUERY, odd], [odd, QUERY]):
        ended = run("filter", *given, "--ids")
        assert (ended.code, ended.out) == (0, "b\nd\n"), given
        assert run("explain", *given, "--asset", "b").out.startswith("b, labels[0]\n✗ J.A.count > 1"), given
    assert run("filter", QUERY, "-", "--ids", input=source.read_bytes()).out == "b\nd\n"
    assert run("explain", "-", QUERY, "--asset", "a", input=source.read_bytes()).out.startswith("a, labels[0]\n")
    assert run("filter", source, "-", "--ids", input=QUERY.encode()).out == "b\nd\n"


def test_what_is_missing_among_source_and_query_is_told(run: Run, source: Path) -> None:
    assert f"{source} is read as a SOURCE" in run("filter", source).err
    assert "`J.A.count > 1` is read as the QUERY" in run("filter", QUERY).err
    assert "give a QUERY" in run("explain", source).err
    for given in (["nowhere", QUERY], [QUERY, "nowhere"], ["nowhere.zip", QUERY]):
        ended = run("filter", *given)
        assert ended.code == 2
        assert f"{next(name for name in given if name != QUERY)}: " in ended.err


# -- words -------------------------------------------------------------------------------------------------------------

COMMANDS_WITH_TYPES = ("filter", "stats", "explain", "diff", "convert", "check-labels", "preview", "export", "predict")
COMMANDS_WITH_INPUT_TYPES = (*COMMANDS_WITH_TYPES[:-2], "check", "compile", "index", "lint", "lsp", "serve")


@pytest.mark.parametrize("command", COMMANDS_WITH_INPUT_TYPES)
def test_input_types_that_are_none_are_errors_with_the_near_one(run: Run, command: str) -> None:
    for word, told in {"VIDOE": "did you mean VIDEO?", "PICTURE": "they are AUDIO, GEOSPATIAL, IMAGE"}.items():
        ended = run(command, "x", "--input-type", word)
        assert ended.code == 2
        assert f"{word} is no input type; {told}" in ended.err


@pytest.mark.parametrize("command", COMMANDS_WITH_TYPES)
def test_label_types_that_are_none_are_errors_with_the_near_one(run: Run, command: str) -> None:
    for word, told in {
        "REVEIW": "did you mean REVIEW?",
        "review2": "did you mean REVIEW?",
        "x": "they are DEFAULT",
    }.items():
        ended = run(command, "x", "--type", word)
        assert ended.code == 2
        assert f"{word} is no label type; {told}" in ended.err


def test_every_command_with_such_a_word_is_in_a_list(run: Run) -> None:
    from kili_query.cli import _COMMANDS

    helps = {name: run(name, "--help").out for name in _COMMANDS}
    assert {name for name, text in helps.items() if "--input-type TYPE" in text} == set(COMMANDS_WITH_INPUT_TYPES)
    assert {name for name, text in helps.items() if " --type TYPE" in text} == set(COMMANDS_WITH_TYPES)


def test_a_configured_input_type_is_one_too(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "o.json", {"jobs": {}})
    write(tmp_path / "pyproject.toml", '[tool.kili-query]\nontology = "o.json"\ninput_type = "IMAEG"\n')
    monkeypatch.chdir(tmp_path)
    ended = run("check", QUERY)
    assert ended.code == 2
    assert "`input_type` is `IMAEG`, which is none; did you mean `IMAGE`?" in ended.err


# -- explain -----------------------------------------------------------------------------------------------------------


def test_explain_says_that_it_stopped(run: Run, tmp_path: Path) -> None:
    many = write(tmp_path / "many.ndjson", lines(*[asset(f"a{n}", n % 3) for n in range(12)]))
    ended = run("explain", many, QUERY)
    assert ended.out.count("labels[0]") == 10
    assert ended.err == "stopped after 10 labels; --limit N explains more\n"
    assert run("explain", many, QUERY, "--limit", 12).err == ""
    assert run("explain", many, QUERY, "--asset", "a3").err == ""


def test_explain_names_ids_that_are_not_there_and_near_ones(run: Run, source: Path, tmp_path: Path) -> None:
    ended = run("explain", COCO, f"{PERSON} > 1", "--asset", "coco_1.jgp", "--asset", "coco_2.jpg")
    assert ended.code == 1
    assert ended.out.startswith("coco_2.jpg, latestLabel\n")
    assert "there is no label of asset `coco_1.jgp`; near it: coco_1.jpg" in ended.err
    kept = write(
        tmp_path / "auto.json", [asset("a") | {"labels": [{"labelType": "AUTOSAVE", "jsonResponse": response(2)}]}]
    )
    ended = run("explain", kept, QUERY, "--asset", "a")
    assert (ended.code, ended.out) == (0, "")
    assert "left out by their type: 1 label; --all-types takes them" in ended.err


def test_explain_finds_labels_by_id_and_by_name(run: Run, source: Path, tmp_path: Path) -> None:
    dump = [{"id": f"label-{n}", "labelOf": {"externalId": "x"}, "jsonResponse": response(n)} for n in range(3)]
    path = write(tmp_path / "dump.json", [asset("x") | {"labels": dump}])
    assert run("explain", path, QUERY, "--label", "label-2").out.startswith("x, labels[2]\n✓")
    assert run("explain", source, QUERY, "--label", "d, labels[1]").out.startswith("d, labels[1]\n✓")
    assert run("explain", source, QUERY, "--label", "labels[1]", "--asset", "b").out.startswith("b, labels[1]\n✓")
    ended = run("explain", path, QUERY, "--label", "label-9")
    assert (ended.code, ended.err) == (1, "there is no label `label-9`; near it: label-0, label-1, label-2\n")


def test_explain_finds_labels_that_stand_by_themselves(run: Run, tmp_path: Path) -> None:
    rows = [{"id": f"own-{n}", "labelOf": {"externalId": "x"}, "jsonResponse": response(n)} for n in range(3)]
    ended = run("explain", write(tmp_path / "dump.ndjson", lines(*rows)), QUERY, "--label", "own-2")
    assert ended.out.startswith("x\n✓ J.A.count > 1 — the count is 2")


def test_explain_can_leave_out_what_holds_or_what_fails(run: Run, source: Path) -> None:
    def names(*args: str) -> list[str]:
        return re.findall(r"^(\w, .*)$", run("explain", source, QUERY, *args).out, re.MULTILINE)

    assert names("--failing") == ["a, labels[0]", "b, labels[0]"]
    assert names("--matching") == ["b, labels[1]", "d, labels[0]", "d, labels[1]"]
    assert names("--failing", "--limit", "1") == ["a, labels[0]"]
    assert "no label fails" in run("explain", source, "J.A.count >= 0", "--failing").err
    assert run("explain", source, QUERY, "--failing", "--matching").code == 2
    assert run("explain", QUERY, "--failing").code == 2


# -- queries that are none ---------------------------------------------------------------------------------------------


def test_a_query_without_a_job_is_told_the_jobs(run: Run, tmp_path: Path) -> None:
    for args in (["check", "person.count >= 3", "--ontology", COCO_INTERFACE], ["filter", COCO, "person.count >= 3"]):
        ended = run(*args)
        assert ended.code == 1
        told = ended.out + ended.err
        assert "error[KQ110]: the job is missing before `person`" in told
        assert "write `OBJECT_DETECTION_JOB.person.count` or `SEGMENTATION_JOB.person.count`" in told
    assert "did you mean `OBJECT_DETECTION_JOB.person.count`" in run("explain", COCO, "persn >= 3").err
    one = write(tmp_path / "one.json", [asset("a", 1)])
    assert "the jobs are `J`, and none of them has it" in run("filter", one, "zebra.count > 0").err
    assert "its categories are `A`" in run("filter", one, "J.count > 0").err
    assert "`JOB.person.count`; or a job: `person.CATEGORY.count`" in run("check", "person.count > 3").out


@pytest.mark.parametrize(
    "text", ['author.email == "a@b.c"', "author.email = a@b.c", "labelType == REVIEW", "created_at > 3"]
)
def test_fields_are_not_made_into_counts(run: Run, text: str) -> None:
    ended = run("check", text, "--ontology", COCO_INTERFACE)
    assert ended.code == 1
    assert "a query only counts objects" in ended.out
    assert ".count`" not in ended.out, "nothing is proposed that would not work"
    assert re.search(r"`(author_in|type_in|created_at_gte)` of `Kili\.labels` asks", ended.out)


def test_arguments_that_are_proposed_are_there() -> None:
    from kili_query import Kili
    from kili_query.lang.mistakes.field import ARGUMENTS

    for method, argument in ARGUMENTS.values():
        assert argument in inspect.signature(getattr(Kili, method)).parameters


# -- an output that is a folder ----------------------------------------------------------------------------------------


def test_a_folder_as_output_is_an_export_in_a_folder(run: Run, tmp_path: Path) -> None:
    source = zipped(
        tmp_path / "x.zip",
        {
            "labels/a.json": asset("a", 1),
            "labels/b.json": asset("b", 2, content="assets/b.png"),
            "assets/b.png": b"\x89PNG",
        },
    )
    out = tmp_path / "kept"
    ended = run("filter", source, QUERY, "-o", f"{out}/")
    assert (ended.code, ended.out) == (0, "")
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()) == [
        "README.kili.txt", "assets/b.png", "labels/b.json",
    ]  # fmt: skip
    assert run("filter", out, QUERY, "--ids").out == "b\n"
    assert (out / "labels" / "b.json").stat().st_mode & 0o777 == 0o666 & ~_umask()
    (tmp_path / "empty").mkdir()
    assert run("filter", source, QUERY, "-o", tmp_path / "empty").code == 0
    assert run("filter", tmp_path / "empty", QUERY, "--count").out == "1\n"
    ended = run("filter", source, QUERY, "-o", f"{out}/")
    assert ended.code == 2
    assert "the folder is not empty" in ended.err
    assert "is a folder" in run("filter", source, QUERY, "-o", f"{out}2/", "--format", "csv").err
    assert run("filter", source, QUERY, "-o", f"{source}/").code == 2
    assert run("filter", tmp_path / "nowhere.zip", QUERY, "-o", f"{out}2/").code == 2
    assert {path.name for path in tmp_path.iterdir()} == {"x.zip", "kept", "empty"}, "nothing half-written is left"


def test_a_library_that_is_not_installed_is_told(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load.cache_clear()  # of tests that went before
    for name in ("yaml", "shapely"):
        monkeypatch.setitem(sys.modules, name, None)
    for form in ("yolo_v5", "yolo_v8"):
        ended = run("convert", COCO, "--to", form, "--ontology", COCO_INTERFACE, "-o", tmp_path / "x.zip")
        assert ended.code == 2
        assert f"the format `{form}` needs the extra `formats`: pip install" in ended.err
    crossing = [{"x": x, "y": y} for x, y in ((0, 0), (1, 1), (1, 0), (0, 1))]
    answer = {"SEGMENTATION_JOB": {"annotations": [
        {"mid": "m", "type": "semantic", "categories": [{"name": "cup"}], "boundingPoly": [{"normalizedVertices": crossing}]},
    ]}}  # fmt: skip
    sized = [{"externalId": "a.jpg", "resolution": {"width": 9, "height": 9}, "labels": [{"jsonResponse": answer}]}]
    path = write(tmp_path / "x.json", sized)
    ended = run("convert", path, "--to", "coco", "--ontology", COCO_INTERFACE, "-o", tmp_path / "x.zip")
    assert (ended.code, "the library `shapely` needs the extra `formats`" in ended.err) == (2, True)
    assert list(tmp_path.iterdir()) == [path]
    assert run("convert", COCO, "--to", "yolo_v4", "--ontology", COCO_INTERFACE, "-o", tmp_path / "x.zip").code == 0


def test_a_folder_is_no_dataset_and_no_file(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("out/", str(tmp_path)):
        for args in (["convert", COCO, "--to", "yolo_v8", "--ontology", COCO_INTERFACE], ["export", "p", "--to", "coco"],
                     ["filter", COCO, f"{PERSON} > 0", "--to", "yolo_v8", "--ontology", COCO_INTERFACE]):  # fmt: skip
            ended = run(*args, "-o", name)
            assert (ended.code, "a dataset is a zip archive" in ended.err) == (2, True)
        ended = run("filter", COCO, f"{PERSON} > 0", "-o", name, "--format", "json")
        assert (ended.code, "is a folder" in ended.err) == (2, True)
    assert not list(tmp_path.iterdir())


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


# -- what is given in the wrong place ----------------------------------------------------------------------------------

COCO_FILE: dict[str, Any] = {"images": [], "annotations": [], "categories": []}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.zip", COCO.read_bytes(), "this is a zip archive, such as an export of labels, and no ontology"),
        ("x.json.gz", b"\x1f\x8b\x08\0", "this is compressed with gzip, and no ontology"),
        ("labels.json", [asset("a", 1)], "these are labels, and no ontology"),
        ("coco.json", COCO_FILE, "this is a COCO file, and no ontology"),
        ("geo.json", {"type": "FeatureCollection", "features": []}, "this is a GeoJSON file, and no ontology"),
        ("voc.xml", "<annotation/>", "this is XML, such as a Pascal VOC file, and no ontology"),
    ],
)
def test_what_is_no_ontology_is_called_by_its_name(
    run: Run, tmp_path: Path, name: str, content: Any, said: str
) -> None:
    path = write(tmp_path / name, content)
    for command in (["check", QUERY], ["stats", COCO], ["filter", COCO, QUERY]):
        ended = run(*command, "--ontology", path)
        assert said in ended.err
        assert "`kili-query ontology pull PROJECT_ID -o kili-ontology.json`" in ended.err
        assert (ended.code, ended.out) == (2, "")
    ended = run("serve", "--load", COCO, "--interface", path, "--port", 0)
    assert (ended.code, said in ended.err) == (2, True)


@pytest.mark.parametrize(
    "command",
    [
        ["stats"],
        ["filter", QUERY],
        ["filter", "--empty"],
        ["explain", QUERY],
        ["check-labels", "--ontology", COCO_INTERFACE],
    ],
)
def test_what_holds_no_labels_is_called_by_its_name(run: Run, tmp_path: Path, command: list[Any]) -> None:
    for path, said in {
        write(tmp_path / "coco.json", COCO_FILE | {"images": []}): "lists no images",
        write(tmp_path / "data.yaml", "names:\n- car\n"): "holds neither label files nor pictures",
        zipped(tmp_path / "geo.zip", {"labels/a.geojson": {}}): "is no GeoJSON",
        write(tmp_path / "a.xml", "<annotation>"): "not valid XML",
    }.items():
        ended = run(*command, path)
        assert said in ended.err
        assert ended.code in (2, 3), path


# -- the newest label, and those without any answer ----------------------------------------------------------------------


def label(count: int, day: int | None = None, kind: str = "DEFAULT", **more: Any) -> dict[str, Any]:
    dated = {} if day is None else {"createdAt": f"2024-02-{day:02}T10:00:00.000Z"}
    return {"labelType": kind, "jsonResponse": response(count), **dated, **more}


ANN: dict[str, Any] = {"author": {"id": "u1", "email": "ann@example.com"}}
BOB: dict[str, Any] = {"author": {"email": "bob@example.com"}}


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """Assets with several labels. By the newest of each, a has 1, b 3, c 2, d 4 objects; e has no label that takes part."""
    return write(tmp_path / "history.ndjson", lines(
        {"externalId": "a", "labels": [label(5, 1, **ANN), label(1, 3, "REVIEW", **BOB), label(2, 2, **ANN)]},
        {"externalId": "b", "labels": [label(9, **ANN), label(3, **ANN)]},
        {"externalId": "c", "labels": [label(0, 1, **BOB)], "latestLabel": label(2, 4, **BOB)},
        {"externalId": "d", "labels": [label(4, 1, **ANN), label(7, 9, "PREDICTION"), label(8, 9, "AUTOSAVE", **ANN)]},
        {"externalId": "e", "labels": [label(7, 1, "PREDICTION")]},
    ))  # fmt: skip


def test_latest_is_the_newest_label_of_each_asset(run: Run, history: Path, tmp_path: Path) -> None:
    ended = run("filter", history, "J.A.count >= 0", "--latest")
    rows = [json.loads(line) for line in ended.out.splitlines()]
    assert [(row["externalId"], len(row["latestLabel"]["jsonResponse"]["J"]["annotations"]), "labels" in row) for row in rows] == [
        ("a", 1, False), ("b", 3, False), ("c", 2, False), ("d", 4, False),
    ]  # fmt: skip
    assert "read 4 labels of 5 records: 4 assets matched" in ended.err
    assert run("filter", history, "J.A.count > 2", "--latest", "--ids").out == "b\nd\n"
    assert run("filter", history, "J.A.count > 2", "--ids").out == "a\nb\nd\ne\n"
    assert run("filter", history, "J.A.count > 6", "--latest", "--type", "PREDICTION", "--ids").out == "d\ne\n"
    [row] = json.loads(run("stats", history, "--latest", "--json").out)["categories"]
    assert (row["labels"], row["objects"]) == (4, 10)
    explained = run("explain", history, "J.A.count > 2", "--latest").out
    assert re.findall(r"^(\w), latestLabel\n(.)", explained, re.MULTILINE) == [
        ("a", "✗"),
        ("b", "✓"),
        ("c", "✗"),
        ("d", "✓"),
    ]
    assert run("explain", history, QUERY, "--latest", "--asset", "c").out.startswith("c, latestLabel\n✓")
    out = tmp_path / "latest.zip"
    assert run("filter", history, "J.A.count >= 0", "--latest", "-o", out).code == 0
    assert run("filter", out, "J.A.count == 1", "--ids").out == "a\n"


def test_datasets_and_checks_take_the_latest_too(run: Run, history: Path, tmp_path: Path) -> None:
    ontology = write(
        tmp_path / "o.json",
        {
            "jobs": {
                "J": {
                    "mlTask": "OBJECT_DETECTION",
                    "tools": ["rectangle"],
                    "content": {"categories": {"A": {"name": "A"}}},
                }
            }
        },
    )
    for args, expected in ((["convert", history], 4), (["filter", history, "J.A.count > 2"], 2)):
        out = tmp_path / f"{args[0]}.zip"
        ended = run(*args, "--to", "raw", "--latest", "--ontology", ontology, "--input-type", "IMAGE", "-o", out)
        assert f"wrote {expected} assets" in ended.err, ended
        assert run("filter", out, "J.A.count > 4", "--count").out == "0\n", "older labels are not there"
    assert "4 labels checked" in run("check-labels", history, "--latest", "--ontology", ontology).err


def test_latest_of_a_dump_goes_by_the_assets_that_its_labels_name(run: Run, tmp_path: Path) -> None:
    def of(name: str, count: int, day: int) -> dict[str, Any]:
        return {**label(count, day), "labelOf": {"externalId": name, "id": f"id-{name}"}}

    rows = [of("a", 1, 2), of("b", 2, 1), of("a", 3, 1), of("b", 4, 3)]
    whole = write(tmp_path / "whole.json", {"labels": rows})
    assert run("filter", whole, "J.A.count >= 0", "--latest", "--ids").out == "a\nb\n"
    assert run("filter", whole, "J.A.count IN (1, 4)", "--latest", "--ids").out == "a\nb\n"
    ended = run("filter", write(tmp_path / "single.ndjson", lines(*rows)), QUERY, "--latest")
    assert ended.code == 2
    assert "here each stands by itself" in ended.err


def test_what_cannot_be_read_is_told_with_latest_too(run: Run, tmp_path: Path) -> None:
    bad = [b"{bad", {"externalId": "x", "labels": [{"createdAt": "soon"}, 5, None]}, {"labels": 7}, b'{"a": 1}']
    path = write(tmp_path / "bad.ndjson", lines(asset("a", 2), *bad, {"externalId": "n", "labels": None}))
    for command in (["filter", QUERY, "--ids"], ["stats"], ["explain", QUERY], ["diff", path]):
        ended = run(*command, path, "--latest")
        assert ended.code == 3, command
        assert "unreadable[KQ501]" in ended.err


def test_labels_with_nothing_are_named(run: Run, tmp_path: Path) -> None:
    nothing: dict[str, Any] = {
        "none": {}, "null": None, "text": "", "json": "{}", "jobs": {"J": {"annotations": []}, "K": {"categories": []}, "T": {"text": ""}},
        "frames": {"0": {}, "1": {"J": {"annotations": [], "isKeyFrame": True}}}, "turned": {"ROTATION_JOB": {"rotation": 90}},
    }  # fmt: skip
    something = {
        "object": response(1),
        "words": {"T": {"text": "x"}},
        "frame": {"0": {}, "1": response(1)},
        "number": {"T": {"text": 0}},
    }
    both = {**nothing, **something}
    rows = [
        {"externalId": name, "labels": [{"jsonResponse": value}], "about": "x" * 5000} for name, value in both.items()
    ]
    path = write(tmp_path / "x.ndjson", lines(*rows))
    assert run("filter", path, "--empty", "--ids").out.split() == list(nothing)
    assert json.loads(run("filter", path, "--empty", "--labels").out.splitlines()[0])["labelOf"]["externalId"] == "none"
    ended = run("stats", path, "--empty")
    assert re.findall(r"^empty: .*: line \d+: (\w+), labels\[0\]$", ended.err, re.MULTILINE) == list(nothing)
    assert f"{len(nothing)} empty" in ended.out
    assert len(json.loads(run("stats", path, "--empty", "--json").out)["empty_labels"]) == len(nothing)
    assert re.findall(r"(\w+), labels\[0\]$", run("filter", path, QUERY, "--empty").err, re.MULTILINE) == list(nothing)
    assert f"{len(nothing)} empty" in run("filter", path, QUERY).err, "records that cannot match are looked at, too"
    assert "empty:" not in run("filter", path, QUERY).err
    out = tmp_path / "empty.zip"
    assert run("filter", path, "--empty", "-o", out).code == 0
    assert "Filtered by kili_query: labels without any answer" in zipfile.ZipFile(out).read("README.kili.txt").decode()
    assert run("filter", out, "--empty", "--count").out == f"{len(nothing)}\n"
    assert run("filter", path, "--empty", "--invert").code == 2
    dump = write(tmp_path / "dump.json", {"labels": [{"labelOf": {"externalId": "d"}, "jsonResponse": {}}, label(1)]})
    assert run("filter", dump, "--empty", "--ids").out == "d\n"
    assert "empty: " in run("stats", dump, "--empty").err


# -- who, when, how many -------------------------------------------------------------------------------------------------


def test_stats_by_anything(run: Run, history: Path) -> None:
    def rows(*by: str, more: tuple[str, ...] = ()) -> list[list[str]]:
        options = [word for name in by for word in ("--by", name)]
        return [line.split(",") for line in run("stats", history, *options, "--csv", *more).out.splitlines()]

    assert rows("author") == [
        ["author", "labels", "empty", "objects"], ["ann@example.com", "5", "0", "23"], ["", "2", "0", "14"], ["bob@example.com", "3", "1", "3"],
    ]  # fmt: skip
    assert rows("type")[1:] == [["DEFAULT", "7", "1", "25"], ["PREDICTION", "2", "0", "14"], ["REVIEW", "1", "0", "1"]]
    assert rows("day")[1:3] == [["2024-02-01", "4", "1", "16"], ["2024-02-02", "1", "0", "2"]]
    assert rows("asset")[1] == ["b", "2", "0", "12"]
    assert rows("author", "type")[1] == ["ann@example.com", "DEFAULT", "5", "0", "23"]
    assert rows("job", "category", "author")[1] == ["J", "A", "ann@example.com", "5", "0", "23"]
    assert rows("author", more=("--latest",))[1:] == [
        ["ann@example.com", "2", "0", "7"],
        ["bob@example.com", "2", "0", "3"],
    ]
    shown = run("stats", history, "--by", "author")
    assert re.search(r"^ \(not known\) +2 +0 +14 +7\.0", shown.out, re.MULTILINE)
    data = json.loads(run("stats", history, "--by", "type", "--json").out)
    assert data["groups"][2] == {"type": "REVIEW", "labels": 1, "empty": 0, "objects": 1}
    assert (data["records"], data["labels"], data["empty"]) == (5, 10, 1)
    assert run("stats", history, "--by", "auther").code == 2


def test_groups_add_up_to_the_statistics(run: Run, history: Path) -> None:
    for path, options in ((COCO, []), (history, []), (history, ["--latest"]), (history, ["--all-types"])):
        whole = json.loads(run("stats", path, "--json", *options).out)
        for by in ("author", "type", "day", "asset", "job", "category"):
            groups = json.loads(run("stats", path, "--json", "--by", by, *options).out)["groups"]
            assert sum(group["objects"] for group in groups) == sum(row["objects"] for row in whole["categories"]), by
            if by not in ("job", "category"):
                assert sum(group["labels"] for group in groups) == whole["labels"]
    by_category = json.loads(run("stats", COCO, "--json", "--by", "job", "--by", "category").out)["groups"]
    assert {(g["job"], g["category"], g["labels"], g["objects"]) for g in by_category} == {
        (r["job"], r["category"], r["labels"], r["objects"])
        for r in json.loads(run("stats", COCO, "--json").out)["categories"]
    }


# -- two exports -------------------------------------------------------------------------------------------------------


def test_diff_tells_what_differs(run: Run, tmp_path: Path) -> None:
    def boxed(count: int, x: float) -> dict[str, Any]:
        answer = response(count)
        answer["J"]["annotations"][0]["boundingPoly"] = [{"normalizedVertices": [{"x": x, "y": 0.5}]}]
        return {"labels": [{"jsonResponse": answer}]}

    before = write(tmp_path / "before.ndjson", lines(
        asset("same", 1), asset("gone", 3), asset("more", 1), {"externalId": "moved", **boxed(1, 0.1)}, asset("fewer", 4),
    ))  # fmt: skip
    after = zipped(tmp_path / "after.zip", {f"labels/{n}.json": value for n, value in enumerate((
        asset("more", 2), {"externalId": "moved", **boxed(1, 0.2)}, asset("new", 2), asset("same", 1), asset("fewer", 2),
    ))})  # fmt: skip
    ended = run("diff", before, after, "J.A.count >= 2", "--json")
    data = json.loads(ended.out)
    assert (ended.code, ended.err) == (0, "")
    assert (data["gained"], data["lost"], data["altered"], data["same"]) == (["new"], ["gone"], ["moved"], 1)
    assert data["changed"] == [
        {"asset": "more", "counts": [{"job": "J", "category": "A", "before": 1, "after": 2}]},
        {"asset": "fewer", "counts": [{"job": "J", "category": "A", "before": 4, "after": 2}]},
    ]
    assert data["categories"] == [{"job": "J", "category": "A", "before": 10, "after": 8}]
    assert data["matches"] == {"before": 2, "after": 3, "begun": ["more", "new"], "ended": ["gone"]}
    shown = run("diff", "J.A.count >= 2", before, after).out
    assert "gained: 1\n  new\nlost: 1\n  gone\nchanged: 2\n  more  J.A 1 → 2\n  fewer  J.A 4 → 2\n" in shown
    assert re.search(r"^ J +A +10 +8 +-2 *$", shown, re.MULTILINE)
    assert shown.endswith("J.A.count >= 2: 2 → 3 assets\nbegun: 2\n  more\n  new\nended: 1\n  gone\n")
    assert "changed: 2\n  more  J.A 1 → 2\n  … and 1 more\n" in run("diff", before, after, "--limit", 1).out
    assert "matches" not in json.loads(run("diff", before, after, "--json").out)
    nothing = json.loads(run("diff", before, before, "--json").out)
    assert (nothing["same"], nothing["gained"], nothing["lost"], nothing["changed"], nothing["altered"]) == (
        5,
        [],
        [],
        [],
        [],
    )


def test_diff_takes_dumps_and_tells_what_it_cannot_compare(run: Run, history: Path, tmp_path: Path) -> None:
    rows = [{**label(n), "labelOf": {"externalId": name}} for n, name in enumerate("abab", 1)]
    dump = write(tmp_path / "dump.ndjson", lines(*rows))
    grouped = write(tmp_path / "grouped.json", [
        {"externalId": name, "labels": [label(n) for n in counts]} for name, counts in {"b": (4, 2), "a": (1, 3)}.items()
    ])  # fmt: skip
    data = json.loads(run("diff", dump, grouped, "--json").out)
    assert (data["same"], data["categories"]) == (2, [{"job": "J", "category": "A", "before": 10, "after": 10}])
    nameless = write(tmp_path / "nameless.json", [label(1)])
    ended = run("diff", nameless, dump)
    assert (ended.code, "1 label of" in ended.err) == (0, True)
    assert json.loads(run("diff", history, history, "--latest", "--json").out)["categories"][0]["before"] == 10
    for args in (
        [dump],
        [dump, grouped, dump, QUERY],
        ["J.A.count > 1", dump],
        [dump, "nowhere.zip"],
        [dump, "J.A.count > 1"],
    ):
        assert run("diff", *args).code == 2, args
    assert run("diff", dump, grouped, "J.A.count >").code == 1


def test_labels_and_ontologies_have_a_short_repr() -> None:
    from kili_query import Ontology, read_labels

    assert repr(next(read_labels(COCO))) == "<Label coco_1.jpg, latestLabel DEFAULT>"
    assert repr(Ontology.load(COCO_INTERFACE, "IMAGE")) == "<Ontology of 3 jobs with 160 categories, IMAGE>"


def test_the_newest_label_of_several_sources_is_looked_for_in_each_and_that_is_told(run: Run, tmp_path: Path) -> None:
    answer = {"J": {"categories": [{"name": "A"}]}}
    paths = [
        write(tmp_path / name, [{"externalId": "a", "labels": [{"jsonResponse": answer}]}])
        for name in ("x.json", "y.json")
    ]
    for command in (
        ["filter", *paths, "J.A.count > 0", "--count"],
        ["stats", *paths],
        ["explain", *paths, "J.A.count > 0"],
    ):
        assert "`--latest` takes the newest label of each asset within a source" in run(*command, "--latest").err
    assert "within a source" not in run("filter", paths[0], "J.A.count > 0", "--count", "--latest").err


@pytest.mark.parametrize(("to", "kind"), [("coco", "TEXT"), ("yolo_v8", "PDF"), ("geojson", "VIDEO")])
def test_a_dataset_of_another_kind_of_project_is_refused(run: Run, tmp_path: Path, to: str, kind: str) -> None:
    ended = run(
        "convert", COCO, "--to", to, "--ontology", COCO_INTERFACE, "--input-type", kind, "-o", tmp_path / "x.zip"
    )
    assert (ended.code, f"this one is of type {kind}" in ended.err) == (2, True)
    assert not (tmp_path / "x.zip").exists()


def test_an_outline_of_two_corners_is_no_box(run: Run, tmp_path: Path) -> None:
    corners = [{"x": 0.1, "y": 0.1}, {"x": 0.2, "y": 0.2}]
    answer = {"SEGMENTATION_JOB": {"annotations": [
        {"mid": "m", "type": "semantic", "categories": [{"name": "cup"}], "boundingPoly": [{"normalizedVertices": corners[:n]}]}
        for n in (1, 2)
    ]}}  # fmt: skip
    path = write(tmp_path / "x.json", [{"externalId": "a.jpg", "labels": [{"jsonResponse": answer}]}])
    ended = run("convert", path, "--to", "yolo_v8", "--ontology", COCO_INTERFACE, "-o", tmp_path / "x.zip")
    assert "2 of fewer than three corners (`a.jpg`)" in ended.err
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        assert archive.read("labels/a.txt") == b""
