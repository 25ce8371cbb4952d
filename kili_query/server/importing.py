"""Mutations of assets: imported, changed, moved between queues, deleted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, insert, select, update

from kili_query.errors import DataError
from kili_query.model.decoding import decode_json, encode_json
from kili_query.server import tables as t
from kili_query.server.bodies import too_many_values
from kili_query.server.filters import Scope, asset_conditions, one_of, project_ids
from kili_query.server.kinds import FINISHED
from kili_query.server.moments import now
from kili_query.server.people import People
from kili_query.server.problems import not_found, refused
from kili_query.server.results import Shaped, Written
from kili_query.server.rows import Rows
from kili_query.server.store import new_id

Arguments = Mapping[str, Any]


def append_many_assets(scope: Scope, arguments: Arguments) -> Written:
    """Assets from lists that stand side by side."""
    where, data = arguments["where"], {name: v for name, v in arguments["data"].items() if v is not None}
    projects = project_ids(where, scope)
    if len(projects) != 1 or not where.get("id"):
        raise not_found("project", [where.get("id") or "(no id)"])
    lengths = {name: len(value) for name, value in data.items()}
    number = max(lengths.values(), default=0)
    if wrong := [name for name, length in lengths.items() if length != number]:
        raise refused(f"`{wrong[0]}` has {lengths[wrong[0]]} entries, and other lists have {number}", lengths=lengths)
    rows, at, keys = Rows(scope.connection, projects[0]), now(), []
    first_step = scope.connection.scalar(
        select(t.steps.c.id).where(t.steps.c.project_id == projects[0]).order_by(t.steps.c.position).limit(1)
    )
    for i in range(number):
        entry = {name: value[i] for name, value in data.items()}
        uid = entry.get("idArray") or new_id()
        if rows.has_asset(uid):
            raise refused(f"there is an asset `{uid}` already", index=i, id=uid)
        values = {
            "content": entry.get("contentArray", ""),
            "json_content": entry.get("jsonContentArray", ""),
            "json_metadata": _metadata(entry.get("jsonMetadataArray", "{}"), i),
            "is_honeypot": bool(entry.get("isHoneypotArray")),
            "step_id": first_step,
            "step_status": "TO_DO" if first_step else None,
            "created_at": at,
            "updated_at": at,
        }
        keys.append(rows.add_asset(uid, entry.get("externalIDArray") or uid, values))
    rows.flush()
    return Written("Asset", keys)


def update_assets(scope: Scope, arguments: Arguments) -> Written:
    """Properties of assets, an entry for each; what is null stays."""
    wheres, data = arguments["where"], arguments["data"]
    if data and len(data) != len(wheres):
        raise refused(f"`data` has {len(data)} entries, and `where` has {len(wheres)}")
    people, keys = People(scope.connection, scope.organization_id), []
    for i, where in enumerate(wheres):
        if not where.get("id"):
            raise refused(f"`where[{i}].id` is needed: the id of the asset", index=i)
        key = scope.connection.scalar(select(t.assets.c.id).where(*asset_conditions(where, scope)))
        if key is None:
            raise not_found("asset", [where["id"]])
        keys.append(key)
        entry = {name: value for name, value in data[i].items() if value is not None} if data else {}
        values = {_COLUMNS[name]: value for name, value in entry.items() if name in _COLUMNS}
        if "jsonMetadata" in entry:
            values["json_metadata"] = _metadata(entry["jsonMetadata"], i)
        for name in _TEXTS.keys() & entry.keys():
            values[_TEXTS[name]] = encode_json(entry[name]).decode()
        if values:
            changed = update(t.assets).where(t.assets.c.id == key).values(**values, updated_at=now())
            scope.connection.execute(changed)
        _assign(scope, people, key, entry)
    return Written("Asset", keys)


def delete_assets(scope: Scope, arguments: Arguments) -> Shaped:
    """Assets with their labels. One that is gone already, and is given by its id, counts as deleted."""
    found, wanted = _chosen(scope, arguments["where"])
    scope.connection.execute(delete(t.assets).where(one_of(t.assets.c.id, [key for key, *_ in found])))
    there = {uid for _, uid, *_ in found}
    gone = [{"assetId": uid, "externalId": None} for uid in wanted if uid not in there and not _exists(scope, uid)]
    return _outcome([_reference(row) for row in found] + gone)


def add_to_review(scope: Scope, arguments: Arguments) -> Shaped:
    """Assets with labels wait for review; those without are declined."""
    found, _ = _chosen(scope, arguments["where"])
    finished = t.labels.c.label_type.in_(FINISHED)
    labeled = set(
        scope.connection.scalars(
            select(t.labels.c.asset_id).where(finished, one_of(t.labels.c.asset_id, [row[0] for row in found]))
        )
    )
    _move(scope, sorted(labeled), "TO_REVIEW")
    passed = [_reference(row) for row in found if row[0] in labeled]
    return _outcome(passed, [_reference(row) for row in found if row[0] not in labeled])


def send_back(scope: Scope, arguments: Arguments) -> Shaped:
    """Assets are labeled once more; their last labels are marked."""
    found, _ = _chosen(scope, arguments["where"])
    keys = [row[0] for row in found]
    _move(scope, keys, "ONGOING")
    sent = update(t.labels).where(one_of(t.labels.c.asset_id, keys), t.labels.c.is_last_for_step)
    scope.connection.execute(sent.values(is_sent_back_to_queue=True))
    return _outcome([_reference(row) for row in found])


_COLUMNS = {
    "externalId": "external_id",
    "priority": "priority",
    "consensusMark": "consensus_mark",
    "honeypotMark": "honeypot_mark",
    "content": "content",
    "jsonContent": "json_content",
    "isUsedForConsensus": "is_used_for_consensus",
    "isHoneypot": "is_honeypot",
}
_TEXTS = {"resolution": "resolution", "pageResolutions": "page_resolutions"}


def _chosen(scope: Scope, where: Arguments) -> tuple[list[Any], list[str]]:
    """The assets (key, id, external id) that a mutation is for, and the ids that it names."""
    wanted = list(where.get("idIn") or ()) + ([where["id"]] if where.get("id") else [])
    if not wanted and not (where.get("project") or {}).get("id"):
        raise refused("`where` names assets (`id`, `idIn`) or a project", argument="where")
    c = t.assets.c
    query = select(c.id, c.uid, c.external_id).where(*asset_conditions(where, scope)).order_by(c.created_at, c.id)
    return list(scope.connection.execute(query)), wanted


def _exists(scope: Scope, uid: str) -> bool:
    return scope.connection.scalar(select(t.assets.c.id).where(*asset_conditions({"id": uid}, scope))) is not None


def _reference(row: Any) -> dict[str, Any]:
    return {"assetId": row[1], "externalId": row[2]}


def _outcome(succeeded: list[dict[str, Any]], declined: list[dict[str, Any]] | None = None) -> Shaped:
    return Shaped({"succeeded": succeeded, "declined": declined or [], "failed": []})


def _move(scope: Scope, keys: list[int], status: str) -> None:
    changed = update(t.assets).where(one_of(t.assets.c.id, keys)).values(status=status, updated_at=now())
    scope.connection.execute(changed)


def _assign(scope: Scope, people: People, key: int, entry: Arguments) -> None:
    emails = entry.get("toBeLabeledBy")
    if emails is None and not entry.get("shouldResetToBeLabeledBy"):
        return
    users = {name: people.find(name) for name in emails or ()}
    if missing := [name for name, user in users.items() if user is None]:
        raise not_found("user", missing)
    scope.connection.execute(delete(t.assignees).where(t.assignees.c.asset_id == key))
    if users:
        rows = [{"asset_id": key, "user_id": user} for user in dict.fromkeys(users.values())]
        scope.connection.execute(insert(t.assignees), rows)


def _metadata(text: str, index: int) -> str:
    """Metadata as they are kept.

    Raises
    ------
    GraphQLError: the text is not that of a JSON object.
    """
    try:
        if not too_many_values(text) and isinstance(decode_json(text or "{}"), dict):
            return text or "{}"
    except DataError:
        pass
    raise refused(f"the metadata of entry {index} are not the text of a JSON object", index=index)
