"""Documents while they are typed: what is followed from letter to letter is what reading the text anew would find."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_query.editor.finding.embedded import EmbeddedQuery
from kili_query.editor.lsp.documents import Change, Document

SOURCES = (
    'import kili\nkili.labels(category_search="A.B.count > 1")\nQ = "A.B.count > 1"\nkili.labels(category_search=Q)\n'
    'x = "A.B.count>0"  # kili-query\n',
    "kili.labels(category_search='''A.B.count > 1\r\nAND C.D.count == 0''')\r\nx = '🚢'; f(category_search='🚢' 'A.B')\r\n",
    "from kili_query import parse\nparse('A.B.count > 1')\ndef f(x):\n    return parse(x + '1')\n"
    'export(asset_filter_kwargs={"label_category_search": "A.B.count > 1"})\n',
    'kili.labels(category_search=r"A.B.count > 1", project_id="p")\nf(category_search="A.\\x42.count")\n',
)
PIECES = ("", "A", "é", "🚢", " ", ".", ">", "=", "#", "\\", "\\n", "\n", "\r\n", "\r", "(", ")", "'", '"', "'''", '"""',
          "f", "category_search=", "# kili-query")  # fmt: skip
Known = list[tuple[str, list[int], list[int], str, int, int, bool, str | None]]


def opened(text: str, encoding: str = "utf-16") -> Document:
    return Document("file:///a.py", "/a.py", "python", 1, text, encoding)


def type_into(document: Document, start: int, end: int, text: str) -> None:
    places = [document.lines.position(offset) for offset in (start, end)]
    document.change([Change(text, *places)], 2)


def known(document: Document) -> tuple[Known, int, str | None]:
    def row(query: EmbeddedQuery) -> tuple[str, list[int], list[int], str, int, int, bool, str | None]:
        places = list(query.offsets), list(query.passage.ends)
        return query.text, *places, query.context, query.start, query.end, query.closed, query.project

    return [row(query) for query in document.found.queries], document.found.unchecked, document.found.problem


@given(st.sampled_from(SOURCES), st.sampled_from(["utf-8", "utf-16", "utf-32"]), st.data())
def test_what_is_followed_is_what_is_read(source: str, encoding: str, data: st.DataObject) -> None:
    document = opened(source, encoding)
    for _ in range(data.draw(st.integers(1, 6))):
        if data.draw(st.booleans()):
            document.found  # noqa: B018 - from now on the queries are followed
        size = len(document.text)
        near = [offset for query in document.found.queries for offset in (query.start, *query.offsets, query.end)]
        start = data.draw(st.integers(0, size) | st.sampled_from(near or [size]))
        type_into(document, start, start + data.draw(st.integers(0, 3)), data.draw(st.sampled_from(PIECES)))
        document.query_at(data.draw(st.integers(0, len(document.text))))
        assert known(document) == known(opened(document.text, encoding))


@pytest.mark.parametrize("gap", ["\n", "\r\n", "\n\n"])
def test_a_query_that_is_not_closed_is_kept_while_another_is_typed(gap: str) -> None:
    document = opened(f'f(category_search="A.B{gap}f(category_search="C.D.count")')
    assert [query.text for query in document.found.queries] == ["A.B", "C.D.count"]
    end = document.text.rindex('"')
    type_into(document, end, end, " >")
    assert [query.text for query in document.found.queries] == ["A.B", "C.D.count >"]
    type_into(document, 22, 22, ".count")
    assert [query.text for query in document.found.queries] == ["A.B.count", "C.D.count >"]


def test_an_empty_filter_is_no_mistake_and_an_empty_query_is() -> None:
    document = opened('from kili_query import parse\nf(category_search="")\nparse("")\nf(category_search=" ")\n')
    told = [[d.code for d in document.diagnose(query, None)] for query in document.found.queries]
    assert told == [[], ["KQ103"], ["KQ103"]]
