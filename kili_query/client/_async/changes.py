"""What all changes share: assets by either kind of id, batches under way at once, and what is left when one fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextlib import aclosing
from functools import partial
from typing import TypeVar

from kili_query.client._async.concurrency import in_order
from kili_query.client._async.session import AsyncSession, Listing
from kili_query.client.batches import Progress, waves
from kili_query.client.calls import Call
from kili_query.client.operations import assets as asset_wire
from kili_query.client.progress import progress_bar
from kili_query.client.where import asset_where
from kili_query.errors import ApiError, IncompatibleArgumentsError, MissingArgumentError, NotFoundError

T = TypeVar("T")
R = TypeVar("R")

AT_ONCE = 4
"""Batches under way at once."""

EXTERNAL_IDS = 1000
"""External ids that one question asks about (sdk-methods.md 1)."""

MOST_NAMED = 20
"""Ids that a message lists."""


class AsyncChanges(AsyncSession):
    """What the methods that change something are built upon."""

    async def _asset_ids(
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
        """
        if ids is not None and external_ids is not None:
            raise IncompatibleArgumentsError(names[0], f"and `{names[1]}` are both given; assets are named once")
        if ids is not None:
            return list(ids)
        if external_ids is None:
            raise MissingArgumentError(
                names[0], f"is missing; assets are named by `{names[0]}`, or by `{names[1]}` with `project_id`"
            )
        if project_id is None:
            raise MissingArgumentError("project_id", f"is missing; `{names[1]}` are those of a project")
        known: dict[str, str] = {}
        wanted = list(dict.fromkeys(external_ids))
        for start in range(0, len(wanted), EXTERNAL_IDS):
            asked = wanted[start : start + EXTERNAL_IDS]
            listing = Listing(
                noun="assets",
                operation=asset_wire.listing(["id", "externalId"], None),
                counting=asset_wire.COUNT,
                where=asset_where({"project_id": project_id, "external_id_strictly_in": asked}),
                page=asset_wire.PAGE,
                project_id=project_id,
                whole_pages=True,
            )
            known |= {row["externalId"]: row["id"] for row in await self._listed(listing, call, True)}
        missing = [name for name in wanted if name not in known]
        if missing:
            named = ", ".join(f"`{name}`" for name in missing[:MOST_NAMED])
            more = f" and {len(missing) - MOST_NAMED:,} more" if len(missing) > MOST_NAMED else ""
            raise NotFoundError(f"project `{project_id}` has no assets with the external ids {named}{more}")
        return [known[name] for name in external_ids]

    async def _project_of(self, asset_id: str, call: Call) -> str | None:
        """The project of an asset; None if there is no such asset."""
        operation = asset_wire.listing(["id", "project.id"], None)
        rows = await self._execute(operation.asking(where={"id": asset_id}, skip=0, first=1), call)
        project = rows[0].get("project") if rows else None
        return project["id"] if isinstance(project, dict) and isinstance(project.get("id"), str) else None

    async def _in_batches(
        self,
        batches: Sequence[list[T]],
        key: Callable[[T], Hashable],
        send: Callable[[list[T]], Awaitable[R]],
        noun: str,
        disable_tqdm: bool | None,
    ) -> Progress[T, R]:
        """Send batches, some at once, those about the same thing one after the other; after a failure no more are begun."""
        progress: Progress[T, R] = Progress()
        failed: list[ApiError] = []  # known as soon as it happens, so that no other batch is begun

        async def attempt(batch: list[T]) -> R | ApiError | None:
            if failed:
                return None
            try:
                return await send(batch)
            except ApiError as error:
                failed.append(error)
                return error

        with progress_bar(sum(map(len, batches)), noun, disable_tqdm) as bar:
            for wave in waves(batches, key):
                calls = [partial(attempt, batch) for batch in wave]
                waiting = iter(wave)
                async with aclosing(in_order(calls, AT_ONCE)) as results:
                    async for result in results:
                        batch = next(waiting)
                        if result is not None:
                            progress.note(batch, result)
                            bar.update(len(batch))
                if failed:
                    break
        return progress
