"""Reads the docstrings of the package for the site: sections with items such as `a, b: text`, and examples anywhere."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

_SECTION = re.compile(r"^(Parameters|Raises)\n-+\n((?:.+\n?)+)", re.MULTILINE)
_ITEM = re.compile(r"^(\S.*?): ", re.MULTILINE)
_EXAMPLE = re.compile(r"(?:^>>> .*\n?(?:^.+\n?)*)", re.MULTILINE)
_EXAMPLES_TITLE = re.compile(r"^Examples\n-+\n", re.MULTILINE)


class Docstrings(Extension):
    """Turns the house style of docstrings into what numpy style expects, and its sections into lists.

    Several names can share a sentence there, which the tables of numpy style have no row for.
    """

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Rewrite the docstring of one object."""
        if obj.docstring is None:
            return
        text = _SECTION.sub(_as_list, obj.docstring.value)
        examples = [example[0].rstrip() for example in _EXAMPLE.finditer(text)]
        if examples:
            text = _EXAMPLES_TITLE.sub("", _EXAMPLE.sub("", text)).rstrip()
            text += "\n\nExamples\n--------\n" + "\n\n".join(examples)
        obj.docstring.value = text


def _as_list(section: re.Match[str]) -> str:
    """A section as a list of Markdown. Lines that go on with an item are indented, and so stay in it."""
    items = _ITEM.sub(lambda item: f"- {_as_code(item[1])}: ", section[2])
    return f"**{section[1]}**\n\n{items}"


def _as_code(names: str) -> str:
    return ", ".join(f"`{name}`" if re.fullmatch(r"[\w*=\"]+", name) else name for name in names.split(", "))
