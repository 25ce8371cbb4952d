# Generated from kili_query/client/_async/imports.py by kili_query.client.generate.unasync. Do not edit.
"""Imports of assets: files and addresses become assets of a project."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from time import monotonic
from typing import Any

from kili_query.client._sync.changes import Changes
from kili_query.client._sync.concurrency import in_order, sleep
from kili_query.client.arguments import check_arguments
from kili_query.client.importing import given
from kili_query.client.importing.given import Asset
from kili_query.client.importing.plan import (
    SIGNED_AT_ONCE,
    Batch,
    Item,
    Upload,
    documents,
    has_local,
    lost_properties,
    make_batches,
    make_items,
    variables,
)
from kili_query.client.messages import named, warn
from kili_query.client.operations import asset_imports as wire
from kili_query.client.operations.viewer import VIEWER_EMAIL
from kili_query.client.progress import progress_bar
from kili_query.client.sending.batches import Progress, Remaining, parts
from kili_query.client.types import Id, Seconds, Texts
from kili_query.client.wire.calls import Call
from kili_query.errors import ApiError, ApiTimeoutError, BatchImportError, UploadFromLocalDataForbiddenError

UPLOADS_AT_ONCE = 6
"""Files that are uploaded at once, for each batch: more get into each other's way."""

IN_A_ROW = 5
"""Files that are uploaded one after the other before the next step: small ones cost less than a step does."""

LONGEST_WAIT = 16.0
"""Seconds between two looks at a notification, at most; the first comes after one."""

Contents = list[Any] | tuple[Any, ...]
Flags = list[bool] | tuple[bool, ...]


