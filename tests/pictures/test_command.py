"""`kili-query preview`: what it writes, what it says, and what it refuses."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("matplotlib", reason="pictures need the extra `pictures`")

from tests.cli.test_cli import COCO, COCO_INTERFACE, Run
from tests.cli.test_cli import run as run
from tests.pictures.making import archive, asset, boxes, image


def test_a_sheet_of_what_matches(run: Run, tmp_path: Path) -> None:
    output = tmp_path / "sheet.html"
    ended = run("preview", COCO, "OBJECT_DETECTION_JOB.person.count >= 1", "-o", output, "--ontology", COCO_INTERFACE)
    assert (ended.code, ended.out) == (0, "")
    assert ended.err == f"2 assets match; wrote {output}\n"
    assert output.read_text(encoding="utf-8").count("<figure") == 2


def test_an_index_that_is_used_is_told(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("duckdb", reason="an index needs the extra `scale`")
    source = archive(tmp_path / "export.zip", [asset("a.png", boxes())])
    assert run("index", source, "-q").code == 0
    for more, told in (([], "using "), (["-q"], "")):
        ended = run("preview", source, "*.*.count > 0", "-o", tmp_path / "s.html", *more)
        assert (ended.code, ended.err.partition(str(tmp_path))[0]) == (0, told)


def test_pages_and_media(run: Run, tmp_path: Path) -> None:
    source = archive(tmp_path / "export.zip", [asset(f"{n}.png", boxes()) for n in range(60)])
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "0.png").write_bytes(image(20, 20))
    ended = run("preview", source, "-o", tmp_path / "s.png", "--media", tmp_path / "media", "--theme", "dark")
    assert ended.code == 0
    assert f"60 assets; wrote 2 pages, {tmp_path / 's-1.png'} to {tmp_path / 's-2.png'}" in ended.err
    assert f"note: 1.png: no file of {tmp_path / 'media'} is called so" in ended.err
    assert "note: … and 54 more of this kind" in ended.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["-o", "s.jpg"], "--output takes a file that ends with .html, .htm, .png, .svg, and not s.jpg"),
        (["-o", "s.png", "--limit", "3", "--sample", "3"], "exclude each other"),
        (["-o", "s.png", "--sample", "5000"], "5000"),
        (["-o", "s.png", "--media", "absent"], "absent: cannot be read: it is no folder"),
        (["-o", "absent/s.png"], "cannot be written"),
        ([], "--output"),
    ],
)
def test_what_cannot_be_done_is_told(run: Run, arguments: list[str], told: str) -> None:
    ended = run("preview", COCO, *arguments)
    assert ended.code == 2
    assert told in " ".join(ended.err.split())


def test_labels_can_come_in(run: Run, tmp_path: Path) -> None:
    ended = run("preview", "-", "-o", tmp_path / "s.svg", input=json.dumps(asset("a", boxes())).encode())
    assert (ended.code, ended.err) == (0, f"1 asset; wrote {tmp_path / 's.svg'}\n")


def test_too_many_are_refused(run: Run, tmp_path: Path) -> None:
    lines = tmp_path / "many.ndjson"
    lines.write_text("".join(json.dumps(asset(f"{n}", boxes())) + "\n" for n in range(1_001)))
    ended = run("preview", lines, "-o", tmp_path / "s.html")
    assert ended.code == 2
    assert (
        "1,001 assets match, and a sheet shows at most 1,000; --sample takes some by chance, --limit the first"
        in ended.err
    )


def test_names_that_no_label_holds_are_told(run: Run, tmp_path: Path) -> None:
    ended = run("preview", COCO, "OBJECT_DETECTION_JOB.Person.count >= 1", "-o", tmp_path / "s.html", "--no-ontology")
    assert "`Person` occurs in no label; `person` does" in ended.err
    assert "0 assets match; wrote" in ended.err


def test_without_the_library_it_is_told_what_to_install(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kili_query.formats.extras import load

    load.cache_clear()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    try:
        ended = run("preview", COCO, "-o", tmp_path / "s.html")
    finally:
        load.cache_clear()
    assert ended.code == 2
    assert 'the library `matplotlib` needs the extra `pictures`: pip install "kili_query[pictures]"' in ended.err
    assert not (tmp_path / "s.html").exists()


def test_unreadable_labels_are_told(run: Run, tmp_path: Path) -> None:
    lines = tmp_path / "some.ndjson"
    lines.write_text(json.dumps(asset("a", boxes())) + "\n{broken\n")
    ended = run("preview", lines, "-o", tmp_path / "s.svg")
    assert ended.code == 3
    assert "unreadable[KQ501]" in ended.err
    assert (tmp_path / "s.svg").exists()
