"""What is told about pictures: images that are missing, colours that are none; each kind once, with examples."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

SHOWN = 5
"""How many of a kind are told in words; of the others, how many there are."""


class Notes:
    """Remarks by kind, each about one thing.

    >>> notes = Notes()
    >>> for name in "abcdefg":
    ...     notes.add("missing", f"{name}.jpg is missing", name)
    >>> list(notes)[-1]
    '… and 2 more of this kind'
    """

    def __init__(self) -> None:
        self._texts: dict[str, list[str]] = {}
        self._seen: dict[str, set[Hashable]] = {}

    def add(self, kind: str, text: str, about: Hashable = None) -> None:
        """Note something; of the same thing only once."""
        seen = self._seen.setdefault(kind, set())
        if about not in seen:
            seen.add(about)
            if len(seen) <= SHOWN:
                self._texts.setdefault(kind, []).append(text)

    def __iter__(self) -> Iterator[str]:
        for kind, texts in self._texts.items():
            yield from texts
            if len(self._seen[kind]) > SHOWN:
                yield f"… and {len(self._seen[kind]) - SHOWN:,} more of this kind"

    def __bool__(self) -> bool:
        return bool(self._texts)
