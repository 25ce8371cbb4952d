"""Syntax errors where an operator is expected: those of other languages, words, nothing at all."""

from __future__ import annotations

import re

from kili_query.errors import Diagnostic, Fix, Span
from kili_query.lang.mistakes.number import instead_of_number
from kili_query.lang.mistakes.place import AN_OPERATOR, At, foreign_character, look_alike, plain, unexpected
from kili_query.lang.mistakes.rows import Row, explain, words
from kili_query.lang.operators import BY_SYMBOL, Operator
from kili_query.lang.wording import shown

_RUN = re.compile(r":?[<>=!~≤≥≠＜＞＝！](?:[ \t]*+[<>=!~≤≥≠＜＞＝！])*+|:")
_SYMBOLS = {
    "=": "==", "=>": ">=", "=<": "<=", "<>": "!=", "><": "!=", "===": "==", "!==": "!=", ">==": ">=", "<==": "<=",
    "=!": "!=", "~=": "!=", "!": "!=", "!>": "<=", "!<": ">=", "≥": ">=", "≤": "<=", "≠": "!=",
}  # fmt: skip
"""Operators that people write from habit, and what they mean here; a colon before them means nothing."""
_WORDS = (
    ("!=", r"(?:is\s++)?not\s++equal(?:s|\s++to)?|is\s++not|isn't|neq?|differs\s++from"),
    (">=", r"(?:is\s++)?(?:greater|more)\s++than\s++or\s++equals?(?:\s++to)?|(?:is\s++)?at\s++least|gte|ge"),
    ("<=", r"(?:is\s++)?(?:less|fewer)\s++than\s++or\s++equals?(?:\s++to)?|(?:is\s++)?at\s++most|lte|le"),
    (">", r"(?:is\s++)?(?:(?:greater|more|larger|bigger)\s++than|over|above)|exceeds|gt"),
    ("<", r"(?:is\s++)?(?:(?:less|fewer|smaller|lower)\s++than|under|below)|lt"),
    ("==", r"(?:is\s++)?equals?(?:\s++to)?|eq|is"),
)
"""The same in words, longer phrases before shorter ones that they begin with; as `-gt` and `.gt.` too."""
_PHRASES = [(symbol, re.compile(rf"[-.$]?(?:{words})\b\.?", re.IGNORECASE)) for symbol, words in _WORDS]
_BETWEEN = re.compile(
    r"\.?(?:is\s++)?(not\s++|!\s*+)?(?:between|from)\s*+\(?\s*+(\d++)\s*+(?:and|to|,|-|\.\.)\s*+(\d++)(?:\s*+\))?",
    re.IGNORECASE,
)
_IS_IN = re.compile(r"(?:is\s++(not\s++)?in|\.isin)\b", re.IGNORECASE)
_NOT = re.compile(r"not\s*+([<>=!]{0,2})\s*+(?=[+-]?\d)", re.IGNORECASE)
_NOT_IN = re.compile(r"(?:not\s++|!\s*+)in\b", re.IGNORECASE)
_BANG = re.compile(r"!\s*+[A-Za-z]")
_GLUED = re.compile(r"(?:not|in|is|notin|between)(?![\w*-])", re.IGNORECASE)
"""Words of an operator that nothing keeps from `count`."""
_NEGATED = re.compile(
    r"(?:(?:is|are|do|does|has|must)\s++)?(?:not|never)\s++(?:be\s++|have\s++)?|(?:isn't|aren't)\s++|!\s*+(?=\w)",
    re.IGNORECASE,
)
"""What turns the words behind it around: `is not more than` is `<=`."""


def written(at: At) -> tuple[Span, str] | None:
    """The operator of the language that is meant by the signs here, and where they stand; None if they mean none."""
    run = _RUN.match(at.text, at.position)
    if run is None:
        return None
    symbol = re.sub(r"\s", "", plain(run[0])).lstrip(":") or "=="
    symbol = _SYMBOLS.get(symbol, symbol)
    return (Span(*run.span()), symbol) if symbol in BY_SYMBOL else None


def instead_of_operator(at: At) -> Diagnostic:
    """What stands where the operator of a comparison should."""
    word = at.word
    if at.text.endswith("count", 0, at.position) and (
        (word[:1].isalnum() or word[:1] == "_") and not _GLUED.match(word)
    ):  # counts, count_all
        span = Span(at.position - 5, at.span.end)
        message = f"`{shown(at.text[slice(*span)])}` stands in place of `count`"
        return Diagnostic("KQ108", message, span, "write `count`", Fix(span, "count", safe=word == "s"))
    negated = _words(at, at.position) if _BANG.match(at.text, at.position) else None
    return _keyword(at) or negated or _signs(at) or _words(at, at.position) or look_alike(at) or _else(at)


def instead_of_in(at: At) -> Diagnostic:
    """What stands where IN should: behind a count and NOT."""
    if at.word.upper() == "IN":
        return wrong_case(at, "IN")
    return _words(at, at.open[-1].start) or unexpected(at, "`IN`", "after a count, `NOT` goes with `IN`")


