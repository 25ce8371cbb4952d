"""Linting files: how they are read, where findings stand, and what processes share."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from kili_query.editor.lint.linting import FileReport, Linted, files_below, lint_file, lint_files
from kili_query.editor.lint.reports import as_json
from kili_query.editor.ontologies import BESIDE, Ontologies
from kili_query.errors import DataError

BAD = "f(category_search='A.B.count = 1')"


def lint(path: Path, data: bytes | str, *, fix: bool = False) -> FileReport:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return lint_file(str(path), Ontologies(), fix=fix)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_python_ends_them(tmp_path: Path, end: str) -> None:
    source = end.join(["x = '\x0b\x85\u2028'", "\f# é", f"\ty = '🚢'; {BAD}  # \x1c", ""])
    (finding,) = lint(tmp_path / "a.py", source.replace("\ty", "y")).findings
    assert finding.place[:4] == (3, 39, 3, 40)
    assert finding.place.source_line == f"y = '🚢'; {BAD}  # \x1c"
    assert source.replace("\ty", "y")[slice(*finding.span)] == "="


def test_a_finding_at_the_end_of_a_file_has_a_place(tmp_path: Path) -> None:
    (finding,) = lint(tmp_path / "a.kq", "A.B.count >\n").findings
    assert finding.place[:4] == (2, 1, 2, 1)
    (finding,) = lint(tmp_path / "a.kq", "").findings
    assert (finding.place[:4], finding.place.source_line) == ((1, 1, 1, 1), "")


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "shift_jis", "utf-8-sig", "koi8-r", "iso2022_jp", "utf-7"])
def test_a_file_is_read_and_written_in_its_encoding(tmp_path: Path, encoding: str) -> None:
    data = f"# coding: {encoding}\n{BAD}\n".encode(encoding)
    report = lint(tmp_path / "a.py", data, fix=True)
    assert (report.problem, report.fixed) == (None, 1)
    assert (tmp_path / "a.py").read_bytes() == data.replace(b"= 1", b"== 1")


@pytest.mark.parametrize(
    ("encoding", "message"),
    [
        ("base64", "has no readable encoding: base64 is none of texts"),
        ("rot13", "has no readable encoding: rot13 is none of texts"),
        ("undefined", "is not UNDEFINED text"),
        ("utf-32", "is not UTF-32 text (byte 0)"),
        ("ascii", "is not ASCII text (byte 53)"),
        ("nowhere", "has no readable encoding: unknown encoding: nowhere"),
    ],
)
def test_an_encoding_that_cannot_be_read_is_told(tmp_path: Path, encoding: str, message: str) -> None:
    report = lint(tmp_path / "a.py", f"# coding: {encoding}\n{BAD}\n# é".encode())
    assert report.problem is not None
    assert report.problem.message == message


def test_a_notebook_may_be_large_for_its_pictures(tmp_path: Path) -> None:
    picture = {"data": {"image/png": "A" * 6_000_000}}
    cell = {"cell_type": "code", "outputs": [picture], "source": BAD}
    text = json.dumps({"cells": [cell]})
    report = lint(tmp_path / "a.ipynb", text)
    assert (report.problem, report.queries, len(report.findings)) == (None, 1, 1)
    assert (report.findings[0].place[:3], report.findings[0].lines.line) == ((1, 30, 1), 1)


def test_processes_that_are_not_forked_tell_the_same(tmp_path: Path) -> None:
    (tmp_path / BESIDE).write_text('{"jobs": {}}')
    for number in range(20):
        (tmp_path / f"{number}.py").write_text(BAD.replace("= 1", f"> {number}"))
    files = [*files_below([str(tmp_path), "gone"])]
    here = told(lint_files(files, Ontologies(), workers=1))
    assert here.count("KQ201") == 20
    assert here.count("gone") == 1
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)  # because of it nothing is forked
    thread.start()
    try:
        there = told(lint_files(files, Ontologies(), workers=2))
    finally:
        ended.set()
        thread.join()
    assert there == here


def told(linted: Iterable[Linted]) -> str:
    reports, problems = list[FileReport](), list[DataError]()
    for report, found in linted:
        reports += [report] if report else []
        problems += found
    return as_json(reports, problems)
