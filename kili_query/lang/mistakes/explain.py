"""Syntax errors: from where the parser stopped to one diagnostic, in the language's words, with what would work.

The parser stops at a position and knows what it could go on with. From there this module only reads ahead: it decides
nothing about what is a query. It begins at what is expected; what stands in place of an operand, an operator, a number
or a set has modules of its own.
"""

from __future__ import annotations

import re

from kili_query.errors import Diagnostic, Fix, Span
from kili_query.lang.lexis import ALL_NAMES, DIGITS
from kili_query.lang.mistakes.number import listed_numbers, number_before
from kili_query.lang.mistakes.operand import diagnose_operand
from kili_query.lang.mistakes.operator import instead_of_in, instead_of_operator, written, wrong_case
from kili_query.lang.mistakes.place import (
    A_CONNECTIVE,
    A_COUNT,
    GAP,
    QUOTES,
    At,
    end_of,
    escaped_for_html,
    foreign_character,
    look_alike,
    unexpected,
)
from kili_query.lang.mistakes.repair import Read, proved
from kili_query.lang.mistakes.set import closing, diagnose_set
from kili_query.lang.operators import BY_SYMBOL
from kili_query.lang.stopped import Slot, Stopped
from kili_query.lang.tokens import last_compared
from kili_query.lang.wording import nearest, shown

_SIGNS = "[<>=!~≤≥≠]++"
_NAME = r"(?:[A-Za-z][\w*-]*+|\*)"
_MIRRORED = re.compile(
    rf"({DIGITS})\s*+(?P<first>{_SIGNS})\s*+({_NAME}\s*+\.\s*+{_NAME}\s*+\.\s*+count)\b"
    rf"(?:\s*+(?P<second>{_SIGNS})\s*+({DIGITS})(?![\w.]))?"
)
_NUMBER = re.compile(rf"{DIGITS}(?![\w*-])(?!\.\w)")
_KEYWORD = re.compile(r"and|or", re.IGNORECASE)
_COMPARED = re.compile(r"[^\w\s]*+\s*+[+-]?\d++")
_QUOTED_QUERY = re.compile(rf"\s*+([{QUOTES}]{{1,3}}+)([^{QUOTES}.]*+\.[^{QUOTES}]*+)[{QUOTES}]{{1,3}}+\s*+[,;]?\s*+")
_CONNECTIVES = {
    "&&": "AND", "&": "AND", "&&&": "AND", "∧": "AND", "UND": "AND", "ET": "AND",
    "||": "OR", "|": "OR", "|||": "OR", "∨": "OR", "ODER": "OR", "OU": "OR",
}  # fmt: skip
"""What joins comparisons elsewhere, and what it is here."""
_COMMENT = re.compile(r"(//|--)[^\n]*+|/\*(.*?)\*/", re.DOTALL)
_EITHER = re.compile(r"and\s*+/\s*+or\b", re.IGNORECASE)
_SEPARATED = re.compile(r"[,;]\s*(?:([+-]?\d++(?:\s*+[,;]\s*+[+-]?\d++)*+)(?!\s*+[<>=!.\w])|(AND|OR)\b)")
"""What follows a comma that is not another comparison: numbers, or the connective itself."""
_ESCAPED = re.compile(r"\\(?:[nrt](?![A-Za-z]))?")
"""A backslash, or a line break that was pasted as it stands in code."""
_NEGATIONS = ("NO", "NTO", "NON", "NICHT")
_CLOSING = {"[": "]", "{": "}", "（": "）", "［": "］", "｛": "｝"}
_LEAD = re.compile(
    r"[\"']?(?:(?:label_)?category_search|query|filter)\b[\"']?\s*+[:=]++\s*+|(?:SELECT\s[^.]*?\sWHERE|select\s[^.]*?\swhere|WHERE|where|IF|if|WHEN|when"
    r"|HAVING|having|FILTER|filter|ELSE|else|EXISTS|exists|HAS|has|CONTAINS|contains)\s++(?=[\w*-]++\s*+\.|\()"
)
"""What stands before conditions in other languages."""


