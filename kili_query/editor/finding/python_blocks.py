"""Queries in Python source while it is typed: read in blocks, of which a letter changes one."""

from __future__ import annotations

from collections.abc import Sequence

from kili_query.editor.finding.embedded import Found
from kili_query.editor.finding.python_names import PACKAGE, Block, Names
from kili_query.editor.finding.python_parts import Parts
from kili_query.editor.finding.python_source import IN_DICT, Collected, Reading, Readings, Wanted
from kili_query.editor.finding.tolerant import Typed, parser_patterns, read_tokens


class PythonReader:
    """The queries of one source, again and again while it changes.

    A block, mostly a statement of the module, is parsed once; what was read out of it is kept until its text changes,
    or what the names in it stand for. A block that does not parse is read by its tokens, and is no hindrance to the
    others. Where the whole source parses, the queries are those of `find_in_python`.

    >>> [query.text for query in PythonReader().read("for x in f(category_search='A.B\\ny = 1").queries]
    ['A.B']
    """

    def __init__(self, long: int = 4_000) -> None:
        self._long = long
        self._parts = Parts(long=long)
        self._names: Names | None = None
        self._readings = Readings()

    def read(self, source: str) -> Found:
        """The queries of the source as it is now."""
        self._parts = Parts(self._parts, long=self._long)
        blocks = self._parts.blocks(source)
        self._names = Names([block for block in blocks if block.parses], self._names)
        self._readings = Readings(self._readings)
        collected = Collected(self._names, self._readings)
        for block in self._names.blocks:
            collected.add(block)
        broken = [block for block in blocks if not block.parses]
        elsewhere = _add_broken(broken, blocks, collected) if broken else frozenset()
        return collected.found(elsewhere)


# -- blocks that do not parse ------------------------------------------------------------------------------------------


def _add_broken(broken: Sequence[Block], blocks: Sequence[Block], collected: Collected) -> frozenset[str]:
    """Add what the tokens of blocks tell; gives the names that they give a text."""
    parsers = frozenset[str]().union(*(parser_patterns(block.source) for block in blocks if PACKAGE in block.source))
    context = {wanted.name: wanted.context for wanted in collected.wanted if wanted.context != IN_DICT}
    filters = {wanted.name for wanted in collected.wanted if wanted.context == IN_DICT}
    for typed in (read_tokens(block.source, parsers) for block in broken):
        context.update((name, why) for name, (why, _) in typed.wanted.items())
        filters |= typed.filters
    given = frozenset[str]()
    for block in broken:
        typed = read_tokens(block.source, parsers, context, filters)
        collected.add(block, _reading(typed))
        given |= typed.given
    return given


def _reading(typed: Typed) -> Reading:
    reading = Reading()
    reading.queries = {(query.start, query.project): query for query in typed.queries}
    reading.unchecked = set(typed.unchecked)
    reading.wanted = {Wanted(name, why, None): {at} for name, (why, at) in typed.wanted.items()}
    reading.wanted |= {Wanted(name, IN_DICT, None): set() for name in typed.filters}
    return reading
