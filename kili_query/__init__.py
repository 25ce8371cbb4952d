"""Questions of annotation data: Kili's category-search language, parsed, checked and answered offline.

The public names, one by one. Each is loaded when it is first used, so that importing the package costs little.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as type checkers know it; to load `typing` takes half as long as Python takes to start
if TYPE_CHECKING:
    from typing import Any

    from kili_query.client import AsyncKili as AsyncKili
    from kili_query.client import Kili as Kili
    from kili_query.client.label_dict import LabelDict as LabelDict
    from kili_query.client.media.refusals import DownloadNotAllowedError as DownloadNotAllowedError
    from kili_query.client.media.refusals import MissingPropertyError as MissingPropertyError
    from kili_query.client.media.refusals import UnsupportedMediaError as UnsupportedMediaError
    from kili_query.client.operations.asset_changes import PageResolution as PageResolution
    from kili_query.client.sending.batches import Remaining as Remaining
    from kili_query.engines.explain import Explanation as Explanation
    from kili_query.engines.spark import ClusterError as ClusterError
    from kili_query.errors import ApiConnectionError as ApiConnectionError
    from kili_query.errors import ApiError as ApiError
    from kili_query.errors import ApiTimeoutError as ApiTimeoutError
    from kili_query.errors import ArgumentError as ArgumentError
    from kili_query.errors import AssetLockedError as AssetLockedError
    from kili_query.errors import AuthenticationError as AuthenticationError
    from kili_query.errors import BatchImportError as BatchImportError
    from kili_query.errors import DataError as DataError
    from kili_query.errors import Diagnostic as Diagnostic
    from kili_query.errors import DownloadError as DownloadError
    from kili_query.errors import EventsMissedError as EventsMissedError
    from kili_query.errors import Fix as Fix
    from kili_query.errors import GraphQLError as GraphQLError
    from kili_query.errors import ImportFileConversionError as ImportFileConversionError
    from kili_query.errors import ImportValidationError as ImportValidationError
    from kili_query.errors import IncompatibleArgumentsError as IncompatibleArgumentsError
    from kili_query.errors import KiliQueryError as KiliQueryError
    from kili_query.errors import MimeTypeError as MimeTypeError
    from kili_query.errors import MissingArgumentError as MissingArgumentError
    from kili_query.errors import NotFoundError as NotFoundError
    from kili_query.errors import OutcomeUnknownError as OutcomeUnknownError
    from kili_query.errors import QueryCheckError as QueryCheckError
    from kili_query.errors import QuerySyntaxError as QuerySyntaxError
    from kili_query.errors import QueryWarning as QueryWarning
    from kili_query.errors import RateLimitError as RateLimitError
    from kili_query.errors import ServerError as ServerError
    from kili_query.errors import Severity as Severity
    from kili_query.errors import Span as Span
    from kili_query.errors import UnsupportedQueryError as UnsupportedQueryError
    from kili_query.errors import UploadError as UploadError
    from kili_query.errors import UploadFromLocalDataForbiddenError as UploadFromLocalDataForbiddenError
    from kili_query.formats.parsed.label import ParsedLabel as ParsedLabel
    from kili_query.formats.parsed.label import parse_labels as parse_labels
    from kili_query.formats.parsed.refusals import AnswerMissingError as AnswerMissingError
    from kili_query.formats.parsed.refusals import (
        AttributeNotCompatibleWithJobError as AttributeNotCompatibleWithJobError,
    )
    from kili_query.formats.parsed.refusals import FrameIndexError as FrameIndexError
    from kili_query.formats.parsed.refusals import InvalidMutationError as InvalidMutationError
    from kili_query.formats.parsed.refusals import JobNotExistingError as JobNotExistingError
    from kili_query.formats.parsed.refusals import ParsedLabelError as ParsedLabelError
    from kili_query.formats.parsed.refusals import TypeCheckError as TypeCheckError
    from kili_query.formats.reading.dataset import open_dataset as open_dataset
    from kili_query.formats.refusals import ExportWarning as ExportWarning
    from kili_query.formats.refusals import NoCompatibleJobError as NoCompatibleJobError
    from kili_query.formats.refusals import NotCompatibleInputType as NotCompatibleInputType
    from kili_query.formats.refusals import NotCompatibleOptions as NotCompatibleOptions
    from kili_query.formats.refusals import NotExportableAssetError as NotExportableAssetError
    from kili_query.formats.refusals import NotFound as NotFound
    from kili_query.model.annotations import Annotation as Annotation
    from kili_query.model.counts import count_categories as count_categories
    from kili_query.model.labels import Label as Label
    from kili_query.model.ontology import Ontology as Ontology
    from kili_query.offline.annotations import read_annotations as read_annotations
    from kili_query.offline.labels import read_labels as read_labels
    from kili_query.offline.tables import to_df as to_df
    from kili_query.pictures.preview import Preview as Preview
    from kili_query.pictures.preview import preview as preview
    from kili_query.query import CategoryQuery as CategoryQuery
    from kili_query.query import Query as Query
    from kili_query.query import check as check
    from kili_query.query import count as count
    from kili_query.query import parse as parse

__version__ = "0.1.0"

_HOMES = {
    "Annotation": "model.annotations",
    "AnswerMissingError": "formats.parsed.refusals",
    "ApiConnectionError": "errors",
    "ApiError": "errors",
    "ApiTimeoutError": "errors",
    "ArgumentError": "errors",
    "AsyncKili": "client",
    "AttributeNotCompatibleWithJobError": "formats.parsed.refusals",
    "AuthenticationError": "errors",
    "AssetLockedError": "errors",
    "BatchImportError": "errors",
    "CategoryQuery": "query",
    "ClusterError": "engines.spark",
    "DataError": "errors",
    "Diagnostic": "errors",
    "DownloadError": "errors",
    "DownloadNotAllowedError": "client.media.refusals",
    "EventsMissedError": "errors",
    "Explanation": "engines.explain",
    "ExportWarning": "formats.refusals",
    "Fix": "errors",
    "FrameIndexError": "formats.parsed.refusals",
    "GraphQLError": "errors",
    "ImportFileConversionError": "errors",
    "ImportValidationError": "errors",
    "IncompatibleArgumentsError": "errors",
    "InvalidMutationError": "formats.parsed.refusals",
    "JobNotExistingError": "formats.parsed.refusals",
    "Kili": "client",
    "KiliQueryError": "errors",
    "Label": "model.labels",
    "LabelDict": "client.label_dict",
    "MimeTypeError": "errors",
    "MissingArgumentError": "errors",
    "MissingMediaWarning": "formats.refusals",
    "MissingPropertyError": "client.media.refusals",
    "NoCompatibleJobError": "formats.refusals",
    "NotCompatibleInputType": "formats.refusals",
    "NotCompatibleOptions": "formats.refusals",
    "NotExportableAssetError": "formats.refusals",
    "NotFound": "formats.refusals",
    "NotFoundError": "errors",
    "Ontology": "model.ontology",
    "OutcomeUnknownError": "errors",
    "PageResolution": "client.operations.asset_changes",
    "ParsedLabel": "formats.parsed.label",
    "ParsedLabelError": "formats.parsed.refusals",
    "Preview": "pictures.preview",
    "Query": "query",
    "QueryCheckError": "errors",
    "QuerySyntaxError": "errors",
    "QueryWarning": "errors",
    "RateLimitError": "errors",
    "Remaining": "client.sending.batches",
    "ServerError": "errors",
    "Severity": "errors",
    "Span": "errors",
    "TypeCheckError": "formats.parsed.refusals",
    "UnsupportedMediaError": "client.media.refusals",
    "UnsupportedQueryError": "errors",
    "UploadError": "errors",
    "UploadFromLocalDataForbiddenError": "errors",
    "check": "query",
    "count": "query",
    "count_categories": "model.counts",
    "open_dataset": "formats.reading.dataset",
    "parse": "query",
    "parse_labels": "formats.parsed.label",
    "preview": "pictures.preview",
    "read_annotations": "offline.annotations",
    "read_labels": "offline.labels",
    "to_df": "offline.tables",
}

_EXTENSION = {
    "load_ipython_extension": "editor.notebooks.jupyter",
    "unload_ipython_extension": "editor.notebooks.jupyter",
}
"""What `%load_ext kili_query` looks for."""

__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name) or _EXTENSION.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
