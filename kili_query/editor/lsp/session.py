"""A session with an editor: its open documents, their ontologies, and the notifications that it gets."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Generator, Iterable, Iterator
from importlib.metadata import version
from typing import Any

from lsprotocol import converters, types
from pygls.capabilities import get_capability
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol
from pygls.protocol.language_server import lsp_method

from kili_query.editor.lsp import answers
from kili_query.editor.lsp.answers import Action, Checked
from kili_query.editor.lsp.counts import Count, LabelCounts, Question
from kili_query.editor.lsp.documents import Change, Document, path_of
from kili_query.editor.ontologies import Ontologies
from kili_query.editor.positions import UTF_16, Position
from kili_query.errors import Severity, Span
from kili_query.lang import assist
from kili_query.model.ontology import Ontology

DELAY = 0.15
"""Seconds without typing after which diagnostics are sent."""
WATCH = 0.7
"""Seconds between two looks at the files of ontologies and exports."""


class _Protocol(LanguageServerProtocol):
    """The protocol of pygls, with documents of our own.

    Those of pygls take form feeds and other rare characters for line ends, which editors do not.
    """

    _server: KiliQueryServer
    _greeted = False

    @lsp_method(types.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: types.DidOpenTextDocumentParams) -> None:
        self._server.open(params.text_document)

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: types.DidChangeTextDocumentParams) -> None:
        self._server.change(params.text_document, params.content_changes)

    @lsp_method(types.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: types.DidCloseTextDocumentParams) -> None:
        self._server.close(params.text_document.uri)

    @lsp_method(types.NOTEBOOK_DOCUMENT_DID_OPEN)
    def lsp_notebook_document__did_open(self, params: types.DidOpenNotebookDocumentParams) -> None:
        for cell in params.cell_text_documents:
            self._server.open(cell)

    @lsp_method(types.NOTEBOOK_DOCUMENT_DID_CHANGE)
    def lsp_notebook_document__did_change(self, params: types.DidChangeNotebookDocumentParams) -> None:
        cells = params.change.cells
        if cells is None:
            return
        if cells.structure:
            for opened in cells.structure.did_open or ():
                self._server.open(opened)
            for closed in cells.structure.did_close or ():
                self._server.close(closed.uri)
        for changed in cells.text_content or ():
            self._server.change(changed.document, changed.changes)

    @lsp_method(types.NOTEBOOK_DOCUMENT_DID_CLOSE)
    def lsp_notebook_document__did_close(self, params: types.DidCloseNotebookDocumentParams) -> None:
        for cell in params.cell_text_documents:
            self._server.close(cell.uri)

    @lsp_method(types.EXIT)
    def lsp_exit(self, *args: Any) -> Generator[Any, Any, None]:
        self._server.exit_code = 0 if self._shutdown else 1
        self._server.over.set()
        yield from ()

    def handle_message(self, message: Any) -> None:
        """Handle a message; a request at a time when there can be none gets an error, where pygls gives none."""
        method = getattr(message, "method", None)
        greets = method == types.INITIALIZE
        if method is None or method == types.EXIT or (not self._shutdown and self._greeted != greets):
            self._greeted = self._greeted or greets
            super().handle_message(message)
        elif (asked := getattr(message, "id", None)) is not None:
            self._send_data({"jsonrpc": "2.0", "id": asked, "error": self._refusal()})

    def _refusal(self) -> dict[str, object]:
        if not self._greeted:
            return {"code": types.ErrorCodes.ServerNotInitialized.value, "message": "`initialize` comes first"}
        said = "nothing comes after `shutdown` but `exit`" if self._shutdown else "`initialize` comes once"
        return {"code": types.ErrorCodes.InvalidRequest.value, "message": said}

    def structure_message(self, data: dict[str, Any]) -> Any:
        """A message; one that is malformed and wants an answer gets an error, where pygls gives none."""
        try:
            return super().structure_message(data)
        except JsonRpcException as error:
            if "method" in data and isinstance(data.get("id"), (int, str)):
                reply = {"code": error.code, "message": f"the parameters of {data['method']} are malformed"}
                self._send_data({"jsonrpc": "2.0", "id": data["id"], "error": reply})
            raise


class KiliQueryServer(LanguageServer):
    """A server for one editor.

    Parameters
    ----------
    ontology: an ontology file for all queries, whatever is configured.
    input_type: the type of that project's assets.
    """

    def __init__(self, ontology: str | None = None, input_type: str | None = None) -> None:
        cells = types.NotebookDocumentFilterWithNotebook("*", [types.NotebookCellLanguage("python")])
        super().__init__(
            name="kili-query",
            version=version("kili_query"),
            protocol_cls=_Protocol,
            converter_factory=converters.get_converter,
            notebook_document_sync=types.NotebookDocumentSyncOptions(notebook_selector=[cells]),
        )
        self.exit_code = 0
        self.over = asyncio.Event()
        """Is set when the conversation has ended."""
        self.documents: dict[str, Document] = {}
        self._ontologies = Ontologies(ontology, input_type)
        self._counts = LabelCounts(self._counted)
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._seen: dict[str, list[Ontology | None]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watcher: asyncio.Task[None] | None = None

    # -- documents -----------------------------------------------------------------------------------------------------

    def open(self, item: types.TextDocumentItem) -> None:
        """A document was opened."""
        encoding = str(getattr(self.workspace.position_encoding, "value", self.workspace.position_encoding) or UTF_16)
        document = Document(item.uri, path_of(item.uri), item.language_id, item.version, item.text, encoding)
        self.documents[item.uri] = document
        self._schedule(document, 0)

    def change(
        self,
        item: types.VersionedTextDocumentIdentifier,
        changes: Iterable[types.TextDocumentContentChangeEvent],
    ) -> None:
        """Something was typed."""
        document = self.documents.get(item.uri)
        if document:
            document.change([_change(change) for change in changes], item.version)
            self._schedule(document, DELAY)

    def close(self, uri: str) -> None:
        """A document was closed: its diagnostics are cleared."""
        self.documents.pop(uri, None)
        self._seen.pop(uri, None)
        timer = self._timers.pop(uri, None)
        if timer:
            timer.cancel()
        if not self._pulls:
            self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))

    def checked(self, document: Document) -> list[Checked]:
        """The queries of a document, each literal once, with their ontologies."""
        known: dict[str | None, Ontology | None] = {}
        found: list[Checked] = []
        for query in document.found.queries:
            if query.project not in known:
                known[query.project] = self._ontologies.get(document.path, query.project)
            if not found or found[-1].query.start != query.start or found[-1].query.cell != query.cell:
                found.append(Checked(document, query, known[query.project]))
        for problem in self._ontologies.problems():
            self.window_show_message(types.ShowMessageParams(types.MessageType.Warning, f"[{problem.code}] {problem}"))
        return found

    def at(self, uri: str, position: types.Position) -> tuple[Checked, int] | None:
        """The query at a position, and the offset in its text."""
        document = self.documents.get(uri)
        found = document and document.query_at(answers.offset_of(document, position))
        if not document or not found:
            return None
        query, offset = found
        return Checked(document, query, self._ontologies.get(document.path, query.project)), offset

    def shows_markdown(self, place: str) -> bool:
        """True if the editor says that it shows Markdown there, by the name of a list of formats in its capabilities."""
        formats = get_capability(self.client_capabilities, f"text_document.{place}", ())
        return types.MarkupKind.Markdown in (formats or ())

    # -- diagnostics ---------------------------------------------------------------------------------------------------

    @property
    def _pulls(self) -> bool:
        """True if the editor asks for diagnostics by itself."""
        documents = self.client_capabilities.text_document
        return bool(documents and documents.diagnostic)

    def diagnostics(self, document: Document) -> list[types.Diagnostic]:
        """The diagnostics of a document's queries, or why they could not be found."""
        queries = self.checked(document)
        self._seen[document.uri] = [checked.ontology for checked in queries]
        found = list(answers.diagnostics(queries))
        if document.found.problem:
            start = answers.range_of(document, Span(0, 0))
            found.append(
                types.Diagnostic(
                    start, document.found.problem, types.DiagnosticSeverity.Warning, "KQ503", source=answers.SOURCE
                )
            )
        return found

    def _schedule(self, document: Document, delay: float) -> None:
        """Tell the diagnostics when typing pauses; what was about to be sent is out of date."""
        if self._pulls:
            return
        timer = self._timers.pop(document.uri, None)
        if timer:
            timer.cancel()
        loop = asyncio.get_running_loop()
        self._timers[document.uri] = loop.call_later(delay, self._publish, document.uri)

    def _publish(self, uri: str) -> None:
        document = self.documents.get(uri)
        if document:
            found = self.diagnostics(document)
            self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, found, document.version))

    # -- what changes outside of documents -----------------------------------------------------------------------------

    def start_watching(self) -> None:
        """Begin to look at ontologies and exports, and at whether the editor is still there."""
        self._loop = asyncio.get_running_loop()
        self._watcher = self._loop.create_task(self._watch())

    async def _watch(self) -> None:
        pause = WATCH
        while True:
            await asyncio.sleep(pause)
            if self.process_id and not _is_alive(self.process_id):
                os._exit(1)  # a thread that waits for input would keep the process
            started = time.perf_counter()
            self.refresh()
            pause = max(WATCH, 10 * (time.perf_counter() - started))  # however many documents are open

    def refresh(self) -> None:
        """Say anew what depends on an ontology that has changed."""
        changed = False
        for document in list(self.documents.values()):
            against = [checked.ontology for checked in self.checked(document)]
            if self._seen.get(document.uri, against) != against:
                changed = True
                self._schedule(document, 0)
        if not changed:
            return
        workspace = self.client_capabilities.workspace
        if self._pulls and workspace and workspace.diagnostics and workspace.diagnostics.refresh_support:
            self.workspace_diagnostic_refresh(None)
        if workspace and workspace.inlay_hint and workspace.inlay_hint.refresh_support:
            self.workspace_inlay_hint_refresh(None)

    def count(self, checked: Checked) -> Count | None:
        """The number of labels that match, where an export is configured and the count is there."""
        export = self._ontologies.export(checked.document.path)
        if (
            export is None
            or not checked.query.text
            or any(found.severity is Severity.ERROR for found in checked.diagnostics)
        ):
            return None
        return self._counts.get(Question(export, checked.query.text), checked.ontology)

    def _counted(self) -> None:
        """A count has come, on another thread."""
        if self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._refresh_lenses)

    def _refresh_lenses(self) -> None:
        workspace = self.client_capabilities.workspace
        if workspace and workspace.code_lens and workspace.code_lens.refresh_support:
            self.workspace_code_lens_refresh(None)

    def lenses(self, document: Document) -> Iterator[types.CodeLens]:
        """Above each query the number of labels that match it."""
        export = self._ontologies.export(document.path)
        if export is None:
            return
        texts = {query.text for other in self.documents.values() for query in other.found.queries}
        self._counts.forget(export, texts)
        for checked in self.checked(document):
            count = self.count(checked)
            if count:
                place = checked.range(Span(0, len(checked.query.text)))
                yield types.CodeLens(place, types.Command(str(count), ""))

    # -- edits ---------------------------------------------------------------------------------------------------------

    def workspace_edit(self, edits: dict[str, list[types.TextEdit]]) -> types.WorkspaceEdit:
        """Edits of several documents, bound to their versions where the editor can tell them apart."""
        workspace = self.client_capabilities.workspace
        if not (workspace and workspace.workspace_edit and workspace.workspace_edit.document_changes):
            return types.WorkspaceEdit(changes=edits)
        return types.WorkspaceEdit(
            document_changes=[
                types.TextDocumentEdit(
                    types.OptionalVersionedTextDocumentIdentifier(uri, self.documents[uri].version), list(changed)
                )
                for uri, changed in edits.items()
            ]
        )

    def renamed(self, name: assist.Name, new: str, ontology: Ontology | None) -> dict[str, list[types.TextEdit]]:
        """The edits that give a job or category another key, in all open documents of the same ontology.

        Raises
        ------
        JsonRpcInvalidParams: a place where the new key cannot be written.
        """
        edits: dict[str, list[types.TextEdit]] = {}
        for uri, document in self.documents.items():
            for checked in self.checked(document):
                if checked.ontology is not ontology:
                    continue
                for fix in assist.renames(checked.query.text, name, new):
                    edit = checked.edit(fix)
                    if edit is None:
                        line = checked.range(fix.span).start.line + 1
                        raise JsonRpcInvalidParams(f"`{new}` cannot be written at line {line} of {document.path}")
                    edits.setdefault(uri, []).append(edit)
        return edits

    def actions(self, document: Document, wanted: types.Range, only: list[str]) -> Iterator[types.CodeAction]:
        """Quick fixes of what is wrong in a range, its layout, and the repair of the whole document."""
        start, end = (answers.offset_of(document, position) for position in (wanted.start, wanted.end))
        all_queries = self.checked(document)
        touched = {query.start for query in document.queries_within(Span(start, end))}
        for checked in all_queries:
            if checked.query.start not in touched:
                continue
            for action, fix in answers.repairs(checked, start, end):
                yield self._action(document, action)
                yield from self._rename_everywhere(checked, action, fix)
            edit = answers.layout(checked)
            if edit:
                yield self._action(document, Action("format the query", types.CodeActionKind.RefactorRewrite, [edit]))
        if any(answers.FIX_ALL.startswith(kind) for kind in only) or touched:
            edits = answers.all_repairs(all_queries)
            if edits:
                yield self._action(document, Action("repair all queries of the file", answers.FIX_ALL, edits))

    def _rename_everywhere(self, checked: Checked, action: Action, fix: assist.QuickFix) -> Iterator[types.CodeAction]:
        """A name that the ontology has no more may stand in many places."""
        if not fix.preferred or fix.diagnostic.code not in ("KQ201", "KQ202", "KQ205", "KQ206", "KQ209"):
            return
        name = assist.name_at(checked.query.text, fix.fix.span.start)
        if name is None or name.span != fix.fix.span:
            return
        new = assist.key_from_text(fix.fix.text)
        try:
            edits = self.renamed(name, new, checked.ontology)
        except JsonRpcInvalidParams:
            return
        if sum(map(len, edits.values())) > 1:
            title = f"rename `{name.key}` to `{new}` in all open files"
            yield types.CodeAction(
                title,
                types.CodeActionKind.QuickFix,
                [action.diagnostic] if action.diagnostic else None,
                edit=self.workspace_edit(edits),
            )

    def _action(self, document: Document, action: Action) -> types.CodeAction:
        return types.CodeAction(
            title=action.title,
            kind=action.kind,
            diagnostics=[action.diagnostic] if action.diagnostic else None,
            is_preferred=action.preferred or None,
            edit=self.workspace_edit({document.uri: action.edits}),
        )

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Tell the log of the editor, not the person, what went wrong with a message."""
        if self.protocol.writer is not None:
            self.window_log_message(types.LogMessageParams(types.MessageType.Error, f"kili-query: {error}"))


def _change(change: types.TextDocumentContentChangeEvent) -> Change:
    if isinstance(change, types.TextDocumentContentChangePartial):
        start, end = change.range.start, change.range.end
        return Change(change.text, Position(start.line, start.character), Position(end.line, end.character))
    return Change(change.text)


def _is_alive(process: int) -> bool:
    if os.name != "posix":  # elsewhere signal 0 is not a question
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
