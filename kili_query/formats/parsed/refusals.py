"""What a parsed label refuses: the names of Kili's SDK, and what Python calls such errors beside them."""

from __future__ import annotations

from typing import Self

from kili_query.errors import KiliQueryError


class ParsedLabelError(KiliQueryError):
    """A parsed label does not have what was asked for, or cannot become what it was to be."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return self.message  # that of a KeyError is in quotes

    def at(self, place: str) -> Self:
        """The same error, with where it was found before it."""
        return type(self)(f"{place}: {self.message}")


class JobNotExistingError(ParsedLabelError, KeyError):
    """The interface has no such job, or it does not stand there."""


class AttributeNotCompatibleWithJobError(ParsedLabelError, AttributeError):
    """Answers of this job, or annotations of this tool, have no such attribute. `hasattr` says False."""


class AnswerMissingError(ParsedLabelError, KeyError, AttributeError):
    """The attribute is one of this job, and the label does not hold it. `hasattr` says False."""


class InvalidMutationError(ParsedLabelError, ValueError):
    """The interface or the shape of labels does not allow the value."""


class FrameIndexError(ParsedLabelError, IndexError):
    """The label has no such frame."""


class TypeCheckError(ParsedLabelError, TypeError):
    """A value is of another type than the place takes."""
