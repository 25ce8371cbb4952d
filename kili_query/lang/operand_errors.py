"""An operand that is not `JOB.CATEGORY.count`: which part is missing or wrong, and what would work."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from kili_query.errors import Diagnostic, Fix, Span
from kili_query.lang.assist import nearest
from kili_query.lang.lookahead import A_COUNT, At, end_of, foreign_space, shown
from kili_query.lang.printer import name_to_text
from kili_query.model.ontology import is_plain_name

_OPERAND_TEXT = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^<>=!~≤≥≠()&|,#\n"])*')
_KEYWORD_AFTER = re.compile(r"[ \t](?:AND|OR|IN|NOT|and|or|in|not)(?=[ \t(]|$)")
_PART = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^."])*')

_QUOTES = "'`´‘’“”„«»"


class _Part(NamedTuple):
    """A piece of an operand between dots, as it is written."""

    text: str
    span: Span

    @property
    def quoted(self) -> bool:
        return len(self.text) > 1 and self.text[0] == '"' == self.text[-1]

    @property
    def good(self) -> bool:
        return is_plain_name(self.text) or re.fullmatch(r'"(?:[^"\\]|\\["\\])*"', self.text) is not None


def diagnose_operand(at: At) -> Diagnostic:
    """An operand that is not `JOB.CATEGORY.count`: which part is missing or wrong."""
    parts, end = _parts(at)
    found = foreign_space(_first_odd_space(at, end)) or next(filter(None, map(_malformed_quotes, parts)), None)
    if found:
        return found
    if at.text[end : end + 1] == '"' and not parts[-1].quoted:
        span = Span(end, len(at.text))
        return Diagnostic("KQ114", "the quoted name is not closed", span, 'a name in quotes ends with `"`')
    finished = not at.moved(end).at_end
    names, last = parts[:-1], parts[-1]
    if not finished and _is_prefix(parts):
        hint = "a comparison is written `JOB.CATEGORY.count > 0`"
        return Diagnostic("KQ102", f"the text ends inside {A_COUNT}", end_of(at), hint)
    joined = re.fullmatch(r"([A-Za-z][\w*-]*)\s*[:/]\s*count", last.text)
    if joined and len(names) == 1:  # J.C:count
        text = f"{joined[1]}.count"
        return Diagnostic("KQ108", f"`{last.text}` is one name", last.span, f"write `{text}`", Fix(last.span, text))
    if last.text.lower() != "count":
        return _without_count(parts)
    if len(names) < 2 or not names[0].text or not names[1].text:
        return _incomplete(names, last)
    for name in names:
        if not name.good:
            return _needs_quotes(name, names)
    if len(names) > 2:
        return _too_many(names)
    edited = Span(last.span.start, last.span.end + 2 * at.text.startswith("()", last.span.end))
    return Diagnostic("KQ104", f"`{last.text}` is written `count`", last.span, None, Fix(edited, "count"))


def _parts(at: At) -> tuple[list[_Part], int]:
    """The pieces between dots from here to what cannot belong to an operand, and where that is."""
    found = _OPERAND_TEXT.match(at.text, at.position)
    end = found.end() if found else at.position
    keyword = _KEYWORD_AFTER.search(at.text, at.position, end)
    end = keyword.start() if keyword else end
    parts, start = [], at.position
    while True:
        match = _PART.match(at.text, start, end)
        piece = match[0] if match else ""
        inner = piece.strip()
        left = start + len(piece) - len(piece.lstrip())
        parts.append(_Part(inner, Span(left, left + len(inner))))
        start += len(piece) + 1
        if start > end or at.text[start - 1] != ".":
            return parts, end


def _first_odd_space(at: At, end: int) -> At:
    """The place of the first white space that is none of the language's, outside quotes; the end if there is none."""
    for piece in _QUOTED_OR_ONE.finditer(at.text, at.position, end):
        char = piece[0]
        if len(char) == 1 and char not in " \t\r\n" and (char.isspace() or unicodedata.category(char) == "Cf"):
            return at._replace(position=piece.start())
    return at._replace(position=len(at.text))


_QUOTED_OR_ONE = re.compile(r'"(?:[^"\\]|\\.)*"|.', re.DOTALL)


