"""Syntax errors that name a field of a label or an asset: what it is asked with, since a query only counts objects."""

from __future__ import annotations

import re

from kili_query.errors import Diagnostic, Span
from kili_query.lang.mistakes.place import QUOTES, At
from kili_query.lang.wording import shown

_ARGUMENTS = {
    "author": "author_in",
    "labeler": "label_labeler_in",
    "reviewer": "label_reviewer_in",
    "assignee": "assignee_in",
    "labeltype": "type_in",
    "createdat": "created_at_gte",
    "updatedat": "updated_at_gte",
    "externalid": "external_id_in",
    "labelof": "asset_external_id_in",
    "status": "status_in",
    "skipped": "skipped",
    "issues": "issue_type",
    "jsonmetadata": "metadata_where",
    "metadata": "metadata_where",
}
"""Fields as Kili names them, in small letters, and the argument of `Kili.labels` or `Kili.assets` that asks for each."""

_FIELD = re.compile(r"(?P<first>[A-Za-z][\w-]*+)(?:\s*+\.\s*+[A-Za-z][\w-]*+)*+")
_TEXT = re.compile(
    rf"\s*+(?:[<>=!~≤≥≠]++|(?:in|IN|not in|NOT IN|like|LIKE|contains|CONTAINS)\b)\s*+[(\[]?\s*+[{QUOTES}]"
)
"""An operator, and a text in quotes behind it."""


def instead_of_count(at: At) -> Diagnostic | None:
    """`author.email == "a@b.c"`, `labelType == REVIEW`: no count, whatever is added to it."""
    found = _FIELD.match(at.text, at.position)
    if found is None or re.search(r"\.\s*count$", found[0], re.IGNORECASE):
        return None
    argument = _ARGUMENTS.get(found["first"].replace("_", "").lower())
    if argument is None and not _TEXT.match(at.text, found.end()):
        return None
    name = shown(found[0])
    if argument:
        message = f"`{name}` is a field of labels or assets, and a query only counts objects"
        hint = f"`{argument}` of `Kili.labels` or `Kili.assets` asks for it, beside a query"
    else:
        message = f"`{name}` is compared with a text, and a query only counts objects"
        hint = "a comparison is written `JOB.CATEGORY.count > 0`"
    return Diagnostic("KQ101", message, Span(*found.span()), hint)
