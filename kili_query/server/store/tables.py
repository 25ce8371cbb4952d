"""The tables of local Kili.

Rows that are sorted and joined in large numbers (assets, labels) have whole numbers as keys; the ids that
people see stand beside them, in `uid`; within an organization each is there once, which `rows.py` sees to, and what
other organizations have is no matter. Moments are texts of one length in UTC, so that they sort as they are.
"""

from __future__ import annotations

import sqlite3

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

from kili_query.engines.sqlite_tables import create_tables

SCHEMA_VERSION = 5
"""Kept in the database (`PRAGMA user_version`) and shown by the version route: clients cache the schema by it."""

APPLICATION_ID = 0x4B514C4B
"""Tells a database of local Kili from others (`PRAGMA application_id`)."""

metadata = MetaData()


def _to(target: str) -> ForeignKey:
    return ForeignKey(target, ondelete="CASCADE")


organizations = Table(
    "organizations", metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("license", Text, nullable=False),
    Column("created_at", Text, nullable=False),
)  # fmt: skip

users = Table(
    "users", metadata,
    Column("id", Text, primary_key=True),
    Column("organization_id", Text, _to("organizations.id"), nullable=False),
    Column("email", Text, nullable=False),
    Column("firstname", Text),
    Column("lastname", Text),
    Column("activated", Boolean, nullable=False, default=True),
    Column("organization_role", Text, nullable=False, default="USER"),
    Column("created_at", Text, nullable=False),
    Column("updated_at", Text, nullable=False),
    UniqueConstraint("organization_id", "email"),
)  # fmt: skip

api_keys = Table(
    "api_keys", metadata,
    Column("id", Text, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("user_id", Text, _to("users.id"), nullable=False),
    Column("created_at", Text, nullable=False),
    Column("expiry_date", Text, nullable=False),
    Column("revoked", Boolean, nullable=False, default=False),
)  # fmt: skip

projects = Table(
    "projects", metadata,
    Column("id", Text, primary_key=True),
    Column("organization_id", Text, _to("organizations.id"), nullable=False),
    Column("author_id", Text, ForeignKey("users.id", ondelete="SET NULL")),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False, default=""),
    Column("instructions", Text),
    Column("input_type", Text, nullable=False),
    Column("json_interface", Text, nullable=False),
    Column("workflow_version", Text, nullable=False, default="V1"),
    Column("geospatial_settings", Text),
    Column("metadata_properties", Text),
    Column("consensus_tot_coverage", Integer, nullable=False, default=0),
    Column("min_consensus_size", Integer, nullable=False, default=1),
    Column("review_coverage", Integer, nullable=False, default=0),
    Column("archived", Boolean, nullable=False, default=False),
    Column("deleted", Boolean, nullable=False, default=False),
    Column("created_at", Text, nullable=False),
    Column("updated_at", Text, nullable=False),
    Column("loaded_from", Text),
    Column("settings", Text, nullable=False, default="{}", server_default="{}"),  # an object with those of the schema
    Index("projects_of_organization", "organization_id", "created_at"),
)  # fmt: skip

project_users = Table(
    "project_users", metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, _to("projects.id"), nullable=False),
    Column("user_id", Text, _to("users.id"), nullable=False),
    Column("role", Text, nullable=False),
    UniqueConstraint("project_id", "user_id"),
)  # fmt: skip

step_groups = Table(
    "step_groups", metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, _to("projects.id"), nullable=False),
    Column("name", Text, nullable=False),
    UniqueConstraint("project_id", "name"),
)  # fmt: skip

steps = Table(
    "steps", metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, _to("projects.id"), nullable=False),
    Column("group_id", Text, _to("step_groups.id")),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("consensus_coverage", Integer, nullable=False, default=0),
    Column("expected_labels", Integer, nullable=False, default=1),
    Column("coverage", Integer, nullable=False, default=100),
    Index("steps_of_project", "project_id", "position"),
)  # fmt: skip

step_assignees = Table(
    "step_assignees", metadata,
    Column("step_id", Text, _to("steps.id"), primary_key=True),
    Column("user_id", Text, _to("users.id"), primary_key=True),
)  # fmt: skip

