"""Random records of an export, and what filters mean for them, written down naively."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

from kili_query import parse
from tests.server.asking import response

PEOPLE: list[dict[str, Any]] = [
    {"id": "u-ann", "email": "ann@x.invalid", "firstname": "Ann", "lastname": "Lee"},
    {"id": "u-bob", "email": "bob@x.invalid", "firstname": "Bob", "lastname": "Ann"},
    {"id": "u-cid", "email": "cid@x.invalid", "firstname": "Cid", "lastname": None},
]
STATUSES = ("TODO", "ONGOING", "LABELED", "TO_REVIEW", "REVIEWED")
TYPES = ("DEFAULT", "REVIEW", "PREDICTION", "INFERENCE", "AUTOSAVE")
STEP_STATUSES = ("TO_DO", "DONE", "REDO")
STEPS = (("Label", "G1"), ("Review", "G1"), ("Label", "G2"))

Record = dict[str, Any]


def make_records(number: int = 40, seed: int = 7) -> list[Record]:
    """Assets with up to three labels each; few values, so that filters meet."""
    r = random.Random(seed)
    return [_asset(r, i) for i in range(number)]


def _moment(r: random.Random) -> str:
    return f"2024-01-{r.randint(1, 5):02}T{r.choice(('00:00:00.000', '12:30:00.000', '23:59:59.999'))}Z"


def _mark(r: random.Random) -> float | None:
    return r.choice((None, 0.0, 0.5, 1.0))


def _asset(r: random.Random, i: int) -> Record:
    step, group = r.choice(STEPS)
    metadata: Record = {"split": r.choice(("train", "val"))}
    if r.random() < 0.7:
        metadata["n"] = r.choice((0, 1, 1.5, 2, 10, "1", True))
    return {
        "id": f"a{i}",
        "externalId": r.choice(("img", "IMG", "scan%")) + f"_{i}.jpg",
        "createdAt": _moment(r),
        "updatedAt": _moment(r),
        "status": r.choice(STATUSES),
        "skipped": r.random() < 0.3,
        "consensusMark": _mark(r),
        "honeypotMark": _mark(r),
        "inferenceMark": _mark(r),
        "jsonMetadata": metadata,
        "currentStep": {"name": step, "stepGroupName": group, "status": r.choice(STEP_STATUSES)},
        "labels": [_label(r, f"a{i}-l{k}") for k in range(r.randint(0, 3))],
    }


def _label(r: random.Random, label_id: str) -> Record:
    classes = [name for name in ("SUN", "RAIN") if r.random() < 0.5]
    return {
        "id": label_id,
        "author": r.choice([*PEOPLE, None]),
        "createdAt": _moment(r),
        "labelType": r.choice(TYPES),
        "consensusMark": _mark(r),
        "honeypotMark": _mark(r),
        "jsonResponse": response(r.randint(0, 3), r.randint(0, 2), *classes),
    }


# -- what filters mean -------------------------------------------------------------------------------------------------


def label_passes(where: Mapping[str, Any], label: Record, asset: Record) -> bool:
    """LabelWhere, for a label of an asset; all of the one project that there is."""
    author = label["author"] or {}
    reviews = label["labelType"] == "REVIEW"
    both = f"{author.get('firstname')} {author.get('lastname')}"
    names = {author.get("firstname"), author.get("lastname"), both} if author else set()
    ids = {author["id"], author["email"]} if author else set()
    tests: dict[str, Callable[[Any], object]] = {
        "id": lambda v: label["id"] == v,
        "idIn": lambda v: label["id"] in v,
        "typeIn": lambda v: label["labelType"] in v,
        "authorIn": lambda v: bool(names & set(v)),
        "labelerIn": lambda v: not reviews and bool(ids & set(v)),
        "labelerNotIn": lambda v: not reviews and bool(ids) and not ids & set(v),
        "reviewerIn": lambda v: reviews and bool(ids & set(v)),
        "reviewerNotIn": lambda v: reviews and bool(ids) and not ids & set(v),
        "user": lambda v: all(value is None or author.get(name) == value for name, value in v.items()),
        "createdAt": lambda v: label["createdAt"][:10] == v,
        "createdAtGte": lambda v: label["createdAt"][:10] >= v,
        "createdAtLte": lambda v: label["createdAt"][:10] <= v,
        "search": lambda v: not v or parse(v).matches(label["jsonResponse"]),
        "asset": lambda v: asset_passes(v, asset),
    }
    return all(
        _bound(label, name, value) if "Mark" in name else bool(tests[name](value))
        for name, value in where.items()
        if value is not None and name != "project"
    )


def asset_passes(where: Mapping[str, Any], asset: Record) -> bool:
    """AssetWhere; without what speaks of ids of steps, which the server makes."""
    step = asset["currentStep"]
    tests: dict[str, Callable[[Any], object]] = {
        "id": lambda v: asset["id"] == v,
        "idIn": lambda v: asset["id"] in v,
        "idNotIn": lambda v: asset["id"] not in v,
        "externalIdStrictlyIn": lambda v: asset["externalId"] in v,
        "externalIdIn": lambda v: any(part in asset["externalId"] for part in v),
        "statusIn": lambda v: asset["status"] in v,
        "skipped": lambda v: asset["skipped"] == v,
        "metadata": lambda v: all(_metadata(asset["jsonMetadata"], key, value) for key, value in v.items()),
        "createdAtGte": lambda v: asset["createdAt"][:10] >= v,
        "createdAtLte": lambda v: asset["createdAt"][:10] <= v,
        "updatedAtGte": lambda v: asset["updatedAt"][:10] >= v,
        "updatedAtLte": lambda v: asset["updatedAt"][:10] <= v,
        "stepStatusIn": lambda v: step["status"] in v,
        "stepStatusNotIn": lambda v: step["status"] not in v,
        "groupNameIn": lambda v: step["stepGroupName"] in v,
        "groupNameNotIn": lambda v: step["stepGroupName"] not in v,
        "issue": lambda v: not v,
        "label": lambda v: (
            not any(value not in (None, "") for value in v.values())
            or any(label_passes(v, label, asset) for label in asset["labels"])
        ),
    }
    return all(
        _bound(asset, name, value) if "Mark" in name else bool(tests[name](value))
        for name, value in where.items()
        if value is not None and name != "project"
    )


def _bound(record: Record, name: str, value: float) -> bool:
    mark = record[name[:-3]]
    return mark is not None and (mark >= value if name.endswith("Gte") else mark <= value)


def _metadata(metadata: Record, key: str, value: Any) -> bool:
    if key not in metadata:
        return False
    found = metadata[key]
    is_number = isinstance(found, (int, float)) and not isinstance(found, bool)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return isinstance(found, str) and found in value
    if isinstance(value, list):
        low, high = value
        return is_number and bool(low <= found <= high)
    if is_number and isinstance(value, (int, float)) and not isinstance(value, bool):
        return bool(found == value)
    return type(found) is type(value) and bool(found == value)
