"""Exports on the wire: what is asked of the project and of its assets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from kili_query.client.types import Row
from kili_query.client.wire.decoding import Behind, labels_in
from kili_query.client.wire.documents import Operation, page_query, selection
from kili_query.client.wire.shapes import objects
from kili_query.errors import DataError
from kili_query.formats.selection import LABEL_KEY, ExportType
from kili_query.model.counts import decode_response
from kili_query.model.kili import PIXEL_GRID

_ASSET_FIELDS = (
    "id", "externalId", "content", "jsonContent", "jsonMetadata", "status", "pageResolutions.pageNumber",
    "pageResolutions.height", "pageResolutions.width", "pageResolutions.rotation", "resolution.height", "resolution.width",
)  # fmt: skip
_LABEL_FIELDS = (
    "jsonResponse", "author.id", "author.email", "author.firstname", "author.lastname", "createdAt",
    "isLatestLabelForUser", "isSentBackToQueue", "labelType", "modelName",
)  # fmt: skip

FILTERS = frozenset(
    (
        "consensus_mark_gte", "consensus_mark_lte", "external_id_contains", "external_id_strictly_in", "external_id_in",
        "honeypot_mark_gte", "honeypot_mark_lte", "label_author_in", "label_labeler_in", "label_labeler_not_in",
        "label_reviewer_in", "label_reviewer_not_in", "assignee_in", "assignee_not_in", "skipped", "status_in",
        "label_category_search", "created_at_gte", "created_at_lte", "issue_type", "issue_status", "inference_mark_gte",
        "inference_mark_lte", "metadata_where", "step_name_in", "step_id_in", "step_status_in", "group_name_in",
        "group_name_not_in",
    )
)  # fmt: skip
"""What `asset_filter_kwargs` takes (exports.md 1)."""


def fields_of(export_type: ExportType, input_type: str | None) -> list[str]:
    """The fields of assets that an export reads."""
    key = LABEL_KEY[export_type]
    labels = [f"{key}.{field}" for field in _LABEL_FIELDS]
    if key != "latestLabel":
        labels.append(f"{key}.isLastForStep")
    places = ["geospatialExportMetadata"] if input_type == "GEOSPATIAL" else []
    return [*_ASSET_FIELDS, *places, *labels]


class About(NamedTuple):
    """The fields of a project that an export reads."""

    title: str
    description: str
    connected: bool
    """Its assets lie in a cloud storage of the organisation."""
    pixel_grid: bool
    """A geospatial project whose labels are fractions of the first layer, and no degrees."""


_ABOUT = ["id", "title", "description", "dataConnections.id"]
ABOUT = Operation("projects", page_query("projects", "ProjectWhere", selection(_ABOUT)), objects)
ABOUT_MAPS = ABOUT._replace(document=page_query("projects", "ProjectWhere", selection([*_ABOUT, "geospatialSettings"])))
"""The same of geospatial projects; older servers do not know their settings."""

ANSWER_FILE = Operation(
    "AnnotationFileUrl",
    """query AnnotationFileUrl($projectId: ID!, $assetId: ID!, $fileId: String!) {
  data: annotationFileUrl(projectId: $projectId, assetId: $assetId, fileId: $fileId)
}""",
    lambda value: value if isinstance(value, str) and value else None,
)
"""The address of a file that answers a job; None if there is none."""


def about(project_id: str, input_type: str | None) -> Operation[list[Row]]:
    """The query for the fields of a project that an export reads."""
    asked = ABOUT_MAPS if input_type == "GEOSPATIAL" else ABOUT
    return asked.asking(where={"id": project_id}, first=1, skip=0)


def read_about(rows: list[Row]) -> About:
    """The answer, whatever of it is missing."""
    row: Mapping[str, Any] = rows[0] if rows else {}
    title, description, settings = row.get("title"), row.get("description"), row.get("geospatialSettings")
    return About(
        title if isinstance(title, str) else "",
        description if isinstance(description, str) else "",
        bool(row.get("dataConnections")),
        isinstance(settings, Mapping) and settings.get("labelingCRSCode") == PIXEL_GRID,
    )


def layers_of(assets: Iterable[Row]) -> Iterator[Behind]:
    """The addresses behind the `jsonContent` of images, whose layers show geotiffs."""
    for asset in assets:
        address = asset.get("jsonContent")
        if isinstance(address, str) and address[:8].lower().startswith(("http://", "https://")):
            yield Behind(asset, "jsonContent", address)


def located(error: DataError, assets: Iterable[Row]) -> DataError:
    """The error of a label that cannot be read, with the name of its asset: exports ask for no ids of labels."""
    for asset in assets:
        for label in labels_in([asset]):
            try:
                decode_response(label.get("jsonResponse"))
            except DataError as found:
                return found.at(f"a label of asset `{asset.get('externalId') or asset.get('id')}`")
    return error
