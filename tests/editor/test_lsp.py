"""The language server, driven over its own pipes by the client of pytest-lsp: what an editor sees."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

types = pytest.importorskip("lsprotocol.types", reason="the language server needs the extra `editor`")
pytest_asyncio = pytest.importorskip("pytest_asyncio", reason="these tests need the extra `test`")
make_test_lsp_client = pytest.importorskip(
    "pytest_lsp", reason="these tests need the extra `test`"
).make_test_lsp_client

from tests.conftest import ROOT, SPEC  # noqa: E402
from tests.editor.lsp_editor import COMMAND, ENCODINGS, FAREWELL, HELLO, Editor, converse, own_server, until  # noqa: E402

CARET = "‸"
in_loop = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["utf-16"])  # type: ignore[untyped-decorator]
async def session(request: pytest.FixtureRequest) -> AsyncIterator[Editor]:
    """One server for all tests of an encoding: to start one takes longer than most of them."""
    async with own_server(request.param, process=True) as editor:
        yield editor


@pytest.fixture
def editor(session: Editor) -> Iterator[Editor]:
    """A server that other tests use too; the documents of each are its own."""
    session.close_all()
    yield session
    session.close_all()


def marked(text: str) -> tuple[str, int]:
    return text.replace(CARET, ""), text.index(CARET)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose queries are checked against the ontology of the specification."""
    shutil.copy(SPEC / "ontology.json", tmp_path / "kili-ontology.json")
    return tmp_path


# -- positions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("session", ENCODINGS, indirect=True)
@in_loop
async def test_what_is_said_stands_at_the_right_place_in_each_encoding(editor: Editor, folder: Path) -> None:
    text = 'x = "𝔘🚢é"; kili.labels("p🚢", category_search="OBJECTS.CARR.count > 1")  # 🚢\n'
    assert editor.capabilities.position_encoding == editor.encoding
    uri = editor.open(folder / "a.py", text)
    assert await editor.codes(uri) == ["KQ202"]
    assert editor.part(uri, editor.diagnostics[uri][0].range) == "CARR"
    car = next(i for i in await editor.completions(uri, text.index("CARR") + 3) if i.label == "CAR")
    assert editor.applied(uri, [car.text_edit]) == text.replace("CARR", "CAR")
    end = text.index("CARR") + 4
    editor.type(uri, end - 1, end, "")
    assert await editor.codes(uri, lambda codes: not codes) == []
    assert "Motor car" in await editor.hover(uri, text.index("CARR") + 1)


@in_loop
async def test_form_feeds_and_other_rare_line_ends_are_no_lines_of_an_editor(editor: Editor, folder: Path) -> None:
    text = 'a = "\x0c\x0b\u2028\x85"\nkili.labels(category_search="OBJECTS.CAR.count > 1")\n'
    uri = editor.open(folder / "a.py", text)
    at = text.index("CAR.")
    editor.type(uri, at, at + 3, "BUSS")
    assert await editor.codes(uri) == ["KQ202"]
    assert editor.part(uri, editor.diagnostics[uri][0].range) == "BUSS"


# -- typing ------------------------------------------------------------------------------------------------------------


@in_loop
async def test_a_query_is_completed_while_nothing_around_it_parses(editor: Editor, folder: Path) -> None:
    text, at = marked(f'import kili\nfor x in kili.labels(category_search="OBJECTS.{CARET}')
    uri = editor.open(folder / "a.py", text)
    assert [i.label for i in await editor.completions(uri, at)] == [
        "CAR",
        "TRUCK",
        "traffic light",
        "BUS",
        "COACH",
        "*",
    ]
    assert await editor.codes(uri) == ["KQ102"]
    end = at
    for letter in "TRUCK.count > ":
        editor.type(uri, end, end, letter)
        end += 1
    assert (await editor.completions(uri, end))[0].label == "0"
    editor.type(uri, end, end, '2"):')
    assert await editor.codes(uri, lambda codes: not codes) == []


@in_loop
async def test_names_that_need_quotes_are_escaped_as_the_literal_around_them_wants(
    editor: Editor, folder: Path
) -> None:
    text, at = marked(f'kili.labels(category_search="OBJECTS.traf{CARET}.count > 1")\n')
    uri = editor.open(folder / "a.py", text)
    item = (await editor.completions(uri, at))[0]
    assert item.label == "traffic light"
    done = editor.applied(uri, [item.text_edit])
    assert done == 'kili.labels(category_search="OBJECTS.\\"traffic light\\".count > 1")\n'


