"""Parameters that take a query: those annotated `CategoryQuery`, in functions and classes of every kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, ParamSpec, Protocol, TypeAlias, TypeVar, overload

from kili_query import Query
from kili_query.query import CategoryQuery

P = ParamSpec("P")
R = TypeVar("R")
Question: TypeAlias = CategoryQuery
Asked = Query | CategoryQuery | None


def traced(function: Callable[P, R]) -> Callable[P, R]:
    return function


def plain(number: int, query: CategoryQuery) -> str:
    return query.upper() * number


def optional(query: CategoryQuery | Query | None = None) -> None: ...


def renamed(query: Question, *, other: Asked = None) -> None: ...


@traced
def decorated(query: CategoryQuery) -> None: ...


def several(*queries: CategoryQuery, **named: CategoryQuery) -> None: ...


async def waiting(query: CategoryQuery) -> None: ...


@overload
def many(query: CategoryQuery) -> int: ...
@overload
def many(query: CategoryQuery, every: bool) -> str: ...
def many(query: CategoryQuery, every: bool = False) -> int | str:
    return query if every else len(query)


@dataclass
class Rule:
    query: CategoryQuery


class Row(NamedTuple):
    query: CategoryQuery


class Asker:
    def __init__(self, query: CategoryQuery = "A.B.count > 1") -> None: ...
    def ask(self, query: CategoryQuery) -> None: ...
    @classmethod
    def of(cls, query: CategoryQuery) -> Asker:
        return cls(query)

    @staticmethod
    def test(query: CategoryQuery) -> None: ...
    def __call__(self, query: CategoryQuery) -> None: ...


class Inherits(Asker): ...


class Asks(Protocol):
    def __call__(self, query: CategoryQuery) -> None: ...


def text(query: str) -> str:
    return query


def calls(asks: Asks, either: Asker | Inherits) -> None:
    def local(query: CategoryQuery) -> None: ...

    plain(1, "A.B.count > 1")
    text("A.B.count = 1")
    plain(1, "J.A.count = 1")  # error 25: KQ105: `=` is not an operator
    optional("J.B.count = 1")  # error 25: KQ105: `=` is not an operator
    renamed("J.C.count = 1")  # error 24: KQ105: `=` is not an operator
    renamed("J.C.count > 1", other="J.D.count = 1")  # error 47: KQ105: `=` is not an operator
    decorated("J.E.count = 1")  # error 26: KQ105: `=` is not an operator
    several("J.F.count > 1", "J.F.count = 1")  # error 41: KQ105: `=` is not an operator
    several(first="J.G.count = 1")  # error 30: KQ105: `=` is not an operator
    many("J.H.count = 1")  # error 21: KQ105: `=` is not an operator
    many("J.H.count = 1", True)  # error 21: KQ105: `=` is not an operator
    Rule("J.I.count = 1")  # error 21: KQ105: `=` is not an operator
    Row("J.I.count = 1")  # error 20: KQ105: `=` is not an operator
    Asker("J.J.count = 1").ask("J.J.count > 1")  # error 22: KQ105: `=` is not an operator
    Inherits().ask("J.K.count = 1")  # error 31: KQ105: `=` is not an operator
    Inherits.of("J.L.count = 1")  # error 28: KQ105: `=` is not an operator
    Inherits.test("J.M.count = 1")  # error 30: KQ105: `=` is not an operator
    Asker()("J.N.count = 1")  # error 24: KQ105: `=` is not an operator
    asks("J.O.count = 1")  # error 21: KQ105: `=` is not an operator
    either.ask("J.P.count = 1")  # error 27: KQ105: `=` is not an operator
    local("J.Q.count = 1")  # error 22: KQ105: `=` is not an operator


async def awaits() -> None:
    await waiting("J.R.count = 1")  # error 30: KQ105: `=` is not an operator


plain(1, "A.B.count > 1") + 1  # type: ignore[operator]
plain(1, 2)  # type: ignore[arg-type]
