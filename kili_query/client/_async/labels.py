"""Labels: listing and counting them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any, Literal

from kili_query.client._async.session import AsyncSession, Listing
from kili_query.client.absent import an_area_elsewhere
from kili_query.client.arguments import check_arguments
from kili_query.client.filters import Filter, decision
from kili_query.client.operations import labels as wire
from kili_query.client.operations.labels import DEFAULT_FIELDS, PREDICTION_FIELDS
from kili_query.client.operations.projects import Project
from kili_query.client.positions import positions_end
from kili_query.client.types import (
    AssetStatuses,
    CategorySearch,
    Day,
    Fields,
    Id,
    LabelTypes,
    Mark,
    Natural,
    Row,
    StepStatuses,
    Texts,
)
from kili_query.client.wire.calls import Call
from kili_query.client.wire.decoding import responses
from kili_query.client.wire.parsing import parsed_labels, require_responses
from kili_query.client.wire.pruning import without_unasked
from kili_query.client.wire.where import label_where
from kili_query.client.wire.workflow import needs_workflow, resolve_steps


class AsyncLabels(AsyncSession):
    """The methods about labels."""

    @an_area_elsewhere
    @positions_end("2.131", in_26="asset_external_id_strictly_in")
    async def labels(
        self,
        project_id: Id,
        asset_id: str | None = None,
        asset_status_in: AssetStatuses | None = None,
        asset_external_id_in: Texts | None = None,
        *,
        author_in: Texts | None = None,
        created_at: Day | None = None,
        created_at_gte: Day | None = None,
        created_at_lte: Day | None = None,
        fields: Fields = DEFAULT_FIELDS,
        first: Natural | None = None,
        honeypot_mark_gte: Mark | None = None,
        honeypot_mark_lte: Mark | None = None,
        id_contains: Texts | None = None,
        label_id: str | None = None,
        skip: Natural = 0,
        type_in: LabelTypes | None = None,
        user_id: str | None = None,
        disable_tqdm: bool | None = False,
        category_search: CategorySearch | None = None,
        as_generator: bool = False,
        asset_external_id_strictly_in: Texts | None = None,
        asset_step_name_in: Texts | None = None,
        asset_step_status_in: StepStatuses | None = None,
        asset_group_name_in: Texts | None = None,
        asset_group_name_not_in: Texts | None = None,
        output_format: Literal["dict", "parsed_label"] = "dict",
        asset_step_id_in: Texts | None = None,
        misfits: Literal["raise", "keep", "skip"] = "raise",
    ) -> list[Row] | AsyncGenerator[Row]:
        """The labels of a project, each as a dict of the asked fields, the oldest first.

        Parameters
        ----------
        project_id: id of the project.
        asset_id, asset_external_id_in, asset_external_id_strictly_in, asset_status_in: only labels of the asset with
            this id; of assets whose external id contains one of the texts, or is one of them; with one of the statuses.
        asset_step_name_in, asset_step_id_in, asset_step_status_in, asset_group_name_in, asset_group_name_not_in:
            only labels of assets in these steps and groups of the workflow (projects with steps).
        author_in, user_id: only labels by authors with this first name, last name, or both with a space between;
            by the user with this id.
        created_at, created_at_gte, created_at_lte: days, `YYYY-MM-DD`; both ends of a range are included.
        honeypot_mark_gte, honeypot_mark_lte: agreement with the honeypot, from 0 to 1.
        id_contains, label_id: only labels with one of these ids; with this id.
        type_in: label types: AUTOSAVE, DEFAULT, INFERENCE, PREDICTION, REVIEW.
        category_search: a category query, as text or `Query`; extensions such as NOT and IN are translated.
        fields: names of fields, parts of objects with a dot.
        first, skip: how many labels at most; how many to leave out at the start.
        disable_tqdm: True hides the progress bar; None shows it only on terminals and in notebooks.
        output_format: "dict"; "parsed_label" gives `ParsedLabel` objects.
        misfits: of parsed labels: those that do not fit the ontology are errors; "keep" keeps such answers as they are, "skip" leaves
            such labels out, with a warning.
        as_generator: give the labels one by one, as an iterator that fetches pages when they are needed.

        Raises
        ------
        ArgumentError: an argument cannot be used; raised before anything is sent.
        QuerySyntaxError, QueryCheckError, UnsupportedQueryError: the category query is wrong for this project.
        NotFoundError: there is no such project.
        ParsedLabelError: a label cannot become a parsed label; the message names it.
        ApiError: the server gave no answer, or a refusal.

        Examples
        --------
        >>> for label in await kili.labels(project, category_search="OBJECT_DETECTION_JOB.bowl.count IN 3..5"):
        ...     print(label["labelType"], label["author"]["email"])
        DEFAULT labeler@example.com
        """
        return await self._label_rows(check_arguments(AsyncLabels.labels, locals()), Call.of("labels"))

    @positions_end("2.131", in_26="asset_step_name_in")
    async def predictions(
        self,
        project_id: Id,
        asset_id: str | None = None,
        asset_status_in: AssetStatuses | None = None,
        asset_external_id_in: Texts | None = None,
        *,
        author_in: Texts | None = None,
        created_at: Day | None = None,
        created_at_gte: Day | None = None,
        created_at_lte: Day | None = None,
        fields: Fields | None = None,
        first: Natural | None = None,
        honeypot_mark_gte: Mark | None = None,
        honeypot_mark_lte: Mark | None = None,
        id_contains: Texts | None = None,
        label_id: str | None = None,
        skip: Natural = 0,
        user_id: str | None = None,
        disable_tqdm: bool | None = False,
        category_search: CategorySearch | None = None,
        as_generator: bool = False,
        asset_step_name_in: Texts | None = None,
        asset_step_status_in: StepStatuses | None = None,
        asset_step_id_in: Texts | None = None,
    ) -> list[Row] | AsyncGenerator[Row]:
        """The labels of type PREDICTION. Arguments and errors are those of `labels`.

        Parameters
        ----------
        fields: None stands for author.email, author.id, id, jsonResponse, labelType, modelName.

        Examples
        --------
        >>> await kili.predictions(project, category_search="OBJECT_DETECTION_JOB.bowl.count > 0")
        []
        """
        arguments = check_arguments(AsyncLabels.predictions, locals())
        return await self._label_rows({**arguments, "type_in": ["PREDICTION"]}, Call.of("predictions"))

    @positions_end("2.131", in_26="asset_step_name_in")
    async def inferences(
        self,
        project_id: Id,
        asset_id: str | None = None,
        asset_status_in: AssetStatuses | None = None,
        asset_external_id_in: Texts | None = None,
        *,
        author_in: Texts | None = None,
        created_at: Day | None = None,
        created_at_gte: Day | None = None,
        created_at_lte: Day | None = None,
        fields: Fields | None = None,
        first: Natural | None = None,
        honeypot_mark_gte: Mark | None = None,
        honeypot_mark_lte: Mark | None = None,
        id_contains: Texts | None = None,
        label_id: str | None = None,
        skip: Natural = 0,
        user_id: str | None = None,
        disable_tqdm: bool | None = False,
        category_search: CategorySearch | None = None,
        as_generator: bool = False,
        asset_step_name_in: Texts | None = None,
        asset_step_status_in: StepStatuses | None = None,
        asset_step_id_in: Texts | None = None,
    ) -> list[Row] | AsyncGenerator[Row]:
        """The labels of type INFERENCE. Arguments and errors are those of `labels`.

        Parameters
        ----------
        fields: None stands for author.email, author.id, id, jsonResponse, labelType, modelName.

        Examples
        --------
        >>> await kili.inferences(project, fields=["id", "modelName"])
        []
        """
        arguments = check_arguments(AsyncLabels.inferences, locals())
        return await self._label_rows({**arguments, "type_in": ["INFERENCE"]}, Call.of("inferences"))

    @positions_end("2.131", in_26="asset_external_id_strictly_in")
    async def count_labels(
        self,
        project_id: Id,
        asset_id: str | None = None,
        asset_status_in: AssetStatuses | None = None,
        asset_external_id_in: Texts | None = None,
        *,
        author_in: Texts | None = None,
        created_at: Day | None = None,
        created_at_gte: Day | None = None,
        created_at_lte: Day | None = None,
        honeypot_mark_gte: Mark | None = None,
        honeypot_mark_lte: Mark | None = None,
        label_id: str | None = None,
        type_in: LabelTypes | None = None,
        user_id: str | None = None,
        category_search: CategorySearch | None = None,
        id_contains: Texts | None = None,
        asset_external_id_strictly_in: Texts | None = None,
        asset_step_name_in: Texts | None = None,
        asset_step_status_in: StepStatuses | None = None,
        asset_group_name_in: Texts | None = None,
        asset_group_name_not_in: Texts | None = None,
        asset_step_id_in: Texts | None = None,
    ) -> int:
        """How many labels there are. Arguments and errors are those of `labels`.

        Examples
        --------
        >>> await kili.count_labels(project, category_search="OBJECT_DETECTION_JOB.person.count >= 2")
        2
        """
        call = Call.of("count_labels")
        arguments, project, search = await self._label_filters(
            check_arguments(AsyncLabels.count_labels, locals()), call
        )
        if search.local is not None:
            listing = self._label_listing(arguments, ["id"], project, search)
            return len(await self._listed(listing, call, True))
        return await self._count(wire.COUNT, label_where(arguments, search.text), call, arguments["project_id"])

    async def _label_rows(self, arguments: dict[str, Any], call: Call) -> list[Row] | AsyncGenerator[Row]:
        """The labels that the arguments of a method ask for, as a list or one by one."""
        fields = PREDICTION_FIELDS if arguments["fields"] is None else arguments["fields"]
        if arguments.get("output_format") == "parsed_label":
            require_responses("output_format", fields)
        wire.listing(fields, None)  # a wrong field is told before anything is sent
        if arguments["as_generator"]:
            return self._generated_labels(arguments, fields, call)
        return await self._listed(
            await self._asked_labels(arguments, fields, call), call, self._bar(arguments["disable_tqdm"])
        )

    async def _generated_labels(self, arguments: dict[str, Any], fields: Texts, call: Call) -> AsyncGenerator[Row]:
        """Labels one by one. Nothing is sent before the first is asked for."""
        async for row in self._rows(await self._asked_labels(arguments, fields, call), call, True):
            yield row

    async def _asked_labels(self, arguments: dict[str, Any], fields: Texts, call: Call) -> Listing:
        arguments, project, search = await self._label_filters(arguments, call)
        if project is None and "jsonResponse" in fields:
            project = await self._project(arguments["project_id"], call)
        return self._label_listing(arguments, fields, project, search)

    async def _label_filters(
        self, arguments: dict[str, Any], call: Call
    ) -> tuple[dict[str, Any], Project | None, Filter]:
        """The arguments with steps resolved, the project where they need it, and the filter of the query."""
        project = None
        search = await self._filter(arguments["category_search"], arguments["project_id"], call)
        if needs_workflow(arguments, "asset_") or search.local is not None:
            project = await self._project(arguments["project_id"], call)
            arguments = resolve_steps(arguments, project, "asset_")
        return arguments, project, search

    def _label_listing(
        self, arguments: Mapping[str, Any], fields: Texts, project: Project | None, search: Filter
    ) -> Listing:
        asked = list(fields)
        input_type = project.input_type if project else None
        if search.local is not None and "jsonResponse" not in asked:
            asked.append("jsonResponse")
        keep = decision(search.local, project.ontology if project else None) if search.local is not None else None

        async def decode(rows: list[Row], call: Call) -> list[Row]:
            if "jsonResponse" in asked:
                await self._fetch(responses(rows, input_type), call)
            if keep is not None:
                rows = [row for row in rows if keep(row.get("jsonResponse"))]
                rows = rows if set(asked) == set(fields) else without_unasked(rows, fields)
            if arguments.get("output_format") == "parsed_label":
                rows = await self._parsed(rows, parsed_labels, arguments["misfits"], arguments["project_id"], call)
            return rows

        return Listing(
            noun="labels",
            operation=wire.listing(asked, input_type),
            counting=wire.COUNT,
            where=label_where(arguments, search.text),
            page=wire.page_size(asked, input_type),
            project_id=arguments["project_id"],
            first=arguments.get("first"),
            skip=arguments.get("skip") or 0,
            decode=decode,
            filtered=keep is not None,
        )
