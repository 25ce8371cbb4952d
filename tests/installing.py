"""What tests install once into the user's cache, from registries: the only tests that may use the network.

Whoever needs something first makes it, and the others wait. Without the network they are skipped.
`python3 tests/installing.py` makes all versions of `kili`, and Spark, beforehand, with no other package than Python's own.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

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


SPARK = ("pyspark[connect]>=4,<5", "msgspec>=0.19", "pandas>=2.2,<3")
"""What Python beside Spark's processes has, apart from this package, which is sent there. Spark's own Python parts go with it."""


class NotInstalled(Exception):
    """What cannot be had here, and why."""


def python_with_kili(version: str = KILI) -> Path:
    """The Python that has `kili` with its exports, pictures and pandas, in the cache; that of `KILI` below `$KILI_QUERY_ORACLE`, if it is set.

    The test is skipped where it cannot be installed.
    """
    try:
        return _python_with_kili(version)
    except NotInstalled as error:
        _skip(str(error))


def python_with(name: str, *packages: str) -> Path:
    """The Python of an environment with some packages, by that name in the cache. The test is skipped where there can be none."""
    try:
        return _python_with(name, CACHE / name, packages)
    except NotInstalled as error:
        _skip(str(error))


def python_with_spark() -> Path:
    """The Python that has Spark, and not this package. The test is skipped where it cannot be installed, or there is no Java."""
    if shutil.which("java") is None:
        _skip("Spark runs on Java, and there is none: install openjdk-17-jre-headless")
    return python_with("spark-4", *SPARK)


def _python_with_kili(version: str) -> Path:
    own = os.environ.get("KILI_QUERY_ORACLE") if version == KILI else None
    extras = "image,pandas,coco,yolo" if version == KILI else "image,pandas"  # the older ones are asked for no datasets
    home = Path(own or CACHE / f"kili-{version}-{extras.replace(',', '-').removesuffix('-yolo')}")
    return _python_with(f"kili {version}", home, [f"kili[{extras}]=={version}", *AGED.get(version, ())])


def _python_with(name: str, home: Path, packages: Sequence[str]) -> Path:
    python = home / "bin" / "python"
    with claimed(home) as ready:
        if not ready:
            try:
                shutil.rmtree(home, ignore_errors=True)
                venv.create(home, with_pip=True)  # in its place: environments cannot be moved
            except (OSError, subprocess.SubprocessError) as error:
                raise NotInstalled(f"{name} cannot be installed: {error}") from None
            pip = [str(python), "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
            done = subprocess.run([*pip, *packages], capture_output=True, text=True, check=False)
            if done.returncode:
                raise NotInstalled(f"{name} cannot be installed: {done.stderr.strip().splitlines()[-1:]}")
    return python


def _skip(reason: str) -> NoReturn:
    import pytest

    pytest.skip(reason)


if __name__ == "__main__":
    for version in (KILI, OLDER_KILI, OLDEST_KILI):
        try:
            _python_with_kili(version)
        except NotInstalled as error:
            print(error)
    try:
        _python_with("spark-4", CACHE / "spark-4", SPARK)
    except NotInstalled as error:
        print(error)
