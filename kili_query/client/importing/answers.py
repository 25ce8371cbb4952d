"""Files that answer jobs: an answer that is a text is the name of a local file (sdk-methods.md 2.9)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from kili_query.client.importing.kinds import Kind
from kili_query.client.importing.local import check_file

_ANY = Kind("FILE", (), ())


class AnswerFile(NamedTuple):
    """A local file that answers a job."""

    path: str
    name: str
    mime: str


def files_of(responses: Sequence[Mapping[str, Any]], argument: str) -> dict[int, dict[str, AnswerFile]]:
    """The files that labels name: position of the label -> job -> file.

    Raises
    ------
    MissingFileError: one of them is not there, or cannot be read.
    """
    found: dict[int, dict[str, AnswerFile]] = {}
    for n, response in enumerate(responses):
        for job, answer in response.items():
            if isinstance(answer, str):
                mime = check_file(answer, _ANY, f"`{argument}[{n}].{job}`")
                found.setdefault(n, {})[job] = AnswerFile(answer, os.path.basename(answer), mime)
    return found
