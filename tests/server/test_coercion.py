"""Variables are read as graphql-core reads them, whatever is given: the same values, or the same complaints."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import OperationDefinitionNode, get_variable_values, parse
from hypothesis import given
from hypothesis import strategies as st

from kili_query.server.graph.coercion import Variables
from kili_query.server.graph.resolvers import make_documents

SCHEMA = make_documents().schema
DOCUMENT = """
mutation (
    $labels: AppendManyLabelsData, $asset: AssetWhere, $assets: AppendManyAssetsData, $changes: [AssetData!]!,
    $wheres: [AssetWhere!], $later: AppendManyAssetsAsynchronouslyData, $ids: [ID!], $first: PageSize = 3
) { viewer }
"""
[OPERATION] = parse(DOCUMENT).definitions
assert isinstance(OPERATION, OperationDefinitionNode)
DEFINITIONS = OPERATION.variable_definitions or ()

SCALARS = st.none() | st.booleans() | st.integers(-(2**33), 2**33) | st.floats() | st.sampled_from(
    ["", "a", "DEFAULT", "TODO", "2024-02-01", "12"]
)  # fmt: skip
NAMES = st.sampled_from([
    "labelsData", "labelType", "overwrite", "stepId", "assetID", "jsonResponse", "secondsToLabel", "clientVersion", "id", "idIn",
    "metadata", "statusIn", "createdAtGte", "label", "project", "typeIn", "contentArray", "idArray", "isHoneypotArray", "priority",
    "resolution", "width", "height", "toBeLabeledBy", "multiLayerContentArray", "uploadType", "nobody",
])  # fmt: skip
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12)  # fmt: skip
GIVEN = st.dictionaries(
    st.sampled_from(["labels", "asset", "assets", "changes", "wheres", "later", "ids", "first", "other"]), VALUES
)


def in_order(value: Any) -> Any:
    """A value whose objects are in one order: the order of fields says nothing."""
    if isinstance(value, dict):
        return {name: in_order(value[name]) for name in sorted(value)}
    return [in_order(item) for item in value] if isinstance(value, list) else value


RIGHT: dict[str, Any] = {
    "labels": {"labelType": "DEFAULT", "labelsData": [{"assetID": "a", "jsonResponse": "{}", "authorID": None, "secondsToLabel": 3}]},
    "asset": {"id": "a", "label": {"typeIn": ["REVIEW"], "asset": {"idIn": ["b"]}}, "metadata": {"k": [1, {"x": None}]}},
    "changes": [{"priority": 1, "resolution": {"width": 1, "height": 2}, "toBeLabeledBy": None}],
    "later": {"multiLayerContentArray": [[{"url": 1}]], "uploadType": "TILED_IMAGE"},
}  # fmt: skip


@given(GIVEN, st.sets(st.sampled_from(sorted(RIGHT))))
def test_variables_are_those_of_graphql_core(values: dict[str, Any], right: set[str]) -> None:
    values = values | {name: RIGHT[name] for name in right}
    found, expected = Variables(SCHEMA, DEFINITIONS).of(values), get_variable_values(SCHEMA, DEFINITIONS, values)
    if isinstance(found, list) or isinstance(expected, list):
        assert [str(error) for error in found] == [str(error) for error in expected]
    else:
        assert repr(in_order(found.coerced)) == repr(in_order(expected.coerced))
        assert found.sources.keys() == expected.sources.keys()


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_not_read_twice(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    definitions = [item for item in DEFINITIONS if item.variable.name.value == name]
    variables = Variables(SCHEMA, definitions)
    monkeypatch.setattr("kili_query.server.graph.coercion.get_variable_values", None)
    found = variables.of({name: RIGHT[name]})
    assert not isinstance(found, list)
    assert found.coerced[name] == RIGHT[name]


def test_what_is_nested_without_end_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(3_000):
        deep = {"label": {"asset": deep}}
    found = Variables(SCHEMA, DEFINITIONS).of({"asset": deep, "changes": []})
    assert isinstance(found, list)
    assert found[0].message == "Variable values are nested too deeply."
