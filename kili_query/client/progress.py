"""Progress bars of listings: tqdm on stderr, as users of Kili's SDK know them; a widget in notebooks."""

from __future__ import annotations

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
    return tqdm(total=total, desc=noun, unit="", unit_scale=False, disable=disable, dynamic_ncols=True)


class _NoBar:
    """In place of a bar that is not shown, and need not be loaded."""

    def __enter__(self) -> _NoBar:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def update(self, number: int) -> None:
        """Nothing."""


def _in_notebook() -> bool:
    """True in the kernel of a notebook, where stderr is no terminal and still shows."""
    shell = sys.modules.get("IPython")
    instance = shell.get_ipython() if shell is not None else None
    return instance is not None and "IPKernelApp" in instance.config