def diagnose(text: str, stopped: Stopped, read: Read) -> Diagnostic:
    """What is wrong with a text, in which the parser stopped; `read` tells where it stops in another."""
    return proved(_explain(text, stopped), text, stopped, read, _explain)


def _explain(text: str, stopped: Stopped) -> Diagnostic:
    at = At(text, stopped.position, stopped.slot, stopped.open).moved(stopped.position)
    foreign = foreign_character(at) or escaped_for_html(at)
    if foreign:
        return foreign
    match at.slot:
        case Slot.COMPARISON:
            return _instead_of_comparison(at)
        case Slot.OPERATOR:
            return instead_of_operator(at)
        case Slot.IN:
            return instead_of_in(at)
        case Slot.CONNECTIVE | Slot.END:
            return _after_comparison(at)
        case _:
            return diagnose_set(at) or _after_comparison(at)


# -- where a comparison is expected ------------------------------------------------------------------------------------


def _instead_of_comparison(at: At) -> Diagnostic:
    word = at.word
    if at.at_end:
        return _nothing(at)
    if word == ")" and not any(word.kind == "LPAR" for word in at.open):
        return _extra_parenthesis(at)
    if (word.startswith("!") and not word.startswith("!=")) or word.startswith("~"):
        span = Span(at.position, at.position + 1)
        behind = at.moved(span.end).position
        hint = "negation is written `NOT`"
        return Diagnostic(
            "KQ105", f"`{word[0]}` is not an operator here", span, hint, Fix(Span(span.start, behind), "NOT ")
        )
    if word.upper() == "NOT" != word and not _begins_operand(at):
        return wrong_case(at, "NOT")
    if word in _NEGATIONS and not _begins_operand(at) and _begins_operand(at.moved(at.span.end)):
        return unexpected(at, "a comparison", "negation is written `NOT`", Fix(at.span, "NOT"))
    if mirrored := _MIRRORED.match(at.text, at.position):
        return _mirrored(mirrored, at)
    if _NUMBER.match(at.text, at.position):
        joined = at.innermost in ("_AND", "_OR")
        hint = "each comparison names its count" if joined else "the count stands on the left, the number on the right"
        return _without_count(at) or unexpected(at, A_COUNT, hint)
    if whole := _QUOTED_QUERY.fullmatch(at.text):
        span = Span(whole.start(1), len(at.text.rstrip()))
        return Diagnostic("KQ114", "the whole query stands in quotes", span, "remove them", Fix(span, whole[2]))
    return _from_elsewhere(at) or diagnose_operand(at)


def _nothing(at: At) -> Diagnostic:
    if GAP.fullmatch(at.text):
        hint = "a query is a comparison such as `JOB.CATEGORY.count > 0`"
        if "#" in at.text:
            hint = f"what follows `#` is a comment; {hint}"
        return Diagnostic("KQ103", "the query is empty", end_of(at), hint)
    return unexpected(at, "a comparison", "a comparison is written `JOB.CATEGORY.count > 0`")


def _from_elsewhere(at: At) -> Diagnostic | None:
    """A connective without its comparison, a comment, brackets, words that stand before conditions elsewhere."""
    word, text = at.word, at.text
    keyword = word.upper() in ("AND", "OR") and not _begins_operand(at)
    if keyword or word in "(),&|" or word in _CONNECTIVES or word in BY_SYMBOL:
        return _without_count(at) or unexpected(at, "a comparison", "a comparison is written `JOB.CATEGORY.count > 0`")
    if comment := _foreign_comment(at, "a comparison"):
        return comment
    close = text.find(_CLOSING[word], at.position) if word in _CLOSING else -1
    inside = text[at.position + 1 : close]
    if close > 0 and re.search(r"[<>=]|count", inside) and not set(inside) & set("[]{}"):
        fix = Fix(Span(at.position, close + 1), f"({inside})")
        return unexpected(at, "a comparison", "parentheses are round", fix)
    if word == "/" and (either := _EITHER.match(text, at.position - 3)):
        return _either(at, either, "a comparison")
    if lead := _LEAD.match(text, at.position):
        return unexpected(at, "a comparison", "a query is nothing but its condition", Fix(Span(*lead.span()), ""))
    glued = re.compile(r"(?:AND|OR)\Z").search(text, max(0, at.position - 3), at.position)
    behind = at._replace(position=glued.start()) if glued else at
    named = _begins_operand(at) or at.moved(at.span.end).at_end
    if glued and word[:1].isalnum() and not named:  # ORDER is no OR
        return _after_comparison(behind)
    return None


