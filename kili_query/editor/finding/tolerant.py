"""Queries in Python that does not parse yet, as while it is typed: found by its tokens alone."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import NamedTuple

from kili_query.editor.finding.embedded import FILTERS, EmbeddedQuery, Found, Passage
from kili_query.editor.finding.literals import Quoted, line_of_literals, literals, notation
from kili_query.editor.finding.python_source import DICTS, MARK

_TOKEN = re.compile(
    r"""[^"'#]*+
        (?: (?P<comment>\#[^\r\n]*)
          | (?P<text> \"\"\"(?:[^\\"]+|\\[\s\S]|"(?!""))*+\"\"\" | '''(?:[^\\']+|\\[\s\S]|'(?!''))*+'''
                    | "(?!"")(?:[^\\"\r\n]+|\\(?:\r\n|[\s\S]))*+" | '(?!'')(?:[^\\'\r\n]+|\\(?:\r\n|[\s\S]))*+' | ""(?!") | ''(?!')
            )
          | (?P<open>["'])
        )""",
    re.VERBOSE,
)
_PREFIX = re.compile(r"(?<!\w)(?:[rR]?[bBfFtT]|[bBfFtT][rR]|[rRuU])\Z")
_TEXT, _OTHER, _COMMENT = "\x01", "\x02", " "  # what stands for literals, for bytes and f-strings, for comments
_ROW = r"\x01+(?:(?:[ \t\f\r\n]|\\\r?\n)*\x01+)*"
_ANY, _ANY_ROW = re.compile(r"[\x01\x02]"), re.compile(rf"{_ROW}|\x02+")
_OPEN_ROW = rf"[ \t\f\r\n(]*(?P<row>{_ROW}|\x02+)"
_COMPUTED = re.compile(r"(?:[ \t\f\r\n]|\\\r?\n)*(?:\.[ \t]*[A-Za-z]|[%+*\[\x02])")
_ARGUMENT = re.compile(
    rf"category_search[ \t]*=(?!=)(?:{_OPEN_ROW}|[ \t]*(?P<constant>[^\W\d]\w*)[ \t]*(?=[,)\r\n#]|\Z))"
)
_IMPORT = re.compile(r"\bfrom[ \t]+kili_query(?:\.query)?[ \t]+import\b[ \t]*(?:\(([^()]*)|([^\r\n]*))")
_MODULE = re.compile(r"\bimport\b(?:[^\r\n]*?\b(?P<module>kili_query)[ \t]*+(?:\bas[ \t]++(\w++))?|[^\r\n]*+)")
_ALIAS = re.compile(r"\bparse\b(?:[ \t]+as[ \t]+(\w+))?|\*")
_FILTERS_GIVEN = re.compile(rf"(?:\b(?:{'|'.join(DICTS)})[ \t]*=|\*\*)\s*(?:[^\W\d]\w*\s*)?\Z")
_KEY = re.compile(r"(\x01+)[ \t]*:\s*\Z")
_NAMED = re.compile(r"([^\W\d]\w*)[ \t]*(?::[^=\r\n]*)?=\s*\Z")
_GIVEN = re.compile(r"(?<![\w.])([^\W\d]\w*)[ \t]*(?:[:=]|\Z)")
_FILTERS_NAME = re.compile(rf"(?:(?:{'|'.join(DICTS)})[ \t]*=|\*\*)[ \t]*([^\W\d]\w*)[ \t]*(?=[,)\r\n]|\Z)")
_PROJECT = re.compile(r"(?:\A\s*|\bproject_id[ \t]*=[ \t]*)(\x01+)")
_ENTRY = re.compile(r"[ \t]*:[ \t]*[\x01\x02]")
_BREAK = re.compile(r"[\r\n]")
_FAR = 5_000  # how far back the bracket around an argument is looked for


class Typed(NamedTuple):
    """What the tokens of a source tell."""

    queries: tuple[EmbeddedQuery, ...]
    unchecked: frozenset[int]
    """Where computed texts stand."""
    wanted: dict[str, tuple[str, int]]
    """Names that stand where a query is expected: why, and where the first of them stands."""
    filters: frozenset[str]
    """Names that stand where a dict with a query is expected."""
    given: frozenset[str]
    """The names that are given a text."""


def find_by_tokens(source: str) -> Found:
    """The queries of Python source, as well as its tokens tell them.

    A literal that is not closed ends with its line; one with three quotes ends with the text. Constants are known by
    name, wherever they stand.
    """
    typed = read_tokens(source)
    return Found(typed.queries, len(typed.unchecked) + len(typed.wanted.keys() - typed.given))


def read_tokens(
    source: str,
    parsers: Collection[str] = (),
    wanted: Mapping[str, str] = MappingProxyType({}),
    filters: Collection[str] = (),
) -> Typed:
    """What the tokens of a part of a source tell, with what is known from its other parts.

    Parameters
    ----------
    parsers: patterns of the names of `parse`, as of `parser_patterns`.
    wanted: names that stand where a query is expected, and why.
    filters: names that stand where a dict with a query is expected.
    """
    finder = _Finder(source)
    finder.run(parsers, wanted, filters)
    queries = tuple(sorted(finder.queries.values(), key=lambda query: query.start))
    return Typed(queries, frozenset(finder.unchecked), finder.wanted, finder.filters, frozenset(finder.given))


def parser_patterns(source: str) -> frozenset[str]:
    """Patterns of the names under which `parse` is known, by the imports in a source."""
    known = set[str]()
    if "kili_query" in source:
        code = _Finder(source).code
        for match in _IMPORT.finditer(code):
            known |= {alias[1] or "parse" for alias in _ALIAS.finditer(match[1] or match[2] or "")}
        for match in _MODULE.finditer(code):
            if match["module"]:
                known.add(rf"{match[2] or 'kili_query'}(?:\.query)?\.parse")
    return frozenset(known)


class _Finder:
    def __init__(self, source: str) -> None:
        self.source = source
        self.open: dict[int, tuple[int, str, Quoted]] = {}  # where a literal starts that is not closed
        self.marks: list[int] = []
        self.code = self._masked()
        self.queries: dict[int, EmbeddedQuery] = {}
        self.unchecked: set[int] = set()
        self.wanted: dict[str, tuple[str, int]] = {}
        self.filters = frozenset(_FILTERS_NAME.findall(self.code))
        self.given: set[str] = set()

    def run(self, parsers: Collection[str], wanted: Mapping[str, str], filters: Collection[str]) -> None:
        for match in _ARGUMENT.finditer(self.code):  # a pattern that starts with plain letters is found fastest
            name = re.search(r"\w*\Z", self.code[max(0, match.start() - 10) : match.start()])[0] + "category_search"  # type: ignore[index]
            around = self._argument_of(match.start()) if name in FILTERS else None
            if around is None:
                continue
            if match["row"]:
                self._take(match, name, self._project(around))
            elif match["constant"] != "None":
                self._want(match["constant"], name, match.start("constant"))
        for word in sorted({*parsers, *parser_patterns(self.source)}):
            for match in re.finditer(rf"(?<![\w.]){word}[ \t]*\((?:\s*text[ \t]*=)?{_OPEN_ROW}", self.code):
                self._take(match, "parse")
            for match in re.finditer(rf"(?<![\w.]){word}[ \t]*\([ \t]*([^\W\d]\w*)[ \t]*(?=[,)\r\n]|\Z)", self.code):
                self._want(match[1], "parse", match.start(1))
        for key in FILTERS:
            self._keys(key, {*self.filters, *filters})
        names = {**wanted, **{name: context for name, (context, _) in self.wanted.items()}}
        if names:
            self._constants(names)
        for mark in self.marks:
            self._marked(mark)

    def _want(self, name: str, context: str, at: int) -> None:
        self.wanted[name] = context, self.wanted[name][1] if name in self.wanted else at

    def _constants(self, names: Mapping[str, str]) -> None:
        """The texts that are given to names, each of which stands where a query is expected."""
        for match in re.finditer(rf"=(?!=){_OPEN_ROW}", self.code):
            if self.code[match.start() - 1] in "=!<>":
                continue
            start = max(self.code.rfind("\n", 0, match.start()) + 1, match.start() - 200)
            for named in _GIVEN.finditer(self.code, start, match.start()):
                if named[1] in names and not self._argument_of(named.start()):
                    self.given.add(named[1])
                    self._take(match, names[named[1]])

    def _masked(self) -> str:
        """The source with every literal and comment replaced by characters of its kind, one for one."""
        source, pieces, at = self.source, list[str](), 0
        while token := _TOKEN.match(source, at):
            form = str(token.lastgroup)
            start, end, kind = token.start(form), token.end(), _COMMENT if form == "comment" else _TEXT
            if form == "comment":
                if "kili-query" in token[form] and MARK.search(token[form]):
                    self.marks.append(start)
            else:
                prefix = (
                    _PREFIX.search(source, max(at, start - 3), start) if source[start - 1 : start].isalpha() else None
                )
                end = self._unclosed(start, prefix[0] if prefix else "") if form == "open" else end
                start = prefix.start() if prefix else start
                kind = _OTHER if prefix and set(prefix[0].lower()) & set("bft") else _TEXT
            pieces += source[at:start], kind * (end - start)
            at = end
        return "".join(pieces) + source[at:]

    def _unclosed(self, start: int, prefix: str) -> int:
        """The end of a literal that is not closed, whose quotes start there."""
        mark = self.source[start]
        quotes = mark * 3 if self.source.startswith(mark * 3, start) else mark
        body = start + len(quotes)
        ended = _BREAK.search(self.source, body) if len(quotes) == 1 else None
        end = ended.start() if ended else len(self.source)
        self.open[start - len(prefix)] = (body, self.source[body:end], Quoted(quotes, raw="r" in prefix.lower()))
        return end

    def _take(self, match: re.Match[str], context: str, project: str | None = None) -> None:
        start, end = match.span("row")
        computed = _COMPUTED.match(self.code, end)
        if match["row"][0] == _OTHER or computed:
            self.unchecked.add(start)
        else:
            self._add(start, end, context, project)

    def _add(self, start: int, end: int, context: str, project: str | None = None) -> None:
        if start in self.queries:
            return
        parts = [notation(literal) for literal in literals(self.source, start, end)]
        unclosed = [part for at, part in self.open.items() if start <= at < end]
        passage = Passage.join([*parts, *unclosed])
        if passage is not None:
            self.queries[start] = EmbeddedQuery(
                passage.text, passage.offsets, context, start, end, passage, project=project, closed=not unclosed
            )

    def _argument_of(self, at: int) -> tuple[int, int] | None:
        """The brackets of the call that an argument stands in; None if it is none, or one of a definition."""
        opening = self._opening(at)
        if opening is None or self.code[opening] != "(":
            return None
        before = self.code[max(0, opening - 200) : opening]
        if not re.search(r"[\w\])][ \t]*\Z", before) or re.search(r"\bdef[ \t]+\w+[ \t]*\Z", before):
            return None
        return opening + 1, at

    def _opening(self, at: int) -> int | None:
        depth = 0
        for bracket in reversed(list(re.compile(r"[()\[\]{}]").finditer(self.code, max(0, at - _FAR), at))):
            depth += 1 if bracket[0] in ")]}" else -1
            if depth < 0:
                return bracket.start()
        return None

    def _project(self, around: tuple[int, int]) -> str | None:
        start, at = around
        found = _PROJECT.search(self.code[start : at + 500])
        if found:
            passage = Passage.join(map(notation, literals(self.source, start + found.start(1), start + found.end(1))))
            return passage.text if passage else None
        return None

    def _keys(self, key: str, filters: Collection[str]) -> None:
        """The values of a key in the dicts that are given as filters."""
        for quote in "\"'":
            written = f"{quote}{key}{quote}"
            at = self.source.find(written)
            while at >= 0:
                end = at + len(written)
                value = re.compile(rf"[ \t]*:(?:{_OPEN_ROW}|\s*(?P<constant>[^\W\d]\w*))").match(self.code, end)
                opening = self._opening(at) if value and self.code[at] == _TEXT else None
                if value and opening is not None and self._is_of_filters(opening, filters):
                    if value["row"]:
                        self._take(value, key)
                    elif value["constant"] != "None":
                        self._want(value["constant"], key, value.start("constant"))
                at = self.source.find(written, end)

    def _is_of_filters(self, opening: int | None, filters: Collection[str]) -> bool:
        """True if a bracket opens a dict of filters: one that is an argument, has one of the names, or stands in another."""
        while opening is not None and self.code[opening] == "{":
            start = max(0, opening - 200)
            before = self.code[start:opening]
            named, key = _NAMED.search(before), _KEY.search(before)
            if _FILTERS_GIVEN.search(before) or (named and named[1] in filters):
                return True
            if key is None or self.source[start + key.start() + 1 : start + key.end(1) - 1] not in DICTS:
                return False
            opening = self._opening(opening)
        return False

    def _marked(self, mark: int) -> None:
        """The literals beside a mark; below it, if it stands alone on its line."""
        start, end = self._line(mark)
        other = line_of_literals(self.source, mark)
        if other > start:
            start, end = self._line(other)
        while self.code[start - 1 : start] in (_TEXT, _OTHER):  # a literal of several lines that ends here
            start -= 1
        while (first := _ANY.search(self.code, start, end)) and (row := _ANY_ROW.match(self.code, first.start())):
            start = row.end()
            if _ENTRY.match(self.code, row.end()):
                continue  # a key, whose value is the query
            if row[0][0] == _OTHER:
                self.unchecked.add(row.start())
            else:
                self._add(row.start(), row.end(), "marked")

    def _line(self, at: int) -> tuple[int, int]:
        if self.source.startswith("\n", at) and self.source[at - 1 : at] == "\r":
            at += 1
        start = max(self.source.rfind("\n", 0, at), self.source.rfind("\r", 0, at)) + 1
        broken = _BREAK.search(self.source, at)
        return start, broken.start() if broken else len(self.source)
