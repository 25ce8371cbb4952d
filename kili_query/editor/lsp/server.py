"""The language server: what editors ask, answered for the documents that they have open. Glue; the language is elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from kili_query.editor.lsp import answers
from kili_query.editor.lsp.session import DELAY, KiliQueryServer
from kili_query.editor.lsp.wire import converse
from kili_query.errors import Span
from kili_query.lang import assist

TRIGGERS = [".", " ", '"', "(", ">", "<", "=", "!", ","]
"""Characters after which editors ask for completion by themselves."""


def make_server(ontology: str | None = None, input_type: str | None = None) -> KiliQueryServer:
    """A server with all that it answers."""
    server = KiliQueryServer(ontology, input_type)
    feature = server.feature

    @feature(types.INITIALIZED)
    def initialized(_: types.InitializedParams) -> None:
        server.start_watching()

    @feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def files_changed(_: types.DidChangeWatchedFilesParams) -> None:
        server.refresh()

    @feature(types.TEXT_DOCUMENT_DID_SAVE)
    def saved(_: types.DidSaveTextDocumentParams) -> None:
        server.refresh()

    @feature(types.TEXT_DOCUMENT_DIAGNOSTIC)
    async def diagnostic(params: types.DocumentDiagnosticParams) -> types.RelatedFullDocumentDiagnosticReport:
        await asyncio.sleep(DELAY / 3)  # an editor that goes on typing takes its question back
        document = server.documents.get(params.text_document.uri)
        return types.RelatedFullDocumentDiagnosticReport(server.diagnostics(document) if document else [])

    @feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=TRIGGERS))
    def completion(params: types.CompletionParams) -> types.CompletionList | None:
        found = server.at(params.text_document.uri, params.position)
        markdown = server.shows_markdown("completion.completion_item.documentation_format")
        return answers.completions(*found, markdown=markdown) if found else None

    @feature(types.TEXT_DOCUMENT_HOVER)
    def hover(params: types.HoverParams) -> types.Hover | None:
        found = server.at(params.text_document.uri, params.position)
        if not found:
            return None
        count = server.count(found[0])
        markdown = server.shows_markdown("hover.content_format")
        return answers.hover(*found, str(count) if count else "", markdown=markdown)

    @feature(
        types.TEXT_DOCUMENT_CODE_ACTION,
        types.CodeActionOptions([types.CodeActionKind.QuickFix, types.CodeActionKind.RefactorRewrite, answers.FIX_ALL]),
    )
    def code_action(params: types.CodeActionParams) -> list[types.CodeAction]:
        document = server.documents.get(params.text_document.uri)
        if not document:
            return []
        only = [str(getattr(kind, "value", kind)) for kind in params.context.only or ()]
        actions = server.actions(document, params.range, only)
        return [a for a in actions if not only or any(_kind(a).startswith(kind) for kind in only)]

    @feature(types.TEXT_DOCUMENT_FORMATTING)
    def formatting(params: types.DocumentFormattingParams) -> list[types.TextEdit]:
        document = server.documents.get(params.text_document.uri)
        if not document or not document.is_query_file:  # Python has formatters of its own
            return []
        return [edit for checked in server.checked(document) if (edit := answers.layout(checked))]

    @feature(types.TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL, answers.LEGEND)
    def semantic_tokens(params: types.SemanticTokensParams) -> types.SemanticTokens:
        document = server.documents.get(params.text_document.uri)
        return answers.tokens(server.checked(document) if document else [])

    @feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    def document_symbol(params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
        document = server.documents.get(params.text_document.uri)
        return [answers.symbols(checked) for checked in server.checked(document)] if document else []

    @feature(types.TEXT_DOCUMENT_INLAY_HINT)
    def inlay_hint(params: types.InlayHintParams) -> list[types.InlayHint]:
        document = server.documents.get(params.text_document.uri)
        if not document:
            return []
        start, end = (answers.offset_of(document, position) for position in (params.range.start, params.range.end))
        wanted = {query.start for query in document.queries_within(Span(start, end))}
        return [hint for c in server.checked(document) if c.query.start in wanted for hint in answers.hints(c)]

    @feature(types.TEXT_DOCUMENT_CODE_LENS)
    def code_lens(params: types.CodeLensParams) -> list[types.CodeLens]:
        document = server.documents.get(params.text_document.uri)
        return list(server.lenses(document)) if document else []

    @feature(types.TEXT_DOCUMENT_PREPARE_RENAME)
    def prepare_rename(params: types.PrepareRenameParams) -> types.PrepareRenamePlaceholder | None:
        found = server.at(params.text_document.uri, params.position)
        name = found and assist.name_at(found[0].query.text, found[1])
        return types.PrepareRenamePlaceholder(found[0].range(name.span), name.key) if found and name else None

    @feature(types.TEXT_DOCUMENT_RENAME)
    def rename(params: types.RenameParams) -> types.WorkspaceEdit | None:
        found = server.at(params.text_document.uri, params.position)
        name = found and assist.name_at(found[0].query.text, found[1])
        if not found or not name:
            return None
        new = assist.key_from_text(params.new_name.strip())
        if not new:
            raise JsonRpcInvalidParams("a job or category has a key of at least one character")
        return server.workspace_edit(server.renamed(name, new, found[0].ontology))

    return server


def _kind(action: types.CodeAction) -> str:
    return str(getattr(action.kind, "value", action.kind))


# -- running -----------------------------------------------------------------------------------------------------------


def serve_stdio(server: KiliQueryServer) -> int:
    """Serve the editor at the other end of standard input and output, until it goes; gives the exit code."""
    incoming = os.fdopen(os.dup(0), "rb")
    outgoing = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)  # whatever prints, prints to standard error: standard output belongs to the protocol
    sys.stdout = sys.stderr
    _prepare()
    converse(server, incoming, outgoing)
    return server.exit_code


def serve_tcp(server: KiliQueryServer, port: int) -> int:
    """Serve one editor that connects to a port of this machine; gives the exit code.

    Raises
    ------
    OSError: the port cannot be had.
    """
    _prepare()
    with socket.create_server(("127.0.0.1", port)) as waiting:
        connection, _ = waiting.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with contextlib.suppress(OSError), connection:  # it may have been reset
        try:
            converse(server, connection.makefile("rb"), connection.makefile("wb"))
        finally:
            connection.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads
    return server.exit_code


def _prepare() -> None:
    if not os.environ.get("KILI_QUERY_DEBUG"):
        logging.getLogger("pygls").addHandler(logging.NullHandler())
        logging.getLogger("pygls").propagate = False
    # whatever happens at the moment, without a word
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
