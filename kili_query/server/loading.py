"""Loading: an export becomes a project of local Kili, in one transaction, with bounded memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Connection, insert, select, update

from kili_query.errors import DataError
from kili_query.formats.containers.records import Place, Problem
from kili_query.formats.kili import decode_record, plan
from kili_query.model.conversations import from_annotations, to_annotations
from kili_query.model.counts import count_label
from kili_query.model.decoding import decode_json
from kili_query.model.kili import ASSET_STATUSES, CONVERSATIONS, LABEL_TYPES, STEP_STATUSES
from kili_query.model.labels import Label, asset_ids, id_text, is_bare, labels_of, owner_ids
from kili_query.model.ontology import Ontology, only_project
from kili_query.server.store import tables as t
from kili_query.server.store.kept import (
    REPLACEMENT,
    as_json,
    as_text,
    changed_texts,
    json_text,
    metadata_of,
    number_of,
    response_of,
    text_of,
    whole_names,
    whole_number,
)
from kili_query.server.store.media import Media
from kili_query.server.store.people import People
from kili_query.server.store.rows import Held, Rows, settle_project
from kili_query.server.store.store import FILES, Account, Store, new_id
from kili_query.server.store.timestamps import now, timestamp

MAX_NAMED = 20
"""How many unreadable labels, and how many changes, are named; all are counted."""

Interface = str | os.PathLike[str] | Mapping[str, object]


@dataclass
class Loaded:
    """What came of a loading: the project, and how much it holds."""

    project_id: str
    assets: int = 0
    labels: int = 0
    unreadable: int = 0
    problems: list[DataError] = field(default_factory=list)
    """The first of the labels and records that were left out."""
    copies: int = 0
    """Labels that an asset has once more, under the same id and with the same answers: they are kept once."""
    changed: int = 0
    """What is kept in another way than the export has it: with a new id, or in an asset that was there already."""
    changes: list[str] = field(default_factory=list)
    """The first of these, in words."""
    already: bool = False
    """True if the project was there from an earlier loading of the same export."""

    def report(self, problem: DataError) -> None:
        """Count what was left out, and keep it to be named."""
        self.unreadable += 1
        if len(self.problems) < MAX_NAMED:
            self.problems.append(problem)

    def tell(self, change: str) -> None:
        """Count what is kept in another way, and keep it to be named."""
        self.changed += 1
        if len(self.changes) < MAX_NAMED:
            self.changes.append(change)


def read_interface(interface: Interface, input_type: str | None = None) -> tuple[str, Ontology]:
    """The text of an ontology as projects keep it, and the ontology.

    Raises
    ------
    DataError: it cannot be read, or is none.
    """
    if isinstance(interface, (str, os.PathLike)):
        ontology = Ontology.load(Path(interface), input_type)
        value = only_project(decode_json(Path(interface).read_bytes().removeprefix(b"\xef\xbb\xbf")))
    else:
        ontology, value = Ontology.from_json_interface(interface, input_type), only_project(interface)
    if isinstance(value, Mapping) and "jobs" not in value:  # a project that holds its ontology
        value = value["jsonInterface"]
    return value if isinstance(value, str) else json_text(value), ontology


def load(
    store: Store,
    account: Account,
    export: str | os.PathLike[str],
    interface: Interface,
    *,
    input_type: str | None = None,
    title: str | None = None,
    again: bool = True,
    advance: Callable[[int], None] = lambda size: None,
) -> Loaded:
    """A new project that holds what an export holds. With `again=False`, a project that has it already is given.

    `advance` is told the bytes that were read, for a progress bar.

    Raises
    ------
    DataError: the export or the ontology cannot be read, or the export holds nothing.
    """
    text, ontology = read_interface(interface, input_type)
    place = os.path.abspath(os.fspath(export))
    with store.writing() as connection:
        if not again:
            c = t.projects.c
            mine = (c.loaded_from == place, c.organization_id == account.organization_id, ~c.deleted)
            if found := connection.scalar(select(c.id).where(*mine)):
                return Loaded(found, already=True)
        project_id, at = new_id(), now()
        row = {"id": project_id, "organization_id": account.organization_id, "author_id": account.user_id}
        row |= {"title": title or Path(place).stem, "json_interface": text, "loaded_from": place}
        row |= {"input_type": ontology.input_type or "IMAGE", "created_at": at, "updated_at": at}
        connection.execute(insert(t.projects), row)
        media = Media(connection, store.folder / FILES, place, project_id)
        loading = _Loading(connection, account, project_id, ontology, media)
        try:
            _read(loading, export, advance)
        except BaseException:
            media.close(discard=True)
            raise
        media.close()
    with store.writing() as connection:  # without statistics SQLite guesses that every index is a good one
        connection.exec_driver_sql("PRAGMA analysis_limit = 1000")
        connection.exec_driver_sql("ANALYZE")
    return loading.done


def _read(loading: _Loading, export: str | os.PathLike[str], advance: Callable[[int], None]) -> None:
    done = loading.done
    for part in plan([export]):
        for item in part.records():
            record = item if isinstance(item, Problem) else decode_record(item)
            if not isinstance(record, Problem):
                loading.add(record, item.where)
            elif not record.skipped:
                done.report(record.error())
        advance(part.size)
    loading.finish()
    if not done.assets:
        raise (
            done.problems[0]
            if done.problems
            else DataError("the export holds no assets", code="KQ503", where=os.fspath(export))
        )


class _Loading:
    """What is known while an export is read."""

    def __init__(
        self, connection: Connection, account: Account, project_id: str, ontology: Ontology, media: Media
    ) -> None:
        self._media = media
        self._connection = connection
        self._account = account
        self._project_id = project_id
        self._ontology = ontology
        self._converses = ontology.input_type in CONVERSATIONS
        self._rows = Rows(connection, project_id)
        self._people = People(connection, account.organization_id)
        self._roles: dict[str, str] = {account.user_id: "ADMIN"}
        self._steps: dict[tuple[str, str | None], str] = {}
        self._groups: dict[str, str] = {}
        self._names = UUID(bytes=uuid5(_NAMES, project_id).bytes)
        self._at = now()
        self._positions = 0
        self.done = Loaded(project_id)

    def add(self, record: Mapping[str, Any], place: Place) -> None:
        """The assets and the labels of a record: one asset, or those that the labels of a dump name."""
        labels = list(labels_of(record, types=None, where=str(place)))
        for owner, its in _by_owner(record, labels):
            self._add(owner, its, place)

    def _add(self, record: Mapping[str, Any], labels: list[Label], place: Place) -> None:
        where = str(place)
        try:
            asset = self._asset(record, labels, place)
        except UnicodeError:
            self.done.report(DataError("the asset holds half a surrogate pair, which cannot be kept", where=where))
            return
        for label in labels:
            try:
                self._label(asset, label)
            except DataError as error:
                self.done.report(error)
            except UnicodeError:
                at = f"{where}, {label.name}"
                self.done.report(DataError("the label holds half a surrogate pair, which cannot be kept", where=at))

    def finish(self) -> None:
        """Write the rest, and what all records must be known for."""
        self._rows.flush()
        settle_project(self._connection, self._project_id)
        self._people.join(self._project_id, self._roles)
        if self._steps:
            version = "V3" if self._groups else "V2"
            of_project = t.projects.c.id == self._project_id
            self._connection.execute(update(t.projects).where(of_project).values(workflow_version=version))

    def _asset(self, record: Mapping[str, Any], labels: list[Label], where: Place) -> int:
        bare = is_bare(record)
        own: Any = record.get("labelOf") if bare else record
        own = own if isinstance(own, Mapping) else {}
        external_id, given = (text_of(name) for name in asset_ids(record))
        told = self._name(f"{given} {external_id} {as_text(own.get('content'))}")
        if not bare:
            self._tell_changed(own, f"{where}: the asset `{external_id or given}`")
        others = False
        for known in self._there(given, told, external_id):
            if self._same(known, external_id, own):
                if not bare:
                    called = external_id or given
                    self.done.tell(f"{where}: the asset `{called}` is there already; its labels are added to it")
                return known
            others = True
        self._positions += 1
        uid = given or self._name(f"asset {self._positions}")
        if others:  # of this export
            uid = told
            self.done.tell(
                f"{where}: another asset is called `{given or external_id}`, too; this one has the new id `{uid}`"
            )
        elif self._rows.has_asset(uid):
            uid = self._name(uid)  # another project has an asset of this id: the same export was loaded twice
        key = self._rows.add_asset(uid, external_id or given or uid, self._asset_values(own, labels, where))
        self.done.assets += 1
        return key

    def _tell_changed(self, record: Mapping[str, Any], name: str) -> None:
        if keys := changed_texts(record):
            listed = ", ".join(f"`{key}`" for key in keys)
            self.done.tell(f"{name}: {listed}: half of a surrogate pair is kept as `{REPLACEMENT}`")

    def _there(self, uid: str | None, told: str, external_id: str | None) -> Iterator[int]:
        """Assets of the project that are called like one of a record: by id, or by external id if it has none."""
        for name in (uid, self._name(uid), told) if uid else (told,):
            if (key := self._rows.asset("uid", name)) is not None:
                yield key
        if not uid and external_id and (key := self._rows.asset("external_id", external_id)) is not None:
            yield key

    def _same(self, known: int, external_id: str | None, own: Mapping[str, Any]) -> bool:
        """Whether nothing tells a record apart from an asset that is there: neither external id nor content."""
        called, stored = self._rows.asset_values(known)
        content = as_text(own.get("content"))
        return external_id in (None, called) and (not content or not stored or self._media.same(stored, content))

    def _asset_values(self, own: Mapping[str, Any], labels: list[Label], where: Place) -> dict[str, Any]:
        created = self._timestamp(own.get("createdAt"))
        values: dict[str, Any] = {
            "created_at": created,
            "updated_at": self._timestamp(own.get("updatedAt"), created),
            "content": self._media.stored(as_text(own.get("content")) or "", where),
            "json_content": as_text(own.get("jsonContent")) or "",
            "json_metadata": metadata_of(own.get("jsonMetadata")),
            "ocr_metadata": as_text(own.get("ocrMetadata")),
            "thumbnail": text_of(own.get("thumbnail")),
            "resolution": as_json(own.get("resolution")),
            "page_resolutions": as_json(own.get("pageResolutions")),
            "geospatial_export_metadata": as_text(own.get("geospatialExportMetadata") or None),
            "priority": whole_number(own.get("priority")) or 0,
            "status": own["status"] if own.get("status") in ASSET_STATUSES else _status(labels),
        }
        values |= {name: number_of(own.get(key)) for key, name in _MARKS.items()} | {
            "duration": number_of(own.get("duration"))
        }
        values |= {name: own.get(key) is True for key, name in _ASSET_FLAGS.items()}
        step, status = own.get("currentStep"), own.get("status")
        if isinstance(step, Mapping) and (step_name := text_of(step.get("name"))):
            values["step_id"] = self._step(step_name, text_of(step.get("stepGroupName")), text_of(step.get("type")))
            status = step.get("status") or status
        if status in STEP_STATUSES:
            values["step_status"] = status
            if "step_id" not in values:
                values["step_id"] = self._step("Labeling", None, "DEFAULT")  # an export tells the status alone
        return values

    def _label(self, asset: int, label: Label) -> None:
        record: Mapping[str, Any] = label.record if isinstance(label.record, Mapping) and not label.by_level else {}
        annotations = _annotations(record)
        if annotations and label.problem and self._converses:  # its answers stand there alone
            label = replace(label, response=from_annotations(annotations), problem=None)
        counts = count_label(label, self._ontology)
        self._positions += 1
        given = text_of(id_text(record.get("id")))
        kind = label.label_type if label.label_type in LABEL_TYPES else "DEFAULT"
        response = response_of(label.response)
        self._tell_changed(record, f"{label.where}: {label.name}")
        if (searched := whole_names(counts)) is not counts:
            told = f"{label.where}: {label.name}: half of a surrogate pair in names is searched as `{REPLACEMENT}`"
            self.done.tell(told)
        uid = self._label_id(given, Held(self._project_id, asset, kind, response), label)
        if uid is None:
            self.done.copies += 1
            return
        if label.label_type not in (None, kind):
            self.done.tell(
                f"{label.where}: {label.name}: the label type `{label.label_type}` is unknown; it is `{kind}` here"
            )
        author = self._people.author(record.get("author"))
        if author and self._roles.get(author) != "ADMIN":
            self._roles[author] = "REVIEWER" if kind == "REVIEW" else self._roles.get(author, "LABELER")
        created = self._timestamp(record.get("createdAt"))
        seconds = number_of(record.get("secondsToLabel")) or 0.0
        values: dict[str, Any] = {
            "author_id": author,
            "label_type": kind,
            "created_at": created,
            "updated_at": self._timestamp(record.get("updatedAt"), created),
            "model_name": text_of(record.get("modelName")),
            "seconds_to_label": seconds,
            "total_seconds_to_label": number_of(record.get("totalSecondsToLabel")) or seconds,
            "step_name": text_of(record.get("stepName")),
            "referenced_label_id": text_of(record.get("referencedLabelId")),
            "skipped": record.get("skipped") is True,
            "is_sent_back_to_queue": record.get("isSentBackToQueue") is True,
        }
        if (total := whole_number(record.get("numberOfAnnotations"))) is not None:
            values["number_of_annotations"] = total
        values |= {name: number_of(record.get(key)) for key, name in _MARKS.items()}
        values |= {name: record[key] for key, name in _LABEL_FLAGS.items() if isinstance(record.get(key), bool)}
        if self._converses and not annotations:
            annotations = to_annotations(decode_json(response), uid, by_level=label.by_level)
        self._rows.add_label(uid, asset, values, response, searched, as_text(annotations or None))
        self.done.labels += 1

    def _label_id(self, given: str | None, label: Held, of: Label) -> str | None:
        """The id that a label gets: its own, if it is free; None if its asset has the same label already."""
        if given is None:
            return self._name(f"label {self._positions}")
        taken = False
        for uid in (given, self._name(given), self._name(f"{given} {label.asset} {label.label_type} {label.response}")):
            there = self._rows.label(uid)
            if there is None:
                if taken:
                    self.done.tell(
                        f"{of.where}: {of.name}: another label has the id `{given}`, too; this one is `{uid}`"
                    )
                return uid
            if there == label:
                break
            taken = taken or there.project_id == self._project_id
        return None

    def _step(self, name: str, group: str | None, kind: str | None) -> str:
        """The id of a step, which is made where it is first met."""
        if (name, group) not in self._steps:
            if group and group not in self._groups:
                self._groups[group] = self._name(f"group {group}")
                row = {"id": self._groups[group], "project_id": self._project_id, "name": group}
                self._connection.execute(insert(t.step_groups), row)
            step_id = self._steps[name, group] = self._name(f"step {group} {name}")
            kind = "REVIEW" if kind == "REVIEW" else "DEFAULT"
            row = {"id": step_id, "project_id": self._project_id, "name": name, "type": kind}
            more = {"group_id": self._groups.get(group or ""), "position": len(self._steps)}
            self._connection.execute(insert(t.steps), {**row, **more})
        return self._steps[name, group]

    def _name(self, what: str) -> str:
        """An id that is the same each time the project is asked for it."""
        return str(uuid5(self._names, what))

    def _timestamp(self, value: object, otherwise: str = "") -> str:
        if value is None:
            return otherwise or self._at
        try:
            return timestamp(value) if isinstance(value, str) else otherwise or self._at
        except (ValueError, OverflowError):
            return otherwise or self._at


_NAMES = UUID("6f8f9a0e-6a2f-5f63-9d0e-0c8d7c1f4b51")
_MARKS = {f"{mark}Mark": f"{mark}_mark" for mark in ("consensus", "honeypot", "inference")}
_ASSET_FLAGS = {"skipped": "skipped", "isHoneypot": "is_honeypot", "isUsedForConsensus": "is_used_for_consensus"}
_LABEL_FLAGS = {
    "isLatestLabelForUser": "is_latest_label_for_user",
    "isLatestDefaultLabelForUser": "is_latest_default_label_for_user",
    "isLatestReviewLabelForUser": "is_latest_review_label_for_user",
    "isLastForStep": "is_last_for_step",
}


def _by_owner(record: Mapping[str, Any], labels: list[Label]) -> list[tuple[Mapping[str, Any], list[Label]]]:
    """The labels of a record by what names their asset: the record, or each label itself where an object around a dump
    names none."""
    if is_bare(record) or any(asset_ids(record)):
        return [(record, labels)]
    named: list[tuple[Mapping[str, Any], list[Label]]] = []
    rest: list[Label] = []
    for label in labels:
        if isinstance(label.record, Mapping) and any(owner_ids(label.record)):
            named.append((label.record, [label]))
        else:
            rest.append(label)
    return [*named, (record, rest)] if rest or not named else named


def _status(labels: list[Label]) -> str:
    """The status that the labels of an asset give it."""
    kinds = {label.label_type or "DEFAULT" for label in labels}
    return (
        "REVIEWED"
        if "REVIEW" in kinds
        else "LABELED"
        if "DEFAULT" in kinds
        else "ONGOING"
        if "AUTOSAVE" in kinds
        else "TODO"
    )


def _annotations(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The annotation objects of a label, if the schema knows the types of all."""
    found = record.get("annotations") or []
    known = all(isinstance(item, dict) and item.get("__typename") in _ANNOTATIONS for item in found)
    return found if known else []


_ANNOTATIONS = ("ClassificationAnnotation", "ComparisonAnnotation", "TranscriptionAnnotation")