@in_loop
async def test_typing_inside_a_query_agrees_with_reading_the_document_anew(editor: Editor, folder: Path) -> None:
    text = (
        'kili.labels(category_search="OBJECTS.CAR.count > 1")\n'
        "kili.labels(category_search='''WEATHER.SUN.count > 0\n  AND OBJECTS.\"traffic light\".count > 1''')\n"
        'kili.labels(category_search="OBJECTS." "BUSS.count > 1")\n'
    )
    edits = [("CAR", "BUS"), ("SUN", "FOG"), ("FOG", "SNOW"), ("BUS.", "C'AR."), ("C'AR.", 'C"AR.'), ('C"AR.', "CAR.")]
    uri = editor.open(folder / "a.py", text)
    for number, (old, new) in enumerate(edits):
        at = editor.texts[uri].index(old)
        editor.type(uri, at, at + len(old), new)
        fresh = editor.open(folder / f"fresh{number}.py", editor.texts[uri])
        document = types.TextDocumentIdentifier(uri)
        other = types.TextDocumentIdentifier(fresh)
        ask, tokens = editor.client.text_document_document_symbol_async, types.SemanticTokensParams
        assert await ask(types.DocumentSymbolParams(document)) == await ask(types.DocumentSymbolParams(other))
        ask = editor.client.text_document_semantic_tokens_full_async
        assert await ask(tokens(document)) == await ask(tokens(other))


@in_loop
async def test_diagnostics_can_be_asked_for_and_taken_back(folder: Path) -> None:
    pulls = types.TextDocumentClientCapabilities(diagnostic=types.DiagnosticClientCapabilities())
    async with own_server(text_document=pulls) as editor:
        uri = editor.open(folder / "a.kq", "OBJECTS.CAR.count = 1", "kili-query")
        params = types.DocumentDiagnosticParams(types.TextDocumentIdentifier(uri))
        asking = editor.client.protocol.send_request_async(types.TEXT_DOCUMENT_DIAGNOSTIC, params, msg_id="stale")
        ask = asyncio.create_task(asking)
        await asyncio.sleep(0)  # it is sent now
        editor.client.cancel_request(types.CancelParams("stale"))
        with pytest.raises(Exception, match="cancel"):
            await ask
        report = await editor.client.text_document_diagnostic_async(params)
        assert [item.code for item in report.items] == ["KQ105"]
        assert editor.diagnostics == {}


# -- what is said ------------------------------------------------------------------------------------------------------


@in_loop
async def test_hover_tells_names_parents_and_meaning(editor: Editor, folder: Path) -> None:
    text = 'kili.labels(category_search="TONE.HARSH.count > 5 AND NOT OBJECTS.CAR.count == 1")\n'
    uri = editor.open(folder / "a.py", text)
    nested = await editor.hover(uri, text.index("HARSH"))
    assert "`KIND`.`BILL`" in nested
    assert "**never true**" in nested
    assert "has exactly 1 of `CAR` (Motor car)" in await editor.hover(uri, text.index("=="))
    assert "not: job" in await editor.hover(uri, text.index("NOT"))
    assert await editor.hover(uri, 3) == ""


@in_loop
async def test_tokens_symbols_and_hints_of_a_query_in_two_literals(editor: Editor, folder: Path) -> None:
    text = 'q = "🚢"\nkili.labels(category_search="OBJECTS.CA" "R.count > 1")\n'
    uri = editor.open(folder / "a.py", text)
    document = types.TextDocumentIdentifier(uri)
    data = (await editor.client.text_document_semantic_tokens_full_async(types.SemanticTokensParams(document))).data
    legend = editor.capabilities.semantic_tokens_provider.legend.token_types
    line = column = 0
    found = []
    for delta_line, delta, length, role, _ in zip(*[iter(data)] * 5, strict=True):
        line, column = line + delta_line, delta if delta_line else column + delta
        place = types.Range(types.Position(line, column), types.Position(line, column + length))
        found.append((editor.part(uri, place), legend[role]))
    assert [row for row in found if row[1] != "punctuation"] == [
        ("OBJECTS", "class"), ("CA", "enumMember"), ("R", "enumMember"), ("count", "property"),
        (">", "operator"), ("1", "number"),
    ]  # fmt: skip
    (outline,) = await editor.client.text_document_document_symbol_async(types.DocumentSymbolParams(document))
    assert [symbol.name for symbol in outline.children] == ["OBJECTS.CAR"]
    everything = editor.range(uri, 0, len(text))
    (hint,) = await editor.client.text_document_inlay_hint_async(types.InlayHintParams(document, everything))
    assert (hint.label, editor.offset(uri, hint.position)) == ("Motor car", text.index("R.count") + 1)


