"""Syntax errors where a whole number is expected: decimals, words, quotes, lists; and what would mean the same."""

from __future__ import annotations

import re

from kili_query.errors import Diagnostic, Fix, Span
from kili_query.lang.lexis import DIGITS
from kili_query.lang.mistakes.place import (
    A_CONNECTIVE,
    A_NUMBER,
    QUOTES,
    At,
    foreign_character,
    look_alike,
    unexpected,
)
from kili_query.lang.mistakes.rows import Row, explain, words
from kili_query.lang.operators import BY_SYMBOL, Operator
from kili_query.lang.wording import shown

_DECIMAL = re.compile(r"[+-]?(?:\d++\.\d++|\d++\.(?![.\d])|\.\d++|\d++(?=[eE]))(?:[eE][+-]?\d++)?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d++,\d++")
_GROUPED = re.compile(r"[+-]?\d++(?:[_,'’ ]\d{3})+(?![\d.])")
_DOTTED = re.compile(r"[+-]?\d{1,3}(?:\.\d{3}){2,}(?![\d.])")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}\.\d{3}")
"""A whole number in some countries, and none in others."""
_CONNECTIVE = re.compile(r"and|or", re.IGNORECASE)
_UPPER = re.compile(r"\.\.\s*+(\d*+)")
_OPERATOR_ENDS = re.compile(r"[<>=!]=\Z|[<>]\Z")
_DIGITS = re.compile(DIGITS)
_IN_BRACKETS = rf"[(\[{{]\s*+{DIGITS}(?:\s*+[,;]\s*+{DIGITS})*+\s*+[)\]}}]"
_IN_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_EQUALITY = (Operator.EQ, Operator.NE)
_STANDS_HERE = "a number stands here, as in `{operator} 1`"


def _as_list(found: re.Match[str], operator: Operator) -> str:
    return f"{'NOT ' * (operator is Operator.NE)}IN ({', '.join(_DIGITS.findall(found[0]))})"


def _as_digits(found: re.Match[str], _: Operator) -> str:
    return str(_IN_WORDS.index(found[0].lower()))


_ROWS = (
    Row.of(r"\.\.", "a range is written with `IN`: `IN 2..5`"),
    Row.of(r"([+-])\s++(\d++)", "the sign stands directly before the number", r"\1\2"),
    Row.of(rf"[{QUOTES}]({DIGITS})[{QUOTES}]", "numbers have no quotes", r"\1"),
    Row.of(rf"[(\[{{]\s*+({DIGITS})\s*+[)\]}}]", "the number stands without brackets", r"\1"),
    Row.of(_IN_BRACKETS, "write `{meant}`", _as_list, operators=_EQUALITY, with_operator=True),
    Row.of(_IN_BRACKETS, _STANDS_HERE),
    Row.of(words(*_IN_WORDS), "numbers are written in digits", _as_digits),
    Row.of(
        words("none", "null", "nil", "no", "nothing", "false", "empty"),
        "what is not in a label counts 0",
        "0",
        operators=_EQUALITY,
    ),
    Row.of(words("true", "yes", "any", "some"), "to ask whether there is any, write `> 0`"),
    Row.of(r"[A-Za-z\"*][^<>=()]*\.\s*+count\b", "a count is compared with a number, not with another count"),
    Row.of(
        r"(?![²³¹¼-¾⁰-₉⅐-↉①-⓿])[^\W\d_]|[{$%:@?]|<(?![<>=!&|~≤≥≠])",
        "the text takes no variables; in Python, `count(JOB, CATEGORY) {operator} number` does",
    ),
    Row.of("", _STANDS_HERE),
)
"""What is written in place of a whole number."""


def instead_of_number(at: At, operator: Operator, start: int) -> Diagnostic:
    """What stands where the number of a comparison should, whose operator stands at `start`."""
    decimal = _DECIMAL.match(at.text, at.position)
    found = foreign_character(at) or (_decimal(decimal, operator, start) if decimal else look_alike(at))
    if found:
        return found
    return explain(_ROWS, at, A_NUMBER, operator, start)


