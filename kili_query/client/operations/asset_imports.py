"""Imports of assets on the wire (wire.md 7.12 to 7.20, 9)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from kili_query.client.operations.label_changes import ids, one_id
from kili_query.client.wire.documents import Operation, page_query, selection
from kili_query.client.wire.shapes import objects, texts
from kili_query.errors import ServerError

EXISTING = Operation(
    "FilterExistingAssets",
    """query FilterExistingAssets($projectID: ID!, $externalIDs: [String!]!) {
  external_ids: filterExistingAssets(
    projectID: $projectID
    externalIDs: $externalIDs
  )
}""",
    texts,
    root="external_ids",
)
"""Those of some external ids that are in a project."""

SIGNED = Operation(
    "createUploadBucketSignedUrls",
    """query ($filePaths: [String!]) {
  urls: createUploadBucketSignedUrls(filePaths: $filePaths)
}""",
    texts,
    root="urls",
)
"""Addresses to which contents are uploaded."""

APPEND = Operation(
    "appendManyAssets",
    """mutation appendManyAssets($data: AppendManyAssetsData!, $where: ProjectWhere!) {
  data: appendManyAssets(data: $data, where: $where) {
    id
  }
}""",
    lambda value: [str(row["id"]) for row in ids(value)],
    change=True,
)
"""Assets that are there once the answer is."""

APPEND_LATER = Operation(
    "appendManyAssetsAsynchronously",
    """mutation appendManyAssetsAsynchronously($data: AppendManyAssetsAsynchronouslyData!, $where: ProjectWhere!) {
  data: appendManyAssetsAsynchronously(data: $data, where: $where) {
    id
  }
}""",
    lambda value: str(one_id(value)["id"]),
    change=True,
)
"""Assets that the server makes afterwards; it tells by a notification, whose id is the answer."""


def _status(value: Any) -> str | None:
    rows = objects(value)
    status = rows[0].get("status") if rows else None
    return status if isinstance(status, str) else None


NOTIFICATION = Operation(
    "notifications", page_query("notifications", "NotificationWhere", selection(["status"])), _status
)
"""The status of a notification: SUCCESS, FAILURE, or anything else while the server works."""


def _message(value: Any) -> str | None:
    rows = objects(value)
    message = rows[0].get("message") if rows else None
    return message if isinstance(message, str) else None


NOTIFICATION_TEXT = Operation(
    "notifications", page_query("notifications", "NotificationWhere", selection(["message"])), _message
)
"""What a notification says; asked only for one of a failure."""


def _license(value: Any) -> bool | None:
    rows = objects(value)
    license = rows[0].get("license") if rows else None
    allowed = license.get("uploadLocalData") if isinstance(license, dict) else None
    return allowed if isinstance(allowed, bool) else None


ORGANIZATION = Operation(
    "organizations",
    page_query("organizations", "OrganizationWhere", selection(["license.uploadLocalData"])),
    _license,
)
"""Whether the organisation of a user may upload local data; None if it does not say."""


class FileUpload(NamedTuple):
    """Where the file of an answer is put, and what names it afterwards."""

    file_id: str
    url: str


def _file_upload(value: Any) -> FileUpload:
    if not isinstance(value, dict) or not all(isinstance(value.get(key), str) for key in ("fileId", "uploadUrl")):
        raise ServerError("the answer lacks the address for the upload of a file")
    return FileUpload(value["fileId"], value["uploadUrl"])


FILE_UPLOAD = Operation(
    "CreateAnnotationFileUpload",
    """mutation CreateAnnotationFileUpload($projectId: ID!, $assetId: ID!) {
  data: createAnnotationFileUpload(projectId: $projectId, assetId: $assetId) {
    fileId
    uploadUrl
  }
}""",
    _file_upload,
)
"""The address for a file that answers a job. It may be asked for again: one that is not used is nothing."""


def signing(paths: Sequence[str]) -> Operation[list[str]]:
    """The operation that asks for the addresses of some paths; its answer has as many.

    Raises
    ------
    ServerError: when it is read, an answer of another length.
    """

    def read(value: Any) -> list[str]:
        urls = texts(value)
        if len(urls) != len(paths):
            raise ServerError(f"the answer has {len(urls)} addresses for {len(paths)} uploads")
        return urls

    return SIGNED._replace(read=read).asking(filePaths=list(paths))
