"""Syntax errors in an operand, which is no `JOB.CATEGORY.count`: which part is missing or wrong, and what would work."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from kili_query.errors import Diagnostic, Fix, Span
from kili_query.lang.lexis import ALL_NAMES, QUOTED, QUOTED_LOOSELY, name_to_text, unquote
from kili_query.lang.mistakes.field import instead_of_count
from kili_query.lang.mistakes.place import A_COUNT, QUOTES, At, end_of, foreign_character, is_foreign, unexpected
from kili_query.lang.wording import nearest, shown
from kili_query.model.ontology import is_plain_name

_OPERAND_TEXT = re.compile(rf'(?:{QUOTED_LOOSELY}|[^<>=!~≤≥≠()&|,#\n"])*+')
_KEYWORD_AFTER = re.compile(r"[ \t](?:AND|OR|IN|NOT|and|or|in|not)(?=[ \t(]|$)")
_PART = re.compile(rf'(?:{QUOTED_LOOSELY}|[^."])*+')
_GOOD_QUOTED = re.compile(QUOTED)
_QUOTED_OR_ODD = re.compile(rf'{QUOTED_LOOSELY}|"[\s\S]*+|[^\w\x20-\x7e\t\r\n]')
"""What is in quotes, closed or not, or outside them a character that is neither a letter nor of ASCII."""

_NAME = rf"(?:{QUOTED_LOOSELY}|[A-Za-z](?:[\w*]|-(?!>))*+|\*)"
_LINK = r"\s*+(?:\.(?!\s*+\.)|::?|->|=>|[/\\;,．。·])\s*+"
_BRACKETED = rf"\s*+\[\s*+(?:{QUOTED_LOOSELY}|'[^'\]]*+'|[^\]'\"\s]++)\s*+\]"
_JOINED = re.compile(
    rf"(?P<job>{_NAME})(?:(?P<first>{_LINK})(?P<category>{_NAME})|(?P<boxed>{_BRACKETED}))"
    r"(?:(?P<second>" + _LINK + r"|\s++)(?:count|Count|COUNT)\b|\s*+\[\s*+['\"]?count['\"]?\s*+\])"
)
"""A whole operand with other signs than dots between its parts."""
_BARE = r"(?:[A-Za-z][\w*-]*+|\*)"
_CALL = re.compile(
    rf"(?P<function>[A-Za-z_]\w*+)\s*+\(\s*+[{QUOTES}]?(?P<job>{_BARE})[{QUOTES}]?\s*+"
    rf"(?:[.,]\s*+(?!count\s*+[{QUOTES}]?\s*+\))[{QUOTES}]?(?P<category>{_BARE})[{QUOTES}]?)?"
    rf"(?:\s*+\.\s*+count)?\s*+[{QUOTES}]?\s*+\)"
)
_QUOTED_COUNT = re.compile(rf"[{QUOTES}]({_BARE}\.{_BARE}\.count)[{QUOTES}]")
_SEVERAL = re.compile(
    rf"(?P<job>{_NAME})\s*+\.\s*+[(\[{{]?\s*+(?P<one>{_NAME})\s*+(?:,|[|&]|\bOR\b|\bAND\b|/)\s*+(?P<other>{_NAME})[^.<>=]*+\.\s*+count\b"
)
_LIKE_A_NAME = re.compile(rf"(?:[^\W_]|_(?!.*\s)|[{QUOTES}])[^{{}}$\[\]]*+", re.DOTALL)
"""What can be meant as a name. A sign before it is more likely of a list, brackets are of another language."""
_AS_COUNT = (
    "n", "num", "number", "total", "size", "length", "len", "sum", "value", "values", "amount", "quantity", "qty", "cnt",
    "anzahl", "nombre",
)  # fmt: skip
"""What people write in place of `count`."""


_MOST_PARTS = 20
"""More pieces than these are not looked at: three would do."""


class _Part(NamedTuple):
    """A piece of an operand between dots, as it is written."""

    text: str
    span: Span

    @property
    def quoted(self) -> bool:
        return len(self.text) > 1 and self.text[0] == '"' == self.text[-1]

    @property
    def good(self) -> bool:
        return self.text == ALL_NAMES or is_plain_name(self.text) or _GOOD_QUOTED.fullmatch(self.text) is not None


def diagnose_operand(at: At) -> Diagnostic:
    """An operand that is not `JOB.CATEGORY.count`: which part is missing or wrong."""
    parts, end = _parts(at)
    found = (
        foreign_character(_first_foreign(at, end))
        or _called(at)
        or _in_quotes(at)
        or _joined(at)
        or next(filter(None, map(_malformed_quotes, parts)), None)
    )
    if found:
        return found
    if at.text[end : end + 1] == '"' and not parts[-1].quoted:
        span = Span(end, len(at.text))
        return Diagnostic("KQ114", "the quoted name is not closed", span, 'a name in quotes ends with `"`')
    finished = not at.moved(end).at_end
    if not finished and _is_prefix(parts):
        hint = "a comparison is written `JOB.CATEGORY.count > 0`"
        return Diagnostic("KQ102", f"the text ends inside {A_COUNT}", end_of(at), hint)
    if not any(part.text for part in parts):
        return unexpected(at, A_COUNT, "a comparison is written `JOB.CATEGORY.count > 0`")
    names, last = [part for part in parts[:-1] if part.text], parts[-1]
    dots = len(parts) - 1 - len(names)
    if last.text.lower() == "count" and len(names) == 2 and dots and all(name.good for name in names):
        return _dots(names, last, parts[0].span.start)
    if several := _SEVERAL.match(at.text, at.position):
        message, hint = "a count names one category, and this names more", "join two comparisons by `AND` or `OR`"
        return Diagnostic("KQ101", message, Span(*several.span()), hint)
    called = at.text.startswith("()", last.span.end)
    if at.text.startswith("(", last.span.end) and not called and len(parts) == 1:  # any(…)
        message = f"there are no functions such as `{shown(last.text)}`"
        return Diagnostic("KQ101", message, last.span, "a comparison is written `JOB.CATEGORY.count > 0`")
    if last.text.lower() != "count":
        if field := instead_of_count(at):
            return field
        found = _without_count(parts, called=called)
        return found if called or at.text[end : end + 1] != "(" else replace(found, fix=None)
    if len(names) < 2 or dots:
        return _incomplete(parts[:-1], last)
    if len(names) > 2:
        return _too_many(names)
    for name in names:
        if not name.good:
            return _needs_quotes(name, names)
    edited = Span(last.span.start, last.span.end + 2 * called)
    return Diagnostic("KQ104", f"`{last.text}` is written `count`", last.span, None, Fix(edited, "count"))


def _called(at: At) -> Diagnostic | None:
    """`COUNT(J.C)`, `sum(J)`: other languages have functions."""
    call = _CALL.match(at.text, at.position)
    if call is None:
        return None
    function = call["function"].lower()
    text = f"{call['job']}.{call['category'] or ALL_NAMES}.count"
    compared = not at.moved(call.end()).at_end and at.moved(call.end()).word[:1] in tuple("<>=!~≥≤≠iIb")
    meant = text if function == "count" or function in _AS_COUNT else None
    if function in ("exists", "has", "any", "contains") and not compared:
        meant = f"{text} > 0"
    fix = (
        Fix(Span(*call.span()), meant, safe=call["category"] is not None) if meant else None
    )  # one name may be a category
    message = f"there are no functions such as `{shown(call['function'])}`"
    what = "total" if ALL_NAMES in (call["job"], call["category"] or ALL_NAMES) else "count"
    return Diagnostic("KQ101", message, Span(*call.span()), f"a {what} is written `{shown(text)}`", fix)


def _in_quotes(at: At) -> Diagnostic | None:
    """`"J.C.count"`: a count in quotes is a name."""
    found = _QUOTED_COUNT.match(at.text, at.position)
    if found is None:
        return None
    span = Span(*found.span())
    return Diagnostic("KQ114", "the count stands in quotes", span, "remove them", Fix(span, found[1]))


def _joined(at: At) -> Diagnostic | None:
    """An operand whose parts are joined by other signs than dots: `J:C:count`, `J["C"].count`, `J.C count`."""
    found = _JOINED.match(at.text, at.position)
    if found is None:
        return None
    first, second = ((found[group] or "[").strip() for group in ("first", "second"))
    if first == second == "." or (first != second and {first, second} & {",", ";"}):
        return None
    job, category = found["job"], found["category"]
    if category is None:
        inner = found["boxed"].strip()[1:-1].strip()
        category = name_to_text(unquote(inner) if inner[0] == '"' else inner.strip("'"))
        category = inner if inner == ALL_NAMES else category
    text = f"{job}.{category}.count"
    # the code says what is missing where the text is read as it stands
    code, start = ("KQ108", found.start("category")) if first == "." else ("KQ110", found.start())
    end = found.end()
    if second == ".":
        code, end = "KQ109", max(found.end("category"), found.end("boxed"))
    span = Span(start, end)
    message = f"`{shown(at.text[slice(*span)])}` is one name: dots join job, category and `count`"
    return Diagnostic(code, message, span, f"write `{shown(text)}`", Fix(Span(*found.span()), text))


def _dots(names: Sequence[_Part], last: _Part, start: int) -> Diagnostic:
    """More dots than an operand has."""
    text = f"{names[0].text}.{names[1].text}.count"
    span = Span(start, last.span.end)
    return Diagnostic(
        "KQ101", "one dot stands between two parts of a count", span, f"write `{shown(text)}`", Fix(span, text)
    )


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
        if start > end or at.text[start - 1] != "." or len(parts) == _MOST_PARTS:
            return parts, end


def _first_foreign(at: At, end: int) -> At:
    """The position of the first foreign character outside quotes; the end if there is none."""
    for piece in _QUOTED_OR_ODD.finditer(at.text, at.position, end):
        if piece[0][0] != '"' and is_foreign(piece[0]):
            return at._replace(position=piece.start())
    return at._replace(position=len(at.text))


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


def _without_count(parts: Sequence[_Part], *, called: bool) -> Diagnostic:
    """No `count` at the end; `called`: parentheses come behind it."""
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
    first_two = [part.text for part in parts if part.text != "count"]
    if len(parts) == 3 and len(first_two) == 2 and all(part.good for part in parts):
        text = f"{'.'.join(first_two)}.count"
        span = Span(parts[0].span.start, last.span.end)
        return Diagnostic(
            "KQ108", "`count` stands behind job and category", span, f"write `{shown(text)}`", Fix(span, text)
        )
    if len(parts) == 3 and (nearest(last.text, ["count"]) or last.text.lower() in _AS_COUNT):
        bad = next((part for part in parts[:2] if not part.good), None)
        if bad and not bad.text:
            return _incomplete(parts[:2], last)
        if bad:
            return _needs_quotes(bad, parts[:2])
        message = f"`.count` is missing: `{shown(last.text)}` stands in its place"
        edited = Span(last.span.start, last.span.end + 2 * called)
        return Diagnostic("KQ108", message, last.span, "`count` is all that a query can ask for", Fix(edited, "count"))
    return _too_many(parts)


def _incomplete(names: Sequence[_Part], last: _Part) -> Diagnostic:
    hint = "a count names a job and a category: `JOB.CATEGORY.count`"
    counted = last.text == "count"
    if names and names[0].text:
        name, fix = shown(names[0].text), None
        if names[0].text == ALL_NAMES:
            hint = "`*.*.count` is the total of all jobs, `*.CATEGORY.count` that of a category"
        elif names[0].good:  # which of the two it is, an ontology knows
            hint = f"`{name}` is a category: `JOB.{name}.count`; or a job: `{name}.CATEGORY.count`, `{name}.*.count` in all"
        if counted and names[0].good and len(names) <= 2:
            at = names[1].span.start if len(names) == 2 else last.span.start
            fix = Fix(Span(at, at), ALL_NAMES + "." * (len(names) == 1), safe=False)
        return Diagnostic("KQ109", f"the job or the category is missing beside `{name}`", last.span, hint, fix)
    span = last.span if not names or not names[-1].text else names[-1].span
    if counted and len(names) == 2 and names[1].good:
        hint = f"`*.{shown(names[1].text)}.count` is the total of all jobs"
        fix = Fix(Span(names[0].span.start, names[0].span.start), ALL_NAMES, safe=False)
        return Diagnostic("KQ110", "the job is missing", span, hint, fix)
    return Diagnostic("KQ110", "the job is missing", span, hint)


def _needs_quotes(name: _Part, names: Sequence[_Part]) -> Diagnostic:
    bare = name.text.strip(QUOTES)
    if not bare.strip(ALL_NAMES):
        fix = Fix(name.span, ALL_NAMES)
        return Diagnostic("KQ107", f"`{shown(bare)}` is not a name", name.span, "one `*` stands for all names", fix)
    written = name_to_text(bare)
    reason = (
        "names stand in double quotes"
        if name.text[:1] in QUOTES
        else "a plain name is a letter, then letters, digits, `_`, `-`, `*`"
    )
    fix = Fix(name.span, written)
    bad = [part for part in names if not part.good]
    if len(bad) > 1:  # one edit for both
        fix = Fix(Span(names[0].span.start, names[-1].span.end), ".".join(map(_written, names)))
    hint = f"write `{shown(fix.text)}`"
    if set(bare) & set("{}$"):
        hint = "the text takes no variables; in Python, `count(JOB, CATEGORY)` does"
    elif not name.text[0].isalnum() and name.text[0] not in QUOTES + "_":
        hint = f"remove `{shown(name.text[0])}`, or {hint}"
    sure = all(_LIKE_A_NAME.fullmatch(part.text) for part in bad)
    message = f"`{shown(name.text)}` needs quotes: {reason}"
    return Diagnostic("KQ107", message, name.span, hint, fix if sure else None)


def _written(name: _Part) -> str:
    return name.text if name.good else name_to_text(name.text.strip(QUOTES))


def _too_many(names: Sequence[_Part]) -> Diagnostic:
    names = [name for name in names if name.text]
    extra = names[2:] or names[-1:]
    direct = ".".join(map(_written, names[-2:]))
    if len(names) > 2 and names[-1].text == names[-2].text == ALL_NAMES:  # the total of a job, rather than that of all
        direct = f"{_written(names[-3])}.{ALL_NAMES}"
    inner = name_to_text(".".join(name.text for name in names[1:]))
    message = "a count names one job and one category, and this names more"
    dotted = f"{_written(names[0])}.{inner}"
    hint = f"a nested job is named without its parent: `{shown(direct)}.count`; a key with a dot is quoted: `{shown(dotted)}.count`"
    return Diagnostic("KQ101", message, Span(extra[0].span.start, extra[-1].span.end), hint)