def _malformed_quotes(part: _Part) -> Diagnostic | None:
    if part.quoted:
        escapes = re.finditer(r"\\.", part.text[1:-1], re.DOTALL)
        wrong = next((escape for escape in escapes if escape[0][1] not in '"\\'), None)
        if wrong:
            start = part.span.start + 1 + wrong.start()
            span = Span(start, start + 2)
            hint = r"the escapes are `\"` and `\\`"
            return Diagnostic("KQ114", f"`{wrong[0]}` is not an escape", span, hint, Fix(span, "\\" + wrong[0]))
    return None


def _is_prefix(parts: Sequence[_Part]) -> bool:
    """True if more text could make an operand of the parts."""
    *names, last = parts
    if not all(name.good for name in names):
        return False
    if len(parts) < 3:
        return not last.text or last.good
    return len(parts) == 3 and "count".startswith(last.text)


def _without_count(parts: Sequence[_Part]) -> Diagnostic:
    last = parts[-1]
    if len(parts) == 1:
        hint = "a count names a job and a category: `JOB.CATEGORY.count`"
        return Diagnostic("KQ110", f"`{shown(last.text)}` is not a count: the job is missing", last.span, hint)
    if not parts[0].text:
        return _incomplete(parts, last)
    if len(parts) == 2 and parts[1].text:
        bad = next((part for part in parts if not part.good), None)
        if bad:
            return _needs_quotes(bad, parts)
        after = Span(last.span.end, last.span.end)
        text = f"{parts[0].text}.{last.text}"
        message = f"`.count` is missing after `{shown(text)}`"
        return Diagnostic("KQ108", message, last.span, f"write `{shown(text)}.count`", Fix(after, ".count"))
    if len(parts) == 2:
        return _incomplete(parts[:1], last)
    if len(parts) == 3 and (nearest(last.text, ["count"]) or last.text.lower() in ("n", "num", "number", "total")):
        message = f"`.count` is missing: `{shown(last.text)}` stands in its place"
        return Diagnostic(
            "KQ108", message, last.span, "`count` is all that a query can ask for", Fix(last.span, "count")
        )
    return _too_many(parts)


_JOINED = re.compile(r"""([A-Za-z][\w*-]*)(?:[/:]|\[["']?)([A-Za-z][\w*-]*)(?:["']?\])?""")


def _incomplete(names: Sequence[_Part], last: _Part) -> Diagnostic:
    hint = "a count names a job and a category: `JOB.CATEGORY.count`"
    joined = _JOINED.fullmatch(names[0].text) if len(names) == 1 else None
    if joined:  # J/C.count, J["C"].count
        text, span = f"{joined[1]}.{joined[2]}", names[0].span
        message = f"`{names[0].text}` is one name: a dot joins job and category"
        return Diagnostic("KQ109", message, span, f"write `{text}.count`", Fix(span, text))
    if names and names[0].text:
        return Diagnostic("KQ109", f"the category is missing after `{shown(names[0].text)}`", last.span, hint)
    return Diagnostic(
        "KQ110", "the job is missing", last.span if not names or not names[-1].text else names[-1].span, hint
    )


def _needs_quotes(name: _Part, names: Sequence[_Part]) -> Diagnostic:
    bare = name.text.strip(_QUOTES + '"')
    written = name_to_text(bare)
    reason = (
        "names stand in double quotes"
        if name.text[:1] in _QUOTES
        else "a plain name is a letter, then letters, digits, `_`, `-`, `*`"
    )
    fix = Fix(name.span, written)
    bad = [part for part in names if not part.good]
    if len(bad) > 1:  # one edit for both
        texts = [name_to_text(part.text.strip(_QUOTES + '"')) if not part.good else part.text for part in names]
        fix = Fix(Span(names[0].span.start, names[-1].span.end), ".".join(texts))
    return Diagnostic(
        "KQ107", f"`{shown(name.text)}` needs quotes: {reason}", name.span, f"write `{shown(fix.text)}`", fix
    )


def _too_many(names: Sequence[_Part]) -> Diagnostic:
    names = [name for name in names if name.text]
    extra = names[2:] or names[-1:]
    direct = ".".join(name.text for name in names[-2:])
    inner = name_to_text(".".join(name.text for name in names[1:]))
    message = "a count names one job and one category, and this names more"
    hint = f"a nested job is named without its parent: `{direct}.count`; a key with a dot is quoted: `{names[0].text}.{inner}.count`"
    return Diagnostic("KQ101", message, Span(extra[0].span.start, extra[-1].span.end), hint)
