"""The language server among editors that are odd, old, in a hurry or gone."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

types = pytest.importorskip("lsprotocol.types", reason="the language server needs the extra `editor`")
pytest.importorskip("pytest_asyncio", reason="these tests need the extra `test`")
pytest_lsp = pytest.importorskip("pytest_lsp", reason="these tests need the extra `test`")

from kili_query.editor.lsp.wire import bodies  # noqa: E402
from tests.conftest import SPEC  # noqa: E402
from tests.editor.lsp_editor import COMMAND, FAREWELL, HELLO, converse, own_server, until  # noqa: E402


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(SPEC / "ontology.json", tmp_path / "kili-ontology.json")
    return tmp_path


def message(**content: Any) -> bytes:
    body = json.dumps({"jsonrpc": "2.0", **content}).encode()
    return b"Content-Length: %d\r\n\r\n" % len(body) + body


# -- messages ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "between",
    [
        b"",
        b"\r\n\r\n",
        b"rest of a message that was longer than it said",
        b"Content-Length: -5\r\n\r\n",
        b"Content-Length: 99999999999999\r\n\r\n",
        b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\n",
        b"X-Long: " + b"x" * 200_000 + b"\r\n",
    ],
    ids=lambda between: repr(between[:30]),
)
@pytest.mark.parametrize(
    "header", [b"Content-Length: 2\r\n\r\n", b"content-length:2\r\n\r\n", b"Content-Length: 2\n\n"]
)
def test_a_message_is_found_whatever_stands_before_it(between: bytes, header: bytes) -> None:
    assert list(bodies(io.BytesIO(header + b"{}" + between + header + b"[]"))) == [b"{}", b"[]"]


def test_a_message_that_was_cut_off_is_none() -> None:
    assert list(bodies(io.BytesIO(b"Content-Length: 20\r\n\r\n{"))) == []


def test_a_request_at_the_wrong_time_gets_an_error() -> None:
    hover = {"method": "textDocument/hover", "params": {"textDocument": {"uri": "file:///a.kq"}, "position": {"line": 0, "character": 0}}}  # fmt: skip
    bye, leave = FAREWELL
    messages = [{"id": "early", **hover}, *HELLO, {**HELLO[0], "id": "again"}, bye, {"id": "late", **hover}, leave]
    answers, errors = converse(messages)
    assert errors == b""
    assert {asked: answers[asked]["error"] for asked in ("early", "again", "late")} == {
        "early": {"code": -32002, "message": "`initialize` comes first"},
        "again": {"code": -32600, "message": "`initialize` comes once"},
        "late": {"code": -32600, "message": "nothing comes after `shutdown` but `exit`"},
    }


# -- editors that go ---------------------------------------------------------------------------------------------------


def test_the_server_ends_at_exit_though_the_pipe_stays_open() -> None:
    server = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert server.stdin
    assert server.stdout
    assert server.stderr
    for sent in (*HELLO, *FAREWELL):
        server.stdin.write(message(**sent))
    server.stdin.flush()
    assert server.wait(60) == 0
    assert server.stderr.read() == b""
    for pipe in (server.stdin, server.stdout, server.stderr):
        pipe.close()


def test_an_editor_that_dies_while_it_is_written_to_leaves_no_traceback(folder: Path) -> None:
    server = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert server.stdin
    assert server.stdout
    assert server.stderr
    text = "kili.labels(category_search='OBJECTS.CARR.count > 1')\n" * 500
    uri = (folder / "a.py").as_uri()
    item = {"uri": uri, "languageId": "python", "version": 1, "text": text}
    asked = {"id": 2, "method": "textDocument/documentSymbol", "params": {"textDocument": {"uri": uri}}}
    server.stdout.close()
    for sent in (*HELLO, {"method": "textDocument/didOpen", "params": {"textDocument": item}}, asked):
        server.stdin.write(message(**sent))
    server.stdin.close()
    assert server.wait(60) == 0
    assert server.stderr.read() == b""
    server.stderr.close()


@pytest.fixture
def port() -> int:
    """A free port that no other process is given by chance, as those are that the system chooses."""
    while True:
        chosen = random.randrange(20_000, 32_000)
        with socket.socket() as free, contextlib.suppress(OSError):
            free.bind(("127.0.0.1", chosen))
            return chosen


async def connected(port: int) -> Any:
    client = pytest_lsp.make_test_lsp_client()

    async def wait() -> None:
        while True:
            try:
                await client.start_tcp("127.0.0.1", port)
                return
            except OSError:
                await asyncio.sleep(0.05)

    await asyncio.wait_for(wait(), 60)
    return client


@pytest.mark.asyncio
@pytest.mark.parametrize("farewell", ["exit", "gone", "reset", "in the middle"])
async def test_an_editor_can_connect_to_a_port_and_go_as_it_likes(folder: Path, port: int, farewell: str) -> None:
    server = await asyncio.create_subprocess_exec(*COMMAND, "--tcp", str(port), stderr=subprocess.PIPE)
    client = await connected(port)
    await client.initialize_session(types.InitializeParams(capabilities=types.ClientCapabilities()))
    item = types.TextDocumentItem((folder / "a.kq").as_uri(), "kili-query", 1, "OBJECTS.CAR.count > 1")
    client.text_document_did_open(types.DidOpenTextDocumentParams(item))
    at = types.HoverParams(types.TextDocumentIdentifier(item.uri), types.Position(0, 9))
    assert "Motor car" in (await client.text_document_hover_async(at)).contents.value
    writer = client.protocol.writer
    if farewell == "exit":
        await client.shutdown_async(None)
        client.exit(None)
    elif farewell == "reset":
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    else:
        writer.write(b"Content-Length: 500\r\n\r\n{" if farewell == "in the middle" else b"")
        writer.close()
    _, errors = await asyncio.wait_for(server.communicate(), 60)
    assert (server.returncode, errors) == (0, b"")
    await client.stop()


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        busy = str(taken.getsockname()[1])
        done = subprocess.run([*COMMAND, "--tcp", busy], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert f"port {busy} cannot be had" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_an_interrupt_ends_a_server_that_waits_for_its_editor() -> None:
    server = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert server.stdin
    assert server.stdout
    server.stdin.write(message(**HELLO[0]))
    server.stdin.flush()
    assert server.stdout.readline().startswith(b"Content-Length")
    server.send_signal(signal.SIGINT)
    _, errors = server.communicate(timeout=60)
    assert (server.returncode, errors) == (130, b"")


# -- editors of all kinds ----------------------------------------------------------------------------------------------


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["visual-studio-code", "neovim@v0.6.1", "neovim", "emacs"])
async def test_real_editors_get_nothing_that_they_cannot_show(folder: Path, name: str) -> None:
    """The client of pytest-lsp compares each answer with what the editor says it can do, and warns."""
    able = pytest_lsp.client_capabilities(name)
    capabilities = {part: getattr(able, part) for part in ("text_document", "workspace", "general", "window")}
    async with own_server(**capabilities) as editor:
        text = 'kili.labels(category_search="OBJECTS.CAR.count > 1")\n'
        uri = editor.open(folder / "a.py", text)
        assert "CAR" in [item.label for item in await editor.completions(uri, text.index("CAR"))]
        assert "Motor car" in await editor.hover(uri, text.index("CAR"))


@pytest.mark.asyncio
async def test_an_editor_without_markdown_gets_plain_text(folder: Path) -> None:
    async with own_server(text_document=types.TextDocumentClientCapabilities()) as editor:
        text = 'TOPICS.SPORT.count > 0 AND OBJECTS."traffic light".count > 1'
        uri = editor.open(folder / "a.kq", text, "kili-query")
        at = types.HoverParams(types.TextDocumentIdentifier(uri), editor.position(uri, text.index("AND") + 1))
        shown = (await editor.client.text_document_hover_async(at)).contents
        assert shown.kind == types.MarkupKind.PlainText
        assert not set(shown.value) & set("*\\")
        items = await editor.completions(uri, text.index("SPORT"))
        assert [item.documentation for item in items if not isinstance(item.documentation, str | None)] == []


@pytest.mark.asyncio
async def test_each_folder_has_its_ontology_and_one_that_breaks_mends_again(folder: Path) -> None:
    file = folder / "kili-ontology.json"
    good = file.read_text("utf-8")
    other = folder / "other"
    other.mkdir()
    (other / "kili-ontology.json").write_text(good.replace('"CAR"', '"AUTO"'), "utf-8")
    async with own_server() as editor:
        here = editor.open(folder / "a.kq", "OBJECTS.CAR.count > 1", "kili-query")
        there = editor.open(other / "a.kq", "OBJECTS.AUTO.count > 1", "kili-query")
        assert await until(lambda: [editor.diagnostics.get(uri) for uri in (here, there)], all_known) == [[], []]
        file.unlink()
        file.mkdir()
        file.rmdir()
        file.write_text(good.replace('"CAR"', '"CAB"'), "utf-8")
        assert await editor.codes(here) == ["KQ202"]
        file.write_bytes(b"\xff\x00")
        await until(lambda: [said for said in editor.told if "KQ502" in said])
        file.write_text(good, "utf-8")
        assert await editor.codes(here, lambda codes: not codes) == []
        assert editor.diagnostics[there] == []


def all_known(found: list[Any]) -> bool:
    return None not in found


@pytest.mark.asyncio
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
async def test_many_edits_at_once_behind_rare_characters_and_line_ends(folder: Path, encoding: str) -> None:
    text = 'x = "𝔘"\r\nkili.labels("🚢", category_search="OBJECTS.CARR.count > 1")\r\n'
    async with own_server(encoding) as editor:
        uri = editor.open(folder / "a.py", text)
        assert await editor.codes(uri) == ["KQ202"]
        car = text.index("CARR")
        changes = [
            types.TextDocumentContentChangePartial(editor.range(uri, car, car + 4), "CA"),
            types.TextDocumentContentChangePartial(editor.range(uri, car + 2, car + 2), "R"),
            types.TextDocumentContentChangePartial(editor.range(uri, 0, 0), "é = '𝔘'\r\n"),
        ]
        document = types.VersionedTextDocumentIdentifier(2, uri)
        editor.client.text_document_did_change(types.DidChangeTextDocumentParams(document, changes))
        editor.texts[uri] = "é = '𝔘'\r\n" + text.replace("CARR", "CAR")
        assert "Motor car" in await editor.hover(uri, editor.texts[uri].index("CAR") + 1)
        assert await editor.codes(uri, lambda codes: not codes) == []
