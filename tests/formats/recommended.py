"""What is recommended where the original's result is a defect: a check for each such case, by its name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from tests.formats.cases import Outcome

Json = dict[str, Any]
Rule = Callable[["Outcome", Path, Json], Iterator[str]]


def _json(outcome: Outcome, name: str) -> Any:
    return json.loads(outcome.files[name])


def _assets(folder: Path) -> list[Json]:
    found: list[Json] = json.loads((folder / "assets.json").read_bytes())
    return found


def _archive(outcome: Outcome) -> Iterator[str]:
    if outcome.kind != "archive":
        yield f"{outcome.kind} ({outcome.error!r}), and an archive is recommended"


def _one_image(annotations: int, category: int | None = None, *, warned: bool = False) -> Rule:
    """COCO: the image is listed, with so many annotations."""

    def rule(outcome: Outcome, folder: Path, case: Json) -> Iterator[str]:
        yield from _archive(outcome)
        for name in (name for name in outcome.files if name.endswith("labels.json")):
            found = _json(outcome, name)
            if len(found["images"]) != len(_assets(folder)):
                yield f"{len(found['images'])} images"
            if len(found["annotations"]) != annotations:
                yield f"{len(found['annotations'])} annotations, and {annotations} are recommended"
            if category is not None and [a["category_id"] for a in found["annotations"]] != [category]:
                yield "another category"
        if warned and not any(issubclass(w.category, UserWarning) for w in outcome.warnings):
            yield "no warning"

    return rule


def _error(*kinds: str, names: tuple[str, ...] = ()) -> Rule:
    def rule(outcome: Outcome, folder: Path, case: Json) -> Iterator[str]:
        if not {kind.__name__ for kind in type(outcome.error).__mro__} & set(kinds):
            yield f"{outcome.error!r} is no {' or '.join(kinds)}"
        said = str(outcome.error)
        yield from (f"the message does not name {name}: {said}" for name in names if name not in said)

    return rule


def _as_expected(outcome: Outcome, folder: Path, case: Json) -> Iterator[str]:
    from tests.formats.cases import differences

    yield from differences(outcome, folder, case)


def _fractions_alone(outcome: Outcome, folder: Path, case: Json) -> Iterator[str]:
    """The labels as they are stored."""
    yield from _archive(outcome)
    for asset in _assets(folder):
        name = f"labels/{asset['externalId'].replace(' ', '_')}.json"
        if name not in outcome.files:
            yield f"{name} is missing"
        elif _json(outcome, name)["latestLabel"]["jsonResponse"] != asset["latestLabel"]["jsonResponse"]:
            yield f"{name} has other places"


def _turned_points(outcome: Outcome, folder: Path, case: Json) -> Iterator[str]:
    """As expected, and points are turned back like boxes."""
    from tests.formats.cases import of_values

    turn = {
        0: lambda x, y: (x, y),
        90: lambda x, y: (y, 1 - x),
        180: lambda x, y: (1 - x, 1 - y),
        270: lambda x, y: (1 - y, x),
    }
    yield from _archive(outcome)
    for asset in _assets(folder):
        name = f"labels/{asset['externalId']}.json"
        wanted = json.loads((folder / "expected" / "archive" / name).read_bytes())
        response = asset["latestLabel"]["jsonResponse"]
        rotation = response.get("ROTATION_JOB", {}).get("rotation", 0)
        width, height = asset["resolution"]["width"], asset["resolution"]["height"]
        for job, answer in response.items():
            for number, entry in enumerate(answer.get("annotations", ())):
                if "point" in entry:
                    x, y = turn[rotation](entry["point"]["x"], entry["point"]["y"])
                    target = wanted["latestLabel"]["jsonResponse"][job]["annotations"][number]
                    target["point"] = {"x": x, "y": y}
                    target["pointPixels"] = {"x": x * width, "y": y * height}
        yield from (f"{name}{difference}" for difference in of_values(_json(outcome, name), wanted))


def _names_load(outcome: Outcome, folder: Path, case: Json) -> Iterator[str]:
    """`data.yaml` loads, and has the keys of all categories in order."""
    yield from _archive(outcome)
    jobs = case["project"]["jsonInterface"]["jobs"]
    wanted = [f"{job}/{category}" for job, about in jobs.items() for category in about["content"]["categories"]]
    found = yaml.safe_load(outcome.files["data.yaml"])
    names = found["names"]
    if (list(names.values()) if isinstance(names, dict) else names) != wanted:
        yield f"the names are {names}, and {wanted} are recommended"


def _frames(folders: dict[str, tuple[int, ...]], width: int) -> Rule:
    """YOLO: these frames have label files, in these folders, and addresses; no others."""

    def rule(outcome: Outcome, folder: Path, case: Json) -> Iterator[str]:
        yield from _archive(outcome)
        (asset,) = _assets(folder)
        names = {at: [f"{asset['externalId']}_{frame:0{width}}" for frame in frames] for at, frames in folders.items()}
        wanted = {f"{at}labels/{name}.txt" for at, found in names.items() for name in found}
        ours = {name for name in outcome.files if "labels/" in name}
        if ours != wanted:
            yield f"label files {sorted(ours)}, and {sorted(wanted)} are recommended"
        for at, found in names.items():
            meta = f"{at}video_meta.json"
            if (meta in outcome.files) != bool(found):
                yield f"{meta} is {'there' if meta in outcome.files else 'missing'}"
            elif found and _json(outcome, meta) != {asset["externalId"]: found}:
                yield f"{meta} holds {_json(outcome, meta)}"
        rows = outcome.files["images/remote_assets.csv"].decode().split("\r\n")[1:-1]
        named = sorted({name for found in names.values() for name in found})
        if sorted(rows) != [f"{asset['externalId']},{asset['content']},{name}.txt" for name in named]:
            yield f"remote_assets.csv holds {rows}"

    return rule


RULES: dict[str, Rule] = {
    "coco-job-without-annotations": _one_image(0),
    "coco-modifier-none": _error("TypeError", "ValueError", names=("annotation",)),
    "coco-same-display-name": _one_image(1, 0),
    "coco-single-file": _as_expected,
    "coco-two-points": _one_image(0, warned=True),
    "common-asset-ids-empty": _error("ArgumentError", names=("asset_ids", "None")),
    "kili-image-no-resolution": _error("NotCompatibleOptions", names=("img_1", "update_properties_in_assets(resolution_array=")),
    "kili-image-normalized-true": _fractions_alone,
    "kili-pdf-no-page-resolutions": _fractions_alone,
    "kili-rotation": _turned_points,
    "yolo-special-names": _names_load,
    "yolo-video-sparse-frames": _frames({"": (1, 6, 12)}, 2),
    "yolo-video-split": _frames({"BOX_JOB/": (1, 2, 12), "TREE_JOB/": ()}, 2),
}  # fmt: skip
