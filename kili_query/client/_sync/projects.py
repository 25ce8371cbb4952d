# Generated from kili_query/client/_async/projects.py by kili_query.client.unasync. Do not edit.
"""Projects: what a newcomer needs to begin."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from kili_query.client._sync.session import Listing, Session
from kili_query.client.arguments import check_arguments
from kili_query.client.calls import Call
from kili_query.client.operations import projects as wire
from kili_query.client.operations.projects import DEFAULT_FIELDS
from kili_query.client.types import Day, Id, Natural, Row, Texts
from kili_query.client.where import project_where
from kili_query.model.kili import NewInputType
from kili_query.model.ontology import Ontology


class Projects(Session):
    """The methods about projects."""

    def projects(
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
        fields: Texts = DEFAULT_FIELDS,
        deleted: bool | None = None,
        first: Natural | None = None,
        skip: Natural = 0,
        disable_tqdm: bool | None = None,
        *,
        as_generator: bool = False,
    ) -> list[Row] | Generator[Row]:
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
        >>> [row["title"] for row in kili.projects(project)]
        ['coco']
        """
        arguments = check_arguments(Projects.projects, locals())
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
        return self._listed(listing, call, self._bar(disable_tqdm))

    def count_projects(
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
        >>> kili.count_projects(search_query="coco%")
        1
        """
        where = project_where(check_arguments(Projects.count_projects, locals()))
        return self._count(wire.COUNT, where, Call.of("count_projects"), None)

    def create_project(
        self,
        title: Id,
        description: str = "",
        input_type: NewInputType | None = None,
        json_interface: dict[str, Any] | None = None,
    ) -> dict[str, str]:
        """Make a project.

        Parameters
        ----------
        title: its title.
        description: what it is for.
        input_type: what is labelled: AUDIO, GEOSPATIAL, IMAGE, LLM_INSTR_FOLLOWING, LLM_RLHF, LLM_STATIC, PDF, TEXT, VIDEO.
        json_interface: its ontology, with `jobs`.

        Returns
        -------
        `{"id": ...}` with the id of the project.

        Raises
        ------
        ArgumentError: an argument is missing or cannot be used.
        OutcomeUnknownError: the answer was lost, and the project may have been made.
        ApiError: the server gave no answer, or a refusal.

        Examples
        --------
        >>> weather = {"content": {"categories": {"SUN": {"name": "Sun"}}, "input": "radio"}, "mlTask": "CLASSIFICATION"}
        >>> kili.create_project("Sky", input_type="IMAGE", json_interface={"jobs": {"WEATHER": weather}})
        {'id': '...'}
        """
        arguments = check_arguments(Projects.create_project, locals())
        return {"id": self._execute(wire.creation(**arguments), Call.of("create_project"))}

    def delete_project(self, project_id: Id) -> str:
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
        >>> made = kili.create_project("Nothing", input_type="TEXT", json_interface={"jobs": {}})
        >>> kili.delete_project(made["id"]) == made["id"]
        True
        """
        check_arguments(Projects.delete_project, locals())
        call = Call.of("delete_project")
        self._project(project_id, call, anew=True)
        deleted = self._execute(wire.DELETE.asking(where={"id": project_id}), call)
        self._projects.pop(project_id, None)
        return deleted or project_id

    def ontology(self, project_id: Id) -> Ontology | None:
        """The ontology of a project, as queries are checked against it; None if the server has none that can be read.

        Raises
        ------
        NotFoundError: there is no such project.
        ApiError: the server gave no answer, or a refusal.

        Examples
        --------
        >>> ontology = kili.ontology(project)
        >>> list(ontology.jobs)
        ['TRANSCRIPTION_JOB', 'OBJECT_DETECTION_JOB', 'SEGMENTATION_JOB']
        """
        check_arguments(Projects.ontology, locals())
        return (self._project(project_id, Call.of("ontology"), anew=True)).ontology


def _decoded(rows: list[Row], call: Call) -> list[Row]:
    return wire.read_rows(rows)
