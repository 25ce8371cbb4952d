"""The queries of a document, whatever it is: Python source, a notebook, or a query file."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import PurePath

from kili_query.editor.finding.embedded import Found

SUFFIXES = (".py", ".pyi", ".pyw", ".ipynb", ".kq")
"""The suffixes of files that hold queries."""


def find_queries(name: str, source: str, *, tolerant: bool = False) -> Found:
    """The queries of a document, in source order.

    Parameters
    ----------
    name: the name of the file; its suffix says what it is. Without one of `SUFFIXES` it is taken for Python.
    source: its text, as decoded: line ends and a byte order mark included.
    tolerant: find queries also in Python that does not parse yet, as while typing.

    >>> [query.text for query in find_queries("a.py", "kili.labels(category_search='A.B.count > 1')").queries]
    ['A.B.count > 1']
    """
    return reader_of(name, tolerant=tolerant)(source)


def reader_of(name: str, *, tolerant: bool = True) -> Callable[[str], Found]:
    """A function that finds the queries of one document, as `find_queries`.

    It remembers what it has read. So it is many times faster for a Python source of which a part has changed.
    """
    suffix = PurePath(name).suffix.lower()
    if suffix == ".kq":
        from kili_query.editor.finding.query_file import find_in_query_file

        return find_in_query_file
    if suffix == ".ipynb":
        from kili_query.editor.finding.notebook import find_in_notebook

        return partial(find_in_notebook, tolerant=tolerant)
    if tolerant:
        from kili_query.editor.finding.python_blocks import PythonReader

        return PythonReader().read
    from kili_query.editor.finding.python_source import find_in_python

    return find_in_python
