"""What listings give for which arguments, as overloads: the text of `typed.pyi`, made of the methods themselves."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

HEAD = """
from collections.abc import AsyncGenerator
from typing import Any, Literal, overload

import pandas as pd

from kili_query.client._async import assets, labels, projects
from kili_query.client.types import {types}
from kili_query.formats.parsed.label import ParsedLabel
from kili_query.model.kili import {words}
"""

ROWS, GENERATOR, TABLE = "list[Row]", "AsyncGenerator[Row]", "pd.DataFrame"

Cases = Mapping[str, Mapping[str, str]]
"""What a method gives: the parameters that it gives it for, each with its annotation and, perhaps, its default."""

# only the first fits calls that leave out what the cases are about: type checkers then tell what is wrong with the
# other arguments, instead of listing all cases
LISTINGS: Cases = {
    ROWS: {"as_generator": "Literal[False] = False"},
    GENERATOR: {"as_generator": "Literal[True]"},
    f"{ROWS} | {GENERATOR}": {"as_generator": "bool"},
}
_DICTS = 'Literal["dict"] = "dict"'
PARSED: Cases = {case: {"output_format": _DICTS, **fixed} for case, fixed in LISTINGS.items()} | {
    case.replace("Row", "ParsedLabel"): {"output_format": 'Literal["parsed_label"]', **fixed}
    for case, fixed in LISTINGS.items()
}
TABLES: Cases = {
    ROWS: {"format": "Literal['raw'] | None = None", "as_generator": "Literal[False] = False"},
    GENERATOR: {"format": "Literal['raw'] | None = None", "as_generator": "Literal[True]"},
    TABLE: {"format": 'Literal["pandas"]', "as_generator": "Literal[False] = False"},
    f"{ROWS} | {GENERATOR}": {"format": "Literal['raw'] | None = None", "as_generator": "bool"},
}


def stub() -> str:
    """The text of `typed.pyi` for the asynchronous methods. It imports more than it needs; who formats it drops that."""
    from kili_query.client import types
    from kili_query.client._async.assets import AsyncAssets
    from kili_query.client._async.labels import AsyncLabels
    from kili_query.client._async.projects import AsyncProjects
    from kili_query.model import kili

    classes = "\n".join(line for noun in (AsyncLabels, AsyncAssets, AsyncProjects) for line in _class(noun))
    words = {name for name in vars(kili) if name[0].isupper() and not name.isupper()} - {"Literal"}
    own = {name for name in vars(types) if name[0].isupper()} - words - {"Any", "Literal"}
    return HEAD.format(types=", ".join(sorted(own)), words=", ".join(sorted(words))) + classes


def _class(noun: type) -> Iterator[str]:
    """A class in place of that of the methods, which has overloads of those that list."""
    yield f"class {noun.__name__}({noun.__module__.rpartition('.')[2]}.{noun.__name__}):"
    for method in (getattr(noun, name) for name in vars(noun)):
        if inspect.isfunction(method) and "as_generator" in (taken := inspect.signature(method).parameters):
            for case, (gives, fixed) in enumerate(_cases(taken).items()):
                # no case alone takes all that the method does
                yield "    @overload" + ("  # type: ignore[override]" if case == 0 else "")
                yield f"    async def {method.__name__}({_parameters(method, fixed)}) -> {gives}: ..."


def _cases(taken: Mapping[str, object]) -> Cases:
    if "format" in taken:
        return TABLES
    return PARSED if "output_format" in taken else LISTINGS


def _parameters(method: Callable[..., Any], fixed: Mapping[str, str]) -> str:
    """The parameters of a method, some of them as a case has them."""
    told, by_name = [], False
    for name, parameter in inspect.signature(method).parameters.items():
        said = fixed.get(name) or _said(parameter)
        # one without a default can follow those that have one if it is taken by name
        if not by_name and (parameter.kind is parameter.KEYWORD_ONLY or (name in fixed and "=" not in said)):
            told.append("*")
            by_name = True
        told.append(name if name == "self" else f"{name}: {said}")
    return ", ".join(told)


def _said(parameter: inspect.Parameter) -> str:
    default = parameter.default
    if default is parameter.empty:
        return str(parameter.annotation)
    return f"{parameter.annotation} = {'...' if isinstance(default, (list, tuple)) else repr(default)}"
