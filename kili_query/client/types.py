"""What the arguments of the SDK take: the types that their checks and the signatures share."""

from __future__ import annotations

import json
import operator
import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from kili_query.model.counts import Answered
from kili_query.model.kili import (
    ASSET_STATUSES,
    STEP_STATUSES,
    AssetStatus,
    ComplianceTag,
    LabelType,
    ProjectUserStatus,
    StatusInStep,
)
from kili_query.query import CategoryQuery, Query

Row = dict[str, Any]
"""A label, asset or project as the server gave it: names of fields to values."""

CheckQueries = Literal["error", "warn", "off"]

CategorySearch = CategoryQuery | Query
"""A category query: its text, or a `Query`."""

Texts = list[str] | tuple[str, ...]
OptionalTexts = list[str | None] | tuple[str | None, ...]

Folder = str | Path
"""The path of a folder."""
FieldName = Annotated[str, BeforeValidator(lambda value: value.strip() if isinstance(value, str) else value)]
Fields = list[FieldName] | tuple[FieldName, ...]
"""Names of fields; space around one says nothing."""


def _json_key(key: Any) -> Any:
    """The key as JSON writes it: `1` is "1"."""
    if key is None or isinstance(key, (bool, int, float)):
        return json.dumps(key)
    return key


def _with_json_keys(value: Any) -> Any:
    return {_json_key(key): entry for key, entry in value.items()} if isinstance(value, dict) else value


Response = Annotated[
    dict[str, Any], BeforeValidator(lambda value: dict(value.answers) if isinstance(value, Answered) else value)
]
"""What a label holds: job key to answer. A parsed label stands for its answers."""
Metadata = Annotated[dict[str, Any], BeforeValidator(_with_json_keys)]
"""What metadata are asked for. Keys that are numbers are those that JSON makes of them."""


def _a_day(value: str) -> str:
    """The text itself, if it names a day: `2024-02-29`, or a time of that day in ISO 8601."""
    try:
        datetime.fromisoformat(value)
    except ValueError:
        raise PydanticCustomError("day", "day") from None
    if not re.match(r"\d{4}-\d\d-\d\d([T ]|$)", value, re.ASCII):  # 20240229, too, but servers take that for a moment
        raise PydanticCustomError("day", "day")
    return value


def _whole(value: Any) -> Any:
    """The whole number that a value is, if it is one: those of numpy and pandas are no `int`."""
    try:
        return value if isinstance(value, bool) else operator.index(value)
    except TypeError:
        return value


def _not_negative(value: int) -> int:
    if value < 0:
        raise PydanticCustomError("natural", "natural")
    return value


def _positive(value: int) -> int:
    if value < 1:
        raise PydanticCustomError("positive", "positive")
    return value


def _a_while(value: float) -> float:
    if value < 0:
        raise PydanticCustomError("seconds", "seconds")
    return value


def _percent(value: int) -> int:
    if not 0 <= value <= 100:
        raise PydanticCustomError("percent", "percent")
    return value


def _not_empty(value: str) -> str:
    if not value.strip():
        raise PydanticCustomError("filled", "filled")
    return value


def _underscored(value: Any) -> Any:
    """The status that a text means: Kili's own documents write `TO REVIEW`, and its server takes `TO_REVIEW`."""
    return _SPACED.get(value, value) if isinstance(value, str) else value


_SPACED = {word.replace("_", " "): word for word in (*ASSET_STATUSES, *STEP_STATUSES)}

WrittenStatus = Annotated[AssetStatus, BeforeValidator(_underscored)]
WrittenStepStatus = Annotated[StatusInStep, BeforeValidator(_underscored)]

ComplianceTags = list[ComplianceTag] | tuple[ComplianceTag, ...]
LabelTypes = list[LabelType] | tuple[LabelType, ...]
AssetStatuses = list[WrittenStatus] | tuple[WrittenStatus, ...]
ProjectUserStatuses = list[ProjectUserStatus] | tuple[ProjectUserStatus, ...]
StepStatuses = list[WrittenStepStatus] | tuple[WrittenStepStatus, ...]
StepsWithStatus = list[tuple[str, WrittenStepStatus]] | tuple[tuple[str, WrittenStepStatus], ...]

Mark = Annotated[float, Field(allow_inf_nan=False)]
Seconds = Annotated[float, Field(allow_inf_nan=False), AfterValidator(_a_while)]
Day = Annotated[str, AfterValidator(_a_day)]
Natural = Annotated[int, BeforeValidator(_whole), AfterValidator(_not_negative)]
Percent = Annotated[int, BeforeValidator(_whole), AfterValidator(_percent)]
Positive = Annotated[int, BeforeValidator(_whole), AfterValidator(_positive)]
Id = Annotated[str, AfterValidator(_not_empty)]
