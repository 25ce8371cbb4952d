"""The engine of Kili's server: a tree is compiled to its filter text."""

from __future__ import annotations

from kili_query.lang.ast import Node
from kili_query.lang.portable import portable
from kili_query.lang.printer import to_text


def compile_filter(root: Node, source: str | None = None) -> str:
    """The query in Kili's own language, as `category_search` and `label_category_search` take it.

    `source` is the text that the spans of the tree count in, for messages.

    Raises
    ------
    UnsupportedQueryError: a total, or a name, that Kili's own language cannot express (KQ401), where it makes a difference.

    >>> from kili_query.lang.parser import parse_tree
    >>> compile_filter(parse_tree("NOT A.B.count IN (1, 2)"))
    'A.B.count == 0 OR A.B.count > 2'
    """
    return to_text(portable(root, source))
