"""JSON serialization of the tree, validated by pydantic on the way in."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from kili_query.errors import DataError, Diagnostic, Span, UnsupportedQueryError
from kili_query.lang.ast import (
    And,
    Comparison,
    Group,
    InList,
    InRange,
    Leaf,
    Node,
    Not,
    Operand,
    Or,
    conjunction,
    disjunction,
    fold,
    leaves,
    numbers_of,
    operand_of,
)
from kili_query.lang.operators import BY_SYMBOL
from kili_query.lang.printer import to_text
from kili_query.model.decoding import Fault, read_json

MAX_LEVELS = 60
"""The deepest tree that has a JSON form: decoders of JSON, pydantic's too, refuse data that is nested much deeper."""


MAX_DIGITS = 4_300
"""The longest number that has a JSON form: decoders of JSON refuse much longer ones."""

_TOO_LARGE = 10**MAX_DIGITS


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Leaf(_Model):
    job: str | None
    """None, `null` in JSON: all jobs, or all categories. So is a total."""
    category: str | None

    @property
    def operand(self) -> Operand:
        return operand_of(self.job, self.category)


class ComparisonModel(_Leaf):
    """`{"type": "comparison", "job": "J", "category": "C", "operator": ">", "number": 2}`."""

    type: Literal["comparison"] = "comparison"
    operator: Literal["==", "!=", ">=", "<=", "<", ">"]
    number: int


class InListModel(_Leaf):
    """`{"type": "in_list", "job": "J", "category": "C", "numbers": [1, 3], "negated": false}`."""

    type: Literal["in_list"] = "in_list"
    numbers: Annotated[list[int], Field(min_length=1)]
    negated: bool = False


class InRangeModel(_Leaf):
    """`{"type": "in_range", "job": "J", "category": "C", "low": 2, "high": 5, "negated": false}`."""

    type: Literal["in_range"] = "in_range"
    low: int | None = None
    high: int | None = None
    negated: bool = False

    @model_validator(mode="after")
    def _has_an_end(self) -> InRangeModel:
        if self.low is None and self.high is None:
            raise ValueError("a range has at least one end, `low` or `high`")
        return self


class NotModel(_Model):
    """`{"type": "not", "item": ...}`."""

    type: Literal["not"] = "not"
    item: TreeModel


class AndModel(_Model):
    """`{"type": "and", "items": [...]}`."""

    type: Literal["and"] = "and"
    items: Annotated[list[TreeModel], Field(min_length=2)]


class OrModel(_Model):
    """`{"type": "or", "items": [...]}`."""

    type: Literal["or"] = "or"
    items: Annotated[list[TreeModel], Field(min_length=2)]


TreeModel = Annotated[
    ComparisonModel | InListModel | InRangeModel | NotModel | AndModel | OrModel, Field(discriminator="type")
]
_ADAPTER: TypeAdapter[TreeModel] = TypeAdapter(TreeModel)


def tree_to_json(root: Node) -> str:
    """The tree as JSON text.

    Raises
    ------
    UnsupportedQueryError: the tree is more than `MAX_LEVELS` levels deep, or a number has more than `MAX_DIGITS`
        digits (KQ402).
    """
    depth = fold(root, lambda _: 1, lambda _, below: 1 + max(below))
    text = to_text(root)
    whole = Span(0, len(text))
    if depth > MAX_LEVELS:
        message = f"the query has {depth} levels, and its JSON form can have {MAX_LEVELS}"
        raise UnsupportedQueryError(text, [Diagnostic("KQ402", message, whole, "its text has no such limit")])
    if any(abs(number) >= _TOO_LARGE for leaf in leaves(root) for number in numbers_of(leaf)):
        message = f"the JSON form holds numbers of at most {MAX_DIGITS:,} digits"
        raise UnsupportedQueryError(text, [Diagnostic("KQ402", message, whole, "its text has no such limit")])
    model: TreeModel = fold(root, _leaf_model, _group_model)
    if not text.isascii() and any(0xD800 <= ord(char) <= 0xDFFF for char in text):
        return json.dumps(model.model_dump())  # half a surrogate pair, as an escape
    return model.model_dump_json()


def tree_from_json(data: object) -> Node:
    """The tree of JSON text, or of the same as Python objects.

    Raises
    ------
    DataError: it is not the JSON form of a tree; the error names the place (KQ506).
    """
    try:
        if isinstance(data, (str, bytes, bytearray)):
            try:
                return _tree(_ADAPTER.validate_json(data))
            except ValidationError as error:
                if error.errors(include_url=False)[0]["type"] != "json_invalid":
                    raise
                data = _read_by_python(data, error)  # a name may hold half a surrogate pair
        return _tree(_ADAPTER.validate_python(data))
    except (ValidationError, RecursionError) as error:
        if isinstance(error, RecursionError):
            raise DataError("the JSON form of a query is nested too deep", code="KQ506") from None
        first = error.errors(include_url=False)[0]
        kinds = {"comparison", "in_list", "in_range", "not", "and", "or"}
        steps = [step for step in first["loc"] if step not in kinds]
        path = "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
        raise DataError(f"not the JSON form of a query: {first['msg']}", code="KQ506", where=path) from None


def _read_by_python(text: str | bytes | bytearray, error: ValidationError) -> object:
    try:
        return read_json(text)
    except Fault:
        raise error from None


def _leaf_model(leaf: Leaf) -> TreeModel:
    ((job, category),) = leaf.operand.keys
    match leaf:
        case Comparison(_, operator, number):
            return ComparisonModel(job=job, category=category, operator=operator.symbol, number=number)  # type: ignore[arg-type]
        case InList(_, numbers, negated):
            return InListModel(job=job, category=category, numbers=list(numbers), negated=negated)
        case InRange(_, low, high, negated):
            return InRangeModel(job=job, category=category, low=low, high=high, negated=negated)


def _group_model(node: Group, below: list[TreeModel]) -> TreeModel:
    match node:
        case And():
            return AndModel(items=below)
        case Or():
            return OrModel(items=below)
        case Not():
            return NotModel(item=below[0])


def _tree(model: TreeModel) -> Node:
    match model:
        case ComparisonModel():
            return Comparison(model.operand, BY_SYMBOL[model.operator], model.number)
        case InListModel():
            return InList(model.operand, tuple(model.numbers), model.negated)
        case InRangeModel():
            return InRange(model.operand, model.low, model.high, model.negated)
        case NotModel():
            return Not(_tree(model.item))
        case AndModel():
            return conjunction([_tree(item) for item in model.items])
        case OrModel():
            return disjunction([_tree(item) for item in model.items])
