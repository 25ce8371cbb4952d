"""Bars on terminals as they are."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

BAR = """
from kili_query.client.progress import progress_bar
with progress_bar(3, "Labels", None) as bar:
    bar.update(3)
"""


@pytest.mark.skipif(os.name == "nt", reason="there are no such terminals")
@pytest.mark.parametrize("columns", [0, 60])
def test_a_bar_shows_on_a_terminal_with_and_without_a_size(columns: int) -> None:
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", columns // 2, columns, 0, 0))
    subprocess.run([sys.executable, "-c", BAR], stderr=theirs, check=True)
    os.close(theirs)
    shown = os.read(ours, 10_000).decode()
    os.close(ours)
    assert "Labels: 100%" in shown
    assert "3/3" in shown
