"""Mutations of labels: appended, replaced, changed, deleted; the statuses of their assets follow."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import count
from typing import Any

from sqlalchemy import bindparam, delete, exists, select, update

from kili_query.errors import DataError
from kili_query.model.conversations import to_annotations
from kili_query.model.counts import Counts, count_categories
from kili_query.model.decoding import decode_json
from kili_query.model.kili import BY_MODELS, CONVERSATIONS, AssetStatus
from kili_query.model.ontology import Ontology
from kili_query.server.bodies import MAX_VALUES, too_many_values
from kili_query.server.graph.conditions import one_of
from kili_query.server.graph.filters import Scope, asset_conditions, label_conditions
from kili_query.server.graph.kinds import FINISHED
from kili_query.server.graph.problems import not_found, refused
from kili_query.server.graph.results import Shaped, Written
from kili_query.server.mutations.marks import settle_marks
from kili_query.server.mutations.named import assets_named
from kili_query.server.store import tables as t
from kili_query.server.store.kept import json_text
from kili_query.server.store.people import People
from kili_query.server.store.rows import BATCH, Rows, flags_of_last, settle_assets, settled_with
from kili_query.server.store.store import new_ids
from kili_query.server.store.tables import driver
from kili_query.server.store.timestamps import now

Entry = Mapping[str, Any]

_LABELED = """
    UPDATE assets SET updated_at = ?, status = coalesce(?, status) WHERE id IN (SELECT value FROM json_each(?))
