"""The SDK: Kili's label and asset queries, with every category query parsed, checked and compiled."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kili_query.client._async.kili import AsyncKili as AsyncKili
    from kili_query.client._sync.kili import Kili as Kili

__all__ = ["AsyncKili", "Kili"]

# without a handler of its own, Python would print warnings of the log on the screen
logging.getLogger("kili_query").addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    if name == "AsyncKili":
        from kili_query.client._async.kili import AsyncKili

        return AsyncKili
    if name == "Kili":
        from kili_query.client._sync.kili import Kili

        return Kili
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
