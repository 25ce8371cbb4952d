"""Marks: how far labels agree with the truth of a honeypot, with those of other people, and with a model.

All three are `model.agreement`, averaged. They are worked out when a label or a flag of its asset changes; what an export
brings along stays until then.

- The honeypot mark of a label of a person: its agreement with the newest review of an asset that is a honeypot.
- The consensus mark: the mean of its agreements with the newest labels of other people, if the asset is used for consensus.
- The inference mark of a label or review: the mean of its agreements with the newest inference of each model.

The mark of an asset is the mean of those of its labels.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, select, update

from kili_query.errors import DataError
from kili_query.model.agreement import agreement
from kili_query.model.ontology import Ontology
from kili_query.server.graph.kinds import FINISHED
from kili_query.server.store import tables as t
from kili_query.server.store.tables import driver


class _Asset(NamedTuple):
    id: int
    project_id: str
    is_honeypot: bool
    is_used_for_consensus: bool


_MARKABLE = """
SELECT id, project_id, is_honeypot, is_used_for_consensus FROM assets
WHERE id IN (SELECT value FROM json_each(?)) AND (
    is_honeypot OR is_used_for_consensus OR id IN (SELECT value FROM json_each(?))
    OR EXISTS (SELECT 1 FROM labels WHERE asset_id = assets.id AND label_type = 'INFERENCE')
)
"""

Marks = dict[int, float | None]
"""Keys of labels to marks; None: a mark that is no more."""


def settle_marks(connection: Connection, assets: Iterable[int], *, uninferred: Iterable[int] = ()) -> None:
    """Work out the marks of these assets and their labels, as far as they can have some.

    `uninferred`: assets that have lost an inference, and with it, perhaps, their marks.
    """
    keys, lost = sorted(set(assets)), sorted(set(uninferred))
    found = driver(connection).execute(_MARKABLE, (json.dumps(keys), json.dumps(lost))).fetchall()
    ontologies: dict[str, Ontology] = {}
    for row in map(_Asset._make, found):
        if row.project_id not in ontologies:
            ontologies[row.project_id] = _ontology(connection, row.project_id)
        _settle(connection, row, ontologies[row.project_id], inferences=row.id in lost)


def _settle(connection: Connection, asset: _Asset, ontology: Ontology, *, inferences: bool) -> None:
    c, responses = t.labels.c, t.responses.c
    query = select(c.id, c.label_type, c.author_id, c.model_name, responses.json).join(
        t.responses, responses.label_id == c.id
    )
    labels = connection.execute(query.where(c.asset_id == asset.id).order_by(c.created_at, c.id)).all()
    inferred = {label.model_name: label for label in labels if label.label_type == "INFERENCE"}
    work = [label for label in labels if label.label_type == "DEFAULT"]
    marks: dict[str, Marks] = {}
    if asset.is_honeypot:
        truth = [label for label in labels if label.label_type == "REVIEW"][-1:]
        marks["honeypot_mark"] = _compared(work, lambda _: truth, ontology)
    if asset.is_used_for_consensus:
        newest = {label.author_id: label for label in work}
        marks["consensus_mark"] = _compared(
            work, lambda label: [other for author, other in newest.items() if author != label.author_id], ontology
        )
    if inferred or inferences:
        finished = [label for label in labels if label.label_type in FINISHED]
        marks["inference_mark"] = _compared(finished, lambda _: list(inferred.values()), ontology)
    if not marks:
        return
    told = [{"key": label.id, **{name: of.get(label.id) for name, of in marks.items()}} for label in labels]
    if told:
        connection.execute(update(t.labels).where(t.labels.c.id == bindparam("key")), told)
    means = {name: _mean([mark for mark in of.values() if mark is not None]) for name, of in marks.items()}
    connection.execute(update(t.assets).where(t.assets.c.id == asset.id).values(**means))


def _compared(labels: Sequence[Any], others: Any, ontology: Ontology) -> Marks:
    """The mean agreement of each label with others; labels that cannot be read agree with none."""
    return {label.id: _mean([_agree(label, other, ontology) for other in others(label)]) for label in labels}


def _agree(one: Any, other: Any, ontology: Ontology) -> float:
    try:
        return agreement(one.json, other.json, ontology)
    except DataError:
        return 0.0


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None


def _ontology(connection: Connection, project_id: str) -> Ontology:
    c = t.projects.c
    row = connection.execute(select(c.json_interface, c.input_type).where(c.id == project_id)).one()
    return Ontology.from_json_interface(row.json_interface, row.input_type)
