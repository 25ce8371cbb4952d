"""`kili-query index`, and the commands that use what it makes."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.test_cli import COCO, Ended, run
from tests.offline.test_index import TEXT
from tests.offline.test_offline import write

__all__ = ["run"]

QUERY = "OBJECT_DETECTION_JOB.person.count > 1"
Run = Callable[..., Ended]


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    return Path(shutil.copy(COCO, tmp_path / "coco.zip"))


def test_it_is_used_and_told(run: Run, coco: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(coco.parent)
    made = run("index", "coco.zip")
    assert (made.code, made.out) == (0, "")
    assert re.fullmatch(r"coco.zip.kqindex: 3 labels counted(?: in \d+ s)?, 81 rows, 0.0 MB\n", made.err)
    for arguments in (
        ["filter", "coco.zip", QUERY],
        ["filter", "coco.zip", QUERY, "--ids"],
        ["stats", "coco.zip", "--json"],
    ):
        with_index, without = run(*arguments), run(*arguments, "--no-index")
        assert with_index.out == without.out
        assert with_index.err == "using coco.zip.kqindex\n" + without.err
        assert run(*arguments, "-q").err == ""
    coco.write_bytes(coco.read_bytes() + b"\0")
    stale = run("filter", "coco.zip", QUERY, "--count")
    assert stale.err.startswith(
        f"not used: {coco}.kqindex: is older than the source; `kili-query index` brings it up to date\n"
    )


def test_filter_makes_one_on_the_way(run: Run, coco: Path) -> None:
    first = run("filter", coco, QUERY, "--count", "--index")
    assert (first.code, first.out) == (0, "2\n")
    assert "coco.zip.kqindex: 3 labels counted" in first.err
    assert f"using {coco}.kqindex" in first.err
    assert "(3 of them before)" in run("filter", coco, QUERY, "--count", "--index").err
    both = run("filter", coco, QUERY, "--index", "--no-index")
    assert (both.code, both.err.splitlines()[-1]) == (2, "Error: --index and --no-index exclude each other")


def test_what_cannot_be_read_is_told_when_it_is_made_and_when_it_is_used(run: Run, tmp_path: Path) -> None:
    source = write(tmp_path / "x.ndjson", TEXT + b"\n{oops\n")
    made = run("index", source)
    assert made.code == 3
    assert "x.ndjson: line 18" in made.err
    used, read = (run("filter", source, "J.A.count > 2", "--count", *more) for more in ([], ["--no-index"]))
    assert (used.code, used.out) == (read.code, read.out)
    assert used.err.partition("\n")[2] == read.err


def test_bad_input(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    write(tmp_path / "mine" / "x", "x")
    source = write(tmp_path / "x.ndjson", TEXT)
    cases: list[tuple[list[object], str]] = [
        (["index", tmp_path / "gone.zip"], "gone.zip: cannot be read: No such file or directory"),
        (["index", "-"], "standard input: cannot be read again"),
        (["index", source, "-o", tmp_path / "mine"], "mine: cannot be written: it is there, and is no index"),
        (["index", source, "-o", source / "x"], "x.ndjson/x: cannot be written: "),
        (["index", write(tmp_path / "bad.json", "[1")], "bad.json"),
    ]
    for arguments, words in cases:
        ended = run(*arguments)
        assert (ended.code, ended.out) == (2, ""), ended
        assert words in ended.err
    assert json.loads(run("stats", source, "--json").out)["labels"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.json", "mine", "x.ndjson"]


def test_explain_fetches_only_what_is_asked_for(run: Run, coco: Path) -> None:
    run("index", coco)
    for more in (["--matching"], ["--failing"], ["--failing", "--limit", "1"], ["--matching", "--json"]):
        used = run("explain", coco, QUERY, *more)
        coco.with_name("coco.zip.kqindex").rename(coco.with_name("away"))
        read = run("explain", coco, QUERY, *more)
        coco.with_name("away").rename(coco.with_name("coco.zip.kqindex"))
        assert (used.code, used.out) == (read.code, read.out)
        assert used.err.splitlines()[0].startswith("using ")
    missed = run("explain", coco, "OBJECT_DETECTION_JOB.persn.count > 0", "--matching")
    assert "`persn` occurs in no label" in missed.err
    assert "did you mean `person`?" in missed.err
    assert "no label matches" in missed.err
