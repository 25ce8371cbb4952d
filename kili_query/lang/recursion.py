"""Recursion without Python's stack (a trampoline of generators), for trees that are deeper than it."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

R = TypeVar("R")

Step = Generator[Any, Any, R]
"""A function written as a generator: it yields the steps it calls, is sent their results, and returns its own."""


def run(step: Step[R]) -> R:
    """The result of a step and of all it calls.

    >>> def depth(n):
    ...     return 0 if n == 0 else 1 + (yield depth(n - 1))
    >>> run(depth(5000))
    5000
    """
    stack: list[Step[Any]] = [step]
    value: Any = None
    while True:
        try:
            called = stack[-1].send(value)
        except StopIteration as stop:
            stack.pop()
            value = stop.value
            if not stack:
                return value  # type: ignore[no-any-return]
        else:
            stack.append(called)
            value = None
