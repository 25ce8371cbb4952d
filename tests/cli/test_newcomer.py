"""The first half hour: what a newcomer types, in whatever order, and what is said of the mistakes that all make."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

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
    summary = "read 5 labels of 4 records: 2 assets matched, 0 empty, 0 unreadable"
    shown = _screen(sent)
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

COMMANDS_WITH_TYPES = ("filter", "stats", "explain", "convert", "check-labels")
COMMANDS_WITH_INPUT_TYPES = (*COMMANDS_WITH_TYPES, "check", "compile", "lint", "lsp", "serve")


@pytest.mark.parametrize("command", COMMANDS_WITH_INPUT_TYPES)
def test_words_that_are_none_of_kilis_are_errors_with_the_near_one(run: Run, command: str) -> None:
    assert "--input-type TYPE" in run(command, "--help").out
    for word, told in {"VIDOE": "did you mean VIDEO?", "PICTURE": "they are AUDIO, GEOSPATIAL, IMAGE"}.items():
        ended = run(command, "x", "--input-type", word)
        assert ended.code == 2
        assert f"{word} is no input type; {told}" in ended.err
    assert ("--type TYPE" in run(command, "--help").out) == (command in COMMANDS_WITH_TYPES), "all are in the list"
    if command in COMMANDS_WITH_TYPES:
        for word, told in {
            "REVEIW": "did you mean REVIEW?",
            "review2": "did you mean REVIEW?",
            "x": "they are DEFAULT",
        }.items():
            ended = run(command, "x", "--type", word)
            assert ended.code == 2
            assert f"{word} is no label type; {told}" in ended.err


def test_every_command_with_such_a_word_is_in_the_list(run: Run) -> None:
    from kili_query.cli import _COMMANDS

    assert {name for name in _COMMANDS if "--input-type" in run(name, "--help").out} == set(COMMANDS_WITH_INPUT_TYPES)


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
    assert re.search(r"`(author_in|type_in|created_at_gte)` of `Kili.labels`", ended.out)


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


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
