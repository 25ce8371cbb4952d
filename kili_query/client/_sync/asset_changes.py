# Generated from kili_query/client/_async/asset_changes.py by kili_query.client.generate.unasync. Do not edit.
"""Changes of assets: their properties, their external ids, review and queue, and their end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from kili_query.client._sync.changes import require_named
from kili_query.client._sync.searched import Searched
from kili_query.client.arguments import check_arguments
from kili_query.client.messages import named, warn
from kili_query.client.operations import asset_changes as wire
from kili_query.client.operations.asset_changes import Outcome, PageResolution
from kili_query.client.sending.batches import Progress, Remaining, split
from kili_query.client.types import CategorySearch, Mark, OptionalTexts, Row, Texts
from kili_query.client.wire.calls import Call
from kili_query.client.wire.documents import Operation
from kili_query.errors import ApiError, ArgumentError, MissingArgumentError, ServerError

Marks = list[Mark | None] | tuple[Mark | None, ...]
Flags = list[bool | None] | tuple[bool | None, ...]
Metadata = list[dict[str, Any] | str | None] | tuple[dict[str, Any] | str | None, ...]
Assignees = list[list[str] | None] | tuple[list[str] | None, ...]
Pages = list[list[dict[str, Any] | PageResolution] | None] | tuple[list[dict[str, Any] | PageResolution] | None, ...]


class _Changed(NamedTuple):
    """An asset on its way: its position in the call, its id, and its properties."""

    position: int
    id: str
    data: Row


class AssetChanges(Searched):
    """The methods that change assets."""

    def update_properties_in_assets(
        self,
        asset_ids: Texts | None = None,
        external_ids: Texts | None = None,
        priorities: list[int | None] | tuple[int | None, ...] | None = None,
        json_metadatas: Metadata | None = None,
        consensus_marks: Marks | None = None,
        honeypot_marks: Marks | None = None,
        to_be_labeled_by_array: Assignees | None = None,
        contents: OptionalTexts | None = None,
        json_contents: OptionalTexts | None = None,
        status_array: OptionalTexts | None = None,
        is_used_for_consensus_array: Flags | None = None,
        is_honeypot_array: Flags | None = None,
        project_id: str | None = None,
        resolution_array: list[dict[str, Any] | None] | tuple[dict[str, Any] | None, ...] | None = None,
        page_resolutions_array: Pages | None = None,
        *,
        label_category_search: CategorySearch | None = None,
        dry_run: bool = False,
    ) -> list[dict[str, str]]:
        """Change properties of assets. Gives `{"id": ...}` for each asset that was changed.

        An array has an entry for each asset; None in it leaves the property of that asset as it is.

        Parameters
        ----------
        asset_ids, external_ids: the assets, by their ids, or by external ids of `project_id`.
        label_category_search: a category query in place of ids: the assets of `project_id` with a label that satisfies it.
            An array has one entry then, which is for all of them.
        priorities: the higher the sooner labelled.
        json_metadatas: metadata, as objects or as their JSON text.
        consensus_marks, honeypot_marks: from 0 to 1.
        to_be_labeled_by_array: e-mails of those who may label the asset; None or an empty list lets everybody.
        contents, json_contents: what is labelled: an address or a text; frames or rich text.
        status_array: deprecated, and without effect: a status follows from the labels.
        is_used_for_consensus_array, is_honeypot_array: whether the asset is one of several labellers, or a honeypot.
        resolution_array: `{"width": ..., "height": ...}` in pixels.
        page_resolutions_array: for each asset the sizes of its pages: `PageResolution`, or objects with `width`,
            `height`, `pageNumber` and `rotation`.
        dry_run: change nothing, and give what would be changed: `{"id": ..., <property>: <value>}`.

        Raises
        ------
        ArgumentError: an argument cannot be used; nothing was sent.
        NotFoundError: an external id is not in the project.
        ApiError: the server refused a batch, or gave no answer. `done` has what is in, `remaining` the arguments that
            send the rest.

        Examples
        --------
        >>> changed = kili.update_properties_in_assets(
        ...     external_ids=["coco_1.jpg"], project_id=project, json_metadatas=[{"text": "a street"}]
        ... )
        >>> len(changed)
        1
        """
        checked, call = (
            check_arguments(AssetChanges.update_properties_in_assets, locals()),
            Call.of("update_properties_in_assets"),
        )
        arguments = self._with_ids(checked, call, *wire.PROPERTIES, "status_array")
        if arguments is None or _is_empty("update_properties_in_assets", arguments, "asset_ids", "external_ids"):
            return []
        if arguments["asset_ids"] is not None and arguments["external_ids"] is not None:
            raise MissingArgumentError(
                "external_ids",
                "name the assets, and so do `asset_ids`: one of them is given; "
                "`change_asset_external_ids` gives assets new external ids",
            )
        require_named(arguments["asset_ids"], arguments["external_ids"], arguments["project_id"])
        if arguments["status_array"] is not None:
            warn("`status_array` is deprecated, and not sent: a status follows from the labels", DeprecationWarning)
        what = "asset_ids" if arguments["asset_ids"] is not None else "external_ids"
        asked = arguments["asset_ids"] or arguments["external_ids"] or ()
        rows = wire.asset_data({name: arguments[name] for name in wire.PROPERTIES}, len(asked), what)
        ids = self._ids(arguments, call)
        if dry_run:
            return [{"id": asset, **row} for asset, row in zip(ids, rows or [{}] * len(ids), strict=True)]
        return self._update(ids, rows, arguments, call)

    def change_asset_external_ids(
        self,
        new_external_ids: Texts,
        asset_ids: Texts | None = None,
        external_ids: Texts | None = None,
        project_id: str | None = None,
        *,
        dry_run: bool = False,
    ) -> list[dict[str, str]]:
        """Give assets new external ids. Gives `{"id": ...}` for each asset.

        Parameters
        ----------
        new_external_ids: one for each asset.
        asset_ids, external_ids: the assets, by their ids, or by their present external ids in `project_id`.
        dry_run: change nothing, and give what would be changed.

        Raises
        ------
        ArgumentError, NotFoundError, ApiError: as in `update_properties_in_assets`.

        Examples
        --------
        >>> changed = kili.change_asset_external_ids(["street.jpg"], external_ids=["coco_1.jpg"], project_id=project)
        >>> changed == kili.change_asset_external_ids(["coco_1.jpg"], [changed[0]["id"]])
        True
        """
        arguments = check_arguments(AssetChanges.change_asset_external_ids, locals())
        call = Call.of("change_asset_external_ids")
        names = ("new_external_ids", "asset_ids", "external_ids")
        if _is_empty("change_asset_external_ids", arguments, *names):
            return []
        asked = arguments["asset_ids"] if arguments["asset_ids"] is not None else arguments["external_ids"]
        if asked is not None and len(asked) != len(new_external_ids):
            raise ArgumentError(
                "new_external_ids",
                f"has {len(new_external_ids)} items, and there are {len(asked)} assets: one for each",
            )
        ids = self._ids(arguments, call)
        rows: list[Row] = [{"externalId": name} for name in new_external_ids]
        if dry_run:
            return [{"id": asset, **row} for asset, row in zip(ids, rows, strict=True)]

        def renamed(batch: list[_Changed]) -> tuple[list[_Changed], list[dict[str, str]]]:
            batch_ids = [item.id for item in batch]
            project = project_id or self._project_of(batch_ids, call)
            there = self._there(batch_ids, ["id", "externalId"], project, call)
            inside = [item for item in batch if there.get(item.id, {}).get("externalId") == item.data["externalId"]]
            return inside, [{"id": item.id} for item in inside]

        return self._update(ids, rows, arguments, call, renamed)

    def delete_many_from_dataset(
        self,
        asset_ids: Texts | None = None,
        external_ids: Texts | None = None,
        project_id: str | None = None,
        *,
        label_category_search: CategorySearch | None = None,
        dry_run: bool = False,
    ) -> dict[str, Any] | None:
        """Delete assets with their labels. Gives `{"id": project_id}`, or None if none was deleted.

        Assets that the server declines are warned of by name.

        Parameters
        ----------
        asset_ids, external_ids: the assets, by their ids, or by external ids of `project_id`.
        label_category_search: a category query in place of ids: the assets of `project_id` with a label that satisfies it.
        dry_run: delete nothing, and give also the ids of what would be: `{"id": project_id, "asset_ids": [...]}`.

        Raises
        ------
        ArgumentError, NotFoundError, ApiError: as in `update_properties_in_assets`.
        ServerError: assets could not be deleted; the error names them.

        Examples
        --------
        >>> kili.delete_many_from_dataset(external_ids=["coco_3.jpg"], project_id=project) == {"id": project}
        True
        """
        checked, call = (
            check_arguments(AssetChanges.delete_many_from_dataset, locals()),
            Call.of("delete_many_from_dataset"),
        )
        arguments = self._with_ids(checked, call)
        if arguments is None or _is_empty("delete_many_from_dataset", arguments, "asset_ids", "external_ids"):
            return None
        ids = self._ids(arguments, call)
        project = project_id or self._project_of(ids, call)
        if dry_run:
            there = self._there(ids, ["id"], project, call)
            return {"id": project, "asset_ids": [asset for asset in dict.fromkeys(ids) if asset in there]}

        if project is None:  # what is gone already counts as deleted, and so would a name that never was
            warn(f"`delete_many_from_dataset` finds no project of {named(ids)}: there are no such assets")

        def gone(batch: Sequence[str]) -> list[str]:
            there = self._there(batch, ["id"], project, call)
            return [asset for asset in batch if asset not in there]

        outcome = self._act(wire.DELETE, ids, arguments, call, gone if project else None)
        return {"id": project} if outcome.succeeded else None

    def add_to_review(
        self,
        asset_ids: Texts | None = None,
        external_ids: Texts | None = None,
        project_id: str | None = None,
        *,
        label_category_search: CategorySearch | None = None,
        dry_run: bool = False,
    ) -> dict[str, Any] | None:
        """Have labelled assets reviewed. Gives `{"id": project_id, "asset_ids": [...]}`, or None if none was moved.

        Assets without a label are declined, which is warned of.

        Parameters
        ----------
        asset_ids, external_ids: the assets, by their ids, or by external ids of `project_id`.
        label_category_search: a category query in place of ids: the assets of `project_id` with a label that satisfies it.
        dry_run: move nothing, and give the assets that have a label and do not wait for review.

        Raises
        ------
        ArgumentError, NotFoundError, ApiError, ServerError: as in `delete_many_from_dataset`.

        Examples
        --------
        >>> moved = kili.add_to_review(external_ids=["coco_1.jpg"], project_id=project)
        >>> moved["id"] == project, len(moved["asset_ids"])
        (True, 1)
        >>> crowd = "OBJECT_DETECTION_JOB.person.count >= 2"
        >>> found = kili.add_to_review(project_id=project, label_category_search=crowd, dry_run=True)
        >>> len(found["asset_ids"])
        1
        """
        arguments = check_arguments(AssetChanges.add_to_review, locals())
        movable = ("LABELED", "REVIEWED")
        return self._moved("add_to_review", wire.ADD_TO_REVIEW, arguments, movable, "TO_REVIEW")

    def send_back_to_queue(
        self,
        asset_ids: Texts | None = None,
        external_ids: Texts | None = None,
        project_id: str | None = None,
        *,
        label_category_search: CategorySearch | None = None,
        dry_run: bool = False,
    ) -> dict[str, Any] | None:
        """Have assets labelled once more. Gives `{"id": project_id, "asset_ids": [...]}`, or None if none was moved.

        Parameters
        ----------
        asset_ids, external_ids, dry_run: as in `add_to_review`.

        Raises
        ------
        ArgumentError, NotFoundError, ApiError, ServerError: as in `delete_many_from_dataset`.

        Examples
        --------
        >>> moved = kili.send_back_to_queue(external_ids=["coco_1.jpg"], project_id=project)
        >>> len(moved["asset_ids"])
        1
        """
        arguments = check_arguments(AssetChanges.send_back_to_queue, locals())
        movable = ("TODO", "LABELED", "TO_REVIEW", "REVIEWED")
        return self._moved("send_back_to_queue", wire.SEND_BACK, arguments, movable, "ONGOING")

    # -- what they share -------------------------------------------------------------------------------------------

    def _ids(self, arguments: dict[str, Any], call: Call) -> list[str]:
        """The ids of the assets of a call; those that stand beside a project are in it.

        Raises
        ------
        NotFoundError: some are not.
        """
        ids, project_id = arguments["asset_ids"], arguments["project_id"]
        found = self._asset_ids(ids, arguments["external_ids"], project_id, call)
        if ids is not None:
            self._require_in_project(found, project_id, call)
        return found

    def _update(
        self,
        ids: Sequence[str],
        rows: Sequence[Row],
        arguments: dict[str, Any],
        call: Call,
        look_up: Callable[[list[_Changed]], tuple[list[_Changed], list[dict[str, str]]]] | None = None,
    ) -> list[dict[str, str]]:
        items = [_Changed(n, asset, rows[n] if rows else {}) for n, asset in enumerate(ids)]

        def send(batch: list[_Changed]) -> list[dict[str, str]]:
            where = [{"id": item.id} for item in batch]
            data = [item.data for item in batch] if rows else []
            return self._execute(wire.UPDATE.asking(whereArray=where, dataArray=data), call)

        batches = split(items, lambda item: wire.size_of(item.data), self._transport.budget)
        progress = self._in_batches(
            batches, len(items), _id_of, send, "assets", self._bar(None), position=_position_of, look_up=look_up
        )
        if progress.error is not None:
            raise _failure(progress, arguments, items)
        return [changed for _, batch in progress.done for changed in batch]

    def _moved(
        self,
        method: str,
        operation: Operation[Outcome],
        arguments: dict[str, Any],
        movable: tuple[str, ...],
        moved_to: str,
    ) -> dict[str, Any] | None:
        call = Call.of(method)
        found = self._with_ids(arguments, call)
        if found is None or _is_empty(method, found, "asset_ids", "external_ids"):
            return None
        arguments = found
        ids = self._ids(arguments, call)
        project = arguments["project_id"] or self._project_of(ids, call)

        def with_status(assets: Sequence[str], statuses: tuple[str, ...]) -> list[str]:
            there = self._there(assets, ["id", "status"], project, call)
            return [asset for asset in dict.fromkeys(assets) if there.get(asset, {}).get("status") in statuses]

        def done(batch: Sequence[str]) -> list[str]:
            return with_status(batch, (moved_to,))

        if arguments["dry_run"]:
            return {"id": project, "asset_ids": with_status(ids, movable)}
        outcome = self._act(operation, ids, arguments, call, done if project else None)
        moved = [row["assetId"] for row in outcome.succeeded]
        return {"id": project, "asset_ids": moved} if moved else None

    def _act(
        self,
        operation: Operation[Outcome],
        ids: Sequence[str],
        arguments: dict[str, Any],
        call: Call,
        done: Callable[[Sequence[str]], list[str]] | None,
    ) -> Outcome:
        """Do something with assets, and tell of those that it was not done with. `done` asks with which it was."""
        items = [_Changed(n, asset, {}) for n, asset in enumerate(dict.fromkeys(ids))]

        def send(batch: list[_Changed]) -> Outcome:
            return self._execute(operation.asking(where={"idIn": [item.id for item in batch]}), call)

        def look_up(batch: list[_Changed]) -> tuple[list[_Changed], Outcome]:
            inside = set(done([item.id for item in batch]) if done else ())
            rows: list[Row] = [{"assetId": item.id, "externalId": None} for item in batch if item.id in inside]
            return [item for item in batch if item.id in inside], Outcome(rows, [], [])

        batches = split(items, lambda item: len(item.id) + 3, self._transport.budget)
        progress = self._in_batches(
            batches, len(items), _id_of, send, "assets", self._bar(None),
            position=_position_of, look_up=look_up if done else None,
        )  # fmt: skip
        if progress.error is not None:
            raise _failure(progress, arguments, items)
        outcomes = [outcome for _, outcome in progress.done]
        whole = Outcome(*([row for outcome in outcomes for row in outcome[n]] for n in range(len(Outcome._fields))))
        told = {row.get("assetId") for rows in whole for row in rows}
        if unknown := [item.id for item in items if item.id not in told]:
            warn(f"`{call.method}` did nothing with {named(unknown)}: there are no such assets")
        if whole.declined:
            warn(f"`{call.method}` was declined by the server for {_named(whole.declined)}")
        if whole.failed:
            error = ServerError(
                f"`{call.method}` failed for {_named(whole.failed)}; it is done for {len(whole.succeeded):,} assets; "
                "`error.remaining` has the others",
                operation=operation.name,
            )
            failed = {row.get("assetId") for row in whole.failed}
            error.done = [whole]
            error.remaining = _rest(arguments, items, [item.position for item in items if item.id in failed])
            raise error
        return whole


def _id_of(item: _Changed) -> str:
    return item.id


def _position_of(item: _Changed) -> int:
    return item.position


def _is_empty(method: str, arguments: dict[str, Any], *names: str) -> bool:
    """True, with a warning, if an array that names what is to be changed has nothing in it."""
    empty = next((name for name in names if arguments[name] is not None and not arguments[name]), None)
    if empty is not None:
        warn(f"`{method}` does nothing: `{empty}` is empty")
    return empty is not None


def _named(rows: Sequence[Row]) -> str:
    """Assets for a sentence, each by its external id, with what the server says of it."""
    return named(
        [str(row.get("externalId") or row.get("assetId")) for row in rows], [row.get("details") for row in rows]
    )


def _rest(arguments: dict[str, Any], items: Sequence[_Changed], positions: Sequence[int]) -> Remaining | None:
    """The arguments for some of the assets. They are named by their ids: their external ids may be what changes."""
    by_id = {**arguments, "asset_ids": [item.id for item in items], "external_ids": None}
    return Remaining.of(by_id, positions)


def _failure(progress: Progress[_Changed, Any], arguments: dict[str, Any], items: Sequence[_Changed]) -> ApiError:
    """The error of a call that is not wholly in, with the arguments that send the rest."""
    left = progress.left(item.position for item in items)
    return progress.failure(_rest(arguments, items, left), _rest(arguments, items, progress.lost()))
