"""Progress bars of listings: tqdm on stderr, as users of Kili's SDK know them; a widget in notebooks."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any


def progress_bar(total: int, noun: str, disable: bool | None) -> Any:
    """A tqdm bar that counts `total` of what `noun` names.

    `disable` None shows it on terminals and in notebooks only, True never, False always.
    """
    if disable:
        return _NoBar()
    notebook = _in_notebook()
    if notebook:
        disable = bool(disable)
        with warnings.catch_warnings():
            # without ipywidgets the bar is text; that it could be a widget is nothing to warn of
            warnings.simplefilter("ignore")
            from tqdm.autonotebook import tqdm
    else:
        from tqdm.std import tqdm
    size: dict[str, Any] = {"ncols": 80, "nrows": 24} if _sizeless() else {"dynamic_ncols": True}
    return tqdm(total=total, desc=noun, unit="", disable=disable, **size)


def bytes_bar(noun: str, disable: bool | None) -> Any:
    """A tqdm bar that counts bytes; its total grows as it becomes known. None where none is shown, as `progress_bar` says."""
    bar = progress_bar(0, noun, disable)
    if isinstance(bar, _NoBar):
        return None
    bar.unit, bar.unit_scale, bar.unit_divisor = "B", True, 1000
    return bar


class _NoBar:
    """A progress bar that shows nothing; tqdm is not loaded for it."""

    def __enter__(self) -> _NoBar:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def update(self, number: int) -> None:
        """Nothing."""


def _sizeless() -> bool:
    """True on terminals that say they have no columns and lines, as in some containers: no bar would fit."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns == 0
    except (OSError, ValueError, AttributeError):  # no terminal
        return False


def _in_notebook() -> bool:
    """True in the kernel of a notebook, where stderr is no terminal and still shows."""
    shell = sys.modules.get("IPython")
    instance = shell.get_ipython() if shell is not None else None
    return instance is not None and "IPKernelApp" in instance.config
