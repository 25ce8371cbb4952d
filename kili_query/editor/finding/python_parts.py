"""Python source in parts that are parsed by themselves, so that a letter changes one of them and not the rest."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple
from weakref import WeakKeyDictionary

from kili_query.editor.finding.python_names import Block
from kili_query.editor.finding.python_source import MARK, parse_source

# Where a line starts that begins a statement, unless a literal, a bracket or a backslash reaches over it.
_BEGIN = r"\n(?={indent}[^\s#)\]}}\\\ufeff])(?!{indent}(?:elif|else|except|finally)\b)"
_MODULE = re.compile(_BEGIN.format(indent=""))
# What surely is a statement, and not a line of a literal or of a list.
_CODE = re.compile(
    r"[ \t]*(?:@|(?:async|assert|class|def|del|for|from|global|if|import|match|raise|return|try|while|with)\b"
    r"|[^\W\d][\w.\[\]]*[ \t]*(?:=(?!=)|\())"
)
_DECORATOR = re.compile(r"(?:\A\ufeff?|[\f\r])[\f \t]*@")  # elsewhere it begins a text, or stands in a block inside
_CLASS = re.compile(
    r"(?P<header>(?:@[^\n]*\n)*class\b[^\n]*:[ \t]*(?:#[^\n]*)?\r?\n(?:[ \t]*(?:#[^\n]*)?\r?\n)*)(?P<indent>[ \t]+)(?=[^\s#])"
)
_BREAK = re.compile(r"\r\n|\r|\n")
_INK = re.compile(r"[^ \t\f\r\n]")
_WRAPPER = "class _:\n"
_REST = {  # what is left of a literal that began before; one that may not go on in the next line ends with its line
    '"""': re.compile(r'(?:[^\\"]+|\\[\s\S]|"(?!""))*+"""'),
    "'''": re.compile(r"(?:[^\\']+|\\[\s\S]|'(?!''))*+'''"),
    '"': re.compile(r'(?:[^\\"\r\n]+|\\(?:\r\n|[\s\S]))*+(?:"|(?=[\r\n]))'),
    "'": re.compile(r"(?:[^\\'\r\n]+|\\(?:\r\n|[\s\S]))*+(?:'|(?=[\r\n]))"),
}
_NEXT = re.compile(
    r"""[^"'#()\[\]{}\\]*+(?:\#[^\r\n]*|(?P<quotes>\"\"\"|'''|["'])|(?P<bracket>[()\[\]{}])|(?P<goes_on>\\(?:\r?\n)?))"""
)
_CONTINUED = "\\"
_PATIENCE = 100
"""How many parts are joined in search of an end, once something has been found to have none: the source is broken anyway."""


_LEFT: WeakKeyDictionary[Block, _Left | None] = WeakKeyDictionary()


class _End(NamedTuple):
    """What is open at the end of a text."""

    low: int
    """How far its brackets close more than it has opened."""
    depth: int
    """How many more brackets it opens than it closes."""
    state: str
    """The quotes of the literal that is open, or the backslash that it ends with."""


class _Left(NamedTuple):
    """What is left of a text where everything else is blank."""

    text: str
    """As long as it was."""
    short: str
    """With as many lines."""


class _Part(NamedTuple):
    """A text, and the blocks that it is read in."""

    text: str
    blocks: list[tuple[int, Block]]
    """Each with where it starts in the text."""
    ended: bool
    """True if it is known that nothing is open at the end."""


class Parts:
    """What is known of parts of a source, by their text; of those that were there the last time.

    Parameters
    ----------
    before: what was known then.
    long: characters of a class from which on its methods are blocks of their own. It makes no difference but in time.
    """

    def __init__(self, before: Parts | None = None, *, long: int) -> None:
        self._long = long
        self._old_blocks = before._blocks if before else {}
        self._old_ends = before._ends if before else {}
        self._old_trees = before._trees if before else {}
        self._blocks: dict[tuple[str, bool], list[Block]] = {}
        self._trees: dict[str, ast.Module | str] = {}
        self._ends: dict[tuple[str, str], _End] = {}

    def blocks(self, source: str) -> list[Block]:
        """The blocks of a source, each with its position. If all of them parse, so does the source; otherwise it does not.

        A method of a long class is a block of its own; what it leaves in the block of the class is that it is there.
        """
        at, found = 0, list[Block]()
        for part in self._split(source, _MODULE, self._of_module):
            for start, block in part.blocks:
                block.start = at + start
                found.append(block)
            at += len(part.text)
        return found

    def _split(self, source: str, begin: re.Pattern[str], read: Callable[[str], _Part]) -> Iterator[_Part]:
        cuts = [0, *(match.end() for match in begin.finditer(source)), len(source)]
        texts = [source[start:end] for start, end in pairwise(cuts)]
        at, patience = 0, len(texts)
        while at < len(texts):
            part, after = read(texts[at]), at + 1
            if not part.ended or ends_with_mark(part.text):
                end = self._end(texts, at, min(at + patience, len(texts)))
                if end is None:  # something has no end: up to the next line that cannot belong to it
                    patience = _PATIENCE
                    while after < len(texts) and not _CODE.match(texts[after]):
                        after += 1
                else:
                    after = end
                if after > at + 1:
                    part = read("".join(texts[at:after]))
                part = part._replace(ended=end is not None)
            yield part
            at = after

    def _end(self, texts: Sequence[str], start: int, stop: int) -> int | None:
        """Behind the text where everything has ended that begins at `start`; None if it does not."""
        depth, state, decorates = 0, "", False
        for at in range(start, stop):
            text = texts[at]
            if not state and not depth:
                decorates = _DECORATOR.search(text) is not None
            low, change, state = self._end_of(text, "" if state == _CONTINUED else state)
            if depth + low < 0:
                return None
            depth += change
            goes_on = (decorates or ends_with_mark(text)) and at + 1 < len(texts)
            if not state and not depth and not goes_on:
                return at + 1
        return None

    def _end_of(self, text: str, state: str) -> _End:
        question = text, state
        if question not in self._ends:
            known = [row[0] for blocks in (self._old_blocks, self._blocks) if (row := blocks.get((text, False)))]
            if not state and any(block.parses for block in known):
                return _End(0, 0, "")
            self._ends[question] = self._old_ends.get(question) or _scan(text, state)
        return self._ends[question]

    # -- reading a part ------------------------------------------------------------------------------------------------

    def _of_module(self, text: str) -> _Part:
        return (len(text) >= self._long and self._class(text)) or self._alone(text)

    def _of_class(self, text: str) -> _Part:
        return self._alone(text, in_class=True)

    def _alone(self, text: str, *, in_class: bool = False) -> _Part:
        block = self._block(text, in_class=in_class)
        return _Part(text, [(0, block)], block.parses)

    def _class(self, text: str) -> _Part | None:
        """The methods of a class, and the class without them; None if the text is not a class alone."""
        header = _CLASS.match(text)
        if header is None or ends_with_mark(header["header"]) or isinstance(parse_source(f"{header[0]}0"), str):
            return None
        at = len(header["header"])
        begin = re.compile(_BEGIN.format(indent=header["indent"]))
        rest, blocks, ended = [_Left(header["header"], header["header"])], list[tuple[int, Block]](), True
        for part in self._split(text[at:], begin, self._of_class):
            ((_, block),) = part.blocks
            if len(block.tree.body) > 1:  # something that follows the class
                return None
            if block not in _LEFT:
                _LEFT[block] = _without_method(block)
            left = _LEFT[block]
            if left is not None:
                blocks.append((at, block))
            rest.append(left or _Left(part.text, part.text))
            at += len(part.text)
            ended = ended and part.ended
        short = "".join([one.short for one in rest])
        tree = self._trees[short] = self._old_trees.get(short) or parse_source(short)
        skeleton = self._block("".join([one.text for one in rest]), tree=tree)
        blocks.insert(0, (0, skeleton))
        return _Part(text, blocks, ended and skeleton.parses)

    def _block(self, text: str, *, in_class: bool = False, tree: ast.Module | str | None = None) -> Block:
        """A block with this text; one of its own for each position."""
        row = self._blocks.get((text, in_class))
        if row is None:
            row = self._blocks[text, in_class] = []
        old = self._old_blocks.get((text, in_class))
        if old and len(row) < len(old):
            block = old[len(row)]
        else:
            tree = tree or parse_source(_WRAPPER + text if in_class else text.removeprefix("\ufeff"))
            block = Block(text, None if isinstance(tree, str) else tree, line=1 + in_class)
            if in_class and isinstance(around := next(iter(block.tree.body), None), ast.ClassDef):
                around.name = ""  # which no name in the source can mean
        row.append(block)
        return block


def _without_method(block: Block) -> _Left | None:
    """What a method leaves in the block of its class: that its name is bound; None if it is something else.

    What does not parse leaves nothing but a statement.
    """
    text = block.source
    if not block.parses:
        return _left(text, len(text) - len(text.lstrip()), "0")
    match block.tree.body:
        case [ast.ClassDef(body=[ast.FunctionDef() | ast.AsyncFunctionDef() as method])]:
            start, bound = block.lines.offset(method.lineno, method.col_offset), f"del {method.name}"
            if text[start : start + len(bound)].isprintable() and method.name in text:
                return _left(text, start, bound)
    return None


def _left(text: str, start: int, statement: str) -> _Left:
    before, after = _INK.sub(" ", text[:start]), _INK.sub(" ", text[start + len(statement) :])
    indent = before[len(before.rstrip("\t\f ")) :]
    short = "\n" * len(_BREAK.findall(before)) + indent + statement + "\n" * len(_BREAK.findall(after))
    return _Left(before + statement + after, short)


def _scan(text: str, state: str) -> _End:
    low = depth = at = 0
    quotes = state
    while True:
        if quotes:
            rest = _REST[quotes].match(text, at)
            if rest is None:
                return _End(low, depth, quotes)
            at = rest.end()
        found = _NEXT.match(text, at)
        if found is None:
            return _End(low, depth, "")
        at, quotes = found.end(), found["quotes"]
        if found["bracket"]:
            depth += 1 if found["bracket"] in "([{" else -1
            low = min(low, depth)
        elif found["goes_on"] and at == len(text):
            return _End(low, depth, _CONTINUED)


def ends_with_mark(text: str) -> bool:
    """True if the last line is a mark alone, which is for the literal in the line below."""
    if "kili-query" not in text:
        return False
    last = text.removeprefix("\ufeff").removesuffix("\n").removesuffix("\r")
    last = last[max(last.rfind("\n"), last.rfind("\r")) + 1 :].strip()
    return last.startswith("#") and MARK.match(last) is not None
