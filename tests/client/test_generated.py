"""The synchronous client is what the script makes of the asynchronous one, file by file."""

from __future__ import annotations

from pathlib import Path

import pytest

from kili_query.client.generate.unasync import BY_HAND, HEADER, STUB, STUB_HEADER, generated, to_sync


@pytest.fixture(scope="module")
def made() -> dict[Path, str]:
    return dict(generated())


def test_generated_files_are_fresh_and_whole(made: dict[Path, str]) -> None:
    for path, text in made.items():
        assert path.read_text("utf-8") == text, f"{path.name} is stale: python -m kili_query.client.generate.unasync"
        assert text.startswith(STUB_HEADER if path.name == STUB else HEADER.format(name=path.name))
    folder = next(iter(made)).parent
    assert {path.name for path in folder.glob("*.py*")} == {path.name for path in made} | BY_HAND


def test_nothing_asynchronous_is_left(made: dict[Path, str]) -> None:
    for path, text in made.items():
        code = text.split("\n", 1)[1].replace("appendManyAssetsAsynchronously", "")  # an operation of Kili's
        if path.parent.name == "_async":
            continue
        for word in ("async ", "await ", "Async", "asyncio", "__aenter__", "aclosing"):
            assert word not in code, f"{path.name} holds {word!r}"


def test_words_within_words_are_left_alone() -> None:
    assert to_sync("from x import AsyncLabelsAndMore\n") == "from x import AsyncLabelsAndMore\n"
