"""Tables of rows, with pandas (extra `pandas`), which is loaded when it is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    return pd.DataFrame(rows)
