"""What was found in files, for people and for the programs of code review: text, JSON, GitHub, SARIF."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kili_query import __version__
from kili_query.editor.lint.linting import FileReport, Finding, Place
from kili_query.editor.paths import shown_path
from kili_query.errors import CODES, DataError, Severity, Span
from kili_query.errors import shown as escaped

_SARIF_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.HINT: "note"}
_GITHUB_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.HINT: "notice"}
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def as_text(finding: Finding, *, color: bool = False) -> str:
    """A finding for people: where, what, and carets under the exact part of the line in its file.

    Only the first line of a longer part is shown.
    """
    place = finding.place
    start = place.column - 1
    end = place.end_column - 1 if place.end_line == place.line else len(place.source_line)
    shown = replace(finding.diagnostic, span=Span(start, max(start, end)))
    return f"{escaped(_where(finding.path, place))}: {shown.render(place.source_line, color=color)}"


def _where(path: str, place: Place) -> str:
    cell = f"cell {place.cell}:" if place.cell else ""
    return f"{shown_path(path)}:{cell}{place.line}:{place.column}"


def as_json(reports: Iterable[FileReport], problems: Iterable[DataError]) -> str:
    """All findings and problems as a JSON object; lines and columns from 1, spans in code points of the file."""
    reports, problems = list(reports), list(problems)
    rows = [_row(finding) for report in reports for finding in report.findings]
    data = {
        "findings": rows,
        "problems": [_problem(error) for error in problems],
        "summary": {
            "files": len(reports),
            "queries": sum(report.queries for report in reports),
            "findings": len(rows),
            "fixed": sum(report.fixed for report in reports),
            "not_checked": sum(report.unchecked for report in reports),
        },
    }
    return json.dumps(data, indent=2)


def _problem(error: DataError) -> dict[str, str]:
    """What is wrong with a file. The position inside it, such as a JSON path, goes to the message."""
    file, _, inside = error.where.partition(": ")
    message = f"{inside}: {error.message}" if inside else error.message
    return {"file": shown_path(file), "code": error.code, "message": message}


def _row(finding: Finding) -> dict[str, object]:
    diagnostic, place = finding.diagnostic, finding.place
    edits = [{"span": edit.span._asdict(), "text": edit.text} for edit in finding.edits]
    return {
        "file": shown_path(finding.path),
        **({"cell": place.cell} if place.cell else {}),
        "line": place.line,
        "column": place.column,
        "end_line": place.end_line,
        "end_column": place.end_column,
        "code": diagnostic.code,
        "severity": str(diagnostic.severity),
        "message": diagnostic.message,
        "hint": diagnostic.hint,
        "span": finding.span._asdict(),
        "edits": edits,
        "query": finding.query.text,
        "context": finding.query.context,
    }


def as_github(reports: Iterable[FileReport], problems: Iterable[DataError]) -> str:
    """Commands of a GitHub workflow: each finding becomes an annotation of its line."""
    lines = []
    for finding in (finding for report in reports for finding in report.findings):
        diagnostic, place = finding.diagnostic, finding.lines
        cell = f"cell {finding.place.cell}, line {finding.place.line}: " if finding.place.cell else ""
        message = cell + diagnostic.message + (f"\nhint: {diagnostic.hint}" if diagnostic.hint else "")
        where = {"file": shown_path(finding.path), "line": place.line, "endLine": place.end_line}
        if place.line == place.end_line:  # GitHub takes columns within one line
            where |= {"col": place.column, "endColumn": place.end_column}
        lines.append(_command(_GITHUB_LEVELS[diagnostic.severity], where | {"title": diagnostic.code}, message))
    for problem in map(_problem, problems):
        lines.append(_command("warning", {"file": problem["file"], "title": problem["code"]}, problem["message"]))
    return "\n".join(lines)


def _command(level: str, properties: dict[str, Any], message: str) -> str:
    written = ",".join(f"{key}={_escaped(str(value), ':,')}" for key, value in properties.items())
    return f"::{level} {written}::{_escaped(message)}"


def _escaped(text: str, more: str = "") -> str:
    for char in "%\r\n" + more:
        text = text.replace(char, f"%{ord(char):02X}")
    return text


def as_sarif(reports: Iterable[FileReport], problems: Iterable[DataError]) -> str:
    """A SARIF 2.1.0 log, as code scanning reads it. What could not be read is reported as notifications."""
    findings = [finding for report in reports for finding in report.findings]
    problems = list(problems)
    driver = {
        "name": "kili-query",
        "version": __version__,
        "semanticVersion": __version__,
        "rules": [_rule(code) for code in CODES],
        "notifications": [_rule(code) for code in sorted({error.code for error in problems})],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [_notification(error) for error in problems],
            }
        ],
        "results": [_result(finding) for finding in findings],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(code: str) -> dict[str, object]:
    """The rule of code scanning (SARIF) for a diagnostic code. It asks for a full description too, and filters by the name."""
    title, severity = CODES[code]
    sentence = {"text": f"{title[0].upper()}{title[1:]}."}
    return {
        "id": code,
        "name": "".join(word[0].upper() + word[1:] for word in re.findall(r"\w+", title)),
        "shortDescription": sentence,
        "fullDescription": sentence,
        "help": {"text": f"docs/errors/{code}.md", "markdown": f"[{code}](docs/errors/{code}.md)"},
        "defaultConfiguration": {"level": _SARIF_LEVELS[severity]},
    }


def _notification(error: DataError) -> dict[str, object]:
    problem = _problem(error)
    place = {"physicalLocation": {"artifactLocation": _artifact(problem["file"])}}
    return {
        "descriptor": {"id": problem["code"]},
        "level": "warning",
        "message": {"text": problem["message"]},
        "locations": [place],
    }


def _result(finding: Finding) -> dict[str, object]:
    diagnostic = finding.diagnostic
    artifact = _artifact(finding.path)
    hint = f"\nhint: {diagnostic.hint}" if diagnostic.hint else ""
    result: dict[str, object] = {
        "ruleId": diagnostic.code,
        "ruleIndex": list(CODES).index(diagnostic.code),
        "level": _SARIF_LEVELS[diagnostic.severity],
        "message": {"text": diagnostic.message + hint},
        "locations": [{"physicalLocation": {"artifactLocation": artifact, "region": _region(finding.lines)}}],
    }
    if finding.edits:
        replacements = [
            {
                "deletedRegion": {"charOffset": edit.span.start, "charLength": edit.span.end - edit.span.start},
                "insertedContent": {"text": edit.text},
            }
            for edit in finding.edits
        ]
        result["fixes"] = [
            {
                "description": {"text": diagnostic.hint or diagnostic.message},
                "artifactChanges": [{"artifactLocation": artifact, "replacements": replacements}],
            }
        ]
    return result


def _region(place: Place) -> dict[str, int]:
    return {
        "startLine": place.line,
        "startColumn": place.column,
        "endLine": place.end_line,
        "endColumn": place.end_column,
    }


def _artifact(path: str) -> dict[str, str]:
    shown = shown_path(path)
    if os.path.isabs(shown):
        return {"uri": Path(shown).as_uri()}
    return {"uri": quote(shown.replace(os.sep, "/"), safe="/", errors="surrogateescape")}