assets = Table(
    "assets", metadata,
    Column("id", Integer, primary_key=True),
    Column("uid", Text, nullable=False),
    Column("project_id", Text, _to("projects.id"), nullable=False),
    Column("external_id", Text, nullable=False),
    Column("content", Text, nullable=False, default=""),
    Column("json_content", Text, nullable=False, default=""),
    Column("json_metadata", Text, nullable=False, default="{}"),
    Column("ocr_metadata", Text),
    Column("thumbnail", Text),
    Column("duration", Float),
    Column("created_at", Text, nullable=False),
    Column("updated_at", Text, nullable=False),
    Column("status", Text, nullable=False, default="TODO"),
    Column("step_id", Text, ForeignKey("steps.id", ondelete="SET NULL"), index=True),
    Column("step_status", Text),
    Column("skipped", Boolean, nullable=False, default=False),
    Column("priority", Integer, nullable=False, default=0),
    Column("is_honeypot", Boolean, nullable=False, default=False),
    Column("is_used_for_consensus", Boolean, nullable=False, default=False),
    Column("consensus_mark", Float),
    Column("honeypot_mark", Float),
    Column("inference_mark", Float),
    Column("resolution", Text),
    Column("page_resolutions", Text),
    Column("geospatial_export_metadata", Text),
    Index("assets_by_uid", "uid"),
    Index("assets_in_order", "project_id", "created_at", "id"),
    Index("assets_by_external_id", "project_id", "external_id"),
)  # fmt: skip

assignees = Table(
    "assignees", metadata,
    Column("asset_id", Integer, _to("assets.id"), primary_key=True),
    Column("user_id", Text, _to("users.id"), primary_key=True),
)  # fmt: skip

issues = Table(
    "issues", metadata,
    Column("id", Text, primary_key=True),
    Column("asset_id", Integer, _to("assets.id"), nullable=False, index=True),
    Column("type", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("created_at", Text, nullable=False),
)  # fmt: skip

locks = Table(
    "locks", metadata,
    Column("id", Text, primary_key=True),
    Column("asset_id", Integer, _to("assets.id"), nullable=False, index=True),
    Column("user_id", Text, _to("users.id"), nullable=False),
    Column("created_at", Text, nullable=False),
    Column("valid_until", Text, nullable=False),
    UniqueConstraint("asset_id", "user_id"),
)  # fmt: skip

labels = Table(
    "labels", metadata,
    Column("id", Integer, primary_key=True),
    Column("uid", Text, nullable=False),
    Column("project_id", Text, _to("projects.id"), nullable=False),
    Column("asset_id", Integer, _to("assets.id"), nullable=False),
    Column("author_id", Text, ForeignKey("users.id", ondelete="SET NULL"), index=True),
    Column("label_type", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("updated_at", Text, nullable=False),
    Column("model_name", Text),
    Column("client_version", Integer),
    Column("seconds_to_label", Float, nullable=False, default=0),
    Column("total_seconds_to_label", Float, nullable=False, default=0),
    Column("number_of_annotations", Integer, nullable=False, default=0),
    Column("consensus_mark", Float),
    Column("honeypot_mark", Float),
    Column("inference_mark", Float),
    Column("skipped", Boolean, nullable=False, default=False),
    Column("step_name", Text),
    Column("is_latest_label_for_user", Boolean),
    Column("is_latest_default_label_for_user", Boolean),
    Column("is_latest_review_label_for_user", Boolean),
    Column("is_last_for_step", Boolean),
    Column("is_sent_back_to_queue", Boolean, nullable=False, default=False),
    Column("referenced_label_id", Text),
    Index("labels_by_uid", "uid"),
    Index("labels_in_order", "project_id", "created_at", "id"),
    Index("labels_of_asset", "asset_id", "created_at", "id"),
)  # fmt: skip

responses = Table(  # apart from the labels: filters and counts then pass over short rows
    "responses", metadata,
    Column("label_id", Integer, _to("labels.id"), primary_key=True),
    Column("json", Text, nullable=False),
    Column("annotations", Text),
)  # fmt: skip

notifications = Table(
    "notifications", metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, _to("users.id"), nullable=False),
    Column("status", Text, nullable=False),
    Column("message", Text, nullable=False, default=""),
    Column("url", Text),
    Column("seen", Boolean, nullable=False, default=False),
    Column("created_at", Text, nullable=False),
)  # fmt: skip

files = Table(
    "files", metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, _to("projects.id"), nullable=False),
    Column("content_type", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("asset_id", Integer, _to("assets.id"), index=True),  # that it goes with
    Column("expires_at", Text, index=True),  # unless an asset takes it as its content
    Column("facts", Text),  # what it says of itself: columns of assets
)  # fmt: skip

settings = Table(
    "settings", metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)  # fmt: skip


def create_all(connection: Connection) -> None:
    """Make the tables, those of the counts of labels too, which belong to the engine that reads them."""
    metadata.create_all(connection)
    create_tables(driver(connection), projects="projects (id)", labels="labels (id)")


def driver(connection: Connection) -> sqlite3.Connection:
    """What stands below a connection, in the same transaction: an export has a million rows, a page has to be quick."""
    below = connection.connection.driver_connection
    assert isinstance(below, sqlite3.Connection)
    return below
