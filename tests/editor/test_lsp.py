"""The language server, driven over its own pipes by the client of pygls: what an editor sees."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

types = pytest.importorskip("lsprotocol.types", reason="the language server needs the extra `editor`")
client_module = pytest.importorskip("pygls.lsp.client", reason="the language server needs the extra `editor`")

from tests.conftest import ROOT, SPEC  # noqa: E402

COMMAND = [sys.executable, "-c", "from kili_query.cli import main; main()", "lsp"]
CARET = "‸"
ENCODINGS = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}
T = TypeVar("T")


class Editor:
    """An editor with one server: opens documents, keeps what it is told."""

    def __init__(self, client: Any, encoding: str) -> None:
        self.client = client
        self.encoding = encoding
        self.texts: dict[str, str] = {}
        self.versions: dict[str, int] = {}
        self.diagnostics: dict[str, list[Any]] = {}
        self.told: list[str] = []
        self.refreshed = 0
        self.capabilities: Any = None

    def open(self, path: Path, text: str, language: str = "python") -> str:
        uri = path.as_uri()
        self.texts[uri], self.versions[uri] = text, 1
        item = types.TextDocumentItem(uri, language, 1, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        return uri

    def type(self, uri: str, start: int, end: int, text: str) -> None:
        """Put text in place of a part, as typing does."""
        change = types.TextDocumentContentChangePartial(self.range(uri, start, end), text)
        old = self.texts[uri]
        self.texts[uri] = old[:start] + text + old[end:]
        self.versions[uri] += 1
        document = types.VersionedTextDocumentIdentifier(self.versions[uri], uri)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))

    def position(self, uri: str, offset: int) -> Any:
        before = self.texts[uri][:offset].split("\n")
        codec, size = ENCODINGS[self.encoding]
        return types.Position(len(before) - 1, len(before[-1].encode(codec)) // size)

    def range(self, uri: str, start: int, end: int) -> Any:
        return types.Range(self.position(uri, start), self.position(uri, end))

    def offset(self, uri: str, position: Any) -> int:
        lines = self.texts[uri].split("\n")
        codec, size = ENCODINGS[self.encoding]
        column = len(lines[position.line].encode(codec)[: position.character * size].decode(codec))
        return sum(len(line) + 1 for line in lines[: position.line]) + column

    def part(self, uri: str, place: Any) -> str:
        return self.texts[uri][self.offset(uri, place.start) : self.offset(uri, place.end)]

    def applied(self, uri: str, edits: list[Any]) -> str:
        text = self.texts[uri]
        for edit in sorted(edits, key=lambda e: self.offset(uri, e.range.start), reverse=True):
            text = text[: self.offset(uri, edit.range.start)] + edit.new_text + text[self.offset(uri, edit.range.end) :]
        return text

    async def codes(self, uri: str, wanted: Callable[[list[str]], bool] = bool) -> list[str]:
        """The codes of the diagnostics, once they are as wanted."""
        return await until(lambda: [str(d.code) for d in self.diagnostics.get(uri, [])], wanted)

    async def completions(self, uri: str, offset: int) -> list[Any]:
        at = types.CompletionParams(types.TextDocumentIdentifier(uri), self.position(uri, offset))
        found = await self.client.text_document_completion_async(at)
        return list(found.items) if found else []

    async def hover(self, uri: str, offset: int) -> str:
        at = types.HoverParams(types.TextDocumentIdentifier(uri), self.position(uri, offset))
        found = await self.client.text_document_hover_async(at)
        return str(found.contents.value) if found else ""

    async def actions(self, uri: str, start: int, end: int, only: list[str] | None = None) -> dict[str, Any]:
        context = types.CodeActionContext([], only=only)
        params = types.CodeActionParams(types.TextDocumentIdentifier(uri), self.range(uri, start, end), context)
        return {action.title: action for action in await self.client.text_document_code_action_async(params)}

    async def rename(self, uri: str, offset: int, new: str) -> dict[str, str]:
        """The texts of the documents after a rename."""
        params = types.RenameParams(types.TextDocumentIdentifier(uri), self.position(uri, offset), new)
        edit = await self.client.text_document_rename_async(params)
        return {changed: self.applied(changed, edits) for changed, edits in edit.changes.items()}


async def until(value: Callable[[], T], wanted: Callable[[T], bool] = bool) -> T:
    """A value, once it is as wanted; what never comes fails."""
    async with asyncio.timeout(20):
        while not wanted(found := value()):
            await asyncio.sleep(0.02)
        return found


RUNNER: asyncio.Runner
SHARED: dict[str, Editor] = {}
"""One server for each encoding: to start one takes longer than most tests."""


@pytest.fixture(scope="module", autouse=True)
def servers() -> Iterator[None]:
    """The event loop of all tests of the module, and the servers that they share."""
    global RUNNER
    stack = AsyncExitStack()

    async def start(encoding: str) -> None:
        SHARED[encoding] = await stack.enter_async_context(own_server(encoding))

    with asyncio.Runner() as RUNNER:
        for encoding in ENCODINGS:
            RUNNER.run(start(encoding))
        yield
        RUNNER.run(stack.aclose())


@asynccontextmanager
async def editing(encoding: str = "utf-16") -> AsyncIterator[Editor]:
    """A server that other tests use too; the documents of each are its own."""
    editor = SHARED[encoding]
    editor.diagnostics, editor.told, editor.refreshed = {}, [], 0
    try:
        yield editor
    finally:
        for uri in editor.texts:
            editor.client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri)))
        editor.texts.clear()


@asynccontextmanager
async def own_server(encoding: str = "utf-16", **capabilities: Any) -> AsyncIterator[Editor]:
    client = client_module.LanguageClient("tests", "1")
    editor = Editor(client, encoding)

    def listening(method: str) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:
        return lambda listen: client.feature(method)(listen) or listen

    @listening(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
    def published(params: Any) -> None:
        editor.diagnostics[params.uri] = list(params.diagnostics)

    @listening(types.WINDOW_SHOW_MESSAGE)
    def shown(params: Any) -> None:
        editor.told.append(params.message)

    @listening(types.WINDOW_LOG_MESSAGE)
    def logged(params: Any) -> None:
        editor.told.append(params.message)

    @listening(types.WORKSPACE_CODE_LENS_REFRESH)
    def refresh(_: Any) -> None:
        editor.refreshed += 1

    await client.start_io(*COMMAND)
    general = types.GeneralClientCapabilities(position_encodings=[types.PositionEncodingKind(encoding)])
    lens = types.CodeLensWorkspaceClientCapabilities(refresh_support=True)
    wishes = types.ClientCapabilities(
        general=general, workspace=types.WorkspaceClientCapabilities(code_lens=lens), **capabilities
    )
    result = await client.initialize_async(types.InitializeParams(capabilities=wishes, process_id=os.getpid()))
    editor.capabilities = result.capabilities
    client.initialized(types.InitializedParams())
    try:
        yield editor
    finally:
        if client._server.returncode is None:
            await client.shutdown_async(None)
            client.exit(None)
        async with asyncio.timeout(20):
            await client.stop()


def run(work: Callable[[], Awaitable[None]]) -> None:
    RUNNER.run(asyncio.wait_for(work(), 60))


def marked(text: str) -> tuple[str, int]:
    return text.replace(CARET, ""), text.index(CARET)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose queries are checked against the ontology of the specification."""
    shutil.copy(SPEC / "ontology.json", tmp_path / "kili-ontology.json")
    return tmp_path


