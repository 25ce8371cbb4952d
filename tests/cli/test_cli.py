"""The command line: what each command prints and exits with, and that nothing ends in a traceback."""

from __future__ import annotations

import contextlib
import csv
import errno
import gzip
import io
import json
import os
import pty
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import kili_query.cli
from kili_query import read_labels

ENTRY = [sys.executable, "-c", "import sys; sys.argv[0] = 'kili-query'; from kili_query.cli import main; main()"]
COMMANDS = (
    "index",
    "check",
    "format",
    "compile",
    "explain",
    "lint",
    "filter",
    "stats",
    "preview",
    "diff",
    "ontology",
    "serve",
    "lsp",
)
DATA = Path(__file__).parents[1] / "data"
COCO, COCO_INTERFACE = DATA / "coco.zip", DATA / "coco.interface.json"
QUERY = "J.A.count > 1"


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


def environment(**more: str) -> dict[str, str]:
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("FORCE_", "COLUMNS", "TERM", "NO_COLOR"))}
    return {**plain, "PYTHONIOENCODING": "utf-8", **more}


def kili_query_in(folder: Path | None, *args: object, input: bytes = b"", **options: Any) -> Ended:
    """Run the command in a process of its own."""
    env = environment(**options.pop("env", {}))
    ended = subprocess.run(
        [*ENTRY, *map(str, args)],
        input=input,
        capture_output=True,
        env=env,
        cwd=folder,
        timeout=120,
        check=False,
        **options,
    )
    return checked(Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode()))


def kili_query_process(*args: object, input: bytes = b"", **options: Any) -> Ended:
    return kili_query_in(None, *args, input=input, **options)


def checked(ended: Ended) -> Ended:
    for text in (ended.out, ended.err):
        assert "Traceback" not in text, text
        assert "internal error" not in text, text
        assert "Exception ignored" not in text, text
    assert ended.code in (0, 1, 2, 3, 130)
    return ended


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    """Run the command in this process, which is faster."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)

    def call(*args: object, input: bytes = b"") -> Ended:
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["kili-query", *map(str, args)])
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(input), "utf-8"))
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            with pytest.raises(SystemExit) as ended:
                kili_query.cli.main()
        code = ended.value.code
        assert isinstance(code, int)
        texts = [stream.buffer.getvalue().decode() for stream in (out, err) if isinstance(stream.buffer, io.BytesIO)]
        return checked(Ended(code, *texts))

    return call


Run = Callable[..., Ended]


def response(number: int, name: str = "A") -> dict[str, Any]:
    return {"J": {"annotations": [{"mid": str(i), "categories": [{"name": name}]} for i in range(number)]}}


def asset(name: str, *counts: int, **more: object) -> dict[str, Any]:
    return {"externalId": name, "id": f"id-{name}", "labels": [{"jsonResponse": response(n)} for n in counts], **more}


def write(path: Path, content: object) -> Path:
    if not isinstance(content, (bytes, str)):
        content = json.dumps(content)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def lines(*values: object) -> bytes:
    return b"".join((v if isinstance(v, bytes) else json.dumps(v).encode()) + b"\n" for v in values)


def zipped(path: Path, members: dict[str, object]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content if isinstance(content, (bytes, str)) else json.dumps(content))
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Four assets, of which b and d match."""
    return write(tmp_path / "x.ndjson", lines(asset("a", 1), asset("b", 0, 2), asset("c"), asset("d", 3, 2)))


# -- the main uses -----------------------------------------------------------------------------------------------------


def test_help_and_version(run: Run) -> None:
    top = run("--help")
    assert top.code == 0
    for command in COMMANDS:
        assert f"  {command} " in top.out
        ended = run(command, "--help")
        assert (ended.code, ended.err) == (0, "")
        assert ended.out.startswith(f"Usage: kili-query {command} ")
        assert f"\n  kili-query {command} " in ended.out, "an example"
    assert run("--version").out.startswith("kili-query, version ")


def test_bad_usage(run: Run) -> None:
    for args in (
        [],
        ["chek"],
        ["check", "--nope"],
        ["filter"],
        ["filter", "x.zip"],
        ["stats"],
        ["check", "--lint", "A.B.count > 1"],
    ):
        assert run(*args).code == 2, args
    assert "did you mean 'check'?" in run("chek", "x").err
    for args in (
        ["--count", "--ids"], ["--count", "-o", "x"], ["--count", "--format", "csv"], ["--ids", "--format", "json"],
        ["--ids", "-o", "x.zip"], ["--format", "zip"], ["--format", "zip", "-o", "-"], ["--type", "REVIEW", "--all-types"], ["-o", "x.arrow"],
        ["--workers", "0"], ["--format", "xml"], ["--input-type", "IMAGE"],
    ):  # fmt: skip
        ended = run("filter", COCO, QUERY, *args)
        assert (ended.code, ended.out) == (2, ""), args
    assert run("stats", COCO, "--json", "--csv").code == 2
    assert run("format", "-w", QUERY).code == 2