def number_before(at: At) -> Diagnostic | None:
    """What is wrong with a comparison whose number began before this position, if the fault is in the number."""
    symbol, start, number = _compared_before(at)
    decimal = decimal_around(at)
    if decimal is None and symbol in ("<", "<=", ">", ">=") and not _GROUPED.match(at.text, number.start):
        decimal = _DECIMAL_COMMA.match(at.text, number.start)
    if decimal:
        return _decimal(decimal, BY_SYMBOL.get(symbol), start)
    if not symbol:
        return None
    hint: str | None = None
    fix: Fix | None = None
    upper = _UPPER.match(at.text, at.position)
    grouped = _GROUPED.match(at.text, number.start)
    if grouped and grouped.end() > at.position:
        hint, fix = "digits are not grouped", Fix(Span(*grouped.span()), re.sub(r"[^\d+-]", "", grouped[0]))
    elif upper and symbol in ("==", "!="):  # == 1..3
        text = f"{'NOT ' * (symbol == '!=')}IN {at.text[slice(*number)]}..{upper[1]}"
        hint, fix = f"write `{shown(text)}`", Fix(Span(start, upper.end()), text)
    elif upper:
        hint = "a range is written with `IN`: `IN 2..5`"
    elif at.position == number.end and at.word[:1].isalpha() and not _CONNECTIVE.match(at.word):  # 1k
        hint = "a number has nothing but digits"
    return unexpected(at, A_CONNECTIVE, hint, fix) if hint else None


def listed_numbers(at: At, more: re.Match[str]) -> Fix | None:
    """`== 1, 2`: the list that is meant, where `more` is the comma that stands here and the numbers behind it."""
    symbol, start, number = _compared_before(at)
    if symbol not in ("==", "!="):
        return None
    numbers = _DIGITS.findall(at.text[slice(*number)] + more[0])
    text = f"{'NOT ' * (symbol == '!=')}IN ({', '.join(numbers)})"
    return Fix(Span(start, more.end()), text)


def _compared_before(at: At) -> tuple[str, int, Span]:
    """The operator before this position and where it starts, and the number behind it; no operator: an empty one."""
    end = len(at.text[: at.position].rstrip())
    first = end
    while first and at.text[first - 1].isdigit():
        first -= 1
    first -= 0 < first < end and at.text[first - 1] in "+-"
    stop = len(at.text[:first].rstrip())
    found = _OPERATOR_ENDS.search(at.text, max(0, stop - 2), stop) if first < end else None
    return (found[0], found.start(), Span(first, end)) if found else ("", at.position, Span(first, end))


def decimal_around(at: At) -> re.Match[str] | None:
    """A number that is not whole: its whole part is right before this position, the rest here."""
    start = at.position
    while start and at.text[start - 1].isdigit():
        start -= 1
    start -= 0 < start < at.position and at.text[start - 1] in "+-"
    match = _DECIMAL.match(at.text, start)
    return match if match and match.end() > at.position else None


def decimal_in_set(match: re.Match[str]) -> Diagnostic:
    """A number that is not whole, where it is not compared but listed."""
    return _decimal(match, None, 0)


def _decimal(match: re.Match[str], operator: Operator | None, start: int) -> Diagnostic:
    """A number that is not whole: counts are, so there is a whole comparison that means the same."""
    if grouped := _DOTTED.match(match.string, match.start()):  # 1.000.000
        span, digits = Span(*grouped.span()), grouped[0].replace(".", "")
        message = f"`{shown(grouped[0])}` is not {A_NUMBER}"
        return Diagnostic("KQ106", message, span, f"digits are not grouped: write `{shown(digits)}`", Fix(span, digits))
    span = Span(*match.span())
    message = f"`{shown(match[0])}` is not {A_NUMBER}"
    value = _exact(match[0].replace(",", "."))
    if value is None or operator is None:
        return Diagnostic("KQ106", message, span, "counts are whole numbers")
    numerator, denominator = value
    below, whole = numerator // denominator, numerator % denominator == 0
    if not whole and operator in (Operator.EQ, Operator.NE):
        holds = "never" if operator is Operator.EQ else "always"
        return Diagnostic("KQ106", message, span, f"counts are whole numbers, so this {holds} holds")
    if whole:
        same, number = operator, below
    elif operator in (Operator.GT, Operator.GE):
        same, number = Operator.GE, below + 1
    else:
        same, number = Operator.LE, below
    text = f"{same.symbol} {number}"
    hint = f"counts are whole numbers; the same is `{text}`"
    if _THOUSANDS.fullmatch(match[0]):
        thousands = f"{operator.symbol} {match[0].replace('.', '')}"
        return Diagnostic("KQ106", message, span, f"{hint}, or `{thousands}` if the dot groups digits")
    return Diagnostic("KQ106", message, span, hint, Fix(Span(start, span.end), text))


def _exact(text: str) -> tuple[int, int] | None:
    """The number as a fraction; None if it is too long to be meant."""
    from decimal import Decimal

    if len(text) > 300 or len(text.lower().rpartition("e")[2]) > 9:
        return None
    value = Decimal(text)
    return value.as_integer_ratio() if abs(value.adjusted()) < 300 else None