# -- positions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_is_said_stands_at_the_right_place_in_each_encoding(folder: Path, encoding: str) -> None:
    text = 'x = "𝔘🚢é"; kili.labels("p🚢", category_search="OBJECTS.CARR.count > 1")  # 🚢\n'

    async def work() -> None:
        async with editing(encoding) as editor:
            assert editor.capabilities.position_encoding == encoding
            uri = editor.open(folder / "a.py", text)
            assert await editor.codes(uri) == ["KQ202"]
            assert editor.part(uri, editor.diagnostics[uri][0].range) == "CARR"
            car = next(i for i in await editor.completions(uri, text.index("CARR") + 3) if i.label == "CAR")
            assert editor.applied(uri, [car.text_edit]) == text.replace("CARR", "CAR")
            end = text.index("CARR") + 4
            editor.type(uri, end - 1, end, "")
            assert await editor.codes(uri, lambda codes: not codes) == []
            assert "Motor car" in await editor.hover(uri, text.index("CARR") + 1)

    run(work)


def test_form_feeds_and_other_rare_line_ends_are_no_lines_of_an_editor(folder: Path) -> None:
    text = 'a = "\x0c\x0b\u2028\x85"\nkili.labels(category_search="OBJECTS.CAR.count > 1")\n'

    async def work() -> None:
        async with editing() as editor:
            uri = editor.open(folder / "a.py", text)
            at = text.index("CAR.")
            editor.type(uri, at, at + 3, "BUSS")
            assert await editor.codes(uri) == ["KQ202"]
            assert editor.part(uri, editor.diagnostics[uri][0].range) == "BUSS"

    run(work)


