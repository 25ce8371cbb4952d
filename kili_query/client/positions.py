"""Error messages for calls that Python refuses: arguments by position, of which versions of `kili` disagree, wrong names."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])


def positions_end(seed: str, in_26: str) -> Callable[[F], F]:
    """A method whose parameters after the bare `*` stood in another order in each version of `kili`.

    A value in such a place would mean one thing in one version, and another in the next.

    Parameters
    ----------
    seed: the version of `kili` whose order the parameters of the method have.
    in_26: the parameter that comes first there in 26.2.4.

    >>> @positions_end("2.131", in_26="asset_step_name_in")
    ... def predictions(self, project_id, *, author_in=None, asset_step_name_in=None): ...
    >>> predictions(None, "clx1", ["Ann"])
    Traceback (most recent call last):
    TypeError: `predictions` takes 1 argument by position, and 2 are given; the versions of `kili` disagree on the next: \
write `author_in=...` if it is meant as in 2.131, `asset_step_name_in=...` if as in 26.2.4
    """

    def mark(method: F) -> F:
        parameters = inspect.signature(method).parameters.values()
        taken = sum(parameter.kind is parameter.POSITIONAL_OR_KEYWORD for parameter in parameters)
        in_seed = next(parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY)

        def check(given: int) -> None:
            if given > taken:
                most = f"{taken - 1} argument{'s' if taken > 2 else ''}"
                raise TypeError(
                    f"`{method.__name__}` takes {most} by position, and {given - 1} are given; the versions of `kili` "
                    f"disagree on the next: write `{in_seed}=...` if it is meant as in {seed}, `{in_26}=...` if as in "
                    "26.2.4" + (", and the names of the others" if given > taken + 1 else "")
                )

        @wraps(method)
        def counted(*args: Any, **kwargs: Any) -> Any:
            check(len(args))
            return method(*args, **kwargs)

        @wraps(method)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            check(len(args))
            return await method(*args, **kwargs)

        return cast(F, awaited if inspect.iscoroutinefunction(method) else counted)

    return mark


def right_call(**calls: str) -> Callable[[F], F]:
    """A method that the documents of `kili` show with arguments that it does not have, or without one that it needs.

    Parameters
    ----------
    calls: for the name of such an argument what works.

    >>> @right_call(project_id="it counts the assets of a project: `count_assets(project_id)`")
    ... def count_assets(self, project_id): ...
    >>> count_assets(None)
    Traceback (most recent call last):
    TypeError: `count_assets`: missing a required argument: 'project_id'; it counts the assets of a project: \
`count_assets(project_id)`
    """

    def mark(method: F) -> F:
        signature = inspect.signature(method)

        def check(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            try:
                signature.bind(*args, **kwargs)
            except TypeError as error:
                about = (call for name, call in calls.items() if _is_about(name, error, kwargs, signature))
                if (told := next(about, None)) is not None:  # what is about nothing known here, the method tells itself
                    raise TypeError(f"`{method.__name__}`: {error}; {told}") from None

        @wraps(method)
        def called(*args: Any, **kwargs: Any) -> Any:
            check(args, kwargs)
            return method(*args, **kwargs)

        @wraps(method)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            check(args, kwargs)
            return await method(*args, **kwargs)

        return cast(F, awaited if inspect.iscoroutinefunction(method) else called)

    return mark


def _is_about(name: str, error: TypeError, kwargs: dict[str, Any], signature: inspect.Signature) -> bool:
    """True if an argument is missing, or is given and is none of the method's."""
    return f"'{name}'" in str(error) or (name in kwargs and name not in signature.parameters)