def _begins_operand(at: At) -> bool:
    """True if a dot follows the word, so that it is a name."""
    return at.text.startswith(".", at.moved(at.span.end).position)


def _without_count(at: At) -> Diagnostic | None:
    """`> 1 AND < 5`, `== 1 OR 2`: a comparison that leaves out the count of the one before it."""
    number = _NUMBER.match(at.text, at.position)
    if not number and not written(at):
        return None
    before = last_compared(at.text[: at.position])
    if before is None or (number and not _repeats(before.operator, at)):
        return None
    added = f"{before.operand} {before.operator} " if number else f"{before.operand} "
    compared = _COMPARED.match(at.text, at.position)
    example = shown(added + (compared[0] if compared else ""))
    fix = Fix(Span(at.position, at.position), added)
    return unexpected(at, "a comparison", f"each comparison names its count: `{example}`", fix)


def _repeats(symbol: str, at: At) -> bool:
    """True for `== 1 OR 2` and `!= 1 AND 2`; who writes `!= 1 OR 2` means neither, which `!=` twice does not say."""
    return (symbol, at.innermost) in (("==", "_OR"), ("!=", "_AND"))


def _mirrored(match: re.Match[str], at: At) -> Diagnostic:
    number, _, operand, _, upper = match.groups()
    message, span = "the number stands on the left of the comparison", Span(*match.span(1))
    signs = [written(at._replace(position=match.start(group))) for group in ("first", "second") if match[group]]
    operators = [BY_SYMBOL[sign[1]] for sign in signs if sign]
    rising = all(operator.symbol in ("<", "<=") for operator in operators)
    text = None
    if len(operators) == 1 == len(signs):
        text = f"{operand} {operators[0].mirrored.symbol} {number}"
    elif (
        len(operators) == 2
        and (rising or not any(o.symbol not in (">", ">=") for o in operators))
        and len(number + upper) < 100
    ):
        bounds = [(int(number), operators[0].symbol), (int(upper), operators[1].symbol)]  # 1 < J.C.count <= 5
        (low, after), (high, until) = bounds if rising else bounds[::-1]
        text = f"{operand} IN {low + (len(after) == 1)}..{high - (len(until) == 1)}"
    if text is None:
        return Diagnostic("KQ113", message, span, "the count stands on the left, the number on the right")
    return Diagnostic("KQ113", message, span, f"the same is `{text}`", Fix(Span(*match.span()), text))


# -- after a comparison ------------------------------------------------------------------------------------------------


def _after_comparison(at: At) -> Diagnostic:
    word = at.word
    found = number_before(at)
    if found:
        return found
    if at.at_end:
        opened = next((word for word in reversed(at.open) if word.kind == "LPAR"), None)
        where = f"the `(` at column {_column(at.text, opened.start)} is not closed" if opened else None
        return Diagnostic("KQ111", "a parenthesis is not closed", end_of(at), where, closing(at))
    if word == ")":
        return _extra_parenthesis(at)
    if either := _EITHER.match(at.text, at.position):
        return _either(at, either, A_CONNECTIVE)
    if word.upper() in ("AND", "OR"):
        return wrong_case(at, word.upper())
    signs = word.rstrip("!~")  # `&&!` negates what follows
    if signs in _CONNECTIVES and not signs.isalpha():
        meant, span = _CONNECTIVES[signs], Span(at.position, at.position + len(signs))
        return Diagnostic(
            "KQ105", f"`{signs}` is not an operator", span, f"`{signs}` is written `{meant}`", _apart(at, span, meant)
        )
    if word[0].isalpha():
        return look_alike(at) or _instead_of_connective(at)
    if word in ("(", '"') or (word == ALL_NAMES and _begins_operand(at)):
        return unexpected(at, "`AND` or `OR`", "two comparisons are joined by `AND` or `OR`")
    if escaped := _ESCAPED.match(at.text, at.position):
        return unexpected(at, A_CONNECTIVE, "remove it", Fix(Span(*escaped.span()), " " * (len(escaped[0]) > 1)))
    if word in (",", ";"):
        return _separated(at)
    if comment := _foreign_comment(at, A_CONNECTIVE):
        return comment
    if written(at):
        return unexpected(at, A_CONNECTIVE, "a comparison has two sides; join two comparisons with `AND`")
    if word in ("+", "-", "*", "/", "%"):
        return unexpected(at, A_CONNECTIVE, "counts are compared with numbers; nothing can be calculated")
    return look_alike(at) or unexpected(at, A_CONNECTIVE, "a query ends with its last comparison")