"""

STATUS_AFTER: Mapping[str, AssetStatus] = {"DEFAULT": "LABELED", "AUTOSAVE": "ONGOING", "REVIEW": "REVIEWED"}
"""The status of an asset after a label of a type; predictions change nothing."""

REPLACED = BY_MODELS
"""The label types that `overwrite` replaces: what people have labeled is not thrown away by a flag."""


def append_many_labels(scope: Scope, arguments: Mapping[str, Any]) -> Written:
    """Labels for assets that are given by their ids."""
    data = arguments["data"]
    entries = data["labelsData"]
    found = assets_named(scope, [entry["assetID"] for entry in entries], arguments["where"].get("project"))
    keys = _append(scope, data["labelType"], [(found[entry["assetID"]], entry) for entry in entries], **_options(data))
    return Written("Label", keys)


def append_to_labels(scope: Scope, arguments: Mapping[str, Any]) -> Written:
    """One label for one asset."""
    data = arguments["data"]
    return Written("Label", _append(scope, data["labelType"], [(_one_asset(scope, arguments), data)]), single=True)


def create_honeypot(scope: Scope, arguments: Mapping[str, Any]) -> Written:
    """A review that is the truth other labels are compared with; the asset is marked."""
    asset = _one_asset(scope, arguments)
    keys = _append(scope, "REVIEW", [(asset, arguments["data"])])
    scope.connection.execute(update(t.assets).where(t.assets.c.id == asset[0]).values(is_honeypot=True))
    settle_marks(scope.connection, [asset[0]])
    return Written("Label", keys, single=True)


def update_label(scope: Scope, arguments: Mapping[str, Any]) -> Written:
    """Properties of one label; what is null stays."""
    where, data = arguments["where"], {name: v for name, v in arguments["data"].items() if v is not None}
    if not where.get("id"):
        raise refused("`where.id` is needed: the id of the label", argument="where")
    label = scope.connection.execute(
        select(t.labels.c.id, t.labels.c.uid, t.labels.c.project_id, t.labels.c.asset_id).where(
            *label_conditions(where, scope)
        )
    ).first()
    if label is None:
        raise not_found("label", [where["id"]])
    names = {
        "isSentBackToQueue": "is_sent_back_to_queue",
        "modelName": "model_name",
        "secondsToLabel": "seconds_to_label",
    }
    values = {names[name]: value for name, value in data.items() if name in names}
    if "jsonResponse" in data:
        ontology = _ontology(scope, label.project_id)
        counts = _counted(data["jsonResponse"], ontology, 0)
        annotations = _annotations(data["jsonResponse"], ontology, label.uid)
        values["number_of_annotations"] = sum(counts.values())
        content = update(t.responses).where(t.responses.c.label_id == label.id)
        scope.connection.execute(content.values(json=data["jsonResponse"], annotations=annotations))
        rows = Rows(scope.connection, label.project_id)
        rows.recount(label.id, counts)
        rows.flush()
        settle_marks(scope.connection, [label.asset_id])
    at = now()
    scope.connection.execute(update(t.labels).where(t.labels.c.id == label.id).values(**values, updated_at=at))
    # who looks for what has changed looks for assets first
    scope.connection.execute(update(t.assets).where(t.assets.c.id == label.asset_id).values(updated_at=at))
    return Written("Label", [label.id], single=True)


def recount(scope: Scope, project_id: str, ontology: Ontology) -> None:
    """Count the labels of a project anew, by another ontology.

    Raises
    ------
    GraphQLError: a label does not go with it.
    """
    rows, c = Rows(scope.connection, project_id), t.labels.c
    query = select(c.id, c.uid, t.responses.c.json).join(t.responses, t.responses.c.label_id == c.id)
    for start in count(0, BATCH):
        labels = scope.connection.execute(
            query.where(c.project_id == project_id).order_by(c.id).limit(BATCH).offset(start)
        ).all()
        for label in labels:
            try:
                counts = count_categories(label.json, ontology)
            except DataError as error:
                raise refused(f"the label `{label.uid}` does not go with the new ontology: {error}") from None
            rows.recount(label.id, counts)
            changed = update(t.labels).where(c.id == label.id).values(number_of_annotations=sum(counts.values()))
            scope.connection.execute(changed)
        rows.flush()
        if len(labels) < BATCH:
            return


def delete_labels(scope: Scope, arguments: Mapping[str, Any]) -> Shaped:
    """Labels by their ids; gives the ids of those that were there."""
    wanted = list(dict.fromkeys(arguments["ids"]))
    c = t.labels.c
    rows = scope.connection.execute(
        select(c.uid, c.id, c.asset_id, c.label_type).where(*label_conditions({"idIn": wanted}, scope))
    ).all()
    scope.connection.execute(delete(t.labels).where(one_of(c.id, [row.id for row in rows])))
    assets = sorted({row.asset_id for row in rows})
    settle_assets(scope.connection, assets)
    settle_marks(scope.connection, assets, uninferred=[row.asset_id for row in rows if row.label_type == "INFERENCE"])
    _reopen(scope, assets)
    there = {row.uid for row in rows}
    return Shaped([uid for uid in wanted if uid in there])


def _options(data: Entry) -> dict[str, Any]:
    return {"overwrite": bool(data.get("overwrite")), "step_id": data.get("stepId")}


def _append(
    scope: Scope,
    label_type: str,
    entries: Sequence[tuple[tuple[int, str], Entry]],
    *,
    overwrite: bool = False,
    step_id: str | None = None,
) -> list[int]:
    """Write labels of one type for assets (key, project); gives the keys of the labels."""
    people, at = People(scope.connection, scope.organization_id), now()
    if label_type in STATUS_AFTER:
        _take_turn(scope, {asset for (asset, _), _ in entries})
    if overwrite and label_type in REPLACED:
        _replace(scope, label_type, entries)
    flags = flags_of_last(label_type)  # until a later one is found
    keys: dict[int, int] = {}
    uids = new_ids(len(entries))
    # of an asset that gets its first label there is nothing to settle
    again = settled_with(scope.connection, [asset for (asset, _), _ in entries])
    for project_id in dict.fromkeys(project for (_, project), _ in entries):
        rows, ontology = Rows(scope.connection, project_id), _ontology(scope, project_id)
        step = _step(scope, step_id, project_id)
        for position, ((asset, project), entry) in enumerate(entries):
            if project != project_id:
                continue
            author = people.find(entry["authorID"]) if entry.get("authorID") else scope.user_id
            if author is None:
                raise not_found("user", [entry["authorID"]])
            seconds = entry.get("secondsToLabel") or 0.0
            values = {
                "author_id": author, "label_type": label_type, "created_at": at, "updated_at": at, "step_name": step,
                "model_name": entry.get("modelName"), "client_version": entry.get("clientVersion"), "seconds_to_label": seconds,
                "total_seconds_to_label": seconds, "referenced_label_id": entry.get("referencedLabelId"),
                "skipped": bool(entry.get("skipped")), **flags,
            }  # fmt: skip
            counts = _counted(entry["jsonResponse"], ontology, position)
            response = entry["jsonResponse"].strip() or "{}"
            uid = uids[position]
            annotations = _annotations(response, ontology, uid)
            keys[position] = rows.add_label(uid, asset, values, response, counts, annotations)
        rows.flush()
    assets = {asset for (asset, _), _ in entries}
    if again:
        settle_assets(scope.connection, again)
    settle_marks(scope.connection, assets)
    given = (at, STATUS_AFTER.get(label_type), json.dumps(sorted(assets)))
    driver(scope.connection).execute(_LABELED, given)
    return [keys[position] for position in range(len(entries))]


def _take_turn(scope: Scope, assets: set[int]) -> None:
    """Refuse labels of assets that somebody else has open; those that the user has open are done.

    Raises
    ------
    GraphQLError: another user has one open.
    """
    given = (json.dumps(sorted(assets)), scope.user_id, now())
    held = driver(scope.connection).execute(_HELD, given).fetchone()
    if held is not None:
        asset, email = held
        raise refused(f"the asset `{asset}` is open: {email} is labeling it", reason="AssetAlreadyLocked", id=asset)
    driver(scope.connection).execute(_RELEASE, given[:2])


_HELD = """
    SELECT assets.uid, users.email FROM locks JOIN assets ON assets.id = locks.asset_id JOIN users ON users.id = locks.user_id
    WHERE locks.asset_id IN (SELECT value FROM json_each(?)) AND locks.user_id != ? AND valid_until > ? LIMIT 1