# -- typing ------------------------------------------------------------------------------------------------------------


def test_a_query_is_completed_while_nothing_around_it_parses(folder: Path) -> None:
    text, at = marked(f'import kili\nfor x in kili.labels(category_search="OBJECTS.{CARET}')

    async def work() -> None:
        async with editing() as editor:
            uri = editor.open(folder / "a.py", text)
            assert [i.label for i in await editor.completions(uri, at)] == [
                "CAR",
                "TRUCK",
                "traffic light",
                "BUS",
                "COACH",
            ]
            assert await editor.codes(uri) == ["KQ102"]
            end = at
            for letter in "TRUCK.count > ":
                editor.type(uri, end, end, letter)
                end += 1
            assert (await editor.completions(uri, end))[0].label == "0"
            editor.type(uri, end, end, '2"):')
            assert await editor.codes(uri, lambda codes: not codes) == []

    run(work)


def test_names_that_need_quotes_are_escaped_as_the_literal_around_them_wants(folder: Path) -> None:
    text, at = marked(f'kili.labels(category_search="OBJECTS.traf{CARET}.count > 1")\n')

    async def work() -> None:
        async with editing() as editor:
            uri = editor.open(folder / "a.py", text)
            item = (await editor.completions(uri, at))[0]
            assert item.label == "traffic light"
            done = editor.applied(uri, [item.text_edit])
            assert done == 'kili.labels(category_search="OBJECTS.\\"traffic light\\".count > 1")\n'

    run(work)


def test_typing_inside_a_query_agrees_with_reading_the_document_anew(folder: Path) -> None:
    text = (
        'kili.labels(category_search="OBJECTS.CAR.count > 1")\n'
        "kili.labels(category_search='''WEATHER.SUN.count > 0\n  AND OBJECTS.\"traffic light\".count > 1''')\n"
        'kili.labels(category_search="OBJECTS." "BUSS.count > 1")\n'
    )
    edits = [("CAR", "BUS"), ("SUN", "FOG"), ("FOG", "SNOW"), ("BUS.", "C'AR."), ("C'AR.", 'C"AR.'), ('C"AR.', "CAR.")]

    async def work() -> None:
        async with editing() as editor:
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

    run(work)


def test_diagnostics_can_be_asked_for_and_taken_back(folder: Path) -> None:
    async def work() -> None:
        pulls = types.TextDocumentClientCapabilities(diagnostic=types.DiagnosticClientCapabilities())
        async with own_server(text_document=pulls) as editor:
            uri = editor.open(folder / "a.kq", "OBJECTS.CAR.count = 1", "kili-query")
            params = types.DocumentDiagnosticParams(types.TextDocumentIdentifier(uri))
            ask = editor.client.protocol.send_request_async(types.TEXT_DOCUMENT_DIAGNOSTIC, params, msg_id="stale")
            editor.client.cancel_request(types.CancelParams("stale"))
            with pytest.raises(Exception, match="cancel"):
                await ask
            report = await editor.client.text_document_diagnostic_async(params)
            assert [item.code for item in report.items] == ["KQ105"]
            assert editor.diagnostics == {}

    run(work)


# -- what is said ------------------------------------------------------------------------------------------------------