def _either(at: At, match: re.Match[str], expected: str) -> Diagnostic:
    """`and/or`."""
    return unexpected(at, expected, "`OR` holds too if both do", Fix(Span(*match.span()), "OR", safe=False))


def _apart(at: At, span: Span, keyword: str) -> Fix:
    """A keyword in place of signs, with the spaces that signs do without."""
    before, behind = at.text[span.start - 1], at.text[span.end : span.end + 1]
    return Fix(span, " " * (not before.isspace()) + keyword + " " * (behind != "" and not behind.isspace()))


def _separated(at: At) -> Diagnostic:
    """A comma or a semicolon behind a comparison."""
    found = _SEPARATED.match(at.text, at.position)
    if at.moved(at.position + 1).at_end or (found and found[2]):
        return unexpected(at, A_CONNECTIVE, "remove it", Fix(at.span, ""))
    if found is None:
        return unexpected(at, "`AND` or `OR`", "write `AND` if both must hold", Fix(at.span, " AND", safe=False))
    fix = listed_numbers(at, found)
    if fix is None:
        return unexpected(at, A_CONNECTIVE, "a comparison has one number")
    glued = at.text[at.position + 1].isdigit()  # `2,0` can be a decimal
    return unexpected(at, A_CONNECTIVE, f"write `{shown(fix.text)}`", None if glued else fix)


def _instead_of_connective(at: At) -> Diagnostic:
    """A word that is neither AND nor OR."""
    word = at.word.upper()
    glued = _KEYWORD.match(at.text, at.position)
    if glued and _begins_operand(at):  # andJ.C.count
        span = Span(*glued.span())
        message = f"keywords are written in upper case: `{glued[0]}` is `{glued[0].upper()}`"
        return Diagnostic("KQ104", message, span, None, Fix(span, f"{glued[0].upper()} "))
    if word == "XOR":
        return unexpected(at, "`AND` or `OR`", "`a XOR b` is written `a AND NOT b OR b AND NOT a`")
    near = nearest(word, ("AND", "OR"), limit=1)
    meant = _CONNECTIVES.get(word) or (near[0] if near and near[0][0] == word[0] else None)
    if meant is None or _begins_operand(at):
        return unexpected(at, "`AND` or `OR`", "two comparisons are joined by `AND` or `OR`")
    return unexpected(at, "`AND` or `OR`", f"write `{meant}`", Fix(at.span, meant, safe=False))


def _foreign_comment(at: At, expected: str) -> Diagnostic | None:
    comment = _COMMENT.match(at.text, at.position)
    if comment is None:
        return None
    if comment[1]:
        fix = Fix(Span(*comment.span(1)), "#")
    else:
        lines = "".join(f"# {line.strip(' *')}\n" for line in comment[2].splitlines() if line.strip(" *"))
        fix = Fix(Span(*comment.span()), lines)
    return unexpected(at, expected, "a comment begins with `#`", fix)


def _column(text: str, offset: int) -> str:
    line = text.count("\n", 0, offset) + 1
    column = offset - text.rfind("\n", 0, offset)
    return f"{column}" if "\n" not in text else f"{column} of line {line}"


def _extra_parenthesis(at: At) -> Diagnostic:
    return Diagnostic("KQ112", "this `)` closes nothing", at.span, "remove it", Fix(at.span, "", safe=False))
