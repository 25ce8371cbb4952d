"""Kili's fixed words stand once, in `model/kili.py`; the schema of local Kili says the same, and so do the filters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType

from kili_query.model import kili
from kili_query.server.graph import filters
from kili_query.server.graph.resolvers import make_documents
from kili_query.server.mutations import members
from kili_query.server.store.tables import metadata

TYPES = make_documents().schema.type_map
ENUMERATIONS = {
    name: set(kind.values) for name, kind in TYPES.items() if isinstance(kind, GraphQLEnumType) and name[:2] != "__"
}
OUR_OWN = {"NotificationStatus", "OrganizationRole", "ProjectUserRole", "StepType", "UploadType"}
"""Enumerations that only the server knows: nothing else in the package names their values."""

ROWS: Mapping[str, Mapping[str, Any]] = {
    "ApiKeyWhere": filters.API_KEY_ROWS,
    "AssetWhere": filters.ASSET_ROWS,
    "IssueWhere": filters.ISSUE_ROWS,
    "LabelWhere": filters.LABEL_ROWS,
    "NotificationWhere": filters.NOTIFICATION_ROWS,
    "OrganizationWhere": filters.ORGANIZATION_ROWS,
    "ProjectUserWhere": members.PROJECT_USER_ROWS,
    "ProjectWhere": filters.PROJECT_ROWS,
    "UserWhere": filters.USER_ROWS,
}


@pytest.mark.parametrize("name", sorted(ENUMERATIONS.keys() - OUR_OWN))
def test_enumerations_of_the_schema_are_those_of_the_model(name: str) -> None:
    assert ENUMERATIONS[name] == set(get_args(getattr(kili, name)))


def test_every_enumeration_is_of_the_model_or_the_servers_own() -> None:
    assert not [name for name in OUR_OWN if hasattr(kili, name)]
    assert ENUMERATIONS.keys() > OUR_OWN


@pytest.mark.parametrize("name", sorted(ROWS))
def test_every_field_of_a_filter_has_a_row(name: str) -> None:
    kind = TYPES[name]
    assert isinstance(kind, GraphQLInputObjectType)
    assert set(kind.fields) == set(ROWS[name])


def test_every_filter_has_rows() -> None:
    lists = {name for name in TYPES if name.endswith("Where")}
    assert lists - ROWS.keys() == {"DataConnectionsWhere"}  # whose lists are always empty


def test_rows_name_columns_of_their_tables() -> None:
    tables = {"ApiKeyWhere": "api_keys", "ProjectUserWhere": "project_users", **{f"{name}Where": f"{name.lower()}s" for name in ("Asset", "Issue", "Label", "Notification", "Organization", "Project", "User")}}  # fmt: skip
    for name, rows in ROWS.items():
        columns = metadata.tables[tables[name]].columns
        assert {row[0] for row in rows.values() if isinstance(row, tuple)} <= set(columns.keys()), name
