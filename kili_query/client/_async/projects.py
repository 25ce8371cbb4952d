"""Projects: what a newcomer needs to begin."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, Literal

from kili_query.client._async.session import AsyncSession, Listing
from kili_query.client.absent import an_area_elsewhere
from kili_query.client.arguments import check_arguments
from kili_query.client.messages import warn
from kili_query.client.operations import projects as wire
from kili_query.client.operations.projects import DEFAULT_FIELDS, USER_FIELDS
from kili_query.client.operations.tags import CHECK_TAG, TAGS, TAGS_OF_PROJECT, tag_ids
from kili_query.client.types import (
    ComplianceTags,
    Day,
    Fields,
    Id,
    Mark,
    Natural,
    Percent,
    ProjectUserStatuses,
    Row,
    Texts,
)
from kili_query.client.wire.calls import Call
from kili_query.client.wire.where import project_where
from kili_query.model.kili import PROJECT_USER_STATUSES, NewInputType
from kili_query.model.ontology import Ontology


class AsyncProjects(AsyncSession):
    """The methods about projects."""

    @an_area_elsewhere
    async def projects(
        self,
        project_id: str | None = None,
        search_query: str | None = None,
        should_relaunch_kpi_computation: bool | None = None,
        updated_at_gte: Day | None = None,
        updated_at_lte: Day | None = None,
        archived: bool | None = None,
        starred: bool | None = None,
        tags_in: Texts | None = None,
        organization_id: str | None = None,
        fields: Fields = DEFAULT_FIELDS,
        deleted: bool | None = None,
        first: Natural | None = None,
        skip: Natural = 0,
        disable_tqdm: bool | None = None,
        *,
        as_generator: bool = False,
    ) -> list[Row] | AsyncGenerator[Row]:
        """The projects that the key may see, each as a dict of the asked fields; `jsonInterface` is an object.

        Parameters
        ----------
        project_id: only the project with this id.
        search_query: only projects whose title is like this text; `%` stands for any characters.
        updated_at_gte, updated_at_lte: days, `YYYY-MM-DD`; both ends are included.
        archived, starred, deleted: only those that are so, or are not; deleted ones lie in the trash.
        tags_in: ids of tags, of which a project has one.
        organization_id: only projects of this organisation.
        should_relaunch_kpi_computation: of no use to callers; Kili's own SDK has it.
        fields, first, skip, disable_tqdm, as_generator: as in `labels`.

        Raises
        ------
        ArgumentError: an argument cannot be used; raised before anything is sent.
        ApiError: the server gave no answer, or a refusal.

        Examples
        --------
        >>> [row["title"] for row in await kili.projects(project)]
        ['coco']
        """
        arguments = check_arguments(AsyncProjects.projects, locals())
        call = Call.of("projects")
        listing = Listing(
            noun="projects",
            operation=wire.listing(arguments["fields"]),
            counting=wire.COUNT,
            where=project_where(arguments),
            page=100,
            first=arguments["first"],
            skip=arguments["skip"],
            decode=_decoded,
        )
        if as_generator:
            return self._rows(listing, call, True)
        return await self._listed(listing, call, self._bar(disable_tqdm))

    async def count_projects(
        self,
        project_id: str | None = None,
        search_query: str | None = None,
        should_relaunch_kpi_computation: bool | None = None,
        updated_at_gte: Day | None = None,
        updated_at_lte: Day | None = None,
        archived: bool | None = None,
        deleted: bool | None = None,
        organization_id: str | None = None,
        starred: bool | None = None,
        tags_in: Texts | None = None,
    ) -> int:
        """How many projects there are. Arguments and errors are those of `projects`.

        Examples
        --------
        >>> await kili.count_projects(search_query="coco%")
        1
        """
        where = project_where(check_arguments(AsyncProjects.count_projects, locals()))
        return await self._count(wire.COUNT, where, Call.of("count_projects"), None)

    async def create_project(
        self,
        title: Id,
        description: str = "",
        input_type: NewInputType | None = None,
        json_interface: dict[str, Any] | None = None,
        project_id: str | None = None,
        *,
        tags: Texts | None = None,
        compliance_tags: ComplianceTags | None = None,
        from_demo_project: str | None = None,
        pixel_labeling: bool = False,
    ) -> dict[str, str]:
        """Make a project.

        Parameters
        ----------
        title: its title.
        description: what it is for.
        input_type: what is labelled: AUDIO, GEOSPATIAL, IMAGE, LLM_INSTR_FOLLOWING, LLM_RLHF, LLM_STATIC, PDF, TEXT, VIDEO.
        json_interface: its ontology, with `jobs`.
        project_id: a project to copy: its ontology, kind, instructions and tags, not its assets. `input_type` and
            `json_interface` are not given, then.
        tags: names of tags that the organization has.
        compliance_tags: PHI, PII.
        from_demo_project: a project that Kili has prepared, such as DEMO_REVIEWS.
        pixel_labeling: maps are labelled in their own pixels (GEOSPATIAL).

        Local Kili has no tags and no demo projects, and says so.

        Returns
        -------
        `{"id": ...}` with the id of the project.

        Raises
        ------
        ArgumentError: an argument is missing or cannot be used, or there is no such tag.
        NotFoundError: there is no project `project_id`.
        OutcomeUnknownError: the answer was lost, and the project may have been made.
        ApiError: the server gave no answer, or a refusal.

        Examples
        --------
        >>> weather = {"content": {"categories": {"SUN": {"name": "Sun"}}, "input": "radio"}, "mlTask": "CLASSIFICATION"}
        >>> await kili.create_project("Sky", input_type="IMAGE", json_interface={"jobs": {"WEATHER": weather}})
        {'id': '...'}
        """
        arguments = check_arguments(AsyncProjects.create_project, locals())
        call = Call.of("create_project")
        chosen, source = [], None
        if project_id is None:
            data = wire.new_project(arguments)
        else:
            if input_type or json_interface:
                warn("`create_project` copies `project_id`, so that `input_type` and `json_interface` are not used")
            source = await self._copied(project_id, call)
            data = wire.copied_project(source, arguments)
            chosen = [tag["id"] for tag in await self._execute(TAGS_OF_PROJECT.asking(projectId=project_id), call)]
        if tags:
            there = await self._execute(TAGS, call)
            chosen += tag_ids(there, tags)
        made = await self._execute(wire.creation(data), call)
        if source and source.get("instructions"):
            await self.update_properties_in_project(made, instructions=source["instructions"])
        for tag in dict.fromkeys(chosen):
            await self._execute(CHECK_TAG.asking(data={"projectId": made, "tagId": tag}), call)
        return {"id": made}

    async def _copied(self, project_id: str, call: Call) -> Row:
        rows = await self._execute(wire.COPIED.asking(where={"id": project_id}, first=1, skip=0), call)
        if not rows:
            await self._project(project_id, call, anew=True)  # which says that it is not there
        return rows[0]

    async def update_properties_in_project(
        self,
        project_id: Id,
        *,
        can_navigate_between_assets: bool | None = None,
        can_skip_asset: bool | None = None,
        compliance_tags: ComplianceTags | None = None,
        consensus_mark: Mark | None = None,
        consensus_tot_coverage: Percent | None = None,
        description: str | None = None,
        honeypot_mark: Mark | None = None,
        instructions: str | None = None,
        input_type: NewInputType | None = None,
        json_interface: dict[str, Any] | None = None,
        min_consensus_size: Natural | None = None,
        review_coverage: Percent | None = None,
        should_relaunch_kpi_computation: bool | None = None,
        title: str | None = None,
        use_honeypot: bool | None = None,
        metadata_types: dict[str, Any] | None = None,
        metadata_properties: dict[str, Any] | None = None,
        seconds_to_label_before_auto_assign: Natural | None = None,
        should_auto_assign: bool | None = None,
    ) -> Row:
        """Change properties of a project; those that are None stay as they are. Gives those that were changed, and `id`.

        The names are those of the server, as in `projects`: `min_consensus_size` is `minConsensusSize`.

        Parameters
        ----------
        json_interface: another ontology.
        consensus_tot_coverage, review_coverage: the share of assets that several people label, or that are reviewed, in percent.
        min_consensus_size: how many people label each of them.
        consensus_mark, honeypot_mark: from 0 to 1.
        metadata_properties: for each key of the metadata `type`, `filterable`, `visibleByLabeler`, `visibleByReviewer`;
            what is left out is "string" and True.
        metadata_types: deprecated: the types alone.
        seconds_to_label_before_auto_assign: deprecated: whatever it is, assets are assigned as `should_auto_assign` does.
        input_type: of no use: what is labelled cannot be changed. `kili` has it.

        Raises
        ------
        ArgumentError: an argument cannot be used; nothing was sent.
        ApiError: the server gave no answer, or a refusal.

        Examples
        --------
        >>> await kili.update_properties_in_project(project, title="Streets") == {"id": project, "title": "Streets"}
        True
        """
        arguments = check_arguments(AsyncProjects.update_properties_in_project, locals())
        if arguments["input_type"] is not None:
            warn("`input_type` of a project cannot be changed, and is not sent")
        if arguments["metadata_types"] is not None:
            warn("`metadata_types` is deprecated: write `metadata_properties`", DeprecationWarning)
            types = wire.metadata_properties(arguments["metadata_types"])
            arguments["metadata_properties"] = arguments["metadata_properties"] or types
        changed = await self._execute(wire.updating(project_id, arguments), Call.of("update_properties_in_project"))
        self._projects.pop(project_id, None)
        return changed

    async def create_user(
        self,
        email: Id,
        password: str,
        organization_role: Literal["ADMIN", "USER"],
        firstname: str | None = None,
        lastname: str | None = None,
    ) -> Row:
        """Add a user to the organization. Gives `{"id": ...}`.

        Parameters
        ----------
        email: the e-mail address; capital letters become small ones.
        password: for the first time that the user signs in. Local Kili keeps none.
        organization_role: what the user may do in the organization.
        firstname, lastname: the name, if it is known.

        Raises
        ------
        ArgumentError: an argument cannot be used.
        ApiError: the server gave no answer, or a refusal, such as of an address that has a user already.

        Examples
        --------
        >>> list(await kili.create_user("grace@example.com", "a secret", "USER"))
        ['id']
        """
        check_arguments(AsyncProjects.create_user, locals())
        data = {"email": email.lower(), "firstname": firstname, "lastname": lastname, "password": password}
        asked = wire.CREATE_USER.asking(data=data | {"organizationRole": organization_role})
        made: Row = await self._execute(asked, Call.of("create_user"))
        return {"id": made["id"]}

    async def append_to_roles(
        self, project_id: Id, user_email: Id, role: Literal["ADMIN", "TEAM_MANAGER", "REVIEWER", "LABELER"] = "LABELER"
    ) -> Row:
        """Give a user a role in a project. Gives the role: `id`, `role`, `user`.

        Parameters
        ----------
        user_email: the e-mail address; who is not known yet is invited.
        role: what the user may do.

        Raises
        ------
        ArgumentError: an argument cannot be used.
        ApiError: the server gave no answer, or a refusal.

        Examples
        --------
        >>> (await kili.append_to_roles(project, "ada@example.com", "REVIEWER"))["role"]
        'REVIEWER'
        """
        check_arguments(AsyncProjects.append_to_roles, locals())
        asked = wire.APPEND_TO_ROLES.asking(data={"role": role, "userEmail": user_email}, where={"id": project_id})
        roles: list[Row] = await self._execute(asked, Call.of("append_to_roles"))
        return next((row for row in roles if (row.get("user") or {}).get("email") == user_email), {})

    async def project_users(
        self,
        project_id: Id,
        email: str | None = None,
        id: str | None = None,
        organization_id: str | None = None,
        status_in: ProjectUserStatuses | None = PROJECT_USER_STATUSES,
        fields: Fields = USER_FIELDS,
        first: Natural | None = None,
        skip: Natural = 0,
        disable_tqdm: bool | None = None,
        *,
        as_generator: bool = False,
    ) -> list[Row] | AsyncGenerator[Row]:
        """The people of a project, each as a dict of the asked fields.

        Parameters
        ----------
        email, id: only the user with this address; only the membership with this id.
        organization_id: only users of this organization.
        status_in: only those with one of these statuses: ACTIVATED, ORG_ADMIN, ORG_SUSPENDED. `first` and `skip` count
            those that stay.
        fields, first, skip, disable_tqdm, as_generator: as in `labels`.

        Raises
        ------
        ArgumentError: an argument cannot be used.
        NotFoundError: there is no such project.
        ApiError: the server gave no answer, or a refusal.

        Examples
        --------
        >>> [row["role"] for row in await kili.project_users(project, email="labeler@example.com")]
        ['LABELER']
        """
        arguments = check_arguments(AsyncProjects.project_users, locals())
        call = Call.of("project_users")
        user: Row = {"email": email} if email is not None else {}
        user |= {"organization": {"id": organization_id}} if organization_id is not None else {}
        where: Row = {"deleted": False, "project": {"id": project_id}} | ({"user": user} if user else {})
        where |= {"id": id} if id is not None else {}
        fields, asked = list(arguments["fields"]), arguments["status_in"]
        statuses = set(PROJECT_USER_STATUSES if asked is None else asked)
        chosen = statuses != set(PROJECT_USER_STATUSES)

        async def with_status(rows: list[Row], call: Call) -> list[Row]:
            return wire.users_with_status(rows, statuses, keep="status" in fields)

        listing = Listing(
            noun="users",
            operation=wire.user_listing([*fields, "status"] if chosen and "status" not in fields else fields),
            decode=with_status if chosen else None,
            filtered=chosen,
            counting=wire.COUNT_USERS,
            where=where,
            page=100,
            project_id=project_id,
            first=arguments["first"],
            skip=arguments["skip"],
        )
        if as_generator:
            return self._rows(listing, call, True)
        return await self._listed(listing, call, self._bar(disable_tqdm))

    async def delete_project(self, project_id: Id) -> str:
        """Delete a project, with its assets and labels.

        Parameters
        ----------
        project_id: its id.

        Returns
        -------
        The id of the project.

        Raises
        ------
        NotFoundError: there is no such project.
        OutcomeUnknownError: the answer was lost, and the project may have been deleted.
        ApiError: the server gave no answer, or a refusal.

        Examples
        --------
        >>> made = await kili.create_project("Nothing", input_type="TEXT", json_interface={"jobs": {}})
        >>> await kili.delete_project(made["id"]) == made["id"]
        True
        """
        check_arguments(AsyncProjects.delete_project, locals())
        call = Call.of("delete_project")
        await self._project(project_id, call, anew=True)
        deleted = await self._execute(wire.DELETE.asking(where={"id": project_id}), call)
        self._projects.pop(project_id, None)
        return deleted or project_id

    async def ontology(self, project_id: Id) -> Ontology | None:
        """The ontology of a project, as queries are checked against it; None if the server has none that can be read.

        Raises
        ------
        NotFoundError: there is no such project.
        ApiError: the server gave no answer, or a refusal.

        Examples
        --------
        >>> ontology = await kili.ontology(project)
        >>> list(ontology.jobs)
        ['TRANSCRIPTION_JOB', 'OBJECT_DETECTION_JOB', 'SEGMENTATION_JOB']
        """
        check_arguments(AsyncProjects.ontology, locals())
        return (await self._project(project_id, Call.of("ontology"), anew=True)).ontology


async def _decoded(rows: list[Row], call: Call) -> list[Row]:
    return wire.read_rows(rows)
