"""Answers that are errors: each GraphQL error with a code, and what its message is about as `context`."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from graphql import GraphQLError, GraphQLSyntaxError

from kili_query.errors import DataError
from kili_query.server.store.store import storage_problem

STORAGE_FAILED = "STORAGE_FAILED"

logger = logging.getLogger("kili_query.server")


def refused(message: str, **context: object) -> GraphQLError:
    """An error of the input."""
    return GraphQLError(message, extensions={"code": "BAD_USER_INPUT", "context": context})


def not_found(what: str, ids: Iterable[str]) -> GraphQLError:
    """Something that is not there, or not visible to the user of the key: the two are not told apart."""
    missing = list(ids)
    named = ", ".join(f"`{name}`" for name in missing[:5]) + (f" and {len(missing) - 5} more" if missing[5:] else "")
    return GraphQLError(f"no {what} {named}", extensions={"code": "NOT_FOUND", "context": {"ids": missing}})


def error_body(message: str, code: str, **context: object) -> dict[str, object]:
    """A whole answer that is one error."""
    return {"errors": [{"message": message, "extensions": {"code": code, "context": context}}], "data": None}


def storage_failed(error: DataError) -> GraphQLError:
    """The disk is full or fails, or the database is damaged."""
    return GraphQLError(error.message, extensions={"code": STORAGE_FAILED, "context": {}})


def errors_body(errors: Iterable[GraphQLError], code: str, request_id: str) -> dict[str, object]:
    """A whole answer that is errors; `code` is for those that have none of their own."""
    return {"errors": [_formatted(error, code, request_id) for error in errors], "data": None}


def _formatted(error: GraphQLError, code: str, request_id: str) -> dict[str, Any]:
    cause = error.original_error
    if cause is not None and (problem := storage_problem(cause)):
        logger.error("request %s failed: %s", request_id, problem)
        return {"message": problem, "path": error.path, "extensions": {"code": STORAGE_FAILED, "context": {}}}
    if cause is not None and not isinstance(cause, GraphQLError):  # a bug: the log has it, the answer its number
        logger.error("request %s failed", request_id, exc_info=cause)
        message = f"local Kili failed on this request: {type(cause).__name__}; its log tells more under {request_id}"
        extensions: dict[str, Any] = {"code": "INTERNAL_SERVER_ERROR", "context": {"requestId": request_id}}
        return {"message": message, "path": error.path, "extensions": extensions}
    found: dict[str, Any] = dict(error.formatted)
    if isinstance(error, GraphQLSyntaxError):
        code = "GRAPHQL_PARSE_FAILED"
    found["extensions"] = {"code": code, "context": {}} | (error.extensions or {})
    return found
