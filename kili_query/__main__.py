"""`kili-query`, and `python -m kili_query` for editors and hooks that know a Python and no path."""

from __future__ import annotations

import signal
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line. Until it is loaded, Ctrl-C just ends the process: nothing has begun, and there is no traceback."""
    usual = (
        signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )  # not that of who starts it with Ctrl-C ignored
    if usual:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from kili_query.cli import main as run

    if usual:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


if __name__ == "__main__":
    main()
