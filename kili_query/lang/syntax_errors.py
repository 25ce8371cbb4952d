"""A second, finer look at a text that is not a query: what is wrong, in the language's words, and what would work.

The parser stops at a position and knows what it could go on with. From there this module only reads ahead: it decides
nothing about what is a query.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from kili_query.errors import Diagnostic, Fix, Span
from kili_query.lang.operators import BY_SYMBOL, Operator
from kili_query.lang.printer import name_to_text
from kili_query.model.ontology import is_plain_name

A_COUNT = "a count such as `JOB.CATEGORY.count`"
AN_OPERATOR = "a comparison operator"
A_NUMBER = "a whole number"
A_SET = "a list such as `(1, 2)` or a range such as `2..5`"
TWO_DOTS = "a range is written `2..5`"
A_CONNECTIVE = "`AND`, `OR` or the end"

_GAP = re.compile(r"(?:[ \t\r\n]|#[^\n]*(?:\n|$))*")
_WORD = re.compile(r"[^\W\d][\w*-]*|[+-]?\d[\w.]*|[<>=!&|~≤≥≠]+|.", re.DOTALL)
_DECIMAL = re.compile(r"[+-]?(?:\d+\.\d+|\d+\.(?![.\d])|\.\d+|\d+(?=[eE]))(?:[eE][+-]?\d+)?")
_OPERATOR_RUN = re.compile(r"[<>=!~≤≥≠](?:[ \t]*[<>=!~≤≥≠])*")
_MIRRORED = re.compile(
    r"([+-]?\d+)\s*([<>=!]+)\s*([A-Za-z][\w*-]*\s*\.\s*[A-Za-z][\w*-]*\s*\.\s*count)\b"
    r"(?:\s*([<>=!]+)\s*([+-]?\d+)(?![\w.]))?"
)
_HABIT = re.compile(r"BETWEEN\s+(\d+)\s+AND\s+(\d+)|(?:IS|EQUALS|EQ)\b", re.IGNORECASE)
"""What other languages have in place of an operator."""
_OPERAND_TEXT = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^<>=!~≤≥≠()&|,#\n"])*')
_KEYWORD_AFTER = re.compile(r"[ \t](?:AND|OR|IN|NOT|and|or|in|not)(?=[ \t(]|$)")
_PART = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^."])*')

_OPERATORS = {
    "=": "==", "=>": ">=", "=<": "<=", "<>": "!=", "><": "!=", "===": "==", "!==": "!=", ">==": ">=", "<==": "<=",
    "=!": "!=", "~=": "!=", "!": "!=", "≥": ">=", "≤": "<=", "≠": "!=",
}  # fmt: skip
"""Operators that people write from habit, and what they mean here."""
_CONNECTIVES = {"&&": "AND", "&": "AND", "||": "OR", "|": "OR"}
_QUOTES = "'`´‘’“”„«»"


class _At(NamedTuple):
    """A place in the text, and what the parser knows there."""

    text: str
    position: int
    accepts: frozenset[str]
    tokens: Sequence[str]  # those not yet closed; Lark's tokens, which know their type and start

    @property
    def at_end(self) -> bool:
        return self.position >= len(self.text)

    @property
    def word(self) -> str:
        """What stands here: a word, a number, a sign."""
        found = _WORD.match(self.text, self.position)
        return found[0] if found else ""

    @property
    def span(self) -> Span:
        return Span(self.position, self.position + len(self.word))

    def moved(self, position: int) -> _At:
        """The place after the white space and comments that follow `position`."""
        gap = _GAP.match(self.text, position)
        return self._replace(position=gap.end() if gap else position)


def diagnose(text: str, position: int, accepts: set[str], tokens: Sequence[str]) -> Diagnostic:
    """What is wrong with a text, of which the parser could use all before `position`."""
    at = _At(text, position, frozenset(accepts), tokens).moved(position)
    foreign = _foreign_space(at)
    if foreign:
        return foreign
    if "COMPARISON" in accepts:
        return _instead_of_comparison(at)
    if "NOT" in accepts:
        return _after_operand(at)
    if accepts & {"_IN", "RANGE", "INTEGER", "_COMMA"}:
        return _in_set(at)
    return _after_comparison(at)


def _unexpected(at: _At, expected: str, hint: str | None = None, fix: Fix | None = None) -> Diagnostic:
    if at.at_end:
        return Diagnostic("KQ102", f"the text ends where {expected} is expected", _end(at), hint, fix)
    return Diagnostic("KQ101", f"`{_shown(at.word)}` cannot stand here; {expected} is expected", at.span, hint, fix)


def _end(at: _At) -> Span:
    return Span(len(at.text), len(at.text))


def _shown(word: str) -> str:
    return word if len(word) <= 40 else word[:39] + "…"


def _foreign_space(at: _At) -> Diagnostic | None:
    """White space that looks like a space and is none."""
    if at.at_end:
        return None
    char = at.text[at.position]
    if not char.isspace() and unicodedata.category(char) != "Cf":
        return None
    name = unicodedata.name(char, "control character").lower()
    span = Span(at.position, at.position + 1)
    message = f"this is not a space but U+{ord(char):04X} ({name})"
    hint = "space, tab and line break are the white space of the language"
    return Diagnostic("KQ101", message, span, hint, Fix(span, " " if char.isspace() else ""))


# -- where a comparison is expected ------------------------------------------------------------------------------------


def _instead_of_comparison(at: _At) -> Diagnostic:
    word = at.word
    if at.at_end:
        if not _GAP.sub("", at.text):
            hint = "a query is a comparison such as `JOB.CATEGORY.count > 0`"
            return Diagnostic("KQ103", "the query is empty", _end(at), hint)
        return _unexpected(at, "a comparison", "a comparison is written `JOB.CATEGORY.count > 0`")
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
        return _unexpected(at, A_COUNT, "the count stands on the left, the number on the right")
    whole = re.fullmatch(r"""\s*(["'])([^"']*\.[^"']*)\1\s*""", at.text)
    if whole:
        span = Span(whole.start(1), whole.end(2) + 1)
        return Diagnostic("KQ114", "the whole query stands in quotes", span, "remove them", Fix(span, whole[2]))
    if word.upper() in ("AND", "OR") or word in "(),&|" or word in BY_SYMBOL:
        return _unexpected(at, "a comparison", "a comparison is written `JOB.CATEGORY.count > 0`")
    return _operand(at)


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


def _operand(at: _At) -> Diagnostic:
    """An operand that is not `JOB.CATEGORY.count`: which part is missing or wrong."""
    parts, end = _parts(at)
    for part in parts:
        malformed = _malformed_quotes(part) or _foreign_space(_inner_space(at, part))
        if malformed:
            return malformed
    if at.text[end : end + 1] == '"' and not parts[-1].quoted:
        span = Span(end, len(at.text))
        return Diagnostic("KQ114", "the quoted name is not closed", span, 'a name in quotes ends with `"`')
    finished = not at.moved(end).at_end
    names, last = parts[:-1], parts[-1]
    if not finished and _is_prefix(parts):
        hint = "a comparison is written `JOB.CATEGORY.count > 0`"
        return Diagnostic("KQ102", f"the text ends inside {A_COUNT}", _end(at), hint)
    if last.text.lower() != "count":
        return _without_count(parts)
    if len(names) < 2 or not names[0].text or not names[1].text:
        return _incomplete(names, last)
    for name in names:
        if not name.good:
            return _needs_quotes(name, names)
    if len(names) > 2:
        return _too_many(names)
    return Diagnostic("KQ104", f"`{last.text}` is written `count`", last.span, None, Fix(last.span, "count"))


def _parts(at: _At) -> tuple[list[_Part], int]:
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


def _inner_space(at: _At, part: _Part) -> _At:
    """The place of the first foreign white space just before, in or just after a part; the end if there is none."""
    start, end = part.span
    around = range(max(at.position, start - 1), min(end + 1, len(at.text)))
    if part.quoted:
        around = range(0)
    odd = (
        i
        for i in around
        if at.text[i] not in " \t\r\n" and (at.text[i].isspace() or unicodedata.category(at.text[i]) == "Cf")
    )
    return at._replace(position=next(odd, len(at.text)))


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
        return Diagnostic("KQ110", f"`{_shown(last.text)}` is not a count: the job is missing", last.span, hint)
    if not parts[0].text:
        return _incomplete(parts, last)
    if len(parts) == 2 and parts[1].text:
        bad = next((part for part in parts if not part.good), None)
        if bad:
            return _needs_quotes(bad, parts)
        after = Span(last.span.end, last.span.end)
        text = f"{parts[0].text}.{last.text}"
        message = f"`.count` is missing after `{_shown(text)}`"
        return Diagnostic("KQ108", message, last.span, f"write `{_shown(text)}.count`", Fix(after, ".count"))
    if len(parts) == 2:
        return _incomplete(parts[:1], last)
    if len(parts) == 3 and last.text.lower().startswith(("c", "n", "num")):
        message = f"`.count` is missing: `{_shown(last.text)}` stands in its place"
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
        return Diagnostic("KQ109", f"the category is missing after `{_shown(names[0].text)}`", last.span, hint)
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
        "KQ107", f"`{_shown(name.text)}` needs quotes: {reason}", name.span, f"write `{_shown(fix.text)}`", fix
    )


def _too_many(names: Sequence[_Part]) -> Diagnostic:
    names = [name for name in names if name.text]
    extra = names[2:] or names[-1:]
    direct = ".".join(name.text for name in names[-2:])
    inner = name_to_text(".".join(name.text for name in names[1:]))
    message = "a count names one job and one category, and this names more"
    hint = f"a nested job is named without its parent: `{direct}.count`; a key with a dot is quoted: `{names[0].text}.{inner}.count`"
    return Diagnostic("KQ101", message, Span(extra[0].span.start, extra[-1].span.end), hint)


# -- after an operand --------------------------------------------------------------------------------------------------


def _after_operand(at: _At) -> Diagnostic:
    word = at.word
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
        return Diagnostic("KQ105", f"`{_shown(run[0])}` is not an operator", span, f"the operators are {_operators()}")
    habit = _HABIT.match(at.text, at.position)
    if word in ("AND", "OR", ")") or at.at_end:
        hint = "to ask whether there is any, write `> 0`"
    elif word in ("+", "-", "*", "/", "%"):
        hint = "counts are compared with numbers; nothing can be calculated"
    elif word[0].isdigit() or word[0] in "+-":
        hint = f"to ask for exactly this number, write `== {word}`"
    elif habit:
        text = f"IN {habit[1]}..{habit[2]}" if habit[1] else "=="
        return _unexpected(at, AN_OPERATOR, f"write `{text}`", Fix(Span(*habit.span()), text))
    elif word in ("(", "."):
        hint = "nothing follows `count` but an operator"
    else:
        hint = f"the operators are {_operators()}"
    return _unexpected(at, AN_OPERATOR, hint)


def _operators() -> str:
    return ", ".join(f"`{operator.symbol}`" for operator in Operator) + " and `IN`"


def _instead_of_number(at: _At, operator: Operator, start: int) -> Diagnostic:
    decimal = _DECIMAL.match(at.text, at.position)
    if decimal:
        return _decimal(decimal, operator, start)
    if at.text.startswith("..", at.position):
        return _unexpected(at, A_NUMBER, "a range is written with `IN`: `IN 2..5`")
    spaced = re.compile(r"([+-])\s+(\d+)").match(at.text, at.position)
    if spaced:
        fix = Fix(Span(*spaced.span()), spaced[1] + spaced[2])
        return _unexpected(at, A_NUMBER, "the sign stands directly before the number", fix)
    quoted = re.compile(r"""["'](\d+)["']""").match(at.text, at.position)
    if quoted:
        return _unexpected(at, A_NUMBER, "numbers have no quotes", Fix(Span(*quoted.span()), quoted[1]))
    if re.compile(r"[A-Za-z\"][^<>=()]*\.\s*count\b").match(at.text, at.position):
        return _unexpected(at, A_NUMBER, "a count is compared with a number, not with another count")
    return _unexpected(at, A_NUMBER)


def _decimal(match: re.Match[str], operator: Operator | None, start: int) -> Diagnostic:
    """A number that is not whole: counts are, so there is a whole comparison that means the same."""
    span = Span(*match.span())
    message = f"`{_shown(match[0])}` is not {A_NUMBER}"
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

    value = Decimal(text)
    return value.as_integer_ratio() if len(text) < 300 and abs(value.adjusted()) < 300 else None


# -- after IN ----------------------------------------------------------------------------------------------------------


def _in_set(at: _At) -> Diagnostic:
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
            else _unexpected(at, "`IN`", "after a count, `NOT` goes with `IN`")
        )
    if "RANGE" in at.accepts and "LPAR" not in at.accepts:
        number = at.tokens[-1]
        start = at.text.rindex(number, 0, at.position)
        written = Span(start, start + len(number))
        upper = re.compile(r"(?:\s*-\s*|:|\.\.\.|\s+TO\s+)(\d+)", re.IGNORECASE).match(at.text, written.end)
        if upper:
            return _unexpected(at, "`..`", TWO_DOTS, Fix(Span(start, upper.end()), f"{number}..{upper[1]}"))
        return _unexpected(at, "a list or a range", f"`IN` takes {A_SET}", Fix(written, f"({number})"))
    if "LPAR" in at.accepts:
        brackets = re.compile(r"[\[{]([\d\s,+-]*)[\]}]").match(at.text, at.position)
        fix = Fix(Span(*brackets.span()), f"({brackets[1]})") if brackets and brackets[1].strip() else None
        return _unexpected(at, A_SET, None, fix)
    if "AND" in "".join(at.accepts):
        return _after_comparison(at)
    if at.word == ")" and at.tokens[-1] == ",":
        comma = at.text.rindex(",", 0, at.position)
        return _unexpected(at, A_NUMBER, "the comma before it is one too many", Fix(Span(comma, comma + 1), ""))
    return _unexpected(at, A_NUMBER, "a list holds at least one number" if at.word == ")" else None)


