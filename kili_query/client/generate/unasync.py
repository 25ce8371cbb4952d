"""Write `_sync` from `_async`, and the overloads of both: `python -m kili_query.client.generate.unasync`; with `--check`, only tell what is stale.

Words are replaced, one by one; what truly differs between the two is `concurrency.py` and `events.py`, which have two versions.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from kili_query.client.generate.overloads import stub

HERE = Path(__file__).parent.parent
BY_HAND = {"__init__.py", "concurrency.py", "events.py"}
HEADER = "# Generated from kili_query/client/_async/{name} by kili_query.client.generate.unasync. Do not edit.\n"
STUB = "typed.pyi"
STUB_HEADER = (
    "# Generated from kili_query/client/_async by kili_query.client.generate.unasync (overloads.py). Do not edit.\n"
)

WORDS = {
    "AsyncKili": "Kili",
    "AsyncTransport": "Transport",
    "AsyncSession": "Session",
    "AsyncLabels": "Labels",
    "AsyncAssets": "Assets",
    "AsyncProjects": "Projects",
    "AsyncImports": "Imports",
    "AsyncChanges": "Changes",
    "AsyncMedia": "Media",
    "AsyncLabelChanges": "LabelChanges",
    "AsyncAssetChanges": "AssetChanges",
    "AsyncSearched": "Searched",
    "AsyncEvents": "Events",
    "AsyncExports": "Exports",
    "AsyncAnswerFiles": "AnswerFiles",
    "AsyncIterator": "Iterator",
    "AsyncIterable": "Iterable",
    "AsyncGenerator": "Generator",
    "Awaitable": "Returned",
    "AsyncClient": "Client",
    "AsyncBaseTransport": "BaseTransport",
    "AsyncHTTPTransport": "HTTPTransport",
    "_AsyncClient": "_Client",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "aclose": "close",
    "aclosing": "closing",
    "aiter_bytes": "iter_bytes",
    "aiter_raw": "iter_raw",
    "handle_async_request": "handle_request",
    "_async": "_sync",
    "asynchronous": "synchronous",
    "Asynchronous": "Synchronous",
}
_WORD = re.compile(r"\b(?:" + "|".join(sorted(WORDS, key=len, reverse=True)) + r")\b")
_NESTED = r"[^\[\]]*"
for _ in range(5):  # brackets within brackets
    _NESTED = rf"(?:[^\[\]]|\[{_NESTED}\])*"
_RETURNED = re.compile(rf"\bReturned\[({_NESTED})\]")
_TAGGED = re.compile(r"^.*  # async only\n", re.MULTILINE)


def to_sync(text: str) -> str:
    """The synchronous form of an asynchronous source.

    >>> to_sync("async def f() -> None:\\n    await g()\\n")
    'def f() -> None:\\n    g()\\n'
    """
    text = _TAGGED.sub("", text)
    text = re.sub(r"\basync (def|for|with)\b", r"\1", text)
    text = re.sub(r"\bawait ", "", text)
    text = _WORD.sub(lambda match: WORDS[match[0]], text)
    return _RETURNED.sub(r"\1", text)


def generated() -> Iterator[tuple[Path, str]]:
    """Each generated file with the text that it must have."""
    for source in sorted((HERE / "_async").glob("*.py")):
        if source.name not in BY_HAND:
            text = to_sync(source.read_text("utf-8"))
            yield HERE / "_sync" / source.name, _formatted(HEADER.format(name=source.name) + text)
    text = stub()
    yield HERE / "_async" / STUB, _formatted(STUB_HEADER + text, "x.pyi")
    yield HERE / "_sync" / STUB, _formatted(STUB_HEADER + to_sync(text), "x.pyi")


def _formatted(text: str, name: str = "x.py") -> str:
    """The text as ruff has it, since shorter words change where lines break and how imports are sorted."""
    import subprocess

    for command in (["check", "--fix", "--quiet", "--select", "I,F401"], ["format", "--quiet"]):
        text = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(HERE / "_sync" / name), "-"],
            input=text, capture_output=True, text=True, encoding="utf-8", check=True,
        ).stdout  # fmt: skip
    return text


def main() -> int:
    """Write the files, or with `--check` name those that are stale."""
    stale = [(path, text) for path, text in generated() if not path.exists() or path.read_text("utf-8") != text]
    wanted = {path.name for path, _ in generated()} | BY_HAND
    leftover = [path for path in (HERE / "_sync").glob("*.py") if path.name not in wanted]
    if "--check" in sys.argv:
        for path in [path for path, _ in stale] + leftover:
            sys.stderr.write(f"{path.name} is stale: python -m kili_query.client.generate.unasync\n")
        return 1 if stale or leftover else 0
    for path, text in stale:
        path.write_text(text, "utf-8")
    for path in leftover:
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
