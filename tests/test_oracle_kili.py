"""Accepted or refused: agreement with `validate_category_search_query` of the real `kili` package from PyPI.

The package is installed into an environment of its own (`tests/installing.py`) and only asked; nothing of it is imported
here.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from kili_query import Query, QuerySyntaxError, parse
from kili_query.lang.ast import And, Comparison, Node, Or, Total, leaves, walk
from tests.conftest import FUZZ
from tests.strategies import portable_trees

pytestmark = pytest.mark.oracle

CORPUS = max(5_000, FUZZ)
"""How many texts both are asked."""
SEED = 20_260_204

_SERVER = """
import json, sys
from kili.core.helpers import validate_category_search_query
for line in sys.stdin:
    try:
        validate_category_search_query(json.loads(line))
        answer = True
    except ValueError as error:
        answer = "Exceeds the limit" in str(error) and None  # Python's own limit for the digits of a number
    sys.stdout.write(json.dumps(answer) + "\\n")
"""


def _ask(python: Path, texts: list[str]) -> list[bool | None]:
    """What the validator says of each text: accepted, refused, or (None) too many digits for Python."""
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    done = subprocess.run([python, "-I", "-c", _SERVER], input=lines, capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(texts)
    return answers


# -- the corpus --------------------------------------------------------------------------------------------------------

_NAMES = ("A", "B", "AND", "OR", "NOT", "IN", "count", "J-1", "a_*", "JOB_0", "ANDA", "ORCA", "z9")
_NUMBERS = ("0", "1", "+1", "-1", "007", "-0", "+00", "10", "99999999999999999999", "\u0661", "1\u0662")
_ODD_NUMBERS = (
    "1.5",
    ".5",
    "1.",
    "1e3",
    "1E-2",
    "1e",
    "-.5",
    "+1.0e+2",
    "--1",
    "+-1",
    "- 1",
    "1_0",
    "1,0",
    "0x1",
    "inf",
    "nan",
    "\u00bd",
    "\u00b2",
    "1..2",
)
_SPACES = ("", "", " ", " ", "  ", "\t", "\n", "\r", "\r\n")
_ODD_SPACES = ("\v", "\f", "\u00a0", "\u2003", "\u200b", "\x1c", "\x85", "\u2028", "\ufeff", "\x00")
_OPERATORS = ("==", ">=", "<=", "<", ">")
_ODD_PIECES = ("=", "=>", "=<", "<>", "===", "!", "&&", "||", "and", "Or", "Count", "counts", "É", "é", "ß", "_", "*", "-", "0", "9", "ª", "字", ".", "..", "(", ")",
               ",", "'", "\\", ";", "/", "[", "A.B.count > 1", "A.B", "AND", "OR", "A", "1")  # fmt: skip


class _Random(random.Random):
    def gap(self) -> str:
        return self.choice(_SPACES)

    def tokens(self, depth: int = 0) -> list[str]:
        """A valid query of Kili's own language, in tokens."""
        roll = self.random()
        if depth > 3 or roll < 0.55:
            number = self.choice(_NUMBERS) if self.random() < 0.95 else self.choice(_ODD_NUMBERS)
            return [self.choice(_NAMES), ".", self.choice(_NAMES), ".", "count", self.choice(_OPERATORS), number]
        if roll < 0.75:
            return ["(", *self.tokens(depth + 1), ")"]
        return [*self.tokens(depth + 1), self.choice(("AND", "OR")), *self.tokens(depth + 1)]

    def mutated(self, tokens: list[str]) -> list[str]:
        tokens = list(tokens)
        at = self.randrange(len(tokens))
        match self.randrange(5):
            case 0:
                del tokens[at]
            case 1:
                tokens.insert(at, self.choice(tokens))
            case 2:
                tokens.insert(at, self.choice(_ODD_PIECES + _ODD_NUMBERS))
            case 3:
                tokens[at] = self.choice(_ODD_PIECES + _ODD_NUMBERS + _OPERATORS)
            case 4:
                other = self.randrange(len(tokens))
                tokens[at], tokens[other] = tokens[other], tokens[at]
        return tokens

    def text(self) -> str:
        tokens = self.tokens()
        for _ in range(self.choice((0, 1, 1, 1, 2))):
            if tokens:
                tokens = self.mutated(tokens)
        text = self.gap() + "".join(token + self.gap() for token in tokens)
        if self.random() < 0.25:
            at = self.randint(0, len(text))
            to = min(len(text), at + self.randrange(3))
            text = text[:at] + self.choice((*_ODD_SPACES, *_ODD_PIECES, "", " ")) + text[to:]
        return text


