"""The synchronous client is what the script makes of the asynchronous one, file by file."""

from __future__ import annotations

from pathlib import Path

from kili_query.client.unasync import BY_HAND, HEADER, generated, to_sync


def test_generated_files_are_fresh_and_whole() -> None:
    made = dict(generated())
    for path, text in made.items():
        assert path.read_text("utf-8") == text, f"{path.name} is stale: python -m kili_query.client.unasync"
        assert text.startswith(HEADER.format(name=path.name))
    folder = next(iter(made)).parent
    assert {path.name for path in folder.glob("*.py")} == {path.name for path in made} | BY_HAND


def test_nothing_asynchronous_is_left() -> None:
    for path, text in generated():
        code = text.split("\n", 1)[1]
        for word in ("async ", "await ", "Async", "asyncio", "__aenter__", "aclosing"):
            assert word not in code, f"{path.name} holds {word!r}"


def test_words_within_words_are_left_alone() -> None:
    assert to_sync("from x import AsyncLabelsAndMore\n") == "from x import AsyncLabelsAndMore\n"
    assert Path(__file__).name == "test_generated.py"
