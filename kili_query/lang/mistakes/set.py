"""Syntax errors behind IN: what is neither a list such as `(1, 2)` nor a range such as `2..5`."""

from __future__ import annotations

import re

from kili_query.errors import Diagnostic, Fix, Span
from kili_query.lang.lexis import DIGITS
from kili_query.lang.mistakes.number import decimal_around, decimal_in_set
from kili_query.lang.mistakes.place import (
    A_CONNECTIVE,
    A_NUMBER,
    A_SET,
    GAP,
    QUOTES,
    At,
    end_of,
    look_alike,
    unexpected,
)
from kili_query.lang.stopped import Slot
from kili_query.lang.wording import shown

_NUMBER = rf"[{QUOTES}]?({DIGITS})[{QUOTES}]?"
_OPEN, _CLOSE = r"(?P<open>[(\[{]\s*+)?", r"(?P<close>\s*+[)\]}])?(?![\w.])"
_ENDS = r"\s*+(?P<dots>\.{2,}(?P<below><)?|\.\s++\.|\.|…|[-–—:]|\bto\b)\s*+"
_RANGE = re.compile(rf"{_OPEN}(?:{_NUMBER})?{_ENDS}(?:{_NUMBER})?{_CLOSE}", re.IGNORECASE)
_LIST = re.compile(rf"{_OPEN}({_NUMBER}(?:(?:\s*+[,;|][\s,;|]*+|\s++){_NUMBER})*)(?:\s*+[,;|])?{_CLOSE}")
_GOES_ON = re.compile(r"\s*+(?:[<>=.:+*%(\[{]|[-–—](?!-)|(?!and|or)\w)", re.IGNORECASE)
"""What shows that a list or a range is not all that stands there."""
_INTEGER = re.compile(DIGITS)
_PYTHON = re.compile(r"range\s*+\(\s*+(\d++)\s*+(?:,\s*+(\d++)\s*+)?\)")
_DOTS = re.compile(r"\.{3,}+|…|\.\s++\.|(?<!\.)\.(?!\.)")


def diagnose_set(at: At) -> Diagnostic | None:
    """What is wrong with the list or the range that was begun before this position; None if it is complete."""
    if at.at_end and at.slot is Slot.COMMA:
        return Diagnostic("KQ111", "the list is not closed", end_of(at), "a list ends with `)`", closing(at))
    fix = _meant(at)
    dots = _DOTS.search(at.text, max(at.position - 2, 0), at.position + 80)
    decimal = decimal_around(at)
    if (
        dots
        and dots.start() <= at.position
        and (len(dots[0]) > 2 or (fix and not decimal) or (decimal and decimal[0][-1] == "."))
    ):
        span = Span(*dots.span())
        hint = f"write `{shown(fix.text)}`" if fix else "a range is written `2..5`"
        return Diagnostic("KQ101", "a range has two dots", span, hint, fix or Fix(span, ".."))
    if decimal:
        return decimal_in_set(decimal)
    if at.slot is Slot.UPPER_END and fix is None:  # 2.. is complete
        return None
    hint = f"write `{shown(fix.text)}`" if fix else f"`IN` takes {A_SET}"
    match at.slot:
        case Slot.UPPER_END:
            return unexpected(at, A_CONNECTIVE, hint, fix)
        case Slot.SET:
            return (None if fix else look_alike(at)) or unexpected(at, A_SET, hint if fix else None, fix)
        case Slot.DOTS:
            return unexpected(at, "`..`" if fix and ".." in fix.text else "a list or a range", hint, fix)
        case Slot.COMMA:
            return unexpected(at, "`,` or `)`", hint if fix else "the numbers of a list are separated by commas", fix)
    return unexpected(at, A_NUMBER, "a list holds at least one number" if at.word == ")" and not fix else hint, fix)


def _meant(at: At) -> Fix | None:
    """The list or the range that is meant by what stands behind IN, if that reaches this position."""
    behind = next(word for word in reversed(at.open) if word.kind == "_IN")
    start = at.moved(behind.end).position
    if python := _PYTHON.match(at.text, start):
        low, high = (python[1], python[2]) if python[2] else ("0", python[1])
        return Fix(Span(*python.span()), f"{low}..{int(high) - 1}") if len(high) < 100 else None
    for pattern in (_RANGE, _LIST):
        found = pattern.match(at.text, start)
        if found is None or (found["open"] and not found["close"]):
            continue
        # a bracket that was not opened here belongs to what is around
        end = found.start("close") if found["close"] and not found["open"] else found.end()
        if _GOES_ON.match(at.text, end) or (end <= at.position and not GAP.fullmatch(at.text, end, at.position)):
            continue
        if pattern is _LIST:
            text = f"({', '.join(_INTEGER.findall(found[0]))})"
        else:
            low, high = found[2] or "", found[5] or ""
            if found["below"] and high and len(high) < 100:  # 1..<3
                high = str(int(high) - 1)
            text = f"{low}..{high}"
        if text not in ("..", at.text[start:end]):
            return Fix(Span(start, end), text)
    return None


def closing(at: At) -> Fix:
    """All the parentheses that are missing at the end; on a line of their own where a comment would swallow them."""
    in_comment = "#" in at.text[at.text.rfind("\n") + 1 :]
    return Fix(
        end_of(at), "\n" * in_comment + ")" * sum(word.times for word in at.open if word.kind == "LPAR"), safe=False
    )
