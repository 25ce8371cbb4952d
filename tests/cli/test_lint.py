"""`kili-query lint`: what it prints in each format, what `--fix` writes, and how it ends."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kili_query.errors import CODES
from tests.cli.test_cli import Ended, Run, kili_query_in
from tests.cli.test_cli import run as run

ONTOLOGY = {"jobs": {"BOATS": {"mlTask": "OBJECT_DETECTION", "content": {"categories": {"FERRY": {"name": "Ferry"}}}}}}
GOOD = 'kili.labels(category_search="BOATS.FERRY.count > 1")\n'
MISSPELT = 'x = 1\nkili.labels(category_search="BOATS.FERY.count > 1")\n'
SLOPPY = "# é\r\nkili.labels(\r\n\tcategory_search='BOATS.\\x46ERRY.count = 1 '  # why\r\n  \"and BOATS.FERRY.count => +3\")\r\n"

Lint = Callable[..., Ended]


@pytest.fixture
def lint(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Lint:
    """Runs the command in a folder that holds an ontology."""
    (tmp_path / "kili-ontology.json").write_text(json.dumps(ONTOLOGY))
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: run("lint", *arguments)


@pytest.fixture
def lint_process(lint: Lint, tmp_path: Path) -> Lint:
    """Runs it in a process of its own, which may start others."""
    return lambda *arguments: kili_query_in(tmp_path, "lint", *arguments)


def test_a_finding_shows_the_line_of_the_file(lint: Lint, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(MISSPELT)
    ended = lint("a.py")
    assert ended.code == 1
    assert ended.out == (
        "a.py:2:36: error[KQ202]: job `BOATS` has no category `FERY`\n"
        '  kili.labels(category_search="BOATS.FERY.count > 1")\n'
        "                                     ^^^^\n"
        "  hint: did you mean `FERRY`?\n"
    )
    assert ended.err == "1 file, 1 query, 1 finding\n"


def test_what_is_fine_prints_nothing(lint: Lint, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(GOOD + "f(category_search=f'{x}')\n")
    assert lint(".") == (0, "", "1 file, 1 query, 0 findings, 1 not checked (computed texts)\n")
    assert lint(".", "--quiet") == (0, "", "")


def test_an_empty_filter_asks_for_all_and_is_no_mistake(lint: Lint, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text('f(category_search="", asset_filter_kwargs={"label_category_search": ""})\n')
    assert lint("a.py") == (0, "", "1 file, 2 queries, 0 findings\n")
    (tmp_path / "a.kq").write_text("")
    assert "error[KQ103]" in lint("a.kq").out


def test_warnings_fail_only_if_strict(lint: Lint, tmp_path: Path) -> None:
    (tmp_path / "a.kq").write_text("BOATS.FERRY.count > 3 AND BOATS.FERRY.count > 2")
    assert lint(".").code == 0
    assert "warning[KQ304]" in lint(".").out
    assert lint(".", "--strict").code == 1


def test_a_cell_and_its_line_are_named(lint: Lint, tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": "x"},
        {"cell_type": "code", "source": ["%pip\n", *MISSPELT.splitlines(True)]},
    ]
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": cells}, indent=1))
    ended = lint("a.ipynb")
    assert ended.out.startswith("a.ipynb:cell 2:3:36: error[KQ202]")
    assert ended.out.splitlines()[1:3] == [
        '  kili.labels(category_search="BOATS.FERY.count > 1")',
        "                                     ^^^^",
    ]
    (annotation,) = lint("a.ipynb", "--format", "github").out.splitlines()
    line = next(n for n, text in enumerate((tmp_path / "a.ipynb").read_text().splitlines(), 1) if "FERY" in text)
    assert f"file=a.ipynb,line={line}," in annotation
    assert "::cell 2, line 3: job `BOATS`" in annotation


def test_a_byte_order_mark_is_no_column(lint: Lint, tmp_path: Path) -> None:
    (tmp_path / "a.kq").write_bytes("\ufeffBOATS.FERY.count > 1".encode())
    assert lint("a.kq").out.splitlines()[:3] == [
        "a.kq:1:7: error[KQ202]: job `BOATS` has no category `FERY`",
        "  BOATS.FERY.count > 1",
        "        ^^^^",
    ]


# -- which files -------------------------------------------------------------------------------------------------------


def test_folders_are_walked_but_for_those_of_tools(lint: Lint, tmp_path: Path) -> None:
    for name in (
        "a.py",
        "deep/b.pyi",
        ".hidden/c.py",
        "node_modules/d.py",
        "__pycache__/e.py",
        "env/f.py",
        "old/g.py",
        "h.txt",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(MISSPELT)
    (tmp_path / "env" / "pyvenv.cfg").touch()
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    ended = lint(".", "a.py", tmp_path / "deep", "--exclude", "old")
    assert sorted(line.partition(":")[0] for line in ended.out.splitlines() if "KQ202" in line) == [
        "a.py",
        "deep/b.pyi",
    ]
    assert ended.err == "2 files, 2 queries, 2 findings\n"


def test_bad_files_are_told_once_and_the_rest_is_checked(lint: Lint, tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text(GOOD)
    (tmp_path / "broken.py").write_text("f(category_search=")
    (tmp_path / "binary.py").write_bytes(b"\0category_search")
    (tmp_path / "latin.py").write_bytes(b"f(category_search='\xe9')")
    (tmp_path / "coding.py").write_bytes(b"# coding: no-such\nf(category_search='x')")
    (tmp_path / "huge.py").write_bytes(b"#" * 5_000_001)
    (tmp_path / "broken.ipynb").write_text('{"cells": [category_search')
    (tmp_path / "self.py").symlink_to("self.py")
    os.mkfifo(tmp_path / "pipe.py")
    ended = lint(".", "gone.py", "kili-ontology.json")
    assert ended.code == 3
    assert ended.out == ""
    *problems, summary = ended.err.splitlines()
    assert problems == [
        "problem[KQ503]: binary.py: is binary",
        "problem[KQ503]: broken.ipynb: is no notebook: Expecting value, line 1",
        "problem[KQ503]: broken.py: does not parse as Python, line 1: '(' was never closed",
        "problem[KQ503]: coding.py: has no readable encoding: unknown encoding: no-such",
        "problem[KQ503]: huge.py: has 5,000,001 bytes; at most 5,000,000 are read",
        "problem[KQ503]: latin.py: has no readable encoding: invalid or missing encoding declaration",
        "problem[KQ503]: pipe.py: is no regular file",
        "problem[KQ503]: self.py: cannot be read: Too many levels of symbolic links",
        "problem[KQ503]: gone.py: cannot be read: No such file or directory",
        "problem[KQ503]: kili-ontology.json: is no Python file (.py, .pyi, .pyw), notebook (.ipynb) or query file (.kq)",
    ]
    assert summary == "9 files, 1 query, 0 findings, 10 problems"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_told(lint: Lint, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(GOOD)
    (tmp_path / "a.py").chmod(0)
    assert lint("a.py").err.startswith("problem[KQ503]: a.py: cannot be read: Permission denied")


def test_nothing_readable_is_bad_input(lint: Lint) -> None:
    assert lint("gone").code == 2


def test_a_file_without_the_words_is_not_even_parsed(lint: Lint, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("does not parse (")
    assert lint(".") == (0, "", "1 file, 0 queries, 0 findings\n")


def test_a_notebook_that_is_nested_too_deep_is_told_in_plain_words(lint: Lint, tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_text("[" * 100_000 + '"category_search"')
    assert lint("a.ipynb").err.startswith("problem[KQ503]: a.ipynb: is no notebook: nested too deep\n")


def test_without_its_ontology_the_syntax_is_still_checked(lint: Lint, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(MISSPELT)
    (tmp_path / "b.py").write_text(MISSPELT.replace(">", "=>"))
    ended = lint(".", "--ontology", "gone.json")
    assert ended.code == 1
    assert [line for line in ended.out.splitlines() if "error" in line] == [
        "b.py:2:47: error[KQ105]: `=>` is not an operator"
    ]
    assert ended.err.count("gone.json: the ontology cannot be read") == 1
    assert lint("a.py", "--ontology", "gone.json").code == 3


def test_bad_usage_is_refused(lint: Lint) -> None:
    assert lint().code == lint(".", "--format", "xml").code == lint(".", "--input-type", "IMAGE").code == 2


def test_half_a_surrogate_pair_can_be_shown(lint: Lint, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("f(category_search='A\\ud800.B.count > 1')")
    ended = lint("a.py")
    assert ended.code == 1
    assert "\\ud800" in ended.out


# -- other formats -----------------------------------------------------------------------------------------------------


def test_json_tells_everything(lint: Lint, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(MISSPELT)
    (tmp_path / "b.py").write_text("f(category_search=")
    told = json.loads(lint(".", "--format", "json").out)
    (finding,) = told["findings"]
    assert finding == {
        "file": "a.py", "line": 2, "column": 36, "end_line": 2, "end_column": 40, "code": "KQ202", "severity": "error",
        "message": "job `BOATS` has no category `FERY`", "hint": "did you mean `FERRY`?", "span": {"start": 41, "end": 45},
        "edits": [{"span": {"start": 41, "end": 45}, "text": "FERRY"}], "query": "BOATS.FERY.count > 1", "context": "category_search",
    }  # fmt: skip
    assert MISSPELT[41:45] == "FERY"
    assert [problem["file"] for problem in told["problems"]] == ["b.py"]
    assert told["summary"] == {"files": 2, "queries": 1, "findings": 1, "fixed": 0, "not_checked": 0}


def test_github_annotations_are_escaped(lint: Lint, tmp_path: Path) -> None:
    (tmp_path / "a,b:c%.py").write_text(MISSPELT)
    assert lint(".", "--format", "github").out == (
        "::error file=a%2Cb%3Ac%25.py,line=2,endLine=2,col=36,endColumn=40,title=KQ202"
        "::job `BOATS` has no category `FERY`%0Ahint: did you mean `FERRY`?\n"
    )


def test_sarif_obeys_the_rules_of_its_schema(lint: Lint, tmp_path: Path) -> None:
    (tmp_path / "a b.py").write_text(MISSPELT)
    (tmp_path / "c.kq").write_text("A.B.count > 2 AND A.B.count > 1")
    (tmp_path / "d.py").write_text("f(category_search=")
    log = json.loads(lint(".", "--format", "sarif").out)
    assert set(log) == {"$schema", "version", "runs"}
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(CODES)
    assert all(rule["defaultConfiguration"]["level"] in ("none", "note", "warning", "error") for rule in rules)
    assert all((Path(__file__).parents[2] / rule["help"]["text"]).is_file() for rule in rules)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("none", "note", "warning", "error")
        assert result["message"]["text"]
        (location,) = result["locations"]
        region = location["physicalLocation"]["region"]
        assert all(isinstance(value, int) and value >= 1 for value in region.values())
        assert (region["startLine"], region["startColumn"]) <= (region["endLine"], region["endColumn"])
        for fix in result.get("fixes", []):
            for change in fix["artifactChanges"]:
                assert change["artifactLocation"] == location["physicalLocation"]["artifactLocation"]
                assert all(part["deletedRegion"]["charOffset"] >= 0 for part in change["replacements"])
    found = {
        (result["ruleId"], result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])
        for result in run["results"]
    }
    assert found == {("KQ202", "a%20b.py"), ("KQ201", "c.kq"), ("KQ304", "c.kq")}
    (invocation,) = run["invocations"]
    (notification,) = invocation["toolExecutionNotifications"]
    assert notification["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "d.py"
    assert invocation["executionSuccessful"] is True


# -- repairs -----------------------------------------------------------------------------------------------------------


def test_fix_repairs_the_query_and_keeps_all_else(lint: Lint, tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_bytes(SLOPPY.encode())
    file.chmod(0o640)
    ended = lint(".", "--fix")
    assert file.read_bytes().decode() == SLOPPY.replace("= 1", "== 1").replace("and", "AND").replace("=>", ">=")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.py", "kili-ontology.json"]
    assert ended.err == "1 file, 1 query, 1 finding, 3 fixed\n"
    assert "warning[KQ302]" in ended.out


@pytest.mark.parametrize(
    "text",
    [
        MISSPELT,
        "f(category_search='BOATS.FERRY.count > 1 BOATS.FERRY.count > 2')",
        "f(category_search='BOATS.FERRY.count > 1, BOATS.FERRY.count < 5')",
        "f(category_search='(BOATS.FERRY.count > 1')",
        "f(category_search='BOATS.FERRY.count =' '> 1')",
    ],
)
def test_fix_makes_no_guess(lint: Lint, tmp_path: Path, text: str) -> None:
    (tmp_path / "a.py").write_text(text)
    before = (tmp_path / "a.py").stat()
    assert lint(".", "--fix").code == 1
    assert (tmp_path / "a.py").read_text() == text
    assert (tmp_path / "a.py").stat().st_ino == before.st_ino


def test_fix_keeps_encoding_and_byte_order_mark(lint: Lint, tmp_path: Path) -> None:
    for name, data in (
        ("latin.py", b"# coding: latin-1\nf('\xe9', category_search='BOATS.FERRY.count = 1')"),
        ("mark.py", b"\xef\xbb\xbff('\xc3\xa9', category_search='BOATS.FERRY.count = 1')"),
        ("mark.kq", b"\xef\xbb\xbfBOATS.FERRY.count = 1 # \xc3\xa9\r\n"),
    ):
        (tmp_path / name).write_bytes(data)
        assert lint(name, "--fix").code == 0
        assert (tmp_path / name).read_bytes() == data.replace(b"= 1", b"== 1")


def test_fix_in_a_notebook_changes_only_those_bytes(lint: Lint, tmp_path: Path) -> None:
    cell = ["%matplotlib inline\n", 'f(category_search="""BOATS.FERRY.count\n', '= 1""", x=\'é\u2028\')']
    for ascii, indent in ((True, 1), (False, 4), (False, None)):
        text = json.dumps(
            {"nbformat": 4, "cells": [{"source": cell, "cell_type": "code"}]}, ensure_ascii=ascii, indent=indent
        )
        (tmp_path / "a.ipynb").write_text(text)
        assert lint(".", "--fix").code == 0
        assert (tmp_path / "a.ipynb").read_text() == text.replace("= 1", "== 1")


def test_a_constant_is_not_fixed_for_one_of_its_projects(lint: Lint, tmp_path: Path) -> None:
    other: dict[str, Any] = json.loads(json.dumps(ONTOLOGY).replace("FERRY", "ferry"))
    (tmp_path / "other.json").write_text(json.dumps(other))
    rows = '[[tool.kili-query.ontologies]]\nproject = "{}"\nontology = "{}.json"\n'
    (tmp_path / "pyproject.toml").write_text(rows.format("p", "kili-ontology") + rows.format("q", "other"))
    text = "Q = 'BOATS.ferry.count > 1'\nf('p', category_search=Q)\nf('q', category_search=Q)\n"
    (tmp_path / "a.py").write_text(text)
    ended = lint(".", "--fix")
    assert ended.out.startswith("a.py:1:12: error[KQ206]")
    assert (tmp_path / "a.py").read_text() == text
    assert ended.err == "1 file, 1 query, 1 finding\n"


def test_a_link_stays_a_link(lint: Lint, tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("f(category_search='BOATS.FERRY.count = 1')")
    (tmp_path / "a.py").symlink_to("real.txt")
    assert lint(".", "--fix").code == 0
    assert (tmp_path / "a.py").is_symlink()
    assert "== 1" in (tmp_path / "real.txt").read_text()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_read_only_file_is_not_replaced(lint: Lint, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("f(category_search='BOATS.FERRY.count = 1')")
    (tmp_path / "a.py").chmod(0o444)
    ended = lint("a.py", "--fix")
    assert ended.code == 1
    assert ended.err.startswith("problem[KQ503]: a.py: cannot be written: it is read-only\n")
    assert "= 1" in (tmp_path / "a.py").read_text()


# -- many files --------------------------------------------------------------------------------------------------------


def test_several_processes_tell_the_same_in_the_same_order(lint_process: Lint, tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"{number}.py").write_text(MISSPELT.replace("> 1", f"> {number}"))
    (tmp_path / "7.py").write_text("f(category_search=")
    (tmp_path / "kili-ontology.json").write_text("{")  # each process reads it
    one = lint_process(".", "gone.py", "--workers", 1)
    assert one.err.count("kili-ontology.json: ") == 1
    assert lint_process(".", "gone.py", "--workers", 3) == one
    (tmp_path / "kili-ontology.json").write_text(json.dumps(ONTOLOGY))
    one = lint_process(".", "gone.py", "--workers", 1, "--format", "json")
    assert one.out.count("KQ202") == 39
    assert lint_process(".", "gone.py", "--workers", 3, "--format", "json") == one


def test_other_processes_take_over_when_there_is_much_to_parse(lint_process: Lint, tmp_path: Path) -> None:
    for number in range(100):
        (tmp_path / f"{number:03}.py").write_text(SLOPPY + "# much\n" * 3000)
    assert lint_process(".", "--fix", "--quiet").out.count("KQ302") == 100
    assert lint_process(".").err == "100 files, 100 queries, 100 findings\n"
    text = SLOPPY.replace("= 1", "== 1").replace("and", "AND").replace("=>", ">=")
    assert all((tmp_path / f"{number:03}.py").read_bytes().decode().startswith(text) for number in range(100))