def test_hover_tells_names_parents_and_meaning(folder: Path) -> None:
    text = 'kili.labels(category_search="TONE.HARSH.count > 5 AND NOT OBJECTS.CAR.count == 1")\n'

    async def work() -> None:
        async with editing() as editor:
            uri = editor.open(folder / "a.py", text)
            nested = await editor.hover(uri, text.index("HARSH"))
            assert "`KIND`.`BILL`" in nested
            assert "**never true**" in nested
            assert "has exactly 1 of `CAR` (Motor car)" in await editor.hover(uri, text.index("=="))
            assert "not: job" in await editor.hover(uri, text.index("NOT"))
            assert await editor.hover(uri, 3) == ""

    run(work)


def test_tokens_symbols_and_hints_of_a_query_in_two_literals(folder: Path) -> None:
    text = 'q = "🚢"\nkili.labels(category_search="OBJECTS.CA" "R.count > 1")\n'

    async def work() -> None:
        async with editing() as editor:
            uri = editor.open(folder / "a.py", text)
            document = types.TextDocumentIdentifier(uri)
            data = (
                await editor.client.text_document_semantic_tokens_full_async(types.SemanticTokensParams(document))
            ).data
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

    run(work)


def test_the_number_of_matching_labels_stands_above_a_query(tmp_path: Path) -> None:
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

    async def work() -> None:
        async with editing() as editor:
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

    run(work)


# -- edits -------------------------------------------------------------------------------------------------------------


def test_each_quick_fix_repairs_what_it_says(folder: Path) -> None:
    text = 'kili.labels(category_search="OBJECTS.CARR.count = 1 and TOPICS.SPORT.count > 0")\n'

    async def work() -> None:
        async with editing() as editor:
            uri = editor.open(folder / "a.py", text)
            assert await editor.codes(uri) == ["KQ105"]
            actions = await editor.actions(uri, text.index("= 1"), text.index("= 1"))
            assert actions["replace `=` with `==`"].is_preferred
            everything = (await editor.actions(uri, 0, 0, ["source.fixAll"]))["repair all queries of the file"]
            fixed = editor.applied(uri, everything.edit.changes[uri])
            assert fixed == 'kili.labels(category_search="OBJECTS.CAR.count == 1 AND TOPICS.SPORT.count > 0")\n'
            other = editor.open(folder / "b.py", fixed)
            assert await until(lambda: editor.diagnostics.get(other), lambda found: found is not None) == []

    run(work)


def test_python_is_left_alone_by_formatting_and_a_query_file_is_not(folder: Path) -> None:
    query = "( OBJECTS.CAR.count>01 )   # one\n AND TOPICS.SPORT.count>0"

    async def work() -> None:
        async with editing() as editor:
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

    run(work)


def test_a_category_is_renamed_in_all_open_documents_of_its_ontology(folder: Path) -> None:
    elsewhere = folder / "other"
    elsewhere.mkdir()
    (elsewhere / "kili-ontology.json").write_text('{"jobs": {"OBJECTS": {"content": {"categories": {"CAR": {}}}}}}')
    text = 'kili.labels(category_search="OBJECTS.CAR.count > 1 OR WEATHER.CAR.count > 0 OR OBJECTS.CAR.count == 0")\n'

    async def work() -> None:
        async with editing() as editor:
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

    run(work)


def test_a_name_that_the_ontology_gave_up_is_renamed_everywhere_at_once(folder: Path) -> None:
    async def work() -> None:
        async with editing() as editor:
            first = editor.open(folder / "a.kq", "OBJECTS.TRUCKS.count > 5", "kili-query")
            second = editor.open(folder / "b.kq", "OBJECTS.TRUCKS.count > 6", "kili-query")
            action = (await editor.actions(first, 9, 9))["rename `TRUCKS` to `TRUCK` in all open files"]
            assert set(action.edit.changes) == {first, second}

    run(work)


# -- notebooks ---------------------------------------------------------------------------------------------------------


