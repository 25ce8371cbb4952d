"""A running Neovim, to which keys are sent as if they were typed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

PATIENCE = 30.0
"""Seconds to wait for what must come; only a broken run takes that long."""


def program() -> str | None:
    """Neovim, where there is one; `KILI_QUERY_NVIM` names another than that of the PATH."""
    return os.environ.get("KILI_QUERY_NVIM") or shutil.which("nvim")


class Neovim:
    """A Neovim of its own, without the user's settings; as a context manager it ends with the block.

    Parameters
    ----------
    folder: where it works; its socket and its data go there too.
    config: a Lua file that it reads at its start, as `init.lua`.
    terminal: the terminal that shows it, as a file descriptor; none: it has no screen.
    """

    def __init__(self, folder: Path, config: Path, terminal: int | None = None) -> None:
        self._program = program() or "nvim"
        self._socket = folder / "nvim.socket"
        self._environment = environment(folder)
        place = subprocess.DEVNULL if terminal is None else terminal
        command = [self._program, "-i", "NONE", "-n", "-u", str(config), "--listen", str(self._socket)]
        command += ["--headless"] if terminal is None else []
        self._process = subprocess.Popen(
            command, cwd=folder, env=self._environment, stdin=place, stdout=place, stderr=place, start_new_session=True
        )

    def __enter__(self) -> Neovim:
        _until(self._socket.exists, "the socket of Neovim")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait()

    def _ask(self, *arguments: str) -> str:
        command = [self._program, "--server", str(self._socket), *arguments]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=True)
        return done.stdout or done.stderr  # an old Neovim answers on standard error

    def type(self, keys: str) -> None:
        """Type keys, with Vim's names for special ones, such as `<Esc>`."""
        self._ask("--remote-send", keys)

    def lua(self, expression: str) -> Any:
        """The value of a Lua expression."""
        quoted = f"vim.json.encode(({expression}))".replace("'", "''")
        return json.loads(self._ask("--remote-expr", f"luaeval('{quoted}')"))

    def wait(self, expression: str) -> Any:
        """The value of a Lua expression as soon as it is true."""
        return _until(lambda: self.lua(expression), expression)


def environment(folder: Path) -> dict[str, str]:
    """The environment for a Neovim without the user's settings, in which `kili-query` is that of this Python."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    places = {f"XDG_{name}_HOME": str(folder / "nvim") for name in ("CONFIG", "DATA", "STATE", "CACHE")}
    return {**os.environ, **places, "PATH": path}


def _until(condition: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < end, f"never came: {what}"
        time.sleep(0.05)
    return value
