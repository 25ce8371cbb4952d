"""Query files (`.kq`): one query, with the comments of the language."""

from __future__ import annotations

from kili_query.editor.finding.embedded import EmbeddedQuery, Found, Passage, Plain


def find_in_query_file(source: str) -> Found:
    """The query that a file is.

    >>> find_in_query_file("A.B.count > 1").queries[0].end
    13
    """
    start = int(source.startswith("\ufeff"))
    passage = Passage.join([(start, source[start:], Plain())])
    assert passage is not None  # a plain text is always one
    return Found((EmbeddedQuery(passage.text, passage.offsets, "file", start, len(source), passage),))
