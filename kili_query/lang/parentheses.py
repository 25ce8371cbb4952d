"""Redundant parentheses: of pairs right inside of others the parser, which takes long over each, sees one alone.

The others become white space, so that all that is left stands where it stood. Where the parser stops nevertheless, what it
would have said of the whole text is worked out from what it says of the thinner one.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from kili_query.lang.lexis import COMMENT, GAP, QUOTED
from kili_query.lang.stopped import Stopped, Token

_NESTED = re.compile(rf"\({GAP}\(")
_PART = re.compile(rf"\(++|\)++|[^\s()\"#][^()\"#]*+|{COMMENT}|{QUOTED}|(?P<unclosed>\"[\s\S]*+)")


class Thinned(NamedTuple):
    """A text without parentheses that say nothing: of those right inside of one another the outermost pair is left."""

    text: str
    innermost: dict[int, tuple[int, int]]
    """For a parenthesis that stands for others: where the innermost of them is opened, and how many they are."""
    first: dict[int, int]
    """The same for one that closes: where the first of them stands."""

    def restored(self, stopped: Stopped) -> Stopped:
        """Where the parser would have stopped in the text as it was."""
        position = self.first.get(stopped.position, stopped.position)
        words = []
        for word in stopped.open:
            start, times = self.innermost.get(word.start, (word.start, 1))
            end = min(start + word.end - word.start, position)  # a word can have taken along what is white space now
            words.append(Token(word.kind, start, end, word.text[: end - start], times))
        return stopped._replace(position=position, open=tuple(words))


def thinned(text: str) -> Thinned:
    """The text as the parser is to see it.

    >>> thinned("((A.B.count > 1))").text
    '( A.B.count > 1 )'
    """
    if _NESTED.search(text) is None:
        return Thinned(text, {}, {})
    opened, closed, inside, around = _pairs(text)
    letters, innermost, first = list(text), dict[int, tuple[int, int]](), dict[int, int]()
    number = 0
    while number < len(opened):
        end = number + 1
        while end < len(opened) and inside[end] and (around[end - 1] or closed[end] == -1):
            letters[opened[end]] = " "
            if closed[end] >= 0:
                letters[closed[end]] = " "
            end += 1
        if end > number + 1:
            innermost[opened[number]] = opened[end - 1], end - number
            first[closed[number]] = closed[end - 1]
        number = end
    return Thinned("".join(letters), innermost, first)


def _pairs(text: str) -> tuple[list[int], list[int], list[bool], list[bool]]:
    """For each parenthesis that is opened: where, where it is closed (-1: nowhere), whether it is opened right inside of
    the one before, and whether it is closed right behind the next one."""
    opened, closed, inside, around, todo = list[int](), list[int](), list[bool](), list[bool](), list[int]()
    behind_in = behind_opening = False
    last = -1  # the parenthesis that was closed right before
    for part in _PART.finditer(text):
        start, end = part.span()
        letter = text[start]
        if letter == "(":
            numbers = range(len(opened), len(opened) + end - start)
            opened += range(start, end)
            todo += numbers
            inside.append(behind_opening)
            # the numbers of a list stand in one pair, and no other
            inside += [not behind_in] * min(1, len(numbers) - 1) + [True] * (len(numbers) - 2)
            closed += [-1] * len(numbers)
            around += [False] * len(numbers)
            behind_opening, behind_in, last = not behind_in or len(numbers) > 1, False, -1
        elif letter == ")":
            if end - start > len(todo):
                end = start + len(todo)  # the parser comes no further
            for place in range(start, end):
                number = todo.pop()
                closed[number] = place
                around[number] = last == number + 1
                last = number
            if end < part.end():
                break
            behind_opening = behind_in = False
        elif part.lastgroup == "unclosed":
            break  # nor here
        elif letter != "#":
            behind_in, behind_opening, last = part[0].rstrip(" \t\r\n").endswith("IN"), False, -1
    return opened, closed, inside, around