def test_a_notebook_is_read_as_a_file_and_by_its_cells(folder: Path) -> None:
    code = 'kili.labels(category_search="OBJECTS.CARR.count > 1")\n'
    notebook = {"cells": [{"cell_type": "code", "metadata": {}, "source": ["%matplotlib inline\n", code], "outputs": [],
                           "execution_count": None}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}  # fmt: skip

    async def work() -> None:
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

    run(work)


# -- a rough world -----------------------------------------------------------------------------------------------------


def test_an_ontology_that_changes_on_disk_is_picked_up(folder: Path) -> None:
    file = folder / "kili-ontology.json"

    async def work() -> None:
        async with editing() as editor:
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

    run(work)


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
def test_a_malformed_message_is_survived(folder: Path, body: bytes) -> None:
    async def work() -> None:
        async with editing() as editor:
            uri = editor.open(folder / "a.kq", "OBJECTS.CAR.count > 1", "kili-query")
            editor.client.protocol.writer.write(b"Nonsense\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            assert "Motor car" in await editor.hover(uri, 9)

    run(work)


def converse(messages: list[dict[str, Any]], *command: str) -> tuple[dict[object, dict[str, Any]], bytes]:
    """Send messages to a server of their own; gives its answers by id, and what it wrote to standard error."""
    sent = b"".join(
        b"Content-Length: %d\r\n\r\n" % len(body) + body
        for body in (json.dumps({"jsonrpc": "2.0", **message}).encode() for message in messages)
    )
    done = subprocess.run(command or COMMAND, input=sent, capture_output=True, timeout=60, check=True)
    answers, out = {}, done.stdout
    while out:
        head, _, rest = out.partition(b"\r\n\r\n")
        assert head.startswith(b"Content-Length: ")
        length = int(head.split()[1])
        answer = json.loads(rest[:length])
        answers[answer.get("id")] = answer
        out = rest[length:]
    return answers, done.stderr


HELLO: list[dict[str, Any]] = [
    {"id": 1, "method": "initialize", "params": {"capabilities": {}, "processId": None, "rootUri": None}},
    {"method": "initialized", "params": {}},
]
FAREWELL: list[dict[str, Any]] = [{"id": "bye", "method": "shutdown"}, {"method": "exit"}]


def test_a_request_with_malformed_parameters_gets_an_error() -> None:
    malformed = {"id": 2, "method": "textDocument/hover", "params": {"position": "here"}}
    unknown = {"id": 3, "method": "textDocument/unheardOf", "params": {}}
    answers, _ = converse([*HELLO, malformed, unknown, *FAREWELL])
    assert answers[2]["error"]["message"] == "the parameters of textDocument/hover are malformed"
    assert answers[3]["error"]["code"] == -32601
    assert "error" not in answers["bye"]


def test_nothing_but_the_protocol_is_written_to_standard_output(folder: Path) -> None:
    code = (
        "import os, sys, kili_query.editor.server as s; old = s.answers.hover\n"
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


def test_an_editor_can_connect_to_a_port(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy = taken.getsockname()[1]
        done = subprocess.run([*COMMAND, "--tcp", str(busy)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert f"port {busy} cannot be had" in done.stderr

    async def work() -> None:
        server = await asyncio.create_subprocess_exec(*COMMAND, "--tcp", str(busy))
        client = client_module.LanguageClient("tests", "1")
        for _ in range(500):
            try:
                await client.start_tcp("127.0.0.1", busy)
                break
            except OSError:
                await asyncio.sleep(0.05)
        await client.initialize_async(types.InitializeParams(capabilities=types.ClientCapabilities()))
        item = types.TextDocumentItem((folder / "a.kq").as_uri(), "kili-query", 1, "OBJECTS.CAR.count > 1")
        client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        at = types.HoverParams(types.TextDocumentIdentifier(item.uri), types.Position(0, 9))
        assert "Motor car" in (await client.text_document_hover_async(at)).contents.value
        client.protocol.writer.close()
        assert await asyncio.wait_for(server.wait(), 30) == 0
        await client.stop()

    run(work)


def test_without_the_extra_one_message_names_it() -> None:
    code = "import sys; sys.modules['pygls'] = None; from kili_query.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, "lsp"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert 'pip install "kili_query[editor]"' in done.stderr
    assert "Traceback" not in done.stderr
