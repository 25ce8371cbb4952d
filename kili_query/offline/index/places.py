"""Where the index of a source lies: beside it, or in a cache where nothing can be written beside it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from hashlib import blake2b

from kili_query.formats.containers.sources import INDEX_SUFFIX


def beside(source: str) -> str:
    """The folder of the index next to a source: `labels.ndjson` has `labels.ndjson.kqindex`."""
    path = os.path.abspath(source)
    return path + INDEX_SUFFIX


def in_cache(source: str) -> str:
    """The folder of the index of a source in the cache of this user."""
    path = os.path.realpath(source)
    digest = blake2b(path.encode(errors="surrogateescape"), digest_size=8).hexdigest()
    return os.path.join(cache_folder(), f"{os.path.basename(path)}-{digest}{INDEX_SUFFIX}")


def cache_folder() -> str:
    """Where this user's programs keep what can be made again."""
    if sys.platform == "win32":
        root = os.environ.get("LOCALAPPDATA") or os.path.expanduser(r"~\AppData\Local")
    elif sys.platform == "darwin":
        root = os.path.expanduser("~/Library/Caches")
    else:
        root = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(root, "kili_query", "indexes")


def candidates(source: str) -> Iterator[str]:
    """The folders where the index of a source may lie."""
    yield beside(source)
    yield in_cache(source)
