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
    holds = hasattr(signal, "pthread_sigmask") and threading.current_thread() is threading.main_thread()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT]) if holds else set()
    try:
        return import_module(name)
    except ImportError:
        what = f"the library `{name.partition('.')[0]}`"
        raise DataError(
            f'{what} needs the extra `{extra}`: pip install "kili_query[{extra}]", or ".[{extra}]" in a clone',
            code="KQ503",
        ) from None
    finally:
        if holds:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
