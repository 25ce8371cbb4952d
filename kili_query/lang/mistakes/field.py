"""Syntax errors that name a field of a label or an asset: what it is asked with, since a query only counts objects."""

from __future__ import annotations

import re

from kili_query.errors import Diagnostic, Span
from kili_query.lang.mistakes.place import QUOTES, At
from kili_query.lang.wording import shown

ARGUMENTS = {
    "author": ("labels", "author_in"),
    "labeler": ("assets", "label_labeler_in"),
    "reviewer": ("assets", "label_reviewer_in"),
    "assignee": ("assets", "assignee_in"),
    "labeltype": ("labels", "type_in"),
    "createdat": ("labels", "created_at_gte"),
    "updatedat": ("assets", "updated_at_gte"),
    "externalid": ("assets", "external_id_in"),
    "labelof": ("labels", "asset_external_id_in"),
    "status": ("assets", "status_in"),
    "skipped": ("assets", "skipped"),
    "issues": ("assets", "issue_type"),
    "jsonmetadata": ("assets", "metadata_where"),
    "metadata": ("assets", "metadata_where"),
}
"""Fields as Kili names them, in small letters, and the method of `Kili` with the argument that asks for each."""

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
    asked = ARGUMENTS.get(found["first"].replace("_", "").lower())
    if asked is None and not _TEXT.match(at.text, found.end()):
        return None
    name = shown(found[0])
    if asked:
        message = f"`{name}` is a field of labels or assets, and a query only counts objects"
        hint = f"`{asked[1]}` of `Kili.{asked[0]}` asks for it, beside a query"
    else:
        message = f"`{name}` is compared with a text, and a query only counts objects"
        hint = "a comparison is written `JOB.CATEGORY.count > 0`"
    return Diagnostic("KQ101", message, Span(*found.span()), hint)
