"""Assets: listing and counting them, and tables of their labels."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Literal

from kili_query.client._async.media import AsyncMedia
from kili_query.client._async.session import LIST_PAGES_AHEAD, PAGES_AHEAD, Listing
from kili_query.client.absent import an_area_elsewhere
from kili_query.client.arguments import check_arguments
from kili_query.client.dataframes import to_dataframe
from kili_query.client.filters import Decide, Filter, decision
from kili_query.client.media.folder import MediaFolder, default_folder
from kili_query.client.media.plan import require_fields, with_json_content
from kili_query.client.media.refusals import DownloadNotAllowedError
from kili_query.client.operations import assets as wire
from kili_query.client.operations import labels as label_wire
from kili_query.client.operations.assets import DATAFRAME_ASSET_FIELDS, DATAFRAME_FIELDS, DEFAULT_FIELDS
from kili_query.client.operations.projects import Project
from kili_query.client.positions import positions_end, right_call
from kili_query.client.types import (
    AssetStatuses,
    CategorySearch,
    Day,
    Fields,
    Folder,
    Id,
    LabelTypes,
    Mark,
    Metadata,
    Natural,
    Row,
    StepStatuses,
    StepsWithStatus,
    Texts,
)
from kili_query.client.wire.calls import Call
from kili_query.client.wire.decoding import labels_in, metadata, responses
from kili_query.client.wire.parsing import with_parsed_labels
from kili_query.client.wire.pruning import keep_labels, without_unasked
from kili_query.client.wire.where import Where, asset_where, labels_of_assets_where, without_aliases
from kili_query.client.wire.workflow import needs_workflow, resolve_steps
from kili_query.errors import ArgumentError
from kili_query.model.kili import IssueStatus, IssueType
from kili_query.query import Query, parse

if TYPE_CHECKING:
    import pandas as pd


class AsyncAssets(AsyncMedia):
    """The methods about assets."""

    @an_area_elsewhere
    @positions_end("2.164", in_26="disable_tqdm")
    async def assets(
        self,
        project_id: Id,
        asset_id: str | None = None,
        skip: Natural = 0,
        fields: Fields | None = DEFAULT_FIELDS,
        asset_id_in: Texts | None = None,
        asset_id_not_in: Texts | None = None,
        *,
        consensus_mark_gt: Mark | None = None,
        consensus_mark_lt: Mark | None = None,
        disable_tqdm: bool | None = None,
        external_id_contains: Texts | None = None,
        first: Natural | None = None,
        format: Literal["pandas", "raw"] | None = None,
        honeypot_mark_gt: Mark | None = None,
        honeypot_mark_lt: Mark | None = None,
        label_author_in: Texts | None = None,
        label_consensus_mark_gt: Mark | None = None,
        label_consensus_mark_lt: Mark | None = None,
        label_created_at: Day | None = None,
        label_created_at_gt: Day | None = None,
        label_created_at_lt: Day | None = None,
        label_honeypot_mark_gt: Mark | None = None,
        label_honeypot_mark_lt: Mark | None = None,
        label_type_in: LabelTypes | None = None,
        metadata_where: Metadata | None = None,
        skipped: bool | None = None,
        status_in: AssetStatuses | None = None,
        updated_at_gte: Day | None = None,
        updated_at_lte: Day | None = None,
        label_category_search: CategorySearch | None = None,
        download_media: bool = False,
        local_media_dir: Folder | None = None,
        created_at_gte: Day | None = None,
        created_at_lte: Day | None = None,
        honeypot_mark_gte: Mark | None = None,
        honeypot_mark_lte: Mark | None = None,
        consensus_mark_gte: Mark | None = None,
        consensus_mark_lte: Mark | None = None,
        inference_mark_gte: Mark | None = None,
        inference_mark_lte: Mark | None = None,
        label_labeler_in: Texts | None = None,
        label_labeler_not_in: Texts | None = None,
        label_reviewer_in: Texts | None = None,
        label_reviewer_not_in: Texts | None = None,
        assignee_in: Texts | None = None,
        assignee_not_in: Texts | None = None,
        label_consensus_mark_gte: Mark | None = None,
        label_consensus_mark_lte: Mark | None = None,
        label_created_at_gte: Day | None = None,
        label_created_at_lte: Day | None = None,
        label_honeypot_mark_gte: Mark | None = None,
        label_honeypot_mark_lte: Mark | None = None,
        issue_type: IssueType | None = None,
        issue_status: IssueStatus | None = None,
        external_id_strictly_in: Texts | None = None,
        external_id_in: Texts | None = None,
        label_output_format: Literal["dict", "parsed_label"] = "dict",
        as_generator: bool = False,
        step_name_and_status_in: StepsWithStatus | None = None,
        step_name_and_status_not_in: StepsWithStatus | None = None,
        step_name_in: Texts | None = None,
        step_name_not_in: Texts | None = None,
        step_status_in: StepStatuses | None = None,
        step_status_not_in: StepStatuses | None = None,
        group_name_in: Texts | None = None,
        group_name_not_in: Texts | None = None,
        step_id_in: Texts | None = None,
        step_id_not_in: Texts | None = None,
        step_id_and_status_in: StepsWithStatus | None = None,
        step_id_and_status_not_in: StepsWithStatus | None = None,
        matching_labels_only: bool = False,
        misfits: Literal["raise", "keep", "skip"] = "raise",
    ) -> list[Row] | AsyncGenerator[Row] | pd.DataFrame:
        """The assets of a project, each as a dict of the asked fields, the oldest first.

        Parameters
        ----------
        project_id: id of the project.
        asset_id, asset_id_in, asset_id_not_in: only the asset with this id; with one, or none, of these ids.
        external_id_in, external_id_strictly_in: external id contains one of the texts; is one of them.
        status_in, skipped: status (TODO, ONGOING, LABELED, TO_REVIEW, REVIEWED); skipped or not.
        step_*, group_name_*: steps of the workflow by name or id, statuses in them, groups (projects with steps).
        assignee_in, assignee_not_in: assigned to one of these users, or to another.
        consensus_mark_*, honeypot_mark_*, inference_mark_*: marks of the asset, from 0 to 1; ends are included.
        created_at_*, updated_at_*: days, `YYYY-MM-DD`; both ends of a range are included.
        metadata_where: `{key: value}`: equal; `{key: [text, text]}`: one of them; `{key: [low, high]}`: from, to.
        issue_type, issue_status: has an issue of this type, with this status.
        label_*: one label of the asset must satisfy all of these together. All labels of the asset are given, though.
        label_category_search: a category query, as text or `Query`, that this label satisfies.
        matching_labels_only: give, of the labels, only those that satisfy `label_category_search`.
        fields: names of fields, parts of objects with a dot. With answers of labels come `content`, `jsonContent` and
            `resolution`. By default, in projects with steps, `currentStep` is given instead of `status`.
        first, skip: how many assets at most; how many to leave out at the start.
        format: "pandas" gives a DataFrame (`pip install "kili_query[pandas]"`); "raw" and None give dicts.
        disable_tqdm: True hides the progress bar; None shows it only on terminals and in notebooks.
        download_media: download the files behind `content` and `jsonContent`, and give their paths in place of addresses.
        local_media_dir: the folder for them; by default `~/.cache/kili/projects/<project_id>/assets`.
        label_output_format: "dict"; "parsed_label" gives `ParsedLabel` objects under `labels` and `latestLabel`.
        misfits: of parsed labels: those that do not fit the ontology are errors; "keep" keeps such answers as they are, "skip" leaves
            such labels out, with a warning.
        as_generator: give the assets one by one, as an iterator that fetches pages when they are needed.
        consensus_mark_gt, honeypot_mark_lt, ..., external_id_contains: old names, with a DeprecationWarning.

        Raises
        ------
        ArgumentError: an argument cannot be used; raised before anything is sent.
        QuerySyntaxError, QueryCheckError, UnsupportedQueryError: the category query is wrong for this project.
        NotFoundError: there is no such project.
        MissingPropertyError, DownloadNotAllowedError, UnsupportedMediaError: media cannot be downloaded.
        DownloadError: some media could not be downloaded; raised when all others are there.
        ParsedLabelError: a label cannot become a parsed label; the message names it.
        DataError: a label cannot be read, or a file cannot be written.
        ApiError: the server gave no answer, or a refusal.

        Examples
        --------
        >>> for asset in await kili.assets(project, label_category_search="OBJECT_DETECTION_JOB.person.count >= 2"):
        ...     print(asset["externalId"], asset["status"])
        coco_1.jpg LABELED
        coco_3.jpg LABELED
        """
        arguments = without_aliases(check_arguments(AsyncAssets.assets, locals()))
        if arguments["fields"] is None:  # which is the default of `kili` 26
            arguments["fields"] = DEFAULT_FIELDS
        _refuse_what_is_missing(arguments)
        call = Call.of("assets")
        wire.listing(arguments["fields"], None)  # a wrong field is told before anything is sent
        if arguments["as_generator"]:
            return self._generated_assets(arguments, call)
        if arguments["format"] == "pandas":
            to_dataframe([], "format")  # a missing pandas is told before anything is fetched
        bar = self._bar(disable_tqdm)
        if arguments["download_media"]:
            found = []
            async with aclosing(self._downloaded_assets(arguments, call, bar, LIST_PAGES_AHEAD)) as rows:
                async for row in rows:
                    found.append(row)
        else:
            found = await self._listed(await self._asked_assets(arguments, call), call, bar)
        return to_dataframe(found, "format") if arguments["format"] == "pandas" else found

    @right_call(project_id="it counts the assets of a project: `count_assets(project_id)`")
    @positions_end("2.164", in_26="metadata_where")
    async def count_assets(
        self,
        project_id: Id,
        asset_id: str | None = None,
        asset_id_in: Texts | None = None,
        asset_id_not_in: Texts | None = None,
        *,
        external_id_contains: Texts | None = None,
        metadata_where: Metadata | None = None,
        status_in: AssetStatuses | None = None,
        consensus_mark_gt: Mark | None = None,
        consensus_mark_lt: Mark | None = None,
        honeypot_mark_gt: Mark | None = None,
        honeypot_mark_lt: Mark | None = None,
        label_type_in: LabelTypes | None = None,
        label_author_in: Texts | None = None,
        label_consensus_mark_gt: Mark | None = None,
        label_consensus_mark_lt: Mark | None = None,
        label_created_at: Day | None = None,
        label_created_at_gt: Day | None = None,
        label_created_at_lt: Day | None = None,
        label_honeypot_mark_gt: Mark | None = None,
        label_honeypot_mark_lt: Mark | None = None,
        skipped: bool | None = None,
        updated_at_gte: Day | None = None,
        updated_at_lte: Day | None = None,
        label_category_search: CategorySearch | None = None,
        created_at_gte: Day | None = None,
        created_at_lte: Day | None = None,
        honeypot_mark_gte: Mark | None = None,
        honeypot_mark_lte: Mark | None = None,
        consensus_mark_gte: Mark | None = None,
        consensus_mark_lte: Mark | None = None,
        inference_mark_gte: Mark | None = None,
        inference_mark_lte: Mark | None = None,
        label_labeler_in: Texts | None = None,
        label_labeler_not_in: Texts | None = None,
        label_reviewer_in: Texts | None = None,
        label_reviewer_not_in: Texts | None = None,
        assignee_in: Texts | None = None,
        assignee_not_in: Texts | None = None,
        label_consensus_mark_gte: Mark | None = None,
        label_consensus_mark_lte: Mark | None = None,
        label_created_at_gte: Day | None = None,
        label_created_at_lte: Day | None = None,
        label_honeypot_mark_gte: Mark | None = None,
        label_honeypot_mark_lte: Mark | None = None,
        issue_type: IssueType | None = None,
        issue_status: IssueStatus | None = None,
        external_id_strictly_in: Texts | None = None,
        external_id_in: Texts | None = None,
        step_name_in: Texts | None = None,
        step_name_not_in: Texts | None = None,
        step_status_in: StepStatuses | None = None,
        step_status_not_in: StepStatuses | None = None,
        step_name_and_status_in: StepsWithStatus | None = None,
        step_name_and_status_not_in: StepsWithStatus | None = None,
        group_name_in: Texts | None = None,
        group_name_not_in: Texts | None = None,
        step_id_in: Texts | None = None,
        step_id_not_in: Texts | None = None,
        step_id_and_status_in: StepsWithStatus | None = None,
        step_id_and_status_not_in: StepsWithStatus | None = None,
    ) -> int:
        """How many assets there are. Arguments and errors are those of `assets`.

        Examples
        --------
        >>> await kili.count_assets(project, label_category_search="OBJECT_DETECTION_JOB.person.count >= 2")
        2
        """
        call = Call.of("count_assets")
        arguments = without_aliases(check_arguments(AsyncAssets.count_assets, locals()))
        arguments, project, search = await self._asset_filters(arguments, call)
        if search.local is not None and project is not None:
            return len(await self._assets_by_labels(arguments, search.local, search.text, project, call))
        return await self._count(wire.COUNT, asset_where(arguments, search.text), call, project_id)

    async def export_labels_as_df(
        self,
        project_id: Id,
        fields: Fields = DATAFRAME_FIELDS,
        asset_fields: Fields = DATAFRAME_ASSET_FIELDS,
    ) -> pd.DataFrame:
        """A table of all labels: a row per label, with columns of its asset beside its own.

        Needs pandas: `pip install "kili_query[pandas]"`.

        Parameters
        ----------
        project_id: id of the project.
        fields: fields of the label, a column each; parts of one object share a column that holds dicts.
        asset_fields: fields of its asset, in columns named `asset_<field>`.

        Raises
        ------
        ArgumentError, NotFoundError, ApiError: as `labels`.

        Examples
        --------
        >>> table = await kili.export_labels_as_df(project, fields=["labelType"])
        >>> print(table)
          labelType asset_externalId
        0   DEFAULT       coco_1.jpg
        1   DEFAULT       coco_2.jpg
        2   DEFAULT       coco_3.jpg
        """
        arguments = check_arguments(AsyncAssets.export_labels_as_df, locals())
        to_dataframe([], "export_labels_as_df")  # a missing pandas is told before anything is fetched
        call = Call.of("export_labels_as_df")
        asked = [*arguments["asset_fields"], *(f"labels.{field}" for field in arguments["fields"])]
        listing = await self._asset_listing(project_id, asset_where({"project_id": project_id}), asked, call)
        return to_dataframe(wire.by_label(await self._listed(listing, call, self._bar(None))), "export_labels_as_df")

    async def _generated_assets(self, arguments: dict[str, Any], call: Call) -> AsyncGenerator[Row]:
        """Assets one by one. Nothing is sent before the first is asked for."""
        if arguments["download_media"]:
            rows = self._downloaded_assets(arguments, call, True, PAGES_AHEAD)
        else:
            rows = self._rows(await self._asked_assets(arguments, call), call, True)
        async with aclosing(rows):
            async for row in rows:
                yield row

    async def _downloaded_assets(
        self, arguments: dict[str, Any], call: Call, bar: bool | None, ahead: int
    ) -> AsyncGenerator[Row]:
        """Assets one by one, with their media."""
        project_id, fields = arguments["project_id"], arguments["fields"]
        project = await self._project(project_id, call)
        if await self._is_connected(project_id, call):
            raise DownloadNotAllowedError(
                f"the media of project `{project_id}` lie in a storage that is connected to it, from which Kili gives none;"
                " `download_media=False` gives the assets without them"
            )
        asked = with_json_content(fields, project.input_type)
        listing = await self._asked_assets({**arguments, "fields": asked}, call)
        media = MediaFolder(
            arguments["local_media_dir"] or default_folder(project_id), project.input_type, project_id,
            added=asked is not fields and not wire.has_responses(fields), hidden=bar,
        )  # fmt: skip
        rows: list[Row] = []
        with media:
            async with aclosing(self._with_media(self._pages(listing, call, bar, ahead), media, call)) as found:
                async for asset in found:
                    if not arguments["as_generator"]:
                        rows.append(asset.row)
                    yield asset.row
            media.tell(rows)

    async def _asked_assets(self, arguments: dict[str, Any], call: Call) -> Listing:
        """The listing that the arguments of `assets` ask for."""
        project = await self._project(arguments["project_id"], call)
        arguments, _, search = await self._asset_filters(arguments, call)
        fields = wire.fields_of_workflow(arguments["fields"], project.workflow)
        where = asset_where(arguments, search.text)
        chosen = None
        if search.local is not None:
            chosen = await self._assets_by_labels(arguments, search.local, search.text, project, call)
        matching = None
        if arguments["matching_labels_only"]:
            query = search.query
            matching = decision(parse(arguments["label_category_search"]) if query is None else query, project.ontology)
        return await self._listing(where, fields, project, call, arguments, chosen, matching)

    async def _asset_filters(
        self, arguments: dict[str, Any], call: Call
    ) -> tuple[dict[str, Any], Project | None, Filter]:
        """The arguments with steps resolved, the project where they need it, and the filter of the query."""
        project = None
        search = await self._filter(arguments["label_category_search"], arguments["project_id"], call)
        if needs_workflow(arguments) or search.local is not None:
            project = await self._project(arguments["project_id"], call)
            arguments = resolve_steps(arguments, project)
        return arguments, project, search

    async def _assets_by_labels(
        self, arguments: Mapping[str, Any], query: Query, text: str | None, project: Project, call: Call
    ) -> set[str]:
        """The ids of the assets with a label that satisfies the criteria, the query among them, decided here."""
        fields = ["assetId", "jsonResponse"]
        decide = decision(query, project.ontology)

        async def decode(rows: list[Row], call: Call) -> list[Row]:
            await self._fetch(responses(rows, project.input_type), call)
            return [row for row in rows if decide(row.get("jsonResponse"))]

        listing = Listing(
            noun="labels",
            operation=label_wire.listing(fields, project.input_type),
            counting=label_wire.COUNT,
            where=labels_of_assets_where(arguments, text),
            page=label_wire.page_size(fields, project.input_type),
            decode=decode,
        )
        return {row["assetId"] for row in await self._listed(listing, call, True)}

    async def _asset_listing(self, project_id: str, where: Where, fields: Texts, call: Call) -> Listing:
        """All assets that a filter finds, with these fields."""
        project = await self._project(project_id, call) if wire.has_responses(fields) else None
        return await self._listing(where, fields, project, call, {"project_id": project_id})

    async def _listing(
        self, where: Where, fields: Texts, project: Project | None, call: Call, arguments: Mapping[str, Any],
        chosen: set[str] | None = None, matching: Decide | None = None,
    ) -> Listing:  # fmt: skip
        """A listing of assets; of those `chosen` by id only, with the labels that are `matching` only."""
        input_type = project.input_type if project else None
        asked = list(fields)
        if chosen is not None:
            asked.append("id")
        if matching is not None:
            asked += [f"{key}.jsonResponse" for key in wire.label_keys(fields)]
        asked = list(dict.fromkeys(asked))
        annotations = 0
        if wire.counts_annotations(asked, input_type):
            annotations = await self._execute(wire.COUNT_ANNOTATIONS.asking(where=where), call)

        async def decode(rows: list[Row], call: Call) -> list[Row]:
            if chosen is not None:
                rows = [row for row in rows if row["id"] in chosen]
            behind = list(metadata(rows))
            if wire.has_responses(asked):
                behind += responses(labels_in(rows), input_type)
            await self._fetch(behind, call)
            if matching is not None:
                keep_labels(rows, matching)
            rows = rows if set(asked) == set(fields) else without_unasked(rows, wire.given_fields(fields))
            if arguments.get("label_output_format") == "parsed_label":
                rows = await self._parsed(rows, with_parsed_labels, arguments["misfits"], arguments["project_id"], call)
            return rows

        return Listing(
            noun="assets",
            operation=wire.listing(asked, input_type),
            counting=wire.COUNT,
            where=where,
            page=wire.page_size(asked, input_type, annotations),
            project_id=arguments["project_id"],
            first=arguments.get("first"),
            skip=arguments.get("skip") or 0,
            whole_pages="id" in fields and not wire.has_responses(asked),
            decode=decode,
            filtered=chosen is not None,
        )


def _refuse_what_is_missing(arguments: Mapping[str, Any]) -> None:
    """Refuse what the arguments of `assets` cannot mean together, and what is not there yet."""
    if arguments["format"] == "pandas" and arguments["as_generator"]:
        raise ArgumentError(
            "as_generator", 'gives assets one by one, and `format="pandas"` a table of all; it is one of them'
        )
    if arguments["download_media"]:
        require_fields(wire.given_fields(arguments["fields"]))
    if arguments["matching_labels_only"]:
        if arguments["label_category_search"] in (None, ""):
            raise ArgumentError(
                "matching_labels_only", "keeps labels that satisfy `label_category_search`, which is not given"
            )
        if not wire.label_keys(arguments["fields"]):
            raise ArgumentError("matching_labels_only", "needs labels among `fields`, such as `labels.id`")