class Imports(Changes):
    """The methods that import assets."""

    def append_many_to_dataset(
        self,
        project_id: Id,
        content_array: Contents | None = None,
        multi_layer_content_array: Contents | None = None,
        external_id_array: Texts | None = None,
        id_array: Texts | None = None,
        is_honeypot_array: Flags | None = None,
        status_array: Texts | None = None,
        json_content_array: Contents | None = None,
        json_metadata_array: Contents | None = None,
        disable_tqdm: bool | None = None,
        wait_until_availability: bool = True,
        from_csv: str | None = None,
        csv_separator: str = ",",
        *,
        availability_timeout: Seconds | None = None,
    ) -> dict[str, Any]:
        """Import assets. Gives `{"id": project_id, "asset_ids": [...]}`: the ids of those that are there at once.

        Videos, large images and images of several layers are made by the server afterwards; of them no id is given.
        Assets whose external ids are in the project already are left out, with a warning: a call that failed half-way
        can be made again.

        Parameters
        ----------
        content_array: an item for each asset: the address of a file, the name of a local file, a text (TEXT projects),
            or an object or a list of messages (LLM_RLHF). Addresses and local contents go in two calls.
        multi_layer_content_array: for each asset its layers, `{"path": <local file>, "name": ...}`.
        json_content_array: for each asset: frames of a video (addresses, or names of files), rich text, or a description
            of layers.
        external_id_array: what the assets are called; by default random texts.
        id_array: ids of the assets; the server's default is best.
        is_honeypot_array: which assets are honeypots; not of those that the server makes afterwards (videos, tiled images).
        json_metadata_array: an object for each asset; `imageUrl`, `text` and `url` are shown, `processingParameters`
            directs what becomes of videos and tiles.
        status_array: deprecated, and without effect.
        from_csv, csv_separator: a CSV file with the columns `content` and `externalId`, in place of the two arrays.
        wait_until_availability: wait for what the server makes afterwards.
        availability_timeout: the seconds to wait for it, at most; None: until it is there, or Ctrl-C.
        disable_tqdm: as in `labels`.

        Raises
        ------
        ArgumentError: arguments exclude each other, or arrays differ in length; nothing was sent.
        ImportValidationError: an asset cannot be imported as it is given; nothing was sent. Files that are missing are
            also a FileNotFoundError.
        BatchImportError: the server could not make what it makes afterwards.
        ApiError: an upload or a batch failed. `done` has the ids that are in, `remaining` the arguments for the rest.

        Examples
        --------
        >>> made = kili.create_project("Streets", input_type="IMAGE", json_interface={"jobs": {}})
        >>> pictures = ["https://example.com/a.jpg", "https://example.com/b.jpg"]
        >>> added = kili.append_many_to_dataset(made["id"], pictures, external_id_array=["a", "b"])
        >>> len(added["asset_ids"])
        2
        """
        arguments = check_arguments(Imports.append_many_to_dataset, locals())
        call = Call.of("append_many_to_dataset")
        arrays = {name: arguments[name] for name in (
            "content_array", "multi_layer_content_array", "external_id_array", "id_array", "is_honeypot_array",
            "json_content_array", "json_metadata_array",
        )}  # fmt: skip
        assets = given.read_arguments(**arrays, from_csv=from_csv, csv_separator=csv_separator)
        if not assets:
            empty = given.empty_argument(**arrays) or "from_csv"
            warn(f"`append_many_to_dataset` does nothing: `{empty}` is empty")
            return {"id": project_id, "asset_ids": []}
        if status_array is not None:
            warn("`status_array` is deprecated, and not sent: a status follows from the labels", DeprecationWarning)
        project = self._project(project_id, call)
        kind = given.kind_of_project(project.input_type or "")
        given.check(assets, kind)
        assets = given.without_repeated(assets)
        items = make_items(assets, kind, project_id)
        if has_local(assets):
            self._require_license(call)
        assets = given.without_existing(assets, self._existing(assets, project_id, call))
        kept = {asset.position for asset in assets}
        items = [item for item in items if item.asset.position in kept]
        if untold := lost_properties(items):
            warn(f"the server makes these assets afterwards, and takes no `is_honeypot_array` and `json_content_array` for them: {named(untold)}")  # fmt: skip
        made = self._import(items, project_id, arguments, call)
        later = [(batch, notification) for batch, (_, notification) in made.done if notification is not None]
        try:
            if wait_until_availability:
                self._wait_for(later, arguments, call)
        except ApiError as error:
            error.done = [ids for _, (ids, _) in made.done]
            raise
        except BaseException as interrupt:
            interrupt.add_note(f"all {made.total:,} assets are sent, and the server goes on making them")
            raise
        return {"id": project_id, "asset_ids": [asset for _, (ids, _) in made.done for asset in ids]}

    def _import(
        self, items: Sequence[Item], project_id: str, arguments: dict[str, Any], call: Call
    ) -> Progress[Item, tuple[list[str], str | None]]:
        """Upload and make the batches. Gives, for each, the ids that are there, and the notification of the others."""
        by_first: dict[str, Batch] = {}
        bar = self._bar(arguments["disable_tqdm"])
        number = sum(len(item.uploads) for item in items)

        def batches() -> Iterator[list[Item]]:
            for batch in make_batches(list(items), self._transport.budget):
                by_first[batch.items[0].id] = batch
                yield list(batch.items)

        files_bar = progress_bar(number, "files", bar if number else True)

        def uploaded(number: int) -> None:
            files_bar.update(number)

        def send(items: list[Item]) -> tuple[list[str], str | None]:
            batch = by_first[items[0].id]
            addresses = self._upload(batch.uploads, batch, uploaded, call)
            files = self._settings.endpoint.removesuffix("/graphql") + "/files"
            addresses |= self._upload(documents(batch, addresses, project_id, files), batch, lambda number: None, call)
            asked = variables(batch, addresses, project_id)
            if batch.later:
                return [], self._execute(wire.APPEND_LATER.asking(**asked), call)
            return self._execute(wire.APPEND.asking(**asked), call), None

        def look_up(items: list[Item]) -> tuple[list[Item], tuple[list[str], str | None]] | None:
            if by_first[items[0].id].later:
                return None  # what is not there may still be made
            there = self._there([item.id for item in items], ["id"], project_id, call)
            inside = [item for item in items if item.id in there]
            return inside, ([item.id for item in inside], None)

        with files_bar:
            progress = self._in_batches(
                batches(),
                len(items),
                lambda item: item.id,
                send,
                "assets",
                bar,
                position=lambda item: item.asset.position,
                look_up=look_up,
            )
        if progress.error is not None:
            by_place = {item.asset.position: item for item in items}
            left = [by_place[position] for position in progress.left(sorted(by_place))]
            error = progress.failure(_rest(arguments, left), _rest(arguments, progress.unknown))
            error.done = [ids for _, (ids, _) in progress.done]
            raise error
        return progress

    def _upload(
        self, uploads: Sequence[Upload], batch: Batch, uploaded: Callable[[int], None], call: Call
    ) -> dict[str, str]:
        """Upload contents of a batch, several at once; `uploaded` is told of each. Gives the address of each path."""
        addresses: dict[str, str] = {}
        for part in parts(uploads, SIGNED_AT_ONCE):
            urls = self._execute(wire.signing([upload.path for upload in part]), call)
            addresses |= {upload.path: url for upload, url in zip(part, urls, strict=True)}
            rows = list(parts(list(zip(part, urls, strict=True)), IN_A_ROW))
            calls = [partial(self._put_all, row, batch, call) for row in rows]
            with closing(in_order(calls, UPLOADS_AT_ONCE, eager=True)) as puts:
                for number in puts:
                    uploaded(number)
        return addresses

    def _put_all(self, row: Sequence[tuple[Upload, str]], batch: Batch, call: Call) -> int:
        """Put contents behind their addresses, one after the other; gives how many."""
        for upload, url in row:
            self._put(url, upload.body, upload.mime, partial(batch.owner, upload), call)
        return len(row)

    def _require_license(self, call: Call) -> None:
        """Refuse local contents where the organisation may not upload any (asset-import.md 3)."""
        where = {"user": {"email": self._execute(VIEWER_EMAIL, call)}}
        if self._execute(wire.ORGANIZATION.asking(where=where, first=1, skip=0), call) is False:
            raise UploadFromLocalDataForbiddenError(
                "the licence of this organisation does not allow to upload local contents; addresses of the web can be imported"
            )

    def _existing(self, assets: Sequence[Asset], project_id: str, call: Call) -> list[str]:
        """Those of the external ids that are in the project already; asked only for ids that were given."""
        given_ids = [asset.external_id for asset in assets if asset.external_id is not None]
        found: list[str] = []
        for asked in parts(given_ids):
            there: list[str] = self._execute(wire.EXISTING.asking(projectID=project_id, externalIDs=list(asked)), call)
            found += there
        return found

    def _wait_for(self, later: Sequence[tuple[list[Item], str]], arguments: dict[str, Any], call: Call) -> None:
        """Wait until the server has made what it makes afterwards.

        Raises
        ------
        BatchImportError: it could not.
        ApiTimeoutError: it took longer than `availability_timeout` seconds for all; it goes on.
        """
        timeout = arguments["availability_timeout"]
        until = None if timeout is None else monotonic() + timeout
        failed: list[tuple[list[Item], str]] = []
        for items, notification in later:
            pause = 1.0
            while (status := self._status_of(notification, call)) != "SUCCESS":
                if status == "FAILURE":
                    failed.append((items, notification))
                    break
                if until is not None and monotonic() >= until and failed:
                    raise self._not_made(failed, arguments, call)
                if until is not None and monotonic() >= until:
                    raise ApiTimeoutError(
                        f"the assets are not there after {timeout:g} seconds; the server goes on making them",
                        operation=wire.APPEND_LATER.name,
                    )
                sleep(pause if until is None else max(0.0, min(pause, until - monotonic())))
                pause = min(2 * pause, LONGEST_WAIT)

        if failed:
            raise self._not_made(failed, arguments, call)

    def _not_made(
        self, failed: Sequence[tuple[list[Item], str]], arguments: dict[str, Any], call: Call
    ) -> BatchImportError:
        """The error of assets that the server could not make: which, and what it says of them."""
        project_id, items = arguments["project_id"], [item for batch, _ in failed for item in batch]
        said: list[str] = []
        try:
            there = self._there([item.id for item in items], ["id"], project_id, call)
            for _, notification in failed:
                where = {"id": notification}
                text = self._execute(wire.NOTIFICATION_TEXT.asking(where=where, first=1, skip=0), call)
                said += [text] if text else []
        except ApiError:  # what is known is told all the same
            there = {}
        missing = [item for item in items if item.id not in there]
        reason = "; ".join(said) or f"notification `{failed[0][1]}` says more"
        error = BatchImportError(
            f"the server could not make {named([item.external_id for item in missing or items])}: {reason}",
            operation=wire.APPEND_LATER.name,
        )
        error.remaining = _rest(arguments, missing)
        return error

    def _status_of(self, notification: str, call: Call) -> str | None:
        return self._execute(wire.NOTIFICATION.asking(where={"id": notification}, first=1, skip=0), call)


def _rest(arguments: dict[str, Any], items: Sequence[Item]) -> Remaining | None:
    """The arguments that import these assets: with the ids that they were given, so that none is made twice."""
    if not items:
        return None
    # a CSV file may be another one when they are sent
    again = {**arguments, "from_csv": None, "csv_separator": None, "status_array": None}
    rest = Remaining.of(again, [item.asset.position for item in items]) or Remaining()
    if arguments["from_csv"] is not None:
        rest["content_array"] = [item.asset.content for item in items]
    rest["external_id_array"] = [item.external_id for item in items]
    rest["id_array"] = [item.id for item in items]
    return rest
