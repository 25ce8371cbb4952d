"""Why media are not downloaded at all; what could not be downloaded is a `DownloadError`."""

from __future__ import annotations

from kili_query.errors import ArgumentError, KiliQueryError


class MissingPropertyError(ArgumentError):
    """A field is not among those that are asked for, and what is to be done needs it."""


class DownloadNotAllowedError(KiliQueryError):
    """The media of a project lie in a storage that is connected to it, and are not given away."""


class UnsupportedMediaError(KiliQueryError, NotImplementedError):
    """An asset consists of what nobody knows how to download in projects of its type."""
