"""Answers to jobs as far as they hold plain values: a text, a file, whether a frame is a key frame."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kili_query.formats.parsed import places
from kili_query.formats.parsed.places import Json, Place, copied
from kili_query.formats.parsed.refusals import (
    AnswerMissingError,
    AttributeNotCompatibleWithJobError,
    InvalidMutationError,
)
from kili_query.formats.parsed.rules import CLASSIFICATIONS, TRANSCRIPTIONS, JobRules, Rules
from kili_query.lang.wording import listed


def not_compatible(attribute: str, job: JobRules, why: str = "") -> AttributeNotCompatibleWithJobError:
    """The error about an attribute that answers to a job do not have, and what has it."""
    kind = f" ({job.task})" if job.task else ""
    return AttributeNotCompatibleWithJobError(
        f"the attribute `{attribute}` is not compatible with job `{job.name}`{kind}{why}"
    )


def require_single(attribute: str, job: JobRules) -> None:
    """Nothing, if one category alone can be chosen.

    Raises
    ------
    AttributeNotCompatibleWithJobError: several can.
    """
    if not job.single:
        raise not_compatible(attribute, job, f": its input is `{job.input}`; `.categories` lists what is chosen")


class JobValues:
    """The values of an answer."""

    __slots__ = ("_at", "_job", "_rules")

    def __init__(self, at: Place, job: JobRules, rules: Rules) -> None:
        self._at = at
        self._job = job
        self._rules = rules

    def _require(self, attribute: str, *tasks: str) -> None:
        """Nothing, if answers to the job, which are of these tasks, have the attribute; all have it if none is given."""
        if tasks and self._job.task not in tasks:
            raise not_compatible(attribute, self._job, f": jobs of {listed(tasks[:1])} have it")

    def _get(self, key: str) -> Any:
        try:
            return self._at.read()[key]
        except KeyError:
            raise AnswerMissingError(f"the answer to job `{self._job.name}` has no `{key}`") from None

    @property
    def text(self) -> str | None:
        """What was written (TRANSCRIPTION); None where there is no answer.

        Raises
        ------
        InvalidMutationError: the job takes a number, in digits alone, or a day such as `2024-02-29`, and this is none.
        """
        self._require("text", *TRANSCRIPTIONS)
        return self._at.read().get("text")

    @text.setter
    def text(self, text: str) -> None:
        places.text("text", text)
        self._require("text", *TRANSCRIPTIONS)
        self._at.own()["text"] = self._fit(text)

    def _fit(self, text: str) -> str:
        fits = self._job.input != "number" or text.isnumeric()
        if self._job.input == "date":
            try:
                datetime.strptime(text, "%Y-%m-%d")  # a day has no time zone
            except ValueError:
                fits = False
        if not fits:
            takes = "a number, of digits alone" if self._job.input == "number" else "a day such as 2024-02-29"
            raise InvalidMutationError(f"job `{self._job.name}` takes {takes}, and this is `{text}`")
        return text

    @property
    def is_key_frame(self) -> bool:
        """In a video: whether a person edited this frame (CLASSIFICATION)."""
        self._require("is_key_frame", *CLASSIFICATIONS)
        return self._get("isKeyFrame")  # type: ignore[no-any-return]

    @property
    def file_id(self) -> str | None:
        """The id of the file that is the answer (FILE)."""
        self._require("file_id", "FILE")
        return self._at.read().get("fileId")

    @property
    def file_name(self) -> str | None:
        """The name of that file (FILE)."""
        self._require("file_name", "FILE")
        return self._at.read().get("fileName")

    @property
    def file_mime_type(self) -> str | None:
        """The MIME type of that file (FILE)."""
        self._require("file_mime_type", "FILE")
        return self._at.read().get("fileMimeType")

    def to_dict(self) -> Json:
        """Its JSON, copied."""
        return copied(dict(self._at.read()))  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return repr(self._at.read())
