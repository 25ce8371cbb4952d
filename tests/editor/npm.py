"""Packages of npm for tests, installed once into the user's cache; without node or a registry the tests are skipped."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest


def installed(name: str, manifest: bytes, lock: bytes | None = None) -> Path:
    """The folder that holds `node_modules` of a `package.json`, exactly as its lock file says if there is one.

    A marker file, written last, tells a finished folder from half a one.
    """
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("node and npm are not installed")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = cache / "kili_query-tests" / f"npm-{name}-{hashlib.sha256(manifest + (lock or b'')).hexdigest()[:12]}"
    if not (home / "ready").exists():
        _install(home, manifest, lock)
    return home


def _install(home: Path, manifest: bytes, lock: bytes | None) -> None:
    claim = home.with_name(f"{home.name}.lock")
    home.parent.mkdir(parents=True, exist_ok=True)
    try:
        claim.mkdir()
    except FileExistsError:
        pytest.skip(f"another run is installing {home.name}; if none is, remove {claim}")
    try:
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        (home / "package.json").write_bytes(manifest)
        if lock:
            (home / "package-lock.json").write_bytes(lock)
        command = [
            "npm",
            "ci" if lock else "install",
            "--no-audit",
            "--no-fund",
            "--no-update-notifier",
            "--fetch-retries=1",
        ]
        done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"{home.name} cannot be installed: {done.stderr.strip().splitlines()[-1:]}")
        (home / "ready").touch()
    finally:
        claim.rmdir()
