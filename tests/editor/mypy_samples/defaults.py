"""Literals beside an annotation `CategoryQuery`: defaults of parameters, variables, fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import kili_query.query
from kili_query import parse
from kili_query.query import CategoryQuery

query: CategoryQuery = "A.A.count = 1"  # error 35: KQ105: `=` is not an operator
# hint -1:35: `=` is written `==`
other: kili_query.query.CategoryQuery = "A.B.count = 1"  # error 52: KQ105: `=` is not an operator
constant: Final[CategoryQuery] = "A.C.count = 1"  # error 45: KQ105: `=` is not an operator
typed: Final[str] = "A.D.count = 1"
silent: CategoryQuery = "A.E.count = 1"  # type: ignore[kili-query, unused-ignore]
plain: str = "A.F.count = 1"
without: CategoryQuery


def ask(number: int, query: CategoryQuery = "A.G.count = 1", *, last: CategoryQuery | None = "A.H.count > 1") -> None:
    # error -1:56: KQ105: `=` is not an operator
    print(number, query, last)


def long(
    first: str = "A.I.count = 1",
    query: CategoryQuery | None = "A.I.count > 1"
    " AND é.I.count > 1",  # error 11: KQ107: `é` needs quotes: a plain name is a letter, then letters, digits, `_`, `-`, `*`
    empty: CategoryQuery = "",
) -> None: ...


@dataclass
class Rule:
    query: CategoryQuery = "A.J.count = 1"  # error 39: KQ105: `=` is not an operator

    def check(self, number: int, query: CategoryQuery = "A.K.count > 1 AND A.K.count > 0") -> None:
        # note -1:76: KQ304: `A.K.count > 0` adds nothing to `A.K.count > 1`
        parse(typed)  # error 15: KQ105: `=` is not an operator (in the text: column 11)
