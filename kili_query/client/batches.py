"""Batches: items that are sent together, which of them may be under way at once, and what is left when one fails."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Self, TypeVar

from kili_query.errors import ApiError, DataError, OutcomeUnknownError

T = TypeVar("T")
R = TypeVar("R")

MOST_ITEMS = 100
"""Items of a batch, at most (sdk-methods.md 1)."""

MOST_BYTES = 2_000_000
"""Bytes of a batch, about; an item that is larger goes alone (wire.md)."""


class Remaining(dict[str, Any]):
    """The arguments of a call once more, with only those items that are not in.

    >>> remaining = Remaining(project_id="p", external_id_array=["b"])
    >>> remaining["external_id_array"]
    ['b']

    `kili.append_labels(**error.remaining)` sends them; `save` and `load` keep them in a file meanwhile.
    """

    @classmethod
    def of(cls, arguments: Mapping[str, Any], positions: Sequence[int]) -> Self | None:
        """The arguments with only some items in their arrays; None without any item."""
        if not positions:
            return None
        return cls(
            (name, [value[n] for n in positions] if isinstance(value, (list, tuple)) else value)
            for name, value in arguments.items()
            if value is not None
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write them to a JSON file, which appears whole or not at all."""
        from kili_query.offline.write import whole_file

        with whole_file(os.fspath(path)) as file:
            file.write(json.dumps(self, indent=1, default=_plain).encode())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Those of a file that `save` wrote.

        Raises
        ------
        DataError: the file cannot be read, or holds something else.
        """
        try:
            with open(path, encoding="utf-8") as file:
                value = json.load(file)
        except (OSError, ValueError) as error:
            raise DataError(f"cannot be read: {error}", code="KQ503", where=os.fspath(path)) from None
        if not isinstance(value, dict):
            raise DataError("holds no arguments of a call", code="KQ503", where=os.fspath(path))
        return cls(value)


def _plain(value: Any) -> Any:
    """What JSON writes of a value that it does not know: pages of a PDF say themselves."""
    return value.as_dict()


def split(items: Sequence[T], size: Callable[[T], int], most: int = MOST_ITEMS) -> list[list[T]]:
    """The items in batches, in their order, by number and by bytes.

    >>> [len(batch) for batch in split(range(5), lambda item: 900_000)]
    [2, 2, 1]
    """
    batches: list[list[T]] = []
    total = 0
    for item in items:
        bytes_of = size(item)
        if not batches or len(batches[-1]) == most or total + bytes_of > MOST_BYTES:
            batches.append([])
            total = 0
        batches[-1].append(item)
        total += bytes_of
    return batches


def waves(batches: Sequence[list[T]], key: Callable[[T], Hashable]) -> Iterator[list[list[T]]]:
    """Runs of batches that may be under way at once: no two batches of a run are about the same key.

    So what is about one asset reaches the server in the order of the call.

    >>> list(waves([["a", "b"], ["c"], ["a"], ["d"]], key=str))
    [[['a', 'b'], ['c']], [['a'], ['d']]]
    """
    wave: list[list[T]] = []
    seen: set[Hashable] = set()
    for batch in batches:
        keys = {key(item) for item in batch}
        if wave and not seen.isdisjoint(keys):
            yield wave
            wave, seen = [], set()
        wave.append(batch)
        seen |= keys
    if wave:
        yield wave


@dataclass
class Progress(Generic[T, R]):
    """What has become of the batches of a call."""

    done: list[tuple[list[T], R]] = field(default_factory=list)
    """Batches that are in, each with its result, in the order of the call."""
    unknown: list[T] = field(default_factory=list)
    """Items that were sent, and whose answer was lost."""
    failed: list[T] = field(default_factory=list)
    """Items that the server refused, or that did not reach it."""
    error: ApiError | None = None
    """The first failure."""

    def note(self, batch: list[T], result: R | ApiError) -> None:
        """Keep the result of a batch."""
        if not isinstance(result, ApiError):
            self.done.append((batch, result))
            return
        self.error = self.error or result
        (self.unknown if isinstance(result, OutcomeUnknownError) else self.failed).extend(batch)

    def failure(self, total: int, noun: str, remaining: Remaining | None, unknown: Remaining | None) -> ApiError:
        """The error of a call that is not wholly in: the first failure, with what is in and what is left."""
        assert self.error is not None
        inside = sum(len(batch) for batch, _ in self.done)
        error = self.error
        said = f"{inside:,} of {total:,} {noun} are in"
        if unknown:
            said += f"; of {len(self.unknown):,} it is not known (`error.unknown`)"
        error.message = f"{error.message}; {said}; `error.remaining` has the others" if total > 1 else error.message
        error.done = [result for _, result in self.done]
        error.remaining = remaining
        error.unknown = unknown
        return error
