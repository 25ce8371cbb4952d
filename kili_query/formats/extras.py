"""Libraries of the extras, loaded when they are needed: wholly, or with an error that says how to get them."""

from __future__ import annotations

import signal
import threading
from functools import cache
from importlib import import_module
from typing import Any

from kili_query.errors import DataError


@cache
def load(name: str, extra: str) -> Any:
    """A module that an extra brings.

    Ctrl-C waits until it is there: some libraries turn it into an error of theirs while they load.

    Raises
    ------
    DataError: it is not installed.
    """
    came = list[int]()
    kept = _keep_interrupts(came)
    try:
        return import_module(name)
    except ImportError:
        what = f"the library `{name.partition('.')[0]}`"
        raise DataError(
            f'{what} needs the extra `{extra}`: pip install "kili_query[{extra}]", or ".[{extra}]" in a clone',
            code="KQ503",
        ) from None
    finally:
        if kept is not None:
            signal.signal(signal.SIGINT, kept)
        if came:
            signal.raise_signal(signal.SIGINT)


def _keep_interrupts(came: list[int]) -> Any:
    """Note Ctrl-C in place of what is done then; gives what to set again. None: another thread, or it is not of Python."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is None:
        return None
    return signal.signal(signal.SIGINT, lambda number, _: came.append(number))