"""
_RELEASE = "DELETE FROM locks WHERE asset_id IN (SELECT value FROM json_each(?)) AND user_id = ?"


def _replace(scope: Scope, label_type: str, entries: Sequence[tuple[tuple[int, str], Entry]]) -> None:
    """Delete what new labels replace: those of the same type and model on the same assets."""
    c = t.labels.c
    by_model: dict[str | None, list[int]] = {}
    for (asset, _), entry in entries:
        by_model.setdefault(entry.get("modelName"), []).append(asset)
    for model, assets in by_model.items():
        same = c.model_name.is_(None) if model is None else c.model_name == model
        scope.connection.execute(delete(t.labels).where(c.label_type == label_type, same, one_of(c.asset_id, assets)))


def _reopen(scope: Scope, assets: Sequence[int]) -> None:
    """Assets that have lost their last finished label are to be labeled again."""
    c = t.assets.c
    finished = exists().where(t.labels.c.asset_id == c.id, t.labels.c.label_type.in_(FINISHED))
    done = c.status.in_(("LABELED", "TO_REVIEW", "REVIEWED"))
    reopened = update(t.assets).where(one_of(c.id, assets), done, ~finished)
    scope.connection.execute(reopened.values(status="TODO", updated_at=now()))


def _counted(response: str, ontology: Ontology, position: int) -> Counts:
    if too_many_values(response):
        raise refused(f"label {position}: `jsonResponse` has at most {MAX_VALUES:,} values", index=position)
    try:
        return count_categories(response, ontology)
    except DataError as error:
        raise refused(f"label {position}: {error}", index=position) from None


def _annotations(response: str, ontology: Ontology, label_id: str) -> str | None:
    """What is kept of a label beside its `jsonResponse` in projects of conversations."""
    if ontology.input_type not in CONVERSATIONS:
        return None
    return json_text(to_annotations(decode_json(response), label_id))


def _one_asset(scope: Scope, arguments: Mapping[str, Any]) -> tuple[int, str]:
    where, c = arguments["where"], t.assets.c
    if not where.get("id"):
        raise refused("`where.id` is needed: the id of the asset", argument="where")
    row = scope.connection.execute(select(c.id, c.project_id).where(*asset_conditions(where, scope))).first()
    if row is None:
        raise not_found("asset", [where["id"]])
    return row.id, row.project_id


def _step(scope: Scope, step_id: str | None, project_id: str) -> str | None:
    """The name of a step of a project.

    Raises
    ------
    GraphQLError: there is no such step.
    """
    if step_id is None:
        return None
    c = t.steps.c
    name: str | None = scope.connection.scalar(select(c.name).where(c.id == step_id, c.project_id == project_id))
    if name is None:
        raise not_found("step", [step_id])
    return name


def _ontology(scope: Scope, project_id: str) -> Ontology:
    row = scope.connection.execute(_INTERFACE, {"project": project_id}).one()
    return _read_ontology(row.json_interface, row.input_type)


_INTERFACE = select(t.projects.c.json_interface, t.projects.c.input_type).where(t.projects.c.id == bindparam("project"))

_read_ontology = lru_cache(maxsize=16)(Ontology.from_json_interface)
"""Labels come in batches, and the ontology is the same for all."""
