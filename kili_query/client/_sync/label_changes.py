# Generated from kili_query/client/_async/label_changes.py by kili_query.client.generate.unasync. Do not edit.
"""Changes of labels: appended, predicted, changed, deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from kili_query.client._sync.changes import Changes
from kili_query.client._sync.session import Listing
from kili_query.client.arguments import check_arguments, require_lengths
from kili_query.client.importing.answers import AnswerFile, files_of
from kili_query.client.label_dict import LabelDict
from kili_query.client.messages import named, warn
from kili_query.client.operations import label_changes as wire
from kili_query.client.operations import labels as label_wire
from kili_query.client.operations.asset_imports import FILE_UPLOAD
from kili_query.client.operations.projects import GROUPS, read_groups
from kili_query.client.operations.viewer import VIEWER_ID
from kili_query.client.positions import right_call
from kili_query.client.response_check import check_responses
from kili_query.client.sending.batches import Remaining, parts, split
from kili_query.client.types import Id, Natural, OptionalTexts, Response, Row, Texts
from kili_query.client.wire.calls import Call
from kili_query.client.wire.where import asset_where, label_where
from kili_query.client.wire.workflow import step_of
from kili_query.errors import ApiError, ArgumentError, GraphQLError, MissingArgumentError
from kili_query.model.kili import BY_MODELS, LabelType

Responses = list[Response] | tuple[Response, ...]
NO_RESPONSES: Responses = []
"""As in `kili`; refused by the method, which says what it takes."""


class _Appended(NamedTuple):
    """A label on its way: its position in the arrays of the call, and itself."""

    position: int
    data: Row


class LabelChanges(Changes):
    """The methods that change labels."""

    def append_labels(
        self,
        asset_id_array: Texts | None = None,
        json_response_array: Responses = NO_RESPONSES,
        author_id_array: OptionalTexts | None = None,
        seconds_to_label_array: list[Natural | None] | tuple[Natural | None, ...] | None = None,
        model_name: str | None = None,
        label_type: LabelType = "DEFAULT",
        project_id: str | None = None,
        asset_external_id_array: Texts | None = None,
        disable_tqdm: bool | None = False,
        *,
        overwrite: bool = False,
        step_name: str | None = None,
        reviewed_label_id_array: OptionalTexts | None = None,
        step_id: str | None = None,
        group_name: str | None = None,
    ) -> list[dict[str, str]]:
        """Append labels to assets, one for each entry of the arrays. Gives `{"id": ...}` for each, in their order.

        Labels are checked against the ontology before anything is sent, as `check_queries` of the client says; without
        `project_id` it is that of the first asset's project. They go in batches, several at once, never two about
        the same asset.

        Parameters
        ----------
        asset_id_array, asset_external_id_array: the assets, by their ids, or by external ids of `project_id`.
        json_response_array: what each label holds: job key to answer.
        author_id_array: ids of the authors; None: the owner of the key.
        seconds_to_label_array: how long each took, in seconds.
        model_name: the model that made them; PREDICTION and INFERENCE need one.
        label_type: AUTOSAVE, DEFAULT, INFERENCE, PREDICTION, REVIEW.
        project_id: the project of the assets.
        overwrite: predictions and inferences replace those of the same model on these assets.
        step_name, step_id, group_name: the step of the workflow that the labels are of (projects with steps).
        reviewed_label_id_array: ids of the labels that reviews are about.
        disable_tqdm: as in `labels`.

        Raises
        ------
        ArgumentError: an argument cannot be used, or a label does not fit the ontology; nothing was sent.
        NotFoundError: an external id is not in the project.
        AssetLockedError: somebody else has an asset open, or the step takes no label; an ApiError, as the next.
        ApiError: the server refused a batch, or gave no answer. `done` has what is in, `remaining` the arguments that
            send the rest: `kili.append_labels(**error.remaining)`.

        Examples
        --------
        >>> asset = (kili.assets(project, fields=["id"], first=1))[0]["id"]
        >>> made = kili.append_labels([asset], [{"TRANSCRIPTION_JOB": {"text": "two people"}}])
        >>> len(made)
        1
        """
        arguments = check_arguments(LabelChanges.append_labels, locals())
        return self._append(arguments, Call.of("append_labels"))

    def create_predictions(
        self,
        project_id: Id,
        external_id_array: Texts | None = None,
        model_name_array: Texts | None = None,
        json_response_array: Responses | None = None,
        model_name: str | None = None,
        asset_id_array: Texts | None = None,
        *,
        disable_tqdm: bool | None = None,
        overwrite: bool = False,
    ) -> dict[str, str]:
        """Append predictions of a model to assets. Gives `{"id": project_id}`.

        Parameters
        ----------
        external_id_array, asset_id_array: the assets; where both are given, their ids hold.
        model_name: the model that made the predictions.
        model_name_array: deprecated: the same name once for each.
        overwrite: replace the predictions of the same model on these assets. Without it an asset that is predicted
            again has both, which is warned of.

        Raises
        ------
        ArgumentError, NotFoundError, ApiError: as in `append_labels`.

        Examples
        --------
        >>> kili.create_predictions(
        ...     project, ["coco_1.jpg"], json_response_array=[{"TRANSCRIPTION_JOB": {"text": "a"}}], model_name="m"
        ... ) == {"id": project}
        True
        """
        arguments = check_arguments(LabelChanges.create_predictions, locals())
        if not arguments["json_response_array"]:
            raise ArgumentError("json_response_array", "is empty; it takes a prediction for each asset")
        names = arguments["model_name_array"]
        lengths = {
            n: arguments[n] for n in ("json_response_array", "external_id_array", "asset_id_array", "model_name_array")
        }
        require_lengths(lengths)
        if arguments["model_name"] is None:
            if not names:
                raise MissingArgumentError(
                    "model_name", "is missing; it takes the name of the model that made the predictions"
                )
            if len(set(names)) > 1:
                raise ArgumentError(
                    "model_name_array", "holds several names; predictions of several models go in several calls"
                )
            warn("`model_name_array` is deprecated: write `model_name`, once", DeprecationWarning)
        by_id = arguments["asset_id_array"] is not None
        appended = {
            "asset_id_array": arguments["asset_id_array"],
            "asset_external_id_array": None if by_id else arguments["external_id_array"],
            "json_response_array": arguments["json_response_array"],
            "model_name": arguments["model_name"] or (names or [None])[0],
            "label_type": "PREDICTION",
            "project_id": project_id,
            "overwrite": overwrite,
            "disable_tqdm": disable_tqdm,
        }
        self._append(appended, Call.of("create_predictions"), predictions=arguments)
        return {"id": project_id}

    @right_call(
        asset_id_array="`append_labels` takes `asset_id_array` and `json_response_array`",
        json_response_array="`append_labels` takes `asset_id_array` and `json_response_array`",
        json_response="it takes one label and one asset: `append_to_labels(json_response, label_asset_id=...)`",
    )
    def append_to_labels(
        self,
        json_response: Response,
        author_id: str | None = None,
        label_asset_external_id: str | None = None,
        label_asset_id: str | None = None,
        label_type: LabelType = "DEFAULT",
        project_id: str | None = None,
        seconds_to_label: Natural | None = 0,
    ) -> LabelDict:
        """Append one label to one asset. Deprecated: `append_labels` takes many at once.

        Parameters
        ----------
        json_response: what the label holds.
        author_id: id of its author; None: the owner of the key.
        label_asset_id, label_asset_external_id: the asset, by its id or by its external id in `project_id`.
        label_type, seconds_to_label: as in `append_labels`.

        Raises
        ------
        ArgumentError, NotFoundError, ApiError: as in `append_labels`.

        Examples
        --------
        >>> asset = (kili.assets(project, fields=["id"], first=1))[0]["id"]
        >>> [label] = kili.append_labels([asset], [{"TRANSCRIPTION_JOB": {"text": "a"}}])  # in its place
        """
        warn("`append_to_labels` is deprecated: `append_labels` appends many labels at once", DeprecationWarning)
        check_arguments(LabelChanges.append_to_labels, locals())
        call = Call.of("append_to_labels")
        names = ("label_asset_id", "label_asset_external_id")
        asset = self._one_asset(label_asset_id, label_asset_external_id, project_id, call, names)
        self._check_responses([json_response], [asset], project_id, call, "json_response")
        author = author_id if author_id is not None else self._execute(VIEWER_ID, call)
        data = {
            "authorID": author,
            "jsonResponse": wire.response_text(json_response, "json_response"),
            "labelType": label_type,
            "secondsToLabel": seconds_to_label,
        }
        made: Row = self._execute(wire.APPEND_ONE.asking(where={"id": asset}, data=data), call)
        return LabelDict(made)

    def update_properties_in_label(
        self,
        label_id: Id,
        seconds_to_label: Natural | None = None,
        model_name: str | None = None,
        json_response: Response | None = None,
    ) -> LabelDict:
        """Change one label. Properties that are None stay as they are; `{}` empties a `json_response`.

        Newer servers of Kili do not have this change: an error says so.

        Raises
        ------
        ArgumentError: an argument cannot be used.
        ApiError: the server refused, or gave no answer.

        Examples
        --------
        >>> label = (kili.labels(project, fields=["id"], first=1))[0]["id"]
        >>> (kili.update_properties_in_label(label, seconds_to_label=3)).id == label
        True
        """
        check_arguments(LabelChanges.update_properties_in_label, locals())
        text = None if json_response is None else wire.response_text(json_response, "json_response")
        properties = {"jsonResponse": text, "modelName": model_name, "secondsToLabel": seconds_to_label}
        try:
            changed = self._execute(wire.updating(label_id, properties), Call.of("update_properties_in_label"))
        except GraphQLError as error:
            if any(
                "updatePropertiesInLabel" in message and "Cannot query field" in message for message in error.messages
            ):
                error.message = "this server does not change labels any more; `append_labels` appends a new one"
            raise
        return LabelDict(changed)

    def create_honeypot(
        self,
        json_response: Response,
        asset_external_id: str | None = None,
        asset_id: str | None = None,
        project_id: str | None = None,
    ) -> LabelDict:
        """Make an asset a honeypot: its review is what other labels of it are compared with.

        Parameters
        ----------
        json_response: the right answer.
        asset_id, asset_external_id: the asset, by its id or by its external id in `project_id`; the id holds where both
            are given.

        Raises
        ------
        ArgumentError, NotFoundError, ApiError: as in `append_labels`.

        Examples
        --------
        >>> label = kili.create_honeypot({"TRANSCRIPTION_JOB": {"text": "a"}}, "coco_2.jpg", project_id=project)
        >>> label.labelType, label.json_response()
        ('REVIEW', {'TRANSCRIPTION_JOB': {'text': 'a'}})
        """
        check_arguments(LabelChanges.create_honeypot, locals())
        call = Call.of("create_honeypot")
        external_id = None if asset_id is not None else asset_external_id
        asset = self._one_asset(asset_id, external_id, project_id, call, ("asset_id", "asset_external_id"))
        self._check_responses([json_response], [asset], project_id, call, "json_response")
        data = {"jsonResponse": wire.response_text(json_response, "json_response")}
        made = self._execute(wire.HONEYPOT.asking(data=data, where={"id": asset}), call)
        return LabelDict(self._honeypot(str(made["id"]), asset, project_id, call))

    def delete_labels(self, ids: Texts, *, disable_tqdm: bool | None = None) -> list[str]:
        """Delete labels by their ids. Gives the ids of those that were there.

        Raises
        ------
        ArgumentError: an argument cannot be used.
        ApiError: as in `append_labels`.

        Examples
        --------
        >>> kili.delete_labels(["no-such-label"])
        []
        """
        arguments = check_arguments(LabelChanges.delete_labels, locals())
        call = Call.of("delete_labels")
        wanted = list(dict.fromkeys(arguments["ids"]))
        if not wanted:
            warn("`delete_labels` does nothing: `ids` is empty")
            return []

        def send(batch: list[str]) -> list[str]:
            return self._execute(wire.DELETE.asking(ids=batch), call)

        places = {label: n for n, label in enumerate(wanted)}
        batches = split(wanted, len, self._transport.budget)
        progress = self._in_batches(
            batches, len(wanted), str, send, "labels", self._bar(disable_tqdm), position=places.__getitem__
        )
        if progress.error is not None:
            by_place = {**arguments, "ids": wanted}
            left = Remaining.of(by_place, progress.left(range(len(wanted))))
            raise progress.failure(left, Remaining.of(by_place, progress.lost()))
        return [label_id for _, deleted in progress.done for label_id in deleted]

    # -- what they share -------------------------------------------------------------------------------------------

    def _append(
        self, arguments: dict[str, Any], call: Call, *, predictions: dict[str, Any] | None = None
    ) -> list[dict[str, str]]:
        """Append labels. `predictions` are the arguments of `create_predictions`, where it is that which was called."""
        responses = arguments["json_response_array"]
        if not responses:
            raise ArgumentError("json_response_array", "is empty; it takes what each label holds")
        names = ("asset_id_array", "asset_external_id_array")
        require_lengths(
            {name: arguments.get(name) for name in (
                "json_response_array", *names, "author_id_array", "seconds_to_label_array", "reviewed_label_id_array",
            )}
        )  # fmt: skip
        label_type, model_name = arguments["label_type"], arguments.get("model_name")
        if label_type in BY_MODELS and not model_name:
            raise MissingArgumentError(
                "model_name", f"is missing; a label of type {label_type} has the name of its model"
            )
        project_id = arguments.get("project_id")
        argument = "json_response_array"
        files = files_of(responses, argument)
        if files and project_id is None:
            raise MissingArgumentError("project_id", "is missing; answers that are files are uploaded to a project")
        texts = [wire.response_text(response, f"{argument}[{n}]") for n, response in enumerate(responses)]
        assets = self._asset_ids(
            arguments.get(names[0]), arguments.get(names[1]), project_id, call, names
        )  # fmt: skip
        self._check_responses(responses, assets, project_id, call, argument)
        step = self._step_id(arguments, assets, call)
        for n, answers in files.items():
            answered = {
                job: self._uploaded_file(file, str(project_id), assets[n], call) for job, file in answers.items()
            }
            texts[n] = wire.response_text({**responses[n], **answered}, argument)
        if model_name and label_type in wire.REPLACED and not arguments["overwrite"]:
            self._tell_repeated(assets, label_type, model_name, project_id, call)

        def at(name: str, position: int) -> Any:
            array = arguments.get(name)
            return None if array is None else array[position]

        items = [
            _Appended(n, wire.label_data(
                assets[n], texts[n], at("author_id_array", n), model_name, at("reviewed_label_id_array", n),
                at("seconds_to_label_array", n),
            ))
            for n in range(len(texts))
        ]  # fmt: skip

        def send(batch: list[_Appended]) -> list[dict[str, str]]:
            operation = wire.appending(
                [item.data for item in batch], label_type, arguments["overwrite"], step, project_id
            )
            return self._execute(operation, call)

        batches = split(items, lambda item: wire.size_of(item.data), self._transport.budget)
        bar = self._bar(arguments["disable_tqdm"])
        progress = self._in_batches(
            batches, len(items), lambda item: item.data["assetID"], send, "labels", bar,
            position=lambda item: item.position,
        )  # fmt: skip
        if progress.error is not None:
            given, left = predictions or arguments, progress.left(range(len(items)))
            raise progress.failure(Remaining.of(given, left), Remaining.of(given, progress.lost()))
        return [made for _, batch in progress.done for made in batch]

    def _uploaded_file(self, file: AnswerFile, project_id: str, asset_id: str, call: Call) -> Row:
        """The answer of a job that a file answers, once it is uploaded."""
        upload = self._execute(FILE_UPLOAD.asking(projectId=project_id, assetId=asset_id), call)
        self._put(upload.url, file.path, file.mime, lambda: f"the file {file.path}", call)
        return {"fileId": upload.file_id, "fileName": file.name, "fileMimeType": file.mime}

    def _tell_repeated(
        self, assets: Sequence[str], label_type: str, model_name: str, project_id: str | None, call: Call
    ) -> None:
        """Warn of assets that will have several labels of one model."""
        if len(set(assets)) < len(assets):
            warn(
                f"an asset is given more than one {label_type} in this call, and will have each; "
                "`overwrite=True` replaces those of the same model, the last one staying"
            )
        if self._settings.check_queries == "off":
            return
        try:
            again = self._labelled_by(model_name, assets, label_type, project_id, call)
        except ApiError:
            return  # a look at what is there may not keep new labels away
        if again:
            warn(
                f"assets have a {label_type} of `{model_name}` already, and will have both: {named(again)}; "
                "`overwrite=True` replaces those of the same model"
            )

    def _labelled_by(
        self, model_name: str, assets: Sequence[str], label_type: str, project_id: str | None, call: Call
    ) -> list[str]:
        """Those of the assets that have a label of a model already; the first thousand in which there are any."""
        if project_id is None and (project_id := self._project_of(assets, call)) is None:
            return []
        where = label_where({"project_id": project_id, "type_in": [label_type]})
        if not self._count(label_wire.COUNT, where, call, None):
            return []
        for asked in parts(list(dict.fromkeys(assets))):
            of_these = {**where, "asset": asset_where({"project_id": project_id, "asset_id_in": asked})}
            listing = Listing(
                noun="labels",
                operation=label_wire.listing(["id", "modelName", "assetId"], None),
                counting=label_wire.COUNT,
                where=of_these,
                page=label_wire.PAGE,
            )
            rows = self._listed(listing, call, True)
            if again := [row["assetId"] for row in rows if row.get("modelName") == model_name]:
                return list(dict.fromkeys(again))
        return []

    def _one_asset(
        self, asset_id: str | None, external_id: str | None, project_id: str | None, call: Call, names: tuple[str, str]
    ) -> str:
        ids = None if asset_id is None else [asset_id]
        external_ids = None if external_id is None else [external_id]
        [asset] = self._asset_ids(ids, external_ids, project_id, call, names)
        return asset

    def _check_responses(
        self, responses: Sequence[object], assets: Sequence[str], project_id: str | None, call: Call, argument: str
    ) -> None:
        """Labels against the ontology of their project, as `check_queries` says."""
        check = self._settings.check_queries
        if check == "off":
            return
        if project_id is None and (project_id := self._project_of(assets, call)) is None:
            return  # the server will say that there is no such asset
        project = self._project(project_id, call)
        if project.ontology is None:
            warn(f"labels are not checked: the interface of project `{project_id}` cannot be read")
            return
        check_responses(responses, project.ontology, check, argument)

    def _step_id(self, arguments: dict[str, Any], assets: Sequence[str], call: Call) -> str | None:
        """The id of the step that labels are of, if one is named."""
        name, step_id = arguments.get("step_name"), arguments.get("step_id")
        if name is None or step_id is not None:
            return step_of(name, step_id, arguments.get("group_name"), None)
        project_id = arguments.get("project_id") or self._project_of(assets, call)
        project = self._project(project_id, call) if project_id else None
        if project is not None and arguments.get("group_name") is not None:
            rows = self._execute(GROUPS.asking(where={"id": project.id}, first=1, skip=0), call)
            project = replace(project, steps=read_groups(rows[0] if rows else {}))
        return step_of(name, None, arguments.get("group_name"), project)

    def _honeypot(self, label_id: str, asset_id: str, project_id: str | None, call: Call) -> Row:
        """What is given back of a honeypot: by one more question, which may not fail what was made."""
        try:
            project_id = project_id or self._project_of([asset_id], call)
            if project_id is None:
                return {"id": label_id}
            listing = Listing(
                noun="labels",
                operation=label_wire.listing(wire.HONEYPOT_FIELDS, None),
                counting=label_wire.COUNT,
                where=label_where({"project_id": project_id, "label_id": label_id}),
                page=1,
            )
            page = self._page(listing, 0, 1, call)
        except ApiError:
            return {"id": label_id}
        return page.rows[0] if page.rows else {"id": label_id}