@in_loop
async def test_an_outline_names_a_query_file_without_its_comments(editor: Editor, folder: Path) -> None:
    uri = editor.open(folder / "a.kq", "# many cars\nOBJECTS.CAR.count > 5 # or so\n", "kili-query")
    params = types.DocumentSymbolParams(types.TextDocumentIdentifier(uri))
    (outline,) = await editor.client.text_document_document_symbol_async(params)
    assert outline.name == "OBJECTS.CAR.count > 5"


@in_loop
async def test_editors_that_sort_by_what_was_typed_still_tell_names_apart(editor: Editor, folder: Path) -> None:
    text, at = marked(f"OBJECTS.car{CARET}.count > 5")
    uri = editor.open(folder / "a.kq", text, "kili-query")
    items = await editor.completions(uri, at)
    assert items[0].label == "CAR"
    assert items[0].filter_text == "carCAR"


@in_loop
async def test_the_number_of_matching_labels_stands_above_a_query(editor: Editor, tmp_path: Path) -> None:
    """Two folders with an export each, and no ontology."""
    text = "OBJECT_DETECTION_JOB.person.count > 0"
    data = ROOT / "tests" / "data"
    for name, export in (("one", data / "coco.zip"), ("two", data / "gone.zip")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pyproject.toml").write_text(f"[tool.kili-query]\nexport = {json.dumps(str(export))}\n")
    counted = subprocess.run(
        [*COMMAND[:-1], "filter", str(data / "coco.zip"), text, "--labels", "--count"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    uris = [editor.open(tmp_path / name / "a.kq", text, "kili-query") for name in ("two", "one")]
    ask = editor.client.text_document_code_lens_async
    params = [types.CodeLensParams(types.TextDocumentIdentifier(uri)) for uri in uris]
    assert not any(await asyncio.gather(*map(ask, params)))
    await until(lambda: editor.refreshed == 2)
    (gone,), (lens,) = [await ask(one) for one in params]
    assert lens.command.title == f"{int(counted.stdout):,} of 3 labels match"
    assert lens.command.title in await editor.hover(uris[1], 1)
    assert "gone.zip: cannot be read" in gone.command.title
    document = types.VersionedTextDocumentIdentifier(2, uris[1])
    change = types.TextDocumentContentChangeWholeDocument("")
    editor.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))
    assert not await ask(params[1])


# -- edits -------------------------------------------------------------------------------------------------------------


@in_loop
async def test_each_quick_fix_repairs_what_it_says(editor: Editor, folder: Path) -> None:
    text = 'kili.labels(category_search="OBJECTS.CARR.count = 1 and TOPICS.SPORT.count > 0")\n'
    uri = editor.open(folder / "a.py", text)
    assert await editor.codes(uri) == ["KQ105"]
    actions = await editor.actions(uri, text.index("= 1"), text.index("= 1"))
    assert actions["replace `=` with `==`"].is_preferred
    everything = (await editor.actions(uri, 0, 0, ["source.fixAll"]))["repair all queries of the file"]
    fixed = editor.applied(uri, everything.edit.changes[uri])
    assert fixed == 'kili.labels(category_search="OBJECTS.CARR.count == 1 AND TOPICS.SPORT.count > 0")\n'
    # which name was meant is the user's to say
    assert await editor.codes(editor.open(folder / "b.py", fixed)) == ["KQ202"]


@in_loop
async def test_python_is_left_alone_by_formatting_and_a_query_file_is_not(editor: Editor, folder: Path) -> None:
    query = "( OBJECTS.CAR.count>01 )   # one\n AND TOPICS.SPORT.count>0"
    options = types.FormattingOptions(4, True)
    python = editor.open(folder / "a.py", 'kili.labels( category_search="(OBJECTS.CAR.count>01)" )\n')
    params = types.DocumentFormattingParams(types.TextDocumentIdentifier(python), options)
    assert not await editor.client.text_document_formatting_async(params)
    at = editor.texts[python].index("CAR")
    action = (await editor.actions(python, at, at))["format the query"]
    done = editor.applied(python, action.edit.changes[python])
    assert done == 'kili.labels( category_search="OBJECTS.CAR.count > 1" )\n'
    file = editor.open(folder / "a.kq", query, "kili-query")
    params = types.DocumentFormattingParams(types.TextDocumentIdentifier(file), options)
    edits = await editor.client.text_document_formatting_async(params)
    assert editor.applied(file, edits) == "# one\nOBJECTS.CAR.count > 1 AND TOPICS.SPORT.count > 0\n"


@in_loop
async def test_a_category_is_renamed_in_all_open_documents_of_its_ontology(editor: Editor, folder: Path) -> None:
    elsewhere = folder / "other"
    elsewhere.mkdir()
    (elsewhere / "kili-ontology.json").write_text('{"jobs": {"OBJECTS": {"content": {"categories": {"CAR": {}}}}}}')
    text = 'kili.labels(category_search="OBJECTS.CAR.count > 1 OR WEATHER.CAR.count > 0 OR OBJECTS.CAR.count == 0")\n'
    python = editor.open(folder / "a.py", text)
    query = editor.open(folder / "a.kq", 'OBJECTS."CAR".count > 5', "kili-query")
    editor.open(elsewhere / "b.kq", "OBJECTS.CAR.count > 5", "kili-query")
    done = await editor.rename(python, text.index("CAR"), "fast car")
    assert done == {
        python: text.replace("OBJECTS.CAR", 'OBJECTS.\\"fast car\\"'),
        query: 'OBJECTS."fast car".count > 5',
    }
    with pytest.raises(Exception, match="at least one character"):
        await editor.rename(python, text.index("CAR"), '""')


@in_loop
async def test_a_name_that_the_ontology_gave_up_is_renamed_everywhere_at_once(editor: Editor, folder: Path) -> None:
    first = editor.open(folder / "a.kq", "OBJECTS.TRUCKS.count > 5", "kili-query")
    second = editor.open(folder / "b.kq", "OBJECTS.TRUCKS.count > 6", "kili-query")
    action = (await editor.actions(first, 9, 9))["rename `TRUCKS` to `TRUCK` in all open files"]
    assert set(action.edit.changes) == {first, second}


# -- notebooks ---------------------------------------------------------------------------------------------------------


@in_loop
async def test_a_notebook_is_read_as_a_file_and_by_its_cells(folder: Path) -> None:
    code = 'kili.labels(category_search="OBJECTS.CARR.count > 1")\n'
    notebook = {"cells": [{"cell_type": "code", "metadata": {}, "source": ["%matplotlib inline\n", code], "outputs": [],
                           "execution_count": None}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}  # fmt: skip
    sync = types.NotebookDocumentClientCapabilities(types.NotebookDocumentSyncClientCapabilities())
    async with own_server(notebook_document=sync) as editor:
        file = editor.open(folder / "a.ipynb", json.dumps(notebook, indent=1), "json")
        assert await editor.codes(file) == ["KQ202"]
        assert editor.part(file, editor.diagnostics[file][0].range) == "CARR"
        cell = f"vscode-notebook-cell:{(folder / 'b.ipynb').as_posix()}#W0sZ"
        editor.texts[cell], editor.versions[cell] = code, 1
        book = types.NotebookDocument((folder / "b.ipynb").as_uri(), "jupyter-notebook", 1,
                                      [types.NotebookCell(types.NotebookCellKind.Code, cell)])  # fmt: skip
        editor.client.notebook_document_did_open(
            types.DidOpenNotebookDocumentParams(book, [types.TextDocumentItem(cell, "python", 1, code)])
        )
        assert await editor.codes(cell) == ["KQ202"]
        at = code.index("CARR")
        text = types.NotebookDocumentCellContentChanges(
            types.VersionedTextDocumentIdentifier(2, cell),
            [types.TextDocumentContentChangePartial(editor.range(cell, at, at + 4), "CAR")],
        )
        change = types.NotebookDocumentChangeEvent(cells=types.NotebookDocumentCellChanges(text_content=[text]))
        editor.client.notebook_document_did_change(
            types.DidChangeNotebookDocumentParams(
                types.VersionedNotebookDocumentIdentifier(2, (folder / "b.ipynb").as_uri()), change
            )
        )
        assert await editor.codes(cell, lambda codes: not codes) == []


# -- a rough world -----------------------------------------------------------------------------------------------------


@in_loop
async def test_an_ontology_that_changes_on_disk_is_picked_up(editor: Editor, folder: Path) -> None:
    file = folder / "kili-ontology.json"
    uri = editor.open(folder / "a.kq", "OBJECTS.VAN.count > 1", "kili-query")
    assert await editor.codes(uri) == ["KQ202"]
    good = file.read_text("utf-8")
    file.write_text(good.replace('"TRUCK":', '"VAN":'), "utf-8")
    assert await editor.codes(uri, lambda codes: not codes) == []
    file.write_text("{ broken", "utf-8")
    await until(lambda: [message for message in editor.told if "KQ502" in message])
    file.write_text(good, "utf-8")
    assert await editor.codes(uri) == ["KQ202"]
    assert len([message for message in editor.told if "KQ502" in message]) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"{ not json",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"jsonrpc": "2.0", "method": "textDocument/didChange", "params": {"nonsense": 1}}',
        b'{"jsonrpc": "2.0", "method": "textDocument/didOpen"}',
        b'{"jsonrpc": "2.0", "id": 77}',
        b'{"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": 4711}}',
        b"[" * 100_000,
    ],
    ids=lambda body: repr(body[:40]),
)
@in_loop
async def test_a_malformed_message_is_survived(editor: Editor, folder: Path, body: bytes) -> None:
    uri = editor.open(folder / "a.kq", "OBJECTS.CAR.count > 1", "kili-query")
    editor.client.protocol.writer.write(b"Nonsense\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert "Motor car" in await editor.hover(uri, 9)


def test_a_request_with_malformed_parameters_gets_an_error() -> None:
    malformed = {"id": 2, "method": "textDocument/hover", "params": {"position": "here"}}
    unknown = {"id": 3, "method": "textDocument/unheardOf", "params": {}}
    answers, _ = converse([*HELLO, malformed, unknown, *FAREWELL])
    assert answers[2]["error"]["message"] == "the parameters of textDocument/hover are malformed"
    assert answers[3]["error"]["code"] == -32601
    assert "error" not in answers["bye"]


def test_nothing_but_the_protocol_is_written_to_standard_output(folder: Path) -> None:
    code = (
        "import os, sys, kili_query.editor.lsp.server as s; old = s.answers.hover\n"
        "def loud(*a, **k): print('stray'); os.write(1, b'stray'); return old(*a, **k)\n"
        "s.answers.hover = loud\n"
        "from kili_query.cli import main; main()"
    )
    uri = (folder / "a.kq").as_uri()
    item = {"uri": uri, "languageId": "kili-query", "version": 1, "text": "OBJECTS.CAR.count > 1"}
    at = {"textDocument": {"uri": uri}, "position": {"line": 0, "character": 9}}
    messages: list[dict[str, Any]] = [
        {"method": "textDocument/didOpen", "params": {"textDocument": item}},
        {"id": 2, "method": "textDocument/hover", "params": at},
    ]
    answers, errors = converse([*HELLO, *messages, *FAREWELL], sys.executable, "-c", code, "lsp", "--stdio")
    assert errors.count(b"stray") == 2
    assert "Motor car" in answers[2]["result"]["contents"]["value"]


@pytest.mark.parametrize("farewell", [b"", b'Content-Length: 33\r\n\r\n{"jsonrpc":"2.0","method":"exit"}'])
def test_the_server_ends_when_its_editor_goes(farewell: bytes) -> None:
    done = subprocess.run(COMMAND, input=farewell, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1 if farewell else 0, b"")


def test_the_server_ends_when_the_process_of_its_editor_does() -> None:
    editor = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    server = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin
    assert server.stdout
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize",
                       "params": {"capabilities": {}, "processId": editor.pid, "rootUri": None}})  # fmt: skip
    for text in (body, '{"jsonrpc": "2.0", "method": "initialized", "params": {}}'):
        server.stdin.write(f"Content-Length: {len(text)}\r\n\r\n{text}".encode())
    server.stdin.flush()
    assert server.stdout.readline().startswith(b"Content-Length")
    editor.communicate(b"\n", timeout=30)
    assert server.wait(timeout=30) == 1
    server.stdin.close()
    server.stdout.close()


def test_without_the_extra_one_message_names_it() -> None:
    code = "import sys; sys.modules['pygls'] = None; from kili_query.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, "lsp"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert 'pip install "kili_query[editor]"' in done.stderr
    assert "Traceback" not in done.stderr
