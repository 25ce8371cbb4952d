"""Mutations of assets: imported at once or later, changed, moved between queues, deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from graphql import GraphQLError
from sqlalchemy import delete, insert, select, update

from kili_query.errors import DataError
from kili_query.model.decoding import decode_json
from kili_query.model.kili import VIDEOS
from kili_query.server.bodies import too_many_values
from kili_query.server.bucket import ANNOTATIONS, Path
from kili_query.server.contents import Contents
from kili_query.server.graph.conditions import one_of
from kili_query.server.graph.filters import Scope, asset_conditions, project_ids
from kili_query.server.graph.kinds import FINISHED
from kili_query.server.graph.problems import not_found, refused
from kili_query.server.graph.reading import Reader
from kili_query.server.graph.results import Shaped, Written
from kili_query.server.mutations.marks import settle_marks
from kili_query.server.mutations.named import keys_of
from kili_query.server.store import tables as t
from kili_query.server.store.kept import json_text
from kili_query.server.store.media import STORED
from kili_query.server.store.people import People
from kili_query.server.store.rows import Rows
from kili_query.server.store.store import new_id, new_ids
from kili_query.server.store.tables import driver
from kili_query.server.store.timestamps import now

Arguments = Mapping[str, Any]

TILED = ("TILED_IMAGE", "GEO_SATELLITE")
"""The upload types of pictures; the others are of films."""

MOST_TOLD = 20
"""The most assets that a notification names."""

MOST_PATHS = 1_000
"""The most addresses that one question asks for."""


def append_many_assets(reader: Reader, arguments: Arguments) -> Written:
    """Assets from lists that stand side by side."""
    project = _project(reader, arguments["where"])
    contents, data = Contents(reader), arguments["data"]
    contents.look_up(content for name in _ADDRESSES for content in data.get(name) or ())
    given = _entries(data)
    uids = new_ids(len(given))
    entries = [_Entry.of(contents, i, entry, uids[i]) for i, entry in enumerate(given)]
    return Written("Asset", _add(reader, project, contents, entries))


def append_to_dataset(reader: Reader, arguments: Arguments) -> Written:
    """The same as older clients know it: it gives the project."""
    append_many_assets(reader, arguments)
    return Written("Project", [_project(reader, arguments["where"])], single=True)


def append_later(reader: Reader, arguments: Arguments) -> Written:
    """Assets as work in the background, which is done at once. What cannot be made is told by the notification."""
    project, data = _project(reader, arguments["where"]), dict(arguments["data"])
    upload_type = data.pop("uploadType")
    _check_upload_type(reader, project, upload_type)
    contents = Contents(reader)
    contents.look_up(content for name in _ADDRESSES for content in data.get(name) or ())
    entries, wrong = [], []
    for i, given in enumerate(_entries(data)):
        try:
            entry = _Entry.of(contents, i, given, new_id())
        except GraphQLError as error:
            if not error.extensions or "content" not in error.extensions["context"]:
                raise  # the request makes no sense; of a content it is known later
            wrong.append(f"`{given.get('externalIDArray') or i}`: {error.message}")
            continue
        if upload_type in TILED and not contents.is_picture(entry.values["content"]):
            wrong.append(f"`{entry.external_id}`: the file is no picture")
        else:
            entries.append(entry)
    made = _add(reader, project, contents, entries)
    message = f"{len(made)} assets were imported"
    if wrong:
        message += f"; {len(wrong)} were not: {'; '.join(wrong[:MOST_TOLD])}"
    row = {"id": new_id(), "user_id": reader.user_id, "status": "FAILURE" if wrong else "SUCCESS", "message": message}
    reader.connection.execute(insert(t.notifications), {**row, "created_at": now()})
    return Written("Notification", [row["id"]], single=True)


def signed_addresses(reader: Reader, _: object, arguments: Arguments) -> list[str]:
    """Addresses that files are put to."""
    paths = arguments.get("filePaths") or []
    if len(paths) > MOST_PATHS:
        raise refused(f"`filePaths` has at most {MOST_PATHS:,} entries, and here are {len(paths):,}")
    wanted = list(dict.fromkeys(Path.read(path).project_id for path in paths))
    missing = [project for project in wanted if not project_ids({"id": project}, reader)]
    if missing:
        raise not_found("project", missing)
    return [reader.bucket.signed(path).url for path in paths]


def annotation_upload(reader: Reader, arguments: Arguments) -> Shaped:
    """An address for a file that answers a job of a label."""
    project, asset = arguments["projectId"], arguments["assetId"]
    where = {"id": asset, "project": {"id": project}}
    if reader.connection.scalar(select(t.assets.c.id).where(*asset_conditions(where, reader))) is None:
        raise not_found("asset", [asset])
    signed = reader.bucket.signed(f"projects/{project}/assets/{asset}/{ANNOTATIONS}/{new_id()}")
    return Shaped({"fileId": signed.file_id, "uploadUrl": signed.url})


def annotation_file(reader: Reader, _: object, arguments: Arguments) -> str | None:
    """The address of a file that answers a job of a label."""
    where = {"id": arguments["assetId"], "project": {"id": arguments["projectId"]}}
    asset = select(t.assets.c.id).where(*asset_conditions(where, reader))
    query = select(t.files.c.id).where(t.files.c.id == arguments["fileId"], t.files.c.asset_id.in_(asset))
    found = reader.connection.scalar(query)
    return None if found is None else reader.address(STORED + found)


def update_assets(reader: Reader, arguments: Arguments) -> Written:
    """Properties of assets, an entry for each; what is null stays."""
    wheres, data = arguments["where"], arguments["data"]
    if data and len(data) != len(wheres):
        raise refused(f"`data` has {len(data)} entries, and `where` has {len(wheres)}")
    keys = keys_of(reader, wheres)
    contents, people, rows, at = Contents(reader), People(reader.connection, reader.organization_id), [], now()
    contents.look_up(entry[name] for entry in data for name in ("content", "jsonContent") if entry.get(name))
    for i, (key, given) in enumerate(zip(keys, data, strict=False)):
        entry = {name: value for name, value in given.items() if value is not None}
        values = {_COLUMNS[name]: value for name, value in entry.items() if name in _COLUMNS}
        if "jsonMetadata" in entry:
            values["json_metadata"] = _metadata(entry["jsonMetadata"], i)
        for name in _TEXTS.keys() & entry.keys():
            values[_TEXTS[name]] = json_text(entry[name])
        for name in values.keys() & _CONTENTS:
            values[name] = contents.stored(values[name], f"entry {i}")
        if "content" in values:
            values = {**contents.facts(values["content"]), **values}
        if values:
            rows.append((key, {**values, "updated_at": at}))
            contents.belong(key, values.get("content", ""), values.get("json_content", ""))
        _assign(reader, people, key, entry)
    _write(reader, rows)
    contents.take()
    if flagged := [key for key, values in rows if not _FLAGS.isdisjoint(values)]:
        settle_marks(reader.connection, flagged)
    return Written("Asset", keys)


def delete_assets(reader: Reader, arguments: Arguments) -> Shaped:
    """Assets with their labels and files. One that is gone already, and is given by its id, counts as deleted."""
    found, wanted = _chosen(reader, arguments["where"])
    keys = [key for key, *_ in found]
    reader.gone += reader.connection.scalars(select(t.files.c.id).where(one_of(t.files.c.asset_id, keys)))
    reader.connection.execute(delete(t.assets).where(one_of(t.assets.c.id, keys)))
    there = {uid for _, uid, *_ in found}
    gone = [{"assetId": uid, "externalId": None} for uid in wanted if uid not in there and not _exists(reader, uid)]
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


def of_older(made: Callable[[Reader, Arguments], Shaped]) -> Callable[[Reader, Arguments], Written | Shaped]:
    """The mutation as older clients know it: it gives the project of the assets, or null if it did nothing."""

    def mutate(reader: Reader, arguments: Arguments) -> Written | Shaped:
        found, _ = _chosen(reader, arguments["where"])
        project = select(t.assets.c.project_id).where(one_of(t.assets.c.id, [row[0] for row in found])).limit(1)
        project_id = reader.connection.scalar(project)
        outcome = made(reader, arguments).value
        done = project_id is not None and outcome["succeeded"]
        return Written("Project", [project_id], single=True) if done else Shaped(None)

    return mutate


_COLUMNS = {
    "externalId": "external_id",
    "priority": "priority",
    "consensusMark": "consensus_mark",
    "honeypotMark": "honeypot_mark",
    "content": "content",
    "jsonContent": "json_content",
    "isUsedForConsensus": "is_used_for_consensus",
    "isHoneypot": "is_honeypot",
    "status": "status",
}
_CONTENTS = {"content", "json_content"}
_ADDRESSES = ("contentArray", "jsonContentArray")
_FLAGS = {"is_used_for_consensus", "is_honeypot"}
_TEXTS = {"resolution": "resolution", "pageResolutions": "page_resolutions"}


class _Entry(NamedTuple):
    """An asset to be made."""

    uid: str
    external_id: str
    values: dict[str, Any]
    position: int

    @classmethod
    def of(cls, contents: Contents, i: int, given: Arguments, new: str) -> _Entry:
        """The asset of an entry of the lists; its id is new where none is given.

        Raises
        ------
        GraphQLError: its metadata are none, or a content was not uploaded.
        """
        uid = given.get("idArray") or new
        external_id = given.get("externalIDArray") or uid
        what = f"entry {i} (`{external_id}`)"
        content = contents.stored(given.get("contentArray") or "", what)
        json_content = given.get("jsonContentArray") or ""
        if given.get("multiLayerContentArray") is not None:
            json_content = contents.layers(given["multiLayerContentArray"], json_content, what)
        else:
            json_content = contents.stored(json_content, what)
        values = {
            "content": content,
            "json_content": json_content,
            "json_metadata": _metadata(given.get("jsonMetadataArray", "{}"), i),
            "is_honeypot": bool(given.get("isHoneypotArray")),
            **contents.facts(content),
        }
        return cls(uid, external_id, values, i)


def _project(scope: Scope, where: Arguments) -> str:
    """The project that assets come into.

    Raises
    ------
    GraphQLError: `where` does not name one, or it is not there, or not visible.
    """
    projects = project_ids(where, scope)
    if len(projects) != 1 or not where.get("id"):
        raise not_found("project", [where.get("id") or "(no id)"])
    return projects[0]


def _entries(data: Arguments) -> list[dict[str, Any]]:
    """The entries of lists that stand side by side.

    Raises
    ------
    GraphQLError: the lists are of different lengths.
    """
    given = {name: value for name, value in data.items() if value is not None}
    lengths = {name: len(value) for name, value in given.items()}
    number = max(lengths.values(), default=0)
    if wrong := [name for name, length in lengths.items() if length != number]:
        raise refused(f"`{wrong[0]}` has {lengths[wrong[0]]} entries, and other lists have {number}", lengths=lengths)
    return [{name: value[i] for name, value in given.items()} for i in range(number)]


def _add(scope: Scope, project: str, contents: Contents, entries: Sequence[_Entry]) -> list[int]:
    """Write assets, with the files that go with them; gives their keys."""
    rows, at, keys = Rows(scope.connection, project), now(), []
    taken = rows.taken(entry.uid for entry in entries)
    c = t.steps.c
    query = select(c.id).where(c.project_id == project).order_by(c.position).limit(1)
    first_step = scope.connection.scalar(query)
    step = {"step_id": first_step, "step_status": "TO_DO" if first_step else None}
    for uid, external_id, values, position in entries:
        if uid in taken:
            raise refused(f"there is an asset `{uid}` already", index=position, id=uid)
        taken.add(uid)
        key = rows.add_asset(uid, external_id, {**values, **step, "created_at": at, "updated_at": at})
        contents.belong(key, values["content"], values["json_content"])
        keys.append(key)
    rows.flush()
    contents.take()
    return keys


def _check_upload_type(scope: Scope, project: str, upload_type: str) -> None:
    c = t.projects.c
    input_type = scope.connection.scalar(select(c.input_type).where(c.id == project))
    if input_type not in (("IMAGE", "GEOSPATIAL") if upload_type in TILED else VIDEOS):
        message = f"`uploadType` {upload_type} does not go with the assets of the project, which are {input_type}"
        raise refused(message, uploadType=upload_type, inputType=input_type)


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


def _write(scope: Scope, rows: Iterable[tuple[int, dict[str, Any]]]) -> None:
    """Change columns of assets, one after the other; what changes the same columns is one statement."""
    for names, group in groupby(rows, key=lambda row: tuple(row[1])):
        sets = ", ".join(f"{name} = ?" for name in names)
        changed = [(*values.values(), key) for key, values in group]
        driver(scope.connection).executemany(f"UPDATE assets SET {sets} WHERE id = ?", changed)


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
