"""Messages to the caller: warnings that point at the caller's line, however deep in the SDK they arise; names in a sentence."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence

MOST_NAMED = 20
"""Names that a sentence lists."""

_PACKAGE = __name__.partition(".")[0] + "."


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the first frame outside the package, where the warning is of use."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def named(names: Sequence[str], details: Sequence[str | None] = ()) -> str:
    """Names for a sentence, each with what is to be said of it; beyond twenty they are counted.

    >>> named(["a", "b"], [None, "gone"])
    '`a`, `b` (gone)'
    """
    said = [*details, *[None] * len(names)]
    listed = ", ".join(
        f"`{name}`" + (f" ({more})" if more else "") for name, more in zip(names[:MOST_NAMED], said, strict=False)
    )
    return listed + (f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else "")
