"""Batches: items that are sent together, which of them may be under way at once, and what is left when one fails."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, Self, TypeVar

from kili_query.client.sending.budget import ByteBudget
from kili_query.errors import ApiError, DataError, OutcomeUnknownError

T = TypeVar("T")
R = TypeVar("R")

MOST_ITEMS = 100
"""Items of a batch, at most (sdk-methods.md 1)."""

MOST_NAMES = 1000
"""Ids and external ids that one question asks about (sdk-methods.md 1)."""


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
        from kili_query.offline.files import whole_file

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
    if not hasattr(value, "as_dict"):
        raise TypeError(f"arguments with a value of type {type(value).__name__} cannot be kept in a file")
    return value.as_dict()


def parts(items: Sequence[T], most: int = MOST_NAMES) -> Iterator[Sequence[T]]:
    """The items, so many at a time.

    >>> list(parts("abcde", 2))
    ['ab', 'cd', 'e']
    """
    for start in range(0, len(items), most):
        yield items[start : start + most]


def split(
    items: Iterable[T],
    size: Callable[[T], int],
    budget: ByteBudget,
    alone: Callable[[T], bool] = lambda item: False,
    most: int = MOST_ITEMS,
) -> Iterator[list[T]]:
    """The items in batches, in their order: by number, and by the bytes that the budget has when a batch begins.

    An item that is larger than that goes alone, as do those that are to.

    >>> [len(batch) for batch in split(range(5), lambda item: 900_000, ByteBudget())]
    [2, 2, 1]
    """
    batch: list[T] = []
    room, lonely = budget.bytes, False
    for item in items:
        bytes_of, is_lonely = size(item), alone(item)
        if batch and (len(batch) == most or bytes_of > room or lonely or is_lonely):
            yield batch
            batch, room = [], budget.bytes
        batch.append(item)
        room, lonely = room - bytes_of, is_lonely
    if batch:
        yield batch


def waves(batches: Iterable[list[T]], key: Callable[[T], Hashable]) -> Iterator[Iterator[list[T]]]:
    """Runs of batches that may be under way at once: no two batches of a run are about the same key.

    So what is about one asset reaches the server in the order of the call. A batch is made when its turn comes; a run is
    to be read to its end before the next one.

    >>> [list(run) for run in waves([["a", "b"], ["c"], ["a"], ["d"]], key=str)]
    [[['a', 'b'], ['c']], [['a'], ['d']]]
    """
    left = iter(batches)
    held = next(left, None)

    def run() -> Iterator[list[T]]:
        nonlocal held
        seen: set[Hashable] = set()
        while held is not None:
            keys = {key(item) for item in held}
            if not seen.isdisjoint(keys):
                return  # it begins the next run
            seen |= keys
            batch, held = held, None
            yield batch
            held = next(left, None)

    while held is not None:
        yield run()


class Partly(NamedTuple, Generic[T, R]):
    """A batch that failed: the error, and what the server told afterwards of those that are in all the same."""

    error: ApiError
    items: list[T]
    result: R | None
    looked_up: bool
    """False: of a batch whose answer was lost nothing is known."""


@dataclass
class Progress(Generic[T, R]):
    """What has become of the batches of a call."""

    total: int
    noun: str
    position: Callable[[T], int]
    """The position of an item in the arrays of the call."""
    done: list[tuple[list[T], R]] = field(default_factory=list)
    """Batches that are in, each with its result, in the order of the call."""
    begun: list[T] = field(default_factory=list)
    """Items that were sent, or are about to be."""
    unknown: list[T] = field(default_factory=list)
    """Items that were sent, and whose answer was lost."""
    error: ApiError | None = None
    """The first failure."""

    def note(self, batch: list[T], result: R | Partly[T, R]) -> None:
        """Keep the result of a batch."""
        if not isinstance(result, Partly):
            self.done.append((batch, result))
            return
        self.error = self.error or result.error
        if result.items and result.result is not None:
            self.done.append((result.items, result.result))
        if isinstance(result.error, OutcomeUnknownError) and not result.looked_up:
            self.unknown += batch

    def inside(self) -> list[int]:
        """The positions of what is in."""
        return sorted(self.position(item) for batch, _ in self.done for item in batch)

    def lost(self) -> list[int]:
        """The positions of what may be in or not."""
        return sorted(map(self.position, self.unknown))

    def left(self, positions: Iterable[int]) -> list[int]:
        """Those of some positions whose items are not in."""
        settled = {*self.inside(), *self.lost()}
        return [position for position in positions if position not in settled]

    def failure(self, remaining: Remaining | None, unknown: Remaining | None) -> ApiError:
        """The error of a call that is not wholly in: the first failure, with what is in and what is left."""
        assert self.error is not None
        error = self.error
        if self.total > 1:
            error.message += "; " + self._told()
            if unknown:
                error.message += f"; of those {places(self.lost())} it is not known (`error.unknown`)"
            if remaining:
                error.message += (
                    "; `error.remaining` has the others" if unknown or self.done else "; `error.remaining` has them"
                )
        error.done = [result for _, result in self.done]
        error.remaining = remaining
        error.unknown = unknown
        return error

    def interrupted(self) -> str:
        """The note of an interrupted call: which batches were sent."""
        settled = set(self.inside())
        under_way = sorted({self.position(item) for item in self.begun} - settled)
        told = self._told()
        return told + (f"; those {places(under_way)} were under way, and may be in" if under_way else "")

    def _told(self) -> str:
        inside = self.inside()
        if not inside:
            return f"none of {self.total:,} {self.noun} is known to be in"
        return f"{len(inside):,} of {self.total:,} {self.noun} are in, those {places(inside)}"


MOST_RUNS = 5
"""Runs of positions that a message lists."""


def places(positions: Sequence[int]) -> str:
    """Places in arrays for a sentence, in runs.

    >>> places([0, 1, 2, 7]), places([4])
    ('at 0 to 2, 7', 'at 4')
    """
    runs: list[list[int]] = []
    for position in positions:
        if runs and runs[-1][1] == position - 1:
            runs[-1][1] = position
        else:
            runs.append([position, position])
    told = ", ".join(f"{first:,} to {last:,}" if last > first else f"{first:,}" for first, last in runs[:MOST_RUNS])
    return f"at {told}" + (f" and {len(runs) - MOST_RUNS:,} more runs" if len(runs) > MOST_RUNS else "")
