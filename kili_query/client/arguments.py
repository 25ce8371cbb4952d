"""Checks of arguments before anything is sent: pydantic underneath, sentences of our own above."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from kili_query.client.types import Day, Id, Mark, Natural, Percent, Positive, Seconds
from kili_query.errors import ArgumentError
from kili_query.lang.wording import nearest
from kili_query.query import CategoryQuery, Query

# a limit, whatever it is, lets pydantic look into texts, where it finds surrogates that stand alone: they cannot be sent
_STRICT = ConfigDict(strict=True, arbitrary_types_allowed=True, str_max_length=2**31)


def check_arguments(method: Callable[..., Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call by name, each checked against the annotation that the method gives it.

    Raises
    ------
    ArgumentError: one of them is of another type, or not a value that it can have.
    """
    checked = {}
    for name, (annotation, adapter) in _adapters(method).items():
        if name in values:
            try:
                checked[name] = adapter.validate_python(values[name])
            except ValidationError as error:
                raise ArgumentError(name, _problem(values[name], annotation, error)) from None
    return checked


@cache
def _adapters(method: Callable[..., Any]) -> dict[str, tuple[Any, TypeAdapter[Any]]]:
    method = inspect.unwrap(method)
    # what a method returns may name pandas, which need not be there
    taken = {name: hint for name, hint in method.__annotations__.items() if name != "return"}
    hints = get_type_hints(types.SimpleNamespace(__annotations__=taken), method.__globals__, include_extras=True)
    return {name: (hint, _adapter(hint)) for name, hint in hints.items()}


@cache
def _adapter(annotation: Any) -> TypeAdapter[Any]:
    """What checks values of a type; made once, since most parameters share few types."""
    return TypeAdapter(annotation, config=_STRICT)


def _problem(value: object, annotation: Any, error: ValidationError) -> str:
    """What is wrong with a value: the first complaint, in words."""
    place, found = "", value
    complaints = error.errors(include_url=False, include_input=True)
    deepest = max(complaints, key=lambda complaint: len(_indices(complaint["loc"])))
    indices = _indices(deepest["loc"])
    if deepest["type"] == "missing":
        indices.pop()  # what lacks it is shown
    if indices and isinstance(value, (list, tuple)):
        place = "".join(f"[{index}]" for index in indices)
        found = deepest["input"]
    said = f"is {shown(found)}" if not place else f"holds {shown(found)} at {place}"
    if deepest["type"] == "string_unicode":
        return f"{said}, which cannot be sent: half a character (a surrogate) is no text"
    hint = ""
    choices = [str(choice) for choice in _choices(annotation)]
    if (
        isinstance(found, str)
        and choices
        and (alike := nearest(found.upper(), choices, 1) or nearest(found, choices, 1))
    ):
        hint = f"; `{alike[0]}` is near"
    return f"{said}; it takes {in_words(annotation)}{hint}"


def _indices(location: tuple[int | str, ...]) -> list[int]:
    return [part for part in location if isinstance(part, int)]


def shown(value: object) -> str:
    """A value as messages show it: on one line, cut where it is long, with its type where that is not plain."""
    if value is None:
        return "None"
    text = " ".join(repr(value).split()) if not isinstance(value, str) else repr(value)
    short = text if len(text) <= 60 else text[:57] + "..."
    return f"`{short}`" if isinstance(value, (str, int, float)) else f"`{short}` ({type(value).__name__})"


def _choices(annotation: Any) -> tuple[Any, ...]:
    """The values that an annotation allows, at whatever depth it lists them."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return tuple(choice for part in get_args(annotation) for choice in _choices(part))


_WORDS: dict[Any, str] = {
    Mark: "a number", Seconds: "a number of seconds from 0", str: "text", int: "a whole number", float: "a number", bool: "True or False", dict: "a dict", Any: "anything",
    type(None): "None", Query: "a Query", Day: "a day such as `2024-02-29`, as text",
    Natural: "a whole number from 0", Positive: "a whole number from 1", Percent: "a whole number from 0 to 100", CategoryQuery: "text", Id: "text that is not empty",
}  # fmt: skip


def _plural(annotation: Any) -> str:
    words = in_words(annotation)
    if words.startswith("a tuple of "):
        return "tuples of " + words.removeprefix("a tuple of ")
    if " or " in words or " with " in words:
        return words
    return words.removeprefix("one of ") if words.startswith("one of ") else words.replace("a ", "", 1) + "s"


_PLURALS = {
    Any: "anything",
    Natural: "whole numbers from 0",
    str: "texts",
    Id: "texts that are not empty",
    int: "whole numbers",
    float: "numbers",
    dict: "dicts",
}


def in_words(annotation: Any) -> str:
    """What an annotation takes, in words.

    >>> in_words(list[str] | None)
    'a list of texts or None'
    """
    if annotation in _WORDS:
        return _WORDS[annotation]
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        # a tuple is taken where a list is, and need not be told
        listed = {get_args(part)[0] for part in parts if get_origin(part) is list}
        told = [in_words(part) for part in parts if get_origin(part) is not tuple or get_args(part)[0] not in listed]
        return ", ".join(told[:-1]) + " or " + told[-1] if len(told) > 1 else told[0]
    if origin is Annotated:
        return in_words(parts[0])
    if origin is Literal:
        return ("one of " if len(parts) > 1 else "") + ", ".join(f"`{choice}`" for choice in parts)
    if origin in (list, tuple):
        if origin is tuple and Ellipsis not in parts:
            return "a tuple of " + " and ".join(map(in_words, parts))
        return f"a {origin.__name__} of " + _PLURALS.get(parts[0], _plural(parts[0]))
    if origin is dict:
        return "a dict with texts as keys"
    return getattr(annotation, "__name__", str(annotation))


def require_lengths(arrays: dict[str, Any]) -> None:
    """All arrays that are given are as long as the first one.

    Raises
    ------
    ArgumentError: one is not.
    """
    given = {name: array for name, array in arrays.items() if array is not None}
    first = next(iter(given))
    for name, array in given.items():
        if len(array) != len(given[first]):
            raise ArgumentError(
                name, f"has {len(array)} items, and `{first}` has {len(given[first])}: one for each label"
            )
