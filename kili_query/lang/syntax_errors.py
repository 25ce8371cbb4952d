"""A second, finer look at a text that is not a query: what is wrong, in the language's words, and what would work.

The parser stops at a position and knows what it could go on with. From there this module only reads ahead: it decides
nothing about what is a query.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from kili_query.errors import Diagnostic, Fix, Span
from kili_query.lang.lookahead import (
    A_CONNECTIVE,
    A_COUNT,
    A_NUMBER,
    A_SET,
    AN_OPERATOR,
    GAP,
    TWO_DOTS,
    At,
    end_of,
    foreign_space,
    shown,
    unexpected,
)
from kili_query.lang.operand_errors import diagnose_operand
from kili_query.lang.operators import BY_SYMBOL, Operator

_DECIMAL = re.compile(r"[+-]?(?:\d+\.\d+|\d+\.(?![.\d])|\.\d+|\d+(?=[eE]))(?:[eE][+-]?\d+)?")
_OPERATOR_RUN = re.compile(r"[<>=!~≤≥≠](?:[ \t]*[<>=!~≤≥≠])*")
_MIRRORED = re.compile(
    r"([+-]?\d+)\s*([<>=!]+)\s*([A-Za-z][\w*-]*\s*\.\s*[A-Za-z][\w*-]*\s*\.\s*count)\b"
    r"(?:\s*([<>=!]+)\s*([+-]?\d+)(?![\w.]))?"
)
_HABIT = re.compile(r"BETWEEN\s+(\d+)\s+AND\s+(\d+)|(?:IS|EQUALS|EQ)\b", re.IGNORECASE)
"""What other languages have in place of an operator."""
_OPERATORS = {
    "=": "==", "=>": ">=", "=<": "<=", "<>": "!=", "><": "!=", "===": "==", "!==": "!=", ">==": ">=", "<==": "<=",
    "=!": "!=", "~=": "!=", "!": "!=", "≥": ">=", "≤": "<=", "≠": "!=",
}  # fmt: skip
"""Operators that people write from habit, and what they mean here."""
_CONNECTIVES = {"&&": "AND", "&": "AND", "||": "OR", "|": "OR"}


def diagnose(text: str, position: int, accepts: set[str], tokens: Sequence[str]) -> Diagnostic:
    """What is wrong with a text, of which the parser could use all before `position`."""
    at = At(text, position, frozenset(accepts), tokens).moved(position)
    foreign = foreign_space(at)
    if foreign:
        return foreign
    if "COMPARISON" in accepts:
        return _instead_of_comparison(at)
    if "NOT" in accepts:
        return _after_operand(at)
    if accepts & {"_IN", "RANGE", "INTEGER", "_COMMA"}:
        return _in_set(at)
    return _after_comparison(at)


# -- where a comparison is expected ------------------------------------------------------------------------------------


def _instead_of_comparison(at: At) -> Diagnostic:
    word = at.word
    if at.at_end:
        if not GAP.sub("", at.text):
            hint = "a query is a comparison such as `JOB.CATEGORY.count > 0`"
            return Diagnostic("KQ103", "the query is empty", end_of(at), hint)
        return unexpected(at, "a comparison", "a comparison is written `JOB.CATEGORY.count > 0`")
    if word == ")" and not any(token == "(" for token in at.tokens):
        return _extra_parenthesis(at)
    if word.startswith("!") and not word.startswith("!="):
        span = Span(at.position, at.position + 1)
        return Diagnostic("KQ105", "`!` is not an operator here", span, "negation is written `NOT`", Fix(span, "NOT "))
    if word.upper() == "NOT" != word:
        return _lower_case(at, "NOT")
    mirrored = _MIRRORED.match(at.text, at.position)
    if mirrored:
        return _mirrored(mirrored)
    if re.compile(r"[+-]?\d+(?![\w.*-])").match(at.text, at.position):
        return unexpected(at, A_COUNT, "the count stands on the left, the number on the right")
    whole = re.fullmatch(r"""\s*(["'`“”‘’«])([^"'`“”‘’«»]*\.[^"'`“”‘’«»]*)["'`“”‘’»]\s*""", at.text)
    if whole:
        span = Span(whole.start(1), whole.end(2) + 1)
        return Diagnostic("KQ114", "the whole query stands in quotes", span, "remove them", Fix(span, whole[2]))
    if word.upper() in ("AND", "OR") or word in "(),&|" or word in BY_SYMBOL:
        return unexpected(at, "a comparison", "a comparison is written `JOB.CATEGORY.count > 0`")
    return diagnose_operand(at)


def _mirrored(match: re.Match[str]) -> Diagnostic:
    number, symbol, operand, second, upper = match.groups()
    operator = BY_SYMBOL.get(symbol) or BY_SYMBOL.get(_OPERATORS.get(symbol, ""))
    message, span = "the number stands on the left of the comparison", Span(*match.span(1))
    if symbol in ("<", "<=") and second in ("<", "<=") and len(number + upper) < 100:  # 1 < J.C.count <= 5
        text = f"{operand} IN {int(number) + (symbol == '<')}..{int(upper) - (second == '<')}"
        return Diagnostic("KQ113", message, span, f"the same is `{text}`", Fix(Span(*match.span()), text))
    if operator is None or second:
        return Diagnostic("KQ113", message, span, "the count stands on the left, the number on the right")
    turned = f"{operand} {operator.mirrored.symbol} {number}"
    return Diagnostic(
        "KQ113", message, span, f"the same is `{turned}`", Fix(Span(match.start(1), match.end(3)), turned)
    )


# -- after an operand --------------------------------------------------------------------------------------------------


def _after_operand(at: At) -> Diagnostic:
    word = at.word
    glued = at.text[at.position - 5 : at.position] == "count" and (word[:1].isalnum() or word[:1] == "_")
    if glued:  # counts, count_all
        span = Span(at.position - 5, at.span.end)
        written = at.text[span.start : span.end]
        return Diagnostic("KQ108", f"`{shown(written)}` stands in place of `count`", span, None, Fix(span, "count"))
    not_in = re.compile(r"not\s+in\b", re.IGNORECASE).match(at.text, at.position)
    if not_in and not_in[0] != "NOT IN":
        span = Span(*not_in.span())
        return Diagnostic("KQ104", "keywords are written in upper case: `NOT IN`", span, None, Fix(span, "NOT IN"))
    if word.upper() in ("IN", "NOT") and word != word.upper():
        return _lower_case(at, word.upper())
    run = _OPERATOR_RUN.match(at.text, at.position)
    if run:
        symbol = re.sub(r"\s", "", run[0])
        if run[0] in BY_SYMBOL:
            return _instead_of_number(at.moved(run.end()), BY_SYMBOL[run[0]], at.position)
        span, meant = Span(*run.span()), _OPERATORS.get(symbol, symbol)
        if meant in BY_SYMBOL:
            words = f"`{run[0]}` is written `{meant}`"
            return Diagnostic("KQ105", f"`{run[0]}` is not an operator", span, words, Fix(span, meant))
        return Diagnostic("KQ105", f"`{shown(run[0])}` is not an operator", span, f"the operators are {_operators()}")
    habit = _HABIT.match(at.text, at.position)
    if word in ("AND", "OR", ")") or at.at_end:
        hint = "to ask whether there is any, write `> 0`"
    elif word in ("+", "-", "*", "/", "%"):
        hint = "counts are compared with numbers; nothing can be calculated"
    elif word[0].isdigit() or word[0] in "+-":
        hint = f"to ask for exactly this number, write `== {word}`"
    elif habit:
        text = f"IN {habit[1]}..{habit[2]}" if habit[1] else "=="
        return unexpected(at, AN_OPERATOR, f"write `{text}`", Fix(Span(*habit.span()), text))
    elif at.text.startswith("()", at.position):
        span = Span(at.position, at.position + 2)
        return Diagnostic("KQ101", "`count` takes no parentheses", span, "remove them", Fix(span, ""))
    elif word in ("(", "."):
        hint = "nothing follows `count` but an operator"
    else:
        hint = f"the operators are {_operators()}"
    return unexpected(at, AN_OPERATOR, hint)


def _operators() -> str:
    return ", ".join(f"`{operator.symbol}`" for operator in Operator) + " and `IN`"


def _instead_of_number(at: At, operator: Operator, start: int) -> Diagnostic:
    foreign = foreign_space(at)
    if foreign:
        return foreign
    decimal = _DECIMAL.match(at.text, at.position)
    if decimal:
        return _decimal(decimal, operator, start)
    if at.text.startswith("..", at.position):
        return unexpected(at, A_NUMBER, "a range is written with `IN`: `IN 2..5`")
    spaced = re.compile(r"([+-])\s+(\d+)").match(at.text, at.position)
    if spaced:
        fix = Fix(Span(*spaced.span()), spaced[1] + spaced[2])
        return unexpected(at, A_NUMBER, "the sign stands directly before the number", fix)
    quoted = re.compile(r"""["'](\d+)["']""").match(at.text, at.position)
    if quoted:
        return unexpected(at, A_NUMBER, "numbers have no quotes", Fix(Span(*quoted.span()), quoted[1]))
    if re.compile(r"[A-Za-z\"][^<>=()]*\.\s*count\b").match(at.text, at.position):
        return unexpected(at, A_NUMBER, "a count is compared with a number, not with another count")
    return unexpected(at, A_NUMBER)


def _decimal(match: re.Match[str], operator: Operator | None, start: int) -> Diagnostic:
    """A number that is not whole: counts are, so there is a whole comparison that means the same."""
    span = Span(*match.span())
    message = f"`{shown(match[0])}` is not {A_NUMBER}"
    value = _exact(match[0])
    if value is None or operator is None:
        return Diagnostic("KQ106", message, span, "counts are whole numbers")
    numerator, denominator = value
    below, whole = numerator // denominator, numerator % denominator == 0
    if whole:
        same, number = operator, below
    elif operator in (Operator.EQ, Operator.NE):
        return Diagnostic(
            "KQ106",
            message,
            span,
            f"counts are whole numbers, so this {'never' if operator is Operator.EQ else 'always'} holds",
        )
    elif operator in (Operator.GT, Operator.GE):
        same, number = Operator.GE, below + 1
    else:
        same, number = Operator.LE, below
    text = f"{same.symbol} {number}"
    return Diagnostic(
        "KQ106", message, span, f"counts are whole numbers; the same is `{text}`", Fix(Span(start, span.end), text)
    )


def _exact(text: str) -> tuple[int, int] | None:
    """The number as a fraction; None if it is too long to be meant."""
    from decimal import Decimal

    if len(text) > 300 or len(text.lower().rpartition("e")[2]) > 9:
        return None
    value = Decimal(text)
    return value.as_integer_ratio() if abs(value.adjusted()) < 300 else None


# -- after IN ----------------------------------------------------------------------------------------------------------


def _in_set(at: At) -> Diagnostic:
    dots = re.compile(r"\.{3,}").search(at.text, max(at.position - 2, 0), at.position + 3)
    if dots:
        span = Span(*dots.span())
        return Diagnostic("KQ101", "a range has two dots", span, TWO_DOTS, Fix(span, ".."))
    decimal = _number_around(at)
    if decimal:
        return _decimal(decimal, None, at.position)
    if "_COMMA" in at.accepts:
        return _in_list(at)
    if "_IN" in at.accepts:
        return (
            _lower_case(at, "IN")
            if at.word.upper() == "IN"
            else unexpected(at, "`IN`", "after a count, `NOT` goes with `IN`")
        )
    if "RANGE" in at.accepts and "LPAR" not in at.accepts:
        number = at.tokens[-1]
        start = at.text.rindex(number, 0, at.position)
        written = Span(start, start + len(number))
        upper = re.compile(r"(?:\s*-\s*|:|\.\.\.|\s+TO\s+)(\d+)", re.IGNORECASE).match(at.text, written.end)
        if upper:
            return unexpected(at, "`..`", TWO_DOTS, Fix(Span(start, upper.end()), f"{number}..{upper[1]}"))
        return unexpected(at, "a list or a range", f"`IN` takes {A_SET}", Fix(written, f"({number})"))
    if "LPAR" in at.accepts:
        brackets = re.compile(r"[\[{]([\d\s,+-]*)[\]}]").match(at.text, at.position)
        fix = Fix(Span(*brackets.span()), f"({brackets[1]})") if brackets and brackets[1].strip() else None
        return unexpected(at, A_SET, None, fix)
    if "AND" in "".join(at.accepts):
        return _after_comparison(at)
    if at.word == ")" and at.tokens[-1] == ",":
        comma = at.text.rindex(",", 0, at.position)
        return unexpected(at, A_NUMBER, "the comma before it is one too many", Fix(Span(comma, comma + 1), ""))
    return unexpected(at, A_NUMBER, "a list holds at least one number" if at.word == ")" else None)


def _closing(at: At) -> Fix:
    """All the parentheses that are missing at the end; on a line of their own where a comment would swallow them."""
    in_comment = "#" in at.text[at.text.rfind("\n") + 1 :]
    return Fix(end_of(at), "\n" * in_comment + ")" * sum(token == "(" for token in at.tokens))


def _in_list(at: At) -> Diagnostic:
    if at.at_end:
        return Diagnostic("KQ111", "the list is not closed", end_of(at), "a list ends with `)`", _closing(at))
    opened = at.text.rindex("(", 0, at.position)
    inside = re.compile(r"\(\s*([+-]?\d+\s*\.\.\s*[+-]?\d+)\s*\)").match(at.text, opened)
    if inside:
        return unexpected(at, "`,` or `)`", "a range stands without parentheses", Fix(Span(*inside.span()), inside[1]))
    return unexpected(at, "`,` or `)`", "the numbers of a list are separated by commas")


# -- after a comparison ------------------------------------------------------------------------------------------------


def _after_comparison(at: At) -> Diagnostic:
    word = at.word
    decimal = _number_around(at)
    if decimal:
        operator = re.compile(r"([<>=!]=?)\s*$").search(at.text, 0, decimal.start())
        return _decimal(
            decimal, BY_SYMBOL.get(operator[1]) if operator else None, operator.start() if operator else at.position
        )
    separated = (
        re.compile(r"\d+((?:[_,']\d{3})+)(?!\d)").match(at.text, _number_start(at))
        if word[:1] in ("_", ",", "'")
        else None
    )
    if separated and separated.end() > at.position:
        number = re.sub(r"\D", "", separated[0])
        return unexpected(at, A_CONNECTIVE, "digits are not grouped", Fix(Span(*separated.span()), number))
    if at.at_end:
        opened = next((token for token in reversed(at.tokens) if token == "("), None)
        where = f"the `(` at column {_column(at.text, opened.start_pos)} is not closed" if opened else ""  # type: ignore[attr-defined]
        return Diagnostic("KQ111", "a parenthesis is not closed", end_of(at), where or None, _closing(at))
    if word == ")":
        return _extra_parenthesis(at)
    if word.upper() in ("AND", "OR"):
        return _lower_case(at, word.upper())
    if word in _CONNECTIVES:
        meant = _CONNECTIVES[word]
        hint = f"`{word}` is written `{meant}`"
        return Diagnostic("KQ105", f"`{word}` is not an operator", at.span, hint, Fix(at.span, meant))
    if at.text.startswith("..", at.position):
        return unexpected(at, A_CONNECTIVE, "a range is written with `IN`: `IN 2..5`")
    if word in BY_SYMBOL or word in _OPERATORS:
        return unexpected(at, A_CONNECTIVE, "a comparison has two sides; join two comparisons with `AND`")
    if word in ("-", "/", "//", "--") or at.text.startswith(("--", "//", "/*"), at.position):
        return unexpected(at, A_CONNECTIVE, "a comment begins with `#`")
    if word == ";" and at.moved(at.position + 1).at_end:
        return unexpected(at, A_CONNECTIVE, "remove it", Fix(at.span, ""))
    if word in (",", ";"):
        return unexpected(at, "`AND` or `OR`", "write `AND` if both must hold", Fix(at.span, " AND"))
    if word[0].isalpha() or word in ("(", '"'):
        return unexpected(at, "`AND` or `OR`", "two comparisons are joined by `AND` or `OR`")
    return unexpected(at, A_CONNECTIVE)


def _column(text: str, offset: int) -> str:
    line = text.count("\n", 0, offset) + 1
    column = offset - text.rfind("\n", 0, offset)
    return f"{column}" if "\n" not in text else f"{column} of line {line}"


def _number_start(at: At) -> int:
    """Where the digits start that end just before here."""
    start = at.position
    while start and at.text[start - 1].isdigit():
        start -= 1
    return start - (start > 0 and start < at.position and at.text[start - 1] in "+-")


def _number_around(at: At) -> re.Match[str] | None:
    """A number that is not whole: its whole part is before this place, the rest here."""
    match = _DECIMAL.match(at.text, _number_start(at))
    return match if match and match.end() > at.position else None


def _extra_parenthesis(at: At) -> Diagnostic:
    return Diagnostic("KQ112", "this `)` closes nothing", at.span, "remove it", Fix(at.span, ""))


def _lower_case(at: At, keyword: str) -> Diagnostic:
    message = f"keywords are written in upper case: `{at.word}` is `{keyword}`"
    return Diagnostic("KQ104", message, at.span, None, Fix(at.span, keyword))