def test_check(run: Run, tmp_path: Path) -> None:
    assert run("check", QUERY) == (0, "ok\n", "")
    ended = run("check", "J.A.count = 1")
    assert (ended.code, ended.err) == (1, "")
    assert ended.out.startswith("error[KQ105]: ")
    assert "          ^" in ended.out
    path = write(tmp_path / "q.kq", QUERY)
    assert run("check", path, "J.A", "-", input=b"B.C.count > 1").out.splitlines()[0] == f"{path}: ok"
    assert run("check", input=QUERY.encode()).out == "ok\n"
    assert run("check", "-", input=b"\xef\xbb\xbf" + QUERY.encode()).code == 0


def test_check_prints_diagnostics_for_programs(run: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "q.kq", "J.A.count = 1")
    ended = run("check", QUERY, path, "--json")
    (row,) = json.loads(ended.out)
    assert (ended.code, row["source"], row["code"], row["severity"]) == (1, str(path), "KQ105", "error")
    assert row["fix"] == {"span": {"start": 10, "end": 11}, "text": "==", "safe": True}
    assert json.loads(run("check", QUERY, "--json").out) == []


def test_check_knows_the_ontology(run: Run, tmp_path: Path) -> None:
    ontology = [
        "--ontology",
        write(
            tmp_path / "o.json", {"jobs": {"J": {"mlTask": "OBJECT_DETECTION", "content": {"categories": {"AB": {}}}}}}
        ),
    ]
    ended = run("check", "J.AC.count > 1", *ontology)
    assert ended.code == 1
    assert "KQ202" in ended.out
    assert "AB" in ended.out
    warned = run("check", "J.AB.count >= 0", *ontology)
    assert warned.code == 0
    assert warned.out.startswith("warning[")
    assert run("check", "J.AB.count >= 0", *ontology, "--strict").code == 1
    assert run("check", "--lint", *ontology).code == 0
    ended = run("filter", tmp_path / "gone.ndjson", "J.AC.count > 1", *ontology)
    assert (ended.code, ended.out) == (1, "")
    assert "KQ202" in ended.err


def test_format(run: Run) -> None:
    assert run("format", "(A.B.count>0)OR C.D.count>01 # why") == (0, "# why\nA.B.count > 0 OR C.D.count > 1\n", "")
    long = " OR ".join(f"JOB_{i}.CATEGORY.count > 1" for i in range(9))
    assert max(map(len, run("format", long, "--width", 40).out.splitlines())) <= 40
    assert run("format", long, "--one-line").out == long + "\n"
    assert run("format", "--simplify", "A.B.count > 1 AND A.B.count > 2").out == "A.B.count > 2\n"
    assert run("format", "A.B").code == 1


def test_format_in_place_keeps_comments_and_rights(run: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "q.kq", '# of "é"\r\nA."#".count>1 # end\r\nAND C.D.count>2')
    path.chmod(0o600)
    for _ in range(2):
        assert run("format", "-w", path) == (0, "", "")
        assert path.read_text() == '# of "é"\n# end\nA."#".count > 1 AND C.D.count > 2\n'
    assert path.stat().st_mode & 0o777 == 0o600
    bad = write(tmp_path / "bad.kq", "A.B.count >> 1")
    assert run("format", "-w", bad).code == 1
    assert bad.read_text() == "A.B.count >> 1"
    assert {child.name for child in tmp_path.iterdir()} == {"q.kq", "bad.kq"}


def test_compile(run: Run) -> None:
    assert run("compile", "NOT A.B.count IN 2..5").out == "A.B.count < 2 OR A.B.count > 5\n"
    assert json.loads(run("compile", "--to", "json", QUERY).out)["number"] == 1
    assert run("compile", input=QUERY.encode()).out == QUERY + "\n"
    assert "KQ401" in run("compile", 'A."b c".count > 1').err
    assert run("compile", 'A."b c".count > 1').code == 1


def test_explain(run: Run, source: Path) -> None:
    assert run("explain", "J.A.count > 2") == (0, "job `J` has more than 2 of `A`\n", "")
    ended = run("explain", QUERY, source, "--asset", "b")
    assert ended.code == 0
    assert ended.out.startswith("b, labels[0]\n✗ J.A.count > 1")
    assert "b, labels[1]\n✓ J.A.count > 1 — the count is 2 (J:0, J:1)" in ended.out
    rows = [json.loads(line) for line in run("explain", QUERY, source, "--json", "--limit", 4).out.splitlines()]
    assert [(row["label"], row["count"], row["truth"]) for row in rows] == [
        ("a, labels[0]", 1, False), ("b, labels[0]", 0, False), ("b, labels[1]", 2, True), ("d, labels[0]", 3, True),
    ]  # fmt: skip
    ended = run("explain", QUERY, source, "--asset", "zz")
    assert (ended.code, ended.err) == (1, "there is no label of asset `zz`\n")


