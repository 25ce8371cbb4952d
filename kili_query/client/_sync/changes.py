# Generated from kili_query/client/_async/changes.py by kili_query.client.generate.unasync. Do not edit.
"""What all changes share: assets by either kind of id, batches under way at once, and what is left when one fails."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TypeVar

from kili_query.client._sync.concurrency import in_order
from kili_query.client._sync.session import Listing, Session
from kili_query.client.messages import named
from kili_query.client.operations import assets as asset_wire
from kili_query.client.progress import progress_bar
from kili_query.client.sending.batches import Partly, Progress, parts, waves
from kili_query.client.types import Row
from kili_query.client.wire.calls import Call
from kili_query.client.wire.where import Where, asset_where
from kili_query.errors import (
    ApiError,
    ArgumentError,
    IncompatibleArgumentsError,
    MissingArgumentError,
    NotFoundError,
    OutcomeUnknownError,
    UploadError,
)

T = TypeVar("T")
R = TypeVar("R")

AT_ONCE = 4
"""Batches under way at once."""

FEW = 5
"""Assets that are asked, one by one, for the project that they are all in."""


def require_named(
    ids: Sequence[str] | None,
    external_ids: Sequence[str] | None,
    project_id: str | None,
    names: tuple[str, str] = ("asset_ids", "external_ids"),
) -> None:
    """Refuse assets that are named twice, or not at all.

    Raises
    ------
    IncompatibleArgumentsError: both are given.
    MissingArgumentError: none is, or external ids without the project.
    """
    if ids is not None and external_ids is not None:
        raise IncompatibleArgumentsError(names[0], f"and `{names[1]}` are both given; assets are named once")
    if ids is None and external_ids is None:
        raise MissingArgumentError(
            names[0], f"is missing; assets are named by `{names[0]}`, or by `{names[1]}` with `project_id`"
        )
    if ids is None and project_id is None:
        raise MissingArgumentError("project_id", f"is missing; `{names[1]}` are those of a project")


class Changes(Session):
    """What the methods that change something are built upon."""

    def _asset_ids(
        self,
        ids: Sequence[str] | None,
        external_ids: Sequence[str] | None,
        project_id: str | None,
        call: Call,
        names: tuple[str, str] = ("asset_ids", "external_ids"),
    ) -> list[str]:
        """The ids of assets that are given by their ids, or by their external ids in a project, in the same order.

        Raises
        ------
        IncompatibleArgumentsError: both are given.
        MissingArgumentError: none is, or external ids without the project.
        NotFoundError: an external id is not in the project.
        ArgumentError: an external id is that of several assets.
        """
        require_named(ids, external_ids, project_id, names)
        if ids is not None:
            return list(ids)
        assert external_ids is not None
        known: dict[str, str] = {}
        wanted = list(dict.fromkeys(external_ids))
        for asked in parts(wanted):
            where = asset_where({"project_id": project_id, "external_id_strictly_in": asked})
            listing = replace(_some_assets(where, ["id", "externalId"]), project_id=project_id)
            for row in self._listed(listing, call, True):
                if known.setdefault(row["externalId"], row["id"]) != row["id"]:
                    raise ArgumentError(
                        names[1], f"holds `{row['externalId']}`, which several assets are called; ids tell them apart"
                    )
        missing = [name for name in wanted if name not in known]
        if missing:
            raise NotFoundError(f"project `{project_id}` has no assets with the external ids {named(missing)}")
        return [known[name] for name in external_ids]

    def _project_of(self, ids: Sequence[str], call: Call) -> str | None:
        """The project of assets: that of the first of them which is there; None if none of the first few is."""
        operation = asset_wire.listing(["id", "project.id"], None)
        for asset_id in ids[:FEW]:
            rows = self._execute(operation.asking(where={"id": asset_id}, skip=0, first=1), call)
            project = rows[0].get("project") if rows else None
            if isinstance(project, dict) and isinstance(project.get("id"), str):
                return str(project["id"])
        return None

    def _in_batches(
        self,
        batches: Iterable[list[T]],
        total: int,
        key: Callable[[T], Hashable],
        send: Callable[[list[T]], R],
        noun: str,
        disable_tqdm: bool | None,
        *,
        position: Callable[[T], int],
        look_up: Callable[[list[T]], tuple[list[T], R] | None] | None = None,
    ) -> Progress[T, R]:
        """Send batches, some at once, those about the same thing one after the other; after a failure no more are begun.

        Parameters
        ----------
        batches: each is made when its turn comes; they have `total` items.
        position: the place of an item in the arrays of the call, by which messages name it.
        look_up: asks the server which items of a batch are in, with the result of these, for batches whose answer was
            lost; None where it cannot tell.
        """
        progress: Progress[T, R] = Progress(total, noun, position)
        failed: list[ApiError] = []  # known as soon as it happens, so that no other batch is begun

        def attempt(batch: list[T]) -> R | Partly[T, R] | None:
            if failed:
                return None
            progress.begun += batch
            try:
                return send(batch)
            except ApiError as error:
                outcome = self._after(error, batch, look_up)
                if outcome.result is not None and len(outcome.items) == len(batch):
                    return outcome.result
                failed.append(error)
                return outcome

        try:
            with progress_bar(progress.total, noun, disable_tqdm) as bar:
                for wave in waves(batches, key):
                    waiting: deque[list[T]] = deque()
                    calls = (partial(attempt, batch) for batch in _noted(wave, waiting))
                    with closing(in_order(calls, AT_ONCE)) as results:
                        for result in results:
                            batch = waiting.popleft()
                            if result is not None:
                                progress.note(batch, result)
                                bar.update(0 if isinstance(result, Partly) else len(batch))
                    if failed:
                        break
        except BaseException as interrupt:
            interrupt.add_note(progress.interrupted())
            raise
        return progress

    def _after(
        self,
        error: ApiError,
        batch: list[T],
        look_up: Callable[[list[T]], tuple[list[T], R] | None] | None,
    ) -> Partly[T, R]:
        """What is known of a batch that failed: if its answer was lost, the server is asked."""
        if look_up is None or not isinstance(error, OutcomeUnknownError):
            return Partly(error, [], None, looked_up=False)
        try:
            told = look_up(batch)
        except ApiError:
            told = None
        items, result = told or ([], None)
        return Partly(error, items, result, looked_up=told is not None)

    def _put(self, url: str, body: str | bytes, mime: str, what: Callable[[], str], call: Call) -> None:
        """Put a content, or the file of a name, behind a signed address.

        Raises
        ------
        UploadError: the file is not what it was, or cannot be read any more, or the address did not take it; `what` says
            what it is.
        """
        before = _stamp(body)
        try:
            self._transport.upload(url, body, mime, call)
        except (ApiError, OSError) as error:
            if _stamp(body) != before or not isinstance(error, ApiError):
                raise UploadError(f"{what()} cannot be uploaded: {_lost(body, before)}", operation="upload") from None
            error.message = f"{what()} cannot be uploaded: {error.message}"
            raise UploadError.of(error) from None
        if _stamp(body) != before:
            raise UploadError(f"{what()} cannot be uploaded: {_lost(body, before)}", operation="upload")

    def _there(self, ids: Sequence[str], fields: Sequence[str], project_id: str | None, call: Call) -> dict[str, Row]:
        """Those of some assets that are in a project, by their ids."""
        if project_id is None:
            return {}
        found: dict[str, Row] = {}
        wanted = list(dict.fromkeys(ids))
        for asked in parts(wanted):
            where = asset_where({"project_id": project_id, "asset_id_in": asked})
            found |= {row["id"]: row for row in self._listed(_some_assets(where, fields), call, True)}
        return found

    def _require_in_project(self, ids: Sequence[str], project_id: str | None, call: Call) -> None:
        """Refuse ids of assets that are not in the project which is given beside them.

        Raises
        ------
        NotFoundError: some are not.
        """
        if project_id is None:
            return
        wanted = list(dict.fromkeys(ids))
        for asked in parts(wanted):
            where = asset_where({"project_id": project_id, "asset_id_in": asked})
            if self._count(asset_wire.COUNT, where, call, project_id) < len(asked):
                there = self._there(asked, ["id"], project_id, call)
                missing = [asset for asset in asked if asset not in there]
                if missing:
                    raise NotFoundError(f"project `{project_id}` has no assets with the ids {named(missing)}")


def _noted(batches: Iterable[T], waiting: deque[T]) -> Iterator[T]:
    for batch in batches:
        waiting.append(batch)
        yield batch


def _some_assets(where: Where, fields: Sequence[str]) -> Listing:
    """The assets that a question names one by one."""
    return Listing(
        noun="assets",
        operation=asset_wire.listing(fields, None),
        counting=asset_wire.COUNT,
        where=where,
        page=asset_wire.PAGE,
        whole_pages=True,
    )


Stamp = tuple[int, int] | None


def _stamp(body: str | bytes) -> Stamp:
    """The size of a file, and when it was changed; None of what is no file, or not there any more."""
    if isinstance(body, bytes):
        return None
    try:
        status = os.stat(body)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _lost(body: str | bytes, before: Stamp) -> str:
    after = _stamp(body)
    if after is None or before is None:
        return f"the file {body!r} is not there any more"
    return f"the file {body!r} " + ("was changed meanwhile" if after != before else "cannot be read any more")
