"""Notebooks: the magic checks and runs queries, and what it shows is safe against markup in names."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from kili_query import AsyncKili, Diagnostic, Label, Ontology, Query, Span, check, count, parse, read_labels
from kili_query.editor.notebooks.display import Findings, Table, list_to_html
from kili_query.editor.notebooks.jupyter import load_ipython_extension, unload_ipython_extension
from kili_query.lang.assist.html import MAX_SHOWN, to_html
from tests.conftest import ROOT

EXPORT = str(ROOT / "tests" / "data" / "coco.zip")
INTERFACE = str(ROOT / "tests" / "data" / "coco.interface.json")
PEOPLE = "OBJECT_DETECTION_JOB.person.count > 0"


class _Seen(HTMLParser):
    """What a browser would see: tags, and the text between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


NASTY = ["<script>alert(1)</script>", "a & b", "'\" onclick='x'", "</pre><b>", "<!--", "&lt;", "é𝐱", "a\\b"]

# -- what is shown ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("job", NASTY)
@pytest.mark.parametrize("category", NASTY)
def test_the_html_of_a_query_is_its_text_whatever_the_names(job: str, category: str) -> None:
    query = (count(job, category) > 2) & ~count("A", "B").in_([1, 2])
    seen = _Seen(query._repr_html_())
    assert seen.text.split() == str(query).split()
    assert seen.tags == {"pre", "span"}
    assert seen.attributes == {"class", "style"}


def test_each_word_of_a_query_has_the_class_of_its_role() -> None:
    html = parse("A.B.count >= 2 AND NOT C.D.count IN 1..3")._repr_html_()
    for role, word in [("job", "A"), ("category", "B"), ("operator", "&gt;="), ("number", "2"), ("keyword", "NOT")]:
        assert f'class="kq-{role}" style="color: var(--jp-' in html
        assert f">{word}</span>" in html


def test_a_name_from_right_to_left_moves_nothing_but_itself() -> None:
    html = (count("\u202eA", "שלום") > 2)._repr_html_()
    assert re.findall("<bdi>.*?</bdi>", html) == ["<bdi>&quot;\u202eA&quot;</bdi>", "<bdi>&quot;שלום&quot;</bdi>"]
    assert "bdi" not in (count("é𝐱", "日本") > 2)._repr_html_()


def test_a_long_query_is_broken_over_lines_and_a_huge_one_is_cut() -> None:
    query = parse(" OR ".join(f"JOB_{i}.CATEGORY.count > {i}" for i in range(10)))
    assert _Seen(query._repr_html_()).text.count("\n") == 9
    huge = _Seen(to_html("A" * (MAX_SHOWN + 5)))
    assert huge.text.endswith("… and 5 more characters")


@pytest.mark.parametrize("name", NASTY)
def test_the_html_of_findings_is_their_text_whatever_the_names(name: str) -> None:
    ontology = Ontology.from_json_interface(
        {"jobs": {name: {"mlTask": "OBJECT_DETECTION", "content": {"categories": {name + "s": {"name": name}}}}}}
    )
    text = str(count(name, name) > 2)
    findings = Findings(text, check(text, ontology))
    seen = _Seen(findings._repr_html_())
    assert findings.diagnostics
    assert seen.text == repr(findings)
    assert "^" in seen.text
    assert seen.tags == {"pre", "span"}
    assert seen.attributes == {"class", "style"}


def test_findings_without_any_say_so() -> None:
    assert repr(Findings(PEOPLE, [])) == "nothing found"
    assert _Seen(Findings(PEOPLE, [])._repr_html_()).text == "nothing found"


def test_only_lists_of_diagnostics_have_html() -> None:
    diagnostic = Diagnostic("KQ201", "there is no job `<b>`", Span(0, 3), hint="the jobs are `A & B`")
    html = list_to_html([diagnostic, diagnostic])
    assert html is not None
    assert _Seen(html).text.count("there is no job `<b>`") == 2
    assert [list_to_html(values) for values in ([], [1], [diagnostic, 1])] == [None, None, None]