def test_explain_does_not_call_files_beside_labels_unreadable(run: Run, tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"labels/a.json": asset("a", 1), "labels/a/FILE_x.json": {}})
    ended = run("explain", QUERY, path)
    assert ended.code == 0
    assert ended.err.startswith("skipped: ")


def test_filter_counts_and_ids(run: Run, source: Path) -> None:
    assert run("filter", source, QUERY, "--count", "-q") == (0, "2\n", "")
    assert run("filter", source, QUERY, "--count", "--labels", "-q").out == "3\n"
    assert run("filter", source, QUERY, "--count", "--invert", "-q").out == "2\n"
    assert run("filter", source, QUERY, "--count", "--invert", "--labels", "-q").out == "2\n"
    ended = run("filter", source, QUERY, "--ids")
    assert (ended.code, ended.out) == (0, "b\nd\n")
    assert ended.err.startswith("read 5 labels of 4 records")
    assert "2 assets matched, 1 empty, 0 unreadable" in ended.err


def test_filter_takes_several_sources_and_standard_input(run: Run, source: Path, tmp_path: Path) -> None:
    other = zipped(tmp_path / "o.zip", {"labels/z.json": asset("z", 2)})
    packed = write(tmp_path / "p.ndjson.gz", gzip.compress(lines(asset("p", 2))))
    query = write(tmp_path / "q.kq", f"# comment\n{QUERY}\n")
    ended = run("filter", other, source, "-", packed, query, "--ids", "-q", input=lines(asset("stdin", 2)))
    assert ended == (0, "z\nb\nd\nstdin\np\n", "")
    for form in (
        other.read_bytes(),
        gzip.compress(json.dumps([asset("z", 2)]).encode()),
        json.dumps(asset("z", 2)).encode(),
    ):
        assert run("filter", "-", QUERY, "--ids", "-q", input=form).out == "z\n"


def test_filter_writes_each_format(run: Run, source: Path, tmp_path: Path) -> None:
    expected = [asset("b", 0, 2), asset("d", 3, 2)]
    assert [json.loads(line) for line in run("filter", source, QUERY).out.splitlines()] == expected
    assert json.loads(run("filter", source, QUERY, "--format", "json").out) == expected
    assert run("filter", source, QUERY, "--format", "ids").out == "b\nd\n"
    rows = list(csv.reader(io.StringIO(run("filter", source, QUERY, "--format", "csv", "--labels", "--ids").out)))
    assert rows == [
        ["externalId", "id", "label"],
        ["b", "id-b", "labels[1]"],
        ["d", "id-d", "labels[0]"],
        ["d", "id-d", "labels[1]"],
    ]
    for suffix, read in {
        "ndjson": lambda text: [json.loads(line) for line in text.splitlines()], "jsonl": None, "json": json.loads,
        "csv": None, "txt": None, "JSON": json.loads,
    }.items():  # fmt: skip
        path = tmp_path / f"out.{suffix}"
        ended = run("filter", source, QUERY, "-o", path)
        assert (ended.code, ended.out) == (0, "")
        assert read is None or read(path.read_text()) == expected
    assert (tmp_path / "out.txt").read_text() == "b\nd\n"
    table = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text())))
    assert [(row["external_id"], row["job"], row["category"]) for row in table] == [("b", "J", "A")] * 2 + [
        ("d", "J", "A")
    ] * 5
    assert run("filter", source, QUERY, "--ids", "-o", tmp_path / "out.csv").code == 0
    assert (tmp_path / "out.csv").read_text() == "externalId,id,label\nb,id-b,\nd,id-d,\n"
    assert (tmp_path / "out.jsonl").read_text() == (tmp_path / "out.ndjson").read_text()
    assert run("filter", source, QUERY, "-o", tmp_path / "out.txt", "--format", "json").code == 0
    assert json.loads((tmp_path / "out.txt").read_text()) == expected
    assert run("filter", source, QUERY, "-o", "-", "--ids").out == "b\nd\n"


