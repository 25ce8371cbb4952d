"""What errors of the network come from, in the words of the operating system."""

from __future__ import annotations

import os
from collections.abc import Iterator


def reason(error: Exception) -> str:
    """The reason that the operating system gives, such as `Connection refused`."""
    for cause in causes(error):
        if isinstance(cause, OSError) and cause.strerror:
            # event loops put words of their own in place of the system's
            own = cause.strerror.startswith("Connect call failed")
            return f": {os.strerror(cause.errno or 0) if own else cause.strerror}"
    return f": {error}" if str(error) else ""


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, what it came from, and so on."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
