"""The text for Kili's server, by itself: in Kili's own language, and refused where that has no word for a name."""

from __future__ import annotations

import pytest

from kili_query import UnsupportedQueryError, parse
from kili_query.engines.remote import compile_filter


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A.B.count  >  1", "A.B.count > 1"),
        ("NOT A.B.count > 1", "A.B.count <= 1"),
        ("A.B.count IN 2..4 AND C.D.count != 0", "A.B.count >= 2 AND A.B.count <= 4 AND (C.D.count < 0 OR C.D.count > 0)"),
    ],
)  # fmt: skip
def test_a_tree_becomes_a_filter_text(text: str, expected: str) -> None:
    assert compile_filter(parse(text).tree) == expected


def test_a_refusal_points_into_the_text_that_was_written() -> None:
    text = 'A.B.count > 0   AND "a b".C.count > 0'
    with pytest.raises(UnsupportedQueryError) as caught:
        compile_filter(parse(text).tree, text)
    (found,) = caught.value.diagnostics
    assert (found.code, text[found.span.start : found.span.end]) == ("KQ401", '"a b"')
    assert caught.value.source == text
    with pytest.raises(UnsupportedQueryError) as caught:
        compile_filter(parse(text).tree)
    assert caught.value.source == str(parse(text))