def test_filter_writes_an_archive_of_the_same_layout(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out.zip"
    rows = json.loads(run("stats", COCO, "--json").out)["categories"]
    row = min((row for row in rows if row["labels"]), key=lambda row: row["labels"])
    query = f"{row['job']}.{row['category']}.count > 0"
    ended = run("filter", COCO, query, "-o", out, "--ontology", COCO_INTERFACE)
    assert ended.code == 0
    ids = run("filter", COCO, query, "--ids", "-q").out.split()
    assert [label.external_id for label in read_labels(out)] == ids
    assert run("filter", out, query, "--count", "-q").out == f"{len(ids)}\n"
    original = {label.external_id: label.response for label in read_labels(COCO)}
    assert all(label.response == original[label.external_id] for label in read_labels(out))
    trimmed = run("filter", COCO, query, "-o", out, "--labels")
    assert trimmed.code == 0
    assert run("filter", out, query, "--count", "--invert", "--labels", "-q").out == "0\n"


def test_filter_takes_label_types(run: Run, tmp_path: Path) -> None:
    kinds = ("DEFAULT", "REVIEW", "AUTOSAVE")
    values = [{"externalId": kind, "labels": [{"jsonResponse": response(2), "labelType": kind}]} for kind in kinds]
    path = write(tmp_path / "x.json", values)
    assert run("filter", path, QUERY, "--ids").out == "DEFAULT\nREVIEW\n"
    assert run("filter", path, QUERY, "--ids", "--type", "review", "--type", "AUTOSAVE").out == "REVIEW\nAUTOSAVE\n"
    assert run("filter", path, QUERY, "--count", "--all-types").out == "3\n"
    assert json.loads(run("stats", path, "--all-types", "--json").out)["labels"] == 3


def test_filter_counts_an_asset_of_several_bare_labels_once(run: Run, tmp_path: Path) -> None:
    bare = {"jsonResponse": response(2), "labelOf": {"externalId": "b"}}
    path = write(tmp_path / "x.ndjson", lines(bare, asset("b", 2), bare, asset("b", 2)))
    assert run("filter", path, QUERY, "--count", "-q").out == "3\n"
    assert run("filter", path, QUERY, "--ids", "-q").out == "b\nb\nb\n"
    assert len(run("filter", path, QUERY, "-q").out.splitlines()) == 4, "nothing is lost"
    assert run("filter", path, QUERY, "--count", "--labels", "-q").out == "4\n"


def test_the_ontology_tells_frames_from_jobs(run: Run, tmp_path: Path) -> None:
    interface = {"jobs": {"7": {"mlTask": "CLASSIFICATION", "content": {"categories": {"A": {}}}}}}
    ontology = write(tmp_path / "o.json", interface)
    path = write(tmp_path / "x.json", {"labels": [{"jsonResponse": {"7": {"categories": [{"name": "A"}]}}}]})
    assert run("filter", path, '"7".A.count > 0', "--count").out == "0\n"
    assert (
        run("filter", path, '"7".A.count > 0', "--count", "--ontology", ontology, "--input-type", "IMAGE").out == "1\n"
    )


def test_stats(run: Run, source: Path, tmp_path: Path) -> None:
    data = json.loads(run("stats", source, "--json").out)
    assert data["categories"] == [
        {"job": "J", "category": "A", "labels": 4, "objects": 8, "distribution": {"1": 1, "2": 2, "3": 1}}
    ]
    assert (data["records"], data["labels"], data["unreadable"]) == (4, 5, 0)
    assert run("stats", source, "--csv").out == "job,category,labels,objects,most_in_a_label\nJ,A,4,8,3\n"
    table = run("stats", source).out
    assert "5 labels of 4 records" in table
    assert "█" in table
    categories: dict[str, object] = {"B": {}}
    ontology = write(
        tmp_path / "o.json", {"jobs": {"J": {"mlTask": "OBJECT_DETECTION", "content": {"categories": categories}}}}
    )
    data = json.loads(run("stats", source, "--ontology", ontology, "--json").out)
    assert (data["unused"], data["unknown"]) == ([{"job": "J", "category": "B"}], [{"job": "J", "category": "A"}])
    table = run("stats", source, "--ontology", ontology).out
    assert "A (not in the ontology)" in table
    assert "never used: J.B" in table


def test_the_counts_of_stats_agree_with_those_of_filter(run: Run) -> None:
    data = json.loads(run("stats", COCO, "--json", "--ontology", COCO_INTERFACE).out)
    used = [row for row in data["categories"] if row["labels"]]
    assert used
    for row in used[:5]:
        name = f'"{row["job"]}"."{row["category"]}".count'
        for count, labels in row["distribution"].items():
            assert run("filter", COCO, f"{name} == {count}", "--labels", "--count", "-q").out == f"{labels}\n"
        assert (
            run("filter", COCO, f"{name} == 0", "--labels", "--count", "-q").out
            == f"{data['labels'] - row['labels']}\n"
        )


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    if shell == "bash" and not shutil.which("bash"):
        pytest.skip("click asks bash for its version")
    ended = kili_query_process(env={"_KILI_QUERY_COMPLETE": f"{shell}_source"})
    assert ended.code == 0
    assert "kili-query" in ended.out
    words = {"COMP_WORDS": "kili-query filter --in", "COMP_CWORD": "--in" if shell == "fish" else "2"}
    ended = kili_query_process(env={"_KILI_QUERY_COMPLETE": f"{shell}_complete", **words})
    assert "--invert" in ended.out
    assert "--count" not in ended.out


# -- bad input: sources -------------------------------------------------------------------------------------------------


def flagged(data: bytes, offset: int, format: str, value: int) -> bytes:
    """An archive of one member with a field of its central directory changed."""
    changed = bytearray(data)
    struct.pack_into(format, changed, data.index(b"PK\x01\x02") + offset, value)
    return bytes(changed)


def bad_sources(folder: Path) -> Iterator[tuple[str, Path, int, str]]:
    archive = zipped(folder / "good.zip", {"labels/a.json": asset("a", 2)}).read_bytes()
    yield "missing", folder / "gone.json", 2, "No such file or directory"
    yield "empty", write(folder / "empty.json", b""), 2, "is empty"
    yield "blank", write(folder / "blank.ndjson", b"\n \n"), 2, "is empty"
    yield "no-zip", write(folder / "no.zip", b"hello"), 2, "cannot be read as a zip archive"
    yield "cut-zip", write(folder / "cut.zip", archive[:-30]), 2, "it may be cut off"
    yield (
        "broken-directory",
        write(folder / "dir.zip", archive.replace(b"PK\x01\x02", b"PK\x01\x03")),
        2,
        "cannot be read as a zip",
    )
    yield "encrypted", write(folder / "enc.zip", flagged(archive, 8, "<H", 1)), 2, "labels/a.json: is encrypted"
    yield "bomb", write(folder / "bomb.zip", flagged(archive, 24, "<I", 4_000_000_000)), 2, "which no label does"
    yield "no-labels", zipped(folder / "none.zip", {"a.txt": ""}), 2, "holds no labels"
    yield (
        "names",
        zipped(folder / "names.zip", {"labels/../../a.json": asset("a", 2)}),
        0,
        "its name leads out of the archive",
    )
    yield "utf-16", write(folder / "utf16.json", json.dumps([asset("a", 2)]).encode("utf-16")), 2, "looks like UTF-16"
    yield (
        "latin-1",
        write(folder / "latin.json", b'[{"externalId": "\xe9", "labels": []}]'),
        3,
        "not valid UTF-8: 0xe9 at byte 17",
    )
    yield (
        "nan",
        write(folder / "nan.json", b'[{"externalId": "n", "labels": nan}]'),
        3,
        "unexpected 'n' at byte 31 (asset n)",
    )
    yield (
        "deep",
        write(folder / "deep.json", b'{"labels": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"),
        3,
        "nested too deep",
    )
    yield "no-record", write(folder / "other.json", [1]), 3, "no label record"
    yield "folder", (folder / "folder"), 2, "holds no files with labels"
    yield "null", Path(str(folder) + "/a\0b"), 2, "null"


BAD = ("missing", "empty", "blank", "no-zip", "cut-zip", "broken-directory", "encrypted", "bomb", "no-labels", "names", "utf-16",
       "latin-1", "nan", "deep", "no-record", "folder", "null")  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_source(run: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (case,) = [case for case in bad_sources(tmp_path) if case[0] == name]
    assert {case[0] for case in bad_sources(tmp_path)} == set(BAD)
    _, path, code, message = case
    out = tmp_path / "out"
    for args in (
        ["filter", path, QUERY],
        ["filter", path, QUERY, "-o", out / "x.zip"],
        ["stats", path],
        ["explain", QUERY, path],
    ):
        out.mkdir(exist_ok=True)
        ended = run(*args)
        assert (ended.code, message in ended.err) == (code, True), (args, ended)
        assert ended.err.count(str(path).replace("\0", "?")) <= 1, "the file is named once"
        left = {child.name for child in out.iterdir()}
        assert left == ({"x.zip"} if code != 2 and "-o" in args else set())
        shutil.rmtree(out)


def test_one_bad_label_among_thousands_is_named_and_the_others_are_answered(run: Run, tmp_path: Path) -> None:
    values: list[object] = [asset(f"a{i}", i % 3) for i in range(3000)]
    values[1234] = b'{"externalId": "bad one", "labels": [{"jsonResponse": {"J": oops}}]}'
    texts = [value if isinstance(value, bytes) else json.dumps(value).encode() for value in values]
    members: dict[str, object] = {f"labels/{i:04}.json": text for i, text in enumerate(texts)}
    for path, place in {
        write(tmp_path / "x.ndjson", lines(*values)): "line 1235: ",
        write(
            tmp_path / "x.json", b"[\n" + b",\n".join(texts) + b"\n]"
        ): f"byte {2 + sum(len(t) + 2 for t in texts[:1234])}, item 1235: ",
        zipped(tmp_path / "x.zip", members): "labels/1234.json: ",
    }.items():
        for workers in (1, 2):
            ended = run("filter", path, QUERY, "--count", "--workers", workers)
            assert (ended.code, ended.out) == (3, "1000\n")
            (named,) = [line for line in ended.err.splitlines() if line.startswith("unreadable")]
            assert named.startswith(f"unreadable[KQ501]: {path}: {place}not valid JSON: unexpected 'o' at byte ")
            assert named.endswith("(asset bad one)")
            assert ended.err.rstrip().endswith("1 unreadable")
        ended = run("stats", path, "--json")
        assert (ended.code, json.loads(ended.out)["unreadable"]) == (3, 1)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ({}, "the label has no `jsonResponse`"),
        ({"jsonResponse": "oops"}, "`jsonResponse` is text that is not JSON"),
        ({"jsonResponse": "[]"}, "`jsonResponse` is JSON text of a list"),
        ({"jsonResponse": []}, "`jsonResponse` is a list"),
        ({"jsonResponse": 5}, "`jsonResponse` is a number"),
        ({"jsonResponse": "https://x"}, "`jsonResponse` is an address"),
        ({"jsonResponseUrl": "https://x"}, "behind `jsonResponseUrl`"),
        ({"jsonResponse": {}, "annotations": [{}]}, "holds `annotations` objects"),
        ("text", "the label is not an object"),
    ],
)
def test_a_label_without_a_readable_response_is_named(run: Run, tmp_path: Path, label: object, message: str) -> None:
    path = write(tmp_path / "x.json", [{"externalId": "bad é", "labels": [{"jsonResponse": {}}, label]}, asset("b", 2)])
    ended = run("filter", path, "J.A.count >= 0", "--labels", "--count")
    assert (ended.code, ended.out) == (3, "2\n")
    assert f"{path}: byte 1, item 1: bad é, labels[1]: " in ended.err
    assert message in ended.err


@pytest.mark.parametrize("value", [None, "", " ", "null", "{}", {}])
def test_an_empty_response_counts_nothing_and_is_told(run: Run, tmp_path: Path, value: object) -> None:
    path = write(tmp_path / "x.json", [{"externalId": "é 字", "labels": [{"jsonResponse": value}]}])
    ended = run("filter", path, "J.A.count == 0", "--ids")
    assert (ended.code, ended.out) == (0, "é 字\n")
    assert "1 empty, 0 unreadable" in ended.err


def test_a_byte_order_mark_is_no_fault(run: Run, tmp_path: Path) -> None:
    mark = b"\xef\xbb\xbf"
    for name, content in {"x.json": json.dumps([asset("a", 2)]).encode(), "x.ndjson": lines(asset("a", 2))}.items():
        assert run("filter", write(tmp_path / name, mark + content), QUERY, "--count", "-q") == (0, "1\n", "")
    interface = write(tmp_path / "o.json", mark + COCO_INTERFACE.read_bytes())
    assert run("stats", COCO, "--ontology", interface, "--json").code == 0
    assert run("check", write(tmp_path / "q.kq", mark + QUERY.encode())).code == 0


def test_equal_external_ids_and_names_beyond_ascii_are_all_given(run: Run, tmp_path: Path) -> None:
    path = write(
        tmp_path / "é.ndjson",
        lines(asset("é", 2), asset("é", 2), asset("é", 1), {"labels": [{"jsonResponse": response(2, "字")}]}),
    )
    assert run("filter", path, QUERY, "--ids", "-q").out == "é\né\n"
    assert run("filter", path, 'J."字".count > 1', "--ids", "-q")[:2] == (3, "")
    assert run("filter", path, QUERY, "-o", tmp_path / "é.zip").code == 0
    assert [label.external_id for label in read_labels(tmp_path / "é.zip")] == ["é", "é"]
    assert "字" in run("stats", path).out


def test_many_problems_are_counted_not_listed(run: Run, tmp_path: Path) -> None:
    ended = run("filter", write(tmp_path / "x.ndjson", lines(*[b"oops"] * 500, asset("a", 2))), QUERY, "--count")
    assert (ended.code, ended.out) == (3, "1\n")
    assert ended.err.count("unreadable[") == 20
    assert "… and 480 more" in ended.err


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"jobs": []}', b"{}", b"\xff\xfe{", b"[" * 200_000, b'"\\ud800"', b"NaN"]
)
def test_a_wrong_ontology_is_told(run: Run, tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path / "o.json", content)
    for args in (["check", QUERY], ["filter", COCO, QUERY], ["stats", COCO]):
        ended = run(*args, "--ontology", path)
        assert (ended.code, ended.out) == (2, "")
        assert ended.err.startswith("error[KQ50")
        assert str(path) in ended.err
    ended = run("check", QUERY, "--ontology", tmp_path / "gone.json")
    assert (ended.code, "gone.json" in ended.err) == (2, True)