def _corpus() -> Iterator[str]:
    yield from (
        "",
        " ",
        "()",
        "A.B.count > " + "9" * 4299,
        "A.B.count > " + "9" * 4301,
        "A.B.count > 1\x00",
        "(" * 40 + "A.B.count>1" + ")" * 40,
    )
    yield from (f"A.B.count{space}>{space}1" for space in (*_SPACES, *_ODD_SPACES))
    yield from (f"A.B.count > {number}" for number in (*_NUMBERS, *_ODD_NUMBERS))
    yield from (f"{name}{extra}.B.count > 1" for name in _NAMES for extra in ("", *_ODD_PIECES))
    source = _Random(SEED)
    while True:
        yield source.text()


_FRACTION = re.compile(r"[+-]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?")


def _without_fractions(text: str) -> str:
    """The text with whole numbers in place of decimals and exponents after an operator, which Kili's validator takes."""
    return re.sub(rf"([<>=][ \t\r\n]*){_FRACTION.pattern}", r"\g<1>1", text)


def _parsed(text: str) -> Query | None:
    try:
        return parse(text)
    except QuerySyntaxError:
        return None


def _extended(query: Query) -> bool:
    """True if the text uses what Kili's own language does not have."""
    tree = query.tree
    nodes = any(not isinstance(node, (And, Or, Comparison)) for node in walk(tree))
    nodes = nodes or any(isinstance(leaf.operand, Total) for leaf in leaves(tree))
    return nodes or "!=" in query.source or bool(set(query.source) & set('"#'))


def test_both_accept_and_refuse_the_same_texts(oracle: Path) -> None:
    texts = _first(CORPUS, _corpus())
    answers = _ask(oracle, texts)
    disagreed: list[tuple[str, bool | None]] = []
    for text, theirs in zip(texts, answers, strict=True):
        ours = _parsed(text)
        if theirs is None:  # more digits than Python converts; no limit of the language
            assert ours is not None
        elif ours is not None and not theirs:
            disagreed += [(text, theirs)] * (not _extended(ours))
        elif theirs and ours is None:
            whole = _without_fractions(text)
            disagreed += [(text, theirs)] * (whole == text or _parsed(whole) is None)
    assert not disagreed
    assert 0.15 < sum(map(bool, answers)) / len(answers) < 0.85  # near the border, on both sides of it


def test_text_for_the_server_is_accepted(oracle: Path) -> None:
    found: dict[str, None] = {}

    @settings(max_examples=max(300, FUZZ), derandomize=True, database=None, deadline=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(portable_trees)
    def collect(tree: Node) -> None:
        found[Query(tree).to_server()] = None

    collect()
    texts = [text for text in found if text.count("(") <= 12]  # nested parentheses cost the validator exponential time
    assert len(texts) > 200
    assert dict(zip(texts, _ask(oracle, texts), strict=True)) == dict.fromkeys(texts, True)


def _first(number: int, texts: Iterable[str]) -> list[str]:
    """So many different texts, those that would cost the validator too much time left out."""
    found: dict[str, None] = {}
    for text in texts:
        if text.count("(") <= 40:
            found[text] = None
        if len(found) == number:
            break
    return list(found)
