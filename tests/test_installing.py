"""What tests install is made once, by whoever comes first; the others wait for it."""

from __future__ import annotations

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.installing import claimed


def test_the_others_wait_for_the_first(tmp_path: Path) -> None:
    home, made = tmp_path / "cache" / "home", list[int]()

    def make(number: int) -> bool:
        with claimed(home) as ready:
            if not ready:
                made.append(number)
                home.mkdir()
                time.sleep(0.1)
            return (home / "ready").exists() or not ready

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(make, range(4)))
    assert len(made) == 1
    assert (home / "ready").exists()


def test_half_a_folder_is_made_again(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with contextlib.suppress(OSError), claimed(home) as ready:
        assert not ready
        home.mkdir()
        raise OSError
    with claimed(home) as ready:
        assert not ready
    with claimed(home) as ready:
        assert ready
