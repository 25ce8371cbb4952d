"""Reads the docstrings of the package for the API page: `Name: text` in sections, and examples anywhere."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

_ITEM = re.compile(r"^(\w+): (.+)$", re.MULTILINE)
_SECTION = re.compile(r"^(?:Parameters|Raises)\n-+\n(?:.+\n?)+", re.MULTILINE)
_EXAMPLE = re.compile(r"(?:^>>> .*\n?(?:^.+\n?)*)", re.MULTILINE)


class Docstrings(Extension):
    """Turns the house style of docstrings into what numpy style expects."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Rewrite the docstring of one object."""
        if obj.docstring is None:
            return
        text = _SECTION.sub(lambda section: _ITEM.sub(r"\1\n    \2", section[0]), obj.docstring.value)
        examples = [example[0].rstrip() for example in _EXAMPLE.finditer(text)]
        if examples:
            obj.docstring.value = _EXAMPLE.sub("", text).rstrip() + "\n\nExamples\n--------\n" + "\n\n".join(examples)
        else:
            obj.docstring.value = text
