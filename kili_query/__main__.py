"""`python -m kili_query` is `kili-query`, for editors and hooks that know a Python and no path."""

from __future__ import annotations

from kili_query.cli import main

if __name__ == "__main__":
    main()
