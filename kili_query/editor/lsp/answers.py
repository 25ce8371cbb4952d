"""Answers to LSP requests, in the types of the protocol: pure functions of a document and an ontology."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from lsprotocol import types

from kili_query.editor.finding.embedded import Edit, EmbeddedQuery
from kili_query.editor.lsp.documents import Document, extent, pieces, smallest_fix
from kili_query.editor.positions import Position
from kili_query.errors import Diagnostic, Fix, QuerySyntaxError, Severity, Span
from kili_query.lang import assist
from kili_query.lang.assist import Kind, QuickFix, Role, Word
from kili_query.lang.parser import parse_tree
from kili_query.lang.printer import to_text
from kili_query.model.ontology import Ontology

SOURCE = "kili-query"
FIX_ALL = f"{types.CodeActionKind.SourceFixAll.value}.{SOURCE}"

_SEVERITIES = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.HINT: types.DiagnosticSeverity.Hint,
}
_KINDS = {
    Kind.JOB: types.CompletionItemKind.Class,
    Kind.CATEGORY: types.CompletionItemKind.EnumMember,
    Kind.COUNT: types.CompletionItemKind.Property,
    Kind.OPERATOR: types.CompletionItemKind.Operator,
    Kind.KEYWORD: types.CompletionItemKind.Keyword,
    Kind.NUMBER: types.CompletionItemKind.Value,
    Kind.PUNCTUATION: types.CompletionItemKind.Text,
}
_TOKENS = {
    Role.JOB: "class",
    Role.CATEGORY: "enumMember",
    Role.COUNT: "property",
    Role.KEYWORD: "keyword",
    Role.OPERATOR: "operator",
    Role.NUMBER: "number",
    Role.PUNCTUATION: "punctuation",
    Role.COMMENT: "comment",
}
_MARKDOWN = re.compile(
    r"^(?P<fence>`{3,})\w*\n(?P<lines>[\s\S]*?)\n(?P=fence)$|(?P<code>(?P<ticks>`+)[^`\n].*?(?P=ticks))|\\(?P<char>[^\w\s])|\*\*",
    re.MULTILINE,
)
LEGEND = types.SemanticTokensLegend(token_types=list(_TOKENS.values()), token_modifiers=[])


class Checked(NamedTuple):
    """A query of a document, and what it is checked against."""

    document: Document
    query: EmbeddedQuery
    ontology: Ontology | None

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """Its diagnostics."""
        return self.document.diagnose(self.query, self.ontology)

    def range(self, span: Span) -> types.Range:
        """A part of the query as a range of the document."""
        plain = self.document.plain_start(self.query)
        if plain is None:
            return range_of(self.document, self.query.locate(span))
        (line, column), length = plain, len(self.query.text)
        start, end = (types.Position(line, column + min(max(offset, 0), length)) for offset in span)
        return types.Range(start, end)

    def edit(self, fix: Fix) -> types.TextEdit | None:
        """The edit of the document that makes a fix of the query."""
        return text_edit(self.document, self.query.replace(fix))


def range_of(document: Document, span: Span) -> types.Range:
    """A part of the document as a range."""
    return types.Range(_position(document, span.start), _position(document, span.end))


def _position(document: Document, offset: int) -> types.Position:
    line, character = document.lines.position(offset)
    return types.Position(line, character)


def offset_of(document: Document, position: types.Position) -> int:
    """The offset of a position."""
    return document.lines.offset(Position(position.line, position.character))


def text_edit(document: Document, edit: Edit | None) -> types.TextEdit | None:
    """An edit, as the protocol has it."""
    return edit and types.TextEdit(range_of(document, edit.span), edit.text)


# -- diagnostics and repairs -------------------------------------------------------------------------------------------


def diagnostics(queries: Iterable[Checked]) -> Iterator[types.Diagnostic]:
    """Diagnostics of queries."""
    for checked in queries:
        for found in checked.diagnostics:
            yield _diagnostic(checked, found)


def _diagnostic(checked: Checked, found: Diagnostic) -> types.Diagnostic:
    return types.Diagnostic(
        range=checked.range(found.span),
        message=found.message + (f"\n{found.hint}" if found.hint else ""),
        severity=_SEVERITIES[found.severity],
        code=found.code,
        source=SOURCE,
        tags=[types.DiagnosticTag.Unnecessary] if found.code == "KQ304" else None,
    )


class Action(NamedTuple):
    """A code action whose edits are of one document."""

    title: str
    kind: types.CodeActionKind | str
    edits: list[types.TextEdit]
    diagnostic: types.Diagnostic | None = None
    preferred: bool = False


def repairs(checked: Checked, start: int, end: int) -> Iterator[tuple[Action, QuickFix]]:
    """The quick fixes of the diagnostics that touch a part of the document."""
    for found in checked.diagnostics:
        place = checked.query.locate(found.span)
        if place.start > end or place.end < start:
            continue
        for fix in assist.quick_fixes(checked.query.text, checked.ontology, [found]):
            edit = checked.edit(fix.fix)
            if edit:
                kind = types.CodeActionKind.QuickFix
                yield Action(fix.title, kind, [edit], _diagnostic(checked, found), fix.preferred), fix


def all_repairs(queries: Iterable[Checked]) -> list[types.TextEdit]:
    """The edits that repair all that repairs itself."""
    edits: list[types.TextEdit] = []
    for checked in queries:
        if not any(found.fix and found.fix.safe and found.severity is Severity.ERROR for found in checked.diagnostics):
            continue
        text = checked.query.text
        repaired = assist.fix_all(text, checked.ontology)
        if repaired == text:
            continue
        edit = checked.edit(smallest_fix(text, repaired))
        if edit:
            edits.append(edit)
            continue
        # the whole cannot be written in one literal: what can be repaired in one place
        taken = -1
        for found in checked.diagnostics:
            safe = found.fix and found.fix.safe and found.severity is Severity.ERROR
            edit = checked.edit(found.fix) if found.fix and safe else None
            if edit and found.fix and found.fix.span.start > taken:
                edits.append(edit)
                taken = found.fix.span.end
    return edits


def layout(checked: Checked, width: int = 88) -> types.TextEdit | None:
    """The edit that puts the query into canonical form: over lines only where the literal has lines already."""
    text = checked.query.text
    formatted = assist.format_text(text, width)
    if formatted is None:
        return None
    if checked.document.is_query_file:
        formatted += "\n"
    elif "\n" not in text:
        formatted = to_text(parse_tree(text))
    else:  # white space around the query belongs to the literal
        inner = text.strip()
        start = text.index(inner)
        formatted = text[:start] + formatted + text[start + len(inner) :]
    return None if formatted == text else checked.edit(smallest_fix(text, formatted))


# -- completion, hover, names ------------------------------------------------------------------------------------------


def completions(checked: Checked, offset: int, *, markdown: bool = True) -> types.CompletionList:
    """What can be written at an offset of the query, for an editor that shows Markdown or does not."""
    items: list[types.CompletionItem] = []
    for order, found in enumerate(assist.complete(checked.query.text, offset, checked.ontology)):
        edit = checked.edit(Fix(found.span, found.text))
        if edit is None or edit.range.start.line != edit.range.end.line:
            continue
        fits = found.label.startswith(found.typed)
        items.append(
            types.CompletionItem(
                label=found.label,
                kind=_KINDS[found.kind],
                detail=found.detail or None,
                documentation=_documentation(found.documentation, markdown) if found.documentation else None,
                sort_text=f"{order:05}",
                filter_text=found.label if fits else found.typed + found.label,  # what is typed, then the nearest
                text_edit=edit,
            )
        )
    return types.CompletionList(is_incomplete=True, items=items)


def hover(checked: Checked, offset: int, note: str = "", *, markdown: bool = True) -> types.Hover | None:
    """What stands at an offset of the query, and a note on the query, for an editor that shows Markdown or does not."""
    found = assist.hover(checked.query.text, offset, checked.ontology)
    if found is None:
        return None
    text = f"{found.markdown}\n\n{note}" if note else found.markdown
    return types.Hover(_markup(text, markdown), checked.range(found.span))


def _markup(text: str, markdown: bool) -> types.MarkupContent:
    if markdown:
        return types.MarkupContent(types.MarkupKind.Markdown, text)
    return types.MarkupContent(types.MarkupKind.PlainText, _MARKDOWN.sub(_as_it_is, text))


def _documentation(text: str, markdown: bool) -> types.MarkupContent | str:
    content = _markup(text, markdown)
    return content if markdown else content.value  # which is for all: an editor may know no kind of content


def _as_it_is(mark: re.Match[str]) -> str:
    return mark["code"] or mark["lines"] or mark["char"] or ""


def symbols(checked: Checked) -> types.DocumentSymbol:
    """The query and its comparisons, for an outline."""
    text = checked.query.text
    whole = range_of(checked.document, extent(checked.query))
    inner = [
        types.DocumentSymbol(
            name=symbol.name,
            detail=symbol.detail,
            kind=types.SymbolKind.EnumMember,
            range=checked.range(symbol.span),
            selection_range=checked.range(symbol.selection),
        )
        for symbol in checked.document.symbols(checked.query, checked.ontology)
    ]
    title = " ".join(_without_comments(text).split()) or "empty query"
    title = title if len(title) <= 60 else title[:59] + "…"
    return types.DocumentSymbol(title, types.SymbolKind.String, whole, whole, checked.query.context, children=inner)


def _without_comments(text: str) -> str:
    if "#" not in text:
        return text
    try:
        return to_text(parse_tree(text))
    except QuerySyntaxError:
        return text


def hints(checked: Checked) -> Iterator[types.InlayHint]:
    """The display names of categories."""
    for hint in checked.document.hints(checked.query, checked.ontology) if checked.ontology else ():
        yield types.InlayHint(
            position=checked.range(Span(hint.offset - 1, hint.offset)).end,
            label=hint.text,
            tooltip=hint.tooltip,
            padding_left=True,
        )


def tokens(queries: Iterable[Checked]) -> types.SemanticTokens:
    """The tokens of queries by role: line and column relative to the token before, length, role."""
    data: list[int] = []
    roles = {role: number for number, role in enumerate(_TOKENS)}
    last = (0, 0)
    for checked in queries:
        for word, line, column, length in _placed(checked):
            if word.role in roles:
                data += (line - last[0], column - (last[1] if line == last[0] else 0), length, roles[word.role], 0)
                last = (line, column)
    return types.SemanticTokens(data)


def _placed(checked: Checked) -> Iterator[tuple[Word, int, int, int]]:
    """The tokens of a query with line, column and length: once for each literal and each line that a token lies in."""
    document, query = checked.document, checked.query
    lines, text = document.lines, document.text
    plain = document.plain_start(query)
    if plain is not None:
        line, column = plain
        for word in document.words(query):
            yield word, line, column + word.span.start, word.span.end - word.span.start
        return
    for word in document.words(query):
        for piece in pieces(query, word.span):
            start = piece.start
            while start < piece.end:
                newline = text.find("\n", start, piece.end)
                end = piece.end if newline < 0 else newline
                line, column = lines.position(start)
                length = lines.position(end).character - column
                if length > 0:
                    yield word, line, column, length
                start = end + 1