@pytest.mark.parametrize(
    "query",
    [
        "(" * 100_000, "A.B.count > 1 AND " * 20_000, "A" * 300_000, "x\0y", "NOT " * 50_000 + "A.B.count > 1",
        "\N{FACE WITH TEARS OF JOY}" * 1000, "A.B.count > " + "9" * 10_000 + "x", "", "\ud800",
    ],
    ids=["parentheses", "open-end", "one-name", "null", "not", "emoji", "digits", "empty", "surrogate"],
)  # fmt: skip
def test_huge_and_strange_queries_are_errors_of_the_query(run: Run, query: str) -> None:
    for args in (["check"], ["format"], ["compile"], ["filter", COCO]):
        ended = run(*args, query)
        assert ended.code == 1, args
        assert "error[KQ1" in ended.out + ended.err
        assert len(ended.out) + len(ended.err) < 30_000
    assert json.loads(run("check", query, "--json").out)[0]["severity"] == "error"


def test_a_large_query_is_answered(run: Run, source: Path) -> None:
    many = " OR ".join(f"J.C{i}.count > 1" for i in range(5000))
    for query, count in ((f"{many} OR {QUERY}", 2), (f"{QUERY} AND J.A.count < {'9' * 10_000}", 2), (many, 0)):
        ended = run("filter", source, query, "--count", "-q")
        assert ended[:2] == (0, f"{count}\n")
        assert "internal" not in ended.err
        assert ("… and 4,980 more that no label holds" in ended.err) == (many in query)


