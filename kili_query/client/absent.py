"""What `kili` 26.2.4 has and this SDK does not: each name with what to use. A test compares them with the real package.

`kili.client_domain` calls its methods by areas, `labels.list` or `tags.create`; here `labels`, `assets` and `projects`
are methods, and tell so when they are used as areas.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import update_wrapper
from types import MappingProxyType, MethodType
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])

_REST = "; the package `kili` itself does the rest"
_ISSUES = "`assets(issue_type=..., issue_status=...)` finds assets by their issues" + _REST
_TAGS = "`create_project(tags=...)` takes tags that are there, `projects(tags_in=...)` their ids" + _REST
_STEPS = (
    '`projects(fields=["steps.id", "steps.name"])` tells the steps, filters such as `step_name_in` ask by them' + _REST
)
_PEOPLE = "`project_users` lists the people of a project, `append_to_roles` gives a role" + _REST
_STORAGE = "`append_many_to_dataset` takes addresses of files, wherever they are" + _REST
_PLUGINS = "`label_created_or_updated` runs a function of a script for each label, as it is made" + _REST
_FILES = "`append_labels` takes answers as `jsonResponse`" + _REST
_PROPERTIES = "`update_properties_in_assets({}=...)` does it"
_METADATA = _PROPERTIES.format("json_metadatas")
_PRIORITY = _PROPERTIES.format("priorities")
_CONSENSUS = _PROPERTIES.format("is_used_for_consensus_array")
_ASSIGN = _PROPERTIES.format("to_be_labeled_by_array")
_VERSIONS = "`projects` tells what a project is now" + _REST
_COPY = "`create_project(title, project_id=...)` copies a project"
_MODELS = "`labels` and `assets` read conversations, `append_many_to_dataset` imports them" + _REST
_UPDATE = "`update_properties_in_project` changes a project" + _REST
_EXPORT = "it is `export_labels(project_id, filename, fmt, ...)`"


def _each(use: str, names: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), use)


METHODS: Mapping[str, str] = MappingProxyType(
    _each(_ISSUES, "append_to_issues count_issues create_issues issues questions update_issue_status")
    | _each(_TAGS, "create_tag delete_tag tag_project tags untag_project update_tag")
    | _each(
        _STEPS,
        "add_labelers_to_step add_review_step add_reviewers_to_step copy_workflow_from_project delete_last_step get_steps "
        "remove_labelers_from_step remove_reviewers_from_step rename_step update_labeling_step_properties "
        "update_project_workflow update_review_step_properties",
    )
    | _each(
        _PEOPLE,
        "count_organizations count_project_users count_users delete_from_roles get_current_user "
        "organization_metrics organizations update_password update_properties_in_project_user update_properties_in_role "
        "update_properties_in_user users",
    )
    | _each(
        _STORAGE,
        "add_cloud_storage_connection cloud_storage_connections cloud_storage_integrations "
        "count_cloud_storage_integrations create_cloud_storage_integration delete_cloud_storage_integration storages "
        "synchronize_cloud_storage_connection update_cloud_storage_integration",
    )
    | _each(
        _PLUGINS,
        "activate_plugin_on_project create_webhook deactivate_plugin_on_project delete_plugin events "
        "get_plugin_build_errors get_plugin_logs get_plugin_status list_plugins update_plugin update_webhook upload_plugin",
    )
    | _each(_VERSIONS, "count_project_versions project_version update_properties_in_project_version")
    | _each(_FILES, "append_labels_from_geojson_files append_labels_from_shapefiles")
    | _each(_METADATA, "add_metadata set_metadata")
    | _each(_UPDATE, "archive_project unarchive_project update_project_anonymization")
    | _each(_EXPORT, "exports")
    | {
        "assign_assets_to_labelers": _ASSIGN,
        "copy_project": _COPY,
        "format_result": "what methods give is the result",
        "internal": "it is for Kili's own use",
        "llm": _MODELS,
        "set_assets_priority": _PRIORITY,
        "skip_or_unskip": "`assets(skipped=...)` finds assets that are skipped",
        "update_asset_consensus": _CONSENSUS,
    }
)
"""Methods and areas of `kili.client.Kili` and `kili.client_domain.Kili`."""

_LISTED = "`{0}(project_id, ...)` takes the filters as arguments, and with `as_generator=True` gives them one by one"

IN_AREAS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "labels": _each(_LISTED.format("labels"), "list list_as_generator")
        | _each("it is `append_labels(..., label_type=...)`", "create_default create_inference create_review")
        | _each(
            _FILES,
            "create_default_from_geojson create_default_from_shapefile create_inference_from_geojson "
            "create_inference_from_shapefile create_prediction_from_geojson create_prediction_from_shapefile",
        )
        | {
            "count": "it is `count_labels(project_id, ...)`",
            "create_prediction": "it is `create_predictions`",
            "delete": "it is `delete_labels`",
        },
        "assets": _each(_LISTED.format("assets"), "list list_as_generator")
        | _each(
            "it is `append_many_to_dataset`",
            "create_audio create_geospatial create_image create_layered_image create_pdf create_rich_text create_text "
            "create_video_frame create_video_native",
        )
        | _each(_METADATA, "add_metadata set_metadata update_processing_parameter")
        | _each(_PRIORITY, "set_priority update_priority")
        | _each(METHODS["skip_or_unskip"], "skip unskip")
        | {
            "assign": _ASSIGN,
            "count": "it is `count_assets(project_id, ...)`",
            "delete": "it is `delete_many_from_dataset`",
            "invalidate": "it is `send_back_to_queue`",
            "move_to_next_step": "it is `add_to_review`",
            "update_consensus": _CONSENSUS,
            "update_external_id": "it is `change_asset_external_ids`",
        },
        "projects": _each(
            "`projects(...)` takes the filters as arguments, and with `as_generator=True` gives them one by one",
            "list list_as_generator",
        )
        | _each(
            "it is `update_properties_in_project`",
            "archive unarchive update_info update_interface update_metadata_properties update_privacy_settings "
            "update_workflow_settings",
        )
        | {
            "copy": _COPY,
            "count": "it is `count_projects(...)`",
            "create": "it is `create_project`",
            "delete": "it is `delete_project`",
            "users": _PEOPLE,
            "workflow": _STEPS,
        },
    }
)
"""Methods of the areas whose names are methods here."""


def absent(name: str) -> str | None:
    """The message of an AttributeError for a name of `kili`; None for names that `kili` does not have either."""
    use = METHODS.get(name)
    return None if use is None else _told(name, use)


def _told(name: str, use: str) -> str:
    return f"`{name}` of `kili` is not there: kili_query is about labels and assets; {use}"


class _Method:
    """A method whose name is an area in `kili.client_domain`: `kili.labels.list` says what to write."""

    def __init__(self, method: Callable[..., Any]) -> None:
        self._method, self._area = method, IN_AREAS[method.__name__]
        update_wrapper(self, method)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._method(*args, **kwargs)

    def __get__(self, client: Any, owner: type | None = None) -> Any:
        return self._method if client is None else MethodType(self, client)

    def __getattr__(self, name: str) -> Any:  # a bound method asks here
        area = self.__dict__.get("_area", {})
        if name in area:
            raise AttributeError(_told(f"{self._method.__name__}.{name}", area[name]))
        return getattr(object.__getattribute__(self, "_method"), name)


def an_area_elsewhere(method: F) -> F:
    """The method itself; its attributes that are methods in `kili.client_domain` tell what to write."""
    return cast(F, _Method(method))
