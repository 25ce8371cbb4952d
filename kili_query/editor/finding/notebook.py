"""Queries in notebooks: the code cells are one Python source, and each character of it is known in the JSON file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from kili_query.editor.finding.embedded import Cell, Decoded, EmbeddedQuery, Found, Passage
from kili_query.editor.finding.python_source import find_in_python, parse_source

_decode = json.JSONDecoder(strict=False, parse_int=float).raw_decode  # of any length
_SPACE = re.compile(r"[ \t\r\n]*")
_ESCAPE = re.compile(
    r"\\u(?P<high>[dD][89abAB][0-9A-Fa-f]{2})\\u(?P<low>[dD][c-fC-F][0-9A-Fa-f]{2})"
    r"|\\u(?P<u>[0-9A-Fa-f]{4})|\\(?P<char>[\"\\/bfnrt])"
)
_CHARS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_NO_BREAK = re.compile(r"[^\r\n]")
_CELL_MAGIC = re.compile(r"\s*%%(\w+)[^\n]*")
_PYTHON_CELLS = ("time", "timeit", "capture", "prun")
_MAGIC = re.compile(
    r"^(?P<indent>[ \t]*+)(?P<magic>[%!?](?:[^\n]*\\\r?\n)*[^\n]*|[^\n#'\"]*[\w.\])]\?{1,2}[ \t]*$)"
    r"|^(?P<assigned>[\w.\[\], \t]++=[ \t]*+)(?P<command>[%!](?:[^\n]*\\\r?\n)*[^\n]*)",
    re.MULTILINE,
)
_TIMED = re.compile(r"%(?:time|prun|timeit(?:[ \t]+-(?:[nrp][ \t]*\d+|[tcqo]))*)[ \t]+(?=[^\s-])")  # before Python code


class JsonString:
    """The notation of a JSON string; `ascii`: all else is escaped."""

    def __init__(self, *, ascii: bool = False) -> None:
        self.ascii = ascii

    def decode(self, body: str) -> Decoded | None:
        """The text of the string, without the quotes.

        >>> JsonString().decode(r"\\u0041\\n").text
        'A\\n'
        """
        if "\\" not in body:
            return Decoded(body, range(len(body)), range(1, len(body) + 1))
        text, starts, ends, at = list[str](), list[int](), list[int](), 0
        for escape in _ESCAPE.finditer(body):
            char = _meant(escape)
            text += body[at : escape.start()], char
            starts += range(at, escape.start() + 1)
            ends += (*range(at + 1, escape.start() + 1), escape.end())
            at = escape.end()
        starts += range(at, len(body))
        ends += range(at + 1, len(body) + 1)
        return Decoded("".join([*text, body[at:]]), starts, ends)

    def encode(self, text: str) -> str:
        """The text with the escapes that JSON needs."""
        return json.dumps(text, ensure_ascii=self.ascii)[1:-1]


def _meant(escape: re.Match[str]) -> str:
    if escape["high"]:
        return chr(0x10000 + ((int(escape["high"], 16) - 0xD800) << 10) + int(escape["low"], 16) - 0xDC00)
    if escape["u"]:
        return chr(int(escape["u"], 16))
    return _CHARS.get(escape["char"], escape["char"])


class _Place(NamedTuple):
    """A cell, and where its source starts in the source of all cells."""

    cell: Cell
    start: int


def find_in_notebook(source: str, *, tolerant: bool = False) -> Found:
    """The queries in the code cells of a notebook (nbformat 4). What one cell defines, the others know.

    Magics and shell commands are skipped; so is a cell that does not parse, which `Found.problem` names, unless
    `tolerant`: then its queries are found as well as its tokens tell them.
    """
    try:
        cells = list(_code_cells(source))
    except RecursionError:
        return Found(problem="is no notebook: nested too deep")
    except (ValueError, IndexError) as error:
        message = f"{error.msg}, line {error.lineno}" if isinstance(error, json.JSONDecodeError) else str(error)
        return Found(problem=f"is no notebook: {message}")
    text, places, problems, incomplete = "", list[_Place](), list[str](), list[_Place]()
    for cell in cells:
        code, problem = _readable(cell.passage.text)
        place = _Place(cell, len(text))
        if problem is not None:
            problems.append(f"cell {cell.number} {problem}")
            incomplete.append(place)
            code = _NO_BREAK.sub(" ", code)
        places.append(place)
        text += f"{code}\n"
    found = find_in_python(text)
    queries = [_in_cell(query, _place_of(query.start, places)) for query in found.queries]
    unchecked = found.unchecked
    if tolerant:
        from kili_query.editor.finding.tolerant import find_by_tokens

        for place in incomplete:
            typed = find_by_tokens(place.cell.passage.text)
            queries += (_in_cell(query, _Place(place.cell, 0)) for query in typed.queries)
            unchecked += typed.unchecked
        return Found(tuple(sorted(queries, key=lambda query: query.start)), unchecked)
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return Found(tuple(queries), unchecked, f"{problems[0]}{more}" if problems else found.problem)


def runnable(code: str) -> str:
    """The code of a cell with magics, shell commands and questions made blank; as long as before.

    What `%time` and its kin run is Python, and stays.

    >>> runnable("%pip install x\\n%time y = 1")
    '0             \\n0;    y = 1'
    """
    return _readable(code)[0]


def _readable(code: str) -> tuple[str, str | None]:
    """What is Python in a cell, and why it does not parse, if so."""
    cell_magic = _CELL_MAGIC.match(code)
    if cell_magic:
        if cell_magic[1] not in _PYTHON_CELLS:
            return _NO_BREAK.sub(" ", code), None
        code = " " * cell_magic.end() + code[cell_magic.end() :]
    plain, problem = code, parse_source(code)
    for blank in (_untimed, _blank):  # only now: a line such as `% b` can be part of an expression
        if not isinstance(problem, str):
            break
        plain = _MAGIC.sub(blank, code)
        problem = parse_source(plain)
    return plain, problem if isinstance(problem, str) else None


def _untimed(magic: re.Match[str]) -> str:
    command = magic["magic"] or magic["command"]
    timed = _TIMED.match(command)
    if timed is None:
        return _blank(magic)
    kept = f"{magic['indent']}0;" if magic["magic"] else magic["assigned"]
    code = command[timed.end() :]
    return kept + " " * (len(magic[0]) - len(kept) - len(code)) + code


def _blank(magic: re.Match[str]) -> str:
    kept = magic["indent"] if magic["magic"] else magic["assigned"]
    return f"{kept}0" + _NO_BREAK.sub(" ", magic[0][len(kept) + 1 :])


def _place_of(offset: int, places: Sequence[_Place]) -> _Place:
    return next(place for place in reversed(places) if place.start <= offset)


def _in_cell(query: EmbeddedQuery, place: _Place) -> EmbeddedQuery:
    """A query of the source of all cells, as one of its cell, and of the file."""
    moved, outer = query.passage.moved(-place.start), place.cell.passage
    start, end = (offset - place.start for offset in (query.start, query.end))
    return replace(
        query,
        offsets=[outer.offsets[offset] for offset in moved.offsets],
        start=outer.offsets[start],
        end=outer.ends[end - 1],
        passage=moved,
        cell=place.cell,
    )


def _code_cells(source: str) -> Iterator[Cell]:
    """The code cells that hold Python.

    Raises
    ------
    ValueError: the text is not JSON, or not a notebook.
    """
    start = _SPACE.match(source, int(source.startswith("\ufeff"))).end()  # type: ignore[union-attr]
    whole, end = _decode(source, start)
    if _after(source, end) != len(source):
        raise json.JSONDecodeError("Extra data", source, end)
    if not isinstance(whole, dict) or not isinstance(whole.get("cells"), list):
        old = isinstance(whole, dict) and isinstance(whole.get("worksheets"), list)
        convert = "its format is older than 4; `jupyter nbconvert --to notebook` makes it new"
        raise ValueError(convert if old else "there is no list `cells`")
    if not _is_python(whole.get("metadata")):
        return
    notation = JsonString(ascii=source.isascii() and re.search(r"\\u(?!00[01])", source) is not None)
    members = dict(_members(source, start))
    for number, (cell, at) in enumerate(zip(whole["cells"], _items(source, members["cells"]), strict=True), 1):
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        lines = cell.get("source")
        if isinstance(lines, str):
            strings = [dict(_members(source, at))["source"]]
        elif isinstance(lines, list) and all(isinstance(line, str) for line in lines):
            strings = list(_items(source, dict(_members(source, at))["source"]))
        else:
            raise ValueError(f"cell {number} has no text `source`")
        spans = [(at + 1, _decode(source, at)[1] - 1) for at in strings]
        passage = Passage.join((start, source[start:end], notation) for start, end in spans)
        if passage is not None:
            yield Cell(number, passage)


def _is_python(metadata: object) -> bool:
    """False if the notebook says that its language is another."""
    about = metadata if isinstance(metadata, dict) else {}
    for key, name in (("kernelspec", "language"), ("language_info", "name")):
        language = about[key].get(name) if isinstance(about.get(key), dict) else None
        if isinstance(language, str) and "python" not in language.lower():
            return False
    return True


def _members(source: str, at: int) -> Iterator[tuple[str, int]]:
    """The keys of a JSON object that starts there, each with where its value starts."""
    at = _after(source, at + 1)
    while source[at] != "}":
        key, at = _decode(source, at)
        at = _after(source, _after(source, at) + 1)
        yield key, at
        at = _after(source, _decode(source, at)[1])
        at = _after(source, at + 1) if source[at] == "," else at


def _items(source: str, at: int) -> Iterator[int]:
    """Where the values of a JSON list start, which starts there."""
    at = _after(source, at + 1)
    while source[at] != "]":
        yield at
        at = _after(source, _decode(source, at)[1])
        at = _after(source, at + 1) if source[at] == "," else at


def _after(source: str, at: int) -> int:
    """The position behind white space."""
    space = _SPACE.match(source, at)
    return space.end() if space else at
