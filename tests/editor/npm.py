"""Packages of npm for tests; without node or a registry the tests are skipped."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.installing import CACHE, claimed


def installed(name: str, manifest: bytes, lock: bytes | None = None) -> Path:
    """The folder that holds `node_modules` of a `package.json`, exactly as its lock file says if there is one."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("node and npm are not installed")
    home = CACHE / f"npm-{name}-{hashlib.sha256(manifest + (lock or b'')).hexdigest()[:12]}"
    with claimed(home) as ready:
        if not ready:
            _install(home, manifest, lock)
    return home


def _install(home: Path, manifest: bytes, lock: bytes | None) -> None:
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    (home / "package.json").write_bytes(manifest)
    if lock:
        (home / "package-lock.json").write_bytes(lock)
    options = ["--no-audit", "--no-fund", "--no-update-notifier", "--fetch-retries=1"]
    command = ["npm", "ci" if lock else "install", *options]
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{home.name} cannot be installed: {done.stderr.strip().splitlines()[-1:]}")
