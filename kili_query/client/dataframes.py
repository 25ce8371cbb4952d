"""Tables of rows, with pandas (extra `pandas`), which is loaded when it is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kili_query.client.types import Row
from kili_query.errors import ArgumentError

if TYPE_CHECKING:
    import pandas as pd


def to_dataframe(rows: list[Row], asked_by: str) -> pd.DataFrame:
    """A table with a row per dict and a column per name; `asked_by` names the argument or method for an error.

    Raises
    ------
    ArgumentError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise ArgumentError(asked_by, 'needs pandas: `pip install "kili_query[pandas]"`') from None
    return pd.DataFrame([{**row, "author": Author(row["author"])} if _has_email(row) else row for row in rows])


class Author(dict[str, Any]):
    """Who made a label: a dict as Kili gives it, which tables show as its e-mail.

    >>> author = Author(email="ann@example.com", id="u1")
    >>> str(author), author["id"], author == {"email": "ann@example.com", "id": "u1"}
    ('ann@example.com', 'u1', True)
    """

    __next__ = None
    """pandas shows what has this by `str`, and any other dict by its keys."""

    def __str__(self) -> str:
        return str(self["email"])

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[dict[str, Any]]]:
        return dict, (dict(self),)


def _has_email(row: Row) -> bool:
    author = row.get("author")
    return isinstance(author, dict) and isinstance(author.get("email"), str)