def test_a_query_file_that_cannot_be_read(run: Run, tmp_path: Path) -> None:
    assert run("check", tmp_path / "gone.kq").code == 2
    ended = run("check", write(tmp_path / "x.kq", b"\xff"))
    assert (ended.code, ended.err) == (2, f"error[KQ503]: {tmp_path}/x.kq: is not UTF-8 text (byte 0)\n")


# -- bad output ---------------------------------------------------------------------------------------------------------


def test_an_output_that_cannot_be_written(run: Run, source: Path, tmp_path: Path) -> None:
    for path, reason in {
        tmp_path: "the folder is not empty; another folder, or the name of an archive (`.zip`), works",
        tmp_path / "no" / "x.json": "No such file or directory",
        source / "x.json": "Not a directory",
        Path("/dev/full"): "No space left on device",
    }.items():
        ended = run("filter", source, QUERY, "-o", path)
        assert (ended.code, ended.out) == (2, "")
        assert ended.err == f"error[KQ503]: {path}: cannot be written: {reason}\n"
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_right_to_write(run: Run, source: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "Permission denied" in run("filter", source, QUERY, "-o", tmp_path / "x.json").err


@pytest.mark.parametrize(
    "args",
    [
        ["filter", COCO, "A.B.count == 0"],
        ["filter", COCO, "A.B.count == 0", "--count"],
        ["check", QUERY],
        ["stats", COCO],
    ],
)
def test_a_full_disk_behind_standard_output(args: list[object]) -> None:
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(
            [*ENTRY, *map(str, args)], stdout=full, stderr=subprocess.PIPE, env=environment(), check=False
        )
    assert ended.returncode == 2
    assert ended.stderr.decode() == "error[KQ503]: standard output: No space left on device\n"


def small_files() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))