def _closing(at: _At) -> Fix:
    """All the parentheses that are missing at the end; on a line of their own where a comment would swallow them."""
    in_comment = "#" in at.text[at.text.rfind("\n") + 1 :]
    return Fix(_end(at), "\n" * in_comment + ")" * sum(token == "(" for token in at.tokens))


def _in_list(at: _At) -> Diagnostic:
    if at.at_end:
        return Diagnostic("KQ111", "the list is not closed", _end(at), "a list ends with `)`", _closing(at))
    opened = at.text.rindex("(", 0, at.position)
    inside = re.compile(r"\(\s*([+-]?\d+\s*\.\.\s*[+-]?\d+)\s*\)").match(at.text, opened)
    if inside:
        return _unexpected(at, "`,` or `)`", "a range stands without parentheses", Fix(Span(*inside.span()), inside[1]))
    return _unexpected(at, "`,` or `)`", "the numbers of a list are separated by commas")


# -- after a comparison ------------------------------------------------------------------------------------------------


def _after_comparison(at: _At) -> Diagnostic:
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
        return _unexpected(at, A_CONNECTIVE, "digits are not grouped", Fix(Span(*separated.span()), number))
    if at.at_end:
        opened = next((token for token in reversed(at.tokens) if token == "("), None)
        where = f"the `(` at column {_column(at.text, opened.start_pos)} is not closed" if opened else ""  # type: ignore[attr-defined]
        return Diagnostic("KQ111", "a parenthesis is not closed", _end(at), where or None, _closing(at))
    if word == ")":
        return _extra_parenthesis(at)
    if word.upper() in ("AND", "OR"):
        return _lower_case(at, word.upper())
    if word in _CONNECTIVES:
        meant = _CONNECTIVES[word]
        hint = f"`{word}` is written `{meant}`"
        return Diagnostic("KQ105", f"`{word}` is not an operator", at.span, hint, Fix(at.span, meant))
    if at.text.startswith("..", at.position):
        return _unexpected(at, A_CONNECTIVE, "a range is written with `IN`: `IN 2..5`")
    if word in BY_SYMBOL or word in _OPERATORS:
        return _unexpected(at, A_CONNECTIVE, "a comparison has two sides; join two comparisons with `AND`")
    if word[0].isalpha() or word in ("(", '"'):
        return _unexpected(at, "`AND` or `OR`", "two comparisons are joined by `AND` or `OR`")
    return _unexpected(at, A_CONNECTIVE)


def _column(text: str, offset: int) -> str:
    line = text.count("\n", 0, offset) + 1
    column = offset - text.rfind("\n", 0, offset)
    return f"{column}" if "\n" not in text else f"{column} of line {line}"


def _number_start(at: _At) -> int:
    """Where the digits start that end just before here."""
    start = at.position
    while start and at.text[start - 1].isdigit():
        start -= 1
    return start - (start > 0 and start < at.position and at.text[start - 1] in "+-")


def _number_around(at: _At) -> re.Match[str] | None:
    """A number that is not whole: its whole part is before this place, the rest here."""
    match = _DECIMAL.match(at.text, _number_start(at))
    return match if match and match.end() > at.position else None


def _extra_parenthesis(at: _At) -> Diagnostic:
    return Diagnostic("KQ112", "this `)` closes nothing", at.span, "remove it", Fix(at.span, ""))


def _lower_case(at: _At, keyword: str) -> Diagnostic:
    message = f"keywords are written in upper case: `{at.word}` is `{keyword}`"
    return Diagnostic("KQ104", message, at.span, None, Fix(at.span, keyword))
