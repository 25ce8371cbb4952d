"""An editor for tests: the client of pytest-lsp, which watches that both sides keep to the protocol, and what a person does."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from lsprotocol import types
from pytest_lsp import ClientServerConfig, LanguageClient, make_test_lsp_client

from kili_query.editor.lsp.server import make_server
from kili_query.editor.lsp.wire import converse as serve

COMMAND = [sys.executable, "-c", "from kili_query.cli import main; main()", "lsp"]
ENCODINGS = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}
T = TypeVar("T")


class Editor:
    """An editor with one server: opens documents, keeps what it is told."""

    def __init__(self, client: LanguageClient, encoding: str) -> None:
        self.client: Any = client
        self.encoding = encoding
        self.texts: dict[str, str] = {}
        self.versions: dict[str, int] = {}
        self.refreshed = 0
        self.capabilities: Any = None

        @client.feature(types.WORKSPACE_CODE_LENS_REFRESH)  # type: ignore[untyped-decorator]
        def refresh(_: Any) -> None:
            self.refreshed += 1

    @property
    def diagnostics(self) -> dict[str, Any]:
        """The diagnostics of each document."""
        return {uri: list(found) for uri, found in self.client.diagnostics.items()}

    @property
    def told(self) -> list[str]:
        """What a person is told, and the log."""
        return [said.message for said in (*self.client.messages, *self.client.log_messages)]

    async def greet(self, **capabilities: Any) -> None:
        """Begin the session, as an editor that can do so much."""
        general = types.GeneralClientCapabilities(position_encodings=[types.PositionEncodingKind(self.encoding)])
        lens = types.CodeLensWorkspaceClientCapabilities(refresh_support=True)
        workspace = types.WorkspaceClientCapabilities(code_lens=lens)
        formats = [types.MarkupKind.Markdown]
        text = types.TextDocumentClientCapabilities(
            completion=types.CompletionClientCapabilities(
                completion_item=types.ClientCompletionItemOptions(documentation_format=formats)
            ),
            hover=types.HoverClientCapabilities(content_format=formats),
        )
        wishes = types.ClientCapabilities(
            **{"general": general, "workspace": workspace, "text_document": text, **capabilities}
        )
        result = await self.client.initialize_session(types.InitializeParams(capabilities=wishes))
        self.capabilities = result.capabilities

    def close_all(self) -> None:
        """Close what is open, and forget what was told."""
        for uri in self.texts:
            self.client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri)))
        self.texts.clear()
        for told in (self.client.diagnostics, self.client.messages, self.client.log_messages):
            told.clear()
        self.refreshed = 0

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


@asynccontextmanager
async def own_server(encoding: str = "utf-16", *, process: bool = False, **capabilities: Any) -> AsyncIterator[Editor]:
    """A server of its own for an editor with these capabilities: in a process, or on a thread of this one, sooner."""
    if process:
        client: Any = await ClientServerConfig(server_command=COMMAND).start()
    else:
        waiting = socket.create_server(("127.0.0.1", 0))
        address = waiting.getsockname()
        thread = threading.Thread(target=_serve_one, args=(waiting,), daemon=True)
        thread.start()
        client = make_test_lsp_client()
        await client.start_tcp(*address)
    editor = Editor(client, encoding)
    async with asyncio.timeout(60):
        await editor.greet(**capabilities)
    try:
        yield editor
    finally:
        async with asyncio.timeout(20):
            await client.shutdown_session()
            await client.stop()
            while not process and thread.is_alive():
                await asyncio.sleep(0.005)
    assert client.error is None


def _serve_one(waiting: socket.socket) -> None:
    with waiting:  # closed by nobody else: a connection that is not taken yet would be reset
        connection, _ = waiting.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection, connection.makefile("rb") as incoming, connection.makefile("wb") as outgoing:
        serve(make_server(), incoming, outgoing)
        connection.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads


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
