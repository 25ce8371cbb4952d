"""What tests install once into the user's cache, from registries: the only tests that may use the network.

Whoever needs something first makes it, and the others wait. Without the network they are skipped.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kili_query-tests"
KILI = "26.2.4"
"""The version of the real `kili`."""

OLDER_KILI = "2.164.0"
"""A version that calls the mutations of its time."""

OLDEST_KILI = "2.131.2"
"""The version whose label methods this SDK was built from."""

AGED = {OLDER_KILI: ["graphql-core<3.3"], OLDEST_KILI: ["numpy<2"]}
"""What a version needs beside itself: what it is built on has moved on."""


@contextmanager
def claimed(home: Path) -> Iterator[bool]:
    """Hold a folder while it is being made; tells whether it is ready already.

    A marker file, written when the block has ended well, tells a finished folder from half a one. The lock is the
    system's: a process that is killed leaves none behind.
    """
    ready = home / "ready"
    if ready.exists():
        yield True
        return
    home.parent.mkdir(parents=True, exist_ok=True)
    with home.with_name(f"{home.name}.claim").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if ready.exists():
            yield True
        else:
            yield False
            ready.touch()


def python_with_kili(version: str = KILI) -> Path:
    """The Python that has `kili` with its exports, pictures and pandas, in the cache; that of `KILI` below `$KILI_QUERY_ORACLE`, if it is set."""
    own = os.environ.get("KILI_QUERY_ORACLE") if version == KILI else None
    home = Path(own or CACHE / f"kili-{version}-image-pandas-coco")
    python = home / "bin" / "python"
    with claimed(home) as ready:
        if not ready:
            try:
                shutil.rmtree(home, ignore_errors=True)
                venv.create(home, with_pip=True)  # in its place: environments cannot be moved
            except (OSError, subprocess.SubprocessError) as error:
                pytest.skip(f"kili {version} cannot be installed: {error}")
            pip = [str(python), "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
            done = subprocess.run(
                [*pip, f"kili[image,pandas,coco,yolo]=={version}", *AGED.get(version, ())],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                pytest.skip(f"kili {version} cannot be installed: {done.stderr.strip().splitlines()[-1:]}")
    return python