@pytest.mark.parametrize("suffix", ["ndjson", "zip"])
@pytest.mark.parametrize("single", [False, True])
def test_a_full_disk_leaves_the_old_file_and_no_other(tmp_path: Path, suffix: str, single: bool) -> None:
    values = [asset(os.urandom(40).hex(), 2) for _ in range(500)]
    members: dict[str, object] = (
        {"data.json": values} if single else {f"labels/{i}.json": v for i, v in enumerate(values)}
    )
    (tmp_path / "in").mkdir()
    source = zipped(tmp_path / "in/x.zip", members)
    (tmp_path / "out").mkdir()
    old = write(tmp_path / "out" / f"x.{suffix}", b"old")
    uncached = {"PYTHONDONTWRITEBYTECODE": "1"}  # before 3.12.8 Python keeps a cut-off .pyc, of which later imports die
    ended = kili_query_process("filter", source, QUERY, "-o", old, preexec_fn=small_files, env=uncached)
    assert ended.code == 2
    assert os.strerror(errno.EFBIG) in ended.err
    assert old.read_bytes() == b"old"
    assert list((tmp_path / "out").iterdir()) == [old]


# -- signals, pipes, terminals ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Some 150 MB of assets that all match."""
    path = tmp_path_factory.mktemp("large") / "x.ndjson"
    block = lines(*(asset(f"a{i}", 2, padding="x" * 1500) for i in range(600)))
    with path.open("wb") as file:
        for _ in range(150):
            file.write(block)
    yield path
    path.unlink()


def alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for(condition: Callable[[], bool]) -> bool:
    for _ in range(600):
        if condition():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("workers", [1, 2])
def test_interrupting_ends_with_130_and_leaves_nothing_behind(large: Path, tmp_path: Path, workers: int) -> None:
    old = write(tmp_path / "x.ndjson", b"old")
    args = ["filter", str(large), str(large), QUERY, "-o", str(old), "--workers", str(workers)]
    process = subprocess.Popen([*ENTRY, *args], stderr=subprocess.PIPE, start_new_session=True, env=environment())
    # under way, as soon as the file beside grows
    assert wait_for(lambda: any(p != old and p.stat().st_size for p in tmp_path.iterdir()))
    os.killpg(process.pid, signal.SIGINT)
    err = process.communicate(timeout=20)[1].decode()
    assert (process.returncode, err.strip()) == (130, "interrupted")
    assert wait_for(lambda: not alive(process.pid)), "a worker was left behind"
    assert (old.read_bytes(), list(tmp_path.iterdir())) == (b"old", [old])


