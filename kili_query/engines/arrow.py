"""Columns of JSON texts, as Arrow has them, scanned: which labels match, or what they hold, as Arrow columns again.

A batch comes as one buffer of bytes and the places of its texts in it, and that is what a scanner takes: no text
becomes an object of Python.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence

import pyarrow as pa

from kili_query.engines.dialects import rows_of
from kili_query.engines.memory import compile_predicate
from kili_query.engines.scan import Scanner, Verdict
from kili_query.errors import DataError
from kili_query.lang.ast import Node
from kili_query.model.counts import Counts, Selector
from kili_query.model.ontology import Ontology

COUNTS = pa.list_(pa.struct([("job", pa.string()), ("category", pa.string()), ("n", pa.int32())]))
"""The counts of a label, as a value of a column."""

NULL = "the text is null: a label without answers is `{}`, and null is what joins and missing columns give"
"""What is wrong with a label that is no text."""


class CountsColumn:
    """A column of counts on its way: a list for each label, names as numbers until it is done.

    >>> column = CountsColumn()
    >>> column.add({("A", "B"): 2})
    >>> column.add(None)
    >>> column.done().to_pylist()
    [[{'job': 'A', 'category': 'B', 'n': 2}], None]
    """

    def __init__(self, *, totals: bool = False) -> None:
        self._totals = totals
        self._names: dict[Selector, int] = {}
        self._codes, self._numbers, self._ends = array("i"), array("i"), array("i", [0])
        self._missing: list[bool] = []

    def add(self, counts: Counts | None) -> None:
        """The counts of the next label; None: it has none, as it cannot be read."""
        self._missing.append(counts is None)
        names, codes, numbers = self._names, self._codes, self._numbers
        rows: Mapping[Selector, int] = (rows_of(counts) if self._totals else counts) if counts else {}  # type: ignore[assignment]
        for selector, number in rows.items():
            codes.append(names.setdefault(selector, len(names)))
            numbers.append(number)
        self._ends.append(len(codes))

    def done(self) -> pa.ListArray:
        """The column, of the type `COUNTS`."""
        codes = _int32(self._codes)
        jobs, categories = (pa.array([key[i] for key in self._names], pa.string()).take(codes) for i in (0, 1))
        rows = pa.StructArray.from_arrays([jobs, categories, _int32(self._numbers)], fields=list(COUNTS.value_type))
        missing = pa.array(self._missing, pa.bool_()) if any(self._missing) else None
        return pa.ListArray.from_arrays(_int32(self._ends), rows, type=COUNTS, mask=missing)


class Questions:
    """Queries, ready to be put to labels of which only what they ask for is counted.

    `scanner` gives the counts, and `truths` what they say. Of a label that is not decoded `none` holds; of one that
    cannot be read it is not known.
    """

    def __init__(self, trees: Sequence[Node], ontology: Ontology | None, *, validate: bool = False) -> None:
        self.scanner = Scanner.of_queries(trees, ontology, validate=validate)
        self._tests = [compile_predicate(tree) for tree in trees]
        self.none, self.unknown = [False] * len(trees), [None] * len(trees)

    def truths(self, counts: Counts) -> list[bool]:
        """Whether each of the queries holds."""
        return [test(counts) for test in self._tests]


def judged(scan: Callable[[bytes, int, int], Verdict], column: pa.Array) -> Iterator[Verdict | str]:
    """The verdict on each text of a column of strings or binaries, or what is wrong with it."""
    buffer, ends = texts_of(column)
    missing = column.is_null().to_pylist() if column.null_count else None
    for row in range(len(column)):
        if missing and missing[row]:
            yield NULL
            continue
        try:
            yield scan(buffer, ends[row], ends[row + 1])
        except DataError as error:
            yield str(error)
        except (RecursionError, MemoryError) as error:  # of this text alone: the others are read
            yield "the text is nested too deep" if isinstance(error, RecursionError) else "it does not fit into memory"


def count_texts(column: pa.Array, ontology: Ontology | None = None, *, totals: bool = False) -> list[pa.Array]:
    """Two columns for one of `jsonResponse` texts: the counts (type `COUNTS`), and what is wrong with the text, or null.

    >>> counts, problem = count_texts(pa.array(['{"A": {"categories": [{"name": "B"}]}}', "{", None]))
    >>> counts.to_pylist()
    [[{'job': 'A', 'category': 'B', 'n': 1}], None, None]
    >>> problem[1].as_py()
    '`jsonResponse` is text that is not JSON: it ends too early'
    """
    found, problems = CountsColumn(totals=totals), list[str | None]()
    for verdict in judged(Scanner(ontology=ontology, totals=totals).scan_response, column):
        found.add(None if isinstance(verdict, str) else verdict.counts[0])
        problems.append(verdict if isinstance(verdict, str) else None)
    return [found.done(), pa.array(problems, pa.string())]


def match_texts(column: pa.Array, questions: Questions) -> list[pa.Array]:
    """A column of truths for each query, null where a text cannot be read, and one of what is wrong, or null."""
    rows, problems = list[Sequence[bool | None]](), list[str | None]()
    for verdict in judged(questions.scanner.scan_response, column):
        if isinstance(verdict, str):
            rows.append(questions.unknown)
        else:
            rows.append(questions.truths(verdict.counts[0]) if verdict.decoded else questions.none)
        problems.append(verdict if isinstance(verdict, str) else None)
    columns = zip(*rows, strict=True) if rows else ([] for _ in questions.none)
    return [*(pa.array(list(truths), pa.bool_()) for truths in columns), pa.array(problems, pa.string())]


def texts_of(column: pa.Array) -> tuple[bytes, memoryview]:
    """The bytes of a column of texts, and where in them each begins, and the last one ends."""
    wide = pa.types.is_large_string(column.type) or pa.types.is_large_binary(column.type)
    _, places, data = column.buffers()
    ends = memoryview(places).cast("q" if wide else "i") if places else memoryview(array("i", [0]))
    return data.to_pybytes() if data else b"", ends[column.offset : column.offset + len(column) + 1]


def _int32(numbers: array[int]) -> pa.Int32Array:
    return pa.Array.from_buffers(pa.int32(), len(numbers), [None, pa.py_buffer(numbers)])