def test_a_table_is_text_and_html_whatever_its_cells() -> None:
    table = Table([{"a": "<b>&", "b": {"x": "y" * 90}}, {"a": None, "b": 1}], ["a", "b"])
    seen = _Seen(table._repr_html_())
    assert seen.tags == {"table", "thead", "tbody", "tr", "th", "td"}
    assert "<b>&" in seen.text
    assert [line.split() for line in repr(table).splitlines()] == [
        ["a", "b"], ["<b>&", '{"x":', '"' + "y" * 42 + "…"], ["1"]
    ]  # fmt: skip


# -- the magic --------------------------------------------------------------------------------------------------------


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """IPython's shell, of which a process has one, with the extension loaded anew."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    interactiveshell = pytest.importorskip("IPython.core.interactiveshell", reason="needs the extra `jupyter`")
    config = pytest.importorskip("traitlets.config").Config()
    config.HistoryManager.enabled = False
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # the shell puts its own there
    shell = interactiveshell.InteractiveShell.instance(config=config)
    load_ipython_extension(shell)
    yield shell
    unload_ipython_extension(shell)
    shell.reset()


def _stopped(shell: Any, cell: str) -> str:
    """The message with which the cell stops, without a traceback."""
    error = shell.run_cell(cell).error_in_exec
    assert error is not None
    (line,) = error._render_traceback_()
    return str(line)


def test_a_cell_gives_the_labels_that_match_as_a_table(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    table = shell.run_cell(f"%%kili_query --source {EXPORT} --ontology {INTERFACE}\n{PEOPLE}\n").result
    assert list(table["asset"]) == ["coco_1.jpg", "coco_3.jpg"]
    assert list(table.columns[3:]) == ["OBJECT_DETECTION_JOB.person", "jsonResponse"]
    assert "2 of 3 labels match\n" in capsys.readouterr().out
    query = parse(PEOPLE)
    assert all(query.matches(response) for response in table["jsonResponse"])
    counts = [len([a for a in r["OBJECT_DETECTION_JOB"]["annotations"] if a["categories"][0]["name"] == "person"])
              for r in table["jsonResponse"]]  # fmt: skip
    assert list(table["OBJECT_DETECTION_JOB.person"]) == counts


def test_the_table_is_cut_at_the_limit_and_the_total_told(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    table = shell.run_cell(f"%kili_query --source {EXPORT} --limit 1 {PEOPLE}").result
    assert len(table) == 1
    assert "2 of 3 labels match; the first 1 shown" in capsys.readouterr().out
    assert len(shell.run_cell(f"%kili_query --source {EXPORT} --limit 1 --all {PEOPLE}").result) == 2


def test_a_table_of_nothing_has_its_columns(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    table = shell.run_cell(f"%kili_query --source {EXPORT} OBJECT_DETECTION_JOB.zebra.count > 99").result
    assert len(table) == 0
    assert list(table.columns) == ["asset", "name", "type", "OBJECT_DETECTION_JOB.zebra", "jsonResponse"]
    assert "0 of 3 labels match\n" in capsys.readouterr().out


def test_a_table_goes_into_a_variable(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    done = shell.run_cell(f"%%kili_query --source {EXPORT} --into people\n{PEOPLE}")
    assert done.result is None
    assert len(shell.user_ns["people"]) == 2
    assert "coco_3.jpg" in capsys.readouterr().out


def test_without_pandas_the_table_is_a_small_one(
    shell: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    table = shell.run_cell(f"%kili_query --source {EXPORT} {PEOPLE}").result
    assert isinstance(table, Table)
    assert [row["asset"] for row in table.rows] == ["coco_1.jpg", "coco_3.jpg"]
    assert "coco_3.jpg" in capsys.readouterr().out


def test_labels_in_memory_are_a_source(shell: Any) -> None:
    labels = list(read_labels(EXPORT))
    shell.user_ns |= {"labels": labels, "objects": [label.record for label in labels]}
    for name in ("labels", "objects", "frame"):
        table = shell.run_cell(f"%kili_query --source {name} {PEOPLE}").result
        assert len(table) == 2
        shell.user_ns["frame"] = table  # the result is a source in turn


def test_options_that_are_kept_belong_to_their_source(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    shell.user_ns["labels"] = [
        {"externalId": "x", "labels": [{"jsonResponse": {"J": {"categories": [{"name": "A"}]}}}]}
    ]
    shell.run_cell(f"%kili_query --source {EXPORT} --ontology {INTERFACE} --limit 1")
    shell.run_cell("%kili_query --into kept")
    assert shell.run_cell(f"%kili_query {PEOPLE}").result is None
    assert len(shell.user_ns["kept"]) == 1
    other = shell.run_cell("%kili_query --source labels J.A.count > 0").result
    assert list(other["asset"]) == ["x"], "no ontology of the export, and not into its variable"
    assert list(shell.user_ns["kept"]["asset"]) == ["coco_1.jpg"]
    assert "KQ201" in shown(shell, capsys, "J.A.count > 0"), "the export is still there"
    shell.run_cell("%kili_query --source labels")
    assert list(shell.run_cell("%kili_query J.A.count > 0").result["asset"]) == ["x"]
    assert len(shell.run_cell(f"%kili_query --source {EXPORT} {PEOPLE}").result) == 1, "--limit is about no source"


def shown(shell: Any, capsys: pytest.CaptureFixture[str], query: str) -> str:
    capsys.readouterr()
    shell.run_cell(f"%kili_query {query}")
    told = capsys.readouterr()
    return told.out + told.err


def test_what_is_no_label_is_told_and_the_rest_answered(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    broken = Label("{", external_id="broken.jpg")
    shell.user_ns["labels"] = [1, {"x": 2}, broken, *read_labels(EXPORT)]
    assert len(shell.run_cell(f"%kili_query --source labels {PEOPLE}").result) == 2
    told = "2 of 6 labels match; 3 could not be read, the first: [0]: neither a label nor the object of one, but int"
    assert told in capsys.readouterr().out


class _Client:
    """The reading half of a client that keeps its labels in memory."""

    def __init__(self, labels: list[Label]) -> None:
        self._labels = labels
        self.asked: list[dict[str, object]] = []

    def _found(self, project_id: str, category_search: str) -> list[Label]:
        assert project_id == "p1"
        return [label for label in self._labels if parse(category_search).matches_label(label)]

    def count_labels(self, project_id: str, category_search: str) -> int:
        return len(self._found(project_id, category_search))

    def labels(
        self, project_id: str, category_search: str, fields: list[str], first: int | None = None
    ) -> list[dict[str, object]]:
        self.asked.append({"category_search": category_search, "first": first})
        return [
            {"id": f"l{i}", "labelType": "DEFAULT", "jsonResponse": label.response, "labelOf": {"externalId": label.external_id}}
            for i, label in enumerate(self._found(project_id, category_search)[:first])
        ]  # fmt: skip


def test_a_client_is_asked_for_no_more_than_is_shown(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    client = shell.user_ns["client"] = _Client(list(read_labels(EXPORT)))
    text = "NOT OBJECT_DETECTION_JOB.person.count == 0"
    table = shell.run_cell(f"%kili_query --source client --project p1 --limit 1 {text}").result
    assert client.asked == [{"category_search": parse(text).to_server(), "first": 1}]
    assert list(table["asset"]) == ["coco_1.jpg"]
    assert list(table["name"]) == ["l0"]
    assert "2 labels match; the first 1 shown" in capsys.readouterr().out


def test_a_kili_is_asked_through_its_server(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sqlalchemy", reason="needs the extra `server`")
    from kili_query import Kili
    from kili_query.server import LocalKili

    with LocalKili(socket=False) as server:
        project = server.load(EXPORT, interface=INTERFACE, input_type="IMAGE")
        shell.user_ns["kili"] = Kili(server.api_key, server.endpoint, transport=server.transport)
        shell.run_cell(f"%kili_query --source kili --project {project} --limit 1")
        table = shell.run_cell("%kili_query NOT OBJECT_DETECTION_JOB.person.count == 0").result
        assert len(table) == 1
        assert "2 labels match; the first 1 shown" in capsys.readouterr().out
        whole = shell.run_cell(f"%kili_query --all {PEOPLE}").result
        local = shell.run_cell(f"%kili_query --source {EXPORT} {PEOPLE}").result
        assert len(local) == 1  # `--limit` holds on; `--project` does not, for an export has none
        assert sorted(whole["asset"]) == ["coco_1.jpg", "coco_3.jpg"]
        assert all(map(parse(PEOPLE).matches, whole["jsonResponse"]))


def test_a_query_is_checked_against_the_ontology_of_the_client_and_what_is_found_is_shown_once(
    shell: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("sqlalchemy", reason="needs the extra `server`")
    from kili_query import Kili
    from kili_query.server import LocalKili

    with LocalKili(socket=False) as server:
        project = server.load(EXPORT, interface=INTERFACE, input_type="IMAGE")
        shell.user_ns["kili"] = Kili(server.api_key, server.endpoint, transport=server.transport, disable_tqdm=True)
        shell.run_cell(f"%kili_query --source kili --project {project}")
        misspelt = "%kili_query OBJECT_DETECTION_JOB.persn.count > 0"
        assert _stopped(shell, misspelt) == "the query has an error, and was not run"
        shown = capsys.readouterr()
        assert shown.out.count("error[KQ202]") == 1
        assert "^^^^^\n" in shown.out
        assert len(shell.run_cell("%kili_query OBJECT_DETECTION_JOB.zebra.count >= 0").result) == 3
        shown = capsys.readouterr()
        assert shown.out.count("warning[KQ301]") == 1
        assert not shown.err
        quoted = '%kili_query OBJECT_DETECTION_JOB."traffic light".count > 0'
        assert _stopped(shell, quoted) == "the query was not run"
        assert "error[KQ401]" in capsys.readouterr().out


def test_ctrl_c_while_the_ontology_is_fetched_is_told_in_one_line(shell: Any) -> None:
    from kili_query import Kili

    class Slow(Kili):
        def ontology(self, project_id: str) -> Ontology | None:
            os.kill(os.getpid(), signal.SIGINT)
            return None

    shell.user_ns["kili"] = Slow("key", "http://localhost:9/")
    cell = f"%kili_query --source kili --project p {PEOPLE}"
    assert _stopped(shell, cell) == "interrupted before a label was read"


def test_an_ontology_beside_the_notebook_is_taken(
    shell: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "kili-ontology.json").write_text(Path(INTERFACE).read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for told in ("using kili-ontology.json\n", ""):  # it is said once, and again when it was another one
        assert _stopped(shell, "%kili_query A.B.count > 0") == "the query has an error, and was not run"
        assert capsys.readouterr().err == told
    assert str(shell.run_cell("%kili_query --no-ontology A.B.count > 0").result) == "A.B.count > 0"
    (tmp_path / "kili-ontology.json").write_text("{", encoding="utf-8")
    assert str(shell.run_cell("%kili_query A.B.count > 0").result) == "A.B.count > 0"
    assert "KQ502: " in capsys.readouterr().err


def test_options_without_a_query_hold_for_the_cells_that_follow(shell: Any) -> None:
    assert shell.run_cell(f"%kili_query --source {EXPORT} --limit 1").result is None
    assert len(shell.run_cell(f"%kili_query {PEOPLE}").result) == 1
    assert len(shell.run_cell(f"%%kili_query --all\n{PEOPLE}").result) == 2


def test_without_a_source_the_query_is_checked_and_given(shell: Any) -> None:
    query = shell.run_cell('%kili_query "school bus".B.count>0').result
    assert isinstance(query, Query)
    assert str(query) == '"school bus".B.count > 0'


def test_a_query_with_an_error_is_not_run(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    cell = f"%%kili_query --source {EXPORT} --ontology {INTERFACE} --into table\nOBJECT_DETECTION_JOB.persn.count > 0"
    assert _stopped(shell, cell) == "the query has an error, and was not run"
    assert "table" not in shell.user_ns
    shown = capsys.readouterr().out
    assert "error[KQ202]" in shown
    assert "                     ^^^^^\n" in shown
    assert "Traceback" not in shown


def test_a_warning_is_shown_and_the_query_run(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(shell.run_cell(f"%kili_query --source {EXPORT} OBJECT_DETECTION_JOB.zebra.count >= 0").result) == 3
    assert "warning[KQ301]" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("%kili_query", "there is neither a query nor an option; `%kili_query?` says what there is"),
        ("%kili_query --source nothing A.B.count > 0", "there is neither a variable nor a file `nothing`"),
        ("%kili_query --source no.zip A.B.count > 0", "error[KQ503]: no.zip: cannot be read: No such file or directory"),
        ("%kili_query --source number A.B.count > 0",
         "`number` is int; a source is a client, labels, or the name of an export"),
        ("%kili_query --source client A.B.count > 0",
         "`client` is a client; `--project ID` says which project to ask for"),
        ("%kili_query --source waiting --project p1 A.B.count > 0",
         "`waiting` answers asynchronously; a `Kili` in place of the `AsyncKili` would work"),
        ("%kili_query --source labels --project p1 A.B.count > 0",
         "`--project` goes with a client, and `labels` is none"),
        ("%kili_query --ontology number A.B.count > 0",
         "`--ontology number`: an ontology is an Ontology or a jsonInterface, and this is int"),
        ("%kili_query --ontology labels.json A.B.count > 0",
         "error[KQ503]: labels.json: the ontology cannot be read: No such file or directory"),
        ("%kili_query --limit -3 A.B.count > 0", "argument --limit: `-3` is no number of rows"),
        ("%kili_query --into a.b A.B.count > 0", "argument --into: `a.b` cannot be the name of a variable"),
        ("%kili_query --sorce x A.B.count > 0", "unrecognized arguments: --sorce x"),
        ("%%kili_query A.B.count > 0\nA.B.count > 1",
         "the query stands below the first line of the cell, and `A.B.count > 0` is no option"),
        ('%kili_query --source client --project p1 "é".B.count > 0', "the query was not run"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_in_one_line(shell: Any, cell: str, message: str) -> None:
    class Waiting:
        labels = AsyncKili.labels

    shell.user_ns |= {"number": 3, "client": _Client([]), "labels": [], "waiting": Waiting()}
    assert _stopped(shell, cell).startswith(message)


def test_ctrl_c_says_how_far_it_was(shell: Any) -> None:
    def labels() -> Iterator[Label]:
        yield from read_labels(EXPORT)
        os.kill(os.getpid(), signal.SIGINT)
        yield from read_labels(EXPORT)

    shell.user_ns["labels"] = labels()
    assert _stopped(shell, f"%kili_query --source labels {PEOPLE}") == "interrupted: 2 of 3 labels match"


def test_a_long_run_shows_how_far_it_is_and_takes_that_back(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    capture_output = pytest.importorskip("IPython.utils.capture").capture_output
    from kili_query.editor.notebooks import jupyter

    monkeypatch.setattr(jupyter._Progress, "AFTER", 0)
    monkeypatch.setattr(jupyter._Progress, "EVERY", 0)
    monkeypatch.setattr(shell, "kernel", object(), raising=False)  # as in a notebook
    shell.user_ns["labels"] = list(read_labels(EXPORT)) * 800
    with capture_output() as captured:
        table = shell.run_cell(f"%kili_query --source labels {PEOPLE}").result
    told = [output.data["text/plain"] for output in captured.outputs if "text/html" in output.data]
    assert told[:3] == ["1,000 labels read, 667 match …", "2,000 labels read, 1,333 match …", ""]
    assert len(table) == 20
    assert "1,600 of 2,400 labels match; the first 20 shown" in captured.stdout


def test_the_extension_is_loaded_and_unloaded_by_the_name_of_the_package(shell: Any) -> None:
    unload_ipython_extension(shell)
    shell.run_line_magic("load_ext", "kili_query")
    assert str(shell.run_cell("%kili_query A.B.count>0").result) == "A.B.count > 0"
    shell.run_line_magic("unload_ext", "kili_query")
    assert "kili_query" not in shell.magics_manager.magics["cell"] | shell.magics_manager.magics["line"]
    assert list not in shell.display_formatter.formatters["text/html"].type_printers


# -- a real notebook --------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("default")  # of the packages that run the kernel
def test_a_notebook_runs_from_its_first_cell_to_its_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ipykernel", reason="needs a kernel")
    nbclient = pytest.importorskip("nbclient", reason="needs nbclient")
    nbformat = pytest.importorskip("nbformat", reason="needs nbformat")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    interrupted = (
        "import os, signal\n"
        "def endless():\n"
        f"    yield from kili_query.read_labels({EXPORT!r})\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "labels = endless()"
    )
    cells = [
        "import kili_query\n%load_ext kili_query",
        f"%kili_query --source {EXPORT} --ontology {INTERFACE}",
        f"%%kili_query --limit 1\n{PEOPLE}",
        "len(_)",
        "%%kili_query\nOBJECT_DETECTION_JOB.persn.count > 0",
        "kili_query.check('A.B.count > 1 AND A.B.count > 2')",
        "kili_query.parse('\"<b>\".C.count > 1')",
        interrupted,
        f"%kili_query --source labels {PEOPLE}",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3", allow_errors=True)
    asyncio.run(client.async_execute())
    outputs = [cell["outputs"] for cell in notebook["cells"]]
    assert outputs[0] == outputs[1] == outputs[7] == []
    assert outputs[2][0]["text"] == "2 of 3 labels match; the first 1 shown\n"
    assert "coco_1.jpg" in outputs[2][1]["data"]["text/html"]
    assert outputs[3][0]["data"]["text/plain"] == "1"
    assert 'class="kili-query kq-error"' in outputs[4][0]["data"]["text/html"]
    assert "                     ^^^^^" in outputs[4][0]["data"]["text/plain"]
    assert outputs[4][1]["traceback"] == ["the query has an error, and was not run"]
    assert "KQ304" in outputs[5][0]["data"]["text/html"]
    assert "&lt;b&gt;" in outputs[6][0]["data"]["text/html"]
    assert outputs[8][0]["traceback"] == ["interrupted: 2 of 3 labels match"]
    json.dumps(notebook)


# -- the page about notebooks -----------------------------------------------------------------------------------------

PAGE = ROOT / "docs" / "notebooks.md"
_CELLS = re.compile(r"```ipython\n(.*?)```\n(?:\n```text\n(.*?)```\n)?", re.DOTALL)


def _replayed(shell: Any, capsys: pytest.CaptureFixture[str]) -> str:
    """The page, with what its cells really print behind them."""

    def replay(block: re.Match[str]) -> str:
        capsys.readouterr()
        shell.run_cell(block[1])
        printed = "\n".join(line.rstrip() for line in capsys.readouterr().out.splitlines())
        printed = re.sub(r"^Out\[\d+\]: ?\n?", "", printed, flags=re.MULTILINE).strip("\n")
        return f"```ipython\n{block[1]}```\n" + (f"\n```text\n{printed}\n```\n" if printed else "")

    return _CELLS.sub(replay, PAGE.read_text(encoding="utf-8"))


def test_the_cells_of_the_page_print_what_it_says(
    shell: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pandas", reason="the page shows tables of pandas")
    monkeypatch.chdir(ROOT)
    replayed = _replayed(shell, capsys)
    if os.environ.get("KILI_QUERY_REPLAY"):
        PAGE.write_text(replayed, encoding="utf-8")
    assert replayed == PAGE.read_text(encoding="utf-8")
    assert replayed.count("```ipython") == len(_CELLS.findall(replayed)) == 9


def test_matches_are_shown_as_pictures(shell: Any) -> None:
    pytest.importorskip("matplotlib", reason="pictures need the extra `pictures`")
    sheet = shell.run_cell_magic("kili_query", f"--source {EXPORT} --preview", PEOPLE)
    assert [card.name for card in sheet.cards] == ["coco_1.jpg", "coco_3.jpg"]
    assert sheet._repr_html_().count("<figure") == 2
    shell.user_ns["labels"] = list(read_labels(EXPORT))
    assert len(shell.run_cell_magic("kili_query", "--source labels --preview --limit 1", PEOPLE).cards) == 1
    formatted, _ = shell.display_formatter.format(shell.user_ns["labels"])
    assert formatted["text/html"].count("<figure") == 3
    formatted, _ = shell.display_formatter.format(shell.user_ns["labels"][0])
    assert formatted["text/html"].count("<figure") == 1