def test_interrupting_a_slow_pipe(tmp_path: Path) -> None:
    args = ["filter", "-", QUERY, "-o", str(tmp_path / "x.zip")]
    process = subprocess.Popen(
        [*ENTRY, *args], stdin=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, env=environment()
    )
    assert process.stdin
    process.stdin.write(lines(asset("a", 2)))
    process.stdin.flush()
    assert wait_for(lambda: bool(list(tmp_path.iterdir())))
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(20) == 130
    assert process.stderr
    assert process.stderr.read().decode().strip() == "interrupted"
    process.stdin.close()
    process.stderr.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "more", [["--workers", "1"], ["--workers", "2"], ["--ids"], ["--format", "json"], ["-o", "/dev/stdout"]]
)
def test_a_reader_that_has_had_enough_ends_it_quietly(large: Path, more: list[str]) -> None:
    process = subprocess.Popen(
        [*ENTRY, "filter", str(large), QUERY, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    )
    assert process.stdout
    assert process.stderr
    assert process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(60) == 0
    process.stderr.close()


@pytest.mark.parametrize(
    "args",
    [["--help"], ["check", QUERY], ["stats", COCO], ["explain", QUERY, COCO], ["filter", COCO, QUERY, "--count"]],
)
def test_a_pipe_that_nobody_reads_ends_it_quietly(args: list[object]) -> None:
    reader, target = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [*ENTRY, *map(str, args)], stdout=target, stderr=subprocess.PIPE, env=environment(), check=False
    )
    os.close(target)
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_closed_streams_are_no_fault(source: Path, tmp_path: Path) -> None:
    command = 'exec "$@" <&- >&- 2>&-'
    out = tmp_path / "out.ndjson"
    args = [*ENTRY, "filter", str(source), QUERY, "-o", str(out)]
    assert subprocess.run(["sh", "-c", command, "sh", *args], env=environment(), check=False).returncode == 0
    assert len(out.read_text().splitlines()) == 2


def test_a_named_pipe_is_read_once(tmp_path: Path, source: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for options in (["--count", "-q"], ["-q", "-o", str(tmp_path / "out.zip")]):
        with subprocess.Popen(["sh", "-c", 'exec cat "$1" > "$2"', "sh", str(source), str(tmp_path / "pipe")]) as cat:
            ended = kili_query_process("filter", tmp_path / "pipe", QUERY, *options)
            cat.kill()  # a pipe that nobody opened keeps its writer for ever
        assert ended == (0, "2\n" if "--count" in options else "", "")
    assert [label.external_id for label in read_labels(tmp_path / "out.zip")] == ["b", "b", "d", "d"]


def on_terminal(*args: object, stream: str, **env: str) -> tuple[int, str, bytes]:
    """Run with one stream on a terminal; the code, what the terminal got, and what the other stream got."""
    ours, theirs = pty.openpty()
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: theirs}
    process = subprocess.Popen([*ENTRY, *map(str, args)], env=environment(**{"TERM": "xterm", **env}), **streams)  # type: ignore[call-overload]
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # of a terminal that was closed
        while chunk := os.read(ours, 1 << 16):
            shown += chunk
    os.close(ours)
    other = process.stderr if stream == "stdout" else process.stdout
    text = other.read()
    other.close()
    return process.wait(60), shown.decode(), text


def test_colour_is_for_terminals_only() -> None:
    code, shown, _ = on_terminal("check", "J.A.count = 1", stream="stdout")
    assert code == 1
    assert "\x1b[" in shown
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b[" not in on_terminal("check", "J.A.count = 1", stream="stdout", **env)[1]
    assert "\x1b[" not in kili_query_process("check", "J.A.count = 1").out
    assert "\x1b[" in kili_query_process("check", "J.A.count = 1", env={"FORCE_COLOR": "1"}).out
    code, shown, _ = on_terminal("filter", COCO, "J.A.count = 1", stream="stderr")
    assert (code, "\x1b[" in shown) == (1, True)


def test_the_progress_bar_is_for_terminals_only(large: Path, source: Path, tmp_path: Path) -> None:
    code, shown, out = on_terminal("filter", large, QUERY, "--count", "--workers", 1, stream="stderr")
    assert (code, out) == (0, b"90000\n")
    assert "━" in shown
    assert "/" in shown.split("read ")[0], "how many bytes of how many"
    assert "read 90,000 labels" in shown
    assert "━" not in on_terminal("filter", source, QUERY, "--count", "-q", stream="stderr")[1]
    assert "━" not in kili_query_process("filter", source, QUERY, "--count").err
    archive = zipped(tmp_path / "x.zip", {"labels/a.json": asset("a", 2)})
    for path in (
        write(tmp_path / "bad.zip", archive.read_bytes().replace(b"PK\x01\x02", b"PK\x01\x03")),
        tmp_path / "gone",
    ):
        code, shown, out = on_terminal("filter", path, QUERY, "--count", stream="stderr")
        assert (code, out) == (2, b"")
        assert f"error[KQ503]: {path}: cannot be read" in shown
        assert "internal error" not in shown