def wrong_case(at: At, keyword: str) -> Diagnostic:
    """A keyword that is not in upper case."""
    message = f"keywords are written in upper case: `{at.word}` is `{keyword}`"
    return Diagnostic("KQ104", message, at.span, None, Fix(at.span, keyword))


def _keyword(at: At) -> Diagnostic | None:
    not_in = _NOT_IN.match(at.text, at.position)
    if not_in and not_in[0] != "NOT IN":
        span = Span(*not_in.span())
        apart = " " * (at.text[at.position - 1 : at.position].isalpha() and not_in[0][0].isalpha())
        message = "keywords are written in upper case: `NOT IN`"
        if " ".join(not_in[0].upper().split()) != "NOT IN":
            return Diagnostic(
                "KQ105", f"`{shown(not_in[0])}` is not an operator", span, "write `NOT IN`", Fix(span, "NOT IN")
            )
        return Diagnostic("KQ104", message, span, None, Fix(span, apart + "NOT IN"))
    return wrong_case(at, "IN") if at.word.upper() == "IN" else None


def _signs(at: At) -> Diagnostic | None:
    run = _RUN.match(at.text, at.position)
    if run is None:
        return None
    if run[0] in BY_SYMBOL:
        return instead_of_number(at.moved(run.end()), BY_SYMBOL[run[0]], at.position)
    span, meant = Span(*run.span()), written(at)
    message = f"`{shown(run[0])}` is not an operator"
    if meant:
        return Diagnostic("KQ105", message, span, f"`{shown(run[0])}` is written `{meant[1]}`", Fix(span, meant[1]))
    return Diagnostic("KQ105", message, span, f"the operators are {_operators()}")


def _words(at: At, start: int) -> Diagnostic | None:
    """An operator in words, or a NOT that belongs to one, which begins at `start`."""
    text = at.text
    if between := _BETWEEN.match(text, start):
        meant, end = f"{'NOT ' * bool(between[1])}IN {between[2]}..{between[3]}", between.end()
    elif is_in := _IS_IN.match(text, start):
        meant, end = f"{'NOT ' * bool(is_in[1])}IN", is_in.end()
    elif negated := _NOT.match(text, start):
        operator = BY_SYMBOL.get(_SYMBOLS.get(negated[1], negated[1]) or "==")
        if operator is None:
            return None
        meant, end = f"{operator.negated.symbol} ", negated.end()
    elif turned := _turned(text, start):
        meant, end = turned
    elif phrase := next(((symbol, m.end()) for symbol, words in _PHRASES if (m := words.match(text, start))), None):
        meant, end = phrase
    else:
        return None
    expected = "`IN`" if at.position > start else AN_OPERATOR
    apart = " " * (meant[0].isalpha() and text[start - 1 : start].isalpha())  # count.between(1, 3)
    return unexpected(at, expected, f"write `{meant.strip()}`", Fix(Span(start, end), apart + meant))


def _turned(text: str, start: int) -> tuple[str, int] | None:
    """An operator in words behind a negation: what it means, and where it ends."""
    negated = _NEGATED.match(text, start)
    if negated is None:
        return None
    phrases = ((BY_SYMBOL[symbol], words.match(text, negated.end())) for symbol, words in _PHRASES[1:])
    return next(((operator.negated.symbol, found.end()) for operator, found in phrases if found), None)


def _else(at: At) -> Diagnostic:
    opened = at.open[-2:-1]
    if at.word == ")" and opened and opened[0].kind == "LPAR" and not at.moved(at.position + 1).at_end:
        span = Span(opened[0].start, at.position + 1)  # (J.C.count) > 1
        fix = Fix(span, at.open[-1].text)
        return Diagnostic("KQ101", "a count stands without parentheses", span, "remove them", fix)
    return foreign_character(at) or explain(_ROWS, at, AN_OPERATOR)


def _operators() -> str:
    return ", ".join(f"`{operator.symbol}`" for operator in Operator) + " and `IN`"


_NOTHING_FOLLOWS = "nothing follows `count` but an operator"
_ROWS = (
    Row.of(words("AND", "OR") + r"|\)|\Z", "each count is compared; to ask whether there is any, write `> 0`"),
    Row.of(r"[+-](?!\d)|[*/%]", "counts are compared with numbers; nothing can be calculated"),
    Row.of(r"[+-]?\d[\w.]*+", "to ask for exactly this number, write `== {written}`"),
    Row.of(r"\(\)", "remove them", "", message="`count` takes no parentheses"),
    Row.of(r"\(", _NOTHING_FOLLOWS),
    Row.of(r"(?:\.\s*+count\b)++|[.\\]++(?![\w.])", _NOTHING_FOLLOWS, ""),
    Row.of(r"[.\\]", _NOTHING_FOLLOWS),
    Row.of("", f"the operators are {_operators()}"),
)
"""What is written behind a count, where no operator is meant."""
